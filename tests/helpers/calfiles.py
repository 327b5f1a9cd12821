"""Opened datasets and calibration folders for the tests of the calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from uvisxr.dataset import conventions
from uvisxr.instrument.detector import Window
from uvisxr.instrument.evil import BURN
from uvisxr.timescales import clock_from_et

from .handmade import observation

#: A time between the modifiers of `folder`: 2006.
ET = 190_000_000.0

#: Spacecraft clock of the modifiers of `folder`.
EPOCHS = (int(clock_from_et(ET)) - 30_000_000, int(clock_from_et(ET)) + 20_000_000)

FULL = Window(0, 0, 63, 1023)


def opened(
    counts: np.ndarray,
    window: Window = FULL,
    name: str = "FUV",
    slit: str = "LOW_RESOLUTION",
    et: float | np.ndarray = ET,
    exposure: float | np.ndarray = 240.0,
    compression: str = "NONE",
) -> xr.Dataset:
    """A product as opened, of counts (pic, pixel, wl)."""
    ds = observation(counts.astype(np.uint16), window, name, exposure)
    if np.ndim(et) == 0:
        et = et + np.cumsum(ds["exposure"].values)
    ds = ds.assign_coords(et=("pic", et)).assign_attrs(slit=slit, compression=compression)
    return conventions.apply(ds)


def poisson(n_pic: int = 3, window: Window = FULL, mean: float = 3.0, **options) -> xr.Dataset:
    """A product of Poisson counts, the same at every call."""
    rng = np.random.default_rng(7)
    return opened(rng.poisson(mean, (n_pic, *window.shape)), window, **options)


def write_flat(path: Path, flat: np.ndarray) -> None:
    """A flat field in the team's format: a title and six numbers a line."""
    words = [f"{value:14.6g}" for value in flat.ravel()]
    lines = ["".join(words[i : i + 6]) for i in range(0, len(words), 6)]
    path.write_text("\n".join([path.stem, *lines]) + "\n")


def write_lab(path: Path, end: str = "\n", rows: int = 13) -> Path:
    """A laboratory table like the team's of the FUV: 60 +- 6 at wavelengths from 1100 to 1950."""
    wl = np.linspace(1100, 1950, 2 * rows).reshape(2, rows).T
    lines = ["  ".join(f"{x:.1f} 60.0 6.0" for x in pair) for pair in wl]
    path.write_bytes(end.join(["a title", *lines, ""]).encode())
    return path


def folder(path: Path, name: str = "FUV", evil: float = 0.1) -> Path:
    """A folder with flat fields, two modifiers and an exponential evolution, from a fixed seed."""
    rng = np.random.default_rng(11)
    flat = np.round(rng.uniform(0.7, 1.4, (64, 1024)), 4)
    flat[rng.random(flat.shape) < evil] = np.nan
    write_flat(path / f"FLATFIELD_{name}_POSTBURN.txt", flat)
    write_flat(path / f"FLATFIELD_{name}_PREBURN.txt", np.round(flat * 1.25, 4))
    for epoch in EPOCHS:
        frame = rng.uniform(0.9, 1.1, (64, 1024)).astype("<f4")
        frame.tofile(path / f"{name}2006_001_UVIS_ff_modifier_{epoch}.dat")
    a = np.stack([np.full(1024, -0.5), np.full(1024, -2e-8), np.full(1024, 1.5)]).astype(">f4")
    raw = np.array(BURN, ">f8").tobytes() + a.tobytes()
    (path / f"{name}_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT").write_bytes(raw)
    return path
