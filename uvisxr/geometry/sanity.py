"""What no flight can be: kernels that are whole but say so are damaged.

Files are checked before SPICE reads them, but wrong numbers of the right form pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import KernelError
from ..instrument.channel import Optics
from ..kernels import spice
from ..kernels.bodies import SPACECRAFT, Body, Point
from ..kernels.choose import span_text
from ..kernels.session import check_file
from .ephemeris import Course, Sighting

#: The spacecraft's frame.
_BUS = "CASSINI_SC_COORD"

#: How long two instants may be apart, s, to be compared: the shortest orbits take four hours.
_STEP = 3600.0

#: How far a path may be from what its velocities say: km, where one trajectory follows another, and
#: km/s beside the change of the velocity.
_JUMP, _SLACK = 1000.0, 1.0

#: Angles of lines of sight from the spacecraft's -Y, degrees (frames kernel, cas_v43.tf), and how
#: far axes may be from where they are: kernels with an offset of their own differ by less.
_ASIDE: dict[Optics, float] = {"telescope": 0.0, "solar_port": 20.07}
_TURNED = 5.0


def check(course: Course, target: Body | Point | None, files: Iterable[Path]) -> None:
    """Check that the spacecraft is not inside its target, and that paths follow their velocities.

    Parameters
    ----------
    course : Course
    target : Body or Point, optional
    files : iterable of Path
        The kernels, for messages.

    Raises
    ------
    KernelError
        It names the instants and the kernels of positions.
    """
    et = course.et
    paths = {SPACECRAFT: (et, course.spacecraft_position, course.spacecraft_velocity)}
    if isinstance(course, Sighting) and target is not None:
        distance = np.linalg.norm(course.position, axis=-1)
        least = target.radii.min() if isinstance(target, Body) else 0.0
        within = (distance < least) | (distance == 0)
        if within.any():
            raise _impossible(
                f"{SPACECRAFT} inside {target.name}, {distance[within].min():.0f} km from its "
                f"centre, at {span_text(et[within])}",
                files,
            )
        place = course.spacecraft_position + course.position
        paths[target.name] = (et - course.light_time, place, course.target_velocity)
    for name, (times, position, velocity) in paths.items():
        astray = _astray(times, position, velocity)
        if astray.any():
            raise _impossible(
                f"{name} where its velocity does not take it, at {span_text(et[astray])}", files
            )


def check_mounting(frame: str, optics: Optics) -> None:
    """Check that an instrument looks along the spacecraft's -Y, with its slit across X.

    The caller holds SPICE's lock; the frame is known to be fixed to the spacecraft.

    Parameters
    ----------
    frame : str
    optics : {"telescope", "solar_port"}

    Raises
    ------
    KernelError
        It does not.
    """
    axes = np.asarray(spice.pxform(_BUS, frame, 0.0))
    aside = np.rad2deg(np.arccos(np.clip(-axes[2, 1], -1, 1)))
    turned = np.rad2deg(np.arccos(min(abs(axes[0, 0]), 1.0)))
    if abs(aside - _ASIDE[optics]) <= _TURNED and turned <= _TURNED:
        return
    raise KernelError(
        f"the frames kernel lets {frame} look {aside:.1f} degrees away from the spacecraft's -Y, "
        f"and turns its X by {turned:.1f} degrees out of that of the spacecraft, but UVIS looks "
        f"{_ASIDE[optics]:g} degrees away, turned by less than {_TURNED:g}: use cas_v43.tf as it "
        "is in the archive"
    )


def _astray(et: np.ndarray, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Whether the way to each instant, or from it, is another than the velocities say, (n,)."""
    order = np.argsort(et, kind="stable")
    step = np.diff(et[order])
    way, change = np.diff(position[order], axis=0), np.diff(velocity[order], axis=0)
    mean = velocity[order][:-1] + change / 2
    apart = np.linalg.norm(way - mean * step[:, None], axis=-1)
    most = _JUMP + (_SLACK + np.linalg.norm(change, axis=-1)) * step
    # Comparisons with NaN, of instants that are not covered, are False.
    wrong = (apart > most) & (step <= _STEP)
    astray = np.zeros(et.shape, bool)
    astray[order] = np.append(wrong, False) | np.append(False, wrong)
    return astray


def _impossible(what: str, files: Iterable[Path]) -> KernelError:
    names = ", ".join(path.name for path in files if check_file(path) == "SPK")
    return KernelError(
        f"the SPK kernels place {what}: one of {names or 'them'} is damaged, or of another body; "
        "download them again, or leave it out"
    )
