"""Where every pixel looks, at every exposure: the fields of the line of sight.

What each field means, its unit, sign and zero, stands in the text of the package: `help(uvisxr)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from .. import checks
from ..dataset import conventions, history, inputs, setups
from ..dataset.fields import CORNERS, EPHEMERIS, FIELDS, ROW, ROWS, SIGHTLINE
from ..errors import ArgumentError, warn_user
from ..instrument.channel import N_LINES, Optics
from ..instrument.detector import Bins, Window
from ..kernels import choose as kernel_files
from ..kernels import spice
from ..kernels.bodies import SPACECRAFT_CODE, Body, Point, chosen, resolve
from ..kernels.session import keeping, loaded, user_kernels
from ..numerics import sphere
from ..numerics.constants import ASTRONOMICAL_UNIT
from ..timescales import et_to_utc
from . import sanity
from .ellipsoid import TangentKind
from .ephemeris import Course, Ephemeris, Sighting, pointing
from .fov import FieldOfView
from .instants import instants
from .rays import Rays, TargetState, apparent, crossings, surface_fields
from .rings import ring_fields
from .sight import Sight
from .subpoints import sub_solar, sub_spacecraft

#: Sense in which longitudes are counted.
LonDirection = Literal["west", "east"]

#: Attributes that a geometry sets, if it has the target that they describe.
_ATTRIBUTES = ("kernels", "geometry_target", "target_radii", "lon_direction", "tangent", "optics")

#: Fields of lines of sight by their dimension and name, at centres and at corners.
_Sightlines = dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]

#: Turns east longitudes into those that are wanted.
_Directed = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]

#: Every detector row by itself.
_EVERY_ROW = Window(0, 0, N_LINES - 1, 0).bins

#: Rays worked on at a time, so that the arrays stay in the processor's cache.
_BLOCK = 16384


@history.step("geometry")
def geometry(
    ds: xr.Dataset,
    kernels: str | Path | Iterable[str | Path] | None = None,
    target: str | None = None,
    times: Any = None,
    samples: int | None = None,
    lon_direction: LonDirection = "west",
    tangent: TangentKind = "minimum",
    optics: Optics | None = None,
    all_rows: bool = False,
) -> xr.Dataset:
    """Compute where every pixel looks, at every exposure.

    Light time, aberration and rotation are applied ray by ray, as in SPICE's `sincpt` and `ilumin`
    with "CN+S": light time to the point on the ray, aberration of the ray itself, the body's
    rotation when the light left that point. Results agree with theirs to a metre.

    What can be known is given. If the target is no body (SOLAR WIND, STAR, CALIB, UNK...), these
    are the directions of the pixels and where the spacecraft is; if it is a body without known
    radii or rotation (Hyperion, irregular moons), its distance, direction and phase angle as well.

    Kernels are loaded once, and only those are unloaded; only one thread at a time uses SPICE.

    Parameters
    ----------
    ds : Dataset
        From `uvisxr.open_product`, or after any later step or selection.
    kernels : path or iterable of paths, optional
        Kernel files, directories or meta-kernels. Default: the option `kernels` of
        `uvisxr.set_options`, the environment variable UVISXR_KERNELS, then the download cache.
    target : str, optional
        Any body known to SPICE, by the archive's names too (DA for Daphnis, see `help(uvisxr)`).
        Default: the dataset's target; a planet's rings stand for the planet.
    times : datetime64, str (UTC), or float (TDB s past J2000); scalar or array, optional
        Instants to use in place of mid-exposure: one for all exposures, one for each, or an array
        (pic, sample).
    samples : int, optional
        Number of instants within each exposure, at the midpoints of equal parts; the fields then
        have the dimension `sample` after `pic`.
    lon_direction : {"west", "east"}
        Direction in which longitude increases.
    tangent : {"minimum", "scaled"}
        Tangent point: that of minimum altitude, or the point nearest the centre in the space in
        which the ellipsoid is a sphere.
    optics : {"telescope", "solar_port"}, optional
        What the light came in through. Default: the dataset's attribute `optics`, or,
        where that is lost, what its `setup` tells.
    all_rows : bool
        Give the fields of all 64 detector rows too, whatever of them was read out and summed.

    Returns
    -------
    Dataset
        With the fields that `help(uvisxr)` defines as coordinates: (pic, pixel), at corners
        (pic, pixel, corner), and for the target (pic); the instants, as `geometry_et` and
        `geometry_time`, (pic) or (pic, sample). With `all_rows` the fields of the lines of sight
        have twins `row_lon`, `row_lon_corners`, ... (pic, row), (pic, row, corner). Attributes
        `kernels` (file names in loading order), `optics`, `geometry_target` (empty if it is no
        body) and, with the fields on a body, `target_radii` (km), `lon_direction`, `tangent`.

    Raises
    ------
    ArgumentError
        An argument has a wrong value, or SPICE does not know the target.
    KernelError
        Kernels are missing, unreadable, or lack the constants or the instrument's frame; or they
        place the spacecraft inside the target, or either where its velocity does not take it.
    CoverageError
        The kernels do not cover the positions of spacecraft, target and Sun at any instant.

    Warns
    -----
    UvisWarning
        Some exposures have no pointing, so their line-of-sight fields are NaN, or no positions, so
        all fields except `ra` and `dec` are NaN. Or the target has no known radii or rotation, or
        SPICE does not know the dataset's target, so that there are no fields of it.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> print(f"{ds.alt.min():.0f} to {ds.alt.max():.0f} km above {ds.attrs['geometry_target']}")
    -1564 to 4443 km above TITAN
    >>> ds = made.open().uvis.geometry(kernels=made.kernels, samples=3, lon_direction="east")
    >>> ds.lon.dims, ds.lon_corners.dims
    (('pic', 'sample', 'pixel'), ('pic', 'sample', 'pixel', 'corner'))
    >>> ds = made.open().isel(pixel=[30]).uvis.geometry(kernels=made.kernels, all_rows=True)
    >>> ds.alt.shape, ds.row_alt.shape, float(ds.row[-1])
    ((12, 1), (12, 64), 63.0)
    """
    checks.choice("lon_direction", lon_direction, LonDirection)
    checks.choice("tangent", tangent, TangentKind)
    checks.choice("all_rows", all_rows, bool)
    name = target_name(ds, target)
    channel, slit = str(ds.attrs["channel"]), str(ds.attrs["slit"])
    if optics is None:
        optics = setups.optics(ds)
    checks.choice("optics", optics, Optics)
    et = instants(ds, times, samples)
    bins = Bins.of(ds)

    bodies = ("CASSINI", name, "SUN") if name else ("CASSINI", "SUN")
    # Meta-kernels and folders are not among the files that are loaded.
    named = kernel_files.given(kernels)
    with keeping():
        files = kernel_files.select(kernels, ets=et.ravel(), bodies=bodies)
        with loaded(files):
            # Without kernels of ours, those that the user has furnished are used.
            used = files or [file for file in user_kernels() if file.is_file()]
            body = resolved(name)
            view = FieldOfView.of(channel, slit, optics)
            ephemeris = _ephemeris(body, et.ravel())
            sanity.check(ephemeris, body, used)
            attitude = pointing(view.frame, et.ravel())
            sanity.check_mounting(view.frame, optics)
            folders = [path for path in named if path.is_dir()]
            warn_of_unknown(et, ephemeris, attitude, used, folders)

    with np.errstate(invalid="ignore", divide="ignore"):
        # If the target is the Sun, angles to the Sun are 0/0.
        vectors = {"pixel": view.pixel_vectors(bins)}
        if all_rows:
            vectors["row"] = view.pixel_vectors(_EVERY_ROW)
        directed: _Directed = westward if lon_direction == "west" else dict
        fields, rows = _fields(body, ephemeris, attitude, vectors, tangent, directed)
    result = _attach(ds, et, fields, rows)
    attrs = {
        "kernels": ", ".join(Path(f).name for f in used),
        "optics": optics,
        "geometry_target": body.name if body else "",
    }
    if isinstance(body, Body):
        attrs |= {
            "target_radii": body.radii.tolist(),
            "lon_direction": lon_direction,
            "tangent": tangent,
        }
    result.attrs = {k: v for k, v in result.attrs.items() if k not in _ATTRIBUTES} | attrs
    own = np.full(result["et"].shape, setups.of_geometry(attrs), np.int32)
    result = result.assign_coords(geometry_setup=(result["et"].dims, own))
    result = history.used(conventions.apply(result), used)
    return inputs.add(result, [path for path in named if path.is_file()])


def target_name(ds: xr.Dataset, target: str | None) -> str:
    """SPICE's name of the target; empty if there is none."""
    if target is None and "target" not in ds.attrs:
        raise ArgumentError('the dataset names no target: pass target=, for example "SATURN"')
    body = chosen(str(ds.attrs.get("target", "")), target)
    return body[0] if body else ""


