"""Downloads from a server that misbehaves: what is kept is the true file, or nothing is."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath
from unittest import mock

import numpy as np
from helpers import tinykernels
from helpers.products import write_product

from uvisxr import fetch, parts
from uvisxr.calibration import download as calibration
from uvisxr.errors import NotFoundError, UvisError
from uvisxr.kernels import requirements
from uvisxr.kernels.listing import ArchiveFile
from uvisxr.pds3 import urls
from uvisxr.pds3.archive import VOLUMES, Archive
from uvisxr.stars import catalogue
from uvisxr.transfer import NoPartsError

from .harness import Door, Wrong

_NAME = "FUV2005_230_15_15"
_PLACE = f"COUVIS_0012/DATA/D2005_230/{_NAME}"
_LSK, _SPK = "lsk/naif0012.tls", "spk/a.bsp"
_PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>"

#: Kinds of files; those of `_SIZED` have a size, sum or digest that a lie about the length fails.
_KINDS = (
    *("product", "url", "index", "text", "daf", "stars", "modifier", "plain", "sized", "hashed"),
    *("parts", "parts"),
)
_SIZED = ("stars", "modifier", "sized", "hashed")


@dataclass
class Case:
    """What the server has, and how it misbehaves: the behaviours of each file's first requests."""

    kind: str
    folder: Path
    files: dict[str, tuple[bytes, bytes]]
    lies: dict[str, list[str]]
    now: dict[str, int] = field(default_factory=dict)

    def holds(self, data: bytes, name: str) -> bool:
        """Whether data are one of the versions that the server had, whole."""
        first, second = self.files[name]
        return data == first or (self.kind != "hashed" and data == second)


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    source = np.random.default_rng(3) if rng is None else rng
    kind = _KINDS[int(source.integers(len(_KINDS)))]
    files = _files(kind, folder)
    lies: dict[str, list[str]] = {name: [] for name in files}
    if rng is not None:
        known = [*_ANSWERS] if kind in _SIZED else [lie for lie in _ANSWERS if lie != "short"]
        for name in files:
            count = int(rng.integers(0, 4))
            picked = [known[int(k)] for k in rng.integers(len(known), size=count)]
            # What goes on where it was cut is worth more than its share.
            if rng.random() < 0.5:
                picked.insert(0, "cut")
            lies[name] = [f"{lie} {int(rng.integers(1 << 30))}" for lie in picked]
    return Case(kind, folder, files, lies)


def _files(kind: str, folder: Path) -> dict[str, tuple[bytes, bytes]]:
    """The files of a kind by their path on the server, in two versions of the same size."""
    if kind in ("product", "url"):
        label, data = _product()
        return {f"{_PLACE}.LBL": _twice(label, b"15:15:04.1", b"15:15:05.1"), f"{_PLACE}.DAT": data}
    if kind == "index":
        return _index()
    return {
        "text": lambda: {_LSK: _twice(_TEXT, b"32.184", b"32.185")},
        "daf": lambda: {_SPK: _kernels()},
        "stars": lambda: {"catalog.dat.gz": _stars()},
        "modifier": lambda: {"FUV2001_FF_modifier.dat": _others(_random(262144, 1, 0.5), 3.0)},
    }.get(kind, lambda: {"a.bin": _others(_random(90000, 2), 0)})()


def _twice(data: bytes, old: bytes, new: bytes) -> tuple[bytes, bytes]:
    assert old in data
    return data, data.replace(old, new)


