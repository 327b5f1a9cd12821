"""Datasets that went through xarray's own methods, at the door of every step.

Each of `MANGLED` is given to each of `STEPS`. What comes is right (what the step makes of the
dataset as it was, where the mangling changed no number) or a `UvisError` in words of ours.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.slow import rest_slow
from helpers.sunlight import flat

import uvisxr
from uvisxr import UvisError
from uvisxr.dataset import needs, setups
from uvisxr.errors import ArgumentError, ExportError, MissingStepError, UvisWarning
from uvisxr.simulate import Simulation, Window

pytestmark = pytest.mark.filterwarnings("ignore::uvisxr.UvisWarning")

#: What numpy and xarray would say.
FOREIGN = (
    "No variable named|Expected one or more of|ufunc|permuted list|operands|reduction operation"
    "|zero-size|out of bounds|not found in|cannot cast|invalid literal|does not have"
)

DIMS = ("pic", "pixel", "wl")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Simulation:
    """Six exposures of one small window, without stars or losses."""
    return uvisxr.simulate.observation(
        tmp_path_factory.mktemp("needs"),
        exposures=6,
        seed=1,
        window=Window(26, 100, 37, 803, 2, 16),
        stars=0,
        lost=0,
        partial=0,
    )


@pytest.fixture(scope="module")
def before(made) -> dict[str, xr.Dataset]:
    opened = made.open().load()
    ds = opened.uvis.geometry(kernels=made.kernels).uvis.background(level=4e-4)
    return {"opened": opened, "calibrated": ds.uvis.calibrate(files=made.calibration).load()}


Change = Callable[[xr.Dataset], xr.Dataset]


def _without(ds: xr.Dataset, attr: str) -> xr.Dataset:
    ds = ds.copy()
    ds.attrs.pop(attr)
    return ds


def _of_type(ds: xr.Dataset, name: str, dtype: type) -> xr.Dataset:
    return ds.assign({name: ds[name].fillna(0).astype(dtype)}) if name in ds.variables else ds


#: No number is changed: what is right is known.
SAME: dict[str, Change] = {
    "transpose": lambda ds: ds.transpose(),
    "wl first": lambda ds: ds.transpose("wl", ...),
    "float counts": lambda ds: ds.assign(counts=ds.counts.astype(float)),
    "int counts": lambda ds: ds.assign(counts=ds.counts.astype(int)),
    "missing counts as NaN": lambda ds: ds.assign(counts=ds.counts.where(ds.counts != 65535)),
    "int exposure": lambda ds: ds.assign_coords(exposure=ds.exposure.astype(int)),
    "single exposure time": lambda ds: ds.assign_coords(exposure=float(ds.exposure[0])),
    "chunk": lambda ds: ds.chunk(pic=4, pixel=2, wl=10),
    "reset_coords": lambda ds: ds.reset_coords(),
    "rename_dims wl": lambda ds: ds.rename_dims(wl="nu"),
    "swap_dims pic": lambda ds: ds.swap_dims(pic="time"),
    "swap_dims pixel": lambda ds: ds.swap_dims(pixel="line"),
    "swap_dims wl": lambda ds: ds.swap_dims(wl="band"),
    "index of levels": lambda ds: ds.set_index(pic=["sclk", "et"], append=False),
    "drop_attrs": lambda ds: ds.drop_attrs(),
    **{f"rename {dim}": lambda ds, dim=dim: ds.rename({dim: "other"}) for dim in DIMS},
    "rename pic to n": lambda ds: ds.rename(pic="n"),
    **{f"drop {dim}": lambda ds, dim=dim: ds.drop_vars(dim) for dim in DIMS},
    **{
        f"drop {name}": lambda ds, name=name: ds.drop_vars(name)
        for name in ("band", "line", "et", "exposure", "time", "time_start", "time_stop", "sclk")
    },
    **{
        f"drop {name}": lambda ds, name=name: ds.drop_vars(name, errors="ignore")
        for name in ("product", "quality", "wl_bounds", "counts", "ra_corners", "alt")
    },
    **{
        f"without {name}": lambda ds, name=name: _without(ds, name)
        for name in ("channel", "slit", "line_bin", "band_bin", "lr_line", "lr_band", "target")
    },
}

#: Part of the numbers is left: what is right is that part.
PARTS: dict[str, Change] = {
    **{f"one {dim}": lambda ds, dim=dim: ds.isel({dim: [1]}) for dim in DIMS},
    **{f"scalar {dim}": lambda ds, dim=dim: ds.isel({dim: 1}) for dim in DIMS},
    **{f"empty {dim}": lambda ds, dim=dim: ds.isel({dim: []}) for dim in DIMS},
    **{f"every other {dim}": lambda ds, dim=dim: ds.isel({dim: slice(1, None, 2)}) for dim in DIMS},
    **{f"backwards {d}": lambda ds, d=d: ds.isel({d: slice(None, None, -1)}) for d in DIMS[:2]},
}

#: The numbers are others, or nonsense.
CHANGED: dict[str, Change] = {
    **{f"coarsen {dim}": lambda ds, dim=dim: ds.coarsen({dim: 2}).sum() for dim in DIMS},
    **{f"coarsen {d} by 3": lambda ds, d=d: _three(ds, d) for d in DIMS},
    **{f"sum {dim}": lambda ds, dim=dim: ds.sum(dim) for dim in DIMS},
    **{f"mean {dim}": lambda ds, dim=dim: ds.mean(dim) for dim in DIMS},
    "stack": lambda ds: ds.stack(s=("pic", "pixel")),
    "stack without index": lambda ds: ds.stack(s=("pic", "pixel"), create_index=False),
    "expand_dims": lambda ds: ds.expand_dims(orbit=[1, 2]),
    "expand_dims of one": lambda ds: ds.expand_dims("orbit"),
    "concat": lambda ds: xr.concat([ds, ds], "orbit", coords="all"),
    "from a table": lambda ds: ds[["counts"]].to_dataframe().to_xarray(),
    "reindex": lambda ds: ds.reindex(pic=[0, 1, 9]),
    "groupby": lambda ds: ds.groupby("product").mean(),
    "interp": lambda ds: ds[["counts"]].reset_coords(drop=True).interp(wl=[1300.0, 1310.0]),
    "half counts": lambda ds: ds.assign(counts=ds.counts * 0.5),
    "infinite counts": lambda ds: ds.assign(counts=ds.counts * np.inf),
    "negative counts": lambda ds: ds.assign(counts=ds.counts.astype(int) - 1),
    "counts as texts": lambda ds: ds.assign(counts=ds.counts.astype(str)),
    "no exposure time": lambda ds: ds.assign_coords(exposure=ds.exposure * 0),
    "exposure as timedelta": lambda ds: ds.assign_coords(exposure=ds.time_stop - ds.time_start),
    "rows beyond the detector": lambda ds: ds.assign_coords(line=ds.line + 60),
    "odd channel": lambda ds: ds.assign_attrs(channel="HSP"),
    "odd bin": lambda ds: ds.assign_attrs(line_bin="two"),
    "no slit": lambda ds: ds.assign_attrs(slit=None),
    "unknown slit": lambda ds: ds.assign_attrs(slit=""),
    "shuffled wl": lambda ds: ds.isel(wl=np.random.default_rng(0).permutation(ds.sizes["wl"])),
    "every wl twice": lambda ds: xr.concat([ds, ds], "wl", data_vars="minimal", coords="minimal"),
    "wl not finite": lambda ds: ds.assign_coords(wl=ds.wl.where(ds.wl != ds.wl[3])),
    "wl as texts": lambda ds: ds.assign_coords(wl=ds.wl.astype(str)),
    "wl as dates": lambda ds: ds.assign_coords(wl=ds.wl.astype("M8[ns]")),
    "shifted wl": lambda ds: ds.assign_coords(wl=ds.wl + 20),
    "complex radiance": lambda ds: ds.assign(radiance=ds.counts * 1j),
    "et in single precision": lambda ds: ds.assign_coords(et=ds.et.astype("f4")),
    "et far away": lambda ds: ds.assign_coords(et=ds.et - 1e12),
    "no et is finite": lambda ds: ds.assign_coords(et=ds.et * np.nan),
    "lazy exposure below 0": lambda ds: ds.assign_coords(exposure=(-ds.exposure).chunk()),
    "lazy rows beyond the detector": lambda ds: ds.assign_coords(line=(ds.line + 100).chunk()),
    "one line": lambda ds: ds.assign_coords(line=3),
    "one band": lambda ds: ds.assign_coords(band=3),
    "one quality": lambda ds: ds.assign_coords(quality=np.uint8(0)),
    "quality of exposures": lambda ds: ds.assign_coords(quality=ds.pic.astype("u1")),
    "bin below 0": lambda ds: ds.assign_attrs(band_bin=-3),
    "alt as texts": lambda ds: ds.assign_coords(
        {n: ds[n].astype(str) for n in ("alt", "alt_corners") if n in ds}
    ),
    "arguments that are none": lambda ds: ds.assign_attrs(calibrate_arguments="{oops"),
    "lower bounds alone": lambda ds: ds.drop_vars("radiance_upper", errors="ignore"),
    "elements that overlap": lambda ds: ds.assign_coords(
        wl_bounds=ds.wl_bounds.where((ds.wl != ds.wl[3]) | (ds.wl_bounds > ds.wl), 1000.0)
    ),
    "bounds as texts": lambda ds: ds.assign_coords(wl_bounds=ds.wl_bounds.astype(str)),
    "unsigned band backward": lambda ds: ds.assign_coords(
        band=("wl", ds.band.values[::-1].astype("uint16"))
    ),
    "errors as whole numbers": lambda ds: _of_type(ds, "radiance_upper", int),
    "errors as texts": lambda ds: _of_type(ds, "radiance_lower", str),
    "background as whole number": lambda ds: ds.uvis.background(level=4e-4).assign_coords(
        background=0
    ),
    "sensitivity as whole numbers": lambda ds: _of_type(ds, "sensitivity", int),
    "whole bounds": lambda ds: ds.assign_coords(wl_bounds=ds.wl_bounds.astype("uint32")),
    "wl in metres": lambda ds: ds.assign_coords(wl=ds.wl * 1e10).drop_vars("wl_bounds"),
    "huge bin": lambda ds: ds.assign_attrs(band_bin=10**400),
    "terms of another dimension": lambda ds: (
        ds.assign(sensitivity=ds.sensitivity.rename(term="other")) if "sensitivity" in ds else ds
    ),
    "empty arguments": lambda ds: ds.assign_attrs(calibrate_arguments="{}"),
}


def _three(ds: xr.Dataset, dim: str) -> xr.Dataset:
    # Means of three neighbours are whole numbers again.
    return ds.coarsen({dim: 3}, boundary="trim").mean()


MANGLED = {**SAME, **PARTS, **CHANGED}


def steps(made: Simulation, folder) -> dict[str, Callable[[xr.Dataset], Any]]:
    files = {"files": made.calibration}
    return {
        "geometry": lambda ds: ds.uvis.geometry(kernels=made.kernels),
        "background": lambda ds: ds.uvis.background(level=5e-4),
        "background measured": lambda ds: ds.uvis.background(method="mean", alt_min=1000),
        "flagged": lambda ds: ds.uvis.flagged(["star", "dark_line"]).to_dataset(),
        "evil_share": lambda ds: ds.uvis.evil_share().to_dataset(),
        "flag": lambda ds: ds.uvis.flag([(1, 1)]),
        "unflag": lambda ds: ds.uvis.unflag([(1, 1)]),
        "calibrate": lambda ds: ds.uvis.calibrate(**files),
        "calibration_factor": lambda ds: ds.uvis.calibration_factor(**files),
        "rate": lambda ds: ds.uvis.rate(),
        "predict_stars": lambda ds: ds.uvis.predict_stars(),
        "fill_nan": lambda ds: ds.uvis.fill_nan(),
        "smooth": lambda ds: ds.uvis.smooth(force=True),
        "integrate": lambda ds: ds.uvis.integrate(),
        "bin": lambda ds: ds.uvis.bin({"alt": [-3000, 0, 1000, 5000]}),
        "bin by hand": lambda ds: ds.uvis.bin(pixels=[[(1, 1), (1, 2)]]),
        "reflectance": lambda ds: ds.uvis.reflectance(flat(), distance=9.0),
        "photometry": lambda ds: ds.uvis.photometry(flat(), background="none"),
        "image": lambda ds: ds.uvis.image(nx=5).to_dataset(),
        # Where rays graze, rounding moves footprints by more than the tolerance.
        "map": lambda ds: ds.uvis.map(spacing=10, altitude=2500, ems_max=85),
        "stars.save": lambda ds: ds.uvis.stars.save(folder / "s.txt"),
        "to_json": lambda ds: ds.uvis.to_json(folder / "s.json"),
        "to_netcdf": lambda ds: ds.uvis.to_netcdf(folder / "s.nc"),
        "evolution": lambda ds: ds.uvis.plot.evolution(wl_range=None, pixels=[1]),
    }


#: Variables that tell whether a step was right.
TELLING = {
    "geometry": ("alt", "lon", "ra_corners", "sc_alt"),
    "background": ("background", "quality"),
    "background measured": ("background", "background_error"),
    "flagged": ("flagged",),
    "evil_share": ("evil_share",),
    "flag": ("quality",),
    "unflag": ("quality",),
    "calibrate": ("radiance", "radiance_upper", "radiance_lower", "radiance_systematic"),
    "calibration_factor": ("calibration_factor",),
    "rate": ("rate", "rate_upper"),
    "predict_stars": ("star_count",),
    "fill_nan": ("radiance", "radiance_upper"),
    "smooth": ("radiance",),
    "integrate": ("brightness", "brightness_upper"),
    "bin": ("radiance", "radiance_upper", "n"),
    "bin by hand": ("radiance", "radiance_lower", "n"),
    "reflectance": ("reflectance", "reflectance_upper", "reflectance_systematic"),
    "photometry": ("reflectance", "reflectance_upper", "disk_share"),
    "image": ("brightness",),
    "map": ("brightness", "spectra"),
}


@pytest.fixture(scope="module")
def right(made, before, tmp_path_factory) -> dict[str, dict[str, Any]]:
    """What each step makes of what was not mangled."""
    folder = tmp_path_factory.mktemp("right")
    found: dict[str, dict[str, Any]] = {}
    for stage, ds in before.items():
        found[stage] = {}
        for name, step in steps(made, folder).items():
            try:
                found[stage][name] = step(ds)
            except UvisError:
                assert stage == "opened"
    return found


@pytest.mark.parametrize("stage", rest_slow(["opened", "calibrated"], 1))
@pytest.mark.parametrize("mangling", rest_slow(sorted(MANGLED)[::-1], len(MANGLED) // 2))
def test_steps_are_right_or_say_what_is_missing(
    mangling, stage, made, before, right, tmp_path, monkeypatch
):
    ds = MANGLED[mangling](before[stage])
    for name, step in steps(made, tmp_path).items():
        # What writes and draws anything does so with radiances, too.
        if stage == "opened" and name in ("to_netcdf", "to_json", "evolution"):
            continue
        try:
            result = step(ds)
            if isinstance(result, xr.Dataset):
                result = result.compute()
        except UvisError as error:
            assert not re.search(FOREIGN, str(error)), (name, error)
            assert len(str(error)) > 30 and ":" in str(error), (name, error)
            continue
        if mangling in SAME and name in right[stage]:
            # Without what it needs of the counts, an integral has its bounds from the elements'.
            lost = mangling in ("drop counts", "drop exposure") and name == "integrate"
            same(result, right[stage][name], TELLING.get(name, ()), 0.02 if lost else 2e-5)
        if mangling in PARTS and name in ("geometry", "calibrate", "rate", "calibration_factor"):
            same(result, PARTS[mangling](right[stage][name]), TELLING[name])


def same(found: Any, expected: Any, names: tuple[str, ...], rtol: float = 2e-5) -> None:
    for name in names:
        if name in expected and name in found:
            a, b = found[name].variable, expected[name].variable
            if set(a.dims) == set(b.dims):
                a = a.transpose(*b.dims)
            np.testing.assert_allclose(a.values, b.values, rtol=rtol, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "mangling",
    [
        "swap_dims pic",
        "swap_dims pixel",
        "rename pic",
        "rename pic to n",
        "rename pixel",
        "index of levels",
    ],
)
def test_what_an_error_says_mends_it(mangling, made, before, right):
    ds = SAME[mangling](before["opened"])
    with pytest.raises(ArgumentError, match="call ds") as caught:
        ds.uvis.calibrate(files=made.calibration)
    call, arguments = re.search(r"call ds\.(\w+)\((.*)\) first", str(caught.value)).groups()
    quoted = re.findall("'(.*?)'", arguments)
    mended = getattr(ds, call)(quoted[0] if len(quoted) == 1 else dict([quoted]))
    found = mended.uvis.calibrate(files=made.calibration)
    same(found, right["opened"]["calibrate"], TELLING["calibrate"])


@pytest.mark.parametrize(
    ("mangling", "step", "kind", "words"),
    [
        ("rename wl", "calibrate", ArgumentError, "ds.rename({'other': 'wl'})"),
        ("rename_dims wl", "integrate", ArgumentError, "ds.swap_dims({'nu': 'wl'})"),
        ("coarsen pic", "background", ArgumentError, "pic is of the type float64"),
        ("coarsen pic by 3", "calibrate", ArgumentError, "pic is of the type float64"),
        ("coarsen wl by 3", "calibrate", ArgumentError, "ds.uvis.rebin"),
        ("coarsen pic by 3", "geometry", ArgumentError, "coarsen, groupby or interp"),
        ("coarsen pic", "flag", ArgumentError, "numbers of exposures are whole numbers"),
        ("sum pic", "calibrate", MissingStepError, "no et, exposure"),
        ("sum pixel", "calibrate", MissingStepError, "no line"),
        ("scalar pic", "flag", MissingStepError, "isel(pic=[0])"),
        ("scalar wl", "integrate", MissingStepError, "isel(wl=[0])"),
        ("drop exposure", "rate", MissingStepError, "no exposure"),
        ("drop_attrs", "calibrate", MissingStepError, "ds.assign_attrs(opened.attrs)"),
        ("drop_attrs", "rate", MissingStepError, "lost its attributes compression"),
        ("drop_attrs", "integrate", MissingStepError, "calibrate_arguments"),
        ("without target", "geometry", ArgumentError, "pass target="),
        ("stack", "calibrate", ArgumentError, "pic and pixel were stacked"),
        ("stack without index", "calibrate", ArgumentError, "pic and pixel were stacked"),
        ("expand_dims", "calibrate", ArgumentError, "ds.isel(orbit=0)"),
        ("expand_dims", "smooth", ArgumentError, "radiance_upper has the dimension 'orbit'"),
        ("reindex", "rate", ArgumentError, "ds.sel(pic=ds.exposure > 0)"),
        (
            "reindex",
            "calibrate",
            ArgumentError,
            "(ds.et > -69854337) & (ds.et < 558792069)",
        ),
        ("shuffled wl", "calibrate", ArgumentError, 'ds.sortby("wl")'),
        ("shuffled wl", "background", ArgumentError, 'ds.sortby("wl")'),
        ("shuffled wl", "smooth", ArgumentError, 'ds.sortby("wl")'),
        ("shuffled wl", "fill_nan", ArgumentError, 'ds.sortby("wl")'),
        ("shuffled wl", "integrate", ArgumentError, 'ds.sortby("wl")'),
        ("every wl twice", "smooth", ArgumentError, 'ds.sortby("wl").drop_duplicates("wl")'),
        ("wl not finite", "integrate", ArgumentError, "ds.sel(wl=np.isfinite(ds.wl))"),
        ("wl as texts", "integrate", ArgumentError, "wl is of the type"),
        ("wl as dates", "calibrate", ArgumentError, "wl is of the type datetime64"),
        ("drop wl", "integrate", MissingStepError, "has no wl"),
        ("shifted wl", "integrate", ArgumentError, "wl_bounds=ds.wl_bounds + x"),
        ("complex radiance", "integrate", ArgumentError, "of the type complex"),
        ("et in single precision", "geometry", ArgumentError, "right to some 16 s"),
        ("et in single precision", "calibrate", ArgumentError, "et=opened.et"),
        ("et far away", "calibrate", ArgumentError, "not of Cassini's flight"),
        ("no et is finite", "calibrate", ArgumentError, "not of Cassini's flight"),
        ("lazy exposure below 0", "rate", ArgumentError, "not above 0 s"),
        ("lazy rows beyond the detector", "calibrate", ArgumentError, "the detector's 0..63"),
        ("one line", "calibrate", ArgumentError, "line has no dimension 'pixel'"),
        ("one band", "calibrate", ArgumentError, "band has no dimension 'wl'"),
        ("one quality", "bin", ArgumentError, "quality has no dimension 'pic' or 'pixel'"),
        ("quality of exposures", "background", ArgumentError, "has no dimension 'pixel'"),
        ("bin below 0", "calibrate", ArgumentError, "band_bin is -3"),
        ("alt as texts", "bin", ArgumentError, "alt is of the type"),
        ("alt as texts", "background measured", ArgumentError, "alt is of the type"),
        ("arguments that are none", "integrate", ArgumentError, "call ds.uvis.calibrate() again"),
        ("empty arguments", "smooth", ArgumentError, "it lacks errors, fill_limit"),
        ("reindex", "flag", ArgumentError, "quality is of the type float"),
        ("no exposure time", "rate", ArgumentError, "not above 0 s"),
        ("exposure as timedelta", "rate", ArgumentError, "give seconds"),
        ("rows beyond the detector", "geometry", ArgumentError, "the detector's 0..63"),
        ("odd bin", "calibrate", ArgumentError, "line_bin is 'two'"),
        ("lower bounds alone", "smooth", MissingStepError, "ds.drop_vars('radiance_lower')"),
        ("elements that overlap", "integrate", ArgumentError, "wl_bounds lets elements overlap"),
        ("bounds as texts", "integrate", ArgumentError, "wl_bounds holds what are no wavelengths"),
        ("unsigned band backward", "calibrate", ArgumentError, "band does not increase with wl"),
        ("errors as whole numbers", "integrate", ArgumentError, "radiance_upper is of the type"),
        ("errors as texts", "bin", ArgumentError, "radiance_lower is of the type"),
        ("background as whole number", "integrate", ArgumentError, "background is of the type"),
        ("sensitivity as whole numbers", "integrate", ArgumentError, "sensitivity is of the type"),
        ("whole bounds", "smooth", ArgumentError, "elements end at whole angstrom"),
        ("wl in metres", "smooth", ArgumentError, "no wavelengths of UVIS"),
        ("huge bin", "calibrate", ArgumentError, "not a number of detector rows or columns"),
        ("terms of another dimension", "bin", ArgumentError, "has the dimension 'other'"),
        ("unknown slit", "geometry", ArgumentError, "ds.assign_attrs(slit='LOW_RESOLUTION')"),
        ("unknown slit", "calibrate", ArgumentError, "write SLIT_STATE into a copy of the label"),
        ("empty pixel", "geometry", ArgumentError, "no pixel is left"),
        *[
            ("half counts", step, ArgumentError, "not whole numbers")
            for step in ("rate", "calibrate", "bin", "background", "background measured")
        ],
        ("infinite counts", "bin", ArgumentError, "beyond 32 bits"),
        ("infinite counts", "background", ArgumentError, "beyond 32 bits"),
        ("counts as texts", "bin", ArgumentError, "not numbers"),
    ],
)
def test_errors_say(mangling, step, kind, words, made, before, tmp_path):
    with pytest.raises(kind, match=re.escape(words)):
        steps(made, tmp_path)[step](MANGLED[mangling](before["calibrated"]))


@pytest.mark.parametrize("step", ["calibrate", "geometry", "flag"])
def test_functions_ask_as_methods_do(step, made, before):
    """A step is asked for at its own door, not at the accessor's."""
    from uvisxr.calibration.radiance import calibrate
    from uvisxr.geometry.los import geometry
    from uvisxr.quality.flags import flag

    ds = before["opened"].swap_dims(pic="time")
    calls = {"calibrate": calibrate, "geometry": geometry, "flag": lambda ds: flag(ds, [(1, 1)])}
    with pytest.raises(UvisError, match=f"{step}: .*pic"):
        calls[step](ds)


