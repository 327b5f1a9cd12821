"""What the steps take for granted of a dataset, checked once, where a step begins.

Datasets come to a step through xarray's own methods, which know nothing of exposures: they rename
and swap dimensions, average the numbers of rows, drop coordinates and attributes. The table `STEPS`
says what each step needs, and what it uses if it is there; `check` finds what is missing or no
longer what it was, and says which call mends it. What a step does not use is not looked at, and of
lazy arrays none is computed but those of one value an exposure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import xarray as xr

from .. import checks
from ..errors import ArgumentError, LabelError, MissingStepError, warn_user
from ..instrument.channel import N_BANDS, N_LINES, SlitName, slit_name
from ..instrument.channel import channel as find_channel
from ..numerics.constants import MISSING, MISSING_SUM
from ..timescales import FLIGHT, utc_to_et
from . import scales, setups
from .conventions import RADIANCE, SUMMED, VARIABLES
from .fields import CORNERS, SIGHTLINE

#: Dimensions of the spectra that a dataset is opened with, and what they count.
FRAME = {"pic": "exposure", "pixel": "pixel", "wl": "wavelength"}

#: The dimension of `FRAME` that a variable lies along.
_AXIS = {
    **dict.fromkeys(("pic", "exposure", "et", "product"), "pic"),
    **dict.fromkeys(("time_start", "time_stop"), "pic"),
    **dict.fromkeys(("pixel", "line"), "pixel"),
    **dict.fromkeys(("wl", "band"), "wl"),
}

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

#: Angstrom, beyond all of the detector's, in any unit near it.
_LONGEST = 1e5

#: Angstrom, far below and far beyond all wavelengths of UVIS, 560 to 1912; and those in nm.
_FAR = (250.0, 4000.0)
_IN_NM = (50.0, 200.0)

#: Seconds by which `et` and the UTC of an exposure may differ: those of leap seconds, which
#: datetime64 does not have.
_APART = 2.0

#: What was told of the numbers of which datasets, and by which steps: the latest.
_TOLD: dict[tuple[str, bytes], set[str]] = {}
_REMEMBERED = 100

#: Steps that average spectra as independent.
_AVERAGING = ("bin", "image", "background", "plot.picture")

#: Steps that take the fields of all exposures as those of one body.
_OF_TARGET = frozenset(
    {
        *("bin", "image", "to_json", "plot.picture", "plot.geometry", "plot.animate"),
        *("plot.keogram", "plot.limb"),
    }
)

#: Seconds, to which times are exact.
_EXACT = 2e-3

#: Seconds, beyond all exposures and sums of them.
_LONG = 1e9

_MEANS = ("radiance", "radiance_weighted")
_QUANTITIES = ("counts", *_MEANS, "brightness", "brightness_weighted")

_WINDOW = ("line", "band")
#: Attributes that say what the elements hold.
WINDOW_ATTRS = ("line_bin", "band_bin", "lr_line", "lr_band")
_INSTRUMENT = ("channel", "slit", *WINDOW_ATTRS)

#: Attributes that are texts, of a dataset and of its variables. Pictures use all that there are,
#: other steps those that they ask for, and `_TOO`.
_TOO = ("compression", "optics", "lon_direction")
_TEXTS = ("name", "channel", "slit", "target", "geometry_target", *_TOO)
_TEXTS_OF_VARIABLES = ("units", "long_name")
_NUMBERS = ("pic", "pixel")
_GEOMETRY = ("ra_corners", "dec_corners", "geometry_et")
_ALTITUDES = ("alt", "alt_corners")
_FIELDS = (*SIGHTLINE, *(f"{name}_corners" for name in SIGHTLINE))


@dataclass(frozen=True)
class Needs:
    """What one step takes for granted.

    Attributes
    ----------
    names, attrs : tuple of str
        Variables and attributes without which it cannot be.
    also : tuple of str
        Variables that it uses if they are there.
    dims : tuple of str
        Dimensions that must be there: where they are, a single exposure will not do.
    frame : {"spectra", "wl", None}
        What of the dimensions must be as opened: all, but for bins; that of wavelengths; nothing.
    some : tuple of str
        Dimensions of which nothing can be made if they are of size 0.
    """

    names: tuple[str, ...] = ()
    attrs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    dims: tuple[str, ...] = ()
    frame: Literal["spectra", "wl"] | None = "spectra"
    some: tuple[str, ...] = tuple(FRAME)


_SPECTRA = Needs(names=("wl",), frame="wl", some=())
_FLAGS = Needs(also=(*_NUMBERS, "quality"), dims=_NUMBERS)
_LIGHT = Needs(also=(*_NUMBERS, *_WINDOW, "wl", "quality", "exposure"), dims=_NUMBERS)
_SKY = Needs(
    names=_GEOMETRY,
    attrs=("geometry_target",),
    also=(*_NUMBERS, "quality"),
    dims=_NUMBERS,
)
_SCENE = replace(_SKY, names=(*_GEOMETRY, *_WINDOW), attrs=(*_SKY.attrs, *WINDOW_ATTRS))
_FACTOR = Needs(
    names=("counts", "et", *_WINDOW),
    attrs=_INSTRUMENT,
    also=(*_NUMBERS, "wl", "quality", "exposure", "product"),
)

#: By name, as in `ds.uvis`. Steps that are not here take any dataset.
STEPS = {
    "rebin": Needs(
        names=("counts", "exposure", "et", *_WINDOW),
        attrs=("channel", *WINDOW_ATTRS),
        also=(*_NUMBERS, "wl", "quality", "time_start", "time_stop", "product"),
        dims=tuple(FRAME),
    ),
    **dict.fromkeys(
        ("geometry", "backplanes"),
        Needs(names=("et", "exposure", *_WINDOW), attrs=_INSTRUMENT, also=_NUMBERS),
    ),
    "background": Needs(
        names=("counts", "exposure", *_WINDOW),
        attrs=("channel", *WINDOW_ATTRS),
        also=(*_NUMBERS, "wl", "quality", "product", *_ALTITUDES),
        dims=tuple(FRAME),
        some=("pixel", "wl"),
    ),
    "calibrate": Needs(
        names=(*_FACTOR.names, "exposure"),
        attrs=_INSTRUMENT,
        also=(*_FACTOR.also, "product"),
    ),
    "calibration_factor": _FACTOR,
    "evil_share": Needs(names=("et", *_WINDOW), attrs=("channel", *WINDOW_ATTRS), some=("pic",)),
    "evil_response": Needs(
        names=("counts", "et", "exposure", *_WINDOW),
        attrs=_INSTRUMENT,
        also=(*_NUMBERS, "quality"),
    ),
    "rate": Needs(
        names=("counts", "exposure"), attrs=("compression",), also=_NUMBERS, frame=None, some=()
    ),
    "flagged": _FLAGS,
    "utc": Needs(names=("et", "exposure"), frame=None, some=()),
    "flag": _FLAGS,
    "unflag": _FLAGS,
    "stars.load": _FLAGS,
    "stars.save": _FLAGS,
    "predict_stars": _SKY,
    "fill_nan": _SPECTRA,
    "smooth": _SPECTRA,
    "integrate": Needs(names=("wl",), frame="wl"),
    "bin": Needs(also=(*_NUMBERS, "wl", "quality", "exposure", *_FIELDS), dims=_NUMBERS),
    "image": _SKY,
    "to_json": Needs(
        names=("time_start", "time_stop", "product", "exposure", "wl"), also=(*_NUMBERS, "quality")
    ),
    "plot.spectrum": Needs(also=(*_NUMBERS, "wl", "quality"), frame="wl", some=()),
    "plot.quicklook": _LIGHT,
    "plot.geometry": _SCENE,
    "plot.animate": _SCENE,
    "plot.picture": _SKY,
    "plot.evolution": _LIGHT,
    "plot.check_stars": _LIGHT,
    "plot.keogram": Needs(also=(*_NUMBERS, "quality", *_FIELDS), dims=_NUMBERS),
    "plot.limb": Needs(also=_NUMBERS, frame=None, some=()),
}

#: A rate without the background needs to know how many detector pixels see that.
_NET_RATE = Needs(
    names=("counts", "exposure", *_WINDOW),
    attrs=("compression", *WINDOW_ATTRS),
    also=_NUMBERS,
    some=(),
)

#: Steps that go back to the counts of a calibrated dataset, and what they use of it then.
_FROM_COUNTS = ("background", "fill_nan", "smooth", "integrate", "bin", "image", "plot.picture")
_CALIBRATED = (*_NUMBERS, "wl", *_WINDOW, "quality", "exposure", "et", "product")


def check(ds: xr.Dataset | xr.DataArray, step: str) -> None:
    """Check that a dataset holds what a step takes for granted.

    Parameters
    ----------
    ds : Dataset or DataArray
        Of an array, only that it has wavelengths, in order, and is none of counts or rates.
    step : str
        As in `STEPS`; of others nothing is asked.

    Raises
    ------
    MissingStepError
        Variables, attributes or dimensions are missing.
    ArgumentError
        They are there, but not as a dataset is opened with them: along other dimensions, averaged,
        of another type, empty, or, of any variable, in other units than those of the conventions.

    Warns
    -----
    UvisWarning
        The exposures contradict their starts and stops; or some are averaged more than once.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> made.open().swap_dims(pic="time").uvis.calibrate()
    Traceback (most recent call last):
    uvisxr.errors.ArgumentError: calibrate: the dimension of the exposures must be 'pic', \
