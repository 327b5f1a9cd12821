"""Saturn's rings on a sky map: areas with names, before and behind the planet, and its shadow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Polygon

from ..geometry import outline
from ..geometry.rings import RINGS
from ..geometry.views import Views
from . import sky as maps
from .labels import Labels
from .rings import Place, seen
from .style import Style

#: How much of what is behind each ring is hidden.
_OPACITY = {"D": 0.10, "C": 0.35, "B": 0.95, "A": 0.75, "F": 0.5}

#: Least width of a ring that is named, and of all from which on names have the word "ring", points.
_NAMED, _SPELT = 8.0, 36.0

#: Of rings that reach that part of the observer's distance, what is nearer is left out.
_AHEAD = 0.8


def draw_rings(
    ax: Axes, place: Place, view: Views, look: Style, behind: float, before: float
) -> None:
    """Draw the rings of one body at one instant.

    Parameters
    ----------
    ax : Axes
    place : callable
    view : Views
        One instant.
    look : Style
    behind, before : float
        Order of drawing of what lies behind the body, and of what lies before it.
    """
    toward = view.observer[:2]
    # Points in the plane of the rings beyond this line are behind the body, if they are hidden.
    border = float(view.radii[0]) ** 2
    ahead, near = _AHEAD * float(toward @ toward), _AHEAD * float(view.distance)
    for name, (inner, outer) in RINGS.items():
        facing, opacity = (_circle(inner), _circle(outer)), _OPACITY[name]
        area = np.concatenate([facing[1], facing[0][::-1]])
        shade = _shadow(view, inner, outer)
        for zorder, sign in ((behind, -1.0), (before, 1.0)):
            for part, properties in (
                (area, look["ring"] | {"alpha": opacity}),
                (shade, look["ring_shadow"] | {"alpha": 0.7 * opacity}),
            ):
                kept = clip(part, sign * toward, sign * border)
                kept = clip(kept, -toward, -ahead) if outer > near else kept
                _fill(ax, place, kept, f"ring:{name}", zorder, properties)
    edges = [
        place(seen(view, radius)) for inner, outer in RINGS.values() for radius in (inner, outer)
    ]
    lines = LineCollection([maps.broken(edge) for edge in edges], gid=f"rings:{view.name}")
    lines.set(zorder=before, **look["rings"])
    ax.add_collection(lines, autolim=False)


def name_rings(ax: Axes, place: Place, view: Views, look: Style, labels: Labels) -> None:
    """Write the names of rings into them, where they are widest and nothing else is written."""
    dots = ax.figure.dpi / 72.0
    frame = ax.bbox.padded(-8.0 * dots)
    found: dict[str, tuple[np.ndarray, float]] = {}
    for name, (inner, outer) in RINGS.items():
        near, far, middle = (
            ax.transData.transform(place(seen(view, radius, 49)))
            for radius in (inner, outer, 0.5 * (inner + outer))
        )
        width = np.hypot(*(far - near).T) / dots
        known = np.isfinite(middle).all(axis=1) & np.isfinite(width) & (width >= _NAMED)
        spots = [k for k in np.argsort(-width) if known[k] and frame.contains(*middle[k])]
        if spots:
            places = ax.transData.inverted().transform(middle[spots])
            found[name] = places, float(width[spots[0]])
    # All are letters, or none is.
    spelt = all(width >= _SPELT for _, width in found.values())
    for name, (places, _) in found.items():
        x, y = places[0]
        written = f"{name} ring" if spelt else name
        text = ax.text(x, y, written, gid="ring_name", zorder=4.0, **look["ring_name"])
        text.set_path_effects(
            [patheffects.withStroke(linewidth=1.2, foreground=ax.get_facecolor())]
        )
        labels.add([text], [{"position": tuple(one)} for one in places[1:]])


def clip(polygon: np.ndarray, normal: np.ndarray, level: float) -> np.ndarray:
    """The part of a polygon (n, 2) where ``polygon @ normal >= level`` (Sutherland & Hodgman 1974).

    Parts that it falls into stay joined along the line that cuts it.

    Examples
    --------
    >>> import numpy as np
    >>> from uvisxr.drawing.ring_areas import clip
    >>> square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    >>> clip(square, np.array([1.0, 0.0]), 1.0).tolist()
    [[1.0, 0.0], [2.0, 0.0], [2.0, 2.0], [1.0, 2.0]]
    """
    if not len(polygon):
        return polygon
    height = polygon @ normal - level
    after, beyond = np.roll(polygon, -1, axis=0), np.roll(height, -1)
    kept: list[np.ndarray] = []
    for here, there, low, high in zip(polygon, after, height, beyond, strict=True):
        if low >= 0:
            kept.append(here)
        if (low >= 0) != (high >= 0):
            kept.append(here + (there - here) * low / (low - high))
    return np.array(kept).reshape(-1, 2)


def _fill(
    ax: Axes,
    place: Place,
    part: np.ndarray,
    gid: str,
    zorder: float,
    properties: Mapping[str, Any],
) -> None:
    if len(part) < 3:
        return
    corners = place(np.column_stack([part, np.zeros(len(part))]))
    # Across the edge of the whole sky there is no area, but lines.
    if np.isfinite(corners).all() and not maps.leaps(corners):
        ax.add_patch(Polygon(corners, gid=gid, zorder=zorder, **properties))


def _circle(radius: float) -> np.ndarray:
    angle = np.linspace(0.0, 2 * np.pi, 361)
    points: np.ndarray = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return points


def _shadow(view: Views, inner: float, outer: float) -> np.ndarray:
    """Outline of the body's shadow on a ring, (n, 2); (0, 2) if there is none."""
    away = np.arctan2(-view.sun[1], -view.sun[0])
    radii = np.linspace(inner, outer, 13)
    turn = np.linspace(0.0, np.pi / 2, 361)
    around = radii[:, None, None] * np.stack(
        [np.cos(away + turn), np.sin(away + turn), 0 * turn], axis=-1
    )
    dark = outline.hides(around, view.sun - around, view.radii)
    if not dark.any():
        return np.empty((0, 2))
    # The shadow of a spheroid is as wide to both sides.
    half = np.where(dark, turn, 0.0).max(axis=1)
    across = np.linspace(1.0, -1.0, 61)
    angle = np.concatenate(
        [half, half[-1] * across, -half[::-1], half[0] * across[::-1]]  # out, along the edge, in
    )
    out = np.concatenate([radii, np.full(61, outer), radii[::-1], np.full(61, inner)])
    points: np.ndarray = out[:, None] * np.stack(
        [np.cos(away + angle), np.sin(away + angle)], axis=-1
    )
    return points
