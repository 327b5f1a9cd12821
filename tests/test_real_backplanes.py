"""Backplanes against scalar SPICE, ray by ray, on real kernels; helpers.rayside has the oracle.

Distances to 1 m, angles to 1e-5 degrees; flags may differ within a metre of an edge only.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import spiceypy
import xarray as xr
from helpers import rayside, synthetic
from helpers.slow import rest_slow

from uvisxr.geometry.fov import FieldOfView
from uvisxr.instrument.detector import Bins, Window
from uvisxr.kernels.session import loaded
from uvisxr.timescales import parse_et

METRE, ANGLE = 1e-3, 1e-5

MOONS = (
    *("MIMAS", "ENCELADUS", "TETHYS", "DIONE", "RHEA", "TITAN", "IAPETUS", "PHOEBE", "JANUS"),
    *("EPIMETHEUS", "HELENE", "TELESTO", "CALYPSO", "ATLAS", "PROMETHEUS", "PANDORA", "PAN"),
)

START_331, START_232 = parse_et("2005-331T05:45:00"), parse_et("2005-232T00:05:00")

#: Kernels, target, exposures, bodies, rows in a pixel; the quick tests take the first.
SCENES = {
    "Titan": ("titan", "TITAN", synthetic.TITAN_ET + np.array([-300, 0, 300.0]), "auto", 6),
    "Enceladus": (
        "enceladus",
        "ENCELADUS",
        synthetic.ENCELADUS_ET + np.array([0, 240.0]),
        "auto",
        6,
    ),
    "Phoebe": ("phoebe", "PHOEBE", synthetic.PHOEBE_ET + np.array([0.0, 200.0]), MOONS, 15),
    # Enceladus before Saturn, Rhea, rings seen edge-on.
    "2005-331": (
        "2005-331",
        "SATURN",
        START_331 + 60.0 * np.array([105, 130, 174, 200, 230, 447, 492, 849, 970]),
        ("ENCELADUS", "RHEA", "TITAN"),
        10,
    ),
    # Rings before Saturn, their shadow on it and its on them.
    "2005-232": (
        "2005-232",
        "S RINGS",
        START_232 + 60.0 * np.array([2, 94, 268, 371, 739, 1264, 1274, 1279]),
        ("TETHYS", "RHEA"),
        5,
    ),
}


@dataclass
class Scene:
    """Backplanes and what a scalar computation needs."""

    files: list[Path]
    tree: xr.DataTree
    sky: np.ndarray  # (pic, pixel, instant, point, 3) apparent directions, J2000
    steps: np.ndarray  # the same a little along and across the slit, (2, pic, ...)
    worst: dict[str, float] = field(default_factory=dict)

    @property
    def bodies(self) -> dict[str, str]:
        """SPICE's names by node."""
        return {n: g.attrs["body"] for n, g in self.tree.children.items() if "naif_id" in g.attrs}

    def rays(self):
        et = self.tree["sky/et"].values
        for index in np.ndindex(self.sky.shape[:-1]):
            yield index, float(et[index[0], index[2]]), self.sky[index]

    def instants(self):
        et = self.tree["sky/et"].values
        for index in np.ndindex(et.shape):
            yield index, float(et[index])

    def note(self, **errors: float) -> None:
        for name, error in errors.items():
            assert np.isfinite(error), name
            self.worst[name] = max(self.worst.get(name, 0.0), float(error))

    def within(self, limit: float, *names: str) -> None:
        over = {n: v for n, v in self.worst.items() if n in names and not v <= limit}
        assert not over and self.worst.keys() >= set(names), (over, self.worst)


STEP = 1e-6


