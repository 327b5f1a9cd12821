"""The brightness of every pixel against time as a map, with gaps, stars and what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection, QuadMesh

from ..dataset.bits import QualityFlag
from ..dataset.fields import SIGHTLINE
from ..drawing.colours import colour_bar, drawable, extend, limits
from ..drawing.style import Style
from ..drawing.texts import nothing, set_label, set_title, why_left_out, why_nothing
from ..quality.flags import flags_of
from . import axes as common
from . import fieldaxis
from .fieldaxis import FieldAxis
from .hatching import dot, hatch, rectangles, why_hatched
from .timeline import Timeline

#: Predicted stars whose magnitudes are written: the brightest.
_NAMED = 6

#: Size of a new figure, inches.
_SIZE = (8.0, 4.6)


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A map, and what it shows.

    Attributes
    ----------
    ds : Dataset
    light : DataArray, (pic, pixel)
    good : ndarray of bool, (pic, pixel)
        Spectra that are not left out.
    exclude : str or iterable of str
        The flags for which others are.
    pixels : sequence of int
        Positions of those drawn.
    across : Timeline or str
        What the abscissa shows: the exposures, or a line-of-sight field.
    up : str or None
        The field along the ordinate; None for the pixels.
    scale : ScalarMappable
    look : Style
    """

    ds: xr.Dataset
    light: xr.DataArray
    good: np.ndarray
    exclude: QualityFlag | Iterable[QualityFlag]
    pixels: Sequence[int]
    across: Timeline | str
    up: FieldAxis | None
    scale: ScalarMappable
    look: Style

    def on(self, ax: Axes | None) -> Axes:
        """Draw it on axes, or those of a new figure."""
        ax = common.new_axes(ax, figsize=_SIZE)
        light = self.light.values[:, self.pixels].astype(float)
        values = np.where(self.good[:, self.pixels], light, np.nan)
        shown = np.ma.filled(drawable(values, self.scale), np.nan)
        columns = self.across if isinstance(self.across, Timeline) and self.up is None else None
        if columns is not None:
            self._draw_mesh(ax, columns, shown)
        else:
            self._draw_cells(ax, shown)
        self._name(ax, np.isfinite(values))
        if np.isfinite(values).any():
            bar = {"extend": extend(values, *limits(self.scale))}
            colour_bar(
                self.scale, ax, self.light.attrs["long_name"], self.light.attrs["units"], **bar
            )
            self._mark_stars(ax, values)
        else:
            nothing(ax, self._why(light), self.look)
        full = columns is not None and bool((columns.mesh()[1] >= 0).all())
        dotted = "" if full else dot(ax, self.scale, self.look)
        set_title(ax, common.title_of_light(self.ds, self.light, self._hatched(values), dotted))
        return ax

    def _hatched(self, values: np.ndarray) -> str:
        """What the title says of the spectra that are left out beside others."""
        flags = flags_of(self.ds).values[:, self.pixels][np.isnan(values)]
        wanted = {self.exclude} if isinstance(self.exclude, str) else set(self.exclude)
        return why_hatched(flags, wanted) if flags.size < values.size else ""

    def _why(self, light: np.ndarray) -> str:
        """Why nothing is drawn."""
        ds = self.ds.isel(pixel=list(self.pixels))
        return why_left_out(ds, self.exclude) if np.isfinite(light).any() else why_nothing(ds)

    def _draw_mesh(self, ax: Axes, across: Timeline, shown: np.ndarray) -> None:
        """Draw columns of pixels, one for each exposure."""
        edges, columns = across.mesh()
        rows = np.arange(shown.shape[1] + 1) - 0.5
        draw_columns(ax, across, rows, shown, self.scale, self.look).set_gid("map")
        left_out = np.isnan(shown[columns].T) & (columns >= 0)
        if not left_out[:, columns >= 0].all():
            row, column = np.nonzero(left_out)
            sides = edges[column], edges[column + 1], rows[row], rows[row + 1]
            hatch(ax, rectangles(*sides), self.look)

    def _draw_cells(self, ax: Axes, shown: np.ndarray) -> None:
        """Draw each spectrum where it looked."""
        order, x, _ = self._abscissa
        y, _ = self._ordinate
        sides = np.stack(np.broadcast_arrays(x[0], x[1], y[0], y[1])).reshape(4, -1)
        shown = shown[order].ravel()
        for first, name in ((0, self.across), (2, self.up)):
            if isinstance(name, str) and (period := SIGHTLINE[name].period):
                sides, shown = _repeated(sides, shown, first, period)
        placed, known = np.isfinite(sides).all(0), np.isfinite(shown)
        if (placed & known).any():
            hatch(ax, rectangles(*sides[:, placed & ~known]), self.look)
        known = _wide_first(sides, placed & known)
        cells = PolyCollection(
            rectangles(*sides[:, known]),
            cmap=self.scale.cmap,
            norm=self.scale.norm,
            edgecolors="face",
            linewidths=0.3,
            gid="map",
        )
        cells.set_array(shown[known])
        ax.add_collection(cells, autolim=False)

    @cached_property
    def _abscissa(self) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Exposures in order of time; the sides of their cells, (pic, pixel); their middles."""
        time = self.across if isinstance(self.across, Timeline) else Timeline.of(self.ds)
        if isinstance(self.across, Timeline):
            sides = time.left[:, None], time.right[:, None]
            return time.order, sides, time.centres[:, None]
        values = fieldaxis.field(self.ds, self.across)[time.order][:, self.pixels]
        period = SIGHTLINE[self.across].period
        low, high = (
            end[time.order][:, self.pixels] for end in fieldaxis.footprints(self.ds, self.across)
        )
        return time.order, fieldaxis.reach(values, time.joined, period, (low, high)), values

    @cached_property
    def _ordinate(self) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Lower and upper sides of the cells, (pic, pixel), and their middles."""
        if self.up is None:
            at = np.arange(len(self.pixels))[None]
            return (at - 0.5, at + 0.5), at
        order, _, _ = self._abscissa
        values = fieldaxis.field(self.ds, self.up)[order][:, self.pixels].T
        joined = np.diff(self.pixels) == 1
        ends = fieldaxis.footprints(self.ds, self.up)
        footprint = ends[0][order][:, self.pixels].T, ends[1][order][:, self.pixels].T
        low, high = fieldaxis.reach(values, joined, SIGHTLINE[self.up].period, footprint)
        return (low.T, high.T), values.T

    def _name(self, ax: Axes, known: np.ndarray) -> None:
        """Limits, ticks and labels of both axes."""
        order, _, x = self._abscissa
        if isinstance(self.across, Timeline):
            if self.across.left.size:
                ax.set_xlim(self.across.left[0], self.across.right.max())
            self.across.name(ax.xaxis)
        else:
            ax.set_xlim(self._limits(self.across, x, known[order]))
            fieldaxis.name_axis(ax.xaxis, self.across)
        if self.up is None:
            ax.set_ylim(-0.5, len(self.pixels) - 0.5)
            common.number_axis(ax.yaxis, np.atleast_1d(self.ds["pixel"].values)[self.pixels])
            set_label(ax.yaxis, "Pixel")
        else:
            ax.set_ylim(self._limits(self.up, self._ordinate[1], known[order]))
            fieldaxis.name_axis(ax.yaxis, self.up)

    def _limits(self, name: str, values: np.ndarray, known: np.ndarray) -> tuple[float, float]:
        some = values[known & np.isfinite(values)]
        return fieldaxis.limits(name, some.min(), some.max()) if some.size else (0.0, 1.0)

    def _mark_stars(self, ax: Axes, values: np.ndarray) -> None:
        """Circles around predicted stars, with the magnitudes of the brightest."""
        if "star_count" not in self.ds.variables:
            return
        order, _, x = self._abscissa
        _, y = self._ordinate
        count, magnitude = (field[order][:, self.pixels] for field in common.stars_of(self.ds))
        crossed = (count > 0) & np.isfinite(values[order])
        if not crossed.any():
            return
        x, y = (np.broadcast_to(a, crossed.shape)[crossed] for a in (x, y))
        ax.plot(x, y, gid="stars", **self.look["predicted"])
        # The brightest; a star that stays for several exposures has its number once.
        told, first = np.unique(magnitude[crossed], return_index=True)
        brightest = first[np.isfinite(told)][:_NAMED]
        halo = {"facecolor": "black", "edgecolor": "none", "alpha": 0.45, "pad": 0.8}
        for one in brightest:
            ax.annotate(
                f"{magnitude[crossed][one]:.1f} mag",
                (x[one], y[one]),
                xytext=(0, 6),
                textcoords="offset points",
                clip_on=True,
                **{**self.look["star_value"], "color": "white", "bbox": halo},
            )


