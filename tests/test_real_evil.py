"""The same photons have the same radiance, however they were binned: the rings of Saturn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers import calfiles
from helpers.slow import rest_slow

import uvisxr
from uvisxr.calibration import evil_response
from uvisxr.calibration.formats import package_data
from uvisxr.calibration.measure_evil import _evidence
from uvisxr.calibration.response import load
from uvisxr.instrument.detector import Bins, Window

#: Angstrom; how far radiances may be apart, the first full of lines.
BANDS = {(1225, 1500): 0.015, (1500, 1650): 0.01, (1650, 1890): 0.01}

#: Binning of the product (LINE_BIN, BAND_BIN), by which its counts are summed further.
COARSE = [(1, 4), (1, 16), (1, 32), (2, 2), (4, 2), (4, 32)]

LEVEL = 4.5e-4


@pytest.fixture(scope="module")
def rings(data) -> xr.Dataset:
    return uvisxr.open_product(data / "products" / "FUV2005_230_15_15.LBL").load()


def summed(ds: xr.Dataset, line_bin: int, band_bin: int) -> xr.Dataset:
    """The product as if it had been binned more on board."""
    wide = band_bin // int(ds.band_bin)
    n_pic, n_pixel, n_wl = ds.counts.shape
    counts = ds.counts.values.astype(int)
    counts = counts.reshape(n_pic, n_pixel // line_bin, line_bin, n_wl // wide, wide).sum((2, 4))
    window = Window(0, 0, 63, 1023, line_bin=line_bin, band_bin=band_bin)
    made = calfiles.opened(counts, window, et=ds.et.values, exposure=ds.exposure.values)
    if "background" in ds.coords:
        return made.uvis.background(level=float(ds.background))
    return made


def brightness(ds: xr.Dataset, low: float, high: float, edges: tuple[float, float]) -> float:
    """Mean over rows 4..59 of the light between two edges."""
    rows = (ds.line >= 4) & (ds.line < 60)
    inside = (ds.wl_bounds[:, 0] >= edges[0] - 1e-6) & (ds.wl_bounds[:, 1] <= edges[1] + 1e-6)
    light = ds.radiance.isel(pixel=rows.values, wl=inside.values).mean(("pic", "pixel"))
    return float((light * np.diff(ds.wl_bounds[inside.values])[:, 0]).sum())


def ratios(coarse: xr.Dataset, fine: xr.Dataset) -> dict[tuple[int, int], float]:
    """Light of a coarse product over that of a fine one, in the whole bins of the bands."""
    found = {}
    for low, high in BANDS:
        bounds = coarse.wl_bounds.values
        inside = bounds[(bounds[:, 0] >= low) & (bounds[:, 1] <= high)]
        edges = inside.min(), inside.max()
        found[low, high] = brightness(coarse, low, high, edges) / brightness(fine, low, high, edges)
    return found


@pytest.mark.parametrize("recipe", rest_slow(["upyp", "pds"], 1))
@pytest.mark.parametrize("binning", COARSE, ids=str)
def test_a_response_measured_in_other_exposures(rings, data, recipe, binning):
    files = {"files": data / "calibration"}
    rings = rings.uvis.background(level=LEVEL)
    table = evil_response(rings.isel(pic=slice(0, None, 2)), **files)
    options = files | {"recipe": recipe, "trend": "spica", "smooth": False, "quantization": False}
    odd = rings.isel(pic=slice(1, None, 2))
    fine = odd.uvis.calibrate(evil_pixels="mask", **options)
    coarse = summed(odd, *binning)
    found = coarse.uvis.calibrate(evil_pixels="response", evil_response=table, **options)
    for band, ratio in ratios(found, fine).items():
        assert ratio == pytest.approx(1, abs=BANDS[band])
    # What every tool of the field gave.
    as_good = ratios(coarse.uvis.calibrate(evil_pixels="interpolate", **options), fine)
    assert max(as_good.values()) < 0.92


@pytest.mark.parametrize("recipe", ["upyp", "pds"])
@pytest.mark.parametrize("binning", COARSE, ids=str)
def test_plain_defaults(rings, data, recipe, binning):
    options = {"files": data / "calibration", "recipe": recipe}
    fine = rings.uvis.calibrate(**options)
    for ratio in ratios(summed(rings, *binning).uvis.calibrate(**options), fine).values():
        assert ratio == pytest.approx(1, abs=0.02)


def test_the_packages_table_is_measured_here(rings, data):
    files = {"files": data / "calibration"}
    table = load(package_data("evil_response_fuv.csv"))
    bare = evil_response(rings, **files)
    lit = evil_response(rings.uvis.background(level=LEVEL), **files)
    np.testing.assert_array_equal(table.band, bare.band)
    np.testing.assert_allclose(table.response, bare.response, atol=6e-4)
    np.testing.assert_allclose(table.response_scatter, bare.response_scatter, atol=6e-4)
    unknown = np.hypot(bare.response_error, lit.response - bare.response)
    np.testing.assert_allclose(table.response_error, unknown, atol=6e-4)


def test_single_pixels_serve_as_well(rings, data):
    """And few counts make no table that cannot be used."""
    files = {"files": data / "calibration"}
    few = rings.isel(pic=slice(0, 5)).uvis.background(level=LEVEL)
    coarse = summed(rings.isel(pic=[20]), 1, 32)
    assert evil_response(few, by="wavelength", **files).sizes["band"] > 5
    coarse.uvis.calibrate(evil_response=evil_response(few, by="pixel", **files), **files)
    table = evil_response(rings.isel(pic=slice(0, None, 2)), by="pixel", **files)
    odd = rings.isel(pic=slice(1, None, 2))
    fine = odd.uvis.calibrate(**files)
    found = summed(odd, 1, 32).uvis.calibrate(evil_response=table, **files)
    for ratio in ratios(found, fine).values():
        assert ratio == pytest.approx(1, abs=0.015)


def test_the_response_does_not_depend_on_brightness(rings, data):
    """Of all counts; of what a background leaves it does, as evil pixels lose that too."""
    found = {level: halves(rings, data, level) for level in (0.0, LEVEL)}
    chi_square = {level: (away**2).sum() for level, away in found.items()}
    assert chi_square[0.0] < 14
    assert chi_square[LEVEL] > 40
    assert (found[LEVEL][:5] > 0).all()


WINDOWS = [(1225, 1320), (1320, 1410), (1410, 1500), (1500, 1600), (1600, 1690), (1690, 1790)]


def halves(rings: xr.Dataset, data: Path, level: float) -> np.ndarray:
    """Response in bright rows less that in faint ones, in standard errors, window by window."""
    ds = rings.uvis.background(level=level) if level else rings
    evidence, *_ = _evidence(ds, Bins.of(ds), data / "calibration")
    counts, wl = ds.counts.values.sum(0, dtype=float), ds.wl.values
    away = []
    for low, high in WINDOWS:
        inside = (wl >= low) & (wl < high)
        rows = evidence.expected[:, inside].sum(1) > 0
        brightness = counts[:, inside].sum(1)
        bright = brightness > np.median(brightness[rows])
        values, squares = [], 0.0
        for half in (rows & bright, rows & ~bright):
            part, whole = (a[half][:, inside].sum(1) for a in (evidence.found, evidence.expected))
            values.append(part.sum() / whole.sum())
            left = (part.sum() - part) / (whole.sum() - whole)
            squares += (half.sum() - 1) ** 2 / half.sum() * left.var(ddof=1)
        away.append((values[0] - values[1]) / np.sqrt(squares))
    return np.array(away)


def test_the_share_of_evil_pixels_is_that_of_the_calibration(rings, data):
    """But for the few that a modifier of the flat field leaves out."""
    for ds in (rings, summed(rings, 1, 16)):
        done = ds.uvis.calibrate(files=data / "calibration")
        share = ds.uvis.evil_share()
        assert ((share > 0) != (done.evil == 1)).sum() <= 2
        xr.testing.assert_equal(share, ds.uvis.evil_share(files=data / "calibration"))
