"""Downloads: kernels, products, calibration files and star catalogues, to a cache.

A file is written under a temporary name, checked, and renamed: it is there whole or not at all.
A connection that is cut or stalls is taken up again where it stopped, or, where the server cannot
do that, from the start.

Where the files come from is configuration: the modules that know a kind of file give its public
address to `base_url`, which takes it unless `UVISXR_URL_KERNELS`, `UVISXR_URL_GENERIC_KERNELS`,
`UVISXR_URL_PRODUCTS`, `UVISXR_URL_CALIBRATION` or `UVISXR_URL_STARS` names a mirror. `UVISXR_CACHE`
names the folder of the cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from .errors import FetchError, MissingDependencyError, NotFoundError

_CHUNK = 1 << 16

#: Answers of a server that a second request may cure: overloaded, or failing for the moment.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def base_url(kind: str, public: str) -> str:
    """Address that the paths of a kind of file are appended to; ends with a slash.

    Parameters
    ----------
    kind : {"kernels", "generic_kernels", "products", "calibration", "stars"}
        `UVISXR_URL_<KIND>` names a mirror.
    public : str
        The public address, which holds without a mirror.
    """
    return (os.environ.get(f"UVISXR_URL_{kind.upper()}") or public).rstrip("/") + "/"


def cache_dir(kind: str = "") -> Path:
    """Folder that downloads of a kind go to, below `UVISXR_CACHE` or the user's cache.

    Without a kind the root of the cache. The folder need not exist.
    """
    root = os.environ.get("UVISXR_CACHE")
    if root:
        return Path(root).expanduser() / kind
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "uvisxr" / kind


def download(
    url: str,
    path: str | Path,
    sha256: str | None = None,
    size: int | None = None,
    progress: bool = True,
    timeout: float = 30.0,
    tries: int = 4,
    wait: float = 1.0,
) -> Path:
    """Download one file, unless it is there.

    Parameters
    ----------
    url : str
    path : path
        File to write; its folder is made.
    sha256 : str, optional
        Hexadecimal digest that the file must have.
    size : int, optional
        Bytes that the file must have.
    progress : bool
        Show a progress bar on stderr, if that is a terminal.
    timeout : float
        Longest silence of the server, s.
    tries : int
        Requests in a row that may bring nothing before giving up.
    wait : float
        Pause before the second request, s; doubled before each further one.

    Returns
    -------
    Path
        `path`. A file that is there and has the size and digest asked for is not fetched again.

    Raises
    ------
    NotFoundError
        The server has no such file.
    FetchError
        The server is not reached, refuses, stalls, cuts the connection each time, or sends a file
        of another size or digest; or the file cannot be written.
    MissingDependencyError
        The libraries of `pip install "uvisxr[fetch]"` are not installed.
    """
    path = Path(path).expanduser()
    if _is_there(path, sha256, size):
        return path
    try:
        import pooch
        import requests  # noqa: F401 - the downloader needs it
    except ImportError as error:
        raise MissingDependencyError(
            f'downloading {url} needs the {error.name} library: pip install "uvisxr[fetch]"'
        ) from error
    part = f".{path.name}.part-{os.getpid()}"
    downloader = _Downloader(size, progress, timeout, tries, wait)
    known = f"sha256:{sha256.lower()}" if sha256 else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _quiet(pooch.get_logger()):
            got = Path(
                pooch.retrieve(url, known, fname=part, path=path.parent, downloader=downloader)
            )
        got.replace(path)
    except ValueError as error:
        raise FetchError(
            f"{url} has another sha256 than expected ({sha256}): the file on the server has "
            "changed or was damaged on the way; try again, or check the address"
        ) from error
    except OSError as error:
        raise FetchError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _is_there(path: Path, sha256: str | None, size: int | None) -> bool:
    if not path.is_file():
        return False
    if size is not None and path.stat().st_size != size:
        return False
    if sha256 is None:
        return True
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256.lower()


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from announcing each file on stderr, where the progress bar is."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Downloader:
    """What pooch calls to fill its temporary file: requests with `Range` after a cut."""

    def __init__(
        self, size: int | None, progress: bool, timeout: float, tries: int, wait: float
    ) -> None:
        self._size = size
        self._progress = progress
        self._timeout = timeout
        self._tries = tries
        self._wait = wait

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        import requests

        name = url.rsplit("/", 1)[-1]
        with (
            requests.Session() as session,
            Path(output_file).open("wb") as stream,
            # None: silent when stderr is no terminal.
            tqdm(
                desc=name,
                unit="B",
                unit_scale=True,
                total=self._size,
                disable=None if self._progress else True,
            ) as bar,
        ):
            transfer = _Transfer(session, url, stream, bar, self._timeout, self._size)
            failed, farthest = 0, 0
            while True:
                try:
                    return transfer.run()
                except requests.RequestException as error:
                    if isinstance(error, ValueError):
                        raise FetchError(
                            f"{url!r} is no address to download from: {error}"
                        ) from error
                    failed = 1 if transfer.done > farthest else failed + 1
                    farthest = max(farthest, transfer.done)
                    if failed >= self._tries:
                        raise FetchError(_reason(url, error, transfer.done, failed)) from error
                time.sleep(self._wait * 2 ** (failed - 1))


class _Transfer:
    """The bytes of one file as they arrive over one or more requests."""

    def __init__(self, session, url: str, stream, bar, timeout: float, size: int | None) -> None:
        self._session = session
        self._url = url
        self._stream = stream
        self._bar = bar
        self._timeout = timeout
        self._size = size
        self._version: str | None = None
        self.done = 0

    def run(self) -> None:
        """Request what is missing, and write it.

        Raises
        ------
        requests.RequestException
            Worth another try.
        FetchError
            Not worth one.
        """
        import requests

        # A compressed transfer has other lengths and offsets than the file.
        headers = {"Accept-Encoding": "identity"}
        if self.done and self._version:
            headers |= {"Range": f"bytes={self.done}-", "If-Range": self._version}
        with self._session.get(
            self._url, headers=headers, stream=True, timeout=self._timeout
        ) as answer:
            self._check_status(answer)
            if not self._continues(answer):
                self._restart()
            length = answer.headers.get("Content-Length")
            total = None if length is None else self.done + int(length)
            self._check_total(total)
            self._bar.total = total
            etag = answer.headers.get("ETag", "")
            # A weak tag does not vouch for single bytes, and may not be used with If-Range.
            strong = etag if etag and not etag.startswith("W/") else None
            self._version = strong or answer.headers.get("Last-Modified")
            for chunk in answer.iter_content(_CHUNK):
                self._stream.write(chunk)
                self.done += len(chunk)
                self._bar.update(len(chunk))
            if total is not None and self.done != total:
                raise requests.ConnectionError(f"cut after {self.done} of {total} bytes")
        self._check_total(self.done)

    def _check_status(self, answer) -> None:
        code = answer.status_code
        if code in _PASSING or code == 416:
            if code == 416:
                self._restart()
            answer.raise_for_status()
        if code >= 400:
            kind = NotFoundError if code in (404, 410) else FetchError
            raise kind(
                f"{self._url}: the server answers {code} {answer.reason}; check the address, or "
                "name a mirror in the UVISXR_URL_* environment variable"
            )

    def _continues(self, answer) -> bool:
        start = f"bytes {self.done}-"
        return answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
            start
        )

    def _restart(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self.done = 0
        self._bar.reset()

    def _check_total(self, total: int | None) -> None:
        if self._size is not None and total is not None and total != self._size:
            raise FetchError(
                f"{self._url} holds {total} bytes, {self._size} were expected: the file on the "
                "server has changed; check the address"
            )


def _reason(url: str, error: Exception, done: int, failed: int) -> str:
    import requests

    # A silence in the midst of the body comes as a ConnectionError around urllib3's own.
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        what = "the server does not answer in time"
    elif getattr(error, "response", None) is not None:
        what = f"the server answers {error.response.status_code} {error.response.reason}"
    elif done:
        what = f"the connection was cut after {done} bytes"
    else:
        what = f"no connection ({type(error).__name__})"
    return (
        f"{url}: {what}, {failed} times in a row; try again later, or name a mirror in the "
        "UVISXR_URL_* environment variable"
    )
