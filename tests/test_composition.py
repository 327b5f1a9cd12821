"""Filling and smoothing as weights, against the steps themselves and simulated counts."""

from __future__ import annotations

import numpy as np
import pytest

from uvisxr.numerics.along_wl import SMOOTHING, FillPlan, SmoothingPlan
from uvisxr.numerics.composition import Composition

ROWS, N = 3, 120


@pytest.fixture
def mask() -> np.ndarray:
    valid = np.random.default_rng(3).random((ROWS, N)) > 0.2
    valid[0, :7] = False
    valid[1, 50:80] = False
    valid[2, -1] = False
    return valid


def plans(valid: np.ndarray, limit: float | None = None):
    x = 1000 + 0.8 * np.arange(N) + 1e-4 * np.arange(N) ** 2
    fill = FillPlan.of(~valid, x, "linear", limit)
    known = valid.copy()
    known.reshape(-1)[fill.hole] = True
    return fill, SmoothingPlan.of(known, np.array(SMOOTHING))


@pytest.mark.parametrize("limit", [None, 4.0])
def test_weights_give_what_the_steps_give(mask, limit):
    fill, smoothing = plans(mask, limit)
    values = np.random.default_rng(0).normal(size=(ROWS, N))
    values[~mask] = np.nan
    stepwise = values.copy()
    fill.apply(stepwise)
    stepwise = smoothing.apply(stepwise)
    found = Composition.of(mask, fill, smoothing).mean(values[None].copy())[0]
    np.testing.assert_allclose(found, stepwise, atol=1e-12)


def test_holes_wider_than_the_limit_stay(mask):
    fill, smoothing = plans(mask, 4.0)
    known = Composition.of(mask, fill, smoothing).known
    assert not known[1, 52:78].any()
    assert known[mask].all()


def test_gain_lifts_what_is_filled(mask):
    from dataclasses import replace

    fill, _ = plans(mask)
    fill = replace(fill, gain=np.linspace(0.5, 2, fill.hole.size))
    values = np.where(mask, 1.0, np.nan)
    stepwise = values.copy()
    fill.apply(stepwise)
    np.testing.assert_allclose(stepwise.reshape(-1)[fill.hole], fill.gain)
    found = Composition.of(mask, fill).mean(values[None].copy())[0]
    np.testing.assert_allclose(found, stepwise, atol=1e-12)


def test_variances_are_those_of_simulated_values(mask):
    fill, smoothing = plans(mask)
    composed = Composition.of(mask, fill, smoothing)
    rng = np.random.default_rng(1)
    sigma = np.exp(rng.normal(size=(ROWS, N)))
    values = rng.normal(size=(20_000, ROWS, N)) * sigma
    scatter = composed.mean(values).var(axis=0)
    variance = composed.variance((sigma**2)[None].copy())[0]
    ratio = (scatter / variance)[composed.known]
    assert abs(ratio - 1).max() < 0.06


def test_weights_on_the_result_are_weights_on_the_elements(mask):
    composed = Composition.of(mask, *plans(mask))
    rng = np.random.default_rng(2)
    values, weights = rng.normal(size=(ROWS, N)), rng.random((ROWS, N))
    weights[~composed.known] = 0
    through = np.nansum(weights * composed.mean(values[None].copy())[0])
    assert (composed.back(weights) * values).sum() == pytest.approx(through, rel=1e-12)
    assert not composed.back(weights)[~mask].any()
