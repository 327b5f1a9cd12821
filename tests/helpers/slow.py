"""How much of what takes long is tried: parameters that only the slow tests take, and how large
the archives of these are."""

from __future__ import annotations

import os
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


def products(default: int) -> int:
    """How many products a drawn archive has: UVISXR_TEST_PRODUCTS, or so many."""
    return int(os.environ.get("UVISXR_TEST_PRODUCTS", default))
