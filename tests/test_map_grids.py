"""Areas on spheroids, and the grids of maps, against integrals and published formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import elliprg

from uvisxr.maps.grids import Cylindrical, Polar, covered
from uvisxr.maps.spheroid import Spheroid
from uvisxr.maps.triaxial import Triaxial
from uvisxr.numerics import sphere
from uvisxr.numerics.overlaps import overlaps

SATURN, SPHERE, LEMON = Spheroid(61368.0, 55464.0), Spheroid(252.0, 252.0), Spheroid(250.0, 254.0)
BODIES = pytest.mark.parametrize("body", [SATURN, SPHERE, LEMON])


def _zone(body: Spheroid, lat: float) -> float:
    """Area from the equator to a planetographic latitude: r ds, integrated."""
    a, b = body.equator, body.pole

    def ring(p: float) -> float:
        w = a * a * np.cos(p) ** 2 + b * b * np.sin(p) ** 2
        return (a * a * np.cos(p) / np.sqrt(w)) * (a * a * b * b / w**1.5)

    return quad(ring, 0.0, np.deg2rad(lat), epsabs=0, epsrel=1e-12)[0]


@BODIES
@pytest.mark.parametrize("lat", [-80.0, -3.0, 0.0, 20.0, 74.0, 89.9, 90.0])
def test_zones_are_integrals_of_rings(body, lat):
    s = np.sin(np.deg2rad(lat))
    assert body.zone(s) == pytest.approx(_zone(body, lat), rel=1e-11, abs=1e-9)
    assert body.sine_of(body.zone(np.array([s])))[0] == pytest.approx(s, abs=1e-14)


def test_the_surface_of_an_oblate_body():
    """S = 2 pi a² (1 + (1 - e²) / e artanh e)."""
    a, e = SATURN.equator, np.sqrt(1 - (SATURN.pole / SATURN.equator) ** 2)
    expected = 2 * np.pi * a * a * (1 + (1 - e * e) / e * np.arctanh(e))
    assert SATURN.surface == pytest.approx(expected, rel=1e-13)


@BODIES
def test_planetographic_latitudes(body):
    lat = np.array([-90.0, -60.0, 0.0, 45.0, 89.0, 90.0])
    with np.errstate(over="ignore"):
        tan = np.tan(np.deg2rad(lat)) * (body.equator / body.pole) ** 2
    assert np.allclose(body.sine(lat), np.sin(np.arctan(tan)), atol=1e-13)
    assert np.allclose(body.centric(body.sine(lat)), lat, atol=1e-6)


@BODIES
def test_cells_of_a_cylindrical_grid(body):
    grid = Cylindrical.of(body, 1.0, 2.0)
    assert grid.shape == (90, 360)
    assert grid.area.sum() == pytest.approx(body.surface, rel=1e-12)
    graphic = np.rad2deg(np.arcsin(body.sine(np.array([62.0, 64.0]))))
    expected = (_zone(body, graphic[1]) - _zone(body, graphic[0])) * np.deg2rad(1.0)
    assert grid.area[76, 100] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("north", [True, False])
def test_the_polar_projection_is_that_of_cf(north):
    """Snyder 1987, equations 24-17 to 24-24 and 3-12, for the ellipsoid, at a pole."""
    grid = Polar.of(SATURN, north, 0.5, 60.0, 0.0)
    lon, centric = np.array([0.0, 30.0, 135.0, 300.0]), np.array([62.0, 70.0, 80.0, 89.0])
    centric = centric if north else -centric
    a, square = SATURN.equator, SATURN.square
    e, s = np.sqrt(square), SATURN.sine(centric)
    q = (1 - square) * (s / (1 - square * s * s) + np.arctanh(e * s) / e)
    whole = 1 + (1 - square) / e * np.arctanh(e)
    rho = a * np.sqrt(whole - q if north else whole + q)
    origin = np.deg2rad(lon - (0.0 if north else 180.0))
    expected = rho * np.sin(origin), (-1 if north else 1) * rho * np.cos(origin)
    found = grid.project(lon, centric)
    assert np.allclose(found, expected, atol=1e-3)
    back = grid.unproject(*found)
    assert np.allclose(back[0], lon) and np.allclose(back[1], centric)
    # Seen from above, east is against the clock in the north.
    assert (found[0][1] > 0) == north


def _cap(lon: float, lat: float, radius: float, k: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A small circle on a sphere, degrees."""
    middle, east = sphere.vectors(lon, lat), sphere.east(lon)
    north = np.cross(middle, east)
    turn, r = np.linspace(0, 2 * np.pi, k, endpoint=False)[:, None], np.deg2rad(radius)
    around = np.cos(turn) * east + np.sin(turn) * north
    points = np.cos(r) * middle + np.sin(r) * around
    return sphere.longitude(points)[None], sphere.latitude(points)[None]


PLACES = [(0.2, 20), (359.9, -60), (100, 89.5), (30, -89.9), (0, 88), (180, 90), (77, -90)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["cylindrical", "polar"])
def test_seams_and_poles_lose_no_area(place, kind):
    grid = Cylindrical.of(SPHERE, 1.0, 1.0)
    if kind == "polar":
        grid = Polar.of(SPHERE, place[1] > 0, 0.7, 10.0, 0.0)
    (found,) = overlaps(grid.polygons(*_cap(*place, 1.0)), grid.shape, grid.wraps)
    area = (found.area * grid.area.ravel()[found.cell]).sum()
    expected = 2 * np.pi * SPHERE.equator**2 * (1 - np.cos(np.deg2rad(1.0)))
    assert area == pytest.approx(expected, rel=2e-3)
    # Each part in its place.
    row, column = np.divmod(found.cell, grid.shape[1])
    if kind == "polar":
        az, lat = grid.unproject(grid.places[column], grid.places[row])
    else:
        az, lat = grid.azimuth[column], grid.middle[row]
    apart = sphere.angle(sphere.vectors(az, lat), sphere.vectors(*place))
    assert apart.max() < 1.0 + 0.75


