"""Spectra of the simulation: where the bands lie, and what the slit makes of lines."""

from __future__ import annotations

import numpy as np
import pytest

from uvisxr.instrument.channel import EUV, FUV, N_BANDS
from uvisxr.simulate import spectrum, vibronic
from uvisxr.simulate.spectrum import Lines

#: Heads of LBH bands (v', v''), angstrom: Ajello & Shemansky 1985, J. Geophys. Res. 90, 9845.
LBH_HEADS = {(3, 0): 1353.7, (2, 0): 1383.8, (4, 0): 1325.3, (5, 0): 1298.4, (1, 1): 1464.2}


def edges(channel) -> np.ndarray:
    return channel.wavelength(np.arange(N_BANDS + 1) - 0.5)


def test_bands_lie_where_they_were_measured():
    wl, _ = vibronic.bands(vibronic.LBH)
    for head in LBH_HEADS.values():
        assert np.abs(wl - head).min() < 0.5


def test_band_strengths_add_up():
    for system in (vibronic.LBH, vibronic.LYMAN, vibronic.WERNER):
        assert 0.85 < vibronic.bands(system)[1].sum() < 1.0001
    assert vibronic.bands(vibronic.LBH, longest=1500.0)[1].sum() < 0.6


def test_overlap_of_two_harmonic_oscillators():
    """In closed form: Hutchisson 1930, Phys. Rev. 36, 410."""
    mass, shift, omega = 7.0, 0.1, (1500.0, 2300.0)
    states = [
        vibronic.State(0.0, w, 1e-4 * w, 1.1 + d) for w, d in zip(omega, (shift, 0), strict=True)
    ]
    found = vibronic._overlaps(vibronic.System(*states, mass, 1))[0, 0]
    # Stiffness of each: (mass omega / hbar), angstrom^-2.
    first, second = (mass * w / (2 * 16.857629) for w in omega)
    ratio = 2 * np.sqrt(first * second) / (first + second)
    expected = ratio * np.exp(-first * second / (first + second) * shift**2)
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_wave_functions_complete():
    """All lower levels together take up each upper one."""
    np.testing.assert_allclose(vibronic._overlaps(vibronic.LBH).sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("slit", ["HIGH_RESOLUTION", "LOW_RESOLUTION", "OCCULTATION"])
@pytest.mark.parametrize(("channel", "wl"), [(FUV, 1400.0), (EUV, 800.0)])
def test_a_line_is_a_slot_of_the_slits_width(channel, wl, slit):
    seen = Lines(np.array([wl]), np.array([3.0])).on_detector(channel, slit)
    np.testing.assert_allclose((seen * np.diff(edges(channel))).sum(), 3.0)
    np.testing.assert_allclose(seen.max(), 3.0 / channel.slits[slit].dlambda)
    lit = np.flatnonzero(seen)
    middle = edges(channel)[[lit[0], lit[-1] + 1]].mean()
    assert abs(middle - wl) < 0.8


def test_lines_outside_the_channel_vanish():
    seen = Lines(np.array([500.0]), np.array([1.0])).on_detector(FUV, "LOW_RESOLUTION")
    np.testing.assert_array_equal(seen, 0)


def test_lines_add():
    one = spectrum.LYMAN_ALPHA * 2 + spectrum.HELIUM
    seen = one.on_detector(FUV, "LOW_RESOLUTION")
    np.testing.assert_allclose((seen * np.diff(edges(FUV))).sum(), 2.0)


def test_sunlight_starts_at_1500():
    seen = spectrum.sunlight((0.1, 0.1)).on_detector(FUV, "HIGH_RESOLUTION")
    wl = FUV.wavelength(np.arange(N_BANDS))
    assert (seen[wl < 1498] == 0).all()
    assert (np.diff(seen[wl > 1503]) > 0).all()


def test_sunlight_against_plancks_law():
    """A white disk at 1 au, 1800 angstrom, in photons, with constants written out."""
    h, c, k = 6.62607015e-34, 299792458.0, 1.380649e-23
    metre = 1.8e-7
    watts = 2 * h * c**2 / metre**5 / np.expm1(h * c / (metre * k * 4700.0))  # W/m2/sr/m
    photons = watts / (h * c / metre) * (695700.0 / 149597870.7) ** 2  # /s/m2/sr/m
    kilorayleigh = 4 * np.pi * photons * 1e-10 * 1e-4 / 1e9
    seen = spectrum.sunlight((1.0, 1.0)).on_detector(FUV, "HIGH_RESOLUTION")
    wl = FUV.wavelength(np.arange(N_BANDS))
    np.testing.assert_allclose(np.interp(1800.0, wl, seen), kilorayleigh, rtol=2e-3)


def test_starlight_is_scaled_at_1500():
    seen = spectrum.starlight().on_detector(FUV, "LOW_RESOLUTION")
    wl = FUV.wavelength(np.arange(N_BANDS))
    np.testing.assert_allclose(np.interp(1500.0, wl, seen), 1.0, rtol=1e-3)
    dark = spectrum.starlight().on_detector(EUV, "LOW_RESOLUTION")
    assert (dark[EUV.wavelength(np.arange(N_BANDS)) < 905] == 0).all()
