"""Help with dask arrays inside datasets."""

from __future__ import annotations

from typing import Any

import xarray as xr

from ..errors import ArgumentError


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


def check_scheduler() -> None:
    """Raise an ArgumentError if dask is set to a scheduler that it does not have."""
    from dask import base, config

    try:
        base.get_scheduler()
    except ValueError as error:
        raise ArgumentError(
            f"dask's scheduler is set to {config.get('scheduler', None)!r}, by the environment "
            f"variable DASK_SCHEDULER or dask.config: {error}"
        ) from error


#: Bytes of arrays that may stay in memory for several uses.
_SMALL = 2**25


def apart(variable: xr.Variable, what: str) -> xr.Variable:
    """The same values, whose blocks dask computes for this use alone.

    Else blocks that one use is done with stay in memory for another that has to wait, such as for a
    mean of all. Reading counts again is cheap.

    Parameters
    ----------
    variable : Variable
    what : str
        The use.

    Returns
    -------
    Variable
        The same array for the same use; a small one, or one in memory, as it is.
    """
    small = variable.chunks is None or variable.nbytes <= _SMALL
    return variable if small else anew(variable, what)


def anew(variable: xr.Variable, what: str) -> xr.Variable:
    """The same values, of a dask array, whose blocks are computed for this use alone."""
    import dask.array as da
    from dask._task_spec import convert_legacy_graph
    from dask.base import clone_key

    array = variable.data
    # What dask.graph_manipulation.clone is for, which loses track of what rechunking makes.
    tasks = convert_legacy_graph(dict(array.__dask_graph__()))
    names = {key: clone_key(key, what) for key in tasks}
    graph = {names[key]: task.substitute(names, key=names[key]) for key, task in tasks.items()}
    name = clone_key(array.name, what)
    data: Any = da.Array(graph, name, array.chunks, dtype=array.dtype, meta=array._meta)
    copy: xr.Variable = variable.copy(deep=False, data=data)
    return copy
