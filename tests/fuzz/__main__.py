"""Try every door with many hostile inputs: `python tests/fuzz [DOOR ...] [--cases N] [--seed S]`.

Prints the table of docs/project/hostile_input.md, and what went wrong; exits with 1 if any did.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz import harness


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("doors", nargs="*", help="by default all")
    parser.add_argument("--cases", type=int, default=10_000, help="of each door")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="doors at a time")
    given = parser.parse_args()
    columns = (*harness.GOOD, *harness.BAD)
    print("| door | cases |", " | ".join(columns), "|")
    print("|---|---|", *("---|" for _ in columns), sep="")
    bad: list[str] = []
    names = given.doors or harness.doors()
    run = partial(harness.run, cases=given.cases, seed=given.seed, first=given.first)
    with ThreadPoolExecutor(given.jobs) as pool:
        for name, tally in zip(names, pool.map(run, names), strict=True):
            figures = " | ".join(f"{tally.counts[column]:,}" for column in columns)
            print(f"| {name} | {given.cases:,} | {figures} |", flush=True)
            bad += [f"{name}, {text}" for text in tally.bad]
    if bad:
        print("", *bad, sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
