"""Read and write meta-kernels."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path

from ..errors import KernelError, shortened
from ..fetch import cache_dir, cache_note
from ..files import check_target, opened, refuse_foreign, whole_file
from .session import check_file, sets
from .text import parse, without

_VARIABLES = ("KERNELS_TO_LOAD", "PATH_SYMBOLS", "PATH_VALUES")

#: Sections of data, and in them strings and assignments of strings (*KERNEL* required reading).
#: Strings in one way only: the last quote of one is not the first of a doubled one.
_DATA = re.compile(r"^[ \t]*\\begindata[ \t]*\n(.*?)(?=^[ \t]*\\begintext|\Z)", re.DOTALL | re.M)
_STRING = r"'(?:[^'\n]|'')*'(?!')"
_ASSIGNMENT = re.compile(
    rf"^[ \t]*({'|'.join(_VARIABLES)})\s*(\+?=)\s*(\((?:[^()']|{_STRING})*\)|.*)", re.MULTILINE
)

#: Line length used, and the longest string that SPICE keeps; a longer one is cut without a word,
#: unless it is continued in the next string with a "+".
_LINE = 80

#: Longest file name SPICE accepts (FILSIZ of *KERNEL* required reading).
_LONGEST = 255

#: The line by which our own meta-kernels are known.
_OURS = "Kernels for Cassini/UVIS, written by uvisxr."


def expand(path: str | Path) -> list[Path]:
    """Files that a meta-kernel lists, in order.

    Relative names start at the current folder, as in SPICE; those not found there, at the
    meta-kernel's own.

    Raises
    ------
    KernelError
        The file cannot be read, it lists nothing, or a file it lists does not exist, cannot be
        read or is a meta-kernel itself, which SPICE does not load.
    """
    path = Path(path)
    values = _values(path)
    names = values["KERNELS_TO_LOAD"]
    if not names:
        raise KernelError(f"the meta-kernel {path} lists no files in KERNELS_TO_LOAD")
    # The longest symbol first, so that $KERNELS is not taken for $K.
    pairs = zip(values["PATH_SYMBOLS"], values["PATH_VALUES"], strict=False)
    symbols = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)
    found = []
    for name in names:
        for symbol, value in symbols:
            name = name.replace(f"${symbol}", value)
        if len(os.fsencode(name)) > _LONGEST:
            raise KernelError(
                f"the meta-kernel {path} lists a name of more than the {_LONGEST} characters that "
                f"SPICE accepts, {shortened(name, 80)}: move the file to a shorter path"
            )
        file = Path(name)
        if not file.exists() and not file.is_absolute():
            file = path.parent / name
        if not file.exists():
            raise KernelError(
                f"the meta-kernel {path} lists {name}, which does not exist: correct its "
                "PATH_VALUES, or run from the folder where its relative paths start"
            )
        try:
            kind = check_file(file)
        except KernelError as error:
            raise KernelError(f"the meta-kernel {path} lists {name}: {error}") from error
        if kind == "MK":
            raise KernelError(
                f"the meta-kernel {path} lists the meta-kernel {name}, which SPICE does not load: "
                "list its files"
            )
        found.append(file)
    return found


def own(path: str | Path) -> list[Path]:
    """A text kernel, in the cache, of the variables that a meta-kernel sets itself, if it does.

    SPICE sets them before it loads the files that the meta-kernel lists, which thus prevail.

    Raises
    ------
    KernelError
        They are cut or wrong, as in a text kernel, or the cache cannot be written.
    """
    path = Path(path)
    if sets(path) <= {*_VARIABLES}:
        return []
    try:
        content = without(path.read_bytes(), _VARIABLES)
        if fault := parse(content).fault:
            raise KernelError(f"the meta-kernel {path} is truncated or corrupt: {fault}; mend it")
        # By what it holds, so that it is there for a meta-kernel that lists it, and for others.
        digest = hashlib.sha256(content).hexdigest()[:16]
        kept = cache_dir("metakernels") / f"{path.stem}_{digest}.tk"
        if not (kept.is_file() and kept.read_bytes() == b"KPL/TEXT" + content):
            kept.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(kept) as temporary:
                temporary.write_bytes(b"KPL/TEXT" + content)
    except OSError as error:
        where = getattr(error, "filename", None) or path
        raise KernelError(
            f"cannot keep in the cache what the meta-kernel {path} sets itself: {where}: "
            f"{error.strerror or error}{cache_note(cache_dir())}"
        ) from error
    return [kept]


def _values(path: Path) -> dict[str, list[str]]:
    """The three variables of a meta-kernel, with strings continued by "+" joined.

    SPICE's own reader cuts lines at 132 characters and strings at 80, the latter without a word.
    """
    try:
        # Names may have bytes that are no text; Path takes them as they are.
        with TextIOWrapper(opened(path), "utf-8", "surrogateescape") as stream:
            text = stream.read()
    except OSError as error:
        raise KernelError(
            f"cannot read the meta-kernel {path}: {error.strerror or error}"
        ) from error
    values: dict[str, list[str]] = {name: [] for name in _VARIABLES}
    # Reading as text has made every line end a "\n".
    for name, sign, given in _ASSIGNMENT.findall("\n".join(_DATA.findall(text))):
        quoted = re.findall(_STRING, given)
        if not quoted or re.sub(rf"{_STRING}|[\s,]", "", given) not in ("", "()"):
            raise KernelError(
                f"cannot read the meta-kernel {path}: {name} is no list of quoted strings"
            )
        strings = [string[1:-1].replace("''", "'").rstrip() for string in quoted]
        values[name] = [*(values[name] if sign == "+=" else ()), *strings]
    return {name: _joined(strings) for name, strings in values.items()}


def _joined(strings: list[str]) -> list[str]:
    found: list[str] = []
    continued = False
    for text in strings:
        whole = (found.pop() if continued else "") + text.removesuffix("+")
        continued = text.endswith("+")
        found.append(whole)
    return found


def metakernel(paths: Iterable[str | Path], out: str | Path, overwrite: bool | None = None) -> Path:
    """Write a meta-kernel that loads files in the given order.

    Parameters
    ----------
    paths : iterable of path
        Kernel files; the last one has the highest priority.
    out : path
        Written whole or not at all; its folder is made.
    overwrite : bool, optional
        Whether to replace an existing file: True, any; False, none; by default a meta-kernel that
        uvisxr wrote.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    KernelError
        There are no files, or a file does not exist or has a name that a text kernel cannot hold.
    ExportError
        `out` cannot be written, is there and must stay, or is one of the files.
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
        if str(file).endswith("+"):
            raise KernelError(
                f"cannot list {file} in {out}: a string that ends in + is continued in the next "
                "one; rename it"
            )
        if len(str(file)) > _LONGEST:
            raise KernelError(
                f"cannot list {file} in {out}: SPICE accepts at most {_LONGEST} characters in a "
                "name; move it to a shorter path"
            )
    root = Path(os.path.commonpath([file.parent for file in files]))
    lines = ["KPL/MK", "", _OURS, "", "\\begindata", ""]
    # A symbol's value must be a single string, so a folder too long for one, or that ends in the
    # sign of continuation, is spelt out in each name; and so is a name with the sign of a symbol.
    short = len(str(root)) <= _LINE - 4 and "'" not in str(root) and not str(root).endswith("+")
    short = short and not any("$" in str(file) for file in files)
    if short:
        lines += ["PATH_SYMBOLS = ( 'K' )", "PATH_VALUES = (", f"  '{root}'", ")"]
    lines += ["KERNELS_TO_LOAD = ("]
    for file in files:
        lines += _pieces(f"$K/{file.relative_to(root).as_posix()}" if short else str(file))
    lines += [")", "", "\\begintext", ""]
    check_target(out, files)
    refuse_foreign(out, overwrite, lambda there: _OURS in there.read_text("ascii"))
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
