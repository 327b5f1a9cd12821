"""Parameters of which the quick tests take some, and the slow tests the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def rest_slow(values: Iterable[Any], quick: int) -> list[Any]:
    """All values, those after the first few marked slow."""
    found = []
    for k, value in enumerate(values):
        several = value if isinstance(value, tuple) else (value,)
        found.append(value if k < quick else pytest.param(*several, marks=pytest.mark.slow))
    return found
