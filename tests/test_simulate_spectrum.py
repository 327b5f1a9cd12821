"""Spectra of the simulation: where the bands lie, and what the slit makes of lines."""

from __future__ import annotations

import numpy as np
import pytest

from uvisxr.instrument import line_shape
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


def planck(wl, temperature):
    """Photons of a black body, /s/m2/sr/m, with constants written out; wavelengths in angstrom."""
    h, c, k = 6.62607015e-34, 299792458.0, 1.380649e-23
    metre = wl * 1e-10
    return 2 * c / metre**4 / np.expm1(h * c / (metre * k * temperature))


def smeared(light, first, last, at, channel, slit):
    """A continuum between two wavelengths, as seen at others, by the trapezoidal rule."""
    wl = np.linspace(first, last, 50001)
    shape = line_shape.density(np.asarray(at)[..., None] - wl, channel, slit)
    return np.trapezoid(light(wl) * shape, wl)


@pytest.mark.parametrize("slit", ["HIGH_RESOLUTION", "LOW_RESOLUTION", "OCCULTATION"])
@pytest.mark.parametrize(("channel", "wl"), [(FUV, 1400.0), (EUV, 800.0)])
def test_a_line_has_the_slits_shape(channel, wl, slit):
    seen = Lines(np.array([wl]), np.array([3.0])).on_detector(channel, slit)
    column = channel.wavelength(np.arange(N_BANDS))
    expected = 3.0 * line_shape.density(column - wl, channel, slit)
    # A column is wide enough to flatten the peak and the flanks a little.
    np.testing.assert_allclose(seen, expected, rtol=0.05, atol=0.01 * expected.max())
    wing = np.abs(column - wl) > 30
    np.testing.assert_allclose(seen[wing], expected[wing], rtol=1e-3)
    # What falls beside the detector is in the wings of the Lorentzian.
    gamma = 15.07 * channel.dispersion / FUV.dispersion
    beside = np.abs(edges(channel)[[0, -1]] - wl)
    lost = 0.12944 / np.pi * np.arctan(gamma / beside).sum()
    np.testing.assert_allclose((seen * np.diff(edges(channel))).sum(), 3.0 * (1 - lost), rtol=1e-5)


def test_lines_outside_the_channel_have_but_wings():
    seen = Lines(np.array([500.0]), np.array([1.0])).on_detector(FUV, "LOW_RESOLUTION")
    assert (seen > 0).all() and (np.diff(seen) < 0).all()
    assert (seen * np.diff(edges(FUV))).sum() < 1e-3


def test_lines_add():
    one = spectrum.LYMAN_ALPHA * 2 + spectrum.HELIUM
    seen = one.on_detector(FUV, "LOW_RESOLUTION")
    hydrogen = spectrum.LYMAN_ALPHA.on_detector(FUV, "LOW_RESOLUTION")
    helium = spectrum.HELIUM.on_detector(FUV, "LOW_RESOLUTION")
    np.testing.assert_allclose(seen, 2 * hydrogen + helium)
    np.testing.assert_allclose((seen * np.diff(edges(FUV))).sum(), 2.0, rtol=0.01)


def test_sunlight_starts_at_1500():
    seen = spectrum.sunlight((0.1, 0.1)).on_detector(FUV, "HIGH_RESOLUTION")
    wl = FUV.wavelength(np.arange(N_BANDS))
    assert (np.diff(seen) > 0).all()
    # Before, there are but the wings, of which the brighter end at 1900 angstrom has a part.
    assert np.interp(1490.0, wl, seen) < 0.2 * np.interp(1505.0, wl, seen)


@pytest.mark.parametrize("wl", [1300.0, 1800.0, 1905.0])
def test_sunlight_against_plancks_law(wl):
    """A white disk at 1 au, in photons."""

    def kilorayleigh(wl):
        photons = planck(wl, 4700.0) * (695700.0 / 149597870.7) ** 2
        return 4 * np.pi * photons * 1e-10 * 1e-4 / 1e9

    seen = spectrum.sunlight((1.0, 1.0)).on_detector(FUV, "HIGH_RESOLUTION")
    expected = smeared(kilorayleigh, 1500.0, 1960.0, wl, FUV, "HIGH_RESOLUTION")
    columns = FUV.wavelength(np.arange(N_BANDS))
    np.testing.assert_allclose(np.interp(wl, columns, seen), expected, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("channel", "slit"), [(FUV, "LOW_RESOLUTION"), (EUV, "HIGH_RESOLUTION")])
def test_starlight_is_a_continuum(channel, slit):
    """The comb does not show, and the star is scaled to 1 at 1500 angstrom."""
    seen = spectrum.starlight().on_detector(channel, slit)
    wl = channel.wavelength(np.arange(N_BANDS))
    some = np.flatnonzero((wl > 930) & (wl < 1900))[::10]

    def star(wl):
        return planck(wl, 20000.0) / planck(1500.0, 20000.0)

    expected = smeared(star, 911.75, 1960.0, wl[some], channel, slit)
    np.testing.assert_allclose(seen[some], expected, rtol=1e-4)


def test_starlight_ends_at_the_lyman_limit():
    seen = spectrum.starlight().on_detector(EUV, "LOW_RESOLUTION")
    wl = EUV.wavelength(np.arange(N_BANDS))
    assert np.interp(900.0, wl, seen) < 0.05 * np.interp(925.0, wl, seen)
    assert (np.diff(seen[wl < 900]) > 0).all()
