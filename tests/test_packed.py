"""Packed data files: read in place or unpacked once, and never wrong."""

from __future__ import annotations

import bz2
import gzip
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.products import write_product

import uvisxr
from uvisxr.errors import ArgumentError, ExportError, NotFoundError, ProductError, UvisWarning
from uvisxr.fetch import cache_dir
from uvisxr.pds3 import packed

NAME = "FUV2005_230_15_15"


@pytest.fixture
def counts() -> np.ndarray:
    return np.random.default_rng(2).poisson(3, (5, 60, 32)).astype(np.uint16)


@pytest.fixture
def label(tmp_path: Path, counts: np.ndarray) -> Path:
    return write_product(tmp_path / "data", NAME, counts, band_bin=32)


def pack(label: Path, kind: str) -> Path:
    """Replace the data file by a packed one."""
    data = label.with_suffix(".DAT")
    content = data.read_bytes()
    data.unlink()
    target = label.with_name(f"{NAME}.DAT.{kind.removeprefix('stored ')}")
    if kind == "bz2":
        target.write_bytes(bz2.compress(content))
    elif kind == "gz":
        target.write_bytes(gzip.compress(content))
    else:
        method = zipfile.ZIP_STORED if kind == "stored zip" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(target, "w", method) as archive:
            archive.write(label, f"COUVIS_0012/{label.name}")
            archive.writestr(f"COUVIS_0012/{NAME}.DAT", content)
    return target


def unpacked() -> list[Path]:
    return [path for path in cache_dir("unpacked").rglob("*") if path.is_file()]


KINDS = ["bz2", "gz", "zip", "stored zip"]


@pytest.mark.parametrize("kind", KINDS)
def test_counts(label: Path, counts: np.ndarray, kind: str):
    target = pack(label, kind)
    for path in (label, target, label.with_suffix(""), label.parent):
        ds = uvisxr.open_observation(path)
        np.testing.assert_array_equal(ds.counts, counts)
        np.testing.assert_array_equal(ds.counts[[3, 0], 5], counts[[3, 0], 5])
    assert f"{target.name} {target.stat().st_size} bytes" in ds.attrs["history"]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_unpacked_before_counts_are_used_and_then_once(label: Path, kind: str):
    pack(label, kind)
    ds = uvisxr.open_product(label, chunks={"pic": 1})
    assert not unpacked()
    total = int(ds.counts.sum())
    first = [(path.name, path.stat().st_ino) for path in unpacked()]
    assert [name for name, _ in first] == ([] if kind == "stored zip" else [f"{NAME}.DAT"])
    assert int(uvisxr.open_product(label).counts.sum()) == total
    assert [(path.name, path.stat().st_ino) for path in unpacked()] == first
    # The cache may be emptied at any time.
    shutil.rmtree(cache_dir("unpacked"), ignore_errors=True)
    assert int(ds.counts.sum()) == total


def test_a_stored_file_is_read_where_it_lies(label: Path):
    content = label.with_suffix(".DAT").read_bytes()
    target = pack(label, "stored zip")
    path, start = packed.plain(target, len(content))
    assert path == target
    assert target.read_bytes()[start : start + len(content)] == content


def test_a_file_that_was_packed_anew_is_unpacked_anew(label: Path, counts: np.ndarray):
    pack(label, "gz")
    assert uvisxr.open_product(label).counts.sum() == counts.sum()
    write_product(label.parent, NAME, counts + 1, band_bin=32)
    pack(label, "gz")
    np.testing.assert_array_equal(uvisxr.open_product(label).counts, counts + 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [-2, 2])
def test_another_size_than_the_label_says(label: Path, kind: str, change: int):
    data = label.with_suffix(".DAT")
    content = data.read_bytes()
    data.write_bytes(content[:change] if change < 0 else content + b"\0" * change)
    target = pack(label, kind)
    message = rf"{target.name} (is (truncated|too long)|holds (less|more) than the 655360 bytes)"
    with pytest.raises(ProductError, match=message):
        uvisxr.open_product(label).counts.load()
    assert not unpacked()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
