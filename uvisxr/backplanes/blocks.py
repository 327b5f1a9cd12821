"""The fields of all rays, exposure by exposure in blocks, so that little is held beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..geometry.rays import Points, Rays
from ..geometry.sight import Sight
from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT
from . import body, rings, shade
from .registry import NODES, POINTS, UNKNOWN, Plane
from .scene import SATURN, Scene, Seen

#: Rays of one body worked on at a time, so that the arrays stay in the processor's cache.
_BLOCK = 16384

#: Fields by name, each (pic, pixel, instant, point).
Table = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Block:
    """Some exposures and their rays.

    Attributes
    ----------
    pics : slice
    rows : slice
        Their instants.
    sky : ndarray, (n, m, 3)
        Apparent directions, J2000.
    true : ndarray, (n, m, 3)
        Without the aberration by the spacecraft's motion, unit vectors.
    scale : ndarray, (n, m)
        As of `uvisxr.geometry.rays.Rays`.
    steps : ndarray, (n, 2, m, 3)
        Unit vectors along and across the slit, J2000.
    """

    pics: slice
    rows: slice
    sky: np.ndarray
    true: np.ndarray
    scale: np.ndarray
    steps: np.ndarray

    def rays(self, seen: Seen) -> Rays:
        """The rays in a body's frame."""
        turn = seen.ephemeris.rotation[self.rows]
        # Components first, as numpy's inner loops run over the rays.
        direction = turn @ np.swapaxes(self.true, -1, -2)
        return Rays(seen.state.part(self.rows), np.swapaxes(direction, -1, -2), self.scale)

    def steps_of(self, seen: Seen) -> np.ndarray:
        """The steps in a body's frame."""
        turn = seen.ephemeris.rotation[self.rows]
        turned: np.ndarray = self.steps @ np.swapaxes(turn, -1, -2)[:, None]
        return turned


def compute(scene: Scene, planet: str | None, widths: np.ndarray) -> dict[str, Table]:
    """Fields of the lines of sight by node.

    Parameters
    ----------
    scene : Scene
    planet : str or None
        Whose equator plane is that of the node of rings.
    widths : ndarray, (pixel, 2)
        Angles of each pixel along and across the slit, rad.
    """
    vectors = scene.pixels
    names = {"sky": ("ra", "dec", "front"), **dict.fromkeys(scene.nodes, _names("body"))}
    if planet:
        names["rings"] = _names("rings")
    shape = (scene.shape[0], len(vectors), scene.shape[1], len(POINTS))
    angles = np.repeat(widths.T, len(POINTS), axis=1)
    pointed = np.isfinite(scene.attitude[:, 0, 0]).reshape(scene.shape).any(axis=1)
    tables = {
        node: {name: _table(node, name, shape, pointed) for name in fields}
        for node, fields in names.items()
    }
    for block in _blocks(scene, np.flatnonzero(pointed)):
        for node, found in _look(scene, block, planet, angles):
            stored: dict[int, np.ndarray] = {}
            for name, values in found.items():
                out = tables[node][name]
                # Off the body, fields and their twins at the tangent points are the same arrays.
                if id(values) in stored:
                    out[block.pics] = stored[id(values)]
                else:
                    _put(out, block, values, scene.shape[1])
                    stored[id(values)] = out[block.pics]
    return tables


def _table(node: str, name: str, shape: tuple[int, ...], pointed: np.ndarray) -> np.ndarray:
    """For values of a field: nothing where blocks leave it out, and without pointing."""
    dtype = _dtype(node, name)
    unknown = UNKNOWN if dtype is np.int8 else np.nan
    if name.endswith("_foreshortened"):
        return np.full(shape, unknown, dtype)
    table = np.zeros(shape, dtype) if dtype is np.int8 else np.empty(shape, dtype)
    table[~pointed] = unknown
    return table


def _names(node: str) -> tuple[str, ...]:
    return tuple(name for name, plane in NODES[node].items() if plane.kind == "ray")


def _plane(node: str, name: str) -> Plane:
    return NODES.get(node, NODES["body"])[name]


def _flags_of(node: str) -> tuple[str, ...]:
    return tuple(name for name in _names(node) if _plane(node, name).flag)


_BODY_FLAGS, _RING_FLAGS = _flags_of("body"), _flags_of("rings")


def _dtype(node: str, name: str) -> type[np.generic]:
    return np.int8 if _plane(node, name).units == "1" else np.float64


def _put(out: np.ndarray, block: _Block, values: np.ndarray, instants: int) -> None:
    """Store values (n, m), as (pic, pixel, instant, point)."""
    pixels, points = out.shape[1], out.shape[3]
    # The points of a pixel move as one item, some times faster than one by one.
    item = np.dtype((np.void, points * out.itemsize))
    whole = np.ascontiguousarray(values, out.dtype).reshape(-1, points).view(item)
    shaped = whole.reshape(-1, instants, pixels)
    out[block.pics].view(item)[..., 0] = np.swapaxes(shaped, 1, 2)


