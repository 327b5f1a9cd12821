"""Grids on a spheroid, and polygons of places in units of their cells.

A `Cylindrical` grid has cells between parallels and meridians. Its rows are straightened by area:
within a row, the ordinate is linear in area, so that the share of a cell that a polygon covers in
the plane is the share of its area. A `Polar` grid has square cells in Lambert's azimuthal
equal-area projection about a pole, all of one area; to it a pole and a seam are places like others.
Of a triaxial body areas are multiplied by the mean of what they are to those of the spheroid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ..numerics import sphere
from ..numerics.unions import union
from .spheroid import Spheroid
from .triaxial import Triaxial, parts

#: Lines through each cell along which it is told what of it was seen.
_LINES = 8

#: What is counted around the pole.
By = Literal["lon", "lt"]

#: Degrees in a unit of each.
DEGREES = {"lon": 1.0, "lt": 15.0}


@dataclass(frozen=True, eq=False)
class Cylindrical:
    """Cells between parallels and meridians.

    Attributes
    ----------
    spheroid : Spheroid
    lat : ndarray, (rows + 1,)
        Planetocentric latitudes of the parallels, degrees, from the south pole to the north pole.
    columns : int
        Cells around, from the azimuth 0 on.
    body : Triaxial, optional
        What areas are taken of, in place of the spheroid.
    """

    spheroid: Spheroid
    lat: np.ndarray
    columns: int
    body: Triaxial | None = None

    wraps = True

    @classmethod
    def of(
        cls, spheroid: Spheroid, across: float, up: float, body: Triaxial | None = None
    ) -> Cylindrical:
        """Cells of about such sizes, degrees: whole numbers of them fill the sphere."""
        rows, columns = max(round(180.0 / up), 1), max(round(360.0 / across), 1)
        return cls(spheroid, np.linspace(-90.0, 90.0, rows + 1), columns, body)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.lat.size - 1, self.columns

    @cached_property
    def _zones(self) -> np.ndarray:
        return np.asarray(self.spheroid.zone(self.spheroid.sine(self.lat)))

    @cached_property
    def area(self) -> np.ndarray:
        """Areas of the cells, km2."""
        rows = np.diff(self._zones) * (2 * np.pi / self.columns)
        area = np.repeat(rows[:, None], self.columns, axis=1)
        return area if self.body is None else area * self._ratio(self.body)

    def _ratio(self, body: Triaxial) -> np.ndarray:
        up, across = parts(180.0 / self.shape[0]), parts(360.0 / self.columns)
        within = (np.arange(up) + 0.5) / up
        zone = self._zones[:-1, None] + np.diff(self._zones)[:, None] * within
        lat = self.spheroid.centric(self.spheroid.sine_of(zone.ravel()))
        azimuth = (np.arange(self.columns * across) + 0.5) * (360.0 / (self.columns * across))
        fine = body.ratio(self.spheroid, azimuth, lat[:, None])
        return _blocks(fine, self.shape)

    @property
    def inside(self) -> np.ndarray | None:
        """Which cells the map holds; None: all."""
        return None

    @property
    def azimuth(self) -> np.ndarray:
        """Azimuths of the middles of the columns, degrees."""
        return (np.arange(self.columns) + 0.5) * (360.0 / self.columns)

    @property
    def middle(self) -> np.ndarray:
        """Planetocentric latitudes of the middles of the rows, degrees."""
        return np.asarray(0.5 * (self.lat[:-1] + self.lat[1:]))

    def polygons(self, azimuth: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Polygons of points at azimuths and planetocentric latitudes, (n, k).

        Returns
        -------
        ndarray, (n, k + 3, 2)
            In cells. Each goes around as its points do, the short way from each to the next, and
            may go beyond the ends of a row. One around a pole goes there and back along a meridian.
        """
        zone = self.spheroid.zone(self.spheroid.sine(lat))
        y = np.interp(zone, self._zones, np.arange(self.lat.size))
        step = sphere.signed(np.roll(azimuth, -1, axis=1) - azimuth)
        unrolled = azimuth[:, :1] + np.cumsum(step, axis=1) - step
        around = unrolled[:, -1] + step[:, -1] - unrolled[:, 0]
        x = np.concatenate([unrolled, unrolled[:, :1] + around[:, None]], axis=1)
        whole = np.abs(around) > 180.0
        end = np.where(lat.mean(axis=1) > 0, self.shape[0], 0.0)
        beyond = [np.where(whole, end, y[:, 0])] * 2
        y = np.concatenate([y, y[:, :1], np.stack(beyond, axis=1)], axis=1)
        x = np.concatenate([x, np.stack([x[:, -1], x[:, 0]], axis=1)], axis=1)
        return np.stack([x * (self.columns / 360.0), np.where(np.isnan(x), np.nan, y)], axis=-1)


