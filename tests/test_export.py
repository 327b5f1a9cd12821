"""NetCDF and JSON: what is written is what is read back."""

from __future__ import annotations

import json
import pickle
import threading
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from helpers.slow import rest_slow
from helpers.umask import permissions, umask
from helpers.units import WITHOUT_UNITS

import uvisxr
from uvisxr import export
from uvisxr.dataset import conventions
from uvisxr.errors import ArgumentError, ExportError, MissingStepError, UvisError
from uvisxr.netcdf import deflate, writing


@pytest.fixture(autouse=True, params=["netCDF4 alone", "with [fast]"])
def way(request, monkeypatch):
    """Without the extra `[fast]`, and with it whatever the size of the variables."""
    monkeypatch.setattr(deflate, "_LARGE", 0)
    if request.param == "netCDF4 alone":
        monkeypatch.setattr(deflate, "available", lambda: False)


@pytest.fixture
def observation() -> xr.Dataset:
    """A small dataset with one variable of every kind that a reduction holds."""
    rng = np.random.default_rng(3)
    n_pic, n_pixel, n_wl = 4, 3, 16
    start = np.datetime64("2006-01-15T14:43:41.235", "ns")
    time = start + np.arange(n_pic) * np.timedelta64(240_500, "ms")
    wl = np.linspace(1115.0, 1130.0, n_wl)
    ds = xr.Dataset(
        {"counts": (("pic", "pixel", "wl"), rng.poisson(3, (n_pic, n_pixel, n_wl)).astype("u2"))},
        coords={
            "wl": wl,
            "wl_bounds": (("wl", "bnds"), wl[:, None] + [-0.5, 0.5]),
            "pic": np.arange(n_pic),
            "pixel": np.arange(n_pixel),
            "time": ("pic", time),
            "time_start": ("pic", time),
            "time_stop": ("pic", time + np.timedelta64(240, "s")),
            "exposure": ("pic", np.full(n_pic, 240.0)),
            "product": ("pic", np.array(["A", "A", "B", "B"])),
            "quality": (("pic", "pixel"), np.zeros((n_pic, n_pixel), "u1")),
        },
        attrs={
            "name": "FUV_2006_015",
            "channel": "FUV",
            "year": 2006,
            "doy": 15,
            "line_bin": 1,
            "history": "uvisxr 0.1.0: open_product()",
        },
    )
    radiance = rng.random((n_pic, n_pixel, n_wl)).astype("f4")
    radiance[1, 1] = np.nan
    ds["radiance"] = ds.counts.dims, radiance
    for side in ("upper", "lower"):
        ds = ds.assign_coords({f"radiance_{side}": (ds.counts.dims, radiance * 0.1)})
    lon = rng.uniform(0, 360, (n_pic, n_pixel))
    lon[0, 0] = np.nan
    ds = ds.assign_coords(
        lon=(("pic", "pixel"), lon),
        lon_corners=(("pic", "pixel", "corner"), rng.uniform(0, 360, (n_pic, n_pixel, 4))),
        background=4e-4,
        background_error=1e-5,
    )
    return conventions.apply(ds)


def test_netcdf_round_trip_changes_nothing(observation, tmp_path):
    path = export.to_netcdf(observation, tmp_path / "a.nc")
    with xr.open_dataset(path) as back:
        xr.testing.assert_identical(back.load(), observation)
        assert set(back.coords) == set(observation.coords)
        assert {n: v.dtype for n, v in back.variables.items() if n != "product"} == {
            n: v.dtype for n, v in observation.variables.items() if n != "product"
        }


def test_same_dataset_gives_the_same_bytes(observation, tmp_path):
    first = export.to_netcdf(observation, tmp_path / "a.nc")
    second = export.to_netcdf(observation, tmp_path / "b.nc")
    assert first.read_bytes() == second.read_bytes()


def test_encoding_of_a_read_file_is_not_inherited(observation, tmp_path):
    first = export.to_netcdf(observation, tmp_path / "a.nc")
    with xr.open_dataset(first) as back:
        second = export.to_netcdf(back.isel(pic=slice(2)), tmp_path / "b.nc")
    with xr.open_dataset(second) as back:
        xr.testing.assert_identical(back.load(), observation.isel(pic=slice(2)))


