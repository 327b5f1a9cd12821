"""Counts to radiances and their errors, on plain arrays, block by block of exposures.

Statistical errors are those of weighted sums of counts (`uvisxr.numerics.weighted_sums`): an
element alone, one that is filled from its neighbours, one that is smoothed. Systematic errors,
those of the sensitivity, of the background and of what was filled, are common to all spectra.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from ..numerics import along_wl
from ..numerics.along_wl import FillPlan, Interpolation, SmoothingPlan
from ..numerics.composition import Composition
from ..numerics.poisson import Interval, as_counts, count_errors, count_variance, missing
from ..numerics.weighted_sums import bounds
from .choices import Filling

#: Elements worked on at once: a few arrays of them fit in a processor's cache.
_BLOCK = 2**16

#: Decimals of the weights of the sensitivity terms in the scale of one more count, which nobody
#: needs to a hundredth: exposures near in time share it then.
_DECIMALS = 2


#: Names of the arrays that `Conversion.radiances` returns.
OUTPUTS = ("radiance", "radiance_upper", "radiance_lower", "radiance_systematic")


@dataclass(frozen=True, eq=False)
class Chain:
    """What some rows of elements go through: filling, then smoothing.

    Attributes
    ----------
    valid : ndarray of bool, (row, wl)
        Elements with a value before.
    fill : FillPlan or None
    smoothing : SmoothingPlan or None
    """

    valid: np.ndarray
    fill: FillPlan | None
    smoothing: SmoothingPlan | None

    @classmethod
    def of(
        cls,
        valid: np.ndarray,
        fill: FillPlan | None,
        weights: tuple[float, ...] | None,
        joined: np.ndarray,
    ) -> Chain:
        """Fill what the plan fills, then smooth what has a value, among neighbours."""
        known = filled_elements(valid, fill)
        smoothing = None if weights is None else SmoothingPlan.of(known, np.array(weights), joined)
        return cls(valid, fill, smoothing)

    @cached_property
    def composition(self) -> Composition:
        """Both steps as weights."""
        return Composition.of(self.valid, self.fill, self.smoothing)

    def apply(self, plane: np.ndarray) -> np.ndarray:
        """Fill a plane (row, wl) in place; it, or a smoothed copy."""
        if self.fill is not None:
            self.fill.apply(plane)
        return plane if self.smoothing is None else self.smoothing.apply(plane)


@dataclass(frozen=True, eq=False)
class Shapes:
    """Mean spectra of products, by which lines in filled elements are judged.

    Attributes
    ----------
    product : ndarray of int, (pic,)
        Product of each exposure.
    mean, noise : ndarray, (product, wl)
        Mean spectrum in any unit, and its standard error.
    """

    product: np.ndarray
    mean: np.ndarray
    noise: np.ndarray

    def of(self, exposures: np.ndarray) -> Shapes:
        """Those of some exposures."""
        return replace(self, product=self.product[exposures])


@dataclass(frozen=True, eq=False)
class Route:
    """What the exposures of one product go through.

    `gain` (pixel, wl) is the factor on what is filled, `guess` (pixel, wl) the relative systematic
    error that filling leaves in the values.
    """

    chain: Chain
    gain: np.ndarray | None
    guess: np.ndarray


@dataclass(frozen=True, eq=False)
class Scale:
    """What the values of an exposure of one second have in common, float32 (pixel, wl).

    Attributes
    ----------
    count : ndarray
        Scale of one more count, see `weighted_sums`.
    dark : ndarray
        Radiance of one count a second and detector pixel.
    relative : ndarray
        Relative error of the sensitivity.
    """

    count: np.ndarray
    dark: np.ndarray
    relative: np.ndarray


@dataclass(frozen=True, eq=False)
class _Exposures:
    """A few exposures, `place` among all: counts, calibration factors and what they go through."""

    place: slice
    counts: np.ndarray
    lost: np.ndarray
    factor: np.ndarray
    time: np.ndarray
    routes: list[Route]
    scales: list[Scale]


@dataclass(frozen=True, eq=False)
class _Weights:
    """Weights of counts in an integral, and what is the same for all exposures that share them.

    Attributes
    ----------
    values, squares : ndarray of float32, (pixel, wl)
    terms : tuple of ndarray, (pixel, wl)
        The weights, their squares, and the weights of the background.
    sums : tuple of ndarray, (pixel,)
        Of the terms, where no count is missing.
    """

    values: np.ndarray
    squares: np.ndarray
    terms: tuple[np.ndarray, ...]
    sums: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, weights: np.ndarray, n: np.ndarray) -> _Weights:
        """Of weights (pixel, wl) on elements that n (pixel, wl) detector pixels see dark."""
        squares = (weights**2).astype(np.float32)
        terms = (weights, squares, weights * n)
        sums = tuple(a.sum(-1) for a in terms)
        return cls(weights.astype(np.float32), squares, terms, sums)


def _known_before(valid: np.ndarray, at: int) -> int:
    """The last element up to one at which, or after which, all rows have a value that have any."""
    before = valid[:, at::-1]
    return at - int(before.argmax(-1).max(initial=0))


@dataclass(frozen=True, eq=False)
class Conversion:
    """All that turns the counts of any exposure into radiances and errors.

    Attributes
    ----------
    sensitivity : ndarray, (term, pixel, wl)
        (count/s)/(kR/angstrom).
    relative : ndarray, (pixel, wl)
        Relative error of the sensitivity, at all times: it changes by less than its own error.
    n : ndarray, (pixel, wl)
        Detector pixels in each element that see the background.
    background, background_error : float
        count/s per detector pixel.
    interval : {"garwood", "score"}
        Of single elements.
    quantization : bool
        Whether counts went through the SQRT_9 compression and its error is wanted.
    summed : int
        Number of transmitted counts in each.
    total : bool
        Whether the bounds hold the systematic error too.
    fill : {"linear", "pchip", "shape"} or None
        How elements without a sensitivity are filled along wl; "shape": linearly, times how far the
        mean spectrum rises above the straight line.
    fill_limit : float or None
        Widest hole that is filled, angstrom.
    smoothing : tuple of float or None
        Weights of the smoothing along wl.
    wl : ndarray, (wl,)
    joined : ndarray of bool, (wl - 1,)
        Which elements are neighbours of the next: nothing is filled or smoothed across others.
    """

    sensitivity: np.ndarray
    relative: np.ndarray
    n: np.ndarray
    background: float
    background_error: float
    interval: Interval
    quantization: bool
    summed: int
    total: bool
    fill: Filling | None
    fill_limit: float | None
    smoothing: tuple[float, ...] | None
    wl: np.ndarray
    joined: np.ndarray
    _scales: dict[tuple[float, ...], Scale] = field(default_factory=dict, repr=False)

    @cached_property
    def valid(self) -> np.ndarray:
        """Elements with a sensitivity, bool (pixel, wl)."""
        return valid_elements(self.sensitivity)

    @property
    def plan(self) -> FillPlan | None:
        """How the others are filled."""
        return self.chain.fill

    @cached_property
    def chain(self) -> Chain:
        """What a plane without missing counts goes through."""
        keys = (self.valid.tobytes(), self.wl.tobytes(), self.joined.tobytes())
        return _chain(self.valid.shape, *keys, self.fill, self.fill_limit, self.smoothing)

    def around(self, part: slice) -> slice:
        """The elements to which values in a part of the spectra are related.

        These are what fills and smooths the part, and what shares counts with it: filling and
        smoothing of these alone give the part the values and covariances that it has in the whole.
        """
        last = self.wl.size - 1
        if self.fill == "shape":
            # The mean spectrum is scaled by rows, over all wavelengths.
            return slice(0, last + 1)
        reach = len(self.smoothing) // 2 if self.smoothing else 0
        low, high = part.start, part.stop - 1
        # Once to what the part is made of, once from there to what else that has gone into.
        for _ in range(2):
            low, high = max(low - reach, 0), min(high + reach, last)
            # What fills a hole lies on both sides of it; "pchip" looks at two elements on each.
            for _ in range({None: 0, "linear": 1}.get(self.fill, 2)):
                low = _known_before(self.valid, max(low - 1, 0))
                high = last - _known_before(self.valid[:, ::-1], last - min(high + 1, last))
        return slice(low, high + 1)

    def within(self, part: slice) -> Conversion:
        """The conversion of a part of the spectra by itself."""
        return replace(
            self,
            sensitivity=self.sensitivity[..., part],
            relative=self.relative[:, part],
            n=self.n[:, part],
            wl=self.wl[part],
            joined=self.joined[part.start : part.stop - 1],
            _scales={},
        )

    def rows(self, some: np.ndarray) -> Conversion:
        """The conversion of some rows by themselves."""
        return replace(
            self,
            sensitivity=self.sensitivity[:, some],
            relative=self.relative[some],
            n=self.n[some],
            _scales={},
        )

    @property
    def fills(self) -> bool:
        """Whether any element is filled."""
        return self.plan is not None and self.plan.hole.size > 0

    @property
    def _untouched(self) -> bool:
        """Whether each radiance is that of its own count."""
        return self.smoothing is None and not self.fills

    def routes(self, shapes: Shapes) -> list[Route]:
        """What the exposures of each product go through."""
        routes = []
        for mean, noise in zip(shapes.mean, shapes.noise, strict=True):
            gain, error = self._excess(mean, noise)
            chain, factor = self.chain, None
            if self.fill == "shape":
                factor = gain
                lifted = _lifted(self.plan, gain)
                chain = Chain.of(self.valid, lifted, self.smoothing, self.joined)
                # How well a single spectrum keeps to the mean one's shape is not known: half the
                # difference the shape makes.
                error = 0.5 * error / gain
            if chain.smoothing is not None:
                error = _smoothed(error, np.maximum(mean, noise), chain.fill, chain.smoothing)
            routes.append(Route(chain, factor, error.astype(np.float32)))
        return routes

    def _excess(self, mean: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far a mean spectrum rises above the straight lines that fill the holes.

        Parameters
        ----------
        mean, noise : ndarray, (wl,)

        Returns
        -------
        gain : ndarray, (pixel, wl)
            Factor on a linearly filled value that gives it the shape of the mean spectrum; 1 where
            that is lost in the noise.
        error : ndarray, (pixel, wl)
            Its distance from 1 beyond the noise.
        """
        gain, error = np.ones(self.valid.shape), np.zeros(self.valid.shape)
        plan = self.plan
        if plan is None or not self.fills:
            return gain, error
        hole, left, right = (place % self.wl.size for place in (plan.hole, plan.left, plan.right))
        near, far = 1 - plan.weight, plan.weight
        with np.errstate(divide="ignore", invalid="ignore"):
            line = mean[left] * near + mean[right] * far
            found = mean[hole] / line
            variance = (noise[left] * near) ** 2 + (noise[right] * far) ** 2
            variance = (noise[hole] ** 2 + found**2 * variance) / line**2
            clear = (found > 0) & (line > 0) & ((found - 1) ** 2 > variance)
            beyond = np.sqrt(np.where(clear, (found - 1) ** 2 - variance, 0.0))
        gain.reshape(-1)[plan.hole] = np.where(clear, found, 1.0)
        error.reshape(-1)[plan.hole] = beyond
        return gain, error

    def _broken(self, route: Route, rows: np.ndarray, lost: np.ndarray) -> Chain:
        """The route of some rows, of which `lost` (row, wl) counts are missing."""
        valid, plan = self.valid[rows], self.plan
        if plan is not None:
            plan = FillPlan.of(~valid, self.wl, plan.method, self.fill_limit, self.joined)
            plan = plan.without(lost)
            plan = _lifted(plan, None if route.gain is None else route.gain[rows])
        return Chain.of(valid & ~lost, plan, self.smoothing, self.joined)

    def kinds(self, weight: np.ndarray) -> np.ndarray:
        """Weights (pic, term) that are the same for exposures that share a scale."""
        return _rounded(weight)

    def scale(self, weight: np.ndarray) -> Scale:
        """What exposures have in common at some weights (term,) of the sensitivity terms."""
        key = tuple(self.kinds(weight[None])[0].tolist())
        if key not in self._scales:
            factor = factors(np.array([key]), self.sensitivity)
            relative = np.where(np.isnan(factor), np.nan, self.relative)
            planes = np.concatenate([factor, factor * self.n, relative])
            if self._untouched:
                count, dark, relative = planes.astype(np.float32)
            else:
                through = self.chain.composition
                s1, dark, relative = through.mean(planes).astype(np.float32)
                with np.errstate(invalid="ignore", divide="ignore"):
                    count = through.variance((factor**2).astype(np.float32))[0] / s1
            self._scales[key] = Scale(count, dark, relative)
        return self._scales[key]

    def radiances(
        self, counts: np.ndarray, weight: np.ndarray, exposure: np.ndarray, shapes: Shapes
    ) -> tuple[np.ndarray, ...]:
        """Radiances of some exposures.

        Parameters
        ----------
        counts : ndarray, (pic, pixel, wl)
            See `uvisxr.numerics.poisson.missing`.
        weight : ndarray, (pic, term)
            Weights of the sensitivity terms.
        exposure : ndarray, (pic,)
            Integration time, s.
        shapes : Shapes

        Returns
        -------
        *outputs : ndarray of float32, (pic, pixel, wl)
            kR/angstrom: the radiance, its upper and lower half-widths and its systematic error.
        """
        outputs = tuple(np.empty(counts.shape, np.float32) for _ in OUTPUTS)
        for some in self._blocks(counts, weight, exposure, shapes):
            value = self._values(some)
            systematic = self._systematic(some, value)
            upper, lower = self._bounds(some, value)
            if self.total:
                upper, lower = np.hypot(upper, systematic), np.hypot(lower, systematic)
            for output, found in zip(outputs, (value, upper, lower, systematic), strict=True):
                output[some.place] = found
        return outputs

    def integrals(
        self,
        counts: np.ndarray,
        weight: np.ndarray,
        exposure: np.ndarray,
        shapes: Shapes,
        over: np.ndarray,
    ) -> tuple[np.ndarray, ...]:
        """Sums behind integrals of radiances, see `weighted_sums`.

        Parameters
        ----------
        counts, weight, exposure, shapes
            As in `radiances`.
        over : ndarray, (wl,)
            Weights of the radiances in the integral, angstrom.

        Returns
        -------
        counted, variance, scale, dark : ndarray of float32, (pic, pixel)
            kR, the background included; kR^2; kR for one more count; kR that the background taken
            off stood for.
        """
        out = tuple(np.empty(counts.shape[:2], np.float32) for _ in range(4))
        if not counts.size:
            return out
        known = self.chain.composition.known
        through = [
            route.chain.composition.back(np.where(known, over, 0.0))
            for route in self.routes(shapes)
        ]
        columns = np.flatnonzero(np.any(through, axis=(0, 1)))
        used = slice(columns.min(initial=0), columns.max(initial=-1) + 1)
        # Exposures near in time share the weights of their counts.
        kinds = np.column_stack([shapes.product, _rounded(weight)])
        unique, kind = np.unique(kinds, axis=0, return_inverse=True)
        for number, (product, *terms) in enumerate(unique):
            taken = through[int(product)][:, used]
            factor = factors(np.array([terms]), self.sensitivity[..., used])[0]
            scaled = np.where(taken != 0, taken * factor, 0.0)
            weights = _Weights.of(scaled, self.n[:, used])
            here = np.flatnonzero(kind == number)
            step = max(1, _BLOCK // max(1, scaled.size))
            for start in range(0, here.size, step):
                some = here[start : start + step]
                raw = as_counts(counts[some][..., used])
                found = self._weighted(raw, weights)
                seconds = exposure[some][:, None]
                for a, sums, power in zip(out, found, (1, 2, 1, 0), strict=True):
                    a[some] = sums / seconds**power
        return out

    def _weighted(self, raw: np.ndarray, weights: _Weights) -> tuple[np.ndarray, ...]:
        """Sums of counts with weights, their variance, scale and background, for 1 s."""
        over = "tpw,pw->tp"
        variance = count_variance(raw, self.quantization, self.summed)
        counts = raw.astype(np.float32)
        lost = missing(raw) & (weights.values != 0)
        sums = weights.sums
        if lost.any():
            variance[lost] = counts[lost] = 0
            sums = tuple(np.einsum(over, ~lost, a) for a in weights.terms)
        first, second, light = sums
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = second / first
        counted = np.einsum(over, counts, weights.values)
        return counted, np.einsum(over, variance, weights.squares), scale, self.background * light

    def light(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sensitivities of exposures with weights (pic, term) of the terms.

        Returns
        -------
        planes : ndarray of float32, (plane, pixel, wl)
            (count/s)/(kR/angstrom); where there is none, that of the elements around.
        plane : ndarray of int, (pic,)
            That of each exposure: those near in time share one.
        """
        keys, plane = np.unique(_rounded(weight), axis=0, return_inverse=True)
        planes = along_wl.fill(factors(keys, self.sensitivity), self.wl)
        return np.reciprocal(planes, out=planes).astype(np.float32), plane

    def dark(self, weight: np.ndarray) -> np.ndarray:
        """Errors of radiances from that of the background, float32 (pixel, wl), at one weight."""
        return np.asarray(self.scale(weight).dark * np.float32(self.background_error))

    def covariances(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums of covariances along wl and variances, both (pixel, wl), at weights (term,).

        Those of spectra of constant radiance, whose counts have variances that go as 1/S; 0 where
        there is no radiance.
        """
        variance = factors(weight[None], self.sensitivity)[0]
        if self._untouched:
            return (np.nan_to_num(variance),) * 2
        through = self.chain.composition
        all_of_it = through.back(through.known.astype(float))
        found = through.mean(np.stack([variance * all_of_it])), through.variance(variance[None])
        sums, squares = (np.nan_to_num(planes[0]) for planes in found)
        return sums, squares

    def _blocks(
        self, counts: np.ndarray, weight: np.ndarray, exposure: np.ndarray, shapes: Shapes
    ) -> Iterator[_Exposures]:
        """A few exposures at a time."""
        if not counts.size:
            return
        routes = self.routes(shapes)
        step = max(1, _BLOCK // counts[0].size)
        for start in range(0, counts.shape[0], step):
            place = slice(start, start + step)
            # Selections may be laid out in another order, which arithmetic would keep.
            raw = np.ascontiguousarray(as_counts(counts[place]))
            yield _Exposures(
                place=place,
                counts=raw,
                lost=missing(raw),
                factor=factors(weight[place], self.sensitivity),
                time=exposure[place],
                routes=[routes[k] for k in shapes.product[place]],
                scales=[self.scale(w) for w in weight[place]],
            )

    def _values(self, some: _Exposures) -> np.ndarray:
        """Radiances, filled and smoothed."""
        radiance = some.counts / some.time[:, None, None]
        if self.background:
            radiance -= self.background * self.n
        radiance *= some.factor
        return self._each(some, radiance, lambda chain, plane: chain.apply(plane))

    def _systematic(self, some: _Exposures, value: np.ndarray) -> np.ndarray:
        """Systematic errors of values, float32."""
        out = np.square(value, dtype=np.float32)
        for k, (scale, route) in enumerate(zip(some.scales, some.routes, strict=True)):
            # Squares by hand: hypot takes ten times as long.
            out[k] *= scale.relative**2 + route.guess**2
            out[k] += (np.float32(self.background_error) * scale.dark) ** 2
        return np.asarray(np.sqrt(out, out=out))

    def _bounds(self, some: _Exposures, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Statistical half-widths of the values."""
        alone = self.smoothing is None
        if alone:
            per_count = some.factor / some.time[:, None, None]
            errors = count_errors(some.counts, self.interval, self.quantization, self.summed)
            single = tuple(error * per_count for error in errors)
            for bound in single:
                bound[some.lost] = np.nan
            if not self.fills:
                return single
        variance = self._variances(some)
        time = some.time.astype(np.float32)[:, None, None]
        one = np.stack([scale.count for scale in some.scales]) / time
        counted = value.astype(np.float32)
        if self.background:
            counted += np.float32(self.background) * np.stack([s.dark for s in some.scales])
            np.maximum(counted, 0, out=counted)
        if not alone:
            return bounds(counted, variance, one)
        hole = ~self.valid
        filled = bounds(*(np.maximum(a[:, hole], 0) for a in (counted, variance, one)))
        for bound, found in zip(single, filled, strict=True):
            bound[:, hole] = found
        return single

    def _variances(self, some: _Exposures) -> np.ndarray:
        """Variances of the values, float32."""
        variance = (some.factor / some.time[:, None, None]).astype(np.float32)
        variance *= variance
        variance *= count_variance(some.counts, self.quantization, self.summed)
        return self._each(some, variance, lambda chain, plane: chain.composition.variance(plane))

    def _each(
        self, some: _Exposures, planes: np.ndarray, step: Callable[[Chain, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """A step on the plane of each exposure; rows that miss counts go by themselves."""
        for k, route in enumerate(some.routes):
            rows = some.lost[k].any(-1)
            if not rows.any():
                planes[k] = step(route.chain, planes[k])
                continue
            own, lost = planes[k][rows], some.lost[k][rows]
            own[lost] = np.nan
            planes[k] = step(route.chain, planes[k])
            planes[k][rows] = step(self._broken(route, rows, lost), own)
        return planes


def _rounded(weight: np.ndarray) -> np.ndarray:
    """Weights (pic, term) that exposures near in time share, of the same sum as before."""
    rounded = np.round(weight, _DECIMALS)
    total = rounded.sum(-1, keepdims=True)
    lost = weight.sum(-1, keepdims=True) / np.where(total != 0, total, 1.0)
    # Digits beyond these tell exposures apart that are not.
    return np.asarray(np.round(rounded * lost, 12))


def _smoothed(
    error: np.ndarray, light: np.ndarray, fill: FillPlan | None, smoothing: SmoothingPlan
) -> np.ndarray:
    """Relative errors (row, wl) of smoothed values.

    Errors add by the light (wl,) of a mean spectrum: else an element filled in a gap between lines
    would hand its large relative error on to the lines.
    """
    filled = np.tile(np.where(light > 0, light, 1.0), (error.shape[0], 1))
    if fill is not None:
        fill.apply(filled)
    of_errors = smoothing.apply(error * filled)
    return np.asarray(of_errors / smoothing.apply(filled))


def _lifted(plan: FillPlan | None, gain: np.ndarray | None) -> FillPlan | None:
    """A plan whose filled values have a factor, (row, wl)."""
    if plan is None or gain is None:
        return plan
    return replace(plan, gain=gain.reshape(-1)[plan.hole])


def valid_elements(sensitivity: np.ndarray) -> np.ndarray:
    """Elements (pixel, wl) that have a sensitivity in every term (term, pixel, wl)."""
    return np.asarray(np.isfinite(sensitivity).all(0) & (sensitivity > 0).any(0))


def filled_elements(valid: np.ndarray, plan: FillPlan | None) -> np.ndarray:
    """Elements (pixel, wl) that have a value once a plan has filled some of those not valid."""
    known = valid.copy()
    if plan is not None:
        known.reshape(-1)[plan.hole] = True
    return known


@lru_cache(4)
def _chain(
    shape: tuple[int, ...],
    valid: bytes,
    wl: bytes,
    joined: bytes,
    fill: Filling | None,
    limit: float | None,
    smoothing: tuple[float, ...] | None,
) -> Chain:
    """See `Conversion.chain`: products of one kind and calibration have it in common."""
    known = np.frombuffer(valid, bool).reshape(shape)
    x, follows = np.frombuffer(wl), np.frombuffer(joined, bool)
    method: Interpolation = "pchip" if fill == "pchip" else "linear"
    plan = None if fill is None else FillPlan.of(~known, x, method, limit, follows)
    return Chain.of(known, plan, smoothing, follows)


def inverse(
    weight: np.ndarray, sensitivity: np.ndarray, error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Calibration factor 1/S and relative error dS/S of some exposures.

    Parameters
    ----------
    weight : ndarray, (pic, term)
    sensitivity, error : ndarray, (term, pixel, wl)

    Returns
    -------
    factor, relative : ndarray of float64, (pic, pixel, wl)
        NaN where there is no sensitivity.
    """
    factor = factors(weight, sensitivity)
    relative: np.ndarray = np.einsum("et,tpw->epw", weight, error, order="C")
    relative *= factor
    return factor, relative


def factors(weight: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    """Calibration factors 1/S alone, as `inverse` gives them."""
    s = weight[:, 0, None, None] * sensitivity[0]
    for k in range(1, weight.shape[1]):
        s += weight[:, k, None, None] * sensitivity[k]
    # A NaN compares as False and is set again.
    s[~(s > 0)] = np.nan
    inverse: np.ndarray = np.reciprocal(s, out=s)
    return inverse
