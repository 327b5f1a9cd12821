"""Bodies: their names in labels and in SPICE, their shapes and frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import targets
from ..errors import ArgumentError, KernelError, warn_user
from . import spice
from .pool import fixed_to, is_set, numbers, wrong
from .session import LOCK

#: Cassini: its name, its NAIF code, and the frame of its bus.
SPACECRAFT, SPACECRAFT_CODE, SPACECRAFT_FRAME = "CASSINI", -82, -82000

#: NAIF codes of the solar-system barycentre, to which all positions refer, and of the Sun.
BARYCENTRE, SUN = 0, 10

#: Cassini and the Sun as SPICE is asked for them: kernels can give their names to others.
OBSERVER, ILLUMINATOR = str(SPACECRAFT_CODE), str(SUN)

#: Classes of frames that do not turn, and of those whose orientation text constants give (*FRAMES*
#: required reading).
_INERTIAL, _OF_CONSTANTS = 1, 2

#: Radii that a body may have, km.
_RADII = (1e-6, 1e7)

#: The shortest radius as a part of the longest (Atlas has 0.43, Saturn 0.90), and the polar one of
#: the longest other: bodies turn about their shortest axis.
_FLATTEST, _POLAR = 0.2, 1.02

#: What orientations are made of: how many numbers a variable may have, and how large.
_MODEL = {
    **dict.fromkeys(("POLE_RA", "POLE_DEC"), range(1, 4)),
    "PM": range(2, 4),
    **dict.fromkeys(("NUT_PREC_RA", "NUT_PREC_DEC", "NUT_PREC_PM"), range(1, 1000)),
    "NUT_PREC_ANGLES": range(1, 1000),
}
_LARGEST = 1e9

#: When the constants of orientations are of, Julian day, and the number of their frame: J2000, as
#: in all files of the archive.
_REFERENCE = {"JED_EPOCH": 2451545.0, "REF_FRAME": 1.0}

#: Planets with rings.
_RINGED = (599, 699, 799, 899)


def _name_of(code: int, given: str) -> str:
    """SPICE's name of a body that was given by its code, if it has one; else as it was given."""
    try:
        return str(spice.bodc2n(code)) if given.lstrip("+-").isdecimal() else given
    except spice.SpiceyError:
        return given


def named(target: str) -> tuple[str, int]:
    """Name and NAIF code of a label's target, which may be the code; a planet's rings stand for the
    planet.

    Raises
    ------
    ArgumentError
        SPICE does not know the name, or it is not that of a body.

    Examples
    --------
    >>> named("Saturn_Rings"), named("ATLAS:"), named("PO"), named("606")
    (('SATURN', 699), ('ATLAS', 615), ('POLYDEUCES', 634), ('TITAN', 606))
    """
    plain, name = targets.plain(target), targets.canonical(target)
    mend = 'pass another target=, for example target="SATURN" or target="TITAN"'
    if not targets.is_body(target):
        raise ArgumentError(f"{target!r} is not a body: {mend}")
    name = targets.PLANETS_OF_RINGS.get(name, name)
    given = " ".join(str(target).upper().split())
    # A user's kernels may define names with any characters, so the name as it is comes before the
    # plain one.
    for known in (given if name == plain else name, plain):
        try:
            code = spice.bods2c(known)
            return _name_of(code, known), code
        except (spice.SpiceyError, UnicodeEncodeError):
            continue
    near = targets.suggested(target)
    raise ArgumentError(f"SPICE does not know a body {target!r}: {mend}{near}")


def chosen(stated: str, wanted: str | None = None) -> tuple[str, int] | None:
    """Name and NAIF code of the body that a product looks at; None if there is none.

    Parameters
    ----------
    stated : str
        Target by the product's label. If SPICE does not know it, a UvisWarning says so.
    wanted : str, optional
        In its place.

    Raises
    ------
    ArgumentError
        SPICE does not know `wanted`.
    """
    target = stated if wanted is None else wanted
    if not targets.is_body(target):
        return None
    try:
        with LOCK:
            return named(target)
    except ArgumentError:
        if wanted is not None:
            raise
        warn_user(
            f"SPICE does not know the product's target, {stated!r}: the geometry has no fields of "
            f'a body; pass another target=, for example "SATURN"{targets.suggested(stated)}'
        )
        return None


