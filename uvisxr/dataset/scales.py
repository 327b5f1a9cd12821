"""Units as people write them: whether two are the same, and by which factor they differ."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import lru_cache

#: What is measured, and how much of it each unit is.
_UNITS: dict[str, tuple[str, float]] = {
    name: (kind, size)
    for kind, sizes in {
        "length": {
            "km kilometer kilometre": 1e3,
            "m meter metre": 1.0,
            "cm centimeter centimetre": 1e-2,
            "mm millimeter millimetre": 1e-3,
            "um micron micrometer micrometre": 1e-6,
            "nm nanometer nanometre": 1e-9,
            "pm picometer picometre": 1e-12,
            "angstrom angstroem \u00e5ngstr\u00f6m \u00e5 a aa ang": 1e-10,
            "au astronomical_unit": 1.495978707e11,
        },
        "time": {
            "s sec second": 1.0,
            "ms msec millisecond": 1e-3,
            "us microsecond": 1e-6,
            "ns nanosecond": 1e-9,
            "min minute": 60.0,
            "h hr hour": 3600.0,
            "d day": 86400.0,
        },
        "angle": {
            "degree deg \u00b0 degree_north degrees_north degree_east degrees_east": 1.0,
            "rad radian": math.degrees(1),
            "mrad milliradian": math.degrees(1e-3),
            "arcmin arcminute": 1 / 60,
            "arcsec arcsecond": 1 / 3600,
        },
        "brightness": {
            "R rayleigh": 1.0,
            "kR kr kilorayleigh krayleigh": 1e3,
            "MR megarayleigh": 1e6,
        },
        "count": {"count ct cts cnt": 1.0},
        "photon": {"photon ph quantum quanta": 1.0},
        "power": {"W watt": 1.0, "mW milliwatt": 1e-3, "uW microwatt": 1e-6},
        "energy": {"J joule": 1.0, "erg": 1e-7},
    }.items()
    for names, size in sizes.items()
    for name in names.split()
}

_NUMBER = re.compile(r"[0-9.]{1,20}(?:e[+-]?[0-9]{1,3})?", re.IGNORECASE)
_TOKEN = re.compile(r"([^\W\d]+|\u00b0)\.?(?:\*\*|\^)?([+-]?[0-9]{1,2})?")

#: Longest unit that is read.
_LONGEST = 80


def factor(unit: str, wanted: str) -> float | None:
    """What numbers in a unit are multiplied by to be in another.

    Parameters
    ----------
    unit : str
        In any common form: "kR/nm", "counts s**-1", "degrees_north", "0.1 nm".
    wanted : str

    Returns
    -------
    float or None
        1 if both are the same; None if one measures something else than the other, or is not known.

    Examples
    --------
    >>> from uvisxr.dataset.scales import factor
    >>> factor("kR/nm", "kR angstrom-1"), factor("degrees", "degree"), factor("W m-2", "kR")
    (0.1, 1.0, None)
    """
    if unit == wanted:
        return 1.0
    given, aim = _parsed(unit), _parsed(wanted)
    if given is None or aim is None or given[0] != aim[0]:
        return None
    ratio = given[1] / aim[1]
    # Ten digits are more than any unit needs.
    return float(f"{ratio:.10g}") if math.isfinite(ratio) else None


@lru_cache(maxsize=256)
def _parsed(unit: str) -> tuple[frozenset[tuple[str, int]], float] | None:
    """Powers of what a unit measures, and its size; None if it is not known."""
    text = unicodedata.normalize("NFKC", unit).strip().replace("\u03bc", "u").replace("\u2212", "-")
    if len(text) > _LONGEST:
        return None
    kinds: Counter[str] = Counter()
    size, sign = 1.0, 1
    text = re.sub(r"(?<!\*)\*(?!\*)|\u00b7", " ", text).replace("/", " / ")
    for token in text.split():
        if token == "/":
            sign = -1
            continue
        if _NUMBER.fullmatch(token):
            try:
                size *= float(token) ** sign
            except (ValueError, ArithmeticError):
                return None
        else:
            match = _TOKEN.fullmatch(token)
            known = None if match is None else _known(match[1])
            if match is None or known is None:
                return None
            power = sign * int(match[2] or 1)
            kinds[known[0]] += power
            size *= known[1] ** power
        sign = 1
    return frozenset((kind, power) for kind, power in kinds.items() if power), size


def _known(name: str) -> tuple[str, float] | None:
    """A single unit, by its symbol or by its name in the singular or plural."""
    plain = name.lower()
    return _UNITS.get(name) or _UNITS.get(plain) or _UNITS.get(plain.removesuffix("s"))
