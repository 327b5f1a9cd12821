"""Compact files: what they leave out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from ..calibration.reduced import leave_out
from ..calibration.seal import SOURCES, check, left_out, tidied, unsealed
from ..errors import ArgumentError, UvisError, warn_user

#: Words of encodings that leave the values as they are.
_LOSSLESS = frozenset(("zlib", "complevel", "shuffle", "chunksizes", "compression", "fletcher32"))


def compacted(
    ds: xr.Dataset | xr.DataTree, encoding: Mapping[str, Any] | None = None
) -> xr.Dataset | xr.DataTree:
    """Leave out what `uvisxr.open_reduced` gives back.

    Parameters
    ----------
    ds : Dataset or DataTree
    encoding : mapping, optional
        As of `to_netcdf`.

    Warns
    -----
    UvisWarning
        Radiances are kept, or the encodings of what is left out do not count.
    """
    encoding = encoding or {}
    if not isinstance(ds, xr.DataTree):
        return _compacted(ds, encoding)
    nodes = {node.path: node.to_dataset(inherit=False) for node in ds.subtree}
    return xr.DataTree.from_dict(
        {
            path: _compacted(node, encoding.get(path, {})) if node.variables else node
            for path, node in nodes.items()
        },
        name=ds.name,
    )


def _compacted(ds: xr.Dataset, encoding: Mapping[str, Any]) -> xr.Dataset:
    less, why = leave_out(_told(ds))
    if why:
        warn_user(f"the compact file keeps {why}")
    unused = [name for name in encoding if name in ds.variables and name not in less.variables]
    if unused:
        warn_user(f"compact=True leaves out {', '.join(unused)}: its encoding is not used")
    return less


def told(ds: xr.Dataset | xr.DataTree) -> xr.Dataset | xr.DataTree:
    """A dataset that calls left out only what can be given back.

    Warns
    -----
    UvisWarning
        It was read from a compact file without what is left out, and changed since.
    """
    return ds.map_over_datasets(_told) if isinstance(ds, xr.DataTree) else _told(ds)


def _told(ds: xr.Dataset) -> xr.Dataset:
    ds = tidied(ds)
    names = left_out(ds)
    try:
        if names:
            check(ds)
    except UvisError as error:
        warn_user(f"the file holds no {', '.join(names)}, nor can they be given back: {error}")
        return unsealed(ds)
    return ds


def check_lossless(encoding: Mapping[str, Any]) -> None:
    """Refuse encodings that change what the radiances of a compact file follow from.

    Parameters
    ----------
    encoding : mapping
        As of `to_netcdf`.

    Raises
    ------
    ArgumentError
    """
    for name, value in encoding.items():
        if name not in SOURCES:
            # Of a tree, the encodings of a node.
            check_lossless({k: v for k, v in value.items() if isinstance(v, Mapping)})
        elif not value.keys() <= _LOSSLESS:
            raise ArgumentError(
                f"encoding[{name!r}]: what compact=True leaves out follows from {name}, of which "
                f"nothing may be lost: give {', '.join(sorted(_LOSSLESS))} at most, or omit one of "
                "both"
            )