def test_around_the_other_pole_there_is_no_place():
    grid = Polar.of(SPHERE, True, 1.0, 0.0, 0.0)
    assert np.isnan(grid.polygons(*_cap(0.0, -89.0, 5.0))).all()


def test_what_is_covered_twice_is_covered_once():
    grid = Cylindrical.of(SPHERE, 10.0, 10.0)
    lat = np.array([[0.0, 0.0, 10.0, 10.0]])
    half, seam = np.array([[0.0, 5.0, 5.0, 0.0]]), np.array([[355.0, 5.0, 5.0, 355.0]])
    polygons = np.concatenate([grid.polygons(half, lat), grid.polygons(seam, lat)])
    share = covered(grid, polygons)
    assert share[9, 0] == pytest.approx(0.5) and share[9, 35] == pytest.approx(0.5)
    assert share.sum() == pytest.approx(1.0)


# Bodies whose equator is no circle ----------------------------------------------------------------

#: Enceladus (Archinal et al. 2018), and a body that no formula for nearly round ones fits.
ENCELADUS, SHARD = np.array([256.6, 251.4, 248.3]), np.array([164.0, 130.0, 107.0])


def _patch(radii: np.ndarray, lon: tuple[float, float], lat: tuple[float, float]) -> float:
    """Area between meridians and planetocentric parallels: the integral of |dr/dlon x dr/dlat|."""

    def element(lat: float, lon: float) -> float:
        out, up = np.cos(lat), np.sin(lat)
        towards = np.array([out * np.cos(lon), out * np.sin(lon), up])
        east = np.array([-out * np.sin(lon), out * np.cos(lon), 0.0])
        north = np.array([-up * np.cos(lon), -up * np.sin(lon), out])
        r = 1 / np.sqrt(((towards / radii) ** 2).sum())
        slopes = [-(r**3) * (towards * along / radii**2).sum() for along in (east, north)]
        sides = [r * a + s * towards for a, s in zip((east, north), slopes, strict=True)]
        return float(np.linalg.norm(np.cross(*sides)))

    return dblquad(element, *np.deg2rad(lon), *np.deg2rad(lat), epsrel=1e-9)[0]


@pytest.mark.parametrize("radii", [ENCELADUS, SHARD], ids=["enceladus", "shard"])
@pytest.mark.parametrize("spacing", [1.0, 4.0, 30.0])
def test_cells_of_all_of_a_triaxial_body(radii, spacing):
    """S = 4 pi a b c R_G(1/a², 1/b², 1/c²) (DLMF 19.33.1)."""
    a, b, c = radii
    whole = 4 * np.pi * a * b * c * elliprg(a**-2, b**-2, c**-2)
    assert whole != pytest.approx(Spheroid.of(radii).surface, rel=3e-5)
    grid = Cylindrical.of(Spheroid.of(radii), spacing, spacing, Triaxial(radii, 77.0))
    assert grid.area.sum() == pytest.approx(whole, rel=1e-5 if radii is ENCELADUS else 2e-4)


@pytest.mark.parametrize("turn", [0.0, 35.0])
@pytest.mark.parametrize("spacing", [2.0, 15.0])
def test_a_cell_of_a_triaxial_body(turn, spacing):
    body = Triaxial(ENCELADUS, turn)
    grid = Cylindrical.of(Spheroid.of(ENCELADUS), spacing, spacing, body)
    for row, column in ((3, 0), (5, 4), (11, 11)):
        lat, lon = np.array([row, row + 1]) * spacing - 90.0, np.array([column, column + 1.0])
        expected = _patch(ENCELADUS, tuple(lon * spacing + turn), tuple(lat))
        assert grid.area[row, column] == pytest.approx(expected, rel=1e-4)


def test_polar_cells_of_a_triaxial_body():
    """Together they are the cap, as far as squares fill a circle; none are as another a quarter
    turn away."""
    round_, triaxial = (
        Polar.of(Spheroid.of(ENCELADUS), True, 0.5, 40.0, 0.0, body)
        for body in (None, Triaxial(ENCELADUS))
    )
    ratio = triaxial.area / round_.area
    inside = triaxial.inside
    cap = _patch(ENCELADUS, (0.0, 360.0), (40.0, 90.0))
    assert triaxial.area[inside].sum() == pytest.approx(cap, rel=3e-3)
    spheroid = np.array([round_.spheroid.equator] * 2 + [248.3])
    expected = cap / _patch(spheroid, (0.0, 360.0), (40.0, 90.0))
    assert ratio[inside].mean() == pytest.approx(expected, rel=1e-5)
    # The azimuth 0 is downwards: there the long axis is, and the surface is at a slant.
    middle = triaxial.half
    below, right = ratio[5, middle], ratio[middle, -6]
    x, y = round_.places[middle], round_.places[5]
    azimuth, lat = round_.unproject(np.array(x), np.array(y))
    assert abs(azimuth - 360 * (azimuth > 180)) < 1
    size = 0.1
    ends = (azimuth - size, azimuth + size), (lat - size, lat + size)
    here = [
        _patch(np.array(r), *ends) for r in (ENCELADUS, [round_.spheroid.equator] * 2 + [248.3])
    ]
    assert below == pytest.approx(here[0] / here[1], rel=1e-4)
    assert abs(below - right) > 0.01
