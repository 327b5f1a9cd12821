"""Chunks of a NetCDF file: that the trees which lead to them lead to all of them, each once.

HDF5 takes a chunk that it does not find for one that was never written, and gives fill values.
"""

from __future__ import annotations

import itertools
import math
import mmap

from .headers import (
    FILTERS,
    LAYOUT,
    NOWHERE,
    SHAPE,
    Chunk,
    chunking,
    chunks,
    damaged,
    is_chunked,
    shape,
)

#: Bytes that HDF5's filter fletcher32 adds.
_CHECKSUM = 4


def spans(
    raw: mmap.mmap, messages: dict[int, bytes], size: int
) -> tuple[list[tuple[int, int]], bool]:
    """Where the chunks of a variable are in a file: begins and ends; and whether all were written.

    Parameters
    ----------
    raw : mmap
    messages : dict of int to bytes
        The variable's header.
    size : int
        Bytes of the file.

    Raises
    ------
    ValueError
        The tree is damaged.
    """
    layout = messages.get(LAYOUT, b"")
    if not is_chunked(layout) or SHAPE not in messages:
        return [], True
    place, each, width = chunking(layout)
    sizes = shape(messages[SHAPE])
    if place == NOWHERE or len(each) != len(sizes) or 0 in each:
        return [], True
    counts = [-(-n // m) for n, m in zip(sizes, each, strict=True)]
    plain = math.prod(each) * width
    found = list(chunks(raw, place, len(sizes)))
    for chunk in found:
        if not _is_sound(chunk, sizes, each) or chunk.place + chunk.size > size:
            raise damaged("chunks")
        # A filter that makes a chunk no smaller may be left out: it has its own size then, or that
        # with a checksum.
        if chunk.skipped and chunk.size not in (plain, plain + _CHECKSUM):
            raise damaged("chunks")
        if chunk.size < plain and FILTERS not in messages:
            raise damaged("chunks")
    places = [chunk.begin for chunk in found]
    if any(a >= b for a, b in itertools.pairwise(places)):
        raise damaged("chunks")
    ends = [(chunk.place, chunk.place + chunk.size) for chunk in found]
    return ends, len(found) == math.prod(counts)


def check_apart(found: list[tuple[int, int]]) -> None:
    """Check that no two chunks of a file share bytes; errors as of `spans`."""
    if any(end > begin for (_, end), (begin, _) in itertools.pairwise(sorted(found))):
        raise damaged("chunks")


def _is_sound(chunk: Chunk, sizes: tuple[int, ...], each: tuple[int, ...]) -> bool:
    *begin, first = chunk.begin
    inside = all(at < n and at % m == 0 for at, n, m in zip(begin, sizes, each, strict=True))
    return inside and first == 0 and chunk.begin < chunk.next
