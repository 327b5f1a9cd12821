"""What steps make of several products, as the one dataset of their spectra has it.

Products differ in what is known of them: only giant planets have fields of the ring plane, and a
star has none on a body. A variable is there if any product has it, and what holds for some products
alone is said along the spectra, by no attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..dataset.single import DIM

#: Attributes of a geometry that say what its fields are of.
_TARGET, _RADII = "geometry_target", "target_radii"

#: Texts of names with commas between them, of which there are more for several products.
_NAMES = "kernels"

_TEXTS = {
    "body": {"long_name": "body that the fields of the geometry are of; empty if of none"},
    _RADII: {"long_name": "radii of the body that the fields are of", "units": "km"},
}


@dataclass(frozen=True, eq=False)
class Merged:
    """What there is of any of several products.

    Attributes
    ----------
    variables : dict of str to Variable
        Of each name that of the first product that has it.
    values : frozenset of str
        Names of those that are no coordinates.
    attrs : dict
        Those in which no two products differ.
    told : dict of str to Variable
        What holds of each product, once for each of its spectra.
    """

    variables: dict[str, xr.Variable]
    values: frozenset[str]
    attrs: dict[str, Any]
    told: dict[str, xr.Variable]


def merged(
    made: Sequence[xr.Dataset], attrs: Sequence[Mapping[str, Any]], sizes: Sequence[int]
) -> Merged:
    """Merge what the steps made of products.

    Parameters
    ----------
    made : sequence of Dataset
    attrs : sequence of mapping
        Of each the attributes that its steps have set.
    sizes : sequence of int
        Spectra of each.
    """
    variables: dict[str, xr.Variable] = {}
    for ds in made:
        for name, variable in ds.variables.items():
            variables.setdefault(str(name), variable)
    values = frozenset(str(name) for ds in made for name in ds.data_vars)
    names = dict.fromkeys(name for own in attrs for name in own)
    agreed, told = {}, {}
    for name in names:
        known = [own.get(name) for own in attrs if name in own or name == _RADII]
        if all(_same(value, known[0]) for value in known):
            agreed[name] = known[0]
        elif name == _NAMES:
            each = (str(value).split(", ") for value in known)
            agreed[name] = ", ".join(dict.fromkeys(part for value in each for part in value))
        elif name == _RADII:
            radii = [[np.nan] * 3 if value is None else value for value in known]
            told[name] = _each((DIM, "axis"), radii, sizes, name)
    if _TARGET in names:
        bodies = [str(own.get(_TARGET, "")) for own in attrs]
        told["body"] = _each((DIM,), bodies, sizes, "body")
    return Merged(variables, values, agreed, told)


def _each(
    dims: tuple[str, ...], values: Sequence[Any], sizes: Sequence[int], name: str
) -> xr.Variable:
    return xr.Variable(dims, np.repeat(np.array(values), sizes, axis=0), _TEXTS[name])


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(np.array_equal(one, other))
