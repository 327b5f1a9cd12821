"""Sky maps: directions projected to a plane, around a centre or over the whole sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics.sphere import east, latitude, longitude, signed, unit, vectors
from .texts import minus

#: Possible steps of right ascension and declination grids, degrees.
_STEPS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30])

#: Approximate number of grid lines along one side of a picture.
_LINES = 5


@dataclass(frozen=True)
class Around:
    """Zenithal equidistant map: angles from the centre and bearings are true.

    Projection ARC of Calabretta & Greisen 2002, A&A 395, 1077.

    Attributes
    ----------
    centre : ndarray, (3,)
        Direction, J2000.
    name : str
        What is there.
    """

    centre: np.ndarray
    name: str = "the centre"

    @property
    def xlabel(self) -> str:
        return f"East of {self.name} (°)"

    @property
    def ylabel(self) -> str:
        return f"North of {self.name} (°)"

    @property
    def _axes(self) -> np.ndarray:
        right = east(longitude(self.centre))
        return np.stack([right, np.cross(self.centre, right), self.centre])

    def __call__(self, direction: np.ndarray) -> np.ndarray:
        """Degrees to the east and to the north of directions (..., 3): (..., 2)."""
        x, y, along = np.moveaxis(direction @ self._axes.T, -1, 0)
        aside = np.hypot(x, y)
        angle = np.rad2deg(np.arctan2(aside, along))
        scale = np.where(aside > 0, angle / np.where(aside > 0, aside, 1.0), np.rad2deg(1.0))
        return np.stack([x * scale, y * scale], axis=-1)

    def direction(self, place: np.ndarray) -> np.ndarray:
        """Directions (..., 3) of places (..., 2) up to 180 degrees from the centre."""
        angle = np.deg2rad(np.hypot(place[..., 0], place[..., 1]))
        scale = np.deg2rad(np.sinc(angle / np.pi))
        x, y = place[..., 0] * scale, place[..., 1] * scale
        found: np.ndarray = np.stack([x, y, np.cos(angle)], axis=-1) @ self._axes
        return found


@dataclass(frozen=True)
class Whole:
    """Right ascension and declination, plotted directly."""

    xlabel = "Right ascension (°)"
    ylabel = "Declination (°)"

    def __call__(self, direction: np.ndarray) -> np.ndarray:
        """Right ascension and declination, degrees, of directions (..., 3): (..., 2)."""
        direction = unit(direction)
        return np.stack([longitude(direction), latitude(direction)], axis=-1)


Sky = Around | Whole


def broken(place: np.ndarray) -> np.ndarray:
    """A curve (n, 2), with NaN where it jumps from one side of the map to the other."""
    with np.errstate(invalid="ignore"):
        leap = np.abs(np.diff(place[:, 0])) > 180.0
    return np.insert(place, np.flatnonzero(leap) + 1, np.nan, axis=0)


def leaps(place: np.ndarray) -> bool:
    """Whether a curve (n, 2) jumps from one side of the map to the other."""
    with np.errstate(invalid="ignore"):
        return bool((np.abs(np.diff(place[:, 0])) > 180.0).any())


def grid(
    sky: Around, xlim: tuple[float, float], ylim: tuple[float, float]
) -> list[tuple[str, np.ndarray]]:
    """Lines of right ascension and declination in part of the map.

    Returns
    -------
    list of (str, ndarray (n, 2))
        The label of each line, and its points.
    """
    x, y = np.meshgrid(np.linspace(min(xlim), max(xlim), 61), np.linspace(min(ylim), max(ylim), 61))
    inner = np.hypot(x, y) < 179.0
    seen = sky.direction(np.stack([x, y], axis=-1)[inner])
    middle = float(longitude(sky.centre))
    ra = middle + signed(longitude(seen) - middle)
    dec = latitude(seen)
    ra_low, ra_high = float(ra.min()), float(ra.max())
    dec_low, dec_high = float(dec.min()), float(dec.max())
    lines = []
    along = np.linspace(dec_low, dec_high, 121)
    for value in _round(ra_low, ra_high):
        curve = sky(vectors(np.full_like(along, value), along))
        lines.append((f"α {_text(value % 360.0)}", curve))
    around = np.linspace(ra_low, ra_high, 361)
    for value in _round(dec_low, dec_high):
        curve = sky(vectors(around, np.full_like(around, value)))
        lines.append((f"δ {_text(value)}", curve))
    return lines


def _round(low: float, high: float) -> np.ndarray:
    enough = int(np.searchsorted(_STEPS, (high - low) / _LINES))
    step = float(_STEPS[min(enough, _STEPS.size - 1)])
    return step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)


def _text(degrees: float) -> str:
    return minus(f"{round(degrees, 4) + 0.0:g}°")
