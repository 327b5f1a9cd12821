"""Names of targets: bodies, bodies of which only the place is known, and what is no body."""

from __future__ import annotations

from pathlib import Path

import pytest
import spiceypy
from helpers import tinykernels as tiny

from uvisxr.errors import ArgumentError, KernelError
from uvisxr.kernels.bodies import Body, Point, named, resolve
from uvisxr.kernels.session import loaded
from uvisxr.targets import is_body


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("Titan", "TITAN", 606),
        ("ATLAS:", "ATLAS", 615),
        ("DA", "DAPHNIS", 635),
        ("PO", "POLYDEUCES", 634),
        ("AG", "AEGAEON", 653),
        ("PL", "PALLENE", 633),
        ("ME", "METHONE", 632),
        ("AN", "ANTHE", 649),
        ("S RINGS", "SATURN", 699),
        ("S_RINGS", "SATURN", 699),
        ("Saturn  Rings", "SATURN", 699),
        ("J RINGS", "JUPITER", 599),
        ("URANUS RINGS", "URANUS", 799),
        ("N RINGS", "NEPTUNE", 899),
        ("saturn_barycenter", "SATURN_BARYCENTER", 6),
    ],
)
def test_names_of_labels_and_their_codes(text: str, name: str, code: int):
    assert is_body(text)
    assert named(text) == (name, code)


@pytest.mark.parametrize(
    "text",
    [
        *("SOLAR WIND", "solar_wind", "STAR", "Calib", "UNK", "N/A", "SKY", "IPH", "", " "),
        # As migrated labels have them (SETI, rms-data-projects, COUVIS/uvis_data_raw_labeler.py).
        *("Solar Wind", "Star", "Calibration", "Unknown"),
    ],
)
def test_what_is_no_body(text: str):
    assert not is_body(text)
    assert resolve(text) is None
    with pytest.raises(ArgumentError, match=r"is not a body: pass another target="):
        named(text)
    with pytest.raises(ArgumentError, match=r"is not a body: pass another target="):
        Body.of(text)


def test_a_name_that_nobody_knows_is_an_error():
    assert is_body("VULCAN")
    for ask in (named, resolve, Body.of):
        with pytest.raises(ArgumentError, match="does not know a body 'VULCAN'"):
            ask("VULCAN")


def test_a_name_from_the_users_kernels_is_taken_as_it_is(tmp_path: Path):
    mine = tiny.text(
        tmp_path / "mine.tf", "FK", NAIF_BODY_NAME="'MY_ROCK:'", NAIF_BODY_CODE="-9001"
    )
    with loaded([mine]):
        assert named("My_Rock:") == ("MY_ROCK:", -9001)


def test_what_the_constants_lack_is_said(tmp_path: Path):
    constants = tiny.text(
        tmp_path / "c.tpc",
        "PCK",
        BODY606_RADII="( 2575.0 2574.0 2573.0 )",
        BODY606_PM="( 1.0 2.0 0.0 )",
        BODY607_RADII="( 180.0 133.0 103.0 )",
        BODY609_PM="( 1.0 2.0 0.0 )",
    )
    with loaded([constants]):
        titan = resolve("TITAN")
        assert isinstance(titan, Body)
        assert (titan.code, titan.frame, titan.ringed) == (606, "IAU_TITAN", False)
        assert titan.radii.tolist() == [2575.0, 2574.0, 2573.0]
        assert resolve("HYPERION") == Point("HYPERION", 607, ("rotation",))
        assert resolve("PHOEBE") == Point("PHOEBE", 609, ("radii",))
        assert resolve("KIVIUQ") == Point("KIVIUQ", 624, ("radii", "rotation"))
        with pytest.raises(KernelError, match=r"no rotation for HYPERION.*constants kernel"):
            Body.of("HYPERION")
    assert not spiceypy.ktotal("ALL")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("BODY606_RADII", v) for v in ("2575", "( 2575 2574 )", "( 2575 2574 2573 1 )")),
        *(("BODY606_RADII", v) for v in ("( 0 0 0 )", "( 2575 -2574 2573 )", "( 1 1 1E300 )")),
        *(("BODY606_RADII", v) for v in ("'x'", "( 'a' 'b' 'c' )")),
        *((f"BODY606_{word}", "( 1 2 3 4 )") for word in ("PM", "POLE_RA", "POLE_DEC")),
        *((f"BODY606_{word}", "( 1E300 0 0 )") for word in ("PM", "POLE_RA", "POLE_DEC")),
        # An exponent lost, and the axes in another order.
        *(("BODY606_RADII", v) for v in ("( 2575 2574 2.573 )", "( 2375 2574 2673 )")),
        ("BODY606_POLE_DEC", "( 183.5 0 0 )"),
        ("BODY606_PM", "( 38.9 )"),
        ("BODY6_CONSTANTS_JED_EPOCH", "2433282.5"),
        ("BODY606_CONSTANTS_REF_FRAME", "2"),
        ("BODY606_PM", "'x'"),
        ("BODY606_NUT_PREC_RA", "'x'"),
        ("BODY6_NUT_PREC_ANGLES", "( 1E300 1 )"),
        ("OBJECT_606_FRAME", "1E300"),
    ],
)
def test_constants_that_cannot_be(tmp_path: Path, name: str, value: str):
    good = {"BODY606_RADII": "( 2575 2574 2573 )", "BODY606_PM": "( 1 2 0 )"}
    constants = tiny.text(tmp_path / "c.tpc", "PCK", **good | {name: value})
    with loaded([constants]), pytest.raises(KernelError, match=rf"{name} of {constants} is \( "):
        resolve("TITAN")


def test_a_body_that_does_not_turn(tmp_path: Path):
    constants = tiny.text(
        tmp_path / "c.tpc", "PCK", BODY606_RADII="( 1 1 1 )", OBJECT_606_FRAME="'J2000'"
    )
    with loaded([constants]), pytest.raises(KernelError, match="606, J2000, to the inertial J2000"):
        resolve("TITAN")


def test_a_body_does_not_turn_as_another(tmp_path: Path):
    pck = tiny.text(
        tmp_path / "c.tpc",
        "PCK",
        BODY606_RADII="( 1 1 1 )",
        BODY699_PM="( 38.9 810 )",
        OBJECT_606_FRAME="'IAU_SATURN'",
    )
    with (
        loaded([pck]),
        pytest.raises(KernelError, match=r"606 the frame IAU_SATURN, .* of another"),
    ):
        resolve("TITAN")
