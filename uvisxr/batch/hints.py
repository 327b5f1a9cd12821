"""Whether a value from YAML fits an argument, judging by the argument's annotation.

Values are those of JSON, plus infinities: a list stands for any sequence or array, text for a path.
Objects such as datasets cannot be written in this form.
"""

from __future__ import annotations

import json
import os
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..checks import either, is_one, nearest


def fits(value: Any, hint: Any) -> bool:
    """Whether a value fits an annotated type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, item) for item in inner)
    if origin is typing.Literal:
        return is_one(value, inner)
    if hint is Any or hint is object:
        return True
    if hint is None or hint is type(None):
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint is int or hint is float:
        number = int if hint is int else int | float
        return isinstance(value, number) and not isinstance(value, bool)
    if hint is str or _is_path(hint):
        return isinstance(value, str)
    if hint is np.ndarray or origin is np.ndarray:
        return isinstance(value, list) and all(_is_array(item) for item in value)
    if _is_kind(origin, Mapping):
        keys, values = inner
        return isinstance(value, Mapping) and all(
            fits(key, keys) and fits(item, values) for key, item in value.items()
        )
    if _is_kind(origin, Iterable):
        return (
            isinstance(value, list)
            and len(value) == (_length(hint) or len(value))
            and all(fits(item, inner[0]) for item in value)
        )
    # Anything else, such as a dataset or one of our classes, cannot be written in YAML.
    return False


def expected(value: Any, hint: Any) -> str:
    """Describe what would fit, and the choice nearest to a value that does not."""
    words = either(_words(hint, False)) or "an object, which a pipeline cannot hold"
    choices, items = list(_choices(hint)), value if isinstance(value, list) else [value]
    return words + nearest(next((item for item in items if item not in choices), None), choices)


def takes_path(hint: Any) -> bool:
    """Whether the annotated types include a path, possibly nested."""
    return _is_path(hint) or any(takes_path(item) for item in typing.get_args(hint))


def _is_kind(hint: Any, kind: type) -> bool:
    return isinstance(hint, type) and issubclass(hint, kind)


def _is_path(hint: Any) -> bool:
    return _is_kind(hint, os.PathLike)


def _is_array(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_array(item) for item in value)
    return isinstance(value, bool | int | float)


def _length(hint: Any) -> int | None:
    """Required number of items of a tuple whose items are all of one kind; None for any number."""
    inner = typing.get_args(hint)
    return len(inner) if typing.get_origin(hint) is tuple and Ellipsis not in inner else None


def _choices(hint: Any) -> Iterator[str]:
    """All strings among the literals in an annotation."""
    if typing.get_origin(hint) is typing.Literal:
        yield from (one for one in typing.get_args(hint) if isinstance(one, str))
    else:
        for item in typing.get_args(hint):
            yield from _choices(item)


#: Words for plain types, singular and plural.
_NAMES = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    np.ndarray: ("a list of numbers", "lists of numbers"),
}


def _words(hint: Any, several: bool) -> list[str]:
    """What an annotation accepts, in YAML terms, singular or plural."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        # Text that can be a path is described as a path.
        parts = [item for item in inner if item is not str or not any(map(_is_path, inner))]
        words = []
        for item in parts:
            listed = inner[0] in typing.get_args(item)
            words += ["a list of them"] if listed else _words(item, several)
        return list(dict.fromkeys(words))
    if origin is typing.Literal:
        return [repr(one) if isinstance(one, str) else json.dumps(one) for one in inner]
    if hint is bool:
        return ["true", "false"]
    if hint is Any or hint is object:
        return ["anything"]
    if hint is None or hint is type(None):
        return ["null"]
    if _is_path(hint):
        return ["paths" if several else "a path"]
    name = _NAMES.get(origin or hint)
    if name is not None:
        return [name[several]]
    items = [either(_words(item, True)) for item in inner]
    if _is_kind(origin, Mapping):
        return [f"{'mappings' if several else 'a mapping'} of {items[0]} to {items[1]}"]
    if _is_kind(origin, Iterable):
        count = f"{_length(hint) or ''} ".lstrip()
        return [f"{'lists' if several else 'a list'} of {count}{items[0]}"]
    return []
