"""Detector rows and columns, the window that was read out, and the bins made on board.

The only module that knows how a window of the 1024 x 64 frame becomes bins; the reader, the
calibration and the geometry all use it. Rows are spatial (label keyword LINE), columns spectral
(BAND); corners are inclusive (users guide, chapter 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from .. import calls, checks
from ..errors import MissingStepError, ProductError
from .channel import CHANNELS, N_BANDS, N_LINES, Channel

if TYPE_CHECKING:
    import xarray as xr

#: First and last detector row that the slit illuminates (users guide, chapter 5).
FIRST_LIT, LAST_LIT = 2, 61

#: Rows that carry no usable signal: the unlit ones, and 61, whose flat field is wrong.
DARK_LINES = (0, 1, 61, 62, 63)

#: Detector pixels that the slit illuminates, (64, 1024).
LIT = np.zeros((N_LINES, N_BANDS), bool)
LIT[FIRST_LIT : LAST_LIT + 1] = True


#: How far the width of a bin may be from a whole number of columns, when found from its middle; per
#: column too, as the scale of wavelengths is curved.
_HAIR, _CURVE = 0.01, 2e-4


@calls.constructor
@dataclass(frozen=True)
class Window:
    """A rectangle of the detector and the binning of what was read from it.

    Attributes
    ----------
    ul_line, ul_band, lr_line, lr_band : int
        Upper-left and lower-right corner, detector rows and columns, inclusive.
    line_bin, band_bin : int
        Detector rows and columns summed into one value.

    Raises
    ------
    ProductError
        The corners lie outside the frame or are out of order, or a bin is less than 1.
    """

    ul_line: int
    ul_band: int
    lr_line: int
    lr_band: int
    line_bin: int = 1
    band_bin: int = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, Integral):
                raise checks.refused(name, value, "a whole number of detector pixels")
        for axis, size in (("line", N_LINES), ("band", N_BANDS)):
            first, last = getattr(self, f"ul_{axis}"), getattr(self, f"lr_{axis}")
            if not 0 <= first <= last < size:
                raise ProductError(
                    f"window {axis}s {first}..{last} do not lie in the detector's 0..{size - 1}: "
                    f"check UL_CORNER_{axis.upper()} and LR_CORNER_{axis.upper()} in the label"
                )
            if getattr(self, f"{axis}_bin") < 1:
                raise ProductError(
                    f"{axis.upper()}_BIN = {getattr(self, f'{axis}_bin')} in the label: "
                    "a bin holds at least one detector pixel"
                )

    def __str__(self) -> str:
        corners = (self.ul_line, self.lr_line, self.ul_band, self.lr_band)
        place = "rows {}..{}, columns {}..{}".format(*corners)
        return f"{place} in bins of {self.line_bin} x {self.band_bin}"

    @property
    def bins(self) -> Bins:
        """The bins the window is read out in; the last may hold fewer rows or columns."""
        lines = np.arange(self.ul_line, self.lr_line + 1, self.line_bin)
        bands = np.arange(self.ul_band, self.lr_band + 1, self.band_bin)
        return Bins(
            line=lines,
            n_line=np.minimum(self.line_bin, self.lr_line + 1 - lines),
            band=bands,
            n_band=np.minimum(self.band_bin, self.lr_band + 1 - bands),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of (pixels, wavelengths) read out."""
        bins = self.bins
        return bins.line.size, bins.band.size


