"""What the quick tests ask of a door, in two files that two workers share."""

from __future__ import annotations

from . import harness

CASES = 300


def check(name: str) -> None:
    """Try a door; AssertionError if anything went wrong."""
    tally = harness.run(name, CASES)
    assert tally.counts.total() == CASES
    assert tally.bad == [], "\n".join(tally.bad)
    # Both what is damaged and what is not was met.
    assert tally.counts["refused"] > CASES // 20
    assert tally.counts["right"] + tally.counts["warned"] > CASES // 20
