"""What building a catalogue costs: spectra a second in one process, and the shares of the parts.

All stages of a build, in one process: rows of each product, as `bench_rows` has them, staged files
written and read, sorted, committed and merged. Each product is committed several times under other
names, as a build of many would, so that writing has the merges of a catalogue of some size; the
work on a product is done once for each of these. What is left out is finding the products and
handing them to workers.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import bench_rows
import pyarrow as pa

from uvisxr import simulate
from uvisxr.catalogue import rows, sorting, staging, store, tables
from uvisxr.kernels.session import keep_for_good
from uvisxr.reader.sources import Product

#: Functions by the part that they are; time in one that another calls counts for the inner one.
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    **bench_rows.PARTS,
    "staging": ((staging, "_stage"), (staging, "product_of"), (staging, "spectra_of")),
    "sorting": ((sorting, "in_order"),),
    "writing and merging": (
        (tables, "write"),
        (store.Writer, "commit"),
        (store.Writer, "compact"),
    ),
}

#: How often each of the products of `bench_rows` is built, and in how many commits.
TIMES = (500, 100, 20)
COMMITS = 10


def main() -> None:
    keep_for_good()
    spent: Counter[str] = Counter()
    clock = _Clock(spent)
    for part, functions in PARTS.items():
        for owner, name in functions:
            setattr(owner, name, clock.timed(getattr(owner, name), part))
    with tempfile.TemporaryDirectory() as folder:
        for number, (what, arguments) in enumerate(bench_rows.MADE.items()):
            times = TIMES[number]
            made = simulate.observation(Path(folder, f"made{number}"), seed=1, **arguments)
            product = Product.at(made.labels[0])
            # What is imported, read and remembered once counts for no product.
            rows.of(product, made.kernels)
            spent.clear()
            wall, begun = time.perf_counter(), time.process_time()
            spectra = _build(product, made.kernels, times, Path(folder, f"catalogue{number}"))
            cpu = time.process_time() - begun
            wall = time.perf_counter() - wall
            rest = 1 - sum(spent.values()) / cpu
            shares = ", ".join(f"{part} {spent[part] / cpu:.0%}" for part in PARTS)
            print(
                f"{what:<27} x {times}: {spectra / cpu:7,.0f} spectra a second of CPU "
                f"({spectra / wall:,.0f} by the clock), {cpu / times * 1e3:.1f} ms a product: "
                f"{shares}, rest {rest:.0%}",
                flush=True,
            )


def _build(product: Product, kernels: Any, times: int, folder: Path) -> int:
    """All stages for some products that differ by their names; how many spectra there are."""
    with store.Writer(folder) as writer:
        staged = folder / staging.FOLDER
        staged.mkdir()
        names = [f"{product.label.stem}_{k}" for k in range(times)]
        for k in range(COMMITS):
            paths = []
            for name in names[k::COMMITS]:
                job = staging.Job(str(product.label), name, str(staged), str(staged), "0" * 64)
                staging._stage(job, rows.of(product, kernels, name))
                paths.append(job.path)
            writer.commit(
                pa.concat_tables(map(staging.product_of, paths)).unify_dictionaries(),
                _taken(paths),
            )
            for path in paths:
                path.unlink()
        writer.compact()
        return sum(file.rows for file in writer.snapshot.spectra)


def _taken(paths: list[Path]) -> Iterator[pa.Table]:
    parts = pa.concat_tables(map(staging.spectra_of, paths))
    yield parts.unify_dictionaries().combine_chunks()


class _Clock:
    """CPU time of the parts; that of a part within another is only its own."""

    def __init__(self, spent: Counter[str]):
        self._spent = spent
        self._within: list[float] = []

    def timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **options: Any) -> Any:
            begun = time.process_time()
            self._within.append(0.0)
            try:
                return function(*args, **options)
            finally:
                whole = time.process_time() - begun
                self._spent[part] += whole - self._within.pop()  # type: ignore[assignment]
                if self._within:
                    self._within[-1] += whole

        return timed


if __name__ == "__main__":
    main()
