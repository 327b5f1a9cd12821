"""Products to datasets: lazily, in time order, and never wrong."""

from __future__ import annotations

import contextlib
import inspect
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product

import uvisxr
from uvisxr.dataset import inputs
from uvisxr.errors import (
    ArgumentError,
    ExportError,
    LabelError,
    NoMatchError,
    ProductError,
    UvisWarning,
)
from uvisxr.reader import sources

NAME = "FUV2005_230_15_15"


@pytest.fixture
def counts():
    return np.random.default_rng(1).poisson(3, (5, 60, 512)).astype(np.uint16)


@pytest.fixture
def product(tmp_path, counts):
    return write_product(tmp_path, NAME, counts, band_bin=2)


def test_counts_of_the_window(product, counts):
    ds = uvisxr.open_product(product)
    assert ds.counts.dims == ("pic", "pixel", "wl")
    assert ds.counts.dtype == np.uint16
    np.testing.assert_array_equal(ds.counts, counts)
    assert ds.line.values.tolist() == list(range(2, 62))
    assert ds.band.values.tolist() == list(range(0, 1024, 2))


@pytest.mark.parametrize(
    "chunks",
    [0, -5, True, {"pic": 0}, {"pic": np.int64(-5)}, {"pic": np.nan}, {"pic": (5, 0)}],
)
def test_chunks_of_no_size(product, chunks):
    with pytest.raises(ArgumentError, match=r"chunks=.*expected sizes by dimension.* is no size"):
        uvisxr.open_product(product, chunks=chunks)


def test_chunks_of_any_size(product):
    def first(size: object) -> tuple[int, ...]:
        return uvisxr.open_product(product, chunks={"pic": size}).counts.chunks[0]

    assert {first(n) for n in (-1, 10**9, np.int64(5), "auto", "1MB", None)} == {(5,)}
    assert first((2, 3)) == (2, 3)


def test_the_root_of_a_file_system(product, monkeypatch):
    """Without a walk through all of it."""
    below, expected = sources.expand, uvisxr.open_product(product).drop_attrs()

    def expand(paths, *arguments):
        assert list(paths) == ["/"]
        return below([product.parent], *arguments)

    monkeypatch.setattr(sources, "expand", expand)
    xr.testing.assert_identical(uvisxr.open_product("/").drop_attrs(), expected)


def test_chunks_give_dask(product):
    assert uvisxr.open_product(product, chunks={"pic": 2}).counts.chunks[0] == (2, 2, 1)
    assert uvisxr.open_product(product).counts.chunks is None


def test_missing_counts_stay_counts(product):
    """65535 is told from a count by later steps; opening does not make floats of integers."""
    data = product.with_suffix(".DAT")
    frame = np.fromfile(data, ">u2")
    frame[2 * 1024] = 65535
    frame.tofile(data)
    counts = uvisxr.open_product(product).counts
    assert counts.dtype == np.uint16
    assert int(counts[0, 0, 0]) == 65535
    assert "_FillValue" not in counts.attrs | counts.encoding


def test_start_time_is_the_end_of_the_first_exposure(product):
    ds = uvisxr.open_product(product)
    assert ds.time_stop[0] == np.datetime64("2005-08-18T15:15:04.141")
    assert ds.time_start[0] == np.datetime64("2005-08-18T15:14:34.141")
    assert ds.time[0] == np.datetime64("2005-08-18T15:14:49.141")
    assert ds.attrs["start_time"] == "end_of_first"
    np.testing.assert_array_equal(ds.time_start[1:], ds.time_stop[:-1])
    other = uvisxr.open_product(product, start_time="start")
    assert other.time_start[0] == ds.time_stop[0]
    assert other.attrs["start_time"] == "start"


def test_clock(product):
    ds = uvisxr.open_product(product)
    np.testing.assert_array_equal(ds.sclk, 1503070990.25 + 30.0 * np.arange(-1, 4))


@pytest.mark.parametrize("count", ["UNK", "1/1000000000.64"])
def test_invalid_clock_is_taken_from_the_time(product, count):
    product.write_text(product.read_text().replace("1/1503070990.64", count))
    wrong = pytest.warns(UvisWarning, match="START_COUNT is 503070990 s from START_TIME")
    with contextlib.nullcontext() if count == "UNK" else wrong:
        ds = uvisxr.open_product(product)
    np.testing.assert_allclose(ds.sclk, 1503070990.25 + 30.0 * np.arange(-1, 4), rtol=0, atol=0.2)


def test_clock_with_milliseconds(product):
    product.write_text(product.read_text().replace("1/1503070990.64", "1/1503070990.300"))
    ds = uvisxr.open_product(product)
    np.testing.assert_allclose(ds.sclk, 1503070990.3 + 30.0 * np.arange(-1, 4), rtol=0, atol=1e-6)


