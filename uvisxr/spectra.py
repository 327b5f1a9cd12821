"""Spectra along wl: count rates, filling, smoothing, with their errors.

The functions work on every radiance of a dataset, whatever its leading dimensions, before and after
binning, and know by its name how an error goes through them:

- bounds (`_upper`, `_lower`) are those of weighted sums of counts (`numerics.weighted_sums`);
- `_systematic` has a part that goes like the radiance itself, with its sign, and the background's
  (`_background_error`), which has one sign everywhere;
- the scatter (`_std`, `_stderr`) of the changed spectra of a bin's members is not known any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, overload

import numpy as np
import xarray as xr

from . import checks
from .calibration.seal import left_out
from .calibration.stored import (
    EDITED,
    Stored,
    holds_total,
    is_stored,
    mark_filled,
    mark_smoothed,
    scalar,
    single_interval,
    smoothing_weights,
    squeezed,
)
from .dataset import conventions, history, needs
from .dataset.conventions import SMOOTHED, SUMMED
from .dataset.lazy import unsplit
from .errors import ArgumentError, MissingStepError, UvisError, unwarned
from .instrument.detector import Bins, columns_behind
from .numerics import along_wl, weighted_sums
from .numerics.along_wl import Interpolation
from .numerics.poisson import Interval, as_counts, count_errors, missing
from .quality import losses, telling

_NAME = re.compile(
    r"radiance(_weighted)?"
    r"(_upper|_lower|_std|_stderr|_variance|_per_count|_systematic|_background_error)?"
)

#: Means of spectra, and what else may be known of each.
_MEANS = ("radiance", "radiance_weighted")
_ERRORS = ("upper", "lower", "variance", "per_count", "systematic", "background_error")

#: What is not known any more of the means of bins whose spectra were changed.
_OF_MEMBERS = ("_std", "_stderr", "_variance", "_per_count")


class _Step(Protocol):
    """A linear step along wl, on values or, with its weights squared, on variances."""

    def __call__(self, spectra: np.ndarray, wl: np.ndarray, *, squared: bool) -> np.ndarray: ...


@history.step("rate")
def rate(ds: xr.Dataset, interval: Interval = "garwood", quantization: bool = True) -> xr.Dataset:
    """Count rates with their Poisson errors, the background taken off where it is known.

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
        `rate_lower`, its 1-sigma half-widths: those of the counts, the background's included. NaN
        where counts are missing. With the coordinate `background` of `ds.uvis.background`, before
        or after, the rate is counts/t - B n, with n the detector pixels of an element that the slit
        lights, and `rate_systematic` (pixel, wl) is the error of B n. `quality` has the flags of
        lost and partial spectra, as of `calibrate`. Lazy where `counts` are dask arrays.

    Raises
    ------
    MissingStepError
        No `counts` or `exposure`, or, with a background, the spectra are binned.
    ArgumentError
        Unknown interval.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.rate()
    >>> line = ds.rate.sel(wl=1216, method="nearest")[0, 30]
    >>> print(f"{line:.2f} +{line.rate_upper:.2f} -{line.rate_lower:.2f} count/s")
    0.13 +0.03 -0.02 count/s
    """
    checks.choice("interval", interval, Interval)
    checks.choice("quantization", quantization, bool)
    rounded = quantization and ds.attrs.get("compression") == "SQRT_9"
    summed = int(ds.attrs.get(SUMMED, 1))
    binned = "n" in ds.variables and "n" not in ds.dims

    def rates(counts: np.ndarray, exposure: np.ndarray) -> tuple[np.ndarray, ...]:
        counts = as_counts(counts, binned)
        lost = missing(counts)
        values = (counts, *count_errors(counts, interval, rounded, summed))
        # Bins without spectra have no rate.
        seconds = np.where(exposure > 0, exposure, np.nan)
        return tuple(np.where(lost, np.nan, v / seconds).astype(np.float32) for v in values)

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
    out = out.drop_vars("rate_systematic", errors="ignore")
    if _has_frames(ds):
        flags = squeezed(losses.found(ds), dims)
        before = ds.variables.get("quality", flags)
        out = out.assign_coords(quality=(before | flags).astype(np.uint8))
        telling.warn_of_many(ds, out)
    if "background" in ds.variables:
        out = darkened(out, scalar(ds, "background"), scalar(ds, "background_error"))
    return conventions.apply(out)


def _has_frames(ds: xr.Dataset) -> bool:
    """Whether the counts are those of whole frames, of which it is known what must be there.

    A rate takes any counts; what is lost of them can be told where they could be calibrated.
    """
    try:
        # Bounds of wavelengths, which may be lazy, tell nothing of frames.
        with unwarned():
            needs.check(ds.drop_vars("wl_bounds", errors="ignore"), "calibrate")
    except UvisError:
        return False
    return True


def darkened(ds: xr.Dataset, level: float, error: float) -> xr.Dataset:
    """A dataset with a background level taken off its rates.

    Parameters
    ----------
    ds : Dataset
        With `rate`, and `counts` with the detector rows and columns of each.
    level, error : float
        count/s per detector pixel; the error is that of all that was taken off.

    Returns
    -------
    Dataset
        With a new `rate` and `rate_systematic`.
    """
    lit = xr.Variable(("pixel", "wl"), Bins.of(ds).lit_pixels.astype(np.float32))
    lit = squeezed(lit, ds["rate"].dims)
    net = (ds["rate"].variable - np.float32(level) * lit).transpose(*ds["rate"].dims)
    return ds.assign(rate=net).assign_coords(rate_systematic=np.float32(error) * lit)


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
        NaN before the first and after the last finite element of a spectrum stay, and those beside
        wavelengths that were taken out, over which nothing is filled. The bounds of
        what is filled are those of the counts on either side (for "pchip" too with the weights of
        a straight line). Elements whose counts were missing are filled too. `_std` and `_stderr`
        of bins stay NaN: how the members scatter there is not known.

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

    source, names = radiances(ds)
    joined = _joined(source)

    def step(spectra: np.ndarray, wl: np.ndarray, *, squared: bool) -> np.ndarray:
        return along_wl.fill(spectra, wl, method, squared, joined)

    out = _changed(source, names, step, "fill_nan", {"method": method}, filling=True)
    out = conventions.apply(out)
    return _as_array(out, ds) if isinstance(ds, xr.DataArray) else mark_filled(out, method)


@overload
def smooth(
    ds: xr.Dataset,
    weights: Sequence[float] | np.ndarray = along_wl.SMOOTHING,
    force: bool = False,
) -> xr.Dataset: ...


@overload
def smooth(
    ds: xr.DataArray,
    weights: Sequence[float] | np.ndarray = along_wl.SMOOTHING,
    force: bool = False,
) -> xr.DataArray: ...


@history.step("smooth")
def smooth(
    ds: xr.Dataset | xr.DataArray,
    weights: Sequence[float] | np.ndarray = along_wl.SMOOTHING,
    force: bool = False,
) -> xr.Dataset | xr.DataArray:
    """Smooth spectra along wl, each by itself.

    Parameters
    ----------
    ds : Dataset or DataArray
        All radiances of a dataset, or one array with dimension wl. `calibrate` smooths most FUV
        radiances unless told otherwise.
    weights : sequence of float
        An odd number of weights; scaled to a sum of 1.
    force : bool
        Smooth what is smoothed already, by `calibrate` or before.

    Returns
    -------
    Dataset or DataArray
        No weight reaches over a NaN, the end of a spectrum or wavelengths that were taken out (a
        single array, which does not hold the edges of its elements, shows these by uneven steps):
        those that remain are scaled to a sum of 1, so that a constant stays one. Bounds are
        those of sums of counts with these weights: exactly where the dataset holds its counts and
        the calibration's terms, as `calibrate` does it; else of counts that its bounds tell, where
        what was filled is taken as independent of its neighbours. `_std` and `_stderr` of bins are
        left out: the scatter of smoothed members is not known.

    Raises
    ------
    ArgumentError
        There is an even number of weights, more than reach over all wavelengths, or they are not
        finite or sum to nothing.
    MissingStepError
        No radiance.
    UvisError
        The dataset is smoothed already, and `force` is False.

    Examples
    --------
    >>> import xarray as xr
    >>> spectrum = {"radiance": ("wl", [0.0, 0.0, 4.0, 0.0, 0.0])}
    >>> ds = xr.Dataset(spectrum, {"wl": [1500.0, 1501.0, 1502.0, 1503.0, 1504.0]})
    >>> ds.uvis.smooth(weights=[1, 2, 1]).radiance.values
    array([0., 1., 2., 1., 0.])
    """
    checks.choice("force", force, bool)
    source, names = radiances(ds)
    _check_count(weights, source.sizes["wl"])
    given = np.array(checks.numbers("weights", weights, "an odd number of weights", least=0))
    if given.size % 2 == 0:
        raise checks.refused("weights", weights, "an odd number of weights")
    if given[given.size // 2] == 0:
        raise checks.refused("weights", weights, "a weight above 0 in the middle")
    before = smoothing_weights(source)
    if before.size > 1 and not force:
        raise UvisError(
            "the radiance is smoothed already: calibrate with smooth=False, or smooth it once more "
            "with force=True"
        )
    scaled = given / given.sum()
    # Elements that were smoothed together do not average out as independent ones do.
    both = _power(np.convolve(before, scaled))
    together = both / (_power(before) * _power(scaled))
    joined = _joined(source)

    def step(spectra: np.ndarray, wl: np.ndarray, *, squared: bool) -> np.ndarray:
        smoothed = along_wl.smooth(spectra, scaled, squared, joined)
        return smoothed * together if squared else smoothed

    out = _changed(source, names, step, "smooth", {"weights": scaled.tolist()}, filling=False)
    if "radiance_correlation" in out.variables:
        # What one element shares with all others of its spectrum, of which it is now a part.
        out["radiance_correlation"] = out["radiance_correlation"] * (_power(before) / both)
    out = mark_smoothed(out, scaled)
    if isinstance(ds, xr.DataArray):
        return _as_array(out, ds)
    return _from_counts(out) if before.size == 1 and is_stored(ds) else out


def _check_count(weights: object, n_wl: int) -> None:
    """Refuse more weights than count, before they are looked at: they may be very many."""
    # An array without dimensions has the method, but no length.
    count = (
        len(weights) if isinstance(weights, Sized) and getattr(weights, "ndim", None) != 0 else 0
    )
    if count > 2 * n_wl - 1:
        raise ArgumentError(
            f"weights=[...]: expected no more than reach over {n_wl} wavelengths, {2 * n_wl - 1}, "
            f"instead of {count}"
        )


def _joined(ds: xr.Dataset) -> np.ndarray:
    """Which elements are neighbours of the next, bool (wl - 1,)."""
    return along_wl.neighbours(edges(ds)) if ds.sizes["wl"] > 1 else np.ones(0, bool)


def edges(ds: xr.Dataset) -> np.ndarray:
    """Lower and upper edges of the wavelength bins, (wl, 2), in the order of the wavelengths.

    Arrays have no `wl_bounds`: edges are those of the columns that `band` and `wl` tell, or else
    half way between wavelengths, except where a step that is longer than those around tells of a
    hole.

    Raises
    ------
    MissingStepError
        One element, whose width nothing tells.
    """
    if "wl_bounds" in ds.variables:
        bounds = ds["wl_bounds"]
        order = bounds.transpose("wl", ...) if "wl" in bounds.dims else bounds
        return np.sort(np.atleast_2d(order.values).astype(float), axis=-1)
    wl = np.atleast_1d(ds["wl"].values).astype(float)
    if "band" in ds.variables and ds["band"].dims == ds["wl"].dims:
        band = np.atleast_1d(ds["band"].values)
        found = columns_behind(wl, band.astype(float)) if band.dtype.kind in "iuf" else None
        if found is not None:
            channel, n_band = found
            first = band.astype(float) - 0.5
            return channel.wavelength(np.stack([first, first + n_band], axis=-1))
    if wl.size < 2:
        raise MissingStepError("the dataset has no wl_bounds, which give the width of its element")
    return along_wl.edges_of_neighbours(wl, along_wl.neighbours_by_steps(wl))


def _power(weights: np.ndarray) -> float:
    return float((weights**2).sum())


def _from_counts(ds: xr.Dataset) -> xr.Dataset:
    """A smoothed dataset as `calibrate` smooths it: with the bounds of its counts."""
    ds = ds.copy(deep=False)
    ds.attrs.pop(EDITED)
    found = Stored.of(ds).radiances()
    known = ds["radiance"].variable.notnull()
    errors = [f"radiance_{e}" for e in ("upper", "lower", "systematic")]
    there = {e: found[e].where(known) for e in errors if e in ds.variables}
    return conventions.apply(ds.assign_coords(there))


def radiances(ds: xr.Dataset | xr.DataArray) -> tuple[xr.Dataset, list[str]]:
    """A dataset, and the names of its radiances and their errors along wl.

    An array becomes the radiance of a dataset, its coordinates the errors.

    Raises
    ------
    MissingStepError
        No radiance.
    """
    if isinstance(ds, xr.DataArray):
        name = str(ds.name) if _NAME.fullmatch(str(ds.name)) else "radiance"
        smoothed = {SMOOTHED: ds.attrs[SMOOTHED]} if SMOOTHED in ds.attrs else {}
        # An error may be a coordinate of itself.
        ds = ds.drop_vars(name, errors="ignore").to_dataset(name=name).assign_attrs(smoothed)
    ds = unsplit(ds, "wl")
    names = [
        str(name)
        for name, variable in ds.variables.items()
        if _NAME.fullmatch(str(name)) and "wl" in variable.dims
    ]
    if not any(name in ds.data_vars for name in names):
        if "brightness" in ds.variables:
            raise MissingStepError("the spectra are integrated already: do this step before")
        first = "call ds.uvis.calibrate() first"
        if "radiance" in left_out(ds):
            first = "the file leaves it out: open it with uvisxr.open_reduced(path)"
        raise MissingStepError(f"there is no radiance with dimension wl: {first}")
    return ds, names


@dataclass(frozen=True)
class Quantity:
    """A radiance and the names of its errors, those that are there.

    Attributes
    ----------
    value : str
    errors : dict of str to str
    """

    value: str
    errors: dict[str, str]

    @property
    def bounded(self) -> bool:
        """Whether it has bounds."""
        return {"upper", "lower"} <= self.errors.keys()


def quantities(names: Sequence[str]) -> Iterator[Quantity]:
    """The radiances among these names; one that is an error itself stands alone."""
    left = set(names)
    for mean in _MEANS:
        if mean in left:
            errors = {e: f"{mean}_{e}" for e in _ERRORS if f"{mean}_{e}" in left}
            left -= {mean, *errors.values()}
            yield Quantity(mean, errors)
    for name in names:
        if name in left and _NAME.fullmatch(name):
            yield Quantity(name, {})


def _as_array(ds: xr.Dataset, like: xr.DataArray) -> xr.DataArray:
    """The radiance of a dataset, with the name of an array."""
    return next(iter(ds.data_vars.values())).rename(like.name)


def _changed(
    source: xr.Dataset,
    names: list[str],
    step: _Step,
    name: str,
    took: dict[str, Any],
    filling: bool,
) -> xr.Dataset:
    """The dataset with its radiances of these names, and their errors, replaced."""
    wl = source["wl"].values.astype(float)
    scatter = [n for n in names if n.endswith(_OF_MEMBERS)]
    if len(scatter) == len(names):
        scatter = []
    out = source if filling else source.drop_vars(scatter)
    for quantity in quantities([n for n in names if n not in scatter]):
        variables = {"value": source[quantity.value].variable}
        errors = {key: source[error].variable for key, error in quantity.errors.items()}
        variables |= {e: errors[e] for e in ("upper", "lower", "systematic") if e in errors}
        # Of all exposures in common, it has fewer dimensions.
        background = errors.get("background_error")
        found = xr.apply_ufunc(
            partial(
                _stepped,
                keys=tuple(variables),
                step=step,
                filling=filling,
                total=holds_total(source),
                interval=single_interval(source),
            ),
            *variables.values(),
            *([] if background is None else [background]),
            kwargs={"wl": wl},
            input_core_dims=[["wl"]] * (len(variables) + (background is not None)),
            output_core_dims=[["wl"]] * len(variables),
            dask="parallelized",
            output_dtypes=[v.dtype for v in variables.values()],
        )
        arrays = found if isinstance(found, tuple) else (found,)
        changed = dict(zip(variables, arrays, strict=True))
        if background is not None:
            changed["background_error"] = xr.apply_ufunc(
                partial(step, squared=False),
                background,
                kwargs={"wl": wl},
                input_core_dims=[["wl"]],
                output_core_dims=[["wl"]],
                dask="parallelized",
                output_dtypes=[background.dtype],
            )
            variables["background_error"] = background
        for key, variable in changed.items():
            target = quantity.errors.get(key, quantity.value)
            assign = out.assign_coords if target in out.coords else out.assign
            out = assign({target: variable.transpose(*variables[key].dims)})
    call = ", ".join(f"{key}={value}" for key, value in took.items())
    return history.used(out.assign_attrs({EDITED: f"{name}({call})"}), took=took)


def _stepped(
    *spectra: np.ndarray,
    keys: tuple[str, ...],
    step: _Step,
    filling: bool,
    total: bool,
    interval: Interval,
    wl: np.ndarray,
) -> tuple[np.ndarray, ...] | np.ndarray:
    """Values and errors after a step, in the order of `keys`; the array itself if it is one."""
    before = dict(zip(keys, spectra, strict=False))
    after = {"value": step(before["value"], wl, squared=False)}
    if "systematic" in before:
        background = spectra[-1] if len(spectra) > len(keys) else None
        part = weighted_sums.calibration_part(before["systematic"], background, before["value"])
        after["systematic"] = np.abs(step(part, wl, squared=False))
        if background is not None:
            whole = np.broadcast_to(background, part.shape)
            common = step(np.ascontiguousarray(whole), wl, squared=False)
            after["systematic"] = np.hypot(after["systematic"], common)
    if {"upper", "lower"} <= before.keys():
        after["upper"], after["lower"] = _bounds(before, after, step, total, interval, wl)
        if filling:
            for key in ("upper", "lower"):
                after[key] = np.where(np.isnan(before[key]), after[key], before[key])
    found = tuple(after[key].astype(before[key].dtype, copy=False) for key in keys)
    return found if len(found) > 1 else found[0]


def _bounds(
    before: dict[str, np.ndarray],
    after: dict[str, np.ndarray],
    step: _Step,
    total: bool,
    interval: Interval,
    wl: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Half-widths after a step."""
    total = total and "systematic" in before
    upper, lower = before["upper"], before["lower"]
    if total:
        upper, lower = (weighted_sums.without(b, before["systematic"]) for b in (upper, lower))
    y, s = weighted_sums.counted(upper, lower, interval)
    variance, squares = (step(a, wl, squared=True) for a in (s * y, s * s))
    with np.errstate(invalid="ignore", divide="ignore"):
        s0 = squares / step(s, wl, squared=False)
    upper, lower = weighted_sums.bounds(step(y, wl, squared=False), variance, s0)
    if total:
        upper, lower = (np.hypot(b, after["systematic"]) for b in (upper, lower))
    return upper, lower
