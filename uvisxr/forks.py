"""Let forks of the process wait for locks that no thread of the child could give back, and begin
without pools of threads that the child does not have."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, Protocol


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


def _without_pools_of_dask() -> None:
    """Let dask make new pools in a child: of those of the parent it has no thread, and would wait
    for ever for what they were given."""
    threaded: Any = sys.modules.get("dask.threaded")
    if hasattr(threaded, "default_pool") and hasattr(threaded, "pools"):
        threaded.default_pool = None
        threaded.pools.clear()
        threaded.pools_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_without_pools_of_dask)
