"""How often error bars hold the truth: counts drawn from known light, calibrated, reduced, counted.

A `Case` is one simulated product: true radiances, sensitivity and background are known, numpy draws
the counts, and only methods of the accessor turn them into values and bounds. Each spectrum
(pic, pixel) is a trial, or each group of them where groups are averaged. What a value should be is
what the linear steps make of the true radiances; these steps are written here a second time, in
plain numpy (`filled`, `smoothed`, `integration_weights`, `_mean`).

The *pull* of a value is its distance from what it should be over the bound on that side: over the
upper bound where the truth lies above the value, over the lower one where it lies below. It is
within -1..1 exactly where the bounds hold the truth.

The *counts* of a quantity are those that an unweighted sum with the same signal-to-noise ratio
would have, mean^2 / variance over the trials, the background's counts included. For an element or a
sum of equal weights they are the expected counts; uneven weights make them fewer than these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy.stats import gamma, norm, poisson

import uvisxr  # noqa: F401  registers .uvis
from uvisxr.calibration.formats import package_lab
from uvisxr.errors import UvisError
from uvisxr.instrument.detector import Window

from . import calfiles

#: Detector columns of the products, by channel and columns in an element: away from the ends of
#: the channels, where there is next to no sensitivity.
COLUMNS = {
    "FUV": {1: (400, 447), 2: (400, 495), 32: (128, 895)},
    "EUV": {1: (400, 447), 2: (400, 495), 32: (128, 895)},
}

#: Detector rows: lit, with a flat field of their own, in whole groups of `MEMBERS`.
ROWS = (3, 58)

#: Spectra in a group that is averaged.
MEMBERS = 8

#: count/s per detector pixel.
BACKGROUND = 4e-4

#: Share of lit detector pixels that are evil.
EVIL = 0.14

#: Coverage and pull scatter of good bounds from `ENOUGH` counts on, and coverage below.
ENOUGH = 10.0
COVERED = (0.64, 0.78)
COVERED_FEW = (0.64, 0.93)
PULL = (0.85, 1.10)

_TAIL = norm.sf(1)


@dataclass(frozen=True)
class Case:
    """One simulated product.

    Attributes
    ----------
    channel : {"FUV", "EUV"}
    band_bin : int
        1, 2 or 32.
    counts : float
        Expected counts of light in an element, on average.
    smooth : bool
        Whether the calibration smooths.
    background : float
        True background, count/s per detector pixel.
    assumed, assumed_error : float
        What the reduction is told of it; nothing if `assumed` is 0.
    lines : bool
        Whether the spectrum has emission lines; else the radiance is the same everywhere.
    uneven : bool
        Whether exposure times differ, 60 to 480 s, instead of 240 s.
    errors : {"statistical", "beside", "total"}
        Bounds to judge: those of the counts, these and `_systematic` in quadrature, or those of
        `calibrate(errors="total")`.
    """

    channel: Literal["FUV", "EUV"] = "FUV"
    band_bin: int = 1
    counts: float = 1.0
    smooth: bool = False
    background: float = 0.0
    assumed: float = 0.0
    assumed_error: float = 0.0
    lines: bool = False
    uneven: bool = False
    errors: Literal["statistical", "beside", "total"] = "statistical"

    def __str__(self) -> str:
        return ", ".join(
            [
                f"{self.channel} BAND_BIN {self.band_bin}",
                f"{self.counts:g} counts",
                *["smoothed"] * self.smooth,
                *["with background"] * (self.assumed > 0),
                *["lines"] * self.lines,
                *["uneven exposures"] * self.uneven,
                *[f"errors {self.errors}"] * (self.errors != "statistical"),
            ]
        )


@dataclass(frozen=True, eq=False)
class Record:
    """Values of one quantity, (trial, element), and what belongs to them.

    Attributes
    ----------
    value, upper, lower : ndarray
        As the package has them.
    expected : ndarray
        What the value should be.
    dark : ndarray
        What the background's counts would be worth, had they not been taken off.
    """

    value: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    expected: np.ndarray
    dark: np.ndarray


@dataclass(frozen=True)
class Cell:
    """Figures of one quantity in one case, with the standard errors of the simulation.

    Attributes
    ----------
    counts : float
        See the module.
    coverage, pull : (float, float)
        Share of bounds that hold the truth, and scatter of the pulls.
    most : float
        Largest coverage that is right: at few counts what Garwood's bounds have.
    """

    case: Case
    quantity: str
    counts: float
    coverage: tuple[float, float]
    pull: tuple[float, float]
    most: float

    def faults(self, tolerance: float = 0.0) -> list[str]:
        """What lies outside the criteria by more than `tolerance` standard errors."""
        few = self.counts < ENOUGH
        checks = [("coverage", self.coverage, COVERED_FEW[0] if few else COVERED[0], self.most)]
        if not few:
            checks.append(("pull scatter", self.pull, *PULL))
        return [
            f"{name} {value:.3f} +- {error:.3f}"
            for name, (value, error), low, high in checks
            if not low - tolerance * error <= value <= high + tolerance * error
        ]

    def __str__(self) -> str:
        return f"{self.quantity} ({self.counts:.3g} counts): {self.case}"


def calibration_folder(path: Path) -> Path:
    """Files of both channels with 14 % evil pixels; the laboratory's error is zero.

    Without it the only systematic errors are those of the background and of what was filled.
    """
    for name in ("FUV", "EUV"):
        calfiles.folder(path, name, EVIL)
        lab = package_lab(name)
        wl = np.linspace(lab.wl[0], lab.wl[-1], 40)
        block = np.stack([wl, np.interp(wl, lab.wl, lab.sensitivity), np.zeros(40)], -1)
        rows = np.hstack([block[:20], block[20:]])
        text = "\n".join(" ".join(f"{number:.6g}" for number in row) for row in rows)
        (path / f"{name}_1999_Lab_Cal.dat").write_text(f"laboratory\n{text}\n")
    return path


def records(case: Case, folder: Path, n_pic: int, seed: int) -> dict[str, Record]:
    """Simulate a product and reduce it in every way; by name of the quantity.

    Ways that the package does not have are left out.
    """
    return dict(_Simulation.of(case, folder, n_pic, seed).records())


def cells(case: Case, folder: Path, n_pic: int, seed: int = 0) -> list[Cell]:
    """Figures of all quantities of a case."""
    found = records(case, folder, n_pic, seed)
    return [cell for name, record in found.items() for cell in judged(case, name, [record])]


def background_cells(
    case: Case, folder: Path, n_pic: int, draws: int = 32, seed: int = 0
) -> list[Cell]:
    """Figures where the true background differs from the assumed one, over several draws of it.

    The draws are the middles of equally likely parts of the normal distribution around
    `case.assumed` with `case.assumed_error`.
    """
    offsets = norm.ppf((np.arange(draws) + 0.5) / draws)
    together: dict[str, list[Record]] = {}
    for number, offset in enumerate(offsets):
        true = case.assumed + offset * case.assumed_error
        drawn = replace(case, background=true)
        for name, record in records(drawn, folder, n_pic, seed + number).items():
            together.setdefault(name, []).append(record)
    return [cell for name, found in together.items() for cell in judged(case, name, found)]


def bias(record: Record) -> tuple[float, float]:
    """Mean of the value minus that of the truth, over the latter, and its standard error."""
    known = np.isfinite(record.value) & np.isfinite(record.expected)
    truth = record.expected[known].mean()
    mean, error = _over_trials(np.where(known, record.value - record.expected, 0), known)
    return mean / truth, error / truth


def judged(case: Case, name: str, found: list[Record]) -> Iterator[Cell]:
    """Coverage, pulls and bias of a quantity: its elements of many counts, and those of few."""
    value, upper, lower, expected, dark = (
        np.concatenate([getattr(record, field).astype(float) for record in found])
        for field in ("value", "upper", "lower", "expected", "dark")
    )
    known = np.isfinite(value) & np.isfinite(expected)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = known.sum(0)
        counted = np.where(known, expected + dark, 0).sum(0) / n
        counts = counted**2 / (np.where(known, value - expected, 0) ** 2).sum(0) * n
        pull = (value - expected) / np.where(value > expected, lower, upper)
    pull[value == expected] = 0.0
    for chosen in (counts < ENOUGH, counts >= ENOUGH):
        if not (known & chosen).any():
            continue
        use = known & chosen
        # NaN bounds hold nothing.
        inside = np.abs(pull) <= 1
        mean, _ = _over_trials(np.nan_to_num(pull), use)
        square, square_error = _over_trials(np.nan_to_num(pull) ** 2, use)
        scatter = np.sqrt(square - mean**2)
        some = counts[chosen & (n > 0)]
        yield Cell(
            case,
            name,
            float(np.mean(some)),
            _over_trials(inside, use),
            (scatter, square_error / (2 * scatter)),
            COVERED[1] if some.min() >= ENOUGH else max(COVERED_FEW[1], _whole_counts(some)),
        )


def _over_trials(values: np.ndarray, use: np.ndarray) -> tuple[float, float]:
    """Mean of the values in use, and its standard error by the scatter between trials.

    Elements of one trial may share counts, trials do not.
    """
    weight = use.sum(-1)
    total = weight.sum()
    mean = float((values * use).sum() / total)
    residual = ((values - mean) * use).sum(-1)
    return mean, float(np.sqrt((residual**2).sum()) / total)


def _whole_counts(expected: np.ndarray) -> float:
    """Largest coverage of Garwood's bounds within a factor of 2 of the expected counts."""
    mean = expected[:, None] * np.geomspace(0.5, 2, 25)
    covered = np.zeros(mean.shape)
    for count in range(60):
        low = gamma.ppf(_TAIL, count) if count else 0.0
        high = gamma.isf(_TAIL, count + 1)
        covered += np.where((mean >= low) & (mean <= high), poisson.pmf(count, mean), 0)
    return float(covered.max(1).mean())


