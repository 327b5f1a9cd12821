"""From products to one dataset: exposures in time order, with their times, places and names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import xarray as xr
from xarray.core import indexing

from .. import checks, targets
from ..dataset import conventions, history, inputs, setups
from ..errors import ArgumentError, ProductError, UnreadObjectError, warn_user
from ..files import absolute
from ..instrument.channel import channel as find_channel
from ..instrument.detector import Window
from ..pds3 import pairs
from ..pds3.label import Label
from ..pds3.product import choose_windows, promised_file, qube_file
from ..pds3.qube import QubeFile
from ..quality.flags import initial
from ..timescales import day_of_year
from . import sources, states
from .counts import QubeArray
from .times import StartTime, times

#: Which instrument controlled the pointing; UVIS itself is written PRIME.
Prime = Literal["PRIME", "CIRS", "VIMS", "ISS"]

_INSTRUMENT_PAPER = "Esposito et al. (2004), https://doi.org/10.1007/s11214-004-1455-8"


_NUMBERS = (int, float, np.integer, np.floating)


@dataclass(frozen=True)
class _Choices:
    """How products are opened; see `open_observation`."""

    window: int | None
    chunks: Any
    start_time: StartTime
    sort: bool = True
    target: str | None = None
    prime: str = ""
    id: int | str = 0
    name: str | None = None


@overload
def open_product(
    path: str | Path | tuple[str | Path, str | Path],
    *,
    window: int,
    chunks: Any = None,
    start_time: StartTime = "end_of_first",
    fetch: bool = False,
) -> xr.Dataset: ...


@overload
def open_product(
    path: str | Path | tuple[str | Path, str | Path],
    *,
    window: int | None = None,
    chunks: Any = None,
    start_time: StartTime = "end_of_first",
    fetch: bool = False,
) -> xr.Dataset | xr.DataTree: ...


@history.step("open_product", unsaid=["chunks", "fetch"])
def open_product(
    path: str | Path | tuple[str | Path, str | Path],
    *,
    window: int | None = None,
    chunks: Any = None,
    start_time: StartTime = "end_of_first",
    fetch: bool = False,
) -> xr.Dataset | xr.DataTree:
    """Open one PDS3 product lazily: data are read only when used.

    Parameters
    ----------
    path : path or pair of paths
        The label of PDS3 or PDS4, the data file, or their common base path, with any ending; label
        and data file as a pair if their names differ, whatever lies beside them; or the identifier
        of a product in the current folder or the cache, such as FUV2009_173_15_16, also as OPUS
        (co-uvis-fuv2009_173_15_16) and PDS4 (2009_173_15_16_fuv) write it; or the URL of a label,
        such as https://, s3:// or zip://NAME.LBL::URL of an archive, of whose data only the
        exposures that are used are read. The data file may be packed, as NAME.DAT.bz2,
        NAME.DAT.gz or NAME.DAT.zip. From a zip archive that stores it as it is, exposures are read
        one at a time; other files are unpacked to the cache when their counts are first used.
    window : int, optional
        Which detector window to open, if the product has several.
    chunks : int, dict or "auto", optional
        Return dask arrays, as in `xarray.open_dataset`. Exposures are read one at a time, so
        {"pic": n} is efficient for any n.
    start_time : {"end_of_first", "start"}
        What the label's START_TIME means: the end of the first exposure (users guide, chapter 2),
        or its start, as other tools take it.
    fetch : bool
        Download a product that is named by its identifier or URL and is not in the cache.

    Returns
    -------
    Dataset or DataTree
        `counts` (pic, pixel, wl), uint16, with coordinates; 65535 marks values that were not
        transmitted. A tree with one node per window if there are several and none is chosen. A
        SPECTRUM, which some products hold in place of a QUBE, is one exposure of one pixel. One of
        the archive's calibration matrices gives `calibration_matrix` instead.

    Raises
    ------
    LabelError, ProductError
        The label or the data file is damaged or not of a UVIS spectral product, or the data file is
        missing.
    ArgumentError
        An argument has a wrong value, or `path` names no product or several.
    FetchError
        The download failed.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = uvisxr.open_product(made.labels[0])
    >>> dict(ds.counts.sizes)
    {'pic': 12, 'pixel': 60, 'wl': 1024}
    >>> str(ds.time_start.values[0])[:19]
    '2008-03-10T10:00:00'
    >>> later = uvisxr.open_product(made.labels[0], start_time="start")
    >>> str(later.time_start.values[0])[:19]
    '2008-03-10T10:04:00'
    """
    given = [] if path is None else list(flat([path]))
    if not given:
        raise ArgumentError("no product to open: give the path of its label or of its data file")
    labels, lists = _labels(_pair(given) if isinstance(path, list | tuple) else given, fetch=fetch)
    if len(labels) > 1:
        raise ArgumentError(f"{path} holds {len(labels)} products: use uvisxr.open_observation")
    return _open(labels, _Choices(window, chunks, start_time), lists=lists)


@overload
def open_observation(
    *paths: str | Path | Iterable[str | Path],
    batch: str | Path | None = None,
    channel: str | None = None,
    target: str | None = None,
    prime_instrument: str | None = None,
    id: int | str = 0,
    name: str | None = None,
    sort: bool = True,
    window: int,
    chunks: Any = None,
    start_time: StartTime = "end_of_first",
    fetch: bool = False,
) -> xr.Dataset: ...


@overload
def open_observation(
    *paths: str | Path | Iterable[str | Path],
    batch: str | Path | None = None,
    channel: str | None = None,
    target: str | None = None,
    prime_instrument: str | None = None,
    id: int | str = 0,
    name: str | None = None,
    sort: bool = True,
    window: int | None = None,
    chunks: Any = None,
    start_time: StartTime = "end_of_first",
    fetch: bool = False,
) -> xr.Dataset | xr.DataTree: ...


@history.step("open_observation", unsaid=["chunks", "fetch"])
def open_observation(
    *paths: str | Path | Iterable[str | Path],
    batch: str | Path | None = None,
    channel: str | None = None,
    target: str | None = None,
    prime_instrument: str | None = None,
    id: int | str = 0,  # noqa: A002 - the archive's own word
    name: str | None = None,
    sort: bool = True,
    window: int | None = None,
    chunks: Any = None,
    start_time: StartTime = "end_of_first",
    fetch: bool = False,
) -> xr.Dataset | xr.DataTree:
    """Open several products as one observation, concatenated along `pic`.

    Parameters
    ----------
    *paths : path or iterable of paths
        Labels, data files, plain or packed, base paths, folders with all below, globs, index
        tables, identifiers and URLs as in `open_product`; a label followed by a data file of
        another name that has no label is one product. The same exposures are taken once, with a
        warning that names the copies: of those in two volumes of the archive, the later.
    batch : path, optional
        A text file with one path per line, relative to that file; # starts a comment. It is used in
        place of `paths`, with a warning if both are given.
    channel : {"EUV", "FUV"}, optional
        Take only the products of this channel, from a folder of both.
    target : str, optional
        What the observation is said to look at, in place of the labels' TARGET_NAME. It chooses no
        products, as `channel` does: all are opened, whatever their targets.
    prime_instrument : {"PRIME", "UVIS", "CIRS", "VIMS", "ISS"}, optional
        Instrument that controlled the pointing; becomes part of the name. UVIS itself is written
        PRIME.
    id : int or str
        Number of the observation within its day; becomes part of the name unless 0.
    name : str, optional
        Name to use in place of CHANNEL_YEAR_DOY[_PRIME][_ID], such as FUV_2006_015_PRIME_1.
    sort : bool
        Sort exposures by time; otherwise they keep the order of the products.
    window, chunks, start_time, fetch
        As in `open_product`.

    Returns
    -------
    Dataset or DataTree
        As `open_product`.

    Raises
    ------
    LabelError, ProductError
        A label or a data file is missing or damaged, or two products differ in channel, slit,
        window or binning.
    ArgumentError
        An argument has a wrong value, or no product was found.
    FetchError
        A download failed.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> folder = made.labels[0].parent
    >>> ds = uvisxr.open_observation(folder, name="limb", chunks={"pic": 4})
    >>> ds.attrs["name"], ds.counts.chunksizes["pic"]
    ('limb', (4, 4, 4))
    """
    given = list(flat(paths))
    if batch is not None:
        if given:
            warn_user(f"batch={str(batch)!r} is opened in place of the paths given beside it")
        given = [batch]
    prime = _prime(prime_instrument)
    if not isinstance(id, str):
        checks.whole("id", id, 0, what="the number of the observation within its day, or text")
    if not given:
        raise ArgumentError("no product to open: give paths of products or folders, or batch=")
    if target:
        _tell_unknown(target)
    found, lists = _labels(given, channel, target, fetch)
    _require_data(found, given)
    labels = _distinct(found)
    choices = _Choices(window, chunks, start_time, sort, target, prime, id, name)
    return _open(labels, choices, {"paths": [label.path for label in labels]}, lists)


def _tell_unknown(target: str) -> None:
    """Warn of a target in place of the label's that is no body that SPICE knows by itself."""
    if not targets.is_body(target) or targets.canonical(target) in targets.KNOWN:
        return
    # Only here is SPICE needed, which takes longer to load.
    from ..kernels import bodies
    from ..kernels.session import LOCK

    try:
        with LOCK:
            bodies.named(target)
    except ArgumentError:
        warn_user(
            f"target={target!r}: no body of this name is known, unless kernels define it"
            f"{targets.suggested(target)}"
        )


