"""Which part of the plane of an image is shown, and whether a small map must say where that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics import raster

#: The whole body is shown if the frame is then at most this many times as large as the data's.
_WHOLE = 2.4

#: How far beyond the data the near limb is still shown, of the data's longer side.
_NEAR = 0.25

#: Least part of the longer side that the data, or the shorter, take.
_NARROW = 0.45

#: A body that takes less than this part of the frame's longer side is shown enlarged.
_SMALL = 0.1

#: Room around what is shown, of the longer side.
_MARGIN = 0.04


@dataclass(frozen=True)
class Frame:
    """Part of the plane.

    Attributes
    ----------
    low, high : ndarray, (2,)
        Corners, km.
    whole : bool
        Whether the body's whole disk is in it.
    small : bool
        Whether the body is too small in it to be made out.
    """

    low: np.ndarray
    high: np.ndarray
    whole: bool
    small: bool

    @property
    def tells(self) -> bool:
        """Whether the frame shows by itself where on the body it is."""
        return self.whole and not self.small


def frame(points: np.ndarray, limb: np.ndarray) -> Frame:
    """Frame data, (n, 2), with the body's limb (m, 2), or the part of it that is near.

    Parameters
    ----------
    points : ndarray, (n, 2)
        Corners of footprints, km; without any, the body alone is framed.
    limb : ndarray, (m, 2)
    """
    data = points if len(points) else limb
    low, high = _widened(*raster.box(data))
    both = np.minimum(low, limb.min(axis=0)), np.maximum(high, limb.max(axis=0))
    if np.prod(both[1] - both[0]) <= _WHOLE * np.prod(high - low):
        low, high = _widened(*both)
    else:
        reach = _NEAR * (high - low).max()
        beyond = np.maximum(np.maximum(low - limb, limb - high), 0.0).max(axis=1)
        near = limb[[np.argmin(beyond)]] if beyond.min() < reach else limb[:0]
        shown = np.concatenate([[low, high], near])
        low, high = shown.min(axis=0), shown.max(axis=0)
    margin = _MARGIN * (high - low).max()
    return of(low - margin, high + margin, limb)


def of(low: np.ndarray, high: np.ndarray, limb: np.ndarray) -> Frame:
    """A frame with given corners."""
    whole = bool(((limb > low) & (limb < high)).all())
    small = bool(np.ptp(limb, axis=0).max() < _SMALL * (high - low).max())
    return Frame(low, high, whole, small)


def _widened(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A box that is not too narrow to be looked at."""
    least = _NARROW * (high - low).max()
    more = 0.5 * np.maximum(least - (high - low), 0.0)
    return low - more, high + more
