"""The libraries of the extra `catalogue`, imported where they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import MissingDependencyError


def needed(name: str) -> Any:
    """A module of the extra.

    Raises
    ------
    MissingDependencyError
        It is not installed, or cannot be loaded.
    """
    try:
        return import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise MissingDependencyError(
            f"a catalogue needs {library} ({error}): pip install 'uvisxr[catalogue]'"
        ) from error
