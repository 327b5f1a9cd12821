"""Whether numbers are still those that a variable had: its unit, type, size and range."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from ... import checks
from ...errors import ArgumentError
from ...instrument.channel import N_BANDS, N_LINES
from ...numerics.constants import MISSING, MISSING_SUM
from ...timescales import FLIGHT, utc_to_et
from .. import scales
from ..conventions import SUMMED, VARIABLES
from .frame import MEANS, bins
from .sightlines import FIELDS

#: Variables of whole numbers, and what these are.
_WHOLE = {
    "pic": "the numbers of exposures",
    "pixel": "the numbers of pixels",
    "line": "detector rows",
    "band": "detector columns",
    "quality": "flags",
}

#: Where rows and columns end.
_ENDS = {"line": N_LINES, "band": N_BANDS}

#: Variables in seconds.
_SECONDS = ("exposure", "et")

#: `et` of the ends of Cassini's flight.
_FLIGHT = tuple(utc_to_et(np.array(FLIGHT)).tolist())

#: What radiances follow from, besides counts.
_TERMS = ("sensitivity", "calibration_error", "background", "background_error")

#: Numbers of members.
_COUNTED = {"radiance_n", "brightness_n"}

#: Seconds, beyond all exposures and sums of them.
_LONG = 1e9


def check_units(ds: xr.Dataset, step: str) -> None:
    """Refuse numbers in another unit than the conventions have; those that say none are in it."""
    for name, variable in ds.variables.items():
        known = VARIABLES.get(str(name))
        unit = variable.attrs.get("units")
        # Wavelengths are looked at by their values too.
        if known is None or not isinstance(unit, str) or name in ("wl", "wl_bounds"):
            continue
        # Numbers without unit, numbers of exposures, and times.
        if known.units in (None, "1") or variable.dtype.kind not in "iuf":
            continue
        times = scales.factor(unit, known.units)
        if times == 1:
            continue
        already = f'set ds.{name}.attrs["units"] = {known.units!r}'
        mend = f"convert it; or, if its numbers are in that, {already}"
        if times is not None:
            mend = (
                f"multiply it by {times:.10g}, what belongs to it alike, and {already}; or only "
                "the latter, if its numbers are in that"
            )
        raise ArgumentError(
            f"{step}: {name} is in {checks.shown(unit)}, but steps take it in {known.units!r}: "
            f"{mend}"
        )


def check_types(ds: xr.Dataset, step: str, names: Iterable[str]) -> None:
    """Refuse counts and radiances that are no numbers, or of another kind."""
    for name in names:
        dtype = ds.variables[name].dtype if name in ds.variables else np.dtype(float)
        if name == "counts":
            if dtype.kind not in "uif":
                raise ArgumentError(
                    f"{step}: the counts are of the type {dtype}, not numbers: keep them as "
                    "uvisxr.open_product gives them"
                )
            _check_sums(ds, step)
            continue
        if dtype.kind != "f":
            raise ArgumentError(
                f"{step}: {name} is of the type {dtype}, but radiances are floating-point numbers: "
                f"call ds.assign({name}=ds.{name}.astype(float)) first"
            )
        parts = [str(key) for key in ds.variables if str(key).startswith(f"{name}_")]
        terms = [key for key in _TERMS if key in ds.variables and name in MEANS]
        for part in sorted({*parts, *terms} - _COUNTED):
            if ds.variables[part].dtype.kind != "f":
                raise ArgumentError(
                    f"{step}: {part} is of the type {ds.variables[part].dtype}, but errors and "
                    "terms of the calibration are floating-point numbers: keep it as the step "
                    "gives it that made it"
                )


def _check_sums(ds: xr.Dataset, step: str) -> None:
    """Refuse counts of which a type leaves open what stands for a missing one.

    That is 65535 of counts, 4294967295 of sums of them; see `uvisxr.numerics.poisson.missing`.
    """
    counts = ds.variables.get("counts")
    if counts is None or bins(ds):
        return
    summed = SUMMED in ds.attrs
    if counts.dtype == np.uint32 and not summed:
        raise ArgumentError(
            f"{step}: the counts are of the type uint32, that of sums, but no attribute {SUMMED} "
            "says so, as after xr.concat with sums or another astype, and the 65535 of lost ones "
            'would be taken for light: go back with ds.assign(counts=ds.counts.astype("uint16")), '
            f"or, if they are what ds.uvis.rebin gave, ds.assign_attrs({SUMMED}=n)"
        )
    # In other types either stands for a missing one.
    if not summed or counts.chunks or counts.dtype in (np.uint16, np.uint32):
        return
    if counts.ndim and (counts.values == MISSING).any():
        raise ArgumentError(
            f"{step}: among the summed counts, of the type {counts.dtype}, are sums of {MISSING}, "
            "which would be taken for lost: go back to the type that ds.uvis.rebin gives with "
            f'ds.assign(counts=ds.counts.fillna({MISSING_SUM}).astype("uint32"))'
        )


def check_precision(ds: xr.Dataset, step: str, names: Iterable[str]) -> None:
    """Refuse floating-point numbers of 16 bits, which have three digits."""
    light = [str(n) for n in ds.variables if str(n).startswith((*MEANS, "brightness"))]
    for name in (*names, *light, "counts", "wl_bounds"):
        dtype = ds.variables[name].dtype if name in ds.variables else np.dtype(float)
        if dtype.kind == "f" and dtype.itemsize < 4:
            raise ArgumentError(
                f"{step}: {name} is of the type {dtype}, of three digits, in which counts are "
                "whole up to 2048: keep it as it was made, and in files as float32"
            )


def check_numbers(ds: xr.Dataset, step: str, name: str) -> None:
    """Refuse numbers that are no longer those that a variable had."""
    variable = ds.variables[name]
    if name in _WHOLE and variable.dtype.kind not in "iu":
        raise ArgumentError(
            f"{step}: {name} is of the type {variable.dtype}, but {_WHOLE[name]} are whole "
            f"numbers. After coarsen, groupby or interp, which average them, what was counted no "
            "longer belongs to them: sum neighbours with ds.uvis.rebin, or calibrate and integrate "
            f"before. If it only changed its type: ds.assign_coords({name}=ds.{name}"
            ".astype(int))"
        )
    if name in _SECONDS and variable.dtype.kind not in "iuf":
        raise ArgumentError(
            f"{step}: {name} is of the type {variable.dtype}: give seconds as plain numbers, as "
            "uvisxr.open_product does"
        )
    if name == "exposure" and variable.dtype.itemsize < 4:
        raise ArgumentError(
            f"{step}: exposure is of the type {variable.dtype}, in which sums and squares of "
            "seconds have no room: ds.assign_coords(exposure=ds.exposure.astype(float))"
        )
    if name in FIELDS and variable.dtype.kind not in "iuf":
        raise ArgumentError(
            f"{step}: {name} is of the type {variable.dtype}, not numbers: keep it as "
            "ds.uvis.geometry() gives it"
        )
    if name == "et" and variable.dtype.kind == "f" and variable.dtype.itemsize < 8:
        raise ArgumentError(
            f"{step}: et is of the type {variable.dtype}, in which times of the flight are right "
            "to some 16 s only: ds.assign_coords(et=opened.et), opened being the dataset as it was"
        )
    if variable.ndim > 1 or bins(ds):
        return
    values = variable.values
    if name == "exposure" and (values > _LONG).any():
        raise ArgumentError(
            f"{step}: exposure holds times beyond {_LONG:.0e} s: keep it as uvisxr.open_product "
            "gives it"
        )
    if name == "exposure" and not (np.isfinite(values) & (values > 0)).all():
        raise ArgumentError(
            f"{step}: exposure holds times that are missing or not above 0 s, as after reindex or "
            "an outer join: leave those exposures out with ds.sel(pic=ds.exposure > 0)"
        )
    if name == "et" and not ((values > _FLIGHT[0]) & (values < _FLIGHT[1])).all():
        first, last = _FLIGHT
        raise ArgumentError(
            f"{step}: et holds times that are missing, as after reindex or an outer join, or not "
            "of Cassini's flight: leave those exposures out with "
            f"ds.sel(pic=(ds.et > {first:.0f}) & (ds.et < {last:.0f}))"
        )
    if name in _ENDS and not ((values >= 0) & (values < _ENDS[name])).all():
        raise ArgumentError(
            f"{step}: {name} reaches beyond the detector's 0..{_ENDS[name] - 1}: keep it as "
            "uvisxr.open_product gives it"
        )


def check_bins(ds: xr.Dataset, step: str, axis: str, bin_name: str) -> None:
    """Refuse rows or columns of the detector that are nearer to each other than their bins, or
    beyond the window's last."""
    places, size = np.atleast_1d(ds.variables[axis].values), int(ds.attrs[bin_name])
    if places.dtype.kind not in "iuf":
        return
    # Differences of unsigned numbers are never negative.
    places = places.astype(float)
    last = ds.attrs.get(f"lr_{axis}", np.inf)
    if places.size and places.max() > last:
        raise ArgumentError(
            f"{step}: {axis} goes to {places.max():g}, but the attribute lr_{axis}, the window's "
            f"last, is {last:g}: keep both as uvisxr.open_product gives them"
        )
    apart = np.diff(np.unique(places))
    if apart.size and apart.min() < size:
        raise ArgumentError(
            f"{step}: {axis} goes in steps of {apart.min():g}, but the attribute {bin_name} is "
            f"{size}: keep both as uvisxr.open_product gives them"
        )
    if axis == "band" and places.size == ds.sizes.get("wl") and "wl" in ds.variables:
        wl = np.atleast_1d(ds.variables["wl"].values)
        if wl.ndim > 1 or wl.dtype.kind not in "iuf":
            return
        # Those that are not finite are told of by steps that use them.
        with np.errstate(invalid="ignore"):
            backward = np.diff(places) * np.diff(wl) <= 0
        if backward.any():
            raise ArgumentError(
                f"{step}: band does not increase with wl, as the detector's columns do: keep both "
                "as uvisxr.open_product gives them"
            )
