"""The scale and the limits of the brightness of spectra, which their errors do not set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from ..drawing.colours import STEEP
from ..drawing.scales import plain, plain_log, plain_symlog
from . import axes as common
from .marks import Lines, headroom

#: Scales of brightness.
Scale = Literal["linear", "log", "symlog"]

#: Part of the values that may lie below zero or at it on a logarithmic scale.
_BELOW = 0.25

#: The most room that bands of error have beyond the values, of the range of these.
_BAND = 0.3

#: How many times as high as the end of the linear part a scale must reach to be logarithmic above.
_ABOVE = 3.0


def set_scale(
    ax: Axes, wl: np.ndarray, values: np.ndarray, channel: str, marked: Lines | None = None
) -> None:
    """Choose a scale, and limits from spectra alone: bands are far wider at a channel's ends.

    Parameters
    ----------
    ax : Axes
    wl : ndarray, (wl,)
    values : ndarray, (..., wl)
    channel : str
        Only where it is sensitive are radiances heeded; "" for everywhere.
    marked : mapping, optional
        Lines whose names are written above the spectra.
    """
    apply_scale(ax, scale_of(sensitive(wl, values, channel)), values)
    set_limits(ax, wl, values, channel, marked or {})


def sensitive(wl: np.ndarray, values: np.ndarray, channel: str) -> np.ndarray:
    """Values with NaN where the channel is not sensitive, if there are any where it is."""
    low, high = common.SENSITIVE.get(channel, (-np.inf, np.inf))
    # An element may be as wide as what lies beyond.
    step = np.abs(np.diff(wl)).min(initial=np.inf)
    inside = (wl - 0.5 * step > low) & (wl + 0.5 * step < high)
    found = np.where(inside, values, np.nan)
    return found if np.isfinite(found).any() else values


def _noise(found: np.ndarray) -> float:
    return float(np.sqrt(np.mean(found[found < 0] ** 2))) if (found < 0).any() else 0.0


def scale_of(values: np.ndarray, asked: Scale | None = None) -> Scale:
    """The scale asked for, or that suits values: logarithmic where a line towers above the rest.

    It is linear where no value is above zero.
    """
    found = values[np.isfinite(values)]
    if not found.size or found.max() <= 0:
        return "linear"
    if asked is not None:
        return asked
    middle, high = float(np.median(found)), float(found.max())
    below = np.count_nonzero(found <= 0) / found.size
    if below <= _BELOW and _noise(found) < middle:
        return "log" if middle < high / STEEP else "linear"
    return "symlog" if _threshold(found) < high / _ABOVE else "linear"


def _threshold(found: np.ndarray) -> float:
    """Below which a scale is linear: a power of ten above most of the values."""
    bound = float(np.percentile(np.abs(found), 90)) or float(np.abs(found).max(initial=0.0))
    return float(10.0 ** np.ceil(np.log10(bound or 1.0)))


def apply_scale(ax: Axes, scale: str, values: np.ndarray) -> None:
    """Give axes a scale: one that is linear near zero is so below most of the values.

    A line marks where.
    """
    found = values[np.isfinite(values)]
    if scale == "symlog" and found.size:
        end = _threshold(found)
        ax.set_yscale("symlog", linthresh=end, linscale=1.5)
        plain_symlog(ax.yaxis, end)
        for one in (end, -end):
            ax.axhline(one, color="0.6", linewidth=0.6, zorder=0, gid="linear_below")
    else:
        ax.set_yscale("linear" if scale == "symlog" else scale)
        plain_log(ax.yaxis)


def linear_below(ax: Axes) -> str:
    """What a label says of a scale that is linear near zero; "" of others."""
    if ax.get_yscale() != "symlog":
        return ""
    end = ax.yaxis.get_transform().linthresh  # type: ignore[attr-defined]
    return f", linear below {plain(end)}"


def set_limits(
    ax: Axes,
    wl: np.ndarray,
    values: np.ndarray,
    channel: str,
    marked: Lines,
    ends: Sequence[np.ndarray] = (),
) -> None:
    """Set limits from values, with room for the names of lines above them.

    Upper `ends` of bands have room on linear scales if they ask for little.
    """
    known = sensitive(wl, values, channel)
    found = known[np.isfinite(known)]
    if not found.size:
        return
    low, high = float(found.min()), float(found.max())
    share = headroom(ax, marked)
    if ax.get_yscale() == "log":
        # Where each spectrum begins: they may be far apart.
        rows = [row[row > 0] for row in known.reshape(-1, known.shape[-1])]
        starts = [float(np.percentile(row, 2)) for row in rows if row.size]
        bottom = max(0.6 * min(starts), _noise(found))
        bottom = min(bottom, 0.5 * high)
        ax.set_ylim(bottom, high * 1.3 * (high / bottom) ** (share / (1 - share)))
        return
    low = min(low, 0.0)
    if ax.get_yscale() == "symlog":
        ahead = ax.yaxis.get_transform()
        y0, y1 = ahead.transform(np.array([low, high]))
        pad = 0.05 * (y1 - y0) or 0.5
        y0, y1 = y0 - pad, y1 + pad
        y1 += (y1 - y0) * share / (1 - share)
        ax.set_ylim(*ahead.inverted().transform(np.array([y0, y1])))
        return
    reached = max((float(np.nanmax(one, initial=high)) for one in ends), default=high)
    high = min(reached, high + _BAND * (high - low))
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    ax.set_ylim(low - room, high + room + (high - low) * share / (1 - share))
