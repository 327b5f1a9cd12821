"""Files of tables: Parquet in groups of rows, with units in the metadata of columns."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CatalogueError, ExportError
from ..files import whole_file
from . import schema
from .libraries import needed
from .snapshot import File, place, reading

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of a group, of which all are read or none, and of a file, at most.
GROUP, _FILE = 100_000, 2_000_000

#: Types of columns of which the bounds are kept; texts longer than this are not.
_BOUNDED = ("name", "time", "int8", "int16", "int32", "int64", "float32", "float64")
_LONGEST = 200


def checked(table: pa.Table, name: schema.Table) -> pa.Table:
    """A table with the columns of the schema, in their order and of their types.

    Raises
    ------
    CatalogueError
        It has other columns.
    """
    arrow = needed("pyarrow")
    wanted = schema.of(name)
    if sorted(table.column_names) != sorted(wanted.names):
        odd = sorted({*table.column_names} ^ {*wanted.names})
        raise CatalogueError(f"a table of {name} has other columns than a catalogue: {odd[:5]}")
    columns = []
    for field in wanted:
        column = table[field.name]
        if column.type != field.type:
            # Numbers into lists of names have any width.
            if arrow.types.is_dictionary(field.type):
                column = column.cast(arrow.string()).dictionary_encode()
            column = column.cast(field.type)
        columns.append(column)
    return arrow.table(columns, schema=wanted)


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
        rows = 0
        low: dict[str, Any] = {}
        high: dict[str, Any] = {}
        try:
            where.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExportError(
                f"cannot make the folder {where}: {error.strerror}; free some space, or choose "
                "another --out"
            ) from error
        with whole_file(path) as temporary:
            with _writer(temporary, name) as writer:
                while group is not None and rows < _FILE:
                    encoded = checked(group, name)
                    writer.write_table(encoded, row_group_size=GROUP)
                    _widen(low, high, encoded, name)
                    rows += group.num_rows
                    group = next(groups, None)
            _to_disk(temporary)
            size = temporary.stat().st_size
        files.append(File(path, rows, body, channel, low, high, size, run))
    return files


def kept(file: File, without: Collection[str]) -> Iterator[pa.Table]:
    """Rows of a file but for those of some products.

    Raises
    ------
    CatalogueError
        The file is damaged.
    """
    arrow, compute = needed("pyarrow"), needed("pyarrow.compute")
    gone = arrow.array(sorted(without), arrow.string())
    for table in _row_groups(file):
        left = table.filter(compute.invert(compute.is_in(_names(table), value_set=gone)))
        if left.num_rows:
            yield left


def holds(file: File, products: Collection[str]) -> bool:
    """Whether a file has rows of any of some products; of it, only their names are read."""
    low, high = file.low.get("product", ""), file.high.get("product")
    near = {name for name in products if low <= name and (high is None or name <= high)}
    if not near:
        return False
    compute = needed("pyarrow.compute")
    return any(
        not near.isdisjoint(compute.unique(_names(table)).to_pylist())
        for table in _row_groups(file, ["product"])
    )


def rows(file: File, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Rows of a file in groups; errors as of `kept`."""
    return _row_groups(file, columns)


def _names(table: pa.Table) -> Any:
    return needed("pyarrow.compute").cast(table["product"], "string")


def _row_groups(file: File, columns: list[str] | None = None) -> Iterator[pa.Table]:
    parquet = needed("pyarrow.parquet")
    with reading(file.path):
        opened = parquet.ParquetFile(file.path)
    with opened:
        for number in range(opened.num_row_groups):
            with reading(file.path):
                table = opened.read_row_group(number, columns=columns)
            yield table


def _groups(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.Table]:
    """Rows in tables of `GROUP` rows, but for the last."""
    arrow = needed("pyarrow")
    waiting: list[pa.Table] = []
    count = 0
    for batch in batches:
        table = (
            arrow.Table.from_batches([batch])
            if hasattr(batch, "to_struct_array") and not (isinstance(batch, arrow.Table))
            else batch
        )
        waiting.append(_plain(table))
        count += table.num_rows
        while count >= GROUP:
            joined = arrow.concat_tables(waiting)
            yield joined.slice(0, GROUP)
            waiting = [joined.slice(GROUP)]
            count -= GROUP
    if count:
        yield arrow.concat_tables(waiting)


def _plain(table: pa.Table) -> pa.Table:
    """A table with texts where it has numbers into lists of them, which are then made anew: they
    would hold more than is used."""
    arrow = needed("pyarrow")
    columns = [
        column.cast(arrow.string()) if arrow.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return arrow.table(columns, names=table.column_names)


def _writer(path: Path, name: schema.Table) -> Any:
    words = [key for key, column in schema.TABLES[name].items() if column.type == "name"]
    return needed("pyarrow.parquet").ParquetWriter(
        path,
        schema.of(name),
        compression="zstd",
        use_dictionary=words,
        write_statistics=True,
        version="2.6",
    )


def _widen(low: dict[str, Any], high: dict[str, Any], table: pa.Table, name: schema.Table) -> None:
    """Take the values of a group of rows into the bounds of a file."""
    compute = needed("pyarrow.compute")
    for key, column in schema.TABLES[name].items():
        if column.type not in _BOUNDED:
            continue
        values = table[key]
        if column.type == "name":
            values = compute.cast(compute.unique(values), "string")
        ends = compute.min_max(values)
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
