"""A catalogue on disk: read as snapshots, changed by one writer at a time.

Rows lie in Parquet files that never change: `products/*.parquet`, and for each body and channel
`spectra/body=TITAN/channel=FUV/*.parquet`; `catalogue.json` says which of them count (see
`snapshot`). A change writes new files and then that list, so that a writer that is killed at any
moment leaves the catalogue as it was. What no list names is removed by the next change, but for the
files of the snapshot before.

Files of a body and channel come in runs, each of which is sorted as a whole (see `sorting`). Every
commit adds a run; when there are many, small ones are merged, so that each row is written a few
times only and there are few runs to look into.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import checks, files, locks
from ..errors import CatalogueError, ExportError
from . import schema, sorting, tables
from .libraries import check, check_text
from .snapshot import UNIQUE, File, Snapshot, is_catalogue, listed, number, publish, read, reading

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["File", "Snapshot", "Writer", "is_catalogue", "read", "reading", "refuse_foreign"]

#: Held by the writer, and what it holds is who that is.
_LOCK = "catalogue.lock"

#: Rows that a commit keeps in memory.
_IN_MEMORY = 1_000_000

#: How many runs there may be after a commit.
_RUNS = 8

#: Letters of the lock that are shown.
_SHOWN = 200


class Writer:
    """Changes a catalogue; there is one at a time.

    Parameters
    ----------
    folder : path
        Made if missing; a new one becomes an empty catalogue.
    sound : bool
        Refuse a catalogue of which files are missing or have another size.

    Attributes
    ----------
    snapshot : Snapshot
        The catalogue as this writer left it last.

    Raises
    ------
    CatalogueError
        The folder is something else than a catalogue, or another writer is at work.
    ExportError
        The folder cannot be written.
    MissingDependencyError
        pyarrow or duckdb is not installed.
    """

    def __init__(self, folder: str | Path, sound: bool = True):
        check()
        self.folder = files.absolute(Path(folder).expanduser())
        check_text(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            refuse_foreign(self.folder)
            self._lock = _Lock(self.folder / _LOCK)
        except OSError as error:
            raise ExportError(
                f"cannot write to {self.folder}: {error.strerror}; choose another --out"
            ) from error
        try:
            if not is_catalogue(self.folder):
                publish(Snapshot(self.folder, 0))
            self.snapshot = read(self.folder) if sound else listed(self.folder)
            self._sweep()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others write."""
        self._lock.close()

    def commit(
        self,
        products: pa.Table,
        spectra: Iterable[pa.Table],
        removed: Collection[str] = (),
    ) -> None:
        """Add products and their spectra, in place of the rows that the products had.

        Parameters
        ----------
        products : pa.Table
            Rows of `schema.of("products")`; each product once.
        spectra : iterable of pa.Table
            Rows of `schema.of("spectra")`, of these products.
        removed : collection of str
            Names of products whose rows are taken out.

        Raises
        ------
        CatalogueError
            The catalogue is damaged, the lock was deleted, another process has changed the
            catalogue, or the tables are not as they must be.
        ExportError
            There is no space, or a file cannot be written. The catalogue is as it was, or has all
            these rows.
        """
        self._check()
        self._sweep()
        before = self.snapshot
        products = tables.checked(products, "products")
        names = products["product"].cast("string").to_pylist()
        if len({*names}) < len(names) or None in names:
            raise CatalogueError("a product is given twice, or without its name")
        replaced = self._known({*names, *removed})
        order = sorted(range(len(names)), key=names.__getitem__)
        added = tables.write(
            [products.take(order)] if names else [], "products", self.folder, uuid.uuid4().hex
        )
        after = before.then(
            (*self._left("products", before.products, replaced), *added),
            (*self._left("spectra", before.spectra, replaced), *self._written(spectra, {*names})),
        )
        self._publish(after)
        self._merge(_RUNS)

    def move(self, moved: Mapping[str, tuple[str, str]]) -> None:
        """Give products other paths of label and data; their other columns and spectra stay.

        Raises
        ------
        CatalogueError, ExportError
            As of `commit`.
        """
        self._check()
        self._sweep()
        products: list[File] = []
        for file in self.snapshot.products:
            if tables.holds(file, moved):
                rows = tables.moved(file, moved)
                products += tables.write(rows, "products", self.folder, file.run)
            else:
                products.append(file)
        self._publish(self.snapshot.then(tuple(products), self.snapshot.spectra))

    def drop(self, lost: Collection[Path], products: set[str]) -> None:
        """Take files out as they are, and rows of some products out of the others.

        Raises
        ------
        CatalogueError, ExportError
            As of `commit`.
        """
        self._check()
        now = self.snapshot
        kept = [file for file in now.products if file.path not in lost]
        spectra = [file for file in now.spectra if file.path not in lost]
        left = self._left("products", kept, products), self._left("spectra", spectra, products)
        self._publish(now.then(*map(tuple, left)))

    def compact(self) -> None:
        """Merge runs until each has more than twice the rows of all smaller ones.

        Raises
        ------
        CatalogueError, ExportError
            As of `commit`.
        """
        self._check()
        self._merge(1)

    def _check(self) -> None:
        if not self._lock.is_kept():
            raise CatalogueError(
                f"{self.folder / _LOCK} was deleted or replaced while the catalogue was written: "
                "run the same command again"
            )
        if number(self.folder) != self.snapshot.number:
            raise CatalogueError(
                f"another process has changed {self.folder} while it was written, and what it "
                "wrote stays: when no other is at work, run the same command again"
            )

    def _publish(self, after: Snapshot) -> None:
        # Locks may have been deleted meanwhile, or hold on one computer only.
        self._check()
        publish(after)
        self.snapshot = after

    def _known(self, names: set[str]) -> set[str]:
        """Which products have rows."""
        import pyarrow.compute as pc

        found: set[str] = set()
        for file in self.snapshot.products:
            for table in tables.rows(file, ["product"]):
                found |= names.intersection(pc.cast(table["product"], "string").to_pylist())
        return found

    def _left(self, table: schema.Table, old: Sequence[File], products: set[str]) -> list[File]:
        """Files without the rows of some products; those that have none of them are the same."""
        left: list[File] = []
        for file in old:
            if products and tables.holds(file, products):
                left += tables.write(
                    tables.kept(file, products),
                    table,
                    self.folder,
                    file.run,
                    file.body,
                    file.channel,
                )
            else:
                left.append(file)
        return left

    def _written(self, spectra: Iterable[pa.Table], names: set[str]) -> list[File]:
        """Files of new rows, sorted by body and channel."""
        import pyarrow as pa
        import pyarrow.compute as pc

        waiting: dict[tuple[str, str], list[pa.Table]] = defaultdict(list)
        written: list[File] = []

        def write(kind: tuple[str, str]) -> int:
            rows = pa.concat_tables(waiting.pop(kind)).unify_dictionaries()
            rows = sorting.in_order(rows)
            run = uuid.uuid4().hex
            written.extend(tables.write([rows], "spectra", self.folder, run, *kind))
            return int(rows.num_rows)

        count = 0
        for given in spectra:
            table = tables.checked(given, "spectra")
            others = {*pc.unique(table["product"]).cast("string").to_pylist()} - names
            if others:
                raise CatalogueError(f"spectra are of products that are not given: {others}")
            for kind, rows in _by_kind(table):
                waiting[kind].append(rows)
            count += table.num_rows
            while count >= _IN_MEMORY:
                count -= write(max(waiting, key=lambda k: sum(r.num_rows for r in waiting[k])))
        for kind in sorted(waiting):
            write(kind)
        return written

    def _merge(self, most: int) -> None:
        """Merge runs of each body and channel, and of products, where there are more than some."""
        products = self._merged(self.snapshot.products, most, "products")
        spectra: list[File] = []
        kinds: dict[tuple[str, str], list[File]] = defaultdict(list)
        for file in self.snapshot.spectra:
            kinds[file.body, file.channel].append(file)
        for kind in sorted(kinds):
            members = kinds[kind]
            spectra += self._merged(members, most, "spectra")
        now = [file.path for file in (*products, *spectra)]
        if {*now} != {file.path for file in self.snapshot.files}:
            after = self.snapshot.then(tuple(products), tuple(spectra))
            # A reader may still be at the snapshot before the commit.
            self._publish(after.with_also(self.snapshot.before))

    def _merged(self, old: Sequence[File], most: int, table: schema.Table) -> list[File]:
        due = _due(old, most)
        if not due:
            return list(old)
        small = [file for file in old if file.run in due]
        by = ("product",) if table == "products" else ()
        with sorting.merged(small, self.folder, tables.GROUP, by) as batches:
            new = tables.write(
                batches,
                table,
                self.folder,
                uuid.uuid4().hex,
                small[0].body,
                small[0].channel,
            )
        return [file for file in old if file.run not in due] + new

    def _sweep(self) -> None:
        """Remove what killed writers left, and files that two snapshots do without."""
        needed_now = {file.path for file in self.snapshot.files} | {*self.snapshot.before}
        places = [self.folder / "products", *(self.folder / "spectra").glob("body=*/channel=*")]
        for place in places:
            with contextlib.suppress(OSError), os.scandir(place) as entries:
                for entry in entries:
                    path = place / entry.name
                    unnamed = UNIQUE.fullmatch(entry.name) and path not in needed_now
                    if unnamed and entry.is_file(follow_symlinks=False):
                        with contextlib.suppress(OSError):
                            path.unlink()
        with contextlib.suppress(OSError):
            for path in self.folder.glob(f"{sorting.SCRATCH}*"):
                shutil.rmtree(path, ignore_errors=True)


