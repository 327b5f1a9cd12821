"""Units before UDUNITS and before pint, and the rayleigh."""

from __future__ import annotations

import logging
import sys

import cf_units
import numpy as np
import pytest

import uvisxr
from uvisxr.dataset.conventions import VARIABLES
from uvisxr.errors import MissingDependencyError

UNITS = sorted({variable.units for variable in VARIABLES.values() if variable.units})

#: Photons m-2 s-1 sr-1 in a kilorayleigh, by definition.
KILORAYLEIGH = 1e13 / (4 * np.pi)


def test_there_are_units_of_every_kind():
    assert {"1", "count s-1", "kR", "kR angstrom-1", "degree", "km s-1", "au"} < set(UNITS)


@pytest.mark.parametrize("units", UNITS)
def test_udunits_reads_every_unit(units: str):
    assert not cf_units.Unit(units).is_unknown()


def test_udunits_takes_the_rayleigh_for_the_roentgen():
    """So units with kR, which have amperes to it, need a comment: 1 roentgen is 2.58e-4 C kg-1."""
    assert cf_units.Unit("kR").convert(1.0, "coulomb kg-1") == pytest.approx(0.258)
    for name, variable in VARIABLES.items():
        comment = variable.attributes(frozenset()).get("comment", "")
        has_amperes = "A" in cf_units.Unit(variable.units or "1").definition
        assert ("kilorayleigh" in comment) == has_amperes, name


@pytest.mark.parametrize("units", UNITS)
def test_pint_reads_every_unit(units: str):
    parsed = uvisxr.units.registry().Unit(units)
    assert parsed.dimensionless == (units in ("1", "count", "degree"))


@pytest.mark.parametrize(
    ("units", "others", "factor"),
    [
        ("kR", "photon m-2 s-1 sr-1", KILORAYLEIGH),
        ("R", "photon / cm^2 / s / sr", 1e6 / (4 * np.pi)),
        ("rayleigh", "kR", 1e-3),
        ("kilorayleigh", "MR", 1e-3),
        ("kR angstrom-1", "photon m-2 s-1 sr-1 nm-1", 10 * KILORAYLEIGH),
        ("kR angstrom-1", "R nm-1", 1e4),
        ("kR angstrom-1 s count-1", "photon m-2 sr-1 nm-1 count-1", 10 * KILORAYLEIGH),
        ("count s-1 kR-1 angstrom", "count m2 sr nm photon-1", 0.1 / KILORAYLEIGH),
        ("km s-1", "m s-1", 1e3),
        ("angstrom", "m", 1e-10),
        ("degree", "rad", np.pi / 180),
        ("hour", "s", 3600.0),
        ("au", "m", 149597870700.0),
        ("1e3 m2", "m**2", 1e3),
    ],
)
def test_pint_converts(units: str, others: str, factor: float):
    quantity = uvisxr.units.registry()(units)
    assert quantity.to(others).magnitude == pytest.approx(factor, rel=1e-12)


def test_one_registry():
    units = uvisxr.units.registry()
    assert uvisxr.units.registry() is units
    assert (units("1 kR") + units("500 R")).magnitude == pytest.approx(1.5)


def test_the_gas_constant_gives_way_in_silence(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG, logger="pint"):
        units = uvisxr.units.registry.__wrapped__()
    assert f"{units('kR').units:~}" == "kR"
    assert units("molar_gas_constant").to("J mol-1 K-1").magnitude == pytest.approx(8.314462618)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_without_pint_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pint", None)
    with pytest.raises(MissingDependencyError, match=r'pint .*pip install "uvisxr\[units\]"'):
        uvisxr.units.registry.__wrapped__()
