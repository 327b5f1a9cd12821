"""Counts of a product's spectra: in all, and in bands; and which spectra the telemetry lost."""

from __future__ import annotations

from dataclasses import dataclass

import dask
import numpy as np
import xarray as xr

from ..numerics import poisson
from ..quality import losses
from ..quality.levels import lower_bound
from .bands import BANDS

#: Counts that are in memory at a time.
_BLOCK = 4 * 2**20

#: Share of a band that may lie beyond the elements: rounding.
_HAIR = 1e-9


@dataclass(frozen=True)
class Sums:
    """Sums over wavelength, each (pic, pixel); NaN where they are not known.

    Attributes
    ----------
    quality : ndarray of uint8
        The flags, with those of spectra lost and partial.
    sent : int
        Sum of all counts that were transmitted.
    columns : dict of str to ndarray
        `counts` and `counts_` of the bands that the window holds.
    """

    quality: np.ndarray
    sent: int
    columns: dict[str, np.ndarray]


def of(ds: xr.Dataset) -> Sums:
    """The sums of a window as it was opened.

    Elements that were never to be transmitted (`uvisxr.quality.losses.unsent`) are not missed in
    the sum of all; a band is known only where the counts of all its wavelengths are. Of the EUV no
    partial spectra are found by their zeros: no least background is known (`levels.lower_bound`).
    """
    level = lower_bound(ds)
    step = max(1, _BLOCK // (ds.sizes["pixel"] * ds.sizes["wl"]))
    blocks = [slice(start, start + step) for start in range(0, ds.sizes["pic"], step)]
    found = [_block(ds.isel(pic=some), level > 0) for some in blocks]
    measured = xr.concat([features for features, _ in found], "pic")
    more = np.zeros((), np.uint8)
    if measured.values[..., 3].any():
        # What was never to be sent only all exposures together tell.
        measured, more = _with_missing(ds, step, level > 0)
    total, _, _, _, lacking, _ = np.moveaxis(measured.values, -1, 0)
    flags = losses.flags(ds, level, measured).values | more
    columns = {"counts": np.where(lacking == 0, total.astype(float), np.nan)}
    for name in found[0][1]:
        columns[name] = np.concatenate([sums[name] for _, sums in found])
    return Sums(flags, int(total.sum()), columns)


def _with_missing(ds: xr.Dataset, step: int, runs: bool) -> tuple[xr.DataArray, np.ndarray]:
    """The features of a window in which values are missing, and the flags that these give."""
    if step < ds.sizes["pic"]:
        ds = ds.assign(counts=ds["counts"].variable.chunk({"pic": step}))
    else:
        ds["counts"].load()
    # A worker has one core.
    with dask.config.set(scheduler="synchronous"):
        return losses.features(ds, runs).compute(), losses.flags_of_missing(ds).values


def _block(ds: xr.Dataset, runs: bool) -> tuple[xr.DataArray, dict[str, np.ndarray]]:
    """What some exposures have for `losses.flags`, and their sums in bands."""
    ds["counts"].load()
    features = losses.features(ds, runs)
    counts, weights = ds["counts"].values, shares(str(ds.attrs["channel"]), ds["wl_bounds"].values)
    some_missing = bool(features.values[..., 3].any())
    sums = {}
    for name, share in weights.items():
        used = np.flatnonzero(share)
        part = slice(used[0], used[-1] + 1)
        values = counts[..., part]
        sums[f"counts_{name}"] = values @ share[part]
        if some_missing:
            sums[f"counts_{name}"][poisson.missing(values).any(axis=-1)] = np.nan
    return features, sums


def shares(channel: str, bounds: np.ndarray) -> dict[str, np.ndarray]:
    """Share of each element's width in the bands of a channel that lie within the elements.

    Parameters
    ----------
    channel : {"EUV", "FUV"}
    bounds : ndarray, (wl, 2)
        Edges of the elements, angstrom.
    """
    low, high = bounds.min(axis=1), bounds.max(axis=1)
    found = {}
    for name, band in BANDS.items():
        inside = np.minimum(high, band.high) - np.maximum(low, band.low)
        inside = np.maximum(inside, 0.0)
        width = band.high - band.low
        if band.channel == channel and inside.sum() >= width * (1 - _HAIR):
            found[name] = inside / (high - low)
    return found
