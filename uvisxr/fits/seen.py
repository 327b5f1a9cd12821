"""A tree of backplanes from the geometry that a dataset has: of one body, at its own instants.

What `ds.uvis.geometry` does not give is left out, and is undefined in the file.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..dataset.fields import CORNERS
from ..errors import ArgumentError
from . import layout

#: Fields of the tree by their names in a dataset, where these differ.
_OF_BODY = {
    "target_ra": "center_ra",
    "target_dec": "center_dec",
    "target_phase": "center_phase",
}

#: Part of an exposure by which instants may lie elsewhere, and be the same.
_NEAR = 1e-6

_ORDER = ("pic", "pixel", "instant", "point")

_SKY = ("ra", "dec")
_ALIKE = (
    *("lon", "lat", "lat_graphic", "lt", "ems", "sza", "phase"),
    *("sc_lon", "sc_lat", "sc_alt", "sc_lt", "sub_solar_lon", "sub_solar_lat"),
)
_RINGS = (
    *("ring_radius", "ring_longitude", "ring_emission", "ring_incidence", "ring_phase"),
    "ring_in_front",
)


def tree(ds: xr.Dataset) -> xr.DataTree:
    """Backplanes of a dataset's own geometry.

    Parameters
    ----------
    ds : Dataset
        With `et` and `exposure`, and the fields of `ds.uvis.geometry` as far as there are any.

    Returns
    -------
    DataTree
        At the instants of the geometry, and at start and end, where all but the time is NaN. Nodes
        `sky`, that of the target, and `rings`.

    Raises
    ------
    ArgumentError
        The geometry is of times that differ from exposure to exposure.
    """
    et = xr.Variable("pic", ds["et"].values.astype(float))
    exposure = xr.Variable("pic", ds["exposure"].values.astype(float))
    parts = _parts(ds, et, exposure)
    times = et + exposure * xr.Variable("instant", parts - 0.5)
    nodes = {"sky": xr.Dataset({"et": times, **_points(ds, _SKY)})}
    target = str(ds.attrs.get("geometry_target", ""))
    if target and "lat" in ds.variables:
        direction = ds.attrs.get("lon_direction", "west")
        attrs = {"body": target, "lon_direction": direction}
        nodes[layout.node_of(target)] = xr.Dataset(_body(ds), attrs=attrs)
    rings = _points(ds, _RINGS)
    if rings:
        if "ring_in_front" in rings:
            rings["in_front"] = rings.pop("ring_in_front")
        angles = {"solar_elevation": "ring_incidence", "sc_elevation": "ring_emission"}
        rings |= {name: 90.0 - rings[of] for name, of in angles.items() if of in rings}
        nodes["rings"] = xr.Dataset(rings)
    coords: dict[str, object] = {"instant": labels(parts), "point": ["center", *CORNERS]}
    coords |= {dim: ds[dim].values for dim in ("pic", "pixel") if dim in ds.indexes}
    used = {dim for node in nodes.values() for dim in node.dims}
    root = xr.Dataset(coords={dim: values for dim, values in coords.items() if dim in used})
    return xr.DataTree.from_dict({"/": root, **{f"/{name}": nodes[name] for name in nodes}})


def _body(ds: xr.Dataset) -> dict[str, xr.Variable]:
    fields = _points(ds, _ALIKE)
    centre = {name: of for of, name in _OF_BODY.items() if of in ds.variables}
    fields |= {name: _within(ds[of].variable) for name, of in centre.items()}
    if "lt" in fields:
        fields["hour_angle"] = fields["lt"] * 15.0
    if "alt" in ds.variables:
        # What meets the body is no distance from it.
        height = _points(ds, ("alt",))["alt"]
        fields["ray_height"] = height.copy(data=np.maximum(height.values, 0.0))
    return fields


def labels(parts: np.ndarray) -> list[str] | np.ndarray:
    """What instants are called: by name if they are these three, or by their part of the exposure.

    Parameters
    ----------
    parts : ndarray, (instant,)
        0 at the start of an exposure and 1 at its end.
    """
    even = np.linspace(0, 1, parts.size)
    if not (abs(parts - even) < _NEAR).all():
        return parts
    return list(layout.INSTANTS) if parts.size == len(layout.INSTANTS) else even


def _parts(ds: xr.Dataset, et: xr.Variable, exposure: xr.Variable) -> np.ndarray:
    """Parts of the exposure at which the file has instants: those of the geometry, start and end.

    Raises
    ------
    ArgumentError
        They differ from exposure to exposure.
    """
    if "geometry_et" not in ds.variables:
        return np.array([0.0, 0.5, 1.0])
    times = _sampled(ds["geometry_et"].variable)
    part = ((times - et) / exposure + 0.5).transpose("pic", "sample").values
    inside = part.size and part.min() > 0 and part.max() < 1
    if not inside or np.ptp(part, axis=0).max() > _NEAR:
        raise ArgumentError(
            "to_fits: the geometry is not of the same instants within each exposure: call "
            "ds.uvis.geometry() without times=, or give backplanes="
        )
    return np.concatenate([[0.0], np.round(part[0], 9), [1.0]])


def _points(ds: xr.Dataset, names: tuple[str, ...]) -> dict[str, xr.Variable]:
    """Fields with their corners, and those of exposures, by name."""
    found = {}
    for name in names:
        if name not in ds.variables:
            continue
        variable = ds[name].variable
        if "pixel" in variable.dims:
            corners = ds.variables.get(f"{name}_corners")
            if corners is None:
                shape = (*variable.shape, len(CORNERS))
                corners = xr.Variable((*variable.dims, "corner"), np.full(shape, np.nan))
            both = [variable] + [corners.isel(corner=k) for k in range(len(CORNERS))]
            variable = xr.Variable.concat(both, "point")
        found[name] = _within(variable)
    return found


def _sampled(variable: xr.Variable) -> xr.Variable:
    """A variable with the dimension `sample`."""
    if "sample" in variable.dims:
        return variable
    whole: xr.Variable = variable.set_dims({"sample": 1, **variable.sizes})
    return whole


def _within(variable: xr.Variable) -> xr.Variable:
    """A field with the dimension of instants: NaN at the start and the end."""
    whole = _sampled(variable).astype(float).pad(sample=1, constant_values=np.nan)
    dims = tuple("instant" if dim == "sample" else dim for dim in whole.dims)
    named = xr.Variable(dims, whole.values, variable.attrs)
    return named.transpose(*(dim for dim in _ORDER if dim in dims))
