"""Where the HDUs of a FITS file are, found from what their headers say, and held to its size.

Source: FITS Standard 4.0, sections 3 (file), 4 (headers) and 7 (extensions). Nothing is read but
headers: what they promise is compared with the bytes that there are before anything takes memory.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..files import opened

#: Bytes of a block, and of a card in a header.
BLOCK, CARD = 2880, 80

#: How a FITS file begins.
MAGIC = b"SIMPLE  ="

#: Most bytes of a header, HDUs of a file, and axes of an array: more than any file of the layout.
_HEADER, _HDUS, _AXES = 2**20, 1000, 8

_INTEGER = re.compile(rb"= *([+-]?\d{1,18}) *(?:/.*)?", re.DOTALL)
_TEXT = re.compile(rb"= *'((?:[^']|'')*)'")

#: Bits of a number.
_BITPIX = (8, 16, 32, 64, -32, -64)


class NotFitsError(ValueError):
    """A file is no FITS file, or not a whole one."""


@dataclass(frozen=True)
class Hdu:
    """One HDU of a file.

    Attributes
    ----------
    name : str
        EXTNAME, or PRIMARY.
    kind : str
        XTENSION, or PRIMARY.
    cards : bytes
        The header, with all its blocks.
    header_at, data_at : int
        Offsets in the file, bytes.
    size : int
        Bytes of the data, without what fills their last block.
    shape : tuple of int
        NAXISn, slowest first as numpy counts.
    bitpix : int
    """

    name: str
    kind: str
    cards: bytes
    header_at: int
    data_at: int
    size: int
    shape: tuple[int, ...]
    bitpix: int

    @property
    def end(self) -> int:
        """Offset of what comes after it."""
        return self.data_at + _blocks(self.size)


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def scan(path: Path) -> list[Hdu]:
    """The HDUs of a file, in their order.

    Raises
    ------
    NotFitsError
        It is no FITS file, is cut off, or has a header that is not to be understood.
    OSError
        It cannot be read.
    """
    with opened(path) as stream:
        size = stream.seek(0, 2)
        found: list[Hdu] = []
        at = 0
        while at < size:
            stream.seek(at)
            if found and not stream.peek(1)[:1].strip(b"\0"):
                # What tapes had after the last HDU.
                break
            hdu = _read(stream, at, first=not found)
            if hdu.data_at + hdu.size > size:
                raise NotFitsError(
                    f"the file is cut off: {hdu.name} ends at byte {hdu.data_at + hdu.size}, the "
                    f"file at {size}"
                )
            found.append(hdu)
            if len(found) > _HDUS:
                raise NotFitsError(f"it has more than {_HDUS} HDUs")
            at = hdu.end
    if not found:
        raise NotFitsError("it is empty")
    return found


def first_header(path: Path) -> bytes:
    """The header that a file begins with, however much of the rest is there.

    Raises
    ------
    NotFitsError, OSError
        As of `scan`.
    """
    with opened(path) as stream:
        return _cards(stream, first=True)


def _read(stream: BinaryIO, at: int, first: bool) -> Hdu:
    cards = _cards(stream, first)
    values = _mandatory(cards)
    kind = "PRIMARY" if first else _word(values.get(b"XTENSION", b""))
    name = _word(values[b"EXTNAME"]) if b"EXTNAME" in values else kind
    where = f"the header of {name or 'an HDU'}"
    axes = _whole(values, b"NAXIS", where, 0, _AXES)
    bitpix = _whole(values, b"BITPIX", where, -64, 64)
    if bitpix not in _BITPIX:
        raise NotFitsError(f"{where}: BITPIX = {bitpix}")
    lengths = [_whole(values, f"NAXIS{k}".encode(), where, 0, 2**40) for k in range(1, axes + 1)]
    heap, groups = (
        _whole(values, key, where, 0, 2**40) if key in values else usual
        for key, usual in ((b"PCOUNT", 0), (b"GCOUNT", 1))
    )
    if groups != 1 or (heap and kind != "BINTABLE"):
        raise NotFitsError(f"{where}: groups of arrays, which the layout does not have")
    size = (math.prod(lengths) if lengths else 0) + heap
    return Hdu(
        name,
        kind,
        cards,
        at,
        at + len(cards),
        size * abs(bitpix) // 8,
        tuple(reversed(lengths)),
        bitpix,
    )


def _cards(stream: BinaryIO, first: bool) -> bytes:
    """A header, from where the stream is."""
    cards = b""
    while True:
        block = stream.read(BLOCK)
        if not cards and not block.startswith(MAGIC if first else b"XTENSION"):
            what = "it is no FITS file" if first else "between its HDUs there is something else"
            raise NotFitsError(what)
        if len(block) < BLOCK:
            raise NotFitsError("the file is cut off in a header")
        cards += block
        if any(block[k : k + 8] == b"END     " for k in range(0, BLOCK, CARD)):
            break
        if len(cards) > _HEADER:
            raise NotFitsError(f"a header has more than {_HEADER} bytes")
    if any(not 32 <= byte < 127 for byte in set(cards)):
        raise NotFitsError("a header holds bytes that are no printable text")
    return cards


def _mandatory(cards: bytes) -> dict[bytes, bytes]:
    """Values of the cards that tell of the size, by keyword; each may be there once."""
    found: dict[bytes, bytes] = {}
    for k in range(0, len(cards), CARD):
        key = cards[k : k + 8].rstrip()
        if key == b"END":
            break
        if re.fullmatch(rb"BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT|XTENSION|EXTNAME", key):
            if key in found:
                raise NotFitsError(f"a header has {key.decode()} twice")
            found[key] = cards[k + 8 : k + CARD]
    return found


def _whole(values: dict[bytes, bytes], key: bytes, where: str, least: int, most: int) -> int:
    told = _INTEGER.fullmatch(values.get(key, b""))
    number = int(told[1]) if told else None
    if number is None or not least <= number <= most:
        raise NotFitsError(
            f"{where}: {key.decode()} is missing, or no number from {least} to {most}"
        )
    return number


def _word(value: bytes) -> str:
    told = _TEXT.match(value)
    return told[1].replace(b"''", b"'").decode("ascii").rstrip() if told else ""
