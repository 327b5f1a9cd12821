"""Hostile input at the other doors than those of `test_fuzz.py`."""

from __future__ import annotations

import pytest
from fuzz import harness, quick


@quick.CASES
@pytest.mark.parametrize("name", harness.doors()[1::2])
def test_a_door(name: str, cases: int):
    quick.check(name, cases)
