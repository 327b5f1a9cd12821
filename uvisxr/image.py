"""The image of a body from many exposures: footprints on a grid in km.

The plane of the image goes through the body's centre and faces the spacecraft, with the body's
north up. Each exposure has its own plane, so that a scan lines up even if the distance changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy.spatial import Delaunay, QhullError, cKDTree

from . import calls, checks
from .dataset.bits import QUALITY_FLAGS, QualityFlag
from .errors import ArgumentError
from .geometry import views
from .integrals import brightness, known_range, span
from .numerics import raster
from .numerics.along_wl import Integration
from .quality.flags import kept

#: What is seen where footprints overlap.
Overlap = Literal["mean", "latest"]

#: Maximum number of cells along one side of an image.
_MOST = 10_000


def footprints(ds: xr.Dataset) -> np.ndarray:
    """Corners of every pixel in the image plane, km, (pic, pixel, 4, 2).

    Coordinates run to the right and towards the body's north; NaN without pointing, and more than
    85 degrees from the body.

    Raises
    ------
    MissingStepError
        The dataset has no geometry.
    """
    return views.on_plane(views.target(ds), views.corners(ds))


@calls.public("image")
def image(
    ds: xr.Dataset,
    wl_range: tuple[float, float] | None = None,
    nx: int = 200,
    ny: int | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    interpolate: bool = False,
    method: Integration = "bins",
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    overlap: Overlap = "mean",
) -> xr.DataArray:
    """Brightness on a grid in km, in the plane through the body's centre.

    The value of a cell is the mean of the footprints over it, weighted by the area that each
    covers, or that of the latest of them.

    Parameters
    ----------
    ds : Dataset
        Calibrated, with geometry.
    wl_range : (float, float), optional
        Angstrom. Default: all of the dataset's.
    nx, ny : int
        Cells across and up. Without `ny` the cells are square.
    xlim, ylim : (float, float), optional
        Edges of the grid, km, in either order. Default: what the footprints cover.
    interpolate : bool
        Interpolate linearly between the footprint centres, up to one footprint diagonal away from
        them.
    method : {"bins", "trapezoid", "simpson"}
        Of integration over wavelength; see `uvisxr.integrals.integrate`.
    exclude : str or iterable of str
        Quality flags whose spectra are left out: all by default, `()` for none.
    overlap : {"mean", "latest"}
        Where footprints overlap: their mean, or the value of the last exposure that covers the
        middle of the cell, and within that, of the last pixel.

    Returns
    -------
    DataArray
        `brightness (y, x)`, kR, NaN where there is no footprint; coordinates `x`, `y`, km, the cell
        centres, and `footprints (y, x)`, how many footprints cover each cell.

    Raises
    ------
    MissingStepError
        No geometry, or no radiance.
    ArgumentError
        A wrong number of cells or wrong limits, or no unflagged footprint.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> found = ds.uvis.image((1450, 1800), nx=40)
    >>> found.dims, found.attrs["units"], found.x.attrs["units"]
    (('y', 'x'), 'kR', 'km')
    """
    check(nx, ny, xlim, ylim, interpolate, overlap)
    seen = gather(ds, wl_range, method, exclude)
    if not seen.usable.any():
        raise ArgumentError(f"no footprint to draw: {seen.why}")
    return gridded(seen, seen.usable, nx, ny, xlim, ylim, interpolate, overlap)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Footprints of all spectra, and what is seen in them.

    Attributes
    ----------
    view : views.Views
        Of the body.
    polygons : ndarray, (pic, pixel, 4, 2)
        Corners, km; NaN where they are not in the image plane.
    values : ndarray, (pic, pixel)
        kR.
    filled : ndarray, (pic, pixel)
        Share of each value that was filled from neighbouring elements.
    unflagged : ndarray of bool, (pic, pixel)
    placed : ndarray of bool, (pic, pixel)
        With a footprint.
    usable : ndarray of bool, (pic, pixel)
        Unflagged, with a footprint and a value.
    attrs : dict
        Of the image.
    explained : callable
        Finds out `why`.
    """

    view: views.Views
    polygons: np.ndarray
    values: np.ndarray
    filled: np.ndarray
    unflagged: np.ndarray
    placed: np.ndarray
    usable: np.ndarray
    attrs: dict[str, Any]
    explained: Callable[[], str]

    @property
    def why(self) -> str:
        """Why spectra are not usable, and what to do about it."""
        return self.explained()


def gather(
    ds: xr.Dataset,
    wl_range: tuple[float, float] | None,
    method: Integration,
    exclude: QualityFlag | Iterable[QualityFlag],
) -> Gathered:
    """The footprints of a dataset with their brightness; arguments as in `image`."""
    view = views.target(ds)
    polygons = views.on_plane(view, views.corners(ds))
    light = views.middle_sample(brightness(ds, wl_range, method)).transpose("pic", "pixel")
    values = light.values.astype(float)
    unflagged, known = kept(ds, exclude), np.isfinite(values)
    filled = np.zeros(values.shape)
    if "brightness_filled" in light.coords:
        filled = light["brightness_filled"].broadcast_like(light).transpose(*light.dims).values
    placed = raster.whole(polygons)
    attrs = light.attrs | {"target": str(ds.attrs["geometry_target"])}
    return Gathered(
        view=view,
        polygons=polygons,
        values=values,
        filled=filled,
        unflagged=unflagged,
        placed=placed,
        usable=unflagged & placed & known,
        attrs={k: v for k, v in attrs.items() if k != "ancillary_variables"},
        explained=partial(_why_not, ds, light, polygons, unflagged, known),
    )


