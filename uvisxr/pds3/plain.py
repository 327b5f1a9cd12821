"""Labels of the form that the archive has, read at once.

This reads no more of ODL than those labels use, and what it reads has the value that `pvl` gives
it. A label with anything else in it is left to `pvl`, as a whole: a repeated keyword, a group, text
over several lines, a set, a number of another base.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..errors import shortened

# Digits in one way only, and no more of them than Python makes a number of.
_NUMBER = r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,9})?"
_UNITS = r"[A-Z]+(?:/[A-Z]+)?"
_MEASURE = rf"{_NUMBER}(?:[ \t]*<{_UNITS}>)?"
# Without what pvl might fold, unescape or trim.
_INNER = r"\x21\x23-\x25\x27-\x2c\x2e-\x5b\x5d-\x7e"
_QUOTED = rf'"(?:[-{_INNER}](?:[ ]?[-{_INNER}])*)?(?<!-)"'
_KEY = r"[A-Z][A-Z0-9_]*"
_WORD = rf"{_KEY}(?:/{_KEY})?"
_TIME = r"\d{4}-(?:\d{3}|\d\d-\d\d)(?:T\d\d:\d\d:\d\d(?:\.\d+)?)?"
_ITEM = rf"(?:{_MEASURE}|{_WORD}|{_QUOTED})"

#: One statement of a label, with the blank lines before it. A value may begin on the next line.
_STATEMENT = re.compile(
    rf"""\s*(?:
        (?P<key>\^?{_KEY})[ \t]*=[ \t]*(?:\r?\n[ \t]*)?(?:
            (?P<number>{_NUMBER})(?:[ \t]*<(?P<units>{_UNITS})>)?
          | (?P<word>{_WORD}|{_TIME})
          | (?P<quoted>{_QUOTED})
          | \((?P<list>\s*{_ITEM}\s*(?:,\s*{_ITEM}\s*)*)\)
        )[ \t]*(?:/\*[^*"\r\n]*\*/[ \t]*)?
      | (?P<end>END)[ \t]*
    )(?:\r?\n|\r?\Z)""",
    re.VERBOSE | re.ASCII,
)
_ONE = re.compile(
    rf"""\s*(?:
        (?P<number>{_NUMBER})(?:[ \t]*<(?P<units>{_UNITS})>)?
      | (?P<word>{_WORD})
      | (?P<quoted>{_QUOTED})
    )\s*(?:,|\Z)""",
    re.VERBOSE | re.ASCII,
)

#: Words that stand for other values, or that begin and end blocks.
_RESERVED = frozenset(
    {
        *(
            "TRUE",
            "FALSE",
            "NULL",
            "INF",
            "INFINITY",
            "NAN",
            "END",
            "OBJECT",
            "BEGIN_OBJECT",
            "END_OBJECT",
        ),
        *("GROUP", "BEGIN_GROUP", "END_GROUP"),
    }
)


#: Decimal digits that any whole number of 64 bits can have.
_DIGITS = 18


def number(text: str) -> int | float:
    """The number that a text is; ValueError if it is none, as `1_0`, `nan` and `inf` are none.

    Whole numbers that may need more than 64 bits come as floats.
    """
    if not re.fullmatch(_NUMBER, text, re.ASCII):
        raise ValueError(f"{shortened(text)!r} is no number")
    if text.lstrip("+-").isdecimal() and len(text) <= _DIGITS:
        return int(text)
    found = float(text)
    if not found and re.match("[^eE]*[1-9]", text):
        raise ValueError(f"{shortened(text)!r} is too small a number")
    return found


class Quantity(NamedTuple):
    """A number with units, as `pvl` has it."""

    value: int | float
    units: str


def loads(text: str) -> dict[str, Any] | None:
    """Read a label whose statements all have a form of the archive; None if some have not.

    Parameters
    ----------
    text : str
        Of a PDS3 label, without prose; see `uvisxr.pds3.odl`.

    Returns
    -------
    dict or None
        Values by keyword: int, float, str, `Quantity` or lists of these; of an object a dict.
    """
    found, whole = beginning(text)
    return found if whole else None


def beginning(text: str) -> tuple[dict[str, Any], bool]:
    """What `loads` returns of a label up to the first statement of another form, and whether there
    is none."""
    blocks: list[tuple[str, dict[str, Any]]] = [("", {})]
    top = blocks[0][1]
    at = 0
    while match := _STATEMENT.match(text, at):
        at = match.end()
        if match["end"]:
            return top, len(blocks) == 1 and not text[at:].strip()
        key, word = match["key"], match["word"]
        inside = blocks[-1][1]
        if key == "OBJECT":
            if word is None or "/" in word or word in _RESERVED or word in inside:
                return top, False
            inside[word] = {}
            blocks.append((word, inside[word]))
        elif key == "END_OBJECT":
            if len(blocks) == 1 or word != blocks.pop()[0]:
                return top, False
        elif key in inside or key in _RESERVED or word in _RESERVED:
            return top, False
        else:
            try:
                value = _list(match["list"]) if match["list"] else _value(match)
            except ValueError:
                return top, False
            if value is None:
                return top, False
            inside[key] = value
    return top, False


def _list(text: str) -> list[Any] | None:
    matches = list(_ONE.finditer(text))
    if any(match["word"] in _RESERVED for match in matches):
        return None
    return [_value(match) for match in matches]


def _value(match: re.Match[str]) -> Any:
    if match["number"]:
        found = number(match["number"])
        return Quantity(found, match["units"]) if match["units"] else found
    return match["word"] if match["word"] else match["quoted"][1:-1]
