"""What the spacecraft sees at each exposure, for pictures and star prediction.

The target's position, orientation and shape are read from a dataset with geometry, without SPICE,
so a dataset read back from a file is enough. Other bodies need kernels. Directions are apparent,
J2000; light time is that of each body's centre, which displaces no point of a body that rotates in
hours by more than 1e-4 of its radius.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import xarray as xr

from .. import checks
from ..errors import ArgumentError, CoverageError, KernelError, MissingStepError, warn_user
from ..instrument.channel import N_LINES
from ..instrument.detector import Bins
from ..kernels import choose, spice
from ..kernels.bodies import SUN, Body, named, resolve
from ..kernels.session import LOCK, loaded
from ..numerics.constants import ASTRONOMICAL_UNIT, SPEED_OF_LIGHT
from ..numerics.sphere import dot, east, unit, vectors
from . import ellipsoid, outline
from .ephemeris import Ephemeris
from .rays import apparent

_D = TypeVar("_D", xr.Dataset, xr.DataArray)

#: Cassini and the barycentres are not drawn, nor are the Sun (10) and NAIF codes above 999.
PLANETS_AND_MOONS = range(199, 1000)


@dataclass(frozen=True)
class Views:
    """One body as the spacecraft sees it at n instants.

    Attributes
    ----------
    name : str
    radii : ndarray, (3,)
        Semi-axes, km.
    rotation : ndarray, (n, 3, 3)
        From J2000 to the body-fixed frame.
    observer, sun : ndarray, (n, 3)
        Positions of spacecraft and Sun in the body-fixed frame, km.
    velocity : ndarray, (n, 3)
        Of the spacecraft relative to the solar-system barycentre, J2000, km/s.
    """

    name: str
    radii: np.ndarray
    rotation: np.ndarray
    observer: np.ndarray
    sun: np.ndarray
    velocity: np.ndarray

    def at(self, index: int | slice | np.ndarray) -> Views:
        """Some of the instants; an integer gives a single one without the leading axis."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Views(**{k: v if k in ("name", "radii") else v[index] for k, v in values.items()})

    @property
    def distance(self) -> np.ndarray:
        """Distance to the body's centre, km, (n,)."""
        distance: np.ndarray = np.linalg.norm(self.observer, axis=-1)
        return distance

    @property
    def centre(self) -> np.ndarray:
        """Apparent direction of the body's centre, J2000, (n, 3)."""
        return self.sky(np.zeros(3))

    @property
    def pole(self) -> np.ndarray:
        """Direction of the body's north pole, J2000, (n, 3)."""
        return self.rotation[..., 2, :]

    def sky(self, point: np.ndarray) -> np.ndarray:
        """Apparent directions, J2000, of points (..., 3) in the body-fixed frame, km.

        For one instant any number of points (..., 3); for n instants one point or n.
        """
        true = np.einsum("...ji,...j->...i", self.rotation, unit(point - self.observer))
        return apparent(true, self.velocity)[0]

    def hides(self, direction: np.ndarray) -> np.ndarray:
        """Whether the body hides what lies in apparent directions, J2000, infinitely far away.

        For n instants n directions (n, 3); for one instant any number (..., 3). Bool.
        """
        true = direction - self.velocity / SPEED_OF_LIGHT
        turned = np.einsum("...ij,...j->...i", self.rotation, true)
        return outline.hides(self.observer, turned, self.radii)


def target(ds: xr.Dataset) -> Views:
    """The target, from a dataset with geometry.

    Parameters
    ----------
    ds : Dataset
        If there are several samples per exposure, the middle one is used.

    Raises
    ------
    MissingStepError
        The dataset has no geometry, has lost part of it, or its target has no shape.
    """
    ds = middle_sample(ds)
    if shapeless(ds):
        raise MissingStepError(
            f"the geometry knows no shape of the target "
            f"({ds.attrs.get('geometry_target') or 'no body'}): call ds.uvis.geometry(target=...) "
            "with a body of known radii and rotation"
        )
    try:
        radii = np.asarray(ds.attrs["target_radii"], float)
        name = str(ds.attrs["geometry_target"])
        sign = -1.0 if ds.attrs["lon_direction"] == "west" else 1.0
        angles = ("target_ra", "target_dec", "pole_ra", "pole_dec", "prime_meridian")
        ra, dec, pole_ra, pole_dec, meridian = (np.atleast_1d(ds[n].values) for n in angles)
        velocity = vectors_of(ds, "sc_velocity")
        noon_lon, noon_lat, far, distance = (
            np.atleast_1d(ds[n].values)
            for n in ("sub_solar_lon", "sub_solar_lat", "heliocentric_distance", "target_distance")
        )
    except KeyError as missing:
        raise MissingStepError(
            f"the dataset has no view of its target ({missing} is missing): call "
            "ds.uvis.geometry() and keep its coordinates and attributes"
        ) from None
    rotation = orientation(pole_ra, pole_dec, meridian)
    true = unit(vectors(ra, dec) - velocity / SPEED_OF_LIGHT)
    observer = -distance[:, None] * np.einsum("nij,nj->ni", rotation, true)
    below = outline.surface(sign * noon_lon, noon_lat, radii)
    sun = below + far[:, None] * ASTRONOMICAL_UNIT * ellipsoid.surface_normal(below, radii)
    return Views(name, radii, rotation, observer, sun, velocity)