def test_what_a_step_does_not_use_may_be_anything(made, before, right):
    odd = before["opened"].assign_coords(sclk=("pic", list("abcdef"))).assign_attrs(target=3)
    found = odd.drop_vars(["time", "time_start"]).uvis.calibrate(files=made.calibration)
    same(found, right["opened"]["calibrate"], TELLING["calibrate"])


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda r: r.drop_vars("wl"), MissingStepError, "no coordinate wl"),
        (lambda r: r.isel(wl=[1, 0, 2]), ArgumentError, 'ds.sortby("wl")'),
        (lambda r: r.assign_coords(wl=r.wl.astype(str)), ArgumentError, "wl is of the type"),
        (lambda r: r * 1j, ArgumentError, "of the type complex"),
    ],
)
@pytest.mark.parametrize("step", ["smooth", "fill_nan", "integrate"])
def test_arrays_have_wavelengths_in_order(change, kind, words, step, before):
    with pytest.raises(kind, match=re.escape(words)):
        getattr(change(before["calibrated"].radiance).uvis, step)()


def test_backward_wavelengths_are_in_order(made, before, right):
    backward = before["opened"].isel(wl=slice(None, None, -1))
    found = backward.uvis.calibrate(files=made.calibration).sortby("wl")
    same(found, right["opened"]["calibrate"], TELLING["calibrate"])


