"""A small dataset, a folder of sound calibration files, and what radiances they must give.

A radiance is counts over the product of what the files say of its detector pixel, times a number
that is the same for all.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr
from helpers.products import write_product

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.simulate import idlsave

from .harness import Wrong

#: Rows and columns of the detector that the dataset has, and its spacecraft clock, s.
LINES, BANDS = np.array([5, 6]), np.array([130, 300, 500, 800])
NAME = "FUV2005_230_15_15"

#: Counts of each element, and seconds of the exposure.
_COUNTS, _EXPOSURE = 500, 30.0

LAB = "FUV_1999_Lab_Cal.dat"
FLAT = "FLATFIELD_FUV_POSTBURN.txt"
MODIFIERS = {clock: f"FUV_ff_modifier_{clock}.dat" for clock in (1_480_000_000, 1_520_000_000)}
EVOLUTION = "FUV_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT"
SAVE = "spica.sav"

ROW = np.dtype([("ratio", "f4", (1024,)), ("desc", [("sctime_sec_start", "i4")])])


@dataclass(frozen=True)
class Said:
    """What the files of a folder say.

    Attributes
    ----------
    lab : ndarray, (point, 3)
        Wavelength, sensitivity, error.
    flat, before, after : ndarray, (line, band)
        Flat field; modifiers at two clocks.
    t0, a : float, ndarray (3, band)
        The exponential evolution.
    clock, ratio : ndarray (epoch,), (epoch, band)
        Those of the star.
    """

    lab: np.ndarray
    flat: np.ndarray
    before: np.ndarray
    after: np.ndarray
    t0: float
    a: np.ndarray
    clock: np.ndarray
    ratio: np.ndarray


@cache
def dataset() -> xr.Dataset:
    with tempfile.TemporaryDirectory() as folder:
        label = write_product(
            Path(folder), NAME, np.full((1, 60, 1024), _COUNTS), exposure=_EXPOSURE
        )
        ds = uvisxr.open_product(label).load()
    chosen = np.isin(ds["line"].values, LINES)
    return ds.isel(pixel=chosen, wl=BANDS)


@cache
def sound() -> tuple[Path, Said]:
    """The folder, and what it says."""
    rng = np.random.default_rng(3)
    _FOLDERS.append(tempfile.TemporaryDirectory())
    folder = Path(_FOLDERS[0].name)
    wl = np.linspace(1130.0, 1910.0, 26)
    lab = np.round(np.stack([wl, 100 + 60 * np.sin(wl / 200), 9 + rng.random(26)], -1), 4)
    rows = np.hstack([lab[:13], lab[13:]])
    text = "\r\n".join("".join(f"{value:13.4f}" for value in row) for row in rows)
    (folder / LAB).write_text(f"Calibration for a slit\r\n{text}\r\n", newline="")
    flat = np.round(rng.uniform(0.7, 1.4, (64, 1024)), 4)
    words = [f"{value:13.6f}" for value in flat.ravel()]
    lines = ("".join(words[i : i + 6]) for i in range(0, len(words), 6))
    (folder / FLAT).write_text("\n".join(["FLATFIELD", *lines]) + "\n")
    frames = [rng.uniform(0.9, 1.1, (64, 1024)).astype("<f4") for _ in MODIFIERS]
    for name, frame in zip(MODIFIERS.values(), frames, strict=True):
        (folder / name).write_bytes(frame.tobytes())
    t0 = 1_402_000_000.0
    a = np.stack([np.full(1024, -0.5), np.full(1024, -2e-8), rng.uniform(1.4, 1.6, 1024)])
    a = a.astype(">f4")
    (folder / EVOLUTION).write_bytes(np.array(t0, ">f8").tobytes() + a.tobytes())
    trend = np.zeros(5, ROW)
    # Out of order, as in the real file.
    trend["desc"]["sctime_sec_start"] = np.array([13, 17, 15, 16, 14]) * 100_000_000
    trend["ratio"] = rng.uniform(0.6, 1.0, (5, 1024))
    idlsave.write(folder / SAVE, {"arr_fuv": trend})
    place = np.ix_(LINES, BANDS)
    said = Said(
        lab,
        flat[place],
        frames[0][place].astype(float),
        frames[1][place].astype(float),
        t0,
        a[:, BANDS].astype(float),
        trend["desc"]["sctime_sec_start"].astype(float),
        trend["ratio"][:, BANDS].astype(float),
    )
    return folder, said


#: Removed when the process ends.
_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def linked(folder: Path, *names: str) -> None:
    """Put some of the sound files in a folder; they are parsed but once."""
    for name in names:
        (folder / name).symlink_to(sound()[0] / name)


def calibrated(files: Path, trend: str, flat_field: bool) -> tuple[xr.Dataset, bool]:
    """The dataset, calibrated, and whether there was a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = dataset().uvis.calibrate(
            recipe="pds",
            evil_pixels="mask",
            nan_interp=None,
            smooth=False,
            flat_field=flat_field,
            trend=trend,
            files=files,
        )
    return ds, any(issubclass(one.category, UvisWarning) for one in caught)