def _by_kind(table: pa.Table) -> Iterable[tuple[tuple[str, str], pa.Table]]:
    """Rows of a table by body and channel."""
    import pyarrow.compute as pc

    kinds = table.select(["body", "channel"]).group_by(["body", "channel"]).aggregate([])
    for one in kinds.to_pylist():
        chosen = [
            pc.equal(table[name], value) if value is not None else pc.is_null(table[name])
            for name, value in one.items()
        ]
        rows = table.filter(pc.and_(*chosen)) if kinds.num_rows > 1 else table
        yield (one["body"] or "", one["channel"] or ""), rows


def _due(old: Sequence[File], most: int) -> set[str]:
    """Runs to merge: the smallest, as long as the next has less than twice what those have."""
    rows: dict[str, int] = defaultdict(int)
    for file in old:
        rows[file.run] += file.rows
    if len(rows) <= most:
        return set()
    ordered = sorted(rows, key=lambda run: (rows[run], run))
    chosen, total = [ordered[0]], rows[ordered[0]]
    for run in ordered[1:]:
        if rows[run] > 2 * total and len(chosen) > len(rows) - _RUNS:
            break
        chosen.append(run)
        total += rows[run]
    return {*chosen} if len(chosen) > 1 else set()


def refuse_foreign(folder: Path) -> None:
    """Raise if a folder is neither empty nor a catalogue."""
    if is_catalogue(folder) or not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        odd = next((e.name for e in entries if not e.name.startswith((".", _LOCK))), None)
    if odd is not None:
        raise CatalogueError(
            f"{folder} is no catalogue and not empty: it holds {checks.shown(odd)}; choose "
            "another --out"
        )