def test_no_lazy_spectra_are_computed(before):
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("computed")

    lazy = before["calibrated"].chunk(pic=2)
    known = {
        name: c.compute() for name, c in lazy.coords.items() if c.ndim < 2 or name == "wl_bounds"
    }
    lazy = lazy.assign_coords(known)
    assert lazy.counts.chunks and lazy.quality.chunks
    with dask.config.set(scheduler=refuse):
        for step in needs.STEPS:
            needs.check(lazy, step)


def test_other_datasets_are_nobodys():
    for step in ("spectrum", "to_netcdf", "no such step"):
        needs.check(xr.Dataset(), step)


def test_infinite_wavelengths_do_not_matter_to_the_geometry(made, before):
    """Not even by a warning of numpy's."""
    infinite = before["opened"].assign_coords(wl=before["opened"].wl * -np.inf)
    found = infinite.uvis.geometry(kernels=made.kernels)
    np.testing.assert_array_equal(found.lat, before["calibrated"].lat)


def scaled(ds: xr.Dataset, factor: float, units: object) -> xr.Dataset:
    """With other wavelengths, bounds and all, and a unit or none."""
    ds = ds.assign_coords(wl=ds.wl * factor, wl_bounds=ds.wl_bounds * factor)
    ds.wl.attrs = {} if units is None else {"units": units}
    return ds


