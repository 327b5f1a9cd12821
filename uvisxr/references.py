"""Products as Zarr: references to the bytes of their data files, which stay where they are.

A data file is a row of uncompressed frames, 64 rows of 1024 columns of 16 bits, the higher byte
first: what Zarr calls chunks. One of each exposure begins with the first value of the window, and
has its rows, as long as those of the frame. Zarr's chunks may be larger than its arrays, of which
whoever reads them leaves out what is beyond the end: here the columns after the window. So a
window needs no cutting. The references are a file of JSON of the form
that kerchunk defined (version 1: keys of a Zarr store of version 2, each with its bytes or with
[URL, first byte, number of bytes]), which `fsspec` reads as the file system ``reference``, and by
it xarray's engine "zarr", wherever there is neither uvisxr nor kerchunk.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import xarray as xr

from . import calls, checks, fetch, parts
from .dataset import inputs
from .errors import ArgumentError, ExportError, ProductError, unwarned
from .files import absolute, check_name, check_target, inside, real, refuse_foreign, whole_file
from .pds3 import packed, urls
from .pds3.label import Label
from .pds3.qube import QubeFile
from .pds3.sources import Product
from .reader import sources
from .reader.counts import behind
from .reader.observation import alike, flat, open_observation
from .reader.times import StartTime
from .transfer import NoPartsError

#: Attributes that tell one window from another.
_CORNERS = ("ul_line", "ul_band", "lr_line", "lr_band", "line_bin", "band_bin")

#: With what the file begins, by which one of ours is known: others have other blanks.
_BEGINNING = '{"version": 1, "refs": {\n".zgroup": '


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

    Of the data only the size is asked for. What xarray opens is what `open_observation` gives. An
    exposure costs one request of 2048 bytes for each of its rows in the detector's frame, 131,072
    at most.

    Parameters
    ----------
    *paths : path or iterable of paths
        Products as of `open_observation`, of one channel, slit and window. Their data files are
        plain, or stored in a zip archive as they are; of those given by URL only the label is
        downloaded.
    out : path
        File to write, which ends in .json; or a folder, in which it is NAME.json if there is a
        `name`, and else PRODUCT.json or FIRST_LAST.json, after the first product and the last.
    base : str, optional
        What to write in place of the folder that holds the data files or the folders of all of
        them, for example the URL where others find them; "." makes their paths relative to the
        folder where readers work. By default local files have absolute paths, and what was
        downloaded has its URL.
    overwrite : bool, optional
        Whether to replace an existing file: True, any; False, none; by default, one of uvisxr, but
        in a folder none that holds other products than these.
    channel, target, name, sort, window, start_time
        As of `open_observation`.

    Returns
    -------
    Path
        The file. Several windows are groups in it, window0, window1, ...

    Raises
    ------
    LabelError, ProductError
        A label or a data file is missing or damaged; products differ; or data are packed, or on a
        server that sends no parts, and have no bytes to refer to.
    ArgumentError
        An argument has a wrong value, or no product was found; or there is no folder that `base`
        could take the place of.
    ExportError
        The file cannot be written.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> file = uvisxr.virtual(*made.labels, out="references")
    >>> file.name
    'FUV2008_070_10_04.json'

    What others need to read it are xarray, zarr and fsspec (and of data on web servers aiohttp,
    and ``"remote_options": {"asynchronous": True}`` beside "fo")::

        ds = xarray.open_dataset(
            "reference://",
            engine="zarr",
            backend_kwargs={"storage_options": {"fo": str(file)}},
        )
    """
    _check(out, base, overwrite)
    given = list(flat(paths))
    opened = open_observation(
        *given,
        channel=channel,
        target=target,
        name=name,
        sort=sort,
        window=window,
        start_time=start_time,
    )
    return _write(opened, _urls(_files(opened), base, given), out, overwrite, name)


