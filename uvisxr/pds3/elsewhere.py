"""Data files that are not here: in their place lies NAME.DAT.url, which says where they are.

Only the cache has such files, below its folder `urls`: what lies beside labels elsewhere sends
nobody to a server.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from .. import fetch, parts
from ..errors import ArgumentError, FetchError, ProductError, UvisError, shortened, warn_user
from ..files import inside, keep_time, read_whole, whole_file, write_text
from ..transfer import NoPartsError, Told
from . import packed, pairs

#: Bytes that such a file may have.
_MOST = 2**16

#: Longest name of a file or a folder, in bytes.
_LONGEST = 255

#: What servers have just said of files and not been used, and when, s; after so many seconds they
#: are asked again.
_TOLD: dict[tuple[str, str], tuple[float, parts.Remote]] = {}
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
    _forget(url)
    remote = _asked(url)
    if remote.size != size:
        _forget(url)
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
        return fetch.without_user(str(_read(path)["url"]), f"the URL in {path}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ProductError(
            f"{path} does not say where the data are: remove it, and open the product by its URL"
        ) from error


def _read(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(read_whole(path, _MOST))
    return found


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

    Raises
    ------
    FetchError
        The server is not reached or refuses; or it has other data than when the label came, to
        which that may not belong.
    """
    url = url_of(path)
    told: Told | None
    try:
        remote = _asked(url)
        told = remote.told
    except NoPartsError as error:
        remote, told = None, error.told
    if told is not None and _differs(_read(path).get("version"), told):
        raise FetchError(
            f"{url} has changed on its server since its label came to {path.parent}: open the "
            "product by its URL again"
        )
    if remote is None:
        file = kept(url, path.with_suffix(""), size)
        say_whole(url)
        return file
    _forget(url)
    return remote


def _differs(version: Any, told: Told) -> bool:
    """Whether a file is another than one of which the version was written down."""
    return told.differs(version if isinstance(version, Mapping) else {})


def place(url: str) -> Path:
    """Where in the cache a file is, or would be, by its URL.

    Raises
    ------
    ArgumentError
        This is no URL of a file, or there is a user's name in it.
    """
    fetch.without_user(url)
    if not parts.is_web(url):
        # Of any two folders, archives or servers of one name, each has its own. No web server has
        # a + in its name.
        first, archive = parts.chain(url)
        scheme, _, rest = first.partition(":")
        above = rest.rpartition("/")[0]
        mark = _mark(f"{scheme.lower()}:{above}::{archive} {parts.server_of(url)}")
        path = rest.lstrip("/") if archive else rest.lstrip("/").partition("/")[2]
        return _below(url, f"{scheme.lower()}+{mark}", path)
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError as error:
        raise ArgumentError(f"{url} is not the URL of a product: {error}") from error
    path = unquote(split.path, errors="surrogateescape")
    if host and path.endswith("/"):
        raise ArgumentError(
            f"{url} is the URL of a folder, which nobody can list: give those of its labels"
        )
    if not host or not path:
        raise ArgumentError(
            f"{url} is not the URL of a product: it begins with https:// or http:// and a server, "
            "and ends with the name of a label"
        )
    is_number = ":" in host
    parts_of_host = host.rstrip(".").split(".")
    if not is_number and not all(0 < len(part.encode()) < 64 for part in parts_of_host):
        raise ArgumentError(
            f"{shortened(url, _LONGEST)} is not the URL of a product: no server has that name"
        )
    server = host
    if split.scheme.lower() != "https" or port is not None or is_number:
        named = _mark(host) if is_number else host
        server = "+".join([split.scheme.lower(), named, *([] if port is None else [str(port)])])
    if "//" in split.path:
        server += f"+{_mark(split.path.rpartition('/')[0])}"
    rest = "? or #" if split.query or split.fragment else ""
    return _below(url, server, path, rest or ("%2F" if "%2f" in split.path.lower() else ""))


def _mark(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def _below(url: str, server: str, path: str, wrong: str = "") -> Path:
    try:
        if wrong:
            raise ArgumentError(wrong)
        names = [part for part in PurePosixPath(path).parts if part.strip("/")]
        if not names or path.endswith("/"):
            raise ArgumentError("no name of a file")
        return inside(fetch.cache_dir("urls"), PurePosixPath(server, *names))
    except ArgumentError as error:
        raise ArgumentError(
            f"{shortened(url, _LONGEST)} is not the plain URL of a product ({error}): leave out "
            "what follows ? or #, and .., %2F, letters that are not printed, and names of more "
            f"than {_LONGEST} bytes"
        ) from None


def is_held(file: Path, size: int, label: Path) -> bool:
    """Whether a data file is whole in the cache, packed or of the size that its label says, and
    came for that label."""
    try:
        there = file.stat().st_size
        came_for = _noted(file).get("label") == label.stat().st_mtime_ns
    except OSError:
        return False
    return came_for and (packed.is_packed(file) or there == size)


def _version_of(file: Path) -> Path:
    """What says of which version a file of the cache is, and which label it came for."""
    return file.with_name(f".{file.name}.version")


def _noted(file: Path) -> Mapping[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        found = _read(_version_of(file))
        if isinstance(found, dict):
            return found
    return {}


def kept(
    url: str,
    file: Path,
    size: int | None = None,
    check: Callable[[Path], Any] | None = None,
    label: Path | None = None,
    anew: bool = False,
) -> Path:
    """As `whole`, but what is there counts only if the server has the same version of it still.

    `label`: that of a data file. A ChangedError if the server has another version when it sends it
    than when it was asked.
    """
    told: Told | None
    try:
        told = parts.ask(url).told
    except NoPartsError as error:
        told = error.told
    before = _noted(file)
    now = {
        "told": {"size": told.size, **dict(told.version)} if told else {},
        "label": label.stat().st_mtime_ns if label else None,
    }
    if before == now and not anew and file.is_file():
        return file
    # Until the file is there, nothing is known of it.
    with suppress(OSError):
        _version_of(file).unlink()
    anew = anew or before.get("told") != now["told"]
    whole(url, file, size, check, anew=anew, before=told)
    write_text(_version_of(file), json.dumps(now), archive=True)
    return file


def whole(
    url: str,
    file: Path,
    size: int | None = None,
    check: Callable[[Path], Any] | None = None,
    most: int = 2**33,
    anew: bool = False,
    before: Told | None = None,
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
            return fetch.download(
                url, file, kind="", size=size, check=check, most=most, anew=anew, before=before
            )
        if not anew and file.is_file() and (size is None or file.stat().st_size == size):
            return file
        try:
            _write(parts.blocks(url, before), url, file, size, check, most)
        except NoPartsError:
            name, archive = parts.member_of(url) or ("", "")
            there = kept(archive, place(archive))
            say_whole(archive)
            _write(parts.blocks(f"zip://{name}::{there}"), url, file, size, check, most)
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
        keep_time(temporary, file)


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
    key = url, parts.server_of(url)
    when, known = _TOLD.get(key, (-_FRESH, None))
    if known is None or time.monotonic() - when >= _FRESH:
        known = parts.ask(url)
        if len(_TOLD) >= _KEPT:
            _TOLD.clear()
        _TOLD[key] = (time.monotonic(), known)
    return known


def _forget(url: str) -> None:
    _TOLD.pop((url, parts.server_of(url)), None)
