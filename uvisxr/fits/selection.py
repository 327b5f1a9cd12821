"""The part of a tree of backplanes that is of a dataset's exposures and pixels.

Fields along these are cut out. What there is one value of, the place of a body among exposures and
pixels, and whether its disk is all inside, is that of the window that is left.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..backplanes.registry import NODES, UNKNOWN
from ..errors import ArgumentError
from .alike import MEND, check_lines, check_made, check_sky

#: Indices of a node's exposures and pixels, by dimension.
_Kept = dict[str, np.ndarray]


def part(tree: xr.DataTree, ds: xr.Dataset) -> xr.DataTree:
    """The tree for the exposures and pixels of a dataset, with instants in order of time.

    Where a body's centre crosses the slit in an exposure that is left out, its place is missing.
    `inside` is unknown where exposures that see the disk are left out, unless it is cut off by the
    ends of the slit, too.

    Raises
    ------
    ArgumentError
        It is a tree of other exposures or pixels, or of pixels that look elsewhere.
    """
    check_made(tree.attrs, ds)
    order = _in_time(tree)
    nodes = {}
    for path, node in tree.subtree_with_keys:
        own, name = node.to_dataset(), path.strip(".")
        kept = _kept(own, ds, f"backplanes: /{name}")
        cut = own.isel(kept)
        check_lines(cut, ds, f"backplanes: /{name}")
        if any(not np.array_equal(at, np.arange(own.sizes[dim])) for dim, at in kept.items()):
            cut = cut.assign(_placed(own, kept))
        if order is not None and "instant" in cut.dims:
            if cut.sizes["instant"] != order.size:
                raise ArgumentError(
                    f"backplanes: /{name} has {cut.sizes['instant']} instants, /sky {order.size}: "
                    f"{MEND}"
                )
            cut = cut.isel(instant=order)
        nodes[f"/{name}"] = cut
    if "/sky" in nodes:
        check_sky(nodes["/sky"], ds)
    return _rooted(nodes)


def _rooted(nodes: dict[str, xr.Dataset]) -> xr.DataTree:
    """A tree with the coordinates of all its dimensions in the root alone, as files have it."""
    shared = {
        dim: node.variables[dim]
        for node in nodes.values()
        for dim in ("pic", "pixel", "instant", "point")
        if dim in node.indexes
    }
    own = {path: node.drop_vars(shared, errors="ignore") for path, node in nodes.items()}
    own["/"] = own["/"].assign_coords(shared)
    return xr.DataTree.from_dict(own)


def _in_time(tree: xr.DataTree) -> np.ndarray | None:
    sky = tree["sky"].to_dataset() if "sky" in tree.children else xr.Dataset()
    if "et" not in sky or set(sky["et"].dims) != {"pic", "instant"} or not sky.sizes["pic"]:
        return None
    order: np.ndarray = np.argsort(sky["et"].isel(pic=0).values, kind="stable")
    return order


def _kept(node: xr.Dataset, ds: xr.Dataset, where: str) -> _Kept:
    """Which exposures and pixels of a node are those of the dataset, in the dataset's order."""
    kept: _Kept = {}
    for dim in ("pic", "pixel"):
        if dim not in node.dims:
            continue
        own, wanted = node.indexes.get(dim), ds.indexes.get(dim)
        if own is not None and wanted is not None and not own.equals(wanted):
            if not own.is_unique:
                raise ArgumentError(
                    f"{where} has some numbers of {dim} more than once, as where products were "
                    f"joined, and the dataset has others: {MEND}"
                )
            at = own.get_indexer(wanted)
            if (at < 0).any():
                raise ArgumentError(f"{where} lacks some {dim} of the dataset: {MEND}")
            kept[dim] = at
            continue
        if node.sizes[dim] != ds.sizes[dim]:
            raise ArgumentError(
                f"{where} has {node.sizes[dim]} {dim}, the dataset {ds.sizes[dim]}: {MEND}"
            )
        kept[dim] = np.arange(node.sizes[dim])
    return kept


def _placed(node: xr.Dataset, kept: _Kept) -> dict[str, xr.DataArray]:
    """What a node says of the centre of a body and its disk, for the window that is left."""
    names = {"pic": "center_pic", "pixel": "center_pixel"}
    if set(kept) != set(names) or any(
        name not in node or node[name].ndim for name in names.values()
    ):
        return {}
    pic = _among(float(node["center_pic"]), kept["pic"])
    pixel = _along(float(node["center_pixel"]), kept["pixel"]) if np.isfinite(pic) else np.nan
    found = {"center_pic": pic, "center_pixel": pixel}
    placed = {name: node[name].copy(data=value) for name, value in found.items()}
    if "inside" in node and not node["inside"].ndim:
        flag = _inside(node, kept, pixel)
        attrs = NODES["body"]["inside"].attributes("", unknown=flag == UNKNOWN)
        placed["inside"] = xr.DataArray(np.int8(flag), attrs=attrs)
    return placed


def _among(place: float, at: np.ndarray) -> float:
    """A place between exposures by their new numbers; NaN unless both are there, side by side."""
    if not np.isfinite(place):
        return np.nan
    low, high = int(np.floor(place)), int(np.ceil(place))
    here = {old: new for new, old in enumerate(at.tolist())}
    if low not in here or abs(here.get(high, np.inf) - here[low]) != high - low:
        return np.nan
    return here[low] + (place - low) * (here[high] - here[low])


def _along(place: float, at: np.ndarray) -> float:
    """A place along the slit by the new numbers of the pixels, which are neighbours."""
    step = int(at[1] - at[0]) if at.size > 1 else 1
    return float((place - at[0]) * step)


def _inside(node: xr.Dataset, kept: _Kept, centre: float) -> int:
    """The flag whether the disk is all inside of what is left."""
    if np.isfinite(centre) and not -0.5 <= centre <= kept["pixel"].size - 0.5:
        return 0
    if "ray_height" not in node:
        return UNKNOWN
    # At the instant nearest to mid-exposure, as of the whole.
    height = node["ray_height"].variable.transpose("pic", "pixel", "instant", "point")
    seen = (height.values[:, :, height.sizes["instant"] // 2] == 0).any(axis=-1)
    if np.delete(seen[kept["pic"]], kept["pixel"], axis=1).any():
        return 0
    was = np.nan_to_num(float(node["inside"]), nan=UNKNOWN)
    return UNKNOWN if np.delete(seen, kept["pic"], axis=0).any() else int(was)
