"""Laws that hold between steps: a NetCDF round trip changes nothing, lazy equals eager, and
background and calibration commute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product
from hypothesis import given, settings
from hypothesis import strategies as st

import uvisxr

STEPS = {
    "flag": lambda ds: ds.uvis.flag([(0, 3), (1, 4)], "star"),
    "background": lambda ds: ds.uvis.background(level=4e-4, error=1e-5),
    "calibrate": lambda ds: ds.uvis.calibrate(
        flat_field=False, trend=False, evil_pixels="interpolate"
    ),
}


LAST = {
    "smooth": lambda ds: ds.uvis.smooth(),
    "integrate": lambda ds: ds.uvis.integrate((1300, 1700)),
    "bin": lambda ds: ds.uvis.bin(pixels=[[(0, 1), (1, 3), (2, 2)], [(0, 5)], []]),
    "binned integral": lambda ds: LAST["integrate"](LAST["bin"](ds)),
    "rate": lambda ds: ds.uvis.rate(),
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> xr.Dataset:
    folder = tmp_path_factory.mktemp("product")
    label = write_product(folder, "FUV2005_230_15_15", samples=3, band_bin=16, lines=(0, 40))
    return uvisxr.open_product(label).load()


def round_trip(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    # A file of its own each time: none is written over the one that the dataset comes from.
    path = uvisxr.export.to_netcdf(ds, folder / f"{len(list(folder.iterdir()))}.nc")
    with xr.open_dataset(path) as back:
        return back.load()


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=10)
@given(
    st.permutations(list(STEPS)),
    st.sampled_from(list(LAST)),
    st.sets(st.integers(0, 4), min_size=1),
)
def test_round_trip_between_any_two_steps(opened, tmp_path_factory, order, last, where):
    folder = tmp_path_factory.mktemp("steps")
    direct = passed = opened
    for position, step in enumerate([*(STEPS[name] for name in order), LAST[last]]):
        if position in where:
            passed = round_trip(passed, folder)
        direct, passed = step(direct), step(passed)
    xr.testing.assert_identical(passed, direct)
    xr.testing.assert_identical(round_trip(direct, folder), direct)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=6)
@given(st.permutations(list(STEPS)), st.sampled_from(list(LAST)), st.integers(1, 3))
def test_lazy_equals_eager(opened, order, last, block):
    eager, lazy = opened, opened.chunk(pic=block)
    for step in [*(STEPS[name] for name in order), LAST[last]]:
        eager, lazy = step(eager), step(lazy)
    xr.testing.assert_allclose(eager, lazy.compute(), rtol=1e-6)
    assert {n: v.dtype for n, v in eager.variables.items()} == {
        n: v.dtype for n, v in lazy.variables.items()
    }


@settings(derandomize=True, deadline=None, max_examples=6)
@given(st.permutations(list(STEPS)))
def test_steps_commute(opened, order):
    expected = got = opened
    for name in STEPS:
        expected = STEPS[name](expected)
    for name in order:
        got = STEPS[name](got)
    assert set(got.variables) == set(expected.variables)
    for name in expected.variables:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


def test_steps_leave_their_input_alone(opened):
    for step in [*STEPS.values(), LAST["rate"]]:
        before = opened.copy(deep=True)
        step(opened)
        xr.testing.assert_identical(opened, before)
