"""Run the benchmarks: `python tests/benchmarks [NAME ...]`, all of them without a name."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(names: list[str]) -> None:
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]
    for path in sorted(FOLDER.glob("bench_*.py")):
        name = path.stem.removeprefix("bench_")
        if not names or name in names:
            print(f"--- {name}")
            importlib.import_module(path.stem).main()


if __name__ == "__main__":
    main(sys.argv[1:])
