"""The look of the parts of pictures: one table, based on the user's matplotlib style."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib.artist import ArtistInspector
from matplotlib.collections import Collection, QuadMesh
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from .. import checks

Style = dict[str, dict[str, Any]]


def style(overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Style:
    """Properties of matplotlib artists, by part of the picture.

    Parameters
    ----------
    overrides : mapping of str to mapping, optional
        Parts and the properties to change, such as ``{"limb": {"color": "red"}}``.

    Returns
    -------
    dict of dict
        Colours follow `rcParams` at the time of the call.

    Raises
    ------
    ArgumentError
        A part is not in the table, or its properties are not a mapping, or are none that matplotlib
        knows.
    """
    ink, paper = mpl.rcParams["axes.edgecolor"], mpl.rcParams["axes.facecolor"]
    small = {"fontsize": "x-small", "color": mpl.rcParams["text.color"]}
    halo = {"facecolor": paper, "edgecolor": "none", "alpha": 0.7, "pad": 0.6}
    table: Style = {
        "disk": {"facecolor": "#f3e3b3", "edgecolor": "none"},
        "night": {"facecolor": "#4a4a63", "edgecolor": "none", "alpha": 0.75},
        "limb": {"color": ink, "linewidth": 1.2},
        "terminator": {"color": "#4a4a63", "linewidth": 0.9, "linestyle": "--"},
        "graticule": {"colors": "0.45", "linewidths": 0.4},
        "rings": {"colors": "#a58b5a", "linewidths": 0.7},
        "body": {"color": ink, "marker": "o", "markersize": 3, "linestyle": "none"},
        "body_name": small | {"ha": "center", "va": "bottom", "bbox": halo},
        "pixel_number": small | {"ha": "center", "va": "center", "bbox": halo},
        "sub_spacecraft": {"color": "C3", "marker": "+", "markersize": 8, "linestyle": "none"},
        "sub_spacecraft_place": small | {"ha": "center", "va": "top", "bbox": halo},
        "sun": {"color": "C1", "marker": "o", "markersize": 7, "linestyle": "none"},
        "slit": {"facecolor": "none", "edgecolor": "0.55", "linewidth": 0.3},
        "pixels": {"facecolor": "C0", "edgecolor": ink, "linewidth": 0.3, "alpha": 0.55},
        "flagged": {"facecolor": "none", "edgecolor": "0.35", "linewidth": 0.3, "hatch": "////"},
        "field": {"edgecolor": ink, "linewidth": 0.2, "cmap": "viridis"},
        "field_value": small | {"ha": "left", "va": "center", "bbox": halo},
        "stars": {"color": "C1", "marker": "*", "edgecolors": ink, "linewidths": 0.3},
        "sky_grid": {"colors": "0.7", "linewidths": 0.5, "linestyles": ":"},
        "sky_grid_value": small | {"color": "0.45", "clip_on": True},
        "image": {"cmap": "inferno"},
        "outline": {"color": "white", "linewidth": 1.2},
        "outline_halo": {"linewidth": 2.2, "foreground": "black"},
        "altitude": {"color": "white", "linewidth": 0.7, "linestyle": ":"},
        "altitude_value": {"fontsize": "x-small", "color": "white", "ha": "center"},
        "pole": {
            "color": "white",
            "markeredgecolor": "black",
            "markeredgewidth": 0.8,
            "marker": "^",
            "markersize": 6,
            "linestyle": "none",
        },
        "compass": {"color": "white", "fontsize": "small"},
        "points": {"marker": ".", "markersize": 4, "linewidth": 0.8, "elinewidth": 0.6},
        "below_zero": {"color": "0.5", "marker": "v", "markersize": 4, "linestyle": "none"},
        "star_mark": {"color": "C3", "marker": "*", "markersize": 7, "linestyle": "none"},
        "nothing": small | {"color": "0.45", "ha": "center", "va": "center"},
        "star_value": small | {"color": "C3", "ha": "center", "va": "bottom"},
        "map": {"cmap": "viridis"},
        "map_value": {"fontsize": "x-small", "ha": "center", "va": "center"},
        "line": {"linewidth": 1.0},
        "band": {"alpha": 0.3, "linewidth": 0},
        "emission": {"color": "0.5", "linewidth": 0.6, "linestyle": ":"},
        "emission_name": small | {"rotation": 90, "ha": "right", "va": "top"},
        "no_value": {"color": "0.6"},
        "flag_mark": {
            "markerfacecolor": "C3",
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
            "marker": "X",
            "markersize": 7,
            "linestyle": "none",
        },
        "predicted": {
            "markeredgecolor": "C1",
            "markerfacecolor": "none",
            "marker": "o",
            "markersize": 7,
            "linestyle": "none",
        },
        "quality_good": {"color": "#e9ecef"},
        "quality_dark_line": {"color": "#6c757d"},
        "quality_user": {"color": "#7b2cbf"},
        "quality_star": {"color": "#f4a300"},
        "quality_partial": {"color": "#2a9df4"},
        "quality_lost": {"color": "#d00000"},
        "disk_edge": {"colors": "white", "linewidths": 0.9},
        "cursor": {"facecolor": "none", "edgecolor": "C3", "linewidth": 1.2},
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
    return table


@cache
def _properties() -> frozenset[str]:
    """Properties that artists of matplotlib have, whatever their kind; the artists know better."""
    kinds = (Collection, Line2D, Patch, QuadMesh, Text)
    inspectors = [ArtistInspector(kind) for kind in kinds]
    aliases = (name for one in inspectors for names in one.aliasd.values() for name in names)
    return frozenset(aliases).union(*(one.get_setters() for one in inspectors))
