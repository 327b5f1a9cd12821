"""Code in an interpreter of its own, that has imported nothing yet."""

from __future__ import annotations

import subprocess
import sys


def python(*arguments: str) -> str:
    """Output of `python arguments`, where warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def brought(code: str, after: str = "") -> set[str]:
    """Packages that some code imports, those of the standard library left out.

    What the code `after` has imported before does not count.
    """
    lines = (
        "import sys",
        after,
        "before = set(sys.modules)",
        code,
        "print()",
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})",
    )
    return set(python("-c", "\n".join(lines)).splitlines()[-1].split()) - sys.stdlib_module_names
