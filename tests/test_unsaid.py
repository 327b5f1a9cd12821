"""Bins that a label leaves unsaid: found from the data, or refused, and never one by default."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from helpers.products import two_windows, write_product, write_spectrum

import uvisxr
from uvisxr.errors import ProductError, UvisWarning
from uvisxr.instrument.detector import Window
from uvisxr.pds3.label import read_label

NAME = "FUV2005_230_15_15"


def unsay(path, *keys, drop=False):
    """Make keywords of a label unknown, or leave them out."""
    lines = path.read_text().splitlines()
    for key in keys:
        (at,) = (k for k, line in enumerate(lines) if line.split("=")[0].strip() == key)
        lines[at] = "" if drop else f'{key} = "UNK"'
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("drop", [True, False])
@pytest.mark.parametrize("bins", [(1, 1), (1, 2), (5, 32), (2, 1024), (4, 3), (8, 64)])
def test_bins_from_the_extent_of_the_data(tmp_path, bins, drop):
    line_bin, band_bin = bins
    path = write_product(tmp_path, NAME, samples=2, line_bin=line_bin, band_bin=band_bin)
    expected = uvisxr.open_product(path)
    unsay(path, "LINE_BIN", "BAND_BIN", drop=drop)
    with pytest.warns(UvisWarning) as caught:
        found = uvisxr.open_product(path)
    said = sorted(str(w.message).partition(" does not give ")[2][:12] for w in caught)
    assert said == [
        f"{key}: {size} "[:12] for key, size in (("BAND_BIN", band_bin), ("LINE_BIN", line_bin))
    ]
    np.testing.assert_array_equal(found.counts, expected.counts)
    assert (found.attrs["line_bin"], found.attrs["band_bin"]) == bins


@pytest.mark.parametrize("stored", [True, False])
def test_bins_from_packed_data(tmp_path, stored):
    path = unsay(write_product(tmp_path, NAME, band_bin=32), "BAND_BIN")
    data = path.with_suffix(".DAT")
    kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(f"{data}.zip", "w", kind) as archive:
        archive.write(data, data.name)
    data.unlink()
    with pytest.warns(UvisWarning, match="BAND_BIN: 32"):
        assert read_label(path).windows[0].band_bin == 32


def test_a_row_that_is_longer_than_the_others_is_no_extent(tmp_path):
    """As of bytes that were put in, with as many values as if there were no bins."""
    path = unsay(write_product(tmp_path, NAME, band_bin=2), "BAND_BIN")
    data = path.with_suffix(".DAT")
    frames = np.frombuffer(data.read_bytes(), ">u2").reshape(-1, 64, 1024).copy()
    frames[0, 5] = 3
    data.write_bytes(frames.tobytes())
    with pytest.raises(ProductError, match=r"most rows of .* hold 512 bands, and some 1024"):
        read_label(path)


@pytest.mark.parametrize(("key", "row", "column"), [("LINE_BIN", 31, 0), ("BAND_BIN", 2, 511)])
def test_a_value_apart_from_the_others_is_no_extent(tmp_path, key, row, column):
    """A single damaged value, as far out as if there were half as many bins."""
    path = write_product(tmp_path, NAME, samples=2, line_bin=4, band_bin=4)
    data = path.with_suffix(".DAT")
    frames = np.frombuffer(data.read_bytes(), ">u2").reshape(2, 64, 1024).copy()
    frames[1, row, column] = 3
    data.write_bytes(frames.tobytes())
    with pytest.raises(ProductError, match=f"{key} is unknown, and .* with nulls between"):
        read_label(unsay(path, key))


def test_last_bin_that_was_not_transmitted(tmp_path):
    """341 whole bins of three columns; the one of a single column is null."""
    counts = np.ones((3, 60, 342))
    counts[..., -1] = 65535
    path = unsay(write_product(tmp_path, NAME, counts, band_bin=3), "BAND_BIN")
    with pytest.warns(UvisWarning, match="BAND_BIN: 3 is taken"):
        assert read_label(path).windows == (Window(2, 0, 61, 1023, 1, 3),)


def test_exposures_that_are_lost_do_not_shrink_the_window(tmp_path):
    counts = np.ones((4, 60, 512))
    counts[:3] = 65535
    counts[3, :, 100:] = 65535
    counts[3, 5] = 1
    path = unsay(write_product(tmp_path, NAME, counts, band_bin=2), "BAND_BIN")
    with pytest.warns(UvisWarning, match="BAND_BIN: 2"):
        assert read_label(path).windows[0].band_bin == 2


@pytest.mark.parametrize("key", ["BAND_BIN", "LINE_BIN"])
@pytest.mark.parametrize("lost", [0, 40])
def test_the_last_of_many_exposures_shows_the_window(tmp_path, key, lost):
    """In all but one, the upper part of the window is lost, or all of it."""
    counts = np.ones((130, 60, 1024))
    counts[:-1, lost // 2 :, lost * 10 :] = 65535
    path = unsay(write_product(tmp_path, NAME, counts), key)
    with pytest.warns(UvisWarning, match=f"{key}: 1 is taken"):
        assert read_label(path).windows == (Window(2, 0, 61, 1023, 1, 1),)


def test_cube_of_the_size_of_its_window_needs_no_data(tmp_path):
    path = write_spectrum(tmp_path, NAME, np.arange(512), band_bin='"UNK"')
    path.with_suffix(".DAT").unlink()
    with pytest.warns(UvisWarning, match="BAND_BIN: 2"):
        assert read_label(path).windows == (Window(0, 0, 63, 1023, 64, 2),)


@pytest.mark.parametrize(
    ("n_bands", "fit"), [(3, "bins of 342 to 511"), (11, "bins of 94 to 102"), (1000, "no bin")]
)
def test_numbers_that_no_one_bin_gives(tmp_path, n_bands, fit):
    """Three values are ceil(1024 / 342), and as well ceil(1024 / 511)."""
    path = write_spectrum(tmp_path, NAME, np.arange(n_bands), band_bin='"UNK"')
    with pytest.raises(ProductError, match=rf"15_15\.LBL: BAND_BIN is unknown: .* fit {fit}; wri"):
        read_label(path)


def test_two_usual_bins_are_not_told_apart(tmp_path):
    """60 rows as 4 values: 15 rows each, or 16 and a last bin of 12."""
    path = unsay(write_product(tmp_path, NAME, line_bin=16), "LINE_BIN")
    with pytest.raises(ProductError, match="LINE_BIN is unknown: 4 values for 60 lines"):
        read_label(path)


def test_a_null_last_bin_is_thought_of(tmp_path):
    """60 rows as 1 value: all of them, or 32 and a last bin of 28 that is null."""
    path = unsay(write_product(tmp_path, NAME, line_bin=60), "LINE_BIN")
    with pytest.raises(ProductError, match="1 values for 60 lines fit bins of 31 to 60"):
        read_label(path)
    # 600 fits one column, too; that the usual bin is taken is said.
    path = unsay(write_product(tmp_path, NAME, band_bin=1024), "BAND_BIN")
    with pytest.warns(UvisWarning, match="1024 is taken, .* 513 to 1024, it is the usual one"):
        assert read_label(path).windows[0].band_bin == 1024


def test_nothing_to_find_it_from(tmp_path):
    path = unsay(write_product(tmp_path, NAME), "BAND_BIN")
    data = path.with_suffix(".DAT")
    content = data.read_bytes()
    data.write_bytes(b"\xff" * len(content))
    with pytest.raises(ProductError, match=r"BAND_BIN is unknown, .* holds no value in the window"):
        read_label(path)
    data.write_bytes(content[:-2])
    with pytest.raises(ProductError, match=r"BAND_BIN is unknown, .* truncated"):
        read_label(path)
    data.unlink()
    with pytest.raises(ProductError, match=r"BAND_BIN is unknown, .*cannot read the data file"):
        read_label(path)


def test_several_windows(tmp_path):
    path = write_product(tmp_path, NAME)
    two_windows(path)
    unsay(path, "BAND_BIN")
    with pytest.raises(ProductError, match="BAND_BIN is unknown, and there are several windows"):
        read_label(path)
