"""The three linked figures of a page: exposures against pixels, the sky, the spectrum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from bokeh.events import (
    DoubleTap,
    MouseLeave,
    MouseMove,
    Press,
    RangesUpdate,
    SelectionGeometry,
    Tap,
)
from bokeh.models import (
    BasicTickFormatter,
    BoxAnnotation,
    BoxSelectTool,
    ColorBar,
    ColumnDataSource,
    Label,
    LassoSelectTool,
    LinearColorMapper,
    LogColorMapper,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure
from matplotlib.colors import to_hex

from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..errors import UvisError
from ..plot.axes import EXPOSURE, SENSITIVE
from .borders import borders, rimmed
from .state import State
from .work import Work

#: Pixels of the frames on the screen.
WIDTH, LOW, HIGH, SQUARE = 440, 250, 400, 370

#: Room to the left and to the right of the frames of the keogram and the spectrum.
ASIDE = (75, 65)

#: Colours of the two selections, which colour-blind eyes tell apart (Okabe and Ito 2008).
FIRST, SECOND = "#e69f00", "#56b4e9"

#: Colours of the flags shown, the gravest last; what has none has no colour.
FLAGS: dict[QualityFlag, str] = {"dark_line": "#00000000", "partial": "#999999", "lost": "#666666"}
FLAGS |= {"star": "#ff3b30", "user": "#ff5cf4"}

#: Ends of a part of a border.
_ENDS = ("x0", "y0", "x1", "y1")

#: What veils the selected spectra.
_VEIL = "59"

#: Least distance of altitudes that are written, in the height of the picture.
_APART = 0.06

#: Room above and below a spectrum, in its height.
_ROOM = 0.08


@dataclass(frozen=True)
class Scale:
    """Numbers along an axis: those of the dataset where they are evenly spaced, else positions."""

    start: float
    step: float
    size: int
    numbered: bool

    @classmethod
    def of(cls, numbers: np.ndarray) -> Scale:
        apart = np.diff(numbers.astype(float))
        if numbers.size and (apart > 0).all() and np.ptp(apart if apart.size else [0.0]) == 0:
            return cls(
                float(numbers[0]), float(apart[0]) if apart.size else 1.0, numbers.size, True
            )
        return cls(0.0, 1.0, numbers.size, False)

    @property
    def edges(self) -> tuple[float, float]:
        low = self.start - self.step / 2
        return low, low + self.step * self.size

    def at(self, place: float) -> int | None:
        """The position of a place, None beyond the ends."""
        found = round((place - self.start) / self.step)
        return found if 0 <= found < self.size else None

    def between(self, low: float, high: float) -> slice:
        """Positions whose middles are between two places; at least the one between."""
        first = int(np.ceil((min(low, high) - self.start) / self.step))
        last = int(np.floor((max(low, high) - self.start) / self.step))
        if first > last:
            first = last = round(((low + high) / 2 - self.start) / self.step)
        return slice(max(first, 0), min(last, self.size - 1) + 1)


class Figures:
    """The figures of one page, which follow a session.

    Attributes
    ----------
    keogram, picture, spectrum : figure
        Of bokeh; `picture` is None where there is nothing to draw on the sky.
    limits : (float, float)
        Ends of the colours.
    message : str
        Why there is no mean spectrum, if there is none.
    """

    def __init__(
        self,
        session: State,
        which: Callable[[], tuple[Any, bool]],
        clicked: Callable[[int, int], None],
        pointed: Callable[[int | None, int | None], None],
    ) -> None:
        """`which`: to which selection boxes go, and whether they add to it; `clicked`, `pointed`:
        are told the position of a spectrum."""
        self._session, self._which = session, which
        self._clicked, self._pointed = clicked, pointed
        self._x, self._y = Scale.of(session.pic), Scale.of(session.pixel)
        self._palette = ""
        self._mapper: Any = LinearColorMapper(palette=["#000000"])
        self._index = np.empty((0, 0), int)
        self._last: tuple[int | None, int | None] = (None, None)
        self.keogram = self._make_keogram()
        self.picture = None if isinstance(session.sky, str) else self._make_picture()
        self.spectrum = self._make_spectrum()
        self.message = ""
        self.limits = (0.0, 1.0)

    # Making -------------------------------------------------------------------------------------

    def _tools(self, fig: Any) -> None:
        # What is drawn is not theirs to select from: only where they were drawn counts.
        box = BoxSelectTool(renderers=[], description="Box: select spectra")
        lasso = LassoSelectTool(renderers=[], description="Lasso: select spectra")
        fig.add_tools(box, lasso)
        self._toolbar(fig, box)
        # To bokeh a click that takes its time is a press, and the second of two quick ones a
        # double one, wherever it is.
        for event in (Tap, DoubleTap, Press):
            fig.on_event(event, self._on_tap)
        fig.on_event(MouseMove, self._on_move)
        fig.on_event(MouseLeave, lambda event: self.point(None, None))
        fig.on_event(SelectionGeometry, self._on_select)

    @staticmethod
    def _toolbar(fig: Any, drag: Any) -> None:
        fig.toolbar.active_drag, fig.toolbar.logo = drag, None
        fig.toolbar_location = "above"
        fig.toolbar.active_scroll = fig.select_one(WheelZoomTool)
        # Under the title, which may be as wide as the frame.
        fig.toolbar_sticky = False
        fig.title.text_font_size = "12px"

    def _layers(self, fig: Any) -> dict[str, ColumnDataSource]:
        """The brightness, the selections and the flags over one another."""
        veil = ["#00000000", FIRST + _VEIL, SECOND + _VEIL, "#ffffff" + _VEIL]
        veil += ["#000000", FIRST, SECOND]
        palettes = {"light": None, "chosen": veil, "flags": ["#00000000", *FLAGS.values()]}
        sources = {}
        for name, palette in palettes.items():
            mapper = self._mapper
            if palette is not None:
                mapper = LinearColorMapper(palette=palette, low=-0.5, high=len(palette) - 0.5)
            source = ColumnDataSource({key: [] for key in ("x", "y", "dw", "dh", "image")})
            place = {"x": "x", "y": "y", "dw": "dw", "dh": "dh", "source": source}
            fig.image(image="image", color_mapper=mapper, **place)
            sources[name] = source
        return sources

    def _make_keogram(self) -> Any:
        said = EXPOSURE if self._x.numbered else "Exposure, by position"
        (x0, x1), (y0, y1) = self._x.edges, self._y.edges
        fig = figure(
            width=WIDTH + sum(ASIDE),
            frame_height=LOW,
            min_border_left=ASIDE[0],
            min_border_right=ASIDE[1],
            x_range=Range1d(x0, x1, bounds=(x0, x1)),
            y_range=Range1d(y0, y1, bounds=(y0, y1)),
            x_axis_label=said,
            y_axis_label="Pixel" if self._y.numbered else "Pixel, by position",
            tools="pan,wheel_zoom,box_zoom,reset,save",
            name="keogram",
        )
        fig.xaxis.ticker.min_interval = fig.yaxis.ticker.min_interval = 1
        self._of_keogram = self._layers(fig)
        self._borders = {}
        for name, colour in (("first", FIRST), ("second", SECOND)):
            source = self._borders[name] = ColumnDataSource({key: [] for key in _ENDS})
            # Dark under light: seen on every colour of a map.
            for line, wide in (("black", 4), (colour, 2)):
                fig.segment(*_ENDS, source=source, line_color=line, line_width=wide)
        self._cell = ColumnDataSource({"x": [], "y": []})
        fig.rect(
            "x",
            "y",
            source=self._cell,
            width=self._x.step,
            height=self._y.step,
            fill_alpha=0,
            line_color="white",
            line_width=2,
        )
        self._bar = ColorBar(color_mapper=self._mapper, width=12)
        fig.add_layout(self._bar, "right")
        self._tools(fig)
        return fig

    def _make_picture(self) -> Any:
        sky: Any = self._session.sky
        (x0, x1), (y0, y1) = sky.framed(SQUARE, HIGH)
        fig = figure(
            frame_width=SQUARE,
            frame_height=HIGH,
            x_range=Range1d(x0, x1),
            y_range=Range1d(y0, y1),
            x_axis_label="km to the right of the centre",
            y_axis_label="km towards the body's north",
            title="The same on the plane of the sky",
            tools="pan,wheel_zoom,reset,save",
            name="picture",
        )
        fig.axis.formatter.use_scientific = False
        fig.grid.visible = False
        self._of_picture = self._layers(fig)
        for name, curves in sky.curves.items():
            dash = {"limb": "solid", "terminator": "dotted"}.get(name, "dashed")
            wide = 2.0 if name == "limb" else 1.0
            for curve in curves:
                # Dark under light: seen on every ground.
                for colour, more in (("black", 1.5), ("white", 0.0)):
                    fig.line(*curve.T, line_color=colour, line_width=wide + more, line_dash=dash)
                self._name(fig, name, curve)
        self._print = ColumnDataSource({"xs": [], "ys": []})
        fig.patches("xs", "ys", source=self._print, fill_alpha=0, line_color="white", line_width=2)
        # After so many ms without another turn of the wheel, it is drawn sharply.
        fig.lod_timeout = 50
        fig.on_event(RangesUpdate, self._on_ranges)
        self._tools(fig)
        return fig

    def _name(self, fig: Any, name: str, curve: np.ndarray) -> None:
        """Write the altitude of a circle at its highest place in the frame, if there is room."""
        if not name.endswith("km"):
            return
        inside = np.isfinite(curve).all(axis=1)
        for k, axis in enumerate((fig.x_range, fig.y_range)):
            margin = 0.06 * (axis.end - axis.start)
            inside &= (curve[:, k] > axis.start + margin) & (curve[:, k] < axis.end - margin)
        if not inside.any():
            return
        at = np.flatnonzero(inside)
        x, y = curve[at[curve[at, 1].argmax()]]
        apart = _APART * (fig.y_range.end - fig.y_range.start)
        if all(np.hypot(x - label.x, y - label.y) > apart for label in fig.select(Label)):
            look = {"text_font_size": "11px", "text_color": "black", "text_align": "center"}
            look |= {"background_fill_color": "white", "text_baseline": "middle"}
            fig.add_layout(Label(x=x, y=y, text=name, background_fill_alpha=0.75, **look))

    def _make_spectrum(self) -> Any:
        light = self._session.light
        wl = np.atleast_1d(light.ds["wl"].values).astype(float)
        low, high = light.span
        usual = SENSITIVE.get(str(light.ds.attrs.get("channel", "")), (low, high))
        shown = (max(low, usual[0]), min(high, usual[1]))
        shown = shown if shown[0] < shown[1] else (low, high)
        self._order = np.argsort(wl)
        self._wl = wl[self._order]
        fig = figure(
            width=WIDTH + sum(ASIDE),
            frame_height=LOW,
            min_border_left=ASIDE[0],
            min_border_right=ASIDE[1],
            x_range=Range1d(*shown, bounds=(low, high)),
            y_range=Range1d(0.0, 1.0),
            x_axis_label="Wavelength (Å)",
            y_axis_label="Radiance (kR/Å)" if light.calibrated else "Count rate (count/s)",
            tools="pan,wheel_zoom,xbox_zoom,reset,save",
            name="spectrum",
        )
        fig.yaxis.formatter = BasicTickFormatter(power_limit_low=-4, power_limit_high=6)
        self._range = BoxAnnotation(fill_color="#888888", fill_alpha=0.18, line_color=None)
        fig.add_layout(self._range)
        self._series = {}
        for name, colour in (("all", "#888888"), ("second", SECOND), ("first", FIRST)):
            source = ColumnDataSource({"wl": [], "low": [], "mean": [], "high": []})
            fig.varea("wl", "low", "high", source=source, fill_color=colour, fill_alpha=0.35)
            line = fig.line(
                "wl", "mean", source=source, line_color=colour, line_width=1.6, name=name
            )
            self._series[name] = source, line
        box = BoxSelectTool(
            renderers=[], dimensions="width", description="Choose the range shown in the maps"
        )
        fig.add_tools(box)
        self._toolbar(fig, box)
        fig.on_event(SelectionGeometry, self._on_range)
        return fig

    # Events -------------------------------------------------------------------------------------

    def _place(self, event: Any) -> tuple[int | None, int | None]:
        """Position of the spectrum at an event."""
        if self.picture is not None and event.model is self.picture:
            frame, shape = self.picture, self._index.shape
            if not all(shape):
                return None, None
            ends = ((frame.y_range, event.y, shape[0]), (frame.x_range, event.x, shape[1]))
            row, column = (
                int(np.floor((at - axis.start) / (axis.end - axis.start) * n))
                for axis, at, n in ends
            )
            if not (0 <= row < shape[0] and 0 <= column < shape[1]):
                return None, None
            number = int(self._index[row, column])
            return divmod(number, self._session.pixel.size) if number >= 0 else (None, None)
        i, j = self._x.at(event.x), self._y.at(event.y)
        return (None, None) if i is None or j is None else (i, j)

    def _on_tap(self, event: Any) -> None:
        i, j = self._place(event)
        if i is not None and j is not None:
            self._clicked(i, j)

    def _on_move(self, event: Any) -> None:
        self.point(*self._place(event))

    def point(self, i: int | None, j: int | None) -> None:
        """Mark a spectrum in both maps, and tell of it."""
        if (i, j) == self._last:
            return
        self._last = (i, j)
        if i is None or j is None:
            self._cell.data = {"x": [], "y": []}
        else:
            x, y = (axis.start + k * axis.step for axis, k in ((self._x, i), (self._y, j)))
            self._cell.data = {"x": [x], "y": [y]}
        if self.picture is not None:
            sky: Any = self._session.sky
            corners = np.empty((0, 2)) if i is None or j is None else sky.footprint(i, j)
            known = len(corners) and np.isfinite(corners).all()
            xs, ys = ([corners[:, k].tolist()] if known else [] for k in (0, 1))
            self._print.data = {"xs": xs, "ys": ys}
        self._pointed(i, j)

    def _on_select(self, event: Any) -> None:
        # While a box is drawn there is nothing final.
        if not event.final:
            return
        which, add = self._which()
        shape, session = event.geometry, self._session
        on_sky = self.picture is not None and event.model is self.picture
        if shape["type"] == "rect":
            (x0, x1), (y0, y1) = ((shape[f"{k}0"], shape[f"{k}1"]) for k in "xy")
            corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        else:
            corners = list(zip(shape["x"], shape["y"], strict=True))
        if on_sky:
            session.select_on_sky(corners, which, add)
        elif shape["type"] == "rect":
            mask = np.zeros((self._x.size, self._y.size), bool)
            mask[self._x.between(x0, x1), self._y.between(y0, y1)] = True
            session.select_mask(mask & session.shown(), which, add)
        else:
            session.select_in_map(
                [
                    ((x - self._x.start) / self._x.step, (y - self._y.start) / self._y.step)
                    for x, y in corners
                ],
                which,
                add,
            )

    def _on_range(self, event: Any) -> None:
        if event.final:
            self._session.show_range(event.geometry["x0"], event.geometry["x1"])

    def _on_ranges(self, event: Any) -> None:
        self._draw_picture(set(), anew=True)

    def value(self, i: int, j: int) -> float:
        """The brightness of the spectrum at a position."""
        return float(self._values[i, j])

    def shown(self) -> np.ndarray:
        """The brightness of all spectra, (pic, pixel)."""
        return self._values

    # Showing ------------------------------------------------------------------------------------

    def show(self, changed: set[str]) -> None:
        """Draw what has changed, and nothing else."""
        now = self._session.work
        if {"wl_range", "level"} & changed:
            self._values = self._session.brightness()
        # Another background may find other spectra to be lost.
        flagged = bool({"star", "user", "level"} & changed)
        light = {"wl_range", "level", "exposures"} & changed
        if light or flagged or {"cmap", "limits", "log"} & changed:
            self._colour()
        layers = {"light"} if light else set()
        layers |= {"chosen"} if {"first", "second"} & changed else set()
        layers |= {"flags"} if flagged else set()
        self._draw_keogram(layers)
        self._draw_picture(layers, anew="exposures" in changed)
        if "exposures" in changed:
            x = self.keogram.x_range
            x.start, x.end = (
                self._x.start + (k + half) * self._x.step
                for k, half in zip(now.exposures, (-0.5, 0.5), strict=True)
            )
        if "wl_range" in changed:
            self._range.left, self._range.right = now.wl_range
        if {"first", "second", "star", "user", "level"} & changed:
            self._draw_spectrum()
        elif "wl_range" in changed:
            self._fit_spectrum()

    def _colour(self) -> None:
        session, now = self._session, self._session.work
        low, high = self.limits = session.colour_limits(self._values)
        kind = LogColorMapper if now.log else LinearColorMapper
        if not isinstance(self._mapper, kind) or now.cmap != self._palette:
            colours = [to_hex(c) for c in mpl.colormaps[now.cmap](np.linspace(0, 1, 256))]
            mapper = kind(palette=colours, low=low, high=high, nan_color="#00000000")
            self._mapper, self._palette = mapper, now.cmap
            for fig in filter(None, (self.keogram, self.picture)):
                fig.renderers[0].glyph.color_mapper = mapper
            self._bar.color_mapper = mapper
        self._mapper.update(low=low, high=high)
        low_end, high_end = now.wl_range
        units = session.light.units
        name = session.light.name
        self.keogram.title.text = f"{name} ({units}), {low_end:.1f} to {high_end:.1f} Å"

    def _layer(self, name: str) -> np.ndarray:
        """Values of a layer by spectrum, (pic, pixel)."""
        now = self._session.work
        if name == "light":
            return self._values.astype(np.float32)
        if name == "chosen":
            return now.first.astype(np.uint8) + 2 * now.second.astype(np.uint8)
        flags = self._session.flags()
        shown = np.zeros(flags.shape, np.uint8)
        for number, flag in enumerate(FLAGS, 1):
            shown[(flags & QUALITY_FLAGS[flag]) != 0] = number
        return shown

    def _draw_keogram(self, layers: set[str]) -> None:
        (x0, x1), (y0, y1) = self._x.edges, self._y.edges
        place = {"x": [x0], "y": [y0], "dw": [x1 - x0], "dh": [y1 - y0]}
        for name in layers:
            image = np.ascontiguousarray(self._layer(name).T)
            self._of_keogram[name].data = {**place, "image": [image]}
        if "chosen" in layers:
            step = np.array([self._x.step, self._y.step] * 2)
            start = np.array([x0, y0] * 2)
            for key, source in self._borders.items():
                ends = start + step * borders(getattr(self._session.work, key))
                source.data = dict(zip(_ENDS, ends.T, strict=True))

    def _draw_picture(self, layers: set[str], anew: bool) -> None:
        if self.picture is None:
            return
        sky: Any = self._session.sky
        x, y = ((axis.start, axis.end) for axis in (self.picture.x_range, self.picture.y_range))
        if anew or not self._index.size:
            self._index = sky.raster(x, y, SQUARE, HIGH, self._session.work.exposures)
            layers = set(self._of_picture)
        place = {"x": [x[0]], "y": [y[0]], "dw": [x[1] - x[0]], "dh": [y[1] - y[0]]}
        nothing = self._index < 0
        for name in layers:
            image = self._layer(name).ravel()[self._index]
            image[nothing] = np.nan if name == "light" else 0
            if name == "chosen":
                image = rimmed(image, nothing)
            self._of_picture[name].data = {**place, "image": [image]}

    def _draw_spectrum(self) -> None:
        # Threads may change the session meanwhile.
        session, now, self.message = self._session, self._session.work, ""
        drawn: dict[str, tuple[np.ndarray, ...]] = {}
        if now.first.any() or now.second.any():
            try:
                means = session.means(now)
            except UvisError as error:
                self.message = str(error)
            else:
                both = [key for key in ("first", "second") if getattr(now, key).any()]
                drawn |= dict(zip(both, means, strict=True))
        else:
            drawn["all"] = (session.overall(),) * 3
        for key, (source, line) in self._series.items():
            parts = (
                [part[self._order] for part in drawn[key]] if key in drawn else 3 * [np.empty(0)]
            )
            wl = self._wl if key in drawn else np.empty(0)
            source.data = {"wl": wl, **dict(zip(("low", "mean", "high"), parts, strict=True))}
            line.visible = key in drawn
        self._drawn = drawn
        self._fit_spectrum()
        self.spectrum.title.text = self._titled(drawn, now)

    def _titled(self, drawn: dict[str, Any], now: Work) -> str:
        if not drawn:
            return "No mean spectrum"
        if "all" in drawn:
            return "Plain mean of all spectra without a flag"
        words: list[str] = []
        for key, colour in (("first", "orange"), ("second", "blue")):
            mask = getattr(now, key)
            if mask.any():
                good = int((mask & self._session.usable(now)).sum())
                word = "spectrum" if good == 1 else "spectra"
                words.append(f"{good:,} {word} ({colour})")
        return f"{'Means' if len(words) > 1 else 'Mean'} of {' and of '.join(words)}"

    def _fit_spectrum(self) -> None:
        """Make the height that of the spectra in the range."""
        low, high = self._session.work.wl_range
        inside = (self._wl >= low) & (self._wl <= high)
        some = [part[self._order][inside] for parts in self._drawn.values() for part in parts]
        values = np.concatenate([np.empty(0), *some])
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(0.0, float(values.min())), float(values.max())
            room = _ROOM * (high - low) or 1.0
            self.spectrum.y_range.update(start=low - room, end=high + room)
