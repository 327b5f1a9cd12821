"""Where pixels look, one ray at a time by SPICE itself, as the fields of the geometry."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import spiceypy
from spiceypy.utils.exceptions import NotFoundError

#: Fields, and how far SPICE's routines are from one another: km, degrees.
TOLERANCES = {"ra": 1e-6, "dec": 1e-6, "lat": 1e-2, "lon": 1e-2, "sza": 1e-2, "alt": 0.2}
TOLERANCES |= {"sc_lat": 1e-4, "target_distance": 1e-2}


def fields(
    kernels: Iterable[Path], times: np.ndarray, rows: np.ndarray, body: str = "TITAN"
) -> dict[str, np.ndarray]:
    """Fields of rows of the FUV's low-resolution slit, (time,) or (time, row).

    Altitudes and angles of rays that meet the body, or miss it, are NaN where SPICE has none.
    """
    frame, slit = f"IAU_{body}", "CASSINI_UVIS_FUV"
    found = {name: np.full((times.size, rows.size), np.nan) for name in TOLERANCES}
    found |= {name: np.full(times.size, np.nan) for name in ("sc_lat", "target_distance")}
    loaded = [str(path) for path in kernels]
    try:
        for path in loaded:
            spiceypy.furnsh(path)
        half = np.deg2rad(spiceypy.gdpool("INS-82841_FOV_REF_ANGLE", 0, 1)[0])
        for i, et in enumerate(times):
            common = (body, et, frame, "CN+S", "CASSINI")
            point, _, _ = spiceypy.subpnt("NEAR POINT/ELLIPSOID", *common)
            found["sc_lat"][i] = np.rad2deg(spiceypy.reclat(point)[2])
            place, _ = spiceypy.spkpos(body, et, "J2000", "LT", "CASSINI")
            found["target_distance"][i] = np.linalg.norm(place)
            for j, row in enumerate(rows):
                along = (row - 31.5) * 2 * half / 64
                ray = np.array([0.0, np.sin(along), np.cos(along)])
                sky = spiceypy.pxform(slit, "J2000", et) @ ray
                here: dict[str, float] = {}
                here["ra"], here["dec"] = np.rad2deg(spiceypy.recrad(sky)[1:])
                try:
                    point = spiceypy.sincpt("ELLIPSOID", *common, slit, ray)[0]
                    here["sza"] = np.rad2deg(spiceypy.ilumin("ELLIPSOID", *common, point)[3])
                except NotFoundError:
                    point, here["alt"], *_ = spiceypy.tangpt(
                        "ELLIPSOID", *common[:4], "TANGENT POINT", "CASSINI", slit, ray
                    )
                _, lon, lat = spiceypy.reclat(point)
                here["lon"], here["lat"] = -np.rad2deg(lon) % 360, np.rad2deg(lat)
                for name, value in here.items():
                    found[name][i, j] = value
    finally:
        for path in reversed(loaded):
            spiceypy.unload(path)
    return found


def differences(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> list[str]:
    """Fields that are not those of SPICE, where that has some."""
    wrong = []
    for name, right in theirs.items():
        apart = abs(ours[name] - right)
        if name in ("ra", "lon"):
            apart = np.minimum(apart % 360, -apart % 360)
        if (np.isfinite(right) & ~(apart < TOLERANCES[name])).any():
            wrong.append(f"{name} is {ours[name].ravel()[:3]} for {right.ravel()[:3]}")
    return wrong
