"""The sensitivity of the detector, (count/s)/(kR/angstrom), and how it changes with time.

S = lab(wl)/rows x bandpass / slit_ratio x trend(wl, t) / efficiency / flat(line, wl, t)
    x modifier(line, wl, t)

Between the epochs of the trend and of the modifiers both are linear in time; their product, summed
over the bins, is therefore a weighted sum of a few matrices, one for each pair of epochs around the
observation (`Terms`). An exposure has its own weights and shares the matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..errors import CalibrationError
from ..instrument.channel import N_BANDS, N_LINES, Channel
from ..instrument.detector import LAST_LIT, Bins
from ..timescales import clock_from_et
from . import files as cal
from .evil import LIT, binned, evil_pixels
from .recipe import Recipe

#: Spacecraft clock of the burn by a star, 2002-06-06, that divides the flat fields.
BURN = 1402021717.0

#: FUV flat fields are scaled by this: their histogram is not symmetric (the team's programs).
_FUV_FLAT_SCALE = 1.05

#: Rows whose flat field is wrong and taken as 1.
_BAD_FLAT_ROWS = (2, 61)

#: Steps of the exponential evolution, which is taken linear in between, s: less than 1e-6 off
#: from the year 2000 on, 1e-4 in the months before.
_EVOLUTION_STEP = 86400.0


@dataclass(frozen=True)
class Options:
    """What goes into a sensitivity; see `uvisxr.calibration.radiance.calibrate`."""

    recipe: Recipe
    wl_interp: str
    fill: str
    evil_pixels: str
    flat_field: bool
    trend: str | None


@dataclass(frozen=True, eq=False)
class Terms:
    """Sensitivity of the bins: that of exposure i is sum_k weight[i, k] sensitivity[k].

    Attributes
    ----------
    sensitivity, error : ndarray, (term, pixel, wl)
        (count/s)/(kR/angstrom). NaN in bins without a lit row, and in those with an evil pixel
        where these are masked.
    weight : ndarray, (pic, term)
    evil : ndarray of uint8, (pixel, wl)
        1 where a bin holds an evil pixel.
    files : tuple of Path
        The files read.
    """

    sensitivity: np.ndarray
    error: np.ndarray
    weight: np.ndarray
    evil: np.ndarray
    files: tuple[Path, ...]


@dataclass(frozen=True, eq=False)
class _Nodes:
    """A quantity linear in time between nodes: its values there, and the weights (pic, node)."""

    values: list
    weight: np.ndarray
    files: tuple[Path, ...] = ()


def terms(
    bins: Bins,
    channel: Channel,
    slit: str,
    et: np.ndarray,
    options: Options,
    path: str | Path | None = None,
) -> Terms:
    """Sensitivity of some bins over an observation.

    Parameters
    ----------
    bins : Bins
    channel : Channel
    slit : str
        Its name in the channel.
    et : ndarray, (pic,)
        Barycentric dynamical time of each exposure, s past J2000.
    options : Options
    path : path, optional
        Folder of the calibration files, see `uvisxr.calibration.files.Folder.choose`.

    Returns
    -------
    Terms

    Raises
    ------
    CalibrationError
        Files are missing or malformed.
    """
    clock = clock_from_et(et)
    needs_files = options.flat_field or options.trend is not None
    folder = cal.Folder.choose(path) if needs_files or path is not None else None
    if needs_files:
        _require(folder, channel.name, clock, options)
    base, error, lab_files = _lab(folder, channel, slit, options)
    trend = _trend(folder, channel.name, clock, options.trend)
    if options.flat_field:
        flat, modifier = _flat(folder, channel.name, clock), _modifier(folder, channel.name, clock)
    else:
        flat = modifier = _Nodes([np.ones((N_LINES, N_BANDS))], np.ones((clock.size, 1)))

    evil = evil_pixels(flat.values, modifier.values)
    parts = (trend, flat, modifier)
    chosen, weights = [], []
    for index in product(*(range(len(part.values)) for part in parts)):
        weight = np.prod([p.weight[:, i] for p, i in zip(parts, index, strict=True)], axis=0)
        if weight.any():
            chosen.append(tuple(p.values[i] for p, i in zip(parts, index, strict=True)))
            weights.append(weight)
    wl = channel.wavelength(np.arange(N_BANDS))
    n_lit = bins.sum(LIT.astype(float))
    fill = options.fill if options.evil_pixels == "interpolate" else None
    sensitivity, errors = [], []
    for ratio, flat_frame, modifier_frame in chosen:
        frame = ratio / flat_frame * modifier_frame
        for one, out in ((base, sensitivity), (error, errors)):
            out.append(binned(one * frame, evil, bins, wl, fill))
    return Terms(
        sensitivity=_unlit_nan(np.stack(sensitivity), n_lit),
        error=_unlit_nan(np.stack(errors), n_lit) / np.sqrt(np.maximum(n_lit, 1)),
        weight=np.stack(weights, axis=-1),
        evil=(bins.sum(evil.astype(float)) > 0).astype(np.uint8),
        files=tuple(lab_files + sum((part.files for part in parts), ())),
    )


def _require(folder: cal.Folder, channel: str, clock: np.ndarray, options: Options) -> None:
    """Raise one error that lists every file the options need and the folder has not."""
    missing, without = [], []
    if options.flat_field:
        missing += [
            f"FLATFIELD_{channel}_{burn}BURN.txt"
            for burn in _burns(clock)
            if folder.flat(channel, burn) is None
        ]
        if not folder.modifiers(channel)[1]:
            missing.append(f"{channel}*_ff_modifier_<clock>.dat")
        if missing:
            without.append("flat_field=False")
    if options.trend == "spica" and _spica_file(folder, channel) is None:
        missing.append(
            "spica_variability4_data.sav"
            if channel == "FUV"
            else "an IDL save file with the EUV trend arr_euv (there is no public one)"
        )
        without.append("trend=False")
        if folder.evolution(channel) is not None:
            without[-1] += ' (or trend="evolution")'
    if options.trend == "evolution" and folder.evolution(channel) is None:
        missing.append(f"{channel}_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT")
        without.append("trend=False")
    if missing:
        raise CalibrationError(
            f"calibration files are missing from {folder.path} ({folder.origin}): "
            f"{', '.join(missing)}. Get them with `{cal.FETCH}`, name their folder with "
            f"files= or UVISXR_CALIBRATION, or do without: {', '.join(without)}"
        )


def _burns(clock: np.ndarray) -> list[str]:
    return [name for name, used in (("PRE", clock < BURN), ("POST", clock >= BURN)) if used.any()]


def _spica_file(folder: cal.Folder, channel: str) -> Path | None:
    """The save file that holds the channel's ratios."""
    return next(
        (path for path in folder.save_files() if cal.read_spica(path, channel) is not None), None
    )


