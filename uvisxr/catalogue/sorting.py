"""The order of rows in files, so that questions skip most of them.

A reader knows the least and the greatest value of each column in every group of rows, and skips
groups that hold no answer. Rows lie therefore by slit and kind (of no known place, on a disk,
beside it), and then along a curve that halves them again and again: by altitude, latitude and phase
where they look beside a body, by latitude, longitude and phase on it, on the sky where no body is.
Each halving is at a quantile of what there is.

Where there are many rows, all this is within stretches of time, each of which has enough groups for
questions about places to skip most of them.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import options
from ..errors import ExportError, UvisError
from .snapshot import File, damaged, reading, require

if TYPE_CHECKING:
    import pyarrow as pa

#: What rows of each kind are sorted along; the first is halved first.
_ALONG: tuple[tuple[str, ...], ...] = (
    ("ra", "dec", "phase"),
    ("lat", "lon", "phase"),
    ("alt", "lat", "phase"),
)

#: Columns that the order follows from.
COLUMNS = ("slit", "on_disk", "alt", "lat", "lon", "phase", "ra", "dec", "time")

#: By which rows of one place are told apart.
_THEN = ("product", "window", "pic", "pixel", "body")

_SLITS = ("LOW_RESOLUTION", "HIGH_RESOLUTION", "OCCULTATION")

#: Bits of the numbers of rows, above which are those of stretches of time.
_STRETCHES_FROM = 24

#: How often each column is halved; rows from which the quantiles are taken, at most.
_HALVINGS, _SAMPLE = 5, 500_000

#: Rows that a stretch of time has at least: 30 groups. The fewer, the less does a question
#: about a place skip, which reads some groups of each stretch.
_STRETCH = 750_000

#: Memory of a merger, beside some 200 MB for the rows that are being written.
_MEMORY = "600MB"

#: What duckdb says where there is no room for the rest.
_NO_ROOM = ("temp_directory", "temporary", "No space left", "Out of Memory")

#: Folders for what does not fit into it.
SCRATCH = ".sorting-"


class Quantiles(NamedTuple):
    """Where rows are halved.

    Attributes
    ----------
    along : tuple of tuple of ndarray
        Each column, by kind.
    time : ndarray
        Where stretches of time end, us.
    """

    along: tuple[tuple[np.ndarray, ...], ...]
    time: np.ndarray


_Columns = Mapping[str, np.ndarray]


def columns(table: pa.Table) -> dict[str, np.ndarray]:
    """Those that the order follows from, as arrays; what is not known is NaN, None or -1."""
    import pyarrow.compute as pc

    found = {}
    for name in COLUMNS:
        column = table[name]
        if name == "slit":
            found[name] = _text(column)
        elif name == "on_disk":
            known = pc.fill_null(pc.cast(column, "int8"), -1)
            found[name] = known.to_numpy()
        elif name == "time":
            found[name] = pc.fill_null(pc.cast(column, "int64"), 0).to_numpy()
        else:
            found[name] = column.to_numpy()
    return found


def _text(column: Any) -> np.ndarray:
    """A column of names as numbers: places in `_SLITS`, and one more for others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    places = pc.index_in(pc.cast(column, "string"), value_set=pa.array(_SLITS))
    found: np.ndarray = pc.fill_null(places, len(_SLITS)).to_numpy()
    return found


