"""What maps of a body are drawn on: a grid with its night side, terminator and graticule."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.patches import Circle, Patch, Rectangle

from .. import checks
from ..drawing.colours import drawable
from ..drawing.ground import Ground
from ..drawing.style import Style
from ..errors import MissingStepError
from ..maps.grids import DEGREES, By, Cylindrical, Polar
from ..maps.mapping import Projection
from ..maps.power import MOVED
from ..maps.spheroid import Spheroid
from ..numerics import sphere
from .hatching import dot

#: Room around the rim of a polar map, in its radii: names around it find their own.
_AROUND = 1.01

#: Degrees between parallels and meridians of a cylindrical map; between parallels of polar ones, of
#: which there are three, or about as many.
STEP, _STEPS, _CIRCLES = 30.0, (30.0, 20.0, 10.0, 5.0, 2.0, 1.0), 3

#: Hours between meridians.
HOURS = 3.0

#: Points on a curve.
_N = 361


@dataclass(frozen=True, eq=False)
class Sheet:
    """What a map is drawn on.

    Attributes
    ----------
    grid : Cylindrical or Polar
    by : {"lon", "lt"}
    eastward : bool
        Whether longitudes are counted to the east.
    sun : tuple of float, or None
        Azimuth and planetographic latitude of the Sun, degrees; None if it moved too far.
    """

    grid: Cylindrical | Polar
    by: By
    eastward: bool
    sun: tuple[float, float] | None

    @classmethod
    def of(cls, ds: xr.Dataset) -> Sheet:
        try:
            kind, by = ds.attrs["map_projection"], ds.attrs["map_by"]
            checks.choice("map_projection", kind, Projection)
            checks.choice("map_by", by, By)
            radii = np.asarray(ds.attrs["target_radii"], float) + float(ds.attrs["map_altitude"])
            eastward = ds.attrs.get("lon_direction", "west") == "east"
            noon = float(ds["sub_solar_lon"])
            lat, spread = (float(ds.attrs[f"map_sub_solar_{what}"]) for what in ("lat", "spread"))
            spheroid = Spheroid.of(radii)
            grid: Cylindrical | Polar
            if kind == "polar":
                x, north = ds.variables["x"].values, ds.attrs["map_pole"] == "north"
                side, zero = float(x[1] - x[0]), 180.0 if by == "lt" else 0.0
                whole = ds.sizes["y"] == x.size and abs(x[0] + x[-1]) < 1e-6 * side
                grid = Polar(spheroid, north, side, x.size // 2, float(ds.attrs["map_edge"]), zero)
            else:
                ends = ds["lat_bounds"].values
                edges = np.append(ends[:, 0], ends[-1, 1])
                around = ds[f"{by}_bounds"].values
                whole = edges[-1] - edges[0] >= 180.0 - 1e-6
                whole = whole and np.ptp(around) * DEGREES[by] >= 360.0 - 1e-6
                grid = Cylindrical(spheroid, edges, ds.sizes[by])
        except (KeyError, IndexError) as missing:
            raise MissingStepError(
                f"plot.map: the dataset is no map, or not a whole one ({missing} is missing): "
                "start from ds.uvis.map()"
            ) from None
        except (TypeError, ValueError) as error:
            raise MissingStepError(
                "plot.map: the attributes of the map are not those that ds.uvis.map() gave it "
                f"({type(error).__name__}: {error}): put them back, or make the map again"
            ) from None
        if not whole:
            raise MissingStepError(
                "plot.map: the dataset is a part of a map: draw the whole, and zoom with "
                "ax.set_xlim and ax.set_ylim"
            )
        if by == "lt":
            return cls(grid, by, True, (180.0, lat))
        east = noon if eastward or kind == "cylindrical" else -noon
        return cls(grid, by, eastward, None if spread > MOVED else (east, lat))

    @property
    def polar(self) -> bool:
        return isinstance(self.grid, Polar)

    @property
    def dims(self) -> tuple[str, str]:
        return ("y", "x") if self.polar else ("lat", self.by)

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges of the columns and rows."""
        if isinstance(self.grid, Polar):
            edges = (np.arange(2 * self.grid.half + 1) - self.grid.half) * self.grid.side
            return edges, edges
        across = np.arange(self.grid.columns + 1) * (360.0 / self.grid.columns / DEGREES[self.by])
        return across, self.grid.lat

    def draw(
        self, ax: Axes, values: np.ndarray, scale: ScalarMappable, properties: Mapping[str, Any]
    ) -> QuadMesh:
        """Draw values of the cells, within the rim of a polar map."""
        options: dict[str, Any] = {"cmap": scale.cmap, "norm": scale.norm, **properties}
        mesh = ax.pcolormesh(
            *self.edges(), np.ma.masked_invalid(values), gid="map", zorder=2.0, **options
        )
        if isinstance(self.grid, Polar):
            mesh.set_clip_path(self._whole(transform=ax.transData))
        return mesh

    def _whole(self, **properties: Any) -> Patch:
        """All that the map holds."""
        if isinstance(self.grid, Polar):
            return Circle((0, 0), self.grid.limit, **properties)
        across, up = self.edges()
        return Rectangle((across[0], up[0]), np.ptp(across), np.ptp(up), **properties)

    @cached_property
    def _middles(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = (0.5 * (e[:-1] + e[1:]) for e in self.edges())
        return x, y

    def within(self, values: np.ndarray) -> np.ndarray:
        """Values of cells, NaN beyond the rim of a polar map."""
        if not isinstance(self.grid, Polar):
            return values
        return np.where(np.hypot(*np.meshgrid(*self._middles)) <= self.grid.limit, values, np.nan)

    def ground(self, ax: Axes, values: np.ndarray, scale: ScalarMappable) -> Ground:
        x, y = self._middles
        shown = np.ma.filled(drawable(self.within(values), scale), np.nan)
        array = xr.DataArray(shown, {"y": y, "x": x}, ("y", "x"))
        return Ground.of(ax, array, scale)

    def draw_ground(
        self, ax: Axes, values: np.ndarray, scale: ScalarMappable, ground: Ground, look: Style
    ) -> list[str]:
        """Draw the body beneath the map, with its night side if there is one, and dots if some
        value has the colour of either; return what of that is seen.
        """
        ax.add_patch(self._whole(gid="ground", zorder=1.4, **look["image_disk"]))
        outside = np.isnan(self.within(np.zeros_like(values)))
        blank = np.isnan(values) & ~outside
        papers = [look["image_disk"]["facecolor"]]
        if self.sun is not None:
            papers.append(look["image_night"]["facecolor"])
            lines = self._draw_night(ax, ground, look)
        seen = []
        if blank.any() and not blank[~outside].all():
            area = self._whole(zorder=1.6)
            dotted = dot(ax, scale, look, area, papers)
            seen.append(f"{'dotted' if dotted else 'blank'}: not seen or left out")
        if self.sun is not None:
            dark = self._height(*np.meshgrid(*self._middles)) < 0
            seen += ["darker: night"] if (dark & blank).any() else []
            seen += ["dashed: terminator"] if lines else []
        return seen

    def curve(self, azimuth: np.ndarray, lat: np.ndarray) -> list[np.ndarray]:
        """A curve through places, degrees, in parts where it leaves the map or passes its ends."""
        if isinstance(self.grid, Polar):
            x, y = self.grid.project(azimuth, lat)
            inside = np.hypot(x, y) <= self.grid.limit * (1 + 1e-9)
            inside &= (lat > 0) == self.grid.north
            return [np.where(inside[:, None], np.stack([x, y], axis=-1), np.nan)]
        x = sphere.wrap(azimuth)
        parts, start = [], np.empty((0, 2))
        cuts = np.flatnonzero(np.abs(np.diff(x)) > 180.0) + 1
        points = np.stack([x, lat], axis=-1)
        for first, stop in itertools.pairwise([0, *cuts, len(x)]):
            part = [start, points[first:stop]]
            if stop < len(x):
                # It goes on to the end of the map, and from the other one.
                step = sphere.signed(x[stop] - x[stop - 1])
                end = 360.0 if step > 0 else 0.0
                share = (end - x[stop - 1]) / step
                height = lat[stop - 1] + share * (lat[stop] - lat[stop - 1])
                part.append(np.array([[end, height]]))
                start = np.array([[360.0 - end, height]])
            parts.append(np.concatenate(part) / [DEGREES[self.by], 1.0])
        return [part for part in parts if len(part) > 1]

    def _draw_night(self, ax: Axes, ground: Ground, look: Style) -> bool:
        """The night side beneath the map, and the terminator; whether any of that is on it."""
        assert self.sun is not None
        azimuth, lat = self.sun
        sun = sphere.vectors(azimuth, lat)
        x, y = np.meshgrid(*(np.linspace(e[0], e[-1], _N) for e in self.edges()))
        shade = look["image_night"]["facecolor"]
        drawn = ax.contourf(
            x, y, self._height(x, y), levels=[-1.1, 0.0], colors=[shade], zorder=1.5
        )
        drawn.set_gid("night")
        if isinstance(self.grid, Polar):
            drawn.set_clip_path(self._whole(transform=ax.transData))
        # All directions at a right angle to the Sun's.
        turn = np.linspace(0.0, 2 * np.pi, 2 * _N)[:, None]
        east = sphere.east(azimuth)
        normal = np.cos(turn) * east + np.sin(turn) * np.cross(sun, east)
        z = normal[:, 2].clip(-1.0, 1.0)
        curves = self.curve(sphere.longitude(normal), self.grid.spheroid.centric(z))
        line = ground.draw(ax, curves, "terminator", look["image_terminator"], 3.0)
        return len(line.get_segments()) > 0

    def _height(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Sine of how high the Sun stands at places of the map."""
        assert self.sun is not None
        if isinstance(self.grid, Polar):
            at = self.grid.unproject(x, y)
        else:
            at = x * DEGREES[self.by], y
        height: np.ndarray = self._normal(*at) @ sphere.vectors(*self.sun)
        return height

    def _normal(self, azimuth: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Outward normals at azimuths and planetocentric latitudes, degrees."""
        graphic = np.rad2deg(np.arcsin(self.grid.spheroid.sine(lat)))
        return sphere.vectors(azimuth, graphic)

    def meridians(self) -> np.ndarray:
        """Azimuths that are drawn, degrees."""
        step = DEGREES["lt"] * HOURS if self.by == "lt" else STEP
        return np.arange(0.0, 360.0, step)

    def parallels(self) -> np.ndarray:
        """Latitudes that are drawn, degrees, without poles and rim."""
        if not isinstance(self.grid, Polar):
            return np.arange(-90.0 + STEP, 90.0, STEP)
        edge = self.grid.edge
        all_ = [np.arange(np.floor(edge / s + 1) * s, 90.0 - 1e-9, s) for s in _STEPS]
        found = min(all_, key=lambda lat: abs(lat.size - _CIRCLES))
        return found if self.grid.north else -found

    def draw_graticule(self, ax: Axes, ground: Ground, look: Style) -> None:
        around = np.linspace(0.0, 360.0 - 1e-9, _N)
        curves = [c for lat in self.parallels() for c in self.curve(around, np.full(_N, lat))]
        if isinstance(self.grid, Polar):
            ends = np.array([self.grid.edge, 90.0]) * (1 if self.grid.north else -1)
            up = np.linspace(ends[0], ends[1], _N)
            meridians = self.meridians()
            up = up[np.abs(up) <= np.abs(self.parallels()).max()]
        else:
            up, meridians = np.linspace(-90.0, 90.0, _N), self.meridians()[1:]
        curves += [c for az in meridians for c in self.curve(np.full(up.size, az), up)]
        ground.draw(ax, curves, "graticule", look["image_graticule"], 2.5)

    def frame(self, ax: Axes, bare: bool) -> None:
        """Limits and aspect, and no axes around a bare or a polar map."""
        if bare or isinstance(self.grid, Polar):
            ax.set_axis_off()
        if isinstance(self.grid, Polar):
            ink = ax.spines["left"].get_edgecolor()
            rim = {"facecolor": "none", "edgecolor": ink, "linewidth": 0.8}
            ax.add_patch(self._whole(gid="rim", zorder=4.0, **rim))
            ends = _AROUND * self.grid.limit * np.array([-1.0, 1.0])
            ax.set(xlim=tuple(ends), ylim=tuple(ends))
            ax.set_aspect("equal")
            return
        across, up = self.edges()
        # East to the right, whichever way longitudes are counted.
        sides = (across[0], across[-1]) if self.by == "lt" or self.eastward else across[[-1, 0]]
        ax.set(xlim=tuple(sides), ylim=(up[0], up[-1]))
        ax.set_aspect(1.0 / DEGREES[self.by])
