"""Sums over a catalogue for pictures, made by DuckDB: however many rows, what comes is small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .. import checks
from ..maps.grids import Cylindrical, Polar
from ..maps.spheroid import Spheroid
from . import schema
from .database import BLIND

if TYPE_CHECKING:
    import duckdb

#: What coverage counts, and how of rows of the table of products.
Amount = Literal["products", "spectra", "hours"]
_AMOUNTS = {"products": "1", "spectra": "spectra", "hours": "exposures * exposure / 3600"}

#: What a map of looks shows: how many spectra, or the median of a column.
Shown = Literal["count", "phase", "ems", "sza", "alt", "distance"]

#: Where lines of sight pass.
Part = Literal["disk", "limb"]

#: Lengths of bins of time, days; the first is taken of which no more than so many are needed.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 365, 3650)
_MOST = 240

_DAY = 86_400_000_000

#: Sides of cells of maps, degrees; the first is taken of which half hold so many spectra.
_SIDES = (2.0, 3.0, 5.0, 10.0)
_SEVERAL = 4


class Amounts(NamedTuple):
    """What there is of each target by time.

    Attributes
    ----------
    targets, channels : list of str
    edges : ndarray of datetime64, (n + 1,)
    amount : ndarray, (target, channel, n)
    total : ndarray, (target, channel)
        Also of what has no time.
    """

    targets: list[str]
    channels: list[str]
    edges: np.ndarray
    amount: np.ndarray
    total: np.ndarray


@dataclass(frozen=True)
class Chosen:
    """Which spectra count, of those that saw something.

    Attributes
    ----------
    body : str
    channel : {"EUV", "FUV"}, optional
    part : {"disk", "limb"}, optional
        Where the line of sight meets the body, or passes it.
    alt : (float, float), optional
        Altitudes, km, both included; None for an open end.
    """

    body: str
    channel: str | None = None
    part: Part | None = None
    alt: tuple[float | None, float | None] = (None, None)

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition in SQL, and its parameters."""
        said = f"body = $body AND (quality & {BLIND}) = 0 AND lon IS NOT NULL AND lat IS NOT NULL"
        values: dict[str, Any] = {"body": self.body}
        if self.channel is not None:
            said += " AND channel = $channel"
            values["channel"] = self.channel
        if self.part is not None:
            said += " AND on_disk" if self.part == "disk" else " AND NOT on_disk"
        for end, sign, value in zip(("low", "high"), (">=", "<="), self.alt, strict=True):
            if value is not None:
                said += f" AND alt {sign} ${end}::FLOAT"
                values[end] = value
        return said, values