def look(files, ds, bodies, **options) -> Scene:
    with warnings.catch_warnings():
        # Two of the sets have the centre of mass of the system alone.
        warnings.filterwarnings("ignore", "the kernels do not place Saturn")
        tree = ds.uvis.backplanes(files, bodies=bodies, lon_direction="east", **options)
    et = tree["sky/et"].values
    with loaded(files):
        view = FieldOfView.of(ds.attrs["channel"], ds.attrs["slit"])
        turn = np.array([[spiceypy.pxform(view.frame, "J2000", t) for t in row] for row in et])
    vectors = view.pixel_vectors(Bins.of(ds))
    x, y, z = np.moveaxis(vectors, -1, 0)
    flat = np.hypot(x, z)
    along = np.stack([-x * y / flat, flat, -z * y / flat], -1)
    across = np.stack([z / flat, 0 * x, -x / flat], -1)
    sky = np.einsum("nkij,pcj->npkci", turn, vectors)
    steps = np.array([np.einsum("nkij,pcj->npkci", turn, step) for step in (along, across)])
    return Scene(files, tree, sky, steps)


@pytest.fixture(scope="module", params=rest_slow(SCENES, 1))
def scene(request, data) -> Scene:
    name, target, ets, bodies, rows = SCENES[request.param]
    files = synthetic.kernels(data, name)
    window = Window(2, 0, 61, 1023, line_bin=rows, band_bin=512)
    ds = synthetic.dataset(ets=ets, target=target, window=window, exposure=20.0)
    return look(files, ds, bodies)


def known(scene: Scene, node: str, name: str) -> np.ndarray:
    """A flag with 0 where it is unknown, as it is in places if Saturn is not placed."""
    values = scene.tree[node][name].values
    assert (-1 in values) == ("saturn" not in scene.bodies)
    return np.maximum(values, 0)


def apart(a: float, b: float, turn: float = 360.0) -> float:
    return abs((a - b + turn / 2) % turn - turn / 2)


def differ(found: int, expected: bool, edge: float) -> bool:
    """Whether a flag is wrong, and not within a metre of an edge, km; hits are 0 from theirs."""
    return bool(found) != expected and not 0 < abs(edge) <= METRE


@pytest.mark.slow
def test_points_on_bodies(scene):
    hits = 0
    with loaded(scene.files):
        for node, body in scene.bodies.items():
            planes = {n: v.values for n, v in scene.tree[node].data_vars.items()}
            radii = spiceypy.bodvrd(body, "RADII", 3)[1]
            pitch = 1e-3
            for index, et, sky in scene.rays():
                here = {n: v[index] for n, v in planes.items() if v.ndim == 4}
                height = rayside.altitude(body, et, sky)
                found = rayside.hit(body, et, sky)
                assert not differ(here["on_disk"], found is not None, height)
                if found is None:
                    true = rayside.unaberrated(et, sky)
                    height, distance = rayside.height(body, et, true)
                    if distance:
                        scene.note(alt=abs(here["alt"] - height))
                    assert here["ray_height"] == here["alt"]
                    continue
                if not here["on_disk"]:
                    continue
                hits += 1
                common = ("ELLIPSOID", body, et, rayside.frame(body), "CN+S", "CASSINI")
                _, _, phase, sza, ems = np.rad2deg(
                    [0, 0, *spiceypy.ilumin(*common, found.point)[2:]]
                )
                radius, lon, lat = spiceypy.reclat(found.point)
                ours = spiceypy.latrec(radius, np.deg2rad(here["lon"]), np.deg2rad(here["lat"]))
                normal = spiceypy.surfnm(*radii, found.point)
                code = spiceypy.bods2c(body)
                h, m, s, _, _ = spiceypy.et2lst(found.epoch, code, lon, "PLANETOCENTRIC")
                scene.note(
                    place=np.linalg.norm(ours - found.point),
                    distance=abs(here["distance"] - found.distance),
                    lat=abs(here["lat"] - np.rad2deg(lat)),
                    graphic=abs(here["lat_graphic"] - np.rad2deg(np.arcsin(normal[2]))),
                    sza=abs(here["sza"] - sza),
                    phase=abs(here["phase"] - phase),
                    ems=abs(here["ems"] - ems),
                    # et2lst cuts off the second's fraction.
                    lt=apart(here["lt"] * 3600, h * 3600 + m * 60 + s + 0.5, 86400),
                    hour_angle=apart(here["hour_angle"] * 240, h * 3600 + m * 60 + s + 0.5, 86400),
                )
                assert here["ray_height"] == 0
                # Chords between points a little apart, but near the limb.
                if ems > 80:
                    continue
                rows = round(here["resolution_along"] / here["distance"] / pitch)
                for i, (name, angle) in enumerate(
                    (("resolution_along", rows * pitch), ("resolution_across", 1.5e-3))
                ):
                    scene.note(resolution=abs(here[name] / (found.distance * angle) - 1))
                    step = STEP * scene.steps[(i, *index)]
                    ends = [rayside.hit(body, et, sky + sign * step) for sign in (-1, 1)]
                    if None not in ends:
                        chord = np.linalg.norm(ends[1].point - ends[0].point) / (2 * STEP) * angle
                        scene.note(stretch=abs(here[f"{name}_foreshortened"] / chord - 1))
    assert hits > 20
    scene.within(METRE, "place", "distance")
    if "alt" in scene.worst:
        scene.within(METRE, "alt")
    scene.within(ANGLE, "lat", "graphic", "sza", "phase", "ems")
    scene.within(1.0, "lt", "hour_angle")
    # The rows are of 1 mrad but for the width of the kernel's angles.
    scene.within(2e-3, "resolution", "stretch")


