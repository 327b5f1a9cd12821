"""Headers of variables in a file of HDF5, and trees of their chunks, byte by byte.

The layout is that of the HDF5 File Format Specification, version 3.0: IV.A.1.b (headers), IV.A.2.b,
d and i (shapes, types and layouts), III.A.1 (trees of chunks). Trees and what lies behind them have
no checksum, as other structures have in files of the netCDF library.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
from collections.abc import Iterator
from typing import NamedTuple

#: How far into a file headers are looked for.
WITHIN = 2**26

#: Version of attributes, and where in one its name begins.
_OF_ATTRIBUTES, _NAMED = 3, 9

#: An address of nothing.
NOWHERE = 2**64 - 1

#: Kinds of messages in a header.
SHAPE, TYPE, LAYOUT, FILTERS = 1, 3, 8, 11
_ATTRIBUTE, _MORE = 12, 16

#: Beginning of the header of a variable, and most blocks of one.
_HEADER = b"OHDR\2"
_BLOCKS = 64

#: What bytes that are no header, or a damaged one, lead to; HDF5 itself knows damage to headers.
NO_HEADER = (struct.error, IndexError, OverflowError, KeyError)


class Chunk(NamedTuple):
    """An entry of a tree of chunks.

    Attributes
    ----------
    begin, next : tuple of int
        Place of its first element, and the place before which the tree looks for its elements.
    skipped : int
        A bit for each filter that was not applied.
    place, size : int
        In the file.
    """

    begin: tuple[int, ...]
    next: tuple[int, ...]
    skipped: int
    place: int
    size: int


def headers(raw: mmap.mmap) -> Iterator[tuple[dict[int, bytes], list[bytes]]]:
    """The last message of each kind in each header, and all that are attributes."""
    begin = raw.find(_HEADER, 0, WITHIN)
    while begin >= 0:
        with contextlib.suppress(*NO_HEADER):
            yield _messages(raw, begin)
        begin = raw.find(_HEADER, begin + 1, WITHIN)


def _messages(raw: mmap.mmap, begin: int) -> tuple[dict[int, bytes], list[bytes]]:
    flags = raw[begin + 5]
    at = begin + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    count = int.from_bytes(raw[at : at + width], "little")
    blocks, found, attributes = [(at + width, count)], dict[int, bytes](), list[bytes]()
    head = 6 if flags & 4 else 4
    for at, count in blocks:
        end = at + count
        while at + head <= end and len(blocks) < _BLOCKS:
            kind, length = struct.unpack_from("<BH", raw, at)
            found[kind] = raw[at + head : at + head + length]
            at += head + length
            if kind == _ATTRIBUTE:
                attributes.append(found[kind])
            if kind == _MORE:
                place, length = struct.unpack("<QQ", found[kind])
                # Without the signature and the checksum.
                blocks.append((place + 4, length - 8))
    return found, attributes


def attribute(message: bytes) -> tuple[bytes, bytes]:
    """The type of an attribute, and its value; nothing of one of another version than netCDF's."""
    version, _, *sizes = struct.unpack_from("<BBHHH", message)
    if version != _OF_ATTRIBUTES:
        return b"", b""
    name, kind, space = sizes
    begin = _NAMED + name
    return message[begin : begin + kind], message[begin + kind + space :]


def shape(message: bytes) -> tuple[int, ...]:
    """Sizes of a variable."""
    version, rank = message[0], message[1]
    return struct.unpack_from(f"<{rank}Q", message, 8 if version == 1 else 4)


def chunking(layout: bytes) -> tuple[int, tuple[int, ...], int]:
    """Place of the tree of chunks, the shape of a chunk, and the bytes of an element."""
    count, place = struct.unpack_from("<BQ", layout, 2)
    *sizes, each = struct.unpack_from(f"<{count}I", layout, 11)
    return place, tuple(sizes), each


def is_chunked(layout: bytes) -> bool:
    """Whether there is a tree of chunks."""
    return layout[:2] == b"\3\2"


def chunks(raw: mmap.mmap, place: int, rank: int) -> Iterator[Chunk]:
    """The chunks below a node of a tree.

    Raises
    ------
    ValueError, struct.error
        It is no tree, or not in order.
    """
    return _below(raw, place, rank, None)


def damaged(where: str) -> ValueError:
    """The error of a file that is damaged somewhere."""
    return ValueError(f"it is damaged, where its {where} are")


def _below(raw: mmap.mmap, place: int, rank: int, height: int | None) -> Iterator[Chunk]:
    level, used = struct.unpack_from("<BH", raw, place + 5)
    if raw[place : place + 5] != b"TREE\1" or (height is not None and level != height):
        raise damaged("chunks")
    # A key has the place of a chunk, and the element's first byte; then comes the chunk's address.
    key = struct.Struct(f"<II{rank + 1}Q")
    keys = [key.unpack_from(raw, place + 24 + k * (key.size + 8)) for k in range(used + 1)]
    for k in range(used):
        (inner,) = struct.unpack_from("<Q", raw, place + 24 + (k + 1) * (key.size + 8) - 8)
        size, skipped, *begin = keys[k]
        if not level:
            yield Chunk(tuple(begin), tuple(keys[k + 1][2:]), skipped, inner, size)
            continue
        for chunk in _below(raw, inner, rank, level - 1):
            # Where the tree looks for it, which the node above it knows as well.
            if not tuple(begin) <= chunk.begin < tuple(keys[k + 1][2:]):
                raise damaged("chunks")
            yield chunk
