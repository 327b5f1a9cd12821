"""Mean spectra of one selection after another, each of which shares most of its spectra with the
next or with all: sums over tiles of exposures are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from .. import options
from . import statistics
from .binning import measured
from .members import Members

#: Exposures of a tile, at one pixel. Deeper ones take less memory, 100 kB each of 1,024
#: wavelengths, and leave more spectra to be summed one by one at the ends of a selection.
_DEEP = 64


@dataclass(frozen=True, eq=False)
class _Tiles:
    """Sums over tiles.

    Attributes
    ----------
    of : ndarray of bool, (pic, pixel)
        The spectra that are in them.
    sums : ndarray, (term, tile, wl)
        Tiles are numbered by exposures, then by pixels.
    known : ndarray of bool, (tile,)
        Whether the sums were finite; the others are zero.
    """

    of: np.ndarray
    sums: np.ndarray
    known: np.ndarray

    def within(self, mask: np.ndarray) -> np.ndarray:
        """Tiles of which a selection holds just what is in them, bool (block, pixel)."""
        first = np.arange(0, len(mask), _DEEP)
        some, other = (np.logical_or.reduceat(a, first) for a in (mask, mask != self.of))
        return np.asarray(some & ~other & self.known.reshape(some.shape))


class Means:
    """Statistics of the spectra of any selection of a dataset, as `bin` has them.

    Parameters
    ----------
    ds : Dataset
        With `radiance` (pic, pixel, wl), in memory.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        found = measured(ds, "radiance", "expected")
        n_wl = ds.sizes["wl"]
        flat = {name: np.asarray(a).reshape(-1, n_wl) for name, a in found.arrays.items()}
        self._given = statistics.parted(flat, found.shared)
        self._aggregation = found.aggregation
        self._n_wl = n_wl
        self._tiles: _Tiles | None = None

    def keep(self, some: np.ndarray) -> None:
        """Keep the sums of the tiles of some spectra, bool (pic, pixel).

        Selections of nearly all that a tile holds are summed spectrum by spectrum.
        """
        n_pic, n_pixel = some.shape
        spectrum = np.flatnonzero(some)
        tile = spectrum // n_pixel // _DEEP * n_pixel + spectrum % n_pixel
        sums = self._sums(spectrum, tile, -(-n_pic // _DEEP) * n_pixel)
        known = np.isfinite(sums).all(axis=(0, 2))
        # What is left out is taken none times, which of an infinity would be no number.
        sums[:, ~known] = 0.0
        self._tiles = _Tiles(some.copy(), sums, known)

    def of(self, masks: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Statistics of the spectra of each mask, bool (pic, pixel): (mask, wl) by name.

        Those of `statistics.statistics` up to the order in which sums are added.
        """
        tiles, added, rest = self._tiles, [], list(masks)
        if tiles is not None:
            for k, mask in enumerate(masks):
                whole = tiles.within(mask)
                added.append(whole.ravel().astype(float) @ tiles.sums)
                rest[k] = mask & ~np.repeat(whole, _DEEP, axis=0)[: len(mask)]
        spectra = [np.flatnonzero(mask) for mask in rest]
        place = np.repeat(np.arange(len(rest)), [len(s) for s in spectra])
        sums = self._sums(np.concatenate(spectra), place, len(rest))
        if added:
            sums += np.stack(added, axis=1)
        found = self._aggregation.finish(sums)
        return dict(zip(self._aggregation.statistics, found, strict=True))

    def _sums(self, spectrum: np.ndarray, place: np.ndarray, n_bins: int) -> np.ndarray:
        """Sums over spectra in bins, (term, bin, wl)."""
        members = Members.of(spectrum, place, n_bins)
        return self._aggregation.over(
            members, *self._given, finish=False, threads=options.threads()
        )
