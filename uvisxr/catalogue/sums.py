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
    the sum of all; a band is known only where the counts of all its wavelengths are.
    """
    counts = ds["counts"]
    if counts.size > _BLOCK:
        step = max(1, _BLOCK // (ds.sizes["pixel"] * ds.sizes["wl"]))
        ds = ds.assign(counts=counts.variable.chunk({"pic": step}))
    else:
        step = ds.sizes["pic"]
        counts.load()
    level = lower_bound(ds)
    # A worker has one core.
    with dask.config.set(scheduler="synchronous"):
        measured = losses.features(ds, runs=level > 0).compute()
        flags = losses.flags(ds, level, measured).values
        total, _, _, missing, lacking, _ = np.moveaxis(measured.values, -1, 0)
        if lacking.any():
            flags |= losses.flags_of_missing(ds).values
        columns = {"counts": np.where(lacking == 0, total.astype(float), np.nan)}
        columns |= _bands(ds, step, bool(missing.any()))
    return Sums(flags, int(total.sum()), columns)


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


def _bands(ds: xr.Dataset, step: int, some_missing: bool) -> dict[str, np.ndarray]:
    weights = shares(str(ds.attrs["channel"]), ds["wl_bounds"].values)
    shape = ds.sizes["pic"], ds.sizes["pixel"]
    found = {f"counts_{name}": np.empty(shape) for name in weights}
    for start in range(0, shape[0] if weights else 0, step):
        some = slice(start, start + step)
        block = np.asarray(ds["counts"].variable[some].data)
        for name, share in weights.items():
            used = np.flatnonzero(share)
            part = slice(used[0], used[-1] + 1)
            values = block[..., part]
            sums = values @ share[part]
            if some_missing:
                sums[poisson.missing(values).any(axis=-1)] = np.nan
            found[f"counts_{name}"][some] = sums
    return found
