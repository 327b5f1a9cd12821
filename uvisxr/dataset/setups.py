"""Numbers for the set-up of instrument and geometry, by which exposures of another are known."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, cast, get_args

import numpy as np
import xarray as xr

from .. import checks
from ..errors import MissingStepError
from ..instrument.channel import Optics
from .conventions import SMOOTHED, SUMMED

#: Attributes on which numbers depend.
_ATTRS = frozenset(
    {
        *("channel", "slit", "optics", "compression"),
        *("ul_line", "ul_band", "lr_line", "lr_band", "line_bin", "band_bin", SUMMED),
    }
)

#: Of the arguments of a calibration, the choices that made its sensitivity.
OF_SENSITIVITY = "sensitivity"

#: The channel that has a solar port, too.
_WITH_PORT = "EUV"

#: Attributes on which the meaning of fields depends.
_OF_GEOMETRY = frozenset(("geometry_target", "lon_direction", "tangent"))


def number(attrs: Mapping[Any, Any]) -> int:
    """CRC-32 of what a dataset's attributes say of all its exposures, without its highest bit."""
    return _number(attrs, _ATTRS)


def lost(attrs: Mapping[Any, Any]) -> set[str]:
    """Attributes of all opened datasets, of which the number tells, that are not there."""
    return {*_ATTRS} - {SUMMED} - attrs.keys()


def optics(ds: xr.Dataset) -> Optics:
    """What the light came in through: the attribute, or, where it is lost, what the number tells.

    "telescope" where nothing tells.

    Raises
    ------
    MissingStepError
        The attribute is lost, and other attributes are not as the number tells.
    """
    told: Any = ds.attrs.get("optics")
    if told is not None or ds.attrs.get("channel") != _WITH_PORT:
        return "telescope" if told is None else cast(Optics, told)
    own = ds.attrs.get("described_setup")
    if not checks.is_number(own):
        known = ds.variables["setup"].values.ravel() if "setup" in ds.variables else np.empty(0)
        own = next(iter(known.tolist()), None)
    if own is None or own == number(ds.attrs):
        return "telescope"
    kinds: tuple[Optics, ...] = get_args(Optics)
    for one in kinds:
        if number({**ds.attrs, "optics": one}) == own:
            return one
    raise MissingStepError(
        "the dataset has lost its attribute optics, what the light came in through: put it back "
        f"with ds.assign_attrs(optics=...), {' or '.join(map(repr, kinds))}"
    )


def of_geometry(attrs: Mapping[Any, Any]) -> int:
    """The same of what they say of the geometry."""
    return _number(attrs, _OF_GEOMETRY)


def of_calibration(attrs: Mapping[Any, Any]) -> int | None:
    """The same of how radiances were filled and smoothed, and of what their errors hold.

    None if the attributes say nothing of it that can be read.
    """
    try:
        told = json.loads(attrs["calibrate_arguments"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not told:
        return None
    # The one goes with the times, the other with the sensitivity, which each exposure has.
    for name in ("schedule", OF_SENSITIVITY):
        told.pop(name, None)
    told[SMOOTHED] = attrs.get(SMOOTHED)
    return _number(told, frozenset(told))


def with_calibration(ds: xr.Dataset) -> xr.Dataset:
    """A dataset whose exposures have the number of how it was calibrated, if it was."""
    found = of_calibration(ds.attrs)
    if found is None or "et" not in ds.variables:
        return ds
    et = ds["et"]
    return ds.assign_coords(calibration_setup=(et.dims, np.full(et.shape, found, np.int32)))


def _number(attrs: Mapping[Any, Any], names: frozenset[str]) -> int:
    told = {key: str(value) for key, value in attrs.items() if key in names}
    return zlib.crc32(json.dumps(told, sort_keys=True).encode()) & 0x7FFFFFFF
