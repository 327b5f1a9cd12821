"""The manifest of a batch: one JSON line for each product done or failed.

`manifest.jsonl` in the output folder is only ever appended to; the last line for an output counts.
A line cut short, by a killed driver or a full disk, is terminated before the next one is written.
What has another form is skipped on reading, with a warning that says how many lines it is; so is
what is longer than a MiB. Each line has

- `product`, `label`, `output`: the product, the path of its label, and the name of its output;
- `status`: "done", "failed" or "copy";
- `fingerprint`, `version`, `time`: of inputs and pipeline; of uvisxr; when the line was written;

of a product that failed

- `step`, `kind`, `error`: where it failed, the class of the error, and its message;

and of one that is done

- `warnings`: the messages of all its warnings;
- `left_out`: those among them that say which step failed and was left out (`on_error: keep`), and
  why; only if there are any;
- `sha256`, `bytes`: of the output;
- `fits`: `name`, `sha256` and `bytes` of each of its FITS files and of their labels, if the
  pipeline has them written;
- `figures`: sizes, the number of lost spectra, the sum of the counts, and the mean and the valid
  share of the radiances;
- `seconds`: spent in each step.

Of a product that is left out as it holds the same exposures as another ("copy") there is one line,
without output and fingerprint: `same_as` is the path of the label that is taken for it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from .. import files, locks
from ..errors import ExportError, warn_user
from ..scratch import Scratch, decoded, encoded

NAME = "manifest.jsonl"

#: Longest name of a file, longest path, and longest line, in bytes.
_NAME, _PATH, _LINE = 255, 4096, 2**20

#: What the manifest holds of a file beside an output.
_FILE = ("name", "bytes", "sha256")

#: Bytes read at once.
_BLOCK = 2**20


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

    Warns
    -----
    UvisWarning
        Some of its lines are skipped.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / NAME
        # A mark of the fingerprint if the output was last made by all steps, else nothing; size in
        # bytes and sha256 of what was last written, -1 and nothing if nothing ever was; and, as
        # JSON, name, size and sha256 of each file beside it.
        self._last = Scratch(
            "CREATE TABLE last "
            "(output BLOB PRIMARY KEY, label BLOB, mark BLOB, size INTEGER, digest BLOB, "
            "beside BLOB) WITHOUT ROWID;"
            "CREATE TABLE copies (label BLOB PRIMARY KEY, taken BLOB) WITHOUT ROWID;"
            "CREATE TABLE names (folded BLOB PRIMARY KEY, output BLOB) WITHOUT ROWID"
        )
        skipped = 0
        try:
            for record in _records(self.path) if os.path.lexists(self.path) else ():
                if record is None:
                    skipped += 1
                else:
                    self._remember(record)
        except OSError as error:
            raise ExportError(f"cannot read {self.path}: {error.strerror}") from error
        if skipped:
            warn_user(
                f"{self.path}: {skipped_lines(skipped)}; outputs of which no other line tells are "
                "made again"
            )

    def _remember(self, record: dict[str, Any]) -> None:
        if record["status"] == "copy":
            values = encoded(record["label"]), encoded(record["same_as"])
            self._last.run("INSERT OR REPLACE INTO copies VALUES (?, ?)", *values)
            return
        if record["status"] != "done":
            # What an earlier run wrote stays.
            self.claim(record["output"], record["label"])
            self._last.run("UPDATE last SET mark = x'' WHERE output = ?", encoded(record["output"]))
            return
        # What lacks a step that failed is not what it was meant to be.
        good = not record.get("left_out")
        beside = [[one[key] for key in _FILE] for one in record.get("fits", [])]
        self._last.run(
            "INSERT OR REPLACE INTO last VALUES (?, ?, ?, ?, ?, ?)",
            encoded(record["output"]),
            encoded(record["label"]),
            _mark(record["fingerprint"]) if good else b"",
            record["bytes"],
            bytes.fromhex(record["sha256"]),
            json.dumps(beside).encode() if beside else b"",
        )
        self._name(record["output"])

    def _name(self, output: str) -> None:
        values = encoded(output.casefold()), encoded(output)
        self._last.run("INSERT OR IGNORE INTO names VALUES (?, ?)", *values)

    def _get(self, output: str) -> tuple[bytes, bytes, int, bytes, bytes]:
        found = self._last.row(
            "SELECT label, mark, size, digest, beside FROM last WHERE output = ?", encoded(output)
        )
        return found or (b"", b"", -1, b"", b"")

    def _beside(self, output: str) -> list[tuple[str, int, bytes]]:
        """Name, size and sha256 of the files that were last written beside an output."""
        told = self._get(output)[4]
        return [
            (name, size, bytes.fromhex(digest)) for name, size, digest in json.loads(told or "[]")
        ]

    def claim(self, output: str, label: str) -> None:
        """From now on an output belongs to a label, before there is a record that says so."""
        self._last.run(
            "INSERT INTO last VALUES (?, ?, x'', -1, x'', x'') "
            "ON CONFLICT (output) DO UPDATE SET label = excluded.label",
            encoded(output),
            encoded(label),
        )
        self._name(output)

    def is_taken(self, output: str) -> bool:
        """Whether there is another output before whose name differs in capitals only: many disks
        take both for one."""
        key = encoded(output.casefold())
        found = self._last.row("SELECT output FROM names WHERE folded = ?", key)
        return found is not None and found != (encoded(output),)

    def owner(self, output: str) -> str:
        """The label that an output belongs to, by its last record or a claim; "" if to none."""
        return decoded(self._get(output)[0])

    def is_copy(self, label: str, taken: str) -> bool:
        """Whether the manifest says that one label is left out for the other."""
        found = self._last.row("SELECT taken FROM copies WHERE label = ?", encoded(label))
        return found == (encoded(taken),)

    def is_written(self, output: str) -> bool:
        """Whether the output was ever written, with all steps or not, whatever has become of it."""
        return self._get(output)[2] >= 0

    def is_current(self, output: str, fingerprint: str) -> bool:
        """Whether the output was made from the same inputs, by all steps, and is still present and
        whole, and so are the files beside it."""
        return (
            self._get(output)[1] == _mark(fingerprint)
            and self.is_whole(output)
            and all(self._has_size(name, size) for name, size, _ in self._beside(output))
        )

    def is_whole(self, output: str) -> bool:
        """Whether an output is there, with the size that it was last written with."""
        return self._has_size(output, self._get(output)[2])

    def _has_size(self, name: str, size: int) -> bool:
        try:
            there = (self.path.parent / name).stat()
            return stat.S_ISREG(there.st_mode) and there.st_size == size
        except OSError:
            return False

    def is_same(self, output: str) -> bool:
        """Whether an output holds what was last written; reads all of it."""
        return self._has_digest(output, self._get(output)[3])

    def _has_digest(self, name: str, digest: bytes) -> bool:
        try:
            with files.opened(self.path.parent / name) as stream:
                return hashlib.file_digest(stream, "sha256").digest() == digest
        except OSError:
            return False

    def changed(self, output: str) -> list[str]:
        """Which of an output and the files beside it hold something else than was last written."""
        own = [] if self.is_same(output) else [output]
        beside = self._beside(output)
        return own + [name for name, _, digest in beside if not self._has_digest(name, digest)]

    def emptied(self, output: str) -> list[str]:
        """Which of the files beside an output are there, but empty."""
        return [name for name, size, _ in self._beside(output) if size and self._has_size(name, 0)]

    def is_grown(self, output: str) -> bool:
        """Whether an output begins with all that was last written, and more was put after it."""
        size, digest = self._get(output)[2:4]
        path = self.path.parent / output
        if size < 0 or not path.is_file() or path.stat().st_size <= size:
            return False
        found = hashlib.sha256()
        try:
            with files.opened(path) as stream:
                while size and (block := stream.read(min(size, _BLOCK))):
                    found.update(block)
                    size -= len(block)
        except OSError:
            return False
        return found.digest() == digest


class Manifest(Known):
    """The manifest of one output folder, held by one batch at a time.

    Parameters
    ----------
    folder : path
        The output folder; it must exist.

    Raises
    ------
    ExportError
        Another batch is writing to the folder, or the manifest cannot be opened, is a link or has
        other names: the file that lines would be appended to may be somebody's.
    """

    def __init__(self, folder: str | Path):
        path = Path(folder) / NAME
        if not files.may_be_own(path):
            raise ExportError(
                f"cannot open {path}: it is a link, has other names too, or is no ordinary "
                "file, and lines are appended to it; put a copy in its place or remove it, or "
                "choose another --out"
            )
        try:
            # Unbuffered, so that what a full disk refused is not retried on closing.
            self._stream = path.open("ab", buffering=0)
        except OSError as error:
            raise ExportError(
                f"cannot open {path}: {error.strerror}; choose a writable folder with --out"
            ) from error
        try:
            self._hold = locks.Hold(self._stream.fileno(), path)
        except locks.HeldError as held:
            self._stream.close()
            who = f" ({held.who})" if held.who else ""
            raise ExportError(
                f"another batch{who} is writing to {path.parent}; wait for it, or choose another "
                f"--out{held.mend}"
            ) from None
        except OSError as error:
            self._stream.close()
            raise ExportError(
                f"cannot write to {path.parent}: {error.strerror}; choose a writable folder with "
                "--out"
            ) from error
        try:
            super().__init__(folder)
            self._end_torn_line()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def _close(self) -> None:
        self._hold.release()
        self._stream.close()

    def _end_torn_line(self) -> None:
        with files.opened(self.path) as stream:
            if stream.seek(0, os.SEEK_END):
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    self._stream.write(b"\n")

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; it is on disk when this returns.

        Raises
        ------
        ExportError
            The disk is full, the file cannot be written, or it is no longer there.
        """
        line = json.dumps(record, allow_nan=False).encode() + b"\n"
        if not self._hold.is_kept():
            raise ExportError(
                f"{self.path}, or the lock beside it, was deleted or replaced while the batch ran: "
                "run the same command again; it makes what is missing then"
            )
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
    return (record for record in _records(path) if record is not None)


