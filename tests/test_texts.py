"""Names of products that xarray can average."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product

import uvisxr
from uvisxr.dataset.texts import Texts


@pytest.fixture
def ds(tmp_path) -> xr.Dataset:
    """Three exposures of one product and three of another."""
    labels = [write_product(tmp_path, f"FUV2005_230_{h}_15", samples=3) for h in (15, 16)]
    return uvisxr.open_observation(labels)


A, B = "FUV2005_230_15_15", "FUV2005_230_16_15"


def test_mean_over_any_axes():
    names = np.array([["a", "b"], ["b", "b"]]).view(Texts)
    assert names.mean(axis=0).tolist() == ["a + b", "b"]
    assert names.mean(axis=1).tolist() == ["a + b", "b"]
    assert names.mean(axis=(0, 1)).tolist() == names.mean().tolist() == "a + b"


@pytest.mark.parametrize("function", ["sum", "mean", "max"])
def test_exposures_can_be_coarsened(ds, function):
    assert getattr(ds.coarsen(pic=3), function)()["product"].values.tolist() == [A, B]
    two = getattr(ds.coarsen(pic=2), function)()
    assert two["product"].values.tolist() == [A, f"{A} + {B}", B]
    np.testing.assert_array_equal(two.et, ds.et.values.reshape(3, 2).mean(1))


def test_a_step_and_a_copy_keep_them(ds, tmp_path):
    for found in (ds.uvis.rate(), ds.isel(pic=slice(2, 4)), pickle.loads(pickle.dumps(ds))):
        assert found.coarsen(pic=2).mean()["product"].size == found.sizes["pic"] // 2
    ds.uvis.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as read:
        assert read.uvis.rate().coarsen(pic=3).mean()["product"].values.tolist() == [A, B]


def test_they_look_like_any_texts(ds):
    plain = ds.assign_coords(product=("pic", np.array([A] * 3 + [B] * 3), ds["product"].attrs))
    xr.testing.assert_identical(ds, plain)
    assert repr(ds["product"]) == repr(plain["product"])
    assert (ds["product"] == B).values.tolist() == [False] * 3 + [True] * 3