class _Lock:
    """The lock of a catalogue, held; it tells others who writes.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CatalogueError
        Another process holds it, or it is something else.
    """

    def __init__(self, path: Path):
        if not files.may_be_own(path):
            raise CatalogueError(
                f"{path} is a link, has other names too, or is no ordinary file: remove it, or "
                "choose another --out"
            )
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._hold = locks.Hold(self._descriptor, path)
        except locks.HeldError as held:
            told = os.read(self._descriptor, _SHOWN).decode(errors="replace")
            who = held.who or told.partition("\n")[0].strip() or "another process"
            os.close(self._descriptor)
            raise CatalogueError(
                f"{path.parent} is being written by {who}: wait for it, or choose another --out"
                f"{held.mend}"
            ) from None
        except OSError:
            os.close(self._descriptor)
            raise
        self._mine = f"{locks.process()}\n{uuid.uuid4().hex}\n".encode()
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, self._mine)
        except OSError:
            # On a full disk a catalogue can be made smaller all the same.
            self._mine = b""

    def is_kept(self) -> bool:
        """Whether nobody deleted it, or holds it from elsewhere, where locks are not shared."""
        return self._hold.is_kept() and self._says_mine()

    def _says_mine(self) -> bool:
        try:
            return files.read_beginning(self._path, _SHOWN)[0] == self._mine
        except OSError:
            return False

    def close(self) -> None:
        """Let others hold it."""
        with contextlib.suppress(OSError):
            if self._says_mine():
                os.ftruncate(self._descriptor, 0)
        self._hold.release()
        os.close(self._descriptor)
