"""Texts of a NetCDF file, byte by byte: HDF5 believes what it finds of them.

Texts of any length lie in collections, one after the other. In a variable are references to them: a
length, the place of a collection, and a number in it. Neither has a checksum, as other structures
have in files of the netCDF library. By them HDF5 loops for ever, or makes room for 4 GB. The layout
is that of the HDF5 File Format Specification, version 3.0: III.E (collections), IV.A.1.b (headers),
IV.A.2.d and i (types and layouts), III.A.1 (trees of chunks).
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

#: How far into a file collections and headers are looked for.
_WITHIN = 2**26

#: Beginning of a collection, of which HDF5 does not look at the next three bytes; its head's and
#: its texts' heads' bytes.
_COLLECTION, _HEAD = b"GCOL\1", 16

#: Beginning of the header of a variable.
_HEADER = b"OHDR\2"

#: Kinds of messages in a header.
_TYPE, _LAYOUT, _FILTERS, _MORE = 3, 8, 11, 16

#: A type of which each value has its own length, and the bytes of a reference to one.
_ANY_LENGTH, _REFERENCE = 9, 16

_NOWHERE = 2**64 - 1

#: Most blocks of a header.
_BLOCKS = 64


def check(path: Path, size: int) -> None:
    """Check that the texts of a file follow each other, and that references lead to them.

    Raises
    ------
    ValueError
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        held = dict(_collections(raw, size))
        begin = raw.find(_HEADER, 0, _WITHIN)
        while begin >= 0:
            try:
                blocks = list(_blocks(raw, _messages(raw, begin)))
            except (struct.error, IndexError, OverflowError, RecursionError):
                # Damage to the header itself, or no header, is known to HDF5.
                blocks = []
            for at, count in blocks:
                if at + count > size:
                    raise _damaged()
                for length, place, number in struct.iter_unpack("<IQI", raw[at : at + count]):
                    beyond = place in (0, _NOWHERE) or _WITHIN <= place < size
                    if not beyond and length > held.get(place, {}).get(number, -1):
                        raise _damaged()
            begin = raw.find(_HEADER, begin + 1, _WITHIN)


def _damaged() -> ValueError:
    return ValueError("it is damaged, where its texts are")


def _collections(raw: mmap.mmap, size: int) -> Iterator[tuple[int, dict[int, int]]]:
    """Places of collections, and the lengths of the texts in each, by number."""
    begin = raw.find(_COLLECTION, 0, _WITHIN)
    while begin >= 0:
        (length,) = struct.unpack_from("<Q", raw, begin + 8)
        end, at, held = begin + length, begin + _HEAD, dict[int, int]()
        if end > size and not any(raw[begin + len(_COLLECTION) : begin + 8]):
            raise _damaged()
        # Else these are bytes of something else.
        while at + _HEAD <= end <= size:
            number, _, _, count = struct.unpack_from("<HHIQ", raw, at)
            # What is free counts its own head.
            at += -(-count // 8) * 8 + (_HEAD if number else 0)
            if at > end or (not number and count < _HEAD):
                raise _damaged()
            held[number] = count
        yield begin, held
        begin = raw.find(_COLLECTION, begin + 8, _WITHIN)


def _messages(raw: mmap.mmap, begin: int) -> dict[int, bytes]:
    """The last message of each kind in a header."""
    flags = raw[begin + 5]
    at = begin + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    count = int.from_bytes(raw[at : at + width], "little")
    blocks, found = [(at + width, count)], dict[int, bytes]()
    head = 6 if flags & 4 else 4
    for at, count in blocks:
        end = at + count
        while at + head <= end and len(blocks) < _BLOCKS:
            kind, length = struct.unpack_from("<BH", raw, at)
            found[kind] = raw[at + head : at + head + length]
            at += head + length
            if kind == _MORE:
                place, length = struct.unpack("<QQ", found[kind])
                # Without the signature and the checksum.
                blocks.append((place + 4, length - 8))
    return found


def _blocks(raw: mmap.mmap, messages: dict[int, bytes]) -> Iterator[tuple[int, int]]:
    """Where the references of a variable are, and how many bytes; nothing where it has none."""
    layout = messages.get(_LAYOUT, b"")
    if messages.get(_TYPE, b"\0")[0] & 15 != _ANY_LENGTH or layout[:1] != b"\3":
        return
    if layout[1] == 1:
        place, count = struct.unpack_from("<QQ", layout, 2)
        if place != _NOWHERE:
            yield place, count - count % _REFERENCE
    elif layout[1] == 2 and _FILTERS not in messages:
        n_dims, place = struct.unpack_from("<BQ", layout, 2)
        *sizes, each = struct.unpack_from(f"<{n_dims}I", layout, 11)
        if place != _NOWHERE and each == _REFERENCE:
            yield from _chunks(raw, place, n_dims, math.prod(sizes) * each, set())


def _chunks(
    raw: mmap.mmap, place: int, n_dims: int, count: int, seen: set[int]
) -> Iterator[tuple[int, int]]:
    """Places of the chunks below a node of a tree, and the bytes of each."""
    if raw[place : place + 5] != b"TREE\1" or place in seen:
        raise _damaged()
    seen.add(place)
    level, used = struct.unpack_from("<BH", raw, place + 5)
    for k in range(used):
        (inner,) = struct.unpack_from("<Q", raw, place + 24 + (k + 1) * (16 + 8 * n_dims) - 8)
        if level:
            yield from _chunks(raw, inner, n_dims, count, seen)
        else:
            yield inner, count
