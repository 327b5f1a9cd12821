"""Compression of large variables by all cores, in the chunks that every NetCDF library reads.

The netCDF4 library compresses one chunk after the other, by zlib. Where the extra `[fast]` is
installed, it makes the file with everything but the values of the large variables. Their chunks,
shuffled and deflated as HDF5 defines it, are then written by h5py as they are. At level 1 they are
made by ISA-L, which gives as small a stream in an eighth of the time; at others by zlib.
"""

from __future__ import annotations

import contextlib
import itertools
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .. import options

# Some distributions give h5py and netCDF4 one HDF5 library, and blocks may come from files that
# xarray reads meanwhile.
from ..hdf5.handles import HDF5_LOCK

if TYPE_CHECKING:
    import dask.array as da

#: Variables of fewer bytes are left to the netCDF4 library.
_LARGE = 2**18

#: Types of which the bytes in memory are those in the file.
_TYPES = frozenset(np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)) | {
    np.dtype("f4"),
    np.dtype("f8"),
}

#: Words of encodings that leave the values as they are.
_PLAIN = frozenset(("zlib", "complevel", "shuffle", "chunksizes", "_FillValue"))

#: Attributes by which xarray would change the values.
_CODED = frozenset(("_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned"))


def available() -> bool:
    """Whether the extra `[fast]` is installed, and works."""
    try:
        import h5py  # noqa: F401
        from isal import isal_zlib  # noqa: F401
    except Exception:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Plane:
    """The values of a variable that are yet to be written.

    Attributes
    ----------
    name : str
        Path of the variable in the file.
    values : ndarray or dask Array
    level : int
        Of the compression, 1 to 9.
    """

    name: str
    values: np.ndarray | da.Array
    level: int


def set_apart(
    ds: xr.Dataset, encodings: Mapping[str, Mapping[str, Any]], group: str = "/"
) -> tuple[xr.Dataset, list[Plane]]:
    """Take the values of the large variables out of a dataset.

    Parameters
    ----------
    ds : Dataset
    encodings : mapping
        Of all variables, by name.
    group : str
        Where in the file the dataset will be.

    Returns
    -------
    ds : Dataset
        Of the same form. Of the variables set apart xarray writes everything but the values.
    planes : list of Plane
    """
    planes, hollow = list[Plane](), dict[str, xr.Variable]()
    for name, variable in ds.variables.items():
        encoding = encodings.get(str(name), {})
        if name in ds.dims or not _is_plain(variable, encoding):
            continue
        values = variable.data if variable.chunks is not None else variable.values
        planes.append(Plane(f"{group.rstrip('/')}/{name}", values, encoding["complevel"]))
        hollow[str(name)] = xr.Variable(variable.dims, _hollow(variable), variable.attrs)
    data = {name: v for name, v in hollow.items() if name in ds.data_vars}
    coords = {name: v for name, v in hollow.items() if name in ds.coords}
    return ds.assign(data).assign_coords(coords), planes


def _is_plain(variable: xr.Variable, encoding: Mapping[str, Any]) -> bool:
    """Whether a variable is stored as it is, deflated, and worth to be set apart."""
    return (
        variable.dtype in _TYPES
        and encoding.get("zlib") is True
        and encoding.get("shuffle") is True
        and encoding.keys() <= _PLAIN
        and encoding.get("_FillValue") is None
        and not _CODED & variable.attrs.keys()
        # What is lazy is computed all at once, however small: it may come of the same counts.
        and (variable.nbytes >= _LARGE if variable.chunks is None else _is_dask(variable.data))
    )


def _is_dask(data: Any) -> bool:
    import dask.array as da

    return isinstance(data, da.Array) and not np.isnan(data.shape).any()


def _hollow(variable: xr.Variable) -> da.Array:
    """An array of that shape of which `dask.array.store` writes nothing: its block is empty."""
    import dask.array as da
    from dask.delayed import delayed

    nothing = np.empty(0, variable.dtype)
    array: da.Array = da.from_delayed(delayed(nothing), variable.shape, variable.dtype)
    return array


def scheduler(planes: list[Plane]) -> str | None:
    """Which of dask's schedulers compresses: "threads", "synchronous", or None if neither may.

    Processes and clusters would have to send their blocks here, which the netCDF4 library does
    not ask of them.
    """
    from dask import base, local, threaded

    lazy = [plane.values for plane in planes if not isinstance(plane.values, np.ndarray)]
    chosen = base.get_scheduler()
    if chosen is local.get_sync:
        return "synchronous"
    return "threads" if not lazy or chosen in (None, threaded.get) else None


