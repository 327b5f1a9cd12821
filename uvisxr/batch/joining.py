"""The outputs of a batch as one lazy dataset, or a tree of datasets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from ..calibration.joined import of_one_product, with_mean_times
from ..calibration.stored import without_schedule
from ..calls import public
from ..dataset import conventions, inputs
from ..errors import ExportError, warn_user
from ..netcdf import reading
from ..pds3 import identifier
from ..reader.sources import volume
from . import manifest

#: How many names a warning lists.
_SHOWN = 12

#: Its terms differ between products: of those that are joined it is that at their mean times.
_OF_TERMS = "sensitivity"

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
    "summed",
    "geometry_target",
    "lon_direction",
    "tangent",
    "pipeline",
)


def open_processed(
    out_dir: str | Path, chunks: dict[str, int] | str | None = None
) -> xr.Dataset | xr.DataTree:
    """Open all good outputs of a batch for analysis, reading only coordinates.

    Products with the same channel, slit, window, binning and pipeline are joined along `pic` in
    time order; values that held for a whole product (the calibration error, a background that is
    not the same for all) gain the dimension `pic`, and so does `sensitivity`, which is then that at
    the mean time of each product, without terms. If all products match, the result is one Dataset.
    Otherwise it is a DataTree with one node per channel and, below it, one per set of matching
    products, named after the slit and shape, or after the product if there is only one. Exposures
    that several outputs hold are taken once, with a warning: those of the later volume, or of the
    product made last. Radiances that compact outputs leave out are computed when they are asked
    for, as by `uvisxr.open_reduced`.

    Parameters
    ----------
    out_dir : path
        Folder that `uvisxr.batch.process` wrote. If it has a manifest, only the outputs marked good
        there are opened, with a warning if some are gone or products failed, otherwise all NetCDF
        files.
    chunks : dict or "auto", optional
        Dask chunks; by default those of the files.

    Returns
    -------
    Dataset or DataTree
        Products whose geometries are of different targets do not match.

    Raises
    ------
    ArgumentError
        `chunks` has a wrong value.
    ExportError
        The folder holds no good outputs, or one cannot be read.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> path = made.open().uvis.rate().uvis.to_netcdf("FUV2008_070_10_04.nc")
    >>> ds = uvisxr.open_processed(".")
    >>> ds.rate.dims
    ('pic', 'pixel', 'wl')
    """
    folder = Path(out_dir).expanduser()
    if folder.is_file():
        raise ExportError(
            f"{folder} is a file, and no folder of a batch: uvisxr.open_reduced(path) opens a file "
            "of to_netcdf"
        )
    parts: dict[tuple[Any, ...], list[_Member]] = {}
    for path, number in _outputs(folder):
        for name, ds in _open(path, chunks):
            rank = (number, str(ds.attrs.get("product_creation_time", "")))
            parts.setdefault(_signature(name, ds), []).append(_Member(name, ds, rank))
    if not parts:
        raise ExportError(f"{_nothing(folder)}: 'uvisxr batch ... --out {folder}' writes them")
    joined = [_join(_once(members)) for members in parts.values()]
    if len(joined) == 1:
        return joined[0][1]
    return _tree(joined)


if not TYPE_CHECKING:
    # mypy does not see through the decorator where the package's face looks for the type.
    open_processed = public("open_processed")(open_processed)


class _Member(NamedTuple):
    """A dataset to be joined.

    Attributes
    ----------
    name : str
        Of its file and node.
    ds : Dataset
    rank : tuple of int and str
        Volume and time of making of its product; of the same exposures, the highest are taken.
    """

    name: str
    ds: xr.Dataset
    rank: tuple[int, str]


def _outputs(folder: Path) -> list[tuple[Path, int]]:
    """Paths of good outputs, and the volumes of the archive that they come from, 0 if unknown."""
    if not (folder / manifest.NAME).is_file():
        return [(path, 0) for path in sorted(folder.glob("*.nc"))]
    last = manifest.latest(folder)
    good = {
        folder / name: volume(Path(record.get("label", "")))
        for name, record in last.items()
        if record.get("status") == "done"
    }
    failed = sorted(Path(name).stem for name in last if folder / name not in good)
    if good and failed:
        warn_user(
            f"{len(failed)} of the {len(last)} products of {folder / manifest.NAME} failed when "
            f"they were last run, and are not among these: {', '.join(failed[:_SHOWN])}"
            f"{', ...' if len(failed) > _SHOWN else ''}; 'step' and 'error' there say why; mend "
            "that, and run the batch again"
        )
    there = {path: number for path, number in good.items() if path.is_file()}
    lost = sorted(path.name for path in good if path not in there)
    if lost:
        warn_user(
            f"{len(lost)} of the {len(good)} good outputs that {folder / manifest.NAME} lists are "
            f"not there: {', '.join(lost[:_SHOWN])}{', ...' if len(lost) > _SHOWN else ''}; run "
            "the batch again to make them"
        )
    return sorted(there.items())


def _nothing(folder: Path) -> str:
    """What to say of a folder without good outputs."""
    count = sum(1 for _ in folder.glob("*.nc"))
    book = folder / manifest.NAME
    if count and book.is_file():
        outputs = "1 output" if count == 1 else f"{count} outputs"
        return (
            f"{outputs} in {folder}, none marked good in {book.name}, which says what failed: "
            "mend that, and run the batch again"
        )
    return f"no outputs in {folder}"


def _once(members: list[_Member]) -> list[_Member]:
    """Members without the exposures that a member of higher rank holds."""
    seen: set[tuple[str, float]] = set()
    kept: dict[int, _Member] = {}
    less: list[str] = []
    order = sorted(range(len(members)), key=lambda k: members[k].rank, reverse=True)
    for k in order:
        name, ds, rank = members[k]
        keys = _exposures(ds)
        new = np.array([key not in seen for key in keys], bool)
        seen.update(keys)
        if keys and not new.all():
            less.append(name)
            ds = ds.isel(pic=new)
        if not keys or new.any():
            kept[k] = _Member(name, ds, rank)
    if less:
        warn_user(
            f"exposures that several outputs hold are taken once, and left out of "
            f"{', '.join(sorted(less)[:_SHOWN])}{', ...' if len(less) > _SHOWN else ''}"
        )
    return [kept[k] for k in sorted(kept)]


def _exposures(ds: xr.Dataset) -> list[tuple[str, float]]:
    """Product and time of each exposure; none if they are not there."""
    if any(name not in ds.variables or ds[name].dims != ("pic",) for name in ("product", "et")):
        return []
    products = (identifier.key(str(name)) for name in ds["product"].values)
    return list(zip(products, ds["et"].values.tolist(), strict=True))


def _open(path: Path, chunks: dict[str, int] | str | None) -> Iterator[tuple[str, xr.Dataset]]:
    mend = "remove it and run the batch again"
    for node in reading.tree(path, chunks, mend).subtree:
        if node.data_vars:
            if "channel" not in node.attrs:
                raise ExportError(f"{path} holds no dataset of uvisxr: move it to another folder")
            yield "_".join((path.stem, *filter(None, node.path.split("/")))), node.to_dataset()


def _signature(name: str, ds: xr.Dataset) -> tuple[Any, ...]:
    """Equal for datasets that can be joined along `pic`."""
    if "pic" not in ds.dims:
        return (name,)
    rules = ds.attrs.get("calibrate_arguments")
    if of_one_product(ds):
        rules, ds = without_schedule(ds), ds.drop_vars(_OF_TERMS)
    variables = sorted((str(key), v.dims, v.dtype.str) for key, v in ds.variables.items())
    sizes = sorted((str(dim), size) for dim, size in ds.sizes.items() if dim != "pic")
    grids = [ds[dim].values.tobytes() for dim, _ in sizes if dim in ds.indexes]
    # The dtype of text depends on its longest value.
    kinds = tuple((key, dims, "U" if kind[1] == "U" else kind) for key, dims, kind in variables)
    attrs = tuple(str(ds.attrs.get(key)) for key in _SAME)
    return (attrs, str(rules), kinds, tuple(sizes), *grids)


def _join(members: list[_Member]) -> tuple[str, xr.Dataset]:
    members = sorted(members, key=lambda member: _start(member.ds))
    if len(members) == 1:
        return members[0].name, members[0].ds
    parts = [with_mean_times(m.ds) if of_one_product(m.ds) else m.ds for m in members]
    alike = _alike(parts)
    parts = [_along_pic(ds, alike) for ds in parts]
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
    joined = inputs.add(joined, [file for member in members for file in inputs.of(member.ds)])
    slit = joined.attrs.get("slit", "joined")
    shape = "x".join(str(size) for dim, size in joined.sizes.items() if dim in ("pixel", "wl"))
    return f"{slit}_{shape}", conventions.apply(joined)


def _start(ds: xr.Dataset) -> np.datetime64:
    return ds["time"].values.min() if "time" in ds and ds["time"].size else np.datetime64("NaT")


#: Variables that are the same for all products with one window and binning.
_GRID = frozenset({"wl", "wl_bounds", "pixel", "line", "band"})


def _alike(parts: list[xr.Dataset]) -> frozenset[str]:
    """Variables of no exposure that are the same in all parts, such as a background by hand."""
    first, *others = parts
    return frozenset(
        str(name)
        for name, v in first.variables.items()
        if "pic" not in v.dims
        and all(ds.variables[name].chunks is None for ds in parts)
        and all(v.equals(ds.variables[name]) for ds in others)
    )


def _along_pic(ds: xr.Dataset, alike: frozenset[str]) -> xr.Dataset:
    count = ds.sizes["pic"]
    kept = {*alike, *_GRID, *ds.dims}
    spread = {
        name: variable.set_dims({"pic": count, **variable.sizes})
        for name, variable in ds.variables.items()
        if "pic" not in variable.dims and name not in kept
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