def coverage(
    connection: duckdb.DuckDBPyConnection, by: Amount = "products", channel: str | None = None
) -> Amounts:
    """How much there is of each target, by channel and time.

    Products that failed do not count. One counts whole in the bin of time in which it begins.
    """
    checks.choice("by", by, Amount)
    where = "status = 'done' AND ($channel IS NULL OR channel = $channel)"
    first, last = connection.execute(
        f"SELECT epoch_us(min(time_start)), epoch_us(max(time_start)) FROM products WHERE {where}",
        {"channel": channel},
    ).fetchall()[0]
    first, last = (0, 0) if first is None else (int(first) // _DAY, int(last) // _DAY)
    step = next((s for s in _STEPS if (last - first) // s < _MOST), _STEPS[-1])
    number = (last - first) // step + 1
    rows = connection.execute(
        f"""
        SELECT coalesce(target, ''), channel, (epoch_us(time_start) // {_DAY} - $first) // $step,
            sum({_AMOUNTS[by]})::DOUBLE
        FROM products WHERE {where} GROUP BY ALL
        """,
        {"channel": channel, "first": first, "step": step},
    ).fetchall()
    targets = sorted({row[0] for row in rows})
    channels = sorted({row[1] for row in rows if row[1]}, key=("FUV", "EUV").index)
    amount = np.zeros((len(targets), len(channels), number))
    total = np.zeros(amount.shape[:2])
    for target, name, place, value in rows:
        if name and value is not None:
            at = targets.index(target), channels.index(name)
            total[at] += value
            if place is not None:
                amount[(*at, int(place))] += value
    edges = np.datetime64(first, "D") + step * np.arange(number + 1)
    return Amounts(targets, channels, edges, amount, total)


def looks(
    connection: duckdb.DuckDBPyConnection,
    chosen: Chosen,
    grid: Cylindrical | Polar,
    by: Shown = "count",
) -> tuple[np.ndarray, int]:
    """How many spectra looked at each cell of a map, or the median of a column over them.

    Returns
    -------
    ndarray, of the grid's shape
        NaN where none looked.
    int
        All spectra on the map.
    """
    checks.choice("by", by, Shown)
    where, values = chosen.where()
    row, column = _cells(grid)
    value = "count(*)" if by == "count" else f"median({by})"
    rows = connection.execute(
        f"""
        SELECT row, col, count(*), {value}::DOUBLE
        FROM (SELECT *, {row} AS row, {column} AS col FROM spectra WHERE {where})
        GROUP BY row, col
        """,
        values,
    ).fetchnumpy()
    found = np.full(grid.shape, np.nan)
    at, beside, counts, seen = (np.ma.filled(part, np.nan) for part in rows.values())
    rows_, columns = grid.shape
    inside = (at >= 0) & (at < rows_) & (beside >= 0) & (beside < columns)
    found[at[inside].astype(int), beside[inside].astype(int)] = seen[inside]
    if grid.inside is not None:
        found = np.where(grid.inside, found, np.nan)
        inside &= grid.inside[np.clip(at, 0, rows_ - 1).astype(int), _within(beside, columns)]
    return found, int(counts[inside].sum())


def spacing(
    connection: duckdb.DuckDBPyConnection,
    chosen: Chosen,
    grid: Callable[[float], Cylindrical | Polar],
) -> float:
    """The least side of cells, degrees, of which those that are looked at hold several spectra.

    The fewer these are, the larger: in small cells rows of pixels and of cells beat against each
    other.

    Parameters
    ----------
    grid : callable
        The map of cells of a side.
    """
    for side in _SIDES[:-1]:
        found, _ = looks(connection, chosen, grid(side))
        seen = found[np.isfinite(found)]
        if not seen.size or np.median(seen) >= _SEVERAL:
            return side
    return _SIDES[-1]


def looked(rows: duckdb.DuckDBPyRelation, spacing: float) -> dict[str, np.ndarray]:
    """How many rows of spectra look at each cell between parallels and meridians, by body.

    Parameters
    ----------
    rows : relation
        Of the table of spectra.
    spacing : float
        Side of a cell, degrees.

    Returns
    -------
    dict of str to ndarray of int, (rows, columns)
        From the south pole up, from longitude 0 on.
    """
    grid = Cylindrical.of(Spheroid(1.0, 1.0), spacing, spacing)
    row, column = _cells(grid)
    seen = rows.filter("body <> '' AND lon IS NOT NULL AND lat IS NOT NULL")
    told = seen.aggregate(
        f"body::VARCHAR AS body, {row} AS row, {column} AS col, count(*) AS n", "body, row, col"
    ).to_arrow_table()
    body = told["body"].combine_chunks().dictionary_encode()
    at = (body.indices, told["row"], told["col"])
    names = body.dictionary.to_pylist()
    found = np.zeros((len(names), *grid.shape), int)
    found[tuple(np.asarray(part) for part in at)] = np.asarray(told["n"])
    return dict(zip(names, found, strict=True))


def coarser(found: np.ndarray) -> tuple[np.ndarray, float]:
    """Numbers in cells of 1 degree, summed in larger ones, and the side of these.

    The side is chosen as `spacing` does.

    Parameters
    ----------
    found : ndarray of int, (180, 360)

    Examples
    --------
    >>> import numpy as np
    >>> found = np.zeros((180, 360), int)
    >>> found[90:100, 10:20] = 1
    >>> summed, side = coarser(found)
    >>> summed.shape, side, int(summed[45, 5])
    ((90, 180), 2.0, 4)
    """
    for side in _SIDES:
        step = int(side)
        summed = found.reshape(180 // step, step, 360 // step, step).sum(axis=(1, 3))
        seen = summed[summed > 0]
        if not seen.size or np.median(seen) >= _SEVERAL:
            break
    return summed, side


def _within(places: np.ndarray, number: int) -> np.ndarray:
    found: np.ndarray = np.clip(places, 0, number - 1).astype(int)
    return found


def _cells(grid: Cylindrical | Polar) -> tuple[str, str]:
    """Row and column of the cell of a longitude, west-positive, and a latitude, in SQL.

    The grid is of a sphere of radius 1.
    """
    if isinstance(grid, Polar):
        # Lambert's azimuthal equal-area projection of the sphere, as `grid.project`.
        sense = 1.0 if grid.north else -1.0
        radius = f"sqrt(greatest(2 - 2 * sin(radians({sense} * lat)), 0)) / {grid.side!r}"
        angle = f"radians(-lon - {grid.zero!r})"
        up = f"floor(-({radius}) * cos({angle}))::INTEGER + {grid.half}"
        return up, f"floor({sense} * ({radius}) * sin({angle}))::INTEGER + {grid.half}"
    rows, columns = grid.shape
    row = f"least(floor((lat::DOUBLE + 90) * {rows} / 180)::INTEGER, {rows - 1})"
    # A longitude of 360, as rounding may give, is one of 0.
    column = f"floor(lon::DOUBLE * {columns} / 360)::INTEGER % {columns}"
    return row, column


def span(
    connection: duckdb.DuckDBPyConnection, chosen: Chosen
) -> tuple[np.datetime64, np.datetime64] | None:
    """From when to when spectra were taken; None if there is none."""
    where, values = chosen.where()
    found = connection.execute(
        f"SELECT epoch_us(min(time)), epoch_us(max(time)) FROM spectra WHERE {where}", values
    ).fetchall()[0]
    if found[0] is None:
        return None
    first, last = (np.datetime64(int(time), "us") for time in found)
    return first, last


def bodies(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Names of the bodies that spectra have been near."""
    found = connection.execute("SELECT DISTINCT body FROM spectra WHERE body <> ''").fetchall()
    return sorted(str(name) for (name,) in found)


def units(by: Shown) -> tuple[str, str]:
    """What the median of a column is called, and its unit."""
    column = schema.SPECTRA[by]
    return column.text.partition(",")[0], column.units
