"""A page that shows a session: figures, sliders and buttons, and what they do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any, ClassVar

import numpy as np
import panel as pn
from bokeh.models import Div
from panel.theme import fast
from panel.viewable import Viewable

from ..dataset.bits import QUALITY_FLAGS
from ..drawing.texts import minus
from ..errors import UvisError
from ..plot.checker import COLORMAPS
from .darkness import level_of
from .figures import ASIDE, FIRST, FLAGS, SECOND, WIDTH, Figures
from .state import State
from .work import Work

#: Of what the keyboard is on.
_FOCUS = "button:focus-visible {outline: 2px solid #e69f00 !important; outline-offset: 1px}"


class Fast(fast.Fast):
    """The design of the page without the font that it would load from a server.

    Panel finds the files that it brings along by the name of the class.
    """

    _resources: ClassVar[dict[str, Any]] = {
        kind: files for kind, files in fast.Fast._resources.items() if kind != "font"
    }
    #: With a mark of what the keyboard is on, which buttons lack.
    modifiers: ClassVar[dict[Any, Any]] = fast.Fast.modifiers | {
        Viewable: {"stylesheets": [*fast.Fast.modifiers[Viewable]["stylesheets"], _FOCUS]}
    }


#: Width of the column of controls, pixels.
_ASIDE = 270

#: The highest background that the slider reaches, count/s per detector pixel, where the dataset's
#: is lower: beyond 1e-3, `background` warns of it.
_DARKEST = 1e-3

#: Pages from another computer have no clipboard of their own, unless they are encrypted.
_COPY = """
const by_hand = () => {
  const field = document.createElement("textarea");
  field.value = area.value;
  field.style.cssText = "position: fixed; opacity: 0";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
};
const clipboard = navigator.clipboard;
if (clipboard) clipboard.writeText(area.value).catch(by_hand); else by_hand();
const label = button.label;
button.label = "Copied";
setTimeout(() => {button.label = label}, 1500);
"""

_ALERT = "border-left: 4px solid #e69f00; padding: 0.2em 0.8em; margin: 0"

#: Height of what is told of a spectrum, pixels.
_TOLD = 310

_TABLE = """
:host {overflow-y: auto; color: var(--panel-on-background-color, inherit)}
table {font-size: 12px; border-spacing: 0}
td {padding: 0; line-height: 1.35}
td + td {padding-left: 1em; font-weight: bold; white-space: nowrap}
"""

_HELP = """
**Drag a box on a map** to select spectra, or draw any shape with the lasso of its toolbar: the
spectrum is their weighted mean with its error band. **Drag in the spectrum** to choose the
wavelengths of both maps. **Click on a map** to set or clear the flag that is chosen at the left.
**Turn the wheel** to zoom; the round arrow of the toolbar goes back.
"""

#: What is told while the mouse is over no map.
_HINT = "<i>Move the mouse over a map: time, place and flags of the spectrum there.</i>"

#: What the lines in the picture of the sky are.
_LINES = "Lines: limb solid, terminator dotted, altitudes dashed."


class Page:
    """One page, which any number of others may show beside it."""

    def __init__(self, session: State) -> None:
        self.session = session
        self.figures = Figures(session, self._target, self._clicked, self._pointed)
        self._busy = False
        self._doc: Any = pn.state.curdoc
        self._thread = threading.get_ident()
        self._make()
        self._refresh(set(Work.__dataclass_fields__))
        # Not before the picture is drawn, which would wait for the same compiler.
        session.prepare()
        session.tell(self._changed)
        if self._doc is not None:
            pn.state.on_session_destroyed(lambda _: session.forget(self._changed))

    # Controls -----------------------------------------------------------------------------------

    def _make(self) -> None:
        session = self.session
        low, high = session.light.span
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": (4, 6)}
        # The handles go beyond the ends of what they move on.
        sliding = wide | {"margin": (4, 14)}
        self.range = pn.widgets.RangeSlider(
            label="Wavelengths (Å)", start=low, end=high, value=(low, high), step=0.5, **sliding
        )
        self.exposures = pn.widgets.IntRangeSlider(
            label="Exposures, by position",
            start=0,
            end=max(1, session.pic.size - 1),
            value=(0, max(1, session.pic.size - 1)),
            disabled=session.pic.size < 2,
            **sliding,
        )
        self.cmap = pn.widgets.Select(label="Colours", options=list(COLORMAPS), **wide)
        self.limits = pn.widgets.RangeSlider(
            label=f"Limits ({session.light.units})",
            start=0.0,
            end=1.0,
            value=(0.0, 1.0),
            step=0.01,
            **sliding,
        )
        self.automatic = pn.widgets.Button(label="Automatic limits", **wide)
        self.log = pn.widgets.Checkbox(label="Logarithmic", margin=(6, 6))
        own = level_of(session._ds)
        top = max(_DARKEST, 2 * own)
        self.level = pn.widgets.FloatSlider(
            label="1e-4 count/s per detector pixel",
            start=0.0,
            end=1e4 * top,
            value=1e4 * own,
            step=0.01,
            disabled=not session.light.has_level,
            **sliding,
        )
        self.own_level = pn.widgets.Button(
            label="As the dataset has it", disabled=not session.light.has_level, **wide
        )
        self.click = pn.widgets.RadioButtonGroup(
            label="A click",
            # No value would leave all buttons as if none held.
            options={"Nothing": "", "Star": "star", "User": "user"},
            value="",
            color="primary",
            variant="outline",
            **wide,
        )
        self.which = pn.widgets.RadioButtonGroup(
            label="Selection",
            options={"First": "first", "Second": "second"},
            color="primary",
            variant="outline",
            **wide,
        )
        self.add = pn.widgets.Checkbox(label="Add to what is selected", margin=(6, 6))
        self.clear = pn.widgets.Button(label="Clear the selection", **wide)
        self.flag_all = pn.widgets.Button(label="", **wide)
        self.undo = pn.widgets.Button(label="Undo", **wide)
        self.redo = pn.widgets.Button(label="Redo", **wide)
        self.numbers = [
            pn.widgets.IntInput(
                label=label,
                value=int(numbers[at]),
                start=int(numbers.min()),
                end=int(numbers.max()),
                width=115,
                margin=(4, 6),
            )
            for label, numbers, at in (
                ("Exposure from", session.pic, 0),
                ("to", session.pic, -1),
                ("Pixel from", session.pixel, 0),
                ("to", session.pixel, -1),
            )
        ]
        self.select = pn.widgets.Button(label="Select these", **wide)
        self.toggle = pn.widgets.Button(label="", **wide)
        self.area = code_area("Code that does the same", height=260)
        self.copy = copy_button(self.area, **wide)
        # Of one height, so that nothing below moves with the mouse.
        # Bokeh's own: what panel changes in a notebook has its style sheets fetched from a server.
        self.told = Div(
            sizing_mode="stretch_width",
            height=_TOLD,
            stylesheets=[_TABLE],
            margin=(0, 6),
            disable_math=True,
        )
        # Names of files may look like formulas.
        self.trouble = Div(
            sizing_mode="stretch_width", margin=(0, 6), visible=False, disable_math=True
        )
        self._connect()

    def _connect(self) -> None:
        session = self.session
        for widget, do in (
            (self.range, lambda v: session.show_range(*v)),
            (self.exposures, lambda v: session.show_exposures(*v)),
            (self.limits, lambda v: session.colour(limits=v)),
            # As it reads in the code: a product may end in 0.00041500000000000006.
            (self.level, lambda v: session.set_level(round(1e-4 * v, 12))),
        ):
            # Only what a drag ends with is taken, and can be taken back.
            widget.param.watch(self._doing(do), "value_throttled")
        self.cmap.param.watch(self._doing(lambda v: session.colour(cmap=v)), "value")
        self.log.param.watch(self._doing(lambda v: session.colour(log=v)), "value")
        nothing = np.zeros((session.pic.size, session.pixel.size), bool)
        self.click.param.watch(lambda event: self._name_flags(), "value")
        self._name_flags()
        for button, act in (
            (self.automatic, lambda: session.colour(limits="auto")),
            (self.own_level, lambda: session.set_level(None)),
            (self.clear, lambda: session.select_mask(nothing, self.which.value)),
            (self.flag_all, lambda: session.flag_selection(self.click.value or "user")),
            (self.undo, session.undo),
            (self.redo, session.redo),
            (self.select, self._select),
            (self.toggle, self._toggle),
        ):
            button.on_click(self._doing(partial(_call, act)))

    def _doing(self, do: Callable[[Any], Any]) -> Callable[[Any], None]:
        """What a widget does, unless it only follows the session; its errors are shown."""

        def done(event: Any) -> None:
            if not self._busy:
                self._attempt(lambda: do(event.new))

        return done

    def _attempt(self, do: Callable[[], Any]) -> None:
        try:
            do()
        except UvisError as error:
            self._say(str(error))

    def _say(self, text: str) -> None:
        self.trouble.update(text=alert(text) if text else "", visible=bool(text))

    def _select(self) -> None:
        a, b, c, d = (box.value for box in self.numbers)
        self.session.select((a, b), (c, d), self.which.value, self.add.value)

    def _toggle(self) -> None:
        pic, _, pixel, _ = (box.value for box in self.numbers)
        self.session.toggle(pic, pixel, self.click.value or "star")

    def _name_flags(self) -> None:
        """Say on the buttons which flag is theirs."""
        self.flag_all.label = f"Flag the first selection: {self.click.value or 'user'}"
        self.toggle.label = f"Set or clear at the first: {self.click.value or 'star'}"

    def _target(self) -> tuple[Any, bool]:
        return self.which.value, self.add.value

    def _clicked(self, i: int, j: int) -> None:
        if self.click.value:
            self._attempt(lambda: self.session.toggle_at(i, j, self.click.value))

    def _pointed(self, i: int | None, j: int | None) -> None:
        if i is None or j is None:
            self.told.text = _HINT
            return
        session = self.session
        value = self.figures.value(i, j)
        number = minus(f"{value:.4g}") if np.isfinite(value) else "no value"
        rows = [
            ("exposure, pixel", f"{session.pic[i]}, {session.pixel[j]}"),
            (session.light.name.lower(), f"{number} {session.light.units}"),
            *session.describe(i, j),
        ]
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in rows
        )
        self.told.text = f"<table>{cells}</table>"

    # Following ----------------------------------------------------------------------------------

    def _changed(self, changed: set[str]) -> None:
        doc = self._doc
        # What is current is so in all threads: only the server's own has the document's lock.
        own = threading.get_ident() == self._thread and pn.state.curdoc is doc
        if doc is None or own:
            self._refresh(changed)
        else:
            # From a notebook's thread, or another page.
            doc.add_next_tick_callback(lambda: self._refresh(changed))

    def _refresh(self, changed: set[str]) -> None:
        self._busy = True
        try:
            # All in one message: each would be drawn by itself.
            with pn.io.hold(self._doc):
                self.figures.show(changed)
                self._follow()
                self._say(self.figures.message or self.session.trouble)
        finally:
            self._busy = False

    def _follow(self) -> None:
        """Give the controls the values of the session."""
        session, now = self.session, self.session.work
        values = self.figures.shown()
        limits = self.figures.limits
        ends = _reach(values[np.isfinite(values)])
        ends = min(ends[0], limits[0]), max(ends[1], limits[1], limits[0] + 1e-9)
        self.limits.param.update(
            start=ends[0], end=ends[1], value=limits, step=(ends[1] - ends[0]) / 500
        )
        self.range.value = now.wl_range
        self.exposures.value = (now.exposures[0], max(now.exposures[1], 1))
        self.cmap.value, self.log.value = now.cmap, now.log
        own = level_of(session._ds)
        self.level.value = 1e4 * (own if now.level is None else now.level)
        self.undo.disabled, self.redo.disabled = (not can for can in session.can)
        self.area.value = session.code

    # Layout -------------------------------------------------------------------------------------

    def controls(self) -> Any:
        """The column of controls."""
        a, b, c, d = self.numbers
        cards = (
            ("Range and exposures", [self.range, self.exposures], False),
            ("Select", [self.which, self.add, self.clear, pn.Row(self.undo, self.redo)], False),
            ("A click sets or clears", [self.click, self.flag_all], False),
            ("Colours", [self.cmap, self.limits, pn.Row(self.log, self.automatic)], False),
            ("Background", [self.level, self.own_level], True),
            ("By numbers", [pn.Row(a, b), pn.Row(c, d), self.select, self.toggle], True),
        )
        made = [
            pn.Card(*parts, title=title, collapsed=closed, width=_ASIDE, margin=(4, 8))
            for title, parts, closed in cards
        ]
        return pn.Column(*made, width=_ASIDE + 16)

    def main(self, theme: str | None = None) -> Any:
        """The figures, what is under the mouse, and the code."""
        self.told.text = _HINT
        maps = [self.figures.keogram, self.figures.spectrum]
        left = [*(pn.pane.Bokeh(fig, theme=theme) for fig in maps), _legend(), _help()]
        sky = self.figures.picture
        nothing = pn.pane.HTML(alert(f"No picture of the sky: {self.session.sky}"), margin=(8, 10))
        picture = nothing if sky is None else pn.pane.Bokeh(sky, theme=theme)
        lines = [] if sky is None else [pn.pane.HTML(_LINES, margin=(0, 10))]
        # The design of a page replaces those of the model, and adds to those of its pane.
        told = pn.pane.Bokeh(self.told, stylesheets=[_TABLE])
        side = pn.Column(picture, *lines, told, width=470)
        code = pn.Card(
            pn.Column(pn.Row(self.copy), self.area, sizing_mode="stretch_width"),
            title="Code",
            sizing_mode="stretch_width",
            min_width=600,
        )
        return pn.Column(
            self.trouble,
            pn.FlexBox(pn.Column(*left, width=WIDTH + sum(ASIDE)), side, gap="8px"),
            code,
            sizing_mode="stretch_width",
        )


def alert(text: str) -> str:
    """HTML that shows a text as one that needs attention."""
    return f"<p role='alert' style='{_ALERT}'>{escape(text)}</p>"


def _call(act: Callable[[], Any], _: object) -> None:
    act()


def _reach(values: np.ndarray) -> tuple[float, float]:
    """How far limits of colours may go: a few stars would leave no room for the rest."""
    if not values.size:
        return 0.0, 1.0
    low, high = (float(end) for end in np.percentile(values, (0.1, 99.5)))
    return low - 0.5 * (high - low), high + 1.5 * (high - low)


def _help() -> Any:
    return pn.pane.Markdown(_HELP, sizing_mode="stretch_width", margin=(0, 6))


def _legend() -> Any:
    parts = [("first selection", FIRST), ("second selection", SECOND)]
    parts += [(f"flag: {name}", colour) for name, colour in FLAGS.items() if name in QUALITY_FLAGS]
    shown = "&emsp; ".join(
        f"<span style='white-space:nowrap'><span style='color:{colour}'>■</span> {name}</span>"
        for name, colour in parts
        if not colour.endswith("00000000")
    )
    return pn.pane.HTML(shown, sizing_mode="stretch_width", styles={"font-size": "12px"})


def _extension() -> None:
    pn.extension(notifications=False, inline=True)


def in_notebook(session: State) -> Any:
    """The page as notebooks show it."""
    _extension()
    page = Page(session)
    return pn.Row(page.controls(), page.main())


def in_browser(session: State) -> Any:
    """The page as a browser shows it."""
    theme = pn.state.session_args.get("theme", [b"default"])[0].decode(errors="replace")
    page = Page(session)
    name = str(session._ds.attrs.get("name", "")) or "uvisxr"
    dark = "dark_minimal" if theme == "dark" else None
    return template(f"uvisxr: {name}", page.main(dark), [page.controls()], _ASIDE)


def template(title: str, main: Any, sidebar: Sequence[Any], width: int) -> Any:
    """A page with a theme to choose, and a column of controls of a width in pixels."""
    dark = pn.state.session_args.get("theme", [b""])[0] == b"dark"
    return pn.template.FastListTemplate(
        # The template takes it for code of the page.
        title=escape(title),
        design=Fast,
        font="system-ui, sans-serif",
        sidebar=list(sidebar),
        main=[main],
        # With room for its own scrollbar, where the window is low.
        sidebar_width=width + 20,
        # Of scrollbars, too.
        raw_css=[f":root {{color-scheme: {'dark' if dark else 'light'}}}"],
        theme_toggle=True,
        main_layout=None,
    )


def code_area(label: str, height: int) -> Any:
    """A field of code that is shown."""
    return pn.widgets.TextAreaInput(
        label=label,
        value="",
        height=height,
        max_length=10_000_000,
        disabled=True,
        sizing_mode="stretch_width",
        # It is to be read, although nobody can write in it.
        stylesheets=[
            "textarea.bk-input:disabled {font-family: monospace; opacity: 1;"
            " color: var(--panel-on-background-color, inherit) !important}"
        ],
    )


def copy_button(area: Any, **layout: Any) -> Any:
    """A button that copies what is in a field."""
    button = pn.widgets.Button(label="Copy the code", color="primary", **layout)
    button.js_on_click(args={"area": area, "button": button}, code=_COPY)
    return button
