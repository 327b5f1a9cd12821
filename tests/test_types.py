"""What type checkers see of the package, from outside: a user's script given to mypy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests" / "typed" / "user_script.py"


@pytest.mark.slow
def test_mypy_finds_in_a_users_script_what_is_wrong_and_no_more(tmp_path: Path):
    done = subprocess.run(
        # A user's settings, not ours, and no cache of another run.
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"),
            *("--follow-imports=silent", f"--cache-dir={tmp_path}", str(SCRIPT)),
        ],
        env=os.environ | {"MYPYPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^.*user_script\.py:(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.M)
    lines = SCRIPT.read_text().splitlines()
    expected = [
        (str(number), line.partition("# wrong: ")[2])
        for number, line in enumerate(lines, 1)
        if "# wrong: " in line
    ]
    assert len(expected) > 10
    assert list(dict.fromkeys(found)) == expected, done.stdout + done.stderr
