"""Keograms: brightness against time and local time, latitude or longitude."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, Normalize, to_hex
from matplotlib.ticker import FuncFormatter

from .. import calls, checks
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..dataset.checking.sightlines import lack_pointing
from ..dataset.fields import SIGHTLINE
from ..drawing.colours import colour_bar, colours, drawable, extend, limits, robust_norm
from ..drawing.style import Style, drawing
from ..drawing.style import style as styled
from ..drawing.texts import (
    caption,
    degrees_of_latitude,
    edge,
    heading,
    nothing,
    set_label,
    set_title,
    tied,
    unit,
)
from ..numerics.along_wl import Integration
from ..quality.flags import flags_of, kept
from . import axes as common
from . import fieldaxis, profiles
from .hatching import dot, hatch, rectangles, why_hatched
from .heatmap import draw_columns
from .profiles import Means
from .timeline import TimeAxis, Timeline, check

#: Of which spectra it is made.
Where = Literal["disk", "limb", "all"]

#: Most bins that are not given.
_BINS = 48

#: Size of a new figure, and the share of the map in it.
_SIZE, _SHARES = (9.0, 5.0), (5.0, 1.0)


@calls.public("plot.keogram")
@drawing
def keogram(
    ds: xr.Dataset,
    wl_range: tuple[float, float] | None = None,
    by: profiles.By = "lt",
    edges: Sequence[float] | np.ndarray | None = None,
    where: Where = "disk",
    within: Mapping[str, tuple[float, float]] | None = None,
    x: TimeAxis | None = None,
    method: Integration = "bins",
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw brightness against time and local time, or latitude: the figure of auroral papers.

    Parameters
    ----------
    ds : Dataset
        Calibrated, with geometry; or the result of `integrate`.
    wl_range : (float, float), optional
        Angstrom. Default: where the channel is sensitive and the rows have values.
    by : {"lt", "lat", "lon", "sza"}
        What is drawn upwards.
    edges : sequence of float, optional
        Of its bins, as in `ds.uvis.bin`. Default: round ones, not finer than the pixels.
    where : {"disk", "limb", "all"}
        Spectra that meet the body, that miss it, or both.
    within : mapping of str to (float, float), optional
        Fields and the ranges in which they must lie, such as ``{"lat": (60, 90)}``; local time and
        longitude may pass the end of the circle.
    x : {"utc", "pic"}, optional
        Time, with the gaps between exposures left open, or the number of the exposure. Default:
        time, where the dataset has it.
    method : {"bins", "trapezoid", "simpson"}
        Of integration over wavelength; see `uvisxr.integrals.integrate`.
    exclude : str or iterable of str
        Quality flags whose spectra are left out: all by default. Cells that have no others are
        hatched, but for rows without usable signal, "dark_line".
    cmap : str or Colormap, optional
        Default: that of the style, viridis.
    norm : str or Normalize, optional
        Scale of the colours, such as "log", or one of `matplotlib.colors`. Default: linear, or
        logarithmic where the brightest tower above the others.
    vmin, vmax : float, optional
        Limits of the colours, kR. Default: percentiles.
    ax : Axes, optional
        For the map alone. Default: those of a new figure, with the mean over all exposures beside
        it: bars are its statistical errors, the band is the systematic one, common to all, unless
        the bars hold that too, as after ``calibrate(errors="total")``.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Of the map. Each cell is the mean of the spectra of one exposure in one bin; where
        footprints are larger than bins and none has its centre there, of those that the middle of
        the bin lies in. If there are none, it says so.

    Raises
    ------
    ArgumentError
        A range, an edge or a choice is wrong.
    MissingStepError
        The dataset is not calibrated, or lacks the geometry or the times asked for.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> ax = ds.uvis.plot.keogram((1450, 1800), by="lat")
    >>> ax.get_ylabel()
    'Planetocentric latitude (°)'
    """
    checks.choice("by", by, profiles.By)
    checks.choice("where", where, Where)
    check(x)
    look = styled(style)
    across = Timeline.of(ds, x)
    ds = profiles.light(ds, wl_range, method).compute()
    values = fieldaxis.field(ds, by)
    keep = kept(ds, exclude)
    asked = profiles.inside(ds, within) & _where(ds, where) & np.isfinite(values)
    used = keep & asked
    chosen = (
        profiles.usual_edges(by, values, used, _BINS)
        if edges is None
        else profiles.checked_edges("edges", by, edges)
    )
    index = np.where(used, chosen.index(values), -1)
    at = profiles.unwrapped(chosen)
    light = ds["brightness"].transpose("pic", "pixel").values.astype(float)
    footprints = fieldaxis.footprints(ds, by)

    def of_cells(which: np.ndarray, light: np.ndarray) -> np.ndarray:
        index = np.where(which, chosen.index(values), -1)
        table = _means(light, index, len(chosen))
        seen = _seen(np.where(which, light, np.nan), footprints, at, chosen.period)
        return np.where(np.isnan(table), seen, table)

    table = of_cells(used, light)
    # Rows without usable signal are beside the others, and no loss.
    lost = asked & ~used & ((flags_of(ds).values & QUALITY_FLAGS["dark_line"]) == 0)
    left_out = np.isnan(table) & np.isfinite(of_cells(lost, np.ones(light.shape)))
    colour_map = look["map"]["cmap"] if cmap is None else cmap
    scale = colours(table, colour_map, norm, vmin, vmax, robust_norm(table))
    beside = None
    there = bool(np.isfinite(table).any())
    if ax is None and there:
        figure = plt.figure(figsize=_SIZE, layout="constrained")
        ax, beside = figure.subplots(1, 2, sharey=True, width_ratios=_SHARES)
    ax = common.new_axes(ax, figsize=_SIZE)
    mesh = _draw_map(ax, across, at, table, scale, look)
    ax.set_ylim(*(_span(at, table, chosen.period) if edges is None else at[[0, -1]]))
    _name_bins(ax, by, at, chosen.period)
    light_of = "brightness", "kR"
    if there:
        if beside is not None:
            means = Means.of(ds, index, len(chosen))
            _draw_mean(beside, 0.5 * (at[1:] + at[:-1]), means, caption(*light_of), look)
            used = np.count_nonzero(np.isfinite(table).any(axis=1))
            set_title(beside, "Mean over time" if used > 1 else "One exposure")
        ends = extend(table, *limits(scale))
        # Beside the mean it would pass for its axis.
        place: dict[str, Any] = {"location": "bottom", "aspect": 40, "pad": 0.02}
        colour_bar(mesh, ax, *light_of, extend=ends, **(place if beside is not None else {}))
    else:
        nothing(ax, _why(ds, keep, exclude, where), look)
    full = np.isfinite(table).all() and (across.mesh()[1] >= 0).all()
    notes = [*_selected(ds, where, within)]
    if there and left_out.any():
        hatch(ax, _cells(across, at, left_out), look)
        notes.append(why_hatched(flags_of(ds).values[lost]))
    notes.append("" if full or not there else dot(ax, scale, look))
    set_title(ax, heading(ds, profiles.range_of(ds), *notes, by=(by,)))
    return ax


