"""A lazy array over the data files of one or several products.

Counts are read when they are indexed, and only the exposures asked for. In a file the first index
(BAND) runs fastest and all values lie in a frame of the detector; the window's bins are packed at
its upper-left corner (users guide, chapter 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from ..errors import ProductError

#: Bytes read at once, unless one exposure is longer.
_READ_BYTES = 8 * 2**20


@dataclass(frozen=True)
class QubeFile:
    """One data file and the part of its frames that holds values.

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
        Type in the file.
    """

    path: Path
    frame: tuple[int, int, int]
    corner: tuple[int, int]
    shape: tuple[int, int]
    dtype: str

    def check_size(self) -> None:
        """Compare the file's size with the label's.

        Raises
        ------
        ProductError
            The file is missing, or longer or shorter than the label says.
        """
        expected = int(np.prod(self.frame, dtype=np.int64)) * np.dtype(self.dtype).itemsize
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise ProductError(
                f"cannot read the data file {self.path}: {error.strerror or error}; it must lie "
                "beside its label"
            ) from error
        if size != expected:
            state = "truncated" if size < expected else "too long"
            raise ProductError(
                f"{self.path} is {state}: {size} bytes, but its label says {expected} "
                f"({' x '.join(map(str, self.frame))} values); get the product anew with "
                f"`uvisxr fetch {self.path.stem}`"
            )

    def read(self, exposures: np.ndarray) -> np.ndarray:
        """Values of some exposures in the machine's byte order, (exposure, row, column).

        Raises
        ------
        ProductError
            The file has become shorter since it was opened.
        """
        dtype = np.dtype(self.dtype)
        values = int(np.prod(self.frame[1:]))
        rows = slice(self.corner[0], self.corner[0] + self.shape[0])
        columns = slice(self.corner[1], self.corner[1] + self.shape[1])
        result = np.empty((exposures.size, *self.shape), dtype.newbyteorder("="))
        at_once = max(1, _READ_BYTES // (values * dtype.itemsize))
        try:
            with self.path.open("rb", buffering=0) as stream:
                for first, count in _runs(exposures, at_once):
                    stream.seek(int(exposures[first]) * values * dtype.itemsize)
                    block = np.fromfile(stream, dtype, count * values)
                    frames = block.reshape(count, *self.frame[1:])
                    result[first : first + count] = frames[:, rows, columns]
        except (OSError, ValueError) as error:
            raise ProductError(
                f"cannot read {self.path}: {error}; was it changed since it was opened?"
            ) from error
        return result


def _runs(exposures: np.ndarray, longest: int):
    """(position, length) of runs of successive exposures, none longer than `longest`."""
    first = 0
    for position in range(1, exposures.size + 1):
        if (
            position == exposures.size
            or exposures[position] != exposures[position - 1] + 1
            or position - first == longest
        ):
            yield first, position - first
            first = position


class QubeArray(BackendArray):
    """Exposures of several files in a given order, as one (pic, pixel, wl) array.

    It holds no open file: it can be pickled, and read from several threads.

    Parameters
    ----------
    files : sequence of QubeFile
        Of equal shape and type.
    source : ndarray of int, (pic, 2)
        File and exposure in it of each exposure of the array.
    """

    def __init__(self, files: tuple[QubeFile, ...], source: np.ndarray):
        self.files = tuple(files)
        self.source = source
        self.shape = (len(source), *self.files[0].shape)
        self.dtype = np.dtype(self.files[0].dtype).newbyteorder("=")

    def __dask_tokenize__(self) -> tuple:
        states = [file.path.stat() for file in self.files]
        marks = [(state.st_size, state.st_mtime_ns) for state in states]
        return type(self).__name__, self.files, marks, self.source

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple) -> np.ndarray:
        pic, *rest = key
        wanted = np.arange(self.shape[0])[pic]
        source = self.source[np.atleast_1d(wanted)]
        result = np.empty((len(source), *self.shape[1:]), self.dtype)
        for number in np.unique(source[:, 0]):
            here = source[:, 0] == number
            result[here] = self.files[number].read(source[here, 1])
        if np.ndim(wanted) == 0:
            result = result[0]
        # One axis at a time: numpy would pair two index arrays, here they are independent.
        first = result.ndim - len(rest)
        for axis in reversed(range(len(rest))):
            result = result[(slice(None),) * (first + axis) + (rest[axis],)]
        return result
