"""Run the benchmarks: `python tests/benchmarks [NAME ...]`, all of them without a name.

`--help` lists the names. The table at the end is that of the README.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent

#: Libraries that would spin on all cores for tiny matrices, in ours and in theirs.
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")


def main(arguments: list[str]) -> None:
    paths = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
    parser = argparse.ArgumentParser("python tests/benchmarks", description="Run benchmarks.")
    listed = ", ".join(paths)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{listed}; without any, all")
    names = parser.parse_args(arguments).names
    if unknown := sorted(set(names) - paths.keys()):
        parser.error(f"there is no {', '.join(unknown)}; there are {listed}")
    # Before numpy is imported, and for the processes that are started.
    os.environ |= {f"{library}_NUM_THREADS": "1" for library in _THREADS}
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    for name, path in paths.items():
        if not names or name in names:
            print(f"--- {name}", flush=True)
            importlib.import_module(path.stem).main()
    timing = importlib.import_module("timing")
    if timing.ROWS:
        print("---", timing.HEAD, *timing.ROWS, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
