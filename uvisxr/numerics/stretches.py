"""Stretches of zeros among numbers, such as a disk has where nothing was written."""

from __future__ import annotations

import numpy as np


def of_zeros(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the stretches of zeros begin before, between and after others, and their lengths.

    Parameters
    ----------
    values : ndarray
        Of any shape; places are those in the flattened array.

    Returns
    -------
    begin, length : ndarray of int
        Also of stretches without length.

    Examples
    --------
    >>> import numpy as np
    >>> from uvisxr.numerics.stretches import of_zeros
    >>> [found.tolist() for found in of_zeros(np.array([0, 0, 5, 7, 0]))]
    [[0, 3, 4], [2, 0, 1]]
    """
    ends = np.concatenate([[-1], np.flatnonzero(values), [values.size]])
    return ends[:-1] + 1, np.diff(ends) - 1
