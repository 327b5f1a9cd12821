"""The transfer of one file from a server, which need not be well-behaved.

A connection that is cut or stalls is taken up again where it stopped, if the server vouches that
the file is the same (a strong ETag, or a Last-Modified that had aged when it was given) and sends
the last bytes before that place once more, equal. In any other case the file comes from the start:
no two versions of it are ever joined.

References
----------
RFC 9110 *HTTP Semantics*: 8.8 (validators), 13.1.5 (If-Range), 14 (ranges), 15.3.7 (206).
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin

from . import progress
from .errors import FetchError, NotFoundError, bounded, shortened

if TYPE_CHECKING:
    from pathlib import Path

    import requests

_LOG = logging.getLogger(__name__)

_CHUNK = 1 << 16

#: Server responses that a second request may cure: overload, or a temporary failure.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

#: How a page for readers begins, which servers send in place of a file: to log in, to apologise.
_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*(<!doctype\s+html|<html)", re.IGNORECASE)
_HEAD = 256

#: Bytes before the place of a cut that are asked for again, and compared.
_OVERLAP = 1 << 16

#: Seconds between looks at a transfer.
_LOOK = 0.1

#: For so many times the longest wait for data a transfer may be slower than the floor.
_SLOW = 2

#: How often a server may send on to another address.
_SENT_ON = 10

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


@dataclass(frozen=True)
class Patience:
    """What to expect of a server, and how much to bear with; as of `fetch.download`.

    `known`: whether size or digest are known. `before`: what the server said of the file, which
    must hold still. `mend` is what helps if a server does not.
    """

    size: int | None
    most: int
    known: bool
    progress: bool | None
    timeout: float
    tries: int
    wait: float
    floor: float
    longest: float
    mend: str
    before: Told | None = None


def receive(url: str, path: Path, how: Patience) -> None:
    """Write what a server sends to a new file, with further requests after cuts.

    Raises
    ------
    FetchError
        As of `fetch.download`; what the file holds then is of no use.
    OSError
        The file cannot be written.
    """
    import requests

    with (
        requests.Session() as session,
        path.open("w+b") as stream,
        progress.bar(
            progress=how.progress,
            desc=url.rsplit("/", 1)[-1],
            unit="B",
            unit_scale=True,
            total=how.size,
        ) as bar,
    ):
        _persevere(_Transfer(session, url, stream, how), bar)


class NoPartsError(FetchError):
    """A server sends whole files only; `told` is what it says of the file."""

    told: Told | None = None


class ChangedError(FetchError):
    """A file is another than the one that the server told of."""


@dataclass(frozen=True)
class Told:
    """What a server says of a file: its bytes, and headers or the like that tell its version."""

    size: int
    version: tuple[tuple[str, str], ...] = ()

    def differs(self, before: Mapping[str, Any]) -> bool:
        """Whether the file is another than one of such a version, as far as both are told."""
        return any(before.get(key, value) != value for key, value in self.version)


def part(
    session: requests.Session,
    url: str,
    first: int,
    into: memoryview,
    how: Patience,
    before: Told | None = None,
) -> Told:
    """Read a part of a file, with further requests after cuts.

    Parameters
    ----------
    session : requests.Session
    url : str
    first : int
        Where in the file the part begins.
    into : memoryview
        Of bytes; all of it is filled.
    how : Patience
    before : Told, optional
        What the server said of the file before, which must hold still.

    Returns
    -------
    Told
        What the server says of the file now.

    Raises
    ------
    NoPartsError
        The server sends the whole file instead; nothing of it is read.
    FetchError
        As of `fetch.download`, or the file has changed.
    """
    asked = _Part(session, url, first, into, how, before)
    _persevere(asked)
    return asked.told


def call(url: str, work: Callable[[Called], None], how: Patience) -> None:
    """Do work that reads from a server by another library, as patiently as all is read here.

    Parameters
    ----------
    url : str
    work : callable
        It adds what it has read to `done` and `received` of its argument, and takes the work up at
        `done` when it is called again. An OSError that it raises is worth another try.
    how : Patience
    """
    _persevere(_Call(url, work, how))


def _persevere(transfer: _Asking, bar: Any = None) -> None:
    """Ask a server, after failures that may pass again and again."""
    import requests

    url, how = transfer.url, transfer.how
    start = time.monotonic()
    failed, farthest = 0, 0
    while True:
        began = time.monotonic()
        try:
            return _watched(transfer, bar, start)
        except (requests.RequestException, _Again) as error:
            if proxy := _proxy_fault(url, error):
                raise FetchError(f"{url} is not reached: {proxy}") from None
            nonsense = isinstance(error, requests.exceptions.InvalidHeader)
            if isinstance(error, ValueError) and not nonsense:
                if not url.lower().startswith(("http://", "https://")):
                    raise FetchError(
                        f"{url} is no address of a web server: those begin with http:// or https://"
                    ) from None
                raise FetchError(
                    f"{url} is not a URL to download from, or what its server sends on to is "
                    f"none ({type(error).__name__})"
                ) from None
            # A server that gives a byte a request would keep us for ever.
            gained = transfer.done - farthest
            seconds = time.monotonic() - began + how.wait
            failed = 1 if gained > 0 and gained >= how.floor * seconds else failed + 1
            farthest = max(farthest, transfer.done)
            # The error itself may hold passwords, of where a server sends on to.
            why = _reason(error, transfer.done)
            if failed >= how.tries:
                raise FetchError(
                    f"{url}: {why}, {failed} times in a row; try again later, or {how.mend}"
                ) from None
            _LOG.info("%s: %s; trying again", url, bounded(why))
        pause = how.wait * 2 ** (failed - 1)
        if time.monotonic() + pause - start > how.longest:
            raise _too_long(url, how, transfer.done)
        time.sleep(pause)


def _watched(transfer: _Asking, bar: Any, start: float) -> None:
    """Run a request in a thread, which may wait for a server longer than we do."""
    how = transfer.how
    failure: list[BaseException] = []

    def run() -> None:
        try:
            transfer.run()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True, name="uvisxr download")
    thread.start()
    window = _SLOW * how.timeout
    last, before = time.monotonic(), transfer.received
    try:
        while thread.is_alive():
            thread.join(_LOOK)
            if bar is not None:
                _show(transfer, bar)
            now = time.monotonic()
            if not thread.is_alive():
                break
            if now - start > how.longest:
                raise _too_long(transfer.url, how, transfer.done)
            if now - last > window:
                if transfer.received - before < how.floor * (now - last):
                    raise FetchError(
                        f"{transfer.url}: the server sends less than {how.floor:g} bytes a second; "
                        f"try again later, {how.mend}, or set UVISXR_FETCH_FLOOR to another number"
                    )
                last, before = now, transfer.received
    finally:
        if thread.is_alive():
            transfer.stop()
    if failure:
        raise failure[0]


def _show(transfer: _Asking, bar: Any) -> None:
    if transfer.total is not None and transfer.total != bar.total:
        # A widget is told of a new total like this alone.
        bar.reset(transfer.total)
    if transfer.done < bar.n:
        bar.reset()
    bar.update(transfer.done - bar.n)


class _Again(Exception):
    """What came is of no use, or not all; worth another try."""


class _Asking:
    """What is asked of a server over one or more requests.

    Attributes
    ----------
    done : int
        Bytes that are there.
    received : int
        Bytes that came, in all.
    total : int or None
        Bytes of the file, by the server.
    """

    def __init__(self, url: str, how: Patience) -> None:
        self._stopped = False
        self.url = url
        self.how = how
        self.done = self.received = 0
        self.total: int | None = None

    def stop(self) -> None:
        """Let a request end that is not waited for any longer; it writes no more."""
        self._stopped = True

    def run(self) -> None:
        """Ask for what is missing.

        Raises
        ------
        requests.RequestException, _Again
            Worth another try.
        FetchError
            Not worth one.
        """
        raise NotImplementedError


class Called(_Asking):
    """What work by another library, as of `call`, tells of its progress."""


class _Call(Called):
    def __init__(self, url: str, work: Callable[[Called], None], how: Patience) -> None:
        super().__init__(url, how)
        self._work = work

    def run(self) -> None:
        try:
            self._work(self)
        except OSError as error:
            raise _Again(f"it is not reached ({type(error).__name__})") from error


class _Request(_Asking):
    """What is asked of a web server."""

    def __init__(self, session: requests.Session, url: str, how: Patience) -> None:
        super().__init__(url, how)
        self._session = session
        self._answer: requests.Response | None = None
        self._target: str | None = None

    def stop(self) -> None:
        super().stop()
        answer, self._answer = self._answer, None
        if answer is not None:
            # It may have ended meanwhile.
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                answer.raw.shutdown()

    def _get(self, headers: Mapping[str, str], take: Callable[[requests.Response], None]) -> None:
        """Send a request, and take its answer.

        What sends on to another address is followed here, as the library would first read all that
        comes with it, however long.
        """
        import requests
        import urllib3

        url = self.url
        try:
            for _ in range(_SENT_ON + 1):
                with self._session.get(
                    url,
                    # Lengths and offsets of a compressed transfer differ from those of the file.
                    headers={"Accept-Encoding": "identity", **headers},
                    stream=True,
                    timeout=self.how.timeout,
                    hooks={"response": self._note},
                ) as answer:
                    if self._stopped:
                        return None
                    if not self._target:
                        return take(answer)
                    url = urljoin(url, requests.utils.requote_uri(self._target))
            raise FetchError(
                f"{self.url}: the server sends on to other addresses more than {_SENT_ON} times; "
                f"check the URL, or {self.how.mend}"
            )
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error
        except requests.RequestException:
            raise
        except ValueError as error:
            # Where a server sends on to may have any bytes; it is then not closed.
            if self._answer is not None:
                self._answer.close()
            raise requests.exceptions.InvalidURL(error) from error

    def _note(self, answer: requests.Response, **_: Any) -> None:
        """Keep an answer, and hide from the library where it sends on to."""
        self._answer = answer
        self._target = self._session.get_redirect_target(answer)
        answer.headers.pop("Location", None)

    def _check_status(self, answer: requests.Response) -> None:
        code = answer.status_code
        if code in _PASSING:
            answer.raise_for_status()
        if code not in (200, 206):
            kind = NotFoundError if code in (404, 410) else FetchError
            raise kind(
                f"{self.url}: the server answers {code} {answer.reason}; check the URL, or "
                f"{self.how.mend}"
            )

    def _page(self) -> FetchError:
        return FetchError(
            f"{self.url}: the server sends a page for readers instead, perhaps to log in; open "
            f"the URL in a browser, or {self.how.mend}"
        )


class _Part(_Request):
    """A part of a file; parameters as of `part`."""

    def __init__(
        self,
        session: requests.Session,
        url: str,
        first: int,
        into: memoryview,
        how: Patience,
        before: Told | None,
    ) -> None:
        super().__init__(session, url, how)
        self._first = first
        self._into = into
        self._before = before
        self._is_known = False
        self.told = Told(0)

    def run(self) -> None:
        if not self._is_known:
            # What came may be of another version.
            self.done = 0
        begin = self.done - min(self.done, _OVERLAP)
        last = self._first + len(self._into) - 1
        asked = {"Range": f"bytes={self._first + begin}-{last}"}
        self._get(asked, lambda answer: self._take(answer, begin))

    def _take(self, answer: requests.Response, place: int) -> None:
        if answer.status_code == 416:
            raise self._changed("it is too short for what was asked of it")
        self._check_status(answer)
        if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise self._page()
        now = _told(answer.headers)
        if answer.status_code == 200:
            if self._before is not None and now != self._before:
                raise self._changed("its size, ETag or Last-Modified is another")
            error = NoPartsError(
                f"{self.url}: the server sends whole files only; open the product with fetch=True, "
                f"or {self.how.mend}"
            )
            error.told = now
            raise error
        stated = _RANGE.fullmatch(str(answer.headers.get("Content-Range", "")).strip())
        begin, count = self._first + place, len(self._into) - place
        length = str(answer.headers.get("Content-Length", count))
        if (
            stated is None
            or (int(stated[1]), int(stated[2])) != (begin, begin + count - 1)
            or int(stated[3]) < begin + count
            or length != str(count)
            or answer.headers.get("Content-Encoding", "identity").lower() != "identity"
        ):
            raise _Again("the server sends another part than that asked for")
        known = self._before or (self.told if self.done else None)
        if known is not None and now != known:
            raise self._changed("its size, ETag or Last-Modified is another")
        self.told = now
        self._is_known = bool(_version(answer.headers))
        while block := answer.raw.read1(_CHUNK, decode_content=False):
            if self._stopped:
                return
            self.received += len(block)
            if place + len(block) > len(self._into):
                self.done = 0
                raise _Again("the server sends more than was asked for")
            there = min(max(self.done - place, 0), len(block))
            if self._into[place : place + there] != block[:there]:
                raise self._changed("its bytes are others")
            place += len(block)
            self._into[place - len(block) + there : place] = block[there:]
            self.done = max(self.done, place)
        if self.done < len(self._into):
            raise _Again(f"the connection broke after {self.done} bytes")

    def _changed(self, how: str) -> ChangedError:
        return ChangedError(
            f"{self.url} has changed on its server since it was opened ({how}): open the product "
            "again, or with fetch=True"
        )


def _told(headers: Mapping[str, str]) -> Told:
    """What the headers of an answer, whole or in part, say of a file."""
    stated = _RANGE.fullmatch(str(headers.get("Content-Range", "")).strip())
    length = stated[3] if stated else str(headers.get("Content-Length", ""))
    size = int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else 0
    keys = ("ETag", "Last-Modified")
    return Told(size, tuple((key, str(headers[key])) for key in keys if key in headers))


class _Transfer(_Request):
    """The transfer of one whole file."""

    def __init__(
        self, session: requests.Session, url: str, stream: BinaryIO, how: Patience
    ) -> None:
        super().__init__(session, url, how)
        self._stream = stream
        self._version: dict[str, str] = {}

    def run(self) -> None:
        headers = {}
        overlap = min(self.done, _OVERLAP) if self._version else 0
        if overlap:
            first = self.done - overlap
            headers = {"Range": f"bytes={first}-", "If-Range": _validator(self._version)}
        self._get(headers, lambda answer: self._take(answer, overlap))

    def _take(self, answer: requests.Response, overlap: int) -> None:
        if answer.status_code == 416:
            self._restart()
            answer.raise_for_status()
        self._check_status(answer)
        if answer.status_code == 206:
            if not self._continues(answer, overlap):
                self._restart()
                raise _Again("the server sends another part than that asked for")
        else:
            self._restart()
            overlap = 0
            self._begin(answer)
        self._write(answer, overlap)
        if self._stopped:
            return
        if self.total is not None and self.done != self.total:
            raise _Again(f"the connection broke after {self.done} bytes")
        if not self.done:
            raise FetchError(f"{self.url} is empty; try again later, or {self.how.mend}")
        self._refuse_page()
        self._check_size(self.done)

    def _begin(self, answer: requests.Response) -> None:
        """What the server says of a file that it sends from the start."""
        before = self.how.before
        if before is not None and _told(answer.headers).differs(dict(before.version)):
            raise ChangedError(
                f"{self.url} has changed on its server since that was asked about it (its ETag or "
                "Last-Modified is another): open the product by its URL again"
            )
        coding = str(answer.headers.get("Content-Encoding", "identity")).lower()
        if coding != "identity" and not (
            "gzip" in coding and self.url.lower().endswith((".gz", ".tgz"))
        ):
            raise FetchError(
                f"{self.url}: the server sends it packed ({shortened(coding)}), which was not "
                f"asked for; {self.how.mend}"
            )
        length = str(answer.headers.get("Content-Length", ""))
        chunked = "chunked" in str(answer.headers.get("Transfer-Encoding", "")).lower()
        stated = length if length.isascii() and length.isdecimal() and len(length) < 19 else ""
        self.total = int(stated) if stated and not chunked else None
        if self.total is None and not chunked and not self.how.known:
            raise FetchError(
                f"{self.url}: the server does not say how long it is, so whether it comes whole "
                f"cannot be known; {self.how.mend}"
            )
        if self.total is not None:
            self._check_size(self.total)
        self._version = _version(answer.headers) if self.total else {}

    def _continues(self, answer: requests.Response, overlap: int) -> bool:
        """Whether a part is of the same file, and all that is missing of it."""
        stated = _RANGE.fullmatch(str(answer.headers.get("Content-Range", "")).strip())
        if stated is None or not overlap or self.total is None:
            return False
        if "Content-Encoding" in answer.headers:
            return False
        first, last, total = map(int, stated.groups())
        length = str(answer.headers.get("Content-Length", last - first + 1))
        return (
            (first, last, total) == (self.done - overlap, self.total - 1, self.total)
            and length == str(last - first + 1)
            # A server may leave out what it was asked with.
            and all(answer.headers.get(key, old) == old for key, old in self._version.items())
        )

    def _write(self, answer: requests.Response, overlap: int) -> None:
        """Write what comes, after comparing the part of it that is there."""
        self._stream.seek(self.done - overlap)
        place = self.done - overlap
        while block := answer.raw.read1(_CHUNK, decode_content=False):
            if self._stopped:
                return
            self.received += len(block)
            known, block = block[: self.done - place], block[self.done - place :]
            if known and self._stream.read(len(known)) != known:
                self._restart()
                raise _Again("the file on the server has changed meanwhile")
            place += len(known)
            if not block:
                continue
            self._stream.seek(self.done)
            self._stream.write(block)
            self.done += len(block)
            place = self.done
            if self.done > (self.how.most if self.how.size is None else self.how.size):
                self._check_size(self.done)

    def _refuse_page(self) -> None:
        self._stream.seek(0)
        if _PAGE.match(self._stream.read(_HEAD)) and not self.url.lower().endswith(
            (".html", ".htm")
        ):
            raise self._page()

    def _restart(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self.done = 0
        self.total = None
        self._version = {}

    def _check_size(self, total: int) -> None:
        size, most = self.how.size, self.how.most
        if size is not None and total != size:
            raise FetchError(
                f"{self.url} holds {total} bytes, but {size} were expected: the file on the "
                f"server has changed; check the URL, or {self.how.mend}"
            )
        if total > most:
            raise FetchError(
                f"{self.url} holds more than {most} bytes, the most that such a file has; check "
                f"the URL, or {self.how.mend}"
            )


def _version(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that tell a version of a file from all others; none if they only may.

    A weak ETag does not guarantee identical bytes, and a file may change twice in a second.
    """
    etag = headers.get("ETag", "")
    if len(etag) > 1 and etag.startswith('"') and etag.endswith('"') and etag.isascii():
        found = {"ETag": etag}
        return found | ({"Last-Modified": m} if (m := headers.get("Last-Modified")) else {})
    changed = headers.get("Last-Modified", "")
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(changed)
        return {"Last-Modified": changed} if age.total_seconds() >= 60 else {}
    except (ValueError, TypeError, OverflowError):
        return {}


