"""Compression by all cores: every reader finds the same as in a file of the netCDF4 library."""

from __future__ import annotations

import resource
import signal
import sys
import threading
import zlib

import dask
import dask.array as da
import netCDF4
import numpy as np
import pytest
import xarray as xr

from uvisxr import export
from uvisxr.errors import ExportError
from uvisxr.netcdf import deflate, encodings, writing

TYPES = ("i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8")


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    monkeypatch.setattr(deflate, "_LARGE", 0)


@pytest.fixture
def slow_way(monkeypatch):
    """Write as without the extra."""

    def write(*args, **options):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "h5py", None)
            return export.to_netcdf(*args, **options)

    return write


def dataset(shape=(7, 3, 5)) -> xr.Dataset:
    """A variable of every type, and some that xarray encodes."""
    rng = np.random.default_rng(5)
    dims = ("pic", "pixel", "wl")
    ds = xr.Dataset({f"v{t[-2:]}": (dims, rng.integers(0, 99, shape).astype(t)) for t in TYPES})
    ds["vf4"][2, 1] = np.nan
    ds["vu2"].attrs = {"units": "count", "ancillary_variables": "vi1"}
    ds["big"] = dims, rng.random(shape).astype(">f8")
    ds["truth"] = dims, rng.random(shape) > 0.5
    ds["name"] = "pic", np.array(["a", "bc"] * shape[0])[: shape[0]]
    ds["scalar"] = 3.0
    ds["nothing"] = ("pic", "none"), np.empty((shape[0], 0))
    time = np.datetime64("2006-01-15", "ns") + np.arange(shape[0]) * np.timedelta64(1, "s")
    return ds.assign_coords(
        pic=np.arange(shape[0]),
        time=("pic", time),
        upper=(dims, rng.random(shape)),
        wl=np.linspace(1.0, 2.0, shape[2]),
    )


def described(path) -> dict[str, dict]:
    """All that a file says of its variables besides their values."""
    with netCDF4.Dataset(path) as root:
        return {
            name: {
                "type": v.dtype,
                "dimensions": v.dimensions,
                "attributes": {key: str(v.getncattr(key)) for key in v.ncattrs()},
                "filters": v.filters(),
                "chunking": v.chunking(),
            }
            for name, v in root.variables.items()
        }


@pytest.mark.parametrize("lazy", [False, True])
def test_the_file_is_that_of_the_netcdf_library(tmp_path, slow_way, lazy):
    ds = dataset()
    given = ds.chunk(pic=2) if lazy else ds
    ours = export.to_netcdf(given, tmp_path / "ours.nc")
    theirs = slow_way(given, tmp_path / "theirs.nc")
    assert described(ours) == described(theirs)
    xr.testing.assert_identical(xr.load_dataset(ours), xr.load_dataset(theirs))
    xr.testing.assert_identical(xr.load_dataset(ours), ds)
    assert writing.is_netcdf_of_ours(ours)


def test_what_is_set_apart():
    ds = dataset()
    left, planes = deflate.set_apart(ds, encodings.of(ds), "/window0")
    names = {f"/window0/v{t[-2:]}" for t in TYPES} | {"/window0/upper"}
    assert {plane.name for plane in planes} == names
    assert left.coords.keys() == ds.coords.keys()
    assert left.sizes == ds.sizes
    # Nothing of it is compressed without its filter.
    assert deflate.set_apart(ds, encodings.of(ds, 0))[1] == []


@pytest.mark.parametrize(
    "encoding",
    [
        {"scale_factor": 0.5, "dtype": "int16", "_FillValue": -1},
        {"_FillValue": 3},
        {"dtype": "float32"},
        {"fletcher32": True},
        {"shuffle": False},
        {"chunksizes": (2, 2, 3)},
        {"chunksizes": (7, 1, 5), "complevel": 9},
    ],
)
def test_encodings_of_the_user(tmp_path, slow_way, encoding):
    ds = dataset()
    paths = [
        write(ds, tmp_path / name, encoding={"vf8": encoding})
        for write, name in ((export.to_netcdf, "ours.nc"), (slow_way, "theirs.nc"))
    ]
    assert described(paths[0]) == described(paths[1])
    xr.testing.assert_identical(*map(xr.load_dataset, paths))


@pytest.mark.parametrize(
    "chunks",
    [{"pic": (3, 1, 3)}, {"pic": (1, 6)}, {"pixel": (2, 1), "wl": (4, 1)}, {"pic": 3, "wl": 2}],
)
def test_blocks_that_are_not_those_of_the_file(tmp_path, chunks):
    ds = dataset()
    for number, grid in enumerate([(2, 3, 5), (3, 2, 2), None]):
        given = {} if grid is None else {name: {"chunksizes": grid} for name in ("vf8", "vu2")}
        path = export.to_netcdf(ds.chunk(chunks), tmp_path / f"{number}.nc", encoding=given)
        xr.testing.assert_identical(xr.load_dataset(path), ds)


