"""Every picture of the gallery can be drawn, and no title or label is cut off."""

from __future__ import annotations

import gallery
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text


def _around(ax: Axes) -> list[Text]:
    return [ax.title, ax.xaxis.label, ax.yaxis.label] if ax.axison and ax.get_visible() else []


@pytest.mark.slow
@pytest.mark.parametrize("name", gallery.CASES)
def test_it_is_drawn_and_fits(name):
    figure = gallery.CASES[name]()
    figure.canvas.draw()
    texts = [text for ax in figure.axes for text in _around(ax)]
    texts += [text for text in (figure._suptitle, *figure.texts) if text is not None]
    frame = figure.bbox.padded(1.0)
    # xarray makes the labels of its own.
    for text in () if name.startswith("plain") else texts:
        if text.get_visible() and text.get_text() and not text.get_animated():
            box = text.get_window_extent()
            assert all(frame.contains(x, y) for x, y in box.get_points()), text.get_text()


def test_names_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="no picture's name starts with nonsense"):
        gallery.main(tmp_path, ["nonsense"])


def test_one_picture_and_its_sheet_are_written(tmp_path):
    assert gallery.main(tmp_path, ["picture_one_pixel"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"picture_one_pixel.png", "sheet_1.png"}
