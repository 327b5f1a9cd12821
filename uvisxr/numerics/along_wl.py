"""Numerical cores on spectra: fill holes, smooth, integrate, along the last axis of plain arrays.

Holes in UVIS spectra are mostly the same in every exposure (the evil detector pixels), so that
filling and smoothing are planned once for a mask and then applied to any number of exposures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

#: Ways between the points of a table, or across the holes of a spectrum.
Interpolation = Literal["linear", "pchip"]

#: Rules of integration; "bins" takes spectra for steps.
Integration = Literal["simpson", "trapezoid", "bins"]

#: Steps among which one is judged.
_AROUND = 9

#: Step over a hole of one element, over the others: steps between bins that are equal in columns
#: are even to a per mille. A narrower last element has a step of more than half of theirs.
_TWICE = 1.99

#: Weights of the default smoothing, (1 4 6 4 1)/16.
SMOOTHING = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


@dataclass(frozen=True, eq=False)
class FillPlan:
    """How the holes of a mask (rows, n) are interpolated from the elements around them.

    All indices are into the flattened mask, one for each element to fill.

    Attributes
    ----------
    hole, left, right : ndarray of int
        Element, and the last valid one before and the first after its hole.
    weight : ndarray
        Position between them in `x`, 0 at `left`, 1 at `right`.
    before, after : ndarray of int
        Valid neighbours of `left` and `right` on the far side, -1 where the spectrum ends; empty
        for "linear", which does not ask for them.
    x : ndarray, (rows * n,)
        Abscissa of every element.
    method : {"linear", "pchip"}
    gain : ndarray, optional
        Factor of each filled value: how far a known shape rises above the line between the two
        ends. "linear" only.
    """

    hole: np.ndarray
    left: np.ndarray
    right: np.ndarray
    weight: np.ndarray
    before: np.ndarray
    after: np.ndarray
    x: np.ndarray
    method: Interpolation
    gain: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        mask: np.ndarray,
        x: np.ndarray,
        method: Interpolation = "linear",
        limit: float | None = None,
        joined: np.ndarray | None = None,
    ) -> FillPlan:
        """Plan the filling of `mask` (..., n), True in holes, at abscissae `x` (n,).

        Holes wider than `limit`, in the unit of `x`, are left as they are, and those at the end of
        a stretch of neighbours: `joined` as `neighbours` gives it, None for a single stretch.
        """
        n = mask.shape[-1]
        first, last = _stretches(joined, n)
        flat = np.flatnonzero(mask)
        column = flat % n
        new = np.ones(flat.size, bool)
        new[1:] = (np.diff(flat) != 1) | first[column[1:]]
        start = flat[new]
        stop = flat[np.roll(new, -1)] if flat.size else flat
        # A hole that touches the end of its stretch has nothing to interpolate from.
        inner = ~first[start % n] & ~last[stop % n]
        if limit is not None:
            inner &= _widths(start % n, stop % n, x) <= limit
        left, right = start - 1, stop + 1
        before = after = flat[:0]
        if method == "pchip":
            before, after = _far_neighbours(start, stop, first, last)
        lengths = np.where(inner, stop - start + 1, 0)
        hole = flat[np.repeat(inner, stop - start + 1)]
        left, right = np.repeat(left, lengths), np.repeat(right, lengths)
        if method == "pchip":
            before, after = np.repeat(before, lengths), np.repeat(after, lengths)
        # x is tiled rather than indexed by column: pchip then needs one flat index only.
        x = np.broadcast_to(x, mask.shape).reshape(-1)
        weight = (x[hole] - x[left]) / (x[right] - x[left])
        return cls(hole, left, right, weight, before, after, x, method)

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights of `left` and `right` in each filled value, those of "linear"."""
        gain = 1.0 if self.gain is None else self.gain
        return (1 - self.weight) * gain, self.weight * gain

    def without(self, lost: np.ndarray) -> FillPlan:
        """The plan without the holes beside an element that is `lost` (..., n)."""
        gone = lost.reshape(-1)
        keep = ~(gone[self.hole] | gone[self.left] | gone[self.right])
        chosen = {
            name: getattr(self, name)[keep]
            for name in ("hole", "left", "right", "weight", "before", "after")
            if getattr(self, name).size == keep.size
        }
        gain = None if self.gain is None else self.gain[keep]
        return replace(self, **chosen, gain=gain)

    def apply(self, spectra: np.ndarray, squared: bool = False) -> None:
        """Fill `spectra`, contiguous and of the mask's shape, in place.

        With `squared` they are variances of independent elements, and the weights those of
        "linear", squared.
        """
        if not spectra.flags.c_contiguous:
            raise ValueError("only a contiguous array can be filled in place")
        plane = spectra.reshape(-1)
        if squared:
            near, far = (1 - self.weight) ** 2, self.weight**2
            plane[self.hole] = plane[self.left] * near + plane[self.right] * far
        else:
            linear = self.method == "linear"
            plane[self.hole] = self._linear(plane) if linear else self._pchip(plane)

    def _linear(self, plane: np.ndarray) -> np.ndarray:
        # mode="clip" spares numpy the check of indices that the plan has made itself.
        left = plane.take(self.left, mode="clip")
        step = plane.take(self.right, mode="clip")
        step -= left
        step *= self.weight.astype(plane.dtype, copy=False)
        step += left
        if self.gain is not None:
            step *= self.gain.astype(plane.dtype, copy=False)
        return step

    def _pchip(self, plane: np.ndarray) -> np.ndarray:
        def step(i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """Width and slope of the intervals between elements i and j; 1 and 0 at an end."""
            there = (i >= 0) & (j >= 0)
            h = np.where(there, self.x[j] - self.x[i], 1.0)
            return h, np.where(there, plane[j] - plane[i], 0.0) / h

        h0, m0 = step(self.before, self.left)
        h1, m1 = step(self.left, self.right)
        h2, m2 = step(self.right, self.after)
        has0, has2 = self.before >= 0, self.after >= 0
        at_end = np.where(has2, _pchip_end(h1, h2, m1, m2), m1)
        d_left = np.where(has0, _pchip_slope(h0, h1, m0, m1), at_end)
        at_end = np.where(has0, _pchip_end(h1, h0, m1, m0), m1)
        d_right = np.where(has2, _pchip_slope(h1, h2, m1, m2), at_end)
        # Cubic Hermite polynomial between the two ends.
        t = self.weight
        s = 1 - t
        cubic: np.ndarray = (
            plane[self.left] * s * s * (1 + 2 * t)
            + plane[self.right] * t * t * (1 + 2 * s)
            + h1 * t * s * (d_left * s - d_right * t)
        )
        return cubic


def _widths(start: np.ndarray, stop: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Width of holes start..stop, up to half way to the elements around them."""
    if x.size < 2:
        return np.zeros(start.shape)
    edges = edges_half_way(x)
    return np.asarray(edges[stop + 1] - edges[start])


def edges_half_way(x: np.ndarray) -> np.ndarray:
    """Edges (n + 1,) half way between abscissae (n,), at least two; as far beyond the outermost."""
    half = np.diff(x) / 2
    return np.concatenate([[x[0] - half[0]], x[:-1] + half, [x[-1] + half[-1]]])


def neighbours(edges: np.ndarray) -> np.ndarray:
    """Whether each element touches the next one.

    Parameters
    ----------
    edges : ndarray, (n, 2)
        Lower and upper edge of each element, in ascending or descending order of elements.

    Returns
    -------
    ndarray of bool, (n - 1,)
        False where wavelengths were taken out.

    Examples
    --------
    >>> neighbours(np.array([[0, 1], [1, 2], [4, 5]]))
    array([ True, False])
    """
    low, high = edges.min(-1).astype(float), edges.max(-1).astype(float)
    apart = np.maximum(low[1:] - high[:-1], low[:-1] - high[1:])
    # Edges may have gone through single precision.
    return np.asarray(apart < 0.1 * (high - low)[1:])


def neighbours_by_steps(x: np.ndarray) -> np.ndarray:
    """As `neighbours`, of elements (n,) whose edges are not known.

    They are apart where the step is half as long again as all but one of those around, as one may
    be to a last element that is narrower, or twice as long as any. Steps may change along a
    spectrum.
    """
    step = np.abs(np.diff(x))
    if not step.size:
        return np.ones(0, bool)
    padded = np.pad(step, _AROUND // 2, constant_values=np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _AROUND)
    least, usual = np.partition(windows, 1, axis=-1)[:, :2].T
    return np.asarray((step <= 1.5 * usual) & (step <= _TWICE * least))


def edges_of_neighbours(x: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """Lower and upper edges (n, 2) of elements at abscissae (n,), at least two.

    Half way between neighbours; where elements are apart, as far beyond as the nearest neighbours'.

    Examples
    --------
    >>> edges_of_neighbours(np.array([0.0, 1, 4, 5]), np.array([True, False, True]))
    array([[-0.5,  0.5],
           [ 0.5,  1.5],
           [ 3.5,  4.5],
           [ 4.5,  5.5]])
    """
    step = np.diff(x)
    place = np.arange(step.size)
    half = np.interp(place, place[joined], step[joined]) / 2
    first, last = np.append(half[0], half), np.append(half, half[-1])
    # Those of descending abscissae descend.
    return np.sort(np.stack([x - first, x + last], axis=-1), axis=-1)


def _stretches(joined: np.ndarray | None, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The elements with which stretches of neighbours begin and end, bool (n,)."""
    apart = np.zeros(max(n - 1, 0), bool) if joined is None else ~joined
    return np.append(True, apart)[:n], np.append(apart, True)[-n:]


def _far_neighbours(
    start: np.ndarray, stop: np.ndarray, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Valid elements next to the ends of holes start..stop, on the side away from the hole."""
    n = first.size
    left, right = start - 1, stop + 1
    before, after = left - 1, right + 1
    before[first[left % n]] = -1
    after[last[right % n]] = -1
    # Where two holes share the one element between them, the neighbour lies across the other hole.
    shared = right[:-1]
    touch = np.flatnonzero((shared == left[1:]) & ~first[shared % n])
    before[touch + 1] = np.where(first[start[touch] % n], -1, left[touch])
    touch = np.flatnonzero((shared == left[1:]) & ~last[shared % n])
    after[touch] = np.where(last[stop[touch + 1] % n], -1, right[touch + 1])
    return before, after


def _pchip_slope(h0: np.ndarray, h1: np.ndarray, m0: np.ndarray, m1: np.ndarray) -> np.ndarray:
    """Slope at a point between intervals of widths h and slopes m (Fritsch & Butland 1984)."""
    w0, w1 = 2 * h1 + h0, h1 + 2 * h0
    monotone = m0 * m1 > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (w0 + w1) / (w0 / m0 + w1 / m1)
    # 0 at an extremum, and not a plain 0.0: NaN where a slope is unknown.
    return np.asarray(np.where(monotone, mean, m0 * m1 * 0.0))


def _pchip_end(h0: np.ndarray, h1: np.ndarray, m0: np.ndarray, m1: np.ndarray) -> np.ndarray:
    """Slope at the first point, from its interval (h0, m0) and the next (Moler 2004, ch. 3)."""
    slope = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    slope = np.where(np.sign(slope) != np.sign(m0), 0.0 * slope, slope)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(slope) > 3 * np.abs(m0))
    return np.where(steep, 3 * m0, slope)


def fill(
    spectra: np.ndarray,
    x: np.ndarray,
    method: Interpolation = "linear",
    squared: bool = False,
    joined: np.ndarray | None = None,
) -> np.ndarray:
    """Interpolate the NaN of each spectrum between the finite elements around them.

    Parameters
    ----------
    spectra : ndarray of float, (..., n)
    x : ndarray, (n,)
        Abscissa, ascending.
    method : {"linear", "pchip"}
    squared : bool
        Use the squares of the weights: `spectra` are variances of independent elements.
    joined : ndarray of bool, (n - 1,), optional
        Which elements are `neighbours` of the next; None for all.

    Returns
    -------
    ndarray, (..., n)
        A copy. NaN before the first and after the last finite element of a spectrum, or of a
        stretch of neighbours, stay.
    """
    spectra = np.asarray(spectra)
    out = np.empty(spectra.shape, spectra.dtype)
    if not out.size:
        return out
    mask: np.ndarray | None = None
    plan: FillPlan | None = None
    # Plane by plane: each stays in the cache, and its mask is mostly that of the one before.
    for source, target in zip(_planes(spectra), _planes(out), strict=True):
        target[...] = source
        holes = np.isnan(target)
        if plan is None or mask is None or not np.array_equal(holes, mask):
            mask, plan = holes, FillPlan.of(holes, x, method, joined=joined)
        plan.apply(target, squared)
    return out


@dataclass(frozen=True, eq=False)
class SmoothingPlan:
    """How each stretch of valid elements of a mask (rows, n) is smoothed by itself.

    Nearly all elements have all the weights around them; the others, near a hole or an end, are
    `special`: the weights of what lies beyond are left out and the others scaled up, so that a
    constant stays one.

    Attributes
    ----------
    invalid : ndarray of bool, (rows, n)
    weights : ndarray, (2 k + 1,)
    special : ndarray of int
        Indices into the flattened mask.
    neighbours : ndarray of int, (2 k + 1, special)
        Indices of the elements around each; any where the weight is 0.
    special_weights : ndarray, (2 k + 1, special)
    """

    invalid: np.ndarray
    weights: np.ndarray
    special: np.ndarray
    neighbours: np.ndarray
    special_weights: np.ndarray

    @classmethod
    def of(
        cls, valid: np.ndarray, weights: np.ndarray, joined: np.ndarray | None = None
    ) -> SmoothingPlan:
        """Plan the smoothing of the elements that are True in `valid` (..., n).

        `joined` as `neighbours` gives it; None for a single stretch.
        """
        weights = np.asarray(weights, float)
        half, n = weights.size // 2, valid.shape[-1]
        joined = np.ones(max(n - 1, 0), bool) if joined is None else joined
        reached = np.zeros((weights.size, *valid.shape), bool)
        reached[half] = valid
        for sign in (-1, 1):
            for j in range(1, min(half, n - 1) + 1):
                here = slice(j, None) if sign < 0 else slice(None, n - j)
                there = slice(None, n - j) if sign < 0 else slice(j, None)
                nearer = reached[half + sign * (j - 1)][..., here]
                across = joined[: n - j] if sign < 0 else joined[j - 1 :]
                reached[half + sign * j][..., here] = nearer & across & valid[..., there]
        special = np.flatnonzero(valid & ~reached.all(0))
        special_weights = weights[:, None] * reached.reshape(weights.size, -1)[:, special]
        offsets = np.arange(-half, half + 1)[:, None]
        neighbours = np.clip(special + offsets, 0, valid.size - 1)
        return cls(~valid, weights, special, neighbours, special_weights / special_weights.sum(0))

    def apply(self, spectra: np.ndarray, squared: bool = False) -> np.ndarray:
        """Smooth `spectra`, of the mask's shape; with `squared`, variances.

        Parameters
        ----------
        spectra : ndarray
            Contiguous; its invalid elements are set to 0.
        squared : bool
            Weight by the squares.

        Returns
        -------
        ndarray of float64
            NaN where not valid.
        """
        spectra[self.invalid] = 0
        flat = spectra.reshape(-1)
        power = 2 if squared else 1
        half = self.weights.size // 2
        # Over the rows' ends too: the special elements are set right afterwards.
        out = np.convolve(flat, self.weights[::-1] ** power)[half : half + flat.size]
        out[self.special] = (flat[self.neighbours] * self.special_weights**power).sum(0)
        out = out.reshape(spectra.shape)
        out[self.invalid] = np.nan
        return out


def smooth(
    spectra: np.ndarray,
    weights: np.ndarray,
    squared: bool = False,
    joined: np.ndarray | None = None,
) -> np.ndarray:
    """Smooth each stretch of finite neighbours by itself, see `SmoothingPlan`.

    Parameters
    ----------
    spectra : ndarray of float, (..., n)
    weights : ndarray, (2 k + 1,)
    squared : bool
        Use the squares of the weights: `spectra` are variances of independent elements.
    joined : ndarray of bool, (n - 1,), optional
        Which elements are `neighbours` of the next; None for all.

    Returns
    -------
    ndarray, (..., n), of the dtype of `spectra`
        NaN where `spectra` are.
    """
    spectra = np.asarray(spectra)
    out = np.empty(spectra.shape, spectra.dtype)
    if not out.size:
        return out
    valid: np.ndarray | None = None
    plan: SmoothingPlan | None = None
    for source, target in zip(_planes(spectra), _planes(out), strict=True):
        finite = np.isfinite(source)
        if plan is None or valid is None or not np.array_equal(finite, valid):
            valid, plan = finite, SmoothingPlan.of(finite, weights, joined)
        target[...] = plan.apply(source.astype(float), squared)
    return out


def _planes(a: np.ndarray) -> np.ndarray:
    """A view of shape (plane, row, n) of an array (..., n)."""
    return a.reshape((1, -1, a.shape[-1]) if a.ndim < 3 else (-1, *a.shape[-2:]))


#: Elements that an integration rule needs.
_NEEDED: dict[Integration, int] = {"bins": 1, "trapezoid": 2, "simpson": 3}


def integration_weights(
    x: np.ndarray, edges: np.ndarray, x_range: tuple[float, float], method: Integration
) -> np.ndarray:
    """Weights whose sum with a spectrum is its integral over the whole of a range.

    Parameters
    ----------
    x : ndarray, (n,)
        Ascending or descending abscissae.
    edges : ndarray, (n, 2)
        Bin edges.
    x_range : (float, float)
        Its ends may lie anywhere between the first and the last edge.
    method : {"bins", "trapezoid", "simpson"}
        What the spectrum is between its abscissae: each bin's value over the bin, straight lines,
        or the mean of the parabolas through three neighbours on either side. Between the outermost
        abscissae and edges, of stretches of neighbours too, it is constant.

    Returns
    -------
    ndarray, (n,)
        Their sum is the width of the range, as far as the elements cover it. All zero where a
        stretch in it has fewer elements than the rule needs: 3 for Simpson's, 2 for the trapezoid.
    """
    low, high = x_range
    if method == "bins":
        overlap: np.ndarray = np.minimum(edges[:, 1], high) - np.maximum(edges[:, 0], low)
        return np.asarray(np.maximum(overlap, 0.0))
    if x[0] > x[-1]:
        return integration_weights(x[::-1], edges[::-1], x_range, method)[::-1]
    weights = np.zeros(x.size)
    for part in np.split(np.arange(x.size), np.flatnonzero(~neighbours(edges)) + 1):
        first, last = max(edges[part[0], 0], low), min(edges[part[-1], 1], high)
        if first >= last:
            continue
        if part.size < _NEEDED[method]:
            return np.zeros(x.size)
        weights[part] = _stretch_weights(x[part], first, last, method)
    return weights


def _stretch_weights(x: np.ndarray, low: float, high: float, method: Integration) -> np.ndarray:
    """Weights of ascending abscissae without holes, of straight lines or parabolas."""
    weights = np.zeros(x.size)
    weights[0] = max(min(x[0], high) - low, 0.0)
    weights[-1] += max(high - max(x[-1], low), 0.0)
    # The part of each interval between two abscissae that lies in the range.
    first = np.clip(x[:-1], low, high)
    last = np.clip(x[1:], low, high)
    for i in np.flatnonzero(last > first):
        if method == "trapezoid":
            stencils = [np.array([i, i + 1])]
        else:
            stencils = [np.arange(k, k + 3) for k in (i - 1, i) if k >= 0 and k + 3 <= x.size]
        for stencil in stencils:
            part = _polynomial_weights(x[stencil] - x[i], first[i] - x[i], last[i] - x[i])
            weights[stencil] += part / len(stencils)
    return weights


def _polynomial_weights(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Integrals from low to high of Lagrange's polynomials through the abscissae."""
    powers = np.arange(x.size)
    moments = (high ** (powers + 1) - low ** (powers + 1)) / (powers + 1)
    return np.linalg.solve(np.vander(x, increasing=True).T, moments)


def between_values(known: np.ndarray) -> np.ndarray:
    """Elements from the first to the last known one of each spectrum, bool (..., n)."""
    seen = np.logical_or.accumulate(known, axis=-1)
    to_come = np.logical_or.accumulate(known[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(seen & to_come)
