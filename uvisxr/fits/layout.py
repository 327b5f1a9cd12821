"""The layout of the files, v0.5 of the team's workbook: one table of HDUs, columns and keywords.

Dimensions are written as in FITS, the fastest first: NX wavelengths, NY pixels along the slit, NZ
exposures, NT instants in each, 5 points of a pixel. Where a column is found in the tree of
backplanes stands beside it; docs/howto/fits.md says what each means and which of it is our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

#: The layout's version, which the keyword VERSION gives.
VERSION = 0.5

#: HDUs in the order of the file.
ORDER = (
    "PRIMARY",
    "RAW_COUNTS",
    "CAL_FACTOR",
    "BACKGROUND",
    "SC_GEOM",
    "BODY_GEOM",
    "GENERAL_GEOM",
    "RING_GEOM",
    "KERNELS",
    "WAVELENGTH",
)

#: Undefined raw counts and calibration factors.
RAW_NULL, FACTOR_NULL = -1, -1000.0

#: Values of PIPESTAT.
COMPLETE, SKELETON = "CALIBRATED", "GEOMETRY_ONLY"

#: Points of a pixel in the order of the files, that of the team's cube generator.
POINTS = ("center", "upper_left", "lower_left", "lower_right", "upper_right")

#: Name of the instants of a file that has no others than these.
INSTANTS = ("start", "mid", "stop")

#: What one cell holds: text; one number a body; one for each exposure and instant; or one for each
#: of these and for five points of each pixel.
Cell = Literal["text", "one", "times", "points"]

#: Types of numbers by their letter in TFORM: 32 and 64 bits, and logical bytes.
Letter = Literal["A", "E", "D", "L"]


def node_of(body: str) -> str:
    """Name of a body's node in a tree: in small letters, and unlike those of what is no body."""
    name = body.lower()
    for letter in " /.":
        name = name.replace(letter, "_")
    return f"body_{name}" if name in ("sky", "rings", "") else name


@dataclass(frozen=True)
class Column:
    """A column of one of the geometry tables.

    Attributes
    ----------
    name : str
        TTYPE.
    field : str
        Of the node of a body, of `sky` or of `rings`, in the tree of backplanes.
    unit : str
        TUNIT; flags and names have none.
    comment : str
        Of the card TTYPE.
    cell : Cell
    letter : Letter
    axis : int, optional
        Of a vector, the component.
    width : int
        Of text, letters.
    """

    name: str
    field: str
    unit: str = ""
    comment: str = ""
    cell: Cell = "points"
    letter: Letter = "E"
    axis: int | None = None
    width: int = 0


def _times(name: str, field: str, unit: str, comment: str, axis: int | None = None) -> Column:
    return Column(name, field, unit, comment, "times", axis=axis)


def _one(name: str, field: str, comment: str) -> Column:
    return Column(name, field, "pixel", comment, "one")


def _flag(name: str, field: str, comment: str) -> Column:
    return Column(name, field, "", comment, letter="L")


NAME = Column("NAME", "name", "", "body of this row", "text", "A", width=12)

SC_GEOM = (
    NAME,
    _times("SUB_SC_LAT_CENTRIC", "sc_lat", "deg", "planetocentric"),
    _times("SUB_SC_LAT_GRAPHIC", "sc_lat_graphic", "deg", "planetographic"),
    _times("SUB_SC_LON", "sc_lon", "deg", "west-positive"),
    _times("SUB_SOLAR_LAT_CENTRIC", "sub_solar_lat", "deg", "planetocentric"),
    _times("SUB_SOLAR_LAT_GRAPHIC", "sub_solar_lat_graphic", "deg", "planetographic"),
    _times("SUB_SOLAR_LON", "sub_solar_lon", "deg", "west-positive"),
    _times("SC_ALTITUDE", "sc_alt", "km", "above the ellipsoid"),
    *(
        _times(f"VEL_{letter}_SC_RATE", "sc_velocity", "km/s", "in the body's frame", axis)
        for axis, letter in enumerate("XYZ")
    ),
    *(
        _times(f"V{letter}_SC", "sc_position", "km", "position, in the body's frame", axis)
        for axis, letter in enumerate("XYZ")
    ),
    _times("CENTER_RA", "center_ra", "deg", "direction to the body, J2000"),
    _times("CENTER_DEC", "center_dec", "deg", "direction to the body, J2000"),
    _times("CENTER_PHASE_ANGLE", "center_phase", "deg", "at the body's centre"),
    _times("RAM_LONGITUDE", "ram_lon", "deg", "west-positive"),
    _times("RAM_LAT_CENTRIC", "ram_lat", "deg", "planetocentric"),
    _times("RAM_LAT_GRAPHIC", "ram_lat_graphic", "deg", "planetographic"),
    _times("SUB_SC_LOCAL_TIME", "sc_lt", "h", "noon at 12"),
    _one("PROJECTED_DIAMETER", "diameter", "at mid-time"),
    _one("CENTER_Y", "center_pixel", "along the slit, at mid-time"),
    _one("CENTER_Z", "center_pic", "along the exposures"),
    Column("FULLY_INSIDE_FLAG", "inside", "", "T: wholly in the field", "one", "L"),
)

BODY_GEOM = (
    NAME,
    Column("LAT_CENTRIC", "lat", "deg", "planetocentric"),
    Column("LAT_GRAPHIC", "lat_graphic", "deg", "planetographic"),
    Column("LON", "lon", "deg", "west-positive"),
    Column("SOLAR_HOUR_ANGLE", "hour_angle", "deg", "0 at midnight"),
    Column("LOCAL_TIME", "lt", "h", "noon at 12"),
    Column("EMISSION_ANGLE", "ems", "deg", "from the ellipsoid's normal"),
    Column("INCIDENCE_ANGLE", "sza", "deg", "above 90: dark side"),
    Column("PHASE_ANGLE", "phase", "deg", "Sun to spacecraft"),
    Column("DISTANCE", "distance", "km", "of the point"),
    Column("RAYHEIGHT", "ray_height", "km", "of the ray above the body"),
    _flag("RING_SHADOW_FLAG", "in_ring_shadow", "T: in the rings' shadow"),
    _flag("BEHIND_RING_FLAG", "behind_rings", "T: behind the rings"),
)

