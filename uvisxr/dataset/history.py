"""Provenance: one line per step in the `history` attribute.

A line gives the step, all its arguments, the package version, and the name and sha256 of every file
used. It contains no time of day and no folders, so the same inputs give the same file, byte for
byte, on every machine.

A step is a function with the decorator `step`, which binds each call to the function's signature.
Anything not visible in the call, the function attaches to its result with `used`.
"""

from __future__ import annotations

import inspect
import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import wraps
from itertools import islice
from operator import is_
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
import xarray as xr

from .. import calls
from .._version import __version__
from ..errors import ArgumentError
from ..files import sha256
from . import inputs, needs

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LOG = logging.getLogger(__name__)

#: Where `used` leaves its information for the decorator; encodings are not written to files.
_KEY = "uvisxr_used"

#: Number of items of a sequence shown in a line.
_SHOWN = 12

#: Letters of a text that a line shows.
_LONGEST = 200

#: Values of the longest iterator that is an argument.
_MOST = 10_000_000


@dataclass(frozen=True)
class _Used:
    files: tuple[str | Path, ...] = ()
    unread: tuple[str | Path, ...] = ()
    took: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: Mapping[str, int] = field(default_factory=dict)


def used(
    ds: xr.Dataset,
    files: Iterable[str | Path] = (),
    unread: Iterable[str | Path] = (),
    took: Mapping[str, Any] | None = None,
    elsewhere: Mapping[str, int] | None = None,
) -> xr.Dataset:
    """Attach to a step's result what its history line should contain besides the call.

    Parameters
    ----------
    ds : Dataset
        The step's result, or a node of the resulting tree.
    files : iterable of paths
        Files whose bytes the step used.
    unread : iterable of paths
        Files opened for later use: recorded with their size, as a sha256 would need every byte.
    took : mapping, optional
        Arguments whose value as used by the step is more informative than as given.
    elsewhere : mapping, optional
        Names of files on servers, opened for later use, with their sizes in bytes.

    Returns
    -------
    Dataset
        A shallow copy, to be returned to the decorator `step`.
    """
    ds = ds.copy(deep=False)
    ds.encoding[_KEY] = _Used(tuple(files), tuple(unread), dict(took or {}), dict(elsewhere or {}))
    return ds


