"""Argument checks with messages of one form.

Each raises `ArgumentError`, "name=value: expected ...", with the argument's name as the user types
it. The allowed values of an argument are listed once, in a `Literal` shared by its annotation and
`choice`.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Sequence
from numbers import Integral
from operator import is_
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from . import bridge
from .errors import ArgumentError, shortened

if TYPE_CHECKING:
    import numpy as np

#: Letters of the longest text that may be a misspelt value.
_LONGEST_WORD = 80

#: How like a name must be to be preferred to one with which the text begins.
_LIKENESS = 0.8

#: Numbers of the longest sequence that is an argument.
_MOST = 100_000

#: How deep sequences in arguments lie: groups of pairs.
_DEPTH = 3

#: What no quantity here is beyond, in any of its units; squares of it are numbers still.
_LARGEST = 1e15


def refused(name: str, value: object, expected: str) -> ArgumentError:
    """The error that says what an argument should have been.

    Parameters
    ----------
    name : str
        As the user types it.
    value
    expected : str
        What follows "expected", with the unit.
    """
    return ArgumentError(f"{name}={shown(value)}: expected {expected}")


def plain(name: str, value: Any, depth: int = _DEPTH) -> Any:
    """An argument as functions expect it: masked arrays and series of pandas as arrays.

    Numbers of a series would be looked up by its index, and those under a mask be used.

    Parameters
    ----------
    name : str
    value
        Also a list, tuple or dict that holds some.
    depth : int
        How far these are gone through.

    Raises
    ------
    ArgumentError
        Values are masked.

    Examples
    --------
    >>> import numpy as np
    >>> from uvisxr.checks import plain
    >>> plain("wl_range", np.ma.array([1450.0, 1800.0], mask=[False, True]))
    Traceback (most recent call last):
    uvisxr.errors.ArgumentError: wl_range: 1 of its 2 values is masked: leave masked values out \
with .compressed(), or fill them with .filled(...)
    """
    if isinstance(value, dict):
        found = {key: plain(f"{name}[{shown(key)}]", one, depth - 1) for key, one in value.items()}
        same = all(found[key] is one for key, one in value.items())
        return value if same else found
    if isinstance(value, list | tuple) and depth:
        items = [plain(name, one, depth - 1) for one in value]
        return value if all(map(is_, items, value)) else items
    # What is not imported made no value.
    numpy, pandas = (sys.modules.get(library) for library in ("numpy", "pandas"))
    if numpy is not None and isinstance(value, numpy.ma.MaskedArray):
        masked = int(numpy.ma.getmaskarray(value).sum())
        if masked:
            raise ArgumentError(
                f"{name}: {masked} of its {value.size} values {'is' if masked == 1 else 'are'} "
                "masked: leave masked values out with .compressed(), or fill them with "
                ".filled(...)"
            )
        return value.data
    if pandas is not None and isinstance(value, pandas.Series):
        return value.to_numpy()
    return value


def too_many(value: object, most: int = _MOST) -> bool:
    """Whether a value is a sequence of so many that no array should be made of it."""
    try:
        return len(value) > most  # type: ignore[arg-type]
    except OverflowError:  # a range
        return True
    except TypeError:  # no sequence
        return False


def choices(kind: Any) -> tuple[Any, ...]:
    """The values of a `Literal`, or of a union of them with bool and None."""
    if kind is bool:
        return True, False
    if kind is None or kind is type(None):
        return (None,)
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(value for part in get_args(kind) for value in choices(part))


def is_one(value: object, allowed: Iterable[Any]) -> bool:
    """Whether a value is allowed; 0 and 1 do not count as False and True."""
    return any(
        isinstance(value, str) and value == one
        if isinstance(one, str)
        else type(value) is type(one) and value == one
        for one in allowed
    )


def close(value: object, allowed: Iterable[Any]) -> str | None:
    """The most similar of some texts, or the one that stands for what Cassini-UPyP calls so."""
    texts = [one for one in allowed if isinstance(one, str)]
    if not isinstance(value, str) or len(value) > _LONGEST_WORD:
        return None
    old = bridge.VALUES.get(value)
    if old in texts:
        return old
    # A name in full, where it is shortened here, is less like it than others are.
    begun = (one for one in texts if len(one) > 2 and value.lower().startswith(one.lower()))
    short = max(begun, key=len, default=None)
    near = difflib.get_close_matches(value, texts, n=1, cutoff=_LIKENESS if short else 0.6)
    return next(iter(near), short)


def nearest(value: object, allowed: Iterable[Any]) -> str:
    """A question that suggests the most similar text; empty if there is none."""
    near = close(value, allowed)
    return f"; did you mean {near!r}?" if near else ""


def either(words: Sequence[str]) -> str:
    """Join words as in a sentence: "a", "a or b", "one of a, b, c"."""
    return " or ".join(words) if len(words) < 3 else f"one of {', '.join(words)}"


def one_of(name: str, value: object, allowed: Iterable[Any], other: str = "") -> None:
    """Reject a value that is not among some allowed ones, such as the keys of a table.

    Parameters
    ----------
    name : str
    value
    allowed : iterable
    other : str
        Description of what else is allowed.
    """
    allowed = tuple(allowed)
    if not is_one(value, allowed):
        words = either([*map(repr, allowed), *([other] if other else [])])
        raise refused(name, value, words + nearest(value, allowed))


def choice(name: str, value: object, kind: Any, other: str = "") -> None:
    """Reject a value that is not among those of a `Literal`; see `choices`."""
    one_of(name, value, choices(kind), other)


def begun(name: str, value: str, allowed: Iterable[str]) -> str:
    """The one of some names in capitals that a text begins, whatever its case.

    Parameters
    ----------
    name : str
    value : str
    allowed : iterable of str

    Examples
    --------
    >>> from uvisxr.checks import begun
    >>> begun("slit", "high", ("HIGH_RESOLUTION", "LOW_RESOLUTION"))
    'HIGH_RESOLUTION'
    """
    allowed = tuple(allowed)
    plain = str(value).strip().upper().replace(" ", "_").replace("-", "_")
    fit = [one for one in allowed if one.startswith(plain)]
    if not plain or len(fit) != 1:
        raise refused(name, value, f"one of {', '.join(allowed)}{nearest(plain, allowed)}")
    return fit[0]


def only_one(**given: object) -> None:
    """Reject arguments that exclude each other; None means not given."""
    if all(value is not None for value in given.values()):
        raise ArgumentError(f"give either {' or '.join(f'{name}=' for name in given)}, not both")


def whole(
    name: str, value: Any, least: int, most: int | None = None, what: str = "a whole number"
) -> int:
    """Check that a value is a whole number within bounds.

    Parameters
    ----------
    name : str
    value
    least, most : int
        Inclusive bounds; no upper bound without `most`.
    what : str
        What the number counts.
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_whole or value < least or (most is not None and value > most):
        raise refused(name, value, f"{what}, {_bounds(least, None, most)}")
    return int(value)


