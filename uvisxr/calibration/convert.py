"""Counts to radiances, on plain arrays, block by block of exposures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics.along_wl import FillPlan, Interpolation, SmoothingPlan
from ..numerics.poisson import MISSING, Interval, as_counts, variance_tables

#: Elements worked on at once: a few arrays of them fit in a processor's cache.
_BLOCK = 2**16


@dataclass(frozen=True, eq=False)
class Recovery:
    """All that turns the counts of any exposure into radiances.

    Attributes
    ----------
    sensitivity, sensitivity_error : ndarray, (term, pixel, wl)
        (count/s)/(kR/angstrom).
    n : ndarray, (pixel, wl)
        Detector pixels in each element.
    background, background_error : float
        count/s per detector pixel.
    interval : {"garwood", "score"}
    quantization : bool
        Whether counts went through the SQRT_9 compression and its error is wanted.
    total : bool
        Whether the errors hold the background's and the calibration's.
    fill : {"linear", "pchip"} or None
        How elements without a sensitivity are filled along wl.
    smoothing : tuple of float or None
        Weights of the smoothing along wl.
    wl : ndarray, (wl,)
    """

    sensitivity: np.ndarray
    sensitivity_error: np.ndarray
    n: np.ndarray
    background: float
    background_error: float
    interval: Interval
    quantization: bool
    total: bool
    fill: Interpolation | None
    smoothing: tuple[float, ...] | None
    wl: np.ndarray

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the arrays that a call returns first."""
        names = ("radiance", "radiance_upper", "radiance_lower")
        return names if self.total else (*names, "radiance_systematic")

    def __call__(
        self, counts: np.ndarray, weight: np.ndarray, exposure: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Radiances of some exposures.

        Parameters
        ----------
        counts : ndarray, (pic, pixel, wl)
            65535 (or NaN) is missing.
        weight : ndarray, (pic, term)
            Weights of the sensitivity terms.
        exposure : ndarray, (pic,)
            Integration time, s.

        Returns
        -------
        *outputs : ndarray of float32, (pic, pixel, wl)
            kR/angstrom: the radiance, its upper and lower half-widths and, unless these hold it,
            its systematic error, as `outputs` names them.
        missing : ndarray of bool, (pic, pixel)
            Spectra with missing counts.
        """
        outputs = tuple(np.empty(counts.shape, np.float32) for _ in self.outputs)
        missing = np.zeros(counts.shape[:2], bool)
        if not counts.size:
            return *outputs, missing
        valid = valid_elements(self.sensitivity)
        plan = FillPlan.of(~valid, self.wl, self.fill) if self.fill else None
        filled = valid.copy()
        if plan:
            filled.reshape(-1)[plan.hole] = True
        smoothing = self._smoothing_plan(filled)
        step = max(1, _BLOCK // counts[0].size)
        for start in range(0, counts.shape[0], step):
            block = slice(start, start + step)
            # Selections may be laid out in another order, which arithmetic would keep.
            raw = np.ascontiguousarray(as_counts(counts[block]))
            lost = raw == MISSING
            missing[block] = lost.any(-1)
            planes = self._planes(raw, weight[block], exposure[block])
            for k in range(raw.shape[0]):
                here = tuple(plane[k] for plane in planes)
                out = tuple(output[start + k] for output in outputs)
                has_lost = missing[start + k].any()
                for plane in here:
                    if has_lost:
                        plane[lost[k]] = np.nan
                    if plan:
                        plan.apply(plane)
                if has_lost:
                    _store(here, self._smoothing_plan(np.isfinite(here[0])), out)
                else:
                    _store(here, smoothing, out)
        return *outputs, missing

    def _smoothing_plan(self, valid: np.ndarray) -> SmoothingPlan | None:
        return SmoothingPlan.of(valid, np.array(self.smoothing)) if self.smoothing else None

    def _planes(
        self, raw: np.ndarray, weight: np.ndarray, exposure: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Radiance, the variances above and below it, and the systematic error beside them.

        They are neither filled nor smoothed yet.
        """
        factor, relative = inverse(weight, self.sensitivity, self.sensitivity_error)
        time = exposure[:, None, None]
        radiance = raw / time
        if self.background:
            radiance -= self.background * self.n
        radiance *= factor
        # Arrays are written over, the factor by its square, so that a block stays in the cache.
        factor *= factor
        per_count = factor / time**2
        upper, lower = (
            table.take(raw, mode="clip")
            for table in variance_tables(self.interval, self.quantization)
        )
        upper *= per_count
        lower *= per_count
        common = relative
        common *= radiance
        common *= common
        if self.background_error:
            common += factor * (self.background_error * self.n) ** 2
        if not self.total:
            return radiance, upper, lower, np.sqrt(common, out=common)
        upper += common
        lower += common
        return radiance, upper, lower


def _store(
    planes: tuple[np.ndarray, ...], smoothing: SmoothingPlan | None, outputs: tuple[np.ndarray, ...]
) -> None:
    """Write one exposure's radiance, half-widths and systematic error."""
    if smoothing is not None:
        # Independent errors add in quadrature, the common one as it is.
        squared = (False, True, True, False)
        planes = tuple(smoothing.apply(p, q) for p, q in zip(planes, squared, strict=False))
    value, upper, lower, *common = planes
    outputs[0][...] = value
    np.sqrt(upper, out=outputs[1], casting="same_kind")
    np.sqrt(lower, out=outputs[2], casting="same_kind")
    if common:
        outputs[3][...] = common[0]


def valid_elements(sensitivity: np.ndarray) -> np.ndarray:
    """Elements (pixel, wl) that have a sensitivity in every term (term, pixel, wl)."""
    return np.asarray(np.isfinite(sensitivity).all(0) & (sensitivity > 0).any(0))


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
    s: np.ndarray = np.tensordot(weight, sensitivity, axes=1)
    relative: np.ndarray = np.tensordot(weight, error, axes=1)
    # A NaN compares as False and is set again.
    s[~(s > 0)] = np.nan
    factor: np.ndarray = np.reciprocal(s, out=s)
    relative *= factor
    return factor, relative
