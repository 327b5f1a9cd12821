"""Whether a NetCDF file can be what it claims to be, before anything is made by its claims.

Files of HDF5 say in their first bytes how long they are, so that one cut off is known. What
dimensions, chunks and types claim is held against that length: no more than zlib can pack.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from ..files import HDF5, read_beginning
from ..files import opened as ordinary
from . import chunks, headers, texts
from .handles import opened, read_texts, variables

#: The dimension by which a NetCDF file is known that uvisxr wrote. No variable has it, so that it
#: does not go with what is read from the file into files that others write, as attributes would.
MARK = "written_by_uvisxr"

#: How often smaller zlib can make anything at most.
_PACKED = 1032

#: Bytes that need not be in a file: of what was never written.
_FREE = 2**20

#: Place of the address of the end of the file, by the version of the first block, if addresses have
#: eight bytes; and the place that says how many they have.
_END = {0: (40, 13), 1: (44, 13), 2: (28, 9), 3: (28, 9)}


class CutOffError(ValueError):
    """A file that is shorter than it says."""


def check(path: Path, most: int | None = None) -> None:
    """Check a file's length and claims; parameters and errors as of `sound`."""
    with sound(path, most):
        pass


@contextmanager
def sound(path: Path, most: int | None = None) -> Iterator[netCDF4.Dataset]:
    """A NetCDF file for reading, whose length and claims are checked.

    Parameters
    ----------
    path : path
    most : int, optional
        Most bytes of its variables. Default: what so long a file can hold.

    Raises
    ------
    OSError, ValueError
        It is no ordinary file, no NetCDF-4 file, cut off, damaged, or claims more than it holds.
    """
    head, size = read_beginning(path, 64)
    if head.startswith(b"CDF"):
        raise ValueError("it is NetCDF of an older form, which xarray.open_dataset opens")
    if not head.startswith(HDF5):
        raise ValueError("it is no NetCDF-4 file")
    if len(head) < 64:
        raise CutOffError("it was cut off")
    at, width = _END.get(head[8], (0, 0))
    if not at or head[width] != 8:
        raise ValueError("it is damaged, or of a form of HDF5 that NetCDF does not write")
    claimed = int.from_bytes(head[at : at + 8], "little")
    if claimed != size:
        kind = CutOffError if size < claimed else ValueError
        raise kind(f"it has {size} bytes in place of {claimed}: it was cut off or changed")
    whole = _check_structure(path, size)
    try:
        with opened(path) as root:
            if not whole and is_untouched(root):
                raise headers.damaged("chunks")
            total = sum(_claim(variable, size) for variable in variables(root))
            if total > _held(size):
                raise ValueError(f"its variables claim {total} bytes, more than {size} can hold")
            if most is not None and total > most:
                raise ValueError(f"its variables claim {total} bytes, more than {most}")
            read_texts(root)
            yield root
    except (OSError, ValueError):
        raise
    except Exception as error:  # whatever the library stumbles over in a damaged file
        raise ValueError(f"it is damaged ({error})") from error


def mark(group: netCDF4.Dataset) -> int:
    """The size of `MARK`: one, and the number of the variables in all groups."""
    return 1 + len(group.variables) + sum(mark(inner) - 1 for inner in group.groups.values())


def is_untouched(root: netCDF4.Dataset) -> bool:
    """Whether uvisxr wrote a file, and no variable was added since."""
    found = root.dimensions.get(MARK)
    return found is not None and len(found) == mark(root)


def _check_structure(path: Path, size: int) -> bool:
    """Check what HDF5 itself does not: of other structures it has checksums.

    Whether all chunks were written, as they are by uvisxr.
    """
    with ordinary(path) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        held = texts.collections(raw, size)
        spans, whole = list[tuple[int, int]](), True
        for messages, attributes in headers.headers(raw):
            try:
                texts.check(raw, messages, held, size)
                for attribute in attributes:
                    texts.check_attribute(attribute, held, size)
                found, written = chunks.spans(raw, messages, size)
                spans += found
                whole = whole and written
            except headers.NO_HEADER:
                pass
        chunks.check_apart(spans)
    return whole


def _held(size: int) -> int:
    """The most bytes of variables that so many bytes of a file can hold."""
    return size * _PACKED + _FREE


def _claim(variable: netCDF4.Variable[Any], size: int) -> int:
    """Bytes of a variable by what the file says of it."""
    each = np.dtype(variable.dtype).itemsize if variable.dtype is not str else 8
    claimed = math.prod(variable.shape) * each
    chunks = variable.chunking()
    if isinstance(chunks, list):
        chunk = math.prod(chunks) * each
        if chunk > _held(size) or chunk > 4 * claimed + _FREE:
            raise ValueError(f"{variable.name} has chunks of {chunk} bytes")
    if (chunks == "contiguous" or not _is_packed(variable)) and claimed > size + _FREE:
        raise ValueError(f"{variable.name} claims {claimed} bytes, the file has {size}")
    return claimed


def _is_packed(variable: netCDF4.Variable[Any]) -> bool:
    return any(value for value in (variable.filters() or {}).values() if value is not None)
