"""Calibrated datasets that xr.concat has joined, or that have lost the terms or the counts."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers import calfiles

from uvisxr.errors import UvisError, UvisWarning
from uvisxr.instrument.detector import Window

WINDOW = Window(20, 300, 33, 399)
RANGE = (1360.0, 1410.0)
OPTIONS = {"flat_field": False, "trend": False, "evil_pixels": "mask"}
ROWS = [(k, row) for k in range(3) for row in range(14)]


@pytest.fixture(scope="module")
def parts() -> list[xr.Dataset]:
    """Two observations of one calibration, with filled elements, a year apart."""
    opened = [calfiles.poisson(3, WINDOW, mean=5.0, et=calfiles.ET + late) for late in (0, 3e7)]
    found = [ds.uvis.background(level=4e-4).uvis.calibrate(**OPTIONS) for ds in opened]
    # As between two times of a trend.
    error = found[1].calibration_error * np.float32(1.01)
    return [found[0], found[1].assign_coords(calibration_error=error)]


def joined(parts: list[xr.Dataset]) -> xr.Dataset:
    both = xr.concat(parts, "pic", data_vars="all", coords="different", compat="equals")
    return both.assign_coords(pic=np.arange(both.sizes["pic"]))


def near(found: xr.DataArray, expected: list[xr.DataArray], rtol: float = 1e-3) -> None:
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=rtol)


def test_parts_of_one_calibration(parts):
    both = joined(parts)
    assert "pic" in both.calibration_error.dims
    assert "pic" not in both.sensitivity.dims
    found = both.uvis.integrate(RANGE)
    expected = [ds.uvis.integrate(RANGE) for ds in parts]
    for name in ("brightness", "brightness_upper", "brightness_systematic"):
        near(found[name], [ds[name] for ds in expected])
    means = [ds.uvis.bin(pixels=ROWS).radiance_weighted for ds in (*parts, both)]
    np.testing.assert_allclose(means[2], means[0], rtol=1e-6)
    darker = both.uvis.background(level=5e-4).radiance
    near(darker, [ds.uvis.background(level=5e-4).radiance for ds in parts])


@pytest.mark.parametrize("lazy", [False, True])
def test_parts_of_different_calibrations(parts, lazy):
    other = parts[1].uvis.calibrate(**OPTIONS | {"recipe": "pds", "evil_pixels": "interpolate"})
    apart = [parts[0], other]
    both = joined(apart)
    both = both.chunk(pic=2) if lazy else both
    with pytest.warns(UvisWarning, match=r"^integrate: .* recipe='upyp' among them, are the first"):
        found = both.uvis.integrate(RANGE)
    for name in ("brightness", "brightness_upper", "brightness_lower", "brightness_per_count"):
        near(found[name], [ds.uvis.integrate(RANGE)[name] for ds in apart])
    with pytest.warns(UvisWarning, match="^bin: the sensitivity differs"):
        mean = both.uvis.bin(pixels=ROWS)
    expected = parts[0].uvis.bin(pixels=ROWS)
    np.testing.assert_allclose(mean.radiance_weighted, expected.radiance_weighted, rtol=1e-5)
    np.testing.assert_allclose(mean.radiance_correlation, expected.radiance_correlation, rtol=1e-5)


def test_terms_of_each_exposure_that_are_the_same(parts):
    each = parts[0].sensitivity.expand_dims(pic=3)
    found = parts[0].assign_coords(sensitivity=each).uvis.integrate(RANGE)
    near(found.brightness_upper, [parts[0].uvis.integrate(RANGE).brightness_upper])


def test_counts_that_were_dropped(parts):
    """What neighbours have in common, and how spectra weigh, is known without them."""
    whole, less = parts[0], parts[0].drop_vars("counts")
    bounds = [ds.uvis.integrate(RANGE).brightness_upper for ds in (less, whole)]
    np.testing.assert_allclose(*bounds, rtol=0.02)
    means = [ds.uvis.bin(pixels=ROWS) for ds in (less, whole)]
    for name in ("radiance_weighted", "radiance_correlation"):
        np.testing.assert_allclose(*(ds[name] for ds in means), rtol=1e-5)


@pytest.mark.parametrize("name", ["sensitivity", "line"])
def test_terms_that_were_dropped(parts, name):
    less = parts[0].drop_vars([name, "counts"])
    with pytest.warns(UvisWarning, match="integrate: .*lost the sensitivity.*factor of 1.3"):
        less.uvis.integrate(RANGE)
    with pytest.warns(UvisWarning, match="bin: .*lost the sensitivity.*exposure times alone"):
        less.uvis.bin(pixels=ROWS)


def test_attributes_that_were_dropped(parts):
    both = joined([parts[0], parts[1].assign_coords(background=5e-4)]).drop_attrs()
    with pytest.warns(UvisWarning, match="bin: .*lost the sensitivity"):
        both.drop_vars("counts").uvis.bin(pixels=ROWS)


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.assign_attrs(line_bin="two"),
        lambda ds: ds.assign_attrs(band_bin=10**30),
        lambda ds: ds.assign_coords(band=3),
        lambda ds: ds.reindex(pic=[0, 1, 9]),
        lambda ds: ds.assign_coords(exposure=("pic", np.ones(3, "m8[s]"))),
    ],
    ids=["text", "huge", "one band", "reindex", "timedelta"],
)
def test_joined_datasets_that_were_changed(parts, change):
    each = parts[0].sensitivity.expand_dims(pic=3)
    changed = change(parts[0].assign_coords(sensitivity=each))
    for step in (lambda u: u.integrate(RANGE), lambda u: u.bin(pixels=ROWS)):
        with pytest.raises(UvisError):
            step(changed.uvis)


def test_terms_that_were_dropped_where_nothing_was_filled(parts):
    for ds in (
        parts[0].uvis.calibrate(**OPTIONS, nan_interp=None),
        parts[0].assign_coords(evil=0 * parts[0].evil),
    ):
        ds.drop_vars("sensitivity").uvis.integrate(RANGE, skipna=True)


def test_backgrounds_that_differ(parts):
    other = parts[1].uvis.background(level=5e-4)
    both = joined([parts[0], other])
    with pytest.raises(UvisError, match=r"background differs between exposures, 0\.0004 to"):
        both.uvis.calibrate(**OPTIONS)
    same = both.assign_coords(background=("pic", np.full(6, 4e-4)))
    near(same.uvis.calibrate(**OPTIONS).radiance, [ds.radiance for ds in parts])
    rate = same.uvis.rate().rate
    near(rate, [ds.uvis.rate().rate for ds in parts])


def test_background_errors_of_each_part(parts):
    """Means of bins hold those of their members."""
    pairs = zip(parts, (1e-5, 3e-5), strict=True)
    levels = [ds.uvis.background(level=4e-4, error=e) for ds, e in pairs]
    both = joined(levels)
    assert "pic" in both.radiance_background_error.dims
    found = both.uvis.bin(pixels=[*ROWS, *((k + 3, r) for k, r in ROWS)]).radiance_background_error
    apart = [ds.uvis.bin(pixels=ROWS).radiance_background_error for ds in levels]
    np.testing.assert_allclose(found, (apart[0] + apart[1]) / 2, rtol=1e-5)
    light = both.uvis.integrate(RANGE)
    expected = [ds.uvis.integrate(RANGE) for ds in levels]
    name = "brightness_background_error"
    near(light[name], [ds[name].broadcast_like(ds.brightness) for ds in expected])
    mean = light.uvis.bin(pixels=ROWS)[name]
    np.testing.assert_allclose(mean, expected[0].uvis.bin(pixels=ROWS)[name], rtol=1e-5)
