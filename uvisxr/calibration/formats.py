"""The formats of the UVIS team's calibration files: one reader each.

Parsed files are cached until their size or modification time changes; the arrays are read-only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from importlib.resources import files as package_files
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import numpy as np
from scipy.io import readsav

from ..errors import CalibrationError
from ..fetch import cache_dir
from ..files import opened, read_whole, real
from ..instrument.channel import N_BANDS, N_LINES
from . import bounds, saves

#: Longest table of numbers, in bytes: a flat field has 0.9 MB.
_LONGEST = 2**23

#: Most points of a laboratory table.
_POINTS = N_BANDS

#: What numbers are written with, besides NaN.
_NUMBERS = b"0123456789+-.eE \t\r\n\f"
_NAN = re.compile(rb"(?<![^\s])nan(?![^\s])", re.IGNORECASE)

#: Axes of a detector frame.
_FRAME = ("line", "band")

#: Fastest change of the sensitivity, 1/s: the real parameters reach 1.1e-6.
_FASTEST = 1e-5

#: What values can be, some ten times as wide as those of the real files: laboratory wavelengths
#: (576 to 1900 angstrom) and sensitivities (0 to 255), flat fields (0.22 to 6623), their modifiers
#: (-174 to 11, above 0 from 0.04 on), ratios of the star (0 to 7), parameters of the evolution but
#: for its speed (-33 to 32), and relative sensitivities by them (-6 to 24).
_WL, _LAB = (100.0, 10_000.0), (0.0, 1e4)
_FLAT, _FLAT_LEAST = (-1e5, 1e5), 1e-3
_MODIFIER, _MODIFIER_LEAST = (-1e4, 1e4), 1e-4
_RATIO, _EVOLUTION = (-1e3, 1e3), (-1e4, 1e4)

#: Longest time that the evolution is used for, s: 20 years.
_LIFE = 6.3e8

#: Command that downloads the files.
FETCH = "uvisxr calibration fetch"

_Content = TypeVar("_Content")
_Further = TypeVarTuple("_Further")


@dataclass(frozen=True, eq=False)
class Lab:
    """Sensitivity of the whole low-resolution slit to an extended monochromatic source.

    Attributes
    ----------
    wl : ndarray
        Angstrom, ascending.
    sensitivity, error : ndarray
        (count/s)/kR, for all illuminated rows together.
    """

    wl: np.ndarray
    sensitivity: np.ndarray
    error: np.ndarray


@dataclass(frozen=True, eq=False)
class SpicaTrend:
    """Response to the star Spica relative to its first observation.

    Attributes
    ----------
    sclk : ndarray, (epoch,)
        Spacecraft clock, s, ascending.
    ratio : ndarray, (epoch, 1024)
    """

    sclk: np.ndarray
    ratio: np.ndarray


@dataclass(frozen=True, eq=False)
class Evolution:
    """Relative sensitivity a0 exp(a1 (t - t0)) + a2 of each detector column.

    Attributes
    ----------
    t0 : float
        Spacecraft clock, s.
    a : ndarray, (3, 1024)
    """

    t0: float
    a: np.ndarray

    def at(self, sclk: float) -> np.ndarray:
        """Relative sensitivity at a spacecraft clock time, (1024,); ones before t0."""
        elapsed = max(sclk - self.t0, 0.0)
        if elapsed == 0:
            return np.ones(N_BANDS)
        a0, a1, a2 = self.a
        relative: np.ndarray = a0 * np.exp(a1 * elapsed) + a2
        return relative


def _remembered(
    reader: Callable[[Path, *_Further], _Content],
) -> Callable[[str | Path, *_Further], _Content]:
    """Cache what `reader(path, ...)` returns until the file changes."""

    @lru_cache(maxsize=128)
    def cached(path: Path, mtime_ns: int, size: int, *args: *_Further) -> _Content:
        return reader(path, *args)

    @wraps(reader)
    def read(path: str | Path, *args: *_Further) -> _Content:
        path = real(path)
        try:
            stat = path.stat()
        except OSError as error:
            raise CalibrationError(
                f"cannot read {path}: {error.strerror or error}; download it with `{FETCH}`"
            ) from error
        return cached(path, stat.st_mtime_ns, stat.st_size, *args)

    return read


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _bytes(path: Path, most: int = _LONGEST) -> bytes:
    try:
        return read_whole(path, most)
    except OSError as error:
        raise CalibrationError(
            f"cannot read {path}: {error.strerror or error}; {_mend(path)}"
        ) from error


def _mend(path: Path) -> str:
    """What to do about a file that is not what it should be: one that is there is not replaced."""
    folder = path.parent
    to = "" if folder == real(cache_dir("calibration")) else f" --to {shlex.quote(str(folder))}"
    return f"move it away and run `{FETCH}{to}`"


def _malformed(path: Path, why: str) -> CalibrationError:
    return CalibrationError(f"{path}: {why}; {_mend(path)}")


def _lab(path: Path, points: np.ndarray) -> Lab:
    if not (np.isfinite(points).all() and (np.diff(points[:, 0]) > 0).all()):
        raise _malformed(path, "laboratory wavelengths are not ascending finite numbers")
    if not (points >= 0).all():
        raise _malformed(path, "laboratory sensitivities or their errors are negative")
    places = ("point",)
    bounds.check(path, "a laboratory wavelength", points[:, 0], _WL, places, _mend(path))
    bounds.check(path, "a laboratory sensitivity", points[:, 1], _LAB, places, _mend(path))
    bounds.check(path, "an error of it", points[:, 2], _LAB, places, _mend(path), dark=True)
    return Lab(*(_frozen(np.ascontiguousarray(column)) for column in points.T))


@_remembered
def read_lab(path: Path, channel: str) -> Lab:
    """Read a `*_1999_Lab_Cal.dat`: a title, then two blocks of (wl, sensitivity, error).

    Parameters
    ----------
    path : path
    channel : {"FUV", "EUV"}

    Raises
    ------
    CalibrationError
        The file is missing, does not have six columns, or was cut short: it has fewer rows than the
        channel's table, or does not reach as far.
    """
    rows = _numbers(path, 6, 3 * _POINTS)
    lab, known = _lab(path, np.concatenate([rows[:, :3], rows[:, 3:]])), package_lab(channel).wl
    if lab.wl.size < known.size:
        raise _malformed(
            path, f"{len(rows)} rows of the table's {known.size // 2}: it was cut short"
        )
    if lab.wl[0] > known[0] or lab.wl[-1] < known[-1]:
        raise _malformed(
            path,
            f"wavelengths of {lab.wl[0]:g} to {lab.wl[-1]:g} angstrom, of the table's "
            f"{known[0]:g} to {known[-1]:g}: part of it is missing",
        )
    return lab


def _numbers(path: Path, columns: int, most: int) -> np.ndarray:
    """Numbers after the title line of a text file, in rows; no more than so many."""
    # The files occur with all three kinds of line ending.
    # DOS ended texts with Ctrl-Z.
    raw = _bytes(path).rstrip(b"\x1a")
    title, *lines = raw.splitlines() or [b""]
    body = b"\n".join(lines)
    # Python's float() would also take inf, infinity and 1_000.
    strange = _NAN.sub(b"", body).translate(None, _NUMBERS)
    if strange:
        shown = strange[:20].decode("latin-1")
        raise _malformed(path, f"not a table of numbers after its title line ({shown!r})")
    words = body.split()
    if not words or len(words) % columns:
        raise _malformed(path, f"{len(words)} numbers do not make rows of {columns}")
    if len(words) > most:
        raise _malformed(path, f"{len(words)} numbers, more than {most}")
    if not raw.endswith((b"\r", b"\n")) and not (columns > 1 and _is_whole(lines)):
        raise _malformed(path, "its last line has no end: it was cut short")
    # One of a row may be joined to the title's last word.
    if columns > 1 and _is_row(title.split()[1 - columns :]):
        raise _malformed(path, "its title line ends in numbers: a line break is lost")
    try:
        values = np.array(words, float)
    except ValueError as error:
        raise _malformed(path, f"not a table of numbers after its title line ({error})") from None
    if np.isinf(values).any():
        raise _malformed(path, "a number is too large")
    return values.reshape(-1, columns)


def _is_whole(lines: list[bytes]) -> bool:
    """Whether the last line, which has no end, is as long as the one before it."""
    return len(lines) > 1 and len(lines[-1].rstrip()) >= len(lines[-2].rstrip())


def _is_row(words: list[bytes]) -> bool:
    """Whether all words are numbers."""
    try:
        np.array(words, float)
    except ValueError:
        return False
    return True


@lru_cache
def package_lab(channel: str) -> Lab:
    """The laboratory table that comes with the package, for channel FUV or EUV."""
    path = package_data(f"lab_{channel.lower()}.csv")
    with opened(path) as stream:
        return _lab(path, np.loadtxt(stream, delimiter=",", skiprows=4))


def package_data(name: str) -> Path:
    """A file that comes with the package."""
    return Path(str(package_files("uvisxr"))) / "data" / name


@_remembered
def read_flat(path: Path) -> np.ndarray:
    """Read a FLATFIELD_*.txt: a title and 64 x 1024 numbers, NaN at evil pixels.

    Returns
    -------
    ndarray, (64, 1024)
        As in the file; the sensitivity is divided by it.

    Raises
    ------
    CalibrationError
        The file is missing, does not hold a detector frame, or has values that no flat field has.
    """
    values = _numbers(path, 1, 2 * N_LINES * N_BANDS)
    if values.size != N_LINES * N_BANDS:
        raise _malformed(path, f"{values.size} numbers instead of {N_LINES} x {N_BANDS}")
    frame = values.reshape(N_LINES, N_BANDS)
    bounds.check(path, "a flat field", frame, _FLAT, _FRAME, _mend(path), least=_FLAT_LEAST)
    return _frozen(frame)


@_remembered
def read_modifier(path: Path) -> np.ndarray:
    """Read a `*ff_modifier_<sclk>.dat`: little-endian 4-byte floats, one detector frame.

    Returns
    -------
    ndarray, (64, 1024)
        The sensitivity is multiplied by it.

    Raises
    ------
    CalibrationError
        The file is missing, has the wrong size, or values that no modifier has.
    """
    raw = _bytes(path)
    if len(raw) != N_LINES * N_BANDS * 4:
        raise _malformed(path, f"{len(raw)} bytes instead of {N_LINES * N_BANDS * 4}")
    frame = _doubles(np.frombuffer(raw, "<f4")).reshape(N_LINES, N_BANDS)
    what, least = "a modifier of the flat field", _MODIFIER_LEAST
    bounds.check(path, what, frame, _MODIFIER, _FRAME, _mend(path), least=least)
    return _frozen(frame)


@_remembered
def read_spica(path: Path, channel: str) -> SpicaTrend | None:
    """Read the ratios of one channel from an IDL save file, sorted by time.

    Parameters
    ----------
    path : path
        A save file with structures `arr_fuv` and `arr_euv`, or `arr` (FUV only), whose fields
        `ratio` and `desc.sctime_sec_start` are used.
    channel : {"FUV", "EUV"}

    Returns
    -------
    SpicaTrend or None
        None if the file has nothing for the channel.

    Raises
    ------
    CalibrationError
        The file is missing or is not such a save file.
    """
    raw = _bytes(path, saves.MOST)
    if raw[:2] != b"SR":
        raise _malformed(path, "not an IDL save file")
    try:
        saves.check(raw)
        saved = readsav(path)
    except Exception as error:  # readsav raises errors of any kind
        raise _malformed(path, f"a broken IDL save file ({error})") from error
    records = saved.get(f"arr_{channel.lower()}")
    if records is None and channel == "FUV":
        records = saved.get("arr")
    if records is None:
        return None
    try:
        ratio = np.array([_reals(r["ratio"], "f4 f8") for r in records])
        sclk = np.array(
            [_reals(r["desc"]["sctime_sec_start"], "i4 u4 i8 u8 f8")[0] for r in records]
        )
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise _malformed(path, f"no ratios with their epochs in it ({error})") from error
    if ratio.shape[1:] != (N_BANDS,):
        raise _malformed(path, f"ratios of shape {ratio.shape} instead of (epochs, {N_BANDS})")
    if ratio.size:
        bounds.check(path, "a ratio of the star", ratio, _RATIO, ("epoch", "band"), _mend(path))
    order = np.argsort(sclk, kind="stable")
    return SpicaTrend(_frozen(sclk[order]), _frozen(ratio[order]))


def _reals(value: object, kinds: str) -> np.ndarray:
    """Numbers of one of some of numpy's types, as a row."""
    found = np.asarray(value)
    if found.dtype.str[1:] not in kinds.split():
        raise TypeError(f"values of type {found.dtype}")
    return _doubles(np.ravel(found))


