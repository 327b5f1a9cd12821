"""The fields of the backplanes: one entry each, with its definition.

Attributes of the variables, their dimensions and types, and the table of `docs/howto/backplanes.md`
follow from the entries. Fields that `geometry` has too take their unit and name from its registry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..dataset.fields import CORNERS, SIGHTLINE, TANGENT
from ..geometry.rings import RINGS

#: The points of a pixel, in the order of the dimension `point`.
POINTS = ("center", *CORNERS)

#: Long names of the dimensions that backplanes have beside those of a dataset.
LABELLED = {"instant": "time within the exposure", "point": "point of the pixel"}

#: Names of the sets of dimensions.
Kind = Literal["ray", "instant", "vector", "body"]

DIMS: dict[Kind, tuple[str, ...]] = {
    "ray": ("pic", "pixel", "instant", "point"),
    "instant": ("pic", "instant"),
    "vector": ("pic", "instant", "axis"),
    "body": (),
}

#: Inner edge of the C ring and outer edge of the A ring, km.
MAIN_RINGS = (RINGS["C"][0], RINGS["A"][1])

#: Planetocentric latitude of the spacecraft below which rings are seen edge-on, degrees.
EDGE_ON = 5.0

#: Of a flag, and of `front`, where the kernels do not tell.
UNKNOWN = -1

_DEG, _KM, _HOUR = "degree", "km", "hour"


@dataclass(frozen=True)
class Plane:
    """One field of the backplanes.

    Attributes
    ----------
    name, units, long_name : str
    definition : str
        Zero, sign and sense.
    kind : {"ray", "instant", "vector", "body"}
        What there is one value of.
    flag : bool
        Whether it is 1 for yes and 0 for no, or `UNKNOWN` where the kernels do not tell.
    directed : bool
        Whether it is a longitude that increases west or east, as the tree's `lon_direction` says.
    """

    name: str
    units: str
    long_name: str
    definition: str
    kind: Kind = "ray"
    flag: bool = False
    directed: bool = False

    def attributes(self, lon_direction: str, unknown: bool = False) -> dict[str, Any]:
        """The variable's attributes; of a flag, whether it is unknown somewhere."""
        sense = f", {lon_direction}-positive" if self.directed else ""
        # What has no dimension has no units: see `uvisxr.dataset.conventions`.
        units = {"units": self.units} if self.units != "1" else {}
        attrs: dict[str, Any] = {
            "long_name": self.long_name + sense,
            **units,
            "comment": self.definition,
        }
        if self.flag:
            attrs |= {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "no yes"}
        if self.flag and unknown:
            values = np.array([UNKNOWN, 0, 1], np.int8)
            attrs |= {"flag_values": values, "flag_meanings": "unknown no yes"}
        return attrs


def _flag(name: str, long_name: str, definition: str, kind: Kind = "ray") -> Plane:
    return Plane(name, "1", long_name, definition, kind, flag=True)


_POINT = "at the point where the line of sight meets the body, or else at its tangent point"
_LON = "of the body-fixed frame, 0..360, 0 at the prime meridian, increasing west or east"
_EPOCH = "when the light left the body"

#: Definitions of the fields that `geometry` has too.
_OF_GEOMETRY = {
    "lon": f"{_POINT}; {_LON}",
    "lat": f"{_POINT}; angle of its radius vector to the equator, north positive",
    "lat_graphic": f"{_POINT}; angle of the ellipsoid's normal to the equator, north positive",
    "alt": "least height of the line of sight above the ellipsoid, negative where it meets it",
    "sza": f"{_POINT}; angle of the ellipsoid's normal to the apparent Sun, above 90 at night",
    "phase": f"{_POINT}; angle of the apparent Sun to the spacecraft, 0 with the Sun behind it",
    "ems": f"{_POINT}; angle of the ellipsoid's normal to the spacecraft, 0 seen from above",
    "lt": f"{_POINT}; 0..24, 0 at midnight, 6 where the Sun rises, as SPICE's et2lst",
}


