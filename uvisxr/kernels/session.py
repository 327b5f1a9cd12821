"""The SPICE session: furnish kernels under a lock, unload them, leave the user's alone.

SPICE keeps one kernel pool and one list of files for the whole process and is not thread-safe.
uvisxr calls SPICE only inside `loaded`, which holds `LOCK`::

    with loaded(paths):
        ...spiceypy calls...

References
----------
NAIF required reading *KERNEL* (loading and unloading: the file loaded last wins; unloading a text
kernel clears the pool and reads the remaining text kernels again) and *DAF* (file record).
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import spiceypy
from spiceypy.utils.exceptions import NotFoundError, SpiceyError

from ..errors import KernelError

_LOG = logging.getLogger(__name__)

#: Held around every SPICE call; re-entrant, so that sessions can nest within a thread.
LOCK = threading.RLock()

#: First words of binary kernels, those of the 1990s last (*KERNEL*, *DAF* required reading).
_BINARY = (b"DAF/", b"DAS/", b"NAIF/DAF", b"NAIF/DAS")

#: First word of a text kernel, after a byte-order mark or blanks as SPICE allows.
_IDENTITY = re.compile(rb"(?:\xef\xbb\xbf)?\s*KPL/(\w+)")

#: The list of a meta-kernel.
_MENU = re.compile(rb"(?:^|[\r\n])[ \t]*KERNELS_TO_LOAD[ \t]*\+?=")

#: More double numbers than a DAF summary can have.
_MOST_DOUBLES = 125

#: Names of pool variables requested at once.
_PAGE = 500

#: Longest string a pool variable can hold, with the terminating null.
_STRING = 81


@contextmanager
def loaded(paths: Iterable[str | Path]) -> Iterator[list[Path]]:
    """Furnish kernels for the duration of a `with` block, and unload exactly those.

    Each file is furnished once, in the given order (the last has the highest priority, and all rank
    above what is already furnished). On exit, even by an exception, each is unloaded; files that
    the user had furnished keep their place, and pool variables that the user set keep their values.

    Parameters
    ----------
    paths : iterable of path
        Kernels of any kind, including meta-kernels. If empty, only the lock is taken.

    Yields
    ------
    list of Path
        The files furnished.

    Raises
    ------
    KernelError
        A file is missing, truncated or not a kernel, or SPICE rejects it; the message names the
        file. Files furnished before it are unloaded.
    """
    wanted = list(dict.fromkeys(Path(path) for path in paths))
    if not wanted:
        with LOCK:
            yield wanted
        return
    with LOCK, pool_kept():
        alone = not spiceypy.ktotal("ALL")
        done: list[Path] = []
        try:
            for path in wanted:
                check_file(path)
                _furnish(path)
                done.append(path)
            _LOG.debug("SPICE has loaded %s", ", ".join(map(str, done)))
            yield wanted
        finally:
            if alone:
                # Every text kernel unloaded makes SPICE reread the remaining ones. If all the files
                # are ours, clearing the pool has the same effect at once.
                spiceypy.kclear()
            else:
                for path in reversed(done):
                    spiceypy.unload(str(path))


@contextmanager
def pool_kept() -> Iterator[None]:
    """Restore the kernel pool's variables and values after a `with` block.

    Unloading a text kernel empties the pool and rereads the remaining files, so variables set with
    `pdpool`, `pcpool` or `ldpool` would be lost, and changed ones reset.
    """
    before = _pool()
    try:
        yield
    finally:
        _restore(before)


def user_kernels() -> list[Path]:
    """The files currently furnished, without meta-kernels, in loading order."""
    with LOCK:
        found = []
        for index in range(spiceypy.ktotal("ALL")):
            name, kind, _, _ = spiceypy.kdata(index, "ALL")
            if kind != "META":
                found.append(Path(name))
        return found


def check_file(path: str | Path) -> str:
    """Type of a kernel file: SPK, CK, LSK, SCLK, FK, IK, PCK, MK or TEXT.

    SPICE decides what a kernel is, with two exceptions: it accepts any file as an empty text
    kernel, and notices a truncated binary one only when it reads past the end. Both are rejected
    here.

    Raises
    ------
    KernelError
        The file is missing, empty, truncated or not a kernel.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(1024)
            size = file.seek(0, 2)
    except OSError as error:
        raise KernelError(f"cannot read the kernel {path}: {error.strerror or error}") from error
    if head.startswith(_BINARY):
        _check_binary(path, head, size)
        # The word of old files does not say what they hold; SPICE looks at their segments.
        return _old_kind(path) if head.startswith(b"NAIF/") else _word(head[4:8])
    if match := _IDENTITY.match(head):
        kind = _word(match[1])
        return "MK" if kind != "MK" and _lists_kernels(path.read_bytes()) else kind
    content = path.read_bytes()
    if b"\\begindata" in content:
        return "MK" if _lists_kernels(content) else "TEXT"
    mend = "replace it, for example with `uvisxr kernels fetch`"
    if head.startswith((b"DAFETF", b"DASETF")):
        mend = "it is in transfer format; convert it with NAIF's program tobin"
    raise KernelError(f"{path} is not a SPICE kernel (it begins with {head[:16]!r}): {mend}")