def relative(said: Said, trend: str, flat_field: bool) -> tuple[np.ndarray, np.ndarray]:
    """Sensitivity to within a factor, and its relative error, (line, band); NaN where it is not."""
    now = float(dataset()["sclk"].values[0])
    wl = dataset()["wl"].values
    value, error = (_on_lines(said.lab[:, 0], said.lab[:, k], wl) for k in (1, 2))
    frame = np.ones((LINES.size, BANDS.size))
    if flat_field:
        first, last = MODIFIERS
        part = (now - first) / (last - first)
        frame = ((1 - part) * said.before + part * said.after) / said.flat
        good = np.ones(frame.shape, bool)
        for one in (said.flat, said.before, said.after):
            good &= np.isfinite(one) & (one > 0)
        frame = np.where(good, frame, np.nan)
    if trend == "evolution":
        since = max(now - said.t0, 0.0)
        ratio = said.a[0] * np.exp(said.a[1] * since) + said.a[2] if since else 1.0
    else:
        order = np.argsort(said.clock, kind="stable")
        clock, known = said.clock[order], np.nan_to_num(said.ratio[order])
        after = int(np.searchsorted(clock, now, side="right"))
        if after == 0:
            ratio = np.ones(BANDS.size)
        elif after == clock.size:
            ratio = np.maximum(known[-1], 0)
        else:
            part = (now - clock[after - 1]) / (clock[after] - clock[after - 1])
            pair = np.maximum(known[after - 1 : after + 1], 0)
            ratio = (1 - part) * pair[0] + part * pair[1]
    whole = value * np.maximum(ratio, 0) * frame
    found = np.where(np.isfinite(whole) & (whole > 0), whole, np.nan)
    return found, np.where(np.isnan(found), np.nan, error / value)


def _on_lines(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Between points in straight lines, and on along the last ones; never below 0."""
    found = []
    for place in at:
        k = 0
        while k < x.size - 2 and x[k + 1] < place:
            k += 1
        found.append(y[k] + (y[k + 1] - y[k]) * (place - x[k]) / (x[k + 1] - x[k]))
    return np.maximum(found, 0.0)


def check(
    files: Path, said: Said | None, trend: str, flat_field: bool, what: Callable[[], str] = str
) -> bool:
    """Calibrate by a folder, and raise `Wrong` if it is not by what its files say.

    Where they do not say it clearly, only what the sound folder gives is right.
    """
    # 60 lit rows share the light of columns of 0.78 angstrom; flat fields of the FUV are scaled.
    factor = _COUNTS / _EXPOSURE * 60 / 0.78 * (1.05 if flat_field else 1.0)
    ds, told = calibrated(files, trend, flat_field)
    found = ds["radiance"].values[0], ds["calibration_error"].values
    meant = said or sound()[1]
    sensitivity, error = relative(meant, trend, flat_field)
    with np.errstate(over="ignore"):
        expected = (factor / sensitivity).astype(np.float32)
    for one, other in zip(found, (expected, error), strict=True):
        if not np.allclose(one, other, rtol=2e-5, atol=0, equal_nan=True):
            raise Wrong(f"{one.tolist()} in place of {other.tolist()}: {what()}")
    return told


def changed(said: Said, **new: object) -> Said:
    """What a folder says in which one file is another."""
    assert new.keys() <= {f.name for f in fields(Said)}
    return replace(said, **new)  # type: ignore[arg-type]
