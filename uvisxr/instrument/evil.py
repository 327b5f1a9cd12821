"""Which detector pixels are evil: those that the public flat fields leave out.

"Evil" is the team's word for pixels whose response differs so much from their neighbours' that the
flat field holds no positive number for them. The table that comes with the package has those of
the FUV before and after the starburn of 2002-06-06; they differ by one pixel. The flat fields of
the EUV leave none out.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.resources import files as package_files
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from .. import calls, checks
from ..timescales import clock_from_et, parse_et, utc_to_et
from .channel import N_BANDS, N_LINES
from .channel import channel as find_channel
from .detector import LIT

#: Before or after the starburn, which separates the flat fields.
Burn = Literal["PRE", "POST"]

#: Spacecraft clock of the starburn, s.
BURN = 1402021717.0

#: Spacecraft clock at launch and after the end of the mission, s, with some margin.
_MISSION = (1.25e9, 1.9e9)


@calls.public("instrument.evil_pixels")
def evil_pixels(channel: str, clock: ArrayLike | date) -> np.ndarray:
    """Detector pixels that are evil, by the public flat field of the time.

    Parameters
    ----------
    channel : {"FUV", "EUV"}
    clock : float, datetime, str or array_like
        Spacecraft clock, s; or UTC as `datetime`, `numpy.datetime64` or text. Several times, such
        as `ds.sclk` or `ds.time`, give the pixels that are evil at any of them.

    Returns
    -------
    ndarray of bool, (64, 1024)
        Detector rows and columns. False in rows that the slit does not illuminate, and everywhere
        in the EUV.

    Raises
    ------
    LabelError
        There is no such channel.
    ArgumentError
        `clock` is no time of the mission.

    Examples
    --------
    Of the 61,440 pixels that the slit lights, 15 % are evil:

    >>> evil = evil_pixels("FUV", "2005-08-18")
    >>> evil.shape, int(evil.sum())
    ((64, 1024), 9272)

    The starburn was at 1402021717 s:

    >>> [int(evil_pixels("FUV", second).sum()) for second in (1402021716, 1402021717)]
    [9273, 9272]
    """
    name = find_channel(channel).name
    public = [public_evil(name, burn) for burn in burns(_seconds(clock))]
    found: np.ndarray = np.logical_or.reduce(public) & LIT
    return found


def burns(clock: np.ndarray) -> list[Burn]:
    """Which flat fields apply at some times, given as spacecraft clock, s."""
    there = ((clock < BURN).any(), (clock >= BURN).any())
    return [burn for burn, applies in zip(get_args(Burn), there, strict=True) if applies]


@lru_cache
def public_evil(channel: str, burn: Burn) -> np.ndarray:
    """Evil pixels of the public flat field before ("PRE") or after ("POST") the starburn.

    Parameters
    ----------
    channel : {"FUV", "EUV"}
    burn : {"PRE", "POST"}

    Returns
    -------
    ndarray of bool, (64, 1024)
        Read-only; with the few in rows that are not illuminated.
    """
    found = np.zeros((N_LINES, N_BANDS), bool)
    if channel == "FUV":
        table = package_files("uvisxr") / "data" / "evil_fuv.csv"
        lines = table.read_text("ascii").splitlines()[-N_LINES:]
        digits = "".join(line.split(",")[1 if burn == "PRE" else 2] for line in lines)
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))
        found = bits.reshape(N_LINES, N_BANDS).astype(bool)
    found.setflags(write=False)
    return found


def _seconds(clock: ArrayLike | date) -> np.ndarray:
    """Spacecraft clock, s, of times of any kind."""
    found = _converted(clock)
    first, last = _MISSION
    if not found.size or not ((found >= first) & (found <= last)).all():
        raise checks.refused(
            "clock",
            clock,
            "times of the mission: spacecraft clock, s, such as ds.sclk (1402021717 on 2002-06-06),"
            " or UTC as datetime or as text",
        )
    return found


def _converted(clock: ArrayLike | date) -> np.ndarray:
    """The same, empty of what is no time."""
    if isinstance(clock, str):
        return clock_from_et(parse_et(clock))
    if isinstance(clock, datetime) and clock.tzinfo is not None:
        clock = clock.astimezone(UTC).replace(tzinfo=None)
    # pandas' NaT is a datetime without a date, and not equal to itself.
    if isinstance(clock, date) and clock == clock:
        clock = np.datetime64(clock)
    try:
        values = np.asarray(clock)
    except (TypeError, ValueError):
        # Rows of different lengths; datasets.
        return np.empty(0)
    if values.dtype.kind == "M" and not np.isnat(values).any():
        return clock_from_et(utc_to_et(values))
    return values.astype(float) if values.dtype.kind in "iuf" else np.empty(0)
