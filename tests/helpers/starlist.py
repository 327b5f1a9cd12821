"""Star catalogues made by hand."""

from __future__ import annotations

import numpy as np
import xarray as xr

from uvisxr.numerics import sphere


def catalogue(place: np.ndarray, magnitude: np.ndarray | float = 5.0, **more) -> xr.Dataset:
    """Stars of known directions (star, 3), J2000, that stay there."""
    zero = np.zeros(len(place))
    columns = {
        "ra": sphere.longitude(place),
        "dec": sphere.latitude(place),
        "pmra": zero,
        "pmdec": zero,
        "epoch": zero + 2000.0,
        "magnitude": zero + magnitude,
    } | more
    return xr.Dataset({key: ("star", value) for key, value in columns.items()})
