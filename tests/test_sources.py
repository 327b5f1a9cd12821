"""Sources of a batch: every kind gives the same products, each once."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product
from helpers.volume import index_row, write_index

import uvisxr
from uvisxr.batch import plan
from uvisxr.calibration.formats import package_lab
from uvisxr.errors import (
    ArgumentError,
    LabelError,
    NoMatchError,
    ProductError,
    UnreadObjectError,
    UvisWarning,
)
from uvisxr.fetch import cache_dir
from uvisxr.pds3.label import read_label
from uvisxr.pds3.sources import Filter, Product, expand
from uvisxr.reader import sources as reader

TARGETS = {
    "FUV2005_230_15_15": "S RINGS",
    "FUV2006_015_14_47": "TITAN",
    "EUV2006_015_14_47": "TITAN",
}
STARTS = {
    "FUV2005_230_15_15": "2005-230T15:15:04.141",
    "FUV2006_015_14_47": "2006-015T14:47:41.235",
    "EUV2006_015_14_47": "2006-015T14:47:41.235",
}


def write(folder: Path, name: str, label: str | None = None, data: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = label or (
        f'PDS_VERSION_ID = PDS3\nPRODUCT_ID = "{name}"\nSTART_TIME = {STARTS[name]}\n'
        f'TARGET_NAME = "{TARGETS[name]}"\nSLIT_STATE = LOW_RESOLUTION\n'
    )
    path = folder / f"{name}.LBL"
    path.write_text(text)
    if data:
        path.with_suffix(".DAT").write_bytes(b"")
    return path


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with three products, a matrix, an HSP product and index tables."""
    root = tmp_path / "COUVIS_0013"
    for name in TARGETS:
        write(root / "DATA" / f"D{name[3:11]}", name)
    write(root / "DATA" / "D2005_230", "HSP2005_230_15_15", label="PRODUCT_ID = HSP2005_230_15_15")
    calib = root / "CALIB" / "VERSION_3" / "D2005_230"
    write(calib, "FUV2005_230_15_15_CAL_3", label='PRODUCT_ID = "FUV2005_230_15_15"')
    rows = [
        index_row(root.name, name, TARGET_NAME=TARGETS[name], START_TIME=STARTS[name])
        for name in TARGETS
    ]
    write_index(root, [*rows, index_row(root.name, "HSP2005_230_15_15")])
    return root


def names(products) -> list[str]:
    return [product.name for product in products]


EVERY = ["FUV2005_230_15_15", "EUV2006_015_14_47", "FUV2006_015_14_47"]


@pytest.mark.parametrize("column", ["TARGET_NAME", "START_TIME", "SLIT_STATE"])
def test_what_a_table_does_not_know_the_label_may(volume: Path, column: str):
    rows = [
        index_row(volume.name, name, TARGET_NAME=TARGETS[name], START_TIME=STARTS[name])
        | {column: "UNK"}
        for name in TARGETS
    ]
    label = write_index(volume, rows)
    wanted = Filter(target="titan", slit="low_resolution", after="2006-001")
    assert names(expand(label, wanted)) == ["FUV2006_015_14_47", "EUV2006_015_14_47"]


def test_no_text_is_no_folder(volume: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(volume)
    with pytest.raises(ArgumentError, match="is empty"):
        list(expand(""))


def test_a_named_pipe_is_no_label(tmp_path: Path):
    os.mkfifo(tmp_path / "x.LBL")
    os.mkfifo(tmp_path / "FUV2005_230_15_15.LBL")
    assert names(expand(tmp_path)) == ["FUV2005_230_15_15"]
    with pytest.raises(LabelError, match="it is no ordinary file"):
        uvisxr.open_observation(tmp_path)


def test_folder_with_all_below(volume: Path):
    assert names(expand(volume)) == EVERY


def test_label_data_and_base_path_are_one_product(volume: Path):
    label = volume / "DATA" / "D2005_230" / "FUV2005_230_15_15.LBL"
    paths = [label, label.with_suffix(".DAT"), label.with_suffix("")]
    assert list(expand(paths)) == [Product(label, label.with_suffix(".DAT"))]


@pytest.mark.parametrize("endings", [(".lbl", ".dat"), (".Lbl", ".Dat"), (".LBL", ".dat")])
def test_endings_in_any_case(tmp_path: Path, endings: tuple[str, str]):
    label = write(tmp_path, "FUV2005_230_15_15")
    own, data = map(label.with_suffix, endings)
    label.rename(own)
    label.with_suffix(".DAT").rename(data)
    expected = [Product(own, data)]
    assert list(expand(label.with_suffix(""))) == expected
    assert list(expand(tmp_path)) == expected


def test_a_folder_of_other_channels_names_them(tmp_path: Path):
    for name in ("HSP2005_230_15_15", "HDAC2005_230_15_15", "HSP2005_231_01_01"):
        write(tmp_path / "D2005_230", name, label="PDS_VERSION_ID = PDS3\nEND\n")
    with pytest.raises(ArgumentError, match="which holds some of HDAC and HSP, channels that are"):
        list(expand(tmp_path))


def test_names_that_differ_in_capitals_only(tmp_path: Path):
    first, second = "FUV2005_230_15_15", "FUV2006_015_14_47"
    write(tmp_path, first)
    text = write(tmp_path / "other", second).read_text()
    write(tmp_path, first.lower(), label=text)
    assert names(expand(tmp_path)) == [first, first.lower(), second]


@pytest.mark.parametrize("other", [(".lbl", ".dat"), (".Lbl", ".Dat")])
def test_endings_that_differ_in_capitals_only(tmp_path: Path, other: tuple[str, str]):
    """Each label has the data file whose ending is written as its own."""
    products = {(".LBL", ".DAT"): EVERY[0], other: EVERY[1]}
    for (label, data), name in products.items():
        written = write_product(tmp_path / name, name)
        written.rename(tmp_path / f"mine{label}")
        written.with_suffix(".DAT").rename(tmp_path / f"mine{data}")
    expected = [tuple(tmp_path / f"mine{ending}" for ending in both) for both in products]
    sources = [file for both in expected for file in both]
    for given in (tmp_path, f"{tmp_path}/*", sources, [both[1] for both in expected]):
        assert [(found.label, found.data) for found in expand(given)] == expected
    for label, data in expected:
        with pytest.warns(UvisWarning, match=rf"{data.name} beside it is read"):
            assert read_label(label).data_path == data
    lone = expected[1][1]
    lone.unlink()
    assert [found.data for found in expand(tmp_path)] == [expected[0][1]] * 2


def test_glob(volume: Path):
    assert names(expand(f"{volume}/DATA/*/FUV*.LBL")) == [EVERY[0], EVERY[2]]
    assert names(expand(f"{volume}/**/D2006_*")) == EVERY[1:]
    # A folder without products among others is no error, and a matrix is no product.
    (volume / "DATA" / "D2006_016").mkdir()
    assert names(expand(f"{volume}/DATA/D2006_01?")) == EVERY[1:]
    assert names(expand(f"{volume}/**/FUV2005*.LBL")) == EVERY[:1]


def test_batch_file_is_relative_to_itself(volume: Path, monkeypatch: pytest.MonkeyPatch):
    batch = volume / "lists" / "some.txt"
    batch.parent.mkdir()
    batch.write_text(
        "# Titan and rings\n../DATA/D2006_015  # a folder\n\n"
        "../DATA/D2005_230/FUV2005_230_15_15\n../DATA/D2006_015/FUV2006_015_14_47.DAT\n"
    )
    monkeypatch.chdir("/")
    assert names(expand(batch)) == [*EVERY[1:], EVERY[0]]


def test_relative_path(volume: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(volume)
    (product,) = expand("DATA/D2005_230")
    assert product.label == volume / "DATA" / "D2005_230" / "FUV2005_230_15_15.LBL"


@pytest.mark.parametrize("name", ["INDEX.LBL", "INDEX.TAB"])
def test_index_table(volume: Path, name: str):
    assert sorted(names(expand(volume / "INDEX" / name))) == sorted(EVERY)


def test_cumulative_index_beside_the_volumes(volume: Path):
    label = volume / "INDEX" / "INDEX.LBL"
    label.write_text(label.read_text().replace('"INDEX.', '"COUVIS_0999_INDEX.'))
    for ending in (".LBL", ".TAB"):
        label.with_suffix(ending).rename(volume.parent / f"COUVIS_0999_INDEX{ending}")
    found = list(expand(volume.parent / "COUVIS_0999_INDEX.TAB"))
    assert sorted(names(found)) == sorted(EVERY)
    assert all(product.label.is_file() for product in found)


def test_index_names_products_that_are_not_here(volume: Path):
    label = volume / "DATA" / "D2005_230" / "FUV2005_230_15_15.LBL"
    label.unlink()
    label.with_suffix(".DAT").unlink()
    assert Product(label, None) in list(expand(volume / "INDEX" / "INDEX.LBL"))


def test_an_index_far_from_its_volume_names_it(volume: Path, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    for file in (volume / "INDEX").iterdir():
        (home / file.name).write_bytes(file.read_bytes())
    volume.rename(tmp_path / "elsewhere")
    found = list(expand(home / "INDEX.LBL"))
    assert Product(tmp_path / volume.name / "DATA/D2005_230/FUV2005_230_15_15.LBL", None) in found


@pytest.mark.parametrize("source", [".", "INDEX/INDEX.LBL"])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(channel="euv"), [EVERY[1]]),
        (Filter(target="s rings"), [EVERY[0]]),
        (Filter(slit="low_resolution"), EVERY),
        (Filter(after="2006-001"), EVERY[1:]),
        (Filter(before="2005-08-18T15:15:04.142"), [EVERY[0]]),
        (Filter(after="2005-230T15:15:04.141", before="2006-001"), [EVERY[0]]),
    ],
)
def test_filters(volume: Path, source: str, wanted: Filter, expected: list[str]):
    assert sorted(names(expand(volume / source, wanted))) == sorted(expected)


