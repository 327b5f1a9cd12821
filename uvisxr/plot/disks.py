"""Bodies in the plane of an image: disk, night side, graticule, terminator, limb, rings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from ..drawing.ground import INKS, Ground
from ..drawing.labels import Labels
from ..drawing.rings import Placing, draw_rings, name_rings
from ..drawing.style import Style
from ..drawing.texts import literal
from ..geometry import outline, views
from ..geometry.views import Views

#: Bodies that take a smaller part of the picture's longer side are drawn as a mark too.
_DOT = 0.012

#: Places about the middle of a letter, points.
_LETTER = np.array([(x, y) for x in (-4, 0, 4) for y in (-4, 0, 4)], float)

#: Disks lower than this have no graticule, points.
_FOR_GRATICULE = 60.0


@dataclass(frozen=True)
class Bodies:
    """Bodies at one instant, in the plane through one of them.

    Attributes
    ----------
    target : Views
        One instant, with a leading axis.
    all : list of Views
        Single instants, the target too, farthest first.
    """

    target: Views
    all: list[Views]

    @classmethod
    def of(cls, target: Views, others: list[Views], index: int) -> Bodies:
        """At one of the target's instants; without those of unknown place or behind the camera."""
        middle = target.at(slice(index, index + 1))
        seen = [other.at(index) for other in others]
        seen = [body for body in seen if np.isfinite(body.distance)]
        seen = [body for body in seen if np.isfinite(plane(middle, body.centre[None])).all()]
        every = [middle.at(0), *seen]
        return cls(middle, sorted(every, key=lambda body: -float(body.distance)))

    def flat(self, body: Views, points: np.ndarray) -> np.ndarray:
        """Where a body's points (n, 3) are in the plane, km, (n, 2)."""
        return plane(self.target, body.sky(points))

    def limb(self, body: Views) -> np.ndarray:
        return self.flat(body, outline.limb(body.observer, body.radii))

    def seen(self, body: Views, points: np.ndarray) -> np.ndarray:
        """The same, NaN where a nearer body hides them."""
        sky = body.sky(points)
        known = np.isfinite(sky).all(axis=1)
        nearer = next(k for k, other in enumerate(self.all, 1) if other.name == body.name)
        for other in self.all[nearer:]:
            known[known] = ~other.hides(sky[known])
        return np.where(known[:, None], plane(self.target, sky), np.nan)


def plane(target: Views, sky: np.ndarray) -> np.ndarray:
    """Where directions (n, 3) meet the plane through the target, km, (n, 2)."""
    found: np.ndarray = views.on_plane(target, sky[None])[0]
    return found


def draw_disks(ax: Axes, bodies: Bodies, ground: Ground, look: Style, full: bool) -> None:
    """Draw bodies; unless `full`, the limb and the terminator of each alone."""
    for level, body in enumerate(bodies.all):
        zorder = 0.3 + 0.5 * level / len(bodies.all)
        limb = bodies.limb(body)
        if not _meets(ax, limb) and body.name != "SATURN":
            continue
        if full:
            _fill(ax, bodies, body, ground, look, zorder)
        edge = outline.terminator(body.observer, body.sun, body.radii)
        curve = bodies.seen(body, edge) if len(edge) else np.empty((0, 2))
        ground.draw(ax, [curve], f"terminator:{body.name}", look["image_terminator"], 2.1)
        rim = bodies.seen(body, outline.limb(body.observer, body.radii))
        ground.draw(ax, [rim], f"limb:{body.name}", look["outline"], 2.2)
        if full and np.ptp(limb, axis=0).max() < _DOT * _side(ax):
            dot = {"color": ax.spines["left"].get_edgecolor(), **look["image_dot"]}
            ax.plot(*bodies.flat(body, np.zeros((1, 3))).T, gid=f"dot:{body.name}", **dot)


def _fill(
    ax: Axes, bodies: Bodies, body: Views, ground: Ground, look: Style, zorder: float
) -> None:
    limb = bodies.limb(body)
    step = 0.1 / len(bodies.all)
    ax.add_artist(Polygon(limb, gid=f"disk:{body.name}", zorder=zorder, **look["image_disk"]))
    dark = outline.night(body.observer, body.sun, body.radii)
    if len(dark):
        night = bodies.flat(body, dark)
        ax.add_artist(
            Polygon(night, gid=f"night:{body.name}", zorder=zorder + step, **look["image_night"])
        )
    height = np.ptp(limb[:, 1]) / abs(float(np.ptp(ax.get_ylim())))
    if height * ax.bbox.height * 72.0 / ax.figure.dpi > _FOR_GRATICULE:
        lines = [
            bodies.seen(body, outline.visible(line, body.observer, body.radii))
            for line in outline.graticule(body.radii)
        ]
        ground.draw(ax, lines, f"graticule:{body.name}", look["image_graticule"], 2.0)
    if body.name == "SATURN":
        draw_rings(
            ax,
            Placing(partial(bodies.flat, body), partial(bodies.seen, body)),
            body,
            ground,
            look,
            (zorder - step, zorder + 2 * step, 2.05),
        )


