"""Footprints of pixels on a shell around a body: outlines, and what is at their middles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..errors import MissingStepError
from ..geometry import shells, views
from ..numerics import sphere
from .grids import DEGREES, By, Grid, Polar

#: Points on each side of an outline: sides are arcs on the shell, and long ones near its limb.
_ALONG = 8

#: Rays worked on at a time, so that the arrays stay in the processor's cache.
_BLOCK = 16384

#: What is known of the middle of a pixel, by name.
ANGLES = ("ems", "sza", "phase", "lt")


@dataclass(frozen=True, eq=False)
class Seen:
    """What the pixels see of a shell.

    Attributes
    ----------
    lon, lat : ndarray, (pic, pixel, 4 along)
        Outlines: east longitudes and planetocentric latitudes, degrees; NaN off the shell.
    noon : ndarray, (pic,)
        East longitude of the Sun.
    fields : dict of ndarray, (pic, pixel)
        `ANGLES`, and `lon` (east) and `lat`, at the middles of the pixels.
    """

    lon: np.ndarray
    lat: np.ndarray
    noon: np.ndarray
    fields: dict[str, np.ndarray]

    @property
    def whole(self) -> np.ndarray:
        """Which pixels lie on the shell, the whole of them, bool (pic, pixel)."""
        whole = np.isfinite(self.lon).all(axis=-1) & np.isfinite(self.fields["ems"])
        return np.asarray(whole)

    def azimuth(self, by: By, eastward: bool) -> np.ndarray:
        """Azimuths of the outlines, degrees: longitudes, of either sense, or local times."""
        if by == "lt":
            return sphere.hour_angle(self.lon, self.noon[:, None, None])
        return self.lon if eastward else sphere.wrap(-self.lon)

    def polygons(self, grid: Grid, used: np.ndarray, by: By, eastward: bool) -> np.ndarray:
        """Outlines of some of the pixels, bool (pic, pixel), in cells of a grid, (n, k, 2)."""
        # The plane of a polar grid is as seen from above, whatever longitudes are called.
        azimuth = self.azimuth(by, eastward or isinstance(grid, Polar))
        return grid.polygons(azimuth[used], self.lat[used])


def seen(ds: xr.Dataset, view: views.Views, altitude: float) -> Seen:
    """Footprints of all pixels of a dataset with geometry on the shell of an altitude, km."""
    corners, middle = views.corners(ds), _middles(ds)
    n, m = middle.shape[:2]
    outline = np.empty((2, n, m, 4 * _ALONG))
    fields = {name: np.empty((n, m)) for name in (*ANGLES, "lon", "lat")}
    for some in _blocks(n, m * 4 * _ALONG):
        part = view.at(some)
        rays = _around(corners[some])
        met = shells.meet(part, rays.reshape(len(rays), -1, 3), altitude)
        outline[0, some] = met.lon.reshape(rays.shape[:-1])
        outline[1, some] = met.lat.reshape(rays.shape[:-1])
        met = shells.meet(part, middle[some], altitude)
        for name, values in fields.items():
            values[some] = getattr(met, name)
    return Seen(outline[0], outline[1], sphere.longitude(view.sun), fields)


def _middles(ds: xr.Dataset) -> np.ndarray:
    """Apparent directions of the pixels' middles, J2000, (pic, pixel, 3)."""
    ds = views.middle_sample(ds)
    try:
        ra, dec = (ds.variables[name].transpose("pic", "pixel").values for name in ("ra", "dec"))
    except (KeyError, ValueError):
        raise MissingStepError(
            "the dataset has no ra and dec over pic and pixel: call ds.uvis.geometry(), and keep "
            "its coordinates"
        ) from None
    return sphere.vectors(ra, dec)


def _around(corners: np.ndarray) -> np.ndarray:
    """Directions around pixels, (n, m, 4 along, 3), through their corners (n, m, 4, 3)."""
    share = (np.arange(_ALONG) / _ALONG)[:, None]
    here, following = corners[:, :, :, None], np.roll(corners, -1, axis=2)[:, :, :, None]
    points = here + share * (following - here)
    return sphere.unit(points.reshape(*corners.shape[:2], -1, 3))


def _blocks(n: int, rays: int) -> Iterator[slice]:
    step = max(1, _BLOCK // rays)
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def period(name: str) -> float | None:
    """Of fields that are positions on a circle."""
    return {"lon": 360.0, "lt": 360.0 / DEGREES["lt"]}.get(name)
