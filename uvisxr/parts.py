"""Files on servers, of which only the parts that are asked for are read.

On web servers parts are asked for by range requests (`uvisxr.transfer.part`), which takes no
answer for right that does not say so itself: fsspec's own files of HTTP take for the part whatever
a server sends, whole files and other parts too. All other protocols are those of fsspec, such as
s3. A member of a zip archive is read where it lies if the archive stores it as it is.

Nothing is held open longer than it is read, so that what a file is can be pickled.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, BinaryIO

from . import fetch, transfer
from .errors import ArgumentError, FetchError, MissingDependencyError, NotFoundError, shortened
from .transfer import ChangedError, NoPartsError, Told

#: How a member of an archive is named: zip://member::archive.
_MEMBER = re.compile(r"zip:/+(.*?)::(.+)", re.IGNORECASE | re.DOTALL)

#: What lies in another file: protocol://path::URL. The host of an address may have :: in it.
_CHAINED = re.compile(
    r"(?!https?:)([a-z][a-z0-9+.-]*:/+(?:\[[^\]/]*\])?.*?)::(.+)", re.IGNORECASE | re.DOTALL
)

#: Length of a member's header in a zip archive, without name and extra field, whose lengths are in
#: its last four bytes (PKWARE's APPNOTE, 4.3.7).
_ZIP_HEADER = 30

#: Members of an archive that are named where another is asked for.
_SHOWN = 3

#: Bytes read of an archive's directory at once, and by fsspec.
_DIRECTORY, _PIECE = 1 << 16, 1 << 20

#: What file systems of fsspec tell of a file's version.
_VERSION = (
    *("ETag", "etag", "VersionId", "generation", "md5", "content_md5", "checksum"),
    *("LastModified", "last_modified", "updated", "modified", "mtime", "created"),
)

#: What unpacking a damaged file raises, by format and kind of damage.
DAMAGE = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError, MemoryError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)

#: What says that something is not there, or not for us, of any library.
_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)

#: Reads the bytes from a place on.
Reader = Callable[[int, memoryview], None]


@dataclass(frozen=True)
class Remote:
    """A file on a server.

    Attributes
    ----------
    url : str
        Of the file, or of the archive that holds it.
    size : int
        Its bytes.
    start : int
        Where in the archive it begins.
    told : Told
        What the server said of `url`, which must hold as long as it is read.
    """

    url: str
    size: int
    start: int
    told: Told

    @contextmanager
    def opened(self) -> Iterator[Reader]:
        """What reads from the file, inside of a `with` block.

        Raises
        ------
        FetchError
            The server is not reached, refuses, stalls, or sends something else than asked for; or
            the file has changed.
        """
        with _reading(self.url, self.told) as read:
            yield lambda first, into: read(self.start + first, into)


def ask(url: str) -> Remote:
    """What a server says of a file.

    Parameters
    ----------
    url : str
        https://, s3://, any other protocol of fsspec, or zip://member::URL of the archive.

    Raises
    ------
    NoPartsError
        Parts of it cannot be had: the server sends whole files only, or the archive has packed it.
    NotFoundError
        There is no such file.
    FetchError
        The server is not reached or refuses.
    ArgumentError
        The protocol is not known.
    MissingDependencyError
        The libraries of `pip install "uvisxr[remote]"` are not installed.
    """
    member = member_of(url)
    if member is not None:
        return _member(url, member[0], ask(member[1]))
    if is_web(url):
        with _session(url) as session:
            told = transfer.part(session, url, 0, memoryview(bytearray(1)), fetch.patience())
        return Remote(url, told.size, 0, told)
    told = _told(url)
    return Remote(url, told.size, 0, told)


def blocks(url: str, before: Told | None = None) -> Iterator[bytes]:
    """All bytes of a file that is on no web server, or is a member of an archive, packed or not.

    Errors are those of `ask`; a ChangedError if there is another version than `before`. The
    checksum of a member is found right.
    """
    member = member_of(url)
    remote = ask(url if member is None else member[1])
    if before is not None and remote.told.differs(dict(before.version)):
        raise _changed(remote.url)
    if member is None:
        with remote.opened() as read:
            for first in range(0, remote.size, _PIECE):
                piece = bytearray(min(_PIECE, remote.size - first))
                read(first, memoryview(piece))
                yield bytes(piece)
        return
    with _unzipped(url, member[0], remote) as (archive, info, _), archive.open(info) as one:
        while block := one.read(_PIECE):
            yield block


def member_of(url: str) -> tuple[str, str] | None:
    """The name of a member and the URL of its archive, if that is what a URL names."""
    member = _MEMBER.fullmatch(url)
    return (member[1], member[2]) if member else None


def chain(url: str) -> tuple[str, str]:
    """A URL without what holds the file, and the URL or path of that; the latter may be empty."""
    chained = _CHAINED.fullmatch(url)
    return (chained[1], chained[2]) if chained else (url, "")


def is_web(url: str) -> bool:
    """Whether a URL is that of a web server."""
    return url.lower().startswith(("http://", "https://"))


def is_local(url: str) -> bool:
    """Whether a path, and no URL, is given for a file."""
    return "://" not in url


def server_of(url: str) -> str:
    """The URL of the server that a URL of s3 means here; empty for any other, and for Amazon's.

    Variables, files of settings and fsspec's own options can name it.
    """
    innermost = url
    while archive := chain(innermost)[1]:
        innermost = archive
    if not _is_s3(innermost):
        return ""
    try:
        import fsspec
    except ImportError:
        return ""
    own = fsspec.config.conf.get("s3", {})
    given = own.get("endpoint_url") or own.get("client_kwargs", {}).get("endpoint_url")
    return str(given or _endpoint(tuple(sorted(os.environ.items()))))


@contextmanager
def _session(url: str) -> Iterator[Any]:
    try:
        import requests
    except ImportError as error:
        raise _lacking(url, error) from error
    with requests.Session() as session:
        yield session


def _lacking(url: str, error: ImportError) -> MissingDependencyError:
    """What brings the library that is missing: of other protocols than ours, fsspec says it."""
    library = error.name or ("s3fs" if _is_s3(url) else None)
    if library is None:
        return MissingDependencyError(f"reading {url}: {error}")
    return MissingDependencyError(
        f'reading {url} needs the {library} library: pip install "uvisxr[remote]"'
    )


@contextmanager
def _reading(url: str, told: Told) -> Iterator[Reader]:
    how = fetch.patience()
    if is_web(url):
        with _session(url) as session:

            def read(first: int, into: memoryview) -> None:
                transfer.part(session, url, first, into, how, told)

            yield read
    else:
        system, path = _system(url)
        yield lambda first, into: _read(system, path, url, first, into, how, told)


def _read(
    system: Any,
    path: str,
    url: str,
    first: int,
    into: memoryview,
    how: transfer.Patience,
    told: Told,
) -> None:
    """Read by a file system of fsspec, and see that the file is still the same."""

    def work(state: transfer.Called) -> None:
        with _plain_errors(url):
            while state.done < len(into):
                count = min(_PIECE, len(into) - state.done)
                begin = first + state.done
                if _is_s3(url):
                    block = _part_of_s3(system, path, url, begin, count, told)
                else:
                    block = system.cat_file(path, start=begin, end=begin + count)
                state.received += len(block)
                if len(block) != count:
                    break
                into[state.done : state.done + count] = block
                state.done += count
        if not _is_s3(url) and _told(url) != told:
            raise _changed(url)
        if state.done < len(into):
            raise FetchError(f"{url}: its server sends another part than that asked for")

    _patiently(url, work, how)


def _patiently(url: str, work: Callable[[transfer.Called], None], how: transfer.Patience) -> None:
    """`transfer.call`, whose own errors are those of requests."""
    try:
        import requests  # noqa: F401
    except ImportError as error:
        raise _lacking(url, error) from error
    transfer.call(url, work, how)


def _part_of_s3(system: Any, path: str, url: str, first: int, count: int, told: Told) -> bytes:
    """A part of a file, if the answer says that it is that part, and of that version."""
    from fsspec.asyn import sync

    async def get() -> tuple[Mapping[str, Any], bytes]:
        bucket, key, version = system.split_path(path)
        asked = {"Bucket": bucket, "Key": key, "Range": f"bytes={first}-{first + count - 1}"}
        answer = await system._call_s3(
            "get_object", **asked, **({"VersionId": version} if version else {})
        )
        block = b""
        try:
            # An endless answer is not read to its end.
            while more := await answer["Body"].read(count - len(block)):
                block += more
            return answer, block
        finally:
            answer["Body"].close()

    answer: Mapping[str, Any]
    block: bytes
    answer, block = sync(system.loop, get)
    if f"bytes {first}-{first + count - 1}/{told.size}" != answer.get("ContentRange"):
        raise FetchError(f"{url}: its server sends another part than that asked for")
    etag = dict(told.version).get("ETag")
    if etag is not None and answer.get("ETag") != etag:
        raise _changed(url)
    return block


def _changed(url: str) -> ChangedError:
    return ChangedError(
        f"{url} has changed on its server since it was opened: open the product again, or "
        "with fetch=True"
    )


def _told(url: str) -> Told:
    """What a file system of fsspec says of a file."""
    found: dict[str, Any] = {}

    def work(state: transfer.Called) -> None:
        with _plain_errors(url):
            system, path = _system(url)
            system.invalidate_cache(path)
            found.update(system.info(path))

    _patiently(url, work, fetch.patience())
    size = found.get("size")
    if found.get("type") != "file" or not isinstance(size, int):
        raise NotFoundError(f"{url} is no file, or of unknown size: give the URL of a label")
    version = ((key, str(found[key])) for key in _VERSION if found.get(key) is not None)
    return Told(size, tuple(version))


def _system(url: str) -> tuple[Any, str]:
    """The file system of fsspec for a URL, and the path in it.

    Without credentials of the user, s3 is asked as by anybody.
    """
    try:
        import fsspec
    except ImportError as error:
        raise _lacking(url, error) from error
    variables = tuple(sorted(os.environ.items())) if _is_s3(url) else ()
    options: dict[str, Any] = {}
    if variables and not _has_credentials(variables):
        options["anon"] = True
    if server := server_of(url):
        # Else what was used before for another server is used again.
        options["endpoint_url"] = server
    try:
        if is_local(url):
            # Whatever is in its name.
            return fsspec.filesystem("file"), url
        system, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        raise _lacking(url, error) from error
    except ValueError as error:
        raise ArgumentError(
            f"{shortened(url)} is not the URL of a product: it begins with https://, s3:// or "
            f"another protocol of fsspec, and ends with the name of a label ({error})"
        ) from error
    return system, str(path)


def _is_s3(url: str) -> bool:
    return url.lower().startswith(("s3://", "s3a://"))


@lru_cache(maxsize=4)
def _endpoint(variables: tuple[tuple[str, str], ...]) -> str:
    """The server of s3 that variables or files of settings name."""
    try:
        from botocore.configprovider import ConfiguredEndpointProvider
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        # Whatever is missing, fsspec will say.
        return ""
    session = Session()
    try:
        found = ConfiguredEndpointProvider(
            session.full_config, session.get_scoped_config(), "s3", dict(variables)
        ).provide()
    except BotoCoreError:
        return ""
    return str(found or "")


@lru_cache(maxsize=4)
def _has_credentials(variables: tuple[tuple[str, str], ...]) -> bool:
    """Whether the user has credentials for s3, by files or variables, or has told fsspec so.

    On a computer in a cloud, finding out may take a second.
    """
    import fsspec

    if set(fsspec.config.conf.get("s3", {})) & {"anon", "key", "secret", "token", "profile"}:
        return True
    try:
        from botocore.session import Session
    except ImportError:
        # Whatever is missing, fsspec will say.
        return True
    return Session().get_credentials() is not None


@contextmanager
def _plain_errors(url: str) -> Iterator[None]:
    """What any library raises, as an error of ours or, if it may pass, as an OSError."""
    try:
        yield
    except (FetchError, ArgumentError, MissingDependencyError):
        raise
    except _ABSENT as error:
        raise NotFoundError(f"{url}: there is no such file; check the URL") from error
    except PermissionError as error:
        raise FetchError(
            f"{url}: its server refuses; give fsspec your credentials (for s3 in ~/.aws, or in "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        ) from error
    except ImportError as error:
        raise _lacking(url, error) from error
    except OSError:
        raise
    except Exception as error:
        # What it says may hold passwords.
        raise ConnectionError(type(error).__name__) from error


class _Stream(io.RawIOBase):
    """A file on a server as a stream, for readers of archives."""

    def __init__(self, remote: Remote, read: Reader) -> None:
        self._remote = remote
        self._read = read
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._place, self._remote.size)[whence]
        if base + offset < 0:
            raise OSError("before the beginning of the file")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = max(min(len(view), self._remote.size - self._place), 0)
        if count:
            self._read(self._place, view[:count])
        self._place += count
        return count


@contextmanager
def _unzipped(
    url: str, name: str, remote: Remote
) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo, BinaryIO]]:
    """An archive on a server, one of its members, and the archive's bytes."""
    with remote.opened() as read:
        stream = io.BufferedReader(_Stream(remote, read), _DIRECTORY)
        try:
            with zipfile.ZipFile(stream) as archive:
                try:
                    info = archive.getinfo(name)
                except KeyError as error:
                    raise NotFoundError(
                        f"{url}: the archive holds no file of that name{_held(archive)}"
                    ) from error
                if info.flag_bits & 1:
                    raise FetchError(f"{url} is encrypted: unpack it with its password")
                yield archive, info, stream
        except DAMAGE as error:
            if isinstance(error, ArgumentError):
                raise
            raise FetchError(
                f"{url}: {remote.url} is no zip archive that can be read ({error}); check the URL"
            ) from error