@pytest.mark.parametrize("source", [".", "INDEX/INDEX.LBL"])
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            Filter(target="TITON"),
            r"of 3 found: target='TITON' \(there: S RINGS, TITAN; did you mean 'TITAN'\?\)",
        ),
        (
            Filter(target="S_RINGS", channel="EUV"),
            r"channel='EUV' \(there: EUV, FUV\) and target='S_RINGS' \(there: S RINGS, TITAN",
        ),
        (Filter(slit="OCCULTATION"), r"slit='OCCULTATION' \(there: LOW_RESOLUTION\)"),
        (
            Filter(before="2005-08-18T15:15:04.141"),
            r"before=.* \(there: 2005-08-18T15:15:04 to 2006-01-15T14:47:41\)",
        ),
    ],
)
def test_filters_that_nothing_passes_say_what_there_is(
    volume: Path, source: str, wanted: Filter, said: str
):
    with pytest.raises(NoMatchError, match=said):
        list(expand(volume / source, wanted))


def test_beginnings_of_slits_and_years_and_months(tmp_path: Path):
    write_product(tmp_path, "FUV2005_230_15_15")
    (path,) = (product.label for product in expand(tmp_path))
    start = "2005-230"
    assert start in path.read_text(encoding="latin-1")
    for wanted in (
        *(Filter(slit=slit) for slit in ("low", "LOW ", "low res", "Low-Resolution")),
        *(Filter(after=text) for text in ("2005", " 2005-08 ", "2005-08-18", "2004")),
        *(Filter(before=text) for text in ("2006", "2005-09", "2005-231")),
        Filter(after="2005", before="2006"),
    ):
        assert len(list(expand(tmp_path, wanted))) == 1, wanted
    for wrong in (
        *(Filter(slit="high"), Filter(slit="occ"), Filter(slit="OCCLTATION")),
        *(Filter(after="2006"), Filter(after="2005-09"), Filter(before="2005")),
        Filter(before="2005-08"),
    ):
        with pytest.raises(NoMatchError):
            list(expand(tmp_path, wrong))
    with pytest.raises(ArgumentError, match="leave no time between"):
        Filter(after="2006", before="2005-12")


@pytest.mark.parametrize("slit", ["O_", "slit", "LOW_RESOLUTIONS"])
def test_a_slit_that_there_is_not(slit: str):
    with pytest.raises(
        ArgumentError, match=rf"^slit='{slit}': expected one of HIGH_RESOLUTION, LOW"
    ):
        Filter(slit=slit)


@pytest.mark.parametrize(("target", "said"), [("TITEN", "no product passes"), ("TITAN", "2 lab")])
def test_labels_that_cannot_be_read_are_told_where_a_filter_takes_them(
    volume: Path, tmp_path: Path, target: str, said: str
):
    """They are taken, so that it shows; without filters opening them says so."""
    broken = [tmp_path / f"FUV2005_23{k}_15_15.LBL" for k in range(2)]
    for label in broken:
        label.write_bytes(b"")
    sources = [volume, *broken]
    with pytest.warns(
        UvisWarning, match=rf"^(?=.*2 labels cannot be read).*{said}.* is taken.*{broken[0]}"
    ):
        found = names(expand(sources, Filter(target=target)))
    assert {label.stem for label in broken} <= set(found)
    assert len(names(expand(sources))) == 5


@pytest.mark.parametrize("wanted", ["s rings", "Saturn_Rings"])
def test_rings_are_found_as_either_standard_calls_them(wanted: str):
    takes = Filter(target=wanted).takes
    start = np.datetime64("2005-08-18")
    assert takes("FUV", "S RINGS", "", start) and takes("FUV", "Saturn Rings", "", start)
    assert not takes("FUV", "U RINGS", "", start) and not takes("FUV", "SATURN", "", start)


