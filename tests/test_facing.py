"""Which date's Sun lit a target, against SPICE's rotating Sun."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy

from uvisxr.numerics.constants import ASTRONOMICAL_UNIT, SPEED_OF_LIGHT
from uvisxr.reflectance import facing
from uvisxr.timescales import utc_to_et

DAY = 86400.0

#: From the launch to the end, about every 100 days.
ET = utc_to_et(np.array(["1997-10-15", "2017-09-15"], "datetime64[ns]"))
ET = np.arange(*ET, 97.3 * DAY)

BARYCENTRES = {"VENUS": "VENUS", "EARTH": "EARTH", "JUPITER": "5", "SATURN": "6"}


@pytest.fixture
def spice(data):
    """The planets and the Sun's rotation."""
    files = [str(data / "kernels" / name) for name in ("pck/pck00010.tpc", "spk/de421.bsp")]
    for file in files:
        spiceypy.furnsh(file)
    yield spiceypy
    for file in files:
        spiceypy.unload(file)


@pytest.mark.parametrize(
    ("name", "degrees"), [("VENUS", 0.01), ("EARTH", 0.01), ("JUPITER", 0.11), ("SATURN", 0.16)]
)
def test_planets_are_where_the_ephemeris_has_them(spice, name, degrees):
    true = np.array([spice.spkpos(BARYCENTRES[name], t, "J2000", "NONE", "SUN")[0] for t in ET])
    found = facing.planet(name, ET)
    lengths = np.linalg.norm(true, axis=1), np.linalg.norm(found, axis=1)
    apart = np.rad2deg(np.arccos((true * found).sum(1) / lengths[0] / lengths[1]))
    assert apart.max() < degrees
    np.testing.assert_allclose(lengths[0], lengths[1], rtol=2e-3)


@pytest.mark.parametrize("target", ["6", "5"])
def test_the_same_face_was_towards_the_earth(spice, target):
    """In the frame of the Sun the target and the Earth have one longitude, when light left it."""

    def face(body: str, arrival: float) -> tuple[float, float]:
        place, light_time = spice.spkpos(body, arrival, "J2000", "NONE", "SUN")
        left = arrival - light_time
        x, y, _ = np.array(spice.pxform("J2000", "IAU_SUN", left)) @ place
        return np.rad2deg(np.arctan2(y, x)), light_time

    position = np.array([spice.spkpos(target, t, "J2000", "NONE", "SUN")[0] for t in ET])
    found = facing.at_earth(ET, position)
    apart = [face(target, t)[0] - face("EARTH", e)[0] for t, e in zip(ET, found, strict=True)]
    # Along the Sun's equator, the ecliptic's degrees are others by 0.23 at most, twice.
    assert np.abs(np.mod(np.array(apart) + 180, 360) - 180).max() < 0.5
    light_time = np.linalg.norm(position, axis=1) / SPEED_OF_LIGHT
    shift = (found - ET + light_time) / DAY
    assert np.abs(shift).max() < 27.2753 / 2 + 0.3
    assert np.ptp(shift) > 20


def test_a_target_ahead_of_the_earth_had_its_face_before():
    et = np.array([1.7e8])
    ahead = facing.planet("EARTH", et)
    cos, sin = np.cos(np.deg2rad(40.0)), np.sin(np.deg2rad(40.0))
    tilt = np.deg2rad(23.4392911)
    to_ecliptic = np.array(
        [[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]]
    )
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    ahead = ahead @ (to_ecliptic.T @ turn @ to_ecliptic).T
    days = (facing.at_earth(et, ahead) - et) / DAY
    # 40 of 360 degrees of a synodic rotation, which is that of the mean Earth.
    assert days[0] == pytest.approx(-40 / 360 * 27.2753, rel=0.02)
    earth = facing.planet("EARTH", et)
    assert np.linalg.norm(earth) == pytest.approx(ASTRONOMICAL_UNIT, rel=0.02)
    assert facing.at_earth(et, earth)[0] == pytest.approx(et[0], abs=1.0)
