"""How far the slit moves in an exposure, and how many instants that asks for."""

from __future__ import annotations

import math

import numpy as np

from ..geometry.ephemeris import pointing
from ..geometry.fov import FieldOfView
from ..instrument.channel import Optics
from ..instrument.detector import Bins
from ..kernels import choose
from ..kernels.session import keeping, loaded
from ..numerics import sphere

#: Instants of an exposure at least and at most, and pixels between two, of the team's rule.
LEAST, MOST, SPACING = 3, 33, 1.0

#: The points of a pixel that are looked at, by which its sides are known.
LOOKED_AT = ("center", "lower_left", "lower_right", "upper_left")


def number(smear: float, spacing: float = SPACING, most: int = MOST) -> int:
    """How many instants an exposure needs: ceil(smear / spacing) + 1, at least `LEAST`.

    Examples
    --------
    >>> [number(smear) for smear in (0, 1.5, 6.2, 1e6)]
    [3, 3, 8, 33]
    """
    return max(LEAST, min(most, math.ceil(min(smear / spacing, most)) + 1))


def pixels(way: np.ndarray) -> float:
    """How far lines of sight move in the worst exposure, in pixels.

    Parameters
    ----------
    way : ndarray, (pic, pixel, instant, 4, 3)
        Unit vectors to the points `LOOKED_AT`, in order of time.
    """
    centre, corner, right, up = np.moveaxis(way, -2, 0)
    sides = np.fmin(sphere.angle(corner, right), sphere.angle(corner, up))
    steps = sphere.angle(centre[:, :, 1:], centre[:, :, :-1])
    moved = np.nansum(steps / np.fmin(sides[:, :, 1:], sides[:, :, :-1]), axis=-1)
    return float(moved.max(initial=0.0))


def asked(
    ends: np.ndarray,
    bins: Bins,
    instrument: tuple[str, str, Optics],
    kernels: choose.Kernels,
    spacing: float = SPACING,
) -> int:
    """The number of instants that the pointing in the kernels asks for, for all exposures.

    Parameters
    ----------
    ends : ndarray, (pic, 2)
        Start and stop of the exposures, TDB s past J2000.
    bins : Bins
    instrument : (str, str, str)
        Channel, slit and optics.
    kernels : path or iterable of paths, optional
    spacing : float
        Pixels between two instants.

    Raises
    ------
    KernelError, CoverageError
        As `uvisxr.geometry.los.geometry`.
    """
    channel, slit, optics = instrument
    # The points are the first, second, third and last of a pixel's.
    at = [0, 1, 2, 4]
    with keeping(), loaded(choose.select(kernels, ets=ends.ravel())):
        view = FieldOfView.of(channel, slit, optics)
        # With a turn of the field about the boresight, those at the ends have the longest way.
        vectors = view.pixel_vectors(bins)[[0, -1]][:, at]
        count, needed = 0, LEAST
        # With more instants the way is followed more closely, and may be longer.
        while needed > count:
            count = needed
            et = np.linspace(ends[:, 0], ends[:, 1], count, axis=1)
            turn = pointing(view.frame, et.ravel()).reshape(*et.shape, 3, 3)
            way = np.einsum("etij,pqj->epqti", turn, vectors)
            needed = number(pixels(np.swapaxes(way, 2, 3)), spacing)
    return count
