"""Starting: imports and commands against those of what they cannot do without."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers.products import write_product

PAIRS = 15

#: The command as its script runs it.
_COMMAND = ("-c", "import sys; sys.argv[0] = 'uvisxr'; from uvisxr.cli import main; main()")


def main() -> None:
    """Print the medians of the CPU times, and those of the ratios of each pair."""
    libraries = "import xarray, netCDF4"
    with tempfile.TemporaryDirectory() as folder:
        label = str(write_product(Path(folder), "FUV2005_230_15_15", samples=3))
        for name, needed, ours in (
            ("import uvisxr", libraries, ("-c", "import uvisxr")),
            ("import uvisxr, xarray, netCDF4", libraries, ("-c", "import uvisxr, xarray, netCDF4")),
            ("uvisxr --version", libraries, (*_COMMAND, "--version")),
            ("uvisxr process --help", libraries, (*_COMMAND, "process", "--help")),
            ("uvisxr info PRODUCT", "import numpy", (*_COMMAND, "info", label)),
        ):
            # In turn, so that a change in the load of the machine meets both.
            pairs = [(_seconds("-c", needed), _seconds(*ours)) for _ in range(PAIRS)]
            plain_s, ours_s = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(ours / plain for plain, ours in pairs)
            print(
                f"{name:<32} {needed:<24} {plain_s:7.3f} s   ours {ours_s:7.3f} s   "
                f"ours / theirs {ratio:5.2f}"
            )


def _seconds(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
