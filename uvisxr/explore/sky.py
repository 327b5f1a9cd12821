"""Where every spectrum lies in the plane of the sky, in any part of it that is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.ticker import MaxNLocator

from ..errors import MissingStepError
from ..geometry import outline, views
from ..image import footprints
from ..numerics import raster
from ..plot.disks import Bodies

#: Most circles of altitude.
_CIRCLES = 6


@dataclass(frozen=True, eq=False)
class Sky:
    """Footprints in the plane through the body's centre that faces the spacecraft.

    Attributes
    ----------
    middle : ndarray, (pic, pixel, 2)
        Of the footprints, km; NaN where there is none.
    limits : (x, y)
        Ends of what they cover, km, two for each.
    curves : dict of str to list of ndarray, (n, 2)
        "limb" and "terminator", km, and each altitude such as "500 km"; NaN where hidden.
    """

    middle: np.ndarray
    limits: tuple[tuple[float, float], tuple[float, float]]
    curves: dict[str, list[np.ndarray]]
    _corners: np.ndarray
    _triangles: np.ndarray
    _of: np.ndarray

    @classmethod
    def of(cls, ds: xr.Dataset) -> Sky | str:
        """Of a dataset with geometry; else why there is nothing to draw."""
        try:
            polygons = footprints(ds)
        except MissingStepError as error:
            return str(error)
        there = raster.whole(polygons)
        if not there.any():
            return "no spectrum has pointing within 85 degrees of the body"
        low, high = raster.box(polygons[there])
        flat = polygons.reshape(-1, 4, 2)
        at = np.flatnonzero(there.ravel())
        first = 4 * at[:, None]
        corners = (first + np.array([0, 1, 2, 0, 2, 3])).reshape(-1, 3)
        return cls(
            middle=np.where(there[..., None], polygons.mean(axis=2), np.nan),
            limits=((float(low[0]), float(high[0])), (float(low[1]), float(high[1]))),
            curves=_curves(ds, there),
            _corners=flat.reshape(-1, 2),
            _triangles=corners,
            _of=np.repeat(at, 2),
        )

    def footprint(self, i: int, j: int) -> np.ndarray:
        """Corners of the spectrum at a position, km, (4, 2)."""
        at = 4 * (i * self.middle.shape[1] + j)
        return self._corners[at : at + 4]

    def framed(self, width: int, height: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """The limits with a margin, so that a km is as long either way in a frame of pixels."""
        (x0, x1), (y0, y1) = self.limits
        scale = 1.06 * max((x1 - x0) / width, (y1 - y0) / height, 1e-9)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        half = scale * width / 2, scale * height / 2
        return (x - half[0], x + half[0]), (y - half[1], y + half[1])

    def raster(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        width: int,
        height: int,
        exposures: tuple[int, int],
    ) -> np.ndarray:
        """Which spectrum is seen in each cell of a frame, int (height, width); -1 for none.

        Parameters
        ----------
        x, y : (float, float)
            Edges of the frame, km.
        width, height : int
            Cells.
        exposures : (int, int)
            First and last position of those that are shown.

        Returns
        -------
        ndarray
            Positions counted through exposures and pixels; where footprints overlap, the latest.
        """
        import datashader

        pixels = self.middle.shape[1]
        first, last = np.searchsorted(
            self._of, [exposures[0] * pixels, (exposures[1] + 1) * pixels]
        )
        if first == last:
            return np.full((height, width), -1)
        number = np.repeat(self._of[first:last], 3).astype(float)
        places = self._corners[self._triangles[first:last].ravel()]
        mesh = pd.DataFrame({"x": places[:, 0], "y": places[:, 1], "z": number})
        canvas: Any = datashader.Canvas(width, height, x_range=x, y_range=y)
        nothing = (
            pd.DataFrame({"x": [], "y": [], "z": []}),
            pd.DataFrame({"a": [], "b": [], "c": []}),
        )
        found = canvas.trimesh(*nothing, mesh=mesh, interpolate="nearest", agg=datashader.max("z"))
        return np.asarray(np.nan_to_num(found.values, nan=-1.0).astype(int))


def _curves(ds: xr.Dataset, there: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Outlines of the body at the middle one of the exposures with footprints."""
    pics = np.flatnonzero(there.any(axis=1))
    bodies = Bodies.of(views.target(ds), [], int(pics[pics.size // 2]))
    body = bodies.target.at(0)
    found = {"limb": [bodies.seen(body, outline.limb(body.observer, body.radii))]}
    edge = outline.terminator(body.observer, body.sun, body.radii)
    if len(edge):
        found["terminator"] = [bodies.seen(body, edge)]
    heights = views.middle_sample(ds)["alt"].values if "alt" in ds.variables else np.empty(0)
    high = float(np.nanmax(heights)) if np.isfinite(heights).any() else 0.0
    for altitude in MaxNLocator(_CIRCLES).tick_values(0.0, high) if high > 0 else ():
        radii = body.radii + altitude
        if 0 < altitude <= high and np.sum((body.observer / radii) ** 2) > 1:
            points = outline.limb(body.observer, radii)
            found[f"{altitude:,.0f} km"] = [bodies.seen(body, points)]
    return found
