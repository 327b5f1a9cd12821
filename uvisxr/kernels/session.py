"""The SPICE session: furnish kernels under a lock, unload them, leave the user's alone.

SPICE keeps one kernel pool and one list of files for the whole process and is not thread-safe.
uvisxr calls SPICE only inside `loaded`, which holds `LOCK`::

    with loaded(paths):
        ...spiceypy calls...

A fork of the process waits until no other thread is in such a block.

Reading the archive's text kernels takes longer than the geometry of a short product. Within
`keeping` they therefore stay from one such block to the next, as long as SPICE holds nothing of
anybody else.

References
----------
NAIF required reading *KERNEL* (loading and unloading: the file loaded last wins; unloading a text
kernel clears the pool and reads the remaining text kernels again) and *DAF* (file record).
"""

from __future__ import annotations

import logging
import os
import re
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from .. import forks
from ..errors import KernelError
from ..files import read_beginning, read_whole, utf16
from . import daf, spice
from .listing import altered
from .text import Text, parse

_LOG = logging.getLogger(__name__)

#: Held around every SPICE call; re-entrant, so that sessions can nest within a thread.
LOCK = threading.RLock()

# In a child, the kernels that another thread has loaded would never be unloaded.
forks.wait_for(LOCK)

#: First words of binary kernels, those of the 1990s last (*KERNEL*, *DAF* required reading).
_BINARY = (b"DAF/", b"DAS/", b"NAIF/DAF", b"NAIF/DAS")

#: First word of a text kernel, after a byte-order mark or blanks as SPICE allows.
_IDENTITY = re.compile(rb"(?:\xef\xbb\xbf)?\s*KPL/(\w+)")

#: Types of text kernels other than meta-kernels; TEXT are those that do not say their type.
TEXTS = ("LSK", "SCLK", "FK", "IK", "PCK", "TEXT")

#: Larger text kernels are not read, bytes; those of missions have up to 10 MB.
_LONGEST_TEXT = 20_000_000

#: Most characters of what SPICE says that an error repeats.
_REASON = 240

#: Names of pool variables requested at once.
_PAGE = 500

#: Longest string a pool variable can hold, with the terminating null.
_STRING = 81


@dataclass
class _Kept:
    """Text kernels that stay furnished; only to be touched by who holds `LOCK`.

    Attributes
    ----------
    blocks : int
        How many `keeping` blocks are open.
    for_good : bool
        As after `keep_for_good`.
    within : int
        How many `loaded` blocks are open, one in the other.
    stamps : list of tuple
        The files, in the order in which they were furnished; see `stamp`.
    variables : frozenset of str
        What they set in the pool.
    """

    blocks: int = 0
    for_good: bool = False
    within: int = 0
    stamps: list[tuple[str, int, int, int]] = field(default_factory=list)
    variables: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        return [name for name, *_ in self.stamps]


_KEPT = _Kept()

#: What is called with the binary kernels that SPICE is to read next; see `noting`.
_NOTED: list[Callable[[list[Path]], None]] = []


@contextmanager
def noting(note: Callable[[list[Path]], None]) -> Iterator[None]:
    """Have the binary kernels told that SPICE is given, before it is, in a `with` block.

    Should one end the process, others can know which.
    """
    _NOTED.append(note)
    try:
        yield
    finally:
        _NOTED.remove(note)


def about_to_read(paths: Iterable[str | Path]) -> None:
    """Tell those who note it which of some kernels, the binary ones, SPICE is to read."""
    if _NOTED and (binary := [Path(path) for path in paths if _whole(path).text is None]):
        for note in _NOTED:
            note(binary)


@contextmanager
def keeping() -> Iterator[None]:
    """Let text kernels that `loaded` furnishes in a `with` block stay until its end.

    The next `loaded` takes them over if it wants the same ones; otherwise they go first. They stay
    only if SPICE held neither files nor variables before, and if the names that they define are
    those of instruments alone: names of bodies would be known outside of `loaded` too.
    `user_kernels` does not list them.
    """
    with LOCK:
        _KEPT.blocks += 1
    try:
        yield
    finally:
        with LOCK:
            _KEPT.blocks -= 1
            if not _KEPT.blocks and not _KEPT.for_good:
                _release()


