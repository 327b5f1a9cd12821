"""Let forks of the process wait for locks that no thread of the child could give back."""

from __future__ import annotations

import os
import threading
import time
from typing import Protocol


class _Lock(Protocol):
    def acquire(self, blocking: bool = ..., timeout: float = ...) -> bool: ...
    def release(self) -> None: ...


def wait_for(*locks: _Lock, patience: float | None = None) -> None:
    """Let each fork wait until no other thread holds some locks, and begin with none of them held.

    A child has none of the other threads: what they hold is never given back there, and what they
    were at stays as it was.

    Parameters
    ----------
    *locks : lock
        Re-entrant ones, or such as whoever forks never holds; taken in this order.
    patience : float, optional
        How long a fork waits at most, s: who forks may be what the others wait for. By default as
        long as it takes.
    """
    if not hasattr(os, "register_at_fork"):
        return
    # Of each thread that forks, the locks that it has waited for.
    mine = threading.local()

    def before() -> None:
        until = None if patience is None else time.monotonic() + patience
        mine.held = []
        for lock in locks:
            left = -1.0 if until is None else max(until - time.monotonic(), 0.0)
            if lock.acquire(timeout=left):
                mine.held.append(lock)

    def after() -> None:
        for lock in reversed(mine.held):
            lock.release()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)
