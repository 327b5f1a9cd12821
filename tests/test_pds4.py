"""PDS4 labels of migrated products: written here by hand, opened like those of PDS3."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product

import uvisxr
from uvisxr.errors import (
    ArgumentError,
    LabelError,
    NoMatchError,
    ProductError,
    UnreadObjectError,
    UvisWarning,
)
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
      <stop_date_time>2005-08-18T15:16:04.141Z</stop_date_time>
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
        (">3</sequence", ">0</sequence", LabelError, "sequence_number = .1, 2, 0."),
        (">3</sequence", ">third</sequence", LabelError, "sequence_number = .1, 2, 'third'"),
        ("UnsignedMSB2", "SignedLSB4", LabelError, "SignedLSB4"),
        (">1.0</scaling", ">2.0</scaling", LabelError, "scaling_factor = 2"),
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


@pytest.mark.parametrize(
    "name",
    [
        *("integration_duration", "start_time_doy", "start_date_time", "slit_state"),
        *("spacecraft_clock_start_count", "spacecraft_clock_count_partition"),
        *("external_source_product_identifier", "logical_identifier", "file_name"),
        *("File_Area_Observational", "Array_3D_Spectrum", "offset", "axes", "axis_index_order"),
        *("data_type", "value_offset", "scaling_factor", "axis_name", "elements"),
        *("sequence_number", *_KEYS, "band_bin", "line_bin"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_what_there_is_one_of_is_not_given_twice(cube, name, before):
    """Even if both are the same."""
    text = re.sub("<!--.*?-->", "", cube.read_text())
    found = re.search(rf"<((?:\w+:)?{name})\b.*?</\1>", text, re.DOTALL)
    other = re.sub(r">\d", ">7", found[0], count=1) if before else found[0]
    cube.write_text(text.replace(found[0], other + found[0], 1))
    with pytest.raises(LabelError, match=rf"{name} (is given 2 times|and {name})"):
        read_label(cube)


@pytest.mark.parametrize("name", ["Array_2D_Image", "Table_Binary", "Header"])
def test_an_object_beside_the_counts(cube, name):
    cube.write_text(cube.read_text().replace("</File>", f"</File><{name}/>"))
    with pytest.raises(LabelError, match=f"describes {name} and Array_3D_Spectrum"):
        read_label(cube)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("integration_duration", "3<b/>0.000", "integration_duration holds more than a text"),
        ("integration_duration", "3_0", "INTEGRATION_DURATION = '3_0'"),
        ("integration_duration", "٣٠", "INTEGRATION_DURATION = '٣٠'"),
        ("integration_duration", "\xa030", "INTEGRATION_DURATION = "),
        ("band_bin", "0_4", "BAND_BIN = '0_4'"),
        ("elements", "٢", "CORE_ITEMS = '٢'"),
        ("start_time_doy", "2006-230T15:15:04.141Z", "start_time_doy and start_date_time differ"),
        ("start_date_time", "2005-08-18T15:15:34Z", "start_time_doy and start_date_time differ"),
        ("start_date_time", "soon", "'soon' is not a time"),
        ("axis_index_order", "", "axis_index_order = ''"),
        ("sequence_number", "2", r"sequence_number = .2, 2, 3."),
        ("data_type", "UnsignedLSB2", "data_type = 'UnsignedLSB2': expected UnsignedMSB2"),
        ("value_offset", "1", "value_offset = 1: expected 0"),
        ("value_offset", "", "value_offset = '': expected 0"),
        ("scaling_factor", "1_0", "scaling_factor = '1_0'"),
        ("offset", "", "offset = ''"),
        ("axes", "2", "axes = 2: expected 3"),
    ],
)
def test_what_an_element_may_not_be(cube, name, value, message):
    text = cube.read_text()
    new = re.sub(rf"(<(?:\w+:)?{name}\b[^>]*>)[^<]*", rf"\g<1>{value}", text, count=1)
    cube.write_text(new)
    with pytest.raises(LabelError, match=message):
        read_label(cube)


END = "</Array_3D_Spectrum>"


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ("<Special_Constants><missing_constant>5</missing_constant></Special_Constants>", "t = 5"),
        ("<Special_Constants><invalid_constant>0</invalid_constant></Special_Constants>", "t = 0"),
        ("<low_instrument_saturation>0</low_instrument_saturation>", "low_instrument_saturation"),
        ("<Object_Statistics><bit_mask>1</bit_mask></Object_Statistics>", "has a bit_mask"),
    ],
)
def test_what_else_would_change_the_counts(cube, element, message):
    cube.write_text(cube.read_text().replace(END, f"{element}{END}"))
    with pytest.raises(LabelError, match=message):
        read_label(cube)


@pytest.mark.parametrize("value", ["65535", "-1"])
def test_what_was_not_stored(cube, value):
    constant = f"<missing_constant>{value}</missing_constant><valid_maximum>5</valid_maximum>"
    constants = f"<Special_Constants>{constant}</Special_Constants>"
    cube.write_text(cube.read_text().replace(END, f"{constants}{END}"))
    assert read_label(cube).shape == (2, 64, 1024)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (">1</fields", ">2</fields", "fields = 2"),
        (">2</record_length", ">4</record_length", "record_length = 4"),
        (">1</field_location", ">2</field_location", "field_location = 2"),
        ("<Field_Binary>", "<Field_Binary><field_length>4</field_length>", "field_length = 4"),
        ("<Record_Binary>", "<Record_Binary><groups>1</groups>", "groups = 1"),
        ("</Field_Binary>", "<Packed_Data_Fields/></Field_Binary>", "Packed_Data_Fields"),
    ],
)
def test_tables_of_another_form(tmp_path, old, new, message):
    table = TABLE.replace(old, new)
    assert table != TABLE
    path = write(tmp_path, np.arange(1024), window(0, 0, 63, 1023, 1, 1), table)
    with pytest.raises(LabelError, match=message):
        read_label(path)


def test_a_start_to_the_second(cube):
    cube.write_text(cube.read_text().replace("15:15:04.141Z</start_date", "15:15:04Z</start_date"))
    assert str(read_label(cube).known_start().utc) == "2005-08-18T15:15:04.141000000"


@pytest.mark.parametrize("encoding", ["rot13", "utf-7", "idna", "undefined", "x" * 9999, "utf-16"])
def test_labels_in_another_encoding_are_named(cube, encoding):
    other = cube.with_name("2006_015_14_47_fuv.xml")
    text = cube.read_text().replace("UTF-8", encoding)
    other.write_bytes(text.encode("ascii"))
    with pytest.raises(LabelError, match=rf"{other.name} is not a (readable )?PDS label"):
        read_label(other)
    assert cube in [product.label for product in expand(cube.parent, Filter(target="TITAN"))]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16(cube, encoding):
    """With a mark of its byte order, and without."""
    before = read_label(cube)
    cube.write_bytes(cube.read_text().replace("UTF-8", "UTF-16").encode(encoding))
    assert looks_like_uvis(cube)
    assert read_label(cube) == before
    assert [product.label for product in expand(cube.parent, Filter(target="TITAN"))] == [cube]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">30.000<", ">30,000<"),
        ("<elements>2<", "<elements>2,0<"),
        ("band_bin>4<", "band_bin>4,0<"),
        ("ul_corner_line>2<", "ul_corner_line>2,0<"),
        (">1.0<", ">1,0<"),
        (">0.0<", ">0,0<"),
    ],
)
def test_a_comma_is_no_part_of_a_number(cube, old, new):
    text = cube.read_text()
    assert old in text
    cube.write_text(text.replace(old, new))
    with pytest.raises(LabelError, match="expected"):
        read_label(cube)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("15:16:04.141Z</stop", "15:14:00Z</stop", "STOP_TIME is -64 s after START_TIME"),
        ("1503070990.064", "1503071990.064", "START_COUNT is 1000 s from START_TIME"),
        ("</file_name>", "</file_name><file_size unit='byte'>7</file_size>", "file_size = 7 is"),
        ("<scaling", "<unit>kR</unit><scaling", "CORE_UNIT = 'KR': the values are taken for"),
    ],
)
def test_contradictions_are_told(cube, old, new, said):
    before = uvisxr.open_product(cube)
    text = cube.read_text()
    assert old in text
    cube.write_text(text.replace(old, new))
    with pytest.warns(UvisWarning, match=said):
        after = uvisxr.open_product(cube)
    xr.testing.assert_equal(before.counts.drop_vars("sclk"), after.counts.drop_vars("sclk"))


@pytest.mark.parametrize(("records", "doubts"), [(1024, []), (1000, ["file_size"])])
def test_records_of_the_file_of_a_table(tmp_path, records, doubts):
    path = write(tmp_path, np.arange(1024), window(0, 0, 63, 1023, 1, 1), TABLE)
    new = f"</file_name><records>{records}</records>"
    path.write_text(path.read_text().replace("</file_name>", new))
    assert list(read_label(path).doubts) == doubts
