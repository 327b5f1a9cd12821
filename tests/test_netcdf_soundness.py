"""NetCDF files that are cut off, damaged, foreign, or claim more than they hold."""

from __future__ import annotations

import gc
import os
import pickle
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from helpers.interpreter import python
from helpers.products import write_product
from helpers.slow import rest_slow

import uvisxr
from uvisxr.errors import ArgumentError, ExportError
from uvisxr.hdf5 import handles, soundness, texts
from uvisxr.hdf5.handles import HDF5_LOCK, READING
from uvisxr.netcdf import guarded, writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ds = uvisxr.open_product(write_product(tmp_path / "data", "FUV2005_230_15_15"))
    (tmp_path / "out").mkdir()
    return ds.isel(pixel=slice(3), wl=slice(4)).uvis.to_netcdf(tmp_path / "out" / "a.nc")


def refused(path: Path, said: str) -> None:
    for opened in (lambda: uvisxr.open_reduced(path), lambda: uvisxr.open_processed(path.parent)):
        with pytest.raises(ExportError, match=said):
            opened()


def test_cut_off_anywhere(path: Path):
    raw = path.read_bytes()
    for length in (0, 7, 8, 40, 100, 4096, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:length])
        refused(path, rf"{path.name}.*(it is no NetCDF-4 file|damaged|cut off)")
    refused(path, "copy it again from where it is whole")
    path.write_bytes(raw + b"\0")
    refused(path, "cut off or changed")
    with pytest.raises(ExportError, match="; copy it again from where it is whole, or write it"):
        uvisxr.open_reduced(path)
    path.write_bytes(raw)
    uvisxr.open_reduced(path).load()


def test_foreign_files(path: Path):
    xr.Dataset({"counts": ("pic", np.arange(3.0))}).to_netcdf(path, engine="netcdf4")
    assert uvisxr.open_reduced(path).sizes["pic"] == 3
    with pytest.raises(ExportError, match=r"a\.nc holds no dataset of uvisxr"):
        uvisxr.open_processed(path.parent)
    xr.Dataset({"counts": ("pic", np.arange(3.0))}).to_netcdf(path, format="NETCDF3_CLASSIC")
    refused(path, "an older form")
    path.write_bytes(b"<html>not found</html>")
    refused(path, "no NetCDF-4 file")


def test_no_pipe_is_waited_for(path: Path):
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ArgumentError, match="not of a pipe"):
        uvisxr.open_reduced(path)
    with pytest.raises(ExportError, match="no ordinary file"):
        uvisxr.open_processed(path.parent)


