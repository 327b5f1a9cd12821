"""Spectra lost in the telemetry, whole or in part.

What the telemetry loses is filled with zeros, so a loss shows as missing counts where there must be
some. Each test therefore asks how probable the zeros are: short exposures of a faint sky contain
genuinely empty spectra, which must stay in the mean.

Missing values are losses too, except for those that no exposure of a product or of the dataset has,
or no row of a single exposure: some products lack the last bin of a window that the bins do not
divide evenly. Those flag nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from ..dataset import products
from ..dataset.bits import QUALITY_FLAGS
from ..dataset.lazy import apart
from ..instrument.detector import Bins
from ..numerics import poisson, zero_runs
from .flags import DIMS, flags_of
from .levels import lower_bound

#: Columns around Lyman-alpha on the FUV detector: interplanetary hydrogen illuminates them in every
#: direction.
LYMAN_ALPHA = (122, 137)

#: Probability below which zeros count as a loss.
FALSE_POSITIVES = 1e-4


def unsent(ds: xr.Dataset) -> tuple[xr.Variable, np.ndarray]:
    """What all exposures of a product, or of the dataset, lack: it was never to be transmitted.

    Of a single exposure, it is what none of the rows has that the slit lights, and a last row of
    fewer detector rows than the others if no wavelength has it. Of a single row, it is a window's
    last wavelength bin. Where everything is missing, it is lost.

    Parameters
    ----------
    ds : Dataset
        With `counts`; a dimension that a selection has dropped has size 1 in the result.

    Returns
    -------
    unsent : Variable of bool, (product_, pixel, wl)
        Lazy where the counts are.
    product : ndarray of int, (pic,)
        Product of each exposure.
    """
    missing, product, bins = _missing(ds), products.numbers(ds), Bins.of(ds)
    last = xr.Variable("wl", bins.band + bins.n_band > ds.attrs["lr_band"])
    cut = xr.Variable("pixel", bins.n_line < ds.attrs["line_bin"])
    lit = np.flatnonzero(bins.lit_lines > 0)
    # Selections of what a product never sends are wholly missing for good reason.
    by_nature = bool(last.all() or cut.all())

    def never(part: xr.Variable) -> xr.Variable:
        if part.sizes["pic"] > 1:
            found = part.all("pic")
        else:
            column = part.isel(pixel=lit).all(DIMS) if lit.size > 1 else part.all(DIMS) & last
            found = (part.all(("pic", "wl")) & cut) | column
        if not by_nature:
            found = found & ~part.all()
        return found

    several = missing.sizes["pic"] > 1
    nowhere = never(missing) if several else xr.Variable((), np.False_)
    found = []
    for number in range(product.max(initial=-1) + 1):
        part = missing.isel(pic=np.flatnonzero(product == number))
        found.append(nowhere | never(part) if part.sizes["pic"] == 1 else never(part))
    return xr.Variable.concat(found, "product_"), product


def flags_of_missing(ds: xr.Dataset) -> xr.Variable:
    """The flags that missing values alone give: lost of all that the product has, or partial.

    Parameters
    ----------
    ds : Dataset
        As in `unsent`.

    Returns
    -------
    Variable of uint8, (pic, pixel)
        Lazy where the counts are.
    """
    sizes = {dim: ds.sizes.get(dim, 1) for dim in DIMS}
    data = ds["counts"].variable.data
    if not sizes["pic"] or (isinstance(data, np.ndarray) and not poisson.any_missing(data)):
        return xr.Variable(DIMS, np.zeros(tuple(sizes.values()), np.uint8))
    missing = _missing(ds)
    some, whole = (np.uint8(QUALITY_FLAGS[name]) for name in ("partial", "lost"))

    def flags(missing: xr.Variable, never: xr.Variable) -> xr.Variable:
        number, sent = _lacking(missing, never), (~never).sum("wl")
        found: xr.Variable = (number > 0) * xr.where(number < sent, some, whole)
        return found.astype(np.uint8)

    return _by_product(flags, missing, *unsent(ds))


def found(ds: xr.Dataset) -> xr.Variable:
    """The flags of lost and partial spectra that a dataset's counts give before a reduction.

    With a background, `uvisxr.background` has found all others, and these are `flags_of_missing`;
    without, those of `flags` are among them, by the level of the date (`levels.lower_bound`).

    Parameters
    ----------
    ds : Dataset
        As in `unsent`.

    Returns
    -------
    Variable of uint8, (pic, pixel)
        Lazy where the counts are.
    """
    missing = flags_of_missing(ds)
    if "background" in ds.variables or not ds.sizes.get("pic", 1):
        return missing
    # Of all other variables a selection may have dropped the dimensions too.
    framed = ds["counts"].variable.set_dims({d: ds.sizes.get(d, 1) for d in (*DIMS, "wl")})
    others = ("exposure", "product", "band", "line")
    kept = {name: ds.variables[name] for name in others if name in ds.variables}
    whole = xr.Dataset({"counts": framed} | kept, attrs=ds.attrs)
    level = lower_bound(ds)
    lost: xr.Variable = flags(whole, level, features(whole, runs=level > 0)).variable
    return lost | missing


def _lacking(missing: xr.Variable, never: xr.Variable) -> xr.Variable:
    """How many values spectra lack that were to be sent, int (pic, pixel)."""
    number: xr.Variable
    if missing.sizes["pic"] > 1:
        # All exposures lack what is never sent: none has to wait in memory until that is known.
        number = missing.sum("wl") - never.sum("wl")
    else:
        number = (missing & ~never).sum("wl")
    return number


def _by_product(
    function: Callable[[xr.Variable, xr.Variable], xr.Variable],
    missing: xr.Variable,
    never: xr.Variable,
    product: np.ndarray,
) -> xr.Variable:
    """What a function makes of each product's missing values, and those it never sends."""
    exposures = [np.flatnonzero(product == number) for number in range(product.max() + 1)]
    found = [
        function(missing.isel(pic=here), never.isel(product_=number))
        for number, here in enumerate(exposures)
    ]
    joined: xr.Variable = xr.Variable.concat(found, "pic")
    in_order: xr.Variable = joined.isel(pic=np.argsort(np.concatenate(exposures)))
    return in_order


