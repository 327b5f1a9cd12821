"""Which bin a value lies in: intervals on a line, and on a circle where a field comes round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import checks
from ..dataset.fields import SIGHTLINE
from ..numerics.sphere import wrap

#: Bins of one field: more are no edges, but values.
_MOST = 10_000


class Edges:
    """Successive half-open intervals [a, b) of one field.

    On a line the last one holds its upper end too. On a circle edges go upwards and may pass the
    period once: [350, 10, 30] are two intervals of 20 degrees; a full circle closes on itself. No
    two edges lie further apart than once round: the end of [0, 400] would be that of [0, 40].

    Parameters
    ----------
    field : str
        Name of a line-of-sight field, which tells whether it comes round.
    edges : sequence of float, (n + 1,)
        Infinite ends are allowed on a line.

    Raises
    ------
    ArgumentError
        Fewer than two edges or more than 10,001, a NaN, edges out of order or beyond the circle.
    """

    def __init__(self, field: str, edges: Sequence[float] | np.ndarray) -> None:
        self.period = SIGHTLINE[field].period
        name = f"by[{field!r}]"
        if checks.too_many(edges, _MOST + 1):
            raise checks.refused(name, edges, f"the edges of {_MOST} bins at most")
        found = checks.reals(edges)
        self.values = np.empty(0) if found is None else found
        if self.values.ndim != 1 or self.values.size < 2 or np.isnan(self.values).any():
            raise checks.refused(name, edges, "two or more numbers, the edges of the bins")
        step = np.diff(self.values)
        if self.period is None:
            if not (step > 0).all():
                raise checks.refused(name, edges, "ascending edges")
            return
        if not np.isfinite(self.values).all() or (step == 0).any():
            raise checks.refused(name, edges, f"finite edges that differ: {field} comes round")
        step = np.where(np.abs(step) == self.period, self.period, step % self.period)
        self._upto = np.concatenate([[0.0], np.cumsum(step)])
        if max(self._upto[-1], np.ptp(self.values)) > self.period * (1 + 1e-12):
            raise checks.refused(
                name, edges, f"ascending edges that go round once, {self.period:g}, at most"
            )
        if np.isclose(self._upto[-1], self.period, rtol=1e-12):
            self._upto[-1] = self.period

    def __len__(self) -> int:
        return self.values.size - 1

    @property
    def bounds(self) -> np.ndarray:
        """Lower and upper edge of each interval, as given, (n, 2)."""
        return np.stack([self.values[:-1], self.values[1:]], axis=-1)

    @property
    def centres(self) -> np.ndarray:
        """Middle of each interval, (n,); its finite end where the other is infinite."""
        low, high = self.bounds.T
        if self.period is not None:
            round_middle: np.ndarray = (low + np.diff(self._upto) / 2) % self.period
            return round_middle
        middle = np.where(np.isfinite(low), low, high)
        both = np.isfinite(low) & np.isfinite(high)
        middle[both] = (low[both] + high[both]) / 2
        return np.where(np.isfinite(middle), middle, 0.0)

    def index(self, values: np.ndarray) -> np.ndarray:
        """Interval of each value, int of the same shape; -1 outside all of them and for NaN."""
        values = np.asarray(values, float)
        if self.period is None:
            index = np.searchsorted(self.values, values, side="right") - 1
            index[values == self.values[-1]] = len(self) - 1
        else:
            offset = wrap(values - self.values[0], self.period)
            index = np.searchsorted(self._upto, offset, side="right") - 1
        index[np.isnan(values) | (index >= len(self))] = -1
        return index
