"""Poles and limbs within pixels: against finer and finer grids of each pixel's rays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from uvisxr.catalogue import summits
from uvisxr.geometry.rays import Rays, TargetState
from uvisxr.geometry.sight import Sight
from uvisxr.kernels.bodies import Body
from uvisxr.numerics import sphere
from uvisxr.numerics.constants import SPEED_OF_LIGHT

#: Bodies of one radius, and quite unlike a sphere.
MOON, POTATO = np.array([252.0, 252.0, 252.0]), np.array([180.0, 133.0, 103.0])


def state_of(radii, spacecraft, moving=True) -> TargetState:
    """Of a body that turns in an hour, and moves as moons do."""
    spacecraft = np.asarray(spacecraft, float)

    def rows(*vector: float) -> np.ndarray:
        return np.array(vector, float)[None, None] * moving

    return TargetState(
        body=Body("MOON", 1, radii, "MOON"),
        light_time=np.array([[np.linalg.norm(spacecraft) / SPEED_OF_LIGHT]]),
        spacecraft=spacecraft[None, None],
        sun=rows(1e9, 0, 0),
        velocity=rows(8, -9, 3),
        spacecraft_velocity=rows(-12, 7, 10),
        spin=rows(0, 0, 2e-3),
        node=np.zeros((1, 1)),
    )


def turned(direction: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Axes across a direction; of no angle the second points up."""
    x = np.cross(direction, [0, 0, 1])
    x /= np.linalg.norm(x)
    y = np.cross(x, direction)
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def latitudes(state: TargetState, pixel: tuple, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Of what rays at places -1 to 1 in a pixel look at."""
    middle, x, y = pixel
    rays = middle + u.ravel()[:, None] * x + v.ravel()[:, None] * y
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    points = Sight.of(Rays.of(state, rays[None])).points()
    return sphere.latitude(points.position[0])


def greatest(state: TargetState, pixel: tuple, sign: int) -> tuple[float, bool]:
    """Greatest latitude in a pixel, or the least; and whether it is within, not at an edge."""
    middle, *sides = pixel
    side = np.linspace(-1, 1, 25)
    grid = np.meshgrid(side, side)
    # Axes to the right and up along which a step is as long as the pixel: the limb is a ridge.
    right = np.cross(middle, [0, 0, 1])
    axes = [
        np.array([axis @ one / (one @ one) for one in sides]) * np.linalg.norm(sides[0])
        for axis in (right, np.array([0, 0, 1]))
    ]
    every = sign * latitudes(state, pixel, *grid)
    found = []
    # From the best of each part, as there may be hills beside the highest.
    parts = np.add.outer(5 * (np.arange(25) // 5), np.arange(25) // 5).ravel()
    starts = [k[every[k].argmax()] for k in (np.flatnonzero(parts == n) for n in range(25))]
    for start in sorted(starts, key=lambda k: -every[k])[:4]:
        u, v, step = grid[0].flat[start], grid[1].flat[start], 0.08
        while step > 1e-4:
            a, b = np.meshgrid(*[np.linspace(-1, 1, 7) * step] * 2)
            us = np.clip(u + a * axes[0][0] + b * axes[1][0], -1, 1)
            vs = np.clip(v + a * axes[0][1] + b * axes[1][1], -1, 1)
            lat = sign * latitudes(state, pixel, us, vs)
            at = lat.argmax()
            u, v, step = us.flat[at], vs.flat[at], step / 2
        found.append((float(lat[at]), bool(max(abs(u), abs(v)) < 0.999)))
    lat, inside = max(found)
    return sign * lat, inside


def check(radii, away: float, height: float, offset, angle: float, size) -> np.ndarray:
    """The latitudes that a pixel near the body is said to hold, after a look whether it is true."""
    spacecraft = np.array([np.sqrt(away**2 - height**2), 0, height])
    spacecraft[:2] = [[0.6, -0.8], [0.8, 0.6]] @ spacecraft[:2]
    state = state_of(radii, spacecraft)
    middle = -spacecraft / away + state.spacecraft_velocity[0, 0] / SPEED_OF_LIGHT
    x, y = turned(middle, angle)
    middle = middle + offset[0] * x + offset[1] * y
    x, y = size[0] * x, size[1] * y
    corners = np.stack([middle - x - y, middle + x - y, middle + x + y, middle - x + y])
    direction, lat = summits.of(state)
    held = lat[summits.within(corners[None], direction)[..., 0]]
    for sign in (-1, 1):
        most, inside = greatest(state, (middle, x, y), sign)
        assert (sign * held <= sign * most + 0.1).all(), (held, most)
        if inside:
            assert (sign * held).max(initial=-90) == pytest.approx(
                sign * most, abs=0.1 + 0.3 * (radii is POTATO)
            )
    return held


@pytest.mark.slow
@pytest.mark.parametrize("radii", [MOON, POTATO], ids=["round", "triaxial"])
def test_pixels_as_large_as_the_body(radii):
    """At random, from above the equator, about it and below."""
    rng = np.random.default_rng(5)
    radius, polar = radii[0], radii[2]
    said = []
    for k in range(12):
        away = radius * rng.uniform(300, 3000)
        height = [0.5 * polar, -0.9 * polar, *np.multiply(away, [0.2, -0.3, 0.6, -0.9])][k % 6]
        size = np.array([0.75, 0.5]) * rng.uniform(0.5, 3) * radius / away
        offset = rng.uniform(-1, 1, 2) * radius / away
        held = check(radii, away, height, offset, rng.uniform(0, 6.3), size)
        said.append([(held == -90).any(), (held == 90).any(), (abs(held) < 90).any()])
    south, north, limb = np.transpose(said)
    assert min(south.sum(), north.sum(), limb.sum()) > 0
    # Neither is seen from between their planes.
    assert not (south | north).reshape(-1, 6)[:, :2].any()


@pytest.mark.parametrize("height", [-9, -1.1, -1.001, -0.999, 0, 0.9, 0.999, 1.001, 1.3, 200])
def test_rays_meet_what_is_said(height):
    """Also where the spacecraft is hardly above the plane that touches the pole, or below."""
    polar = POTATO[2]
    for away in (3e3, 1e5, 1e6):
        if away < 2 * abs(height) * polar:
            continue
        state = state_of(POTATO, (away * 0.6, -away * 0.8, height * polar))
        direction, lat = summits.of(state)
        sight = Sight.of(Rays.of(state, direction))
        found = sphere.latitude(sight.points().position)
        np.testing.assert_allclose(found, lat, atol=0.05, rtol=0)
        seen = np.array([height > 1, height < -1])
        assert (abs(lat[0, :2]) == 90).tolist() == seen.tolist()
        # Surface points are where the ground begins, and on its level the axis.
        assert sight.altitude[0, :2] == pytest.approx(0, abs=2 + 2 * seen.any() * polar)
        if seen.any():
            assert sight.altitude[0, 2] == pytest.approx(polar * (abs(height) - 1), rel=0.02)
        else:
            assert np.isnan(direction[0, 2]).all()


@pytest.mark.parametrize("angle", [0.0, np.pi])
def test_tangent_points_on_the_axis(angle):
    """Far past the body, where the ray is at right angles to the axis."""
    for up, held in ((0.04, [90]), (-0.04, [])):
        up *= np.cos(angle)
        found = check(MOON, 1e3 * 252, 40 * 252, (0, up), angle, (1e-3, 1e-3))
        assert found.tolist() == held


def test_a_pixel_of_all():
    """Around it the longitudes of corners go back as often as on."""
    held = check(MOON, 1e3 * 252, 40 * 252, (0, 0), 0.0, (0.05, 0.05))
    assert held.tolist() == [90, pytest.approx(-90 + np.rad2deg(0.04), abs=0.1), 90]


def test_one_of_two_neighbours_has_the_pole():
    """Of pixels side by side exactly one, but for a pole on their edge."""
    state = state_of(MOON, (4e5, 0.0, 5e4))
    direction, lat = summits.of(state)
    assert lat[0].tolist() == [90, pytest.approx(-82.9, abs=0.1), 90]
    pole = direction[0, 0]
    x, y = (1e-3 * axis for axis in turned(pole, 0.4))
    edges = np.linspace(-9.9, 9.9, 12)
    corners = np.array(
        [
            [pole + a * x - y, pole + b * x - y, pole + b * x + y, pole + a * x + y]
            for a, b in itertools.pairwise(edges)
        ]
    )
    assert np.flatnonzero(summits.within(corners, pole)).tolist() == [5]
    # Whichever way round the corners are.
    assert np.flatnonzero(summits.within(corners[:, ::-1], pole)).tolist() == [5]


def test_unknown_places():
    state = state_of(MOON, (np.nan, np.nan, np.nan))
    direction, _ = summits.of(state)
    assert np.isnan(direction).all()
    assert not summits.within(np.ones((2, 4, 3)), direction).any()
