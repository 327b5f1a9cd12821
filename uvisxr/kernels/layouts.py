"""How the data of a segment of an SPK, CK or binary PCK are divided, by its type.

The last numbers of a segment say how many records it has and how long they are. SPICE takes them at
their word, and where they are wrong reads past its arrays, which ends the Python process. It ends
too where a time that SPICE wants to tell in an error is infinite.

References
----------
NAIF required reading *SPK*, *CK* and *PCK* (structure of the data types).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..numerics.stretches import of_zeros

#: Reads the doubles from one address of a file to another, both included.
Read = Callable[[int, int], np.ndarray]

#: Epochs of which every hundredth is repeated in a directory.
_STEP = 100

#: Longest record of an SPK (`spkrec.inc`), and the highest degree of polynomials, of SPICE.
_LONGEST, _DEGREE = 198, 27

#: Doubles read at once, and how much the length of a quaternion may differ from 1.
_BLOCK, _NORM = 2**20, 1e-3

#: So many zeros in a row are what a disk has where nothing was written, in units of 512 bytes;
#: positions and polynomials of the archive's files have at most 12.
_HOLE = 64

#: Doubles of a packet of SPK type 18 and of CK type 5, by subtype.
_STATES, _ATTITUDES = {0: 12, 1: 6, 2: 6}, {0: 8, 1: 4, 2: 14, 3: 7}


class _Fault(Exception):
    """What is wrong with a segment."""


@dataclass(frozen=True)
class Segment:
    """A summary, of which the last two numbers are addresses.

    Attributes
    ----------
    kind : bytes
        "SPK ", "CK  " or "PCK ".
    start, stop : float
        What it covers: TDB s past J2000, or ticks.
    codes : tuple of int
        Those between them.
    """

    kind: bytes
    start: float
    stop: float
    codes: tuple[int, ...]

    @property
    def frame(self) -> int:
        """The number of the frame that its data are given in."""
        return self.codes[{b"SPK ": 2, b"CK  ": 1, b"PCK ": 1}[self.kind]]

    @property
    def type(self) -> int:
        """The type of its data."""
        return self.codes[{b"SPK ": 3, b"CK  ": 2, b"PCK ": 2}[self.kind]]


def fault(segment: Segment, read: Read, deep: bool = False) -> str:
    """What is wrong with how the data of a segment are divided; empty if nothing is.

    The types 10, 14 and 19 of SPK, and 4 and 6 of CK, which kernels of Cassini do not use and which
    are not checked here, are faults.

    Parameters
    ----------
    segment : Segment
        Its addresses lie in the file.
    read : callable
    deep : bool
        Whether positions and orientations are read too; else only times and what divides them.
    """
    kind, number = segment.kind, segment.type
    check = _CHECKS[kind].get(number)
    if check is None:
        return f"a segment is of type {number}, which there is not, or not in kernels of Cassini"
    begin, end = segment.codes[-2:]
    try:
        check(segment, _Data(begin, end, read))
        if deep:
            _numbers(segment, _Data(begin, end, read))
    except _Fault as found:
        return f"a segment of type {number} {found}"
    return ""


@dataclass(frozen=True)
class _Data:
    """The data of a segment."""

    begin: int
    end: int
    read: Read

    @property
    def size(self) -> int:
        return self.end - self.begin + 1

    def last(self, count: int) -> list[float]:
        """The last numbers."""
        if self.size < count:
            raise _Fault(f"has only {self.size} numbers")
        return [float(value) for value in self.read(self.end - count + 1, self.end)]

    def part(self, first: int, count: int) -> np.ndarray:
        """Some numbers, of which the first is number `first` from 0."""
        if not count:
            return np.empty(0)
        return self.read(self.begin + first, self.begin + first + count - 1)

    def must_have(self, size: int) -> None:
        if self.size != size:
            raise _Fault(f"has {self.size} numbers, but says {size}")


def _numbers(segment: Segment, data: _Data) -> None:
    """What positions and orientations can be."""
    hole = None
    for first in range(0, data.size, _BLOCK - _HOLE):
        part = data.part(first, min(_BLOCK, data.size - first))
        if not np.isfinite(part).all():
            raise _Fault("has data that are no numbers")
        found = _zeros(part)
        if hole is None and found is not None:
            hole = first + found
    if segment.kind == b"CK  ":
        quaternions = _records(segment, data)[:, :4]
        if not (np.abs(np.linalg.norm(quaternions, axis=1) - 1) < _NORM).all():
            raise _Fault("has orientations that are none: quaternions of another length than 1")
    elif hole is not None and segment.type not in (15, 17):
        # A body may rest where its positions count from.
        records = _records(segment, data)
        if records[:, 2 if segment.type in (2, 3) else 0 :].any():
            at = 8 * (data.begin + hole - 1)
            raise _Fault(f"has a hole: zeros alone among its data, from byte {at} of the file")
    if segment.kind != b"CK  " and segment.type in (2, 3):
        begin, interval, _, count = data.last(4)
        records = _records(segment, data)
        middles = begin + (np.arange(count) + 0.5) * interval
        apart = np.abs(records[:, :2] - np.stack([middles, np.full(int(count), interval / 2)], 1))
        if not (apart <= 1e-6 * interval).all():
            raise _Fault("has records of other times than it says")


def _zeros(values: np.ndarray) -> int | None:
    """Where the first zeros begin that are so many in a row that they are a hole, if any are."""
    if values.size - np.count_nonzero(values) < _HOLE:
        return None
    begin, zeros = of_zeros(values)
    holes = begin[zeros >= _HOLE]
    return int(holes[0]) if holes.size else None


def _records(segment: Segment, data: _Data) -> np.ndarray:
    """The positions or orientations of a segment that `fault` has found well divided, in rows."""
    orbit, number = segment.kind != b"CK  ", segment.type
    n = int(data.last(1)[0]) if orbit or number != 2 else _spins(data)
    if orbit:
        width = _row(number, data)
    elif number == 5:
        width = _ATTITUDES[int(data.last(5)[1])]
    else:
        width = 8 if number == 2 else _width(segment)
    return data.part(0, n * width).reshape(n, width)


def _row(number: int, data: _Data) -> int:
    """Doubles of a record of an SPK or binary PCK, of the types that have several."""
    if number == 18:
        return _STATES[int(data.last(3)[0])]
    if number in (2, 3, 20):
        return int(data.last(2)[0])
    if number == 21:
        return 4 * int(data.last(2)[0]) + 11
    return 71 if number == 1 else 6


def _count(value: float, most: int, what: str, least: int = 1) -> int:
    if not (least <= value <= most and value == int(value)):
        raise _Fault(f"has {value:g} {what}")
    return int(value)


def _epochs(data: _Data, at: int, n: int, marks: int, strictly: bool = True) -> np.ndarray:
    """Rising epochs with the directory that follows them."""
    times = data.part(at, n)
    steps = np.diff(times)
    if not (np.isfinite(times).all() and (steps > 0 if strictly else steps >= 0).all()):
        raise _Fault("has times that do not rise")
    _directory(data, at + n, times[_STEP - 1 :: _STEP][:marks])
    return times


def _directory(data: _Data, at: int, times: np.ndarray) -> None:
    """A directory of these times."""
    if not np.array_equal(data.part(at, times.size), times):
        raise _Fault("has a directory of other times")


def _within(segment: Segment, first: float, last: float) -> None:
    # Rounding, as times of ephemerides are around 1e9 s.
    if not (first - 1e-3 <= segment.start and segment.stop <= last + 1e-3):
        raise _Fault(
            f"lasts from {segment.start:g} to {segment.stop:g}, but has data from {first:g} to "
            f"{last:g}"
        )


def _differences(segment: Segment, data: _Data) -> None:
    """SPK 1 and 21: modified difference arrays, each up to its epoch."""
    if segment.type == 1:
        (count,) = data.last(1)
        length, end = 71, 1
    else:
        dimension, count = data.last(2)
        length, end = 4 * _count(dimension, 25, "terms") + 11, 2
    n = _count(count, data.size, "records")
    data.must_have((length + 1) * n + n // _STEP + end)
    times = _epochs(data, length * n, n, n // _STEP, strictly=False)
    _within(segment, -math.inf, times[-1])


def _chebyshev(segment: Segment, data: _Data) -> None:
    """SPK 2 and 3, PCK 2 and 3: polynomials of intervals of one length."""
    first, interval, length, count = data.last(4)
    columns = 3 if segment.type == 2 else 6
    size = _count(length, _LONGEST, "numbers in a record", 2 + columns)
    n = _count(count, data.size, "records")
    if (size - 2) % columns:
        raise _Fault(f"has {size} numbers in a record")
    data.must_have(size * n + 4)
    if not (math.isfinite(first) and 0 < interval < math.inf):
        raise _Fault(f"has intervals of {interval:g} s from {first:g}")
    _within(segment, first, first + n * interval)


def _velocities(segment: Segment, data: _Data) -> None:
    """SPK and PCK 20: polynomials of velocity."""
    *scales, length, count = data.last(7)
    size = _count(length, _LONGEST, "numbers in a record", 3)
    n = _count(count, data.size, "records")
    data.must_have(size * n + 7)
    if not np.isfinite(scales).all() or min(scales[0], scales[1], scales[4]) <= 0:
        raise _Fault("has scales that are not positive numbers")


def _two_bodies(segment: Segment, data: _Data) -> None:
    """SPK 5: states between which a body falls freely."""
    mass, count = data.last(2)
    n = _count(count, data.size, "states")
    data.must_have(7 * n + n // _STEP + 2)
    _epochs(data, 6 * n, n, n // _STEP)
    if not 0 < mass < math.inf:
        raise _Fault(f"has a central mass of {mass:g}")


def _states(segment: Segment, data: _Data) -> None:
    """SPK 8, 9, 12, 13: states for polynomials of Lagrange or Hermite."""
    degree, count = data.last(2)
    n = _count(count, data.size, "states")
    if segment.type in (8, 9):
        _count(degree, min(_DEGREE, n - 1), "as degree")
    else:
        _count(degree, min(_DEGREE // 2, n - 1), "as half a degree", 0)
    if segment.type in (9, 13):
        marks = (n - 1) // _STEP
        data.must_have(7 * n + marks + 2)
        times = _epochs(data, 6 * n, n, marks)
        _within(segment, times[0], times[-1])
        return
    first, step = data.last(4)[:2]
    data.must_have(6 * n + 4)
    if not (math.isfinite(first) and 0 < step < math.inf):
        raise _Fault(f"has steps of {step:g} s from {first:g}")
    _within(segment, first, first + (n - 1) * step)


def _elements(segment: Segment, data: _Data) -> None:
    """SPK 15 and 17: one orbit."""
    size = {15: 16, 17: 12}[segment.type]
    data.must_have(size)
    if not np.isfinite(data.part(0, size)).all():
        raise _Fault("has elements that are no numbers")


def _packets(segment: Segment, data: _Data) -> None:
    """SPK 18: states of several kinds, for polynomials."""
    subtype, window, count = data.last(3)
    n = _count(count, data.size, "states")
    _count(window, min(_DEGREE + 1, n), "states in a window")
    size = _STATES[_count(subtype, max(_STATES), "as subtype", 0)]
    marks = (n - 1) // _STEP
    data.must_have((size + 1) * n + marks + 3)
    times = _epochs(data, size * n, n, marks)
    _within(segment, times[0], times[-1])


def _single(segment: Segment, data: _Data) -> None:
    """CK 1: orientations at single instants."""
    (count,) = data.last(1)
    n = _count(count, data.size, "orientations")
    width = _width(segment)
    data.must_have((width + 1) * n + (n - 1) // _STEP + 1)
    times = _epochs(data, width * n, n, 0)
    # Here the directory has what is halfway to the next one.
    _directory(data, (width + 1) * n, (times[:-1] + times[1:])[_STEP - 1 :: _STEP] / 2)


def _spinning(segment: Segment, data: _Data) -> None:
    """CK 2: intervals of constant spin."""
    n = _spins(data)
    data.must_have(10 * n + (n - 1) // _STEP)
    starts, stops = data.part(8 * n, n), data.part(9 * n, n)
    if not (
        np.isfinite(stops).all() and (stops >= starts).all() and (starts[1:] >= stops[:-1]).all()
    ):
        raise _Fault("has intervals that are not one after the other")
    # Halfway between the end of one interval and the next one.
    _directory(data, 10 * n, (stops[:-1] + starts[1:])[_STEP - 1 :: _STEP] / 2)
    rates = data.part(7, 8 * n - 7)[::8]
    if not (np.isfinite(rates).all() and (rates > 0).all()):
        raise _Fault("has clock rates that are not positive numbers")


def _spins(data: _Data) -> int:
    """How many intervals of constant spin there are."""
    # There is no count: its directory makes of 100 records 1001 numbers.
    return -(-data.size * _STEP // (10 * _STEP + 1))


def _pointing(segment: Segment, data: _Data) -> None:
    """CK 3 and 5: orientations to be interpolated within intervals."""
    if segment.type == 3:
        intervals, count = data.last(2)
        width, end = _width(segment), 2
    else:
        _, subtype, window, intervals, count = data.last(5)
        width, end = _ATTITUDES[_count(subtype, max(_ATTITUDES), "as subtype", 0)], 5
        _count(window, _DEGREE + 1, "orientations in a window")
    n = _count(count, data.size, "orientations")
    m = _count(intervals, n, "intervals")
    marks, begun = (n - 1) // _STEP, (m - 1) // _STEP
    data.must_have((width + 1) * n + marks + m + begun + end)
    times = _epochs(data, width * n, n, marks)
    starts = _epochs(data, (width + 1) * n + marks, m, begun)
    if starts[0] != times[0] or (m > 1 and not np.isin(starts, times).all()):
        raise _Fault("has intervals that begin at times of no orientation")


def _width(segment: Segment) -> int:
    """Doubles of an orientation, with rates or without."""
    rates = segment.codes[3]
    if rates not in (0, 1):
        raise _Fault(f"has the mark {rates} of rates")
    return 7 if rates else 4


_CHECKS = {
    b"SPK ": {
        **dict.fromkeys((1, 21), _differences),
        **dict.fromkeys((2, 3), _chebyshev),
        **dict.fromkeys((8, 9, 12, 13), _states),
        **dict.fromkeys((15, 17), _elements),
        5: _two_bodies,
        18: _packets,
        20: _velocities,
    },
    b"CK  ": {1: _single, 2: _spinning, 3: _pointing, 5: _pointing},
    b"PCK ": {2: _chebyshev, 3: _chebyshev, 20: _velocities},
}