def resolved(name: str) -> Body | Point | None:
    """What the loaded kernels know of a target; a warning says what they lack."""
    target = resolve(name)
    if isinstance(target, Point):
        if target.code == SPACECRAFT_CODE:
            raise ArgumentError(
                f"the target {name} is the spacecraft itself: pass target=, what it looks at, for "
                'example "SATURN"'
            )
        if not _has_constants():
            # Not this body's radii alone.
            return Body.of(name)
        lacking = " and no ".join(target.lacks)
        warn_user(
            f"the loaded kernels have no {lacking} of {target.name}: the geometry has its "
            "distance, direction and phase angle, but no fields on it; for these, add a constants "
            "kernel that has it to kernels="
        )
    return target


def _has_constants() -> bool:
    try:
        return bool(len(spice.gnpool("BODY*_RADII", 0, 1)))
    except spice.NotFoundError:
        return False


def _ephemeris(target: Body | Point | None, et: np.ndarray) -> Course:
    kind = Course if target is None else Ephemeris if isinstance(target, Body) else Sighting
    return kind.of(target, et)


def warn_of_unknown(
    et: np.ndarray,
    ephemeris: Course,
    attitude: np.ndarray,
    used: Iterable[Path],
    folders: Iterable[Path],
) -> None:
    """Warn once of all runs of exposures without position or pointing."""
    parts = []
    unplaced, unpointed = ~ephemeris.known, np.isnan(attitude[:, 0, 0])
    if unplaced.any():
        parts.append(
            f"all fields except ra and dec for {_runs(et, unplaced)}: the SPK kernels lack the "
            "positions; `uvisxr kernels check` lists which files have them"
        )
    if unpointed.any():
        files = kernel_files.mend("pointing", et.ravel()[unpointed], (), used, folders)
        parts.append(f"the line-of-sight fields for {_runs(et, unpointed)}: no pointing; {files}")
    if parts:
        warn_user("NaN in " + "; ".join(parts))


