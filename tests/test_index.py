"""Index tables: columns as the label describes them, times, and tables that do not fit."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.volume import index_row, write_index

from uvisxr.errors import LabelError, UvisWarning
from uvisxr.pds3 import index

ROWS = [
    index_row("COUVIS_0060", "FUV2017_258_07_15", START_TIME="2017-258T07:15:04.442"),
    index_row("COUVIS_0060", "HSP2017_257_22_39", START_TIME="UNK"),
    index_row("COUVIS_0060", "EUV2017_257_22_39", TARGET_NAME="SOLAR WIND", SLIT_STATE="NULL"),
]


def test_rows_of_a_volume(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    first, second, third = index.read(label)
    assert (first.product, first.volume, first.channel) == (
        "FUV2017_258_07_15",
        "COUVIS_0060",
        "FUV",
    )
    assert str(first.path) == "COUVIS_0060/DATA/D2017_258/FUV2017_258_07_15.LBL"
    assert first.start == np.datetime64("2017-09-15T07:15:04.442")
    assert second.channel == "HSP"
    assert np.isnat(second.start)
    assert (third.target, third.slit) == ("SOLAR WIND", "")


@pytest.mark.parametrize(
    "text", ["2004-366T01:02:03.5", "2004-12-31T01:02:03.500", "2004-12-31 01:02:03.500000000"]
)
def test_forms_of_times(tmp_path: Path, text: str):
    row = index_row("COUVIS_0007", "FUV2004_366_01_02", START_TIME=text)
    # The node's own tables write nanoseconds, which are wider than the archive's column.
    write_index(tmp_path / "COUVIS_0007", [row], widths={"START_TIME": 29})
    (read,) = index.read(tmp_path / "COUVIS_0007" / "INDEX" / "INDEX.LBL")
    assert read.start == np.datetime64("2004-12-31T01:02:03.500")


@pytest.mark.parametrize("name", ["INDEX.TAB", "index.lbl"])
def test_either_file_names_the_index(tmp_path: Path, name: str):
    write_index(tmp_path / "COUVIS_0060", ROWS, ending="\n")
    assert len(list(index.read(tmp_path / "COUVIS_0060" / "INDEX" / name))) == 3


def test_path_without_its_volume(tmp_path: Path):
    label = write_index(
        tmp_path / "COUVIS_0007", [{"FILE_NAME": "DATA/D2004_001/EUV2004_001_00_01.lbl"}]
    )
    (row,) = index.read(label)
    assert row.volume == "COUVIS_0007"
    assert str(row.path) == "COUVIS_0007/DATA/D2004_001/EUV2004_001_00_01.LBL"


@pytest.mark.parametrize("pointer", ['("INDEX.TAB", 2)', '("INDEX.TAB", 11 <BYTES>)'])
def test_table_after_a_header(tmp_path: Path, pointer: str):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    table = label.with_suffix(".TAB")
    size = len(table.read_bytes()) // len(ROWS)
    header = b"h" * (10 if "BYTES" in pointer else size)
    table.write_bytes(header + table.read_bytes())
    label.write_text(label.read_text().replace('"INDEX.TAB"', pointer))
    assert next(index.read(label)).product == "FUV2017_258_07_15"


def test_table_cut_short(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    table = label.with_suffix(".TAB")
    table.write_bytes(table.read_bytes()[:-5])
    with pytest.raises(LabelError, match=r"INDEX.TAB.*truncated"):
        list(index.read(label))


def test_table_missing(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    label.with_suffix(".TAB").unlink()
    with pytest.raises(LabelError, match=r"no INDEX\.TAB"):
        list(index.read(label))


def test_label_of_something_else(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    label.write_text("PDS_VERSION_ID = PDS3\nEND\n")
    with pytest.raises(LabelError, match="does not describe an index table"):
        list(index.read(label))


def test_label_without_the_column_of_names(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    label.write_text(label.read_text().replace("FILE_NAME", "SOMETHING"))
    with pytest.raises(LabelError, match="none of the columns FILE_NAME"):
        list(index.read(label))


@pytest.mark.parametrize("remark", ["", " NOTE = {1, 2\n 3}\n"])
def test_an_index_of_one_column(tmp_path: Path, remark: str):
    """Whether the label has the form of the archive's, or one that only `pvl` reads."""
    path = "DATA/D2017_258/FUV2017_258_07_15.LBL"
    (tmp_path / "INDEX.TAB").write_text(f'"{path}"\r\n', newline="")
    label = tmp_path / "INDEX.LBL"
    label.write_text(
        f'PDS_VERSION_ID = PDS3\n^INDEX_TABLE = "INDEX.TAB"\nVOLUME_ID = COUVIS_0060\n{remark}'
        f"OBJECT = INDEX_TABLE\n ROWS = 1\n ROW_BYTES = {len(path) + 4}\n COLUMNS = 1\n"
        f" OBJECT = COLUMN\n  NAME = FILE_NAME\n  START_BYTE = 1\n  BYTES = {len(path) + 2}\n"
        " END_OBJECT = COLUMN\nEND_OBJECT = INDEX_TABLE\nEND\n"
    )
    (row,) = index.read(label)
    assert str(row.path) == f"COUVIS_0060/{path}"


