"""Which files a catalogue consists of at one time: `catalogue.json`, written whole.

Files of tables never change. Who adds rows, or takes some away, writes new files and then the list
of those that count from then on, so that a reader has the old rows or the new ones.

`catalogue.json` holds

- `format`, `schema`, `version`: "uvisxr catalogue"; `schema.VERSION`; of uvisxr;
- `number`: counts the snapshots from 0;
- `products`, `spectra`: the files of the two tables, with `path` (below the catalogue), `rows`,
  `bytes`, `sha256`, `run` (files of one run hold one sorted sequence), `body`, `channel`, and `low`
  and `high`, the least and the greatest value by column, of columns that have any value;
- `before`: paths of files that the snapshot before this one had and this one has not: a reader may
  still be at them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from .. import files
from .._version import __version__
from ..errors import CatalogueError, UvisError
from . import schema

NAME = "catalogue.json"

#: What a list of files begins with, and how long one may be, bytes.
_FORMAT, _MOST = "uvisxr catalogue", 2**28

#: Folders for rows of no body or channel, as other software has them.
_NOTHING = "__HIVE_DEFAULT_PARTITION__"

#: Files of tables, by their paths below the catalogue.
UNIQUE = re.compile(r"[0-9a-f]{32}\.parquet", re.ASCII)
_PATHS: dict[schema.Table, re.Pattern[str]] = {
    "products": re.compile(rf"products/{UNIQUE.pattern}", re.ASCII),
    "spectra": re.compile(
        rf"spectra/body=[\w.~%-]{{1,200}}/channel=[\w.~%-]{{1,200}}/{UNIQUE.pattern}", re.ASCII
    ),
}

#: What to do about a list that cannot be read, and about files.
_AGAIN = "put back the files from a copy, or remove the folder and build the catalogue again"
ANEW = (
    "run 'uvisxr catalogue build' with --verify, which takes damaged files out and makes their "
    "rows anew, or put back the files from a copy"
)

#: What the system says of a file that is gone or too large. All else it says is of the way to a
#: file, whose bytes may be sound: permissions, the disk, how many files are open. Libraries that
#: find the bytes wrong give no number.
_OF_FILE = (None, errno.ENOENT, errno.ENOTDIR, errno.EFBIG)

#: A time of a bound.
_TIME = re.compile(r"-?\d{4,6}-\d\d-\d\dT[\d:.]+", re.ASCII)


@dataclass(frozen=True)
class File:
    """A file of a table.

    Attributes
    ----------
    path : Path
        Absolute.
    rows : int
    body, channel : str
        Those of all its rows; empty in the table of products.
    low, high : dict
        Least and greatest value by column, of columns that have any: numbers, texts, and times as
        `numpy.datetime64`.
    size : int
        Bytes.
    sha256 : str
        Of all of them.
    run : str
        Files of one run hold one sorted sequence of rows.
    """

    path: Path
    rows: int
    body: str = ""
    channel: str = ""
    low: Mapping[str, Any] = field(default_factory=dict)
    high: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0
    sha256: str = ""
    run: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A catalogue at one time.

    Attributes
    ----------
    folder : Path
    number : int
        Counts the changes of the catalogue.
    products, spectra : tuple of File
    before : tuple of Path
        Files that only the snapshot before this one had.
    """

    folder: Path
    number: int
    products: tuple[File, ...] = ()
    spectra: tuple[File, ...] = ()
    before: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[File, ...]:
        """Those of both tables."""
        return self.products + self.spectra

    def then(self, products: tuple[File, ...], spectra: tuple[File, ...]) -> Snapshot:
        """The snapshot after this one."""
        now = {file.path for file in (*products, *spectra)}
        before = tuple(file.path for file in self.files if file.path not in now)
        return replace(
            self, number=self.number + 1, products=products, spectra=spectra, before=before
        )

    def with_also(self, before: tuple[Path, ...]) -> Snapshot:
        """The same, which keeps some more files of earlier ones."""
        return replace(self, before=(*self.before, *before))


