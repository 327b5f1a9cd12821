"""Trees of backplanes with all nodes and fields, of random values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

POINTS = ("center", "lower_left", "lower_right", "upper_right", "upper_left")

#: Where the points of a pixel of a tenth of a degree are from its centre, right and up, degree.
_CORNERS = np.array([(0, 0), (-1, -1), (1, -1), (1, 1), (-1, 1)]).T * 0.05

_OF_RAYS = (
    *(
        "lon",
        "lat",
        "lat_graphic",
        "alt",
        "sza",
        "phase",
        "ems",
        "lt",
        "tangent_lon",
        "tangent_alt",
    ),
    *("distance", "resolution_along", "resolution_across", "hour_angle", "ray_height"),
)
_OF_TIMES = (
    *("sc_lon", "sc_lat", "sc_lat_graphic", "sc_alt", "sc_lt", "sub_solar_lon", "sub_solar_lat"),
    *("sub_solar_lat_graphic", "ram_lon", "ram_lat", "ram_lat_graphic", "center_ra", "center_dec"),
    *("center_phase", "diameter", "planet_lt"),
)
_RINGS = (
    *("ring_radius", "ring_longitude", "ring_azimuth", "ring_hour_angle", "ring_distance"),
    *("ring_emission", "ring_incidence", "ring_phase", "solar_elevation", "sc_elevation"),
    *("edge_on_radius", "edge_on_elevation"),
)


def backplanes(
    ds: xr.Dataset,
    bodies: Sequence[str] = ("saturn", "titan"),
    times: Sequence[str] | Sequence[float] = ("start", "mid", "stop"),
    rings: bool = True,
    seed: int = 0,
) -> xr.DataTree:
    """A tree as `ds.uvis.backplanes` returns it, of a dataset's exposures and pixels.

    Numbers are different everywhere; flags are 0 and 1, longitudes 0 to 360. The sky is the
    dataset's, if it has one.
    """
    rng = np.random.default_rng(seed)
    parts = np.array([{"start": 0.0, "mid": 0.5, "stop": 1.0}.get(t, t) for t in times], float)
    shape = {
        "pic": ds.sizes["pic"],
        "pixel": ds.sizes["pixel"],
        "instant": len(times),
        "point": len(POINTS),
        "axis": 3,
    }

    def numbers(*dims: str, most: float = 360.0) -> xr.Variable:
        values = rng.uniform(0.01, most, [shape[dim] for dim in dims])
        return xr.Variable(dims, values, {"units": "1"})

    def flags() -> xr.Variable:
        values = rng.integers(0, 2, [shape[dim] for dim in ray]).astype(np.int8)
        return xr.Variable(ray, values, {"units": "1"})

    def apart(side: int) -> xr.Variable:
        return 1e-3 * numbers(*ray, most=1.0) + xr.Variable("point", _CORNERS[side])

    ray, time = ("pic", "pixel", "instant", "point"), ("pic", "instant")
    et = ds["et"].values[:, None] + ds["exposure"].values[:, None] * (parts - 0.5)
    looks = {"ra": 100.0, "dec": 20.0}
    for name in looks.keys() & ds.variables.keys():
        middle = (
            ds[name].isel(sample=ds.sizes.get("sample", 1) // 2, missing_dims="ignore").variable
        )
        looks[name] = middle.transpose("pic", "pixel")
    nodes = {
        "sky": xr.Dataset(
            {
                "et": (time, et),
                "ra": apart(0) + looks["ra"],
                "dec": apart(1) + looks["dec"],
                "slit_angle": numbers(*time),
                "front": (ray, rng.integers(0, 2, [shape[dim] for dim in ray]).astype(np.int8)),
            }
        )
    }
    for body in bodies:
        fields = {name: numbers(*ray) for name in _OF_RAYS}
        fields |= {name: numbers(*time) for name in _OF_TIMES}
        fields["diameter"] = fields["diameter"] + 1.0
        fields |= {name: flags() for name in ("behind_rings", "in_ring_shadow", "on_disk")}
        fields |= {
            name: numbers(*time, "axis", most=1e6) for name in ("sc_position", "sc_velocity")
        }
        fields |= {name: numbers() for name in ("center_pixel", "center_pic")}
        fields["inside"] = xr.Variable((), np.int8(1))
        nodes[body] = xr.Dataset(fields, attrs={"body": body.upper().replace("_", " ")})
    if rings:
        fields = {name: numbers(*ray) for name in _RINGS}
        fields |= {name: flags() for name in ("in_shadow", "in_front")}
        nodes["rings"] = xr.Dataset(fields, attrs={"body": "SATURN"})
    root = xr.Dataset(
        coords={
            "pic": ds["pic"].values,
            "pixel": ds["pixel"].values,
            "instant": list(times),
            "point": list(POINTS),
            "time": ("pic", ds["time"].values),
        },
        attrs={"kernels": "naif0012.tls, cas00172.tsc, sat.bsp", "lon_direction": "west"},
    )
    return xr.DataTree.from_dict({"/": root, **{f"/{name}": node for name, node in nodes.items()}})
