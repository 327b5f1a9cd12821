"""Forks of the process while the netCDF4 library works in another thread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SETUP = """
import os, sys, threading, time
import numpy as np, xarray as xr
from uvisxr.hdf5 import handles
entered, left = threading.Event(), []
def other(seconds):
    with handles.LOCK, handles.READING, handles.HDF5_LOCK:
        entered.set()
        time.sleep(seconds)
        left.append(True)
def forked(seconds):
    threading.Thread(target=other, args=(seconds,), daemon=True).start()
    entered.wait()
    return os.fork()
"""


def _run(code: str, *args: str) -> str:
    """In a process of its own, as Python warns of forks among threads."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SETUP + code, *args],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip()


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")


@pytest.mark.slow
def test_both_processes_write_after_a_fork_during_a_write(tmp_path):
    code = """
import signal
child = forked(0.3)
signal.alarm(20)
assert left
path = f"{sys.argv[1]}/{bool(child)}.nc"
xr.Dataset({"a": ("x", np.arange(3))}).to_netcdf(path, engine="netcdf4")
if not child:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert _run(code, str(tmp_path)) == "0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["False.nc", "True.nc"]


def test_a_fork_by_who_holds_the_lock():
    code = """
with handles.LOCK:
    child = os.fork()
    with handles.LOCK, handles.HDF5_LOCK:
        if not child:
            os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), handles.LOCK._is_owned())
"""
    assert _run(code) == "0 False"
