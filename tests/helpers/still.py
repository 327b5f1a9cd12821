"""Kernels of a solar system that stands still, in which every line of sight has a closed form.

The Sun is at rest at the origin, Saturn on the X axis of J2000, and Cassini on Saturn's +Y side,
its axes those of J2000, so that the slits look along -Y and lie along Z. The moons are in front of
Saturn, each where a row of the slit sees it. Nothing moves: there is no aberration, and light time
changes nothing. Bodies are spheres that do not turn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import spiceypy

from uvisxr.simulate.textkernels import TEXTS

from . import tinykernels
from .archive import Moment

#: What the kernels cover: positions, and stretches with pointing.
POSITIONS = Moment(2004, 183, 0), Moment(2008, 183, 0)
POINTING = (POSITIONS[0], Moment(2006, 10, 0)), (Moment(2007, 10, 0), POSITIONS[1])

#: NAIF codes, radii and distances from Cassini, km, and the angle along the slit, rad. A radius of
#: 0 is not known, nor how these bodies turn; of Hyperion, only that is not known.
BODIES = {
    "SATURN": (699, 60268.0, 2.5e6, 0.0),
    "TITAN": (606, 2575.0, 1.5e5, 4e-3),
    "ENCELADUS": (602, 252.0, 8e4, -6e-3),
    "IAPETUS": (608, 736.0, 3e5, 9e-3),
    "RHEA": (605, 765.0, 1e5, -12e-3),
    "DIONE": (604, 562.0, 9e4, 2e-3),
    "TETHYS": (603, 536.0, 1.1e5, 17e-3),
    "MIMAS": (601, 199.0, 7e4, -1e-3),
    "HYPERION": (607, 135.0, 2e5, 5e-3),
    "PHOEBE": (609, 107.0, 5e4, -20e-3),
    "JANUS": (610, 89.0, 6e4, 8e-3),
    "KIVIUQ": (624, 0.0, 1e6, 1e-3),
    "ALBIORIX": (626, 0.0, 2e6, -3e-3),
    "IJIRAQ": (622, 0.0, 3e6, 2e-3),
    "TARVOS": (621, 0.0, 4e6, -2e-3),
    "ERRIAPUS": (628, 0.0, 5e6, 7e-3),
    "SIARNAQ": (629, 0.0, 6e6, -9e-3),
    "SKATHI": (627, 0.0, 7e6, 3e-3),
    "PAALIAQ": (620, 0.0, 8e6, 6e-3),
}
TURNLESS = frozenset(name for name, (_, radius, *_) in BODIES.items() if not radius) | {"HYPERION"}

#: Positions, km.
_BARYCENTRE = np.array([1.4e9, 0.0, 0.0])
CASSINI = _BARYCENTRE + np.array([0.0, 2.5e6, 0.0])

#: The EUV's port for the Sun, 20 degrees from the slit.
_PORT_FRAME = """
\\begindata
FRAME_CASSINI_UVIS_SOLAR = -82848
FRAME_-82848_NAME = 'CASSINI_UVIS_SOLAR'
FRAME_-82848_CLASS = 4
FRAME_-82848_CLASS_ID = -82848
FRAME_-82848_CENTER = -82
TKFRAME_-82848_SPEC = 'ANGLES'
TKFRAME_-82848_RELATIVE = 'CASSINI_SC_COORD'
TKFRAME_-82848_ANGLES = ( -90.0, 160.0, 0.0 )
TKFRAME_-82848_AXES = ( 1, 2, 1 )
TKFRAME_-82848_UNITS = 'DEGREES'
\\begintext
"""
_PORT_VIEW = """
\\begindata
INS-82848_FOV_FRAME = 'CASSINI_UVIS_SOLAR'
\\begintext
"""


def place(body: str) -> np.ndarray:
    """Where a body is, km."""
    _, _, distance, angle = BODIES[body]
    return CASSINI + distance * np.array([0.0, -np.cos(angle), np.sin(angle)])


def write(folder: Path) -> Path:
    """Write the kernels; returns their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    more = {".tls": "", ".tf": _PORT_FRAME, ".ti": _PORT_VIEW}
    for name, text in TEXTS.items():
        if Path(name).suffix in more:
            (folder / name).write_text(text + more[Path(name).suffix])
    (folder / "still.tsc").write_text(tinykernels.SCLK)
    constants = {}
    for name, (code, radius, *_) in BODIES.items():
        if radius:
            constants[f"BODY{code}_RADII"] = f"( {radius} {radius} {radius} )"
        if name not in TURNLESS:
            constants |= {
                f"BODY{code}_POLE_RA": "( 0.0 0.0 0.0 )",
                f"BODY{code}_POLE_DEC": "( 90.0 0.0 0.0 )",
                f"BODY{code}_PM": "( 0.0 0.0 0.0 )",
            }
    constants["BODY10_RADII"] = "( 696000.0 696000.0 696000.0 )"
    tinykernels.text(folder / "still.tpc", "PCK", **constants)
    start, stop = (moment.et for moment in POSITIONS)
    _spk(folder / "still.bsp", start - 1e4, stop)
    tinykernels.ck(folder / "still.bc", *((a.et, b.et) for a, b in POINTING))
    return folder


def _spk(path: Path, start: float, stop: float) -> None:
    handle = spiceypy.spkopn(str(path), "still", 0)
    segments = [
        (10, 0, np.zeros(3)), (6, 0, _BARYCENTRE), (-82, 6, CASSINI - _BARYCENTRE),
        *((code, 6, place(name) - _BARYCENTRE) for name, (code, *_) in BODIES.items()),
    ]  # fmt: skip
    for body, centre, position in segments:
        states = np.tile([*position, 0.0, 0.0, 0.0], (2, 1))
        spiceypy.spkw08(
            handle, body, centre, "J2000", start, stop, "still", 1, 2, states, start, stop - start
        )
    spiceypy.spkcls(handle)


def turn(folder: Path, channel: str) -> np.ndarray:
    """Axes of a channel's frame, or of the SOLAR port's, in J2000, (3, 3): its rows are X, Y, Z."""
    names = ("naif_simulated.tls", "still.tsc", "cas_v0_simulated.tf", "still.bc")
    for name in names:
        spiceypy.furnsh(str(folder / name))
    et = POINTING[0][0].et + 1e5
    found = spiceypy.pxform(f"CASSINI_UVIS_{channel}", "J2000", et)
    for name in names:
        spiceypy.unload(str(folder / name))
    return found.T


def directions(axes: np.ndarray, rows: list[range]) -> np.ndarray:
    """Unit vectors of pixels in J2000, (pixel, 3): one milliradian a row, row 31.5 on the axis."""
    pitch = 2 * np.deg2rad(1.83346495) / 64
    angle = np.array([(k[0] + k[-1] + 1) / 2 - 32 for k in rows]) * pitch
    return np.stack([0 * angle, np.sin(angle), np.cos(angle)], -1) @ axes


def altitudes(body: str, sky: np.ndarray) -> np.ndarray:
    """Least altitude over a sphere along directions (..., 3), km; negative on its disk."""
    to = place(body) - CASSINI
    along = sky @ to
    return np.sqrt(to @ to - along**2) - BODIES[body][1]
