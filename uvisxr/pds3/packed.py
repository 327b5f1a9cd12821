"""Data files that are packed: NAME.DAT.bz2, NAME.DAT.gz and NAME.DAT.zip.

A zip archive can store a file as it is; its exposures are then read where they lie, one at a time,
after the checksum of the whole was once found right. The other formats can only be read from the
beginning on, so such a file is unpacked once, to the folder `unpacked` of the cache, when its
counts are first used. That folder can be removed at any time.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import logging
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, cast

from ..errors import ExportError, ProductError, warn_user
from ..files import State, opened, read_beginning, whole_file
from ..parts import DAMAGE, start_of
from . import again, pairs

_LOG = logging.getLogger(__name__)

_BLOCK = 1 << 20

#: How files of bzip2 and of gzip begin.
_BEGIN = MappingProxyType({".BZ2": b"BZh", ".GZ": b"\x1f\x8b"})

#: With what a file of bzip2 ends before its checksum of 32 bits, at any bit; and bits of both.
_BZIP2_END, _BZIP2_BITS = 0x177245385090, (48, 32)

#: Threads that want the same file wait for the first of them.
_ONE_AT_A_TIME = threading.Lock()


def is_packed(path: Path) -> bool:
    """Whether a data file is packed, by its name."""
    return pairs.split(path)[1] in pairs.PACKINGS


def size_is_hidden(path: Path) -> bool:
    """Whether the size of a file is not that of its data, as they are packed or elsewhere."""
    return pairs.split(path)[1] in (*pairs.PACKINGS, pairs.ELSEWHERE)


def size(path: Path) -> int | None:
    """Bytes of data in a file; None if only unpacking, or a server, can tell.

    A UvisWarning says if a zip archive holds a file of another name.

    Raises
    ------
    OSError
        The file is missing.
    ProductError
        It is no zip archive, or holds no data file.
    """
    kind = pairs.split(path)[1]
    if kind in (".BZ2", ".GZ", pairs.ELSEWHERE):
        path.stat()
        return None
    if kind != ".ZIP":
        return path.stat().st_size
    with _unzipped(path, path) as (_, member):
        if Path(member.filename).stem.upper() != pairs.split(path)[0].upper():
            warn_user(f"{path} holds the data file {member.filename}, which is read all the same")
        return member.file_size


def check_ends(path: Path, expected: int) -> None:
    """Compare beginning and end of a file of bzip2 or gzip with those of a whole one.

    It is unpacked, and nothing kept, only if the end is an unusual one.

    Parameters
    ----------
    path : Path
    expected : int
        Bytes of data.

    Raises
    ------
    OSError
        The file is missing.
    ProductError
        It is packed in another way than its name says, is cut, or holds another number of bytes.
    """
    kind = pairs.split(path)[1]
    if kind not in _BEGIN:
        return
    _check_beginning(path, kind)
    with opened(path) as stream:
        stream.seek(-min(os.fstat(stream.fileno()).st_size, 16), os.SEEK_END)
        end = stream.read()
    if kind == ".GZ":
        # The number of bytes, modulo 2^32 (RFC 1952), of the last member.
        usual = int.from_bytes(end[-4:], "little") == expected % 2**32
    else:
        bits, mark = int.from_bytes(end, "big") >> _BZIP2_BITS[1], 2 ** _BZIP2_BITS[0]
        usual = any((bits >> pad) % mark == _BZIP2_END for pad in range(8))
    if not usual:
        check(path, expected, path.name)


def _check_beginning(path: Path, kind: str) -> None:
    head, _ = read_beginning(path, 4)
    if not head.startswith(_BEGIN[kind]):
        other = next((k for k, begin in _BEGIN.items() if head.startswith(begin)), None)
        if other:
            raise ProductError(
                f"{path} is no {kind[1:].lower()} file but one of {other[1:].lower()}: give it the "
                "ending of that"
            )
        raise _damaged(path, f"Not a {kind[1:].lower()} file ({head!r})")


def plain(path: Path, expected: int, before: State | None = None) -> tuple[Path, int]:
    """A file that holds the data as they are, and where in it they begin.

    Parameters
    ----------
    path : Path
        Of a data file that need not be packed.
    expected : int
        Bytes of data.
    before : State, optional
        What a packed file was when it was looked at first.

    Returns
    -------
    file : Path
        `path` itself, or the unpacked file in the cache.
    start : int
        Position of the first byte of data.

    Raises
    ------
    ProductError
        The file is damaged or encrypted, or holds another number of bytes.
    OSError
        A packed file is no longer what it was.
    ExportError
        The cache cannot be written.
    """
    if not is_packed(path):
        return path, 0
    try:
        stream = opened(path)
    except OSError as error:
        raise _damaged(path, error) from error
    with stream:
        state = State.of(os.fstat(stream.fileno()))
    if before is not None:
        before.require(state)
    if path.suffix.upper() == ".ZIP":
        with _unzipped(path, path) as (_, member):
            if member.compress_type == zipfile.ZIP_STORED:
                _check_once(path.absolute(), expected, *state)
                with opened(path) as stream:
                    return path, start_of(stream, member)
    # Imported late: programs that open other files through xarray load none of its libraries.
    from ..fetch import cache_dir, cache_note

    mark = f"{path.absolute()} {state.size} {state.mtime_ns}"
    # Hidden, as data without a label, should the cache lie in a folder that is searched.
    folder = cache_dir("unpacked") / f".{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
    there = folder / f"{pairs.split(path)[0]}.DAT"
    with _ONE_AT_A_TIME:
        if not there.is_file() or there.stat().st_size != expected:
            _LOG.info("unpacking %s", path)
            try:
                with whole_file(there, archive=True) as part:
                    folder.mkdir(parents=True, exist_ok=True)
                    _unpack(path, part, expected)
            except ExportError as error:
                with suppress(OSError):
                    folder.rmdir()
                raise ExportError(f"cannot unpack {path}: {error}{cache_note(there)}") from error
    return there, 0


@lru_cache(maxsize=64)
def _check_once(path: Path, expected: int, size: int, mtime_ns: int) -> None:
    """Unpack a file, and keep nothing; once as long as size and time of modification stay."""
    check(path, expected, path.name)


def _unpack(path: Path, target: Path, expected: int) -> None:
    with target.open("wb") as stream:
        for block in _checked(path, expected, path):
            stream.write(block)


def check(path: Path, expected: int, name: str) -> None:
    """Unpack a file, and keep nothing.

    Parameters
    ----------
    path : Path
    expected : int
        Bytes of data.
    name : str
        Under which it will be kept; its endings tell the packing.

    Raises
    ------
    ProductError
        As `plain`.
    """
    for _ in _checked(path, expected, path.with_name(name)):
        pass


def _checked(path: Path, expected: int, named: Path) -> Iterator[bytes]:
    """The blocks of data, of which there must be as many bytes as expected."""
    done = 0
    for block in _blocks(path, named):
        done += len(block)
        if done > expected:
            break
        yield block
    if done != expected:
        state = "less" if done < expected else "more"
        raise ProductError(
            f"{path} holds {state} than the {expected} bytes of its label; {again.advice(path)}"
        )


def _blocks(path: Path, named: Path) -> Iterator[bytes]:
    with _opened(path, named) as source:
        while True:
            try:
                block = source.read(_BLOCK)
            except DAMAGE as error:
                raise _damaged(path, error) from error
            if not block:
                return
            yield block


@contextmanager
def _opened(path: Path, named: Path) -> Iterator[IO[bytes]]:
    kind = named.suffix.upper()
    if kind == ".ZIP":
        with _unzipped(path, named) as (archive, member):
            try:
                stream = archive.open(member)
            except DAMAGE as error:
                raise _damaged(path, error) from error
            with stream:
                yield stream
    elif kind == ".GZ":
        with opened(path) as stream, gzip.open(stream) as unpacked:
            yield cast(IO[bytes], unpacked)
    else:
        _check_beginning(path, kind)
        with opened(path) as stream, bz2.open(stream) as unpacked:
            yield cast(IO[bytes], unpacked)


@contextmanager
def _unzipped(path: Path, named: Path) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
    """A zip archive and the data file in it: that of the archive's name, or the only one."""
    path.stat()
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(opened(path))))
        except DAMAGE as error:
            raise _damaged(path, error) from error
        data = [x for x in archive.infolist() if x.filename.upper().endswith(".DAT")]
        own = f"{pairs.split(named)[0]}.DAT".upper()
        same = [x for x in data if Path(x.filename).name.upper() == own]
        if len(same) > 1:
            raise ProductError(
                f"{path} holds {len(same)} data files of the name {same[0].filename}: pack the "
                "product's data file once"
            )
        if len(same or data) != 1:
            raise ProductError(
                f"{path} holds {len(data)} data files, none of them {own}: pack each product's "
                "data file by itself"
            )
        member = (same or data)[0]
        if member.flag_bits & 1:
            raise ProductError(f"{path} is encrypted: unpack it with its password")
        yield archive, member


def _damaged(path: Path, error: BaseException | str) -> ProductError:
    return ProductError(f"cannot unpack {path}: {error}; it is damaged; {again.advice(path)}")