def quantiles(values: _Columns, rows: int) -> Quantiles:
    """Where so many rows are halved, from a sample of them."""
    kind = _kinds(values)
    steps = np.arange(1, 2**_HALVINGS) / 2**_HALVINGS
    found = []
    for number, names in enumerate(_ALONG):
        chosen = kind == number
        edges = []
        for name in names:
            known = values[name][chosen]
            known = known[~np.isnan(known)]
            edges.append(np.quantile(known, steps) if known.size else np.zeros(steps.size))
        found.append(tuple(edges))
    count = max(1, rows // _STRETCH)
    ends = np.arange(1, count) / count
    time = np.quantile(values["time"], ends) if ends.size else np.zeros(0)
    return Quantiles(tuple(found), time)


def places(values: _Columns, at: Quantiles) -> np.ndarray:
    """A number for each row, by which rows are sorted; int64."""
    kind = _kinds(values)
    curve = np.zeros(kind.size, np.int64)
    for number, names in enumerate(_ALONG):
        chosen = kind == number
        if not chosen.any():
            continue
        bins = [
            np.searchsorted(edges, values[name][chosen], side="right")
            for name, edges in zip(names, at.along[number], strict=True)
        ]
        along = np.zeros(bins[0].size, np.int64)
        for bit in reversed(range(_HALVINGS)):
            for one in bins:
                along = along << 1 | (one >> bit & 1)
        curve[chosen] = along
    group = values["slit"].astype(np.int64) * len(_ALONG) + kind
    curve |= group << 3 * _HALVINGS
    stretch = np.searchsorted(at.time, values["time"], side="right").astype(np.int64)
    return curve | stretch << _STRETCHES_FROM


def _kinds(values: _Columns) -> np.ndarray:
    return np.asarray(values["on_disk"] * -1 + 2).astype(np.int64) % 3


def in_order(table: pa.Table) -> pa.Table:
    """Rows of one body and channel, sorted, in memory."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = columns(table)
    place = places(values, quantiles(values, table.num_rows))
    keys = table.select(_THEN).append_column("place", pa.array(place))
    keys = pa.table(
        [
            keys[name].cast("string") if name in ("product", "body") else keys[name]
            for name in keys.column_names
        ],
        names=keys.column_names,
    )
    order = pc.sort_indices(
        keys, [("place", "ascending"), *((name, "ascending") for name in _THEN)]
    )
    return table.take(order)


def sample(files: Iterable[File]) -> dict[str, np.ndarray]:
    """Evenly chosen rows of some files, of which only what the order follows from is read."""
    import pyarrow.parquet as pq

    files = list(files)
    step = max(1, sum(file.rows for file in files) // _SAMPLE)
    found: list[dict[str, np.ndarray]] = []
    for file in files:
        with reading(file.path), pq.ParquetFile(file.path) as opened:
            for group in range(opened.num_row_groups):
                table = opened.read_row_group(group, columns=list(COLUMNS))
                found.append(columns(table.take(np.arange(0, table.num_rows, step))))
    return {name: np.concatenate([one[name] for one in found]) for name in COLUMNS}


@contextlib.contextmanager
def merged(
    files: Sequence[File], folder: Path, batch: int, by: Sequence[str] = ()
) -> Iterator[Iterator[pa.RecordBatch]]:
    """Rows of many files in order, out of core.

    Parameters
    ----------
    files : sequence of File
        Of one body and channel, or of products.
    folder : Path
        Of the catalogue, on whose disk is put what does not fit into memory.
    batch : int
        Rows of a batch.
    by : sequence of str
        Columns to sort by; by default, the order is that of `in_order`.

    Raises
    ------
    CatalogueError
        A file is damaged.
    ExportError
        There is no space for what does not fit into memory.
    """
    for file in files:
        require(file)
    import duckdb
    from duckdb.func import ARROW, SPECIAL

    scratch = folder / f"{SCRATCH}{uuid.uuid4().hex}"
    settings: dict[str, Any] = {
        "memory_limit": _MEMORY,
        "threads": min(4, options.cores()),
        "temp_directory": str(scratch),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        with _telling(files, folder), duckdb.connect(config=settings) as connection:
            # One of them is a word of SQL.
            names = [f'"{name}"' for name in by or _THEN]
            if not by:
                kinds: list[Any] = ["VARCHAR", "BOOLEAN", *["FLOAT"] * 6, "TIMESTAMP"]
                connection.create_function(
                    "place",
                    _function(quantiles(sample(files), sum(file.rows for file in files))),
                    kinds,
                    "BIGINT",
                    type=ARROW,
                    null_handling=SPECIAL,
                )
                names.insert(0, f"place({', '.join(COLUMNS)})")
            rows = connection.read_parquet(
                [str(file.path) for file in files], hive_partitioning=False
            )
            yield _taken(rows.order(", ".join(names)).to_arrow_reader(batch), files, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _taken(
    reader: Iterable[pa.RecordBatch], files: Sequence[File], folder: Path
) -> Iterator[pa.RecordBatch]:
    # Who writes them takes an OSError for one of writing.
    with _telling(files, folder):
        yield from reader


@contextlib.contextmanager
def _telling(files: Sequence[File], folder: Path) -> Iterator[None]:
    """Turn what duckdb says, or pyarrow of duckdb, into a UvisError."""
    import duckdb

    try:
        yield
    except (duckdb.Error, OSError, ValueError, RuntimeError) as error:
        if isinstance(error, UvisError):
            raise
        said = str(error)
        if any(text in said for text in _NO_ROOM):
            raise ExportError(
                f"no space to sort {sum(file.rows for file in files)} rows in {folder}: free some "
                "and run the same command again; what is in the catalogue stays"
            ) from error
        path = next((file.path for file in files if file.path.name in said), folder)
        raise damaged(path, said) from error


def _function(at: Quantiles) -> Any:
    import pyarrow as pa

    # duckdb counts its arguments.
    def place(
        slit: Any,
        on_disk: Any,
        alt: Any,
        lat: Any,
        lon: Any,
        phase: Any,
        ra: Any,
        dec: Any,
        time: Any,
    ) -> Any:
        given = [slit, on_disk, alt, lat, lon, phase, ra, dec, time]
        return pa.array(places(columns(pa.table(given, names=list(COLUMNS))), at))

    return place
