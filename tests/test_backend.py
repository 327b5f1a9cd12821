"""xarray opens products by itself."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
import xarray as xr
from helpers.products import two_windows, write_product

import uvisxr
from uvisxr.errors import ArgumentError, LabelError, ProductError
from uvisxr.reader.backend import UvisBackend

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


def test_picklable(product):
    with xr.open_dataset(product, engine="uvis") as ds:
        xr.testing.assert_identical(pickle.loads(pickle.dumps(ds)), ds)


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


@pytest.mark.parametrize("path", ["/", "", ".", "~nobody-here/a", "a\0b", "https://a.b/c.nc"])
def test_odd_paths_are_left_to_others(path):
    assert not UvisBackend().guess_can_open(path)


def test_open_file_is_refused():
    with pytest.raises(ArgumentError, match="by its path, not a BytesIO"):
        xr.open_dataset(io.BytesIO(b""), engine="uvis")


def test_windows(product):
    two_windows(product)
    with pytest.raises(ProductError, match=r"2 windows.*window=k.*open_datatree"):
        xr.open_dataset(product, engine="uvis")
    assert xr.open_dataset(product, engine="uvis", window=1).sizes["pixel"] == 30
    tree = xr.open_datatree(product, engine="uvis")
    assert [node.sizes["pixel"] for node in tree.children.values()] == [60, 30]


def test_tree_in_chunks(product):
    two_windows(product)
    tree = xr.open_datatree(product, engine="uvis", chunks={"pic": 2})
    assert [node.counts.chunks[0] for node in tree.children.values()] == [(2, 1), (2, 1)]
    assert list(xr.open_groups(product, engine="uvis")) == ["/", "/window0", "/window1"]
    expected = uvisxr.open_product(product)
    for name, node in tree.children.items():
        np.testing.assert_array_equal(node.counts, expected[name].counts)


def test_many_files_as_xarray_opens_them(product, tmp_path):
    other = write_product(tmp_path, "FUV2005_230_16_15", samples=2)
    how = {"combine": "nested", "concat_dim": "pic", "data_vars": "minimal", "coords": "minimal"}
    with xr.open_mfdataset(
        [product, other], engine="uvis", compat="override", combine_attrs="drop_conflicts", **how
    ) as ds:
        expected = uvisxr.open_observation([product, other])
        assert ds.counts.chunks[0] == (3, 2)
        np.testing.assert_array_equal(ds.counts, expected.counts)
        np.testing.assert_array_equal(ds.et, expected.et)


def test_photometer_label_says_so(product):
    """It is of UVIS too, so that the engine is chosen: the error names the kind of product."""
    product.write_text(product.read_text().replace("= QUBE", "= TIME_SERIES"))
    with pytest.raises(LabelError, match=r"holds the object TIME_SERIES of the FUV: uvisxr reads"):
        xr.open_dataset(product)


def test_tree_of_one_window(product):
    tree = xr.open_datatree(product, engine="uvis")
    assert tree.sizes["pic"] == 3