def test_attributes(product):
    ds = uvisxr.open_product(product)
    assert {k: ds.attrs[k] for k in ("name", "channel", "slit", "target", "year", "doy")} == {
        "name": "FUV_2005_230",
        "channel": "FUV",
        "slit": "LOW_RESOLUTION",
        "target": "SATURN",
        "year": 2005,
        "doy": 230,
    }
    assert (ds.attrs["slit_width"], ds.attrs["slit_dlambda"]) == (150.0, 4.8)
    assert ds.attrs["history"].count("\n") == 0
    assert "open_product(path='FUV2005_230_15_15.LBL'" in ds.attrs["history"]
    assert ds.attrs["history"].endswith(", FUV2005_230_15_15.DAT 655360 bytes")
    assert all(value is not None and not isinstance(value, bool) for value in ds.attrs.values())


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "FUV_2005_230"),
        ({"prime_instrument": "cirs"}, "FUV_2005_230_CIRS"),
        ({"id": 2}, "FUV_2005_230_2"),
        ({"prime_instrument": "UVIS", "id": 1}, "FUV_2005_230_PRIME_1"),
        ({"name": "mine"}, "mine"),
    ],
)
def test_names(product, arguments, name):
    assert uvisxr.open_observation(product, **arguments).attrs["name"] == name


@pytest.mark.parametrize(
    ("given", "kept"),
    [("uvis", "PRIME"), ("Prime", "PRIME"), ("CIRS", "CIRS"), ("vims", "VIMS"), (None, "")],
)
def test_prime_instrument(product, given, kept):
    ds = uvisxr.open_observation(product, prime_instrument=given)
    assert ds.attrs["prime_instrument"] == kept


def test_prime_instrument_that_never_was(product):
    with pytest.raises(ArgumentError, match=r"prime_instrument='INMS'.*'VIMS'"):
        uvisxr.open_observation(product, prime_instrument="inms")


def test_targets_are_in_capitals(product):
    assert uvisxr.open_observation(product, target="Titan").attrs["target"] == "TITAN"
    product.write_text(product.read_text().replace('"SATURN"', '"Saturn"'))
    assert uvisxr.open_product(product).attrs["target"] == "SATURN"


def test_a_batch_file_in_place_of_paths(three, tmp_path):
    batch = tmp_path / "only.txt"
    batch.write_text(str(three[1]))
    with pytest.warns(UvisWarning, match="in place of the paths"):
        ds = uvisxr.open_observation(three[0], batch=batch)
    assert set(ds["product"].values) == {three[1].stem}


@pytest.mark.parametrize("pair", [tuple, list, reversed])
def test_a_label_and_a_data_file_of_another_name(product, tmp_path, pair):
    """Unless the data file has a label of its own, or the label has other data, in this order."""
    data = product.with_suffix(".DAT").rename(tmp_path / "elsewhere_PRIME.DAT")
    names = [product, data]
    if pair is not reversed:
        # The pair that is given counts, not what lies beside the label.
        product.with_suffix(".DAT").write_bytes(bytes(data.stat().st_size))
    ds = uvisxr.open_product(pair(names) if pair is not reversed else (data, product))
    assert ds.counts.values.any()
    assert "elsewhere_PRIME.DAT" in ds.attrs["history"]
    xr.testing.assert_equal(uvisxr.open_observation(*names), ds)


def test_a_data_file_with_a_label_of_its_own_is_another_product(three):
    ds = uvisxr.open_observation(three[0], three[1].with_suffix(".DAT"))
    assert set(ds["product"].values) == {path.stem for path in three[:2]}


@pytest.mark.parametrize("ending", [".IMG", ".lbl", ".dat", ".txt", ""])
def test_any_ending_of_a_base_path(product, ending):
    ds = uvisxr.open_product(product.with_suffix(ending))
    assert ds["product"].values[0] == product.stem


def test_quality_flags_the_dark_lines(product):
    quality = uvisxr.open_product(product).quality
    assert quality.dtype == np.uint8
    assert np.flatnonzero(quality[0]).tolist() == [59]


def test_partial_last_bin(tmp_path):
    ds = uvisxr.open_product(write_product(tmp_path, NAME, line_bin=7, lines=(0, 62)))
    assert ds.sizes["pixel"] == 9
    ds = uvisxr.open_product(write_product(tmp_path, NAME, band_bin=100))
    assert ds.sizes["wl"] == 11
    assert float(ds.wl_bounds[-1, 1]) < 1914


# --- several windows --------------------------------------------------------------------------


