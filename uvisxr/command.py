"""Whether this process is the command `uvisxr`, and what Ctrl-C then does as long as it imports.

Importing this module sees to the latter.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def is_this() -> bool:
    """Whether the command was called, as `uvisxr` or as `python -m uvisxr`."""
    called = os.path.basename(str(sys.argv[0])) if getattr(sys, "argv", None) else ""  # noqa: PTH119
    if called == "-m":
        # Python is still looking for the module.
        called = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    return called in ("uvisxr", "uvisxr.exe")


def _end_in_one_line() -> None:
    """Let an interrupt of the command, before it is at work or in an import, end it at once.

    An import makes whatever error it likes of a KeyboardInterrupt, and there is nothing yet to put
    in order. Later, `uvisxr.cli.messages.Commands` takes the KeyboardInterrupt.
    """
    # Not where a shell has an interrupt ignored.
    if is_this() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def _interrupted(number: int, frame: FrameType | None) -> None:
    at_work = importing = False
    while frame is not None:
        at_work |= frame.f_globals.get("__name__") == "uvisxr.cli.messages"
        importing |= frame.f_code.co_filename.startswith("<frozen importlib")
        frame = frame.f_back
    if at_work and not importing:
        raise KeyboardInterrupt
    os.write(2, b"uvisxr: interrupted\n")
    os._exit(130)


_end_in_one_line()
