"""The work on one product of a batch: open it, run the steps, write the output.

This runs in a worker process. Whatever happens becomes a record; only a whole output ever appears
under its final name.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import dask
import netCDF4
import numpy as np
import xarray as xr
from dask import base

from .. import options
from .._version import __version__
from ..dataset import inputs, overview
from ..errors import ExportError, LeftOutWarning, UvisError, bounded, warn_user
from ..files import NO_ROOM, sha256, whole_file
from ..hdf5.handles import opened
from ..kernels.session import keep_for_good, keeping, noting
from ..netcdf import writing
from ..netcdf.compact import compacted
from ..numerics.poisson import missing
from ..options import Options
from ..quality import losses, telling
from . import limit
from .pipeline import Pipeline, Step, left_out

#: Products with more elements of `counts` than this are processed in dask blocks of about this
#: size: a block with its radiance, two bounds and intermediate float64 values stays below 200 MB.
_BLOCK = 4 * 2**20

#: SPICE, HDF5 and the dask setting below are not thread-safe.
_ONE_AT_A_TIME = threading.Lock()


class Task(Protocol):
    """One product that a worker is given, whatever it is to do with it.

    Attributes
    ----------
    output : str
        A name that no other product has.
    partial : str
        Folder for unfinished files.
    """

    @property
    def output(self) -> str: ...

    @property
    def partial(self) -> str: ...

    def record(self) -> dict[str, Any]:
        """What is recorded of the product, whatever its outcome."""


@dataclass(frozen=True)
class Job:
    """One product to process.

    Attributes
    ----------
    label, data : str
        Absolute paths of the label, and of the data file if it was given with the label, else "".
    output : str
        File name of the output in `folder`.
    folder, partial : str
        The output folder, and the folder in it for unfinished files.
    fingerprint : str
        Identifies inputs, pipeline and package version.
    compact : bool
        Whether the output leaves out radiances.
    overwrite : bool
        Whether FITS files and labels take the place of those of others.
    emptied : tuple of str
        Names in `folder` of such files that an earlier run wrote, and in which nothing is left.
    """

    label: str
    output: str
    folder: str
    partial: str
    fingerprint: str
    data: str = ""
    compact: bool = False
    overwrite: bool = False
    emptied: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """What the manifest holds of the job, whatever its outcome."""
        return {
            "product": Path(self.label).stem,
            "label": self.label,
            "output": self.output,
            "fingerprint": self.fingerprint,
            "version": __version__,
        }


def ended(job: Task) -> dict[str, Any] | None:
    """The record of a product over which a process was ended for its time, if one was."""
    over = limit.overrun(Path(job.partial), job.output)
    if over is None:
        return None
    message = f"it took longer than timeout={over.seconds:g} s; give more, or leave the product out"
    return job.record() | failed(over.step, "TimeoutError", message)


class Unexpected(Exception):
    """A failure that a retry may cure: (step, message)."""


def attempt(
    job: Job,
    pipeline: Pipeline,
    settings: Options | None = None,
    driver: int | None = None,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Process one product.

    Parameters
    ----------
    job : Job
    pipeline : Pipeline
    settings : Options, optional
        Those of the program that started the batch. By default those of this process.
    driver : int, optional
        Number of the process that started others for this batch alone: in those text kernels can
        stay loaded from one product to the next.
    timeout : float, optional
        Time after which this process is ended, s. Another process that is asked to try again then
        records that.

    Returns
    -------
    dict
        The manifest record without the time: `status` "done", with the messages of the steps
        `left_out` if there are any, or "failed" with `step`, `error` and `kind`.

    Raises
    ------
    Unexpected
        Something failed that is not the product's fault; worth another try.
    """
    step = "open"
    seconds: dict[str, float] = {}
    started = time.perf_counter()

    def entering(name: str) -> None:
        nonlocal step, started
        reach(name)
        seconds[step] = round(seconds.get(step, 0.0) + time.perf_counter() - started, 3)
        step, started = name, time.perf_counter()

    record = job.record()
    over = ended(job) if timeout is not None else None
    if over is not None:
        return over
    with alone(job, settings, driver, timeout) as (reach, caught):
        reach(step)
        try:
            # Inside a worker, dask would spread the blocks of one product over the whole cluster.
            with dask.config.set(scheduler="synchronous"):
                ds = reduce((job.label, job.data) if job.data else job.label, pipeline, entering)
                if pipeline.fits is not None:
                    entering("to_fits")
                    record |= _write_fits(ds, job, pipeline.fits)
                entering("write")
                record |= _write(ds, job)
                entering("")
        except Exception as error:
            return record | fault(step, error)
    messages = sorted(
        {bounded(str(w.message)) for w in caught if issubclass(w.category, UserWarning)}
    )
    # In the order of the steps, once for all windows.
    left = [str(w.message) for w in caught if issubclass(w.category, LeftOutWarning)]
    left = list(dict.fromkeys(left))
    record |= {"left_out": left} if left else {}
    return record | {"status": "done", "seconds": seconds, "warnings": messages}