but et runs along 'time': call ds.swap_dims({'time': 'pic'}) first
    """
    needs = STEPS.get(step)
    if isinstance(ds, xr.Dataset):
        # Whatever step it is, what it returns has the units of the conventions.
        _check_units(ds, step)
    if needs is None:
        return
    if isinstance(ds, xr.DataArray):
        _check_array(ds, step)
        return
    if step == "rate" and "background" in ds.variables:
        needs = _NET_RATE
    names, attrs, some = (*needs.names, *needs.also), needs.attrs, needs.some
    if step in _FROM_COUNTS and _is_calibrated(ds):
        # Without the times, nobody knows which terms count.
        needs = replace(needs, names=(*needs.names, "et"))
        names = (*names, *_CALIBRATED)
        attrs = (*attrs, *_INSTRUMENT, "calibrate_arguments")
        some = tuple(FRAME) if step == "background" else some
    described = attrs
    if step in _FROM_COUNTS and _is_joined(ds):
        # Of these a step uses what there is.
        names = (*names, *_CALIBRATED)
        attrs = (*attrs, *(name for name in _INSTRUMENT if name in ds.attrs))
        some = tuple(FRAME) if step == "background" else some
    there = [name for name in dict.fromkeys(names) if name in ds.variables]
    if needs.frame:
        _check_axes(ds, step, there)
    _check_there(ds, step, needs, attrs)
    if needs.frame == "spectra":
        _check_spectra(ds, step)
    if needs.frame == "wl":
        _check_wavelengths(ds, step)
    _check_precision(ds, step, there)
    for name in there:
        _check_numbers(ds, step, name)
    if not _bins(ds):
        _check_corners(ds, step, there)
    if "wl" in there:
        _check_order(ds.variables["wl"], ds.variables.get("wl_bounds"), step)
    _check_types(ds, step, needs)
    _check_attrs(ds, step, attrs)
    if {"compression", "slit", *WINDOW_ATTRS} & {*described} or _sums_counts(ds, step):
        _check_setup(ds, step)
    if step in _OF_TARGET:
        check_geometry(ds, step)
    for axis, bin_name in (("line", "line_bin"), ("band", "band_bin")):
        if axis in there and bin_name in attrs and bin_name in ds.attrs:
            _check_bins(ds, step, axis, bin_name)
    empty = [FRAME[dim] for dim in some if ds.sizes.get(dim) == 0]
    if empty:
        raise ArgumentError(f"{step}: no {' and no '.join(empty)} is left: select at least one")
    if "exposure" in there:
        _warn_of_durations(ds, step)
    if "et" in there:
        _warn_of_times(ds, step)
    if "slit" in STEPS[step].attrs:
        _warn_of_other_setup(ds, step)
    if step in _AVERAGING:
        _warn_of_copies(ds, step)


def _warn_once(ds: xr.Dataset, step: str, message: str, *numbers: np.ndarray) -> None:
    """Tell what is wrong with some numbers, unless a step before, in the history, has told it."""
    kind = message.partition(",")[0]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in numbers)).digest()
    told = _TOLD.pop((kind, digest), set())
    _TOLD[kind, digest] = {*told, step}
    while len(_TOLD) > _REMEMBERED:
        del _TOLD[next(iter(_TOLD))]
    done = str(ds.attrs.get("history", ""))
    if not any(f": {before}(" in done for before in told):
        warn_user(f"{step}: {message}")


def _along_pic(ds: xr.Dataset, *names: str) -> list[np.ndarray] | None:
    """Values of each exposure, (pic,); None if some are missing or of something else."""
    found = []
    for name in names:
        variable = ds.variables.get(name)
        if variable is None or not set(variable.dims) <= {"pic"}:
            return None
        found.append(np.broadcast_to(variable.values, ds.sizes.get("pic", 1)))
    return found


def _warn_of_durations(ds: xr.Dataset, step: str) -> None:
    """Tell of exposures that last longer or shorter than from their start to their stop."""
    found = None if _bins(ds) else _along_pic(ds, "exposure", "time_start", "time_stop")
    if found is None or any(times.dtype.kind != "M" for times in found[1:]):
        return
    exposure = found[0].astype(float)
    apart = (found[2] - found[1]) / np.timedelta64(1, "s")
    # UTC without leap seconds may be a second short; unknown times contradict nothing.
    off = abs(exposure - apart) > 0.01 * np.maximum(exposure, apart) + _EXACT
    off &= abs(exposure - apart - 1) > _EXACT
    if off.any():
        at = int(np.argmax(off))
        _warn_once(
            ds,
            step,
            f"exposure, {exposure[at]:g} s, is not the time from time_start to time_stop, "
            f"{apart[at]:g} s, and rates and radiances go with it ({off.sum()} of {off.size} "
            "exposures): keep it in seconds, as uvisxr.open_product gives it, or, if it is right, "
            'leave the times out with ds.drop_vars(["time_start", "time_stop"])',
            *found,
        )


def _warn_of_times(ds: xr.Dataset, step: str) -> None:
    """Tell of times of exposures that contradict each other."""
    found = None if _bins(ds) else _along_pic(ds, "et", "time")
    if found is None or [times.dtype.kind for times in found] != ["f", "M"]:
        return
    et, utc = found
    known = ~np.isnat(utc)
    apart = np.zeros(utc.shape)
    try:
        apart[known] = et[known] - utc_to_et(utc[known])
    except ArgumentError:
        # Beyond nanoseconds; who uses them says so.
        return
    off = abs(apart) > _APART
    if off.any():
        at = int(np.argmax(off))
        _warn_once(
            ds,
            step,
            f"et, by which steps go, is {apart[at]:+.6g} s from the coordinate time, "
            f"{np.datetime_as_string(utc[at], 's')} ({off.sum()} of {off.size} exposures): keep "
            "both as uvisxr.open_product gives them, or, if et is right, leave the other out with "
            'ds.drop_vars("time")',
            *found,
        )


def _warn_of_other_setup(ds: xr.Dataset, step: str) -> None:
    """Tell of an attribute that is no longer that of the label, where that had one."""
    own, slit = ds.attrs.get("described_setup"), str(ds.attrs.get("slit"))
    if not checks.is_number(own) or setups.number(ds.attrs) == own:
        return
    for other in get_args(SlitName):
        if setups.number({**ds.attrs, "slit": other}) == own:
            _warn_once(
                ds,
                step,
                f"the attribute slit, {slit}, is not that of the label, {other}, and radiances and "
                "geometry go with it: keep it as uvisxr.open_product gives it, or, if it is right, "
                'call del ds.attrs["described_setup"]',
                np.array([slit, other]),
            )


def _warn_of_copies(ds: xr.Dataset, step: str) -> None:
    """Tell of exposures and rows that are there more than once where they are averaged."""
    line = ds.variables.get("line")
    if line is not None and line.dims == ("pixel",) and not line.chunks:
        rows = line.size - np.unique(line.values).size
        if rows:
            warn_user(
                f"{step}: {rows} of {line.size} pixels are of the detector rows of others, as "
                "after isel(pixel=[10, 10]); they are averaged as independent, so that errors are "
                "too small: leave them out with "
                "ds.isel(pixel=np.unique(ds.line, return_index=True)[1])"
            )
    found = _along_pic(ds, "et") if "pic" in ds.dims else None
    if found is None or found[0].dtype.kind != "f":
        return
    known = found[0][np.isfinite(found[0])]
    copies = known.size - np.unique(known).size
    if copies:
        warn_user(
            f"{step}: {copies} of {found[0].size} exposures have the times of others, as after "
            "xr.concat of the same ones; they are averaged as independent, so that errors are too "
            "small: leave them out with ds.isel(pic=np.unique(ds.et, return_index=True)[1])"
        )


def _check_array(array: xr.DataArray, step: str) -> None:
    if "wl" not in array.dims:
        raise MissingStepError(_without_wl(step, "the array", array.dims))
    units = str(array.attrs.get("units", RADIANCE))
    if scales.factor(units, RADIANCE) != 1:
        raise MissingStepError(
            f"{step}: {array.name or 'the array'} is in {units!r}, not in {RADIANCE!r}: take "
            "ds.uvis.calibrate().radiance, or the step of the whole dataset"
        )
    if array.dtype.kind != "f":
        raise ArgumentError(
            f"{step}: the array is of the type {array.dtype}, but radiances are floating-point "
            "numbers: call astype(float) on it"
        )
    if "wl" not in array.coords:
        raise MissingStepError(
            f"{step}: the array has no coordinate wl, its wavelengths: put them back with "
            "array.assign_coords(wl=ds.wl), ds being the dataset that it is of"
        )
    _check_order(array.coords["wl"].variable, None, step)


def _check_units(ds: xr.Dataset, step: str) -> None:
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


def _check_types(ds: xr.Dataset, step: str, needs: Needs) -> None:
    """Refuse counts and radiances that are no numbers, or of another kind."""
    for name in _QUANTITIES if needs.frame else ("counts",):
        dtype = ds.variables[name].dtype if name in ds.variables else np.dtype(float)
        if name == "counts" and dtype.kind not in "uif":
            raise ArgumentError(
                f"{step}: the counts are of the type {dtype}, not numbers: keep them as "
                "uvisxr.open_product gives them"
            )
        if name == "counts":
            _check_sums(ds, step)
        if name != "counts" and dtype.kind != "f":
            raise ArgumentError(
                f"{step}: {name} is of the type {dtype}, but radiances are floating-point numbers: "
                f"call ds.assign({name}=ds.{name}.astype(float)) first"
            )


def _check_sums(ds: xr.Dataset, step: str) -> None:
    """Refuse counts of which a type leaves open what stands for a missing one.

    That is 65535 of counts, 4294967295 of sums of them; see `uvisxr.numerics.poisson.missing`.
    """
    counts = ds.variables.get("counts")
    if counts is None or _bins(ds):
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


def _is_calibrated(ds: xr.Dataset) -> bool:
    """Whether it holds its counts and the calibration's terms, those of all exposures."""
    return {"counts", "sensitivity"} <= ds.variables.keys() and (
        "pic" not in ds.variables["sensitivity"].dims
    )


