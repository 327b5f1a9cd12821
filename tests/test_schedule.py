"""When the terms of a sensitivity count."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uvisxr.calibration.files import bracket
from uvisxr.calibration.schedule import Epochs, Schedule

NEVER = -np.inf


@pytest.mark.parametrize(
    ("epochs", "linear", "clock", "expected"),
    [
        ((NEVER,), False, 5.0, [1.0]),
        ((NEVER, 10.0), False, 9.999, [1.0, 0.0]),
        ((NEVER, 10.0), False, 10.0, [0.0, 1.0]),
        # What is not known before the first epoch is not approached gradually.
        ((NEVER, 10.0, 20.0), True, 9.999, [1.0, 0.0, 0.0]),
        ((NEVER, 10.0, 20.0), True, 12.5, [0.0, 0.75, 0.25]),
        ((10.0, 20.0, 40.0), True, 25.0, [0.0, 0.75, 0.25]),
        ((10.0, 20.0, 40.0), True, 20.0, [0.0, 1.0, 0.0]),
        ((10.0, 20.0, 40.0), True, 41.0, [0.0, 0.0, 1.0]),
        ((10.0, 20.0, 40.0), True, 9.0, [1.0, 0.0, 0.0]),
        ((10.0, 20.0, 40.0), False, 39.0, [0.0, 1.0, 0.0]),
    ],
)
def test_weights_of_epochs(epochs, linear, clock, expected):
    found = Epochs(epochs, linear).weights(np.array([clock, 15.0]))
    np.testing.assert_allclose(found[0], expected, atol=1e-15)


def test_terms_are_products():
    """Three quarters of the first of one, two fifths of the first of the other."""
    schedule = Schedule(
        (Epochs((0.0, 4.0), linear=True), Epochs((-2.0, 3.0), linear=True)),
        ((0, 0), (0, 1), (1, 0), (1, 1)),
    )
    found = schedule.weights(np.array([1.0]))[0]
    np.testing.assert_allclose(found, [0.75 * 0.4, 0.75 * 0.6, 0.25 * 0.4, 0.25 * 0.6])


def test_without_factors_there_is_one_term():
    np.testing.assert_array_equal(Schedule().weights(np.zeros(3)), np.ones((3, 1)))


def test_terms_that_never_count_are_left_out():
    schedule = Schedule((Epochs((0.0, 4.0, 8.0), linear=True),), ((0,), (1,), (2,)))
    assert schedule.used(np.array([1.0, 3.0])).terms == ((0,), (1,))
    assert schedule.used(np.array([9.0])).terms == ((2,),)


times = st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=6)


@given(st.lists(st.integers(10, 90), min_size=1, max_size=5, unique=True), times)
def test_bracketed_epochs_interpolate(epochs, clock):
    """A straight line between epochs; before the first a value of its own, after the last its."""
    epochs, clock = np.sort(epochs).astype(float), np.array(clock)
    used, found = bracket(epochs, clock)
    line = np.append(3 * epochs + 1, -7.0)  # the last for what comes before
    expected = np.where(clock < epochs[0], -7.0, 3 * np.clip(clock, epochs[0], epochs[-1]) + 1)
    weight = found.weights(clock)
    np.testing.assert_allclose(weight @ line[used], expected, rtol=1e-9)
    np.testing.assert_allclose(weight.sum(1), 1)
    # No more than are needed.
    assert weight.any(0).all()


@given(times)
def test_it_survives_as_text_to_the_last_bit(clock):
    schedule = Schedule(
        (Epochs((NEVER, 100 / 3, 1e9 / 7), True), Epochs((NEVER, 50.0))),
        ((0, 0), (1, 0), (1, 1), (2, 1)),
    )
    again = Schedule.of(**json.loads(json.dumps(schedule.plain(), allow_nan=False)))
    assert again == schedule
    clock = np.array(clock)
    np.testing.assert_array_equal(again.weights(clock), schedule.weights(clock))
