"""The text of a PDS3 label as plain Python values.

Syntax: PDS Standards Reference 3.8, chapter 12 (Object Description Language). What labels of the
archive have of it `uvisxr.pds3.plain` reads, all else `pvl`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import shortened
from . import plain as plain_form

#: Statements that are not needed and that take `pvl` most of its time: prose and the long lists of
#: wavelengths. Quoted text cannot contain a quote, nor a list of numbers a parenthesis.
_UNUSED = re.compile(
    r'^[ \t]*(?:DESCRIPTION[ \t]*=\s*"[^"]*"|BAND_BIN_CENTER[ \t]*=\s*\([^()"]*\))',
    re.MULTILINE | re.IGNORECASE,
)

#: Where a statement can begin, for labels that hold one that `pvl` does not read.
_STATEMENT = re.compile(r"^[ \t]*(?=\^?[A-Za-z][\w:.]*[ \t]*=|END[ \t]*\r?$)", re.MULTILINE)
_BLOCK = re.compile(r"(?:BEGIN_|END_)?(?:OBJECT|GROUP)\b|END[ \t]*\r?$", re.IGNORECASE)

#: What `pvl`, which is slow, is given: letters of a label and of one statement, statements by
#: themselves, and those that it cannot read. Labels of the archive have a quarter of that, and
#: damaged ones a few.
_MOST_LETTERS, _MOST_OF_ONE, _MOST_STATEMENTS, _MOST_UNREADABLE = 2**14, 2**12, 500, 50

#: The archive's ways of saying "unknown".
UNKNOWN = frozenset({"", "UNK", "N/A", "NULL"})


def without_prose(text: str) -> str:
    """A label without the statements that are long and not needed."""
    return _UNUSED.sub("", text)


def loads(text: str) -> Mapping[str, Any]:
    """Parse a label without its prose; times come as text.

    A statement that is not valid ODL stops nothing: its value comes as the text after the equals
    sign, and what needs the value judges it. Keywords come in capitals, without namespaces; those
    of a group as if they stood in the block that it is in, after its own.

    Raises
    ------
    ValueError
        The text as a whole is not ODL: its blocks do not close, for example. Or it is too long for
        something that is not of the archive's form.
    """
    text = without_prose(text)
    module = plain_form.loads(text)
    if module is not None:
        return module
    if len(text) > _MOST_LETTERS:
        raise ValueError(f"{len(text)} letters, not all of them of the archive's form")
    # Import pvl with the first label that needs it, not with uvisxr.
    from .parser import parse

    try:
        return parse(text)
    except Exception:
        text = "".join(_readable(text))
    try:
        return parse(text)
    except Exception as error:
        # What is left of a block that does not end has no message.
        why = str(error.args[-1]) if error.args else "it ends before its blocks do"
        raise ValueError(shortened(" ".join(why.split()), 160)) from error


def beginning(head: str) -> Mapping[str, Any]:
    """What `loads` returns of the first statements of a label.

    Parameters
    ----------
    head : str
        So much of the label as is looked at. It counts up to the end of its last whole line, or to
        a statement that is not of the archive's form.
    """
    return plain_form.beginning(without_prose(head[: head.rfind("\n") + 1]))[0]


def every(block: Mapping[str, Any], key: str) -> list[Any]:
    """All values of a keyword, which a block may repeat."""
    if hasattr(block, "getall"):
        return list(block.getall(key))
    return [block[key]] if key in block else []


def _readable(text: str) -> Iterator[str]:
    """The statements of a label: without lines that belong to none, and the values that `pvl` does
    not read as quoted text."""
    starts = [match.start() for match in _STATEMENT.finditer(text)]
    if not starts:
        raise ValueError("it holds no statement")
    if len(starts) > _MOST_STATEMENTS:
        raise ValueError(f"more than {_MOST_STATEMENTS} statements, not all of which can be read")
    unreadable = 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        statement = text[start:end].strip()
        key, _, value = statement.partition("=")
        quoted = " ".join(value.split()).replace('"', "'")
        forms = (statement, statement.partition("\n")[0])
        good = next((form for form in forms if _BLOCK.match(form) or _is_statement(form)), None)
        unreadable += good is None
        if unreadable > _MOST_UNREADABLE:
            raise ValueError(f"more than {_MOST_UNREADABLE} of its statements cannot be read")
        yield (good or f'{key} = "{quoted}"') + "\n"


def _is_statement(text: str) -> bool:
    from .parser import parse

    if plain_form.loads(f"{text}\nEND") is not None:
        return True
    # After a hyphen the next line would be taken for the rest of the value.
    if len(text) > _MOST_OF_ONE or text.rstrip().endswith("-"):
        return False
    try:
        return len(parse(f"{text}\nNEXT = 1\nEND\n")) == 2
    except Exception:
        return False


def known(value: Any) -> Any:
    """The value, or None where the archive marks all or part of it as unknown."""
    if isinstance(value, str):
        return None if value.strip().upper() in UNKNOWN else value
    if isinstance(value, list | tuple) and any(known(item) is None for item in value):
        return None
    return value


def plain(value: Any) -> Any:
    """Numbers and text without units, or lists of one kind; None if unknown. All else is text.

    No text has control characters, which files and terminals take in their own ways.
    """
    value = known(value)
    if isinstance(value, str) and not value.isprintable():
        value = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    if hasattr(value, "units"):
        return plain(value.value)
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value]
        # Attributes of NetCDF files hold neither nested lists nor mixed ones.
        alike = any(all(isinstance(x, kind) for x in items) for kind in (str, int | float))
        return items if alike else str(items)
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(str(plain(item)) for item in value))
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(,\d{3})+", value):
        return plain_form.number(value.replace(",", ""))
    # NetCDF attributes cannot be boolean.
    if isinstance(value, bool) or not (value is None or isinstance(value, int | float | str)):
        return str(value)
    return value


def words(value: Any) -> str:
    """One text, or several separated by commas, with single spaces; empty if unknown."""
    found = plain(value)
    text = ", ".join(map(str, found)) if isinstance(found, list) else str(found or "")
    return " ".join(text.split())
