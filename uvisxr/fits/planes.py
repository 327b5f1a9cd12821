"""The geometry tables of a file from the tree of backplanes, and the tree from the tables.

The tree has the dimensions (pic, pixel, instant, point), a cell of a table (NT, NZ, NY, 5) as numpy
counts them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Set
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..backplanes import registry
from ..backplanes.inview import MARGIN
from ..backplanes.smear import LEAST
from ..dataset.fields import CORNERS
from ..errors import ArgumentError
from . import columns as of_columns
from . import layout
from .alike import MEND
from .layout import POINTS, Column

#: Nodes of the tree that are no bodies, and the table that holds each.
_GENERAL, _RINGS = "sky", "rings"

#: The body that is always in SC_GEOM.
_ALWAYS = "SATURN"

#: Pixels across from which on a body counts as resolved, and may have backplanes.
RESOLVED = 1.0

#: Fields that count east where a tree's `lon_direction` says so; the files count west.
_DIRECTED = frozenset({"lon", "sc_lon", "sub_solar_lon", "ram_lon"})

#: Logical bytes.
TRUE, FALSE, UNKNOWN = ord("T"), ord("F"), 0

#: Part of an exposure by which instants may lie beside those of the others, or its ends.
_SLACK = 1e-3

#: Points of a pixel in the order of the tree.
IN_TREE = ("center", *CORNERS)

_DIMS = {
    "points": ("instant", "pic", "pixel", "point"),
    "times": ("instant", "pic"),
}


@dataclass(frozen=True)
class Sizes:
    """Numbers of exposures, pixels along the slit, and instants: NZ, NY, NT."""

    pic: int
    pixel: int
    instant: int

    def cell(self, column: Column) -> tuple[int, ...]:
        """Shape of a column's cells, as numpy counts."""
        if column.cell == "points":
            return self.instant, self.pic, self.pixel, len(POINTS)
        return (self.instant, self.pic) if column.cell == "times" else ()


def selected(backplanes: xr.DataTree, ds: xr.Dataset) -> dict[str, xr.Dataset]:
    """The nodes by name of a tree that is of a dataset's exposures and pixels.

    Raises
    ------
    ArgumentError
        It is no tree of backplanes, or one of other times, or has fewer than three instants.
    """
    if _GENERAL not in backplanes.children:
        raise ArgumentError(f"backplanes: it is no tree with a node /{_GENERAL}: {MEND}")
    nodes = {
        name: _ordered(node.to_dataset().assign_attrs(_attrs(backplanes, node)), name)
        for name, node in backplanes.children.items()
    }
    sky = nodes[_GENERAL]
    if "et" not in sky or set(sky["et"].dims) != {"pic", "instant"}:
        raise ArgumentError(f"backplanes: /{_GENERAL} has no et (pic, instant): {MEND}")
    if sky.sizes["instant"] < LEAST:
        raise ArgumentError(
            f"backplanes: {sky.sizes['instant']} instants of each exposure, and a file has at "
            f"least {LEAST}: call ds.uvis.backplanes(times={layout.INSTANTS})"
        )
    part = _parts(sky["et"].variable, ds)
    if not (abs(part - part[0]) < _SLACK).all() or part.min() < -_SLACK or part.max() > 1 + _SLACK:
        raise ArgumentError(f"backplanes: its times are not those of the exposures: {MEND}")
    if abs(part.min(axis=1)).max() > _SLACK or abs(part.max(axis=1) - 1).max() > _SLACK:
        raise ArgumentError(
            "backplanes: its instants do not go from start to end of the exposures, as those of a "
            f"file do: call ds.uvis.backplanes(times={layout.INSTANTS})"
        )
    return nodes


def _parts(et: xr.Variable, ds: xr.Dataset) -> np.ndarray:
    """Times as parts of the exposures, (pic, instant)."""
    middle, exposure = (xr.Variable("pic", ds[name].values) for name in ("et", "exposure"))
    found: np.ndarray = ((et - middle) / exposure + 0.5).transpose("pic", "instant").values
    return found


