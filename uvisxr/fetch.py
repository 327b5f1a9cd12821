"""Download kernels, products, calibration files and star catalogues to a cache.

A file is written under a temporary name, checked, and renamed: it is there whole or not at all.
Threads that want the same file wait for the first of them; processes fetch it each for itself.
A connection that is cut or stalls is taken up again where it stopped, or, where the server cannot
do that, from the start.

Where the files come from is configurable: the modules that handle a kind of file pass its public
URL to `base_url`, which uses it unless `UVISXR_URL_KERNELS`, `UVISXR_URL_GENERIC_KERNELS`,
`UVISXR_URL_PRODUCTS`, `UVISXR_URL_CALIBRATION` or `UVISXR_URL_STARS` names a mirror. The folder of
the cache is that of `uvisxr.set_options(cache=...)`, of `UVISXR_CACHE`, or the user's.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from weakref import WeakValueDictionary

from . import files, options, progress
from .errors import ExportError, FetchError, MissingDependencyError, NotFoundError, UvisError

if TYPE_CHECKING:
    import requests
    from tqdm import tqdm

_LOG = logging.getLogger(__name__)

_CHUNK = 1 << 16

#: Server responses that a second request may cure: overload, or a temporary failure.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

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
    """
    return (os.environ.get(variable(kind)) or public).rstrip("/") + "/"


def variable(kind: str) -> str:
    """The environment variable that names a mirror for a kind of file."""
    return f"UVISXR_URL_{kind.upper()}"


def cache_dir(kind: str = "") -> Path:
    """Folder for downloads of one kind, below the option `cache`, `UVISXR_CACHE`, or the user's.

    Without a kind, the root of the cache. The folder need not exist.
    """
    root = options.current().cache or os.environ.get("UVISXR_CACHE")
    if root:
        return Path(root).expanduser() / kind
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "uvisxr" / kind


def cache_note(path: Path) -> str:
    """What an error adds of a file that cannot be written: what moves the cache."""
    cache = cache_dir()
    if not path.is_relative_to(cache):
        return ""
    named = "uvisxr.set_options(cache=...)" if options.current().cache else "UVISXR_CACHE"
    return f"; the cache is {cache}, and {named} names another folder"


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
        refuses; else it is an error.
    progress : bool, optional
        Show a progress bar; by default in terminals and notebooks.
    timeout : float
        Longest time to wait for data from the server, s.
    tries : int
        Give up after this many fruitless requests in a row.
    wait : float
        Pause before the second request, s; doubled before each later one.
    kind : str
        Of the file, as in `base_url`: errors name the variable that sets a mirror for it.

    Returns
    -------
    Path
        `path`. An existing file of the given size and digest, which `check` does not refuse, is not
        downloaded again.

    Raises
    ------
    NotFoundError
        The server has no such file.
    FetchError
        The server is not reached, refuses, stalls, cuts the connection each time, or sends a file
        of another size or digest; or the file cannot be written, or not be replaced.
    MissingDependencyError
        The libraries of `pip install "uvisxr[fetch]"` are not installed.
    """
    path = Path(path).expanduser()
    with _alone(path):
        if _is_there(path, sha256, size, check):
            _LOG.debug("%s is there already", path)
            return path
        if not replace and path.exists():
            raise FetchError(
                f"{path} is there, but is not the file that {url} holds (its size is "
                f"{path.stat().st_size}); move it away, or choose another folder"
            )
        _fetch(url, path, sha256, check, _Patience(size, progress, timeout, tries, wait, kind))
    return path


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep the other threads of the process from fetching the same file."""
    with _LOCKS_GUARD:
        lock = _LOCKS.setdefault(os.path.realpath(path), threading.RLock())
    with lock:
        yield


