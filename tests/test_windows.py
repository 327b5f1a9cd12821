"""Steps on all windows of a product, and on single arrays."""

from __future__ import annotations

import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.slow import rest_slow

import uvisxr
import uvisxr.spectra
from uvisxr.accessor import ArrayAccessor, TreeAccessor, TreeStarFlags, UvisAccessor
from uvisxr.errors import ArgumentError, MissingStepError, UvisError
from uvisxr.simulate import Simulation, Window
from uvisxr.stars.catalogue import read

STEPS = {
    "geometry",
    *("background", "flag", "unflag", "predict_stars", "calibrate", "calibration_factor", "rate"),
    *("fill_nan", "smooth", "bin", "integrate", "image", "flagged", "evil_share", "utc"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Simulation:
    return uvisxr.simulate.observation(
        tmp_path_factory.mktemp("windows"),
        exposures=4,
        seed=1,
        window=(Window(26, 500, 37, 803, 2, 8), Window(40, 500, 61, 803, 1, 4)),
        stars=0,
        lost=0,
        partial=0,
    )


@pytest.fixture(scope="module")
def calls(made):
    return {
        "geometry": {"kernels": made.kernels},
        "background": {"level": 4e-4},
        "flag": {"pixels": [(1, 2)], "flag": "star"},
        "unflag": {"pixels": [(1, 2)]},
        "flagged": {"flags": ["star", "dark_line"]},
        "utc": {"when": "stop"},
        "evil_share": {"files": made.calibration},
        "predict_stars": {"stars": read()},
        "calibrate": {"files": made.calibration},
        "calibration_factor": {"files": made.calibration},
        "rate": {"interval": "score"},
        "fill_nan": {},
        "smooth": {"weights": [1, 2, 1], "force": True},
        "bin": {"by": {"alt": [-3000, 0, 1000, 5000]}},
        "integrate": {"wl_range": (1550, 1700)},
        "image": {"nx": 4},
    }


@pytest.fixture(scope="module")
def tree(made) -> xr.DataTree:
    """After geometry, background and calibration."""
    tree = made.open().uvis.geometry(kernels=made.kernels).uvis.background(level=4e-4)
    return tree.uvis.calibrate(files=made.calibration)


def test_a_tree_has_the_steps_of_a_dataset():
    """With the same arguments."""
    for name in STEPS | {"to_netcdf", "to_json", "to_fits"}:
        ours, theirs = getattr(TreeAccessor, name), getattr(UvisAccessor, name)
        assert list(inspect.signature(ours).parameters) == list(
            inspect.signature(theirs).parameters
        )
    public = {name for name in dir(UvisAccessor) if not name.startswith("_")}
    assert public == {name for name in dir(TreeAccessor) if not name.startswith("_")}


@pytest.mark.parametrize("step", rest_slow(sorted(STEPS), len(STEPS) // 2))
def test_a_step_goes_through_all_windows_and_no_empty_root(step, tree, calls):
    found = getattr(tree.uvis, step)(**calls[step])
    assert list(found.children) == ["window0", "window1"]
    assert not found.variables and found.attrs == tree.attrs
    for name, node in tree.children.items():
        alone = getattr(node.to_dataset().uvis, step)(**calls[step])
        alone = alone if isinstance(alone, xr.Dataset) else alone.to_dataset()
        xr.testing.assert_identical(found[name].to_dataset(), alone)


def test_one_window_and_deeper_trees(tree, calls):
    alone = tree["window1"].uvis.integrate((1550, 1700))
    assert not alone.children and alone.brightness.dims == ("pic", "pixel")
    deep = xr.DataTree.from_dict(
        {"FUV/a": tree["window0"].to_dataset(), "FUV/b/c": tree["window1"].to_dataset()}
    )
    found = deep.uvis.integrate((1550, 1700))
    assert found["FUV/b/c"].sizes["pixel"] == 22
    assert not found["FUV/b"].variables


def test_an_error_says_which_window(tree):
    said = r"^window0: no spectrum .* = \(0, 15\).*: tree\['window1'\]\.uvis\.flag\(\.{3}\)$"
    with pytest.raises(ArgumentError, match=said):
        tree.uvis.flag([(0, 15)])
    with pytest.raises(ArgumentError) as alone:
        tree["window0"].uvis.flag([(0, 15)])
    assert "tree[" not in str(alone.value)
    first, second = (node.to_dataset() for node in tree.children.values())
    other = xr.DataTree.from_dict({"window0": first, "window1": second.drop_vars("counts")})
    with pytest.raises(MissingStepError, match=r"^window1: rate: the dataset has no counts"):
        other.uvis.rate()
    with pytest.raises(ArgumentError, match=r"^integrate: no wavelength"):
        tree["window0"].isel(wl=[]).uvis.integrate()


def test_a_tree_without_data():
    for empty in (xr.DataTree(), xr.DataTree.from_dict({"a": xr.Dataset(attrs={"b": 1})})):
        with pytest.raises(MissingStepError, match="no node of the tree holds data"):
            empty.uvis.rate()
        assert repr(empty.uvis) == "<uvisxr> no node of the tree holds data"


def test_no_two_windows_share_a_file(tree, tmp_path):
    one, other = (node.to_dataset() for node in tree.children.values())
    alike = xr.DataTree.from_dict({"a/b": one, "a_b": other})
    for write in (alike.uvis.to_json, alike.uvis.stars.save, alike.uvis.stars.load):
        with pytest.raises(ArgumentError, match=r"a_b.* share the file s_a_b\.txt: rename"):
            write(tmp_path / "s.txt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", ["bin", "calibrate", "plot", "to_netcdf"])
def test_an_array_says_whose_step_it_is(step, tree):
    array = tree["window0"].radiance
    with pytest.raises(MissingStepError, match=rf"call ds\.uvis\.{step}, ds being .* radiance is"):
        getattr(array.uvis, step)
    assert not hasattr(array.uvis, step) and not hasattr(array.uvis, "no_such_step")


@pytest.mark.slow
def test_files_of_windows(tree, tmp_path):
    path = tree.uvis.to_netcdf(tmp_path / "a.nc")
    xr.testing.assert_equal(xr.load_datatree(path), tree)
    written = tree.uvis.to_json(tmp_path / "a.b.json")
    assert {w: p.name for w, p in written.items()} == {
        "window0": "a.b_window0.json",
        "window1": "a.b_window1.json",
    }
    assert uvisxr.load_json(written["window1"])["spatial_bins"] == 22
    flagged = tree.uvis.flag([(3, 2)], "star")
    assert len(flagged.uvis.stars.save(tmp_path / "s.txt")) == 2
    loaded = tree.uvis.stars.load(tmp_path / "s.txt")
    for name, node in flagged.children.items():
        xr.testing.assert_equal(loaded[name].quality, node.quality)


def test_what_a_tree_says(tree):
    first, second = repr(tree.uvis).split("window1 ")
    assert first.startswith("window0 <uvisxr>") and second.startswith("<uvisxr>")
    assert "rows 26..37" in first and "rows 40..61" in second


def test_what_one_window_of_a_tree_says(tree):
    assert repr(tree["window0"].uvis) == repr(tree["window0"].to_dataset().uvis)


def test_pictures_are_of_one_window(tree):
    with pytest.raises(UvisError, match=r"tree\['window0'\]\.uvis\.plot or tree\['window1'\]"):
        _ = tree.uvis.plot
    with pytest.raises(UvisError, match="no node of the tree holds data"):
        _ = xr.DataTree().uvis.plot
    # So that programs that look for what there is pass over it.
    assert not hasattr(tree.uvis, "plot") and not hasattr(xr.DataTree().uvis, "plot")
    ax = tree["window1"].isel(pic=[0], pixel=[3]).uvis.plot.spectrum()
    assert ax.get_xlabel() == "Wavelength (Å)"
    plt.close(ax.figure)


def test_help_says_what_each_method_does():
    for accessor in (TreeAccessor, ArrayAccessor, TreeStarFlags):
        text = inspect.getdoc(accessor)
        for name in vars(accessor):
            assert name.startswith("_") or f"`{name}`" in text


# Arrays -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ds(tree) -> xr.Dataset:
    return tree["window1"].to_dataset()


def test_steps_of_an_array(ds):
    array = ds.radiance
    assert isinstance(array.uvis, ArrayAccessor)
    smoothed = array.uvis.smooth([1, 2, 1], force=True)
    xr.testing.assert_equal(smoothed, uvisxr.spectra.smooth(array, [1, 2, 1], force=True))
    filled = array.where(array.wl < 1500).uvis.fill_nan()
    assert isinstance(filled, xr.DataArray)
    light = array.uvis.integrate((1550, 1700))
    expected = ds.uvis.integrate((1550, 1700))
    np.testing.assert_allclose(light.brightness, expected.brightness, atol=1e-6)


def test_an_array_of_something_else_than_radiances(ds):
    for array, units in ((ds.counts, "count"), (ds.uvis.rate().rate, "count s-1")):
        for step in (array.uvis.integrate, array.uvis.smooth, array.uvis.fill_nan):
            with pytest.raises(MissingStepError, match=rf"is in '{units}', not in 'kR angstrom-1'"):
                step()
    whole = ds.radiance.fillna(0).astype(int)
    with pytest.raises(ArgumentError, match=r"type int64.*astype\(float\)"):
        whole.uvis.integrate()
    with pytest.raises(MissingStepError, match="is in 'angstrom'"):
        ds.wl_bounds.uvis.integrate()


def test_what_an_array_says(ds):
    said = repr(ds.radiance.uvis).splitlines()
    assert said == [
        "<uvisxr>",
        f"array  {ds.radiance.attrs['long_name']}, kR angstrom-1",
        "size   4 pic x 22 pixel x 76 wl",
        "next   fill_nan, smooth, integrate",
    ]
    assert repr(xr.DataArray(1).uvis) == "<uvisxr>\narray  an array\nsize   1"


def test_an_array_without_wavelengths(ds):
    for array in (ds.radiance.isel(wl=0), ds.alt, ds.radiance.rename(wl="nu")):
        with pytest.raises(MissingStepError, match="the array has no dimension 'wl'"):
            array.uvis.integrate()
