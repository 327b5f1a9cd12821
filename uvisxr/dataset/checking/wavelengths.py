"""Whether wavelengths are in angstrom, in order, and in the middle of their bounds."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ... import checks
from ...errors import ArgumentError
from .. import scales
from .attributes import check_texts

#: Angstrom, beyond all of the detector's, in any unit near it.
_LONGEST = 1e5

#: Angstrom, far below and far beyond all wavelengths of UVIS, 560 to 1912; and those in nm.
_FAR = (250.0, 4000.0)

_IN_NM = (50.0, 200.0)


def _check_unit(wl: xr.Variable, bounds: xr.Variable | None, step: str) -> None:
    """Refuse wavelengths in another unit than angstrom, by its name or by their values: those that
    were multiplied may have the unit that they had."""
    check_texts(step, "of wl the attribute", wl.attrs, ("units",))
    unit = wl.attrs.get("units")
    is_angstrom = unit is None or scales.factor(unit, "angstrom") == 1
    # Two-dimensional ones may be lazy.
    values = wl.values if wl.ndim < 2 or not wl.chunks else np.empty(0)
    far = values.size > 0 and any(
        ((values > low) & (values < high)).all()
        for low, high in ((0, _FAR[0]), (_FAR[1], _LONGEST))
    )
    if is_angstrom and not far:
        return
    said = [] if is_angstrom else [f"in {checks.shown(unit)}"]
    said += [f"{values.min():g} to {values.max():g}"] if far else []
    if not far:
        mend = 'if these are, set ds.wl.attrs["units"] = "angstrom"'
    elif _IN_NM[0] < values.min() and values.max() < _IN_NM[1]:
        said.append("as if in nm")
        # Who changed wl alone left the bounds in angstrom; lazy ones may be in either.
        there = bounds is not None and not bounds.chunks and (bounds.values > _FAR[0]).all()
        also = "" if there or bounds is None else ", wl_bounds=10 * ds.wl_bounds"
        mend = (
            f"of nm make them with ds.assign_coords(wl=10 * ds.wl{also}), "
            'and set ds.wl.attrs["units"] = "angstrom"'
        )
    else:
        mend = (
            "keep wl and wl_bounds as uvisxr.open_product gives them; those of UVIS are "
            f"within {_FAR[0]:g} to {_FAR[1]:g}"
        )
    raise ArgumentError(f"{step}: wl is {', '.join(said)}, and wavelengths are in angstrom: {mend}")


def check_order(wl: xr.Variable, bounds: xr.Variable | None, step: str) -> None:
    """Refuse wavelengths that are none, are out of order or are not in the middle of bounds."""
    if wl.dtype.kind not in "iuf":
        raise ArgumentError(
            f"{step}: wl is of the type {wl.dtype}, but wavelengths are numbers, angstrom: keep it "
            "as uvisxr.open_product gives it"
        )
    _check_unit(wl, bounds, step)
    if wl.ndim > 1:
        return
    values = np.atleast_1d(wl.values).astype(float)
    if not np.isfinite(values).all():
        raise ArgumentError(
            f"{step}: wl holds values that are not finite: leave these elements out with "
            "ds.sel(wl=np.isfinite(ds.wl))"
        )
    if not ((values > 0) & (values < _LONGEST)).all():
        raise ArgumentError(
            f"{step}: wl holds values that are no wavelengths of UVIS, angstrom: keep it as "
            "uvisxr.open_product gives it, or leave these elements out with "
            f"ds.sel(wl=(ds.wl > 0) & (ds.wl < {_LONGEST:g}))"
        )
    increments = np.diff(values)
    if not ((increments > 0).all() or (increments < 0).all()):
        twice = values.size > np.unique(values).size
        raise ArgumentError(
            f"{step}: the wavelengths are out of order"
            + (", and some are there twice" if twice else "")
            + ': call ds.sortby("wl")'
            + ('.drop_duplicates("wl")' if twice else "")
            + " first"
        )
    if bounds is not None and {*bounds.dims} == {*wl.dims, "bnds"}:
        edges = np.atleast_2d(bounds.transpose(*wl.dims, "bnds").values)
        if edges.dtype.kind in "iu" and wl.dtype.kind == "f":
            raise ArgumentError(
                f"{step}: wl_bounds is of the type {edges.dtype}, in which elements end at whole "
                "angstrom: keep it as uvisxr.open_product gives it, or leave it out with "
                'ds.drop_vars("wl_bounds")'
            )
        if edges.dtype.kind not in "iuf" or not np.isfinite(edges).all():
            raise ArgumentError(
                f"{step}: wl_bounds holds what are no wavelengths: keep it as uvisxr.open_product "
                'gives it, or leave it out with ds.drop_vars("wl_bounds")'
            )
        _check_overlap(edges, step)
        low, high = edges.min(-1), edges.max(-1)
        # Means of columns are near the middle.
        beyond = abs(values - 0.5 * (low + high)) > 0.3 * (high - low) + 1e-3
        if beyond.any():
            raise ArgumentError(
                f"{step}: wl {values[beyond][0]:.2f} is not in the middle of its own wl_bounds, as "
                "after a shift of one of the two, and the bounds would be believed: shift both, "
                "with ds.assign_coords(wl=ds.wl + x, wl_bounds=ds.wl_bounds + x), or leave the "
                'bounds out with ds.drop_vars("wl_bounds")'
            )


def _check_overlap(edges: np.ndarray, step: str) -> None:
    """Refuse elements that share wavelengths; edges may have gone through single precision."""
    low, high = edges.min(-1), edges.max(-1)
    order = np.argsort(low)
    low, high = low[order], high[order]
    width = np.maximum(high - low, 1e-3)
    shared = high[:-1] - low[1:] > 0.1 * np.minimum(width[:-1], width[1:])
    if shared.any():
        raise ArgumentError(
            f"{step}: wl_bounds lets elements overlap, around {low[1:][shared][0]:.2f} angstrom: "
            "keep it as uvisxr.open_product gives it, or leave it out with "
            'ds.drop_vars("wl_bounds")'
        )
