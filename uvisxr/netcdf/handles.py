"""Open NetCDF files by the netCDF4 library, one thread at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import netCDF4

# What xarray holds while it reads.
from xarray.backends.locks import HDF5_LOCK

#: Held while the netCDF4 library works: it serves one thread at a time. Re-entrant.
LOCK = threading.RLock()

#: Groups within groups, and all groups and variables of a file.
_DEPTH, _MEMBERS = 8, 10_000

#: What files were when they were opened: time and size by device and number.
_SEEN: dict[tuple[int, int], tuple[int, int]] = {}


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
        _check_unchanged(path.stat())
        with netCDF4.Dataset(path) as root:
            try:
                yield root
            finally:
                with suppress(OSError, RuntimeError, ValueError):
                    read_texts(root)


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

    If a file that is open is opened once more and closed without that, and its texts are read the
    next time, the netCDF4 library (1.7.5, with HDF5 2.2) ends the process at the time after that.
    """
    for variable in variables(root):
        if variable.dtype is str and variable.size:
            variable[(0,) * variable.ndim]


def variables(root: netCDF4.Dataset) -> Iterator[netCDF4.Variable[Any]]:
    """All variables of all groups."""
    groups, count = [(root, 0)], 0
    while groups:
        group, depth = groups.pop()
        count += 1 + len(group.variables)
        if depth > _DEPTH or count > _MEMBERS:
            raise ValueError("it has too many groups and variables")
        yield from group.variables.values()
        groups += [(inner, depth + 1) for inner in group.groups.values()]
