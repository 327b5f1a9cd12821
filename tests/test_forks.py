"""Forks that wait for locks, in processes of their own, as Python warns of forks among threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")

_SETUP = """
import os, sys, threading, time
from uvisxr import forks
first, second = threading.RLock(), threading.RLock()
entered, left = threading.Event(), []
def other(lock, seconds):
    with lock:
        entered.set()
        time.sleep(seconds)
        left.append(True)
def forked(lock, seconds):
    threading.Thread(target=other, args=(lock, seconds), daemon=True).start()
    entered.wait()
    begun = time.monotonic()
    child = os.fork()
    return child, time.monotonic() - begun
def free(lock):
    # In another thread, as whoever holds a lock can take it again.
    found = []
    def look():
        found.append(lock.acquire(timeout=0.1))
        if found[0]:
            lock.release()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]
"""


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SETUP + code],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip()


_BOTH = """
if not child:
    os._exit(0 if free(first) and free(second) else 1)
_, status = os.waitpid(child, 0)
print(*said, os.waitstatus_to_exitcode(status), free(second))
"""


@pytest.mark.slow
def test_a_fork_waits_and_all_locks_are_free_after_it():
    code = "forks.wait_for(first, second)\nchild, _ = forked(second, 0.3)\nsaid = [left]\n"
    assert _run(code + _BOTH) == "[True] 0 True"


@pytest.mark.slow
def test_a_fork_waits_no_longer_than_its_patience():
    code = """
forks.wait_for(first, second, patience=0.2)
child, waited = forked(first, 3.0)
if not child:
    os._exit(0 if free(second) else 1)
_, status = os.waitpid(child, 0)
print(left, waited < 2.5, os.waitstatus_to_exitcode(status), free(second))
"""
    assert _run(code) == "[] True 0 True"


def test_a_fork_by_who_holds_the_locks():
    code = """
forks.wait_for(first, second)
with first, second:
    child = os.fork()
said = []
"""
    assert _run(code + _BOTH) == "0 True"


@pytest.mark.slow
def test_a_fork_after_a_computation_of_dask():
    code = """
import dask.array as da
def work():
    assert int(da.ones(20, chunks=5).sum().compute()) == 20
work()
thread = threading.Thread(target=work)
thread.start()
thread.join()
child = os.fork()
if not child:
    done = threading.Thread(target=lambda: (work(), os._exit(0)), daemon=True)
    work()
    done.start()
    done.join(20)
    os._exit(1)
for _ in range(200):
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        break
    time.sleep(0.05)
else:
    os.kill(child, 9)
    os.waitpid(child, 0)
print(pid == child and os.waitstatus_to_exitcode(status))
"""
    assert _run(code) == "0"
