"""The text of a PDS3 label as plain Python values.

Syntax: PDS Standards Reference 3.8, chapter 12 (Object Description Language), which `pvl` reads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pvl import PVLModule

#: Statements that are not needed and that take `pvl` most of its time: prose and the long lists of
#: wavelengths. Quoted text cannot contain a quote, nor a list of numbers a parenthesis.
_UNUSED = re.compile(
    r'^[ \t]*(?:DESCRIPTION[ \t]*=\s*"[^"]*"|BAND_BIN_CENTER[ \t]*=\s*\([^()"]*\))', re.MULTILINE
)

#: The archive's ways of saying "unknown".
UNKNOWN = frozenset({"", "UNK", "N/A", "NULL"})


def loads(text: str) -> PVLModule:
    """Parse a label without its prose; times come as text.

    Raises
    ------
    ValueError
        The text is not valid ODL.
    """
    # Import pvl with the first label, not with uvisxr.
    from .parser import parse

    try:
        return parse(_UNUSED.sub("", text))
    except Exception as error:  # pvl's errors have no common base class
        raise ValueError(" ".join(str(error).split())[:160]) from error


def known(value: Any) -> Any:
    """The value, or None where the archive marks all or part of it as unknown."""
    if isinstance(value, str):
        return None if value.strip().upper() in UNKNOWN else value
    if isinstance(value, list | tuple) and any(known(item) is None for item in value):
        return None
    return value


def plain(value: Any) -> Any:
    """Numbers and text without units, or lists of them; None if unknown. Sets become text."""
    value = known(value)
    if hasattr(value, "units"):
        return plain(value.value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(str(plain(item)) for item in value))
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(,\d{3})+", value):
        return int(value.replace(",", ""))
    # NetCDF attributes cannot be boolean.
    if isinstance(value, bool) or not (value is None or isinstance(value, int | float | str)):
        return str(value)
    return value
