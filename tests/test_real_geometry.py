"""The geometry against scalar SPICE, one ray at a time, on real kernels and real labels.

Oracles: `sincpt`, `ilumin`, `et2lst` and `pxform` for rays that meet the body; `tangpt` for the
altitude of those that miss; for the other fields of the tangent point `npedln` and elementary
SPICE calls at the epoch `tangpt` gives. `tangpt` itself undoes the aberration by shifting the body,
not the ray: its altitude is the same, its point lies elsewhere on the ray by v/c of a radius.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pvl
import pytest
import spiceypy
import xarray as xr
from helpers import synthetic, tinykernels

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.geometry.ephemeris import Ephemeris
from uvisxr.geometry.fov import FieldOfView
from uvisxr.instrument.detector import Bins
from uvisxr.kernels.bodies import Body
from uvisxr.kernels.session import loaded

SCENES = {
    "Titan": ("titan", "TITAN", synthetic.TITAN_ET + np.linspace(-300, 300, 9), "FUV"),
    "Enceladus": ("enceladus", "ENCELADUS", synthetic.ENCELADUS_ET + np.arange(9) * 60, "EUV"),
    "Phoebe": ("phoebe", "PHOEBE", synthetic.PHOEBE_ET + np.arange(9) * 60, "FUV"),
    "Saturn": ("2005", "S RINGS", 177660944.384 + np.linspace(-0.05, 0.05, 2), "FUV"),
}

CORRECTION = "CN+S"

#: km, as the IAU defined it in 2012; SPICE's `convrt` has an older value.
ASTRONOMICAL_UNIT = 149597870.7


@dataclass
class Scene:
    """Fields of a real scene and what a scalar computation needs."""

    files: list
    body: str
    ds: xr.Dataset
    sky: np.ndarray  # (pic, pixel, 5, 3) apparent directions, J2000

    def of(self, name: str) -> np.ndarray:
        """A field at centre and corners, (pic, pixel, 5)."""
        corners = self.ds[f"{name}_corners"].values
        return np.concatenate([self.ds[name].values[..., None], corners], axis=-1)


@pytest.fixture(scope="module", params=SCENES)
def scene(request, data) -> Scene:
    kernels, target, ets, channel = SCENES[request.param]
    files = synthetic.kernels(data, kernels)
    slit = "OCCULTATION" if request.param == "Phoebe" else "LOW_RESOLUTION"
    ds = synthetic.dataset(channel, slit, ets=ets, target=target)
    found = ds.uvis.geometry(files, lon_direction="east")
    with loaded(files):
        view = FieldOfView.of(channel, slit)
        turn = [spiceypy.pxform(view.frame, "J2000", et) for et in ets]
    sky = np.einsum("nij,pcj->npci", np.array(turn), view.pixel_vectors(Bins.of(ds)))
    return Scene(files, found.attrs["geometry_target"], found, sky)


def apart(a: float, b: float, turn: float = 360.0) -> float:
    """Distance of two angles on the circle."""
    return abs((a - b + turn / 2) % turn - turn / 2)


def each(scene: Scene):
    for index in np.ndindex(scene.sky.shape[:-1]):
        yield index, float(scene.ds["et"].values[index[0]]), scene.sky[index]


@pytest.mark.slow
def test_rays_that_meet_the_body(scene):
    fields = {n: scene.of(n) for n in ("lon", "lat", "sza", "phase", "ems", "lt", "on_disk")}
    graphic = scene.of("lat_graphic")
    frame, code, hits = f"IAU_{scene.body}", None, 0
    worst = dict.fromkeys(("m", "lon", "lat", "graphic", "sza", "phase", "ems", "lt"), 0.0)
    with loaded(scene.files):
        code = spiceypy.bods2c(scene.body)
        radii = spiceypy.bodvrd(scene.body, "RADII", 3)[1]
        for index, et, sky in each(scene):
            common = ("ELLIPSOID", scene.body, et, frame, CORRECTION, "CASSINI")
            try:
                point, epoch, _ = spiceypy.sincpt(*common, "J2000", sky)
            except spiceypy.NotFoundError:
                assert not fields["on_disk"][index]
                continue
            assert fields["on_disk"][index]
            hits += 1
            _, _, phase, sza, ems = spiceypy.ilumin(*common, point)
            radius, lon, lat = spiceypy.reclat(point)
            here = {name: values[index] for name, values in fields.items()}
            ours = spiceypy.latrec(radius, np.deg2rad(here["lon"]), np.deg2rad(here["lat"]))
            normal = spiceypy.surfnm(*radii, point)
            h, m, s, _, _ = spiceypy.et2lst(epoch, code, lon, "PLANETOCENTRIC")
            # et2lst cuts the second's fraction off.
            clock = h * 3600 + m * 60 + s + 0.5
            errors = {
                "m": 1e3 * np.linalg.norm(ours - point),
                "lon": apart(here["lon"], np.rad2deg(lon)),
                "lat": abs(here["lat"] - np.rad2deg(lat)),
                "graphic": abs(graphic[index] - np.rad2deg(np.arcsin(normal[2]))),
                "sza": abs(here["sza"] - np.rad2deg(sza)),
                "phase": abs(here["phase"] - np.rad2deg(phase)),
                "ems": abs(here["ems"] - np.rad2deg(ems)),
                "lt": apart(here["lt"] * 3600, clock, 86400.0),
            }
            worst = {name: max(worst[name], error) for name, error in errors.items()}
    if scene.body != "SATURN":
        assert hits > 300 and fields["lon"].size > 2000
    assert worst["m"] < 1.0, worst
    assert max(worst[name] for name in ("lon", "lat", "graphic")) < 1e-5, worst
    assert max(worst[name] for name in ("sza", "phase", "ems")) < 1e-5, worst
    assert worst["lt"] < 1.0, worst


def test_altitudes_of_rays_that_miss(scene):
    altitude, on_disk = scene.of("alt"), scene.of("on_disk")
    worst, misses = 0.0, 0
    with loaded(scene.files):
        for index, et, sky in each(scene):
            if on_disk[index]:
                assert altitude[index] < 1e-6
                continue
            misses += 1
            _, height, *_ = spiceypy.tangpt(
                "ELLIPSOID",
                scene.body,
                et,
                f"IAU_{scene.body}",
                CORRECTION,
                "TANGENT POINT",
                "CASSINI",
                "J2000",
                sky,
            )
            worst = max(worst, abs(height - altitude[index]))
    assert misses > 300
    assert worst < 1e-3


def true_direction(apparent: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """The direction whose stellar aberration is a given one, by iteration over `stelab`."""
    true = apparent.copy()
    for _ in range(6):
        true = true + apparent - spiceypy.stelab(true, velocity)
        true /= np.linalg.norm(true)
    return true


def test_fields_of_tangent_points(scene):
    """Every seventh ray that misses, by elementary calls."""
    names = ("lon", "lat", "lat_graphic", "sza", "phase", "ems")
    fields = {name: scene.of(f"tangent_{name}") for name in names}
    frame = f"IAU_{scene.body}"
    worst, checked = dict.fromkeys(names, 0.0), 0
    with loaded(scene.files):
        radii = spiceypy.bodvrd(scene.body, "RADII", 3)[1]
        for index, et, sky in list(each(scene))[::7]:
            if scene.of("on_disk")[index]:
                continue
            checked += 1
            *_, epoch, _ = spiceypy.tangpt(
                "ELLIPSOID",
                scene.body,
                et,
                frame,
                CORRECTION,
                "TANGENT POINT",
                "CASSINI",
                "J2000",
                sky,
            )
            craft = spiceypy.spkssb(-82, et, "J2000")
            body = spiceypy.spkssb(spiceypy.bods2c(scene.body), epoch, "J2000")
            turn = spiceypy.sxform("J2000", frame, epoch)
            start = turn[:3, :3] @ (craft[:3] - body[:3])
            direction = turn[:3, :3] @ true_direction(sky, craft[3:])
            foot, _ = spiceypy.npedln(*radii, start, direction)
            point = start + ((foot - start) @ direction) * direction
            normal = spiceypy.surfnm(*radii, foot)
            # The Sun from the point, which moves with the turning body.
            state = np.linalg.inv(turn) @ np.concatenate([point, np.zeros(3)])
            sun, _ = spiceypy.spkltc(10, epoch, "J2000", "LT", body + state)[:2]
            seen = turn[:3, :3] @ spiceypy.stelab(sun[:3], (body + state)[3:])
            back = -(turn[:3, :3] @ sky)
            _, lon, lat = spiceypy.reclat(point)
            expected = {
                "lon": np.rad2deg(lon),
                "lat": np.rad2deg(lat),
                "lat_graphic": np.rad2deg(np.arcsin(normal[2])),
                "sza": np.rad2deg(spiceypy.vsep(normal, seen)),
                "phase": np.rad2deg(spiceypy.vsep(seen, back)),
                "ems": np.rad2deg(spiceypy.vsep(normal, back)),
            }
            for name, value in expected.items():
                worst[name] = max(worst[name], apart(fields[name][index], value))
    assert checked > 40
    # The foot point that npedln finds, and so its normal, is good to some 10 metres only.
    assert worst["phase"] < 1e-5, worst
    assert max(worst.values()) < 2e-4, worst


def test_right_ascension_and_declination(scene):
    ra, dec = scene.of("ra"), scene.of("dec")
    for index, _, sky in each(scene):
        _, a, d = spiceypy.recrad(sky)
        assert apart(ra[index], np.rad2deg(a)) < 1e-7
        assert abs(dec[index] - np.rad2deg(d)) < 1e-7


def test_sub_points_and_distances(scene):
    frame = f"IAU_{scene.body}"
    with loaded(scene.files):
        for pic, et in enumerate(scene.ds["et"].values):
            row = {name: float(scene.ds[name][pic]) for name in ("sc_lon", "sc_lat", "sc_alt")}
            point, _, path = spiceypy.subpnt(
                "NEAR POINT/ELLIPSOID", scene.body, et, frame, CORRECTION, "CASSINI"
            )
            _, lon, lat = spiceypy.reclat(point)
            assert apart(row["sc_lon"], np.rad2deg(lon)) < 1e-5
            assert row["sc_lat"] == pytest.approx(np.rad2deg(lat), abs=1e-5)
            assert row["sc_alt"] == pytest.approx(np.linalg.norm(path), abs=1e-3)
            point, epoch, _ = spiceypy.subslr(
                "NEAR POINT/ELLIPSOID", scene.body, et, frame, CORRECTION, "CASSINI"
            )
            sun, _ = spiceypy.spkpos("SUN", epoch, frame, "LT", scene.body)
            _, lon, lat = spiceypy.reclat(point)
            assert apart(float(scene.ds["sub_solar_lon"][pic]), np.rad2deg(lon)) < 1e-5
            assert float(scene.ds["sub_solar_lat"][pic]) == pytest.approx(np.rad2deg(lat), abs=1e-5)
            position, _ = spiceypy.spkpos(scene.body, et, "J2000", "LT", "CASSINI")
            distance = float(scene.ds["target_distance"][pic])
            assert distance == pytest.approx(np.linalg.norm(position), abs=1e-2)
            au = spiceypy.convrt(np.linalg.norm(sun), "KM", "AU")
            assert float(scene.ds["heliocentric_distance"][pic]) == pytest.approx(au, abs=1e-7)


def test_angles_at_the_sub_spacecraft_point(scene):
    frame = f"IAU_{scene.body}"
    with loaded(scene.files):
        code = spiceypy.bods2c(scene.body)
        for pic, et in enumerate(scene.ds["et"].values):
            row = scene.ds.isel(pic=pic)
            common = (scene.body, et, frame, CORRECTION, "CASSINI")
            point, epoch, _ = spiceypy.subpnt("NEAR POINT/ELLIPSOID", *common)
            _, _, *angles = spiceypy.ilumin("ELLIPSOID", *common, point)
            for name, angle in zip(("sc_phase", "sc_sza", "sc_ems"), angles, strict=True):
                assert float(row[name]) == pytest.approx(np.rad2deg(angle), abs=2e-6)
            _, lon, _ = spiceypy.reclat(point)
            h, m, s, _, _ = spiceypy.et2lst(epoch, code, lon, "PLANETOCENTRIC")
            # et2lst cuts the second's fraction off.
            clock = h * 3600 + m * 60 + s + 0.5
            assert apart(float(row["sc_lt"]) * 3600, clock, 86400.0) < 1.0
            phase = spiceypy.phaseq(et, scene.body, "SUN", "CASSINI", CORRECTION)
            assert float(row["target_phase"]) == pytest.approx(np.rad2deg(phase), abs=1e-7)


def test_where_the_spacecraft_is(scene):
    with loaded(scene.files):
        for pic, et in enumerate(scene.ds["et"].values):
            row = scene.ds.isel(pic=pic)
            state = spiceypy.spkssb(-82, et, "J2000")
            np.testing.assert_allclose(row["sc_position"], state[:3], rtol=1e-14)
            np.testing.assert_allclose(row["sc_velocity"], state[3:], rtol=1e-14)
            sun, _ = spiceypy.spkpos("SUN", et, "J2000", "LT", "CASSINI")
            au = np.linalg.norm(sun) / ASTRONOMICAL_UNIT
            assert float(row["sc_heliocentric_distance"]) == pytest.approx(au, rel=1e-12)


#: A moon that no constants kernel knows, and where it is put.
ALBIORIX = 626


@pytest.mark.parametrize("target", ["HYPERION", "ALBIORIX"])
def test_half_a_body(data, tmp_path, target):
    """Distance, direction and phase of moons without rotation, or without radii too."""
    et = 177660944.384
    files = synthetic.kernels(data, "2005")
    if target == "ALBIORIX":
        files.append(tinykernels.spk(tmp_path / "a.bsp", (ALBIORIX, 6, et - 1e5, et + 1e5), x=1e7))
    ds = synthetic.dataset(ets=[et], target=target)
    lacking = "radii and no rotation" if target == "ALBIORIX" else "rotation"
    with pytest.warns(UvisWarning, match=f"no {lacking} of {target}"):
        found = ds.uvis.geometry(files).reset_coords().isel(pic=0)
    with loaded(files):
        position, light = spiceypy.spkpos(target, et, "J2000", "CN", "CASSINI")
        seen, _ = spiceypy.spkpos(target, et, "J2000", "CN+S", "CASSINI")
        sun, _ = spiceypy.spkpos("SUN", et - light, "J2000", "LT", target)
        phase = spiceypy.phaseq(et, target, "SUN", "CASSINI", "CN+S")
        turn = spiceypy.pxform(FieldOfView.of("FUV", "LOW_RESOLUTION").frame, "J2000", et)
        au = np.linalg.norm(sun) / ASTRONOMICAL_UNIT
    _, ra, dec = spiceypy.recrad(seen)
    assert float(found["target_distance"]) == pytest.approx(np.linalg.norm(position), rel=1e-12)
    assert float(found["target_phase"]) == pytest.approx(np.rad2deg(phase), abs=1e-7)
    assert float(found["target_ra"]) == pytest.approx(np.rad2deg(ra), abs=1e-9)
    assert float(found["target_dec"]) == pytest.approx(np.rad2deg(dec), abs=1e-9)
    assert float(found["heliocentric_distance"]) == pytest.approx(au, rel=1e-12)
    # Rows 2..61 are even in number: the boresight is where the middle two meet.
    _, ra, dec = np.rad2deg(spiceypy.recrad(turn[:, 2].copy()))
    middle = found[["ra", "dec"]].isel(pixel=[29, 30]).mean("pixel")
    assert float(middle["ra"]) == pytest.approx(ra, abs=1e-4)
    assert float(middle["dec"]) == pytest.approx(dec, abs=1e-4)


def test_the_sun_through_its_port(data):
    """A spacecraft turned so that the port looks at the Sun sees it in the middle of the slit."""
    files = synthetic.kernels(data, "titan")
    et = synthetic.TITAN_ET
    ds = synthetic.dataset("EUV", ets=[et], target="SUN").assign_attrs(optics="solar_port")
    found = ds.uvis.geometry(files).reset_coords().isel(pic=0)
    with loaded(files):
        axis = spiceypy.pxform("CASSINI_UVIS_SOLAR", "J2000", et)[:, 2].copy()
        telescope = spiceypy.pxform("CASSINI_UVIS_EUV", "J2000", et)[:, 2].copy()
    assert np.rad2deg(spiceypy.vsep(axis, telescope)) == pytest.approx(20.0746, abs=1e-4)
    look = [spiceypy.radrec(1, *np.deg2rad([found.ra[i], found.dec[i]])) for i in (29, 30)]
    assert np.rad2deg(spiceypy.vsep(sum(look), axis)) < 1e-6
    # One milliradian from row to row.
    assert spiceypy.vsep(*look) == pytest.approx(1e-3, rel=1e-6)


def test_orientation_and_direction_of_the_target(scene):
    with loaded(scene.files):
        code = spiceypy.bods2c(scene.body)
        for pic, et in enumerate(scene.ds["et"].values):
            row = scene.ds.isel(pic=pic)
            _, light = spiceypy.spkpos(scene.body, et, "J2000", "CN", "CASSINI")
            ra, dec, meridian, _ = np.rad2deg(spiceypy.bodeul(code, et - light))
            assert apart(float(row["pole_ra"]), ra) < 1e-9
            assert float(row["pole_dec"]) == pytest.approx(dec, abs=1e-9)
            assert apart(float(row["prime_meridian"]), meridian) < 1e-9
            position, _ = spiceypy.spkpos(scene.body, et, "J2000", "CN+S", "CASSINI")
            _, ra, dec = spiceypy.recrad(position)
            assert apart(float(row["target_ra"]), np.rad2deg(ra)) < 1e-9
            assert float(row["target_dec"]) == pytest.approx(np.rad2deg(dec), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "kernels"), [("FUV2005_230_15_15", "2005"), ("FUV2016_278_09_22", "2016")]
)
class TestLabels:
    """Labels hold the geometry of exactly START_TIME, the end of the first exposure."""

    def test_position_of_the_planet(self, data, name, kernels):
        label = pvl.load(data / "products" / f"{name}.LBL")
        vector = [part.value for part in label["SC_PLANET_POSITION_VECTOR"]]
        with loaded(synthetic.kernels(data, kernels)):
            et = spiceypy.str2et(label["START_TIME"].isoformat()[:23])
            position = Ephemeris.of(Body.of("SATURN"), np.array([et])).position[0]
        assert np.linalg.norm(position - vector) < 0.05

    def test_sub_points(self, data, name, kernels):
        label = pvl.load(data / "products" / f"{name}.LBL")
        ds = synthetic.dataset(target="SATURN")
        with pytest.warns(UvisWarning, match="no pointing"):
            found = ds.uvis.geometry(
                synthetic.kernels(data, kernels), times=label["START_TIME"].isoformat()[:23]
            )
        for field, keyword in (("sc", "SUB_SPACECRAFT"), ("sub_solar", "SUB_SOLAR")):
            lon, lat = (label[f"{keyword}_{part}"].value for part in ("LONGITUDE", "LATITUDE"))
            assert apart(float(found[f"{field}_lon"][0]), lon) < 0.02
            assert float(found[f"{field}_lat"][0]) == pytest.approx(lat, abs=0.02)


class TestRingProduct:
    """FUV2005_230_15_15 with its kernels: positions throughout, pointing for 0.2 s."""

    @pytest.fixture
    def product(self, data):
        return uvisxr.open_product(data / "products" / "FUV2005_230_15_15.LBL")

    def test_ephemeris_at_all_exposures_and_one_warning(self, data, product):
        with pytest.warns(UvisWarning) as caught:
            found = product.uvis.geometry(synthetic.kernels(data, "2005"))
        assert len(caught) == 1
        text = str(caught[0].message)
        assert "25 of 25 exposures" in text and "2005-08-18T15:10:04.141" in text
        assert "05227_05232ra.bc" in text
        for name in ("sc_lon", "sc_lat", "sc_alt", "sub_solar_lon", "target_distance"):
            assert np.isfinite(found[name]).all()
        for name in ("lon", "alt", "ra", "ring_radius", "tangent_lat", "lon_corners"):
            assert np.isnan(found[name]).all()
        assert not found["on_disk"].any() and found["on_disk"].dtype == np.int8

    @pytest.mark.parametrize("time", ["2005-230T18:14:40.15", "2005-08-18T18:14:40.29"])
    def test_ring_fields_at_a_time_with_pointing(self, data, product, time):
        found = product.uvis.geometry(synthetic.kernels(data, "2005"), times=time)
        assert found["ring_radius"].dims == ("pic", "pixel")
        assert found["ring_radius"].shape == (25, 64)
        # The slit lies across the main rings, 74,500 to 140,200 km, south of the planet.
        assert found["ring_radius"].min() > 74500 and found["ring_radius"].max() < 150000
        assert found["ring_in_front"].all() and not found["on_disk"].any()
        # Mid-slit values and the label's, 3 h and a few degrees of slew before.
        assert abs(found["ring_incidence"] - product.attrs["incidence_angle"]).max() < 0.01
        assert abs(found["ring_emission"] - product.attrs["emission_angle"]).max() < 2.5

    def test_a_folder_of_kernels_serves_as_well(self, data, product):
        files = product.uvis.geometry(synthetic.kernels(data, "2005"), times="2005-230T18:14:40.2")
        chosen = product.uvis.geometry(data / "kernels", times="2005-230T18:14:40.2")
        xr.testing.assert_equal(files, chosen)
