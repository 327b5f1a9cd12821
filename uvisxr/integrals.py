"""Integrals of spectra over wavelength, with their errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from . import checks
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
from .errors import ArgumentError, MissingStepError
from .numerics import along_wl, weighted_sums
from .numerics.along_wl import Integration
from .numerics.poisson import Interval
from .spectra import Quantity, quantities, radiances


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
        have no wavelength stay, and the scalar coordinate `wl` has the range as its `wl_bounds`: it
        can be binned, plotted and written. Bins have a `brightness_weighted` for each
        `radiance_weighted`, but no `brightness_std` or `brightness_stderr`: how the integrals of
        the members scatter cannot be told from their mean spectrum. Integrate first, then bin.

        Where the dataset still holds its counts and the calibration's terms, the bounds are those
        of the counts with the weights they have in the integral, after filling and smoothing;
        `brightness_per_count` is the scale of one more count. Else, for bins, single arrays, and
        what was smoothed or filled afterwards, they are made of what the bounds of the elements
        tell of their counts, with the correlation that smoothing and, in bins, filling gave to
        neighbours. Systematic errors add as they are.

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
    source, names = radiances(ds)
    weights = _weights(source, wl_range, method)
    span = _span(source) if wl_range is None else (float(wl_range[0]), float(wl_range[1]))
    # Only the elements that enter are looked at.
    used = np.flatnonzero(weights)
    part = slice(used[0], used[-1] + 1)
    rule = _Rule(
        weights=weights[part],
        skipna=skipna,
        correlation=_correlation(smoothing_weights(source)),
        total=holds_total(source),
        interval=single_interval(source),
    )
    stored = Stored.of(source) if has_terms(source) else None
    exact = stored is not None and is_stored(source) and "radiance" in source.data_vars
    found: dict[str, xr.Variable] = {}
    for quantity in quantities([n for n in names if not n.endswith(("_std", "_stderr"))]):
        wanted = _wanted(source[quantity.value].variable, wl_range is None, stored)
        counted = exact and quantity.value == "radiance"
        correlated = None if counted else _covariances(source, stored)
        found |= _integrated(source, quantity, part, rule, wanted, correlated)
    if stored is not None and exact:
        found |= _from_counts(stored, weights, wl_range is None, found, rule.total)
    rest = source.drop_dims("wl") if "wl" in source.dims else source.drop_vars(["wl", *names])
    values = {_brightness(name) for name in names if name in source.data_vars}
    out = rest.assign({n: v for n, v in found.items() if n in values})
    out = out.assign_coords({n: v for n, v in found.items() if n not in values and n != _SHARE})
    edges = ("bnds", np.array(span))
    return conventions.apply(out.assign_coords(wl=sum(span) / 2, wl_bounds=edges))


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
        A range is given that is not that of the integral, or as `integrate`.
    """
    if "brightness" not in ds.data_vars or "radiance" in ds.data_vars:
        ds = integrate(ds, wl_range, method)
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

#: Share of the range that is known, 1 where the integral takes nothing for granted.
_SHARE = "share"


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
        self, value: np.ndarray, wanted: np.ndarray, *systematic: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Integrals of the values and of their systematic errors, if given; the known share."""
        shape, n = value.shape[:-1], value.shape[-1]
        rows = [a.reshape(-1, n) for a in (value, *systematic)]
        there = np.broadcast_to(wanted, value.shape).reshape(-1, n)
        out = [np.empty(rows[0].shape[0]) for _ in range(len(rows) + 1)]
        weights = [self.weights, *[np.abs(self.weights)] * (len(rows) - 1)]
        # A few at a time, which stay in the cache.
        step = max(1, _BLOCK // n)
        for start in range(0, rows[0].shape[0], step):
            some = slice(start, start + step)
            known, share = self._known(rows[0][some], there[some])
            out[-1][some] = share
            for a, w, integral in zip(rows, weights, out, strict=False):
                integral[some] = np.einsum("sw,w->s", np.where(known, a[some], 0), w) / share
        return tuple(a.reshape(shape) for a in out)

    def bounds(
        self,
        value: np.ndarray,
        wanted: np.ndarray,
        upper: np.ndarray,
        lower: np.ndarray,
        correlated: np.ndarray,
        *systematic: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Half-widths of integrals, from those of the elements.

        `correlated` is the sum of an element's covariances with all others, over its variance.
        """
        known, share = self._known(value, np.broadcast_to(wanted, value.shape))
        if self.total and systematic:
            upper, lower = (weighted_sums.without(b, systematic[0]) for b in (upper, lower))
        y, s = weighted_sums.counted(upper, lower, self.interval)
        weights = np.where(known, np.abs(self.weights), 0.0)
        # What the smoothing does not explain comes from filling.
        both = self.correlation[0] + 2 * self.correlation[1:].sum()
        further = np.sqrt(np.nan_to_num(correlated / both, nan=1.0))
        y, s = (np.where(known, a, 0.0) for a in (y, s))
        variance = _correlated(weights * np.sqrt(s * y) * further, self.correlation)
        squares = _correlated(weights * s * further, self.correlation)
        with np.errstate(invalid="ignore", divide="ignore"):
            s0 = squares / (weights * s).sum(-1)
        found = weighted_sums.bounds((weights * y).sum(-1), variance, s0)
        if self.total and systematic:
            common = (np.where(known, systematic[0], 0.0) * np.abs(self.weights)).sum(-1)
            found = np.hypot(found[0], common), np.hypot(found[1], common)
        return found[0] / share, found[1] / share

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


