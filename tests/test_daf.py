"""The check of binary kernels, on tiny ones with a single wrong number each."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from helpers import tinykernels as tiny

from uvisxr.errors import KernelError
from uvisxr.kernels import daf, session

FOREVER = (-1e9, 1e9)
#: Segments of which one summary record holds 25.
MANY = 60


@pytest.fixture
def spk(tmp_path: Path) -> Path:
    return tiny.spk(tmp_path / "a.bsp", *[(600 + n, 0, *FOREVER) for n in range(MANY)])


@pytest.fixture
def ck(tmp_path: Path) -> Path:
    return tiny.ck(tmp_path / "a.bc", (0.0, 100.0))


def _records(content: bytes) -> list[int]:
    """Where the summary records begin, bytes."""
    found = []
    (record,) = struct.unpack_from("<i", content, 76)
    while record:
        found.append((record - 1) * 1024)
        (after,) = struct.unpack_from("<d", content, found[-1])
        record = int(after)
    return found


def _write(path: Path, *changes: tuple[int, str, float]) -> None:
    content = bytearray(path.read_bytes())
    for at, form, value in changes:
        struct.pack_into(f"<{form}", content, at, value)
    path.write_bytes(content)


def test_whole_files_pass(spk: Path, ck: Path):
    assert len(_records(spk.read_bytes())) == 3
    daf.check(spk)
    daf.check(ck)


def _big_endian(content: bytes) -> bytes:
    """The same file of a machine with the other byte order."""
    turned = bytearray(content)
    turned[88:96] = b"BIG-IEEE"
    for at in (8, 12, 76, 80, 84):
        turned[at : at + 4] = turned[at : at + 4][::-1]
    records = _records(content)
    # Summary records, each followed by one of names, come before the data.
    for record in records:
        for at in range(record, record + 24, 8):
            turned[at : at + 8] = turned[at : at + 8][::-1]
        for at in range(record + 24, record + 1024, 40):
            for first, size in ((0, 8), (8, 8), *((16 + 4 * n, 4) for n in range(6))):
                part = slice(at + first, at + first + size)
                turned[part] = turned[part][::-1]
    names = {record + 1024 for record in records}
    for record in range(1024, len(content), 1024):
        if record not in names and record not in records:
            data = np.frombuffer(content, "<f8", 128, record).astype(">f8")
            turned[record : record + 1024] = data.tobytes()
    return bytes(turned)


def test_the_other_byte_order(spk: Path):
    spk.write_bytes(_big_endian(spk.read_bytes()))
    daf.check(spk)


@pytest.mark.parametrize("kind", ["spk", "ck"])
@pytest.mark.parametrize(
    ("at", "form", "value", "words"),
    [
        (8, "i", 34, "34 double numbers and 6 integers"),
        (8, "i", -1, "-1 double numbers"),
        (12, "i", 134, "2 double numbers and 134 integers"),
        (12, "i", 5, "2 double numbers and 5 integers"),
        (76, "i", 0, "last summary record is 0"),
        (76, "i", -5, "no record -5"),
        (76, "i", 10**8, "no record 100000000"),
        (80, "i", 1, "but its file record says 1"),
        (84, "i", 1, "its file record says 0"),
        (84, "i", 10**6, "its file record says 7999992"),
    ],
)
def test_a_wrong_file_record(
    kind: str, at: int, form: str, value: float, words: str, request: pytest.FixtureRequest
):
    path = request.getfixturevalue(kind)
    _write(path, (at, form, value))
    with pytest.raises(KernelError, match=f"{path.name} is truncated or corrupt.*{words}"):
        session.check_file(path)


@pytest.mark.parametrize(
    ("index", "at", "form", "value", "words"),
    [
        (0, 0, "d", float("nan"), "no record nan"),
        (0, 0, "d", 1e300, "no record 1e+300"),
        (0, 0, "d", 2.5, "no record 2.5"),
        (1, 8, "d", 0.0, "but says 0"),
        (2, 16, "d", 1e6, "has 1e+06 summaries, of 25 at most"),
        (2, 16, "d", -1.0, "has -1 summaries"),
        (2, 16, "d", float("nan"), "has nan summaries"),
        (2, 24, "d", float("nan"), "a segment lasts from nan to 1e+09"),
        (2, 24, "d", 2e9, "a segment lasts from 2e+09 to 1e+09"),
        (1, 64 + 16 + 4, "i", 626, "a segment places body 626 relative to itself"),
        (1, 24 + 24, "i", 17, "a segment is given in frame 17, not in J2000"),
        (1, 24 + 32, "i", -5, "a segment has the addresses -5 to"),
        (1, 24 + 36, "i", 2**30, "to 1073741824"),
    ],
)
def test_a_wrong_summary_record(
    spk: Path, index: int, at: int, form: str, value: float, words: str
):
    record = _records(spk.read_bytes())[index]
    _write(spk, (record + at, form, value))
    with pytest.raises(KernelError, match=re.escape(words)):
        session.check_file(spk)


@pytest.mark.parametrize("back_to", [0, 2])
def test_records_in_a_circle(spk: Path, back_to: int):
    records = _records(spk.read_bytes())
    _write(spk, (records[2], "d", records[back_to] / 1024 + 1))
    with pytest.raises(KernelError, match="go in a circle"):
        session.check_file(spk)


@pytest.mark.parametrize("first", [0, 1])
def test_segments_with_data_in_common(spk: Path, first: int):
    # Those of a summary record that all name one, or the end of the one before.
    content = spk.read_bytes()
    at = _records(content)[0] + 24 + 40 + 32
    begin, end = struct.unpack_from("<2i", content, at - 40)
    _write(spk, (at, "i", begin if first else end), (at + 4, "i", end))
    if not first:
        _write(spk, (at + 4, "i", end + 1))
    said = f"segments have the addresses {begin} to {end} and {begin if first else end} to"
    with pytest.raises(KernelError, match=f"truncated or corrupt: {said}"):
        daf.check(spk)


def test_a_byte_order_that_spice_does_not_read(spk: Path):
    content = bytearray(spk.read_bytes())
    content[88:96] = b"VAX-DFLT"
    spk.write_bytes(content)
    with pytest.raises(KernelError, match="VAX-DFLT"):
        session.check_file(spk)


@pytest.mark.parametrize("size", [9, 500, 1024, 2048, -1024])
def test_a_file_cut_short(spk: Path, size: int):
    spk.write_bytes(spk.read_bytes()[:size])
    with pytest.raises(KernelError, match="truncated or corrupt: it has"):
        session.check_file(spk)
