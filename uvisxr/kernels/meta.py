"""Read and write meta-kernels."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import spiceypy
from spiceypy.utils.exceptions import NotFoundError, SpiceyError

from ..errors import KernelError
from ..files import whole_file
from .session import LOCK, pool_kept, spice_reason

_VARIABLES = ("KERNELS_TO_LOAD", "PATH_SYMBOLS", "PATH_VALUES")

#: Line length used; SPICE allows strings of 80 characters in lines of 132. A longer string is
#: continued in the next one with a "+".
_LINE = 80

#: Longest file name SPICE accepts (FILSIZ of *KERNEL* required reading).
_LONGEST = 255


def expand(path: str | Path) -> list[Path]:
    """Files that a meta-kernel lists, in order.

    Relative names start at the current folder, as in SPICE; those not found there, at the
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
                "PATH_VALUES, or run from the folder where its relative paths start"
            )
        found.append(file)
    return found


def _strings(name: str) -> list[str]:
    """Strings of a pool variable, with those continued by "+" joined."""
    found: list[str] = []
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
        Kernel files; the last one has the highest priority.
    out : path
        Written whole or not at all; its folder is made.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    KernelError
        There are no files, or a file does not exist or has a name that a text kernel cannot hold.
    ExportError
        `out` cannot be written, or is one of the files.
    """
    files = [Path(path).absolute() for path in paths]
    out = Path(out).expanduser()
    if not files:
        raise KernelError(f"no kernels to list in {out}: give at least one")
    for file in files:
        if not file.is_file():
            raise KernelError(f"cannot list {file} in {out}: it does not exist")
        if not str(file).isascii() or not str(file).isprintable():
            raise KernelError(
                f"cannot list {file} in {out}: SPICE reads only printable ASCII; rename or move it"
            )
        if len(str(file)) > _LONGEST:
            raise KernelError(
                f"cannot list {file} in {out}: SPICE accepts at most {_LONGEST} characters in a "
                "name; move it to a shorter path"
            )
    root = Path(os.path.commonpath([file.parent for file in files]))
    lines = ["KPL/MK", "", "Kernels for Cassini/UVIS, written by uvisxr.", "", "\\begindata", ""]
    # A symbol's value must be a single string, so a folder too long for one is spelt out in each
    # name.
    short = len(str(root)) <= _LINE - 4 and "'" not in str(root)
    if short:
        lines += ["PATH_SYMBOLS = ( 'K' )", "PATH_VALUES = (", f"  '{root}'", ")"]
    lines += ["KERNELS_TO_LOAD = ("]
    for file in files:
        lines += _pieces(f"$K/{file.relative_to(root).as_posix()}" if short else str(file))
    lines += [")", "", "\\begintext", ""]
    with whole_file(out, files) as temporary:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text("\n".join(lines), encoding="ascii")
    return out


def _pieces(text: str) -> list[str]:
    """Split a string into lines of at most 80 characters, each but the last ending in "+"."""
    # Room for the indent, quotes and "+"; quotes inside are doubled, and may all fall on one line.
    room = _LINE - 5 - text.count("'")
    parts = [text[at : at + room].replace("'", "''") for at in range(0, len(text), room)]
    return [f"  '{part}+'" for part in parts[:-1]] + [f"  '{parts[-1]}'"]
