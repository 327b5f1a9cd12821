"""Every label of the archive's form is read at once, with the values that pvl gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uvisxr.pds3 import odl, parser, plain


def plainly(value: Any) -> Any:
    """Values without the classes that hold them, with their types."""
    if hasattr(value, "items"):
        return [(key, plainly(item)) for key, item in value.items()]
    if hasattr(value, "units"):
        return plainly(value.value), value.units
    if isinstance(value, list):
        return [plainly(item) for item in value]
    return type(value).__name__, value


def test_real_labels(data: Path):
    found = [path for path in data.rglob("*") if path.suffix.upper() == ".LBL"]
    at_once = 0
    for path in found:
        text = odl.without_prose(path.read_bytes().decode("latin-1"))
        values = plain.loads(text)
        if values is not None:
            at_once += 1
            assert plainly(values) == plainly(parser.parse(text)), path
    # Labels of products are; those of the index tables have groups of columns.
    assert at_once >= 10