def _prime(instrument: str | None) -> str:
    """The instrument that controlled the pointing, as in names; empty if none is given."""
    if not instrument:
        return ""
    name = str(instrument).upper().replace("UVIS", "PRIME")
    checks.choice("prime_instrument", name, Prime)
    return name


def flat(paths: Iterable[Any]) -> Iterator[str | Path]:
    """Paths out of any nest of iterables."""
    for path in paths:
        if isinstance(path, str | os.PathLike):
            yield Path(os.fsdecode(path)) if isinstance(path, os.PathLike) else path
        elif isinstance(path, bytes):
            yield os.fsdecode(path)
        elif isinstance(path, Iterable):
            yield from flat(path)
        else:
            raise checks.refused("paths", path, "paths of products")


def _pair(given: list[str | Path]) -> list[sources.Source]:
    """A label and a data file that are there as a pair; all else as it is."""
    if len(given) == 2 and all(Path(one).expanduser().is_file() for one in given):
        kinds = [pairs.split(Path(one))[1] for one in given]
        if "" not in kinds and sum(kind in pairs.LABELS for kind in kinds) == 1:
            return [(given[0], given[1])]
    return [*given]


def _require_data(labels: list[Label], given: list[str | Path]) -> None:
    """Tell how to open a label without data with a data file beside it that has another label."""
    lost = {label.path for label in labels if not label.data_path.is_file()}
    files = [absolute(Path(one).expanduser()) for one in given] if lost else []
    for two in pairwise(files):
        label, data = two if two[0] in lost else two[::-1]
        if label in lost and data.is_file() and pairs.split(data)[1] not in ("", *pairs.LABELS):
            raise ProductError(
                f"{label} has no data file, and {data} beside it in the list has a label of its "
                "own: if the two are one product, open it as a pair, "
                "uvisxr.open_product((label, data))"
            )


