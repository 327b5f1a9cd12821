"""Spectra along one dimension, as of `uvisxr.open_found`, for steps that take exposures of pixels.

To these each spectrum is an exposure of one pixel. The times of such exposures are not looked at:
those of neighbours along the slit are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .. import checks
from ..errors import ArgumentError
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

#: Steps that take them.
STEPS = frozenset({"bin", "rate", "fill_nan", "smooth", "integrate", "reflectance", "to_netcdf"})

#: Other steps that `open_found` does.
_BEFORE = frozenset(
    {
        *("rebin", "geometry", "background", "predict_stars", "calibrate", "calibration_factor"),
        *("rate", "flag", "unflag"),
    }
)

#: What says where a spectrum is in its product; `et` would tell that others have its time.
_PLACES = ("pic", "pixel", "line", "window", "et")


def is_list(ds: xr.Dataset) -> bool:
    """Whether a dataset holds spectra along one dimension."""
    return DIM in ds.dims and not {"pic", "pixel"} & {*ds.dims}


def reopened(step: str) -> str:
    """What helps where a step takes no spectra along one dimension."""
    mend = (
        "give this step to uvisxr.open_found(found, steps)"
        if step in _BEFORE
        else "open their products with uvisxr.open_observation, or merge them with ds.uvis.bin"
    )
    return (
        f"{step}: these are spectra along {DIM!r}, as uvisxr.open_found gives them, and not the "
        f"exposures and pixels that it takes: {mend}"
    )


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


def only_body(ds: xr.Dataset) -> str:
    """The body that the places of found spectra are on; empty if they are several, or not told."""
    body = ds.variables.get("body")
    if body is None or body.dtype.kind != "U":
        return ""
    # What looks at none has no places either.
    names = {str(name) for name in np.unique(body.values)} - {""}
    return names.pop() if len(names) == 1 else ""


def masks(ds: xr.Dataset, pixels: Any) -> Any:
    """Masks over the spectra of a dataset, or a list of them, as those of exposures of one pixel.

    Raises
    ------
    ArgumentError
        They are something else: pairs of numbers do not say which of them is meant.
    """
    if isinstance(pixels, list | tuple) and len(pixels):
        return [_mask(ds, one) for one in pixels]
    return _mask(ds, pixels)


def _mask(ds: xr.Dataset, mask: Any) -> xr.DataArray:
    if not isinstance(mask, xr.DataArray) or mask.dtype != bool or mask.dims != (DIM,):
        raise ArgumentError(
            f"pixels={_kind(mask)}: expected, of spectra along {DIM!r}, a boolean DataArray over "
            f"{DIM}, such as ds.phase < 60, or a list of them"
        )
    if mask.size != ds.sizes[DIM]:
        raise ArgumentError(
            f"pixels: the mask is of {mask.size} spectra, and the dataset of {ds.sizes[DIM]}: "
            "compute the mask from this dataset"
        )
    return xr.DataArray(mask.values[:, None], dims=("pic", "pixel"))


def _kind(mask: Any) -> str:
    if isinstance(mask, xr.DataArray | np.ndarray):
        over = f" over {mask.dims}" if isinstance(mask, xr.DataArray) else ""
        return f"<{type(mask).__name__} of {mask.dtype}{over}>"
    return checks.shown(mask)