def _records(path: Path) -> Iterator[dict[str, Any] | None]:
    """What each line that is not empty holds; None where that is no record.

    Raises
    ------
    OSError
        It cannot be read, or is no ordinary file.
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "it is no ordinary file", str(path))
    with files.opened(path) as stream:
        while line := stream.readline(_LINE):
            if len(line) == _LINE and not line.endswith(b"\n"):
                _skip_line(stream)
                yield None
            elif not line.isspace():
                yield _record(line)


def _skip_line(stream: BinaryIO) -> None:
    while (rest := stream.readline(_LINE)) and not rest.endswith(b"\n"):
        pass


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a line, if it is one: what is relied on is there, and of its type."""
    try:
        record = json.loads(line)
        sound = isinstance(record, dict) and _is_sound(record)
    except (ValueError, RecursionError):
        return None
    return record if sound else None


def _is_sound(record: dict[str, Any]) -> bool:
    is_copy = record.get("status") == "copy"
    keys = ("label", "same_as") if is_copy else ("output", "label", "fingerprint")
    given = [record.get(key) for key in keys]
    texts = [text for text in given if isinstance(text, str) and "\0" not in text]
    if len(texts) < len(given):
        return False
    if is_copy:
        return all(len(os.fsencode(text)) <= _PATH for text in texts)
    # A lone surrogate that stands for no byte is a ValueError.
    output, label, fingerprint = map(os.fsencode, texts)
    if (
        not output.endswith(b".nc")
        or len(output) > _NAME
        or re.search(rb"[/\\]", output)
        or len(label) > _PATH
        or not fingerprint.isascii()
    ):
        return False
    if record.get("status") == "failed":
        return True
    left, size = record.get("left_out", []), record.get("bytes")
    return (
        record.get("status") == "done"
        and isinstance(left, list)
        and all(isinstance(text, str) for text in left)
        and type(size) is int
        and 0 <= size < 2**63
        and re.fullmatch("[0-9a-f]{64}", str(record.get("sha256"))) is not None
        and _are_files(record.get("fits", []))
    )


