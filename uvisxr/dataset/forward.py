"""Turn functions on datasets into accessor methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """An accessor method that calls `function` with the dataset as its first argument.

    The method keeps the function's docstring and, but for the dataset, its signature, so that
    there is one text and one list of defaults for both ways of calling.
    """

    @wraps(function)
    def forwarded(self, *args, **kwargs):
        return function(self._ds, *args, **kwargs)

    signature = inspect.signature(function)
    first, *rest = signature.parameters.values()
    forwarded.__signature__ = signature.replace(parameters=[first.replace(name="self"), *rest])
    return forwarded
