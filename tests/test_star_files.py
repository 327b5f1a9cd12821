"""Files of star flags: ours, those of Cassini-UPyP, and those written by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.handmade import sky
from helpers.umask import permissions, umask

from uvisxr.errors import ArgumentError, ExportError
from uvisxr.instrument.detector import Window

#: What Cassini-UPyP writes for stars in pixel 40 of exposure 2 and pixel 41 of exposure 5.
THEIRS = "# exposure | pixel\n  40         2 \n  41         5 \n"


@pytest.fixture
def ds() -> xr.Dataset:
    return sky(np.random.default_rng(2), n_pic=6, window=Window(0, 0, 63, 1023))


def starred(ds: xr.Dataset) -> list[list[int]]:
    return np.argwhere((ds.quality & 4).values).tolist()


def written(tmp_path, text: str):
    path = tmp_path / "stars.txt"
    path.write_text(text)
    return path


# --- ours


@pytest.mark.parametrize("columns", ["exposure pixel", "pixel exposure"])
def test_round_trip(ds, tmp_path, columns):
    flagged = ds.uvis.flag([(0, 40), (2, 41), (5, 3)], "star")
    path = flagged.uvis.stars.save(tmp_path / "stars.txt", columns)
    lines = path.read_text().splitlines()
    assert lines[0] == f"# uvisxr star flags: {columns}"
    row = (2, 41) if columns == "exposure pixel" else (41, 2)
    assert tuple(map(int, lines[2].split())) == row
    for told in (None, columns):
        back = ds.uvis.stars.load(path, columns=told)
        xr.testing.assert_equal(back.quality, flagged.quality)
        assert "stars.txt sha256:" in back.attrs["history"]
        assert f"columns='{columns}'" in back.attrs["history"]
    assert [p.name for p in tmp_path.iterdir()] == ["stars.txt"]


def test_the_header_is_believed_and_may_not_be_contradicted(ds, tmp_path):
    path = written(tmp_path, "# uvisxr star flags: pixel exposure\n3 2\n")
    assert starred(ds.uvis.stars.load(path)) == [[2, 3]]
    said = r"stars\.txt, line 1: the header says 'pixel exposure', not 'exposure pixel': leave"
    with pytest.raises(ArgumentError, match=said):
        ds.uvis.stars.load(path, columns="exposure pixel")


def test_files_put_together_keep_their_columns(ds, tmp_path):
    first = ds.uvis.flag([(1, 5)], "star").uvis.stars.save(tmp_path / "a.txt")
    second = ds.uvis.flag([(4, 3)], "star").uvis.stars.save(tmp_path / "b.txt", "pixel exposure")
    path = written(tmp_path, first.read_text() + second.read_text())
    assert starred(ds.uvis.stars.load(path)) == [[1, 5], [4, 3]]


def test_a_subset_keeps_its_numbers(ds, tmp_path):
    subset = ds.uvis.flag([(4, 20)], "star").isel(pic=slice(3, None), pixel=slice(7, None))
    path = subset.uvis.stars.save(tmp_path / "stars.txt")
    assert path.read_text().splitlines()[1].split() == ["4", "20"]


# --- those of Cassini-UPyP


def test_a_foreign_header_is_refused_and_both_readings_named(ds, tmp_path):
    """Pixel 40 is no exposure, so the dataset holds none of the spectra by the header's word."""
    with pytest.raises(ArgumentError) as caught:
        ds.uvis.stars.load(written(tmp_path, THEIRS))
    text = str(caught.value)
    assert "stars.txt, line 1: '# exposure | pixel' is not a header of uvisxr" in text
    assert 'columns="pixel exposure" (the dataset holds 2 of 2 spectra)' in text
    assert 'columns="exposure pixel" (the dataset holds 0 of 2 spectra)' in text
    assert "Cassini-UPyP" in text


def test_a_foreign_file_that_would_pass_transposed_is_refused_too(ds, tmp_path):
    """Both readings are in the dataset: nothing but the header would tell them apart."""
    path = written(tmp_path, "# exposure | pixel\n  3          2 \n")
    with pytest.raises(ArgumentError, match=r"holds 1 of 1 .* holds 1 of 1"):
        ds.uvis.stars.load(path)
    assert starred(ds.uvis.stars.load(path, "pixel exposure")) == [[2, 3]]
    assert starred(ds.uvis.stars.load(path, "exposure pixel")) == [[3, 2]]


def test_a_foreign_file_with_its_columns_told(ds, tmp_path):
    path = written(tmp_path, THEIRS)
    found = ds.uvis.stars.load(path, columns="pixel exposure")
    assert starred(found) == [[2, 40], [5, 41]]


def test_cassini_upyp_reads_what_is_written_for_it(ds, tmp_path):
    """It skips one line, and takes the first number of the others for the pixel."""
    flagged = ds.uvis.flag([(2, 40), (5, 41)], "star")
    path = flagged.uvis.stars.save(tmp_path / "stars.txt", "pixel exposure")
    read = [tuple(map(int, row.split())) for row in path.read_text().splitlines()[1:]]
    assert read == [(40, 2), (41, 5)]


@pytest.mark.parametrize(
    "header",
    [
        "# pixel | exposure",
        "# Exposures, pixels",
        "pic pixel",
        "#\n# exposure|pixel",
        "exposure;pixel",
    ],
)
@pytest.mark.parametrize("between", [" ", ",", ";", "\t"])
def test_other_headers_that_name_columns_are_not_believed(ds, tmp_path, header, between):
    path = written(tmp_path, f"{header}\n1{between}2\n")
    with pytest.raises(
        ArgumentError, match=r"is not a header of uvisxr.*holds 1 of 1.*holds 1 of 1"
    ):
        ds.uvis.stars.load(path)
    assert starred(ds.uvis.stars.load(path, "exposure pixel")) == [[1, 2]]