@pytest.fixture
def windows(tmp_path):
    path = write_product(tmp_path, NAME, np.zeros((2, 60, 1024)))
    text = path.read_text()
    for key, values in (
        ("UL_CORNER_LINE", (10, 24, 50)),
        ("LR_CORNER_LINE", (14, 39, 54)),
        ("LINE_BIN", (5, 1, 5)),
        ("BAND_BIN", (1, 2, 1)),
    ):
        line = next(x for x in text.splitlines() if x.strip().startswith(key))
        text = text.replace(line, f"{key} = {values}")
    path.write_text(text)
    frame = np.full((2, 64, 1024), 65535, ">u2")
    frame[:, 10, :], frame[:, 24:40, :512], frame[:, 50, :] = 1, 2, 3
    path.with_suffix(".DAT").write_bytes(frame.tobytes())
    return path


def test_several_windows_are_a_tree(windows):
    tree = uvisxr.open_product(windows)
    assert isinstance(tree, xr.DataTree)
    shapes = [node.counts.shape for node in tree.children.values()]
    assert shapes == [(2, 1, 1024), (2, 16, 512), (2, 1, 1024)]
    for k, node in enumerate(tree.children.values()):
        assert (node.counts == k + 1).all()
    one = uvisxr.open_product(windows, window=1)
    xr.testing.assert_equal(one, tree["window1"].to_dataset())


def test_unknown_window(windows):
    with pytest.raises(ArgumentError, match=r"window=3: expected a window of .*, 0 to 2"):
        uvisxr.open_product(windows, window=3)


# --- several products -------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path):
    """Three products, an exposure longer in the second, named in the reverse of time."""
    names = ["FUV2005_230_17_15", "FUV2005_230_16_15", "FUV2005_230_15_15"]
    return [
        write_product(tmp_path, name, samples=n, exposure=t)
        for name, n, t in zip(names, (2, 3, 1), (30.0, 60.0, 30.0), strict=True)
    ]


def test_exposures_are_sorted_by_time(three):
    ds = uvisxr.open_observation(three)
    assert ds.sizes["pic"] == 6
    assert (np.diff(ds.et) > 0).all()
    assert ds.exposure.values.tolist() == [30, 60, 60, 60, 30, 30]
    parts = [uvisxr.open_product(path).counts.values for path in reversed(three)]
    np.testing.assert_array_equal(ds.counts, np.concatenate(parts))
    assert ds["product"].values.tolist()[0] == "FUV2005_230_15_15"
    assert ds.pic.values.tolist() == list(range(6))
    unsorted = uvisxr.open_observation(three, sort=False)
    assert unsorted["product"].values.tolist()[0] == "FUV2005_230_17_15"


def test_copies_of_a_product_fall_out(three, tmp_path):
    copy = tmp_path / "copies" / "FUV2005_230_16_15_PRIME.LBL"
    copy.parent.mkdir()
    copy.write_bytes(three[1].read_bytes())
    copy.with_suffix(".DAT").write_bytes(three[1].with_suffix(".DAT").read_bytes())
    with pytest.warns(UvisWarning) as caught:
        ds = uvisxr.open_observation([*three, copy])
    (copies,) = (w for w in caught if "holds the same exposures" in str(w.message))
    assert f"{copy} holds the same exposures as {three[1]}" in str(copies.message)
    assert copies.filename == __file__
    assert ds.sizes["pic"] == 6


@pytest.mark.parametrize("start_time", ["end_of_first", "start"])
def test_start_in_a_leap_second(tmp_path, start_time):
    """datetime64 cannot name it; elapsed times are counted from it all the same."""
    path = write_product(tmp_path, "FUV2016_366_23_59", samples=2, exposure=30.0)
    text = path.read_text()
    path.write_text(re.sub(r"2016-366T\S+", "2016-366T23:59:60.500", text))
    ds = uvisxr.open_product(path, start_time=start_time)
    # 23:59:60.5 is 0.5 s before 2017-01-01, which is 536500869.183930 TDB.
    first = 536500868.683930 - (30.0 if start_time == "end_of_first" else 0.0)
    np.testing.assert_allclose(ds.et, first + np.array([15.0, 45.0]), rtol=0, atol=1e-6)
    begin, end = {
        "end_of_first": ("2016-12-31T23:59:30.500", "2017-01-01T00:00:29.500"),
        "start": ("2017-01-01T00:00:00.500", "2017-01-01T00:00:59.500"),
    }[start_time]
    assert ds.time_start[0] == np.datetime64(begin)
    assert ds.time_stop[1] == np.datetime64(end)
    assert (ds.attrs["year"], ds.attrs["doy"]) == (2016, 366)
    assert ds.attrs["name"] == "FUV_2016_366"


