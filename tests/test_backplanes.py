"""The tree of backplanes: arguments, nodes, dimensions, attributes, and agreement with geometry."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import spiceypy
import spiceypy.cyice
import xarray as xr
from helpers import synthetic

import uvisxr
from uvisxr.backplanes import instants, inview, registry
from uvisxr.backplanes.registry import DIMS, NODES, POINTS
from uvisxr.errors import ArgumentError, CoverageError, KernelError, UvisError, UvisWarning
from uvisxr.geometry.ephemeris import Ephemeris, Sighting
from uvisxr.instrument.detector import Window
from uvisxr.timescales import parse_et

START_331 = parse_et("2005-331T05:45:00")
RAY_FLAGS = {
    node: [plane.name for plane in NODES[of].values() if plane.flag and plane.kind == "ray"]
    for node, of in (("saturn", "body"), ("rings", "rings"))
}
PAGE = Path(__file__).parents[1] / "docs" / "howto" / "backplanes.md"


@pytest.fixture(scope="module")
def small(made):
    return made.open().isel(pic=[2, 7], pixel=[10, 30, 31])


@pytest.fixture(scope="module")
def tree(small, made):
    return small.uvis.backplanes(made.kernels)


@pytest.fixture(scope="module")
def cassini(data):
    """Saturn behind Enceladus, twelve rows in a pixel."""
    window = Window(2, 0, 61, 1023, line_bin=12, band_bin=512)
    ets = START_331 + 60.0 * np.array([105, 230, 970])
    files = synthetic.kernels(data, "2005-331")
    ds = synthetic.dataset(ets=ets, target="SATURN", window=window, exposure=30.0)
    return ds, files, ds.uvis.backplanes(files)


class TestTree:
    def test_every_field_of_the_registry_and_no_other(self, cassini):
        _, _, tree = cassini
        for name, node in tree.children.items():
            planes = NODES.get(name, NODES["body"])
            assert list(node.data_vars) == list(planes)
            for plane in planes.values():
                found = node[plane.name]
                assert found.dims == DIMS[plane.kind]
                assert {"long_name", "comment"} <= found.attrs.keys()
                # As of all variables: plots of xarray would be labelled "[1]".
                units = None if plane.units == "1" else plane.units
                assert found.attrs.get("units") == units
                whole = plane.flag or plane.name == "front"
                assert found.dtype == (np.int8 if whole else np.float64)

    def test_what_nodes_share_is_in_the_root(self, tree, small):
        assert list(tree.coords) == [
            *("pic", "time", "time_start", "time_stop", "exposure", "product", "pixel", "line"),
            *("instant", "point"),
        ]
        assert tree["titan"].coords["point"].values.tolist() == list(POINTS)
        assert tree["instant"].values.tolist() == ["start", "mid", "stop"]
        xr.testing.assert_equal(tree["pixel"].variable, small["pixel"].variable)
        assert tree.attrs["bodies"] == "saturn titan" and tree.attrs["name"] == small.attrs["name"]
        assert tree.attrs["ul_line"] == 2 and "simulated" in tree.attrs["kernels"]
        assert tree["titan"].attrs["radii"] == [2575.15, 2574.78, 2574.47]
        for node in tree.subtree:
            line = node.attrs["history"].splitlines()[-1]
            assert "backplanes(" in line and "sha256:" in line

    def test_the_same_as_geometry(self, tree, small, made):
        for share, instant in instants.NAMED.items():
            times = small["et"] + (instant - 0.5) * small["exposure"]
            single = small.uvis.geometry(made.kernels, times=times)
            here = tree.to_dataset().sel(instant=share)
            for name in registry._OF_GEOMETRY:
                for prefix in ("", "tangent_"):
                    own = tree[f"titan/{prefix}{name}"].sel(instant=share)
                    np.testing.assert_allclose(own[..., 0], single[prefix + name], atol=1e-7)
                    corners = single[f"{prefix}{name}_corners"]
                    np.testing.assert_allclose(own[..., 1:], corners, atol=1e-7)
            for name in ("sc_lon", "sc_lat", "sc_alt", "sc_lt", "sub_solar_lon", "sub_solar_lat"):
                own = tree[f"titan/{name}"].sel(instant=share)
                np.testing.assert_allclose(own, single[name], atol=1e-9)
            assert here.sizes["point"] == 5

    def test_east_longitudes_are_the_others_mirrored(self, tree, small, made):
        east = small.uvis.backplanes(made.kernels, lon_direction="east")
        for name in ("lon", "tangent_lon", "sc_lon", "sub_solar_lon", "ram_lon"):
            gap = (east[f"titan/{name}"] + tree[f"titan/{name}"]) % 360
            assert np.minimum(gap, 360 - gap).max() < 1e-9
            assert east[f"titan/{name}"].attrs["long_name"].endswith("east-positive")

    def test_netcdf_keeps_everything(self, tree, tmp_path):
        tree.to_netcdf(tmp_path / "planes.nc")
        with xr.open_datatree(tmp_path / "planes.nc") as back:
            xr.testing.assert_equal(back.load(), tree)
            assert back["titan/lon"].attrs == tree["titan/lon"].attrs
            assert back.attrs["history"] == tree.attrs["history"]

    def test_its_accessor_tells_what_it_is(self, tree):
        told = repr(tree.uvis)
        assert "backplanes  sky, saturn, titan, rings" in told and "window" not in told
        (drawn,) = (line for line in told.splitlines() if line.startswith("pictures"))
        field = eval(drawn.partition("  ")[2].strip().removesuffix(".plot()"), {"tree": tree})
        assert field.dims == ("pic", "pixel")
        assert "(backplanes=tree)" in repr(tree["titan"].uvis)
        for call in (lambda: tree.uvis.plot, lambda: tree["sky"].uvis.plot, tree.uvis.calibrate):
            with pytest.raises(UvisError, match=r"tree of backplanes.*sky/front.*plot\(\)"):
                call()

    def test_a_single_exposure_and_pixel(self, small, made, tree):
        one = small.isel(pic=1, pixel=2).uvis.backplanes(made.kernels)
        assert dict(one["titan/alt"].sizes) == {"pic": 1, "pixel": 1, "instant": 3, "point": 5}
        np.testing.assert_allclose(
            one["titan/alt"], tree["titan/alt"].isel(pic=[1], pixel=[2]), atol=1e-9
        )

    def test_the_same_whatever_the_block(self, cassini, monkeypatch):
        ds, files, tree = cassini
        monkeypatch.setattr("uvisxr.backplanes.blocks._BLOCK", 1)
        xr.testing.assert_allclose(ds.uvis.backplanes(files), tree, rtol=1e-9, atol=1e-8)

    @pytest.mark.slow
    def test_memory_beside_the_result_does_not_grow(self, made):
        beside, sizes = [], []
        for n in (24, 96):
            many = made.open().isel(pic=np.arange(n) % 12)
            many = many.assign_coords(pic=np.arange(n))
            tracemalloc.start()
            tree = many.uvis.backplanes(made.kernels)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            sizes.append(sum(node.nbytes for node in tree.subtree))
            beside.append(peak - sizes[-1])
        assert beside[1] - beside[0] < 0.1 * (sizes[1] - sizes[0])

    def test_of_each_window(self, small, made, tree):
        windows = xr.DataTree.from_dict({"window0": small, "window1": small.isel(pixel=[0])})
        found = windows.uvis.backplanes(made.kernels)
        xr.testing.assert_identical(
            found["window0"].children["titan"].to_dataset(), tree["titan"].to_dataset()
        )
        assert found["window1/titan/alt"].sizes["pixel"] == 1


class TestBodies:
    def test_in_view_by_their_disks(self, cassini):
        ds, files, tree = cassini
        assert list(tree.children) == ["sky", "saturn", "enceladus", "rings"]
        every = ["MIMAS", "ENCELADUS", "TETHYS", "DIONE", "RHEA", "TITAN", "IAPETUS", "PHOEBE"]
        planes = ds.uvis.backplanes(files, bodies=every)
        for name in map(str.lower, every):
            # 10 mrad beside the slit, of which the corners are at the edges.
            beside = float((planes[name]["ray_height"] / planes[name]["distance"]).min())
            assert (beside < inview.MARGIN) == (name == "enceladus"), name

    def test_front_names_bodies_without_a_node_too(self, cassini):
        ds, files, tree = cassini
        alone = ds.uvis.backplanes(files, bodies=["SATURN"])
        assert list(alone.children) == ["sky", "saturn", "rings"]
        xr.testing.assert_equal(alone["sky/front"], tree["sky/front"])
        meanings = alone["sky/front"].attrs["flag_meanings"].split()
        values = alone["sky/front"].attrs["flag_values"]
        assert meanings[:2] == ["unknown", "none"] and values[:2].tolist() == [-1, 0]
        number = dict(zip(meanings, values, strict=True))
        assert (alone["sky/front"] == number["enceladus"]).any()
        hidden, on_disk = (tree[f"saturn/{name}"].values for name in ("hidden", "on_disk"))
        front = tree["sky/front"].values
        np.testing.assert_array_equal(front == number["saturn"], (on_disk > hidden))
        xr.testing.assert_equal(alone["saturn"].to_dataset(), tree["saturn"].to_dataset())

    @pytest.mark.parametrize("bodies", ["auto", "ENCELADUS"])
    def test_without_saturn_what_it_hides_is_unknown(self, data, bodies):
        """Its place is not that of the centre of mass of its system, by 300 km."""
        window = Window(2, 0, 61, 1023, line_bin=4, band_bin=512)
        ets = [synthetic.ENCELADUS_ET]
        ds = synthetic.dataset(ets=ets, target="ENCELADUS", window=window)
        files = synthetic.kernels(data, "enceladus")
        with pytest.warns(UvisWarning, match=r"do not place Saturn \(699\).*add an SPK"):
            tree = ds.uvis.backplanes(files, bodies=bodies)
        assert list(tree.children) == ["sky", "enceladus"]
        moon = tree["enceladus"].to_dataset()
        assert moon["ram_lon"].isnull().all() and moon["planet_lt"].isnull().all()
        lit = (moon["on_disk"] == 1) & (moon["sza"] < 90)
        assert lit.any() and not lit.all()
        for name, of in (("hidden", moon["distance"] > 0), ("behind_rings", moon["distance"] > 0)):
            assert (moon[name] == -of.astype(int)).all(), name
        for name in ("in_shadow", "in_ring_shadow"):
            assert (moon[name] == -lit.astype(int)).all(), name
            assert moon[name].dtype == np.int8
            assert moon[name].attrs["flag_meanings"] == "unknown no yes"
        assert set(np.unique(moon["on_disk"])) == {0, 1}
        # What is first of those that are placed; beside them Saturn might be.
        front = tree["sky/front"]
        assert (front == xr.where(moon["on_disk"] == 1, 1, -1)).all()
        assert front.attrs["flag_meanings"] == "unknown none enceladus"

    def test_named_once_each_by_any_name(self, cassini):
        ds, files, _ = cassini
        tree = ds.uvis.backplanes(files, bodies=("Titan", "s rings", "TITAN"), times="mid")
        assert list(tree.children) == ["sky", "saturn", "titan", "rings"]

    @pytest.mark.parametrize("bodies", ["VULCAN", ["TITAN", 3], 3, b"TITAN", None])
    def test_no_bodies(self, small, made, bodies):
        with pytest.raises(ArgumentError, match="bodies="):
            small.uvis.backplanes(made.kernels, bodies=bodies)

    def test_named_without_shape_or_place(self, cassini, small, made):
        ds, files, _ = cassini
        with pytest.raises(KernelError, match="for HYPERION: leave it out of bodies=, or add"):
            ds.uvis.backplanes(files, bodies=["HYPERION"])
        with pytest.raises(CoverageError, match="no position of RHEA"):
            small.uvis.backplanes(made.kernels, bodies=["RHEA"])

    def test_a_target_that_is_no_body(self, cassini):
        ds, files, tree = cassini
        found = ds.assign_attrs(target="SKY").uvis.backplanes(files)
        assert list(found.children) == list(tree.children)

    def test_folders_hold_more_than_the_target_needs(self, data):
        """Phoebe's kernels alone do not have the inner moons: another file of the folder does."""
        ets = synthetic.PHOEBE_ET + np.array([0.0])
        ds = synthetic.dataset(ets=ets, target="PHOEBE", exposure=10.0)
        tree = ds.uvis.backplanes(data / "kernels", bodies=["PAN"], times="mid")
        assert "pan" in tree and np.isfinite(tree["pan/alt"]).all()