def _is_joined(ds: xr.Dataset) -> bool:
    """Whether it holds sensitivities, but not the counts and terms of one calibration."""
    known = "sensitivity" in ds.variables and "calibrate_arguments" in ds.attrs
    return known and not _is_calibrated(ds)


def _bins(ds: xr.Dataset) -> set[str]:
    """Dimensions of bins."""
    # Exposures may have been given that name.
    binned = "n" in ds.variables and "n" not in ds.dims
    return set(map(str, ds.variables["n"].dims)) if binned else set()


def _levels(ds: xr.Dataset, dim: str) -> int:
    return getattr(ds.indexes.get(dim), "nlevels", 1)


def _check_axes(ds: xr.Dataset, step: str, names: Iterable[str]) -> None:
    """Refuse exposures, pixels and wavelengths along dimensions of other names."""
    for name in names:
        axis = _AXIS.get(name)
        if name == "quality" and not set(ds.variables[name].dims) <= {*_NUMBERS, *_bins(ds)}:
            raise ArgumentError(
                f"{step}: quality has the dimensions {ds.variables[name].dims}, but holds the flags"
                " of spectra, (pic, pixel): keep it as uvisxr.open_product gives it"
            )
        if axis is None:
            _check_along(ds, step, name, _NUMBERS if name == "quality" else ())
            continue
        _check_along(ds, step, name, (axis,) if name in _WINDOW else ())
        if axis == name and axis in ds.dims and _levels(ds, axis) > 1:
            raise ArgumentError(
                f"{step}: {axis} is an index of several levels, not of numbers: call "
                f"ds.reset_index({axis!r}) first"
            )
        other = [str(d) for d in ds.variables[name].dims if d not in {axis, *_bins(ds)}]
        if other:
            raise ArgumentError(
                f"{step}: the dimension of the {FRAME[axis]}s must be {axis!r}, but {name} runs "
                f"along {' and '.join(map(repr, ds.variables[name].dims))}: "
                f"{_axis_back(ds, axis, other[0])}"
            )