def _missing(ds: xr.Dataset) -> xr.Variable:
    sizes = {dim: ds.sizes.get(dim, 1) for dim in (*DIMS, "wl")}
    counts = ds["counts"].variable.set_dims(sizes).transpose(*sizes)
    missing: xr.Variable = poisson.missing(apart(counts, "sums"))
    return missing


def _features(counts: np.ndarray, lyman: np.ndarray, runs: bool) -> np.ndarray:
    """(total, Lyman-alpha count, longest run of zeros, missing values) of spectra (..., wl).

    No run is found, and none is longer than 0, unless `runs`.
    """
    counts = poisson.as_counts(counts)
    number = longest = np.zeros(counts.shape[:-1], np.int64)
    missing = np.False_
    if poisson.any_missing(counts):
        missing = poisson.missing(counts)
        counts = np.where(missing, 0, counts)
        number = missing.sum(-1)
    if runs:
        hits = ((counts > 0) | missing).reshape(-1, counts.shape[-1])
        longest = zero_runs.Runs(hits).longest().reshape(counts.shape[:-1])
    total = counts.sum(-1, dtype=np.int64)
    return np.stack([total, counts[..., lyman].sum(-1, dtype=np.int64), longest, number], axis=-1)


def features(ds: xr.Dataset, runs: bool = True) -> xr.DataArray:
    """Reduce counts to what the tests need, int64 (pic, pixel, feature), block by block.

    Those of `_features`, how many values are missing that the product has, and how many elements at
    Lyman-alpha it has.
    Without `runs`, runs of zeros are not looked for.
    Lazy where the counts are.
    """
    bins = Bins.of(ds)
    first, last = LYMAN_ALPHA
    touching = (bins.band <= last) & (bins.band + bins.n_band > first)
    counts = ds["counts"].transpose(*DIMS, "wl")
    if counts.chunks is not None:
        counts = counts.chunk(wl=-1)
    found: xr.DataArray = xr.apply_ufunc(
        _features,
        counts.drop_vars(list(counts.coords)),
        kwargs={"lyman": touching, "runs": runs},
        input_core_dims=[["wl"]],
        output_core_dims=[["feature"]],
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {"feature": 4}},
        output_dtypes=[np.int64],
    )
    if found.chunks is None and not found.data[..., 3].any():
        # Nothing is missing, and nothing was not to be sent.
        more = np.zeros((*found.shape[:2], 2), np.int64)
        more[..., 1] = np.count_nonzero(touching)
        return xr.DataArray(np.concatenate([found.data, more], axis=-1), dims=found.dims)
    missing = _missing(ds)
    if missing.sizes["pic"]:
        never, product = unsent(ds)
        sent = (~never & xr.Variable("wl", touching)).sum("wl")
        lacking = _by_product(_lacking, missing, never, product)
        added = [lacking, sent.isel(product_=xr.Variable("pic", product))]
    else:
        added = [missing.sum("wl")] * 2
    rows = [found.variable, *(part.set_dims((*DIMS, "feature")) for part in added)]
    return xr.DataArray(xr.Variable.concat(rows, "feature"))


