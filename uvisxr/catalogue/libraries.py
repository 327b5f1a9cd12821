"""Whether the libraries of the extra `catalogue` are there; they are imported where needed."""

from __future__ import annotations

from ..errors import MissingDependencyError


def check() -> None:
    """Raise a MissingDependencyError if pyarrow or duckdb cannot be imported."""
    try:
        import duckdb  # noqa: F401
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"a catalogue needs pyarrow and duckdb ({error}): pip install 'uvisxr[catalogue]'"
        ) from error