def keep_for_good() -> None:
    """Keep text kernels, as in `keeping`, until the process ends: one that nobody else works in."""
    _KEPT.for_good = True


def _keep(texts: list[Path]) -> list[Path]:
    """The text kernels, if they are or can be furnished to stay, and nothing otherwise."""
    if _KEPT.within:
        return []
    try:
        stamps = [stamp(path) for path in texts]
    except OSError:
        # The furnishing will say what is wrong.
        stamps = []
    if _KEPT.stamps and stamps == _KEPT.stamps and _furnished() == _KEPT.names:
        return texts
    _release()
    if not stamps or not (_KEPT.blocks or _KEPT.for_good) or _furnished() or _pool_names():
        return []
    try:
        for path in texts:
            _furnish(path)
    except KernelError:
        spice.kclear()
        raise
    if _names_bodies():
        spice.kclear()
        return []
    _KEPT.stamps, _KEPT.variables = stamps, frozenset().union(*map(sets, texts))
    return texts


def _names_bodies() -> bool:
    """Whether the pool names bodies; spacecraft and instruments have negative codes."""
    known = spice.expool("NAIF_BODY_CODE")
    return bool(known) and bool((np.asarray(_values("NAIF_BODY_CODE"), float) >= 0).any())


def _release() -> None:
    """Unload what has stayed. What the user has furnished or set since remains."""
    if not _KEPT.stamps:
        return
    others = {name: _values(name) for name in _pool_names() if name not in _KEPT.variables}
    if _furnished() == _KEPT.names:
        spice.kclear()
    else:
        for name in reversed(_KEPT.names):
            spice.unload(name)
    _KEPT.stamps, _KEPT.variables = [], frozenset()
    _set(others)


def _furnished() -> list[str]:
    return [spice.kdata(index, "ALL")[0] for index in range(spice.ktotal("ALL"))]


@contextmanager
def loaded(paths: Iterable[str | Path], soon: Iterable[str | Path] = ()) -> Iterator[list[Path]]:
    """Furnish kernels for the duration of a `with` block, and unload exactly those.

    Each file is furnished once, in the given order (the last has the highest priority, and all rank
    above what is already furnished). On exit, even by an exception, each is unloaded; files that
    the user had furnished keep their place, and pool variables that the user set keep their values.

    Parameters
    ----------
    paths : iterable of path
        Kernels of any kind, including meta-kernels. If empty, only the lock is taken.
    soon : iterable of path, optional
        The files of the next block, among them all of these. Within `keeping` its text kernels are
        furnished instead, as they will stay.

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
    with LOCK:
        kept = _keep(_texts([*soon] or wanted) if wanted else [])
        rest = [path for path in wanted if path not in kept]
        _KEPT.within += 1
        try:
            with _added(rest, kept):
                if wanted:
                    _LOG.debug("SPICE has loaded %s", ", ".join(map(str, wanted)))
                yield wanted
        finally:
            _KEPT.within -= 1


def _texts(paths: Iterable[str | Path]) -> list[Path]:
    """Text kernels among some files; none if there are meta-kernels, which may load any."""
    kinds = {Path(path): check_file(path) for path in paths}
    return [] if "MK" in kinds.values() else [path for path in kinds if kinds[path] in TEXTS]


@contextmanager
def _added(paths: list[Path], kept: list[Path]) -> Iterator[None]:
    """Furnish files for the duration of a `with` block; if some are kept, none of text."""
    if not paths:
        yield
        return
    with nullcontext() if kept else pool_kept():
        alone = not spice.ktotal("ALL")
        done: list[Path] = []
        try:
            about_to_read(paths)
            for path in paths:
                check_file(path)
                _furnish(path)
                done.append(path)
            yield
        finally:
            if alone:
                # Every text kernel unloaded makes SPICE reread the remaining ones. If all the files
                # are ours, clearing the pool has the same effect at once.
                spice.kclear()
            else:
                for path in reversed(done):
                    spice.unload(str(path))


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
    """The user's files currently furnished, without meta-kernels, in loading order."""
    with LOCK:
        found = []
        for index in range(spice.ktotal("ALL")):
            name, kind, _, _ = spice.kdata(index, "ALL")
            if kind != "META" and name not in _KEPT.names:
                found.append(Path(name))
        return found


