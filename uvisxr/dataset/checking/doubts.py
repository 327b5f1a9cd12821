"""What is told of exposures that contradict themselves or are there more than once."""

from __future__ import annotations

import hashlib
from typing import get_args

import numpy as np
import xarray as xr

from ... import checks
from ...errors import ArgumentError, warn_user
from ...instrument.channel import SlitName
from ...timescales import utc_to_et
from .. import setups
from .frame import along_pic, bins

#: Seconds, to which times are exact.
EXACT = 2e-3

#: Seconds by which `et` and the UTC of an exposure may differ: those of leap seconds, which
#: datetime64 does not have.
_APART = 2.0

#: What was told of the numbers of which datasets, and by which steps: the latest.
_TOLD: dict[tuple[str, bytes], set[str]] = {}

_REMEMBERED = 100


def _warn_once(ds: xr.Dataset, step: str, message: str, *numbers: np.ndarray) -> None:
    """Tell what is wrong with some numbers, unless a step before, in the history, has told it."""
    kind = message.partition(",")[0]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in numbers)).digest()
    told = _TOLD.pop((kind, digest), set())
    _TOLD[kind, digest] = {*told, step}
    while len(_TOLD) > _REMEMBERED:
        del _TOLD[next(iter(_TOLD))]
    done = str(ds.attrs.get("history", ""))
    if not any(f": {before}(" in done for before in told):
        warn_user(f"{step}: {message}")


def warn_of_durations(ds: xr.Dataset, step: str) -> None:
    """Tell of exposures that last longer or shorter than from their start to their stop."""
    found = None if bins(ds) else along_pic(ds, "exposure", "time_start", "time_stop")
    if found is None or any(times.dtype.kind != "M" for times in found[1:]):
        return
    exposure = found[0].astype(float)
    apart = (found[2] - found[1]) / np.timedelta64(1, "s")
    # UTC without leap seconds may be a second short; unknown times contradict nothing.
    off = abs(exposure - apart) > 0.01 * np.maximum(exposure, apart) + EXACT
    off &= abs(exposure - apart - 1) > EXACT
    if off.any():
        at = int(np.argmax(off))
        _warn_once(
            ds,
            step,
            f"exposure, {exposure[at]:g} s, is not the time from time_start to time_stop, "
            f"{apart[at]:g} s, and rates and radiances go with it ({off.sum()} of {off.size} "
            "exposures): keep it in seconds, as uvisxr.open_product gives it, or, if it is right, "
            'leave the times out with ds.drop_vars(["time_start", "time_stop"])',
            *found,
        )


def warn_of_times(ds: xr.Dataset, step: str) -> None:
    """Tell of times of exposures that contradict each other."""
    found = None if bins(ds) else along_pic(ds, "et", "time")
    if found is None or found[0].dtype.kind not in "iuf" or found[1].dtype.kind != "M":
        return
    et, utc = found
    known = ~np.isnat(utc)
    apart = np.zeros(utc.shape)
    try:
        apart[known] = et[known] - utc_to_et(utc[known])
    except ArgumentError:
        # Beyond nanoseconds; who uses them says so.
        return
    off = abs(apart) > _APART
    if off.any():
        at = int(np.argmax(off))
        _warn_once(
            ds,
            step,
            f"et, by which steps go, is {apart[at]:+.6g} s from the coordinate time, "
            f"{np.datetime_as_string(utc[at], 's')} ({off.sum()} of {off.size} exposures): keep "
            "both as uvisxr.open_product gives them, or, if et is right, leave the other out with "
            'ds.drop_vars("time")',
            *found,
        )


def warn_of_other_setup(ds: xr.Dataset, step: str) -> None:
    """Tell of an attribute that is no longer that of the label, where that had one."""
    own, slit = ds.attrs.get("described_setup"), str(ds.attrs.get("slit"))
    if not checks.is_number(own) or setups.number(ds.attrs) == own:
        return
    for other in get_args(SlitName):
        if setups.number({**ds.attrs, "slit": other}) == own:
            _warn_once(
                ds,
                step,
                f"the attribute slit, {slit}, is not that of the label, {other}, and radiances and "
                "geometry go with it: keep it as uvisxr.open_product gives it, or, if it is right, "
                'call del ds.attrs["described_setup"]',
                np.array([slit, other]),
            )


def warn_of_copies(ds: xr.Dataset, step: str) -> None:
    """Tell of exposures and rows that are there more than once where they are averaged."""
    line = ds.variables.get("line")
    if line is not None and line.dims == ("pixel",):
        rows = line.size - np.unique(line.values).size
        if rows:
            warn_user(
                f"{step}: {rows} of {line.size} pixels are of the detector rows of others, as "
                "after isel(pixel=[10, 10]); they are averaged as independent, so that errors are "
                "too small: leave them out with "
                "ds.isel(pixel=np.unique(ds.line, return_index=True)[1])"
            )
    found = along_pic(ds, "et") if "pic" in ds.dims else None
    if found is None or found[0].dtype.kind not in "iuf":
        return
    known = found[0][np.isfinite(found[0])]
    copies = known.size - np.unique(known).size
    if copies:
        warn_user(
            f"{step}: {copies} of {found[0].size} exposures have the times of others, as after "
            "xr.concat of the same ones; they are averaged as independent, so that errors are too "
            "small: leave them out with ds.isel(pic=np.unique(ds.et, return_index=True)[1])"
        )
