"""Limb profiles: brightness against tangent altitude, with errors, by latitude or another field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .. import calls, checks
from ..bins.edges import Edges
from ..dataset.conventions import QUALITY_FLAGS, QualityFlag
from ..dataset.fields import SIGHTLINE
from ..drawing.colours import colour_bar, ordered
from ..drawing.legends import legend
from ..drawing.scales import plain_log
from ..drawing.style import Style, drawing
from ..drawing.style import style as styled
from ..drawing.texts import (
    caption,
    degrees_of_latitude,
    heading,
    nothing,
    set_label,
    set_title,
    unit,
)
from ..errors import ArgumentError
from ..numerics.along_wl import Integration
from ..quality.flags import kept
from . import axes as common
from . import fieldaxis, profiles
from .profiles import Means

#: Scales of the brightness.
Scale = Literal["linear", "log"]

#: Most bins of altitude, and of the other field, that are not given.
_ALTITUDES, _PROFILES = 40, 4

#: Width of the bins of a profile that are not given, the smallest.
_LEAST: dict[profiles.By, float] = {"lat": 15.0, "lt": 3.0, "lon": 30.0, "sza": 15.0}

#: Profiles that a legend tells apart, by their markers too; more have a colour bar.
_MARKERS = "osD^vP"

#: Share of the points whose error bars fit into the axes.
_FIT = 95

#: Ratio to what that share does not exceed, above which points are marked at the edge.
_TOWERS = 2.5

#: Most of the room that bands of common errors take beyond the points, as a share of theirs.
_BANDS = 0.5

#: Number of points from which on one alone is no large share of them.
_MANY = 20

_SIZE = (6.4, 5.6)

_ALT = "alt_bin"


@calls.public("plot.limb")
@drawing
def limb(
    ds: xr.Dataset,
    wl_range: tuple[float, float] | None = None,
    by: profiles.By | None = None,
    edges: Sequence[float] | np.ndarray | None = None,
    altitudes: Sequence[float] | np.ndarray | None = None,
    within: Mapping[str, tuple[float, float]] | None = None,
    method: Integration = "bins",
    xscale: Scale = "linear",
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    cmap: str | Colormap | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw brightness against the altitude of the tangent point: the figure of airglow papers.

    Parameters
    ----------
    ds : Dataset
        Calibrated, with geometry; the result of `integrate`; or bins of either by `alt`, and by
        one other field at most.
    wl_range : (float, float), optional
        Angstrom. Default: where the channel is sensitive and the rows have values.
    by : {"lat", "lt", "lon", "sza"}, optional
        A profile for each bin of this field. Default: latitude, or of bins what they are of.
    edges : sequence of float, optional
        Of its bins, as in `ds.uvis.bin`; ``[-90, 90]`` makes one profile of all latitudes. Default:
        four bins at most, with round edges.
    altitudes : sequence of float, optional
        Edges of the bins of altitude, km, ascending; of bins, the ends of what is drawn. Default:
        from the limb upwards, as the disk may outshine all that is above it; no finer than the
        pixels and no higher than the body's radius.
    within : mapping of str to (float, float), optional
        Fields and the ranges in which spectra must lie, such as ``{"lt": (6, 18)}``.
    method : {"bins", "trapezoid", "simpson"}
        Of integration over wavelength; see `uvisxr.integrals.integrate`.
    xscale : {"linear", "log"}
        Of the brightness.
    exclude : str or iterable of str
        Quality flags whose spectra are left out: all by default.
    cmap : str or Colormap, optional
        From which the profiles have their colours, in order. Default: that of the style, viridis.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Each point is the mean of the spectra in a bin. Bars are its statistical errors, 68 %; bands
        are the systematic ones, which all points have in common, unless the bars hold them too, as
        after ``calibrate(errors="total")``. Bins without spectra are left out. If there are none at
        all, it says so.

    Raises
    ------
    ArgumentError
        A range, an edge or a choice is wrong, or the bins are of more than two fields.
    MissingStepError
        The dataset is not calibrated, or lacks the geometry.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> ax = ds.uvis.plot.limb((1450, 1800), by="lat")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('Brightness (kR)', 'Altitude of the tangent point (km)')
    """
    checks.choice("by", by, profiles.By | None)
    checks.choice("xscale", xscale, Scale)
    look = styled(style)
    light = profiles.light(ds, wl_range, method).compute()
    keep = None
    if _ALT in light.dims:
        for name, value in {"edges": edges, "within": within}.items():
            if value is not None:
                raise ArgumentError(f"{name}= is of spectra, and these are bins already")
        found = _of_bins(light, by, altitudes)
    else:
        keep = kept(ds, exclude)
        found = _of_spectra(light, by or "lat", edges, altitudes, within, keep)
    ax = common.new_axes(ax, figsize=_SIZE)
    # How much room a legend has depends on what is around the axes.
    set_label(ax.xaxis, caption("brightness", "kR"))
    set_title(ax, heading(ds, profiles.range_of(light)))
    found.draw(ax, look, look["map"]["cmap"] if cmap is None else cmap, xscale)
    if not np.isfinite(found.means.value).any():
        reason = "no value" if keep is None else profiles.why_empty(light, keep, exclude)
        nothing(ax, reason, look)
        ax.set(xticks=[], yticks=[])
    return ax


