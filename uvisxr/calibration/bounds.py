"""What calibration files can say: numbers far beyond those of the real files are damage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import CalibrationError
from ..numerics.stretches import of_zeros

#: So many zeros in a row, of 4 bytes each, are what a disk has where nothing was written, in units
#: of 512 bytes; the real files have at most 62.
_HOLE = 128


def check(
    path: str | Path,
    what: str,
    values: np.ndarray,
    within: tuple[float, float],
    places: Sequence[str],
    mend: str,
    *,
    least: float = 0.0,
    dark: bool = False,
    holes: bool = False,
) -> None:
    """Check that the numbers of a file can be what they stand for. NaN are passed over.

    Parameters
    ----------
    path : path
    what : str
        What one of the values is.
    values : ndarray
    within : tuple of float
        Bounds, inclusive.
    places : sequence of str
        What is counted along each axis, from 0.
    mend : str
        How to mend the file.
    least : float
        Smallest that is above 0.
    dark : bool
        Be it that no value is above 0.
    holes : bool
        Be it that zeros alone lie between values for a long stretch, as in files half written.

    Raises
    ------
    CalibrationError
        It names the first value that is beyond, or of a stretch of zeros, and its place.

    Examples
    --------
    >>> check("flat.txt", "a flat field", np.array([[1.0, 1e30]]), (-1e5, 1e5),
    ...       ("line", "band"), "replace the file")
    Traceback (most recent call last):
    uvisxr.errors.CalibrationError: flat.txt: a flat field of 1e+30 at line 0, band 1 is beyond...
    """
    low, high = within
    beyond = (values < low) | (values > high) | ((values > 0) & (values < least))
    if beyond.any():
        place = np.argwhere(beyond)[0]
        where = _told(places, place)
        small = f", and {least:g} if above 0" if least else ""
        raise CalibrationError(
            f"{path}: {what} of {values[tuple(place)]:g} at {where} is beyond what it can be, "
            f"{low:g} to {high:g}{small}; {mend}"
        )
    if not dark and values.size and not (values > 0).any():
        raise CalibrationError(f"{path}: no value of {what} is above 0; {mend}")
    if not holes:
        _check_holes(path, what, values, places, mend)


def _check_holes(
    path: str | Path, what: str, values: np.ndarray, places: Sequence[str], mend: str
) -> None:
    begin, zeros = of_zeros(values)
    longest = np.argmax(zeros)
    if _HOLE <= zeros[longest] < values.size:
        where = _told(places, np.unravel_index(begin[longest], values.shape))
        raise CalibrationError(
            f"{path}: a hole, {zeros[longest]} zeros in a row for {what}, from {where} on; {mend}"
        )


def _told(places: Sequence[str], place: Sequence[np.intp]) -> str:
    return ", ".join(f"{name} {k}" for name, k in zip(places, place, strict=True))
