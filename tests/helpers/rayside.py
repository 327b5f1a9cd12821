"""Backplanes by scalar SPICE calls, ray by ray: what the vectorised ones are compared with.

Light is followed by its own times: the ray from the spacecraft to a point at the point's epoch, and
from there to the Sun, where each body in between is taken when the light passed it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spiceypy

CORRECTION = "CN+S"
MAIN_RINGS = (74_510.0, 136_780.0)


@dataclass
class Hit:
    """Where a ray meets a body: in its frame, km; at an epoch; from the spacecraft, J2000, true."""

    point: np.ndarray
    epoch: float
    vector: np.ndarray

    @property
    def distance(self) -> float:
        return float(np.linalg.norm(self.vector))


def frame(body: str) -> str:
    return spiceypy.cnmfrm(body)[1]


def hit(body: str, et: float, sky: np.ndarray) -> Hit | None:
    """By `sincpt`."""
    try:
        point, epoch, vector = spiceypy.sincpt(
            "ELLIPSOID", body, et, frame(body), CORRECTION, "CASSINI", "J2000", sky
        )
    except spiceypy.NotFoundError:
        return None
    # The vector of `sincpt` is where the point is seen, not where it is.
    return Hit(point, epoch, float(np.linalg.norm(vector)) * unaberrated(et, sky))


def altitude(body: str, et: float, sky: np.ndarray) -> float:
    """Of the tangent point, by `tangpt`, km."""
    return float(
        spiceypy.tangpt(
            *("ELLIPSOID", body, et, frame(body), CORRECTION, "TANGENT POINT"),
            *("CASSINI", "J2000", sky),
        )[1]
    )


def unaberrated(et: float, sky: np.ndarray) -> np.ndarray:
    """The direction that `stelab` turns into a given one, by iteration."""
    velocity = spiceypy.spkssb(-82, et, "J2000")[3:]
    true = sky.copy()
    for _ in range(6):
        true = true + sky - spiceypy.stelab(true, velocity)
        true /= np.linalg.norm(true)
    return true


def height(body: str, et: float, true: np.ndarray) -> tuple[float, float]:
    """Of a true ray's lowest point, and how far that is, km: `npedln` at the point's own epoch.

    `tangpt` shifts the body where the ray turns: at great distances it differs by (v/c)² of them.
    """
    code, radii = spiceypy.bods2c(body), spiceypy.bodvrd(body, "RADII", 3)[1]
    craft, distance = spiceypy.spkssb(-82, et, "J2000")[:3], 0.0
    for _ in range(6):
        epoch = et - distance / spiceypy.clight()
        turn = spiceypy.pxform("J2000", frame(body), epoch)
        start, along = turn @ (craft - spiceypy.spkssb(code, epoch, "J2000")[:3]), turn @ true
        near, found = spiceypy.npedln(*radii, start, along)
        point, _ = spiceypy.nplnpt(start, along, near)
        distance = max(float((point - start) @ along), 0.0)
    return float(found), distance


class Plane:
    """Crossing of a light ray with the equator plane of a body."""

    def __init__(self, body: str, start: np.ndarray, time: float, away: np.ndarray, sense: float):
        """A ray from an event (from the barycentre, km; s); `sense` -1 goes back in time."""
        self.found = False
        distance = 0.0
        for _ in range(8):
            epoch = time + sense * distance / spiceypy.clight()
            turn = spiceypy.pxform("J2000", frame(body), epoch)
            place = turn @ (start - spiceypy.spkssb(spiceypy.bods2c(body), epoch, "J2000")[:3])
            plane = spiceypy.nvc2pl([0.0, 0.0, 1.0], 0.0)
            count, point = spiceypy.inrypl(place, turn @ away, plane)
            if count != 1:
                return
            distance = float(np.linalg.norm(point - place))
        self.found, self.distance, self.point, self.epoch = True, distance, point, epoch
        self.radius = float(np.hypot(point[0], point[1]))

    @property
    def in_rings(self) -> bool:
        return self.found and MAIN_RINGS[0] <= self.radius <= MAIN_RINGS[1]

    @property
    def edge(self) -> float:
        """Distance from the nearest edge of the main rings, km."""
        return min(abs(self.radius - edge) for edge in MAIN_RINGS) if self.found else np.inf


def event(et: float, vector: np.ndarray) -> tuple[np.ndarray, float]:
    """Place from the barycentre and epoch of a point seen along a true vector."""
    craft = spiceypy.spkssb(-82, et, "J2000")[:3]
    return craft + vector, et - np.linalg.norm(vector) / spiceypy.clight()


def sunward(place: np.ndarray, epoch: float) -> np.ndarray:
    """Direction of the Sun at the time at which its light left it."""
    light = 0.0
    for _ in range(6):
        away = spiceypy.spkssb(10, epoch - light, "J2000")[:3] - place
        light = np.linalg.norm(away) / spiceypy.clight()
    return away / np.linalg.norm(away)


def shades(body: str, place: np.ndarray, epoch: float) -> tuple[bool, float]:
    """Whether a body hides the Sun's centre from an event, and the ray's height above it, km."""
    away, radii = sunward(place, epoch), spiceypy.bodvrd(body, "RADII", 3)[1]
    code = spiceypy.bods2c(body)
    distance = float(np.linalg.norm(spiceypy.spkssb(code, epoch, "J2000")[:3] - place))
    met, height = False, np.inf
    for _ in range(8):
        passed = epoch - distance / spiceypy.clight()
        turn = spiceypy.pxform("J2000", frame(body), passed)
        start = turn @ (place - spiceypy.spkssb(code, passed, "J2000")[:3])
        along = turn @ away
        inside = 1 - float(np.linalg.norm(start / radii))
        if inside > 0:
            # As points of the plane of rings are.
            return True, -inside * min(radii)
        if start @ along > 0:
            return False, np.inf
        try:
            point = spiceypy.surfpt(start, along, *radii)
            met = True
        except spiceypy.NotFoundError:
            met = False
        near, height = spiceypy.npedln(*radii, start, along)
        distance = float(np.linalg.norm((point if met else near) - start))
    if met:
        # How far inside: of the ellipsoid scaled down until it is no longer met.
        scaled, direction = start / radii, along / radii
        foot = scaled - scaled @ direction / (direction @ direction) * direction
        height = -(1 - np.linalg.norm(foot)) * min(radii)
    return met, float(height)
