"""Measure the response of evil pixels, from products whose bins hold few detector pixels.

In an element with an evil pixel, what its good pixels count is known from the elements around it
that hold none: the rest is the evil pixel's.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from .. import checks
from ..dataset import history
from ..errors import ArgumentError, UvisError, warn_user
from ..instrument.channel import N_BANDS, N_LINES, slit_name
from ..instrument.channel import channel as find_channel
from ..instrument.detector import LIT, Bins, Window
from ..numerics import poisson
from ..quality.flags import good
from ..timescales import clock_from_et
from . import recipe
from .evil_light import Evidence, evidence_of, halves
from .files import load
from .response import RANGE, on_detector, table_of, table_of_pixels
from .sensitivity import Options, terms
from .stored import framed, scalar

#: Rows left out: the flat field of two is not known, and the starburn changes the others' with the
#: brightness that they saw, column by column (users guide, chapter 4).
LEFT_OUT = (2, 30, 31, 32, 33, 61)

#: Largest error of a response that is of use: others are left to the constant.
_LARGEST = 0.2

#: Responses beyond these by more than `_SURE` errors are no evil pixel's.
_POSSIBLE = (-0.2, 1.2)

#: The same for single pixels, whose light is less well known: they have what their range has.
_OF_PIXELS = (0.0, 1.0)

_SURE = 3.0

#: Whether evil pixels of a range of wavelengths share one response, or each has its own.
By = Literal["wavelength", "pixel"]


@history.step("evil_response")
def evil_response(
    ds: xr.Dataset,
    files: str | Path | None = None,
    by: By = "wavelength",
    width: int = 32,
) -> xr.Dataset:
    """Measure how strongly evil pixels respond, compared with good ones.

    Parameters
    ----------
    ds : Dataset
        As opened, with bins of one or two detector rows and columns, and much light. A background
        is taken off good and evil pixels alike, as in `calibrate`; flagged spectra are left out.
    files : path, optional
        Folder of the calibration files, as in `calibrate`: the flat field says which pixels are
        evil.
    by : {"wavelength", "pixel"}
        One response for all evil pixels in a range of columns; or one for each of them, which
        counts as much as its error allows against that of its range.
    width : int
        Detector columns in a range, rounded up to whole bins: as many as in the archive's widest.

    Returns
    -------
    Dataset
        `response` of evil pixels relative to good ones, `response_error` (the common standard
        error) and `response_scatter` (of single pixels around `response`), with dimension `band`
        and coordinates `band`, `last_band`, first and last column, and `wl`, angstrom; or with
        dimensions `line`, `band`, NaN in good pixels and beyond the ranges. For
        `calibrate(evil_response=...)`; `table.uvis.to_netcdf` writes it.

    Raises
    ------
    ArgumentError
        Bins of more than two rows or columns, an empty dataset, or a wrong argument.
    MissingStepError
        No counts.
    CalibrationError
        Calibration files are missing or malformed.
    UvisError
        There are no evil pixels, as in the EUV, or too little light, rows, columns or counts; or
        exposures have different backgrounds.

    Warns
    -----
    UvisWarning
        Responses are below -0.2 or above 1.2: the background is wrong, or the light has structure.

    Notes
    -----
    The light in good pixels is the mean spectrum of the elements that hold no evil one, times
    each row's brightness, averaged over some 50 columns, times what the elements next to each
    have more or less than that: lines and the structure along the slit are in it. By how much
    elements without evil pixels differ from what those around them tell is in the errors. The
    response is a ratio of sums, of the counts that the good pixels of elements with an evil one
    do not explain over those that its evil pixels would have if they were good. Its error is
    that of the jackknife over rows; where few rows hold the light, rather that of the counts
    and of the scatter of single pixels. To it are added those of the mean spectrum and of the
    background, the latter from a second measurement with the background larger by
    `background_error`.
    Pixels whose own response would be more than three errors outside 0..1 have that of their range.
    The rows of the starburn, and those without a flat field of their own, are left out.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`, whose evil pixels are not the real
    ones:

    >>> from uvisxr.calibration import evil_response
    >>> ds = made.open().uvis.background(level=4e-4)
    >>> table = evil_response(ds, files=made.calibration)
    >>> binned = ds.uvis.calibrate(
    ...     files=made.calibration, evil_pixels="response", evil_response=table
    ... )
    """
    checks.choice("by", by, By)
    checks.whole("width", width, 1, N_BANDS)
    bins = Bins.of(ds)
    if max(bins.n_line.max(), bins.n_band.max()) > 2:
        raise ArgumentError(
            f"bins of {bins.n_line.max()} rows and {bins.n_band.max()} columns hide their evil "
            "pixels: measure the response in products binned by 1 or 2 (LINE_BIN, BAND_BIN)"
        )
    evidence, lifted, evil, used_files = _evidence(ds, bins, files)
    wide = -(-width // bins.n_band.max()) * bins.n_band.max()
    first = np.arange(bins.band.min(), bins.band.max() + 1, wide)
    last = np.minimum(first + wide, (bins.band + bins.n_band).max()) - 1
    place = (bins.band - first[0]) // wide
    ranges = [place == k for k in range(first.size)]
    found, other = (np.array([e.of(r) for r in ranges]) for e in (evidence, lifted))
    found[:, 1] = np.hypot(found[:, 1], np.abs(other[:, 0] - found[:, 0]))
    kept = found[:, 1] <= _LARGEST
    if not kept.any():
        raise UvisError(
            "too little light to measure the response of evil pixels (its error is above "
            f"{_LARGEST} everywhere): take a product with more counts, or leave evil_response out"
        )
    _warn(found, first, last, ds.attrs["channel"])
    kept &= _within(found[:, 0], RANGE)
    if not kept.any():
        raise UvisError(
            f"no response is within {RANGE[0]:g}..{RANGE[1]:g}: take off the right background with "
            "ds.uvis.background, or leave evil_response out"
        )
    attrs = {"channel": ds.attrs["channel"], "source": ", ".join(_products(ds))}
    table = table_of(first[kept], last[kept], found[kept].T, attrs)
    if by == "pixel":
        table = _by_pixel(table, evidence, lifted, evil, bins)
    return history.used(table, used_files)


def _within(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (values >= limits[0]) & (values <= limits[1])


def _used_rows(bins: Bins) -> np.ndarray:
    """Pixels none of whose rows is left out or unlit, bool (pixel,)."""
    bad = ~LIT[:, 0]
    bad[list(LEFT_OUT)] = True
    frame = np.broadcast_to(bad[:, None].astype(float), (N_LINES, N_BANDS))
    return np.asarray(bins.sum(frame)[:, 0] == 0)


def _evidence(
    ds: xr.Dataset, bins: Bins, files: str | Path | None
) -> tuple[Evidence, Evidence, np.ndarray, tuple[Path, ...]]:
    """The evidence in a dataset, with its background and with one larger by its error.

    Then the evil pixels, (64, 1024), and the files read.
    """
    channel, et = find_channel(ds.attrs["channel"]), np.atleast_1d(ds["et"].values)
    # Constant factors do not enter: the trend is one, within a few columns.
    calibration = load(channel, clock_from_et(et), True, None, files)
    options = Options(recipe.RECIPES["pds"], "linear", "linear", "interpolate", True, None)
    frame = Window(0, 0, N_LINES - 1, N_BANDS - 1).bins
    found = terms(calibration, frame, slit_name(ds.attrs["slit"]), options)
    evil = found.evil > 0
    if not evil.any():
        raise UvisError(
            f"the flat field of the {channel.name} names no evil pixels: there is no response to "
            "measure"
        )
    background, error = scalar(ds, "background"), scalar(ds, "background_error")
    total, per_term, seconds = _sums(ds, found.weight)
    if not seconds.any():
        raise UvisError(
            "all counts are missing or flagged: there is nothing to measure the response of evil "
            "pixels in (ds.quality holds the flags)"
        )
    lit = evil & LIT
    parts = np.stack([~evil & LIT, lit, *(halves(bins) * lit)])
    sensitivity = np.nan_to_num(found.sensitivity)[:, None] * parts
    light = np.einsum("tpw,tspw->spw", per_term, bins.sum(sensitivity))
    number, used = bins.sum(lit.astype(float)), _used_rows(bins)
    there = used[:, None] & (light[:2].sum(0) > 0)
    rows, columns = there.any(1).sum(), there.any(0).sum()
    if min(rows, columns) < 2:
        raise UvisError(
            f"{_number(rows, 'usable row')} and {_number(columns, 'column')} do not tell of the "
            "light in evil pixels: give two of each at least (rows "
            f"{', '.join(map(str, LEFT_OUT))} and unlit ones do not count)"
        )

    def at(level: float) -> Evidence:
        dark = level * seconds * bins.lit_pixels
        return evidence_of(total, light, dark, number, used, bins)

    evidence = at(background)
    lifted = at(background + error) if error else evidence
    return evidence, lifted, evil, calibration.files


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _sums(ds: xr.Dataset, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums over exposures, with weights (pic, term) of the terms of the sensitivity.

    Returns
    -------
    counts : ndarray, (pixel, wl)
    terms : ndarray, (term, pixel, wl)
        Exposure times weights, where there are counts.
    seconds : ndarray, (pixel, wl)
        Exposure, likewise.
    """
    if "quality" in ds.coords:
        ds = ds.assign(counts=ds["counts"].where(good(ds), poisson.gap(ds["counts"].dtype)))
    counts = framed(ds, "counts")
    seconds = np.broadcast_to(framed(ds, "exposure", ("pic",)).values, counts.shape[0])
    # Block by block, so that counts on disk need not fit into memory.
    blocks = counts.chunksizes.get("pic", (counts.shape[0],))
    ends = np.cumsum(blocks)
    total, exposed = 0.0, 0.0
    for last, size in zip(ends, blocks, strict=True):
        here = slice(last - size, last)
        part = counts[here].values
        known = ~poisson.missing(part)
        total = total + np.where(known, part, 0).sum(0, dtype=float)
        weights = seconds[here, None] * np.column_stack([weight[here], np.ones(size)])
        exposed = exposed + np.einsum("it,ipw->tpw", weights, known)
    return np.asarray(total), np.asarray(exposed)[:-1], np.asarray(exposed)[-1]


def _by_pixel(
    table: xr.Dataset, evidence: Evidence, lifted: Evidence, evil: np.ndarray, bins: Bins
) -> xr.Dataset:
    """A table of single pixels: each one's own counts, held against the mean of its range."""
    mean = on_detector(table, table.attrs["channel"])
    reached = np.zeros(N_BANDS, bool)
    for first, last in zip(table["band"].values, table["last_band"].values, strict=True):
        reached[first : last + 1] = True
    of_range = np.stack([mean.value, mean.error, mean.scatter])
    frames = np.where(evil & reached, of_range, np.nan)
    known = (evidence.expected > 0) & (lifted.expected > 0) & reached[bins.band]
    single = evidence.single
    for row, column in product(range(bins.n_line.max()), range(bins.n_band.max())):
        i, j = np.nonzero(known & (row < bins.n_line)[:, None] & (column < bins.n_band))
        here = evil[bins.line[i] + row, bins.band[j] + column]
        i, j = i[here], j[here]
        place = bins.line[i] + row, bins.band[j] + column
        # An element tells of the mean of its evil pixels, and nothing of how they differ.
        before, number = mean.scatter[place] ** 2, evidence.number[i, j]
        own, other = (e.found[i, j] / e.expected[i, j] for e in (evidence, lifted))
        noise = single[i, j] / evidence.expected[i, j] ** 2
        weight = before / (before + number * noise)
        value = mean.value[place] + weight * (own - mean.value[place])
        error = mean.error[place] * (1 - weight) + weight * np.abs(other - own)
        scatter = np.sqrt(before * (1 - weight / number))
        # Beyond these the light around was misjudged, and how much is not known.
        low, high = _OF_PIXELS
        sure = _SURE * np.hypot(error, scatter)
        possible = (value > low - sure) & (value < high + sure) & _within(value, RANGE)
        for frame, own_value in zip(frames, (value, error, scatter), strict=True):
            frame[place] = np.where(possible, own_value, frame[place])
    return table_of_pixels(frames, table.attrs)


def _warn(found: np.ndarray, first: np.ndarray, last: np.ndarray, channel: str) -> None:
    """Warn of responses (range, 3) that no pixel has."""
    value, error = found[:, 0], found[:, 1]
    low, high = _POSSIBLE
    with np.errstate(invalid="ignore"):
        below, above = value + _SURE * error < low, value - _SURE * error > high
    for wrong, cause in ((below, "high"), (above, "low")):
        if wrong.any():
            far = np.flatnonzero(wrong)[np.argmax(np.abs(value[wrong]))]
            ends = find_channel(channel).wavelength(np.array([first[far], last[far]]))
            warn_user(
                f"the response of evil pixels is impossible in {wrong.sum()} ranges of columns, "
                f"{value[far]:.2f} +- {error[far]:.2f} at {ends[0]:.0f}..{ends[1]:.0f} angstrom: "
                f"the background is too {cause}, or the light has structure that the elements "
                "without evil pixels do not show"
            )


def _products(ds: xr.Dataset) -> list[str]:
    """Names of a dataset's products."""
    if "product" not in ds.variables:
        return [str(ds.attrs.get("name", "a product"))]
    return [str(name) for name in np.unique(ds["product"].values)]
