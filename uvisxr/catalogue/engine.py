"""DuckDB for one question: it reads the files that it is given, and nothing else.

A database in memory, with the tables in Parquet. It may open no other file than those, load no
extension, and change none of its settings. What does not fit in its share of memory goes to a
temporary folder, which is removed with it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import options
from . import schema
from .libraries import check

if TYPE_CHECKING:
    import duckdb

#: Memory that DuckDB may have; large answers go through its temporary folder.
_MEMORY = "800MB"

#: Nothing is installed or loaded from elsewhere, nor are variables of Python's taken for tables.
_LOCKED = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
}


@contextmanager
def opened(files: Iterable[Path], memory: str = _MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that can read some files.

    Parameters
    ----------
    files : iterable of Path
    memory : str
        What it may have of it.

    Raises
    ------
    MissingDependencyError
        DuckDB is not installed.
    """
    check()
    import duckdb

    folder = tempfile.mkdtemp(prefix="uvisxr-search-")
    try:
        connection = duckdb.connect(
            ":memory:",
            config={
                **_LOCKED,
                "threads": options.threads(),
                "memory_limit": memory,
                "temp_directory": folder,
            },
        )
        with connection:
            # It would go to stdout, of programs without a file and of notebooks.
            # Notebooks without ipywidgets have none, and DuckDB refuses to change it.
            with suppress(duckdb.InvalidInputException):
                connection.execute("SET enable_progress_bar = false")
            connection.execute("SET allowed_paths = ?", [[str(path) for path in files]])
            connection.execute("SET allowed_directories = ?", [[folder]])
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table(
    connection: duckdb.DuckDBPyConnection, name: schema.Table, files: Iterable[Path]
) -> duckdb.DuckDBPyRelation:
    """The rows of some files of a table; without a file none."""
    paths = [str(path) for path in files]
    if paths:
        made: Any = connection.read_parquet(paths, hive_partitioning=False, union_by_name=False)
    else:
        made = connection.from_arrow(schema.of(name).empty_table())
    return made  # type: ignore[no-any-return]
