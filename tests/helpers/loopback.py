"""An HTTP server on loopback that serves bytes, and misbehaves on demand."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote


@dataclass(frozen=True)
class Cut:
    """Promise the whole file, send so many bytes of it, close the connection."""

    after: int


@dataclass(frozen=True)
class Stall:
    """Promise the whole file, send so many bytes of it, then nothing until the server ends."""

    after: int


@dataclass(frozen=True)
class Status:
    """Answer with an HTTP status and no file."""

    code: int


@dataclass(frozen=True)
class Trickle:
    """Send a byte every so many seconds."""

    pause: float


@dataclass(frozen=True)
class Raw:
    """Send these bytes as the whole answer, and close the connection."""

    answer: bytes


Fault = Cut | Stall | Status | Trickle | Raw


@dataclass
class Server:
    """What a test sees of the server.

    `files` maps paths to contents; `faults` maps paths to what goes wrong, one fault a request, in
    order (a file without faults left is served whole). `requests` lists (path, Range header), and
    `sent` the lengths of the answers that are promised.
    """

    url: str
    files: Mapping[str, bytes]
    faults: dict[str, list[Fault]]
    ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def asked(self, path: str) -> list[str | None]:
        """Range headers of the requests for one path."""
        return [header for name, header in self.requests if name == path]


def folder(path: Path) -> dict[str, bytes]:
    """Contents of every file below a folder by relative path, to serve."""
    files = (file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


@contextmanager
def serve(
    files: Mapping[str, bytes],
    faults: Mapping[str, list[Fault]] | None = None,
    ranges: bool = True,
) -> Iterator[Server]:
    """Serve files at `server.url` (ends with a slash) for the length of a `with` block."""
    left = {path: list(items) for path, items in (faults or {}).items()}
    state = Server("", files, left, ranges)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_) -> None:
            pass

        def do_GET(self) -> None:
            _answer(self, state)

        def do_HEAD(self) -> None:
            self.wfile = _Headers(self.wfile)
            _answer(self, state)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}/"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()


class _Headers:
    """What lets an answer's headers through, but no bytes of the file."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        return self._stream.write(data) if data.startswith(b"HTTP/") else len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _answer(handler: BaseHTTPRequestHandler, state: Server) -> None:
    path = unquote(handler.path).lstrip("/")
    state.requests.append((path, handler.headers.get("Range")))
    handler.close_connection = True
    waiting = state.faults.get(path, [])
    fault = waiting.pop(0) if waiting else None
    content = state.files.get(path)
    if isinstance(fault, Raw):
        handler.wfile.write(fault.answer)
        return
    if content is None or isinstance(fault, Status):
        handler.send_response(fault.code if isinstance(fault, Status) else 404)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    body = _head(handler, state, content, tag)
    if isinstance(fault, Trickle):
        for byte in body:
            if state.closing.wait(fault.pause):
                break
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                break
        return
    if isinstance(fault, Cut | Stall):
        handler.wfile.write(body[: fault.after])
        handler.wfile.flush()
        if isinstance(fault, Stall):
            state.closing.wait(30)
        return
    # Who has read enough may have gone.
    with suppress(OSError):
        handler.wfile.write(body)


def _head(handler: BaseHTTPRequestHandler, state: Server, content: bytes, tag: str) -> bytes:
    """Send status and headers; the bytes that are to follow."""
    wanted = handler.headers.get("Range")
    first, end = 0, len(content)
    if wanted and state.ranges and handler.headers.get("If-Range", tag) == tag:
        begin, _, last = wanted.removeprefix("bytes=").partition("-")
        first = int(begin)
        if last:
            end = min(int(last) + 1, end)
        if first >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return b""
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(content)}")
    else:
        handler.send_response(200)
    if state.ranges:
        handler.send_header("ETag", tag)
    handler.send_header("Content-Length", str(end - first))
    handler.end_headers()
    state.sent.append(end - first)
    return content[first:end]