def _repeated(
    sides: np.ndarray, shown: np.ndarray, first: int, period: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sides of cells (4, n) and their values, and again of what lies beyond the ends of a circle.

    `first` is where the sides begin that are of the circle.
    """
    turn = np.zeros((4, 1))
    turn[first : first + 2] = period
    over, under = sides[first + 1] > period, sides[first] < 0
    parts = [sides, sides[:, over] - turn, sides[:, under] + turn]
    return np.concatenate(parts, axis=1), np.concatenate([shown, shown[over], shown[under]])


def _wide_first(sides: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Positions of the known cells, in the order in which they are drawn.

    Those as large as a footprint at a pole come before the others, which would be hidden by them.
    """
    found = np.flatnonzero(known)
    areas = np.abs((sides[1] - sides[0]) * (sides[3] - sides[2]))[found]
    wide = areas > fieldaxis.LEAP * np.median(areas) if found.size else areas
    return found[np.argsort(np.where(wide, -areas, 0.0), kind="stable")]


def draw_columns(
    ax: Axes,
    across: Timeline,
    edges: np.ndarray,
    shown: np.ndarray,
    scale: ScalarMappable,
    look: Style,
) -> QuadMesh:
    """Draw values (pic, cell) as a column for each exposure, of cells between edges (cell + 1,)."""
    times, columns = across.mesh()
    cells = np.where(columns >= 0, shown[columns].T, np.nan)
    properties = {**look["map"], "cmap": scale.cmap, "norm": scale.norm}
    return ax.pcolormesh(times, edges, np.ma.masked_invalid(cells), **properties)
