"""The products of a catalogue as granules of EPNcore, the columns of EPN-TAP 2.0.

Names, units, UCDs and meanings are those of the IVOA Recommendation EPN-TAP 2.0 of 2022-08-22
(Erard, Cecconi, Le Sidaner, Demleitner and Taylor), sections 2 and 3: all its mandatory columns,
and those of the optional ones that a catalogue can fill. What it asks for, and is different here:
longitudes are counted to the east, times are Julian dates, and wavelengths are frequencies, whose
least is that of the longest wave. Rings are a region of their planet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np

from .. import parts, targets
from ..errors import ProductError
from ..instrument.channel import channel as channel_of
from ..instrument.detector import Window
from ..pds3 import pairs

if TYPE_CHECKING:
    import pyarrow as pa

#: Of the table, by which services of EPN-TAP are found (section 4.1).
UTYPE = "ivo://ivoa.net/std/epntap#table-2.0"

#: Speed of light, angstrom/s (exact).
_LIGHT = 2.99792458e18

#: The Julian date of 1970, and microseconds of a day.
_EPOCH, _DAY = 2_440_587.5, 86_400e6

#: Media types of packed files.
_PACKED = {".BZ2": "application/x-bzip2", ".GZ": "application/gzip", ".ZIP": "application/zip"}

#: Kilobytes of an exposure: a data file holds the whole detector, 64 rows of 1024 words.
_KBYTES = 128


class Column(NamedTuple):
    """A column of EPNcore.

    Attributes
    ----------
    type : {"text", "int", "float", "double"}
    ucd : str
    units : str
    text : str
    """

    type: str
    ucd: str
    units: str
    text: str


def _pair(name: str, ucd: str, units: str, text: str, join: str = "_") -> dict[str, Column]:
    return {
        f"{name}{join}{end}": Column("float", f"{ucd};stat.{end}", units, f"{which} {text}")
        for end, which in (("min", "least"), ("max", "greatest"))
    }


COLUMNS: dict[str, Column] = {
    "granule_uid": Column("text", "meta.id", "", "product"),
    "granule_gid": Column("text", "meta.id", "", "kind of product"),
    "obs_id": Column("text", "meta.id;obs", "", "PDS product identifier"),
    "dataproduct_type": Column("text", "meta.code.class", "", "sc: spectral cube"),
    "target_name": Column("text", "meta.id;src", "", "IAU name of the target"),
    "target_class": Column("text", "src.class", "", "type of target"),
    "time_min": Column("double", "time.start;obs", "d", "start, Julian date, UTC"),
    "time_max": Column("double", "time.end;obs", "d", "end, Julian date, UTC"),
    **_pair("time_sampling_step", "time.resolution", "s", "time between exposures"),
    **_pair("time_exp", "time.duration;obs.exposure", "s", "integration time"),
    **_pair("spectral_range", "em.freq", "Hz", "frequency"),
    **_pair("spectral_sampling_step", "em.freq;spect.binSize", "Hz", "width of an element"),
    **_pair("spectral_resolution", "spect.resolution", "", "resolving power"),
    **_pair("c1", "pos.bodyrc.lon", "deg", "longitude, to the east; or RA", join=""),
    **_pair("c2", "pos.bodyrc.lat", "deg", "planetocentric latitude; or declination", join=""),
    **_pair("c3", "pos.bodyrc.alt", "km", "altitude above the ellipsoid", join=""),
    "s_region": Column("text", "pos.outline;obs.field", "", "footprint"),
    **_pair("c1_resol", "pos.angResolution", "deg", "longitudes within a pixel"),
    **_pair("c2_resol", "pos.angResolution", "deg", "latitudes within a pixel"),
    **_pair("c3_resol", "pos.resolution", "km", "altitudes within a pixel"),
    "spatial_frame_type": Column(
        "text", "meta.code.class;pos.frame", "", "body, celestial or none: what c1 to c3 are"
    ),
    **_pair("incidence", "pos.incidenceAng", "deg", "solar zenith angle"),
    **_pair("emergence", "pos.emergenceAng", "deg", "emission angle"),
    **_pair("phase", "pos.phaseAng", "deg", "phase angle"),
    "instrument_host_name": Column("text", "meta.id;instr.obsty", "", "spacecraft"),
    "instrument_name": Column("text", "meta.id;instr", "", "instrument"),
    "measurement_type": Column("text", "meta.ucd", "", "UCD of the data"),
    "processing_level": Column("int", "meta.calibLevel", "", "CODMAC level; 2: raw"),
    "creation_date": Column("text", "time.creation", "", "when it was read for the catalogue"),
    "modification_date": Column("text", "time.processing", "", "as creation_date"),
    "release_date": Column("text", "time.release", "", "as creation_date: by then it was"),
    "service_title": Column("text", "meta.title", "", "name of the service"),
    "access_url": Column("text", "meta.ref.url;meta.file", "", "data file"),
    "access_format": Column("text", "meta.code.mime", "", "media type"),
    "access_estsize": Column("int", "phys.size;meta.file", "kbyte", "size of the data file"),
    "file_name": Column("text", "meta.id;meta.file", "", "name of the data file"),
    "target_region": Column("text", "meta.id;src;obs.field", "", "rings, where those are meant"),
    "messenger": Column("text", "instr.bandpass", "", "band of the spectrum"),
    "time_scale": Column("text", "time.scale", "", "UTC"),
    **_pair("target_distance", "pos.distance", "km", "distance from the body's centre"),
}

#: Without a value no row is one of EPNcore.
REQUIRED = (
    *("granule_uid", "granule_gid", "obs_id", "dataproduct_type", "target_class"),
    *("spatial_frame_type", "creation_date", "modification_date", "release_date"),
    "service_title",
)

#: Dates and times as text, which VOTables mark.
TIMESTAMPS = ("creation_date", "modification_date", "release_date")

#: Classes of targets that are no satellite.
_CLASSES = {
    **dict.fromkeys(
        ("VENUS", "EARTH", "JUPITER", "SATURN", "URANUS", "NEPTUNE"),
        "planet",
    ),
    "PLUTO": "dwarf_planet",
    "MASURSKY": "asteroid",
    **dict.fromkeys(("SUN", "STAR"), "star"),
    **dict.fromkeys(("IPH", "SOLAR WIND"), "interplanetary_medium"),
    "CALIB": "calibration",
}


def target(name: str) -> tuple[str | None, str, str | None]:
    """Name, class and region of a target.

    Examples
    --------
    >>> from uvisxr.catalogue.epncore import target
    >>> target("S RINGS"), target("TITAN"), target("STAR")
    (('Saturn', 'planet', 'rings'), ('Titan', 'satellite', None), (None, 'star', None))
    """
    name = targets.canonical(name)
    planet = targets.PLANETS_OF_RINGS.get(name)
    if planet:
        return planet.capitalize(), "planet", "rings"
    known = name in targets.KNOWN
    return (
        name.capitalize() if known else None,
        _CLASSES.get(name, "satellite" if known else "sky"),
        None,
    )


class Spectral(NamedTuple):
    """Least and greatest of what a product resolves: frequencies, Hz, their steps, and powers."""

    range: tuple[float, float]
    step: tuple[float, float]
    power: tuple[float, float]


@lru_cache(maxsize=4096)
def spectral(channel: str, slit: str, first: int, last: int, width: int) -> Spectral | None:
    """What a window of the detector resolves.

    Parameters
    ----------
    channel, slit : str
    first, last : int
        Columns of the detector.
    width : int
        Columns in a bin.

    Returns
    -------
    Spectral or None
        Resolved is the image of the slit, or a bin if that is wider. None of what is no window.
    """
    try:
        window = Window(0, first, 0, last, band_bin=width)
    except ProductError:
        return None
    of = channel_of(channel)
    middles, edges = window.bins.wavelengths(of)
    frequencies = _LIGHT / edges
    steps = frequencies[:, 0] - frequencies[:, 1]
    powers = middles / np.maximum(edges[:, 1] - edges[:, 0], of.slits[slit].dlambda)
    ends = ((float(v.min()), float(v.max())) for v in (frequencies, steps, powers))
    return Spectral(*ends)


def served(
    path: str | None, folder: str | Path | None = None, url: str | None = None
) -> str | None:
    """The address of a file: itself if it is a URL, that on a server if it is in a folder there.

    Other local files are `file:` URLs if their path is absolute; else nobody else finds them.

    Examples
    --------
    >>> from uvisxr.catalogue.epncore import served
    >>> served("/archive/COUVIS_0001/DATA/A 1.DAT", "/archive", "https://pds.example")
    'https://pds.example/COUVIS_0001/DATA/A%201.DAT'
    >>> served("s3://bucket/A.DAT"), served("A.DAT")
    ('s3://bucket/A.DAT', None)
    """
    if not path or "://" in path:
        return path or None
    where = Path(path)
    if folder is not None and url is not None and where.is_relative_to(folder):
        return f"{url.rstrip('/')}/{quote(where.relative_to(folder).as_posix())}"
    return where.as_uri() if where.is_absolute() else None


def _file_name(path: str) -> str:
    """The name of a file by its path or URL, of one in an archive too."""
    name = PurePosixPath(path.partition("::")[0] if "://" in path else path).name
    return unquote(name) if parts.is_web(path) else name


def media_type(path: str) -> str:
    """What a data file is, by its name.

    Examples
    --------
    >>> from uvisxr.catalogue.epncore import media_type
    >>> media_type("A.DAT"), media_type("https://pds.example/A.DAT.bz2")
    ('application/octet-stream', 'application/x-bzip2')
    """
    return _PACKED.get(_packing(path), "application/octet-stream")


def _packing(path: str) -> str:
    """What a data file is packed as, by its name; empty if it is not."""
    kind = pairs.split(Path(_file_name(path)))[1]
    return kind if kind in pairs.PACKINGS else ""


def _kbytes(path: str, size: int | None, exposures: float) -> int | None:
    """Kilobytes of a data file, None if only its server knows."""
    if size is not None:
        return -(-size // 1024)
    return int(exposures * _KBYTES) if np.isfinite(exposures) and not _packing(path) else None


def table(granules: pa.Table, title: str, address: Callable[[str | None], str | None]) -> pa.Table:
    """A row of EPNcore for each row of `granules.of`.

    Parameters
    ----------
    granules : pyarrow.Table
    title : str
        Of the service.
    address : callable
        The URL of a path; None if there is none.

    Returns
    -------
    pyarrow.Table
        With `ucd`, `units` and `description` in the metadata of its columns.
    """
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "int": pa.int32(),
        "float": pa.float32(),
        "double": pa.float64(),
    }
    found = _values(granules, title, address)
    arrays, fields = [], []
    for name, column in COLUMNS.items():
        told = {"ucd": column.ucd, "units": column.units, "description": column.text}
        fields.append(
            pa.field(name, types[column.type], metadata={k: v for k, v in told.items() if v})
        )
        arrays.append(_array(found[name], types[column.type]))
    return pa.table(arrays, schema=pa.schema(fields, {"utype": UTYPE}))


def _array(values: np.ndarray | Sequence[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return pa.array(values, mask=np.isnan(values)).cast(kind)
    return pa.array(values, kind)


def _values(
    granules: pa.Table, title: str, address: Callable[[str | None], str | None]
) -> dict[str, np.ndarray | list[Any]]:
    rows = granules.num_rows

    def numbers(name: str) -> np.ndarray:
        column = granules[name].cast("float64")
        return np.asarray(column.to_numpy(zero_copy_only=False), float)

    def texts(name: str) -> list[Any]:
        found: list[Any] = granules[name].to_pylist()
        return found

    def times(name: str) -> np.ndarray:
        return np.asarray(granules[name].cast("timestamp[us]").to_numpy(zero_copy_only=False))

    channels, files = texts("channel"), texts("file")
    urls = [address(path) for path in files]
    start, stop = (_julian(times(name)) for name in ("time_start", "time_stop"))
    exposure, exposures = numbers("exposure"), numbers("exposures")
    with np.errstate(divide="ignore", invalid="ignore"):
        between = ((stop - start) * _DAY / 1e6 - exposure) / (exposures - 1)
    step = np.where(exposures > 1, between, np.nan)
    known = [target(name or "") for name in texts("target")]
    of = zip(
        *(channels, texts("slit")),
        *(texts(name) for name in ("ul_band", "lr_band", "band_bin")),
        strict=True,
    )
    resolved = [None if None in one else spectral(*one) for one in of]
    indexed = [str(np.datetime_as_string(t, unit="s")) for t in times("indexed")]
    found: dict[str, np.ndarray | list[Any]] = {
        "granule_uid": texts("product"),
        "granule_gid": [f"{str(channel).lower()}_raw" for channel in channels],
        "obs_id": [
            one or name for one, name in zip(texts("product_id"), texts("product"), strict=True)
        ],
        "dataproduct_type": ["sc"] * rows,
        "target_name": [one[0] for one in known],
        "target_class": [one[1] for one in known],
        "target_region": [one[2] for one in known],
        "time_min": start,
        "time_max": stop,
        "s_region": [None] * rows,
        "instrument_host_name": ["Cassini"] * rows,
        "instrument_name": ["Ultraviolet Imaging Spectrograph#UVIS"] * rows,
        "measurement_type": ["phot.count;em.UV"] * rows,
        "processing_level": [2] * rows,
        **dict.fromkeys(TIMESTAMPS, indexed),
        "service_title": [title] * rows,
        "access_url": urls,
        "access_format": [
            media_type(path) if url else None for url, path in zip(urls, files, strict=True)
        ],
        "access_estsize": [
            _kbytes(path, size, n) if url else None
            for url, path, size, n in zip(urls, files, texts("bytes"), exposures, strict=True)
        ],
        "file_name": [_file_name(path) if path else None for path in files],
        "messenger": ["EUV" if channel == "EUV" else "UV" for channel in channels],
        "time_scale": ["UTC"] * rows,
    }
    for name, values in (("time_sampling_step", step), ("time_exp", exposure)):
        found[f"{name}_min"] = found[f"{name}_max"] = values
    for name, which in (("range", 0), ("sampling_step", 1), ("resolution", 2)):
        for end, at in (("min", 0), ("max", 1)):
            found[f"spectral_{name}_{end}"] = np.array(
                [np.nan if one is None else one[which][at] for one in resolved], float
            )
    for name, column in (
        *(("incidence", "sza"), ("emergence", "ems"), ("phase", "phase")),
        *(("c1_resol", "lon_width"), ("c2_resol", "lat_width"), ("c3_resol", "alt_width")),
        ("target_distance", "distance"),
    ):
        found[f"{name}_min"] = numbers(f"{column}_least")
        found[f"{name}_max"] = numbers(f"{column}_most")
    return found | _places({name: numbers(name) for name in _PLACES})


#: Columns of granules that say where they are.
_PLACES = (
    *("lon_first", "lon_last", "lat_least", "lat_most", "alt_least", "alt_most"),
    *("ra_first", "ra_last", "dec_least", "dec_most"),
)


def _places(of: dict[str, np.ndarray]) -> dict[str, np.ndarray | list[Any]]:
    """Coordinates on the body, or else on the sky."""
    body = np.isfinite(of["lat_least"])
    sky = ~body & np.isfinite(of["dec_least"])
    west, east = eastward(of["lon_first"], of["lon_last"])
    nothing = np.full(body.shape, np.nan)
    columns = {
        "c1min": (west, of["ra_first"]),
        "c1max": (east, of["ra_last"]),
        "c2min": (of["lat_least"], of["dec_least"]),
        "c2max": (of["lat_most"], of["dec_most"]),
        "c3min": (of["alt_least"], nothing),
        "c3max": (of["alt_most"], nothing),
    }
    return {
        **{
            name: np.where(body, on_body, np.where(sky, on_sky, nothing))
            for name, (on_body, on_sky) in columns.items()
        },
        "spatial_frame_type": np.where(body, "body", np.where(sky, "celestial", "none")).tolist(),
    }


def eastward(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranges of longitude counted to the east, of such counted to the west; degrees, 0 to 360.

    Examples
    --------
    >>> import numpy as np
    >>> from uvisxr.catalogue.epncore import eastward
    >>> west, east = eastward(np.array([350.0, 0.0]), np.array([20.0, 360.0]))
    >>> west.tolist(), east.tolist()
    ([340.0, 0.0], [10.0, 360.0])
    """
    whole = (first == 0.0) & (last == 360.0)
    return np.where(whole, 0.0, -last % 360.0), np.where(whole, 360.0, -first % 360.0)


def _julian(times: np.ndarray) -> np.ndarray:
    """Julian dates of UTC; NaN where there is no time."""
    micro = np.where(np.isnat(times), 0, times.astype("datetime64[us]").astype(np.int64))
    found: np.ndarray = np.where(np.isnat(times), np.nan, _EPOCH + micro / _DAY)
    return found
