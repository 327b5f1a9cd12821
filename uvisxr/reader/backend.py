"""`xarray.open_dataset(path, engine="uvis")`: forwards to `uvisxr.open_product`."""

from __future__ import annotations

import os
from collections.abc import Iterable

import xarray as xr
from xarray.backends import BackendEntrypoint

from ..errors import ProductError
from ..pds3.label import looks_like_uvis
from ..pds3.product import label_path
from .observation import open_product


class UvisBackend(BackendEntrypoint):
    """Cassini/UVIS PDS3 products as xarray datasets."""

    description = "Open Cassini/UVIS PDS3 products (.LBL with .DAT) in xarray"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "window", "start_time")
    supports_groups = True

    def open_dataset(
        self,
        filename_or_obj: str | os.PathLike,
        *,
        drop_variables: str | Iterable[str] | None = None,
        window: int | None = None,
        start_time: str = "end_of_first",
    ) -> xr.Dataset:
        """One product, or one window of it; see `uvisxr.open_product`."""
        opened = open_product(filename_or_obj, window=window, start_time=start_time)
        if isinstance(opened, xr.DataTree):
            raise ProductError(
                f"{filename_or_obj} has {len(opened.children)} windows: choose one with window=k, "
                "or take all with xarray.open_datatree"
            )
        ds = opened.drop_vars(_names(drop_variables), errors="ignore")
        # xarray.open_mfdataset calls what closes each dataset.
        ds.set_close(_close)
        return ds

    def open_groups_as_dict(
        self,
        filename_or_obj: str | os.PathLike,
        *,
        drop_variables: str | Iterable[str] | None = None,
        start_time: str = "end_of_first",
    ) -> dict[str, xr.Dataset]:
        """All windows of a product, by the path of their node."""
        opened = open_product(filename_or_obj, start_time=start_time)
        if isinstance(opened, xr.Dataset):
            opened = xr.DataTree(opened)
        return {
            node.path: node.to_dataset().drop_vars(_names(drop_variables), errors="ignore")
            for node in opened.subtree
        }

    def open_datatree(self, filename_or_obj: str | os.PathLike, **kwargs) -> xr.DataTree:
        """All windows of a product as a tree."""
        return xr.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **kwargs))

    def guess_can_open(self, filename_or_obj: object) -> bool:
        """Whether the label says UVIS: every PDS3 mission uses .LBL."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        return looks_like_uvis(label_path(filename_or_obj))


def _close() -> None:
    """No file is left open."""


def _names(drop_variables: str | Iterable[str] | None) -> list[str]:
    if drop_variables is None:
        return []
    return [drop_variables] if isinstance(drop_variables, str) else list(drop_variables)
