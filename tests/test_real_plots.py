"""Scenes, stars and images on real kernels, against SPICE itself."""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import spiceypy
import xarray as xr
from helpers import starlist
from helpers.synthetic import ENCELADUS_ET, PHOEBE_ET, TITAN_ET, dataset, kernels

from uvisxr import image
from uvisxr.drawing.sky import Around
from uvisxr.drawing.style import style
from uvisxr.errors import CoverageError, UvisWarning
from uvisxr.geometry import outline, views
from uvisxr.geometry.rings import RINGS
from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import loaded
from uvisxr.numerics import raster, sphere
from uvisxr.plot.picture import picture
from uvisxr.plot.scene import Framing, Stage, draw, geometry
from uvisxr.stars import predict
from uvisxr.stars.catalogue import directions, julian_year, read

_SCENES = {"titan": TITAN_ET, "enceladus": ENCELADUS_ET, "phoebe": PHOEBE_ET}


@pytest.fixture(scope="module", params=list(_SCENES))
def located(request, data) -> tuple[xr.Dataset, list]:
    """Three exposures, ten minutes apart at most, and the kernels they are made with."""
    name = request.param
    files = kernels(data, name)
    window = Window(0, 0, 63, 1023, band_bin=256)
    ets = _SCENES[name] + np.array([-120.0, 0.0, 120.0])
    ds = dataset(ets=ets, target=name.upper(), window=window)
    return ds.uvis.geometry(kernels=files), files


def _with_radiance(ds: xr.Dataset, level: float) -> xr.Dataset:
    value = xr.full_like(ds["counts"], level, dtype=float).assign_attrs(units="kR angstrom-1")
    bounds = {f"radiance_{side}": 0.1 * value for side in ("upper", "lower")}
    return ds.assign(radiance=value).assign_coords(bounds)


def test_target_of_the_dataset_is_where_spice_has_it(located):
    ds, files = located
    view = views.target(ds)
    name = ds.attrs["geometry_target"]
    with loaded(files):
        for i, et in enumerate(ds["et"].values):
            state, light = spiceypy.spkpos(name, et, "J2000", "CN", "CASSINI")
            turn = spiceypy.pxform("J2000", f"IAU_{name}", et - light)
            np.testing.assert_allclose(view.rotation[i], turn, atol=1e-12)
            np.testing.assert_allclose(view.observer[i], -turn @ state, rtol=1e-9, atol=1e-6)
            seen, _ = spiceypy.spkpos(name, et, "J2000", "CN+S", "CASSINI")
            # stelab is of first order in v/c.
            np.testing.assert_allclose(view.centre[i], sphere.unit(seen), atol=2e-8)
            sun, _ = spiceypy.spkpos("SUN", et - light, f"IAU_{name}", "LT", name)
            # The near point of the Sun holds the aberration by the body's motion, 1e-4 rad.
            np.testing.assert_allclose(
                view.sun[i] / np.linalg.norm(sun), sphere.unit(sun), atol=2e-4
            )


def test_limb_is_that_of_edlimb(located):
    ds, _ = located
    view = views.target(ds)
    for i in range(ds.sizes["pic"]):
        points = outline.limb(view.observer[i], view.radii)
        oracle = spiceypy.edlimb(*view.radii, view.observer[i])
        axes = np.stack([oracle.semi_major, oracle.semi_minor])
        offset = points - oracle.center
        place = np.linalg.lstsq(axes.T, offset.T, rcond=None)[0].T
        np.testing.assert_allclose(np.hypot(*place.T), 1.0, atol=1e-6)
        np.testing.assert_allclose(place @ axes, offset, atol=1e-6)


def test_drawn_limb_parts_the_pixels_on_and_off_the_disk(located):
    ds, _ = located
    for i in (0, 2):
        ax = geometry(ds, i, bodies=())
        found = ax.findobj(lambda a: str(a.get_gid()).startswith("disk:"))
        if not found:
            continue
        view = views.target(ds).at(i)
        place = Around(view.centre)(sphere.vectors(ds["ra"].values[i], ds["dec"].values[i]))
        inside = found[0].get_path().contains_points(place)
        # Within the sagitta of the limb's chords a pixel may fall to either side.
        near = np.abs(ds["alt"].values[i]) < 1e-3 * view.radii[0]
        np.testing.assert_array_equal(inside[~near], ds["on_disk"].values[i][~near] == 1)


def test_slit_of_a_part_is_that_of_the_whole(located, data):
    ds, _ = located
    part = ds.isel(pixel=slice(20, 27))
    np.testing.assert_allclose(views.slit(part), views.corners(ds), atol=1e-12)


