"""Open NetCDF files by the netCDF4 library, one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import netCDF4

#: Held while the netCDF4 library works: it serves one thread at a time. Re-entrant.
LOCK = threading.RLock()

#: Groups within groups, and all groups and variables of a file.
_DEPTH, _MEMBERS = 8, 10_000


@contextmanager
def opened(path: Path) -> Iterator[netCDF4.Dataset]:
    """A NetCDF file for reading, of which `read_texts` is called before it is closed."""
    with LOCK, netCDF4.Dataset(path) as root:
        try:
            yield root
        finally:
            with suppress(OSError, RuntimeError, ValueError):
                read_texts(root)


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
