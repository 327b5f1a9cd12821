"""Datasets without the arrays that follow from their counts, and these arrays again.

Radiances and their errors are four arrays of real numbers that hardly compress; the counts and the
terms of the calibration from which they follow are much less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from .. import options
from ..dataset import conventions
from ..dataset.lazy import anew, apart, unsplit
from ..errors import UvisError, warn_user
from . import fast, seal
from .convert import OUTPUTS, Conversion, Shapes
from .mean_spectrum import Exposures
from .stored import (
    EDITED,
    FRAME,
    Stored,
    conversion_of,
    framed,
    has_terms,
    is_calibrated,
    mean_spectra,
    seconds,
    spectrum_of,
    term_weights,
)

#: Elements that are computed anew at a time: their radiances and errors stay in the cache.
_PIECE = 2**20


def leave_out(ds: xr.Dataset) -> tuple[xr.Dataset, str]:
    """Leave out the radiances and errors that `restored` gives back, bit for bit.

    They are computed once more to be sure, unless they are lazy and just that computation.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    ds : Dataset
        With the attribute `left_out` if anything is.
    why : str
        What of them is kept, and why; empty if nothing is.
    """
    there = [name for name in OUTPUTS if name in ds.variables]
    if "radiance" not in there or not ds["radiance"].size:
        return ds, ""
    if EDITED in ds.attrs:
        return ds, f"the radiances, which were changed after the calibration ({ds.attrs[EDITED]})"
    if not has_terms(ds):
        return ds, (
            "the radiances: the dataset does not hold the counts and the terms of the calibration "
            "of its single spectra"
        )
    try:
        same = _same(ds, Stored.of(ds), there)
    except UvisError as error:
        return ds, f"the radiances, which cannot be computed anew: {error}"
    kept = [name for name in there if name not in same]
    why = f"{', '.join(kept)}: not as the calibration gives it for these counts" if kept else ""
    if same:
        names = [name for name in OUTPUTS if name in {*_left_out_before(ds), *same}]
        ds = seal.sealed(conventions.retitled(ds.drop_vars(same), ds), names)
    return ds, why


def _left_out_before(ds: xr.Dataset) -> list[str]:
    """What a dataset left out before, if it is still to be had."""
    ds = seal.tidied(ds)
    if not seal.left_out(ds):
        return []
    try:
        seal.check(ds)
        seal.check_terms(ds)
        seal.check_counts(framed(ds, "counts").values, np.atleast_1d(ds[seal.CHECKSUM].values))
    except UvisError:
        return []
    return seal.left_out(ds)


def restored(ds: xr.Dataset) -> xr.Dataset:
    """Give a dataset what `leave_out` left out.

    Parameters
    ----------
    ds : Dataset
        As read from a file.

    Returns
    -------
    Dataset
        Lazy where `counts` are a dask array: then nothing is read yet, neither counts nor terms.
        What has nothing left out, or no longer holds what that follows from, is returned as it is.

    Raises
    ------
    UvisError
        The dataset is not as it was written. Where it is lazy, the values of the calibration's
        terms are looked at when radiances are computed.

    Warns
    -----
    UvisWarning
        What is left out cannot be given back.
    """
    names = [name for name in seal.left_out(ds) if name in OUTPUTS]
    if not names:
        return ds
    if not is_calibrated(ds):
        warn_user(
            f"{ds.encoding.get('source', 'the dataset')} leaves out {', '.join(names)}, and the "
            "counts or terms of the calibration that they follow from are gone"
        )
        return ds
    seal.check(ds)
    seal.check_version(ds)
    lazy = ds["counts"].chunks is not None and ds["counts"].dims == FRAME
    if not lazy:
        seal.check_terms(ds)
        counts = framed(ds, "counts").values
        seal.check_counts(counts, np.atleast_1d(ds[seal.CHECKSUM].values))
    planes = _later(ds) if lazy else Stored.of(ds).radiances()
    return seal.unsealed(conventions.retitled(_with_planes(ds, planes, names), ds))


def _with_planes(
    ds: xr.Dataset, planes: Mapping[str, xr.Variable], names: Iterable[str]
) -> xr.Dataset:
    """A dataset with some of these arrays, and the attributes that they have."""
    new = {name: planes[name] for name in names}
    data = {name: new.pop(name) for name in list(new) if name == "radiance"}
    out = ds.assign(data).assign_coords(new)
    # Other variables keep attributes of their own.
    dressed = conventions.apply(out)
    for name in (*data, *new):
        out.variables[name].attrs = dressed.variables[name].attrs
    return out


def _same(ds: xr.Dataset, stored: Stored, names: Iterable[str]) -> list[str]:
    """The arrays that come back bit for bit, with their attributes."""
    lazy = any(ds.variables[name].chunks is not None for name in ("counts", *names))
    # Their form can be told of any values.
    dims = [dim for dim in FRAME if dim in ds["counts"].dims]
    empty = xr.Variable(dims, _empty(tuple(ds.sizes[dim] for dim in dims)))
    form = _with_planes(ds, dict.fromkeys(names, empty), names)
    alike = [name for name in names if _is_alike(ds, form, name)]
    differ = _differ_lazily(ds, stored, alike) if lazy else _differ(ds, stored, alike)
    return [name for name, differs in zip(alike, differ, strict=True) if not differs]


def _empty(shape: tuple[int, ...]) -> np.ndarray:
    """An array of this shape that takes no memory."""
    return np.broadcast_to(np.float32(0), shape)


def _is_alike(ds: xr.Dataset, other: xr.Dataset, name: str) -> bool:
    """Whether arrays of two datasets are the same but for their values."""
    a, b = ds.variables[name], other.variables[name]
    if (name in ds.coords) != (name in other.coords) or a.dims != b.dims or a.dtype != b.dtype:
        return False
    # As xarray compares attributes, which may be arrays.
    attrs, those = (xr.Dataset(attrs=v.attrs) for v in (a, b))
    return bool(attrs.identical(those))


def _differ(ds: xr.Dataset, stored: Stored, names: list[str]) -> list[bool]:
    """Whether arrays in memory differ by a bit from what is computed anew, in small pieces."""
    given = {name: framed(ds, name).values for name in names}
    work = partial(_differing, given=given, conversion=stored.conversion)
    (differ,) = stored.map(work, [("array",)], [bool])
    found: list[bool] = np.any(differ.values, axis=0).tolist()
    return found


def _differing(
    counts: np.ndarray,
    weight: np.ndarray,
    exposure: np.ndarray,
    shapes: Shapes,
    *,
    given: Mapping[str, np.ndarray],
    conversion: Conversion,
) -> tuple[np.ndarray]:
    """Whether arrays differ from the radiances and errors of counts, bool (pic, array)."""
    differ = np.zeros((len(counts), len(given)), bool)
    size = max(1, _PIECE // max(1, counts[0].size))

    def work(start: int) -> None:
        some = slice(start, start + size)
        own = shapes.of(np.arange(len(counts))[some])
        found = fast.radiances(counts[some], weight[some], exposure[some], own, conversion)
        anew = dict(zip(OUTPUTS, found, strict=True))
        for k, (name, values) in enumerate(given.items()):
            differ[some, k] = (_bits(values[some]) != _bits(anew[name])).any()

    starts = range(0, len(counts), size)
    with ThreadPoolExecutor(options.threads()) as pool:
        list(pool.map(work, starts))
    return (differ,)


def _differ_lazily(ds: xr.Dataset, stored: Stored, names: list[str]) -> list[bool]:
    """As `_differ`; nothing is computed of lazy arrays that are just this computation."""
    from dask import base

    found = stored.radiances()
    differ: list[Any] = []
    for name in names:
        a, b = ds.variables[name], found[name]
        lazy = a.chunks is not None and b.chunks is not None
        if lazy and a.data.name == b.data.name and not _is_in_memory(a.data):
            # The same graph.
            differ.append(False)
        else:
            bits = xr.apply_ufunc(
                lambda a, b: _bits(a) != _bits(b),
                # Of one name they would be one for dask.
                *(a, anew(b, "anew") if lazy else b),
                dask="parallelized",
                output_dtypes=[bool],
                keep_attrs=False,
            )
            differ.append(bits.any().data)
    (values,) = base.compute(differ)
    return list(values)


def _is_in_memory(array: Any) -> bool:
    """Whether a dask array is of blocks that are computed already, which may have been changed."""
    from dask._task_spec import DataNode
    from dask.core import flatten
    from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

    graph, keys = array.__dask_graph__(), list(flatten(array.__dask_keys__()))
    layer = graph.layers.get(array.name) if isinstance(graph, HighLevelGraph) else graph
    # Other layers are made of tasks only.
    blocks = [layer[key] for key in keys] if isinstance(layer, MaterializedLayer | dict) else []
    return any(isinstance(block, np.ndarray | DataNode) for block in blocks)


def _bits(values: np.ndarray) -> np.ndarray:
    bits: np.ndarray = np.ascontiguousarray(values).view(np.uint32)
    return bits


@dataclass(frozen=True, eq=False)
class _Terms:
    """What the counts of a dataset become radiances by, and the name of its file.

    weight (pic, term), exposure (pic,), checksum of the counts (pic,).
    """

    conversion: Conversion
    weight: np.ndarray
    exposure: np.ndarray
    checksum: np.ndarray
    file: str

    @classmethod
    def of(cls, ds: xr.Dataset, file: str) -> _Terms:
        """Of a dataset in memory, without the counts, and the name of its file.

        Raises
        ------
        UvisError
            The terms were changed since the dataset was written.
        """
        seal.check_terms(ds, file)
        written = ds[seal.CHECKSUM].values
        return cls(conversion_of(ds), term_weights(ds), seconds(ds).values, written, file)

    def mean(self, exposures: Exposures, sums: np.ndarray) -> np.ndarray:
        """Mean spectrum of a product and its standard error, (2, wl)."""
        if not self.conversion.fills:
            return np.ones((2, sums.shape[-1]))
        return spectrum_of(self.conversion, self.weight, exposures, sums)


def _later(ds: xr.Dataset) -> dict[str, xr.Variable]:
    """Radiances and errors, whose terms are read from the file when the first block is computed.

    Of many files, the terms would fill the memory.
    """
    import dask.array as da
    from dask.delayed import delayed

    file = str(ds.encoding.get("source", ""))
    ds = unsplit(ds[[name for name in seal.SOURCES if name in ds.variables]], "pixel", "wl", "term")
    counts = apart(ds["counts"].variable, "radiances").data
    terms = delayed(_Terms.of)(ds.drop_vars("counts"), file)
    product, spectra = mean_spectra(ds, ds["counts"].variable)
    means = [delayed(_Terms.mean)(terms, exposures, sums) for exposures, sums in spectra]
    planes = da.apply_gufunc(
        _block,
        f"(p,w),()->{','.join(['(p,w)'] * len(OUTPUTS))}",
        counts,
        da.arange(counts.shape[0], chunks=counts.chunks[0]),
        output_dtypes=[np.float32] * len(OUTPUTS),
        terms=terms,
        shapes=delayed(_shapes)(product, means),
    )
    return {name: xr.Variable(FRAME, p) for name, p in zip(OUTPUTS, planes, strict=True)}


def _shapes(product: np.ndarray, means: list[np.ndarray]) -> Shapes:
    mean, noise = np.stack(means, axis=1)
    return Shapes(product, mean, noise)


def _block(
    counts: np.ndarray, place: np.ndarray, terms: _Terms, shapes: Shapes
) -> tuple[np.ndarray, ...]:
    seal.check_counts(counts, terms.checksum[place], terms.file)
    weight, exposure = terms.weight[place], terms.exposure[place]
    return fast.radiances(counts, weight, exposure, shapes.of(place), terms.conversion)
