"""Bins that a label leaves unsaid, found from the size of what is stored."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..errors import ProductError, warn_user
from ..instrument.channel import N_BANDS, N_LINES
from ..instrument.detector import Window
from .objects import NULLS, DataObject
from .qube import QubeFile

#: Exposures read at once.
_BLOCK = 64


def windows(described: DataObject, data: Path) -> tuple[Window, ...]:
    """The windows of a product, with bins found from the data where the label does not give them.

    Parameters
    ----------
    described : DataObject
    data : Path
        The data file, read only if a bin is unsaid.

    Returns
    -------
    tuple of Window
        A UvisWarning says which bin was found and how.

    Raises
    ------
    ProductError
        A window lies outside the detector; or a bin is unsaid, and the data do not say it either:
        there are several windows, no data, or several bins that fit.

    Notes
    -----
    A window of w detector pixels in bins of b is stored as n = ceil(w / b) values, of which a last,
    partial bin may be null, so that n = floor(w / b) are seen. If several bins give n, the only one
    among them that divides w or is a power of two is taken, as those are what was commanded: 1024
    columns stored as 32 are in bins of 32, not of 33, but 60 rows stored as 4 are in 15 or in 16,
    and those stored as 1 in 60 or, if the last 28 rows are null, in 32.
    """
    made = []
    for given in described.windows:
        known = {key: value for key, value in given.items() if value is not None}
        for axis, name in ((0, "line"), (1, "band")):
            key = f"{name}_bin"
            if key not in known:
                # Corners that make no window are refused here as everywhere.
                area = Window(**known)
                known[key], fits = _bin(described, data, area, axis)
                why = "after the number of values that the window holds"
                if len(fits) > 1:
                    why += (
                        f"; of the bins that fit it, {fits[0]} to {fits[-1]}, it is the usual one"
                    )
                warn_user(
                    f"the label of {data} does not give {key.upper()}: {known[key]} is taken, {why}"
                )
        made.append(Window(**known))
    return tuple(made)


def _bin(described: DataObject, data: Path, area: Window, axis: int) -> tuple[int, list[int]]:
    """The bin along an axis, 0 lines or 1 bands; all that fit."""
    name, whole = (("line", N_LINES), ("band", N_BANDS))[axis]
    width = getattr(area, f"lr_{name}") - getattr(area, f"ul_{name}") + 1
    unknown = f"{name.upper()}_BIN is unknown"
    mend = "write it into a copy of the label"
    if len(described.windows) > 1:
        raise ProductError(f"{unknown}, and there are several windows: {mend}")
    stored = described.shape[1 + axis]
    seen = stored == whole
    if seen:
        try:
            stored, common = _extent(described, data, area, axis)
        except ProductError as error:
            raise ProductError(f"{unknown}, and the data do not say it: {error}") from error
    fits = _fitting(width, stored, seen)
    # Rows of which a part was lost fit no bin.
    if seen and common != stored and _fitting(width, common, seen):
        raise ProductError(
            f"{unknown}: most {('columns', 'rows')[axis]} of {data} hold {common} {name}s, and "
            f"some {stored}; {mend}"
        )
    usual = [b for b in fits if width % b == 0 or b & (b - 1) == 0]
    chosen = fits if len(fits) == 1 else usual
    if len(chosen) != 1:
        which = f"bins of {fits[0]} to {fits[-1]}" if fits else "no bin"
        raise ProductError(f"{unknown}: {stored} values for {width} {name}s fit {which}; {mend}")
    return chosen[0], fits


def _fitting(width: int, stored: int, seen: bool) -> list[int]:
    """Bins of which so many fit a width; the last may be left out where they are `seen` in data."""
    bins = range(1, width + 1)
    return [b for b in bins if math.ceil(width / b) == stored or (seen and width // b == stored)]


def _extent(described: DataObject, data: Path, area: Window, axis: int) -> tuple[int, int]:
    """How many lines or bands of the window hold values: the most of any row, and those of most.

    All exposures are searched, as parts of some may be lost.
    """
    frame = described.shape
    whole = QubeFile(data, frame, (0, 0), frame[1:], described.dtype, described.pointer)
    file = whole.checked()
    # A cube smaller than the detector along the other axis holds only the window.
    spans = []
    for size, name in zip(described.shape[1:], ("line", "band"), strict=True):
        full = size == {"line": N_LINES, "band": N_BANDS}[name]
        first, last = getattr(area, f"ul_{name}"), getattr(area, f"lr_{name}")
        spans.append(slice(first, last + 1) if full else slice(None))
    held = np.zeros((1, 1), bool)
    samples = described.shape[0]
    for start in range(0, samples, _BLOCK):
        inside = file.read(np.arange(start, min(start + _BLOCK, samples)))[:, *spans]
        unsigned = inside.dtype.kind == "u"
        known = inside != NULLS[1] if unsigned else np.isfinite(inside)
        held = held | known.any(0)
        if held.all():
            break
    along = held if axis else held.T
    here = np.flatnonzero(along.any(0))
    if not here.size:
        raise ProductError(f"{data} holds no value in the window")
    found = int(here[-1]) + 1
    # Of a matrix whole rows may be unknown; counts fill their window from its corner on.
    if described.dtype == ">u2" and here.size != found:
        name = ("line", "band")[axis]
        raise ProductError(
            f"{data} holds values in {here.size} {name}s up to number {found}, with nulls between"
        )
    ends = along.shape[1] - np.argmax(along[:, ::-1], axis=1)[along.any(1)]
    return found, int(np.bincount(ends).argmax())