def step(name: str, unsaid: Collection[str] = ()) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Decorate a function so that its call is recorded in the history of the datasets it returns.

    What the step takes for granted of the dataset, the function's first argument, is checked first
    (`uvisxr.dataset.needs`). The line is appended to its history; steps called inside the function
    add no lines of their own. A result that is not a Dataset or DataTree is returned unchanged.
    Iterators among the arguments are turned into lists, once, for function and line alike. The
    files that the step used, and those behind what came in, are then behind the result: no output
    takes their place (`uvisxr.dataset.inputs`).

    Parameters
    ----------
    name : str
        Name of the step, as called by the user.
    unsaid : collection of str
        Arguments that do not affect the values of the result, such as chunk sizes.
    """

    def decorated(function: Callable[_P, _R]) -> Callable[_P, _R]:
        signature = inspect.signature(function)
        first = next(iter(signature.parameters))
        is_path = {k: "Path" in str(p.annotation) for k, p in signature.parameters.items()}
        call: Callable[..., _R] = function

        @wraps(function)
        def recorded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            bound = calls.bind(name, signature, args, kwargs)
            bound.apply_defaults()
            try:
                bound.arguments = {k: _lasting(value) for k, value in bound.arguments.items()}
            except RecursionError:
                raise ArgumentError(
                    f"{name}: an argument contains itself, or is nested too deeply"
                ) from None
            given = bound.arguments[first]
            if isinstance(given, xr.Dataset | xr.DataArray):
                needs.check(given, name)
            began = time.perf_counter()
            result = call(*bound.args, **bound.kwargs)
            _LOG.info("%s took %.2f s", name, time.perf_counter() - began)
            before, behind, arguments = "", list[str](), dict(bound.arguments)
            if isinstance(given, xr.Dataset | xr.DataArray):
                del arguments[first]
                before, behind = str(given.attrs.get("history", "")), inputs.of(given)
            texts = {k: _text(v, is_path[k]) for k, v in arguments.items() if k not in unsaid}

            if isinstance(result, xr.Dataset):
                return cast(_R, _recorded(result, name, texts, before, behind))
            if isinstance(result, xr.DataTree):
                # A tree is the step's own, and copies of all its variables would take their time.
                for node in result.subtree:
                    if node.variables:
                        _write(node, name, texts, before, behind)
            return result

        return recorded

    return decorated


def record(ds: xr.Dataset, step: str, arguments: Mapping[str, Any]) -> xr.Dataset:
    """Append a line to the history of a dataset that did not come from a step.

    Parameters
    ----------
    ds : Dataset
        Left unchanged.
    step : str
        Name of what created it.
    arguments : mapping
        By name.

    Returns
    -------
    Dataset
        A shallow copy whose `history` attribute has one more line.
    """
    texts = {name: _text(value) for name, value in arguments.items()}
    return _recorded(ds, step, texts, str(ds.attrs.get("history", "")))


def _recorded(
    ds: xr.Dataset,
    name: str,
    texts: Mapping[str, str],
    before: str,
    behind: Iterable[str] = (),
) -> xr.Dataset:
    """The dataset with a line added after the lines `before`, without what `used` attached.

    The files `behind` what it came from are then behind it too.
    """
    ds = ds.copy(deep=False)
    _write(ds, name, texts, before, behind)
    return ds


def _write(
    ds: xr.Dataset | xr.DataTree,
    name: str,
    texts: Mapping[str, str],
    before: str,
    behind: Iterable[str],
) -> None:
    """As `_recorded`, on the dataset or the node of a tree itself."""
    extra = ds.encoding.pop(_KEY, _Used())
    texts = {**texts, **{k: _text(value) for k, value in extra.took.items()}}
    line = f"uvisxr {__version__}: {name}({', '.join(f'{k}={text}' for k, text in texts.items())})"
    named = sorted({f"{_name(f)} sha256:{sha256(f)}" for f in extra.files})
    unread = {f"{_name(f)} {Path(f).stat().st_size} bytes" for f in extra.unread}
    unread |= {f"{_name(f)} {size} bytes" for f, size in extra.elsewhere.items()}
    named += sorted(unread)
    inputs.mark(ds, [*behind, *extra.files, *extra.unread])
    if named:
        line += " using " + ", ".join(named)
    ds.attrs["history"] = f"{before}\n{line}" if before else line


def _name(path: str | os.PathLike[str]) -> str:
    """The name of a file as text, where it is none too: NetCDF has no form for it."""
    return os.fsencode(Path(path).name).decode("utf-8", "backslashreplace")


def _lasting(value: Any) -> Any:
    """The value with iterators, which can be consumed only once, replaced by lists."""
    # Pairs of pixels may be many: what is most of them comes first.
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, list | tuple):
        items = [_lasting(item) for item in value]
        return value if all(map(is_, items, value)) else items
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items()}
    if not isinstance(value, Iterator):
        return value
    items = [_lasting(item) for item in islice(value, _MOST + 1)]
    if len(items) > _MOST:
        raise ArgumentError(f"an argument is an iterator over more than {_MOST} values, or endless")
    return items


def _text(value: Any, is_path: bool = False) -> str:
    """Text for an argument in a line; for text that `is_path`, only its last part."""
    if isinstance(value, os.PathLike) or (is_path and isinstance(value, str)):
        return repr(Path(value).name or str(value))
    if isinstance(value, xr.Dataset | xr.DataTree):
        return repr(str(value.attrs["source"])) if "source" in value.attrs else "<dataset>"
    if isinstance(value, np.datetime64 | np.timedelta64):
        return repr(str(value))
    if isinstance(value, date):
        return repr(value.isoformat())
    if isinstance(value, np.generic):
        return repr(value.item())
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        if value.shape == ():
            return _text(np.asarray(value)[()])
        return f"<array {'x'.join(map(str, value.shape))}>"
    if isinstance(value, Mapping):
        items = [f"{k!r}: {_text(v, is_path)}" for k, v in islice(value.items(), _SHOWN)]
        return "{" + ", ".join(items) + (", ...}" if len(value) > _SHOWN else "}")
    if isinstance(value, Collection) and not isinstance(value, str | bytes | range):
        # The order of a set varies from run to run.
        ordered = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        texts = [_text(item, is_path) for item in islice(ordered, _SHOWN)]
        return f"[{', '.join(texts)}{', ...' if len(value) > _SHOWN else ''}]"
    # A recipe, for example, is identified by its name.
    text = " ".join(repr(getattr(value, "name", value)).split())
    if " at 0x" in text:
        # An address in memory differs from run to run.
        return f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
