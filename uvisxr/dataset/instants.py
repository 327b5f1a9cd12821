"""When exposures began and ended."""

from __future__ import annotations

import numpy as np
import xarray as xr


def ends(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray] | None:
    """When exposures began and ended, UTC, datetime64[ns], (pic,) each or a single one.

    Where the dataset has not the times of both ends: by their middles and how long they were, or
    these alone where that is not known. None where nothing is known.
    """
    names = ("time_start", "time_stop")
    if not set(names) <= ds.variables.keys():
        names = ("time", "time")
    if not set(names) <= ds.variables.keys():
        return None
    begin, end = (ds[name].values.ravel() for name in names)
    if begin.dtype.kind != "M" or end.dtype.kind != "M":
        # Undecoded.
        return None
    long = ds["exposure"].values if "exposure" in ds.variables else np.zeros(1)
    if names[0] != "time" or np.ndim(long) > 1 or np.size(long) not in (1, begin.size):
        return begin, end
    half = np.nan_to_num(5e8 * np.ravel(long)).astype("timedelta64[ns]")
    return begin - half, end + half
