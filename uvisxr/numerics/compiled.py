"""Loops compiled by numba, if it is installed and worth its while.

Importing numba takes half a second, and compiling a loop for the first time on a machine some
more (what was compiled is kept on disk). So numpy does the work of a session until it has done
about as much as that takes; from then on the compiled loops do it. Both give the same numbers.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from types import ModuleType

#: Elements of spectra that numpy works on before numba is loaded.
WORTH = 2**24

_LOCK = threading.Lock()
_done = 0


@lru_cache(1)
def load() -> ModuleType | None:
    """The module `uvisxr.numerics.fused`, or None where it cannot be had."""
    try:
        from . import fused

        return fused
    # It is not there, finds no folder for what it compiles, or does not fit the other libraries.
    except Exception:
        return None


def loops(elements: int = 0) -> ModuleType | None:
    """The module `uvisxr.numerics.fused`, or None where numpy is to do the work.

    Parameters
    ----------
    elements : int
        How many are to be worked on now.
    """
    global _done
    with _LOCK:
        _done += elements
        return load() if _done >= WORTH else None