# --- written by hand


@pytest.mark.parametrize(
    "text",
    [
        "1 2\n3 4\n",
        "\n1 2\n\n3 4",
        "# of 2006\n1 2\n# and\n 3\t4\n",
        "stars\n1 2\n3 4\n",
        "\ufeff1 2\r\n3 4\r\n",
        "1,2\n3, 4\n",
        "1;2\r\n3 ; 4\r\n;\r\n",
        "# by spreadsheet\n1\t2\n,\n3\t,4\n",
    ],
)
def test_no_star_is_lost(ds, tmp_path, text):
    path = tmp_path / "stars.txt"
    path.write_bytes(text.encode())
    assert starred(ds.uvis.stars.load(path)) == [[1, 2], [3, 4]]


def test_a_file_of_ours_that_was_cut_short(ds, tmp_path):
    path = ds.uvis.flag([(2, 41)], "star").uvis.stars.save(tmp_path / "stars.txt")
    path.write_text(path.read_text()[:-2])
    with pytest.raises(ArgumentError, match=r"stars\.txt: .* cut short"):
        ds.uvis.stars.load(path)


def test_an_empty_file_flags_nothing(ds, tmp_path):
    xr.testing.assert_equal(ds.uvis.stars.load(written(tmp_path, "")).quality, ds.quality)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#\n1 2\n3 x\n", "line 3: '3 x' is not two whole numbers, .*; comments begin with #"),
        ("1,2\n3.0,4.0\n", "line 2: '3.0,4.0' is not two whole numbers, such as 3 40, with blanks"),
        ("1,2,\n", "line 1: '1,2,' is not two"),
        ("1,,2\n", "line 1: '1,,2' is not two"),
        ("1 2,3\n", "line 1: '1 2,3' is not two"),
        ("#\n1 2 3\n", "line 2: '1 2 3' is not two"),
        ("1 2\nstars\n", "line 2: 'stars' is not two"),
        ("T10 stars\n", "line 1: 'T10 stars' is not two"),
        ("#\n40 2\n", r"line 2: no spectrum .* the other way round, give columns=\"pixel exposure"),
    ],
)
def test_bad_lines(ds, tmp_path, text, message):
    with pytest.raises(ArgumentError, match=message):
        ds.uvis.stars.load(written(tmp_path, text))


def test_missing_file(ds, tmp_path):
    with pytest.raises(ArgumentError, match=r"none\.txt"):
        ds.uvis.stars.load(tmp_path / "none.txt")


def test_unknown_columns(ds, tmp_path):
    for call in (ds.uvis.stars.save, ds.uvis.stars.load):
        with pytest.raises(ArgumentError, match="columns='xy'"):
            call(tmp_path / "stars.txt", columns="xy")


# --- what is replaced


def test_only_a_file_of_ours_is_replaced(ds, tmp_path):
    one, other = (ds.uvis.flag([(0, pixel)], "star") for pixel in (4, 5))
    path = one.uvis.stars.save(tmp_path / "stars.txt")
    other.uvis.stars.save(path, "pixel exposure")
    assert path.read_text().split()[-2:] == ["5", "0"]
    one.uvis.stars.save(path)
    assert path.read_text().split()[-2:] == ["0", "4"]
    with pytest.raises(ExportError, match=r"it exists; .* overwrite=True"):
        other.uvis.stars.save(path, overwrite=False)
    assert other.uvis.stars.save(tmp_path / "new.txt", overwrite=False).exists()


@pytest.mark.parametrize(
    "content",
    [
        THEIRS.encode(),
        b"1 2\n",
        b"",
        b"notes\n# uvisxr star flags: exposure pixel\n",
        b"# uvisxr star flags: something else\n",
        b"\xff\xfe\x00" * 1000,
    ],
)
def test_a_foreign_file_stays_unless_told(ds, tmp_path, content):
    path = tmp_path / "stars.txt"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"stars\.txt: it exists, and uvisxr did not write it"):
        ds.uvis.stars.save(path)
    with pytest.raises(ExportError, match="it exists"):
        ds.uvis.stars.save(path, overwrite=False)
    assert path.read_bytes() == content
    ds.uvis.stars.save(path, overwrite=True)
    assert path.read_text() == "# uvisxr star flags: exposure pixel\n"


def test_overwrite_is_one_of_three(ds, tmp_path):
    with pytest.raises(ArgumentError, match="overwrite='yes'"):
        ds.uvis.stars.save(tmp_path / "stars.txt", overwrite="yes")


def test_in_place_of_an_input(ds, tmp_path):
    source = ds.uvis.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(source) as opened, pytest.raises(ExportError, match="were read from it"):
        opened.uvis.stars.save(source, overwrite=True)
    # What history names with its sha256 stays as it was.
    path = ds.uvis.stars.save(tmp_path / "stars.txt")
    before = path.read_bytes()
    for overwrite in (None, True):
        loaded = ds.uvis.stars.load(path).uvis.flag([(0, 1)], "star")
        with pytest.raises(ExportError, match="were read from it"):
            loaded.uvis.stars.save(path, overwrite=overwrite)
    with pytest.raises(ExportError, match="products of the archive"):
        ds.uvis.stars.save(tmp_path / "stars.dat")
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written(ds, tmp_path):
    with pytest.raises(ExportError, match="cannot write"):
        ds.uvis.stars.save(tmp_path / "no" / "stars.txt")


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o027])
def test_permissions_are_those_of_a_new_file(ds, tmp_path, mask):
    with umask(mask):
        path = ds.uvis.stars.save(tmp_path / "stars.txt")
    assert permissions(path) == 0o666 & ~mask
