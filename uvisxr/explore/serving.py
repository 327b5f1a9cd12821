"""Pages served to this computer, or with a token to others."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
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
) -> None:
    """Serve pages by name, until interrupted.

    Raises
    ------
    ArgumentError
        The address or port is another's.
    """
    server = _server(pages, port, browser, address, token)
    server.start()
    server.io_loop.start()


def _server(
    pages: Mapping[str, Callable[[], Any]],
    port: int,
    browser: bool,
    address: str,
    token: str | None,
) -> Any:
    """The server of pages, which has the port, and is yet to be started.

    Raises
    ------
    ArgumentError
        The address or port is another's.
    """
    guard = {"basic_auth": token, "cookie_secret": secrets.token_hex(32)} if token else {}
    allowed = names(address)
    try:
        server = pn.serve(
            dict(pages),
            address=address,
            port=port,
            show=browser,
            start=False,
            websocket_origin=[f"{name}:{port}" for name in allowed],
            title="uvisxr",
            verbose=False,
            **guard,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ArgumentError(
            f"cannot serve at {address}:{port} ({why}): give another port, or another address"
        ) from error
    if token is None:
        # Any site may give its name this computer's address, and would then be the page's own.
        others = rf"(?!({'|'.join(map(re.escape, [*allowed, '[::1]']))})$).*$"
        server._tornado.add_handlers(others, [(r".*", ErrorHandler, {"status_code": 403})])
    return server


def names(address: str) -> list[str]:
    """What this computer is called by those whom an address lets in, in small letters.

    Without numbers of IPv6, which the server takes for no origin of a page.
    """
    found = [LOCAL, "localhost", address]
    with contextlib.suppress(ValueError, OSError, UnicodeError):
        if ipaddress.ip_address(address).is_unspecified or ":" in address:
            own = socket.gethostname()
            found += [own, socket.getfqdn()]
            found += [str(one[4][0]) for one in socket.getaddrinfo(own, None)]
    return list(dict.fromkeys(name.lower() for name in found if ":" not in name))


def called(address: str) -> str:
    """One of the names of an address, by which its pages can be opened."""
    if ":" not in address:
        return address
    return "localhost" if address == "::1" else socket.gethostname()


def serve_in_background(
    pages: Mapping[str, Callable[[], Any]], port: int, browser: bool, token: str | None = None
) -> str:
    """Serve pages to this computer for as long as Python runs; the address, which answers."""
    port = port or free_port()
    started: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def run() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            server = _server(pages, port, browser, LOCAL, token)
            server.start()
        except BaseException as error:  # who waits must not wait for ever
            loop.close()
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