def _draw_map(
    ax: Axes,
    across: Timeline,
    at: np.ndarray,
    table: np.ndarray,
    scale: ScalarMappable,
    look: Style,
) -> QuadMesh:
    """Draw the means of bins with the edges `at`, (pic, bin)."""
    shown = np.ma.filled(drawable(table, scale), np.nan)
    mesh = draw_columns(ax, across, at, shown, scale, look)
    mesh.set_gid("keogram")
    across.name(ax.xaxis)
    return mesh


def _cells(across: Timeline, at: np.ndarray, which: np.ndarray) -> list[np.ndarray]:
    """Corners of some of the cells, bool (pic, bin)."""
    times, columns = across.mesh()
    column, row = np.nonzero(which[columns] & (columns >= 0)[:, None])
    return rectangles(times[column], times[column + 1], at[row], at[row + 1])


def _name_bins(ax: Axes, by: profiles.By, at: np.ndarray, period: float | None) -> None:
    """Ticks and label of the bins, whose edges may go beyond the end of a circle."""
    fieldaxis.name_axis(ax.yaxis, by)
    if period is not None:
        end = period if at[-1] <= period else np.nextafter(period, 0.0)
        ax.yaxis.set_major_formatter(FuncFormatter(partial(_round, period, end)))


def _round(period: float, end: float, value: float, _: object) -> str:
    """A tick, which may lie beyond the end of a circle."""
    return f"{value if value <= end else value % period:g}"