@dataclass(frozen=True, eq=False)
class Bins:
    """The detector rows and columns in each pixel and wavelength of a dataset.

    Attributes
    ----------
    line, n_line : ndarray of int, (pixel,)
        First detector row of each pixel and number of rows in it.
    band, n_band : ndarray of int, (wl,)
        First detector column of each wavelength bin and number of columns in it.
    """

    line: np.ndarray
    n_line: np.ndarray
    band: np.ndarray
    n_band: np.ndarray

    @classmethod
    def of(cls, ds: xr.Dataset) -> Bins:
        """The bins of a dataset, whatever subset of pixels and wavelengths it holds.

        Raises
        ------
        MissingStepError
            The coordinates `line` or `band`, or the window's attributes, were dropped.
        """
        keys = ("line_bin", "band_bin", "lr_line", "lr_band")
        missing = [name for name in ("line", "band") if name not in ds.variables]
        missing += [key for key in keys if key not in ds.attrs]
        if missing:
            raise MissingStepError(
                f"the dataset has lost {', '.join(missing)}, needed to locate its pixels on the "
                "detector: start from uvisxr.open_product and keep coordinates and attributes, and "
                "do this before integrating"
            )
        # Differences of unsigned numbers, as files may have them, are never negative.
        line, band = (np.atleast_1d(ds[name].values).astype(int) for name in ("line", "band"))
        line_bin, band_bin, lr_line, lr_band = (int(ds.attrs[key]) for key in keys)
        return cls(
            line=line,
            n_line=np.minimum(line_bin, lr_line + 1 - line),
            band=band,
            n_band=np.minimum(band_bin, lr_band + 1 - band),
        )

    @property
    def lit_lines(self) -> np.ndarray:
        """Rows in each pixel that the slit illuminates, shape (pixel,)."""
        first = np.maximum(self.line, FIRST_LIT)
        last = np.minimum(self.line + self.n_line - 1, LAST_LIT)
        return np.asarray(np.maximum(last - first + 1, 0))

    @property
    def lit_pixels(self) -> np.ndarray:
        """Detector pixels in each element that light and background reach, shape (pixel, wl)."""
        return np.outer(self.lit_lines, self.n_band)

    @property
    def dark(self) -> np.ndarray:
        """Pixels all of whose rows are unlit or unusable, bool, shape (pixel,)."""
        usable = np.ones(N_LINES, int)
        usable[list(DARK_LINES)] = 0
        dark: np.ndarray = _segment_sums(usable, self.line, self.n_line, axis=0) == 0
        return dark

    def wavelengths(self, channel: Channel) -> tuple[np.ndarray, np.ndarray]:
        """Mean wavelength (wl,) and edges (wl, 2) of the spectral bins, angstrom."""
        centres = channel.wavelength(np.arange(N_BANDS))
        mean = _segment_sums(centres, self.band, self.n_band, axis=0) / self.n_band
        edges = np.stack([self.band - 0.5, self.band + self.n_band - 0.5], axis=-1)
        return mean, channel.wavelength(edges)

    def sum(self, frame: np.ndarray) -> np.ndarray:
        """Sum a detector frame over the bins.

        Parameters
        ----------
        frame : ndarray, (..., 64, 1024)

        Returns
        -------
        ndarray, (..., pixel, wl)
            NaN where a bin holds a NaN.
        """
        rows = _segment_sums(frame, self.line, self.n_line, axis=-2)
        return _segment_sums(rows, self.band, self.n_band, axis=-1)


def columns_behind(wl: np.ndarray, band: np.ndarray) -> tuple[Channel, np.ndarray] | None:
    """Channel of bins, and numbers of columns in them, by where their middles are.

    Parameters
    ----------
    wl : ndarray, (wl,)
        Mean wavelengths, angstrom, as `Bins.wavelengths` gives them.
    band : ndarray, (wl,)
        Their first columns.

    Returns
    -------
    (Channel, ndarray of int) or None
        None where no bins of either channel are there, as of wavelengths that were shifted.

    Examples
    --------
    >>> from uvisxr.instrument.channel import FUV
    >>> band = np.array([0, 32, 96])
    >>> found, n_band = columns_behind(FUV.wavelength(band + 15.5), band)
    >>> found.name, n_band
    ('FUV', array([32, 32, 32]))
    """
    columns = np.arange(N_BANDS)
    for channel in CHANNELS.values():
        width = 2 * (np.interp(wl, channel.wavelength(columns), columns) - band) + 1
        n_band = np.rint(width)
        whole = abs(width - n_band) <= _HAIR + _CURVE * n_band
        # The order of bins may be descending.
        order = np.argsort(band)
        apart = np.diff(band[order]) >= n_band[order][:-1]
        if (whole & (n_band >= 1) & (band + n_band <= N_BANDS)).all() and apart.all():
            return channel, n_band.astype(int)
    return None


def _segment_sums(a: np.ndarray, first: np.ndarray, count: np.ndarray, axis: int) -> np.ndarray:
    """Sums of a[first:first+count] along an axis, segments in any order."""
    if (count == 1).all():
        return np.take(a, first, axis)
    a = np.moveaxis(np.asarray(a), axis, -1)
    # reduceat sums between successive indices, so every second sum is a segment; a zero appended at
    # the end makes the index one past the last element legal.
    padded = np.concatenate([a, np.zeros((*a.shape[:-1], 1), a.dtype)], axis=-1)
    edges = np.stack([first, first + count], axis=-1).ravel()
    return np.moveaxis(np.add.reduceat(padded, edges, axis=-1)[..., ::2], -1, axis)
