"""The instants of a geometry: mid-exposure, several within each exposure, or the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .. import checks
from ..errors import ArgumentError, MissingStepError
from ..timescales import parse_et, utc_to_et

#: Most instants within an exposure.
_MOST = 10_000

#: Seconds, some 30,000 years.
_FAR = 1e12


def instants(ds: xr.Dataset, times: Any, samples: int | None) -> np.ndarray:
    """Instants of a dataset's exposures.

    Parameters
    ----------
    ds : Dataset
        With `et` and `exposure`, along `pic` or for a single exposure.
    times, samples
        As in `uvisxr.geometry.los.geometry`.

    Returns
    -------
    ndarray, (pic,) or (pic, sample)
        TDB s past J2000.

    Raises
    ------
    ArgumentError
        Both `times` and `samples` are given, or one has a wrong value or shape.
    MissingStepError
        The dataset has no `et` or `exposure`.
    """
    try:
        middle, exposure = (np.atleast_1d(ds[name].values) for name in ("et", "exposure"))
    except KeyError as missing:
        raise MissingStepError(
            f"the dataset has lost {missing}: start from uvisxr.open_product and keep its "
            "coordinates"
        ) from None
    checks.only_one(times=times, samples=samples)
    if times is not None:
        return _own(_by_name(times, ds), middle.size)
    if samples is None:
        return middle.astype(float)
    checks.whole("samples", samples, 1, _MOST, "a number of instants")
    # Midpoints of equal parts, whose mean equals that of the exposure to second order.
    offset = (np.arange(samples) + 0.5) / samples - 0.5
    return middle[:, None] + exposure[:, None] * offset


def _by_name(times: Any, ds: xr.Dataset) -> Any:
    """Times in the order (pic, sample), checked to be those of the dataset's exposures."""
    if not isinstance(times, xr.DataArray):
        return times
    if not set(times.dims) <= {"pic", "sample"}:
        raise ArgumentError(f"times= has the dimensions {times.dims}: give (pic,) or (pic, sample)")
    here, there = (array.indexes.get("pic") for array in (ds, times))
    if here is not None and there is not None and not here.equals(there):
        raise ArgumentError(
            "times= has other exposures than the dataset, or another order: select them with "
            "times.sel(pic=ds.pic)"
        )
    return times.transpose("pic", "sample", missing_dims="ignore").values


def _own(times: Any, n_pic: int) -> np.ndarray:
    if np.ma.is_masked(times):
        raise ArgumentError("times= holds masked values: give valid times only")
    try:
        given = np.asarray(times)
    except TypeError:
        raise checks.refused("times", times, "a time, or an array of times") from None
    except ValueError:
        raise ArgumentError(
            "times= holds rows of different lengths: give as many instants for each exposure"
        ) from None
    et = _to_et(given)
    if not et.size:
        raise ArgumentError("times= is empty: give one time for all exposures, or one for each")
    if not np.isfinite(et).all():
        raise ArgumentError("times= holds NaN, NaT or infinity: give valid times only")
    if et.ndim == 0 or et.shape == (1,):
        return np.full(n_pic, et.item())
    if et.ndim > 2 or et.shape[0] != n_pic:
        raise ArgumentError(
            f"times= has shape {et.shape}, but the dataset has {n_pic} exposures: give one time "
            "for all, one for each, or an array (pic, sample); ds.isel(pic=...) selects exposures"
        )
    return et


def _to_et(values: np.ndarray) -> np.ndarray:
    kind = values.dtype.kind
    if kind == "f" and values.dtype.itemsize < 8:
        raise ArgumentError(
            f"times= is of the type {values.dtype}, in which times of the flight are right to some "
            "16 s only: give numbers of double precision"
        )
    if kind in "iuf":
        numbers = values.astype(float)
        # What is infinite is missing, as what is no number is.
        if (abs(numbers[np.isfinite(numbers)]) > _FAR).any():
            raise ArgumentError(
                "times= holds instants 30,000 years and more from J2000: numbers are TDB seconds "
                "past J2000"
            )
        return numbers
    try:
        if kind == "M":
            return utc_to_et(values)
        et = [parse_et(str(value)) for value in values.ravel()]
    except ArgumentError as error:
        raise ArgumentError(f"times: {error}; numbers are TDB seconds past J2000") from None
    return np.array(et, float).reshape(values.shape)
