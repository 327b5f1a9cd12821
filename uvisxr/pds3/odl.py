"""The text of a PDS3 label as plain Python values.

Syntax: PDS Standards Reference 3.8, chapter 12 (Object Description Language), which `pvl` reads.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pvl
from pvl.decoder import OmniDecoder
from pvl.grammar import OmniGrammar

#: Statements that nobody needs and that take `pvl` most of its time: prose and the long lists of
#: wavelengths. A quoted text cannot hold a quote, nor a list of numbers a parenthesis.
_UNUSED = re.compile(
    r'^[ \t]*(?:DESCRIPTION[ \t]*=\s*"[^"]*"|BAND_BIN_CENTER[ \t]*=\s*\([^()"]*\))', re.MULTILINE
)

#: The archive's ways of saying that it does not know.
_UNKNOWN = frozenset({"", "UNK", "N/A", "NULL"})


class _Decoder(OmniDecoder):
    """Leaves times as text: to try every value as a time takes `pvl` most of its time."""

    def decode_datetime(self, value: str):
        raise ValueError(value)


def loads(text: str) -> pvl.PVLModule:
    """Parse a label without its prose; times come as text.

    Raises
    ------
    ValueError
        The text is not in the language.
    """
    grammar = OmniGrammar()
    try:
        return pvl.loads(_UNUSED.sub("", text), grammar=grammar, decoder=_Decoder(grammar))
    except Exception as error:  # pvl raises whatever its grammar stumbles over
        raise ValueError(" ".join(str(error).split())[:160]) from error


def known(value: Any) -> Any:
    """The value, or None where the archive says, wholly or in part, that it does not know it."""
    if isinstance(value, str):
        return None if value.strip().upper() in _UNKNOWN else value
    if isinstance(value, list | tuple) and any(known(item) is None for item in value):
        return None
    return value


def plain(value: Any) -> Any:
    """Numbers and text without units, lists of them, None if unknown; sets become text."""
    value = known(value)
    if isinstance(value, pvl.collections.Quantity):
        return plain(value.value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(str(plain(item)) for item in value))
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(,\d{3})+", value):
        return int(value.replace(",", ""))
    # NetCDF has no booleans.
    if isinstance(value, bool) or not (value is None or isinstance(value, int | float | str)):
        return str(value)
    return value


def time(text: str) -> np.datetime64:
    """UTC of a label's time, 2005-230T15:15:04.141 or 2005-08-18T15:15:04.141.

    Raises
    ------
    ValueError
        The text is no time.
    """
    match = re.fullmatch(r"(\d{4})-(\d{3}|\d\d-\d\d)(?:T([\d:]+(?:\.\d*)?))?Z?", text.strip())
    if not match:
        raise ValueError(f"{text!r} is no time")
    year, day, clock = match.groups()
    date = np.datetime64(f"{year}-{day}", "D") if "-" in day else day_of_year(year, day)
    return np.datetime64(f"{date}T{clock.rstrip('.')}" if clock else date, "ns")


def day_of_year(year: str, day: str) -> np.datetime64:
    """Date of the day of a year, 001 the first.

    Raises
    ------
    ValueError
        The year has no such day.
    """
    date = np.datetime64(year, "D") + (int(day) - 1)
    if date.astype("datetime64[Y]") != np.datetime64(year, "Y"):
        raise ValueError(f"{year}-{day}: the year has no day {day}")
    return date