class TestInstants:
    def test_names_shares_and_numbers(self, small, made, tree):
        for times, expected in (
            (("stop", "start"), ["stop", "start"]),
            (2, ["start", "stop"]),
            (3, ["start", "mid", "stop"]),
            (5, [0.0, 0.25, 0.5, 0.75, 1.0]),
            ([0.25, "stop"], [0.25, 1.0]),
            ("mid", ["mid"]),
            (0.5, [0.5]),
            (1, ["mid"]),
        ):
            found = small.isel(pixel=[0]).uvis.backplanes(made.kernels, times=times)
            assert found["instant"].values.tolist() == expected
        found = small.uvis.backplanes(made.kernels, times=3)
        np.testing.assert_array_equal(found["titan/alt"], tree["titan/alt"])
        et = found["sky/et"]
        np.testing.assert_allclose(et[:, 2] - et[:, 0], small["exposure"], atol=1e-6)

    @pytest.mark.parametrize(
        "times", [(), "begin", ["mid", 0.5], [1.5], -1, 0, True, None, [None], 10**9, b"mid", 2.5]
    )
    def test_no_times(self, small, made, times):
        with pytest.raises(ArgumentError, match="times"):
            small.uvis.backplanes(made.kernels, times=times)

    def test_without_pointing(self, data):
        ets = np.array([177660944.384, 177660000.0])
        ds = synthetic.dataset(ets=ets, target="SATURN", exposure=0.05)
        with pytest.warns(UvisWarning, match="NaN in the line-of-sight fields for 1 of 2"):
            tree = ds.uvis.backplanes(synthetic.kernels(data, "2005"))
        saturn = tree["saturn"]
        assert np.isfinite(saturn["alt"][0]).all() and np.isnan(saturn["alt"][1]).all()
        assert np.isfinite(saturn["sc_lat"]).all()
        assert (tree["sky/front"][1] == -1).all() and (tree["sky/front"][0] >= 0).all()
        assert np.isnan(tree["sky/slit_angle"][1]).all()
        for node in ("saturn", "rings"):
            for name in RAY_FLAGS[node]:
                flag = tree[node][name]
                assert (flag[1] == -1).all() and (flag[0] >= 0).all(), (node, name)
                assert flag.attrs["flag_meanings"] == "unknown no yes"

    def test_without_a_place(self, cassini, monkeypatch):
        """Of Enceladus at one exposure, of Saturn at another."""
        ds, files, tree = cassini
        read = Ephemeris.of.__func__

        def of(cls, target, et, *args, **options):
            found = read(cls, target, et, *args, **options)
            lost = {"ENCELADUS": 0, "SATURN": 1}.get(getattr(target, "name", ""))
            if lost is None:
                return found
            gap = abs(et - float(ds["et"][lost])) < 60.0
            own = set(Sighting.__annotations__) | set(Ephemeris.__annotations__)
            hidden = {name: getattr(found, name).copy() for name in own}
            for values in hidden.values():
                values[gap] = np.nan
            return replace(found, **hidden)

        monkeypatch.setattr(Ephemeris, "of", classmethod(of))
        less = ds.uvis.backplanes(files, bodies=["ENCELADUS"])
        moon, saturn, front = less["enceladus"], less["saturn"], less["sky/front"]
        for name in RAY_FLAGS["saturn"]:
            assert (moon[name][0] == -1).all() and (moon[name][2] >= 0).all(), name
            assert (saturn[name][1] == -1).all() and (saturn[name][::2] >= 0).all(), name
        for name in RAY_FLAGS["rings"]:
            assert (less["rings"][name][1] == -1).all() and (less["rings"][name][::2] >= 0).all()
        # Saturn might be before Enceladus, or shade it.
        assert (moon["on_disk"][1] == tree["enceladus/on_disk"][1]).all()
        assert (moon["hidden"][1] == -1).all() and (moon["behind_rings"][1] == -1).all()
        lit = (moon["on_disk"][1] == 1) & (moon["sza"][1] < 90)
        assert (moon["in_shadow"][1] == -lit.astype(int)).all()
        met = {0: saturn["on_disk"][0] == 1, 1: moon["on_disk"][1] == 1}
        for pic, on in met.items():
            assert ((front[pic] > 0) == on).all() and ((front[pic] == -1) == ~on).all()
        assert (front[2] >= 0).all()
        assert moon["inside"] == -1 and saturn["inside"] in (0, -1)


