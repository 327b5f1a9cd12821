"""Which bodies the slit sees, and where: the extents of their disks in the instrument's frame.

A plane through the spacecraft with the unit normal m touches an ellipsoid with the centre c and the
matrix A = diag(a², b², c²), in one frame, where (m.c)² = m'Am. Of all planes that contain the
slit's width, those that touch are the ends of the disk along the slit, exactly and from any
distance, and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry.ephemeris import Ephemeris
from ..geometry.fov import FieldOfView
from ..geometry.rays import apparent
from ..instrument.channel import N_LINES
from ..instrument.detector import Bins
from ..kernels.bodies import Body
from ..numerics import sphere
from .registry import UNKNOWN

#: How far from the slit a disk may be to be in its surroundings, rad: ten rows of the detector.
MARGIN = 0.010

_ACROSS, _ALONG, _AWAY = range(3)


@dataclass(frozen=True)
class Slit:
    """The rows in use.

    Attributes
    ----------
    half_width : float
        rad.
    low, high : float
        Angles of the first and last edges along the slit, rad.
    pitch : float
        Mean angle of a pixel along the slit, rad.
    row : float
        Angle of a row, rad.
    centres : ndarray, (pixel,)
        Angles of the pixels' centres, rad.
    """

    half_width: float
    low: float
    high: float
    pitch: float
    row: float
    centres: np.ndarray

    @classmethod
    def of(cls, view: FieldOfView, bins: Bins) -> Slit:
        """The slit of a field of view with the rows in use."""
        row = 2 * view.half_length / N_LINES
        lows = bins.line * row - view.half_length
        highs = lows + bins.n_line * row
        pitch = float(np.mean(highs - lows))
        return cls(view.half_width, lows.min(), highs.max(), pitch, row, (lows + highs) / 2)

    def pixel(self, along: float) -> float:
        """Place of an angle along the slit, by the pixels' indices; straight on beyond them."""
        order = np.argsort(self.centres)
        known, index = self.centres[order], order.astype(float)
        inside = float(np.interp(along, known, index))
        sense = -1.0 if order.size > 1 and order[0] > order[-1] else 1.0
        beyond = min(along - known[0], 0.0) + max(along - known[-1], 0.0)
        return inside + sense * float(beyond) / self.pitch


@dataclass(frozen=True)
class Outlines:
    """Where a body's disk is in the instrument's frame at n instants, rad.

    Attributes
    ----------
    centre : ndarray, (n, 2)
        Angles across and along the slit.
    across, along : ndarray, (n, 2)
        The ends of the disk: NaN behind the spacecraft, half a turn if it is all around.
    """

    centre: np.ndarray
    across: np.ndarray
    along: np.ndarray

    @classmethod
    def of(cls, body: Body, ephemeris: Ephemeris, attitude: np.ndarray) -> Outlines:
        """The outlines, from rotations `attitude` (n, 3, 3) of the instrument to J2000."""
        seen, _ = apparent(sphere.unit(ephemeris.position), ephemeris.spacecraft_velocity)
        away = np.linalg.norm(ephemeris.position, axis=-1)
        centre = away[:, None] * np.einsum("nji,nj->ni", attitude, seen)
        turn = ephemeris.rotation @ attitude
        matrix = np.swapaxes(turn, -1, -2) @ (np.asarray(body.radii)[:, None] ** 2 * turn)
        form = centre[:, :, None] * centre[:, None, :] - matrix
        x, y, z = centre.T
        angles = np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], axis=-1)
        return cls(angles, _ends(form, _ACROSS, z), _ends(form, _ALONG, z))

    def near(self, slit: Slit, instants: int, margin: float = MARGIN) -> np.ndarray:
        """Whether the slit or its surroundings see the disk during each exposure, bool (pic,)."""
        aside = slit.half_width + margin
        across = _sweeps(self.across, instants, -aside, aside)
        near: np.ndarray = across & _sweeps(
            self.along, instants, slit.low - margin, slit.high + margin
        )
        return near


def _ends(form: np.ndarray, axis: int, away: np.ndarray) -> np.ndarray:
    """Angles of the ends of a disk along one axis, rad, (n, 2)."""
    a, b, c = form[:, axis, axis], form[:, axis, _AWAY], form[:, _AWAY, _AWAY]
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.maximum(b * b - a * c, 0.0))
        ends = np.arctan(np.stack([(b - root) / c, (b + root) / c], axis=-1))
        ends[(c > 0) & (away < 0)] = np.nan
        ends[c <= 0] = -np.pi / 2, np.pi / 2
    found: np.ndarray = ends
    return found


def _sweeps(ends: np.ndarray, instants: int, low: float, high: float) -> np.ndarray:
    """Whether what moves during each exposure comes between two angles, bool (pic,)."""
    each = ends.reshape(-1, instants, 2)
    known = np.isfinite(each[..., 0])
    first = np.where(known, each[..., 0], np.inf).min(axis=1)
    last = np.where(known, each[..., 1], -np.inf).max(axis=1)
    swept: np.ndarray = (first <= high) & (last >= low)
    return swept


def placed(outlines: Outlines, slit: Slit) -> dict[str, float | int]:
    """Where the centre is among pixels and exposures, and the flag whether the disk is all inside.

    `outlines` are those of one instant an exposure, (pic,).
    """
    inside = _inside(outlines, slit)
    across, along = outlines.centre.T
    known = np.flatnonzero(np.isfinite(across) & (abs(across) < np.pi / 2))
    if not known.size:
        return {"center_pixel": np.nan, "center_pic": np.nan, "inside": inside}
    at, share = _crossing(across, along, known)
    step = along[at + 1] - along[at] if share else 0.0
    return {
        "center_pixel": slit.pixel(float(along[at] + share * step)),
        "center_pic": at + share,
        "inside": inside,
    }


def _crossing(across: np.ndarray, along: np.ndarray, known: np.ndarray) -> tuple[int, float]:
    """The exposure at or before which the centre crosses the slit's middle, and the share on.

    Of several crossings, that nearest to the middle of the slit's length; without any, the exposure
    in which the centre comes nearest to the middle of the slit's width.
    """
    pairs = known[:-1][np.diff(known) == 1]
    turns = pairs[across[pairs] * across[pairs + 1] < 0]
    if not turns.size:
        return int(known[np.argmin(abs(across[known]))]), 0.0
    at = int(turns[np.argmin(abs(along[turns]))])
    return at, float(across[at] / (across[at] - across[at + 1]))


def _inside(outlines: Outlines, slit: Slit) -> int:
    across, along = outlines.across, outlines.along
    seen = (across[:, 0] <= slit.half_width) & (across[:, 1] >= -slit.half_width)
    long_enough = (along[seen, 0] >= slit.low) & (along[seen, 1] <= slit.high)
    if not long_enough.all():
        return 0
    if not np.isfinite(outlines.centre).all():
        # Some exposures may see more of it.
        return UNKNOWN
    # The first edge of the disk is passed, and the last.
    first = (across[:, 0] >= -slit.half_width).any()
    last = (across[:, 1] <= slit.half_width).any()
    return int(seen.any() and first and last)