def fill(path: Path, planes: list[Plane], scheduler: str) -> None:
    """Compress and write the values that were set apart.

    What is in memory is written in order, so that the same dataset makes the same bytes. Blocks of
    dask arrays are compressed and written as they come, in what order dask computes them.

    Parameters
    ----------
    path : Path
        A file made with what `set_apart` left, which no library holds open.
    planes : list of Plane
    scheduler : str
        Dask's.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    import dask.array as da
    import h5py

    with HDF5_LOCK:
        # Nobody else knows the file yet, and some file systems have no locks.
        file = h5py.File(path, "r+", locking=False)
        outlets = [_Outlet.of(file[plane.name], plane.level) for plane in planes]
    try:
        pairs = [(p.values, outlet) for p, outlet in zip(planes, outlets, strict=True)]
        eager = [(v, outlet) for v, outlet in pairs if isinstance(v, np.ndarray)]
        _write(eager, 1 if scheduler == "synchronous" else _threads())
        lazy = [(v, outlet) for v, outlet in pairs if not isinstance(v, np.ndarray)]
        if lazy:
            targets: list[Any] = [outlet for _, outlet in lazy]
            sources = [_on_grid(values, outlet.chunks) for values, outlet in lazy]
            da.store(sources, targets, lock=False, scheduler=scheduler)
    except BaseException:
        # Closing a file that cannot be written fails too, and says less.
        with HDF5_LOCK, contextlib.suppress(OSError, RuntimeError):
            file.close()
        raise
    try:
        with HDF5_LOCK:
            file.close()
    except RuntimeError as error:
        raise OSError(str(error)) from error


def _threads() -> int:
    """How many threads compress what is in memory: no more than dask's scheduler takes."""
    from dask import config

    threads = options.threads()
    return min(threads, int(config.get("num_workers", None) or threads))


def _write(eager: list[tuple[np.ndarray, _Outlet]], threads: int) -> None:
    """Write values in memory, chunk after chunk, of which some are compressed ahead."""
    chunks = (
        (outlet, values, offset)
        for values, outlet in eager
        for offset in _offsets(values.shape, outlet.chunks)
    )
    ahead: deque[tuple[_Outlet, tuple[int, ...], Future[bytes]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for outlet, values, offset in chunks:
            ahead.append((outlet, offset, pool.submit(outlet.compressed, values, offset)))
            if len(ahead) > 2 * threads:
                outlet, offset, data = ahead.popleft()
                outlet.put(offset, data.result())
        for outlet, offset, data in ahead:
            outlet.put(offset, data.result())


def _on_grid(values: da.Array, chunks: tuple[int, ...]) -> da.Array:
    """A dask array whose blocks are of whole chunks of the file."""
    sizes: dict[int, int] = {}
    for axis, (blocks, size) in enumerate(zip(values.chunks, chunks, strict=True)):
        if any(block % size for block in blocks[:-1]):
            sizes[axis] = max(1, max(blocks) // size) * size
    array: da.Array = values.rechunk(sizes) if sizes else values
    return array


@dataclass(frozen=True, eq=False)
class _Outlet:
    """Compresses and writes chunks of a variable; dask stores blocks in it.

    Attributes
    ----------
    identifier : h5py.h5d.DatasetID
    chunks : tuple of int
    fillvalue : scalar
    level : int
    """

    identifier: Any
    chunks: tuple[int, ...]
    fillvalue: Any
    level: int

    @classmethod
    def of(cls, dataset: Any, level: int) -> _Outlet:
        """Of an h5py.Dataset, of which nothing is asked later, when others may be reading."""
        return cls(dataset.id, dataset.chunks, dataset.fillvalue, level)

    def compressed(self, values: np.ndarray, offset: tuple[int, ...]) -> bytes:
        """The chunk at a place in some values; one that they do not fill ends as HDF5's do."""
        chunk = values[tuple(slice(a, a + n) for a, n in zip(offset, self.chunks, strict=True))]
        if chunk.shape != self.chunks:
            whole = np.full(self.chunks, self.fillvalue, values.dtype)
            whole[tuple(slice(n) for n in chunk.shape)] = chunk
            chunk = whole
        return deflated(chunk, self.level)

    def put(self, offset: tuple[int, ...], data: bytes) -> None:
        """Write a compressed chunk."""
        with HDF5_LOCK:
            self.identifier.write_direct_chunk(offset, data)

    def __dask_tokenize__(self) -> object:
        # Each writing is one of its own.
        return id(self)

    def __setitem__(self, region: tuple[slice, ...], block: np.ndarray) -> None:
        for offset in _offsets(block.shape, self.chunks):
            place = tuple(part.start + a for part, a in zip(region, offset, strict=True))
            self.put(place, self.compressed(block, offset))


def _offsets(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Where the chunks of an array begin."""
    return itertools.product(*(range(0, n, c) for n, c in zip(shape, chunks, strict=True)))


def deflated(chunk: np.ndarray, level: int) -> bytes:
    """The bytes of a chunk as HDF5's filters shuffle and deflate would have them.

    Parameters
    ----------
    chunk : ndarray
    level : int
        1 to 9.

    Returns
    -------
    bytes
        A stream of the format of zlib.
    """
    from isal import isal_zlib

    # All first bytes, then all second ones: they are alike.
    plain = np.ascontiguousarray(chunk).reshape(-1).view(np.uint8).reshape(-1, chunk.itemsize)
    shuffled = np.ascontiguousarray(plain.T).data
    return isal_zlib.compress(shuffled, 1) if level == 1 else zlib.compress(shuffled, level)