@dataclass(frozen=True)
class Content:
    """What a file is, as far as SPICE is concerned.

    Attributes
    ----------
    kind : str
        As `check_file` returns it; empty if the file is no kernel, or not a whole one.
    fault : str
        Why it is not.
    text : Text, optional
        What a text kernel holds.
    """

    kind: str
    fault: str = ""
    text: Text | None = None


def check_file(path: str | Path) -> str:
    """Type of a kernel file: SPK, CK, one of `TEXTS`, or MK.

    SPICE decides what a kernel is, with four exceptions: it accepts any file as an empty text
    kernel, takes what is left of a truncated one for the whole, notices a wrong record of a binary
    one late or never, and knows files of shapes and events (DAS), which no geometry here uses. All
    are rejected here. Text kernels that say to be of a type that
    there is not are TEXT.

    Raises
    ------
    KernelError
        The file is missing, empty, truncated, corrupt or not a kernel.
    """
    return _whole(path).kind


def sets(path: str | Path) -> frozenset[str]:
    """Pool variables that a kernel sets, which for binary ones are none.

    Raises
    ------
    KernelError
        As `check_file`.
    """
    text = _whole(path).text
    return text.variables if text else frozenset()


def closed(path: str | Path) -> bool:
    """Whether a kernel ends as all of the archive do: text kernels with a section of text.

    Raises
    ------
    KernelError
        As `check_file`.
    """
    text = _whole(path).text
    return text is None or text.closed


def stamp(path: str | Path) -> tuple[str, int, int, int]:
    """What tells a file from others and from itself before a change."""
    stat = Path(path).stat()
    return str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size


def _whole(path: str | Path) -> Content:
    try:
        content = _content(*stamp(path))
        os.fspath(path).encode()
    except OSError as error:
        raise KernelError(f"cannot read the kernel {path}: {error.strerror or error}") from error
    except UnicodeEncodeError:
        raise KernelError(
            f"the name of the kernel {os.fspath(path)!r} is not UTF-8, as SPICE needs it: rename it"
        ) from None
    if content.fault:
        raise KernelError(content.fault)
    return content


@lru_cache(maxsize=2**16)
def _content(name: str, _inode: int, _mtime: int, size: int) -> Content:
    path = Path(name)
    head, _ = read_beginning(path, 1024)
    try:
        if head.startswith(_BINARY):
            return Content(_binary_kind(path, head))
        identity = _IDENTITY.match(head)
        if identity or _is_marked(path, head, size):
            content = read_whole(path, _LONGEST_TEXT)
            text = parse(content)
            if text.fault:
                raise KernelError(
                    f"the kernel {path} is truncated or corrupt: {text.fault}; mend it, or "
                    "download it again"
                )
            if fault := altered(path.name, content):
                raise KernelError(
                    f"the kernel {path} is corrupt or edited: {fault}; download it again, or give "
                    "an edited copy another name"
                )
            kind = _word(identity[1]) if identity else "TEXT"
            if kind == "MK" or "KERNELS_TO_LOAD" in text.variables:
                return Content("MK", text=text)
            return Content(kind if kind in TEXTS else "TEXT", text=text)
    except KernelError as error:
        return Content("", str(error))
    mend = "if it should be one, put a whole copy in its place, of `uvisxr kernels fetch` or NAIF"
    if head.startswith((b"DAFETF", b"DASETF")):
        mend = "it is in transfer format; convert it with NAIF's program tobin"
    if utf16(head):
        return Content(
            "",
            f"{path} is text in UTF-16, as some editors save it, and SPICE reads ASCII: save it as "
            "plain text, or download it again",
        )
    # What it holds is not told: lists name any files.
    page = " but a web page" if head.lstrip().startswith(b"<") else ""
    return Content("", f"{path} is not a SPICE kernel{page}: {mend}")