def _check_along(ds: xr.Dataset, step: str, name: str, dims: Iterable[str]) -> None:
    """Refuse one value for all where each has its own."""
    if _bins(ds):
        return
    lost = [d for d in dims if ds.sizes.get(d, 1) != 1 and d not in ds.variables[name].dims]
    if lost:
        raise ArgumentError(
            f"{step}: {name} has no dimension {' or '.join(map(repr, lost))}, but each "
            f"{' and '.join(FRAME[d] for d in lost)} has its own: keep it as uvisxr.open_product "
            "gives it"
        )


#: What helps after groupby, whose dimension has the names of groups.
_UNGROUP = (
    "it is what ds.groupby({0!r}) leaves; take the dataset before that, and merge spectra with "
    "ds.uvis.bin(pixels=...)"
)


def _is_grouped(ds: xr.Dataset, dim: str) -> bool:
    """Whether a dimension has names, as groups have: renamed, it would still not be exposures."""
    return dim in ds.variables and ds.variables[dim].dtype.kind not in "iuf"


def _axis_back(ds: xr.Dataset, axis: str, dim: str) -> str:
    """How the dimension `axis` is had back from `dim`."""
    merged = sorted({a for n, a in _AXIS.items() if n in ds.variables and dim in ds[n].dims})
    if axis in ds.dims:
        return f"choose one with ds.isel({dim}=0), or keep the coordinates as opened"
    if axis == "pic" and not {"et", "exposure"} & {n for n in ds.variables if dim in ds[n].dims}:
        return (
            f"sums and means over exposures, as of groupby({dim!r}), drop what steps need of each: "
            "merge spectra with ds.uvis.bin(pixels=...) or exposures with ds.uvis.rebin, or sum "
            "and average what calibrate gives"
        )
    if len(merged) > 1:
        return (
            f"{' and '.join(merged)} were stacked; take the dataset before that, and merge spectra "
            "with ds.uvis.bin(pixels=...)"
        )
    if axis in ds.variables:
        return f"call ds.swap_dims({{{dim!r}: {axis!r}}}) first"
    if _is_grouped(ds, dim):
        return _UNGROUP.format(dim)
    return f"call ds.rename({{{dim!r}: {axis!r}}}) first"


