"""Reflectance of whole disks: what pixels hold of a body, over how much of them it fills."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from .. import checks, targets
from ..calibration.stored import holds_total, single_interval
from ..dataset import conventions, history
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..dataset.fields import EPHEMERIS
from ..errors import ArgumentError, MissingStepError, warn_user
from ..geometry import outline, views
from ..integrals import integrate
from ..numerics import raster, weighted_sums
from ..numerics.circle import area_in_circle, shared_in_circle
from ..numerics.poisson import Interval
from ..quality.flags import kept
from . import sun
from .step import reflected
from .sun import SolarUnits

#: What is taken off the light of the pixels.
Background = Literal["auto", "night", "sky", "none"]

#: What becomes one value: each exposure, or all together.
Per = Literal["exposure", "observation"]

#: Incidence angle, degrees, beyond which the surface counts as night: below the horizon by enough
#: for the finite Sun, and for twilight.
NIGHT = 100.0

#: Pixels along the slit, on either side of the body, that the wings of the optics may reach.
_CLEAR = 2

#: How high above the ellipsoid atmospheres are seen to shine, km; beyond is left of them what is
#: seen all over the sky, the resonance lines of hydrogen.
_ATMOSPHERES = {
    "TITAN": 2000.0,
    "SATURN": 4000.0,
    "JUPITER": 3000.0,
    "VENUS": 500.0,
    "EARTH": 1000.0,
}

#: Of how many of its errors an I/F below zero is told.
_BELOW = 5.0

#: Share of a pixel that counts as none.
_LEAST = 1e-9

#: Share of a pixel on the disk from which on it is on it as a whole.
_WHOLE = 1.0 - 1e-6

#: Values worked on at once.
_BLOCK = 2**21

#: Points of the limb that tell the ellipse it is seen as; five would do.
_POINTS = 25


@history.step("photometry")
def photometry(
    ds: xr.Dataset,
    solar: xr.DataArray | str | Path | None = None,
    wl_range: tuple[float, float] | None = None,
    body: str | None = None,
    per: Per = "exposure",
    background: Background = "auto",
    margin: float | None = None,
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    distance: float | None = None,
    solar_error: float = 0.0,
    solar_units: SolarUnits = None,
    rotate: bool = True,
) -> xr.Dataset:
    """Mean I/F of a body's disk: a point of its phase curve for each exposure, or for all.

    The light of all pixels that the disk touches, less the background, over the area of the disk in
    them: sum(w (I/F - b)) / sum(w f) with w the pixels' solid angles in units of the disk's in that
    exposure, and f their filling, the share that the disk fills, its night side included. So all
    parts of the disk count alike from wherever they were seen. If the whole disk is in the pixels
    (`disk_share`), this is the geometric albedo times the phase function, whatever the disk's size
    in pixels. If only a part is, it is the mean over that part. Of all exposures together, what was
    seen several times counts as often.

    Parameters
    ----------
    ds : Dataset
        Calibrated, with geometry of the body.
    solar, distance, solar_error, solar_units, rotate
        As of `ds.uvis.reflectance`.
    wl_range : (float, float), optional
        Angstrom: I/F of the light in this range, instead of spectra.
    body : str, optional
        The body, to be sure: that of the geometry.
    per : {"exposure", "observation"}
        Each exposure for itself, or all together: for scans, whose exposures hold parts of the
        disk.
    background : {"auto", "night", "sky", "none"}
        What is taken off, the mean of pixels of all exposures. "sky": of pixels off the disk, none
        of whose neighbours within two along the slit touches it. "night": of pixels wholly on the
        disk, with incidence angles above 100 degrees at all corners, off the share of each pixel
        that the disk fills, and the sky off the rest: right where the sky is brighter than the
        disk, as in Lyman-alpha. "auto": the night where there is any, else the sky. "none":
        nothing.
    margin : float, optional
        Altitude, km, above which the sky's pixels must look as a whole, beside the two pixels.
        Default: beyond the body's atmosphere, whose light is none of the sky's: 2000 of Titan, 4000
        of Saturn, 3000 of Jupiter, 500 of Venus, 1000 of the Earth, and 0 of all others.
    exclude : str or iterable of str
        Quality flags whose spectra are left out: all by default, `()` for none.

    Returns
    -------
    Dataset
        `reflectance`, (pic, wl) or without `pic` or `wl`, with the coordinates `reflectance_upper`,
        `reflectance_lower`, `reflectance_systematic`; `reflectance_removed`, the I/F of the
        background that was taken off; `disk_share`, how much of the disk is in the pixels with a
        value, be it in several of them, at the wavelength where it is least; and the fields of
        exposures, `target_phase` among them, the phase angle, or their means weighted by the disk's
        area. With ``per="exposure"`` also `filling` (pic, pixel). NaN without pointing, and in
        exposures that do not hold the disk.

    Raises
    ------
    MissingStepError
        No geometry, or none of a body with a shape; no radiance; or no `alt_corners` for `margin`.
    ArgumentError
        `body` is another than the geometry's; all pixels that the disk touches are flagged; there
        are no pixels of the background; or as `ds.uvis.reflectance`.

    Warns
    -----
    UvisWarning
        No exposure holds any of the disk. The disk has I/F below zero by more than five of its
        errors: what was taken off it is brighter than what lies behind or on it. Or as
        `ds.uvis.reflectance`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`, and a Sun of one brightness:

    >>> import xarray as xr
    >>> sun = xr.DataArray([2e-3, 2e-3], {"wl": ("wl", [110.0, 200.0], {"units": "nm"})},
    ...     attrs={"units": "W m-2 nm-1"})
    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> disk = ds.uvis.photometry(sun, (1700, 1850), per="observation")
    >>> disk.reflectance.dims, f"{disk.target_phase:.0f} degrees"
    ((), '60 degrees')
    """
    checks.choice("per", per, Per)
    checks.choice("background", background, Background)
    if margin is not None:
        checks.number("margin", margin, "an altitude, km", least=0.0)
    _check_body(ds, body)
    ds = views.middle_sample(ds)
    part = _Filled.of(ds, kept(ds, exclude))
    _check_unflagged(part)
    ds = ds if wl_range is None else integrate(ds, wl_range)
    light = sun.of(solar, solar_units)
    lit = reflected(ds, light, distance, solar_error, rotate)
    where = _Where.of(ds, part, background, margin)
    sums = _Sums.of(lit, part, where, single_interval(ds), holds_total(ds))
    if per == "observation":
        sums = sums.together()
        twice = part.shared(_known(lit, sums.least()))
    there = ("wl",) if per == "observation" else ("pic", "wl")
    dims = [dim for dim in there if dim in lit["reflectance"].dims]
    found = {
        name: xr.Variable(dims, values.reshape([lit.sizes[dim] for dim in dims]))
        for name, values in sums.disk(where).items()
    }
    share = sums.share()
    if per == "exposure":
        rest = lit.coords.to_dataset().drop_vars([n for n, v in lit.coords.items() if _ends(v)])
        found["disk_share"] = xr.Variable("pic", share)
        found["filling"] = xr.Variable(("pic", "pixel"), part.filling.astype(np.float32))
    else:
        rest = _together(lit, part.disk.sum(axis=1))
        found["disk_share"] = xr.Variable((), max(share[0] - twice / np.pi, 0.0))
    if not share.any():
        _warn_of_nothing(ds, part, lit)
    _warn_of_less_than_nothing(found, lit, where)
    value = found.pop("reflectance")
    out = rest.drop_vars([n for n in found if n in rest.variables])
    out = out.assign(reflectance=value).assign_coords(found).assign_attrs(lit.attrs)
    out = out.assign_attrs(photometry_background=where.name)
    took = {"solar": light.name, "background": where.name}
    return history.used(conventions.apply(out), light.files, took=took)


def _check_body(ds: xr.Dataset, body: str | None) -> None:
    if body is None:
        return
    name = targets.canonical(body)
    name = targets.PLANETS_OF_RINGS.get(name, name)
    if name != str(ds.attrs["geometry_target"]).upper():
        raise ArgumentError(
            f"body={checks.shown(body)}: the geometry is that of "
            f"{ds.attrs['geometry_target'] or 'no body'}: call ds.uvis.geometry(target={name!r})"
        )


def _check_unflagged(part: _Filled) -> None:
    touched = part.touched
    if touched.any() and not (touched & part.used).any():
        raise ArgumentError(
            f"photometry: no pixel of the disk is left unflagged, of the {touched.sum()} that it "
            "touches: see ds.quality, and which flags exclude= leaves out"
        )


def _warn_of_nothing(ds: xr.Dataset, part: _Filled, lit: xr.Dataset) -> None:
    """Warn that no exposure holds any of the disk, and say why."""
    body = str(ds.attrs["geometry_target"])
    if not np.isfinite(part.filling).any():
        why = (
            "the geometry knows no pointing, or no place of the body: give ds.uvis.geometry "
            "kernels= that hold both"
        )
    elif not part.touched.any():
        why = (
            f"it touches none of the {part.filling.size} pixels: take exposures that point at it, "
            "or call ds.uvis.geometry(target=...) with a body that is in view"
        )
    else:
        what = "wl_range= and ds.quality" if "wl" not in lit["reflectance"].dims else "ds.quality"
        why = f"no pixel that it touches has a value: see solar=, {what}"
    warn_user(f"photometry: no exposure holds any of the disk of {body}, all I/F are NaN: {why}")


def _warn_of_less_than_nothing(
    found: dict[str, xr.Variable], lit: xr.Dataset, where: _Where
) -> None:
    """Warn of I/F that are below zero by more than their errors."""
    value = found["reflectance"]
    error = np.hypot(
        *(np.nan_to_num(found[f"reflectance_{end}"].values) for end in ("upper", "systematic"))
    )
    below: np.ndarray = np.asarray((value.values < -_BELOW * error) & (error > 0))
    if not below.any():
        return
    at = ""
    if "wl" in value.dims:
        wl = lit["wl"].values[below.reshape(-1, lit.sizes["wl"]).any(axis=0)]
        ends = dict.fromkeys(f"{end:.0f}" for end in (wl.min(), wl.max()))
        at = f", at {' to '.join(ends)} angstrom"
    least = f"photometry: the disk's I/F goes down to {value.values[below].min():.2g}{at}, more "
    least += f"than {_BELOW:g} of its errors below zero: "
    mend = {
        "none": "ds.uvis.background took off more than there is",
        "night": "there is light on the night side, of the body's own or of rings: flag it, or "
        'take background="sky"',
        "sky": "the sky's pixels are brighter than the disk. Where they hold a star, rings or "
        "another body, flag them; where they hold light of the body's atmosphere, give a larger "
        "margin=; where it is the sky's own, which the body hides, as in Lyman-alpha, no I/F is "
        'right without a night side in view, background="night"',
    }
    warn_user(least + mend[where.name])


def _ends(variable: xr.DataArray) -> bool:
    """Whether a coordinate of pixels is none of an exposure's disk."""
    return not set(variable.dims) <= {"pic", "wl", "bnds", "axis"}


@dataclass(frozen=True, eq=False)
class _Filled:
    """How much of each pixel the disk fills.

    Attributes
    ----------
    filling : ndarray, (pic, pixel)
        Share of the pixel; NaN without pointing.
    area : ndarray, (pic, pixel)
        Solid angle of the pixel, in units of which that of the disk is pi.
    disk : ndarray, (pic, pixel)
        That of the disk in the pixel, 0 where it is not used.
    used : ndarray of bool, (pic, pixel)
        Unflagged, with pointing.
    corners : ndarray, (pic, pixel, 4, 2)
        Where the limb is the unit circle.
    """

    filling: np.ndarray
    area: np.ndarray
    disk: np.ndarray
    used: np.ndarray
    corners: np.ndarray

    @classmethod
    def of(cls, ds: xr.Dataset, unflagged: np.ndarray) -> _Filled:
        """From a dataset with geometry."""
        seen = views.target(ds)
        corners = in_disks(seen, views.on_plane(seen, views.corners(ds)))
        area = np.abs(raster.signed_areas(corners))
        inside = area_in_circle(corners)
        used = unflagged & np.isfinite(area) & (area > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            filling = np.clip(inside / area, 0.0, 1.0)
        # What is less is the rounding of angles.
        filling[filling < _LEAST] = 0.0
        return cls(filling, area, np.where(used, filling * area, 0.0), used, corners)

    @property
    def touched(self) -> np.ndarray:
        """Which pixels hold some of the disk, bool (pic, pixel)."""
        return np.asarray(np.nan_to_num(self.filling) > 0)

    def shared(self, known: np.ndarray) -> float:
        """Solid angle of the disk in several of the pixels that are known, bool (pic, pixel), less
        that in one of them; in units of which that of the disk is pi."""
        return shared_in_circle(self.corners[known & (self.disk > 0)])


def in_disks(seen: views.Views, points: np.ndarray) -> np.ndarray:
    """Points of the image plane in coordinates in which the body's limb is the unit circle.

    The limb is an ellipse there, whatever the distance: a cone of directions that meets a plane.

    Parameters
    ----------
    seen : Views
        n instants.
    points : ndarray, (n, ..., 2)
        km, as of `views.on_plane`.

    Returns
    -------
    ndarray, (n, ..., 2)
        NaN where the limb is not in the plane as a whole.
    """
    n = len(seen.observer)
    sky = np.full((n, _POINTS, 3), np.nan)
    for at in range(n):
        one = seen.at(at)
        if np.isfinite(one.observer).all() and ((one.observer / one.radii) ** 2).sum() > 1:
            sky[at] = one.sky(outline.limb(one.observer, one.radii, _POINTS))
    limb = views.on_plane(seen, sky)
    whole = np.isfinite(limb).all(axis=(1, 2))
    found = np.full(points.shape, np.nan)
    if not whole.any():
        return found
    limb = limb[whole]
    scale = np.abs(limb).max(axis=(1, 2))[:, None, None]
    x, y = np.moveaxis(limb / scale, -1, 0)
    rows = np.stack([x * x, x * y, y * y, x, y, np.ones(x.shape)], axis=-1)
    # The coefficients of the conic are what all these rows are orthogonal to.
    a, b, c, d, e, f = np.linalg.svd(rows)[2][:, -1].T
    form = np.stack([np.stack([a, b / 2], -1), np.stack([b / 2, c], -1)], -2)
    slope = np.stack([d, e], -1)[..., None]
    centre = -0.5 * np.linalg.solve(form, slope)
    size = -(f + 0.5 * (slope * centre).sum(axis=(1, 2)))
    upper = np.swapaxes(np.linalg.cholesky(form / size[:, None, None]), -1, -2)
    flat = points[whole].reshape(len(limb), -1, 2) / scale - np.swapaxes(centre, 1, 2)
    found[whole] = (flat @ np.swapaxes(upper, 1, 2)).reshape(points[whole].shape)
    return found


@dataclass(frozen=True, eq=False)
class _Where:
    """Which pixels tell the background, bool (pic, pixel); None: it is not taken off."""

    name: str
    sky: np.ndarray | None
    night: np.ndarray | None

    @classmethod
    def of(
        cls, ds: xr.Dataset, part: _Filled, background: Background, margin: float | None
    ) -> _Where:
        """Those of a dataset, as the argument has it."""
        if background == "none":
            return cls("none", None, None)
        touched = np.nan_to_num(part.filling, nan=1.0) > 0
        near = touched.copy()
        for step in range(1, _CLEAR + 1):
            near[:, step:] |= touched[:, :-step]
            near[:, :-step] |= touched[:, step:]
        high = _margin(ds, margin)
        off, dark = part.used & ~near & _above(ds, high), np.zeros(part.used.shape, bool)
        if "sza_corners" in ds.variables and background != "sky":
            sza = ds["sza_corners"].transpose("pic", "pixel", "corner").values
            dark = part.used & (part.filling > _WHOLE) & (sza > NIGHT).all(axis=-1)
        sky, night = (mask if mask.any() else None for mask in (off, dark))
        if night is None and (sky is None or background == "night"):
            clear = f"off the disk by more than {_CLEAR} pixels"
            clear += f" and {high:g} km" if high else ""
            what = {
                "auto": f"{clear}, or on its night side",
                "night": f"wholly on the disk and beyond {NIGHT:g} degrees of incidence",
                "sky": clear,
            }[background]
            less = f", a margin= of less than {high:g}" if high and background != "night" else ""
            raise ArgumentError(
                f"background={background!r}: no unflagged pixel is {what}: choose another{less}, "
                'or background="none" if ds.uvis.background has taken off all that there is'
            )
        return cls("sky" if night is None else "night", sky, night)


def _margin(ds: xr.Dataset, margin: float | None) -> float:
    """Altitude that the sky's pixels must keep, km."""
    body = str(ds.attrs["geometry_target"]).upper()
    high = _ATMOSPHERES.get(body, 0.0) if margin is None else margin
    if high > 0 and "alt_corners" not in ds.variables:
        what = f"margin={high:g}"
        if margin is None:
            what = f"the margin of {body.capitalize()}'s atmosphere, {high:g} km,"
        raise MissingStepError(
            f"photometry: {what} needs alt_corners, which the dataset has lost: keep the "
            "coordinates of ds.uvis.geometry(), or take margin=0"
        )
    return float(high)


def _above(ds: xr.Dataset, altitude: float) -> np.ndarray:
    """Whether pixels look higher than an altitude at all corners, bool (pic, pixel)."""
    if not altitude:
        return np.ones((ds.sizes["pic"], ds.sizes["pixel"]), bool)
    corners = ds["alt_corners"].transpose("pic", "pixel", "corner").values
    return np.asarray((corners > altitude).all(axis=-1))


@dataclass(frozen=True, eq=False)
class _Mean:
    """Mean of the background's pixels, (wl,): I/F, its variance, and both systematic parts."""

    value: np.ndarray
    variance: np.ndarray
    scale: np.ndarray
    common: np.ndarray


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the pixels of each exposure that the disk touches, (pic, wl), and the background.

    Attributes
    ----------
    disk_area, sky_area : ndarray
        Of the disk in these pixels, and of the rest of them.
    value, scaled, common : ndarray
        I/F by solid angle, and its systematic errors: those that go as it, the background's.
    counted, variance, once, twice : ndarray
        What `weighted_sums.bounds` is made of: y, v, and s0 as a ratio of sums.
    night, sky : _Mean or None
    """

    disk_area: np.ndarray
    sky_area: np.ndarray
    value: np.ndarray
    scaled: np.ndarray
    common: np.ndarray
    counted: np.ndarray
    variance: np.ndarray
    once: np.ndarray
    twice: np.ndarray
    night: _Mean | None
    sky: _Mean | None

    @classmethod
    def of(
        cls, lit: xr.Dataset, part: _Filled, where: _Where, interval: Interval, total: bool
    ) -> _Sums:
        """Of a dataset with reflectances, some exposures at a time."""
        n_wl = lit.sizes["wl"] if "wl" in lit["reflectance"].dims else 1
        step = max(1, _BLOCK // (lit.sizes["pixel"] * n_wl))
        touched = part.used & part.touched
        rows: list[list[np.ndarray]] = []
        off = {name: np.zeros((5, n_wl)) for name in ("night", "sky")}
        for start in range(0, lit.sizes["pic"], step):
            some = slice(start, start + step)
            planes = _planes(lit, some, interval, total)
            known = np.isfinite(planes[0])
            weights = np.where(touched[some], part.area[some], 0.0)[..., None] * known
            filling = np.nan_to_num(part.filling[some])[..., None]
            value, scaled, common, y, s = (np.where(known, plane, 0.0) for plane in planes)
            sums = (
                *(weights * filling, weights * (1 - filling)),
                *(weights * value, weights * scaled, weights * common, weights * y),
                *(weights**2 * y * s, weights * s, (weights * s) ** 2),
            )
            rows.append([one.sum(axis=1) for one in sums])
            for name, total_off in off.items():
                mask = getattr(where, name)
                if mask is not None:
                    used = mask[some][..., None] & known
                    for at, one in enumerate((used, value, y * s, scaled, common)):
                        total_off[at] += np.where(used, one, 0.0).sum(axis=(0, 1), dtype=float)
        joined = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
        night = None if where.night is None else _mean(off["night"])
        sky = None if where.sky is None else _mean(off["sky"])
        names = [f.name for f in fields(cls) if f.name not in ("night", "sky")]
        return cls(**dict(zip(names, joined, strict=True)), night=night, sky=sky)

    def together(self) -> _Sums:
        """Those of all exposures as one."""
        summed = {
            f.name: getattr(self, f.name).sum(axis=0, keepdims=True)
            for f in fields(self)
            if f.name not in ("night", "sky")
        }
        return replace(self, **summed)

    def share(self) -> np.ndarray:
        """How much of the disk has a value, (pic,): where some pixels lack one, at the least of all
        wavelengths; those that lack it in all pixels tell nothing."""
        known = np.where(self.disk_area > 0, self.disk_area, np.inf).min(axis=1)
        return np.where(np.isfinite(known), known, 0.0) / np.pi

    def least(self) -> int:
        """Number of the wavelength at which the least of the disk has a value, in any exposure."""
        return int(np.where(self.disk_area > 0, self.disk_area, np.inf).min(axis=0).argmin())

    def disk(self, where: _Where) -> dict[str, np.ndarray]:
        """Mean I/F of the disk, its errors, and what was taken off, (pic, wl)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            area = np.where(self.disk_area > 0, self.disk_area, np.nan)
            value, scaled, common = (v / area for v in (self.value, self.scaled, self.common))
            upper, lower = weighted_sums.bounds(self.counted, self.variance, self.twice / self.once)
            upper, lower = upper / area, lower / area
            rest = self.sky_area / area
        removed, variance = np.zeros(value.shape), np.zeros(value.shape)
        # Without a sky to be seen, the night stands for it, and without a night the sky for that.
        night, sky = self.night or self.sky, self.sky or self.night
        for level, share in ((night, np.ones(rest.shape)), (sky, rest)):
            if level is not None:
                removed = removed + share * level.value
                scaled = scaled - share * level.scale
                common = common - share * level.common
        if night is sky and night is not None:
            variance = (1 + rest) ** 2 * night.variance
        elif night is not None and sky is not None:
            variance = night.variance + rest**2 * sky.variance
        error = np.sqrt(variance)
        return {
            "reflectance": value - removed,
            "reflectance_upper": np.hypot(upper, error),
            "reflectance_lower": np.hypot(lower, error),
            "reflectance_systematic": np.hypot(scaled, common),
            "reflectance_removed": np.where(np.isfinite(value), removed, np.nan),
        }


def _known(lit: xr.Dataset, wl: int) -> np.ndarray:
    """Which pixels have a value at a wavelength, bool (pic, pixel)."""
    values = lit["reflectance"].isel({"wl": wl} if "wl" in lit["reflectance"].dims else {})
    return np.asarray(np.isfinite(values.transpose("pic", "pixel").values))


def _mean(sums: np.ndarray) -> _Mean:
    """From the number of values and the sums of `_Sums.of`, (5, wl)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        number = np.where(sums[0] > 0, sums[0], np.nan)
        return _Mean(sums[1] / number, sums[2] / number**2, sums[3] / number, sums[4] / number)


def _planes(lit: xr.Dataset, some: slice, interval: Interval, total: bool) -> list[np.ndarray]:
    """I/F of some exposures (pic, pixel, wl), both parts of its systematic error with their signs,
    and the counts y and scale s that tell its bounds."""
    like = lit["reflectance"].isel(pic=some)
    dims = ("pic", "pixel", "wl") if "wl" in like.dims else ("pic", "pixel")
    shape = (*(like.sizes[d] for d in dims), *((1,) if len(dims) == 2 else ()))

    def plane(end: str) -> np.ndarray | None:
        name = f"reflectance{end}"
        if name not in lit.variables:
            return None
        variable = lit[name].variable
        variable = variable.isel(pic=some) if "pic" in variable.dims else variable
        whole = variable.set_dims({d: like.sizes[d] for d in dims}).transpose(*dims)
        return np.asarray(whole.values, np.float32).reshape(shape)

    value = plane("")
    if value is None:
        raise MissingStepError("photometry: the dataset has no radiance")
    systematic, background = plane("_systematic"), plane("_background_error")
    nothing = np.zeros(shape, np.float32)
    scaled, common = nothing, nothing if background is None else background
    if systematic is not None:
        scaled = weighted_sums.calibration_part(systematic, background, value)
    upper, lower = plane("_upper"), plane("_lower")
    if upper is None or lower is None:
        unknown = np.full(shape, np.nan, np.float32)
        return [value, scaled, common, unknown, unknown]
    if total and systematic is not None:
        upper, lower = (weighted_sums.without(b, systematic) for b in (upper, lower))
    return [value, scaled, common, *weighted_sums.counted(upper, lower, interval)]


def _together(lit: xr.Dataset, weights: np.ndarray) -> xr.Dataset:
    """What holds for all exposures as one: what they share, and means of their fields."""
    kept_as = [n for n, v in lit.coords.items() if set(v.dims) <= {"wl", "bnds"}]
    found: dict[str, Any] = {}
    for name, entry in EPHEMERIS.items():
        if name not in lit.coords or lit.coords[name].dims != ("pic",):
            continue
        values = lit.coords[name].values.astype(float)
        there = np.isfinite(values) & (weights > 0)
        if not there.any():
            found[name] = np.nan
        elif entry.period:
            turn = np.exp(2j * np.pi * values[there] / entry.period)
            angle = np.angle(np.average(turn, weights=weights[there])) / (2 * np.pi)
            found[name] = float(np.mod(angle * entry.period, entry.period))
        else:
            found[name] = float(np.average(values[there], weights=weights[there]))
    for name in ("time_start", "time_stop"):
        if name in lit.coords:
            values = lit.coords[name].values
            found[name] = values.min() if name == "time_start" else values.max()
    return lit.coords.to_dataset()[kept_as].assign_coords(found)
