"""What an IDL save file claims, held against its bytes before `scipy.io.readsav` believes it.

A save file is a chain of big-endian records: kind, place of the next, and what the kind asks for. A
variable begins with its name and its type; descriptions of arrays and structures give numbers of
elements and bytes, by which readsav allocates and loops. It also follows places backwards, and
pointers round in circles. So every record is walked through here, from the first to the end marker,
down to each string in each row. The layout is that of Craig Markwardt (Unofficial Format
Specification, IDL "SAVE" File, 2011) as readsav takes it.

Not read at all are pointers, objects, system variables, compiled programs, and the arrays above 2
GB of newer versions: the trend has none.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import shortened

#: Longest file, and longest sum of the records of a compressed one, in bytes. The team's has 1 MB.
MOST = 2**24

_PLAIN, _COMPRESSED = b"SR\0\4", b"SR\0\6"

_VARIABLE, _END, _TIMESTAMP, _VERSION, _NOTICE, _DESCRIPTION = 2, 6, 10, 14, 19, 20

#: Words of a record that are strings, after words that are none.
_STRINGS = {_TIMESTAMP: (256, 3), _VERSION: (1, 3), _NOTICE: (0, 1)}

#: Bytes of one value in a file, by IDL's code of its type; those of strings are told by each.
_BYTES = {1: 1, 2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 9: 16, 12: 4, 13: 4, 14: 8, 15: 8}
_BYTE, _STRING, _STRUCTURE = 1, 7, 8
_SHORT = frozenset((2, 12))

_IS_SYSTEM, _IS_ARRAY, _IS_STRUCTURE = 2, 4, 32
_IS_DEFINED, _IS_CLASS = 1, 6

_MAX_DIMS = 8

#: Structures within structures.
_DEPTH = 16


class Broken(ValueError):
    """A save file is not what readsav can be given."""


@dataclass(frozen=True)
class _Array:
    """An array's elements, and its bytes where they are stored by the byte."""

    count: int
    n_bytes: int


@dataclass(frozen=True)
class _Tag:
    """A field of a structure: its type, and what it is an array or a structure of."""

    code: int
    array: _Array | None
    structure: _Structure | None


@dataclass(frozen=True)
class _Structure:
    tags: tuple[_Tag, ...]


def check(raw: bytes) -> None:
    """Walk through a save file.

    Parameters
    ----------
    raw : bytes
        The whole file.

    Raises
    ------
    Broken
        It claims more than there is, or holds what is not read.
    """
    form = raw[:4]
    if form not in (_PLAIN, _COMPRESSED):
        raise Broken("it does not begin as one")
    known: dict[str, _Structure] = {}
    at, total = 4, 4
    while True:
        if at + 16 > len(raw):
            raise Broken("it breaks off before its end marker")
        kind, low, high = struct.unpack(">iII", raw[at : at + 12])
        if kind == _END:
            if at + 16 != len(raw):
                raise Broken(f"{len(raw) - at - 16} bytes follow its end marker")
            return
        stop = low + (high << 32)
        if not at + 16 <= stop <= len(raw) - 16:
            raise Broken(f"its record at byte {at} ends at {stop}, the file at {len(raw)}")
        body = raw[at + 16 : stop]
        if form == _COMPRESSED:
            body = _expanded(body, MOST - total)
        if len(body) % 4:
            raise Broken(f"its record at byte {at} has {len(body)} bytes, not whole words")
        total += 16 + len(body)
        _Record(body, known).check(kind)
        at = stop


def _expanded(body: bytes, most: int) -> bytes:
    worker = zlib.decompressobj()
    try:
        found = worker.decompress(body, max(most, 1))
    except zlib.error as error:
        raise Broken(f"a compressed record is damaged ({error})") from None
    if worker.unconsumed_tail or not worker.eof:
        raise Broken(f"a compressed record is cut off, or has more than {MOST} bytes")
    return found


