"""Run the benchmarks: `python tests/benchmarks [NAME ...]`, all of them without a name.

The table at the end is that of the README.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent

#: Libraries that would spin on all cores for tiny matrices, in ours and in theirs.
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")


def main(names: list[str]) -> None:
    # Before numpy is imported, and for the processes that are started.
    os.environ |= {f"{library}_NUM_THREADS": "1" for library in _THREADS}
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    for path in sorted(FOLDER.glob("bench_*.py")):
        name = path.stem.removeprefix("bench_")
        if not names or name in names:
            print(f"--- {name}", flush=True)
            importlib.import_module(path.stem).main()
    timing = importlib.import_module("timing")
    if timing.ROWS:
        print("---", timing.HEAD, *timing.ROWS, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
