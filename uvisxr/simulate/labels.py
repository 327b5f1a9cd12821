"""Labels of simulated products: every keyword of a real label, with geometry from the kernels.

The meaning of the geometry keywords was found by comparing real labels with real kernels: all hold
for START_TIME; vectors are J2000. SC_PLANET and SC_TARGET point from the spacecraft to the body,
corrected for light time; SC_SUN from the Sun to the spacecraft; PLANET_CENTER from the solar-system
barycentre to Saturn, uncorrected. CENTRAL_BODY_DISTANCE is measured from the nearest point on the
target's surface. Angles refer to the centre of the slit.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..instrument.channel import Channel
from ..instrument.detector import Window
from ..kernels import spice
from ..kernels.bodies import SPACECRAFT_CODE
from ..numerics import sphere
from ..timescales import Instant, format_doy

UNKNOWN = '"UNK"'

_HEAD = """\
PDS_VERSION_ID                  = PDS3
RECORD_TYPE                     = FIXED_LENGTH
RECORD_BYTES                    = 131072
FILE_RECORDS                    = {samples}
PRODUCT_ID                      = "{name}"
SPACECRAFT_CLOCK_START_COUNT    = {clock}
SPACECRAFT_CLOCK_STOP_COUNT     = "UNK"
START_TIME                      = {start}
STOP_TIME                       = {stop}
DATA_SET_ID                     = "CO-S-UVIS-2-CUBE-V1.4"
TARGET_NAME                     = "{target}"
INSTRUMENT_HOST_NAME            = "CASSINI_ORBITER"
INSTRUMENT_NAME                 = "ULTRAVIOLET IMAGING SPECTROGRAPH"
INSTRUMENT_ID                   = "UVIS"
OBSERVATION_ID                  = {seed}
MISSION_PHASE_NAME              = TOUR
PRODUCT_CREATION_TIME           = {day}
INTEGRATION_DURATION            = {exposure:.3f} <SECOND>
COMPRESSION_TYPE                = "{compression}"
HI_VOLTAGE_POWER_SUPPLY_STATE   = ON
OCCULTATION_PORT_STATE          = "N/A"
SLIT_STATE                      = {slit}
TEST_PULSE_STATE                = OFF
ODC_ID                          = 1143
DESCRIPTION                     = "
  This file was simulated by uvisxr. The observation never took place.
  The true radiances that its counts were drawn from lie beside it."

"""

_QUBE = """\
^QUBE                           = "{name}.DAT"
OBJECT                          = QUBE
  AXES                          = 3
  AXIS_NAME                     = (BAND, LINE, SAMPLE)
  CORE_ITEMS                    = (1024, 64, {samples})
  CORE_ITEM_BYTES               = 2
  CORE_ITEM_TYPE                = MSB_UNSIGNED_INTEGER
  CORE_BASE                     = 0.0
  CORE_MULTIPLIER               = 1.0
  CORE_VALID_MINIMUM            = "N/A"
  CORE_NULL                     = -1
  CORE_LOW_REPR_SATURATION      = "N/A"
  CORE_LOW_INSTR_SATURATION     = "N/A"
  CORE_HIGH_INSTR_SATURATION    = "N/A"
  CORE_HIGH_REPR_SATURATION     = "N/A"
  CORE_NAME                     = RAW_DATA_NUMBER
  CORE_UNIT                     = "COUNTS/BIN"
  BAND_BIN_CENTER               = "N/A"
  SUFFIX_BYTES                  = 4
  SUFFIX_ITEMS                  = (0,0,0)
  DESCRIPTION                   = "{description}"
{corners}
END_OBJECT                      = QUBE
END
"""


@dataclass(frozen=True)
class Facts:
    """What a label says about a product, apart from its geometry.

    Attributes
    ----------
    name, target, slit, compression : str
    channel : Channel
    start : Instant
        START_TIME, the end of the first exposure.
    samples : int
        Number of exposures.
    exposure : float
        s.
    windows : sequence of Window
    seed : int
    """

    name: str
    target: str
    slit: str
    compression: str
    channel: Channel
    start: Instant
    samples: int
    exposure: float
    windows: Sequence[Window]
    seed: int


def text(facts: Facts) -> str:
    """The label of a product; kernels are loaded, and the caller holds SPICE's lock."""
    values = {name: getattr(facts, name) for name in facts.__dataclass_fields__}
    start = format_doy(facts.start)
    head = _HEAD.format(
        **values | {"start": start},
        stop=format_doy(facts.start.plus(round(facts.exposure * facts.samples, 3))),
        day=start[:8],
        clock=_clock(facts.start.et),
    )
    qube = _QUBE.format(
        name=facts.name,
        samples=facts.samples,
        description=_description(facts),
        corners=_corners(facts.windows),
    )
    return (head + _geometry(facts) + qube).replace("\n", "\r\n")


