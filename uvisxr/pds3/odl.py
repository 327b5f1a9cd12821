"""The text of a PDS3 label as plain Python values.

Syntax: PDS Standards Reference 3.8, chapter 12 (Object Description Language), which `pvl` reads.
"""

from __future__ import annotations

import re
from typing import Any

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
