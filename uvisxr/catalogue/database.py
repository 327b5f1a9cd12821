"""The tables of a catalogue as DuckDB sees them."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import checks, options
from ..errors import ArgumentError, CatalogueError
from . import schema
from .libraries import check
from .snapshot import ANEW, read

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Memory that DuckDB may have; what does not fit goes into a temporary folder.
_MEMORY = "1500MB"

#: Flags of spectra that saw nothing: lost, and of rows that the slit does not light.
BLIND = 1 | 8


class Tables(NamedTuple):
    """Rows of both tables: in memory, or the Parquet files that hold them.

    Attributes
    ----------
    products, spectra : pyarrow.Table or sequence of Path
    """

    products: pa.Table | Sequence[Path]
    spectra: pa.Table | Sequence[Path]


@contextmanager
def opened(tables: Tables) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the tables are `products` and `spectra`.

    Raises
    ------
    CatalogueError
        A file cannot be read.
    MissingDependencyError
        DuckDB or pyarrow is not installed.
    """
    check()
    import duckdb

    with tempfile.TemporaryDirectory(prefix="uvisxr-catalogue-") as folder:
        settings: dict[str, Any] = {
            "memory_limit": _MEMORY,
            "temp_directory": folder,
            "threads": options.threads(),
        }
        with duckdb.connect(config=settings) as connection:
            try:
                yield _with(connection, tables)
            except duckdb.OutOfMemoryException as error:
                raise CatalogueError(
                    f"there is no room for the sums over the catalogue: {error}; free some in "
                    f"{tempfile.gettempdir()}, or set TMPDIR to another folder"
                ) from error
            except duckdb.Error as error:
                raise CatalogueError(f"cannot read the catalogue: {error}; {ANEW}") from error


def _with(connection: duckdb.DuckDBPyConnection, tables: Tables) -> duckdb.DuckDBPyConnection:
    connection.execute("SET enable_progress_bar = false")
    _show(connection, "products", tables.products)
    _show(connection, "spectra", tables.spectra)
    return connection


def _show(
    connection: duckdb.DuckDBPyConnection, name: schema.Table, rows: pa.Table | Sequence[Path]
) -> None:
    if isinstance(rows, Sequence):
        if rows:
            # Brackets in names would be patterns.
            paths = [glob.escape(str(path)) for path in rows]
            connection.read_parquet(paths, hive_partitioning=False).create_view(name)
            return
        rows = schema.of(name).empty_table()
    missing = set(schema.TABLES[name]) - set(rows.column_names)
    if missing:
        raise ArgumentError(
            f"{name}: the table has no column {', '.join(sorted(missing)[:3])}: it takes all of "
            "those of uvisxr.catalogue.schema"
        )
    connection.register(name, rows)


def of(
    catalogue: str | Path | Tables, body: str | None = None, channel: str | None = None
) -> Tables:
    """The tables of a catalogue; of its spectra none that are of another body or channel, if given.

    Raises
    ------
    CatalogueError
        There is no catalogue, or it is damaged.
    """
    if isinstance(catalogue, Tables):
        return catalogue
    if not isinstance(catalogue, str | os.PathLike):
        raise checks.refused("catalogue", catalogue, "the folder of a catalogue")
    found = read(catalogue)
    spectra = [
        file.path
        for file in found.spectra
        if body in (None, file.body) and channel in (None, file.channel)
    ]
    return Tables([file.path for file in found.products], spectra)
