"""PDS4 labels of FITS files: read by pds4-tools, every array is that of the file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from helpers.backplanes_tree import backplanes
from lxml import etree

import uvisxr
from uvisxr.errors import NoMatchError, UnreadObjectError
from uvisxr.simulate import Window

with warnings.catch_warnings():
    # Of a library that knows older versions of others.
    warnings.simplefilter("ignore")
    import pds4_tools

PDS = {"p": "http://pds.nasa.gov/pds4/pds/v1"}


@pytest.fixture(scope="module")
def ds(tmp_path_factory) -> xr.Dataset:
    made = uvisxr.simulate.observation(
        tmp_path_factory.mktemp("made"),
        exposures=2,
        seed=1,
        window=Window(20, 0, 31, 1023, 2, 64),
        stars=0,
        lost=0,
        partial=0,
    )
    ds = made.open().uvis.background(level=4e-4)
    return ds.uvis.calibrate(flat_field=False, trend=False).load()


@pytest.fixture(scope="module", params=["layout", "extras"])
def path(ds, tmp_path_factory, request) -> Path:
    target = tmp_path_factory.mktemp("written") / "FUV2008_070_10_04.fits"
    return ds.uvis.to_fits(target, backplanes(ds), extras=request.param == "extras")


@pytest.fixture(scope="module")
def label(path) -> etree._ElementTree:
    return etree.parse(path.with_suffix(".xml"))


def texts(label: etree._ElementTree, where: str) -> list[str]:
    return [element.text for element in label.iterfind(where, PDS)]


@pytest.mark.slow
def test_pds4_tools_reads_every_array_as_it_is(path):
    found = pds4_tools.read(str(path.with_suffix(".xml")), quiet=True, lazy_load=False)
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        headers = [s for s in found if s.type == "Header"]
        assert [s.id for s in headers][:3] == [
            "header_PRIMARY",
            "header_RAW_COUNTS",
            "header_CAL_FACTOR",
        ]
        assert len(headers) == len(hdus)
        compared = 0
        for structure in found:
            if structure.type == "Header":
                continue
            name = structure.id.removeprefix("data_")
            hdu = hdus[name] if name in hdus else hdus[int(name.partition("_")[0])]
            if structure.is_array():
                assert structure.data.dtype.newbyteorder(">") == hdu.data.dtype.newbyteorder(">")
                np.testing.assert_array_equal(np.asarray(structure.data), hdu.data, name)
                compared += 1
                continue
            assert [field.meta_data["name"] for field in structure.fields] == hdu.columns.names
            for column in hdu.columns:
                values = np.asarray(structure[column.name])
                was = hdu.data[column.name]
                if "L" in column.format and column.format != "A":
                    was = np.where(was, ord("T"), ord("F"))
                if was.dtype.kind in "US":
                    values = np.char.strip(values.astype(str))
                np.testing.assert_array_equal(values, was, column.name)
                compared += 1
    # 5 images, the columns of four tables and of that of the kernels.
    assert compared == 5 + 25 + 13 + 3 + 14 + 2 + (len(headers) - 10)


def test_one_area_with_a_header_and_data_in_the_order_of_the_file(path, label):
    area = label.findall("p:File_Area_Observational", PDS)
    assert len(area) == 1
    tags = [etree.QName(element).localname for element in area[0]]
    assert tags[:9] == [
        *("File", "Header", "Array_3D_Spectrum", "Header", "Array_3D_Spectrum"),
        *("Header", "Array_2D", "Header", "Array_2D"),
    ]
    assert tags[9:21] == [*["Header", "Table_Binary"] * 5, "Header", "Array"]
    offsets = [int(text) for text in texts(label, ".//p:offset")]
    assert offsets == sorted(offsets) and not any(offset % 2880 for offset in offsets)
    raw = path.read_bytes()
    for header in area[0].iterfind("p:Header", PDS):
        at, size = (int(header.find(f"p:{key}", PDS).text) for key in ("offset", "object_length"))
        head = raw[at : at + size]
        assert head.startswith((b"SIMPLE  =", b"XTENSION=")) and b"END     " in head[-2880:]
    assert texts(label, ".//p:parsing_standard_id") == ["FITS 3.0"] * tags.count("Header")
    assert int(label.find(".//p:file_size", PDS).text) == len(raw)
    assert texts(label, ".//p:file_name") == [path.name]


def test_cells_are_nested_groups_the_slowest_outermost(ds, label):
    field = next(
        f
        for f in label.iterfind(".//p:Field_Binary", PDS)
        if f.find("p:name", PDS).text == "RAYHEIGHT"
    )
    sizes, at = [], field.getparent()
    while etree.QName(at).localname == "Group_Field_Binary":
        sizes.append(int(at.find("p:repetitions", PDS).text))
        at = at.getparent()
    assert sizes == [5, ds.sizes["pixel"], ds.sizes["pic"], 3]
    assert field.find("p:data_type", PDS).text == "IEEE754MSBSingle"


def test_nulls_and_units(label):
    found = {
        array.find("p:local_identifier", PDS).text: array
        for array in label.iterfind(".//p:File_Area_Observational/*", PDS)
        if array.find("p:local_identifier", PDS) is not None
    }
    null = ".//p:missing_constant"
    assert found["data_RAW_COUNTS"].find(null, PDS).text == "-1"
    assert found["data_CAL_FACTOR"].find(null, PDS).text == "-1000.0"
    assert found["data_PRIMARY"].find(null, PDS) is None
    units = {name: array.find("p:Element_Array/p:unit", PDS) for name, array in found.items()}
    assert units["data_PRIMARY"].text == "kR/Angstrom"
    assert units["data_BACKGROUND"].text == "count/s"


def test_what_it_says_of_the_product(label):
    root = label.getroot()
    assert etree.QName(root).localname == "Product_Observational"
    (lid,) = texts(label, ".//p:logical_identifier")
    assert lid == "urn:nasa:pds:cassini_uvis:data:fuv2008_070_10_04"
    assert texts(label, ".//p:information_model_version") == ["1.16.0.0"]
    assert texts(label, ".//p:start_date_time") == ["2008-03-10T10:00:00.000Z"]
    assert texts(label, ".//p:purpose") == ["Science", "Calibration", "Observation Geometry"]
    assert texts(label, ".//p:processing_level") == ["Calibrated"]
    references = texts(label, ".//p:lid_reference")
    context = "urn:nasa:pds:context:"
    assert references == [
        f"{context}{name}"
        for name in (
            "investigation:mission.cassini-huygens",
            "instrument_host:spacecraft.co",
            "instrument:uvis.co",
            "target:satellite.saturn.titan",
        )
    ]


@pytest.mark.parametrize(
    ("target", "kind", "lid"),
    [
        ("SATURN", "Planet", "planet.saturn"),
        ("S RINGS", "Ring", None),
        ("STAR", "Star", None),
        ("SUN", "Sun", None),
        ("MASURSKY", "Satellite", None),
        ("", "Calibration Field", None),
    ],
)
def test_targets(ds, tmp_path, target, kind, lid):
    ds.assign_attrs(target=target).uvis.to_fits(tmp_path / "x.fits")
    area = etree.parse(tmp_path / "x.xml").find(".//p:Target_Identification", PDS)
    assert area.find("p:type", PDS).text == kind
    found = area.find(".//p:lid_reference", PDS)
    assert (None if found is None else found.text.rpartition("target:")[2]) == lid


def test_names_that_xml_does_not_have(ds, tmp_path):
    odd = ds.assign_attrs(title="A & B < C")
    odd.uvis.to_fits(tmp_path / "A & B.fits", extras=True)
    label = etree.parse(tmp_path / "A & B.xml")
    assert texts(label, ".//p:title") == ["A & B < C"]
    assert texts(label, ".//p:file_name") == ["A & B.fits"]
    assert texts(label, ".//p:logical_identifier")[0].endswith(":a___b")


def test_it_is_not_taken_for_that_of_a_product(path):
    with pytest.raises(UnreadObjectError, match=rf"FITS file {path.name}.*open_fits"):
        uvisxr.open_product(path.with_suffix(".xml"))
    with pytest.raises(NoMatchError, match="FITS files"):
        uvisxr.open_observation(path.parent)


def test_columns_are_described(label):
    fields = label.iterfind(".//p:Field_Binary", PDS)
    said = {
        f.findtext("p:name", namespaces=PDS): f.findtext("p:description", "", PDS) for f in fields
    }
    assert all(text for name, text in said.items() if name not in ("FILENAME", "KERNEL_TYPE"))
    assert "increasing west" in said["LON"] and "above 90 at night" in said["INCIDENCE_ANGLE"]
    assert said["IN_SATURN_SHADOW"].endswith("84 (T) is true, 70 (F) false, 0 unknown")
    assert "lies between the ring point and the Sun" in said["IN_SATURN_SHADOW"]