@pytest.mark.parametrize("units", ["nm", "nanometers", "angstrom", None])
def test_wavelengths_in_nanometres(before, units):
    """By their values, as the unit may be that from before they were multiplied."""
    wrong = scaled(before["calibrated"], 0.1, units)
    said = r"as if in nm, .*of nm make them with ds.assign_coords\(wl=10 \* ds\.wl[,)]"
    for call in (lambda ds: ds.uvis.plot.spectrum([(1, 1)]), lambda ds: ds.uvis.integrate()):
        with pytest.raises(ArgumentError, match=said):
            call(wrong)
    with pytest.raises(ArgumentError, match=said):
        wrong.radiance.uvis.smooth()
    with pytest.raises(ArgumentError, match=r"10 \* ds\.wl, wl_bounds=10 \* ds\.wl_bounds\)"):
        wrong.uvis.integrate()


def test_the_advice_for_nanometres_mends(before):
    ds = before["calibrated"]
    wrong = ds.assign_coords(wl=0.1 * ds.wl)
    with pytest.raises(ArgumentError, match=r"\(wl=10 \* ds\.wl\)"):
        wrong.uvis.integrate()
    mended = wrong.assign_coords(wl=10 * wrong.wl)
    mended.wl.attrs["units"] = "angstrom"
    assert mended.uvis.integrate().sizes["pic"] == ds.sizes["pic"]


def test_groups_are_no_exposures(before):
    grouped = before["calibrated"].groupby("product").sum()
    with pytest.raises(ArgumentError, match=r"drop what steps need of each: merge") as caught:
        grouped.uvis.integrate()
    assert "rename" not in str(caught.value)


@pytest.mark.parametrize("units", ["um", "m", "angstrom", None])
@pytest.mark.parametrize("factor", [1e-4, 1e-10, 10.0])
def test_wavelengths_far_from_those_of_uvis(before, factor, units):
    with pytest.raises(ArgumentError, match="wavelengths are in angstrom: keep wl") as caught:
        scaled(before["calibrated"], factor, units).uvis.integrate()
    assert "10 * ds.wl" not in str(caught.value)


@pytest.mark.parametrize(
    "units",
    [
        *("Angstrom", "angstroms", "\u00c5", "\u212b", "A\u030a", "A\u030angstro\u0308m", "AA"),
        *("angstroem", " angstrom ", "Angstrom.", "0.1 nm", "1e-10 m", "1E-10 m", "100 pm"),
    ],
)
def test_angstrom_in_other_words(before, units):
    ds = before["calibrated"]
    found = scaled(ds, 1.0, units).uvis.integrate((1300, 1500))
    np.testing.assert_array_equal(found.brightness, ds.uvis.integrate((1300, 1500)).brightness)


@pytest.mark.parametrize("units", ["nm", "um", "", "furlong", "1 nm", "0.1 m", ". nm", "1e999 m"])
def test_angstrom_in_another_unit(before, units):
    """What to write if only the unit is wrong."""
    said = 'wavelengths are in angstrom: if these are, set ds.wl.attrs["units"] = "angstrom"'
    with pytest.raises(ArgumentError, match=re.escape(said)):
        scaled(before["calibrated"], 1.0, units).uvis.integrate()


def test_a_unit_that_is_no_text(before):
    with pytest.raises(ArgumentError, match="of wl the attribute units is 5, not a text"):
        scaled(before["calibrated"], 1.0, 5).uvis.integrate()


@pytest.mark.parametrize("value", [10**5000, {}, np.arange(3)], ids=type)
def test_attributes_of_odd_types(before, value):
    """Each step either takes no notice or says which it is; pictures look at all."""
    ds = before["calibrated"]
    texts = ("name", "channel", "slit", "target", "compression", "optics", "geometry_target")
    for name in (*texts, "lon_direction", "target_radii", "summed", "line_bin"):
        odd = ds.assign_attrs({name: value})
        assert repr(odd.uvis)
        with pytest.raises(ArgumentError, match=name):
            odd.uvis.plot.spectrum([(1, 1)])
        try:
            odd.uvis.flag([(1, 1)])
        except ArgumentError as error:
            assert name in str(error)
    for name in ("radiance", "wl"):
        changed = ds.copy()
        changed[name] = ds[name].assign_attrs(units=value)
        with pytest.raises(ArgumentError, match=rf"plot\.spectrum: of {name} the attribute units"):
            changed.uvis.plot.spectrum([(1, 1)])


@pytest.mark.slow
@pytest.mark.parametrize("value", ["0", np.arange(3), [[1], [2, 3]], None, {"a": 1}], ids=str)
def test_attributes_of_odd_types_where_they_are_read(before, tmp_path, value):
    """Each step either takes no notice, or says which it is; files keep all or refuse it."""
    ds = before["calibrated"]
    names = ("ul_line", "ul_band", "lr_line", "lr_band", "line_bin", "band_bin", "compression")
    for name in names:
        odd = ds.assign_attrs({name: value})
        if name != "compression" or not isinstance(value, str):
            with pytest.raises(ArgumentError, match=f"background: the attribute {name} is"):
                odd.uvis.background(level=5e-4)
        with pytest.warns(UvisWarning, match="keeps") as told, suppress(ExportError):
            odd.uvis.to_netcdf(tmp_path / "x.nc", compact=True, overwrite=True)
        assert name in str(told[0].message) or isinstance(value, str)
    ds = ds.drop_vars("calibration_setup")
    with pytest.raises(ArgumentError, match="smoothing_weights"):
        ds.assign_attrs(smoothing_weights=value).uvis.smooth(force=True)
    with pytest.raises(ArgumentError, match="calibrate_arguments"):
        ds.assign_attrs(calibrate_arguments=value).uvis.integrate()
    odd = ds.copy()
    odd["wl"] = odd.wl.assign_attrs(bounds=value, long_name=value, units=value)
    assert repr(odd.wl.uvis)
    with suppress(ExportError, ArgumentError):
        odd.uvis.to_netcdf(tmp_path / "x.nc", overwrite=True)
    if not isinstance(value, str):
        with pytest.raises(ArgumentError, match="no attribute 'name'"):
            ds.assign_attrs(name=value).uvis.to_netcdf()


@pytest.mark.parametrize("name", ["line_bin", "band_bin", "lr_line", "ul_band", "summed"])
@pytest.mark.parametrize("value", [True, np.True_])
def test_true_is_no_number(before, name, value):
    odd = before["opened"].assign_attrs({name: value})
    with pytest.raises(ArgumentError, match=f"background: the attribute {name} is True, not a"):
        odd.uvis.background(level=5e-4)
    odd = before["opened"].assign_attrs(target_radii=[True, 2575.0, 2575.0])
    with pytest.raises(ArgumentError, match=r"target_radii.*True.*three radii, km"):
        odd.uvis.background(level=5e-4)


