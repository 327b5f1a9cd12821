"""Backplanes of a dataset as a tree: a node for the sky, for each body and for the rings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import checks
from ..dataset import conventions, history, inputs, setups
from ..errors import ArgumentError
from ..geometry.los import LonDirection, target_name
from ..instrument.channel import Optics
from ..instrument.detector import Bins
from ..kernels import choose
from ..kernels.bodies import named
from ..kernels.session import LOCK
from ..numerics import sphere
from . import blocks, body, smear
from .instants import RULE, shares
from .registry import DIMS, LABELLED, NODES, POINTS, UNKNOWN, Plane
from .scene import Scene, read

#: Coordinates of the dataset that all nodes share, and their dimension.
_SHARED = {
    **dict.fromkeys(("pic", "time", "time_start", "time_stop", "exposure", "product"), "pic"),
    **dict.fromkeys(("pixel", "line"), "pixel"),
}

#: Attributes of a dataset that are not those of its backplanes.
_NOT_KEPT = ("title", "kernels", "geometry_target", "target_radii", "lon_direction", "tangent")


@history.step("backplanes")
def backplanes(
    ds: xr.Dataset,
    kernels: str | Path | Iterable[str | Path] | None = None,
    bodies: str | Iterable[str] = "auto",
    times: float | str | Iterable[float | str] = ("start", "mid", "stop"),
    lon_direction: LonDirection = "west",
    optics: Optics | None = None,
    pixels_per_subsample: float = smear.SPACING,
) -> xr.DataTree:
    """Compute what every pixel sees of every body and of the rings, at times in each exposure.

    Light time, aberration and rotation are as in `geometry`, ray by ray; so are the fields that
    both have. The page on backplanes in the documentation defines every field, and so does the
    attribute `comment` of each variable.

    Kernels are loaded once; exposures are worked on in blocks, so that little memory is needed
    beside the result.

    Parameters
    ----------
    ds : Dataset
        From `uvisxr.open_product`, or after any later step or selection.
    kernels : path or iterable of paths, optional
        As for `geometry`; of folders, the files of all planets and moons that they hold.
    bodies : "auto", str or iterable of str
        Bodies to have nodes of, beside Saturn. By default the dataset's target, and all planets and
        moons whose disk comes within 10 mrad of the slit during an exposure.
    times : iterable of str or float, or int
        Times in each exposure: "start", "mid", "stop", or shares of it from 0 to 1; as one whole
        number, how many times from start to stop; or "rule": as many as `uvisxr.fits.subsampling`
        asks for by how far the slit moves in the exposure in which it moves most.
    lon_direction : {"west", "east"}
        Direction in which longitudes on bodies increase.
    optics : {"telescope", "solar_port"}, optional
        What the light came in through. Default: the dataset's attribute `optics`, or,
        where that is lost, what its `setup` tells.
    pixels_per_subsample : float
        With "rule", the distance of neighbouring instants, pixels.

    Returns
    -------
    DataTree
        `/sky`, one node for each body, such as `/saturn`, and `/rings`, those of Saturn, or of the
        planet that is the target. Fields of lines of sight are (pic, pixel, instant, point), with
        the pixel's centre and its corners along `point`; others (pic, instant). Bodies whose place,
        shape or rotation the kernels lack have no node.

    Raises
    ------
    ArgumentError
        An argument has a wrong value, or SPICE does not know a body.
    KernelError
        Kernels are missing, unreadable, or lack the constants of a body that is named or the
        instrument's frame.
    CoverageError
        The kernels do not cover the positions of the spacecraft, the Sun or a body that is named.

    Warns
    -----
    UvisWarning
        Some instants have no pointing or no positions, so their fields are NaN, and flags -1,
        unknown; or the kernels do not place Saturn, and what it hides and shades is unknown.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> tree = made.open().uvis.backplanes(kernels=made.kernels, times=("start", "stop"))
    >>> list(tree.children)
    ['sky', 'saturn', 'titan', 'rings']
    >>> tree["titan/alt"].dims
    ('pic', 'pixel', 'instant', 'point')
    >>> tree["titan/resolution_along"].attrs["units"]
    'km pixel-1'
    """
    checks.choice("lon_direction", lon_direction, LonDirection)
    if optics is None:
        optics = setups.optics(ds)
    checks.choice("optics", optics, Optics)
    wanted = _wanted(bodies)
    target = target_name(ds, None) if "target" in ds.attrs else ""
    spacing = checks.number("pixels_per_subsample", pixels_per_subsample, "pixels", above=0)
    bins = Bins.of(ds)
    instrument = (str(ds.attrs["channel"]), str(ds.attrs["slit"]), optics)
    if isinstance(times, str) and times == RULE:
        times = smear.asked(_instants(ds, np.array([0.0, 1.0])), bins, instrument, kernels, spacing)
    when, labels = shares(times)
    et = _instants(ds, when)
    scene = read(et, bins, instrument, kernels, target, wanted)
    # What is far behind the spacecraft, or without pointing, has no angles.
    with np.errstate(invalid="ignore", divide="ignore"):
        nodes = _nodes(scene, bins, int(np.argmin(abs(when - 0.5))), lon_direction)
    attrs = _attributes(ds, scene, lon_direction, optics)
    files = [path for path in choose.given(kernels) if path.is_file()]
    found = {
        path: history.used(node, scene.kernels)
        for path, node in _assembled(ds, nodes, scene, labels, attrs).items()
    }
    for node in found.values():
        inputs.mark(node, files)
    return xr.DataTree.from_dict(found)


def _wanted(bodies: object) -> list[str] | None:
    """SPICE's names of the bodies that are asked for, each once; None for those in view."""
    if isinstance(bodies, str):
        if bodies == "auto":
            return None
        bodies = [bodies]
    expected = '"auto", or names of bodies that SPICE knows, such as "TITAN"'
    if not isinstance(bodies, Iterable) or isinstance(bodies, bytes) or checks.too_many(bodies):
        raise checks.refused("bodies", bodies, expected)
    names = []
    for one in bodies:
        try:
            if not isinstance(one, str):
                raise ArgumentError("no text")
            with LOCK:
                names.append(named(one)[0])
        except ArgumentError:
            raise checks.refused("bodies", one, expected) from None
    return list(dict.fromkeys(names))