@contextlib.contextmanager
def alone(
    job: Task, settings: Options | None, driver: int | None, timeout: float | None
) -> Iterator[tuple[Callable[[str], None], list[warnings.WarningMessage]]]:
    """What a product needs while a worker is at it; parameters as of `attempt`.

    Yields
    ------
    callable, list
        To be called with the name of each step as it begins; and what is warned of.
    """
    if driver not in (None, os.getpid()):
        keep_for_good()
    with (
        _ONE_AT_A_TIME,
        keeping(),
        _kernels_noted(job),
        options.applied(_alone(settings or options.current())),
        warnings.catch_warnings(record=True) as caught,
        limit.limited(timeout, Path(job.partial), job.output) as reach,
    ):
        warnings.simplefilter("always")
        yield reach, caught


def fault(step: str, error: Exception) -> dict[str, Any]:
    """What the record of a product holds of an error of its own, or of a full disk.

    Raises
    ------
    Unexpected
        It is no fault of the product.
    """
    failure = failed(step, type(error).__name__, str(error))
    if isinstance(error, UvisError | OSError | MemoryError) and _disk_full(error):
        return failure | {"disk_full": True}
    if isinstance(error, UvisError) and not isinstance(error, ExportError):
        return failure
    raise Unexpected(step, type(error).__name__, str(error)) from error


@contextlib.contextmanager
def _kernels_noted(job: Task) -> Iterator[None]:
    """Keep, while the product is in work, the names of the kernels that SPICE was given last."""
    path = _note(job)

    def note(kernels: list[Path]) -> None:
        with contextlib.suppress(OSError):
            path.write_text(", ".join(kernel.name for kernel in kernels), encoding="utf-8")

    try:
        with noting(note):
            yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _note(job: Task) -> Path:
    return limit.note(Path(job.partial), job.output, "kernels")


def kernels_in_work(job: Task) -> str:
    """The kernels that SPICE had last been given when a worker died on a product; empty if none."""
    try:
        return _note(job).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _alone(settings: Options) -> Options:
    """Settings of a worker, of which there is one for each core."""
    return settings if settings.threads else replace(settings, threads=1)


def failed(step: str, kind: str, message: str) -> dict[str, Any]:
    """What the manifest holds of a failure besides `Job.record`."""
    # Some messages begin with the step themselves.
    said = bounded(message.removeprefix(f"{step}: "))
    return {"status": "failed", "step": step, "kind": kind, "error": said}


def reduce(
    product: str | Path | tuple[str | Path, str | Path],
    pipeline: Pipeline,
    entering: Callable[[str], None] = lambda name: None,
) -> xr.Dataset | xr.DataTree:
    """Open one product and run the steps on it, window by window if it has several.

    Nothing is computed beyond what the steps themselves compute; large products are opened in dask
    blocks.
    """
    from ..reader.observation import open_product

    opened = open_product(product, **pipeline.open)

    def apply(ds: xr.Dataset) -> xr.Dataset:
        return pipeline.apply(blocks(ds), entering) if ds.variables else ds

    if isinstance(opened, xr.DataTree):
        return opened.map_over_datasets(apply)
    return apply(opened)


