"""Texts of a NetCDF file, byte by byte: HDF5 believes what it finds of them.

Texts of any length lie in collections, one after the other. In a variable are references to them: a
length, the place of a collection, and a number in it. Neither has a checksum, as other structures
have in files of the netCDF library. By them HDF5 loops for ever, or makes room for 4 GB. The layout
is that of the HDF5 File Format Specification, version 3.0: III.E (collections).
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator

from .headers import FILTERS, LAYOUT, NOWHERE, TYPE, WITHIN, attribute, chunking, chunks, damaged

#: Beginning of a collection, of which HDF5 does not look at the next three bytes; its head's and
#: its texts' heads' bytes.
_COLLECTION, _HEAD = b"GCOL\1", 16

#: A type of which each value has its own length, and the bytes of a reference to one.
_ANY_LENGTH, _REFERENCE = 9, 16

#: Lengths of texts by place of their collection and number.
Collections = dict[int, dict[int, int]]


def check(raw: mmap.mmap, messages: dict[int, bytes], held: Collections, size: int) -> None:
    """Check that references of a variable lead to texts.

    Parameters
    ----------
    raw : mmap
    messages : dict of int to bytes
        The variable's header.
    held : dict
        As of `collections`.
    size : int
        Bytes of the file.

    Raises
    ------
    ValueError
    """
    for at, count in _blocks(raw, messages):
        if at + count > size:
            raise damaged("texts")
        _check_references(raw[at : at + count], 1, held, size)


def check_attribute(message: bytes, held: Collections, size: int) -> None:
    """Check that an attribute's references lead to what they say; parameters as of `check`."""
    kind, value = attribute(message)
    if kind[:1] and kind[0] & 15 == _ANY_LENGTH:
        # The type of what is referred to comes behind the first eight bytes.
        (each,) = struct.unpack_from("<I", kind, 12)
        _check_references(value, each, held, size)


def _check_references(value: bytes, each: int, held: Collections, size: int) -> None:
    whole = len(value) - len(value) % _REFERENCE
    for length, place, number in struct.iter_unpack("<IQI", value[:whole]):
        beyond = place in (0, NOWHERE) or WITHIN <= place < size
        if not beyond and length * each > held.get(place, {}).get(number, -1):
            raise damaged("texts")


def collections(raw: mmap.mmap, size: int) -> Collections:
    """Places of collections, and the lengths of the texts in each, by number.

    Raises
    ------
    ValueError
        Texts do not follow each other.
    """
    return dict(_collections(raw, size))


def _collections(raw: mmap.mmap, size: int) -> Iterator[tuple[int, dict[int, int]]]:
    begin = raw.find(_COLLECTION, 0, WITHIN)
    while begin >= 0:
        (length,) = struct.unpack_from("<Q", raw, begin + 8)
        end, at, held = begin + length, begin + _HEAD, dict[int, int]()
        if end > size and not any(raw[begin + len(_COLLECTION) : begin + 8]):
            raise damaged("texts")
        # Else these are bytes of something else.
        while at + _HEAD <= end <= size:
            number, _, _, count = struct.unpack_from("<HHIQ", raw, at)
            # What is free counts its own head.
            at += -(-count // 8) * 8 + (_HEAD if number else 0)
            if at > end or (not number and count < _HEAD):
                raise damaged("texts")
            held[number] = count
        yield begin, held
        begin = raw.find(_COLLECTION, begin + 8, WITHIN)


def _blocks(raw: mmap.mmap, messages: dict[int, bytes]) -> Iterator[tuple[int, int]]:
    """Where the references of a variable are, and how many bytes; nothing where it has none."""
    layout = messages.get(LAYOUT, b"")
    if messages.get(TYPE, b"\0")[0] & 15 != _ANY_LENGTH or layout[:1] != b"\3":
        return
    if layout[1] == 1:
        place, count = struct.unpack_from("<QQ", layout, 2)
        if place != NOWHERE:
            yield place, count - count % _REFERENCE
    elif layout[1] == 2 and FILTERS not in messages:
        place, sizes, each = chunking(layout)
        if place != NOWHERE and each == _REFERENCE:
            count = math.prod(sizes) * each
            yield from ((chunk.place, count) for chunk in chunks(raw, place, len(sizes)))