def shapeless(ds: xr.Dataset) -> bool:
    """Whether a geometry's target is no body, or one without known shape and orientation."""
    has_shape = "target_radii" in ds.attrs or "prime_meridian" in ds.variables
    return "geometry_et" in ds.variables and not has_shape


def vectors_of(ds: xr.Dataset, name: str) -> np.ndarray:
    """Vectors of a dataset, one an instant, (n, 3), in whatever order its dimensions are."""
    return ds[name].transpose(..., "axis").values.reshape(-1, 3)


def velocity(ds: xr.Dataset) -> np.ndarray:
    """Velocity of the spacecraft relative to the solar-system barycentre, J2000, km/s, (n, 3).

    Raises
    ------
    MissingStepError
        The dataset has no geometry.
    """
    try:
        return vectors_of(middle_sample(ds), "sc_velocity")
    except KeyError:
        raise MissingStepError(
            "the dataset has no sc_velocity: call ds.uvis.geometry() and keep its coordinates"
        ) from None


def orientation(ra: np.ndarray, dec: np.ndarray, meridian: np.ndarray) -> np.ndarray:
    """Rotations from J2000 to a body-fixed frame, (n, 3, 3), from the IAU angles, degrees."""
    north, node = vectors(ra, dec), east(ra)
    along = np.cross(north, node)
    w = np.deg2rad(meridian)
    cos, sin = np.cos(w)[:, None], np.sin(w)[:, None]
    return np.stack([cos * node + sin * along, cos * along - sin * node, north], axis=-2)