def _where(ds: xr.Dataset, where: Where) -> np.ndarray:
    """Spectra that meet the body, or miss it, bool (pic, pixel)."""
    if where == "all":
        return np.ones((ds.sizes["pic"], ds.sizes["pixel"]), bool)
    disk = fieldaxis.field(ds, "on_disk") > 0
    return disk if where == "disk" else ~disk


def _means(light: np.ndarray, index: np.ndarray, number: int) -> np.ndarray:
    """Mean of each exposure's spectra in each bin, (pic, bin); NaN where there are none."""
    size = light.shape[0]
    known = (index >= 0) & np.isfinite(light)
    place = (index + number * np.arange(size)[:, None])[known]
    count = np.bincount(place, minlength=size * number)
    total = np.bincount(place, light[known], minlength=size * number)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count).reshape(size, number)


def _seen(
    light: np.ndarray,
    footprints: tuple[np.ndarray, np.ndarray],
    at: np.ndarray,
    period: float | None,
) -> np.ndarray:
    """Mean of each exposure's spectra whose footprints have the middle of a bin in them.

    Parameters
    ----------
    light : ndarray, (pic, pixel)
        NaN of spectra that do not count.
    footprints : ndarray, ndarray
        Lowest and highest values in each, (pic, pixel).
    at : ndarray, (bin + 1,)
        Edges.
    period : float, optional

    Returns
    -------
    ndarray, (pic, bin)
        NaN where no footprint reaches.
    """
    low, high = footprints
    found = []
    for middle in 0.5 * (at[1:] + at[:-1]):
        above = middle - low if period is None else (middle - low) % period
        inside = (above >= 0) & (above <= high - low) & np.isfinite(light)
        with np.errstate(invalid="ignore"):
            found.append(np.where(inside, light, 0.0).sum(1) / inside.sum(1))
    return np.stack(found, axis=1)


def _selected(
    ds: xr.Dataset, where: Where, within: Mapping[str, tuple[float, float]] | None
) -> list[str]:
    """What the title says of the spectra that were chosen."""
    said = {"disk": "on the disk", "limb": "beside the disk", "all": ""}[where]
    ranges = [_range(name, *ends) for name, ends in (within or {}).items()]
    return [*([] if _where(ds, where).all() else [said]), *ranges]


def _range(name: str, low: float, high: float) -> str:
    """A range of a field, "lat 60–90°"."""
    units = unit(SIGHTLINE[name].units)
    if name.startswith("lat"):
        return tied(f"{name} {degrees_of_latitude(low, high)}")
    between = "–" if min(low, high) >= 0 else " to "
    space = "" if units == "°" else " "
    return tied(f"{name} {edge(low)}{between}{edge(high)}{space}{units}")


def _span(at: np.ndarray, table: np.ndarray, period: float | None) -> tuple[float, float]:
    """Limits of the bins: all if they go round, else from the first to the last with light."""
    there = np.flatnonzero(np.isfinite(table).any(0))
    if not there.size or (period is not None and at[-1] - at[0] >= period):
        return float(at[0]), float(at[-1])
    return float(at[there[0]]), float(at[there[-1] + 1])


def _draw_mean(ax: Axes, at: np.ndarray, means: Means, name: str, look: Style) -> None:
    """Draw the mean over all exposures, upwards."""
    value, systematic = means.value, means.systematic
    # Places in the colour cycle would be looked up when it is drawn.
    color = to_hex("C0")
    points = {**look["points"], "color": color, "linestyle": "-"}
    bars = np.nan_to_num([means.lower, means.upper])
    ax.errorbar(value, at, xerr=bars, gid="mean", **points)
    profiles.draw_common(ax, at, value, systematic, color, look["band"])
    ax.set_xlim(min(0.0, float(np.nanmin(value))), None)
    set_label(ax.xaxis, name)


def _why(
    ds: xr.Dataset,
    keep: np.ndarray,
    exclude: QualityFlag | Iterable[QualityFlag],
    where: Where,
) -> str:
    """Why nothing is drawn."""
    places = {"disk": "no spectrum on the disk", "limb": "no spectrum beside the disk"}
    if where in places and not _where(ds, where).any() and not lack_pointing(ds):
        return places[where]
    return profiles.why_empty(ds, keep, exclude)
