"""How many instants of an exposure backplanes are for: by how far the slit moves meanwhile.

The rule of the team's layout: points along the way at most some pixels apart, never fewer than
three, that is start, middle and end, and not more than a file can bear.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from .. import calls, checks
from ..backplanes import smear as ways
from ..errors import MissingStepError
from ..numerics import sphere

#: Pixels between two instants, and the most instants, of the team's rule.
SPACING, MOST = ways.SPACING, ways.MOST

#: Part of a step by which steps in time may differ and be even.
_EVEN = 1e-3


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
    most = checks.whole("most", most, ways.LEAST)
    return ways.number(smear, spacing, most)


def rule(pixels_per_subsample: float = SPACING, most: int = MOST) -> str:
    """The rule as the keyword NT_RULE gives it.

    Examples
    --------
    >>> rule()
    '1px/sub, NT 3-33'
    """
    return f"{pixels_per_subsample:g}px/sub, NT {ways.LEAST}-{most}"


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
call ds.uvis.backplanes(times="rule"), or in a batch write `times: rule` among its backplanes
    """
    asked = subsampling(way, spacing)
    if count >= asked:
        return ""
    unit = "pixel" if spacing == 1 else "pixels"
    reached = f", {way / (asked - 1):.1f} pixels apart" if way > spacing * (asked - 1) else ""
    own = "" if spacing == SPACING else f", pixels_per_subsample={spacing:g}"
    return (
        f"the slit moves by up to {way:.1f} pixels in an exposure, and the backplanes have {count} "
        f"instants, {way / (count - 1):.1f} pixels apart: the rule, {spacing:g} {unit} apart but "
        f"at most {MOST} instants, asks for {asked}{reached}; call "
        f'ds.uvis.backplanes(times="rule"{own}), or in a batch write `times: rule` among its '
        "backplanes"
    )


def kept(backplanes: xr.DataTree, spacing: float = SPACING) -> str:
    """What the keyword NT_RULE says of the instants of backplanes, in order of time.

    The rule, if they are evenly spaced and as many as it asks for, or more; or else their number.
    """
    sky = backplanes["sky"].to_dataset()
    times = sky["et"].transpose("instant", "pic").values
    own = f"NT {len(times)}"
    try:
        asked = subsampling(smear(backplanes), spacing)
    except MissingStepError:
        return own
    # The geometry of a dataset has none at start and end.
    known = sky["ra"].notnull().any(["pic", "pixel", "point"]).all()
    steps = np.diff(times, axis=0)
    even = (abs(steps - steps.mean(axis=0)) <= _EVEN * steps.mean(axis=0)).all()
    return rule(spacing) if known and even and asked <= len(times) <= MOST else own


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
        at = [names.index(name) for name in ways.LOOKED_AT]
    except (KeyError, ValueError) as error:
        raise MissingStepError(
            f"the tree has no sky/ra and sky/dec of centres and corners ({error}): give what "
            "ds.uvis.backplanes() returns"
        ) from None
    return ways.pixels(sphere.vectors(ra.values, dec.values)[..., at, :])
