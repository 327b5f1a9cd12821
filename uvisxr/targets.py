"""What the archive calls its targets: one name for all spellings of the same.

Labels, index tables and search services write one target in several ways: ``ATLAS:``, ``Saturn
Rings``, ``DA``. Those of migrated labels: SETI, rms-data-projects, COUVIS/uvis_data_raw_labeler.py.
"""

from __future__ import annotations

from .checks import close

#: Rings of the giant planets by the name that PDS3 labels have for them, with their planet.
PLANETS_OF_RINGS = {
    "J RINGS": "JUPITER",
    "S RINGS": "SATURN",
    "U RINGS": "URANUS",
    "N RINGS": "NEPTUNE",
}

#: Bodies and rings that the archive's labels name.
KNOWN = (
    *("SUN", "VENUS", "EARTH", "MOON", "JUPITER", "SATURN", "URANUS", "NEPTUNE", "PLUTO"),
    *("MIMAS", "ENCELADUS", "TETHYS", "DIONE", "RHEA", "TITAN", "HYPERION", "IAPETUS", "PHOEBE"),
    *("JANUS", "EPIMETHEUS", "HELENE", "TELESTO", "CALYPSO", "ATLAS", "PROMETHEUS", "PANDORA"),
    *("PAN", "DAPHNIS", "METHONE", "PALLENE", "POLYDEUCES", "ANTHE", "AEGAEON"),
    *("IO", "EUROPA", "GANYMEDE", "CALLISTO", "HIMALIA", "MASURSKY"),
    *PLANETS_OF_RINGS,
)

#: Names by other spellings: rings in PDS4 labels, two-letter codes of small moons of Saturn, and
#: what is no body.
_ALIASES = {
    **{f"{planet} RINGS": rings for rings, planet in PLANETS_OF_RINGS.items()},
    "AG": "AEGAEON",
    "AN": "ANTHE",
    "DA": "DAPHNIS",
    "ME": "METHONE",
    "PL": "PALLENE",
    "PO": "POLYDEUCES",
    "CALIBRATION": "CALIB",
    "INTERPLANETARY HYDROGEN": "IPH",
    "UNKNOWN": "UNK",
}

#: Targets that are no body: a quarter of the archive's rows has one of these.
_NO_BODY = frozenset(
    {
        *("", "N/A", "NONE", "NULL", "UNK", "OTHER"),
        *("CALIB", "IPH", "SKY", "SOLAR WIND", "STAR"),
    }
)


def plain(target: str) -> str:
    """A name in capitals, with single blanks, and without the punctuation that ends some."""
    return " ".join(str(target).upper().replace("_", " ").split()).rstrip(" .:;,")


def canonical(target: str) -> str:
    """The one name of a target.

    Examples
    --------
    >>> from uvisxr.targets import canonical
    >>> canonical("Saturn_Rings"), canonical("atlas:"), canonical("DA"), canonical("Titan")
    ('S RINGS', 'ATLAS', 'DAPHNIS', 'TITAN')
    """
    name = plain(target)
    return _ALIASES.get(name, name)


def suggested(target: str) -> str:
    """A question that suggests a known name like an unknown one; empty if there is none.

    Examples
    --------
    >>> from uvisxr.targets import suggested
    >>> suggested("Enceladis"), suggested("Titan")
    ("; did you mean 'ENCELADUS'?", '')
    """
    near = like(target)
    return f"; did you mean {near!r}?" if near else ""


def like(target: str) -> str | None:
    """A known name like an unknown one."""
    name = canonical(target)
    return None if name in KNOWN else close(name, (*KNOWN, *_NO_BODY))


def is_body(target: str) -> bool:
    """Whether a label's target is a body, not the sky, a star or nothing in particular.

    Examples
    --------
    >>> from uvisxr.targets import is_body
    >>> is_body("Solar Wind"), is_body("S RINGS"), is_body("VULCAN")
    (False, True, True)
    """
    return canonical(target) not in _NO_BODY
