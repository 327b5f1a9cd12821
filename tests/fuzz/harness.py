"""Give many hostile inputs to one door of the package, each within bounds of time and memory.

Time is that by the clock, so that what waits is slow too; where other processes have the CPUs, what
they take is not counted.

They are tried in a child process that says which one it begins: so one that hangs, crashes or takes
all memory is known by name, and the next child goes on after it. The same seed gives the same
inputs.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from uvisxr.errors import UvisError

#: Seconds that a case may take, and those before its process is ended.
SECONDS, WALL = 2.0, 30.0
#: Bytes above those of the input that a case may take.
MEMORY = 200 * 2**20
#: Longest message of an error.
MESSAGE = 500
#: What a door may answer, and what it may not.
GOOD = ("right", "warned", "refused")
BAD = ("wrong", "bare", "wordy", "slow", "hang", "crash", "memory")


class Wrong(Exception):
    """What came is not what the input means."""


@dataclass(frozen=True)
class Door:
    """A way by which data come in.

    Attributes
    ----------
    make : callable
        `make(rng, folder)` writes an input into an empty folder and returns what `enter` needs;
        with None as `rng`, one that nothing is wrong with.
    enter : callable
        Gives it to the package, and raises `Wrong` if what comes is not what it means. Returns
        whether the package had a warning to give.
    """

    make: Callable[[np.random.Generator | None, Path], Any]
    enter: Callable[[Any], bool]


@dataclass
class Tally:
    """How often a door has answered what; the cases that went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    def add(self, number: int, outcome: str, said: str) -> None:
        self.counts[outcome] += 1
        if outcome not in GOOD:
            self.bad.append(f"case {number}: {outcome}: {said}")


def door(name: str) -> Door:
    """The door of a module in this folder."""
    found: Door = importlib.import_module(f"fuzz.door_{name}").DOOR
    return found


def doors() -> list[str]:
    """Names of all doors."""
    return sorted(p.stem.removeprefix("door_") for p in Path(__file__).parent.glob("door_*.py"))


def rng_of(seed: int, name: str, number: int) -> np.random.Generator:
    """The random numbers of a case."""
    return np.random.default_rng([seed, number, *name.encode()])


def attempt(door: Door, rng: np.random.Generator | None, folder: Path) -> tuple[str, str]:
    """Try one case in this process: the outcome, and what was said."""
    case = door.make(rng, folder)
    size = sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file())
    before = _memory("VmRSS")
    _forget_peak()
    start = _now()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome, said = ("warned" if door.enter(case) else "right"), ""
    except UvisError as error:
        said = str(error)
        outcome = "refused" if len(said) <= MESSAGE and "\n" not in said else "wordy"
    except Wrong as error:
        outcome, said = "wrong", str(error)
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        outcome, said = "bare", f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
    lasted = _now() - start
    if outcome in GOOD and lasted > SECONDS:
        outcome, said = "slow", f"{lasted:.1f} s; {said}"
    taken = _memory("VmHWM") - before - size
    if outcome in GOOD and taken > MEMORY:
        outcome, said = "memory", f"{taken / 2**20:.0f} MiB; {said}"
    return outcome, said[:700]


def _now() -> float:
    """Seconds by the clock, without those that others kept this process from a CPU."""
    _, waited, _ = Path("/proc/self/schedstat").read_text().split()
    return time.monotonic() - int(waited) / 1e9


def _memory(what: str) -> int:
    return int(Path("/proc/self/status").read_text().split(f"{what}:")[1].split()[0]) * 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def run(name: str, cases: int, seed: int = 0, first: int = 0) -> Tally:
    """Try some cases of a door in child processes.

    A child that ends badly after an answer has had it from the same case.
    """
    answers: dict[int, tuple[str, str]] = {}
    begin, last = first, first + cases
    while begin < last:
        for number, outcome, said in _in_child(name, seed, begin, last):
            answers[number] = outcome, said
            begin = number + 1
    tally = Tally()
    for number, (outcome, said) in sorted(answers.items()):
        tally.add(number, outcome, said)
    return tally


def _in_child(name: str, seed: int, first: int, last: int) -> Iterator[tuple[int, str, str]]:
    """Outcomes of cases, until all are done or one has ended the process."""
    with tempfile.TemporaryDirectory(dir=_quick_folder()) as scratch:
        script = "import sys; from fuzz import harness; harness.child(*sys.argv[1:])"
        command = [sys.executable, "-c", script, name, *map(str, (seed, first, last))]
        errors = Path(scratch) / "errors"
        with errors.open("wb") as stream:
            child = subprocess.Popen(
                [*command, scratch],
                stdout=subprocess.PIPE,
                stderr=stream,
                cwd=Path(__file__).parents[1],
            )
        assert child.stdout is not None
        number = None
        ended = ""
        while True:
            if not select.select([child.stdout], [], [], WALL)[0]:
                ended = "hang"
                break
            line = child.stdout.readline()
            if not line:
                break
            number, outcome, said = json.loads(line)
            if outcome:
                yield number, outcome, said
        child.kill() if ended else child.wait(WALL)
        child.communicate()
        if ended or child.returncode:
            tail = errors.read_text(errors="replace").strip().splitlines()[-1:]
            what = f"exit status {child.returncode} {' '.join(tail)}"
            if number is None:
                raise RuntimeError(f"no case of {name} was begun: {what}")
            yield number, ended or "crash", what


def _quick_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def child(name: str, seed: str, first: str, last: str, scratch: str) -> None:
    """Try cases, and say each before it begins and after it ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    chosen, folder = door(name), Path(scratch) / "case"
    for number in (-1, *range(int(first), int(last))):
        folder.mkdir()
        if number >= 0:
            print(json.dumps((number, "", "")), flush=True)
        rng = None if number < 0 else rng_of(int(seed), name, number)
        outcome, said = attempt(chosen, rng, folder)
        if number >= 0:
            print(json.dumps((number, outcome, said)), flush=True)
        elif outcome != "right" and outcome != "slow":
            # What imports take is not the door's.
            raise SystemExit(f"what nothing is wrong with is {outcome}: {said}")
        shutil.rmtree(folder, ignore_errors=True)
        if number < 0:
            # What is there by now stays: no use in looking through it again and again.
            gc.collect()
            gc.freeze()