@pytest.mark.parametrize("source", [".", "INDEX/INDEX.LBL"])
@pytest.mark.parametrize(
    ("stated", "wanted", "others"),
    [
        ("ATLAS:", ["atlas", "Atlas:"], ["ATLA"]),
        ("DA", ["Daphnis", "da"], ["SATURN"]),
        ("S RINGS", ["Saturn Rings"], ["SATURN", "U RINGS"]),
        ("UNK", ["unk", "Unknown"], ["N/A"]),
        ("N/A", ["n/a"], ["UNK"]),
    ],
)
def test_targets_are_found_by_any_of_their_names(
    tmp_path: Path, source: str, stated: str, wanted: list[str], others: list[str]
):
    name, root = "FUV2005_230_15_15", tmp_path / "COUVIS_0013"
    label = f'PRODUCT_ID = "{name}"\nTARGET_NAME = "{stated}"\n'
    write(root / "DATA" / "D2005_230", name, label)
    write_index(root, [index_row(root.name, name, TARGET_NAME=stated, START_TIME=STARTS[name])])
    for text in wanted:
        assert names(expand(root / source, Filter(target=text))) == [name]
    for text in others:
        with pytest.raises(NoMatchError, match=rf"\(there: {stated}"):
            list(expand(root / source, Filter(target=text)))


def test_misspelt_slit_of_the_archive(tmp_path: Path):
    write(tmp_path, "FUV2005_230_15_15", label="PRODUCT_ID = X\nSLIT_STATE = OCCLTATION\n")
    assert len(list(expand(tmp_path, Filter(slit="OCCULTATION")))) == 1


def test_a_label_that_cannot_be_read_passes_filters(tmp_path: Path):
    write(tmp_path, "FUV2005_230_15_15", label="garbage")
    assert names(expand(tmp_path, Filter(channel="EUV"))) == ["FUV2005_230_15_15"]


def test_a_label_that_does_not_say_is_not_taken(tmp_path: Path):
    write(tmp_path, "FUV2005_230_15_15", label="TARGET_NAME = UNK\nSTART_TIME = UNK\n")
    for wanted in (Filter(target="TITAN"), Filter(after="2000-001")):
        with pytest.raises(NoMatchError):
            list(expand(tmp_path, wanted))


def test_a_label_whose_start_is_no_time_is_taken_so_that_it_shows(tmp_path: Path):
    label = "PRODUCT_ID = FUV2005_366_15_15\nTARGET_NAME = TITAN\nSTART_TIME = 2005-366T15:15\n"
    write(tmp_path, "FUV2005_230_15_15", label=label)
    assert names(expand(tmp_path, Filter(after="2010-001"))) == ["FUV2005_230_15_15"]
    with pytest.raises(NoMatchError, match="there: TITAN"):
        list(expand(tmp_path, Filter(after="2010-001", target="SATURN")))


def test_data_without_label_and_label_without_data(tmp_path: Path):
    write(tmp_path, "FUV2005_230_15_15").unlink()
    write(tmp_path, "FUV2006_015_14_47", data=False)
    assert [p.data is None for p in expand(tmp_path)] == [False, True]


@pytest.mark.parametrize("source", ["", "*", "EUV*"])
def test_without_a_label_whole_names_tell(tmp_path: Path, source: str):
    """As those of the team's calibration files begin like them."""
    other = "EUV2002_198_11_05_50_UVIS_C33ST_SPICARAST002_PRIME_ff_modifier_1405596163.dat"
    (tmp_path / other).write_bytes(b"")
    (tmp_path / "EUV_1999_Lab_Cal.dat").write_bytes(b"")
    with pytest.raises(ArgumentError, match="no product"):
        list(expand(tmp_path / source))
    found = ["EUV2006_015_14_47", "EUV2006_015_15_51_PRIME"]
    for name in found:
        (tmp_path / f"{name}.DAT").write_bytes(b"")
    assert names(expand(tmp_path / source)) == found


def test_renamed_product_in_a_folder(tmp_path: Path):
    label = write(tmp_path, "FUV2005_230_15_15")
    label.rename(tmp_path / "rings.LBL")
    label.with_suffix(".DAT").rename(tmp_path / "rings.DAT")
    assert list(expand(tmp_path)) == [Product(tmp_path / "rings.LBL", tmp_path / "rings.DAT")]


def test_a_damaged_label_of_pds4_is_found_by_its_name(tmp_path: Path):
    (tmp_path / "2005_230_15_15_fuv.xml").write_bytes(b"<Product_Observational")
    assert names(expand(tmp_path)) == ["2005_230_15_15_fuv"]


@pytest.mark.parametrize("stem", ["FUV2005_230_15_15", "2005_230_15_15_cal_3_fuv", "rings"])
def test_matrix_is_known_by_its_label(tmp_path: Path, stem: str):
    matrix = 'PRODUCT_ID = "FUV2005_230_15_15_CAL_3"\nOBJECT = QUBE\n  CORE_ITEM_TYPE = IEEE_REAL\n'
    write(tmp_path, stem, label=matrix)
    write(tmp_path, "FUV2006_015_14_47")
    assert names(expand(tmp_path)) == ["FUV2006_015_14_47"]
    assert names(expand(f"{tmp_path}/*.LBL")) == ["FUV2006_015_14_47"]
    # It is a product of its own where it is asked for.
    assert names(expand(tmp_path / stem)) == [stem]


def test_counts_under_the_name_of_a_matrix(tmp_path: Path):
    counts = (
        'PRODUCT_ID = "FUV2005_230_15_15"\nOBJECT = QUBE\n  CORE_ITEM_TYPE = MSB_UNSIGNED_INTEGER\n'
    )
    write(tmp_path, "FUV2005_230_15_15_CAL_3", label=counts)
    assert names(expand(tmp_path)) == ["FUV2005_230_15_15_CAL_3"]


def test_other_labels_in_a_folder_are_no_products(tmp_path: Path):
    (tmp_path / "FLATFIELD.LBL").write_text("PDS_VERSION_ID = PDS3\n")
    with pytest.raises(ArgumentError, match="no product"):
        list(expand(tmp_path))


@pytest.mark.parametrize("source", ["missing.LBL", "missing", "FUV*.LBL", "empty.txt"])
def test_source_without_a_product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str):
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("# nothing\n")
    with pytest.raises(ArgumentError, match=f"no product in .*{source[-4:]}"):
        list(expand(source))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("# mine\n\nFUV2005_230_15_15\nnowhere\n", 4, "no product in .*/nowhere"),
        ('{"obs_id": "co-uvis-fuv2005_230_15_15"}\n', 1, "no product in .*obs_id"),
        (
            ",".join(f"COLUMN_{k}" for k in range(99)),
            1,
            "COLUMN_0,.*\\.\\.\\..*: File name too long",
        ),
        ("FUV2005_230_15_15\na\0b\n", None, " is not text"),
    ],
)
def test_the_line_of_a_batch_file_that_names_nothing(tmp_path: Path, text, line, said):
    """Any text may be given by mistake: the error says as what it was read."""
    write(tmp_path, "FUV2005_230_15_15")
    (tmp_path / "list.txt").write_text(text)
    where = "" if line is None else f", line {line}: "
    with pytest.raises(ArgumentError, match=rf"list\.txt{where}{said}") as caught:
        list(expand(tmp_path / "list.txt"))
    assert line is None or str(caught.value).endswith("read as a list of products, one a line")


