"""The place of bodies in files of a part of what backplanes are of."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits

import uvisxr
from uvisxr.errors import ArgumentError
from uvisxr.fits.selection import part
from uvisxr.simulate import Simulation, Window


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Simulation:
    return uvisxr.simulate.observation(
        tmp_path_factory.mktemp("scan"),
        exposures=12,
        window=Window(2, 0, 61, 1023, 1, 128),
        stars=0,
        lost=0,
        partial=0,
    )


@pytest.fixture(scope="module")
def ds(scan) -> xr.Dataset:
    return scan.open().load()


@pytest.fixture(scope="module")
def tree(ds, scan) -> xr.DataTree:
    return ds.uvis.backplanes(scan.kernels, times=7)


PLACES = ("center_pixel", "center_pic")

#: The centre lies between exposures 5 and 6.
WITH_CENTRE = [
    {"pic": slice(None), "pixel": slice(10, 50)},
    {"pic": slice(None), "pixel": slice(2, 60)},
    {"pic": slice(2, 10), "pixel": slice(None)},
    {"pic": slice(4, 8), "pixel": slice(5, 30)},
    {"pic": slice(None, None, -1), "pixel": slice(None)},
]


@pytest.mark.parametrize("which", WITH_CENTRE)
def test_places_are_those_of_the_window_that_is_left(ds, scan, tree, which):
    cut = ds.isel(which)
    found, own = part(tree, cut)["titan"], cut.uvis.backplanes(scan.kernels, times=7)["titan"]
    for name in PLACES:
        assert float(found[name]) == pytest.approx(float(own[name]), abs=1e-9), name
    inside, known = int(found["inside"]), int(own["inside"])
    assert inside in (-1, known) and found["inside"].dtype == own["inside"].dtype
    if inside >= 0:
        assert repr(found["inside"].attrs) == repr(own["inside"].attrs)
    else:
        assert found["inside"].attrs["flag_meanings"] == "unknown no yes"
    xr.testing.assert_allclose(found["lat"].variable, own["lat"].variable, rtol=1e-9)


def test_where_the_centre_is_left_out_nothing_is_said_of_it(ds, tree):
    for pics in ([0, 1, 2], [0, 5, 7], [8]):
        found = part(tree, ds.isel(pic=pics))["titan"]
        assert np.isnan([float(found[name]) for name in PLACES]).all() and found["inside"] == -1


def test_whether_the_disk_is_inside_of_what_is_left(ds, tree):
    """A disk of ten pixels, 20 to 29, that exposures 3 to 8 sweep over."""
    whole = tree.copy(deep=True)
    height = xr.full_like(whole["titan/ray_height"], 100.0)
    height[{"pic": slice(3, 9), "pixel": slice(20, 30)}] = 0.0
    whole["titan"]["ray_height"] = height
    for name, value in (("center_pixel", 24.5), ("center_pic", 5.5), ("inside", np.int8(1))):
        whole["titan"][name] = whole["titan"][name].copy(data=value)

    def inside(tree: xr.DataTree = whole, **which: slice) -> int:
        return int(part(tree, ds.isel(which))["titan/inside"])

    assert inside() == inside(pixel=slice(20, 30)) == inside(pic=slice(3, 9)) == 1
    assert inside(pixel=slice(21, None)) == inside(pixel=slice(0, 29)) == 0
    assert inside(pic=slice(4, None)) == -1
    assert inside(pic=slice(4, None), pixel=slice(0, 29)) == 0
    # The centre is beyond the end, whether a pixel sees the disk or not.
    height[:] = 100.0
    assert inside(pixel=slice(0, 15)) == 0
    whole["titan"]["inside"] = whole["titan"]["inside"].copy(data=np.int8(0))
    assert inside(pixel=slice(10, 40)) == 0


def test_the_file_has_them(ds, tree, tmp_path):
    cut = ds.isel(pic=slice(2, 10), pixel=slice(10, 50))
    with pytest.warns(uvisxr.errors.UvisWarning, match="no radiances"):
        path = cut.uvis.to_fits(tmp_path / "x.fits", tree, extras=True)
    with fits.open(path) as file:
        rows = file["SC_GEOM"].data
        row = rows[list(rows["NAME"]).index("TITAN")]
        assert row["CENTER_Y"] == pytest.approx(float(tree["titan/center_pixel"]) - 10, abs=1e-5)
        assert row["CENTER_Z"] == pytest.approx(float(tree["titan/center_pic"]) - 2, abs=1e-5)
    back = uvisxr.open_fits(path).backplanes["titan"]
    assert float(back["center_pic"]) == pytest.approx(float(tree["titan/center_pic"]) - 2)
    xr.testing.assert_equal(
        back["resolution_along"].variable,
        tree["titan/resolution_along"].isel(pic=slice(2, 10), pixel=slice(10, 50)).variable,
    )


def _of_window(folder, *window: int, channel: str = "FUV") -> tuple[xr.Dataset, Simulation]:
    """Exposures of the same times as those of `scan`."""
    made = uvisxr.simulate.observation(
        folder,
        exposures=12,
        channel=channel,
        window=Window(*window),
        stars=0,
        lost=0,
        partial=0,
    )
    return made.open().load(), made


@pytest.mark.slow
def test_a_tree_of_other_rows_is_refused(ds, scan, tree, tmp_path):
    """Their pixels have the same numbers, from 0 on."""
    with pytest.raises(ArgumentError, match="rows in a pixel than the dataset, 1 in place of 2"):
        part(tree, ds.uvis.rebin(pixel=2))
    shifted, _ = _of_window(tmp_path, 10, 0, 41, 1023, 1, 128)
    assert (shifted.et.values == ds.et.values).all()
    with pytest.raises(ArgumentError, match=r"pixel 0 on the detector's row 2, the dataset on row"):
        part(tree, shifted)
    own = ds.uvis.rebin(pixel=2)
    part(own.uvis.backplanes(scan.kernels), own.isel(pixel=slice(3, 9)))


@pytest.mark.parametrize(
    ("name", "other", "what"),
    [
        ("channel", "EUV", "another channel"),
        ("slit", "OCCULTATION", "another slit"),
        ("optics", "solar_port", "other optics"),
    ],
)
def test_a_tree_of_another_part_of_the_instrument_is_refused(ds, tree, name, other, what):
    assert name in tree.attrs
    with pytest.raises(ArgumentError, match=f"of {what} than the dataset, .* in place of {other}"):
        part(tree, ds.assign_attrs({name: other}))


@pytest.mark.slow
def test_a_tree_that_looks_elsewhere_is_refused(ds, scan):
    """By a row, at instants between which mid-exposure lies; by a fifth of one at it."""
    seen = ds.uvis.geometry(scan.kernels)
    for times, off in ((3, 0.2), (4, 1.0), (["stop", "start", 0.4], 1.0)):
        tree = ds.uvis.backplanes(scan.kernels, times=times)
        part(tree, seen)
        part(tree, seen.isel(pic=slice(4, None, -1), pixel=[40, 3]))
        part(tree, ds.uvis.geometry(scan.kernels, samples=3))
        moved = seen.assign_coords(dec=seen.dec + np.rad2deg(off * 1e-3))
        with pytest.raises(
            ArgumentError, match=rf"{off:g}(\.0)? mrad away .* exposure 0 of it, pixel 0"
        ):
            part(tree, moved)
    unknown = seen.assign_coords(dec=seen.dec.where(seen.pic > 3))
    part(tree, unknown)
