"""Limb profiles: brightness against tangent altitude, with errors, by latitude or another field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from .. import calls, checks
from ..bins.edges import Edges
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
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
    tied,
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

#: The most profiles that have bars and bands of errors.
_WITH_ERRORS = 5

#: Share of the points, percent, that a few do not set the limits above.
_FIT = 95

#: How far above what that share does not exceed a point alone is marked at the edge instead, in
#: ranges of the share, and at least what ratio to it.
_TOWERS, _RATIO = 1.0, 1.5

#: Most of the room that errors take beyond the points, as a share of theirs.
_ERRORS = 0.5

#: Distance of triangles from the edge, and of those at one altitude from one another, points.
_INWARD = 4.0

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
        after ``calibrate(errors="total")``; more than 5 profiles have neither. Triangles are in
        place of a point that towers above all others, as a star does, and open ones where a bar
        ends beyond the axes; the title says so. Bins without spectra are left out. If there are
        none at all, it says so.

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
    title = partial(heading, ds, profiles.range_of(light), by=("alt",))
    set_title(ax, title())
    found.draw(ax, look, look["map"]["cmap"] if cmap is None else cmap, xscale, title)
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

    def draw(
        self,
        ax: Axes,
        look: Style,
        cmap: str | Colormap,
        xscale: Scale,
        title: Callable[..., str],
    ) -> None:
        """Draw them, and write the title, which says what lies beyond the axes."""
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
        errors = len(there) <= _WITH_ERRORS
        self._limit(ax, xscale, errors)
        plain_log(ax.xaxis)
        fieldaxis.name_axis(ax.yaxis, "alt")
        set_title(ax, title(self._told(ax, errors)))
        self._explain(ax, there, scale, look, errors)
        self._mark_beyond(ax, middle, colours, look, errors)
        # Room that is made for a legend may have taken some in.
        set_title(ax, title(self._told(ax, errors)))

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
        errors = number <= _WITH_ERRORS
        ax.errorbar(
            value, middle, xerr=bars if errors else None, label=label, gid="profile", **points
        )
        if errors:
            band = dict(look["band"])
            band["alpha"] = min(band.get("alpha") or 1.0, 0.4 / np.sqrt(number))
            profiles.draw_common(ax, middle, value, systematic, color, band)

    def _limit(self, ax: Axes, xscale: Scale, errors: bool) -> None:
        """Limits that neither a star nor the widest errors set."""
        means = self.means
        known = np.isfinite(means.value)
        value, alone = means.value[known], _towering(means.value)[known]
        low, high = float(value.min()), float(value[~alone].max())
        if errors:
            parts = (means.lower, means.upper, means.systematic)
            lower, upper, wide = (np.nan_to_num(a[known]) for a in parts)
            # Errors have room, unless it is for little else.
            most = _ERRORS * float(np.ptp(value[~alone]) or abs(high))
            ends, starts = value + np.maximum(upper, wide), value - np.maximum(lower, wide)
            low = max(float(starts.min()), low - most)
            high = min(float(ends[~alone].max()), high + most)
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

    def _beyond(self, ax: Axes, errors: bool) -> tuple[np.ndarray, np.ndarray]:
        """Where points and where bars of others end beyond the axes, bool (profile, alt)."""
        end, value = ax.get_xlim()[1], self.means.value
        reached = value + np.nan_to_num(self.means.upper) if errors else value
        return value > end, (value <= end) & (reached > end)

    def _told(self, ax: Axes, errors: bool) -> str:
        """What the title says of triangles."""
        points, bars = (which.any() for which in self._beyond(ax, errors))
        if points:
            return tied("triangles: off the scale")
        if bars:
            return tied("open triangles: errors off the scale")
        return "" if errors else tied("errors not drawn")

    def _mark_beyond(
        self, ax: Axes, middle: np.ndarray, colours: Mapping[int, str], look: Style, errors: bool
    ) -> None:
        """Mark at the edge what lies beyond it, and, hollow, where bars end beyond it.

        Those at one altitude stand side by side.
        """
        points, bars = self._beyond(ax, errors)
        scale = cast(Figure, ax.get_figure(root=True)).dpi_scale_trans
        step = np.cumsum(points | bars, axis=0) * (_INWARD + look["below_zero"]["markersize"])
        for one, color in colours.items():
            for gid, above, face in (
                ("beyond", points[one], color),
                ("bar_beyond", bars[one], ax.get_facecolor()),
            ):
                mark = {**look["below_zero"], "marker": ">", "color": color}
                mark["markerfacecolor"] = face
                for inward in np.unique(step[one, above]):
                    at = middle[above & (step[one] == inward)]
                    (line,) = ax.plot(np.ones(at.size), at, gid=gid, zorder=3, **mark)
                    moved = ScaledTranslation(-(inward - _INWARD) / 72.0, 0.0, scale)
                    line.set_transform(ax.get_yaxis_transform() + moved)

    def _explain(
        self, ax: Axes, there: list[int], scale: ScalarMappable, look: Style, errors: bool
    ) -> None:
        """Say which profile is which, and what the errors are."""
        handles, labels = ax.get_legend_handles_labels()
        title = caption(SIGHTLINE[self.by].long_name) if self.by else None
        if len(there) > len(_MARKERS):
            handles, labels, title = [], [], None
            colour_bar(scale, ax, SIGHTLINE[self.by].long_name, SIGHTLINE[self.by].units)
        means, grey = self.means, look["no_value"]["color"]
        if errors and (np.nan_to_num(means.upper) > 0).any():
            handles.append(Line2D([], [], color=grey, linewidth=1.0))
            labels.append(means.named())
        if errors and (np.nan_to_num(means.systematic) > 0).any():
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


def _towering(value: np.ndarray) -> np.ndarray:
    """Points that rise far above all others, and in their profile alone: bool (profile, alt)."""
    some = value[np.isfinite(value)]
    low, usual = np.percentile(some, (100 - _FIT, _FIT), method="lower")
    if some.size < _MANY or usual <= 0:
        return np.zeros(value.shape, bool)
    high = (value > usual + _TOWERS * (usual - low)) & (value > _RATIO * usual)
    aside = np.pad(high, ((0, 0), (1, 1)))
    # A layer that glows is as high as several bins, or there would be no telling it from a star.
    alone: np.ndarray = high & ~(aside[:, :-2] | aside[:, 2:])
    return alone


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
