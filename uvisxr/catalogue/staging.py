"""The work on one product of a catalogue: its rows, in a file until they are in the catalogue.

This runs in a worker process. Whatever happens becomes a record. A staged file is there whole or
not at all; it tells what it was made from, so that a build that was interrupted goes on with it.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..batch import work
from ..errors import CatalogueError
from ..files import whole_file
from ..options import Options
from ..reader.sources import Product
from . import paths, rows, schema
from .snapshot import UNIQUE, is_of_file

if TYPE_CHECKING:
    import pyarrow as pa

#: Folder of staged files in that of a catalogue.
FOLDER = ".staged"

#: Columns of paths.
PATHS = ("label", "data")

#: Keys of what a staged file tells.
_NAME, _FINGERPRINT, _PRODUCT = b"uvisxr_name", b"uvisxr_fingerprint", b"uvisxr_product"


@dataclass(frozen=True)
class Job:
    """One product to read.

    Attributes
    ----------
    label, data : str
        Absolute paths of the label, and of the data file if it was given with the label, else "".
    url : str
        Of the label, if that is in the cache only.
    output : str
        Name of the product in the catalogue.
    folder, partial : str
        Folder of staged files, and of unfinished ones.
    fingerprint : str
        Identifies inputs and package version.
    """

    label: str
    output: str
    folder: str
    partial: str
    fingerprint: str
    data: str = ""
    url: str = ""

    def record(self) -> dict[str, Any]:
        """What is told of the product, whatever its outcome."""
        return {"product": self.output, "label": self.url or self.label, "data": self.data}

    @property
    def path(self) -> Path:
        """The staged file."""
        return Path(self.folder) / name_of(self.output)


class Staged(NamedTuple):
    """A staged file: what it was made from, and how many spectra it has rows of."""

    path: Path
    product: str
    fingerprint: str
    rows: int


def attempt(
    job: Job,
    kernels: list[str] | None,
    settings: Options | None = None,
    driver: int | None = None,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Read one product and stage its rows.

    Parameters
    ----------
    job : Job
    kernels : list of str, optional
        As of `uvisxr.catalogue.rows.of`.
    settings, driver, timeout
        As of `uvisxr.batch.work.attempt`.

    Returns
    -------
    dict
        `status` "done" with `rows`, `warnings` and `figures`, or "failed" with `step`, `error` and
        `kind`.

    Raises
    ------
    Unexpected
        Something failed that is not the product's fault; worth another try.
    """
    step = "read"
    record = job.record()
    over = work.ended(job) if timeout is not None else None
    if over is not None:
        return over
    with work.alone(job, settings, driver, timeout) as (reach, _):
        reach(step)
        try:
            data = Path(job.data) if job.data else None
            product = Product(Path(job.label), data, bool(job.data), job.url)
            made = rows.of(product, kernels, job.output)
            step = "write"
            reach(step)
            _stage(job, made)
        except Exception as error:
            return record | work.fault(step, error)
    return record | done(made.product, made.spectra.num_rows)


def done(product: dict[str, Any], rows: int) -> dict[str, Any]:
    """What is told of a product that is staged."""
    return {
        "status": "done",
        "rows": rows,
        "spectra": product["spectra"],
        "pointing": product["pointing"],
        "geometry_note": product["geometry_note"],
        "warnings": product["warnings"],
        "figures": {"lost_spectra": product["lost"] or 0},
    }


def name_of(product: str) -> str:
    """Name of the staged file of a product."""
    return f"{hashlib.sha256(product.encode()).hexdigest()[:32]}.parquet"


def table_of(products: list[dict[str, Any]]) -> pa.Table:
    """Rows of the table of products, of which what is not given is null."""
    import pyarrow as pa

    shape = schema.of("products")
    # Names of files may be no text, which Arrow has in texts only.
    columns = []
    for field in shape:
        text = _path if field.name in PATHS else _text
        columns.append(pa.array([text(row.get(field.name)) for row in products], field.type))
    return pa.table(columns, schema=shape)


def found(folder: Path) -> Iterator[Staged]:
    """Staged files that an interrupted build left; what has such a name and is none is removed."""
    import pyarrow.parquet as pq

    for path in sorted(folder.iterdir()):
        if not UNIQUE.fullmatch(path.name):
            continue
        try:
            told = pq.read_metadata(path)
            name, fingerprint = (told.metadata[key].decode() for key in (_NAME, _FINGERPRINT))
            yield Staged(path, name, fingerprint, told.num_rows)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if is_of_file(error):
                remove(path)


def remove(path: Path) -> None:
    """Remove a staged file; one that stays is no harm, as its rows are in the catalogue or are made
    anew."""
    with contextlib.suppress(OSError):
        path.unlink()


def product_of(path: Path) -> pa.Table:
    """The product of a staged file.

    Raises
    ------
    CatalogueError
        It is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _reading(path):
        told = pq.read_metadata(path).metadata[_PRODUCT]
        return pa.ipc.open_stream(base64.b64decode(told)).read_all()


def spectra_of(path: Path) -> pa.Table:
    """The spectra of a staged file; errors as of `product_of`."""
    import pyarrow.parquet as pq

    # Small files are read sooner by one thread.
    with _reading(path), pq.ParquetFile(path) as opened:
        return opened.read(use_threads=False).replace_schema_metadata()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogueError(
            f"cannot read {path}, which a worker wrote: {error}; remove it and run the same "
            "command again"
        ) from error


def _stage(job: Job, made: rows.Rows) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    product = table_of([made.product | {"fingerprint": job.fingerprint, "indexed": now}])
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, product.schema) as writer:
        writer.write_table(product)
    told = {
        _NAME: job.output,
        _FINGERPRINT: job.fingerprint,
        _PRODUCT: base64.b64encode(stream.getvalue()),
    }
    with whole_file(job.path, [job.label, job.data], folder=job.partial) as temporary:
        pq.write_table(made.spectra.replace_schema_metadata(told), temporary, compression="zstd")


def _path(value: str | None) -> str:
    return paths.told(value or "")


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(one) for one in value]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value
