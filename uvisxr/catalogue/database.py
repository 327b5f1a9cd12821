"""The tables of a catalogue as DuckDB sees them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .. import checks
from ..dataset.bits import QUALITY_FLAGS
from ..errors import ArgumentError, CatalogueError
from . import engine, schema
from .libraries import check
from .snapshot import ANEW, read

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Memory that DuckDB may have; what does not fit goes into a temporary folder.
_MEMORY = "1500MB"

#: Flags of spectra that saw nothing: lost, and of rows that the slit does not light.
BLIND = QUALITY_FLAGS["lost"] | QUALITY_FLAGS["dark_line"]


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

    both: dict[schema.Table, pa.Table | Sequence[Path]] = {
        "products": tables.products,
        "spectra": tables.spectra,
    }
    files = [path for rows in both.values() if isinstance(rows, Sequence) for path in rows]
    with engine.opened(files, _MEMORY) as connection:
        try:
            for name, rows in both.items():
                _show(connection, name, rows)
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise CatalogueError(
                f"there is no room for the sums over the catalogue: {error}; free some in "
                f"{tempfile.gettempdir()}, or set TMPDIR to another folder"
            ) from error
        except duckdb.Error as error:
            raise CatalogueError(f"cannot read the catalogue: {error}; {ANEW}") from error


def _show(
    connection: duckdb.DuckDBPyConnection, name: schema.Table, rows: pa.Table | Sequence[Path]
) -> None:
    if isinstance(rows, Sequence):
        engine.table(connection, name, rows).create_view(name)
        return
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