def _instants(ds: xr.Dataset, when: np.ndarray) -> np.ndarray:
    """TDB s past J2000, (pic, instant)."""
    middle, exposure = (np.atleast_1d(ds[name].values).astype(float) for name in ("et", "exposure"))
    et: np.ndarray = middle[:, None] + exposure[:, None] * (when - 0.5)
    return et


def _nodes(
    scene: Scene, bins: Bins, middle: int, lon_direction: LonDirection
) -> dict[str, dict[str, xr.Variable]]:
    """Variables by node; `middle` is the instant nearest to mid-exposure."""
    widths = np.stack(
        [
            bins.n_line * scene.slit.row,
            np.full(bins.n_line.shape, 2 * scene.slit.half_width),
        ],
        axis=-1,
    )
    planet = _ring_planet(scene)
    tables: dict[str, dict[str, Any]] = dict(blocks.compute(scene, planet, widths))
    tables["sky"] |= {"et": scene.et, "slit_angle": _slit_angle(scene.attitude)}
    nearest = np.arange(scene.shape[0]) * scene.shape[1] + middle
    for name in scene.nodes:
        seen = scene.bodies[name]
        tables[name] |= body.instant_fields(seen, scene.slit.pitch)
        tables[name] |= body.body_fields(seen, scene.slit, nearest)
    meanings = " ".join(["unknown", "none", *map(_node, scene.bodies)])
    found = {}
    for node, table in tables.items():
        planes = NODES.get(node, NODES["body"])
        found[_node(node)] = {
            name: _variable(planes[name], table[name], scene.shape, lon_direction)
            for name in planes
        }
    found["sky"]["front"].attrs |= {
        "flag_values": np.arange(UNKNOWN, len(scene.bodies) + 1, dtype=np.int8),
        "flag_meanings": meanings,
    }
    return found