def _check_there(ds: xr.Dataset, step: str, needs: Needs, attrs: Iterable[str]) -> None:
    """Refuse a dataset that lacks variables, dimensions or attributes."""
    dims = [dim for dim in needs.dims if dim not in ds.dims]
    names = [name for name in needs.names if name not in ds.variables]
    if (dims or names) and "member_bin" in ds.variables:
        raise MissingStepError(f"{step}: the spectra are binned already: do this step before")
    if names and "brightness" in ds.variables and set(names) & {"counts", "wl", *_WINDOW}:
        raise MissingStepError(f"{step}: the spectra are integrated already: do this step before")
    if names and set(names) <= set(_GEOMETRY):
        raise MissingStepError(
            f"{step}: the dataset has no {', '.join(names)}: call ds.uvis.geometry() first"
        )
    if names:
        raise MissingStepError(
            f"{step}: the dataset has no {', '.join(names)}: start from uvisxr.open_product, and "
            "keep its coordinates. Sums and means over pic, pixel or wl drop them: merge spectra "
            "with ds.uvis.bin(pixels=...), or sum and average what calibrate gives"
        )
    if dims:
        first = dims[0]
        raise MissingStepError(
            f"{step}: the dataset has no dimension {' or '.join(dims)}: start from "
            f"uvisxr.open_product, and select with isel({first}=[0]) instead of isel({first}=0)"
        )
    lost = [name for name in dict.fromkeys(attrs) if name not in ds.attrs]
    if lost:
        raise MissingStepError(
            f"{step}: the dataset has lost its attributes {', '.join(lost)}, as after drop_attrs: "
            "put them back with ds.assign_attrs(opened.attrs), opened being the dataset as it was"
        )


def _check_spectra(ds: xr.Dataset, step: str) -> None:
    """Refuse spectra along dimensions that no step knows."""
    known = {*FRAME, "sample", *_bins(ds)}
    for name in _QUANTITIES:
        dims = ds.variables[name].dims if name in ds.variables else ()
        other = [str(dim) for dim in dims if dim not in known]
        if other:
            lost = [axis for axis in FRAME if axis not in ds.dims and axis not in ds.variables]
            mend = f"ds.isel({other[0]}=0) chooses one of them"
            if lost and _is_grouped(ds, other[0]):
                mend = _UNGROUP.format(other[0])
            elif lost:
                mend = f"call ds.rename({{{other[0]!r}: {lost[0]!r}}}) first"
            raise ArgumentError(
                f"{step}: {name} has the dimension {', '.join(map(repr, other))} besides pic, pixel"
                f" and wl: {mend}"
            )


