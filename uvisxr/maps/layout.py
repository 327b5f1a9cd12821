"""A map as a dataset with the grid of CF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ..dataset import conventions
from ..numerics import sphere
from .grids import DEGREES, By, Cylindrical, Grid, Polar

#: Name of the variable that describes a projection.
CRS = "crs"

#: What is known of every cell, beside the fields of the geometry.
_TEXTS: Mapping[str, dict[str, Any]] = {
    "spectra": {"long_name": "spectra that see some of the cell"},
    "footprints": {"long_name": "footprints over the cell"},
    "covered": {"long_name": "share of the cell's area that was seen"},
    "mu": {"long_name": "cosine of the emission angle"},
    "cell_area": {"units": "km2", "long_name": "area of the cell", "standard_name": "cell_area"},
}

#: How CF tells what are latitudes and longitudes along the dimensions of a grid.
_CF = {
    "lat": {"standard_name": "latitude", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "units": "degrees_east"},
}

_ERRORS = {
    "upper": "upper 1-sigma half-width",
    "lower": "lower 1-sigma half-width",
    "systematic": "systematic 1-sigma error",
    "correlation": "sum of a cell's covariances with all, by area, over its variance",
}


def as_dataset(
    grid: Grid,
    found: Mapping[str, np.ndarray],
    angles: Mapping[str, np.ndarray],
    name: str,
    by: By,
    eastward: bool,
    scalars: Mapping[str, Any],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Means over the cells, as `uvisxr.maps.means` gives them, on their grid.

    `scalars` are coordinates of the whole map, `attrs` its attributes.
    """
    coords = _coordinates(grid, by, eastward)
    dims = ("lat", by) if isinstance(grid, Cylindrical) else ("y", "x")
    cells: dict[str, xr.Variable] = {
        "cell_area": xr.Variable(dims, grid.area, _TEXTS["cell_area"]),
    }
    for one in ("spectra", "footprints", "covered"):
        cells[one] = xr.Variable(dims, found[one], _TEXTS[one])
    for one, values in angles.items():
        cells[one] = xr.Variable(dims, values, _TEXTS.get(one, {}))
    cells |= {
        f"{name}_{part}": xr.Variable(dims, found[part], {"long_name": f"{text} of {name}"})
        for part, text in _ERRORS.items()
        if part in found
    }
    value = xr.Variable(dims, found["value"])
    ds = xr.Dataset({name: value}, coords={**coords, **cells, **scalars}, attrs=dict(attrs))
    ds = conventions.apply(ds)
    # The table knows nothing of grids.
    own = ds.variables[name].attrs
    own["cell_measures"] = "area: cell_area"
    if CRS in coords:
        own["grid_mapping"] = CRS
    errors = " ".join(f"{name}_{part}" for part in _ERRORS if part in found)
    if errors:
        own["ancillary_variables"] = errors
    for axis in ("lat", by, "y", "x"):
        if axis in ds.dims:
            ds.variables[axis].attrs["bounds"] = f"{axis}_bounds"
            # CF has no name for longitudes to the west, nor for local times.
            if axis == "lat" or (axis == "lon" and eastward):
                ds.variables[axis].attrs |= _CF[axis]
    return ds


def _coordinates(grid: Grid, by: By, eastward: bool) -> dict[str, xr.Variable]:
    if isinstance(grid, Polar):
        return _of_polar(grid, by, eastward)
    ends = np.arange(grid.columns + 1) * (360.0 / grid.columns / DEGREES[by])
    lat = np.stack([grid.lat[:-1], grid.lat[1:]], axis=-1)
    graphic = np.rad2deg(np.arcsin(grid.spheroid.sine(grid.middle)))
    return {
        "lat": xr.Variable("lat", grid.middle),
        "lat_bounds": xr.Variable(("lat", "bnds"), lat),
        "lat_graphic": xr.Variable("lat", graphic),
        by: xr.Variable(by, grid.azimuth / DEGREES[by]),
        f"{by}_bounds": xr.Variable((by, "bnds"), np.stack([ends[:-1], ends[1:]], axis=-1)),
    }


def _of_polar(grid: Polar, by: By, eastward: bool) -> dict[str, xr.Variable]:
    places = grid.places
    azimuth, lat = grid.unproject(*np.meshgrid(places, places))
    if by == "lon" and not eastward:
        azimuth = sphere.wrap(-azimuth)
    graphic = np.sign(lat) * np.rad2deg(np.arcsin(grid.spheroid.sine(np.abs(lat))))
    coords = {
        axis: xr.Variable(
            axis,
            places,
            {
                "units": "km",
                "long_name": f"{axis} of Lambert's azimuthal equal-area projection",
                "standard_name": f"projection_{axis}_coordinate",
                "axis": axis.upper(),
            },
        )
        for axis in ("y", "x")
    }
    ends = places[:, None] + grid.side * np.array([-0.5, 0.5])
    coords |= {
        **{f"{axis}_bounds": xr.Variable((axis, "bnds"), ends) for axis in ("y", "x")},
        "lat": xr.Variable(("y", "x"), lat),
        "lat_graphic": xr.Variable(("y", "x"), graphic),
        by: xr.Variable(("y", "x"), azimuth / DEGREES[by]),
    }
    if by == "lon":
        coords[CRS] = xr.Variable((), np.int32(0), _crs(grid))
    return coords


def _crs(grid: Polar) -> dict[str, Any]:
    """The projection as CF-1.11, appendix F, describes it: longitudes east, latitudes
    planetographic."""
    return {
        "grid_mapping_name": "lambert_azimuthal_equal_area",
        "latitude_of_projection_origin": 90.0 if grid.north else -90.0,
        "longitude_of_projection_origin": 0.0 if grid.north else 180.0,
        "longitude_of_prime_meridian": 0.0,
        "false_easting": 0.0,
        "false_northing": 0.0,
        "semi_major_axis": 1000.0 * grid.spheroid.equator,
        "semi_minor_axis": 1000.0 * grid.spheroid.pole,
        "long_name": "projection of the map",
        "comment": "longitudes east-positive, latitudes planetographic",
    }
