"""Write IDL save files of structure arrays, for files that only exist in that format.

An uncompressed save file is a chain of big-endian records: one for each variable, then an end
marker. A structure's record describes its fields, then holds their values row by row. The layout is
that described by Craig Markwardt (Unofficial Format Specification, IDL "SAVE" File, 2011) and that
`scipy.io.readsav` reads.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import whole_file

_VARIABLE, _END = 2, 6

#: IDL's codes of the types written: 32-bit integer, 4- and 8-byte float.
_CODES = {np.dtype("i4"): 3, np.dtype("f4"): 4, np.dtype("f8"): 5}
_STRUCTURE = 8

#: Flags of variables and fields: an array, and a structure (whose values are arrays of rows).
_ARRAY, _STRUCTURES = 4, 4 | 32

_MAX_DIMS = 8


def write(path: str | Path, variables: Mapping[str, np.ndarray]) -> Path:
    """Write structure arrays.

    Parameters
    ----------
    path : path
    variables : mapping of str to structured ndarray, (n,)
        Fields are int32, float32 or float64, arrays of these, or structures of one row.

    Returns
    -------
    Path

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    data = b"SR\x00\x04"
    for name, rows in variables.items():
        body = _string(name) + _longs(_STRUCTURE, _STRUCTURES)
        body += _array(rows.nbytes, rows.shape) + _structure(rows.dtype) + _longs(7)
        body += b"".join(_values(row, rows.dtype) for row in rows)
        data += _record(_VARIABLE, body, len(data))
    path = Path(path)
    with whole_file(path) as temporary:
        temporary.write_bytes(data + _record(_END, b"", len(data)))
    return path


def _longs(*values: int) -> bytes:
    return struct.pack(f">{len(values)}i", *values)


def _string(text: str) -> bytes:
    raw = text.upper().encode("ascii")
    return _longs(len(raw)) + raw + b"\0" * (-len(raw) % 4)


def _record(kind: int, body: bytes, position: int) -> bytes:
    return _longs(kind, position + 16 + len(body), 0, 0) + body


def _array(n_bytes: int, shape: tuple[int, ...]) -> bytes:
    # IDL's first dimension varies fastest.
    dims = [*reversed(shape), *[1] * (_MAX_DIMS - len(shape))]
    size = int(np.prod(shape))
    return _longs(8, n_bytes // size, n_bytes, size, len(shape), 0, 0, _MAX_DIMS, *dims)


def _structure(dtype: np.dtype) -> bytes:
    """Description of the fields; that of a nested structure follows its parent's."""
    names = dtype.names or ()
    members: Mapping[str, Any] = dtype.fields or {}
    fields, arrays, inner = b"", b"", b""
    for name in names:
        kind, offset = members[name][:2]
        if kind.names:
            fields += _longs(offset, _STRUCTURE, _STRUCTURES)
            arrays += _array(kind.itemsize, (1,))
            inner += _structure(kind)
        elif kind.shape:
            fields += _longs(offset, _CODES[kind.base], _ARRAY)
            arrays += _array(kind.itemsize, kind.shape)
        else:
            fields += _longs(offset, _CODES[kind], 0)
    head = _longs(9) + _string("") + _longs(0, len(names), dtype.itemsize)
    return head + fields + b"".join(_string(name) for name in names) + arrays + inner


def _values(row: np.void, dtype: np.dtype) -> bytes:
    parts = []
    for name, (kind, *_) in (dtype.fields or {}).items():
        if kind.names:
            parts.append(_values(row[name], kind))
        else:
            parts.append(np.asarray(row[name]).astype(kind.base.newbyteorder(">")).tobytes())
    return b"".join(parts)
