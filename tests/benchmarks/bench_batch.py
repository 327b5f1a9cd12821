"""Batches: throughput, of two processes too, overhead of a product, memory of the driver.

UVISXR_BENCH_PRODUCTS says how many products of 60x60x1024 to process, by default 100.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from helpers.products import product_id, write_product

import uvisxr
from uvisxr import batch
from uvisxr.batch import manifest, work
from uvisxr.batch.cluster import connect
from uvisxr.netcdf import deflate
from uvisxr.numerics import compiled

if TYPE_CHECKING:
    from distributed import Client

PRODUCTS, EXPOSURES = 100, 60
#: Products that each way processes before the next has its turn.
PART = 20
#: Modules of the extra `[fast]`.
FAST = ("isal", "h5py", "numba")
STEPS = [("calibrate", {"flat_field": False, "trend": False, "evil_pixels": "interpolate"})]


def write_archive(folder: Path, count: int) -> list[Path]:
    """Labels of `count` products that share one data file."""
    rng = np.random.default_rng(6)
    first = write_product(folder, product_id(0), rng.poisson(1.0, (EXPOSURES, 60, 1024)))
    labels = [first]
    for number in range(1, count):
        label = first.with_name(f"{product_id(number)}.LBL")
        label.write_text(first.read_text().replace(first.stem, label.stem))
        label.with_suffix(".DAT").hardlink_to(first.with_suffix(".DAT"))
        labels.append(label)
    return labels


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def plain(labels: list[Path], out: Path) -> None:
    """What a user would write."""
    out.mkdir()
    for label in labels:
        ds = uvisxr.open_product(label).uvis.calibrate(**STEPS[0][1])
        ds.uvis.to_netcdf(out / f"{label.stem}.nc", compact=True)
    shutil.rmtree(out)


def warmed(label: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        plain([label], Path(name) / "out")


@contextlib.contextmanager
def hidden(root: Path) -> Iterator[None]:
    """Processes started meanwhile find nothing of the extra `[fast]`."""
    folder = root / "hidden"
    folder.mkdir()
    for name in FAST:
        (folder / f"{name}.py").write_text(f"raise ImportError('{name} is hidden')\n")
    # Processes that are spawned take over the path.
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def squares() -> float:
    """Seconds of plain arithmetic, which two processes share nothing of but the machine."""
    return timed(lambda: sum(n * n for n in range(2_000_000)))


def ceiling(client: Client, workers: int) -> float:
    """How much more arithmetic all workers do at once than one of them alone in the same time."""
    together = client.run(squares).values()
    alone = client.run(squares, workers=[next(iter(client.scheduler_info()["workers"]))]).values()
    return workers * max(alone) / max(together)


def has_fast() -> bool:
    return deflate.available() and compiled.loops(10**9) is not None


@dataclass
class Way:
    """A way to run a batch, and the seconds that it has taken, without the start of processes."""

    what: str
    client: Client
    compact: bool
    wall: float = 0.0
    cpu: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)
    size: int = 0

    def run(self, labels: list[Path], out: Path, kept: bool = True) -> None:
        """Process products; `kept`: count the time."""
        before = self._cpu()
        seconds = timed(
            lambda: batch.process(
                labels, STEPS, out, client=self.client, compact=self.compact, progress=False
            )
        )
        records = manifest.latest(out).values()
        assert all(r["status"] == "done" for r in records)
        shutil.rmtree(out)
        if kept:
            self.wall += seconds
            self.cpu += self._cpu() - before
            for record in records:
                self.size += record["bytes"]
                for step, spent in record["seconds"].items():
                    self.steps[step] = self.steps.get(step, 0.0) + spent

    def _cpu(self) -> float:
        """Of the workers and of this process, which hands out."""
        return sum(self.client.run(time.process_time).values()) + time.process_time()

    def told(self, count: int) -> str:
        steps = ", ".join(f"{step} {spent / count * 1e3:.0f}" for step, spent in self.steps.items())
        return (
            f"{self.what:<24} a product: wall {self.wall / count * 1e3:6.0f} ms, CPU "
            f"{self.cpu / count * 1e3:6.0f} ms, {self.size / count / 1e6:5.1f} MB; in ms: {steps}"
        )


def throughput(count: int) -> None:
    """Full files by zlib without the extra against compact ones with it; then two processes."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        root = Path(name)
        labels = write_archive(root / "in", count)
        with hidden(root):
            slow = Way("full, without [fast]", stack.enter_context(connect(None, 1, 2)), False)
            assert not any(slow.client.run(has_fast).values())
        one = Way("compact, 1 process", stack.enter_context(connect(None, 1, 2)), True)
        two = Way("compact, 2 processes", stack.enter_context(connect(None, 2, 2)), True)
        if not all(one.client.run(has_fast).values()):
            print("the extra [fast] is not installed: compact files without it")
        ways = slow, one, two
        plain(labels[:1], root / "warm")
        for way in ways:
            # In each process, for imports and compiled loops.
            way.client.run(warmed, labels[0])
            way.run(labels[:4], root / "warm", kept=False)
        loop, ceilings = 0.0, []
        # In turn, so that other work on the machine disturbs all alike.
        for first in range(0, count, PART):
            part = labels[first : first + PART]
            for way in ways:
                way.run(part, root / "out")
            loop += timed(lambda part=part: plain(part, root / "plain"))
            ceilings.append(ceiling(two.client, 2))
    for way in ways:
        print(way.told(count))
    print(
        f"full without [fast] / compact: wall {slow.wall / one.wall:.2f}x, "
        f"CPU {slow.cpu / one.cpu:.2f}x"
    )
    print(
        f"1 process / 2 processes: wall {one.wall / two.wall:.2f}x, where the machine does "
        f"{median(ceilings):.2f}x the plain arithmetic of one"
    )
    overhead = (one.wall - loop) / count
    print(f"compact, overhead of a product: {overhead * 1e3:.0f} ms, {one.wall / loop - 1:.1%}")