@pytest.mark.parametrize("value", ["[[1, 2]]", '[[1, 2], ["b", 3]]', '["ab"]', '"x"', "5", "null"])
def test_arguments_that_are_no_object_of_json(before, value):
    odd = before["calibrated"].assign_attrs(calibrate_arguments=value)
    for step in (
        lambda u: u.integrate((1300, 1700)),
        lambda u: u.bin(pixels=[[(0, 1)]]),
        lambda u: u.smooth(force=True),
        lambda u: u.background(level=5e-4),
    ):
        with pytest.raises(ArgumentError, match="calibrate_arguments is not what calibrate has"):
            step(odd.uvis)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nan_interp": 5}, "nan_interp"),
        ({"interval": ["garwood"], "errors": None}, "errors, interval"),
        ({"fill_limit": "wide"}, "fill_limit"),
        ({"fill_limit": -1}, "fill_limit"),
        ({"quantization": 1, "smooth": {}}, "quantization, smooth"),
        ({"schedule": 7}, "schedule"),
        ({"schedule": {"epochs": [[None]], "linear": [False], "terms": [[3]]}}, "schedule"),
        ({"schedule": {"epochs": [], "linear": [], "terms": []}}, "schedule"),
        ({"schedule": {"epochs": [], "linear": [], "terms": [[], [], []]}}, "number of terms"),
    ],
    ids=str,
)
def test_arguments_of_other_values(before, changes, words):
    ds = before["calibrated"].drop_vars("calibration_setup")
    told = json.loads(ds.calibrate_arguments) | changes
    odd = ds.assign_attrs(calibrate_arguments=json.dumps(told))
    for step in (lambda: odd.uvis.integrate(), lambda: odd.uvis.background(level=5e-4)):
        with pytest.raises(ArgumentError, match=rf"not what calibrate has left \(.*{words}"):
            step()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ds: ds.assign_attrs(line_bin=65), "line_bin is 65, not a number of detector rows"),
        (
            lambda ds: ds.assign_attrs(line_bin=64),
            r"line goes in steps of \d, but .* line_bin is 64",
        ),
        (lambda ds: ds.assign_attrs(band_bin=2 * ds.band_bin), "band goes in steps of"),
        (lambda ds: ds.assign_attrs(lr_band=1), r"band goes to \d+, but .* lr_band, .* is 1:"),
        (lambda ds: ds.assign_attrs(lr_line=int(ds.line[-1]) - 1), "line goes to 36, .* is 35:"),
        (
            lambda ds: ds.assign_coords(band=("wl", ds.band.values[::-1])),
            "band does not increase with wl",
        ),
    ],
)
def test_bins_that_contradict_the_coordinates(before, change, said):
    ds = before["opened"]
    with pytest.raises(ArgumentError, match=said):
        change(ds).uvis.calibrate(flat_field=False, trend=False)
    # What is selected lies farther apart.
    ds.isel(wl=slice(None, None, 2)).uvis.calibrate(flat_field=False, trend=False, smooth=False)


# --- arguments of pandas and with masks


def test_a_series_is_a_range(before):
    ds = before["calibrated"]
    given = pd.Series([1200.0, 1300.0, 1600.0])[1:]
    found = ds.uvis.integrate(given).brightness
    xr.testing.assert_equal(found, ds.uvis.integrate((1300.0, 1600.0)).brightness)
    with pytest.raises(ArgumentError, match=r"integrate: wl_range: 1 of its 2 values is masked"):
        ds.uvis.integrate(np.ma.array([1300.0, 1600.0], mask=[False, True]))


@pytest.mark.parametrize("name", ["level", "error", "alt_min"])
def test_a_masked_number_is_none(before, name):
    with pytest.raises(ArgumentError, match=f"background: {name}: 1 of its 1 values is masked"):
        before["opened"].uvis.background(**{name: np.ma.masked})


# --- units


@pytest.mark.parametrize(
    ("name", "unit", "words"),
    [
        ("radiance", "R angstrom-1", "multiply it by 0.001"),
        ("radiance", "kR/nm", "multiply it by 0.1"),
        ("radiance", "W m-2 sr-1 nm-1", "convert it"),
        ("radiance_upper", "R angstrom-1", "multiply it by 0.001"),
        ("exposure", "ms", "multiply it by 0.001"),
        ("exposure", "min", "multiply it by 60"),
        ("alt", "m", "multiply it by 0.001"),
        ("alt_corners", "m", "multiply it by 0.001"),
        ("lat", "radian", "multiply it by 57.2957795"),
        ("sc_alt", "AU", "multiply it by 149597870.7"),
        ("background", "count min-1", "multiply it by 0.01666666667"),
        ("counts", "count s-1", "convert it"),
    ],
)
@pytest.mark.parametrize("step", ["integrate", "bin", "background", "to_json", "plot.quicklook"])
def test_other_units(before, name, unit, words, step, tmp_path):
    ds = before["calibrated"].copy()
    ds[name].attrs["units"] = unit
    call = {
        "integrate": lambda u: u.integrate(),
        "bin": lambda u: u.bin({"alt": [0, 1000]}),
        "background": lambda u: u.background(level=4e-4),
        "to_json": lambda u: u.to_json(tmp_path / "x.json"),
        "plot.quicklook": lambda u: u.plot.quicklook(),
    }[step]
    with pytest.raises(ArgumentError, match=f"{step}: {name} is in '{unit}'.*{words}"):
        call(ds.uvis)


def test_brightness_in_rayleigh(before):
    ds = before["calibrated"].uvis.integrate((1300, 1600))
    ds["brightness"] = (1000 * ds.brightness).assign_attrs(units="R")
    with pytest.raises(ArgumentError, match=r"bin: brightness is in 'R'.*multiply it by 0.001"):
        ds.uvis.bin(pixels=[(0, 1)])


def test_units_in_other_words_and_none(before):
    ds, other = before["calibrated"], before["calibrated"].copy()
    for name, unit in {"radiance": "kR/Å", "exposure": "sec", "alt": "kilometers"}.items():
        other[name].attrs["units"] = unit
    del other["radiance_upper"].attrs["units"]
    same(other.uvis.integrate(), ds.uvis.integrate(), ("brightness", "brightness_upper"))


# --- exposures


@pytest.mark.parametrize("factor", [1e-3, 0.98, 1.02, 60.0])
def test_durations_that_contradict_the_times(made, before, factor):
    ds = before["opened"]
    other = ds.assign_coords(exposure=ds.exposure * factor)
    with pytest.warns(UvisWarning, match=r"calibrate: exposure, .* 240 s, .*\(6 of 6 exposures\)"):
        other.uvis.calibrate(files=made.calibration)
    other.drop_vars(["time_start", "time_stop"]).uvis.calibrate(files=made.calibration)


def test_what_is_wrong_is_told_once(made, before):
    """By the first step that goes by it, and of other numbers anew."""
    ds = before["opened"]
    wrong = ds.assign_coords(exposure=1.5 * ds.exposure)
    with pytest.warns(UvisWarning, match="background: exposure"):
        dark = wrong.uvis.background(level=4e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UvisWarning)
        light = dark.uvis.calibrate(files=made.calibration)
        light.uvis.integrate()
    for again in (wrong, dark.assign_coords(exposure=2 * ds.exposure)):
        with pytest.warns(UvisWarning, match="calibrate: exposure"):
            again.uvis.calibrate(files=made.calibration)


@pytest.mark.parametrize(("name", "later"), [("et", 1e8), ("time", np.timedelta64(3600, "s"))])
def test_times_that_contradict_each_other(made, before, name, later):
    ds = before["opened"]
    other = ds.assign_coords({name: ds[name] + later})
    with pytest.warns(UvisWarning, match=r"calibrate: et, .* s from the .*\(6 of 6 exposures\)"):
        other.uvis.calibrate(files=made.calibration)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UvisWarning)
        ds.uvis.calibrate(files=made.calibration)
        other.drop_vars("time").uvis.calibrate(files=made.calibration)


def test_another_slit_than_the_label_has(made, before):
    ds = before["opened"]
    other = ds.assign_attrs(slit="HIGH_RESOLUTION")
    with pytest.warns(UvisWarning, match="calibrate: the attribute slit, HIGH_.* label, LOW_RES"):
        other.uvis.calibrate(files=made.calibration)
    del other.attrs["described_setup"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UvisWarning)
        other.uvis.calibrate(files=made.calibration)


def test_durations_across_a_leap_second(before):
    """UTC as datetime64 has the second after it twice."""
    ds = before["opened"].isel(pic=[0])
    stop = np.array(["2009-01-01T00:00:10"], "datetime64[ns]")
    ds = ds.assign_coords(
        time_start=("pic", stop - np.timedelta64(19, "s")),
        time_stop=("pic", stop),
        exposure=("pic", [20.0]),
    )
    ds.uvis.rate()
    with pytest.warns(UvisWarning, match="rate: exposure"):
        ds.assign_coords(exposure=("pic", [21.0])).uvis.rate()


@pytest.mark.parametrize("step", ["bin", "background", "image", "map", "plot.picture"])
def test_the_same_exposures_twice(before, step):
    ds = before["calibrated"]
    twice = xr.concat([ds, ds.isel(pic=[0, 1])], "pic")
    calls = {
        "bin": lambda u: u.bin({"alt": [-3000, 5000]}),
        "background": lambda u: u.background(level=4e-4),
        "image": lambda u: u.image(nx=10),
        "map": lambda u: u.map(spacing=10, altitude=2500, ems_max=90),
        "plot.picture": lambda u: u.plot.picture(nx=10),
    }
    with pytest.warns(UvisWarning, match=f"{step}: 2 of 8 exposures have the times of others"):
        calls[step](twice.uvis)
    once = twice.isel(pic=np.unique(twice.et, return_index=True)[1])
    assert once.sizes == ds.sizes


