"""The sensitivity of each exposure, where the terms of one calibration are not all there is.

Joined datasets hold the calibrations of their parts: those that `xr.concat` makes the terms of each
exposure, the joined outputs of a batch the sensitivity at the mean time of each product. Of others
the counts were dropped. Nothing can be computed anew from these, but they tell what the errors of
neighbours have in common, which elements were filled, and how spectra weigh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import xarray as xr

from ..dataset.checking.attributes import WINDOW_ATTRS
from ..dataset.lazy import unsplit
from ..errors import UvisError, warn_user
from ..numerics import along_wl
from .convert import Conversion, Shapes, factors
from .stored import (
    EDITED,
    FRAME,
    arguments,
    framed,
    has_terms,
    rules_of,
    seconds,
    squeezed,
    term_weights,
    without_schedule,
)

#: What the sensitivity at the mean time of a product follows from.
_SOURCES = ("sensitivity", "et")

_BETTER = (
    "integrate or bin observations before joining them, or open the outputs of a batch with "
    "uvisxr.open_processed"
)


@dataclass(frozen=True, eq=False)
class Joined:
    """The sensitivities of a dataset's exposures.

    Attributes
    ----------
    ds : Dataset
    sensitivity : Variable of float32, (pic, pixel, wl)
        (count/s)/(kR/angstrom), NaN where there is none; lazy where the dataset's is.
    rules : Conversion
        How elements were filled and smoothed.
    """

    ds: xr.Dataset
    sensitivity: xr.Variable
    rules: Conversion

    @classmethod
    def of(cls, ds: xr.Dataset) -> Joined | None:
        """What a dataset holds; None if that is nothing, or all of one calibration."""
        found = ds.variables.get("sensitivity")
        if found is None or has_terms(ds) or not _has_rules(ds):
            return None
        if not set(found.dims) <= {*FRAME, "term"}:
            return None
        if "term" in found.dims and not {"et", "exposure"} <= ds.variables.keys():
            return None
        ds = unsplit(ds, "pixel", "wl", "term")
        nothing = np.full((1, ds.sizes.get("pixel", 1), ds.sizes.get("wl", 1)), np.nan)
        rules = rules_of(ds, nothing, nothing[0])
        return cls(ds, _of_exposures(ds, rules), rules)

    def map(
        self,
        function: Callable[[Conversion], tuple[np.ndarray, ...]],
        dims: Sequence[Sequence[str]],
    ) -> tuple[xr.Variable, ...]:
        """What a function makes of each exposure's conversion, float32 (pic, ...).

        Parameters
        ----------
        function : callable
            Of a conversion of one term, of weight 1.
        dims : sequence of sequence of str
            Dimensions of what it gives.

        Returns
        -------
        tuple of Variable
            Lazy where the sensitivity is.
        """
        found = xr.apply_ufunc(
            partial(_each, self.rules, function),
            self.sensitivity,
            input_core_dims=[["pixel", "wl"]],
            output_core_dims=[list(d) for d in dims],
            dask="parallelized",
            output_dtypes=[np.float32] * len(dims),
        )
        return found if isinstance(found, tuple) else (found,)

    def covariances(self) -> tuple[xr.Variable, xr.Variable]:
        """As `Stored.covariances`, of each exposure: (pic, pixel, wl)."""
        sums, variances = self.map(_covariances, [("pixel", "wl")] * 2)
        return sums, variances

    def correlation(self) -> xr.Variable:
        """Sums of the covariances of elements with their spectra over their variances."""
        sums, variances = self.covariances()
        # Not known where nothing is.
        return self.shaped(sums / variances.where(variances > 0))

    def light(self) -> xr.Variable:
        """Sensitivities, (pic, pixel, wl); where there is none, that of the elements around."""
        (found,) = self.map(_light, [("pixel", "wl")])
        return found

    def integrals(self, over: np.ndarray) -> tuple[xr.Variable, ...] | None:
        """Sums behind integrals with weights (wl,), (pic, pixel), as `Conversion.integrals`.

        None if the radiances are not those of the counts, or the counts not there.
        """
        ds = self.ds
        there = {"counts", "exposure", "radiance"} <= ds.variables.keys()
        # Filled by mean spectra, which are not known.
        if not there or EDITED in ds.attrs or self.rules.fill == "shape":
            return None
        *sums, light = xr.apply_ufunc(
            partial(_integrals, replace(self.rules, background=1.0), over),
            framed(ds, "counts"),
            self.sensitivity,
            seconds(ds),
            input_core_dims=[["pixel", "wl"], ["pixel", "wl"], []],
            output_core_dims=[["pixel"]] * 4,
            dask="parallelized",
            output_dtypes=[np.float32] * 4,
        )
        level = framed(ds, "background", ("pic",)) if "background" in ds.variables else 0.0
        return tuple(self.shaped(a) for a in (*sums, light * level))

    def per_count(self, over: np.ndarray) -> xr.Variable:
        """Scale of one more count in an integral with weights (wl,), kR: (pic, pixel)."""
        (found,) = self.map(partial(_per_count, over=over), [("pixel",)])
        return self.shaped(found / framed(self.ds, "exposure", ("pic",)))

    def filled(self, over: np.ndarray, bare: bool) -> xr.Variable:
        """Share of an integral with weights (wl,) that was filled: (pic, pixel).

        A `bare` one is over elements from the first to the last with a sensitivity only.
        """
        (found,) = self.map(partial(_filled, over=over, bare=bare), [("pixel",)])
        return self.shaped(found)

    def sensitive(self) -> xr.Variable:
        """Elements from the first to the last with a sensitivity, bool (pic, pixel, wl)."""
        (found,) = self.map(_sensitive, [("pixel", "wl")])
        return found > 0

    def first(self) -> np.ndarray:
        """Sensitivity of the first exposure, (pixel, wl); where there is none, of those around."""
        plane = self.sensitivity.isel(pic=0).values
        return _light(_conversion(self.rules, plane))[0]

    def shaped(self, variable: xr.Variable) -> xr.Variable:
        """Without dimensions that the dataset's radiances do not have."""
        dims = next(
            (self.ds[n].dims for n in ("radiance", "counts") if n in self.ds.variables), FRAME
        )
        return squeezed(variable.astype(np.float32), dims)


