"""Questions to a catalogue: which spectra looked where, when and how."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import calls, checks
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..errors import ArgumentError, CatalogueError
from ..files import is_file
from . import answers, engine, naming, question, schema, store
from .libraries import check, check_text
from .question import COLUMNS, OF_PRODUCT, Mode, Names, Question, Range
from .snapshot import ANEW, check_all_reached

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import xarray as xr

_T = TypeVar("_T")

#: The order of spectra in answers.
ORDER = ("time", "product", "window", "pic", "pixel")

#: Rows in a batch of an answer.
_ROWS = 100_000

#: The name of products in a join, where another column is called `product`.
_PRODUCT = "_product"


class Found:
    """The answer to a question: which spectra, with what the catalogue tells of them.

    Nothing is read before it is asked for. Of one catalogue that is changed meanwhile, `len` and
    the tables tell what there was when `search` was called, as long as the files of then are there:
    until the catalogue has been changed twice. After that the answer is from the catalogue of now.

    Made by `uvisxr.search`.
    """

    def __init__(self, snapshot: store.Snapshot, asked: Question) -> None:
        self._snapshot = snapshot
        self._question = asked
        self._count: int | None = None
        self._flagged: int | None = None

    @property
    def catalogue(self) -> Path:
        """Folder of the catalogue."""
        return self._snapshot.folder

    def __len__(self) -> int:
        if self._count is None:
            self._count = self._read(_counted)
        return self._count

    def __repr__(self) -> str:
        flagged = f"; {self.flagged():,} more have quality flags" if self.flagged() else ""
        return f"<uvisxr: {self._size()} of {self.catalogue}: {self._question}{flagged}>"

    def _repr_html_(self) -> str:
        terms = (term.said for term in self._question.terms if term.said)
        items = "".join(f"<li>{html.escape(said)}</li>" for said in terms)
        return (
            f"<div><b>{self._size()}</b> of {html.escape(str(self.catalogue))}"
            f"<ul>{items}</ul></div>"
        )

    def _size(self) -> str:
        return f"{len(self):,} spectr{'um' if len(self) == 1 else 'a'}"

    def asked(self) -> tuple[str, ...]:
        """Columns that the conditions are on."""
        return self._question.asked

    def flagged(self) -> int:
        """How many spectra more there are with the quality flags that are left out (`exclude`)."""
        if self._flagged is None:
            place = self._question.flags
            self._flagged = 0 if place is None else len(self._without(place)) - len(self)
        return self._flagged

    def without(self) -> dict[str, int]:
        """How many spectra there would be without each of the conditions, which are in words.

        Of an empty answer this says which of them has emptied it.
        """
        return {text: len(self._without(k)) for k, text in self._said().items()}

    def unknown(self) -> dict[str, int]:
        """Of how many spectra it is not known whether each of the conditions holds.

        What it is on has no value there: the latitude or the bodies in view of spectra without
        pointing, the ring radius where no ring is crossed. Spectra of which another condition is
        known to fail do not count; those of which others are not known either do.
        """
        told = self._said().items()
        return {text: len(Found(self._snapshot, self._question.unknown_of(k))) for k, text in told}

    def _said(self) -> dict[int, str]:
        """The conditions in words, by their places."""
        terms = enumerate(self._question.terms)
        said = {k: term.said or ("no quality flags" if term.flags else "") for k, term in terms}
        return {k: text for k, text in said.items() if text}

    def _without(self, place: int) -> Found:
        return Found(self._snapshot, self._question.without(place))

    def to_arrow(
        self, columns: str | Iterable[str] | None = None, first: int | None = None
    ) -> pa.Table:
        """The spectra as a table of pyarrow.

        Parameters
        ----------
        columns : str or iterable of str, optional
            Names of columns, in their order, of the catalogue's table of spectra or, such as
            `label` and `line_bin`, of that of products; by default all of spectra. What both have
            is that of the spectrum.
        first : int, optional
            How many spectra, from the first on; by default all.

        Returns
        -------
        pyarrow.Table
            By `time`, `product`, `window`, `pic` and `pixel`, with units and texts in the metadata
            of the columns.

        Raises
        ------
        ArgumentError
            There is no such column.
        CatalogueError
            The catalogue cannot be read.
        """
        names = _columns(columns, schema.SPECTRA)
        if first is not None:
            first = checks.whole("first", first, 0, what="a number of spectra")
        table = self._read(lambda found: _ordered(found, names, first).to_arrow_table(), names)
        return answers.shaped(table, names)

    def batches(
        self, columns: str | Iterable[str] | None = None, rows: int = _ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The spectra in batches, for answers larger than memory.

        Parameters
        ----------
        columns
            As of `to_arrow`.
        rows : int
            At most so many in a batch.

        Yields
        ------
        pyarrow.RecordBatch
            In the order of `to_arrow`.
        """
        names = _columns(columns, schema.SPECTRA)
        rows = checks.whole("rows", rows, 1, 10_000_000, what="a number of rows")
        return self._batches(names, rows)

    def _batches(self, names: tuple[str, ...], rows: int) -> Iterator[pa.RecordBatch]:
        for again in (True, False):
            begun = False
            try:
                with self._opened(names) as found:
                    for batch in answers.reader(_ordered(found, names, None), rows):
                        for one in answers.shaped_batch(batch, names).to_batches(rows):
                            begun = True
                            yield one
                return
            except CatalogueError:
                if begun or not again or not self._renewed():
                    raise

    def to_pandas(self, columns: str | Iterable[str] | None = None) -> pd.DataFrame:
        """The spectra as a table of pandas; `columns` and errors as of `to_arrow`.

        Names are categories; `on_disk`, which may be unknown, is of pandas' own kind of booleans.
        """
        return answers.to_pandas(self.to_arrow(columns))

    def to_xarray(self, columns: str | Iterable[str] | None = None) -> xr.Dataset:
        """The spectra as a dataset along `spectrum`, with units and long names.

        `columns` and errors as of `to_arrow`. Counts are variables, all else coordinates; numbers
        that are not known are NaN.
        """
        return answers.to_xarray(self.to_arrow(columns), str(self._question))

    def products(self, columns: str | Iterable[str] | None = None) -> pa.Table:
        """The products that the spectra are of, by time, as a table of pyarrow.

        Products that failed have no spectra. Those that a question finds that is on `status`,
        `step` or `error`, and on nothing but products, are here:
        ``search("catalogue", where="status = 'failed'").products()``.

        Parameters
        ----------
        columns : str or iterable of str, optional
            Names of columns of the catalogue's table of products; by default all.
        """
        names = _columns(columns, schema.PRODUCTS)

        def run(found: duckdb.DuckDBPyRelation, all_: duckdb.DuckDBPyRelation) -> pa.Table:
            own = found.project(_name("product").alias(_PRODUCT)).distinct()
            if self._question.of_reading is not None:
                joined = all_.filter(self._question.of_reading)
            else:
                joined = all_.join(own, _name("product") == _name(_PRODUCT), how="semi")
            ordered = joined.sort(_name("time_start"), _name("product"))
            return ordered.project(*map(_name, names)).to_arrow_table()

        return answers.shaped(self._read_both(run), names, "products")

    def by_product(self, columns: str | Iterable[str] | None = None) -> pa.Table:
        """The products that the spectra are of, by time, and how many are of each.

        Parameters
        ----------
        columns
            As of `products`.

        Returns
        -------
        pyarrow.Table
            The columns, and `found`: how many of the spectra are of the product.
        """
        import pyarrow as arrow

        names = _columns(columns, schema.PRODUCTS)

        def run(found: duckdb.DuckDBPyRelation, all_: duckdb.DuckDBPyRelation) -> pa.Table:
            own = found.aggregate(f"product AS {_PRODUCT}, count(*) AS found", "product")
            joined = all_.join(own, _name("product") == _name(_PRODUCT), how="inner")
            ordered = joined.sort(_name("time_start"), _name("product"))
            return ordered.project(*map(_name, (*names, "found"))).to_arrow_table()

        counted = self._read_both(run)
        number = arrow.field("found", arrow.int64(), metadata={"description": "found spectra"})
        table = answers.shaped(counted.select(names), names, "products")
        return table.append_column(number, counted["found"])

    def looks(self, spacing: float = 2.0) -> dict[str, np.ndarray]:
        """How many of the spectra look at each cell of a map, each at the centre of its pixel.

        Beside the disk that is the tangent point; spectra that look away from the body, or of which
        it is not known, are in no cell.

        Parameters
        ----------
        spacing : float
            Side of the cells, degrees, 0.1 to 30: as near as whole numbers of them fill the sphere.

        Returns
        -------
        dict of str to ndarray of int, (rows, columns)
            By body; rows go from the south pole up, columns from longitude 0, west-positive.
        """
        from . import totals

        checks.number("spacing", spacing, "degrees", least=0.1, most=30.0)
        return self._read(lambda found: totals.looked(found, spacing))

    def to_parquet(
        self,
        path: str | Path,
        columns: str | Iterable[str] | None = None,
        overwrite: bool | None = None,
    ) -> Path:
        """Write the spectra to a Parquet file, by batches.

        Parameters
        ----------
        path : path
            Ends in .parquet.
        columns
            As of `to_arrow`, but by default `label` is added, by which `uvisxr.open_found` finds
            the products.
        overwrite : bool, optional
            Whether an existing file is replaced; by default one that this made.

        Returns
        -------
        Path

        Raises
        ------
        ArgumentError
            The file has another ending, or there is no such column.
        ExportError
            The file cannot be written, is not to be replaced, or lies in the catalogue.
        """
        return self._write(path, ".parquet", columns, overwrite)

    def to_csv(
        self,
        path: str | Path,
        columns: str | Iterable[str] | None = None,
        overwrite: bool | None = None,
    ) -> Path:
        """Write the spectra as text with commas and a line of names, by batches.

        Arguments and errors as of `to_parquet`; the file ends in .csv. One is known for one that
        this made by its columns, if `product` is among them. What is not known is empty; several
        texts are joined by "; ".
        """
        return self._write(path, ".csv", columns, overwrite)

    def _write(
        self,
        path: str | Path,
        ending: answers.Ending,
        columns: str | Iterable[str] | None,
        overwrite: bool | None,
    ) -> Path:
        names = (*schema.SPECTRA, "label") if columns is None else _columns(columns, schema.SPECTRA)
        batches = self._batches(names, _ROWS)
        return answers.write(path, ending, batches, names, overwrite, self.catalogue)

    def write_products(
        self,
        path: str | Path,
        columns: str | Iterable[str] | None = None,
        overwrite: bool | None = None,
    ) -> Path:
        """Write the table of `products` to a file.

        Parameters
        ----------
        path : path
            Ends in .csv or .parquet, which says how it is written.
        columns
            As of `products`.
        overwrite : bool, optional
            As of `to_parquet`, as the errors are.

        Returns
        -------
        Path
        """
        ending = answers.ending(path, *answers.ENDINGS)
        table = self.products(columns)
        batches, names = iter(table.to_batches()), tuple(table.column_names)
        return answers.write(path, ending, batches, names, overwrite, self.catalogue, "products")

    def _read(
        self, run: Callable[[duckdb.DuckDBPyRelation], _T], columns: Iterable[str] = ()
    ) -> _T:
        """What comes of the rows of the answer."""

        def whole() -> _T:
            with self._opened(columns) as found:
                return run(found)

        return self._again(whole)

    def _read_both(
        self, run: Callable[[duckdb.DuckDBPyRelation, duckdb.DuckDBPyRelation], _T]
    ) -> _T:
        """What comes of the rows of the answer and the table of products."""

        def whole() -> _T:
            with self._connected() as connection:
                return run(self._rows(connection, ()), self._products(connection))

        return self._again(whole)

    def _again(self, whole: Callable[[], _T]) -> _T:
        try:
            return whole()
        except CatalogueError:
            if not self._renewed():
                raise
        return whole()

    def _renewed(self) -> bool:
        """Take the catalogue of now, if files of then are gone; whether that is so."""
        if all(is_file(file.path) for file in self._snapshot.files):
            return False
        self._snapshot = store.read(self.catalogue)
        self._count = self._flagged = None
        return True

    @contextmanager
    def _opened(self, columns: Iterable[str]) -> Iterator[duckdb.DuckDBPyRelation]:
        with self._connected() as connection:
            yield self._rows(connection, columns)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        paths = [file.path for file in self._snapshot.files]
        with _reading(self._snapshot), engine.opened(paths) as connection:
            yield connection

    def _products(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        return engine.table(connection, "products", [file.path for file in self._snapshot.products])

    def _rows(
        self, connection: duckdb.DuckDBPyConnection, columns: Iterable[str]
    ) -> duckdb.DuckDBPyRelation:
        """The rows of the answer, with columns of products where they are needed."""
        files = [file.path for file in self._snapshot.spectra if self._question.may(file)]
        rows = engine.table(connection, "spectra", files)
        wanted = {*columns, *self._question.columns}
        joined = [name for name in OF_PRODUCT if name in wanted]
        if joined:
            own = self._products(connection).project(
                _name("product").alias(_PRODUCT), *map(_name, joined)
            )
            rows = rows.join(own, _name("product") == _name(_PRODUCT), how="inner")
        return rows.filter(self._question.condition)


def _name(column: str) -> Any:
    import duckdb

    return duckdb.ColumnExpression(column)


def _counted(found: duckdb.DuckDBPyRelation) -> int:
    ((count,),) = found.aggregate("count(*)").fetchall()
    return int(count)


def _ordered(
    found: duckdb.DuckDBPyRelation, names: Iterable[str], first: int | None
) -> duckdb.DuckDBPyRelation:
    rows = found.sort(*map(_name, ORDER)).project(*map(_name, names))
    return rows if first is None else rows.limit(first)


def _columns(given: object, known: Iterable[str]) -> tuple[str, ...]:
    """Names of columns, each once."""
    known = tuple(known)
    if given is None:
        return known
    several = [given] if isinstance(given, str) else given
    if not isinstance(several, Iterable) or checks.too_many(several, 1000):
        raise checks.refused("columns", given, "names of columns in a sequence")
    allowed = tuple(COLUMNS) if known == tuple(schema.SPECTRA) else known
    names = []
    for _, name in zip(range(1000), several, strict=False):
        if not checks.is_one(name, allowed):
            raise ArgumentError(
                f"columns={checks.shown(name)}: there is no such column{schema.hint(name, allowed)}"
            )
        names.append(name)
    if not names:
        raise checks.refused("columns", given, "names of columns in a sequence, not none")
    return tuple(dict.fromkeys(names))


@contextmanager
def _reading(snapshot: store.Snapshot) -> Iterator[None]:
    """Turn what DuckDB says of the files into a CatalogueError."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise CatalogueError(
            "the answer does not fit in memory: take fewer columns, .batches() or .to_parquet(), "
            f"or free some space where temporary files are ({_line(error)})"
        ) from error
    except duckdb.Error as error:
        check_all_reached(snapshot.files)
        raise CatalogueError(
            f"cannot read the catalogue {snapshot.folder}: {_line(error)}; {ANEW}"
        ) from error


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]


@calls.public("search")
def search(
    catalogue: str | Path,
    *,
    target: Names | None = None,
    body: str | int | None = None,
    channel: Names | None = None,
    slit: Names | None = None,
    product: Names | None = None,
    time: Any = None,
    lon: Range | None = None,
    lat: Range | None = None,
    alt: Range | None = None,
    sza: Range | None = None,
    ems: Range | None = None,
    phase: Range | None = None,
    lt: Range | None = None,
    distance: Range | None = None,
    ring_radius: Range | None = None,
    ring_longitude: Range | None = None,
    ra: Range | None = None,
    dec: Range | None = None,
    exposure: Range | None = None,
    on_disk: bool | None = None,
    line_bin: int | Iterable[int] | None = None,
    band_bin: int | Iterable[int] | None = None,
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    mode: Mode = "center",
    where: str | None = None,
) -> Found:
    """Find the spectra of a catalogue by where they looked, when and how.

    All that is given must hold of a spectrum. A range is a pair (low, high), both ends included,
    None for an open end; of longitudes, local times and right ascensions it runs from the first to
    the second, through 360 or 24: ``lon=(350, 10)`` is (350, 370) and (-10, 10). What is not known
    of a spectrum is in no range.

    Parameters
    ----------
    catalogue : path
        Folder that `uvisxr.catalogue.build` made.
    target : str or iterable of str, optional
        Targets of the products, in any of their spellings (`uvisxr.targets`).
    body : str or int, optional
        The body that `lon` to `distance` and `on_disk` are of, which need not be the target: all
        spectra that have it in view. By default the body of each spectrum's own target, and
        spectra of no body too, as far as nothing is asked of a body.
    channel, slit : str or iterable of str, optional
        FUV, EUV; HIGH_RESOLUTION, LOW_RESOLUTION, OCCULTATION or beginnings of them such as
        "low".
    product : str or iterable of str, optional
        Names of products in the catalogue, in any case, or their identifiers in the forms that
        `uvisxr.pds3.identifier` reads.
    time : str, or pair, optional
        A year, month or day; or two times of UTC, the first included and the second not:
        ``("2004", "2010")`` ends with 2009. As text, such as 2005-230T15:15, `datetime64` or
        `datetime`.
    lon, lat, alt, sza, ems, phase, lt, distance : (float, float), optional
        Of the line of sight, at the pixel's centre, at mid exposure: degrees, km, hours.
    ring_radius, ring_longitude, ra, dec : (float, float), optional
        Likewise; km, degrees.
    exposure : (float, float), optional
        Integration time, s.
    on_disk : bool, optional
        Whether the line of sight meets the body.
    line_bin, band_bin : int or iterable of int, optional
        Rows and columns in a bin of the product's first window.
    exclude : {"lost", "partial", "star", "dark_line", "user"} or several of them
        Flags whose spectra are left out: all by default, as everywhere in uvisxr, for they hold
        no light of what they looked at, or not all of it, or that of a star too. `()` for none.
    mode : {"center", "all"}
        Whether `lon`, `lat` and `alt` hold of the centre of a pixel, or of all of it.
    where : str, optional
        What is left, as a condition on columns of both tables in a small part of SQL:
        ``"counts_lyman_alpha > 2 * counts_long AND ems < 60"``; see
        `uvisxr.catalogue.expression`.

    Returns
    -------
    Found
        Its length is the number of spectra; `to_arrow`, `to_pandas`, `to_xarray`, `batches`,
        `to_csv`, `to_parquet` give them, in the order of time, each once; `products` what they are
        of. Nothing is read before.

    Raises
    ------
    ArgumentError
        An argument has a wrong value, is a target that neither uvisxr nor the catalogue knows, or a
        product that is not in the catalogue.
    CatalogueError
        There is no catalogue, or it cannot be read.
    MissingDependencyError
        A library of the extra `catalogue` is not installed.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> import uvisxr.catalogue
    >>> summary = uvisxr.catalogue.build(made.labels, "catalogue", made.kernels, workers=1)
    >>> found = uvisxr.search("catalogue", target="Titan", alt=(800, 1000), lat=(0, None))
    >>> len(found), found.to_arrow("alt").num_rows
    (15, 15)
    >>> found.to_xarray().alt.units
    'km'
    >>> uvisxr.search("catalogue", target="Titan", alt=(9000, None)).without()
    {'target TITAN': 0, 'alt 9000.. km': 690, 'no quality flags': 0}
    """
    given = locals()
    check()
    snapshot = store.read(catalogue)
    check_text(snapshot.folder)
    if product is not None:
        product = naming.products(snapshot, question.names_of("product", product))
    asked = question.ask(
        {name: given[name] for name in question.RANGES},
        target=target,
        body=body,
        channel=channel,
        slit=slit,
        product=product,
        time=time,
        on_disk=on_disk,
        bins={"line_bin": line_bin, "band_bin": band_bin},
        exclude=exclude,
        mode=mode,
        where=where,
    )
    for argument, unknown in asked.unknown.items():
        naming.check(snapshot, argument, unknown)
    return Found(snapshot, asked)