def test_times_as_whole_numbers_are_times(before):
    ds = before["calibrated"]
    whole = ds.assign_coords(et=ds.et.round().astype(int)).drop_vars(["geometry_et"])
    twice = xr.concat([whole, whole.isel(pic=[0, 1])], "pic")
    with pytest.warns(UvisWarning, match="bin: 2 of 8 exposures have the times of others"):
        twice.uvis.bin({"alt": [-3000, 5000]})
    later = whole.assign_coords(et=whole.et + 10**8)
    with pytest.warns(UvisWarning, match="from the coordinate time"):
        later.uvis.integrate()


def test_times_that_no_number_follows_from_may_be_undecoded(before, tmp_path):
    ds = before["calibrated"]
    ds.uvis.to_netcdf(tmp_path / "whole.nc")
    right = ds.uvis.bin({"alt": [-3000, 5000]})
    for how in (
        {"decode_times": False},
        {"decode_times": xr.coders.CFDatetimeCoder(use_cftime=True)},
    ):
        with xr.open_dataset(tmp_path / "whole.nc", **how) as raw:
            same(raw.uvis.bin({"alt": [-3000, 5000]}), right, ("radiance", "n"))


@pytest.mark.parametrize("edges", [["0", "1000"], [0j, 1000.0], np.array([0, 10], "m8[s]")])
def test_edges_are_numbers(before, edges):
    with pytest.raises(ArgumentError, match="two or more numbers, the edges of the bins"):
        before["calibrated"].uvis.bin({"alt": edges})


@pytest.mark.parametrize("lazy", [False, True])
def test_the_same_rows_twice(before, lazy):
    twice = before["calibrated"].isel(pixel=[2, 2, 3])
    if lazy:
        twice = twice.assign_coords(line=twice.line.chunk())
    with pytest.warns(UvisWarning, match="bin: 1 of 3 pixels are of the detector rows of others"):
        twice.uvis.bin(by={"alt": [-3000, 5000]})
    once = twice.isel(pixel=np.unique(twice.line, return_index=True)[1])
    assert once.line.values.tolist() == twice.line.values[1:].tolist()


def test_sums_over_products(made, before):
    """No name given back makes exposures of them."""
    summed = before["opened"].groupby("product").sum()
    with pytest.raises(ArgumentError, match=r"groupby\('product'\), drop what .*rebin"):
        summed.uvis.calibrate(files=made.calibration)


# --- products of several set-ups in one dataset