def read(folder: str | Path) -> Snapshot:
    """The catalogue in a folder, as it is now.

    Its files stay as they are until it has been changed twice.

    Raises
    ------
    CatalogueError
        There is no catalogue, or it is damaged or of another version.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from uvisxr.catalogue import schema, store
    >>> with store.Writer("catalogue") as writer:
    ...     writer.commit(schema.of("products").empty_table(), [])
    >>> store.read("catalogue").number
    1
    """
    folder = files.absolute(Path(folder).expanduser())
    known = -1
    while True:
        found = listed(folder)
        wrong = next((why for file in found.files if (why := _unlike(file))), None)
        if wrong is None:
            return found
        # Meanwhile somebody may have written two others, and removed what this one had.
        if found.number == known:
            raise CatalogueError(f"the catalogue {folder} is damaged: {wrong}; {ANEW}")
        known = found.number


def number(folder: Path) -> int:
    """How often the catalogue in a folder has been changed; errors as of `read`."""
    return listed(folder).number


def is_catalogue(folder: Path) -> bool:
    """Whether a folder holds a catalogue, sound or not."""
    return files.is_file(folder / NAME)


def publish(snapshot: Snapshot) -> None:
    """From now on readers get this snapshot.

    Raises
    ------
    ExportError
        It cannot be written.
    """
    told = {
        "format": _FORMAT,
        "schema": schema.VERSION,
        "version": __version__,
        "number": snapshot.number,
        "products": [_told(file, snapshot.folder) for file in snapshot.products],
        "spectra": [_told(file, snapshot.folder) for file in snapshot.spectra],
        "before": [path.relative_to(snapshot.folder).as_posix() for path in snapshot.before],
    }
    files.write_text(snapshot.folder / NAME, json.dumps(told, allow_nan=False, indent=1) + "\n")


