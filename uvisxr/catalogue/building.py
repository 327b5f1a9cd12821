"""Build a catalogue from many products: on the batch's machinery, resumable, nothing lost.

Workers read products and stage their rows; the driver (this module) hands products out and puts
what is staged into the catalogue, some thousand products at a time. Running the same command again
goes on where it was interrupted, and follows what has changed since.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .. import calls, checks
from .._version import __version__
from ..batch import reads, run, work
from ..errors import CatalogueError, ExportError, NoMatchError, shortened, warn_user
from ..files import absolute, is_file, is_folder
from ..kernels import choose
from ..pds3 import elsewhere
from ..pds3.urls import is_url
from ..reader.sources import Filter, Found, Product, expand, same
from ..scratch import Scratch, decoded, encoded
from . import libraries, paths, repair, schema, staging, store, tables
from .snapshot import sum_of
from .store import Writer

if TYPE_CHECKING:
    import pyarrow as pa
    from distributed import Client

_LOG = logging.getLogger(__name__)

#: A block is put into the catalogue when it has so many rows or products, or is so old, s.
_ROWS, _PRODUCTS, _SECONDS = 400_000, 2000, 300.0

#: Staged files that are read at once.
_AT_ONCE = 100

#: Different reasons for a lack of pointing that are told.
_SHOWN = 5

#: What becomes of products whose labels are gone.
Missing = Literal["remove", "keep", "remove_all"]


@dataclass
class Summary(run.Summary):
    """What a build did; `manifest` is the folder of the catalogue, whose table of products has all.

    Attributes
    ----------
    spectra : int
        Spectra of the products that are new or have changed.
    moved : int
        Products among those up to date whose files were elsewhere.
    removed : int
        Products taken out, as their labels are gone or others hold the same exposures.
    unpointed : int
        Products among those read of which nothing is known of where they looked.
    """

    spectra: int = 0
    moved: int = 0
    removed: int = 0
    unpointed: int = 0
    _reasons: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        told = super().__str__()
        parts = {"moved": self.moved, "removed": self.removed}
        more = "".join(f", {count} {what}" for what, count in parts.items() if count)
        added = f"{self.spectra} {'spectrum' if self.spectra == 1 else 'spectra'} added"
        blind = f"; {self.unpointed} without pointing" if self.unpointed else ""
        return f"{told}{more}; {added}{blind}"

    def lines(self) -> Iterator[str]:
        """What failed, what was warned of, and why products are without pointing, a line each."""
        yield from super().lines()
        for line in self._grouped(self._reasons):
            yield f"without pointing: {line}"
        if self.unpointed > sum(count for _, count in self._reasons.values()):
            yield f"... all {self.unpointed} without pointing: {self.manifest}"

    def add(self, record: dict[str, Any]) -> None:
        """Count what became of a product."""
        blind = record.get("pointing") == "none"
        if blind:
            # It is told of once, as that.
            said = [text for text in record["warnings"] if text != record["geometry_note"]]
            record = record | {"warnings": said}
        super().add(record)
        self.spectra += record.get("spectra", 0)
        if blind:
            self.unpointed += 1
            self._note_reason(record["geometry_note"], record)

    def _note_reason(self, text: str, record: dict[str, Any]) -> None:
        first, count = self._reasons.get(text, (record["product"], 0))
        if count or len(self._reasons) < _SHOWN:
            self._reasons[text] = first, count + 1
            self._labels.setdefault(text, record["label"])


@calls.public("catalogue.build")
def build(
    sources: str | Path | Iterable[str | Path],
    out: str | Path,
    kernels: str | Path | Iterable[str | Path] | None = None,
    client: Client | str | None = None,
    workers: int | None = None,
    retries: int = 2,
    wanted: Filter | None = None,
    progress: bool | None = None,
    *,
    missing: Missing = "remove",
    verify: bool = False,
    timeout: float | None = None,
) -> Summary:
    """Index where every spectrum of some products looked, or bring such a catalogue up to date.

    A product is left alone if its rows were made from the same label and data file (judged by size
    and modification time), the same kernels and the same package version; if only its files have
    moved, its row gets their new paths. One that fails has a row in the table of products that says
    why, and is tried again by the next build; so is one of which only the label is there, when its
    data file comes. A URL of which nothing can be had fails too, but what the catalogue holds of it
    stays. Products that are in the catalogue, but not in the sources, stay.

    Parameters
    ----------
    sources : path or iterable of paths
        Products, folders, batch files, globs, index tables, identifiers: see
        `uvisxr.reader.sources.expand`. The same exposures are taken once.
    out : path
        Folder of the catalogue; created if missing. With workers on other machines it must be on a
        shared file system.
    kernels : path or iterable of paths, optional
        Files, folders or meta-kernels, as of ``ds.uvis.geometry``. By default those of the options,
        of the variable UVISXR_KERNELS or the cache. Products for which they do not suffice are
        indexed without what is not known.
    client, workers, retries, wanted, progress, timeout
        As of `uvisxr.batch.process`.
    missing : {"remove", "keep", "remove_all"}
        Whether products whose labels are gone are taken out: of labels that were in one of the
        folders among the sources, if that folder is there. Those whose own folder is gone too, or
        empty, may be on a volume that is not mounted: only "remove_all" takes them out.
    verify : bool
        Read all files of the catalogue, take out those that are not as they were written, with all
        products that may have had rows in them, and read these again. Labels are compared by their
        SHA-256 too.

    Returns
    -------
    Summary

    Raises
    ------
    ArgumentError
        A source holds no product, or an argument has a wrong value.
    NoMatchError
        None of the products is wanted.
    KernelError
        A kernel file or folder that is given is not there.
    CatalogueError
        The folder is something else than a catalogue, which is damaged, of another version, or in
        use by another build.
    ExportError
        The folder cannot be written, or the disk is full.
    MissingDependencyError
        dask.distributed, pyarrow or duckdb is not installed.
    UvisError
        As of `uvisxr.batch.process`.

    Warns
    -----
    UvisWarning
        Products stay whose labels are gone with the whole folder, or files are damaged.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> import uvisxr.catalogue
    >>> print(uvisxr.catalogue.build(made.labels, "catalogue", made.kernels, workers=1))
    1 done, 0 failed, 0 up to date; 720 spectra added
    >>> print(uvisxr.catalogue.build(made.labels, "catalogue", made.kernels, workers=1))
    0 done, 0 failed, 1 up to date; 0 spectra added
    """
    means = run.Means(client, workers, retries, progress, timeout)
    means.check(wanted)
    checks.choice("missing", missing, Missing)
    checks.choice("verify", verify, bool)
    if out == "":
        raise checks.refused("out", out, "a folder for the catalogue")
    given = _given(sources)
    files = _kernels(kernels)
    folder = absolute(Path(out).expanduser())
    # A new catalogue is made when there is something for it; of one that is there, others keep off.
    found = None if store.is_catalogue(folder) else _found(given, wanted, folder)
    with (
        Writer(folder, sound=not verify) as writer,
        run.partial_folder(folder) as partial,
    ):
        if found is None:
            found = _expanded(given, wanted, writer)
        if verify and (damage := repair.mend(writer)) is not None:
            warn_user(damage)
        block = _Block(writer, Summary(writer.folder))
        known = _Known(writer, found.left)
        recipe = _recipe(files)
        jobs = _jobs(found, known, block, partial, recipe, verify)
        first = next(jobs, None)
        if first is not None:
            every = itertools.chain([first], jobs)
            with contextlib.closing(
                means.records(staging.attempt, every, files, len(found), block.summary)
            ) as records:
                for record in records:
                    block.note(record)
        folders = [absolute(path) for path in given if missing != "keep" and is_folder(path)]
        unsure = block.remove(known.gone(folders), missing == "remove_all")
        block.commit()
        if unsure is not None:
            warn_user(unsure)
        writer.compact()
        block.clear(known)
    return block.summary


def _given(products: str | Path | Iterable[str | Path]) -> list[Any]:
    return [products] if isinstance(products, str | os.PathLike) else list(products)


def _found(given: list[Any], wanted: Filter | None, folder: Path) -> Found:
    """The products for a new catalogue, once it is sure that there can be one."""
    libraries.check()
    store.refuse_foreign(folder)
    return expand(given, wanted, failed=True)


def _expanded(given: list[Any], wanted: Filter | None, writer: Writer) -> Found:
    """The products for a catalogue; of sources that are gone, the error says what to do."""
    try:
        return expand(given, wanted, failed=True)
    except NoMatchError as error:
        for path in (absolute(one) for one in given if isinstance(one, str | os.PathLike)):
            count = sum(
                row["label"] is not None and Path(paths.meant(row["label"])).is_relative_to(path)
                for row in tables.records(writer.snapshot.products, ["label"])
            )
            if count and _is_gone(path):
                what = "1 product" if count == 1 else f"{count} products"
                raise NoMatchError(
                    f"{error}; the catalogue has {what} of {shortened(str(path))}: to take out "
                    "what is gone, build from the folder that it was in"
                ) from None
        raise


def _kernels(kernels: str | Path | Iterable[str | Path] | None) -> list[str] | None:
    """Absolute paths of what was given: workers may be in other folders."""
    if kernels is None:
        return None
    return [str(absolute(path)) for path in choose.given(kernels)]


def _recipe(kernels: list[str] | None) -> str:
    """What rows follow from besides the product."""
    states = reads.states("kernels", kernels, Path())
    text = "\n".join([__version__, str(schema.VERSION), *states])
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _jobs(
    products: Iterable[Product],
    known: _Known,
    block: _Block,
    partial: Path,
    recipe: str,
    verify: bool,
) -> Iterator[staging.Job]:
    """The products that need reading; counts those that do not, and takes what is staged."""
    folder = block.staged
    for given in products:
        name, product = known.named(given)
        fingerprint = run.fingerprint_of(product, recipe)
        if given.fault is not None:
            block.fail(name, given, known.has_rows(name))
            continue
        job = staging.Job(
            *(str(product.label), name, str(folder), str(partial), fingerprint),
            data=str(product.data) if product.paired else "",
            url=product.url,
        )
        is_there = known.is_at(name, product.source, job.data)
        if (
            not known.is_current(name, fingerprint)
            or ((verify or not is_there) and not known.is_of(name, product.label))
            or (product.url and not is_there)
        ):
            if not block.take(job):
                yield job
        elif is_there:
            block.summary.current += 1
        else:
            block.move(name, job.label, job.data)


class _Known:
    """What a catalogue holds of each product, on disk so that memory does not grow.

    Parameters
    ----------
    writer : Writer
    left : dict
        Labels that are left out, and those that are taken for them.
    """

    def __init__(self, writer: Writer, left: dict[Path, Path]):
        self._left = left
        self._table = Scratch(
            "CREATE TABLE known"
            "(name BLOB PRIMARY KEY, label BLOB, mark BLOB, seen INTEGER, paths BLOB, sum BLOB) "
            "WITHOUT ROWID"
        )
        columns = ["product", "label", "data", "label_sha256", "fingerprint"]
        for row in tables.records(writer.snapshot.products, columns):
            label, data = (paths.meant(row[key] or "") for key in staging.PATHS)
            self._table.run(
                "INSERT OR REPLACE INTO known VALUES (?, ?, ?, 0, ?, ?)",
                *(encoded(row["product"]), encoded(label)),
                *(_mark(row["fingerprint"]), _both(label, data)),
                _mark(row["label_sha256"]),
            )

    def named(self, product: Product) -> tuple[str, Product]:
        """A name for a product that stays the same in later builds, and the copy that counts.

        The first of several with the same name gets that name; the others also get a mark for
        their path. A label that is gone has been moved, and gives its name to the new one.
        """
        label = product.source
        plain, marked = run.names_of(product)
        name, taken = plain, product
        if self._owner(marked) == label:
            name = marked
        else:
            owner = self._owner(plain) or label
            path = _path(owner)
            if owner != label and path not in self._left and is_file(path):
                counts = same(path, product.label)
                if counts is None:
                    name = marked
                elif counts != product.label:
                    taken = replace(Product.at(counts), url=owner if is_url(owner) else "")
        self._table.run(
            "INSERT INTO known VALUES (?, ?, x'', 1, x'', x'') "
            "ON CONFLICT (name) DO UPDATE SET label = excluded.label, seen = 1",
            *(encoded(name), encoded(taken.source)),
        )
        return name, taken

    def is_current(self, name: str, fingerprint: str) -> bool:
        """Whether a product's rows were made from the same inputs."""
        found = self._table.row("SELECT mark FROM known WHERE name = ?", encoded(name))
        return found == (_mark(fingerprint),)

    def is_at(self, name: str, label: str, data: str) -> bool:
        """Whether a product's rows tell of these paths."""
        found = self._table.row("SELECT paths FROM known WHERE name = ?", encoded(name))
        return found == (_both(label, data),)

    def is_of(self, name: str, label: Path) -> bool:
        """Whether a product's rows were made from a label of the same bytes."""
        found = self._table.row("SELECT sum FROM known WHERE name = ?", encoded(name))
        try:
            return found == (_mark(sum_of(label)),)
        except OSError:
            return False

    def has_rows(self, name: str) -> bool:
        """Whether the catalogue holds more of a product than that it failed."""
        found = self._table.row("SELECT mark FROM known WHERE name = ?", encoded(name))
        return found is not None and found != (b"",)

    def is_seen(self, name: str) -> bool:
        """Whether a product is among those found."""
        found = self._table.row("SELECT seen FROM known WHERE name = ?", encoded(name))
        return found == (1,)

    def gone(self, folders: list[Path]) -> Iterator[tuple[str, Path]]:
        """Products that are not among those found, and their labels: that were in one of some
        folders, and are no longer, or for which others of the same exposures are taken."""
        for name, label in self._table.rows("SELECT name, label FROM known WHERE seen = 0"):
            path = _path(decoded(label))
            if path in self._left or (
                any(path.is_relative_to(folder) for folder in folders) and _is_gone(path)
            ):
                yield decoded(name), path

    def _owner(self, name: str) -> str:
        found = self._table.row("SELECT label FROM known WHERE name = ?", encoded(name))
        return decoded(found[0]) if found else ""


