"""Calls with arguments that a function does not take, answered before it runs.

Python says of them what is wrong. Here it is also said which argument may be meant, by its likeness
or by what Cassini-UPyP calls it, and what there is.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import bridge
from .checks import close, nearest, plain, refused
from .errors import ArgumentError, NoSuchNameError, UvisError
from .files import check_name

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")

#: The argument of a step that is the data: methods of `ds.uvis` do not have it.
_DATA = ("self", "ds", "data", "tree")


_PATHS = ((str, os.PathLike, Iterable), "a path, or several in a sequence")

#: What values of annotated types must be instances of, and what is said to be expected. Of other
#: types, and of what is in a sequence, the functions see for themselves.
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = MappingProxyType(
    {
        "str | Path": ((str, os.PathLike), "a path"),
        "str | Path | Iterable[str | Path]": _PATHS,
        "str | Path | Iterable[Any]": _PATHS,
        "Iterable[str]": ((Iterable,), "names in a sequence"),
        "Iterable[Any]": ((Iterable,), "a sequence"),
        "Sequence[int]": ((Iterable,), "numbers in a sequence"),
        "str": ((str,), "text"),
        "bool": ((bool,), "True or False"),
        "Mapping[str, Mapping[str, Any]]": (
            (Mapping,),
            'properties by part, such as {"limb": {"color": "red"}}',
        ),
        "Mapping[str, float]": ((Mapping,), "a mapping of names to numbers"),
    }
)


def bind(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> inspect.BoundArguments:
    """Bind the arguments of a call, masked arrays and series as arrays (`uvisxr.checks.plain`).

    Parameters
    ----------
    name : str
        Of the step or function, as in `uvisxr.bridge`.
    signature : inspect.Signature
    args, kwargs : tuple, dict

    Raises
    ------
    ArgumentError
        There are others than it takes, more, or fewer; or one is no dataset, path or sequence where
        the annotations ask for nothing else; or it cannot be a path (`uvisxr.files.check_name`);
        or it holds masked values.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> made.open().uvis.background(alt_limit=1500)
    Traceback (most recent call last):
    uvisxr.errors.ArgumentError: background: there is no argument alt_limit=: what Cassini-UPyP \
calls alt_limit is alt_min= here
    >>> made.open().uvis.calibrate(smoth=True)
    Traceback (most recent call last):
    uvisxr.errors.ArgumentError: calibrate: there is no argument smoth=; did you mean smooth=?
    """
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"{name}: {why(name, signature, kwargs, error)}") from None
    for key, given in bound.arguments.items():
        value = bound.arguments[key] = _own(given)
        parameter = signature.parameters[key]
        several = parameter.kind is parameter.VAR_POSITIONAL
        for one in value if several else [value]:
            _check(name, key, one, str(parameter.annotation))
        try:
            bound.arguments[key] = plain(key, value)
        except ArgumentError as error:
            raise ArgumentError(f"{name}: {error}") from None
    return bound


def _own(value: Any) -> Any:
    """A truth of numpy as one of Python, which `is True` and annotations mean."""
    # What is not imported made no value.
    numpy = sys.modules.get("numpy")
    return bool(value) if numpy is not None and isinstance(value, numpy.bool_) else value


def _check(name: str, key: str, value: object, annotation: str) -> None:
    """Refuse what would be a TypeError as soon as it is opened or gone through."""
    kind = annotation.removesuffix(" | None")
    if kind == annotation or value is not None:
        fits, expected = _dataset() if kind == "xr.Dataset" else _KINDS.get(kind, (None, ""))
        # Arrays of xarray go through as others do, and what comes are arrays again.
        unlike = fits is _PATHS[0] and hasattr(value, "dims")
        if fits is not None and (unlike or not isinstance(value, fits)):
            raise ArgumentError(f"{name}: {refused(key, value, expected)}")
    try:
        if "Path" in annotation:
            for path in value if isinstance(value, list | tuple) else [value]:
                check_name(key, path)
        elif kind == "str" and isinstance(value, str):
            _check_text(key, value)
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from None


def _check_text(key: str, text: str) -> None:
    """Refuse what no library of C takes for text."""
    if "\0" in text or (not text.isascii() and _has_halves(text)):
        raise refused(key, text, "text of whole letters, without NUL")


def _has_halves(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _dataset() -> tuple[tuple[type, ...], str]:
    # Not at the top: the command reads labels without xarray, which takes longer to import.
    import xarray as xr

    return (xr.Dataset,), "a dataset, such as uvisxr.open_product gives"


def public(name: str) -> Callable[[_F], _F]:
    """Decorate a function that users call, so that no wrong call of it is a bare TypeError."""

    def decorated(function: _F) -> _F:
        signature = inspect.signature(function)

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            bound = bind(name, signature, args, kwargs)
            try:
                return function(*bound.args, **bound.kwargs)
            except (TypeError, ValueError) as error:
                # Which values the properties of artists have, their setters know.
                if isinstance(error, UvisError) or not bound.arguments.get("style"):
                    raise
                raise ArgumentError(
                    f"{name}: with this style= matplotlib says: {' '.join(str(error).split())}"
                ) from error

        return cast(_F, called)

    return decorated


def constructor(kind: type[_T]) -> type[_T]:
    """The same of a class that users make instances of."""
    made: Any = kind
    made.__init__ = public(kind.__name__)(made.__init__)
    return kind


def missing(name: str, known: Iterable[str], old: Mapping[str, str]) -> str:
    """What to say of a name that is not there: what Cassini-UPyP's is here, or the nearest."""
    if name in old:
        return f": what Cassini-UPyP calls {name} is {old[name]} here"
    return nearest(name, known)


class Helpful:
    """Base of accessors: what they do not have, they say what it may be.

    Type checkers must not see that any name is answered, or they would find none missing.
    """

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            where = type(self).__name__
            # What Python and notebooks ask of any object.
            if name.startswith("_"):
                raise AttributeError(f"{where} has no {name!r}")
            if hasattr(type(self), name):
                # A property had no answer; its own error says why.
                return object.__getattribute__(self, name)
            known = [one for one in dir(type(self)) if not one.startswith("_")]
            raise NoSuchNameError(
                f"{self._where} has no {name!r}{missing(name, known, bridge.NAMES)}"
            )


def why(name: str, signature: inspect.Signature, kwargs: dict[str, Any], error: TypeError) -> str:
    """What is wrong with the arguments of a call that Python refused."""
    known = [p.name for p in signature.parameters.values() if _is_named(p)]
    takes = f"it takes {', '.join(f'{one}=' for one in known) or 'none'}"
    strange = next((one for one in kwargs if one not in known), None)
    if strange is None:
        return f"{error}; {takes}"
    return f"there is no argument {strange}={_meant(name, strange, known) or f'; {takes}'}"


def _is_named(parameter: inspect.Parameter) -> bool:
    """Whether users give it by name; the data they do not."""
    several = (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.kind not in several and parameter.name not in _DATA


def _meant(name: str, strange: str, known: list[str]) -> str:
    old = bridge.argument(name, strange)
    if old.startswith((bridge.NEEDLESS, bridge.MISSING)):
        return f": {old}"
    if old:
        return f": what Cassini-UPyP calls {strange} is {old} here"
    near = close(strange, known)
    return f"; did you mean {near}=?" if near else ""
