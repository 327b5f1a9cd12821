"""Close what the HDF5 library keeps of a file that the netCDF library could not open.

The netCDF library forgets such a file; HDF5 then gives parts of it for those of the next, or ends
the process.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import netCDF4

#: Of H5Fpublic.h: objects of all kinds, which as a file stands for all files; and files alone.
_ALL, _FILES = 0x1F, 0x01

#: How often a file is closed at most: as often as it is held.
_TIMES = 16

_Id = ctypes.c_int64


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """Close a file that was opened within and is still open when an error comes."""
    before = set(_files())
    try:
        yield
    except BaseException:
        for number in set(_files()) - before:
            if _name(number) == os.fsencode(path):
                _close(number)
        raise


def _close(number: int) -> None:
    library = _library()
    for _ in range(_TIMES):
        if library is None or library.H5Iis_valid(_Id(number)) <= 0:
            break
        library.H5Fclose(_Id(number))


def _files() -> list[int]:
    """The numbers of the files that the HDF5 library has open."""
    library = _library()
    count = 0 if library is None else library.H5Fget_obj_count(_Id(_ALL), _FILES)
    if library is None or count <= 0:
        return []
    found = (_Id * count)()
    count = library.H5Fget_obj_ids(_Id(_ALL), _FILES, ctypes.c_size_t(count), found)
    return list(found[: max(count, 0)])


def _name(number: int) -> bytes:
    """The name by which a file was opened."""
    library = _library()
    size = 0 if library is None else library.H5Fget_name(_Id(number), None, ctypes.c_size_t(0))
    if library is None or size <= 0:
        return b""
    found = ctypes.create_string_buffer(size + 1)
    library.H5Fget_name(_Id(number), found, ctypes.c_size_t(size + 1))
    return found.value


@cache
def _library() -> ctypes.CDLL | None:
    """The HDF5 library that netCDF4 is linked to; None where the system does not find it so."""
    try:
        # What a module in C is linked to is found through it.
        library = ctypes.CDLL(sys.modules[netCDF4.Variable.__module__].__file__)
        for name in ("H5Fget_obj_count", "H5Fget_obj_ids", "H5Fget_name"):
            getattr(library, name).restype = ctypes.c_ssize_t
        library.H5Fclose.restype = library.H5Iis_valid.restype = ctypes.c_int
    except (OSError, AttributeError):
        return None
    return library
