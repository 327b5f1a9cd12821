"""Rows of a catalogue on real kernels: all bodies in view, rings, a body without a shape."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import spiceypy
from helpers import synthetic
from helpers.products import write_product
from test_catalogue_rows import check_body, column, of, read

import uvisxr
from uvisxr.kernels.session import loaded

#: Kernels, product, target, bodies in view, of which the first is primary if the target is one.
SCENES = {
    "Saturn and moons": ("2005-331", "FUV2005_331_06_00", "SATURN", ["ENCELADUS", "RHEA"]),
    "rings": ("2005-331", "FUV2005_331_12_00", "S RINGS", ["ENCELADUS"]),
    "Enceladus": ("enceladus", "EUV2011_346_04_00", "ENCELADUS", []),
    "Phoebe": ("phoebe", "FUV2004_163_12_00", "PHOEBE", []),
    "Titan": ("titan", "FUV2005_360_08_46", "TITAN", []),
    "a star": ("phoebe", "FUV2004_163_18_00", "STAR", ["PHOEBE"]),
}


@pytest.fixture(scope="module", params=SCENES)
def scene(request, data, tmp_path_factory):
    kernels, name, target, others = SCENES[request.param]
    label = write_product(
        tmp_path_factory.mktemp("real"),
        name,
        samples=10 if kernels == "titan" else 40,
        exposure=300.0 if target == "SATURN" else 60.0,
        band_bin=32,
        line_bin=4,
        lines=(2, 61),
        target=target,
    )
    files = synthetic.kernels(data, kernels)
    return label, files, target, others, read(label, files)


@pytest.mark.filterwarnings("ignore:the kernels do not place Saturn")
def test_bodies_in_view_are_those_of_backplanes(scene):
    label, files, target, others, found = scene
    own = {"S RINGS": ["SATURN"], "STAR": []}.get(target, [target])
    assert found.product["bodies"] == [*own, *others]
    ds = uvisxr.open_product(label)
    tree = ds.uvis.backplanes(files, times=["mid"])
    assert {*own, *others} - {"SATURN"} == {
        name.upper() for name in tree.attrs["bodies"].split()
    } - {"SATURN"}


def test_every_column_of_every_body(scene):
    label, files, target, _, found = scene
    ds = uvisxr.open_product(label)
    primary = 0
    for body in found.product["bodies"]:
        table = of(found, 0, body)
        check_body(table, ds.uvis.geometry(files, target=body))
        is_primary = column(table, "primary")
        assert len(set(is_primary)) == 1
        primary += int(is_primary.sum())
    assert primary + of(found, 0, "").num_rows == found.product["spectra"] == ds.quality.size
    assert bool(of(found, 0, "").num_rows) is (target == "STAR")


def test_rows_of_other_bodies_are_of_exposures_with_them_in_view(scene):
    label, files, _, others, found = scene
    ds = uvisxr.open_product(label)
    for body in others:
        pics = set(column(of(found, 0, body), "pic").astype(int))
        tree = ds.uvis.backplanes(files, bodies=body, times=["mid"])
        least = np.degrees(0.010)
        for pic in range(ds.sizes["pic"]):
            # From the slit's pixels to the disk's centre, less its radius.
            node = tree[body.lower()]
            radius = math.degrees(math.asin(min(1.0, node.attrs["radii"][0] / distance(node, pic))))
            sky = tree["sky"].isel(pic=pic, instant=0)
            away = separation(sky["ra"].values, sky["dec"].values, node, pic) - radius
            if away.min() < least:
                assert pic in pics
            elif away.min() > 2 * least:
                assert pic not in pics


def distance(node, pic) -> float:
    return float(np.linalg.norm(node["sc_position"].isel(pic=pic, instant=0)))


def separation(ra, dec, node, pic) -> np.ndarray:
    place = node.isel(pic=pic, instant=0)
    ra, dec, ra0, dec0 = map(
        np.radians, (ra, dec, float(place["center_ra"]), float(place["center_dec"]))
    )
    cos = np.sin(dec) * np.sin(dec0) + np.cos(dec) * np.cos(dec0) * np.cos(ra - ra0)
    return np.degrees(np.arccos(np.clip(cos, -1, 1)))


def test_a_body_without_rotation_has_its_distance(data, tmp_path):
    label = write_product(tmp_path, "FUV2005_331_06_00", samples=2, target="HYPERION")
    files = synthetic.kernels(data, "2005-331")
    found = read(label, files)
    assert "rotation of HYPERION" in found.product["geometry_note"]
    table = of(found, 0, "HYPERION")
    assert table.num_rows == 120 and set(column(table, "primary")) == {1.0}
    with pytest.warns(uvisxr.UvisWarning, match="rotation of HYPERION"):
        ds = uvisxr.open_product(label).uvis.geometry(files)
    expected = np.repeat(ds["target_distance"].values, 60)
    np.testing.assert_allclose(column(table, "distance"), expected, rtol=1e-7)
    assert table["lon"].null_count == table["on_disk"].null_count == 120
    assert table["ra"].null_count == 0


def test_rings_before_a_star_have_saturns_rows(data, tmp_path):
    label = write_product(
        tmp_path, "FUV2005_232_12_00", samples=60, exposure=300.0, line_bin=10, target="STAR"
    )
    files = synthetic.kernels(data, "2005-232")
    found = read(label, files)
    table = of(found, 0, "SATURN")
    ds = uvisxr.open_product(label).uvis.geometry(files, target="SATURN")
    radius = ds["ring_radius"].values
    pics, pixels = np.nonzero((radius > 74_510) & (radius < 136_780))
    assert pics.size > 100 and not ds["on_disk"].values.any()
    rows = set(zip(column(table, "pic"), column(table, "pixel"), strict=True))
    assert set(zip(pics, pixels, strict=True)) <= rows
    check_body(table, ds)


def test_the_sun_through_its_port(data, tmp_path):
    label = write_product(tmp_path, "EUV2005_331_06_00", samples=3, band_bin=64, target="SUN")
    label.write_text(label.read_text().replace("ODC_ID", "OCCULTATION_PORT_STATE = OPEN\r\nODC_ID"))
    files = synthetic.kernels(data, "2005-331")
    found = read(label, files)
    assert (found.product["optics"], found.product["bodies"]) == ("solar_port", ["SUN"])
    check_body(of(found, 0, "SUN"), uvisxr.open_product(label).uvis.geometry(files))


def test_rays_at_saturn_against_scalar_spice(data, tmp_path):
    label = write_product(
        tmp_path, "FUV2005_331_07_20", samples=16, exposure=600.0, line_bin=6, target="SATURN"
    )
    files = synthetic.kernels(data, "2005-331")
    table = of(read(label, files), 0, "SATURN").to_pylist()
    et = uvisxr.open_product(label)["et"].values
    met = back = 0
    with loaded(files):
        for row in table:
            when = et[row["pic"]]
            place, _ = spiceypy.spkpos("SATURN", when, "J2000", "CN", "CASSINI")
            assert row["distance"] == pytest.approx(spiceypy.vnorm(place), rel=1e-7)
            sky = spiceypy.radrec(1.0, *np.radians([row["ra"], row["dec"]]))
            where = ("CN+S", "CASSINI", "J2000", sky)
            try:
                point, *_ = spiceypy.sincpt("ELLIPSOID", "SATURN", when, "IAU_SATURN", *where)
            except spiceypy.NotFoundError:
                assert row["on_disk"] is False
                aside = math.degrees(spiceypy.vsep(place, sky))
                # A few degrees are the planet's flatness.
                if row["alt"] is None:
                    assert aside > 85 and row["lat"] is row["ems"] is None
                    back += 1
                else:
                    assert aside < 95 and row["alt"] > -1.0
                continue
            met += 1
            _, phase, sza, ems, *_ = illumination(when, point)
            # Directions in single precision are right to 3e-7 rad.
            off = np.degrees(3e-7 * row["distance"] / 54_364 / math.cos(math.radians(row["ems"])))
            _, lon, lat = np.degrees(spiceypy.reclat(point))
            assert abs((row["lon"] + lon + 180) % 360 - 180) < 1e-4 + 20 * off
            assert row["lat"] == pytest.approx(lat, abs=1e-4 + off)
            for name, value in {"phase": phase, "sza": sza, "ems": ems}.items():
                assert row[name] == pytest.approx(math.degrees(value), abs=1e-4 + 2 * off)
    assert met > 10 and back > 10


def illumination(et: float, point: np.ndarray) -> tuple:
    """Epoch, then phase, incidence and emission angles, by `ilumin`."""
    epoch, _, *angles = spiceypy.ilumin(
        "ELLIPSOID", "SATURN", et, "IAU_SATURN", "CN+S", "CASSINI", point
    )
    return (epoch, *angles)


def test_poles_within_pixels(data, tmp_path):
    """Enceladus, smaller than a pixel of many rows: some hold a pole."""
    label = write_product(
        tmp_path, "FUV2011_346_04_00", samples=100, exposure=60.0, line_bin=12, target="ENCELADUS"
    )
    table = of(read(label, synthetic.kernels(data, "enceladus")), 0, "ENCELADUS")
    low, high = column(table, "lon_min"), column(table, "lon_max")
    around = (low == 0) & (high == 360)
    assert around.any() and not around.all()
    ends = column(table, "lat_min") == -90, column(table, "lat_max") == 90
    np.testing.assert_array_equal(around, ends[0] | ends[1])


def test_real_products(data, aurora_label):
    rings = read(data / "products" / "FUV2005_230_15_15.LBL", data / "kernels")
    assert (rings.product["counts"], rings.product["spectra"]) == (7_671_819, 1600)
    assert (rings.product["pointing"], rings.product["bodies"]) == ("none", [])
    assert "no pointing" in rings.product["geometry_note"]
    assert (rings.product["target"], rings.product["dark_line"]) == ("S RINGS", 25 * 5)
    aurora = read(aurora_label, data / "kernels")
    assert (aurora.product["counts"], aurora.product["spectra"]) == (770_117, 1151 * 64)
    sums = column(aurora.spectra, "counts")
    assert sums.sum() == 770_117
    expected = uvisxr.open_product(aurora_label).uvis.rate()["quality"].values
    np.testing.assert_array_equal(column(aurora.spectra, "quality"), expected.ravel())


@pytest.mark.slow
def test_memory_of_a_long_product(data, tmp_path):
    label = write_product(
        tmp_path,
        "FUV2004_163_12_00",
        np.ones((1151, 64, 1), np.uint16) * np.ones(1024, np.uint16),
        exposure=8.0,
        lines=(0, 63),
        target="PHOEBE",
    )
    files = synthetic.kernels(data, "phoebe")
    tracemalloc.start()
    try:
        found = read(label, files)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.spectra.num_rows == 1151 * 64
    # The data file alone has 151 MB.
    assert peak < 120e6