def blocks(ds: xr.Dataset) -> xr.Dataset:
    """A product with its counts in memory, or in dask blocks if it is large."""
    counts = ds.get("counts")
    if counts is None or counts.chunks is not None:
        return ds
    if counts.size <= _BLOCK:
        # Once: each step that needs them, and the writing, would read the file again.
        counts.load()
        return ds
    # Dataset.chunk would also chunk the small coordinates, which the steps would then have to
    # compute.
    exposures = max(1, _BLOCK * ds.sizes["pic"] // counts.size)
    return ds.assign(counts=counts.variable.chunk({"pic": exposures}))


def _write(ds: xr.Dataset | xr.DataTree, job: Job) -> dict[str, Any]:
    output = Path(job.folder) / job.output
    less = compacted(ds) if job.compact else ds
    with whole_file(output, inputs.of(ds), folder=job.partial) as temporary:
        writing.write(less, temporary)
        return {
            "sha256": sha256(temporary),
            "bytes": temporary.stat().st_size,
            "figures": _figures(ds, temporary),
        }


def _write_fits(ds: xr.Dataset | xr.DataTree, job: Job, step: Step) -> dict[str, Any]:
    """Write a product as a FITS file, one of each window, with the name of the output."""
    # Not `.uvis`: the command `uvisxr` and its workers start without registering it.
    from ..accessor import TreeAccessor, UvisAccessor

    path = (Path(job.folder) / job.output).with_suffix(".fits")
    accessor: Any = TreeAccessor(ds) if isinstance(ds, xr.DataTree) else UvisAccessor(ds)
    options = dict(step.arguments)
    own = options.pop("backplanes", None)
    for name in job.emptied:
        (path.parent / name).unlink(missing_ok=True)
    try:
        tree = None if own is None else _backplanes(accessor, own, options)
        written = accessor.to_fits(path, tree, overwrite=job.overwrite or None, **options)
    except UvisError as error:
        if step.on_error == "fail":
            raise
        warn_user(left_out(step.name, error), LeftOutWarning)
        return {}
    made = written.values() if isinstance(written, dict) else [written]
    endings = (".fits", ".xml") if options.get("label", "pds4") else (".fits",)
    files = [file.with_suffix(ending) for file in made for ending in endings]
    return {
        "fits": [
            {"name": file.name, "sha256": sha256(file), "bytes": file.stat().st_size}
            for file in files
        ]
    }


def _backplanes(accessor: Any, own: Any, options: Mapping[str, Any]) -> xr.DataTree:
    """The backplanes of a product; the rule for their instants is that of the file."""
    rule = {key: options[key] for key in ("pixels_per_subsample",) if key in options}
    arguments = rule | ({} if own is True else dict(own))
    return cast("xr.DataTree", accessor.backplanes(**arguments))


def _figures(ds: xr.Dataset | xr.DataTree, path: Path) -> dict[str, Any]:
    """A few numbers that show at a glance what the output holds.

    Blocks that dask computed for the file are no longer in memory, so they are read back; those
    that it leaves out are computed.
    """
    nodes = ds.subtree_with_keys if isinstance(ds, xr.DataTree) else [(".", ds)]
    figures: dict[str, Any] = {}
    with opened(path) as root:
        root.set_auto_mask(False)
        for key, node in nodes:
            prefix, group = ("", root) if key == "." else (f"{key}/", root[key])
            figures |= {f"{prefix}{dim}": size for dim, size in node.sizes.items()}

            def blocks(
                name: str,
                node: xr.Dataset | xr.DataTree = node,
                group: netCDF4.Dataset = group,
            ) -> Iterator[np.ndarray]:
                variable = node.variables[name]
                return iter([variable.values]) if variable.chunks is None else _each(group[name])

            flags = _flags(node, group)
            if flags is not None:
                figures[f"{prefix}lost_spectra"] = telling.number(flags)
                telling.warn(flags)
            if "counts" in node.variables:
                # Sums over the members of a bin may be any number, and lack none.
                lacking = np.isnan if "n" in node.variables else missing
                total, known = 0.0, 0
                for block in blocks("counts"):
                    lost = lacking(block)
                    missed = int(np.count_nonzero(lost))
                    # Sums of whole numbers are exact in any order.
                    exact = not missed and block.dtype.kind in "iu"
                    total += float(block.sum(dtype=float, where=True if exact else ~lost))
                    known += block.size - missed
                size = node.variables["counts"].size
                figures[f"{prefix}counts_total"] = int(total)
                figures[f"{prefix}counts_valid"] = round(known / max(1, size), 6)
                if size and not known and not figures.get(f"{prefix}lost_spectra"):
                    where = "" if key == "." else f" of {key}"
                    warn_user(f"no value{where} was transmitted: all counts are null")
            if "radiance" in node.variables:
                total, valid = 0.0, 0
                radiance = node.variables["radiance"]
                if radiance.chunks is not None and "radiance" not in group.variables:
                    sums = base.compute(radiance.sum(dtype=float).data, radiance.count().data)
                    total, valid = float(sums[0]), int(sums[1])
                else:
                    for block in blocks("radiance"):
                        missed = int(np.count_nonzero(np.isnan(block)))
                        # `nansum` makes a copy.
                        add = np.nansum if missed else np.sum
                        total += float(add(block, dtype=float))
                        valid += block.size - missed
                size = max(1, node.variables["radiance"].size)
                figures[f"{prefix}radiance_valid"] = round(valid / size, 6)
                figures[f"{prefix}radiance_mean"] = total / valid if valid else None
    return figures


def _flags(node: xr.Dataset | xr.DataTree, group: netCDF4.Dataset) -> np.ndarray | None:
    """Flags among which are those of lost spectra; None where nothing tells."""
    if "quality" not in node.variables:
        return None
    ds = node.to_dataset() if isinstance(node, xr.DataTree) else node
    if overview.looked_for_losses(ds):
        flags: np.ndarray = group["quality"][:]
        return flags
    if "counts" in ds.variables and ds["counts"].chunks is None:
        return losses.found(ds).values
    return None


def _each(variable: netCDF4.Variable[Any]) -> Iterator[np.ndarray]:
    count = variable.shape[0] if variable.ndim else 1
    step = max(1, _BLOCK * count // max(1, variable.size))
    for start in range(0, count, step):
        yield variable[start : start + step]


def _disk_full(error: BaseException) -> bool:
    """Whether an error comes from a full disk, and so would be that of the next product too."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in NO_ROOM:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
