"""Units that files give, which other writers may have chosen: turned into those of the package."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dataset import scales
from ..errors import shortened, warn_user
from . import layout
from .structure import NotFitsError

if TYPE_CHECKING:
    from .decode import File

#: Units of the arrays.
RADIANCE, WAVELENGTH = "kR/angstrom", "angstrom"
FACTOR, RATE = "kR s angstrom-1 count-1", "count/s"

#: That of a factor, as one by another.
_RATIO = re.compile(r"\(?([^()]+?)\)? */ *\(([^()]+)\)")

#: Degrees in an hour of an angle.
_HOUR = 15.0


def factor(told: object, wanted: str, where: str) -> float:
    """What numbers are multiplied by to be in a unit; 1 if a file does not say what they are in.

    Parameters
    ----------
    told : object
        Value of a keyword.
    wanted : str
    where : str
        What they are, for the message.

    Raises
    ------
    NotFitsError
        They are in a unit of something else, or one that is not known.
    """
    unit = str(told).strip() if isinstance(told, str | int | float) else ""
    if not unit:
        return 1.0
    found = _times(unit, wanted)
    if found is None:
        raise NotFitsError(f"{where} is in {shortened(unit, 40)!r}, and {wanted} is needed")
    return found


def of_keywords(header: Any, keys: tuple[str, ...], wanted: str, where: str) -> float:
    """As `factor`, of keywords that all give one unit.

    Raises
    ------
    NotFitsError
        They differ, or are not known.
    """
    found = {factor(header[key], wanted, where) for key in keys if header.get(key, "") != ""}
    if len(found) > 1:
        raise NotFitsError(f"{where}: {' and '.join(keys)} are of different units")
    return found.pop() if found else 1.0


def _times(unit: str, wanted: str) -> float | None:
    ratio = _RATIO.fullmatch(unit)
    if ratio is None or wanted != FACTOR:
        return scales.factor(unit, wanted)
    radiance, rate = scales.factor(ratio[1], RADIANCE), scales.factor(ratio[2], RATE)
    return None if radiance is None or rate is None else radiance / rate


def table(file: File, name: str) -> dict[str, np.ndarray]:
    """A geometry table, with its columns in the units of the layout.

    Raises
    ------
    NotFitsError
        It is no table.

    Warns
    -----
    UvisWarning
        A column is in another unit that is not known: it is taken as it is.
    """
    columns, told = file.table(name), file.units(name)
    strange = []
    for column in layout.TABLES[name]:
        unit = told.get(column.name, "").strip()
        values = columns.get(column.name)
        if values is None or values.dtype.kind != "f" or not (unit and column.unit):
            continue
        if unit.removesuffix("s") == column.unit:
            continue
        times = scales.factor(unit, column.unit)
        if times is None and column.unit in ("deg", "h"):
            # Angles in hours, and hours as angles.
            other, hour = ("h", _HOUR) if column.unit == "deg" else ("deg", 1 / _HOUR)
            by = scales.factor(unit, other)
            times = None if by is None else by * hour
        if times is None:
            strange.append(
                f"{column.name} ({shortened(unit, 20)}, not {column.unit or 'a number'})"
            )
        elif times != 1:
            columns[column.name] = values * values.dtype.type(times)
    if strange:
        warn_user(
            f"{name}: units that are not known, or not those of the layout, which is taken to be "
            f"meant: {shortened(', '.join(strange), 160)}"
        )
    return columns
