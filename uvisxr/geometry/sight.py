"""What lines of sight meet of one body: its surface, or else their tangent points."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from ..dataset.fields import SIGHTLINE, TANGENT
from . import ellipsoid
from .rays import Points, Rays, crossings, intercepts, surface_fields, tangents

#: Rays whose tangent point is higher, km, meet no surface at the epoch of an intercept either: the
#: two differ by less than a second.
_CLEAR = 100.0

#: Indices of no rays.
_NONE = (np.empty(0, np.intp), np.empty(0, np.intp))

#: Names of the fields that have a twin at the tangent point.
_TWINS = tuple(name for name, field in SIGHTLINE.items() if field.twin)


@dataclass(frozen=True)
class Sight:
    """What rays (n, m) meet of one body.

    Attributes
    ----------
    rays : Rays
    tangent : Points
        Their tangent points.
    altitude : ndarray, (n, m)
        Of these, km.
    surface : ndarray, (n, m)
        Distance of the first surface points, km; NaN where a ray misses the body.
    rows, columns : ndarray of int, (k,)
        The rays that meet it.
    hits : Points
        Their surface points, (k, 1).
    """

    rays: Rays
    tangent: Points
    altitude: np.ndarray
    surface: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    hits: Points

    @classmethod
    def of(cls, rays: Rays, kind: ellipsoid.TangentKind = "minimum") -> Sight:
        """What rays meet; `kind` of tangent points as in `uvisxr.geometry.ellipsoid.tangent`."""
        tangent, altitude = tangents(rays, kind)
        close = altitude < _CLEAR
        rows, columns = np.nonzero(close) if close.any() else _NONE
        hits = intercepts(rays.some(rows, columns))
        met = np.isfinite(hits.distance[:, 0])
        if not met.all():
            rows, columns, hits = rows[met], columns[met], hits.some(met)
        surface = np.full(altitude.shape, np.nan)
        surface[rows, columns] = hits.distance[:, 0]
        return cls(rays, tangent, altitude, surface, rows, columns, hits)

    @cached_property
    def hit(self) -> np.ndarray:
        """Whether each ray meets the body, bool (n, m)."""
        hit: np.ndarray = np.isfinite(self.surface)
        return hit

    @cached_property
    def distance(self) -> np.ndarray:
        """Distance of the surface points, or else of the tangent points, km, (n, m)."""
        if not self.rows.size:
            return self.tangent.distance
        return np.where(self.hit, self.surface, self.tangent.distance)

    @cached_property
    def crossings(self) -> Points:
        """Where rays cross the body's equator plane."""
        return crossings(self.rays)

    def points(self) -> Points:
        """The surface points, or else the tangent points."""
        if not self.rows.size:
            return self.tangent
        merged = []
        for field in fields(Points):
            values = getattr(self.tangent, field.name).copy(order="K")
            values[self.rows, self.columns] = getattr(self.hits, field.name)[:, 0]
            merged.append(values)
        return Points(*merged)

    def fields(self) -> dict[str, np.ndarray]:
        """The fields of `geometry` on a body, (n, m); longitudes east-positive."""
        below = surface_fields(self.rays.state, self.tangent)
        fields = dict(below)
        if self.rows.size:
            above = surface_fields(self.rays.state.part(self.rows), self.hits)
            for name, values in above.items():
                fields[name] = below[name].copy()
                fields[name][self.rows, self.columns] = values[:, 0]
        below["alt"] = fields["alt"] = self.altitude
        fields["on_disk"] = self.hit.astype(np.int8)
        return fields | {f"{TANGENT}{name}": below[name] for name in _TWINS}
