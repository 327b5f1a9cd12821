"""Means over the cells of a grid, with their errors.

A pixel's value is spread evenly over its footprint. With the area a that footprint i shares with
cell c and the weight w of the pixel, the value of the cell is

    V_c = sum_i W_ic v_i,    W_ic = w_i a_ic / sum_j w_j a_jc.

With equal weights, the sum over cells of V_c sum_i a_ic is that over pixels of v_i times the area
of their footprints: no light is lost or gained. Errors are those of weighted sums of counts
(`uvisxr.numerics.weighted_sums`). As a pixel lies in several cells, these are not independent: the
correlation of a cell is the sum of its covariances with all cells, each weighted by its area, over
its own area and variance, so that the sum of a region's squares of area and error times the
correlation is the variance of the region's sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..numerics import sphere, weighted_sums
from ..numerics.overlaps import Overlaps, overlaps
from .grids import Grid

#: Pairs of footprint and cell that are kept for a second pass; more are worked out again.
_KEPT = 2**22

#: Least share of a cell that a footprint covers to count as a look.
_LOOK = 1e-6


@dataclass(frozen=True, eq=False)
class Pixels:
    """What is known of pixels, each (n,).

    Attributes
    ----------
    value, weight : ndarray
    upper, lower : ndarray, optional
        Statistical half-widths.
    systematic, background : ndarray, optional
        Common error, and the part of it that does not go as the value.
    """

    value: np.ndarray
    weight: np.ndarray
    upper: np.ndarray | None = None
    lower: np.ndarray | None = None
    systematic: np.ndarray | None = None
    background: np.ndarray | None = None


class Looks:
    """Overlaps of polygons with the cells of a map, areas in km2; kept if they are not many.

    Parameters
    ----------
    grid : Grid
    polygons : ndarray, (n, k, 2)
        In cells.
    """

    def __init__(self, grid: Grid, polygons: np.ndarray) -> None:
        self.grid, self.polygons = grid, polygons
        self._kept: list[Overlaps] | None = []

    def __iter__(self) -> Iterator[Overlaps]:
        if self._kept:
            yield from self._kept
            return
        area, found, number = self.grid.area.ravel(), [], 0
        inside = None if self.grid.inside is None else self.grid.inside.ravel()
        for part in overlaps(self.polygons, self.grid.shape, self.grid.wraps):
            if inside is not None:
                part = Overlaps(*(one[inside[part.cell]] for one in part))
            scaled = part._replace(area=part.area * area[part.cell])
            number += scaled.cell.size
            if number <= _KEPT:
                found.append(scaled)
            yield scaled
        self._kept = found if number <= _KEPT else None


class _Sums:
    """Sums over the cells of what footprints have there."""

    def __init__(self, grid: Grid) -> None:
        self._shape, self._size = grid.shape, grid.area.size
        self._sums: dict[str, np.ndarray] = {}

    def add(self, name: str, cell: np.ndarray, values: np.ndarray | None) -> None:
        found = np.bincount(cell, values, self._size)
        self._sums[name] = self._sums[name] + found if name in self._sums else found

    def __getitem__(self, name: str) -> np.ndarray:
        found = self._sums.get(name)
        return np.zeros(self._shape) if found is None else found.reshape(self._shape)


def mapped(looks: Looks, pixels: Pixels) -> dict[str, np.ndarray]:
    """The means, `value`, and what is known of them, each (rows, columns).

    `spectra`, the number of footprints in each cell; `footprints`, the sum of the shares of the
    cell that they cover. If pixels have them, the half-widths `upper` and `lower`, the
    `correlation`, and `systematic`.
    """
    sums = _Sums(looks.grid)
    counted = scale = None
    if pixels.upper is not None and pixels.lower is not None:
        counted, scale = weighted_sums.counted(pixels.upper, pixels.lower)
    common = _common(pixels)
    area = looks.grid.area
    for index, cell, shared in looks:
        weight = pixels.weight[index] * shared
        sums.add("area", cell, shared)
        sums.add("weight", cell, weight)
        sums.add("value", cell, weight * pixels.value[index])
        sums.add("spectra", cell, (shared > _LOOK * area.ravel()[cell]).astype(float))
        for name, part in common.items():
            sums.add(name, cell, weight * part[index])
        if counted is not None and scale is not None:
            scaled = weight * scale[index]
            sums.add("counted", cell, weight * counted[index])
            sums.add("variance", cell, weight * scaled * counted[index])
            sums.add("scale", cell, scaled)
            sums.add("squares", cell, scaled * scaled)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = np.where(sums["weight"] > 0, sums["weight"], np.nan)
        found = {
            "value": sums["value"] / whole,
            "spectra": sums["spectra"].astype(np.int32),
            "footprints": sums["area"] / area,
        }
        if common:
            found["systematic"] = np.hypot(sums["calibration"], sums["background"]) / whole
        if counted is not None and scale is not None:
            given = sums["counted"], sums["variance"], sums["squares"] / sums["scale"]
            found["upper"], found["lower"] = (b / whole for b in weighted_sums.bounds(*given))
            variances = counted * scale
            covariances = _covariances(looks, pixels.weight, variances, whole)
            found["correlation"] = covariances * whole**2 / (sums["variance"] * area)
    return found


def _common(pixels: Pixels) -> dict[str, np.ndarray]:
    """The parts of the common error, with the sign by which they add up."""
    if pixels.systematic is None:
        return {}
    given = pixels.systematic, pixels.background, pixels.value
    parts = {"calibration": weighted_sums.calibration_part(*given)}
    return parts if pixels.background is None else parts | {"background": pixels.background}


def _covariances(
    looks: Looks, weight: np.ndarray, variance: np.ndarray, whole: np.ndarray
) -> np.ndarray:
    """Sums over all cells of their areas times the covariances with each cell."""
    density = (looks.grid.area / whole).ravel()
    # What each pixel adds to the sum of all cells' values times areas.
    reach = np.zeros(variance.size)
    for index, cell, shared in looks:
        reach += np.bincount(index, weight[index] * shared * density[cell], variance.size)
    sums = _Sums(looks.grid)
    for index, cell, shared in looks:
        sums.add("all", cell, weight[index] * shared * (variance * reach)[index])
    return np.asarray(sums["all"] / whole)


def averaged(
    looks: Looks, weight: np.ndarray, fields: Mapping[str, tuple[np.ndarray, float | None]]
) -> dict[str, np.ndarray]:
    """Means of fields (n,) over the cells, each (rows, columns); of some on a circle.

    What is not known of a footprint, NaN, is left out.
    """
    sums = _Sums(looks.grid)
    parts: dict[str, list[np.ndarray]] = {}
    known = {name: np.isfinite(values) for name, (values, _) in fields.items()}
    some_unknown = {name for name, there in known.items() if not there.all()}
    for name, (values, period) in fields.items():
        values = np.where(known[name], values, 0.0) if name in some_unknown else values
        angle = values * (2 * np.pi / (period or 1.0))
        parts[name] = [values] if period is None else [np.cos(angle), np.sin(angle)]
    for index, cell, shared in looks:
        weights = weight[index] * shared
        sums.add("weight", cell, weights)
        for name, some in parts.items():
            own = weights
            if name in some_unknown:
                own = weights * known[name][index]
                sums.add(f"{name} weight", cell, own)
            for number, part in enumerate(some):
                sums.add(f"{name}{number}", cell, own * part[index])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {}
        for name, (_, period) in fields.items():
            total = sums[f"{name} weight" if name in some_unknown else "weight"]
            whole = np.where(total > 0, total, np.nan)
            first = sums[f"{name}0"] / whole
            if period is not None:
                angle = np.arctan2(sums[f"{name}1"] / whole, first)
                first = sphere.wrap(angle * (period / (2 * np.pi)), period)
            found[name] = first
    return found
