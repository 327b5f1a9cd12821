"""Times without kernels: reading and writing UTC, barycentric dynamical time, the spacecraft clock.

Opening a product must not need SPICE, so the leap seconds are here. TDB follows the formula of
SPICE's leap-seconds kernel to the last digit, and agrees with `spiceypy.utc2et`. Every time given
as text, in a label, an index or by a user, is read by `parse_instant` or a function built on it.

Sources
-------
Leap seconds: IERS Bulletin C, as in NAIF's naif0012.tls. TDB - TT = K sin(E), E = M + EB sin(M),
M = M0 + M1 t: the DELTET constants of the same kernel. Clock: every sixth knot or so of NAIF's
cas00172.tsc. Forms of times: PDS Standards Reference 3.8, chapter 7 (Date/Time Format).
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date

import numpy as np

from .errors import ArgumentError, shortened

#: Dates of the leap seconds since TAI - UTC = 10 s on 1972-01-01 (IERS Bulletin C).
_LEAPS = np.array(
    [
        *("1972-01-01", "1972-07-01", "1973-01-01", "1974-01-01", "1975-01-01", "1976-01-01"),
        *("1977-01-01", "1978-01-01", "1979-01-01", "1980-01-01", "1981-07-01", "1982-07-01"),
        *("1983-07-01", "1985-07-01", "1988-01-01", "1990-01-01", "1991-01-01", "1992-07-01"),
        *("1993-07-01", "1994-07-01", "1996-01-01", "1997-07-01", "1999-01-01", "2006-01-01"),
        *("2009-01-01", "2012-07-01", "2015-07-01", "2017-01-01"),
    ],
    "datetime64[ns]",
)

#: Days from the launch of Cassini to the day after its end.
FLIGHT = np.datetime64("1997-10-15"), np.datetime64("2017-09-16")

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND

# The table in ns, by UTC and by TAI, for arrays and, as lists, for single times.
_TAI_MINUS_UTC = np.arange(10, 10 + _LEAPS.size) * _SECOND
_LEAPS_UTC = _LEAPS.astype(np.int64)
_LEAPS_TAI = _LEAPS_UTC + _TAI_MINUS_UTC
_OFFSETS: list[int] = _TAI_MINUS_UTC.tolist()
_STARTS_UTC: list[int] = _LEAPS_UTC.tolist()
_STARTS_TAI: list[int] = _LEAPS_TAI.tolist()

#: Range in which both UTC and TAI fit datetime64[ns], ns since 1970; the lowest integer is NaT.
_FIRST, _LAST = 1 - 2**63, 2**63 - 1 - _OFFSETS[-1]
_HOLDS = "outside 1677-09-21 to 2262-04-11, the times that datetime64[ns] holds"

#: s from 1970-01-01T00:00 to 2000-01-01T12:00.
_J2000 = 946_728_000
_TT_MINUS_TAI = 32.184

#: J2000 of terrestrial time, as TAI, ns since 1970.
_J2000_TT = _J2000 * _SECOND - round(_TT_MINUS_TAI * _SECOND)

_K, _EB, _M0, _M1 = 1.657e-3, 1.671e-2, 6.239996, 1.99096871e-7

#: Cassini's clock, s, at some TDB s past J2000, (2, knot): those knots of the clock kernel between
#: which a straight line is within 0.1 s of all others. They begin at launch.
CLOCK_KNOTS = (
    np.fromstring(
        """
    -69819471 1255599689.51  -66484661 1258934521.64  -39070447 1286348916.31
    -21494806 1303924673.69  -9227788 1316191772.27  8050585 1333470259.83  19115221 1344534968.65
    22970670 1348390444.93  42781400 1368201312.08  44279913 1369699835.85  46349524 1371769461.25
    51397486 1376817459.09  53264161 1378684147.12  56437195 1381857203.65  60012402 1385432435.75
    63574041 1388994099.38  76599724 1402019874.96  80558689 1405978867.45  86769013 1412189235.68
    92104527 1417524787.33  96690191 1422110483.23  101907593 1427327922.79
    109107281 1434527657.96  150387028 1475807674.15  162308916 1487729639.73
    189345665 1514766561.64  216019388 1541440454.76  245135938 1570557189.24
    273069229 1598490677.44  276051448 1601472917.32  284040066 1609461591.99
    305557590 1630979268.96  307964805 1633386500.79  326202547 1651624372.64
    340626588 1666048517.07  342005458 1667427397.00  377182017 1702604178.46
    408613497 1734035857.85  456607320 1782029985.84  500111060 1825534002.83
    547213469 1872636713.36  552570269 1877993547.72
    """,
        sep=" ",
    )
    .reshape(-1, 2)
    .T
)

_EPOCH = date(1970, 1, 1).toordinal()

_FORM = re.compile(
    r"(\d{4})-(?:(\d{3})|(\d\d)-(\d\d))"
    r"(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d*))?)?)?)?Z?",
    re.ASCII,
)
_NO_DAY = re.compile(r"\d{4}(-\d\d)?Z?", re.ASCII)
_YEAR_OR_MONTH = re.compile(r"\s*(\d{4})(?:-(\d\d))?\s*", re.ASCII)


@dataclass(frozen=True, order=True)
class Instant:
    """A moment of UTC to the nanosecond, including leap seconds, which datetime64 cannot represent.

    Attributes
    ----------
    tai : int
        ns since 1970-01-01T00:00:00 TAI, in which all seconds are equally long.
    """

    tai: int

    @classmethod
    def of(cls, utc: np.datetime64) -> Instant:
        """The instant of a UTC.

        Raises
        ------
        ArgumentError
            It is NaT, or outside the range of datetime64[ns].
        """
        ns = _nanoseconds(utc)
        if np.isnat(ns):
            raise ArgumentError("NaT is not an instant: give a valid time")
        return cls(int(_utc_to_tai(ns)))

    @property
    def utc(self) -> np.datetime64:
        """UTC, datetime64[ns]; a leap second is represented by the second after it."""
        return np.datetime64(self.tai - _OFFSETS[_row(self.tai)], "ns")

    @property
    def et(self) -> float:
        """TDB seconds past J2000."""
        return float(_tai_to_et(np.int64(self.tai)))

    def plus(self, seconds: float) -> Instant:
        """The instant a number of elapsed seconds later, rounded to whole nanoseconds.

        Raises
        ------
        ArgumentError
            It is outside the range of datetime64[ns].
        """
        return Instant(int(_later(self.tai, seconds)))


def parse_instant(text: str) -> Instant:
    """Read a UTC.

    Parameters
    ----------
    text : str
        YYYY-DDD or YYYY-MM-DD; then, after a T or a space, hh, hh:mm or hh:mm:ss with any fraction;
        then optionally Z. Fractions are rounded to whole nanoseconds. The second 23:59:60 is
        accepted where there was a leap second. Surrounding spaces are ignored.

    Returns
    -------
    Instant

    Raises
    ------
    ArgumentError
        The text has another form, is not a valid date and time, or is outside the range of
        datetime64[ns].
    """
    try:
        return Instant(_read(text.strip()))
    except ValueError as error:
        reason = f"{error}; " if str(error) else ""
        raise ArgumentError(
            f"{shortened(text, 40)!r} is not a time: {reason}expected UTC as "
            "2005-08-18T18:14:40.2 or 2005-230T18:14:40.2"
        ) from None


def parse_beginning(text: str) -> Instant:
    """Read a UTC, as `parse_instant`; or a year or a month, YYYY or YYYY-MM, which are where they
    begin.

    Examples
    --------
    >>> from uvisxr.timescales import format_doy, parse_beginning
    >>> format_doy(parse_beginning("2004")), format_doy(parse_beginning("2005-08"))
    ('2004-001T00:00:00.000', '2005-213T00:00:00.000')
    """
    short = _YEAR_OR_MONTH.fullmatch(text)
    return parse_instant(f"{short[1]}-{short[2] or '01'}-01" if short else text)


def parse_utc(text: str) -> np.datetime64:
    """Read a UTC, as `parse_instant`, to datetime64[ns].

    datetime64 cannot represent a leap second, which becomes the second after it, as in
    `add_seconds`. If that second matters, use `parse_et` or `parse_instant`.
    """
    return parse_instant(text).utc


def parse_et(text: str) -> float:
    """Read a UTC, as `parse_instant`, to TDB seconds past J2000; correct in a leap second too."""
    return parse_instant(text).et


def _read(text: str) -> int:
    """TAI of a text, ns since 1970; ValueError with the fault, or "" if nothing in it is valid."""
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError("it names no day" if _NO_DAY.fullmatch(text) else "")
    year, doy, month, day, hour, minute, second = (int(n or 0) for n in match.groups()[:7])
    if not 1677 <= year <= 2262:
        raise ValueError(f"it lies {_HOLDS}")
    days = _days(year, doy) if match[2] else _calendar_days(year, month, day)
    for name, value, last in (("hour", hour, 23), ("minute", minute, 59), ("second", second, 60)):
        if value > last:
            raise ValueError(f"there is no {name} {value}")
    midnight = days * _DAY
    if second == 60 and not ((hour, minute) == (23, 59) and midnight + _DAY in _STARTS_UTC[1:]):
        raise ValueError("there was no leap second")
    digits = match[8] or ""
    fraction = int(digits[:9].ljust(9, "0")) + (digits[9:10] >= "5")
    utc = midnight + ((hour * 60 + minute) * 60 + second) * _SECOND + fraction
    if not _FIRST <= utc <= _LAST:
        raise ValueError(f"it lies {_HOLDS}")
    # The offset for the day: a leap second still uses the one before it.
    return utc + _OFFSETS[max(bisect_right(_STARTS_UTC, midnight) - 1, 0)]


def _calendar_days(year: int, month: int, day: int) -> int:
    if not 1 <= month <= 12:
        raise ValueError(f"there is no month {month}")
    try:
        return date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        raise ValueError(f"{year}-{month:02d} has no day {day}") from None


def _days(year: int, day: int) -> int:
    if not 1 <= day <= 365 + calendar.isleap(year):
        raise ArgumentError(f"{year} has no day {day:03d}")
    return date(year, 1, 1).toordinal() - _EPOCH + day - 1


def date_of(year: int, day: int) -> np.datetime64:
    """Date, datetime64[D], of the day of a year, 1 the first.

    Raises
    ------
    ArgumentError
        The year has no such day.
    """
    return np.datetime64(_days(year, day), "D")


def day_of_year(when: Instant | np.datetime64) -> tuple[int, int]:
    """Year and day of the year, 1 the first, of an instant or a UTC.

    A leap second belongs to the day that it ends.
    """
    days, _, _ = _named(when)
    day = date.fromordinal(days + _EPOCH)
    return day.year, day.timetuple().tm_yday


def format_doy(when: Instant | np.datetime64) -> str:
    """Format an instant or UTC as in labels: YYYY-DDDThh:mm:ss.mmm, truncated to milliseconds.

    A leap second is written 23:59:60; `parse_instant` reads all of these.
    """
    _, ns, leap = _named(when)
    year, day = day_of_year(when)
    ms = ns // 1_000_000
    second = ms // 1000
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60 + leap:02d}.{ms % 1000:03d}"
    return f"{year:04d}-{day:03d}T{clock}"


def _named(when: Instant | np.datetime64) -> tuple[int, int, bool]:
    """Days since 1970, ns of the day, and whether it is the leap second after that."""
    tai = (when if isinstance(when, Instant) else Instant.of(when)).tai
    row = _row(tai)
    utc = tai - _OFFSETS[row]
    leap = utc >= (*_STARTS_UTC, 2**63)[row + 1]
    return *divmod(utc - leap * _SECOND, _DAY), leap


def _row(tai: int) -> int:
    """Row of the leap-second table; a leap second itself uses the row before."""
    return max(bisect_right(_STARTS_TAI, tai) - 1, 0)


def utc_to_et(utc: np.ndarray | np.datetime64) -> np.ndarray:
    """TDB seconds past J2000 of UTC instants, as SPICE's `utc2et`.

    Parameters
    ----------
    utc : array_like of datetime64
        Any shape, from 1972 on; `parse_et` reads text.

    Returns
    -------
    ndarray of float64
        NaN for NaT.

    Raises
    ------
    ArgumentError
        A value is not a datetime64, or is outside the range of datetime64[ns].
    """
    ns = _nanoseconds(utc)
    return np.where(np.isnat(ns), np.nan, _tai_to_et(_utc_to_tai(ns)))


def et_to_utc(et: np.ndarray | float) -> np.ndarray:
    """UTC of TDB instants to the microsecond, as SPICE's `et2utc`.

    Parameters
    ----------
    et : array_like
        Barycentric dynamical time, s past J2000; any shape.

    Returns
    -------
    ndarray of datetime64[ns]
        NaT for NaN. A leap second, which datetime64 cannot represent, becomes the second after it.

    Raises
    ------
    ArgumentError
        A value is outside the range of datetime64[ns].

    Examples
    --------
    >>> print(et_to_utc(parse_et("2005-230T15:15:04.141")))
    2005-08-18T15:15:04.141000000
    """
    et = np.asarray(et, float)
    return np.where(np.isfinite(et), _utc(_tai_of_et(et)), np.datetime64("NaT", "ns"))


def et_to_doy(et: np.ndarray | float) -> np.ndarray:
    """UTC of TDB instants as text, YYYY-DDDThh:mm:ss.mmm, as SPICE's `et2utc` in the form ISOD.

    Parameters
    ----------
    et : array_like
        Barycentric dynamical time, s past J2000; any shape.

    Returns
    -------
    ndarray of str
        Truncated to milliseconds, a leap second as 23:59:60; empty for NaN.

    Raises
    ------
    ArgumentError
        A value is outside the range of datetime64[ns].

    Examples
    --------
    >>> print(et_to_doy(parse_et("2016-366T23:59:60.5")))
    2016-366T23:59:60.500
    """
    et = np.asarray(et, float)
    texts = [
        format_doy(Instant(int(tai))) if known else ""
        for tai, known in zip(np.ravel(_tai_of_et(et)), np.ravel(np.isfinite(et)), strict=True)
    ]
    return np.array(texts, dtype=str).reshape(et.shape)


def _tai_of_et(et: np.ndarray) -> np.ndarray:
    """TAI of TDB, ns since 1970, to the microsecond; J2000 for what is not finite."""
    et = np.where(np.isfinite(et), et, 0.0)
    tt = et
    # The correction of 2 ms changes by less than 1e-9 of itself in its own duration.
    for _ in range(2):
        m = _M0 + _M1 * tt
        tt = et - _K * np.sin(m + _EB * np.sin(m))
    # Seconds past J2000 are doubles, in steps of some 60 ns.
    return (_later(_J2000_TT, tt) + 500) // 1000 * 1000


def add_seconds(start: Instant | np.datetime64, seconds: np.ndarray | float) -> np.ndarray:
    """UTC a number of elapsed seconds after `start`; leap seconds in between are counted.

    Parameters
    ----------
    start : Instant or datetime64
    seconds : array_like
        Rounded to whole nanoseconds.

    Returns
    -------
    ndarray of datetime64[ns]
        A leap second, which datetime64 cannot represent, becomes the second after it.

    Raises
    ------
    ArgumentError
        `start` or a result is outside the range of datetime64[ns].
    """
    tai = _later((start if isinstance(start, Instant) else Instant.of(start)).tai, seconds)
    return _utc(tai)


def _utc(tai: np.ndarray) -> np.ndarray:
    """UTC, datetime64[ns], of TAI, ns since 1970."""
    row = np.maximum(np.searchsorted(_LEAPS_TAI, tai, side="right") - 1, 0)
    return (tai - _TAI_MINUS_UTC[row]).astype("datetime64[ns]")


def _nanoseconds(utc: np.ndarray | np.datetime64) -> np.ndarray:
    """UTC as datetime64[ns], which wraps silently in numpy."""
    given = np.asarray(utc)
    if given.dtype.kind != "M":
        raise ArgumentError(f"{shortened(str(utc), 40)!r} is not a datetime64")
    ns = given.astype("datetime64[ns]")
    held = np.isnat(given) | ((ns.astype(given.dtype) == given) & (ns.astype(np.int64) <= _LAST))
    if not held.all():
        raise ArgumentError(f"{given[~held].flat[0]} lies {_HOLDS}")
    return ns


def _utc_to_tai(utc: np.ndarray) -> np.ndarray:
    ns: np.ndarray = utc.astype(np.int64)
    return ns + _TAI_MINUS_UTC[np.maximum(np.searchsorted(_LEAPS_UTC, ns, side="right") - 1, 0)]


def _tai_to_et(tai: np.ndarray | np.int64) -> np.ndarray:
    seconds, ns = np.divmod(tai, _SECOND)
    tt = (seconds - _J2000) + (ns * 1e-9 + _TT_MINUS_TAI)
    m = _M0 + _M1 * tt
    et: np.ndarray = tt + _K * np.sin(m + _EB * np.sin(m))
    return et


def _later(tai: int, seconds: np.ndarray | float) -> np.ndarray:
    """TAI a number of elapsed seconds after another, ns since 1970."""
    ns = np.rint(np.asarray(seconds, float) * 1e9)
    # Floats this large are accurate only to microseconds.
    held = np.abs(ns + tai) < _LAST - _SECOND
    if not np.all(held):
        wrong = np.asarray(seconds, float)[~held].flat[0]
        raise ArgumentError(f"a time {wrong:g} s after {Instant(tai).utc} lies {_HOLDS}")
    return tai + ns.astype(np.int64)


def decimal_year(et: np.ndarray | float) -> np.ndarray:
    """Year of TDB instants by the UTC calendar, with the elapsed part of it: 2005.5 is mid 2005.

    Parameters
    ----------
    et : array_like
        Barycentric dynamical time, s past J2000; any shape. What TDB differs by from terrestrial
        time, 2 ms, is neglected.

    Returns
    -------
    ndarray of float64
        NaN for what is not finite. Years are as long as they are, 365 or 366 days.

    Raises
    ------
    ArgumentError
        A value is outside the range of datetime64[ns].

    Examples
    --------
    >>> year = decimal_year(parse_et("2004-07-02"))  # 183 of 366 days later than 2004-01-01
    >>> print(f"{year:.6f}")
    2004.500000
    """
    et = np.asarray(et, float)
    known = np.isfinite(et)
    # In microseconds: the first and last years of datetime64[ns] begin and end outside its range.
    tai = np.where(known, et, 0.0) + (_J2000 - _TT_MINUS_TAI)
    utc = add_seconds(Instant(0), tai).astype("datetime64[us]")
    year = utc.astype("datetime64[Y]")
    start, end = year.astype("datetime64[us]"), (year + 1).astype("datetime64[us]")
    return np.where(known, 1970 + year.astype(int) + (utc - start) / (end - start), np.nan)


def clock_from_et(et: np.ndarray | float) -> np.ndarray:
    """Cassini's spacecraft clock, s, within 0.1 s of the clock kernel from launch to the end.

    For calibration epochs, and for products whose label has no valid count.

    Parameters
    ----------
    et : array_like
        Barycentric dynamical time, s past J2000; any shape. Beyond the knots the first and the last
        rate go on.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> print(f"{clock_from_et(parse_et('2005-230T15:15:04.141')):.1f}")  # 1/1503070990.64
    1503070990.2
    """
    et = np.asarray(et, float)
    knots, counts = CLOCK_KNOTS
    row = np.clip(np.searchsorted(knots, et, side="right") - 1, 0, knots.size - 2)
    rate = np.diff(counts) / np.diff(knots)
    clock: np.ndarray = counts[row] + rate[row] * (et - knots[row])
    return clock