@dataclass(frozen=True, eq=False)
class _Simulation:
    """A product and its truth.

    `truth` and `dark` are (pixel, wl), kR/angstrom: the light, and what the background's counts are
    worth; NaN where nothing is to be known of an element before it is filled. `evil` (pixel, wl)
    are those that a calibration has to fill, `weight` (pic, pixel, wl) is exposure times
    sensitivity.
    `groups` (group, member) are numbers of spectra in C order of (pic, pixel).
    """

    case: Case
    opened: xr.Dataset
    options: dict[str, Any]
    truth: np.ndarray
    dark: np.ndarray
    evil: np.ndarray
    weight: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, case: Case, folder: Path, n_pic: int, seed: int) -> _Simulation:
        rng = np.random.default_rng(seed)
        first, last = COLUMNS[case.channel][case.band_bin]
        window = Window(ROWS[0], first, ROWS[1], last, 1, case.band_bin)
        time = np.full(n_pic, 240.0)
        if case.uneven:
            time = rng.permutation(np.geomspace(60, 480, n_pic))
        ds = calfiles.opened(np.zeros((n_pic, *window.shape)), window, case.channel, exposure=time)
        files = {"files": folder, "trend": False}
        wide = case.band_bin > 2
        factor = ds.uvis.calibration_factor(evil_pixels="interpolate", **files)
        factor = factor.calibration_factor.values.astype(float)
        masked = ds.uvis.calibration_factor(**files).calibration_factor.values[0]
        evil = np.zeros(masked.shape, bool) if wide else np.isnan(masked)
        shape = _spectrum(ds, case.lines)
        light = shape / factor * time[:, None, None]
        level = case.counts / light.mean()
        n = window.bins.lit_pixels
        counts = rng.poisson(light * level + case.background * n * time[:, None, None])
        ds = ds.assign(counts=ds.counts.copy(data=counts.astype(np.uint16)))
        if case.assumed:
            ds = ds.uvis.background(level=case.assumed, error=case.assumed_error)
        truth = np.broadcast_to(level * shape, evil.shape)
        options = {
            "evil_pixels": "interpolate" if wide else "mask",
            "fill_limit": None,
            "errors": "total" if case.errors == "total" else "statistical",
            **files,
        }
        return cls(
            case=case,
            opened=ds,
            options=options,
            truth=np.where(evil, np.nan, truth),
            dark=np.where(evil, np.nan, case.background * n * factor.mean(0)),
            evil=evil,
            weight=time[:, None, None] / factor,
            groups=rng.permutation(n_pic * evil.shape[0]).reshape(-1, MEMBERS),
        )

    def calibrate(self, smooth: bool, fill: bool = True) -> xr.Dataset:
        return self.opened.uvis.calibrate(
            smooth=smooth, nan_interp="linear" if fill else None, **self.options
        )

    def records(self) -> Iterator[tuple[str, Record]]:
        ds = self.calibrate(self.case.smooth)
        wl = ds.wl.values
        truth, dark = filled(self.truth, wl), filled(self.dark, wl)
        if self.case.smooth:
            truth, dark = smoothed(truth), smoothed(dark)
            yield "smoothed element", self.record(ds, "radiance", truth, dark)
        else:
            yield "element", self.record(ds, "radiance", truth, dark, ~self.evil)
            if self.evil.any():
                yield "filled element", self.record(ds, "radiance", truth, dark, self.evil)
        low, high = ds.wl_bounds.values.min(), ds.wl_bounds.values.max()
        part = (low + 0.23 * (high - low), low + 0.71 * (high - low))
        for method in ("bins", "trapezoid", "simpson"):
            for extent, wl_range in (("all", None), ("part", part)):
                name = f"integral, {method}, {extent}"
                yield name, self.integral(ds, truth, dark, wl_range, method)
        yield from self.averages(ds, truth, dark, part)
        if not self.case.smooth:
            yield from self.changed_afterwards(ds, truth, dark, part)

    def averages(
        self, ds: xr.Dataset, truth: np.ndarray, dark: np.ndarray, part: tuple[float, float]
    ) -> Iterator[tuple[str, Record]]:
        """Means of groups, their integrals, and means of integrals."""
        pairs = [np.stack(np.unravel_index(group, self.shape), -1) for group in self.groups]
        binned = ds.uvis.bin(pixels=pairs, exclude=())
        weight = self.effective_weight()
        over = integration_weights(ds.wl.values, ds.wl_bounds.values, part, "bins")
        light = binned.uvis.integrate(part)
        for name, label, weights in (
            ("radiance", "mean", np.ones(weight.shape)),
            ("radiance_weighted", "weighted mean", weight),
        ):
            means = self.group_mean(truth, weights), self.group_mean(dark, weights)
            yield f"bin, {label}", self.record(binned, name, *means)
            name = name.replace("radiance", "brightness")
            sums = [_integral(mean, over)[..., None] for mean in means]
            yield f"integral of a bin, {label}", self.record(light, name, *sums)
        light = ds.uvis.integrate(part)
        try:
            binned = light.uvis.bin(pixels=pairs, exclude=())
        except UvisError:
            return
        weights = np.ones((*self.shape, 1))
        sums = [_integral(plane, over)[..., None] for plane in (truth, dark)]
        means = [self.group_mean(total, weights) for total in sums]
        if "brightness" in binned:
            yield "bin of integrals, mean", self.record(binned, "brightness", *means)
        if "brightness_weighted" in binned and not self.case.lines:
            # All members have the same truth, whatever their weights.
            name = "bin of integrals, weighted mean"
            yield name, self.record(binned, "brightness_weighted", *means)

    def changed_afterwards(
        self, ds: xr.Dataset, truth: np.ndarray, dark: np.ndarray, part: tuple[float, float]
    ) -> Iterator[tuple[str, Record]]:
        """The methods `smooth` and `fill_nan`, and the integrals of what they made."""
        later = ds.uvis.smooth()
        light = smoothed(truth), smoothed(dark)
        yield ".smooth()", self.record(later, "radiance", *light)
        yield ".smooth() integral", self.integral(later, *light, part, "bins")
        if self.evil.any():
            later = self.calibrate(smooth=False, fill=False).uvis.fill_nan()
            yield ".fill_nan(), filled", self.record(later, "radiance", truth, dark, self.evil)
            yield ".fill_nan() integral", self.integral(later, truth, dark, part, "bins")

    def integral(
        self,
        ds: xr.Dataset,
        truth: np.ndarray,
        dark: np.ndarray,
        wl_range: tuple[float, float] | None,
        method: Literal["bins", "trapezoid", "simpson"],
    ) -> Record:
        edges = ds.wl_bounds.values
        used = (edges.min(), edges.max()) if wl_range is None else wl_range
        over = integration_weights(ds.wl.values, edges, used, method)
        light = ds.uvis.integrate(wl_range, method=method)
        sums = [_integral(plane, over, wl_range is None)[..., None] for plane in (truth, dark)]
        return self.record(light, "brightness", *sums)

    def record(
        self,
        ds: xr.Dataset,
        name: str,
        truth: np.ndarray,
        dark: np.ndarray,
        where: np.ndarray | None = None,
    ) -> Record:
        """A quantity of a dataset, its truth (pixel, element) or (trial, element)."""
        upper, lower = (ds[f"{name}_{side}"].values.astype(float) for side in ("upper", "lower"))
        if self.case.errors == "beside":
            beside = f"{name}_systematic"
            beside = beside if beside in ds.variables else beside.replace("_weighted", "")
            upper, lower = (np.hypot(side, ds[beside].values) for side in (upper, lower))
        value = ds[name].values.astype(float)
        truth = np.where(where, truth, np.nan) if where is not None else truth
        n = truth.shape[-1]
        whole = (-1, *truth.shape)
        return Record(
            *(array.reshape(-1, n) for array in (value, upper, lower)),
            *(
                np.broadcast_to(plane, value.reshape(whole).shape).reshape(-1, n)
                for plane in (truth, dark)
            ),
        )

    @property
    def shape(self) -> tuple[int, int]:
        return self.weight.shape[:2]

    def effective_weight(self) -> np.ndarray:
        """Exposure times sensitivity, (pic, pixel, wl), after filling and smoothing."""
        factor = np.where(self.evil, np.nan, 1 / self.weight)
        through = np.stack([filled(plane, np.arange(plane.shape[-1])) for plane in factor])
        return 1 / (smoothed(through) if self.case.smooth else through)

    def group_mean(self, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Means over groups of (pixel, element), with weights (pic, pixel, element)."""
        n = truth.shape[-1]
        every = np.broadcast_to(truth, weight.shape).reshape(-1, n)[self.groups]
        weights = np.where(np.isfinite(every), weight.reshape(-1, n)[self.groups], 0)
        with np.errstate(invalid="ignore"):
            return (np.nan_to_num(every) * weights).sum(1) / weights.sum(1)


def _spectrum(ds: xr.Dataset, lines: bool) -> np.ndarray:
    """A spectrum of any unit, (wl,): flat, or three lines as wide as the slit's image on 0.3."""
    wl = ds.wl.values
    if not lines:
        return np.ones(wl.shape)
    width = max(1.2, 1.2 * np.diff(wl).max())
    places = wl[0] + np.ptp(wl) * np.array([0.2, 0.45, 0.8])
    shapes = np.exp(-0.5 * ((wl - places[:, None]) / width) ** 2)
    return 0.3 + np.array([2.0, 5.0, 1.0]) @ shapes


def filled(spectra: np.ndarray, wl: np.ndarray) -> np.ndarray:
    """Straight lines over the NaN of each spectrum (row, wl), nothing beyond its ends."""
    out = np.array(spectra, float)
    for row in out:
        known = np.isfinite(row)
        if known.any():
            row[:] = np.interp(wl, wl[known], row[known], left=np.nan, right=np.nan)
    return out


def smoothed(spectra: np.ndarray) -> np.ndarray:
    """Weights 1 4 6 4 1 over stretches of finite elements, scaled to 1 at their ends."""
    n = spectra.shape[-1]
    known = np.isfinite(spectra)
    total, weights = np.zeros(spectra.shape), np.zeros(spectra.shape)
    for side in (-1, 1):
        reach = known.copy()
        for step, weight in enumerate((3, 4, 1)):
            # The middle weight, 6, comes half from each side.
            there = np.arange(n) + side * step
            inside = (there >= 0) & (there < n)
            there = np.clip(there, 0, n - 1)
            reach = reach & inside & known[..., there]
            total += weight * np.where(reach, spectra[..., there], 0)
            weights += weight * reach
    return np.where(known, total / np.where(known, weights, 1), np.nan)


def integration_weights(
    wl: np.ndarray,
    edges: np.ndarray,
    wl_range: tuple[float, float],
    method: Literal["bins", "trapezoid", "simpson"],
) -> np.ndarray:
    """Weights (wl,) of an integral: of each unit spectrum by Gauss-Legendre between the knots.

    "simpson" is the mean of the two parabolas through three neighbours that each interval lies in.
    """
    low, high = wl_range
    if method == "bins":
        return np.clip(np.minimum(edges[:, 1], high) - np.maximum(edges[:, 0], low), 0, None)
    knots = np.unique(np.clip(np.concatenate([[low, high], wl]), low, high))
    nodes, shares = np.polynomial.legendre.leggauss(3)
    weights = np.zeros(wl.size)
    for a, b in pairwise(knots):
        for x, share in zip((a + b + nodes * (b - a)) / 2, shares * (b - a) / 2, strict=True):
            for place, height in _between(wl, x, 2 if method == "trapezoid" else 3):
                weights[place] += share * height
    return weights


def _between(wl: np.ndarray, x: float, points: int) -> Iterable[tuple[int, float]]:
    """Elements and their weights in the spectrum at `x`, by polynomials through some neighbours."""
    if not wl[0] < x < wl[-1]:
        return [(0 if x <= wl[0] else wl.size - 1, 1.0)]
    left = int(np.searchsorted(wl, x)) - 1
    starts = [s for s in range(left + 2 - points, left + 1) if s >= 0 and s + points <= wl.size]
    found = []
    for start in starts:
        places = range(start, start + points)
        for i in places:
            others = [j for j in places if j != i]
            height = np.prod([(x - wl[j]) / (wl[i] - wl[j]) for j in others])
            found.append((i, float(height) / len(starts)))
    return found


def _integral(spectra: np.ndarray, over: np.ndarray, bare: bool = False) -> np.ndarray:
    """Weighted sums of spectra; without a range, those before and after the known are left out."""
    return (
        np.where(np.isfinite(spectra), spectra, 0.0 if bare else np.nan)[..., over != 0]
        @ over[over != 0]
    )
