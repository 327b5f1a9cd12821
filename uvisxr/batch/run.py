"""Process many products on dask.distributed: independently, resumably, without losses.

The driver (this module) walks the sources, hands out what is missing or outdated, keeps a bounded
number of products in flight and appends one line per product to the manifest; the work itself is in
`uvisxr.batch.work`. Outputs appear under their final name whole or not at all, so a killed worker
or driver leaves nothing half-done: running the same command again does what is left.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import itertools
import logging
import os
import re
import shlex
import shutil
import sys
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .. import calls, checks, options
from .._version import __version__
from ..errors import ExportError, FetchError, UvisError, bounded, warn_user
from ..files import HDF5, absolute, check_target, is_file, read_beginning, refuse_foreign
from ..hdf5.soundness import CutOffError
from ..netcdf.writing import is_netcdf_of_ours
from ..progress import bar
from ..quality import telling
from ..reader import sources
from . import pipeline, work
from .cluster import check, connect
from .flow import stream
from .manifest import Known, Manifest

if TYPE_CHECKING:
    from distributed import Client

_Job = TypeVar("_Job", bound=work.Task)

_LOG = logging.getLogger(__name__)

#: Number of failures, of steps left out and of warnings that a summary lists; all of them are in
#: the manifest.
_SHOWN = 20

#: The command in messages, and what stands for the product in it.
_FETCH, _PRODUCT = "kernels fetch {}", "PRODUCT"

#: Longest time limit of a product, s.
_LONGEST = 1e6

#: Most processes for each core.
_EACH = 4

#: What to do about a file that no output may replace: outputs have the names of products.
_MEND = "move it away, or choose another --out"

#: Names of folders for unfinished files.
_PARTIAL = ".partial-"
_LEFT = re.compile(rf"{re.escape(_PARTIAL)}[0-9a-f]{{32}}")

#: Bytes that are no text, as Python has them in names of files; and backslashes.
_NO_NAME = re.compile(r"[\udc80-\udcff\\]")


@dataclass
class Summary:
    """What a batch did.

    Attributes
    ----------
    done, failed, current : int
        Products processed, products that failed, and products already up to date.
    incomplete, warned : int
        Products among those processed of which a step failed and was left out, and those with
        other warnings.
    failures, left_out : list of str
        The first few different failures, and steps left out, in a line each: the first product that
        has one, how many more have it, step and error.
    warnings : dict of str to (str, int)
        The first few different warnings: the first product that has one, and how many have it.
    lossy : dict of str to int
        Products a few of whose spectra are lost, and how many are.
    untold : set of str
        Of which of these lists there is more in the manifest.
    copies : int
        Products left out as they hold the same exposures as others; the manifest has each.
    manifest : Path
    """

    manifest: Path
    done: int = 0
    failed: int = 0
    current: int = 0
    incomplete: int = 0
    warned: int = 0
    copies: int = 0
    warnings: dict[str, tuple[str, int]] = field(default_factory=dict)
    lossy: dict[str, int] = field(default_factory=dict)
    untold: set[Literal["failures", "left_out", "warnings"]] = field(default_factory=set)
    _failures: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)
    _left_out: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)
    _labels: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def failures(self) -> list[str]:
        return [*self._grouped(self._failures)]

    @property
    def left_out(self) -> list[str]:
        return [*self._grouped(self._left_out)]

    @property
    def seen(self) -> int:
        """Products of which it is known what becomes of them."""
        return self.done + self.failed + self.current

    @property
    def ok(self) -> bool:
        """Whether no product failed."""
        return not self.failed

    def __str__(self) -> str:
        text = f"{self.done} done, {self.failed} failed, {self.current} up to date"
        parts = {
            "lacks a step" if self.incomplete == 1 else "lack a step": self.incomplete,
            "has warnings" if self.warned == 1 else "have warnings": self.warned,
        }
        told = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
        return f"{text}; of those done: {told}" if told else text

    def lines(self) -> Iterator[str]:
        """What failed, what was left out and what was warned of, a line each."""
        yield from self.failures
        if "failures" in self.untold:
            yield f"... all {self.failed} failures: {self.manifest}"
        if self.copies > 1:
            yield f"... all {self.copies} left out for the same exposures: {self.manifest}"
        yield from self.left_out
        if "left_out" in self.untold:
            yield f"... all steps left out, of {self.incomplete} products: {self.manifest}"
        for line in self._grouped(self.warnings):
            yield f"warning: {line}"
        if self.lossy:
            first, *rest = self.lossy
            others = f" and {len(rest)} more" if rest else ""
            yield (
                f"warning: {first}{others}: few spectra are lost, {sum(self.lossy.values())} in "
                f"all: {self.manifest}"
            )
        if "warnings" in self.untold:
            yield f"... all warnings, of {self.warned} products: {self.manifest}"

    def add(self, record: dict[str, Any]) -> None:
        """Count a record of the manifest."""
        product = record["product"]
        if record["status"] != "done":
            self.failed += 1
            self._note("failures", self._failures, f"{record['step']}: {record['error']}", record)
            return
        self.done += 1
        left = record.get("left_out", [])
        self.incomplete += bool(left)
        for text in left:
            self._note("left_out", self._left_out, text, record)
        others = [text for text in record["warnings"] if text not in left]
        if any(map(telling.is_of_few, others)):
            others = [text for text in others if not telling.is_of_few(text)]
            figures = record["figures"].items()
            self.lossy.setdefault(
                product, sum(n for name, n in figures if name.endswith("lost_spectra"))
            )
        self.warned += bool(others)
        for text in others:
            self._note("warnings", self.warnings, text, record)

    def _note(
        self,
        kind: Literal["failures", "left_out", "warnings"],
        known: dict[str, tuple[str, int]],
        text: str,
        record: dict[str, Any],
    ) -> None:
        first, count = known.get(text, (record["product"], 0))
        if count or len(known) < _SHOWN:
            known[text] = first, count + 1
            self._labels.setdefault(text, record.get("label", _PRODUCT))
        else:
            self.untold.add(kind)

    def _grouped(self, known: dict[str, tuple[str, int]]) -> Iterator[str]:
        """A line for each text: the first product that has it, and how many more."""
        for text, (first, count) in known.items():
            others = f" and {count - 1} more" if count > 1 else ""
            # Of all that have it, the command helps if it is given the first.
            command = _FETCH.format(shlex.quote(self._labels[text]))
            yield f"{first}{others}: {text.replace(_FETCH.format(_PRODUCT), command)}"


@calls.public("batch.process")
def process(
    products: str | Path | Iterable[str | Path],
    pipeline: str | Path | Iterable[Any],
    out_dir: str | Path,
    client: Client | str | None = None,
    workers: int | None = None,
    retries: int = 2,
    overwrite: bool = False,
    wanted: sources.Filter | None = None,
    progress: bool | None = None,
    *,
    compact: bool = False,
    verify: bool = False,
    timeout: float | None = None,
) -> Summary:
    """Run a pipeline on every product of some sources and write one NetCDF file for each.

    An output is left alone if it has the size it was written with, and was made from the same label
    and data file (judged by size and modification time), the same pipeline, the same files that its
    steps read besides (kernels and calibration files, whether arguments, meta-kernels, environment
    variables or `uvisxr.set_options` name them, which the workers have too, or they are in the
    cache), the same `compact` and the same package version. Failed products are tried again, and so
    are those of which a step failed and was left out. A URL of which nothing can be
    had fails, and so does a product whose output has the name of a file that uvisxr did not write;
    the file stays.

    Parameters
    ----------
    products : path or iterable of paths
        Products, folders, batch files, globs, index tables, identifiers: see
        `uvisxr.reader.sources.expand`. The same exposures are taken once.
    pipeline : path or iterable
        Steps: see `uvisxr.batch.pipeline`. Checked before anything starts.
    out_dir : path
        Folder for the outputs and `manifest.jsonl`; created if missing. With workers on other
        machines it must be on a shared file system.
    client : distributed.Client or str, optional
        A dask client or the address of a scheduler. By default, processes are started on this
        machine (in a script, call this under ``if __name__ == "__main__":``).
    workers : int, optional
        Number of processes on this machine, at most four for each core; by default one per core.
        No more than there are products are started.
    retries : int
        How often a product is tried again after a lost worker or an unforeseen error. Errors that
        are the product's own fault are final.
    overwrite : bool
        Process everything again, and replace files of the outputs' names that uvisxr did not write.
    wanted : Filter, optional
        Which products to process; by default all.
    progress : bool, optional
        Show a progress bar; by default in terminals and notebooks. False also hides the link to
        dask's dashboard.
    compact : bool
        Leave out of the outputs the radiances that follow from their counts, as
        ``to_netcdf(compact=True)`` does: they are much smaller. `uvisxr.open_processed` and
        `uvisxr.open_reduced` give them back.
    verify : bool
        Read outputs that would be left alone, and make those again whose contents are not what was
        written, with a warning that names them.
    timeout : float, optional
        Longest time for a product, s, which for a worker's first one includes its imports. A worker
        that takes longer is ended, and the product fails.
        The workers must be processes that are started anew when they end, as those are
        that are started here or by ``dask worker``.

    Returns
    -------
    Summary

    Raises
    ------
    PipelineError
        The pipeline is malformed.
    ArgumentError
        A source holds no product, or an argument has a wrong value.
    NoMatchError
        None of the products is wanted.
    ExportError
        The output folder cannot be written, is in use by another batch or was deleted in between,
        or the disk is full.
    MissingDependencyError
        dask.distributed is not installed.
    UvisError
        The scheduler cannot be reached or is lost, all workers are paused for lack of memory, or
        they have another version of uvisxr. Finished products are not repeated by the next run.

    Warns
    -----
    UvisWarning
        Lines of the manifest are skipped, or outputs are not as they were written.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> steps = [("background", {"level": 4e-4}), "rate"]
    >>> print(uvisxr.batch.process(made.labels, steps, "out", workers=1))
    1 done, 0 failed, 0 up to date
    >>> print(uvisxr.batch.process(made.labels, steps, "out", workers=1))
    0 done, 0 failed, 1 up to date
    """
    means = Means(client, workers, retries, progress, timeout)
    means.check(wanted)
    steps = _checked(pipeline, compact, verify)
    folder = _folder(out_dir)
    with Manifest(folder) as manifest, partial_folder(folder) as partial:
        batch = _Batch(steps, manifest, partial, overwrite, compact, verify)
        found = sources.expand(products, wanted, failed=True)
        batch.note_copies(found.left, manifest)
        jobs = batch.allowed(found, manifest)
        first = next(jobs, None)
        if first is None:
            return batch.summary
        every = itertools.chain([first], jobs)
        with contextlib.closing(
            means.records(work.attempt, every, steps.resolved(), len(found), batch.summary)
        ) as records:
            for record in records:
                batch.note(record, manifest)
    return batch.summary


@calls.public("batch.plan")
def plan(
    products: str | Path | Iterable[str | Path],
    pipeline: str | Path | Iterable[Any],
    out_dir: str | Path,
    overwrite: bool = False,
    wanted: sources.Filter | None = None,
    *,
    compact: bool = False,
    verify: bool = False,
) -> Iterator[tuple[str, str]]:
    """List what `process` would do: pairs (label, output) of the products that need processing.

    Nothing is written. Parameters, errors and warnings are those of `process`; a warning also says
    what will fail since its output has the name of a file that uvisxr did not write.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> steps = [("background", {"level": 4e-4}), "rate"]
    >>> [output for label, output in uvisxr.batch.plan(made.labels, steps, "out")]
    ['FUV2008_070_10_04.nc']
    """
    Means().check(wanted)
    steps = _checked(pipeline, compact, verify)
    batch = _Batch(steps, Known(_path(out_dir)), Path(), overwrite, compact, verify)
    found = sources.expand(products, wanted, failed=True)
    for job, refused in batch.jobs(found):
        if refused is None:
            yield job.label, job.output
        else:
            warn_user(f"{job.label} will fail: {refused}")


def _checked(steps: str | Path | Iterable[Any], compact: bool, verify: bool) -> pipeline.Pipeline:
    checks.choice("compact", compact, bool)
    checks.choice("verify", verify, bool)
    loaded = pipeline.load(steps)
    loaded.check_paths()
    return loaded


def _path(out_dir: str | Path) -> Path:
    if out_dir == "":
        raise checks.refused("out_dir", out_dir, "a folder for the outputs")
    return absolute(Path(out_dir).expanduser())


def _folder(out_dir: str | Path) -> Path:
    folder = _path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(
            f"cannot create the folder {folder}: {error.strerror}; choose another --out"
        ) from error
    return folder


@dataclass(frozen=True)
class Means:
    """What products are worked on with; as of `process`."""

    client: Client | str | None = None
    workers: int | None = None
    retries: int = 2
    progress: bool | None = None
    timeout: float | None = None

    def check(self, wanted: sources.Filter | None) -> None:
        """Raise a UvisError if one of them, or a filter, has a wrong value."""
        if self.timeout is not None:
            checks.number("timeout", self.timeout, "a time, s", above=0, most=_LONGEST)
        if wanted is not None and not isinstance(wanted, sources.Filter):
            raise checks.refused(
                "wanted", wanted, 'a uvisxr.reader.sources.Filter, such as Filter(target="TITAN")'
            )
        check(self.client)
        # `workers` applies only to a cluster started here.
        checks.only_one(workers=self.workers, client=self.client)
        if self.workers is not None:
            most = _EACH * options.cores()
            what = f"a number of processes, of which {_EACH} for each core are the most"
            checks.whole("workers", self.workers, 1, most, what)
        checks.whole("retries", self.retries, 0)

    def records(
        self,
        attempt: Callable[..., dict[str, Any]],
        jobs: Iterator[_Job],
        shared: Any,
        total: int,
        summary: Summary,
    ) -> Generator[dict[str, Any], None, None]:
        """Records of jobs as they finish, with a progress bar; to be closed in the end.

        Parameters
        ----------
        attempt : callable
            Done in a worker: takes a job, what is shared, `settings`, `driver` and `timeout`, as
            `work.attempt` does.
        jobs : iterator of work.Task
        shared
            What all of them are given.
        total : int
            Number of products.
        summary : Summary
            In which the records are counted by who takes them.

        Raises
        ------
        UvisError
            As of `process`.
        """
        seen = summary.seen
        # No more workers than products.
        workers = None if self.workers is None else max(1, min(self.workers, total))
        with (
            connect(self.client, workers, self.retries, apart=self.timeout is not None) as cluster,
            bar(None, self.progress, unit="product", total=total, initial=seen) as shown,
        ):
            quiet = self.progress is False or options.current().progress is False
            told = not shown.disable or (self.client is not None and not quiet)
            if told and cluster.dashboard_link:
                print(bounded(f"dashboard: {cluster.dashboard_link}"), file=sys.stderr)
            function = functools.partial(
                attempt,
                settings=options.current(),
                driver=os.getpid() if self.client is None else None,
                timeout=self.timeout,
            )
            for record in stream(cluster, function, jobs, shared, self.retries):
                yield record
                shown.set_postfix(failed=summary.failed, refresh=False)
                shown.update(summary.seen - seen)
                seen = summary.seen
            shown.update(summary.seen - seen)


@contextlib.contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """A folder for unfinished files; those left by killed batches are removed.

    Holding the manifest's lock means that no other batch is alive. A worker that outlived its
    driver finds its folder gone and cannot finish anything.
    """
    with os.scandir(folder) as entries:
        left = [entry.path for entry in entries if _LEFT.fullmatch(entry.name)]
    for stale in left:
        shutil.rmtree(stale, ignore_errors=True)
    partial = folder / f"{_PARTIAL}{uuid.uuid4().hex}"
    try:
        partial.mkdir()
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror}") from error
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@dataclass
class _Batch:
    """What a batch hands out, and the outcome.

    Attributes
    ----------
    steps : Pipeline
    manifest : Known
    partial : Path
        Folder for unfinished files.
    overwrite : bool
        Whether up-to-date outputs are made again.
    compact : bool
        Whether outputs leave out radiances.
    verify : bool
        Whether outputs that are up to date are read and compared with what was written.
    summary : Summary
    """

    steps: pipeline.Pipeline
    manifest: Known
    partial: Path
    overwrite: bool
    compact: bool = False
    verify: bool = False
    summary: Summary = field(init=False)

    def __post_init__(self) -> None:
        self.summary = Summary(self.manifest.path)

    def allowed(
        self, products: Iterable[sources.Product], manifest: Manifest
    ) -> Iterator[work.Job]:
        """As `jobs`; what cannot be had, or would replace a file of someone else, has failed."""
        for job, refused in self.jobs(products):
            if refused is None:
                yield job
            else:
                step = "open" if isinstance(refused, FetchError) else "write"
                why = work.failed(step, type(refused).__name__, str(refused))
                self.note(job.record() | why, manifest)

    def jobs(
        self, products: Iterable[sources.Product]
    ) -> Iterator[tuple[work.Job, UvisError | None]]:
        """The products that need processing, and why one must not be; counts the others."""
        text = f"{__version__} {self.steps.digest()}"
        text += " compact" if self.compact else ""
        recipe = hashlib.sha256(text.encode()).hexdigest()
        folder = str(self.manifest.path.parent)
        changed: list[str] = []
        count = 0
        for product in products:
            output, label = self._output(product)
            made = product if label == product.label else sources.Product.at(label)
            fingerprint = fingerprint_of(made, recipe)
            if not (self.overwrite or product.fault) and self.manifest.is_current(
                output, fingerprint
            ):
                names = self.manifest.changed(output) if self.verify else []
                if not names:
                    self.summary.current += 1
                    continue
                count += 1
                changed += names if count <= _SHOWN else []
            fingerprint = fingerprint_of(product, recipe)
            job = work.Job(
                *(str(product.label), output, folder, str(self.partial), fingerprint),
                data=str(product.data) if product.paired else "",
                compact=self.compact,
                overwrite=self.overwrite,
                emptied=tuple(self.manifest.emptied(output)),
            )
            yield job, product.fault or self._refused(output)
        if changed:
            outputs = "1 output does" if count == 1 else f"{count} outputs do"
            more = ", ..." if count > _SHOWN else ""
            warn_user(
                f"{outputs} not hold what was written, by their sha256 in {self.manifest.path}, "
                f"and must be made again: {', '.join(changed)}{more}"
            )

    def _refused(self, output: str) -> ExportError | None:
        """Why an output must not be written: if it would take the place of a file of another."""
        path = self.manifest.path.parent / output
        # What is as it was written needs no look into it.
        if self.overwrite or self.manifest.is_whole(output) or not os.path.lexists(path):
            return None
        try:
            damaged = self.manifest.is_written(output) and _is_damaged(path)
            if not damaged and not self.manifest.is_grown(output):
                check_target(path, mend=_MEND)
                refuse_foreign(path, None, is_netcdf_of_ours, _MEND)
        except ExportError as error:
            return error
        return None

    def _output(self, product: sources.Product) -> tuple[str, Path]:
        """A name for the output that stays the same in later runs, and the label that counts.

        The first of several products with the same name, but for capitals, gets that name; the
        others also get a mark for their path. If an earlier run made the output from a copy of the
        product, there is still one output, and one of the two labels counts.
        """
        label = str(product.label)
        plain, marked = (f"{name}.nc" for name in names_of(product))
        if self.manifest.owner(marked) == label:
            return marked, product.label
        if not self.manifest.owner(plain) and self.manifest.is_taken(plain):
            self.manifest.claim(marked, label)
            return marked, product.label
        owner = self.manifest.owner(plain) or label
        name, taken = plain, product.label
        # A label that is gone has been moved, so its output may be made from the new location.
        if owner != label and is_file(owner):
            counts = sources.same(Path(owner), product.label)
            name, taken = (marked, taken) if counts is None else (plain, counts)
        if self.manifest.owner(name) != label:
            self.manifest.claim(name, label)
        return name, taken

    def note_copies(self, left: dict[Path, Path], manifest: Manifest) -> None:
        """Record, once, which products are left out for others of the same exposures."""
        self.summary.copies = len(left)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        for one, taken in left.items():
            label, other = str(one), str(taken)
            if not manifest.is_copy(label, other):
                record = {"product": one.stem, "label": label, "status": "copy", "same_as": other}
                manifest.append(record | {"version": __version__, "time": now})

    def note(self, record: dict[str, Any], manifest: Manifest) -> None:
        """Record the outcome of a job in the manifest, and count it."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        full = record.pop("disk_full", False)
        if full:
            raise ExportError(
                f"no space left in {manifest.path.parent} while writing {record['output']}: "
                f"free some space and run the same command again; the {self.summary.done} finished "
                f"{'product is' if self.summary.done == 1 else 'products are'} not repeated"
            )
        manifest.append(record | {"time": now})
        if record["status"] == "done":
            _LOG.info("%s done", record["product"])
        else:
            _LOG.warning("failed: %s: %s: %s", *(record[k] for k in ("product", "step", "error")))
        self.summary.add(record)


def names_of(product: sources.Product) -> tuple[str, str]:
    """Names that a product can have: its own, and that with a mark of its path."""
    mark = hashlib.sha256(os.fsencode(product.label)).hexdigest()[:8]
    # The library of NetCDF opens neither names that are no text nor those with a backslash. What
    # takes their place may be in other names too, also of the same folder.
    name = _NO_NAME.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", product.name)
    return name, f"{name}-{mark}"


def _is_damaged(path: Path) -> bool:
    """Whether a NetCDF file was cut, so that nothing is lost with it."""
    if not path.is_file():
        return False
    if not path.stat().st_size:
        return True
    try:
        is_netcdf_of_ours(path)
    except CutOffError:
        return True
    except ValueError:
        return False
    except OSError:
        return read_beginning(path, len(HDF5))[0] == HDF5
    return False


def fingerprint_of(product: sources.Product, recipe: str) -> str:
    """sha256 of the state of a product's files, and of a recipe."""
    parts = [recipe]
    for path in (product.label, product.data):
        try:
            stat = path.stat() if path else None
        except OSError:
            stat = None
        parts.append(f"{stat.st_size} {stat.st_mtime_ns}" if stat else "missing")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
