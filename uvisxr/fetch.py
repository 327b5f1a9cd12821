"""Download kernels, products, calibration files and star catalogues to a cache.

A file is written under a temporary name, checked, and renamed: it is there whole or not at all.
What comes is known to be whole by its size or digest or, where neither is known, by the length that
the server states. Threads and processes that want the same file wait for the first
of them, and then find it. A connection that is cut or stalls is taken up again where it stopped,
or, where the server cannot do that, from the start (`uvisxr.transfer`). What a download that was
killed left is removed by a later one to the same folder.

`UVISXR_FETCH_FLOOR`, bytes a second, is the least that a server may send, and
`UVISXR_FETCH_LONGEST`, seconds, the longest that a file may take.

Where the files come from is configurable: the modules that handle a kind of file pass its public
URL to `base_url`, which uses it unless `UVISXR_URL_KERNELS`, `UVISXR_URL_GENERIC_KERNELS`,
`UVISXR_URL_PRODUCTS`, `UVISXR_URL_CALIBRATION` or `UVISXR_URL_STARS` names a mirror. The folder of
the cache is that of `uvisxr.set_options(cache=...)`, of `UVISXR_CACHE`, or the user's.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from . import files, locks, options, transfer
from .errors import ArgumentError, ExportError, FetchError, MissingDependencyError, UvisError
from .files import from_variable

_LOG = logging.getLogger(__name__)

#: The least that a server may send by default, bytes a second.
_FLOOR = 500.0

#: Largest file that is fetched unless another limit is given: the ephemeris of a mission.
_MOST = 2**33

#: What checks add of what came, and may come better.
_LATER = "; try again later"

#: Longest wait for another process that fetches the same file, s, and pause between looks.
_WAIT, _PAUSE = 600.0, 0.05

#: Names of the files that processes lock, with sixteen digits of the name of what they fetch.
_LOCK = ".{}.lock"

#: A lock for each file that is being fetched.
_LOCKS: WeakValueDictionary[str, threading.RLock] = WeakValueDictionary()
_LOCKS_GUARD = threading.Lock()


def base_url(kind: str, public: str) -> str:
    """URL to which the paths of a kind of file are appended; ends with a slash.

    Parameters
    ----------
    kind : {"kernels", "generic_kernels", "products", "calibration", "stars"}
        `UVISXR_URL_<KIND>` names a mirror.
    public : str
        The public URL, used unless there is a mirror.

    Raises
    ------
    ArgumentError
        The mirror's URL has a user's name in it.
    """
    return without_user(os.environ.get(variable(kind)) or public, variable(kind)).rstrip("/") + "/"


def without_user(url: str, what: str = "a URL") -> str:
    """A URL, unless there is a user's name in it, and so perhaps a password.

    Raises
    ------
    ArgumentError
        There may be; the message, which calls the URL `what`, shows neither.
    """
    before, _, after = url.rpartition("@")
    if before:
        raise ArgumentError(
            f"{what} at {after.partition('/')[0]} has a user's name before its @, and messages "
            "would show the password: write both into the file .netrc of your home, and leave them "
            "out; an @ in a path is written %40"
        )
    return url


def variable(kind: str) -> str:
    """The environment variable that names a mirror for a kind of file."""
    return f"UVISXR_URL_{kind.upper()}"


def cache_dir(kind: str = "") -> Path:
    """Folder for downloads of one kind, below the option `cache`, `UVISXR_CACHE`, or the user's.

    Without a kind, the root of the cache. The folder need not exist.
    """
    option = options.current().cache
    root = Path(option) if option else from_variable("UVISXR_CACHE")
    if root is not None:
        return root / kind
    home = from_variable("XDG_CACHE_HOME") or Path.home() / ".cache"
    return home / "uvisxr" / kind


def cache_note(path: Path) -> str:
    """What an error adds of a file that cannot be written: what moves the cache."""
    cache = cache_dir()
    if not path.is_relative_to(cache):
        return ""
    named = "uvisxr.set_options(cache=...)" if options.current().cache else "UVISXR_CACHE"
    return f"; the cache is {cache}, and {named} names another folder"


def patience(
    kind: str = "",
    size: int | None = None,
    known: bool = True,
    most: int = _MOST,
    progress: bool | None = None,
    timeout: float = 30.0,
    tries: int = 4,
    wait: float = 1.0,
    floor: float | None = None,
    longest: float | None = None,
    before: transfer.Told | None = None,
) -> transfer.Patience:
    """What to expect of a server; parameters and errors as of `download`.

    `known`: whether more than the server tells when a file is whole.
    """
    return transfer.Patience(
        size=size,
        most=most,
        known=known,
        progress=progress,
        timeout=timeout,
        tries=tries,
        wait=wait,
        floor=_setting("FLOOR", _FLOOR) if floor is None else floor,
        longest=_setting("LONGEST", math.inf) if longest is None else longest,
        mend=f"set {variable(kind)} to a mirror" if kind else "give the URL of another server",
        before=before,
    )


def download(
    url: str,
    path: str | Path,
    sha256: str | None = None,
    size: int | None = None,
    check: Callable[[Path], Any] | None = None,
    replace: bool = True,
    progress: bool | None = None,
    timeout: float = 30.0,
    tries: int = 4,
    wait: float = 1.0,
    kind: str = "*",
    most: int = _MOST,
    floor: float | None = None,
    longest: float | None = None,
    anew: bool = False,
    before: transfer.Told | None = None,
) -> Path:
    """Download one file unless it is already present.

    Parameters
    ----------
    url : str
    path : path
        File to write; its folder is created.
    sha256 : str, optional
        Hexadecimal digest that the file must have.
    size : int, optional
        Bytes that the file must have.
    check : callable, optional
        Called with the temporary name of what came; raises a UvisError if that is not what it
        should be, and then nothing is kept. A file that is there is judged by it too.
    replace : bool
        Whether to replace a file that is there with another size or digest, or that `check`
        refuses; else it is an error, which says why the file is not what it should be.
    progress : bool, optional
        Show a progress bar; by default in terminals and notebooks.
    timeout : float
        Longest time to wait for data from the server, s.
    tries : int
        Give up after this many fruitless requests in a row.
    wait : float
        Pause before the second request, s; doubled before each later one.
    kind : str
        Of the file, as in `base_url`: errors name the variable that sets a mirror for it. Empty if
        there is none.
    most : int
        Bytes that such a file may have; more are not taken.
    floor : float, optional
        Give up if the server sends fewer bytes a second than this, over twice `timeout`. By default
        `UVISXR_FETCH_FLOOR` or 500; 0 bears with any server.
    longest : float, optional
        Give up after this time in all, s. By default `UVISXR_FETCH_LONGEST` or never.
    anew : bool
        Download it though it is present. If the same comes, the file keeps its time.
    before : Told, optional
        What the server said of the file when it was asked about it.

    Returns
    -------
    Path
        `path`. An existing file of the given size and digest, which `check` does not refuse, is not
        downloaded again.

    Raises
    ------
    NotFoundError
        The server has no such file.
    ChangedError
        The server has another version of it than `before`.
    FetchError
        The server is not reached, refuses, stalls, is too slow, cuts the connection each time, or
        sends nothing, a page for readers, or a file of another size or digest; or neither the
        server nor an argument says what makes the file whole; or the file cannot be written, or not
        be replaced.
    ArgumentError
        `UVISXR_FETCH_FLOOR` or `UVISXR_FETCH_LONGEST` is no number; or the URL has a user's name in
        it.
    MissingDependencyError
        The libraries of `pip install "uvisxr[fetch]"` are not installed.
    """
    url, path = without_user(url), Path(path).expanduser()
    how = patience(
        kind=kind,
        size=size,
        known=size is not None or sha256 is not None,
        most=most,
        progress=progress,
        timeout=timeout,
        tries=tries,
        wait=wait,
        floor=floor,
        longest=longest,
        before=before,
    )
    with _alone_in_process(path):
        if not anew and path.is_file() and not _fault(path, sha256, size, check):
            _LOG.debug("%s is there already", path)
            return path
        with _alone(path):
            fault = _fault(path, sha256, size, check) if path.is_file() else "it is no file"
            if fault or anew:
                if not replace and path.exists():
                    raise FetchError(
                        f"{path} is there, but is not the file that {url} holds ({fault}); move it "
                        "away, or choose another folder"
                    )
                _fetch(url, path, sha256, check, how)
    return path


def _setting(name: str, default: float) -> float:
    text = os.environ.get(f"UVISXR_FETCH_{name}")
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise ArgumentError(f"UVISXR_FETCH_{name} is {text!r}: set it to a number, or unset it")
    return value


@contextlib.contextmanager
def _alone_in_process(path: Path) -> Iterator[None]:
    """Keep the other threads of the process from fetching the same file."""
    with _LOCKS_GUARD:
        lock = _LOCKS.setdefault(os.path.realpath(path), threading.RLock())
    with lock:
        yield


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes from fetching the same file, as far as the file system can.

    One that waits in vain goes on: temporary names are unique, so that no harm comes of it.
    """
    mark = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    lock = files.real(path.parent) / _LOCK.format(mark)
    end = time.monotonic() + _WAIT
    with contextlib.ExitStack() as stack:
        while time.monotonic() < end:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                stream = lock.open("wb")
            except OSError:
                # Writing the file will say why.
                break
            if locks.lock(stream.fileno()):
                stack.enter_context(stream)
                # Whoever had it may have removed it, and another made a new one, meanwhile.
                if locks.is_at(stream.fileno(), lock):
                    stack.callback(_remove, lock)
                    _sweep(lock.parent)
                    break
                stack.pop_all().close()
            else:
                stream.close()
                time.sleep(_PAUSE)
        yield