@dataclass
class _Record:
    """What follows the head of a record, and how far it is walked through.

    Attributes
    ----------
    body : bytes
    known : dict of str to _Structure
        Structures described so far, by name.
    at : int
    """

    body: bytes
    known: dict[str, _Structure]
    at: int = field(default=0)

    def check(self, kind: int) -> None:
        if kind == _VARIABLE:
            self._variable()
        elif kind in _STRINGS:
            words, strings = _STRINGS[kind]
            self._skip(4 * words)
            for _ in range(strings):
                self._text()
        elif kind == _DESCRIPTION:
            self._string()
        else:
            raise Broken(f"it has a record of kind {kind}, which is not read")
        if self.at != len(self.body):
            raise Broken(f"{len(self.body) - self.at} bytes are left over in a record")

    def _long(self) -> int:
        self._skip(4)
        found: int = struct.unpack_from(">i", self.body, self.at - 4)[0]
        return found

    def _skip(self, count: int) -> None:
        if not 0 <= count <= len(self.body) - self.at:
            raise Broken(f"{count} bytes are claimed where {len(self.body) - self.at} are left")
        self.at += count

    def _padded(self, count: int) -> None:
        """Go on by some bytes, and to the next whole word."""
        self._skip(count)
        self._skip(-self.at % 4)

    def _text(self) -> str:
        """A string whose length is given once."""
        count = self._long()
        begin = self.at
        self._padded(count)
        return self.body[begin : begin + count].decode("latin-1")

    def _string(self) -> None:
        """A value that is a string: its length is given twice, unless it is 0."""
        count = self._long()
        if count:
            if count < 0 or self._long() != count:
                raise Broken("a string has two lengths")
            self._padded(count)

    def _expect(self, value: int, what: str) -> None:
        found = self._long()
        if found != value:
            raise Broken(f"{what} begins with {found} in place of {value}")

    def _variable(self) -> None:
        if not self._text():
            raise Broken("a variable has no name")
        code, flags = self._long(), self._long()
        if code == 0 and self.at == len(self.body):
            return
        tag = self._tag(code, flags, lambda: self._structure(0))
        self._expect(7, "a variable's value")
        self._value(tag)

    def _tag(self, code: int, flags: int, inner: Callable[[], _Structure]) -> _Tag:
        """A type, whose array and structure are described next."""
        _check_type(code, flags)
        array = self._array(code) if flags & _IS_ARRAY else None
        return _Tag(code, array, inner() if flags & _IS_STRUCTURE else None)

    def _array(self, code: int) -> _Array:
        self._expect(8, "the description of an array")
        self._skip(4)
        n_bytes, count, n_dims = self._long(), self._long(), self._long()
        self._skip(8)
        most = self._long()
        if not 1 <= n_dims <= most == _MAX_DIMS:
            raise Broken(f"an array has {n_dims} dimensions of {most}")
        dims = [self._long() for _ in range(_MAX_DIMS)][:n_dims]
        if min(dims) < 1 or math.prod(dims) != count:
            raise Broken(f"an array of {count} elements has the dimensions {dims}")
        # A value takes a word, where bytes and half words are not counted one by one.
        size = {_BYTE: 1, 2: 2, 12: 2}.get(code, _BYTES.get(code))
        if size is not None and n_bytes != count * size:
            raise Broken(f"an array of {count} values of {size} bytes has {n_bytes}")
        if code in (_STRING, _STRUCTURE) and 4 * count > len(self.body):
            raise Broken(f"an array of {count} is in a record of {len(self.body)} bytes")
        return _Array(count, n_bytes)

    def _structure(self, depth: int) -> _Structure:
        if depth > _DEPTH:
            raise Broken(f"structures are nested more than {_DEPTH} deep")
        self._expect(9, "the description of a structure")
        name = self._text()
        flags, count, _ = self._long(), self._long(), self._long()
        if flags & _IS_CLASS:
            raise Broken("it holds objects, which are not read")
        if flags & _IS_DEFINED:
            if name not in self.known:
                raise Broken(f"the structure {shortened(name, 40)!r} is not described")
            return self.known[name]
        if not 1 <= count <= len(self.body) // 12:
            raise Broken(f"a structure has {count} fields")
        types = []
        for _ in range(count):
            if self._long() < 0:
                raise Broken("a structure is longer than 2 GB, or has a negative place")
            types.append((self._long(), self._long()))
        names = [self._text().lower() for _ in range(count)]
        if len(set(names)) != count or not all(names):
            raise Broken("fields of a structure have no names of their own")
        for code, kinds in types:
            _check_type(code, kinds)
        arrays = [self._array(code) if kinds & _IS_ARRAY else None for code, kinds in types]
        inner = [self._structure(depth + 1) if k & _IS_STRUCTURE else None for _, k in types]
        codes = [code for code, _ in types]
        found = _Structure(tuple(map(_Tag, codes, arrays, inner)))
        self.known[name] = found
        return found

    def _value(self, tag: _Tag) -> None:
        """Go on by a value, or by all of an array."""
        if tag.structure is not None and tag.array is not None:
            for _ in range(tag.array.count):
                for inner in tag.structure.tags:
                    self._value(inner)
        elif tag.array is not None and tag.code == _STRING:
            for _ in range(tag.array.count):
                self._string()
        elif tag.array is not None:
            if tag.code == _BYTE:
                # Their number once more, which some versions leave at 0.
                self._skip(4)
            self._padded(tag.array.n_bytes * (2 if tag.code in _SHORT else 1))
        elif tag.code == _STRING:
            self._string()
        else:
            if tag.code == _BYTE:
                self._expect(1, "a byte")
            self._skip(4 if tag.code == _BYTE else _BYTES[tag.code])


def _check_type(code: int, flags: int) -> None:
    if code in (10, 11):
        raise Broken("it holds pointers or objects, which are not read")
    if flags & _IS_SYSTEM:
        raise Broken("it holds system variables, which are not read")
    structured = bool(flags & _IS_STRUCTURE)
    if structured != (code == _STRUCTURE) or (structured and not flags & _IS_ARRAY):
        raise Broken(f"a value of type {code} has the flags {flags}")
    if code not in _BYTES and code not in (_STRING, _STRUCTURE):
        raise Broken(f"there is no type {code}")