def _lab(
    folder: cal.Folder | None, channel: Channel, slit: str, options: Options
) -> tuple[np.ndarray, np.ndarray, tuple[Path, ...]]:
    """Sensitivity and its error at each column, before trend and flat field, and the file."""
    path = folder.lab(channel.name) if folder else None
    lab = cal.read_lab(path) if path else cal.package_lab(channel.name)
    recipe = options.recipe
    scale = recipe.bandpass[channel.name] / recipe.lit_rows[channel.name]
    scale /= channel.slits[slit].ratio * recipe.efficiency[channel.name]
    wl = channel.wavelength(np.arange(N_BANDS))
    value, error = (
        scale * np.maximum(interpolate_lab(lab.wl, y, wl, options.wl_interp), 0)
        for y in (lab.sensitivity, lab.error)
    )
    return value, error, (path,) if path else ()


def interpolate_lab(x: np.ndarray, y: np.ndarray, at: np.ndarray, method: str) -> np.ndarray:
    """Interpolate the laboratory table; beyond its ends its last piece goes on."""
    if method == "pchip":
        return PchipInterpolator(x, y, extrapolate=True)(at)
    i = np.clip(np.searchsorted(x, at) - 1, 0, x.size - 2)
    return y[i] + (y[i + 1] - y[i]) / (x[i + 1] - x[i]) * (at - x[i])