def test_a_batch_file_in_a_batch_file(tmp_path: Path):
    (tmp_path / "a.txt").write_text("b.txt\n")
    (tmp_path / "b.txt").write_text("\nnowhere\n")
    with pytest.raises(ArgumentError, match=r"a\.txt, line 1: .*b\.txt, line 2: no product"):
        list(expand(tmp_path / "a.txt"))


def test_netcdf_is_no_batch_file(tmp_path: Path):
    for number, form in enumerate(("NETCDF4", "NETCDF3_CLASSIC")):
        path = tmp_path / f"{number}.nc"
        xr.Dataset({"a": 1}).to_netcdf(path, format=form)
        with pytest.raises(ArgumentError, match=r"is a NetCDF file.*uvisxr\.open_reduced"):
            list(expand(path))


def of_fits(folder: Path, name: str, size: int = 0) -> Path:
    """A FITS file and its PDS4 label, which may be a large one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.fits").write_bytes(b"SIMPLE  =                    T".ljust(2880))
    path = folder / f"{name}.xml"
    path.write_text(
        '<Product_Observational xmlns="http://pds.nasa.gov/pds4/pds/v1">'
        "<logical_identifier>urn:nasa:pds:cassini_uvis:data:x</logical_identifier>"
        f"<File_Area_Observational><File><file_name>{name}.fits</file_name></File>"
        + "<Header><record_length>1</record_length></Header>" * 2
        + f"</File_Area_Observational></Product_Observational>{' ' * size}"
    )
    return path


@pytest.mark.parametrize("size", [0, 2**18])
def test_the_label_of_a_fits_file_is_told_as_that(tmp_path: Path, size: int):
    label = of_fits(tmp_path, "bp", size)
    with pytest.raises(
        UnreadObjectError, match=r"label of the FITS file bp\.fits.*open_fits\("
    ) as e:
        uvisxr.open_product(label)
    assert "again" not in str(e.value) and str(tmp_path / "bp.fits") in str(e.value)


def test_fits_files_are_passed_over_beside_products(tmp_path: Path, monkeypatch):
    first, second = list(TARGETS)[:2]
    write(tmp_path, first)
    write(tmp_path, second)
    # Under the name of a product that is there, of one that is not, and any other.
    for name in (first, "FUV2009_001_00_00", "bp"):
        of_fits(tmp_path, name)
    monkeypatch.chdir(tmp_path)
    for sources in (tmp_path, "*", "FUV*", "*.[Lxf]*", str(tmp_path / "*")):
        assert names(expand(sources)) == [first, second], sources
    assert names(expand(first)) == [first]


@pytest.mark.parametrize("source", ["", "*", "*.fits", "FUV*"])
def test_nothing_but_fits_files(tmp_path: Path, source: str):
    of_fits(tmp_path, "FUV2009_001_00_00")
    with pytest.raises(NoMatchError, match=r"such as FUV2009.*fits: .*uvisxr\.open_fits"):
        list(expand(tmp_path / source))


def test_a_fits_file_is_no_batch_file(tmp_path: Path):
    of_fits(tmp_path, "bp")
    with pytest.raises(ArgumentError, match=r"is a FITS file.*uvisxr\.open_fits"):
        list(expand(tmp_path / "bp.fits"))


def test_data_whose_only_label_is_of_a_fits_file_show(tmp_path: Path):
    name = next(iter(TARGETS))
    of_fits(tmp_path, name).with_suffix(".DAT").write_bytes(b"")
    (product,) = expand(tmp_path)
    with pytest.raises(UnreadObjectError, match="FITS file"):
        product.read()


@pytest.mark.parametrize("path", ["a" * 5000, "a/" * 3000, "loop"])
def test_what_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    with pytest.raises(ArgumentError, match=r"^.{1,90}: (File name too long|Too many levels)"):
        list(expand(path))


@pytest.mark.parametrize("name", ["x" * 255, "x" * 251 + ".LBL", "x" * 248 + ".DAT.gz"])
def test_names_as_long_as_they_can_be(tmp_path: Path, name: str):
    """Where the names of files that may belong to them would be too long."""
    write(tmp_path, NAME)
    (tmp_path / name).write_bytes(b"")
    assert names(expand(tmp_path)) == [NAME]
    longest = write(tmp_path, NAME + "x" * (251 - len(NAME)), label=f"PRODUCT_ID = {NAME}\n")
    assert names(expand(tmp_path)) == [NAME, longest.stem]
    with pytest.raises(ArgumentError, match="no product in"):
        list(expand(tmp_path / ("y" * 253)))


def test_paths_longer_than_the_system_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, NAME)
    monkeypatch.chdir(tmp_path)
    for _ in range(21):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    (Path() / f"{NAME}.LBL").write_text("")
    for source in (str(tmp_path), f"{tmp_path}/*"):
        with pytest.warns(UvisWarning, match="cannot read the folder .*: File name too long"):
            assert names(expand(source)) == [NAME]


def test_lists_that_lead_back_to_themselves(tmp_path: Path):
    (tmp_path / "a.txt").write_text("b.txt\n")
    (tmp_path / "b.txt").write_text("a.txt\n")
    with pytest.raises(ArgumentError, match="is a list that leads back to itself"):
        list(expand(tmp_path / "a.txt"))


def test_a_product_called_index(volume: Path, tmp_path: Path):
    label = volume / "DATA" / "D2006_015" / "FUV2006_015_14_47.LBL"
    named = label.rename(tmp_path / "my_index_of_titan.LBL")
    assert names(expand(named)) == ["my_index_of_titan"]


def test_binary_batch_file(tmp_path: Path):
    (tmp_path / "FUV.bin").write_bytes(os.urandom(32) + b"\xff\xfe\xfd")
    with pytest.raises(ArgumentError, match=r"FUV\.bin is not text"):
        list(expand(tmp_path / "FUV.bin"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"channel": "HSP"},
        *({"after": text} for text in ("soon", "now", "20050818", "TRUE", "1_0", "9999-365", "")),
        *({"before": text} for text in ("2005-400", "2006-13", "2305", "2305-001", 20061)),
        {"after": "2005-231", "before": "2005-230"},
    ],
    ids=str,
)
def test_filter_with_a_wrong_value(arguments: dict[str, str]):
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        Filter(**arguments)


# --- folders of other forms ---------------------------------------------------------------------


def test_links_are_followed_and_loops_end(volume: Path, tmp_path: Path):
    outside = tmp_path / "elsewhere" / "D2007_001"
    write(outside, "FUV2006_015_14_47")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "a").symlink_to(outside.parent)
    (shelf / "up").symlink_to(tmp_path)
    (outside / "again").symlink_to(outside)
    found = list(expand(shelf))
    # Each file comes once, under the first name that leads to it.
    assert sorted(names(found)) == sorted([*EVERY, "FUV2006_015_14_47"])
    assert found[0].label == shelf / "a" / "D2007_001" / "FUV2006_015_14_47.LBL"


def test_a_folder_that_cannot_be_read_is_named(volume: Path, monkeypatch: pytest.MonkeyPatch):
    scandir = os.scandir

    def closed(path):
        # As the system does it; to root nothing is closed.
        if str(path).endswith("D2005_230"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.warns(UvisWarning, match=r"cannot read the folder .*D2005_230: Permission"):
        assert set(names(expand(volume))) == set(EVERY[1:])


def test_a_folder_whose_files_cannot_be_looked_at(volume: Path, monkeypatch: pytest.MonkeyPatch):
    """One that can be listed but not entered."""
    shut, is_file = volume / "DATA" / "D2005_230", Path.is_file

    def looked(path: Path) -> bool:
        if path.parent == shut:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", looked)
    with pytest.warns(UvisWarning, match=f"cannot read the folder {shut}: Permission denied"):
        assert names(expand(volume)) == EVERY[1:]


@pytest.mark.parametrize(
    "trees", [("LABEL", "DATA"), ("LABELS", "DATA"), ("label", "data"), ("Labels", "Data")]
)
def test_label_and_data_in_parallel_trees(tmp_path: Path, trees: tuple[str, str]):
    there, apart = (tmp_path / tree / "D2005_230" for tree in trees)
    label = write(there, "FUV2005_230_15_15")
    apart.mkdir(parents=True)
    data = label.with_suffix(".DAT").rename(apart / "FUV2005_230_15_15.DAT")
    for source in (tmp_path, label, data, data.with_suffix(""), apart, there.parent):
        assert list(expand(source)) == [Product(label, data)]


@pytest.mark.parametrize("ending", [".DAT.bz2", ".DAT.gz", ".dat.gz", ".DAT.zip", ".DAT.BZ2"])
def test_packed_data(tmp_path: Path, ending: str):
    label = write(tmp_path, "FUV2005_230_15_15", data=False)
    packed = tmp_path / f"FUV2005_230_15_15{ending}"
    packed.write_bytes(b"")
    for source in (tmp_path, label, packed, label.with_suffix("")):
        assert list(expand(source)) == [Product(label, packed)]
    # Plain data go first.
    label.with_suffix(".DAT").write_bytes(b"")
    assert list(expand([tmp_path, packed])) == [Product(label, label.with_suffix(".DAT"))]


def test_brackets_in_names(tmp_path: Path):
    folder = tmp_path / "titan [old] * really?"
    label = write(folder / "D2006_015", "FUV2006_015_14_47")
    for source in (folder, label, label.with_suffix(""), folder / "D2006_*" / "FUV*.LBL"):
        assert [product.label for product in expand(source)] == [label]


def test_a_link_to_a_label_leads_to_its_data(tmp_path: Path):
    label = write(tmp_path / "D2006_015", "FUV2006_015_14_47")
    link = tmp_path / "titan.LBL"
    link.symlink_to(label)
    assert list(expand(link)) == [Product(link, label.with_suffix(".DAT"))]


def test_links_that_lead_to_themselves_are_no_products(tmp_path: Path):
    good = write(tmp_path / "good", "FUV2006_015_14_47")
    alone = write(tmp_path / "alone", "FUV2005_230_15_15", data=False)
    for path in (alone.with_suffix(".DAT"), tmp_path / "good" / "FUV2005_001_00_00.LBL"):
        path.symlink_to(path)
    assert list(expand(alone)) == [Product(alone, None)]
    assert Product(good, good.with_suffix(".DAT")) in list(expand(tmp_path / "good"))


def test_a_link_to_a_renamed_label_leads_to_the_data_that_it_names(tmp_path: Path):
    label = write(tmp_path / "D2006_015", "FUV2006_015_14_47")
    label.write_text(label.read_text() + '^QUBE = "FUV2006_015_14_47.DAT"\n')
    renamed = label.rename(label.with_stem("a_PRIME"))
    link = tmp_path / "titan.LBL"
    link.symlink_to(renamed)
    data = label.with_suffix(".DAT")
    assert list(expand(link)) == [Product(link, data)]
    # The name may be in other letters on disk.
    small = data.rename(data.with_name(data.name.lower()))
    assert list(expand(renamed)) == [Product(renamed, small)]


def test_names_in_labels_and_indexes_lead_through_no_link_out_of_their_folder(tmp_path: Path):
    there = write(tmp_path / "there", "FUV2006_015_14_47").with_suffix(".DAT")
    label = write(tmp_path / "here", "FUV2006_015_14_47", data=False)
    (label.parent / "b.DAT").symlink_to(there)
    label.write_text(label.read_text() + '^QUBE = "b.DAT"\n')
    assert list(expand(label)) == [Product(label, None)]
    volume = tmp_path / "COUVIS_0014"
    row = {"FILE_NAME": "COUVIS_0014/DATA/FUV2006_015_14_47.LBL", "TARGET_NAME": "TITAN"}
    index = write_index(volume, [row])
    (volume / "DATA").symlink_to(there.parent)
    with pytest.raises(ArgumentError, match=r"leads out of .*COUVIS_0014 by a link"):
        list(expand(index))
    # The volume itself may be one.
    (volume / "DATA").unlink()
    (volume / "DATA").mkdir()
    product = write(volume / "DATA", "FUV2006_015_14_47")
    moved = volume.rename(tmp_path / "disk")
    volume.symlink_to(moved)
    assert [p.label.resolve() for p in expand(volume / "INDEX" / "INDEX.LBL")] == [
        moved / product.relative_to(volume)
    ]


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    label = write(tmp_path / "data", "FUV2006_015_14_47")
    monkeypatch.setenv("HOME", str(tmp_path))
    batch = tmp_path / "list.txt"
    batch.write_text("~/data/FUV2006_015_14_47\n")
    for source in ("~/data", "~/data/FUV*.LBL", "~/data/FUV2006_015_14_47", "~/list.txt"):
        assert [product.label for product in expand(source)] == [label]


# --- tables of the Ring-Moon Systems Node -------------------------------------------------------


@pytest.fixture
def holdings(volume: Path, tmp_path: Path) -> Path:
    """holdings/volumes/COUVIS_0xxx/COUVIS_0013, its tables in holdings/metadata."""
    place = tmp_path / "holdings" / "volumes" / "COUVIS_0xxx"
    place.mkdir(parents=True)
    tables = tmp_path / "holdings" / "metadata" / "COUVIS_0xxx" / volume.name
    tables.mkdir(parents=True)
    for ending in (".LBL", ".TAB"):
        name = f"{volume.name}_index{ending.lower()}"
        (volume / "INDEX" / f"INDEX{ending}").rename(tables / name)
    label = tables / f"{volume.name}_index.lbl"
    label.write_text(label.read_text().replace('"INDEX.TAB"', f'"{volume.name}_index.tab"'))
    volume.rename(place / volume.name)
    supplemental(tables, volume.name)
    return tables


def supplemental(folder: Path, volume: str) -> None:
    """A table with the first columns of the node's own label of it."""
    widths = {"VOLUME_ID": 11, "FILE_SPECIFICATION_NAME": 40, "PRODUCT_ID": 21}
    columns, rows, start = "", [], 2
    for name, width in widths.items():
        columns += (
            f"  OBJECT = COLUMN\n    NAME = {name}\n    START_BYTE = {start}\n"
            f"    BYTES = {width}\n  END_OBJECT = COLUMN\n"
        )
        start += width + 3
    for name in TARGETS:
        path = f"DATA/D{name[3:11]}/{name}.LBL"
        cells = zip((volume, path, name), widths.values(), strict=True)
        rows.append(",".join(f'"{cell:{width}}"' for cell, width in cells) + "\r\n")
    name = f"{volume}_supplemental_index"
    (folder / f"{name}.lbl").write_text(
        f'PDS_VERSION_ID = PDS3\n^SUPPLEMENTAL_INDEX_TABLE = "{name}.tab"\n'
        f'VOLUME_ID = "{volume}"\nOBJECT = SUPPLEMENTAL_INDEX_TABLE\n  ROWS = {len(rows)}\n'
        f"  ROW_BYTES = {len(rows[0])}\n{columns}END_OBJECT = SUPPLEMENTAL_INDEX_TABLE\nEND\n"
    )
    (folder / f"{name}.tab").write_bytes("".join(rows).encode())


