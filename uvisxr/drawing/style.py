"""The look of pictures: a style sheet for all, and a table for their parts.

The style sheet is `uvisxr.mplstyle`. It fills in where the user's `rcParams` are matplotlib's own:
what users have set, by another style sheet too, stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import matplotlib as mpl
import numpy as np
from matplotlib.artist import ArtistInspector
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from .. import checks
from .layout import lay_out

#: Weights of red, green and blue in how bright a colour looks (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)

Style = dict[str, dict[str, Any]]

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Properties of artists that are colours under a short name.
_SHORT = frozenset(("c", "ec", "fc", "mec", "mfc", "mfcalt"))

#: What ticks take from `rcParams` when they are made, which may be as late as on drawing.
_TICKS = {
    "size": "{axis}.{which}.size",
    "width": "{axis}.{which}.width",
    "pad": "{axis}.{which}.pad",
    "direction": "{axis}.direction",
    "color": "{axis}.color",
    "labelsize": "{axis}.labelsize",
}


@contextmanager
def in_style() -> Iterator[None]:
    """A context in which artists get the look of the style sheet.

    What the caller has set differently from matplotlib's defaults stays as it is.
    """
    now, default = _of(mpl.rcParams), _of(mpl.rcParamsDefault)
    unset: Any = {k: v for k, v in _sheet().items() if now[k] == default[k]}
    before: Any = {k: now[k] for k in unset}
    # `rc_context` would put back all: also what a backend sets when it is loaded with the first
    # figure, without which notebooks show no other.
    mpl.rcParams.update(unset)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def drawing(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function that draws, so that it does so in the package's style.

    Ticks of the axes it makes keep their look, though they are made when they are drawn; axes that
    are given to it keep their own, and get room for what is around them.
    """

    @wraps(function)
    def drawn(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        given = set(_axes((*args, *kwargs.values())))
        with in_style():
            found = function(*args, **kwargs)
            for ax in set(_axes([found, getattr(found, "figure", None)])) - given:
                fix_ticks(ax)
            for thing in (*args, *kwargs.values()):
                if isinstance(thing, Axes):
                    lay_out(thing)
        return found

    return drawn


def is_dark(color: Any) -> bool:
    """Whether white stands out from a colour better than black."""
    red, green, blue = to_rgb(color)
    return bool(np.dot((red, green, blue), LUMINANCE) <= 0.5)


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE lightness L*, 0 to 100, of sRGB colours from 0 to 1, (n, 3) (IEC 61966-2-1, CIE 15)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    found: np.ndarray = np.where(y <= 216 / 24389, y * 24389 / 27, 116 * np.cbrt(y) - 16)
    return found


def mixed(paper: Any, ink: Any, share: float) -> str:
    """A colour between that of the paper and that of the ink."""
    (r, g, b), (red, green, blue) = to_rgb(paper), to_rgb(ink)
    rest = 1 - share
    return to_hex((rest * r + share * red, rest * g + share * green, rest * b + share * blue))


@cache
def _sheet() -> dict[str, Any]:
    path = Path(__file__).with_name("uvisxr.mplstyle")
    return dict(_of(mpl.rc_params_from_file(path, use_default_template=False)))


def _of(parameters: Any) -> Mapping[str, Any]:
    """Parameters by any name: to type checkers, each name is a type of its own."""
    return cast("Mapping[str, Any]", parameters)


def _axes(things: Iterable[object]) -> Iterator[Axes]:
    """All axes of the figures that some things are, or are part of."""
    for thing in things:
        figure = thing.get_figure(root=True) if isinstance(thing, Axes) else thing
        if isinstance(figure, FigureBase):
            for ax in cast("Iterable[Axes]", figure.axes):
                inside = cast("Iterable[Axes]", ax.child_axes)
                yield from (ax, *inside)


def fix_ticks(ax: Axes) -> None:
    """Have ticks keep the present look, also those that are made later.

    The fewer there are by then the less it takes.
    """
    rc = _of(mpl.rcParams)
    axes: dict[str, Axis] = {"xtick": ax.xaxis, "ytick": ax.yaxis}
    for name, axis in axes.items():
        for which in ("major", "minor"):
            known = axis.get_tick_params(which=which)
            look = {k: rc[v.format(axis=name, which=which)] for k, v in _TICKS.items()}
            color = rc[f"{name}.labelcolor"]
            look["labelcolor"] = look["color"] if color == "inherit" else color
            look["length"] = look.pop("size")
            # Those that there are would be made anew.
            if more := {k: v for k, v in look.items() if k not in known}:
                axis.set_tick_params(which=which, **more)


def style(overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Style:
    """Properties of matplotlib artists, by part of the picture.

    Parameters
    ----------
    overrides : mapping of str to mapping, optional
        Parts and the properties to change, such as ``{"limb": {"color": "red"}}``.

    Returns
    -------
    dict of dict
        Colours follow `rcParams` at the time of the call, also those that are called after their
        place in the cycle, such as "C3".

    Raises
    ------
    ArgumentError
        A part is not in the table, or its properties are not a mapping, or are none that matplotlib
        knows.
    """
    ink, paper = mpl.rcParams["axes.edgecolor"], mpl.rcParams["axes.facecolor"]
    red, amber = ("#ff8a75", "#ffc65c") if is_dark(paper) else ("#bd1f01", "#f09000")
    small = {"fontsize": "x-small", "color": mpl.rcParams["text.color"]}
    halo = {"facecolor": paper, "edgecolor": "none", "alpha": 0.7, "pad": 0.6}
    faint = "0.65" if is_dark(paper) else "0.35"
    # The lit side is the lighter one on any paper.
    day, night = (0.3, 0.12) if is_dark(paper) else (0.07, 0.22)
    table: Style = {
        "disk": {"facecolor": "#f3e3b3", "edgecolor": "none"},
        "night": {"facecolor": "#4a4a63", "edgecolor": "none", "alpha": 0.75},
        "limb": {"color": ink, "linewidth": 1.2},
        "terminator": {"color": "#4a4a63", "linewidth": 0.9, "linestyle": "--"},
        "graticule": {"colors": "0.45", "linewidths": 0.4},
        "rings": {"colors": "#a58b5a", "linewidths": 0.5},
        "ring": {"facecolor": "#d9c08a", "edgecolor": "none"},
        "ring_shadow": {"facecolor": "#2f2f45", "edgecolor": "none"},
        "ring_name": small | {"ha": "center", "va": "center"},
        "body": {"color": ink, "marker": "o", "markersize": 3, "linestyle": "none"},
        "body_name": small | {"ha": "center", "va": "bottom", "bbox": halo},
        "pixel_number": small | {"ha": "center", "va": "center", "bbox": halo},
        "sub_spacecraft": {"color": red, "marker": "+", "markersize": 8, "linestyle": "none"},
        "sub_spacecraft_place": small | {"ha": "center", "va": "top", "bbox": halo},
        "sun": {"color": amber, "marker": "o", "markersize": 7, "linestyle": "none"},
        "slit": {"facecolor": "none", "edgecolor": "0.55", "linewidth": 0.3},
        "slit_mark": {
            "color": "C0",
            "marker": "o",
            "markerfacecolor": "none",
            "markersize": 14,
            "linestyle": "none",
        },
        "pixels": {"facecolor": "C0", "edgecolor": ink, "linewidth": 0.3, "alpha": 0.55},
        "flagged": {"facecolor": "none", "edgecolor": "0.35", "linewidth": 0.3, "hatch": "////"},
        "field": {"edgecolor": ink, "linewidth": 0.2, "cmap": "viridis"},
        "field_value": small | {"ha": "left", "va": "center", "bbox": halo},
        "stars": {"color": amber, "marker": "*", "edgecolors": ink, "linewidths": 0.3},
        "sky_grid": {"colors": "0.7", "linewidths": 0.5, "linestyles": ":"},
        "sky_grid_value": small | {"color": faint, "clip_on": True, "bbox": halo},
        "image": {"cmap": "inferno"},
        "image_disk": {"facecolor": mixed(paper, ink, day), "edgecolor": "none"},
        "image_night": {"facecolor": mixed(paper, ink, night), "edgecolor": "none"},
        "image_graticule": {"linewidth": 0.4, "alpha": 0.55},
        "image_terminator": {"linewidth": 0.9, "linestyle": "--"},
        "image_rings": {"facecolor": mixed(paper, ink, 0.25), "edgecolor": "none", "alpha": 0.5},
        "image_ring_edges": {"linewidth": 0.6},
        "image_ring_name": {"fontsize": "small"},
        "image_body_name": {"fontsize": "small"},
        "image_dot": {"marker": "o", "markersize": 3, "linestyle": "none", "zorder": 2.3},
        "image_hatched": {
            "facecolor": mixed(paper, ink, 0.12),
            "edgecolor": mixed(paper, ink, 0.55),
            "linewidth": 0,
            "hatch": "//////",
        },
        "image_exposures": {"linewidth": 0.35, "alpha": 0.4},
        "outline": {"linewidth": 1.2},
        "altitude": {"linewidth": 0.8, "linestyle": ":"},
        "altitude_value": {"fontsize": "x-small"},
        "pole": {"markeredgewidth": 0.8, "markersize": 6, "linestyle": "none"},
        "compass": {"color": mpl.rcParams["text.color"], "fontsize": "small"},
        "locator": {"facecolor": "none", "edgecolor": red, "linewidth": 1.2},
        "points": {"marker": ".", "markersize": 4, "linewidth": 0.8, "elinewidth": 0.6},
        "below_zero": {"color": "0.5", "marker": "v", "markersize": 4, "linestyle": "none"},
        "star_mark": {"color": red, "marker": "*", "markersize": 7, "linestyle": "none"},
        "nothing": small | {"fontsize": "small", "ha": "center", "va": "center"},
        "star_value": small | {"color": red, "ha": "center", "va": "bottom"},
        "map": {"cmap": "viridis"},
        "map_value": {"fontsize": "x-small", "ha": "center", "va": "center"},
        "archive_bars": {"facecolor": "C0", "edgecolor": "none"},
        "archive_bars_euv": {"facecolor": "C2", "edgecolor": "none"},
        "archive_line": {"color": mixed(paper, ink, 0.35), "linewidth": 0.4},
        "line": {"linewidth": 1.0},
        "band": {"alpha": 0.3, "linewidth": 0},
        "emission": {"color": "0.5", "linewidth": 0.6, "linestyle": ":"},
        "emission_name": small | {"rotation": 90, "ha": "center", "va": "bottom"},
        "no_value": {"color": "0.6"},
        "no_data": {
            "facecolor": "none",
            "edgecolor": mixed(paper, ink, 0.45),
            "linewidth": 0,
            "hatch": "....",
        },
        "flag_mark": {
            "markerfacecolor": red,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
            "marker": "X",
            "markersize": 7,
            "linestyle": "none",
        },
        "predicted": {
            "markeredgecolor": amber,
            "markerfacecolor": "none",
            "marker": "o",
            "markersize": 7,
            "linestyle": "none",
        },
        "quality_good": {"color": mixed(paper, ink, 0.09)},
        "quality_dark_line": {"color": "#6c757d"},
        "quality_user": {"color": "#3a0ca3"},
        "quality_star": {"color": "#ffc300"},
        "quality_partial": {"color": "#5aaef5"},
        "quality_lost": {"color": "#d00000"},
        "disk_edge": {"colors": "white", "linewidths": 0.9},
        "cursor": {"facecolor": "none", "edgecolor": red, "linewidth": 1.2},
    }
    for part, properties in (overrides or {}).items():
        checks.one_of("style: part", part, table)
        if not isinstance(properties, Mapping):
            raise checks.refused(
                f"style[{part!r}]",
                properties,
                'properties of matplotlib by name, such as {"color": "red"}',
            )
        for name in properties:
            checks.one_of(f"style[{part!r}]: property", name, _properties() | table[part].keys())
        table[part] |= properties
    return {part: _concrete(properties) for part, properties in table.items()}


def _concrete(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties without places in the colour cycle, which would be looked up on drawing."""
    return {
        name: to_hex(value)
        if ("color" in name or name in _SHORT) and re.fullmatch(r"C\d+", str(value))
        else value
        for name, value in properties.items()
    }


@cache
def _properties() -> frozenset[str]:
    """Properties that artists of matplotlib have, whatever their kind; the artists know better."""
    kinds = (Collection, Line2D, Patch, QuadMesh, Text)
    inspectors = [ArtistInspector(kind) for kind in kinds]
    aliases = (name for one in inspectors for names in one.aliasd.values() for name in names)
    return frozenset(aliases).union(*(one.get_setters() for one in inspectors))
