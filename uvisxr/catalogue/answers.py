"""Answers of a catalogue as tables of pyarrow and pandas, as datasets, and in files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from .. import checks, files
from ..errors import ExportError, bounded, shortened
from . import schema
from .question import COLUMNS

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa
    import xarray as xr

Ending = Literal[".csv", ".parquet"]

#: Those of the names of files.
ENDINGS: tuple[Ending, ...] = get_args(Ending)

#: Bytes of the first line of a file of text, at most.
_LINE = 2**14


def fields(names: Iterable[str], first: schema.Table = "spectra") -> pa.Schema:
    """The Arrow schema of an answer: columns of one table, or else of the other."""
    import pyarrow as arrow

    own, other = (schema.of(table) for table in _tables(first))
    metadata = {key: value for key, value in own.metadata.items() if key != b"table"}
    return arrow.schema(
        [own.field(n) if n in own.names else other.field(n) for n in names], metadata
    )


def _tables(first: schema.Table) -> tuple[schema.Table, schema.Table]:
    return ("spectra", "products") if first == "spectra" else ("products", "spectra")


def shaped(table: pa.Table, names: Iterable[str], first: schema.Table = "spectra") -> pa.Table:
    """A table as DuckDB gives it, with the types and metadata of the catalogue."""
    import pyarrow as arrow

    shape = fields(names, first)
    columns = []
    for field in shape:
        column = table[field.name]
        if arrow.types.is_dictionary(field.type):
            column = column.cast(arrow.string()).dictionary_encode()
        columns.append(column.cast(field.type))
    return arrow.table(columns, schema=shape).unify_dictionaries()


def shaped_batch(batch: pa.RecordBatch, names: Iterable[str]) -> pa.Table:
    """A batch likewise."""
    import pyarrow as arrow

    return shaped(arrow.Table.from_batches([batch]), names)


def reader(relation: duckdb.DuckDBPyRelation, rows: int) -> pa.RecordBatchReader:
    """Batches of a relation, by the name that the version of DuckDB has for it."""
    made = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    return made(rows)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """A table of pandas, in which what may be true, false or unknown is so."""
    import pandas
    import pyarrow as arrow

    kinds = {arrow.bool_(): pandas.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=kinds.get)
    return frame


def to_xarray(table: pa.Table, question: str) -> xr.Dataset:
    """A dataset along `spectrum`, with the attributes of the house."""
    import xarray as xr

    # Here, as numbers of spectra need no xarray.
    from ..dataset import conventions

    variables = {}
    for name in table.column_names:
        column = COLUMNS[name]
        attrs = {"long_name": column.text} | ({"units": column.units} if column.units else {})
        variables[name] = ("spectrum", _values(table[name], column.type), attrs)
    counts = [name for name in variables if name.startswith("counts")]
    ds = xr.Dataset(
        {name: variables[name] for name in counts},
        {name: value for name, value in variables.items() if name not in counts},
        {"lon_direction": "west"},
    )
    ds = conventions.apply(ds)
    for name in counts:
        # Those of a whole spectrum are others than those of elements.
        ds[name].attrs = variables[name][2]
    ds.attrs = {
        "title": "Cassini/UVIS: spectra of a catalogue",
        "question": question,
        "lon_direction": "west",
        "Conventions": conventions.CONVENTIONS,
    }
    return ds


def _values(column: pa.ChunkedArray, kind: str) -> np.ndarray:
    import pyarrow as arrow
    import pyarrow.compute as compute

    if kind == "name" or kind == "string":
        return np.asarray(compute.fill_null(column.cast(arrow.string()), "").to_pylist(), str)
    if kind == "strings":
        return np.asarray(_joined(column).to_pylist(), str)
    if kind == "time":
        return np.asarray(column.to_numpy(), "datetime64[ns]")
    if column.null_count and kind != "time":
        # Whole numbers and booleans have no value of their own for what is not known.
        column = column.cast(arrow.float32() if kind in ("bool", "float32") else arrow.float64())
        return np.asarray(column.to_numpy())
    return np.asarray(column.to_numpy())


def _joined(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow.compute as compute

    return compute.fill_null(compute.binary_join(column, "; "), "")


def ending(path: str | Path, *allowed: Ending) -> Ending:
    """How the name of a file to be written ends.

    Raises
    ------
    ArgumentError
        In none of the ways that are allowed.
    """
    name = Path(path).name
    found = next((one for one in allowed if name.lower().endswith(one)), None)
    if found is None:
        raise checks.refused("path", name, f"a name that ends in {' or '.join(allowed)}")
    return found


def write(
    path: str | Path,
    form: Ending,
    batches: Iterator[pa.RecordBatch],
    names: tuple[str, ...],
    overwrite: bool | None,
    catalogue: Path,
    first: schema.Table = "spectra",
) -> Path:
    """Write batches to a file; arguments and errors as of `Found.to_parquet` and of `fields`."""
    path = Path(path).expanduser()
    files.check_target(path)
    if files.real(path).is_relative_to(files.real(catalogue)):
        raise ExportError(
            f"{shortened(str(path))} lies in the catalogue {catalogue}, which holds nothing but "
            "its own files: choose another folder"
        )
    ending(path, form)
    files.refuse_foreign(path, overwrite, _is_ours)
    shape = fields(names, first)
    with files.whole_file(path) as temporary:
        (_parquet if form == ".parquet" else _csv)(temporary, batches, shape)
    return path


def _parquet(path: Path, batches: Iterator[pa.RecordBatch], shape: pa.Schema) -> None:
    from pyarrow import parquet

    with (
        path.open("wb") as stream,
        parquet.ParquetWriter(stream, shape, compression="zstd") as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)


def _csv(path: Path, batches: Iterator[pa.RecordBatch], shape: pa.Schema) -> None:
    import pyarrow as arrow
    from pyarrow import csv

    shape = arrow.schema([(field.name, _plain(field.type)) for field in shape])
    # The libraries take no names that are no UTF-8, but any open file.
    options = csv.WriteOptions(quoting_style="needed")
    with path.open("wb") as stream, csv.CSVWriter(stream, shape, write_options=options) as out:
        for batch in batches:
            table = arrow.Table.from_batches([batch])
            columns = [
                _joined(table[field.name])
                if arrow.types.is_list(field.type)
                else table[field.name].cast(_plain(field.type))
                for field in table.schema
            ]
            out.write_table(arrow.table(columns, schema=shape))


def _plain(type_: pa.DataType) -> pa.DataType:
    """The type of a column in a file of text."""
    import pyarrow as arrow

    named = arrow.types.is_dictionary(type_) or arrow.types.is_list(type_)
    return arrow.string() if named else type_


def _is_ours(path: Path) -> bool:
    """Whether a file is an answer to a question.

    Text has no room for a mark: it is ours if its columns are, their names in quotes as they are
    written here, and products are among them. Tables of others may be of time and place too.
    """
    from pyarrow import parquet

    if files.read_beginning(path, 4)[0] == b"PAR1":
        with path.open("rb") as stream:
            shape = parquet.read_schema(stream)
        return b"uvisxr_catalogue" in (shape.metadata or {})
    line = files.read_beginning(path, _LINE)[0].partition(b"\n")[0].decode()
    names = line.strip().split(",")
    return '"product"' in names and {*names} <= {f'"{name}"' for name in COLUMNS}


def lines(table: pa.Table) -> list[str]:
    """Rows of a table in aligned columns, the names first."""
    import pyarrow as arrow

    columns = []
    for name in table.column_names:
        texts = [name, *(_shown(value) for value in table[name].to_pylist())]
        width = max(map(len, texts))
        right = arrow.types.is_integer(table[name].type) or arrow.types.is_floating(
            table[name].type
        )
        columns.append([text.rjust(width) if right else text.ljust(width) for text in texts])
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "-"
    if hasattr(value, "isoformat"):
        return str(value.isoformat(timespec="milliseconds"))
    # Names of files may hold what terminals obey.
    return bounded(str(value)) or "-"
