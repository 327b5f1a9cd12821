"""One writer at a time: locks of the system, and files that only one process can make.

Some network file systems (Lustre without `-o flock`, some NFS) and Windows know no locks of that
kind. There, who holds a file makes another beside it, which the system lets only one do.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import uuid
from pathlib import Path

from . import files

#: What the file beside one that is held is called, after its name.
_BESIDE = ".held"

#: Bytes of it that are read.
_MOST = 1000


class HeldError(Exception):
    """Another process holds a file.

    Parameters
    ----------
    beside : path, optional
        The file that says so, if it is no lock of the system; the system does not remove it when
        its process ends.
    who : str
        Who holds it, as far as `beside` tells.
    """

    def __init__(self, beside: Path | None = None, who: str = ""):
        super().__init__(beside, who)
        self.who = who
        #: What to do beside waiting, for a message.
        self.mend = f"; if it has ended, remove {beside}" if beside else ""


class Hold:
    """An open file that this process holds alone, until `release` or its end.

    Where the system knows no locks, a process that is killed leaves a file with ".held" after the
    name, which the next process of the same computer removes, and a user elsewhere.

    Parameters
    ----------
    descriptor : int
        Of the file, open for writing.
    path : Path
        Its name.

    Raises
    ------
    HeldError
        Another process holds it.
    OSError
        There are no locks, and no file can be made beside it.
    """

    def __init__(self, descriptor: int, path: Path):
        self._descriptor, self._path = descriptor, path
        self._beside = path.with_name(path.name + _BESIDE)
        self._mine = b""
        locked = _flock(descriptor)
        if locked is False:
            raise HeldError
        self._refuse()
        if locked is None:
            self._make()

    def is_kept(self) -> bool:
        """Whether the file still has its name, and so has that beside it, if there is one."""
        return is_at(self._descriptor, self._path) and (
            not self._mine or _read(self._beside) == self._mine
        )

    def release(self) -> None:
        """Let others hold it; closing the file does too where the system knows locks."""
        if self._mine and _read(self._beside) == self._mine:
            with contextlib.suppress(OSError):
                self._beside.unlink()
        self._mine = b""

    def _refuse(self) -> None:
        """Raise if another holds the file by one beside it: of this computer, if it is alive."""
        told = _read(self._beside)
        if told is None:
            return
        mark, _, who = told.decode(errors="replace").partition(" ")
        if not files.has_ended(mark):
            raise HeldError(self._beside, who.partition("\n")[0].strip())
        self._beside.unlink(missing_ok=True)

    def _make(self) -> None:
        mine = f"{files.writer()} {process()}\n{uuid.uuid4().hex}\n".encode()
        try:
            descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            self._refuse()
            # That its process ended just now is as good as that it is at work.
            raise HeldError(self._beside) from None
        try:
            os.write(descriptor, mine)
        finally:
            os.close(descriptor)
        self._mine = mine


def lock(descriptor: int) -> bool:
    """Hold an open file for this process as far as the system can; False if another holds it.

    The system lets go of it when it is closed, or the process ends in any way. Where it knows no
    locks nothing is held, and that is True too: for what does no harm if two do it.
    """
    return _flock(descriptor) is not False


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file still has a name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def process() -> str:
    """This process, for whoever reads."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "?"
    return f"process {os.getpid()} of {user} on {platform.node()}"


def _flock(descriptor: int) -> bool | None:
    """Whether this process holds a file by a lock of the system; None if there are no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def _read(path: Path) -> bytes | None:
    """What the file beside one says; None if there is none."""
    try:
        return files.read_beginning(path, _MOST)[0]
    except FileNotFoundError:
        return None
    except OSError:
        # Whatever it is, it is there.
        return b""