def test_what_stands_before(scene):
    with loaded(scene.files):
        attrs = scene.tree["sky/front"].attrs
        names = dict(zip(attrs["flag_values"], attrs["flag_meanings"].split(), strict=True))
        nodes = scene.bodies
        front = scene.tree["sky/front"].values
        planes = {node: scene.tree[node] for node in nodes}
        saturn = "saturn" in nodes
        flags = {
            node: {n: known(scene, node, n) for n in ("hidden", "behind_rings")}
            | {"distance": planes[node]["distance"].values}
            for node in nodes
        }
        radec = [scene.tree[f"sky/{n}"].values for n in ("ra", "dec")]
        for index, et, sky in scene.rays():
            _, ra, dec = np.rad2deg(spiceypy.recrad(sky))
            scene.note(sky=max(apart(radec[0][index], ra), abs(radec[1][index] - dec)))
            found = {node: rayside.hit(body, et, sky) for node, body in nodes.items()}
            met = {node: one.distance for node, one in found.items() if one}
            # Saturn may be there.
            nothing = "none" if saturn else "unknown"
            first = min(met, key=met.__getitem__) if met else nothing
            seen = names[front[index]]
            # Or a body in view that has no node.
            assert seen == first or seen not in (*nodes, "none", "unknown")
            true = rayside.unaberrated(et, sky)
            craft = spiceypy.spkssb(-82, et, "J2000")[:3]
            plane = rayside.Plane("SATURN", craft, et, true, -1.0) if saturn else None
            for node, own in flags.items():
                nearer = any(met[other] < own["distance"][index] for other in met if other != node)
                assert bool(own["hidden"][index]) >= nearer
                if own["hidden"][index] and not nearer:
                    # By a body in view that has no node.
                    assert len(names) > len(nodes) + 2
                if plane is not None:
                    behind = plane.in_rings and plane.distance < own["distance"][index]
                    assert not differ(own["behind_rings"][index], behind, plane.edge)
    scene.within(ANGLE, "sky")


@pytest.mark.slow
def test_shadows(scene):
    others = [body for body in (*MOONS, "SATURN") if _placed(scene, body)]
    with loaded(scene.files):
        for node in scene.bodies:
            planes = scene.tree[node]
            flags = {n: planes[n].values for n in ("on_disk", "sza")}
            flags |= {n: known(scene, node, n) for n in ("in_shadow", "in_ring_shadow")}
            for index, et, sky in scene.rays():
                own = {n: v[index] for n, v in flags.items()}
                if not own["on_disk"] or own["sza"] >= 90:
                    assert not own["in_shadow"] and not own["in_ring_shadow"]
                    continue
                found = rayside.hit(scene.bodies[node], et, sky)
                place, epoch = rayside.event(et, found.vector)
                if index[2] == 1 and index[3] == 0:
                    shaded = [
                        rayside.shades(body, place, epoch)
                        for body in others
                        if body != scene.bodies[node]
                    ]
                    edge = min((abs(height) for _, height in shaded), default=np.inf)
                    assert not differ(own["in_shadow"], any(yes for yes, _ in shaded), edge)
                if "saturn" in scene.bodies:
                    plane = rayside.Plane(
                        "SATURN", place, epoch, rayside.sunward(place, epoch), -1.0
                    )
                    assert not differ(own["in_ring_shadow"], plane.in_rings, plane.edge)


