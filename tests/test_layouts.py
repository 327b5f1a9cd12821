"""The division of data by types of segments: what SPICE writes passes, damaged files do not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import spiceypy

from uvisxr.errors import KernelError
from uvisxr.kernels import daf, layouts, session

#: More records than two marks of a directory.
N = 250
TIMES = np.arange(N) * 10.0
SPAN = (0.0, TIMES[-1])
STATES = np.tile([7000.0, 1.0, 2.0, 0.1, 7.5, 0.2], (N, 1))
TURNS = np.tile([0.6, 0.0, 0.8, 0.0], (N, 1))
RATES = np.zeros((N, 3))
HEAD = (606, 6, "J2000", *SPAN, "x")
CHEBYSHEV = np.tile([1.0, 0.1, 0.01], (N, 1)).ravel()
ORBIT = [1e5, 0.1, 0.0, 1.0, 0.0, 1e-4, 0.0, 0.0, 0.0]

SPK: dict[int, Callable[[int], None]] = {
    2: lambda h: spiceypy.spkw02(h, *HEAD, 10.0, N, 2, np.tile(CHEBYSHEV[:9], N), 0.0),
    3: lambda h: spiceypy.spkw03(h, *HEAD, 10.0, N, 2, np.tile(CHEBYSHEV[:18], N), 0.0),
    5: lambda h: spiceypy.spkw05(h, *HEAD, 3.8e7, N, STATES, TIMES),
    8: lambda h: spiceypy.spkw08(h, *HEAD, 3, N, STATES, 0.0, 10.0),
    9: lambda h: spiceypy.spkw09(h, *HEAD, 3, N, STATES, TIMES),
    12: lambda h: spiceypy.spkw12(h, *HEAD, 3, N, STATES, 0.0, 10.0),
    13: lambda h: spiceypy.spkw13(h, *HEAD, 3, N, STATES, TIMES),
    15: lambda h: spiceypy.spkw15(
        h, *HEAD, 0.0, [0, 0, 1.0], [1.0, 0, 0], 1e5, 0.1, 0.0, [0, 0, 1.0], 3.8e7, 0.0, 6e4
    ),
    17: lambda h: spiceypy.spkw17(h, *HEAD, 0.0, ORBIT, 0.0, 1.5),
    18: lambda h: spiceypy.spkw18(h, 1, *HEAD, 3, STATES, TIMES),
    20: lambda h: spiceypy.spkw20(
        h,
        *HEAD,
        10.0 / 86400,
        N,
        2,
        np.tile([*CHEBYSHEV[:9], 1, 2, 3], N),
        1.0,
        1.0,
        2451545.0,
        0.0,
    ),
}
CK: dict[int, Callable[[int], None]] = {
    1: lambda h: spiceypy.ckw01(h, *SPAN, -82000, "J2000", True, "x", N, TIMES, TURNS, RATES),
    2: lambda h: spiceypy.ckw02(
        *(
            h,
            0.0,
            TIMES[-1] + 5,
            -82000,
            "J2000",
            "x",
            N,
            TIMES,
            TIMES + 5,
            TURNS,
            RATES,
            np.full(N, 0.01),
        )
    ),
    3: lambda h: spiceypy.ckw03(
        *(h, *SPAN, -82000, "J2000", True, "x", N, TIMES, TURNS, RATES, N // 2, TIMES[::2].copy())
    ),
    5: lambda h: spiceypy.ckw05(
        *(h, 1, 3, *SPAN, -82000, "J2000", True, "x", TIMES, TURNS, 1.0, 1, np.zeros(1))
    ),
}
CASES = [*(("spk", number) for number in SPK), *(("ck", number) for number in CK)]


def _write(path: Path, kind: str, number: int) -> None:
    handle = (spiceypy.spkopn if kind == "spk" else spiceypy.ckopn)(str(path), "x", 0)
    (SPK if kind == "spk" else CK)[number](handle)
    (spiceypy.spkcls if kind == "spk" else spiceypy.ckcls)(handle)


def _addresses(content: bytes) -> tuple[int, int]:
    (record,) = struct.unpack_from("<i", content, 76)
    begin, end = struct.unpack_from("<2i", content, 1024 * (record - 1) + 24 + 32)
    return begin, end


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_what_spice_writes_passes_and_what_it_never_does_is_told(
    tmp_path: Path, kind: str, number: int
):
    path = tmp_path / "a.bin"
    _write(path, kind, number)
    daf.check_numbers(path)
    content = path.read_bytes()
    begin, end = _addresses(content)
    # In those of one orbit, and in intervals without a count, there is no number of records.
    if (kind, number) not in (("spk", 15), ("spk", 17), ("ck", 2)):
        for value in (0.0, N + 1.0, 1e18, np.nan, -1.0):
            damaged = bytearray(content)
            struct.pack_into("<d", damaged, 8 * (end - 1), value)
            path.write_bytes(damaged)
            with pytest.raises(KernelError, match=f"a segment of type {number} has "):
                daf.check(path)
    damaged = bytearray(content)
    struct.pack_into("<d", damaged, 8 * (begin - 1) + 32, np.inf)
    path.write_bytes(damaged)
    with pytest.raises(KernelError, match=f"a segment of type {number} has "):
        daf.check_numbers(path)


@pytest.mark.parametrize(
    ("number", "back", "value", "words"),
    [
        (13, 2, 300.0, "has 300 as half a degree"),
        (9, 2, 28.0, "has 28 as degree"),
        (2, 2, 250.0, "has 250 numbers in a record"),
        (2, 3, 0.0, "has intervals of 0 s"),
        (2, 4, 500.0, "but has data from 500"),
        (8, 3, np.nan, "has steps of nan s"),
        (13, 3, 7.0, "has a directory of other times"),
        (13, 5, 7.0, "has times that do not rise"),
    ],
)
def test_other_numbers_that_divide(
    tmp_path: Path, number: int, back: int, value: float, words: str
):
    path = tmp_path / "a.bsp"
    _write(path, "spk", number)
    content = bytearray(path.read_bytes())
    struct.pack_into("<d", content, 8 * (_addresses(content)[1] - back), value)
    path.write_bytes(content)
    with pytest.raises(KernelError, match=words):
        session.check_file(path)


def test_an_infinite_time_of_an_interval(tmp_path: Path):
    # SPICE ends the process when it tells of it.
    path = tmp_path / "a.bc"
    _write(path, "ck", 3)
    content = bytearray(path.read_bytes())
    struct.pack_into("<d", content, 8 * (_addresses(content)[0] - 1 + 7 * N + 9), -np.inf)
    path.write_bytes(content)
    with pytest.raises(KernelError, match="has times that do not rise"):
        session.check_file(path)


@pytest.mark.parametrize(("kind", "number"), [("spk", 14), ("spk", 19), ("spk", 0), ("ck", 6)])
def test_a_type_that_is_not_known(tmp_path: Path, kind: str, number: int):
    path = tmp_path / "a.bin"
    _write(path, kind, 3)
    content = bytearray(path.read_bytes())
    (record,) = struct.unpack_from("<i", content, 76)
    at = 1024 * (record - 1) + 24 + 16 + 4 * (3 if kind == "spk" else 2)
    struct.pack_into("<i", content, at, number)
    path.write_bytes(content)
    with pytest.raises(KernelError, match=f"of type {number}, which there is not, or not in"):
        session.check_file(path)


def test_orientations_of_another_length(tmp_path: Path):
    path = tmp_path / "a.bc"
    _write(path, "ck", 3)
    content = bytearray(path.read_bytes())
    struct.pack_into("<d", content, 8 * (_addresses(content)[0] - 1), 3.0)
    path.write_bytes(content)
    assert session.check_file(path) == "CK"
    with (
        pytest.raises(KernelError, match=r"a\.bc is .* quaternions of another length"),
        session.loaded([path]),
    ):
        pytest.fail("loaded")


def test_records_of_other_times(tmp_path: Path):
    path = tmp_path / "a.bsp"
    _write(path, "spk", 2)
    content = bytearray(path.read_bytes())
    struct.pack_into("<d", content, 8 * (_addresses(content)[0] - 1), 6.0)
    path.write_bytes(content)
    with pytest.raises(KernelError, match="has records of other times"):
        daf.check_numbers(path)


@pytest.mark.parametrize("word", [b"DAS/DSK ", b"DAS/EK  ", b"NAIF/DAS"])
def test_shapes_and_events_are_not_given_to_spice(tmp_path: Path, word: bytes):
    path = tmp_path / "a.bds"
    path.write_bytes(word + bytes(2040))
    with pytest.raises(KernelError, match="the geometry does not use it"):
        session.check_file(path)


@pytest.mark.parametrize("number", [number for number in SPK if number not in (15, 17)])
def test_a_hole_of_zeros_among_positions(tmp_path: Path, number: int):
    path = tmp_path / "a.bsp"
    _write(path, "spk", number)
    content = bytearray(path.read_bytes())
    at = 8 * (_addresses(content)[0] - 1 + 200)
    content[at : at + 512] = bytes(512)
    path.write_bytes(content)
    assert session.check_file(path) == "SPK"
    # Where records have fewer numbers than the hole, one has lost its time.
    known = "records of other times|has a hole: .*, from byte"
    with pytest.raises(KernelError, match=rf"a\.bsp is .* segment of type {number} .*({known})"):
        daf.check_numbers(path)


@pytest.mark.parametrize("number", [2, 3, 5, 8, 9, 12, 13, 18, 20])
def test_a_body_may_rest_where_its_positions_count_from(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
):
    here = globals()
    monkeypatch.setitem(here, "STATES", np.zeros_like(STATES))
    monkeypatch.setitem(here, "CHEBYSHEV", np.zeros(750))
    if number in (2, 3):
        # As many coefficients as make a run of zeros in each record.
        writer = {2: spiceypy.spkw02, 3: spiceypy.spkw03}[number]
        rest = np.zeros(N * 25 * 3 * (number - 1))
        monkeypatch.setitem(SPK, number, lambda h: writer(h, *HEAD, 10.0, N, 24, rest, 0.0))
    if number == 20:
        args = (10.0 / 86400, N, 2, np.zeros(N * 12), 1.0, 1.0, 2451545.0, 0.0)
        monkeypatch.setitem(SPK, 20, lambda h: spiceypy.spkw20(h, *HEAD, *args))
    path = tmp_path / "a.bsp"
    _write(path, "spk", number)
    daf.check_numbers(path)


@pytest.mark.parametrize("number", list(CK))
def test_a_hole_of_zeros_among_orientations(tmp_path: Path, number: int):
    path = tmp_path / "a.bc"
    _write(path, "ck", number)
    content = bytearray(path.read_bytes())
    # A record begins here, be it of 4, 7 or 8 numbers.
    at = 8 * (_addresses(content)[0] - 1 + 168)
    content[at : at + 32] = bytes(32)
    path.write_bytes(content)
    with pytest.raises(KernelError, match="orientations that are none"):
        daf.check_numbers(path)


def test_a_hole_where_what_is_read_at_once_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layouts, "_BLOCK", 100)
    path = tmp_path / "a.bsp"
    _write(path, "spk", 13)
    whole = path.read_bytes()
    begin = _addresses(whole)[0]
    for first in range(24, 160, 7):
        content = bytearray(whole)
        at = 8 * (begin - 1 + first)
        content[at : at + 512] = bytes(512)
        path.write_bytes(content)
        with pytest.raises(KernelError, match=f"from byte {at} of the file"):
            daf.check_numbers(path)
