"""Background: the counts the detector makes by itself, mostly from the spacecraft's power source.

It is a rate per detector pixel, the same all over the detector, so that an element of n detector
pixels holds n times it. It is measured where nothing else shines: in spectra above the
atmosphere, over a range of wavelengths without lines.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from . import checks
from .calibration import radiance
from .dataset import conventions, history
from .errors import ArgumentError, MissingStepError, warn_user
from .instrument.channel import N_BANDS, channel
from .instrument.detector import Bins
from .numerics import zero_runs
from .quality import losses
from .quality.flags import DIMS, Pixels, flags_of, good, select

#: Rate to expect of the power source, count/s per detector pixel (users guide, chapter 4).
EXPECTED = 4e-4

#: Rates above it are more than background, count/s per detector pixel.
UNUSUAL = 1e-3

#: Wavelengths without strong lines, angstrom. FUV: between the N I, C I and O I lines and the
#: reflected sunlight; EUV: between O II 617 and O II 834.
QUIET = {"FUV": (1400.0, 1850.0), "EUV": (620.0, 820.0)}

#: How the background is found: see `background`.
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
    """Measure the background, or set it by hand; flag lost and partial spectra.

    Parameters
    ----------
    ds : Dataset
        With `counts`; with a radiance too, which is then computed anew: calibrating before or
        after gives the same numbers.
    level : float, optional
        The background by hand, count/s per detector pixel. Nothing is measured then, and
        `method`, `alt_min`, `wl_range` and `pixels` have no effect.
    error : float, optional
        Standard error of a background by hand, 0 by default. A measured background has its own.
    method : {"gaps", "mean", "rtg"}
        "gaps": from the lengths of the runs of zeros between counts, little disturbed by narrow
        lines in the range (`uvisxr.numerics.zero_runs`). "mean": counts over detector pixels and
        time, with the square root of their number as error. "rtg": the users guide's expectation
        of 4e-4 count/s, by your choice and with a warning, for it is no measurement; its error
        is `error`.
    alt_min : float, optional
        Take the spectra all of whose corners lie higher than this above the target, km. Needs
        the geometry. Together with `pixels`, those of both.
    wl_range : (float, float), optional
        Wavelengths to measure in, angstrom; elements that lie wholly inside are taken. By default
        1400 to 1850 for the FUV, 620 to 820 for the EUV.
    pixels : DataArray of bool, or pairs of int, optional
        Spectra to measure in: a mask over pic and pixel, or (pic, pixel) pairs. Rows without
        signal (flag `dark_line`) are used when named here; spectra with another flag never are.

    Returns
    -------
    Dataset
        With the scalar coordinates `background` and `background_error` (count/s per detector
        pixel), `quality` with the flags `lost` and `partial`, and the attributes
        `background_method`, `background_spectra` (number used) and `background_expected`, the
        users guide's figure, for comparison only.

    Raises
    ------
    ArgumentError
        A negative or NaN level or error, an unknown method, a wavelength range outside the
        channel or the window, no spectrum left, or neither `alt_min` nor `pixels` given.
    MissingStepError
        `alt_min` without geometry, or no `counts`.

    Warns
    -----
    UvisWarning
        The background exceeds 1e-3 count/s per detector pixel, or is not measured ("rtg").

    Notes
    -----
    The error of "gaps" comes from the scatter of the spectra (`gaps.fit`) and covers the truth in
    68 % of cases; that of independent Bernoulli elements, sqrt(q (1 - q) / (L S)), is too small.
    """
    checks.choice("method", method, BackgroundMethod)
    for name, value in (("level", level), ("error", error)):
        if value is not None:
            checks.number(name, value, "a rate, count/s per detector pixel", least=0)
    if alt_min is not None:
        checks.number("alt_min", alt_min, "an altitude, km")
    if "counts" not in ds:
        raise MissingStepError(
            "the dataset has no counts to measure a background in: keep `counts` of "
            "uvisxr.open_product"
        )
    if level is None and method != "rtg" and error is not None:
        raise ArgumentError(
            f'error={error} without level=: a measured background (method="{method}") has its own '
            "error"
        )

    flags_of(ds)  # its dimensions are checked first
    measured = losses.features(ds)
    how = method if level is None else "by hand"
    if how in ("by hand", "rtg"):
        level = EXPECTED if level is None else float(level)
        error, used = float(error or 0.0), 0
        quality = losses.flags(ds, sure(level, error), measured)
    else:
        candidates = _candidates(ds, alt_min, pixels)
        measured = measured.compute()
        level, error, quality, used = _measure(ds, method, candidates, wl_range, measured)
    if how == "rtg":
        warn_user(
            f"the background is the users guide's expectation, {EXPECTED} count/s per detector "
            'pixel, not measured in these data: method="gaps" measures it'
        )
    elif level > UNUSUAL:
        warn_user(
            f"the background of {level:.3g} count/s per detector pixel is more than {UNUSUAL}: do "
            "the spectra hold signal? Choose others by alt_min or pixels, or another wl_range"
        )
    ds = ds.assign_coords(background=level, background_error=error, quality=quality)
    ds = ds.assign_attrs(
        background_method=how, background_spectra=used, background_expected=EXPECTED
    )
    if "radiance" in ds:
        ds = radiance.compute(ds)
    return conventions.apply(ds)


def _candidates(ds: xr.Dataset, alt_min: float | None, pixels: Pixels | None) -> np.ndarray:
    """Spectra the user says hold nothing but background, bool (pic, pixel)."""
    if alt_min is None and pixels is None:
        raise ArgumentError(
            "which spectra hold nothing but background? Give alt_min= (km, after "
            "ds.uvis.geometry()) to take those above the atmosphere, or pixels= to name them"
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
            raise MissingStepError(
                f"alt_min={alt_min} needs altitudes: call ds.uvis.geometry() first, or name the "
                "spectra by pixels="
            )
        lowest = ds[name].min([d for d in ds[name].dims if d not in DIMS], skipna=False)
        chosen &= (lowest > alt_min).transpose(*DIMS).values
    if not chosen.any():
        raise ArgumentError(
            "no spectrum to measure the background in"
            + (f": none lies above alt_min={alt_min} km" if alt_min is not None else "")
            + ". Lower alt_min, name others by pixels=, or set level="
        )
    return chosen


def _columns(ds: xr.Dataset, bins: Bins, wl_range: tuple[float, float] | None) -> np.ndarray:
    """Elements inside the range, of the usual number of detector columns, bool (wl,)."""
    name = ds.attrs["channel"]
    wanted = QUIET[name] if wl_range is None else wl_range
    low, high = checks.pair("wl_range", wanted, "wavelengths, angstrom")
    first, last = channel(name).wavelength(np.array([-0.5, N_BANDS - 0.5]))
    if not first <= low < high <= last:
        raise checks.refused(
            "wl_range", wanted, f"a part of the {name}'s {first:.1f} to {last:.1f} angstrom"
        )
    _, edges = bins.wavelengths(channel(name))
    inside = (edges.min(1) >= low) & (edges.max(1) <= high)
    if not inside.any():
        raise ArgumentError(
            f"no element lies within wl_range=({low:g}, {high:g}): this window holds "
            f"{edges.min():.1f} to {edges.max():.1f} angstrom in elements of "
            f"{np.ptp(edges, axis=1).max():.1f}"
        )
    return inside & (bins.n_band == bins.n_band[inside].max())


def _measure(
    ds: xr.Dataset,
    method: BackgroundMethod,
    candidates: np.ndarray,
    wl_range: tuple[float, float] | None,
    features: xr.DataArray,
) -> tuple[float, float, xr.DataArray, int]:
    """Level, error, flags and number of spectra used.

    Lost spectra pull the level down, and finding the partial ones needs the level: a first round
    without those gives it. There is no third round: a level that holds some signal would flag the
    faintest spectra, rise, and flag more.
    """
    bins = Bins.of(ds)
    columns = _columns(ds, bins, wl_range)
    # A dark line is named on purpose: it holds background and nothing else.
    barred = np.uint8(0xFF & ~conventions.QUALITY_FLAGS["dark_line"])
    chosen = ds["counts"].transpose(*DIMS, "wl").isel(wl=columns)
    counts = chosen.values[candidates]
    per_spectrum = bins.n_line * float(bins.n_band[columns][0])
    exposure = np.broadcast_to(ds["exposure"].values, ds.sizes["pic"])
    scale = np.outer(exposure, per_spectrum)[candidates]

    level = error = 0.0
    for _ in range(2):
        quality = losses.flags(ds, sure(level, error), features)
        usable = (quality.values[candidates] & barred) == 0
        if not usable.any():
            raise ArgumentError(
                f"all {candidates.sum()} spectra to measure the background in are flagged (lost, "
                "partial, star or user): choose others by alt_min or pixels, or set level="
            )
        level, error = _estimate(method, counts[usable], scale[usable])
    return level, error, quality, int(usable.sum())


def sure(level: float, error: float) -> float:
    """Level by which runs of zeros are judged: what the background has at least.

    Two errors below the measured one. Above `UNUSUAL` the level is not the background's, and the
    judgement is left out: it would take faint spectra for lost ones.
    """
    return max(level - 2 * error, 0.0) if level <= UNUSUAL else 0.0


def _estimate(
    method: BackgroundMethod, counts: np.ndarray, scale: np.ndarray
) -> tuple[float, float]:
    """Rate and error from spectra (spectrum, element) of detector pixels x time (spectrum,)."""
    if method == "mean":
        return mean(counts, scale)
    level, error = zero_runs.fit(counts > 0, scale)
    if not np.isfinite(level):
        raise ArgumentError(
            'no run of zeros in any spectrum: too many counts for method="gaps". Choose darker '
            'spectra by alt_min or pixels, or use method="mean"'
        )
    return level, error


def mean(counts: np.ndarray, scale: np.ndarray) -> tuple[float, float]:
    """Counts over detector pixels and time, and the error of their number's square root.

    Parameters
    ----------
    counts : ndarray, (spectrum, element)
    scale : ndarray, (spectrum,)
        Detector pixels in an element x time, s.

    Returns
    -------
    rate, error : float
        The error is that of one count where there is none.
    """
    total = counts.sum(dtype=np.int64)
    exposure = scale.sum() * counts.shape[1]
    return float(total / exposure), float(np.sqrt(max(total, 1)) / exposure)
