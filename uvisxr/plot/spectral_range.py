"""Where the elements of spectra lie, and which of them are worth showing."""

from __future__ import annotations

import numpy as np
import xarray as xr

from . import axes as common

#: Part of a dataset's largest sensitivity below which it is not worth the name.
_SHARE = 0.01

#: Share of the elements in a channel's range that must lie in it as a whole.
_WHOLE = 0.9


def elements(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths of the elements, (wl,), and edges of their steps, (wl + 1,), ascending."""
    wl = ds["wl"].values.astype(float)
    order = np.argsort(wl, kind="stable")
    wl = wl[order]
    bounds = ds.get("wl_bounds")
    if bounds is not None:
        sides = np.sort(bounds.transpose("wl", ...).values.astype(float), axis=1)[order]
        if wl.size == 1 or np.allclose(sides[1:, 0], sides[:-1, 1]):
            return wl, np.append(sides[:, 0], sides[-1, 1])
    middles = 0.5 * (wl[1:] + wl[:-1])
    half = (middles[0] - wl[0], wl[-1] - middles[-1]) if wl.size > 1 else (0.5, 0.5)
    return wl, np.concatenate([[wl[0] - half[0]], middles, [wl[-1] + half[1]]])


def sensitive_range(ds: xr.Dataset, edges: np.ndarray) -> tuple[float, float]:
    """The wavelengths where a dataset's channel is sensitive, as far as there are elements.

    All of them where there are none. `edges` are theirs, ascending, angstrom.
    """
    low, high = float(edges[0]), float(edges[-1])
    usual = common.SENSITIVE.get(ds.attrs.get("channel", ""))
    if usual is None:
        return low, high
    held = (edges[1:] > usual[0]) & (edges[:-1] < usual[1]) & _above(ds)
    # Those that reach beyond do not count for the limits, and could leave the axes. Very wide
    # ones are shown all the same: Lyman-alpha may be in the first.
    whole = held & (edges[:-1] >= usual[0]) & (edges[1:] <= usual[1])
    inside = whole if whole.sum() >= _WHOLE * held.sum() else held
    if not inside.any():
        return low, high
    first, last = np.flatnonzero(inside)[[0, -1]]
    return max(usual[0], float(edges[first])), min(usual[1], float(edges[last + 1]))


def _above(ds: xr.Dataset) -> np.ndarray:
    """Where a dataset's sensitivity, if it has one, is above a share of its maximum: (wl,)."""
    if "sensitivity" not in ds.variables or "wl" not in ds["sensitivity"].dims:
        return np.ones(ds.sizes["wl"], bool)
    terms = np.abs(ds["sensitivity"].transpose(..., "wl").values.reshape(-1, ds.sizes["wl"]))
    with np.errstate(invalid="ignore"):
        profile = np.where(np.isfinite(terms), terms, 0.0).sum(axis=0)
    found: np.ndarray = profile > _SHARE * profile.max()
    return found[np.argsort(ds["wl"].values, kind="stable")]
