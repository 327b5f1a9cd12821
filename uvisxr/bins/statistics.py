"""Statistics of spectra in bins, as sums that add up over blocks of spectra.

Every statistic here is a function of sums of elementwise terms over the members of a bin. Bins of
equally many members are stacked as (bin, member, wl), few enough at a time that they stay in the
processor's cache, so that one array operation serves them all. Terms keep the precision of the
spectra: they are summed over a short run of members, about the mean of that run, and runs, as
blocks of exposures, are added in double precision, one after the other or by dask. `fast` has
compiled loops do the same, spectrum by spectrum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import options
from ..numerics import weighted_sums
from ..numerics.poisson import Interval, as_counts, missing
from . import fast
from .members import RUN, Members, Shared, c4

if TYPE_CHECKING:
    from dask.array import Array as DaskArray

    Array: TypeAlias = np.ndarray | DaskArray

#: Arrays by name; where they are sums or statistics, the rows of one contiguous array.
Rows: TypeAlias = dict[str, np.ndarray]


@dataclass(frozen=True)
class Aggregation:
    """How the members of a bin become statistics: chunk, combine, finalize.

    Terms are summed over some of the members, the sums of all of these added, and statistics made
    of what comes out. Sums add up, so that combining needs no function of its own.

    Attributes
    ----------
    terms : tuple of str
        What is summed over the members.
    statistics : tuple of str
        What becomes of the sums.
    chunk : function of (sums, run)
        Adds the terms of a run, arrays (bin, member, wl) by name, to the sums (bin, wl).
    finalize : function of (sums, statistics)
        Fills the statistics (bin, wl) from the sums over all members.
    loops : function of (members, arrays, shared, result, finish, threads)
        Fills the result of `over` by compiled loops and returns True, or False where they are not
        for such arrays.
    dtype : type
        Of the statistics. Sums are float.
    """

    terms: tuple[str, ...]
    statistics: tuple[str, ...]
    chunk: Callable[[Rows, Rows], None]
    finalize: Callable[[Rows, Rows], None]
    loops: Callable[[Members, Rows, Mapping[str, Shared], np.ndarray, bool, int], bool]
    dtype: type = float

    def over(
        self,
        members: Members,
        arrays: Rows,
        shared: Mapping[str, Shared],
        finish: bool,
        threads: int = 1,
    ) -> np.ndarray:
        """Sums over members of arrays (spectrum, wl), (term, bin, wl), or their statistics.

        numpy goes block by block, while sums are in the processor's cache, and has one thread.
        """
        n_wl = next(iter(arrays.values())).shape[1]
        n_rows = len(self.statistics if finish else self.terms)
        result: np.ndarray = np.empty(
            (n_rows, members.n_bins, n_wl), self.dtype if finish else float
        )
        if not self.loops(members, arrays, shared, result, finish, threads):
            for bins, spectra in members.blocks(n_wl):
                sums = self.sums(arrays, spectra, shared)
                result[:, bins] = self.finish(sums) if finish else sums
        return result

    def sums(self, arrays: Rows, spectra: np.ndarray, shared: Mapping[str, Shared]) -> np.ndarray:
        """Sums over the members (bin, member) of arrays (spectrum, wl): (term, bin, wl)."""
        n_wl = next(iter(arrays.values())).shape[1]
        total = np.zeros((len(self.terms), spectra.shape[0], n_wl))
        rows = dict(zip(self.terms, total, strict=True))
        for first in range(0, spectra.shape[1], RUN):
            run = spectra[:, first : first + RUN]
            members = {name: array.take(run, axis=0) for name, array in arrays.items()}
            members |= {name: values.of(run) for name, values in shared.items()}
            self.chunk(rows, members)
        return total

    def finish(self, total: np.ndarray) -> np.ndarray:
        """Statistics (statistic, bin, wl) from sums (term, bin, wl) over all members."""
        result = np.empty((len(self.statistics), *total.shape[1:]), self.dtype)
        self.finalize(
            dict(zip(self.terms, total, strict=True)),
            dict(zip(self.statistics, result, strict=True)),
        )
        return result


#: What is known of a mean whose members have bounds.
_OF_BOUNDS = ("upper", "lower", "variance", "per_count")

#: What many spectra have in common.
_SHARED = ("weight", "background")

#: Sums behind the bounds of a mean, see `uvisxr.numerics.weighted_sums`.
_SUMS = ("counted", "variance", "scale")


def _of_quantity(
    bounds: bool, systematic: bool, background: bool, total: bool, interval: Interval
) -> Aggregation:
    """The aggregation of a quantity; of its bounds and its common errors if they are known."""
    terms: tuple[str, ...] = ("n", "sum", "squares")
    statistics: tuple[str, ...] = ("n", "mean", "std", "stderr")
    means = ("", "weighted_") if bounds else ("",)
    if bounds:
        terms += (*_SUMS, "scale_squares", "weight", "weighted")
        terms += tuple(f"weighted_{name}" for name in _SUMS)
        statistics += ("weighted", *(f"{mean}{name}" for mean in means for name in _OF_BOUNDS))
    common = (("calibration",) if systematic else ()) + (("background",) if background else ())
    terms += tuple(f"{mean}{part}" for mean in means for part in common)
    if systematic:
        statistics += tuple(f"{mean}systematic" for mean in means)
    if background:
        statistics += tuple(f"{mean}background_error" for mean in means)
    return Aggregation(
        terms,
        statistics,
        partial(_add_quantity, total=total, interval=interval),
        partial(_finish_quantity, total=total),
        partial(fast.of_quantity, n_terms=len(terms), total=total, interval=interval),
    )


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _add_quantity(sums: Rows, run: Rows, total: bool, interval: Interval) -> None:
    """Add the terms of a run: of its `value` and what else is known of it."""
    dtype = np.result_type(np.float32, *(a.dtype for a in run.values()))
    run = {name: a.astype(dtype, copy=False) for name, a in run.items()}
    mean = run["value"].mean(axis=1)
    # Weights that are the same all along wl are few: they are summed exactly.
    precise = "weight" in run and run["weight"].shape[2] < mean.shape[1]
    columns = _columns(run["value"], mean)
    if columns != slice(0, mean.shape[1]):
        sums = {name: a[:, columns] for name, a in sums.items()}
        run = {name: a[..., columns] if a.shape[2] > 1 else a for name, a in run.items()}
        mean = mean[:, columns]
    x = run["value"]
    n: int | np.ndarray = x.shape[1]
    finite = None
    # Any value that is not finite shows in the mean.
    if not np.isfinite(mean).all():
        finite = np.isfinite(x)
        n = finite.sum(axis=1)
        run = {name: np.where(finite, a, 0) for name, a in run.items()}
        x = run["value"]
        mean = x.sum(axis=1) / np.maximum(n, 1).astype(dtype)
    if "upper" in run:
        upper, lower = run["upper"], run["lower"]
        if total:
            upper, lower = (
                weighted_sums.without(bound, run["systematic"]) for bound in (upper, lower)
            )
        weight = run["weight"] if "weight" in run else _observed(upper, lower)
        counted, scale = weighted_sums.counted(upper, lower, interval)
        if finite is not None:
            counted, scale = (np.where(finite, a, 0) for a in (counted, scale))
        sums["weight"] += weight.sum(axis=1, dtype=float if precise else None)
        _add_bounds(sums, x, counted, scale, weight)
    if "systematic" in run:
        _add_common(sums, run, weight if "upper" in run else None)
    # About the mean of the run few digits suffice, even where it is far larger than the scatter.
    x -= mean[:, None]
    if finite is not None:
        x[~finite] = 0
    mean, rest = mean.astype(float), x.sum(axis=1)
    s = n * mean + rest
    sums["n"] += n
    sums["sum"] += s
    sums["squares"] += _products(x, x) + mean * (s + rest)


def _add_common(sums: Rows, run: Rows, weight: np.ndarray | None) -> None:
    """Add the parts of the common error, for the plain and the weighted mean."""
    background = run.get("background")
    parts = {
        "calibration": weighted_sums.calibration_part(run["systematic"], background, run["value"])
    }
    if "background" in run:
        parts["background"] = run["background"]
    for name, part in parts.items():
        sums[name] += part.sum(axis=1)
        if weight is not None:
            sums[f"weighted_{name}"] += _products(weight, part)


def _columns(x: np.ndarray, mean: np.ndarray) -> slice:
    """Wavelengths without those at both ends at which no member (bin, member, wl) has a value."""
    known = np.flatnonzero(np.isfinite(mean).any(axis=0))
    whole = slice(0, mean.shape[1])
    if not known.size:
        return whole
    inner = slice(known[0], known[-1] + 1)
    ends = x[..., : inner.start], x[..., inner.stop :]
    return whole if any(np.isfinite(end).any() for end in ends) else inner


def _observed(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Weights 1/sigma^2, sigma half the sum of the bounds."""
    weight = np.square(upper + lower)
    np.divide(4, weight, out=weight)
    # Errors of zero, which would weigh infinitely much, and unknown ones weigh nothing.
    weight[~np.isfinite(weight)] = 0
    return np.asarray(weight)


