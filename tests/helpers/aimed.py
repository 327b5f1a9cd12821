"""Kernels of a spacecraft that stands at chosen places and looks at a body, among real planets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import spiceypy

_BUS, _CLOCK = -82000, -82


def write(
    folder: Path,
    files: list[Path],
    ets: np.ndarray,
    center: int,
    place: np.ndarray,
    aim: np.ndarray,
    frame: str = "CASSINI_UVIS_FUV",
) -> list[Path]:
    """An SPK and a CK file beside some kernels, which are loaded to write them.

    Parameters
    ----------
    folder : Path
    files : list of Path
        Leap seconds, clock, frames and planets.
    ets : ndarray, (n,)
        TDB s past J2000.
    center : int
        Body that the places are relative to.
    place : ndarray, (n, 3)
        km, J2000.
    aim : ndarray, (n, 3)
        Where the boresight points, J2000.
    """
    spk, ck = folder / "aimed.bsp", folder / "aimed.bc"
    with spiceypy.KernelPool([str(file) for file in files]):
        velocity = np.gradient(place, ets, axis=0)
        handle = spiceypy.spkopn(str(spk), "aimed", 0)
        states = np.concatenate([place, velocity], axis=1)
        spiceypy.spkw13(
            handle, -82, center, "J2000", ets[0], ets[-1], "craft", 3, ets.size, states, ets
        )
        spiceypy.spkcls(handle)
        mount = spiceypy.pxform(frame, "CASSINI_SC_COORD", 0.0)
        turns = []
        for away in aim:
            away = away / np.linalg.norm(away)
            along = np.cross(away, [0.3, -0.2, 1.0])
            along /= np.linalg.norm(along)
            turns.append(spiceypy.m2q(mount @ np.array([np.cross(along, away), along, away])))
        ticks = np.array([spiceypy.sce2c(_CLOCK, et) for et in ets])
        handle = spiceypy.ckopn(str(ck), "aimed", 0)
        spiceypy.ckw03(
            handle,
            *(ticks[0], ticks[-1], _BUS, "J2000", False, "aimed", ticks.size, ticks),
            *(np.array(turns), np.zeros((ticks.size, 3)), 1, [ticks[0]]),
        )
        spiceypy.ckcls(handle)
    return [*files, spk, ck]