def _geometry(name: str, prefix: str = "") -> Plane:
    field = SIGHTLINE[f"{prefix}{name}"]
    definition = _OF_GEOMETRY[name]
    if prefix:
        definition = definition.replace(
            _POINT, "at the tangent point, the lowest of the line of sight"
        )
    return Plane(field.name, field.units, field.long_name, definition, directed=field.directed)


SKY: tuple[Plane, ...] = (
    Plane("ra", _DEG, SIGHTLINE["ra"].long_name, "0..360, east; as seen, with stellar aberration"),
    Plane("dec", _DEG, SIGHTLINE["dec"].long_name, "north positive; as seen"),
    Plane(
        "et",
        "s",
        "barycentric dynamical time past J2000",
        "TDB of the instant at the spacecraft, SPICE's ephemeris time",
        "instant",
    ),
    Plane(
        "slit_angle",
        _DEG,
        "position angle of the slit",
        "direction in which rows are counted, at the slit's middle, 0..360: 0 towards the north of "
        "J2000, 90 towards its east",
        "instant",
    ),
    Plane(
        "front",
        "1",
        "frontmost body",
        "number of the body that the line of sight meets first of those that the kernels place, by "
        "flag_meanings; 0 for none, -1 unknown: without pointing, or where it meets none of them "
        "and Saturn or a body in view is not placed; rings are not counted",
    ),
)

