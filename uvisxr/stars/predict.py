"""Which pixels catalogue stars fall into.

A star is in a pixel if its apparent direction, at the middle of the exposure, lies in the spherical
polygon of the pixel's corners and the target does not hide it. Proper motion and the aberration due
to the spacecraft's motion are included; parallax, at Saturn 7 arcseconds for the nearest star, is
not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from .. import checks
from ..dataset import conventions, history
from ..errors import warn_user
from ..geometry import views
from ..geometry.rays import apparent
from ..numerics.sphere import dot, unit
from . import catalogue

__all__ = ["inside", "predict_stars"]

#: Star-exposure pairs tested at a time; bounds the memory.
_BLOCK = 2**14

#: Margin around the circle that encloses an exposure's pixels, rad: more than the aberration at 60
#: km/s plus the proper motion of any star during an observation.
_SLACK = 3e-4


def inside(star: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether directions lie in convex spherical polygons smaller than a hemisphere.

    Parameters
    ----------
    star : ndarray, (..., 3)
    corners : ndarray, (..., k, 3)
        Unit vectors in order, in either sense. Leading axes broadcast with those of `star`.

    Returns
    -------
    ndarray of bool
        False for polygons with a non-finite corner, or without area.
    """
    planes = np.cross(corners, np.roll(corners, -1, axis=-2))
    side = np.einsum("...i,...ki->...k", star, planes)
    # The normals of the planes point inwards or outwards, depending on the sense of the corners.
    middle = corners.sum(axis=-2)
    sense = np.einsum("...i,...ki->...k", middle, planes).sum(axis=-1)
    within = (side * np.sign(sense)[..., None] >= 0).all(axis=-1)
    inside: np.ndarray = within & (sense != 0) & (dot(star, middle) > 0)
    return inside


@history.step("predict_stars")
def predict_stars(
    ds: xr.Dataset, stars: xr.Dataset | str | Path | None = None, faintest: float | None = None
) -> xr.Dataset:
    """Predict which pixels stars of a catalogue fall into.

    Parameters
    ----------
    ds : Dataset
        With geometry.
    stars : Dataset or path, optional
        From `uvisxr.stars.catalogue.read`, or a file that it reads, such as the `stars.npy` of
        Cassini-UPyP. Default: the 31,215 ultraviolet stars of TD-1, if `uvisxr fetch stars` has
        downloaded them, else the 60 brightest of them.
    faintest : float, optional
        Leave out stars with greater magnitudes.

    Returns
    -------
    Dataset
        With the coordinates `star_count (pic, pixel)`, the number of stars not hidden by the
        target, if its shape is known, and `star_magnitude (pic, pixel)`, the magnitude of the
        brightest, NaN if there is none.

    Raises
    ------
    MissingStepError
        The dataset has no geometry.
    ArgumentError
        `stars` is not a catalogue.

    Warns
    -----
    UvisWarning
        By default, if there are only the 60.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> from uvisxr.stars import catalogue
    >>> with open("mine.csv", "w") as file:
    ...     print("name,ra,dec,magnitude", file=file)
    ...     print("mine,222.5,9.9,4.5", file=file)
    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.predict_stars(catalogue.read("mine.csv"))
    >>> int(ds.star_count.sum())
    1
    """
    file = catalogue.downloaded() if stars is None else stars
    if file is None:
        warn_user(
            "predict_stars: only the 60 brightest of TD-1's 31,215 ultraviolet stars are at hand, "
            "to magnitude 3.1: fainter ones may be in the slit. `uvisxr fetch stars` downloads "
            "all, which are then taken; stars= takes a file of your own, or the 60 as "
            "uvisxr.stars.catalogue.read()"
        )
    known = catalogue.read(file) if isinstance(file, str | Path | None) else file
    stars = catalogue.check(known)
    if faintest is not None:
        checks.number("faintest", faintest, "a magnitude")
        stars = stars.isel(star=np.flatnonzero(stars["magnitude"].values <= faintest))
    corners = views.corners(ds)
    view = None if views.shapeless(ds) else views.target(ds)
    pic, star, direction = candidates(ds, stars, corners)
    count = np.zeros(corners.shape[:2], np.int32)
    brightest = np.full(corners.shape[:2], np.inf)
    magnitude = stars["magnitude"].values
    centre, near = _circles(corners)
    for start in range(0, pic.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        at, where = pic[part], direction[part]
        close = np.einsum("ni,nki->nk", where, centre[at]) >= near[at]
        if view is not None:
            close &= ~view.at(at).hides(where)[:, None]
        pair, pixel = np.nonzero(close)
        hit = inside(where[pair], corners[at[pair], pixel])
        pair, pixel = pair[hit], pixel[hit]
        np.add.at(count, (at[pair], pixel), 1)
        np.minimum.at(brightest, (at[pair], pixel), magnitude[star[part][pair]])
    dims = ("pic", "pixel")
    result = ds.assign_coords(
        star_count=(dims, count),
        star_magnitude=(dims, np.where(np.isfinite(brightest), brightest, np.nan)),
    )
    files = [Path(file).expanduser()] if isinstance(file, str | Path) else []
    return history.used(conventions.apply(result), files, took={"stars": stars})


def candidates(
    ds: xr.Dataset, stars: xr.Dataset, corners: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of exposure and star in the circle around the exposure's pixels.

    Returns
    -------
    pic, star : ndarray of int, (n,)
    direction : ndarray, (n, 3)
        The star's apparent direction at that exposure.
    """
    et = np.atleast_1d(views.middle_sample(ds)["geometry_et"].values)
    centre, least = _circles(corners.reshape(len(corners), -1, 3))
    near = np.cos(np.minimum(np.arccos(np.clip(least, -1, 1)) + _SLACK, np.pi))
    middle = catalogue.directions(stars, catalogue.julian_year(et.mean()))
    pic, star = _near(centre, middle, near)
    moved = catalogue.directions(stars.isel(star=star), catalogue.julian_year(et[pic]))
    return pic, star, apparent(moved, views.velocity(ds)[pic])[0]


def _circles(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle (..., 3) of points (..., k, 3), and the cosine (...) of the farthest one's angle."""
    middle = unit(points.sum(axis=-2))
    # The corners themselves must not be lost to rounding.
    return middle, np.einsum("...ki,...i->...k", points, middle).min(axis=-1) - 1e-14


def _near(
    centre: np.ndarray, star: np.ndarray, cosine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    pics, stars = [], []
    rows = max(1, 2**22 // max(len(star), 1))
    for start in range(0, len(centre), rows):
        part = slice(start, start + rows)
        pic, which = np.nonzero(centre[part] @ star.T >= cosine[part, None])
        pics.append(pic + start)
        stars.append(which)
    return np.concatenate(pics), np.concatenate(stars)
