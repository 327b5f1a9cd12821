"""Files of tables: Parquet in groups of rows, with units in the metadata of columns."""

from __future__ import annotations

import errno
import math
import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CatalogueError, ExportError
from ..files import whole_file
from . import schema
from .snapshot import File, place, reading, require, sum_of

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of a group, of which all are read or none, and of a file, at most.
GROUP, _FILE = 25_000, 2_000_000

#: Types of columns of which the bounds are kept.
_BOUNDED = ("name", "time", "int8", "int16", "int32", "int64", "float32", "float64")


def checked(table: pa.Table, name: schema.Table) -> pa.Table:
    """A table with the columns of the schema, in their order and of their types.

    Raises
    ------
    CatalogueError
        It has other columns.
    """
    import pyarrow as pa

    wanted = schema.of(name)
    if sorted(table.column_names) != sorted(wanted.names):
        odd = sorted({*table.column_names} ^ {*wanted.names})
        raise CatalogueError(f"a table of {name} has other columns than a catalogue: {odd[:5]}")
    columns = []
    for field in wanted:
        column = table[field.name]
        if column.type != field.type:
            # Numbers into lists of names have any width.
            if pa.types.is_dictionary(field.type):
                column = column.cast(pa.string()).dictionary_encode()
            column = column.cast(field.type)
        columns.append(column)
    return pa.table(columns, schema=wanted)


def write(
    batches: Iterable[pa.RecordBatch | pa.Table],
    name: schema.Table,
    folder: Path,
    run: str,
    body: str = "",
    channel: str = "",
) -> list[File]:
    """Write rows as files of a catalogue, in the order in which they come.

    Raises
    ------
    ExportError
        A file cannot be written; those before it stay, and count for nothing.
    """
    where = folder / place(name, body, channel)
    groups = _groups(batches)
    files = []
    group = next(groups, None)
    while group is not None:
        path = where / f"{uuid.uuid4().hex}.parquet"
        count = 0
        low: dict[str, Any] = {}
        high: dict[str, Any] = {}
        try:
            where.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            mend = "free some space, or choose another --out"
            if error.errno in (errno.EEXIST, errno.ENOTDIR):
                mend = f"something else is at {error.filename}: remove or rename it"
            raise ExportError(
                f"cannot make the folder {where}: {error.strerror}; {mend}"
            ) from error
        with whole_file(path) as temporary:
            with _writer(temporary, name) as writer:
                while group is not None and count < _FILE:
                    encoded = checked(group, name)
                    writer.write_table(encoded, row_group_size=GROUP)
                    _widen(low, high, encoded, name)
                    count += group.num_rows
                    group = next(groups, None)
            _to_disk(temporary)
            size, digest = temporary.stat().st_size, sum_of(temporary)
        files.append(File(path, count, body, channel, low, high, size, digest, run))
    return files


def kept(file: File, without: Collection[str]) -> Iterator[pa.Table]:
    """Rows of a file but for those of some products.

    Raises
    ------
    CatalogueError
        The file is damaged.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    require(file)
    gone = pa.array(sorted(without), pa.string())
    for table in rows(file):
        left = table.filter(pc.invert(pc.is_in(_names(table), value_set=gone)))
        if left.num_rows:
            yield left


def moved(file: File, places: Mapping[str, tuple[str, str]]) -> Iterator[pa.Table]:
    """Rows of products, some of which get other paths; errors as of `kept`."""
    import pyarrow as pa

    require(file)
    for table in rows(file):
        names = _names(table).to_pylist()
        for number, column in enumerate(("label", "data")):
            old = table[column].to_pylist()
            new = [
                places[name][number] if name in places else text
                for name, text in zip(names, old, strict=True)
            ]
            place = table.column_names.index(column)
            table = table.set_column(place, table.schema.field(place), pa.array(new, pa.string()))
        yield table


def holds(file: File, products: Collection[str]) -> bool:
    """Whether a file has rows of any of some products; of it, only their names are read."""
    low, high = file.low.get("product", ""), file.high.get("product")
    near = {name for name in products if low <= name and (high is None or name <= high)}
    if not near:
        return False
    import pyarrow.compute as pc

    return any(
        not near.isdisjoint(pc.unique(_names(table)).to_pylist())
        for table in rows(file, ["product"])
    )


def rows(file: File, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Rows of a file in groups; errors as of `kept`."""
    import pyarrow.parquet as pq

    with reading(file.path):
        opened = pq.ParquetFile(file.path)
    with opened:
        for number in range(opened.num_row_groups):
            with reading(file.path):
                table = opened.read_row_group(number, columns=columns)
            yield table


def records(files: Iterable[File], columns: list[str]) -> Iterator[dict[str, Any]]:
    """Some columns of the rows of files, one by one; errors as of `kept`."""
    for file in files:
        for table in rows(file, columns):
            yield from table.to_pylist()


def _names(table: pa.Table) -> Any:
    import pyarrow.compute as pc

    return pc.cast(table["product"], "string")


def _groups(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.Table]:
    """Rows in tables of `GROUP` rows, but for the last."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    count = 0
    for batch in batches:
        table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        waiting.append(_plain(table))
        count += table.num_rows
        while count >= GROUP:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, GROUP)
            waiting = [joined.slice(GROUP)]
            count -= GROUP
    if count:
        yield pa.concat_tables(waiting)


def _plain(table: pa.Table) -> pa.Table:
    """A table with texts where it has numbers into lists of them, which are then made anew: they
    would hold more than is used."""
    import pyarrow as pa

    columns = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _writer(path: Path, name: schema.Table) -> Any:
    import pyarrow.parquet as pq

    words = [key for key, column in schema.TABLES[name].items() if column.type == "name"]
    return pq.ParquetWriter(
        path,
        schema.of(name),
        compression="zstd",
        use_dictionary=words,
        write_statistics=True,
        version="2.6",
    )


def _widen(low: dict[str, Any], high: dict[str, Any], table: pa.Table, name: schema.Table) -> None:
    """Take the values of a group of rows into the bounds of a file."""
    import pyarrow.compute as pc

    for key, column in schema.TABLES[name].items():
        if column.type not in _BOUNDED:
            continue
        values = table[key]
        if column.type == "name":
            values = pc.cast(pc.unique(values), "string")
        ends = pc.min_max(values)
        for side, end, better in ((low, "min", min), (high, "max", max)):
            value = _bound(ends[end], column.type)
            if value is not None:
                side[key] = better(side.get(key, value), value)


def _bound(scalar: Any, kind: str) -> Any:
    if not scalar.is_valid:
        return None
    if kind == "time":
        import numpy as np

        return np.datetime64(scalar.value, "us")
    value = scalar.as_py()
    if isinstance(value, float) and not math.isfinite(value):
        # Of a column that has what is no number, nothing is known.
        raise CatalogueError("a column of a catalogue has values that are no finite numbers")
    return value


def _to_disk(path: Path) -> None:
    """Have the system write a file to the disk: the list that names it must not come before."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
