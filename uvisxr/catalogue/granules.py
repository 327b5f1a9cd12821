"""What each product of a catalogue is as a whole: ranges of where it looked, made by DuckDB.

For standards that know products and not spectra. Angles are ranges over the spectra of the product
that look at the body of its target, lost ones and those of rows that the slit does not light left
out. A range of longitudes is the shortest that holds those of all pixels: what is left of the
circle without the widest gap between them.

Data files are those that lie beside the labels now, packed ones too. Of labels that are not there,
as in a catalogue from another computer, they are taken to be named as the archive names them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..parts import is_local
from ..pds3 import pairs
from .database import BLIND

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Rows of `spectra` that count.
_SEEN = f'"primary" AND (quality & {BLIND}) = 0'

#: The ends of the shortest arc of a circle that holds all arcs of a product, from `{first}` on over
#: `{length}` degrees: on a line that goes around once, with arcs beyond its end put before its
#: beginning, the widest gap is before an arc that begins beyond all ends so far.
_ARCS = """
    SELECT product,
        CASE WHEN max(gap) > 0 THEN arg_max(start, gap) ELSE 0 END AS {name}_first,
        CASE WHEN max(gap) > 0 THEN (arg_max(start - gap, gap) + 360) % 360 ELSE 360 END
            AS {name}_last
    FROM (
        SELECT product, start, start - greatest(
            max(stop) OVER all_before, max(stop) OVER all_of - 360
        ) AS gap
        FROM (
            SELECT product, {first}::DOUBLE AS start, {first}::DOUBLE + {length} AS stop
            FROM spectra WHERE {where}
        )
        WINDOW all_of AS (PARTITION BY product), all_before AS (
            PARTITION BY product ORDER BY start
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    )
    GROUP BY product
"""

#: Degrees of longitude in a pixel.
_LENGTH = "(lon_max - lon_min + CASE WHEN lon_max < lon_min THEN 360 ELSE 0 END)"

_LON = _ARCS.format(
    name="lon",
    first="lon_min",
    length=_LENGTH,
    where=f"{_SEEN} AND lon_min IS NOT NULL AND lon_max IS NOT NULL",
)
_RA = _ARCS.format(name="ra", first="ra", length="0.0", where=f"{_SEEN} AND ra IS NOT NULL")

#: Ranges of columns, and what pixels resolve.
_RANGES = ", ".join(
    f"min({low}) AS {name}_least, max({high}) AS {name}_most"
    for name, low, high in (
        ("lat", "lat_min", "lat_max"),
        # On the disk the body is seen, and not what is beneath it.
        ("alt", "alt_min + greatest(-alt_min, 0)", "alt_max + greatest(-alt_max, 0)"),
        *((name, name, name) for name in ("dec", "sza", "ems", "phase", "distance")),
        *((f"{name}_width", *[f"{name}_max - {name}_min"] * 2) for name in ("lat", "alt")),
        ("lon_width", _LENGTH, _LENGTH),
    )
)

#: Ending of the data file beside a label, in letters of the same case, as the archive has them.
_BESIDE = {".LBL": ".DAT", ".lbl": ".dat"}

_QUERY = f"""
    WITH seen AS (
        SELECT product, {_RANGES},
            median(sza) FILTER (on_disk) AS sza_disk, median(ems) FILTER (on_disk) AS ems_disk,
            count(*) FILTER (on_disk) AS disk
        FROM spectra WHERE {_SEEN} GROUP BY product
    ),
    lon AS ({_LON}),
    ra AS ({_RA})
    SELECT * FROM products
    LEFT JOIN seen USING (product) LEFT JOIN lon USING (product) LEFT JOIN ra USING (product)
    WHERE status = 'done' AND time_start IS NOT NULL
    ORDER BY time_start, product
"""


def of(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The products with a time that did not fail, in order of time, and their ranges.

    Beside the columns of `products`: `file`, the data file, and `bytes`, its size if it is there;
    `lat_least` and `lat_most`, degrees,
    and so of `alt` (km, from 0 on), `dec`, `sza`, `ems`, `phase`, `distance` (km), and of widths
    of pixels `lat_width`, `lon_width`, `alt_width`; `lon_first` to `lon_last`, west-positive, and
    `ra_first` to `ra_last`, degrees, which run through 360 where the first is the larger;
    `sza_disk` and `ems_disk`, medians of the `disk` spectra that look at the body.
    """
    import pyarrow as pa

    found = connection.sql(_QUERY).to_arrow_table()
    told = zip(*(found[name].to_pylist() for name in ("label", "data", "has_data")), strict=True)
    files = [_file(*row) for row in told]
    sizes = [None if file is None else _size(file) for file in files]
    return found.append_column("file", pa.array(files, pa.string())).append_column(
        "bytes", pa.array(sizes, pa.int64())
    )


def _file(label: str, data: str | None, has_data: bool | None) -> str | None:
    """The path or URL of a product's data file; None if it has none."""
    if data or not has_data:
        return data or None
    path = Path(label)
    if is_local(label) and pairs.is_file(path):
        there = pairs.data_of(path)
        if there is not None and pairs.split(there)[1] != pairs.ELSEWHERE:
            return str(there)
    if path.suffix not in _BESIDE:
        return None
    return label.removesuffix(path.suffix) + _BESIDE[path.suffix]


def _size(file: str) -> int | None:
    path = Path(file)
    return path.stat().st_size if is_local(file) and pairs.is_file(path) else None