def test_dask_writes_the_same_values(observation, tmp_path):
    eager = export.to_netcdf(observation, tmp_path / "a.nc")
    lazy = export.to_netcdf(observation.chunk(pic=2), tmp_path / "b.nc")
    with xr.open_dataset(eager) as a, xr.open_dataset(lazy) as b:
        xr.testing.assert_identical(a.load(), b.load())


@pytest.mark.parametrize(
    ("step", "units"),
    [("500ms", "milliseconds"), ("62500us", "microseconds"), ("15625ns", "nanoseconds")],
)
def test_times_are_exact_in_the_coarsest_unit(observation, tmp_path, step, units):
    value, unit = int(step.rstrip("msun")), step.lstrip("0123456789")
    shifted = observation.assign_coords(time=observation.time + np.timedelta64(value, unit))
    path = export.to_netcdf(shifted, tmp_path / "a.nc")
    with netCDF4.Dataset(path) as raw:
        assert raw["time"].units.split()[0] == units
        assert raw["time"].dtype == np.int64
    with xr.open_dataset(path) as back:
        np.testing.assert_array_equal(back.time.values, shifted.time.values)


def test_file_follows_cf(observation, tmp_path):
    path = export.to_netcdf(observation, tmp_path / "a.nc")
    with netCDF4.Dataset(path) as raw:
        assert raw.Conventions == "CF-1.11"
        for name, variable in raw.variables.items():
            # Texts and numbers without dimension are in no unit.
            assert ("units" in variable.ncattrs()) == (name not in WITHOUT_UNITS), name
            assert "long_name" in variable.ncattrs(), name
        assert raw["radiance"].ancillary_variables.split()[:2] == [
            "radiance_upper",
            "radiance_lower",
        ]
        assert raw["wl"].bounds == "wl_bounds"
        assert raw["radiance"].filters()["zlib"]
        assert raw["radiance"].dtype == np.float32
        # No missing values in coordinate and boundary variables.
        assert "_FillValue" not in raw["wl"].ncattrs()
        assert "_FillValue" not in raw["wl_bounds"].ncattrs()
        np.testing.assert_array_equal(raw["quality"].flag_masks, [1, 2, 4, 8, 16])


def test_tree_round_trip(observation, tmp_path):
    tree = xr.DataTree.from_dict({"/window0": observation, "/window1": observation.isel(pixel=[0])})
    path = export.to_netcdf(tree, tmp_path / "a.nc")
    with xr.open_datatree(path) as back:
        xr.testing.assert_identical(back.load(), tree)


def test_failed_write_leaves_old_file_and_nothing_else(observation, tmp_path):
    path = export.to_netcdf(observation, tmp_path / "a.nc")
    before = path.read_bytes()
    broken = observation.assign_attrs(bad={"a": 1})
    with pytest.raises(ExportError, match=r"cannot be written as NetCDF.*'bad'"):
        export.to_netcdf(broken, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o027])
def test_permissions_are_those_of_a_new_file(observation, tmp_path, mask):
    with umask(mask):
        written = [export.to_netcdf(observation, tmp_path / "a.nc")]
        written.append(export.to_json(observation, tmp_path / "a.json"))
    assert {permissions(path) for path in written} == {0o666 & ~mask}


@pytest.mark.slow
@pytest.mark.parametrize("same", rest_slow([True, False], 1))
def test_threads_that_write_at_once(observation, tmp_path, same):
    failed = []

    def work(number):
        try:
            for _ in range(3):
                export.to_netcdf(observation, tmp_path / f"{0 if same else number}.nc")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == [f"{k}.nc" for k in range(1 if same else 8)]
    assert len({path.read_bytes() for path in paths}) == 1
    with xr.open_dataset(paths[0]) as back:
        xr.testing.assert_identical(back.load(), observation)


@pytest.mark.parametrize("loaded", [True, False])
def test_the_file_that_was_read_is_not_replaced(observation, tmp_path, loaded):
    path = export.to_netcdf(observation, tmp_path / "a.nc")
    before = path.read_bytes()
    (tmp_path / "link.nc").symlink_to(path)
    with xr.open_dataset(path) as ds:
        if loaded:
            ds = ds.load()
        for target in (path, tmp_path / "link.nc"):
            with pytest.raises(ExportError, match=r"were read from it.*another name"):
                ds.uvis.to_netcdf(target)
            with pytest.raises(ExportError, match=r"were read from it.*another name"):
                ds.uvis.to_json(target)
        ds.uvis.to_netcdf(tmp_path / "b.nc")
    assert path.read_bytes() == before