class TestPlace:
    """Where a body is in a scan, in a made-up slit of ten pixels of 1 mrad, 2 mrad wide."""

    SLIT = inview.Slit(0.001, -0.005, 0.005, 0.001, 0.001, np.arange(10) * 0.001 - 0.0045)

    def lines(self, across, along, radius):
        centre = np.stack([across, np.broadcast_to(along, np.shape(across))], -1)
        ends = [np.stack([c - radius, c + radius], -1) for c in centre.T]
        return inview.Outlines(centre, *ends)

    def test_a_scan_across(self):
        found = inview.placed(
            self.lines(np.linspace(-0.01, 0.01, 11) + 0.001, 0.002, 0.002), self.SLIT
        )
        assert found == {
            "center_pixel": pytest.approx(6.5),
            "center_pic": pytest.approx(4.5),
            "inside": 1,
        }

    def test_cut_by_the_end_of_the_slit(self):
        found = inview.placed(self.lines(np.linspace(-0.01, 0.01, 11), 0.004, 0.002), self.SLIT)
        assert found["center_pixel"] == pytest.approx(8.5) and found["inside"] == 0

    def test_a_scan_that_begins_on_the_disk(self):
        found = inview.placed(self.lines(np.linspace(0.0005, 0.01, 11), 0.0, 0.002), self.SLIT)
        assert found["center_pic"] == 0 and found["inside"] == 0

    def test_a_stare_at_what_is_smaller_than_the_slit(self):
        found = inview.placed(self.lines(np.full(4, 0.0001), 0.0, 0.0005), self.SLIT)
        assert found["inside"] == 1 and found["center_pixel"] == pytest.approx(4.5)

    def test_beyond_the_slit_and_nowhere(self):
        found = inview.placed(self.lines(np.array([-0.01, 0.01]), -0.02, 0.001), self.SLIT)
        assert found["center_pixel"] == pytest.approx(-15.5) and found["inside"] == 0
        behind = self.lines(np.array([3.0]), 0.0, 0.001)
        for lines, inside in ((behind, 0), (self.lines(np.array([np.nan]), np.nan, 0.001), -1)):
            found = inview.placed(lines, self.SLIT)
            assert np.isnan(found["center_pixel"]) and np.isnan(found["center_pic"])
            assert found["inside"] == inside

    @pytest.mark.parametrize(("along", "inside"), [(0.002, -1), (0.004, 0)])
    def test_a_scan_of_which_a_part_lacks_pointing(self, along, inside):
        """The disk may be cut off where nobody looked, unless it is where somebody did."""
        across = np.append(np.linspace(-0.01, 0.01, 11), np.nan)
        found = inview.placed(self.lines(across, along, 0.002), self.SLIT)
        assert found["inside"] == inside and found["center_pic"] == pytest.approx(5)

    def test_ends_of_a_sphere(self):
        """A sphere of radius r at distance d spans twice the arc sine of r/d, wherever it is."""
        angle = 0.3
        centre = 1e5 * np.array([[0, np.sin(angle), np.cos(angle)]])
        form = centre[:, :, None] * centre[:, None, :] - np.eye(3) * 3e4**2
        ends = inview._ends(form, 1, centre[:, 2])
        half = np.arcsin(0.3)
        np.testing.assert_allclose(ends, [[angle - half, angle + half]], rtol=1e-12)
        assert np.isnan(inview._ends(form, 1, -centre[:, 2])).all()


