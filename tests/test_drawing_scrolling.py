"""The list that scrolls."""

from __future__ import annotations

import pytest
from matplotlib.backend_bases import MouseEvent, ResizeEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from uvisxr.drawing.scrolling import ScrollingList

LINES = [f"line {i}" for i in range(100)]


@pytest.fixture
def figure():
    figure = Figure(figsize=(4, 4))
    FigureCanvasAgg(figure)
    return figure


@pytest.fixture
def scrolling(figure):
    found = ScrollingList(figure, (0.1, 0.1, 0.8, 0.8))
    found.set(["heading"], LINES)
    return found


def _text(scrolling) -> list[str]:
    return scrolling.ax.texts[0].get_text().split("\n")


def _wheel(figure, x: float, step: float) -> None:
    canvas = figure.canvas
    event = MouseEvent("scroll_event", canvas, x, 200, step=step)
    canvas.callbacks.process("scroll_event", event)


def test_it_shows_what_fits(figure, scrolling):
    rows = scrolling.rows
    assert _text(scrolling) == ["heading", *LINES[:rows]]
    figure.canvas.draw()
    text, ax = (a.get_window_extent() for a in (scrolling.ax.texts[0], scrolling.ax))
    # It fills its place, and does not leave it by more than a line.
    assert ax.height * 0.9 < text.height < ax.height * 1.03


def test_the_wheel_scrolls_over_the_list_alone(figure, scrolling):
    rows = scrolling.rows
    # However large a step is: in Qt it is that of a mouse or of a finger.
    for step in (-1, -0.1, -40):
        _wheel(figure, 150, step)
    assert scrolling.shown == LINES[9 : 9 + rows]
    _wheel(figure, 5, -1)
    assert scrolling.shown == LINES[9 : 9 + rows]
    _wheel(figure, 150, 0.5)
    assert scrolling.shown == LINES[6 : 6 + rows]
    scrolling.scroll(1000)
    assert scrolling.shown == LINES[-rows:]
    assert scrolling.bar.val == 0
    scrolling.disconnect()
    _wheel(figure, 150, 9)
    assert scrolling.shown == LINES[-rows:]


def test_in_a_notebook_the_page_stays_while_the_list_scrolls(figure, scrolling):
    canvas = figure.canvas
    canvas.capture_scroll = False
    for x, expected in ((150, True), (5, False)):
        canvas.callbacks.process(
            "motion_notify_event", MouseEvent("motion_notify_event", canvas, x, 200)
        )
        assert canvas.capture_scroll is expected


def test_the_bar_scrolls(scrolling):
    scrolling.bar.set_val(0)
    assert _text(scrolling) == ["heading", *LINES[-scrolling.rows :]]
    scrolling.bar.set_val(1)
    assert scrolling.shown[0] == "line 0"
    scrolling.bar.set_val(0.25)
    assert scrolling.shown[0] == f"line {round(0.75 * (100 - scrolling.rows))}"


def test_a_line_is_brought_into_view(scrolling):
    scrolling.set(["heading"], LINES, keep=70)
    assert scrolling.shown[-1] == "line 70"
    scrolling.set(["heading"], LINES, keep=69)
    assert scrolling.shown[-1] == "line 70"
    scrolling.set(["heading"], LINES, keep=2)
    assert scrolling.shown[0] == "line 2"


def test_few_lines_need_no_bar(scrolling):
    assert scrolling.bar.ax.get_visible()
    scrolling.scroll(1000)
    scrolling.set(["heading"], LINES[:3])
    assert not scrolling.bar.ax.get_visible()
    assert scrolling.shown == LINES[:3]


def test_a_larger_window_shows_more(figure, scrolling):
    rows = scrolling.rows
    scrolling.scroll(1000)
    figure.set_size_inches(4, 8)
    figure.canvas.callbacks.process("resize_event", ResizeEvent("resize_event", figure.canvas))
    assert scrolling.rows > 1.9 * rows
    assert scrolling.shown == LINES[-scrolling.rows :]
