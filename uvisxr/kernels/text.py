"""Structure of text kernels: what they set, and whether they are whole.

SPICE reads what there is of a file that was cut short: it takes half a list for a whole one, and
ignores a last line that has no end, and what ends a list that never began. It cuts long lines and
strings too, and ignores what follows a list on its last line, takes 248.3e for a number and a date
for seconds, all without a word.

References
----------
NAIF required reading *KERNEL* (text kernel specifications).
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from ..errors import shortened

_STRING = re.compile(rb"'(?:[^']|'')*'")
_ASSIGNMENT = re.compile(rb"[ \t]*([^\s=()',]+?)[ \t]*\+?=")
_NUMBER = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([EeDd][+-]?\d+)?")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_NOT_ASCII = re.compile(rb"[^\t -~]")

#: Longest line and longest string that SPICE reads whole.
_LINE, _LONGEST = 132, 80

#: Most lines of a text kernel: SPICE reads them again and again, a million in four seconds.
#: The archive's have up to some thousands.
_MOST_LINES = 200_000

#: Variables that are no times: SPICE takes a date for the seconds since J2000.
_TIMELESS = re.compile(r"(BODY|INS|TKFRAME_|FRAME_|CK_).*_")

#: The variable of meta-kernels, which SPICE's reader is not given.
_META = "KERNELS_TO_LOAD"


@dataclass(frozen=True)
class Text:
    """What a text kernel holds.

    Attributes
    ----------
    variables : frozenset of str
        Pool variables that it sets.
    fault : str
        What shows that it is not whole; empty if nothing does.
    closed : bool
        Whether its last section is one of text and its last line is ended, as in all files of the
        archive. SPICE does not ask for that.
    """

    variables: frozenset[str]
    fault: str
    closed: bool


def parse(content: bytes) -> Text:
    r"""Find what a text kernel sets, and whether its lists, strings and last line are complete.

    Examples
    --------
    >>> parse(b"KPL/PCK\n\\begindata\nBODY699_RADII = ( 60268 60268 54364 )\n").fault
    ''
    >>> parse(b"KPL/PCK\n\\begindata\nBODY699_RADII = ( 60268 60268\n").fault
    'the list of BODY699_RADII has no end'
    """
    *lines, rest = _LINE_END.split(content)
    if len(lines) > _MOST_LINES:
        return Text(frozenset(), f"it has {len(lines)} lines, more than {_MOST_LINES}", False)
    names: dict[str, None] = {}
    fault = cut = ""
    in_data = in_list = False
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if word in (b"\\begindata", b"\\begintext"):
            in_data = word == b"\\begindata"
        elif in_data and word:
            bare = _STRING.sub(b"", line)
            match = _ASSIGNMENT.match(bare)
            if match and in_list:
                fault = fault or f"the list of {_last(names)} has no end"
            if match:
                names[match[1].decode("ascii", "replace")] = None
                in_list = False
            values = bare[match.end() :] if match else bare
            if b"'" in bare:
                fault = fault or f"a string of {_last(names)} has no end"
            if match := _NOT_ASCII.search(bare):
                fault = fault or f"line {number} has the byte {match[0][0]}, which is no text"
            ended = not in_list and b"(" not in bare
            for sign in re.findall(rb"[()]", bare):
                if sign == b")" and not in_list:
                    fault = fault or f"line {number} ends a list of {_last(names)} that never began"
                if sign == b"(" and in_list:
                    fault = fault or f"line {number} begins a list in the list of {_last(names)}"
                in_list = sign == b"("
            if not in_list and not ended and bare.rpartition(b")")[2].strip():
                fault = fault or f"line {number} goes on after the list of {_last(names)}"
            fault = fault or _no_number(values, number, _last(names))
            cut = cut or _cut(line, number)
    if in_list:
        fault = fault or f"the list of {_last(names)} has no end"
    if in_data and rest.strip() not in (b"", b"\\begintext"):
        fault = fault or "its last line has no line end, so SPICE ignores it"
    if _META not in names:
        fault = fault or cut
    return Text(frozenset(names), fault, not in_data and not rest.strip())


def without(content: bytes, names: Container[str]) -> bytes:
    r"""What a text kernel sets beside some variables, on the lines where it sets it.

    Examples
    --------
    >>> without(b"KPL/MK\n\\begindata\nA = ( 1\n2 )\nB = 3\n", {"A"})
    b'\n\\begindata\n\n\nB = 3\n'
    """
    lines = []
    in_data = kept = False
    for line in _LINE_END.split(content):
        word = line.strip()
        is_sign = word in (b"\\begindata", b"\\begintext")
        if is_sign:
            in_data, kept = word == b"\\begindata", False
        elif in_data and (match := _ASSIGNMENT.match(_STRING.sub(b"", line))):
            kept = match[1].decode("ascii", "replace") not in names
        lines.append(line if is_sign or kept else b"")
    return b"\n".join(lines)


def _no_number(values: bytes, number: int, name: str) -> str:
    """What SPICE takes for a number in a line though it is none, or no plain one."""
    for word in re.findall(rb"[^\s,()]+", values):
        is_date = word.startswith(b"@") and not _TIMELESS.match(name)
        if not (is_date or _NUMBER.fullmatch(word)):
            shown = shortened(word.decode("ascii", "replace"), 40)
            return f"line {number} has {shown!r} for {name}, which is no number"
    return ""


def _cut(line: bytes, number: int) -> str:
    """What SPICE would not take of a line of data, or not as it is."""
    if len(line.rstrip()) > _LINE:
        return f"line {number} has more than {_LINE} characters, where SPICE cuts it"
    for string in _STRING.findall(line):
        if _NOT_ASCII.search(string):
            return f"a string in line {number} has characters that are not ASCII"
        if len(string[1:-1].replace(b"''", b"'")) > _LONGEST:
            return f"a string in line {number} has more than the {_LONGEST} characters SPICE keeps"
    return ""


def _last(names: dict[str, None]) -> str:
    return next(reversed(names), "its first variable")