def _placed(scene: Scene, body: str) -> bool:
    with loaded(scene.files):
        try:
            spiceypy.spkssb(spiceypy.bods2c(body), float(scene.tree["sky/et"][0, 0]), "J2000")
        except spiceypy.SpiceyError:
            return False
    return True


def test_instants(scene):
    with loaded(scene.files):
        for node, body in scene.bodies.items():
            planes = {n: v.values for n, v in scene.tree[node].data_vars.items()}
            code, frame = spiceypy.bods2c(body), rayside.frame(body)
            radii = spiceypy.bodvrd(body, "RADII", 3)[1]
            for index, et in scene.instants():
                here = {n: v[index] for n, v in planes.items() if v.ndim in (2, 3)}
                common = ("NEAR POINT/ELLIPSOID", body, et, frame, "CN+S", "CASSINI")
                for prefix, found in (
                    ("sc", spiceypy.subpnt(*common)),
                    ("sub_solar", spiceypy.subslr(*common)),
                ):
                    point = found[0]
                    radius, _, lat = spiceypy.reclat(point)
                    normal = spiceypy.surfnm(*radii, point)
                    ours = spiceypy.latrec(
                        radius, *np.deg2rad([here[f"{prefix}_lon"], here[f"{prefix}_lat"]])
                    )
                    scene.note(
                        **{f"{prefix}_place": np.linalg.norm(ours - point)},
                        sub_lat=abs(here[f"{prefix}_lat"] - np.rad2deg(lat)),
                        sub_graphic=abs(
                            here[f"{prefix}_lat_graphic"] - np.rad2deg(np.arcsin(normal[2]))
                        ),
                    )
                    if prefix == "sc":
                        scene.note(sc_alt=abs(here["sc_alt"] - np.linalg.norm(found[2])))
                state, light = spiceypy.spkezr(body, et, frame, "CN", "CASSINI")
                scene.note(
                    craft=np.linalg.norm(here["sc_position"] + state[:3]),
                    speed=np.linalg.norm(here["sc_velocity"] + state[3:]),
                )
                seen, _ = spiceypy.spkpos(body, et, "J2000", "CN+S", "CASSINI")
                _, ra, dec = spiceypy.recrad(seen)
                phase = spiceypy.phaseq(et, body, "SUN", "CASSINI", "CN+S")
                width = np.arcsin(radii[0] / np.linalg.norm(state[:3]))
                scene.note(
                    center=max(
                        apart(here["center_ra"], np.rad2deg(ra)),
                        abs(here["center_dec"] - np.rad2deg(dec)),
                    ),
                    center_phase=abs(here["center_phase"] - np.rad2deg(phase)),
                )
                rows = 60 / scene.tree.sizes["pixel"]
                scene.note(diameter=abs(here["diameter"] / (2 * width / (rows * 1e-3)) - 1))
                _orbit(scene, here, code, et - light)
    scene.within(METRE, "sc_place", "sub_solar_place", "sc_alt", "craft")
    scene.within(1e-6, "speed")
    scene.within(ANGLE, "sub_lat", "sub_graphic", "center", "center_phase")
    scene.within(2e-3, "diameter")
    if "ram" in scene.worst:
        scene.within(ANGLE, "ram", "ram_graphic")
    if "planet_lt" in scene.worst:
        # et2lst sees the Sun with aberration, and cuts off the second's fraction.
        scene.within(3.0, "planet_lt")