def _add_bounds(
    sums: Rows, x: np.ndarray, counted: np.ndarray, scale: np.ndarray, weight: np.ndarray
) -> None:
    """Add what the bounds of the plain and of the weighted mean are made of."""
    sums["weighted"] += _products(weight, x)
    sums["scale_squares"] += _products(scale, scale)
    for prefix in ("", "weighted_"):
        sums[f"{prefix}counted"] += counted.sum(axis=1)
        sums[f"{prefix}scale"] += scale.sum(axis=1)
        sums[f"{prefix}variance"] += _products(counted, scale)
        if not prefix:
            counted *= weight
            scale *= weight
            if not weight.all():
                # What has no weight may have no errors either.
                counted, scale = (np.where(weight == 0, 0, a) for a in (counted, scale))


def _products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sums of products over the members, (bin, member, wl) -> (bin, wl)."""
    return np.asarray(np.einsum("bmw,bmw->bw", x, y))


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _finish_quantity(sums: Rows, statistics: Rows, total: bool) -> None:
    """Number of finite values, mean and scatter, and what the bounds and common errors give.

    The standard error is the standard deviation (ddof 1) over c4(n) sqrt(n), and NaN like it for
    one value.
    """
    statistics["n"][...] = sums["n"]
    n = _column(sums["n"])
    some = np.where(n > 0, n, np.nan)
    mean = np.divide(sums["sum"], some, out=statistics["mean"])
    variance = np.multiply(sums["sum"], mean, out=statistics["std"])
    np.subtract(sums["squares"], variance, out=variance)
    # Rounding may take the difference of equal values below zero.
    np.maximum(variance, 0.0, out=variance)
    variance *= 1 / np.where(n > 1, n - 1, np.nan)
    std = np.sqrt(variance, out=variance)
    factor = c4(np.arange(n.max(initial=0) + 1))[n.astype(int)]
    np.multiply(std, 1 / (factor * np.sqrt(some)), out=statistics["stderr"])
    _finish_common(sums, statistics, "", some)
    if "weight" not in sums:
        return
    weight = np.where(sums["weight"] > 0, sums["weight"], np.nan)
    np.divide(sums["weighted"], weight, out=statistics["weighted"])
    _finish_common(sums, statistics, "weighted_", weight)
    # Expected weights make all members' scales one; what remains is their mean.
    scales = sums["scale_squares"] / sums["scale"], sums["weighted_scale"] / some
    for prefix, scale, norm in zip(("", "weighted_"), scales, (some, weight), strict=True):
        variance = sums[f"{prefix}variance"]
        given = (sums[f"{prefix}counted"], variance, scale)
        found = weighted_sums.bounds(*(a.astype(np.float32) for a in given))
        for name, bound in zip(("upper", "lower"), found, strict=True):
            bound = np.divide(bound, norm, out=statistics[f"{prefix}{name}"])
            if total:
                _join(bound, statistics[f"{prefix}systematic"])
        np.divide(variance, norm * norm, out=statistics[f"{prefix}variance"])
        np.divide(scale, norm, out=statistics[f"{prefix}per_count"])


def _finish_common(sums: Rows, statistics: Rows, mean: str, norm: np.ndarray) -> None:
    """Common errors of a mean: parts of one sign each, which do not average down."""
    if f"{mean}background" in sums:
        np.divide(sums[f"{mean}background"], norm, out=statistics[f"{mean}background_error"])
    if f"{mean}calibration" in sums:
        common = statistics[f"{mean}systematic"]
        np.divide(sums[f"{mean}calibration"], norm, out=common)
        if f"{mean}background" in sums:
            _join(common, statistics[f"{mean}background_error"])
        else:
            np.abs(common, out=common)


def _join(error: np.ndarray, other: np.ndarray) -> None:
    """Add another error in quadrature; far from the ends of double precision, unlike `hypot`."""
    error *= error
    error += other * other
    np.sqrt(error, out=error)


def _add_counts(sums: Rows, run: Rows) -> None:
    counts = as_counts(run["counts"])
    lost = missing(counts)
    if lost.any():
        counts = np.where(lost, 0, counts)
    # Sums of a run of 16-bit integers are exact in single precision.
    dtype = np.float32 if counts.dtype.itemsize <= 2 else float
    sums["counts"] += counts.astype(dtype).sum(axis=1)


def _finish_counts(sums: Rows, statistics: Rows) -> None:
    # Sums of whole numbers in double precision are exact up to 2^53.
    statistics["counts"][...] = sums["counts"]


def _add_covariances(sums: Rows, run: Rows) -> None:
    share = run["share"]
    for name in ("sums", "variances"):
        sums[name] += (run[name] * share).sum(axis=1)


def _finish_correlation(sums: Rows, statistics: Rows) -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        statistics["correlation"][...] = sums["sums"] / sums["variances"]


_COVARIANCES = Aggregation(
    ("sums", "variances"),
    ("correlation",),
    _add_covariances,
    _finish_correlation,
    lambda members, arrays, shared, result, finish, threads: False,
    np.float32,
)

_COUNTS = Aggregation(
    ("counts",), ("counts",), _add_counts, _finish_counts, fast.of_counts, np.int64
)


def _column(n: np.ndarray) -> np.ndarray:
    """Numbers of values (bin, wl) as (bin, 1) where nothing is missing: all alike along wl."""
    return n[:, :1] if (n == n[:, :1]).all() else n


@dataclass(frozen=True, eq=False)
class Measured:
    """A quantity of spectra, and what is known of it.

    Attributes
    ----------
    arrays : mapping of str to array, (pic, pixel, wl)
        NumPy or dask: `value`; if its errors are known `upper` and `lower`, their half-widths;
        `systematic`, its common error; and what is `shared`, where each spectrum has its own.
    shared : mapping of str to Shared
        `weight`: those of the weighted mean; without it 1/sigma^2, sigma half the sum of the
        half-widths. `background`: the part of the common error that does not go as the value.
    total : bool
        Whether the half-widths hold the common error too.
    interval : {"garwood", "score"}
        Of the half-widths.
    """

    arrays: Mapping[str, Array]
    shared: Mapping[str, Shared] = field(default_factory=dict)
    total: bool = False
    interval: Interval = "garwood"

    @property
    def aggregation(self) -> Aggregation:
        """How the members of a bin become its statistics."""
        return _of_quantity(
            "upper" in self.arrays,
            "systematic" in self.arrays,
            "background" in self.shared or "background" in self.arrays,
            self.total,
            self.interval,
        )


def statistics(members: Members, measured: Measured) -> dict[str, Array]:
    """Statistics of a quantity over the members of each bin.

    Parameters
    ----------
    members : Members
        Of the spectra (pic, pixel), numbered in C order.
    measured : Measured

    Returns
    -------
    dict of str to array of float, (bin, wl)
        `n`, the number of finite values, `mean`, `std` (ddof 1) and `stderr`; with bounds `upper`,
        `lower`, the statistical `variance` and the scale of one more count `per_count`; with a
        common error `systematic`; with its background part `background_error`; `weighted`, with
        bounds, and all these of it. Lazy where one of the arrays is.
    """
    return _aggregate(measured.aggregation, members, measured.arrays, measured.shared)


def count_sums(members: Members, counts: Array) -> Array:
    """Counts of the members of each bin, missing values left out.

    Parameters
    ----------
    members : Members
        Of the spectra (pic, pixel), numbered in C order.
    counts : array, (pic, pixel, wl)
        NumPy or dask.

    Returns
    -------
    array of int64, (bin, wl)
        Lazy where `counts` is.
    """
    return _aggregate(_COUNTS, members, {"counts": counts})["counts"]


def correlation(members: Members, sums: Array, variances: Array, share: np.ndarray) -> Array:
    """How much the errors of neighbours have in common in the mean spectra of bins.

    Parameters
    ----------
    members : Members
        Of the spectra (pic, pixel), numbered in C order.
    sums, variances : array, (pic, pixel, wl)
        NumPy or dask: sums of the covariances of elements with their spectra, and their variances.
    share : ndarray, (pic, pixel)
        Factor on both.

    Returns
    -------
    array of float32, (bin, wl)
        Lazy where the others are.
    """
    shared = {"share": Shared.along_wl(share)}
    return _aggregate(_COVARIANCES, members, {"sums": sums, "variances": variances}, shared)[
        "correlation"
    ]


def _aggregate(
    aggregation: Aggregation,
    members: Members,
    arrays: Mapping[str, Array],
    shared: Mapping[str, Shared] = MappingProxyType({}),
) -> dict[str, Array]:
    """Statistics (bin, wl) of arrays (pic, pixel, wl)."""
    there = {name: a for name, a in arrays.items() if isinstance(a, np.ndarray)}
    if len(there) == len(arrays):
        result: Array = _eager(aggregation, members, there, shared)
    else:
        result = _lazy(aggregation, members, arrays, shared)
    return dict(zip(aggregation.statistics, result, strict=True))


def _eager(
    aggregation: Aggregation, members: Members, arrays: Rows, shared: Mapping[str, Shared]
) -> np.ndarray:
    """Statistics, (statistic, bin, wl)."""
    given = parted(arrays, shared)
    return aggregation.over(members, *given, finish=True, threads=options.threads())


def parted(arrays: Rows, shared: Mapping[str, Shared]) -> tuple[Rows, Mapping[str, Shared]]:
    """Arrays (pic, pixel, wl) as (spectrum, wl), and what is shared, of each spectrum too."""
    flat = {name: a.reshape(-1, a.shape[2]) for name, a in arrays.items()}
    own = {name: Shared.of_each(a) for name, a in flat.items() if name in _SHARED}
    return {name: a for name, a in flat.items() if name not in own}, {**shared, **own}


def _lazy(
    aggregation: Aggregation,
    members: Members,
    arrays: Mapping[str, Array],
    shared: Mapping[str, Shared],
) -> DaskArray:
    """Statistics, (statistic, bin, wl), of sums over blocks of exposures, by dask."""
    import dask.array as da

    # What `block` refers to goes to the workers: names, not the arrays.
    n_terms, names = len(aggregation.terms), tuple(arrays)
    shape = next(iter(arrays.values())).shape
    lazy = next(a for a in arrays.values() if not isinstance(a, np.ndarray))
    n_pixel = shape[1]
    chunks = (lazy.chunks[0], (n_pixel,), lazy.chunks[2])
    given = [da.asarray(a).rechunk(chunks) for a in arrays.values()]

    def block(*blocks: np.ndarray, block_info: Any = None) -> np.ndarray:
        (start, stop), _, columns = block_info[0]["array-location"]
        some = slice(start * n_pixel, stop * n_pixel)
        here = members.within(some.start, some.stop)
        part = {name: a.within(some, slice(*columns)) for name, a in shared.items()}
        given = parted(dict(zip(names, blocks, strict=True)), part)
        # The blocks of lazy arrays are shared out by dask.
        sums = aggregation.over(here, *given, finish=False)
        return sums.reshape(1, -1, blocks[0].shape[2])

    sums = da.map_blocks(
        block,
        *given,
        chunks=((1,) * len(chunks[0]), (members.n_bins * n_terms,), chunks[2]),
        dtype=float,
        meta=np.empty((0, 0, 0)),
    )
    total = sums.sum(axis=0).reshape(n_terms, members.n_bins, shape[2])
    total = total.rechunk({0: -1, 1: -1})
    result: DaskArray = total.map_blocks(
        aggregation.finish,
        chunks=((len(aggregation.statistics),), *total.chunks[1:]),
        dtype=aggregation.dtype,
        meta=np.empty((0, 0, 0), aggregation.dtype),
    )
    return result
