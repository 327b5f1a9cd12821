"""Tables of found spectra, from whatever holds them, as arrays: one list of products, one row each.

A table has a row for each spectrum, with the columns `product`, `pic`, `pixel`, `label` and, for
products of several windows, `window`. Its other columns go along.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from .. import checks
from ..errors import ArgumentError, warn_user
from . import schema

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns without which nobody knows which spectra are meant.
KEYS = ("product", "pic", "pixel", "label")

#: Columns of the table of products that tell of its files.
_FILES = ("label", "data", "label_sha256")


@dataclass(frozen=True)
class Entry:
    """A product by what the table says of it: the other names are empty if it says nothing."""

    name: str
    label: str
    data: str = ""
    sha256: str = ""


@dataclass(frozen=True, eq=False)
class Listed:
    """The spectra of a table, each once.

    Attributes
    ----------
    products : list of Entry
        In the order in which they come first.
    of : ndarray of int, (spectrum,)
        Number of each spectrum's product among these.
    window, pic, pixel : ndarray of int, (spectrum,)
    columns : dict of str to ndarray, (spectrum,)
        All others; what is not known is NaN, NaT or "".
    """

    products: list[Entry]
    of: np.ndarray
    window: np.ndarray
    pic: np.ndarray
    pixel: np.ndarray
    columns: dict[str, np.ndarray]


def read(found: Any) -> Listed:
    """What a table holds.

    Parameters
    ----------
    found : search.Found, Arrow table, DataFrame, Dataset or mapping of columns

    Raises
    ------
    ArgumentError
        It is no such table, lacks columns, or is empty; or exposures, pixels or windows are no
        whole numbers from 0 on.

    Warns
    -----
    UvisWarning
        It holds spectra more than once; each is taken where it comes first.
    """
    columns = _columns(found)
    lost = [name for name in KEYS if name not in columns]
    if lost:
        mend = (
            f"open what uvisxr.search gives, or a table with the columns {', '.join(KEYS)} and, "
            "for products of several windows, window"
        )
        if lost == ["label"]:
            mend = (
                "open what uvisxr.search gives and not a table of it, or ask it for the label, too:"
                f" found.{_method(found)}([..., 'label'])"
            )
        raise ArgumentError(f"found: the table has no {' and no '.join(lost)}: {mend}")
    if not columns["pic"].size:
        raise ArgumentError(
            "found: there is no spectrum in it, and nothing to open: ask for more, or look at "
            "len(found) before"
        )
    columns.setdefault("window", np.zeros(columns["pic"].size, int))
    numbers = [_whole(name, columns[name]) for name in ("window", "pic", "pixel")]
    products, of = _products(columns)
    keys = np.stack([of, *numbers])
    kept = np.sort(np.unique(keys, axis=1, return_index=True)[1])
    if kept.size < of.size:
        warn_user(
            f"{of.size - kept.size} of {of.size} rows are of spectra that come before, as for "
            "several bodies: each is taken once, with the columns of its first row"
        )
    rest = {k: v[kept] for k, v in columns.items() if k not in (*KEYS, *_FILES, "window")}
    of, window, pic, pixel = (values[kept] for values in keys)
    return Listed(products, of, window, pic, pixel, rest)


def _method(found: Any) -> str:
    """What makes such a table of an answer."""
    if isinstance(found, xr.Dataset):
        return "to_xarray"
    return "to_arrow" if hasattr(found, "column_names") else "to_pandas"


def _products(columns: dict[str, np.ndarray]) -> tuple[list[Entry], np.ndarray]:
    """The products, and the number of each row's."""
    told = [columns[name] for name in ("product", *_FILES) if name in columns]
    numbers = [np.unique(_texts(values), return_inverse=True) for values in told]
    _, first, of = np.unique(
        np.stack([inverse for _, inverse in numbers]),
        axis=1,
        return_index=True,
        return_inverse=True,
    )
    order = np.argsort(first)
    rank = np.empty(order.size, int)
    rank[order] = np.arange(order.size)
    names = [name for name in ("product", *_FILES) if name in columns]
    entries = []
    for row in first[order].tolist():
        texts = {
            name: str(words[inverse[row]])
            for name, (words, inverse) in zip(names, numbers, strict=True)
        }
        if not texts["product"]:
            raise ArgumentError(
                f"found: row {row}, of {checks.shown(texts['label'])}, names no product: give the "
                "name of each product"
            )
        if not texts["label"]:
            raise ArgumentError(
                f"found: row {row}, of {checks.shown(texts['product'])}, names no label: give "
                "the path of each product's label"
            )
        entries.append(
            Entry(
                texts["product"],
                texts["label"],
                texts.get("data", ""),
                texts.get("label_sha256", ""),
            )
        )
    return entries, rank[of.ravel()]


def _whole(name: str, values: np.ndarray) -> np.ndarray:
    """Numbers as int64."""
    if values.dtype.kind in "iuf":
        with np.errstate(invalid="ignore"):
            found = values.astype(np.int64)
        if (found == values).all() and (found >= 0).all():
            return found
    wrong = next((v for v in values.tolist() if not (isinstance(v, int) and v >= 0)), values[0])
    raise ArgumentError(
        f"found: {name}={checks.shown(wrong)} in the table: expected whole numbers from 0 on"
    )


def _columns(found: Any) -> dict[str, np.ndarray]:
    """Columns by name; those of lists are left out."""
    if isinstance(found, xr.Dataset):
        named = {str(k): v.values for k, v in found.variables.items() if v.dims == ("spectrum",)}
        return {name: column for name, v in named.items() if (column := _plain(v)) is not None}
    if hasattr(found, "to_arrow"):
        # An answer has all columns that it is asked for, those of the products too.
        own = hasattr(found, "products")
        found = found.to_arrow([*schema.SPECTRA, *_FILES]) if own else found.to_arrow()
    if hasattr(found, "column_names") and hasattr(found, "column"):
        arrays = {name: _of_arrow(found.column(name)) for name in found.column_names}
    elif hasattr(found, "columns") and hasattr(found, "to_numpy"):
        arrays = {str(name): found[name].to_numpy() for name in found.columns}
    elif isinstance(found, Mapping) and found and all(isinstance(name, str) for name in found):
        arrays = {name: np.asarray(values) for name, values in found.items()}
    else:
        raise checks.refused(
            "found", found, "what uvisxr.search gives, or a table of pandas or pyarrow"
        )
    columns = {name: c for name, v in arrays.items() if (c := _plain(v)) is not None}
    if len({values.shape for values in columns.values()}) > 1:
        raise ArgumentError("found: the columns have different lengths: give one row per spectrum")
    return columns


def _of_arrow(column: pa.ChunkedArray) -> np.ndarray | None:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        return None
    values: np.ndarray = column.to_numpy()
    return values


def _plain(values: np.ndarray | None) -> np.ndarray | None:
    """A column as numbers, times or text; None if it is none of these."""
    if values is None or values.ndim != 1:
        return None
    if values.dtype.kind in "iufUM":
        return values
    if values.dtype.kind == "b":
        return values.astype(np.int8)
    # Also what is not known of columns of pandas' own types, which can be compared with nothing.
    unknown = pd.isna(values)
    known = values[~unknown].tolist()
    if all(isinstance(v, str) for v in known):
        return _texts(values)
    if all(isinstance(v, bool | np.bool_ | numbers.Real) for v in known):
        found = np.full(values.size, np.nan)
        found[~unknown] = known
        return found
    return None


def _texts(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "U":
        return values
    return np.array([v if isinstance(v, str) else "" for v in values.tolist()], str)
