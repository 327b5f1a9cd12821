"""Whether the cells of a dataset are those of one map, each of them once.

xarray's own methods interpolate, repeat and join cells: what is known of their areas is then no
longer theirs, and sums over them are of something else.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..errors import ArgumentError
from .grids import DEGREES

#: Where cells are counted from along each axis, and where it ends, if it is a circle.
_AXES = {
    "lat": (-90.0, None),
    **{by: (0.0, 360.0 / degrees) for by, degrees in DEGREES.items()},
    **dict.fromkeys(("y", "x"), (0.0, None)),
}

#: Part of a cell by which bounds may be off: the rounding of numbers of 32 bits, in narrow cells.
_NEAR = 0.02

_MEND = (
    "as after interp, reindex, coarsen or concat: make the map with the spacing= that you want, of "
    "all exposures, and choose cells with sel or isel"
)


def check_cells(ds: xr.Dataset, name: str, step: str) -> None:
    """Refuse a map whose cells are not those that `ds.uvis.map` made.

    Parameters
    ----------
    ds : Dataset
        A map, or any part of it.
    name : str
        What is mapped.
    step : str
        For the message.

    Raises
    ------
    ArgumentError
        It has further dimensions, some cells twice, or others than those of a grid.
    """
    polar = ds.attrs["map_projection"] == "polar"
    axes = ("y", "x") if polar else ("lat", str(ds.attrs.get("map_by", "lon")))
    there = [axis for axis in axes if axis in ds.variables]
    known = {dim for axis in there for dim in ds.variables[axis].dims}
    further = [str(d) for d in ds[name].dims if d not in known | {*axes}]
    if further:
        raise ArgumentError(
            f"{step}: {name} has the dimension {', '.join(map(repr, further))} besides those of the"
            f" cells of one map: choose one with ds.isel({further[0]}=0)"
        )
    numbers = [_numbers(ds, axis, step) for axis in there]
    shared = len(numbers) == 2 and set(numbers[0].dims) & set(numbers[1].dims)
    if shared:
        numbers = [xr.DataArray(np.stack(numbers, axis=-1), dims=("cell", "axis"))]
    for axis, one in zip(there, numbers, strict=False):
        if len(np.unique(np.atleast_1d(one.values), axis=0)) < len(np.atleast_1d(one.values)):
            what = "" if shared else f" along {axis}"
            raise ArgumentError(f"{step}: some cells are there twice{what}, {_MEND}")


def _numbers(ds: xr.Dataset, axis: str, step: str) -> xr.DataArray:
    """Numbers of the cells along an axis; where they are, if they have no bounds."""
    place, bounds = ds[axis].astype(float), ds.variables.get(f"{axis}_bounds")
    if bounds is None or set(bounds.dims) != {*place.dims, "bnds"}:
        return place
    start, period = _AXES[axis]
    ends = bounds.transpose(*place.dims, "bnds").values.astype(float)
    low, high = ends.min(axis=-1), ends.max(axis=-1)
    width = float(np.median(high - low))
    with np.errstate(invalid="ignore", divide="ignore"):
        off = 0.5 * (low + high) - place.values
        if period is not None:
            off = off - period * np.round(off / period)
        number = (low - start) / width
        right = [abs(off / width), abs((high - low) / width - 1), abs(number - np.round(number))]
        right = [np.asarray(one) < _NEAR for one in right]
    if not np.all(right):
        raise ArgumentError(
            f"{step}: cells along {axis} do not lie within the bounds of cells of the map, {_MEND}"
        )
    whole = np.round(number)
    if period is not None:
        whole = whole % round(period / width)
    return place.copy(data=whole)
