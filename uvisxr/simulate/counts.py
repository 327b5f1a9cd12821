"""From light sources to telemetry: the counts of every bin.

expected = t (sum over the bin's detector pixels of r S L, + B for each that is lit)

with r the response of evil pixels and 1 for the others, then Poisson noise, rounding by the
compression, and losses in the telemetry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..calibration import recipe
from ..calibration.choices import Trend
from ..calibration.files import Folder, load
from ..calibration.response import load as read_response
from ..calibration.response import on_detector
from ..calibration.sensitivity import Options, Terms, terms
from ..instrument.channel import N_BANDS, N_LINES, Channel, ChannelName
from ..instrument.detector import LIT, Bins, Window
from ..timescales import clock_from_et
from . import calibration_files
from .emission import Source

#: The whole detector, pixel by pixel.
FRAME = Window(0, 0, N_LINES - 1, N_BANDS - 1)

#: Counts up to here are not changed by the compression.
_EXACT = 128

#: 1 for the detector rows that the slit lights, (64,).
_LIT = LIT[:, 0].astype(float)


def sensitivity(
    channel: Channel, slit: str, et: np.ndarray, folder: Path, trend: Trend | None
) -> Terms:
    """Sensitivity of every detector pixel, from recipe "upyp"; evil pixels are like their
    neighbours."""
    found = recipe.find("upyp")
    options = Options(found, found.wl_interp, "linear", "interpolate", True, trend)
    files = load(channel, clock_from_et(et), options.flat_field, options.trend, folder)
    return terms(files, FRAME.bins, slit, options)


def misbehave(
    found: Terms, channel: ChannelName, folder: Path, rng: np.random.Generator
) -> np.ndarray:
    """Factors of the sensitivity (64, 1024): each evil pixel counts its own share of what its
    neighbours would.

    The shares are a property of the detector: those of the folder's table, where a simulation wrote
    the folder. Real folders hold none; they are drawn then. The background of evil pixels is
    like that of the others: in real data they seem to lose it too (docs/howto/calibration.md).
    """
    table = Folder.choose(folder).find(calibration_files.response_name(channel))
    if table is None:
        shares = calibration_files.responses_of_evil(rng)
    else:
        shares = on_detector(read_response(table), channel).value
    return np.where(found.evil > 0, shares, 1.0)


@dataclass(frozen=True)
class Detector:
    """Response of the bins of a window.

    Attributes
    ----------
    bins : Bins
    channel : Channel
    slit : str
    """

    bins: Bins
    channel: Channel
    slit: str

    def _columns(self, frame: np.ndarray) -> np.ndarray:
        """Sums over the columns of each bin, (..., row, 1024) -> (..., row, wl)."""
        rows = np.arange(frame.shape[-2])
        whole = Bins(rows, np.ones_like(rows), self.bins.band, self.bins.n_band)
        return whole.sum(frame)

    def _rows(self, rows: np.ndarray) -> np.ndarray:
        """Sums over the rows of each pixel, (..., pixel, wl)."""
        wl = np.arange(self.bins.band.size)
        return Bins(self.bins.line, self.bins.n_line, wl, np.ones_like(wl)).sum(rows)

    def templates(self, sources: list[Source]) -> np.ndarray:
        """Spectra of the sources at each column, (source, 1024), kR/angstrom per unit."""
        return np.stack([s.lines.on_detector(self.channel, self.slit) for s in sources])

    def radiance(self, sources: list[Source]) -> np.ndarray:
        """Mean radiance over each bin's lit pixels, (pic, pixel, wl), kR/angstrom."""
        mean = self._columns(self.templates(sources)[:, None])[:, 0] / self.bins.n_band
        lit = self._rows(np.broadcast_to(_LIT[:, None], (N_LINES, self.bins.band.size)))
        seen = sum(
            (s.amplitude * _LIT)[..., None] * spectrum
            for s, spectrum in zip(sources, mean, strict=True)
        )
        with np.errstate(invalid="ignore"):
            return self._rows(seen) / np.where(lit > 0, lit, np.nan)

    def rate(self, sources: list[Source], found: Terms, factor: np.ndarray) -> np.ndarray:
        """Count rates of each bin, without background, (pic, pixel, wl), count/s."""
        frames = np.nan_to_num(found.sensitivity) * factor
        result = np.zeros(())
        for source, spectrum in zip(sources, self.templates(sources), strict=True):
            for k, frame in enumerate(self._columns(frames * spectrum)):
                amplitude = source.amplitude * found.weight[:, k, None]
                result = result + amplitude[..., None] * frame
        return self._rows(result)


def quantize(counts: np.ndarray) -> np.ndarray:
    """The SQRT_9 compression: above 128, the nearest of floor(k^2 / 2) with integer k.

    The spacing is that of the archive's products (128, 144, 162, 180, 200, ...).
    """
    k = np.sqrt(2.0 * counts)
    below, above = (np.floor(side(k) ** 2 / 2) for side in (np.floor, np.ceil))
    nearest = np.where(counts - below <= above - counts, below, above)
    return np.where(counts > _EXACT, nearest, counts).astype(np.int64)


def lose(
    counts: np.ndarray, usable: np.ndarray, lost: int, partial: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Replace spectra, or the ends of some, by zeros, as losses in the telemetry do.

    Parameters
    ----------
    counts : ndarray, (pic, pixel, wl)
    usable : ndarray of bool, (pixel,)
        Pixels whose spectra may be lost.
    lost, partial : int
        Numbers of spectra lost, whole and in part.
    rng : Generator

    Returns
    -------
    counts : ndarray
    lost, partial : ndarray of bool, (pic, pixel)
    """
    places = np.argwhere(np.broadcast_to(usable, counts.shape[:2]))
    chosen = places[rng.choice(len(places), lost + partial, replace=False)]
    marks = np.zeros((2, *counts.shape[:2]), bool)
    result = counts.copy()
    for number, (pic, pixel) in enumerate(chosen):
        cut = number >= lost
        marks[int(cut), pic, pixel] = True
        first = rng.integers(counts.shape[2] // 4, counts.shape[2] // 2) if cut else 0
        result[pic, pixel, first:] = 0
    return result, marks[0], marks[1]