def _fetch(
    url: str,
    path: Path,
    sha256: str | None,
    check: Callable[[Path], Any] | None,
    how: _Patience,
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
            _receive(url, part, how)
            if sha256 and files.sha256(part) != sha256.lower():
                raise FetchError(
                    f"{url} has another sha256 than expected ({sha256}): the file on the server "
                    "has changed, or was damaged in transit; try again, or check the URL"
                )
            if check is not None:
                check(part)
    except ExportError as error:
        raise FetchError(f"{error}{cache_note(path)}") from error


def _is_there(
    path: Path, sha256: str | None, size: int | None, check: Callable[[Path], Any] | None
) -> bool:
    if not path.is_file():
        return False
    if size is not None and path.stat().st_size != size:
        return False
    try:
        if check is not None:
            check(path)
    except UvisError:
        return False
    return sha256 is None or files.sha256(path) == sha256.lower()


@dataclass(frozen=True)
class _Patience:
    """What to expect of a server, and how much to bear with; as of `download`."""

    size: int | None
    progress: bool | None
    timeout: float
    tries: int
    wait: float
    kind: str

    @property
    def mirror(self) -> str:
        """What helps if a server does not."""
        return f"set {variable(self.kind)} to a mirror"


def _receive(url: str, path: Path, how: _Patience) -> None:
    """Write what a server sends to a new file, with further requests after cuts."""
    import requests

    with (
        requests.Session() as session,
        path.open("wb") as stream,
        progress.bar(
            progress=how.progress,
            desc=url.rsplit("/", 1)[-1],
            unit="B",
            unit_scale=True,
            total=how.size,
        ) as bar,
    ):
        transfer = _Transfer(session, url, stream, bar, how)
        failed, farthest = 0, 0
        while True:
            try:
                return transfer.run()
            except requests.RequestException as error:
                if isinstance(error, ValueError):
                    raise FetchError(f"{url!r} is not a URL to download from: {error}") from error
                failed = 1 if transfer.done > farthest else failed + 1
                farthest = max(farthest, transfer.done)
                if failed >= how.tries:
                    why = _reason(error, transfer.done)
                    raise FetchError(
                        f"{url}: {why}, {failed} times in a row; try again later, or {how.mirror}"
                    ) from error
                _LOG.info("%s: %s; trying again", url, error)
            time.sleep(how.wait * 2 ** (failed - 1))


class _Transfer:
    """The transfer of one file's bytes over one or more requests."""

    def __init__(
        self,
        session: requests.Session,
        url: str,
        stream: BinaryIO,
        bar: tqdm[Any],
        how: _Patience,
    ) -> None:
        self._session = session
        self._url = url
        self._stream = stream
        self._bar = bar
        self._how = how
        self._version: str | None = None
        self.done = 0

    def run(self) -> None:
        """Request the missing bytes, and write them.

        Raises
        ------
        requests.RequestException
            Worth another try.
        FetchError
            Not worth one.
        """
        import requests

        # Lengths and offsets of a compressed transfer differ from those of the file.
        headers = {"Accept-Encoding": "identity"}
        if self.done and self._version:
            headers |= {"Range": f"bytes={self.done}-", "If-Range": self._version}
        with self._session.get(
            self._url, headers=headers, stream=True, timeout=self._how.timeout
        ) as answer:
            self._check_status(answer)
            if not self._continues(answer):
                self._restart()
            length = answer.headers.get("Content-Length", "")
            total = self.done + int(length) if length.isdecimal() else None
            self._check_total(total)
            if total is not None and total != self._bar.total:
                # A widget is told of a new total like this alone.
                self._bar.reset(total)
                self._bar.update(self.done)
            etag = answer.headers.get("ETag", "")
            # A weak ETag does not guarantee identical bytes, and must not be used with If-Range.
            strong = etag if etag and not etag.startswith("W/") else None
            self._version = strong or answer.headers.get("Last-Modified")
            for chunk in answer.iter_content(_CHUNK):
                self._stream.write(chunk)
                self.done += len(chunk)
                self._bar.update(len(chunk))
            if total is not None and self.done != total:
                raise requests.ConnectionError(f"cut after {self.done} of {total} bytes")
        self._check_total(self.done)

    def _check_status(self, answer: requests.Response) -> None:
        code = answer.status_code
        if code in _PASSING or code == 416:
            if code == 416:
                self._restart()
            answer.raise_for_status()
        if code >= 400:
            kind = NotFoundError if code in (404, 410) else FetchError
            raise kind(
                f"{self._url}: the server answers {code} {answer.reason}; check the URL, or "
                f"{self._how.mirror}"
            )

    def _continues(self, answer: requests.Response) -> bool:
        stated = str(answer.headers.get("Content-Range", ""))
        return answer.status_code == 206 and stated.startswith(f"bytes {self.done}-")

    def _restart(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self.done = 0
        self._bar.reset()

    def _check_total(self, total: int | None) -> None:
        size = self._how.size
        if size is not None and total is not None and total != size:
            raise FetchError(
                f"{self._url} holds {total} bytes, but {size} were expected: the file on the "
                "server has changed; check the URL"
            )


def _reason(error: requests.RequestException, done: int) -> str:
    import requests

    # A stall in mid-transfer arrives as a ConnectionError that wraps urllib3's own.
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return "the server does not answer in time"
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if done:
        return f"the connection broke after {done} bytes"
    return f"no connection ({type(error).__name__})"
