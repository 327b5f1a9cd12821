"""Background: the detector's own counts, mostly due to the spacecraft's power source.

The background is a rate per detector pixel, uniform over the rows 2..61 that the slit lights, so an
element of n lit detector pixels has n times that rate. The rows outside see a tenth of it or less
(4e-6 to 4e-5 count/s), and none is taken off them. It is measured where nothing else contributes:
in spectra above the atmosphere, over a wavelength range without lines. Where there are none, the
level of the date is known to about a tenth (`rtg_level`).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from . import checks
from .calibration import radiance
from .calibration.stored import Stored, is_stored, scalar
from .dataset import conventions, history
from .dataset.bits import QUALITY_FLAGS
from .dataset.checking import sightlines
from .errors import ArgumentError, MissingStepError, warn_user
from .instrument.channel import N_BANDS, channel
from .instrument.detector import Bins
from .numerics import zero_runs
from .numerics.poisson import as_counts, missing
from .quality import losses, telling
from .quality.flags import DIMS, Pixels, flags_of, good, select
from .quality.levels import RTG_ERROR, UNUSUAL, rtg_level, sure, year_of
from .spectra import darkened

_RTG_SOURCE = "users guide, figure 3.1: FUV, LOW_RESOLUTION"

#: Wavelengths without strong lines, angstrom. FUV: between the N I, C I and O I lines and the
#: reflected sunlight; EUV: between O II 617 and O II 834.
QUIET = {"FUV": (1400.0, 1850.0), "EUV": (620.0, 820.0)}

#: Difference of a radiance from that of the calibration from which on it was changed, relative.
_CHANGED = 0.01

_UNLIT = "detector rows outside 2..61, which the slit does not light, see almost no background"

#: How the background is determined; see `background`.
BackgroundMethod = Literal["gaps", "mean", "rtg"]


@history.step("background")
def background(
    ds: xr.Dataset,
    level: float | None = None,
    error: float | None = None,
    method: BackgroundMethod = "gaps",
    alt_min: float | None = None,
    wl_range: tuple[float, float] | None = None,
    pixels: Pixels | None = None,
) -> xr.Dataset:
    """Measure the background, or set it; flag lost and partial spectra.

    Parameters
    ----------
    ds : Dataset
        With `counts`. If there is a radiance it is computed anew from these, and the background is
        taken off a rate, so that `calibrate` and `rate` before or after give the same numbers. What
        was done to a radiance by other means than the steps of `ds.uvis` is lost: do it afterwards.
    level : float, optional
        Set the background to this, count/s per detector pixel. Nothing is measured then, and
        `method`, `alt_min`, `wl_range` and `pixels` have no effect.
    error : float, optional
        Standard error of a background that is set: by default 0 of a `level`, and 10 % of what
        "rtg" takes. A measured background has its own.
    method : {"gaps", "mean", "rtg"}
        "gaps": from the lengths of the runs of zeros between counts, which narrow lines in the
        range hardly disturb (`uvisxr.numerics.zero_runs`). "mean": counts over detector pixels and
        time, with the square root of their number as the error. "rtg": where nothing can be
        measured, the level that the users guide shows for the mean time of the exposures
        (`rtg_level`; it falls by 2.5 % a year), with a warning because it is not a measurement.
    alt_min : float, optional
        Use the spectra all of whose corners are higher than this above the target, km. Needs the
        geometry. If `pixels` is given too, spectra must satisfy both.
    wl_range : (float, float), optional
        Wavelength range to measure in, angstrom; elements that lie wholly inside are used. By
        default 1400 to 1850 for the FUV, 620 to 820 for the EUV.
    pixels : DataArray of bool, or pairs of int, optional
        Spectra to measure in: a mask over pic and pixel, or (pic, pixel) pairs. Rows without
        signal (flag `dark_line`) are used if listed here; spectra with any other flag never are.
        Of those the slit does not light, only if no others are listed.

    Returns
    -------
    Dataset
        With the scalar coordinates `background` and `background_error` (count/s per detector
        pixel), `quality` with the flags `lost` and `partial`, and the attributes
        `background_method`, `background_spectra` (number used) and, where the times of the
        exposures are known, `background_expected`, what "rtg" takes, for comparison only.

    Raises
    ------
    ArgumentError
        Negative or NaN level or error, unknown method, wavelength range outside the channel or the
        window, no spectrum left, or neither `alt_min` nor `pixels` given.
    MissingStepError
        `alt_min` without geometry, "rtg" without the times of all exposures (`et`), or no `counts`.

    Warns
    -----
    UvisWarning
        The background exceeds 1e-3 count/s per detector pixel, is not measured ("rtg"), or is
        measured in rows that the slit does not light, or set where there are no others; or the
        radiance of the first exposure, if it is not lazy, is not what the calibration gives.

    Notes
    -----
    The error of "gaps" comes from the scatter of the spectra (`zero_runs.fit`) and covers the truth
    in 68 % of cases; that of independent Bernoulli elements, sqrt(q (1 - q) / (L S)), is too small.

    The wings of Lyman-alpha (`uvisxr.instrument.line_shape`) are taken for background. In
    simulations of the FUV, 0.5 kR, as from interplanetary hydrogen, add 1 % to 4e-4 count/s in the
    low-resolution slit and 6 % in the occultation slit; from 1650 to 1850 angstrom, 0.2 and 1 %.

    "rtg" takes one level for all slits and both channels, that of the FUV's LOW slit. The HIGH
    slit's is 2 to 9 % lower in the guide's figure, where some of its points are hidden that would
    raise it: no more than the error. The OCCULTATION slit and the EUV are not in the figure. The
    one is wider and may let in more scattered Lyman-alpha; of the other the guide only has a
    working value for all dates, 4e-4 count/s. Give a larger `error` for these. Exposures of several
    years share the level of their mean time.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.background(alt_min=2000)
    >>> print(f"{ds.background:.0e} +- {ds.background_error:.0e} count/s per detector pixel")
    4e-04 +- 4e-06 count/s per detector pixel
    >>> ds = made.open().uvis.background(level=4e-4, error=1e-5)
    >>> float(ds.background)
    0.0004
    """
    checks.choice("method", method, BackgroundMethod)
    for name, value in (("level", level), ("error", error)):
        if value is not None:
            checks.number(name, value, "a rate, count/s per detector pixel", least=0)
    if alt_min is not None:
        checks.number("alt_min", alt_min, "an altitude, km")
    if level is None and method != "rtg" and error is not None:
        raise ArgumentError(
            f'error={error} without level=: a measured background (method="{method}") has its own '
            "error"
        )

    flags_of(ds)  # its dimensions are checked first
    year = year_of(ds)
    measured = losses.features(ds)
    how = method if level is None else "by hand"
    if how in ("by hand", "rtg"):
        if level is None:
            level = _level_of(year)
            error = RTG_ERROR * level if error is None else error
        level, error, used = float(level), float(error or 0.0), 0
        quality = losses.flags(ds, sure(level, error), measured)
        if not Bins.of(ds).lit_lines.any():
            warn_user(f"{_UNLIT}: the dataset holds no others, and nothing is taken off them")
    else:
        candidates = _lit(_candidates(ds, alt_min, pixels), Bins.of(ds))
        measured = measured.compute()
        level, error, quality, used = _measure(ds, method, candidates, wl_range, measured)
    if how == "rtg":
        warn_user(
            f"the background of {level:.3g} +- {error:.2g} count/s per detector pixel is not "
            f"measured from these data: it is the level of {year:.1f} ({_RTG_SOURCE}); "
            'method="gaps" measures it'
        )
    elif level > UNUSUAL:
        mend = (
            "is level= in another unit? That of the FUV was about 4e-4"
            if how == "by hand"
            else "do the spectra contain signal? Choose others with alt_min or pixels, or another "
            "wl_range"
        )
        warn_user(
            f"the background of {level:.3g} count/s per detector pixel exceeds {UNUSUAL}: {mend}"
        )
    _warn_of_changes(ds)
    before = scalar(ds, "background")
    given = ds
    ds = ds.assign_coords(background=level, background_error=error, quality=quality)
    telling.warn_of_many(given, ds)
    ds = ds.assign_attrs(background_method=how, background_spectra=used)
    ds.attrs.pop("background_expected", None)
    if np.isfinite(year):
        ds.attrs["background_expected"] = float(rtg_level(year))
    if "radiance" in ds:
        ds = radiance.compute(ds)
    if "rate" in ds:
        ds = darkened(ds, level - before, error)
    ds = conventions.apply(ds)
    if how == "rtg":
        took = {"level": level, "error": error, "year": round(year, 3), "source": _RTG_SOURCE}
        ds = history.used(ds, took=took)
    return ds


def _warn_of_changes(ds: xr.Dataset) -> None:
    """Say that a radiance that was changed will be lost, from a sample: the first exposure."""
    if "radiance" not in ds.variables or not is_stored(ds) or not ds.sizes.get("pic"):
        return
    if any(ds.variables[name].chunks is not None for name in ("counts", "radiance")):
        return
    one = ds.isel(pic=[0])
    stored = Stored.of(one)
    if stored.conversion.fill == "shape":
        # The shape is that of the mean of all exposures.
        return
    own = stored.radiances()["radiance"]
    there = one["radiance"].variable.transpose(*own.dims).values
    change = np.nansum(np.abs(there - own.values))
    if change > _CHANGED * np.nansum(np.abs(own.values)):
        warn_user(
            "the radiance is not what the calibration gives, and is computed anew from the counts: "
            "what was done to it is lost; change radiances after background"
        )


def _level_of(year: float) -> float:
    if np.isnan(year):
        raise MissingStepError(
            'method="rtg" takes the level of the date, and et, the times of the exposures, is '
            "missing, empty or not finite: keep et of uvisxr.open_product, or set level="
        )
    return float(rtg_level(year))


def _candidates(ds: xr.Dataset, alt_min: float | None, pixels: Pixels | None) -> np.ndarray:
    """Spectra that the user says contain only background, bool (pic, pixel)."""
    if alt_min is None and pixels is None:
        raise ArgumentError(
            "which spectra contain only background? Give alt_min= (km, after ds.uvis.geometry()) "
            "to use those above the atmosphere, or pixels= to list them"
        )
    flags = flags_of(ds)
    chosen = np.ones(flags.shape, bool)
    if pixels is not None:
        chosen[:] = False
        chosen[tuple(select(ds, pixels).T)] = True
    else:
        chosen &= good(ds, "dark_line").values
    if alt_min is not None:
        name = next((n for n in ("alt_corners", "alt") if n in ds.variables), None)
        if name is None:
            call = "ds.uvis.geometry()"
            if "geometry_target" in ds.attrs:
                call = "ds.uvis.geometry(target=...) with a body of known shape and rotation"
            raise MissingStepError(
                f"alt_min={alt_min} needs altitudes: call {call} first, or list the spectra with "
                "pixels="
            )
        sightlines.check_geometry(ds, "background")
        lowest = ds[name].min([d for d in ds[name].dims if d not in DIMS], skipna=False).compute()
        if lowest.size and not np.isfinite(lowest.values).any():
            what = "pointing" if sightlines.lack_pointing(ds) else "the places of the body"
            raise ArgumentError(
                f"alt_min={alt_min} needs altitudes, and none is known for want of {what} in the "
                "kernels: give ds.uvis.geometry(kernels=...) others, list the spectra with "
                'pixels=, set level=, or take method="rtg"'
            )
        chosen &= (lowest > alt_min).transpose(*DIMS).values
    if not chosen.any():
        raise ArgumentError(
            "no spectrum to measure the background in"
            + (f": none lies above alt_min={alt_min} km" if alt_min is not None else "")
            + ". Lower alt_min, list others with pixels=, or set level="
        )
    return chosen


def _lit(candidates: np.ndarray, bins: Bins) -> np.ndarray:
    """Those of the candidates (pic, pixel) that the slit lights; all of them where it lights none.

    Warns of the others.
    """
    lit = candidates & (bins.lit_lines > 0)
    unlit = int(candidates.sum() - lit.sum())
    if not unlit:
        return candidates
    if lit.any():
        warn_user(
            f"{_UNLIT}: {unlit} of the {candidates.sum()} spectra to measure it in are left out"
        )
        return lit
    warn_user(
        f"{_UNLIT}: all {unlit} spectra to measure it in are from such rows, and what is measured "
        "is not the background of the others; choose spectra of these with pixels, or set level="
    )
    return candidates


def _columns(ds: xr.Dataset, bins: Bins, wl_range: tuple[float, float] | None) -> np.ndarray:
    """Elements inside the range that have the usual number of detector columns, bool (wl,)."""
    name = ds.attrs["channel"]
    wanted = QUIET[name] if wl_range is None else wl_range
    low, high = checks.pair("wl_range", wanted, "wavelengths, angstrom")
    first, last = channel(name).wavelength(np.array([-0.5, N_BANDS - 0.5]))
    if not first <= low < high <= last:
        raise checks.refused(
            "wl_range",
            wanted,
            f"a part of the {name}'s {first:.1f} to {last:.1f} angstrom"
            f"{checks.as_if_in_nm((low, high), first, last)}",
        )
    _, edges = bins.wavelengths(channel(name))
    inside = (edges.min(1) >= low) & (edges.max(1) <= high)
    if not inside.any():
        raise ArgumentError(
            f"no element lies within wl_range=({low:g}, {high:g}): this window covers "
            f"{edges.min():.1f} to {edges.max():.1f} angstrom in elements of "
            f"{np.ptp(edges, axis=1).max():.1f}"
        )
    usual: np.ndarray = inside & (bins.n_band == bins.n_band[inside].max())
    return usual


def _measure(
    ds: xr.Dataset,
    method: BackgroundMethod,
    candidates: np.ndarray,
    wl_range: tuple[float, float] | None,
    features: xr.DataArray,
) -> tuple[float, float, xr.DataArray, int]:
    """Level, error, flags and number of spectra used.

    Lost spectra pull the level down, and finding the partial ones needs the level: a first round
    without the lost ones provides it. There is no third round: a level with some signal in it would
    flag the faintest spectra, rise, and flag more.
    """
    bins = Bins.of(ds)
    columns = _columns(ds, bins, wl_range)
    # Dark lines are only there if listed on purpose: they contain background and nothing else.
    barred = np.uint8(0xFF & ~QUALITY_FLAGS["dark_line"])
    chosen = ds["counts"].transpose(*DIMS, "wl").isel(wl=columns)
    counts = as_counts(chosen.values[candidates])
    rows = np.where(bins.lit_lines > 0, bins.lit_lines, bins.n_line)
    per_spectrum = rows * float(bins.n_band[columns][0])
    exposure = np.broadcast_to(ds["exposure"].values, ds.sizes["pic"])
    scale = np.outer(exposure, per_spectrum)[candidates]

    level = error = 0.0
    for _ in range(2):
        quality = losses.flags(ds, sure(level, error), features)
        usable = (quality.values[candidates] & barred) == 0
        if not usable.any():
            raise ArgumentError(
                f"all {candidates.sum()} spectra to measure the background in are flagged (lost, "
                "partial, star or user): choose others with alt_min or pixels, or set level="
            )
        values, pixel_seconds = _received(counts[usable], scale[usable])
        level, error = _estimate(method, values, pixel_seconds)
    return level, error, quality, len(values)


def _received(counts: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts (spectrum, element) and scale (spectrum,) without what was never transmitted.

    Spectra that lack more than others are flagged and not among these: what is missing here is
    missing in all exposures. Rows that lack more of it than others are left out, then columns.
    """
    known = ~missing(counts)
    number = known.sum(1)
    sent = (number > 0) & (number == number.max())
    columns = known[sent].all(0)
    if not sent.any() or not columns.any():
        raise ArgumentError(
            "no spectrum to measure the background in has a value within wl_range: choose others "
            "with alt_min or pixels, another wl_range, or set level="
        )
    return counts[sent][:, columns], scale[sent]


def _estimate(
    method: BackgroundMethod, counts: np.ndarray, scale: np.ndarray
) -> tuple[float, float]:
    """Rate and error from spectra (spectrum, element), with detector pixels x time (spectrum,)."""
    if method == "mean":
        return mean(counts, scale)
    level, error = zero_runs.fit(counts > 0, scale)
    if not np.isfinite(level):
        raise ArgumentError(
            'no run of zeros in any spectrum: too many counts for method="gaps". Choose darker '
            'spectra with alt_min or pixels, or use method="mean"'
        )
    return level, error


def mean(counts: np.ndarray, scale: np.ndarray) -> tuple[float, float]:
    """Counts over detector pixels and time, with the square root of the counts as the error.

    Parameters
    ----------
    counts : ndarray, (spectrum, element)
    scale : ndarray, (spectrum,)
        Detector pixels per element x time, s.

    Returns
    -------
    rate, error : float
        With no counts at all, the error is that of one count.
    """
    total = counts.sum(dtype=np.int64)
    exposure = scale.sum() * counts.shape[1]
    return float(total / exposure), float(np.sqrt(max(total, 1)) / exposure)