@dataclass(frozen=True)
class Point:
    """A body of which only the place is known: the kernels lack its radii or its rotation.

    Attributes
    ----------
    name : str
    code : int
        NAIF code.
    lacks : tuple of str
        Which of them: "radii", "rotation".
    """

    name: str
    code: int
    lacks: tuple[str, ...]


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
    def of(cls, target: str, instead: str = "pass another target=") -> Body:
        """Look up a target by name, with its shape and frame from the kernel pool.

        `instead` is what to do about one without, beside adding kernels.

        Raises
        ------
        ArgumentError
            SPICE does not know the name, or it is not that of a body.
        KernelError
            The loaded constants lack its radii or its rotation.
        """
        found = resolve(target)
        if isinstance(found, Body):
            return found
        if found is None:
            raise ArgumentError(
                f"{target!r} is not a body: pass another target=, for example "
                'target="SATURN" or target="TITAN"'
            )
        lacks = " and no ".join(found.lacks)
        raise KernelError(
            f"the loaded kernels have no {lacks} for {found.name}: {instead}, or add to "
            "kernels= a constants kernel that has them (pck00010.tpc, cpck*.tpc)"
        )

    @property
    def ringed(self) -> bool:
        """Whether ring fields are computed: true for the giant planets."""
        return self.code in _RINGED


def resolve(target: str) -> Body | Point | None:
    """What a label's target is, by the kernels that are loaded.

    Returns
    -------
    Body, Point or None
        A body; one whose place alone is known, such as Hyperion, which rotates chaotically, or the
        irregular moons; or None if the target is no body, such as "SOLAR WIND".

    Raises
    ------
    ArgumentError
        SPICE does not know the name.
    KernelError
        Its radii or its rotation are no such numbers.
    """
    if not targets.is_body(target):
        return None
    name, code = named(target)
    frame = _frame(code)
    has_radii = bool(spice.bodfnd(code, "RADII"))
    if frame and has_radii:
        return Body(name, code, _radii(code), frame)
    known = {"radii": has_radii, "rotation": bool(frame)}
    return Point(name, code, tuple(word for word, has in known.items() if not has))


def _frame(code: int) -> str | None:
    """The body-fixed frame, unless the loaded constants do not say how it turns."""
    try:
        _, frame = spice.cidfrm(code)
    except spice.NotFoundError:
        return None
    except spice.SpiceyError:
        raise wrong(f"OBJECT_{code}_FRAME") from None
    known, kind, owner = fixed_to(frame)
    if kind == _INERTIAL:
        raise KernelError(
            f"the loaded kernels fix the frame of body {code}, {frame}, to the inertial {known}: "
            f"leave out the one that sets OBJECT_{code}_FRAME"
        )
    if spice.frinfo(spice.namfrm(frame))[0] != code:
        raise KernelError(
            f"the loaded kernels give body {code} the frame {frame}, which is of another body: "
            f"leave out the one that sets OBJECT_{code}_FRAME"
        )
    if kind == _OF_CONSTANTS:
        if not spice.bodfnd(owner, "PM"):
            return None
        _check_rotation(owner)
    return str(frame)


def _radii(code: int) -> np.ndarray:
    name = f"BODY{code}_RADII"
    radii = numbers(name, {3}, *_RADII)
    if radii.min() < _FLATTEST * radii.max() or radii[2] > _POLAR * radii[:2].max():
        raise wrong(name)
    return radii


def _check_rotation(code: int) -> None:
    planet = code // 100 if 100 <= code < 1000 else code
    for word, counts in _MODEL.items():
        name = f"BODY{planet if word == 'NUT_PREC_ANGLES' else code}_{word}"
        if is_set(name):
            found = numbers(name, counts, -_LARGEST, _LARGEST)
            if word == "POLE_DEC" and abs(found[0]) > 90:
                raise wrong(name)
    for word, usual in _REFERENCE.items():
        for name in {f"BODY{body}_CONSTANTS_{word}" for body in (planet, code)}:
            if is_set(name):
                numbers(name, {1}, usual, usual)


def code(body: str | int) -> int:
    """NAIF code of a body.

    Raises
    ------
    KernelError
        SPICE does not know the name.
    """
    try:
        return int(spice.bods2c(str(body)))
    except spice.NotFoundError:
        raise KernelError(f"SPICE does not know a body {body!r}") from None
