"""What SPICE tells of a dataset's instants: one load of kernels, one batch of calls for each body.

All else is computed ray by ray from what is read here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import CoverageError, KernelError, warn_user
from ..geometry import sanity
from ..geometry.ephemeris import Course, Ephemeris, pointing
from ..geometry.fov import FieldOfView
from ..geometry.los import warn_of_unknown
from ..geometry.rays import TargetState
from ..geometry.views import PLANETS_AND_MOONS
from ..instrument.channel import Optics
from ..instrument.detector import Bins
from ..kernels import choose, spice
from ..kernels.bodies import OBSERVER, SUN, Body, resolve
from ..kernels.session import keeping, loaded, user_kernels
from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT
from .inview import Outlines, Slit
from .registry import MAIN_RINGS

#: Saturn's NAIF code.
SATURN = 699

#: The centre of mass of Saturn's system, 300 km from Saturn's.
_SYSTEM = 6

#: As far from it Saturn and its rings stand before nothing else, km.
_FAR = 1e8

#: How far bodies may move in the difference of two light times, by the light's way: 300 km/s.
SKEW = 1e-3


@dataclass(frozen=True)
class Seen:
    """One body at n instants.

    Attributes
    ----------
    body : Body
    ephemeris : Ephemeris
    state : TargetState
    outlines : Outlines
    craft : ndarray, (n, 6)
        Position and velocity of the spacecraft in the body's frame, km and km/s.
    ram : ndarray, (n, 3)
        Velocity against what the body orbits, in the body's frame, km/s.
    planet_lt : ndarray, (n,)
        Local time of a moon at its planet, hours.
    """

    body: Body
    ephemeris: Ephemeris
    state: TargetState
    outlines: Outlines
    craft: np.ndarray
    ram: np.ndarray
    planet_lt: np.ndarray


@dataclass(frozen=True)
class Caster:
    """A body as seen from the centre of another, on which it may cast its shadow.

    Attributes
    ----------
    ephemeris : Ephemeris
        At the instants at which light left the other's centre for the spacecraft.
    state : TargetState
    may : ndarray of bool, (n,)
        Whether a shadow of it, or of its rings, may fall on the other.
    """

    ephemeris: Ephemeris
    state: TargetState
    may: np.ndarray


@dataclass(frozen=True)
class Scene:
    """All bodies at a dataset's instants.

    Attributes
    ----------
    shape : (int, int)
        Exposures, and instants in each; n is their product.
    et : ndarray, (n,)
    attitude : ndarray, (n, 3, 3)
        From the instrument's frame to J2000; NaN without pointing.
    velocity : ndarray, (n, 3)
        Of the spacecraft, J2000, km/s.
    pixels : ndarray, (pixel, 5, 3)
        Unit vectors of the pixels' points, in the instrument's frame.
    slit : Slit
    bodies : dict of str to Seen
        Those that the tree has, and those that may stand before them, in order.
    nodes : tuple of str
        Those that the tree has.
    blind : ndarray of bool, (n,)
        Whether the kernels do not place Saturn, which is near: what it hides and shades is unknown.
    casters : dict of (str, str) to Caster
        By the body on which a shadow may fall, and the body that may cast it.
    kernels : tuple of Path
    """

    shape: tuple[int, int]
    et: np.ndarray
    attitude: np.ndarray
    velocity: np.ndarray
    pixels: np.ndarray
    slit: Slit
    bodies: dict[str, Seen]
    nodes: tuple[str, ...]
    blind: np.ndarray
    casters: dict[tuple[str, str], Caster] = field(default_factory=dict)
    kernels: tuple[Path, ...] = ()

    @cached_property
    def steps(self) -> np.ndarray:
        """Unit vectors along and across the slit at the pixels' points, (2, pixel, 5, 3)."""
        x, y, z = sphere.components(self.pixels)
        flat = np.hypot(x, z)
        along = sphere.stacked(-x * y / flat, flat, -z * y / flat)
        return np.stack([along, sphere.stacked(z / flat, np.zeros_like(x), -x / flat)])


def read(
    et: np.ndarray,
    bins: Bins,
    instrument: tuple[str, str, Optics],
    kernels: choose.Kernels,
    target: str,
    wanted: Sequence[str] | None,
) -> Scene:
    """Read a scene.

    Parameters
    ----------
    et : ndarray, (pic, instant)
        TDB s past J2000.
    bins : Bins
    instrument : (str, str, str)
        Channel, slit and optics.
    kernels : path or iterable of paths, optional
    target : str
        SPICE's name of the dataset's; empty if it is no body.
    wanted : sequence of str, optional
        SPICE's names of bodies. Default: those in view.

    Raises
    ------
    KernelError, CoverageError
        As `uvisxr.geometry.los.geometry`; and of a named body, that there is no shape or place.
    """
    flat = et.ravel()
    named = [*(wanted or ()), *([target] if target and wanted is None else [])]
    with sky(et, instrument, kernels, named) as seen:
        ephemerides = _ephemerides(seen.codes, named, wanted is not None, seen.course)
        for body, ephemeris in ephemerides.values():
            if body.name in (*named, "SATURN"):
                sanity.check(ephemeris, body, seen.kernels)
        scene = Scene(
            shape=(et.shape[0], et.shape[1]),
            et=flat,
            attitude=seen.attitude,
            velocity=seen.course.spacecraft_velocity,
            pixels=seen.view.pixel_vectors(bins),
            slit=Slit.of(seen.view, bins),
            bodies={},
            nodes=(),
            blind=_is_near_saturn(flat) & ~_places_saturn(ephemerides, flat),
            kernels=seen.kernels,
        )
        if "SATURN" not in ephemerides and scene.blind.any():
            warn_user(_BLIND)
        return _peopled(scene, ephemerides, target, wanted)


