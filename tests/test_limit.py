"""Processes that are ended when they take too long, and what they leave behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.slow import rest_slow

from uvisxr.batch import limit

CODE = """
import sys, time
from pathlib import Path
from uvisxr.batch import limit
seconds, way = float(sys.argv[1]), sys.argv[2]
with limit.limited(seconds, Path("."), "a.nc") as reach:
    reach("open")
    reach("rate")
    if way == "loop":
        while True:
            pass
    if way == "crash":
        import os
        os.abort()
    if way == "error":
        raise KeyError
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "word"),
    rest_slow([("loop", True), ("crash", False), ("error", False), ("", False)], 1),
)
def test_the_end_of_a_process(tmp_path: Path, way: str, word: bool):
    seconds = "1.5" if way == "loop" else "60"
    run = subprocess.run(
        [sys.executable, "-c", CODE, seconds, way], cwd=tmp_path, capture_output=True, timeout=60
    )
    assert (b"done" in run.stdout) is (way == "")
    found = limit.overrun(tmp_path, "a.nc")
    assert found == (limit.Overrun("rate", 1.5) if word else None)
    assert limit.overrun(tmp_path, "b.nc") is None
    assert bool(list(tmp_path.iterdir())) is (way in ("loop", "crash", "error"))


def test_no_limit(tmp_path: Path):
    with limit.limited(None, tmp_path, "a.nc") as reach:
        reach("open")
    assert not list(tmp_path.iterdir())
