"""The manifest of a batch: one JSON line for each product done or failed.

`manifest.jsonl` in the output folder is only ever appended to; the last line for an output counts.
A line cut short, by a killed driver or a full disk, is skipped on reading, and terminated before
the next one is written. Each line has

- `product`, `label`, `output`: the product, the path of its label, and the name of its output;
- `status`: "done" or "failed";
- `fingerprint`, `version`, `time`: of inputs and pipeline; of uvisxr; when the line was written;

of a product that failed

- `step`, `kind`, `error`: where it failed, the class of the error, and its message;

and of one that is done

- `warnings`: the messages of all its warnings;
- `left_out`: those among them that say which step failed and was left out (`on_error: keep`), and
  why; only if there are any;
- `sha256`, `bytes`: of the output;
- `figures`: sizes, the sum of the counts, and the mean and the valid share of the radiances;
- `seconds`: spent in each step.
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
from ..scratch import Scratch, decoded, encoded

NAME = "manifest.jsonl"

#: Longest name of a file, in bytes.
_LONGEST = 255


class Known:
    """What the manifest of an output folder says; nothing is written.

    What is needed of each record is kept on disk, so that memory does not grow with their number.

    Parameters
    ----------
    folder : path
        The output folder; neither it nor the manifest need exist.

    Raises
    ------
    ExportError
        The manifest cannot be read.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / NAME
        # Of a good output a mark of its fingerprint, and the size in bytes; else nothing and -1.
        self._last = Scratch(
            "CREATE TABLE last (output BLOB PRIMARY KEY, label BLOB, mark BLOB, size INTEGER) "
            "WITHOUT ROWID"
        )
        try:
            for record in read(self.path) if self.path.exists() else ():
                self._remember(record)
        except OSError as error:
            raise ExportError(f"cannot read {self.path}: {error.strerror}") from error

    def _remember(self, record: dict[str, Any]) -> None:
        # What lacks a step that failed is not what it was meant to be.
        good = record.get("status") == "done" and not record.get("left_out")
        size = record.get("bytes")
        known = good and isinstance(size, int) and 0 <= size < 2**63
        self._last.run(
            "INSERT OR REPLACE INTO last VALUES (?, ?, ?, ?)",
            encoded(record["output"]),
            encoded(record.get("label", "")),
            _mark(str(record.get("fingerprint", ""))) if good else b"",
            size if known else -1,
        )

    def _get(self, output: str) -> tuple[bytes, bytes, int]:
        found = self._last.row(
            "SELECT label, mark, size FROM last WHERE output = ?", encoded(output)
        )
        return found or (b"", b"", -1)

    def claim(self, output: str, label: str) -> None:
        """From now on an output belongs to a label, before there is a record that says so."""
        self._last.run(
            "INSERT INTO last VALUES (?, ?, x'', -1) "
            "ON CONFLICT (output) DO UPDATE SET label = excluded.label",
            encoded(output),
            encoded(label),
        )

    def owner(self, output: str) -> str:
        """The label that an output belongs to, by its last record or a claim; "" if to none."""
        return decoded(self._get(output)[0])

    def is_good(self, output: str) -> bool:
        """Whether the output was last made without a failure, whatever has become of it."""
        return bool(self._get(output)[1])

    def is_current(self, output: str, fingerprint: str) -> bool:
        """Whether the output was made from the same inputs, by all steps, and is still present and
        whole."""
        return self._get(output)[1] == _mark(fingerprint) and self.is_whole(output)

    def is_whole(self, output: str) -> bool:
        """Whether a good output is there, with the size that it was written with."""
        size = self._get(output)[2]
        try:
            return size >= 0 and (self.path.parent / output).stat().st_size == size
        except OSError:
            return False


class Manifest(Known):
    """The manifest of one output folder, held by one batch at a time.

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
        path = Path(folder) / NAME
        try:
            # Unbuffered, so that what a full disk refused is not retried on closing.
            self._stream = path.open("ab", buffering=0)
        except OSError as error:
            raise ExportError(
                f"cannot open {path}: {error.strerror}; choose a writable folder with --out"
            ) from error
        try:
            _lock(self._stream.fileno(), path)
            super().__init__(folder)
        except ExportError:
            self._stream.close()
            raise
        self._end_torn_line()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exception: object) -> None:
        # Closing releases the lock.
        self._stream.close()

    def _end_torn_line(self) -> None:
        with self.path.open("rb") as stream:
            if stream.seek(0, os.SEEK_END):
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    self._stream.write(b"\n")

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; it is on disk when this returns.

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
                f"cannot write {self.path}: {error.strerror}; free some space and run the same "
                "command again: finished products are not repeated"
            ) from error
        self._remember(record)


def read(path: str | Path) -> Iterator[dict[str, Any]]:
    """The records of a manifest, oldest first, without lines that are truncated or none of uvisxr.

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
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict) and _names(record):
                yield record


def _names(record: dict[str, Any]) -> bool:
    """Whether a record names its output, and its label as text."""
    output = record.get("output")
    if not isinstance(output, str) or output in ("", "..") or "\0" in output:
        return False
    try:
        length = len(os.fsencode(output))
    except UnicodeEncodeError:
        return False
    # Whoever can write to the folder can write the path of any file.
    if length > _LONGEST or Path(output).name != output:
        return False
    return isinstance(record.get("label", ""), str)


def latest(path: str | Path) -> dict[str, dict[str, Any]]:
    """The last record of every output, by output name.

    Parameters
    ----------
    path : path
        The manifest or the folder that holds it.
    """
    return {record["output"]: record for record in read(path)}


def _mark(fingerprint: str) -> bytes:
    """A shortened fingerprint."""
    return hashlib.blake2b(fingerprint.encode(errors="replace"), digest_size=16).digest()


def _lock(descriptor: int, path: Path) -> None:
    """Lock the folder for this process; the system releases the lock, even after a kill."""
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
        # Some network file systems do not support locks.
        return
