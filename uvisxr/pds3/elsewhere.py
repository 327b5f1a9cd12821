"""Data files that are not here: in their place lies NAME.DAT.url, which says where they are.

Only the cache has such files, below its folder `urls`: what lies beside labels elsewhere sends
nobody to a server.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from .. import fetch, parts
from ..errors import ArgumentError, FetchError, ProductError, UvisError, shortened, warn_user
from ..files import inside, read_whole, whole_file, write_text
from ..transfer import NoPartsError
from . import pairs

#: Bytes that such a file may have.
_MOST = 2**16

#: Longest name of a file or a folder, in bytes.
_LONGEST = 255

#: What servers have just said of files, and when, s; after so many seconds they are asked again.
_TOLD: dict[str, tuple[float, parts.Remote]] = {}
_FRESH, _KEPT = 30.0, 2**18

#: Servers without parts, each of which is named once.
_SAID: set[str] = set()


def note(url: str, file: Path, size: int) -> None:
    """Write where a data file is, after asking its server.

    Parameters
    ----------
    url : str
        Of the data file, or of an archive's member.
    file : Path
        Where it would be in the cache.
    size : int
        Its bytes, by the label.

    Raises
    ------
    NoPartsError, NotFoundError, FetchError
        As of `parts.ask`, or it has another size.
    """
    remote = _asked(url)
    if remote.size != size:
        _TOLD.pop(url, None)
        raise FetchError(
            f"{url} holds {remote.size} bytes, but {size} were expected, by its label: the file on "
            "the server has changed, is damaged, or is a page for readers; check the URL"
        )
    text = json.dumps({"url": url, "size": remote.size, "version": dict(remote.told.version)})
    there = beside(file)
    with suppress(OSError):
        if read_whole(there, _MOST) == text.encode():
            return
    there.parent.mkdir(parents=True, exist_ok=True)
    write_text(there, text, archive=True)


def beside(file: Path) -> Path:
    """The file that says where a data file is, instead of it."""
    return file.with_name(f"{pairs.split(file)[0]}.DAT{pairs.ELSEWHERE.lower()}")


def url_of(path: Path) -> str:
    """Where the data file is; empty if `path` is a data file itself.

    Raises
    ------
    OSError
        It cannot be read.
    ProductError
        It was written by something else.
    """
    if pairs.split(path)[1] != pairs.ELSEWHERE:
        return ""
    try:
        return str(json.loads(read_whole(path, _MOST))["url"])
    except (ValueError, TypeError, KeyError) as error:
        raise ProductError(
            f"{path} does not say where the data are: remove it, and open the product by its URL"
        ) from error


def settle(path: Path, size: int) -> parts.Remote | Path:
    """What to read a data file from that is elsewhere, as its server says now.

    Parameters
    ----------
    path : Path
        NAME.DAT.url.
    size : int
        Bytes of the data file by its label.

    Returns
    -------
    Remote or Path
        The latter if the server no longer sends parts: the file is then in the cache.
    """
    url = url_of(path)
    try:
        remote = _asked(url)
    except NoPartsError:
        file = whole(url, path.with_suffix(""), size)
        say_whole(url)
        return file
    _TOLD.pop(url, None)
    return remote


def place(url: str) -> Path:
    """Where in the cache a file is, or would be, by its URL.

    Raises
    ------
    ArgumentError
        This is no URL of a file, or there is a user's name in it.
    """
    fetch.without_user(url)
    member = parts.member_of(url)
    if member is not None:
        # Any two archives of one name are two.
        mark = hashlib.sha256(member[1].encode()).hexdigest()[:16]
        return _below(url, f"zip+{mark}", member[0])
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError as error:
        raise ArgumentError(f"{url} is not the URL of a product: {error}") from error
    path = PurePosixPath(unquote(split.path))
    if not parts.is_web(url):
        # No server has a + in its name.
        return _below(url, f"{split.scheme.lower()}+{split.netloc}", split.path)
    if not host or not path.name:
        raise ArgumentError(
            f"{url} is not the URL of a product: it begins with https:// and a server, and "
            "ends with the name of a label"
        )
    parts_of_host = host.rstrip(".").split(".")
    if ":" not in host and not all(0 < len(part.encode()) < 64 for part in parts_of_host):
        raise ArgumentError(
            f"{shortened(url, _LONGEST)} is not the URL of a product: no server has that name"
        )
    server = host if port is None else f"{host}_{port}"
    rest = "? or #" if split.query or split.fragment else ""
    return _below(url, server.replace(":", "_"), str(path), rest)


def _below(url: str, server: str, path: str, wrong: str = "") -> Path:
    try:
        if wrong:
            raise ArgumentError(wrong)
        names = [part for part in PurePosixPath(path).parts if part != "/"]
        if not names:
            raise ArgumentError("no name of a file")
        return inside(fetch.cache_dir("urls"), PurePosixPath(server, *names))
    except ArgumentError as error:
        raise ArgumentError(
            f"{shortened(url, _LONGEST)} is not the plain URL of a product ({error}): leave out "
            "what follows ? or #, and .., letters that are not printed, and names of more than "
            f"{_LONGEST} bytes"
        ) from None


def whole(
    url: str,
    file: Path,
    size: int | None = None,
    check: Callable[[Path], Any] | None = None,
    most: int = 2**33,
) -> Path:
    """Download a file to the cache, unless it is there; parameters as of `fetch.download`.

    Raises
    ------
    FetchError, NotFoundError
        The download failed, or what came is not what it should be.
    """
    try:
        if parts.is_web(url):
            # Of a known size, no more is taken than that.
            most = most if size is None else max(most, size)
            return fetch.download(url, file, kind="products", size=size, check=check, most=most)
        if file.is_file() and (size is None or file.stat().st_size == size):
            return file
        try:
            _write(parts.blocks(url), url, file, size, check, most)
        except NoPartsError:
            name, archive = parts.member_of(url) or ("", "")
            kept = whole(archive, place(archive))
            say_whole(archive)
            _write(parts.blocks(f"zip://{name}::{kept.as_uri()}"), url, file, size, check, most)
    except OSError as error:
        raise FetchError(f"cannot keep {url} as {file}: {error.strerror or error}") from error
    return file


def _write(
    blocks: Iterable[bytes],
    url: str,
    file: Path,
    size: int | None,
    check: Callable[[Path], Any] | None,
    most: int,
) -> None:
    with whole_file(file, archive=True) as temporary:
        file.parent.mkdir(parents=True, exist_ok=True)
        done = 0
        with temporary.open("wb") as stream:
            for block in blocks:
                done += len(block)
                if done > (most if size is None else size):
                    break
                stream.write(block)
        if done > most or (size is not None and done != size):
            found = f"more than {most}" if size is None else f"{done}"
            raise FetchError(
                f"{url} holds {found} bytes{'' if size is None else f', but {size} were expected'}"
                "; check the URL"
            )
        try:
            if check is not None:
                check(temporary)
        except UvisError as error:
            raise FetchError(f"{url}: {str(error).replace(str(temporary), file.name)}") from error


def say_whole(url: str) -> None:
    """Warn of a server that sends whole files only; once for each.

    Of a member of an archive nothing is said: the archive's server has been named, or it has packed
    the member.
    """
    if parts.member_of(url):
        return
    server = url.split("://", 1)[-1].partition("/")[0]
    if server not in _SAID:
        _SAID.add(server)
        warn_user(
            f"{server} sends no parts of files: {url} was downloaded whole, into the cache, and so "
            "are all others from there"
        )


def _asked(url: str) -> parts.Remote:
    """What a server says of a file, or has just said."""
    when, known = _TOLD.get(url, (-_FRESH, None))
    if known is None or time.monotonic() - when >= _FRESH:
        known = parts.ask(url)
        if len(_TOLD) >= _KEPT:
            _TOLD.clear()
        _TOLD[url] = (time.monotonic(), known)
    return known