def gridded(
    seen: Gathered,
    used: np.ndarray,
    nx: int,
    ny: int | None,
    xlim: tuple[float, float] | None,
    ylim: tuple[float, float] | None,
    interpolate: bool,
    overlap: Overlap,
) -> xr.DataArray:
    """Some of the footprints, bool (pic, pixel), on a grid; arguments as in `image`."""
    corners, values = seen.polygons.reshape(-1, 4, 2), seen.values.ravel()
    if not used.all():
        corners, values = corners[used.ravel()], values[used.ravel()]
    x_edges, y_edges = _grid(corners, nx, ny, xlim, ylim)
    cells = np.empty_like(corners)
    for k, edges in enumerate((x_edges, y_edges)):
        cells[..., k] = (corners[..., k] - edges[0]) / (edges[1] - edges[0])
    shape = (y_edges.size - 1, x_edges.size - 1)
    found, covered = raster.average(cells, values, shape)
    if overlap == "latest":
        last = raster.latest(cells, values, shape)
        # Of a footprint that holds no middle of a cell there is still the mean.
        found = np.where(np.isfinite(last), last, found)
    x, y = 0.5 * (x_edges[:-1] + x_edges[1:]), 0.5 * (y_edges[:-1] + y_edges[1:])
    if interpolate:
        found = _interpolated(corners, cells.mean(axis=1), values, x, y, found)
    return xr.DataArray(
        found,
        dims=("y", "x"),
        coords={
            "x": ("x", x, {"units": "km", "long_name": "distance to the right of the centre"}),
            "y": ("y", y, {"units": "km", "long_name": "distance towards the body's north"}),
            "footprints": (
                ("y", "x"),
                covered,
                {"long_name": "footprints over the cell"},
            ),
        },
        name="brightness",
        attrs=seen.attrs,
    )


def _why_not(
    ds: xr.Dataset,
    light: xr.DataArray,
    polygons: np.ndarray,
    unflagged: np.ndarray,
    known: np.ndarray,
) -> str:
    """Why spectra are not usable, and what to do about what concerns the most of them."""
    pointed = np.isfinite(views.corners(ds)).all(axis=(2, 3))
    far = pointed & ~raster.whole(polygons)
    low, high = (np.nan, np.nan)
    if "wl_range" in light.attrs:
        said = f"ds.{light.name}.attrs['wl_range']"
        low, high = checks.pair(said, light.attrs["wl_range"], "wavelengths, angstrom")
    over = f" over the whole of {low:g} to {high:g} angstrom" if np.isfinite(low) else ""
    remedy = ""
    if "radiance" in ds.variables and "wl" in ds["radiance"].dims:
        first, last = known_range(ds, *span(ds))
        if (first, last) != (low, high):
            remedy = (
                f"the rows have values from {np.ceil(first):g} to {np.floor(last):g}: see wl_range="
            )
    reasons = [
        (~known, f"have no value{over}", remedy or "see ds.quality"),
        (~unflagged, "are flagged", "see exclude= and ds.quality"),
        (~pointed, "have no pointing", "the kernels do not cover them"),
        (far, "look more than 85 degrees past the body", "see target= of ds.uvis.geometry"),
    ]
    counted = sorted(((int(a.sum()), what, then) for a, what, then in reasons), reverse=True)
    words = ", ".join(f"{number} {what}" for number, what, _ in counted if number)
    return f"of {known.size} spectra {words}; {counted[0][2]}"


def check(
    nx: int,
    ny: int | None,
    xlim: tuple[float, float] | None,
    ylim: tuple[float, float] | None,
    interpolate: bool,
    overlap: Overlap,
) -> None:
    """Refuse arguments of `image` that are wrong whatever the data."""
    checks.choice("overlap", overlap, Overlap)
    checks.choice("interpolate", interpolate, bool)
    checks.whole("nx", nx, 1, _MOST, "a number of cells")
    if ny is not None:
        checks.whole("ny", ny, 1, _MOST, "a number of cells")
    for name, limits in (("xlim", xlim), ("ylim", ylim)):
        if limits is not None:
            ends = checks.pair(name, limits, "distances from the centre, km", ascending=False)
            if ends[0] == ends[1]:
                raise checks.refused(name, limits, "two different distances from the centre, km")


def _grid(
    corners: np.ndarray,
    nx: int,
    ny: int | None,
    xlim: tuple[float, float] | None,
    ylim: tuple[float, float] | None,
) -> tuple[np.ndarray, np.ndarray]:
    low, high = raster.box(corners)
    x0, x1 = (low[0], high[0]) if xlim is None else np.sort(xlim)
    y0, y1 = (low[1], high[1]) if ylim is None else np.sort(ylim)
    if ny is None:
        side = (x1 - x0) / nx
        ny = max(1, int(np.ceil((y1 - y0) / side - 1e-9)))
        y1 = y0 + ny * side
        checks.whole("ny", ny, 1, _MOST, "a number of cells")
    return np.linspace(x0, x1, nx + 1), np.linspace(y0, y1, ny + 1)


def _interpolated(
    corners: np.ndarray,
    middle: np.ndarray,
    values: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    raw: np.ndarray,
) -> np.ndarray:
    """Values interpolated between the footprint centres (in cells); raw values beyond the outermost
    ones."""
    # Scaled to equal extents, so that triangles join neighbours along a narrow slit too.
    extent = np.ptp(middle, axis=0)
    if len(middle) < 4 or not (extent > 0).all():
        return raw
    try:
        corner = Delaunay(middle / extent).simplices
    except QhullError:
        # The centres are collinear.
        return raw
    found = raster.linear(middle[corner], values[corner], raw.shape)
    reach = float(np.median(np.linalg.norm(corners[:, 2] - corners[:, 0], axis=-1)))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    near = cKDTree(corners.mean(axis=1)).query(grid, distance_upper_bound=reach)[0] <= reach
    return np.where(near & np.isfinite(found), found, raw)