def _labels(
    paths: Iterable[sources.Source],
    channel: str | None = None,
    target: str | None = None,
    fetch: bool = False,
) -> tuple[list[Label], frozenset[Path]]:
    """The labels of all products, and the lists that named them.

    What is not read and lay in a folder with others is left out.
    """
    labels, named, lists = _read(list(paths), channel, fetch)
    return _without_spectra(labels, named, target or ""), lists


def _read(
    paths: list[sources.Source], channel: str | None = None, fetch: bool = False
) -> tuple[list[Label], set[Path], frozenset[Path]]:
    """The labels of all products, those that are named themselves, and the lists."""
    products = sources.expand(paths, sources.Filter(channel=channel), fetch)
    files = (
        Path(path).expanduser()
        for given in paths
        for path in (given if isinstance(given, tuple) else (given,))
    )
    # The root of a file system has no name, and is the label of no product.
    named = {sources.Product.at(file).label for file in files if absolute(file).name}
    labels, unread = [], []
    for product in products:
        try:
            labels.append(product.read())
        except UnreadObjectError as error:
            if product.label in named:
                raise
            unread.append(error)
    if unread and not labels:
        raise unread[0]
    for fault in unread:
        warn_user(f"left out: {fault}")
    if not labels:
        raise ArgumentError("no product to open: all that pass the filter are calibration matrices")
    return labels, named, frozenset(products.lists)


