"""Data objects: a SPECTRUM beside the QUBE, and what is neither."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.products import write_product, write_spectrum

import uvisxr
from uvisxr import batch
from uvisxr.errors import LabelError, ProductError, UnreadObjectError, UvisWarning
from uvisxr.instrument.detector import Window
from uvisxr.pds3.label import read_label

NAME = "EUV2005_230_15_15"


@pytest.fixture
def values():
    return (np.arange(1024) * 7 % 300).astype(np.uint16)


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_spectrum_is_one_exposure_of_one_pixel(tmp_path, values):
    ds = uvisxr.open_product(write_spectrum(tmp_path, NAME, values))
    assert ds.counts.shape == (1, 1, 1024)
    np.testing.assert_array_equal(ds.counts[0, 0], values)
    assert (ds.attrs["ul_line"], ds.attrs["lr_line"], ds.attrs["line_bin"]) == (0, 63, 64)
    # START_TIME 15:15:04.141 is the end of the exposure of 30 s.
    assert ds.time_start[0] == np.datetime64("2005-08-18T15:14:34.141")
    assert ds.time_stop[0] == np.datetime64("2005-08-18T15:15:04.141")
    # Lyman-alpha lies outside the EUV: its first and last column are known.
    np.testing.assert_allclose(ds.wl[[0, -1]], [561.2286, 1181.5368], atol=1e-3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('STOP_TIME                       = "UNK"', "STOP_TIME = 2005-400T61:00"),
        ("ODC_ID", "NEW_KEYWORD = (what, ) is <this>\nODC_ID"),
    ],
)
def test_spectrum_whose_label_is_not_all_of_the_usual_form(tmp_path, values, old, new):
    path = change(write_spectrum(tmp_path, NAME, values), old, new)
    ds = uvisxr.open_product(path)
    np.testing.assert_array_equal(ds.counts[0, 0], values)


@pytest.mark.parametrize("line_bin", [60, 64, 1, '"UNK"'])
def test_spectrum_sums_all_rows_of_its_window(tmp_path, values, line_bin):
    path = write_spectrum(tmp_path, NAME, values, lines=(2, 61), line_bin=line_bin)
    assert read_label(path).windows == (Window(2, 0, 61, 1023, line_bin=60),)


@pytest.mark.parametrize("packed", [True, False])
def test_spectrum_in_bins(tmp_path, packed):
    """256 bins of four columns: alone, or at the start of the detector's 1024."""
    counts = np.arange(256, dtype=np.uint16)
    stored = counts if packed else np.concatenate([counts, np.full(768, 65535, np.uint16)])
    ds = uvisxr.open_product(write_spectrum(tmp_path, NAME, stored, band_bin=4))
    np.testing.assert_array_equal(ds.counts[0, 0], counts)
    assert ds.band.values.tolist() == list(range(0, 1024, 4))


def test_spectrum_can_be_calibrated_as_a_cube_of_one_line(tmp_path, values):
    spectrum = uvisxr.open_product(write_spectrum(tmp_path / "a", NAME, values))
    cube = uvisxr.open_product(
        write_product(tmp_path / "b", NAME, values[None, None], lines=(0, 63), line_bin=64)
    )
    one, two = (ds.uvis.calibrate(flat_field=False, trend=False) for ds in (spectrum, cube))
    np.testing.assert_array_equal(one.radiance, two.radiance)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("BIN_SPATIAL                   = 64", "BIN_SPATIAL = 8", ProductError, "BIN_SPATIAL = 8"),
        ("ROWS                          = 1024", "ROWS = 2048", ProductError, "ROWS = 2048"),
        ("COLUMNS                       = 1", "COLUMNS = 2", LabelError, "COLUMNS = 2"),
        ("    BYTES                       = 2", "  BYTES = 4", LabelError, "INTEGER of 4 bytes"),
        ("DATA_TYPE                   =", "TYPE =", LabelError, "DATA_TYPE is missing"),
        ("DATA_TYPE", "OFFSET = 100\n DATA_TYPE", LabelError, "OFFSET = 100"),
        ("DATA_TYPE", "SCALING_FACTOR = 2\n DATA_TYPE", LabelError, "SCALING_FACTOR = 2"),
        ("DATA_TYPE", "ITEMS = 4\n DATA_TYPE", LabelError, "ITEMS = 4"),
        (
            "ROWS                          = 1024",
            "ROWS = 1E999",
            LabelError,
            "expected a whole number",
        ),
        ("= COLUMN", "= ROW", LabelError, "has no COLUMN"),
    ],
)
def test_spectra_that_are_refused(tmp_path, values, old, new, error, message):
    path = change(write_spectrum(tmp_path, NAME, values), old, new)
    with pytest.raises(error, match=rf"{NAME}\.LBL.*{message}"):
        read_label(path)


