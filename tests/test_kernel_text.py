"""What text kernels set, as SPICE itself sees it, and how a cut shows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import spiceypy
from helpers import tinykernels as tiny

from uvisxr.errors import KernelError
from uvisxr.kernels import session
from uvisxr.kernels.text import parse

WHOLE = rb"""KPL/PCK
NOT_THIS = 1
\begindata
A = ( 1, 2
  3 )
 B+='it''s ( odd = '
C = ( 'x' 'y)'

  'z' )
\begintext
NOR = 2x
  \begindata
E_/-=17
G = ( +1. -.5d-3,1E+5 )
F = ( @1972-JAN-1
\begintext
in the middle of a list
\begindata
 @1973-JAN-1 )
"""


def _in_spice(path: Path) -> set[str]:
    spiceypy.furnsh(str(path))
    try:
        return set(spiceypy.gnpool("*", 0, 99))
    finally:
        spiceypy.kclear()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_variables_are_those_of_spice(tmp_path: Path, end: bytes):
    path = tmp_path / "x.tpc"
    path.write_bytes(WHOLE.replace(b"\n", end))
    found = parse(path.read_bytes())
    assert found.variables == _in_spice(path) == {"A", "B", "C", "E_/-", "F", "G"}
    assert (found.fault, found.closed) == ("", False)
    assert parse(WHOLE + b"\\begintext\n").closed
    assert not parse(WHOLE + b"\\begintext\nwords").closed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"A = ( 1 2\n", "the list of A has no end"),
        (b"A = ( 1 2\n\\begintext\n", "the list of A has no end"),
        (b"A = ( 1 2\nB = 3\n", "the list of A has no end"),
        (b"A = ( 'x'\n 'y\n", "a string of A has no end"),
        (b"A = 'abc\nB = 1\n", "a string of A has no end"),
        (b"A = 1 )\n", "line 3 ends a list of A that never began"),
        (b"A = ( 1 2 )\n 3 )\n", "line 4 ends a list of A that never began"),
        (b"A = ( 1 2 ) B = 3\n", "line 3 goes on after the list of A"),
        (b"A = ( 1 ( 2 )\n", "line 3 begins a list in the list of A"),
        (b"A = ( 1\n ( 2 )\n", "line 4 begins a list in the list of A"),
        (b"A = ( " + b"1" * 30_000 + b"x )\n", "line 3 has '111"),
        (b"\n" * 250_000 + b"A = 1\n", "it has 250003 lines, more than 200000"),
        (b"A = ( 1\n 2 ) 3\n", "line 4 goes on after the list of A"),
        (b"A = ( 1 2" + b" " * 130 + b"3 )\n", "line 3 has more than 132 characters"),
        (b"A = '" + b"x" * 81 + b"'\n", "string in line 3 has more than the 80 characters"),
        (b"A = '\xf2'\n", "string in line 3 has characters that are not ASCII"),
        (b"A\xf2 = 1\n", "line 3 has the byte 242"),
        (b"A = 1\x00\n", "line 3 has the byte 0"),
        (b"A = ( 256.6 251.4 248.3e )\n", "line 3 has '248.3e' for A, which is no number"),
        (b"A = ( 1\n  2 3_0 )\n", "line 4 has '3_0' for A, which is no number"),
        (b"BODY602_PM = ( @2000-JAN-3 1 )\n", "line 3 has '@2000-JAN-3' for BODY602_PM"),
        (b"A = = 1\n", "line 3 has '=' for A"),
        (b"A = 1\nB = 17", "last line has no line end, so SPICE ignores it"),
        (b"A = ( 1 2 )", "last line has no line end, so SPICE ignores it"),
    ],
)
def test_what_shows_a_cut(tmp_path: Path, content: bytes, words: str):
    path = tmp_path / "x.tpc"
    path.write_bytes(b"KPL/PCK\n\\begindata\n" + content)
    start = time.process_time()
    with pytest.raises(KernelError, match=rf"x\.tpc is truncated or corrupt: .*{words}"):
        session.check_file(path)
    assert time.process_time() - start < 2


def test_a_clock_cut_anywhere_in_its_data_is_told_or_lacks_variables(tmp_path: Path):
    path = tmp_path / "x.tsc"
    content = tiny.SCLK.encode()
    for size in range(content.index(b"\\begindata"), content.rindex(b")")):
        path.write_bytes(content[:size])
        try:
            assert "SCLK01_COEFFICIENTS_82" not in session.sets(path)
        except KernelError:
            continue


def test_an_unknown_type_is_a_text_kernel(tmp_path: Path):
    path = tiny.text(tmp_path / "x.txt", "XX", A="1")
    assert session.check_file(path) == "TEXT" and session.sets(path) == {"A"}