def alike(
    paths: Iterable[sources.Source], channel: str | None = None, target: str | None = None
) -> list[list[Label]]:
    """Products in groups of those that `open_observation` opens as one.

    Arguments and errors as of that. Groups and the products in each are in the order given.
    """
    groups: list[list[Label]] = []
    for label in _read(list(paths), channel)[0]:
        for group in groups:
            first = group[0]
            if first.is_matrix == label.is_matrix and not _difference(first, label, target or ""):
                group.append(label)
                break
        else:
            groups.append([label])
    return groups


def _without_spectra(labels: list[Label], named: set[Path], target: str) -> list[Label]:
    """The labels without those of a SPECTRUM that lay in a folder with cubes it does not fit."""
    cube = next((label for label in labels if label.kind == "QUBE"), None)
    if cube is None:
        return labels
    kept = []
    for label in labels:
        fits = label.kind == "QUBE" or _difference(cube, label, target) is None
        if fits or label.path in named:
            kept.append(label)
        else:
            warn_user(
                f"left out: {label.path} holds a SPECTRUM, one exposure summed over its rows, and "
                "does not fit the cubes beside it: open it on its own"
            )
    return kept


def _distinct(labels: list[Label]) -> list[Label]:
    """Drop what is another product by its name only."""
    left = sources.copies(labels)
    sources.tell(left)
    return [label for label in labels if label.path not in left]


def _open(
    labels: list[Label],
    choices: _Choices,
    took: dict[str, Any] | None = None,
    lists: Iterable[Path] = (),
) -> xr.Dataset | xr.DataTree:
    checks.choice("start_time", choices.start_time, StartTime)
    checks.choice("sort", choices.sort, bool)
    for label in labels[1:]:
        _check_alike(labels[0], label, choices.target or "")

    def one(k: int) -> xr.Dataset:
        ds = conventions.apply(_dataset(labels, k, choices))
        if choices.chunks is not None:
            # The small coordinates stay in memory, as the steps need their values.
            ds = ds.assign(_chunked(ds.reset_coords(drop=True), choices.chunks))
        files = [x.path for x in labels]
        away = [x for x in labels if pairs.split(x.data_path)[1] == pairs.ELSEWHERE]
        unread = [x.data_path for x in labels if x not in away]
        named = {x.data_path.stem: x.size for x in away}
        return history.used(inputs.add(ds, lists), files, unread, took, named)

    windows = choose_windows(labels[0], choices.window)
    opened = {k: one(k) for k in windows}
    # What cannot be opened is an error, and nothing else.
    states.warn(labels)
    if len(windows) == 1:
        return opened[windows[0]]
    return xr.DataTree.from_dict({f"window{k}": ds for k, ds in opened.items()})


