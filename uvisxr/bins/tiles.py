"""Mean spectra of one selection after another, most of whose spectra are in others too: sums over
tiles of exposures are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import xarray as xr

from .. import options
from . import statistics
from .binning import calibration, measured
from .members import Members

#: Exposures of a tile, at one pixel. Deeper ones take less memory, 100 kB each of 1,024
#: wavelengths, a tenth of its spectra, and leave more of these to be summed one by one at the ends
#: of a selection.
_DEEP = 64


class Means:
    """Statistics of the spectra of any selection of a dataset, as `bin` has them.

    Parameters
    ----------
    ds : Dataset
        With `radiance` (pic, pixel, wl), in memory.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        found = measured(ds, "radiance", *calibration(ds), "expected")
        n_pic, n_pixel, n_wl = (ds.sizes[dim] for dim in ("pic", "pixel", "wl"))
        arrays = {name: np.asarray(a) for name, a in found.arrays.items()}
        self._given = statistics.parted(arrays, found.shared)
        self._aggregation = found.aggregation
        self._lock = threading.Lock()
        self._first = np.arange(0, n_pic, _DEEP)
        shape = self._first.size, n_pixel
        # The spectra whose sums are kept, those sums (term, tile, wl), and whether they are finite.
        self._kept = np.zeros((n_pic, n_pixel), bool)
        self._sums = np.zeros((len(self._aggregation.terms), shape[0] * n_pixel, n_wl))
        self._finite = np.zeros(shape, bool)

    def of(self, masks: Sequence[np.ndarray], usable: np.ndarray) -> dict[str, np.ndarray]:
        """Statistics of the spectra of each mask, those of `bin` up to rounding.

        Parameters
        ----------
        masks : sequence of ndarray of bool, (pic, pixel)
        usable : ndarray of bool, (pic, pixel)
            The spectra that others are likely to hold: sums are kept of tiles that hold all of
            these.

        Returns
        -------
        dict of str to ndarray, (mask, wl)
            As `statistics.statistics`.
        """
        with self._lock:
            whole = [self._any(mask) & ~self._any(mask != usable) for mask in masks]
            self._keep(np.logical_or.reduce(whole), usable)
            added, rest = [], []
            for mask, full in zip(masks, whole, strict=True):
                full &= self._finite
                added.append(self._added(full.ravel()))
                rest.append(np.flatnonzero(mask & ~self._spectra(full)))
        place = np.repeat(np.arange(len(rest)), [len(s) for s in rest])
        sums = self._summed(np.concatenate(rest), place, len(rest)) + np.stack(added, axis=1)
        found = self._aggregation.finish(sums)
        return dict(zip(self._aggregation.statistics, found, strict=True))

    def prepare(self, usable: np.ndarray) -> None:
        """Keep all sums of usable spectra, some at a time: whoever asks meanwhile waits for few."""
        for first in self._first:
            some = np.zeros_like(usable)
            some[first : first + _DEEP] = usable[first : first + _DEEP]
            self.of([some], usable)

    def _keep(self, tiles: np.ndarray, usable: np.ndarray) -> None:
        """Have the sums of what is usable in some tiles, bool (block, pixel)."""
        new = tiles & self._any(self._kept != usable)
        if not new.any():
            return
        number = np.cumsum(new.ravel()).reshape(new.shape) - 1
        pic, pixel = np.nonzero(self._spectra(new) & usable)
        place = number[pic // _DEEP, pixel]
        sums = self._summed(pic * usable.shape[1] + pixel, place, number.max() + 1)
        finite = np.isfinite(sums).all(axis=(0, 2))
        # What is left out is taken none times, which of an infinity would be no number.
        sums[:, ~finite] = 0.0
        # Whoever interrupts this leaves no sums that are taken for those of other spectra.
        self._finite[new] = False
        self._sums[:, new.ravel()] = sums
        self._kept = np.where(self._spectra(new), usable, self._kept)
        self._finite[new] = finite

    def _added(self, tiles: np.ndarray) -> np.ndarray:
        """What some tiles, bool (tile,), have together, (term, wl)."""
        at = np.flatnonzero(tiles)
        part = slice(at[0], at[-1] + 1) if at.size else slice(0)
        return np.asarray(tiles[part].astype(float) @ self._sums[:, part])

    def _any(self, mask: np.ndarray) -> np.ndarray:
        """Whether tiles hold any spectrum of a mask, bool (block, pixel)."""
        return np.asarray(np.logical_or.reduceat(mask, self._first))

    def _spectra(self, tiles: np.ndarray) -> np.ndarray:
        """The spectra in some tiles, bool (pic, pixel)."""
        return np.repeat(tiles, _DEEP, axis=0)[: len(self._kept)]

    def _summed(self, spectrum: np.ndarray, place: np.ndarray, n_bins: int) -> np.ndarray:
        """Sums over spectra in bins, (term, bin, wl)."""
        members = Members.of(spectrum, place, n_bins)
        return self._aggregation.over(
            members, *self._given, finish=False, threads=options.threads()
        )