def _path(label: str) -> Path:
    """Where a label is, be it in the cache."""
    return elsewhere.place(label) if is_url(label) else Path(label)


def _mark(digest: str | None) -> bytes:
    """A shortened SHA-256; nothing for one of a product that failed."""
    return bytes.fromhex(digest[:32]) if digest else b""


def _both(label: str, data: str) -> bytes:
    """A mark of two paths; the URL of a label leads to its data."""
    return hashlib.sha256(encoded(label if is_url(label) else f"{label}\0{data}")).digest()[:16]


def _is_gone(path: Path) -> bool:
    """Whether there is nothing of a name; not where the system refuses to say."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


def _is_deserted(folder: Path) -> bool:
    """Whether a folder is gone, or has no files or folders but hidden ones."""
    try:
        return all(path.name.startswith(".") for path in folder.iterdir())
    except OSError:
        return True


@dataclass
class _Block:
    """Products that are to go into the catalogue together.

    Attributes
    ----------
    writer : Writer
    summary : Summary
    """

    writer: Writer
    summary: Summary
    _names: list[str] = field(default_factory=list)
    _failed: list[dict[str, Any]] = field(default_factory=list)
    _removed: list[str] = field(default_factory=list)
    _moved: dict[str, tuple[str, str]] = field(default_factory=dict)
    _rows: int = 0
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.staged.is_symlink():
            raise CatalogueError(
                f"{self.staged} is a link, and files are removed there: remove it, and run the "
                "same command again"
            )
        try:
            self.staged.mkdir(exist_ok=True)
        except OSError as error:
            raise ExportError(f"cannot write to {self.staged}: {error.strerror}") from error
        self._left = Scratch(
            "CREATE TABLE left_over(name BLOB PRIMARY KEY, mark BLOB, rows INTEGER) WITHOUT ROWID"
        )
        for one in staging.found(self.staged):
            self._left.run(
                "INSERT OR REPLACE INTO left_over VALUES (?, ?, ?)",
                *(encoded(one.product), encoded(one.fingerprint), one.rows),
            )

    @property
    def staged(self) -> Path:
        """Folder of staged files."""
        return self.writer.folder / staging.FOLDER

    def take(self, job: staging.Job) -> bool:
        """Take what an interrupted build has staged of the same files; False if it has not."""
        found = self._left.row(
            "SELECT rows FROM left_over WHERE name = ? AND mark = ?",
            *(encoded(job.output), encoded(job.fingerprint)),
        )
        if found is None:
            return False
        (told,) = staging.product_of(job.path).to_pylist()
        label, data = (paths.meant(told[key]) for key in staging.PATHS)
        if _both(label, data) != _both(job.url or job.label, job.data):
            return False
        self.note(job.record() | staging.done(told, int(found[0])))
        return True

    def move(self, name: str, label: str, data: str) -> None:
        """Give the row of a product other paths."""
        self.summary.current += 1
        self.summary.moved += 1
        self._moved[name] = paths.told(label), paths.told(data)
        self._commit_if_due()

    def fail(self, name: str, product: Product, keep: bool) -> None:
        """Note that nothing can be had of a product; `keep`: its rows stay as they are."""
        error = product.fault
        told = work.failed("read", type(error).__name__, str(error))
        record = {"product": name, "label": product.source, "data": ""} | told
        if keep:
            _LOG.warning("failed: %s: %s", name, error)
            self.summary.add(record)
        else:
            self.note(record)

    def note(self, record: dict[str, Any]) -> None:
        """Count what became of a product, and put it into the block."""
        if record.pop("disk_full", False):
            raise ExportError(
                f"no space left in {self.writer.folder} while reading {record['label']}: free some "
                "space and run the same command again: what is finished is not repeated"
            )
        self.summary.add(record)
        if record["status"] == "done":
            _LOG.info("%s read", record["product"])
            self._names.append(record["product"])
            self._rows += record["rows"]
        else:
            _LOG.warning("failed: %s: %s: %s", *(record[k] for k in ("product", "step", "error")))
            now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
            keys = ("product", "label", "data", "status", "step", "error")
            row = {key: record.get(key, "") for key in keys}
            row |= {"warnings": [], "fingerprint": "", "version": __version__, "indexed": now}
            self._failed.append(row)
        self._commit_if_due()

    def _commit_if_due(self) -> None:
        count = len(self._names) + len(self._failed) + len(self._moved)
        full = self._rows >= _ROWS or count >= _PRODUCTS
        if full or time.monotonic() - self._since > _SECONDS:
            self.commit()

    def remove(self, gone: Iterable[tuple[str, Path]], every: bool) -> str | None:
        """Take products out of the catalogue, and say why some stay.

        Parameters
        ----------
        gone : iterable of (str, Path)
            Their names and labels.
        every : bool
            Also those whose folders are deserted.
        """
        is_deserted = lru_cache(maxsize=100)(_is_deserted)
        first, count = Path(), 0
        for name, label in gone:
            if every or not is_deserted(label.parent):
                self._removed.append(name)
                self.summary.removed += 1
            else:
                first, count = (first if count else label), count + 1
        if not count:
            return None
        stay = "1 product stays" if count == 1 else f"{count} products stay"
        return (
            f"{stay} in the catalogue though the labels are gone, as their folders are empty or "
            f"gone too, like those of a volume that is not mounted: {first}"
            f"{', ...' if count > 1 else ''}; mount it, or take them out with missing='remove_all'"
        )

    def commit(self) -> None:
        """Put the block into the catalogue, after which there is a new one."""
        if self._names or self._failed or self._removed:
            import pyarrow as pa

            # The rows of all products come before the first spectra.
            products = [staging.table_of(self._failed), *self._taken(staging.product_of)]
            table = pa.concat_tables(products).unify_dictionaries()
            self.writer.commit(table, self._taken(staging.spectra_of), self._removed)
            for name in self._names:
                staging.remove(self._path(name))
        if self._moved:
            self.writer.move(self._moved)
        self._names, self._failed, self._removed, self._moved, self._rows = [], [], [], {}, 0
        self._since = time.monotonic()

    def clear(self, known: _Known) -> None:
        """Remove what is staged of products that were found; of others a build may go on."""
        for one in staging.found(self.staged):
            if known.is_seen(one.product):
                staging.remove(one.path)
        with contextlib.suppress(OSError):
            self.staged.rmdir()

    def _path(self, name: str) -> Path:
        return self.staged / staging.name_of(name)

    def _taken(self, read: Callable[[Path], pa.Table]) -> Iterator[pa.Table]:
        """Products or spectra that are staged, some at once."""
        import pyarrow as pa

        for start in range(0, len(self._names), _AT_ONCE):
            names = self._names[start : start + _AT_ONCE]
            parts = pa.concat_tables(read(self._path(name)) for name in names)
            # Many small arrays take more memory than their values.
            yield parts.unify_dictionaries().combine_chunks()
