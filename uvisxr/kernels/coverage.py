"""Coverage of binary kernels: bodies and times in SPK files, pointing in CK files.

Coverage is read once per file and cached by path, modification time and size. Instants are TDB
seconds past J2000 throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import KernelError, warn_user
from . import spice
from .bodies import BARYCENTRE, ILLUMINATOR, OBSERVER, SPACECRAFT_CODE, SPACECRAFT_FRAME, SUN
from .pool import is_set, numbers, wrong
from .session import LOCK, about_to_read, check_file, loaded, spice_reason, stamp

#: Least and most of the numbers that leap seconds and clock of all versions have.
_CONSTANTS = {
    "DELTET/DELTA_T_A": ((32.0, 33.0),),
    "DELTET/K": ((0.0, 0.01),),
    "DELTET/EB": ((0.0, 0.1),),
    "DELTET/M": ((-10.0, 10.0), (0.0, 1e-6)),
    "SCLK01_TIME_SYSTEM_82": ((1, 2),),
    "SCLK01_N_FIELDS_82": ((2, 2),),
    "SCLK01_MODULI_82": ((2**32, 2**32), (256, 256)),
    "SCLK01_OFFSETS_82": ((0, 0), (0, 0)),
    f"CK_{SPACECRAFT_FRAME}_SCLK": ((SPACECRAFT_CODE, SPACECRAFT_CODE),),
}

#: Leap seconds: their number from a date on, and how Cassini's clock runs: from a count on, the
#: time then and the rate.
_LEAPS = "DELTET/DELTA_AT"
_COEFFICIENTS = "SCLK01_COEFFICIENTS_82"

#: Ticks of the clock in a second, and the largest step between the times of its rows, s: in
#: cas00172.tsc they are 3e-7.
_TICKS, _STEP = 256, 0.1

#: Days for which the last rate holds; the last clock kernel ends 71 days before the mission did.
_REACH = 100.0

#: Integers and doubles of an SPK segment descriptor (*SPK* required reading).
_ND, _NI = 2, 6


@dataclass(frozen=True)
class Segment:
    """One SPK segment: the position of `body` relative to `center` from `start` to `stop`."""

    body: int
    center: int
    start: float
    stop: float

    def covers(self, ets: np.ndarray) -> np.ndarray:
        """Whether the segment covers each instant, bool of the shape of `ets`."""
        return (ets >= self.start) & (ets <= self.stop)


def spk_segments(path: str | Path) -> tuple[Segment, ...]:
    """Segments of an SPK file, lowest priority first.

    Raises
    ------
    KernelError
        The file is missing, truncated or corrupt.
    """
    path = Path(path)
    check_file(path)
    return _spk_segments(*stamp(path))


@lru_cache(maxsize=4096)
def _spk_segments(path: str, _inode: int, _mtime: int, _size: int) -> tuple[Segment, ...]:
    found = []
    about_to_read([path])
    with LOCK:
        try:
            handle = spice.dafopr(path)
            try:
                spice.dafbfs(handle)
                while spice.daffna():
                    times, codes = spice.dafus(spice.dafgs(_ND + (_NI + 1) // 2), _ND, _NI)
                    found.append(
                        Segment(int(codes[0]), int(codes[1]), float(times[0]), float(times[1]))
                    )
            finally:
                spice.dafcls(handle)
        except spice.SpiceyError as error:
            raise KernelError(f"cannot read the SPK file {path}: {spice_reason(error)}") from error
    return tuple(found)


def ck_intervals(path: str | Path, frame_id: int) -> np.ndarray:
    """Intervals over which SPICE can interpolate the pointing of a frame in a CK file.

    The leap-seconds and spacecraft-clock kernels must be loaded.

    Parameters
    ----------
    path : path
    frame_id : int
        Cassini's spacecraft bus is -82000.

    Returns
    -------
    ndarray, (n, 2)
        Starts and stops, TDB s past J2000, in order; no rows if the frame is not in the file.

    Raises
    ------
    KernelError
        The file is missing or corrupt, or the clock kernels are not loaded.
    """
    path = Path(path)
    check_file(path)
    with LOCK:
        ticks = _ck_ticks(*stamp(path), frame_id)
        # As in SPICE: frames on a spacecraft use that spacecraft's clock.
        clock = int(frame_id / 1000)
        try:
            ets = spice.cyice.sct2e_v(clock, np.array(ticks, float)) if ticks else ()
        except spice.SpiceyError as error:
            raise KernelError(
                f"cannot tell which times {path} covers without the clock and leap-seconds "
                "kernels: add them to kernels= (`uvisxr kernels fetch` downloads them). "
                f"{spice_reason(error)}"
            ) from error
    return np.array(ets, float).reshape(-1, 2)


@lru_cache(maxsize=4096)
def _ck_ticks(path: str, _inode: int, _mtime: int, _size: int, frame_id: int) -> tuple[float, ...]:
    about_to_read([path])
    try:
        if frame_id not in spice.ckobj(path):
            return ()
        cell = spice.ckcov(path, frame_id, False, "INTERVAL", 0.0, "SCLK")
        return tuple(cell[index] for index in range(spice.card(cell)))
    except spice.SpiceyError as error:
        raise KernelError(f"cannot read the CK file {path}: {spice_reason(error)}") from error


def check_clock(ets: np.ndarray) -> None:
    """Check the loaded leap seconds and clock of Cassini, and that the clock reaches some instants.

    Raises
    ------
    KernelError
        Numbers are not such as they have in all versions, leap seconds not pairs of rising numbers
        and dates, or the coefficients of the clock not triples of rising counts and times and a
        rate, each of which follows from that before.

    Warns
    -----
    UvisWarning
        They end long before the last instant, as in a clock kernel that was cut or is old.
    """
    for name, bounds in _CONSTANTS.items():
        if is_set(name):
            least, most = zip(*bounds, strict=True)
            numbers(name, {len(bounds)}, least, most)
    if is_set(_LEAPS):
        _rows(_LEAPS, 2)
    if not is_set(_COEFFICIENTS):
        # SPICE says what is missing.
        return
    rows = _rows(_COEFFICIENTS, 3)
    predicted = rows[:-1, 1] + rows[:-1, 2] * np.diff(rows[:, 0]) / _TICKS
    if not (abs(predicted - rows[1:, 1]) < _STEP).all():
        raise wrong(_COEFFICIENTS)
    beyond = (ets.max() - rows[-1, 1]) / 86400 if ets.size else 0.0
    if beyond > _REACH:
        warn_user(
            f"the clock kernel ends {beyond:.0f} days before the last instant: the pointing may be "
            "of other times, by seconds to minutes, and latitudes wrong by tens of degrees; use a "
            "whole one of later date, cas00172.tsc"
        )


def _rows(name: str, width: int) -> np.ndarray:
    """Rows of counts and times, which rise, and of rates near 1."""
    rows = numbers(name, range(width, 10**6, width), -1e15, 1e15).reshape(-1, width)
    if not ((np.diff(rows[:, :2], axis=0) > 0).all() and (abs(rows[:, 2:] - 1) < 0.1).all()):
        raise wrong(name)
    return rows


def inside(intervals: np.ndarray, ets: np.ndarray) -> np.ndarray:
    """Whether each instant lies in one of the intervals (ends included).

    Parameters
    ----------
    intervals : ndarray, (n, 2)
        May overlap and be in any order.
    ets : ndarray

    Returns
    -------
    ndarray of bool
        Of the shape of `ets`.
    """
    ets = np.asarray(ets, float)
    if not len(intervals):
        return np.zeros(ets.shape, bool)
    starts = np.sort(intervals[:, 0])
    stops = np.sort(intervals[:, 1])
    # An instant is inside if more intervals have begun by then than have ended before it.
    begun = np.searchsorted(starts, ets, side="right")
    return begun > np.searchsorted(stops, ets, side="left")


def pointing(paths: Iterable[Path], ets: np.ndarray, frame_id: int) -> np.ndarray:
    """Whether CK files give the pointing of a frame at each instant, bool.

    The leap-seconds and spacecraft-clock kernels must be loaded.
    """
    found = [ck_intervals(path, frame_id) for path in paths]
    return inside(np.concatenate([np.empty((0, 2)), *found]), ets)


def connected(
    segments: Sequence[Segment], body: int, ets: np.ndarray, above: tuple[int, ...] = ()
) -> np.ndarray:
    """Whether a body can be placed relative to the solar-system barycentre at each instant.

    Parameters
    ----------
    segments : sequence of Segment
        In loading order: of those that cover an instant, the last one governs.
    body : int
        NAIF code.
    ets : ndarray, (n,)
    above : tuple of int
        Bodies that are placed relative to this one.

    Returns
    -------
    ndarray of bool, (n,)

    Raises
    ------
    KernelError
        The body is placed relative to itself, through other bodies; SPICE would follow for ever.
    """
    if body == BARYCENTRE:
        return np.ones(ets.shape, bool)
    if body in above:
        circle = ", ".join(str(code) for code in (*above[above.index(body) :], body))
        raise KernelError(
            f"the SPK kernels place bodies relative to each other in a circle ({circle}): leave "
            "one of the files out"
        )
    result = np.zeros(ets.shape, bool)
    open_ = np.ones(ets.shape, bool)
    for segment in reversed(segments):
        if segment.body != body or not open_.any():
            continue
        here = open_ & segment.covers(ets)
        if here.any():
            result[here] = connected(segments, segment.center, ets[here], (*above, body))
            open_ &= ~here
    return result


def placed(paths: Sequence[Path], ets: np.ndarray, target: int | None) -> bool:
    """Whether SPICE gives every position that a geometry reads at some instants.

    Parameters
    ----------
    paths : sequence of Path
        SPK files, in loading order.
    ets : ndarray, (n,)
    target : int or None
        NAIF code of the body looked at, if any.

    Raises
    ------
    KernelError
        As `connected`.
    """
    segments = [segment for path in paths for segment in spk_segments(path)]
    for code in (SPACECRAFT_CODE, SUN, *(() if target is None else (target,))):
        # SPICE would follow bodies that are placed by each other for ever.
        connected(segments, code, ets)
    seen = ILLUMINATOR if target is None else str(target)
    with loaded(paths):
        try:
            for et in ets:
                spice.spkssb(SPACECRAFT_CODE, et, "J2000")
                _, light_time = spice.spkpos(seen, et, "J2000", "CN", OBSERVER)
                spice.spkpos(seen, et - light_time, "J2000", "NONE", "SSB")
                if target not in (None, SUN):
                    spice.spkpos(ILLUMINATOR, et - light_time, "J2000", "LT", seen)
        except spice.SpiceyError:
            return False
    return True
