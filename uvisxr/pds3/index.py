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
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..errors import ArgumentError, LabelError, warn_user
from ..timescales import parse_utc
from . import odl

#: Columns that give the path of a product's label, best first.
_PATHS = ("FILE_NAME", "FILE_SPECIFICATION_NAME")


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
    first: int
    last: int

    def text(self, line: bytes) -> str:
        return line[self.first : self.last].decode("latin-1").strip().strip('"').strip()

    def of(self, line: bytes) -> str:
        text = self.text(line)
        return "" if text in odl.UNKNOWN else text


def read(path: str | Path) -> Iterator[Row]:
    """The rows of an index table.

    Parameters
    ----------
    path : path
        The .LBL or the .TAB; the other must be beside it.

    Yields
    ------
    Row

    Raises
    ------
    LabelError
        The label or the table is missing, the label does not describe a table of products, or the
        table does not match it.
    """
    label_path, table_path = _pair(Path(path))
    try:
        label = odl.loads(label_path.read_bytes().decode("latin-1"))
        table: Any
        name, table = next(
            (key, value)
            for key, value in label.items()
            if isinstance(value, Mapping) and str(key).endswith("INDEX_TABLE")
        )
        columns = {
            str(column["NAME"]): _Column(
                int(column["START_BYTE"]) - 1, int(column["START_BYTE"]) - 1 + int(column["BYTES"])
            )
            for column in odl.every(table, "COLUMN")
        }
        size, count = int(table["ROW_BYTES"]), int(table["ROWS"])
        skip = _offset(label[f"^{name}"], size)
        if size < 1 or count < 0 or skip < 0:
            raise ValueError(f"{count} rows of {size} bytes after {skip}")
    except (LookupError, StopIteration, ValueError, TypeError, OverflowError) as error:
        raise LabelError(
            f"{label_path} does not describe an index table ({type(error).__name__}: {error}); "
            "give the INDEX.LBL of a COUVIS volume"
        ) from error
    where = next((columns[key] for key in _PATHS if key in columns), None)
    if where is None:
        raise LabelError(f"{label_path} has none of the columns {', '.join(_PATHS)}")
    default_volume = str(label.get("VOLUME_ID", label_path.parent.parent.name)).upper()
    volumes = columns.get("VOLUME_ID")
    there = table_path.stat().st_size
    if there < skip + size * count:
        raise LabelError(
            f"{table_path} holds {there} bytes, but {label_path.name} says "
            f"{count} rows of {size}: the table is truncated; download it again"
        )
    # Targets that are unknown are told apart, as in labels.
    values = {"TARGET_NAME": _Column.text, "SLIT_STATE": _Column.of, "START_TIME": _Column.of}
    more = (there - skip) // size - count
    if more:
        warn_user(
            f"{table_path} holds {more} rows more than the {count} of its label, which are left "
            "out: download both again"
        )
    unnamed = 0
    with table_path.open("rb") as stream:
        stream.seek(skip)
        for number in range(1, count + 1):
            line = stream.read(size)
            file = where.of(line)
            if not file:
                unnamed += 1
                continue
            texts = (
                value(columns[key], line) if key in columns else None
                for key, value in values.items()
            )
            try:
                row = _row(file, (volumes.of(line) if volumes else "") or default_volume, *texts)
            except ValueError as error:
                raise LabelError(
                    f"{table_path}, row {number}: {error}; download it again"
                ) from error
            yield row
    if unnamed:
        warn_user(f"{table_path} names no file in {unnamed} of its rows, which are left out")


def files(path: Path) -> list[Path]:
    """The label and the table of an index, those of them that are there."""
    try:
        return [*_pair(path)]
    except LabelError:
        return [path]


def _row(file: str, volume: str, target: str | None, slit: str | None, start: str | None) -> Row:
    path = PurePosixPath(file.lstrip("/"))
    if not re.fullmatch(r"COUVIS_\d{4}", path.parts[0] if path.parts else "", re.IGNORECASE):
        path = PurePosixPath(volume) / path
    # Paths are joined to folders and URLs.
    if ".." in path.parts or path.is_absolute() or not str(path).isprintable():
        raise ValueError(f"{file[:100]!r} is no path in a volume")
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


def _offset(pointer: Any, row_bytes: int) -> int:
    """Bytes before the table; ("INDEX.TAB", 3) counts records, 3 <BYTES> bytes."""
    if isinstance(pointer, str):
        return 0
    start = pointer[1]
    if hasattr(start, "units"):
        return int(start.value) - 1
    return (int(start) - 1) * row_bytes


def _pair(path: Path) -> tuple[Path, Path]:
    found: dict[str, Path] = {}
    if path.parent.is_dir():
        for file in sorted(path.parent.iterdir()):
            if file.stem.upper() == path.stem.upper():
                found.setdefault(file.suffix.upper(), file)
    try:
        return found[".LBL"], found[".TAB"]
    except KeyError as error:
        raise LabelError(
            f"{path.parent} has no {path.stem}{error.args[0]}: an index needs a .LBL and a .TAB of "
            "the same name"
        ) from error