def _runs(et: np.ndarray, lost: np.ndarray) -> str:
    """Describe the exposures that have lost an instant."""
    rows = et.reshape(et.shape[0], -1)
    lost = np.any(lost.reshape(rows.shape), axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(int)))
    runs = [kernel_files.span_text(rows[i:j]) for i, j in edges.reshape(-1, 2)]
    more = f" and {len(runs) - 3} more stretches" if len(runs) > 3 else ""
    return f"{lost.sum()} of {lost.size} exposures ({', '.join(runs[:3])}{more})"


def _blocks(rows: np.ndarray, rays: int) -> Iterator[np.ndarray]:
    step = max(1, _BLOCK // rays)
    for start in range(0, rows.size, step):
        yield rows[start : start + step]


def _fields(
    body: Body | Point | None,
    ephemeris: Course,
    attitude: np.ndarray,
    vectors: dict[str, np.ndarray],
    tangent: TangentKind,
    directed: _Directed,
) -> tuple[_Sightlines, dict[str, np.ndarray]]:
    """Fields of the lines of sight, and those of the instants."""
    rows = _course_fields(ephemeris)
    if isinstance(ephemeris, Sighting):
        rows |= _centre_fields(ephemeris)
    if not (isinstance(body, Body) and isinstance(ephemeris, Ephemeris)):
        return _sightlines(attitude, vectors, lambda rows, sky: {}), directed(rows)
    state = TargetState.of(body, ephemeris)

    def look(rows: np.ndarray, sky: np.ndarray) -> dict[str, np.ndarray]:
        return directed(_look(state, ephemeris, tangent, rows, sky))

    fields = _sightlines(attitude, vectors, look)
    return fields, directed(rows | _body_fields(state, ephemeris))


def westward(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fields whose longitudes on the target increase eastwards, with such as increase westwards."""
    return {n: sphere.wrap(-v) if FIELDS[n].directed else v for n, v in table.items()}


def _sightlines(
    attitude: np.ndarray,
    vectors: dict[str, np.ndarray],
    look: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]],
) -> _Sightlines:
    """Fields of the lines of sight by their dimension: (instant, dim) and (instant, dim, corner).

    `vectors`, (dim, 5, 3), are those of centre and corners. `look` gives the fields on a body, for
    some of the instants and their directions in the sky, (n, m, 3). NaN without pointing.
    """
    flat = np.concatenate([part.reshape(-1, 3) for part in vectors.values()])
    starts = np.cumsum([0, *(5 * len(part) for part in vectors.values())])
    fields: _Sightlines = {dim: {} for dim in vectors}
    is_pointed = np.isfinite(attitude[:, 0, 0])
    pointed = np.flatnonzero(is_pointed)
    # If nothing is pointed, one empty block still creates the fields.
    for rows in _blocks(pointed, len(flat)) if pointed.size else [pointed]:
        sky = flat @ np.swapaxes(attitude[rows], -1, -2)
        found = look(rows, sky)
        found["ra"], found["dec"] = sphere.longitude(sky), sphere.latitude(sky)
        for (dim, part), start in zip(vectors.items(), starts, strict=False):
            for name, values in found.items():
                if name not in fields[dim]:
                    fields[dim][name] = _blank(~is_pointed, len(part), values.dtype)
                values = values[:, start : start + 5 * len(part)].reshape(rows.size, len(part), 5)
                centre, corners = fields[dim][name]
                # Each into its own array at once: of a long observation they take most of the
                # memory there is.
                centre[rows], corners[rows] = values[..., 0], values[..., 1:]
    return fields


def _blank(unpointed: np.ndarray, size: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Arrays of a field at centres and corners, to be filled where there is pointing."""
    arrays = [np.empty((len(unpointed), size, *axis), dtype) for axis in ((), (4,))]
    for array in arrays:
        array[unpointed] = 0 if dtype == np.int8 else np.nan
    return arrays[0], arrays[1]


def _look(
    state: TargetState,
    ephemeris: Ephemeris,
    tangent: TangentKind,
    rows: np.ndarray,
    sky: np.ndarray,
) -> dict[str, np.ndarray]:
    """Fields on a body of apparent directions (n, m, 3), J2000; longitudes east-positive."""
    turned = sky @ np.swapaxes(ephemeris.rotation[rows], -1, -2)
    seen = Sight.of(Rays.of(state.part(rows), turned), tangent)
    fields = seen.fields()
    if state.body.ringed:
        fields |= ring_fields(seen.rays, crossings(seen.rays), seen.surface)
    return fields


def _course_fields(course: Course) -> dict[str, np.ndarray]:
    """Fields of the spacecraft, (instant,) or (instant, axis)."""
    distance = np.linalg.norm(course.spacecraft_sun, axis=-1)
    return {
        "sc_heliocentric_distance": distance / ASTRONOMICAL_UNIT,
        "sc_position": course.spacecraft_position,
        "sc_velocity": course.spacecraft_velocity,
    }


def _centre_fields(sighting: Sighting) -> dict[str, np.ndarray]:
    """Fields of the target's centre, (instant,)."""
    centre, _ = apparent(sphere.unit(sighting.position), sighting.spacecraft_velocity)
    sun, _ = apparent(sphere.unit(sighting.sun), sighting.target_velocity)
    return {
        "heliocentric_distance": np.linalg.norm(sighting.sun, axis=-1) / ASTRONOMICAL_UNIT,
        "target_distance": np.linalg.norm(sighting.position, axis=-1),
        "target_phase": sphere.angle(sun, -centre),
        "target_ra": sphere.longitude(centre),
        "target_dec": sphere.latitude(centre),
    }


def _body_fields(state: TargetState, ephemeris: Ephemeris) -> dict[str, np.ndarray]:
    """Fields of a body with shape and orientation, (instant,); longitudes east-positive."""
    below, noon = sub_spacecraft(state), sub_solar(state)
    at = surface_fields(state, below)
    north = ephemeris.rotation[:, 2]
    return {
        **{f"sc_{name}": at[name][:, 0] for name in ("lon", "lat", "sza", "phase", "ems", "lt")},
        "sc_alt": below.distance[:, 0],
        "sub_solar_lon": sphere.longitude(noon)[:, 0],
        "sub_solar_lat": sphere.latitude(noon)[:, 0],
        "pole_ra": sphere.longitude(north),
        "pole_dec": sphere.latitude(north),
        "prime_meridian": sphere.wrap(-state.node[:, 0]),
    }


def _names() -> list[str]:
    """Every name that an earlier call may have left in a dataset."""
    looks = [*SIGHTLINE, *ROWS]
    corners = [f"{name}_corners" for name in looks]
    own = [f"geometry_{what}" for what in ("et", "time", "setup")]
    return [*looks, *corners, *EPHEMERIS, *own, "corner", "row"]


def _attach(
    ds: xr.Dataset,
    et: np.ndarray,
    fields: _Sightlines,
    rows: dict[str, np.ndarray],
) -> xr.Dataset:
    """The dataset with its fields, those of the lines of sight by their dimension."""
    dims = ("pic", "sample")[: et.ndim]
    coords = {
        "geometry_et": xr.Variable(dims, et),
        "geometry_time": xr.Variable(dims, et_to_utc(et)),
        "corner": xr.Variable("corner", list(CORNERS)),
    }
    for name, values in rows.items():
        axis = ("axis",) * (values.ndim - 1)
        coords[name] = xr.Variable((*dims, *axis), values.reshape(*et.shape, *values.shape[1:]))
    for dim, table in fields.items():
        prefix = ROW if dim == "row" else ""
        for name, (centre, corners) in table.items():
            of = {"": (centre, (*dims, dim)), "_corners": (corners, (*dims, dim, "corner"))}
            for suffix, (values, axes) in of.items():
                values = values.reshape(*et.shape, *values.shape[1:])
                coords[f"{prefix}{name}{suffix}"] = xr.Variable(axes, values)
    if "row" in fields:
        coords["row"] = xr.Variable("row", _EVERY_ROW.line)
    # A single exposure or pixel, selected by an integer, has no such dimension.
    single = {dim: 0 for dim in ("pic", "pixel") if dim not in ds.dims}
    if single:
        coords = {name: var.isel(single, missing_dims="ignore") for name, var in coords.items()}
    return ds.drop_vars(_names(), errors="ignore").assign_coords(coords)
