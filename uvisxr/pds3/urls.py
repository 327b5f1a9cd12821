"""Products named by the URL of their label or data file: downloaded once, into the cache.

Below the folder `urls` of the cache they lie as on their servers. That folder can be removed at any
time.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from .. import fetch
from ..errors import ArgumentError, FetchError
from . import pairs
from .archive import data_size

# Letters of drives are no schemes.
_URL = re.compile(r"([a-z][a-z0-9+.-]+:)/+", re.IGNORECASE)

#: What a whole label ends with, of PDS3 and of PDS4.
_END = {".LBL": rb"(?m)^\s*END\s*$", ".XML": rb"</Product_Observational\s*>\s*$"}


def is_url(source: str) -> bool:
    """Whether a source is written as a URL, also if `pathlib` took one of its slashes."""
    return _URL.match(source) is not None


def download(url: str) -> Path:
    """Label of the product at a URL, after downloading it and its data file.

    Parameters
    ----------
    url : str
        Of the label, the data file, plain or packed, or their common base path. Endings of the
        other file are asked for in the same case.

    Raises
    ------
    ArgumentError
        This is no URL of a file on a web server.
    FetchError
        A download failed, or what came is no label.
    """
    url = _URL.sub(r"\1//", url, count=1)
    parts = urlsplit(url)
    path = PurePosixPath(unquote(parts.path))
    name, kind = pairs.split(Path(path))
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc or not path.name:
        raise ArgumentError(
            f"{url} is not the URL of a product: it begins with https:// and a server, and "
            "ends with the name of a label"
        )
    if parts.query or parts.fragment or ".." in path.parts:
        raise ArgumentError(
            f"{url} is not the plain URL of a product: leave out what follows ? or #, and .."
        )
    given = path.suffixes[-2] if kind in pairs.PACKINGS else path.suffix
    lower = bool(kind) and given.islower()
    endings = (kind,) if kind in pairs.LABELS else pairs.LABELS[:1]
    packing = path.suffix if kind in pairs.PACKINGS else ""
    base = url[: len(url) - len(given + packing)] if kind else url
    folder = fetch.cache_dir("urls") / parts.netloc.replace(":", "_") / Path(*path.parent.parts[1:])

    def get(ending: str, size: int | None = None) -> Path:
        ending = ending.lower() if lower else ending
        check = _check if ending.upper() in _END else None
        file = folder / f"{name}{ending}"
        return fetch.download(f"{base}{ending}", file, size=size, check=check, kind="products")

    label = get(endings[0])
    if packing:
        get(f".DAT{packing}")
    else:
        get(".DAT", data_size(label))
    return label


def _check(path: Path) -> None:
    """Refuse what is no whole label, such as a page of the server."""
    text = path.read_bytes()
    ends = (re.search(pattern, text) for pattern in _END.values())
    if not any(ends):
        raise FetchError(f"what came is no whole PDS label: {text[:60]!r}...; check the URL")