@dataclass(frozen=True)
class Sky:
    """What the spacecraft's own kernels tell of n instants.

    Attributes
    ----------
    view : FieldOfView
    course : Course
    attitude : ndarray, (n, 3, 3)
        From the instrument's frame to J2000; NaN without pointing.
    codes : tuple of int
        NAIF codes of the planets and moons that the kernels place at any of the instants.
    kernels : tuple of Path
        The files used.
    """

    view: FieldOfView
    course: Course
    attitude: np.ndarray
    codes: tuple[int, ...]
    kernels: tuple[Path, ...]


@contextlib.contextmanager
def sky(
    et: np.ndarray,
    instrument: tuple[str, str, Optics],
    kernels: choose.Kernels,
    named: Sequence[str],
) -> Iterator[Sky]:
    """Have the kernels of all planets and moons, and of named bodies, loaded in a `with` block.

    Parameters, errors and warnings are those of `read`.
    """
    flat = et.ravel()
    paths = choose.given(kernels)
    with keeping():
        with choose.walked_once():
            codes = choose.there(kernels, flat, PLANETS_AND_MOONS)
            bodies: list[str | int] = ["CASSINI", "SUN", *codes, *named]
            files = choose.select(kernels, ets=flat, bodies=bodies)
        with loaded(files):
            used = files or [file for file in user_kernels() if file.is_file()]
            channel, slit, optics = instrument
            view = FieldOfView.of(channel, slit, optics)
            course = Course.of(None, flat)
            sanity.check(course, None, used)
            attitude = pointing(view.frame, flat)
            sanity.check_mounting(view.frame, optics)
            folders = [path for path in paths if path.is_dir()]
            warn_of_unknown(et, course, attitude, used, folders)
            yield Sky(view, course, attitude, tuple(codes), tuple(used))


_BLIND = (
    "the kernels do not place Saturn (699), only the centre of mass of its system (6), 300 km from "
    "it: there are no /saturn and no /rings, moons have no leading point and no local time at "
    "Saturn, and what Saturn and its rings hide and shade is unknown (-1): add an SPK that holds "
    "Saturn, such as those named *SCPSE* or sat*.bsp"
)


def _is_near_saturn(et: np.ndarray) -> np.ndarray:
    place = _states(_SYSTEM, et, "J2000", "NONE", OBSERVER, np.isfinite(et))[:, :3]
    near: np.ndarray = np.linalg.norm(place, axis=-1) < _FAR
    return near


#: Bodies and their ephemerides by name.
_Ephemerides = dict[str, tuple[Body, Ephemeris]]


def _places_saturn(ephemerides: _Ephemerides, et: np.ndarray) -> np.ndarray:
    if "SATURN" not in ephemerides:
        return np.zeros(et.shape, bool)
    placed: np.ndarray = np.isfinite(ephemerides["SATURN"][1].position[:, 0])
    return placed


def _ephemerides(
    codes: Iterable[int], named: Iterable[str], strict: bool, course: Course
) -> _Ephemerides:
    """Of all planets and moons with a shape that the kernels place, and of named bodies."""
    found: _Ephemerides = {}
    et = course.et
    for name in dict.fromkeys(named):
        if strict:
            body: Body | object = Body.of(name, instead="leave it out of bodies=")
        else:
            body = resolve(name)
        if isinstance(body, Body):
            found[body.name] = body, Ephemeris.of(body, et, course=course)
    for code in codes:
        # Those discovered since have no names yet; one nobody asked for need not be.
        with contextlib.suppress(spice.NotFoundError, KernelError):
            body = resolve(spice.bodc2n(code))
            if isinstance(body, Body) and body.name not in found:
                found[body.name] = body, Ephemeris.of(body, et, course=course)
    return found


