"""How many instants of an exposure backplanes are for: by how far the slit moves meanwhile.

The rule of the team's layout: points along the way at most some pixels apart, never fewer than
three, that is start, middle and end, and not more than a file can bear.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import xarray as xr

from .. import calls, checks
from ..errors import MissingStepError
from ..numerics import sphere
from .layout import LEAST_INSTANTS

#: Pixels between two instants, and the most instants, of the team's rule.
SPACING, MOST = 1.0, 33


@calls.public("subsampling")
def subsampling(smear: float, pixels_per_subsample: float = SPACING, most: int = MOST) -> int:
    """Number of instants for which an exposure needs backplanes.

    ceil(smear / pixels_per_subsample) + 1, from start to end alike, at least 3 and at most `most`.

    Parameters
    ----------
    smear : float
        How far the line of sight moves in an exposure, pixels: see `uvisxr.fits.smear`.
    pixels_per_subsample : float
        Distance of neighbouring instants, pixels.
    most : int

    Returns
    -------
    int
        For ``ds.uvis.backplanes(times=...)``.

    Raises
    ------
    ArgumentError
        An argument is no number, negative, or `most` is below 3.

    Examples
    --------
    >>> [uvisxr.fits.subsampling(smear) for smear in (0, 1.5, 6.2, 1e6)]
    [3, 3, 8, 33]
    """
    smear = checks.number("smear", smear, "pixels", least=0)
    spacing = checks.number("pixels_per_subsample", pixels_per_subsample, "pixels", above=0)
    most = checks.whole("most", most, LEAST_INSTANTS)
    return max(LEAST_INSTANTS, min(most, math.ceil(smear / spacing) + 1))


def rule(pixels_per_subsample: float = SPACING, most: int = MOST) -> str:
    """The rule as the keyword NT_RULE gives it.

    Examples
    --------
    >>> rule()
    '1px/sub, NT 3-33'
    """
    return f"{pixels_per_subsample:g}px/sub, NT {LEAST_INSTANTS}-{most}"


def by_rule(
    made: Callable[[int], xr.DataTree], pixels_per_subsample: float = SPACING
) -> xr.DataTree:
    """The backplanes at as many instants as the rule asks for, of one window or of several.

    Parameters
    ----------
    made : callable
        What makes them, of the number of instants.
    pixels_per_subsample : float
        As of `subsampling`.
    """
    count, asked = 0, LEAST_INSTANTS
    tree = xr.DataTree()
    # With more instants the way is followed more closely, and may be longer.
    while asked > count:
        count = asked
        tree = made(count)
        trees = [node for node in tree.subtree if "sky" in node.children]
        asked = max((subsampling(smear(one), pixels_per_subsample) for one in trees), default=0)
    return tree


def shortfall(way: float, count: int, spacing: float = SPACING) -> str:
    """What to say where backplanes have fewer instants than the rule asks for; empty otherwise.

    Parameters
    ----------
    way : float
        How far the slit moves in an exposure, pixels.
    count : int
        Instants that there are.
    spacing : float
        Pixels between two that the rule asks for.

    Examples
    --------
    >>> shortfall(1.5, 3)
    ''
    >>> print(shortfall(119.9, 3))
    the slit moves by up to 119.9 pixels in an exposure, and the backplanes have 3 instants, \
60.0 pixels apart: the rule, 1 pixel apart but at most 33 instants, asks for 33, 3.7 pixels apart; \
call ds.uvis.backplanes(times=33), or in a batch write `times: rule` among its backplanes
    """
    asked = subsampling(way, spacing)
    if count >= asked:
        return ""
    unit = "pixel" if spacing == 1 else "pixels"
    reached = f", {way / (asked - 1):.1f} pixels apart" if way > spacing * (asked - 1) else ""
    return (
        f"the slit moves by up to {way:.1f} pixels in an exposure, and the backplanes have {count} "
        f"instants, {way / (count - 1):.1f} pixels apart: the rule, {spacing:g} {unit} apart but "
        f"at most {MOST} instants, asks for {asked}{reached}; call "
        f"ds.uvis.backplanes(times={asked}), or in a batch write `times: rule` among its "
        "backplanes"
    )


def require_tree(backplanes: object) -> None:
    """Refuse what is no tree.

    Raises
    ------
    ArgumentError
        It is something else.
    """
    if not isinstance(backplanes, xr.DataTree):
        raise checks.refused("backplanes", backplanes, "what ds.uvis.backplanes() returns")


@calls.public("smear")
def smear(backplanes: xr.DataTree) -> float:
    """How far lines of sight move in the worst exposure, in pixels.

    The way of each pixel's centre on the sky, from instant to instant, over the shorter side of the
    pixel there.

    Parameters
    ----------
    backplanes : DataTree
        Of `ds.uvis.backplanes`, with `sky/ra` and `sky/dec` (pic, pixel, instant, point), degree.

    Returns
    -------
    float
        0 where no exposure has two instants with pointing.

    Raises
    ------
    ArgumentError
        It is no tree.
    MissingStepError
        The tree lacks directions, or the corners of pixels.
    """
    require_tree(backplanes)
    try:
        sky = backplanes["sky"]
        ra, dec = (
            sky[name].transpose("pic", "pixel", "instant", "point") for name in ("ra", "dec")
        )
        names = [str(name) for name in np.asarray(sky["point"])]
        at = [names.index(name) for name in ("center", "lower_left", "lower_right", "upper_left")]
    except (KeyError, ValueError) as error:
        raise MissingStepError(
            f"the tree has no sky/ra and sky/dec of centres and corners ({error}): give what "
            "ds.uvis.backplanes() returns"
        ) from None
    way = sphere.vectors(ra.values, dec.values)[..., at, :]
    centre, corner, right, up = np.moveaxis(way, -2, 0)
    sides = np.fmin(sphere.angle(corner, right), sphere.angle(corner, up))
    steps = sphere.angle(centre[:, :, 1:], centre[:, :, :-1])
    pixels = np.nansum(steps / np.fmin(sides[:, :, 1:], sides[:, :, :-1]), axis=-1)
    return float(pixels.max(initial=0.0))
