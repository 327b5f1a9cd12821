"""Help with dask arrays inside datasets."""

from __future__ import annotations

import xarray as xr


def unsplit(ds: xr.Dataset, *dims: str) -> xr.Dataset:
    """Put the dask arrays of a dataset in one chunk along some dimensions.

    All of them together: chunks that differ between variables make `Dataset.chunks` fail. Arrays
    in memory stay there, which `Dataset.chunk` would not leave.

    Parameters
    ----------
    ds : Dataset
    *dims : str
        Dimensions; those that a variable does not have are passed over.

    Returns
    -------
    Dataset
    """
    changed = {}
    for name, variable in ds.variables.items():
        split = {d: -1 for d in dims if len(variable.chunksizes.get(d, ())) > 1}
        if split:
            changed[name] = variable.chunk(split)
    data = {name: v for name, v in changed.items() if name in ds.data_vars}
    coords = {name: v for name, v in changed.items() if name in ds.coords}
    return ds.assign(data).assign_coords(coords)