def test_the_tree_that_was_read_is_not_replaced(observation, tmp_path):
    tree = xr.DataTree.from_dict({"/window0": observation, "/window1": observation.isel(pixel=[0])})
    path = export.to_netcdf(tree, tmp_path / "a.nc")
    with xr.open_datatree(path) as back, pytest.raises(ExportError, match="were read from it"):
        export.to_netcdf(back, path)
    with (
        xr.open_dataset(path, group="window1") as node,
        pytest.raises(ExportError, match="were read from it"),
    ):
        export.to_netcdf(node, path)


def test_names_of_products_are_refused(observation, tmp_path):
    for name in ("a.DAT", "a.lbl"):
        with pytest.raises(ExportError, match="another ending"):
            export.to_netcdf(observation, tmp_path / name)
        with pytest.raises(ExportError, match="another ending"):
            export.to_json(observation, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_named(observation, tmp_path):
    with pytest.raises(ExportError, match=r"there is no folder .*nowhere; make it"):
        export.to_netcdf(observation, tmp_path / "nowhere" / "a.nc")
    with pytest.raises(ExportError, match=r"nowhere"):
        export.to_json(observation, tmp_path / "nowhere" / "a.json")


def test_folder_that_is_a_file_is_named(observation, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="there is no folder"):
        export.to_json(observation, tmp_path / "file" / "a.json")


def test_netcdf_library_failure_is_an_export_error(observation, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.raises(ExportError, match="space left"):
        export.to_netcdf(observation, tmp_path / "a.nc")


def test_json_round_trip(observation, tmp_path):
    path = export.to_json(observation, tmp_path / "a.json", geometry=True)
    content = uvisxr.load_json(path)
    assert content["channel"] == "FUV"
    assert (content["year"], content["doy"]) == (2006, 15)
    assert (content["frames"], content["spatial_bins"], content["spectral_bins"]) == (4, 3, 16)
    assert content["products"] == ["A", "B"]
    assert content["start"] == "2006-01-15T14:43:41.235000000"
    assert content["integration_time"] == 240.0
    assert content["background"] == {"level": 4e-4, "error": 1e-5, "units": "count s-1"}
    assert content["wavelength"] == observation.wl.values.tolist()
    lon = content["geometry"]["fields"]["lon"]
    np.testing.assert_allclose(lon, observation.lon, rtol=1e-8)
    assert lon.dims == ("pic", "pixel")
    assert lon.attrs["units"] == "degree"


def test_json_is_strict_json(observation, tmp_path):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    path = export.to_json(observation, tmp_path / "a.json", geometry=True)
    json.loads(path.read_text(), parse_constant=refuse)


def test_json_before_geometry_and_background(observation, tmp_path):
    bare = observation.drop_vars(["lon", "lon_corners", "background", "background_error"])
    content = uvisxr.load_json(export.to_json(bare, tmp_path / "a.json"))
    assert content["background"] is None
    with pytest.raises(MissingStepError, match=r"ds\.uvis\.geometry"):
        export.to_json(bare, tmp_path / "a.json", geometry=True)


def test_json_is_a_page(observation, tmp_path):
    """Without the geometry, it does not grow with the exposures, nor with the wavelengths."""
    path = export.to_json(observation, tmp_path / "a.json")
    assert path.stat().st_size < 1000
    content = json.loads(path.read_text())
    assert "geometry" not in content and "wavelength" not in content
    unlike = observation.assign_coords(exposure=("pic", [240.0, 240.0, 120.0, 240.0]))
    content = json.loads(export.to_json(unlike, path).read_text())
    assert content["integration_time"] == [240.0, 240.0, 120.0, 240.0]


def test_json_of_a_background_without_error(observation, tmp_path):
    exact = observation.drop_vars("background_error", errors="ignore")
    exact = exact.assign_coords(background=4e-4)
    content = uvisxr.load_json(export.to_json(conventions.apply(exact), tmp_path / "a.json"))
    assert content["background"] == {"level": 4e-4, "error": None, "units": "count s-1"}


def test_summary_of_bins_is_refused(observation, tmp_path):
    binned = observation.drop_vars(["time_start", "product"])
    with pytest.raises(MissingStepError, match=r"before ds\.uvis\.bin"):
        export.to_json(binned, tmp_path / "a.json")


#: A summary with a field of these values.
_LON = (
    '{"uvisxr": "1", "geometry": {"fields": '
    '{"lon": {"dims": ["pic"], "units": "degree", "values": %s}}}}'
)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not JSON"),
        ("{}", "an object with nothing"),
        ('{"channel": "FUV", "lon": [1]}', "an object with channel, lon"),
        ("[1]", "a list of 1"),
        ("2", "the int '2'"),
        ("not json", "not JSON"),
        ('{"uvisxr": "1", "geometry": {"fields": {"lon": 3}}}', "geometry in .* is damaged"),
        ("[" * 100_000, r"not JSON \(it lies too deep in itself\)"),
        (
            _LON % ("[" * 900 + "]" * 900),
            r"geometry in .* is damaged \(it lies too deep in itself\)",
        ),
        (f'{{"uvisxr": {"9" * 5000}}}', r"not JSON \(9+\.\.\.9+ is no number of it\)"),
        (_LON % f"[1{'0' * 400}]", r"not JSON \(10+\.\.\.0+ is no number of it\)"),
    ],
    ids=lambda text: text[:40],
)
def test_json_of_another_kind_is_refused(tmp_path, text, what):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ExportError, match=rf"{what}.*to_json|a\.json.*{what}.*to_json"):
        uvisxr.load_json(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"uvisxr": "1", "uvisxr": "1"}'])