def _held(archive: zipfile.ZipFile) -> str:
    """What to say of what is in an archive, labels first."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    names.sort(key=lambda name: not name.lower().endswith((".lbl", ".xml")))
    if not names:
        return ", nor any other"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"; it holds {', '.join(map(shortened, names[:_SHOWN]))}{more}"


def start_of(stream: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Where in an open archive the data of a member begin.

    Raises
    ------
    BadZipFile
        Its header is not where the archive says.
    """
    stream.seek(info.header_offset)
    header = stream.read(_ZIP_HEADER)
    lengths = [int.from_bytes(header[k : k + 2], "little") for k in (26, 28)]
    if len(header) < _ZIP_HEADER or not header.startswith(b"PK\3\4"):
        raise zipfile.BadZipFile("a header is not where it should be")
    return info.header_offset + _ZIP_HEADER + sum(lengths)


def _member(url: str, name: str, remote: Remote) -> Remote:
    """A member of an archive, where it lies in it."""
    with _unzipped(url, name, remote) as (_, info, stream):
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            error = NoPartsError(f"{url} is packed: open the product with fetch=True")
            error.told = remote.told
            raise error
        start = remote.start + start_of(stream, info)
    if start + info.file_size > remote.start + remote.size:
        raise FetchError(f"{url}: its archive is cut, or damaged; download it again")
    return replace(remote, size=info.file_size, start=start)
