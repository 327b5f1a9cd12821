"""Turn functions on datasets into accessor methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

import xarray as xr

from . import needs

_P = ParamSpec("_P")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)
_D_co = TypeVar("_D_co", covariant=True, bound=xr.Dataset)


class Accessor(Protocol[_D_co]):
    """What has such methods: it holds a dataset, and its steps give datasets of the same type."""

    @property
    def _ds(self) -> _D_co: ...


class Method(Protocol[_P, _R_co]):
    """What type checkers see of an accessor method: a parameter list, and what it returns.

    They do not agree on whether a callable that a class holds takes the instance as its first
    argument; a descriptor says so. At run time a method is a function.
    """

    @overload
    def __get__(self, accessor: None, owner: type, /) -> Callable[Concatenate[Any, _P], _R_co]: ...

    @overload
    def __get__(
        self: Method[_P, xr.Dataset], accessor: Accessor[_D_co], owner: type, /
    ) -> Callable[_P, _D_co]: ...

    @overload
    def __get__(self, accessor: object, owner: type, /) -> Callable[_P, _R_co]: ...


def method(
    function: Callable[Concatenate[xr.Dataset, _P], _R], /, step: str | None = None
) -> Method[_P, _R]:
    """An accessor method that calls `function` with the dataset as its first argument.

    The method keeps the function's docstring and, apart from the dataset, its signature, so both
    ways of calling share one text and one list of defaults.

    Parameters
    ----------
    function : callable
    step : str, optional
        Name under which `needs` lists what the function takes for granted; those that history
        records ask by themselves.
    """

    @wraps(function)
    def forwarded(self: Accessor[xr.Dataset], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        if step is not None:
            needs.check(self._ds, step)
        return function(self._ds, *args, **kwargs)

    signature = inspect.signature(function)
    first, *rest = signature.parameters.values()
    shown = signature.replace(
        parameters=[first.replace(name="self", annotation=first.empty), *rest]
    )
    vars(forwarded)["__signature__"] = shown
    return cast(Method[_P, _R], forwarded)
