"""The arrays of a file from a dataset: cube, raw counts, factor, background, wavelengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..calibration.convert import factors
from ..calibration.schedule import Schedule
from ..calibration.stored import arguments, is_calibrated, is_of_mean_times
from ..errors import ArgumentError, MissingStepError
from ..instrument.detector import Bins, Window
from ..numerics.poisson import missing
from ..timescales import clock_from_et
from . import layout

#: The dimensions of spectra, as numpy counts them in a file.
FRAME = ("pic", "pixel", "wl")

#: Names that `uvisxr.fits` gives what a file holds, in a dataset read from one.
FACTOR, BACKGROUND_RATE = "calibration_factor", "background_rate"


@dataclass(frozen=True)
class Science:
    """What a file holds besides geometry, big-endian, as numpy counts.

    Attributes
    ----------
    cube : ndarray of float32, (NZ, NY, NX)
        kR/angstrom; NaN is undefined.
    raw : ndarray of int16 or int32, (NZ, NY, NX)
        -1 is undefined.
    factor : ndarray of float32, (NY, NX)
        (kR/angstrom)/(count/s); -1000 is undefined.
    background : ndarray of float32, (NY, NX)
        count/s; NaN is undefined.
    wavelength : ndarray of float32, (NX,)
        angstrom.
    complete : bool
        Whether any of it is defined.
    """

    cube: np.ndarray
    raw: np.ndarray
    factor: np.ndarray
    background: np.ndarray
    wavelength: np.ndarray
    complete: bool


def window_of(ds: xr.Dataset) -> Window:
    """The rectangle of the detector that a dataset holds.

    Raises
    ------
    ArgumentError
        It is none: rows or columns between others are left out.
    """
    bins = Bins.of(ds)
    corners: dict[str, int] = {}
    for axis, first, count in (("line", bins.line, bins.n_line), ("band", bins.band, bins.n_band)):
        step = int(ds.attrs[f"{axis}_bin"])
        if (np.diff(first) != step).any() or not first.size:
            raise ArgumentError(
                "to_fits: a file holds a window of the detector, and in the dataset some "
                f"{axis}s within its own are left out or in another order: select a range, or use "
                "ds.uvis.to_netcdf"
            )
        corners |= {f"ul_{axis}": int(first[0]), f"lr_{axis}": int(first[-1] + count[-1] - 1)}
    return Window(**corners, line_bin=int(ds.attrs["line_bin"]), band_bin=int(ds.attrs["band_bin"]))


def of(ds: xr.Dataset) -> Science:
    """The arrays of a dataset.

    Of one without radiances nothing is defined but wavelengths: it is a file of geometry.

    Raises
    ------
    MissingStepError
        It has other dimensions than spectra as opened.
    ArgumentError
        Counts are no whole numbers, or too large.
    """
    if not set(FRAME) <= set(ds.dims) or "counts" not in ds:
        raise MissingStepError(
            f"to_fits: a file holds counts ({', '.join(FRAME)}), and the dataset has "
            f"({', '.join(map(str, ds.dims))}): write it before ds.uvis.bin and with all three "
            "dimensions, or use ds.uvis.to_netcdf"
        )
    shape = tuple(ds.sizes[dim] for dim in FRAME)
    wavelength = ds["wl"].values.astype(">f4")
    if "radiance" not in ds:
        return Science(
            np.full(shape, np.nan, ">f4"),
            np.full(shape, layout.RAW_NULL, ">i2"),
            np.full(shape[1:], layout.FACTOR_NULL, ">f4"),
            np.full(shape[1:], np.nan, ">f4"),
            wavelength,
            complete=False,
        )
    cube = ds["radiance"].transpose(*FRAME).values.astype(">f4")
    factor = _factor(ds)
    return Science(
        cube,
        raw_counts(ds["counts"].transpose(*FRAME).values),
        np.where(np.isfinite(factor), factor, layout.FACTOR_NULL).astype(">f4"),
        _background(ds).astype(">f4"),
        wavelength,
        complete=True,
    )


def raw_counts(counts: np.ndarray) -> np.ndarray:
    """Counts as signed numbers with -1 for those that are missing: of 16 bits if they fit.

    Raises
    ------
    ArgumentError
        They are no whole numbers, or larger than 2**31 - 1.
    """
    if counts.dtype.kind not in "iu":
        raise ArgumentError("to_fits: counts are no whole numbers, as files hold: write it before")
    null = missing(counts)
    largest = int(counts.max(initial=0, where=~null))
    if largest >= 2**31:
        raise ArgumentError(f"to_fits: a count of {largest}, more than 32 bits with a sign hold")
    raw = np.where(null, layout.RAW_NULL, counts.astype(np.int64))
    return raw.astype(">i2" if largest < 2**15 else ">i4")


def _factor(ds: xr.Dataset) -> np.ndarray:
    """Radiance for a count rate at the middle of the exposures, (pixel, wl); NaN if unknown."""
    plane = tuple(ds.sizes[dim] for dim in FRAME[1:])
    if FACTOR in ds:
        known = ds[FACTOR].variable
        if "pic" in known.dims:
            known = known.isel(pic=known.sizes["pic"] // 2)
        return known.transpose(*FRAME[1:]).values.astype(float)
    if not is_calibrated(ds):
        return np.full(plane, np.nan)
    sensitivity = ds["sensitivity"].variable
    if is_of_mean_times(ds):
        sensitivity = sensitivity.isel(pic=[0]).transpose("pic", *FRAME[1:])
        weight = np.ones((1, 1))
    else:
        sensitivity = sensitivity.transpose("term", *FRAME[1:])
        middle = np.atleast_1d(ds["et"].values.mean())
        weight = Schedule.of(**arguments(ds)["schedule"]).weights(clock_from_et(middle))
    found: np.ndarray = factors(weight, sensitivity.values.astype(float))[0]
    return found


def _background(ds: xr.Dataset) -> np.ndarray:
    """Count rate of the detector itself in each element, (pixel, wl); NaN if unknown."""
    if BACKGROUND_RATE in ds:
        return ds[BACKGROUND_RATE].transpose(*FRAME[1:]).values.astype(float)
    lit = Bins.of(ds).lit_pixels
    if "background" not in ds.variables:
        return np.full(lit.shape, np.nan)
    levels = np.unique(ds["background"].values)
    if levels.size != 1:
        raise ArgumentError("to_fits: the exposures have different backgrounds: write them apart")
    return lit * float(levels[0])
