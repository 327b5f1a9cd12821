"""Maps of a body, as `ds.uvis.map` makes them, with night side, graticule and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.patches import Circle
from matplotlib.ticker import FixedLocator, FuncFormatter

from .. import calls, checks
from ..drawing.colours import colour_bar, colours, drawable, extend, limits, robust_norm
from ..drawing.ground import Ground
from ..drawing.labels import Labels
from ..drawing.layout import lay_out
from ..drawing.style import Style, drawing
from ..drawing.style import style as styled
from ..drawing.texts import angstroms, heading, minus, set_label, set_title, tied
from ..errors import MissingStepError
from ..maps.grids import DEGREES, By, Cylindrical, Polar
from ..maps.mapping import Projection
from ..maps.spheroid import Spheroid
from ..numerics import sphere
from . import axes as common

#: Sizes of new figures, inches.
_WIDE, _ROUND = (8.4, 4.2), (6.6, 5.8)

#: Place of the colour bar beside a wide and a polar map, in shares of the axes.
_BARS = (1.02, 0.0, 0.03, 1.0), (1.07, 0.0, 0.03, 1.0)

#: Room for the names around a polar map, in its radii.
_AROUND = 1.15

#: How far from the middle, in diameters of a polar map, names at its rim are beside it.
_ASIDE = 0.15

#: Degrees between parallels and meridians of a cylindrical map; between parallels of polar ones, of
#: which there are three, or about as many.
_STEP, _STEPS, _CIRCLES = 30.0, (30.0, 20.0, 10.0, 5.0, 2.0, 1.0), 3

#: Hours between meridians, and between those with names.
_HOURS, _NAMED = 3.0, 6.0

#: Spread of the Sun's longitudes, degrees, beyond which a map by longitude has no night.
_MOVED = 15.0

#: What is drawn in colours that begin at 0.
_LIGHT = ("brightness", "reflectance")

#: Points on a curve.
_N = 361


@calls.public("plot.map")
@drawing
def map(  # noqa: A001 - as the step that makes it
    ds: xr.Dataset,
    field: str | None = None,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    night: bool = True,
    annotate: bool = True,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw a map of a body.

    East is to the right. A polar map shows its pole from above; local noon or the longitude 0 is
    below, so that in the north dusk is to the right. The night side lies beneath the map, the
    terminator, where the Sun is in the horizon, over it. On a map by longitude they are those of
    the mean longitude of the Sun, and are left out where that moved too far.

    Parameters
    ----------
    ds : Dataset
        From `ds.uvis.map`.
    field : str, optional
        Another of its variables, such as "spectra" or "ems". Default: what was mapped.
    cmap : str or Colormap, optional
        Default: that of the style, inferno.
    norm : str or Normalize, optional
        Scale of the colours, such as "log", or one of `matplotlib.colors`. Default: linear, or
        logarithmic where the brightest tower above the others.
    vmin, vmax : float, optional
        Limits of the colours. Default: percentiles, of brightness and I/F from 0.
    night : bool
        Draw the night side and the terminator.
    annotate : bool
        Draw graticule, names, title and colour bar.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Of the cylindrical map in degrees or hours and degrees, of the polar map in km.

    Raises
    ------
    MissingStepError
        The dataset is no map, or has no such variable.
    ArgumentError
        Matplotlib knows no such map or norm, or the limits do not fit.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(alt_min=2000)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> found = ds.uvis.map(wl_range=(1450, 1800), spacing=5, by="lt")
    >>> found.uvis.plot.map().get_xlabel()
    'Local solar time (h)'
    """
    checks.choice("night", night, bool)
    checks.choice("annotate", annotate, bool)
    look = styled(style)
    sheet = _Sheet.of(ds)
    array = _array(ds, field, sheet)
    chosen = look["image"] if cmap is None else look["image"] | {"cmap": cmap}
    values = array.values.astype(float)
    if array.name == "spectra":
        values = np.where(values > 0, values, np.nan)
    usual = robust_norm(values)
    if array.name in _LIGHT and not isinstance(usual, LogNorm) and usual.vmin is not None:
        # Else faint light looks like none.
        usual = Normalize(min(usual.vmin, 0.0), usual.vmax)
    scale = colours(values, chosen.pop("cmap"), norm, vmin, vmax, usual)
    ax = common.new_axes(ax, figsize=_ROUND if sheet.polar else _WIDE)
    mesh = sheet.draw(ax, np.ma.filled(drawable(values, scale), np.nan), scale, chosen)
    ground = sheet.ground(ax, values, scale)
    if night:
        sheet.draw_night(ax, ground, look)
    if not annotate:
        sheet.frame(ax)
        return ax
    sheet.draw_graticule(ax, ground, look)
    name, units = array.attrs.get("long_name", str(array.name)), array.attrs.get("units", "")
    bar = ax.inset_axes(_BARS[sheet.polar], label="<colorbar>")
    colour_bar(mesh, ax, name, units, cax=bar, extend=extend(values, *limits(scale)))
    set_title(ax, heading(ds, *sheet.notes(ds)))
    sheet.frame(ax)
    lay_out(ax)
    sheet.name(ax, ground, look)
    return ax