def test_a_file_is_closed_before_it_is_opened_again(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Be the chunks that are asked for none."""
    before: list[int] = []

    def tree(*arguments: Any) -> xr.DataTree:
        before.append(times_open(path))
        return opened(*arguments)

    opened = guarded.tree
    monkeypatch.setattr(guarded, "tree", tree)
    for chunks in ({"pic": "x"}, "x"):
        with pytest.raises(ArgumentError, match="expected sizes by dimension"):
            uvisxr.open_reduced(path, chunks=chunks)
    assert before == [0] * 4


def times_open(path: Path) -> int:
    """How often this process has a file open."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.exists()]
    return sum(link.samefile(path) for link in links)


def test_a_file_is_open_once_in_a_process(path: Path):
    """Of two handles of one file the netCDF4 library ends the process when one is closed."""
    link, other = path.with_name("link.nc"), path.with_name("other.nc")
    link.symlink_to(path)
    other.hardlink_to(path)
    kept = [uvisxr.open_reduced(one) for one in (path, path, link, other)]
    assert times_open(path) == 1
    assert writing.is_netcdf_of_ours(path)
    assert times_open(path) == 1
    kept.pop().close()
    assert times_open(path) == 1
    assert all(ds.load().sizes["pic"] == 1 for ds in kept)
    assert times_open(path) == 1
    for ds in kept:
        ds.close()
    assert times_open(path) == 0


def test_a_file_is_closed_by_the_last_that_has_it_open(path: Path):
    first, second, third = (uvisxr.open_reduced(path) for _ in range(3))
    first.close()
    first.close()
    assert times_open(path) == 1
    # What was closed opens again when it is asked for, and a dataset that is gone has closed it.
    first["counts"].load()
    del second
    gc.collect()
    third.close()
    assert times_open(path) == 1
    # xarray closes a dataset but once.
    del first
    gc.collect()
    assert times_open(path) == 0


def test_no_thread_closes_what_another_looks_at(path: Path, monkeypatch: pytest.MonkeyPatch):
    looks, go_on = threading.Event(), threading.Event()

    def waiting(root: netCDF4.Dataset) -> Any:
        looks.set()
        go_on.wait(10)
        return groups(root)

    groups = handles.groups
    kept = uvisxr.open_reduced(path)
    with ThreadPoolExecutor() as pool:
        monkeypatch.setattr(handles, "groups", waiting)
        opened = pool.submit(guarded.tree, path, {}, "")
        assert looks.wait(10)
        closed = pool.submit(kept.close)
        with pytest.raises(TimeoutError):
            closed.result(0.1)
        go_on.set()
        assert opened.result(10)["counts"].load().shape == kept["counts"].shape
        closed.result(10)


@pytest.mark.slow
def test_threads_that_open_and_close_one_file(path: Path):
    def read(_: int) -> int:
        with uvisxr.open_reduced(path) as ds:
            return int(ds["counts"].sum())

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(read, range(24)))) == 1


def test_a_thread_opens_a_file_while_another_writes(path: Path):
    """Blocks that are written are read in threads of their own."""
    begun, waits = threading.Event(), threading.Event()

    def block(values: np.ndarray) -> np.ndarray:
        begun.set()
        waits.wait(10)
        # Until the other thread waits for the library.
        time.sleep(0.1)
        lazy.compute(scheduler="synchronous")
        return values

    source = uvisxr.open_reduced(path)
    lazy = source["counts"].data
    source["counts"] = source["counts"].copy(data=lazy.map_blocks(block, meta=lazy._meta))
    with ThreadPoolExecutor() as pool:
        written = pool.submit(source.uvis.to_netcdf, path.with_name("b.nc"))
        assert begun.wait(10)
        opened = pool.submit(guarded.tree, path, {}, "")
        waits.set()
        written.result(20)
        assert opened.result(20)["counts"].shape == source["counts"].shape


@pytest.mark.slow
@pytest.mark.parametrize("closed", rest_slow([True, False], 1))
def test_a_lazy_dataset_in_another_process(path: Path, closed: bool):
    """Whose locks are others; in the same one too."""
    ds = uvisxr.open_reduced(path)
    expected = int(ds["counts"].sum())
    if closed:
        ds.close()
    pickled = path.with_suffix(".pkl")
    pickled.write_bytes(pickle.dumps(ds))
    script = (
        "import pickle, sys, threading, uvisxr\n"
        "from pathlib import Path\n"
        "from uvisxr.hdf5.handles import _LOCK, HDF5_LOCK\n"
        "ds = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "kept = uvisxr.open_reduced(sys.argv[2])\n"
        "print(int(ds.counts.sum()), int(kept.counts.sum()))\n"
        "links = [one for one in Path('/proc/self/fd').iterdir() if one.exists()]\n"
        "print(sum(one.samefile(sys.argv[2]) for one in links))\n"
        "print(pickle.loads(pickle.dumps(_LOCK)) is _LOCK)\n"
    )
    said = python("-c", script, str(pickled), str(path)).split()
    assert said == [str(expected), str(expected), "1", "True"]
    assert int(pickle.loads(pickled.read_bytes())["counts"].sum()) == expected
    ds.close()
    assert times_open(path) == 0
    raw = path.read_bytes()
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(ExportError, match=r"cannot read .*changed since it was opened"):
        pickle.loads(pickled.read_bytes())["counts"].load()
    path.unlink()
    with pytest.raises(ExportError, match="No such file"):
        pickle.loads(pickled.read_bytes())["counts"].load()


