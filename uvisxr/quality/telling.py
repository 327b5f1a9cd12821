"""How many spectra are lost, said once: where most are there, nobody need know of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..dataset.bits import QUALITY_FLAGS
from ..errors import warn_user

#: From this share on lost spectra are told without being asked for, and the data file is doubted.
MANY = 0.1


_LOST = "are lost: no count came of them where there must be some"


def number(flags: Any) -> int:
    """How many of these flags are those of lost spectra."""
    return int(np.count_nonzero(np.asarray(flags).astype(np.uint8) & QUALITY_FLAGS["lost"]))


def words(lost: int, of: int) -> str:
    """What is said of lost spectra.

    Examples
    --------
    >>> from uvisxr.quality.telling import words
    >>> words(3, 1600)
    '3 of 1600 spectra are lost: no count came of them where there must be some'
    """
    text = f"{lost} of {of} spectra {_LOST}"
    if lost >= MANY * of:
        text += "; is the data file whole? Compare it with the archive's"
    return text


def is_of_few(text: str) -> bool:
    """Whether these are the words of lost spectra that are not many."""
    return text.endswith(_LOST)


def warn(flags: Any, of: object = "") -> None:
    """Warn of lost spectra, by their flags, if there are any; `of` is what they are in."""
    lost = number(flags)
    if lost:
        warn_user(f"{of}: {words(lost, np.size(flags))}" if of else words(lost, np.size(flags)))


def warn_of_many(before: xr.Dataset, after: xr.Dataset) -> None:
    """Warn if a step found that many spectra are lost, and none before it did.

    Lazy flags say nothing yet.
    """
    flags = after.variables.get("quality")
    if flags is None or flags.chunks is not None or not flags.size:
        return
    known = before.variables.get("quality")
    if known is not None and known.chunks is None and number(known.values) >= MANY * known.size:
        return
    if number(flags.values) >= MANY * flags.size:
        warn(flags.values)
