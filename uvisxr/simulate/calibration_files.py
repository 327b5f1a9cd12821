"""Calibration files of an invented detector, in the team's formats.

The laboratory tables are the real ones; flat fields, evil pixels and their responses, modifiers and
the loss of sensitivity with time are drawn from a seed, with amplitudes as in the real files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from ..calibration.formats import Lab, package_lab
from ..calibration.response import table_of_pixels
from ..export import to_netcdf
from ..files import whole_file, write_text
from ..instrument.channel import N_BANDS, N_LINES, ChannelName
from ..instrument.detector import LIT
from ..instrument.evil import BURN
from . import idlsave

#: Fraction of lit pixels that are evil, as in the real FUV flat field.
EVIL = 0.145

#: Mean response of evil pixels at the first and the last column, and their scatter around it.
_FIRST, _LAST, _SCATTER = 0.25, 0.45, 0.15

#: Spacecraft clock of the modifiers: 2003 to 2015, every two and a half, then every four years.
_MODIFIERS = (1_430_000_000, 1_510_000_000, 1_590_000_000, 1_710_000_000, 1_830_000_000)

#: Spacecraft clock of the spectra of Spica, out of order as in the real file.
_SPICA = (1_300_000_000, 1_700_000_000, 1_500_000_000, 1_600_000_000, 1_400_000_000)

_TREND = np.dtype([("ratio", "f4", (N_BANDS,)), ("desc", [("sctime_sec_start", "i4")])])


def named_as_real(folder: Path, channel: ChannelName) -> tuple[Path, Path, Path]:
    """The files of `write` whose names real ones have too: laboratory table, flat fields."""
    return (
        folder / f"{channel}_1999_Lab_Cal.dat",
        folder / f"FLATFIELD_{channel}_PREBURN.txt",
        folder / f"FLATFIELD_{channel}_POSTBURN.txt",
    )


def write(folder: Path, channel: ChannelName, seed: int = 0) -> list[Path]:
    """Write the calibration files of one channel.

    Parameters
    ----------
    folder : Path
        Created if need be.
    channel : {"FUV", "EUV"}
    seed : int

    Returns
    -------
    list of Path
        Beside files like the team's, a table of the response of each evil pixel, without error, as
        `calibrate(evil_response=...)` takes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 1])
    flat = flat_field(rng)
    lab, before, after = named_as_real(folder, channel)
    written = [
        _lab_table(lab, package_lab(channel)),
        _flat_table(before, flat * rng.normal(1, 0.02)),
        _flat_table(after, flat),
    ]
    for epoch in _MODIFIERS:
        frame = 1 + 0.03 * _smooth_noise(rng, (3, 10))
        path = folder / f"{channel}_SIMULATED_ff_modifier_{epoch}.dat"
        with whole_file(path, archive=True) as temporary:
            temporary.write_bytes(frame.astype("<f4").tobytes())
        written.append(path)
    trend = {f"arr_{channel.lower()}": spica_ratios()}
    written.append(idlsave.write(folder / f"simulated_spica_{channel.lower()}.sav", trend))
    responses = np.where(np.isnan(flat) & LIT, responses_of_evil(rng), np.nan)
    written.append(_response_table(folder / response_name(channel), responses, channel))
    return written


def flat_field(rng: np.random.Generator) -> np.ndarray:
    """A flat field (64, 1024), NaN at evil pixels."""
    pixels = rng.normal(1, 0.08, (N_LINES, N_BANDS))
    flat = np.clip(pixels * (1 + 0.1 * _smooth_noise(rng, (8, 40))), 0.4, 2.0)
    flat[rng.random(flat.shape) < EVIL] = np.nan
    flat[~LIT] = np.nan
    return flat


def response_name(channel: ChannelName) -> str:
    """Name of the table of the responses of evil pixels."""
    return f"simulated_evil_response_{channel.lower()}.nc"


def responses_of_evil(rng: np.random.Generator) -> np.ndarray:
    """What every pixel (64, 1024) would count, if it were evil, of what a good one counts.

    Each has its own number within 0..1; their mean rises along the columns.
    """
    mean = np.linspace(_FIRST, _LAST, N_BANDS)
    return np.clip(rng.normal(mean, _SCATTER, (N_LINES, N_BANDS)), 0.0, 1.0)


def _response_table(path: Path, responses: np.ndarray, channel: ChannelName) -> Path:
    exact = np.where(np.isnan(responses), np.nan, 0.0)
    attrs = {"channel": channel, "source": "simulation"}
    table = table_of_pixels(np.stack([responses, exact, exact]), attrs)
    return to_netcdf(table, path, overwrite=True)


def _smooth_noise(rng: np.random.Generator, width: tuple[float, float]) -> np.ndarray:
    """A smooth frame (64, 1024) of mean 0 and standard deviation 1."""
    frame: np.ndarray = gaussian_filter(rng.normal(size=(N_LINES, N_BANDS)), width)
    frame -= frame.mean()
    frame /= frame.std()
    return frame


def spica_ratios() -> np.ndarray:
    """Ratios that fall by 2 % per year after the starburn, faster around the Lyman-alpha
    columns."""
    column = np.arange(N_BANDS)
    loss = 0.02 * (1 + np.exp(-(((column - 130) / 60.0) ** 2)))
    rows = np.zeros(len(_SPICA), _TREND)
    rows["desc"]["sctime_sec_start"] = _SPICA
    years = np.maximum(np.array(_SPICA) - BURN, 0) / 3.15576e7
    rows["ratio"] = np.exp(-loss * years[:, None])
    return rows


def _lab_table(path: Path, lab: Lab) -> Path:
    half = lab.wl.size // 2
    columns = (lab.wl, lab.sensitivity, lab.error)
    table = np.hstack([np.stack([c[part] for c in columns], -1) for part in _halves(half)])
    text = f"Low resolution slit, {path.stem}, for a simulation\n{_numbers(table)}\n"
    return write_text(path, text, archive=True)


def _halves(half: int) -> tuple[slice, slice]:
    return slice(None, half), slice(half, None)


def _flat_table(path: Path, flat: np.ndarray) -> Path:
    text = f"{path.stem}, simulated\n{_numbers(flat.reshape(-1, 8))}\n"
    return write_text(path, text, archive=True)


def _numbers(table: np.ndarray) -> str:
    rows, columns = table.shape
    # All at once: number by number takes several times as long.
    lines = "\n".join(["%13.6g" * columns] * rows)
    return (lines % tuple(table.ravel().tolist())).replace("nan", "NaN")