@pytest.mark.slow
def test_lazy_datasets_in_processes_of_dask(path: Path):
    for ds in (uvisxr.open_reduced(path), uvisxr.open_processed(path.parent)):
        lazy = ds["counts"].sum()
        assert int(lazy.compute(scheduler="processes", num_workers=1)) == int(lazy)


def test_a_file_that_was_replaced_while_it_was_open(path: Path):
    kept = uvisxr.open_reduced(path)
    expected = kept.load().copy()
    raw = path.read_bytes()
    path.unlink()
    path.write_bytes(raw)
    assert uvisxr.open_reduced(path).load().identical(expected)
    again = uvisxr.open_reduced(path)
    again.close()
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(ExportError, match=r"cannot read .*changed since it was opened"):
        again.load()


def test_nothing_is_kept_of_a_file_that_cannot_be_opened(path: Path):
    """HDF5 would give parts of it for those of the next file, or end the process."""
    raw = path.read_bytes()
    at = raw.index(b"OHDR")
    path.unlink()
    path.write_bytes(raw[: at + 60] + bytes([raw[at + 60] ^ 0xFF]) + raw[at + 61 :])
    refused(path, "damaged|HDF error")
    assert times_open(path) == 0


@pytest.mark.slow
@pytest.mark.parametrize("look", rest_slow(["uvisxr.open_reduced", "is_netcdf_of_ours"], 1))
def test_a_file_can_be_opened_while_it_is_open(path: Path, look: str):
    """As often as anyone likes: the netCDF4 library ends processes, but not for that."""
    script = (
        "import sys, uvisxr\n"
        "from pathlib import Path\n"
        "from uvisxr.netcdf.writing import is_netcdf_of_ours\n"
        "kept = uvisxr.open_reduced(sys.argv[1])\n"
        "for _ in range(5):\n"
        f"    {look}(Path(sys.argv[1]))\n"
        "    uvisxr.open_reduced(sys.argv[1])\n"
        "print(kept.product.values[0])\n"
    )
    assert python("-c", script, str(path)).strip() == "FUV2005_230_15_15"


@pytest.mark.parametrize("lock", [HDF5_LOCK, READING], ids=["xarray", "ours"])
def test_a_file_that_is_being_read_is_waited_for(path: Path, lock: Any):
    """Threads that read a damaged file may go on, while the next file is opened."""
    with ThreadPoolExecutor() as pool:
        with lock:
            looked = pool.submit(uvisxr.open_reduced, path)
            with pytest.raises(TimeoutError):
                looked.result(0.1)
        assert looked.result(10).sizes["pic"] == 1


def test_a_file_that_is_changed_while_it_is_open(path: Path):
    """The library would mix what it has of the old one with the new, or end the process."""
    raw = path.read_bytes()
    kept = uvisxr.open_reduced(path)
    path.write_bytes(raw[:-1])
    path.write_bytes(raw)
    refused(path, "touched while this process had it open: close all .*first, copy it to")
    kept.close()
    assert uvisxr.open_reduced(path).load().sizes == kept.sizes


@pytest.mark.parametrize("packed", [True, False])
def test_dimensions_beyond_what_the_file_holds(path: Path, packed: bool):
    with netCDF4.Dataset(path, "w") as root:
        root.createDimension("pic", 2**29)
        root.createVariable("pic", "f8", ("pic",), zlib=packed, chunksizes=(1024,))
        root.createDimension("written_by_uvisxr", 2)
    refused(path, "claim")


def test_chunks_beyond_what_the_file_holds(path: Path):
    with netCDF4.Dataset(path, "w") as root:
        root.createDimension("pic", None)
        root.createVariable("pic", "f8", ("pic",), zlib=True, chunksizes=(2**28,))
    refused(path, "chunks of")