def test_json_that_is_in_the_way(observation, tmp_path, text):
    """What this package cannot have written is somebody else's."""
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ExportError, match="it exists, and uvisxr did not write it"):
        observation.uvis.to_json(path)
    assert path.read_text() == text


def test_json_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file") as ours:
        uvisxr.load_json(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError) as pythons:
        (tmp_path / "a.json").open()
    assert isinstance(ours.value, UvisError)
    for error in (ours.value, pickle.loads(pickle.dumps(ours.value))):
        assert (error.errno, error.filename) == (pythons.value.errno, str(tmp_path / "a.json"))
        assert str(error) == str(ours.value)


def test_names_by_default(observation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ds = observation.assign_attrs(name="FUV_2006_015_PRIME_1")
    assert ds.uvis.to_netcdf() == Path("FUV_2006_015_PRIME_1.nc")
    assert ds.uvis.to_json() == Path("FUV_2006_015_PRIME_1.json")
    tree = xr.DataTree.from_dict({"window0": ds, "window1": ds})
    assert tree.uvis.to_netcdf() == Path("FUV_2006_015_PRIME_1.nc")
    assert {path.name for path in tree.uvis.to_json().values()} == {
        f"FUV_2006_015_PRIME_1_window{k}.json" for k in (0, 1)
    }
    del ds.attrs["name"]
    for write in (ds.uvis.to_netcdf, ds.uvis.to_json):
        with pytest.raises(ArgumentError, match="no attribute 'name'"):
            write()


@pytest.mark.parametrize("ending", [".nc", ".json"])
def test_what_is_replaced(observation, tmp_path, ending):
    write = export.to_netcdf if ending == ".nc" else export.to_json
    path = tmp_path / f"a{ending}"
    for overwrite in (None, False, True, None):
        if overwrite is False:
            with pytest.raises(ExportError, match=r"it exists; .*overwrite=True"):
                write(observation, path, overwrite=False)
        else:
            write(observation, path, overwrite=overwrite)
    foreign = [b'{"channel": "FUV"}', b"notes", b""]
    if ending == ".nc":
        # Of another program; a user's own result; and one of ours with an addition.
        own = xr.load_dataset(path)
        theirs = xr.Dataset({"a": 1}, attrs={"history": "fitted to data of uvisxr 0.1.0"})
        for ds, mode in ((theirs, "w"), (own.assign(fit=1.0), "w"), (own, None)):
            if mode is None:
                export.to_netcdf(observation, path, overwrite=True)
                ds, mode = xr.Dataset({"fit": 1.0}), "a"
            ds.to_netcdf(path, mode=mode)
            foreign.append(path.read_bytes())
    for content in foreign:
        path.write_bytes(content)
        with pytest.raises(ExportError, match=r"uvisxr did not write it.*overwrite=True"):
            write(observation, path)
        assert path.read_bytes() == content
    write(observation, path, overwrite=True)
    write(observation, path)


def test_the_mark_of_our_files_is_seen_by_nobody(observation, tmp_path):
    path = export.to_netcdf(observation, tmp_path / "a.nc")
    with xr.open_dataset(path) as ds, xr.open_datatree(path) as tree:
        assert set(ds.sizes) == set(observation.sizes) == set(tree.sizes)
        assert not {"written_by_uvisxr"} & {*ds.attrs, *ds.encoding}


def test_trees_of_ours_are_replaced(observation, tmp_path):
    tree = xr.DataTree.from_dict({"window0": observation})
    for _ in range(2):
        export.to_netcdf(tree, tmp_path / "a.nc")


def test_encodings(observation, tmp_path):
    packed = {"dtype": "int16", "scale_factor": 0.02, "_FillValue": -32768}
    path = export.to_netcdf(observation, tmp_path / "a.nc", encoding={"lon": packed})
    with netCDF4.Dataset(path) as file:
        assert file["lon"].dtype == np.int16
        assert file["lon"].filters()["zlib"]
    np.testing.assert_allclose(xr.load_dataset(path).lon, observation.lon, rtol=0, atol=0.0101)
    tree = xr.DataTree.from_dict({"window0": observation})
    path = export.to_netcdf(tree, tmp_path / "b.nc", encoding={"/window0": {"lon": packed}})
    with netCDF4.Dataset(path) as file:
        assert file["window0/lon"].dtype == np.int16


@pytest.mark.parametrize(
    ("encoding", "what"),
    [
        ({"longitude": {}}, r"encoding\['longitude'\]: there is no such variable"),
        ({"lon": "int16"}, r"encoding\['lon'\]="),
        ("int16", "encoding='int16'"),
    ],
)
def test_encodings_of_nothing(observation, tmp_path, encoding, what):
    with pytest.raises(ArgumentError, match=what):
        export.to_netcdf(observation, tmp_path / "a.nc", encoding=encoding)


def test_a_group(observation, tmp_path):
    path = export.to_netcdf(observation, tmp_path / "a.nc", group="fuv")
    xr.testing.assert_identical(xr.load_dataset(path, group="fuv"), observation)
    with pytest.raises(ArgumentError, match="nodes of a tree are the groups"):
        export.to_netcdf(xr.DataTree(observation), path, group="fuv")


def test_writing_later(observation, tmp_path):
    path = tmp_path / "a.nc"
    later = export.to_netcdf(observation.chunk(pic=1), path, compute=False)
    assert not path.exists()
    assert later.compute() == path
    xr.testing.assert_identical(xr.load_dataset(path), observation)


def test_names_of_products_and_packed_data(observation, tmp_path):
    for name in ("a.xml", "a.DAT.gz", "a.dat.BZ2", "a.DAT.zip"):
        with pytest.raises(ExportError, match="products of the archive"):
            export.to_netcdf(observation, tmp_path / name, overwrite=True)
    export.to_netcdf(observation, tmp_path / "a.DAT.nc")


def test_few_chunks_are_kept_while_a_file_is_written(observation, tmp_path, monkeypatch):
    """And files that others open are none of its business."""
    before, while_written = netCDF4.get_chunk_cache(), []
    complete = writing._complete

    def watched(*args):
        while_written.append(netCDF4.get_chunk_cache()[0])
        complete(*args)

    monkeypatch.setattr(writing, "_complete", watched)
    observation.uvis.to_netcdf(tmp_path / "a.nc")
    with pytest.raises(ExportError):
        observation.assign_attrs(a=None).uvis.to_netcdf(tmp_path / "b.nc")
    with pytest.raises(ExportError, match=r"cannot be written as NetCDF.* illegal"):
        observation.assign_attrs({"a/b": 1}).uvis.to_netcdf(tmp_path / "b.nc")
    assert while_written == [2**24]
    assert netCDF4.get_chunk_cache() == before