def test_lazy_equals_eager(three):
    eager, lazy = uvisxr.open_observation(three), uvisxr.open_observation(three, chunks={})
    xr.testing.assert_identical(eager.compute(), lazy.compute())


@pytest.mark.parametrize(
    "kind", ["labels", "list", "data", "bases", "pairs", "nested", "folder", "batch", "mixed"]
)
def test_inputs(three, kind):
    folder = three[0].parent
    data = [path.with_suffix(".DAT") for path in three]
    batch = folder / "batch.txt"
    batch.write_text("# these\n\n" + "\n".join(p.stem + "  # one" for p in three))
    arguments = {
        "labels": three,
        "list": [three],
        "data": data,
        "bases": [str(path.with_suffix("")) for path in three],
        "pairs": [iter([*three, *data])],
        "nested": [three[0], [three[1], (data[1], three[2])]],
        "folder": [folder],
        "batch": [],
        "mixed": [three[0], folder],
    }[kind]
    options = {"batch": batch} if kind == "batch" else {}
    assert uvisxr.open_observation(*arguments, **options).sizes["pic"] == 6


def test_all_but_paths_go_by_name(three):
    """A path in the place of an option would leave out its exposures."""
    assert uvisxr.open_observation(*map(str, three)).sizes["pic"] == 6
    kinds = {
        name: parameter.kind
        for function in (uvisxr.open_observation, uvisxr.open_product)
        for name, parameter in list(inspect.signature(function).parameters.items())[1:]
    }
    assert set(kinds.values()) == {inspect.Parameter.KEYWORD_ONLY}


def test_a_day_of_both_channels(three):
    folder = three[0].parent
    write_product(folder, "EUV2005_230_16_15", samples=4)
    (folder / "HSP2005_230_16_15.LBL").write_text('PRODUCT_ID = "HSP2005_230_16_15"')
    for channel, count in (("FUV", 6), ("euv", 4)):
        ds = uvisxr.open_observation(folder, channel=channel)
        assert (ds.attrs["channel"], ds.sizes["pic"]) == (channel.upper(), count)
    with pytest.raises(ProductError, match=r"differ in channel.*channel='[EF]UV'"):
        uvisxr.open_observation(folder)
    with pytest.raises(ArgumentError, match="channel='HSP'"):
        uvisxr.open_observation(folder, channel="HSP")
    with pytest.raises(NoMatchError, match=r"channel='EUV' \(there: FUV\)"):
        uvisxr.open_observation(*three, channel="EUV")


def test_volumes_that_share_a_product(tmp_path):
    """The later volume counts, in whatever order they come; data that are not whole do not."""
    name = "EUV2003_358_06_42"
    labels = [
        write_product(tmp_path / f"COUVIS_{number:04}" / "DATA" / "D2003_358", name, samples=2)
        for number in (5, 6)
    ]
    for label, year in zip(labels, ("2004", "2012"), strict=True):
        text = label.read_text()
        label.write_text(text.replace("ODC_ID", f"PRODUCT_CREATION_TIME = {year}-001\nODC_ID"))
    for given in (tmp_path, labels, labels[::-1]):
        with pytest.warns(UvisWarning, match=f"{labels[0]} holds the same .* as {labels[1]}"):
            ds = uvisxr.open_observation(given)
        assert (ds.sizes["pic"], ds.attrs["product_creation_time"]) == (2, "2012-001")
    labels[1].with_suffix(".DAT").unlink()
    with pytest.warns(UvisWarning, match=f"{labels[1]} holds the same"):
        assert uvisxr.open_observation(tmp_path).attrs["product_creation_time"] == "2004-001"


def test_a_copy_of_another_name(tmp_path):
    first = write_product(tmp_path, NAME, samples=2)
    copy = first.with_stem("FUV2005_230_23_59")
    for ending in (".LBL", ".DAT"):
        shutil.copy(first.with_suffix(ending), copy.with_suffix(ending))
    with pytest.warns(UvisWarning) as caught:
        assert uvisxr.open_observation(tmp_path).sizes["pic"] == 2
    assert any("holds the same exposures" in str(one.message) for one in caught)


@pytest.mark.parametrize(
    ("copies", "said"),
    [(1, "is left out$"), (2, "is left out; so is 1 more$"), (4, "is left out; so are 3 more$")],
)
def test_copies_are_told_in_one_warning(tmp_path, copies, said):
    paths = [write_product(tmp_path / str(k), NAME) for k in range(copies + 1)]
    with pytest.warns(UvisWarning, match=said) as caught:
        uvisxr.open_observation(paths)
    assert len(caught) == 1


