"""Variables of SPICE's pool: what the geometry takes is what it can be, or an error names it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spiceypy
from helpers import tinykernels as tiny

from uvisxr.errors import KernelError
from uvisxr.geometry import ephemeris
from uvisxr.kernels.pool import fixed_to, is_set, numbers
from uvisxr.kernels.session import loaded

BUS = {
    "FRAME_CASSINI_SC_COORD": "-82000",
    "FRAME_-82000_NAME": "'CASSINI_SC_COORD'",
    "FRAME_-82000_CLASS": "3",
    "FRAME_-82000_CLASS_ID": "-82000",
    "FRAME_-82000_CENTER": "-82",
}
VIEW = {
    "FRAME_CASSINI_UVIS_FUV": "-82840",
    "FRAME_-82840_NAME": "'CASSINI_UVIS_FUV'",
    "FRAME_-82840_CLASS": "4",
    "FRAME_-82840_CLASS_ID": "-82840",
    "FRAME_-82840_CENTER": "-82",
    "TKFRAME_-82840_SPEC": "'ANGLES'",
    "TKFRAME_-82840_RELATIVE": "'CASSINI_SC_COORD'",
    "TKFRAME_-82840_ANGLES": "( 0 90 0 )",
    "TKFRAME_-82840_AXES": "( 1 2 3 )",
    "TKFRAME_-82840_UNITS": "'DEGREES'",
}


@pytest.fixture(autouse=True)
def _clean_spice():
    spiceypy.kclear()
    yield
    assert not spiceypy.failed() and not spiceypy.ktotal("ALL")


def test_numbers_are_as_many_and_as_large_as_they_may_be(tmp_path: Path):
    first = tiny.text(tmp_path / "a.tpc", "PCK", A="( 1 2 3 )", W="'word'")
    second = tiny.text(tmp_path / "b.tpc", "PCK", B="-1")
    with loaded([first, second]):
        assert numbers("A", {3}, 1, 3).tolist() == [1, 2, 3]
        assert numbers("A", {3}, (1, 2, 3), (1, 2, 3)).tolist() == [1, 2, 3]
        for counts, least, most in (({2, 4}, 1, 3), ({3}, 1.1, 3), ({3}, 1, (1, 2, 2.9))):
            with pytest.raises(KernelError, match=rf"A of {first} is \( 1\.0 2\.0 3\.0 \)"):
                numbers("A", counts, least, most)
        with pytest.raises(KernelError, match=rf"B of {second} is \( -1\.0 \)"):
            numbers("B", {1}, 0)
        with pytest.raises(KernelError, match=rf"W of {first} is \( word \)"):
            numbers("W", {1}, 0)
        with pytest.raises(KernelError, match="do not set C"):
            numbers("C", {1}, 0)
        assert is_set("A") and is_set("W") and not is_set("C")


def test_what_two_files_or_the_user_set_is_named_too(tmp_path: Path):
    first = tiny.text(tmp_path / "a.tpc", "PCK", A="( 1 2 3 )")
    second = tmp_path / "b.tpc"
    second.write_text("KPL/PCK\n\\begindata\nA += 4\n\\begintext\n")
    with loaded([first, second]):
        with pytest.raises(KernelError, match=rf"A of {second} is \( 1\.0 2\.0 3\.0 4\.0 \)"):
            numbers("A", {3}, 0)
        spiceypy.pdpool("MINE", [1.0])
        with pytest.raises(KernelError, match="MINE of SPICE's pool"):
            numbers("MINE", {3}, 0)


def test_many_values_are_not_all_shown(tmp_path: Path):
    file = tiny.text(tmp_path / "a.tpc", "PCK", A="( " + "1\n" * 5000 + " )")
    with loaded([file]), pytest.raises(KernelError) as caught:
        numbers("A", {3}, 0)
    assert len(str(caught.value).removeprefix(str(file))) < 300


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {
            "TKFRAME_-82840_SPEC": "'MATRIX'",
            "TKFRAME_-82840_MATRIX": "( 1 0 0  0 0.6 0.8  0 -0.8 0.6 )",
        },
        {"TKFRAME_-82840_SPEC": "'QUATERNION'", "TKFRAME_-82840_Q": "( 0.6 0 0 -0.8 )"},
    ],
)
def test_a_frame_is_fixed_to_the_bus(tmp_path: Path, changed: dict[str, str]):
    with loaded([tiny.text(tmp_path / "a.tf", "FK", **BUS | VIEW | changed)]):
        assert fixed_to("CASSINI_UVIS_FUV") == ("CASSINI_SC_COORD", 3, -82000)
        assert fixed_to("J2000")[:2] == ("J2000", 1)
        assert spiceypy.pxform("CASSINI_UVIS_FUV", "CASSINI_SC_COORD", 0.0).shape == (3, 3)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"FRAME_CASSINI_SC_COORD": "1"}, "fix the frame CASSINI_UVIS_FUV to J2000"),
        ({"FRAME_CASSINI_SC_COORD": "-1"}, "do not define the frame CASSINI_SC_COORD"),
        ({"FRAME_CASSINI_UVIS_FUV": "1E300"}, "do not define the frame CASSINI_UVIS_FUV as SPICE"),
        ({"FRAME_-82000_CLASS_ID": "( 1 2 )"}, "do not define the frame CASSINI_SC_COORD as SPICE"),
        ({"FRAME_-82000_CLASS_ID": "-5"}, "fix the frame CASSINI_UVIS_FUV to CASSINI_SC_COORD"),
        ({"FRAME_-82000_NAME": "5"}, "do not define the frame CASSINI_SC_COORD"),
        ({"TKFRAME_-82840_RELATIVE": "'CASSINI_UVIS_FUV'"}, "is turned from itself"),
        ({"TKFRAME_-82840_RELATIVE": "( 'A' 'B' )"}, r"_RELATIVE of .*a\.tf is \( A B \)"),
        ({"TKFRAME_-82840_SPEC": "5"}, r"_SPEC of .*a\.tf is \( 5\.0 \)"),
        ({"TKFRAME_-82840_UNITS": "5"}, r"_UNITS of .*a\.tf is \( 5\.0 \)"),
        ({"TKFRAME_-82840_ANGLES": "( 0 90 )"}, r"_ANGLES of .*a\.tf is \( 0\.0 90\.0 \)"),
        ({"TKFRAME_-82840_ANGLES": "( 0 90 1E300 )"}, r"_ANGLES of .*a\.tf"),
        *(
            ({"TKFRAME_-82840_AXES": axes}, r"_AXES of .*a\.tf")
            for axes in ("( 1 2 4 )", "( 1.5 2 3 )", "( 3 3 1 )")
        ),
        (
            {"TKFRAME_-82840_SPEC": "'MATRIX'", "TKFRAME_-82840_MATRIX": "( -1 0 0 0 1 0 0 0 1 )"},
            r"_MATRIX of .*a\.tf",
        ),
        (
            {"TKFRAME_-82840_SPEC": "'MATRIX'", "TKFRAME_-82840_MATRIX": "( 1 0 0 0 1 0 0 1 1 )"},
            r"_MATRIX of .*a\.tf",
        ),
        (
            {"TKFRAME_-82840_SPEC": "'QUATERNION'", "TKFRAME_-82840_Q": "( 1 0 0 1 )"},
            r"_Q of .*a\.tf",
        ),
        ({"TKFRAME_-82840_SPEC": "'QUATERNION'"}, "do not set TKFRAME_-82840_Q"),
    ],
)
def test_a_frame_that_is_no_whole_one(tmp_path: Path, changed: dict[str, str], words: str):
    kernel = tiny.text(tmp_path / "a.tf", "FK", **BUS | VIEW | changed)
    with loaded([kernel]), pytest.raises(KernelError, match=words):
        ephemeris.pointing("CASSINI_UVIS_FUV", np.zeros(1))


def test_turns_may_go_by_the_name_of_a_frame(tmp_path: Path):
    mine = {
        name.replace("CASSINI_UVIS_FUV", "MINE").replace("TKFRAME_-82840", "TKFRAME_MINE"): value
        for name, value in (VIEW | {"FRAME_-82840_NAME": "'MINE'"}).items()
    }
    with loaded([tiny.text(tmp_path / "a.tf", "FK", **BUS | mine)]):
        assert fixed_to("MINE")[0] == spiceypy.frmnam(spiceypy.tkfram(-82840)[1])