@dataclass(frozen=True, eq=False)
class Polar:
    """Square cells about a pole, of one area on the spheroid.

    Attributes
    ----------
    spheroid : Spheroid
    north : bool
        Whether it is the north pole, which is in the middle of the grid.
    side : float
        Of a cell, km.
    half : int
        Cells from the pole to an edge of the grid.
    edge : float
        Absolute planetocentric latitude of the circle within it, degrees.
    zero : float
        Azimuth that lies downwards, degrees.
    body : Triaxial, optional
        What areas are taken of, in place of the spheroid: they are then not all the same.
    """

    spheroid: Spheroid
    north: bool
    side: float
    half: int
    edge: float
    zero: float
    body: Triaxial | None = None

    wraps = False

    @classmethod
    def of(
        cls,
        spheroid: Spheroid,
        north: bool,
        spacing: float,
        edge: float,
        zero: float,
        body: Triaxial | None = None,
    ) -> Polar:
        """The cap beyond a latitude, in cells as large as so many degrees are at the pole."""
        # A degree at the pole: of the circle that fits the spheroid there.
        side = np.deg2rad(spacing) * spheroid.equator**2 / spheroid.pole
        grid = cls(spheroid, north, float(side), 1, edge, zero)
        half = int(np.ceil(float(grid._radius(np.array(edge))) / side - 1e-9))
        return cls(spheroid, north, float(side), max(half, 1), edge, zero, body)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return 2 * self.half, 2 * self.half

    @cached_property
    def area(self) -> np.ndarray:
        """Areas of the cells, km2."""
        area = np.full(self.shape, self.side**2)
        return area if self.body is None else area * self._ratio(self.body)

    def _ratio(self, body: Triaxial) -> np.ndarray:
        number = parts(float(np.rad2deg(self.side / self.spheroid.equator)))
        places = (np.arange(self.shape[0] * number) + 0.5) * (self.side / number)
        places -= self.half * self.side
        azimuth, lat = self.unproject(*np.meshgrid(places, places))
        return _blocks(body.ratio(self.spheroid, azimuth, lat), self.shape)

    @property
    def _sense(self) -> float:
        """Of latitudes towards the pole."""
        return 1.0 if self.north else -1.0

    @cached_property
    def inside(self) -> np.ndarray | None:
        """Which cells the map holds: those whose middles lie within the circle `edge`."""
        x, y = np.meshgrid(self.places, self.places)
        return np.asarray(self._sense * self.unproject(x, y)[1] >= self.edge)

    @property
    def places(self) -> np.ndarray:
        """Middles of the columns, and of the rows, km."""
        return (np.arange(2 * self.half) + 0.5 - self.half) * self.side

    def _radius(self, lat: np.ndarray) -> np.ndarray:
        """Distances from the pole in the plane, km, at planetocentric latitudes towards it."""
        zone = self.spheroid.zone(self.spheroid.sine(lat))
        whole = float(self.spheroid.zone(1.0))
        radius: np.ndarray = np.sqrt(np.maximum(2.0 * (whole - zone), 0.0))
        return radius

    @property
    def limit(self) -> float:
        """Radius of the circle `edge` in the plane, km."""
        return float(self._radius(np.array(self.edge)))

    def project(self, azimuth: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places in the plane, km: the pole is seen from above, the azimuth `zero` downwards."""
        radius, angle = self._radius(self._sense * lat), np.deg2rad(azimuth - self.zero)
        return self._sense * radius * np.sin(angle), -radius * np.cos(angle)

    def unproject(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Azimuths and planetocentric latitudes of places in the plane, degrees."""
        zone = float(self.spheroid.zone(1.0)) - 0.5 * (x * x + y * y)
        lat = self.spheroid.centric(self.spheroid.sine_of(zone))
        azimuth = np.rad2deg(np.arctan2(self._sense * x, -y)) + self.zero
        return sphere.wrap(azimuth), self._sense * lat

    def polygons(self, azimuth: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Polygons of points at azimuths and planetocentric latitudes, (n, k), in cells.

        Those that lie beyond the equator as a whole are left out: NaN. Straight lines there cross
        all of the map, as the other pole is a circle around it.
        """
        x, y = self.project(azimuth, lat)
        polygons = np.stack([x, y], axis=-1) / self.side + self.half
        highest: np.ndarray = (self._sense * lat).max(axis=1)
        beyond = highest < 0
        return np.where(beyond[:, None, None], np.nan, polygons)


Grid = Cylindrical | Polar


def _blocks(fine: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Means over the cells of what is known of equal parts of them."""
    rows, columns = shape
    means: np.ndarray = fine.reshape(rows, len(fine) // rows, columns, -1).mean(axis=(1, 3))
    return means


def covered(grid: Grid, polygons: np.ndarray) -> np.ndarray:
    """Share of each cell that lies under any polygon, 0 to 1."""
    share = union(polygons, grid.shape, _LINES, grid.wraps)
    return share if grid.inside is None else np.where(grid.inside, share, 0.0)
