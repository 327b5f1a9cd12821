"""When each term of a sensitivity counts: its weight as a function of the spacecraft clock.

Trend, flat field and modifier each have a few epochs. The terms of the sensitivity are products of
one epoch of each, and their weights the products of the epochs' weights. These are a few numbers,
whatever the number of exposures, and hold for any selection of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Epochs:
    """The epochs of one factor of the sensitivity.

    Attributes
    ----------
    clock : tuple of float
        Spacecraft clock, s, ascending. An epoch counts alone before it if it is the first, and
        after it if it is the last.
    linear : bool
        Between two epochs: both in proportion; else the earlier alone, and so with a first one of
        minus infinity.
    """

    clock: tuple[float, ...] = (-np.inf,)
    linear: bool = False

    def weights(self, clock: np.ndarray) -> np.ndarray:
        """Weight of each epoch at some times, (time, epoch).

        Parameters
        ----------
        clock : ndarray, (time,)
            Spacecraft clock, s.
        """
        epochs = np.array(self.clock)
        low = np.maximum(np.searchsorted(epochs, clock, side="right") - 1, 0)
        high = np.minimum(low + 1, epochs.size - 1)
        known = np.isfinite(epochs)
        between = (high > low) & known[low] & (clock > epochs[low]) & self.linear
        # Where there is nothing before, any number will do.
        begin, end = (np.where(known, epochs, 0.0)[at] for at in (low, high))
        part = np.where(between, clock - begin, 0.0) / np.where(between, end - begin, 1.0)
        found = np.zeros((clock.size, epochs.size))
        times = np.arange(clock.size)
        found[times, high] = part
        found[times, low] += 1 - part
        return found


@dataclass(frozen=True)
class Schedule:
    """The weights of all terms.

    Attributes
    ----------
    factors : tuple of Epochs
    terms : tuple of tuple of int
        Number of the epoch of each factor, for each term.
    """

    factors: tuple[Epochs, ...] = ()
    terms: tuple[tuple[int, ...], ...] = ((),)

    def weights(self, clock: np.ndarray) -> np.ndarray:
        """Weight of each term at some times, (time, term).

        Parameters
        ----------
        clock : ndarray, (time,)
            Spacecraft clock, s.
        """
        found = np.ones((clock.size, len(self.terms)))
        for k, factor in enumerate(self.factors):
            found *= factor.weights(clock)[:, [term[k] for term in self.terms]]
        return found

    def used(self, clock: np.ndarray) -> Schedule:
        """Without the terms that count at none of some times."""
        some = np.flatnonzero(np.any(self.weights(clock), axis=0))
        return Schedule(self.factors, tuple(self.terms[k] for k in some))

    def plain(self) -> dict[str, object]:
        """As JSON types; minus infinity, which is none, as None."""
        return {
            "epochs": [[c if np.isfinite(c) else None for c in f.clock] for f in self.factors],
            "linear": [factor.linear for factor in self.factors],
            "terms": [list(term) for term in self.terms],
        }

    @classmethod
    def of(
        cls,
        epochs: Sequence[Sequence[float | None]],
        linear: Sequence[bool],
        terms: Sequence[Sequence[int]],
    ) -> Schedule:
        """That of the parts that `plain` gives."""
        factors = (
            Epochs(tuple(-np.inf if c is None else c for c in clock), is_linear)
            for clock, is_linear in zip(epochs, linear, strict=True)
        )
        return cls(tuple(factors), tuple(map(tuple, terms)))
