"""Where the pixels of a product look: at which bodies, and where on them, at mid exposure.

A body is in view of an exposure if its disk, or those of Saturn and its rings, comes within 10 mrad
of the slit, as in `uvisxr.backplanes`. All else is as in `uvisxr.geometry.los`, with every corner
that two pixels share computed once, and of the corners only what ranges are made of.

What is not seen is left out, as it would be found: a line of sight that looks away from the body
has its lowest point at the spacecraft, and one that meets the body does not reach the ring plane
behind it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from ..backplanes.inview import MARGIN, Outlines, Slit
from ..backplanes.registry import MAIN_RINGS
from ..backplanes.scene import SATURN, Sky, sky
from ..errors import KernelError
from ..geometry import sanity
from ..geometry.ephemeris import Course, Ephemeris, Sighting
from ..geometry.fov import FieldOfView
from ..geometry.los import resolved
from ..geometry.rays import Points, Rays, TargetState, crossings, surface_fields
from ..geometry.rings import ring_place
from ..geometry.sight import Sight
from ..instrument.channel import Optics
from ..instrument.detector import Bins
from ..kernels import choose, spice
from ..kernels.bodies import OBSERVER, Body, named, resolve
from ..numerics import sphere
from . import summits
from .ranges import arcs
from .schema import SPECTRA

#: Rays worked on at a time, so that the arrays stay in the processor's cache.
_BLOCK = 16384

#: No planet is larger, and no moon, km.
_PLANET, _MOON = 80_000.0, 3_000.0

#: How far the aberration by the spacecraft's motion may turn what is seen, and a little more, rad.
_ABERRATION = 1e-3

#: Seconds between the states of bodies that are read to find those in view.
_APART = 60.0

#: Columns of what is looked at, all of them numbers.
COLUMNS = tuple(SPECTRA)[tuple(SPECTRA).index("on_disk") : tuple(SPECTRA).index("counts")]

_S = TypeVar("_S", bound=Course)


@dataclass(frozen=True)
class Seen:
    """A body in view.

    Attributes
    ----------
    name : str
    pics : ndarray of int, (k,)
        Exposures that have it in view; of the target, all.
    ephemeris : Sighting
        At these.
    state : TargetState, optional
        None of what has no known shape or rotation.
    is_target : bool
    """

    name: str
    pics: np.ndarray
    ephemeris: Sighting
    state: TargetState | None
    is_target: bool = False


@dataclass(frozen=True)
class Looks:
    """Where the instrument looks during a product's exposures.

    Attributes
    ----------
    view : FieldOfView
    attitude : ndarray, (pic, 3, 3)
        From the instrument's frame to J2000; NaN without pointing.
    bodies : tuple of Seen
        That of the target first, then by NAIF codes.
    kernels : tuple of str
        Names of the files used.
    """

    view: FieldOfView
    attitude: np.ndarray
    bodies: tuple[Seen, ...]
    kernels: tuple[str, ...]

    @property
    def is_pointed(self) -> np.ndarray:
        """Whether each exposure has pointing, bool (pic,)."""
        found: np.ndarray = np.isfinite(self.attitude[:, 0, 0])
        return found


def read(
    et: np.ndarray,
    windows: Sequence[Bins],
    instrument: tuple[str, str, Optics],
    kernels: choose.Kernels,
    target: str,
) -> Looks:
    """Read from kernels where the instrument looks.

    Parameters
    ----------
    et : ndarray, (pic,)
        Mid-exposures, TDB s past J2000.
    windows : sequence of Bins
    instrument : (str, str, str)
        Channel, slit and optics.
    kernels : path or iterable of paths, optional
    target : str
        SPICE's name of the product's target; empty if it is no body.

    Raises
    ------
    ArgumentError, KernelError, CoverageError
        As `uvisxr.geometry.los.geometry`.
    """
    with sky(et[:, None], instrument, kernels, [target] if target else []) as found:
        bodies = []
        pointed = np.flatnonzero(np.isfinite(found.attitude[:, 0, 0]))
        # As in `geometry`: if the target is the Sun, angles to the Sun are 0/0.
        with np.errstate(invalid="ignore", divide="ignore"):
            if pointed.size:
                own = named(target)[1] if target else None
                if target:
                    bodies.append(_target(target, found))
                slits = [Slit.of(found.view, bins) for bins in windows]
                others = [code for code in found.codes if code != own]
                bodies += _in_view(others, found, slits, pointed)
        files = tuple(path.name for path in found.kernels)
        return Looks(found.view, found.attitude, tuple(bodies), files)


def _target(name: str, found: Sky) -> Seen:
    body, every = resolved(name), np.arange(len(found.attitude))
    kind = Ephemeris if isinstance(body, Body) else Sighting
    ephemeris = kind.of(body, found.course.et, course=found.course)
    sanity.check(ephemeris, body, found.kernels)
    seen = _seen(body.name if body else name, body, every, ephemeris)
    return replace(seen, is_target=True)


def _seen(name: str, body: object, pics: np.ndarray, ephemeris: Sighting) -> Seen:
    state = None
    if isinstance(body, Body) and isinstance(ephemeris, Ephemeris):
        state = TargetState.of(body, ephemeris)
    return Seen(name, pics, ephemeris, state)


def _in_view(
    codes: Sequence[int], found: Sky, slits: Sequence[Slit], pointed: np.ndarray
) -> Iterator[Seen]:
    """Those of some bodies that have a shape and come near the slit."""
    course, et = found.course, found.course.et
    reach = max(np.hypot(slit.half_width, max(-slit.low, slit.high)) for slit in slits)
    for code in codes:
        near = _may_be_near(code, et, found.attitude[:, :, 2], reach)
        rows = pointed[near[pointed]]
        # Those discovered since have no names yet; one nobody asked for need not be.
        with contextlib.suppress(spice.NotFoundError, KernelError):
            body = resolve(spice.bodc2n(code)) if rows.size else None
            if not isinstance(body, Body):
                continue
            ephemeris = Ephemeris.of(body, et[rows], course=_part(course, rows))
            shapes = [body]
            if code == SATURN:
                shapes.append(replace(body, radii=np.array([MAIN_RINGS[1], MAIN_RINGS[1], 0.0])))
            near = np.zeros(rows.size, bool)
            for shape in shapes:
                outlines = Outlines.of(shape, ephemeris, found.attitude[rows])
                for slit in slits:
                    near |= outlines.near(slit, 1)
            if near.any():
                yield _seen(body.name, body, rows[near], _part(ephemeris, near))


def _may_be_near(code: int, et: np.ndarray, axis: np.ndarray, reach: float) -> np.ndarray:
    """Whether a body may be in view along the `axis` (n, 3) of the instrument; True if unknown."""
    # Of short exposures, some states tell those between, to far less than the margin.
    nodes = et[:: max(1, int(_APART * (et.size - 1) // max(et[-1] - et[0], _APART)))]
    if nodes[-1] != et[-1]:
        nodes = np.append(nodes, et[-1])
    try:
        state, _ = spice.cyice.spkezr_v(
            str(code), np.ascontiguousarray(nodes), "J2000", "CN", OBSERVER
        )
    except spice.SpiceyError:
        return np.ones(et.shape, bool)
    radius = _PLANET if code % 100 == 99 else _MOON
    if code == SATURN:
        radius = MAIN_RINGS[1]
    place = state[:, :3]
    if nodes.size < et.size:
        # Here, as it is slow to import.
        from scipy.interpolate import CubicHermiteSpline

        place = CubicHermiteSpline(nodes, place, state[:, 3:])(et)
    away = np.linalg.norm(place, axis=-1)
    # The root of 2 as the surroundings of the slit have corners.
    wide = reach + np.sqrt(2) * MARGIN + _ABERRATION + np.arcsin(np.minimum(radius / away, 1.0))
    near: np.ndarray = sphere.dot(place, axis) >= away * np.cos(np.minimum(wide, np.pi))
    return near


def _part(course: _S, rows: np.ndarray) -> _S:
    """Some of the instants."""
    return type(course)(**{f.name: getattr(course, f.name)[rows] for f in fields(course)})


def directions(looks: Looks, bins: Bins) -> dict[str, np.ndarray]:
    """`ra` and `dec` of the pixels' centres, degrees, (pic, pixel)."""
    centres = looks.view.pixel_vectors(bins)[:, 0]
    seen = centres @ np.swapaxes(looks.attitude, -1, -2)
    return {"ra": sphere.longitude(seen), "dec": sphere.latitude(seen)}