@pytest.mark.slow
def test_calls_of_spice_are_few(data, monkeypatch):
    """As many for any number of pixels, instants and exposures, and some for each body more."""
    calls = []

    def counted(name, function):
        return lambda *args, **options: (calls.append(name), function(*args, **options))[1]

    for module in (spiceypy, spiceypy.cyice):
        for name, function in list(vars(module).items()):
            if callable(function) and not isinstance(function, type) and name[0] != "_":
                monkeypatch.setattr(module, name, counted(name, function))
    files = synthetic.kernels(data, "2005-331")
    moons = ["MIMAS", "ENCELADUS", "TETHYS", "DIONE", "RHEA", "TITAN", "IAPETUS", "PHOEBE"]

    def number(exposures=3, rows=12, bodies=1, times=3) -> int:
        calls.clear()
        window = Window(2, 0, 61, 1023, line_bin=rows, band_bin=512)
        ets = START_331 + 60.0 * np.linspace(105, 970, exposures)
        ds = synthetic.dataset(ets=ets, target="SATURN", window=window, exposure=30.0)
        ds.uvis.backplanes(files, bodies=moons[:bodies], times=times)
        return len(calls)

    # What is known of the files is read once.
    number()
    one = number()
    assert number(rows=2) == number(times=9) == one > 100
    # Of more exposures some may lie in a shadow, which is looked for by a few calls.
    assert number(exposures=30) < one + 20
    few, many = number(bodies=4), number(bodies=8)
    assert few - one < 3 * 60 and many - few < 4 * 60


