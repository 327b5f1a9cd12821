"""Text files of solar spectra: columns with a heading that has their units, as LISIRD writes them.

One row a wavelength or, in a series, a wavelength at a time. Columns that are neither, such as an
uncertainty, are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import ArgumentError
from ..files import read_whole
from ..timescales import date_of

#: Longest file, bytes: that of 20 years of daily spectra, one value each nm or half of it.
_MOST = 512 * 2**20

#: The most lines before the numbers.
_HEADING = 1000

#: A name with a unit in brackets, as one of several in a heading.
_NAMED = re.compile(r"([^,;()\[\]\t]+)[(\[]([^()\[\]]+)[)\]]")

_COMMENT = "#;%!"

_SINCE = re.compile(r"(days?|hours?|seconds?|milliseconds?)\s+since\s+(\d{4}-\d\d-\d\d\S*)", re.I)

#: Names of columns: errors of others, wavelengths, irradiances, dates.
_ERROR = re.compile(r"unc|err|sigma|std|dev|precision|accuracy|noise", re.I)
_WAVE = re.compile(r"^(vacuum |air )?(wave|wl|lambda)", re.I)
_LIGHT = re.compile(r"^(solar |spectral )*(irradiance|ssi|flux)", re.I)
_DATE = re.compile(r"(utc|time|date|day|year|epoch|m?jd|(modified )?julian)\b", re.I)

#: Nanoseconds in the units of `_SINCE`.
_NS = {"d": 86400e9, "h": 3600e9, "s": 1e9, "m": 1e6}

#: Julian Date of 1970-01-01T00:00.
_EPOCH = 2440587.5

_FORM = (
    "give the columns a heading with units, such as 'wavelength (nm), irradiance (W/m^2/nm)', or, "
    'of two columns, solar_units=("nm", "W m-2 nm-1") (units= of solar_spectrum)'
)


def read(
    path: Path,
    units: tuple[str, str] | None,
    is_wl: Callable[[str], bool],
    is_irradiance: Callable[[str], bool],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, tuple[str, str]]:
    """Read a file.

    Parameters
    ----------
    path : Path
    units : (str, str), optional
        Of the first and the second column; by default those of the heading.
    is_wl, is_irradiance : callable
        Whether a unit is that of wavelengths, or of an irradiance.

    Returns
    -------
    wl : ndarray, (n,)
        As they are in the file.
    values : ndarray, (time, n)
    time : ndarray of datetime64 or None, (time,)
    units : (str, str)

    Raises
    ------
    ArgumentError
        It cannot be read, holds no such columns, or other wavelengths at one time than at another.
    """
    try:
        text = read_whole(path, _MOST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"solar: cannot read {path}: {error}") from None
    heading, rows, first = _parts(text, path)
    width = len(_cells(rows[0]))
    names, columns = ({}, {0: units[0], 1: units[1]}) if units else _columns(heading, width)
    wl = _column(path, columns, names, is_wl, _WAVE)
    light = _column(path, columns, names, is_irradiance, _LIGHT)
    if wl is None or light is None or (units and width < 2):
        raise ArgumentError(
            f"solar: {path}: no heading tells which of its {width} columns are wavelength and "
            f"irradiance, and their units: {_FORM}"
        )
    when = _time(path, columns, names)
    used = [at for at in (wl, light, when) if at is not None]
    cells = _numbers(rows, used, width, path, first, columns.get(-1 if when is None else when, ""))
    chosen = columns[wl], columns[light]
    if when is None:
        return cells[0], cells[1][None], None, chosen
    return *_series(cells[0], cells[1], cells[2], path), chosen


def _parts(text: str, path: Path) -> tuple[list[str], list[str], int]:
    """Lines before the numbers, those with them, and the number of the first of these."""
    lines = text.splitlines()
    for at, line in enumerate(lines[:_HEADING]):
        cells = _cells(line)
        if line.lstrip()[:1] not in _COMMENT and len(cells) > 1 and all(map(_is_value, cells)):
            rows = [row for row in lines[at:] if row.strip() and row.lstrip()[0] not in _COMMENT]
            return lines[:at], rows, at + 1
    raise ArgumentError(
        f"solar: {path}: it holds no columns of numbers, which commas, blanks or tabs separate, "
        f"with decimal points: {_FORM}"
    )


def _cells(line: str) -> list[str]:
    return [c.strip() for c in line.split(",")] if "," in line else line.split()


def _is_value(cell: str) -> bool:
    if re.fullmatch(r"\d{4}-\d\d-\d\d\S*", cell):
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _columns(heading: list[str], width: int) -> tuple[dict[int, str], dict[int, str]]:
    """Names and units by column, of the last line that has a unit for each."""
    for line in reversed(heading):
        plain = line.strip().lstrip(_COMMENT)
        found = _NAMED.findall(plain)
        if len(found) == width:
            both = [(name.strip(), unit.strip()) for name, unit in found]
            return dict(enumerate(n for n, _ in both)), dict(enumerate(u for _, u in both))
        # Columns without a unit leave their place between commas.
        cells = plain.split(",")
        if found and len(cells) == width:
            units = [_NAMED.search(cell) for cell in cells]
            names = {at: cell.partition("(")[0].strip() for at, cell in enumerate(cells)}
            return names, {at: unit[2].strip() for at, unit in enumerate(units) if unit}
    return {}, {}


def is_error(name: str) -> bool:
    """Whether what is called so is the uncertainty of something else."""
    return bool(_ERROR.search(name))


def _column(
    path: Path,
    columns: dict[int, str],
    names: dict[int, str],
    has_unit: Callable[[str], bool],
    usual: re.Pattern[str],
) -> int | None:
    """The one column of a unit that is no error of another, or the one of them called as usual."""
    fit = [at for at, unit in columns.items() if has_unit(unit) and not is_error(names.get(at, ""))]
    called = [at for at in fit if usual.search(names.get(at, ""))]
    found = fit if len(fit) == 1 or not called else called
    if len(found) > 1:
        said = ", ".join(f"{names[at]!r}" for at in found)
        raise ArgumentError(
            f"solar: {path}: the columns {said} are in units of the same kind: name one of them "
            "'wavelength' or 'irradiance' in the heading, and leave the others out"
        )
    return found[0] if found else None


def _time(path: Path, columns: dict[int, str], names: dict[int, str]) -> int | None:
    """The column of dates, if there is one; what is called so must be one."""
    known = [at for at, unit in columns.items() if _is_time(unit)]
    if known:
        return known[0]
    for at, name in names.items():
        if _DATE.match(name):
            unit = columns.get(at, "")
            raise ArgumentError(
                f"solar: {path}: the column {name!r} has {f'the unit {unit!r}' if unit else 'no '}"
                f"{'' if unit else 'unit'}: of dates it is yyyyDDD, yyyyMMdd, yyyy-MM-dd, Julian "
                "Date, or such as 'days since 1858-11-17', which is the Modified Julian Date"
            )
    return None


def _is_time(unit: str) -> bool:
    plain = unit.lower().replace(" ", "")
    known = plain in ("yyyyddd", "yyyymmdd", "juliandate", "jd") or plain.startswith("yyyy-mm-dd")
    return known or bool(_SINCE.fullmatch(unit.strip()))


def _numbers(
    rows: list[str], used: list[int], width: int, path: Path, first: int, time: str
) -> list[np.ndarray]:
    """The columns that are used: numbers, and times as datetime64."""
    delimiter = "," if "," in rows[0] else None
    dates = time.lower().startswith("yyyy-mm-dd")
    try:
        if not dates:
            table = np.loadtxt(rows, delimiter=delimiter, usecols=used, ndmin=2, comments=None)
            cells = list(table.T)
        else:
            texts = np.loadtxt(
                rows, delimiter=delimiter, usecols=used, ndmin=2, dtype="U40", comments=None
            )
            cells = [texts[:, 0].astype(float), texts[:, 1].astype(float)]
            cells.append(np.char.strip(texts[:, 2], ' Z"').astype("datetime64[ns]"))
        if len(used) > 2 and not dates:
            cells[2] = _times(cells[2], time)
    except (ValueError, OverflowError) as error:
        said = " ".join(str(error).split())
        raise ArgumentError(
            f"solar: {path}, after line {first}: not {width} columns of numbers: {said}"
        ) from None
    return cells


def _times(values: np.ndarray, unit: str) -> np.ndarray:
    """Dates as datetime64."""
    plain = unit.lower().replace(" ", "")
    if plain in ("yyyyddd", "yyyymmdd"):
        whole = values.astype(int)
        different, which = np.unique(whole, return_inverse=True)
        if plain == "yyyyddd":
            days = [date_of(int(v) // 1000, int(v) % 1000) for v in different]
        else:
            texts = (f"{v:08d}" for v in different)
            days = [np.datetime64(f"{t[:4]}-{t[4:6]}-{t[6:]}") for t in texts]
        # A day's spectrum is that of its noon.
        noon = np.array(days, "datetime64[ns]") + np.timedelta64(12, "h")
        return np.asarray(noon[which])
    since = _SINCE.fullmatch(unit.strip())
    if since is None:
        start, step = np.datetime64(0, "ns"), 86400e9
        values = values - _EPOCH
    else:
        start, step = np.datetime64(since[2].rstrip("Z"), "ns"), _NS[since[1][0].lower()]
    if not (np.abs(values * step) < 9e18).all():
        raise ValueError(f"a time is not in {unit!r}")
    return np.asarray(start + np.round(values * step).astype("timedelta64[ns]"))


def _series(
    wl: np.ndarray, values: np.ndarray, time: np.ndarray, path: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of many times as a table of times and wavelengths."""
    order = np.lexsort((wl, time))
    wl, values, time = wl[order], values[order], time[order]
    times, number = np.unique(time, return_counts=True)
    count = int(number[0])
    same = (number == count).all()
    if not same or (wl.reshape(-1, count) != wl[:count]).any():
        raise ArgumentError(
            f"solar: {path}: its dates have different wavelengths: interpolate them to the same"
        )
    return wl[:count], values.reshape(-1, count), times
