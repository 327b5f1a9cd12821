"""Sums and statistics of spectra in bins by compiled loops; see `uvisxr.numerics.fused_bins`.

Threads share the wavelengths out, not the members, whose sums would be rounded in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np

from ..numerics import compiled
from ..numerics.poisson import Interval, gap
from ..numerics.weighted_sums import steps_of_counts, steps_of_ratios
from .members import RUN, Members, Shared, c4

#: Wavelengths are shared out among threads from so many elements of members on.
_LARGE = 2**20

#: Least wavelengths of a share: as each thread goes through all members, narrow ones cost as much.
_LEAST = 256

#: Shares begin at multiples of so many elements, as the processor takes several at once.
_TOGETHER = 16

_NO_PLANES = Shared(np.empty((0, 0), np.float32), np.empty(0, int), np.empty(0))


def of_quantity(
    members: Members,
    arrays: Mapping[str, np.ndarray],
    shared: Mapping[str, Shared],
    result: np.ndarray,
    finish: bool,
    threads: int,
    *,
    n_terms: int,
    total: bool,
    interval: Interval,
) -> bool:
    """Fill `Aggregation.over` of a quantity, if it has wavelengths and all is single precision.

    The numbers are those of numpy, if that multiplies before it adds, as on x86.

    Parameters
    ----------
    members, arrays, shared, result, finish, threads
        See there.
    n_terms : int
        Of the sums.
    total, interval
        See `statistics.statistics`.

    Returns
    -------
    bool
        Whether that was done.
    """
    planes = [*arrays.values(), *(a.planes for a in shared.values())]
    # Over a single wavelength, as within unknown ones, numpy adds in another order.
    alike = result.shape[2] > 1 and all(a.dtype == np.float32 for a in planes)
    loops = _loops(members, result) if alike else None
    if loops is None:
        return False
    _fill(loops, members, arrays, shared, result, finish, threads, n_terms, total, interval)
    return True


def _fill(
    loops: ModuleType,
    members: Members,
    arrays: Mapping[str, np.ndarray],
    shared: Mapping[str, Shared],
    result: np.ndarray,
    finish: bool,
    threads: int,
    n_terms: int,
    total: bool,
    interval: Interval,
) -> None:
    weight, dark = (shared.get(name, _NO_PLANES) for name in ("weight", "background"))
    of_number = np.empty((2, 0))
    if finish:
        n = np.arange(members.count.max() + 1.0)
        some = np.where(n > 0, n, np.nan)
        of_number = np.stack([1 / np.where(n > 1, n - 1, np.nan), 1 / (c4(n) * np.sqrt(some))])
    given = (
        *(
            _read_only(arrays.get(name, _NO_PLANES.planes))
            for name in ("value", "upper", "lower", "systematic")
        ),
        *(_read_only(a) for a in (weight.planes, weight.row)),
        _read_only(np.asarray(weight.factor, float)),
        *(_read_only(a) for a in (dark.planes, dark.row)),
        steps_of_ratios(),
        total,
        interval == "score",
        RUN,
        *_ranges(members),
        n_terms,
        of_number,
        *steps_of_counts(),
        result,
    )
    _by_columns(lambda first, stop: loops.statistics(*given, first, stop), members, result, threads)


def prepare() -> None:
    """Have the loops compiled, and used from when they are.

    That takes some ten seconds, once on a machine: numpy does the work of other threads until then.
    It is for those who are about to wait for each of many means.
    """
    if compiled.load() is None:
        return
    from ..numerics import fused_bins

    one = Members(np.zeros(1, int), np.zeros(1, int), 1)
    plane, sums = np.zeros((1, 2), np.float32), np.empty((12, 1, 2))
    arrays = dict.fromkeys(("value", "upper", "lower"), plane)
    _fill(fused_bins, one, arrays, {}, sums, False, 1, len(sums), False, "garwood")
    for kind in (np.uint16, np.uint32):
        counts = _read_only(np.zeros((1, 2), kind))
        fused_bins.sum_counts(counts, 0, *_ranges(one), np.empty((1, 1, 2), np.int64))
    compiled.loops(compiled.WORTH)


def of_counts(
    members: Members,
    arrays: Mapping[str, np.ndarray],
    shared: Mapping[str, Shared],
    result: np.ndarray,
    finish: bool,
    threads: int,
) -> bool:
    """Fill `Aggregation.over` of counts, if these are whole; see `of_quantity`."""
    counts = arrays["counts"]
    whole = counts.dtype in (np.uint16, np.uint32)
    loops = _loops(members, result) if whole else None
    if loops is None:
        return False
    loops.sum_counts(_read_only(counts), gap(counts.dtype), *_ranges(members), result)
    return True


def _loops(members: Members, result: np.ndarray) -> ModuleType | None:
    if compiled.loops(members.spectrum.size * result.shape[2]) is None:
        return None
    from ..numerics import fused_bins

    return fused_bins


def _by_columns(
    work: Callable[[int, int], None], members: Members, result: np.ndarray, threads: int
) -> None:
    """Do the work on the columns first..stop-1 along wl, all of them, on several threads."""
    n_wl = result.shape[2]
    several = members.spectrum.size * n_wl >= _LARGE
    n_shares = max(1, min(threads, n_wl // _LEAST)) if several else 1
    if n_shares == 1:
        work(0, n_wl)
        return
    first = [n_wl * k // n_shares // _TOGETHER * _TOGETHER for k in range(n_shares)]
    with ThreadPoolExecutor(n_shares) as pool:
        list(pool.map(work, first, [*first[1:], n_wl]))


def _ranges(members: Members) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of the members, and where those of each bin begin."""
    start = np.concatenate([[0], np.cumsum(members.count)])
    return _read_only(members.spectrum), start


def _read_only(array: np.ndarray) -> np.ndarray:
    """For the loops, which are compiled anew for arrays of another kind."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view