def _peopled(
    scene: Scene, ephemerides: _Ephemerides, target: str, wanted: Sequence[str] | None
) -> Scene:
    """The scene with its bodies."""
    outlines = {
        name: Outlines.of(body, ephemeris, scene.attitude)
        for name, (body, ephemeris) in ephemerides.items()
    }
    slit, instants = scene.slit, scene.shape[1]
    in_view = [name for name in ephemerides if outlines[name].near(slit, instants).any()]
    first = ["SATURN", *([target] if wanted is None else wanted)]
    rest = sorted(in_view, key=lambda name: ephemerides[name][0].code)
    there = [name for name in dict.fromkeys([*first, *rest]) if name in ephemerides]
    nodes = [name for name in there if wanted is None or name in first]
    shaped = {body.code: body for body, _ in ephemerides.values()}
    bodies = {name: _seen(*ephemerides[name], outlines[name], shaped) for name in there}
    casters = {}
    for name in nodes:
        for other, may in _may_cast(bodies[name], ephemerides).items():
            caster = _caster(bodies[name], ephemerides[other][0], may)
            if caster is not None:
                casters[name, other] = caster
    return replace(scene, bodies=bodies, nodes=tuple(nodes), casters=casters)


def _seen(body: Body, ephemeris: Ephemeris, outlines: Outlines, shaped: dict[int, Body]) -> Seen:
    state = TargetState.of(body, ephemeris)
    emitted = ephemeris.et - ephemeris.light_time
    known = np.isfinite(emitted)
    orbited = _planet(body.code) or SUN
    moves = known & (orbited != body.code)
    orbit = _states(body.code, emitted, "J2000", "NONE", str(orbited), moves)
    return Seen(
        body=body,
        ephemeris=ephemeris,
        state=state,
        outlines=outlines,
        craft=_craft(ephemeris),
        ram=ephemeris.to_body(orbit[:, 3:]),
        planet_lt=_planet_lt(body, shaped, emitted, known),
    )


def _craft(ephemeris: Ephemeris) -> np.ndarray:
    """State of the spacecraft in the body's turning frame, as of SPICE's spkezr, (n, 6)."""
    place, motion = -ephemeris.position, -ephemeris.motion
    away = np.linalg.norm(place, axis=-1)
    # The frame is that of the time at which the light left, which runs with the light time.
    pace = 1.0 - sphere.dot(place, motion) / (away * SPEED_OF_LIGHT)
    turning = np.einsum("nij,nj->ni", ephemeris.rotation_rate, place)
    velocity = ephemeris.to_body(motion) + pace[:, None] * turning
    return np.concatenate([ephemeris.to_body(place), velocity], axis=-1)


def _states(
    target: int, et: np.ndarray, frame: str, correction: str, observer: str, known: np.ndarray
) -> np.ndarray:
    """States (n, 6) at known instants; NaN where kernels lack them."""
    states = np.full((et.size, 6), np.nan)
    if known.any():
        with contextlib.suppress(spice.SpiceyError):
            states[known], _ = spice.cyice.spkezr_v(
                str(target), np.ascontiguousarray(et[known]), frame, correction, observer
            )
    return states


def _planet(code: int) -> int | None:
    """NAIF code of a moon's planet."""
    return code // 100 * 100 + 99 if 100 < code < 1000 and code % 100 != 99 else None


def _planet_lt(
    body: Body, shaped: dict[int, Body], et: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Local solar time of a moon at its planet, hours, from the equator of the planet."""
    planet = _planet(body.code)
    if planet is None or planet not in shaped:
        return np.full(et.shape, np.nan)
    found = shaped[planet]
    moon = _states(body.code, et, found.frame, "NONE", str(planet), known)
    sun = _states(SUN, et, found.frame, "LT", str(planet), known)
    lon, noon = sphere.longitude(moon), sphere.longitude(sun)
    return sphere.hour_angle(lon, noon) / 15.0


def _may_cast(on: Seen, ephemerides: _Ephemerides) -> dict[str, np.ndarray]:
    """Bodies whose shadow, or that of their rings, may fall on another at some instants, (n,)."""
    others = {
        name: body
        for name, (body, _) in ephemerides.items()
        if body.code != SUN and (body.code != on.body.code or body.code == SATURN)
    }
    # On the Sun nothing does.
    if not others or on.body.code == SUN:
        return {}
    place = np.stack([ephemerides[name][1].position for name in others])
    reach = [
        on.body.radii.max() + (MAIN_RINGS[1] if body.code == SATURN else body.radii.max())
        for body in others.values()
    ]
    apart = place - on.ephemeris.position
    sunward = sphere.unit(on.ephemeris.sun)
    along = sphere.dot(apart, sunward)
    aside = np.linalg.norm(apart - along[..., None] * sunward, axis=-1)
    far = np.array(reach)[:, None]
    may = (aside < far + SKEW * np.linalg.norm(apart, axis=-1)) & (along > -far)
    return {name: row for name, row in zip(others, may, strict=True) if row.any()}


def _caster(on: Seen, body: Body, may: np.ndarray) -> Caster | None:
    """A body as seen from another on which it may cast its shadow."""
    emitted = on.ephemeris.et - on.ephemeris.light_time
    try:
        seen = Ephemeris.of(body, emitted, str(on.body.code))
    except CoverageError:
        return None
    return Caster(seen, TargetState.of(body, seen), may)
