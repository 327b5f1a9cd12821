"""Error bars against known truth: `helpers.coverage` at a reduced size.

The full size is `python tests/benchmarks coverage`. Here cells may lie outside the criteria by four
standard errors of the simulation.
"""

from __future__ import annotations

import numpy as np
import pytest
from helpers import coverage
from helpers.coverage import BACKGROUND, Case, Cell, bias, cells, records

TOLERANCE = 4.0

KNOWN = {"background": BACKGROUND, "assumed": BACKGROUND, "assumed_error": BACKGROUND / 10}
CASES = [
    Case("FUV", 1, 0.1),
    Case("FUV", 1, 1.0, smooth=True, **KNOWN),
    Case("FUV", 2, 20.0, lines=True),
    Case("EUV", 1, 5.0, **KNOWN, uneven=True),
    Case("EUV", 32, 0.1, **KNOWN),
    Case("FUV", 32, 5.0, smooth=True, uneven=True),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return coverage.calibration_folder(tmp_path_factory.mktemp("calibration"))


@pytest.fixture(scope="module")
def found(folder) -> list[Cell]:
    """Figures of all cases."""
    every = [cells(case, folder, n_pic=24, seed=seed) for seed, case in enumerate(CASES)]
    return [cell for some in every for cell in some]


def faults(found: list[Cell]) -> list[str]:
    return [f"{cell}: {fault}" for cell in found for fault in cell.faults(TOLERANCE)]


def test_bounds_hold_the_truth(found):
    assert {cell.case for cell in found} == set(CASES)
    assert not faults(found)


def test_plain_means_are_unbiased(folder):
    """Within 1 % or four standard errors; the bias of weights from the counts is -45 %."""
    case = Case("FUV", 1, 1.0, uneven=True)
    found = records(case, folder, n_pic=32, seed=3)
    for name in ("element", "bin, mean", "integral of a bin, mean"):
        value, error = bias(found[name])
        assert abs(value) < max(0.01, TOLERANCE * error), name


def test_weighted_means_are_unbiased(folder):
    case = Case("FUV", 1, 1.0, uneven=True)
    value, error = bias(records(case, folder, n_pic=32, seed=3)["bin, weighted mean"])
    assert abs(value) < max(0.01, TOLERANCE * error)


@pytest.mark.slow
@pytest.mark.parametrize("channel", ["FUV", "EUV"])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("counts", [0.02, 1.0, 100.0])
def test_bounds_hold_the_truth_at_a_larger_size(folder, channel, smooth, counts):
    case = Case(channel, 1, counts, smooth, **KNOWN, lines=counts == 100)
    found = cells(case, folder, 96, 8)
    assert found and not faults(found)


@pytest.mark.slow
@pytest.mark.parametrize("errors", ["beside", "total"])
def test_a_background_off_by_its_error_stays_within_the_total_bounds(folder, errors):
    """In 68 % of draws, although it is all that matters in these wide bins."""
    case = Case("EUV", 32, 1.0, assumed=BACKGROUND, assumed_error=BACKGROUND / 10, errors=errors)
    found = coverage.background_cells(case, folder, n_pic=8)
    assert found and not faults(found)


# The harness itself.


def test_holes_are_filled_by_straight_lines():
    spectra = np.array([[np.nan, 1.0, np.nan, np.nan, 4.0, np.nan]])
    wl = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_allclose(coverage.filled(spectra, wl), [[np.nan, 1, 2, 3, 4, np.nan]])


def test_smoothing_by_hand():
    spectra = np.array([[0.0, 0.0, 16.0, 0.0, 0.0, np.nan, 11.0, 0.0]])
    # Stretches of five and two elements: the weights that remain are scaled to 1.
    expected = [16 / 11, 64 / 15, 6, 64 / 15, 16 / 11, np.nan, 6.6, 4.4]
    np.testing.assert_allclose(coverage.smoothed(spectra)[0], expected)


@pytest.mark.parametrize(("method", "power"), [("bins", 0), ("trapezoid", 1), ("simpson", 2)])
def test_integration_is_exact_for_polynomials(method, power):
    wl = np.array([0.0, 1.0, 2.2, 3.1, 4.5, 5.0])
    middle = (wl[1:] + wl[:-1]) / 2
    edges = np.stack([np.r_[-0.5, middle], np.r_[middle, 5.25]], -1)
    weights = coverage.integration_weights(wl, edges, (0.7, 4.2), method)
    exact = (4.2 ** (power + 1) - 0.7 ** (power + 1)) / (power + 1)
    assert weights @ wl**power == pytest.approx(exact, rel=1e-12)


def test_garwoods_bounds_are_judged_by_what_they_can_cover():
    """Below 0.17 counts they hold the truth exactly where nothing is counted."""
    assert coverage._whole_counts(np.array([0.02])) == pytest.approx(np.exp(-0.01), abs=1e-6)
