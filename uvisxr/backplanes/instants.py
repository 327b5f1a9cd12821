"""At which times within each exposure: names, shares of the exposure, or how many."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .. import checks
from ..errors import ArgumentError

#: Shares of the exposure that have names.
NAMED = {"start": 0.0, "mid": 0.5, "stop": 1.0}

#: As many times as the movement of the slit asks for.
RULE = "rule"

#: Most instants within an exposure.
_MOST = 1000

_EXPECTED = (
    'names of times ("start", "mid", "stop"), shares of the exposure from 0 to 1, or how many '
    'times from start to stop, or "rule"'
)


def shares(times: object) -> tuple[np.ndarray, list[str] | np.ndarray]:
    """Shares of the exposure at which instants are, and what these are called.

    Parameters
    ----------
    times : str, float, int, or iterable of str or float
        "start", "mid" or "stop"; a share of the exposure, 0 to 1; or as a whole number by itself,
        how many times from start to stop.

    Returns
    -------
    shares : ndarray, (instant,)
    labels : list of str, or ndarray
        The names, if all have been named or their number alone gives such as have names; the
        shares otherwise.

    Raises
    ------
    ArgumentError
        They are nothing of that, or a time is there twice.

    Examples
    --------
    >>> shares(("start", "stop")), shares(1)
    ((array([0., 1.]), ['start', 'stop']), (array([0.5]), ['mid']))
    >>> shares(5)[1]
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    if isinstance(times, int | np.integer) and not isinstance(times, bool):
        number = checks.whole("times", times, 1, _MOST, "how many times within an exposure")
        found = np.linspace(0.0, 1.0, number) if number > 1 else np.array([0.5])
        names = {share: name for name, share in NAMED.items()}
        return found, [names[one] for one in found] if set(found) <= set(names) else found
    if isinstance(times, str) or checks.is_number(times):
        times = [times]
    if not isinstance(times, Iterable) or isinstance(times, bytes) or checks.too_many(times, _MOST):
        raise checks.refused("times", times, _EXPECTED)
    given = list(times)
    found = np.array([_share(one, times) for one in given])
    if not found.size:
        raise ArgumentError(f"times= is empty: give {_EXPECTED}")
    if np.unique(found).size < found.size:
        raise checks.refused("times", given, "each time once")
    named = all(isinstance(one, str) for one in given)
    return found, [str(one) for one in given] if named else found


def _share(one: object, times: object) -> float:
    if isinstance(one, str) and one in NAMED:
        return NAMED[one]
    if checks.is_number(one) and 0 <= (share := float(np.asarray(one))) <= 1:
        return share
    raise checks.refused("times", times, f"{_EXPECTED}{checks.nearest(one, [*NAMED, RULE])}")