def of_one_product(ds: xr.Dataset) -> bool:
    """Whether a dataset holds the terms of one calibration, and how they count."""
    if "sensitivity" not in ds.variables or not {"et", "pic"} <= ds.variables.keys() | ds.dims:
        return False
    try:
        told = arguments(ds)
    except UvisError:
        return False
    dims = ds["sensitivity"].dims
    return "term" in dims and "pic" not in dims and told.get("schedule") is not None


def with_mean_times(ds: xr.Dataset) -> xr.Dataset:
    """A calibrated product with its sensitivity at its mean time in place of the terms.

    Parameters
    ----------
    ds : Dataset
        With the terms of one calibration.

    Returns
    -------
    Dataset
        With `sensitivity` (pixel, wl), float32, lazy where the terms are: then nothing is read yet.
    """
    import dask.array as da
    from dask.delayed import delayed

    given = ds[[name for name in _SOURCES if name in ds.variables]]
    dims = [dim for dim in ("pixel", "wl") if dim in ds["sensitivity"].dims]
    shape = tuple(ds.sizes[dim] for dim in dims)
    lazy = ds["sensitivity"].chunks is not None
    values = (
        da.from_delayed(delayed(_at_mean_time)(given), shape, np.float32)
        if lazy
        else _at_mean_time(given)
    )
    out = ds.drop_vars("sensitivity").assign_coords(sensitivity=(dims, values))
    return out.assign_attrs(calibrate_arguments=without_schedule(ds))


