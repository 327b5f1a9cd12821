"""Files: names that stay in a folder, writing whole and never over an input, reading in bounds.

Everything that uvisxr writes goes through `whole_file`, but the manifest of a batch, to which lines
are appended, and what is there only as long as a process is at work.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import io
import logging
import os
import platform
import re
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple, cast

from . import checks
from .errors import ArgumentError, ExportError

_LOG = logging.getLogger(__name__)

#: How files of HDF5 begin, which those of NetCDF-4 are, and those of NetCDF, of older ones too.
HDF5 = b"\x89HDF\r\n\x1a\n"
NETCDF = (HDF5, b"CDF")

#: What FITS files begin with.
FITS = b"SIMPLE  ="

#: Endings of the archive's products, in upper case.
_PRODUCTS = (".LBL", ".XML", ".DAT")

#: What packed data files have after .DAT, in upper case.
_PACKED = (".BZ2", ".GZ", ".ZIP")

#: What to do about an output in whose place there is something else.
_RENAME = "choose another name"

#: Letters of a name that its temporary name repeats: names may have 255 bytes.
_SHOWN = 40

#: Longest path that a file gives, in bytes; those of the archive have some 60.
_LONGEST = 255

#: Temporary names: where the writer was, its process, and a number that no other has.
_WRITER = re.compile(r"[0-9a-f]{16}", re.ASCII)
_LEFT = re.compile(rf"\..*\.({_WRITER.pattern})[0-9a-f]{{16}}\.part", re.DOTALL)

#: How many files and folders a folder may hold.
_FILES = 200_000

#: What the system says where no more can be written, and bytes that tell whether that is so.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LITTLE = 2**16

#: How a message of `check_name` ends where there is something that never may.
NO_FILE = "not of a pipe, a socket or a device"

#: Seconds after which nobody writes to a temporary file any more.
_DAY = 86400

_Paths = Iterable[str | os.PathLike[str]]


def relative(name: str | os.PathLike[str]) -> PurePosixPath:
    r"""A name that a label, an index or a server gives for a file, as a path below some folder.

    Parameters
    ----------
    name : str or path
        With "/" between folders.

    Raises
    ------
    ArgumentError
        It is no such path: empty or absolute; with "..", a backslash, a colon as in addresses and
        after drives, or letters that are not printed such as NUL; or of more than 255 bytes.

    Examples
    --------
    >>> relative("DATA/D2005_230/FUV2005_230_15_15.LBL").name
    'FUV2005_230_15_15.LBL'
    >>> relative("DATA/../../FUV2005_230_15_15.LBL")
    Traceback (most recent call last):
    uvisxr.errors.ArgumentError: 'DATA/../../FUV2005_230_15_15.LBL' is no path below a folder
    """
    text = os.fspath(name)
    path = PurePosixPath(text)
    plain = text.isprintable() and not re.search(r"[\\:]", text) and ".." not in path.parts
    if not (plain and path.parts) or path.is_absolute() or len(text.encode()) > _LONGEST:
        raise ArgumentError(f"{checks.shown(text)} is no path below a folder")
    return path


def inside(folder: str | os.PathLike[str], name: str | os.PathLike[str]) -> Path:
    """Join a name that a label, an index or a server gives to a folder, and stay in that folder.

    The folder itself may be a link.

    Raises
    ------
    ArgumentError
        The name is no path below a folder, as of `relative`, or links lead out of the folder.
    """
    path = Path(folder, relative(name))
    if not real(path).is_relative_to(real(folder)):
        raise ArgumentError(
            f"{path} leads out of {folder} by a link, which is not followed where a file gives the "
            f"name: it leads to {real(path)}; remove the link"
        )
    return path


@contextlib.contextmanager
def whole_file(
    path: str | os.PathLike[str],
    inputs: _Paths = (),
    *,
    folder: str | os.PathLike[str] | None = None,
    archive: bool = False,
) -> Iterator[Path]:
    """A temporary name that becomes `path` at the end, and is removed if anything fails.

    No two writers share a temporary name: of several that write one file at once each writes a
    whole one, and the last to end wins. Whoever opens the temporary name makes the file, so that
    it has the permissions of any new file (0666 without the umask); one that replaces another has
    them too, whatever those of the other were. Where `path` is a link, the file takes the link's
    place, and what the link led to stays.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced. "~" is the user's home.
    inputs : iterable of path
        Files that must stay; URLs are passed over.
    folder : path, optional
        Where the temporary name is, on the file system of `path`. By default beside `path`.
    archive : bool
        The file is itself a product or a calibration file, which may end in .LBL or .DAT.

    Yields
    ------
    Path
        Hidden, and ending in ".part": no search for products, kernels or NetCDF files finds it.
        Tell libraries the format that they would else see from the ending.

    Raises
    ------
    ExportError
        As `check_target`, before anything is written; or the file cannot be written, for instance
        on a full disk or in a missing folder.
    """
    path = Path(path).expanduser()
    check_target(path, inputs, archive=archive)
    # Libraries shorten "link/.." to "." before they open a name; the real folder has no such parts.
    place = real(path.parent)
    path = place / path.name
    where = real(folder) if folder else place
    _sweep(where)
    temporary = where / f".{path.name[:_SHOWN]}.{writer()}{uuid.uuid4().hex[:16]}.part"
    try:
        yield temporary
        temporary.replace(path)
        _LOG.info("wrote %s", path)
    except OSError as error:
        if not place.is_dir():
            raise ExportError(
                f"cannot write {path}: there is no folder {place}; make it, or choose another"
            ) from error
        if full := _full(error, temporary):
            # In the system's words, of which libraries make long ones of their own.
            raise ExportError(
                f"cannot write {path}: {os.strerror(full)} on the disk that holds {where}; free "
                "some space there, or choose another folder"
            ) from OSError(full, os.strerror(full))
        reason = error.strerror or str(error)
        if isinstance(error.filename, str) and Path(error.filename) not in (path, temporary):
            reason = f"{reason}: {error.filename}"
        raise ExportError(
            f"cannot write {path}: {reason}; check that the folder exists, is writable and has "
            "space left"
        ) from error
    finally:
        # Whatever went wrong before says more than that the name cannot be removed.
        with contextlib.suppress(OSError):
            temporary.unlink()


def may_be_own(path: Path) -> bool:
    """Whether what is written into a file goes into no other: nothing has its name, or an ordinary
    file without other names, and no link."""
    if not os.path.lexists(path):
        return True
    there = path.lstat()
    return stat.S_ISREG(there.st_mode) and there.st_nlink == 1


def keep_time(new: Path, old: Path) -> None:
    """Give a file that is to replace another of the same bytes its time, by which it is known."""
    with contextlib.suppress(OSError):
        if filecmp.cmp(new, old, shallow=False):
            state = old.stat()
            os.utime(new, ns=(state.st_atime_ns, state.st_mtime_ns))


def _full(error: OSError, path: Path) -> int | None:
    """The number of the error of a full disk, a quota or a limit on sizes, if one of these it is.

    Libraries such as HDF5 may say something else, so the system is asked to write a little more.
    """
    try:
        if error.errno not in NO_ROOM:
            with path.open("ab") as stream:
                stream.write(bytes(_LITTLE))
                stream.flush()
                os.fsync(stream.fileno())
    except OSError as found:
        error = found
    return error.errno if error.errno in NO_ROOM else None


@lru_cache(maxsize=1)
def _machine() -> str:
    """Eight digits for where processes have numbers of their own: a computer since it was started,
    or a container in it."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return hashlib.blake2b("".join(parts).encode(), digest_size=4).hexdigest()