def test_the_page_has_every_definition():
    text = PAGE.read_text()
    assert registry.table() in text
    assert f"{1e3 * inview.MARGIN:g} mrad" in text
    assert not re.search(r"\| +\|", registry.table())


def test_ring_incidence_is_that_of_the_label(data):
    """Of the time at which the first exposure ends, without pointing here, and three hours later.

    The label's constants and ephemerides are of 2005: another pole moves it by 0.001 degrees, as
    does the Sun's aberration, and the Sun itself in these hours; it varies by 0.004 over the rings.
    """
    ds = uvisxr.open_product(data / "products" / "FUV2005_230_15_15.LBL").isel(pic=[0])
    files = synthetic.kernels(data, "2005")
    with pytest.warns(UvisWarning, match="no pointing"):
        tree = ds.uvis.backplanes(files, times=["stop"])
    latitude = float(tree["saturn/sub_solar_lat_graphic"][0, 0])
    assert 90 - latitude == pytest.approx(110.69096, abs=2.5e-3)
    later = synthetic.dataset(ets=[177660944.384], target="S RINGS", exposure=0.05)
    rings = later.uvis.backplanes(files, times="mid")["rings"]
    near = rings["ring_incidence"].where(rings["ring_radius"] < 1.5e5)
    assert near.notnull().any()
    assert abs(near - 110.69096).max() < 5e-3