def _at_mean_time(ds: xr.Dataset) -> np.ndarray:
    terms = ds["sensitivity"].transpose("term", ...).values.astype(float)
    weight = term_weights(ds).mean(0)
    found = np.einsum("t,t...->...", weight, terms)
    return np.where(found > 0, found, np.nan).astype(np.float32)


def _has_rules(ds: xr.Dataset) -> bool:
    """Whether a dataset says how its elements were filled and smoothed, and which these are."""
    dims = [ds[n].dims for n in ("line", "band") if n in ds.variables]
    along = len(dims) == 2 and set(dims[0]) <= {"pixel"} and set(dims[1]) <= {"wl"}
    told = {"calibrate_arguments", "channel", "slit", *WINDOW_ATTRS} <= ds.attrs.keys()
    return along and told and "wl" in ds.variables and set(ds["wl"].dims) <= {"wl"}


def _of_exposures(ds: xr.Dataset, rules: Conversion) -> xr.Variable:
    """Sensitivities of exposures, float32 (pic, pixel, wl)."""
    if "term" not in ds["sensitivity"].dims:
        return framed(ds, "sensitivity").astype(np.float32)
    terms = framed(ds, "sensitivity", ("pic", "term", "pixel", "wl"))
    # Of exposures that the first one's schedule does not know, all terms count alike.
    weight = rules.kinds(term_weights(ds))
    if weight.shape[1] != terms.sizes["term"]:
        weight = np.zeros((terms.sizes["pic"], terms.sizes["term"]))
    weight[~(weight.sum(1) > 0)] = 1
    weight /= weight.sum(1, keepdims=True)
    found: xr.Variable = xr.apply_ufunc(
        lambda terms, weight: np.einsum("...tpw,...t->...pw", terms, weight).astype(np.float32),
        terms,
        xr.Variable(("pic", "term"), weight),
        input_core_dims=[["term", "pixel", "wl"], ["term"]],
        output_core_dims=[["pixel", "wl"]],
        dask="parallelized",
        output_dtypes=[np.float32],
    )
    return found


def _each(
    rules: Conversion,
    function: Callable[[Conversion], tuple[np.ndarray, ...]],
    planes: np.ndarray,
) -> tuple[np.ndarray, ...] | np.ndarray:
    """A function of each plane (..., pixel, wl): once for all that follow each other and agree."""
    flat = planes.reshape(-1, *planes.shape[-2:])
    runs = list(_runs(flat))
    found = [function(_conversion(rules, flat[some.start])) for some in runs]
    if not found:
        # Their form alone is asked for.
        found = [function(_conversion(rules, np.full(planes.shape[-2:], np.nan)))]
    of_plane = np.repeat(np.arange(len(runs)), [some.stop - some.start for some in runs])
    stacked = [np.stack(a).astype(np.float32)[of_plane] for a in zip(*found, strict=True)]
    out = tuple(a.reshape(*planes.shape[:-2], *a.shape[1:]) for a in stacked)
    return out if len(out) > 1 else out[0]


def _runs(planes: np.ndarray) -> Iterator[slice]:
    """Planes (pic, pixel, wl) that follow each other and agree."""
    bits = np.ascontiguousarray(planes).view(np.int32)
    start = 0
    for stop in range(1, len(bits) + 1):
        if stop == len(bits) or (bits[stop] != bits[start]).any():
            yield slice(start, stop)
            start = stop


def _integrals(
    rules: Conversion,
    over: np.ndarray,
    counts: np.ndarray,
    planes: np.ndarray,
    exposure: np.ndarray,
) -> tuple[np.ndarray, ...]:
    out = tuple(np.empty(counts.shape[:2], np.float32) for _ in range(4))
    flat = np.ones((1, over.size))
    for some in _runs(planes):
        n = some.stop - some.start
        shapes = Shapes(np.zeros(n, int), flat, flat)
        conversion = _conversion(rules, planes[some.start])
        found = conversion.integrals(
            counts[some], np.ones((n, 1)), exposure[some], shapes, over=over
        )
        for a, sums in zip(out, found, strict=True):
            a[some] = sums
    return out


