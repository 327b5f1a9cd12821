"""What counts themselves say against the label that describes them.

All of it is asked whenever counts are read, so that it must cost next to nothing where nothing is
wrong: each question begins with few values, and goes on only if they leave it open.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from ..files import State
from .objects import NULLS

#: What is wrong where windows are not where the counts are, and what helps.
BINS = (
    "its bins or corners are wrong, and so may be all values; mend a copy of the label, or, if it "
    "is damaged,"
)

_NULL = np.uint16(NULLS[1])

#: Counts that are not nothing, of which it is no chance if all are multiples of 256.
_ENOUGH = 8

#: Exposures searched at once.
_BLOCK = 16

#: Of rows and of columns: the first of a window, and the first after it.
Ends = tuple[tuple[int, int], ...]


def outside(
    rows: np.ndarray,
    first: int,
    size: tuple[int, int],
    held: tuple[tuple[int, int, int, int], ...],
) -> bool:
    """Whether there are counts where no window is.

    Parameters
    ----------
    rows : ndarray of 16 bits, (row, column)
        Of a frame, from the row `first` on.
    first : int
    size : tuple of int
        Rows and columns of the frame.
    held : tuple of tuple of int
        First row and column of each window, and the numbers of its rows and columns.
    """
    nowhere = _outside(size, held)[first : first + len(rows)]
    # Nothing and null are the same in any order of bytes; 1 below nothing is null.
    counts = rows.view(np.uint16) - np.uint16(1) < _NULL - 1
    return bool((counts & nowhere).any())


@lru_cache(maxsize=64)
def _outside(size: tuple[int, int], held: tuple[tuple[int, int, int, int], ...]) -> np.ndarray:
    """What of a frame no window holds, bool."""
    found = np.full(size, True)
    for row, column, rows, columns in held:
        found[row : row + rows, column : column + columns] = False
    return found


def swapped(values: np.ndarray) -> bool:
    """Whether all counts are multiples of 256: the bytes of each are exchanged.

    Parameters
    ----------
    values : ndarray of 16 bits, the higher first, (exposure, row, column)
        Of a window. Few counts tell nothing.
    """
    if not values.size or _odd(values[0, values.shape[1] // 2]):
        return False
    there = 0
    for exposure in values:
        # Most of what is left is nothing at all.
        if np.bitwise_or.reduce(exposure.view(np.uint16), axis=None):
            if _odd(exposure):
                return False
            counts = exposure[(exposure != 0) & (exposure != _NULL)]
            if (counts % 256).any():
                return False
            there += counts.size
    return there >= _ENOUGH


def _odd(values: np.ndarray) -> bool:
    """Whether the lower bytes are some other than those of multiples of 256 and of null."""
    lower = values.view(np.uint8)[..., 1::2]
    return bool((lower - np.uint8(1) < 254).any())


def unfilled(
    rows: np.ndarray,
    first: int,
    path: Path,
    start: int,
    frame: tuple[int, int, int],
    dtype: str,
    ends: Ends,
) -> tuple[int, int]:
    """How many of a window's last rows and columns hold no value in any exposure.

    Parameters
    ----------
    rows : ndarray, (row, column)
        Of a frame, from the row `first` on. If they have values at the window's ends, nothing else
        is read, and all exposures otherwise, once.
    first : int
    path : Path
        The data as they are, from the byte `start` on.
    start : int
    frame : tuple of int
        Exposures, rows and columns in the file.
    dtype : str
    ends : tuple of tuple of int
        The rows and columns of the window, without partial bins at its ends.

    Returns
    -------
    tuple of int
        Zeros also if there is no value at all, as what is lost says nothing of the label.
    """
    (top, bottom), (left, right) = ends
    words = rows.view(np.uint16)
    here = slice(max(top - first, 0), max(bottom - first, 0))
    lacking = right > left and bool((words[here, right - 1] == _NULL).all())
    if bottom > top and first < bottom <= first + len(rows):
        lacking = lacking or bool((words[bottom - 1 - first, left:right] == _NULL).all())
    if not lacking:
        return 0, 0
    return _unfilled(path, start, frame, dtype, ends, State.of(path.stat()))


@lru_cache(maxsize=256)
def _unfilled(
    path: Path,
    start: int,
    frame: tuple[int, int, int],
    dtype: str,
    ends: Ends,
    state: State,
) -> tuple[int, int]:
    """As `unfilled`, of the file in a state."""
    frames = np.memmap(path, dtype, "r", start, frame)
    (top, bottom), (left, right) = ends
    rows, columns = np.zeros(bottom - top, bool), np.zeros(right - left, bool)
    for begin in range(0, frame[0], _BLOCK):
        known = frames[begin : begin + _BLOCK, top:bottom, left:right] != _NULL
        rows |= known.any((0, 2))
        columns |= known.any((0, 1))
        if rows[-1:].any() and columns[-1:].any():
            break
    if not rows.any():
        return 0, 0
    return tuple(int(np.argmax(axis[::-1])) for axis in (rows, columns))  # type: ignore[return-value]