def _orbit(scene: Scene, here, code: int, epoch: float) -> None:
    planet = 10 if code == 699 else 699
    try:
        velocity = spiceypy.spkezr(str(code), epoch, "J2000", "NONE", str(planet))[0][3:]
    except spiceypy.SpiceyError:
        # The set has the barycentre of the system alone.
        assert np.isnan(here["ram_lon"]) and np.isnan(here["planet_lt"])
        return
    frame = spiceypy.cidfrm(code)[1]
    radii = spiceypy.bodvcd(code, "RADII", 3)[1]
    lead = spiceypy.pxform("J2000", frame, epoch) @ velocity
    _, lon, lat = spiceypy.reclat(lead)
    lead /= np.linalg.norm(lead / radii)
    graphic = np.arcsin(spiceypy.surfnm(*radii, lead)[2])
    scene.note(
        ram=max(apart(here["ram_lon"], np.rad2deg(lon)), abs(here["ram_lat"] - np.rad2deg(lat))),
        ram_graphic=abs(here["ram_lat_graphic"] - np.rad2deg(graphic)),
    )
    if code == 699:
        assert np.isnan(here["planet_lt"])
        return
    place, _ = spiceypy.spkpos(str(code), epoch, "IAU_SATURN", "NONE", "699")
    h, m, s, _, _ = spiceypy.et2lst(epoch, 699, spiceypy.reclat(place)[1], "PLANETOCENTRIC")
    clock = h * 3600 + m * 60 + s + 0.5
    scene.note(planet_lt=apart(here["planet_lt"] * 3600, clock, 86400))


def test_rings(scene):
    if "rings" not in scene.tree:
        assert "saturn" not in scene.tree
        return
    planes = {n: v.values for n, v in scene.tree["rings"].data_vars.items()}
    edge_on = crossed = 0
    with loaded(scene.files):
        for index, et, sky in scene.rays():
            here = {n: v[index] for n, v in planes.items()}
            true = rayside.unaberrated(et, sky)
            craft = spiceypy.spkssb(-82, et, "J2000")
            plane = rayside.Plane("SATURN", craft[:3], et, true, -1.0)
            assert plane.found == np.isfinite(here["ring_radius"])
            edge_on += _edge_on(scene, here, et, craft[:3], true)
            if not plane.found or plane.radius > 1e6:
                continue
            crossed += 1
            place, epoch = rayside.event(et, plane.distance * true)
            turn = spiceypy.pxform("J2000", "IAU_SATURN", plane.epoch)
            velocity = spiceypy.spkssb(699, plane.epoch, "J2000")[3:]
            sun = turn @ spiceypy.stelab(rayside.sunward(place, epoch), velocity)
            back = -(turn @ sky)
            normal, out = np.array([0, 0, 1.0]), plane.point / plane.radius
            flat = np.array([back[0], back[1], 0.0])
            azimuth = spiceypy.vsep(flat, out) * np.copysign(1, np.cross(flat, out)[2])
            h, m, s, _, _ = spiceypy.et2lst(
                plane.epoch, 699, np.arctan2(out[1], out[0]), "PLANETOCENTRIC"
            )
            node = np.cross([0, 0, 1.0], turn[2])
            node = turn @ (node / np.linalg.norm(node))
            lon = np.arctan2(out[1], out[0]) - np.arctan2(node[1], node[0])
            emission, incidence = spiceypy.vsep(normal, back), spiceypy.vsep(normal, sun)
            scene.note(
                ring_radius=abs(here["ring_radius"] - plane.radius),
                ring_distance=abs(here["ring_distance"] - plane.distance),
                ring_longitude=apart(here["ring_longitude"], np.rad2deg(lon)),
                ring_azimuth=apart(here["ring_azimuth"], np.rad2deg(azimuth)),
                ring_hour=apart(here["ring_hour_angle"] * 240, h * 3600 + m * 60 + s + 0.5, 86400),
                ring_emission=abs(here["ring_emission"] - np.rad2deg(emission)),
                ring_incidence=abs(here["ring_incidence"] - np.rad2deg(incidence)),
                ring_phase=abs(here["ring_phase"] - np.rad2deg(spiceypy.vsep(sun, back))),
                elevation=max(
                    abs(here["solar_elevation"] - 90 + np.rad2deg(incidence)),
                    abs(here["sc_elevation"] - 90 + np.rad2deg(emission)),
                ),
            )
            met = rayside.hit("SATURN", et, sky)
            height = rayside.altitude("SATURN", et, sky)
            before = met is not None and met.distance > plane.distance
            beyond = met is not None and met.distance < plane.distance
            assert not differ(here["in_front"], before, height)
            assert not differ(here["behind"], beyond, height)
            shaded, height = rayside.shades("SATURN", place, epoch)
            assert not differ(here["in_shadow"], shaded, height)
    if crossed:
        # A metre across the ray is more along the plane, where this is met at a low angle.
        scene.within(METRE, "ring_distance")
        scene.within(2 * METRE, "ring_radius")
        scene.within(ANGLE, "ring_longitude", "ring_azimuth", "ring_emission", "ring_incidence")
        scene.within(ANGLE, "ring_phase", "elevation")
        scene.within(1.0, "ring_hour")
    if edge_on:
        scene.within(METRE, "edge_on")