def _are_files(told: Any) -> bool:
    """Whether something names FITS files and labels in the folder, with their sizes and digests."""
    return isinstance(told, list) and all(
        isinstance(one, dict)
        and isinstance(one.get("name"), str)
        and re.fullmatch(r"[^/\\\0]{1,250}\.(fits|xml)", one["name"], re.DOTALL) is not None
        and type(one.get("bytes")) is int
        and 0 <= one["bytes"] < 2**63
        and re.fullmatch("[0-9a-f]{64}", str(one.get("sha256"))) is not None
        for one in told
    )


def skipped_lines(count: int) -> str:
    """What a warning says of so many lines that are no records."""
    lines = "1 line is" if count == 1 else f"{count} lines are"
    return f"{lines} not as uvisxr writes them, and skipped"


def told(folder: str | Path) -> tuple[dict[str, dict[str, Any]], int]:
    """The last record of every output, by output name, and how many lines are skipped.

    Parameters
    ----------
    folder : path
        The folder that holds the manifest.
    """
    last: dict[str, dict[str, Any]] = {}
    skipped = 0
    for record in _records(Path(folder) / NAME):
        if record is None:
            skipped += 1
        elif record["status"] != "copy":
            last[record["output"]] = record
    return last, skipped


def latest(path: str | Path) -> dict[str, dict[str, Any]]:
    """The last record of every output, by output name.

    Parameters
    ----------
    path : path
        The manifest or the folder that holds it.
    """
    return {record["output"]: record for record in read(path) if record["status"] != "copy"}


def _mark(fingerprint: str) -> bytes:
    """A shortened fingerprint."""
    return hashlib.blake2b(fingerprint.encode(errors="replace"), digest_size=16).digest()