def _expected(counts: np.ndarray, exposure: np.ndarray, least: float = np.inf) -> np.ndarray:
    """Expected counts in each spectrum, from its pixel's median rate over the spectra with counts.

    A pixel without any counts takes the median of all. With no counts anywhere the expectation is
    infinite, as a working detector always counts something, or the `least` rate given.
    """
    rate = np.where(counts > 0, counts / exposure[:, None], np.nan)
    lit = np.isfinite(rate).any(0)
    usual = np.full(rate.shape[1], np.nanmedian(rate) if lit.any() else least)
    usual[lit] = np.nanmedian(rate[:, lit], axis=0)
    expected: np.ndarray = exposure[:, None] * usual
    return expected


def flags(ds: xr.Dataset, level: float = 0.0, measured: xr.DataArray | None = None) -> xr.DataArray:
    """The flags, with those of lost and partial spectra added.

    - `lost`: every element is zero or missing, where counts were expected; not if all are missing
      that the product never has.
    - `partial`: something was received, but values are missing that the product has (`unsent`); or
      (FUV, lit rows, windows that hold detector columns 122..137, unless no exposure has them)
      there is no Lyman-alpha count where counts were expected; or (lit rows) a run of zeros is
      longer than the background alone would leave in one spectrum of 10,000.

    Counts are expected where the probability of zero counts is below 1e-4, given the background or
    the pixel's median rate over the spectra that have any.

    Parameters
    ----------
    ds : Dataset
        With `counts`.
    level : float
        Background at least, count/s per lit detector pixel (`levels.lower_bound`); 0 if unknown,
        which skips the last test.
    measured : DataArray, optional
        The result of `features(ds)`, if already computed.

    Returns
    -------
    DataArray of uint8, (pic, pixel)
        Lazy where `measured` is.
    """
    before, bins = flags_of(ds), Bins.of(ds)
    measured = features(ds) if measured is None else measured
    if measured.chunks is not None:
        # A pixel's usual rate is taken over all exposures.
        measured = measured.chunk(-1)
    found = xr.apply_ufunc(
        _judge,
        measured,
        kwargs={
            "bins": bins,
            "whole": bins.n_band.sum() > ds.attrs["lr_band"] - ds.attrs.get("ul_band", 0),
            "exposure": np.broadcast_to(ds["exposure"].values, ds.sizes["pic"]).astype(float),
            "level": level,
            "channel": ds.attrs["channel"],
        },
        input_core_dims=[[*DIMS, "feature"]],
        output_core_dims=[DIMS],
        dask="parallelized",
        output_dtypes=[np.uint8],
    )
    if measured.chunks is not None:
        # As the counts are split, or the dataset has no chunks of its own.
        pieces = ds["counts"].variable.chunksizes
        found = found.chunk({dim: pieces[dim] for dim in DIMS if dim in pieces})
    return before.copy(data=before.data | found.data)


def _judge(
    measured: np.ndarray,
    bins: Bins,
    exposure: np.ndarray,
    level: float,
    channel: str,
    whole: bool,
) -> np.ndarray:
    """Flags of lost and partial spectra, uint8 (pic, pixel), from their features."""
    total, lyman, run, missing, lacking, lyman_sent = np.moveaxis(measured, -1, 0)
    n_wl = bins.band.size
    received = n_wl - missing
    element = level * exposure[:, None] * bins.lit_lines * np.median(bins.n_band)
    enough = -np.log(FALSE_POSITIVES)

    nothing = total == 0
    # Rows outside the slit's image count far less than the background of the others.
    lit = ~bins.dark
    # Rows that no light reaches may be without a count in every exposure.
    unlit = (bins.lit_lines == 0) & nothing.all(0)
    # Few wavelengths may count nothing, and be whole.
    least = np.inf if whole else 0.0
    expected = np.where(unlit, 0.0, _expected(total, exposure, least))
    due = np.maximum(expected, np.where(lit, element * received, 0.0)) > enough
    lost = np.where(received == 0, lacking > 0, nothing & due)

    partial = ~nothing & (lacking > 0)
    if level > 0:
        longest = zero_runs.longest_expected(element, n_wl, FALSE_POSITIVES)
        partial |= ~nothing & lit & (run > longest)
    if channel == "FUV" and _holds_lyman_alpha(bins):
        due = np.zeros(lyman.shape, bool)
        if lit.any():
            due[:, lit] = _expected(lyman[:, lit], exposure) > enough
        partial |= ~nothing & (lyman == 0) & due & (lyman_sent > 0)

    added = np.where(lost, QUALITY_FLAGS["lost"], 0) | np.where(
        partial, QUALITY_FLAGS["partial"], 0
    )
    return added.astype(np.uint8)


def _holds_lyman_alpha(bins: Bins) -> bool:
    """Whether the elements cover all columns of Lyman-alpha."""
    first, last = LYMAN_ALPHA
    columns = [
        column
        for band, n in zip(bins.band, bins.n_band, strict=True)
        for column in range(max(band, first), min(band + n, last + 1))
    ]
    return len(set(columns)) == last - first + 1
