"""Questions to a catalogue of 30 million generated spectra: time and memory.

Each runs in a process of its own on two threads: cold, with none of the catalogue's files in the
memory of the system, and then warm. The catalogue is made once, in the folder that
UVISXR_BENCHMARK_CATALOGUE names, or in a temporary one; it takes some minutes and 3 GB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helpers import catalogues
from timing import fresh

from uvisxr.catalogue import store

SPECTRA = 30_000_000

#: s cold, s warm, MiB, that the question and its count may take.
LIMITS = {"to_arrow()": (5.0, 2.0, 1500.0), "count": (1.0, 1.0, 1500.0)}

QUESTION = {
    "target": "TITAN",
    "channel": "FUV",
    "slit": "low",
    "alt": (800, 1000),
    "lat": (60, 90),
    "phase": (0, 60),
}

#: Others, which skip less: what is asked, and of how many rows it takes columns.
OTHERS = {
    "all, count": ({"exclude": ()}, "count"),
    "lon 350..10, all of the pixel, count": ({"lon": (350, 10), "mode": "all"}, "count"),
    "where counts_long > counts_far + 40": (
        {"where": "counts_long > counts_far + 40"},
        "to_arrow()",
    ),
    "products of Titan's limb": ({"target": "TITAN", "alt": (800, 1000)}, "products()"),
    "all of Titan in the FUV to Parquet": ({"target": "TITAN", "channel": "FUV"}, "to_parquet()"),
}

_RUN = """
import tempfile, time
folder, question, what = sys.argv[1], eval(sys.argv[2]), sys.argv[3]
import uvisxr
uvisxr.set_options(threads=2)
def ask():
    start, cpu = time.perf_counter(), time.process_time()
    found = uvisxr.search(folder, **question)
    if what == "count":
        rows = len(found)
    elif what == "to_parquet()":
        with tempfile.TemporaryDirectory() as out:
            found.to_parquet(Path(out) / "x.parquet")
        rows = len(found)
    else:
        rows = (found.products() if what == "products()" else found.to_arrow()).num_rows
    return rows, time.perf_counter() - start, time.process_time() - cpu
(rows, cold, cold_cpu), (_, warm, warm_cpu) = ask(), ask()
print(rows, cold, cold_cpu, warm, warm_cpu, peak())
"""


def build(folder: Path) -> None:
    """The catalogue, unless it is there."""
    if not (folder / "catalogue.json").exists():
        start, cpu = time.perf_counter(), time.process_time()
        with store.Writer(folder) as writer:
            for products, spectra in catalogues.many(SPECTRA, at_once=2000):
                writer.commit(products, [spectra])
            writer.compact()
        spent = time.perf_counter() - start, time.process_time() - cpu
        print("generated and written in {:.0f} s ({:.0f} s of CPU)".format(*spent), flush=True)
    snapshot = store.read(folder)
    size = sum(file.path.stat().st_size for file in snapshot.files) / 1e9
    print(f"{sum(file.rows for file in snapshot.spectra)} spectra, {size:.1f} GB", flush=True)


def forget(folder: Path) -> None:
    """Take the files of a catalogue out of the memory of the system."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _words() -> list[str]:
    """The question as options of the command."""
    words = []
    for name, value in QUESTION.items():
        words += [f"--{name}", *map(str, value if isinstance(value, tuple) else (value,))]
    return words


def main() -> None:
    slow = []
    given = os.environ.get("UVISXR_BENCHMARK_CATALOGUE")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(given or name)
        build(folder)
        asked = {f"question, {what}": (QUESTION, what) for what in LIMITS} | OTHERS
        for words, (question, what) in asked.items():
            forget(folder)
            said = fresh(_RUN, folder, repr(question), what).split()
            rows, cold, cold_cpu, warm, warm_cpu, peak = map(float, said)
            print(
                f"{words}: {rows:.0f} rows; cold {cold:.2f} s ({cold_cpu:.2f} s of CPU), warm "
                f"{warm:.2f} s ({warm_cpu:.2f}), peak {peak:.0f} MiB",
                flush=True,
            )
            limits = LIMITS[what] if question is QUESTION else (60.0, 60.0, 1500.0)
            if any(value > limit for value, limit in zip((cold, warm, peak), limits, strict=True)):
                slow.append(words)
        forget(folder)
        start = time.perf_counter()
        command = [sys.executable, "-m", "uvisxr", "search", folder, "--count", *_words()]
        subprocess.run(command, check=True)
        spent = time.perf_counter() - start
        print(f"the command, cold: {spent:.2f} s", flush=True)
        if spent > LIMITS["count"][0]:
            slow.append("the command")
    if slow:
        print(f"beyond their limits: {', '.join(slow)}")