def writer() -> str:
    """Sixteen digits for this process."""
    return f"{_machine()}{os.getpid() % 2**32:08x}"


def has_ended(mark: str) -> bool:
    """Whether the process of such digits has ended; no where that is not known."""
    here = _WRITER.fullmatch(mark) and mark[:8] == _machine()
    return bool(here) and not _lives(int(mark[8:], 16))


@lru_cache(maxsize=256)
def _sweep(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder; once for each process.

    Of writers elsewhere nothing is known: what they left goes when it is a day old.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            left = _LEFT.fullmatch(entry.name)
            if left and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    old = time.time() - entry.stat().st_mtime > _DAY
                    if old or has_ended(left[1]):
                        Path(entry.path).unlink()


def _lives(process: int) -> bool:
    """Whether a process runs; so it is said too where that cannot be asked."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_text(
    path: str | os.PathLike[str], text: str, inputs: _Paths = (), *, archive: bool = False
) -> Path:
    """Write a text file, UTF-8; parameters and errors as of `whole_file`.

    Returns
    -------
    Path
        The file, "~" resolved.
    """
    path = Path(path).expanduser()
    with whole_file(path, inputs, archive=archive) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def check_target(
    path: str | os.PathLike[str],
    inputs: _Paths = (),
    *,
    archive: bool = False,
    mend: str = _RENAME,
) -> None:
    """Check that writing a file replaces nothing that must stay.

    Parameters
    ----------
    path, inputs, archive
        As of `whole_file`.
    mend : str
        What to do about a file that must stay, for the message.

    Raises
    ------
    ExportError
        The name is that of a product; or there is one of the inputs (under this or another name,
        through links too), a folder, a device.
    """
    path = Path(path).expanduser()
    endings = {_ending(path), _ending(real(path))}
    if not archive and endings.intersection(_PRODUCTS):
        raise ExportError(
            f"cannot write {path}: files that end in {', '.join(_PRODUCTS)} are products of the "
            "archive, and no output takes their place; choose a name with another ending"
        )
    there = _stat(path)
    if there is None:
        return
    if not stat.S_ISREG(there.st_mode):
        what = "a folder" if stat.S_ISDIR(there.st_mode) else "no ordinary file"
        raise ExportError(f"cannot write {path}: it is {what}; {mend}")
    for file in inputs:
        known = _stat(file)
        if known is not None and os.path.samestat(there, known):
            raise ExportError(
                f"cannot write {path}: the data were read from it ({file}), and no output takes "
                f"the place of an input; {mend}"
            )


def _ending(path: Path) -> str:
    """The ending of a name, in upper case, without that of a packing after it."""
    ending = path.suffix.upper()
    return Path(path.stem).suffix.upper() if ending in _PACKED else ending


def refuse_foreign(
    path: str | os.PathLike[str],
    overwrite: bool | None,
    ours: Callable[[Path], bool],
    mend: str = _RENAME,
) -> None:
    """Check that an existing file may be replaced; after `check_target`, before writing.

    Parameters
    ----------
    path : path
        File to be written. "~" is the user's home.
    overwrite : bool or None
        Whether an existing file is replaced: True, any; False, none; None, one that is `ours`.
    ours : callable
        Whether uvisxr wrote the file of a path. Asked of ordinary files only; where it raises an
        OSError or a ValueError, such as that a text cannot be decoded, the file is not ours.
    mend : str
        What to do but replace it, for the message.

    Raises
    ------
    ArgumentError
        `overwrite` is something else.
    ExportError
        The existing file must stay.
    """
    checks.choice("overwrite", overwrite, bool | None)
    path = Path(path).expanduser()
    there = _stat(path)
    if overwrite or there is None or not stat.S_ISREG(there.st_mode):
        return
    if overwrite is None:
        with contextlib.suppress(OSError, ValueError):
            if ours(path):
                return
    why = "it exists" if overwrite is False else "it exists, and uvisxr did not write it"
    raise ExportError(f"cannot write {path}: {why}; {mend}, or replace it with overwrite=True")


def check_name(name: str, path: object) -> None:
    """Check that a name can be that of a file or a folder, whether there is one or not.

    Parameters
    ----------
    name : str
        Of the argument or environment variable, as the user types it.
    path
        Anything that is not a text or a path passes.

    Raises
    ------
    ArgumentError
        It holds a NUL, is too long for the system, or begins with "~" and the name of no user; or
        there is neither a file nor a folder but a pipe, a socket or a device, which may never end.
    """
    if not isinstance(path, str | os.PathLike):
        return
    what = "a path"
    try:
        mode = Path(path).expanduser().stat().st_mode
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise checks.refused(name, path, f"{what}; {error.strerror}") from None
    except (ValueError, RuntimeError, TypeError) as error:
        # A NUL, an unknown user's home, a path of bytes.
        raise checks.refused(name, path, f"{what}; {error}") from None
    else:
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise checks.refused(name, path, f"{what} of a file or a folder, {NO_FILE}")


def from_variable(name: str) -> Path | None:
    """The path that an environment variable holds, "~" resolved; None if it is empty or not set.

    Raises
    ------
    ArgumentError
        As of `check_name`.
    """
    value = os.environ.get(name)
    if not value:
        return None
    check_name(name, value)
    return Path(value).expanduser()


def absolute(path: str | os.PathLike[str]) -> Path:
    """A path that starts at the root; only a relative one asks for the current folder.

    Raises
    ------
    ArgumentError
        It is relative, and the current folder was deleted or unmounted.
    """
    try:
        return Path(path).absolute()
    except OSError as error:
        raise ArgumentError(
            f"{checks.shown(os.fspath(path))} is relative to the current folder, which is gone "
            f"({error.strerror}): change to a folder that is there, or give an absolute path"
        ) from error


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether there is a folder; unlike `Path.is_dir`, no where the system refuses to say."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is an ordinary file; as `is_folder` of what is too long or has a null."""
    return os.path.isfile(path)  # noqa: PTH113


def below(
    folder: str | os.PathLike[str],
    unread: Callable[[OSError], None] | None = None,
    hidden: bool = True,
) -> Iterator[Path]:
    """Every file in a folder and those below, through links, but not in circles.

    Parameters
    ----------
    folder : path
    unread : callable, optional
        Takes the error of a folder that cannot be read. Default: such are passed over.
    hidden : bool
        Take files and folders with hidden names, too.

    Raises
    ------
    ArgumentError
        There are more than 200,000.
    """
    seen: set[str] = set()
    count = 0
    for place, inner, names in os.walk(folder, onerror=unread, followlinks=True):
        inner[:] = sorted(name for name in inner if hidden or not name.startswith("."))
        if (at := os.path.realpath(place)) in seen:
            inner.clear()
            continue
        seen.add(at)
        count += len(names) + len(inner)
        if count > _FILES:
            raise ArgumentError(
                f"{folder} holds more than {_FILES} files and folders: name the folder of what is "
                "needed"
            )
        yield from (Path(place, name) for name in names if hidden or not name.startswith("."))


def real(path: str | os.PathLike[str]) -> Path:
    """The path behind all links; unlike `Path.resolve`, also of links that lead to themselves."""
    return Path(os.path.realpath(absolute(path)))


def same(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to one file, be it there or not."""
    here, there = _stat(first), _stat(second)
    if here is not None and there is not None:
        return os.path.samestat(here, there)
    return real(first) == real(second)


def equal(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    """Whether two ordinary files hold the same bytes, as far as they can be read.

    It is remembered until one of them changes.
    """
    try:
        return filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


def _stat(path: str | os.PathLike[str]) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - of an address, Path would make another text
    except (OSError, ValueError):
        return None


def read_whole(path: str | os.PathLike[str], most: int) -> bytes:
    """All bytes of an ordinary file, if it has no more than some number of them.

    Raises
    ------
    OSError
        It cannot be read, is longer, or is a pipe, a device or a folder: these are not waited for.
    """
    # Of a file that grows meanwhile, as much as it had.
    raw, size = read_beginning(path, most)
    if size > most:
        raise OSError(errno.EFBIG, f"it is longer than {most} bytes", os.fspath(path))
    return raw


def utf16(head: bytes) -> bool:
    """Whether a file's beginning is that of text in UTF-16, by its mark.

    Examples
    --------
    >>> from uvisxr.files import utf16
    >>> utf16("KPL".encode("utf-16")), utf16(b"KPL")
    (True, False)
    """
    return head.startswith((b"\xff\xfe", b"\xfe\xff"))


def read_beginning(path: str | os.PathLike[str], count: int) -> tuple[bytes, int]:
    """The first bytes of an ordinary file, and how many it has; errors as of `read_whole`."""
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        return stream.read(min(count, size)), size


class State(NamedTuple):
    """By which a file is known to be unchanged: its bytes, and its time of modification, ns.

    Not its number, which other machines may have otherwise.
    """

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, there: os.stat_result) -> State:
        """Of what the system says of a file."""
        return cls(there.st_size, there.st_mtime_ns)

    def require(self, now: State) -> None:
        """Raise an OSError if a file is not as it was, but for times that file systems round."""
        same = self.size == now.size and any(
            self.mtime_ns // unit == now.mtime_ns // unit
            for unit in _UNITS
            if unit == 1 or 0 in (self.mtime_ns % unit, now.mtime_ns % unit)
        )
        if not same:
            raise OSError("it has another size or time of modification")


#: In what file systems count times of modification, ns: most, NTFS, some of networks, and FAT.
_UNITS = (1, 100, 1000, 1_000_000, 1_000_000_000, 2_000_000_000)


def opened(
    path: str | os.PathLike[str], before: State | None = None, *, buffering: int = -1
) -> io.BufferedReader:
    """Open an ordinary file for reading, without waiting for what may never come.

    Parameters
    ----------
    path : path
    before : State, optional
        What the file was when it was looked at first.
    buffering : int
        As of `open`; 0 is none.

    Raises
    ------
    OSError
        It cannot be opened, is a pipe, a device or a folder, or is no longer what it was.
    """
    # Without a buffer it has the methods that are used all the same.
    stream = cast(io.BufferedReader, open(path, "rb", buffering, opener=_at_once))  # noqa: SIM115
    try:
        there = os.fstat(stream.fileno())
        if not stat.S_ISREG(there.st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file", os.fspath(path))
        if before is not None:
            before.require(State.of(there))
    except BaseException:
        stream.close()
        raise
    return stream


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for what may never come."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def sha256(path: str | os.PathLike[str]) -> str:
    """sha256 of a file, hexadecimal, remembered until the file changes.

    It counts as changed when it is another file or has another size or time of modification.
    """
    path = real(path)
    now = path.stat()
    return _sha256(str(path), now.st_ino, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=4096)
def _sha256(path: str, inode: int, mtime_ns: int, size: int) -> str:
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
