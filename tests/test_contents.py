"""What counts say against their labels: exchanged bytes, windows that are elsewhere."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.products import write_product

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.pds3 import contents

NAME = "FUV2005_230_15_15"


def with_line(label, key, value):
    text, n = re.subn(rf"(?m)^( *{key} += )\S+", rf"\g<1>{value}", label.read_text())
    assert n == 1
    label.write_text(text)
    return label


def exchanged(label):
    data = label.with_suffix(".DAT")
    data.write_bytes(np.frombuffer(data.read_bytes(), ">u2").byteswap().tobytes())
    return label


@pytest.mark.parametrize(
    "part", [{}, {"pic": 1}, {"pic": 1, "pixel": slice(3, 5)}, {"wl": slice(5, 9)}], ids=str
)
def test_exchanged_bytes_are_told(tmp_path, part):
    ds = uvisxr.open_product(exchanged(write_product(tmp_path, NAME, samples=2)))
    with pytest.warns(UvisWarning, match="all multiples of 256, as if the two bytes") as caught:
        ds.counts.isel(part).load()
    assert [w.filename for w in caught] == [__file__]


def test_a_faint_exposure_does_not_hide_exchanged_bytes(tmp_path):
    counts = np.zeros((5, 60, 1024), int)
    counts[1:, ::20, 7] = 1
    label = exchanged(write_product(tmp_path, NAME, counts))
    with pytest.warns(UvisWarning, match="multiples of 256"):
        uvisxr.open_product(label).counts.load()


@pytest.mark.parametrize("few", [0, 7])
def test_few_counts_of_256_tell_nothing(tmp_path, few):
    counts = np.zeros((3, 60, 1024), int)
    counts[0, 2, :few] = 256
    uvisxr.open_product(write_product(tmp_path, NAME, counts)).counts.load()


@pytest.mark.parametrize("value", [255, 257, 65534, 65279])
def test_bytes_are_judged_by_all_of_a_count(value):
    """Also where the lower byte is that of null."""
    assert not contents.swapped(np.full((2, 4, 9), value, ">u2"))


def test_nulls_are_no_counts():
    values = np.full((1, 4, 9), 65535, ">u2")
    assert not contents.swapped(values)
    values[0, 3] = 512
    assert contents.swapped(values)


@pytest.mark.parametrize(
    ("stored", "key", "value", "said"),
    [
        ((2, 1), "BAND_BIN", 1, "512 of the 1024 columns"),
        ((32, 1), "BAND_BIN", 31, "1 of the 34 columns"),
        ((1, 2), "LINE_BIN", 1, "30 of the 60 rows"),
        ((1, 1), "LR_CORNER_LINE", 63, "2 of the 62 rows"),
    ],
)
def test_a_window_that_ends_in_nulls_is_told(tmp_path, stored, key, value, said):
    """The last bin of 31 columns may be null, being partial; the one before may not."""
    label = write_product(tmp_path, NAME, samples=2, band_bin=stored[0], line_bin=stored[1])
    ds = uvisxr.open_product(with_line(label, key, value))
    with pytest.warns(UvisWarning, match=f"holds no value in any exposure in {said}"):
        ds.counts.load()


@pytest.mark.parametrize("line", [1, 2])
def test_counts_below_a_window_are_told_though_few_rows_are_read(tmp_path, line):
    """Half of the rows are read on their own, be the window's first the frame's or not."""
    label = write_product(tmp_path, NAME, lines=(line, line + 59))
    frame = np.fromfile(label.with_suffix(".DAT"), ">u2").reshape(64, 1024)
    np.roll(frame, -line, 0).tofile(label.with_suffix(".DAT"))
    for key, value in (("UL_CORNER_LINE", 0), ("LR_CORNER_LINE", 59), ("LINE_BIN", 2)):
        with_line(label, key, value)
    with pytest.warns(UvisWarning, match="counts outside of the windows"):
        uvisxr.open_product(label).counts.load()


def test_values_that_one_exposure_has_are_in_the_window(tmp_path):
    label = write_product(tmp_path, NAME, samples=20)
    frames = np.fromfile(label.with_suffix(".DAT"), ">u2").reshape(-1, 64, 1024)
    frames[:17, 30:], frames[:18, :, 500:] = 65535, 65535
    frames.tofile(label.with_suffix(".DAT"))
    uvisxr.open_product(label).counts.load()


def test_what_is_wholly_lost_says_nothing_of_the_label(tmp_path):
    label = write_product(tmp_path, NAME, np.full((2, 60, 1024), 65535))
    uvisxr.open_product(label).counts.load()


def test_a_partial_last_bin_may_be_null(tmp_path):
    label = write_product(tmp_path, NAME, samples=2, band_bin=3)
    frames = np.fromfile(label.with_suffix(".DAT"), ">u2").reshape(-1, 64, 1024)
    frames[:, :, 341:] = 65535
    frames.tofile(label.with_suffix(".DAT"))
    uvisxr.open_product(label).counts.load()
