"""The dimensions of spectra: exposures, pixels and wavelengths, or bins in their place."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from ...errors import ArgumentError, MissingStepError
from .. import single

#: Dimensions of the spectra that a dataset is opened with, and what they count.
FRAME = {"pic": "exposure", "pixel": "pixel", "wl": "wavelength"}

NUMBERS = ("pic", "pixel")
WINDOW = ("line", "band")

MEANS = ("radiance", "radiance_weighted")

QUANTITIES = ("counts", *MEANS, "brightness", "brightness_weighted")

#: The dimension of `FRAME` that a variable lies along.
_AXIS = {
    **dict.fromkeys(("pic", "exposure", "et", "product"), "pic"),
    **dict.fromkeys(("time_start", "time_stop"), "pic"),
    **dict.fromkeys(("pixel", "line"), "pixel"),
    **dict.fromkeys(("wl", "band"), "wl"),
}


def levels(ds: xr.Dataset, dim: str) -> int:
    """How many levels the index of a dimension has; 1 without index."""
    return getattr(ds.indexes.get(dim), "nlevels", 1)


def bins(ds: xr.Dataset) -> set[str]:
    """Dimensions of bins."""
    # Exposures may have been given that name.
    binned = "n" in ds.variables and "n" not in ds.dims
    return set(map(str, ds.variables["n"].dims)) if binned else set()


def along_pic(ds: xr.Dataset, *names: str) -> list[np.ndarray] | None:
    """Values of each exposure, (pic,); None if some are missing or of something else."""
    found = []
    for name in names:
        variable = ds.variables.get(name)
        if variable is None or not set(variable.dims) <= {"pic"}:
            return None
        found.append(np.broadcast_to(variable.values, ds.sizes.get("pic", 1)))
    return found


def setup_of(ds: xr.Dataset, step: str, name: str) -> np.ndarray | None:
    """Numbers of the set-up of each exposure, (pic,); None if they are not there.

    Raises
    ------
    ArgumentError
        They are no numbers any more.
    """
    found = None if bins(ds) else along_pic(ds, name)
    if found is None:
        return None
    if found[0].dtype.kind not in "iuf" or found[0].dtype.itemsize < 4:
        raise ArgumentError(
            f"{step}: {name} is of the type {found[0].dtype}, which does not hold the numbers of "
            f"set-ups: keep it as it was made, or leave it out with ds.drop_vars({name!r}), if all "
            "exposures are as the attributes say"
        )
    return found[0]


def check_axes(ds: xr.Dataset, step: str, names: Iterable[str]) -> None:
    """Refuse exposures, pixels and wavelengths along dimensions of other names."""
    names = [*names]
    if _lists(ds, names):
        raise ArgumentError(single.reopened(step))
    for name in names:
        axis = _AXIS.get(name)
        if name == "quality" and not set(ds.variables[name].dims) <= {*NUMBERS, *bins(ds)}:
            raise ArgumentError(
                f"{step}: quality has the dimensions {ds.variables[name].dims}, but holds the flags"
                " of spectra, (pic, pixel): keep it as uvisxr.open_product gives it"
            )
        if axis is None:
            _check_along(ds, step, name, NUMBERS if name == "quality" else ())
            continue
        _check_along(ds, step, name, (axis,) if name in WINDOW else ())
        if axis == name and axis in ds.dims and levels(ds, axis) > 1:
            raise ArgumentError(
                f"{step}: {axis} is an index of several levels, not of numbers: call "
                f"ds.reset_index({axis!r}) first"
            )
        other = [str(d) for d in ds.variables[name].dims if d not in {axis, *bins(ds)}]
        if other:
            raise ArgumentError(
                f"{step}: the dimension of the {FRAME[axis]}s must be {axis!r}, but {name} runs "
                f"along {' and '.join(map(repr, ds.variables[name].dims))}: "
                f"{_axis_back(ds, axis, other[0])}"
            )


def _lists(ds: xr.Dataset, names: Iterable[str]) -> bool:
    """Whether exposures or pixels are those of a list of spectra."""
    own = {name for name in names if name == "quality" or _AXIS.get(name, "wl") != "wl"}
    listed = single.is_list(ds) and levels(ds, single.DIM) == 1
    return listed and any(single.DIM in ds.variables[name].dims for name in own)


def _check_along(ds: xr.Dataset, step: str, name: str, dims: Iterable[str]) -> None:
    """Refuse one value for all where each has its own."""
    if bins(ds):
        return
    lost = [d for d in dims if ds.sizes.get(d, 1) != 1 and d not in ds.variables[name].dims]
    if lost:
        raise ArgumentError(
            f"{step}: {name} has no dimension {' or '.join(map(repr, lost))}, but each "
            f"{' and '.join(FRAME[d] for d in lost)} has its own: keep it as uvisxr.open_product "
            "gives it"
        )


#: What helps after groupby, whose dimension has the names of groups.
_UNGROUP = (
    "it is what ds.groupby({0!r}) leaves; take the dataset before that, and merge spectra with "
    "ds.uvis.bin(pixels=...)"
)


def _is_grouped(ds: xr.Dataset, dim: str) -> bool:
    """Whether a dimension has names, as groups have: renamed, it would still not be exposures."""
    return dim in ds.variables and ds.variables[dim].dtype.kind not in "iuf"


def _axis_back(ds: xr.Dataset, axis: str, dim: str) -> str:
    """How the dimension `axis` is had back from `dim`."""
    merged = sorted({a for n, a in _AXIS.items() if n in ds.variables and dim in ds[n].dims})
    if axis in ds.dims:
        return f"choose one with ds.isel({dim}=0), or keep the coordinates as opened"
    if axis == "pic" and not {"et", "exposure"} & {n for n in ds.variables if dim in ds[n].dims}:
        return (
            f"sums and means over exposures, as of groupby({dim!r}), drop what steps need of each: "
            "merge spectra with ds.uvis.bin(pixels=...) or exposures with ds.uvis.rebin, or sum "
            "and average what calibrate gives"
        )
    if len(merged) > 1:
        return (
            f"{' and '.join(merged)} were stacked; take the dataset before that, and merge spectra "
            "with ds.uvis.bin(pixels=...)"
        )
    if axis in ds.variables:
        return f"call ds.swap_dims({{{dim!r}: {axis!r}}}) first"
    if _is_grouped(ds, dim):
        return _UNGROUP.format(dim)
    return f"call ds.rename({{{dim!r}: {axis!r}}}) first"


def check_range(ds: xr.Dataset, step: str) -> None:
    """Refuse what was integrated over different ranges of wavelengths and joined since."""
    for name in ("wl_bounds", "wl"):
        dims = ds.variables[name].dims if name in ds.variables else ()
        along = [dim for dim in NUMBERS if dim in dims]
        if along and "wl" not in ds.dims:
            raise ArgumentError(
                f"{step}: {name} differs along {along[0]}: brightnesses of different ranges of "
                "wavelengths were joined, which have no mean and no spectrum in common: take each "
                "by itself, or integrate all over one range before"
            )


def check_spectra(ds: xr.Dataset, step: str) -> None:
    """Refuse spectra along dimensions that no step knows."""
    known = {*FRAME, "sample", *bins(ds)}
    for name in QUANTITIES:
        dims = ds.variables[name].dims if name in ds.variables else ()
        other = [str(dim) for dim in dims if dim not in known]
        if other:
            lost = [axis for axis in FRAME if axis not in ds.dims and axis not in ds.variables]
            mend = f"ds.isel({other[0]}=0) chooses one of them"
            if lost and _is_grouped(ds, other[0]):
                mend = _UNGROUP.format(other[0])
            elif lost:
                mend = f"call ds.rename({{{other[0]!r}: {lost[0]!r}}}) first"
            raise ArgumentError(
                f"{step}: {name} has the dimension {', '.join(map(repr, other))} besides pic, pixel"
                f" and wl: {mend}"
            )


def check_wavelengths(ds: xr.Dataset, step: str) -> None:
    """Refuse radiances without wavelengths, and with other dimensions than their errors."""
    for name in MEANS:
        if name not in ds.variables:
            continue
        dims = set(ds.variables[name].dims)
        if "wl" not in dims:
            raise MissingStepError(without_wl(step, name, ds.variables[name].dims))
        bounds = [f"{name}_{part}" for part in ("upper", "lower")]
        there = [bound for bound in bounds if bound in ds.variables]
        if len(there) == 1:
            (lost,) = {*bounds} - {*there}
            raise MissingStepError(
                f"{step}: the dataset has {there[0]} but no {lost}: keep both, or leave both out "
                f"with ds.drop_vars({there[0]!r})"
            )
        for part in ("upper", "lower", "systematic"):
            error = f"{name}_{part}"
            own = set(ds.variables[error].dims) if error in ds.variables else dims
            if own != dims:
                (dim, *_) = map(str, dims ^ own)
                raise ArgumentError(
                    f"{step}: only one of {name} and {error} has the dimension {dim!r}, as after "
                    f"expand_dims: choose one with ds.isel({dim}=0), or give it to both"
                )


def without_wl(step: str, what: str, dims: Iterable[object]) -> str:
    """Message about what has no dimension of wavelengths."""
    found = ", ".join(map(repr, dims)) or "none"
    return (
        f"{step}: {what} has no dimension 'wl' (its dimensions: {found}): rename that of the "
        "wavelengths with rename, and select with isel(wl=[0]) instead of isel(wl=0)"
    )