def test_damage(label: Path, kind: str, damage: str):
    target = pack(label, kind)
    content = target.read_bytes()
    target.write_bytes({"cut": content[:-100], "empty": b"", "noise": b"\xa5" * 999}[damage])
    with pytest.raises(ProductError, match=rf"{target.name}.*(damaged|bytes of its label)"):
        uvisxr.open_product(label).counts.load()
    assert not unpacked()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.3, 0.6, "checksum"])
def test_a_wrong_byte_is_noticed(label: Path, kind: str, part: float | str):
    """In the data, or in what they are checked with, before any count is used."""
    target = pack(label, kind)
    content = bytearray(target.read_bytes())
    at = int(part * len(content)) if isinstance(part, float) else _checksum(content, kind)
    content[at] ^= 0x20
    target.write_bytes(content)
    with pytest.raises(ProductError, match=rf"{target.name}.* is damaged"):
        uvisxr.open_product(label).counts[0].load()
    assert not unpacked()


def _checksum(content: bytearray, kind: str) -> int:
    """Where the checksum of the data is."""
    if kind.endswith("zip"):
        return content.rindex(b"PK\1\2") + 16
    return {"gz": len(content) - 8, "bz2": 10}[kind]


def test_a_stored_file_that_is_shorter_than_the_directory_says(label: Path):
    target = pack(label, "stored zip")
    size = label.with_suffix(".DAT.zip").stat().st_size
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(f"{NAME}.DAT", b"\0" * 1000)
        archive.writestr("OTHER", b"\0" * size)
    content = bytearray(target.read_bytes())
    at = content.index(b"PK\1\2") + 24
    content[at : at + 4] = (655360).to_bytes(4, "little")
    target.write_bytes(content)
    with pytest.raises(ProductError, match=rf"{target.name} holds less than the 655360 bytes"):
        uvisxr.open_product(label).counts.load()


def test_a_stored_file_is_checked_once_and_again_when_it_changes(label: Path, monkeypatch):
    target = pack(label, "stored zip")
    checked = []
    monkeypatch.setattr(packed, "check", lambda path, *_: checked.append(path))
    uvisxr.open_product(label).counts[0].load()
    uvisxr.open_product(label).counts[1].load()
    assert checked == [target]
    os.utime(target, (1e9, 1e9))
    uvisxr.open_product(label).counts[1].load()
    assert checked == [target] * 2


@pytest.mark.parametrize("name", [f"{NAME}.DAT.xz", f"{NAME}.zip", f"{NAME}.tar.gz", f"{NAME}.7z"])
def test_another_packing_is_named(label: Path, name: str):
    """Beside its label, and by itself."""
    label.with_suffix(".DAT").rename(label.with_name(name))
    for path, error in ((label, ProductError), (label.with_name(name), ArgumentError)):
        with pytest.raises(error, match=rf"{name} is packed in a way that is not read: unpack it"):
            uvisxr.open_product(path)


def test_an_archive_is_no_product(label: Path):
    stored = label.with_name("stored.zip")
    with zipfile.ZipFile(stored, "w") as archive:
        archive.write(label, "in/x.LBL")
        archive.writestr("in/x.DAT", b"")
    with pytest.raises(ArgumentError, match=rf"name a product in it: zip://NAME.LBL::{stored}$"):
        uvisxr.open_product(stored)
    with pytest.raises(NotFoundError, match=r"of that name; it holds in/x.LBL, in/x.DAT$"):
        uvisxr.open_product(f"zip://y.LBL::{stored}")


def test_a_cache_that_cannot_be_written_is_named(label: Path, monkeypatch: pytest.MonkeyPatch):
    target = pack(label, "bz2")
    # So short that nothing of the message is left out.
    monkeypatch.setenv("UVISXR_CACHE", "/dev/null/x")
    said = rf"cannot unpack {target}: .*there is no folder.*cache is /dev/null/x, and UVISXR_CACHE"
    with pytest.raises(ExportError, match=said):
        uvisxr.open_product(label).counts.load()


def test_a_zip_archive_of_other_files(label: Path):
    target = pack(label, "zip")
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("README", "nothing here")
    with pytest.raises(ProductError, match=rf"{target.name} holds 0 data files"):
        uvisxr.open_product(label)


