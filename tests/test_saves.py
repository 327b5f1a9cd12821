"""Save files whose claims do not fit their bytes."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from uvisxr.calibration import formats, saves
from uvisxr.calibration.saves import Broken
from uvisxr.errors import CalibrationError
from uvisxr.simulate import idlsave

ROW = np.dtype([("ratio", "f4", (1024,)), ("desc", [("sctime_sec_start", "i4")])])


@pytest.fixture
def raw(tmp_path: Path) -> bytes:
    rows = np.ones(3, ROW)
    rows["desc"]["sctime_sec_start"] = (300, 100, 200)
    return idlsave.write(tmp_path / "sound.sav", {"arr_fuv": rows}).read_bytes()


def packed(raw: bytes, body: bytes | None = None) -> bytes:
    """A file's one variable, compressed."""
    (stop,) = struct.unpack(">I", raw[8:12])
    body = zlib.compress(raw[20:stop]) if body is None else body
    end = struct.pack(">iIIi", 6, 0, 0, 0)
    return b"SR\0\6" + struct.pack(">iIIi", 2, 20 + len(body), 0, 0) + body + end


def record(kind: int, at: int, body: bytes = b"") -> bytes:
    return struct.pack(">iIIi", kind, at + 16 + len(body), 0, 0) + body


def test_sound_files(raw: bytes, tmp_path: Path):
    saves.check(raw)
    saves.check(packed(raw))
    path = tmp_path / "packed.sav"
    path.write_bytes(packed(raw))
    np.testing.assert_array_equal(formats.read_spica(path, "FUV").sclk, [100, 200, 300])


def test_any_cut(raw: bytes):
    for length in (*range(200), len(raw) - 20, len(raw) - 1):
        with pytest.raises(Broken):
            saves.check(raw[:length])


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (struct.pack(">iIIi", 2, 4, 0, 0), "ends at 4"),
        (record(16, 0, struct.pack(">6i", 1, 0, 10, 0, 7, 1)), "kind 16"),
        (record(12, 0), "kind 12"),
        (record(2, 0, struct.pack(">i4s4i", 1, b"P\0\0\0", 10, 0, 7, 1)), "pointers"),
        (record(2, 0, struct.pack(">i4s2i", 1, b"P\0\0\0", 3, 2)), "system variables"),
    ],
)
def test_records_that_lead_back_or_are_not_read(raw: bytes, added: bytes, said: str):
    at = len(raw) - 16
    kind, stop = struct.unpack(">iI", added[:8])
    if stop > 4:
        added = struct.pack(">iI", kind, at + len(added)) + added[8:]
    with pytest.raises(Broken, match=said):
        saves.check(raw[:at] + added + raw[at:])


def test_more_elements_than_bytes(raw: bytes):
    at = raw.index(struct.pack(">i", 8), 36) + 8
    for k in range(8):
        for value in (-1, 0, 2**16, 2**31 - 1):
            changed = bytearray(raw)
            changed[at + 4 * k : at + 4 * k + 4] = struct.pack(">i", value)
            try:
                saves.check(bytes(changed))
            except Broken:
                continue
            # Words that nobody takes.
            assert k in (0, 3, 4, 7)


def test_a_record_that_unpacks_without_bounds(raw: bytes):
    with pytest.raises(Broken, match="more than"):
        saves.check(packed(raw, zlib.compress(bytes(saves.MOST + 2**20))))
    with pytest.raises(Broken, match="damaged"):
        saves.check(packed(raw, b"no stream at all"))


def test_the_error_names_the_file(raw: bytes, tmp_path: Path):
    path = tmp_path / "cut.sav"
    path.write_bytes(raw[:-30])
    with pytest.raises(CalibrationError, match=r"cut\.sav: a broken IDL save file"):
        formats.read_spica(path, "FUV")
