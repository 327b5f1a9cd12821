"""Spectra of the Sun that are known, for tests of reflectances."""

from __future__ import annotations

import numpy as np
import xarray as xr


def flat(level: float = 2e-3, low: float = 50.0, high: float = 210.0) -> xr.DataArray:
    """As many W m-2 at all wavelengths (nm), about what the Sun has at 1800 angstrom."""
    return xr.DataArray(
        [level, level],
        {"wl": ("wl", [low, high], {"units": "nm"})},
        attrs={"units": "W m-2 nm-1"},
    )


def series(first: str = "1999-01-01", last: str = "2018-01-01", days: int = 5) -> xr.DataArray:
    """Flat spectra by date, in photons, whose level is 1e14 and a millionth of it for each day."""
    time = np.arange(first, last, days, "datetime64[D]").astype("datetime64[ns]")
    day = (time - np.datetime64("2000-01-01")) / np.timedelta64(1, "D")
    return xr.DataArray(
        np.outer(1e14 * (1 + 1e-6 * day), np.ones(2)),
        {"time": time, "wavelength": ("wavelength", [50.0, 210.0], {"units": "nm"})},
        ("time", "wavelength"),
        attrs={"units": "photon s-1 m-2 angstrom-1"},
    )