@pytest.mark.parametrize("reserved", [0, 1])
def test_texts_in_a_circle(path: Path, reserved: int):
    """HDF5 itself never ends there."""
    raw = bytearray(path.read_bytes())
    at = raw.index(b"GCOL")
    raw[at + 6] = reserved
    raw[at + 24 : at + 32] = bytes(8)
    raw[at + 16 : at + 18] = bytes(2)
    path.write_bytes(raw)
    for look in (soundness.check, writing.is_netcdf_of_ours):
        with pytest.raises(ValueError, match="where its texts are"):
            look(path)
    refused(path, "where its texts are")
    with pytest.raises(ExportError, match="it exists, and uvisxr did not write it"):
        uvisxr.open_product(path.parent.parent / "data").uvis.to_netcdf(path)


@pytest.mark.parametrize("options", [{}, {"chunksizes": (7,)}, {"zlib": True}], ids=str)
@pytest.mark.parametrize("size", [300, None])
def test_sound_texts(path: Path, size: int | None, options: dict[str, Any]):
    """In whatever layout; the tree of 429 chunks has several levels."""
    with netCDF4.Dataset(path, "w") as root:
        root.createDimension("pic", size)
        texts = np.array([f"{k} " * (k % 50) for k in range(size or 3000)], object)
        root.createVariable("word", str, ("pic",), **options)[: texts.size] = texts
        root.createVariable("none", str, ("pic",))
        root.setncattr_string("names", ["a", "b"])
    assert uvisxr.open_reduced(path)["word"].values.tolist() == texts.tolist()


def test_a_tree_that_is_below_itself(path: Path):
    with netCDF4.Dataset(path, "w") as root:
        root.createDimension("pic", None)
        root.createVariable("word", str, ("pic",), chunksizes=(1,))[:100] = np.full(
            100, "a", object
        )
    raw = bytearray(path.read_bytes())
    top = next(k for k in range(len(raw)) if raw[k : k + 5] == b"TREE\1" and raw[k + 5])
    raw[top + 48 : top + 56] = top.to_bytes(8, "little")
    path.unlink()
    path.write_bytes(raw)
    refused(path, "where its chunks are")


@pytest.mark.parametrize(
    ("at", "what"),
    [
        (6, "number of entries"),
        (24, "size"),
        (28, "filters"),
        (32, "place in the variable"),
        (56, "first byte"),
        (64, "place in the file"),
        (72 + 8, "end"),
    ],
)
def test_a_chunk_that_the_tree_does_not_lead_to(path: Path, at: int, what: str):
    """HDF5 would give fill values for counts."""
    raw = bytearray(path.read_bytes())
    # The key of the counts, of three dimensions and the element's bytes, of one chunk.
    chunked = struct.pack("<4Q", 0, 0, 0, 0)
    trees = [k for k in range(len(raw)) if raw[k : k + 8] == b"TREE\1\0\1\0"]
    tree = next(
        k for k in trees if raw[k + 32 : k + 64] == chunked and raw[k + 80 : k + 104] != bytes(24)
    )
    if what == "end":
        raw[tree + 80 : tree + 112] = bytes(32)
    elif what == "number of entries":
        raw[tree + 6] = 0
    elif what == "filters":
        raw[tree + at] = 3
    elif what == "size":
        raw[tree + at : tree + at + 4] = b"\xff" * 4
    else:
        raw[tree + at] ^= 0x41
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(ExportError, match=rf"cannot read .*{path.name}: (it is damaged|NetCDF)"):
        uvisxr.open_reduced(path).load()


def test_no_chunk_is_read_without_its_filters(path: Path):
    """Small ones grow by them, which tells nothing of filters that were left out."""
    raw = path.read_bytes()
    trees = [k for k in range(len(raw)) if raw[k : k + 8] == b"TREE\1\0\1\0"]
    assert len(trees) > 10
    for tree in trees:
        path.unlink()
        path.write_bytes(raw[: tree + 28] + b"\1" + raw[tree + 29 :])
        with pytest.raises(ExportError, match="it is damaged"):
            uvisxr.open_reduced(path).load()