def middle_sample(ds: _D) -> _D:
    """The dataset or array with the middle one of several instants per exposure."""
    return ds.isel(sample=ds.sizes["sample"] // 2) if "sample" in ds.dims else ds


def others(
    ds: xr.Dataset,
    kernel_source: str | Path | Iterable[str | Path] | None = None,
    bodies: Iterable[str] | None = None,
) -> list[Views]:
    """Other bodies at a dataset's instants, from kernels.

    Parameters
    ----------
    ds : Dataset
        With geometry, whose target may be no body.
    kernel_source : path or iterable of paths, optional
        As `kernels` of `uvisxr.geometry.los.geometry`.
    bodies : iterable of str, optional
        Default: every planet and moon whose position and shape are in the kernels chosen for the
        dataset's target. `()`, for none, needs no kernels.

    Returns
    -------
    list of Views
        Without the target and the Sun; NaN at instants at which a body is not covered.

    Raises
    ------
    ArgumentError
        SPICE does not know a name.
    KernelError
        There are no kernels.
    CoverageError
        The kernels do not cover the spacecraft or the target.

    Warns
    -----
    UvisWarning
        Named bodies are left out whose position, shape or rotation is not in the kernels.
    """
    ds = middle_sample(ds)
    if "geometry_et" not in ds.variables:
        raise MissingStepError("the dataset has no geometry: call ds.uvis.geometry()")
    et = np.atleast_1d(ds["geometry_et"].values)
    own = None if shapeless(ds) else target(ds).name
    names = None if bodies is None else [name for name in _names(bodies) if name != own]
    if names == []:
        return []
    files, lacking = _select(kernel_source, et, own, names or [])
    found = []
    with loaded(files):
        for name in loaded_names(own) if names is None else names:
            if name in lacking:
                continue
            body = resolve(name)
            if not isinstance(body, Body):
                lacking[name] = "the kernels have no shape and rotation of it"
                continue
            try:
                found.append(_views(body, et))
            except KernelError as error:
                # In the kernels only at other times.
                lacking[name] = str(error)
    for name in names or ():
        if name in lacking:
            warn_user(f"{name} is left out: {lacking[name]}")
    return found


def _select(
    source: choose.Kernels, et: np.ndarray, own: str | None, names: list[str]
) -> tuple[list[Path], dict[str, str]]:
    """Kernels for the target and those of other bodies that they cover; why they do not the
    rest."""

    def select(*names: str) -> list[Path]:
        bodies = ("CASSINI", *([own] if own else []), "SUN", *names)
        return choose.select(source, ets=et, bodies=bodies, frame_id=None)

    try:
        return select(*names), {}
    except CoverageError:
        # If it is not for the spacecraft or the target, it is for some of the others.
        select()
    lacking = {}
    for name in names:
        try:
            select(name)
        except CoverageError as error:
            lacking[name] = str(error)
    return select(*(name for name in names if name not in lacking)), lacking


def _names(bodies: Iterable[str]) -> list[str]:
    """SPICE's names of bodies, each once, without the Sun."""
    names = {}
    for body in [bodies] if isinstance(bodies, str) else bodies:
        try:
            # SPICE also knows numbers as names, any of them.
            if not isinstance(body, str):
                raise ArgumentError("no text")
            with LOCK:
                name, code = named(body)
        except ArgumentError:
            raise checks.refused(
                "bodies", body, 'names of bodies that SPICE knows, such as "SATURN"'
            ) from None
        names[name] = code
    return [name for name, code in names.items() if code != SUN]


def loaded_names(own: str | None) -> list[str]:
    """Planets and moons in the loaded kernels, without the target, in order of their codes."""
    codes: set[int] = set()
    for index in range(spice.ktotal("SPK")):
        file, *_ = spice.kdata(index, "SPK")
        codes |= set(spice.spkobj(file))
    names = []
    known = {spice.bods2c(own)} if own else set()
    for code in sorted(codes & set(PLANETS_AND_MOONS) - known):
        # Those discovered since have no names yet.
        with contextlib.suppress(spice.NotFoundError):
            names.append(spice.bodc2n(code))
    return names


def _views(body: Body, et: np.ndarray) -> Views:
    found = Ephemeris.of(body, et)
    return Views(
        name=body.name,
        radii=body.radii,
        rotation=found.rotation,
        observer=found.to_body(-found.position),
        sun=found.to_body(found.sun),
        velocity=found.spacecraft_velocity,
    )


def corners(ds: xr.Dataset) -> np.ndarray:
    """Apparent directions of the pixels' corners, J2000, (pic, pixel, 4, 3).

    Raises
    ------
    MissingStepError
        The dataset has no geometry.
    """
    ds = middle_sample(ds)
    try:
        ra, dec = (
            ds.variables[name].transpose("pic", "pixel", "corner").values
            for name in ("ra_corners", "dec_corners")
        )
    except (KeyError, ValueError):
        raise MissingStepError(
            "the dataset has no ra_corners and dec_corners over pic, pixel and corner: call "
            "ds.uvis.geometry(), and select with isel(pic=[0]) instead of isel(pic=0)"
        ) from None
    return vectors(ra, dec)


def slit(ds: xr.Dataset) -> np.ndarray:
    """Corners of all 64 detector rows, (pic, 64, 4, 3), from those of the rows in the dataset.

    Each long edge of the slit is a great circle along which every row spans the same angle.
    """
    used, bins = corners(ds), Bins.of(ds)
    first, last = int(np.argmin(bins.line)), int(np.argmax(bins.line))
    low = bins.line[first]
    rows = bins.line[last] + bins.n_line[last] - low
    edges = []
    for lower, upper in ((0, 3), (1, 2)):
        start, stop = used[:, first, lower], used[:, last, upper]
        axis = np.cross(start, stop)
        length = np.linalg.norm(axis, axis=-1)
        angle = np.arctan2(length, dot(start, stop)) / rows
        with np.errstate(invalid="ignore"):
            across = np.cross(axis / length[:, None], start)
        turn = (angle[:, None] * (np.arange(N_LINES + 1) - low))[..., None]
        edges.append(np.cos(turn) * start[:, None] + np.sin(turn) * across[:, None])
    left, right = edges
    return np.stack([left[:, :-1], right[:, :-1], right[:, 1:], left[:, 1:]], axis=2)


def tangent_plane(views: Views) -> np.ndarray:
    """Axes of the image plane, J2000, (n, 3, 3): right, up (the body's north), away."""
    away = views.centre
    up = unit(views.pole - dot(views.pole, away)[..., None] * away)
    return np.stack([np.cross(away, up), up, away], axis=-2)


def on_plane(views: Views, direction: np.ndarray) -> np.ndarray:
    """Where directions meet the plane through the body's centre that faces the spacecraft.

    Parameters
    ----------
    views : Views
        n instants.
    direction : ndarray, (n, ..., 3)
        Apparent, J2000.

    Returns
    -------
    ndarray, (n, ..., 2)
        km to the right and towards the body's north; NaN for directions behind, or more than 85
        degrees off axis.
    """
    shape = direction.shape
    flat = direction.reshape(shape[0], -1, 3)
    right, up, away = np.moveaxis(tangent_plane(views) @ np.swapaxes(flat, -1, -2), -2, 0)
    depth = np.where(away > np.cos(np.deg2rad(85.0)), away, np.nan)
    scale = views.distance[:, None] / depth
    return np.stack([right * scale, up * scale], axis=-1).reshape(*shape[:-1], 2)