def nothing(job: work.Job, steps: object, **settings: object) -> dict[str, object]:
    """A record as `work.attempt` gives it, without the work."""
    return {
        "product": Path(job.label).stem,
        "label": job.label,
        "output": job.output,
        "fingerprint": job.fingerprint,
        "version": uvisxr.__version__,
        "sha256": "0" * 64,
        "bytes": 0,
        "figures": {"pic": 60, "pixel": 60, "wl": 1024, "counts_total": 1},
        "status": "done",
        "seconds": {"open": 0.0, "calibrate": 0.0, "write": 0.0},
        "warnings": [],
    }


def driver_memory(count: int, root: Path) -> None:
    """Process `count` products without the work; print the driver's largest resident size."""
    for number in range(count):
        day = f"{2005 + number // 36500}_{number // 100 % 365 + 1:03}"
        # In folders by day, as in the archive.
        folder = root / "in" / f"D{day}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"FUV{day}_{number % 100 // 60:02}_{number % 60:02}.LBL").touch()
    work.attempt = nothing
    seconds = timed(lambda: batch.process(root / "in", STEPS, root / "out", workers=1))
    assert all(r["status"] == "done" for r in manifest.read(root / "out"))
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(
        f"driver, {count:>6} products: {peak:6.1f} MiB, {seconds / count * 1e3:5.2f} ms a product"
    )


def main() -> None:
    throughput(int(os.environ.get("UVISXR_BENCH_PRODUCTS", PRODUCTS)))
    for products in (100, 1000, 10_000):
        with tempfile.TemporaryDirectory() as name:
            # Each in its own process: the largest resident size never falls.
            folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
            code = (
                f"import sys; sys.path[:0] = {folders}\n"
                "from pathlib import Path\n"
                "from bench_batch import driver_memory\n"
                "if __name__ == '__main__':\n"
                f"    driver_memory({products}, Path({name!r}))\n"
            )
            script = Path(name) / "run.py"
            script.write_text(code)
            subprocess.run([sys.executable, str(script)], check=True)
