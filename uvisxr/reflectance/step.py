"""Radiances to reflectances, I/F, with their errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import checks
from ..calibration.stored import holds_total
from ..dataset import conventions, history
from ..errors import ArgumentError, MissingStepError, warn_user
from ..geometry.views import middle_sample
from ..instrument import channel as channels
from ..kernels.bodies import named
from ..kernels.session import LOCK
from ..numerics.constants import SPEED_OF_LIGHT
from ..numerics.sphere import vectors
from ..spectra import edges, radiances
from ..timescales import et_to_utc, utc_to_et
from . import facing, seen, sun
from .sun import SolarUnits, Sun

#: photon s-1 m-2 sr-1 of a kilorayleigh, 1e13 / (4 pi), times pi.
_PI_KILORAYLEIGHS = 1e13 / 4

#: How far before and after a series' dates a spectrum may still be taken from its ends.
_BEYOND = np.timedelta64(36, "h")

#: Distances from the Sun, au, that Cassini saw targets at, and more: others are in km.
_NEAREST, _FARTHEST = 0.5, 20.0

#: Steps of a solar spectrum that count as a hole: longer than so many usual ones.
_HOLE = 10.0

#: Days between spectra of a series from which on it is told that they are interpolated.
_APART = 7.0

#: What belongs to a radiance by its ending: what becomes of it goes as the square of what becomes
#: of the radiance, or is left as it is.
_SQUARED, _PLAIN = ("_variance",), ("_n", "_correlation", "_filled", "_share")

#: What is left out of a dataset of reflectances.
_GONE = ("counts", "counts_checksum", "rate", "rate_upper", "rate_lower", "rate_systematic")


@history.step("reflectance")
def reflectance(
    ds: xr.Dataset,
    solar: xr.DataArray | str | Path | None = None,
    distance: float | None = None,
    solar_error: float = 0.0,
    solar_units: SolarUnits = None,
    rotate: bool = True,
) -> xr.Dataset:
    """Reflectances, I/F: radiances over those of a white sheet in full sun.

    I/F = pi L / (F / d^2) with L the radiance, F the Sun's irradiance at 1 au and d the distance
    of the target from the Sun, au. It is not divided by the cosine of the incidence angle: a
    Lambert surface of albedo A has I/F = A cos(i).

    The Sun's spectrum is seen as the detector sees it: convolved with the response of the slit
    (`uvisxr.instrument.line_shape`), averaged over each element, in photons.

    Parameters
    ----------
    ds : Dataset
        Calibrated, of pixels or bins; or integrated over a range of wavelengths, which gives the
        I/F of the range, weighted by the Sun's photons.
    solar : DataArray, path or {"STIS", "Colina"}, optional
        The Sun's irradiance at 1 au, one spectrum or a series, as `uvisxr.solar_spectrum` takes it.
        By default STIS of rms-solar, if it is installed, which is for no date.
    distance : float, optional
        Of the target from the Sun, au, 0.5 to 20. Default: `heliocentric_distance` of the geometry.
    solar_error : float
        Relative 1-sigma error of the Sun's spectrum, added to the systematic error.
    solar_units : (str, str), optional
        Of wavelengths and irradiance, for a text file or an array that does not say.
    rotate : bool
        Take, from a series, the spectrum of the date when the face of the Sun that lit the target
        was towards the Earth, up to 13.6 days before or after the exposure; False: of the date of
        the exposure.

    Returns
    -------
    Dataset
        `reflectance` in place of `radiance` (or of `brightness`), with the coordinates
        `reflectance_upper`, `reflectance_lower` and `reflectance_systematic`, which follow from
        those of the radiance, and `solar_irradiance`, photon s-1 m-2 angstrom-1, the Sun's spectrum
        as seen by the elements, at the target. Of bins all means and errors are converted. NaN
        where the Sun's spectrum does not reach a resolution of the slit beyond the element. From a
        series, the coordinate `solar_time` says of which date; NaN where that is not known, as
        without a position of the target. Counts and rates are left out.

    Raises
    ------
    MissingStepError
        No radiance, no distance from the Sun, or, with a series, no position of the target.
    ArgumentError
        The solar spectrum is none, has no unit or none of the dataset's wavelengths, or a series
        does not hold the date.
    MissingDependencyError
        No `solar`, and rms-solar is not installed.

    Warns
    -----
    UvisWarning
        No `solar`, so that a spectrum of no date is taken; or as `uvisxr.solar_spectrum`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`, and a Sun of one brightness:

    >>> import xarray as xr
    >>> sun = xr.DataArray([2e-3, 2e-3], {"wl": ("wl", [110.0, 200.0], {"units": "nm"})},
    ...     attrs={"units": "W m-2 nm-1"})
    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.calibrate(files=made.calibration).uvis.reflectance(sun)
    >>> ds.reflectance.dims, ds.reflectance.attrs["long_name"]
    (('pic', 'pixel', 'wl'), 'I/F')
    """
    light = sun.of(solar, solar_units)
    out = conventions.apply(reflected(ds, light, distance, solar_error, rotate))
    return history.used(out, light.files, took={"solar": light.name})


def reflected(
    ds: xr.Dataset, light: Sun, distance: float | None, solar_error: float, rotate: bool
) -> xr.Dataset:
    """What `reflectance` makes of a spectrum of the Sun."""
    checks.number("solar_error", solar_error, "a relative error", least=0.0, most=10.0)
    checks.choice("rotate", rotate, bool)
    source, names, kind = _light(ds)
    far = _distance(source, distance)
    irradiance, when = _irradiance(source, light, kind, rotate, far)
    times = _factor(source, irradiance, kind)
    found = {
        name.replace(kind, "reflectance", 1): _converted(name, source[name].variable, times)
        for name in names
    }
    found = _with_solar_error(found, solar_error, holds_total(source))
    rest = source.drop_vars([*names, *_GONE], errors="ignore")
    values = [name.replace(kind, "reflectance", 1) for name in names if name in source.data_vars]
    out = rest.assign({n: v for n, v in found.items() if n in values})
    out = out.assign_coords({n: v for n, v in found.items() if n not in values})
    ends = [dim for dim in irradiance.dims if dim == "wl"]
    out = out.assign_coords({"solar_irradiance": irradiance.transpose(..., *ends)} | when)
    said: dict[str, Any] = {"solar_spectrum": light.name, "solar_error": float(solar_error)}
    return out.assign_attrs(said)


def _light(ds: xr.Dataset) -> tuple[xr.Dataset, list[str], str]:
    """The dataset, what is to be converted, and its kind: radiance or brightness."""
    if "brightness" in ds.data_vars and "radiance" not in ds.data_vars:
        if "wl_bounds" not in ds.variables:
            raise MissingStepError(
                "reflectance: the brightness has lost wl_bounds, its range of wavelengths: keep "
                "the coordinates of ds.uvis.integrate(...)"
            )
        kind, source = "brightness", ds
    else:
        (source, _), kind = radiances(ds), "radiance"
    names = [
        str(name)
        for name in source.variables
        if str(name) == kind or str(name).startswith(f"{kind}_")
    ]
    return source, names, kind


def _distance(ds: xr.Dataset, distance: float | None) -> xr.Variable:
    if distance is not None:
        what = "a distance from the Sun, au"
        known = checks.number("distance", distance, what, least=_NEAREST, most=_FARTHEST)
        return xr.Variable((), known)
    if "heliocentric_distance" not in ds.variables:
        raise MissingStepError(
            "reflectance: the dataset has no heliocentric_distance: call ds.uvis.geometry() "
            "before, with a target that is a body, or give distance=, in au"
        )
    return middle_sample(ds)["heliocentric_distance"].variable.astype(float)


def _irradiance(
    ds: xr.Dataset, light: Sun, kind: str, rotate: bool, far: xr.Variable
) -> tuple[xr.Variable, dict[str, xr.Variable]]:
    """What lights the target, as the elements see it; and the dates of it, if known."""
    channel = channels.channel(ds.attrs["channel"])
    slit = channels.slit_name(ds.attrs["slit"])
    bounds = edges(ds) if kind == "radiance" else np.sort(ds["wl_bounds"].values)[None]
    if bounds.ndim != 2:
        other = [str(d) for d in ds["wl_bounds"].dims if d not in ("wl", "bnds")]
        raise ArgumentError(
            f"reflectance: wl_bounds has the dimension {', '.join(other)} besides wl and bnds: "
            f"choose one with ds.isel({other[0]}=0)"
        )
    _check_holes(light, bounds, channel.slits[slit].dlambda)
    dim = ("wl",) if kind == "radiance" else ()
    if not light.dated:
        found = seen.spectrum(light.wl, light.photons, bounds, channel, slit)[0]
        _check_reach(found, light, bounds)
        return _at(xr.Variable("wl", found), dim) / far**2, {}
    et = _lit(ds)
    dates = np.atleast_1d(et.values)
    if rotate:
        dates = facing.at_earth(dates, _position(ds, et))
    when = xr.Variable(et.dims, et_to_utc(dates).reshape(et.shape))
    at, share = _between(light, np.atleast_1d(when.values))
    undated = np.isnan(share)
    if undated.any() and np.isfinite(np.broadcast_to(far.values, undated.shape)[undated]).any():
        warn_user(
            f"reflectance: of {undated.sum()} of {undated.size} exposures it is not known where "
            "the target was, and so not which spectrum of the series lit it: their I/F is NaN; "
            "rotate=False takes that of the date of the exposure"
        )
    used = np.unique(np.concatenate([at, at + (share > 0)]))
    days = seen.spectrum(light.wl, light.photons[used], bounds, channel, slit)
    _check_reach(days[0], light, bounds)
    first = days[np.searchsorted(used, at)]
    second = days[np.searchsorted(used, at + (share > 0))]
    found = first + share[:, None] * (second - first)
    along = xr.Variable((*et.dims, "wl"), found if et.dims else found[0])
    return _at(along, dim) / far**2, {"solar_time": when}


def _at(found: xr.Variable, dim: tuple[str, ...]) -> xr.Variable:
    """Spectra along wl, or without it those of the one element that there is."""
    return found if dim else found.isel(wl=0)


def _check_reach(found: np.ndarray, light: Sun, bounds: np.ndarray) -> None:
    if not np.isfinite(found).any():
        raise ArgumentError(
            f"solar: {light.name} reaches from {light.wl[0]:.2f} to {light.wl[-1]:.2f} angstrom, "
            f"which is not a resolution of the slit beyond any element of the dataset, "
            f"{bounds.min():.2f} to {bounds.max():.2f} angstrom"
        )


def _check_holes(light: Sun, bounds: np.ndarray, resolution: float) -> None:
    """Warn of wavelengths that the Sun's spectrum skips, among those that are used."""
    low, high = bounds.min() - resolution, bounds.max() + resolution
    step = np.diff(light.wl)
    used = (light.wl[1:] > low) & (light.wl[:-1] < high)
    hole = used & (step > max(_HOLE * float(np.median(step)), resolution))
    if hole.any():
        at = int(np.argmax(np.where(hole, step, 0.0)))
        more = f", nor in {hole.sum() - 1} other such ranges" if hole.sum() > 1 else ""
        warn_user(
            f"solar: {light.name} has no values between {light.wl[at]:g} and {light.wl[at + 1]:g} "
            f"angstrom{more}, but one each {np.median(step):.3g} elsewhere: there it is taken for a"
            " straight line"
        )


def _lit(ds: xr.Dataset) -> xr.Variable:
    """When the target was lit, TDB s past J2000: of bins, in the middle of their exposures."""
    ds = middle_sample(ds)
    if "et" in ds.variables:
        et = ds["et"].variable.astype(float)
    elif {"time_coverage_start", "time_coverage_end"} <= ds.attrs.keys():
        ends = [str(ds.attrs[f"time_coverage_{end}"]).rstrip("Z") for end in ("start", "end")]
        et = xr.Variable((), float(np.mean(utc_to_et(np.array(ends, "datetime64[ns]")))))
    else:
        raise MissingStepError(
            "reflectance: the dataset has no et, and nobody knows which of the Sun's dated spectra "
            "to take: keep et, or give solar= one of the spectra, solar.sel(time=...)"
        )
    if "target_distance" in ds.variables:
        # Within a system light takes less than a minute: nothing, where the distance is not known.
        away = ds["target_distance"].variable.astype(float).fillna(0.0)
        et = et - (away if set(away.dims) <= set(et.dims) else away.mean()) / SPEED_OF_LIGHT
    return et


def _position(ds: xr.Dataset, et: xr.Variable) -> np.ndarray:
    """Position of the target relative to the Sun, J2000, km, (n, 3).

    The Sun is taken to be in the barycentre: at Saturn that is 0.06 degrees, an hour of rotation.
    """
    ds = middle_sample(ds)
    if "sc_position" not in ds.variables:
        return facing.planet(_planet(ds), np.atleast_1d(et.values))
    place = ds["sc_position"].transpose(..., "axis").values.astype(float)
    there = ("target_ra", "target_dec", "target_distance")
    if set(there) <= ds.variables.keys():
        ra, dec, away = (ds[name].values for name in there)
        place = place + np.asarray(away)[..., None] * vectors(ra, dec)
    return place.reshape(-1, 3)


def _planet(ds: xr.Dataset) -> str:
    """The planet that a dataset's target is, or belongs to: of bins, and without a geometry."""
    target = str(ds.attrs.get("geometry_target") or ds.attrs.get("target", ""))
    try:
        with LOCK:
            code = named(target)[1]
        name = {2: "VENUS", 3: "EARTH", 5: "JUPITER", 6: "SATURN"}[code // 100 or code]
    except (ArgumentError, KeyError):
        raise MissingStepError(
            f"reflectance: nobody knows which face of the Sun lit {target or 'the target'}: call "
            "ds.uvis.geometry() before, or give rotate=False"
        ) from None
    return name


def _between(light: Sun, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last spectrum of a series before each time, and the share of the way to the next.

    Of times that are not known the share is NaN.
    """
    known = when[~np.isnat(when)]
    early, late = light.time[0] - _BEYOND, light.time[-1] + _BEYOND
    if known.size and (known.min() < early or known.max() > late):
        first, last = (np.datetime_as_string(t, unit="D") for t in (known.min(), known.max()))
        has = " to ".join(np.datetime_as_string(light.time[[0, -1]], unit="D"))
        raise ArgumentError(
            f"solar: {light.name} has dates from {has}, but spectra are needed of {first}"
            + (f" to {last}" if last != first else "")
            + ", when the face of the Sun that lit the target was towards the Earth (of the dates "
            "of the exposures themselves with rotate=False)"
        )
    seconds = (light.time - light.time[0]) / np.timedelta64(1, "s")
    wanted = (when - light.time[0]) / np.timedelta64(1, "s")
    at = np.clip(np.searchsorted(seconds, wanted, side="right") - 1, 0, max(seconds.size - 2, 0))
    if seconds.size == 1:
        return at, np.where(np.isnan(wanted), np.nan, 0.0)
    steps = np.diff(seconds)[at]
    far = steps[~np.isnan(wanted)]
    if (far > _APART * 86400).any():
        warn_user(
            f"solar: {light.name} has no spectrum for up to {far.max() / 86400:.0f} days around "
            "the dates that are needed: it is interpolated"
        )
    return at, np.clip((wanted - seconds[at]) / steps, 0.0, 1.0)


def _factor(ds: xr.Dataset, irradiance: xr.Variable, kind: str) -> xr.Variable:
    """I/F of a radiance of 1 kR/angstrom, or of a brightness of 1 kR."""
    width = 1.0 if kind == "radiance" else float(np.ptp(ds["wl_bounds"].values))
    with np.errstate(divide="ignore"):
        times = _PI_KILORAYLEIGHS / (irradiance * width)
    known: xr.Variable = times.where(np.isfinite(times))
    return known


def _converted(name: str, variable: xr.Variable, times: xr.Variable) -> xr.Variable:
    if name.endswith(_PLAIN):
        return variable
    scale = times**2 if name.endswith(_SQUARED) else times
    found = (variable * scale).astype(variable.dtype)
    return found.transpose(*variable.dims, *(d for d in found.dims if d not in variable.dims))


def _with_solar_error(
    found: dict[str, xr.Variable], error: float, total: bool
) -> dict[str, xr.Variable]:
    """Errors with that of the Sun's spectrum, in which all elements share."""
    if not error:
        return found
    out = dict(found)
    for mean in ("reflectance", "reflectance_weighted"):
        for end in ("systematic", *(("upper", "lower") if total else ())):
            name = f"{mean}_{end}"
            if mean in found and name in found:
                both = (found[name] ** 2 + (error * found[mean]) ** 2) ** 0.5
                out[name] = both.astype(found[name].dtype).transpose(*found[name].dims)
    return out
