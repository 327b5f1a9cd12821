"""Sum neighbouring exposures, rows and columns, as the instrument does on board."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from . import checks
from .dataset import conventions, history, products, setups
from .dataset.bits import QUALITY_FLAGS, QualityFlag
from .dataset.conventions import SUMMED, SUMMED_EXPOSURES
from .dataset.fields import FIELDS, ROWS
from .errors import ArgumentError, UvisError
from .instrument.detector import Bins
from .numerics import merging
from .quality import losses
from .quality.levels import lower_bound
from .timescales import et_to_utc

_DIMS = ("pic", "pixel", "wl")

#: Exposures further apart in time than this do not follow one another, s: times in labels are to
#: the millisecond.
_APART = 2e-3

#: Coordinates that are those of the first of a group.
_FIRST = ("pic", "time_start", "sclk", "product", "setup", "line", "band")

#: Variables that are made anew of what a group spans.
_SPANNED = (
    *("counts", "quality", "pixel", "wl", "wl_bounds"),
    *("time", "time_stop", "et", "exposure"),
)

#: How the names of the variables begin that a step adds.
_OF_STEPS = {
    "predict_stars": ("star_",),
    "calibrate": ("radiance", "calibration_error", "evil", "sensitivity"),
    "calibration_factor": ("calibration_factor",),
    "integrate": ("brightness",),
    "rate": ("rate",),
}


@history.step("rebin")
def rebin(ds: xr.Dataset, pic: int = 1, pixel: int = 1, wl: int = 1) -> xr.Dataset:
    """Sum the counts of neighbouring exposures, rows and columns, as if binned so on board.

    What comes is like a product with longer exposures and a larger `line_bin` and `band_bin`: all
    later steps are right for it, the treatment of evil pixels included. Take it before geometry and
    calibration; to average radiances, use `bin`.

    Parameters
    ----------
    ds : Dataset
        As opened, or after `background`, `flag` and other steps that do not belong to single
        elements; after `geometry` only to merge along `wl`.
    pic : int
        Exposures in each of the new ones. A group ends with its product, and where exposures do not
        follow one another: it then holds fewer.
    pixel, wl : int
        Pixels along the slit, and spectral elements, in each of the new ones, from the first one of
        the dataset on. The last may hold fewer; more than there are mean all.

    Returns
    -------
    Dataset
        `counts` are sums, uint32, missing (4294967295) where one of the counts is; `exposure` too.
        Times are those of the whole, `pic`, `line` and `band` those of the first element, `wl` the
        mean of the dataset's by columns, `wl_bounds` their outer edges; the attributes `line_bin`,
        `band_bin` and the window's corners follow. `pixel` counts from 0 where it is merged. The
        attribute `summed` says how many transmitted counts the fullest ones hold, for the rounding
        of SQRT_9, and `summed_exposures` how many exposures, for maps.

        `quality`, where spectra are merged: `lost` where all are lost and `partial` where some are
        lost or partial, by their flags or their counts (as in `background`; of FUV data without it,
        with the level of their date); `star` and `user` where any spectrum has them, `dark_line`
        where all have it. Lazy where `counts` are dask arrays.

    Raises
    ------
    ArgumentError
        A number is not positive; rows or columns are missing between others or in another order; no
        two exposures follow one another; or the counts are negative or not whole.
    UvisError
        The dataset holds what belongs to its elements as they are: a geometry, radiances, or
        variables of your own.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.rebin(pic=4, pixel=2, wl=32)
    >>> dict(ds.counts.sizes), ds.attrs["band_bin"], float(ds.exposure[0])
    ({'pic': 3, 'pixel': 30, 'wl': 32}, 32, 960.0)
    >>> ds = ds.uvis.geometry(kernels=made.kernels).uvis.calibrate(files=made.calibration)
    >>> ds.radiance.dims
    ('pic', 'pixel', 'wl')
    """
    factors = {
        name: min(checks.whole(name, value, 1, what="how many to merge"), 2**31)
        for name, value in (("pic", pic), ("pixel", pixel), ("wl", wl))
    }
    pic, pixel, wl = factors.values()
    merged = [dim for dim, factor in factors.items() if factor > 1]
    if not merged:
        return ds.copy(deep=False)
    _check_variables(ds, merged)
    bins = Bins.of(ds)
    groups = _Groups(
        _exposures(ds, pic),
        _neighbours("pixel", bins.line, bins.n_line, pixel),
        _neighbours("wl", bins.band, bins.n_band, wl),
    )
    counts = groups.counts(ds["counts"].variable)
    changed: dict[str, Any] = {"counts": counts}
    for name in _FIRST:
        if name in ds.variables:
            variable = ds.variables[name]
            changed[name] = variable.isel({d: groups.of(d) for d in merged if d in variable.dims})
    if pixel > 1:
        changed["pixel"] = ("pixel", np.arange(groups.pixel.size))
    if pic > 1:
        changed |= _times(ds, groups.pic)
    if wl > 1:
        changed |= _wavelengths(ds, bins.n_band, groups.wl)
    if pic > 1 or pixel > 1:
        # Of a sum nobody could tell any more.
        quality = groups.quality(losses.flags(ds, lower_bound(ds)).variable)
        if quality.chunks is not None:
            quality = quality.chunk({d: counts.chunksizes[d] for d in quality.dims})
        changed["quality"] = quality
    variables = dict(ds.variables) | changed
    data = {name: variables.pop(name) for name in ds.data_vars}
    attrs = ds.attrs | _attributes(ds, bins, groups)
    if "setup" in variables or "described_setup" in attrs:
        # With what the light came in through, also where its attribute is lost.
        number = setups.number({"optics": setups.optics(ds), **attrs})
        if "setup" in variables:
            variables["setup"] = xr.full_like(variables["setup"], number)
        if "described_setup" in attrs:
            attrs["described_setup"] = number
    return conventions.apply(xr.Dataset(data, variables, attrs))


@dataclass(frozen=True, eq=False)
class _Groups:
    """Where the groups along each dimension begin."""

    pic: np.ndarray
    pixel: np.ndarray
    wl: np.ndarray

    def of(self, dim: str) -> np.ndarray:
        """Those along one dimension."""
        return np.asarray(getattr(self, dim))

    def largest(self, dim: str, size: int) -> int:
        """How many the fullest of them holds along a dimension of that size."""
        return int(np.diff(self.of(dim), append=size).max())

    def counts(self, counts: xr.Variable) -> xr.Variable:
        """Sums of counts; lazy where they are."""
        there = counts.dims
        counts = counts.transpose(*_DIMS)
        if counts.chunks is None:
            return xr.Variable(
                _DIMS, merging.sums(counts.values, (self.pic, self.pixel, self.wl))
            ).transpose(*there)
        import dask.array as da

        array = counts.chunk(pixel=-1, wl=-1).data
        blocks = np.cumsum((0, *array.chunks[0]))
        # Whole groups: each of those that begin in a block, with what lies in the next.
        at = np.searchsorted(self.pic, blocks)
        ends = np.append(self.pic, array.shape[0])
        parts = []
        for first, last in itertools.pairwise(at):
            if first == last:
                continue
            begin = ends[first]
            part = array[begin : ends[last]].rechunk({0: -1})
            sizes = [(n,) for n in (last - first, self.pixel.size, self.wl.size)]
            starts = (self.pic[first:last] - begin, self.pixel, self.wl)
            meta = np.empty((0, 0, 0), np.uint32)
            parts.append(da.map_blocks(merging.sums, part, starts, chunks=sizes, meta=meta))
        return xr.Variable(_DIMS, da.concatenate(parts)).transpose(*there)

    def quality(self, quality: xr.Variable) -> xr.Variable:
        """Flags of the new spectra; lazy where they are."""
        there = quality.dims
        found: xr.Variable = xr.apply_ufunc(
            self._flags,
            quality,
            input_core_dims=[["pic", "pixel"]],
            output_core_dims=[["pic_", "pixel_"]],
            dask="parallelized",
            dask_gufunc_kwargs={
                "output_sizes": {"pic_": self.pic.size, "pixel_": self.pixel.size},
                "allow_rechunk": True,
            },
            output_dtypes=[np.uint8],
        )
        return xr.Variable(("pic", "pixel"), found.data).transpose(*there)

    def _flags(self, flags: np.ndarray) -> np.ndarray:
        starts = (self.pic, self.pixel)
        lost, partial, star, dark, user = (
            (flags & np.uint8(bit)) > 0 for bit in QUALITY_FLAGS.values()
        )
        all_lost = merging.all_of(lost, starts)
        found: dict[QualityFlag, np.ndarray] = {
            "lost": all_lost,
            "partial": merging.any_of(lost | partial, starts) & ~all_lost,
            "star": merging.any_of(star, starts),
            "dark_line": merging.all_of(dark, starts),
            "user": merging.any_of(user, starts),
        }
        bits = [np.where(on, QUALITY_FLAGS[name], 0) for name, on in found.items()]
        return np.asarray(np.sum(bits, axis=0, dtype=np.uint8))


def _check_variables(ds: xr.Dataset, merged: list[str]) -> None:
    """Refuse variables along merged dimensions of which no sum can be made."""
    touched = [str(n) for n, v in ds.variables.items() if set(merged) & set(v.dims)]
    foreign = [name for name in touched if name not in (*_FIRST, *_SPANNED)]
    steps = {
        step: [name for name in foreign if name.startswith(names)]
        for step, names in _OF_STEPS.items()
    }
    of_geometry = {*FIELDS, *ROWS, "geometry_et", "geometry_time", "geometry_setup"}
    steps["geometry"] = [n for n in foreign if n.removesuffix("_corners") in of_geometry]
    other = {
        "geometry": ", or merge along wl alone",
        "calibrate": ", or average the radiances with ds.uvis.bin",
    }
    for step, found in steps.items():
        if found:
            some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
            raise UvisError(
                f"rebin: the dataset holds {some}, which are of its elements as they are: call "
                f"rebin before {step}{other.get(step, '')}"
            )
    if foreign:
        raise UvisError(
            f"rebin: what becomes of {', '.join(foreign)} is not known: leave it out with "
            f"ds.drop_vars({foreign!r}), and add it again as it should be"
        )


def _exposures(ds: xr.Dataset, factor: int) -> np.ndarray:
    """Where groups of exposures begin that follow one another in a product."""
    size = ds.sizes["pic"]
    if factor == 1 or size < 2:
        return np.arange(size)
    et, exposure = (np.broadcast_to(ds[name].values, size) for name in ("et", "exposure"))
    apart = np.abs(np.diff(et) - (exposure[1:] + exposure[:-1]) / 2) > _APART
    product = products.numbers(ds)
    breaks = np.flatnonzero(apart | (product[1:] != product[:-1])) + 1
    starts = merging.group_starts(size, factor, breaks)
    if starts.size == size:
        raise ArgumentError(
            f"pic={factor}: no two of the {size} exposures follow one another in time within a "
            "product: rebin before you select, or average spectra with ds.uvis.bin"
        )
    return starts


def _neighbours(dim: str, first: np.ndarray, count: np.ndarray, factor: int) -> np.ndarray:
    """Where groups of rows or columns begin, which must follow one another."""
    if factor > 1 and (first[1:] != first[:-1] + count[:-1]).any():
        at = int(np.argmax(first[1:] != first[:-1] + count[:-1]))
        what = "rows" if dim == "pixel" else "columns"
        raise ArgumentError(
            f"{dim}={factor}: after the detector's {what} {first[at]}..{first[at] + count[at] - 1} "
            f"come those from {first[at + 1]} on: rebin before you select or sort"
        )
    return merging.group_starts(first.size, factor)


def _attributes(ds: xr.Dataset, bins: Bins, groups: _Groups) -> dict[str, int]:
    """Attributes of the new window, and how many counts are in each."""
    merged = {dim: groups.largest(dim, ds.sizes[dim]) for dim in _DIMS}
    attrs = {SUMMED: int(ds.attrs.get(SUMMED, 1)) * math.prod(merged.values())}
    if merged["pic"] > 1:
        attrs[SUMMED_EXPOSURES] = int(ds.attrs.get(SUMMED_EXPOSURES, 1)) * merged["pic"]
    for dim, axis, start, count in (
        ("pixel", "line", bins.line, bins.n_line),
        ("wl", "band", bins.band, bins.n_band),
    ):
        if merged[dim] > 1:
            attrs |= {
                f"ul_{axis}": int(start[0]),
                f"lr_{axis}": int(start[-1] + count[-1] - 1),
                f"{axis}_bin": int(ds.attrs[f"{axis}_bin"]) * merged[dim],
            }
    return attrs


def _wavelengths(ds: xr.Dataset, columns: np.ndarray, starts: np.ndarray) -> dict[str, xr.Variable]:
    """Wavelengths of groups of elements that hold some columns each (wl,), and their edges."""
    found = {}
    if "wl" in ds.variables:
        total = np.add.reduceat(ds["wl"].values * columns, starts)
        found["wl"] = xr.Variable("wl", total / np.add.reduceat(columns, starts))
    if "wl_bounds" in ds.variables:
        edges = ds.variables["wl_bounds"]
        (side,) = (dim for dim in edges.dims if dim != "wl")
        # Either end may come first.
        edges = edges.copy(data=np.sort(edges.values, axis=edges.get_axis_num(side)))
        last = np.append(starts[1:], columns.size) - 1
        outer = [edges.isel({"wl": at, side: k}) for k, at in ((0, starts), (-1, last))]
        found["wl_bounds"] = xr.Variable.concat(outer, side).transpose(*edges.dims)
    return found


def _times(ds: xr.Dataset, starts: np.ndarray) -> dict[str, tuple[str, np.ndarray]]:
    """Times of groups of exposures that follow one another, and how long they are, (pic,)."""
    size = ds.sizes["pic"]
    et, exposure = (np.broadcast_to(ds[name].values, size) for name in ("et", "exposure"))
    seconds = np.add.reduceat(exposure, starts)
    found = {"et": (et - exposure / 2)[starts] + seconds / 2, "exposure": seconds}
    if "time_stop" in ds.variables:
        found["time_stop"] = ds["time_stop"].values[[*(starts[1:] - 1), size - 1]]
    if "time" in ds.variables:
        # Not from time_start, which a leap second shares with the second after it.
        found["time"] = et_to_utc(found["et"])
    return {name: ("pic", values) for name, values in found.items()}
