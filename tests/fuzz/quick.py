"""What the tests ask of a door, in two files that two workers share."""

from __future__ import annotations

import pytest

from . import harness

#: How many cases are tried.
CASES = pytest.mark.parametrize("cases", [pytest.param(150, marks=pytest.mark.slow)])


def check(name: str, cases: int) -> None:
    """Try a door; AssertionError if anything went wrong."""
    tally = harness.run(name, cases)
    assert tally.counts.total() == cases
    assert tally.bad == [], "\n".join(tally.bad)
    # Both what is damaged and what is not was met.
    assert tally.counts["refused"] > cases // 20
    assert tally.counts["right"] + tally.counts["warned"] > cases // 20