@dataclass(frozen=True, eq=False)
class _Profiles:
    """Profiles to draw.

    Attributes
    ----------
    altitudes : ndarray, (alt, 2)
        Edges, km.
    by : str
        The field that tells them apart; "" if there is one alone.
    bounds : ndarray, (profile, 2)
        Edges of its bins.
    means : Means, (profile, alt)
    """

    altitudes: np.ndarray
    by: str
    bounds: np.ndarray
    means: Means

    def draw(self, ax: Axes, look: Style, cmap: str | Colormap, xscale: Scale) -> None:
        ax.set_xscale(xscale)
        middle = self._middle()
        value = self.means.value
        there = np.flatnonzero(np.isfinite(value).any(-1)).tolist()
        if not there:
            ax.set_ylim(middle.min(), middle.max() if middle.size > 1 else middle.min() + 1.0)
            fieldaxis.name_axis(ax.yaxis, "alt")
            return
        # Colours are for what is drawn: a legend names no others, and a bar few.
        few = len(there) <= len(_MARKERS)
        shown = np.arange(len(there)) if few else self.bounds[there[0] : there[-1] + 1]
        found, scale = ordered(shown, cmap, ax.get_facecolor())
        colours = {one: found[k if few else one - there[0]] for k, one in enumerate(there)}
        for place, one in enumerate(there):
            marker = _MARKERS[place % len(_MARKERS)]
            self._draw_one(ax, one, middle, colours[one], marker, look, len(there))
        self._limit(ax, xscale)
        plain_log(ax.xaxis)
        fieldaxis.name_axis(ax.yaxis, "alt")
        self._explain(ax, there, scale, look)
        self._mark_beyond(ax, middle, colours, look)

    def _middle(self) -> np.ndarray:
        low, high = self.altitudes.T
        both = np.isfinite(low) & np.isfinite(high)
        middle: np.ndarray = np.where(
            both, 0.5 * (low + high), np.where(np.isfinite(low), low, high)
        )
        return middle

    def _draw_one(
        self,
        ax: Axes,
        one: int,
        middle: np.ndarray,
        color: str,
        marker: str,
        look: Style,
        number: int,
    ) -> None:
        means = self.means
        value, systematic = means.value[one], means.systematic[one]
        bars = np.nan_to_num([means.lower[one], means.upper[one]])
        points = {**look["points"], "color": color, "marker": marker, "linestyle": "-"}
        if number > len(_MARKERS):
            points["marker"] = "."
        label = self._name(one) if self.by else "mean"
        ax.errorbar(value, middle, xerr=bars, label=label, gid="profile", **points)
        if (systematic > 0).any():
            band = {"color": color, **look["band"]}
            band["alpha"] = min(band.get("alpha") or 1.0, 0.4 / np.sqrt(number))
            ax.fill_betweenx(
                middle, value - systematic, value + systematic, gid="systematic", **band
            )

    def _limit(self, ax: Axes, xscale: Scale) -> None:
        """Limits that the widest error bars do not set."""
        means = self.means
        known = np.isfinite(means.value)
        value, lower, upper = (a[known] for a in (means.value, means.lower, means.upper))
        usual = float(np.percentile(value, _FIT, method="lower"))
        beyond = (value > _TOWERS * usual) & (usual > 0) & (value.size >= _MANY)
        top = value[~beyond]
        ends = value + np.nan_to_num(upper)
        high = max(float(top.max()), float(np.percentile(ends[~beyond], _FIT)))
        starts = value - np.nan_to_num(lower)
        low = min(float(value.min()), float(np.percentile(starts, 100 - _FIT)))
        # Bands have room, unless it is for little else.
        wide = np.nan_to_num(means.systematic[known])
        most = _BANDS * float(np.ptp(top) or abs(high))
        high = max(high, min(float((value + wide)[~beyond].max()), high + most))
        low = min(low, max(float((value - wide).min()), low - most))
        if xscale == "log":
            above = value[value > 0]
            low = float(above.min()) if above.size else 0.1 * abs(high)
            ax.set_xlim(0.7 * low, 1.4 * high if high > low else 10.0 * low)
        else:
            room = (high - min(low, 0.0)) or 1.0
            ax.set_xlim(min(low, 0.0) - (0.03 * room if low < 0 else 0.0), high + 0.06 * room)
            if low < 0:
                ax.axvline(0.0, color="0.6", linewidth=0.6, zorder=0)
        shown = self.altitudes[known.any(0)]
        ends = shown[np.isfinite(shown)]
        ax.set_ylim(ends.min(), ends.max())

    def _mark_beyond(
        self, ax: Axes, middle: np.ndarray, colours: Mapping[int, str], look: Style
    ) -> None:
        """Mark at the edge what lies beyond it, and, hollow, where bars end beyond it."""
        end = ax.get_xlim()[1]
        for one, color in colours.items():
            value = self.means.value[one]
            ends = value + np.nan_to_num(self.means.upper[one])
            for gid, above, face in (
                ("beyond", value > end, color),
                ("bar_beyond", (value <= end) & (ends > end), ax.get_facecolor()),
            ):
                at = middle[above]
                if at.size:
                    mark = {**look["below_zero"], "marker": ">", "color": color}
                    mark["markerfacecolor"] = face
                    (line,) = ax.plot(np.ones(at.size), at, gid=gid, **mark)
                    line.set(transform=ax.get_yaxis_transform(), clip_on=False)

    def _explain(self, ax: Axes, there: list[int], scale: ScalarMappable, look: Style) -> None:
        """Say which profile is which, and what the errors are."""
        handles, labels = ax.get_legend_handles_labels()
        title = caption(SIGHTLINE[self.by].long_name) if self.by else None
        if len(there) > len(_MARKERS):
            handles, labels, title = [], [], None
            colour_bar(scale, ax, SIGHTLINE[self.by].long_name, SIGHTLINE[self.by].units)
        means, grey = self.means, look["no_value"]["color"]
        if (np.nan_to_num(means.upper) > 0).any():
            handles.append(Line2D([], [], color=grey, linewidth=1.0))
            labels.append(means.named())
        if (np.nan_to_num(means.systematic) > 0).any():
            handles.append(Patch(color=grey, alpha=0.4, linewidth=0))
            labels.append("systematic error")
        if handles:
            legend(ax, handles, labels, title)

    def _name(self, one: int) -> str:
        """What a profile is of."""
        low, high = (float(edge) for edge in self.bounds[one])
        if self.by == "lat":
            return degrees_of_latitude(low, high)
        units = unit(SIGHTLINE[self.by].units)
        return f"{low:g}–{high:g}{units if units == '°' else f' {units}'}"


