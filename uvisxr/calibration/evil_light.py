"""What evil pixels counted, and the light that fell on them as the elements around tell it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..instrument.channel import N_BANDS, N_LINES
from ..instrument.detector import Bins
from ..numerics.neighbours import light_of
from .response import CONSTANT

#: Scatter of single pixels that is supposed before it is measured.
_TYPICAL = 0.2

#: Pixels, measured without noise, as which it counts.
_PIXELS = 10.0

#: Rows by which an error from counts and scatter alone counts, against that from all rows.
_ROWS = 10.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """What evil pixels counted, and what they would have counted if they were good.

    Attributes
    ----------
    found : ndarray, (pixel, wl)
        Counts of elements, less those of the good pixels in them; 0 in elements without evil ones.
    expected : ndarray, (pixel, wl)
        Counts that the evil pixels would have if they were good; negative where a background is
        larger than the counts, 0 where nothing is known.
    variance : ndarray, (pixel, wl)
        Of `found`, independent from element to element: of counts, and of light that differs from
        what the elements around tell.
    common : ndarray, (3, pixel, wl)
        Error of `found` that elements share: by their columns, from the mean spectrum and from
        light that is uneven between the columns of an element; by their rows, from light that is
        uneven between these.
    number : ndarray, (pixel, wl)
        Evil pixels in each element, over which their scatter averages.
    """

    found: np.ndarray
    expected: np.ndarray
    variance: np.ndarray
    common: np.ndarray
    number: np.ndarray

    @property
    def single(self) -> np.ndarray:
        """Variance of each element by itself, (pixel, wl)."""
        # What the spectrum is wrong by is in the misfit of the elements around, too.
        return np.asarray(self.variance + (self.common[1:] ** 2).sum(0))

    def of(self, columns: np.ndarray) -> tuple[float, float, float]:
        """Response of all evil pixels in some columns (wl,), its error, and their scatter."""
        found, expected = (a[:, columns].sum(1) for a in (self.found, self.expected))
        known = (self.expected != 0) & columns
        rows = known.any(1)
        whole = expected.sum()
        if rows.sum() < 2 or whole <= 0:
            return np.nan, np.inf, 0.0
        response = found.sum() / whole
        own, single = self.expected[known], self.single[known]
        excess = (self.found[known] - response * own) ** 2 - single
        of_scatter = own**2 / self.number[known]
        weight = of_scatter / (single + _TYPICAL**2 * of_scatter) ** 2
        # The typical scatter counts as some pixels: little light must not tell of none.
        squares = (weight * excess).sum() + _PIXELS / _TYPICAL**2
        squares /= (weight * of_scatter).sum() + _PIXELS / _TYPICAL**4
        scatter = np.sqrt(np.clip(squares, 0.0, 1.0))
        # The jackknife over rows sees what the pixels of a row have in common; of a few rows, or of
        # one that outshines all others, it tells too little. Each counts by the rows behind it.
        with np.errstate(divide="ignore"):
            left = (found.sum() - found[rows]) / (whole - expected[rows])
        squares = (rows.sum() - 1) / rows.sum() * ((left - left.mean()) ** 2).sum()
        many = whole**2 / (expected**2).sum()
        variance = max(self.variance[:, columns].sum(), 1.0) + scatter**2 * of_scatter.sum()
        *by_column, by_row = self.common[..., columns]
        shared = (np.sum(by_column, axis=1) ** 2).sum() + (by_row.sum(1) ** 2).sum()
        squares = (many * squares + _ROWS * variance / whole**2) / (many + _ROWS)
        error = np.sqrt(squares + shared / whole**2)
        return float(response), float(error), float(scatter)


def halves(bins: Bins) -> np.ndarray:
    """-1 in the first and 1 in the second detector column of bins of two, and for rows.

    Returns
    -------
    ndarray, (2, 64, 1024)
        0 in bins of one.
    """
    frames = []
    for first, count, size in (
        (bins.band, bins.n_band, N_BANDS),
        (bins.line, bins.n_line, N_LINES),
    ):
        half = np.zeros(size)
        half[first[count == 2]] = -1
        half[first[count == 2] + 1] = 1
        frames.append(half)
    shape = (N_LINES, N_BANDS)
    return np.stack([np.broadcast_to(frames[0], shape), np.broadcast_to(frames[1][:, None], shape)])


def evidence_of(
    counts: np.ndarray,
    light: np.ndarray,
    dark: np.ndarray,
    number: np.ndarray,
    used: np.ndarray,
    bins: Bins,
) -> Evidence:
    """Compare elements with evil pixels with those around them.

    Parameters
    ----------
    counts : ndarray, (pixel, wl)
        Sum over exposures.
    light : ndarray, (4, pixel, wl)
        Counts per radiance in each element, were all pixels good: of its good pixels, of its evil
        ones, and of these again with the signs of `halves`.
    dark : ndarray, (pixel, wl)
        Counts of the background.
    number : ndarray, (pixel, wl)
        Evil pixels in each element.
    used : ndarray of bool, (pixel,)
        Pixels to use.
    bins : Bins
        In any order, with gaps or without.

    Returns
    -------
    Evidence
    """
    of_good, of_evil, *lean = light
    used = used[:, None] & (of_good + of_evil > 0)
    clean = used & (number == 0)
    step = np.array([bins.n_line.max(), bins.n_band.max()])
    rows, columns = ((a - a.min()) // n for a, n in zip((bins.line, bins.band), step, strict=True))
    place = np.ix_(rows, columns)

    def on_grid(a: np.ndarray) -> np.ndarray:
        grid = np.zeros((rows.max() + 1, columns.max() + 1))
        grid[place] = np.where(clean, a, 0.0)
        return grid

    terms = light_of(on_grid(counts - dark), on_grid(of_good + of_evil), on_grid(dark), step)
    radiance, unsure, of_spectrum, *slopes = (a[place] for a in terms)
    known = used & (number > 0) & np.isfinite(radiance)
    good, bad, *lean = (np.where(known, radiance * a, 0.0) for a in (of_good, of_evil, *lean))
    common = []
    for one, slope, error in zip(lean, slopes[::2], slopes[1::2], strict=True):
        more = np.where(known, slope * one, 0.0)
        good, bad = good - more, bad + more
        common.append(np.where(known, (1 - CONSTANT) * error * one, 0.0))
    lit = np.maximum(good + CONSTANT * bad, 0.0)
    variance = np.where(known, dark + lit + unsure * lit**2, 0.0)
    found = np.where(known, counts - dark - good, 0.0)
    common = [np.where(known, np.sqrt(of_spectrum) * lit, 0.0), *common]
    return Evidence(found, bad, variance, np.stack(common), number)
