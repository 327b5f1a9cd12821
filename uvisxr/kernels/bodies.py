"""The bodies of a geometry: their names as labels and SPICE have them, shapes and frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spiceypy

from ..errors import ArgumentError, KernelError

#: Cassini: its name, its NAIF code, and the frame of its bus.
SPACECRAFT, SPACECRAFT_CODE, SPACECRAFT_FRAME = "CASSINI", -82, -82000

#: NAIF codes of the solar-system barycentre, which all positions refer to, and of the Sun.
BARYCENTRE, SUN = 0, 10

#: Targets of labels that name the rings, and the planet whose equator the rings lie in.
_RINGS = {"S RINGS": "SATURN", "J RINGS": "JUPITER", "U RINGS": "URANUS", "N RINGS": "NEPTUNE"}

#: Planets with rings.
_RINGED = (599, 699, 799, 899)


def named(target: str) -> tuple[str, int]:
    """Name and NAIF code of a label's target; the rings of a planet stand for the planet.

    Raises
    ------
    ArgumentError
        SPICE does not know the name.
    """
    name = " ".join(str(target).upper().split())
    name = _RINGS.get(name, name)
    try:
        return name, spiceypy.bods2c(name)
    except (spiceypy.NotFoundError, spiceypy.SpiceyError):
        raise ArgumentError(
            f"target {target!r} is no body that SPICE knows: pass target=, for example "
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
        """A target by name, its shape and frame from the kernel pool.

        Raises
        ------
        ArgumentError
            SPICE does not know the name.
        KernelError
            The loaded constants hold no radii, or no body-fixed frame, of it.
        """
        name, code = named(target)
        if not spiceypy.bodfnd(code, "RADII"):
            raise KernelError(
                f"the loaded kernels hold no radii of {name}: pass another target=, or kernels= "
                "with a constants kernel that holds them (pck00010.tpc, cpck*.tpc)"
            )
        _, radii = spiceypy.bodvcd(code, "RADII", 3)
        try:
            _, frame = spiceypy.cidfrm(code)
        except spiceypy.NotFoundError:
            raise KernelError(
                f"SPICE knows no body-fixed frame of {name}: pass another target=, or kernels= "
                "with a frames kernel that defines it"
            ) from None
        return cls(name, code, np.asarray(radii, float), frame)

    @property
    def ringed(self) -> bool:
        """Whether ring fields are made: the giant planets."""
        return self.code in _RINGED


def code(body: str | int) -> int:
    """NAIF code of a body.

    Raises
    ------
    KernelError
        SPICE knows no body of that name.
    """
    try:
        return spiceypy.bods2c(str(body))
    except spiceypy.NotFoundError:
        raise KernelError(f"SPICE knows no body {body!r}") from None
