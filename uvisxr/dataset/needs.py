"""What the steps take for granted of a dataset, checked once, where a step begins.

Datasets come to a step through xarray's own methods, which know nothing of exposures: they rename
and swap dimensions, average the numbers of rows, drop coordinates and attributes. The table `STEPS`
says what each step needs, and what it uses if it is there; `check` finds what is missing or no
longer what it was, and says which call mends it. What a step does not use is not looked at, and of
lazy arrays none is computed but those of one value an exposure or a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import xarray as xr

from ..errors import ArgumentError, MissingStepError
from . import scales, single
from .checking import attributes, doubts, frame, numbers, sightlines, wavelengths
from .checking.attributes import WINDOW_ATTRS
from .checking.frame import FRAME, MEANS, NUMBERS, QUANTITIES, WINDOW
from .checking.sightlines import FIELDS
from .conventions import RADIANCE

#: Steps that average spectra as independent.
_AVERAGING = ("bin", "image", "map", "background", "plot.picture")

#: Steps that take spectra along one dimension, too.
_OF_LISTS = ("bin",)

#: Steps that take the fields of all exposures as those of one body.
_OF_TARGET = frozenset(
    {
        *("bin", "image", "map", "reflectance", "photometry", "predict_stars"),
        *("to_json", "to_fits"),
        *("plot.picture", "plot.geometry", "plot.animate"),
        *("plot.evolution", "plot.check_stars", "plot.keogram", "plot.limb"),
    }
)

#: Steps that take the spectra of all exposures as those of one calibration, by its attributes.
_OF_CALIBRATION = frozenset(
    {
        *("background", "fill_nan", "smooth", "integrate", "bin", "image", "map"),
        *("reflectance", "photometry", "to_fits"),
        *("plot.spectrum", "plot.picture"),
    }
)

#: Steps from counts, radiances or brightnesses, which `reflectance` puts I/F in the place of.
_BEFORE_REFLECTANCE = frozenset(
    {
        *("rebin", "background", "calibrate", "calibration_factor", "rate"),
        *("fill_nan", "smooth", "integrate", "bin", "image", "reflectance", "photometry"),
        "to_fits",
        *("plot.quicklook", "plot.picture", "plot.evolution", "plot.keogram", "plot.limb"),
        "plot.check_stars",
    }
)

_INSTRUMENT = ("channel", "slit", *WINDOW_ATTRS)

_GEOMETRY = ("ra_corners", "dec_corners", "geometry_et")
_DIRECTIONS = ("ra", "dec")
_ALTITUDES = ("alt", "alt_corners")


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
_FLAGS = Needs(also=(*NUMBERS, "quality"), dims=NUMBERS)
_LIGHT = Needs(also=(*NUMBERS, *WINDOW, "wl", "quality", "exposure"), dims=NUMBERS)
_SKY = Needs(
    names=_GEOMETRY,
    attrs=("geometry_target",),
    also=(*NUMBERS, "line", "quality"),
    dims=NUMBERS,
)
_SCENE = replace(_SKY, names=(*_GEOMETRY, *WINDOW), attrs=(*_SKY.attrs, *WINDOW_ATTRS))
_FACTOR = Needs(
    names=("counts", "et", *WINDOW),
    attrs=_INSTRUMENT,
    also=(*NUMBERS, "wl", "quality", "exposure", "product"),
)

#: By name, as in `ds.uvis`. Steps that are not here take any dataset.
STEPS = {
    "rebin": Needs(
        names=("counts", "exposure", "et", *WINDOW),
        attrs=("channel", *WINDOW_ATTRS),
        also=(*NUMBERS, "wl", "quality", "time_start", "time_stop", "product"),
        dims=tuple(FRAME),
    ),
    **dict.fromkeys(
        ("geometry", "backplanes"),
        Needs(names=("et", "exposure", *WINDOW), attrs=_INSTRUMENT, also=NUMBERS),
    ),
    "background": Needs(
        names=("counts", "exposure", *WINDOW),
        attrs=("channel", *WINDOW_ATTRS),
        also=(*NUMBERS, "wl", "quality", "product", *_ALTITUDES),
        dims=tuple(FRAME),
        some=("pixel", "wl"),
    ),
    "calibrate": Needs(
        names=(*_FACTOR.names, "exposure"),
        attrs=_INSTRUMENT,
        also=(*_FACTOR.also, "product"),
    ),
    "calibration_factor": _FACTOR,
    "evil_share": Needs(names=("et", *WINDOW), attrs=("channel", *WINDOW_ATTRS), some=("pic",)),
    "evil_response": Needs(
        names=("counts", "et", "exposure", *WINDOW),
        attrs=_INSTRUMENT,
        also=(*NUMBERS, "quality"),
    ),
    "rate": Needs(
        names=("counts", "exposure"), attrs=("compression",), also=NUMBERS, frame=None, some=()
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
    "reflectance": Needs(names=("wl",), attrs=("channel", "slit"), frame="wl"),
    "photometry": replace(_SKY, attrs=(*_SKY.attrs, "channel", "slit"), also=(*_SKY.also, "wl")),
    "bin": Needs(also=(*NUMBERS, "wl", "quality", "exposure", *FIELDS), dims=NUMBERS),
    "image": _SKY,
    "map": replace(_SKY, names=(*_GEOMETRY, *_DIRECTIONS)),
    "to_json": Needs(
        names=("time_start", "time_stop", "product", "exposure", "wl"), also=(*NUMBERS, "quality")
    ),
    "to_fits": Needs(
        names=("counts", "et", "exposure", "product", *WINDOW),
        attrs=("channel", *WINDOW_ATTRS),
        also=(*NUMBERS, "wl", "quality"),
        dims=tuple(FRAME),
    ),
    "plot.spectrum": Needs(also=(*NUMBERS, "wl", "quality"), frame="wl", some=()),
    "plot.quicklook": _LIGHT,
    "plot.geometry": _SCENE,
    "plot.animate": _SCENE,
    "plot.picture": _SKY,
    "plot.evolution": _LIGHT,
    "plot.check_stars": _LIGHT,
    "explore": _LIGHT,
    "plot.keogram": Needs(also=(*NUMBERS, "quality", *FIELDS), dims=NUMBERS),
    "plot.limb": Needs(also=NUMBERS, frame=None, some=()),
}

#: A rate without the background needs to know how many detector pixels see that.
_NET_RATE = Needs(
    names=("counts", "exposure", *WINDOW),
    attrs=("compression", *WINDOW_ATTRS),
    also=NUMBERS,
    some=(),
)

#: Steps that go back to the counts of a calibrated dataset, and what they use of it then.
_FROM_COUNTS = (
    *("background", "fill_nan", "smooth", "integrate"),
    *("bin", "image", "map", "plot.picture"),
)
_CALIBRATED = (*NUMBERS, "wl", *WINDOW, "quality", "exposure", "et", "product")

#: Attribute that maps alone have.
_MAPPED = "map_projection"


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
        ds = single.as_exposures(ds) if step in _OF_LISTS else ds
        # Whatever step it is, what it returns has the units of the conventions.
        numbers.check_units(ds, step)
    if needs is None:
        return
    if isinstance(ds, xr.DataArray):
        _check_array(ds, step)
        return
    if _MAPPED in ds.attrs:
        raise MissingStepError(
            f"{step}: the dataset is a map, of cells instead of pixels: take the dataset that the "
            "map was made of"
        )
    # Bins of several levels have none themselves, but counts that hold it.
    held = bool(frame.bins(ds)) and "background_method" in ds.attrs
    if step == "rate" and ("background" in ds.variables or held):
        needs = _NET_RATE
    if step in _BEFORE_REFLECTANCE and _is_reflected(ds):
        raise MissingStepError(
            f"{step}: the dataset holds reflectances, I/F, in place of what they were made of: do "
            "this step before reflectance, with the dataset as it was then"
        )
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
    if "wl" in there:
        frame.check_range(ds, step)
    if needs.frame:
        frame.check_axes(ds, step, there)
    if not {*attrs} <= ds.attrs.keys():
        # Those that conflict are not to be put back.
        _check_setups(ds, step, needs, described)
    _check_there(ds, step, needs, attrs)
    if needs.frame == "spectra":
        frame.check_spectra(ds, step)
    if needs.frame == "wl":
        frame.check_wavelengths(ds, step)
    numbers.check_precision(ds, step, there)
    for name in there:
        numbers.check_numbers(ds, step, name)
    if not frame.bins(ds):
        sightlines.check_corners(ds, step, there)
    if "wl" in there:
        wavelengths.check_order(ds.variables["wl"], ds.variables.get("wl_bounds"), step)
    numbers.check_types(ds, step, QUANTITIES if needs.frame else ("counts",))
    attributes.check_attrs(ds, step, attrs)
    _check_setups(ds, step, needs, described)
    if step in _OF_TARGET:
        sightlines.check_geometry(ds, step)
    for axis, bin_name in (("line", "line_bin"), ("band", "band_bin")):
        if axis in there and bin_name in attrs and bin_name in ds.attrs:
            numbers.check_bins(ds, step, axis, bin_name)
    empty = [FRAME[dim] for dim in some if ds.sizes.get(dim) == 0]
    if empty:
        raise ArgumentError(f"{step}: no {' and no '.join(empty)} is left: select at least one")
    if "exposure" in there:
        doubts.warn_of_durations(ds, step)
    if "et" in there:
        doubts.warn_of_times(ds, step)
    if "slit" in STEPS[step].attrs:
        doubts.warn_of_other_setup(ds, step)
    if step in _AVERAGING:
        doubts.warn_of_copies(ds, step)


def _check_setups(ds: xr.Dataset, step: str, needs: Needs, attrs: Iterable[str]) -> None:
    """Refuse exposures of other set-ups than the attributes say, as far as these matter."""
    if {"compression", "slit", *WINDOW_ATTRS} & {*attrs} or _sums_counts(ds, step):
        attributes.check_setup(ds, step, counts="counts" in needs.names)
    if step in _OF_CALIBRATION:
        attributes.check_calibration(ds, step)


def _check_array(array: xr.DataArray, step: str) -> None:
    if "wl" not in array.dims:
        raise MissingStepError(frame.without_wl(step, "the array", array.dims))
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
    wavelengths.check_order(array.coords["wl"].variable, None, step)


def _is_reflected(ds: xr.Dataset) -> bool:
    """Whether it holds I/F, and nothing that I/F are made of."""
    light = {"radiance", "brightness", "rate", "counts"}
    return "reflectance" in ds.variables and not light & ds.variables.keys()


def _is_calibrated(ds: xr.Dataset) -> bool:
    """Whether it holds its counts and the calibration's terms, those of all exposures."""
    return {"counts", "sensitivity"} <= ds.variables.keys() and (
        "pic" not in ds.variables["sensitivity"].dims
    )


