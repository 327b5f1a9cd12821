"""Spectra along wl: count rates, filling, smoothing, integrals, with their errors.

The functions work on every radiance of a dataset, whatever its leading dimensions, before and after
binning, and know by its name how an error goes through them:

- bounds (`_upper`, `_lower`), `_std` and `_stderr` of independent elements add in quadrature;
- `radiance_systematic`, common to all elements, adds as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, overload

import numpy as np
import xarray as xr

from . import checks
from .calibration.stored import EDITED, Stored, is_stored, smooths, squeezed
from .dataset import conventions, history
from .dataset.lazy import unsplit
from .errors import ArgumentError, MissingStepError
from .numerics import along_wl
from .numerics.along_wl import Integration, Interpolation
from .numerics.poisson import MISSING, Interval, as_counts, variance_tables
from .numerics.weighted_sums import bounds

_NAME = re.compile(r"radiance(_weighted)?(?P<error>_upper|_lower|_std|_stderr|_systematic)?")

#: What a function does to values, to independent errors and to common ones.
_Action = tuple[Callable[..., np.ndarray], Callable[..., np.ndarray], Callable[..., np.ndarray]]


@history.step("rate")
def rate(ds: xr.Dataset, interval: Interval = "garwood", quantization: bool = True) -> xr.Dataset:
    """Count rates with their Poisson errors.

    Parameters
    ----------
    ds : Dataset
        With `counts` and `exposure`.
    interval : {"garwood", "score"}
        Confidence interval of the counts, see `uvisxr.numerics.poisson`.
    quantization : bool
        Add the rounding error of the SQRT_9 compression, where the product has it.

    Returns
    -------
    Dataset
        With `rate`, count/s, the shape of `counts`, float32, and coordinates `rate_upper` and
        `rate_lower`, its 1-sigma half-widths. NaN where counts are missing. No background is
        taken off. Lazy where `counts` are dask arrays.

    Raises
    ------
    MissingStepError
        No `counts` or `exposure`.
    ArgumentError
        Unknown interval.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.rate()
    >>> line = ds.rate.sel(wl=1216, method="nearest")[0, 30]
    >>> print(f"{line:.2f} +{line.rate_upper:.2f} -{line.rate_lower:.2f} count/s")
    0.15 +0.03 -0.02 count/s
    """
    checks.choice("interval", interval, Interval)
    checks.choice("quantization", quantization, bool)
    if "counts" not in ds or "exposure" not in ds.variables:
        raise MissingStepError("the dataset has no counts or exposure: see uvisxr.open_product")
    rounded = quantization and ds.attrs.get("compression") == "SQRT_9"
    tables = variance_tables(interval, rounded)

    def rates(counts: np.ndarray, exposure: np.ndarray) -> tuple[np.ndarray, ...]:
        counts = as_counts(counts)
        lost = counts == MISSING
        values = (counts, *(np.sqrt(table)[counts] for table in tables))
        return tuple(np.where(lost, np.nan, v / exposure).astype(np.float32) for v in values)

    value, upper, lower = xr.apply_ufunc(
        rates,
        ds["counts"].variable,
        ds["exposure"].variable,
        output_core_dims=[[]] * 3,
        dask="parallelized",
        output_dtypes=[np.float32] * 3,
    )
    dims = ds["counts"].dims
    out = ds.assign(rate=value.transpose(*dims)).assign_coords(
        rate_upper=upper.transpose(*dims), rate_lower=lower.transpose(*dims)
    )
    return conventions.apply(out)


@overload
def fill_nan(ds: xr.Dataset, method: Interpolation = "linear") -> xr.Dataset: ...


@overload
def fill_nan(ds: xr.DataArray, method: Interpolation = "linear") -> xr.DataArray: ...


@history.step("fill_nan")
def fill_nan(
    ds: xr.Dataset | xr.DataArray, method: Interpolation = "linear"
) -> xr.Dataset | xr.DataArray:
    """Fill the holes of spectra along wl.

    Parameters
    ----------
    ds : Dataset or DataArray
        All radiances of a dataset, or one array with dimension wl.
    method : {"linear", "pchip"}

    Returns
    -------
    Dataset or DataArray
        NaN before the first and after the last finite element of a spectrum stay. Errors are
        filled by interpolating their squares. Elements whose counts were missing are filled too.

    Raises
    ------
    ArgumentError
        Unknown method.
    MissingStepError
        No radiance.

    Examples
    --------
    >>> import xarray as xr
    >>> spectrum = {"radiance": ("wl", [1.0, np.nan, 3.0, np.nan])}
    >>> ds = xr.Dataset(spectrum, {"wl": [1500.0, 1501.0, 1502.0, 1503.0]})
    >>> ds.uvis.fill_nan().radiance.values
    array([ 1.,  2.,  3., nan])
    """
    checks.choice("method", method, Interpolation)

    def value(spectra: np.ndarray, wl: np.ndarray) -> np.ndarray:
        return along_wl.fill(spectra, wl, method)

    def error(spectra: np.ndarray, wl: np.ndarray) -> np.ndarray:
        filled: np.ndarray = np.sqrt(along_wl.fill(spectra**2, wl, method))
        return filled

    return _changed(ds, (value, error, value), "fill_nan", {"method": method})


@overload
def smooth(
    ds: xr.Dataset, weights: Sequence[float] | np.ndarray = along_wl.SMOOTHING
) -> xr.Dataset: ...


@overload
def smooth(
    ds: xr.DataArray, weights: Sequence[float] | np.ndarray = along_wl.SMOOTHING
) -> xr.DataArray: ...


@history.step("smooth")
def smooth(
    ds: xr.Dataset | xr.DataArray, weights: Sequence[float] | np.ndarray = along_wl.SMOOTHING
) -> xr.Dataset | xr.DataArray:
    """Smooth spectra along wl, each by itself.

    Parameters
    ----------
    ds : Dataset or DataArray
        All radiances of a dataset, or one array with dimension wl. `calibrate` has smoothed FUV
        radiances already unless told otherwise.
    weights : sequence of float
        An odd number of weights; scaled to a sum of 1.

    Returns
    -------
    Dataset or DataArray
        No weight reaches over a NaN or the end of a spectrum: those that remain are scaled to a
        sum of 1, so that a constant stays one. Independent errors go with the squared weights.

    Raises
    ------
    ArgumentError
        There is an even number of weights, or they are not finite or sum to nothing.
    MissingStepError
        No radiance.

    Examples
    --------
    >>> import xarray as xr
    >>> spectrum = {"radiance": ("wl", [0.0, 0.0, 4.0, 0.0, 0.0])}
    >>> ds = xr.Dataset(spectrum, {"wl": [1500.0, 1501.0, 1502.0, 1503.0, 1504.0]})
    >>> ds.uvis.smooth(weights=[1, 2, 1]).radiance.values
    array([0., 1., 2., 1., 0.])
    """
    given = np.array(checks.numbers("weights", weights, "an odd number of weights", least=0))
    if given.size % 2 == 0:
        raise checks.refused("weights", weights, "an odd number of weights")
    if given[given.size // 2] == 0:
        raise checks.refused("weights", weights, "a weight above 0 in the middle")
    scaled = given / given.sum()

    def value(spectra: np.ndarray, wl: np.ndarray) -> np.ndarray:
        return along_wl.smooth(spectra, scaled)

    def error(spectra: np.ndarray, wl: np.ndarray) -> np.ndarray:
        smoothed: np.ndarray = np.sqrt(along_wl.smooth(spectra**2, scaled, squared=True))
        return smoothed

    return _changed(ds, (value, error, value), "smooth", {"weights": scaled.tolist()})


@history.step("integrate")
def integrate(
    ds: xr.Dataset | xr.DataArray,
    wl_range: tuple[float, float] | None = None,
    method: Integration = "bins",
    skipna: bool = False,
) -> xr.Dataset:
    """Integrate radiances over wavelength.

    Parameters
    ----------
    ds : Dataset or DataArray
        Calibrated or binned, or one array with dimension wl whose errors are its coordinates.
    wl_range : (float, float), optional
        Angstrom. Without it all wavelengths at which the spectrum can have a value: those before
        the first and after the last element with a sensitivity are left out.
    method : {"bins", "trapezoid", "simpson"}
        What the spectrum is between its elements: the radiance of each bin over the bin, exact for
        a spectrum of steps; straight lines; parabolas. All take the whole of the range, its ends
        within a bin included.
    skipna : bool
        Where elements of the range are missing: False gives NaN; True takes the light at those
        that are known and scales it by the share of the range they cover.

    Returns
    -------
    Dataset
        kR. `brightness` with the coordinates `brightness_upper`, `brightness_lower`,
        `brightness_systematic` and, where the calibration's terms are there, `brightness_filled`
        (pixel), the share of the range that was filled. All other variables and coordinates that
        have no wavelength stay: it can be plotted and written. Bins have a `brightness_std`,
        `brightness_weighted`, ... for each `radiance_std`, `radiance_weighted`, ...

        Where the dataset still holds its counts and the calibration's terms, the bounds are those
        of the counts with the weights they have in the integral, after filling and smoothing. Else,
        for bins, single arrays, and what was smoothed or filled afterwards, the bounds of the
        elements are added in quadrature, with the correlation that the calibration's smoothing
        gives to neighbours; at few counts they are then too wide, and those of filled elements are
        taken as independent. Systematic errors add as they are.

    Raises
    ------
    ArgumentError
        The range is out of order, reaches out of the dataset's wavelengths, or the dataset holds
        fewer elements than the method needs; unknown method.
    MissingStepError
        No radiance.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibrate(files=made.calibration)
    >>> light = ds.uvis.integrate((1450, 1800))
    >>> light.brightness.dims, light.brightness.attrs["units"]
    (('pic', 'pixel'), 'kR')
    """
    checks.choice("method", method, Integration)
    checks.choice("skipna", skipna, bool)
    source, names = _radiances(ds)
    weights = _weights(source, wl_range, method)
    bare = wl_range is None
    correlation = _correlation(source)

    def shares(spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _known(spectra, weights, bare, skipna)

    def value(spectra: np.ndarray) -> np.ndarray:
        known, share = shares(spectra)
        return np.asarray(np.where(known, spectra, 0.0) @ weights / share)

    def error(spectra: np.ndarray) -> np.ndarray:
        known, share = shares(spectra)
        weighted = np.where(known, spectra, 0.0) * np.abs(weights)
        return np.asarray(np.sqrt(_correlated(weighted, correlation)) / share)

    def common(spectra: np.ndarray) -> np.ndarray:
        known, share = shares(spectra)
        return np.asarray(np.where(known, spectra, 0.0) @ np.abs(weights) / share)

    found: dict[str, xr.Variable] = {}
    for name in names:
        variable = source[name].variable
        found[_brightness(name)] = xr.apply_ufunc(
            _pick((value, error, common), name),
            variable,
            input_core_dims=[["wl"]],
            dask="parallelized",
            output_dtypes=[float],
        ).astype(variable.dtype)
    if isinstance(ds, xr.Dataset) and "radiance" in source.data_vars and is_stored(source):
        share = xr.apply_ufunc(
            lambda spectra: shares(spectra)[1],
            source["radiance"].variable,
            input_core_dims=[["wl"]],
            dask="parallelized",
            output_dtypes=[float],
        )
        found |= _exact(source, weights, found, share)
    rest = source.drop_dims("wl") if "wl" in source.dims else source.drop_vars(["wl", *names])
    values = {_brightness(name) for name in names if name in source.data_vars}
    out = rest.assign({n: v for n, v in found.items() if n in values})
    out = out.assign_coords({n: v for n, v in found.items() if n not in values})
    used = _span(source) if wl_range is None else wl_range
    out = conventions.apply(out)
    out["brightness"].attrs |= {"wl_range": [float(w) for w in used], "method": method}
    return out


def _brightness(name: str) -> str:
    return name.replace("radiance", "brightness", 1)


def _known(
    spectra: np.ndarray, weights: np.ndarray, bare: bool, skipna: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Elements that count, and the share of the range by which their integral is divided.

    NaN where elements are missing and may not be; 1 where nothing is.
    """
    known = np.isfinite(spectra)
    wanted = weights != 0
    if bare:
        # What lies before the first and after the last value has no sensitivity.
        wanted = wanted & along_wl.between_values(known)
    total = np.where(wanted, weights, 0.0).sum(-1)
    there = np.where(wanted & known, weights, 0.0).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(total != 0, there / total, np.nan)
    complete = ~(wanted & ~known).any(-1)
    scaled = np.where((share > 0) & skipna, share, np.nan)
    return known, np.where(complete & (total != 0), 1.0, scaled)