def _array(ds: xr.Dataset, field: str | None, sheet: _Sheet) -> xr.DataArray:
    if field is None:
        if not ds.data_vars:
            raise MissingStepError("plot.map: the map has no variable left to draw: see field=")
        field = str(next(iter(ds.data_vars)))
    if field not in ds.variables or set(ds[field].dims) != set(sheet.dims):
        there = [str(n) for n in ds.variables if set(ds[n].dims) == set(sheet.dims)]
        raise MissingStepError(
            f"plot.map: the map has no {field!r} over {' and '.join(sheet.dims)}"
            f"{checks.nearest(field, there)}"
        )
    return ds[field].transpose(*sheet.dims)


@dataclass(frozen=True, eq=False)
class _Sheet:
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
    def of(cls, ds: xr.Dataset) -> _Sheet:
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
        if not whole:
            raise MissingStepError(
                "plot.map: the dataset is a part of a map: draw the whole, and zoom with "
                "ax.set_xlim and ax.set_ylim"
            )
        if by == "lt":
            return cls(grid, by, True, (180.0, lat))
        east = noon if eastward or kind == "cylindrical" else -noon
        return cls(grid, by, eastward, None if spread > _MOVED else (east, lat))

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
            mesh.set_clip_path(Circle((0, 0), self.grid.limit, transform=ax.transData))
        return mesh

    def ground(self, ax: Axes, values: np.ndarray, scale: ScalarMappable) -> Ground:
        x, y = (0.5 * (e[:-1] + e[1:]) for e in self.edges())
        if isinstance(self.grid, Polar):
            values = np.where(np.hypot(*np.meshgrid(x, y)) <= self.grid.limit, values, np.nan)
        shown = np.ma.filled(drawable(values, scale), np.nan)
        array = xr.DataArray(shown, {"y": y, "x": x}, ("y", "x"))
        return Ground.of(ax, array, scale)

    def curve(self, azimuth: np.ndarray, lat: np.ndarray) -> list[np.ndarray]:
        """A curve through places, degrees, in parts where it leaves the map or passes its ends."""
        if isinstance(self.grid, Polar):
            x, y = self.grid.project(azimuth, lat)
            inside = np.hypot(x, y) <= self.grid.limit * (1 + 1e-9)
            inside &= (lat > 0) == self.grid.north
            return [np.where(inside[:, None], np.stack([x, y], axis=-1), np.nan)]
        x = sphere.wrap(azimuth)
        cut = np.flatnonzero(np.abs(np.diff(x)) > 180.0) + 1
        parts = np.split(np.stack([x / DEGREES[self.by], lat], axis=-1), cut)
        return [part for part in parts if len(part) > 1]

    def draw_night(self, ax: Axes, ground: Ground, look: Style) -> None:
        """The night side beneath the map, and the terminator."""
        if self.sun is None:
            return
        azimuth, lat = self.sun
        sun = sphere.vectors(azimuth, lat)
        across, up = (np.linspace(e[0], e[-1], _N) for e in self.edges())
        x, y = np.meshgrid(across, up)
        if isinstance(self.grid, Polar):
            at = self.grid.unproject(x, y)
            lit = self._normal(*at) @ sun
        else:
            lit = self._normal(x * DEGREES[self.by], y) @ sun
        shade = look["image_night"]["facecolor"]
        drawn = ax.contourf(x, y, lit, levels=[-1.1, 0.0], colors=[shade], zorder=1.5)
        drawn.set_gid("night")
        if isinstance(self.grid, Polar):
            drawn.set_clip_path(Circle((0, 0), self.grid.limit, transform=ax.transData))
        # All directions at a right angle to the Sun's.
        turn = np.linspace(0.0, 2 * np.pi, 2 * _N)[:, None]
        east = sphere.east(azimuth)
        normal = np.cos(turn) * east + np.sin(turn) * np.cross(sun, east)
        z = normal[:, 2].clip(-1.0, 1.0)
        curves = self.curve(sphere.longitude(normal), self.grid.spheroid.centric(z))
        ground.draw(ax, curves, "terminator", look["image_terminator"], 3.0)

    def _normal(self, azimuth: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Outward normals at azimuths and planetocentric latitudes, degrees."""
        graphic = np.rad2deg(np.arcsin(self.grid.spheroid.sine(lat)))
        return sphere.vectors(azimuth, graphic)

    def meridians(self) -> np.ndarray:
        """Azimuths that are drawn, degrees."""
        step = DEGREES["lt"] * _HOURS if self.by == "lt" else _STEP
        return np.arange(0.0, 360.0, step)

    def parallels(self) -> np.ndarray:
        """Latitudes that are drawn, degrees, without poles and rim."""
        if not isinstance(self.grid, Polar):
            return np.arange(-90.0 + _STEP, 90.0, _STEP)
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

    def frame(self, ax: Axes) -> None:
        """Limits, aspect, and what is around the map."""
        if isinstance(self.grid, Polar):
            rim = self.grid.limit
            ink = ax.spines["left"].get_edgecolor()
            ax.add_patch(
                Circle((0, 0), rim, facecolor="none", edgecolor=ink, linewidth=0.8, zorder=4.0)
            )
            ax.set(xlim=(-_AROUND * rim, _AROUND * rim), ylim=(-_AROUND * rim, _AROUND * rim))
            ax.set_aspect("equal")
            ax.set_axis_off()
            return
        across, up = self.edges()
        # East to the right, whichever way longitudes are counted.
        ends = (across[0], across[-1]) if self.by == "lt" or self.eastward else across[[-1, 0]]
        ax.set(xlim=tuple(ends), ylim=(up[0], up[-1]))
        ax.set_aspect(1.0 / DEGREES[self.by])

    def name(self, ax: Axes, ground: Ground, look: Style) -> None:
        """Names of parallels and meridians."""
        if isinstance(self.grid, Polar):
            self._name_rim(ax, self.grid, look)
            self._name_circles(ax, self.grid, ground, look)
            return
        step = _HOURS if self.by == "lt" else 2 * _STEP
        whole = 360.0 / DEGREES[self.by]
        ax.xaxis.set_major_locator(FixedLocator(np.arange(0.0, whole + 1e-9, step).tolist()))
        ax.yaxis.set_major_locator(FixedLocator(np.arange(-90.0, 91.0, _STEP).tolist()))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: minus(f"{v:g}")))
        side = "East" if self.eastward else "West"
        name = "Local solar time (h)" if self.by == "lt" else f"{side} longitude (°)"
        set_label(ax.xaxis, name)
        set_label(ax.yaxis, "Planetocentric latitude (°)")

    def _name_rim(self, ax: Axes, grid: Polar, look: Style) -> None:
        rim_km, side = grid.limit, "E" if self.eastward else "W"
        for azimuth in self.meridians():
            hours = azimuth / DEGREES["lt"]
            lon = azimuth if self.eastward else -azimuth % 360.0
            text = f"{hours:g}{tied(' h')}" if self.by == "lt" else f"{lon:g}°{tied(' ')}{side}"
            large = azimuth % (DEGREES["lt"] * _NAMED) == 0
            rim = np.array([grid.edge if grid.north else -grid.edge])
            (x,), (y,) = (0.5 * end / rim_km for end in grid.project(np.array([azimuth]), rim))
            ax.annotate(
                text,
                (2 * x * rim_km, 2 * y * rim_km),
                xytext=(8 * x, 8 * y),
                textcoords="offset points",
                ha="left" if x > _ASIDE else "right" if x < -_ASIDE else "center",
                va="bottom" if y > _ASIDE else "top" if y < -_ASIDE else "center",
                gid="meridian_name",
                color=look["compass"]["color"],
                fontsize="medium" if large else "x-small",
            )

    def _name_circles(self, ax: Axes, grid: Polar, ground: Ground, look: Style) -> None:
        labels = Labels(ax)
        # Between two meridians, where no line is in the way.
        azimuth = grid.zero + 0.5 * (self.meridians()[1] - self.meridians()[0])
        for lat in self.parallels():
            x, y = grid.project(np.array([azimuth]), np.array([lat]))
            text = ax.text(
                float(x[0]),
                float(y[0]),
                f"{abs(lat):g}°{tied(' ')}{'N' if grid.north else 'S'}",
                ha="center",
                va="center",
                zorder=5.0,
                gid="parallel_name",
                fontsize=look["altitude_value"]["fontsize"],
            )
            ground.ink(text, np.array([x[0], y[0]]), {})
            labels.add([text])

    def notes(self, ds: xr.Dataset) -> list[str]:
        """What the title says beside body, time and observation."""
        ends = ds["wl_bounds"].values if "wl_bounds" in ds.variables else None
        altitude = float(ds.attrs["map_altitude"])
        where = tied(f"{altitude:g} km") + " above the ellipsoid" if altitude else ""
        pole = ""
        if isinstance(self.grid, Polar):
            pole = f"{'north' if self.grid.north else 'south'} pole"
        return [part for part in (angstroms(ends), pole, where) if part]
