"""Products as Zarr: references to the bytes of their data files, which stay where they are.

A data file is a row of uncompressed frames, 64 rows of 1024 columns of 16 bits, the higher byte
first: what Zarr calls chunks of one exposure each. The references are a file of JSON of the form
that kerchunk defined (version 1: keys of a Zarr store of version 2, each with its bytes or with
[URL, first byte, number of bytes]), which `fsspec` reads as the file system ``reference``, and by
it xarray's engine "zarr", wherever there is neither uvisxr nor kerchunk.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from . import calls, checks
from .dataset import inputs
from .errors import ProductError
from .files import absolute, check_name, check_target, refuse_foreign, whole_file
from .pds3 import packed
from .pds3.qube import QubeFile
from .reader.counts import behind
from .reader.observation import open_observation
from .reader.times import StartTime

#: With what the file begins, by which one of ours is known: others have other blanks.
_BEGINNING = '{"version": 1, "refs": {\n".zgroup": '

#: Outside of the window, of coordinates that are whole numbers.
_NOWHERE = -1


@calls.public("virtual")
def virtual(
    *paths: str | Path | Iterable[str | Path],
    out: str | Path,
    base: str | None = None,
    overwrite: bool | None = None,
    channel: str | None = None,
    target: str | None = None,
    name: str | None = None,
    sort: bool = True,
    window: int | None = None,
    start_time: StartTime = "end_of_first",
) -> Path:
    """Write references by which any xarray opens products as Zarr, without uvisxr.

    Of the data only the size is asked for. Exposures are chunks of whole frames of the detector, so
    that one costs one request of 131,072 bytes. Dimensions and coordinates are those of
    `open_observation`, but that `pixel` and `wl` run over the frame: where the window is in it say
    the attributes `window_pixel` and `window_wl`, by which one line cuts it out. Around the window
    coordinates are NaN, -1 or, of flags, 0.

    Parameters
    ----------
    *paths : path or iterable of paths
        Products as of `open_observation`, of one channel, slit and window. Their data files are
        plain, or stored in a zip archive as they are; of those given by URL only the label is
        downloaded.
    out : path
        File to write, which ends in .json; or a folder, in which it is NAME.json, after the
        observation.
    base : str, optional
        What to write in place of the folder that holds the data files or the folders of all of
        them, for example the URL where others find them; "." makes their paths relative to the
        folder where readers work. By default local files have absolute paths.
    overwrite : bool, optional
        Whether to replace an existing file: True, any; False, none; by default, one of uvisxr.
    channel, target, name, sort, window, start_time
        As of `open_observation`.

    Returns
    -------
    Path
        The file. Several windows are groups in it, window0, window1, ...

    Raises
    ------
    LabelError, ProductError
        A label or a data file is missing or damaged; products differ; or data are packed, and have
        no bytes to refer to.
    ArgumentError
        An argument has a wrong value, or no product was found.
    ExportError
        The file cannot be written.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> file = uvisxr.virtual(*made.labels, out="references")
    >>> file.name
    'FUV_2008_070.json'

    What others need to read it are xarray, zarr and fsspec (and of data on web servers aiohttp,
    and ``"remote_options": {"asynchronous": True}`` beside "fo")::

        ds = xarray.open_dataset(
            "reference://",
            engine="zarr",
            backend_kwargs={"storage_options": {"fo": str(file)}},
        )
        ds = ds.isel(pixel=slice(*ds.window_pixel), wl=slice(*ds.window_wl))
    """
    checks.choice("overwrite", overwrite, bool | None)
    if not isinstance(out, str | os.PathLike) or not os.fspath(out):
        raise checks.refused("out", out, "a path")
    check_name("out", out)
    if not isinstance(base, str | None) or not (base or "a").isprintable():
        raise checks.refused("base", base, "a URL or a path")
    opened = open_observation(
        *paths,
        channel=channel,
        target=target,
        name=name,
        sort=sort,
        window=window,
        start_time=start_time,
    )
    nodes = {"": opened} if isinstance(opened, xr.Dataset) else _groups(opened)
    place = _place(out, next(iter(nodes.values())).attrs["name"])
    files = inputs.of(opened)
    check_target(place, files)
    refuse_foreign(place, overwrite, _is_ours)
    urls = _urls([file for ds in nodes.values() for file in behind(_values(ds)).files], base)
    refs: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
    for prefix, ds in nodes.items():
        refs |= {f"{prefix}{key}": value for key, value in _group(ds, urls).items()}
    described = {key: value for key, value in refs.items() if isinstance(value, dict)}
    # With all descriptions in one place nobody has to look for them.
    refs[".zmetadata"] = {"zarr_consolidated_format": 1, "metadata": described}
    texts = {key: v if isinstance(v, str | list) else json.dumps(v) for key, v in refs.items()}
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in texts.items())
    with whole_file(place, files) as temporary:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(f'{{"version": 1, "refs": {{\n{lines}\n}}}}\n', encoding="utf-8")
    return place


def _groups(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    return {f"{name}/": node.to_dataset() for name, node in tree.children.items()}


def _place(out: str | Path, name: str) -> Path:
    path = Path(out).expanduser()
    return path if path.suffix.lower() == ".json" and not path.is_dir() else path / f"{name}.json"


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8") as stream:
        return stream.read(len(_BEGINNING)) == _BEGINNING


def _values(ds: xr.Dataset) -> xr.Variable:
    (name,) = ds.data_vars
    return ds[name].variable


def _urls(files: list[QubeFile], base: str | None) -> dict[Path, tuple[str, int]]:
    """Where each data file is, and from which byte on, by its path."""
    found = {}
    for file in files:
        if file.remote is not None:
            found[file.path] = file.remote.url, file.remote.start
            continue
        path, start = file.path, 0
        if packed.is_packed(path):
            path, start = packed.plain(path, file.size, file.state)
            if path != file.path:
                raise ProductError(
                    f"{file.path} is packed, so that its exposures have no bytes of their own to "
                    "refer to: unpack it"
                )
        found[file.path] = absolute(path).as_uri(), start
    if base is None:
        return found
    common = _common([url for url, _ in found.values()])
    base = "" if base in ("", ".") else base.rstrip("/") + "/"
    return {path: (base + url.removeprefix(common), n) for path, (url, n) in found.items()}


def _common(urls: list[str]) -> str:
    """The URL of the deepest folder that holds all files, with its slash."""
    parts = [url.split("/")[:-1] for url in urls]
    same = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        same.append(names[0])
    return "/".join([*same, ""])


def _group(ds: xr.Dataset, urls: Mapping[Path, tuple[str, int]]) -> dict[str, Any]:
    """The keys of a dataset in a store of Zarr's version 2, and what they hold."""
    values = _values(ds)
    (name,) = ds.data_vars
    array = behind(values)
    frame = array.files[0].frame[1:]
    if any(file.frame[1:] != frame or file.corner != array.files[0].corner for file in array.files):
        raise ProductError(
            "the frames of the products differ in size: make references of each on its own"
        )
    corner = array.files[0].corner
    refs: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
    dtype = np.dtype(array.files[0].dtype)
    size = int(np.prod(frame)) * dtype.itemsize
    refs |= _described(name, values.dims, values.attrs, (len(array.source), *frame), dtype, frame)
    for pic, (number, exposure) in enumerate(array.source.tolist()):
        url, start = urls[array.files[number].path]
        refs[f"{name}/{pic}.0.0"] = [url, start + exposure * size, size]
    spans = dict(zip(values.dims[1:], zip(corner, frame, strict=True), strict=True))
    coords = {key: _widened(v, str(key), spans) for key, v in ds.coords.variables.items()}
    encoded, _ = xr.conventions.cf_encoder(coords, {})
    for key, variable in encoded.items():
        refs |= _inline(str(key), variable)
    ends = {f"window_{dim}": [first, first + ds.sizes[dim]] for dim, (first, _) in spans.items()}
    cut = ", ".join(f"{dim}=slice(*ds.window_{dim})" for dim in spans)
    note = f"counts are frames of the detector; the window: ds.isel({cut})"
    auxiliary = " ".join(str(key) for key in coords if key not in ds.sizes)
    refs[f"{name}/.zattrs"] |= {"coordinates": auxiliary}
    refs[".zattrs"] = _plain({**ds.attrs, **ends, "comment": note})
    return refs


