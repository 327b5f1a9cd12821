"""Number exposures through all products of one `xarray.open_mfdataset`.

xarray opens each file by itself and joins the datasets by their coordinates. Were each product's
`pic` to begin at 0, as it does alone, exposures of different products would be taken for the same.
The engine is not told of the other files, so that it looks for the call that it serves.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, cast

import numpy as np
import xarray as xr

from ..dataset import inputs
from ..errors import ArgumentError, UvisError, warn_user
from .observation import StartTime, open_observation, open_product


@dataclass(frozen=True)
class _Call:
    """A call of `xarray.open_mfdataset`, and the observation that its products are.

    `given` counts exposures as the paths name them, `whole` holds each once.
    """

    paths: Any
    window: int | None
    start_time: StartTime
    whole: xr.Dataset
    given: int


_LOCK = threading.Lock()

#: The latest call: xarray asks for its products one by one.
_latest: list[_Call] = []


def numbered(
    ds: xr.Dataset, path: str, window: int | None, start_time: StartTime = "end_of_first"
) -> xr.Dataset:
    """A product as part of all that one `xarray.open_mfdataset` opens.

    Parameters
    ----------
    ds : Dataset
        The product, as opened alone.
    path : str
        Its label, as the engine got it.
    window, start_time
        As in `open_product`.

    Returns
    -------
    Dataset
        With `pic` running through all products, in order of time or, with ``combine="nested"``,
        that of the list, and with the attributes and the history of `open_observation`. As it is,
        if no such call is found: it may be in another process.

    Raises
    ------
    ProductError
        The products differ in channel, slit, window or binning.
    ArgumentError
        Some hold the same exposures, and xarray would keep them twice.
    """
    found = _call(path)
    if found is None:
        return ds
    paths, by_time = found
    with _LOCK:
        latest = _latest[0] if _latest else None
        if (
            latest is None
            or latest.paths is not paths
            or (latest.window, latest.start_time) != (window, start_time)
        ):
            whole, given = _observation(list(_flat(paths)), window, start_time, by_time)
            latest = _Call(paths, window, start_time, whole, given)
            _latest[:] = [latest]
    whole = latest.whole
    # By coordinates, xarray lays the same exposures on one another if there are others too.
    alone = ds.sizes["pic"] == whole.sizes["pic"]
    if latest.given > whole.sizes["pic"] and (alone or not by_time):
        raise ArgumentError(
            f"some files hold the same exposures, {path} or others: give xarray.open_mfdataset "
            "each once, or use uvisxr.open_observation, which takes them once"
        )
    here = np.isin(whole["et"].values, ds["et"].values)
    here &= np.isin(whole["product"].values, ds["product"].values)
    out = ds.assign_coords(pic=("pic", whole["pic"].values[here], ds["pic"].attrs))
    # Also without what holds for this product alone: xarray takes the attributes of the first.
    out.attrs = dict(whole.attrs)
    return inputs.add(out, inputs.of(whole))


def _call(path: str) -> tuple[Any, bool] | None:
    """Paths of the call that opens a path, and whether it joins them by coordinates."""
    code = inspect.unwrap(xr.open_mfdataset).__code__
    # Of all threads: with parallel=True another one than the caller's opens the file.
    for top in sys._current_frames().values():
        frame: FrameType | None = top
        while frame is not None:
            if frame.f_code is code and _absolute(path) in _flat(frame.f_locals["paths"]):
                return frame.f_locals["paths"], frame.f_locals["combine"] == "by_coords"
            frame = frame.f_back
    return None


def _flat(paths: Any) -> Iterator[str]:
    """Paths in lists of lists, absolute."""
    if isinstance(paths, str | os.PathLike):
        yield _absolute(paths)
    elif isinstance(paths, list | tuple):
        for part in paths:
            yield from _flat(part)


def _absolute(path: Any) -> str:
    return str(Path(os.fsdecode(path)).expanduser().absolute())


def _observation(
    paths: list[str], window: int | None, start_time: StartTime, by_time: bool
) -> tuple[xr.Dataset, int]:
    """All products that can be opened as one dataset, none between the exposures of another.

    Also how many exposures the paths name, those of copies counted again.
    """
    starts: dict[str, float] = {}
    given = 0
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for path in paths:
            try:
                one = open_product(path, window=window, start_time=start_time)
            except UvisError:
                # Whether that stops the others is for xarray to say, when its turn comes.
                continue
            if isinstance(one, xr.Dataset):
                starts[path] = float(one["et"].min())
                given += one.sizes["pic"]
    order = sorted(starts, key=starts.__getitem__) if by_time else list(starts)
    with warnings.catch_warnings(record=True) as anew:
        warnings.simplefilter("always")
        whole = open_observation(order, window=window, start_time=start_time, sort=False)
    # What a product by itself is warned of is said when xarray opens it.
    alone = {str(warning.message) for warning in said}
    for text in dict.fromkeys(str(warning.message) for warning in anew):
        if text not in alone:
            warn_user(text)
    # Of several windows one was chosen: it is no tree.
    return cast(xr.Dataset, whole), given