@lru_cache(maxsize=256)
def _sweep(folder: Path) -> None:
    """Remove the locks that killed downloads have left in a folder; once for each process.

    Such a lock hinders nobody, as the system lets go of it, but would stay for ever. One that is
    held cannot be had; whoever is about to hold one that is removed makes another.
    """
    for lock in folder.glob(_LOCK.format("[0-9a-f]" * 16)):
        with contextlib.suppress(OSError), lock.open("rb") as stream:
            if locks.lock(stream.fileno()):
                _remove(lock)


def _remove(path: Path) -> None:
    # Windows removes no open file; there it stays.
    with contextlib.suppress(OSError):
        path.unlink()


def _fetch(
    url: str,
    path: Path,
    sha256: str | None,
    check: Callable[[Path], Any] | None,
    how: transfer.Patience,
) -> None:
    try:
        import requests  # noqa: F401 - the transfer needs it
    except ImportError as error:
        raise MissingDependencyError(
            f'downloading {url} needs the {error.name} library: pip install "uvisxr[fetch]"'
        ) from error
    try:
        _LOG.info("downloading %s", url)
        with files.whole_file(path, archive=True) as part:
            path.parent.mkdir(parents=True, exist_ok=True)
            transfer.receive(url, part, how)
            if sha256 and files.sha256(part) != sha256.lower():
                raise FetchError(
                    f"{url} has another sha256 than expected ({sha256}): the file on the server "
                    "has changed, or was damaged in transit; try again, or check the URL"
                )
            try:
                if check is not None:
                    check(part)
            except UvisError as error:
                # The temporary name says nothing to anybody.
                said = str(error).replace(str(part), path.name).replace(part.name, path.name)
                raise FetchError(f"{url}: {said}") from error
            files.keep_time(part, path)
    except ExportError as error:
        raise FetchError(f"{error}{cache_note(path)}") from error


def _fault(
    path: Path, sha256: str | None, size: int | None, check: Callable[[Path], Any] | None
) -> str:
    """Why a file that is there is not the one that is wanted; empty if it is."""
    there = path.stat().st_size
    if size is not None and there != size:
        return f"its size is {there}, not {size}"
    try:
        if check is not None:
            check(path)
    except UvisError as error:
        return str(error).removesuffix(_LATER)
    if sha256 is not None and files.sha256(path) != sha256.lower():
        return f"its sha256 is another; its size is {there}"
    return ""
