"""Integrals of spectra over wavelength, with their errors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from . import checks
from .calibration.joined import Joined, warn_of_unknown
from .calibration.stored import (
    Stored,
    has_terms,
    holds_total,
    is_stored,
    single_interval,
    smoothing_weights,
    squeezed,
)
from .dataset import conventions, history
from .dataset.checking.frame import check_range
from .errors import ArgumentError, warn_user
from .numerics import along_wl, weighted_sums
from .numerics.along_wl import Integration
from .numerics.poisson import Interval
from .quality.losses import unsent
from .spectra import Quantity, edges, quantities, radiances


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
        within a bin included, and none goes over wavelengths that were taken out.
    skipna : bool
        Where elements of the range are missing: False gives NaN; True takes the light at those
        that are known and scales it by the share of the range they cover, `brightness_share`:
        right for a flat spectrum only.

    Returns
    -------
    Dataset
        kR. `brightness` with the coordinates `brightness_upper`, `brightness_lower`,
        `brightness_systematic` and, where the calibration's terms are there, `brightness_filled`
        (pixel), the share of the range that was filled. All other variables and coordinates that
        have no wavelength stay, and the scalar coordinate `wl` has the range as its `wl_bounds`: it
        can be binned, plotted and written. Bins have a `brightness_weighted` for each
        `radiance_weighted`, but no `brightness_std` or `brightness_stderr`: how the integrals of
        the members scatter cannot be told from their mean spectrum. Integrate first, then bin.

        Where the dataset still holds its counts and the calibration's terms, the bounds are those
        of the counts with the weights they have in the integral, after filling and smoothing;
        `brightness_per_count` is the scale of one more count. Else, and where the radiance was
        changed since, for bins, single arrays, and
        what was smoothed or filled afterwards, they are made of what the bounds of the elements
        tell of their counts, with the correlation that smoothing and, in bins, filling gave to
        neighbours. Systematic errors add as they are.

    Raises
    ------
    ArgumentError
        The range is out of order, reaches out of the dataset's wavelengths or over some that it
        lacks, or the dataset holds fewer elements than the method needs; unknown method.
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
    source, names = radiances(ds)
    weights = weights_of(source, wl_range, method)
    ends = span(source) if wl_range is None else (float(wl_range[0]), float(wl_range[1]))
    stored = Stored.of(source) if has_terms(source) else None
    # Only the elements that enter are looked at.
    used = np.flatnonzero(weights)
    part = slice(used[0], used[-1] + 1)
    near = None if stored is None else _Near.of(stored, part, weights[part])
    joined = Joined.of(source) if stored is None else None
    if near is not None:
        _warn_of_rulers(near.stored.light()[0][0], near.weights, near.stored.ds)
    elif isinstance(ds, xr.Dataset):
        if joined is not None:
            _warn_of_rulers(joined.first(), weights, source)
        warn_of_unknown(source, "integrate")
    _warn_of_unknown_smoothing(source)
    rule = _Rule(
        weights=weights[part],
        skipna=skipna,
        correlation=_correlation(smoothing_weights(source)),
        total=holds_total(source),
        interval=single_interval(source),
    )
    exact = stored is not None and is_stored(source) and "radiance" in source.data_vars
    behind = None
    if near is not None and exact:
        behind = _Behind.of(near)
    elif joined is not None and "radiance" in source.data_vars:
        sums = joined.integrals(weights)
        behind = None if sums is None else _Behind(sums)
    found: dict[str, xr.Variable] = {}
    for quantity in quantities([n for n in names if not n.endswith(("_std", "_stderr"))]):
        wanted = _wanted(source[quantity.value].variable, wl_range is None, stored, joined)
        single = quantity.value == "radiance"
        counts = behind if single else None
        # Only radiances that were changed since would need those of the calibration.
        correlated = _covariances(source, part, None if exact and single else near, joined)
        found |= _integrated(source, quantity, part, rule, wanted, correlated, counts)
    if near is not None:
        found["brightness_filled"] = _filled(near, wl_range is None)
    if joined is not None:
        found["brightness_filled"] = joined.filled(weights, wl_range is None)
        if "exposure" in source.variables and "brightness_per_count" not in found:
            found["brightness_per_count"] = joined.per_count(weights)
    rest = source.drop_dims("wl") if "wl" in source.dims else source.drop_vars(["wl", *names])
    values = {_brightness(name) for name in names if name in source.data_vars}
    out = rest.assign({n: v for n, v in found.items() if n in values})
    out = out.assign_coords({n: v for n, v in found.items() if n not in values})
    return conventions.apply(
        out.assign_coords(wl=sum(ends) / 2, wl_bounds=("bnds", np.array(ends)))
    )


def brightness(
    ds: xr.Dataset, wl_range: tuple[float, float] | None = None, method: Integration = "bins"
) -> xr.DataArray:
    """The brightness of a dataset: the integral of its spectra, or what `integrate` has left.

    Parameters
    ----------
    ds : Dataset
    wl_range, method
        As in `integrate`.

    Returns
    -------
    DataArray
        kR, with its errors as coordinates and the attribute `wl_range`.

    Raises
    ------
    ArgumentError
        A range is given that is not that of the integral, integrals over several were joined, or
        as `integrate`.
    """
    if "brightness" not in ds.data_vars or "radiance" in ds.data_vars:
        ds = integrate(ds, wl_range, method)
    check_range(ds, "brightness")
    found: xr.DataArray = ds["brightness"]
    if "wl_bounds" not in ds.coords:
        return found
    low, high = (float(w) for w in ds["wl_bounds"].values)
    if wl_range is not None and not np.allclose(wl_range, (low, high)):
        raise ArgumentError(
            f"wl_range={wl_range!r}: the spectra are integrated already, from {low:g} to {high:g} "
            "angstrom"
        )
    return found.assign_attrs(wl_range=(low, high))


#: Elements worked on at once: a few arrays of them fit in a processor's cache.
_BLOCK = 2**16

#: Weight of an element, over the mean one, from which on it rules an integral. Simulated sums whose
#: weights are more uneven have bounds that hold the truth in half of the trials, or in all.
_RULES = 20.0

#: Difference, relative, from which on half-widths are others than a variance and scale make: well
#: above the steps of their tables.
_OTHER = 0.05

#: How many elements before the end of the known ones an integral must end; None if it is at the
#: edge of the last.
_NEIGHBOURS: dict[Integration, int | None] = {"bins": None, "trapezoid": 0, "simpson": 1}

#: Part of what is usual that a row must have of a range to be heeded when the range is narrowed.
_USUAL = 0.9

#: Difference between an integral and that of the counts, relative, from which on it is another:
#: well above what the rounding of time-dependent weights can make.
_CHANGED = 0.01


@dataclass(frozen=True, eq=False)
class _Near:
    """What an integral is made of: the counts in its range, and those that fill and smooth it.

    Attributes
    ----------
    stored : Stored
    part : slice
        The elements of the integral in it.
    weights : ndarray, (wl,)
        Weights in the integral, 0 outside of `part`.
    """

    stored: Stored
    part: slice
    weights: np.ndarray

    @classmethod
    def of(cls, stored: Stored, part: slice, weights: np.ndarray) -> _Near:
        """Of the weights of a part of the spectra."""
        near, place = stored.around(part)
        spread = np.zeros(near.conversion.wl.size)
        spread[place] = weights
        return cls(near, place, spread)

    def covariances(self) -> np.ndarray:
        """Sums of the covariances of elements with their spectra over their variances."""
        sums, variances = (planes[:, self.part] for planes in self.stored.covariances())
        with np.errstate(invalid="ignore"):
            return np.asarray(sums / variances)


@dataclass(frozen=True, eq=False)
class _Behind:
    """The counts behind integrals of radiances.

    Attributes
    ----------
    sums : tuple of Variable
        See `Conversion.integrals`.
    covariances : callable, optional
        Gives those of `_Near`, where each spectrum has not its own.
    """

    sums: tuple[xr.Variable, ...]
    covariances: Callable[[], np.ndarray] | None = None

    @classmethod
    def of(cls, near: _Near) -> _Behind:
        """Of the counts of one calibration."""
        sums = near.stored.map(
            partial(near.stored.conversion.integrals, over=near.weights),
            [("pixel",)] * 4,
            [np.float32] * 4,
        )
        return cls(sums, near.covariances)


@dataclass(frozen=True, eq=False)
class _Rule:
    """How spectra and their errors become integrals.

    Attributes
    ----------
    weights : ndarray, (wl,)
    skipna : bool
    correlation : ndarray
        Of the errors of elements 0, 1, 2, ... apart.
    total : bool
        Whether bounds hold the systematic error too.
    interval : {"garwood", "score"}
        Of the bounds.
    """

    weights: np.ndarray
    skipna: bool
    correlation: np.ndarray
    total: bool
    interval: Interval

    def values(
        self, value: np.ndarray, wanted: np.ndarray, *common: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Integrals of values, and of their systematic errors if given; the known share.

        `common` are systematic errors and, if known, the background's part.
        """
        shape, n = value.shape[:-1], value.shape[-1]
        rows = [np.broadcast_to(a, value.shape).reshape(-1, n) for a in (value, wanted, *common)]
        out = [np.empty(rows[0].shape[0]) for _ in range(3 if common else 2)]
        # A few at a time, which stay in the cache.
        step = max(1, _BLOCK // n)
        for start in range(0, rows[0].shape[0], step):
            some = slice(start, start + step)
            part, there, *errors = (a[some] for a in rows)
            known, share = self._known(part, there)
            out[0][some] = _sum(part, known, self.weights) / share
            if errors:
                out[1][some] = self._common(part, known, *errors) / share
            out[-1][some] = share
        return tuple(a.reshape(shape) for a in out)

    def _common(
        self,
        value: np.ndarray,
        known: np.ndarray,
        systematic: np.ndarray,
        background: np.ndarray | None = None,
    ) -> np.ndarray:
        """Systematic errors of integrals over the whole of the known elements."""
        part = weighted_sums.calibration_part(systematic, background, value)
        found: np.ndarray = np.abs(_sum(part, known, self.weights))
        if background is not None:
            found = np.hypot(found, _sum(background, known, np.abs(self.weights)))
        return found

    def bounds(
        self,
        value: np.ndarray,
        wanted: np.ndarray,
        upper: np.ndarray,
        lower: np.ndarray,
        correlated: np.ndarray,
        variance: np.ndarray,
        per_count: np.ndarray,
        *common: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Half-widths of integrals, from those of the elements.

        `correlated` is the sum of an element's covariances with all others, over its variance;
        `variance` and `per_count` are NaN where only half-widths tell them; `common` as in
        `values`.
        """
        known, share = self._known(value, np.broadcast_to(wanted, value.shape))
        if self.total and common:
            upper, lower = (weighted_sums.without(b, common[0]) for b in (upper, lower))
        y, s = weighted_sums.counted(upper, lower, self.interval)
        # Half-widths that are not theirs are of bins that were changed since.
        scaled = s * (y + per_count)
        theirs = np.abs(scaled - (variance + per_count**2)) <= _OTHER * scaled
        variance, s = np.where(theirs, variance, s * y), np.where(theirs, per_count, s)
        weights = np.where(known, np.abs(self.weights), 0.0)
        # What the smoothing does not explain comes from filling.
        smoothed = self.correlation[0] + 2 * self.correlation[1:].sum()
        further = np.sqrt(np.nan_to_num(correlated / smoothed, nan=1.0))
        y, s, variance = (np.where(known, a, 0.0) for a in (y, s, variance))
        variance = _correlated(weights * np.sqrt(variance) * further, self.correlation)
        squares = _correlated(weights * s * further, self.correlation)
        with np.errstate(invalid="ignore", divide="ignore"):
            s0 = squares / (weights * s).sum(-1)
        found = weighted_sums.bounds((weights * y).sum(-1), variance, s0)
        if self.total and common:
            both = self._common(value, known, *common)
            found = np.hypot(found[0], both), np.hypot(found[1], both)
        return found[0] / share, found[1] / share

    def from_counts(
        self,
        covariances: Callable[[], np.ndarray] | None,
        row: np.ndarray,
        integral: np.ndarray,
        share: np.ndarray,
        counted: np.ndarray,
        variance: np.ndarray,
        scale: np.ndarray,
        dark: np.ndarray,
        *spectra: np.ndarray,
    ) -> tuple[np.ndarray, ...]:
        """Half-widths of integrals from the sums behind them, and the integral of one more count.

        `spectra` are the arguments of `bounds`, which serve where the integral is not that of the
        counts: its radiance was changed since. What is `correlated` they have from `covariances`
        (pixel, wl), if given, each spectrum from its `row`.
        """
        value, wanted = spectra[:2]
        share = share.astype(np.float32)
        with np.errstate(invalid="ignore"):
            upper, lower = weighted_sums.bounds(counted, variance, scale)
            changed = np.abs(integral * share + dark - counted) > _CHANGED * (counted + scale)
        found = np.asarray(upper / share), np.asarray(lower / share)
        common = spectra[7:]
        if self.total and common:
            known, _ = self._known(value, np.broadcast_to(wanted, value.shape))
            both = self._common(value, known, *common) / share
            found = np.asarray(np.hypot(found[0], both)), np.asarray(np.hypot(found[1], both))
        if changed.any():
            of_rows = spectra[4] if covariances is None else covariances()[row]
            given = [*spectra[:4], of_rows, *spectra[5:]]
            some = [np.broadcast_to(a, value.shape)[changed] for a in given]
            for bound, own in zip(found, self.bounds(*some), strict=True):
                bound[changed] = own
        return *found, scale / share

    def _known(self, spectra: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Elements that count, and the share of the range by which their integral is divided.

        NaN where elements are missing that are `wanted` and may not be; 1 where nothing is.
        """
        weights = self.weights
        known = np.isfinite(spectra)
        if known.all():
            return known, np.full(spectra.shape[:-1], 1.0 if weights.sum() else np.nan)
        wanted = wanted & (weights != 0)
        total = np.where(wanted, weights, 0.0).sum(-1)
        there = np.where(wanted & known, weights, 0.0).sum(-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(total != 0, there / total, np.nan)
        complete = ~(wanted & ~known).any(-1)
        scaled = np.where((share > 0) & self.skipna, share, np.nan)
        return known, np.where(complete & (total != 0), 1.0, scaled)


def _sum(values: np.ndarray, known: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums over the known elements of each spectrum."""
    return np.asarray(np.einsum("...w,w->...", np.where(known, values, 0), weights))


def _wanted(
    value: xr.Variable, bare: bool, stored: Stored | None, joined: Joined | None
) -> xr.Variable:
    """Elements that an integral wants: all of its range, or of those that can have a value.

    What has no sensitivity cannot have one, nor what a product never transmits. Where that is not
    known, it is what lies between the first and the last value of each spectrum.
    """
    if not bare:
        return xr.Variable("wl", np.ones(value.sizes["wl"], bool))
    if stored is not None:
        known = xr.Variable(("pixel", "wl"), _sensitive(stored))
        return squeezed(known & _sent(stored.ds), (*stored.ds["counts"].dims, "wl"))
    if joined is not None and "counts" in joined.ds.variables:
        return squeezed(joined.sensitive() & _sent(joined.ds), (*value.dims, "wl"))
    between: xr.Variable = xr.apply_ufunc(
        lambda spectra: along_wl.between_values(np.isfinite(spectra)),
        value,
        input_core_dims=[["wl"]],
        output_core_dims=[["wl"]],
        dask="parallelized",
        output_dtypes=[bool],
    )
    return between


def _sent(ds: xr.Dataset) -> xr.Variable:
    """Elements that the product of each exposure transmits."""
    never, product = unsent(ds)
    alone = product.max(initial=0) == 0
    sent: xr.Variable = ~never.isel(product_=0 if alone else xr.Variable("pic", product))
    return sent


def _integrated(
    ds: xr.Dataset,
    quantity: Quantity,
    part: slice,
    rule: _Rule,
    wanted: xr.Variable,
    correlated: xr.Variable,
    behind: _Behind | None,
) -> dict[str, xr.Variable]:
    """Integrals of a quantity and its errors, from the counts if they are given."""
    errors = quantity.errors
    value = ds[quantity.value].variable.isel(wl=part)
    there = wanted.isel(wl=part)
    common = []
    if "systematic" in errors:
        names = [errors[e] for e in ("systematic", "background_error") if e in errors]
        common = [ds[name].variable.isel(wl=part) for name in names]
    *integrals, share = xr.apply_ufunc(
        rule.values,
        value,
        there,
        *common,
        input_core_dims=[["wl"]] * (len(common) + 2),
        output_core_dims=[[]] * (3 if common else 2),
        dask="parallelized",
        output_dtypes=[float] * (3 if common else 2),
    )
    names = [quantity.value, *([errors["systematic"]] if common else [])]
    found = {
        _brightness(name): integral.astype(value.dtype)
        for name, integral in zip(names, integrals, strict=True)
    }
    if "background_error" in errors:
        found[_brightness(errors["background_error"])] = xr.apply_ufunc(
            lambda spectra: _sum(spectra, np.isfinite(spectra), np.abs(rule.weights)),
            ds[errors["background_error"]].variable.isel(wl=part),
            input_core_dims=[["wl"]],
            dask="parallelized",
            output_dtypes=[float],
        ).astype(value.dtype)
    if rule.skipna:
        found[f"{_brightness(quantity.value)}_share"] = share.astype(np.float32)
    if not quantity.bounded:
        return found
    half_widths = [ds[errors[e]].variable.isel(wl=part) for e in ("upper", "lower")]
    unknown = xr.Variable("wl", np.full(value.sizes["wl"], np.nan))
    counts = [
        ds[errors[e]].variable.isel(wl=part) if e in errors else unknown
        for e in ("variance", "per_count")
    ]
    spectra = [value, there, *half_widths, correlated, *counts, *common]
    names = [_brightness(errors[e]) for e in ("upper", "lower")]
    given: list[xr.Variable] = []
    function: Callable[..., tuple[np.ndarray, ...]] = rule.bounds
    if behind is not None:
        names.append("brightness_per_count")
        dims = [d for d in value.dims if d != "wl"]
        function = partial(rule.from_counts, behind.covariances)
        row = xr.Variable("pixel", np.arange(ds.sizes.get("pixel", 1)))
        given = [
            squeezed(row, dims),
            found[_brightness(quantity.value)],
            share,
            *(squeezed(v, dims) for v in behind.sums),
        ]
    bounds = xr.apply_ufunc(
        function,
        *given,
        *spectra,
        input_core_dims=[[]] * len(given) + [["wl"]] * len(spectra),
        output_core_dims=[[]] * len(names),
        dask="parallelized",
        output_dtypes=[float] * len(names),
    )
    dims = found[_brightness(quantity.value)].dims
    return found | {
        name: bound.transpose(*dims).astype(half_widths[0].dtype)
        for name, bound in zip(names, bounds, strict=True)
    }


def _warn_of_unknown_smoothing(ds: xr.Dataset) -> None:
    """Say where nothing tells whether neighbours were smoothed together, and so share errors."""
    if not {"radiance", "radiance_upper"} <= ds.variables.keys() or smoothing_weights(ds).size > 1:
        return
    # Arithmetic drops the attributes of a variable, not those of its dataset.
    if "units" not in ds.variables["radiance"].attrs and "channel" not in ds.attrs:
        warn_user(
            "the radiance has lost its attributes, as after drop_attrs, and with them whether it "
            "was smoothed: the error bars of the integral are those of spectra that were not, half "
            "as large as those of smoothed ones; integrate before, or keep the attributes"
        )


def _warn_of_rulers(light: np.ndarray, weights: np.ndarray, ds: xr.Dataset) -> None:
    """Say where one count is worth so much more than others that no bounds are good.

    `light` is the sensitivity (pixel, wl) of an exposure.
    """
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        worth = np.abs(weights) * np.nanmedian(1 / light, axis=0)
        mean = np.nanmean(np.where(worth > 0, worth, np.nan))
    ruling = np.flatnonzero(worth > _RULES * mean)
    if ruling.size:
        wl = np.atleast_1d(ds["wl"].values)
        ends = dict.fromkeys(f"{end:.0f}" for end in (wl[ruling].min(), wl[ruling].max()))
        warn_user(
            f"one count at {' to '.join(ends)} angstrom, where the "
            f"sensitivity is next to nothing, is worth up to {np.nanmax(worth) / mean:.0f} times "
            "the mean of the range: no error bars of such an integral are good; leave these "
            "wavelengths out with wl_range"
        )


def _sensitive(stored: Stored) -> np.ndarray:
    """Elements from the first to the last with a sensitivity, bool (pixel, wl)."""
    return along_wl.between_values(stored.conversion.valid)


def _filled(near: _Near, bare: bool) -> xr.Variable:
    """Share of the range that was filled, (pixel,)."""
    stored, weights = near.stored, near.weights
    valid, known = stored.conversion.valid, stored.conversion.chain.composition.known
    taken = np.broadcast_to(weights, valid.shape)
    if bare:
        taken = np.where(_sensitive(stored), taken, 0.0)
    with np.errstate(invalid="ignore"):
        filled = np.where(known & ~valid, taken, 0.0).sum(-1) / taken.sum(-1)
    filled[~known.any(-1)] = np.nan
    return squeezed(xr.Variable("pixel", filled.astype(np.float32)), stored.ds["counts"].dims)


def _covariances(
    ds: xr.Dataset, part: slice, near: _Near | None, joined: Joined | None
) -> xr.Variable:
    """Sums of the covariances of elements with their spectra over their variances, or NaN."""
    if "radiance_correlation" in ds.variables:
        return ds["radiance_correlation"].variable.isel(wl=part)
    if joined is not None:
        return joined.correlation().isel(wl=part)
    if near is None:
        return xr.Variable("wl", np.full(part.stop - part.start, np.nan))
    found = xr.Variable(("pixel", "wl"), near.covariances())
    return squeezed(found, (*near.stored.ds["counts"].dims, "wl"))


def _brightness(name: str) -> str:
    return name.replace("radiance", "brightness", 1)


def _correlation(smoothing: np.ndarray) -> np.ndarray:
    """Correlation of elements 0, 1, 2, ... apart, of the smoothing that made them."""
    both = np.correlate(smoothing, smoothing, "full")
    return np.asarray(both[both.size // 2 :] / both.max())


def _correlated(errors: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Variance (...) of a sum of elements with errors (..., wl)."""
    total = (errors * errors).sum(-1)
    for lag, share in enumerate(correlation[1:], 1):
        total += 2 * share * (errors[..., lag:] * errors[..., :-lag]).sum(-1)
    return np.asarray(total)


def weights_of(
    ds: xr.Dataset, wl_range: tuple[float, float] | None, method: Integration = "bins"
) -> np.ndarray:
    """Weights of the elements in an integral of a dataset, (wl,), angstrom.

    Arguments and errors as of `integrate`.
    """
    if not ds.sizes["wl"]:
        raise ArgumentError("no wavelength is left to integrate over")
    low_end, high_end = low, high = span(ds)
    if wl_range is not None:
        low, high = checks.pair("wl_range", wl_range, "wavelengths, angstrom")
    if low < low_end or high > high_end:
        raise checks.refused(
            "wl_range",
            wl_range,
            f"a part of the dataset's wavelengths, {low_end:.2f} to {high_end:.2f} angstrom"
            f"{checks.as_if_in_nm((low, high), low_end, high_end)}",
        )
    wl = np.atleast_1d(ds["wl"].values).astype(float)
    ends = edges(ds)
    weights = along_wl.integration_weights(wl, ends, (low, high), method)
    _check_whole(ends, low, high)
    if not weights.any():
        raise ArgumentError(
            f'{wl.size} wavelengths are too few for method={method!r}: use method="bins"'
        )
    return weights


def _check_whole(ends: np.ndarray, low: float, high: float) -> None:
    """Refuse a range of which elements with these edges do not cover all."""
    ends, width = ends[np.argsort(ends[:, 0])], high - low
    covered = np.minimum(ends[:, 1], high) - np.maximum(ends[:, 0], low)
    if abs(covered[covered > 0].sum() - width) <= 1e-6 * width:
        return
    apart = np.minimum(ends[1:, 0], high) - np.maximum(ends[:-1, 1], low)
    place = apart.argmax() if apart.size else 0
    raise ArgumentError(
        f"the dataset lacks wavelengths between {low:.2f} and {high:.2f} angstrom, after "
        f"{ends[place, 1]:.2f}: integrate the parts by themselves"
    )


def span(ds: xr.Dataset) -> tuple[float, float]:
    """First and last edge of a dataset's wavelength bins, angstrom."""
    ends = edges(ds)
    return float(ends.min()), float(ends.max())


def known_range(
    ds: xr.Dataset, low: float, high: float, method: Integration = "bins"
) -> tuple[float, float]:
    """The part of a range of wavelengths over which the rows have values.

    The ends of a detector's range fall on other columns in every row: an integral that reaches
    beyond the last value of a row has none in it.

    Parameters
    ----------
    ds : Dataset
        With `radiance`.
    low, high : float
        Angstrom.
    method : {"bins", "trapezoid", "simpson"}
        Of the integral.

    Returns
    -------
    (float, float)
        Where all rows have values that have any; rows that have far less of the range than is usual
        are not heeded. The whole range where nothing is known, or the rows have no part in common.
    """
    known: xr.DataArray = np.isfinite(ds["radiance"])  # type: ignore[assignment]
    known = known.transpose(..., "wl")
    rows = known.any([d for d in known.dims if d not in ("pixel", "wl")]).values.reshape(
        -1, ds.sizes["wl"]
    )
    return known_part(ds, rows, low, high, method)


def known_part(
    ds: xr.Dataset, rows: np.ndarray, low: float, high: float, method: Integration = "bins"
) -> tuple[float, float]:
    """As `known_range`, of rows whose known elements are told, bool (pixel, wl)."""
    wl = np.atleast_1d(ds["wl"].values).astype(float)
    order = np.argsort(wl)
    wl, ends, rows = wl[order], edges(ds)[order], rows[:, order]
    rows = rows[rows.any(axis=1)]
    first, last = rows.argmax(axis=1), wl.size - 1 - rows[:, ::-1].argmax(axis=1)
    # An integral of straight lines or parabolas takes neighbours of what lies in its range.
    inward = _NEIGHBOURS[method]
    hair = 1e-6 * np.diff(ends)[:, 0].min()
    if inward is None:
        starts, stops = ends[first, 0] + hair, ends[last, 1] - hair
    else:
        at = np.clip(first + inward, 0, wl.size - 1), np.clip(last - inward, 0, wl.size - 1)
        starts, stops = wl[at[0]] + hair, wl[at[1]] - hair
    starts[first == 0], stops[last == wl.size - 1] = ends[0, 0], ends[-1, 1]
    reach = np.minimum(stops, high) - np.maximum(starts, low)
    if not (reach > 0).any():
        return low, high
    usual = reach >= _USUAL * np.median(reach[reach > 0])
    found = max(low, float(starts[usual].max())), min(high, float(stops[usual].min()))
    return found if found[0] < found[1] else (low, high)