def _check_wavelengths(ds: xr.Dataset, step: str) -> None:
    """Refuse radiances without wavelengths, and with other dimensions than their errors."""
    for name in _MEANS:
        if name not in ds.variables:
            continue
        dims = set(ds.variables[name].dims)
        if "wl" not in dims:
            raise MissingStepError(_without_wl(step, name, ds.variables[name].dims))
        bounds = [f"{name}_{part}" for part in ("upper", "lower")]
        there = [bound for bound in bounds if bound in ds.variables]
        if len(there) == 1:
            (lost,) = {*bounds} - {*there}
            raise MissingStepError(
                f"{step}: the dataset has {there[0]} but no {lost}: keep both, or leave both out "
                f"with ds.drop_vars({there[0]!r})"
            )
        for part in ("upper", "lower", "systematic"):
            error = f"{name}_{part}"
            own = set(ds.variables[error].dims) if error in ds.variables else dims
            if own != dims:
                (dim, *_) = map(str, dims ^ own)
                raise ArgumentError(
                    f"{step}: only one of {name} and {error} has the dimension {dim!r}, as after "
                    f"expand_dims: choose one with ds.isel({dim}=0), or give it to both"
                )


def _without_wl(step: str, what: str, dims: Iterable[object]) -> str:
    found = ", ".join(map(repr, dims)) or "none"
    return (
        f"{step}: {what} has no dimension 'wl' (its dimensions: {found}): rename that of the "
        "wavelengths with rename, and select with isel(wl=[0]) instead of isel(wl=0)"
    )


def _check_precision(ds: xr.Dataset, step: str, names: Iterable[str]) -> None:
    """Refuse floating-point numbers of 16 bits, which have three digits."""
    light = [str(n) for n in ds.variables if str(n).startswith((*_MEANS, "brightness"))]
    for name in (*names, *light, "counts", "wl_bounds"):
        dtype = ds.variables[name].dtype if name in ds.variables else np.dtype(float)
        if dtype.kind == "f" and dtype.itemsize < 4:
            raise ArgumentError(
                f"{step}: {name} is of the type {dtype}, of three digits, in which counts are "
                "whole up to 2048: keep it as it was made, and in files as float32"
            )


def _check_corners(ds: xr.Dataset, step: str, names: Iterable[str]) -> None:
    """Refuse corners of pixels that are not the four of them, in their order."""
    of_corners = [name for name in names if name.endswith("_corners")]
    if not of_corners:
        return
    size, own = ds.sizes.get("corner", 1), ds.variables.get("corner")
    left = list(CORNERS) if own is None else [str(name) for name in np.atleast_1d(own.values)]
    if size == len(CORNERS) and left == list(CORNERS):
        return
    again = sorted(left) == sorted(CORNERS)
    mend = f"call ds.sel(corner={[*CORNERS]})" if again else "call ds.uvis.geometry() again"
    raise ArgumentError(
        f"{step}: {of_corners[0]} has {size} corners, {checks.shown(', '.join(left))}, but pixels "
        f"have the four {', '.join(CORNERS)}, in this order: {mend}"
    )


def _check_numbers(ds: xr.Dataset, step: str, name: str) -> None:
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
    if name in _FIELDS and variable.dtype.kind not in "iuf":
        raise ArgumentError(
            f"{step}: {name} is of the type {variable.dtype}, not numbers: keep it as "
            "ds.uvis.geometry() gives it"
        )
    if name == "et" and variable.dtype.kind == "f" and variable.dtype.itemsize < 8:
        raise ArgumentError(
            f"{step}: et is of the type {variable.dtype}, in which times of the flight are right "
            "to some 16 s only: ds.assign_coords(et=opened.et), opened being the dataset as it was"
        )
    if variable.ndim > 1 or _bins(ds):
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


def _check_slit(step: str, value: object) -> None:
    try:
        slit_name(str(value))
    except LabelError as error:
        unsaid = "unknown, as the label does not say it" if value == "" else repr(value)
        raise ArgumentError(
            f"{step}: the attribute slit is {unsaid}: set it with "
            f"ds.assign_attrs(slit={get_args(SlitName)[1]!r}), or to one of the others, "
            f"{' and '.join(get_args(SlitName)[::2])}; or write SLIT_STATE into a copy of the label"
        ) from error


def _check_unit(wl: xr.Variable, bounds: xr.Variable | None, step: str) -> None:
    """Refuse wavelengths in another unit than angstrom, by its name or by their values: those that
    were multiplied may have the unit that they had."""
    _check_texts(step, "of wl the attribute", wl.attrs, ("units",))
    unit = wl.attrs.get("units")
    is_angstrom = unit is None or scales.factor(unit, "angstrom") == 1
    # Two-dimensional ones may be lazy.
    values = wl.values if wl.ndim < 2 or not wl.chunks else np.empty(0)
    far = values.size > 0 and any(
        ((values > low) & (values < high)).all()
        for low, high in ((0, _FAR[0]), (_FAR[1], _LONGEST))
    )
    if is_angstrom and not far:
        return
    said = [] if is_angstrom else [f"in {checks.shown(unit)}"]
    said += [f"{values.min():g} to {values.max():g}"] if far else []
    if not far:
        mend = 'if these are, set ds.wl.attrs["units"] = "angstrom"'
    elif _IN_NM[0] < values.min() and values.max() < _IN_NM[1]:
        said.append("as if in nm")
        # Who changed wl alone left the bounds in angstrom; lazy ones may be in either.
        there = bounds is not None and not bounds.chunks and (bounds.values > _FAR[0]).all()
        also = "" if there or bounds is None else ", wl_bounds=10 * ds.wl_bounds"
        mend = (
            f"of nm make them with ds.assign_coords(wl=10 * ds.wl{also}), "
            'and set ds.wl.attrs["units"] = "angstrom"'
        )
    else:
        mend = (
            "keep wl and wl_bounds as uvisxr.open_product gives them; those of UVIS are "
            f"within {_FAR[0]:g} to {_FAR[1]:g}"
        )
    raise ArgumentError(f"{step}: wl is {', '.join(said)}, and wavelengths are in angstrom: {mend}")


