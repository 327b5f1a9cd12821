"""The manifest of a batch: one JSON line for each product done or failed.

`manifest.jsonl` in the output folder is only appended to; the last line of an output counts. A
line cut short, by a killed driver or a full disk, is passed over on reading and ended before the
next one is written.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ExportError

NAME = "manifest.jsonl"


class Manifest:
    """The manifest of one output folder, held by one batch at a time.

    Memory holds a short text for each output, never a whole record.

    Parameters
    ----------
    folder : path
        The output folder; it must exist.

    Raises
    ------
    ExportError
        Another batch is writing to the folder, or the manifest cannot be opened.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / NAME
        try:
            # Unbuffered: what a full disk refused must not be tried again on closing.
            self._stream = self.path.open("ab", buffering=0)
        except OSError as error:
            raise ExportError(
                f"cannot open {self.path}: {error.strerror}; choose a writable folder with --out"
            ) from error
        try:
            _lock(self._stream.fileno(), self.path)
        except ExportError:
            self._stream.close()
            raise
        #: output -> (label, fingerprint of a good output or nothing after a failure, bytes)
        self._last: dict[str, tuple[str, bytes, int]] = {}
        for record in read(self.path):
            self._remember(record)
        self._end_torn_line()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exception: object) -> None:
        # Closing gives the lock back.
        self._stream.close()

    def _end_torn_line(self) -> None:
        with self.path.open("rb") as stream:
            if stream.seek(0, os.SEEK_END):
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    self._stream.write(b"\n")

    def _remember(self, record: dict[str, Any]) -> None:
        good = record.get("status") == "done"
        self._last[record["output"]] = (
            record.get("label", ""),
            _mark(record.get("fingerprint", "")) if good else b"",
            record.get("bytes", -1) if good else -1,
        )

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; it is in the file when this returns.

        Raises
        ------
        ExportError
            The disk is full or the file cannot be written.
        """
        line = json.dumps(record, allow_nan=False).encode() + b"\n"
        try:
            if self._stream.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise ExportError(
                f"cannot write {self.path}: {error.strerror}; make room and run the same command "
                "again: what is done will not be done twice"
            ) from error
        self._remember(record)

    def owner(self, output: str) -> str | None:
        """The label that an output was last made from; None if there is no record of it."""
        return self._last[output][0] if output in self._last else None

    def is_current(self, output: str, fingerprint: str) -> bool:
        """Whether the output was made from the same inputs and is still there, whole."""
        _, known, size = self._last.get(output, ("", b"", -1))
        if known != _mark(fingerprint):
            return False
        try:
            return (self.path.parent / output).stat().st_size == size
        except OSError:
            return False


def read(path: str | Path) -> Iterator[dict[str, Any]]:
    """The records of a manifest, oldest first, without lines that were cut short.

    Parameters
    ----------
    path : path
        The manifest or the folder that holds it.
    """
    path = Path(path)
    if path.is_dir():
        path = path / NAME
    with path.open("rb") as stream:
        for line in stream:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and "output" in record:
                yield record


def latest(path: str | Path) -> dict[str, dict[str, Any]]:
    """The last record of every output, by the output's name.

    Parameters
    ----------
    path : path
        The manifest or the folder that holds it.
    """
    return {record["output"]: record for record in read(path)}


def _mark(fingerprint: str) -> bytes:
    """A third of a fingerprint's size in memory: there is one for each output."""
    return hashlib.blake2b(fingerprint.encode(), digest_size=16).digest()


def _lock(descriptor: int, path: Path) -> None:
    """Take the folder for this process; the system gives it back, even after a kill."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ExportError(
            f"another batch is writing to {path.parent}; wait for it, or choose another --out"
        ) from error
    except OSError:
        # Some network file systems know no locks.
        return
