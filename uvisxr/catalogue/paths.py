"""Paths in the texts of a catalogue: bytes that are no text make a path a URL there."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes

#: Begins no absolute path.
_URL = "file://"


def told(path: str) -> str:
    """An absolute path, or a URL, as the tables have it.

    Examples
    --------
    >>> from uvisxr.catalogue import paths
    >>> paths.told("/archive/A.LBL"), paths.told("/caf\\udce9/A.LBL")
    ('/archive/A.LBL', 'file:///caf%E9/A.LBL')
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return _URL + quote(os.fsencode(path))
    return path


def meant(text: str) -> str:
    """What `told` was given."""
    if text.startswith(_URL):
        return os.fsdecode(unquote_to_bytes(text.removeprefix(_URL)))
    return text
