"""PDS4 labels of migrated products: written here by hand, opened like those of PDS3."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product

import uvisxr
from uvisxr.errors import ArgumentError, LabelError, NoMatchError, ProductError, UnreadObjectError
from uvisxr.instrument.detector import Window
from uvisxr.pds3.label import looks_like_uvis, read_label
from uvisxr.pds3.product import label_path
from uvisxr.reader.sources import Filter, expand

NAME = "FUV2005_230_15_15"

LABEL = """<?xml version="1.0" encoding="UTF-8"?>
<Product_Observational xmlns="http://pds.nasa.gov/pds4/pds/v1"
    xmlns:cassini="http://pds.nasa.gov/pds4/mission/cassini/v1">
  <Identification_Area>
    <logical_identifier>urn:nasa:pds:cassini_uvis_saturn:data_raw_fuv:{stem}</logical_identifier>
  </Identification_Area>
  <Observation_Area>
    <Time_Coordinates>
      <start_date_time>2005-08-18T15:15:04.141Z</start_date_time>
      <stop_date_time>2005-08-18T24:00:00Z</stop_date_time>
    </Time_Coordinates>
    <Observing_System><name>Cassini Orbiter UVIS</name></Observing_System>
    <Target_Identification><name>Titan</name></Target_Identification>
    <Target_Identification><name>Saturn</name></Target_Identification>
    <Mission_Area><cassini:Cassini><cassini:UVIS_Specific_Attributes>
      <!-- <cassini:slit_state>WIDE</cassini:slit_state> -->
      <cassini:spacecraft_clock_count_partition>1</cassini:spacecraft_clock_count_partition>
      <cassini:spacecraft_clock_start_count>1503070990.064</cassini:spacecraft_clock_start_count>
      <cassini:compression_type>SQRT 9</cassini:compression_type>
      <cassini:high_voltage_power_supply_state>ON</cassini:high_voltage_power_supply_state>
      <cassini:integration_duration unit="s">30.000</cassini:integration_duration>
      <cassini:odc_id>1114</cassini:odc_id>
      <cassini:slit_state>LOW RESOLUTION</cassini:slit_state>
      <cassini:start_time_doy>2005-230T15:15:04.141Z</cassini:start_time_doy>
      <cassini:test_pulse_state>OFF</cassini:test_pulse_state>
      {windows}
    </cassini:UVIS_Specific_Attributes></cassini:Cassini></Mission_Area>
  </Observation_Area>
  <Reference_List><Source_Product_External>
    <external_source_product_identifier>CO-S-UVIS-2-CUBE-V1.2:{product}</external_source_product_identifier>
  </Source_Product_External></Reference_List>
  <File_Area_Observational>
    <File><file_name>{stem}.dat</file_name></File>
    {described}
  </File_Area_Observational>
</Product_Observational>
"""

ARRAY = """<Array_3D_Spectrum>
  <offset unit="byte">0</offset><axes>3</axes>
  <axis_index_order>Last Index Fastest</axis_index_order>
  <Element_Array><data_type>UnsignedMSB2</data_type>
    <scaling_factor>1.0</scaling_factor><value_offset>0.0</value_offset></Element_Array>
  <Axis_Array><axis_name>Sample</axis_name><elements>2</elements>
    <sequence_number>1</sequence_number></Axis_Array>
  <Axis_Array><axis_name>Line</axis_name><elements>64</elements>
    <sequence_number>2</sequence_number></Axis_Array>
  <Axis_Array><axis_name>Band</axis_name><elements>1024</elements>
    <sequence_number>3</sequence_number></Axis_Array>
</Array_3D_Spectrum>"""

TABLE = """<Table_Binary>
  <offset unit="byte">0</offset><records>1024</records>
  <Record_Binary><fields>1</fields><record_length unit="byte">2</record_length>
    <Field_Binary><field_location unit="byte">1</field_location>
      <data_type>UnsignedMSB2</data_type></Field_Binary></Record_Binary>
