"""The background that a spectrum holds at least, as far as it is known.

A stretch of zeros that even this background would not leave was lost, whatever light there was.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..errors import warn_user
from ..timescales import decimal_year

#: Relative error of `rtg_level`.
RTG_ERROR = 0.1


#: Of the EUV, for which no dates are known: the users guide's working value, count/s per detector
#: pixel.
EUV_LEVEL = 4e-4

#: Rates above this cannot be background alone, count/s per detector pixel.
UNUSUAL = 1e-3


def year_of(ds: xr.Dataset) -> float:
    """Decimal year of the mean time of the exposures; NaN unless all are known."""
    et = ds["et"].values if "et" in ds.variables else np.empty(0)
    known = et.size > 0 and et.dtype.kind in "iuf" and bool(np.isfinite(et).all())
    return float(decimal_year(et.mean(dtype=float))) if known else np.nan


def sure(level: float, error: float) -> float:
    """Level against which runs of zeros are judged: a lower bound on the background.

    It is two errors below the measured level. Above `UNUSUAL` the level is not that of the
    background, and the test is skipped, as it would take faint spectra for lost ones.
    """
    return max(level - 2 * error, 0.0) if level <= UNUSUAL else 0.0


def own_bound(ds: xr.Dataset) -> float:
    """Level against which runs of zeros are judged, by a dataset's background; 0 without one."""
    # In what was joined, each product has its own.
    if "background" not in ds.variables or np.unique(ds["background"].values).size != 1:
        return 0.0
    error = np.unique(ds["background_error"].values) if "background_error" in ds.variables else 0.0
    return sure(float(ds["background"].values.flat[0]), float(np.max(error)))


def lower_bound(ds: xr.Dataset) -> float:
    """As `own_bound`; of FUV data without a background, by the level of their date."""
    if "background" in ds.variables:
        return own_bound(ds)
    year = year_of(ds)
    if ds.attrs.get("channel") != "FUV" or np.isnan(year):
        return 0.0
    level = float(rtg_level(year))
    return sure(level, RTG_ERROR * level)


def warn_of_none(ds: xr.Dataset, step: str) -> None:
    """Warn where light of calibrated counts holds their background, as none was taken off.

    Not of maps alone: after steps that drop `background` its method tells that it was.
    """
    if "calibrate_arguments" not in ds.attrs:
        return
    if "background" in ds.variables or "background_method" in ds.attrs:
        return
    year, channel = year_of(ds), str(ds.attrs.get("channel", ""))
    about = f"about {EUV_LEVEL:g} count/s per detector pixel" if channel == "EUV" else ""
    if channel == "FUV":
        about = "about 3 to 5e-4 count/s per detector pixel"
        if np.isfinite(year):
            about = f"about {float(rtg_level(year)):.2g} count/s per detector pixel in {year:.1f}"
    warn_user(
        f"{step}: no background was taken off the counts, so that the detector's own count as "
        f"light{f' ({about})' if about else ''}: call ds.uvis.background(alt_min=...) or "
        'ds.uvis.background(method="rtg") before calibrate, or background(level=0) if there is '
        "none to take off"
    )


def rtg_level(year: np.ndarray | float) -> np.ndarray:
    """Background of a date, mostly of the spacecraft's power source.

    4.64e-4 exp(-0.0247 (year - 2004)) count/s per detector pixel: 5.2e-4 in 1999.7, 3.5e-4 in
    2015.4. It halves in 28 years, far less than the 88 of the plutonium.

    Parameters
    ----------
    year : array_like
        Decimal year, any shape; `uvisxr.timescales.decimal_year`.

    Returns
    -------
    ndarray of float64
        Count/s per detector pixel, within 4 % of the yearly medians of 1999 to 2015 and by
        estimate within 10 % from 1999 to 2017. Of one exposure it says less: stars, the light of
        bodies and scattered Lyman-alpha come on top.

    Notes
    -----
    The users guide (chapter 3, figure 3.1) shows the mean of the FUV's detector columns 950..1015
    and rows 2..60 in exposures of the sky, without outliers beyond 30 % of the median. The
    parameters of its own exponential are not printed: this one is fitted to the half-yearly medians
    of the LOW slit, read off the figure. They scatter by 2.3 % around it.

    Examples
    --------
    >>> rtg_level(2004.0).item()
    0.000464
    """
    return np.asarray(4.64e-4 * np.exp(-0.0247 * (np.asarray(year, float) - 2004.0)))
