"""What gets a product again of which a file is damaged or missing, for messages."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from .. import fetch
from . import pairs
from .identifier import product_id

#: What the name of a calibration matrix adds to that of the product it was made for.
_MATRIX = re.compile(r"_CAL_\d+$", re.IGNORECASE)


def command(path: Path, pointer: str = "") -> str:
    """What downloads a product to where a file of it is; empty if it has no identifier.

    That is known by the file's name, or by the `pointer`, the one that its label has for it.
    """
    names = (_MATRIX.sub("", pairs.split(Path(name))[0]) for name in (path.name, pointer))
    product = next(filter(None, map(product_id, names)), None)
    if product is None:
        return ""
    folder = path.parent
    if folder.is_relative_to(fetch.cache_dir("products")):
        return f"`uvisxr fetch {product}`"
    return f"`uvisxr fetch {product} --to {shlex.quote(str(folder))}`"


def advice(path: Path, pointer: str = "", what: str = "it") -> str:
    """What helps if a file of a product is damaged: only in the cache a download replaces it."""
    found = command(path, pointer)
    if path.is_relative_to(fetch.cache_dir("urls")):
        return "open the product by its URL again, with fetch=True"
    if not found:
        return "download the product again"
    moved = f"move {what} away, and " if " --to " in found else ""
    return f"{moved}download the product again with {found}"