def virtual_each(
    paths: Sequence[str | Path],
    out: str | Path,
    base: str | None = None,
    overwrite: bool | None = None,
    channel: str | None = None,
) -> list[Path]:
    """Write references to a folder, a file for each group of products that are one observation.

    Arguments and errors as of `virtual`. Nothing is written unless all can be opened.

    Returns
    -------
    list of Path
        The files, in the order of the products.
    """
    _check(out, base, overwrite)
    given = list(flat(paths))
    several = [given]
    with unwarned():
        fit = len(alike(given, channel)) == 1
    if not fit:
        # Now it says what is left out, which opening what is named does not.
        several = [
            [path for label in group for path in (label.path, label.data_path)[: _paths(label)]]
            for group in alike(given, channel)
        ]
    opened = [open_observation(*group, channel=channel) for group in several]
    taken: dict[Path, int] = {}
    for k, one in enumerate(opened):
        place = _place(out, _name(one))
        if (first := taken.setdefault(place, k)) != k:
            raise ProductError(
                f"{several[first][0]} and {several[k][0]} have one name and differ: make "
                "references of each on its own, in another folder"
            )
    # The folder that `base` stands for is that of all.
    places = _urls([file for one in opened for file in _files(one)], base, given)
    return [_write(one, places, out, overwrite) for one in opened]


def _paths(label: Label) -> int:
    """How many paths stand for a product: that of its data file too if it is named otherwise."""
    return 1 if Product.at(label.path).data in (None, label.data_path) else 2


def _check(out: object, base: object, overwrite: object) -> None:
    """Refuse arguments of `virtual`."""
    checks.choice("overwrite", overwrite, bool | None)
    if not isinstance(out, str | os.PathLike) or not os.fspath(out):
        raise checks.refused("out", out, "a path")
    check_name("out", out)
    _check_out(Path(os.fsdecode(out)).expanduser())
    if not isinstance(base, str | None) or not (base or "a").isprintable():
        raise checks.refused("base", base, "a URL or a path")
    if "@" in (base or "").partition("://")[2].partition("/")[0]:
        fetch.without_user(str(base), "base, the URL")


def _write(
    opened: xr.Dataset | xr.DataTree,
    places: Mapping[Path, tuple[str, int]],
    out: str | Path,
    overwrite: bool | None,
    name: str | None = None,
) -> Path:
    """Write the references of one observation, whose files are at `places` (`_urls`)."""
    nodes = _groups(opened)
    place = _place(out, name or _name(opened))
    files = inputs.of(opened)
    check_target(place, files)
    refuse_foreign(place, overwrite, _is_ours)
    if overwrite is None and place != Path(out).expanduser():
        _keep_others(place, nodes)
    refs: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
    for prefix, ds in nodes.items():
        refs |= {f"{prefix}{key}": value for key, value in _group(ds, places).items()}
    described = {key: value for key, value in refs.items() if isinstance(value, dict)}
    # With all descriptions in one place nobody has to look for them.
    refs[".zmetadata"] = {"zarr_consolidated_format": 1, "metadata": described}
    texts = {
        key: v if isinstance(v, str | list) else json.dumps(v, allow_nan=False)
        for key, v in refs.items()
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in texts.items())
    with whole_file(place, files) as temporary:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(f'{{"version": 1, "refs": {{\n{lines}\n}}}}\n', encoding="utf-8")
    return place


def _files(opened: xr.Dataset | xr.DataTree) -> list[QubeFile]:
    return [file for ds in _groups(opened).values() for file in behind(_values(ds)).files]


def _name(opened: xr.Dataset | xr.DataTree) -> str:
    """What its file is called in a folder: of one day there may be several."""
    first, *others = _products(next(iter(_groups(opened).values())))
    return "_".join([first, *others[-1:]])


def _products(ds: xr.Dataset) -> list[str]:
    return list(dict.fromkeys(map(str, ds["product"].values)))


def _keep_others(place: Path, nodes: Mapping[str, xr.Dataset]) -> None:
    """Refuse to replace references to products, or to a window, that these are not.

    Raises
    ------
    ExportError
        There are such in the file.
    """
    if not place.is_file():
        return
    refs = json.loads(place.read_text(encoding="utf-8"))["refs"]
    for key in [key for key in refs if key.endswith("product/.zarray")]:
        prefix = key.removesuffix("product/.zarray")
        data = base64.b64decode(refs[f"{prefix}product/0"].removeprefix("base64:"))
        held = dict.fromkeys(map(str, np.frombuffer(data, json.loads(refs[key])["dtype"])))
        attrs, ds = json.loads(refs[f"{prefix}.zattrs"]), nodes.get(prefix)
        others = [name for name in held if ds is not None and name not in _products(ds)]
        if ds is None or any(attrs.get(name) != ds.attrs[name] for name in _CORNERS):
            others = [f"another window of {name}" for name in held]
        if others:
            raise ExportError(
                f"cannot write {place}: it is of {', '.join(others[:3])} too, and would be lost; "
                "give another file or folder, or replace it with overwrite=True"
            )


