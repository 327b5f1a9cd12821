"""Compact files: what they leave out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from ..calibration.reduced import SOURCES, leave_out
from ..errors import ArgumentError, warn_user

#: Words of encodings that leave the values as they are.
_LOSSLESS = frozenset(("zlib", "complevel", "shuffle", "chunksizes", "compression", "fletcher32"))


def compacted(ds: xr.Dataset | xr.DataTree) -> xr.Dataset | xr.DataTree:
    """Leave out what `uvisxr.open_reduced` gives back.

    Warns
    -----
    UvisWarning
        Radiances are kept.
    """
    if isinstance(ds, xr.DataTree):
        return ds.map_over_datasets(lambda node: _compacted(node) if node.variables else node)
    return _compacted(ds)


def _compacted(ds: xr.Dataset) -> xr.Dataset:
    less, why = leave_out(ds)
    if why:
        warn_user(f"compact=True keeps {why}")
    return less


def check(encoding: Mapping[str, Any]) -> None:
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
            check({k: v for k, v in value.items() if isinstance(v, Mapping)})
        elif not value.keys() <= _LOSSLESS:
            raise ArgumentError(
                f"encoding[{name!r}]: what compact=True leaves out follows from {name}, of which "
                f"nothing may be lost: give {', '.join(sorted(_LOSSLESS))} at most, or omit one of "
                "both"
            )
