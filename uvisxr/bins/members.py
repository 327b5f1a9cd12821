"""Which spectra lie in which bin, and what many of them have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import gammaln

#: Members of a run: so few that sums in single precision are good to 1e-6 even where the same
#: rounding repeats, as among spectra without a count.
RUN = 32

#: Values of one array stacked at a time: 1 MB in single precision.
_BLOCK = 2**18


@dataclass(frozen=True, eq=False)
class Members:
    """Which spectra lie in which bin.

    Attributes
    ----------
    spectrum, place : ndarray of int, (member,)
        Spectrum and bin of each member, bins ascending. A spectrum may be in several bins.
    n_bins : int
    """

    spectrum: np.ndarray
    place: np.ndarray
    n_bins: int

    @classmethod
    def of(cls, spectrum: np.ndarray, place: np.ndarray, n_bins: int) -> Members:
        """Members in any order."""
        order = np.lexsort((spectrum, place))
        return cls(spectrum[order], place[order], n_bins)

    @property
    def count(self) -> np.ndarray:
        """Members of each bin, (bin,)."""
        return np.bincount(self.place, minlength=self.n_bins)

    def matrix(self, n_spectra: int) -> csr_array:
        """Matrix (bin, spectrum) of ones where a spectrum is a member."""
        start = np.concatenate([[0], np.cumsum(self.count)])
        ones = np.ones(self.spectrum.size)
        return csr_array((ones, self.spectrum, start), shape=(self.n_bins, n_spectra))

    def within(self, first: int, stop: int) -> Members:
        """Those among the spectra first..stop-1, numbered from `first`."""
        here = (self.spectrum >= first) & (self.spectrum < stop)
        return Members(self.spectrum[here] - first, self.place[here], self.n_bins)

    def blocks(self, n_wl: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Bins of equally many members, (bin,), and their spectra, (bin, member).

        N members have at most sqrt(2 N) different counts, so these are few however many the bins.
        """
        count = self.count
        start = np.cumsum(count) - count
        for n in np.unique(count):
            bins = np.flatnonzero(count == n)
            size = max(1, _BLOCK // (max(1, min(n, RUN)) * n_wl))
            for first in range(0, bins.size, size):
                some = bins[first : first + size]
                yield some, self.spectrum[start[some, None] + np.arange(n)]


@dataclass(frozen=True, eq=False)
class Shared:
    """A quantity of spectra that many of them have in common, but for a factor.

    Attributes
    ----------
    planes : ndarray of float32, (row, wl) or (row, 1)
    row : ndarray of int, (spectrum,)
        Row of each spectrum.
    factor : ndarray, (spectrum,)
    """

    planes: np.ndarray
    row: np.ndarray
    factor: np.ndarray

    @classmethod
    def along_wl(cls, values: np.ndarray) -> Shared:
        """One value for all wavelengths of each spectrum (pic, pixel)."""
        return cls(np.ones((1, 1), np.float32), np.zeros(values.size, int), values.ravel())

    @classmethod
    def of_each(cls, values: np.ndarray) -> Shared:
        """Values (spectrum, wl) that each spectrum has for itself."""
        return cls(values, np.arange(len(values)), np.ones(len(values)))

    def within(self, spectra: slice, columns: slice) -> Shared:
        """That of some spectra, at some wavelengths."""
        planes = self.planes if self.planes.shape[1] == 1 else self.planes[:, columns]
        return Shared(planes, self.row[spectra], self.factor[spectra])

    def of(self, spectra: np.ndarray) -> np.ndarray:
        """Values (..., wl) of spectra (...)."""
        values: np.ndarray = self.planes.take(self.row[spectra], axis=0)
        values *= self.factor[spectra][..., None]
        return values


def c4(n: np.ndarray) -> np.ndarray:
    """Mean of the standard deviation of n normal values over the true one; NaN below two.

    sqrt(2 / (n - 1)) Gamma(n / 2) / Gamma((n - 1) / 2), by log-gamma so that large n do not
    overflow (Cramer 1946, Mathematical Methods of Statistics, 29.3).
    """
    n = np.where(np.asarray(n) > 1, n, np.nan)
    return np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))
