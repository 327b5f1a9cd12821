"""A number for the set-up of the instrument, by which exposures of another are known."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from .conventions import SUMMED

#: Attributes on which numbers depend.
_ATTRS = frozenset(
    {
        *("channel", "slit", "optics", "compression"),
        *("ul_line", "ul_band", "lr_line", "lr_band", "line_bin", "band_bin", SUMMED),
    }
)


def number(attrs: Mapping[Any, Any]) -> int:
    """CRC-32 of what a dataset's attributes say of all its exposures, without its highest bit."""
    told = {key: str(value) for key, value in attrs.items() if key in _ATTRS}
    return zlib.crc32(json.dumps(told, sort_keys=True).encode()) & 0x7FFFFFFF