def _node(name: str) -> str:
    """Name of a body's node."""
    return name.lower().replace(" ", "_")


def _ring_planet(scene: Scene) -> str | None:
    """The planet whose rings have a node: the first, other than Saturn if that is the target."""
    ringed = [name for name in scene.nodes if scene.bodies[name].body.ringed]
    target = [name for name in ringed if name != "SATURN"]
    return next(iter([*target, *ringed]), None)


def _slit_angle(attitude: np.ndarray) -> np.ndarray:
    """Position angle of the direction in which rows are counted, degrees, (n,)."""
    along, away = attitude[..., 1], attitude[..., 2]
    ra = sphere.longitude(away)
    east = sphere.east(ra)
    north = np.cross(away, east)
    return sphere.wrap(np.rad2deg(np.arctan2(sphere.dot(along, east), sphere.dot(along, north))))


def _variable(
    plane: Plane, values: Any, shape: tuple[int, int], lon_direction: LonDirection
) -> xr.Variable:
    """A variable of values (pic, pixel, instant, point), (n,), (n, axis) or ()."""
    array = np.asarray(values)
    if plane.directed and lon_direction == "west":
        # As from 0 up to 360 they are already: in place, as there are many.
        np.subtract(360.0, array, out=array)
        array[array == 360.0] = 0.0
    if plane.kind in ("instant", "vector"):
        array = array.reshape(*shape, *array.shape[1:])
    if plane.units == "1":
        array = array.astype(np.int8) if plane.flag or plane.name == "front" else array
    unknown = plane.flag and bool((array < 0).any())
    return xr.Variable(DIMS[plane.kind], array, plane.attributes(lon_direction, unknown))


def _attributes(
    ds: xr.Dataset, scene: Scene, lon_direction: LonDirection, optics: Optics
) -> dict[str, Any]:
    kept = {name: value for name, value in ds.attrs.items() if name not in _NOT_KEPT}
    name, target = (str(ds.attrs.get(key, "")) for key in ("name", "target"))
    of = f" of {target}" if target else ""
    return kept | {
        "title": f"{f'Cassini/UVIS {name}'.strip()}: backplanes{of}",
        "kernels": ", ".join(path.name for path in scene.kernels),
        "bodies": " ".join(map(_node, scene.nodes)),
        "lon_direction": lon_direction,
        "optics": optics,
        "Conventions": conventions.CONVENTIONS,
    }


def _assembled(
    ds: xr.Dataset,
    nodes: dict[str, dict[str, xr.Variable]],
    scene: Scene,
    labels: list[str] | np.ndarray,
    attrs: dict[str, Any],
) -> dict[str, xr.Dataset]:
    """The nodes of the tree, with what all share in its root."""
    coords: dict[str, Any] = {
        name: ds.variables[name].drop_encoding() for name in _SHARED if name in ds.variables
    }
    coords = {
        name: variable if variable.ndim else variable.expand_dims(_SHARED[name])
        for name, variable in coords.items()
    }
    coords |= {
        dim: xr.Variable(dim, values, {"long_name": LABELLED[dim]})
        for dim, values in (("instant", labels), ("point", list(POINTS)))
    }
    own = {_node(name): scene.bodies[name].body for name in scene.nodes}
    tree = {"/": xr.Dataset(coords=coords, attrs=attrs)}
    for node, variables in nodes.items():
        about: dict[str, Any] = {}
        if node in own:
            about = {"body": own[node].name, "naif_id": own[node].code}
            about["radii"] = own[node].radii.tolist()
        elif node == "rings":
            about = {"body": _ring_planet(scene)}
        tree[f"/{node}"] = xr.Dataset(variables, attrs=about)
    return tree