def _description(facts: Facts) -> str:
    text = (
        "This simulated UVIS Qube is a 3 dimensional matrix of 2 byte integers: a time series of "
        "two dimensional (spectral x spatial) matrices of counts taken by the detector during the "
        "time that INTEGRATION_DURATION states. A sequence of 1024 2-byte numbers forms a line "
        "(the BAND dimension), 64 lines form a BANDxLINE matrix, and "
        f"{facts.samples} of these form the Qube. Its purpose is to test programs."
    )
    return textwrap.fill(text, 70, subsequent_indent="    ")


def _corners(windows: Sequence[Window]) -> str:
    names = {
        "UL_CORNER_LINE": "ul_line",
        "UL_CORNER_BAND": "ul_band",
        "LR_CORNER_LINE": "lr_line",
        "LR_CORNER_BAND": "lr_band",
        "BAND_BIN": "band_bin",
        "LINE_BIN": "line_bin",
    }
    rows = []
    for key, name in names.items():
        values = [str(getattr(window, name)) for window in windows]
        value = values[0] if len(values) == 1 else f"({', '.join(values)})"
        rows.append(f"  {key:<30}= {value}")
    return "\n".join(rows)


def _clock(et: float) -> str:
    """Clock count as in labels: partition, seconds, 1/256 s without leading zeros."""
    text = spice.sce2s(SPACECRAFT_CODE, et).strip()
    partition, count = text.split("/")
    seconds, fine = count.split(".")
    return f'"{partition}/{seconds.strip()}.{int(fine)}"'


def _geometry(facts: Facts) -> str:
    scalars, vectors = _pointing(facts), _vectors(facts)
    units = {"CENTRAL_BODY_DISTANCE": "KM"}
    rows = [
        f"{key:<26}= {_number(value, units.get(key, 'DEGREE'))}" for key, value in scalars.items()
    ]
    for key, value in vectors.items():
        unit = "KM/S" if "VELOCITY" in key else "KM"
        rows.append(f"{key:<25} =   ")
        if value is None:
            rows.append(UNKNOWN)
        else:
            rows.append(f"({', '.join(_number(x, unit, '') for x in value)})")
    return "\n".join(rows) + "\n"


def _number(value: float | None, unit: str, space: str = " ") -> str:
    if value is None or not np.isfinite(value):
        return UNKNOWN
    return f"{value:#.8g}{space}<{unit}>"


