"""A library as if it were not installed."""

from __future__ import annotations

import builtins
import sys

import pytest


def hide(monkeypatch: pytest.MonkeyPatch, library: str, *rooms: str) -> None:
    """Let every import of a library fail; `rooms` are our modules that have imported it."""
    for name in [n for n in sys.modules if n.startswith((library, *rooms))]:
        monkeypatch.delitem(sys.modules, name)
    imported = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.split(".")[0] == library:
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
