"""The background and the quality of real products."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.instrument.detector import Bins
from uvisxr.quality import losses


@pytest.fixture(scope="module")
def rings(data) -> xr.Dataset:
    return uvisxr.open_product(data / "products" / "FUV2005_230_15_15.LBL")


@pytest.fixture(scope="module")
def aurora(aurora_label) -> xr.Dataset:
    return uvisxr.open_product(aurora_label)


def test_darkest_rows_of_the_rings_are_of_the_order_of_the_guides_figure(rings):
    # Between Lyman-alpha and the reflected sunlight the rings are dark; rows 10, 30, 32 and 53
    # show the least. What remains of the rings adds to the background.
    arguments = {"pixels": rings.pixel.isin([10, 30, 32, 53]), "wl_range": (1270, 1500)}
    found = {m: rings.uvis.background(method=m, **arguments) for m in ("gaps", "mean")}
    for ds in found.values():
        assert 4e-4 < ds.background < 1e-3
        assert ds.background_error < 5e-5
        assert ds.attrs["background_spectra"] == 100
    assert found["gaps"].background < found["mean"].background


def test_row_half_behind_the_slits_end_sees_the_guides_figure(rings):
    found = rings.uvis.background(pixels=rings.pixel == 61, wl_range=(1250, 1400))
    assert abs(found.background - 4e-4) < 1e-4


def test_darkest_row_of_the_aurora_sees_the_level_of_its_date(aurora):
    # Between the aurora's bands and the reflected sunlight, which leave some light.
    dark = {"pixels": aurora.pixel == 35, "wl_range": (1660, 1770)}
    found = aurora.uvis.background(method="mean", **dark)
    with pytest.warns(UvisWarning, match=r"is the level of 2016\.8"):
        taken = aurora.uvis.background(method="rtg")
    np.testing.assert_allclose(taken.background, 3.386e-4, rtol=1e-3)
    assert 1 < found.background / taken.background < 1.15
    assert found.attrs["background_expected"] == taken.background
    assert (taken.quality == aurora.quality).all()


def test_rows_outside_the_slit_see_far_less(rings):
    with pytest.warns(UvisWarning, match="all 100 spectra to measure it in are from such rows"):
        found = rings.uvis.background(pixels=rings.pixel.isin([0, 1, 62, 63]))
    assert 1e-5 < found.background < 5e-5


def test_mean_is_the_sum_of_counts(rings):
    row = rings.counts.isel(pixel=61).sel(wl=slice(1400.8, 1849.2)).astype(int)
    with pytest.warns(UvisWarning, match="exceeds 0.001"):
        found = rings.uvis.background(method="mean", pixels=rings.pixel == 61)
    rate = row.sum() / (row.size * Bins.of(rings).n_band[0] * 600)
    np.testing.assert_allclose(found.background, rate, rtol=0.01)


def test_gaps_see_less_of_the_sunlight_than_the_mean(rings):
    sunlit = {"pixels": rings.pixel == 30, "wl_range": (1600, 1900)}
    with pytest.warns(UvisWarning, match="exceeds 0.001"):
        gaps = rings.uvis.background(**sunlit)
    with pytest.warns(UvisWarning, match="exceeds 0.001"):
        mean = rings.uvis.background(method="mean", **sunlit)
    assert gaps.background < mean.background / 3


@pytest.mark.parametrize("level", [0.0, 4e-4, 8e-4])
def test_no_spectrum_of_the_rings_is_lost(rings, level):
    found = losses.flags(rings, level).isel(pixel=slice(2, 61))
    assert (found == 0).all()


def test_background_and_calibration_commute(rings, data):
    arguments = {"files": data / "calibration"}
    measured = {"pixels": rings.pixel.isin([10, 30, 32, 53]), "wl_range": (1270, 1500)}
    before = rings.uvis.background(**measured).uvis.calibrate(**arguments)
    after = rings.uvis.calibrate(**arguments).uvis.background(**measured)
    for name in ("radiance", "radiance_upper", "radiance_lower", "quality"):
        np.testing.assert_array_equal(before[name], after[name])


def test_short_exposures_hold_honest_empty_spectra(aurora):
    # 8 s of a faint sky: 431 lit spectra are empty and 10,820 without Lyman-alpha.
    lit = aurora.counts.isel(pixel=slice(2, 61))
    assert (lit.sum("wl") == 0).sum() == 431
    found = aurora.uvis.background(pixels=aurora.quality == 0)
    assert (found.quality == aurora.quality).all()
    assert 4e-4 < found.background < 7e-4
