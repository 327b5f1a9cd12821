"""Evil pixels: detector pixels without a flat field.

"Evil" is the team's word for pixels whose response differs so much from their neighbours' that the
flat field omits them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..instrument.channel import N_BANDS, N_LINES
from ..instrument.detector import LIT
from ..numerics import along_wl


def no_flat(frame: np.ndarray) -> np.ndarray:
    """Where a flat field or modifier is not a positive finite number, bool, of its shape."""
    return np.asarray(~(np.isfinite(frame) & (frame > 0)))


def lit_evil(frames: Iterable[np.ndarray], known: np.ndarray | None = None) -> np.ndarray:
    """Lit detector pixels that are evil by a flat field or modifier, or `known` to be.

    One set serves all terms, so that the same elements are missing in every exposure.
    """
    evil = np.zeros((N_LINES, N_BANDS), bool) if known is None else known.copy()
    for frame in frames:
        evil |= no_flat(frame)
    return evil & LIT


def of_good(
    frame: np.ndarray, evil: np.ndarray, wl: np.ndarray, fill: along_wl.Interpolation | None
) -> np.ndarray:
    """A sensitivity frame as if its evil pixels were good.

    Parameters
    ----------
    frame : ndarray, (64, 1024)
    evil : ndarray of bool, (64, 1024)
    wl : ndarray, (1024,)
        Wavelength of the detector columns, angstrom.
    fill : {"linear", "pchip"} or None
        How evil pixels are filled from neighbouring columns; with None they are NaN.

    Returns
    -------
    ndarray, (64, 1024)
        0 where no light falls.
    """
    frame = np.where(evil, np.nan, frame)
    if fill:
        frame = _to_the_ends(along_wl.fill(frame, wl, fill))
    return np.where(LIT, frame, 0.0)


def _to_the_ends(frame: np.ndarray) -> np.ndarray:
    """Extend the first and last finite value of each row to the detector's edges.

    Otherwise a missing pixel at the edge would invalidate a whole bin of many columns.
    """
    finite = np.isfinite(frame)
    columns = np.arange(frame.shape[-1])
    first = np.argmax(finite, axis=-1)[:, None]
    last = frame.shape[-1] - 1 - np.argmax(finite[:, ::-1], axis=-1)[:, None]
    return np.take_along_axis(frame, np.clip(columns, first, last), axis=-1)
