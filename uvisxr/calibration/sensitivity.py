"""The sensitivity of the detector, (count/s)/(kR/angstrom), and how it changes with time.

S = lab(wl)/rows x bandpass / slit_ratio x trend(wl, t) / efficiency / flat(line, wl, t)
    x modifier(line, wl, t)

Trend and modifiers are linear in time between their epochs, so their product, summed over the bins,
is a weighted sum of a few matrices, one for each pair of epochs around the observation (`Terms`).
Exposures share the matrices and have their own weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..instrument.channel import N_BANDS, N_LINES, Channel
from ..instrument.detector import LAST_LIT, Bins
from ..numerics.along_wl import Interpolation
from .choices import Trend
from .evil import lit_evil, of_good
from .files import CalibrationSet, FlatField, Modifiers, bracket
from .formats import Evolution, SpicaTrend
from .recipe import Recipe
from .response import Response, known_share
from .schedule import Epochs, Schedule

#: FUV flat fields are scaled by this, because their histogram is asymmetric (the team's programs).
_FUV_FLAT_SCALE = 1.05

#: Wavelength of hydrogen's Lyman-alpha in vacuum, angstrom (NIST Atomic Spectra Database 5.11).
LYMAN_ALPHA = 1215.67

#: Rows whose flat field is wrong and set to 1.
_BAD_FLAT_ROWS = (2, 61)

#: Steps of the exponential evolution, with linear interpolation in between, s: the error is below
#: 1e-6 from the year 2000 on, 1e-4 in the months before.
_EVOLUTION_STEP = 86400.0


@dataclass(frozen=True)
class Options:
    """What goes into a sensitivity; see `uvisxr.calibration.radiance.calibrate`.

    `flat_field` and `trend` decide what is loaded, the others how it is used.
    """

    recipe: Recipe
    wl_interp: Interpolation
    fill: Interpolation
    evil_pixels: Literal["mask", "response", "interpolate"]
    flat_field: bool
    trend: Trend | None
    response: Response | None = None
    lyman_alpha: float = 1.0


@dataclass(frozen=True, eq=False)
class Terms:
    """Sensitivity of the bins; for exposure i it is sum_k weight[i, k] sensitivity[k].

    Attributes
    ----------
    sensitivity, error : ndarray, (term, pixel, wl)
        (count/s)/(kR/angstrom). NaN in bins without a lit row, and in those with an evil pixel if
        these are masked.
    schedule : Schedule
        What gives the weights at any time.
    weight : ndarray, (pic, term)
        Those of the exposures.
    evil : ndarray of uint8, (pixel, wl)
        1 where a bin contains an evil pixel.
    """

    sensitivity: np.ndarray
    error: np.ndarray
    schedule: Schedule
    weight: np.ndarray
    evil: np.ndarray


@dataclass(frozen=True, eq=False)
class _Factor:
    """A factor of the sensitivity: its values at some epochs."""

    values: list[np.ndarray]
    epochs: Epochs = field(default_factory=Epochs)


def terms(calibration: CalibrationSet, bins: Bins, slit: str, options: Options) -> Terms:
    """Sensitivity of some bins over an observation.

    Parameters
    ----------
    calibration : CalibrationSet
        For the channel and the exposure times.
    bins : Bins
    slit : str
        Its name in the channel.
    options : Options
        Flat field and trend depend on what is loaded.

    Returns
    -------
    Terms
    """
    channel, clock = calibration.channel, calibration.clock
    base, error = _laboratory(calibration, slit, options)
    trend = _trend(calibration.trend, clock)
    flat = _flat(calibration.flat_fields, channel.name, clock)
    modifier = _modifier(calibration.modifiers, clock)

    evil = lit_evil((*flat.values, *modifier.values), calibration.evil)
    parts = (trend, flat, modifier)
    every = tuple(product(*(range(len(part.values)) for part in parts)))
    schedule = Schedule(tuple(part.epochs for part in parts), every).used(clock)
    chosen = [
        tuple(part.values[i] for part, i in zip(parts, term, strict=True))
        for term in schedule.terms
    ]
    wl = channel.wavelength(np.arange(N_BANDS))
    n_lit = bins.lit_pixels
    fill = None if options.evil_pixels == "mask" else options.fill
    response = options.response
    share = np.ones(evil.shape) if response is None else np.where(evil, response.value, 1.0)
    sensitivity: list[np.ndarray] = []
    errors: list[np.ndarray] = []
    for ratio, flat_frame, modifier_frame in chosen:
        frame = ratio / flat_frame * modifier_frame
        good, error_of_good = (of_good(one * frame, evil, wl, fill) for one in (base, error))
        total = bins.sum(good * share)
        error_of_total = bins.sum(error_of_good * share) / np.sqrt(np.maximum(n_lit, 1))
        if response is not None:
            of_response = response.error_of(good * evil, bins)
            total = np.where(known_share(total, of_response, bins.sum(good)), total, np.nan)
            error_of_total = np.hypot(error_of_total, of_response)
        sensitivity.append(total)
        errors.append(error_of_total)
    on_line = _near(bins, channel, LYMAN_ALPHA, channel.slits[slit].dlambda)
    factor = np.where(on_line, options.lyman_alpha, 1.0)
    return Terms(
        sensitivity=_unlit_nan(np.stack(sensitivity), n_lit) * factor,
        error=_unlit_nan(np.stack(errors), n_lit) * factor,
        schedule=schedule,
        weight=schedule.weights(clock),
        evil=(bins.sum(evil.astype(float)) > 0).astype(np.uint8),
    )


def _near(bins: Bins, channel: Channel, wl: float, width: float) -> np.ndarray:
    """Elements any part of which is within a width of a wavelength, bool (wl,)."""
    _, edges = bins.wavelengths(channel)
    low, high = np.sort(edges, axis=-1).T
    return np.asarray((low <= wl + width) & (high >= wl - width))


def _laboratory(
    calibration: CalibrationSet, slit: str, options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """Sensitivity and its error at each column, before trend and flat field."""
    channel, lab, recipe = calibration.channel, calibration.lab, options.recipe
    scale = recipe.bandpass[channel.name] / recipe.lit_rows[channel.name]
    scale /= channel.slits[slit].ratio * recipe.efficiency[channel.name]
    wl = channel.wavelength(np.arange(N_BANDS))
    value, error = (
        scale * np.maximum(interpolate_lab(lab.wl, y, wl, options.wl_interp), 0)
        for y in (lab.sensitivity, lab.error)
    )
    return value, error


def interpolate_lab(
    x: np.ndarray, y: np.ndarray, at: np.ndarray, method: Interpolation
) -> np.ndarray:
    """Interpolate the laboratory table; beyond its ends, extrapolate the last piece."""
    if method == "pchip":
        return np.asarray(PchipInterpolator(x, y, extrapolate=True)(at))
    i = np.clip(np.searchsorted(x, at) - 1, 0, x.size - 2)
    between: np.ndarray = y[i] + (y[i + 1] - y[i]) / (x[i + 1] - x[i]) * (at - x[i])
    return between


def _trend(trend: SpicaTrend | Evolution | None, clock: np.ndarray) -> _Factor:
    if trend is None:
        return _Factor([np.ones(N_BANDS)])
    if isinstance(trend, SpicaTrend):
        used, epochs = bracket(trend.sclk, clock)
        # Where the star gave no signal the ratio is 0 or negative, and the sensitivity is unknown.
        ratios = [np.ones(N_BANDS) if i < 0 else np.maximum(trend.ratio[i], 0) for i in used]
        return _Factor([np.nan_to_num(r, posinf=0.0) for r in ratios], epochs)
    # Nodes at fixed dates, so that part of an observation gives the same numbers as the whole.
    first = np.floor(max(clock.min() - trend.t0, 0) / _EVOLUTION_STEP)
    last = np.floor(max(clock.max() - trend.t0, 0) / _EVOLUTION_STEP) + 1
    nodes = trend.t0 + np.arange(first, last + 1) * _EVOLUTION_STEP
    used, epochs = bracket(nodes, np.maximum(clock, trend.t0))
    return _Factor([np.maximum(trend.at(nodes[i]), 0) for i in used], epochs)


def _flat(flat_fields: tuple[FlatField, ...], channel: str, clock: np.ndarray) -> _Factor:
    if not flat_fields:
        return _Factor([np.ones((N_LINES, N_BANDS))])
    frames = []
    for flat in flat_fields:
        frame = flat.frame.copy()
        if channel == "FUV":
            frame *= _FUV_FLAT_SCALE
            # Evil pixels in these rows stay evil: like those in other rows they detect a quarter
            # less light than their neighbours, and the archive's matrices omit them.
            rows = frame[list(_BAD_FLAT_ROWS)]
            frame[list(_BAD_FLAT_ROWS)] = np.where(np.isnan(rows), np.nan, 1.0)
        frames.append(frame)
    return _Factor(frames, Epochs(tuple(flat.start for flat in flat_fields)))


def _modifier(modifiers: Modifiers | None, clock: np.ndarray) -> _Factor:
    if modifiers is None:
        return _Factor([np.ones((N_LINES, N_BANDS))])
    used, epochs = bracket(modifiers.sclk, clock)
    frames = []
    for i in used:
        frame = np.ones((N_LINES, N_BANDS)) if i < 0 else modifiers.frames[i].copy()
        frame[LAST_LIT] = 1.0
        frames.append(frame)
    return _Factor(frames, epochs)


def _unlit_nan(binned: np.ndarray, n_lit: np.ndarray) -> np.ndarray:
    return np.where(n_lit > 0, binned, np.nan)