def _widened(variable: xr.Variable, name: str, spans: Mapping[Any, tuple[int, int]]) -> xr.Variable:
    """A coordinate of the window along the whole frame."""
    width, chosen = [], []
    for dim, size in variable.sizes.items():
        first, whole = spans.get(dim, (0, size))
        width.append(whole)
        chosen.append(slice(first, first + size))
    dtype = variable.dtype
    if name in spans and dtype.kind == "i":
        # Numbers of pixels go on.
        ((first, whole),) = (spans[name],)
        return xr.Variable(variable.dims, np.arange(whole) - first, variable.attrs)
    nowhere: Any = np.nan if dtype.kind == "f" else _NOWHERE if dtype.kind == "i" else 0
    values = np.full(width, nowhere, dtype) if dtype.kind in "fiu" else variable.values
    if dtype.kind in "fiu":
        values[tuple(chosen)] = variable.values
    return xr.Variable(variable.dims, values, variable.attrs)


def _inline(name: str, variable: xr.Variable) -> dict[str, Any]:
    """The keys of a small array, with its bytes."""
    values = np.asarray(variable.values)
    if values.dtype.kind in "OU":
        # Zarr 2 has text of a fixed length, as numpy has.
        values = values.astype("U")
        values = values.astype(f"<U{max(values.dtype.itemsize // 4, 1)}")
    values = values.astype(values.dtype.newbyteorder("<"))
    shape = values.shape
    found = _described(name, variable.dims, variable.attrs, shape, values.dtype, shape)
    key = ".".join("0" * len(shape)) or "0"
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    return found | {f"{name}/{key}": f"base64:{data}"}


def _described(
    name: Any,
    dims: tuple[Any, ...],
    attrs: Mapping[Any, Any],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    frame: tuple[int, ...],
) -> dict[str, Any]:
    """What Zarr needs to know of an array whose chunks are frames."""
    chunks = [1] * (len(shape) - len(frame)) + [max(n, 1) for n in frame]
    return {
        f"{name}/.zarray": {
            "zarr_format": 2,
            "shape": list(shape),
            "chunks": chunks,
            "dtype": dtype.str,
            "compressor": None,
            "filters": None,
            "fill_value": None,
            "order": "C",
        },
        f"{name}/.zattrs": {**_plain(attrs), "_ARRAY_DIMENSIONS": list(dims)},
    }


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as JSON has them."""
    return {
        str(key): value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for key, value in attrs.items()
    }
