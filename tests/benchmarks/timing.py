"""Time our code against what a competent user of numpy would write, in one run.

CPU time, so that other work on the machine does not count; both sides on one thread, see
`__main__`; in turn, so that what does disturb them disturbs both alike.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

#: What `fresh` puts before a script: `peak()` is the process's own largest resident size, MiB.
#: `getrusage` would give that of the process that it came from, if that was larger.
_PEAK = """
import sys
from pathlib import Path
sys.path[:0] = {folders}
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
"""


@dataclass(frozen=True)
class Row:
    """A row of the README's table: CPU seconds, medians; the median of the ratios of each pair."""

    what: str
    plain: float
    ours: float
    ratio: float
    seed: float | None = None

    def __str__(self) -> str:
        seed = "" if self.seed is None else f"{seconds(self.seed)}, {self.seed / self.ours:.0f}x"
        return (
            f"| {self.what} | {seconds(self.plain)} | {seconds(self.ours)} | {self.ratio:.3g}x "
            f"| {seed} |"
        )


#: All that `compare` has found, for the table.
ROWS: list[Row] = []

HEAD = "| what | plain numpy | uvisxr | ratio | loop by loop |\n|---|---|---|---|---|"


def seconds(value: float) -> str:
    """Two figures, in s or ms."""
    if value < 0.0995:
        return f"{float(f'{1e3 * value:.2g}'):g} ms"
    return f"{float(f'{value:.2g}'):g} s"


def once(function: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """CPU seconds of one call."""
    start = clock()
    function()
    return clock() - start


def best(function: Callable[[], object], repeat: int = 3) -> float:
    """Least CPU seconds of some calls."""
    return min(once(function) for _ in range(repeat))


def compare(
    name: str,
    plain: Callable[[], object],
    ours: Callable[[], object],
    repeat: int = 5,
    seed: Callable[[], object] | None = None,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Time some pairs, print and keep the row; return the median of the ratios plain / ours.

    `seed` is a loop over elements, spectra or exposures, as Cassini-UPyP and many scripts have it;
    it is timed once.
    """
    ours()
    pairs = [(once(plain, clock), once(ours, clock)) for _ in range(repeat)]
    row = Row(
        name,
        *(median(column) for column in zip(*pairs, strict=True)),
        ratio=median(theirs / mine for theirs, mine in pairs),
        seed=None if seed is None else once(seed, clock),
    )
    ROWS.append(row)
    print(row, flush=True)
    return row.ratio


def fresh(script: str, *arguments: object) -> str:
    """Output of a script in a process of its own, which can import helpers and ask for `peak()`."""
    here = Path(__file__).parent
    head = _PEAK.format(folders=[str(here), str(here.parent)])
    command = [sys.executable, "-c", head + script, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
