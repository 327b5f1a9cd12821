"""Index tables of volumes: which products they name is read here anew."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from helpers.volume import index_row, write_index

from uvisxr.errors import UvisWarning
from uvisxr.pds3 import index, sources

from .harness import Door, Wrong
from .mutate import a_line, changed, some_bytes

#: Paths in rows that lead out of the volume, or that no system takes.
_PATHS = (
    *("../../../evil/FUV2005_001_00_00.LBL", "/COUVIS_0012/../../evil/FUV2005_001_00_00.LBL"),
    *("//etc/FUV2005_001_00_00.LBL", "..", ".", "", "///", "\\\\evil\\FUV2005_001_00_00.LBL"),
    *("COUVIS_0012/DATA/a\x00b.LBL", "COUVIS_0012/" + "x/" * 20, "C:/FUV2005_001_00_00.LBL"),
    *("~root/FUV2005_001_00_00.LBL", "/COUVIS_0012", "FUV2005_001_00_00", "a\nb", "a\x1b[2J.LBL"),
    *("COUVIS_0099/DATA/FUV2005_001_00_00.LBL", '"quoted".LBL', "FUV2005_001_00_00.LBL,SATURN"),
)


@dataclass(frozen=True)
class Row:
    """What a row of a table says."""

    path: str
    target: str | None
    slit: str | None
    start: str | None


@dataclass(frozen=True)
class Case:
    """A damaged index, its label as it was, what it meant, and whether its volume is given too."""

    label: Path
    was: str
    before: list[Row]
    whole: bool


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    source = np.random.default_rng(5) if rng is None else rng
    volume = folder / "cache" / "COUVIS_0012"
    names = [f"FUV2005_{day:03}_{day % 24:02}_07" for day in source.choice(300, 4, False) + 1]
    rows = [
        index_row("COUVIS_0012", name, START_TIME=f"2005-{name[8:11]}T{name[12:14]}:07:00.500")
        for name in names
    ]
    rows[1]["TARGET_NAME"] = "UNK"
    if rng is not None and rng.random() < 0.2:
        rows[int(rng.integers(4))]["FILE_NAME"] = _PATHS[int(rng.integers(len(_PATHS)))]
    label = write_index(volume, [{k: v[:60] for k, v in row.items()} for row in rows])
    for name in names[:3]:
        place = volume / "DATA" / f"D{name[3:11]}"
        place.mkdir(parents=True)
        (place / f"{name}.LBL").write_text(f'PDS_VERSION_ID = PDS3\nPRODUCT_ID = "{name}"\nEND\n')
        (place / f"{name}.DAT").write_bytes(b"")
    evil = folder / "evil" / "FUV2005_001_00_00.LBL"
    evil.parent.mkdir()
    evil.write_text('PDS_VERSION_ID = PDS3\nPRODUCT_ID = "FUV2005_001_00_00"\nEND\n')
    was = text = label.read_bytes().decode("latin-1")
    table = label.with_suffix(".TAB")
    before = meaning(text, table.read_bytes())
    if rng is not None:
        chance = rng.random()
        if chance < 0.5:
            for _ in range(int(rng.integers(1, 3))):
                text = a_line(rng, text)
            label.write_bytes(text.encode("latin-1", errors="replace"))
        elif chance < 0.75:
            label.write_bytes(some_bytes(rng, text.encode("latin-1")))
        else:
            table.write_bytes(some_bytes(rng, table.read_bytes()))
        if rng.random() < 0.1:
            # A part of one more row.
            rows_there = table.read_bytes()
            table.write_bytes(rows_there + rows_there[: int(rng.integers(1, 120))])
    return Case(label, was, before or [], rng is None or rng.random() < 0.2)


def enter(case: Case) -> bool:
    volume = case.label.parents[1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = list(index.read(case.label))
        products = list(sources.expand([str(case.label)]))
        # A volume finds its index, and reads it in the same way.
        if case.whole:
            list(sources.expand([str(volume)]))
    for product in products:
        if not product.label.is_relative_to(volume.parent):
            raise Wrong(f"it leads out of its volume: {product.label}")
    for row in found:
        if row.path.is_absolute() or ".." in row.path.parts or row.path.suffix != ".LBL":
            raise Wrong(f"a path that leads elsewhere: {row.path}")
    told = any(issubclass(warning.category, UvisWarning) for warning in caught)
    text = case.label.read_bytes().decode("latin-1")
    table = case.label.with_suffix(".TAB").read_bytes()
    said = meaning(text, table)
    if not told and _left_over(text, table):
        raise Wrong("what the table has beyond its rows is passed over without a warning")
    here = [
        Row(
            str(row.path),
            row.target,
            row.slit,
            None if row.start is None else str(row.start.astype("datetime64[ms]")),
        )
        for row in found
    ]
    if here == said:
        return told
    # Where it is not clear, the rows are what they were, but for values that labels are asked for.
    same = said is None and len(here) == len(case.before)
    if same and all(_left(row, was) for row, was in zip(here, case.before, strict=True)):
        return told
    raise Wrong(f"{here} and not {said}: {changed(case.was, text)}"[:600])


def _left_over(text: str, table: bytes) -> bool:
    """Whether a table holds more than the rows of its label, by what that says once."""
    found = [set(re.findall(rf"^ *{key} = (\d+)\r?$", text, re.M)) for key in ("ROWS", "ROW_BYTES")]
    if any(len(numbers) != 1 for numbers in found):
        return False
    rows, size = (int(numbers.pop()) for numbers in found)
    return bool(table[rows * size :].strip(b" \t\r\n\0\x1a"))


def _left(row: Row, was: Row) -> bool:
    pairs = ((row.target, was.target), (row.slit, was.slit), (row.start, was.start))
    return row.path == was.path and all(
        found in (None, "", "NaT", before) for found, before in pairs
    )


_KNOWN = ("FILE_NAME", "TARGET_NAME", "SLIT_STATE", "START_TIME")


def meaning(text: str, table: bytes) -> list[Row] | None:
    """The rows of an index that is described once and clearly; else None."""
    blocks = _blocks(text)
    if blocks is None:
        return None
    head, described, columns = blocks
    size, count = (_whole(described.get(key)) for key in ("ROW_BYTES", "ROWS"))
    if _whole(described.get("COLUMNS")) != len(columns):
        return None
    if not size or count is None or head.get("^INDEX_TABLE") != '"INDEX.TAB"':
        return None
    volume = re.fullmatch(r'"(COUVIS_\d{4})"', head.get("VOLUME_ID", ""))
    places: dict[str, slice] = {}
    for column in columns:
        name = column.get("NAME", "").strip("\"'")
        start, width = _whole(column.get("START_BYTE")), _whole(column.get("BYTES"))
        if name not in _KNOWN:
            continue
        if name in places or not start or not width or start - 1 + width > size:
            return None
        if any(start - 1 < p.stop and p.start < start - 1 + width for p in places.values()):
            return None
        places[name] = slice(start - 1, start - 1 + width)
    if volume is None or "FILE_NAME" not in places or len(table) < size * count:
        return None
    rows = []
    for number in range(count):
        line = table[number * size : (number + 1) * size].decode("latin-1")
        if not re.fullmatch(r"[\t\x20-\xff]*\r?\n?", line):
            return None
        if any(re.search(r"[\x7f-\x9f]", line[place]) for place in places.values()):
            return None
        if any(_is_cut(line, place) for place in places.values()):
            return None
        texts = {name: line[place].strip().strip('"').strip() for name, place in places.items()}
        if any('"' in text for text in texts.values()):
            return None
        path = texts["FILE_NAME"].lstrip("/")
        if path in ("", "UNK", "N/A", "NULL"):
            continue
        if not re.match(r"COUVIS_\d{4}(/|$)", path, re.IGNORECASE):
            path = f"{volume[1]}/{path}"
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if len(parts) < 2 or ".." in parts or re.search(r"[\\:\x7f-\xa0]", path):
            return None
        parts[-1] = re.sub(r"(?<=.)\.[^.]+$", "", parts[-1]) + ".LBL"
        slit, start_text = texts.get("SLIT_STATE"), texts.get("START_TIME")
        rows.append(
            Row(
                "/".join(parts),
                texts.get("TARGET_NAME"),
                "" if slit in ("UNK", "N/A", "NULL") else slit,
                _time(start_text),
            )
        )
    return rows


def _is_cut(line: str, place: slice) -> bool:
    """Whether a column is not one whole field of its line: where are the quotes and commas?"""
    fields, at = [], 0
    for field in re.findall(r'"[^"]*"|[^",]+|,', line.rstrip("\r\n")):
        if field != ",":
            fields.append((at, at + len(field)))
        at += len(field)
    return not any(
        first <= place.start
        and place.stop <= end
        and not line[first : place.start].strip('" ')
        and not line[place.stop : end].strip('" ')
        for first, end in fields
    )


def _time(text: str | None) -> str | None:
    if text in ("", "UNK", "N/A", "NULL"):
        return "NaT"
    match = re.fullmatch(r"(\d{4})-(\d{3})T(\d\d):(\d\d):(\d\d)\.(\d{1,9})Z?", text or "", re.ASCII)
    if match is None:
        return None
    year, day, hour, minute, second, _ = map(int, match.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not (1 <= day <= 365 + leap and hour < 24 and minute < 60 and second < 60):
        return None
    if not 1678 <= year <= 2261:
        return None
    date = np.datetime64(match[1]) + np.timedelta64(day - 1, "D")
    return f"{date}T{match[3]}:{match[4]}:{match[5]}.{match[6]:0<3.3}"


def _whole(text: str | None) -> int | None:
    match = re.fullmatch(r"0*(\d{1,6})(?:\.0*)?|(2|8|16)#([0-9A-Fa-f]{1,5})#", text or "", re.ASCII)
    if match is None:
        return None
    try:
        return int(match[1]) if match[1] else int(match[3], int(match[2]))
    except ValueError:
        return None


def _blocks(text: str) -> tuple[dict[str, str], dict[str, str], list[dict[str, str]]] | None:
    """Statements of the label, of its table, and of its columns, one a line; None if it has
    others, or any that is needed twice."""
    head: dict[str, str] = {}
    table: dict[str, str] = {}
    columns: list[dict[str, str]] = []
    open_blocks: list[str] = []
    inside = head
    lines = text.replace("\r\n", "\n").split("\n")
    for number, whole in enumerate(lines):
        line = re.sub(r"\s*/\*[^*/\"']*\*/\s*$", "", whole)
        # An end of a comment that has no beginning is no value, and hides nothing.
        line = re.sub(r"= \*/\s*$", '= ""', line)
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\xff]|/\*|\*/", line):
            return None
        if not line.strip():
            continue
        if line.strip() == "END":
            rest = "".join(lines[number + 1 :]).strip()
            return None if open_blocks or rest else (head, table, columns)
        match = re.fullmatch(
            r"\s*(\^?[A-Z][A-Z0-9_]*)\s*=\s*(\"[^\"]*\"|\([^()\"'{}=/-]*\)|[^\s\"'(){}<>=,;-]+(?:-[^\s\"'(){}<>=,;-]+)*)\s*",
            line,
        )
        if match is None:
            return None
        key, value = match[1], match[2]
        if key == "OBJECT":
            if (open_blocks, value) not in (([], "INDEX_TABLE"), (["INDEX_TABLE"], "COLUMN")):
                return None
            if value == "INDEX_TABLE" and table:
                return None
            open_blocks.append(value)
            if value == "COLUMN":
                columns.append({})
            inside = table if value == "INDEX_TABLE" else columns[-1]
        elif key == "END_OBJECT":
            if not open_blocks or open_blocks.pop() != value:
                return None
            inside = table if open_blocks else head
        else:
            if key in inside or re.search("OBJECT|GROUP", key):
                return None
            inside[key] = value
    return None


DOOR = Door(make, enter)
