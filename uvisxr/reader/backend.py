"""`xarray.open_dataset(path, engine="uvis")`: forwards to `uvisxr.open_product`.

xarray imports this module and asks the engine about every file that any program opens, so the code
that reads products is imported only when a product turns up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import xarray as xr
from xarray.backends import BackendEntrypoint

from ..errors import ArgumentError, ProductError

if TYPE_CHECKING:
    from .times import StartTime


#: Keywords of `xarray.open_dataset` for formats that encode their values; a product has none.
_DECODERS = (
    *("mask_and_scale", "decode_times", "decode_timedelta", "use_cftime", "concat_characters"),
    "decode_coords",
)


class UvisBackend(BackendEntrypoint):
    """Cassini/UVIS PDS3 products as xarray datasets."""

    description = "Open Cassini/UVIS PDS3 products (.LBL with .DAT) in xarray"
    open_dataset_parameters = (
        *("filename_or_obj", "drop_variables", "window", "start_time"),
        *_DECODERS,
    )
    supports_groups = True

    def open_dataset(
        self,
        filename_or_obj: object,
        *,
        drop_variables: str | Iterable[str] | None = None,
        window: int | None = None,
        start_time: StartTime = "end_of_first",
        **decoders: object,
    ) -> xr.Dataset:
        """Open one product, or one window of it; see `uvisxr.open_product`.

        In `xarray.open_mfdataset`, `pic` runs through all products. What xarray has for decoding
        other formats, such as `decode_times`, is accepted and changes nothing.
        """
        from .many import numbered
        from .observation import open_product

        _check_decoders(decoders)
        opened = open_product(_path(filename_or_obj), window=window, start_time=start_time)
        if isinstance(opened, xr.DataTree):
            raise ProductError(
                f"{filename_or_obj} has {len(opened.children)} windows: choose one with window=k, "
                "or open all with xarray.open_datatree, or with uvisxr.open_observation if there "
                "are several products"
            )
        ds = numbered(opened, _path(filename_or_obj), window, start_time)
        ds = ds.drop_vars(_names(drop_variables), errors="ignore")
        # xarray.open_mfdataset calls the closer of every dataset.
        ds.set_close(_close)
        return ds

    def open_groups_as_dict(
        self,
        filename_or_obj: object,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start_time: StartTime = "end_of_first",
        **decoders: object,
    ) -> dict[str, xr.Dataset]:
        """Open all windows of a product, keyed by node path."""
        from .observation import open_product

        _check_decoders(decoders)
        opened = open_product(_path(filename_or_obj), start_time=start_time)
        if isinstance(opened, xr.Dataset):
            opened = xr.DataTree(opened)
        return {
            node.path: node.to_dataset().drop_vars(_names(drop_variables), errors="ignore")
            for node in opened.subtree
        }

    def open_datatree(
        self,
        filename_or_obj: object,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start_time: StartTime = "end_of_first",
        **decoders: object,
    ) -> xr.DataTree:
        """Open all windows of a product as a tree."""
        groups = self.open_groups_as_dict(
            filename_or_obj, drop_variables=drop_variables, start_time=start_time, **decoders
        )
        return xr.DataTree.from_dict(groups)

    def guess_can_open(self, filename_or_obj: object) -> bool:
        """Whether the label says UVIS: every PDS3 mission uses .LBL."""
        from ..pds3.label import looks_like_uvis
        from ..pds3.product import label_path

        try:
            return looks_like_uvis(label_path(_path(filename_or_obj)))
        except (OSError, ValueError, RuntimeError):
            # Not a path, the root of a file system, an unknown user's home, an unreadable folder.
            return False


def _check_decoders(decoders: Iterable[str]) -> None:
    for name in decoders:
        if name not in _DECODERS:
            raise ArgumentError(
                f"the uvis engine has no argument {name!r}: it takes window, start_time and "
                "drop_variables"
            )


def _close() -> None:
    """Do nothing: no file is left open."""


def _path(filename_or_obj: object) -> str:
    if not isinstance(filename_or_obj, str | os.PathLike):
        raise ArgumentError(
            f"the uvis engine opens a product by its path, not a {type(filename_or_obj).__name__}: "
            "give the path of its label"
        )
    return os.fsdecode(filename_or_obj)


def _names(drop_variables: str | Iterable[str] | None) -> list[str]:
    if drop_variables is None:
        return []
    return [drop_variables] if isinstance(drop_variables, str) else list(drop_variables)