def _try(call: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a SPICE call; None if the kernels lack the data."""
    try:
        return call(*arguments)
    except (spice.SpiceyError, spice.NotFoundError):
        return None


def _vectors(facts: Facts) -> dict[str, np.ndarray | None]:
    et, target = facts.start.et, facts.target

    def state(body: str, correction: str, observer: str) -> np.ndarray | None:
        found = _try(spice.spkezr, body, et, "J2000", correction, observer)
        return None if found is None else found[0]

    planet = state("SATURN", "LT", "CASSINI")
    center = state("SATURN", "NONE", "SSB")
    if planet is None:
        # Some kernel sets have only the planet's barycentre, which is within 300 km of it.
        planet, center = state("6", "LT", "CASSINI"), state("6", "NONE", "SSB")
    pairs = {
        "SC_PLANET": planet,
        "SC_SUN": state("CASSINI", "LT", "SUN"),
        "SC_TARGET": state(target, "LT", "CASSINI"),
        "PLANET_CENTER": center,
    }
    rows = {}
    for name, six in pairs.items():
        for part, half in (("POSITION", slice(0, 3)), ("VELOCITY", slice(3, 6))):
            rows[f"{name}_{part}_VECTOR"] = None if six is None else six[half]
    return rows


def _pointing(facts: Facts) -> dict[str, float | None]:
    et, target, frame = facts.start.et, facts.target, f"IAU_{facts.target}"
    sun = _try(spice.subslr, "NEAR POINT/ELLIPSOID", target, et, frame, "LT", "CASSINI")
    below = _try(spice.subpnt, "NEAR POINT/ELLIPSOID", target, et, frame, "LT", "CASSINI")
    sun_lat, sun_lon = _latitude(sun), _west(sun)
    lat, lon = _latitude(below), _west(below)
    ra, dec, phase, emission, incidence = _boresight(facts)
    return {
        "RIGHT_ASCENSION": ra,
        "DECLINATION": dec,
        "SUB_SOLAR_LATITUDE": sun_lat,
        "SUB_SOLAR_LONGITUDE": sun_lon,
        "SUB_SPACECRAFT_LATITUDE": lat,
        "SUB_SPACECRAFT_LONGITUDE": lon,
        "PHASE_ANGLE": phase,
        "EMISSION_ANGLE": emission,
        "INCIDENCE_ANGLE": incidence,
        "CENTRAL_BODY_DISTANCE": None if below is None else float(np.linalg.norm(below[2])),
    }


def _latitude(found: tuple[Any, ...] | None) -> float | None:
    if found is None:
        return None
    return float(sphere.latitude(found[0]))


def _west(found: tuple[Any, ...] | None) -> float | None:
    if found is None:
        return None
    return float(sphere.wrap(-sphere.longitude(found[0])))


def _boresight(facts: Facts) -> tuple[float | None, ...]:
    """Right ascension, declination; phase, emission, incidence where the boresight looks."""
    et, view = facts.start.et, facts.channel.spice_frame
    rotation = _try(spice.pxform, view, "J2000", et)
    if rotation is None:
        return (None,) * 5
    _, ra, dec = spice.recrad(np.ascontiguousarray(rotation[:, 2]))
    angles = _angles(facts) or (None,) * 3
    return (float(np.degrees(ra)), float(np.degrees(dec)), *angles)


def _angles(facts: Facts) -> tuple[float, float, float] | None:
    """Phase, emission and incidence at the surface or, off the disk, at the tangent point."""
    target, frame = facts.target, f"IAU_{facts.target}"
    where = (target, facts.start.et, frame)
    ray = ("CASSINI", facts.channel.spice_frame, [0.0, 0.0, 1.0])
    found = _try(spice.sincpt, "ELLIPSOID", *where, "CN+S", *ray)
    if found is not None:
        point, epoch, seen = found
        below = point
    else:
        found = _try(spice.tangpt, "ELLIPSOID", *where, "CN+S", "TANGENT POINT", *ray)
        if found is None:
            return None
        point, _, _, below, epoch, seen = found
        # The vector points to the surface; the ray's points to the tangent point.
        seen = seen + point - below
    sun = _try(spice.spkpos, "SUN", epoch, frame, "LT+S", target)
    radii = _try(spice.bodvrd, target, "RADII", 3)
    if sun is None or radii is None:
        return None
    normal, sunward = spice.surfnm(*radii[1], below), sun[0] - point

    def apart(u: np.ndarray, v: np.ndarray) -> float:
        return float(np.degrees(spice.vsep(u, v)))

    return apart(sunward, -seen), apart(normal, -seen), apart(normal, sunward)
