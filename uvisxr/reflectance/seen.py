"""Sunlight as an element of the detector sees it: through the slit, over the element's width."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..instrument import line_shape
from ..instrument.channel import CHANNELS, N_BANDS, Channel, ChannelName

#: Light from farther beyond the detector's range is not looked at, angstrom: what of it falls on
#: the detector, in the far wings of the line, is of wavelengths to which it is nearly blind.
_REACH = 30.0

#: Distance of the nodes between which the response is a straight line, angstrom: a sixth of the
#: blur, which makes it wrong by less than 0.4 % of its peak.
_STEP = 0.25


def spectrum(
    wl: np.ndarray, photons: np.ndarray, edges: np.ndarray, channel: Channel, slit: str
) -> np.ndarray:
    """Mean of spectra over elements, convolved with the response of the slit.

    Parameters
    ----------
    wl : ndarray, (n,)
        Angstrom, ascending.
    photons : ndarray, (time, n)
        Straight lines between these.
    edges : ndarray, (element, 2)
        Angstrom, either end first.
    channel : Channel
    slit : {"HIGH_RESOLUTION", "LOW_RESOLUTION", "OCCULTATION"}

    Returns
    -------
    ndarray, (time, element)
        In the unit of `photons`; NaN where the spectra begin or end within the slit's resolution
        of the element. A flat spectrum stays as it is.
    """
    low, high = edges.min(axis=1), edges.max(axis=1)
    resolution = channel.slits[slit].dlambda
    known = (low - resolution >= wl[0]) & (high + resolution <= wl[-1])
    found = np.full((len(photons), len(edges)), np.nan)
    if not known.any():
        return found
    ends = channel.wavelength(np.array([0, N_BANDS - 1]))
    first, last = max(wl[0], ends[0] - _REACH), min(wl[-1], ends[1] + _REACH)
    nodes = np.linspace(first, last, int(np.ceil((last - first) / _STEP)) + 1)
    elements = (low[known].tobytes(), high[known].tobytes())
    response = _response(*elements, nodes.tobytes(), channel.name, slit)
    light = np.stack([_shares(wl, one, nodes) for one in photons])
    flat = _shares(nodes, np.ones(nodes.size), nodes)
    found[:, known] = light @ response / (flat @ response)
    return found


@lru_cache(maxsize=2)
def _response(
    starts: bytes, stops: bytes, places: bytes, channel: ChannelName, slit: str
) -> np.ndarray:
    """Mean response to lines over elements, (line, element); of products alike it is the same.

    The arguments are the float64 of the elements' ends and of the lines.
    """
    low, high, lines = (np.frombuffer(given) for given in (starts, stops, places))
    # Elements that adjoin share an edge, but for its rounding.
    edges = np.unique(np.concatenate([low, high]).round(6))
    between = line_shape.mean(edges, lines, CHANNELS[channel], slit) * np.diff(edges)
    summed = np.concatenate([np.zeros((lines.size, 1)), np.cumsum(between, axis=1)], axis=1)
    at = np.searchsorted(edges, [low.round(6), high.round(6)])
    found: np.ndarray = (summed[:, at[1]] - summed[:, at[0]]) / (high - low)
    found.setflags(write=False)
    return found


def _shares(wl: np.ndarray, photons: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Integrals of straight lines between samples, times what each of equal nodes has of a straight
    line between nodes: the response is taken to be one there."""
    points = np.union1d(wl[(wl > nodes[0]) & (wl < nodes[-1])], nodes)
    value = np.interp(points, wl, photons)
    cell = np.searchsorted(nodes, points[:-1], side="right") - 1
    width, long = np.diff(nodes)[cell], np.diff(points)
    # From 0 at the cell's first node to 1 at its second.
    start, stop = (points[:-1] - nodes[cell]) / width, (points[1:] - nodes[cell]) / width
    f, g = value[:-1], value[1:]
    whole = long * (f + g) / 2
    second = long * (f * (2 * start + stop) + g * (start + 2 * stop)) / 6
    size = nodes.size
    found = np.bincount(cell, whole - second, size) + np.bincount(cell + 1, second, size)
    return np.asarray(found)
