"""Provenance: one line in the `history` attribute for every step.

A line holds the step, its arguments, the package version, and the name and sha256 of every file it
read. It carries no clock time, so that the same inputs give the same file, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .._version import __version__


@lru_cache(maxsize=4096)
def _sha256(path: str, mtime_ns: int, size: int) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256(path: str | Path) -> str:
    """sha256 of a file, remembered until the file's size or modification time changes."""
    path = Path(path).resolve()
    stat = path.stat()
    return _sha256(str(path), stat.st_mtime_ns, stat.st_size)


def _text(value: Any) -> str:
    if isinstance(value, xr.DataArray | np.ndarray):
        return f"<array {'x'.join(map(str, value.shape))}>"
    if isinstance(value, Path):
        return repr(value.name)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        shown = ", ".join(_text(v) for v in value[:12])
        return f"[{shown}{', ...' if len(value) > 12 else ''}]"
    if isinstance(value, np.generic):
        return repr(value.item())
    return repr(value)


def record(
    ds: xr.Dataset,
    step: str,
    arguments: Mapping[str, Any],
    files: Iterable[str | Path] = (),
    unread: Iterable[str | Path] = (),
) -> xr.Dataset:
    """Append the line of one step to `history`.

    Parameters
    ----------
    ds : Dataset
        The step's result; it is not changed.
    step : str
        Name of the step as the user calls it.
    arguments : mapping
        Its arguments by name. Arrays are described by their shape, paths by their name.
    files : iterable of paths
        Files whose bytes the step used.
    unread : iterable of paths
        Files that were opened for later use: named with their size, as a sha256 needs every byte.

    Returns
    -------
    Dataset
        A shallow copy whose `history` attribute has one more line.
    """
    call = ", ".join(f"{name}={_text(value)}" for name, value in arguments.items())
    line = f"uvisxr {__version__}: {step}({call})"
    used = sorted({Path(f).resolve() for f in files})
    named = [f"{f.name} sha256:{sha256(f)}" for f in used]
    named += [f"{f.name} {f.stat().st_size} bytes" for f in sorted({Path(f) for f in unread})]
    if named:
        line += " using " + ", ".join(named)
    before = ds.attrs.get("history", "")
    return ds.assign_attrs(history=f"{before}\n{line}" if before else line)
