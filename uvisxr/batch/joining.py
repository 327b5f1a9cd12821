"""The outputs of a batch as one lazy dataset, or a tree of datasets."""

from __future__ import annotations

import os
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
from ..files import sha256
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
    What is one value of a whole product, as of ``photometry(per="observation")`` and `power`, is
    joined along `pic` too, a point for each `product`: a phase curve. Otherwise it is a DataTree
    with one node per channel and, below it, one per set of matching products, named after the slit
    and shape, or after the product if there is only one. Exposures that several outputs hold are
    taken once, with a warning: those of the later volume, or of the product made last. Radiances
    that compact outputs leave out are computed when they are asked for, as by
    `uvisxr.open_reduced`.

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
        Products whose geometries are of different targets do not match.

    Raises
    ------
    ArgumentError
        `chunks` has a wrong value.
    ExportError
        The folder holds no good outputs, or none that can be read.

    Warns
    -----
    UvisWarning
        Something is left out: products that failed; outputs that are gone, have another size than
        was written, hold another product or cannot be read; NetCDF files of which the manifest says
        nothing. Or lines of the manifest are skipped.

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
    for output, datasets in _sound(_outputs(folder), chunks):
        for name, ds in datasets:
            rank = (output.volume, str(ds.attrs.get("product_creation_time", "")))
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


class _Output(NamedTuple):
    """An output, and what the manifest says of it: 0 or nothing where there is none.

    Attributes
    ----------
    path : Path
    volume : int
        Of the archive, that it comes from.
    product : str
        As of `identifier.key`.
    digest : str
        Its sha256.
    """

    path: Path
    volume: int = 0
    product: str = ""
    digest: str = ""


def _outputs(folder: Path) -> list[_Output]:
    """The good outputs that are there, with the size that they were written with."""
    book = folder / manifest.NAME
    if not os.path.lexists(book):
        return [_Output(path) for path in sorted(folder.glob("*.nc"))]
    try:
        last, skipped = manifest.told(folder)
    except OSError as error:
        raise ExportError(f"cannot read {book}: {error.strerror}") from error
    good = {name: record for name, record in last.items() if record["status"] == "done"}
    failed = [Path(name).stem for name in last if name not in good]
    if skipped:
        warn_user(f"{book}: {manifest.skipped_lines(skipped)}")
    if good and failed:
        warn_user(
            f"{len(failed)} of the {len(last)} products of {book} failed when they were last run, "
            f"and are not among these: {_named(failed)}; 'step' and 'error' there say why; mend "
            "that, and run the batch again"
        )
    if good and (unnamed := [p.name for p in folder.glob("*.nc") if p.name not in last]):
        one = len(unnamed) == 1
        warn_user(
            f"{'1 NetCDF file' if one else f'{len(unnamed)} NetCDF files'} in {folder} of which "
            f"{book.name} says nothing {'is' if one else 'are'} left out: {_named(unnamed)}; run "
            "the batch again if it writes them, or move them away"
        )
    lost, changed = list[str](), list[str]()
    for name, record in good.items():
        path = folder / name
        if not path.is_file():
            (changed if os.path.lexists(path) else lost).append(name)
        elif path.stat().st_size != record["bytes"]:
            changed.append(name)
    listed = f"of the {len(good)} good outputs that {book} lists are"
    if lost:
        warn_user(
            f"{len(lost)} {listed} not there: {_named(lost)}; run the batch again to make them"
        )
    if changed:
        warn_user(
            f"{len(changed)} {listed} no files of the size that was written, and left out: "
            f"{_named(changed)}; move them away and run the batch again to make them"
        )
    return [
        _Output(
            *(folder / name, volume(Path(record["label"]))),
            *(identifier.key(str(record.get("product", ""))), record["sha256"]),
        )
        for name, record in sorted(good.items())
        if name not in {*lost, *changed}
    ]


def _named(names: list[str]) -> str:
    """The first few of these names."""
    return f"{', '.join(sorted(names)[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}"


def _sound(
    outputs: list[_Output], chunks: dict[str, int] | str | None
) -> Iterator[tuple[_Output, list[tuple[str, xr.Dataset]]]]:
    """Outputs with the datasets that they hold; warns of those that are left out.

    Raises
    ------
    ExportError
        None can be read.
    """
    faults: list[str] = []
    others: list[str] = []
    for output in outputs:
        try:
            datasets = list(_open(output.path, chunks))
        except ExportError as error:
            # The error itself would keep the file open.
            faults.append(str(error))
            continue
        if _is_of_another(output, datasets):
            others.append(output.path.name)
        else:
            yield output, datasets
    if faults and len(faults) + len(others) == len(outputs):
        raise ExportError(faults[0])
    for fault in faults[:_SHOWN]:
        warn_user(f"left out: {fault}")
    if len(faults) > _SHOWN:
        warn_user(f"{len(faults)} outputs that cannot be read are left out, {_SHOWN} told of")
    if others:
        warn_user(
            f"{len(others)} of {len(outputs)} outputs are left out, as they hold another product "
            f"than was written: {_named(others)}; move them away and run the batch again"
        )


def _is_of_another(output: _Output, datasets: list[tuple[str, xr.Dataset]]) -> bool:
    """Whether a file of the right size holds another product than the manifest says.

    Products may have other names than their labels' files: then the checksum decides.
    """
    found = {name for _, ds in datasets for name, _ in _exposures(ds)}
    strange = output.digest and found and output.product not in found
    return bool(strange) and sha256(output.path) != output.digest


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
            f"exposures that several outputs hold are taken once, and left out of {_named(less)}"
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
    if "pic" not in ds.dims and not _is_point(ds):
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
    if _is_point(members[0].ds):
        members = [_Member(m.name, _as_exposure(m.name, m.ds), m.rank) for m in members]
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
    if "pic" not in ds.dims and "time_coverage_start" in ds.attrs:
        return np.datetime64(str(ds.attrs["time_coverage_start"]).rstrip("Z"), "ns")
    for name in ("time", "time_start"):
        if name in ds and ds[name].size:
            found: np.datetime64 = ds[name].values.min()
            return found
    return np.datetime64("NaT")


def _is_point(ds: xr.Dataset) -> bool:
    """Whether it is one of `photometry(per="observation")`, or of `power`."""
    return "pic" not in ds.dims and ("disk_share" in ds.variables or "power_rule" in ds.attrs)


def _as_exposure(name: str, ds: xr.Dataset) -> xr.Dataset:
    """What was made of a product as a whole, as if it were one exposure, with its name and time."""
    if "time_start" not in ds.variables:
        ds = ds.assign_coords(time_start=_start(ds))
    found = ds.assign_coords(product=name).expand_dims("pic")
    each = {k: v for k, v in found.coords.items() if k not in {*_GRID, *_DARK, "pic", "bnds"}}
    each = {k: v for k, v in each.items() if "pic" not in v.dims}
    return found.assign_coords({k: v.expand_dims("pic") for k, v in each.items()})


#: Variables that are the same for all products with one window and binning.
_GRID = frozenset({"wl", "wl_bounds", "pixel", "line", "band"})

#: Variables that may be the same for all products.
_DARK = frozenset({"background", "background_error"})


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
