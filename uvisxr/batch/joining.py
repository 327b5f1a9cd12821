"""The outputs of a batch as one lazy dataset, or a tree of datasets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..dataset import conventions, inputs
from ..errors import ExportError
from . import manifest

#: Needed only to recompute the radiance of a single product; the terms differ between products, so
#: they stay in the files.
_OF_ONE_PRODUCT = ("sensitivity", "sensitivity_error", "sensitivity_weight")

_SAME = (
    "channel",
    "slit",
    "optics",
    "ul_line",
    "ul_band",
    "lr_line",
    "lr_band",
    "line_bin",
    "band_bin",
    "pipeline",
)


def open_processed(
    out_dir: str | Path, chunks: dict[str, int] | str | None = None
) -> xr.Dataset | xr.DataTree:
    """Open all good outputs of a batch for analysis, reading only coordinates.

    Products with the same channel, slit, window, binning and pipeline are joined along `pic` in
    time order; values that held for a whole product (the background, the calibration error) gain
    the dimension `pic`. If all products match, the result is one Dataset. Otherwise it is a
    DataTree with one node per channel and, below it, one per set of matching products, named after
    the slit and shape, or after the product if there is only one.

    Parameters
    ----------
    out_dir : path
        Folder that `uvisxr.batch.process` wrote. If it has a manifest, only the outputs marked good
        there are opened, otherwise all NetCDF files.
    chunks : dict or "auto", optional
        Dask chunks; by default those of the files.

    Returns
    -------
    Dataset or DataTree

    Raises
    ------
    ExportError
        The folder holds no outputs, or one cannot be read.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> path = made.open().uvis.rate().uvis.to_netcdf("FUV2008_070_10_04.nc")
    >>> ds = uvisxr.open_processed(".")
    >>> ds.rate.dims
    ('pic', 'pixel', 'wl')
    """
    folder = Path(out_dir).expanduser()
    parts: dict[tuple[Any, ...], list[tuple[str, xr.Dataset]]] = {}
    for path in _outputs(folder):
        for name, ds in _open(path, {} if chunks is None else chunks):
            parts.setdefault(_signature(name, ds), []).append((name, ds))
    if not parts:
        raise ExportError(f"no outputs in {folder}: 'uvisxr batch ... --out {folder}' writes them")
    joined = [_join(members) for members in parts.values()]
    if len(joined) == 1:
        return joined[0][1]
    return _tree(joined)


def _outputs(folder: Path) -> list[Path]:
    if (folder / manifest.NAME).is_file():
        records = manifest.latest(folder)
        names = (name for name, record in records.items() if record.get("status") == "done")
        return sorted(folder / name for name in names if (folder / name).is_file())
    return sorted(folder.glob("*.nc"))


def _open(path: Path, chunks: dict[str, int] | str) -> Iterator[tuple[str, xr.Dataset]]:
    try:
        tree = xr.open_datatree(path, engine="netcdf4", chunks=chunks)
    except (OSError, ValueError) as error:
        raise ExportError(
            f"cannot read {path}: {error}; remove it and run the batch again"
        ) from error
    for node in tree.subtree:
        if node.data_vars:
            ds = node.to_dataset().drop_vars(_OF_ONE_PRODUCT, errors="ignore")
            yield "_".join((path.stem, *filter(None, node.path.split("/")))), ds


def _signature(name: str, ds: xr.Dataset) -> tuple[Any, ...]:
    """Equal for datasets that can be joined along `pic`."""
    if "pic" not in ds.dims:
        return (name,)
    variables = sorted((str(key), v.dims, v.dtype.str) for key, v in ds.variables.items())
    sizes = sorted((str(dim), size) for dim, size in ds.sizes.items() if dim != "pic")
    grids = [ds[dim].values.tobytes() for dim, _ in sizes if dim in ds.indexes]
    # The dtype of text depends on its longest value.
    kinds = tuple((key, dims, "U" if kind[1] == "U" else kind) for key, dims, kind in variables)
    attrs = tuple(str(ds.attrs.get(key)) for key in _SAME)
    return (attrs, kinds, tuple(sizes), *grids)


def _join(members: Iterable[tuple[str, xr.Dataset]]) -> tuple[str, xr.Dataset]:
    members = sorted(members, key=lambda member: _start(member[1]))
    if len(members) == 1:
        return members[0]
    parts = [_along_pic(ds) for _, ds in members]
    joined = xr.concat(
        parts,
        dim="pic",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="drop_conflicts",
    )
    joined = joined.assign_coords(pic=np.arange(joined.sizes["pic"]))
    # Joining keeps the encodings of the first.
    joined = inputs.add(joined, [file for _, ds in members for file in inputs.of(ds)])
    slit = joined.attrs.get("slit", "joined")
    shape = "x".join(str(size) for dim, size in joined.sizes.items() if dim in ("pixel", "wl"))
    return f"{slit}_{shape}", conventions.apply(joined)


def _start(ds: xr.Dataset) -> np.datetime64:
    return ds["time"].values.min() if "time" in ds and ds["time"].size else np.datetime64("NaT")


#: Variables that are the same for all products with one window and binning.
_GRID = frozenset({"wl", "wl_bounds", "pixel", "line", "band"})


def _along_pic(ds: xr.Dataset) -> xr.Dataset:
    count = ds.sizes["pic"]
    spread = {
        name: variable.set_dims({"pic": count, **variable.sizes})
        for name, variable in ds.variables.items()
        if "pic" not in variable.dims and name not in _GRID and name not in ds.dims
    }
    return ds.assign_coords({k: v for k, v in spread.items() if k in ds.coords}).assign(
        {k: v for k, v in spread.items() if k not in ds.coords}
    )


def _tree(joined: list[tuple[str, xr.Dataset]]) -> xr.DataTree:
    channels: dict[str, list[tuple[str, xr.Dataset]]] = {}
    for name, ds in joined:
        channels.setdefault(str(ds.attrs.get("channel", "other")), []).append((name, ds))
    nodes: dict[str, xr.Dataset] = {}
    for channel, members in sorted(channels.items()):
        if len(members) == 1:
            nodes[f"/{channel}"] = members[0][1]
            continue
        for name, ds in sorted(members, key=lambda member: (_start(member[1]), member[0])):
            path, number = f"/{channel}/{name}", 1
            while path in nodes:
                number += 1
                path = f"/{channel}/{name}_{number}"
            nodes[path] = ds
    return xr.DataTree.from_dict(nodes)
