"""States and orientations at many instants: the SPICE calls of one geometry, in batches.

Callers have the kernels loaded and hold SPICE's lock. The batches run in
`spiceypy.cyice`. Its `ckgp_v` and `ckgpav_v` are not used: in spiceypy 8.3 they write four-byte
flags into a one-byte array and corrupt the heap. Pointing coverage comes from `coverage` instead.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np

from ..errors import CoverageError, KernelError
from ..kernels import coverage, spice
from ..kernels.bodies import ILLUMINATOR, OBSERVER, SPACECRAFT, SPACECRAFT_FRAME, Body, Point
from ..kernels.choose import span_text
from ..kernels.pool import fixed_to
from ..kernels.session import spice_reason

#: Class of the frames whose orientation CK files give.
_OF_POINTING = 3


@dataclass(frozen=True)
class Course:
    """Where the spacecraft is; one row per instant, vectors in J2000.

    Attributes
    ----------
    et : ndarray, (n,)
        TDB s past J2000 at the spacecraft.
    spacecraft_position, spacecraft_velocity : ndarray, (n, 3)
        Relative to the solar-system barycentre, km and km/s.
    spacecraft_sun : ndarray, (n, 3)
        The Sun seen from the spacecraft, corrected for light time, km.
    """

    et: np.ndarray
    spacecraft_position: np.ndarray
    spacecraft_velocity: np.ndarray
    spacecraft_sun: np.ndarray

    @classmethod
    def of(
        cls,
        target: Body | Point | None,
        et: np.ndarray,
        observer: str = OBSERVER,
        course: Course | None = None,
    ) -> Self:
        """Read the ephemeris at the instants `et` (n,); NaN at those not covered, and of NaN.

        Parameters
        ----------
        target : Body or Point, optional
            Needed for a `Sighting`; for an `Ephemeris`, a `Body`.
        et : ndarray, (n,)
        observer : str
            NAIF code of what takes the spacecraft's place: a body, for what is seen from its
            centre.
        course : Course, optional
            The observer's at the same instants, where it has been read already.

        Raises
        ------
        CoverageError
            The loaded kernels do not cover spacecraft, target and Sun at any instant.
        KernelError
            SPICE fails for another reason.
        """
        et = np.ascontiguousarray(et, float)
        held = np.isfinite(et)
        try:
            if held.all():
                return cls._read(target, et, observer, course)
            part = cls._read(target, et[held], observer)
        except CoverageError:
            held[held] = [cls._holds(target, instant, observer) for instant in et[held]]
            if not held.any():
                raise
            part = cls._read(target, et[held], observer)
        values = {}
        for field in fields(cls):
            known = getattr(part, field.name)
            values[field.name] = np.full((et.size, *known.shape[1:]), np.nan)
            values[field.name][held] = known
        return cls(**(values | {"et": et}))

    @classmethod
    def _holds(cls, target: Body | Point | None, et: float, observer: str) -> bool:
        try:
            cls._read(target, np.array([et]), observer)
        except CoverageError:
            return False
        return True

    @classmethod
    def _read(
        cls,
        target: Body | Point | None,
        et: np.ndarray,
        observer: str,
        course: Course | None = None,
    ) -> Self:
        try:
            return cls(**cls._values(target, et, observer, course))
        except spice.SpiceyError as error:
            raise _explained(error, target, et) from error

    @classmethod
    def _values(
        cls, target: Any, et: np.ndarray, observer: str, course: Course | None
    ) -> dict[str, np.ndarray]:
        if course is not None:
            return {field.name: getattr(course, field.name) for field in fields(Course)}
        craft, _ = spice.cyice.spkezr_v(observer, et, "J2000", "NONE", "SSB")
        sun, _ = spice.cyice.spkezr_v(ILLUMINATOR, et, "J2000", "LT", observer)
        return {
            "et": et,
            "spacecraft_position": craft[:, :3],
            "spacecraft_velocity": craft[:, 3:],
            "spacecraft_sun": sun[:, :3],
        }

    @property
    def known(self) -> np.ndarray:
        """Whether each instant is covered, (n,)."""
        known: np.ndarray = np.isfinite(self.spacecraft_velocity[:, 0])
        return known


@dataclass(frozen=True)
class Sighting(Course):
    """Where a target's centre is too.

    Attributes
    ----------
    light_time : ndarray, (n,)
        From the target's centre to the spacecraft, s.
    position, motion : ndarray, (n, 3)
        The target's centre seen from the spacecraft, corrected for light time, km, and its rate of
        change, km/s.
    target_velocity : ndarray, (n, 3)
        Relative to the solar-system barycentre, km/s, at `et - light_time`.
    sun : ndarray, (n, 3)
        The Sun seen from the target's centre at `et - light_time`, corrected for light time, km.
    """

    light_time: np.ndarray
    position: np.ndarray
    motion: np.ndarray
    target_velocity: np.ndarray
    sun: np.ndarray

    @classmethod
    def _values(
        cls, target: Any, et: np.ndarray, observer: str, course: Course | None
    ) -> dict[str, np.ndarray]:
        seen = str(target.code)
        state, light_time = spice.cyice.spkezr_v(seen, et, "J2000", "CN", observer)
        emission = et - light_time
        moving, _ = spice.cyice.spkezr_v(seen, emission, "J2000", "NONE", "SSB")
        sun, _ = spice.cyice.spkezr_v(ILLUMINATOR, emission, "J2000", "LT", seen)
        return super()._values(target, et, observer, course) | {
            "light_time": light_time,
            "position": state[:, :3],
            "motion": state[:, 3:],
            "target_velocity": moving[:, 3:],
            "sun": sun[:, :3],
        }


@dataclass(frozen=True)
class Ephemeris(Sighting):
    """How a body is turned too.

    Attributes
    ----------
    rotation, rotation_rate : ndarray, (n, 3, 3)
        From J2000 to the body-fixed frame at `et - light_time`, and its derivative, 1/s.
    """

    rotation: np.ndarray
    rotation_rate: np.ndarray

    @classmethod
    def _values(
        cls, target: Any, et: np.ndarray, observer: str, course: Course | None
    ) -> dict[str, np.ndarray]:
        values = super()._values(target, et, observer, course)
        turn = spice.cyice.sxform_v("J2000", target.frame, et - values["light_time"])
        return values | {"rotation": turn[:, :3, :3], "rotation_rate": turn[:, 3:, :3]}

    @cached_property
    def spin(self) -> np.ndarray:
        """Angular velocity of the target in its own frame, rad/s, (n, 3).

        From dR/dt R' = -[w]x, the antisymmetric matrix of the spin.
        """
        w = -self.rotation_rate @ np.swapaxes(self.rotation, -1, -2)
        return np.stack([w[:, 2, 1], w[:, 0, 2], w[:, 1, 0]], axis=-1)

    def to_body(self, vector: np.ndarray) -> np.ndarray:
        """Vectors (n, 3) from J2000 to the body-fixed frame at `et - light_time`."""
        turned: np.ndarray = np.einsum("nij,nj->ni", self.rotation, vector)
        return turned


def _explained(error: Exception, target: Body | Point | None, et: np.ndarray) -> KernelError:
    """Turn a failed batch into an error that names the cause and the instant."""
    span, bodies = span_text(et), SPACECRAFT + (f", {target.name}" if target else "")
    if "SPKINSUFFDATA" in str(error) or "SPICE(NOLOADEDFILES)" in str(error):
        return CoverageError(
            f"the loaded SPK kernels do not give the positions of {bodies} and the Sun at {span}: "
            "pass kernels= that cover this time; `uvisxr kernels check` lists which files do. "
            f"SPICE: {spice_reason(error)}"
        )
    return KernelError(
        f"SPICE failed for {bodies} at {span}: check kernels=. SPICE: {spice_reason(error)}"
    )


def pointing(frame: str, et: np.ndarray) -> np.ndarray:
    """Rotations from an instrument frame to J2000, NaN where there is no pointing.

    Parameters
    ----------
    frame : str
        A frame fixed to the spacecraft.
    et : ndarray, (n,)

    Returns
    -------
    ndarray, (n, 3, 3)

    Raises
    ------
    KernelError
        The loaded kernels do not define the frame, or not by its turn from Cassini's, their clock
        or leap seconds are none, or SPICE fails.

    Warns
    -----
    UvisWarning
        The clock kernel ends long before the instants.
    """
    bus, *kind = fixed_to(frame)
    if kind != [_OF_POINTING, SPACECRAFT_FRAME]:
        raise KernelError(
            f"the loaded kernels fix the frame {frame} to {bus}, not to Cassini: use a whole "
            "frames kernel, cas_v43.tf"
        )
    coverage.check_clock(et)
    rotation = np.full((et.size, 3, 3), np.nan)
    files = [spice.kdata(index, "CK")[0] for index in range(spice.ktotal("CK"))]
    found = coverage.pointing(files, et, SPACECRAFT_FRAME)
    if not found.any():
        return rotation
    try:
        rotation[found] = spice.cyice.pxform_v(frame, "J2000", np.ascontiguousarray(et[found]))
    except spice.SpiceyError as error:
        if "NOFRAMECONNECT" not in str(error):
            raise KernelError(
                f"SPICE cannot turn {frame}: check the frames, clock and pointing kernels. "
                f"SPICE: {spice_reason(error)}"
            ) from error
        # Rounding at the very ends of an interval: query one instant at a time.
        for i in np.nonzero(found)[0]:
            rotation[i] = _one(frame, float(et[i]))
    return rotation


def _one(frame: str, et: float) -> np.ndarray:
    try:
        return np.asarray(spice.pxform(frame, "J2000", et))
    except spice.SpiceyError:
        return np.full((3, 3), np.nan)