@pytest.mark.parametrize(
    "text", ["2017-999", "2005-366", "2005-000", "now", "2005-13-01", "20050818"]
)
def test_a_time_that_is_none_is_left_to_the_label(tmp_path: Path, text: str):
    label = write_index(
        tmp_path / "COUVIS_0060",
        [index_row("COUVIS_0060", "FUV2017_258_07_15", START_TIME=text)],
    )
    (row,) = index.read(label)
    assert row.start is None
    assert row.target == "SATURN"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"ROW_BYTES *= .*", "ROW_BYTES = 0"),
        (r"ROW_BYTES *= .*", "ROW_BYTES = -5"),
        (r"ROWS *= .*", "ROWS = -1"),
        (r"ROWS *= .*", "ROWS = 1E999"),
        (r'"INDEX.TAB"', '("INDEX.TAB", -3)'),
    ],
)
def test_numbers_that_describe_no_table(tmp_path: Path, old: str, new: str):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    label.write_text(re.sub(old, new, label.read_text(), count=1))
    with pytest.raises(LabelError, match="does not describe an index table"):
        list(index.read(label))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/COUVIS_0012/../../../evil/FUV2017_258_07_15.LBL", "is no path below a folder"),
        ("../FUV2017_258_07_15.LBL", "is no path below a folder"),
        ("..\\..\\evil\\FUV2017_258_07_15.LBL", "is no path below a folder"),
        ("C:/evil/FUV2017_258_07_15.LBL", "is no path below a folder"),
        ("http://evil.invalid/FUV2017_258_07_15.LBL", "is no path below a folder"),
        ("///", "is no path below a folder"),
        ("/COUVIS_0012", "'/COUVIS_0012' is a volume: expected a file in it"),
        ("/COUVIS_0012/DATA/FUV2017_258\0_07_15.LBL", "it is not one line of text"),
    ],
)
def test_paths_that_lead_elsewhere(tmp_path: Path, name: str, said: str):
    label = write_index(tmp_path / "COUVIS_0060", [*ROWS, ROWS[0] | {"FILE_NAME": name}])
    with pytest.raises(LabelError, match=f"row 4: .*{said}"):
        list(index.read(label))


def test_volume_that_leads_elsewhere(tmp_path: Path):
    row = {"FILE_NAME": "DATA/FUV2017_258_07_15.LBL"}
    label = write_index(tmp_path / "COUVIS_0060", [row])
    label.write_text(label.read_text().replace('"COUVIS_0060"', '"/etc"'))
    with pytest.raises(LabelError, match="is no path below a folder"):
        list(index.read(label))