def number(
    name: str,
    value: object,
    what: str,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> float:
    """Check that a value is a finite number within bounds, and not beyond 1e15.

    Parameters
    ----------
    name : str
    value
    what : str
        What the number is, with its unit: "an altitude, km".
    least, above, most : float, optional
        Bounds; `least` and `most` are inclusive, `above` is exclusive.
    """
    found = reals(value)
    if found is None or found.ndim or not _fits(found, least, above, most):
        raise refused(name, value, f"{what}, {_bounds(least, above, most)}{_huge(found)}")
    return float(found)


def is_number(value: object) -> bool:
    """Whether a value is one real number, of any kind."""
    found = reals(value)
    return found is not None and not found.ndim


def numbers(
    name: str,
    value: object,
    what: str,
    least: float | None = None,
    above: float | None = None,
) -> tuple[float, ...]:
    """Check a sequence of finite numbers; `what` and the bounds are as in `number`."""
    found = reals(value)
    if found is None or found.ndim != 1 or not _fits(found, least, above, None):
        raise refused(name, value, f"{what}, {_bounds(least, above, None)}{_huge(found)}")
    return tuple(found.tolist())


def pair(name: str, value: object, what: str, ascending: bool = True) -> tuple[float, float]:
    """Check that a value is a pair of finite numbers, by default in ascending order.

    Parameters
    ----------
    name : str
    value
    what : str
        What the numbers are, with their unit: "wavelengths, angstrom".
    ascending : bool
    """
    found = reals(value)
    if (
        found is None
        or found.shape != (2,)
        or not _fits(found, None, None, None)
        or (ascending and found[0] >= found[1])
    ):
        raise refused(name, value, f"two {'ascending ' if ascending else ''}{what}")
    return float(found[0]), float(found[1])


def as_if_in_nm(wanted: tuple[float, float], first: float, last: float) -> str:
    """What to add if a range of wavelengths would be one of these angstroms, were it in nm.

    Examples
    --------
    >>> from uvisxr.checks import as_if_in_nm
    >>> as_if_in_nm((130, 170), 1115.0, 1912.0), as_if_in_nm((130, 170), 561.0, 1182.0)
    ('; of nm write (1300, 1700)', '')
    """
    low, high = (10 * one for one in wanted)
    return f"; of nm write ({low:g}, {high:g})" if first <= low and high <= last else ""


def reals(value: object) -> np.ndarray | None:
    """A value as an array of float64; None if it does not consist of real numbers."""
    # Imported late: the command line uses the choices, and starts without numpy.
    import numpy as np

    if too_many(value):
        return None
    if isinstance(value, list | tuple) and any(isinstance(one, bool | np.bool_) for one in value):
        # Among numbers numpy takes them for 0 and 1.
        return None
    try:
        found = np.asarray(value)
    except (TypeError, ValueError):
        return None
    return found.astype(float) if found.dtype.kind in "iuf" else None


def _fits(found: np.ndarray, least: float | None, above: float | None, most: float | None) -> bool:
    return bool(
        (abs(found) <= _LARGEST).all()
        and (least is None or (found >= least).all())
        and (above is None or (found > above).all())
        and (most is None or (found <= most).all())
    )


def _bounds(least: float | None, above: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"{least:g} to {most:g}"
    words = [] if least is None else [f"{least:g} or more"]
    words += [] if above is None else [f"above {above:g}"]
    words += [] if most is None else [f"at most {most:g}"]
    return ", ".join(words) or "finite"


def _huge(found: np.ndarray | None) -> str:
    """What an error adds if numbers are beyond `_LARGEST`."""
    sizes = None if found is None else abs(found)
    beyond = sizes is not None and bool(((sizes > _LARGEST) & (sizes < float("inf"))).any())
    return f", at most {_LARGEST:g} in size" if beyond else ""


def shown(value: Any) -> str:
    """A value as messages show it: in one line, and not too long.

    Examples
    --------
    >>> from uvisxr.checks import shown
    >>> shown("x" * 1000)[-10:]
    "xxxxxxxxx'"
    """
    # The repr of a numpy scalar includes its type.
    try:
        plain = value.item() if getattr(value, "shape", None) == () else value
        text = " ".join(repr(plain).split())
    except Exception:  # whatever an object's own repr stumbles over
        text = f"<{type(value).__name__}>"
    return shortened(text)
