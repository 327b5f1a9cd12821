"""How variables are stored: types, chunks, compression and units of times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from .. import checks
from ..errors import ArgumentError

#: Bytes of one compressed chunk, before compression: large enough to compress well, small
#: enough that reading one exposure does not unpack many others.
_CHUNK_BYTES = 4 * 2**20

#: Encodings of variables by name; of a tree, by node path and name.
Encoding = Mapping[str, Mapping[str, Any]]


def of(ds: xr.Dataset | xr.DataTree, complevel: int = 1) -> dict[str, Any]:
    """Encodings of all variables, by name; of a tree, by node path first."""
    if isinstance(ds, xr.Dataset):
        return _encoding(ds, complevel)
    return {node.path: _encoding(node.to_dataset(inherit=False), complevel) for node in ds.subtree}


def present(stored: dict[str, Any], ds: xr.Dataset | xr.DataTree) -> dict[str, Any]:
    """Those encodings whose variables, or nodes and variables, are there."""
    if isinstance(ds, xr.Dataset):
        return {name: value for name, value in stored.items() if name in ds.variables}
    return {node.path: present(stored[node.path], node.to_dataset()) for node in ds.subtree}


def merged(known: dict[str, Any], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Encodings with those given in their place."""
    if not isinstance(given, Mapping):
        raise checks.refused(where, given, "a mapping from names")
    both = dict(known)
    for name, value in given.items():
        place = f"{where}[{name!r}]"
        if name not in known:
            raise ArgumentError(
                f"{place}: there is no such variable or node{checks.nearest(str(name), known)}"
            )
        inner = bool(known[name]) and all(isinstance(v, dict) for v in known[name].values())
        if inner:
            both[name] = merged(known[name], value, place)
        elif isinstance(value, Mapping):
            both[name] = {**known[name], **value}
        else:
            raise checks.refused(place, value, "a mapping from words of xarray's encodings")
    return both


def _encoding(ds: xr.Dataset, complevel: int) -> dict[str, dict[str, Any]]:
    bounds = {str(v.attrs["bounds"]) for v in ds.variables.values() if "bounds" in v.attrs}
    return {
        str(name): _variable_encoding(
            variable, complevel, missing_allowed=name not in ds.dims and name not in bounds
        )
        for name, variable in ds.variables.items()
    }


def _variable_encoding(
    variable: xr.Variable, complevel: int, missing_allowed: bool
) -> dict[str, Any]:
    kind = variable.dtype.kind
    encoding: dict[str, Any] = {}
    if kind == "M":
        encoding |= _time_encoding(variable.values)
    elif kind == "f" and not missing_allowed:
        # CF forbids missing values in coordinate and bounds variables.
        encoding["_FillValue"] = None
    if variable.ndim and kind in "fiuMm" and variable.size:
        encoding |= {
            "zlib": complevel > 0,
            "complevel": complevel,
            "shuffle": True,
            "chunksizes": _chunk_sizes(variable),
        }
    return encoding


def _time_encoding(times: np.ndarray) -> dict[str, Any]:
    ns = times.astype("datetime64[ns]").astype(np.int64)[~np.isnat(times)]
    units = next(
        (
            unit
            for unit, size in (("milliseconds", 1_000_000), ("microseconds", 1_000))
            if not np.any(ns % size)
        ),
        "nanoseconds",
    )
    return {
        "dtype": "int64",
        "units": f"{units} since 1970-01-01T00:00:00",
        "calendar": "proleptic_gregorian",
    }


def _chunk_sizes(variable: xr.Variable) -> tuple[int, ...]:
    """Chunk whole spectra, as many exposures as fit, aligned with dask's blocks."""
    shape = variable.shape
    if variable.ndim < 2:
        return shape
    inner = math.prod(shape[1:]) * variable.dtype.itemsize
    first = max(1, min(shape[0], _CHUNK_BYTES // inner))
    blocks = variable.chunks
    if blocks is not None and blocks[0][0] > first:
        # Use the largest divisor of the block: a file chunk across two dask blocks would be
        # compressed twice.
        first = max(d for d in range(1, first + 1) if blocks[0][0] % d == 0)
    elif blocks is not None:
        first = blocks[0][0]
    return (first, *shape[1:])
