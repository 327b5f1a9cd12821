"""Texts that can be averaged: the names of products.

xarray's `coarsen` takes the mean of every coordinate, which fails in numpy where these are texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Texts(np.ndarray[Any, np.dtype[np.str_]]):
    """An array of texts whose mean is all of them: "A + B" of exposures of two products.

    >>> names = np.array([["A", "A"], ["A", "B"]]).view(Texts)
    >>> names.mean(axis=1).tolist()
    ['A', 'A + B']
    """

    def mean(self, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Texts joined along some axes, each once."""
        plain = np.asarray(self)
        axes = range(plain.ndim) if axis is None else np.atleast_1d(axis).tolist()
        last = np.moveaxis(plain, axes, range(-len(axes), 0))
        kept = last.shape[: last.ndim - len(axes)]
        rows = last.reshape(*kept, -1)
        joined = [" + ".join(dict.fromkeys(rows[at].tolist())) for at in np.ndindex(kept)]
        return np.array(joined, str).reshape(kept).view(Texts)

    def __repr__(self) -> str:
        return repr(np.asarray(self))
