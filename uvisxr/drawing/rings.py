"""Saturn's rings: where they are, as areas with names."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from ..geometry import outline
from ..geometry.rings import RINGS
from ..geometry.views import Views
from .ground import Ground
from .labels import Labels
from .style import Style

#: Least width of a ring with a name inside it, points.
_WIDE = 9.0

#: Distance of a name from a ring that is a line, points.
_BESIDE = 9.0

#: Where body-fixed points (n, 3), km, are in the picture, (n, 2).
Place = Callable[[np.ndarray], np.ndarray]


class Placing(NamedTuple):
    """Where points are in the picture: all of them, or NaN where nearer bodies hide them."""

    all: Place
    seen: Place


def draw_rings(
    ax: Axes,
    place: Placing,
    view: Views,
    ground: Ground,
    look: Style,
    zorders: tuple[float, float, float],
) -> None:
    """Draw the rings of one body as areas, and their edges.

    Parameters
    ----------
    ax : Axes
    place : Placing
    view : Views
        One instant.
    ground : Ground
    look : Style
    zorders : (float, float, float)
        Of the half behind the body, of the half before it, and of the edges.
    """
    behind, before, edges = zorders
    curves: dict[float, np.ndarray] = {}
    start = np.arctan2(view.observer[1], view.observer[0])
    for inner, outer in RINGS.values():
        for level, turn in ((before, start), (behind, start + np.pi)):
            angle = turn + np.linspace(-np.pi / 2, np.pi / 2, 181)
            rim = np.concatenate([_circle(outer, angle), _circle(inner, angle[::-1])])
            area = place.all(rim)
            if np.isfinite(area).all():
                ax.add_artist(
                    Polygon(area, gid=f"ring:{view.name}", zorder=level, **look["image_rings"])
                )
        curves |= {radius: seen(view, radius) for radius in (inner, outer)}
    lines = [place.seen(curve) for curve in curves.values()]
    ground.draw(ax, lines, f"ring_edges:{view.name}", look["image_ring_edges"], edges)


def seen(view: Views, radius: float, n: int = 721) -> np.ndarray:
    """A circle in the plane of the rings, (n, 3), with NaN where the body hides it."""
    circle = _circle(radius, np.linspace(0.0, 2 * np.pi, n))
    hidden = outline.hides(view.observer, circle - view.observer, view.radii, distance=1.0)
    return np.where(hidden[:, None], np.nan, circle)


def name_rings(
    ax: Axes, place: Place, view: Views, ground: Ground, look: Style, labels: Labels
) -> None:
    """Write the letters of rings where they are widest, as far as there is room."""
    for name, (inner, outer) in RINGS.items():
        near, far = (ax.transData.transform(place(seen(view, r))) for r in (inner, outer))
        width = np.hypot(*(far - near).T) * 72.0 / ax.figure.dpi
        middle = 0.5 * (near + far)
        if width[np.isfinite(width)].max(initial=0.0) < _WIDE:
            if name != "F":
                continue
            # A line rather than an area: beside it.
            out = far - ax.transData.transform(place(np.zeros((1, 3))))
            middle = far + _BESIDE * ax.figure.dpi / 72.0 * out / np.hypot(*out.T)[:, None]
        low, high = ax.bbox.padded(-6.0).get_points()
        at = np.flatnonzero(((middle > low) & (middle < high)).all(axis=1) & np.isfinite(width))
        if not at.size:
            continue
        order = at[np.argsort(-width[at])]
        spots = ax.transData.inverted().transform(middle[order[:: max(1, order.size // 24)]])
        text = ax.text(
            float(spots[0, 0]),
            float(spots[0, 1]),
            name,
            gid=f"ring_name:{name}",
            clip_on=True,
            zorder=4.0,
        )
        text.set(ha="center", va="center", **look["image_ring_name"])
        ground.ink(text, spots[0], look["image_ring_name"])
        labels.add([text], [{"position": tuple(spot)} for spot in spots[1:]])


def _circle(radius: float, angle: np.ndarray) -> np.ndarray:
    points: np.ndarray = radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    return points
