"""Exposures along an axis of pictures: by their times, with gaps left open, or by their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axis import Axis
from matplotlib.dates import (
    DAILY,
    HOURLY,
    MINUTELY,
    SECONDLY,
    AutoDateLocator,
    ConciseDateFormatter,
    date2num,
)

from .. import checks
from ..drawing.texts import set_label
from ..errors import MissingStepError
from .axes import EXPOSURE, number_axis, size

#: What exposures are drawn along.
TimeAxis = Literal["utc", "pic"]

#: Shares of an exposure: a shorter pause is not shown.
_PAUSE = 0.5

#: Intervals of ticks: with them any span can be had with three or more.
_INTERVALS = {
    SECONDLY: [1, 2, 5, 10, 15, 20, 30, 60],
    MINUTELY: [1, 2, 5, 10, 15, 20, 30, 60],
    HOURLY: [1, 2, 3, 4, 6, 12, 24],
    DAILY: [1, 2, 3, 7, 14, 21, 30],
}

#: Room for the label of a tick, points, and where it tells seconds.
_LABEL, _LONG_LABEL = 40.0, 70.0

#: Spans whose ticks tell seconds, days.
_SECONDS = 2.5 / 1440


@dataclass(frozen=True, eq=False)
class Timeline:
    """Where exposures begin and end along an axis.

    Attributes
    ----------
    kind : {"utc", "pic"}
        Days since 1970, as matplotlib has dates, or positions in the dataset.
    order : ndarray of int, (n,)
        Positions of the exposures in order of time; without those whose time is unknown.
    left, right : ndarray, (n,)
        In this order. Exposures with only a short pause between them touch.
    joined : ndarray of bool, (n - 1,)
        Whether an exposure touches the next.
    numbers : ndarray
        `pic` of all exposures.
    """

    kind: TimeAxis
    order: np.ndarray
    left: np.ndarray
    right: np.ndarray
    joined: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, ds: xr.Dataset, kind: TimeAxis | None = None) -> Timeline:
        """That of a dataset; without a `kind` by time if it has times, else by number.

        Raises
        ------
        MissingStepError
            Times are asked for and there are none.
        """
        numbers = np.atleast_1d(ds["pic"].values)
        spans = _spans(ds)
        if kind == "utc" and spans is None:
            raise MissingStepError(
                'the dataset has no times of exposures for x="utc": keep time_start and time_stop '
                'of uvisxr.open_product, or take x="pic"'
            )
        if kind == "pic" or spans is None:
            at = np.arange(numbers.size)
            joined = np.ones(max(at.size - 1, 0), bool)
            return cls("pic", at, at - 0.5, at + 0.5, joined, numbers)
        start, stop = spans
        order = np.argsort(start, kind="stable")
        order = order[np.isfinite(start[order]) & np.isfinite(stop[order])]
        left, right = start[order], stop[order]
        joined = left[1:] - right[:-1] <= _PAUSE * (right - left)[:-1]
        middle = np.where(joined, 0.5 * (left[1:] + right[:-1]), 0.0)
        left = np.concatenate([left[:1], np.where(joined, middle, left[1:])])
        right = np.concatenate([np.where(joined, middle, right[:-1]), right[-1:]])
        return cls("utc", order, left, right, joined, numbers)

    @property
    def centres(self) -> np.ndarray:
        """Middles of the exposures, (n,)."""
        return np.asarray(0.5 * (self.left + self.right))

    def mesh(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges of columns side by side, and the exposure in each: -1 in a gap."""
        last = np.append(~self.joined, False)
        columns = np.repeat(self.order, 1 + last)
        edges = np.repeat(self.left, 1 + last)
        gaps = np.flatnonzero(last) + np.arange(1, 1 + np.count_nonzero(last))
        columns[gaps] = -1
        edges[gaps] = self.right[last]
        return np.append(edges, self.right[-1:]), columns

    def name(self, axis: Axis) -> None:
        """Give an axis the ticks and the label of what it shows."""
        if self.kind == "pic":
            number_axis(axis, self.numbers)
            set_label(axis, EXPOSURE)
            return
        short = self.right.size > 0 and self.right.max() - self.left[0] < _SECONDS
        room = _LONG_LABEL if short else _LABEL
        most = int(np.clip(size(axis.axes)[0] / room, 3, 7))
        locator = AutoDateLocator(minticks=2, maxticks=most)
        locator.intervald |= _INTERVALS
        axis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator, show_offset=False)
        # A second alone does not say of which minute.
        formatter.formats[-1], formatter.zero_formats[-1] = "%H:%M:%S.%f", "%H:%M:%S"
        axis.set_major_formatter(formatter)
        days = np.unique(np.floor([*self.left[:1], *self.right[-1:]]))
        day = f", {np.datetime64(int(days[0]), 'D')}" if days.size == 1 else ""
        set_label(axis, f"Time (UTC{day})")


def check(x: str | None, *others: str) -> None:
    """Refuse what exposures cannot be drawn along."""
    checks.one_of("x", x, (*checks.choices(TimeAxis), *others, None))


def _spans(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray] | None:
    """Beginnings and ends of the exposures, days; None if no time is known."""
    size = ds.sizes.get("pic", 1)
    if {"time_start", "time_stop"} <= set(ds.variables):
        start, stop = (_days(ds[name], size) for name in ("time_start", "time_stop"))
    elif "time" in ds.variables:
        middle = _days(ds["time"], size)
        if "exposure" in ds.variables:
            width = np.broadcast_to(ds["exposure"].values / 86400.0, size)
        else:
            steps = np.diff(np.sort(middle[np.isfinite(middle)]))
            width = np.full(size, np.median(steps) if steps.size else 1 / 86400.0)
        start, stop = middle - 0.5 * width, middle + 0.5 * width
    else:
        return None
    return (start, stop) if np.isfinite(start + stop).any() else None


def _days(times: xr.DataArray, size: int) -> np.ndarray:
    values = np.broadcast_to(times.values, size)
    if values.dtype.kind != "M":
        return np.full(size, np.nan)
    return np.asarray(np.where(np.isnat(values), np.nan, date2num(values)), float)