def test_the_longer_of_two_is_taken_if_it_is_whole(tmp_path):
    short, long = (write_product(tmp_path / str(n), NAME, samples=n, band_bin=32) for n in (1, 2))
    with pytest.warns(UvisWarning, match=f"{short} holds the same exposures as {long}") as caught:
        assert uvisxr.open_observation([short, long]).sizes["pic"] == 2
    assert "would not do" not in str(caught[0].message)
    data = long.with_suffix(".DAT")
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.warns(UvisWarning, match=f"{long} holds the same.* {data} would not do"):
        assert uvisxr.open_observation([short, long]).sizes["pic"] == 1


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("line", ["SLIT_STATE", "TARGET_NAME", "CORE_UNIT"])
def test_of_two_copies_that_with_the_better_label_is_taken(tmp_path, first, line):
    """Whichever comes first; and it is said in what the two labels differ."""
    labels = [write_product(tmp_path / str(k), NAME) for k in range(2)]
    bad, good = labels[first], labels[1 - first]
    bad.write_text(re.sub(rf"(?m)^( *){line} +=.*", rf"\1{line} = UNK", bad.read_text()))
    if line == "CORE_UNIT":
        bad.write_text(bad.read_text().replace("CORE_UNIT = UNK", "CORE_UNIT = VOLT"))
    said = f"{bad} holds the same.* as {good} .*; the labels differ in {line}: check"
    with pytest.warns(UvisWarning, match=said) as caught:
        uvisxr.open_observation(tmp_path)
    assert len(caught) == 1


def test_a_copy_with_another_blank_is_another_label(tmp_path):
    """A blank that does not break, as of a web page, hides the keyword before it."""
    bad, good = (write_product(tmp_path / str(k), NAME) for k in range(2))
    bad.write_bytes(bad.read_bytes().replace(b"TARGET_NAME  ", b"TARGET_NAME\xa0 "))
    with pytest.warns(UvisWarning, match=f"{bad} holds the same.* as {good} .*TARGET_NAME"):
        assert uvisxr.open_observation(tmp_path).attrs["target"] == "SATURN"


@pytest.mark.parametrize("damage", ["zeros", "exchanged"])
def test_copies_whose_data_differ_are_told(tmp_path, damage):
    labels = [write_product(tmp_path / str(k), NAME, samples=8) for k in range(2)]
    data = labels[1].with_suffix(".DAT")
    raw = bytearray(data.read_bytes())
    if damage == "zeros":
        raw[300_000:400_000] = bytes(100_000)
    else:
        raw[::2], raw[1::2] = raw[1::2], raw[::2]
    data.write_bytes(raw)
    with pytest.warns(UvisWarning, match="; the data files differ: check which is sound"):
        uvisxr.open_observation(tmp_path)


def test_a_label_that_contradicts_itself_is_blamed_for_it(tmp_path):
    """Not the data, which agree with the rest of the label."""
    label = write_product(tmp_path, NAME, samples=25)
    for key in ("FILE_RECORDS", "STOP_TIME"):
        text = label.read_text().replace("(1024, 64, 25)", "(1024, 64, 52)")
        if key == "STOP_TIME":
            text = re.sub("FILE_RECORDS.*", "FILE_RECORDS = UNK", text)
            text = text.replace('STOP_TIME                       = "UNK"', "STOP_TIME = {}")
            text = text.format("2005-230T15:27:34.141")
        label.write_text(text)
        said = (
            f"{label} contradicts itself: .* 52 exposures, but {key} and .* say 25; move the label"
        )
        with pytest.raises(ProductError, match=said):
            uvisxr.open_product(label)


def test_pointing_in_the_identifier_makes_no_other_product(tmp_path):
    first = write_product(tmp_path, NAME, samples=2)
    other = first.with_stem(f"{NAME}_PRIME")
    other.write_text(first.read_text().replace(NAME, other.stem))
    shutil.copy(first.with_suffix(".DAT"), other.with_suffix(".DAT"))
    with pytest.warns(UvisWarning, match="holds the same exposures"):
        assert uvisxr.open_observation(tmp_path).sizes["pic"] == 2


def test_a_packed_copy_in_a_later_volume_may_be_damaged(tmp_path):
    plain, packed = (write_product(tmp_path / f"COUVIS_000{n}", NAME) for n in (7, 8))
    data = packed.with_suffix(".DAT")
    data.rename(f"{data}.gz")
    with pytest.warns(UvisWarning, match=f"{packed} holds the same exposures as {plain}"):
        uvisxr.open_observation([plain, packed]).load()