def test_other_bodies_come_from_the_kernels(located):
    ds, files = located
    found = {view.name: view for view in views.others(ds, files)}
    assert ds.attrs["geometry_target"] not in found
    assert {"EARTH", "VENUS"} <= set(found)
    if ds.attrs["geometry_target"] == "PHOEBE":
        assert {"SATURN", "TITAN", "RHEA"} <= set(found)
        with loaded(files):
            et = ds["et"].values[1]
            seen, _ = spiceypy.spkpos("SATURN", et, "J2000", "CN+S", "CASSINI")
        np.testing.assert_allclose(found["SATURN"].centre[1], sphere.unit(seen), atol=2e-8)
        assert found["SATURN"].distance[1] == pytest.approx(np.linalg.norm(seen), rel=1e-8)
        only = views.others(ds, files, ["DIONE"])
        assert [view.name for view in only] == ["DIONE"]


def test_bodies_without_ephemeris_are_left_out_with_a_warning(located):
    ds, files = located
    asked = ["EARTH", "PLUTO", "HYPERION"]
    with pytest.warns(UvisWarning) as caught:
        found = views.others(ds, files, asked)
    assert [view.name for view in found] == ["EARTH"]
    said = {str(one.message).partition(" ")[0]: str(one.message) for one in caught}
    assert said.keys() == {"PLUTO", "HYPERION"}
    assert said["PLUTO"].startswith("PLUTO is left out: no position of PLUTO")
    assert all(one.filename == __file__ for one in caught)
    with pytest.warns(UvisWarning, match="PLUTO is left out"):
        ax = geometry(ds, 1, kernels=files, bodies=["PLUTO"])
    assert ax.findobj(lambda a: str(a.get_gid()).startswith("pixels"))


def test_without_the_spacecraft_no_body_is_to_blame(located, data):
    ds, _ = located
    with pytest.raises(CoverageError, match="no position of CASSINI"):
        views.others(ds, [data / "kernels" / "spk" / "de421.bsp"], ["EARTH"])


def test_a_body_that_is_covered_now_and_then(data, tmp_path):
    files = kernels(data, "phoebe")
    ds = dataset(ets=[PHOEBE_ET, PHOEBE_ET + 60.0], target="PHOEBE").uvis.geometry(kernels=files)
    stage = Stage.of(ds, files, ["SATURN"], None)
    (saturn,) = stage.others
    saturn.observer[1] = np.nan
    for index, expected in ((0, True), (1, False)):
        ax = plt.figure().add_subplot()
        frame = Framing("manual", None, (-30, 30), (-30, 30), None)
        draw(ax, stage, index, frame, style())
        assert bool(ax.findobj(lambda a: str(a.get_gid()).endswith(":SATURN"))) == expected


@pytest.mark.slow
def test_every_mode_is_drawn(located):
    ds, files = located
    for mode in ("target", "fov", "allsky"):
        ax = geometry(ds, 1, mode=mode, kernels=files, annotate="alt" if mode == "fov" else None)
        gids = {str(a.get_gid()) for a in ax.findobj() if a.get_gid()}
        name = ds.attrs["geometry_target"]
        assert "slit" in gids
        if mode == "target":
            assert {f"limb:{name}", f"graticule:{name}", "sub_spacecraft"} <= gids
        ax.figure.canvas.draw()


def test_saturn_has_rings_and_the_nearer_body_lies_above(data):
    files = kernels(data, "phoebe")
    ds = dataset(ets=[PHOEBE_ET], target="SATURN").uvis.geometry(kernels=files)
    ax = geometry(ds, 0, mode="manual", xlim=(-30, 30), ylim=(-30, 30), kernels=files)
    (rings,) = ax.findobj(lambda a: a.get_gid() == "rings:SATURN")
    drawn = np.concatenate([path.vertices for path in rings.get_paths()])
    view = views.target(ds).at(0)
    width = np.rad2deg(140_270.0 / view.distance)
    assert np.nanmax(np.hypot(*drawn.T)) == pytest.approx(width, rel=0.02)
    others = {v.name: v.at(0) for v in views.others(ds, files)}
    order = {
        str(a.get_gid()).split(":")[1]: a.get_zorder()
        for a in ax.findobj(lambda a: str(a.get_gid()).split(":")[0] in ("limb", "body"))
    }
    distance = {name: float(v.distance) for name, v in others.items()} | {
        "SATURN": float(view.distance)
    }
    names = sorted(order, key=lambda n: order[n])
    assert len(names) > 3
    assert [distance[n] for n in names] == sorted((distance[n] for n in names), reverse=True)


