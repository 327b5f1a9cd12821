"""Rays and points about a triaxial ellipsoid: pure numpy, any leading shape.

Vectors have shape (..., 3) in the body-fixed frame, km; `radii` are the three semi-axes, km, in any
order of size. Any memory layout will do, but as components are processed one at a time, arrays
whose component axis was moved from the front are fastest.

Minimum-altitude points and nearest points all come from one equation. The point of an ellipse or
ellipsoid nearest to p is q_i = a_i² p_i / (a_i² + t) with sum (q_i / a_i)² = 1 (Eberly 2013,
Distance from a Point to an Ellipse, an Ellipsoid, or a Hyperellipsoid). With y the vector q_i /
a_i, the function 1/|y|(t) is concave and increasing, so Newton's iteration on 1/|y| = 1 rises to
the root from any lower bound without overshooting (Moré & Sorensen 1983, Computing a trust region
step, SIAM J. Sci. Stat. Comput. 4, 553-572).

The altitude is the signed distance to the ellipsoid, negative inside. It is convex, so it has one
minimum along a line. There the normal is perpendicular to the line: the nearest surface point lies
on the silhouette, and its distance is that of a point from an ellipse in the plane perpendicular to
the line. The exceptions are lines through the medial disk, the inner part of the plane of the two
longer axes whose points have two nearest surface points, above and below: the altitude may have its
minimum there, at a kink.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from ..numerics.sphere import components, dot, joined, stacked, unit

#: Which point of a ray counts as its tangent point: that of minimum altitude, or the nearest to the
#: centre in the space in which the ellipsoid is a sphere.
TangentKind = Literal["minimum", "scaled"]

#: Maximum number of Newton steps; from the bounds used, 4 to 12 suffice for all but pathological
#: points.
_MAX_STEPS = 60

#: Tolerance on |y| = 1: 1e-9 km at Saturn, and second order in the altitude.
_TOLERANCE = 2e-14


class Nearest(NamedTuple):
    """The surface point nearest to a point.

    Attributes
    ----------
    normal : ndarray, (..., 3)
        Outward unit normal of the surface there.
    altitude : ndarray, (...)
        Signed distance of the point from the surface, km, negative inside.
    """

    normal: np.ndarray
    altitude: np.ndarray


class Tangent(NamedTuple):
    """The tangent point of a ray.

    Attributes
    ----------
    distance : ndarray, (...)
        From the ray's origin, km; 0 where the ray leads away from the body.
    altitude : ndarray, (...)
        Of the tangent point above the surface, km, negative inside.
    normal : ndarray, (..., 3)
        Outward unit normal of the surface point below the tangent point.
    """

    distance: np.ndarray
    altitude: np.ndarray
    normal: np.ndarray


def intercept(origin: np.ndarray, direction: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Distance along rays to the first surface point ahead.

    Parameters
    ----------
    origin, direction : ndarray, (..., 3)
        Start of the rays, km, and unit directions.
    radii : array_like, (3,)

    Returns
    -------
    ndarray, (...)
        km; NaN where a ray misses the body or leads away from it.
    """
    radii = np.asarray(radii, float)
    o, d = origin / radii, direction / radii
    dd = dot(d, d)
    along = -dot(o, d) / dd
    # The foot of the perpendicular from the centre keeps full precision from afar, unlike the
    # discriminant of the quadratic equation.
    foot = o + along[..., None] * d
    room = 1.0 - dot(foot, foot)
    half = np.sqrt(np.where(room >= 0, room, np.nan) / dd)
    near, far = along - half, along + half
    return np.where(near >= 0, near, np.where(far >= 0, far, np.nan))


def _on_unit_sphere(p: list[np.ndarray], a: list[np.ndarray]) -> list[np.ndarray]:
    """Map p's nearest surface point to the unit sphere: y_i = a_i p_i / (a_i² + t), |y| = 1.

    Two or three components; the last semi-axis is the shortest.
    """
    least = a[-1] * a[-1]
    e = [ai * ai - least for ai in a[:-1]]
    w = [ai * np.abs(pi) for ai, pi in zip(a, p, strict=True)]
    # The root tau = t + least lies above each of these bounds, and above 0.
    tau = np.sqrt(_total([wi * wi for wi in w])) - e[0]
    for wi, ei in zip(w, e, strict=False):
        np.maximum(tau, wi - ei, out=tau)
    np.maximum(tau, w[-1], out=tau)
    floor = 1e-15 * least
    np.maximum(tau, floor, out=tau)
    for _ in range(_MAX_STEPS):
        shifted = [*(ei + tau for ei in e), tau]
        y = [wi / si for wi, si in zip(w, shifted, strict=True)]
        squares = [yi * yi for yi in y]
        norm2 = _total(squares)
        norm = np.sqrt(norm2)
        excess = norm - 1.0
        # A negative excess is rounding, or a root below the floor: no further step can help.
        unfound = excess > _TOLERANCE
        if not unfound.any():
            break
        slope = _total([qi / si for qi, si in zip(squares, shifted, strict=True)])
        np.maximum(slope, 1e-300, out=slope)
        step = excess * norm2
        step /= slope
        # What others need does not change a point that has been found.
        step *= unfound
        tau += step
        np.maximum(tau, floor, out=tau)
    medial = excess < -1e-9
    if medial.any():
        # On the medial axis the root is tau = 0, and the last component makes up |y| = 1.
        rest = 1.0 - _total(squares[:-1])
        y[-1] = np.where(medial, np.sqrt(np.maximum(rest, 0.0)), y[-1])
        norm = np.sqrt(_total([yi * yi for yi in y]))
    scale = 1.0 / norm
    for yi, pi in zip(y, p, strict=True):
        yi *= scale
        np.copysign(yi, pi, out=yi)
    return y


