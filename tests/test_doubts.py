"""Labels that contradict themselves: what is told, and what is refused."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product, write_spectrum

import uvisxr
from uvisxr.errors import LabelError, UvisWarning
from uvisxr.pds3.label import read_label

NAME = "FUV2005_230_15_15"


def with_lines(label: Path, **values: str) -> Path:
    """A label with other values; keywords that are not there are put into its cube."""
    text = label.read_text()
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^( *{key} += ).*$", rf"\g<1>{value}", text)
        if not count:
            text = text.replace("  AXES ", f"  {key} = {value}\n  AXES ", 1)
    label.write_text(text)
    return label


@pytest.fixture
def label(tmp_path: Path) -> Path:
    return write_product(tmp_path, NAME, samples=2)


DOUBTS = [
    ("SPACECRAFT_CLOCK_START_COUNT", '"1/1503070490.64"', "is 500 s from START_TIME"),
    ("PRODUCT_ID", '"FUV2005_229_15_15"', "is 86404 s from START_TIME"),
    ("PRODUCT_ID", '"EUV2005_230_15_15"', "= .* says the channel, but .QUBE names 'FUV2005"),
    ("INSTRUMENT_HOST_NAME", "GALILEO_ORBITER", "= 'GALILEO_ORBITER': the product is taken for"),
    ("DATA_SET_ID", '"CO-S-UVIS-2-CALIB-V1.2"', "= .* is said of calibrations: the values are"),
    ("STOP_TIME", "2005-230T15:14:00", "is -64 s after START_TIME, but 2 exposures take 60 s"),
    ("STOP_TIME", "2005-230T15:45:04", "is 1800 s after START_TIME, but 2 exposures take 60 s"),
    ("CORE_UNIT", "KILORAYLEIGHS", "= 'KILORAYLEIGHS': the values are taken for counts"),
    ("CORE_NAME", "RADIANCE", "= 'RADIANCE': the values are taken for counts"),
    ("CORE_VALID_MINIMUM", "5", "= 5: the values are taken for counts"),
    ("CORE_VALID_MAXIMUM", "255", "= 255: the values are taken for counts"),
    ("CORE_HIGH_REPR_SATURATION", "3", "= 3: the values are taken for counts"),
    ("CORE_LOW_INSTR_SATURATION", "0", "= 0: the values are taken for counts"),
    (r"\^QUBE", '"UNK"', r"\(of PDS4 file_name\) does not say which file holds the data"),
    ("FILE_RECORDS", "3", "= 3 of 131072 bytes are not the 262144 bytes of the cube"),
    ("FILE_RECORDS", "3 <RECORDS>", "= 3 of 131072 bytes are not the 262144 bytes of the cube"),
    ("RECORD_BYTES", "1024 <BYTES>", "= 2 of 1024 bytes are not the 262144 bytes of the cube"),
    ("CORE_NAME", "RAW_RADIANCE", "= 'RAW_RADIANCE': the values are taken for counts"),
    ("CORE_HIGH_REPR_SATURATION", '"3"', "= '3': the values are taken for counts"),
    ("RECORD_BYTES", "1024", "= 2 of 1024 bytes are not the 262144 bytes of the cube"),
]


@pytest.mark.parametrize(("key", "value", "said"), DOUBTS)
def test_what_contradicts_the_rest_is_told_once(label, key, value, said):
    before = uvisxr.open_product(label)
    told = key.replace("RECORD_BYTES", "FILE_RECORDS")
    with pytest.warns(UvisWarning, match=rf"{NAME}\.LBL: {told} {said}") as caught:
        after = uvisxr.open_product(with_lines(label, **{key: value}))
    assert [w.filename for w in caught] == [__file__]
    for name in ("counts", "time_start", "et", "exposure"):
        xr.testing.assert_equal(before[name].variable, after[name].variable)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        # Half a minute of clock, a quarter of an hour's exposure, a stop that is off by one.
        ("SPACECRAFT_CLOCK_START_COUNT", '"1/1503071020.64"'),
        ("PRODUCT_ID", '"FUV2005_230_15_05"'),
        ("STOP_TIME", "2005-230T15:15:04.141"),
        ("STOP_TIME", "2005-230T15:16:34.141"),
        ("STOP_TIME", "2005-400"),
        ("CORE_UNIT", '"counts"'),
        ("CORE_UNIT", '"CNTS"'),
        ("CORE_UNIT", "NONE"),
        ("CORE_UNIT", "DIMENSIONLESS"),
        ("CORE_NAME", "RAW"),
        ("CORE_NAME", '"raw data"'),
        ("CORE_VALID_MINIMUM", "0"),
        ("CORE_VALID_MINIMUM", '"N/A"'),
        ("CORE_VALID_MAXIMUM", "65534"),
        ("CORE_LOW_REPR_SATURATION", "-1"),
        ("CORE_LOW_REPR_SATURATION", '"-1"'),
        ("CORE_HIGH_INSTR_SATURATION", '" 65535 "'),
        ("CORE_HIGH_REPR_SATURATION", "65535"),
        ("FILE_RECORDS", '"UNK"'),
        ("RECORD_BYTES", "131072 <BYTES>"),
    ],
)
def test_what_labels_may_say_is_not_told(label, key, value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        uvisxr.open_product(with_lines(label, **{key: value}))


def test_a_label_that_names_no_file_is_told_once(label):
    before = uvisxr.open_product(label)
    label.write_text(re.sub(r"(?m)^\^QUBE.*\n", "", label.read_text()))
    with pytest.warns(UvisWarning, match=r"\^QUBE .* does not say which file") as caught:
        after = uvisxr.open_product(label)
    assert len(caught) == 1
    xr.testing.assert_equal(before["counts"].variable, after["counts"].variable)


def test_a_spectrum_has_records_of_its_own(tmp_path):
    label = write_spectrum(tmp_path, NAME, np.arange(1024))
    assert not read_label(with_lines(label, STOP_TIME="2005-230T20:00:00")).doubts


def test_many_labels_are_told_of_at_once(tmp_path):
    labels = [
        with_lines(write_product(tmp_path, f"FUV2005_230_{hour}_00"), FILE_RECORDS=hour)
        for hour in ("15", "16", "17")
    ]
    with pytest.warns(UvisWarning, match=r"and 2 more: FILE_RECORDS = 15 of") as caught:
        uvisxr.open_observation(labels)
    assert len(caught) == 1


def test_doubts_are_kept_in_a_pickle(label):
    read = read_label(with_lines(label, FILE_RECORDS="3"))
    assert pickle.loads(pickle.dumps(read)).doubts == dict(read.doubts) != {}


@pytest.mark.parametrize("text", ["2005-230", "2005-08-18"])
def test_a_day_is_no_start(label, text):
    with pytest.raises(LabelError, match=f"START_TIME: {text} is a day"):
        read_label(with_lines(label, START_TIME=text))


def test_labels_of_the_archive_have_no_doubts(data):
    labels = [*(data / "labels").glob("*.LBL"), *(data / "products").glob("*.LBL")]
    assert len(labels) >= 10
    for label in labels:
        assert not read_label(label).doubts, label


@pytest.mark.parametrize(
    ("key", "value"),
    [("UL_CORNER_LINE", "(2, 3)"), ("BAND_BIN", "(1, 2)"), ("LR_CORNER_BAND", "(1022, 1023)")],
)
def test_windows_that_overlap_are_told(label, key, value):
    """As where only one keyword has become a list."""
    with pytest.warns(UvisWarning, match="give windows 0 and 1, which overlap"):
        uvisxr.open_product(with_lines(label, **{key: value}))


def test_windows_side_by_side_are_no_doubt(tmp_path):
    path = with_lines(
        write_product(tmp_path, NAME, samples=2),
        UL_CORNER_LINE="(2, 30)",
        LR_CORNER_LINE="(29, 61)",
    )
    assert not read_label(path).doubts


@pytest.mark.parametrize(
    ("stored", "said"),
    [((1, 1), {"BAND_BIN": "3"}), ((1, 1), {"LINE_BIN": "4"}), ((2, 1), {"LR_CORNER_BAND": "511"})],
)
def test_counts_outside_of_the_windows_are_told_when_counts_are_read(tmp_path, stored, said):
    band_bin, line_bin = stored
    path = write_product(tmp_path, NAME, samples=2, band_bin=band_bin, line_bin=line_bin)
    uvisxr.open_product(path).counts.load()
    ds = uvisxr.open_product(with_lines(path, **said))
    with pytest.warns(UvisWarning, match="holds counts outside of the windows") as caught:
        ds.counts.load()
    assert [w.filename for w in caught] == [__file__]
