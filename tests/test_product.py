"""Label and data file of a product, the place of its window, and calibration matrices."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from helpers.products import write_product

import uvisxr
from uvisxr.errors import ArgumentError, LabelError, ProductError, UvisWarning
from uvisxr.pds3.label import read_label
from uvisxr.pds3.product import choose_windows, label_path, qube_file, read_matrix

NAME = "FUV2005_230_15_15"


@pytest.fixture
def product(tmp_path):
    return write_product(tmp_path, NAME, samples=2)


def change(label, **values):
    """Give keywords of a label other values."""
    text = label.read_text()
    for key, value in values.items():
        line = next(x for x in text.splitlines() if x.split("=")[0].strip() == key)
        text = text.replace(line, f"{key} = {value}")
    label.write_text(text)
    return label


@pytest.mark.parametrize("ending", ["", ".LBL", ".DAT", ".lbl", ".dat"])
@pytest.mark.parametrize("on_disk", [".LBL", ".lbl"])
def test_label_of_a_path(product, ending, on_disk):
    there = product.rename(product.with_suffix(on_disk))
    assert label_path(product.with_suffix(ending)) == there
    assert label_path(str(product.with_suffix(ending))) == there


def test_base_path_with_a_dot(tmp_path):
    assert label_path(tmp_path / "rings.v2").name == "rings.v2.LBL"


# --- pairing ----------------------------------------------------------------------------------


def test_own_name_comes_before_the_named_file(product):
    """Both NAME.DAT, which ^QUBE names, and NAME_PRIME.DAT exist."""
    renamed = product.with_name(f"{NAME}_PRIME.LBL")
    renamed.write_bytes(product.read_bytes())
    other = np.fromfile(product.with_suffix(".DAT"), ">u2")
    other[other < 65535] = 7
    other.tofile(renamed.with_suffix(".DAT"))
    with pytest.warns(UvisWarning, match=rf"names the data file {NAME}\.DAT; {NAME}_PRIME\.DAT"):
        ds = uvisxr.open_product(renamed)
    assert (ds.counts == 7).all()
    assert not (uvisxr.open_product(product).counts == 7).all()


def test_named_file_without_one_of_the_own_name(product):
    renamed = product.rename(product.with_name(f"{NAME}_PRIME.LBL"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_label(renamed).data_path == product.with_suffix(".DAT")


def test_missing_data_file_has_the_name_of_the_label(product):
    product.with_suffix(".DAT").unlink()
    renamed = product.rename(product.with_name("MINE.LBL"))
    with pytest.raises(ProductError, match=r"MINE\.DAT"):
        uvisxr.open_product(renamed)


def test_pointer_with_a_record(product):
    assert qube_file(read_label(change(product, **{"^QUBE": f'("{NAME}.DAT", 1)'}))).shape == (
        60,
        1024,
    )


# --- windows ----------------------------------------------------------------------------------


def test_choice_of_windows(product):
    label = read_label(change(product, LINE_BIN="(1, 2)"))
    assert choose_windows(label, None) == (0, 1)
    assert choose_windows(label, 1) == (1,)
    for window in (-1, 2, "1", 0.5):
        with pytest.raises(
            ArgumentError, match=rf"window={window!r}: expected a window of .*, 0 to 1"
        ):
            choose_windows(label, window)


def test_cube_of_one_line(tmp_path):
    path = write_product(tmp_path, NAME, lines=(10, 40), line_bin=31, samples=3)
    spectra = np.arange(3 * 1024, dtype=">u2").reshape(3, 1, 1024)
    path.with_suffix(".DAT").write_bytes(spectra.tobytes())
    change(path, CORE_ITEMS="(1024, 1, 3)")
    np.testing.assert_array_equal(uvisxr.open_product(path).counts, spectra)


@pytest.mark.parametrize(
    "values",
    [
        # Three windows, one line: which window's line?
        {"CORE_ITEMS": "(1024, 1, 2)", "LINE_BIN": "(60, 60, 60)"},
        {"CORE_ITEMS": "(1024, 1, 2)"},
        {"CORE_ITEMS": "(1024, 61, 2)"},
        {"CORE_ITEMS": "(512, 64, 2)"},
    ],
    ids=str,
)
def test_frames_that_do_not_hold_the_window(product, values):
    with pytest.raises(
        ProductError, match=rf"{NAME}\.LBL: .* hold neither .* download the product again"
    ):
        uvisxr.open_product(change(product, **values))


def test_window_outside_the_frame(product):
    with pytest.raises(ProductError, match=rf"{NAME}\.LBL: .*2\.\.64.*LR_CORNER_LINE"):
        uvisxr.open_product(change(product, LR_CORNER_LINE=64))


# --- matrices ---------------------------------------------------------------------------------


@pytest.fixture
def matrix(tmp_path):
    """A matrix of two windows, and the values of its frame."""
    path = write_product(tmp_path, f"{NAME}_CAL_3")
    change(
        path,
        CORE_ITEM_TYPE="IEEE_REAL",
        CORE_ITEM_BYTES=4,
        UL_CORNER_LINE="(2, 30)",
        LR_CORNER_LINE="(21, 39)",
        LINE_BIN="(2, 1)",
        BAND_BIN="(1, 4)",
    )
    frame = np.random.default_rng(3).random((64, 1024), np.float32)
    frame.astype(">f4").tofile(path.with_suffix(".DAT"))
    return path, frame


@pytest.mark.parametrize("ending", ["", ".LBL", ".DAT"])
def test_matrix_of_each_window(matrix, ending):
    path, frame = matrix
    label, first = read_matrix(path.with_suffix(ending))
    assert label.is_matrix
    np.testing.assert_array_equal(first, frame[2:12])
    np.testing.assert_array_equal(read_matrix(path, window=1)[1], frame[30:40, :256])
    assert first.dtype == np.float32
    with pytest.raises(ArgumentError, match="window=2"):
        read_matrix(path, window=2)


def test_matrix_opens_as_a_dataset(matrix):
    path, frame = matrix
    ds = uvisxr.open_product(path, window=1)
    np.testing.assert_array_equal(ds.calibration_matrix[0], frame[30:40, :256])
    assert ds.calibration_matrix.attrs["units"] == "kR angstrom-1 count-1"
    assert "counts" not in ds


def test_counts_are_no_matrix(product):
    with pytest.raises(ProductError, match=rf"{NAME}\.LBL holds counts.*_CAL_n"):
        read_matrix(product)


def test_missing_matrix(tmp_path):
    with pytest.raises(LabelError, match=r"nothing\.LBL"):
        read_matrix(tmp_path / "nothing")


def test_matrix_and_counts_are_no_observation(matrix, product):
    path = change(matrix[0], UL_CORNER_LINE=2, LR_CORNER_LINE=61, LINE_BIN=1, BAND_BIN=1)
    with pytest.raises(ProductError, match=r"is a calibration matrix, and .* holds counts"):
        uvisxr.open_observation([product, path])
