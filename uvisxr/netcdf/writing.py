"""Write NetCDF-4 files with all that belongs to them, and know them again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netCDF4
import xarray as xr

from ..dataset.lazy import check_scheduler
from ..errors import ExportError
from ..hdf5 import soundness
from ..hdf5.handles import HDF5_LOCK, LOCK
from . import deflate, encodings

#: Bytes of each variable's chunks that the netCDF4 library keeps in memory while it writes: some of
#: `encodings`, in which blocks end. By default it keeps 64 MiB of each.
_CACHED = 2**24


def is_netcdf_of_ours(path: Path) -> bool:
    """Whether `write` wrote a NetCDF file, and nothing was added since.

    Raises
    ------
    OSError, ValueError
        It is no NetCDF file, damaged, or cannot be read.
    """
    with soundness.sound(path) as root:
        return soundness.is_untouched(root)


def write(
    ds: xr.Dataset | xr.DataTree,
    path: Path,
    stored: dict[str, Any] | None = None,
    group: str | None = None,
) -> None:
    """Write a file as `to_netcdf` does, under a name that `whole_file` gave.

    Parameters
    ----------
    ds : Dataset or DataTree
    path : Path
    stored : dict, optional
        Encodings of all variables, by name, or of more; of a tree, by node path and name.
    group : str, optional
        Of a dataset.

    Raises
    ------
    OSError
        The file cannot be written.
    ExportError
        The dataset holds what NetCDF has no form for.
    ArgumentError
        dask is set to a scheduler that it does not have.
    """
    check_scheduler()
    stored = encodings.of(ds) if stored is None else encodings.present(stored, ds)
    # Encodings read from a file describe that file (its chunks and time units), not this one.
    if isinstance(ds, xr.DataTree):
        ds = ds.map_over_datasets(lambda node: node.drop_encoding())
    else:
        ds = ds.drop_encoding()
    into: dict[str, Any] = {} if group is None else {"group": group}
    try:
        with LOCK, _cached_chunks(_CACHED):
            left, planes, scheduler = _set_apart(ds, stored, group or "/")
            left.to_netcdf(path, engine="netcdf4", format="NETCDF4", encoding=stored, **into)
            _complete(ds, path, group or "/")
            if planes:
                deflate.fill(path, planes, scheduler)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        # What NetCDF has no form for: an attribute that is None or has / in its name, an index of
        # several levels.
        raise ExportError(f"the dataset cannot be written as NetCDF: {error}") from error
    except RuntimeError as error:
        # The NetCDF library reports a full disk, among other things, like this.
        if not str(error).startswith("NetCDF"):
            raise
        raise OSError(str(error)) from error


@contextmanager
def _cached_chunks(size: int) -> Iterator[None]:
    """Bound the memory of the files that the netCDF4 library opens meanwhile."""
    before = netCDF4.get_chunk_cache()
    netCDF4.set_chunk_cache(size)
    try:
        yield
    finally:
        netCDF4.set_chunk_cache(*before)


def _set_apart(
    ds: xr.Dataset | xr.DataTree, stored: dict[str, Any], group: str
) -> tuple[xr.Dataset | xr.DataTree, list[deflate.Plane], str]:
    """What xarray writes, what is written after it, and by which of dask's schedulers."""
    if not deflate.available():
        return ds, [], ""
    if isinstance(ds, xr.DataTree):
        planes, nodes = list[deflate.Plane](), {}
        for node in ds.subtree:
            own = node.to_dataset(inherit=False)
            nodes[node.path], some = deflate.set_apart(own, stored[node.path], node.path)
            planes += some
        left: xr.Dataset | xr.DataTree = xr.DataTree.from_dict(nodes)
    else:
        left, planes = deflate.set_apart(ds, stored, group)
    scheduler = deflate.scheduler(planes)
    return (ds, [], "") if scheduler is None else (left, planes, scheduler)


def _complete(ds: xr.Dataset | xr.DataTree, path: Path, top: str) -> None:
    """Add to a file what xarray leaves out: attributes of bounds, and the mark."""
    # xarray omits what a bounds variable shares with its parent, as CF allows; it would then be
    # lost on reading the file back.
    groups = {node.path: node for node in ds.subtree} if isinstance(ds, xr.DataTree) else {top: ds}
    with HDF5_LOCK, netCDF4.Dataset(path, "r+") as root:
        for name, node in groups.items():
            group = root if name == "/" else root[name]
            for variable in node.variables.values():
                bounds = str(variable.attrs.get("bounds"))
                if bounds in group.variables:
                    attrs = node[bounds].attrs
                    shared = {key: attrs[key] for key in ("long_name", "units") if key in attrs}
                    group[bounds].setncatts(shared)
        root.createDimension(soundness.MARK, soundness.mark(root))
