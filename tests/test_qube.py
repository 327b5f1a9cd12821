"""The lazy array: the same values as numpy's, and no more read than asked for."""

from __future__ import annotations

import bz2
import gzip
import os
import pickle
import threading
import zipfile

import dask
import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product
from helpers.slow import rest_slow
from hypothesis import given, settings
from hypothesis import strategies as st
from xarray.core import indexing

import uvisxr
from uvisxr.errors import ProductError
from uvisxr.pds3 import packed, qube
from uvisxr.pds3.qube import QubeFile
from uvisxr.reader.counts import QubeArray

NAME = "FUV2005_230_15_15"


@pytest.fixture
def counts():
    return np.random.default_rng(1).poisson(3, (5, 60, 512)).astype(np.uint16)


@pytest.fixture
def product(tmp_path, counts):
    return write_product(tmp_path, NAME, counts, band_bin=2)


def pack(path, packing):
    """A data file in one of the packings, in place of the plain one."""
    there = path.with_name(path.name + packing)
    if packing == ".zip":
        with zipfile.ZipFile(there, "w") as archive:
            archive.write(path, path.name)
    elif packing:
        there.write_bytes({".gz": gzip, ".bz2": bz2}[packing].compress(path.read_bytes()))
    if packing:
        path.unlink()
    return there


@pytest.mark.parametrize("chunks", [None, {}, {"pic": 2}, "auto"])
@pytest.mark.parametrize(
    "key",
    [
        {},
        {"pic": 3},
        {"pic": [4, 0, 0], "wl": slice(None, None, 7)},
        {"pixel": -1, "wl": [5, 2]},
        {"pic": slice(None, None, -2), "pixel": [1, 3, 2], "wl": [9, 8, 7]},
        {"pic": 1, "pixel": 2, "wl": 3},
        {"pic": []},
    ],
    ids=str,
)
def test_indexing(product, counts, chunks, key):
    got = uvisxr.open_product(product, chunks=chunks).counts.isel(key)
    expected = xr.DataArray(counts, dims=("pic", "pixel", "wl")).isel(key)
    np.testing.assert_array_equal(got, expected)


@pytest.fixture
def reads(monkeypatch):
    """Exposures read, one entry a call."""
    seen = []
    read = qube.QubeFile.read

    def counted(self, exposures, *box):
        seen.append(exposures.tolist())
        return read(self, exposures, *box)

    monkeypatch.setattr(qube.QubeFile, "read", counted)
    return seen


def test_nothing_is_read_before_it_is_used(product, reads):
    ds = uvisxr.open_observation(product)
    repr(ds)
    ds.isel(pic=slice(2)).sel(wl=slice(1200, 1300))
    assert not reads
    ds.counts[3].load()
    assert reads == [[3]]


def test_values_are_kept_once_read(product, reads):
    ds = uvisxr.open_product(product)
    ds.counts.sum()
    ds.counts.max()
    assert len(reads) == 1


def test_array_is_picklable(product, counts):
    ds = pickle.loads(pickle.dumps(uvisxr.open_product(product)))
    np.testing.assert_array_equal(ds.counts, counts)


def test_threads(product, counts):
    ds = uvisxr.open_product(product)
    results = {}

    def work(k):
        results[k] = [ds.counts[i].values for i in (k % 5, 0, 4)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, (first, *_) in results.items():
        np.testing.assert_array_equal(first, counts[k % 5])
    with dask.config.set(scheduler="threads"):
        lazy = uvisxr.open_product(product, chunks={"pic": 1})
        np.testing.assert_array_equal(lazy.counts, counts)


def test_data_that_shrank_after_opening(product):
    ds = uvisxr.open_product(product)
    product.with_suffix(".DAT").write_bytes(b"")
    with pytest.raises(ProductError, match="changed since it was opened"):
        ds.counts.load()


def _rewritten(path):
    path.write_bytes(path.read_bytes()[::-1])


def _replaced(path):
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes()[::-1])
    os.utime(other, ns=(0, path.stat().st_mtime_ns + 5))
    other.replace(path)


def _longer(path):
    path.write_bytes(path.read_bytes() * 2)


def _touched(path):
    os.utime(path, (1, 1))


def _piped(path):
    path.unlink()
    os.mkfifo(path)


CHANGES = [_rewritten, _replaced, _longer, _touched, _piped]


