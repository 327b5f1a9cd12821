"""Tables for what there is one of for each of many products, on disk so that memory stays flat.

They lie in a temporary file without a name, which the system removes with the process, however that
ends: nothing may be in them that is not written elsewhere, or cannot be found again.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from typing import Any

from .errors import ExportError

#: Memory of a table, in KiB; the rest is on disk.
_CACHE = 1024


class Scratch:
    """A database of SQLite, for as long as the object lives.

    Parameters
    ----------
    tables : str
        Statements that make the tables. Texts are kept as `encoded` ones.

    Raises
    ------
    ExportError
        There is no space for temporary files; so do all methods.
    """

    def __init__(self, tables: str):
        # Statements are carried out one at a time, and a generator may end in another thread.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        for setting in (f"cache_size = -{_CACHE}", "journal_mode = OFF", "synchronous = OFF"):
            self.run(f"PRAGMA {setting}")
        for statement in tables.split(";"):
            self.run(statement)

    def run(self, statement: str, *values: Any) -> None:
        """Carry out a statement that gives no rows."""
        for _ in self.rows(statement, *values):
            pass

    def row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row of a query; None if there is none."""
        return next(self.rows(statement, *values), None)

    def rows(self, statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, as they are asked for."""
        # Not `yield from`, which would close the cursor with the generator, after its database.
        try:
            cursor = self._database.execute(statement, values)
            while (row := cursor.fetchone()) is not None:
                yield row
        except sqlite3.Error as error:
            raise ExportError(
                f"cannot write the list of products to a temporary file ({error}): free some space "
                "where temporary files are, or name another folder by SQLITE_TMPDIR"
            ) from error


def encoded(text: str) -> bytes:
    """A text in its table; names of files may be no valid UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def decoded(content: bytes) -> str:
    """What `encoded` was given."""
    return content.decode("utf-8", "surrogatepass")