@pytest.mark.parametrize("name", ["COUVIS_0013_index.tab", "COUVIS_0013_supplemental_index.lbl"])
def test_tables_away_from_their_volumes(holdings: Path, name: str):
    found = list(expand(holdings / name))
    assert sorted(names(found)) == sorted(EVERY)
    assert all(product.label.is_file() and product.data for product in found)
    # Where the table does not give target and start, the label does.
    assert sorted(names(expand(holdings / name, Filter(target="titan")))) == sorted(EVERY[1:])
    assert names(expand(holdings / name, Filter(before="2006-001"))) == EVERY[:1]
    with pytest.raises(NoMatchError, match="there: S RINGS, TITAN"):
        list(expand(holdings / name, Filter(target="STAR")))


@pytest.mark.parametrize("name", ["COUVIS_0013_index.tab", "COUVIS_0013_supplemental_index.lbl"])
def test_tables_that_list_a_matrix(holdings: Path, name: str):
    matrix = EVERY[1]
    (label,) = holdings.parents[2].rglob(f"{matrix}.LBL")
    label.write_text(f'PRODUCT_ID = "{matrix}"\nOBJECT = QUBE\n  CORE_ITEM_TYPE = IEEE_REAL\n')
    assert sorted(names(expand(holdings / name))) == [EVERY[0], EVERY[2]]
    with pytest.raises(ArgumentError, match="no product"):
        uvisxr.open_observation(holdings / name, channel="EUV")


