"""Maps of 69 x 60 footprints against points of pixels that are counted in cells."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.flyby import flyby
from timing import best, compare

from uvisxr.geometry import ellipsoid, views
from uvisxr.maps import footprints, means
from uvisxr.maps.grids import Cylindrical, Grid, Polar
from uvisxr.maps.spheroid import Spheroid
from uvisxr.numerics import compiled

#: Points of a pixel across and along; with fewer, cells of 2 degrees stay empty within the map.
_POINTS = 16

_ALTITUDE, _SPACING = 100.0, 2.0


def _plain(corners: np.ndarray, view: views.Views, value: np.ndarray, grid: Grid) -> np.ndarray:
    """Means of points of pixels, each of which counts as its part of the footprint."""
    t = (np.arange(_POINTS) + 0.5) / _POINTS
    u, v = (a.ravel() for a in np.meshgrid(t, t))
    share = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v])
    rays = np.einsum("npci,ck->npki", corners, share)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    body = np.einsum("nij,npkj->npki", view.rotation, rays)
    origin = view.observer[:, None, None]
    radii = view.radii + _ALTITUDE
    reach = ellipsoid.intercept(origin, body, radii)
    point = origin + reach[..., None] * body
    normal = point / radii**2
    cos = -(normal * body).sum(-1) / np.linalg.norm(normal, axis=-1)
    weight = reach**2 / cos
    keep = np.isfinite(reach).all(axis=-1, keepdims=True) & np.isfinite(weight)
    x, y, z = np.moveaxis(point, -1, 0)
    lat = np.rad2deg(np.arctan2(z, np.hypot(x, y)))
    lon = np.rad2deg(np.arctan2(y, x)) % 360
    if isinstance(grid, Polar):
        across, up = grid.project(lon, lat)
        column, row = (np.floor(a / grid.side + grid.half) for a in (across, up))
    else:
        column, row = np.floor((360 - lon) % 360 / _SPACING), np.floor((lat + 90) / _SPACING)
    rows, columns = grid.shape
    with np.errstate(invalid="ignore"):
        keep &= (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        cell = np.where(keep, row * columns + column, 0).astype(int)
    values = np.broadcast_to(value[..., None], cell.shape)[keep]
    total = np.bincount(cell[keep], weight[keep] * values, rows * columns)
    count = np.bincount(cell[keep], weight[keep], rows * columns)
    with np.errstate(invalid="ignore"):
        return (total / count).reshape(rows, columns)


def main() -> None:
    ds = flyby(n_pic=69, step=8e-4).uvis.integrate()
    view, corners = views.target(ds), views.corners(ds)
    value = ds["brightness"].values
    spheroid = Spheroid.of(view.radii + _ALTITUDE)
    grids: dict[str, Grid] = {
        "cylindrical": Cylindrical.of(spheroid, _SPACING, _SPACING),
        "polar": Polar.of(spheroid, True, _SPACING, 0.0, 0.0),
    }

    def ours(grid: Grid) -> dict[str, np.ndarray]:
        seen = footprints.seen(ds, view, _ALTITUDE)
        used = seen.whole
        looks = means.Looks(grid, seen.polygons(grid, used, "lon", False))
        pixels = means.Pixels(value[used], np.ones(int(used.sum())))
        return means.mapped(looks, pixels)

    compiled.loops(compiled.WORTH)
    for name, grid in grids.items():
        expected, found = _plain(corners, view, value, grid), ours(grid)["value"]
        both = np.isfinite(expected) & np.isfinite(found)
        apart = np.abs(expected - found)[both] / np.ptp(value)
        print(
            f"{name}: {np.isfinite(found).sum()} cells with a value, {both.sum()} of them by "
            f"points too; median difference {np.median(apart):.1e} of the range"
        )
        if np.median(apart) > 0.01:
            raise SystemExit("ours and the plain map disagree")
        compare(
            f"{name} map of 69x60 footprints, areas exact, against {_POINTS}x{_POINTS} points of "
            "each pixel counted in cells",
            lambda grid=grid: _plain(corners, view, value, grid),
            lambda grid=grid: ours(grid),
        )
    whole = best(lambda: ds.uvis.map(altitude=_ALTITUDE, spacing=_SPACING))
    print(f"map of a dataset, with errors and means of angles: {whole:.3f} s")


if __name__ == "__main__":
    main()
