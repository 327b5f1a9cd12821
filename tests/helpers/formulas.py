"""The instrument's formulas, written out once more: wavelengths, sensitivity, background, clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

import uvisxr

from .archive import BANDS, LINES, LIT, Area, Moment

_PACKAGE = Path(uvisxr.__file__).parent / "data"

#: Sensitivity of a slit to an extended source relative to the low-resolution slit's, inverted.
RATIO = {
    "FUV": {"LOW_RESOLUTION": 1.0, "HIGH_RESOLUTION": 2.0, "OCCULTATION": 0.1875},
    "EUV": {"LOW_RESOLUTION": 1.0, "HIGH_RESOLUTION": 2.0, "OCCULTATION": 0.25},
}

#: The starburn, spacecraft clock; and the response of evil pixels where none is measured.
_BURN, _EVIL_RESPONSE = 1402021717, 0.38


def wavelengths(channel: str, column: np.ndarray) -> np.ndarray:
    """Angstrom at detector columns, by the grating equation D (sin a + sin b)."""
    if channel == "FUV":
        period, scale = 1e7 / 1066, 0.99815
        alpha, beta = np.deg2rad(9.252) + 3.46465e-5, np.deg2rad(0.032) + 3.46465e-5
    else:
        period, scale = 1e7 / 1371, 0.9987
        small = 0.00032 - 0.0000565
        alpha, beta = np.deg2rad(8.03) + small, np.deg2rad(-1.19) + small
    beta = beta + np.arctan((column - 511.5) * 0.025 * scale / 300)
    return period * (np.sin(alpha) + np.sin(beta))


def clock(et: np.ndarray | float) -> np.ndarray:
    """Spacecraft clock, s, within a minute of the clock kernel from 2000 to 2017."""
    return 1325419621.48 + 1.0000066165554695 * np.asarray(et)


def level(moment: Moment) -> float:
    """Background of a date, count/s per detector pixel."""
    days = 366 if moment.year % 4 == 0 else 365
    year = moment.year + (moment.doy - 1 + moment.ms / 86_400_000) / days
    return float(4.64e-4 * np.exp(-0.0247 * (year - 2004)))


def binned(frame: np.ndarray, area: Area) -> np.ndarray:
    """Sums of a detector frame over the bins of a window, (pixel, wl)."""
    part = frame[area.ul_line : area.lr_line + 1, area.ul_band : area.lr_band + 1]
    rows = np.add.reduceat(part, [k.start - area.ul_line for k in area.lines], axis=0)
    return np.add.reduceat(rows, [k.start - area.ul_band for k in area.bands], axis=1)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Sensitivity of a channel's pixels, from the files of a folder and the package's tables.

    Attributes
    ----------
    channel : str
    base : ndarray, (1024,)
        (count/s)/(kR/angstrom) in the low-resolution slit, before trend and flat field.
    flats : dict of str to ndarray, (64, 1024)
        "PRE" and "POST", NaN at evil pixels.
    modifiers : list of (int, ndarray)
    evolution : tuple of float and ndarray, (3, 1024)
    response : ndarray, (1024,)
        Of evil pixels.
    """

    channel: str
    base: np.ndarray
    flats: dict[str, np.ndarray]
    modifiers: list[tuple[int, np.ndarray]]
    evolution: tuple[float, np.ndarray]
    response: np.ndarray

    @classmethod
    def of(cls, folder: Path, channel: str) -> Sensitivity:
        lab = np.loadtxt(_PACKAGE / f"lab_{channel.lower()}.csv", delimiter=",", skiprows=4)
        wl = wavelengths(channel, np.arange(BANDS))
        bandpass, efficiency = {"FUV": (0.7794, 0.91), "EUV": (0.6049, 1.0)}[channel]
        whole_slit = np.maximum(PchipInterpolator(lab[:, 0], lab[:, 1])(wl), 0)
        base = whole_slit / 60 * bandpass / efficiency
        flats = {}
        for burn in ("PRE", "POST"):
            lines = (folder / f"FLATFIELD_{channel}_{burn}BURN.txt").read_text().splitlines()[1:]
            flat = np.array(" ".join(lines).split(), float).reshape(LINES, BANDS)
            if channel == "FUV":
                flat *= 1.05
                for row in (2, 61):
                    flat[row][np.isfinite(flat[row])] = 1
            flats[burn] = flat
        modifiers = []
        for path in folder.glob(f"{channel}*ff_modifier_*.dat"):
            frame = np.fromfile(path, "<f4").reshape(LINES, BANDS).astype(float)
            frame[61] = 1
            modifiers.append((int(re.findall(r"\d+", path.stem)[-1]), frame))
        raw = (folder / f"{channel}_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT").read_bytes()
        evolution = float(np.frombuffer(raw[:8], ">f8")[0]), np.frombuffer(raw[8:], ">f4")
        response = np.full(BANDS, _EVIL_RESPONSE)
        if channel == "FUV":
            table = np.loadtxt(_PACKAGE / "evil_response_fuv.csv", delimiter=",", skiprows=6)
            for first, last, value in table[:, :3]:
                response[int(first) : int(last) + 1] = value
        return cls(
            channel,
            base,
            flats,
            sorted(modifiers, key=lambda one: one[0]),
            (evolution[0], evolution[1].reshape(3, BANDS).astype(float)),
            response,
        )

    def frame(self, slit: str, count: float) -> np.ndarray:
        """Of pixels (64, 1024) at a spacecraft clock; NaN at evil ones, 0 where no light falls."""
        t0, (a, b, c) = self.evolution
        trend = a * np.exp(b * (count - t0)) + c if count > t0 else np.ones(BANDS)
        flat = self.flats["PRE" if count < _BURN else "POST"]
        epochs = [epoch for epoch, _ in self.modifiers]
        if count < epochs[0]:
            modifier: np.ndarray = np.ones((LINES, BANDS))
        else:
            at = min(int(np.searchsorted(epochs, count)), len(epochs) - 1)
            (one, before), (two, after) = self.modifiers[max(at - 1, 0)], self.modifiers[at]
            x = np.clip((count - one) / max(two - one, 1), 0, 1)
            modifier = before * (1 - x) + after * x
        frame = self.base / RATIO[self.channel][slit] * trend / flat * modifier
        lit = np.zeros((LINES, 1), bool)
        lit[list(LIT)] = True
        return np.where(lit, frame, 0.0)

    def summed(self, slit: str, count: float, area: Area) -> tuple[np.ndarray, np.ndarray]:
        """Sensitivity of bins, and the share of evil pixels in each, (pixel, wl).

        In narrow bins it is NaN where there is an evil pixel. In others evil pixels count by their
        response, as if they were interpolated between the good ones of their row.
        """
        frame = self.frame(slit, count)
        evil = np.isnan(frame)
        share = binned(evil.astype(float), area) / binned(np.ones(frame.shape), area)
        if max(area.line_bin, area.band_bin) > 2:
            wl = wavelengths(self.channel, np.arange(BANDS))
            for row in LIT:
                good = ~evil[row]
                frame[row] = np.interp(wl, wl[good], frame[row][good])
            frame = np.where(evil, frame * self.response, frame)
        return binned(frame, area), share
