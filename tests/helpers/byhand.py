"""Processes of dask that are started by hand, and waiting for what others do."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not happen in {seconds} s")
        time.sleep(0.02)


@contextmanager
def scheduler(folder: Path, workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and some workers; gives the address, and the scheduler's process."""
    info = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    place = ["--host", "127.0.0.1", "--no-dashboard"]

    def start(*words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*dask, *words, *place],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )

    processes = [start("scheduler", "--port", "0", "--scheduler-file", str(info))]
    try:
        # The file is there before all is in it.
        wait_for(lambda: info.is_file() and "}" in info.read_text()[-2:], "the scheduler's start")
        address = json.loads(info.read_text())["address"]
        processes += [start("worker", address, "--nthreads", "1") for _ in range(workers)]
        yield address, processes[0]
    finally:
        for process in reversed(processes):
            process.kill()
        for process in processes:
            process.wait()