def _edge_on(scene: Scene, here, et: float, craft: np.ndarray, true: np.ndarray) -> bool:
    """The point of the ray nearest to the axis, from the two closest points of two lines."""
    place, _ = spiceypy.spkpos("SATURN", et, "IAU_SATURN", "CN", "CASSINI")
    opening = np.rad2deg(spiceypy.reclat(-place)[2])
    if abs(opening) >= 5:
        assert np.isnan(here["edge_on_radius"]) and np.isnan(here["edge_on_elevation"])
        return False
    distance = 0.0
    for _ in range(6):
        epoch = et - distance / spiceypy.clight()
        turn = spiceypy.pxform("J2000", "IAU_SATURN", epoch)
        start = turn @ (craft - spiceypy.spkssb(699, epoch, "J2000")[:3])
        along = turn @ true
        line = np.array([start, [0, 0, 0.0]]), np.array([along, [0, 0, 1.0]])
        a, b = along @ along, along[2]
        w = line[0][0]
        t = (b * w[2] - along @ w) / (a - b * b)
        distance = max(t, 0.0)
        point = w + distance * along
    scene.note(
        edge_on=max(
            abs(here["edge_on_radius"] - np.hypot(*point[:2])),
            abs(here["edge_on_elevation"] - point[2]),
        )
    )
    return True


def test_slit_angle(scene):
    """By vectors at the boresight: the instrument's +y between the sky's north and east."""
    found = scene.tree["sky/slit_angle"].values
    with loaded(scene.files):
        for index, et in scene.instants():
            turn = spiceypy.pxform("CASSINI_UVIS_FUV", "J2000", et)
            along, away = turn[:, 1], turn[:, 2]
            east = np.cross([0, 0, 1.0], away)
            east /= np.linalg.norm(east)
            north = np.cross(away, east)
            angle = np.rad2deg(np.arctan2(along @ east, along @ north))
            scene.note(slit_angle=apart(found[index], angle))
    scene.within(ANGLE, "slit_angle")