</Table_Binary>"""

_KEYS = ("ul_corner_line", "ul_corner_band", "lr_corner_line", "lr_corner_band")


def window(*numbers: object) -> str:
    keys = (*_KEYS, "band_bin", "line_bin")
    rows = (f"<cassini:{k}>{n}</cassini:{k}>" for k, n in zip(keys, numbers, strict=True))
    return f"<cassini:Detector_Window>{''.join(rows)}</cassini:Detector_Window>"


def write(folder, frame, windows, described=ARRAY, stem="2005_230_15_15_fuv", product=NAME):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.xml"
    path.write_text(LABEL.format(stem=stem, windows=windows, described=described, product=product))
    path.with_suffix(".dat").write_bytes(frame.astype(">u2").tobytes())
    return path


@pytest.fixture
def cube(tmp_path):
    """Rows 2..61 in bins of five, columns in bins of four: 12 x 256 values in each frame."""
    frame = np.full((2, 64, 1024), 65535)
    frame[:, 2:14, :256] = np.arange(2 * 12 * 256).reshape(2, 12, 256)
    return write(tmp_path / "cube", frame, window(2, 0, 61, 1023, 4, 5))


def test_cube(cube):
    ds = uvisxr.open_product(cube)
    np.testing.assert_array_equal(ds.counts, np.arange(2 * 12 * 256).reshape(2, 12, 256))
    assert ds.line.values.tolist() == list(range(2, 62, 5))
    assert (ds.attrs["target"], ds.attrs["slit"]) == ("TITAN", "LOW_RESOLUTION")
    assert (ds.attrs["compression"], ds.attrs["odc_id"]) == ("SQRT_9", 1114)
    assert ds["product"].values.tolist() == [NAME, NAME]
    # The clock's fraction counts 1/256 s; the first exposure ends at START_TIME.
    np.testing.assert_array_equal(ds.sclk, [1503070960.25, 1503070990.25])
    assert ds.time_start[0] == np.datetime64("2005-08-18T15:14:34.141")


def test_same_as_with_a_label_of_pds3(tmp_path):
    label = write_product(tmp_path / "a", NAME, samples=2, target="TITAN")
    frame = np.fromfile(label.with_suffix(".DAT"), ">u2")
    migrated = write(tmp_path / "b", frame, window(2, 0, 61, 1023, 1, 1))
    one, two = uvisxr.open_product(label), uvisxr.open_product(migrated)
    xr.testing.assert_equal(one, two)
    differ = {"history", "high_voltage", "mission_phase_name"}
    differ |= {"hi_voltage_power_supply_state", "test_pulse_state"}
    assert {k: v for k, v in one.attrs.items() if k not in differ} == {
        k: v for k, v in two.attrs.items() if k not in differ
    }


def test_several_windows(tmp_path):
    windows = window(10, 0, 14, 1023, 1, 5) + window(24, 0, 39, 1023, 2, 1)
    frame = np.full((2, 64, 1024), 65535)
    frame[:, 10], frame[:, 24:40, :512] = 1, 2
    tree = uvisxr.open_product(write(tmp_path, frame, windows))
    assert [node.counts.shape for node in tree.children.values()] == [(2, 1, 1024), (2, 16, 512)]
    assert [int(node.counts.max()) for node in tree.children.values()] == [1, 2]


def test_spectrum(tmp_path):
    """Migrated labels have bins of 1 whatever was summed."""
    path = write(tmp_path, np.arange(1024), window(0, 0, 63, 1023, 1, 1), TABLE)
    ds = uvisxr.open_product(path)
    np.testing.assert_array_equal(ds.counts[0, 0], np.arange(1024))
    assert read_label(path).windows == (Window(0, 0, 63, 1023, line_bin=64),)


@pytest.mark.parametrize("product", ["HSP2005_230_15_15", "HDAC2005_230_15_15"])
def test_photometers(tmp_path, product):
    path = write(tmp_path, np.zeros(9), "", TABLE, "2005_230_15_15_hsp", product)
    with pytest.raises(UnreadObjectError, match=rf"TIME_SERIES of the {product[:3]}"):
        uvisxr.open_product(path)


@pytest.mark.parametrize("stem", ["2005_230_15_15_fuv", "fuv2005_230_15_15"])
def test_product_without_a_source_has_the_name_of_its_file(tmp_path, stem):
    path = write(tmp_path, np.zeros((2, 64, 1024)), window(0, 0, 63, 1023, 1, 1), stem=stem)
    path.write_text(path.read_text().replace("external_source", "other"))
    assert read_label(path).product_id == NAME


# --- places -----------------------------------------------------------------------------------


def test_doors(cube):
    expected = uvisxr.open_product(cube)
    for path in (cube.with_suffix(""), cube.with_suffix(".dat"), cube.parent):
        xr.testing.assert_equal(uvisxr.open_observation(path), expected)
    assert looks_like_uvis(cube)
    xr.testing.assert_equal(xr.open_dataset(cube), expected)


def test_filters(cube):
    for wanted in (Filter(target="titan"), Filter(slit="LOW_RESOLUTION"), Filter(channel="FUV")):
        assert [product.label for product in expand(cube.parent, wanted)] == [cube]
    for wanted in (Filter(target="DIONE"), Filter(before="2005-230")):
        with pytest.raises(NoMatchError):
            list(expand(cube.parent, wanted))


def test_label_in_a_tree_of_its_own(cube):
    expected = uvisxr.open_product(cube).load()
    trees = [cube.parent / tree / "D2005_230" for tree in ("LABEL", "DATA")]
    for place, file in zip(trees, (cube, cube.with_suffix(".dat")), strict=True):
        place.mkdir(parents=True)
        file.rename(place / file.name)
    for path in (cube.parent, trees[1] / cube.stem, trees[0] / cube.name):
        xr.testing.assert_equal(uvisxr.open_observation(path), expected)


def test_both_labels_of_a_product_are_one(tmp_path):
    label = write_product(tmp_path, NAME)
    frame = np.fromfile(label.with_suffix(".DAT"), ">u2")
    migrated = write(tmp_path, frame, window(2, 0, 61, 1023, 1, 1), stem=NAME)
    migrated.with_suffix(".dat").unlink()
    assert [product.label for product in expand(tmp_path)] == [label]
    assert label_path(label.with_suffix("")) == label
    assert label_path(migrated) == migrated


def test_other_xml_is_no_product(tmp_path):
    (tmp_path / "FUV.xml").write_text("<Product_Observational>not even XML")
    with pytest.raises(ArgumentError, match="no product"):
        list(expand(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("</Observation_Area>", "", LabelError, "not a readable PDS label"),
        ("data_raw", "data", None, ""),
        ("cassini_uvis_saturn", "cassini_vims_saturn", LabelError, "cassini_vims"),
        (">30.000<", ">long<", LabelError, "INTEGRATION_DURATION = 'long'"),
        ('unit="byte">0<', 'unit="byte">80<', LabelError, "offset = 80"),
        ("Last Index", "First Index", LabelError, "Last Index Fastest"),
        (">3</sequence", ">0</sequence", LabelError, "AXIS_NAME"),
        (">3</sequence", ">third</sequence", LabelError, "not a readable PDS label"),
        ("UnsignedMSB2", "SignedLSB4", LabelError, "SignedLSB4"),
        (">1.0</scaling", ">2.0</scaling", LabelError, "CORE_MULTIPLIER = 2"),
        (">61</cassini", ">64</cassini", ProductError, "LR_CORNER_LINE"),
        ("2005-230T15:15:04.141Z", "2005-366T15:15:04.141Z", LabelError, "no day 366"),
        ("Array_3D_Spectrum", "Array_2D_Image", UnreadObjectError, "object Array_2D_Image of"),
    ],
)
def test_labels_that_are_refused(cube, old, new, error, message):
    text = cube.read_text()
    assert old in text
    cube.write_text(text.replace(old, new))
    if error is None:
        read_label(cube)
        return
    with pytest.raises(error, match=rf"{cube.name}.*{message}"):
        read_label(cube)


def test_unknown_bin(cube):
    """As in any label: found from the data."""
    cube.write_text(cube.read_text().replace(">4</cassini:band_bin", ">UNK</cassini:band_bin"))
    with pytest.warns(uvisxr.errors.UvisWarning, match="BAND_BIN: 4 is taken"):
        assert read_label(cube).windows[0].band_bin == 4


def test_durations_are_in_seconds(cube):
    text = cube.read_text()
    cube.write_text(text.replace('duration unit="s"', 'duration unit="ms"'))
    with pytest.raises(LabelError, match="integration_duration is in ms"):
        read_label(cube)