def test_a_star_behind_the_body_is_not_predicted(located):
    ds, _ = located
    view = views.target(ds)
    i = 1
    assert (ds["on_disk"].values[i] == 1).any()
    column = ds["alt"].values[i]
    hidden, free = int(column.argmin()), int(column.argmax())
    seen = sphere.vectors(ds["ra"].values[i, [hidden, free]], ds["dec"].values[i, [hidden, free]])
    # True places of stars that appear in the middle of these pixels.
    true = sphere.unit(seen - view.velocity[i] / 299792.458)
    found = predict.predict_stars(ds, starlist.catalogue(true, 3.0))
    assert found["star_count"].values[i, hidden] == 0
    assert found["star_count"].values[i, free] == 1


def test_stars_appear_where_stelab_has_them(located):
    ds, _ = located
    catalogue = read()
    corners, view = views.corners(ds), views.target(ds)
    wide = np.repeat(corners[:, :1], corners.shape[1], axis=1)
    # A circle of the whole sky takes in every star.
    wide[:, 0], wide[:, 1] = -corners[:, 0], corners[:, 0]
    pic, star, place = predict.candidates(ds, catalogue, wide)
    assert set(star) == set(range(60))
    for p, s, apparent in list(zip(pic, star, place, strict=True))[::17]:
        year = float(julian_year(ds["et"].values[p]))
        true = directions(catalogue.isel(star=[s]), year)[0]
        oracle = spiceypy.stelab(1e15 * true, view.velocity[p])
        np.testing.assert_allclose(apparent, sphere.unit(oracle), atol=2e-8)


def test_footprints_have_the_solid_angle_of_the_pixels(located):
    ds, _ = located
    polygons = image.footprints(ds)
    area = np.abs(raster.signed_areas(polygons.reshape(-1, 4, 2))).reshape(polygons.shape[:2])
    # The low-resolution slit of the FUV channel: 1.5 by 1 mrad a row [Esposito et al. 2004].
    view = views.target(ds)
    aside = np.einsum("npi,ni->np", sphere.vectors(ds["ra"].values, ds["dec"].values), view.centre)
    # On a plane a solid angle grows with the cube of the secant.
    expected = 1.5e-6 * view.distance[:, None] ** 2 / aside**3
    np.testing.assert_allclose(area, expected, rtol=0.02)


def test_uniform_light_gives_a_uniform_picture(located):
    ds, _ = located
    found = image.image(_with_radiance(ds, 0.01), nx=80, ny=80, method="trapezoid")
    seen = found.values[np.isfinite(found.values)]
    assert seen.size > 100
    assert np.ptp(seen) < 1e-9 * seen.mean()
    cell = float(np.diff(found.x)[0] * np.diff(found.y)[0])
    good = ds["quality"].values == 0
    area = np.abs(raster.signed_areas(image.footprints(ds)[good])).sum()
    assert float(found.footprints.sum()) * cell == pytest.approx(area, rel=0.01)


def test_picture_shows_the_body_at_its_size(located):
    ds, _ = located
    ax = picture(_with_radiance(ds, 0.01), nx=60)
    (limb,) = ax.findobj(lambda a: str(a.get_gid()).startswith("limb:"))
    view = views.target(ds).at(1)
    mean = np.hypot(*np.concatenate([path.vertices for path in limb.get_paths()]).T).mean()
    # The limb is nearer than the centre and seems larger.
    expected = view.radii.mean() / np.sqrt(1 - (view.radii.mean() / float(view.distance)) ** 2)
    assert mean == pytest.approx(expected, rel=0.15 if ds.attrs["target"] == "PHOEBE" else 0.02)


def test_around_no_body_all_bodies_are_others(data):
    files = kernels(data, "phoebe")
    ds = dataset(ets=[PHOEBE_ET], target="SATURN")
    ds, near = (ds.uvis.geometry(kernels=files, target=name) for name in ("STAR", "SATURN"))
    found = {view.name: view for view in views.others(ds, files)}
    assert {"SATURN", "TITAN", "EARTH"} <= found.keys()
    np.testing.assert_allclose(found["SATURN"].centre, views.target(near).centre, atol=1e-9)
    ax = geometry(ds, mode="allsky", kernels=files)
    gids = {str(a.get_gid()) for a in ax.findobj() if a.get_gid()}
    assert {"slit", "body:TITAN", "sun"} <= gids


def test_rings_lie_where_the_kernel_of_constants_has_them(data):
    text = (data / "kernels" / "pck" / "cpck15Dec2017.tpc").read_text()
    numbers = {"A": 1, "B": 3, "C": 4, "D": 5, "F": 7}
    for name, number in numbers.items():
        row = re.search(rf"BODY699_RING{number} +=\s+\(([^)]*)\)", text)
        assert row is not None
        assert tuple(float(x) for x in row[1].split()[:2]) == RINGS[name]
    assert RINGS.keys() == numbers.keys()
