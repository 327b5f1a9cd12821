"""The data file of a product.

Only the requested exposures are read; if few rows are requested, only those rows. Of a file on a
server whole exposures are read, as a request takes longer than what it brings. In a file the
first index (BAND) varies fastest, and each exposure fills a frame the size of the detector with the
window's bins packed in its upper-left corner (users guide, chapter 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from ..errors import ProductError, warn_user
from ..files import State, opened
from ..parts import Reader, Remote
from . import again, contents, elsewhere, packed, pairs

#: Bytes read at once, unless a single exposure is larger.
_READ_BYTES = 2**20

#: As `_READ_BYTES`, of a server.
_ASKED_BYTES = 2**23


@dataclass(frozen=True)
class QubeFile:
    """One data file, and the part of its frames that holds values.

    Attributes
    ----------
    path : Path
    frame : tuple of int
        Exposures, rows and columns in the file.
    corner : tuple of int
        Row and column of the first value.
    shape : tuple of int
        Rows and columns of values.
    dtype : str
        numpy type in the file.
    pointer : str
        Name of the file by the label, which may be another.
    held : tuple of tuple of int
        What the frames hold by the label: of each window the first row and column, and the numbers
        of rows and columns. If there are any, all else must be null.
    filled : tuple of int
        How many rows and columns of values have whole bins, of counts: in some exposure each must
        hold a value. Empty if nothing is known of that.
    state : State, optional
        What the file was when its size was checked, which it must be still when it is read.
    remote : Remote, optional
        Where the data are, if they are on a server; `path` then is what says so in the cache.
    """

    path: Path
    frame: tuple[int, int, int]
    corner: tuple[int, int]
    shape: tuple[int, int]
    dtype: str
    pointer: str = ""
    held: tuple[tuple[int, int, int, int], ...] = ()
    filled: tuple[int, ...] = ()
    state: State | None = None
    remote: Remote | None = None

    @property
    def name(self) -> str:
        """The path or the URL of the data."""
        return self.remote.url if self.remote else str(self.path)

    @property
    def size(self) -> int:
        """Bytes of data that the label promises."""
        return int(np.prod(self.frame, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def checked(self) -> Self:
        """The file with its `state`, after its size was compared with the one the label gives.

        Of data packed with bzip2 or gzip, beginning and end are looked at.

        Raises
        ------
        ProductError
            The file is missing, or longer or shorter than the label says it is.
        FetchError
            It is on a server, which cannot be asked.
        """
        if pairs.split(self.path)[1] == pairs.ELSEWHERE:
            return self._located()
        try:
            if pairs.exists_otherwise(self.path):
                raise ProductError(f"cannot read {self.path}: {pairs.wrong(self.path)}")
            # Before all else: what changes later must show.
            state = State.of(self.path.stat())
            size = packed.size(self.path)
            packed.check_ends(self.path, self.size)
        except OSError as error:
            why = pairs.wrong(self.path) or f"{error.strerror or error}{self._mend()}"
            raise ProductError(f"cannot read the data file {self.path}: {why}") from error
        if size is not None and size != self.size:
            fault = "truncated" if size < self.size else "too long"
            fault = fault if size else "empty"
            mend = again.advice(self.path, self.pointer)
            raise ProductError(
                f"{self.path} is {fault}: {size} bytes, but its label says {self.size} "
                f"({' x '.join(map(str, self.frame))} values); {mend}"
            )
        return replace(self, state=state)

    def _located(self) -> Self:
        """The file with what its server says of it."""
        try:
            found = elsewhere.settle(self.path, self.size)
        except OSError as error:
            raise ProductError(f"cannot read {self.path}: {error.strerror or error}") from error
        if isinstance(found, Path):
            return replace(self, path=found).checked()
        if found.size != self.size:
            raise ProductError(
                f"{found.url} has {found.size} bytes, but its label says {self.size} "
                f"({' x '.join(map(str, self.frame))} values): the label or the data are damaged, "
                f"or {self.path.parent} holds an old label; open the product by its URL again"
            )
        return replace(self, remote=found)

    def _mend(self) -> str:
        """What else was looked for in place of a missing file, and what helps."""
        command = again.command(self.path, self.pointer)
        near = pairs.renamed(self.path)
        if near is not None:
            both = f", and otherwise {command} downloads both" if command else ""
            return f"; {near.name} beside it may be it: if it is whole, rename it{both}"
        other = pairs.unread(self.path)
        if other is not None:
            return f"; {other} {pairs.UNPACK}"
        also = self.pointer not in ("", self.path.name)
        named = f", nor is there {self.pointer}, which the label names" if also else ""
        both = f"; {command} downloads both" if command else ""
        return f"{named}; it must be beside its label{both}"

    def _warn_of_contents(
        self, block: np.ndarray, first: int, plain: tuple[Path, int] | None
    ) -> None:
        """Warn of what counts say against the label, of rows of frames from the `first` on.

        The data are `plain` in a file, from a byte on, unless they are on a server: then it is not
        asked what only all exposures can tell.
        """
        if self.held and contents.outside(block[0], first, self.frame[1:], self.held):
            self._warn("counts outside of the windows that its label gives", contents.BINS)
        if not self.filled:
            return
        rows = slice(max(self.corner[0] - first, 0), self.corner[0] + self.shape[0] - first)
        columns = slice(self.corner[1], self.corner[1] + self.shape[1])
        if contents.swapped(block[:, rows, columns]):
            self._warn(
                "counts that are all multiples of 256, as if the two bytes of each were exchanged",
                "all values are wrong; exchange the bytes, or",
            )
        if plain is None:
            return
        ends = tuple((k, k + size) for k, size in zip(self.corner, self.filled, strict=True))
        lacking = contents.unfilled(block[0], first, *plain, self.frame, self.dtype, ends)
        for name, size, missing in zip(("rows", "columns"), self.shape, lacking, strict=True):
            if missing:
                self._warn(
                    f"no value in any exposure in {missing} of the {size} {name} that its label "
                    "gives the window, the last ones",
                    contents.BINS,
                )

    def _warn(self, what: str, mend: str) -> None:
        advice = "take another copy" if self.remote else again.advice(self.path, self.pointer)
        warn_user(f"{self.name} holds {what}: {mend} {advice}")

    def read(
        self, exposures: np.ndarray, rows: slice = slice(None), columns: slice = slice(None)
    ) -> np.ndarray:
        """Read some exposures, in native byte order.

        Parameters
        ----------
        exposures : ndarray of int
        rows, columns : slice
            Part of the window, with step 1.

        Returns
        -------
        ndarray, (exposure, row, column)

        Raises
        ------
        ProductError
            The file has changed since it was opened, if only its time, or cannot be unpacked.
        FetchError
            The file is on a server, and has changed or cannot be had.

        Warns
        -----
        UvisWarning
            There are counts outside of what the label says that the frames hold, or none in its
            last rows or columns, or all of them are multiples of 256.
        """
        dtype = np.dtype(self.dtype)
        (row, end_row, _), (column, end_column, _) = (
            part.indices(size) for part, size in zip((rows, columns), self.shape, strict=True)
        )
        shape = (exposures.size, end_row - row, end_column - column)
        result = np.empty(shape, dtype.newbyteorder("="))
        if not result.size:
            return result
        _, lines, bands = self.frame
        # Up to half of an exposure's rows are read on their own; otherwise consecutive exposures
        # are read together.
        row += self.corner[0]
        few = 2 * shape[1] <= lines and self.remote is None
        first, count = (row, shape[1]) if few else (0, lines)
        if end_row == self.shape[0]:
            # Counts may go on after the window.
            count = min(count + 1, lines - first)
        most = _ASKED_BYTES if self.remote else _READ_BYTES
        at_once = 1 if count < lines else max(1, most // (lines * bands * dtype.itemsize))
        buffer = np.empty((min(at_once, exposures.size), count, bands), dtype)
        wanted = (
            slice(row - first, row - first + shape[1]),
            slice(column + self.corner[1], end_column + self.corner[1]),
        )
        with self._opened() as (readinto, plain):
            for position, length in _runs(exposures, at_once):
                value = (int(exposures[position]) * lines + first) * bands
                block = buffer[:length]
                readinto(value * dtype.itemsize, block.reshape(-1).view(np.uint8).data)
                if not position:
                    self._warn_of_contents(block, first, plain)
                result[position : position + length] = block[:, *wanted]
        return result

    @contextmanager
    def _opened(self) -> Iterator[tuple[Reader, tuple[Path, int] | None]]:
        """What reads the data from a byte on; in which file they are plain, from which byte on."""
        if self.remote is not None:
            with self.remote.opened() as read:
                yield read, None
            return
        try:
            path, start = packed.plain(self.path, self.size, self.state)
            with opened(path, self.state if path == self.path else None, buffering=0) as stream:

                def readinto(first: int, into: memoryview) -> None:
                    stream.seek(start + first)
                    if stream.readinto(into) != len(into):
                        raise OSError("the file ends too early")

                yield readinto, (path, start)
        except OSError as error:
            raise ProductError(
                f"cannot read {self.path}: {error}; has it changed since it was opened? "
                "Open the product again"
            ) from error


def _runs(exposures: np.ndarray, longest: int) -> Iterator[tuple[int, int]]:
    """(position, length) of runs of consecutive exposures, none longer than `longest`."""
    first = 0
    for position in range(1, exposures.size + 1):
        if (
            position == exposures.size
            or exposures[position] != exposures[position - 1] + 1
            or position - first == longest
        ):
            yield first, position - first
            first = position