def fields_of(looks: Looks, seen: Seen, bins: Bins) -> dict[str, np.ndarray]:
    """What the pixels of a window see of a body: the `COLUMNS`, float32 (k, pixel).

    NaN where nothing is known, or seen; `on_disk` is 1, 0 or NaN.
    """
    vectors = looks.view.pixel_vectors(bins)
    shape = (seen.pics.size, len(vectors))
    table = {name: np.full(shape, np.nan, np.float32) for name in COLUMNS}
    pointed = np.flatnonzero(looks.is_pointed[seen.pics])
    away = np.linalg.norm(seen.ephemeris.position, axis=-1)
    table["distance"][pointed] = away[pointed, None]
    if seen.state is None or not isinstance(seen.ephemeris, Ephemeris):
        return table
    distinct, of_corners = _distinct(vectors[:, 1:])
    points = np.concatenate([vectors[:, 0], distinct])
    step = max(1, _BLOCK // len(points))
    with np.errstate(invalid="ignore", divide="ignore"):
        for start in range(0, pointed.size, step):
            rows = pointed[start : start + step]
            turn = seen.ephemeris.rotation[rows] @ looks.attitude[seen.pics[rows]]
            found = _look(seen.state.part(rows), points @ np.swapaxes(turn, -1, -2), of_corners)
            direction, lat = summits.of(seen.state.part(rows))
            held = summits.within(vectors[:, 1:], direction @ turn)
            held &= np.isfinite(found["lat"])[:, None]
            _spread(found, held, np.broadcast_to(lat[..., None], held.shape))
            for name, values in found.items():
                table[name][rows] = narrow(values, SPECTRA[name].period)
    return table


def _distinct(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (k, 3) of corners, each once, and which of them each pixel has, (pixel, 4)."""
    flat = corners.reshape(-1, 3)
    _, first, index = np.unique(np.round(flat, 12), axis=0, return_index=True, return_inverse=True)
    return flat[first], index.reshape(corners.shape[:2])


def _look(state: TargetState, turned: np.ndarray, of_corners: np.ndarray) -> dict[str, np.ndarray]:
    """Columns (n, pixel) of apparent directions, in the body's frame, of centres and corners."""
    rays, m = Rays.of(state, turned), len(of_corners)
    sight = Sight.of(rays)
    points = sight.points()
    # The lowest point of a ray that looks away is the spacecraft.
    away = sight.distance <= 0
    lon, lat, alt = (
        np.where(away, np.nan, values)
        for values in (
            sphere.longitude(points.position),
            sphere.latitude(points.position),
            sight.altitude,
        )
    )
    centres = Points(*(getattr(points, field.name)[:, :m] for field in fields(Points)))
    at = surface_fields(state, centres)
    found = {
        name: np.where(away[:, :m], np.nan, at[name]) for name in ("sza", "ems", "phase", "lt")
    }
    found |= {"lon": sphere.wrap(-lon[:, :m]), "lat": lat[:, :m], "alt": alt[:, :m]}
    found["on_disk"] = np.where(np.isfinite(sight.altitude), sight.hit, np.nan)[:, :m]
    for name, values in {"lat": lat, "alt": alt}.items():
        around = [values[:, m + index] for index in of_corners.T]
        # Of corners that look away nothing counts; of a centre that does, no corner.
        for end, of in (("min", np.fmin), ("max", np.fmax)):
            ends = of.reduce([found[name], *around])
            found[f"{name}_{end}"] = np.where(away[:, :m], np.nan, ends)
    west = sphere.wrap(-lon[:, m:])
    low, high = arcs(found["lon"].ravel(), west[:, of_corners].reshape(-1, 4))
    found["lon_min"], found["lon_max"] = low.reshape(-1, m), high.reshape(-1, m)
    if state.body.ringed:
        some = Rays(state, rays.direction[:, :m], rays.scale[:, :m])
        crossed = crossings(some)
        hidden = sight.surface[:, :m] < crossed.distance
        found |= {
            name: np.where(hidden, np.nan, values)
            for name, values in ring_place(state, crossed).items()
        }
    return found


def _spread(found: dict[str, np.ndarray], held: np.ndarray, lat: np.ndarray) -> None:
    """Widen ranges (n, m) to the latitudes (n, k, m) of summits that pixels hold, and of poles to
    all longitudes."""
    for row, k, pixel in np.argwhere(held):
        at, value = (row, pixel), lat[row, k, pixel]
        found["lat_min"][at] = min(found["lat_min"][at], value)
        found["lat_max"][at] = max(found["lat_max"][at], value)
        if abs(value) == 90.0:
            found["lon_min"][at], found["lon_max"][at] = 0.0, 360.0


def narrow(values: np.ndarray, period: float = 0.0) -> np.ndarray:
    """Numbers of single precision; what would round to the period, and is less, is 0."""
    found = values.astype(np.float32)
    if period:
        found[(found == period) & (values < period)] = 0.0
    return found