def _total(terms: list[np.ndarray]) -> np.ndarray:
    """Sum of arrays; 0 is not among the terms, unlike that of `sum`."""
    found = terms[0] if len(terms) == 1 else terms[0] + terms[1]
    for term in terms[2:]:
        found += term
    return found


def nearest(point: np.ndarray, radii: np.ndarray) -> Nearest:
    """Nearest surface point, as its normal and the altitude of `point` above it.

    Parameters
    ----------
    point : ndarray, (..., 3)
        km, outside or inside the body.
    radii : array_like, (3,)

    Returns
    -------
    Nearest
        The surface point itself is ``point - altitude * normal``.
    """
    radii = np.asarray(radii, float)
    if np.ndim(point) == 1:
        return Nearest(*(values[0] for values in nearest(np.atleast_2d(point), radii)))
    order = np.argsort(-radii, kind="stable")
    p = [np.asarray(point, float)[..., i] for i in order]
    a = [radii[i] for i in order]
    y = _on_unit_sphere(p, a)
    n = [yi / ai for yi, ai in zip(y, a, strict=True)]
    length = np.sqrt(sum(ni * ni for ni in n))
    n = [ni / length for ni in n]
    terms = zip(p, a, y, n, strict=True)
    altitude = sum((pi - ai * yi) * ni for pi, ai, yi, ni in terms)
    back = np.argsort(order)
    return Nearest(stacked(*(n[i] for i in back)), altitude)


