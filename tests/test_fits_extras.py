"""What the layout has no place for, in HDUs after it: all comes back, of whatever was selected."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.backplanes_tree import backplanes

import uvisxr
from uvisxr.errors import ArgumentError
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


def test_a_tree_with_coordinates_in_its_nodes(ds, tree, tmp_path):
    nodes = {f"/{name}": node.to_dataset() for name, node in tree.children.items()}
    apart = xr.DataTree.from_dict(nodes)
    one = ds.isel(pic=slice(2, 5))
    back = comes_back(one, apart, tmp_path / "x.fits")
    np.testing.assert_array_equal(back["sky/front"], tree["sky/front"].isel(pic=slice(2, 5)))
    assert back["pic"].values.tolist() == [2, 3, 4]


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