def _doubles(values: np.ndarray) -> np.ndarray:
    """Numbers of a file as doubles; what of it is no number numpy may tell by a warning."""
    with np.errstate(invalid="ignore"):
        return values.astype(float)


@_remembered
def read_evolution(path: Path) -> Evolution:
    """Read a `*_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT`: >f8 t0, then >f4 (3, 1024).

    Raises
    ------
    CalibrationError
        The file is missing or has the wrong size.
    """
    raw = _bytes(path)
    if len(raw) != 8 + 3 * N_BANDS * 4:
        raise _malformed(path, f"{len(raw)} bytes instead of {8 + 3 * N_BANDS * 4}")
    t0 = float(np.frombuffer(raw[:8], ">f8")[0])
    a = _doubles(np.frombuffer(raw[8:], ">f4")).reshape(3, N_BANDS)
    if not (0 <= t0 < 2**32 and np.isfinite(a).all()):
        raise _malformed(path, "parameters are not finite, or t0 is no spacecraft clock")
    if (abs(a[1]) > _FASTEST).any():
        raise _malformed(path, f"the sensitivity changes by more than {_FASTEST:g} of it a second")
    what = "a parameter of the evolution"
    bounds.check(path, what, a, _EVOLUTION, ("parameter", "band"), _mend(path), dark=True)
    evolution = Evolution(t0, _frozen(a))
    what = "a relative sensitivity after 20 years"
    with np.errstate(over="ignore", invalid="ignore"):
        later = np.nan_to_num(evolution.at(t0 + _LIFE), nan=np.inf, posinf=np.inf, neginf=-np.inf)
    bounds.check(path, what, later, _EVOLUTION, ("band",), _mend(path), dark=True)
    return evolution