def test_a_link_to_a_product_is_that_product(tmp_path):
    """Neither taken twice nor worth a word."""
    label = write_product(tmp_path / "data", NAME, samples=2)
    (tmp_path / "favourites").mkdir()
    for ending in (".LBL", ".DAT"):
        (tmp_path / "favourites" / f"{NAME}{ending}").symlink_to(label.with_suffix(ending))
    assert uvisxr.open_observation(tmp_path).sizes["pic"] == 2


def test_lower_case_endings(product, counts):
    for path in (product, product.with_suffix(".DAT")):
        path.rename(path.with_suffix(path.suffix.lower()))
    for ending in ("", ".LBL", ".lbl", ".DAT", ".dat"):
        ds = uvisxr.open_product(product.with_suffix(ending))
        np.testing.assert_array_equal(ds.counts, counts)


def test_keywords_that_differ_are_left_out(three):
    text = three[0].read_text()
    three[0].write_text(text.replace("ODC_ID                          = 1114", "ODC_ID = 7"))
    ds = uvisxr.open_observation(three)
    assert "odc_id" not in ds.attrs
    assert ds.attrs["data_set_id"] == "CO-S-UVIS-2-CUBE-V1.2"


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("EUV2005_230_16_15", {}, "channel"),
        ("FUV2005_230_16_15", {"slit": "HIGH_RESOLUTION"}, "slit"),
        ("FUV2005_230_16_15", {"band_bin": 2}, "windows"),
        ("FUV2005_230_16_15", {"lines": (2, 60)}, "windows"),
    ],
)
def test_products_that_do_not_fit(tmp_path, name, change, what):
    paths = [write_product(tmp_path, NAME), write_product(tmp_path, name, **change)]
    with pytest.raises(ProductError, match=f"{NAME}.*{name}.*differ in {what}"):
        uvisxr.open_observation(paths)


def test_products_that_do_not_fit_are_told_in_words(tmp_path):
    names = (NAME, "FUV2005_230_16_15")
    paths = [
        write_product(tmp_path, n, slit=s)
        for n, s in zip(names, ("UNK", "LOW_RESOLUTION"), strict=True)
    ]
    with pytest.raises(ProductError, match=r"slit \(unknown, LOW_RESOLUTION\).*or a glob"):
        uvisxr.open_observation(paths)
    two = ((2, 61), (2, 60))
    places = [tmp_path / str(number) for number in range(2)]
    paths = [write_product(p, NAME, lines=rows) for p, rows in zip(places, two, strict=True)]
    said = r"\(rows 2\.\.61, columns 0\.\.1023 in bins of 1 x 1, rows 2\.\.60, columns .*\).*a glob"
    with pytest.raises(ProductError, match=said):
        uvisxr.open_observation(paths)


def test_a_matrix_among_products(tmp_path):
    counts, matrix = write_product(tmp_path, NAME), write_product(tmp_path, f"{NAME}_CAL_3")
    text = matrix.read_text().replace("= MSB_UNSIGNED_INTEGER", "= IEEE_REAL")
    matrix.write_text(text.replace("CORE_ITEM_BYTES               = 2", "CORE_ITEM_BYTES = 4"))
    np.ones((1, 64, 1024), ">f4").tofile(matrix.with_suffix(".DAT"))
    for paths in ((counts, matrix), (matrix, counts)):
        with pytest.raises(ProductError, match=rf"{NAME}_CAL_3\.LBL is a calibration matrix"):
            uvisxr.open_observation(*paths)


def with_port(label: Path, state: str) -> Path:
    """The label with a state of the port for the Sun."""
    text = label.read_text()
    label.write_text(text.replace("ODC_ID", f"OCCULTATION_PORT_STATE = {state}\r\nODC_ID"))
    return label


@pytest.mark.parametrize(
    ("channel", "state", "target", "optics"),
    [
        ("EUV", "OPEN", "SUN", "solar_port"),
        ("EUV", '"Open"', "sun", "solar_port"),
        # The port has been open since 2007, whatever was looked at.
        ("EUV", "OPEN", "SATURN", "telescope"),
        ("EUV", "CLOSED", "SUN", "telescope"),
        ("EUV", '"N/A"', "SUN", "telescope"),
        ("FUV", "OPEN", "SUN", "telescope"),
    ],
)
def test_what_the_light_came_in_through(tmp_path, channel, state, target, optics):
    label = write_product(tmp_path, f"{channel}2008_230_15_15", target=target)
    assert uvisxr.open_product(with_port(label, state)).attrs["optics"] == optics


def test_the_sun_in_place_of_an_unknown_target(tmp_path):
    names = ("EUV2008_230_15_15", "EUV2008_230_16_15")
    unknown, sun = (
        with_port(write_product(tmp_path, name, target=target), "OPEN")
        for name, target in zip(names, ("UNK", "SUN"), strict=True)
    )
    with pytest.raises(ProductError, match="differ in optics \\(telescope, solar_port\\)"):
        uvisxr.open_observation([unknown, sun])
    both = uvisxr.open_observation([unknown, sun], target="SUN")
    assert both.attrs["optics"] == "solar_port"


