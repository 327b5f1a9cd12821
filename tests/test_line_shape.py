"""The line shape, against the fit printed in the users guide, its figure, and quadrature."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from uvisxr.instrument.channel import CHANNELS, EUV, FUV, Channel, Slit
from uvisxr.instrument.line_shape import density, mean

LYMAN_ALPHA = 121.569  # nm, the centre of the fit

#: The curve of the users guide's figure 3.2, read off by eye to 5 %: nm, and per nm.
FIGURE = {
    112.6: 9.8e-5,
    115: 1.70e-4,
    118: 4.9e-4,
    120: 1.67e-3,
    123: 2.05e-3,
    125: 5.7e-4,
    128: 1.73e-4,
    130: 1.2e-4,
    135: 5.0e-5,
    139.5: 3.3e-5,
}

#: Areas of the fit's Gaussian and Lorentzian.
GAUSS, LORENTZ = 0.318 * 0.149 * np.sqrt(2 * np.pi), 0.00373 * 1.507 * np.pi

SLITS = [(c, s) for c in CHANNELS.values() for s in c.slits]
slits = st.sampled_from(SLITS)
offsets = st.floats(-1500, 1500)


def fitted(x: float) -> float:
    """The fit without the box, at x nm from its centre."""
    return 0.318 * np.exp(-(x**2) / (2 * 0.149**2)) + 0.00373 / (1 + (x / 1.507) ** 2)


def by_quadrature(x: float, channel: Channel, slit: str) -> float:
    """The fit, scaled to the channel's dispersion, through the box; per angstrom, unit area."""
    scale = 10 * channel.dispersion / FUV.dispersion  # angstrom for 1 nm of the fit
    half = 0.5e-3 * channel.slits[slit].width * channel.dispersion
    kinks = [p for p in (-3 * scale, 0.0, 3 * scale) if abs(x - p) < half]
    area, _ = quad(
        lambda y: fitted(y / scale), x - half, x + half, points=kinks or None, epsabs=0, epsrel=1e-9
    )
    return area / (2 * half) / (scale * (GAUSS + LORENTZ))


def wide(width: float) -> Channel:
    """The FUV with one slit, of this width, micrometre."""
    return replace(FUV, slits={"LOW_RESOLUTION": Slit("LOW_RESOLUTION", width, 0.0, 1.0)})


def printed(nm: float) -> float:
    """The shape in the scale of the fit."""
    x = np.array(10 * (nm - LYMAN_ALPHA))
    return float(density(x, FUV, "LOW_RESOLUTION")) * 10 * (GAUSS + LORENTZ)


def test_curve_of_the_figure():
    """The fit as printed leaves 0.047 dex (rms) of these points, as of the whole curve 0.042.

    Three of them are met within the 5 % that they are known to, all to 21 %: where the curve is
    lowest, at 139.5 nm, it lies 26 % above the formula.
    """
    ratio = np.array([printed(nm) / value for nm, value in FIGURE.items()])
    assert np.sqrt(np.mean(np.log10(ratio) ** 2)) < 0.05
    np.testing.assert_allclose(ratio, 1, atol=0.21)
    np.testing.assert_allclose(ratio[:-1], 1, atol=0.16)
    assert (np.abs(ratio - 1) < 0.05).sum() == 3


def test_a_width_that_is_not_squared_would_miss_the_figure():
    x = 0.1 * np.arange(-0.5, 0.5, 0.01) * 4.6775
    for nm in (112.6, 130, 135, 139.5):
        wing = np.mean(0.00373 / (1 + (nm - LYMAN_ALPHA + x) ** 2 / 1.507))
        assert wing < 0.75 * FIGURE[nm]


def test_peak_of_the_fit():
    np.testing.assert_allclose(printed(LYMAN_ALPHA), 0.228, rtol=1e-3)
    np.testing.assert_allclose(GAUSS, 0.1188, rtol=1e-3)
    peak = density(np.array(0.0), FUV, "LOW_RESOLUTION")
    np.testing.assert_allclose(peak, 0.1671, rtol=1e-3)


@pytest.mark.parametrize(
    ("channel", "slit", "width"),
    [(*which, w) for which, w in zip(SLITS, (3.92, 5.16, 25.1, 3.29, 5.01, 19.5), strict=True)],
)
def test_full_width_at_half_maximum(channel, slit, width):
    peak = density(np.array(0.0), channel, slit)
    half = brentq(lambda x: density(x, channel, slit) - peak / 2, 0.1, 40)
    np.testing.assert_allclose(2 * half, width, rtol=2e-3)


def test_share_of_the_lorentzian_on_the_detector():
    ends = np.array([1115.0, 1913.0])
    light = (mean(ends, np.array(1215.69), FUV, "LOW_RESOLUTION") * np.diff(ends)).item()
    # The Gaussian lies on the detector whole.
    share = 1 - GAUSS / (GAUSS + LORENTZ) / light
    np.testing.assert_allclose(share, 0.123, atol=5e-4)