BODY: tuple[Plane, ...] = (
    *map(_geometry, _OF_GEOMETRY),
    _flag("on_disk", SIGHTLINE["on_disk"].long_name, "whatever stands before the body"),
    *(_geometry(name, TANGENT) for name in _OF_GEOMETRY),
    Plane("distance", _KM, "distance of the point from the spacecraft", f"{_POINT}; along the ray"),
    Plane(
        "resolution_along",
        "km pixel-1",
        "size of the pixel at the point, along the slit",
        f"{_POINT}; distance times the pixel's angle along the slit, at right angles to the ray",
    ),
    Plane(
        "resolution_across",
        "km pixel-1",
        "size of the pixel at the point, across the slit",
        f"{_POINT}; distance times the slit's width as an angle, at right angles to the ray",
    ),
    Plane(
        "resolution_along_foreshortened",
        "km pixel-1",
        "size of the pixel on the surface, along the slit",
        "resolution_along projected along the ray onto the surface; missing off the disk",
    ),
    Plane(
        "resolution_across_foreshortened",
        "km pixel-1",
        "size of the pixel on the surface, across the slit",
        "resolution_across projected along the ray onto the surface; missing off the disk",
    ),
    Plane(
        "hour_angle",
        _DEG,
        "solar hour angle",
        f"{_POINT}; 0..360, 15 degrees an hour of lt: 0 at midnight, 90 where the Sun rises, 180 "
        "at noon, as in the Ring Node's oops",
    ),
    Plane(
        "ray_height",
        _KM,
        "least distance of the line of sight from the ellipsoid",
        "alt, but 0 where the line of sight meets the body, as SPICE's npedln",
    ),
    _flag(
        "behind_rings",
        "whether the main rings lie before the point",
        f"{_POINT}; the line of sight crosses Saturn's equator plane between the radii "
        f"{MAIN_RINGS[0]:.0f} and {MAIN_RINGS[1]:.0f} km before it",
    ),
    _flag(
        "in_ring_shadow",
        "whether the main rings lie between the point and the Sun",
        "of points on the body with the Sun's centre above their horizon (sza below 90), radii as "
        "of behind_rings; 0 elsewhere",
    ),
    _flag(
        "in_shadow",
        "whether another body lies between the point and the Sun",
        "of points on the body with the Sun's centre above their horizon (sza below 90): whether "
        "it is hidden from there; 0 elsewhere",
    ),
    _flag(
        "hidden",
        "whether another body lies before the point",
        f"{_POINT}; the line of sight meets one of the bodies in front before it",
    ),
    Plane(
        "sc_lon",
        _DEG,
        "sub-spacecraft longitude",
        f"near point of the ellipsoid, as SPICE's subpnt; {_LON}",
        "instant",
        directed=True,
    ),
    Plane("sc_lat", _DEG, "sub-spacecraft planetocentric latitude", "north positive", "instant"),
    Plane(
        "sc_lat_graphic",
        _DEG,
        "sub-spacecraft planetographic latitude",
        "of the same point, north positive",
        "instant",
    ),
    Plane(
        "sc_alt",
        _KM,
        "altitude of the spacecraft above the ellipsoid",
        "from the sub-spacecraft point",
        "instant",
    ),
    Plane(
        "sc_lt",
        _HOUR,
        "local solar time of the sub-spacecraft point",
        "0..24, 0 at midnight, 6 where the Sun rises",
        "instant",
    ),
    Plane(
        "sub_solar_lon",
        _DEG,
        "sub-solar longitude",
        f"near point of the ellipsoid, as SPICE's subslr; {_LON}",
        "instant",
        directed=True,
    ),
    Plane("sub_solar_lat", _DEG, "sub-solar planetocentric latitude", "north positive", "instant"),
    Plane(
        "sub_solar_lat_graphic",
        _DEG,
        "sub-solar planetographic latitude",
        "of the same point, north positive",
        "instant",
    ),
    Plane(
        "ram_lon",
        _DEG,
        "longitude of the leading point",
        "where the velocity of the body's centre against what it orbits (of a moon the planet, of "
        f"a planet the Sun), {_EPOCH}, leaves the ellipsoid; {_LON}",
        "instant",
        directed=True,
    ),
    Plane(
        "ram_lat",
        _DEG,
        "planetocentric latitude of the leading point",
        "of the velocity itself, north positive",
        "instant",
    ),
    Plane(
        "ram_lat_graphic",
        _DEG,
        "planetographic latitude of the leading point",
        "of the ellipsoid's normal there, north positive",
        "instant",
    ),
    Plane(
        "center_ra",
        _DEG,
        "right ascension of the body's centre, apparent, J2000",
        "0..360, east; with light time and stellar aberration",
        "instant",
    ),
    Plane(
        "center_dec",
        _DEG,
        "declination of the body's centre, apparent, J2000",
        "north positive",
        "instant",
    ),
    Plane(
        "center_phase",
        _DEG,
        "phase angle at the body's centre",
        "0 with the Sun behind the spacecraft",
        "instant",
    ),
    Plane(
        "sc_position",
        _KM,
        "position of the spacecraft in the body's frame",
        f"x, y, z from the body's centre, in its fixed frame {_EPOCH}: the negative of SPICE's "
        "spkezr of the body with CN",
        "vector",
    ),
    Plane(
        "sc_velocity",
        "km s-1",
        "velocity of the spacecraft in the body's frame",
        "rate of change of sc_position as seen from the turning body, as of SPICE's spkezr",
        "vector",
    ),
    Plane(
        "diameter",
        "pixel",
        "apparent diameter",
        "twice the arc sine of equatorial radius over distance, by the angle of a pixel along the "
        "slit; as planetmapper's but for the unit",
        "instant",
    ),
    Plane(
        "planet_lt",
        _HOUR,
        "local solar time of a moon at its planet",
        f"0..24, 0 at midnight; {_EPOCH}, without aberration; missing of planets",
        "instant",
    ),
    Plane(
        "center_pixel",
        "pixel",
        "place of the body's centre along the slit",
        "where it is at center_pic; 0 at the middle of the first pixel, may be beyond the slit",
        "body",
    ),
    Plane(
        "center_pic",
        "1",
        "place of the body's centre among the exposures",
        "where it crosses the middle of the slit's width, of several times nearest to the middle "
        "of its length, or else comes nearest to it, by the instants nearest to mid-exposure; 0 at "
        "that of the first exposure",
        "body",
    ),
    _flag(
        "inside",
        "whether the whole disk is inside",
        "the slit's length holds it in all exposures that see some of it, and its width sweeps "
        "over all of it, by the instants nearest to mid-exposure; gaps of a scan do not count; "
        "unknown where exposures without pointing leave it open",
        "body",
    ),
)

_CROSSING = "where the line of sight crosses the planet's equator plane ahead"