def name_disks(ax: Axes, bodies: Bodies, ground: Ground, look: Style, labels: Labels) -> None:
    """Name rings, bodies too small to be known for what they are, and others than the target."""
    for body in reversed(bodies.all):
        if body.name == "SATURN":
            name_rings(ax, partial(bodies.seen, body), body, ground, look, labels)
        limb = bodies.limb(body)
        small = np.ptp(limb, axis=0).max() < 0.1 * _side(ax)
        if len(bodies.all) < 2 and not small:
            continue
        # The highest point of the limb that is in the picture, or what is so small.
        (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
        inside = ((limb > [x0, y0]) & (limb < [x1, y1])).all(axis=1)
        if not inside.any():
            continue
        at = limb[inside][np.argmax(limb[inside][:, 1])]
        text = ax.annotate(
            literal(body.name.title()),
            (float(at[0]), float(at[1])),
            xytext=(0, 3),
            textcoords="offset points",
            annotation_clip=True,
            zorder=4.0,
            gid=f"body_name:{body.name}",
            ha="center",
            va="bottom",
            **look["image_body_name"],
        )
        ground.ink(text, at, look["image_body_name"])
        labels.add(
            [text],
            [
                {"position": (7, 0), "ha": "left", "va": "center"},
                {"position": (-7, 0), "ha": "right"},
                {"position": (0, -4), "ha": "center", "va": "top"},
            ],
        )


def draw_poles(ax: Axes, bodies: Bodies, ground: Ground, look: Style, labels: Labels) -> None:
    """Mark and name the target's poles that are seen."""
    one = bodies.target.at(0)
    for name, sign in (("N", 1.0), ("S", -1.0)):
        pole = np.array([0.0, 0.0, sign * one.radii[2]])
        if not outline.faces(pole, one.observer, one.radii):
            continue
        at = bodies.seen(one, pole[None])[0]
        if not _meets(ax, at[None]):
            continue
        dark = bool(ground.under(at[None])[0])
        ink, rim = (INKS[dark], INKS[not dark])
        marker: dict[str, Any] = {
            "color": ink,
            "markeredgecolor": rim,
            "marker": "^" if sign > 0 else "v",
        }
        (mark,) = ax.plot(*at[:, None], gid=f"pole:{name}", zorder=2.4, **(marker | look["pole"]))
        first, *others = _places_of_name(ax, at, sign, ground)
        text = ax.annotate(
            name,
            (float(at[0]), float(at[1])),
            xytext=first["position"],
            textcoords="offset points",
            ha=first["ha"],
            va=first["va"],
            fontsize="small",
            zorder=4.0,
            gid=f"pole_name:{name}",
        )
        labels.keep([mark])
        labels.add([text], others)
        if text.axes is not None:
            box = text.get_window_extent()
            below = ax.transData.inverted().transform(0.5 * (box.p0 + box.p1))
            ground.ink(text, below, {k: v for k, v in look["pole"].items() if k == "color"})


def _places_of_name(ax: Axes, at: np.ndarray, sign: float, ground: Ground) -> list[dict[str, Any]]:
    """Where the name of a pole may be: inwards or beside it, first where the ground is even."""
    inwards, va = (-4, "top") if sign > 0 else (4, "bottom")
    places: list[dict[str, Any]] = [
        {"position": (0, inwards), "ha": "center", "va": va},
        {"position": (7, 0), "ha": "left", "va": "center"},
        {"position": (-7, 0), "ha": "right", "va": "center"},
        {"position": (0, -inwards), "ha": "center", "va": "bottom" if sign > 0 else "top"},
    ]
    dots = ax.figure.dpi / 72.0

    def unevenness(place: dict[str, Any]) -> float:
        x, y = place["position"]
        middle = np.array([x + 4 * np.sign(x), y + 4 * np.sign(y)])
        spots = ax.transData.transform(at) + dots * (middle + _LETTER)
        dark = float(ground.under(ax.transData.inverted().transform(spots)).mean())
        return min(dark, 1.0 - dark)

    return sorted(places, key=unevenness)


def _side(ax: Axes) -> float:
    return max(abs(float(np.ptp(ax.get_xlim()))), abs(float(np.ptp(ax.get_ylim()))))


def _meets(ax: Axes, points: np.ndarray) -> bool:
    """Whether the box around points reaches into the axes."""
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    return bool(low[0] < x1 and high[0] > x0 and low[1] < y1 and high[1] > y0)
