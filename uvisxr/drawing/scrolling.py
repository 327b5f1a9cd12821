"""A list in a figure that scrolls, for what has more lines than fit."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.backend_bases import Event, LocationEvent, MouseEvent
from matplotlib.figure import Figure
from matplotlib.widgets import Slider

#: Height of a line over that of its letters.
_SPACING = 1.25

#: Lines that one step of the mouse wheel moves.
_WHEEL = 3


class ScrollingList:
    """Lines of text below a heading that stays.

    The mouse wheel over it and the bar beside it scroll. It does not draw: the figure's owner does.

    Attributes
    ----------
    ax : Axes
        Holds the text.
    bar : Slider
        1 at the first line, 0 at the last; not there if all lines fit.
    """

    def __init__(self, figure: Figure, place: tuple[float, float, float, float]) -> None:
        left, bottom, width, height = place
        self.ax = figure.add_axes((left, bottom, 0.92 * width, height))
        self.ax.set_axis_off()
        self._figure = figure
        self._heading: list[str] = []
        self._lines: list[str] = []
        self._first = 0
        self._text = self.ax.text(
            0,
            1,
            "",
            gid="list",
            family="monospace",
            fontsize="small",
            linespacing=_SPACING,
            va="top",
            transform=self.ax.transAxes,
        )
        bar = figure.add_axes((left + 0.94 * width, bottom, 0.06 * width, height))
        self.bar = Slider(bar, "", 0, 1, valinit=1, orientation="vertical", initcolor="none")
        self.bar.valtext.set_visible(False)
        self.bar.poly.set_visible(False)
        self.bar.on_changed(self._on_bar)
        connect = figure.canvas.mpl_connect
        self._connections = [
            connect("scroll_event", self._on_wheel),
            connect("axes_enter_event", self._on_enter),
            connect("axes_leave_event", self._on_leave),
            connect("resize_event", self._on_resize),
        ]

    @property
    def shown(self) -> list[str]:
        """The lines in view, without the heading."""
        return self._lines[self._first : self._first + self.rows]

    @property
    def rows(self) -> int:
        """Number of lines that fit below the heading."""
        points = self.ax.get_window_extent().height * 72 / self._figure.dpi
        line = _SPACING * float(self._text.get_fontsize())
        return max(1, int(points / line) - len(self._heading))

    def set(self, heading: Sequence[str], lines: Sequence[str], keep: int | None = None) -> None:
        """Change the text; line number `keep` is brought into view."""
        self._heading, self._lines = list(heading), list(lines)
        if keep is not None:
            self._first = min(max(self._first, keep - self.rows + 1), keep)
        self.scroll(0)

    def scroll(self, lines: int) -> None:
        """Move down by a number of lines, or up by a negative one, as far as there are any."""
        self._first = min(max(self._first + lines, 0), self._last_first)
        self._show()

    def disconnect(self) -> None:
        """Stop responding to events."""
        for connection in self._connections:
            self._figure.canvas.mpl_disconnect(connection)
        self.bar.disconnect_events()

    @property
    def _last_first(self) -> int:
        """The first line in view when the last is."""
        return max(0, len(self._lines) - self.rows)

    def _show(self) -> None:
        self._text.set_text("\n".join([*self._heading, *self.shown]))
        last = self._last_first
        self.bar.ax.set_visible(last > 0)
        self.bar.eventson = self.bar.drawon = False
        self.bar.set_val(1 - self._first / last if last else 1)
        self.bar.eventson = self.bar.drawon = True

    def _on_bar(self, value: float) -> None:
        self._first = round((1 - value) * self._last_first)
        self._text.set_text("\n".join([*self._heading, *self.shown]))

    def _on_wheel(self, event: MouseEvent) -> None:
        if self._holds(event) and event.step:
            # How large a step is depends on the backend and on the mouse.
            self.scroll(-_WHEEL if event.step > 0 else _WHEEL)
            self._figure.canvas.draw_idle()

    def _holds(self, event: LocationEvent) -> bool:
        return event.inaxes in (self.ax, self.bar.ax)

    def _on_enter(self, event: LocationEvent) -> None:
        if self._holds(event):
            self._capture(True)

    def _on_leave(self, event: LocationEvent) -> None:
        if self._holds(event):
            self._capture(False)

    def _capture(self, wheel: bool) -> None:
        """In a notebook, whether the wheel scrolls the list alone or the page with it."""
        if hasattr(self._figure.canvas, "capture_scroll"):
            self._figure.canvas.capture_scroll = wheel

    def _on_resize(self, event: Event) -> None:
        self.scroll(0)