def test_data_of_another_length(tmp_path, values):
    path = write_spectrum(tmp_path, NAME, values)
    path.with_suffix(".DAT").write_bytes(bytes(2046))
    with pytest.raises(ProductError, match=r"truncated: 2046 bytes, but its label says 2048"):
        uvisxr.open_product(path)


# --- what is not read -------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path):
    """A product of the FUV that holds an IMAGE."""
    path = write_product(tmp_path / "day", "FUV2005_230_17_15")
    return change(path, "= QUBE", "= IMAGE")


@pytest.mark.parametrize("name", ["HSP2005_230_15_15", "HDAC2005_230_15_15"])
def test_object_is_named_as_what_it_is(image, name):
    with pytest.raises(UnreadObjectError, match=r"17_15\.LBL holds the object IMAGE of the FUV"):
        uvisxr.open_product(image)
    change(change(image, "= IMAGE", "= TIME_SERIES"), '"FUV2005_230_17_15"', name)
    instrument = name.partition("2005")[0]
    with pytest.raises(UnreadObjectError, match=f"TIME_SERIES of the {instrument}"):
        uvisxr.open_product(image)


def test_label_without_an_object(tmp_path):
    path = write_product(tmp_path, NAME)
    head, _, _ = path.read_text().partition("^QUBE")
    path.write_text(f"{head}END\n")
    with pytest.raises(UnreadObjectError, match="describes no data object of the EUV"):
        read_label(path)


def test_object_that_is_not_read_does_not_stop_a_folder(image):
    for k in (5, 6):
        write_product(image.parent, f"FUV2005_230_1{k}_15")
    with pytest.warns(UvisWarning, match=r"left out: .*17_15\.LBL holds the object IMAGE"):
        assert uvisxr.open_observation(image.parent).sizes["pic"] == 2
    # Who names it is told that it cannot be opened.
    with pytest.raises(UnreadObjectError, match="IMAGE"):
        uvisxr.open_observation([image.parent, image])


def test_folder_with_nothing_else(image):
    with pytest.raises(UnreadObjectError, match="IMAGE"):
        uvisxr.open_observation(image.parent)


def test_spectrum_does_not_stop_a_folder_of_cubes(tmp_path, values):
    for k in (5, 6):
        write_product(tmp_path, f"EUV2005_230_1{k}_15")
    spectrum = write_spectrum(tmp_path, "EUV2005_230_17_15", values)
    with pytest.warns(UvisWarning, match=r"left out: .*17_15\.LBL holds a SPECTRUM"):
        assert uvisxr.open_observation(tmp_path).sizes["pic"] == 2
    with pytest.raises(ProductError, match="differ in windows"):
        uvisxr.open_observation([tmp_path, spectrum])


def test_spectra_of_a_folder_are_one_observation(tmp_path, values):
    for k in (5, 6):
        write_spectrum(tmp_path, f"EUV2005_230_1{k}_15", values + k)
    ds = uvisxr.open_observation(tmp_path)
    np.testing.assert_array_equal(ds.counts[:, 0], [values + 5, values + 6])


@pytest.mark.slow
def test_batch_refuses_an_object_by_name_and_goes_on(image, tmp_path, values):
    write_product(image.parent, "FUV2005_230_15_15")
    write_spectrum(image.parent, "FUV2005_230_16_15", values)
    report = batch.process(image.parent, ["rate"], tmp_path / "out", workers=1)
    assert report.done == 2
    (failure,) = report.failures
    assert "holds the object IMAGE of the FUV" in str(failure)
