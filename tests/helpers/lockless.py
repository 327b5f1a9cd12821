"""File systems whose locks are not as those of a local disk."""

from __future__ import annotations

import errno
import os
from typing import NoReturn

import pytest


def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system knows no locks, as on Lustre without `-o flock`."""

    def flock(*_: object) -> NoReturn:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", flock)


def local(monkeypatch: pytest.MonkeyPatch) -> None:
    """All get a lock, as those on other computers do with Lustre's `-o localflock`."""
    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", lambda *_: None)
