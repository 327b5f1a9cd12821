"""Reflectance of Saturn's rings in a real product, under a solar spectrum of a library."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import uvisxr
from uvisxr import UvisWarning

#: Sun to Saturn in the middle of the product, au, by the kernels of `geometry`; what docs say.
DISTANCE = 9.086


@pytest.fixture(scope="module", params=["recipe", "matrix"])
def light(data, request) -> xr.Dataset:
    """Mean spectrum of the lit rows, by the default recipe and by the archive's matrix."""
    label = data / "products" / "FUV2005_230_15_15.LBL"
    ds = uvisxr.open_product(label).load().uvis.background(4.46e-4, error=4.5e-5)
    matrix = data / "products" / "FUV2005_230_15_15_CAL_3.LBL"
    ds = ds.uvis.calibrate(files=data / "calibration" if request.param == "recipe" else matrix)
    pixels = [[(pic, pixel) for pic in range(25) for pixel in range(3, 59)]]
    return ds.uvis.bin(pixels=pixels).isel(group=0)


@pytest.fixture(scope="module")
def rings(light) -> xr.Dataset:
    return light.uvis.reflectance("STIS", distance=DISTANCE)


def mean(ds: xr.Dataset, low: float, high: float) -> float:
    return float(ds.reflectance.sel(wl=slice(low, high)).mean())


def test_figures_of_the_documentation(light, rings, request):
    """docs/howto/reflectance.md: the mean of rows 3 to 58, whichever calibration."""
    matrix = request.node.callspec.params["light"] == "matrix"
    bright, dark = (0.0474, 0.0092) if matrix else (0.0437, 0.0080)
    assert mean(rings, 1780, 1820) == pytest.approx(bright, abs=1e-4)
    assert mean(rings, 1550, 1600) == pytest.approx(dark, abs=1e-4)
    for limits, expected in {
        (1780, 1820): 0.0475 if matrix else 0.0441,
        (1550, 1600): 0.0091 if matrix else 0.0080,
    }.items():
        found = light.uvis.integrate(limits).uvis.reflectance("STIS", distance=DISTANCE)
        assert float(found.reflectance) == pytest.approx(expected, abs=5e-5)


def test_all_unflagged_spectra_are_darker_by_the_rows_at_the_ends(data):
    ds = uvisxr.open_product(data / "products" / "FUV2005_230_15_15.LBL").load()
    with pytest.warns(UvisWarning, match="no pointing"):
        ds = ds.uvis.geometry(kernels=data / "kernels")
    ds = ds.uvis.background(4.46e-4, error=4.5e-5)
    ds = ds.uvis.calibrate(files=data / "calibration").uvis.reflectance("STIS")
    assert float(ds.heliocentric_distance.mean()) == pytest.approx(DISTANCE, abs=5e-4)
    good = ds.assign(reflectance=ds.reflectance.where(ds.quality == 0))
    assert mean(good, 1780, 1820) == pytest.approx(0.0424, abs=1e-4)
    assert mean(good, 1550, 1600) == pytest.approx(0.0080, abs=1e-4)


def test_water_ice(rings):
    """Bright above its absorption edge near 1650 angstrom, dark below, where what is left is
    scattered light of Lyman-alpha."""
    assert mean(rings, 1780, 1820) == pytest.approx(0.044, abs=0.006)
    assert mean(rings, 1550, 1600) < 0.01
    smooth = rings.reflectance.sel(wl=slice(1600, 1800)).rolling(wl=5, center=True).mean()
    level = (mean(rings, 1550, 1600) + mean(rings, 1780, 1820)) / 2
    edge = float(smooth.wl[np.argmax(smooth.values > level)])
    steepest = float(smooth.wl[np.nanargmax(np.diff(smooth.values))])
    assert 1640 < edge < 1710
    assert 1640 < steepest < 1710


def test_statistical_errors_are_small_and_the_calibrations_are_not(rings):
    part = rings.sel(wl=slice(1780, 1820))
    assert float((part.reflectance_upper / part.reflectance).max()) < 0.02
    assert 0.01 < float((part.reflectance_systematic / part.reflectance).mean()) < 0.3
