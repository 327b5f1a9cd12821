"""The brightness of all spectra in any range of wavelengths, while someone drags its ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import xarray as xr

from ..calibration.stored import Stored, is_stored
from ..errors import MissingStepError
from ..integrals import known_part, span, weights_of
from ..numerics.poisson import missing
from ..plot.axes import SENSITIVE, elements_in
from ..spectra import edges
from .darkness import is_one, per_level

#: Decimals of the ends of a range, angstrom: what is shown is what is taken.
_DECIMALS = 2

#: Elements no further apart than this part of their width touch each other.
_TOUCHING = 1e-3


@dataclass(eq=False)
class Light:
    """Spectra in memory, and sums of them.

    Attributes
    ----------
    ds : Dataset
        Whose spectra they are, with `wl`.
    values : ndarray of float32, (pic, pixel, wl)
        kR/angstrom, or count/s in each element; NaN where there is none.
    known : ndarray of bool, (pixel, wl)
        Which elements any exposure has.
    calibrated : bool
    """

    ds: xr.Dataset
    values: np.ndarray
    known: np.ndarray
    calibrated: bool
    _summed: tuple[np.ndarray, np.ndarray, np.ndarray] | None = field(default=None, init=False)

    @classmethod
    def of(cls, ds: xr.Dataset) -> Light:
        """Of a dataset with radiances, or with counts.

        Raises
        ------
        MissingStepError
            It has neither, or they are no spectra of exposures and pixels.
        """
        name = next((n for n in ("radiance", "counts") if n in ds.data_vars), None)
        if name is None or set(ds[name].dims) != {"pic", "pixel", "wl"}:
            raise MissingStepError(
                "there are no spectra over pic, pixel and wl to explore: start from "
                "uvisxr.open_product, and select with isel(pic=[0]) instead of isel(pic=0)"
            )
        if not ds[name].size or "wl_bounds" not in ds.variables:
            raise MissingStepError(
                "there is no spectrum to explore, or none with wl_bounds: keep exposures, pixels "
                "and the coordinates of uvisxr.open_product"
            )
        array = ds[name].transpose("pic", "pixel", "wl")
        if name == "radiance":
            values = np.asarray(array.values, np.float32)
            return cls(ds, values, np.asarray(np.isfinite(values).any(axis=0)), True)
        if "exposure" not in ds.variables:
            raise MissingStepError("the dataset has no exposure times: start from open_product")
        counts = array.values
        values = counts.astype(np.float32)
        lost = np.asarray(missing(xr.DataArray(counts)))
        values[lost] = np.nan
        seconds = np.broadcast_to(ds["exposure"].values, counts.shape[0])
        values /= seconds.astype(np.float32)[:, None, None]
        known: np.ndarray = ~np.asarray(lost.all(axis=0))
        # What no exposure has was never to be sent, and is no loss.
        values[:, ~known & known.any(axis=1, keepdims=True)] = 0.0
        return cls(ds, values, known, False)

    @property
    def name(self) -> str:
        """What the sums are."""
        return "Brightness" if self.calibrated else "Count rate"

    @property
    def units(self) -> str:
        return "kR" if self.calibrated else "count/s"

    @property
    def span(self) -> tuple[float, float]:
        """First and last edge, angstrom."""
        return span(self.ds)

    def usual(self) -> tuple[float, float]:
        """Where the channel is sensitive, as far as the dataset goes."""
        low, high = self.span
        wanted = SENSITIVE.get(str(self.ds.attrs.get("channel", "")), (low, high))
        return self.taken(*wanted)

    def taken(self, low: float, high: float) -> tuple[float, float]:
        """The range nearest to a wanted one over which the rows have values, angstrom."""
        first, last = self.span
        low, high = sorted((min(max(low, first), last), min(max(high, first), last)))
        ends = np.sort(edges(self.ds), axis=1)
        if self.calibrated:
            low, high = _within_run(ends, low, high)
        if not ((ends[:, 0] >= low) & (ends[:, 1] <= high)).any():
            # Narrower than an element: that in which its middle lies.
            at = np.abs(ends.mean(axis=1) - (low + high) / 2).argmin()
            low, high = (float(end) for end in ends[at])
        if self.calibrated and self.known.any():
            low, high = known_part(self.ds, self.known, low, high)
        scale = 10.0**_DECIMALS
        inward = np.ceil(low * scale) / scale, np.floor(high * scale) / scale
        return (float(inward[0]), float(inward[1])) if inward[0] < inward[1] else (low, high)

    def brightness(self, wl_range: tuple[float, float], level: float = 0.0) -> np.ndarray:
        """That of all spectra in a range, (pic, pixel).

        Parameters
        ----------
        wl_range : (float, float)
            As of `taken`.
        level : float
            By how much the background is higher than that of the dataset, count/s per detector
            pixel.
        """
        if self.calibrated:
            weights = weights_of(self.ds, wl_range)
        else:
            # Counts are summed in whole elements.
            weights = elements_in(self.ds, *wl_range).astype(float)
        used = np.flatnonzero(weights)
        part = slice(int(used[0]), int(used[-1]) + 1)
        some = self.values[..., part]
        if not weights[part].all():
            some = np.where(weights[part] > 0, some, np.float32(0.0))
        found = (some @ weights[part].astype(np.float32)).astype(float)
        if level and self.has_level:
            found -= level * np.nan_to_num(self.per_level[:, part]) @ weights[part]
        return found

    def mean(self, some: np.ndarray, level: float = 0.0) -> np.ndarray:
        """Plain mean of some spectra, bool (pic, pixel), (wl,); NaN where none has a value.

        `level` as of `brightness`.
        """
        total, number = self._sums(some)
        with np.errstate(invalid="ignore"):
            found = np.asarray(total / np.where(number, number, np.nan))
        if not (level and self.has_level):
            return found
        known = np.isfinite(self.per_level) & self.known
        weights = np.where(known, some.sum(axis=0)[:, None], 0)
        dark = (weights * np.where(known, self.per_level, 0.0)).sum(axis=0)
        return np.asarray(found - level * dark / np.maximum(weights.sum(axis=0), 1))

    def _sums(self, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum of some spectra and how many values it has, from those asked for last."""
        none = np.zeros_like(some)
        last, total, number = self._summed or (none, np.zeros(0), np.zeros(0, int))
        if np.count_nonzero(last != some) >= np.count_nonzero(some):
            size = self.values.shape[2]
            last, total, number = none, np.zeros(size), np.zeros(size, int)
        for sign, changed in ((1, some & ~last), (-1, last & ~some)):
            for pic in np.flatnonzero(changed.any(axis=1)):
                part = self.values[pic][changed[pic]]
                finite = np.isfinite(part)
                number = number + sign * finite.sum(axis=0)
                total = total + sign * part.sum(axis=0, dtype=float, where=finite)
        self._summed = some.copy(), total, number
        return total, number

    def dark(self, some: np.ndarray, level: float) -> np.ndarray:
        """What a background takes off the weighted mean of some spectra, (wl,).

        Parameters
        ----------
        some : ndarray of bool, (pic, pixel)
        level : float
            count/s per detector pixel.
        """
        if not (level and self.has_level):
            return np.zeros(self.values.shape[2])
        # Weights of the mean are exposure times sensitivity.
        seconds = np.broadcast_to(self.ds["exposure"].values, some.shape[0])
        weights = (seconds @ some)[:, None] * self._response
        known = np.isfinite(self.per_level) & (weights > 0)
        total = np.where(known, weights, 0.0).sum(axis=0)
        dark = np.where(known, weights * np.where(known, self.per_level, 0.0), 0.0).sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.asarray(level * dark / np.where(total > 0, total, np.nan))

    @cached_property
    def _response(self) -> np.ndarray:
        """Sensitivity at the first exposure, (pixel, wl)."""
        return np.asarray(Stored.of(self.ds).light()[0][0])

    @property
    def has_level(self) -> bool:
        """Whether the background can be another: whether the counts can be calibrated anew."""
        one = is_one(self.ds) or "background" not in self.ds.variables
        return self.calibrated and one and is_stored(self.ds)

    @cached_property
    def per_level(self) -> np.ndarray:
        """What a background of one count/s per detector pixel takes off, (pixel, wl)."""
        return per_level(self.ds)


def _within_run(ends: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """The part of a range in those elements without a gap that have most of it.

    Parameters
    ----------
    ends : ndarray, (wl, 2)
        Edges of the elements, the lower first.
    low, high : float
        In the same unit.
    """
    ends = ends[np.argsort(ends[:, 0])]
    gaps = np.flatnonzero(ends[1:, 0] - ends[:-1, 1] > _TOUCHING * (ends[1:, 1] - ends[1:, 0]))
    first, last = ends[np.r_[0, gaps + 1], 0], ends[np.r_[gaps, len(ends) - 1], 1]
    at = (np.minimum(last, high) - np.maximum(first, low)).argmax()
    a, b = float(first[at]), float(last[at])
    return min(max(low, a), b), min(max(high, a), b)
