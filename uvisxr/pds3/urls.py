"""Products named by the URL of their label or data file: downloaded once, into the cache.

Below the folder `urls` of the cache they lie as on their servers. That folder can be removed at any
time.
"""

from __future__ import annotations

import re
import warnings
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from .. import fetch
from ..errors import (
    ArgumentError,
    FetchError,
    LabelError,
    NotFoundError,
    ProductError,
    UvisError,
    shortened,
)
from ..files import inside
from . import packed, pairs
from .archive import data_size
from .label import MAX_BYTES, keywords, read_label

# Letters of drives are no schemes.
_URL = re.compile(r"([a-z][a-z0-9+.-]+:)/+", re.IGNORECASE)

#: Kinds of data files.
_DATA = (".DAT", *pairs.PACKINGS)

#: Longest name of a file or a folder, in bytes.
_LONGEST = 255


def is_url(source: str) -> bool:
    """Whether a source is written as a URL, also if `pathlib` took one of its slashes."""
    return _URL.match(source) is not None


def download(url: str) -> Path:
    """Label of the product at a URL, after downloading it and its data file.

    Parameters
    ----------
    url : str
        Of the label, the data file, plain or packed, or their common base path. Endings of the
        other file are asked for in the same case. Where there is no data file of the label's name,
        the one that the label names is asked for, and then packed ones.

    Raises
    ------
    ArgumentError
        This is no URL of a file on a web server, or it has a password in it.
    FetchError
        A download failed, or what came is no label, or no data of it.
    """
    url = _URL.sub(r"\1//", url, count=1)
    parts, folder = _place(url)
    path = PurePosixPath(unquote(parts.path))
    name, kind = pairs.split(Path(path))
    given = path.suffixes[-2] if kind in pairs.PACKINGS else path.suffix
    lower = bool(kind) and given.islower()
    packing = path.suffix if kind in pairs.PACKINGS else ""
    above = url.rpartition("/")[0]
    ending = kind if kind in pairs.LABELS else pairs.LABELS[0]
    file = f"{name}{ending.lower() if lower else ending}"
    label = _get(f"{above}/{quote(file)}", inside(folder, file), check=_check, most=MAX_BYTES)
    size, pointer = _described(label, f"{above}/{quote(file)}")
    data = ".dat" if lower else ".DAT"
    endings = [packing] if packing else ["", *map(str.lower, pairs.PACKINGS)]
    files = [f"{name}{data}{ending}" for ending in endings]
    if pointer and not packing:
        files.insert(1, pointer)
    # What came earlier is not asked for again.
    files.sort(key=lambda file: not (folder / file).is_file())
    missing: list[NotFoundError] = []
    for file in files:
        try:
            _get_data(f"{above}/{quote(file)}", inside(folder, file), size)
        except NotFoundError as error:
            missing.append(error)
        else:
            return label
    raise missing[0]


def _place(url: str) -> tuple[SplitResult, Path]:
    """The parts of the URL of a file on a web server, and the folder of the cache for it."""
    fetch.without_user(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ArgumentError(f"{url} is not the URL of a product: {error}") from error
    path = PurePosixPath(unquote(parts.path))
    if parts.scheme.lower() not in ("http", "https") or not host or not path.name:
        raise ArgumentError(
            f"{url} is not the URL of a product: it begins with https:// and a server, and "
            "ends with the name of a label"
        )
    server = host if port is None else f"{host}_{port}"
    parts_of_host = host.rstrip(".").split(".")
    if ":" not in host and not all(0 < len(part.encode()) < 64 for part in parts_of_host):
        raise ArgumentError(
            f"{shortened(url, _LONGEST)} is not the URL of a product: no server has that name"
        )
    try:
        if parts.query or parts.fragment:
            raise ArgumentError("? or #")
        place = inside(
            fetch.cache_dir("urls"), PurePosixPath(server.replace(":", "_"), *path.parts[1:])
        )
    except ArgumentError as error:
        raise ArgumentError(
            f"{shortened(url, _LONGEST)} is not the plain URL of a product ({error}): leave out "
            "what follows ? or #, and .., letters that are not printed, and names of more than "
            f"{_LONGEST} bytes"
        ) from None
    return parts, place.parent


def _get(url: str, file: Path, **expected: Any) -> Path:
    try:
        return fetch.download(url, file, kind="products", **expected)
    except OSError as error:
        raise FetchError(f"cannot keep {url} as {file}: {error.strerror or error}") from error


def _get_data(url: str, file: Path, size: int) -> None:
    """A data file; what came packed is kept only if it can be unpacked."""
    if not packed.is_packed(file):
        _get(url, file, size=size)
    elif not file.is_file():
        # What was unpacked once is not unpacked again to see that it can be.
        _get(url, file, check=partial(_check_packed, size, file.name))


def _check_packed(size: int, name: str, path: Path) -> None:
    try:
        packed.check(path, size, name)
    except (ProductError, OSError) as error:
        raise FetchError(f"what came is not kept: {error}") from error


def _described(label: Path, url: str) -> tuple[int, str]:
    """Bytes of the data file of a label, and the name that it has for it.

    Raises
    ------
    FetchError
        The label does not say how many.
    """
    with warnings.catch_warnings():
        # Opening it will give them.
        warnings.simplefilter("ignore")
        try:
            read = read_label(label)
        except UvisError as error:
            size = data_size(label)
            if size is None:
                raise FetchError(
                    f"the label {url} does not say how large its data are: {error}"
                ) from error
            return size, ""
    is_name = "/" not in read.pointer and pairs.split(Path(read.pointer))[1] in _DATA
    return read.size, read.pointer if is_name else ""


def _check(path: Path) -> None:
    """Refuse what is no whole label that can be read."""
    try:
        keywords(path)
    except LabelError as error:
        raise FetchError(f"what came is no whole PDS label ({error}); check the URL") from error