GENERAL_GEOM = (
    Column("TIME_ET", "et", "s", "TDB past J2000, as SPICE's ET", "times", "D"),
    Column("RA", "ra", "deg", "apparent, J2000"),
    Column("DEC", "dec", "deg", "apparent, J2000"),
)

RING_GEOM = (
    Column("RING_RADIUS", "ring_radius", "km", "in the ring plane"),
    Column("RING_LONGITUDE", "ring_longitude", "deg", "prograde, inertial"),
    Column("RING_AZIMUTH", "ring_azimuth", "deg", "of the spacecraft, prograde"),
    Column("RING_HOUR_ANGLE", "ring_hour_angle", "deg", "0 at midnight, prograde"),
    Column("RING_INTERCEPT_DISTANCE", "ring_distance", "km", "of the point"),
    Column("RING_EMISSION", "ring_emission", "deg", "from the northern normal"),
    Column("RING_INCIDENCE", "ring_incidence", "deg", "from the northern normal"),
    Column("RING_PHASE_ANGLE", "ring_phase", "deg", "Sun to spacecraft"),
    Column("SOLAR_ELEVATION", "solar_elevation", "deg", "above the ring plane"),
    Column("SC_ELEVATION", "sc_elevation", "deg", "above the ring plane"),
    _flag("IN_SATURN_SHADOW", "in_shadow", "T: in the planet's shadow"),
    _flag("IN_FRONT_OF_SATURN", "in_front", "T: before the planet"),
    Column("EDGE_ON_RADIUS", "edge_on_radius", "km", "opening below 5 deg only"),
    Column("EDGE_ON_ELEVATION", "edge_on_elevation", "km", "opening below 5 deg only"),
)

#: Geometry tables by EXTNAME.
TABLES: Mapping[str, tuple[Column, ...]] = MappingProxyType(
    {
        "SC_GEOM": SC_GEOM,
        "BODY_GEOM": BODY_GEOM,
        "GENERAL_GEOM": GENERAL_GEOM,
        "RING_GEOM": RING_GEOM,
    }
)

#: What earlier drafts called columns (v0.4), by table and name: the field, and what a value is
#: multiplied by.
EARLIER: Mapping[tuple[str, str], tuple[str, float]] = MappingProxyType(
    {
        ("SC_GEOM", "SUB_SC_LAT"): ("sc_lat", 1.0),
        ("SC_GEOM", "SUB_SOLAR_LAT"): ("sub_solar_lat", 1.0),
        ("SC_GEOM", "RAM_LATITUDE"): ("ram_lat", 1.0),
        ("SC_GEOM", "SATURN_LOCAL_TIME"): ("planet_lt", 1 / 15),
        ("BODY_GEOM", "RESOLUTION_FINE"): ("resolution_fine", 1.0),
        ("BODY_GEOM", "RESOLUTION_COARSE"): ("resolution_coarse", 1.0),
    }
)

#: Columns of the table of kernels, and their letters.
KERNELS = {"FILENAME": 32, "KERNEL_TYPE": 4}

#: Types of kernels by the ending of their names.
KERNEL_TYPES = MappingProxyType(
    {
        "bsp": "SPK",
        "bc": "CK",
        "tpc": "PCK",
        "bpc": "PCK",
        "tls": "LSK",
        "tsc": "SCLK",
        "tf": "FK",
        "ti": "INST",
        "tm": "MK",
    }
)

#: Keywords of the primary header in the order of the file, with their units and comments.
KEYWORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "FILENAME": ("", "name of this file"),
        "PROD_ID": ("", "PDS product"),
        "DATE": ("", "when this file was written, UTC"),
        "MISSION": ("", "mission"),
        "INSTRUME": ("", "instrument"),
        "VERSION": ("", "version of the layout"),
        "OBS_ID": ("", "observation"),
        "MPHASE": ("", "mission phase"),
        "TARGET": ("", "target, as the label has it"),
        "ORBNUM": ("", "orbit (REV)"),
        "OBS_ET": ("s", "start, TDB past J2000"),
        "END_ET": ("s", "end, TDB past J2000"),
        "OBS_UTC": ("", "start, UTC"),
        "END_UTC": ("", "end, UTC"),
        "OBS_SCLK": ("", "spacecraft clock, start"),
        "END_SCLK": ("", "spacecraft clock, end"),
        "CHANNEL": ("", "FUV or EUV"),
        "IMG_XMIN": ("", "first detector column"),
        "IMG_XMAX": ("", "last detector column"),
        "IMG_YMIN": ("", "first detector row"),
        "IMG_YMAX": ("", "last detector row"),
        "IMG_XBIN": ("", "columns in a bin"),
        "IMG_YBIN": ("", "rows in a bin"),
        "INT_TIME": ("s", "integration time"),
        "WAVEMIN": ("Angstrom", "first centre"),
        "WAVEMAX": ("Angstrom", "last centre"),
        "WAVESTEP": ("Angstrom", "mean step"),
        "SLITANGL": ("deg", "position angle of the slit"),
        "UNIT": ("", "of the array"),
        "NT_RULE": ("", "instants of an exposure"),
        "PIPESTAT": ("", f"{SKELETON} or {COMPLETE}"),
    }
)
