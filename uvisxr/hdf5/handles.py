"""Open NetCDF files by the netCDF4 library, one thread at a time, and each file but once.

HDF5 shares what it knows of a file between those who open it, and if one closes it before the
others, the texts that they read end the process (netCDF4 1.7.5, HDF5 2.2).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import netCDF4
from xarray.backends import CachingFileManager, NetCDF4DataStore

# What xarray holds while it reads.
from xarray.backends.locks import HDF5_LOCK as HDF5_LOCK
from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

from . import leaks

#: Held while the netCDF4 library works: it serves one thread at a time. Re-entrant.
LOCK = threading.RLock()

#: Groups within groups, and all groups and variables of a file.
_DEPTH, _MEMBERS = 8, 10_000

#: What files were when they were opened: time and size by device and number.
_SEEN: dict[tuple[int, int], tuple[int, int]] = {}

#: The names by which they were opened first.
_NAMES: dict[tuple[int, int], str] = {}

#: How many have a file open, as xarray counts them.
_COUNTS: dict[Any, int] = {}


#: How often a file is opened that others replace at the time.
_TIMES = 5


class _ChangedError(OSError):
    """A file is not what it was."""


@contextmanager
def opened(path: Path) -> Iterator[netCDF4.Dataset]:
    """A NetCDF file for reading, of which `read_texts` is called before it is closed.

    Raises
    ------
    OSError, RuntimeError
        The library cannot read it.
    ValueError
        It was changed while it was open, of which the library, that knows files by their number,
        would take old parts with new ones.
    """
    with LOCK, HDF5_LOCK:
        shared = _entered(path, needs_lock=False)
        try:
            root = shared.acquire(needs_lock=False)
            try:
                yield root
            finally:
                with suppress(OSError, RuntimeError, ValueError):
                    read_texts(root)
        finally:
            if _COUNTS.get(shared._key) == 1:
                shared.close(needs_lock=False)


def store(path: Path) -> NetCDF4DataStore:
    """A file as xarray reads it, shared by all who have it open; errors as of `opened`."""
    with LOCK:
        return NetCDF4DataStore(_entered(path, needs_lock=True), lock=NETCDF4_PYTHON_LOCK)


def _entered(path: Path, needs_lock: bool) -> CachingFileManager[Any]:
    """What has a file open; see `_shared`."""
    for left in reversed(range(_TIMES)):
        shared = _shared(path)
        try:
            shared.acquire(needs_lock)
        except _ChangedError:
            # Another writer has put a file in its place just now.
            if not left:
                raise
        else:
            break
    return shared


def _shared(path: Path) -> CachingFileManager[Any]:
    """What opens a file when it is asked for, if it is not open, and closes it after the last."""
    there = path.stat()
    _check_unchanged(there)
    number = there.st_dev, there.st_ino
    name = _NAMES.get(number, "")
    try:
        known = os.path.samestat(Path(name).stat(), there)
    except OSError:
        known = False
    if not known:
        name = _NAMES[number] = os.path.realpath(path)
    state: Hashable = (there.st_mtime_ns, there.st_size)
    return CachingFileManager(
        _dataset,
        name,
        (number, state),
        lock=NETCDF4_PYTHON_LOCK,
        manager_id="uvisxr",
        ref_counts=_COUNTS,
    )


def _dataset(name: str, was: Hashable) -> Any:
    """Open a file, if it is what it was."""
    there = os.stat(name)  # noqa: PTH116 - of the name as it is
    if ((there.st_dev, there.st_ino), (there.st_mtime_ns, there.st_size)) != was:
        raise _ChangedError("it was changed since it was opened first")
    with leaks.closed(Path(name)):
        return netCDF4.Dataset(name)


def _check_unchanged(there: os.stat_result) -> None:
    number, state = (there.st_dev, there.st_ino), (there.st_mtime_ns, there.st_size)
    if _SEEN.get(number, state) != state and _is_held(there):
        raise ValueError(
            "it was changed while this process had it open, and what was there may be damaged: "
            "copy it to a new name, or restart Python"
        )
    _SEEN[number] = state


def _is_held(there: os.stat_result) -> bool:
    """Whether this process has a file open, also where a library has forgotten to close it."""
    with suppress(OSError):
        for descriptor in Path("/dev/fd").iterdir():
            with suppress(OSError):
                if os.path.samestat(os.fstat(int(descriptor.name)), there):
                    return True
    return False


def read_texts(root: netCDF4.Dataset) -> None:
    """Read one text of each variable that has some.

    If others than uvisxr have a file open, it is opened once more and closed without that, and its
    texts are read the next time, the library ends the process at the time after that.
    """
    for variable in variables(root):
        if variable.dtype is str and variable.size:
            variable[(0,) * variable.ndim]


def variables(root: netCDF4.Dataset) -> Iterator[netCDF4.Variable[Any]]:
    """All variables of all groups."""
    for group in groups(root):
        yield from group.variables.values()


def groups(root: netCDF4.Dataset) -> Iterator[netCDF4.Dataset]:
    """All groups, the file itself first."""
    left, count = [(root, 0)], 0
    while left:
        group, depth = left.pop()
        count += 1 + len(group.variables)
        if depth > _DEPTH or count > _MEMBERS:
            raise ValueError("it has too many groups and variables")
        yield group
        left += [(inner, depth + 1) for inner in reversed(group.groups.values())]
