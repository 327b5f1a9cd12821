"""What is in a catalogue: numbers of products and spectra, bodies, times, failures, size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import calls, checks
from ..files import absolute
from . import repair, tables
from .libraries import check
from .snapshot import Snapshot, listed, read


@dataclass
class Info:
    """What is in a catalogue.

    Attributes
    ----------
    folder : Path
    number : int
        Counts the changes of the catalogue.
    products, failed, unpointed, label_only : int
        All products; those that failed; of the others, those without any pointing, and without
        data.
    spectra : int
        Spectra of all products, each once.
    rows : dict
        Rows of the table of spectra by body and channel; a spectrum has a row for each body in
        view.
    targets : dict
        Products by target.
    start, stop : numpy.datetime64
        First and last instant, UTC; NaT if there is none.
    failures : dict
        Different errors, and how many products have each.
    size : int
        Bytes of all files that are read.
    files : int
    damaged : list of str, optional
        Files that are not as they were written, and how, or which spectra are missing; None if they
        were not verified. What lies in damaged files of products is not counted.
    """

    folder: Path
    number: int
    products: int = 0
    failed: int = 0
    unpointed: int = 0
    label_only: int = 0
    spectra: int = 0
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)
    start: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "us"))
    stop: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "us"))
    failures: dict[str, int] = field(default_factory=dict)
    size: int = 0
    files: int = 0
    damaged: list[str] | None = None

    def lines(self) -> Iterator[str]:
        """The same as text."""
        size = f"{self.size / 1e6:.1f} MB in {self.files} files"
        yield f"{self.folder}, snapshot {self.number}: {size}"
        yield (
            f"products  {self.products}: {self.failed} failed, {self.unpointed} without pointing, "
            f"{self.label_only} without data"
        )
        yield f"spectra   {self.spectra}"
        if not np.isnat(self.start):
            yield f"time      {str(self.start)[:19]} to {str(self.stop)[:19]} UTC"
        if self.targets:
            yield f"targets   {_counted(self.targets)}"
        for (body, channel), count in self.rows.items():
            yield f"rows      {body or '(no body)':<12} {channel:<4} {count}"
        for error, count in self.failures.items():
            yield f"failed    {count}: {error}"
        for why in self.damaged or ():
            yield f"damaged   {why}"
        if self.damaged:
            yield (
                "          give its sources and kernels to 'uvisxr catalogue build SOURCE --out "
                f"{self.folder} --verify', which makes the rows anew; or put the files back from a "
                "copy"
            )
        elif self.damaged is not None:
            yield "verified  all files are as they were written"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name or '(none)'} {count}" for name, count in counts.items())


#: How many different errors are listed.
_SHOWN = 20


@calls.public("catalogue.info")
def info(catalogue: str | Path, verify: bool = False) -> Info:
    """What is in a catalogue.

    Parameters
    ----------
    catalogue : path
        Its folder.
    verify : bool
        Read all files, and tell which are not as they were written.

    Returns
    -------
    Info

    Raises
    ------
    CatalogueError
        There is no catalogue, or it is of another version, or damaged, unless it is verified.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> import uvisxr.catalogue
    >>> summary = uvisxr.catalogue.build(made.labels, "catalogue", made.kernels, workers=1)
    >>> uvisxr.catalogue.info("catalogue").spectra
    720
    """
    check()
    checks.choice("verify", verify, bool)
    snapshot, damaged = _verified(catalogue) if verify else (read(catalogue), {})
    told = Info(snapshot.folder, snapshot.number)
    if verify:
        told.damaged = [*damaged.values()] or repair.odd(snapshot)
    targets: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    columns = ["status", "step", "error", "target", "pointing", "has_data", "spectra"]
    sound = [file for file in snapshot.products if file.path not in damaged]
    for row in tables.records(sound, columns):
        told.products += 1
        told.spectra += row["spectra"] or 0
        if row["status"] != "done":
            errors[f"{row['step']}: {row['error']}"] += 1
            continue
        targets[row["target"] or ""] += 1
        told.unpointed += row["pointing"] == "none"
        told.label_only += row["has_data"] is False
    for file in sound:
        if "time_start" in file.low:
            told.start = np.fmin(told.start, file.low["time_start"])
            told.stop = np.fmax(told.stop, file.high["time_stop"])
    rows: Counter[tuple[str, str]] = Counter()
    for file in snapshot.spectra:
        rows[file.body, file.channel] += file.rows
    told.failed = errors.total()
    told.failures = dict(errors.most_common(_SHOWN))
    told.targets, told.rows = dict(targets.most_common()), dict(sorted(rows.items()))
    told.size, told.files = sum(file.size for file in snapshot.files), len(snapshot.files)
    return told


def _verified(catalogue: str | Path) -> tuple[Snapshot, dict[Path, str]]:
    """A catalogue, and how files of it are damaged."""
    folder = absolute(Path(catalogue).expanduser())
    while True:
        found = listed(folder)
        damaged = repair.damaged(found)
        # Meanwhile somebody may have written others, and removed what this one had.
        if not damaged or listed(folder).number == found.number:
            return found, damaged
