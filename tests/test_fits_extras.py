"""What the layout has no place for, in HDUs after it: all comes back, of whatever was selected."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from helpers.backplanes_tree import backplanes
from helpers.slow import rest_slow

import uvisxr
from uvisxr.errors import ArgumentError, ExportError
from uvisxr.fits.structure import NotFitsError
from uvisxr.simulate import Simulation, Window


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Simulation:
    window = Window(2, 0, 61, 1023, 4, 64)
    folder = tmp_path_factory.mktemp("extras")
    return uvisxr.simulate.observation(
        folder, exposures=6, seed=1, window=window, stars=0, lost=0, partial=0
    )


@pytest.fixture(scope="module")
def ds(made) -> xr.Dataset:
    ds = made.open().uvis.geometry(kernels=made.kernels)
    return ds.uvis.calibrate(files=made.calibration).load()


@pytest.fixture(scope="module")
def tree(ds) -> xr.DataTree:
    return backplanes(ds)


def comes_back(ds: xr.Dataset, tree: xr.DataTree | None, path) -> xr.DataTree:
    """Write all, and compare what is read with the dataset; the tree that is read."""
    back = uvisxr.open_fits(ds.uvis.to_fits(path, tree, None, extras=True))
    assert back.dataset.variables.keys() >= ds.variables.keys()
    for name, was in ds.variables.items():
        found = back.dataset.variables[name]
        assert found.dims == was.dims, name
        if was.dtype.kind == "f":
            np.testing.assert_allclose(found.values, was.values, rtol=2e-7, err_msg=str(name))
        else:
            assert (found.values == was.values).all(), name
    return back.backplanes


SELECTIONS = {
    "all": {},
    "a range": {"pic": slice(3, 6), "pixel": slice(4, 12)},
    "backwards": {"pic": slice(None, None, -1)},
    "out of order": {"pic": [4, 0, 2]},
    "twice": {"pic": [0, 0, 1]},
    "one": {"pic": [2], "pixel": [3]},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SELECTIONS)
def test_geometry_alone(ds, name, tmp_path):
    one = ds.isel(SELECTIONS[name])
    back = comes_back(one, None, tmp_path / "x.fits")
    lat = back["titan/lat"].isel(instant=1)
    np.testing.assert_allclose(lat.sel(point="center"), one.lat, rtol=1e-6)
    for corner in one.corner.values:
        corners = one.lat_corners.sel(corner=corner)
        np.testing.assert_allclose(lat.sel(point=str(corner)), corners, rtol=1e-6)


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_tree_of_the_whole(ds, tree, name, tmp_path):
    by = SELECTIONS[name]
    back = comes_back(ds.isel(by), tree, tmp_path / "x.fits")
    for node in tree.children.values():
        for field, was in node.data_vars.items():
            if set(by) and field in ("center_pic", "center_pixel", "inside"):
                continue
            found = back[f"{node.name}/{field}"]
            np.testing.assert_allclose(
                found.values.astype(float),
                was.isel(by, missing_dims="ignore").transpose(*found.dims).values,
                rtol=2e-7,
                err_msg=str(field),
            )
    np.testing.assert_array_equal(back["time"], tree["time"].isel(by, missing_dims="ignore"))


@pytest.mark.slow
def test_values_of_flags_are_of_their_type(ds, made, tmp_path):
    tree = ds.uvis.backplanes(made.kernels, times=9)
    back = comes_back(ds, tree, tmp_path / "x.fits")
    back.to_netcdf(tmp_path / "x.nc")
    with xr.open_datatree(tmp_path / "x.nc") as stored:
        for name in ("sky/front", "titan/hidden", "titan/on_disk", "titan/behind_rings"):
            for one in (back, stored):
                assert one[name].attrs["flag_values"].dtype == one[name].dtype == np.int8
                assert repr(one[name].attrs) == repr(tree[name].attrs), name


@pytest.mark.slow
def test_attributes_of_coordinates_come_back(made, ds, tmp_path):
    tree = made.open().uvis.backplanes(made.kernels, ["TITAN"], "rule")
    for extras in (False, True):
        path = tmp_path / f"{extras}.fits"
        back = uvisxr.open_fits(ds.uvis.to_fits(path, tree, extras=extras)).backplanes
        names = {"pic", "pixel", "instant", "point"} | ({*tree.coords} if extras else set())
        for name in names:
            assert back[name].attrs == tree[name].attrs != {}, name
        # As docs/howto/fits.md has it.
        assert back["titan/sc_position"].dtype == back["sky/ra"].dtype == np.float32
        assert back["sky/et"].dtype == tree["sky/ra"].dtype == np.float64


def test_a_tree_with_coordinates_in_its_nodes(ds, tree, tmp_path):
    nodes = {f"/{name}": node.to_dataset() for name, node in tree.children.items()}
    apart = xr.DataTree.from_dict(nodes)
    one = ds.isel(pic=slice(2, 5))
    back = comes_back(one, apart, tmp_path / "x.fits")
    np.testing.assert_array_equal(back["sky/front"], tree["sky/front"].isel(pic=slice(2, 5)))
    assert back["pic"].values.tolist() == [2, 3, 4]


NODES = {
    "..": "__",
    ".": "_",
    "SKY": "body_sky",
    "Rings": "body_rings",
    "a/b c.": "a_b_c_",
    "TITAN": "titan",
}


@pytest.mark.parametrize("target", NODES)
def test_targets_of_odd_names(ds, target, tmp_path):
    one = ds.isel(pic=slice(2)).drop_vars("geometry_setup").assign_attrs(geometry_target=target)
    back = comes_back(one, None, tmp_path / "x.fits")
    assert set(back.children) - {"rings"} == {"sky", NODES[target]}
    lat = back[f"{NODES[target]}/lat"].isel(instant=1, point=0)
    np.testing.assert_allclose(lat, one.lat, rtol=1e-6)
    assert back["sky/ra"].dims == ("pic", "pixel", "instant", "point")


def test_what_could_not_be_read_back(ds, tmp_path, monkeypatch):
    def read(path: object) -> None:
        raise NotFitsError("it is odd")

    monkeypatch.setattr("uvisxr.fits.reading.read", read)
    with pytest.raises(ArgumentError, match=r"odd.*to_netcdf"):
        ds.uvis.to_fits(tmp_path / "x.fits", extras=True)
    assert not list(tmp_path.iterdir())


def test_clocks_that_are_missing(ds, tmp_path):
    one = ds.assign_coords(sclk=ds.sclk * np.nan)
    back = comes_back(one, None, tmp_path / "x.fits")
    assert "titan" in back.children


def test_numbers_that_repeat(ds, tree, tmp_path):
    """As of joined products."""
    both = xr.concat([ds.isel(pic=slice(3)), ds.isel(pic=slice(3))], "pic")
    by = {"pic": [0, 1, 2, 0, 1, 2]}
    cut = {path: n.to_dataset() for path, n in tree.subtree_with_keys}
    cut = {f"/{p.strip('.')}": n.isel(by, missing_dims="ignore") for p, n in cut.items()}
    joined = xr.DataTree.from_dict(cut)
    back = comes_back(both, joined, tmp_path / "x.fits")
    np.testing.assert_array_equal(back["sky/front"], joined["sky/front"])
    with pytest.raises(ArgumentError, match="pic more than once"):
        ds.isel(pic=slice(3)).uvis.to_fits(tmp_path / "y.fits", joined)


def test_nodes_of_other_instants(ds, tree, tmp_path):
    nodes = {f"/{name}": node.to_dataset() for name, node in tree.children.items()}
    nodes["/titan"] = nodes["/titan"].isel(instant=[0, 1])
    with pytest.raises(ArgumentError, match="/titan has 2 instants"):
        ds.uvis.to_fits(tmp_path / "x.fits", xr.DataTree.from_dict(nodes))


ONE = {"dims": ["a"], "shape": [4], "coord": False, "attrs": {}}


def with_one(ds: xr.Dataset, what: object, path, name: str = "DS:foo", count: int = 1) -> None:
    """A file with HDUs of four bytes that say to be something else."""
    ds.uvis.to_fits(path, label=None)
    text = json.dumps(ONE | what) if isinstance(what, dict) else str(what)
    with fits.open(path, mode="append") as file:
        for k in range(count):
            hdu = fits.ImageHDU(np.zeros(4, "u1"), name="X")
            hdu.header["EXTNAME"], hdu.header["UVISXR"] = f"{name}{k or ''}", text
            file.append(hdu)


@pytest.mark.parametrize(
    "what",
    rest_slow(
        [
            *(
                {"dtype": d}
                for d in ("U500000000", "S1900000000", "V900000000", "O", "i4,i4", "c16")
            ),
            *({"dtype": d} for d in ("M8[Y]", "f8", "i8", ">u1", "?", None, ["u1"])),
            {"texts": ["x" * 30000], "shape": [500000]},
            {"texts": [""], "shape": [2**33]},
            {"texts": ["x" * 30000, *[""] * 60000], "shape": [60001]},
            {"texts": ["x"], "shape": [2**33, 2**33], "dims": ["a", "b"]},
            {"texts": [3], "shape": [1]},
            {"texts": [["x"]], "shape": [1]},
            *({"dtype": "u1", "shape": s} for s in ([-1], [4.0], "4", [True] * 2, [3], [4] * 9)),
            {"dtype": "u1", "dims": ["a", "a"], "shape": [2, 2]},
            {"dtype": "u1", "dims": [["a"]]},
            *({"dtype": "u1", "attrs": {"flag_values": v}} for v in ([0, 300], ["a"], 10**30)),
            *("[" * 5000, '{"dims": ["a"], "shape": [' + "9" * 5000 + "]}", "3", ""),
        ],
        6,
    ),
    ids=lambda what: str(what)[:50],
)
def test_what_takes_more_than_it_has(ds, what, tmp_path):
    path = tmp_path / "x.fits"
    with_one(ds.isel(pic=[0]), what, path)
    tracemalloc.start()
    with pytest.raises(ExportError, match="DS:foo: its keyword"):
        uvisxr.open_fits(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**26


def test_many_that_take_little_each(ds, tmp_path):
    what = {"texts": ["x" * 1000], "shape": [2000]}
    with_one(ds.isel(pic=[0]), what, tmp_path / "x.fits")
    assert uvisxr.open_fits(tmp_path / "x.fits").dataset["foo"].size == 2000
    with_one(ds.isel(pic=[0]), what, tmp_path / "y.fits", count=3)
    with pytest.raises(ExportError, match="DS:foo: its keyword"):
        uvisxr.open_fits(tmp_path / "y.fits")


@pytest.mark.parametrize("name", ["DS:", "BP:../x", "BP:sky/", "BP:./x", "BP:a//b"])
def test_names_of_nothing(ds, name, tmp_path):
    with_one(ds.isel(pic=[0]), {"dtype": "u1"}, tmp_path / "x.fits", name)
    with pytest.raises(ExportError, match="no name of a variable"):
        uvisxr.open_fits(tmp_path / "x.fits")


@pytest.mark.slow
def test_all_types_come_back(ds, tmp_path):
    one, values = ds.isel(pic=[0]), np.array([0, 1, 3])
    kinds = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8", "?", "M8[ns]", "m8[ns]", "U")
    made = {f"of_{k}": ("a", values.astype(k)) for k in kinds}
    comes_back(one.assign(made), None, tmp_path / "x.fits")
    back = uvisxr.open_fits(tmp_path / "x.fits").dataset
    assert [back[f"of_{k}"].dtype.kind for k in kinds] == [np.dtype(k).kind for k in kinds]
    # More text than is read is not written.
    much = one.assign(much=("b", np.full(3000, "x" * 2000)))
    assert "much" not in uvisxr.open_fits(much.uvis.to_fits(tmp_path / "y.fits", extras=True))[0]