def place(table: schema.Table, body: str, channel: str) -> str:
    """Folder of files below the catalogue."""
    if table == "products":
        return table
    names = (quote(name, safe="").replace("*", "%2A") or _NOTHING for name in (body, channel))
    return "spectra/body={}/channel={}".format(*names)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what libraries say of a file of a catalogue into a CatalogueError."""
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if isinstance(error, UvisError):
            raise
        check_reached(path, error)
        raise damaged(path, str(error)) from error


def is_of_file(error: Exception) -> bool:
    """Whether an error tells that a file is gone or damaged, and not that it cannot be reached."""
    return not isinstance(error, OSError) or error.errno in _OF_FILE


def check_reached(path: Path, error: Exception) -> None:
    """Raise a CatalogueError if an error says nothing of what is in a file."""
    if not is_of_file(error):
        why = getattr(error, "strerror", None) or error
        raise CatalogueError(
            f"cannot read {path}, of a catalogue: {why}; this does not mean that it is damaged: "
            "see to its permissions, the disk and the limit on open files, and run the same again; "
            "if it is lost, remove it, and run 'uvisxr catalogue build' with --verify"
        ) from error


def check_all_reached(those: tuple[File, ...]) -> None:
    """Raise a CatalogueError if one of some files cannot be opened, though it is there."""
    for file in those:
        try:
            files.opened(file.path).close()
        except OSError as error:
            check_reached(file.path, error)


def damaged(path: Path, why: str) -> CatalogueError:
    """The error of a file that cannot be read."""
    return CatalogueError(f"cannot read {path}, of a catalogue: {why}; {ANEW}")


def listed(folder: Path) -> Snapshot:
    """The catalogue in a folder by its list alone, whatever its files are; errors as of `read`."""
    path = folder / NAME
    if not is_catalogue(folder):
        try:
            path.stat()
        except PermissionError as error:
            check_reached(path, error)
        except (OSError, ValueError):
            pass
        raise CatalogueError(
            f"there is no catalogue in {folder}: it has no {NAME}; make one with 'uvisxr "
            f"catalogue build SOURCE --out {folder}'"
        )
    try:
        told = json.loads(files.read_whole(path, _MOST))
        if not isinstance(told, dict) or told.get("format") != _FORMAT:
            raise ValueError("it is no list of the files of a catalogue")
        version = told["schema"]
        if type(version) is not int:
            raise ValueError("it has no number of its schema")
        if version == schema.VERSION:
            return Snapshot(
                folder,
                _whole(told["number"]),
                _files(told["products"], "products", folder),
                _files(told["spectra"], "spectra", folder),
                tuple(folder / _path(one) for one in _list(told["before"])),
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        check_reached(path, error)
        said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise CatalogueError(f"cannot read the catalogue {path}: {said}; {_AGAIN}") from error
    mend = (
        "update uvisxr: pip install -U uvisxr"
        if version > schema.VERSION
        else "remove the folder and build the catalogue again"
    )
    raise CatalogueError(
        f"the catalogue {folder} has columns of version {version}, and this uvisxr {__version__} "
        f"reads those of {schema.VERSION}: {mend}"
    )


def _unlike(file: File) -> str | None:
    """How a file is not as it was written, as far as its size tells; errors as of `fault`."""
    try:
        there = file.path.stat()
    except OSError as error:
        check_reached(file.path, error)
        return f"{file.path}: {error.strerror}"
    if not stat.S_ISREG(there.st_mode):
        return f"{file.path} is no ordinary file"
    size = there.st_size
    return None if size == file.size else f"{file.path} has {size} bytes and not {file.size}"


def fault(file: File) -> str | None:
    """How a file is not as it was written; it is read.

    Raises
    ------
    CatalogueError
        It cannot be reached, so that nothing is known of it.
    """
    import pyarrow.parquet as pq

    wrong = _unlike(file)
    if wrong is not None:
        return wrong
    try:
        if sum_of(file.path) != file.sha256:
            return f"{file.path} has another SHA-256 than when it was written"
        rows = pq.read_metadata(file.path).num_rows
    except (OSError, ValueError) as error:
        check_reached(file.path, error)
        return f"{file.path}: {error}"
    return None if rows == file.rows else f"{file.path} has {rows} rows and not {file.rows}"


def require(file: File) -> None:
    """Raise a CatalogueError if a file is not as it was written, before its rows go elsewhere."""
    wrong = fault(file)
    if wrong is not None:
        raise damaged(file.path, wrong)


def sum_of(path: Path) -> str:
    """SHA-256 of a file as it is on the disk now, hexadecimal."""
    with files.opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _told(file: File, folder: Path) -> dict[str, Any]:
    return {
        "path": file.path.relative_to(folder).as_posix(),
        "rows": file.rows,
        "bytes": file.size,
        "sha256": file.sha256,
        "run": file.run,
        "body": file.body,
        "channel": file.channel,
        "low": {name: _json(value) for name, value in file.low.items()},
        "high": {name: _json(value) for name, value in file.high.items()},
    }


def _files(told: Any, table: schema.Table, folder: Path) -> tuple[File, ...]:
    found = tuple(_file(one, table, folder) for one in _list(told))
    if len({file.path for file in found}) < len(found):
        raise ValueError("it has a file twice")
    return found


def _file(told: dict[str, Any], table: schema.Table, folder: Path) -> File:
    columns = schema.TABLES[table]
    low, high = (
        {name: _value(value, columns[name].type) for name, value in told[side].items()}
        for side in ("low", "high")
    )
    if low.keys() != high.keys():
        raise ValueError("a column has one bound only")
    path, body, channel = _path(told["path"], table), _text(told["body"]), _text(told["channel"])
    if path.rpartition("/")[0] != place(table, body, channel):
        raise ValueError(f"{path[:80]!r} lies in the folder of another body or channel")
    return File(
        folder / path,
        _whole(told["rows"]),
        body,
        channel,
        low,
        high,
        _whole(told["bytes"]),
        _text(told["sha256"]),
        _text(told["run"]),
    )


def _json(value: Any) -> Any:
    return str(value) if isinstance(value, np.datetime64) else value


def _value(value: Any, kind: str) -> Any:
    if kind == "time":
        # numpy takes more, and warns of some.
        if not _TIME.fullmatch(_text(value)):
            raise ValueError(f"{value[:40]!r} is no bound of a column of times")
        return np.datetime64(value, "us")
    if kind in ("name", "string"):
        return _text(value)
    if type(value) not in (int, float, bool) or not math.isfinite(value):
        raise ValueError(f"{str(value)[:40]!r} is no bound of a column")
    return value


def _path(value: Any, table: schema.Table | None = None) -> str:
    text = _text(value)
    tables = [table] if table else list(_PATHS)
    if not any(_PATHS[one].fullmatch(text) for one in tables):
        raise ValueError(f"{text[:80]!r} is no path of a file of a catalogue")
    return text


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("what is to be a list is none")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("what is to be a text is none")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise TypeError("what is to be a count is none")
    return value
