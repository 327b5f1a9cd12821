"""The columns of a catalogue's two tables: names, types, units and texts, in one list.

`products` has a row for each product, also for one that failed; `spectra` has, for each spectrum of
a product that did not, a row for each body in view of its exposure: one whose disk, or that of
Saturn with its rings, comes within 10 mrad of the slit at mid exposure. A spectrum's row for the
body that its product is of, be it in view or not, is `primary`; where the product is of no body, or
nothing is known of where it looked, that row has no body (""), so that each spectrum has exactly
one primary row. What is not known is null, as all of an exposure without pointing.

So is what is not seen. A line of sight that looks away from the body, rather than at or past it,
comes nearest to it at the spacecraft: such a row has the body's `distance`, is not `on_disk`, and
all from `lon` to `lt` is null. So are `ring_radius` and `ring_longitude` where the body hides the
crossing of the ring plane.

Angles, altitudes and times are those of `ds.uvis.geometry` at mid exposure: `help(uvisxr)` defines
them. Longitudes count west-positive. Ranges are those over the centre and the corners of the pixel;
of latitudes also over the poles and the northern and southern ends of the limb, where the pixel
holds them, and without corners that look away. `lon_min` to `lon_max` runs through 360 where
`lon_min` is the larger, and is 0 to 360 where the pixel holds a pole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from .. import checks
from .bands import BANDS

if TYPE_CHECKING:
    import pyarrow as pa

#: Of the columns and of how the files lie; a catalogue of another number is not read.
VERSION = 1

Table = Literal["products", "spectra"]


class Column(NamedTuple):
    """One column.

    Attributes
    ----------
    type : str
        An Arrow type, or "name" (text kept as numbers into a list), "strings", "time" (UTC, µs).
    text : str
        What it is.
    units : str
        Empty if it has no dimension.
    period : float
        Of what is periodic, in its units; else 0.
    least, most : float, optional
        Between which all values are, in its units.
    """

    type: str
    text: str
    units: str = ""
    period: float = 0.0
    least: float | None = None
    most: float | None = None


_DEG, _KM, _S, _H, _COUNT = "degree", "km", "s", "hour", "count"


def _upright(text: str) -> Column:
    """Degrees from a pole to the other."""
    return Column("float32", text, _DEG, least=-90.0, most=90.0)


def _between(text: str) -> Column:
    """Degrees between two directions."""
    return Column("float32", text, _DEG, least=0.0, most=180.0)


def _far(text: str) -> Column:
    """A distance."""
    return Column("float32", text, _KM, least=0.0)


PRODUCTS: dict[str, Column] = {
    "product": Column("name", "name of the product, once in a catalogue"),
    "product_id": Column("name", "PDS product identifier"),
    "label": Column("string", "path or URL of the label; file:// if the path is no text"),
    "data": Column("string", "path of the data file, if it was given with the label; or its URL"),
    "label_sha256": Column("string", "SHA-256 of the label"),
    "status": Column("name", "done, or failed"),
    "step": Column("name", "where it failed"),
    "error": Column("string", "why it failed"),
    "warnings": Column("strings", "what was warned of"),
    "fingerprint": Column("string", "of inputs and version, by which a change is known"),
    "version": Column("name", "of uvisxr"),
    "indexed": Column("time", "UTC at which the product was read"),
    "channel": Column("name", "EUV or FUV"),
    "slit": Column("name", "HIGH_RESOLUTION, LOW_RESOLUTION or OCCULTATION"),
    "optics": Column("name", "telescope or solar_port"),
    "target": Column("name", "target, in the one spelling that uvisxr has for it"),
    "target_name": Column("name", "TARGET_NAME of the label"),
    "compression": Column("name", "how counts were rounded on board"),
    "time_start": Column("time", "UTC at the start of the first exposure"),
    "time_stop": Column("time", "UTC at the end of the last exposure"),
    "exposures": Column("int32", "exposures"),
    "exposure": Column("float64", "integration time of each", _S),
    "windows": Column("int8", "windows of the detector"),
    "pixels": Column("int32", "pixels along the slit, in all windows"),
    "elements": Column("int32", "elements of wavelength, of the first window"),
    "ul_line": Column("int16", "first row of the first window"),
    "ul_band": Column("int16", "first column of the first window"),
    "lr_line": Column("int16", "last row of the first window"),
    "lr_band": Column("int16", "last column of the first window"),
    "line_bin": Column("int16", "rows in a bin of the first window"),
    "band_bin": Column("int16", "columns in a bin of the first window"),
    "has_data": Column("bool", "whether there is a data file"),
    "pointing": Column("name", "of its exposures all, some or none have pointing"),
    "geometry_note": Column("string", "why fields of the geometry are not known"),
    "bodies": Column("strings", "bodies in view of any exposure, that of the target first"),
    "kernels": Column("strings", "names of the kernels used"),
    "spectra": Column("int64", "spectra"),
    "counts": Column("int64", "sum of all counts, of those transmitted", _COUNT),
    "lost": Column("int64", "spectra flagged as lost"),
    "partial": Column("int64", "spectra flagged as partial"),
    "dark_line": Column("int64", "spectra of rows that the slit does not light"),
}

SPECTRA: dict[str, Column] = {
    "product": Column("name", "name of the product, as in the table of products"),
    "window": Column("int8", "window of the detector, from 0"),
    "pic": Column("int32", "exposure, from 0"),
    "pixel": Column("int16", "pixel along the slit, from 0"),
    "channel": Column("name", "EUV or FUV"),
    "slit": Column("name", "HIGH_RESOLUTION, LOW_RESOLUTION or OCCULTATION"),
    "target": Column("name", "target of the product"),
    "time": Column("time", "UTC at mid exposure"),
    "exposure": Column("float32", "integration time", _S, least=0.0),
    "quality": Column("uint8", "flags: lost 1, partial 2, star 4, dark_line 8, user 16"),
    "ra": Column("float32", "right ascension, apparent, J2000", _DEG, 360.0),
    "dec": _upright("declination, apparent, J2000"),
    "body": Column("name", "what the columns from here to `distance` are of; empty if of no body"),
    "primary": Column("bool", "whether that is the body of the target"),
    "on_disk": Column("bool", "whether the line of sight meets the body"),
    "lon": Column("float32", "longitude, west-positive", _DEG, 360.0),
    "lon_min": Column("float32", "where the pixel's range of longitudes begins", _DEG, 360.0),
    "lon_max": Column("float32", "where the pixel's range of longitudes ends", _DEG, 360.0),
    "lat": _upright("planetocentric latitude"),
    "lat_min": _upright("least latitude of the pixel"),
    "lat_max": _upright("greatest latitude of the pixel"),
    "alt": Column("float32", "altitude of the tangent point, negative on the disk", _KM),
    "alt_min": Column("float32", "least altitude of the pixel", _KM),
    "alt_max": Column("float32", "greatest altitude of the pixel", _KM),
    "sza": _between("solar zenith (incidence) angle"),
    "ems": _between("emission angle"),
    "phase": _between("phase angle"),
    "lt": Column("float32", "local solar time", _H, 24.0),
    "distance": _far("distance of the spacecraft from the body's centre"),
    "ring_radius": _far("where the ring plane is crossed, of giant planets; null if hidden"),
    "ring_longitude": Column("float32", "longitude there, prograde from the node", _DEG, 360.0),
    "counts": Column("float64", "counts of the whole spectrum", _COUNT),
    **{
        f"counts_{name}": Column(
            "float64", f"counts from {band.low:g} to {band.high:g} angstrom: {band.what}", _COUNT
        )
        for name, band in BANDS.items()
    },
}

TABLES: dict[Table, dict[str, Column]] = {"products": PRODUCTS, "spectra": SPECTRA}

#: By which the rows of a table are told apart.
KEYS: dict[Table, tuple[str, ...]] = {
    "products": ("product",),
    "spectra": ("product", "window", "pic", "pixel", "body"),
}


def hint(name: object, known: Iterable[str]) -> str:
    """What to say of a column that there is not.

    Examples
    --------
    >>> from uvisxr.catalogue.schema import SPECTRA, hint
    >>> hint("latitude", SPECTRA)
    "; did you mean 'lat'?"
    """
    return checks.nearest(name, known) or "; docs/howto/catalogue.md lists those of both tables"


def of(table: Table) -> pa.Schema:
    """The Arrow schema of a table, with units and texts in the metadata of its columns."""
    import pyarrow as pa

    types = {
        # Names come again and again, so that they are kept as numbers into a list.
        "name": pa.dictionary(pa.int32(), pa.string()),
        "string": pa.string(),
        "strings": pa.list_(pa.string()),
        "time": pa.timestamp("us"),
        "bool": pa.bool_(),
        **{name: getattr(pa, name)() for name in ("int8", "int16", "int32", "int64", "uint8")},
        **{name: getattr(pa, name)() for name in ("float32", "float64")},
    }
    fields = []
    for name, column in TABLES[table].items():
        told = {"description": column.text} | ({"units": column.units} if column.units else {})
        fields.append(pa.field(name, types[column.type], metadata=told))
    return pa.schema(fields, {"uvisxr_catalogue": str(VERSION), "table": table})