def test_several_targets(tmp_path):
    paths = [
        write_product(tmp_path, NAME),
        write_product(tmp_path, NAME[:-1] + "6", target="DIONE"),
    ]
    with pytest.warns(UvisWarning, match="DIONE, SATURN"):
        assert uvisxr.open_observation(paths).attrs["target"] == "SATURN"
    assert uvisxr.open_observation(paths, target="TITAN").attrs["target"] == "TITAN"
    # In two spellings it is one.
    for path, name in zip(paths, ("S RINGS", "Saturn Rings"), strict=True):
        path.write_text(re.sub('TARGET_NAME .*"', f'TARGET_NAME = "{name}"', path.read_text()))
    assert uvisxr.open_observation(paths).attrs["target"] == "S RINGS"


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "state"), [(-2, "truncated"), (2, "too long"), (-1, "trunc")])
def test_data_of_another_size(product, change, state):
    data = product.with_suffix(".DAT")
    content = data.read_bytes()
    data.write_bytes(content[:change] if change < 0 else content + b"\0" * change)
    with pytest.raises(ProductError, match=rf"{NAME}\.DAT is {state}.*label says 655360") as caught:
        uvisxr.open_product(product)
    # A download replaces no file of the user's own.
    mend = f"move it away, and download the product again with `uvisxr fetch {NAME} --to {{}}`"
    assert mend.format(product.parent) in str(caught.value)


def test_data_of_another_size_in_the_cache(product, monkeypatch):
    monkeypatch.setenv("UVISXR_CACHE", str(product.parent))
    folder = product.parent / "products" / "COUVIS_0012"
    folder.mkdir(parents=True)
    label = product.rename(folder / product.name)
    (folder / f"{NAME}.DAT").write_bytes(b"")
    with pytest.raises(ProductError, match=rf"; download the product again with `.* {NAME}`$"):
        uvisxr.open_product(label)


def test_data_too_long_by_an_exposure(product):
    data = product.with_suffix(".DAT")
    data.write_bytes(data.read_bytes() + b"\0" * 131072)
    with pytest.raises(ProductError, match="too long"):
        uvisxr.open_product(product)


def test_missing_data(product):
    product.with_suffix(".DAT").unlink()
    with pytest.raises(
        ProductError, match=rf"{NAME}\.DAT.*beside its label.*uvisxr fetch {NAME} --to"
    ):
        uvisxr.open_product(product)


def test_missing_data_of_a_renamed_label(product, tmp_path):
    """Both names are looked for, and told; only an identifier can be fetched."""
    label = product.rename(tmp_path / "limb.LBL")
    product.with_suffix(".DAT").rename(tmp_path / "limb.data")
    said = rf"limb\.DAT: No such file.*, nor is there {NAME}\.DAT, .*uvisxr fetch {NAME} --to .*` "
    with pytest.raises(ProductError, match=said):
        uvisxr.open_product(label)
    label.write_text(label.read_text().replace(f'"{NAME}.DAT"', '"other.DAT"'))
    with pytest.raises(ProductError, match=r"nor is there other\.DAT.* beside its label$"):
        uvisxr.open_product(label)


def test_size_is_checked_before_anything_is_made(product):
    """A damaged number of samples must not fill the memory."""
    product.write_text(product.read_text().replace("(1024, 64, 5)", "(1024, 64, 900000)"))
    with pytest.raises(ProductError, match=r"contradicts itself: .* 900000 .*say 5"):
        uvisxr.open_product(product)


def test_missing_label(product):
    product.unlink()
    with pytest.raises(LabelError, match=rf"{NAME}\.LBL.*same name"):
        uvisxr.open_product(product.with_suffix(".DAT"))


def test_missing_product(tmp_path):
    with pytest.raises(ArgumentError, match=r"no product in .*nowhere"):
        uvisxr.open_product(tmp_path / "nowhere")


def test_empty_folder(tmp_path):
    with pytest.raises(ArgumentError, match="no product"):
        uvisxr.open_observation(tmp_path)


def test_empty_batch_file(tmp_path):
    (tmp_path / "batch.txt").write_text("# nothing\n")
    with pytest.raises(ArgumentError, match="no product"):
        uvisxr.open_observation(batch=tmp_path / "batch.txt")


