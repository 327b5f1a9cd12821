"""Help with dask arrays inside datasets."""

from __future__ import annotations

import xarray as xr


def unsplit(ds: xr.Dataset, *dims: str) -> xr.Dataset:
    """Merge the chunks of a dataset's dask arrays along some dimensions.

    All arrays are rechunked, because chunks that differ between variables make `Dataset.chunks`
    fail. Arrays in memory stay as they are, whereas `Dataset.chunk` would convert them.

    Parameters
    ----------
    ds : Dataset
    *dims : str
        Dimensions; those that a variable lacks are ignored.

    Returns
    -------
    Dataset
    """
    changed = {}
    for name, variable in ds.variables.items():
        split = {d: -1 for d in dims if len(variable.chunksizes.get(d, ())) > 1}
        if split:
            changed[name] = variable.chunk(split)
    if not changed:
        return ds
    data = {name: v for name, v in changed.items() if name in ds.data_vars}
    coords = {name: v for name, v in changed.items() if name in ds.coords}
    return ds.assign(data).assign_coords(coords)
