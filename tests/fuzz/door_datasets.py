"""Datasets that were changed in one or two places: what each step makes of them is worked out anew.

An element is known by its detector row and column, an exposure by its number, so what is right does
not depend on order, dimensions, chunks or on what else is there.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from helpers import calfiles, formulas
from helpers.archive import Area

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.simulate import Window

from . import looking
from .harness import Door, Wrong

_LOST = 65535
_LEVEL = 4e-4
_AREA = Area(28, 300, 35, 619, 2, 16)
_KERNEL = np.array([1, 4, 6, 4, 1]) / 16


@dataclass(frozen=True)
class Sound:
    """Datasets that nothing is wrong with; per count, by row and column."""

    opened: xr.Dataset
    calibrated: xr.Dataset
    files: Path
    kernels: Any
    per_rate: dict[tuple[int, int], float]
    width: float


@cache
def sound() -> Sound:
    os.environ.pop("UVISXR_KERNELS", None)
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, True)
    os.environ["UVISXR_CACHE"] = folder
    made = uvisxr.simulate.observation(
        folder,
        exposures=4,
        seed=1,
        window=Window(*astuple(_AREA)),
        stars=0,
        lost=0,
        partial=0,
    )
    calibration = calfiles.folder(Path(tempfile.mkdtemp(dir=folder)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = made.open().load()
        seen = opened.uvis.geometry(kernels=made.kernels)
        done = seen.uvis.calibrate(files=calibration, **_PLAIN).load()
    middle = done["line"].values + (_AREA.line_bin - 1) / 2
    right = looking.fields(made.kernels, done["et"].values, middle)
    if wrong := looking.differences({name: done[name].values for name in right}, right):
        raise RuntimeError(f"the sound dataset has other fields than by SPICE: {wrong}")
    return Sound(opened, done, calibration, made.kernels, _by_hand(calibration, opened), 16.0)


def _by_hand(calibration: Path, ds: xr.Dataset) -> dict[tuple[int, int], float]:
    """Radiance per rate by detector row and column, by formulas written out once more."""
    count = float(formulas.clock(ds["et"].values.mean()))
    found, _ = formulas.Sensitivity.of(calibration, "FUV").summed("LOW_RESOLUTION", count, _AREA)
    return {
        (rows.start, columns.start): 1 / float(found[k, j])
        for k, rows in enumerate(_AREA.lines)
        for j, columns in enumerate(_AREA.bands)
    }


#: Nothing in which one element has a part in another.
_PLAIN: dict[str, Any] = {"smooth": False, "nan_interp": None, "trend": "evolution"}


@dataclass(frozen=True)
class Case:
    """A changed dataset, and the step to be tried on it."""

    ds: xr.Dataset
    step: str
    said: str
    folder: Path


Change = Callable[[np.random.Generator, xr.Dataset], xr.Dataset]

_VALUES = (0, -1, -3, 1, 2, 7, 0.5, 1e9, 1e300, -1e300, np.nan, np.inf, -np.inf)
_ODD = (None, "", "x", "2", b"2", 0, -3, 1, 2.5, 1e300, np.nan, np.inf, 10**400, [1], {}, object())
_COORDS = ("exposure", "et", "wl", "line", "band", "pic", "pixel", "quality", "wl_bounds")


def _pick(rng: np.random.Generator, things: Any) -> Any:
    return things[int(rng.integers(len(things)))]


def _some(rng: np.random.Generator, ds: xr.Dataset) -> str:
    names = [name for name in (*_COORDS, "counts") if name in ds.variables]
    return str(_pick(rng, names))


def one_value(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    """Another value somewhere, or everywhere."""
    name = _some(rng, ds)
    values, value = ds[name].values.copy(), _pick(rng, _VALUES)
    if value != int(value) if np.isfinite(value) else True:
        values = values.astype(float)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if values.ndim == 0 or rng.random() < 0.2:
                values[...] = value
            else:
                values.flat[int(rng.integers(values.size))] = value
        except (OverflowError, ValueError):
            values = np.full(values.shape, value, float)
    return _with(ds, name, values)


def _with(ds: xr.Dataset, name: str, values: np.ndarray) -> xr.Dataset:
    new = {name: (ds[name].dims, values, ds[name].attrs)}
    return ds.assign_coords(new) if name in ds.coords else ds.assign(new)


def other_type(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    name = _some(rng, ds)
    kind = _pick(
        rng,
        ["f2", "f4", "f8", "i2", "i4", "i8", "u1", "u4", "?", "U8", "O", "c16", "M8[ns]", "m8[s]"],
    )
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _with(ds, name, ds[name].values.astype(kind))
    except (TypeError, ValueError):
        return ds


def order(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    dim = _pick(rng, [d for d in ("pic", "pixel", "wl") if d in ds.dims] or ["pic"])
    if dim not in ds.dims:
        return ds
    n = ds.sizes[dim]
    chosen = (
        rng.permutation(n),
        np.arange(n)[::-1],
        rng.integers(n, size=n),
        np.sort(rng.choice(n, size=int(rng.integers(n)), replace=False)) if n else np.arange(0),
        np.arange(0),
        np.arange(n)[:1],
        np.delete(np.arange(n), slice(n // 2, n // 2 + 2)),
    )[int(rng.integers(7))]
    return ds.isel({dim: chosen})


def one_of(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    dim = _pick(rng, ("pic", "pixel", "wl"))
    return ds.isel({dim: 0}) if ds.sizes.get(dim) else ds


def dims(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    match int(rng.integers(5)):
        case 0:
            return ds.transpose(*rng.permutation(list(ds.dims)).tolist())
        case 1:
            return ds.chunk(
                {d: int(rng.integers(1, 5)) for d in ("pic", "pixel", "wl") if d in ds.dims}
            )
        case 2:
            dim = _pick(rng, list(ds.dims))
            return ds if "other" in ds.dims else ds.rename_dims({dim: "other"})
        case 3:
            return ds.reset_coords([n for n in ("exposure", "band") if n in ds.coords])
        case _:
            return ds if "more" in ds.dims else ds.expand_dims("more")


def dropped(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    name = _pick(rng, list(ds.variables))
    return ds.drop_vars(name)


def attribute(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    ds = ds.copy()
    name = _pick(rng, list(ds.attrs) or ["x"])
    often = ("line_bin", "band_bin", "lr_line", "lr_band", "channel", "slit", "calibrate_arguments")
    name = _pick(rng, often) if rng.random() < 0.6 else name
    if rng.random() < 0.3:
        ds.attrs.pop(name, None)
    else:
        ds.attrs[name] = _pick(rng, _ODD)
    return ds


def lost(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    """Elements that were not transmitted."""
    if "counts" not in ds:
        return ds
    values = ds.counts.values.copy()
    if values.size and values.dtype.kind in "uif" and values.dtype.itemsize > 1:
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(values.size))
            values.flat[at] = (
                np.nan if values.dtype.kind == "f" else np.array(_LOST).astype(values.dtype)
            )
    return _with(ds, "counts", values)


def twice(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    """Exposures or rows beside the same ones."""
    dim = _pick(rng, ("pic", "pixel"))
    # Of a single one there is no place for others.
    return xr.concat([ds, ds.isel({dim: slice(0, 2)})], dim) if dim in ds.dims else ds


def joined(rng: np.random.Generator, ds: xr.Dataset) -> xr.Dataset:
    """Some exposures with others that were summed, that lost an element, or seen from elsewhere."""
    if "pic" not in ds.dims or ds.sizes["pic"] < 4 or "counts" not in ds:
        return ds
    known = sound().calibrated if "radiance" in ds else sound().opened
    other = known.isel(pic=slice(2, 4))
    match int(rng.integers(3)) if "radiance" in ds else int(rng.integers(2)):
        case 0 if "radiance" not in ds:
            ds, other = lost(rng, ds), other.uvis.rebin(pic=2)
        case 2:
            other = other.uvis.geometry(kernels=sound().kernels, lon_direction="east")
        case _:
            other = lost(rng, other)
    parts = [ds.isel(pic=slice(0, 2)), other]
    order = parts if rng.random() < 0.5 else parts[::-1]
    names = set(order[0].variables) & set(order[1].variables)
    order = [part.drop_vars(set(part.variables) - names) for part in order]
    try:
        return xr.concat(order, "pic", coords="minimal", compat="override", data_vars="minimal")
    except (TypeError, ValueError):
        # What was changed before fits no other.
        return ds


CHANGES: tuple[Change, ...] = (
    *(one_value, one_value, one_value, other_type, other_type, order, order, order),
    *(one_of, dims, dims, dropped, dropped, attribute, attribute, lost),
    *(twice, joined, joined),
)


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    known = sound()
    if rng is None:
        return Case(known.opened, "calibrate", "", folder)
    step = _pick(rng, list(STEPS))
    ds, said = (known.calibrated if STEPS[step].after else known.opened), []
    for _ in range(int(rng.integers(0, 3)) or 1):
        change = _pick(rng, CHANGES)
        said.append(change.__name__)
        ds = change(rng, ds)
    return Case(ds, step, " ".join(said), folder)


def enter(case: Case) -> bool:
    step = STEPS[case.step]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = step.run(case)
        if isinstance(found, xr.Dataset):
            found = found.compute()
        strange = [w for w in caught if issubclass(w.category, RuntimeWarning)]
    if strange:
        raise Wrong(f"{case.step} after {case.said}: {strange[0].message}")
    try:
        if isinstance(found, xr.Dataset):
            _sane(found)
        step.law(case, found)
        warned = any(issubclass(w.category, UvisWarning) for w in caught)
        if case.step in _AVERAGING and not warned and _same_light(case.ds):
            raise Wrong("the same spectra are averaged as independent")
    except Wrong as error:
        raise Wrong(f"{case.step} after {case.said}: {error}") from None
    return warned


def _sane(found: xr.Dataset) -> None:
    for name in ("radiance", "rate", "brightness"):
        if name not in found:
            continue
        if found[name].dtype.kind != "f" or np.isinf(found[name].values).any():
            raise Wrong(f"{name} is infinite")
        for side in ("upper", "lower", "systematic"):
            error = found.get(f"{name}_{side}")
            if error is not None and ((error.values < 0) | np.isinf(error.values)).any():
                raise Wrong(f"{name}_{side} is below 0 or infinite")


def _elements(ds: xr.Dataset, name: str) -> np.ndarray:
    """Values (pic, pixel, wl), single ones too."""
    array = ds[name]
    array = array.reset_coords(drop=True)
    if "more" in array.dims:
        array = array.isel(more=0)
    for dim in ("pic", "pixel", "wl"):
        if dim not in array.dims:
            array = array.expand_dims(dim)
    extra = [dim for dim in array.dims if dim not in ("pic", "pixel", "wl")]
    if extra:
        raise Wrong(f"{name} has the dimensions {array.dims}")
    values: np.ndarray = array.transpose("pic", "pixel", "wl").values
    return values


def _counts(ds: xr.Dataset) -> np.ndarray:
    values = _elements(ds, "counts")
    known = values.astype(float)
    known[(known == _LOST) | (known < 0)] = np.nan
    return known


def _exposure(ds: xr.Dataset) -> np.ndarray:
    times = np.atleast_1d(np.asarray(ds["exposure"].values, float))
    if not (np.isfinite(times) & (times > 0)).all():
        raise Wrong(f"exposures of {times} s were taken")
    return times[:, None, None]


def _close(found: np.ndarray, right: np.ndarray, what: str, rtol: float = 1e-4) -> None:
    found, right = np.broadcast_arrays(np.asarray(found, float), right)
    scale = np.nanmax(abs(right), initial=0.0) if right.size else 0.0
    bad = ~np.isclose(found, right, rtol=rtol, atol=1e-7 * scale, equal_nan=True)
    if bad.any():
        raise Wrong(f"{what}: {found[bad][:3]}, not {right[bad][:3]}, {bad.sum()} of {bad.size}")


def _law_rate(case: Case, found: xr.Dataset) -> None:
    _exposure(case.ds)
    counts = case.ds["counts"].astype(float)
    right = counts.where((counts >= 0) & (counts != _LOST)) / case.ds["exposure"].variable
    rate = found["rate"]
    _close(rate.values, right.transpose(*rate.dims).values, "rate")


def _same_instrument(ds: xr.Dataset) -> bool:
    here, there = ds.attrs, sound().opened.attrs
    names = ("channel", "slit", "line_bin", "band_bin", "lr_line", "lr_band")
    return all(str(here.get(name)) == str(there[name]) for name in names)


def _law_calibrate(case: Case, found: xr.Dataset) -> None:
    ds, known = case.ds, sound()
    rate = _counts(ds) / _exposure(ds)
    et = np.atleast_1d(ds["et"].values)
    if not np.isfinite(et).all():
        raise Wrong("a radiance of no time")
    if not _same_instrument(ds) or not np.isin(et, known.opened["et"].values).all():
        return
    rows, columns = np.atleast_1d(ds["line"].values), np.atleast_1d(ds["band"].values)
    wl = np.atleast_1d(ds["wl"].values)
    if not np.isin(wl, known.opened["wl"].values).all():
        return
    factor = np.array(
        [[known.per_rate.get((int(r), int(c)), np.inf) for c in columns] for r in rows]
    )
    radiance = _elements(found, "radiance")
    ours = np.broadcast_to(np.isfinite(factor), radiance.shape) & np.isfinite(rate)
    _close(radiance[ours], (rate * factor)[ours], "radiance", 1e-3)


def _law_background(case: Case, found: xr.Dataset) -> None:
    if float(found["background"]) != _LEVEL:
        raise Wrong(f"the level is {float(found['background'])}")
    if not found["counts"].identical(case.ds["counts"].compute()) and not np.array_equal(
        _elements(found, "counts"), _elements(case.ds, "counts"), equal_nan=True
    ):
        raise Wrong("it changes the counts")


def _runs(ds: xr.Dataset) -> list[np.ndarray]:
    """Positions of elements that are neighbours on the detector, in their order there."""
    columns = np.atleast_1d(ds["band"].values).astype(float)
    order = np.argsort(columns, kind="stable")
    cuts = np.flatnonzero(np.diff(columns[order]) != sound().width) + 1
    if "wl_bounds" in ds.variables and "wl" in ds["wl_bounds"].dims:
        # They say it too, and more finely, where the columns were changed.
        edges = np.sort(ds["wl_bounds"].transpose("wl", ...).values.astype(float), axis=-1)
        order = np.argsort(edges[:, 0], kind="stable")
        apart = abs(edges[order][1:, 0] - edges[order][:-1, 1])
        cuts = np.flatnonzero(apart > 1e-3 * (edges[:, 1] - edges[:, 0]).mean()) + 1
    return [run for run in np.split(order, cuts) if run.size]


def _law_smooth(case: Case, found: xr.Dataset) -> None:
    if "band" not in case.ds.variables:
        return
    before, after = _elements(case.ds, "radiance"), _elements(found, "radiance")
    for run in _runs(case.ds):
        for k, at in enumerate(run):
            window = run[max(k - 2, 0) : k + 3]
            part = before[..., window]
            here = np.isfinite(after[..., at])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                low, high = np.nanmin(part, -1), np.nanmax(part, -1)
            slack = 1e-5 * np.maximum(abs(low), abs(high))
            beyond = here & ((after[..., at] < low - slack) | (after[..., at] > high + slack))
            if beyond.any():
                raise Wrong(f"element {at} is beyond its neighbours on the detector")
            if window.size == 5:
                whole = np.isfinite(part).all(-1)
                _close(after[..., at][whole], (part @ _KERNEL)[whole], "smoothed")


def _law_fill(case: Case, found: xr.Dataset) -> None:
    before, after = _elements(case.ds, "radiance"), _elements(found, "radiance")
    had = np.isfinite(before)
    _close(after[had], before[had], "what was there")
    if "band" not in case.ds.variables:
        return
    for run in _runs(case.ds):
        part = before[..., run]
        new = ~had[..., run] & np.isfinite(after[..., run])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            low, high = np.nanmin(part, -1)[..., None], np.nanmax(part, -1)[..., None]
        slack = 1e-5 * np.maximum(abs(low), abs(high))
        inside = (after[..., run] >= low - slack) & (after[..., run] <= high + slack)
        if (new & ~inside).any():
            raise Wrong("filled beyond what is known of the neighbours")


def _law_flag(case: Case, found: xr.Dataset) -> None:
    before = case.ds["quality"].values if "quality" in case.ds.variables else 0
    if not {"pic", "pixel"} <= set(case.ds.coords):
        return
    changed = found["quality"].values != before
    if changed.sum() > 1 and not _twice(case.ds):
        raise Wrong(f"{changed.sum()} spectra are flagged, not one")
    numbers = found["quality"].where(xr.DataArray(changed, dims=found["quality"].dims), drop=True)
    if numbers.size and (set(numbers.pic.values.flat), set(numbers.pixel.values.flat)) != (
        {1},
        {1},
    ):
        raise Wrong("another spectrum is flagged")


def _twice(ds: xr.Dataset) -> bool:
    return any(np.unique(ds[d].values).size != ds[d].size for d in ("pic", "pixel"))


def _same_light(ds: xr.Dataset) -> bool:
    """Whether any exposure or row is there more than once, by what tells them apart."""
    told = [ds[name].values for name in ("et", "line") if name in ds.variables]
    return any(values.ndim == 1 and np.unique(values).size < values.size for values in told)


#: Steps that average spectra.
_AVERAGING = ("bin", "bin by lat", "image")

_RANGE = (1320.0, 1500.0)


def _law_integrate(case: Case, found: xr.Dataset) -> None:
    ds = case.ds
    if "wl_bounds" not in ds.variables or ds["wl_bounds"].dims != ("wl", "bnds"):
        return
    edges = np.sort(ds["wl_bounds"].values.astype(float), axis=-1)
    width = np.clip(
        np.minimum(edges[:, 1], _RANGE[1]) - np.maximum(edges[:, 0], _RANGE[0]), 0, None
    )
    if width.sum() < 0.999 * (_RANGE[1] - _RANGE[0]):
        raise Wrong("an integral over a range that is not all there")
    right = _elements(ds, "radiance")[..., width > 0] @ width[width > 0]
    got = found["brightness"]
    for dim in ("pic", "pixel"):
        got = got if dim in got.dims else got.expand_dims(dim)
    _close(got.transpose("pic", "pixel").values, right, "brightness")


#: Bits of the flags "star" and "user".
_EXCLUDED = 4 | 16


def _law_bin(case: Case, found: xr.Dataset) -> None:
    if "radiance" not in found or "n" not in found.variables:
        return
    if _twice(case.ds):
        return
    ds = case.ds.where(case.ds.pic.isin([0, 1, 2]) & (case.ds.pixel == 1), drop=True)
    good = np.ones(ds.pic.size)
    if "quality" in ds.variables:
        good = ds["quality"].values.ravel().astype(int) & _EXCLUDED == 0
    if int(found["n"].values.sum()) != int(good.sum()):
        raise Wrong(f"{found['n'].values} members, not {good.sum()}")
    if good.sum():
        members = _elements(ds, "radiance").reshape(good.size, -1)[good.astype(bool)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            right = np.nanmean(members, axis=0)
        _close(found["radiance"].values.reshape(-1), right, "mean", 1e-3)


def _law_rebin(case: Case, found: xr.Dataset) -> None:
    before = _counts(case.ds)
    after = _elements(found, "counts").astype(float)
    after[after == 2**32 - 1] = np.nan
    if not np.nansum(after) <= np.nansum(before) * (1 + 1e-12):
        raise Wrong("counts are made")
    if not np.isnan(before).any() and before.shape[0] % 2 == 0 and np.nansum(after) != before.sum():
        raise Wrong("counts are lost")


def _law_image(case: Case, found: Any) -> None:
    if np.isinf(found.values).any():
        raise Wrong("infinite")
    if "radiance" in case.ds and found.size and np.isfinite(found.values).any():
        top = np.nanmax(abs(_elements(case.ds, "radiance"))) * 1000
        if np.nanmax(abs(found.values)) > top:
            raise Wrong("brighter than all there is")


def _law_netcdf(case: Case, found: Path) -> None:
    with xr.open_dataset(found) as back:
        for name in ("counts", "radiance"):
            if name in case.ds:
                here = case.ds[name].values
                there = back[name].transpose(*case.ds[name].dims).values
                if here.dtype.kind in "uif" and here.dtype.kind == there.dtype.kind:
                    _close(there, here.astype(float), name, 1e-6)


def _law_json(case: Case, found: Path) -> None:
    read = uvisxr.load_json(found)
    if not isinstance(read, dict) or "NaN" in found.read_text():
        raise Wrong("no JSON")


def _law_geometry(case: Case, found: xr.Dataset) -> None:
    ds, known = case.ds, sound().calibrated
    if not _same_instrument(ds) or ds.attrs.get("target") != known.attrs["target"]:
        return
    for name in ("lat", "tangent_alt", "ra"):
        got, right = found[name], known[name].values
        for dim in ("pic", "pixel"):
            got = got if dim in got.dims else got.expand_dims(dim)
        values = got.transpose("pic", "pixel").values
        for k, et in enumerate(np.atleast_1d(ds["et"].values)):
            for j, row in enumerate(np.atleast_1d(ds["line"].values)):
                when, where = known["et"].values == et, known["line"].values == row
                if when.any() and where.any():
                    _close(values[k, j], right[when, where][0], name)


def _any(case: Case, found: object) -> None:
    pass


def _plot(case: Case) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    try:
        # Of few dots, as they are many pictures.
        figure = plt.figure(dpi=20)
        case.ds.uvis.plot.spectrum([(1, 1)], ax=figure.subplots())
        figure.canvas.draw()
    finally:
        plt.close("all")


@dataclass(frozen=True)
class Step:
    """A step, whether it is of calibrated datasets, and what is right."""

    run: Callable[[Case], Any]
    law: Callable[[Case, Any], None]
    after: bool = False


STEPS = {
    "rate": Step(lambda c: c.ds.uvis.rate(), _law_rate),
    "calibrate": Step(lambda c: c.ds.uvis.calibrate(files=sound().files, **_PLAIN), _law_calibrate),
    "background": Step(lambda c: c.ds.uvis.background(level=_LEVEL), _law_background),
    "smooth": Step(lambda c: c.ds.uvis.smooth(force=True), _law_smooth, True),
    "fill_nan": Step(lambda c: c.ds.uvis.fill_nan(), _law_fill, True),
    "flag": Step(lambda c: c.ds.uvis.flag([(1, 1)]), _law_flag),
    "integrate": Step(lambda c: c.ds.uvis.integrate(_RANGE), _law_integrate, True),
    "bin": Step(
        lambda c: c.ds.uvis.bin(pixels=[[(0, 1), (1, 1), (2, 1)]], exclude=["star", "user"]),
        _law_bin,
        True,
    ),
    "bin by lat": Step(lambda c: c.ds.uvis.bin({"lat": [-90, 0, 90]}), _any, True),
    "rebin": Step(lambda c: c.ds.uvis.rebin(pic=2), _law_rebin),
    "geometry": Step(lambda c: c.ds.uvis.geometry(kernels=sound().kernels), _law_geometry),
    "image": Step(lambda c: c.ds.uvis.image(nx=5, ny=5), _law_image, True),
    "to_netcdf": Step(lambda c: c.ds.uvis.to_netcdf(c.folder / "x.nc"), _law_netcdf),
    "to_json": Step(lambda c: c.ds.uvis.to_json(c.folder / "x.json"), _law_json, True),
    "spectrum": Step(_plot, _any, True),
}

DOOR = Door(make, enter)
