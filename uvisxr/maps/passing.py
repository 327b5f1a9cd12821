"""How far the slit moves over a body while exposures are summed."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..checks import is_number
from ..dataset.conventions import SUMMED_EXPOSURES
from ..errors import warn_user
from ..geometry import views

#: Part of its length by which an exposure may begin after the end of the one before.
_GAP = 0.1


def warn_of_sums(ds: xr.Dataset, view: views.Views, used: np.ndarray) -> None:
    """Warn of sums of exposures between whose middles the slit moves by more than a pixel.

    Parameters
    ----------
    ds : Dataset
        With geometry.
    view : Views
        Of the body, at the middles of the sums.
    used : ndarray of bool, (pic, pixel)
        What is mapped.
    """
    number = ds.attrs.get(SUMMED_EXPOSURES, 1)
    if not is_number(number) or not number > 1 or ds.sizes["pic"] < 2:
        return
    moved = (1 - 1 / float(number)) * steps(views.on_plane(view, views.corners(ds)))
    moved[~(_follow(ds)[:, None] & used[1:] & used[:-1])] = np.nan
    far = float(np.nanmedian(moved)) if np.isfinite(moved).any() else 0.0
    if far > 1:
        warn_user(
            f"map: {number:g} exposures were summed by rebin, and the slit moved over {view.name} "
            f"by {far:.2g} pixels from the first to the last of them: all that they saw lies on "
            "the footprint in their middle, the rest of the way counts as unseen, and the power is "
            "too small: take the dataset as it was before rebin(pic=...), map averages"
        )


def steps(corners: np.ndarray) -> np.ndarray:
    """How far pixels move from each exposure to the next, in units of their own two sides.

    Parameters
    ----------
    corners : ndarray, (pic, pixel, 4, 2)
        In a plane, one after the other around the pixel.

    Returns
    -------
    ndarray, (pic - 1, pixel)
        Along the side along which it is more.
    """
    move = np.diff(corners.mean(axis=2), axis=0)
    first = (corners[:-1, :, 1] - corners[:-1, :, 0], corners[:-1, :, 3] - corners[:-1, :, 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        area = _cross(*first)
        along = [np.abs(_cross(move, one) / area) for one in first]
    found: np.ndarray = np.maximum(*along)
    return found


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.asarray(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])


def _follow(ds: xr.Dataset) -> np.ndarray:
    """Which exposures the next one follows at once, bool (pic - 1,)."""
    if not {"et", "exposure"} <= ds.variables.keys():
        return np.ones(ds.sizes["pic"] - 1, bool)
    et, exposure = (
        np.broadcast_to(ds[name].values.astype(float), ds.sizes["pic"])
        for name in ("et", "exposure")
    )
    return np.asarray(np.abs(np.diff(et)) <= (1 + _GAP) * (exposure[1:] + exposure[:-1]) / 2)
