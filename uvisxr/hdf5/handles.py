"""Open NetCDF files by the netCDF4 library, one thread at a time, and each file but once.

HDF5 shares what it knows of a file between those who open it, and if one closes it before the
others, the texts that they read end the process (netCDF4 1.7.5, HDF5 2.2).

A fork of the process waits, for half a minute at most, until no other thread is at work here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import netCDF4
from xarray.backends import CachingFileManager, NetCDF4DataStore

# What xarray holds while it reads.
from xarray.backends.locks import HDF5_LOCK as HDF5_LOCK
from xarray.backends.locks import NETCDFC_LOCK, CombinedLock

from .. import forks
from . import leaks

#: Held while the netCDF4 library works: it serves one thread at a time. Re-entrant.
LOCK = threading.RLock()

#: Held while a file is opened, or part of it read, or it is closed. xarray looks at what a file
#: holds without any lock, and where one block of a damaged file cannot be read, threads of dask go
#: on with others. Re-entrant; who needs `LOCK` too takes that first, and `HDF5_LOCK` last.
READING = threading.RLock()

#: How often it is looked whether a file stays open, and s in between.
_LOOKS, _PAUSE = 10, 0.02

# A file that is being written would be open in a child too, which keeps others from opening it.
forks.wait_for(LOCK, READING, NETCDFC_LOCK, HDF5_LOCK, patience=30.0)

#: Groups within groups, and all groups and variables of a file.
_DEPTH, _MEMBERS = 8, 10_000

#: What files were when they were opened: time and size by device and number.
_SEEN: dict[tuple[int, int], tuple[int, int]] = {}

#: The names by which they were opened first.
_NAMES: dict[tuple[int, int], str] = {}

#: Who has a file open, by what xarray knows the file by.
_HOLDERS: dict[Any, set[int]] = {}

#: How often a file is opened that others replace at the time.
_TIMES = 5


class _ChangedError(OSError):
    """A file is not what it was."""


class _Lock(CombinedLock):
    """What xarray holds while it reads; where it is unpickled, what is held there."""

    def __init__(self) -> None:
        super().__init__([NETCDFC_LOCK, HDF5_LOCK])

    def __reduce__(self) -> str:
        return "_LOCK"


_LOCK = _Lock()


class _Manager(CachingFileManager[Any]):
    """What opens a file when it is asked for, if it is not open, and closes it after the last.

    Parameters
    ----------
    name : str
    number : tuple of int
        Device and number of the file.
    state : tuple of int
        Its time and size.
    """

    def __init__(self, name: str, number: tuple[int, int], state: tuple[int, int]):
        super().__init__(
            _dataset, name, number, state, lock=_LOCK, manager_id="uvisxr", ref_counts={}
        )
        self._holders = _HOLDERS.setdefault(self._key, set())

    def acquire(self, needs_lock: bool = True) -> Any:
        with self._holding():
            return super().acquire(needs_lock)

    @contextmanager
    def acquire_context(self, needs_lock: bool = True) -> Iterator[Any]:
        with self._holding(), super().acquire_context(needs_lock) as root:
            yield root

    def close(self, needs_lock: bool = True) -> None:
        with ExitStack() as stack:
            if needs_lock:
                for lock in (LOCK, READING, _LOCK):
                    stack.enter_context(lock)
            self._holders.discard(id(self))
            if not self._holders:
                super().close(needs_lock=False)

    @contextmanager
    def _holding(self) -> Iterator[None]:
        # Before it has the file, so that nobody closes it as the last one in between.
        held = id(self) in self._holders
        self._holders.add(id(self))
        try:
            yield
        except BaseException:
            if not held:
                self._holders.discard(id(self))
            raise

    def __del__(self) -> None:
        # Whatever this thread or another one does just now, it is not waited for.
        self._holders.discard(id(self))
        with ExitStack() as stack:
            for lock in (LOCK, READING, _LOCK):
                if not lock.acquire(blocking=False):
                    return
                stack.callback(lock.release)
            self.close(needs_lock=False)

    def __reduce__(self) -> tuple[Any, ...]:
        name, _, state = self._args
        return _again, (name, state)


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
            shared.close(needs_lock=False)


@contextmanager
def looking() -> Iterator[None]:
    """Keep other threads from the library, while what `store` opens is looked at."""
    with LOCK, READING:
        yield


def store(path: Path) -> NetCDF4DataStore:
    """A file as xarray reads it, shared by all who have it open; errors as of `opened`."""
    with looking():
        return NetCDF4DataStore(_entered(path, needs_lock=True), lock=_LOCK)


def _entered(path: Path, needs_lock: bool) -> _Manager:
    """What has a file open."""
    for left in reversed(range(_TIMES)):
        there = path.stat()
        shared = _Manager(_name(os.path.realpath(path), there), _number(there), _state(there))
        try:
            shared.acquire(needs_lock)
        except _ChangedError:
            # Another writer has put a file in its place just now.
            if not left:
                raise
        else:
            break
    return shared


def _again(name: str, state: tuple[int, int]) -> _Manager:
    """What had a file open, in another process, or on a machine where its number is another."""
    try:
        there = os.stat(name)  # noqa: PTH116 - of the name as it is
    except OSError:
        # Which is told when the file is read.
        return _Manager(name, (0, 0), state)
    return _Manager(_name(name, there), _number(there), state)


def _number(there: os.stat_result) -> tuple[int, int]:
    return there.st_dev, there.st_ino


def _state(there: os.stat_result) -> tuple[int, int]:
    return there.st_mtime_ns, there.st_size


def _name(name: str, there: os.stat_result) -> str:
    """The name by which a file was opened first, if it still is there."""
    known = _NAMES.get(_number(there), "")
    with suppress(OSError):
        if os.path.samestat(Path(known).stat(), there):
            return known
    _NAMES[_number(there)] = name
    return name


def _dataset(name: str, number: tuple[int, int], state: tuple[int, int]) -> Any:
    """Open a file, if it is what it was."""
    there = os.stat(name)  # noqa: PTH116 - of the name as it is
    if (_number(there), _state(there)) != (number, state):
        raise _ChangedError("it was changed since it was opened first")
    _check_unchanged(there)
    with leaks.closed(Path(name)):
        return netCDF4.Dataset(name)


def _check_unchanged(there: os.stat_result) -> None:
    number, state = _number(there), _state(there)
    if _SEEN.get(number, state) != state and _stays_held(there):
        raise ValueError(
            "it was changed or touched while this process had it open: close all that was opened "
            "from it first, copy it to a new name, or restart Python"
        )
    _SEEN[number] = state


def _stays_held(there: os.stat_result) -> bool:
    """Whether a file stays open in this process; a number may be that of an earlier file, and
    another thread may look at the new one for a moment."""
    for _ in range(_LOOKS):
        if not _is_held(there):
            return False
        time.sleep(_PAUSE)
    return True


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