def _is_marked(path: Path, head: bytes, size: int) -> bool:
    """Whether a file without a kernel's first words has a text kernel's data, as old ones do."""
    if b"\0" in head or size > _LONGEST_TEXT:
        return False
    return b"\\begindata" in read_whole(path, _LONGEST_TEXT)


def _binary_kind(path: Path, head: bytes) -> str:
    if not head.startswith(daf.WORDS):
        raise KernelError(
            f"{path} holds {_word(head[:8])}, no positions, orientations or constants: leave it "
            "out, as the geometry does not use it"
        )
    daf.check(path)
    # The word of old files does not say what they hold; SPICE looks at their segments.
    return _old_kind(path) if head.startswith(b"NAIF/") else _word(head[4:8])


def _word(text: bytes) -> str:
    return text.decode("ascii", "replace").strip()


def _old_kind(path: Path) -> str:
    with LOCK:
        try:
            return str(spice.getfat(str(path))[1])
        except spice.SpiceyError as error:
            raise KernelError(
                f"SPICE cannot tell what kernel {path} is: {spice_reason(error)}"
            ) from error


def _furnish(path: Path) -> None:
    try:
        _check_numbers(*stamp(path))
    except OSError as error:
        raise KernelError(f"cannot read the kernel {path}: {error.strerror or error}") from error
    try:
        spice.furnsh(str(path))
    except spice.SpiceyError as error:
        raise KernelError(f"SPICE cannot load {path}: {spice_reason(error)}") from error


@lru_cache(maxsize=2**16)
def _check_numbers(name: str, _inode: int, _mtime: int, _size: int) -> None:
    """Check the data of a binary kernel, once for each file that is loaded."""
    if read_beginning(name, 8)[0].startswith(daf.WORDS):
        daf.check_numbers(Path(name))


def spice_reason(error: Exception) -> str:
    """A SPICE error's short and long messages, on one line of bounded length."""
    parts = (getattr(error, "short", ""), getattr(error, "long", ""))
    text = " ".join(part for part in parts if part) or str(error)
    return textwrap.shorten(text, _REASON, placeholder=" ...")


def _pool() -> dict[str, np.ndarray | list[str]]:
    """Every kernel-pool variable with its values."""
    return {name: _values(name) for name in _pool_names()}


def _pool_names() -> list[str]:
    names: list[str] = []
    try:
        while len(names) % _PAGE == 0:
            names += spice.gnpool("*", len(names), _PAGE)
    except spice.NotFoundError:
        pass
    return names


def _values(name: str) -> np.ndarray | list[str]:
    size, kind = spice.dtpool(name)
    if kind == "N":
        return np.array(spice.gdpool(name, 0, size))
    return list(spice.gcpool(name, 0, size, _STRING))


def _restore(before: dict[str, np.ndarray | list[str]]) -> None:
    now = _pool()
    changed = {n: v for n, v in before.items() if n not in now or not _same(now[n], v)}
    _set(changed)
    for name in now.keys() - before.keys():
        spice.dvpool(name)


def _set(variables: dict[str, np.ndarray | list[str]]) -> None:
    for name, values in variables.items():
        if isinstance(values, list):
            spice.pcpool(name, values)
        else:
            spice.pdpool(name, values)


def _same(left: np.ndarray | list[str], right: np.ndarray | list[str]) -> bool:
    if isinstance(left, list) or isinstance(right, list):
        return isinstance(left, list) and isinstance(right, list) and left == right
    return np.array_equal(left, right)