def _groups(opened: xr.Dataset | xr.DataTree) -> dict[str, xr.Dataset]:
    if isinstance(opened, xr.Dataset):
        return {"": opened}
    return {f"{name}/": node.to_dataset() for name, node in opened.children.items()}


def _check_out(path: Path) -> None:
    kind = path.suffix.lower()
    if urls.is_url(str(path)) or kind == ".zarr" or (path.is_file() and kind != ".json"):
        raise checks.refused(
            "out", str(path), "a file of JSON on this computer, which ends in .json, or its folder"
        )


def _place(out: str | Path, name: str) -> Path:
    path = Path(out).expanduser()
    is_file = path.suffix.lower() == ".json" and not path.is_dir()
    return path if is_file else inside(path, f"{name}.json")


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8") as stream:
        return stream.read(len(_BEGINNING)) == _BEGINNING


def _values(ds: xr.Dataset) -> xr.Variable:
    (name,) = ds.data_vars
    return ds[name].variable


def _urls(
    files: list[QubeFile], base: str | None, given: Sequence[str | Path]
) -> dict[Path, tuple[str, int]]:
    """Where each data file is, and from which byte on, by its path."""
    found: dict[Path, tuple[str, int]] = {}
    cache = real(fetch.cache_dir("urls"))
    downloaded: dict[Path, str] | None = None
    for file in files:
        if file.remote is not None:
            url = file.remote.url
            found[file.path] = url if "://" in url else _local(Path(url)), file.remote.start
            continue
        path, start = file.path, 0
        if packed.is_packed(path):
            path, start = packed.plain(path, file.size, file.state)
            if path != file.path:
                raise ProductError(
                    f"{file.path} is packed, so that its exposures have no bytes of their own to "
                    "refer to: unpack it"
                )
        if downloaded is None and real(path).is_relative_to(cache):
            downloaded = _downloaded(given)
        if downloaded and path in downloaded:
            url, first = _served(downloaded[path], path, base)
            found[file.path] = url, first + start
        else:
            found[file.path] = _local(path), start
    if base is None:
        return found
    places = {path: _split(url) for path, (url, _) in found.items()}
    common = _common([*places.values()])
    base = "" if base in ("", ".") else base.rstrip("/") + "/"
    encode = quote if parts.is_web(base) else str
    return {
        path: (base + encode(places[path][1].removeprefix(common)), start)
        for path, (_, start) in found.items()
    }


def _downloaded(given: Sequence[str | Path]) -> dict[Path, str]:
    """The URLs of data files that are in the cache, by their paths."""
    with unwarned():
        products = [product for product in sources.expand(given) if product.url and product.data]
    return {one.data: urls.of_data(one.url, one.data) for one in products if one.data}


def _served(url: str, path: Path, base: str | None) -> tuple[str, int]:
    """Where a file that was downloaded can be read by parts, and from which byte on."""
    is_member = parts.member_of(url) is not None
    try:
        remote = parts.ask(url)
    except NoPartsError as error:
        if base is not None and not is_member:
            return url, 0
        why = "its archive has packed it" if is_member else "its server sends no parts of files"
        raise ProductError(
            f"{url} was downloaded whole, as {why}, and nobody can read single exposures there: "
            "make references of a copy of your own, which base= may name"
        ) from error
    if remote.size != path.stat().st_size:
        raise ProductError(
            f"{url} holds {remote.size} bytes, but {path}, which was downloaded from there, "
            f"{path.stat().st_size}: remove that, and try again"
        )
    return remote.url, remote.start


def _local(path: Path) -> str:
    """The address of a file here: nobody decodes those in references."""
    name = absolute(path).as_posix()
    return f"file://{name}" if name.startswith("/") else f"file:///{name}"


def _split(url: str) -> tuple[str, str]:
    """The server or file system of a file, and the path there, as its folders are called."""
    scheme, _, rest = url.partition("://")
    server, _, path = rest.partition("/")
    return f"{scheme}://{server}", unquote(path) if parts.is_web(url) else path


