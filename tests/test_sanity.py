"""What no flight can be, of orbits in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spiceypy

from uvisxr import simulate
from uvisxr.errors import KernelError
from uvisxr.geometry import sanity
from uvisxr.geometry.ephemeris import Course, Sighting
from uvisxr.kernels.bodies import Body, Point

SATURN = Body("SATURN", 699, np.array([60268.0, 60268.0, 54364.0]), "IAU_SATURN")

#: Saturn on its way around the Sun, nearly straight for a day, km and km/s.
CENTRE, MOVING = np.array([1.4e9, 0.0, 0.0]), np.array([0.0, 9.7, 0.0])


def orbit(et: np.ndarray, radius: float, speed: float) -> Sighting:
    """A circle around Saturn, without the time that light takes."""
    angle = speed / radius * et
    turned = np.stack([np.cos(angle), np.sin(angle), 0 * et], axis=-1)
    ahead = np.stack([-np.sin(angle), np.cos(angle), 0 * et], axis=-1)
    centre = CENTRE + MOVING * et[:, None]
    return Sighting(
        et=et,
        spacecraft_position=centre + radius * turned,
        spacecraft_velocity=MOVING + speed * ahead,
        spacecraft_sun=-centre - radius * turned,
        light_time=np.zeros(et.size),
        position=-radius * turned,
        motion=-speed * ahead,
        target_velocity=np.tile(MOVING, (et.size, 1)),
        sun=-centre,
    )


@pytest.mark.parametrize("step", [1e-3, 1.0, 60.0, 1000.0, 3600.0, 20_000.0])
@pytest.mark.parametrize(("radius", "speed"), [(61_000.0, 24.9), (1.2e6, 5.6)])
def test_orbits_pass_at_any_step(step: float, radius: float, speed: float):
    course = orbit(np.random.default_rng(1).permutation(np.arange(40) * step), radius, speed)
    sanity.check(course, SATURN, [])
    sanity.check(course, Point("SATURN", 699, ("radii",)), [])


def test_what_is_not_covered_passes():
    course = orbit(np.arange(5) * 60.0, 2e5, 14.0)
    course.spacecraft_position[2] = course.position[2] = np.nan
    sanity.check(course, SATURN, [])


def test_a_spacecraft_inside_its_target():
    course = orbit(np.arange(3) * 60.0, 54_000.0, 26.0)
    with pytest.raises(KernelError, match=r"inside SATURN, 54000 km from its centre, at 20"):
        sanity.check(course, SATURN, [])


def test_a_spacecraft_in_a_point():
    course = orbit(np.arange(3) * 60.0, 2e5, 14.0)
    course.position[1] = 0.0
    with pytest.raises(KernelError, match="CASSINI inside PAN, 0 km from its centre"):
        sanity.check(course, Point("PAN", 618, ("radii",)), [])


def test_a_spacecraft_that_leaps():
    course = orbit(np.arange(9) * 240.0, 2e5, 14.0)
    course.spacecraft_position[4] -= 1e5
    plain = Course(*(getattr(course, name) for name in Course.__annotations__))
    words = r"CASSINI where its velocity does not take it, at 2000-01-01T12:.* to .*T12:.*"
    with pytest.raises(KernelError, match=words):
        sanity.check(plain, None, [])


def test_a_spacecraft_that_stays_though_it_has_a_velocity():
    course = orbit(np.arange(9) * 240.0, 2e5, 14.0)
    course.spacecraft_position[:] = course.spacecraft_position[0]
    with pytest.raises(KernelError, match="CASSINI where its velocity"):
        sanity.check(course, None, [])


def test_a_target_that_leaps():
    course = orbit(np.arange(9) * 240.0, 2e5, 14.0)
    course.position[5:] += 3e5
    with pytest.raises(KernelError, match="SATURN where its velocity does not take it"):
        sanity.check(course, SATURN, [])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> simulate.Simulation:
    folder = tmp_path_factory.mktemp("sanity")
    return simulate.observation(folder, exposures=2, seed=1, stars=0, lost=0, partial=0)


def test_a_geometry_from_inside_titan_names_the_kernel(made: simulate.Simulation, tmp_path: Path):
    wrong = tmp_path / "wrong.bsp"
    ds = made.open().isel(pixel=[0])
    et = ds["et"].values
    span = et.min() - 1e5, et.max() + 1e5
    handle = spiceypy.spkopn(str(wrong), "x", 0)
    rest = np.tile([100.0, 0, 0, 0, 0, 0], (2, 1))
    spiceypy.spkw08(handle, -82, 606, "J2000", *span, "x", 1, 2, rest, span[0], span[1] - span[0])
    spiceypy.spkcls(handle)
    with pytest.raises(KernelError, match=r"CASSINI inside TITAN, 100 km .*wrong\.bsp is damaged"):
        ds.uvis.geometry(kernels=[*made.kernels, wrong])


def _with(made: simulate.Simulation, folder: Path, name: str, text: str):
    kernel = folder / name
    kind = {".tf": "FK", ".ti": "IK"}[kernel.suffix]
    kernel.write_text(f"KPL/{kind}\n\\begindata\n{text}\n\\begintext\n")
    return made.open().isel(pixel=[0]).uvis.geometry(kernels=[*made.kernels, kernel])


@pytest.mark.parametrize(
    "text",
    [
        "TKFRAME_-82840_UNITS = 'RADIANS'",
        "TKFRAME_-82840_AXES = ( 1, 2, 3 )",
        "TKFRAME_-82840_ANGLES = ( 90.0, 179.99, 179.99 )",
        "TKFRAME_-82840_ANGLES = ( -90.0, 159.9, 180.0 )",
    ],
)
def test_an_instrument_that_is_mounted_otherwise(made, tmp_path: Path, text: str):
    with pytest.raises(KernelError, match=r"frames kernel lets CASSINI_UVIS_FUV look .* cas_v43"):
        _with(made, tmp_path, "x.tf", text)


@pytest.mark.parametrize("angles", ["-90.0, 180.0, 180.0", "-88.0, 179.0, 181.0", "-90, 0, 0"])
def test_offsets_and_a_slit_the_other_way_round(made, tmp_path: Path, angles: str):
    found = _with(made, tmp_path, "x.tf", f"TKFRAME_-82840_ANGLES = ( {angles} )")
    assert np.isfinite(found.ra).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("INS-82841_FOV_REF_ANGLE = ( 3.6669299 )", "0.75 and 64 mrad, .* 0.75 and 32:"),
        ("INS-82841_FOV_CROSS_ANGLE = ( 0.0859436694 )", "1.5 and 32 mrad, .* 0.75 and 32:"),
        ("INS-82841_FOV_ANGLE_UNITS = 'RADIANS'", "mrad, but those of this slit"),
    ],
)
def test_a_slit_of_another_size(made, tmp_path: Path, text: str, said: str):
    with pytest.raises(KernelError, match=said):
        _with(made, tmp_path, "x.ti", text)