def surface_point(normal: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Surface point, km, with outward unit normal `normal` (..., 3)."""
    square = np.asarray(radii, float) ** 2
    scaled = normal * square
    point: np.ndarray = scaled / np.sqrt(dot(scaled, normal))[..., None]
    return point


def surface_normal(point: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Outward unit normal at surface points (..., 3)."""
    return unit(point / np.asarray(radii, float) ** 2)


def scaled_distance(origin: np.ndarray, direction: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Distance along rays to the point nearest the centre once the body is scaled to a sphere.

    Not clipped at the ray's origin: negative where the ray leads away.
    """
    square = np.asarray(radii, float) ** 2
    scaled = direction / square
    distance: np.ndarray = -dot(origin, scaled) / dot(direction, scaled)
    return distance


def tangent(
    origin: np.ndarray, direction: np.ndarray, radii: np.ndarray, kind: TangentKind = "minimum"
) -> Tangent:
    """Tangent points of rays.

    Parameters
    ----------
    origin, direction : ndarray, (..., 3)
        Start of the rays, km, and unit directions.
    radii : array_like, (3,)
    kind : {"minimum", "scaled"}
        "minimum": the point of minimum altitude. "scaled": the point nearest the centre in the
        space in which the ellipsoid is a sphere.

    Returns
    -------
    Tangent
        For a ray that leads away from the body, the origin itself, which is its lowest point.
    """
    radii = np.asarray(radii, float)
    if np.ndim(direction) == 1:
        found = tangent(np.atleast_2d(origin), direction[None], radii, kind)
        return Tangent(*(values[0] for values in found))
    if kind == "scaled":
        distance = np.maximum(scaled_distance(origin, direction, radii), 0.0)
        return Tangent(distance, *_swap(nearest(origin + distance[..., None] * direction, radii)))
    found = _least(origin, direction, radii)
    inner = found.altitude < 0
    if inner.any():
        _kink(np.nonzero(inner), origin, direction, radii, found)
    away = found.distance < 0
    if away.any():
        start = nearest(np.broadcast_to(origin, direction.shape)[away], radii)
        found.distance[away], found.altitude[away] = 0.0, start.altitude
        found.normal[away] = start.normal
    return found


def _swap(found: Nearest) -> tuple[np.ndarray, np.ndarray]:
    return found.altitude, found.normal


def _least(origin: np.ndarray, direction: np.ndarray, radii: np.ndarray) -> Tangent:
    """The points where the normal is perpendicular to the line."""
    (ox, oy, oz), (dx, dy, dz) = components(origin), components(direction)
    a2, b2, c2 = (float(radius) ** 2 for radius in radii)
    # What the squares of y and z add to a², as those of a unit vector's components add up to 1.
    more_y, more_z = b2 - a2, c2 - a2
    # An orthonormal basis (f, g) of the plane perpendicular to the line, with no singular
    # direction: Duff et al. 2017, Building an orthonormal basis, revisited, JCGT 6(1).
    sign = np.copysign(1.0, dz)
    h = -1.0 / (sign + dz)
    fz, gz = -sign * dx, -dy
    gx = dx * dy
    gx *= h
    fy = sign * gx
    fx = 1.0 - fz * dx * h
    gy = dy * dy
    gy *= h
    gy += sign
    # The silhouette in that plane has the matrix (f, g)' diag(a², b², c²) (f, g).
    ff = more_y * (fy * fy) + more_z * (fz * fz)
    gg = more_y * (gy * gy) + more_z * (gz * gz)
    fg = more_y * (fy * gy) + more_z * (fz * gz)
    mean, half = ff + gg, ff - gg
    mean *= 0.5
    mean += a2
    half *= 0.5
    spread = np.sqrt(half * half + fg * fg)
    major, minor = np.sqrt(mean + spread), np.sqrt(mean - spread)
    # Its axes, by sine and cosine of half the angle of (half, fg); any axes of a circle.
    share = np.divide(np.abs(half), spread, out=np.ones_like(spread), where=spread > 0)
    share *= 0.5
    share += 0.5
    large = np.sqrt(share)
    small = np.divide(np.abs(fg), spread, out=np.zeros_like(spread), where=spread > 0)
    small *= 0.5
    small /= large
    turned = half < 0
    cos, sin = np.where(turned, small, large), np.where(turned, large, small)
    np.copysign(sin, fg, out=sin)
    p, q = ox * fx + oy * fy + oz * fz, ox * gx + oy * gy + oz * gz
    u, v = cos * p + sin * q, cos * q - sin * p
    yu, yv = _on_unit_sphere([u, v], [major, minor])
    nu, nv = yu / major, yv / minor
    length = np.sqrt(nu * nu + nv * nv)
    nu /= length
    nv /= length
    altitude = (u - major * yu) * nu + (v - minor * yv) * nv
    p, q = nu * cos - nv * sin, nu * sin + nv * cos
    normal = np.empty((3, *direction.shape[:-1]))
    for axis, (fi, gi) in enumerate(((fx, gx), (fy, gy), (fz, gz))):
        np.multiply(p, fi, out=normal[axis])
        normal[axis] += q * gi
    _, ny, nz = normal
    # The surface point with that normal, and its distance along the line.
    sy, sz = more_y * ny, more_z * nz
    reach = np.sqrt(a2 + sy * ny + sz * nz)
    distance = sy * dy + sz * dz
    distance /= reach
    distance -= ox * dx + oy * dy + oz * dz
    return Tangent(distance, altitude, joined(normal))


def _kink(
    inner: tuple[np.ndarray, ...],
    origin: np.ndarray,
    direction: np.ndarray,
    radii: np.ndarray,
    found: Tangent,
) -> None:
    """Correct those of the rays `inner` whose minimum altitude lies on the medial disk."""
    i, j, k = np.argsort(-radii, kind="stable")
    d = direction[inner]
    o = np.broadcast_to(origin, direction.shape)[inner]
    crossing = d[:, k] != 0
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.where(crossing, -o[:, k] / d[:, k], np.nan)
        p, q = o[:, i] + s * d[:, i], o[:, j] + s * d[:, j]
        # The two nearest points: t = -c² in the equation of the module docstring.
        a, b, c = radii[[i, j, k]]
        yp, yq = p * a / (a * a - c * c), q * b / (b * b - c * c)
        rest = 1.0 - yp * yp - yq * yq
        yr = np.sqrt(np.where(rest > 0, rest, np.nan))
        n = np.stack([yp / a, yq / b, yr / c], axis=-1)
        n /= np.linalg.norm(n, axis=-1, keepdims=True)
        flat = n[:, 0] * d[:, i] + n[:, 1] * d[:, j]
        least = np.abs(flat) <= n[:, 2] * np.abs(d[:, k])
    chosen = np.nonzero(least)[0]
    if not chosen.size:
        return
    n, yp, yq, yr = n[chosen], yp[chosen], yq[chosen], yr[chosen]
    at = tuple(index[chosen] for index in inner)
    found.distance[at] = s[chosen]
    deep = (p[chosen] - a * yp) * n[:, 0] + (q[chosen] - b * yq) * n[:, 1] - c * yr * n[:, 2]
    found.altitude[at] = deep
    side = np.empty_like(n)
    side[:, i], side[:, j] = n[:, 0], n[:, 1]
    # Of the two surface points, the one that faces the origin.
    side[:, k] = -np.copysign(n[:, 2], d[chosen, k])
    found.normal[at] = side