def _check_order(wl: xr.Variable, bounds: xr.Variable | None, step: str) -> None:
    """Refuse wavelengths that are none, are out of order or are not in the middle of bounds."""
    if wl.dtype.kind not in "iuf":
        raise ArgumentError(
            f"{step}: wl is of the type {wl.dtype}, but wavelengths are numbers, angstrom: keep it "
            "as uvisxr.open_product gives it"
        )
    _check_unit(wl, bounds, step)
    if wl.ndim > 1:
        return
    values = np.atleast_1d(wl.values).astype(float)
    if not np.isfinite(values).all():
        raise ArgumentError(
            f"{step}: wl holds values that are not finite: leave these elements out with "
            "ds.sel(wl=np.isfinite(ds.wl))"
        )
    if not ((values > 0) & (values < _LONGEST)).all():
        raise ArgumentError(
            f"{step}: wl holds values that are no wavelengths of UVIS, angstrom: keep it as "
            "uvisxr.open_product gives it, or leave these elements out with "
            f"ds.sel(wl=(ds.wl > 0) & (ds.wl < {_LONGEST:g}))"
        )
    increments = np.diff(values)
    if not ((increments > 0).all() or (increments < 0).all()):
        twice = values.size > np.unique(values).size
        raise ArgumentError(
            f"{step}: the wavelengths are out of order"
            + (", and some are there twice" if twice else "")
            + ': call ds.sortby("wl")'
            + ('.drop_duplicates("wl")' if twice else "")
            + " first"
        )
    if bounds is not None and {*bounds.dims} == {*wl.dims, "bnds"}:
        edges = np.atleast_2d(bounds.transpose(*wl.dims, "bnds").values)
        if edges.dtype.kind not in "iuf" or not np.isfinite(edges).all():
            raise ArgumentError(
                f"{step}: wl_bounds holds what are no wavelengths: keep it as uvisxr.open_product "
                'gives it, or leave it out with ds.drop_vars("wl_bounds")'
            )
        _check_overlap(edges, step)
        low, high = edges.min(-1), edges.max(-1)
        # Means of columns are near the middle.
        beyond = abs(values - 0.5 * (low + high)) > 0.3 * (high - low) + 1e-3
        if beyond.any():
            raise ArgumentError(
                f"{step}: wl {values[beyond][0]:.2f} is not in the middle of its own wl_bounds, as "
                "after a shift of one of the two, and the bounds would be believed: shift both, "
                "with ds.assign_coords(wl=ds.wl + x, wl_bounds=ds.wl_bounds + x), or leave the "
                'bounds out with ds.drop_vars("wl_bounds")'
            )


def _check_overlap(edges: np.ndarray, step: str) -> None:
    """Refuse elements that share wavelengths; edges may have gone through single precision."""
    low, high = edges.min(-1), edges.max(-1)
    order = np.argsort(low)
    low, high = low[order], high[order]
    width = np.maximum(high - low, 1e-3)
    shared = high[:-1] - low[1:] > 0.1 * np.minimum(width[:-1], width[1:])
    if shared.any():
        raise ArgumentError(
            f"{step}: wl_bounds lets elements overlap, around {low[1:][shared][0]:.2f} angstrom: "
            "keep it as uvisxr.open_product gives it, or leave it out with "
            'ds.drop_vars("wl_bounds")'
        )


def _check_attrs(ds: xr.Dataset, step: str, attrs: Iterable[str]) -> None:
    drawn = step.startswith("plot.")
    texts = [name for name in _TEXTS if drawn or name in (*attrs, *_TOO)]
    _check_texts(step, "the attribute", ds.attrs, texts)
    for key, variable in ds.variables.items() if drawn else ():
        _check_texts(step, f"of {key} the attribute", variable.attrs, _TEXTS_OF_VARIABLES)
    for name in (*attrs, *(WINDOW_ATTRS if drawn else ())):
        if name not in ds.attrs:
            continue
        value = ds.attrs[name]
        if name == "channel":
            find_channel(value)
        if name == "slit":
            _check_slit(step, value)
        least = 1 if name.endswith("_bin") else 0
        if name in WINDOW_ATTRS and not (
            isinstance(value, int | float | np.integer | np.floating)
            and least <= value <= (N_BANDS if "band" in name else N_LINES)
            and float(value).is_integer()
        ):
            raise ArgumentError(
                f"{step}: the attribute {name} is {checks.shown(value)}, not a number of detector "
                "rows or columns: keep it as uvisxr.open_product gives it"
            )
    if not checks.is_number(ds.attrs.get(SUMMED, 1)) or not 1 <= ds.attrs.get(SUMMED, 1) < np.inf:
        raise ArgumentError(
            f"{step}: the attribute {SUMMED} is {checks.shown(ds.attrs[SUMMED])}, not a number of "
            "counts: keep it as ds.uvis.rebin gives it"
        )
    if "target_radii" in ds.attrs:
        what, radii = "three radii, km", ds.attrs["target_radii"]
        if len(checks.numbers("ds.attrs['target_radii']", radii, what, above=0)) != 3:
            raise checks.refused("ds.attrs['target_radii']", radii, what)