def _is_joined(ds: xr.Dataset) -> bool:
    """Whether it holds sensitivities, but not the counts and terms of one calibration."""
    known = "sensitivity" in ds.variables and "calibrate_arguments" in ds.attrs
    return known and not _is_calibrated(ds)


def _check_there(ds: xr.Dataset, step: str, needs: Needs, attrs: Iterable[str]) -> None:
    """Refuse a dataset that lacks variables, dimensions or attributes."""
    dims = [dim for dim in needs.dims if dim not in ds.dims]
    names = [name for name in needs.names if name not in ds.variables]
    if (dims or names) and "member_bin" in ds.variables:
        raise MissingStepError(f"{step}: the spectra are binned already: do this step before")
    if names and "brightness" in ds.variables and set(names) & {"counts", "wl", *WINDOW}:
        raise MissingStepError(f"{step}: the spectra are integrated already: do this step before")
    if names and set(names) <= {*_GEOMETRY, *_DIRECTIONS}:
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


def _sums_counts(ds: xr.Dataset, step: str) -> bool:
    """Whether a step takes sums of counts, in which another value stands for a missing one, as they
    are: those that know the instrument ask anyway."""
    counts = ds.variables.get("counts")
    drawn = step.startswith("plot.") and not ds.variables.keys() & {*MEANS, "brightness"}
    return counts is not None and counts.dtype == np.uint32 and (step == "bin" or drawn)