def test_a_table_beside_a_flat_download(volume: Path, tmp_path: Path):
    flat = tmp_path / "opus"
    flat.mkdir()
    for file in [*(volume / "DATA").rglob("*.*"), *(volume / "INDEX").iterdir()]:
        file.rename(flat / file.name)
    found = list(expand(flat / "INDEX.TAB"))
    assert sorted(names(found)) == sorted(EVERY)
    assert {product.label.parent for product in found} == {flat}


# --- products by identifier ---------------------------------------------------------------------


@pytest.fixture
def cached(volume: Path) -> Path:
    """The volume, in the cache."""
    place = cache_dir("products") / volume.name
    place.parent.mkdir(parents=True)
    volume.rename(place)
    return place


@pytest.mark.parametrize(
    "text",
    [
        "FUV2005_230_15_15",
        "fuv2005_230_15_15",
        "co-uvis-fuv2005_230_15_15",
        "COUVIS_0013/DATA/D2005_230/FUV2005_230_15_15.LBL",
        "urn:nasa:pds:cassini_uvis_saturn:data_raw_fuv:2005_230_15_15_fuv::1.0",
        "FUV2005_230_15_15_PRIME",
        "FUV_2005_230_15_15",
    ],
)
def test_identifiers_of_products_in_the_cache(cached: Path, text: str):
    (product,) = expand(text)
    assert product.label == cached / "DATA" / "D2005_230" / "FUV2005_230_15_15.LBL"
    assert product.data == product.label.with_suffix(".DAT")


def test_a_file_of_that_name_goes_first(cached: Path, tmp_path: Path, monkeypatch):
    label = write(tmp_path / "here", "FUV2005_230_15_15")
    monkeypatch.chdir(label.parent)
    assert next(expand("FUV2005_230_15_15")).label == label


def test_the_latest_volume_in_the_cache(cached: Path):
    label = write(cached.with_name("COUVIS_0014") / "DATA/D2005_230", "FUV2005_230_15_15")
    assert next(expand("FUV2005_230_15_15")).label == label


def test_an_identifier_made_a_path_of_the_current_folder(cached: Path):
    """As xarray does it before an engine sees it."""
    assert names(expand(Path.cwd() / "FUV2005_230_15_15")) == ["FUV2005_230_15_15"]
    with pytest.raises(ArgumentError, match="no product in"):
        list(expand("/FUV2005_230_15_15"))


@pytest.mark.parametrize("text", ["HSP2005_230_15_15", "co-uvis-hdac2005_230_15_15"])
@pytest.mark.parametrize("fetch", [False, True])
def test_identifiers_of_photometers_can_be_fetched_but_not_read(cached: Path, text, fetch):
    with pytest.raises(ArgumentError, match=r"^H\w+2005_230_15_15 is not a product of FUV or EUV"):
        list(expand(text, fetch=fetch))


@pytest.mark.parametrize("text", ["FUV2009_173_15_16", "co-uvis-fuv2009_173_15_16"])
def test_what_is_not_in_the_cache(text: str):
    with pytest.raises(ArgumentError, match=r"cache: `uvisxr fetch FUV2009_173_15_16`.*fetch=True"):
        list(expand(text))


NAME = "FUV2005_230_15_15"


@pytest.mark.parametrize(
    "text",
    ["fuv2005_230_15_15", "co-uvis-fuv2005_230_15_15", "2005_230_15_15_fuv", f"{NAME}_PRIME"],
)
@pytest.mark.parametrize("ending", [".LBL", ".lbl"])
def test_a_product_in_the_folder_by_any_spelling(
    tmp_path: Path, monkeypatch, text: str, ending: str
):
    label = write(tmp_path, NAME)
    label = label.rename(label.with_suffix(ending))
    monkeypatch.chdir(tmp_path)
    assert [product.label for product in expand(text)] == [label]
    (tmp_path / "list.txt").write_text(text)
    monkeypatch.chdir("/")
    assert [product.label for product in expand(tmp_path / "list.txt")] == [label]


def test_a_list_with_a_byte_order_mark(tmp_path: Path):
    label = write(tmp_path, NAME)
    (tmp_path / "list.txt").write_text(f"{NAME}.LBL\n", encoding="utf-8-sig")
    assert [product.label for product in expand(tmp_path / "list.txt")] == [label]


def test_no_sources():
    with pytest.raises(ArgumentError, match="list of paths is empty"):
        list(expand([]))