def _sums_counts(ds: xr.Dataset, step: str) -> bool:
    """Whether a step takes sums of counts, in which another value stands for a missing one, as they
    are: those that know the instrument ask anyway."""
    counts = ds.variables.get("counts")
    drawn = step.startswith("plot.") and not ds.variables.keys() & {*_MEANS, "brightness"}
    return counts is not None and counts.dtype == np.uint32 and (step == "bin" or drawn)


def _check_setup(ds: xr.Dataset, step: str) -> None:
    """Refuse exposures that were not taken as the attributes say."""
    own = ds.attrs.get("described_setup")
    found = None if _bins(ds) or not checks.is_number(own) else _along_pic(ds, "setup")
    if found is None or found[0].dtype.kind not in "iuf" or (found[0] == own).all():
        return
    other = found[0] != own
    names = _along_pic(ds, "product")
    where = "" if names is None else f", such as those of {names[0][other][0]}"
    raise ArgumentError(
        f"{step}: {other.sum()} of {other.size} exposures{where} were taken with another slit, "
        "optics, compression, window or bins, or summed otherwise, than the attributes say, as "
        "after xr.concat, which keeps those of the first dataset: "
        + (
            'leave the counts out with ds.drop_vars("counts"), and bin the radiances alone'
            if step == "bin" and "radiance" in ds.variables
            else "calibrate and integrate, or bin, each of them, and join what that gives"
        )
    )


def check_geometry(ds: xr.Dataset, step: str) -> None:
    """Refuse fields of several bodies, or of another than the attributes say; tell of other times.

    Parameters
    ----------
    ds : Dataset
        Of one without fields nothing is asked.
    step : str
        For the message.

    Raises
    ------
    ArgumentError

    Warns
    -----
    UvisWarning
        The fields hold outside of their exposures.
    """
    if _bins(ds):
        return
    _warn_of_instants(ds, step)
    found = _along_pic(ds, "geometry_setup")
    if found is None or found[0].dtype.kind not in "iuf":
        return
    known = found[0][np.isfinite(found[0])]
    said = "geometry_target" in ds.attrs
    own = setups.of_geometry(ds.attrs) if said else known[:1]
    other = known != own
    if not other.any():
        return
    target = checks.shown(ds.attrs["geometry_target"]) if said else "the first"
    raise ArgumentError(
        f"{step}: the geometry of {other.sum()} of {known.size} exposures is of another target, "
        f"sense of longitudes or kind of tangent than that of {target}, as after xr.concat, which "
        "keeps the attributes of the first dataset: take this step with each by itself, or call "
        'ds.uvis.geometry() once for all; ds.drop_vars("geometry_setup") takes them as one'
    )


def _warn_of_instants(ds: xr.Dataset, step: str) -> None:
    """Tell of fields that hold before or after their exposures."""
    times = _along_pic(ds, "et", "exposure")
    instants = ds.variables.get("geometry_et")
    if times is None or instants is None or not {*instants.dims} <= {"pic", "sample"}:
        return
    if {instants.dtype.kind, *(values.dtype.kind for values in times)} - {*"iuf"}:
        return
    et, exposure = times
    if not et.size or not instants.size:
        return
    own = instants.set_dims({"pic": et.size, **instants.sizes}).transpose("pic", ...)
    apart = abs(own.values.reshape(et.size, -1) - et[:, None]).min(axis=1)
    # Times in UTC share a leap second.
    off = apart > exposure / 2 + 1 + _EXACT
    if off.any():
        at = int(np.argmax(off))
        warn_user(
            f"{step}: geometry_et is up to {apart[off].max():.6g} s from the middle of exposures "
            f"of {exposure[at]:g} s ({off.sum()} of {off.size} exposures), so that the fields are "
            "not where these looked, as after taking them over from others: call "
            "ds.uvis.geometry() again, unless they are for times= of your own"
        )


def _check_bins(ds: xr.Dataset, step: str, axis: str, bin_name: str) -> None:
    """Refuse rows or columns of the detector that are nearer to each other than their bins, or
    beyond the window's last."""
    places, size = np.atleast_1d(ds.variables[axis].values), int(ds.attrs[bin_name])
    if places.dtype.kind not in "iuf":
        return
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


def _check_texts(
    step: str, what: str, attrs: Mapping[Hashable, object], names: Iterable[str]
) -> None:
    for name in names:
        if not isinstance(attrs.get(name, ""), str):
            raise ArgumentError(
                f"{step}: {what} {name} is {checks.shown(attrs[name])}, not a text: keep it as "
                "uvisxr.open_product gives it"
            )
