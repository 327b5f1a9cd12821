"""Tables on disk: what goes in comes out, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from uvisxr import scratch
from uvisxr.errors import ExportError
from uvisxr.scratch import Scratch, decoded, encoded


@pytest.mark.parametrize("text", ["", "Ångström", "\udcff\udc80.LBL", "\ud800", "a\0b"])
def test_texts(text: str):
    table = Scratch("CREATE TABLE names (name BLOB PRIMARY KEY)")
    table.run("INSERT INTO names VALUES (?)", encoded(text))
    found = table.row("SELECT name FROM names")
    assert found is not None
    assert decoded(found[0]) == text


def test_rows_come_as_they_are_asked_for():
    table = Scratch("CREATE TABLE numbers (n INTEGER); CREATE INDEX places ON numbers (n)")
    for n in range(100):
        table.run("INSERT INTO numbers VALUES (?)", n)
    first, second = (table.rows("SELECT n FROM numbers ORDER BY n") for _ in range(2))
    assert next(first) == (0,)
    # Two queries at once do not disturb each other.
    assert [n for (n,) in second] == [*range(100)]
    assert [n for (n,) in first] == [*range(1, 100)]
    assert table.row("SELECT n FROM numbers WHERE n > 1000") is None


def test_no_space_for_temporary_files():
    table = Scratch("CREATE TABLE names (name BLOB)")
    table.run("PRAGMA max_page_count = 10")
    with pytest.raises(ExportError, match=r"full.*SQLITE_TMPDIR"):
        for _ in range(100):
            table.run("INSERT INTO names VALUES (?)", bytes(1000))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_stays_flat_and_no_file_is_left(tmp_path: Path):
    script = """
import os, sys
from pathlib import Path
from uvisxr.scratch import Scratch
def size():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024
table = Scratch("CREATE TABLE names (number INTEGER PRIMARY KEY, name BLOB)")
before = size()
for number in range(40_000):
    table.run("INSERT INTO names VALUES (?, ?)", number, bytes(500))
print(size() - before)
sys.stdout.flush()
os._exit(1)
"""
    environment = os.environ | {"SQLITE_TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", script]
    result = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    # 20 MB are in the table.
    assert float(result.stdout) < 2 + scratch._CACHE / 1024
    assert list(tmp_path.iterdir()) == []


def test_rows_left_at_the_end_of_the_process_are_no_error():
    script = (
        "from uvisxr.scratch import Scratch\n"
        "table = Scratch('CREATE TABLE t (n INTEGER)')\n"
        "table.run('INSERT INTO t VALUES (1), (2)')\n"
        "rows = table.rows('SELECT n FROM t')\n"
        "print(next(rows))\n"
        "table._database.close()\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("(1,)\n", "")
