"""Whether the fields of sightlines are those of these exposures, and of one body."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from ... import checks
from ...errors import ArgumentError, warn_user
from ...timescales import utc_to_et
from .. import setups
from ..fields import CORNERS, SIGHTLINE
from .doubts import EXACT
from .frame import along_pic, bins, setup_of

FIELDS = (*SIGHTLINE, *(f"{name}_corners" for name in SIGHTLINE))


def lack_pointing(ds: xr.Dataset) -> bool:
    """Whether a dataset has directions of its spectra, none of which is known."""
    there = [ds.variables[name] for name in ("ra", "ra_corners") if name in ds.variables]
    return bool(there) and not any(np.isfinite(variable.values).any() for variable in there)


def check_corners(ds: xr.Dataset, step: str, names: Iterable[str]) -> None:
    """Refuse corners of pixels that are not the four of them, in their order."""
    of_corners = [name for name in names if name.endswith("_corners")]
    if not of_corners:
        return
    size, own = ds.sizes.get("corner", 1), ds.variables.get("corner")
    left = list(CORNERS) if own is None else [str(name) for name in np.atleast_1d(own.values)]
    if size == len(CORNERS) and left == list(CORNERS):
        return
    again = sorted(left) == sorted(CORNERS)
    mend = f"call ds.sel(corner={[*CORNERS]})" if again else "call ds.uvis.geometry() again"
    raise ArgumentError(
        f"{step}: {of_corners[0]} has {size} corners, {checks.shown(', '.join(left))}, but pixels "
        f"have the four {', '.join(CORNERS)}, in this order: {mend}"
    )


def check_geometry(ds: xr.Dataset, step: str) -> None:
    """Refuse fields of several bodies, or of another than the attributes say; tell of other times.

    Parameters
    ----------
    ds : Dataset
        Of one without fields nothing is asked.
    step : str
        For the message.

    Raises
    ------
    ArgumentError

    Warns
    -----
    UvisWarning
        The fields hold outside of their exposures.
    """
    if bins(ds):
        return
    _warn_of_instants(ds, step)
    found = setup_of(ds, step, "geometry_setup")
    if found is None:
        return
    known = found[np.isfinite(found)]
    said = "geometry_target" in ds.attrs
    own = setups.of_geometry(ds.attrs) if said else known[:1]
    other = known != own
    if not other.any():
        return
    target = checks.shown(ds.attrs["geometry_target"]) if said else "the first"
    raise ArgumentError(
        f"{step}: the geometry of {other.sum()} of {known.size} exposures is of another target, "
        f"sense of longitudes or kind of tangent than that of {target}, as after xr.concat, which "
        "keeps the attributes of the first dataset: take this step with each by itself, or call "
        'ds.uvis.geometry() once for all; ds.drop_vars("geometry_setup") takes them as one'
    )


def _instants(ds: xr.Dataset) -> xr.Variable | None:
    """When the fields hold, as `et`."""
    utc = ds.variables.get("geometry_time")
    if "geometry_et" in ds.variables or utc is None or utc.dtype.kind != "M":
        return ds.variables.get("geometry_et")
    try:
        return xr.Variable(utc.dims, utc_to_et(utc.values))
    except ArgumentError:
        # Not all are known.
        return None


def _warn_of_instants(ds: xr.Dataset, step: str) -> None:
    """Tell of fields that hold before or after their exposures."""
    times = along_pic(ds, "et", "exposure")
    instants = _instants(ds)
    if times is None or instants is None or not {*instants.dims} <= {"pic", "sample"}:
        return
    if {instants.dtype.kind, *(values.dtype.kind for values in times)} - {*"iuf"}:
        return
    et, exposure = times
    if not et.size or not instants.size:
        return
    own = instants.set_dims({"pic": et.size, **instants.sizes}).transpose("pic", ...)
    apart = abs(own.values.reshape(et.size, -1) - et[:, None]).min(axis=1)
    # Times in UTC share a leap second.
    off = apart > exposure / 2 + 1 + EXACT
    if off.any():
        at = int(np.argmax(off))
        warn_user(
            f"{step}: geometry_et is up to {apart[off].max():.6g} s from the middle of exposures "
            f"of {exposure[at]:g} s ({off.sum()} of {off.size} exposures), so that the fields are "
            "not where these looked, as after taking them over from others: call "
            "ds.uvis.geometry() again, unless they are for times= of your own"
        )
