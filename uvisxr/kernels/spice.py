"""SPICE, which is loaded when something of it is first used: ``spice.spkpos`` is `spiceypy.spkpos`.

To find its library, spiceypy asks for the current folder and writes a temporary file, neither of
which every process has; most steps need no SPICE.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import ModuleType
from typing import Any

from ..errors import MissingDependencyError


def __getattr__(name: str) -> Any:
    # Anew each time, so that a function that is replaced in spiceypy is replaced here.
    return getattr(_loaded(), name)


@cache
def _loaded() -> ModuleType:
    """spiceypy with its vectorized part `cyice`.

    Raises
    ------
    MissingDependencyError
        Its library cannot be loaded.
    """
    try:
        with _somewhere():
            import spiceypy.cyice

            return spiceypy
    except OSError as error:
        raise MissingDependencyError(
            f"SPICE, which geometries need, cannot be loaded: {error}; to find it, Python needs a "
            "folder for temporary files that can be written: name one by the environment variable "
            "TMPDIR, and start again"
        ) from error


@contextmanager
def _somewhere() -> Iterator[None]:
    """Have a current folder, also where that was deleted."""
    try:
        os.getcwd()  # noqa: PTH109 - only whether there is one
    except OSError:
        before = None
        with suppress(OSError):
            before = os.open(os.curdir, os.O_RDONLY)
        os.chdir(os.sep)
        try:
            yield
        finally:
            if before is not None:
                os.fchdir(before)
                os.close(before)
    else:
        yield
