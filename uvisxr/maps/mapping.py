"""Maps of what was seen: `ds.uvis.map`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from .. import checks
from ..calibration.stored import holds_total
from ..dataset import history, instants
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..dataset.checking.frame import check_range
from ..errors import ArgumentError, KernelError, MissingStepError
from ..geometry import views
from ..integrals import brightness
from ..kernels.bodies import chosen
from ..numerics import sphere, weighted_sums
from ..numerics.along_wl import Integration
from ..quality.flags import kept
from ..quality.levels import warn_of_none
from ..targets import suggested
from . import footprints, means
from .footprints import Seen
from .grids import By, Cylindrical, Grid, Polar, covered
from .layout import as_dataset
from .passing import warn_of_sums
from .spheroid import Spheroid
from .triaxial import Triaxial

#: How the body is laid flat.
Projection = Literal["cylindrical", "polar"]

#: The pole in the middle of a polar map.
Pole = Literal["north", "south"]

#: What a pixel counts for where footprints overlap, beside the area that it covers.
Weights = Literal["area", "exposure"]

#: What is done about lines of sight that go through an emitting layer at a slant.
Slant = Literal["none", "cos"]

#: Most cells of a grid.
_MOST = 4_000_000

#: Most cells that the boxes around all footprints hold together: about a minute's work.
_MOST_PAIRS = 1e7

#: Spacings that are taken by themselves, degrees.
_ROUND = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 30.0])

#: Least spacing, degrees.
_FINEST = 1e-3

#: Directions in which the azimuth 0 of a polar map lies downwards: longitude 0, and noon.
_DOWN = {"lon": 0.0, "lt": 180.0}


@history.step("map")
def map(  # noqa: A001
    ds: xr.Dataset,
    field: str = "brightness",
    body: str | None = None,
    projection: Projection = "cylindrical",
    altitude: float = 0.0,
    spacing: float | tuple[float, float] | None = None,
    by: By = "lon",
    pole: Pole | None = None,
    edge: float = 60.0,
    ems_max: float = 80.0,
    slant: Slant = "none",
    weights: Weights = "area",
    wl_range: tuple[float, float] | None = None,
    method: Integration = "bins",
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    kernels: str | Path | Iterable[str | Path] | None = None,
) -> xr.Dataset:
    """Map what the pixels see onto a body, at the altitude where it is emitted.

    Each pixel's value is spread evenly over its footprint on a shell around the body, whose
    semi-axes are the body's and `altitude` each. The value of a cell is the mean of all pixels that
    saw some of it, weighted by the areas of the cell that their footprints cover: no light is lost
    or gained. How, and what the errors are: docs/howto/maps.md.

    Parameters
    ----------
    ds : Dataset
        With geometry, and calibrated, or the result of `integrate`.
    field : str
        What is mapped: "brightness", which is integrated from radiances if need be, or any other
        variable with one number for each pixel.
    body : str, optional
        Another body than that of the geometry, from `kernels`.
    projection : {"cylindrical", "polar"}
        Cells between parallels and meridians of the whole body; or square cells around a pole, in
        Lambert's azimuthal equal-area projection.
    altitude : float
        Of the emission above the ellipsoid, km: 1100 for Saturn's aurora, 0 for a surface.
    spacing : float or (float, float), optional
        Size of the cells, degrees: one number, or of the cylindrical map across and up; the nearest
        of which a whole number fits. Those of the polar map are as large as that at the pole.
        Default: about half of the footprints.
    by : {"lon", "lt"}
        What goes around: longitude, as `lon_direction` counts it, or local solar time.
    pole : {"north", "south"}, optional
        In the middle of the polar map. Default: that of the hemisphere with most footprints.
    edge : float
        Absolute planetocentric latitude of the rim of the polar map, degrees. Cells whose middles
        lie beyond are left empty.
    ems_max : float
        Greatest emission angle on the shell, degrees. Pixels beyond, and those that the shell does
        not fill, are left out: on a slant all a line of sight meets is mixed.
    slant : {"none", "cos"}
        Map values as they are seen, or times the cosine of the emission angle: the brightness of an
        optically thin layer if it were seen from above.
    weights : {"area", "exposure"}
        What pixels over a cell count for: the area that they cover, or that times the exposure.
    wl_range : (float, float), optional
        Of the brightness, angstrom; see `uvisxr.integrals.integrate`.
    method : {"bins", "trapezoid", "simpson"}
        Of its integration.
    exclude : str or iterable of str
        Quality flags whose spectra are left out: all by default, `()` for none.
    kernels : path or iterable of paths, optional
        For `body`; as in `ds.uvis.geometry`.

    Returns
    -------
    Dataset
        The field over (lat, lon) or (lat, lt), or of the polar map over (y, x), NaN where nothing
        was seen. If the pixels have errors, `_upper` and `_lower` are those of the counts, which
        shrink with their number, and `_systematic` those that all have in common, which do
        not; `_correlation` says how much the errors of cells have in common. With them
        `spectra`, `footprints`, `covered`, the means of `ems`, `sza`, `phase` and `lt` (or `lon`)
        at the middles of the pixels, and `mu`, of the cosine of `ems`. `lat_graphic`, `cell_area`,
        bounds or, of the polar map by longitude, the `crs` of CF complete the grid. All are
        defined in `help(uvisxr)`.

    Raises
    ------
    MissingStepError
        No geometry, no radiance, or no such variable.
    ArgumentError
        An argument has a wrong value, or no pixel lies on the shell.
    KernelError
        There are no kernels of `body`.

    Warns
    -----
    UvisWarning
        Brightnesses or reflectances are mapped of counts off which no background was taken; or of
        sums of exposures, by `rebin`, between which the slit moved on by more than a pixel.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(alt_min=2000)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> found = ds.uvis.map(wl_range=(1450, 1800), spacing=10)
    >>> found.brightness.dims, found.brightness.shape
    (('lat', 'lon'), (18, 36))
    >>> options = {"projection": "polar", "by": "lt", "edge": 0, "altitude": 1000}
    >>> polar = ds.uvis.map(wl_range=(1450, 1800), **options)
    >>> polar.brightness.dims, polar.lt.dims
    (('y', 'x'), ('y', 'x'))
    """
    asked = _Asked.of(projection, altitude, spacing, by, pole, edge, ems_max, slant, weights)
    light = _light(ds, field, wl_range, method)
    if field in _OF_COUNTS:
        warn_of_none(ds, "map")
    view = _view(ds, body, kernels)
    _check_shell(view, asked.altitude)
    seen = footprints.seen(ds, view, asked.altitude)
    whole = seen.whole
    if by == "lt":
        # Where the Sun is not known there is no local time to lie at.
        whole = whole & np.isfinite(seen.noon)[:, None]
    used = whole & (seen.fields["ems"] <= ems_max)
    good, known = kept(ds, exclude), np.isfinite(light.value)
    if not (used & good & known).any():
        pointed = np.isfinite(views.corners(ds)).all(axis=(2, 3))
        raise ArgumentError(_why(asked, view, pointed, used, whole, good, known))
    used = used & good & known
    warn_of_sums(ds, view, used)

    eastward = ds.attrs.get("lon_direction", "west") == "east"
    grid = _grid(asked, view.radii + asked.altitude, seen, used)
    polygons = seen.polygons(grid, used, by, eastward)
    _check_work(grid, polygons)
    looks = means.Looks(grid, polygons)
    mu = np.cos(np.deg2rad(seen.fields["ems"]))
    pixels = light.pixels(ds, used, mu if slant == "cos" else np.ones_like(mu), weights)
    found = means.mapped(looks, pixels)
    if not found["spectra"].any():
        raise ArgumentError(
            f"no footprint lies within edge={edge!r} degrees of latitude of the {_pole(grid)} pole"
            ": the footprints are at latitudes "
            f"{seen.fields['lat'][used].min():.0f} to {seen.fields['lat'][used].max():.0f}"
        )
    if light.total and "upper" in found:
        for side in ("upper", "lower"):
            found[side] = np.hypot(found[side], found["systematic"])
    # No less than the mean of the footprints' shares and no more than their sum: exact for one.
    most = found["footprints"]
    least = most / np.maximum(found["spectra"], 1)
    found["covered"] = np.clip(covered(grid, polygons), least, most).clip(0.0, 1.0)
    other = "lt" if by == "lon" else "lon"
    fields = {name: seen.fields[name] for name in ("ems", "sza", "phase", other)} | {"mu": mu}
    fields.pop(field, None)
    if not eastward and "lon" in fields:
        fields["lon"] = sphere.wrap(-fields["lon"])
    angles = means.averaged(
        looks,
        pixels.weight,
        {name: (values[used], footprints.period(name)) for name, values in fields.items()},
    )
    scalars = _scalars(light, seen, used, eastward)
    attrs = _attributes(ds, asked, view, used, grid)
    result = as_dataset(grid, found, angles, light.name, by, eastward, scalars, attrs)
    own = result[light.name].attrs
    own |= {k: v for k, v in light.attrs.items() if k not in own}
    if slant == "cos":
        own["long_name"] = f"{own.get('long_name', light.name)}, as seen from above"
    return result


@dataclass(frozen=True)
class _Asked:
    """The arguments of a map, checked one by one."""

    projection: Projection
    altitude: float
    spacing: tuple[float, float] | None
    by: By
    pole: Pole | None
    edge: float
    ems_max: float
    slant: Slant
    weights: Weights

    @classmethod
    def of(
        cls,
        projection: Projection,
        altitude: float,
        spacing: float | tuple[float, float] | None,
        by: By,
        pole: Pole | None,
        edge: float,
        ems_max: float,
        slant: Slant,
        weights: Weights,
    ) -> _Asked:
        checks.choice("projection", projection, Projection)
        checks.choice("by", by, By)
        checks.choice("slant", slant, Slant)
        checks.choice("weights", weights, Weights)
        if pole is not None:
            checks.choice("pole", pole, Pole)
        checks.number("altitude", altitude, "an altitude, km", least=-1e6, most=1e6)
        checks.number("edge", edge, "a latitude, degrees", least=0.0, most=89.0)
        checks.number("ems_max", ems_max, "an emission angle, degrees", above=0.0, most=90.0)
        return cls(
            projection,
            float(altitude),
            _spacing(projection, spacing),
            by,
            pole,
            float(edge),
            float(ems_max),
            slant,
            weights,
        )


def _spacing(
    projection: Projection, spacing: float | tuple[float, float] | None
) -> tuple[float, float] | None:
    if spacing is None:
        return None
    if checks.is_number(spacing):
        both = (spacing, spacing)
    elif projection == "polar":
        raise checks.refused("spacing", spacing, "one number of a polar map, degrees")
    else:
        both = checks.pair("spacing", spacing, "sizes of cells, degrees", ascending=False)
    what = "a size of cells, degrees"
    across, up = (checks.number("spacing", s, what, least=_FINEST, most=180.0) for s in both)
    return across, up


@dataclass(frozen=True, eq=False)
class _Light:
    """A value of each pixel, (pic, pixel), with its errors as far as it has any."""

    name: str
    value: np.ndarray
    errors: dict[str, np.ndarray]
    attrs: dict[str, Any]
    coords: dict[str, xr.Variable]
    total: bool

    def pixels(
        self, ds: xr.Dataset, used: np.ndarray, factor: np.ndarray, weights: Weights
    ) -> means.Pixels:
        """Some of them, bool (pic, pixel), times a factor."""
        weight = np.ones(used.shape)
        if weights == "exposure":
            weight = _exposure(ds, used)[:, None] * weight
        errors = {name: (values * factor)[used] for name, values in self.errors.items()}
        return means.Pixels((self.value * factor)[used], weight[used], **errors)


def _exposure(ds: xr.Dataset, used: np.ndarray) -> np.ndarray:
    if "exposure" not in ds.variables:
        raise MissingStepError(
            'weights="exposure": the dataset has no exposure; keep its coordinates, or take '
            'weights="area"'
        )
    known = np.broadcast_to(ds["exposure"].values.astype(float), (ds.sizes["pic"],))
    with np.errstate(invalid="ignore"):
        wrong = used.any(axis=1) & ~((known > 0) & np.isfinite(known))
    if wrong.any():
        raise ArgumentError(
            f'weights="exposure": {wrong.sum()} of {wrong.size} exposures have no integration time '
            "above 0, as that of pic "
            f"{int(np.flatnonzero(wrong)[0])}: leave them out with ds.isel(pic=...), or take "
            'weights="area"'
        )
    return known


#: What counts become, and their background with them.
_OF_COUNTS = ("brightness", "reflectance")

#: What cells have of themselves.
_PLACES = ("lat", "lat_graphic", "lon", "lt")

#: Errors of a quantity by what they are to means.
_ERRORS = {
    "upper": "upper",
    "lower": "lower",
    "systematic": "systematic",
    "background": "background_error",
}


def _light(
    ds: xr.Dataset, field: str, wl_range: tuple[float, float] | None, method: Integration
) -> _Light:
    """The values to map."""
    checks.choice("method", method, Integration)
    if field == "brightness" and "reflectance" in ds and not {"radiance", "brightness"} & set(ds):
        raise MissingStepError(
            'map: the dataset holds reflectances, I/F: map them with field="reflectance", made of '
            "ds.uvis.integrate(wl_range).uvis.reflectance(...); of brightness, map before "
            "reflectance"
        )
    if field == "brightness":
        array = brightness(ds, wl_range, method)
    elif wl_range is not None:
        raise ArgumentError(f"wl_range= is of the brightness: leave it out with field={field!r}")
    elif field in _PLACES:
        raise ArgumentError(f"field={field!r}: that is where the cells of a map are")
    elif field not in ds.variables:
        near = checks.nearest(field, [str(n) for n in ds.variables if _fits(ds, str(n))])
        raise MissingStepError(f"the dataset has no variable {field!r} to map{near}")
    elif not _fits(ds, field):
        mend = '; map "brightness" with wl_range=' if field.startswith("radiance") else ""
        if field.startswith("reflectance"):
            mend = ": integrate(wl_range) before reflectance"
        raise checks.refused(
            "field", field, f"a variable with one number for each pic and pixel{mend}"
        )
    else:
        if _is_light(field):
            check_range(ds, "map")
        array = ds[field]
    array = views.middle_sample(array).transpose("pic", "pixel")
    errors = {}
    for name, part in _ERRORS.items():
        error = f"{field}_{part}"
        known = array.coords if field == "brightness" else ds.variables
        if error in known:
            found = array.coords[error] if error in array.coords else ds[error]
            found = views.middle_sample(found)
            errors[name] = found.broadcast_like(array).transpose(*array.dims).values.astype(float)
    if "lower" not in errors or "upper" not in errors:
        errors.pop("upper", None)
        errors.pop("lower", None)
    total = holds_total(ds) and {"upper", "systematic"} <= errors.keys()
    if total:
        for side in ("upper", "lower"):
            errors[side] = weighted_sums.without(errors[side], errors["systematic"])
    coords, ends = {}, array.attrs.get("wl_range")
    if _is_light(field) and "wl" in array.coords and array.coords["wl"].ndim == 0:
        coords["wl"] = array.coords["wl"].variable
        if "wl_bounds" in ds.variables and ds["wl_bounds"].dims == ("bnds",):
            ends = ds["wl_bounds"].values
    if ends is not None:
        ends = np.array(ends, float)
        coords.setdefault("wl", xr.Variable((), ends.mean()))
        coords["wl_bounds"] = xr.Variable("bnds", ends)
    return _Light(
        field,
        array.values.astype(float),
        errors,
        {k: v for k, v in array.attrs.items() if k in ("units", "long_name", "comment")},
        coords,
        total,
    )


def _is_light(field: str) -> bool:
    """Whether a variable is of some wavelengths, by its name."""
    return field.startswith(("counts", "rate", "radiance", "brightness", "reflectance"))


def _fits(ds: xr.Dataset, name: str) -> bool:
    variable = ds.variables[name]
    dims = set(variable.dims) - {"sample"}
    return dims == {"pic", "pixel"} and variable.dtype.kind in "fiu"


def _view(
    ds: xr.Dataset, body: str | None, kernels: str | Path | Iterable[str | Path] | None
) -> views.Views:
    """The body to map."""
    if body is None:
        return views.target(ds)
    what, near = 'the name of a body that SPICE knows, such as "SATURN"', ""
    try:
        known = chosen("", body)
    except ArgumentError:
        known, near = None, suggested(body)
    if known is None:
        raise checks.refused("body", body, f"{what}{near}")
    if known[0] == ds.attrs.get("geometry_target"):
        return views.target(ds)
    found = views.others(ds, kernels, [known[0]])
    if found:
        return found[0]
    raise KernelError(f"body={body!r}: the kernels have no position, shape or rotation of it")


def _check_shell(view: views.Views, altitude: float) -> None:
    """Refuse shells that are none, or hold the spacecraft."""
    radii = view.radii + altitude
    if radii.min() <= 0:
        what = f"an altitude, km, above {-view.radii.min():g}: {view.name} has no point below"
        raise checks.refused("altitude", altitude, what)
    if (np.linalg.norm(view.observer / radii, axis=-1) <= 1).any():
        nearest = float(np.nanmin(view.distance)) - float(view.radii.max())
        raise checks.refused(
            "altitude", altitude, f"an altitude, km, below the spacecraft's, {nearest:.0f} at least"
        )


def _grid(asked: _Asked, radii: np.ndarray, seen: Seen, used: np.ndarray) -> Grid:
    """The grid that is asked for."""
    spheroid, body = Spheroid.of(radii), None
    if radii[0] != radii[1]:
        # Local times lie over the longitudes that they have on average.
        turn = 0.0 if asked.by == "lon" else _noon(seen, used) - 180.0
        body = Triaxial(radii, turn)
    across, up = asked.spacing or (_usual(spheroid, seen, used),) * 2
    if asked.projection == "cylindrical":
        cylindrical = Cylindrical.of(spheroid, across, up, body)
        _check_size(cylindrical.shape)
        return cylindrical
    north = asked.pole == "north" if asked.pole else bool(seen.fields["lat"][used].mean() >= 0)
    _check_size((round(180.0 / across),) * 2)
    return Polar.of(spheroid, north, across, asked.edge, _DOWN[asked.by], body)


def _usual(spheroid: Spheroid, seen: Seen, used: np.ndarray) -> float:
    """A round spacing of about half of the footprints, degrees."""
    towards = sphere.vectors(seen.lon[used], seen.lat[used])
    n = towards.shape[1]
    sides = (
        sphere.angle(towards[:, 0], towards[:, n // 4]),
        sphere.angle(towards[:, 0], towards[:, -(n // 4)]),
    )
    size = 0.5 * float(np.sqrt(np.median(sides[0] * sides[1])))
    return float(_ROUND[np.argmin(np.abs(np.log(_ROUND / max(size, 1e-6))))])


def _check_size(shape: tuple[int, int]) -> None:
    if shape[0] * shape[1] > _MOST:
        raise ArgumentError(
            f"spacing: a grid of {shape[0]} x {shape[1]} cells is larger than {_MOST} cells: give "
            "a wider one"
        )


def _check_work(grid: Grid, polygons: np.ndarray) -> None:
    """Refuse cells so narrow that footprints lie in too many."""
    known = polygons[np.isfinite(polygons).all(axis=(1, 2))]
    # Columns of a circle have no ends.
    first, last = np.zeros(2), np.array(grid.shape[::-1], float)
    if grid.wraps:
        first[0], last[0] = -np.inf, np.inf
    low, high = (np.clip(end, first, last) for end in (known.min(axis=1), known.max(axis=1)))
    number = float((high - low + 1.0).prod(axis=1).sum())
    if number > _MOST_PAIRS:
        raise ArgumentError(
            f"spacing: {len(known)} footprints reach over {number:.2g} cells in all, more than "
            f"{_MOST_PAIRS:.2g}, which takes long: give a wider one, or map "
            "fewer exposures at a time"
        )


def _pole(grid: Grid) -> str:
    return "north" if isinstance(grid, Polar) and grid.north else "south"


def _why(
    asked: _Asked,
    view: views.Views,
    pointed: np.ndarray,
    used: np.ndarray,
    whole: np.ndarray,
    good: np.ndarray,
    known: np.ndarray,
) -> str:
    """Why there is nothing to map, and what to do about what concerns the most of it."""
    shell = f"{view.name} at {asked.altitude:g} km"
    reasons = [
        (~pointed, "have no pointing", "the kernels do not cover them"),
        (pointed & ~whole, f"do not lie whole on {shell}", "see altitude= and body="),
        (whole & ~used, f"are beyond ems_max={asked.ems_max:g}", "see ems_max="),
        (~good, "are flagged", "see exclude= and ds.quality"),
        (~known, "have no value", "see wl_range= and ds.quality"),
    ]
    counted = sorted(((int(a.sum()), what, then) for a, what, then in reasons), reverse=True)
    words = ", ".join(f"{number} {what}" for number, what, _ in counted if number)
    return f"no footprint to map: of {used.size} spectra {words}; {counted[0][2]}"


def _scalars(light: _Light, seen: Seen, used: np.ndarray, eastward: bool) -> dict[str, Any]:
    """What holds of all of the map."""
    middle = _noon(seen, used)
    lon = sphere.wrap(np.asarray(middle if eastward else -middle))
    return {**light.coords, "sub_solar_lon": float(lon)}


def _noon(seen: Seen, used: np.ndarray) -> float:
    """Mean east longitude of the Sun, degrees, over exposures with pixels that are used."""
    noon = np.deg2rad(seen.noon[used.any(axis=1) & np.isfinite(seen.noon)])
    if not noon.size:
        return np.nan
    return float(np.rad2deg(np.arctan2(np.sin(noon).mean(), np.cos(noon).mean())))


def _attributes(
    ds: xr.Dataset, asked: _Asked, view: views.Views, used: np.ndarray, grid: Grid
) -> dict[str, Any]:
    """What the map is of."""
    known = "background" in ds.variables
    seen_from: np.ndarray = np.asarray(used.any(axis=1))
    attrs = {k: v for k, v in ds.attrs.items() if k not in ("history", "title")}
    # Of what is joined from products with backgrounds of several kinds, no method is left.
    attrs |= {"background_method": attrs.get("background_method", "by product")} if known else {}
    attrs |= _span(ds, seen_from) | {
        "geometry_target": view.name,
        "target_radii": view.radii.tolist(),
        "map_projection": asked.projection,
        "map_altitude": asked.altitude,
        "map_by": asked.by,
        "map_slant": asked.slant,
        "map_weights": asked.weights,
        "map_ems_max": asked.ems_max,
        "map_spectra": int(used.sum()),
    }
    if isinstance(grid, Polar):
        attrs |= {"map_pole": _pole(grid), "map_edge": grid.edge}
    sun = view.sun[seen_from & np.isfinite(view.sun).all(axis=-1)]
    if not len(sun):
        return attrs
    attrs["map_sub_solar_lat"] = float(np.mean(sphere.latitude(sun)))
    lit = sun[:, 0], sun[:, 1]
    turn = np.hypot(*(np.mean(a / np.hypot(*lit)) for a in lit))
    attrs["map_sub_solar_spread"] = float(np.rad2deg(np.sqrt(max(-2 * np.log(turn), 0.0))))
    return attrs


def _span(ds: xr.Dataset, pics: np.ndarray) -> dict[str, str]:
    """When the first of some exposures began, and the last ended, UTC."""
    found = {}
    ends = instants.ends(ds) or ()
    for name, times in zip(("start", "end"), ends, strict=False):
        some = np.broadcast_to(times, pics.shape)[pics]
        some = some[~np.isnat(some)]
        if some.size:
            one = some.min() if name == "start" else some.max()
            found[f"time_coverage_{name}"] = f"{np.datetime_as_string(one, 'ms')}Z"
    return found
