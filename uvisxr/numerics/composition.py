"""Filling and smoothing along wl as weights on the counts.

Each value of a filled and smoothed plane (row, n) is a weighted sum of the valid elements of its
row. `Composition` holds these weights as a sparse matrix, so that variances follow exactly: those
of neighbours that were filled from the same element are not independent, and adding their squares
would lose up to half of the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from .along_wl import FillPlan, SmoothingPlan
from .compiled import loops


@dataclass(frozen=True, eq=False)
class Composition:
    """Weights of the valid elements of a plane in what filling and smoothing make of it.

    Attributes
    ----------
    shape : tuple of int
        Rows and elements of a plane.
    weights : csr_array, (rows * n, rows * n)
        Empty rows where nothing is known.
    """

    shape: tuple[int, int]
    weights: csr_array

    @classmethod
    def of(
        cls,
        valid: np.ndarray,
        fill: FillPlan | None = None,
        smoothing: SmoothingPlan | None = None,
    ) -> Composition:
        """Compose the steps that a plane goes through.

        Parameters
        ----------
        valid : ndarray of bool, (row, n)
            Elements that have a value before any step.
        fill : FillPlan, optional
            Of the others.
        smoothing : SmoothingPlan, optional
            Of the valid and the filled ones.
        """
        fused = loops()
        if fused is not None:
            weights = fused.compose(*_steps(valid, fill, smoothing))
            return cls(valid.shape, csr_array(weights, shape=(valid.size, valid.size)))
        size = valid.size
        own = np.flatnonzero(valid)
        rows, columns, data = [own], [own], [np.ones(own.size)]
        if fill is not None:
            rows += [fill.hole, fill.hole]
            columns += [fill.left, fill.right]
            data += fill.shares
        first = _matrix(rows, columns, data, size)
        if smoothing is None:
            return cls(valid.shape, first)
        whole = ~smoothing.invalid.reshape(-1)
        whole[smoothing.special] = False
        regular = np.flatnonzero(whole)
        reach = smoothing.weights.size // 2
        offsets = np.arange(-reach, reach + 1)[:, None]
        second = _matrix(
            [np.tile(regular, offsets.size), np.tile(smoothing.special, offsets.size)],
            [(regular + offsets).ravel(), smoothing.neighbours.ravel()],
            [np.repeat(smoothing.weights, regular.size), smoothing.special_weights.ravel()],
            size,
        )
        composed = second @ first
        composed.eliminate_zeros()
        return cls(valid.shape, composed)

    @cached_property
    def squares(self) -> csr_array:
        """The squared weights, in single precision: errors need no more."""
        squares = self.weights.astype(np.float32)
        squares.data **= 2
        # Sums in single precision depend on their order.
        squares.sort_indices()
        return squares

    @cached_property
    def diagonals(self) -> tuple[np.ndarray, ...]:
        """The squared weights as `uvisxr.numerics.fused.diagonals` has them."""
        fused, squares = loops(), self.squares
        assert fused is not None
        found: tuple[np.ndarray, ...] = fused.diagonals(
            squares.data, squares.indices, squares.indptr, *self.shape
        )
        return found

    def mean(self, planes: np.ndarray) -> np.ndarray:
        """Weighted sums of values, (..., row, n); NaN where nothing is known."""
        return self._known(self._apply(self.weights, planes))

    def variance(self, planes: np.ndarray) -> np.ndarray:
        """Variances of the weighted sums of independent elements of variances (..., row, n)."""
        return self._known(self._apply(self.squares, planes))

    def back(self, weights: np.ndarray) -> np.ndarray:
        """What weights (row, n) on the result are as weights on the elements before."""
        before = self.weights.T @ np.asarray(weights, float).reshape(-1)
        return np.asarray(before.reshape(self.shape))

    @cached_property
    def known(self) -> np.ndarray:
        """Elements that have a value in the end, bool (row, n)."""
        return (np.diff(self.weights.indptr) > 0).reshape(self.shape)

    def _known(self, planes: np.ndarray) -> np.ndarray:
        planes[..., ~self.known] = np.nan
        return planes

    def _apply(self, matrix: csr_array, planes: np.ndarray) -> np.ndarray:
        # What is not valid has no weight, but a NaN times 0 is a NaN.
        flat = np.where(np.isnan(planes), planes.dtype.type(0), planes).reshape(-1, matrix.shape[1])
        return np.stack([matrix @ plane for plane in flat]).reshape(planes.shape)


def _steps(
    valid: np.ndarray, fill: FillPlan | None, smoothing: SmoothingPlan | None
) -> tuple[np.ndarray, ...]:
    """The arguments of the compiled loop."""
    none = np.empty(0, int)
    filled: tuple[np.ndarray, ...] = (none, none, none, np.empty(0), np.empty(0))
    if fill is not None:
        filled = (fill.hole, fill.left, fill.right, *fill.shares)
    smoothed = (np.empty(0), np.empty(0, bool), none, np.empty((0, 0)))
    if smoothing is not None:
        invalid = smoothing.invalid.reshape(-1)
        smoothed = (smoothing.weights, invalid, smoothing.special, smoothing.special_weights)
    return (valid.reshape(-1), *filled, *smoothed)


def _matrix(
    rows: list[np.ndarray], columns: list[np.ndarray], data: list[np.ndarray], size: int
) -> csr_array:
    place = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(data), place), shape=(size, size))
