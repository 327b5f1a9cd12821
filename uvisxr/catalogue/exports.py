"""A catalogue as others read it: tables of EPN-TAP for the Virtual Observatory, and STAC items."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import calls, checks
from ..errors import ArgumentError, ExportError, MissingDependencyError
from ..files import read_beginning, refuse_foreign, whole_file
from . import epncore, granules, stac
from .database import Tables, of, opened
from .libraries import check

if TYPE_CHECKING:
    import pyarrow as pa

#: Endings of the formats of tables.
ENDINGS = (".parquet", ".csv", ".vot")

#: What a service or collection is called unless said otherwise.
NAME = "cassini_uvis"

#: Bytes at the beginning of a VOTable or a list that say whose it is.
_ORIGIN = "uvisxr catalogue export"


@calls.public("exports.epn_tap")
def epn_tap(
    catalogue: str | Path | Tables,
    title: str = NAME,
    folder: str | Path | None = None,
    url: str | None = None,
) -> pa.Table:
    """The products of a catalogue as a table of EPN-TAP 2.0, a row each.

    Parameters
    ----------
    catalogue : path or Tables
        Folder of a catalogue.
    title : str
        Of the service (`service_title`).
    folder, url : str, optional
        What lies in this folder is served at this address.

    Returns
    -------
    pyarrow.Table
        In order of time, with UCDs and units in the metadata of its columns: all of
        `uvisxr.catalogue.epncore.COLUMNS`. Products that failed or have no time are left out.

    Raises
    ------
    CatalogueError
        There is no catalogue, or it is damaged.
    ArgumentError
        One of folder and url is given alone.
    MissingDependencyError
        DuckDB or pyarrow is not installed.
    """
    _check_served(folder, url)
    with opened(of(catalogue)) as connection:
        found = granules.of(connection)
    return epncore.table(found, title, partial(epncore.served, folder=folder, url=url))


@calls.public("exports.write_epn_tap")
def write_epn_tap(
    catalogue: str | Path | Tables,
    path: str | Path,
    title: str = NAME,
    folder: str | Path | None = None,
    url: str | None = None,
    overwrite: bool | None = None,
) -> Path:
    """Write the table of `epn_tap` as Parquet, CSV or a VOTable.

    Parameters
    ----------
    catalogue : path or Tables
        Folder of a catalogue.
    path : path
        Ends in .parquet, .csv or .vot.
    title, folder, url : str, optional
        As of `epn_tap`.
    overwrite : bool, optional
        Whether an existing file is replaced. Default: one that uvisxr wrote.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    CatalogueError
        There is no catalogue, or it is damaged.
    ArgumentError
        The file has another ending, or one of folder and url is given alone.
    ExportError
        The file cannot be written, or must stay.
    MissingDependencyError
        DuckDB or pyarrow is not installed, or astropy for a VOTable.
    """
    path = Path(path).expanduser()
    ending = path.suffix.lower()
    checks.one_of("path: its ending", ending, ENDINGS)
    check()
    refuse_foreign(path, overwrite, _is_table)
    table = epn_tap(catalogue, title, folder, url)
    write = {".parquet": _parquet, ".csv": _csv}.get(ending, _votable)
    with whole_file(path) as part:
        write(table, part)
    return path


def _parquet(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def _csv(table: pa.Table, path: Path) -> None:
    from pyarrow.csv import write_csv

    write_csv(table, path)


def _votable(table: pa.Table, path: Path) -> None:
    """A VOTable with UCDs, units, and the utype by which the table is known."""
    try:
        from astropy.io import votable
        from astropy.table import MaskedColumn, Table
    except ImportError as error:
        raise MissingDependencyError('VOTables need astropy: pip install "uvisxr[fits]"') from error
    columns = {}
    for name, column in epncore.COLUMNS.items():
        array = table[name].combine_chunks()
        if column.type == "text":
            texts = [text or "" for text in array.to_pylist()]
            # Astropy looks at the first of objects for their type.
            data = np.array(texts, object if texts else str)
        else:
            data = array.fill_null(0).to_numpy(zero_copy_only=False)
        mask = array.is_null().to_numpy(zero_copy_only=False)
        mask = mask if column.type != "text" else np.zeros(len(data), bool)
        meta = {"ucd": column.ucd} | ({"xtype": "timestamp"} if name in epncore.TIMESTAMPS else {})
        columns[name] = MaskedColumn(
            data, mask=mask, unit=column.units or None, description=column.text, meta=meta
        )
    found = Table(columns, meta={"utype": epncore.UTYPE, "name": "epn_core"})
    document = votable.from_table(found)
    document.description = _ORIGIN
    for field in document.get_first_table().fields:
        # Of any length, if no row tells.
        if epncore.COLUMNS[field.name].type == "text":
            field.arraysize = "*"
    document.to_xml(str(path))


@calls.public("exports.write_stac")
def write_stac(
    catalogue: str | Path | Tables,
    out: str | Path,
    name: str = NAME,
    folder: str | Path | None = None,
    url: str | None = None,
    overwrite: bool | None = None,
) -> list[Path]:
    """Write the products of a catalogue as a STAC collection, `collection.json`, and its items.

    Parameters
    ----------
    catalogue : path or Tables
        Folder of a catalogue.
    out : path
        Folder; made if missing.
    name : str
        The id of the collection.
    folder, url : str, optional
        As of `epn_tap`.
    overwrite : bool, optional
        Whether existing files are replaced. Default: those that uvisxr wrote.

    Returns
    -------
    list of Path
        `collection.json` and `items.ndjson`, an item in each line, in order of time.

    Raises
    ------
    CatalogueError
        There is no catalogue, or it is damaged.
    ArgumentError
        One of folder and url is given alone.
    ExportError
        The files cannot be written, or must stay.
    MissingDependencyError
        DuckDB or pyarrow is not installed.
    """
    _check_served(folder, url)
    out = Path(out).expanduser()
    paths = [out / stac.COLLECTION, out / stac.ITEMS]
    for path in paths:
        refuse_foreign(path, overwrite, _is_stac)
    with opened(of(catalogue)) as connection:
        found = granules.of(connection)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the folder {out}: {error.strerror}") from error
    address = partial(epncore.served, folder=folder, url=url)
    with whole_file(paths[1]) as part, part.open("w", encoding="utf-8") as stream:
        for item in stac.items(found, name, address):
            stream.write(_json(item) + "\n")
    # Last: who finds it finds its items.
    with whole_file(paths[0]) as part:
        part.write_text(_json(stac.collection(found, name), indent=2) + "\n", encoding="utf-8")
    return paths


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent)


def _check_served(folder: str | Path | None, url: str | None) -> None:
    if (folder is None) != (url is None):
        raise ArgumentError("give both folder= and url=, or none of them: what lies where")


def _is_table(path: Path) -> bool:
    """Whether a file is a table of EPNcore that uvisxr wrote."""
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        metadata = pq.read_schema(path).metadata or {}
        return bool(metadata.get(b"utype") == epncore.UTYPE.encode())
    head, _ = read_beginning(path, 4096)
    first = ",".join(f'"{name}"' for name in epncore.COLUMNS)
    return head.startswith(first.encode()) or _ORIGIN.encode() in head


def _is_stac(path: Path) -> bool:
    """Whether a file is a collection, or a list of items, that uvisxr wrote."""
    head, _ = read_beginning(path, 4096)
    return b'"uvis:channel"' in head and b'"stac_version"' in head
