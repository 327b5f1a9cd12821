"""Spectra along one dimension, as of `uvisxr.open_found`, for steps that take exposures of pixels.

To these each spectrum is an exposure of one pixel. The times of such exposures are not looked at:
those of neighbours along the slit are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .fields import EPHEMERIS

#: The dimension of found spectra.
DIM = "spectrum"

#: What belongs to the exposure of a spectrum.
_OF_EXPOSURES = frozenset(
    {
        *("time", "time_start", "time_stop", "exposure", "sclk", "product", "utc"),
        *("setup", "geometry_setup", "calibration_setup", "background", "background_error"),
        *EPHEMERIS,
    }
)

#: What says where a spectrum is in its product; `et` would tell that others have its time.
_PLACES = ("pic", "pixel", "line", "window", "et")


def is_list(ds: xr.Dataset) -> bool:
    """Whether a dataset holds spectra along one dimension."""
    return DIM in ds.dims and not {"pic", "pixel"} & {*ds.dims}


def as_exposures(ds: xr.Dataset) -> xr.Dataset:
    """A dataset of spectra along one dimension as one of exposures; others as they are."""
    if not is_list(ds):
        return ds
    there = [name for name in _PLACES if name in ds.variables]
    listed = ds.drop_vars(there).rename({DIM: "pic"})
    coords: dict[Any, xr.Variable] = {}
    values: dict[Any, xr.Variable] = {}
    for name, variable in listed.variables.items():
        if "pic" in variable.dims and name not in _OF_EXPOSURES:
            first = {"pic": variable.sizes["pic"], "pixel": 1}
            framed = variable.set_dims(first | {**variable.sizes})
            (values if name in listed.data_vars else coords)[name] = framed
    numbers = {"pic": np.arange(ds.sizes[DIM]), "pixel": np.zeros(1, int)}
    found: xr.Dataset = listed.assign(values).assign_coords(coords).assign_coords(numbers)
    return found


def masks(pixels: Any) -> Any:
    """Masks over spectra, in lists too, as those of exposures of one pixel; all else as it is."""
    if isinstance(pixels, xr.DataArray) and pixels.dims == (DIM,):
        values = pixels.values[:, None]
        return xr.DataArray(values, dims=("pic", "pixel"))
    if isinstance(pixels, list | tuple) and any(isinstance(one, xr.DataArray) for one in pixels):
        return [masks(one) for one in pixels]
    return pixels
