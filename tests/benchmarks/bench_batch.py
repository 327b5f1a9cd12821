"""Batches: throughput of two processes, overhead of a product, memory of the driver.

UVISXR_BENCH_PRODUCTS says how many products of 60x60x1024 to process, by default 100.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from helpers.products import product_id, write_product

import uvisxr
from uvisxr import batch
from uvisxr.batch import manifest, work
from uvisxr.batch.cluster import connect

if TYPE_CHECKING:
    from distributed import Client

PRODUCTS, EXPOSURES = 100, 60
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


def plain(labels: list[Path], out: Path) -> None:
    """What a user would write."""
    out.mkdir()
    for label in labels:
        ds = uvisxr.open_product(label).uvis.calibrate(**STEPS[0][1])
        ds.uvis.to_netcdf(out / f"{label.stem}.nc")
    shutil.rmtree(out)


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def on_workers(labels: list[Path], out: Path, client: Client) -> float:
    """Time of a batch, without the start of its processes."""
    seconds = timed(lambda: batch.process(labels, STEPS, out, client=client))
    assert all(r["status"] == "done" for r in manifest.latest(out).values())
    shutil.rmtree(out)
    return seconds


def throughput(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        labels = write_archive(root / "in", count)
        plain(labels[:1], root / "warm")
        loop = one = 0.0
        with connect(None, 1, retries=2) as client:
            on_workers(labels[:1], root / "warm", client)
            # In turns, so that other work on the machine disturbs both alike.
            for first in range(0, count, 10):
                part = labels[first : first + 10]
                loop += timed(lambda part=part: plain(part, root / "plain"))
                one += on_workers(part, root / "out", client)
        with connect(None, 2, retries=2) as client:
            on_workers(labels[:2], root / "warm", client)
            two = on_workers(labels, root / "out", client)
    for what, seconds in (("plain loop", loop), ("1 process", one), ("2 processes", two)):
        print(f"{what:<12} {seconds:8.1f} s  {count / seconds:6.2f} products/s")
    print(f"2 processes / 1 process: {one / two:.2f}x")
    print(f"overhead of a product: {(one - loop) / count * 1e3:.0f} ms, {one / loop - 1:.1%}")


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
