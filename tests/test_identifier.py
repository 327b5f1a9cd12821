"""Identifiers in the forms in which people write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from uvisxr.pds3.identifier import key, product_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FUV2009_173_15_16", "FUV2009_173_15_16"),
        (" euv2001_001_05_59 ", "EUV2001_001_05_59"),
        ("EUV2013_047_09_33_59", "EUV2013_047_09_33"),
        ("HDAC2009_173_15_16_31", "HDAC2009_173_15_16_31"),
        ("co-uvis-hsp2001_087_04_00", "HSP2001_087_04_00"),
        ("fuv2009-173-15-16", "FUV2009_173_15_16"),
        ("FUV_2009_173_15_16", "FUV2009_173_15_16"),
        ("FUV2006_015_15_51_PRIME", "FUV2006_015_15_51"),
        ("/COUVIS_0027/DATA/D2009_173/FUV2009_173_15_16.LBL", "FUV2009_173_15_16"),
        ("2009_173_15_16_fuv", "FUV2009_173_15_16"),
        ("urn:nasa:pds:cassini_uvis_cruise:data_raw_euv:2001_001_05_59_euv", "EUV2001_001_05_59"),
        ("FUV2005", None),
        ("../FUV2005_230_15_15", None),
        ("FUV2005_230_15_15.LBL", None),
        ("FUV2005_230_15_15_CAL_3", None),
        ("ISS2005_230_15_15", None),
        ("", None),
    ],
)
def test_forms(text: str, expected: str | None):
    assert product_id(text) == expected


def test_opus_and_the_archive_agree(data: Path):
    """The Ring-Moon Systems Node gives three names for each product."""
    found = sorted((data / "archive" / "opus").glob("*.json"))
    assert len(found) == 6
    for path in found:
        names = json.loads(path.read_text())["PDS Constraints"]
        forms = {product_id(names[key]) for key in ("opusid", "productid", "primaryfilespec")}
        assert forms == {names["productid"]}


@pytest.mark.parametrize(
    "text", ["FUV2005_230_15_15", "fuv2005_230_15_15_33", "FUV2005_230_15_15_PRIME"]
)
def test_what_is_added_makes_no_other_product(text: str):
    assert key(text) == "FUV2005_230_15_15"
    assert key("mine") == "MINE"


@pytest.mark.parametrize("added", ["", "_PRIME", "_CIRS", "_RADAR", "_INMS", "_PRIME_1", "_prime"])
def test_words_of_the_team_make_no_other_product(added):
    assert key(f"FUV2006_015_15_51{added}") == "FUV2006_015_15_51"


@pytest.mark.parametrize("name", ["FUV2006_015_15_51_CAL_3", "FUV2006_015_15_51_2", "FUV2006_015"])
def test_other_names_are_other_products(name):
    assert key(name) == name
