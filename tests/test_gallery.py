"""Every picture of the gallery looks as in `baseline`, and no title or label is cut off.

After a change that is meant, look at the new pictures and store them:
`pytest tests/test_gallery.py -m slow --mpl-generate-path=tests/baseline`.
"""

from __future__ import annotations

import re
from pathlib import Path

import gallery
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text
from PIL import Image

import uvisxr.plot


def _around(ax: Axes) -> list[Text]:
    return [ax.title, ax.xaxis.label, ax.yaxis.label] if ax.axison and ax.get_visible() else []


# A title that is gone is 6 to 14 off, the name of an axis 4 to 12, a legend 13.
@pytest.mark.slow
@pytest.mark.mpl_image_compare(
    baseline_dir="baseline", style="default", tolerance=3, savefig_kwargs={"dpi": 50}
)
@pytest.mark.parametrize("name", gallery.CASES)
def test_picture(name):
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
    return figure


def test_names_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="no picture's name starts with nonsense"):
        gallery.main(tmp_path, ["nonsense"])


def test_one_picture_and_its_sheet_are_written(tmp_path):
    assert gallery.main(tmp_path, ["picture_one_pixel"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"picture_one_pixel.png", "sheet_1.png"}


def test_the_page_shows_each_method_of_plots_by_a_picture_that_is_there():
    page = (Path(__file__).parents[1] / "docs" / "gallery.md").read_text()
    shown = re.findall(r"\(gallery/(\w+)\.png\)", page)
    assert tuple(shown) == gallery.PAGE
    assert set(gallery.PAGE) <= gallery.CASES.keys()
    assert {path.stem for path in gallery.PAGE_FOLDER.iterdir()} == set(gallery.PAGE)
    for path in gallery.PAGE_FOLDER.iterdir():
        with Image.open(path) as picture:
            # Letters are read that are 10 points high.
            assert picture.info["dpi"] == pytest.approx((100, 100), abs=1)
    methods = [name for name in vars(uvisxr.plot.PlotAccessor) if not name.startswith("_")]
    assert [name for name in methods if f"`{name}(" not in page] == []


def test_no_page_shows_what_pictures_are_compared_with():
    """That is too small to be read."""
    docs = Path(__file__).parents[1] / "docs"
    assert [page.name for page in docs.glob("*.md") if "tests/baseline" in page.read_text()] == []
