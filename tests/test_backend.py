"""xarray opens products by itself."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import dask
import numpy as np
import pytest
import xarray as xr
from helpers.products import two_windows, write_product

import uvisxr
from uvisxr.dataset import inputs
from uvisxr.errors import ArgumentError, LabelError, ProductError, UvisWarning
from uvisxr.fetch import cache_dir
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


@pytest.mark.parametrize(
    "decoder",
    [
        *("mask_and_scale", "decode_times", "decode_timedelta", "use_cftime"),
        *("concat_characters", "decode_coords", "decode_cf"),
    ],
)
def test_there_is_nothing_to_decode(product, decoder):
    expected = uvisxr.open_product(product)
    ds = xr.open_dataset(product, engine="uvis", **{decoder: False})
    xr.testing.assert_identical(ds, expected)
    tree = xr.open_datatree(product, engine="uvis", **{decoder: False})
    xr.testing.assert_equal(tree.to_dataset(), expected)


def test_unknown_arguments_are_refused(product):
    with pytest.raises(ArgumentError, match=r"no argument 'wndow': it takes window, start_time"):
        xr.open_dataset(product, engine="uvis", wndow=1)


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
    with pytest.raises(ProductError, match=r"2 windows.*window=k.*open_datatree.*open_observation"):
        xr.open_dataset(product, engine="uvis")
    assert xr.open_dataset(product, engine="uvis", window=1).sizes["pixel"] == 15
    tree = xr.open_datatree(product, engine="uvis")
    assert [node.sizes["pixel"] for node in tree.children.values()] == [30, 15]


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


@pytest.fixture
def three(product, tmp_path):
    """Labels of three products of 3, 2 and 2 exposures, in order of time."""
    more = [write_product(tmp_path, f"FUV2005_230_{h}_15", samples=2) for h in (16, 17)]
    return [product, *more]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"parallel": True},
        {"window": 0},
        {"data_vars": "minimal", "coords": "minimal", "compat": "override"},
        {"combine_attrs": "no_conflicts"},
    ],
)
def test_exposures_of_many_files_are_numbered_through(three, how):
    expected = uvisxr.open_observation(three)
    with xr.open_mfdataset([three[2], *three[:2]], engine="uvis", **how) as ds:
        assert ds.pic.values.tolist() == list(range(7))
        xr.testing.assert_equal(ds.load(), expected)
        assert ds.attrs.keys() == expected.attrs.keys()
        assert all(label.name in ds.attrs["history"] for label in three)
        xr.testing.assert_equal(
            ds.uvis.calibrate(flat_field=False, trend=False).radiance,
            expected.uvis.calibrate(flat_field=False, trend=False).radiance,
        )


def test_keywords_of_one_exposure_do_not_hold_for_many_files(three):
    """As in open_observation: those that differ are left out, those that agree stay."""
    for number, label in enumerate(three):
        angle = f"SUB_SPACECRAFT_LONGITUDE = {122.9 + number} <DEGREE>\nPHASE_ANGLE = 7.5\nODC_ID"
        label.write_text(label.read_text().replace("ODC_ID", angle))
    with xr.open_mfdataset(three, engine="uvis") as ds:
        expected = uvisxr.open_observation(three).attrs
        assert "sub_spacecraft_longitude" not in ds.attrs
        assert ds.attrs["phase_angle"] == 7.5
        assert {**ds.attrs, "history": ""} == {**expected, "history": ""}
    assert xr.open_dataset(three[0], engine="uvis").attrs["sub_spacecraft_longitude"] == 122.9


def test_many_products_of_the_cache(three, monkeypatch):
    place = cache_dir("products") / "COUVIS_0013" / "DATA" / "D2005_230"
    place.mkdir(parents=True)
    for label in three:
        for file in (label, label.with_suffix(".DAT")):
            file.rename(place / file.name)
    monkeypatch.chdir(place.parents[2])
    ids = [label.stem for label in three]
    with xr.open_mfdataset(ids, engine="uvis") as ds:
        xr.testing.assert_equal(ds.load(), uvisxr.open_observation(ids))
    with pytest.raises(ArgumentError, match="uvisxr fetch FUV2005_230_18_15"):
        xr.open_mfdataset([*ids, "FUV2005_230_18_15"], engine="uvis")


def test_no_output_replaces_one_of_many_files(three):
    with xr.open_mfdataset(three, engine="uvis") as ds:
        assert set(map(str, three)) <= set(inputs.of(ds))


def test_many_files_by_pattern_and_in_the_order_of_a_list(three):
    with xr.open_mfdataset(str(three[0].parent / "*.LBL"), engine="uvis") as ds:
        assert ds.sizes["pic"] == 7
    backwards = [three[2], *three[:2]]
    how = {"combine": "nested", "concat_dim": "pic"}
    with xr.open_mfdataset(backwards, engine="uvis", **how) as ds:
        assert ds.pic.values.tolist() == list(range(7))
        assert ds["product"].values[0] == three[2].stem


def test_the_same_file_twice_among_many_is_taken_once(three):
    with xr.open_mfdataset([three[0], three[1], three[0]], engine="uvis") as ds:
        assert ds.pic.values.tolist() == list(range(5))


@pytest.fixture
def copy(three, tmp_path):
    """A copy of the first of three products."""
    place = tmp_path / "copy"
    place.mkdir()
    for file in (three[0], three[0].with_suffix(".DAT")):
        shutil.copy(file, place)
    return place / three[0].name


def test_a_copy_among_many_is_taken_once(three, copy):
    expected = uvisxr.open_observation(three)
    with pytest.warns(UvisWarning, match="holds the same exposures"):
        opened = xr.open_mfdataset([*three, copy], engine="uvis")
    xr.testing.assert_equal(opened.load(), expected)


@pytest.mark.filterwarnings("ignore:.*holds the same exposures")
@pytest.mark.parametrize("spelt", ["_PRIME", "_33"])
def test_a_copy_of_another_spelling_among_many_is_taken_once(three, copy, spelt):
    name = three[0].stem
    copy.write_text(copy.read_text().replace(f'= "{name}"', f'= "{name}{spelt}"'))
    expected = uvisxr.open_observation(three)
    for paths in ([*three, copy], [copy, *three], [three[0], copy, *three[1:]]):
        opened = xr.open_mfdataset(paths, engine="uvis").load()
        assert set(opened["product"].values) <= {
            label.stem + s for label in three for s in ("", spelt)
        }
        xr.testing.assert_equal(opened.drop_vars("product"), expected.drop_vars("product"))


@pytest.mark.filterwarnings("ignore:.*holds the same exposures")
@pytest.mark.parametrize("how", [{}, {"combine": "nested", "concat_dim": "pic"}])
def test_copies_that_xarray_would_keep_are_refused(three, copy, how):
    paths = [*three, copy] if how else [three[0], copy]
    with pytest.raises(ArgumentError, match="some files hold the same exposures"):
        xr.open_mfdataset(paths, engine="uvis", **how)
    with pytest.raises(ArgumentError, match="some files hold the same exposures"):
        xr.open_mfdataset([three[0], three[0]], engine="uvis", **how)


def test_a_file_alone_is_numbered_from_0_again(three):
    xr.open_mfdataset(three, engine="uvis").close()
    assert xr.open_dataset(three[2], engine="uvis").pic.values.tolist() == [0, 1]
    with xr.open_mfdataset(three[1:], engine="uvis") as ds:
        assert ds.pic.values.tolist() == [0, 1, 2, 3]


def test_files_of_other_windows_do_not_join(three, tmp_path):
    other = write_product(tmp_path, "FUV2005_230_18_15", samples=2, lines=(10, 20))
    with pytest.raises(ProductError, match="differ in windows"):
        xr.open_mfdataset([*three, other], engine="uvis")


def test_a_damaged_file_among_many_can_be_passed_over(three):
    three[1].with_suffix(".DAT").unlink()
    with pytest.raises(ProductError, match=three[1].stem):
        xr.open_mfdataset(three, engine="uvis")
    with xr.open_mfdataset(three, engine="uvis", errors="ignore") as ds:
        assert ds.pic.values.tolist() == list(range(5))


def test_photometer_label_says_so(product):
    """It is of UVIS too, so that the engine is chosen: the error names the kind of product."""
    product.write_text(product.read_text().replace("= QUBE", "= TIME_SERIES"))
    with pytest.raises(LabelError, match=r"holds the object TIME_SERIES of the FUV: uvisxr reads"):
        xr.open_dataset(product)


def test_tree_of_one_window(product):
    tree = xr.open_datatree(product, engine="uvis")
    assert tree.sizes["pic"] == 3


@contextmanager
def another_opens(paths, **options):
    """While another thread is in the middle of `xarray.open_mfdataset` of some products."""
    inside, leave = threading.Event(), threading.Event()

    def hold(ds):
        inside.set()
        leave.wait(60)
        return ds

    def other():
        xr.open_mfdataset(paths, engine="uvis", preprocess=hold, **options).close()

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(60)
    try:
        yield
    finally:
        leave.set()
        thread.join()


@pytest.fixture
def held(three):
    with another_opens(three[1:]):
        yield three


@pytest.mark.parametrize("parallel", [False, True])
def test_calls_of_other_threads_do_not_number_exposures(held, parallel):
    with xr.open_mfdataset(held, engine="uvis", parallel=parallel) as ds:
        assert ds.pic.values.tolist() == list(range(7))
        np.testing.assert_array_equal(ds.counts, uvisxr.open_observation(held).counts)
    with xr.open_dataset(held[2], engine="uvis") as ds:
        assert ds.pic.values.tolist() == [0, 1]


@pytest.mark.parametrize("parallel", [False, True])
def test_what_preprocess_opens_is_numbered_by_itself(three, parallel):
    seen = []

    def look(ds):
        seen.append(xr.open_dataset(three[2], engine="uvis").pic.values.tolist())
        return ds

    with xr.open_mfdataset(three, engine="uvis", preprocess=look, parallel=parallel) as ds:
        assert ds.sizes["pic"] == 7
    assert seen == [[0, 1]] * 3


def test_two_parallel_calls_at_once(three):
    # What still runs after the first error ends with its pool, and not in the next test.
    with (
        another_opens(three[1:], parallel=True),
        ThreadPoolExecutor(2) as pool,
        dask.config.set(pool=pool),
        pytest.raises(ArgumentError, match="one after the other"),
    ):
        xr.open_mfdataset(three, engine="uvis", parallel=True)


@pytest.mark.filterwarnings("ignore:.*holds the same exposures")
@pytest.mark.parametrize("how", [{}, {"combine": "nested", "concat_dim": "pic"}])
def test_a_product_that_holds_a_part_of_another(three, tmp_path, how):
    part = write_product(tmp_path / "part", NAME, samples=2)
    with pytest.raises(ArgumentError, match="some files hold the same exposures"):
        xr.open_mfdataset([*three, part], engine="uvis", **how)


def test_no_pipe_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.LBL")
    assert not UvisBackend().guess_can_open(tmp_path / "x.LBL")