def of_labels(
    labels: Sequence[Label],
    files: Sequence[QubeFile],
    window: int,
    start_time: StartTime = "end_of_first",
) -> xr.Dataset:
    """One window of products that are known to fit together, in the order of the labels.

    Parameters
    ----------
    labels : sequence of Label
        Of one set-up of the instrument. They may have several targets, of which nothing is said.
    files : sequence of QubeFile
        Their data files (`qube_file`).
    window : int
    start_time : {"end_of_first", "start"}
        As in `open_product`.

    Returns
    -------
    Dataset
        Lazy, without a history; `pic` runs through all products.
    """
    choices = _Choices(window, None, start_time, sort=False)
    first = labels[0]
    ds = _dataset([replace(x, target=first.target) for x in labels], window, choices, files=files)
    several = sorted({targets.canonical(x.target) for x in labels})
    if len(several) > 1:
        ds.attrs["target"] = ", ".join(filter(None, several))
    return conventions.apply(ds)


def _chunked(ds: xr.Dataset, chunks: Any) -> xr.Dataset:
    try:
        _check_sizes(chunks)
        return ds.chunk(chunks)
    except (TypeError, ValueError, OverflowError) as error:
        dims = ", ".join(map(str, ds.sizes))
        raise checks.refused(
            "chunks",
            chunks,
            f'sizes by dimension ({dims}), such as {{"pic": 10}}, a size for all, or "auto"; '
            + " ".join(str(error).split()),
        ) from None


def _check_sizes(chunks: Any) -> None:
    """ValueError for sizes of which dask makes empty chunks, or none."""
    if not isinstance(chunks, (Mapping, str, *_NUMBERS)):
        raise ValueError(f"{type(chunks).__name__} is none of these")
    parts: Iterable[Any] = chunks.values() if isinstance(chunks, Mapping) else [chunks]
    for part in parts:
        for size in part if isinstance(part, list | tuple) else [part]:
            if isinstance(size, _NUMBERS) and (
                isinstance(size, bool) or not (size >= 1 or size == -1)
            ):
                raise ValueError(f"{size} is no size")


def _check_alike(first: Label, other: Label, target: str) -> None:
    """Raise unless the exposures of both, said to be of a target, fit in one array."""
    if first.is_matrix != other.is_matrix:
        matrix, counts = (first, other) if first.is_matrix else (other, first)
        raise ProductError(
            f"{matrix.path} is a calibration matrix, and {counts.path} holds counts: leave the "
            "matrix out; calibrate(files=...) takes it"
        )
    difference = _difference(first, other, target)
    if difference is not None:
        what, a, b = difference
        mend = "name only those that fit, by a list or a glob, and open the others apart"
        if what == "channel":
            mend = (
                "name only those of one, by a list or a glob; uvisxr.open_observation and `uvisxr "
                f"process` also take channel={a!r}"
            )
        raise ProductError(
            f"{first.path} and {other.path} differ in {what} ({a or 'unknown'}, {b or 'unknown'}) "
            f"and cannot be one observation: {mend}"
        )


def _difference(first: Label, other: Label, target: str) -> tuple[str, str, str] | None:
    """What keeps the exposures of both from fitting in one array, with the value of each."""
    parts: dict[str, Callable[[Label], str]] = {
        "channel": lambda label: label.channel,
        "slit": lambda label: label.slit,
        "optics": lambda label: label.optics(target),
        "windows": lambda label: " and ".join(map(str, label.windows)),
    }
    for what, of in parts.items():
        if of(first) != of(other):
            return what, of(first), of(other)
    return None


def window_of(label: Label, k: int, with_data: bool = True) -> xr.Dataset:
    """One window of a product whose label has been read, without attributes of its variables.

    Parameters
    ----------
    label : Label
    k : int
        Which window.
    with_data : bool
        Without, there are the coordinates and attributes alone, and no data file is looked for.

    Raises
    ------
    LabelError, ProductError
        As `open_product`.
    """
    return _dataset([label], k, _Choices(k, None, "end_of_first"), with_data)