#: Scans over a body: kernels, body, middle, step in s, rows of the window and of a pixel; whether
#: the disk is inside.
SCANS = {
    "whole": ("2005-331", "ENCELADUS", START_331 + 26130.0, 10.0, (2, 61, 2), 1),
    "cut": ("2005-331", "ENCELADUS", START_331 + 26130.0, 10.0, (2, 33, 2), 0),
    "begins on the disk": ("phoebe", "PHOEBE", synthetic.PHOEBE_ET, 20.0, (2, 61, 2), 0),
    "far beyond the slit": ("2005-331", "SATURN", START_331 + 30000.0, 900.0, (2, 61, 5), 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("scan", rest_slow(SCANS, 2))
def test_places_in_scans(data, scan):
    """Of the centre by `spkpos` in the instrument's frame, of the disk by its limb."""
    name, body, middle, step, (first, last, rows), inside = SCANS[scan]
    files = synthetic.kernels(data, name)
    ets = middle + step * np.arange(-30, 31)
    window = Window(first, 0, last, 1023, line_bin=rows, band_bin=512)
    ds = synthetic.dataset(ets=ets, target=body, window=window, exposure=0.9 * step)
    node = ds.uvis.backplanes(files, bodies=[body], times="mid")[body.lower()]
    with loaded(files):
        looks = [_angles(body, et) for et in ets]
        row = _half_length() / 32
        radius = spiceypy.bodvrd(body, "RADII", 3)[1][0]
        away = [np.linalg.norm(spiceypy.spkpos(body, t, "J2000", "LT", "CASSINI")[0]) for t in ets]
    diameter = 2 * np.arcsin(radius / np.array(away)) / (rows * row)
    np.testing.assert_allclose(node["diameter"][:, 0], diameter, rtol=0, atol=1e-3)
    # Row 32 begins at the boresight.
    low, high = (first - 32) * row, (last + 1 - 32) * row
    across, along = np.array([centre for centre, _ in looks]).T
    (turns,) = np.nonzero(across[:-1] * across[1:] < 0)
    at = min(turns, key=lambda k: abs(along[k]))
    share = across[at] / (across[at] - across[at + 1])
    pixel = (along - low) / (rows * row) - 0.5
    assert float(node["center_pic"]) == pytest.approx(at + share, abs=1e-3)
    expected = pixel[at] + share * (pixel[at + 1] - pixel[at])
    assert float(node["center_pixel"]) == pytest.approx(expected, abs=1e-3)
    (left, right), (lower, upper) = np.moveaxis([ends for _, ends in looks], 0, -1)
    seen = (left <= HALF_WIDTH) & (right >= -HALF_WIDTH)
    long_enough = (lower[seen] >= low).all() and (upper[seen] <= high).all()
    swept = left.min() <= -HALF_WIDTH <= left.max() and right.min() <= HALF_WIDTH <= right.max()
    assert seen.any() and (long_enough and swept) == bool(inside)
    assert node["inside"] == inside


#: Of the low-resolution slit, rad.
HALF_WIDTH = 0.75e-3


def _half_length() -> float:
    """Of the slit, rad, by the corners of its field of view."""
    corners = spiceypy.getfov(spiceypy.bods2c("CASSINI_UVIS_FUV_LO"), 8)[4]
    return float(max(np.arctan2(abs(y), np.hypot(x, z)) for x, y, z in corners))


def _angles(body: str, et: float) -> tuple[np.ndarray, np.ndarray]:
    """Angles across and along the slit, rad: of a body's centre (2,), of its disk's ends (2, 2)."""
    centre, light = spiceypy.spkpos(body, et, "CASSINI_UVIS_FUV", "LT+S", "CASSINI")
    true, _ = spiceypy.spkpos(body, et, "J2000", "LT", "CASSINI")
    turn = spiceypy.pxform("J2000", rayside.frame(body), et - light)
    radii = spiceypy.bodvrd(body, "RADII", 3)[1]
    limb = spiceypy.edlimb(*radii, -(turn @ true))
    phase = np.linspace(0, 2 * np.pi, 721)[:, None]
    points = limb.center + np.cos(phase) * limb.semi_major + np.sin(phase) * limb.semi_minor
    velocity = spiceypy.spkssb(-82, et, "J2000")[3:]
    look = spiceypy.pxform("J2000", "CASSINI_UVIS_FUV", et)
    rays = [look @ spiceypy.stelab(true + turn.T @ point, velocity) for point in points]
    x, y, z = np.array([centre, *rays]).T
    found = np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))])
    return found[:, 0], np.stack([found[:, 1:].min(axis=1), found[:, 1:].max(axis=1)], axis=-1)
