"""xarray opens products by itself."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from products import write_product

import uvisxr
from uvisxr.backend import UvisBackend
from uvisxr.errors import ProductError

NAME = "FUV2005_230_15_15"


@pytest.fixture
def product(tmp_path):
    return write_product(tmp_path, NAME, samples=3)


@pytest.mark.parametrize("ending", [".LBL", ".DAT", ""])
def test_same_dataset(product, ending):
    with xr.open_dataset(product.with_suffix(ending), engine="uvis") as ds:
        xr.testing.assert_identical(ds.load(), uvisxr.open_product(product.with_suffix(ending)))


def test_engine_is_guessed(product):
    assert xr.open_dataset(product).sizes["pic"] == 3


def test_chunks(product):
    ds = xr.open_dataset(product, engine="uvis", chunks={})
    assert ds.counts.chunks == ((3,), (60,), (1024,))
    ds = xr.open_dataset(product, engine="uvis", chunks={"pic": 1})
    np.testing.assert_array_equal(ds.counts, uvisxr.open_product(product).counts)


def test_arguments(product):
    ds = xr.open_dataset(product, engine="uvis", start_time="start", drop_variables=["sclk"])
    assert ds.attrs["start_time"] == "start"
    assert "sclk" not in ds


def test_other_labels_are_left_alone(product, tmp_path):
    other = tmp_path / "other.LBL"
    other.write_text(product.read_text().replace('= "UVIS"', '= "ISSNA"'))
    backend = UvisBackend()
    assert backend.guess_can_open(product)
    assert not backend.guess_can_open(other)
    assert not backend.guess_can_open(tmp_path / "nothing.nc")
    assert not backend.guess_can_open(object())


def test_windows(product):
    text = product.read_text().replace("LINE_BIN                      = 1", "LINE_BIN = (1, 2)")
    product.write_text(text)
    with pytest.raises(ProductError, match=r"2 windows.*window=k.*open_datatree"):
        xr.open_dataset(product, engine="uvis")
    assert xr.open_dataset(product, engine="uvis", window=1).sizes["pixel"] == 30
    tree = xr.open_datatree(product, engine="uvis")
    assert [node.sizes["pixel"] for node in tree.children.values()] == [60, 30]


def test_tree_of_one_window(product):
    tree = xr.open_datatree(product, engine="uvis")
    assert tree.sizes["pic"] == 3
