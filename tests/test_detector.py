"""Windows and bins of the detector."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from uvisxr.errors import MissingStepError, ProductError
from uvisxr.instrument.channel import FUV
from uvisxr.instrument.detector import Bins, Window

FULL = Window(0, 0, 63, 1023)


@st.composite
def windows(draw) -> Window:
    ul_line, ul_band = draw(st.integers(0, 63)), draw(st.integers(0, 1023))
    return Window(
        ul_line,
        ul_band,
        draw(st.integers(ul_line, 63)),
        draw(st.integers(ul_band, 1023)),
        draw(st.integers(1, 64)),
        draw(st.integers(1, 200)),
    )


@settings(derandomize=True, deadline=None, max_examples=60)
@given(windows())
def test_every_detector_pixel_of_the_window_is_in_one_bin(window):
    bins = window.bins
    lines = np.concatenate([np.arange(f, f + n) for f, n in np.c_[bins.line, bins.n_line]])
    bands = np.concatenate([np.arange(f, f + n) for f, n in np.c_[bins.band, bins.n_band]])
    np.testing.assert_array_equal(lines, np.arange(window.ul_line, window.lr_line + 1))
    np.testing.assert_array_equal(bands, np.arange(window.ul_band, window.lr_band + 1))
    assert window.shape == bins.lit_pixels.shape


@settings(derandomize=True, deadline=None, max_examples=30)
@given(windows(), st.integers(0, 2**31))
def test_bin_sums(window, seed):
    frame = np.random.default_rng(seed).integers(0, 1000, (2, 64, 1024))
    bins = window.bins
    got = bins.sum(frame)
    assert got.shape == (2, *window.shape)
    i, j = got.shape[1] - 1, got.shape[2] // 2
    rows = slice(bins.line[i], bins.line[i] + bins.n_line[i])
    columns = slice(bins.band[j], bins.band[j] + bins.n_band[j])
    np.testing.assert_array_equal(got[:, i, j], frame[:, rows, columns].sum((1, 2)))
    inside = frame[:, window.ul_line : window.lr_line + 1, window.ul_band : window.lr_band + 1]
    np.testing.assert_array_equal(got.sum((1, 2)), inside.sum((1, 2)))


def test_nan_stays_in_its_bin():
    frame = np.ones((64, 1024))
    frame[5, 10] = np.nan
    got = Window(0, 0, 63, 1023, 2, 4).bins.sum(frame)
    assert np.argwhere(np.isnan(got)).tolist() == [[2, 2]]
    assert np.nanmin(got) == np.nanmax(got) == 8


def test_wavelength_of_a_bin_is_the_mean_of_what_it_holds():
    bins = Window(0, 0, 63, 1022, 1, 4).bins
    mean, edges = bins.wavelengths(FUV)
    columns = FUV.wavelength(np.arange(1024))
    assert bins.n_band[-1] == 3
    assert mean[0] == pytest.approx(columns[:4].mean())
    assert mean[-1] == pytest.approx(columns[1020:1023].mean())
    np.testing.assert_allclose(edges[1:, 0], edges[:-1, 1])
    assert np.all((edges[:, 0] < mean) & (mean < edges[:, 1]))


def test_dark_pixels():
    assert np.flatnonzero(FULL.bins.dark).tolist() == [0, 1, 61, 62, 63]
    # A bin is dark only where every row in it is.
    assert np.flatnonzero(Window(0, 0, 63, 1023, 2).bins.dark).tolist() == [0, 31]
    assert not Window(0, 0, 63, 1023, 64).bins.dark.any()


@pytest.mark.parametrize(
    "corners",
    [(0, 0, 64, 1023), (0, 0, 63, 1024), (-1, 0, 63, 1023), (10, 0, 9, 1023), (0, 5, 63, 4)],
)
def test_window_outside_the_frame(corners):
    with pytest.raises(ProductError, match=r"detector's 0\.\..*LR_CORNER"):
        Window(*corners)


@pytest.mark.parametrize("bins", [(0, 1), (1, 0), (1, -2)])
def test_empty_bins(bins):
    with pytest.raises(ProductError, match="_BIN"):
        Window(0, 0, 63, 1023, *bins)


def _dataset(window: Window) -> xr.Dataset:
    bins = window.bins
    return xr.Dataset(
        coords={"line": ("pixel", bins.line), "band": ("wl", bins.band)},
        attrs={name: getattr(window, name) for name in window.__dataclass_fields__},
    )


def test_bins_of_a_subset():
    window = Window(2, 0, 61, 1023, 4, 3)
    ds = _dataset(window)
    whole = Bins.of(ds)
    part = Bins.of(ds.isel(pixel=[3, -1], wl=slice(100, None, 7)))
    np.testing.assert_array_equal(whole.lit_pixels, window.bins.lit_pixels)
    np.testing.assert_array_equal(part.lit_pixels, whole.lit_pixels[[3, -1]][:, 100::7])


@settings(derandomize=True, deadline=None, max_examples=30)
@given(windows())
def test_lit_pixels_are_those_of_rows_2_to_61(window):
    lit = np.zeros((64, 1024))
    lit[2:62] = 1
    np.testing.assert_array_equal(window.bins.lit_pixels, window.bins.sum(lit))


@pytest.mark.parametrize("lost", ["line", "band"])
def test_dataset_without_its_place_on_the_detector(lost):
    with pytest.raises(MissingStepError, match=f"{lost}.*open_product"):
        Bins.of(_dataset(FULL).drop_vars(lost))
