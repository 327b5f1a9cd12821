"""Whether backplanes are of the pixels of a dataset, whatever numbers these have.

The first pixel is 0 in every window and after every binning, and exposures of both channels have
the same times: neither tells where on the sky a pixel looked.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr

from ..errors import ArgumentError
from ..geometry.views import middle_sample
from ..numerics import sphere

#: What to do about a tree that does not fit.
MEND = "give what ds.uvis.backplanes() of this dataset returns"

#: What both are made with, and how it is told that it differs.
_MADE_WITH = {
    "channel": "another channel",
    "slit": "another slit",
    "optics": "other optics",
    "line_bin": "another number of detector rows in a pixel",
}

#: Degrees between the directions of both that count as none: a tenth of a row, and well above the
#: rounding of numbers of 32 bits.
_NEAR = np.rad2deg(1e-4)

#: Part of the way between two instants by which the direction between them may be another than the
#: straight one.
_BENT = 0.1


def check_made(attrs: Mapping[Hashable, object], ds: xr.Dataset) -> None:
    """Refuse a tree, with its attributes, of another part of the instrument than the dataset.

    Raises
    ------
    ArgumentError
        They differ in what both say.
    """
    for name, what in _MADE_WITH.items():
        theirs, own = attrs.get(name), ds.attrs.get(name)
        if theirs is not None and own is not None and theirs != own:
            raise ArgumentError(
                f"backplanes: of {what} than the dataset, {theirs} in place of {own}: {MEND}"
            )


def check_lines(node: xr.Dataset, ds: xr.Dataset, where: str) -> None:
    """Refuse a node, cut to the dataset's pixels, that has them on other rows of the detector.

    Raises
    ------
    ArgumentError
        A row differs.
    """
    if any("line" not in one.variables or one["line"].dims != ("pixel",) for one in (node, ds)):
        return
    theirs, own = node["line"].values, ds["line"].values
    other = np.flatnonzero(theirs != own)
    if other.size:
        at = int(other[0])
        raise ArgumentError(
            f"{where} has pixel {ds['pixel'].values[at] if 'pixel' in ds.coords else at} on the "
            f"detector's row {theirs[at]}, the dataset on row {own[at]}: {MEND}"
        )


def check_sky(sky: xr.Dataset, ds: xr.Dataset) -> None:
    """Refuse a node /sky, cut to the dataset and in order of time, that looks elsewhere.

    Compared are the directions of the middles of the pixels at the time of the dataset's `ra` and
    `dec`, if it has these, between the instants next to it.

    Raises
    ------
    ArgumentError
        They are further apart than a tenth of a row.
    """
    wanted = _directions(ds, ("pic", "pixel"))
    known = {"ra", "dec", "et"} <= sky.variables.keys() and {"instant", "point"} <= set(sky.dims)
    time = next((name for name in ("geometry_et", "et") if name in ds.variables), None)
    if wanted is None or not known or time is None:
        return
    whole = _directions(sky.isel(point=0), ("pic", "pixel", "instant"))
    if whole is None or "pic" not in sky["et"].dims:
        return
    et = sky["et"].transpose("pic", "instant").values
    when = middle_sample(ds[time])
    apart, bend = _apart(wanted, whole, et, np.broadcast_to(when.values, len(et)))
    with np.errstate(invalid="ignore"):
        off = apart > _NEAR + bend
    if off.any():
        pic, pixel = (int(at[0]) for at in np.nonzero(off))
        raise ArgumentError(
            f"backplanes: /sky looks {np.deg2rad(apart[pic, pixel]) * 1e3:.2g} mrad away from the "
            f"dataset's ra and dec, as in exposure {pic} of it, pixel {pixel}: {MEND}, with the "
            "kernels and optics of its geometry"
        )


def _directions(ds: xr.Dataset, dims: tuple[str, ...]) -> np.ndarray | None:
    """Unit vectors, (*dims, 3), of the middle one of several samples; None if they are not so."""
    if not {"ra", "dec"} <= ds.variables.keys():
        return None
    ra, dec = middle_sample(ds["ra"]), middle_sample(ds["dec"])
    if any(set(one.dims) != set(dims) for one in (ra, dec)):
        return None
    return sphere.vectors(*(one.transpose(*dims).values.astype(float) for one in (ra, dec)))


def _apart(
    wanted: np.ndarray, whole: np.ndarray, et: np.ndarray, when: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Degrees between directions (pic, pixel, 3) at times (pic,) and those that change, (pic,
    pixel, instant, 3), and by how much these may bend between instants (pic, instant).

    NaN where times are not among the instants.
    """
    last = et.shape[1] - 1
    before = np.clip((et <= when[:, None]).sum(axis=1) - 1, 0, max(last - 1, 0))
    after = np.minimum(before + 1, last)
    pics = np.arange(len(et))
    start, stop = et[pics, before], et[pics, after]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(stop > start, (when - start) / (stop - start), 0.0)
    share = np.where((share >= -1e-6) & (share <= 1 + 1e-6), share, np.nan)[:, None]
    first, second = whole[pics, :, before], whole[pics, :, after]
    between = sphere.unit(first + share[..., None] * (second - first))
    inside = np.minimum(share, 1 - share).clip(0.0, None)
    return sphere.angle(wanted, between), 2 * _BENT * inside * sphere.angle(first, second)