def test_two_variables_of_one_chunk(path: Path):
    raw = bytearray(path.read_bytes())
    trees = [k for k in range(len(raw)) if raw[k : k + 8] == b"TREE\1\0\1\0"]
    # Of one dimension: the chunk's address comes after a key of two numbers.
    first, second = [k + 48 for k in trees if raw[k + 32 : k + 48] == bytes(16)][:2]
    raw[first : first + 8] = raw[second : second + 8]
    path.unlink()
    path.write_bytes(raw)
    refused(path, "where its chunks are")


def test_a_variable_that_was_never_written(path: Path):
    """Nor all of its chunks: a file of another program may be so, and is sound."""
    with netCDF4.Dataset(path, "w") as root:
        root.createDimension("pic", None)
        root.createVariable("none", "f8", ("pic",), chunksizes=(4,))
        some = root.createVariable("some", "f8", ("pic",), zlib=True, chunksizes=(4,))
        some[[0, 1, 400]] = 1.0
    found = uvisxr.open_reduced(path).load()
    assert int((found["some"] == 1).sum()) == 3
    assert found["none"].size == 401


@pytest.mark.parametrize("size", [20, None])
def test_a_variable_that_a_user_added_and_filled_in_part(path: Path, size: int | None):
    with netCDF4.Dataset(path, "a") as root:
        root.createDimension("mine", size)
        mine = root.createVariable("mask", "f4", ("mine",), zlib=True, chunksizes=(4,))
        mine[17:19] = 1.0
        root.createVariable("later", "f4", ("mine",), zlib=True, chunksizes=(4,))
    found = uvisxr.open_reduced(path).load()
    assert int((found["mask"] == 1).sum()) == 2
    assert found["counts"].notnull().all()
    assert not writing.is_netcdf_of_ours(path)


@pytest.mark.parametrize("size", [1, None])
def test_a_text_that_is_longer_than_all_of_the_file(path: Path, size: int | None):
    """HDF5 would make room for 2 GB."""
    with netCDF4.Dataset(path, "w") as root:
        root.createDimension("pic", size)
        root.createVariable("word", str, ("pic",))[:1] = np.array(["a word"], object)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"GCOL").to_bytes(8, "little")
    for damage in (slice(-4, 0), slice(8, 12)):
        # The length before the place of the collection, and the number behind it.
        begin = raw.rindex(at)
        bad = raw.copy()
        bad[begin + damage.start : begin + damage.stop] = (2**31 - 1).to_bytes(4, "little")
        path.unlink()
        path.write_bytes(bad)
        refused(path, "where its texts are")


def test_an_attribute_that_refers_to_more_than_there_is():
    """HDF5 would take minutes, and as much memory as the attribute claims."""
    value = struct.pack("<IQI", 1, 0x1C7D, 7)
    kind = bytes([0x19, 0, 0, 0, 16, 0, 0, 0, 0x17, 0, 0, 0, 8, 0, 0, 0])
    space = bytes([2, 1, 1, 1, *(2).to_bytes(8, "little"), *bytes(8)])
    name = b"DIMENSION_LIST\0"
    head = struct.pack("<BBHHHB", 3, 0, len(name), len(kind), len(space), 0)
    held = {0x1C7D: {7: 8}}
    texts.check_attribute(head + name + kind + space + value, held, 2**20)
    for wrong in (struct.pack("<IQI", 2, 0x1C7D, 7), struct.pack("<IQI", 1, 0x1C7D, 8)):
        with pytest.raises(ValueError, match="where its texts are"):
            texts.check_attribute(head + name + kind + space + wrong, held, 2**20)


@pytest.mark.slow
@pytest.mark.parametrize("step", rest_slow([61, 7], 1))
def test_damage_met_when_values_are_read_names_the_file(path: Path, step: int):
    raw = path.read_bytes()
    sound = uvisxr.open_reduced(path).load()
    met = 0
    for at in range(len(raw) - 600, len(raw), step):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        try:
            found = uvisxr.open_reduced(path).load()
        except ExportError as error:
            assert path.name in str(error)
            met += 1
        else:
            assert found.sizes == sound.sizes
    assert met
