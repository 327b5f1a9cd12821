"""What columns hold: by the registry of the backplanes, in units that are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uvisxr.backplanes import registry
from uvisxr.fits import columns, layout

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "fits.md"

#: What units of FITS are called in the tree.
UNITS = {"deg": "degree", "h": "hour", "km/s": "km s-1", "": "1"}

ALL = [(table, column) for table, held in layout.TABLES.items() for column in held]


@pytest.mark.parametrize(("table", "column"), ALL, ids=lambda one: getattr(one, "name", one))
def test_a_column_is_a_field_of_the_backplanes_in_its_unit(table, column):
    plane = columns.plane(table, column)
    if column.name == "NAME":
        assert plane is None
        return
    # A place among the exposures is a number, and FITS calls it a pixel of the cube.
    unit = "1" if column.name == "CENTER_Z" else UNITS.get(column.unit, column.unit)
    assert plane.units == unit
    assert plane.flag == (column.letter == "L")
    kinds = {"one": ("body", "instant"), "times": ("instant", "vector"), "points": ("ray",)}
    assert plane.kind in kinds[column.cell]


def test_the_page_has_every_column():
    text = PAGE.read_text()
    assert columns.table() in text
    for table, column in ALL:
        (row,) = (
            line
            for line in columns.table().splitlines()
            if line.startswith(f"| `{table}` | `{column.name}` |")
        )
        assert columns.description(table, column) in row
        assert column.field == "name" or f"/{column.field}`" in row


def test_descriptions_have_the_sense_of_the_files():
    of = {(table, column.name): columns.description(table, column) for table, column in ALL}
    assert "increasing west," in of["BODY_GEOM", "LON"] + ","
    assert not any("west or east" in text for text in of.values())
    assert of["SC_GEOM", "VEL_Z_SC_RATE"].startswith("z of the velocity of the spacecraft")
    assert "middle exposure" in of["SC_GEOM", "PROJECTED_DIAMETER"]
    assert "planet lies behind the ring point" in of["RING_GEOM", "IN_FRONT_OF_SATURN"]
    # Cells of the table would end at them.
    assert not any("|" in text or "\n" in text for text in of.values())


def test_flags_have_a_value_for_unknown_where_one_is():
    (flag,) = (column for column in layout.RING_GEOM if column.field == "in_shadow")
    attrs = columns.attributes("RING_GEOM", flag, np.array([0, -1, 1], np.int8))
    assert attrs["flag_values"].tolist() == [-1, 0, 1] and attrs["flag_values"].dtype == np.int8
    assert attrs["flag_meanings"] == "unknown no yes"
    known = columns.attributes("RING_GEOM", flag, np.array([0, 1], np.int8))
    assert known["flag_values"].tolist() == [0, 1] and known["flag_meanings"] == "no yes"
    assert attrs["comment"] == registry.NODES["rings"]["in_shadow"].definition