def _blocks(scene: Scene, pics: np.ndarray) -> Iterator[_Block]:
    vectors = scene.pixels
    flat = vectors.reshape(-1, 3)
    steps = scene.steps.reshape(2, -1, 3)
    instants = scene.shape[1]
    most = max(1, _BLOCK // (instants * len(flat)))
    # Runs of exposures without a break, so that all is cut out by slices.
    for run in np.split(pics, np.flatnonzero(np.diff(pics) != 1) + 1):
        for start in range(0, run.size, most):
            first, last = int(run[start]), int(run[min(start + most, run.size) - 1]) + 1
            rows = slice(first * instants, last * instants)
            turn = np.swapaxes(scene.attitude[rows], -1, -2)
            sky = flat @ turn
            true = sky - scene.velocity[rows, None] / SPEED_OF_LIGHT
            scale = np.sqrt(sphere.dot(true, true))
            yield _Block(
                pics=slice(first, last),
                rows=rows,
                sky=sky,
                true=true / scale[..., None],
                scale=scale,
                steps=steps @ turn[:, None],
            )


def _look(
    scene: Scene, block: _Block, planet: str | None, angles: np.ndarray
) -> Iterator[tuple[str, Table]]:
    """Fields of a block's rays (n, m) by node, but for flags that are 0 all over."""
    sights: dict[str, Sight] = {}
    for name, seen in scene.bodies.items():
        sights[name] = Sight.of(block.rays(seen))
    shape = block.scale.shape
    front, nearest = np.zeros(shape, np.int8), np.full(shape, np.inf)
    for number, sight in enumerate(sights.values(), start=1):
        if sight.rows.size:
            closer = sight.surface < nearest
            front[closer] = number
            nearest[closer] = sight.surface[closer]
    blind = scene.blind[block.rows, None]
    nowhere = {name: np.isnan(sight.distance) for name, sight in sights.items()}
    lost = np.logical_or.reduce([np.isnan(block.scale), *nowhere.values()]) | blind
    front[(front == 0) & lost] = UNKNOWN
    yield (
        "sky",
        {"ra": sphere.longitude(block.sky), "dec": sphere.latitude(block.sky), "front": front},
    )
    plane = _ring_plane(scene, sights)
    if planet:
        found = _rings(scene, block, planet, sights[planet])
        _mark(found, _RING_FLAGS, nowhere[planet])
        yield "rings", found
    for name in scene.nodes:
        seen, sight = scene.bodies[name], sights[name]
        found = body.ray_fields(sight, angles, partial(block.steps_of, seen))
        if sight.rows.size:
            found |= _flags(scene, block, name, sight, found["sza"])
        before = [one.surface for other, one in sights.items() if other != name and one.rows.size]
        if before:
            nearer = np.fmin.reduce(before) < sight.distance
            found["hidden"] = nearer.astype(np.int8)
        if plane is not None:
            distance, inside = plane
            found["behind_rings"] = (inside & (distance < sight.distance)).astype(np.int8)
        if blind.any():
            # If Saturn or its rings were in the way, these would be up.
            _mark(found, ("hidden", "behind_rings"), blind & ~nowhere[name])
            lit = np.isfinite(sight.surface) & (found["sza"] < 90.0)
            _mark(found, ("in_shadow", "in_ring_shadow"), blind & lit)
        _mark(found, _BODY_FLAGS, nowhere[name])
        yield name, found


def _mark(found: Table, names: Iterable[str], unknown: np.ndarray) -> None:
    """Mark flags that are down, or left out, as unknown for some rays (n, m)."""
    if unknown.any():
        for name in names:
            flags = found.setdefault(name, np.zeros(unknown.shape, np.int8))
            flags[unknown & (flags == 0)] = UNKNOWN


def _ring_plane(scene: Scene, sights: dict[str, Sight]) -> tuple[np.ndarray, np.ndarray] | None:
    """Distance of the crossings of Saturn's rings, and whether there are any, (n, m)."""
    for name, sight in sights.items():
        if scene.bodies[name].body.code == SATURN:
            points = sight.crossings
            inside = shade.in_rings(_radius(points))
            return (points.distance, inside) if inside.any() else None
    return None


def _radius(points: Points) -> np.ndarray:
    x, y, _ = sphere.components(points.position)
    radius: np.ndarray = np.hypot(x, y)
    return radius


def _flags(
    scene: Scene, block: _Block, name: str, sight: Sight, sza: np.ndarray
) -> dict[str, np.ndarray]:
    """Whether points on a body with the Sun above their horizon lie in shadows."""
    flags = {
        which: np.zeros(sight.surface.shape, np.int8) for which in ("in_shadow", "in_ring_shadow")
    }
    lit = sza[sight.rows, sight.columns] < 90.0
    rows, columns = sight.rows[lit], sight.columns[lit]
    for (on, other), caster in scene.casters.items():
        if on != name:
            continue
        may = caster.may[block.rows][rows]
        if not may.any():
            continue
        at = rows[may], columns[may]
        rays = shade.towards_sun(
            scene.bodies[name],
            caster,
            at[0] + block.rows.start,
            block.true[at],
            sight.surface[at],
        )
        if other != name:
            flags["in_shadow"][at] |= shade.hidden(rays)
        if caster.state.body.code == SATURN:
            flags["in_ring_shadow"][at] |= shade.behind_rings(rays)
    return flags


def _rings(scene: Scene, block: _Block, planet: str, sight: Sight) -> Table:
    points = sight.crossings
    found = rings.fields(sight.rays, points, sight.surface)
    found["in_shadow"] = np.zeros(sight.surface.shape, np.int8)
    rows, columns = np.nonzero(np.isfinite(points.distance))
    if rows.size:
        rays = shade.towards_sun(
            scene.bodies[planet],
            scene.casters[planet, planet],
            rows + block.rows.start,
            block.true[rows, columns],
            points.distance[rows, columns],
        )
        found["in_shadow"][rows, columns] = shade.hidden(rays)
    return found