def test_rows_that_are_left_out_are_told(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", [*ROWS, ROWS[0] | {"FILE_NAME": ""}])
    with pytest.warns(UvisWarning, match="names no file in 1 of its rows"):
        assert len(list(index.read(label))) == 3
    label.write_text(re.sub(r"ROWS *= 4", "ROWS = 1", label.read_text()))
    with pytest.warns(UvisWarning, match="3 rows more than the 1 of its label"):
        assert len(list(index.read(label))) == 1


@pytest.mark.parametrize("size", [3, 300])
def test_a_path_longer_than_any(tmp_path: Path, size: int):
    name = "/".join(["x" * size] * (900 // size))
    rows = [{"FILE_NAME": f"DATA/{name}/FUV2017_258_07_15.LBL"}]
    label = write_index(tmp_path / "COUVIS_0060", rows, widths={"FILE_NAME": 1300})
    with pytest.raises(LabelError, match=r"row 1: .* is no path below a folder"):
        list(index.read(label))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (r"START_BYTE = 2\b", "START_BYTE = -5", "a column of 60 bytes from -5"),
        (r"START_BYTE = 2\b", "START_BYTE = 200", "a column of 60 bytes from 200"),
        (r"START_BYTE = 2\b", "START_BYTE = 1_0", "START_BYTE = '1_0'"),
        (r"START_BYTE = 2\b", "START_BYTE = 65", "overlaps another"),
        (r"BYTES = 60", "BYTES = 0", "a column of 0 bytes"),
        (r"BYTES = 60", "BYTES = 2.5", "BYTES = 2.5: expected a whole number"),
        (r"( START_BYTE = 2)\b", r"\1\n START_BYTE = 3", "START_BYTE several times: 2 and 3"),
        (r"( ROWS = 3)", r"\1\n ROWS = 2", "ROWS several times: 3 and 2"),
        (r"NAME = STOP_TIME", "NAME = START_TIME", "two columns START_TIME"),
        (r"COLUMNS = 7", "COLUMNS = 8", "7 columns of 8"),
        (r"ROWS = 3", "ROWS = 1 = 3", "ROWS = '1 = 3'"),
        (r"ROWS = 3", f"ROWS = {'9' * 5000}", r"ROWS = '9+\.{3}9+'"),
        (r'"INDEX.TAB"', '("INDEX.TAB", 3 <KM>)', "after KM"),
    ],
)
def test_labels_that_contradict_themselves(tmp_path: Path, old: str, new: str, reason: str):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    text, count = re.subn(old, new, label.read_text(), count=1)
    assert count == 1
    label.write_text(text)
    with pytest.raises(LabelError, match=f"does not describe an index table.*{reason}"):
        list(index.read(label))


@pytest.mark.parametrize("rows", [10**7, 10**12])
def test_more_rows_than_the_table_has(tmp_path: Path, rows: int):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    label.write_text(label.read_text().replace("ROWS = 3", f"ROWS = {rows}"))
    with pytest.raises(LabelError, match="the table is truncated"):
        next(index.read(label))


@pytest.mark.parametrize("damage", [lambda t: b"x" + t[:-1], lambda t: t.replace(b"SAT", b"S\0T")])
def test_rows_that_are_no_lines_of_text(tmp_path: Path, damage):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    table = label.with_suffix(".TAB")
    table.write_bytes(damage(table.read_bytes()))
    with pytest.raises(LabelError, match=r"not one line of text|is part of a value"):
        list(index.read(label))


def test_columns_that_are_elsewhere_in_the_table(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    table = label.with_suffix(".TAB")
    table.write_bytes(table.read_bytes().replace(b" ", b"", 5).replace(b"\r\n", b"     \r\n", 1))
    with pytest.raises(LabelError, match=r"row 1: .* is more than the value of one column"):
        list(index.read(label))


def test_a_label_or_table_that_is_no_file(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    for path in (label, label.with_suffix(".TAB")):
        kept = path.read_bytes()
        path.unlink()
        for make in (os.mkfifo, lambda p: p.symlink_to("/dev/zero"), lambda p: p.symlink_to(p)):
            make(path)
            with pytest.raises(LabelError, match=r"has no INDEX\."):
                list(index.read(label))
            path.unlink()
        path.write_bytes(kept)


def test_a_label_longer_than_any(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    label.write_bytes(label.read_bytes() + b" " * 10**6)
    with pytest.raises(LabelError, match="more than any label"):
        list(index.read(label))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"(NAME = FILE_NAME\s.*?BYTES = )60", r"\g<1>40"),
        (r"(NAME = FILE_NAME\s.*?START_BYTE = )2\b", r"\g<1>3"),
        (r"(NAME = START_TIME\s.*?BYTES = )24", r"\g<1>19"),
        # Whole words: SOLAR, and not SOLAR WIND; WIND.
        (r"(NAME = TARGET_NAME\s.*?BYTES = )16", r"\g<1>5"),
        (r"(NAME = TARGET_NAME\s.*?BYTES = )16", r"\g<1>6"),
        (r"(NAME = SLIT_STATE\s.*?BYTES = )16", r"\g<1>7"),
    ],
)
def test_columns_that_their_label_cuts(tmp_path: Path, old: str, new: str):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    text, count = re.subn(old, new, label.read_text(), flags=re.DOTALL)
    assert count == 1
    label.write_text(text)
    with pytest.raises(LabelError, match="is part of a value"):
        list(index.read(label))


@pytest.mark.parametrize(("start", "width"), [(2, 59), (1, 62), (2, 61)])
def test_columns_with_quotes_or_without_blanks_are_whole(tmp_path: Path, start: int, width: int):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    before = repr([*index.read(label)])
    text = label.read_text().replace("START_BYTE = 2\n", f"START_BYTE = {start}\n")
    label.write_text(text.replace("BYTES = 60", f"BYTES = {width}"))
    assert repr([*index.read(label)]) == before


def test_a_table_without_delimiters(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    before = repr([*index.read(label)])
    table = label.with_suffix(".TAB")
    table.write_bytes(re.sub(rb'[",]', b" ", table.read_bytes()))
    assert repr([*index.read(label)]) == before


@pytest.mark.parametrize("read", [b"SATURN, RINGS", b"SATURN"])
@pytest.mark.parametrize("note", [b"a, b", b'"a b"', b"a,", b'5" wide', b"a \x7f \x9b"])
def test_a_table_without_delimiters_may_have_some_in_its_values(
    tmp_path: Path, note: bytes, read: bytes
):
    parts = {"FILE_NAME": (40, b"DATA/D2017_258/FUV2017_258_07_15.LBL"), "TARGET_NAME": (13, read)}
    parts |= {"START_TIME": (21, b"2017-258T07:15:04.442"), "NOTE": (12, note)}
    folder = tmp_path / "COUVIS_0060" / "INDEX"
    folder.mkdir(parents=True)
    row = b"".join(value.ljust(width) for width, value in parts.values()) + b"\r\n"
    (folder / "INDEX.TAB").write_bytes(row)
    columns, at = "", 1
    for name, (width, _) in parts.items():
        columns += f"OBJECT = COLUMN\nNAME = {name}\nSTART_BYTE = {at}\nBYTES = {width}\n"
        columns += "END_OBJECT = COLUMN\n"
        at += width
    label = folder / "INDEX.LBL"
    label.write_text(
        f'PDS_VERSION_ID = PDS3\n^INDEX_TABLE = "INDEX.TAB"\nOBJECT = INDEX_TABLE\nROWS = 1\n'
        f"ROW_BYTES = {len(row)}\nCOLUMNS = 4\n{columns}END_OBJECT = INDEX_TABLE\nEND\n"
    )
    (found,) = index.read(label)
    assert (found.product, found.target) == ("FUV2017_258_07_15", read.decode())
    assert str(found.start) == "2017-09-15T07:15:04.442000000"


def test_the_column_that_is_wrong_is_named(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    text = label.read_text()
    at = text.index("NAME = TARGET_NAME")
    label.write_text(text[:at] + text[at:].replace("BYTES = 16", "BYTES = 3", 1))
    with pytest.raises(LabelError, match=r"row 1: the column TARGET_NAME, bytes \d+ to \d+, is"):
        list(index.read(label))


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (b'SATURN " ', "more than the value of one column, TARGET_NAME"),
        (b'" SATURN ', "more than the value of one column, TARGET_NAME"),
        (b"SATURN\x7f  ", "TARGET_NAME holds control characters"),
        (b"SAT\x9bURN  ", "TARGET_NAME holds control characters"),
    ],
)
def test_values_that_are_none(tmp_path: Path, new: bytes, reason: str):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    table = label.with_suffix(".TAB")
    data = table.read_bytes()
    assert b"SATURN   " in data
    table.write_bytes(data.replace(b"SATURN   ", new, 1))
    with pytest.raises(LabelError, match=reason):
        list(index.read(label))


def test_a_label_of_another_table(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    label.write_text(label.read_text().replace('"INDEX.TAB"', '"CUMINDEX.TAB"'))
    with pytest.warns(UvisWarning, match=r"'CUMINDEX\.TAB'; INDEX\.TAB beside it is read"):
        assert len(list(index.read(label))) == 3
    label.write_text(label.read_text().replace('"CUMINDEX.TAB"', '"index.tab"'))
    assert len(list(index.read(label))) == 3


@pytest.mark.parametrize("rest", [b'"/COUVIS_0060/DATA/D20', b"x"])
def test_a_part_of_a_row_at_the_end(tmp_path: Path, rest: bytes):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    with label.with_suffix(".TAB").open("ab") as stream:
        stream.write(rest)
    with pytest.warns(UvisWarning, match="a part of a row more than the 3 of its label"):
        assert len(list(index.read(label))) == 3


@pytest.mark.parametrize("rest", [b"\r\n", b"\x1a", b"\0" * 20])
def test_signs_of_an_end_are_no_part_of_a_row(tmp_path: Path, rest: bytes):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    with label.with_suffix(".TAB").open("ab") as stream:
        stream.write(rest)
    assert len(list(index.read(label))) == 3


def test_line_ends_that_an_editor_has_changed(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    expected = str(list(index.read(label)))
    table = label.with_suffix(".TAB")
    table.write_bytes(table.read_bytes().replace(b"\r\n", b"\n"))
    assert str(list(index.read(label))) == expected
    # As many bytes are missing, but not those of the ends.
    table.write_bytes(b"x" * table.stat().st_size)
    with pytest.raises(LabelError, match=r"row 1: the table is truncated"):
        list(index.read(label))


def test_a_table_that_a_spreadsheet_has_saved(tmp_path: Path):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    table = label.with_suffix(".TAB")
    table.write_bytes(table.read_bytes().replace(b" ", b"").replace(b'"', b""))
    with pytest.raises(LabelError, match="all rows are there, but not of that length, as where a"):
        list(index.read(label))


@pytest.mark.parametrize(
    ("pointer", "said"), [('("INDEX.TAB")', ""), ('("INDEX.TAB", 1, 2)', "and where it begins")]
)
def test_a_pointer_in_parentheses(tmp_path: Path, pointer: str, said: str):
    label = write_index(tmp_path / "COUVIS_0060", ROWS)
    text = label.read_text()
    label.write_text(text.replace('^INDEX_TABLE = "INDEX.TAB"', f"^INDEX_TABLE = {pointer}"))
    if said:
        with pytest.raises(LabelError, match=said):
            list(index.read(label))
    else:
        assert len(list(index.read(label))) == 3
