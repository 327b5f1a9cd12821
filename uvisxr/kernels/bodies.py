"""Bodies: their names in labels and in SPICE, their shapes and frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spiceypy

from ..errors import ArgumentError, KernelError

#: Cassini: its name, its NAIF code, and the frame of its bus.
SPACECRAFT, SPACECRAFT_CODE, SPACECRAFT_FRAME = "CASSINI", -82, -82000

#: NAIF codes of the solar-system barycentre, to which all positions refer, and of the Sun.
BARYCENTRE, SUN = 0, 10

#: Label targets that name rings, and the planet in whose equatorial plane the rings lie.
_RINGS = {"S RINGS": "SATURN", "J RINGS": "JUPITER", "U RINGS": "URANUS", "N RINGS": "NEPTUNE"}

#: Planets with rings.
_RINGED = (599, 699, 799, 899)


def named(target: str) -> tuple[str, int]:
    """Name and NAIF code of a label's target; a planet's rings stand for the planet.

    Raises
    ------
    ArgumentError
        SPICE does not know the name.
    """
    name = " ".join(str(target).upper().split())
    name = _RINGS.get(name, name)
    try:
        return name, spiceypy.bods2c(name)
    except spiceypy.SpiceyError:
        raise ArgumentError(
            f"SPICE does not know a body {target!r}: pass another target=, for example "
            'target="SATURN" or target="TITAN"'
        ) from None


@dataclass(frozen=True)
class Body:
    """A target with a shape.

    Attributes
    ----------
    name : str
    code : int
        NAIF code.
    radii : ndarray, (3,)
        Semi-axes, km.
    frame : str
        Body-fixed frame.
    """

    name: str
    code: int
    radii: np.ndarray
    frame: str

    @classmethod
    def of(cls, target: str) -> Body:
        """Look up a target by name, with its shape and frame from the kernel pool.

        Raises
        ------
        ArgumentError
            SPICE does not know the name.
        KernelError
            The loaded constants lack its radii or its body-fixed frame.
        """
        name, code = named(target)
        if not spiceypy.bodfnd(code, "RADII"):
            raise KernelError(
                f"the loaded kernels have no radii for {name}: pass another target=, or add to "
                "kernels= a constants kernel that has them (pck00010.tpc, cpck*.tpc)"
            )
        _, radii = spiceypy.bodvcd(code, "RADII", 3)
        try:
            _, frame = spiceypy.cidfrm(code)
        except spiceypy.NotFoundError:
            raise KernelError(
                f"SPICE has no body-fixed frame for {name}: pass another target=, or add to "
                "kernels= a frames kernel that defines it"
            ) from None
        return cls(name, code, np.asarray(radii, float), frame)

    @property
    def ringed(self) -> bool:
        """Whether ring fields are computed: true for the giant planets."""
        return self.code in _RINGED


def code(body: str | int) -> int:
    """NAIF code of a body.

    Raises
    ------
    KernelError
        SPICE does not know the name.
    """
    try:
        return int(spiceypy.bods2c(str(body)))
    except spiceypy.NotFoundError:
        raise KernelError(f"SPICE does not know a body {body!r}") from None
