"""What the geometry takes from SPICE's pool of variables, checked before.

SPICE takes two radii for three, negative ones, a frame for another one, and the first of several
angles, all without a word.

References
----------
NAIF required reading *FRAMES* (classes of frames, TK frames) and *PCK* (orientation models).
"""

from __future__ import annotations

import math
from collections.abc import Container

import numpy as np
from numpy.typing import ArrayLike

from ..errors import KernelError, shortened
from . import spice
from .session import sets, spice_reason

#: Class of the frames that are turned from another one by constant angles.
_CONSTANT = 4

#: Values that an error shows, at most.
_SHOWN = 20

#: Frames that may stand on each other; Cassini's are two or three.
_CHAIN = 10

#: Where turns that are no angles are, and their rows of length 1.
_ROWS = {"MATRIX": ("MATRIX", 3, 3), "QUATERNION": ("Q", 1, 4)}


def numbers(
    name: str, counts: Container[int], least: ArrayLike, most: ArrayLike = np.inf
) -> np.ndarray:
    """The numbers of a variable.

    Parameters
    ----------
    name : str
    counts : container of int
        How many there may be.
    least, most : array_like
        What they may be.

    Returns
    -------
    ndarray, (n,)

    Raises
    ------
    KernelError
        The variable is not set, or holds something else.
    """
    size, kind = _shape(name)
    if kind == "N" and size in counts:
        values = np.array(spice.gdpool(name, 0, size), float)
        if (np.isfinite(values) & (values >= least) & (values <= most)).all():
            return values
    raise wrong(name)


def wrong(name: str) -> KernelError:
    """The error that a variable cannot be what it is."""
    get = spice.gdpool if _shape(name)[1] == "N" else spice.gcpool
    shown = shortened(" ".join(f"{value!s}" for value in get(name, 0, _SHOWN)))
    return KernelError(
        f"{name} of {_origin(name)} is ( {shown} ), which it cannot be: download the kernel again, "
        "or leave it out"
    )


def is_set(name: str) -> bool:
    """Whether a variable holds anything; `spiceypy.expool` knows of numbers alone."""
    try:
        return bool(spice.dtpool(name))
    except spice.NotFoundError:
        return False


def _shape(name: str) -> tuple[int, str]:
    try:
        size, kind = spice.dtpool(name)
    except spice.NotFoundError:
        raise KernelError(
            f"the loaded kernels do not set {name}: use whole ones of the archive"
        ) from None
    return int(size), str(kind)


def _origin(name: str) -> str:
    """The file that has set a variable."""
    for index in reversed(range(spice.ktotal("TEXT"))):
        path, *_ = spice.kdata(index, "TEXT")
        if name in sets(path):
            return str(path)
    return "SPICE's pool"


def fixed_to(frame: str) -> tuple[str, int, int]:
    """The frame that another one is turned from by constant angles, perhaps in several steps.

    Returns
    -------
    name : str
        `frame` itself, if its orientation is not constant.
    kind, number : int
        Its class, and its number within that.

    Raises
    ------
    KernelError
        The loaded kernels do not define a frame, or its turn is no whole one.
    """
    name = frame
    for _ in range(_CHAIN):
        try:
            code = spice.namfrm(name)
            _, kind, number = spice.frinfo(code)
        except spice.NotFoundError:
            raise KernelError(
                f"the loaded kernels do not define the frame {name}: add the Cassini frames "
                "kernel, cas_v43.tf"
            ) from None
        except spice.SpiceyError as error:
            raise KernelError(
                f"the loaded kernels do not define the frame {name} as SPICE wants it: use the "
                f"Cassini frames kernel, cas_v43.tf. SPICE: {spice_reason(error)}"
            ) from error
        if kind != _CONSTANT:
            return str(spice.frmnam(code)), kind, number
        by_number, by_name = f"TKFRAME_{number}_", f"TKFRAME_{name}_"
        prefix = by_name if is_set(f"{by_name}SPEC") else by_number
        turn = _word(f"{prefix}SPEC")
        if turn == "ANGLES":
            numbers(f"{prefix}ANGLES", {3}, -1e6, 1e6)
            axes = numbers(f"{prefix}AXES", {3}, 1, 3)
            if (axes % 1).any() or not np.diff(axes).all():
                raise wrong(f"{prefix}AXES")
            # Without units SPICE would take degrees for radians.
            _word(f"{prefix}UNITS")
        elif turn in _ROWS:
            part, *shape = _ROWS[turn]
            rows = numbers(f"{prefix}{part}", {math.prod(shape)}, -2, 2).reshape(shape)
            whole = np.allclose(rows @ rows.T, np.eye(shape[0]), atol=1e-3)
            if not whole or (len(rows) > 1 and np.linalg.det(rows) < 0):
                raise wrong(f"{prefix}{part}")
        name = _word(f"{prefix}RELATIVE")
    raise KernelError(f"the frame {frame} is turned from itself: use the kernel cas_v43.tf")


def _word(name: str) -> str:
    """The single string of a variable; errors as of `numbers`."""
    size, kind = _shape(name)
    if kind != "C" or size != 1:
        raise wrong(name)
    return str(spice.gcpool(name, 0, 1)[0])