def _conversion(rules: Conversion, plane: np.ndarray) -> Conversion:
    return replace(rules, sensitivity=plane[None].astype(float), _scales={})


def _covariances(conversion: Conversion) -> tuple[np.ndarray, ...]:
    return conversion.covariances(np.ones(1))


def _light(conversion: Conversion) -> tuple[np.ndarray]:
    planes, _ = conversion.light(np.ones((1, 1)))
    return (planes[0],)


def _per_count(conversion: Conversion, over: np.ndarray) -> tuple[np.ndarray]:
    through = conversion.chain.composition
    weights = through.back(np.where(through.known, over, 0.0))
    weights = np.where(weights != 0, weights * factors(np.ones((1, 1)), conversion.sensitivity), 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((weights[0] ** 2).sum(-1) / weights[0].sum(-1),)


def _sensitive(conversion: Conversion) -> tuple[np.ndarray]:
    return (along_wl.between_values(conversion.valid),)


def _filled(conversion: Conversion, over: np.ndarray, bare: bool) -> tuple[np.ndarray]:
    known, valid = conversion.chain.composition.known, conversion.valid
    taken = np.broadcast_to(over, valid.shape)
    if bare:
        taken = np.where(_sensitive(conversion)[0], taken, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        filled = np.where(known & ~valid, taken, 0.0).sum(-1) / taken.sum(-1)
    filled[~known.any(-1)] = np.nan
    return (filled,)


def warn_of_unknown(ds: xr.Dataset, step: str) -> None:
    """Say where the errors of filled elements, or the weights of spectra, are not all known.

    Parameters
    ----------
    ds : Dataset
        With radiances, without the terms of one calibration.
    step : str
        That is done.
    """
    calibrated = "calibrate_arguments" in ds.attrs or "sensitivity" in ds.variables
    if not calibrated or "radiance_upper" not in ds.variables:
        return
    if _differ(ds):
        warn_user(
            f"{step}: the sensitivity differs between exposures, as after xr.concat of datasets "
            "calibrated in different ways or at different times: the attributes, recipe="
            f"{ds.attrs.get('recipe')!r} among them, are the first one's, and all elements are "
            f"taken as filled and smoothed like its own; {_BETTER}"
        )
    elif Joined.of(ds) is None and "radiance_correlation" not in ds.variables and _fills(ds):
        warn_user(
            f"{step}: the dataset has lost the sensitivity of ds.uvis.calibrate(), or what that "
            "belongs to: spectra weigh by their exposure times alone, and bounds of integrals are "
            "too narrow where elements were filled, by up to a factor of 1.3; keep all "
            f"coordinates, and {_BETTER}"
        )


def warn_of_several(ds: xr.Dataset, step: str) -> None:
    """Say where the choices of one calibration stand for several.

    Parameters
    ----------
    ds : Dataset
    step : str
        That takes them from the attributes.
    """
    if _differ(ds):
        warn_user(
            f"{step}: the sensitivity differs between exposures, as after xr.concat of datasets "
            "calibrated in different ways or at different times: the attributes, recipe="
            f"{ds.attrs.get('recipe')!r} among them, are the first one's, and what is not given is "
            "taken from them for all; do this step before joining"
        )


def _differ(ds: xr.Dataset) -> bool:
    """Whether the terms of the exposures are several calibrations'."""
    found = ds.variables.get("sensitivity")
    if found is None or not {"term", "pic"} <= set(found.dims):
        return False
    if found.chunks is not None:
        return True
    first, *others = found.transpose("pic", ...).values
    return not all(np.array_equal(first, other, equal_nan=True) for other in others)


def _fills(ds: xr.Dataset) -> bool:
    """Whether elements may have been filled."""
    if arguments(ds).get("nan_interp", "unknown") is None:
        return False
    return "evil" not in ds.variables or bool((ds["evil"] == 1).any())
