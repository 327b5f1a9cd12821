"""What the layout has no place for, as images after the HDUs of the layout.

One HDU a variable, in its own type: its dimensions, dtype and attributes are JSON in a keyword.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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
_STORED = {"i1": ">i2", "u2": ">i4", "u4": ">i8", "b1": "u1", "u1": "u1"}
_PLAIN = {"f4", "f8", "i2", "i4", "i8"}

#: Longest EXTNAME, in letters.
_NAME = 60

#: Most dimensions of a variable.
_AXES = 7

#: How alike values are that the layout gives back: as float32.
_RELATIVE = 2e-7

#: Longest list of texts, letters.
_TEXTS = 2**19


@dataclass(frozen=True)
class Extra:
    """One variable as an HDU."""

    name: str
    values: np.ndarray
    what: str


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
    kind = values.dtype.str[1:]
    if values.dtype.kind in "UO":
        what["texts"] = [str(one) for one in values.ravel()]
        what["shape"], stored = list(values.shape), np.zeros(0, "u1")
        # Of one product's exposures all are alike.
        if len(set(what["texts"])) == 1:
            what["texts"] = what["texts"][:1]
    elif values.dtype.kind in "mM":
        what["dtype"] = f"{values.dtype.kind}8[ns]"
        stored = values.astype(what["dtype"]).astype(">i8")
    elif kind in _PLAIN or kind in _STORED:
        what["dtype"] = kind
        stored = values.astype(_STORED.get(kind, f">{kind}"))
    else:
        return None
    what["attrs"] = plain(variable.attrs)
    if "texts" not in what:
        what["shape"] = list(values.shape)
    text = json.dumps(what)
    if (
        not name.isascii()
        or not name.isprintable()
        or len(name) > _NAME
        or len(text) > _TEXTS
        or values.ndim > 7
    ):
        return None
    return Extra(name, stored.reshape(-1) if stored.ndim == 0 else stored, text)


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
    for name in file.hdus:
        prefix = name[:3]
        if prefix not in (DATASET, TREE):
            continue
        node, _, own = name[3:].rpartition("/") if prefix == TREE else ("", "", name[3:])
        variable, is_coord = _variable(file, name)
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


def _variable(file: File, name: str) -> tuple[xr.Variable, bool]:
    text = keyword(file.header(name), WHAT, str)
    try:
        what = json.loads(text or "")
        dims, shape = tuple(map(str, what["dims"])), tuple(what["shape"])
        if "texts" in what:
            # What is said once is so everywhere.
            texts = np.array(what["texts"], dtype=str)
            size = int(np.prod(shape))
            if texts.size not in (1, size) or size > _TEXTS:
                raise ValueError("another number of texts")
            values = np.broadcast_to(texts, shape) if texts.size == 1 else texts.reshape(shape)
            values = values.copy()
        else:
            values = file.image(name).reshape(shape).astype(what["dtype"])
        variable = xr.Variable(dims, values, lasting(what["attrs"]))
        return variable, what["coord"] is True
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotFitsError(f"{name}: its keyword {WHAT} does not say what it holds") from error