def pointing(folder: Path, trees: bool = False) -> tuple[Path, Path]:
    """A label that was renamed, and the data file that it still names."""
    text = f'PDS_VERSION_ID = PDS3\nPRODUCT_ID = "{NAME}"\n^QUBE = "{NAME}.DAT"\nEND\n'
    places = [folder / "LABEL" / "D", folder / "DATA" / "D"] if trees else [folder, folder]
    label = write(places[0], f"{NAME}_PRIME", label=text, data=False)
    places[1].mkdir(parents=True, exist_ok=True)
    data = places[1] / f"{NAME}.DAT"
    data.write_bytes(b"")
    return label, data


@pytest.mark.parametrize("trees", [False, True])
def test_a_data_file_that_a_label_names_is_no_product_of_its_own(tmp_path: Path, trees: bool):
    label, data = pointing(tmp_path, trees)
    expected = [Product(label, data)]
    assert list(expand(tmp_path)) == expected
    assert names(expand([label, data])) == [label.stem]
    assert list(expand(data)) == list(expand(data.with_suffix(""))) == expected
    assert list(expand(f"{tmp_path}/**/FUV*")) == expected
    # With a label of its own it is one.
    own = write(label.parent, NAME, data=False)
    assert {product.label for product in expand(tmp_path)} == {label, own}


def test_a_label_that_names_no_file_has_no_data(tmp_path: Path):
    label = write(tmp_path, "FUV2005_230_15_16", label='^QUBE = "../x/FUV.DAT"\n', data=False)
    assert Product.at(label) == Product(label, None)


def test_a_pair_whatever_lies_beside(tmp_path: Path):
    label = write(tmp_path / "mine", "F331", label=f"PRODUCT_ID = {NAME}\n", data=False)
    other = write(tmp_path / "other", NAME)
    data = other.with_suffix(".DAT")
    pair = [Product(label, data, paired=True)]
    assert list(expand([(label, data)])) == list(expand([(data, str(label))])) == pair
    assert list(expand([(label, data), data])) == [*pair, Product(other, data)]
    for wrong in ((label, other), (data, data), (label, tmp_path / "no.DAT")):
        with pytest.raises(ArgumentError, match="are no pair"):
            list(expand([wrong]))
    with pytest.raises(ArgumentError, match="not the path of a product"):
        list(expand([(label, data, data)]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'PRODUCT_ID = "{NAME}"', f"PRODUCT_ID = '{NAME}'"),
        ('TARGET_NAME = "S RINGS"', 'TARGET_NAME = {"TITAN", "S RINGS"}'),
        ('TARGET_NAME = "S RINGS"', 'TARGET_NAME = ("S RINGS", "TITAN")'),
        ('TARGET_NAME = "S RINGS"', 'TARGET_NAME =\n  "S RINGS"'),
        ('TARGET_NAME = "S RINGS"', "TARGET_NAME = 'S RINGS' /* planned */"),
        ("SLIT_STATE = LOW_RESOLUTION", "SLIT_STATE = 'LOW_RESOLUTION'"),
        ("15:15:04.141", "15:15:04.141 /* UTC */"),
    ],
)
def test_filters_on_labels_of_another_form(tmp_path: Path, old: str, new: str):
    label = write(tmp_path, NAME)
    assert old in label.read_text()
    text = label.read_text().replace(old, new)
    label.write_text(text + "END\n")
    for file in (label, label.with_suffix(".DAT")):
        file.rename(file.with_stem("mine"))
    day = Filter("FUV", "S RINGS", "low_resolution", "2005-230T15:15:04", "2005-230T15:15:05")
    assert names(expand(tmp_path, day)) == ["mine"]
    for wrong in (Filter(target="ATLAS"), Filter(after="2005-231"), Filter(slit="OCCULTATION")):
        with pytest.raises(NoMatchError):
            list(expand(tmp_path, wrong))


DECEITS = [
    'NOTE = "see also\nTARGET_NAME = TITAN\n"\n',
    "NOTE = 'see also\nTARGET_NAME = TITAN\n'\n",
    'DESCRIPTION = "After the file of\nTARGET_NAME = TITAN\nwas lost."\n',
    "/*\nTARGET_NAME = TITAN\n*/\n",
    "OBJECT = PARENT\nTARGET_NAME = TITAN\nEND_OBJECT = PARENT\n",
    "GROUP = PARENT\nTARGET_NAME = TITAN\nEND_GROUP = PARENT\n",
    f'DESCRIPTION = "{"x" * 9000}"\n',
    "".join(f"X{k} = 1\n" for k in range(999)),
]


@pytest.mark.filterwarnings("ignore:.* several times, with different values")
@pytest.mark.parametrize("before", DECEITS)
@pytest.mark.parametrize("old", ["PRODUCT_ID", "TARGET_NAME"])
def test_filters_take_what_the_reader_takes(tmp_path: Path, before: str, old: str):
    """Whatever stands in a label before its target."""
    label = write_product(tmp_path, NAME, target="S RINGS")
    text = label.read_text().replace(old, f"{before}{old}", 1)
    assert text.index(before) < text.index('"S RINGS"')
    label.write_text(text)
    assert read_label(label).target == "S RINGS"
    assert names(expand(tmp_path, Filter(target="S RINGS"))) == [NAME]
    with pytest.raises(NoMatchError, match="there: S RINGS"):
        list(expand(tmp_path, Filter(target="TITAN")))


def test_a_type_outside_of_the_cube_makes_no_matrix(tmp_path: Path):
    label = write_product(tmp_path, NAME)
    label.write_text(label.read_text().replace("OBJECT", "CORE_ITEM_TYPE = IEEE_REAL\nOBJECT", 1))
    assert names(expand(tmp_path)) == [NAME]


@pytest.mark.parametrize("lost", ["PRODUCT_ID", "TARGET_NAME", "SLIT_STATE", "START_TIME"])
def test_what_cannot_be_read_of_a_label_refuses_nothing(tmp_path: Path, lost: str):
    """As the label does not end, and may say it further below."""
    label = write(tmp_path, NAME)
    text = "".join(x for x in label.read_text().splitlines(True) if not x.startswith(lost))
    label.write_text(f'{text}GROUP = "')
    label.rename(label.with_stem("mine"))
    label.with_suffix(".DAT").rename(label.with_name("mine.DAT"))
    asked = {"PRODUCT_ID": "channel", "TARGET_NAME": "target", "SLIT_STATE": "slit"}
    value = {"PRODUCT_ID": "EUV", "SLIT_STATE": "OCCULTATION"}.get(lost, "2010-001")
    wanted = Filter(**{asked.get(lost, "after"): value})
    pair = (tmp_path / "mine.LBL", tmp_path / "mine.DAT")
    assert names(expand([pair], wanted)) == ["mine"]


def test_what_a_label_that_breaks_off_lost_refuses_nothing(tmp_path: Path):
    label = write(tmp_path, NAME)
    text = label.read_text().partition("TARGET_NAME")[0]
    label.write_text(text)
    assert names(expand(tmp_path, Filter(target="TITAN"))) == [NAME]
    with pytest.raises(NoMatchError):
        list(expand(tmp_path, Filter(after="2006-001")))
    label.write_text(f"{text}END\n")
    with pytest.raises(NoMatchError):
        list(expand(tmp_path, Filter(target="TITAN")))


