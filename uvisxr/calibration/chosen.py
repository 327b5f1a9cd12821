"""The choices that a sensitivity is made by: those of a calibration, for what is asked after it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import xarray as xr

from ..errors import ArgumentError
from . import matrix
from .recipe import RECIPES, Recipe
from .stored import SENSITIVITY, arguments

#: What is chosen where nobody says anything.
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "recipe": "upyp",
        "wl_interp": None,
        "nan_interp": "linear",
        "evil_pixels": "auto",
        "flat_field": True,
        "trend": True,
        "lyman_alpha": 1.0,
    }
)

#: Those that a matrix of the archive takes the place of.
IN_MATRIX = ("recipe", "wl_interp", "flat_field", "trend", "lyman_alpha")

#: Arguments of `calibrate` that a dataset cannot keep, and what they were.
_OWN = {
    "recipe": "a recipe of your own",
    "evil_response": "a table of your own",
    "files": "a matrix of the archive",
}


def kept(
    choices: Mapping[str, Any], table: object, treatment: str, files: str | Path | None
) -> dict[str, Any]:
    """What a calibrated dataset keeps of its choices, for JSON: those that entered.

    Parameters
    ----------
    choices : mapping
        Of the names of `DEFAULTS`.
    table : object
        The argument `evil_response`.
    treatment : str
        Of evil pixels, as it was done.
    files : path or None
    """
    entered = {name: choices[name] for name in choices if name not in replaced(files)}
    recipe = entered.get("recipe")
    lost = {
        "recipe": isinstance(recipe, Recipe) and recipe not in RECIPES.values(),
        "evil_response": table is not None and treatment == "response",
        "files": bool(replaced(files)),
    }
    if isinstance(recipe, Recipe):
        entered["recipe"] = recipe.name
    own = [key for key, is_lost in lost.items() if is_lost]
    return entered | {"evil_pixels": treatment, "own": own}


def replaced(files: str | Path | None) -> tuple[str, ...]:
    """Names of choices that do not enter with such calibration files."""
    return IN_MATRIX if files is not None and matrix.is_product(files) else ()


def own(told: Mapping[str, Any]) -> list[str]:
    """Names of arguments that a dataset does not keep, by the choices that it tells."""
    names = told.get("own")
    return [name for name in _OWN if isinstance(names, list) and name in names]


def told(ds: xr.Dataset) -> dict[str, Any]:
    """The choices that a dataset was calibrated with, as far as it tells; none if it was not."""
    known = arguments(ds).get(SENSITIVITY)
    if isinstance(known, dict):
        return known
    recipe = str(ds.attrs.get("recipe"))
    return {"recipe": recipe} if recipe in RECIPES else {}


def after(ds: xr.Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    """Choices of a call, with those of the dataset's calibration, or the defaults, for the others.

    Parameters
    ----------
    ds : Dataset
    given : mapping
        Of the names of `DEFAULTS`, `evil_response` and `files`; None is not given.

    Returns
    -------
    dict
        Of the names of `DEFAULTS`.

    Raises
    ------
    ArgumentError
        The calibration used what a dataset does not keep, and the call does not give it.
    """
    known = told(ds)
    said = {name: value for name, value in given.items() if value is not None}
    wanted = {
        "recipe": {"recipe"},
        "evil_response": {"evil_response"},
        "files": {"files", "recipe"},
    }
    if said.get("evil_pixels", "response") not in ("auto", "response"):
        wanted.pop("evil_response")
    own = known.get("own", [])
    for name in (name for name in wanted if name in own):
        if not wanted[name] & said.keys():
            raise ArgumentError(
                f"calibration_factor: the dataset was calibrated with {_OWN[name]}, which it does "
                f"not keep: give {name}= again, or no argument at all for the factor of its "
                "radiances"
            )
    if "recipe" in said:
        known = {name: value for name, value in known.items() if name != "wl_interp"}
    both = {**DEFAULTS, **known, **said}
    return {name: both[name] for name in DEFAULTS}
