"""PDS3 index tables: INDEX.LBL describes the fixed-width columns of INDEX.TAB.

The tables of the COUVIS volumes hold one row per product, for all four channels, with the columns
FILE_NAME ("/COUVIS_0060/DATA/D2017_258/FUV2017_258_07_15.LBL"), START_TIME, TARGET_NAME,
SLIT_STATE and others. They are not in time order. The Ring-Moon Systems Node has its own tables,
COUVIS_0060_index and COUVIS_0060_supplemental_index; the supplemental one names the products by
VOLUME_ID and FILE_SPECIFICATION_NAME, and has no start, target and slit. Format: PDS Standards
Reference 3.8, A.20 and A.29.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..checks import shown
from ..errors import ArgumentError, LabelError, shortened, warn_user
from ..files import opened, relative
from ..timescales import parse_utc
from . import odl, pairs
from .label import label_text
from .objects import require_single, whole

#: Columns that give the path of a product's label, best first.
_PATHS = ("FILE_NAME", "FILE_SPECIFICATION_NAME")

#: What a value in a row of a table lies between; a column may also begin or end the row.
_ENDS = frozenset({b"", b'"', b",", b"\r", b"\n"})
_DELIMITED = re.compile(rb'[",]')
_CONTROLS = re.compile(rb"[\x7f-\x9f]")

#: Columns that are read; what others have does not matter.
_READ = (*_PATHS, "VOLUME_ID", "TARGET_NAME", "SLIT_STATE", "START_TIME")


@dataclass(frozen=True)
class Row:
    """One product of an index table.

    `path` is the label's path below the folder of all volumes; `start` is NaT and `slit` is ""
    where the table has no value, `target` what it has (UNK, N/A), and all are None where it has no
    such column. A `start` that cannot be read is None too: the label may be better.
    """

    product: str
    volume: str
    path: PurePosixPath
    target: str | None
    slit: str | None
    start: np.datetime64 | None

    @property
    def channel(self) -> str:
        """EUV, FUV, HSP or HDAC."""
        return re.split(r"[^A-Z]", self.product, maxsplit=1)[0]


@dataclass(frozen=True)
class _Column:
    """A column that is read; `between` is what lies between the columns of its table."""

    name: str
    first: int
    last: int
    between: tuple[slice, ...] = ()

    def text(self, line: bytes) -> str:
        value = line[self.first : self.last]
        text = value.decode("latin-1").strip()
        quoted = (
            self.first > 0
            and line[self.first - 1 : self.first] == line[self.last : self.last + 1] == b'"'
        )
        if not quoted:
            # The quotes may belong to the column.
            text = text.strip('"').strip()
        if '"' in text:
            raise ValueError(f"{shown(text)} is more than the value of one column, {self.name}")
        if _CONTROLS.search(value):
            raise ValueError(f"the column {self.name} holds control characters: {shown(text)}")
        if not quoted:
            self._require_all(line)
        return text

    def _require_all(self, line: bytes) -> None:
        """Refuse a column that its label cuts: a value goes on up to a quote or a comma."""
        before = line[: self.first].rstrip(b" ")[-1:]
        after = line[self.last :].lstrip(b" ")[:1]
        within = line[self.first : self.last].strip(b" ")
        opened = before == b'"' or within[:1] == b'"'
        closed = after == b'"' or within[-1:] == b'"'
        whole = before in _ENDS and after in _ENDS and opened == closed
        # Without quotes or commas between its columns a table has no delimiters.
        if not whole and any(_DELIMITED.search(line[part]) for part in self.between):
            raise ValueError(
                f"the column {self.name}, bytes {self.first + 1} to {self.last}, is part of a "
                "value: its label is wrong"
            )

    def of(self, line: bytes) -> str:
        text = self.text(line)
        return "" if text in odl.UNKNOWN else text


def read(path: str | Path, table_path: Path | None = None) -> Iterator[Row]:
    """The rows of an index table.

    Parameters
    ----------
    path : path
        The .LBL or the .TAB; the other must be beside it.
    table_path : Path, optional
        The table, if it has another name; `path` is its label then.

    Yields
    ------
    Row

    Raises
    ------
    LabelError
        The label or the table is missing, the label does not describe a table of products, or the
        table does not match it.
    """
    if table_path is None:
        label_path, table_path = _pair(Path(path))
    else:
        label_path = Path(path)
    table = described(label_path)
    columns, size, count, skip = table.columns, table.size, table.count, table.skip
    where = next(columns[key] for key in _PATHS if key in columns)
    volumes = columns.get("VOLUME_ID")
    there = table_path.stat().st_size
    # As git and editors leave it, which make one sign of the two that end a row.
    cut = int(count > 0 and not skip and there == (size - 1) * count)
    there += cut * count
    if there < skip + size * count:
        raise LabelError(
            f"{table_path} holds {there} bytes, but {label_path.name} says "
            f"{shown(count)} rows of {shown(size)}: {_lost(table_path, count)}; download it again"
        )
    # Targets that are unknown are told apart, as in labels.
    values = {"TARGET_NAME": _Column.text, "SLIT_STATE": _Column.of, "START_TIME": _Column.of}
    more, rest = divmod(there - skip - size * count, size)
    if more or (rest and _tail(table_path, rest)):
        what = f"{more} rows" if more else "a part of a row"
        warn_user(
            f"{table_path} holds {what} more than the {count} of its label, which are left out: "
            "download both again"
        )
    if table.name and table.name.upper() != table_path.name.upper():
        warn_user(
            f"{label_path} describes {shown(table.name)}; {table_path.name} beside it is read "
            "instead"
        )
    unnamed = 0
    with opened(table_path) as stream:
        stream.seek(skip)
        for number in range(1, count + 1):
            line = stream.read(size - cut)
            try:
                if cut:
                    line = _mended(line)
                _check_line(line)
                file = where.of(line)
                if not file:
                    unnamed += 1
                    continue
                texts = (
                    value(columns[key], line) if key in columns else None
                    for key, value in values.items()
                )
                volume = (volumes.of(line) if volumes else "") or table.volume
                row = _row(file, volume, *texts)
            except ValueError as error:
                raise LabelError(
                    f"{table_path}, row {number}: {error}; download it again"
                ) from error
            yield row
    if unnamed:
        warn_user(f"{table_path} names no file in {unnamed} of its rows, which are left out")


@dataclass(frozen=True)
class _Table:
    """Bytes of a row, how many rows there are, and bytes before them; the columns that are read,
    the volume of rows that name none, and the name of the table."""

    size: int
    count: int
    skip: int
    columns: dict[str, _Column]
    volume: str
    name: str


def described(label_path: Path) -> _Table:
    """What the label of an index says; LabelError if that is no table of products."""
    text = label_text(label_path)
    try:
        label = odl.loads(text)
        name, table = next(
            (str(key), value)
            for key, value in label.items()
            if isinstance(value, Mapping) and str(key).endswith("INDEX_TABLE")
        )
        require_single("the label", label, (name, f"^{name}", "VOLUME_ID"))
        require_single(f"the {name}", table, ("ROW_BYTES", "ROWS", "COLUMNS"), ("COLUMN",))
        size, count = (whole(key, table[key]) for key in ("ROW_BYTES", "ROWS"))
        file, skip = _offset(label[f"^{name}"], size)
        if size < 1 or count < 0 or skip < 0:
            raise ValueError(f"{shown(count)} rows of {shown(size)} bytes after {shown(skip)}")
        columns: dict[str, _Column] = {}
        described = odl.every(table, "COLUMN")
        if whole("COLUMNS", table.get("COLUMNS", len(described))) != len(described):
            raise ValueError(f"{len(described)} columns of {shown(table['COLUMNS'])}")
        for column in described:
            key = str(column["NAME"])
            if key not in _READ:
                continue
            if key in columns:
                raise ValueError(f"it has two columns {key}")
            require_single(f"the column {key}", column, ("NAME", "START_BYTE", "BYTES"))
            columns[key] = here = _column(key, column, size)
            if any(
                here.first < one.last and one.first < here.last for one in [*columns.values()][:-1]
            ):
                raise ValueError(f"the column {key} overlaps another")
        between = _between([*columns.values()], described, size)
        columns = {key: replace(one, between=between) for key, one in columns.items()}
    except (LabelError, LookupError, StopIteration, ValueError, TypeError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error) or "no INDEX_TABLE"
        raise LabelError(
            f"{label_path} does not describe an index table ({shortened(why, 160)}); give the "
            "INDEX.LBL of a COUVIS volume"
        ) from error
    if not any(key in columns for key in _PATHS):
        raise LabelError(f"{label_path} has none of the columns {', '.join(_PATHS)}")
    volume = odl.known(label.get("VOLUME_ID")) or label_path.parent.parent.name
    return _Table(size, count, skip, columns, str(volume).upper(), file)


def _between(read: list[_Column], described: list[Any], size: int) -> tuple[slice, ...]:
    """What of a row lies in no column, neither in one that is read nor in one that leaves those
    whole."""
    taken = [*read]
    for column in described:
        try:
            one = _column("", column, size)
        except (LabelError, LookupError, ValueError):
            continue
        if not any(one.first < other.last and other.first < one.last for other in read):
            taken.append(one)
    found, at = [], 0
    for one in sorted(taken, key=lambda one: one.first):
        if at < one.first:
            found.append(slice(at, one.first))
        at = max(at, one.last)
    return (*found, slice(at, size))


def _column(name: str, column: Mapping[str, Any], size: int) -> _Column:
    start, width = (whole(key, column[key]) for key in ("START_BYTE", "BYTES"))
    if not 1 <= start <= start + width - 1 <= size:
        raise ValueError(
            f"a column of {shown(width)} bytes from {shown(start)} in rows of {shown(size)}"
        )
    return _Column(name, start - 1, start - 1 + width)


def _tail(path: Path, size: int) -> bytes:
    """The last bytes of a table, without blanks and signs of its end."""
    with opened(path) as stream:
        stream.seek(-size, 2)
        return stream.read(size).strip(b" \t\r\n\0\x1a")


def _lost(path: Path, count: int) -> str:
    """Why a table is shorter than its label says."""
    with opened(path) as stream:
        if sum(line.endswith(b"\n") for line in stream) < count:
            return "the table is truncated"
    return "all rows are there, but not of that length, as where a spreadsheet has saved the table"


def _mended(line: bytes) -> bytes:
    """A row that ends in a line feed alone, with the two signs that its label counts."""
    if not line.endswith(b"\n") or line.endswith(b"\r\n"):
        raise ValueError("the table is truncated, as it is shorter than its label says")
    return line[:-1] + b"\r\n"


def _check_line(line: bytes) -> None:
    """Refuse a row that is the end of one and the beginning of the next, or is no text."""
    if re.search(rb"[\x00-\x08\x0a-\x1f]", re.sub(rb"\r?\n?\Z", b"", line)):
        raise ValueError("it is not one line of text of the length that its label says")


def files(path: Path) -> list[Path]:
    """The label and the table of an index, those of them that are there."""
    try:
        return [*_pair(path)]
    except LabelError:
        return [path]


def _row(file: str, volume: str, target: str | None, slit: str | None, start: str | None) -> Row:
    # Paths are joined to folders and URLs.
    path = relative(file.lstrip("/"))
    if not re.fullmatch(r"COUVIS_\d{4}", path.parts[0], re.IGNORECASE):
        path = relative(volume) / path
    if len(path.parts) < 2:
        raise ValueError(f"{shown(file)} is a volume: expected a file in it")
    return Row(
        path.stem.upper(),
        path.parts[0].upper(),
        path.with_suffix(".LBL"),
        target,
        slit,
        None if start is None else _start(start),
    )


def _start(text: str) -> np.datetime64 | None:
    try:
        return parse_utc(text) if text else np.datetime64("NaT", "ns")
    except ArgumentError:
        return None


def _offset(pointer: Any, row_bytes: int) -> tuple[str, int]:
    """The table's file, and bytes before the table; ("INDEX.TAB", 3) counts records, 3 <BYTES>
    bytes."""
    if isinstance(pointer, str):
        return pointer, 0
    file, *rest = pointer
    if len(rest) > 1:
        raise ValueError(f"the table is in {shown(pointer)}: expected a file and where it begins")
    if not rest:
        return str(file), 0
    (start,) = rest
    units = str(getattr(start, "units", "RECORDS")).upper()
    if units not in ("RECORDS", "BYTES"):
        raise ValueError(f"the table begins after {shortened(units)}: expected BYTES")
    first = whole("the table's first record", getattr(start, "value", start))
    return str(file), (first - 1) * (1 if units == "BYTES" else row_bytes)


def _pair(path: Path) -> tuple[Path, Path]:
    found: dict[str, Path] = {}
    if path.parent.is_dir():
        for file in sorted(path.parent.iterdir()):
            if file.stem.upper() == path.stem.upper() and pairs.is_file(file):
                found.setdefault(file.suffix.upper(), file)
    try:
        return found[".LBL"], found[".TAB"]
    except KeyError as error:
        raise LabelError(
            f"{path.parent} has no {path.stem}{error.args[0]}: an index needs a .LBL and a .TAB of "
            "the same name"
        ) from error