def _validator(version: Mapping[str, str]) -> str:
    return version.get("ETag") or version["Last-Modified"]


def _too_long(url: str, how: Patience, done: int) -> FetchError:
    return FetchError(
        f"{url}: only {done} bytes came in {how.longest:g} s; try again later, {how.mend}, or set "
        "UVISXR_FETCH_LONGEST to more seconds"
    )


def _proxy_fault(url: str, error: Exception) -> str:
    """What is wrong with a proxy that the environment names; empty if nothing is."""
    import requests
    import urllib3

    if not isinstance(error, ValueError):
        return ""
    if "SOCKS" in str(error):
        return "the proxy of the environment speaks SOCKS, which needs: pip install pysocks"
    try:
        for proxy in requests.utils.get_environ_proxies(url).values():
            urllib3.util.parse_url(proxy)
        wrong = isinstance(error, requests.exceptions.InvalidProxyURL)
    except urllib3.exceptions.HTTPError:
        wrong = True
    except ValueError:
        # The URL itself is what cannot be taken apart.
        wrong = False
    names = "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
    return f"{names} is no URL of a proxy; correct or unset it" if wrong else ""


def _reason(error: requests.RequestException | _Again, done: int) -> str:
    import requests

    if isinstance(error, _Again):
        return str(error)
    if isinstance(error, requests.exceptions.InvalidHeader):
        return "the server does not speak HTTP"
    # A stall in mid-transfer arrives as a ConnectionError that wraps urllib3's own.
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return "the server does not answer in time"
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if done:
        return f"the connection broke after {done} bytes"
    return f"no connection ({type(error).__name__})"
