"""The Sun's spectrum through the slit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from uvisxr.instrument import line_shape
from uvisxr.instrument.channel import EUV, FUV
from uvisxr.reflectance import seen

EDGES = np.stack([np.arange(1300.0, 1400.0, 1.56), np.arange(1301.56, 1401.56, 1.56)], axis=-1)


@pytest.mark.parametrize("slit", FUV.slits)
@pytest.mark.parametrize("channel", [FUV, EUV])
def test_a_flat_spectrum_stays_flat(channel, slit):
    edges = EDGES if channel is FUV else EDGES - 500
    wl = np.array([edges.min() - 40, edges.max() + 30])
    found = seen.spectrum(wl, np.array([[3.0, 3.0], [7.0, 7.0]]), edges, channel, slit)
    np.testing.assert_allclose(found, [[3.0] * len(edges), [7.0] * len(edges)], rtol=1e-12)


@pytest.mark.parametrize("slit", ["HIGH_RESOLUTION", "LOW_RESOLUTION"])
def test_a_line_has_the_shape_of_the_slit(slit):
    """A narrow line on nothing: the mean of the density over each element, on a fine grid."""
    line, width = 1350.3, 0.02
    wl = np.array([1200.0, line - width, line, line + width, 1500.0])
    light = np.array([[0.0, 0.0, 1 / width, 0.0, 0.0]])
    (found,) = seen.spectrum(wl, light, EDGES, FUV, slit)
    fine = EDGES[:, :1] + 1.56 * (np.arange(200) + 0.5) / 200
    expected = line_shape.density(fine - line, FUV, slit).mean(axis=1)
    near = np.abs(EDGES.mean(axis=1) - line) < 20
    # Scaled up by what the far wings hold of light from where the spectrum is not given.
    given = 1200 + 300 * (np.arange(30000) + 0.5) / 30000
    held = line_shape.density(given - EDGES.mean(axis=1)[:, None], FUV, slit).sum(axis=1) / 100
    right = expected / held
    np.testing.assert_allclose(found[near], right[near], rtol=0.01, atol=1e-6)
    np.testing.assert_allclose(found[near], right[near], rtol=0, atol=0.004 * right.max())


def test_an_edge_is_blurred_by_the_slit():
    """Of the core alone, a box and a Gaussian, in closed form; the wings hold an eighth."""
    step, sigma, box = EDGES.mean(), 1.49, 0.15 * FUV.dispersion
    wl = np.array([1200.0, step, step + 1e-6, 1500.0])
    (found,) = seen.spectrum(wl, np.array([[0, 0, 1.0, 1.0]]), EDGES, FUV, "LOW_RESOLUTION")
    x = EDGES.mean(axis=1) - step
    u = (x[:, None] + box * (np.arange(400) + 0.5) / 400 - box / 2) / (np.sqrt(2) * sigma)
    core = 0.5 * (1 + erf(u)).mean(axis=1)
    np.testing.assert_allclose(found, core, atol=0.07)
    assert np.abs(found - core).max() > 0.01
    np.testing.assert_allclose(found + found[::-1], 1.0, atol=0.03)


def test_wide_narrow_and_reversed_elements():
    wl = np.linspace(1100, 2000, 91)
    light = np.exp((wl - 1500) / 150)[None]
    fine = np.stack([np.arange(1300.0, 1400.0), np.arange(1301.0, 1401.0)], axis=-1)
    (narrow,) = seen.spectrum(wl, light, fine, FUV, "LOW_RESOLUTION")
    wide = fine.reshape(10, 10, 2)[:, [0, -1], [0, 1]]
    (found,) = seen.spectrum(wl, light, wide, FUV, "LOW_RESOLUTION")
    np.testing.assert_allclose(found, narrow.reshape(10, 10).mean(axis=1), rtol=2e-3)
    (back,) = seen.spectrum(wl, light, wide[::-1, ::-1], FUV, "LOW_RESOLUTION")
    np.testing.assert_allclose(back, found[::-1], rtol=1e-12)
    (some,) = seen.spectrum(wl, light, wide[::3], FUV, "LOW_RESOLUTION")
    np.testing.assert_allclose(some, found[::3], rtol=1e-9)


def test_what_the_spectrum_does_not_reach_is_not_known():
    (found,) = seen.spectrum(
        np.array([1320.0, 1380.0]), np.ones((1, 2)), EDGES, FUV, "LOW_RESOLUTION"
    )
    known = (EDGES[:, 0] >= 1324.8) & (EDGES[:, 1] <= 1375.2)
    np.testing.assert_array_equal(np.isfinite(found), known)
    beyond = seen.spectrum(np.array([100.0, 200.0]), np.ones((1, 2)), EDGES, FUV, "OCCULTATION")
    assert np.isnan(beyond).all()
