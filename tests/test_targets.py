"""One name for all spellings of a target."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from uvisxr.targets import canonical, is_body, suggested


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        (("ATLAS:", "Atlas", " atlas "), "ATLAS"),
        (("DA", "Daphnis", "da"), "DAPHNIS"),
        (("S RINGS", "Saturn Rings", "S_RINGS", "saturn  rings"), "S RINGS"),
        (("J RINGS", "JUPITER RINGS"), "J RINGS"),
        (("IPH", "Interplanetary Hydrogen"), "IPH"),
        (("CALIB", "Calibration"), "CALIB"),
        (("UNK", "Unknown"), "UNK"),
        (("N/A",), "N/A"),
        (("",), ""),
    ],
)
def test_one_name_for_all_spellings(spellings: tuple[str, ...], name: str):
    assert {canonical(text) for text in spellings} == {name}
    assert canonical(name) == name


def test_a_planet_is_not_its_rings():
    assert canonical("SATURN") != canonical("S RINGS")


def test_targets_of_the_archive(data: Path):
    """None of them has two names; those that are no body are a quarter of the rows."""
    with (data / "archive" / "target_names.csv").open() as stream:
        rows = {row["target_name"]: int(row["rows"]) for row in csv.DictReader(stream)}
    assert len({canonical(name) for name in rows}) == len(rows)
    without = sum(count for name, count in rows.items() if not is_body(name))
    assert 0.2 < without / sum(rows.values()) < 0.3


def test_names_that_are_misspelt():
    assert suggested("ENCELADIS") == "; did you mean 'ENCELADUS'?"
    assert not any(map(suggested, ("Titan", "saturn_rings", "DA", "XQZW")))
