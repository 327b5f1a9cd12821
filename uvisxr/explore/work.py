"""All that can be chosen, at one moment."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, eq=False)
class Work:
    """All that was chosen; every change makes a new one, which `undo` leaves again.

    Attributes
    ----------
    wl_range : (float, float)
        Angstrom.
    exposures : (int, int)
        Positions of the first and the last that are shown.
    first, second : ndarray of bool, (pic, pixel)
        The selected spectra.
    star, user : ndarray of bool, (pic, pixel)
        Spectra with that flag.
    level : float or None
        The background, count/s per detector pixel; None for that of the dataset.
    cmap : str
        Of the brightness.
    limits : (float, float) or None
        Of its colours; None for percentiles of what is shown.
    log : bool
        Whether the colours are logarithmic.
    """

    wl_range: tuple[float, float]
    exposures: tuple[int, int]
    first: np.ndarray
    second: np.ndarray
    star: np.ndarray
    user: np.ndarray
    level: float | None = None
    cmap: str = "viridis"
    limits: tuple[float, float] | None = None
    log: bool = False


def differ(one: Work, other: Work) -> set[str]:
    """Names of what differs."""
    return {
        field.name
        for field in fields(Work)
        if not np.array_equal(getattr(one, field.name), getattr(other, field.name))
    }
