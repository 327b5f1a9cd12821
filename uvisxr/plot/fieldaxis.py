"""Line-of-sight fields along an axis of pictures: how far each spectrum reaches, and the labels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axis import Axis
from matplotlib.ticker import MultipleLocator

from ..dataset.fields import SIGHTLINE
from ..drawing.scales import engineering
from ..drawing.texts import caption, set_label
from ..errors import MissingStepError

#: Fields that pictures have along an axis.
FieldAxis = Literal["alt", "lat", "lt"]

#: Steps between neighbours, over the usual one, that are no longer shown in full: around a pole
#: local time leaps.
LEAP = 4.0

#: How far below the limb altitudes are shown, as a share of the highest one: tangent points inside
#: the body say little.
BELOW = 0.1


def field(ds: xr.Dataset, name: str) -> np.ndarray:
    """Values of a field, (pic, pixel); those of several instants within an exposure at the first.

    Raises
    ------
    MissingStepError
        The dataset does not have it.
    """
    if name not in ds.variables:
        raise MissingStepError(f"the dataset has no {name}: {SIGHTLINE[name].remedy}")
    return _values(ds, name, "pic", "pixel")


def _values(ds: xr.Dataset, name: str, *dims: str) -> np.ndarray:
    """Values along some dimensions, at the first place along others."""
    array = ds[name]
    array = array.isel({dim: 0 for dim in array.dims if dim not in dims})
    sizes = {dim: ds.sizes[dim] for dim in dims}
    values: np.ndarray = array.variable.set_dims(sizes).transpose(*sizes).values.astype(float)
    return values


def footprints(ds: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest values of a field in each footprint, (pic, pixel).

    Those at its corners; on a circle they may lie beyond the ends, and a footprint with a pole in
    it has all of them. Without corners, both are the value at the centre.
    """
    centre, period = field(ds, name), SIGHTLINE[name].period
    if f"{name}_corners" not in ds.variables:
        return centre, centre
    corners = _values(ds, f"{name}_corners", "pic", "pixel", "corner")
    # From the centre to the first corner, and on round the footprint.
    path = np.concatenate([centre[..., None], corners, corners[..., :1]], axis=-1)
    steps = differences(path, -1, period)
    at = centre[..., None] + np.cumsum(steps, axis=-1)
    low, high = np.fmin(centre, at.min(-1)), np.fmax(centre, at.max(-1))
    if period is not None:
        whole = np.abs(steps[..., 1:].sum(-1)) > 0.5 * period
        low, high = (
            np.where(whole, centre + side * 0.5 * period, end)
            for side, end in ((-1, low), (1, high))
        )
    return low, high


def differences(values: np.ndarray, axis: int, period: float | None) -> np.ndarray:
    """From each value to the next along an axis; of a field that comes round, the short way."""
    steps = np.diff(values, axis=axis)
    return steps if period is None else (steps + 0.5 * period) % period - 0.5 * period


def reach(
    values: np.ndarray,
    joined: np.ndarray,
    period: float | None,
    footprint: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Where each value's cell begins and ends: half way to its neighbours along the first axis.

    Where neighbours are far apart, it is as large as the footprint.

    Parameters
    ----------
    values : ndarray, (n, ...)
    joined : ndarray of bool, (n - 1,)
        Whether a value touches the next.
    period : float, optional
        Of a field that comes round.
    footprint : ndarray, ndarray
        Lowest and highest values in each footprint, of the shape of `values`.

    Returns
    -------
    ndarray, ndarray
        Of the shape of `values`; on a circle they may lie beyond its ends.
    """
    steps = differences(values, 0, period)
    steps[~joined] = np.nan
    known = np.abs(steps[np.isfinite(steps)])
    usual = float(np.median(known)) if known.size else 1.0
    usual = usual or 1e-3
    none = np.full((1, *values.shape[1:]), np.nan)
    leaps = np.abs(np.concatenate([none, steps, none])) > LEAP * usual
    wide = leaps[1:] | leaps[:-1]
    steps = np.clip(steps, -LEAP * usual, LEAP * usual)
    before, after = np.concatenate([none, steps]), np.concatenate([steps, none])
    before, after = (
        np.where(np.isfinite(a), a, np.where(np.isfinite(b), b, usual))
        for a, b in ((before, after), (after, before))
    )
    # Where a field turns, both its neighbours lie on the same side.
    sides = np.stack([values - 0.5 * before, values, values + 0.5 * after])
    low, high = sides.min(0), sides.max(0)
    return (
        np.where(wide, np.fmin(low, footprint[0]), low),
        np.where(wide, np.fmax(high, footprint[1]), high),
    )


def limits(name: str, low: float, high: float) -> tuple[float, float]:
    """Limits of an axis with a field's values, from `low` to `high`."""
    if name == "lt" and high - low > 12.0:
        return 0.0, 24.0
    if name == "alt" and high > 0:
        return max(low, -BELOW * high), high
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def name_axis(axis: Axis, name: str) -> None:
    """Give an axis the ticks and the label of a field."""
    if name == "alt":
        engineering(axis, "altitude of the tangent point", "km")
        return
    known = SIGHTLINE[name]
    low, high = sorted(axis.get_view_interval())
    if name == "lt" and high - low > 8:
        axis.set_major_locator(MultipleLocator(3.0 if high - low < 18 else 6.0))
    if name in ("lat", "lon") and high - low > 90:
        axis.set_major_locator(MultipleLocator(30.0 if high - low < 200 else 60.0))
    set_label(axis, caption(known.long_name, known.units))
