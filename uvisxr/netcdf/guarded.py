"""Open NetCDF files; damage that is met only when values are read is an error with the name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray, NetCDF4BackendEntrypoint, StoreBackendEntrypoint
from xarray.core import indexing

from ..errors import ExportError
from ..hdf5 import handles


def tree(path: Path, chunks: dict[str, int] | str | None, mend: str) -> xr.DataTree:
    """`xarray.open_datatree` of a file; parameters as of `uvisxr.netcdf.reading.tree`."""
    with handles.looking():
        return xr.open_datatree(path, engine=_Engine, chunks=chunks, mend=mend)


def mapped(opened: xr.DataTree, change: Callable[[xr.Dataset], xr.Dataset]) -> xr.DataTree:
    """The datasets of an opened file, changed, that close it as before."""
    found: xr.DataTree = opened.map_over_datasets(change)
    for node in opened.subtree:
        found[node.path].set_close(node._close)
    return found


class _Engine(NetCDF4BackendEntrypoint):
    """xarray's engine, whose arrays say which file they could not read."""

    def open_groups_as_dict(
        self, filename_or_obj: Any, *, mend: str = "", **options: Any
    ) -> dict[str, xr.Dataset]:
        whole = handles.store(Path(filename_or_obj))
        entrypoint = StoreBackendEntrypoint()
        with whole._manager.acquire_context() as root:
            names = [group.path for group in handles.groups(root)]
        groups = {}
        for name in names:
            ds = entrypoint.open_dataset(whole.get_child_store(name), **options)
            groups[name] = _guarded(ds, Path(filename_or_obj), mend)
        return groups

    def open_datatree(self, filename_or_obj: Any, **options: Any) -> xr.DataTree:
        groups = self.open_groups_as_dict(filename_or_obj, **options)
        found = xr.DataTree.from_dict(groups)
        for name, ds in groups.items():
            found[name].set_close(ds._close)
        return found


def _guarded(ds: xr.Dataset, path: Path, mend: str) -> xr.Dataset:
    lazy = {name: v for name, v in ds.variables.items() if name not in ds.indexes}
    new = {}
    for name, variable in lazy.items():
        array = indexing.LazilyIndexedArray(_Array(variable, str(name), path, mend))
        new[name] = xr.Variable(variable.dims, array, variable.attrs, variable.encoding)
    coords = {name: v for name, v in new.items() if name in ds.coords}
    data = {name: v for name, v in new.items() if name in ds.data_vars}
    out = ds.assign(data).assign_coords(coords)
    out.encoding = ds.encoding
    out.set_close(ds._close)
    return out


class _Array(BackendArray):
    """A variable that is read when it is indexed.

    Parameters
    ----------
    variable : Variable
        Lazy.
    name : str
        Its name, for messages.
    path : Path
        The file.
    mend : str
        What to do if it cannot be read.
    """

    def __init__(self, variable: xr.Variable, name: str, path: Path, mend: str):
        self.variable, self.name, self.path, self.mend = variable, name, path, mend
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        read: Callable[[tuple[Any, ...]], np.ndarray] = self._read
        found: np.ndarray = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, read
        )
        return found

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        try:
            with handles.READING:
                return self.variable[key].values
        except Exception as error:  # whatever the libraries stumble over in a damaged file
            raise ExportError(
                f"cannot read {self.name} of {self.path}: {error}; {self.mend}"
            ) from error
