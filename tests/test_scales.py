"""Units as people write them."""

from __future__ import annotations

import numpy as np
import pytest

from uvisxr.dataset.conventions import VARIABLES
from uvisxr.dataset.scales import factor

LIGHT = "kR angstrom-1"


@pytest.mark.parametrize(
    ("unit", "wanted", "times"),
    [
        (LIGHT, LIGHT, 1),
        *((text, LIGHT, 1) for text in ("kR/angstrom", "kR Angstrom^-1", "kR / Å", "kR A**-1")),
        *((text, LIGHT, 1) for text in ("kilorayleigh/Angstroms", "angstrom-1 kR", "kR Å⁻¹")),
        *((text, LIGHT, 0.1) for text in ("kR/nm", "kR nm-1", "kR * nm^-1", "kR·nm⁻¹")),
        ("R angstrom-1", LIGHT, 1e-3),
        ("R/nm", LIGHT, 1e-4),
        ("10 kR angstrom-1", LIGHT, 10),
        ("MR/um", LIGHT, 0.1),
        *((text, LIGHT, None) for text in ("kR", "W m-2 sr-1 nm-1", "kR/(nm)", "x" * 100, "")),
        *((text, "s", 1) for text in ("sec", "seconds", "Second", "S")),
        *(("ms", "s", 1e-3), ("min", "s", 60), ("minutes", "s", 60), ("h", "s", 3600)),
        *((text, "degree", 1) for text in ("deg", "degrees", "°", "degrees_north", "Deg.")),
        ("radians", "degree", 180 / np.pi),
        *(("m", "km", 1e-3), ("metres", "km", 1e-3), ("AU", "au", 1), ("hour", "degree", None)),
        *((text, "count s-1", 1) for text in ("counts/s", "cts s^-1", "count / second")),
        *((text, "count s-1", None) for text in ("count", "s-1", "Hz", "1e999 count s-1")),
        ("0.1 nm", "angstrom", 1),
    ],
)
def test_factors(unit, wanted, times):
    found = factor(unit, wanted)
    assert found == (times if times is None else pytest.approx(times, rel=1e-9))


def test_all_units_of_the_conventions_are_known():
    """Else no factor could be given."""
    for unit in {v.units for v in VARIABLES.values()} - {None, "1"}:
        assert factor(f"2 {unit}", unit) == 2
