"""The products of a catalogue as STAC items, with extensions for the Solar System and for views.

Item and Collection are those of the SpatioTemporal Asset Catalog 1.1.0 (stacspec.org), targets and
their classes those of the extension Solar System 1.1.0
(stac-extensions.github.io/ssys/v1.1.0/schema.json), angles those of the extension View Geometry
1.1.0. STAC's "incidence angle" is between the line of sight and the normal, and so the emission
angle; that of the Sun is told by its elevation. Places are on the target, in longitudes to the
east from -180 degrees on and planetocentric latitudes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from .epncore import eastward, media_type, target

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "1.1.0"
SOLAR_SYSTEM = "https://stac-extensions.github.io/ssys/v1.1.0/schema.json"
VIEW = "https://stac-extensions.github.io/view/v1.1.0/schema.json"

#: Files of an export.
COLLECTION, ITEMS = "collection.json", "items.ndjson"

#: Rows that are made Python's own at a time.
_ROWS = 5_000

#: Digits of degrees that are told.
_DIGITS = 4

_Address = Callable[[str | None], str | None]


def items(granules: pa.Table, collection: str, address: _Address) -> Iterator[dict[str, Any]]:
    """An item for each row of `granules.of`.

    Parameters
    ----------
    granules : pyarrow.Table
    collection : str
        Its id.
    address : callable
        The URL of a path; None if there is none.
    """
    for first in range(0, granules.num_rows, _ROWS):
        for row in granules.slice(first, _ROWS).to_pylist():
            yield _item(row, collection, address)


def _item(row: dict[str, Any], collection: str, address: _Address) -> dict[str, Any]:
    name, kind, region = target(row["target"] or "")
    properties: dict[str, Any] = {
        "datetime": None,
        "start_datetime": _time(row["time_start"]),
        "end_datetime": _time(row["time_stop"] or row["time_start"]),
        "updated": _time(row["indexed"]),
        "mission": "cassini-huygens",
        "platform": "cassini",
        "instruments": ["uvis"],
        "ssys:targets": [name or str(row["target_name"] or row["target"] or "unknown")],
        "ssys:target_class": kind,
        "uvis:channel": row["channel"],
        "uvis:slit": row["slit"],
        "uvis:product_id": row["product_id"],
        "uvis:spectra": row["spectra"],
    }
    if region:
        properties["uvis:target_region"] = region
    view = _view(row)
    box = _box(row)
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [SOLAR_SYSTEM, *([VIEW] if view else [])],
        "id": row["product"],
        "collection": collection,
        "geometry": None if box is None else _geometry(box),
        **({} if box is None else {"bbox": box}),
        "properties": properties | view,
        "links": [
            {"rel": "collection", "href": f"./{COLLECTION}", "type": "application/json"},
            {"rel": "parent", "href": f"./{COLLECTION}", "type": "application/json"},
            {"rel": "root", "href": f"./{COLLECTION}", "type": "application/json"},
        ],
        "assets": _assets(row, address),
    }


def _view(row: dict[str, Any]) -> dict[str, float]:
    """Medians of the angles on the disk, as far as there are any."""
    found = {}
    if row["ems_disk"] is not None:
        found["view:incidence_angle"] = round(min(row["ems_disk"], 90.0), _DIGITS)
    if row["sza_disk"] is not None:
        found["view:sun_elevation"] = round(90.0 - row["sza_disk"], _DIGITS)
    return found


def _box(row: dict[str, Any]) -> list[float] | None:
    """West, south, east and north; west is the larger where the box holds 180 degrees."""
    if row["lat_least"] is None or row["lon_first"] is None:
        return None
    ends = eastward(np.array([row["lon_first"]]), np.array([row["lon_last"]]))
    west, east = (float(end[0]) for end in ends)
    if east - west == 360.0:
        west, east = -180.0, 180.0
    else:
        west, east = ((lon + 180.0) % 360.0 - 180.0 for lon in (west, east))
    return [round(v, _DIGITS) for v in (west, row["lat_least"], east, row["lat_most"])]


def _geometry(box: Sequence[float]) -> dict[str, Any]:
    """A box as GeoJSON, in two parts where it holds 180 degrees (RFC 7946, section 3.1.9)."""
    west, south, east, north = box
    parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rings = [[[[w, south], [e, south], [e, north], [w, north], [w, south]]] for w, e in parts]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _assets(row: dict[str, Any], address: _Address) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, path, kind, role, title in (
        ("data", row["file"], media_type(row["file"] or ""), "data", "counts"),
        ("label", row["label"], "text/plain", "metadata", "PDS3 label"),
    ):
        href = address(path)
        if href is not None:
            found[name] = {"href": href, "type": kind, "roles": [role], "title": title}
    return found


def collection(granules: pa.Table, name: str) -> dict[str, Any]:
    """The collection of all items."""
    starts, stops = (
        [t for t in granules[end].to_pylist() if t is not None]
        for end in ("time_start", "time_stop")
    )
    known = [target(one or "") for one in granules["target"].unique().to_pylist()]
    interval = [_time(min(starts, default=None)), _time(max(stops, default=None))]
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [SOLAR_SYSTEM],
        "id": name,
        "title": "Cassini UVIS spectra",
        "description": "Products of the spectrographs of the Ultraviolet Imaging Spectrograph "
        "(UVIS) on Cassini. Places are on the target of each, in planetocentric latitude and "
        "longitude to the east.",
        "license": "other",
        "keywords": ["Cassini", "UVIS", "Saturn", "ultraviolet", "spectra"],
        "extent": {
            "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
            "temporal": {"interval": [interval]},
        },
        "summaries": {
            "platform": ["cassini"],
            "instruments": ["uvis"],
            "uvis:channel": sorted({c for c in granules["channel"].unique().to_pylist() if c}),
            "ssys:targets": sorted({one[0] for one in known if one[0]}),
        },
        "links": [
            {"rel": "root", "href": f"./{COLLECTION}", "type": "application/json"},
            {"rel": "items", "href": f"./{ITEMS}", "type": "application/x-ndjson"},
        ],
    }


def _time(value: datetime | None) -> str | None:
    """RFC 3339, UTC, to the millisecond."""
    if value is None:
        return None
    text = value.replace(tzinfo=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
