"""The fields of the geometry: one entry each, from which all lists of fields are derived.

A new field needs an entry here, and a formula in `geometry` that computes it under that name. Its
corners, its twin at the tangent point, its twin for every detector row, its bins and their means,
its attributes, its place in the summary and its sense under `lon_direction` all follow from the
entry.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from .. import checks

#: Prefix of fields that refer to the tangent point everywhere.
TANGENT = "tangent_"

#: Prefix of fields of the detector rows, whatever of them was read out.
ROW = "row_"

#: Corners of a pixel, in the order of the `corner` dimension.
CORNERS = ("lower_left", "lower_right", "upper_right", "upper_left")

_AT_TANGENT = ", at the tangent point"


@dataclass(frozen=True)
class Field:
    """One field of the geometry.

    Attributes
    ----------
    name, units, long_name : str
        As in the dataset.
    kind : {"sightline", "ephemeris"}
        One value for every pixel, or detector row, and its corners, or one for the exposure.
    twin : bool
        Whether it exists at the tangent point too, with the prefix `tangent_`.
    period : float, optional
        360 degrees or 24 hours, if the field is periodic.
    needs : {"course", "centre", "body", "planet"}
        What must be known: only where the spacecraft is and points; the target's centre as well;
        its shape and orientation; or that it is a giant planet.
    directed : bool
        Whether it is a longitude that increases west or east, as set by `lon_direction`; its
        attributes say which.
    summary : bool
        Whether the JSON summary includes it and, of those of the exposure, bins hold its mean.
    """

    name: str
    units: str
    long_name: str
    kind: Literal["sightline", "ephemeris"] = "sightline"
    twin: bool = False
    period: float | None = None
    needs: Literal["course", "centre", "body", "planet"] = "body"
    directed: bool = False
    summary: bool = True

    @property
    def remedy(self) -> str:
        """How to add the field to a dataset that lacks it."""
        return "call ds.uvis.geometry() first" + _TARGETS[self.needs]


#: The targets that have fields, as `Field.remedy` says it.
_TARGETS = {
    "course": "",
    "centre": ", with a body as target",
    "body": ", with a body of known shape and rotation as target",
    "planet": ", with a giant planet as target",
}

_DEG, _KM = "degree", "km"

_ENTRIES = (
    Field("lon", _DEG, "longitude", twin=True, period=360.0, directed=True),
    Field("lat", _DEG, "planetocentric latitude", twin=True),
    Field("lat_graphic", _DEG, "planetographic latitude", twin=True),
    Field(
        "alt",
        _KM,
        "altitude of the tangent point above the ellipsoid, negative on the disk",
        twin=True,
    ),
    Field("sza", _DEG, "solar zenith (incidence) angle", twin=True),
    Field("phase", _DEG, "phase angle", twin=True),
    Field("ems", _DEG, "emission angle", twin=True),
    Field("lt", "hour", "local solar time", twin=True, period=24.0),
    Field("on_disk", "1", "whether the line of sight meets the body: 1 yes, 0 no"),
    Field(
        "ra",
        _DEG,
        "right ascension of the line of sight, apparent, J2000",
        period=360.0,
        needs="course",
    ),
    Field("dec", _DEG, "declination of the line of sight, apparent, J2000", needs="course"),
    Field(
        "ring_radius",
        _KM,
        "radius where the line of sight crosses the equatorial plane",
        needs="planet",
    ),
    Field(
        "ring_longitude",
        _DEG,
        "longitude where the line of sight crosses the equatorial plane, prograde from the plane's "
        "ascending node on the equator of J2000",
        period=360.0,
        needs="planet",
    ),
    Field(
        "ring_emission",
        _DEG,
        "emission angle against the normal of the equatorial plane",
        needs="planet",
    ),
    Field(
        "ring_incidence",
        _DEG,
        "solar incidence angle against the normal of the equatorial plane",
        needs="planet",
    ),
    Field(
        "ring_phase",
        _DEG,
        "phase angle where the line of sight crosses the equatorial plane",
        needs="planet",
    ),
    Field(
        "ring_in_front",
        "1",
        "whether the plane is crossed before the body: 1 yes, 0 no",
        needs="planet",
    ),
    Field("sc_lon", _DEG, "sub-spacecraft longitude", "ephemeris", period=360.0, directed=True),
    Field("sc_lat", _DEG, "sub-spacecraft planetocentric latitude", "ephemeris"),
    Field("sc_alt", _KM, "altitude of the spacecraft above the target's ellipsoid", "ephemeris"),
    Field("sc_sza", _DEG, "solar zenith angle at the sub-spacecraft point", "ephemeris"),
    Field("sc_phase", _DEG, "phase angle at the sub-spacecraft point", "ephemeris"),
    Field("sc_ems", _DEG, "emission angle at the sub-spacecraft point", "ephemeris"),
    Field(
        "sc_lt", "hour", "local solar time of the sub-spacecraft point", "ephemeris", period=24.0
    ),
    Field("sub_solar_lon", _DEG, "sub-solar longitude", "ephemeris", period=360.0, directed=True),
    Field("sub_solar_lat", _DEG, "sub-solar planetocentric latitude", "ephemeris"),
    Field(
        "heliocentric_distance",
        "au",
        "distance of the target from the Sun",
        "ephemeris",
        needs="centre",
    ),
    Field(
        "sc_heliocentric_distance",
        "au",
        "distance of the spacecraft from the Sun",
        "ephemeris",
        needs="course",
    ),
    Field(
        "target_distance",
        _KM,
        "distance of the target's centre from the spacecraft",
        "ephemeris",
        needs="centre",
    ),
    Field("target_phase", _DEG, "phase angle at the target's centre", "ephemeris", needs="centre"),
    # The rest are for drawing the scene without kernels: no means of them.
    Field(
        "target_ra",
        _DEG,
        "right ascension of the target's centre, apparent, J2000",
        "ephemeris",
        period=360.0,
        needs="centre",
        summary=False,
    ),
    Field(
        "target_dec",
        _DEG,
        "declination of the target's centre, apparent, J2000",
        "ephemeris",
        needs="centre",
        summary=False,
    ),
    Field(
        "pole_ra",
        _DEG,
        "right ascension of the target's north pole, J2000",
        "ephemeris",
        period=360.0,
        summary=False,
    ),
    Field(
        "pole_dec",
        _DEG,
        "declination of the target's north pole, J2000",
        "ephemeris",
        summary=False,
    ),
    Field(
        "prime_meridian",
        _DEG,
        "angle from the ascending node of the target's equator to its prime meridian",
        "ephemeris",
        period=360.0,
        summary=False,
    ),
    Field(
        "sc_position",
        _KM,
        "position of the spacecraft from the solar system's barycentre, J2000",
        "ephemeris",
        needs="course",
        summary=False,
    ),
    Field(
        "sc_velocity",
        "km s-1",
        "velocity of the spacecraft against the solar system's barycentre, J2000",
        "ephemeris",
        needs="course",
        summary=False,
    ),
)


def _twin(field: Field) -> Field:
    return replace(
        field,
        name=f"{TANGENT}{field.name}",
        long_name=field.long_name + _AT_TANGENT,
        twin=False,
    )


_TWINS = tuple(_twin(field) for field in _ENTRIES if field.twin)


def _named(*fields: Field) -> Mapping[str, Field]:
    return MappingProxyType({field.name: field for field in fields})


#: Line-of-sight fields by name, twins last: everything that spectra can be binned by.
SIGHTLINE = _named(*(field for field in _ENTRIES if field.kind == "sightline"), *_TWINS)

#: Their twins for every detector row, by name.
ROWS = _named(
    *(
        replace(
            field,
            name=f"{ROW}{field.name}",
            long_name=f"{field.long_name}, of a detector row",
            twin=False,
            summary=False,
        )
        for field in SIGHTLINE.values()
    )
)

#: Fields of the exposure by name.
EPHEMERIS = _named(*(field for field in _ENTRIES if field.kind == "ephemeris"))

#: Every field of pixels and exposures by name.
FIELDS = _named(*SIGHTLINE.values(), *EPHEMERIS.values())


def sightline(name: str, argument: str) -> Field:
    """The line-of-sight field that an argument names.

    Raises
    ------
    ArgumentError
        There is no such field; the message suggests similar names.
    """
    if name in SIGHTLINE:
        return SIGHTLINE[name]
    near = _near(str(name))
    hint = f"; did you mean {' or '.join(near)}?" if near else f": one of {', '.join(SIGHTLINE)}"
    raise checks.refused(argument, name, f"a field of the line of sight{hint}")


def _near(name: str) -> list[str]:
    """Up to four names that resemble `name`, or whose long name contains it as a word."""
    bare = name.removeprefix(TANGENT)
    words = [n for n in SIGHTLINE if bare in re.findall(r"\w+", SIGHTLINE[n].long_name)]
    found = [bare] if bare in SIGHTLINE else []
    return list(dict.fromkeys([*found, *words, *difflib.get_close_matches(name, SIGHTLINE)]))[:4]
