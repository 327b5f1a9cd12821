"""A catalogue in the browser: filters, a map of looks, and the products found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import matplotlib as mpl
import numpy as np
import panel as pn
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.models import (
    BoxSelectTool,
    ColorBar,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LogColorMapper,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure
from matplotlib.colors import to_hex

from ..errors import UvisError
from ..explore.page import alert, code_area, copy_button, in_browser, template
from . import totals
from .contents import Info, info
from .filters import Filters
from .search import Found, search
from .viewers import Viewers

if TYPE_CHECKING:
    import pyarrow as pa

#: Width of the column of filters, pixels.
_ASIDE = 300

#: Pixels of the map with its axes, at most: smaller pages scale it.
_WIDTH, _HEIGHT = 880, 450

#: How many products are listed.
_LISTED = 200

#: What is told of each product, and its head.
_COLUMNS = {
    "product": "Product",
    "target": "Target",
    "channel": "Channel",
    "slit": "Slit",
    "time_start": "Begins (UTC)",
    "exposures": "Exposures",
    "found": "Spectra found",
}
_NUMBERS = ("exposures", "found")

#: Part of the colours that is taken: neither end is that of a light or a dark page.
_PART = (0.15, 0.92)

#: Colour of the box of places that are asked for.
_BOX = "#e69f00"

_TABLE = """
table {border-collapse: collapse; font-size: 13px; width: 100%}
th {text-align: left}
th, td {padding: 3px 12px 3px 2px; border-bottom: 1px solid #8886; white-space: nowrap}
.number {text-align: right; font-variant-numeric: tabular-nums}
a {color: inherit; text-decoration: underline}
"""


class Explorer:
    """One page.

    Attributes
    ----------
    filters : Filters
    map : figure
        Of bokeh.
    summary, beside, products, trouble : HTML
        What was found, what of it is not on the map, and what went wrong.
    code : TextAreaInput
        The same question as lines of Python.
    """

    def __init__(self, catalogue: Path, known: Info, query: Mapping[str, str]) -> None:
        self._catalogue = catalogue
        self._theme = query.get("theme", "")
        self._side = 10.0
        self.filters = Filters(known, self._changed)
        self.map = self._make_map()
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": (2, 10)}
        self.summary, self.beside, self.trouble = (pn.pane.HTML("", **wide) for _ in range(3))
        self.products = pn.pane.HTML("", stylesheets=[_TABLE], **wide)
        self.code = code_area("", height=110)
        self._location = pn.state.location
        # Of a page that is not there yet nothing needs to wait.
        self._doc: Any = None
        self.filters.follow(query)
        self._doc = pn.state.curdoc

    def _make_map(self) -> Any:
        low, high = (round(256 * part) for part in _PART)
        colours = [to_hex(c) for c in mpl.colormaps["viridis"](np.arange(low, high))]
        self._colours = LogColorMapper(palette=colours, low=1, high=10, low_color="#00000000")
        fig = figure(
            width=_WIDTH,
            height=_HEIGHT,
            max_width=_WIDTH,
            sizing_mode="scale_width",
            # East is to the right, as on all maps of uvisxr.
            x_range=Range1d(360, 0),
            y_range=Range1d(-90, 90),
            x_axis_label="Longitude, west (°)",
            y_axis_label="Latitude (°)",
            tools="save",
            name="map",
        )
        fig.xaxis.ticker = FixedTicker(ticks=[*range(0, 361, 30)])
        fig.yaxis.ticker = FixedTicker(ticks=[*range(-90, 91, 30)])
        self._looks = ColumnDataSource({"looks": [np.zeros((1, 1), np.int32)]})
        image = fig.image(
            image="looks",
            x=0,
            y=-90,
            dw=360,
            dh=180,
            color_mapper=self._colours,
            source=self._looks,
            level="image",
        )
        self._asked = ColumnDataSource({key: [] for key in ("left", "right", "bottom", "top")})
        fig.quad(
            left="left",
            right="right",
            bottom="bottom",
            top="top",
            source=self._asked,
            fill_alpha=0,
            line_color=_BOX,
            line_width=2,
        )
        bar = ColorBar(
            color_mapper=self._colours,
            formatter=NumeralTickFormatter(),
            width=12,
            title="Spectra",
            title_text_font_style="normal",
        )
        fig.add_layout(bar, "right")
        box = BoxSelectTool(renderers=[], description="Box: ask for these places")
        told = [("longitude, latitude", "$x{0.0}°, $y{0.0}°"), ("spectra", "@looks{0,0}")]
        # Without a button: on the toolbar it would be a row of dots.
        hover = HoverTool(tooltips=told, renderers=[image], visible=False)
        fig.add_tools(box, hover)
        fig.toolbar.active_drag, fig.toolbar.logo = box, None
        fig.toolbar_location = "above"
        fig.on_event(SelectionGeometry, self._on_box)
        for event in (Tap, DoubleTap):
            fig.on_event(event, self._on_tap)
        return fig

    # Events -------------------------------------------------------------------------------------

    def _on_box(self, event: Any) -> None:
        if event.final:
            ends = [(event.geometry[f"{axis}0"], event.geometry[f"{axis}1"]) for axis in "xy"]
            self.look_at(*(tuple(sorted(both)) for both in ends))

    def _on_tap(self, event: Any) -> None:
        if 0 <= event.x < 360 and -90 <= event.y < 90:
            x, y = (int(np.floor(at / self._side) * self._side) for at in (event.x, event.y))
            self.look_at((x, x + self._side), (y, y + self._side))

    def look_at(self, lon: tuple[float, ...], lat: tuple[float, ...]) -> None:
        """Ask for places, by whole degrees, at least one."""
        ends = []
        for (low, high), (least, most) in ((lon, (0, 360)), (lat, (-90, 90))):
            first = min(max(round(low), least), most - 1)
            ends.append((first, min(max(round(high), first + 1), most)))
        self.filters.look_at(*ends)

    # Answers ------------------------------------------------------------------------------------

    def _changed(self) -> None:
        if self._doc is None or self._doc.session_context is None:
            self.ask()
        else:
            # Panel may tell of values without the lock of the document that figures need to change.
            self._doc.add_next_tick_callback(self.ask)

    def ask(self) -> None:
        """Ask the catalogue what the filters say, and show the answer."""
        try:
            given = self.filters.arguments()
            self._show(search(self._catalogue, **given), given)
        except UvisError as error:
            self.trouble.object = alert(f"{error}. Below is the answer before.")
            return
        self.trouble.object = ""
        if self._location is not None:
            query = self.filters.query() | ({"theme": self._theme} if self._theme else {})
            self._location.search = f"?{urlencode(query)}" if query else ""

    def _show(self, found: Found, given: dict[str, Any]) -> None:
        table = found.by_product([name for name in _COLUMNS if name != "found"])
        looks = found.looks(1.0)
        self._draw(looks, given)
        spectra = int(sum(table["found"].to_pylist()))
        self.summary.object = _summary(spectra, table.num_rows)
        self.products.object = listed(table, self._theme)
        words = [repr(str(self._catalogue)), *(f"{key}={one!r}" for key, one in given.items())]
        self.code.value = f"import uvisxr\n\nfound = uvisxr.search({', '.join(words)})"

    def _draw(self, looks: dict[str, np.ndarray], given: dict[str, Any]) -> None:
        """Show the body that most of the spectra look at."""
        none = np.zeros((180, 360), int)
        body = max(looks, key=lambda name: int(looks[name].sum()), default="")
        seen, self._side = totals.coarser(looks.get(body, none))
        self._looks.data = {"looks": [seen.astype(np.int32)]}
        self._colours.high = max(10, int(seen.max()))
        number = int(seen.sum())
        side = f"{self._side:g}° × {self._side:g}°"
        said = f"{body.capitalize()}: {number:,} spectra, in cells of {side}"
        self.map.title.text = said if body else "None of the spectra looks at a body"
        others = sum(int(one.sum()) for one in looks.values()) - number
        self.beside.object = (
            f"Not on the map: {others:,} spectra of other bodies. Choose a target or a body."
            if others
            else ""
        )
        lat = given.get("lat", (None, None))
        lon = given.get("lon", (None, None))
        parts = _arcs(*lon) if {"lon", "lat"} & set(given) else []
        bottom, top = (end if one is None else one for one, end in zip(lat, (-90, 90), strict=True))
        self._asked.data = {
            "left": [left for left, _ in parts],
            "right": [right for _, right in parts],
            "bottom": [bottom] * len(parts),
            "top": [top] * len(parts),
        }

    # Layout -------------------------------------------------------------------------------------

    def main(self) -> Any:
        """All but the filters."""
        theme = "dark_minimal" if self._theme == "dark" else None
        copy = copy_button(self.code, margin=(4, 10))
        code = pn.Card(copy, self.code, title="Code", sizing_mode="stretch_width", margin=(12, 6))
        table = pn.Column(self.products, scroll=True, max_height=420, sizing_mode="stretch_width")
        return pn.Column(
            self.trouble,
            pn.pane.Bokeh(self.map, theme=theme),
            self.beside,
            self.summary,
            table,
            code,
            sizing_mode="stretch_width",
        )


def _arcs(low: float | None, high: float | None) -> list[tuple[float, float]]:
    """A range of longitudes as one part of a map, or as two."""
    low, high = 0.0 if low is None else low, 360.0 if high is None else high
    if high - low >= 360:
        return [(0.0, 360.0)]
    low, high = low % 360, high % 360 or 360.0
    return [(low, high)] if low <= high else [(low, 360.0), (0.0, high)]


def _summary(spectra: int, products: int) -> str:
    what = f"{spectra:,} {'spectrum' if spectra == 1 else 'spectra'} without quality flags"
    of = f"{products:,} {'product' if products == 1 else 'products'}"
    first = f"; the first {_LISTED} by time:" if products > _LISTED else ""
    return f"<p role='status' style='font-size: 15px; margin: 0'><b>{what}</b> of {of}{first}</p>"


def address(name: str, window: int | None = None, theme: str = "") -> str:
    """Where the viewer of a product is.

    Examples
    --------
    >>> address("FUV2008_070_10_04", 1)
    'product?name=FUV2008_070_10_04&window=1'
    """
    query: dict[str, Any] = {"name": name, "window": window, "theme": theme or None}
    given = {key: value for key, value in query.items() if value is not None}
    return f"product?{urlencode(given, quote_via=quote)}"


def _link(to: str, text: str) -> str:
    return f'<a href="{escape(to)}" target="_blank" rel="noopener">{escape(text)}</a>'


def listed(table: pa.Table, theme: str = "") -> str:
    """The first products as a table of HTML, whose names lead to their viewers."""
    if not table.num_rows:
        return ""
    kinds = {name: " class='number'" if name in _NUMBERS else "" for name in _COLUMNS}
    heads = "".join(f"<th{kinds[name]} scope='col'>{text}</th>" for name, text in _COLUMNS.items())
    rows = []
    for row in table.slice(0, _LISTED).to_pylist():
        cells = {name: escape(_said(row[name])) for name in _COLUMNS}
        cells["product"] = _link(address(row["product"], theme=theme), row["product"])
        rows.append("".join(f"<td{kinds[name]}>{text}</td>" for name, text in cells.items()))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _said(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)[:19]


def _query() -> dict[str, str]:
    """The question in the address of the page that is asked for."""
    return {
        key: values[0].decode(errors="replace")
        for key, values in pn.state.session_args.items()
        if values
    }


def _text(html: str) -> Any:
    return pn.pane.HTML(html, sizing_mode="stretch_width", margin=10)


def of_catalogue(catalogue: Path) -> Any:
    """The page of a catalogue."""
    try:
        page = Explorer(catalogue, info(catalogue), _query())
    except UvisError as error:
        return template("uvisxr", _text(alert(str(error))), (), _ASIDE)
    aside = [page.filters.controls(_ASIDE)]
    return template(f"uvisxr: {catalogue.name}", page.main(), aside, _ASIDE)


def of_product(viewers: Viewers) -> Any:
    """The page of a product: its viewer; or what is to be chosen before, or went wrong."""
    query = _query()
    name, given = query.get("name", ""), query.get("window", "")
    try:
        number = viewers.windows(name)
        if number > 1 and given not in map(str, range(number)):
            links = (
                _link(address(name, k, query.get("theme", "")), f"window {k}")
                for k in range(number)
            )
            said = f"{escape(name)} has several windows of the detector: {', '.join(links)}"
            return template(f"uvisxr: {name}", _text(f"<p>{said}</p>"), (), _ASIDE)
        viewer = viewers.of(name, int(given) if number > 1 else None)
        page = in_browser(viewer.session)
        page.title = escape(f"uvisxr: {name}")
    except (UvisError, OSError) as error:
        return template("uvisxr", _text(alert(str(error))), (), _ASIDE)
    for text in reversed(viewer.without):
        page.main.insert(0, _text(alert(text)))
    return page


def pages(
    catalogue: str | Path,
    kernels: Sequence[str] = (),
    calibration: str | None = None,
    level: float | None = None,
) -> tuple[dict[str, Callable[[], Any]], Callable[[], list[str]]]:
    """The pages of a catalogue by their addresses, and what gives scripts of what was done there.

    Parameters
    ----------
    catalogue : path
    kernels, calibration, level
        What products are opened with, as of `Opening`.

    Raises
    ------
    CatalogueError
        There is no catalogue, or it cannot be read.
    MissingDependencyError
        A library of the extra `catalogue` is not installed.
    """
    viewers = Viewers(info(catalogue).folder, kernels, calibration, level)
    made = {
        "/": lambda: of_catalogue(viewers.catalogue),
        "/product": lambda: of_product(viewers),
    }
    return made, lambda: viewers.codes
