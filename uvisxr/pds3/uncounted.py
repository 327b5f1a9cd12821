"""Exposures of a data file that hold no count: lost in the telemetry, or by whoever copied it.

`info` tells of them, which reads no more than labels otherwise: a few rows show whether there may
be any. What is lost of single exposures the steps find (`uvisxr.quality.losses`).
"""

from __future__ import annotations

import numpy as np

from .objects import NULLS
from .qube import QubeFile

#: Exposures looked at first, and those read at once if all are looked at.
_SAMPLES, _BLOCK = 64, 16

#: Counts of an exposure that are expected where it is no chance that there are none, as in
#: `uvisxr.quality.losses`.
_ENOUGH = -np.log(1e-4)


def exposures(file: QubeFile) -> np.ndarray:
    """Which exposures of a window have no count, where the others have many.

    Parameters
    ----------
    file : QubeFile
        Of counts.

    Returns
    -------
    ndarray of int
        None if a row of each exposure, or of some evenly spread ones, has counts.
    """
    number, middle = file.frame[0], file.shape[0] // 2
    looked = np.unique(np.linspace(0, number - 1, min(number, _SAMPLES)).astype(int))
    dark = looked[_counts(file, looked, slice(middle, middle + 1)) == 0]
    if not any(_counts(file, dark[k : k + 1])[0] == 0 for k in range(dark.size)):
        return np.empty(0, int)
    blocks = (np.arange(k, min(k + _BLOCK, number)) for k in range(0, number, _BLOCK))
    counts = np.concatenate([_counts(file, block) for block in blocks])
    lit = counts[counts > 0]
    if lit.size and np.median(lit) < _ENOUGH:
        return np.empty(0, int)
    return np.flatnonzero(counts == 0)


def _counts(file: QubeFile, exposures: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
    values = file.read(exposures, rows)
    known = values != values.dtype.type(NULLS[1])
    total: np.ndarray = values.sum((1, 2), dtype=np.int64, where=known)
    return total