def _dataset(
    labels: list[Label],
    k: int,
    choices: _Choices,
    with_data: bool = True,
    files: Sequence[QubeFile] = (),
) -> xr.Dataset:
    """The exposures of one window; `files` are the data files, if they are known."""
    find = qube_file if with_data else promised_file
    files = tuple(files) or tuple(find(label, k) for label in labels)
    parts = [times(label, choices.start_time) for label in labels]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    count = [label.shape[0] for label in labels]
    source = np.stack(
        [np.repeat(np.arange(len(labels)), count), np.concatenate([np.arange(n) for n in count])],
        axis=-1,
    )
    if choices.sort:
        order = np.argsort(columns["et"], kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
        source = source[order]
    array = QubeArray(files, source)

    first = labels[source[0, 0]]
    area, channel = first.windows[k], find_channel(first.channel)
    bins = area.bins
    wl, wl_bounds = bins.wavelengths(channel)
    n_pic, n_pixel, _ = array.shape
    coords = {
        "wl": wl,
        "wl_bounds": (("wl", "bnds"), wl_bounds),
        "band": ("wl", bins.band),
        "pic": np.arange(n_pic),
        "pixel": np.arange(n_pixel),
        "line": ("pixel", bins.line),
        **{name: ("pic", values) for name, values in columns.items()},
        "quality": (("pic", "pixel"), initial(bins, n_pic)),
    }
    attrs = _attributes(labels, first, area, choices)
    name = "calibration_matrix" if first.is_matrix else "counts"
    if not first.is_matrix:
        attrs["described_setup"] = setups.number(attrs)
        coords["setup"] = ("pic", np.full(n_pic, attrs["described_setup"], np.int32))
    data = {name: xr.Variable(("pic", "pixel", "wl"), _lazy(array))} if with_data else {}
    return xr.Dataset(data, coords, attrs)


def _lazy(array: QubeArray) -> Any:
    # Wrapped as xarray.open_dataset does it: lazy, cached once read, never written back.
    lazy: Any = indexing.LazilyIndexedArray(array)
    return indexing.MemoryCachedArray(indexing.CopyOnWriteArray(lazy))


def _attributes(
    labels: list[Label], first: Label, area: Window, choices: _Choices
) -> dict[str, Any]:
    year, doy = day_of_year(first.known_start())
    parts = [f"{first.channel}_{year}_{doy:03d}", choices.prime, str(choices.id or "")]
    attrs: dict[str, Any] = {
        "name": choices.name or "_".join(part for part in parts if part),
        "channel": first.channel,
        "slit": first.slit,
        # A target given in place of UNK may be the Sun.
        "optics": first.optics(choices.target or ""),
        "target": (choices.target or _target(labels, first)).upper(),
        "prime_instrument": choices.prime,
        **{name: getattr(area, name) for name in area.__dataclass_fields__},
        "year": year,
        "doy": doy,
        "start_time": choices.start_time,
        "compression": first.compression,
        "source": f"Cassini Ultraviolet Imaging Spectrograph (UVIS), {first.channel}",
        "references": _INSTRUMENT_PAPER,
    }
    if first.slit:
        slit = find_channel(first.channel).slits[first.slit]
        attrs |= {"slit_width": slit.width, "slit_dlambda": slit.dlambda}
    # Keywords that hold at one START_TIME only, such as the geometry, do not apply to several
    # products.
    return attrs | {
        key.lower(): value
        for key, value in first.keywords.items()
        if all(label.keywords.get(key) == value for label in labels)
    }


def _target(labels: list[Label], first: Label) -> str:
    given = sorted({label.target for label in labels})
    if len(set(map(targets.canonical, given))) > 1:
        warn_user(
            f"the products have different targets ({', '.join(name or 'unknown' for name in given)}"
            f"): {first.target or 'unknown'} is used; choose another with target="
        )
    return first.target
