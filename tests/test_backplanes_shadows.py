"""Shadows of bodies on each other, on eclipses of the Earth and the Moon, against scalar SPICE.

The kernels of Cassini hold no eclipse that UVIS could have seen; positions of Earth and Moon are in
the planets' kernel, and a spacecraft that looks at them from nearby is made up.
"""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
from helpers import aimed, rayside, synthetic

from uvisxr.geometry.fov import FieldOfView
from uvisxr.instrument.detector import Bins, Window
from uvisxr.kernels.session import loaded
from uvisxr.timescales import parse_et

#: Lunar eclipse of 28 October 2004, partial at 1:40, and solar eclipse of 8 April 2005: the body in
#: shadow, that which casts it, when, and how far the slit moves across the former, rad.
ECLIPSES = {
    "Moon": ("MOON", "EARTH", "2004-10-28T01:30:00", 9e4),
    "Earth": ("EARTH", "MOON", "2005-04-08T20:00:00", 4e5),
}


@pytest.fixture(scope="module", params=ECLIPSES)
def eclipse(request, data, tmp_path_factory):
    body, other, day, away = ECLIPSES[request.param]
    folder = tmp_path_factory.mktemp("aimed")
    start = parse_et(day)
    ets = start + np.linspace(-100.0, 1300.0, 57)
    files = synthetic.kernels(data, "phoebe")[:6]
    with loaded(files):
        code = spiceypy.bods2c(body)
        sun, _ = spiceypy.spkpos("SUN", start, "J2000", "LT", body)
        sun /= np.linalg.norm(sun)
        aside = np.cross(sun, [0, 0, 1.0])
        view = sun + 0.3 * aside / np.linalg.norm(aside)
        place = np.tile(away * view / np.linalg.norm(view), (ets.size, 1))
        velocity = spiceypy.spkssb(code, start, "J2000")[3:]
    # Towards where the body appears, and a scan of 40 mrad across it.
    shift = np.cross(view, [0.3, -0.2, 1.0])
    shift /= np.linalg.norm(shift)
    scan = np.linspace(-0.02, 0.02, ets.size)[:, None] * np.cross(shift, view / 1.04)
    aim = -place / away + velocity / spiceypy.clight() + scan
    kernels = aimed.write(folder, files, ets, code, place, aim)
    window = Window(2, 0, 61, 1023, line_bin=3, band_bin=512)
    times = np.linspace(start, start + 1200, 16)
    ds = synthetic.dataset(ets=times, target=body, exposure=20.0, window=window)
    tree = ds.uvis.backplanes(kernels, times=("mid",))
    with loaded(kernels):
        frame = FieldOfView.of("FUV", "LOW_RESOLUTION")
        turn = np.array([spiceypy.pxform(frame.frame, "J2000", et) for et in times])
    sky = np.einsum("nij,pcj->npci", turn, frame.pixel_vectors(Bins.of(ds)))
    return kernels, body, other, tree, sky


@pytest.mark.slow
def test_shadows_to_a_metre(eclipse):
    kernels, body, other, tree, sky = eclipse
    node = tree[body.lower()].isel(instant=0)
    shaded, lit = node["in_shadow"].values, 0
    with loaded(kernels):
        for index in np.ndindex(sky.shape[:-1]):
            et = float(tree["sky/et"][index[0], 0])
            found = rayside.hit(body, et, sky[index])
            assert (found is not None) == bool(node["on_disk"].values[index])
            if found is None or node["sza"].values[index] >= 90:
                assert not shaded[index]
                continue
            place, epoch = rayside.event(et, found.vector)
            yes, height = rayside.shades(other, place, epoch)
            assert bool(shaded[index]) == yes or abs(height) < 1e-3
            lit += not yes
    assert shaded.sum() > 10 and lit > 10


def test_the_tree_without_saturn(eclipse):
    _, body, _, tree, _ = eclipse
    assert "saturn" not in tree and "rings" not in tree
    assert not tree[body.lower()]["in_ring_shadow"].any()
    assert not tree[body.lower()]["behind_rings"].any()
