"""A lazy array over the data files of one or more products: counts are read when indexed."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from ..pds3.qube import QubeFile


class QubeArray(BackendArray):
    """Exposures of several files in a given order, as one (pic, pixel, wl) array.

    No file is held open, so the array can be pickled and read from several threads.

    Parameters
    ----------
    files : sequence of QubeFile
        All of the same shape and type.
    source : ndarray of int, (pic, 2)
        For each exposure of the array, the file and the exposure in that file.
    """

    def __init__(self, files: tuple[QubeFile, ...], source: np.ndarray):
        self.files = tuple(files)
        self.source = source
        self.shape = (len(source), *self.files[0].shape)
        self.dtype = np.dtype(self.files[0].dtype).newbyteorder("=")

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        values: np.ndarray = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return values

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        pic, pixel, wl = key
        wanted = np.arange(self.shape[0])[pic]
        rows, pixel = _box(pixel, self.shape[1])
        columns, wl = _box(wl, self.shape[2])
        source = self.source[np.atleast_1d(wanted)]
        numbers = np.unique(source[:, 0])
        if numbers.size == 1:
            result = self.files[numbers[0]].read(source[:, 1], rows, columns)
        else:
            shape = (len(source), rows.stop - rows.start, columns.stop - columns.start)
            result = np.empty(shape, self.dtype)
            for number in numbers:
                here = source[:, 0] == number
                result[here] = self.files[number].read(source[here, 1], rows, columns)
        # One axis at a time: numpy would pair two index arrays, but here they are independent.
        chosen: np.ndarray = result[:, :, wl][:, pixel]
        return np.asarray(chosen[0]) if np.ndim(wanted) == 0 else chosen


def _box(key: int | slice | np.ndarray, size: int) -> tuple[slice, int | slice | np.ndarray]:
    """The smallest slice of an axis that contains `key`, and the key relative to that slice."""
    wanted = np.arange(size)[key]
    if wanted.size == 0:
        return slice(0, 0), wanted
    first = int(wanted.min())
    box = slice(first, int(wanted.max()) + 1)
    if isinstance(key, slice) and key.step in (None, 1):
        return box, slice(None)
    return box, wanted - first


def behind(variable: xr.Variable) -> QubeArray:
    """The lazy array of a variable that was opened and not changed since."""
    array: Any = variable._data
    while not isinstance(array, QubeArray):
        array = array.array
    return array
