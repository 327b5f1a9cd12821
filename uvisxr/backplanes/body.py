"""The node of a body: what lines of sight meet of it, and how the spacecraft sees it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..geometry import ellipsoid
from ..geometry.rays import apparent, surface_fields
from ..geometry.sight import Sight
from ..geometry.subpoints import sub_solar, sub_spacecraft
from ..numerics import sphere
from .inview import Outlines, Slit, placed
from .scene import Seen


def ray_fields(
    sight: Sight, angles: np.ndarray, steps: Callable[[], np.ndarray]
) -> dict[str, np.ndarray]:
    """Fields of lines of sight (n, m), but for flags of other bodies; longitudes east-positive.

    Without those that are missing where no ray meets the body, if none does.

    Parameters
    ----------
    sight : Sight
    angles : ndarray, (2, m)
        Of each pixel along and across the slit, rad.
    steps : callable
        Gives unit vectors along and across the slit, at right angles to the rays, in the body's
        frame, (n, 2, m, 3).
    """
    fields = sight.fields()
    fields["distance"] = sight.distance
    fields["hour_angle"] = 15.0 * fields["lt"]
    fields["ray_height"] = np.maximum(sight.altitude, 0.0)
    if sight.rows.size:
        fields["ray_height"][sight.hit] = 0.0
    names = ("resolution_along", "resolution_across")
    for name, angle in zip(names, angles, strict=True):
        fields[name] = sight.distance * angle
    if sight.rows.size:
        at, vectors = (sight.rows, sight.columns), steps()
        for i, name in enumerate(names):
            size = np.full(sight.distance.shape, np.nan)
            size[at] = fields[name][at] * _stretch(sight, vectors[:, i])
            fields[f"{name}_foreshortened"] = size
    return fields


def _stretch(sight: Sight, steps: np.ndarray) -> np.ndarray:
    """How much longer steps are on the surface than at right angles to the rays, (k,)."""
    # The body turns by less than 1e-4 between its epochs at centre and point.
    step = steps[sight.rows, sight.columns]
    back, normal = sight.hits.backward[:, 0], sight.hits.normal[:, 0]
    share = sphere.dot(normal, step) / sphere.dot(normal, back)
    on_surface = step - share[:, None] * back
    stretch: np.ndarray = np.sqrt(sphere.dot(on_surface, on_surface))
    return stretch


def instant_fields(seen: Seen, pitch: float) -> dict[str, np.ndarray]:
    """Fields of the instants, (n,) or (n, 3); `pitch` is a pixel's angle along the slit, rad."""
    state, ephemeris = seen.state, seen.ephemeris
    below, noon = sub_spacecraft(state), sub_solar(state)
    at = surface_fields(state, below)
    centre, _ = apparent(sphere.unit(ephemeris.position), ephemeris.spacecraft_velocity)
    sun, _ = apparent(sphere.unit(ephemeris.sun), ephemeris.target_velocity)
    away = np.linalg.norm(ephemeris.position, axis=-1)
    radii = seen.body.radii
    return {
        **{f"sc_{name}": at[name][:, 0] for name in ("lon", "lat", "lat_graphic", "lt")},
        "sc_alt": below.distance[:, 0],
        "sub_solar_lon": sphere.longitude(noon)[:, 0],
        "sub_solar_lat": sphere.latitude(noon)[:, 0],
        "sub_solar_lat_graphic": _graphic(noon[:, 0], radii),
        "ram_lon": sphere.longitude(seen.ram),
        "ram_lat": sphere.latitude(seen.ram),
        "ram_lat_graphic": _graphic(seen.ram, radii),
        "center_ra": sphere.longitude(centre),
        "center_dec": sphere.latitude(centre),
        "center_phase": sphere.angle(sun, -centre),
        "sc_position": seen.craft[:, :3],
        "sc_velocity": seen.craft[:, 3:],
        "diameter": 2 * np.arcsin(np.minimum(radii[0] / away, 1.0)) / pitch,
        "planet_lt": seen.planet_lt,
    }


def _graphic(point: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Planetographic latitude of surface points in the direction of vectors (n, 3), degrees."""
    return sphere.latitude(ellipsoid.surface_normal(point, radii))


def body_fields(seen: Seen, slit: Slit, nearest: np.ndarray) -> dict[str, float | int]:
    """What there is one value of; `nearest` are the instants nearest to mid-exposure, (pic,)."""
    lines = seen.outlines
    middle = Outlines(lines.centre[nearest], lines.across[nearest], lines.along[nearest])
    return placed(middle, slit)
