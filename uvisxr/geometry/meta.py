"""Meta-kernels: read the list of files in one, write one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import spiceypy
from spiceypy.utils.exceptions import NotFoundError, SpiceyError

from ..errors import KernelError
from .spice import LOCK, pool_kept, spice_reason

_VARIABLES = ("KERNELS_TO_LOAD", "PATH_SYMBOLS", "PATH_VALUES")

#: Longest string of a text kernel; longer ones go on in the next after a "+".
_VALUE = 80
_LINE = 76


def expand(path: str | Path) -> list[Path]:
    """Files that a meta-kernel lists, in its order.

    Relative names count from the current folder, as in SPICE; those not found there, from the
    meta-kernel's own.

    Raises
    ------
    KernelError
        SPICE cannot read the file, it lists nothing, or a file it lists does not exist.
    """
    path = Path(path)
    with LOCK, pool_kept():
        try:
            for name in _VARIABLES:
                spiceypy.dvpool(name)
            spiceypy.ldpool(str(path))
            names, symbols, values = (_strings(name) for name in _VARIABLES)
        except SpiceyError as error:
            raise KernelError(
                f"cannot read the meta-kernel {path}: {spice_reason(error)}"
            ) from error
    if not names:
        raise KernelError(f"the meta-kernel {path} lists no files in KERNELS_TO_LOAD")
    found = []
    for name in names:
        for symbol, value in zip(symbols, values, strict=False):
            name = name.replace(f"${symbol}", value)
        file = Path(name)
        if not file.exists() and not file.is_absolute():
            file = path.parent / name
        if not file.exists():
            raise KernelError(
                f"the meta-kernel {path} lists {name}, which does not exist: correct its "
                "PATH_VALUES, or start where its relative paths begin"
            )
        found.append(file)
    return found


def _strings(name: str) -> list[str]:
    """Strings of a pool variable, those continued with "+" joined."""
    found = []
    while True:
        try:
            value, _ = spiceypy.stpool(name, len(found), "+", 1024)
        except NotFoundError:
            return found
        found.append(value)


def metakernel(paths: Iterable[str | Path], out: str | Path) -> Path:
    """Write a meta-kernel that loads files in the given order.

    Parameters
    ----------
    paths : iterable of path
        Kernel files; the last has the highest priority.
    out : path
        Written whole or not at all.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    KernelError
        There are no files, one does not exist or has a name that a text kernel cannot hold, or
        `out` cannot be written.
    """
    files = [Path(path).absolute() for path in paths]
    out = Path(out)
    if not files:
        raise KernelError(f"no kernels to list in {out}")
    for file in files:
        if not file.is_file():
            raise KernelError(f"cannot list {file} in {out}: it does not exist")
        if not str(file).isascii() or not str(file).isprintable():
            raise KernelError(f"cannot list {file} in {out}: SPICE reads printable ASCII only")
    root = Path(os.path.commonpath([file.parent for file in files]))
    lines = ["KPL/MK", "", "Kernels for Cassini/UVIS, written by uvisxr.", "", "\\begindata", ""]
    lines += ["PATH_SYMBOLS = ( 'K' )"]
    # SPICE replaces a symbol only by a single string, so a root too long for one is spelt out.
    short = len(str(root)) <= _VALUE
    if short:
        lines += ["PATH_VALUES = (", f"  {_quoted(str(root))}", ")"]
    else:
        lines.pop()
    lines += ["KERNELS_TO_LOAD = ("]
    for file in files:
        lines += _pieces(f"$K/{file.relative_to(root).as_posix()}" if short else str(file))
    lines += [")", "", "\\begintext", ""]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=out.parent, prefix=f".{out.name}.", delete=False, encoding="ascii"
        ) as stream:
            stream.write("\n".join(lines))
        Path(stream.name).replace(out)
    except OSError as error:
        raise KernelError(f"cannot write {out}: {error.strerror or error}") from error
    return out


def _pieces(text: str) -> list[str]:
    """A string as lines of at most 80 characters, each but the last ending in "+"."""
    room = _LINE - 5
    parts = [text[at : at + room] for at in range(0, len(text), room)]
    return [f"  {_quoted(part + '+')}" for part in parts[:-1]] + [f"  {_quoted(parts[-1])}"]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
