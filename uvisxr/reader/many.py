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
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, cast

import numpy as np
import xarray as xr

from ..dataset import inputs
from ..errors import ArgumentError, UvisError, warn_user
from ..files import absolute
from ..pds3 import identifier
from .observation import open_observation, open_product
from .times import StartTime


@dataclass(frozen=True)
class _Call:
    """A call of `xarray.open_mfdataset`, and the observation that its products are.

    `given` counts exposures as the paths name them, `whole` holds each once.
    `uneven`: some products hold a part of another's exposures.
    """

    paths: Any
    window: int | None
    start_time: StartTime
    whole: xr.Dataset
    given: int
    uneven: bool

    def serves(self, paths: Any, window: int | None, start_time: StartTime) -> bool:
        """Whether this is the call with these arguments: the very list, not an equal one."""
        return self.paths is paths and (self.window, self.start_time) == (window, start_time)


_LOCK = threading.Lock()

#: The latest calls, of several threads: xarray asks for the products of each one by one.
_latest: deque[_Call] = deque(maxlen=4)


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
        Some hold the same exposures, and xarray would keep them twice; or several threads open a
        product at once, so that its number is unclear.
    """
    found = _call(path)
    if found is None:
        return ds
    paths, by_time = found
    with _LOCK:
        known = (x for x in _latest if x.serves(paths, window, start_time))
        call = next(known, None)
        if call is None:
            parts = _observation(list(_flat(paths)), window, start_time, by_time)
            call = _Call(paths, window, start_time, *parts)
            _latest.append(call)
    whole = call.whole
    # By coordinates, xarray lays the same exposures on one another if there are others too.
    alone = ds.sizes["pic"] == whole.sizes["pic"]
    if call.given > whole.sizes["pic"] and (alone or call.uneven or not by_time):
        raise ArgumentError(
            f"some files hold the same exposures, {path} or others: give xarray.open_mfdataset "
            "each once, or use uvisxr.open_observation, which takes them once"
        )
    here = np.isin(whole["et"].values, ds["et"].values)
    here &= np.isin(_keys(whole), _keys(ds))
    names = {"pic": whole["pic"].values[here]}
    # Copies are the same exposures under one name.
    names |= {"product": whole["product"].values[here]}
    out = ds.assign_coords({name: ("pic", v, ds[name].attrs) for name, v in names.items()})
    # Also without what holds for this product alone: xarray takes the attributes of the first.
    out.attrs = dict(whole.attrs)
    return inputs.add(out, inputs.of(whole))


def _keys(ds: xr.Dataset) -> list[str]:
    """The products of exposures, by which those of copies are known."""
    return [identifier.key(name) for name in ds["product"].values.tolist()]


def _call(path: str) -> tuple[Any, bool] | None:
    """Paths of the call that opens a path, and whether it joins them by coordinates."""
    found = [frame.f_locals for frame in _opening(path)]
    calls = {(tuple(_flat(here["paths"])), here["combine"]): here["paths"] for here in found}
    if len(calls) > 1:
        raise ArgumentError(
            f"several threads open {path} with xarray.open_mfdataset(parallel=True) at once, and "
            "which of them numbers its exposures is unclear: call one after the other, or without "
            "parallel=True"
        )
    return next(((paths, how == "by_coords") for (_, how), paths in calls.items()), None)


def _opening(path: str) -> list[FrameType]:
    """The calls of `xarray.open_mfdataset` that may have asked for a path.

    That is the caller of `xarray.open_dataset`; if dask calls it, with ``parallel=True``, any call
    that does so, in this thread or another one. A caller in between, such as `preprocess`, opens a
    dataset of its own.
    """
    many, one = (inspect.unwrap(f).__code__ for f in (xr.open_mfdataset, xr.open_dataset))
    stack = list(_stack(sys._getframe()))
    opened = next((k for k, frame in enumerate(stack) if frame.f_code is one), None)
    if opened is None:
        return []
    above = [frame for frame in stack[opened + 1 :] if frame.f_code.co_name != "<listcomp>"]
    if above and above[0].f_code is many:
        return above[:1]
    if not above or above[0].f_globals.get("__name__", "").partition(".")[0] != "dask":
        return []

    def parallel(frames: Iterable[FrameType]) -> list[FrameType]:
        return [
            frame
            for frame in frames
            if frame.f_code is many
            and frame.f_locals.get("parallel")
            and _absolute(path) in _flat(frame.f_locals["paths"])
        ]

    tops = sys._current_frames().values()
    return parallel(above)[:1] or [found for top in tops for found in parallel(_stack(top))]


def _stack(top: FrameType) -> Iterator[FrameType]:
    frame: FrameType | None = top
    while frame is not None:
        yield frame
        frame = frame.f_back


def _flat(paths: Any) -> Iterator[str]:
    """Paths in lists of lists, absolute."""
    if isinstance(paths, str | os.PathLike):
        yield _absolute(paths)
    elif isinstance(paths, list | tuple):
        for part in paths:
            yield from _flat(part)


def _absolute(path: Any) -> str:
    return str(absolute(Path(os.fsdecode(path)).expanduser()))


def _observation(
    paths: list[str], window: int | None, start_time: StartTime, by_time: bool
) -> tuple[xr.Dataset, int, bool]:
    """All products that can be opened as one dataset, none between the exposures of another.

    Also how many exposures the paths name, those of copies counted again, and whether some products
    hold a part of another's.
    """
    starts: dict[str, float] = {}
    given = 0
    distinct: set[tuple[float, ...]] = set()
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
                distinct.add(tuple(one["et"].values))
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
    return cast(xr.Dataset, whole), given, sum(map(len, distinct)) > whole.sizes["pic"]