@pytest.fixture(scope="module")
def mixed(made, tmp_path_factory) -> list[xr.Dataset]:
    """The product as it is, and as if taken through another slit, a day later."""
    folder = tmp_path_factory.mktemp("mixed")
    label = made.labels[0]
    for path in label.parent.glob(f"{label.stem}.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    other = folder / label.name
    text = other.read_bytes()
    changed = text.replace(b"LOW_RESOLUTION ", b"HIGH_RESOLUTION")
    changed = changed.replace(b"LOW_RESOLUTION", b"HIGH_RESOLUTION")
    assert changed != text
    other.write_bytes(changed)
    return [uvisxr.open_product(path).load() for path in (label, other)]


def _later(ds: xr.Dataset) -> xr.Dataset:
    return ds.assign_coords(et=ds.et + 86400.0)


@pytest.mark.parametrize("coords", [("different", "equals"), ("minimal", "override")])
@pytest.mark.parametrize("step", ["calibrate", "background", "geometry", "evil_share", "rebin"])
def test_two_slits_in_one_dataset(made, mixed, step, coords, tmp_path):
    low, high = mixed
    both = xr.concat([low, _later(high)], "pic", coords=coords[0], compat=coords[1])
    both.isel(pic=slice(6, None)).to_netcdf(tmp_path / "part.nc")
    with xr.open_dataset(tmp_path / "part.nc") as part:
        for ds in (both, both.isel(pic=slice(6, None)), both.isel(pic=[7]), part):
            calls = {
                "calibrate": lambda u: u.calibrate(files=made.calibration),
                "background": lambda u: u.background(level=4e-4),
                "geometry": lambda u: u.geometry(kernels=made.kernels),
                "evil_share": lambda u: u.evil_share(),
                "rebin": lambda u: u.rebin(pixel=2),
            }
            with pytest.raises(ArgumentError, match=f"{step}: [61] of .* another slit"):
                calls[step](ds.uvis)


@pytest.mark.parametrize("step", ["background", "bin", "integrate"])
@pytest.mark.parametrize(
    "other", [{"smooth": False}, {"nan_interp": None}, {"errors": "total"}, "smooth", "fill_nan"]
)
def test_two_calibrations_in_one_dataset(made, before, step, other):
    first = before["opened"].isel(pic=slice(0, 3)).uvis.calibrate(files=made.calibration)
    second = before["opened"].isel(pic=slice(3, 6)).uvis
    if isinstance(other, str):
        second = getattr(second.calibrate(files=made.calibration).uvis, other)()
    else:
        second = second.calibrate(files=made.calibration, **other)
    calls = {
        "background": lambda u: u.background(level=4e-4),
        "bin": lambda u: u.bin(pixels=[[3, 4]]),
        "integrate": lambda u: u.integrate((1300, 1700)),
    }
    both = xr.concat([first, second], "pic", coords="minimal", compat="override")
    for ds in (both, both.isel(pic=slice(3, 6)), both.isel(pic=[4])):
        with pytest.raises(
            ArgumentError, match=rf"{step}: [31] of .* filled or smoothed otherwise"
        ):
            calls[step](ds.uvis)
    # Each by itself, or all anew.
    if (step, other) != ("background", "fill_nan"):
        calls[step](second.uvis)
    calls[step](both.uvis.calibrate(files=made.calibration).uvis)


OF_A_CALIBRATION: dict[str, Callable[[Any], Any]] = {
    "fill_nan": lambda u: u.fill_nan(),
    "smooth": lambda u: u.smooth(force=True),
    "integrate": lambda u: u.integrate((1300, 1700)),
    "bin": lambda u: u.bin(pixels=[[(0, 1)]]),
    "image": lambda u: u.image((1300, 1700)),
    "map": lambda u: u.map(wl_range=(1300, 1700), altitude=2500, ems_max=90),
    "reflectance": lambda u: u.reflectance(flat(), distance=9.0),
    "photometry": lambda u: u.photometry(flat(), background="none"),
    "to_fits": lambda u: u.to_fits("unused.fits"),
    "plot.spectrum": lambda u: u.plot.spectrum([(0, 1), (4, 1)]),
    "plot.picture": lambda u: u.plot.picture((1300, 1700)),
}


@pytest.mark.parametrize("step", OF_A_CALIBRATION)
@pytest.mark.parametrize("kept", rest_slow(["drop_conflicts", "override"], 1))
def test_two_calibrations_whatever_is_left_of_them(made, before, step, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = before["calibrated"].isel(pic=slice(0, 3)), before["opened"]
    second = second.uvis.geometry(kernels=made.kernels).uvis.background(level=4e-4)
    second = second.isel(pic=slice(3, 6)).uvis.calibrate(
        files=made.calibration, smooth=False, recipe="pds"
    )
    usual = {"coords": "minimal", "compat": "override", "data_vars": "minimal"}
    both = xr.concat([first, second], "pic", combine_attrs=kept, **usual)
    assert ("calibrate_arguments" in both.attrs) == (kept == "override")
    than = "the attributes say" if kept == "override" else "the first"
    parts = [both, both.drop_vars("sensitivity")]
    if step != "to_fits":
        parts.append(both.drop_vars(["sensitivity", "counts"]))
    for ds in parts:
        said = f"{step}: 3 of 6 .* filled or smoothed otherwise, .* than {than}"
        with pytest.raises(ArgumentError, match=said):
            OF_A_CALIBRATION[step](ds.uvis)


def test_one_slit_in_one_dataset(made, mixed, before, right):
    low, high = mixed
    both = xr.concat([low, _later(low)], "pic").isel(pic=slice(6))
    found = both.uvis.rebin(pixel=1).uvis.calibrate(files=made.calibration)
    same(found, low.uvis.calibrate(files=made.calibration), ("radiance",))
    merged = both.uvis.rebin(pic=2, pixel=2)
    assert (merged.setup == merged.attrs["described_setup"]).all()
    assert merged.attrs["described_setup"] != low.attrs["described_setup"]
    apart = [ds.uvis.calibrate(files=made.calibration) for ds in (low, _later(high))]
    light = xr.concat([ds.uvis.integrate() for ds in apart], "pic").brightness
    assert (light[:6] == apart[0].uvis.integrate().brightness).all()
    corrected = high.assign_attrs(slit="LOW_RESOLUTION").uvis.calibrate(files=made.calibration)
    same(corrected, apart[0], ("radiance",))


FROM_COUNTS: dict[str, Callable[[Any, Simulation], Any]] = {
    "calibrate": lambda u, made: u.calibrate(files=made.calibration),
    "background": lambda u, made: u.background(level=4e-4),
    "rate": lambda u, made: u.rate(),
    "rebin": lambda u, made: u.rebin(pixel=2),
}

OF_THE_INSTRUMENT: dict[str, Callable[[Any, Simulation], Any]] = {
    "geometry": lambda u, made: u.geometry(kernels=made.kernels),
    "evil_share": lambda u, made: u.evil_share().to_dataset(),
}


@pytest.mark.parametrize("step", FROM_COUNTS | OF_THE_INSTRUMENT)
def test_two_slits_whose_attributes_are_lost(made, mixed, step):
    low, high = mixed
    both = xr.concat([low, _later(high)], "pic", combine_attrs="drop_conflicts")
    assert {"slit", "described_setup"}.isdisjoint(both.attrs)
    call = (FROM_COUNTS | OF_THE_INSTRUMENT)[step]
    with pytest.raises(ArgumentError, match=f"{step}: 6 of 12 .* another slit.* than the first"):
        call(both.uvis, made)
    # Of one of them, none of it is lost.
    alone = both.isel(pic=slice(0, 6)).assign_attrs(slit=low.attrs["slit"])
    call(alone.uvis, made)


@pytest.mark.parametrize("step", FROM_COUNTS | OF_THE_INSTRUMENT)
def test_two_compressions_whose_attribute_is_lost(made, mixed, step):
    low, _ = mixed
    attrs = low.attrs | {"compression": "NONE"}
    number = setups.number(attrs)
    plain = low.assign_attrs(attrs | {"described_setup": number}).assign_coords(
        setup=xr.full_like(low.setup, number)
    )
    both = xr.concat([low.isel(pic=slice(3)), plain.isel(pic=slice(3, 6))], "pic")
    both = both.assign_attrs(low.attrs)
    for name in ("compression", "described_setup"):
        del both.attrs[name]
    if step in FROM_COUNTS:
        with pytest.raises(ArgumentError, match=f"{step}: 3 of 6 .* compression.* than the first"):
            FROM_COUNTS[step](both.uvis, made)
        return
    found, expected = (OF_THE_INSTRUMENT[step](ds.uvis, made) for ds in (both, low))
    names = ("alt", "lon", "ra") if step == "geometry" else ("evil_share",)
    same(found, expected, names)


# --- sums of counts beside counts


@pytest.fixture(scope="module")
def summed(before) -> tuple[xr.Dataset, xr.Dataset]:
    """The first exposures, summed by two, and the others with one that is lost."""
    opened = before["opened"]
    lossy = opened.copy(deep=True)
    lossy["counts"][4, 2] = 65535
    return opened.isel(pic=slice(0, 4)).uvis.rebin(pic=2), lossy.isel(pic=slice(4, 6))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("step", ["calibrate", "rate", "bin", "background", "rebin", "quicklook"])
def test_sums_joined_with_counts(made, summed, step, first):
    both = xr.concat([summed[first], summed[1 - first]], "pic")
    assert both.counts.dtype == np.uint32
    calls = {
        "calibrate": lambda u: u.calibrate(files=made.calibration),
        "rate": lambda u: u.rate(),
        "bin": lambda u: u.bin(pixels=[[(0, 2)]]),
        "background": lambda u: u.background(level=4e-4),
        "rebin": lambda u: u.rebin(pixel=2),
        "quicklook": lambda u: u.plot.quicklook(),
    }
    for ds in (both, both.chunk(pic=1)):
        with pytest.raises(ArgumentError, match="sum"):
            calls[step](ds.uvis)


def test_sums_of_other_numbers_have_other_setups(before):
    two, four = (before["opened"].uvis.rebin(wl=n) for n in (2, 4))
    assert len({ds.attrs["described_setup"] for ds in (before["opened"], two, four)}) == 3


def test_radiances_of_sums_and_counts_are_binned_without_them(made, summed):
    apart = [ds.uvis.calibrate(files=made.calibration) for ds in summed]
    both = xr.concat([ds.drop_vars(["sensitivity", "calibration_error"]) for ds in apart], "pic")
    with pytest.raises(ArgumentError, match=r'ds\.drop_vars\("counts"\)'):
        both.uvis.bin(pixels=[[(0, 1), (2, 1)]])
    found = both.drop_vars("counts").assign_coords(pic=range(4)).uvis.bin(pixels=[[(0, 1), (2, 1)]])
    expected = (apart[0].radiance[0, 1] + apart[1].radiance[0, 1]) / 2
    np.testing.assert_allclose(found.radiance[0], expected, rtol=1e-5)


def test_counts_of_the_type_of_sums(summed):
    lossy = summed[1]
    wide = lossy.assign(counts=lossy.counts.astype("uint32"))
    for ds in (wide, wide.chunk()):
        with pytest.raises(ArgumentError, match=r'astype\("uint16"\)'):
            ds.uvis.rate()
    back = wide.assign(counts=wide.counts.astype("uint16"))
    assert back.uvis.rate().rate.identical(lossy.uvis.rate().rate)


@pytest.mark.parametrize("kind", ["f8", "i8"])
def test_sums_that_are_as_what_stands_for_lost_counts(summed, kind):
    sums = summed[0].copy(deep=True)
    sums["counts"][0, 0, 0] = 65535
    sums["counts"][0, 0, 1] = 2**32 - 1
    right = sums.uvis.rate().rate
    assert right[0, 0, 0] == np.float32(65535 / float(sums.exposure[0]))
    assert np.isnan(right[0, 0, 1])
    other = sums.assign(counts=sums.counts.astype(kind))
    with pytest.raises(ArgumentError, match="sums of 65535"):
        other.uvis.rate()
    back = other.assign(counts=other.counts.fillna(4294967295).astype("uint32"))
    assert back.uvis.rate().rate.identical(right)


def test_bins_whose_counts_are_as_what_stands_for_lost_ones(before):
    ds = before["opened"].isel(pic=slice(0, 2)).copy(deep=True)
    ds["counts"][0, 0, 0], ds["counts"][1, 0, 0] = 65000, 535
    rate = ds.uvis.bin(pixels=[[(0, 0), (1, 0)]]).uvis.rate().rate
    assert float(rate[0, 0]) == np.float32(65535 / float(ds.exposure.sum()))


# --- geometries of several targets in one dataset


@pytest.fixture(scope="module")
def targets(made, before) -> dict[str, xr.Dataset]:
    """The same exposures with fields on Titan, and others."""
    ds = before["calibrated"]
    kernels = made.kernels
    saturn = ds.uvis.geometry(kernels=kernels, target="SATURN")
    return {
        "Titan": ds,
        # Without its rings, which nothing else has.
        "Saturn": saturn.drop_vars(saturn.variables.keys() - ds.variables.keys()),
        "east": ds.uvis.geometry(kernels=kernels, lon_direction="east"),
    }


ON_A_BODY: dict[str, Callable[[Any], Any]] = {
    "bin": lambda u: u.bin({"alt": [0, 1000, 1e6]}),
    "background": lambda u: u.background(alt_min=1500),
    "image": lambda u: u.image((1300, 1700)),
    "map": lambda u: u.map(wl_range=(1300, 1700), altitude=2500, ems_max=90),
    "to_json": lambda u: u.to_json("unused.json"),
    "plot.picture": lambda u: u.plot.picture((1300, 1700)),
    "plot.geometry": lambda u: u.plot.geometry(),
    "plot.animate": lambda u: u.plot.animate("unused.gif"),
    "plot.keogram": lambda u: u.plot.keogram((1300, 1700)),
    "plot.limb": lambda u: u.plot.limb((1300, 1700)),
    "plot.evolution": lambda u: u.plot.evolution(y="alt"),
    "predict_stars": lambda u: u.predict_stars(),
    "to_fits": lambda u: u.to_fits("unused.fits"),
    "reflectance": lambda u: u.reflectance(flat(), distance=9.0),
    "photometry": lambda u: u.photometry(flat(), background="none"),
}


def _joined(parts: dict[str, xr.Dataset], other: str, **how: Any) -> xr.Dataset:
    two = [parts["Titan"].isel(pic=slice(0, 3)), parts[other].isel(pic=slice(3, 6))]
    usual = {"coords": "minimal", "compat": "override", "data_vars": "minimal"}
    return xr.concat(two, "pic", **usual | how)


@pytest.mark.parametrize("step", ON_A_BODY)
@pytest.mark.parametrize("other", ["Saturn", "east"])
def test_two_targets_in_one_dataset(targets, step, other, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    both = _joined(targets, other)
    for ds in (both, both.isel(pic=slice(3, 6)), both.isel(pic=[4])):
        with pytest.raises(ArgumentError, match=rf"{step}: the geometry of [31] of .*TITAN"):
            ON_A_BODY[step](ds.uvis)


def test_two_targets_after_a_file_or_without_attributes(targets, tmp_path):
    both = _joined(targets, "Saturn", combine_attrs="drop_conflicts")
    assert "geometry_target" not in both.attrs
    with pytest.raises(ArgumentError, match=r"3 of 6 exposures is of another .* the first"):
        both.uvis.bin({"alt": [0, 1000]})
    both = _joined(targets, "Saturn")
    both.to_netcdf(tmp_path / "both.nc")
    with xr.open_dataset(tmp_path / "both.nc") as ds, pytest.raises(ArgumentError, match="3 of 6"):
        ds.uvis.bin({"alt": [0, 1000]})


def test_several_targets_can_be_taken_apart_or_as_one(targets):
    both = _joined(targets, "Saturn")
    edges = {"alt": [-1e9, 1e9]}
    apart = both.isel(pic=slice(0, 3)).uvis.bin(edges)
    same(apart, targets["Titan"].isel(pic=slice(0, 3)).uvis.bin(edges), ("radiance", "n", "alt"))
    assert int(both.drop_vars("geometry_setup").uvis.bin(edges).n.max()) == int(both.quality.size)
    # What goes by no body.
    assert both.uvis.background(pixels=both.pixel >= 0).background > 0
    assert both.uvis.integrate((1300, 1700)).brightness.notnull().any()


def test_a_geometry_made_anew_has_its_own_number(made, targets):
    again = targets["Saturn"].uvis.geometry(kernels=made.kernels, target="TITAN")
    assert (again.geometry_setup == targets["Titan"].geometry_setup).all()
    assert (targets["Saturn"].geometry_setup != again.geometry_setup).all()
    assert again.isel(pic=0).uvis.geometry(kernels=made.kernels).geometry_setup.dims == ()


@pytest.mark.parametrize("kind", [str, object, "float16"])
def test_numbers_of_set_ups_are_numbers(targets, kind):
    both = _joined(targets, "Saturn")
    both["geometry_setup"] = (both["geometry_setup"] // 2**24).astype(kind)
    with pytest.raises(ArgumentError, match=r"bin: geometry_setup is of the type .*drop_vars"):
        both.uvis.bin({"alt": [0, 1000]})


def test_outputs_of_two_targets_are_kept_apart(targets, tmp_path):
    for name in ("Titan", "Saturn"):
        part = _later(targets[name]) if name == "Saturn" else targets[name]
        part.uvis.to_netcdf(tmp_path / f"FUV2008_070_10_0{len(name)}.nc")
    tree = uvisxr.open_processed(tmp_path)
    nodes = tree["FUV"].children.values()
    assert {node.attrs["geometry_target"] for node in nodes} == {"TITAN", "SATURN"}
    tree.close()


# --- geometries of other exposures


@pytest.mark.parametrize("samples", [None, 2])
def test_fields_of_other_exposures(made, before, samples):
    ds = before["calibrated"]
    if samples:
        ds = ds.uvis.geometry(kernels=made.kernels, samples=samples)
    early, late = ds.isel(pic=slice(0, 3)), ds.isel(pic=slice(3, 6))
    taken = late.assign_coords(
        {
            name: (early[name].dims, early[name].values)
            for name in ("alt", "geometry_et", "geometry_time")
        }
    )
    edges = {"alt": [-1e9, 1e9]}
    with pytest.warns(UvisWarning, match=r"bin: geometry_et is up to [67]\d0 s"):
        taken.drop_vars("geometry_et").uvis.bin(edges)
    with pytest.warns(UvisWarning, match=r"bin: geometry_et is up to [67]\d0 s .* \(3 of 3 exp"):
        taken.uvis.bin(edges)
    with pytest.warns(UvisWarning, match="background: geometry_et"):
        taken.uvis.background(alt_min=1500)
    # In seconds, within half an exposure, or unknown.
    for shift in (0, 100, np.nan):
        part = late.assign_coords(geometry_et=late.geometry_et + shift)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            part.uvis.bin(edges)


# --- corners of pixels, and numbers of few bits


WITH_CORNERS = ("background", "image", "plot.picture", "plot.geometry", "plot.keogram")


@pytest.mark.parametrize("step", WITH_CORNERS)
@pytest.mark.parametrize("chosen", [[0, 1, 2], 0, [0, 1, 2, 3] * 2, [0, 2, 1, 3], [3, 2, 1, 0]])
def test_other_corners(targets, chosen, step):
    ds = targets["Titan"]
    with pytest.raises(ArgumentError, match=rf"{step}: \w+_corners has \d corners") as caught:
        ON_A_BODY[step](ds.isel(corner=chosen).uvis)
    if chosen == [0, 2, 1, 3]:
        (mend,) = re.findall(r"ds\.sel\(.*\)", str(caught.value))
        back = eval(mend, {"ds": ds.isel(corner=chosen)})
        assert back.ra_corners.identical(ds.ra_corners)


def test_corners_without_names(targets):
    ds = targets["Titan"]
    found = ds.drop_vars("corner").uvis.image((1300, 1700))
    assert found.identical(ds.uvis.image((1300, 1700)))


@pytest.mark.parametrize(
    ("name", "step"),
    [
        *(("ra_corners", "image"), ("alt", "bin"), ("counts", "rate"), ("counts", "calibrate")),
        *(("exposure", "rate"), ("wl_bounds", "integrate"), ("radiance_upper", "integrate")),
    ],
)
def test_numbers_of_few_bits(made, targets, name, step):
    calls = {
        "rate": lambda u: u.rate(),
        "calibrate": lambda u: u.calibrate(files=made.calibration),
        "integrate": lambda u: u.integrate((1300, 1700)),
        **ON_A_BODY,
    }
    ds = targets["Titan"]
    with np.errstate(over="ignore"):
        changed = {name: ds[name].astype("f2")}
    ds = ds.assign_coords(changed) if name in ds.coords else ds.assign(changed)
    with pytest.raises(ArgumentError, match=f"{step}: {name} is of the type float16"):
        calls[step](ds.uvis)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("ends", [[0, 1], [1, 0]])
def test_ends_of_elements_in_other_orders(before, turned, ends):
    ds = before["calibrated"].isel(pic=[0])
    changed = ds.assign_coords(wl_bounds=ds.wl_bounds.isel(bnds=ends))
    changed = changed.transpose("bnds", ...) if turned else changed
    both = (d.uvis.integrate((1300, 1700)) for d in (changed, ds))
    same(*both, ("brightness", "brightness_upper"))
    opened = before["opened"].assign_coords(wl_bounds=changed.wl_bounds)
    merged = opened.uvis.rebin(wl=4).wl_bounds.transpose("wl", "bnds")
    np.testing.assert_array_equal(merged[:, 0], ds.wl_bounds[::4, 0])
    np.testing.assert_array_equal(merged[:, 1], ds.wl_bounds[3::4, 1])


def test_a_summary_counts_flags(before, tmp_path):
    ds = before["calibrated"]
    broken = ds.assign_coords(quality=ds.quality.where(ds.pic > 0))
    with pytest.raises(ArgumentError, match="to_json: quality is of the type float"):
        broken.uvis.to_json(tmp_path / "x.json")


@pytest.mark.parametrize(
    "step", [name for name, each in needs.STEPS.items() if "ra_corners" in each.names]
)
def test_what_needs_the_geometry_says_so(made, before, step):
    assert step.removeprefix("plot.") in {
        *("predict_stars", "photometry", "image", "map", "geometry", "animate", "picture")
    }
    with pytest.raises(MissingStepError, match=r"ra_corners.*: call ds\.uvis\.geometry\(\) first"):
        needs.check(made.open(), step)
    without = before["calibrated"].drop_vars(["ra_corners", "dec_corners", "ra"])
    with pytest.raises(MissingStepError, match=r"ra_corners.*: call ds\.uvis\.geometry\(\) first"):
        needs.check(without, step)


@pytest.mark.parametrize("step", ["map", "image", "reflectance", "integrate", "plot.picture"])
def test_cells_of_maps_are_no_pixels(before, step):
    cells = before["calibrated"].uvis.map(altitude=1000, spacing=5, exclude=())
    with pytest.raises(MissingStepError, match=f"{step}: the dataset is a map, .* was made of"):
        needs.check(cells, step)
