"""What keograms and limb profiles share: brightness, bins of a field, and means with errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from .. import checks
from ..bins.binning import bin as binned
from ..bins.edges import Edges
from ..calibration.stored import holds_total
from ..dataset.bits import QualityFlag
from ..dataset.checking.sightlines import lack_pointing
from ..dataset.fields import SIGHTLINE, sightline
from ..drawing.texts import angstroms, why_left_out, why_nothing
from ..errors import ArgumentError
from ..integrals import brightness, integrate
from ..numerics.along_wl import Integration
from . import axes as common
from .fieldaxis import differences, field

#: Fields that spectra are sorted by.
By = Literal["lt", "lat", "lon", "sza"]

#: Round widths of bins: of hours and degrees, and of others times powers of ten.
_WIDTHS = {
    "hour": (0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0),
    "degree": (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 90.0),
}
_ROUND = (1.0, 2.0, 5.0, 10.0)

#: Height of the band of a point without neighbours, points.
_ALONE = 7.0

#: Share of neighbours that lie no further apart than bins are wide, percent.
_MOST = 80


def light(
    ds: xr.Dataset, wl_range: tuple[float, float] | None, method: Integration = "bins"
) -> xr.Dataset:
    """The dataset with the `brightness` of a range, by default where the channel is sensitive.

    Raises
    ------
    MissingStepError
        It is not calibrated.
    ArgumentError
        The range is not within the dataset's.
    """
    checks.choice("method", method, Integration)
    if "brightness" in ds.data_vars and "radiance" not in ds.data_vars:
        brightness(ds, wl_range, method)
        return ds
    if wl_range is None and "radiance" in ds.variables:
        usual = common.SENSITIVE.get(ds.attrs.get("channel", ""), (0.0, np.inf))
        wl_range = common.held(ds, usual, method)
    return integrate(ds, wl_range, method)


def range_of(ds: xr.Dataset) -> str:
    """The wavelengths of a brightness, for a title."""
    return angstroms(brightness(ds).attrs.get("wl_range"))


def inside(ds: xr.Dataset, within: Mapping[str, tuple[float, float]] | None) -> np.ndarray:
    """Spectra whose fields lie within the given ranges, bool (pic, pixel).

    Raises
    ------
    ArgumentError
        It is no mapping of fields to ranges.
    MissingStepError
        The dataset has no such field.
    """
    chosen = np.ones((ds.sizes["pic"], ds.sizes["pixel"]), bool)
    if within is None:
        return chosen
    if not isinstance(within, Mapping):
        raise checks.refused("within", within, 'fields and ranges, such as {"lat": (60, 90)}')
    for name, ends in within.items():
        known = sightline(name, "within")
        pair = checks.pair(f"within[{name!r}]", ends, "ends of a range", known.period is None)
        chosen &= Edges(name, pair).index(field(ds, name)) >= 0
    return chosen


def checked_edges(name: str, of: str, edges: Sequence[float] | np.ndarray) -> Edges:
    """Edges of bins along a field, as users give them."""
    what = f"edges of bins of {of}, ascending"
    given = checks.numbers(name, edges, what)
    try:
        return Edges(of, given)
    except ArgumentError as error:
        raise checks.refused(name, edges, what) from error


def step(most: float, least: float, units: str | None = None) -> float:
    """A round width of bins, of which one is at least `least`; `most` if it is larger."""
    wanted = max(most, least, 1e-9)
    if units in _WIDTHS:
        widths: Sequence[float] = _WIDTHS[units]
    else:
        power = 10.0 ** np.floor(np.log10(wanted))
        widths = [float(power * one) for one in _ROUND]
    return next((one for one in widths if one >= 0.999 * wanted), widths[-1])


def spacing(values: np.ndarray, period: float | None = None) -> float:
    """How far most neighbours along the slit lie apart at most; 0 of a single pixel."""
    apart = differences(values, 1, period)
    known = np.abs(apart[np.isfinite(apart)])
    return float(np.percentile(known, _MOST)) if known.size else 0.0


def usual_edges(
    name: str, values: np.ndarray, used: np.ndarray, number: int, least: float = 0.0
) -> Edges:
    """Round edges of about a number of bins of a field, but none finer than pixels.

    Parameters
    ----------
    name : str
    values : ndarray, (pic, pixel)
    used : ndarray of bool, (pic, pixel)
        Spectra that count.
    number : int
        The most that there should be.
    least : float
        Width of a bin, the smallest.
    """
    known = SIGHTLINE[name]
    some = values[used & np.isfinite(values)]
    low, high = (float(some.min()), float(some.max())) if some.size else (0.0, known.period or 90.0)
    if known.period is not None and high - low > 0.5 * known.period:
        low, high = 0.0, known.period
    apart = spacing(np.where(used, values, np.nan), known.period)
    wide = step(max((high - low) / number, least), apart, known.units)
    first, last = np.floor(low / wide + 1e-9), np.ceil(high / wide - 1e-9)
    edges = wide * np.arange(first, max(last, first + 1) + 1)
    return Edges(name, np.clip(edges, -90.0, 90.0) if name.startswith("lat") else edges)


def why_empty(
    ds: xr.Dataset, keep: np.ndarray, exclude: QualityFlag | Iterable[QualityFlag]
) -> str:
    """Why there is nothing to draw of a dataset with `brightness` and the spectra to `keep`."""
    known = np.isfinite(ds["brightness"].transpose("pic", "pixel").values)
    if not known.any():
        return why_nothing(ds)
    if not (known & keep).any():
        return why_left_out(ds, exclude)
    return "no pointing" if lack_pointing(ds) else "no spectrum in any bin"


def draw_common(
    ax: Axes,
    at: np.ndarray,
    value: np.ndarray,
    error: np.ndarray,
    color: str,
    look: Mapping[str, Any],
) -> None:
    """Draw the error that all values at some places upwards have in common, as a band.

    That of a value without a neighbour, of which a band would have no height, is a thick bar.
    """
    if not (error > 0).any():
        return
    low, high = value - error, value + error
    ax.fill_betweenx(at, low, high, gid="systematic", **{"color": color, **look})
    known = np.isfinite(low)
    beside = np.append(known[1:], False) | np.append(False, known[:-1])
    alone = known & ~beside
    if alone.any():
        bar = {"color": color, **look, "linewidth": _ALONE}
        ax.hlines(
            at[alone], low[alone], high[alone], gid="systematic_alone", capstyle="butt", **bar
        )


def unwrapped(edges: Edges) -> np.ndarray:
    """Edges that ascend, beyond the end of the circle if need be."""
    if edges.period is None:
        return edges.values
    steps = np.diff(edges.values)
    steps = np.where(np.abs(steps) == edges.period, edges.period, steps % edges.period)
    return np.asarray(edges.values[0] + np.concatenate([[0.0], np.cumsum(steps)]))


@dataclass(frozen=True, eq=False)
class Means:
    """Mean brightnesses of groups of spectra, kR; NaN of groups without any.

    Attributes
    ----------
    value, lower, upper, systematic : ndarray, (group,)
        With the statistical errors, and the common one; zeros where none are known.
    total : bool
        Whether `lower` and `upper` hold the common error too; `systematic` is zero then.
    """

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    systematic: np.ndarray
    total: bool = dataclasses.field(default=False, kw_only=True)

    @classmethod
    def of(cls, ds: xr.Dataset, group: np.ndarray, number: int) -> Means:
        """Those of a dataset with `brightness` and the group of each spectrum, -1 for none."""
        found = {name: np.full(number, np.nan) for name in _NAMES}
        there = np.unique(group[group >= 0])
        if there.size:
            template = xr.DataArray(group, dims=("pic", "pixel"))
            template = template.assign_coords(pic=ds["pic"], pixel=ds["pixel"])
            groups = [template == one for one in there]
            mean = binned(ds.reset_coords(_others(ds), drop=True), pixels=groups, exclude=())
            for name in _NAMES:
                found[name][there] = mean[name].values if name in mean.variables else 0.0
        return cls(*found.values())._told(ds)

    @classmethod
    def stored(cls, ds: xr.Dataset, dims: tuple[str, ...]) -> Means:
        """Those that bins hold already, along some dimensions."""
        value = ds["brightness"].transpose(*dims).values
        errors = (
            ds[name].transpose(*dims).values if name in ds.variables else np.zeros(value.shape)
            for name in _NAMES[1:]
        )
        return cls(value, *errors)._told(ds)

    def _told(self, ds: xr.Dataset) -> Means:
        """Those of a dataset, which says what its errors are."""
        if not holds_total(ds):
            return self
        return replace(self, systematic=np.zeros_like(self.systematic), total=True)

    def named(self) -> str:
        """What `lower` and `upper` are."""
        return "total error" if self.total else "statistical error"

    def reshaped(self, shape: tuple[int, ...]) -> Means:
        """The same in another shape."""
        return replace(self, **{name: getattr(self, name).reshape(shape) for name in _PARTS})

    def at(self, places: np.ndarray) -> Means:
        """Those at some places along the last axis."""
        return replace(self, **{name: getattr(self, name)[..., places] for name in _PARTS})


_PARTS = ("value", "lower", "upper", "systematic")
_NAMES = ("brightness", "brightness_lower", "brightness_upper", "brightness_systematic")


def _others(ds: xr.Dataset) -> list[str]:
    """Coordinates whose means nobody asks for."""
    needed = {"pic", "pixel", "quality", "exposure", "wl", "wl_bounds", *ds.dims}
    return [
        str(name) for name in ds.coords if name not in needed and not str(name).startswith("bright")
    ]
