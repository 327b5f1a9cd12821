"""Backplanes against planetmapper, on the fields that both have.

planetmapper's directions are without stellar aberration (its correction is CN), so it is asked for
the true ones. Its angles and local times lack the aberration of spacecraft and Sun: v/c, 0.007
degrees.
"""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
from helpers import rayside, synthetic

from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import loaded
from uvisxr.timescales import parse_et

planetmapper = pytest.importorskip("planetmapper")

SCENES = {
    "titan": ("TITAN", synthetic.TITAN_ET),
    "phoebe": ("PHOEBE", synthetic.PHOEBE_ET),
    "2005-232": ("SATURN", parse_et("2005-232T00:05:00") + 60 * 739),
}

ABERRATION = 0.02


@pytest.mark.filterwarnings("ignore:the kernels do not place Saturn")
@pytest.mark.parametrize("name", SCENES)
def test_shared_fields(data, name):
    target, et = SCENES[name]
    files = synthetic.kernels(data, name)
    window = Window(2, 0, 61, 1023, line_bin=5, band_bin=512)
    ds = synthetic.dataset(ets=[et], target=target, window=window)
    tree = ds.uvis.backplanes(files, times="mid", bodies=[target], lon_direction="west")
    node = {n: v.values for n, v in tree[target.lower()].data_vars.items()}
    rings = {n: v.values for n, v in tree["rings"].data_vars.items()} if target == "SATURN" else {}
    worst: dict[str, float] = {}

    def note(**errors: float) -> None:
        for key, error in errors.items():
            worst[key] = max(worst.get(key, 0.0), abs(float(error)))

    with loaded(files):
        body = planetmapper.Body(
            target, spiceypy.et2utc(et, "ISOC", 6), observer="CASSINI", auto_load_kernels=False
        )
        assert body.et == pytest.approx(et, abs=1e-6)
        width = np.deg2rad(body.target_diameter_arcsec / 3600)
        note(diameter=node["diameter"][0, 0] * 5e-3 / width - 1)
        hits = 0
        for index in np.ndindex(node["lon"].shape):
            ra, dec = (np.deg2rad(tree[f"sky/{n}"].values[index]) for n in ("ra", "dec"))
            true = rayside.unaberrated(et, spiceypy.radrec(1.0, ra, dec))
            _, ra, dec = np.rad2deg(spiceypy.recrad(true))
            lon, lat = body.radec2lonlat(ra, dec)
            assert np.isfinite(lon) == bool(node["on_disk"][index])
            if rings:
                radius, _, distance = body.ring_plane_coordinates(ra, dec, only_visible=False)
                assert np.isfinite(radius) == np.isfinite(rings["ring_radius"][index])
                if np.isfinite(radius) and radius < 1e6:
                    # planetmapper's plane is that of the body's centre and its light time.
                    note(
                        ring_radius=rings["ring_radius"][index] / radius - 1,
                        ring_distance=rings["ring_distance"][index] / distance - 1,
                    )
            if not np.isfinite(lon):
                continue
            hits += 1
            phase, incidence, emission = body.illumination_angles_from_lonlat(lon, lat)
            # Its planetographic latitudes are those of a spheroid, whatever the body is.
            west, north = (np.deg2rad(node[n][index]) for n in ("lon", "lat"))
            point = spiceypy.latsrf("ELLIPSOID", target, et, f"IAU_{target}", [[-west, north]])[0]
            own = np.rad2deg(spiceypy.recpgr(target, point, body.r_eq, body.flattening)[:2])
            note(
                lon=(own[0] - lon + 180) % 360 - 180,
                lat=own[1] - lat,
                phase=node["phase"][index] - phase,
                sza=node["sza"][index] - incidence,
                ems=node["ems"][index] - emission,
                lt=(node["lt"][index] - body.local_solar_time_from_lon(lon) + 12) % 24 - 12,
            )
    assert hits > 2
    assert max(worst["lon"], worst["lat"]) < 1e-5
    assert max(worst[n] for n in ("phase", "sza", "ems")) < ABERRATION
    assert worst["lt"] < 0.01
    assert worst["diameter"] < 1e-6
    if rings:
        assert max(worst["ring_radius"], worst["ring_distance"]) < 1e-4
