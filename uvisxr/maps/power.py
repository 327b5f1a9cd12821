"""The power that a region of a map emits: `ds.uvis.map(...).uvis.power(...)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr

from .. import checks
from ..calibration.stored import holds_total
from ..dataset import history
from ..errors import ArgumentError, MissingStepError
from ..numerics import sphere, weighted_sums
from ..quality.levels import warn_of_none
from .cells import check_cells
from .grids import DEGREES

#: How a brightness seen at an emission angle follows from what is emitted.
Rule = Literal["thin", "isotropic", "lambert"]

#: Photons that leave a square metre in a second, for a brightness of 1 kR: 4 pi times the radiance.
KILORAYLEIGH = 1e13

#: Planck's constant times the speed of light, J angstrom (exact, SI).
_HC = 6.62607015e-34 * 299792458.0 * 1e10

#: Fields by which regions are chosen, and where they end, if they are on a circle.
_BY = {"lat": None, "lat_graphic": None, "lon": 360.0, "lt": 360.0 / DEGREES["lt"]}

#: Spread of the Sun's longitudes, degrees, up to which a place has one local time: an hour.
MOVED = 15.0

#: Latitude of the pole, degrees.
_POLE = 90.0


@history.step("power")
def power(
    ds: xr.Dataset,
    region: Mapping[str, tuple[float, float]] | xr.DataArray | None = None,
    rule: Rule = "thin",
    wl: float | None = None,
) -> xr.Dataset:
    """What a region of a map of brightness emits: power and photons in a second, with errors.

    The sum over cells of brightness, area that was seen, and the energy of a photon.

    Parameters
    ----------
    ds : Dataset
        From `ds.uvis.map`, of a brightness in kR.
    region : mapping of str to (float, float), or DataArray of bool, optional
        Ranges [a, b) of `lat`, `lat_graphic`, `lon` or `lt` within which the middles of cells must
        lie; those of longitude and local time may pass the end of the circle, and are then the same
        in whatever turn they are given: ``{"lat": (70, 85), "lt": (21, 3)}``, or (-3, 3), or (21,
        27). On a map by longitude local times are those at the mean longitude of the Sun, and the
        other way round. Or which cells count. Default: all, of a polar map those within `edge`.
    rule : {"thin", "isotropic", "lambert"}
        What is emitted where a brightness B is seen at an emission angle e, over a unit of area.
        "thin", of an optically thin layer: 4 pi photons for each unit of radiance seen from above,
        B cos(e), up and down together. "isotropic": the same of B as it is. "lambert": what leaves
        a surface of the same radiance in all directions, upwards alone, a quarter of B. A map with
        ``slant="cos"`` holds B cos(e) already.
    wl : float, optional
        Wavelength of the photons, angstrom. Default: a spectrum that is flat, in photons, over the
        range that was integrated.

    Returns
    -------
    Dataset
        `power`, W, and `photons`, 1/s, with `_upper`, `_lower` and `_systematic` if the map has
        them; `area`, km2, that was seen of the region, and `covered`, its share of the region. What
        was not seen counts as dark. The statistical errors take into account that a pixel lies in
        several cells; of a region smaller than that, they are too large.

    Raises
    ------
    MissingStepError
        The dataset is no map of a brightness, or has no wavelengths and none are given.
    ArgumentError
        A range is wrong, the region has no cell, or the cells are not those that `map` made.

    Warns
    -----
    UvisWarning
        The map is of counts off which no background was taken.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(alt_min=2000)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> found = ds.uvis.map(wl_range=(1450, 1800), spacing=5).uvis.power({"lat": (0, 90)})
    >>> found.power.attrs["units"], found.photons.attrs["units"]
    ('W', 's-1')
    """
    checks.choice("rule", rule, Rule)
    _check(ds)
    check_cells(ds, "brightness", "power")
    warn_of_none(ds, "power")
    inside = _inside(ds, region)
    energy, what = _energy(ds, wl)
    if rule != "thin" and ds.attrs.get("map_slant") == "cos":
        raise ArgumentError(
            f"rule={rule!r}: the map holds brightnesses as seen from above; make it with "
            'slant="none"'
        )
    light, seen = ds["brightness"], ds["cell_area"] * ds["covered"]
    inside = inside.transpose(*light.dims)
    shares = {"thin": 1.0, "isotropic": 1.0, "lambert": 0.25}
    factor = shares[rule] * KILORAYLEIGH * 1e6 * seen
    if rule == "thin" and ds.attrs.get("map_slant") != "cos":
        factor = factor * ds["mu"]
    there = inside.values & np.isfinite(light.values)
    weight = factor.transpose(*light.dims).values[there]
    photons = {"photons": float((weight * light.values[there]).sum())}
    for side, value in _errors(ds, there, weight).items():
        photons[f"photons_{side}"] = value
    area = float((ds["cell_area"].transpose(*light.dims).values)[inside.values].sum())
    known = float(seen.transpose(*light.dims).values[there].sum())
    attrs = {k: v for k, v in ds.attrs.items() if k != "history"}
    found = xr.Dataset(attrs=attrs | {"power_rule": rule, "photon_energy": energy})
    for name, value in photons.items():
        text = f"photons that the region emits{_text(name)}"
        found[name] = ((), value, {"units": "s-1", "long_name": text})
        text = f"power that the region emits{_text(name)}"
        found[name.replace("photons", "power")] = (
            (),
            value * energy,
            {"units": "W", "long_name": text, "comment": what},
        )
    found["area"] = ((), known, {"units": "km2", "long_name": "area seen of the region"})
    share = {"long_name": "share of the region that was seen"}
    found["covered"] = ((), known / area, share)
    return found


def _text(name: str) -> str:
    side = name.partition("_")[2]
    kinds = {"upper": "upper 1-sigma half-width", "lower": "lower 1-sigma half-width"}
    return f": {kinds.get(side, 'systematic 1-sigma error')}" if side else ""


def _check(ds: xr.Dataset) -> None:
    lost = [n for n in ("brightness", "cell_area", "covered", "mu") if n not in ds.variables]
    if lost or "map_projection" not in ds.attrs:
        raise MissingStepError(
            "power: the dataset is no map of a brightness"
            + (f", it has no {', '.join(lost)}" if lost else "")
            + ': start from ds.uvis.map("brightness")'
        )


def _inside(
    ds: xr.Dataset, region: Mapping[str, tuple[float, float]] | xr.DataArray | None
) -> xr.DataArray:
    """Which cells are in a region."""
    dims = ds["brightness"].dims
    inside = xr.ones_like(ds["cell_area"], bool)
    if "map_edge" in ds.attrs and "lat" in ds.coords:
        # The corners of a polar map are no part of it.
        north = ds.attrs.get("map_pole", "north") == "north"
        inside = inside & ((ds["lat"] if north else -ds["lat"]) >= float(ds.attrs["map_edge"]))
    if isinstance(region, xr.DataArray):
        if set(region.dims) - set(dims) or region.dtype != bool:
            raise ArgumentError(
                f"region: expected booleans over {' and '.join(map(str, dims))}, got "
                f"{region.dtype} over {', '.join(map(str, region.dims)) or 'nothing'}"
            )
        try:
            inside = inside & region
        except ValueError as error:
            raise ArgumentError(f"region: does not fit the map: {error}") from None
        if inside.shape != ds["cell_area"].shape:
            raise ArgumentError("region: its cells are not those of the map")
    elif region is not None:
        if not isinstance(region, Mapping):
            expected = "ranges by field, such as {'lat': (70, 90)}, or booleans"
            raise checks.refused("region", region, expected)
        for name, limits in region.items():
            checks.one_of("region: field", name, _BY)
            if name not in ds.coords or not set(ds[name].dims) <= set(dims):
                raise ArgumentError(f"region: the map has no {name}")
            inside = inside & _within(name, _middles(ds, name), limits)
    if not inside.any():
        raise ArgumentError("region: no cell's middle lies within it")
    return inside


def _middles(ds: xr.Dataset, name: str) -> xr.DataArray:
    """A field at the middles of all cells.

    What a map by longitude holds of local times, and the other way round, are means of what was
    seen: where the middles lie follows from the mean longitude of the Sun.
    """
    by = ds.attrs.get("map_by", name)
    if name not in DEGREES or name == by:
        return ds[name]
    spread = float(ds.attrs.get("map_sub_solar_spread", np.nan))
    if by not in ds.coords or "sub_solar_lon" not in ds.coords or not spread <= MOVED:
        raise ArgumentError(
            f"region: the map is by {by}, and the Sun moved over {spread:.0f} degrees of longitude "
            f"meanwhile: choose by {by}, or make the map with by={name!r}"
        )
    sense = 1.0 if ds.attrs.get("lon_direction", "west") == "east" else -1.0
    noon = float(ds["sub_solar_lon"])
    angle = ds[by].values * DEGREES[by]
    if name == "lt":
        found = sphere.hour_angle(sense * (angle - noon), 0.0)
    else:
        found = sphere.wrap(noon + sense * (angle - 180.0))
    return xr.DataArray(found / DEGREES[name], ds[by].coords, ds[by].dims)


def _within(name: str, values: xr.DataArray, limits: tuple[float, float]) -> xr.DataArray:
    """Which middles lie in [low, high), so that no cell is in two regions that adjoin."""
    period, given = _BY[name], f"region[{name!r}]"
    low, high = checks.pair(given, limits, f"limits of {name}", period is None)
    if period is None:
        if not -_POLE <= low < high <= _POLE:
            raise checks.refused(given, limits, f"limits of {name}, from {-_POLE:g} to {_POLE:g}")
        return (values >= low) & (values < (np.inf if high >= _POLE else high))
    span = abs(high - low)
    if span == 0 or span > period:
        raise checks.refused(given, limits, f"limits that differ, by one turn, {period:g}, at most")
    if span == period:
        return values.notnull()
    turned = values.copy(data=sphere.wrap(values.values, period))
    start, stop = sphere.wrap(np.array([low, high]), period)
    after, before = turned >= start, turned < stop
    found: xr.DataArray = after & before if start < stop else after | before
    return found


def _energy(ds: xr.Dataset, wl: float | None) -> tuple[float, str]:
    """Energy of a photon, J, and what it is of."""
    if wl is not None:
        wl = checks.number("wl", wl, "a wavelength, angstrom", above=0.0)
        return _HC / wl, f"photons of {wl:g} angstrom"
    if "wl_bounds" not in ds.coords or ds["wl_bounds"].size != 2:
        raise MissingStepError(
            "power: the map does not say over which wavelengths its brightness is: give wl="
        )
    low, high = np.sort(ds["wl_bounds"].values.astype(float).ravel())
    mean = _HC * np.log(high / low) / (high - low)
    return float(mean), f"photons spread evenly over {low:g} to {high:g} angstrom"


def _errors(ds: xr.Dataset, there: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Half-widths and systematic error of the sum of brightnesses times weights."""
    known: dict[str, Any] = {
        part: ds[f"brightness_{part}"].transpose(*ds["brightness"].dims).values[there]
        for part in ("upper", "lower", "systematic", "correlation")
        if f"brightness_{part}" in ds.variables
    }
    found = {}
    value = ds["brightness"].values[there]
    if "systematic" in known:
        # What calibration takes off below zero it adds above.
        signed = np.copysign(known["systematic"], value)
        found["systematic"] = float(abs((weight * signed).sum()))
    if {"upper", "lower", "correlation"} <= known.keys():
        total = holds_total(ds) and "systematic" in found
        if total:
            for side in ("upper", "lower"):
                known[side] = weighted_sums.without(known[side], known["systematic"])
        y, s = weighted_sums.counted(known["upper"], known["lower"])
        correlation = np.nan_to_num(known["correlation"], nan=1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = (weight**2 * s * y * correlation).sum()
            scale = (weight**2 * s * s * correlation).sum() / (weight * s).sum()
            bounds = weighted_sums.bounds((weight * y).sum(), variance, scale)
        common = found["systematic"] if total else 0.0
        for side, bound in zip(("upper", "lower"), bounds, strict=True):
            found[side] = float(np.hypot(bound, common))
    return found