def test_a_zip_archive_whose_directory_is_wrong(label: Path):
    """The offset of the data file's header, in its last entry, is two too small."""
    target = pack(label, "stored zip")
    content = bytearray(target.read_bytes())
    at = content.rindex(b"PK\1\2") + 42
    offset = int.from_bytes(content[at : at + 4], "little")
    content[at : at + 4] = (offset - 2).to_bytes(4, "little")
    target.write_bytes(content)
    with pytest.raises(ProductError, match=rf"{target.name}: Bad magic number .* is damaged"):
        uvisxr.open_product(label).counts.load()


def test_an_encrypted_zip_archive(label: Path):
    target = pack(label, "zip")
    content = bytearray(target.read_bytes())
    content[content.rindex(b"PK\1\2") + 8] |= 1
    target.write_bytes(content)
    with pytest.raises(ProductError, match=r"is encrypted: unpack it"):
        uvisxr.open_product(label)


def test_a_zip_archive_with_the_data_of_another_name(label: Path, counts: np.ndarray):
    target = pack(label, "zip")
    with zipfile.ZipFile(target) as archive:
        content = archive.read(f"COUVIS_0012/{NAME}.DAT")
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("OTHER.DAT", content)
    with pytest.warns(UvisWarning, match=r"holds the data file OTHER\.DAT"):
        ds = uvisxr.open_product(label)
    np.testing.assert_array_equal(ds.counts, counts)


def test_a_cache_below_a_folder_is_no_source(tmp_path: Path):
    label = write_product(tmp_path, "FUV2005_230_15_15", band_bin=32)
    data = label.with_suffix(".DAT")
    Path(f"{data}.gz").write_bytes(gzip.compress(data.read_bytes()))
    data.unlink()
    with uvisxr.set_options(cache=tmp_path / "cache"):
        first = uvisxr.open_observation(tmp_path).load()
        assert list((tmp_path / "cache").rglob("*.DAT"))
        assert uvisxr.open_observation(tmp_path).load().equals(first)
    assert uvisxr.open_observation(f"{tmp_path}/**/FUV*").sizes == first.sizes


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_what_is_not_packed_so_is_told(label: Path, kind: str):
    pack(label, kind).write_bytes(b"<html>not found</html>")
    with pytest.raises(ProductError, match=rf"(?i)\.{kind}: Not a .*file \(b'<h.*is damaged"):
        uvisxr.open_product(label).counts.load()


def test_a_name_that_is_twice_in_an_archive(label: Path):
    target = pack(label, "zip")
    with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(f"COUVIS_0012/{NAME}.DAT", b"")
    with pytest.raises(ProductError, match=rf"2 data files of the name COUVIS_0012/{NAME}\.DAT"):
        uvisxr.open_product(label)


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_a_cut_file_is_told_on_opening(label: Path, kind: str):
    """Not when its counts are first used."""
    packed = pack(label, kind)
    packed.write_bytes(packed.read_bytes()[:-2000])
    with pytest.raises(ProductError, match=f"cannot unpack {packed}: .* is damaged"):
        uvisxr.open_product(label)


def test_a_packing_under_the_ending_of_another_is_told(label: Path):
    packed = pack(label, "gz")
    packed.rename(packed.with_suffix(".bz2"))
    with pytest.raises(ProductError, match="is no bz2 file but one of gz: give it the ending"):
        uvisxr.open_product(label)


def test_a_packed_file_of_another_size_is_told_on_opening(label: Path):
    data = label.with_suffix(".DAT")
    data.write_bytes(data.read_bytes()[:-2])
    pack(label, "gz")
    with pytest.raises(ProductError, match="holds less than the"):
        uvisxr.open_product(label)


def test_a_file_of_several_members_is_whole(label: Path):
    """The size at its end is that of the last alone."""
    data = label.with_suffix(".DAT")
    raw = data.read_bytes()
    data.unlink()
    Path(f"{data}.gz").write_bytes(gzip.compress(raw[:5000]) + gzip.compress(raw[5000:]))
    assert uvisxr.open_product(label).counts.size


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_whole_files_are_not_unpacked_on_opening(label: Path, kind: str, monkeypatch):
    pack(label, kind)
    monkeypatch.setattr("uvisxr.pds3.packed.check", None)
    uvisxr.open_product(label)
