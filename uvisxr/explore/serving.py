"""Pages served to this computer, or with a token to others."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn

from .page import in_browser
from .state import State

#: Where only this computer reaches it.
LOCAL = "127.0.0.1"


def serve(
    pages: Mapping[str, Callable[[], Any]],
    port: int = 0,
    browser: bool = True,
    address: str = LOCAL,
    token: str | None = None,
    threaded: bool = False,
) -> Any:
    """Serve pages by name."""
    guard = {"basic_auth": token, "cookie_secret": secrets.token_hex(32)} if token else {}
    origins = [f"{name}:{port}" for name in (LOCAL, "localhost", address)] if port else None
    return pn.serve(
        dict(pages),
        address=address,
        port=port,
        show=browser,
        threaded=threaded,
        websocket_origin=origins,
        title="uvisxr",
        verbose=False,
        **guard,
    )


def serve_in_background(session: State, port: int, browser: bool) -> str:
    """Serve a session in a thread; its address."""
    if not port:
        port = free_port()
    # A partial would be shown, not called.
    serve({"/": lambda: in_browser(session)}, port, browser, threaded=True)
    return f"http://{LOCAL}:{port}"


def free_port() -> int:
    """A port that nobody has."""
    import socket

    with socket.socket() as one:
        one.bind((LOCAL, 0))
        return int(one.getsockname()[1])
