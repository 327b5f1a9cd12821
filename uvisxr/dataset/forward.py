"""Turn functions on datasets into accessor methods, of one dataset or of the windows of a tree."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

import xarray as xr

from .. import calls, checks
from ..errors import ArgumentError, MissingStepError, UvisError
from . import needs, overview

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")
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

    signature = inspect.signature(function)

    @wraps(function)
    def forwarded(self: Accessor[xr.Dataset], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        if step is not None:
            # Arguments that are none, before what the dataset lacks.
            calls.bind(step, signature, (self._ds, *args), kwargs)
            needs.check(self._ds, step)
        return function(self._ds, *args, **kwargs)

    vars(forwarded)["__signature__"] = _without_dataset(function)
    return cast(Method[_P, _R], forwarded)


def array_method(
    function: Callable[Concatenate[xr.DataArray, _P], Any], kind: type[_T], /
) -> Method[_P, _T]:
    """As `method`, for a function on arrays whose result type checkers take for a `kind`."""
    return cast(Method[_P, _T], method(cast(Any, function)))


class OfWindows(Protocol):
    """What has methods that work window by window: it holds a tree."""

    @property
    def _tree(self) -> xr.DataTree: ...


def windows(tree: xr.DataTree) -> Iterator[tuple[str, xr.Dataset]]:
    """Nodes with data, by path below the tree's own node: "." is that node.

    Raises
    ------
    MissingStepError
        There are none, or it is a tree of backplanes.
    """
    if is_backplanes(tree):
        raise MissingStepError(
            "this is a tree of backplanes, and not of windows: steps and pictures are those of the "
            f"dataset, ds.uvis; xarray draws fields, {overview.DRAWN}"
        )
    nodes = [(path, node.to_dataset()) for path, node in tree.subtree_with_keys]
    full = [(path, ds) for path, ds in nodes if ds.data_vars]
    if not full:
        raise MissingStepError("no node of the tree holds data: start from uvisxr.open_product")
    yield from full


def is_backplanes(tree: xr.DataTree) -> bool:
    """Whether a tree is one of `ds.uvis.backplanes`, or a node of it."""
    return any("instant" in node.dims for node in tree.subtree)


def at_window(function: Callable[_P, _R], window: str, *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """What a function makes of one window; its errors say of which."""
    try:
        return function(*args, **kwargs)
    except UvisError as error:
        if window == ".":
            raise
        raise type(error)(f"{window}: {error}") from error


def each_window(
    function: Callable[Concatenate[xr.Dataset, _P], xr.Dataset | xr.DataArray],
    kind: type[_T],
    /,
    step: str | None = None,
) -> Method[_P, _T]:
    """An accessor method of a tree that calls `function` with the dataset of every window.

    Parameters
    ----------
    function, step
        As in `method`.
    kind : type
        What type checkers take the resulting tree for.

    Returns
    -------
    function
        Its result is a tree of the results, with the nodes that hold no data as they are.
    """

    signature = inspect.signature(function)

    @wraps(function)
    def forwarded(self: OfWindows, /, *args: _P.args, **kwargs: _P.kwargs) -> xr.DataTree:
        # Not the fault of any window.
        calls.bind(step or function.__name__, signature, (xr.Dataset(), *args), kwargs)

        def call(ds: xr.Dataset) -> xr.Dataset:
            if step is not None:
                needs.check(ds, step)
            result = function(ds, *args, **kwargs)
            return result.to_dataset() if isinstance(result, xr.DataArray) else result

        nodes = {p: n.to_dataset(inherit=False) for p, n in self._tree.subtree_with_keys}
        found = dict(windows(self._tree))
        for path, ds in found.items():
            try:
                nodes[path] = at_window(call, path, ds)
            except UvisError as error:
                other = next((name for name in found if name != path), None)
                if other is None:
                    raise
                # What serves one window may not serve another.
                alone = f"tree[{other!r}].uvis.{function.__name__}(...)"
                raise type(error)(f"{error}; of another window alone: {alone}") from error
        named = {f"/{path.strip('.')}": ds for path, ds in nodes.items()}
        return xr.DataTree.from_dict(named, name=self._tree.name)

    vars(forwarded)["__signature__"] = _without_dataset(function)
    return cast(Method[_P, _T], forwarded)


def window_files(path: str | Path, tree: xr.DataTree) -> Iterator[tuple[str, xr.Dataset, Path]]:
    """Windows of a tree as `windows` gives them, each with its file.

    Of stars.txt that of window0 is stars_window0.txt.

    Raises
    ------
    ArgumentError
        Two windows would share a file.
    """
    path = Path(path)
    if not path.name:
        raise checks.refused("path", str(path), "the name of a file")
    found: dict[Path, str] = {}
    nodes = list(windows(tree))
    for window, _ in nodes:
        ending = "" if window == "." else "_" + window.replace("/", "_")
        file = path.with_name(f"{path.stem}{ending}{path.suffix}")
        if file in found:
            raise ArgumentError(
                f"{found[file]} and {window} of the tree would share the file {file.name}: rename "
                "one of them, or write them one by one"
            )
        found[file] = window
    yield from ((window, ds, file) for (window, ds), file in zip(nodes, found, strict=True))


def _without_dataset(function: Callable[..., Any]) -> inspect.Signature:
    """Signature of a method that calls a function with a dataset first."""
    signature = inspect.signature(function)
    first, *rest = signature.parameters.values()
    return signature.replace(parameters=[first.replace(name="self", annotation=first.empty), *rest])
