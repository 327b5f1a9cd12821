"""Another background than that of a dataset."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..background import background
from ..errors import unwarned


def level_of(ds: xr.Dataset) -> float:
    """The background of a dataset, count/s per detector pixel; 0 without one for all."""
    return float(ds["background"]) if is_one(ds) else 0.0


def is_one(ds: xr.Dataset) -> bool:
    """Whether a dataset has one background, and not several of joined observations."""
    return "background" in ds.variables and not ds["background"].ndim


def with_level(ds: xr.Dataset, level: float | None) -> xr.Dataset:
    """The dataset with another background, and the error of its own; as it is without one."""
    if level is None:
        return ds
    return background(ds, level=level, error=error_of(ds))


def is_subtracted(ds: xr.Dataset) -> bool:
    """Whether rates of a dataset of counts have a background taken off."""
    return "background" in ds.variables or "background_method" in ds.attrs


def without_level(ds: xr.Dataset) -> xr.Dataset:
    """A dataset of counts whose rates hold the background, as those of its maps do."""
    if not is_subtracted(ds):
        return ds
    ds = ds.drop_vars(["background", "background_error"], errors="ignore")
    ds.attrs.pop("background_method", None)
    return ds


def error_of(ds: xr.Dataset) -> float | None:
    """That of the background of a dataset."""
    return float(ds["background_error"]) if "background_error" in ds.variables else None


def per_level(ds: xr.Dataset) -> np.ndarray:
    """What a background of one count/s per detector pixel takes off radiances, (pixel, wl).

    The response does not change noticeably within an observation, so that of the first exposure
    that lacks nothing stands for all.
    """
    whole = np.isfinite(ds["radiance"].transpose("pic", "pixel", "wl").values).sum(axis=(1, 2))
    one = ds.isel(pic=[int(whole.argmax())])
    with unwarned():
        low, high = (
            background(one, level=level, error=0.0)["radiance"]
            .transpose("pic", "pixel", "wl")
            .values[0]
            for level in (0.0, 1.0)
        )
    return np.asarray(low.astype(float) - high)
