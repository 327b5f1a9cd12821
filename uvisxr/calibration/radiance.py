"""Calibrate a dataset: counts to radiances with their errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from .. import checks
from ..dataset import conventions, history, setups
from ..dataset.conventions import SMOOTHED
from ..errors import ArgumentError, UvisError, warn_user
from ..instrument.channel import channel as find_channel
from ..instrument.channel import slit_name
from ..instrument.detector import Bins
from ..numerics.along_wl import SMOOTHING, Interpolation
from ..numerics.poisson import Interval
from ..quality import losses, telling
from ..timescales import clock_from_et
from . import chosen, matrix
from .choices import Errors, EvilPixels, Filling, RecipeName, Trend
from .convert import Conversion, filled_elements, inverse
from .files import load
from .joined import warn_of_several
from .recipe import Recipe
from .recipe import find as find_recipe
from .seal import unsealed
from .sensitivity import Options, Terms
from .sensitivity import terms as sensitivity_terms
from .stored import (
    EDITED,
    SENSITIVITY,
    Stored,
    conversion_of,
    fill_limit_of,
    framed,
    has_terms,
    mark_smoothed,
    smooths,
    squeezed,
    term_weights,
)
from .treatment import EvilTreatment

#: Share of the lit elements with a radiance below which a user is warned.
_FEW = 0.5

_FROM_CALIBRATION = (
    "sensitivity",
    "evil",
    "calibration_error",
    "calibration_setup",
    "radiance",
    "radiance_upper",
    "radiance_lower",
    "radiance_systematic",
    "radiance_background_error",
)


@history.step("calibrate")
def calibrate(
    ds: xr.Dataset,
    recipe: RecipeName | Recipe = "upyp",
    wl_interp: Interpolation | None = None,
    nan_interp: Filling | None = "linear",
    evil_pixels: EvilPixels = "auto",
    evil_response: xr.Dataset | str | Path | None = None,
    flat_field: bool = True,
    trend: bool | Trend = True,
    fill_limit: float | Literal["auto"] | None = "auto",
    smooth: bool | Literal["auto"] = "auto",
    interval: Interval = "garwood",
    quantization: bool = True,
    errors: Errors = "statistical",
    lyman_alpha: float = 1.0,
    files: str | Path | None = None,
) -> xr.Dataset:
    """Turn counts into spectral radiances with upper and lower errors.

    L = (counts/t - B n) / S, with S the sensitivity, B the background of `background` (0 without
    it) and n the lit detector pixels in an element. The bounds are those of the counts: 68 % hold
    the truth, at every number of counts, whether an element stands alone, was filled or
    smoothed (`uvisxr.numerics.weighted_sums`). What is common to all spectra, dB n / S and L dS / S
    and the error of what was filled, stands beside them.

    Parameters
    ----------
    ds : Dataset
        As opened; calibrating a calibrated one starts anew from its counts.
    recipe : {"upyp", "pds"} or Recipe
        The constants, see `uvisxr.calibration.recipe.Recipe`. The two differ by 6 to 9 %: "upyp"
        takes the FUV sensitivity 1/0.91 times higher, so its radiances are lower. "pds" gives those
        of the team's IDL cube generator and, with trend="evolution", of the archive's matrices.
    wl_interp : {"pchip", "linear"}, optional
        Interpolation of the laboratory sensitivity; the recipe's if None.
    nan_interp : {"linear", "pchip", "shape"} or None
        Fill elements with evil pixels along wl, between the elements around them; None leaves
        them NaN. "shape" gives them what the mean spectrum of the product, of the exposures and
        pixels at hand, has above the straight line there, which is right on emission lines too. The
        others are wrong on lines: by how much, in the mean spectrum, is part of
        `radiance_systematic`. Elements whose counts are
        missing, and those before the first and after the last element with a sensitivity, are
        never filled.
    evil_pixels : {"auto", "mask", "response", "interpolate"}
        The treatment of elements with evil detector pixels. "mask": they are NaN. "response": the
        sensitivity is the sum over good pixels plus, by their response, over evil ones, as if they
        were good (interpolated along wl, linearly or by `nan_interp`); elements with more error
        than sensitivity, or with less than a tenth of what good pixels would have, are NaN.
        "interpolate": the same, as if their response were 1. "auto": "mask" where elements have at
        most two detector rows and two columns, else "response". So the same light has the same
        radiance at any binning; "interpolate" gives 0.83 to 0.9 of it.

        "mask" is what Cassini-UPyP, the archive's matrices (`_CAL_n`) and the team's IDL cube
        generator do, whatever the bins, and the users guide for bins of one or two pixels.
        "interpolate" is what uvisaurorae does. For wider bins the guide averages the interpolated
        factor and multiplies it by 1.10, which is 2 to 3 % more than "response" for single rows;
        "interpolate" is 10 to 17 % less (docs/howto/calibration.md).
    evil_response : Dataset or path, optional
        Table of `uvisxr.calibration.evil_response` for "response", or its file. Without it, the one
        that comes with the package, measured on the rings of Saturn. Its error is in
        `calibration_error` and `radiance_systematic`.
    flat_field : bool
        Apply the flat field and its modifiers. False leaves these corrections out and needs no
        files; evil pixels remain evil. They are those of the flat fields in the folder that
        `files` names or the trend is read from, and without such flat fields those of the public
        ones, which come with the package.
    trend : bool or {"spica", "evolution"}
        Change of the sensitivity with time: by the ratios of Spica spectra, linear between epochs
        (True means this, with every recipe), or by the exponential evolution that the archive's
        matrices hold; False: none. There is no public trend of EUV.
    fill_limit : float, "auto" or None
        Widest hole that is filled, angstrom. "auto" is twice the slit's image: nothing is known of
        the light further inside. None fills any hole, as the reference package does.
    smooth : bool or "auto"
        Smooth spectra along wl by (1 4 6 4 1)/16, within stretches of finite elements; at their
        ends the weights that remain are scaled to 1. "auto" smooths FUV spectra, where these
        weights, 2.4 elements wide, are narrower than the slit's image; wider bins would mix lines
        that the instrument tells apart.
    interval : {"garwood", "score"}
        Confidence interval of the counts, see `uvisxr.numerics.poisson`.
    quantization : bool
        Add the rounding error of the SQRT_9 compression, where the product has it.
    errors : {"statistical", "total"}
        What the bounds hold: the errors of the counts alone, or the systematic ones too, in
        quadrature. The latter are common to all spectra and do not average down.
    lyman_alpha : float
        Factor on the FUV sensitivity at Lyman-alpha: in all elements any part of which is within
        the width of the slit's image (4.8 angstrom in the low-resolution slit) of 1215.67 angstrom.
        Ben-Jaffel et al. 2023 (arXiv:2311.14191), who compare instruments, say that it "should be
        lowered by ~75%", which can be read as 0.25 or as 0.75: no value is offered here.
    files : path, optional
        Folder of the calibration files, or the label of a `_CAL_n` matrix of the archive. Without
        it: the folder of `uvisxr.set_options(calibration=...)`, that of UVISXR_CALIBRATION, or the
        cache of `uvisxr calibration fetch`.

        A matrix replaces everything but errors, filling and `evil_pixels`: `recipe`, `wl_interp`,
        `flat_field` and `trend` do not enter and are not kept: the attribute `recipe` and the
        history give its name. It comes without errors; the laboratory's relative error at each
        wavelength stands for them.

    Returns
    -------
    Dataset
        With `radiance` (pic, pixel, wl), kR/angstrom, float32; coordinates `radiance_upper` and
        `radiance_lower`, 1-sigma half-widths, and `radiance_systematic`, of the same shape;
        `calibration_error` and `evil` (pixel, wl); `sensitivity` (term, pixel, wl), which later
        steps need: its terms count at times that the attribute `calibrate_arguments` tells.
        `quality` has the flag "partial" on spectra that miss counts, "lost" on those that miss all;
        what no exposure of the product has is NaN without a flag. Without a background, which finds
        more of them, it also has "lost" on spectra of zeros where the pixel's other exposures have
        counts, and "partial" on those without Lyman-alpha or, in the FUV, with a longer run of
        zeros than the background of the date would leave. Lazy where `counts` are dask arrays.

        `calibration_error` falls with binning on board: by the rule of the team's IDL programs an
        element of n lit pixels has the sum of their errors over sqrt(n). The laboratory measured
        all rows together, so that its own error, 11 to 21 % in the FUV, does not fall: quote that
        for an absolute brightness.

        Detector rows outside 2..61 are not illuminated: NaN. Row 61 has a radiance, but its flat
        field is taken as 1: it carries the flag "dark_line".
        Where the laboratory found next to no sensitivity, in the FUV below some 1150 angstrom,
        radiances and their errors are enormous: leave those wavelengths out.

    Raises
    ------
    ArgumentError
        An argument has a wrong value, or contradicts another.
    CalibrationError
        Calibration files are missing or malformed, or a matrix does not fit the product.

    Warns
    -----
    UvisWarning
        A matrix is of another observation; or the folder lacks modifiers of the flat field that
        count at the time of the exposures; or under half of the lit elements have a radiance; or
        the light came in through the solar port, of which there is no calibration.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.background(level=4e-4).uvis.calibrate(files=made.calibration)
    >>> ds.radiance.dims, ds.radiance.attrs["units"]
    (('pic', 'pixel', 'wl'), 'kR angstrom-1')

    Away from its stars, the simulation's true radiance is recovered:

    >>> good = (ds.quality == 0) & (made.truth.star == 0) & (ds.wl > 1450) & (ds.wl < 1800)
    >>> ratio = ds.radiance.where(good).sum() / made.truth.radiance.where(good).sum()
    >>> print(f"{ratio:.1f}")
    1.0
    """
    checks.choice("smooth", smooth, bool | Literal["auto"])
    if fill_limit is not None and not isinstance(fill_limit, str):
        fill_limit = checks.number("fill_limit", fill_limit, "a width in angstrom", least=0)
    elif fill_limit is not None:
        checks.choice("fill_limit", fill_limit, Literal["auto"], "a width in angstrom")
    checks.choice("interval", interval, Interval)
    checks.choice("quantization", quantization, bool)
    checks.choice("errors", errors, Errors)
    evil = EvilTreatment(evil_pixels, evil_response)
    choices: dict[str, Any] = {
        "recipe": recipe,
        "wl_interp": wl_interp,
        "nan_interp": nan_interp,
        "flat_field": flat_field,
        "trend": trend,
        "lyman_alpha": lyman_alpha,
    }
    options = _options(ds, evil, **choices)
    found, name, used = _terms(ds, options, files)
    # What `compute` needs to do the rest again.
    kept = {
        "nan_interp": nan_interp,
        "smooth": smooth,
        "fill_limit": fill_limit,
        "interval": interval,
        "quantization": quantization,
        "errors": errors,
        "schedule": found.schedule.plain(),
        SENSITIVITY: chosen.kept(choices, evil_response, options.evil_pixels, files),
    }
    out = ds.drop_vars(_FROM_CALIBRATION, errors="ignore")
    out = out.assign_coords(_term_coords(ds, found))
    # How the error falls with the date is less than is known of it: that of the mean time will do.
    _, relative = inverse(found.weight.mean(0, keepdims=True), found.sensitivity, found.error)
    out = out.assign_coords(calibration_error=_plane(ds, relative[0]))
    out = unsealed(out)
    for mark in (EDITED, SMOOTHED):
        out.attrs.pop(mark, None)
    if smooths(out, smooth):
        out = mark_smoothed(out, SMOOTHING)
    out.attrs["recipe"] = name
    out.attrs["calibrate_arguments"] = json.dumps(kept, sort_keys=True)
    out = setups.with_calibration(out)
    stored = Stored.of(out)
    if stored.conversion.plan is not None:
        stored.conversion.plan.apply(relative[0])
        filled = stored.ds.assign_coords(calibration_error=_plane(ds, relative[0]))
        stored = replace(stored, ds=filled)
    _warn_of_holes(stored, options.evil_pixels)
    took, read = evil.said(options.evil_pixels)
    took |= dict.fromkeys(chosen.replaced(files)) | {"recipe": name}
    return history.used(_computed(stored), (*used, *read), took=took)


@history.step("calibration_factor")
def calibration_factor(
    ds: xr.Dataset,
    recipe: RecipeName | Recipe | None = None,
    wl_interp: Interpolation | None = None,
    nan_interp: Filling | None = None,
    evil_pixels: EvilPixels | None = None,
    evil_response: xr.Dataset | str | Path | None = None,
    flat_field: bool | None = None,
    trend: bool | Trend | None = None,
    lyman_alpha: float | None = None,
    files: str | Path | None = None,
) -> xr.Dataset:
    """The factor M = 1/S between count rate and radiance, and its error dS/S^2.

    Parameters
    ----------
    ds : Dataset
        As opened, or calibrated. Without any argument, the factor of a calibrated one is that of
        its radiances, and no file is read.
    recipe, wl_interp, nan_interp, evil_pixels, evil_response, flat_field, trend, lyman_alpha, files
        As in `calibrate`; `nan_interp` only acts on what evil pixels would have if they were good.
        What is None is as the dataset was calibrated, or else the default of `calibrate`.
        `files` has the default of `calibrate` always, and a `recipe` brings its own `wl_interp`.

    Returns
    -------
    Dataset
        `calibration_factor` and `calibration_factor_error` (pic, pixel, wl), float32,
        (kR/angstrom)/(count/s), NaN where there is no sensitivity; with coordinate `evil`. The
        attribute `recipe` and the history tell what it was made by. Lazy where `counts` are dask
        arrays.

    Raises
    ------
    ArgumentError, CalibrationError
        As `calibrate`; or some arguments are given, but not the recipe, table or matrix of your own
        that the dataset was calibrated with.

    Warns
    -----
    UvisWarning
        As `calibrate`; or exposures were calibrated in different ways, so that the choices of the
        first stand for all.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibration_factor(files=made.calibration)
    >>> ds.calibration_factor.dims, ds.calibration_factor.attrs["units"]
    (('pic', 'pixel', 'wl'), 'kR angstrom-1 s count-1')
    """
    given = {
        "recipe": recipe,
        "wl_interp": wl_interp,
        "nan_interp": nan_interp,
        "evil_pixels": evil_pixels,
        "flat_field": flat_field,
        "trend": trend,
        "lyman_alpha": lyman_alpha,
        "evil_response": evil_response,
        "files": files,
    }
    if all(value is None for value in given.values()) and has_terms(ds):
        own, told = conversion_of(ds), chosen.told(ds)
        out = _with_factor(ds, own.sensitivity, own.sensitivity * own.relative, term_weights(ds))
        if "evil" in ds.coords:
            out = out.assign_coords(evil=ds["evil"].variable)
        took = {name: value for name, value in told.items() if name in given}
        took |= dict.fromkeys(chosen.own(told), "as calibrated") | {
            "recipe": ds.attrs.get("recipe")
        }
        return history.used(conventions.apply(out), took=took)
    warn_of_several(ds, "calibration_factor")
    choices = chosen.after(ds, given)
    evil = EvilTreatment(choices.pop("evil_pixels"), evil_response)
    options = _options(ds, evil, **choices)
    found, name, used = _terms(ds, options, files)
    out = _with_factor(ds, found.sensitivity, found.error, found.weight)
    out = out.assign_coords(evil=_term_coords(ds, found)["evil"]).assign_attrs(recipe=name)
    took, read = evil.said(options.evil_pixels)
    took = choices | took | dict.fromkeys(chosen.replaced(files)) | {"recipe": name}
    return history.used(conventions.apply(out), (*used, *read), took=took)


def _with_factor(
    ds: xr.Dataset, sensitivity: np.ndarray, error: np.ndarray, weight: np.ndarray
) -> xr.Dataset:
    """The coordinates of a dataset with the factor of sensitivities (term, pixel, wl)."""
    out = ds.drop_vars([*_FROM_CALIBRATION, *ds.data_vars], errors="ignore")
    for name in ("calibrate_arguments", EDITED, SMOOTHED):
        out.attrs.pop(name, None)
    weights = xr.Variable(("pic", "term"), weight)
    if ds["counts"].chunks is not None:
        weights = weights.chunk({"pic": _chunks(ds), "term": -1})

    def factors(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        factor, relative = inverse(weight, sensitivity, error)
        return factor.astype(np.float32), (factor * relative).astype(np.float32)

    _, n_pixel, n_wl = sensitivity.shape
    factor, error_of_factor = xr.apply_ufunc(
        factors,
        weights,
        input_core_dims=[["term"]],
        output_core_dims=[["pixel", "wl"]] * 2,
        dask="parallelized",
        output_dtypes=[np.float32] * 2,
        dask_gufunc_kwargs={"output_sizes": {"pixel": n_pixel, "wl": n_wl}},
    )
    dims = ds["counts"].dims
    return out.assign(
        calibration_factor=squeezed(factor, dims),
        calibration_factor_error=squeezed(error_of_factor, dims),
    )


def compute(ds: xr.Dataset) -> xr.Dataset:
    """Radiances of a calibrated dataset, from its counts and what it holds of the calibration.

    Steps that change what enters, such as a new background, call this; it reads no file.

    Parameters
    ----------
    ds : Dataset
        With the coordinates `sensitivity` and `calibration_error` and the attribute
        `calibrate_arguments` of `calibrate`.

    Returns
    -------
    Dataset
        With new `radiance`, its errors, and `quality`.

    Raises
    ------
    MissingStepError
        The dataset is not calibrated.
    UvisError
        Its radiances were changed since: smoothed, or filled.
    """
    if EDITED in ds.attrs:
        raise UvisError(
            f"the radiance was changed after the calibration ({ds.attrs[EDITED]}), and would be "
            "computed anew from the counts: call background before smooth or fill_nan, or "
            "calibrate again"
        )
    return _computed(Stored.of(ds))


def _computed(stored: Stored) -> xr.Dataset:
    """The dataset with its radiances."""
    ds, conversion = stored.ds, stored.conversion
    found = stored.radiances()
    dims = ds["counts"].dims
    ds = ds.drop_vars("radiance_background_error", errors="ignore")
    if conversion.background_error:
        dark = xr.Variable(("pixel", "wl"), conversion.dark(term_weights(ds).mean(0)))
        found["radiance_background_error"] = squeezed(dark, dims)
    quality = _flagged(ds, squeezed(losses.found(ds), dims))
    out = ds.assign(radiance=found.pop("radiance")).assign_coords(found | {"quality": quality})
    telling.warn_of_many(ds, out)
    return conventions.apply(out)


def _warn_of_holes(stored: Stored, evil_pixels: str) -> None:
    """Warn if evil pixels leave few of the lit elements with a radiance.

    Elements without sensitivity for another reason do not count.
    """
    conversion = stored.conversion
    if evil_pixels == "interpolate":
        return
    evil = framed(stored.ds, "evil", ("pixel", "wl")).values == 1
    wanted = (conversion.n > 0) & (conversion.valid | evil)

    def share(conversion: Conversion) -> float:
        known = filled_elements(conversion.valid, conversion.plan)[wanted]
        return float(known.mean()) if known.size else 1.0

    found = share(conversion)
    if found >= _FEW:
        return
    matrix = "a folder of calibration files, in place of the matrix, as files="
    ways = ['evil_pixels="response"' if evil_pixels == "mask" else matrix]
    if conversion.fill is None:
        other, filled = 'nan_interp="linear"', replace(conversion, fill="linear")
    else:
        limit = fill_limit_of(stored.ds, "auto")
        other, filled = 'fill_limit="auto"', replace(conversion, fill_limit=limit)
    if share(filled) >= _FEW:
        ways.append(other)
    warn_user(
        f"only {found:.0%} of the lit elements have a radiance, since the others hold evil "
        f"detector pixels: give {' or '.join(ways)}"
    )


def _options(
    ds: xr.Dataset,
    evil: EvilTreatment,
    recipe: RecipeName | Recipe,
    wl_interp: Interpolation | None,
    nan_interp: Filling | None,
    flat_field: bool,
    trend: bool | Trend,
    lyman_alpha: float,
) -> Options:
    """The arguments that go into a sensitivity, checked."""
    chosen = find_recipe(recipe)
    checks.choice("wl_interp", wl_interp, Interpolation | None)
    checks.choice("nan_interp", nan_interp, Filling | None)
    checks.choice("flat_field", flat_field, bool)
    checks.choice("trend", trend, bool | Trend)
    checks.number("lyman_alpha", lyman_alpha, "a factor on the sensitivity", above=0)
    if lyman_alpha != 1 and ds.attrs["channel"] != "FUV":
        raise ArgumentError(f"lyman_alpha={lyman_alpha}: the line is in the FUV channel alone")
    if setups.optics(ds) == "solar_port":
        warn_user(
            "the dataset's optics is solar_port, but calibrations are of the telescope: how much "
            "of the light the port passes is in none of them, so that radiances are not the Sun's. "
            "Their ratios, such as transmissions in an occultation, are right"
        )
    treatment, response = evil.chosen(ds)
    return Options(
        recipe=chosen,
        wl_interp=wl_interp or chosen.wl_interp,
        fill="pchip" if nan_interp == "pchip" else "linear",
        evil_pixels=treatment,
        flat_field=flat_field,
        trend=("spica" if trend else None) if isinstance(trend, bool) else trend,
        response=response,
        lyman_alpha=float(lyman_alpha),
    )


def _terms(
    ds: xr.Dataset, options: Options, files: str | Path | None
) -> tuple[Terms, str, tuple[Path, ...]]:
    """The sensitivity of the dataset's bins and exposures, its name, and the files read for it."""
    channel, slit = find_channel(ds.attrs["channel"]), slit_name(ds.attrs["slit"])
    bins, et = Bins.of(ds), np.atleast_1d(ds["et"].values)
    if files is not None and matrix.is_product(files):
        terms, label = matrix.terms(files, ds, bins, channel, et.size, options)
        return terms, label.product_id, (label.path, label.data_path)
    found = load(channel, clock_from_et(et), options.flat_field, options.trend, files)
    return sensitivity_terms(found, bins, slit, options), options.recipe.name, found.files


def _term_coords(ds: xr.Dataset, found: Terms) -> dict[str, xr.Variable]:
    dims = (*ds["counts"].dims, "term")
    variables = {
        "sensitivity": (("term", "pixel", "wl"), found.sensitivity),
        "evil": (("pixel", "wl"), found.evil),
    }
    return {name: squeezed(xr.Variable(*v), dims) for name, v in variables.items()}


def _plane(ds: xr.Dataset, values: np.ndarray) -> xr.Variable:
    """Values (pixel, wl) as a variable of a dataset, float32."""
    return squeezed(xr.Variable(("pixel", "wl"), values.astype(np.float32)), ds["counts"].dims)


def _chunks(ds: xr.Dataset) -> Any:
    return ds["counts"].chunksizes.get("pic", -1)


def _flagged(ds: xr.Dataset, flags: xr.Variable) -> xr.Variable:
    """The quality flags, with those of missing counts."""
    both = ds["quality"].variable | flags if "quality" in ds else flags
    typed: xr.Variable = both.astype(np.uint8)
    return typed
