"""Mean spectra of products from sums over their exposures, which never are in memory together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..dataset.lazy import apart
from ..numerics.poisson import any_missing, missing

#: Elements worked on at once: what is made of them fits in a processor's cache.
_BLOCK = 2**18

#: Sums of whole numbers up to here are exact in float64, in any order.
_EXACT_BITS = 52


@dataclass(frozen=True, eq=False)
class Exposures:
    """The exposures of a product.

    Attributes
    ----------
    place : ndarray of int
        Among those of the dataset.
    seconds : ndarray
        Their integration times.
    """

    place: np.ndarray
    seconds: np.ndarray

    @classmethod
    def of_products(cls, product: np.ndarray, seconds: np.ndarray) -> list[Exposures]:
        """Of all products, by their numbers (pic,) and the integration times (pic,)."""
        places = [np.flatnonzero(product == number) for number in range(product.max() + 1)]
        return [cls(place, seconds[place]) for place in places]

    @property
    def _scale(self) -> int:
        """The power of two by which sums of integration times become whole numbers."""
        return _EXACT_BITS - int(np.frexp(self.seconds.sum())[1])

    def sums(self, counts: xr.Variable) -> Any:
        """What `mean_spectrum` needs of the counts.

        Sums of blocks of exposures are the same to the last bit as those of all at once.

        Parameters
        ----------
        counts : Variable, (pic, pixel, wl)
            Of all exposures.

        Returns
        -------
        ndarray or dask Array, (2, pixel, wl)
            Sum of the counts; integration time of the exposures whose count is missing, in units
            known here. Lazy where the counts are; then each block is read for this alone, and only
            its sums are kept.
        """
        every = self.place.size == counts.sizes["pic"]
        part = counts if every else counts.isel(pic=self.place)
        ticks = np.rint(np.ldexp(self.seconds, self._scale))
        if part.chunks is None:
            return _sums(part.values, ticks)[0]
        import dask.array as da

        data = apart(part, "sums").data
        blocks = da.blockwise(
            *(_sums, "tkpw", data, "tpw", da.from_array(ticks, chunks=(data.chunks[0],)), "t"),
            new_axes={"k": 2},
            adjust_chunks={"t": 1},
            dtype=float,
            meta=np.empty((0, 0, 0, 0)),
        )
        return blocks.sum(0)

    def times(self, lost: np.ndarray) -> np.ndarray:
        """Integration times of the counts that are there, s, by those of the missing ones."""
        # Added up one by one, as all blocks must give the same bits.
        total = self.seconds.cumsum()[-1]
        ticks = np.rint(np.ldexp(self.seconds, self._scale)).sum()
        return np.asarray(np.where(lost > 0, np.ldexp(ticks - lost, -self._scale), total))


def _sums(counts: np.ndarray, ticks: np.ndarray) -> np.ndarray:
    """Sums of counts (pic, pixel, wl) as of `Exposures.sums`, (1, 2, pixel, wl)."""
    sums = np.zeros((1, 2, *counts.shape[1:]))
    for some in _pieces(counts.shape):
        part = counts[some]
        if any_missing(part):
            lost = missing(part)
            sums[0, 1] += np.einsum("t,tpw->pw", ticks[some], lost)
            part = np.where(lost, 0, part)
        sums[0, 0] += part.sum(0, dtype=float)
    return sums


def _pieces(shape: tuple[int, ...]) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, shape[1] * shape[2]))
    for start in range(0, shape[0], step):
        yield slice(start, start + step)


def mean_spectrum(
    sums: np.ndarray, exposures: Exposures, sensitivity: np.ndarray, background: np.ndarray
) -> np.ndarray:
    """Mean spectrum of a product and its standard error, in any unit.

    Rows count by their brightness, so that what is missing in a bright row makes no line.

    Parameters
    ----------
    sums : ndarray, (2, pixel, wl)
        As of `Exposures.sums`.
    exposures : Exposures
    sensitivity : ndarray, (pixel, wl)
    background : ndarray, (pixel, wl)
        count/s.

    Returns
    -------
    ndarray, (2, wl)
    """
    total, lost = sums
    seconds = exposures.times(lost)
    valid = np.isfinite(sensitivity) & (sensitivity > 0) & (seconds > 0)
    net = np.where(valid, total - background * seconds, 0.0)
    light = np.where(valid, sensitivity * seconds, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        profile = np.clip(np.nan_to_num(net.sum(1) / light.sum(1)), 0.0, None)
        used = profile > 0
        scale = profile[used] @ light[used]
        mean = net[used].sum(0) / scale
        noise = np.sqrt(np.maximum(np.where(valid, total, 0.0)[used].sum(0), 1.0)) / scale
    return np.stack([mean, noise])
