"""Starting: an import against that of what no program does without, and the command."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

PAIRS = 15

#: The command as its script runs it.
_COMMAND = ("-c", "import sys; sys.argv[0] = 'uvisxr'; from uvisxr.cli import main; main()")


def main() -> None:
    """Print the medians, and those of the ratios of each pair."""
    needed = ("-c", "import xarray, netCDF4")
    for name, ours in (
        ("import uvisxr", ("-c", "import uvisxr")),
        ("import uvisxr, xarray, netCDF4", ("-c", "import uvisxr, xarray, netCDF4")),
        ("uvisxr --version", (*_COMMAND, "--version")),
        ("uvisxr process --help", (*_COMMAND, "process", "--help")),
    ):
        # In turn, so that a change in the load of the machine meets both.
        pairs = [(_seconds(needed), _seconds(ours)) for _ in range(PAIRS)]
        plain_s, ours_s = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(ours / plain for plain, ours in pairs)
        print(
            f"{name:<40} import xarray, netCDF4 {plain_s:7.3f} s   ours {ours_s:7.3f} s   "
            f"ours / plain {ratio:5.2f}"
        )


def _seconds(arguments: tuple[str, ...]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