def _attrs(root: xr.DataTree, node: xr.DataTree) -> dict[str, object]:
    kept = {k: v for k, v in root.attrs.items() if k in ("lon_direction", "kernels")}
    return {str(key): value for key, value in (kept | dict(node.attrs)).items()}


def _ordered(node: xr.Dataset, name: str) -> xr.Dataset:
    """A node with its points in the order of the files."""
    if "point" in node.dims:
        names = [str(name) for name in node["point"].values]
        if not set(POINTS) <= set(names):
            raise ArgumentError(
                f"backplanes: /{name} lacks some of the points {', '.join(POINTS)}: {MEND}"
            )
        node = node.isel(point=[names.index(name) for name in POINTS])
    return node


def tables(nodes: Mapping[str, xr.Dataset], pixels: int, target: str = "") -> dict[str, np.ndarray]:
    """The geometry tables by EXTNAME.

    Parameters
    ----------
    nodes : mapping of str to Dataset
        As of `selected`.
    pixels : int
        Along the slit.
    target : str
        Name of the target, which counts as in view.

    Returns
    -------
    dict of str to ndarray
        Rows, with the fields of `layout.TABLES`, big-endian.
    """
    sky = nodes[_GENERAL]
    sizes = Sizes(sky.sizes["pic"], pixels, sky.sizes["instant"])
    bodies = {
        _name(key, node): node for key, node in nodes.items() if key not in (_GENERAL, _RINGS)
    }
    if _ALWAYS not in bodies:
        bodies[_ALWAYS] = xr.Dataset()
    seen = {
        name: node
        for name, node in bodies.items()
        if is_resolved(node) and (name == target or is_near(node))
    }
    rings = nodes.get(_RINGS)
    # Without rings each cell is a single NaN.
    own, of = (xr.Dataset(), None) if rings is None else (rings, sizes)
    return {
        "SC_GEOM": _rows(layout.SC_GEOM, bodies, sizes),
        "BODY_GEOM": _rows(layout.BODY_GEOM, seen, sizes),
        "GENERAL_GEOM": _rows(layout.GENERAL_GEOM, {"": sky}, sizes),
        "RING_GEOM": _rows(layout.RING_GEOM, {"": own}, of),
    }


def is_resolved(node: xr.Dataset) -> bool:
    """Whether a body is a pixel or more across, as far as that is known."""
    if "lat" not in node:
        return False
    across = node["diameter"].values if "diameter" in node else np.array(np.nan)
    return not np.isfinite(across).any() or bool(np.nanmax(across) >= RESOLVED)


def is_near(node: xr.Dataset) -> bool:
    """Whether a line of sight meets a body or passes it within 10 mrad, as far as that is known."""
    if not {"ray_height", "distance"} <= set(node.variables):
        return True
    height, distance = node["ray_height"].values, node["distance"].values
    with np.errstate(invalid="ignore"):
        return bool(((distance > 0) & (height <= MARGIN * distance)).any())


def _name(key: str, node: xr.Dataset) -> str:
    return str(node.attrs.get("body") or key.replace("_", " ")).upper()


def dtype(columns: Iterable[Column], sizes: Sizes | None) -> np.dtype[np.void]:
    """That of a table's rows; without sizes every cell is one number."""
    kinds = {"E": ">f4", "D": ">f8", "L": "u1"}
    return np.dtype(
        [
            (c.name, f"S{c.width}" if c.letter == "A" else kinds[c.letter], _shape(c, sizes))
            for c in columns
        ]
    )


def _shape(column: Column, sizes: Sizes | None) -> tuple[int, ...]:
    return () if sizes is None else sizes.cell(column)


