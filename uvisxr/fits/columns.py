"""What the columns of the geometry tables hold: by the registry of the backplanes.

The attributes of variables that are read, the descriptions in PDS4 labels and the table in
`docs/howto/fits.md` follow from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backplanes.registry import NODES, Plane
from . import layout
from .layout import Column

#: Nodes of the tree, by the table that holds their fields.
_NODES = {
    "SC_GEOM": "body",
    "BODY_GEOM": "body",
    "GENERAL_GEOM": "sky",
    "RING_GEOM": "rings",
}

#: Longitudes on bodies increase so in all files.
DIRECTION = "west"

#: Shapes of cells as astropy shows them.
_SHAPES = {
    "text": "text",
    "one": "one value",
    "times": "(NT, NZ)",
    "points": "(NT, NZ, NY, 5)",
}

#: What a cell holds beyond the field of the tree.
_ONE = {"diameter": "in the middle of the middle exposure"}


def plane(table: str, column: Column) -> Plane | None:
    """The field of the backplanes that a column holds; None for names."""
    return NODES[_NODES[table]].get(column.field)


def description(table: str, column: Column) -> str:
    """What a column holds, with zero, sign and sense.

    Examples
    --------
    >>> description("RING_GEOM", layout.RING_GEOM[11])
    "whether the planet lies behind the ring point: where the line of sight crosses the planet's \
equator plane ahead; the line of sight goes on to meet the planet; 0 where it does not"
    """
    of = plane(table, column)
    if of is None:
        return f"name of the {column.comment}"
    name = str(of.attributes(DIRECTION)["long_name"])
    if column.axis is not None:
        name = f"{'xyz'[column.axis]} of the {name}"
    definition = of.definition.replace("increasing west or east", f"increasing {DIRECTION}")
    more = f"; {_ONE[column.field]}" if column.field in _ONE else ""
    return f"{name}: {definition}{more}"


def attributes(
    table: str, column: Column, values: np.ndarray, direction: str = DIRECTION
) -> dict[str, Any]:
    """The attributes of the variable that comes of a column, as those of the backplanes."""
    of = plane(table, column)
    if of is None:
        return {}
    return of.attributes(direction, unknown=of.flag and bool((values < 0).any()))


def table() -> str:
    """The table of all columns in `docs/howto/fits.md`.

    Examples
    --------
    >>> print(table().splitlines()[0])
    | HDU | column | cell | unit | variable | what |
    """
    return "\n".join(_rows())


def _rows() -> Iterator[str]:
    yield "| HDU | column | cell | unit | variable | what |"
    yield "|---|---|---|---|---|---|"
    for table, columns in layout.TABLES.items():
        node = _NODES[table]
        for column in columns:
            where = f"`{'titan' if node == 'body' else node}/{column.field}`"
            if column.axis is not None:
                where += f" {'xyz'[column.axis]}"
            yield (
                f"| `{table}` | `{column.name}` | {_SHAPES[column.cell]} "
                f"| {column.unit or ('T, F' if column.letter == 'L' else '-')} "
                f"| {where if plane(table, column) else '-'} | {description(table, column)} |"
            )
