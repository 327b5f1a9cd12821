"""Images and tables of a FITS file as arrays, by what their headers say."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingDependencyError
from ..files import opened
from .structure import Hdu, NotFitsError

if TYPE_CHECKING:
    from astropy.io.fits import Header

_DTYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}

#: Numbers by their letter in TFORM; others are passed over.
_LETTERS = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_WIDTHS = {"X": 1, "C": 8, "M": 16, "P": 8, "Q": 16, "A": 1}

_FORM = re.compile(r"(\d{0,12})([LXBIJKAEDCMPQ]).*")
_SHAPE = re.compile(r"\(\s*\d{1,12}\s*(,\s*\d{1,12}\s*)*\)")

#: Logical bytes.
_TRUE, _FALSE = ord("T"), ord("F")

_TEXT_FORM = re.compile(r"[AIFED](\d{1,6})(\.\d{1,6})?")

#: Keywords of a column's scale, and what it is without them.
_SCALES = (("TSCAL", 1), ("TZERO", 0))

#: Most columns of a table, and texts in one.
_COLUMNS, _MOST_TEXTS = 999, 10**6


def header_of(cards: bytes) -> Header:
    """A header's keywords, each checked to be of the standard.

    Raises
    ------
    NotFitsError
        A card cannot be understood.
    MissingDependencyError
        astropy is not installed.
    """
    fits = astropy_fits()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = fits.Header.fromstring(cards)
            for card in header.cards:
                _ = card.value
    except Exception as error:  # whatever the parser stumbles over
        raise NotFitsError(f"a header is damaged ({error})") from error
    return header


def astropy_fits() -> Any:
    """The module astropy.io.fits, imported when it is needed."""
    try:
        from astropy.io import fits
    except ImportError as error:
        raise MissingDependencyError(
            'FITS files need astropy and lxml: pip install "uvisxr[fits]"'
        ) from error
    return fits


@dataclass(frozen=True)
class File:
    """A file and its HDUs.

    Attributes
    ----------
    path : Path
    hdus : dict of str to Hdu
        By name; of several of one name the first.
    """

    path: Path
    hdus: dict[str, Hdu]

    def header(self, name: str) -> Header:
        """The keywords of an HDU."""
        return header_of(self.hdus[name].cards)

    def image(self, name: str) -> np.ndarray:
        """The numbers of an image, as they are stored, but for BZERO and BSCALE.

        Raises
        ------
        NotFitsError
            It is no image.
        """
        hdu = self.hdus[name]
        if hdu.kind not in ("PRIMARY", "IMAGE"):
            raise NotFitsError(f"{name} is no image")
        values = np.frombuffer(self._bytes(hdu), _DTYPES[hdu.bitpix]).reshape(hdu.shape)
        header = self.header(name)
        values = values.astype(values.dtype.newbyteorder("="))
        return _scaled(values, header.get("BSCALE", 1), header.get("BZERO", 0), name)

    def table(self, name: str) -> dict[str, np.ndarray]:
        """The columns of a table by name, (row, ...); text as text, logical values as truth values.

        Raises
        ------
        NotFitsError
            It is no table, or its columns are not those of its rows.
        """
        hdu = self.hdus[name]
        if hdu.kind not in ("BINTABLE", "TABLE") or len(hdu.shape) != 2 or hdu.bitpix != 8:
            raise NotFitsError(f"{name} is no table")
        header = self.header(name)
        fields = header.get("TFIELDS")
        if type(fields) is not int or not 0 <= fields <= _COLUMNS:
            raise NotFitsError(f"{name}: TFIELDS = {fields}")
        reader = _binary if hdu.kind == "BINTABLE" else _ascii
        return reader(header, fields, hdu, self._bytes(hdu))

    def units(self, name: str) -> dict[str, str]:
        """What a table says of the units of its columns, by name."""
        header = self.header(name)
        fields = header.get("TFIELDS")
        columns = range(1, min(fields, _COLUMNS) + 1) if type(fields) is int else range(0)
        return {
            str(header.get(f"TTYPE{k}")).strip(): str(header.get(f"TUNIT{k}", "")) for k in columns
        }

    def _bytes(self, hdu: Hdu) -> bytes:
        with opened(self.path) as stream:
            stream.seek(hdu.data_at)
            # Without the heap of a table.
            size = math.prod(hdu.shape) * abs(hdu.bitpix) // 8 if hdu.shape else 0
            raw = stream.read(size)
        if len(raw) < size:
            raise NotFitsError(f"the file is cut off in {hdu.name}")
        return raw


def _scaled(values: np.ndarray, scale: Any, zero: Any, name: str) -> np.ndarray:
    if not all(type(number) in (int, float) for number in (scale, zero)):
        raise NotFitsError(f"{name}: values are scaled by {scale!r} and {zero!r}")
    if (scale, zero) == (1, 0):
        return values
    if values.dtype.kind in "iu" and scale == 1 and zero == int(zero) and abs(zero) < 2**62:
        # Unsigned numbers.
        wide = values.astype(np.int64)
        if abs(zero) <= 2**40 and values.dtype.itemsize <= 4:
            return wide + int(zero)
    return values * float(scale) + float(zero)


@dataclass(frozen=True)
class _Column:
    """Where a column is in a row, and what of."""

    number: int
    name: str
    letter: str
    kind: str
    at: int
    shape: tuple[int, ...]


def _binary(header: Header, fields: int, hdu: Hdu, raw: bytes) -> dict[str, np.ndarray]:
    rows, width = hdu.shape
    columns, at = list[_Column](), 0
    for k in range(1, fields + 1):
        column, size = _column(header, k, at, hdu.name)
        at += size
        if at > width:
            break
        if column is not None and column.name not in {other.name for other in columns}:
            columns.append(column)
    if at != width:
        raise NotFitsError(f"{hdu.name}: its columns are not as wide as its rows of {width} bytes")
    found: dict[str, np.ndarray] = {}
    plain = np.frombuffer(raw, np.uint8).reshape(rows, width)
    for column in columns:
        size = np.dtype(column.kind).itemsize * math.prod(column.shape)
        values = np.ascontiguousarray(plain[:, column.at : column.at + size]).view(column.kind)
        values = values.reshape(rows, *column.shape)
        if column.kind[0] == "S":
            found[column.name] = _texts(values, hdu.name)
            continue
        if column.letter == "L":
            found[column.name] = _logical(values)
            continue
        scale, zero = (header.get(f"{key}{column.number}", of) for key, of in _SCALES)
        values = values.astype(values.dtype.newbyteorder("="))
        found[column.name] = _scaled(values, scale, zero, f"{hdu.name}: {column.name}")
    return found


def _column(header: Header, k: int, at: int, where: str) -> tuple[_Column | None, int]:
    """A column that begins at a byte of the rows, if it is of a kind that is read; its width."""
    told = str(header.get(f"TFORM{k}", "")).strip()
    form = _FORM.fullmatch(told)
    if form is None:
        raise NotFitsError(f"{where}: TFORM{k} = {told!r}")
    count, letter = int(form[1] or 1), form[2]
    name = str(header.get(f"TTYPE{k}", f"COLUMN{k}")).strip()
    shape = _cell(header.get(f"TDIM{k}"), count)
    if letter in _LETTERS:
        kind = _LETTERS[letter]
        size = count * np.dtype(kind).itemsize
    else:
        size = -(-count // 8) if letter == "X" else count * _WIDTHS[letter]
        if letter != "A":
            return None, size
        # A dimension of text is its length.
        kind, shape = f"S{shape[-1] if shape else count}", shape[:-1]
    return (_Column(k, name, letter, kind, at, shape) if count else None), size


def _cell(told: Any, count: int) -> tuple[int, ...]:
    """The shape of a cell, slowest first: that of TDIM if it has as many numbers."""
    if isinstance(told, str) and _SHAPE.fullmatch(told.strip()):
        shape = tuple(int(part) for part in reversed(told.strip("() ").split(",")))
        if math.prod(shape) == count and len(shape) <= 8:
            return shape
    return () if count == 1 else (count,)


def _logical(values: np.ndarray) -> np.ndarray:
    """Logical bytes as truth values; as 1, 0 and NaN if some are unknown."""
    if np.isin(values, (_TRUE, _FALSE)).all():
        known: np.ndarray = values == _TRUE
        return known
    found = np.full(values.shape, np.nan, np.float32)
    found[values == _TRUE], found[values == _FALSE] = 1, 0
    return found


def _texts(values: np.ndarray, where: str) -> np.ndarray:
    if values.size > _MOST_TEXTS:
        raise NotFitsError(f"{where} has more than {_MOST_TEXTS} texts")
    texts = [one.partition(b"\0")[0].decode("ascii", "replace").rstrip() for one in values.ravel()]
    return np.array(texts, dtype=str).reshape(values.shape)


def _ascii(header: Header, fields: int, hdu: Hdu, raw: bytes) -> dict[str, np.ndarray]:
    """Columns of text of an ASCII table; of numbers, too, as text."""
    rows, width = hdu.shape
    if rows * fields > _MOST_TEXTS:
        raise NotFitsError(f"{hdu.name} has more than {_MOST_TEXTS} texts")
    found: dict[str, np.ndarray] = {}
    left = width
    for k in range(1, fields + 1):
        form = _TEXT_FORM.fullmatch(str(header.get(f"TFORM{k}", "")).strip())
        begin = header.get(f"TBCOL{k}")
        if type(begin) is not int or form is None or not 1 <= begin <= width - int(form[1]) + 1:
            raise NotFitsError(f"{hdu.name}: column {k} is not in its rows")
        # Columns one upon the other could take a thousand times what the file has.
        left -= int(form[1])
        if left < 0:
            raise NotFitsError(f"{hdu.name}: its columns are wider than its rows")
        starts = range(begin - 1, rows * width, width)
        cells = [raw[at : at + int(form[1])] for at in starts]
        name = str(header.get(f"TTYPE{k}", f"COLUMN{k}")).strip()
        found[name] = np.array([cell.decode("ascii", "replace").rstrip() for cell in cells], str)
    return found


def keyword(header: Header, key: str, *kinds: type) -> Any:
    """A keyword's value; None if it is missing, or of another type."""
    value = header.get(key)
    return value if type(value) in kinds else None