def _of_spectra(
    ds: xr.Dataset,
    by: profiles.By,
    edges: Sequence[float] | np.ndarray | None,
    altitudes: Sequence[float] | np.ndarray | None,
    within: Mapping[str, tuple[float, float]] | None,
    keep: np.ndarray,
) -> _Profiles:
    alt, values = fieldaxis.field(ds, "alt"), fieldaxis.field(ds, by)
    used = keep & profiles.inside(ds, within) & np.isfinite(alt) & np.isfinite(values)
    heights = (
        _usual_altitudes(ds, alt, used)
        if altitudes is None
        else profiles.checked_edges("altitudes", "alt", altitudes)
    )
    up = np.where(used, heights.index(alt), -1)
    used = up >= 0
    sorts = (
        profiles.usual_edges(by, values, used & (alt >= 0), _PROFILES, _LEAST[by])
        if edges is None
        else profiles.checked_edges("edges", by, edges)
    )
    across = np.where(used, sorts.index(values), -1)
    shape = len(sorts), len(heights)
    group = np.where(across >= 0, across * shape[1] + up, -1)
    means = Means.of(ds, group, shape[0] * shape[1]).reshaped(shape)
    return _Profiles(heights.bounds, by, sorts.bounds, means)


def _usual_altitudes(ds: xr.Dataset, alt: np.ndarray, used: np.ndarray) -> Edges:
    """Edges from the limb to as high as it is worth, no finer than pixels."""
    radii = np.asarray(ds.attrs.get("target_radii", (np.inf,)), float)
    high = float(np.max(alt[used], initial=0.0))
    high = min(high, float(radii.mean())) if high > 0 else 1.0
    near = np.where(used & (alt > 0) & (alt < high), alt, np.nan)
    wide = profiles.step(high / _ALTITUDES, profiles.spacing(near))
    number = min(np.ceil(high / wide - 1e-9), _ALTITUDES)
    return Edges("alt", wide * np.arange(max(number, 1) + 1))


