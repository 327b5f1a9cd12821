"""Quality flags of spectra: a CF flag variable `quality (pic, pixel)` of bit masks.

========= ===== ====================================================================
flag      bit   a spectrum that
========= ===== ====================================================================
lost      1     holds no count, or no value, where there must be some (`losses.flags`)
partial   2     lacks a part: values that its product has, Lyman-alpha, or an impossible run of
                zeros
star      4     a star crossed
dark_line 8     comes from detector rows without usable signal
user      16    the user set aside
========= ===== ====================================================================

Background, bins and pictures leave out flagged spectra unless told otherwise. A spectrum is
identified by its coordinates (pic, pixel), which do not change when a dataset is subset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .. import calls, checks
from ..dataset import conventions, history
from ..dataset.bits import QUALITY_FLAGS, QualityFlag, mask
from ..dataset.checking.frame import FRAME
from ..errors import ArgumentError, MissingStepError
from ..instrument.detector import Bins

if TYPE_CHECKING:
    import pandas as pd

DIMS = ("pic", "pixel")

#: Ways to specify a set of spectra.
Pixels = Iterable[Sequence[int]] | np.ndarray | xr.DataArray


def initial(bins: Bins, n_pic: int) -> np.ndarray:
    """Flags known before any counts are read: the dark lines.

    Parameters
    ----------
    bins : Bins
    n_pic : int
        Number of exposures.

    Returns
    -------
    ndarray of uint8, (n_pic, pixel)
    """
    flags = np.where(bins.dark, QUALITY_FLAGS["dark_line"], 0).astype(np.uint8)
    return np.tile(flags, (n_pic, 1))


def flags_of(ds: xr.Dataset) -> xr.DataArray:
    """The flags, (pic, pixel) uint8; all zero where the dataset has none.

    Raises
    ------
    MissingStepError
        The dataset has no dimension `pic` or `pixel`.
    """
    flags = _flags(ds)
    if "quality" in ds.variables:
        return ds["quality"].transpose(*DIMS).copy(data=flags)
    return xr.DataArray(flags, {dim: ds[dim] for dim in DIMS if dim in ds.coords}, DIMS)


def _flags(ds: xr.Dataset) -> np.ndarray:
    missing = [dim for dim in DIMS if dim not in ds.dims]
    if missing and "member_bin" in ds.variables:
        raise MissingStepError("the spectra are binned already: do this step before")
    if missing:
        raise MissingStepError(
            f"the dataset has no dimension {' or '.join(missing)}: start from "
            "uvisxr.open_product, and select with isel(pic=[0]) instead of isel(pic=0)"
        )
    if "quality" not in ds.variables:
        return np.zeros([ds.sizes[d] for d in DIMS], np.uint8)
    flags: np.ndarray = ds.variables["quality"].transpose(*DIMS).data.astype(np.uint8)
    return flags


def good(
    ds: xr.Dataset, exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS)
) -> xr.DataArray:
    """Spectra that carry none of the given flags.

    Parameters
    ----------
    ds : Dataset
    exclude : str or iterable of str
        Flags whose spectra are left out: all by default, `()` for none.

    Returns
    -------
    DataArray of bool, (pic, pixel)

    Raises
    ------
    ArgumentError
        A name is not a flag.
    """
    return (flags_of(ds) & mask(exclude)) == 0


@calls.public("flagged")
def flagged(
    ds: xr.Dataset, flags: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS)
) -> xr.DataArray:
    """Spectra that carry any of the given flags.

    Parameters
    ----------
    ds : Dataset
    flags : {"lost", "partial", "star", "dark_line", "user"} or several of them
        All by default.

    Returns
    -------
    DataArray of bool, (pic, pixel)
        What `flag`, `unflag`, `where` and `bin` take. Lazy where the flags are.

    Raises
    ------
    ArgumentError
        A name is not a flag.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.flag([(3, 40), (4, 40)], "star").uvis.flag([(4, 41)])
    >>> [int(ds.uvis.flagged(flags).sum()) for flags in ("star", ["star", "user"])]
    [2, 3]
    >>> counts = ds.counts.where(~ds.uvis.flagged("star"))
    """
    found = (flags_of(ds) & mask(flags, "flags")) != 0
    return conventions.apply(found.to_dataset(name="flagged"))["flagged"]


def kept(ds: xr.Dataset, exclude: QualityFlag | Iterable[QualityFlag]) -> np.ndarray:
    """What `good` tells, bool (pic, pixel), without its coordinates."""
    return np.asarray((_flags(ds) & mask(exclude)) == 0)


def select(ds: xr.Dataset, pixels: Pixels) -> np.ndarray:
    """Spectra as indices.

    Parameters
    ----------
    ds : Dataset
    pixels : DataArray of bool, or pairs of int
        A mask over pic, pixel or both; or (pic, pixel) pairs, values of those coordinates, along
        the first axis of an array. Two arrays in a tuple or list, as of `np.where`, are refused.

    Returns
    -------
    ndarray of int, (spectrum, 2)
        Positions along pic and pixel.

    Raises
    ------
    ArgumentError
        The mask does not match the dataset, or a pair is malformed or not in it.
    """
    flags = flags_of(ds)
    if isinstance(pixels, xr.DataArray):
        return _positions_of_mask(flags, pixels)
    if is_where(pixels):
        raise checks.refused(
            "pixels",
            pixels,
            "(pic, pixel) pairs, and of two arrays nobody can tell whether they are pairs or, as "
            "np.where and np.nonzero give them, the indices along pic and those along pixel: give "
            "np.argwhere(mask), or the mask as a boolean DataArray",
        )
    try:
        # A range may be endless, and holds no pairs.
        pairs = np.empty(0, object) if isinstance(pixels, range) else np.asarray(list(pixels))
    except (TypeError, ValueError):
        pairs = np.empty(0, object)
    if pairs.size == 0 and pairs.dtype != object:
        return np.empty((0, 2), int)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise checks.refused(
            "pixels",
            pixels,
            "(pic, pixel) pairs of whole numbers, such as [(0, 12), (0, 13)] or np.argwhere(mask), "
            "or a boolean DataArray over pic and pixel",
        )
    where = []
    for dim, labels in zip(DIMS, pairs.T, strict=True):
        index = flags.indexes.get(dim)
        position = (
            np.where((labels >= 0) & (labels < flags.sizes[dim]), labels, -1)
            if index is None
            else _lookup(index, labels, dim)
        )
        if (position < 0).any():
            bad = tuple(int(v) for v in pairs[np.argmax(position < 0)])
            there = (
                f"{dim} runs from {int(flags[dim].min())} to {int(flags[dim].max())}"
                if flags.sizes[dim]
                else f"no {FRAME[dim]} is left"
            )
            raise ArgumentError(f"no spectrum (pic, pixel) = {bad} in the dataset: {there}")
        where.append(position)
    return np.stack(where, axis=1)


def is_where(pixels: object) -> bool:
    """Whether these are two arrays of indices, as of `np.where`, in a tuple or list."""
    return (
        isinstance(pixels, tuple | list)
        and len(pixels) == 2
        and all(isinstance(one, np.ndarray) and one.ndim == 1 for one in pixels)
    )


def _lookup(index: pd.Index[Any], labels: np.ndarray, dim: str) -> np.ndarray:
    if not index.is_unique:
        raise ArgumentError(
            f"the coordinate {dim} has repeated values, so a pair does not identify one spectrum: "
            f"give a boolean DataArray, or renumber {dim} with assign_coords"
        )
    return index.get_indexer(xr.IndexVariable(dim, labels).to_index())


def _positions_of_mask(flags: xr.DataArray, mask: xr.DataArray) -> np.ndarray:
    if mask.dtype != bool or not set(mask.dims) <= set(DIMS):
        raise ArgumentError(
            f"pixels is a {mask.dtype} array over {mask.dims}: expected a boolean one over pic and "
            "pixel, such as ds.alt > 1000"
        )
    try:
        _, mask = xr.align(flags, mask, join="exact")
    except ValueError:
        raise ArgumentError(
            "the mask's pic or pixel do not match the dataset's: compute the mask from this dataset"
        ) from None
    return np.argwhere(mask.broadcast_like(flags).transpose(*DIMS).values)


def changed(ds: xr.Dataset, pixels: Pixels, flag: QualityFlag, on: bool) -> xr.Dataset:
    """The dataset with a flag set or cleared on some spectra; attributes and history are kept."""
    checks.choice("flag", flag, QualityFlag)
    where = select(ds, pixels)
    flags = flags_of(ds)
    values, bit = flags.values.copy(), np.uint8(QUALITY_FLAGS[flag])
    at = tuple(where.T)
    values[at] = values[at] | bit if on else values[at] & ~bit
    return ds.assign_coords(quality=(DIMS, values))


@history.step("flag")
def flag(ds: xr.Dataset, pixels: Pixels, flag: QualityFlag = "user") -> xr.Dataset:
    """Set a quality flag on some spectra.

    Parameters
    ----------
    ds : Dataset
    pixels : DataArray of bool, or pairs of int
        A mask over pic and pixel, or (pic, pixel) pairs, such as those of `np.argwhere`. An array
        of the shape (2, 2) is two pairs; the two arrays of `np.where` are refused.
    flag : {"user", "star", "lost", "partial", "dark_line"}

    Returns
    -------
    Dataset
        With `quality` updated.

    Raises
    ------
    ArgumentError
        The pixels are not in the dataset, or the flag is unknown.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.flag([(0, 12), (0, 13)])
    >>> ds.quality[0, 10:15].values.tolist()
    [0, 0, 16, 16, 0]
    >>> ds = ds.uvis.flag(ds.pixel < 2, "star")
    >>> int((ds.quality == 4).sum())
    24
    """
    return conventions.apply(changed(ds, pixels, flag, True))


@history.step("unflag")
def unflag(ds: xr.Dataset, pixels: Pixels, flag: QualityFlag = "user") -> xr.Dataset:
    """Clear a quality flag on some spectra; see `flag`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.flag([(0, 12), (0, 13)]).uvis.unflag([(0, 12)])
    >>> ds.quality[0, 10:15].values.tolist()
    [0, 0, 0, 16, 0]
    """
    return conventions.apply(changed(ds, pixels, flag, False))
