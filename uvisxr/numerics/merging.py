"""Sums and masks of neighbouring elements, on plain arrays."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError
from . import poisson
from .constants import MISSING_SUM

#: Elements worked on at once.
_BLOCK = 2**22


def group_starts(size: int, factor: int, breaks: np.ndarray | None = None) -> np.ndarray:
    """Where groups of neighbours begin.

    Parameters
    ----------
    size : int
        Number of elements.
    factor : int
        Number of elements in a group; the last one before a break, or the end, may hold fewer.
    breaks : ndarray of int, optional
        Elements before which a group ends, ascending.

    Returns
    -------
    ndarray of int, (group,)
    """
    edges = [0, *([] if breaks is None else breaks.tolist()), size]
    runs = [np.arange(a, b, factor) for a, b in itertools.pairwise(edges)]
    return np.concatenate(runs)


def sums(counts: np.ndarray, starts: Sequence[np.ndarray]) -> np.ndarray:
    """Sums of counts over groups of neighbours along each axis.

    Parameters
    ----------
    counts : ndarray, (pic, pixel, wl)
    starts : three ndarrays of int
        Where the groups along each axis begin.

    Returns
    -------
    ndarray of uint32
        4294967295 where any count of a group is missing.

    Raises
    ------
    ArgumentError
        A sum does not fit, or values are no counts.
    """
    out = np.empty([s.size for s in starts], np.uint32)
    first, *others = starts
    ends = [*first[1:], counts.shape[0]]
    # A few groups at a time: sums are four times as wide as counts.
    step = max(1, _BLOCK * first.size // max(1, counts.size))
    for begin in range(0, first.size, step):
        some = slice(begin, begin + step)
        part = poisson.as_counts(counts[first[begin] : ends[min(begin + step, first.size) - 1]])
        lost = poisson.missing(part)
        total = np.where(lost, 0, part)
        inner = (first[some] - first[begin], *others)
        for axis in (2, 1, 0):
            total = np.add.reduceat(total, inner[axis], axis, dtype=np.int64)
            lost = np.logical_or.reduceat(lost, inner[axis], axis)
        if total.max(initial=0) >= MISSING_SUM:
            raise ArgumentError("the sums of the counts are beyond 32 bits: merge fewer elements")
        out[some] = np.where(lost, MISSING_SUM, total)
    return out


def any_of(marks: np.ndarray, starts: Sequence[np.ndarray]) -> np.ndarray:
    """Whether any of a group is marked, bool; groups along each axis begin at `starts`."""
    for axis, begin in enumerate(starts):
        marks = np.logical_or.reduceat(marks, begin, axis)
    return marks


def all_of(marks: np.ndarray, starts: Sequence[np.ndarray]) -> np.ndarray:
    """Whether all of a group are marked, as `any_of`."""
    return ~any_of(~marks, starts)
