"""Structure of the binary kernels SPK, CK and PCK: double precision array files (DAF).

SPICE trusts the numbers in a file. A wrong count makes it write past its arrays, which ends the
Python process, and a summary record that names itself as the next one makes it read for ever, so
files are checked before SPICE sees them: their structure here, that of their data by `layouts`.

References
----------
NAIF required reading *DAF* (file record, summary records), *SPK*, *CK* and *PCK* (summaries).
"""

from __future__ import annotations

import itertools
import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import KernelError
from ..files import opened
from . import layouts

#: First words of such files; those of the 1990s do not say what they hold.
WORDS = (b"DAF/", b"NAIF/DAF")

#: Length of a record, bytes; doubles in it; doubles before the summaries in a summary record.
_RECORD, _DOUBLES, _CONTROL = 1024, 128, 3

#: Doubles and integers of a summary, by the file's type; the words of old files do not tell it.
_SHAPES = {b"SPK ": (2, 6), b"CK  ": (2, 6), b"PCK ": (2, 5)}

#: The frame in which all SPK and CK files of Cassini are.
_J2000 = 1

#: Names of the byte orders that SPICE reads here, and their sign for `struct`.
_ORDERS = {b"LTL-IEEE": "<", b"BIG-IEEE": ">"}


class _Fault(Exception):
    """What is wrong with a file."""


def check(path: Path) -> None:
    """Check the file record, the chain of summary records and the segments that these list.

    Of the data only times are read, and what tells how they are divided.

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
    with _explained(path) as file:
        _segments(file)


def check_numbers(path: Path) -> None:
    """Check, beyond what `check` does, that all data are numbers, and of what they can be.

    The whole file is read.

    Raises
    ------
    KernelError, OSError
        As `check`.
    """
    with _explained(path) as file:
        segments, read = _segments(file)
        for segment in segments:
            if found := layouts.fault(segment, read, deep=True):
                raise _Fault(found)


@contextmanager
def _explained(path: Path) -> Iterator[BinaryIO]:
    with opened(path) as file:
        try:
            yield file
        except _Fault as fault:
            raise KernelError(
                f"the kernel {path} is truncated or corrupt: {fault}; download it again"
            ) from None


def _segments(file: BinaryIO) -> tuple[list[layouts.Segment], layouts.Read]:
    """The segments of a file whose structure is sound, and what reads its numbers."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(_RECORD)
    if len(head) < _RECORD:
        raise _Fault(f"it has {size} bytes, less than its file record")
    order = _byte_order(head)
    doubles, integers = struct.unpack_from(f"{order}2i", head, 8)
    first, last, free = struct.unpack_from(f"{order}3i", head, 76)
    kind = head[4:8]
    if not head.startswith(b"NAIF/") and kind not in _SHAPES:
        raise _Fault(f"it says to hold {kind!r}, not SPK, CK or PCK")
    if (doubles, integers) not in ([_SHAPES[kind]] if kind in _SHAPES else _SHAPES.values()):
        raise _Fault(f"its summaries have {doubles} double numbers and {integers} integers")
    stated = (free - 1) * 8
    if size < stated or stated < _RECORD:
        raise _Fault(f"it has {size} bytes, but its file record says {stated}")
    listed = _summaries(file, size, order, (doubles, integers), (first, last))

    def read(first: int, last: int) -> np.ndarray:
        file.seek(8 * (first - 1))
        return np.frombuffer(file.read(8 * (last - first + 1)), f"{order}f8")

    # Old files do not say what they hold: one of the two that have such summaries.
    kinds = (
        [kind] if kind in _SHAPES else [k for k, shape in _SHAPES.items() if shape[1] == integers]
    )
    faults = []
    for kind in kinds:
        segments = [
            layouts.Segment(kind, start, stop, tuple(int(number) for number in numbers))
            for start, stop, *numbers in listed
        ]
        # What is read of one segment over and over might take for ever.
        faults.append(
            next(filter(None, (_fault(one, free) for one in segments)), "")
            or _overlap(segments)
            or next(filter(None, (layouts.fault(one, read) for one in segments)), "")
        )
        if not faults[-1]:
            return segments, read
    raise _Fault(faults[0])


def _byte_order(head: bytes) -> str:
    named = head[88:96]
    if named in _ORDERS:
        return _ORDERS[named]
    if not head.startswith(b"NAIF/"):
        raise _Fault(f"its byte order is {named!r}, which SPICE does not read")
    # Old files do not name their byte order, but their summaries have few double numbers.
    return "<" if int.from_bytes(head[8:12], "little") < _DOUBLES else ">"


def _summaries(
    file: BinaryIO,
    size: int,
    order: str,
    shape: tuple[int, int],
    pointers: tuple[int, int],
) -> list[tuple[float, ...]]:
    found: list[tuple[float, ...]] = []
    doubles, integers = shape
    first, last = pointers
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
            found.append(struct.unpack_from(f"{order}{doubles}d{integers}i", content, at))
        if not (0 <= after <= size and after == int(after)):
            raise _Fault(f"it has no record {after:g}, which should hold summaries")
        record, previous = int(after), record
    if not seen or previous != last:
        raise _Fault(f"its last summary record is {previous}, but its file record says {last}")
    return found


def _fault(segment: layouts.Segment, free: int) -> str:
    """What is wrong with the summary of a segment; empty if nothing is."""
    begin, end = segment.codes[-2:]
    start, stop = segment.start, segment.stop
    if not _RECORD // 8 < begin <= end < free:
        return f"a segment has the addresses {begin} to {end}, of {free - 1}"
    if not (math.isfinite(start) and math.isfinite(stop) and start <= stop):
        return f"a segment lasts from {start:g} to {stop:g}"
    if segment.kind == b"SPK " and segment.codes[0] == segment.codes[1]:
        return f"a segment places body {segment.codes[0]} relative to itself"
    if segment.kind != b"PCK " and segment.frame != _J2000:
        return f"a segment is given in frame {segment.frame}, not in J2000 as all of Cassini's are"
    return ""


def _overlap(segments: list[layouts.Segment]) -> str:
    """Which segments have data in common, as no program writes them; empty if none have."""
    spans = sorted(segment.codes[-2:] for segment in segments)
    for (begin, end), (other, last) in itertools.pairwise(spans):
        if other <= end:
            return f"segments have the addresses {begin} to {end} and {other} to {last}"
    return ""