def _of_bins(
    ds: xr.Dataset, by: str | None, altitudes: Sequence[float] | np.ndarray | None
) -> _Profiles:
    dims = [str(d) for d in ds["brightness"].dims if d != _ALT]
    if len(dims) > 1:
        raise ArgumentError(
            f"the bins are of alt and of {' and '.join(d.removesuffix('_bin') for d in dims)}: "
            "select one of all but one of these, such as ds.isel("
            f"{dims[0]}=0)"
        )
    other = dims[0].removesuffix("_bin") if dims else ""
    if by is not None and by != other:
        checks.one_of("by", by, [other] if other else [], "a field of the bins, or none")
    heights = ds[f"{_ALT}_bounds"].transpose(_ALT, ...).values
    bounds = ds[f"{dims[0]}_bounds"].transpose(dims[0], ...).values if dims else np.zeros((1, 2))
    means = Means.stored(ds, (*dims, _ALT)).reshaped((bounds.shape[0], heights.shape[0]))
    if altitudes is not None:
        ends = profiles.checked_edges("altitudes", "alt", altitudes).values
        low, high = ends[0], ends[-1]
    else:
        known = heights[np.isfinite(heights).all(-1)]
        high = float(known.max()) if known.size else np.inf
        low = 0.0 if (known[:, 0] >= 0).any() else -np.inf
    drawn = (heights[:, 0] >= low - 1e-9) & (heights[:, 0] < high)
    return _Profiles(heights[drawn], other, bounds, means.at(drawn))
