"""Reflectance of Saturn's rings in a real product, under a solar spectrum of a library."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import uvisxr

#: Sun to Saturn on the day of the product, au.
DISTANCE = 9.07


@pytest.fixture(scope="module", params=["recipe", "matrix"])
def rings(data, request) -> xr.Dataset:
    """Mean spectrum of the lit rows, by the default recipe and by the archive's matrix."""
    label = data / "products" / "FUV2005_230_15_15.LBL"
    ds = uvisxr.open_product(label).load().uvis.background(4.46e-4, error=4.5e-5)
    matrix = data / "products" / "FUV2005_230_15_15_CAL_3.LBL"
    ds = ds.uvis.calibrate(files=data / "calibration" if request.param == "recipe" else matrix)
    pixels = [[(pic, pixel) for pic in range(25) for pixel in range(3, 59)]]
    return ds.uvis.bin(pixels=pixels).uvis.reflectance("STIS", distance=DISTANCE).isel(group=0)


def mean(ds: xr.Dataset, low: float, high: float) -> float:
    return float(ds.reflectance.sel(wl=slice(low, high)).mean())


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
