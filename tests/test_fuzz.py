"""Hostile input at every door: nothing wrong, bare, endless or without bounds comes of it."""

from __future__ import annotations

import pytest
from fuzz import harness

CASES = 300


@pytest.mark.parametrize("name", harness.doors())
def test_a_door(name: str):
    tally = harness.run(name, CASES)
    assert tally.counts.total() == CASES
    assert tally.bad == []
    # Both what is damaged and what is not was met.
    assert tally.counts["refused"] > CASES // 20
    assert tally.counts["right"] + tally.counts["warned"] > CASES // 20
