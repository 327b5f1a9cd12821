"""Radiances by compiled loops, on several threads; see `uvisxr.numerics.fused`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ..numerics import compiled
from ..numerics.along_wl import FillPlan
from ..numerics.poisson import as_counts, missing, single_tables
from ..numerics.weighted_sums import steps_of_counts
from .convert import OUTPUTS, Conversion, Route, Shapes

#: Exposures are shared out among threads from so many elements on.
_LARGE = 2**20

#: Widest hole, elements, of which smoothing is done by the loops: wider ones take many diagonals.
_WIDEST = 64

#: Pieces of work for each thread, as some are slower than others.
_PIECES = 4


@dataclass(frozen=True, eq=False)
class _Run:
    """Exposures from `start` on that have all but their counts in common."""

    start: int
    stop: int
    product: int


def radiances(
    counts: np.ndarray,
    weight: np.ndarray,
    exposure: np.ndarray,
    shapes: Shapes,
    conversion: Conversion,
    threads: int = 1,
) -> tuple[np.ndarray, ...]:
    """What `Conversion.radiances` gives, by compiled loops where they are worth it.

    Spectra with missing counts are left to numpy, as are those beyond the tables.

    Parameters
    ----------
    counts, weight, exposure, shapes
        As there.
    conversion : Conversion
    threads : int
        How many the loops may use; numpy has one.
    """
    loops = compiled.loops(counts.size) if counts.size else None
    routes = conversion.routes(shapes) if loops is not None else []
    if loops is None or any(_is_wide(route) for route in routes):
        return conversion.radiances(counts, weight, exposure, shapes)
    outputs = tuple(np.empty(counts.shape, np.float32) for _ in OUTPUTS)
    weight, exposure = (np.ascontiguousarray(a, float) for a in (weight, exposure))
    prepared = [_prepared(conversion, loops, route) for route in routes]
    given = _common(conversion)
    left_over = np.zeros(counts.shape[:2], bool)

    def work(run: _Run) -> None:
        some = slice(run.start, run.stop)
        scale = conversion.scale(weight[run.start])
        loops.radiances(
            np.ascontiguousarray(as_counts(counts[some])),
            weight[some],
            exposure[some],
            *given,
            *prepared[run.product],
            np.stack([scale.count, scale.dark, scale.relative]),
            *_tables(conversion),
            *(output[some] for output in outputs),
            left_over[some],
        )

    several = threads > 1 and counts.size >= _LARGE
    runs = list(_runs(conversion, weight, shapes, threads if several else 1))
    for run in runs:
        # One thread makes what they share.
        conversion.scale(weight[run.start])
    if several:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, runs))
    else:
        for run in runs:
            work(run)
    _the_rest(conversion, counts, weight, exposure, shapes, outputs, left_over)
    return outputs


def _is_wide(route: Route) -> bool:
    fill = route.chain.fill
    if fill is None or route.chain.smoothing is None:
        return False
    return bool((fill.right - fill.left).max(initial=0) > _WIDEST)


def _runs(
    conversion: Conversion, weight: np.ndarray, shapes: Shapes, threads: int
) -> Iterator[_Run]:
    """Consecutive exposures that share product and scale, in pieces for some threads."""
    kinds = np.column_stack([shapes.product, conversion.kinds(weight)])
    changes = np.flatnonzero((kinds[1:] != kinds[:-1]).any(-1)) + 1
    n = weight.shape[0]
    largest = n if threads == 1 else max(1, -(-n // (_PIECES * threads)))
    for start, stop in zip([0, *changes], [*changes, n], strict=True):
        for first in range(start, stop, largest):
            yield _Run(first, min(first + largest, stop), int(shapes.product[first]))


def _common(conversion: Conversion) -> tuple[np.ndarray, ...]:
    """Arguments of the loop that no exposure changes."""
    levels = np.array([conversion.background, conversion.background_error], np.float32)
    return (
        np.ascontiguousarray(conversion.sensitivity),
        conversion.background * conversion.n,
        levels,
    )


def _prepared(conversion: Conversion, loops: ModuleType, route: Route) -> tuple[object, ...]:
    """Arguments of the loop that a route gives."""
    chain = route.chain
    n_rows, n = conversion.valid.shape
    fill, smoothing = chain.fill, chain.smoothing
    if fill is None:
        nothing = np.zeros_like(conversion.valid)
        fill = FillPlan.of(nothing, conversion.wl, "linear", joined=conversion.joined)
    rows = np.arange(n_rows + 1) * n
    far = [np.where(a >= 0, a % n, -1) if a.size else fill.left for a in (fill.before, fill.after)]
    ends = np.stack([fill.left % n, fill.right % n, *far])
    filled = (
        np.searchsorted(fill.hole, rows),
        fill.hole % n,
        ends,
        fill.weight,
        np.ones(fill.hole.size) if fill.gain is None else fill.gain,
        conversion.wl,
        fill.method == "pchip",
        *(share.astype(np.float32) ** 2 for share in fill.shares),
    )
    if smoothing is None:
        none = np.zeros(n_rows + 1, int)
        smoothed: tuple[np.ndarray, ...] = (
            *(np.empty(0), conversion.valid, none, none[:0], np.empty((0, 0))),
            *(np.empty((0, n), np.float32), none[:-1], none),
        )
    else:
        smoothed = (
            smoothing.weights,
            ~smoothing.invalid,
            np.searchsorted(smoothing.special, rows),
            smoothing.special % n,
            smoothing.special_weights,
            *chain.composition.diagonals,
        )
    return (*filled, *smoothed, route.guess)


def _tables(conversion: Conversion) -> tuple[object, ...]:
    """Arguments of the loop that only the kind of errors changes."""
    single, variances = single_tables(
        conversion.interval, conversion.quantization, conversion.summed
    )
    return single, variances, *steps_of_counts(), conversion.total


def _the_rest(
    conversion: Conversion,
    counts: np.ndarray,
    weight: np.ndarray,
    exposure: np.ndarray,
    shapes: Shapes,
    outputs: tuple[np.ndarray, ...],
    left_over: np.ndarray,
) -> None:
    """Spectra that the loops have left, by numpy: those of the same rows at once."""
    pic, row = np.nonzero(left_over)
    if not pic.size:
        return
    spectra = as_counts(counts[pic, row])
    lost = missing(spectra).all(-1)
    for output in outputs:
        output[pic[lost], row[lost]] = np.nan
    left_over[pic[lost], row[lost]] = False
    some = np.flatnonzero(left_over.any(-1))
    patterns, kind = np.unique(left_over[some], axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        here, rows = some[kind == k], np.flatnonzero(pattern)
        part = conversion.rows(rows)
        place = np.ix_(here, rows)
        found = part.radiances(counts[place], weight[here], exposure[here], shapes.of(here))
        for output, values in zip(outputs, found, strict=True):
            output[place] = values