def test_the_lists_that_products_come_from(volume: Path, tmp_path: Path):
    inner, outer = tmp_path / "inner.txt", tmp_path / "outer.txt"
    inner.write_text(f"{volume}/INDEX/INDEX.LBL")
    outer.write_text("inner.txt")
    read: set[Path] = set()
    list(expand(outer, read=read))
    assert read == {inner, outer, volume / "INDEX" / "INDEX.LBL", volume / "INDEX" / "INDEX.TAB"}


def test_lists_in_lists(tmp_path: Path):
    """A list that others name again and again is read once, and how deep they lie is bounded."""
    (tmp_path / f"{NAME}.LBL").write_text(f'PDS_VERSION_ID = PDS3\nPRODUCT_ID = "{NAME}"\nEND\n')
    (tmp_path / "l0.txt").write_text(f"{NAME}.LBL\n" * 9)
    for k in range(1, 30):
        (tmp_path / f"l{k}.txt").write_text(f"l{k - 1}.txt\n" * 9)
    start = time.process_time()
    (product,) = expand(tmp_path / "l12.txt")
    assert product.label == tmp_path / f"{NAME}.LBL"
    with pytest.raises(ArgumentError, match="in more than 20 others") as caught:
        list(expand(tmp_path / "l29.txt"))
    assert len(str(caught.value)) < 600
    assert time.process_time() - start < 2


def test_a_list_without_end(tmp_path: Path):
    (tmp_path / "list.txt").write_text("none.LBL\n" * 1_000_000)
    start = time.process_time()
    with pytest.raises(ArgumentError, match="more than 250000 lines"):
        list(expand(tmp_path / "list.txt"))
    (tmp_path / "list.txt").write_text("none.LBL\n" * 100_000)
    with pytest.raises(ArgumentError, match="line 1: no product in"):
        list(expand(tmp_path / "list.txt"))
    assert time.process_time() - start < 2


def test_without_a_current_folder(tmp_path, monkeypatch):
    label = write_product(tmp_path, "FUV2005_230_15_15", np.ones((1, 60, 1024), np.uint16))
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        assert [product.label for product in expand(label)] == [label]
        assert uvisxr.open_product(label).sizes["pic"] == 1
        assert xr.open_dataset(label, engine="uvis").sizes["pic"] == 1
        assert uvisxr.open_observation(tmp_path).sizes["pic"] == 1
        assert list(plan(label, ["rate"], tmp_path / "out"))
        assert package_lab.__wrapped__("FUV") is not None
        with pytest.raises(ArgumentError, match="relative to the current folder"):
            uvisxr.open_product(label).uvis.rate().uvis.to_netcdf("x.nc")
        for call in (uvisxr.open_product, uvisxr.open_observation):
            with pytest.raises(ArgumentError, match="relative to the current folder, which is"):
                call(label.name)
        with pytest.raises(ArgumentError, match=r"cache: .*relative to the current folder"):
            uvisxr.set_options(cache="there")
    finally:
        os.chdir(tmp_path)


def test_paths_of_bytes(tmp_path):
    label = write_product(tmp_path, "FUV2005_230_15_15", np.zeros((1, 60, 1024), np.uint16))
    path = os.fsencode(label)
    assert [product.label for product in expand(path)] == [label]
    for opened in (
        uvisxr.open_product(path),
        uvisxr.open_product((path, os.fsencode(label.with_suffix(".DAT")))),
        uvisxr.open_observation([path]),
    ):
        assert opened.sizes["pic"] == 1


def test_copies_that_differ_in_one_spectrum_are_told(tmp_path):
    names = [write_product(tmp_path / name, "FUV2005_230_15_15", samples=3) for name in "ab"]
    data = names[1].with_suffix(".DAT")
    raw = bytearray(data.read_bytes())
    raw[150_000:150_010] = bytes(10)
    data.write_bytes(raw)
    with pytest.warns(UvisWarning, match="the data files differ: check which is sound"):
        reader.expand(tmp_path)


def test_the_product_s_own_name_goes_before_that_of_a_copy(tmp_path):
    label = write_product(tmp_path, "FUV2005_230_15_15")
    for ending in (".LBL", ".DAT"):
        copy = label.with_name(f"Copy of {label.stem}{ending}")
        copy.write_bytes(label.with_suffix(ending).read_bytes())
    with pytest.warns(UvisWarning, match=r"Copy of .* and is left out"):
        assert [product.label for product in reader.expand(tmp_path)] == [label]


def test_what_stands_for_a_product_and_is_none_is_told(tmp_path: Path):
    """Be it a link whose file is gone, as in archives of git-annex, a pipe, or of other letters."""
    label = write_product(tmp_path / "a", NAME)
    data = label.with_suffix(".DAT")
    with pytest.raises(NoMatchError, match=rf"does not exist: there is {label.name}, in other"):
        list(expand(label.with_name(label.name.lower())))
    data.unlink()
    data.symlink_to("/gone/x.DAT")
    with pytest.raises(ProductError, match=r"is a link to /gone/x\.DAT, which is not there"):
        uvisxr.open_product(label)
    data.unlink()
    os.mkfifo(data)
    with pytest.raises(ProductError, match=r"is no ordinary file: put the product's own in its"):
        uvisxr.open_product(label)
    label.unlink()
    label.symlink_to("/gone/x.LBL")
    with pytest.raises(
        LabelError, match=r"is a link to /gone/x\.LBL, which is not there"
    ) as caught:
        read_label(label)
    assert "beside the data" not in str(caught.value)
    label.unlink()
    os.mkfifo(label)
    with pytest.raises(LabelError, match="is no ordinary file: put the product's own in its place"):
        read_label(label)
    data.unlink()
    with pytest.raises(NoMatchError, match="is a pipe, a socket or a device, and no product"):
        list(expand(label))


@pytest.mark.parametrize("pointer", [".", "./", "a/", "a/b.DAT"])
def test_a_label_that_names_no_file(tmp_path: Path, pointer: str):
    label = write_product(tmp_path, NAME)
    label.write_text(label.read_text().replace(f'"{NAME}.DAT"', f'"{pointer}"'))
    label.with_suffix(".DAT").unlink()
    with pytest.raises(LabelError, match=rf"'{pointer}' is no name of a file.*`uvisxr fetch"):
        read_label(label)


@pytest.mark.parametrize("pointer", ["../../secret.DAT", "/etc/passwd"])
def test_a_label_that_names_data_elsewhere(tmp_path: Path, pointer: str):
    label = write_product(tmp_path, NAME)
    label.write_text(label.read_text().replace(f'"{NAME}.DAT"', f'"{pointer}"'))
    label.with_suffix(".DAT").unlink()
    with pytest.raises(LabelError, match=rf"{pointer}', leads out of its folder.*`uvisxr fetch"):
        read_label(label)