def _rows(
    columns: tuple[Column, ...], nodes: Mapping[str, xr.Dataset], sizes: Sizes | None
) -> np.ndarray:
    rows = np.zeros(len(nodes), dtype(columns, sizes))
    for k, (name, node) in enumerate(nodes.items()):
        for column in columns:
            shape = _shape(column, sizes)
            if column.letter == "A":
                rows[column.name][k] = name.encode("ascii", "replace")
            elif column.letter == "L":
                rows[column.name][k] = _logical(_values(node, column, shape))
            else:
                rows[column.name][k] = _values(node, column, shape)
    return rows


def _values(node: xr.Dataset, column: Column, shape: tuple[int, ...]) -> np.ndarray:
    """A field of a node in the shape of a cell; NaN where the node does not have it."""
    if column.field not in node:
        return np.full(shape, np.nan)
    found = node[column.field].variable
    if column.axis is not None:
        found = found.isel(axis=column.axis)
    if column.cell == "one":
        # At mid-time, as the layout has it.
        found = found.isel({dim: size // 2 for dim, size in found.sizes.items()})
        values = np.asarray(found.values, float)
    else:
        dims = _DIMS[column.cell]
        sizes = dict(zip(dims, shape, strict=True))
        values = found.set_dims(sizes).transpose(*dims).values
    if column.field in _DIRECTED and node.attrs.get("lon_direction") == "east":
        values = _turned(np.asarray(values, float))
    return values


def _turned(lon: np.ndarray) -> np.ndarray:
    """Longitudes counted the other way, degrees."""
    turned: np.ndarray = np.mod(-lon, 360.0)
    return turned


def as_counted(tree: xr.DataTree) -> xr.DataTree:
    """The tree of a file, which counts longitudes west, as its attribute `lon_direction` says."""
    nodes = {}
    for path, node in tree.subtree_with_keys:
        own = node.to_dataset(inherit=False)
        if _attrs(tree, node).get("lon_direction") == "east":
            east = {}
            for name in _DIRECTED & set(map(str, own.data_vars)):
                known = next(fields[name] for fields in registry.NODES.values() if name in fields)
                values = _turned(own[name].values)
                east[name] = own[name].dims, values, known.attributes("east")
            own = own.assign(east)
        nodes[f"/{path.strip('.')}"] = own
    return xr.DataTree.from_dict(nodes)


def _logical(values: np.ndarray) -> np.ndarray:
    # Flags are -1 where they are unknown.
    known = values.astype(float) >= 0
    return np.where(known, np.where(np.nan_to_num(values) != 0, TRUE, FALSE), UNKNOWN)


def tree(
    tables: Mapping[str, Mapping[str, np.ndarray]],
    sizes: Sizes,
    labels: object,
    blank: Mapping[str, Set[str]] | None = None,
) -> xr.DataTree:
    """The tree of backplanes of the geometry tables of a file.

    Parameters
    ----------
    tables : mapping of str to mapping of str to ndarray
        By EXTNAME and TTYPE, (row, ...); names as text.
    sizes : Sizes
    labels : list of str or ndarray
        Of the instants.
    blank : mapping of str to set of str, optional
        Of a file of ours, the fields by node that are unknown everywhere, but there. Other writers
        fill with zeros what they do not know.

    Returns
    -------
    DataTree
        With the nodes that the tables have rows and columns for; fields of other drafts too, those
        that are not known by their names in small letters.
    """
    nodes: dict[str, xr.Dataset] = {}
    for extension, columns in tables.items():
        known = {column.name: column for column in layout.TABLES.get(extension, ())}
        names = [str(name).strip() for name in columns.get("NAME", [])]
        count = max((len(values) for values in columns.values()), default=0)
        for row in range(count):
            one = {name: values[row] for name, values in columns.items() if name != "NAME"}
            key = {"GENERAL_GEOM": _GENERAL, "RING_GEOM": _RINGS}.get(extension)
            if key is None:
                if row >= len(names) or not names[row]:
                    continue
                key = layout.node_of(names[row])
            elif row:
                break
            fields = _fields(
                extension, one, known, sizes, None if blank is None else blank.get(key, ())
            )
            if not fields:
                continue
            own = nodes.get(key, xr.Dataset())
            if key not in (_GENERAL, _RINGS):
                own = own.assign_attrs(body=names[row])
            nodes[key] = own.assign(fields)
    order = sorted(nodes, key=lambda key: (key != _GENERAL, key == _RINGS))
    return joined({key: nodes[key] for key in order}, labels)


def joined(nodes: Mapping[str, xr.Dataset], labels: object) -> xr.DataTree:
    """A tree of nodes with the points in the order of the file: in its own, with coordinates."""
    found = {
        f"/{key}": node.isel(point=[POINTS.index(name) for name in IN_TREE], missing_dims="ignore")
        for key, node in nodes.items()
    }
    dims = {str(dim) for node in nodes.values() for dim in node.dims}
    coords = {
        dim: xr.Variable(dim, values, {"long_name": registry.LABELLED[dim]})
        for dim, values in (("instant", labels), ("point", list(IN_TREE)))
        if dim in dims
    }
    root = xr.Dataset(coords=coords)
    return xr.DataTree.from_dict({"/": root, **found})


def _fields(
    extension: str,
    row: Mapping[str, np.ndarray],
    known: Mapping[str, Column],
    sizes: Sizes,
    blank: Container[str] | None,
) -> dict[str, xr.Variable]:
    whole = blank is not None
    found: dict[str, xr.Variable] = {}
    vectors: dict[str, dict[int, xr.Variable]] = {}
    for name, values in row.items():
        column = known.get(name)
        field, factor = (
            (column.field, 1.0)
            if column
            else layout.EARLIER.get((extension, name), (name.lower(), 1.0))
        )
        variable = _variable(values, sizes)
        if variable is None or (
            _is_unfilled(variable, name, whole) and not (blank is not None and field in blank)
        ):
            continue
        if column is not None and column.letter == "L":
            flags = np.nan_to_num(variable.values.astype(float), nan=registry.UNKNOWN)
            variable = variable.copy(data=flags.astype(np.int8))
        if factor != 1.0:
            variable = variable * factor
        if column is not None:
            variable.attrs = of_columns.attributes(extension, column, variable.values)
        if column is not None and column.axis is not None:
            vectors.setdefault(field, {})[column.axis] = variable
        else:
            found[field] = variable
    if not whole and not any(v.dtype.kind == "f" or v.values.any() for v in found.values()):
        # Flags that are all down, and nothing else, are zeros as well.
        found = {}
    for field, parts in vectors.items():
        if set(parts) == {0, 1, 2}:
            three = xr.Variable.concat([parts[k] for k in range(3)], "axis")
            found[field] = three.transpose(..., "axis")
    return found


def _variable(values: np.ndarray, sizes: Sizes) -> xr.Variable | None:
    """A cell as a variable of the tree; None for text, and for what is no cell of these sizes."""
    shapes = {
        (sizes.instant, sizes.pic, sizes.pixel, len(POINTS)): _DIMS["points"],
        (sizes.instant, sizes.pic): _DIMS["times"],
        (): (),
    }
    values = np.asarray(values)
    if values.dtype.kind not in "fiub" or values.shape not in shapes:
        return None
    dims = shapes[values.shape]
    order = tuple(dim for dim in ("pic", "pixel", "instant", "point") if dim in dims)
    return xr.Variable(dims, values).transpose(*order)


def _is_unfilled(variable: xr.Variable, name: str, whole: bool) -> bool:
    """Whether a column says nothing: NaN everywhere, or zeros of another writer."""
    values = variable.values
    if values.dtype.kind != "f":
        return False
    # A ray that meets the body is 0 km above it.
    zeros = not whole and name != "RAYHEIGHT" and not values.any()
    return bool(np.isnan(values).all()) or (zeros and values.size > 0)
