"""What the layout has no place for, as images after the HDUs of the layout.

One HDU a variable, in its own type: its dimensions, dtype and attributes are JSON in a keyword.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..dataset import conventions
from .decode import File, keyword
from .header import lasting, plain
from .structure import NotFitsError

#: What EXTNAME begins with: of variables of the dataset, and of the nodes of the tree.
DATASET, TREE = "DS:", "BP:"

#: Keyword with what a variable is.
WHAT = "UVISXR"

#: FITS has other whole numbers than numpy: the type in which each is stored.
_STORED = {
    **{kind: f">{kind}" for kind in ("f4", "f8", "i2", "i4", "i8")},
    "i1": ">i2",
    "u2": ">i4",
    "u4": ">i8",
    "b1": "u1",
    "u1": "u1",
    "M8[ns]": ">i8",
    "m8[ns]": ">i8",
}

#: Attributes that are values of a variable.
_FLAGS = ("flag_values", "flag_masks")

#: Longest EXTNAME, in letters.
_NAME = 60

#: Most dimensions of a variable.
_AXES = 7

#: How alike values are that the layout gives back: as float32.
_RELATIVE = 2e-7

#: Longest list of texts, letters.
_TEXTS = 2**19

#: Bytes that all texts of a file may take as arrays, where they are more than the file has itself.
_LETTERS = 2**24


@dataclass(frozen=True)
class Extra:
    """One variable as an HDU; its texts, which are in its keyword, take so many bytes."""

    name: str
    values: np.ndarray
    what: str
    texts: int = 0


def of(original: xr.Dataset, read: xr.Dataset, prefix: str) -> Iterator[Extra]:
    """The variables of a dataset that differ from those that a file gives back, or are not there.

    Parameters
    ----------
    original, read : Dataset
        What is written, and what was read of it.
    prefix : str
        Of EXTNAME: `DATASET`, or `TREE` with the node's name and "/".
    """
    for name, variable in original.variables.items():
        if name in read.variables and _alike(variable, read.variables[name]):
            continue
        found = _extra(f"{prefix}{name}", variable, name in original.coords)
        if found is not None:
            yield found


def _alike(one: xr.Variable, other: xr.Variable) -> bool:
    if set(one.dims) != set(other.dims) or {**one.sizes} != {**other.sizes}:
        return False
    a, b = one.values, other.transpose(*one.dims).values
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        return bool(np.allclose(a, b, rtol=_RELATIVE, atol=0, equal_nan=True))
    if (a.dtype.kind in "UO") != (b.dtype.kind in "UO"):
        return False
    return bool((a == b).all())


def _extra(name: str, variable: xr.Variable, is_coord: bool) -> Extra | None:
    """A variable as an HDU; None of what FITS has no form for."""
    values = np.asarray(variable.values)
    what: dict[str, Any] = {"dims": list(variable.dims), "coord": is_coord}
    what["shape"] = list(values.shape)
    kind, taken = values.dtype.str[1:], 0
    if values.dtype.kind in "mM":
        kind = f"{values.dtype.kind}8[ns]"
    if values.dtype.kind in "UO":
        texts = [str(one) for one in values.ravel()]
        taken = _taken(texts, values.size)
        # Of one product's exposures all are alike.
        what["texts"] = texts[:1] if len(set(texts)) == 1 else texts
        stored = np.zeros(0, "u1")
    elif kind in _STORED:
        what["dtype"] = kind
        stored = values.astype(kind).astype(_STORED[kind])
    else:
        return None
    what["attrs"] = plain(variable.attrs)
    text = json.dumps(what)
    if (
        not name.isascii()
        or not name.isprintable()
        or len(name) > _NAME
        or len(text) > _TEXTS
        or values.ndim > _AXES
    ):
        return None
    return Extra(name, stored.reshape(-1) if stored.ndim == 0 else stored, text, taken)


def _taken(texts: list[str], size: int) -> int:
    """Bytes that an array of some texts takes."""
    return 4 * size * max(map(len, [*texts, "x"]))


def fitting(extras: Iterable[Extra], size: int) -> Iterator[Extra]:
    """Those of which the texts take no more than a file of so many bytes may have."""
    left = max(_LETTERS, size)
    for extra in extras:
        if extra.texts <= left:
            left -= extra.texts
            yield extra


def restored(file: File, ds: xr.Dataset, tree: xr.DataTree) -> tuple[xr.Dataset, xr.DataTree]:
    """The dataset and the tree with the variables of such HDUs in place of what they have.

    Raises
    ------
    NotFitsError
        An HDU does not hold what it says.
    """
    nodes = {
        "" if path == "." else path: node.to_dataset(inherit=False)
        for path, node in tree.subtree_with_keys
    }
    left = max(_LETTERS, file.path.stat().st_size)
    for name in file.hdus:
        prefix = name[:3]
        if prefix not in (DATASET, TREE):
            continue
        node, _, own = name[3:].rpartition("/") if prefix == TREE else ("", "", name[3:])
        if not own or {"", ".", ".."} & set(node.split("/") if node else []):
            raise NotFitsError(f"{name} is no name of a variable")
        variable, is_coord, taken = _variable(file, name, left)
        left -= taken
        try:
            of_node = ds if prefix == DATASET else nodes.get(node, xr.Dataset())
            if own in of_node.variables:
                of_node = of_node.drop_vars(own)
            of_node = (
                of_node.assign_coords({own: variable})
                if is_coord
                else of_node.assign({own: variable})
            )
        except ValueError as error:
            raise NotFitsError(f"{name} does not fit the others ({error})") from error
        if prefix == DATASET:
            ds = of_node
        else:
            nodes[node] = of_node
    whole = xr.DataTree.from_dict({f"/{path}": node for path, node in nodes.items()})
    # Attributes that are arrays come back as lists.
    return conventions.apply(ds), whole


def _variable(file: File, name: str, left: int) -> tuple[xr.Variable, bool, int]:
    """What an HDU holds, whether it is a coordinate, and the bytes that its texts take.

    Nothing is made of it before it is known to be no larger than the file, or `left`.
    """
    text = keyword(file.header(name), WHAT, str)
    try:
        what = json.loads(text or "")
        dims, shape, taken = what["dims"], what["shape"], 0
        names = {dim for dim in dims if type(dim) is str}
        lengths = [length for length in shape if type(length) is int and length >= 0]
        if not len(names) == len(dims) == len(lengths) == len(shape) <= _AXES:
            raise ValueError("no names and lengths of dimensions")
        if "texts" in what:
            texts, size = what["texts"], math.prod(shape)
            # What is said once is so everywhere.
            if not all(type(one) is str for one in texts) or len(texts) not in (1, size):
                raise ValueError("another number of texts")
            taken = _taken(texts, size)
            if taken > left:
                raise ValueError("more texts than a file has")
            values = np.full(shape, texts[0]) if len(texts) == 1 else np.array(texts, str)
            values = values.reshape(shape)
        else:
            values = _stored(file.image(name), what["dtype"]).reshape(shape)
        attrs = _of_type(lasting(what["attrs"]), values.dtype)
        return xr.Variable(tuple(dims), values, attrs), what["coord"] is True, taken
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise NotFitsError(f"{name}: its keyword {WHAT} does not say what it holds") from error


def _of_type(attrs: dict[str, Any], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Attributes with values of flags as arrays of the variable's type, as CF has them."""
    whole = dtype.kind in "iu"
    return {
        name: np.array(value, dtype) if whole and name in _FLAGS else value
        for name, value in attrs.items()
    }


def _stored(values: np.ndarray, kind: str) -> np.ndarray:
    """Numbers in the type of which they were stored."""
    if np.dtype(_STORED[kind]) != values.dtype.newbyteorder(">"):
        raise ValueError("numbers of another type")
    found = values.astype(kind)
    if found.dtype.kind in "iu" and (found != values).any():
        raise ValueError("numbers that this type does not have")
    return found
