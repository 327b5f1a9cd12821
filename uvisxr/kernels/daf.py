"""Structure of the binary kernels SPK, CK and PCK: double precision array files (DAF).

SPICE trusts the numbers in a file. A wrong count makes it write past its arrays, which ends the
Python process, and a summary record that names itself as the next one makes it read for ever, so
files are checked before SPICE sees them.

References
----------
NAIF required reading *DAF* (file record, summary records), *SPK*, *CK* and *PCK* (summaries).
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import BinaryIO

from ..errors import KernelError

#: First words of such files; those of the 1990s do not say what they hold.
WORDS = (b"DAF/", b"NAIF/DAF")

#: Length of a record, bytes; doubles in it; doubles before the summaries in a summary record.
_RECORD, _DOUBLES, _CONTROL = 1024, 128, 3

#: Doubles and integers of a summary, by the file's type; the words of old files do not tell it.
_SHAPES = {b"SPK ": (2, 6), b"CK  ": (2, 6), b"PCK ": (2, 5)}

#: Names of the byte orders that SPICE reads here, and their sign for `struct`.
_ORDERS = {b"LTL-IEEE": "<", b"BIG-IEEE": ">"}


class _Fault(Exception):
    """What is wrong with a file."""


def check(path: Path) -> None:
    """Check the file record, the chain of summary records and the segments that these list.

    Only these records are read, not the data.

    Parameters
    ----------
    path : Path
        A file that begins with one of `WORDS`.

    Raises
    ------
    KernelError
        The file is truncated, or its records contradict the format or each other.
    OSError
        It cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            _check(file, size)
        except _Fault as fault:
            raise KernelError(
                f"the kernel {path} is truncated or corrupt: {fault}; download it again"
            ) from None


def _check(file: BinaryIO, size: int) -> None:
    head = file.read(_RECORD)
    if len(head) < _RECORD:
        raise _Fault(f"it has {size} bytes, less than its file record")
    order = _byte_order(head)
    doubles, integers = struct.unpack_from(f"{order}2i", head, 8)
    first, last, free = struct.unpack_from(f"{order}3i", head, 76)
    kind = head[4:8]
    if (doubles, integers) not in ([_SHAPES[kind]] if kind in _SHAPES else _SHAPES.values()):
        raise _Fault(f"its summaries have {doubles} double numbers and {integers} integers")
    stated = (free - 1) * 8
    if size < stated or stated < _RECORD:
        raise _Fault(f"it has {size} bytes, but its file record says {stated}")
    _check_chain(file, size, order, (doubles, integers), (first, last, free), kind)


def _byte_order(head: bytes) -> str:
    named = head[88:96]
    if named in _ORDERS:
        return _ORDERS[named]
    if not head.startswith(b"NAIF/"):
        raise _Fault(f"its byte order is {named!r}, which SPICE does not read")
    # Old files do not name their byte order, but their summaries have few double numbers.
    return "<" if int.from_bytes(head[8:12], "little") < _DOUBLES else ">"


def _check_chain(
    file: BinaryIO,
    size: int,
    order: str,
    shape: tuple[int, int],
    pointers: tuple[int, int, int],
    kind: bytes,
) -> None:
    doubles, integers = shape
    first, last, free = pointers
    length = 8 * (doubles + (integers + 1) // 2)
    most = (_DOUBLES - _CONTROL) * 8 // length
    record, previous = first, 0
    seen: set[int] = set()
    while record:
        if record in seen:
            raise _Fault(f"its summary records go in a circle, at record {record}")
        if not 2 <= record <= size // _RECORD:
            raise _Fault(f"it has no record {record}, which should hold summaries")
        seen.add(record)
        file.seek((record - 1) * _RECORD)
        content = file.read(_RECORD)
        after, before, count = struct.unpack_from(f"{order}3d", content)
        if before != previous:
            raise _Fault(f"summary record {record} follows {previous}, but says {before:g}")
        if not (0 <= count <= most and count == int(count)):
            raise _Fault(f"summary record {record} has {count:g} summaries, of {most} at most")
        for index in range(int(count)):
            at = 8 * _CONTROL + index * length
            summary = struct.unpack_from(f"{order}{doubles}d{integers}i", content, at)
            _check_segment(summary, free, kind)
        if not (0 <= after <= size and after == int(after)):
            raise _Fault(f"it has no record {after:g}, which should hold summaries")
        record, previous = int(after), record
    if not seen or previous != last:
        raise _Fault(f"its last summary record is {previous}, but its file record says {last}")


def _check_segment(summary: tuple[float, ...], free: int, kind: bytes) -> None:
    begin, end = summary[-2:]
    if not 1 <= begin <= end < free:
        raise _Fault(f"a segment has the addresses {begin} to {end}, of {free - 1}")
    if kind not in _SHAPES:
        return
    start, stop, body, center = summary[:4]
    if not (math.isfinite(start) and math.isfinite(stop) and start <= stop):
        raise _Fault(f"a segment lasts from {start:g} to {stop:g}")
    if kind == b"SPK " and body == center:
        raise _Fault(f"a segment places body {body} relative to itself")
