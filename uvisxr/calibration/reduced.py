"""Datasets without the arrays that follow from their counts, and these arrays again.

Radiances and their errors are four arrays of real numbers that hardly compress; the counts and the
terms of the calibration from which they follow are a tenth of them or less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..dataset import conventions
from ..dataset.lazy import apart, unsplit
from ..errors import UvisError
from . import fast
from .convert import OUTPUTS, Conversion, Shapes
from .mean_spectrum import Exposures
from .stored import (
    EDITED,
    FRAME,
    LEFT_OUT,
    LEFT_OUT_COMMENT,
    Stored,
    conversion_of,
    framed,
    has_terms,
    mean_spectra,
    spectrum_of,
    term_weights,
)

_TOLD = (
    "what is left out follows from the counts, the calibration's terms and its arguments: "
    "uvisxr.open_reduced(path) has it, lazily"
)

#: What radiances are made of, if a dataset has it.
SOURCES = (
    *("counts", "wl", "line", "band", "et", "exposure", "product"),
    *("sensitivity", "calibration_error", "background", "background_error"),
)


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
    if "radiance" not in there:
        return ds, ""
    if EDITED in ds.attrs:
        return ds, f"the radiances, which were changed after the calibration ({ds.attrs[EDITED]})"
    if not has_terms(ds):
        return ds, (
            "the radiances: the dataset does not hold the counts and the terms of the calibration "
            "of its single spectra"
        )
    try:
        found = _with_planes(ds, Stored.of(ds).radiances(), there)
    except UvisError as error:
        return ds, f"the radiances, which cannot be computed anew: {error}"
    same = _same(ds, found, there)
    kept = [name for name in there if name not in same]
    why = f"{', '.join(kept)}: not what the counts and the calibration give" if kept else ""
    if same:
        before = str(ds.attrs.get(LEFT_OUT, "")).split()
        names = " ".join(name for name in OUTPUTS if name in {*before, *same})
        ds = ds.drop_vars(same).assign_attrs({LEFT_OUT: names, LEFT_OUT_COMMENT: _TOLD})
    return ds, why


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
        The dataset is not as `calibrate` has left it.
    """
    names = [name for name in str(ds.attrs.get(LEFT_OUT, "")).split() if name in OUTPUTS]
    if not names or not has_terms(ds):
        return ds
    lazy = ds["counts"].chunks is not None and ds["counts"].dims == FRAME
    planes = _later(ds) if lazy else Stored.of(ds).radiances()
    out = _with_planes(ds, planes, names)
    for mark in (LEFT_OUT, LEFT_OUT_COMMENT):
        out.attrs.pop(mark, None)
    return out


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


def _same(ds: xr.Dataset, found: xr.Dataset, names: Iterable[str]) -> list[str]:
    """The arrays that are the same in both datasets, bit for bit, with their attributes."""
    from dask import base

    differ: dict[str, Any] = {}
    for name in names:
        a, b = ds.variables[name], found.variables[name]
        alike = (name in ds.coords) == (name in found.coords) and a.dims == b.dims
        # As xarray compares attributes, which may be arrays.
        attrs, those = (xr.Dataset(attrs=v.attrs) for v in (a, b))
        if not alike or a.dtype != b.dtype or not attrs.identical(those):
            continue
        if a.chunks is not None and b.chunks is not None and a.data.name == b.data.name:
            # The same graph.
            differ[name] = False
        else:
            bits = xr.apply_ufunc(
                _differ, a, b, dask="parallelized", output_dtypes=[bool], keep_attrs=False
            )
            differ[name] = bits.any().data
    (values,) = base.compute(differ)
    return [name for name, value in values.items() if not value]


def _differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    differ: np.ndarray = np.ascontiguousarray(a).view(np.uint32) != np.ascontiguousarray(b).view(
        np.uint32
    )
    return differ


@dataclass(frozen=True, eq=False)
class _Terms:
    """What the counts of a dataset become radiances by: weight (pic, term), exposure (pic,)."""

    conversion: Conversion
    weight: np.ndarray
    exposure: np.ndarray

    @classmethod
    def of(cls, ds: xr.Dataset) -> _Terms:
        """Of a dataset in memory, without the counts."""
        exposure = framed(ds, "exposure", ("pic",)).values
        return cls(conversion_of(ds), term_weights(ds), exposure)

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

    ds = unsplit(ds[[name for name in SOURCES if name in ds.variables]], "pixel", "wl", "term")
    counts = apart(ds["counts"].variable, "radiances").data
    terms = delayed(_Terms.of)(ds.drop_vars("counts"))
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
    weight, exposure = terms.weight[place], terms.exposure[place]
    return fast.radiances(counts, weight, exposure, shapes.of(place), terms.conversion)
