"""The files behind a dataset: what it was read from, and what its steps used.

They are kept in encodings, under xarray's own key "source" (one path, for files read by xarray) and
under "sources" (a tuple of paths). Encodings are not part of the data: they are not compared,
printed or written, so outputs do not depend on a machine's folders. Most operations drop a
dataset's own encoding; those of its variables last as long as the variables, and some variables,
such as wavelengths and times, survive every step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import xarray as xr

from ..files import absolute

_ONE, _SEVERAL = "source", "sources"


def of(ds: xr.Dataset | xr.DataArray | xr.DataTree) -> list[str]:
    """The files behind a dataset, an array or a tree, each once, sorted by name.

    Parameters
    ----------
    ds : Dataset, DataArray or DataTree

    Returns
    -------
    list of str
        Absolute paths; those of NetCDF files opened by xarray may be URLs.
    """
    # A set first: all variables of an observation share one long tuple.
    groups = {_named(encoding) for encoding in _encodings(ds)}
    return sorted(set().union(*groups))


def _encodings(ds: xr.Dataset | xr.DataArray | xr.DataTree) -> Iterator[Mapping[Any, Any]]:
    for node in ds.subtree if isinstance(ds, xr.DataTree) else [ds]:
        yield node.encoding
        variables = node.coords.variables if isinstance(node, xr.DataArray) else node.variables
        yield from (variable.encoding for variable in variables.values())


def _named(encoding: Mapping[Any, Any]) -> tuple[str, ...]:
    several = tuple(encoding.get(_SEVERAL, ()))
    return (*several, str(encoding[_ONE])) if encoding.get(_ONE) else several


def add(ds: xr.Dataset, files: Iterable[str | os.PathLike[str]]) -> xr.Dataset:
    """Add files to those behind a dataset.

    Parameters
    ----------
    ds : Dataset
        Left unchanged.
    files : iterable of path

    Returns
    -------
    Dataset
        A shallow copy.
    """
    ds = ds.copy(deep=False)
    mark(ds, files)
    return ds


def mark(ds: xr.Dataset | xr.DataTree, files: Iterable[str | os.PathLike[str]]) -> None:
    """As `add`, on the dataset or the node of a tree itself."""
    known = tuple(sorted({*of(ds), *(str(absolute(file)) for file in files)}))
    ds.encoding[_SEVERAL] = known
    for variable in ds.variables.values():
        variable.encoding[_SEVERAL] = known
