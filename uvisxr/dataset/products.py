"""Which product each exposure of a dataset comes from."""

from __future__ import annotations

import numpy as np
import xarray as xr


def numbers(ds: xr.Dataset) -> np.ndarray:
    """Number of each exposure's product, int (pic,), from 0; one product if none is named."""
    if "product" not in ds.variables:
        return np.zeros(ds.sizes.get("pic", 1), int)
    names = np.broadcast_to(ds["product"].values, ds.sizes.get("pic", 1))
    return np.unique(names, return_inverse=True)[1]
