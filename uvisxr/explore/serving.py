"""Pages served to this computer, or with a token to others."""

from __future__ import annotations

import asyncio
import queue
import re
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
from tornado.web import ErrorHandler

from ..errors import ArgumentError

#: Where only this computer reaches it.
LOCAL = "127.0.0.1"


def serve(
    pages: Mapping[str, Callable[[], Any]],
    port: int,
    browser: bool = True,
    address: str = LOCAL,
    token: str | None = None,
    start: bool = True,
) -> Any:
    """Serve pages by name, until interrupted; without `start`, the server that would.

    Raises
    ------
    ArgumentError
        The address or port is another's.
    """
    guard = {"basic_auth": token, "cookie_secret": secrets.token_hex(32)} if token else {}
    names = (LOCAL, "localhost", address)
    try:
        server = pn.serve(
            dict(pages),
            address=address,
            port=port,
            show=browser,
            start=False,
            websocket_origin=[f"{name}:{port}" for name in names],
            title="uvisxr",
            verbose=False,
            **guard,
        )
    except OSError as error:
        raise ArgumentError(
            f"cannot serve at {address}:{port} ({error.strerror or error}): give another port"
        ) from error
    if token is None:
        # Any site may give its name this computer's address, and would then be the page's own.
        others = rf"(?!({'|'.join(map(re.escape, names))})$).*$"
        server._tornado.add_handlers(others, [(r".*", ErrorHandler, {"status_code": 403})])
    if start:
        server.start()
        server.io_loop.start()
    return server


def serve_in_background(
    pages: Mapping[str, Callable[[], Any]], port: int, browser: bool, token: str | None = None
) -> str:
    """Serve pages to this computer for as long as Python runs; the address, which answers."""
    port = port or free_port()
    started: queue.SimpleQueue[ArgumentError | None] = queue.SimpleQueue()

    def run() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            server = serve(pages, port, browser, token=token, start=False)
            server.start()
        except ArgumentError as error:
            started.put(error)
            return
        started.put(None)
        server.io_loop.start()

    # A daemon: Python could not end while the page is served.
    threading.Thread(target=run, name=f"uvisxr {port}", daemon=True).start()
    if (error := started.get()) is not None:
        raise error
    return f"http://{LOCAL}:{port}"


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as one:
        one.bind((LOCAL, 0))
        return int(one.getsockname()[1])