@pytest.mark.parametrize(
    ("channel", "slit", "image"),
    [
        (FUV, "HIGH_RESOLUTION", 2.339),
        (FUV, "LOW_RESOLUTION", 4.677),
        (FUV, "OCCULTATION", 24.9),
        (EUV, "LOW_RESOLUTION", 4.85),
        (EUV, "OCCULTATION", 19.4),
    ],
)
def test_width_of_the_slits_image(channel, slit, image):
    """Of a slit many times as wide, next to which the blur is nothing, the box is left."""
    times = 1e4
    widened = replace(channel.slits[slit], width=times * channel.slits[slit].width)
    peak = density(np.array(0.0), replace(channel, slits={slit: widened}), slit)
    np.testing.assert_allclose(1 / (times * peak), image, rtol=2e-3)


@pytest.mark.parametrize(("channel", "slit"), SLITS)
@pytest.mark.parametrize("x", [0.0, 1.3, 2.4, -4.9, 9.0, 12.6, -33.0, 120.0, 640.0])
def test_density_by_quadrature(channel, slit, x):
    found = density(np.array(x), channel, slit)
    np.testing.assert_allclose(found, by_quadrature(x, channel, slit), rtol=1e-7)


@pytest.mark.parametrize(("channel", "slit"), SLITS)
@pytest.mark.parametrize("line", [1215.67, 1301.2, 900.0, 2300.0])
def test_mean_by_quadrature(channel, slit, line):
    edges = np.array([1115.0, 1205.0, 1215.0, 1215.78, 1216.56, 1230.0, 1300.0, 1310.0, 1912.0])
    found = mean(edges, np.array(line), channel, slit)
    ends = np.unique(np.concatenate([edges, line + np.linspace(-40, 40, 81)]))
    for k, (first, last) in enumerate(pairwise(edges)):
        parts = ends[(ends >= first) & (ends <= last)]
        area = sum(
            quad(lambda wl: density(np.array(wl - line), channel, slit), *part, epsabs=0)[0]
            for part in pairwise(parts)
        )
        np.testing.assert_allclose(found[k], area / (last - first), rtol=1e-7, atol=1e-12)


def test_lines_of_any_shape():
    edges, lines = np.linspace(1200, 1300, 11), np.array([[1210.0, 1250.0], [900.0, 1290.0]])
    found = mean(edges, lines, EUV, "OCCULTATION")
    assert found.shape == (2, 2, 10)
    for index in np.ndindex(2, 2):
        one = mean(edges, lines[index], EUV, "OCCULTATION")
        np.testing.assert_array_equal(found[index], one)


@pytest.mark.parametrize(("channel", "slit"), SLITS)
def test_area_is_one(channel, slit):
    ends = np.array([-1e8, 1e8])
    area = mean(ends, np.array(700.0), channel, slit) * np.diff(ends)
    np.testing.assert_allclose(area, 1, atol=1e-7)


def test_blur_is_as_wide_on_both_detectors():
    """The occultation slits of both channels are 800 um wide."""
    x, scale = np.linspace(-60, 60, 121), EUV.dispersion / FUV.dispersion
    far, extreme = density(x, FUV, "OCCULTATION"), density(scale * x, EUV, "OCCULTATION")
    np.testing.assert_allclose(scale * extreme, far)


@given(slits, offsets)
def test_positive_and_symmetric(which, x):
    found = density(np.array([x, -x]), *which)
    assert found[0] > 0
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@given(slits, offsets, st.floats(0.1, 500), st.floats(0.1, 500))
def test_means_are_positive_and_symmetric(which, x, width, further):
    edges = np.cumsum([x, width, further])
    found = mean(edges, np.array(0.0), *which)
    assert (found > 0).all()
    np.testing.assert_allclose(mean(-edges[::-1], np.array(0.0), *which), found[::-1], rtol=1e-6)


@given(slits, offsets, st.lists(st.floats(0.1, 200), min_size=2, max_size=20))
def test_bins_share_the_light(which, line, widths):
    edges = np.cumsum([-300.0, *widths])
    light = (mean(edges, np.array(line), *which) * np.diff(edges)).sum()
    ends = edges[[0, -1]]
    whole = (mean(ends, np.array(line), *which) * np.diff(ends)).item()
    np.testing.assert_allclose(light, whole, rtol=1e-6)
    assert whole < 1


@given(st.floats(10, 900), st.floats(1.01, 3))
def test_a_wider_slit_has_a_lower_peak(width, factor):
    narrow, broad = (
        density(np.array(0.0), wide(w), "LOW_RESOLUTION") for w in (width, factor * width)
    )
    assert broad < narrow


@given(slits, st.floats(0, 1000), st.floats(0.01, 500))
def test_falls_on_either_side(which, x, further):
    near, far = density(np.array([x, x + further]), *which)
    assert far <= near * (1 + 1e-12)
