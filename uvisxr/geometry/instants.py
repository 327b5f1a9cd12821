"""The instants a geometry is made for: mid exposure, several in each, or the user's own."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import xarray as xr

from ..errors import ArgumentError, MissingStepError
from ..timescales import utc_to_et

_DAY_OF_YEAR = re.compile(r"(\d{4})-(\d{3})(?:T(.*))?")


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
        Both arguments are given, or one has a wrong value or shape.
    MissingStepError
        The dataset has no `et` or `exposure`.
    """
    try:
        middle, exposure = (np.atleast_1d(ds[name].values) for name in ("et", "exposure"))
    except KeyError as missing:
        raise MissingStepError(
            f"the dataset has lost {missing}: start from uvisxr.open_product and keep coordinates"
        ) from None
    if times is not None and samples is not None:
        raise ArgumentError("give either times= or samples=, not both")
    if times is not None:
        return _own(times, middle.size)
    if samples is None:
        return middle.astype(float)
    if isinstance(samples, bool) or not isinstance(samples, int | np.integer) or samples < 1:
        raise ArgumentError(f"samples = {samples!r}: give the number of instants, 1 or more")
    # The middles of equal parts: their mean is that of the exposure to second order.
    offset = (np.arange(samples) + 0.5) / samples - 0.5
    return middle[:, None] + exposure[:, None] * offset


def _own(times: Any, n_pic: int) -> np.ndarray:
    values = times.values if isinstance(times, xr.DataArray) else np.asarray(times)
    et = _to_et(values)
    if not np.isfinite(et).all():
        raise ArgumentError("times= holds a value that is no time (NaN or NaT)")
    if et.ndim == 0 or et.shape == (1,):
        return np.full(n_pic, et.item())
    if et.ndim > 2 or et.shape[0] != n_pic:
        raise ArgumentError(
            f"times= has shape {et.shape}, the dataset {n_pic} exposures: give one time for all, "
            "one for each, or an array (pic, sample); ds.isel(pic=...) chooses exposures"
        )
    return et


def _to_et(values: np.ndarray) -> np.ndarray:
    if np.issubdtype(values.dtype, np.datetime64):
        return np.where(np.isnat(values), np.nan, utc_to_et(values))
    if np.issubdtype(values.dtype, np.number) and not np.iscomplexobj(values):
        return values.astype(float)
    flat = [_utc(value) for value in values.ravel()]
    return utc_to_et(np.array(flat, "datetime64[ns]").reshape(values.shape))


def _utc(value: Any) -> np.datetime64:
    text = str(value).strip().removesuffix("Z")
    match = _DAY_OF_YEAR.fullmatch(text)
    try:
        if not match:
            return np.datetime64(text, "ns")
        year, day, clock = match.groups()
        if not 1 <= int(day) <= 366:
            raise ValueError(f"day {day} of a year")
        start = np.datetime64(f"{year}-01-01T{clock or '00:00'}", "ns")
        return start + np.timedelta64(int(day) - 1, "D")
    except ValueError as error:
        raise ArgumentError(
            f"times= holds {value!r}, which is no UTC time ({error}): write 2005-08-18T18:14:40.2 "
            "or 2005-230T18:14:40.2"
        ) from None
