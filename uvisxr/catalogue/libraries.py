"""Whether the libraries of the extra `catalogue` are there, and what they can do; they are imported
where needed."""

from __future__ import annotations

from pathlib import Path

from ..errors import CatalogueError, MissingDependencyError


def check() -> None:
    """Raise a MissingDependencyError if pyarrow or duckdb cannot be imported."""
    try:
        import duckdb  # noqa: F401
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f'a catalogue needs pyarrow and duckdb ({error}): pip install "uvisxr[catalogue]"'
        ) from error


def check_text(folder: Path) -> None:
    """Raise a CatalogueError if a path is no text, as it must be for both."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise CatalogueError(
            f"a catalogue cannot lie in {folder}: the path is no UTF-8, as DuckDB and pyarrow "
            "need; choose or rename a folder"
        ) from None
