"""The table of lines, which of them are chosen, and names that are moved apart."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from uvisxr.drawing import lines
from uvisxr.plot.marks import spread
from uvisxr.simulate import vibronic


def test_every_line_of_a_set_has_wavelengths_and_a_source():
    for names in lines.SETS.values():
        assert set(names) <= lines.LINES.keys()
        assert len(set(names)) == len(names)
    for name, line in lines.LINES.items():
        assert f".. [{line.source}] " in (lines.__doc__ or ""), name


def test_names_tell_the_wavelengths():
    for name, line in lines.LINES.items():
        if name.split()[-1].isdigit():
            assert line.wl == pytest.approx(float(name.split()[-1]), abs=2.1)


@pytest.mark.parametrize(("name", "upper"), [("H I Ly α", 2), ("H I Ly β", 3), ("H I Ly γ", 4)])
def test_hydrogen_is_where_rydberg_has_it(name, upper):
    # With the Rydberg constant of hydrogen, CODATA 2018, cm-1, but without the fine structure.
    expected = 1e8 / (109_677.5834 * (1 - 1 / upper**2))
    assert lines.LINES[name].wl == pytest.approx(expected, abs=0.02)


def test_helium_is_where_dirac_has_it():
    # 2P3/2 to 3D5/2 of a nucleus of charge 2; electron over alpha particle, CODATA 2018.
    alpha, mass = 1 / 137.035999084, 1.37093355e-4

    def level(n: int, j: float) -> float:
        root = np.sqrt((j + 0.5) ** 2 - (2 * alpha) ** 2)
        return 1 / np.sqrt(1 + (2 * alpha / (n - j - 0.5 + root)) ** 2)

    rest = 2 * 109_737.31568 / alpha**2 / (1 + mass)
    expected = 1e8 / (rest * (level(3, 2.5) - level(2, 1.5)))
    assert lines.LINES["He II 1640"].wl == pytest.approx(expected, abs=0.002)


def test_nitrogen_of_multiplets_is_the_strongest_line():
    # The upper levels of the largest J, NIST, cm-1.
    for name, level in (("N I 953", 104_825.11), ("N I 1200", 83_364.62)):
        assert lines.LINES[name].wl == pytest.approx(1e8 / level, abs=0.002)


def test_the_bands_from_c4_end_on_the_ground_state():
    ground = [2358.57 * (v + 0.5) - 14.324 * (v + 0.5) ** 2 for v in range(3)]
    expected = [1e8 / (104_323 - (ground[v] - ground[0])) for v in (1, 2)]
    assert lines.LINES["N₂ c₄′"].wl == pytest.approx(expected, abs=0.06)


def test_titan_has_no_disputed_lines():
    assert not [name for name in lines.SETS["titan"] if name.startswith("C I")]
    assert "C I 1657" in lines.SETS["sunlight"]


def test_nitrogen_bands_are_those_of_the_constants():
    wl, strength = vibronic.bands(vibronic.LBH)
    for band in lines.LINES["N₂ LBH"].wl:
        nearest = np.abs(wl - band).argmin()
        assert abs(wl[nearest] - band) < 0.06
        assert strength[nearest] > 0.1 * strength.max()


@pytest.mark.parametrize(
    ("system", "name"), [(vibronic.LYMAN, "H₂ Lyman"), (vibronic.WERNER, "H₂ Werner")]
)
def test_hydrogen_bands_are_where_strong_ones_are(system, name):
    wl, strength = vibronic.bands(system)
    strong = wl[strength > 0.2 * strength.max()]
    # Morse oscillators are good to a few angstrom at high levels of so light a molecule.
    for band in lines.LINES[name].wl:
        assert np.abs(strong - band).min() < 4


def _of(target: str) -> xr.Dataset:
    return xr.Dataset(attrs={"target": target})


@pytest.mark.parametrize(
    ("target", "emitter"),
    [
        ("TITAN", "titan"),
        ("SATURN", "saturn"),
        ("ENCELADUS", "enceladus"),
        ("S RINGS", "sunlight"),
        ("IAPETUS", "sunlight"),
        ("", "sunlight"),
    ],
)
def test_lines_are_those_of_the_target(target, emitter):
    assert lines.emitter(_of(target)) == emitter
    assert lines.chosen(_of(target), True) == lines.chosen(_of("TITAN"), emitter)


def test_bands_are_kept_as_far_as_they_are_inside():
    some = {"a": (1000.0,), "b": (1200.0, 1300.0, 1400.0)}
    assert lines.within(some, np.array([1250.0, 1450.0])) == {"b": (1300.0, 1400.0)}
    assert lines.within(some, np.array([])) == {}


def test_places_are_the_nearest_that_are_apart():
    rng = np.random.default_rng(4)
    for _ in range(50):
        wanted = np.sort(rng.uniform(0, 100, 8))
        found = spread(wanted, 7.0, 0.0, 100.0)
        assert (np.diff(found) >= 7.0 - 1e-9).all()
        assert found[0] >= 0 and found[-1] <= 100
        # No other arrangement nearby is better.
        for _ in range(20):
            other = np.sort(found + rng.normal(0, 0.5, 8))
            fits = (np.diff(other) >= 7.0).all() and other[0] >= 0 and other[-1] <= 100
            if fits:
                assert ((found - wanted) ** 2).sum() <= ((other - wanted) ** 2).sum() + 1e-9