def _word(text: bytes) -> str:
    return text.decode("ascii", "replace").strip()


def _lists_kernels(content: bytes) -> bool:
    """Whether a text kernel is a meta-kernel, whatever it says it is and however its lines end."""
    return b"KERNELS_TO_LOAD" in content and _MENU.search(content) is not None


def assigns(path: str | Path, variable: str) -> bool:
    """Whether a text kernel sets a pool variable."""
    pattern = rb"(?:^|[\r\n])[ \t]*" + re.escape(variable).encode() + rb"[ \t]*\+?="
    return re.search(pattern, Path(path).read_bytes()) is not None


def _old_kind(path: Path) -> str:
    with LOCK:
        try:
            return str(spiceypy.getfat(str(path))[1])
        except SpiceyError as error:
            raise KernelError(
                f"SPICE cannot tell what kernel {path} is: {spice_reason(error)}"
            ) from error


def _check_binary(path: Path, head: bytes, size: int) -> None:
    """Compare the size of a DAF file with the first free address in its file record."""
    if b"DAF" not in head[:8]:
        return
    # Old files do not name their byte order, but their summaries have few double numbers.
    order: Literal["little", "big"] = "big"
    if head[88:96].startswith(b"LTL") or (
        not head[88:96].startswith(b"BIG") and int.from_bytes(head[8:12], "little") < _MOST_DOUBLES
    ):
        order = "little"
    stated = (int.from_bytes(head[84:88], order, signed=True) - 1) * 8
    if len(head) < 1024 or stated < 1024 or size < stated:
        raise KernelError(
            f"the kernel {path} is truncated or corrupt: it has {size} bytes, but its file record "
            f"says {max(stated, 1024)}; download it again"
        )


def _furnish(path: Path) -> None:
    try:
        spiceypy.furnsh(str(path))
    except SpiceyError as error:
        raise KernelError(f"SPICE cannot load {path}: {spice_reason(error)}") from error


def spice_reason(error: SpiceyError) -> str:
    """A SPICE error's short and long messages, on one line."""
    parts = (getattr(error, "short", ""), getattr(error, "long", ""))
    return " ".join(" ".join(part for part in parts if part).split()) or str(error)


def _pool() -> dict[str, np.ndarray | list[str]]:
    """Every kernel-pool variable with its values."""
    names: list[str] = []
    try:
        while len(names) % _PAGE == 0:
            names += spiceypy.gnpool("*", len(names), _PAGE)
    except NotFoundError:
        pass
    return {name: _values(name) for name in names}


def _values(name: str) -> np.ndarray | list[str]:
    size, kind = spiceypy.dtpool(name)
    if kind == "N":
        return np.array(spiceypy.gdpool(name, 0, size))
    return list(spiceypy.gcpool(name, 0, size, _STRING))


def _restore(before: dict[str, np.ndarray | list[str]]) -> None:
    now = _pool()
    for name, values in before.items():
        if name in now and _same(now[name], values):
            continue
        if isinstance(values, list):
            spiceypy.pcpool(name, values)
        else:
            spiceypy.pdpool(name, values)
    for name in now.keys() - before.keys():
        spiceypy.dvpool(name)


def _same(left: np.ndarray | list[str], right: np.ndarray | list[str]) -> bool:
    if isinstance(left, list) or isinstance(right, list):
        return isinstance(left, list) and isinstance(right, list) and left == right
    return np.array_equal(left, right)
