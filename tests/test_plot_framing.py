"""Frames of data and the body near them."""

from __future__ import annotations

import numpy as np
import pytest

from uvisxr.plot.framing import frame


def _box(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], float)


def _limb(radius: float, x: float = 0.0) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 361)
    return radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1) + [x, 0.0]


@pytest.mark.parametrize(
    ("data", "limb", "whole", "small"),
    [
        (_box(-10, -10, 20, 20), _limb(8), True, False),
        (_box(-30, -10, 25, 20), _limb(10), True, False),
        (_box(-10, -10, 20, 20), _limb(0.1), True, True),
        (_box(-1, -1, 2, 2), _limb(1000), False, False),
        (_box(0, 0, 5, 5), _limb(0.1, 1e5), False, True),
    ],
)
def test_what_is_in_the_frame(data, limb, whole, small):
    found = frame(data, limb)
    assert (found.low < data.min(axis=0)).all() and (found.high > data.max(axis=0)).all()
    assert (found.whole, found.small) == (whole, small)
    # Of the frame the data, or data and body, take more than a third each way.
    sides = found.high - found.low
    both = np.concatenate([data, limb]) if whole else data
    assert (np.ptp(both, axis=0) > 0.33 * sides).all()


def test_the_near_limb_is_in_the_frame():
    found = frame(_box(102, -5, 20, 20), _limb(100))
    assert found.low[0] < 100 and not found.whole
    assert found.low[0] > 95


def test_a_slit_is_not_framed_as_a_slit():
    found = frame(_box(0, 0, 1, 100), _limb(1e6))
    assert 0.3 < np.divide(*(found.high - found.low)) < 0.6


def test_without_data_the_body_is_framed():
    found = frame(np.empty((0, 2)), _limb(10))
    assert found.whole and not found.small