def _random(size: int, seed: int, least: float = 0.0) -> bytes:
    values = np.random.default_rng(seed).random(size // 4, np.float32)
    return (values + np.float32(least)).tobytes()


def _others(data: bytes, add: float) -> tuple[bytes, bytes]:
    """Data, and others that differ from them everywhere."""
    if add:
        return data, (np.frombuffer(data, np.float32) + np.float32(add)).tobytes()
    return data, bytes(np.frombuffer(data, np.uint8) ^ 0x55)


@cache
def _product() -> tuple[bytes, tuple[bytes, bytes]]:
    with tempfile.TemporaryDirectory() as place:
        label = write_product(Path(place), _NAME, samples=1, band_bin=32)
        return label.read_bytes(), _others(label.with_suffix(".DAT").read_bytes(), 0)


@cache
def _index() -> dict[str, tuple[bytes, bytes]]:
    names = [f"FUV2005_{day}_15_15" for day in range(200, 330)]
    rows = [f'"/COUVIS_0012/DATA/D{n[3:11]}/{n}.LBL"'.ljust(60) + "\r\n" for n in names]
    label = (
        'PDS_VERSION_ID = PDS3\r\n^INDEX_TABLE = "INDEX.TAB"\r\nVOLUME_ID = COUVIS_0012\r\n'
        f"OBJECT = INDEX_TABLE\r\n ROWS = {len(rows)}\r\n ROW_BYTES = 62\r\n COLUMNS = 1\r\n"
        " OBJECT = COLUMN\r\n  NAME = FILE_NAME\r\n  START_BYTE = 1\r\n  BYTES = 60\r\n"
        " END_OBJECT = COLUMN\r\nEND_OBJECT = INDEX_TABLE\r\nEND\r\n"
    ).encode()
    table = "".join(rows).encode()
    return {
        "COUVIS_0012/INDEX/INDEX.LBL": _twice(label, b"COUVIS_0012", b"COUVIS_0012"),
        "COUVIS_0012/INDEX/INDEX.TAB": _twice(table, b"_15_15.", b"_15_16."),
    }


@cache
def _kernels() -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as place:
        first, second = (
            tinykernels.spk(
                Path(place) / f"{k}.bsp", *[(600 + n, 0, -1e9, 1e9 + k) for n in range(60)]
            ).read_bytes()
            for k in range(2)
        )
        assert len(first) == len(second) and first != second
        return first, second


@cache
def _stars() -> tuple[bytes, bytes]:
    def table(flux: int) -> bytes:
        lines = []
        for k in range(300):
            line = list(" " * 160)
            for start, text in ((0, f"{k:5}"), (6, f"{k:6}"), (40, "1.234567"), (49, "-0.123456")):
                line[start : start + len(text)] = text
            for start, text in ((91, f"{flux + k:6}"), (97, "   10"), (102, " -12")):
                line[start : start + len(text)] = text
            lines.append("".join(line))
        return gzip.compress("\n".join(lines).encode(), mtime=0)

    return table(100), table(200)


_TEXT = (
    b"KPL/LSK\n\n" + b"Leap seconds.\n" * 40 + b"\\begindata\n\nDELTET/DELTA_T_A = 32.184\n"
    b"DELTET/K = 1.657D-3\nDELTET/EB = 1.671D-2\nDELTET/M = ( 6.239996D0 1.99096871D-7 )\n"
    b"DELTET/DELTA_AT = ( "
    + b"\n  ".join(b"%d, @%d-JAN-1" % (10 + k, 1972 + k) for k in range(40))
    + b" )\n\n\\begintext\n"
)


def enter(case: Case) -> bool:
    with _server(case) as url, _quick():
        refusal: UvisError | None = None
        try:
            _get(case, url)
        except UvisError as error:
            refusal = error
        _judge(case, whole=refusal is None)
        # However the first attempt went, from a good server it comes.
        case.lies, case.now = {}, {}
        try:
            _get(case, url)
        except UvisError as error:
            raise Wrong(f"{case.kind} is not fetched again: {error}; {refusal}") from error
        _judge(case, whole=True)
    if refusal is not None:
        raise refusal
    return False


def _get(case: Case, url: str) -> None:
    """Let the package fetch what the server has."""
    kinds = ("PRODUCTS", "KERNELS", "STARS", "CALIBRATION")
    cache = case.folder / "cache"
    names = {f"UVISXR_URL_{kind}": url for kind in kinds} | {"UVISXR_CACHE": str(cache)}
    with mock.patch.dict(os.environ, names):
        _KEEPERS[case.kind](case, url)


def _get_product(case: Case, url: str) -> None:
    place = PurePosixPath(f"{_PLACE}.LBL")
    tables = {number: {} for number in VOLUMES} | {12: {_NAME: place}}
    Archive(url, case.folder / "cache", tables).product(_NAME, matrix=False)


def _get_index(case: Case, url: str) -> None:
    tables: dict[int, dict[str, PurePosixPath]] = {number: {} for number in VOLUMES if number != 12}
    if not Archive(url, case.folder / "cache", tables)._table(12):
        raise NotFoundError("an archive without the volume")


def _get_kernel(path: str, case: Case, url: str) -> None:
    need = requirements.Need("", "", None, ArchiveFile("", "kernels", path))
    requirements.get([need], case.folder / "cache")


def _get_file(case: Case, url: str) -> None:
    (name, (data, _)), *_ = case.files.items()
    expected = {
        "plain": {},
        "sized": {"size": len(data)},
        "hashed": {"sha256": hashlib.sha256(data).hexdigest()},
        "modifier": {"check": partial(calibration._check, name)},
    }
    fetch.download(f"{url}{name}", case.folder / "cache" / name, **expected[case.kind])


def _get_parts(case: Case, url: str) -> None:
    """Parts of a file, none of which may be of two versions, or of another place."""
    (name, versions), *_ = case.files.items()
    with contextlib.suppress(NoPartsError), parts.ask(f"{url}{name}").opened() as read:
        for first, count in ((60, 80000), (0, 1), (89000, 1000)):
            into = bytearray(count)
            read(first, memoryview(into))
            if all(into != data[first : first + count] for data in versions):
                raise Wrong(f"{count} bytes from {first} on are others: {case.lies}")


_KEEPERS: dict[str, Callable[[Case, str], object]] = {
    "product": _get_product,
    "url": lambda case, url: urls.download(f"{url}{_PLACE}.LBL", whole=True),
    "parts": _get_parts,
    "index": _get_index,
    "text": partial(_get_kernel, _LSK),
    "daf": partial(_get_kernel, _SPK),
    "stars": lambda case, url: catalogue.fetch_catalogue(),
    **dict.fromkeys(("modifier", "plain", "sized", "hashed"), _get_file),
}


def _quick() -> contextlib.AbstractContextManager[object]:
    names = ("download", "patience")
    quick = {
        name: partial(getattr(fetch, name), wait=0.0, timeout=2.0, tries=3, progress=False)
        for name in names
    }
    return mock.patch.multiple(fetch, **quick)


def _judge(case: Case, whole: bool) -> None:
    there = [path for path in case.folder.rglob("*") if path.is_file()]
    names = {PurePosixPath(name).name: name for name in case.files}
    # What a file in the cache is of is noted beside it, and only beside it.
    notes = {path.with_name(f".{path.name}.version") for path in there if path.name in names}
    found = [path for path in there if path not in notes]
    for note in notes.intersection(there):
        if json.loads(note.read_text()).keys() != {"told", "label"}:
            raise Wrong(f"{case.kind}: {note.name} holds {note.read_text()}: {case.lies}")
    for path in found:
        name = names.get(path.name)
        if name is None or case.folder / "cache" not in path.parents:
            raise Wrong(f"{path.relative_to(case.folder)} was left: {case.kind} {case.lies}")
        if not case.holds(path.read_bytes(), name):
            raise Wrong(f"{case.kind}: {path.name} is not what the server holds: {case.lies}")
    if whole and case.kind != "parts" and len(found) < len(case.files):
        raise Wrong(f"{case.kind}: of {[*names]} there are {found}: {case.lies}")


# The server.

_serving: list[Case] = []


@cache
def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=_listen, args=(listener,), daemon=True).start()
    return listener


