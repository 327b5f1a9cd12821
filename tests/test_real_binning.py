"""Titan as the real kernels of 2005-360 show it, with simulated counts, in bins."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.synthetic import TITAN_ET, dataset, kernels

from uvisxr.geometry.los import geometry
from uvisxr.instrument.detector import Window

RATE = 4e-4


@pytest.fixture(scope="module")
def titan(data) -> xr.Dataset:
    """Exposures of both intervals with pointing: limb above 0 km shines, the rest is background."""
    ets = np.concatenate(
        [TITAN_ET + np.arange(-360, 400, 40), TITAN_ET + np.arange(4200, 4900, 40)]
    )
    window = Window(2, 0, 61, 1023, band_bin=8)
    ds = dataset(ets=ets, exposure=30.0, window=window)
    ds = geometry(ds, kernels=kernels(data, "titan"))
    mean = 30 * RATE * window.bins.lit_pixels * np.ones((ets.size, 1, 1))
    glow = np.exp(-ds.alt.clip(min=0) / 300).where(ds.alt < 1400, 0).values[..., None]
    mean = mean + 30 * 0.01 * glow
    mean[..., (ds.band.values >= 120) & (ds.band.values <= 136)] += 3
    counts = np.random.default_rng(1).poisson(mean).astype(np.uint16)
    ds = ds.assign(counts=(ds.counts.dims, counts))
    ds = ds.uvis.background(alt_min=1500)
    return ds.uvis.calibrate(
        files=data / "calibration", evil_pixels="interpolate", errors="statistical"
    )


def test_background_above_the_atmosphere(titan):
    assert titan.attrs["background_spectra"] > 300
    assert abs(titan.background - RATE) < 3 * titan.background_error
    above = (titan.alt_corners > 1500).all("corner") & (titan.quality == 0)
    assert titan.attrs["background_spectra"] == above.sum()


# A pixel is some 200 km high, so that few lie in one of the default bins with all corners.
@pytest.mark.parametrize(("mode", "alt"), [("center", None), ("all", [0, 500, 1500, np.inf])])
def test_mean_geometry_lies_inside_the_edges(titan, mode, alt):
    by = alt and {"lat": range(-90, 91, 20), "alt": alt, "lt": [0, 12, 24]}
    found = titan.uvis.bin(by=by, mode=mode)
    filled = found.n > 0
    assert filled.sum() >= 10
    for name in ("lat", "alt", "lt"):
        low, high = found[f"{name}_bin_bounds"].transpose("bnds", ...)
        mean = found[name].where(filled)
        assert mean.notnull().sum() == filled.sum()
        assert ((mean >= low) & (mean <= high)).where(filled, True).all()
    assert found.on_disk.where(filled, 0).max() == 0


def test_longitudes_through_the_prime_meridian(titan):
    found = titan.uvis.bin(by={"lon": [330, 0, 30, 60]})
    assert (found.n > 0).all()
    for mean, (low, high) in zip(found.lon.values, found.lon_bin_bounds.values, strict=True):
        assert (mean - low) % 360 <= (high - low) % 360


def test_bins_conserve_radiance_and_counts(titan):
    found = titan.uvis.bin(by={"alt": [-3000, 0, 500, 6000], "lat": [-90, 0, 90]})
    used = (titan.quality == 0) & titan.alt.notnull()
    assert found.n.sum() == used.sum()
    dims = ["alt_bin", "lat_bin"]
    total = (found.radiance * found.radiance_n).sum(dims)
    np.testing.assert_allclose(
        total, titan.radiance.where(used).astype(float).sum(["pic", "pixel"]), rtol=1e-6
    )
    np.testing.assert_array_equal(
        found.counts.sum(dims), titan.counts.where(used, 0).sum(["pic", "pixel"])
    )


def test_radiance_falls_with_altitude_as_simulated(titan):
    edges = [0, 200, 400, 600, 800, 1000]
    found = titan.uvis.bin(by={"alt": edges}).sel(wl=slice(1250, 1850))
    truth = np.exp(-found.alt_bin / 300)
    profile, error = found.radiance.mean("wl"), (found.radiance_upper**2).sum("wl") ** 0.5
    error = error / found.sizes["wl"]
    expected = truth * float((profile * truth).sum() / (truth**2).sum())
    assert (np.abs(profile - expected) < 0.1 * profile[0] + 3 * error).all()
    assert (found.radiance_systematic > 0).all()