def _bracket(epochs: np.ndarray, times: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Epochs used by linear interpolation, and the weight of each at each time.

    Index -1 stands for "before the first epoch"; after the last, the last holds.
    """
    low = np.searchsorted(epochs, times, side="right") - 1
    high = np.minimum(low + 1, epochs.size - 1)
    inside = (low >= 0) & (high > low)
    width = np.where(inside, epochs[high] - epochs[np.maximum(low, 0)], 1)
    x = np.where(inside, (times - epochs[np.maximum(low, 0)]) / width, 0)
    used = sorted({*low.tolist(), *high[x > 0].tolist()})
    weight = np.zeros((times.size, len(used)))
    rows = np.arange(times.size)
    position = {epoch: k for k, epoch in enumerate(used)}
    np.add.at(weight, (rows, [position[i] for i in low.tolist()]), 1 - x)
    later = x > 0
    np.add.at(weight, (rows[later], [position[i] for i in high[later].tolist()]), x[later])
    return used, weight


def _trend(folder: cal.Folder | None, channel: str, clock: np.ndarray, kind: str | None) -> _Nodes:
    if kind is None:
        return _Nodes([np.ones(N_BANDS)], np.ones((clock.size, 1)))
    if kind == "spica":
        path = _spica_file(folder, channel)
        spica = cal.read_spica(path, channel)
        used, weight = _bracket(spica.sclk, clock)
        # Where the star gave no signal the ratio is 0 or worse: no sensitivity is known there.
        ratios = [np.ones(N_BANDS) if i < 0 else np.maximum(spica.ratio[i], 0) for i in used]
        return _Nodes([np.nan_to_num(r, posinf=0.0) for r in ratios], weight, (path,))
    path = folder.evolution(channel)
    evolution = cal.read_evolution(path)
    # Nodes at fixed dates, so that a part of an observation gives the same numbers as the whole.
    first = np.floor(max(clock.min() - evolution.t0, 0) / _EVOLUTION_STEP)
    last = np.floor(max(clock.max() - evolution.t0, 0) / _EVOLUTION_STEP) + 1
    epochs = evolution.t0 + np.arange(first, last + 1) * _EVOLUTION_STEP
    used, weight = _bracket(epochs, np.maximum(clock, evolution.t0))
    return _Nodes([np.maximum(evolution.at(epochs[i]), 0) for i in used], weight, (path,))


def _flat(folder: cal.Folder, channel: str, clock: np.ndarray) -> _Nodes:
    frames, weights, paths = [], [], []
    for burn in _burns(clock):
        path = folder.flat(channel, burn)
        flat = cal.read_flat(path).copy()
        if channel == "FUV":
            flat *= _FUV_FLAT_SCALE
            # Evil pixels of these rows stay evil: they miss a quarter of the light of their
            # neighbours as those of other rows do, and the archive's matrices leave them out.
            rows = flat[list(_BAD_FLAT_ROWS)]
            flat[list(_BAD_FLAT_ROWS)] = np.where(np.isnan(rows), np.nan, 1.0)
        frames.append(flat)
        weights.append((clock < BURN) == (burn == "PRE"))
        paths.append(path)
    return _Nodes(frames, np.stack(weights, axis=-1).astype(float), tuple(paths))


def _modifier(folder: cal.Folder, channel: str, clock: np.ndarray) -> _Nodes:
    epochs, paths = folder.modifiers(channel)
    used, weight = _bracket(epochs, clock)
    frames = []
    for i in used:
        frame = np.ones((N_LINES, N_BANDS)) if i < 0 else cal.read_modifier(paths[i]).copy()
        frame[LAST_LIT] = 1.0
        frames.append(frame)
    return _Nodes(frames, weight, tuple(paths[i] for i in used if i >= 0))


def _unlit_nan(binned: np.ndarray, n_lit: np.ndarray) -> np.ndarray:
    return np.where(n_lit > 0, binned, np.nan)
