"""Sources of a batch: every kind gives the same products, each once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.volume import index_row, write_index

from uvisxr.errors import ArgumentError
from uvisxr.reader.sources import Filter, Product, expand

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
        f'PRODUCT_ID = "{name}"\nSTART_TIME = {STARTS[name]}\nTARGET_NAME = "{TARGETS[name]}"\n'
        "SLIT_STATE = LOW_RESOLUTION\n"
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


def test_folder_with_all_below(volume: Path):
    assert names(expand(volume)) == EVERY


def test_label_data_and_base_path_are_one_product(volume: Path):
    label = volume / "DATA" / "D2005_230" / "FUV2005_230_15_15.LBL"
    paths = [label, label.with_suffix(".DAT"), label.with_suffix("")]
    assert list(expand(paths)) == [Product(label, label.with_suffix(".DAT"))]


def test_endings_in_any_case(tmp_path: Path):
    label = write(tmp_path, "FUV2005_230_15_15")
    label.rename(label.with_suffix(".lbl"))
    label.with_suffix(".DAT").rename(label.with_suffix(".dat"))
    expected = [Product(label.with_suffix(".lbl"), label.with_suffix(".dat"))]
    assert list(expand(label.with_suffix(""))) == expected
    assert list(expand(tmp_path)) == expected


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


@pytest.mark.parametrize("source", [".", "INDEX/INDEX.LBL"])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(channel="euv"), [EVERY[1]]),
        (Filter(target="s rings"), [EVERY[0]]),
        (Filter(target="S_RINGS", channel="EUV"), []),
        (Filter(slit="low_resolution"), EVERY),
        (Filter(slit="OCCULTATION"), []),
        (Filter(after="2006-001"), EVERY[1:]),
        (Filter(before="2005-08-18T15:15:04.141"), []),
        (Filter(before="2005-08-18T15:15:04.142"), [EVERY[0]]),
        (Filter(after="2005-230T15:15:04.141", before="2006-001"), [EVERY[0]]),
    ],
)
def test_filters(volume: Path, source: str, wanted: Filter, expected: list[str]):
    assert sorted(names(expand(volume / source, wanted))) == sorted(expected)


def test_misspelt_slit_of_the_archive(tmp_path: Path):
    write(tmp_path, "FUV2005_230_15_15", label="PRODUCT_ID = X\nSLIT_STATE = OCCLTATION\n")
    assert len(list(expand(tmp_path, Filter(slit="OCCULTATION")))) == 1


def test_a_label_that_cannot_be_read_passes_filters(tmp_path: Path):
    write(tmp_path, "FUV2005_230_15_15", label="garbage")
    assert names(expand(tmp_path, Filter(channel="EUV"))) == ["FUV2005_230_15_15"]


def test_a_label_that_does_not_say_is_not_taken(tmp_path: Path):
    write(tmp_path, "FUV2005_230_15_15", label="TARGET_NAME = UNK\nSTART_TIME = UNK\n")
    assert not names(expand(tmp_path, Filter(target="TITAN")))
    assert not names(expand(tmp_path, Filter(after="2000-001")))


def test_a_label_whose_start_is_no_time_is_taken_so_that_it_shows(tmp_path: Path):
    label = "PRODUCT_ID = FUV2005_366_15_15\nTARGET_NAME = TITAN\nSTART_TIME = 2005-366T15:15\n"
    write(tmp_path, "FUV2005_230_15_15", label=label)
    assert names(expand(tmp_path, Filter(after="2010-001"))) == ["FUV2005_230_15_15"]
    assert not names(expand(tmp_path, Filter(after="2010-001", target="SATURN")))


def test_data_without_label_and_label_without_data(tmp_path: Path):
    write(tmp_path, "FUV2005_230_15_15").unlink()
    write(tmp_path, "FUV2006_015_14_47", data=False)
    assert [p.data is None for p in expand(tmp_path)] == [False, True]


def test_renamed_product_in_a_folder(tmp_path: Path):
    label = write(tmp_path, "FUV2005_230_15_15")
    label.rename(tmp_path / "rings.LBL")
    label.with_suffix(".DAT").rename(tmp_path / "rings.DAT")
    assert list(expand(tmp_path)) == [Product(tmp_path / "rings.LBL", tmp_path / "rings.DAT")]


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


def test_binary_batch_file(tmp_path: Path):
    (tmp_path / "FUV.bin").write_bytes(os.urandom(32) + b"\xff\xfe\xfd")
    with pytest.raises(ArgumentError, match=r"FUV\.bin is not text"):
        list(expand(tmp_path / "FUV.bin"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"channel": "HSP"},
        *({"after": text} for text in ("soon", "now", "20050818", "TRUE", "1_0", "9999-365", "")),
        *({"before": text} for text in ("2005-400", "2006", "2006-01", "2305-001", 2006)),
        {"after": "2005-231", "before": "2005-230"},
    ],
    ids=str,
)
def test_filter_with_a_wrong_value(arguments: dict[str, str]):
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        Filter(**arguments)