@contextlib.contextmanager
def _server(case: Case) -> Iterator[str]:
    port = _listener().getsockname()[1]
    _serving[:] = [case]
    yield f"http://127.0.0.1:{port}/"


def _listen(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(1.0)
        asked = b""
        while b"\r\n\r\n" not in asked:
            if not (more := connection.recv(65536)):
                return
            asked += more
        connection.sendall(_answer(_serving[0], asked.decode("latin-1")))
        connection.shutdown(socket.SHUT_WR)
        # Closing with bytes left unread would take back what was sent.
        while connection.recv(65536):
            pass


def _answer(case: Case, asked: str) -> bytes:
    first, *lines = asked.split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
    name = first.split(" ")[1].lstrip("/")
    if name.startswith("elsewhere/"):
        name = name.removeprefix("elsewhere/")
    if name not in case.files:
        return _head("404 Not Found", length=0)
    left = case.lies.get(name, [])
    lie, _, number = (left.pop(0) if left else "good 0").partition(" ")
    return _ANSWERS[lie](_Asked(case, name, headers, int(number)))


@dataclass(frozen=True)
class _Asked:
    case: Case
    name: str
    headers: dict[str, str]
    number: int

    @property
    def body(self) -> bytes:
        return self.case.files[self.name][self.case.now.get(self.name, 0)]

    @property
    def etag(self) -> str:
        return f'"v{self.case.now.get(self.name, 0)}"'

    @property
    def start(self) -> int:
        text = self.headers.get("range", "bytes=0-")
        return int(text.removeprefix("bytes=").partition("-")[0])

    @property
    def stop(self) -> int:
        last = self.headers.get("range", "").rpartition("-")[2]
        return min(int(last) + 1, len(self.body)) if last else len(self.body)

    @property
    def is_part(self) -> bool:
        return "range" in self.headers

    @property
    def at(self) -> int:
        return self.number % len(self.body)

    def turn(self) -> bytes:
        """Change the file; the other version."""
        self.case.now[self.name] = 1 - self.case.now.get(self.name, 0)
        return self.body


def _head(status: str = "200 OK", length: int | str | None = None, **more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in more.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _part(body: bytes, start: int, stop: int, total: int | str, **more: str) -> bytes:
    stated = f"bytes {start}-{stop - 1}/{total}"
    head = _head("206 Partial Content", stop - start, Content_Range=stated, **more)
    return head + body[start:stop]


def _good(q: _Asked) -> bytes:
    if q.is_part and q.headers.get("if-range", q.etag) == q.etag and q.start < len(q.body):
        return _part(q.body, q.start, q.stop, len(q.body), ETag=q.etag)
    return _head(length=len(q.body), ETag=q.etag) + q.body


def _cut(q: _Asked) -> bytes:
    whole = _good(q)
    head = whole.index(b"\r\n\r\n") + 4
    return whole[: head + q.number % (len(whole) - head)]


def _chunks(q: _Asked, data: bytes, ended: bool) -> bytes:
    size = 1 + q.number % 50000
    parts = [data[k : k + size] for k in range(0, len(data), size)]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return _head(Transfer_Encoding="chunked") + sent + (b"0\r\n\r\n" if ended else b"")


def _changed_part(q: _Asked, **more: str) -> bytes:
    """The tail of another version to one who asked for a part, whatever was asked in If-Range."""
    body = q.turn()
    if not q.is_part or q.start >= len(body):
        return _head(length=len(body), ETag=q.etag) + body
    return _part(body, q.start, q.stop, len(body), **more)


#: Makes a lie of the first byte of a part, its end, and the length of the file.
_Change = Callable[[int, int, int], tuple[int, int, int | str]]


def _wrong_part(q: _Asked, change: _Change) -> bytes:
    if not q.is_part or q.start >= len(q.body):
        return _cut(q)
    start, stop, total = change(q.start, q.stop, len(q.body))
    stated = f"bytes {start}-{stop - 1}/{total}"
    tail = q.body[q.start : q.stop]
    return _head("206 Partial Content", len(tail), Content_Range=stated, ETag=q.etag) + tail


def _packed(q: _Asked) -> bytes:
    data = gzip.compress(q.body)
    return _head(length=len(data), Content_Encoding="gzip") + data


def _status(text: str) -> Callable[[_Asked], bytes]:
    return lambda q: _head(text, length=5) + b"gone!"


_ANSWERS: dict[str, Callable[[_Asked], bytes]] = {
    "good": _good,
    "cut": _cut,
    "same": lambda q: _head(length=len(q.body)) + q.body,
    "unsaid": lambda q: _head() + q.body,
    "unsaid-cut": lambda q: _head() + q.body[: q.at],
    "chunks": lambda q: _chunks(q, q.body, True),
    "chunks-cut": lambda q: _chunks(q, q.body[: q.at], False),
    "no-content": lambda q: _head("204 No Content"),
    "not-modified": lambda q: _head("304 Not Modified"),
    "empty": lambda q: _head(length=0),
    "empty-unsaid": lambda q: _head(),
    "page": lambda q: _head(length=len(_PAGE), Content_Type="text/html") + _PAGE,
    "page-unsaid": lambda q: _head(Content_Type="text/html") + _PAGE,
    "page-chunks": lambda q: _chunks(q, _PAGE, True),
    "unasked": lambda q: _part(q.body, 0, 1 + q.at, len(q.body), ETag=q.etag),
    "unasked-whole": lambda q: _part(q.body, 0, len(q.body), len(q.body), ETag=q.etag),
    "changed": lambda q: q.turn() and _good(q),
    "changed-part": lambda q: _changed_part(q, ETag='"other"'),
    "changed-part-unsaid": _changed_part,
    "changed-part-lie": lambda q: _changed_part(q, ETag=q.headers.get("if-range", '"v0"')),
    "part-elsewhere": lambda q: _wrong_part(q, lambda a, z, n: (0, z, n)),
    "part-later": lambda q: _wrong_part(q, lambda a, z, n: (a + 1, z + 1, n)),
    "part-of-more": lambda q: _wrong_part(q, lambda a, z, n: (a, z, n + 7)),
    "part-of-any": lambda q: _wrong_part(q, lambda a, z, n: (a, z, "*")),
    "part-short": lambda q: (
        _part(q.body, q.start, min(q.start + 10, q.stop), len(q.body), ETag=q.etag)
        if q.is_part
        else _cut(q)
    ),
    "packed": _packed,
    "short": lambda q: _head(length=q.at) + q.body,
    "long": lambda q: _head(length=len(q.body) + 1 + q.number % 900) + q.body,
    "more": lambda q: _head(length=len(q.body)) + q.body + b"more",
    "no-length": lambda q: _head(length=("abc", -5, "1e3", "5, 7")[q.number % 4]) + q.body,
    "two-lengths": lambda q: _head(length=f"5\r\nContent-Length: {len(q.body)}") + q.body,
    "gone": _status("404 Not Found"),
    "refused": _status("403 Forbidden"),
    "busy": _status("503 Service Unavailable"),
    "unsatisfied": _status("416 Range Not Satisfiable"),
    "nonsense": lambda q: b"\x00\x01nonsense\r\n\r\n",
    "old": lambda q: b"HTTP/0.9 200\r\n\r\n" + q.body,
    "headers": lambda q: _head(length=len(q.body), **{f"X_{k}": "a" for k in range(300)}) + q.body,
    "silent": lambda q: b"",
    "moved": lambda q: _head("302 Found", 0, Location=f"/elsewhere/{q.name}"),
    "moved-nowhere": lambda q: _head("302 Found", 0),
    "moved-to-file": lambda q: _head("302 Found", 0, Location="file:///etc/passwd"),
    "moved-in-circles": lambda q: _head("302 Found", 0, Location=f"/{q.name}"),
}

DOOR = Door(make, enter)