def _correlation(ds: xr.Dataset) -> np.ndarray:
    """Correlation of elements 0, 1, 2, ... apart, of the smoothing that made them."""
    kept = json.loads(ds.attrs.get("calibrate_arguments", "{}"))
    if "channel" not in ds.attrs or not smooths(ds, kept.get("smooth", False)):
        return np.ones(1)
    both = np.correlate(along_wl.SMOOTHING, along_wl.SMOOTHING, "full")
    return np.asarray(both[both.size // 2 :] / both.max())


def _correlated(errors: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Variance (...) of a sum of elements with errors (..., wl)."""
    total = (errors * errors).sum(-1)
    for lag, share in enumerate(correlation[1:], 1):
        total += 2 * share * (errors[..., lag:] * errors[..., :-lag]).sum(-1)
    return np.asarray(total)


def _exact(
    ds: xr.Dataset, weights: np.ndarray, found: dict[str, xr.Variable], share: xr.Variable
) -> dict[str, xr.Variable]:
    """Bounds of brightnesses from the counts; `share` of their ranges is known."""
    stored = Stored.of(ds)
    variance, scale, dark = stored.map(
        partial(stored.conversion.integrals, over=weights), [("pixel",)] * 3, [np.float32] * 3
    )
    value = found["brightness"]

    def half_widths(
        value: np.ndarray,
        variance: np.ndarray,
        scale: np.ndarray,
        dark: np.ndarray,
        share: np.ndarray,
    ) -> tuple[np.ndarray, ...]:
        share = share.astype(np.float32)
        counted = np.maximum(value * share + dark, 0).astype(np.float32)
        upper, lower = bounds(counted, variance, scale)
        return upper / share, lower / share

    upper, lower = xr.apply_ufunc(
        half_widths,
        value,
        *(squeezed(v, value.dims) for v in (variance, scale, dark)),
        share,
        output_core_dims=[[], []],
        dask="parallelized",
        output_dtypes=[np.float32] * 2,
    )
    filled = np.where(stored.conversion.valid, 0.0, weights).sum(-1) / weights.sum()
    share = squeezed(xr.Variable("pixel", filled.astype(np.float32)), value.dims)
    if stored.conversion.total and "brightness_systematic" in found:
        common = found["brightness_systematic"]
        upper, lower = np.hypot(upper, common), np.hypot(lower, common)
    return {
        "brightness_upper": upper.transpose(*value.dims),
        "brightness_lower": lower.transpose(*value.dims),
        "brightness_filled": share,
    }


def _weights(
    ds: xr.Dataset, wl_range: tuple[float, float] | None, method: Integration
) -> np.ndarray:
    low_end, high_end = low, high = _span(ds)
    if wl_range is not None:
        low, high = checks.pair("wl_range", wl_range, "wavelengths, angstrom")
    if low < low_end or high > high_end:
        raise checks.refused(
            "wl_range",
            wl_range,
            f"a part of the dataset's wavelengths, {low_end:.2f} to {high_end:.2f} angstrom",
        )
    wl = np.atleast_1d(ds["wl"].values).astype(float)
    weights = along_wl.integration_weights(wl, _edges(ds), (low, high), method)
    if not weights.any():
        raise ArgumentError(
            f'{wl.size} wavelengths are too few for method={method!r}: use method="bins"'
        )
    return weights


def _span(ds: xr.Dataset) -> tuple[float, float]:
    """First and last edge of the wavelength bins."""
    edges = _edges(ds)
    return float(edges.min()), float(edges.max())


def _edges(ds: xr.Dataset) -> np.ndarray:
    """Edges of the wavelength bins, (wl, 2); half way between wavelengths if none are known."""
    if "wl_bounds" in ds.variables:
        return np.atleast_2d(ds["wl_bounds"].values)
    wl = np.atleast_1d(ds["wl"].values).astype(float)
    if wl.size < 2:
        raise MissingStepError("the dataset has no wl_bounds, which give the width of its element")
    middle = (wl[1:] + wl[:-1]) / 2
    ends = [2 * wl[0] - middle[0], *middle, 2 * wl[-1] - middle[-1]]
    return np.stack([ends[:-1], ends[1:]], axis=-1)


def _radiances(ds: xr.Dataset | xr.DataArray) -> tuple[xr.Dataset, list[str]]:
    """A dataset, and the names of its radiances and their errors along wl."""
    if isinstance(ds, xr.DataArray):
        name = str(ds.name) if _NAME.fullmatch(str(ds.name)) else "radiance"
        # An error may be a coordinate of itself.
        ds = ds.drop_vars(name, errors="ignore").to_dataset(name=name)
    ds = unsplit(ds, "wl")
    names = [
        str(name)
        for name, variable in ds.variables.items()
        if _NAME.fullmatch(str(name)) and "wl" in variable.dims
    ]
    if not any(name in ds.data_vars for name in names):
        raise MissingStepError(
            "there is no radiance with dimension wl: call ds.uvis.calibrate() first"
        )
    return ds, names


def _pick(action: _Action, name: str) -> Callable[..., np.ndarray]:
    """What to do to the variable called `name`."""
    value, error, common = action
    found = _NAME.fullmatch(name)
    if found is None or found["error"] is None:
        return value
    return common if found["error"] == "_systematic" else error


def _changed(
    ds: xr.Dataset | xr.DataArray, action: _Action, step: str, took: dict[str, Any]
) -> xr.Dataset | xr.DataArray:
    """The dataset or array with its spectra replaced."""
    source, names = _radiances(ds)
    wl = source["wl"].values.astype(float)
    out = source
    for name in names:
        variable = source[name].variable
        changed = xr.apply_ufunc(
            partial(_pick(action, name), wl=wl),
            variable,
            input_core_dims=[["wl"]],
            output_core_dims=[["wl"]],
            dask="parallelized",
            output_dtypes=[variable.dtype],
        ).transpose(*variable.dims)
        assign = out.assign_coords if name in out.coords else out.assign
        out = assign({name: changed})
    out = conventions.apply(out)
    if isinstance(ds, xr.DataArray):
        return next(iter(out.data_vars.values())).rename(ds.name)
    call = ", ".join(f"{name}={value}" for name, value in took.items())
    return history.used(out.assign_attrs({EDITED: f"{step}({call})"}), took=took)