RING: tuple[Plane, ...] = (
    Plane("ring_radius", _KM, SIGHTLINE["ring_radius"].long_name, f"{_CROSSING}; from the centre"),
    Plane(
        "ring_longitude",
        _DEG,
        SIGHTLINE["ring_longitude"].long_name,
        f"{_CROSSING}; 0..360, prograde",
    ),
    Plane(
        "ring_azimuth",
        _DEG,
        "azimuth of the spacecraft at the ring point",
        f"{_CROSSING}; in the plane, prograde from the direction of light on its way to the "
        "spacecraft to that away from the planet, 0..360, as in the Ring Node's oops: 0 on the "
        "near side, 180 on the far side",
    ),
    Plane(
        "ring_hour_angle",
        _DEG,
        "solar hour angle of the ring point",
        f"{_CROSSING}; 0..360, prograde: 0 at midnight, 180 at noon, as in the Ring Node's oops; "
        "the Sun as seen from the planet's centre, as of SPICE's et2lst",
    ),
    Plane("ring_distance", _KM, "distance of the ring point from the spacecraft", _CROSSING),
    Plane(
        "ring_emission",
        _DEG,
        SIGHTLINE["ring_emission"].long_name,
        f"{_CROSSING}; from the northern normal, above 90 seen from the south",
    ),
    Plane(
        "ring_incidence",
        _DEG,
        SIGHTLINE["ring_incidence"].long_name,
        f"{_CROSSING}; from the northern normal, above 90 lit from the south; the Sun as seen from "
        "the ring point",
    ),
    Plane(
        "ring_phase",
        _DEG,
        SIGHTLINE["ring_phase"].long_name,
        f"{_CROSSING}; 0 with the Sun behind the spacecraft",
    ),
    Plane(
        "solar_elevation",
        _DEG,
        "elevation of the Sun above the plane",
        f"{_CROSSING}; 90 less ring_incidence, north positive",
    ),
    Plane(
        "sc_elevation",
        _DEG,
        "elevation of the spacecraft above the plane",
        f"{_CROSSING}; 90 less ring_emission, north positive",
    ),
    _flag(
        "in_shadow",
        "whether the planet lies between the ring point and the Sun",
        f"{_CROSSING}; of the Sun's centre; 0 where it does not",
    ),
    _flag(
        "in_front",
        "whether the planet lies behind the ring point",
        f"{_CROSSING}; the line of sight goes on to meet the planet; 0 where it does not",
    ),
    _flag(
        "behind",
        "whether the planet hides the ring point",
        f"{_CROSSING}; the line of sight meets the planet before; 0 where it does not",
    ),
    Plane(
        "edge_on_radius",
        _KM,
        "distance of the line of sight from the planet's axis",
        f"the least, positive; missing if the planetocentric latitude of the spacecraft is "
        f"{EDGE_ON:g} degrees or more",
    ),
    Plane(
        "edge_on_elevation",
        _KM,
        "height of the line of sight above the plane",
        "where it is nearest to the planet's axis, north positive; missing as edge_on_radius",
    ),
)

#: Fields by what holds them.
NODES: dict[str, dict[str, Plane]] = {
    "sky": {plane.name: plane for plane in SKY},
    "body": {plane.name: plane for plane in BODY},
    "rings": {plane.name: plane for plane in RING},
}

_TITLES = {"sky": "`/sky`", "body": "`/saturn`, `/titan`, ...", "rings": "`/rings`"}


def table() -> str:
    """The table of all definitions in `docs/howto/backplanes.md`.

    Examples
    --------
    >>> print(table().splitlines()[0])
    | node | field | dimensions | unit | what | definition |
    """
    return "\n".join(_rows())


def _rows() -> Iterator[str]:
    yield "| node | field | dimensions | unit | what | definition |"
    yield "|---|---|---|---|---|---|"
    for node, planes in NODES.items():
        for plane in planes.values():
            dims = ", ".join(DIMS[plane.kind]) or "-"
            yield (
                f"| {_TITLES[node]} | `{plane.name}` | {dims} | {plane.units} | {plane.long_name} "
                f"| {plane.definition} |"
            )