@pytest.mark.parametrize("level", [1, 2, 6, 9])
@pytest.mark.parametrize("kind", TYPES)
def test_a_chunk_is_shuffled_and_deflated(kind, level):
    chunk = np.random.default_rng(2).integers(0, 99, (3, 4)).astype(kind)[:, ::2]
    raw = zlib.decompress(deflate.deflated(chunk, level))
    size, count = chunk.itemsize, chunk.size
    # HDF5's filter: byte b of element e is at b * count + e.
    plain = bytes(raw[b * count + e] for e in range(count) for b in range(size))
    assert plain == chunk.tobytes()


def test_compression_is_as_good_as_the_netcdf_librarys(tmp_path, slow_way):
    rng = np.random.default_rng(3)
    counts = rng.poisson(1.0, (20, 60, 256)).astype("u2")
    ds = xr.Dataset({"counts": (("pic", "pixel", "wl"), counts)})
    ds["radiance"] = (ds.counts * np.linspace(0.1, 3, 256)).astype("f4")
    sizes = [
        write(ds, tmp_path / f"{k}.nc").stat().st_size
        for k, write in enumerate((export.to_netcdf, slow_way))
    ]
    assert sizes[0] < 1.05 * sizes[1]


def test_the_same_dataset_gives_the_same_bytes_on_any_number_of_threads(tmp_path):
    ds = dataset((40, 3, 5))
    chunks = {name: {"chunksizes": (3, 3, 5)} for name in ("vf8", "vi1", "upper")}
    written = []
    for number, threads in enumerate((1, 4, 4, 7)):
        with dask.config.set(num_workers=threads):
            path = export.to_netcdf(ds, tmp_path / f"{number}.nc", encoding=chunks)
        written.append(path.read_bytes())
    assert len(set(written)) == 1


def test_what_variables_have_in_common_is_computed_once(tmp_path):
    calls = []

    def block(values):
        calls.append(values.shape)
        return values, 2 * values

    source = da.ones((6, 4, 5), chunks=(2, 4, 5))
    both = da.apply_gufunc(block, "(a,b)->(a,b),(a,b)", source, output_dtypes=[float, float])
    dims = ("pic", "pixel", "wl")
    ds = xr.Dataset({"a": (dims, both[0]), "b": (dims, both[1])})
    ds["mean"] = ("pic", both[0].mean(axis=(1, 2)))
    calls.clear()
    export.to_netcdf(ds, tmp_path / "a.nc")
    assert len(calls) == 3


@pytest.mark.slow
def test_threads_that_write_at_once(tmp_path):
    ds, failed = dataset((20, 30, 50)), []

    def work(number):
        try:
            given = ds.chunk(pic=3) if number % 2 else ds
            export.to_netcdf(given, tmp_path / f"{number}.nc")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for path in tmp_path.iterdir():
        xr.testing.assert_identical(xr.load_dataset(path), ds)


def test_what_was_read_from_a_file_in_blocks(tmp_path):
    """Reading and writing at once, in all threads, as of one observation after the other."""
    ds = dataset((30, 20, 50))
    path = export.to_netcdf(ds, tmp_path / "0.nc", encoding={"vf8": {"chunksizes": (1, 20, 50)}})
    for number in range(1, 4):
        with xr.open_dataset(path, chunks={}) as back:
            path = export.to_netcdf(back, tmp_path / f"{number}.nc")
    xr.testing.assert_identical(xr.load_dataset(path), ds)


@pytest.mark.parametrize("module", ["h5py", "isal"])
def test_without_the_extra(monkeypatch, module):
    assert deflate.available()
    monkeypatch.setitem(sys.modules, module, None)
    assert not deflate.available()


def test_schedulers():
    ds = dataset()
    eager, lazy = (deflate.set_apart(d, encodings.of(d))[1] for d in (ds, ds.chunk(pic=1)))
    for chosen, of_eager, of_lazy in [
        (None, "threads", "threads"),
        ("threads", "threads", "threads"),
        ("synchronous", "synchronous", "synchronous"),
        ("processes", "threads", None),
    ]:
        with dask.config.set(scheduler=chosen):
            assert (deflate.scheduler(eager), deflate.scheduler(lazy)) == (of_eager, of_lazy)


def test_with_a_scheduler_of_others(tmp_path):
    ds = dataset()

    def elsewhere(graph, keys, **options):
        return dask.get(graph, keys)

    with dask.config.set(scheduler=elsewhere):
        path = export.to_netcdf(ds.chunk(pic=2), tmp_path / "a.nc")
    xr.testing.assert_identical(xr.load_dataset(path), ds)


def test_a_block_that_fails(tmp_path):
    def fail(values):
        raise OSError("the source is gone")

    values = da.ones((6, 4), chunks=(2, 4)).map_blocks(fail, dtype=float, meta=np.empty((0, 0)))
    with pytest.raises(ExportError, match="the source is gone"):
        export.to_netcdf(xr.Dataset({"a": (("x", "y"), values)}), tmp_path / "a.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_grow(tmp_path):
    ds = xr.Dataset({"a": ("x", np.random.default_rng(1).random(400_000))})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
        with pytest.raises(ExportError, match="cannot write"):
            export.to_netcdf(ds, tmp_path / "a.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
