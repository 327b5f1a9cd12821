"""What a label says that contradicts the rest of it, and that nothing depends on: it is told.

In the archive's index clocks agree with START_TIME to a quarter of a second, PRODUCT_ID to a
minute, and STOP_TIME comes a whole number of exposures later (95 rows of products in two volumes).
The limits are far wider, so that no product of the archive is told of for nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ..checks import shown
from ..errors import ArgumentError
from ..instrument.channel import N_BANDS, N_LINES
from ..timescales import Instant, clock_from_et, parse_instant
from . import odl
from .objects import NULLS, DataObject

#: How far a clock count may be from START_TIME, s: the kernels of the day, by which labels were
#: made, predicted the clock to some tens of seconds.
CLOCK_TOLERANCE = 120.0

#: How far the time in a PRODUCT_ID may be from START_TIME, s.
_NAME_TOLERANCE = 900.0

#: By how many exposures, and by what share of all, STOP_TIME may be off.
_STOP_EXPOSURES, _STOP_SHARE = 2.0, 0.1

#: By what part of an exposure STOP_TIME may be off, to tell how many there are.
_STOP_PART = 0.01

_NAMED = re.compile(r"[A-Z]+(\d{4})_(\d{3})_(\d\d)_(\d\d)(?!\d)", re.IGNORECASE | re.ASCII)

#: What counts are called, and their unit, which they may have none of.
_COUNTED = re.compile(r"COUNT|\bCNTS?\b|DATA[ _]NUMBER|\bDN\b|^RAW(?:[ _](?:DATA|VALUES?))?$")
_NO_UNIT = frozenset({"NONE", "DIMENSIONLESS", "UNITLESS"})

#: Units of the size of a file, and of one of its records.
_SIZES = frozenset({"BYTE", "BYTES", "RECORD", "RECORDS"})

#: Counts that a label says are none.
_SATURATIONS = tuple(
    f"CORE_{end}_{of}_SATURATION" for end in ("LOW", "HIGH") for of in ("REPR", "INSTR")
)

#: The null values where they are in quotes.
_NULL_TEXTS = frozenset(map(str, NULLS))


def found(
    module: Mapping[str, Any],
    described: DataObject,
    start: Instant | None,
    clock: float,
    integration: float,
) -> Mapping[str, str]:
    """What is doubtful in a label.

    Parameters
    ----------
    module : mapping
        The parsed label.
    described : DataObject
        Its data object.
    start : Instant or None
        Its START_TIME.
    clock : float
        Its SPACECRAFT_CLOCK_START_COUNT, s; NaN if unknown.
    integration : float
        Its INTEGRATION_DURATION, s.

    Returns
    -------
    mapping of str to str
        By keyword, what of it contradicts what, and which of the two counts.
    """
    texts = dict(_of_file(module, described))
    if start is not None:
        texts |= _of_times(module, described, start, clock, integration)
    if described.kind == "QUBE" and _counts(described):
        texts |= _of_counts(module["QUBE"])
        texts |= _of_windows(described)
    return MappingProxyType(texts)


def samples(
    module: Mapping[str, Any], described: DataObject, start: Instant | None, integration: float
) -> Mapping[str, int]:
    """Numbers of exposures that other statements of a cube give than its size.

    Parameters are those of `found`.

    Returns
    -------
    mapping of str to int
        By keyword.
    """
    one = int(np.prod(described.shape[1:], dtype=np.int64)) * np.dtype(described.dtype).itemsize
    records, length = (_size(module.get(key)) for key in ("FILE_RECORDS", "RECORD_BYTES"))
    numbers: dict[str, Any] = {}
    if isinstance(records, int) and isinstance(length, int) and records * length % one == 0:
        numbers["FILE_RECORDS"] = records * length // one
    stop = _instant(odl.known(module.get("STOP_TIME")))
    if stop is not None and start is not None:
        lasted = (stop.et - start.et) / integration
        if abs(lasted - round(lasted)) < _STOP_PART:
            numbers["STOP_TIME"] = round(lasted)
    return MappingProxyType({key: n for key, n in numbers.items() if n > 0})


def _of_times(
    module: Mapping[str, Any],
    described: DataObject,
    start: Instant,
    clock: float,
    integration: float,
) -> Iterator[tuple[str, str]]:
    off = abs(clock - float(clock_from_et(start.et)))
    if off > CLOCK_TOLERANCE:
        yield (
            "SPACECRAFT_CLOCK_START_COUNT",
            f"is {off:.0f} s from START_TIME, which counts: check when the exposures were",
        )
    named = _NAMED.match(str(module.get("PRODUCT_ID", "")))
    begun = _instant("{}-{}T{}:{}:00".format(*named.groups())) if named else None
    if begun is not None and abs(start.et - begun.et) > _NAME_TOLERANCE:
        yield (
            "PRODUCT_ID",
            f"is {abs(start.et - begun.et):.0f} s from START_TIME, which counts: check when the "
            "exposures were",
        )
    stop = _instant(odl.known(module.get("STOP_TIME")))
    if stop is None or described.kind != "QUBE":
        return
    lasted, number = stop.et - start.et, described.shape[0]
    expected = number * integration
    if abs(lasted - expected) > _STOP_EXPOSURES * integration + _STOP_SHARE * expected:
        yield (
            "STOP_TIME",
            f"is {lasted:.0f} s after START_TIME, but {number} exposures take {expected:.0f} s: "
            "START_TIME and INTEGRATION_DURATION count; check the exposures",
        )


def _of_file(module: Mapping[str, Any], described: DataObject) -> Iterator[tuple[str, str]]:
    if not described.pointer:
        yield (
            f"^{described.kind}",
            "(of PDS4 file_name) does not say which file holds the data: the one of the label's "
            "name, or given with it, is taken; check whether they belong together",
        )
    size = int(np.prod(described.shape, dtype=np.int64)) * np.dtype(described.dtype).itemsize
    records, length = (_size(module.get(key)) for key in ("FILE_RECORDS", "RECORD_BYTES"))
    whole = isinstance(records, int) and isinstance(length, int)
    # How labels of smaller frames count records is not known.
    full = described.shape[1:] == (N_LINES, N_BANDS) and _counts(described)
    if whole and full and records * length != size:
        yield (
            "FILE_RECORDS",
            f"= {shown(records)} of {shown(length)} bytes are not the {size} bytes of the cube, "
            "which counts: check the number of exposures",
        )
    named, file = map(_NAMED.match, (str(module.get("PRODUCT_ID")), described.pointer))
    channels = {match[0][:3].upper() for match in (named, file) if match}
    if len(channels) > 1:
        yield (
            "PRODUCT_ID",
            f"= {shown(str(module['PRODUCT_ID']))} says the channel, but ^{described.kind} names "
            f"{shown(described.pointer)}: check which of the two is right",
        )
    host, data_set = (str(module.get(key) or "") for key in ("INSTRUMENT_HOST_NAME", "DATA_SET_ID"))
    if odl.known(host) and "CASSINI" not in host.upper():
        yield (
            "INSTRUMENT_HOST_NAME",
            f"= {shown(host)}: the product is taken for one of Cassini; check whether it is",
        )
    if _counts(described) and "CALIB" in data_set.upper():
        yield (
            "DATA_SET_ID",
            f"= {shown(data_set)} is said of calibrations: the values are taken for counts; check "
            "whether they are",
        )
    given = odl.known(module.get("FILE_SIZE"))
    if given is not None and given != size:
        yield (
            "file_size",
            f"= {shown(given)} is not the {size} bytes of the data, which count: check the number "
            "of exposures",
        )


def _of_counts(cube: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    unit, name = (odl.words(cube.get(key)).upper() for key in ("CORE_UNIT", "CORE_NAME"))
    taken = "the values are taken for counts; check whether they are"
    if unit and unit not in _NO_UNIT and not _COUNTED.search(unit):
        yield "CORE_UNIT", f"= {shown(unit)}: {taken}"
    if name and not _COUNTED.search(name):
        yield "CORE_NAME", f"= {shown(name)}: {taken}"
    for key, first, last in (
        ("CORE_VALID_MINIMUM", -np.inf, 0),
        ("CORE_VALID_MAXIMUM", NULLS[1] - 1, np.inf),
    ):
        value = odl.known(cube.get(key))
        if isinstance(value, int | float) and not first <= value <= last:
            yield key, f"= {shown(value)}: {taken}, also beyond it"
    for key in _SATURATIONS:
        value = odl.known(cube.get(key))
        if value is not None and str(value).strip() not in _NULL_TEXTS and value not in NULLS:
            yield key, f"= {shown(value)}: {taken}, also where they have this value"


def _of_windows(described: DataObject) -> Iterator[tuple[str, str]]:
    for (k, one), (n, other) in itertools.combinations(enumerate(described.windows), 2):
        apart = any(
            (one[f"lr_{axis}"] or 0) < (other[f"ul_{axis}"] or 0)
            or (other[f"lr_{axis}"] or 0) < (one[f"ul_{axis}"] or 0)
            for axis in ("line", "band")
        )
        if not apart:
            yield (
                "UL_CORNER_LINE",
                f"and the other corners give windows {k} and {n}, which overlap: each is taken as "
                "it is given; check the corners",
            )
            return


def _size(value: Any) -> Any:
    """A number of bytes or records without its unit; all else as it is, None if unknown."""
    sized = str(getattr(value, "units", "")).upper() in _SIZES
    return value.value if sized else odl.known(value)


def _counts(described: DataObject) -> bool:
    return np.dtype(described.dtype).kind == "u"


def _instant(text: Any) -> Instant | None:
    try:
        return None if text is None else parse_instant(str(text))
    except ArgumentError:
        return None