@pytest.mark.parametrize("packing", rest_slow(["", ".zip", ".gz", ".bz2"], 2))
@pytest.mark.parametrize("chunks", [None, {"pic": 2}])
@pytest.mark.parametrize("change", CHANGES)
def test_data_that_changed_after_opening(product, change, chunks, packing, tmp_path, monkeypatch):
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    data = pack(product.with_suffix(".DAT"), packing)
    os.utime(data, ns=(0, 10**18 + 1))
    ds = uvisxr.open_product(product, chunks=chunks)
    ds.counts[0].load()
    change(data)
    with pytest.raises(ProductError, match=r"cannot (read|unpack)") as caught:
        ds.counts[1].load()
    if change is not _piped:
        assert "changed since it was opened? Open the product again" in str(caught.value)
    else:
        assert "no ordinary file" in str(caught.value)


def test_a_copy_of_the_array_in_another_process_knows_what_it_read(product, counts):
    ds = pickle.loads(pickle.dumps(uvisxr.open_product(product)))
    np.testing.assert_array_equal(ds.counts[0], counts[0])
    _rewritten(product.with_suffix(".DAT"))
    with pytest.raises(ProductError, match="changed since it was opened"):
        ds.counts[1].load()


def test_a_change_while_opening_shows(product, monkeypatch):
    size = packed.size

    def late(path):
        _rewritten(path)
        return size(path)

    monkeypatch.setattr(packed, "size", late)
    ds = uvisxr.open_product(product)
    with pytest.raises(ProductError, match="changed since it was opened"):
        ds.counts.load()


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """An array over three files in mixed order, and its values."""
    folder = tmp_path_factory.mktemp("cube")
    rng = np.random.default_rng(2)
    files, frames = [], []
    for k, n in enumerate((4, 1, 3)):
        frame = rng.integers(0, 65536, (n, 8, 16)).astype(">u2")
        path = folder / f"{k}.DAT"
        frame.tofile(path)
        files.append(QubeFile(path, frame.shape, (2, 3), (5, 11), ">u2"))
        frames.append(frame[:, 2:7, 3:14])
    source = np.array([(0, 1), (0, 2), (2, 0), (1, 0), (0, 0), (2, 2), (2, 1), (0, 3)])
    return QubeArray(files, source), np.stack([frames[f][e] for f, e in source]).astype(np.uint16)


def keys(size):
    """A whole number, a slice, or a list of whole numbers for an axis."""
    inside = st.integers(-size, size - 1)
    # xarray itself fails on an empty slice of negative step.
    slices = st.slices(size).filter(lambda s: range(size)[s] or (s.step or 1) > 0)
    return inside | slices | st.lists(inside, max_size=6)


@given(st.tuples(keys(8), keys(5), keys(11)))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_any_index_is_that_of_numpy(several, key):
    array, values = several
    lazy = xr.Variable(tuple("abc"), indexing.LazilyIndexedArray(array))
    expected = xr.Variable(tuple("abc"), values)[key]
    got = lazy[key]
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got.values, expected.values)
    assert got.values.dtype == np.uint16
    assert got.values.dtype.isnative


@pytest.fixture
def bytes_read(monkeypatch):
    """Bytes that were read from files opened as a path."""
    total = [0]
    original = qube.opened

    class Counted:
        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stream.close()

        def seek(self, offset):
            return self.stream.seek(offset)

        def readinto(self, buffer):
            got = self.stream.readinto(buffer)
            total[0] += got
            return got

    monkeypatch.setattr(qube, "opened", lambda *a, **k: Counted(original(*a, **k)))
    return total


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ((3,), 8 * 16 * 2),
        ((slice(0, 2),), 2 * 8 * 16 * 2),
        ((slice(None), 2), 8 * 16 * 2),
        ((slice(None), slice(1, 4), 5), 8 * 3 * 16 * 2),
        ((slice(0, 0),), 0),
        ((slice(None), []), 0),
    ],
    ids=str,
)
def test_bytes_read(several, bytes_read, key, expected):
    """Only the exposures asked for; of up to half of an exposure's rows, only these rows."""
    array, values = several
    got = xr.Variable(tuple("abc"), indexing.LazilyIndexedArray(array))[key].values
    np.testing.assert_array_equal(got, values[key])
    assert bytes_read == [expected]


def test_long_runs_are_read_in_pieces(several, monkeypatch):
    array, _ = several
    monkeypatch.setattr(qube, "_READ_BYTES", 3 * 8 * 16 * 2)
    file = array.files[0]
    expected = np.fromfile(file.path, ">u2").reshape(file.frame)[:, 2:7, 3:14]
    np.testing.assert_array_equal(file.read(np.arange(4)), expected)


def test_floats(tmp_path):
    values = np.linspace(-1, 1, 2 * 4 * 8, dtype=">f4").reshape(2, 4, 8)
    values[0, 0, 0] = np.nan
    values.tofile(tmp_path / "a.DAT")
    got = QubeFile(tmp_path / "a.DAT", (2, 4, 8), (0, 0), (4, 8), ">f4").read(np.arange(2))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, values)