def _wanted(value: xr.Variable, bare: bool, stored: Stored | None) -> xr.Variable:
    """Elements that an integral wants: all of its range, or of those that can have a value.

    What has no sensitivity cannot have one. Where that is not known, it is what lies before the
    first and after the last value of each spectrum.
    """
    if not bare:
        return xr.Variable("wl", np.ones(value.sizes["wl"], bool))
    if stored is not None:
        known = xr.Variable(("pixel", "wl"), stored.conversion.chain.composition.known)
        return squeezed(known, (*stored.ds["counts"].dims, "wl"))
    between: xr.Variable = xr.apply_ufunc(
        lambda spectra: along_wl.between_values(np.isfinite(spectra)),
        value,
        input_core_dims=[["wl"]],
        output_core_dims=[["wl"]],
        dask="parallelized",
        output_dtypes=[bool],
    )
    return between


def _integrated(
    ds: xr.Dataset,
    quantity: Quantity,
    part: slice,
    rule: _Rule,
    wanted: xr.Variable,
    correlated: xr.Variable | None,
) -> dict[str, xr.Variable]:
    """Integrals of a quantity and its errors; of its bounds if their correlation is given."""
    errors = quantity.errors
    names = [quantity.value, *(errors[e] for e in ("systematic",) if e in errors)]
    variables = [ds[name].variable.isel(wl=part) for name in names]
    *integrals, share = xr.apply_ufunc(
        rule.values,
        variables[0],
        wanted.isel(wl=part),
        *variables[1:],
        input_core_dims=[["wl"]] * (len(variables) + 1),
        output_core_dims=[[]] * (len(variables) + 1),
        dask="parallelized",
        output_dtypes=[float] * (len(variables) + 1),
    )
    found = {
        _brightness(name): integral.astype(variable.dtype)
        for name, integral, variable in zip(names, integrals, variables, strict=True)
    }
    if correlated is None:
        return found | {_SHARE: share}
    if quantity.bounded:
        bounds = [ds[errors[e]].variable.isel(wl=part) for e in ("upper", "lower")]
        tied = correlated.isel(wl=part)
        given = [variables[0], wanted.isel(wl=part), *bounds, tied, *variables[1:]]
        upper, lower = xr.apply_ufunc(
            rule.bounds,
            *given,
            input_core_dims=[["wl"]] * len(given),
            output_core_dims=[[], []],
            dask="parallelized",
            output_dtypes=[float] * 2,
        )
        for name, half_width in (("upper", upper), ("lower", lower)):
            found[_brightness(errors[name])] = half_width.astype(bounds[0].dtype)
    return found


def _covariances(ds: xr.Dataset, stored: Stored | None) -> xr.Variable:
    """Sums of the covariances of elements with their spectra over their variances, or NaN."""
    if "radiance_correlation" in ds.variables:
        return ds["radiance_correlation"].variable
    if stored is None:
        return xr.Variable("wl", np.full(ds.sizes["wl"], np.nan))
    sums, variances = stored.covariances()
    with np.errstate(invalid="ignore"):
        found = xr.Variable(("pixel", "wl"), sums / variances)
    return squeezed(found, (*stored.ds["counts"].dims, "wl"))


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


def _from_counts(
    stored: Stored, weights: np.ndarray, bare: bool, found: dict[str, xr.Variable], total: bool
) -> dict[str, xr.Variable]:
    """Bounds of brightnesses from the counts, and what else is known where they are."""
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
        upper, lower = weighted_sums.bounds(counted, variance, scale)
        return upper / share, lower / share, scale / share

    upper, lower, per_count = xr.apply_ufunc(
        half_widths,
        value,
        *(squeezed(v, value.dims) for v in (variance, scale, dark)),
        found[_SHARE],
        output_core_dims=[[]] * 3,
        dask="parallelized",
        output_dtypes=[np.float32] * 3,
    )
    if total and "brightness_systematic" in found:
        common = found["brightness_systematic"]
        upper, lower = np.hypot(upper, common), np.hypot(lower, common)
    taken = np.broadcast_to(weights, stored.conversion.valid.shape)
    if bare:
        taken = np.where(stored.conversion.chain.composition.known, taken, 0.0)
    with np.errstate(invalid="ignore"):
        filled = np.where(stored.conversion.valid, 0.0, taken).sum(-1) / taken.sum(-1)
    share = xr.Variable("pixel", filled.astype(np.float32))
    dims = value.dims
    return {
        "brightness_upper": upper.transpose(*dims),
        "brightness_lower": lower.transpose(*dims),
        "brightness_per_count": per_count.transpose(*dims),
        "brightness_filled": squeezed(share, dims),
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