@pytest.mark.parametrize("paths", [[], [[]]])
def test_no_paths(paths):
    with pytest.raises(ArgumentError, match="no product to open"):
        uvisxr.open_observation(*paths)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (5, "paths=5: expected a path"),
        (None, "paths=None: expected a path"),
        ("~nobody-here/a", "~nobody-here"),
    ],
)
def test_what_is_no_path(path, said):
    with pytest.raises(ArgumentError, match=said):
        uvisxr.open_observation(path)


def test_folder_is_no_product(three):
    with pytest.raises(ArgumentError, match=r"3 products.*open_observation"):
        uvisxr.open_product(three[0].parent)


def test_unknown_start(product):
    product.write_text(product.read_text().replace("2005-230T15:15:04.141", "UNK"))
    with pytest.raises(LabelError, match="START_TIME"):
        uvisxr.open_product(product)


def test_unknown_meaning_of_the_start(product):
    with pytest.raises(ArgumentError, match="end_of_first"):
        uvisxr.open_product(product, start_time="middle")


def renamed(label: Path) -> Path:
    return label.rename(label.with_stem(f"{label.stem}_PRIME"))


def test_a_folder_of_renamed_labels(product, counts):
    label = renamed(product)
    for given in (label.parent, label.with_name(f"{NAME}.DAT")):
        np.testing.assert_array_equal(uvisxr.open_observation(given).counts, counts)


@pytest.mark.parametrize(("cut", "taken"), [(2, 13), (0, 14)])
def test_copies_are_judged_by_the_data_that_they_name(tmp_path, cut, taken):
    """The labels are renamed, and of one text; the data files keep their names."""
    folders = [tmp_path / f"COUVIS_00{number}" for number in (13, 14)]
    for folder in folders:
        label = renamed(write_product(folder, NAME, band_bin=32))
        data = label.with_name(f"{NAME}.DAT")
        if folder == folders[1] and cut:
            data.write_bytes(data.read_bytes()[:-cut])
    with pytest.warns(UvisWarning, match="the same exposures"):
        ds = uvisxr.open_observation(folders)
    assert f"COUVIS_00{taken}" in " ".join(inputs.of(ds))
    assert ds.sizes["pic"] == 1


@pytest.mark.parametrize("identifier", [f"{NAME}_PRIME", f"{NAME}_33", f"fuv{NAME[3:]}"])
def test_a_file_of_any_name_is_a_copy_by_its_identifier(product, tmp_path, identifier):
    copy = tmp_path / "copies" / "titan1.LBL"
    copy.parent.mkdir()
    copy.write_text(
        product.read_text().replace(f'ID                      = "{NAME}"', f'ID = "{identifier}"')
    )
    shutil.copy(product.with_suffix(".DAT"), copy.with_suffix(".DAT"))
    assert identifier in copy.read_text()
    with pytest.warns(UvisWarning, match="the same exposures"):
        assert len(sources.expand([product, copy])) == 1


def test_a_label_that_breaks_off_stops_a_folder(three):
    folder = three[0].parent
    text = three[1].read_text()
    three[1].write_text(text[: text.index("OBJECT ")])
    with pytest.raises(LabelError, match=rf"{three[1].name} is damaged"):
        uvisxr.open_observation(folder)


@pytest.mark.parametrize("kind", [tuple, list])
@pytest.mark.parametrize("turned", [False, True])
def test_a_pair_is_one_product_whatever_lies_beside(product, counts, tmp_path, kind, turned):
    mine = tmp_path / "mine" / "F331.LBL"
    mine.parent.mkdir()
    # Ten minutes later: no copy of the other label.
    text = product.read_text().replace("T15:15", "T15:25")
    mine.write_text(text.replace("1/1503070990.64", "UNK"))
    pair = [mine, product.with_suffix(".DAT")]
    ds = uvisxr.open_product(kind(pair[::-1] if turned else pair))
    np.testing.assert_array_equal(ds.counts, counts)
    with pytest.raises(ProductError, match=r"F331.LBL has no data file, .*open_product\(\(label"):
        uvisxr.open_observation(*pair)


@pytest.mark.parametrize("path", [None, [], ()])
def test_no_path_of_one_product(path):
    with pytest.raises(ArgumentError, match="give the path of its label") as caught:
        uvisxr.open_product(path)
    assert "batch=" not in str(caught.value)


def test_no_list_is_replaced(product, tmp_path):
    inner, outer = tmp_path / "inner.txt", tmp_path / "outer.txt"
    inner.write_text(product.name)
    outer.write_text(inner.name)
    for given in ({"batch": outer}, {"paths": [outer]}):
        ds = uvisxr.open_observation(*given.pop("paths", ()), **given)
        for path in (inner, outer):
            with pytest.raises(ExportError, match="were read from it"):
                ds.uvis.to_netcdf(path, overwrite=True)
