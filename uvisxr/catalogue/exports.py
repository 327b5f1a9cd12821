"""A catalogue as others read it: tables of EPN-TAP for the Virtual Observatory, and STAC items."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import calls, checks
from ..errors import ArgumentError, ExportError, MissingDependencyError, warn_user
from ..files import absolute, read_beginning, refuse_foreign, whole_file
from ..pds3.urls import is_url
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
        What lies in this folder is served at this address; others have `file:` addresses.

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
        One of folder and url is given alone, the folder holds none of the files, or the address is
        none.
    MissingDependencyError
        DuckDB or pyarrow is not installed.
    """
    _check_served(folder, url)
    with opened(of(catalogue)) as connection:
        found = granules.of(connection)
    return epncore.table(found, title, _address(found, folder, url))


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
        The file has another ending; or folder and url as of `epn_tap`.
    ExportError
        The file cannot be written, or must stay.
    MissingDependencyError
        DuckDB or pyarrow is not installed, or astropy for a VOTable.
    """
    path = Path(path).expanduser()
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise checks.refused("path", path.name, f"a name that ends in {' or '.join(ENDINGS)}")
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
        One of folder and url is given alone, the folder holds none of the files, or the address is
        none.
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
    address = _address(found, folder, url)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the folder {out}: {error.strerror}") from error
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
    if url is not None and not (isinstance(url, str) and is_url(url)):
        raise checks.refused("url", url, "an address, such as https://pds.example/uvis")


def _address(
    found: pa.Table, folder: str | Path | None, url: str | None
) -> Callable[[str | None], str | None]:
    """What gives the address of a file of the granules, some of which must lie in the folder."""
    if folder is None:
        return epncore.served
    folder = absolute(Path(folder).expanduser())
    paths = [path for name in ("file", "label") for path in found[name].to_pylist()]
    local = [path for path in paths if path and "://" not in path]
    away = [path for path in local if not Path(path).is_relative_to(folder)]
    if away and len(away) == len(local):
        raise ArgumentError(
            f"folder={str(folder)!r}: none of the {len(local)} files that the catalogue names lies "
            f"in it, such as {away[0]}: give a folder above them, as the catalogue has it"
        )
    if away:
        warn_user(
            f"{len(away)} of {len(local)} files do not lie in {folder}, such as {away[0]}: they "
            "have file: addresses, by which nobody else finds them"
        )
    return partial(epncore.served, folder=folder, url=url)


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
