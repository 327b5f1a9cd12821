"""Footprints in an image: which have values, which are hatched, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from scipy import ndimage

from .. import image as gridded
from ..drawing.colours import drawable, extend, robust
from ..drawing.ground import Ground
from ..drawing.style import Style
from ..drawing.texts import tied
from ..errors import ArgumentError
from ..numerics import raster
from ..quality.flags import kept

#: Footprints over a cell, on average, from which on they overlap.
_OVERLAPS = 1.15

#: Side of an area from which on its hatches are seen, points.
_HATCH = 15.0

#: Spread of values, relative, that is rounding.
_EVEN = 1e-6

#: Share of the image up to which a body hardly enters the percentiles of the whole.
_SPECK = 0.1

#: Share of a value that was filled, from which on the value counts as filled.
_FILLED = 0.5

#: What is done with footprints whose value is doubtful.
Doubtful = Literal["hatch", "leave out", "show"]


@dataclass(frozen=True, eq=False)
class Parts:
    """Which footprints are shown with their values, and which are hatched, bool (pic, pixel).

    `why` has what the hatched ones are.
    """

    shown: np.ndarray
    hatched: np.ndarray
    why: tuple[str, ...]

    @classmethod
    def of(
        cls, ds: xr.Dataset, seen: gridded.Gathered, flagged: Doubtful, filled: Doubtful
    ) -> Parts:
        known = seen.placed & np.isfinite(seen.values)
        doubtful = known & (seen.filled > _FILLED)
        shown = known & (seen.unflagged | (flagged == "show"))
        left_out = seen.placed & ~seen.unflagged & (flagged == "hatch")
        if left_out.any():
            left_out = left_out & kept(ds, "dark_line")
        hatches = {
            "flagged": left_out,
            "filled": doubtful & shown & (filled == "hatch"),
        }
        if filled != "show":
            shown = shown & ~doubtful
        why = tuple(name for name, which in hatches.items() if which.any())
        return cls(shown, hatches["flagged"] | hatches["filled"], why)

    def note(self, hatches: bool) -> str:
        """What the title says of them, if their hatches are seen or not."""
        which = " or ".join(self.why)
        return which and tied(f"hatched: {which}" if hatches else f"{which} left out")


def draw_image(
    ax: Axes,
    found: xr.DataArray,
    scale: ScalarMappable,
    boundaries: np.ndarray | None,
    properties: Mapping[str, Any],
    gid: str = "image",
) -> ScalarMappable:
    """Draw the cells of an image, or filled contours between boundaries."""
    x, y = found["x"].values, found["y"].values
    colouring = {"cmap": scale.cmap, "norm": scale.norm, "zorder": 1.0, **properties}
    values = drawable(found.values, scale)
    # What is drawn does not move the limits.
    box = ax.get_xlim(), ax.get_ylim()
    if boundaries is not None:
        if min(values.shape) < 2:
            raise ArgumentError("contours need 2 cells or more each way: give larger nx= and ny=")
        beyond = extend(found.values, boundaries[0], boundaries[-1])
        contours = ax.contourf(x, y, values, levels=boundaries, extend=beyond, **colouring)
        contours.set_gid(gid)
        ax.set(xlim=box[0], ylim=box[1])
        return contours
    half_x, half_y = 0.5 * _step(x), 0.5 * _step(y)
    # Nearest cells look the same before and after they get colours, which takes longer.
    cells = {"interpolation": "nearest", "interpolation_stage": "data"}
    mesh = ax.imshow(
        values,
        origin="lower",
        extent=(x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y),
        **(cells | colouring),
    )
    mesh.set_gid(gid)
    ax.set(xlim=box[0], ylim=box[1])
    return mesh


def limits_of(found: xr.DataArray | None, limb: np.ndarray) -> tuple[float, float]:
    """Limits of the colours that neither stars move, nor a sky so large that it hides the body."""
    if found is None:
        return 0.0, 1.0
    low, high = robust(found.values)
    x, y = np.meshgrid(found["x"].values, found["y"].values)
    box = (x > limb[:, 0].min()) & (x < limb[:, 0].max())
    box &= (y > limb[:, 1].min()) & (y < limb[:, 1].max())
    box &= np.isfinite(found.values)
    if box.any() and box.sum() < _SPECK * np.isfinite(found.values).sum():
        on_body = robust(found.values[box])
        low, high = min(low, on_body[0]), max(high, on_body[1])
    known = found.values[np.isfinite(found.values)]
    if np.ptp(known) <= _EVEN * np.abs(known).max():
        # All the same: in the middle of the colours.
        middle = float(known.mean())
        return (0.5 * middle, 1.5 * middle) if middle > 0 else (middle - 1.0, middle + 1.0)
    return low, high


def _step(values: np.ndarray) -> float:
    return float(values[1] - values[0]) if values.size > 1 else 1.0


def hatch(ax: Axes, polygons: np.ndarray, look: Style) -> None:
    """Hatch footprints, all as one path, so that their hatches join."""
    if not len(polygons):
        return
    # All in one sense, or they would cancel where they overlap.
    turned = raster.signed_areas(polygons) < 0
    polygons = np.where(turned[:, None, None], polygons[:, ::-1], polygons)
    closed = np.concatenate([polygons, polygons[:, :1]], axis=1).reshape(-1, 2)
    codes = [Outline.MOVETO, *[Outline.LINETO] * 3, Outline.CLOSEPOLY]
    path = Outline(closed, np.tile(codes, len(polygons)))
    ax.add_artist(PathPatch(path, gid="hatched", zorder=0.95, **look["image_hatched"]))


def shows_hatches(ax: Axes, polygons: np.ndarray, hatched: np.ndarray) -> bool:
    """Whether hatched footprints of (pic, pixel, 4, 2) are so large on axes that it is seen."""
    # Those side by side are hatched as one.
    areas, number = ndimage.label(hatched)
    if not number:
        return False
    points = ax.transData.transform(polygons[hatched].reshape(-1, 2)).reshape(-1, 4, 2)
    size = np.bincount(areas[hatched], np.abs(raster.signed_areas(points)))
    return bool(np.sqrt(size.max()) * 72.0 / ax.figure.dpi > _HATCH)


def overlaps(found: xr.DataArray) -> bool:
    """Whether there is more than one footprint over a typical cell."""
    covered = found["footprints"].values
    return bool(np.mean(covered[covered > 0.5]) > _OVERLAPS) if (covered > 0.5).any() else False


def outline(ax: Axes, polygons: np.ndarray, shown: np.ndarray, ground: Ground, look: Style) -> None:
    """Outline exposures (pic, pixel, 4, 2), so that it is seen which overlap."""
    lines = []
    for slit, used in zip(polygons, shown, strict=True):
        if used.any():
            corners = slit[used]
            left, right = corners[:, [0, 3]].reshape(-1, 2), corners[:, [1, 2]].reshape(-1, 2)
            lines.append(np.concatenate([left, right[::-1], left[:1]]))
    ground.draw(ax, lines, "exposures", look["image_exposures"], 1.9)
