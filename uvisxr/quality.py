"""Quality flags of spectra: a CF flag variable `quality (pic, pixel)` of bit masks."""

from __future__ import annotations

import numpy as np

from .conventions import QUALITY_FLAGS
from .instrument.detector import Bins


def initial(bins: Bins, n_pic: int) -> np.ndarray:
    """Flags known before any count is read: the dark lines.

    Parameters
    ----------
    bins : Bins
    n_pic : int
        Number of exposures.

    Returns
    -------
    ndarray of uint8, (n_pic, pixel)
    """
    flags = np.where(bins.dark, QUALITY_FLAGS["dark_line"], 0).astype(np.uint8)
    return np.tile(flags, (n_pic, 1))
