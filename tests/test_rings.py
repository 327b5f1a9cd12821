"""Ring-plane crossings against scalar SPICE calls, and in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
from helpers import synthetic

from uvisxr.geometry.ephemeris import Ephemeris
from uvisxr.geometry.rays import Rays, TargetState, crossings, intercepts
from uvisxr.geometry.rings import ring_fields
from uvisxr.kernels.bodies import Body
from uvisxr.kernels.session import loaded
from uvisxr.numerics import sphere
from uvisxr.numerics.constants import SPEED_OF_LIGHT

ET = 177660944.384


def scene_at(spacecraft, sun=(1e9, 0, 1e8)) -> TargetState:
    """Saturn at rest, without spin, seen from a place in its own frame."""
    still = np.zeros((1, 1, 3))
    far = np.linalg.norm(spacecraft) / SPEED_OF_LIGHT
    return TargetState(
        body=Body("SATURN", 699, np.array([60268.0, 60268.0, 54364.0]), "IAU_SATURN"),
        light_time=np.array([[far]]),
        spacecraft=np.array([[spacecraft]], float),
        sun=np.array([[sun]], float),
        velocity=still,
        spacecraft_velocity=still,
        spin=still,
        node=np.array([[30.0]]),
    )


def fields_of(state: TargetState, direction) -> dict[str, np.ndarray]:
    rays = Rays.of(state, sphere.unit(np.array([direction], float)))
    return ring_fields(rays, crossings(rays), intercepts(rays).distance)


def test_closed_form_from_above_the_pole():
    # From 3e5 km above the pole at 45 degrees: the plane is met at a radius of 3e5 km.
    found = fields_of(scene_at((0, 0, 3e5)), [[1, 0, -1], [0, 1, -1]])
    np.testing.assert_allclose(found["ring_radius"], 3e5, rtol=1e-12)
    np.testing.assert_allclose(found["ring_longitude"], [[330, 60]], rtol=1e-12)
    np.testing.assert_allclose(found["ring_emission"], 45, rtol=1e-12)
    tilt = np.rad2deg(np.arctan2(1e8, 1e9 - 3e5))
    assert found["ring_incidence"][0, 0] == pytest.approx(90 - tilt, abs=1e-9)
    # At (3e5, 0, 0) the spacecraft is 45 degrees up, towards the planet; the Sun beyond the point.
    assert found["ring_phase"][0, 0] == pytest.approx(135 - tilt, abs=1e-9)
    np.testing.assert_array_equal(found["ring_in_front"], 1)


def test_emission_from_the_south_is_above_ninety():
    found = fields_of(scene_at((0, 0, -3e5)), [[1, 0, 1]])
    np.testing.assert_allclose(found["ring_emission"], 135, rtol=1e-12)


def test_rings_before_and_behind_the_planet():
    state = scene_at((4e5, 0, 1e5))
    # Aimed at ring points this side of the planet, behind it, and beside it.
    aim = np.array([[8e4, 0, 0], [-7e4, 0, 0], [-8e4, 1.2e5, 0]])
    found = fields_of(state, aim - [4e5, 0, 1e5])
    np.testing.assert_allclose(found["ring_radius"], [[8e4, 7e4, np.hypot(8e4, 1.2e5)]], rtol=1e-9)
    np.testing.assert_array_equal(found["ring_in_front"], [[1, 0, 1]])


def test_a_ray_that_never_crosses_the_plane():
    found = fields_of(scene_at((4e5, 0, 1e5)), [[-1, 0, 1e-3], [0, 1, 0]])
    for name in ("radius", "longitude", "emission", "incidence", "phase"):
        assert np.isnan(found[f"ring_{name}"]).all()
    np.testing.assert_array_equal(found["ring_in_front"], 0)


def test_a_ray_within_the_plane_gives_no_crossing_and_no_error():
    with np.errstate(invalid="ignore", divide="ignore"):
        found = fields_of(scene_at((4e5, 0, 0)), [[-1, 0.3, 0]])
    assert np.isnan(found["ring_radius"]).all()


def test_against_scalar_spice(data):
    rng = np.random.default_rng(8)
    files = synthetic.kernels(data, "2005")
    with loaded(files):
        body = Body.of("S RINGS")
        ephemeris = Ephemeris.of(body, np.array([ET]))
        centre = sphere.unit(ephemeris.position[0])
        sky = sphere.unit(centre + rng.normal(size=(300, 3)) * 0.06)
        rays = Rays.of(TargetState.of(body, ephemeris), (sky @ ephemeris.rotation[0].T)[None])
        surface = intercepts(rays)
        with np.errstate(invalid="ignore"):
            fields = ring_fields(rays, crossings(rays), surface.distance)
        found = {name: values[0] for name, values in fields.items()}
        craft = spiceypy.spkssb(-82, ET, "J2000")
        crossed = behind = 0
        for i, apparent in enumerate(sky):
            true = apparent - craft[3:] / spiceypy.clight()
            light = ephemeris.light_time[0]
            for _ in range(5):
                saturn = spiceypy.spkssb(699, ET - light, "J2000")
                pole = spiceypy.pxform("IAU_SATURN", "J2000", ET - light)[:, 2].copy()
                plane = spiceypy.nvp2pl(pole, np.zeros(3))
                count, point = spiceypy.inrypl(craft[:3] - saturn[:3], true, plane)
                if count != 1:
                    break
                light = np.linalg.norm(point + saturn[:3] - craft[:3]) / spiceypy.clight()
            if count != 1:
                assert np.isnan(found["ring_radius"][i])
                continue
            crossed += 1
            node = np.cross([0, 0, 1], pole)
            longitude = np.arctan2(point @ np.cross(pole, node), point @ node)
            assert found["ring_radius"][i] == pytest.approx(np.linalg.norm(point), rel=1e-8)
            turn = (found["ring_longitude"][i] - np.rad2deg(longitude) + 180) % 360 - 180
            assert abs(turn) < 1e-6
            emission = np.rad2deg(spiceypy.vsep(pole, -apparent))
            assert found["ring_emission"][i] == pytest.approx(emission, abs=1e-6)
            observer = np.concatenate([saturn[:3] + point, saturn[3:]])
            sun, _, _ = spiceypy.spkltc(10, ET - light, "J2000", "LT", observer)
            seen = spiceypy.stelab(sun[:3], saturn[3:])
            incidence = np.rad2deg(spiceypy.vsep(pole, seen))
            assert found["ring_incidence"][i] == pytest.approx(incidence, abs=1e-5)
            phase = np.rad2deg(spiceypy.vsep(seen, -apparent))
            assert found["ring_phase"][i] == pytest.approx(phase, abs=1e-5)
            try:
                _, _, path = spiceypy.sincpt(
                    "ELLIPSOID", "SATURN", ET, "IAU_SATURN", "CN+S", "CASSINI", "J2000", apparent
                )
            except spiceypy.NotFoundError:
                front = True
            else:
                front = light < np.linalg.norm(path) / spiceypy.clight()
            behind += not front
            assert found["ring_in_front"][i] == front
    assert crossed > 200 and behind > 20


def test_only_ringed_planets_have_ring_fields(data):
    files = synthetic.kernels(data, "2005")
    for target, expected in (("S RINGS", True), ("SATURN", True), ("TITAN", False)):
        found = synthetic.dataset(target=target).uvis.geometry(files, times=ET)
        assert ("ring_radius" in found.coords) is expected
        assert ("ring_in_front_corners" in found.coords) is expected
        assert found.attrs["geometry_target"] == ("SATURN" if expected else "TITAN")