def _common(places: list[tuple[str, str]]) -> str:
    """The path of the deepest folder that holds all files, with its slash.

    Raises
    ------
    ArgumentError
        There is none.
    """
    servers = sorted({server for server, _ in places})
    if len(servers) > 1:
        raise ArgumentError(
            "base takes the place of the folder that holds all data, but there is none: some are "
            f"on {servers[0]} and some on {servers[1]}; leave base out, or copy all into one folder"
        )
    same = []
    for names in zip(*(path.split("/")[:-1] for _, path in places), strict=False):
        if len(set(names)) > 1:
            break
        same.append(names[0])
    return "".join(f"{name}/" for name in same)


def _group(ds: xr.Dataset, places: Mapping[Path, tuple[str, int]]) -> dict[str, Any]:
    """The keys of a dataset in a store of Zarr's version 2, and what they hold."""
    values = _values(ds)
    (name,) = ds.data_vars
    array = behind(values)
    (rows, columns), length = array.files[0].shape, array.files[0].frame[2]
    if any(file.frame[2] != length for file in array.files):
        raise ProductError(
            "the frames of the products differ in length: make references of each on its own"
        )
    refs: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
    dtype = np.dtype(array.files[0].dtype)
    row = length * dtype.itemsize
    shape = (len(array.source), rows, columns)
    refs |= _described(name, values.dims, values.attrs, shape, (1, rows, length), dtype)
    for pic, (number, exposure) in enumerate(array.source.tolist()):
        file = array.files[number]
        url, start = places[file.path]
        first = (exposure * file.frame[1] + file.corner[0]) * row
        first += file.corner[1] * dtype.itemsize
        if first + rows * row <= file.size:
            refs[f"{name}/{pic}.0.0"] = [url, start + first, rows * row]
        else:
            # A window that begins further to the right than in the first column ends with the last
            # row of the file: there are no more values to make its last row as long as the others.
            whole = np.zeros((rows, length), dtype)
            whole[:, :columns] = file.read(np.array([exposure]))[0]
            refs[f"{name}/{pic}.0.0"] = _bytes(whole)
    coords = ds.coords.variables
    encoded, _ = xr.conventions.cf_encoder(dict(coords), {})
    bounds = {str(v.attrs["bounds"]) for v in coords.values() if "bounds" in v.attrs}
    for key, variable in encoded.items():
        if key in bounds:
            # What CF would take from the coordinate.
            variable.attrs = {**coords[key].attrs, **variable.attrs}
        refs |= _inline(str(key), variable)
    auxiliary = " ".join(str(key) for key in coords if key not in ds.sizes)
    refs[f"{name}/.zattrs"] |= {"coordinates": auxiliary}
    refs[".zattrs"] = _plain(ds.attrs)
    return refs


def _inline(name: str, variable: xr.Variable) -> dict[str, Any]:
    """The keys of a small array, with its bytes.

    It is one chunk: of one for each exposure, as the counts have, reading took ten times as long.
    """
    values = np.asarray(variable.values)
    if values.dtype.kind in "OU":
        # Zarr 2 has text of a fixed length, as numpy has.
        values = values.astype("U")
        values = values.astype(f"<U{max(values.dtype.itemsize // 4, 1)}")
    values = values.astype(values.dtype.newbyteorder("<"))
    attrs = dict(variable.attrs)
    fill = attrs.pop("_FillValue", None)
    chunks = tuple(max(n, 1) for n in values.shape)
    found = _described(name, variable.dims, attrs, values.shape, chunks, values.dtype, fill)
    key = ".".join("0" * values.ndim) or "0"
    return found | {f"{name}/{key}": _bytes(values)}


def _bytes(values: np.ndarray) -> str:
    return f"base64:{base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()}"


def _described(
    name: Any,
    dims: tuple[Any, ...],
    attrs: Mapping[Any, Any],
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: np.dtype[Any],
    fill: Any = None,
) -> dict[str, Any]:
    """What Zarr needs to know of an array."""
    return {
        f"{name}/.zarray": {
            "zarr_format": 2,
            "shape": list(shape),
            "chunks": list(chunks),
            "dtype": dtype.str,
            "compressor": None,
            "filters": None,
            "fill_value": _plainly(fill),
            "order": "C",
        },
        f"{name}/.zattrs": {**_plain(attrs), "_ARRAY_DIMENSIONS": list(dims)},
    }


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as JSON has them."""
    return {str(key): _plainly(value) for key, value in attrs.items()}


def _plainly(value: Any) -> Any:
    """A value as JSON has it, which has no NaN: Zarr writes the word."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plainly(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
