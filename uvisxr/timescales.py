"""UTC, barycentric dynamical time and the spacecraft clock, without kernels.

Opening a product must not need SPICE, so the leap seconds are here. TDB follows the formula of
SPICE's leap-seconds kernel to its last digit, and agrees with `spiceypy.utc2et`.

Sources
-------
Leap seconds: IERS Bulletin C, as in NAIF's naif0012.tls. TDB - TT = K sin(E), E = M + EB sin(M),
M = M0 + M1 t: the DELTET constants of the same kernel. Clock: a straight line through NAIF's
cas00172.tsc.
"""

from __future__ import annotations

import numpy as np

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
_TAI_MINUS_UTC = np.arange(10, 10 + _LEAPS.size)

_J2000 = np.datetime64("2000-01-01T12:00:00", "ns")
_TT_MINUS_TAI = 32.184
_K, _EB, _M0, _M1 = 1.657e-3, 1.671e-2, 6.239996, 1.99096871e-7


def _tdb_minus_tt(tt: np.ndarray) -> np.ndarray:
    m = _M0 + _M1 * tt
    return _K * np.sin(m + _EB * np.sin(m))


def _leap_seconds(utc: np.ndarray) -> np.ndarray:
    return _TAI_MINUS_UTC[np.maximum(np.searchsorted(_LEAPS, utc, side="right") - 1, 0)]


def utc_to_et(utc: np.ndarray | np.datetime64) -> np.ndarray:
    """TDB seconds past J2000 of UTC instants, as SPICE's `utc2et`.

    Parameters
    ----------
    utc : array_like of datetime64
        Any shape, from 1972 on.

    Returns
    -------
    ndarray of float64
    """
    utc = np.asarray(utc, "datetime64[ns]")
    elapsed = (utc - _J2000).astype(np.int64) * 1e-9
    tt = elapsed + _leap_seconds(utc) + _TT_MINUS_TAI
    return tt + _tdb_minus_tt(tt)


def add_seconds(utc: np.datetime64, seconds: np.ndarray | float) -> np.ndarray:
    """UTC a number of elapsed seconds after another; leap seconds in between are counted.

    Parameters
    ----------
    utc : datetime64
    seconds : array_like
        Rounded to whole nanoseconds.

    Returns
    -------
    ndarray of datetime64[ns]
        A leap second, which datetime64 cannot name, gets the name of the second after it.
    """
    utc = np.asarray(utc, "datetime64[ns]")
    ns = np.rint(np.asarray(seconds, float) * 1e9).astype(np.int64)
    # On the scale of TAI every second is as long as every other.
    tai = utc + _leap_seconds(utc) * np.timedelta64(1, "s") + ns.astype("timedelta64[ns]")
    starts = _LEAPS + _TAI_MINUS_UTC * np.timedelta64(1, "s")
    leaps = _TAI_MINUS_UTC[np.maximum(np.searchsorted(starts, tai, side="right") - 1, 0)]
    return tai - leaps * np.timedelta64(1, "s")


def clock_from_et(et: np.ndarray | float) -> np.ndarray:
    """Cassini's spacecraft clock, s, within 32 s from 1998 to 2017.

    A straight line through the clock kernel cas00172.tsc: enough for calibration epochs, which
    lie days to years apart, and for products whose label has no valid count.

    Parameters
    ----------
    et : array_like
        Barycentric dynamical time, s past J2000; any shape.

    Returns
    -------
    ndarray of float64
    """
    return 1325419639.0 + 1.000006636 * np.asarray(et, float)
