"""Where lines of sight meet a shell around a body: the ellipsoid with longer semi-axes.

An aurora glows where its layer is, not where the ellipsoid lies behind it: 1100 km above Saturn
that is 1100 km times the tangent of the emission angle away. The shell of an altitude has the
body's semi-axes, each longer by it. That is not quite the surface at that height above the
ellipsoid: 1100 km above Saturn it is up to 1.4 km below.

No SPICE is needed: what was seen from where is in `uvisxr.geometry.views`, whose light time is that
of the body's centre. This displaces no point by more than 1e-4 of the body's radius.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT
from . import ellipsoid
from .views import Views


@dataclass(frozen=True)
class Met:
    """Points of a shell that are seen, NaN where there are none.

    Attributes
    ----------
    position, normal, backward, sunward : ndarray, (n, m, 3)
        In the body-fixed frame: position, km, outward normal of the shell, and apparent directions
        to the spacecraft and to the Sun.
    noon : ndarray, (n, 1)
        East longitude of the Sun, degrees.
    """

    position: np.ndarray
    normal: np.ndarray
    backward: np.ndarray
    sunward: np.ndarray
    noon: np.ndarray

    @cached_property
    def lon(self) -> np.ndarray:
        """East longitude, degrees, (n, m)."""
        return sphere.longitude(self.position)

    @cached_property
    def lat(self) -> np.ndarray:
        """Planetocentric latitude, degrees, (n, m)."""
        return sphere.latitude(self.position)

    @cached_property
    def lt(self) -> np.ndarray:
        """Local solar time of a body that rotates eastward, hours, (n, m)."""
        return sphere.hour_angle(self.lon, self.noon) / 15.0

    @cached_property
    def ems(self) -> np.ndarray:
        """Emission angle, degrees, (n, m)."""
        return sphere.angle(self.normal, self.backward)

    @cached_property
    def sza(self) -> np.ndarray:
        """Solar zenith angle, degrees, (n, m)."""
        return sphere.angle(self.normal, self.sunward)

    @cached_property
    def phase(self) -> np.ndarray:
        """Phase angle, degrees, (n, m)."""
        return sphere.angle(self.sunward, self.backward)


def meet(view: Views, direction: np.ndarray, altitude: float) -> Met:
    """Where directions first meet the shell of an altitude.

    Parameters
    ----------
    view : Views
        The body at n instants.
    direction : ndarray, (n, m, 3)
        Apparent, J2000, of unit length.
    altitude : float
        km; 0 is the ellipsoid itself.
    """
    radii = view.radii + altitude
    turn = np.swapaxes(view.rotation, -1, -2)
    motion = view.velocity[:, None, :] / SPEED_OF_LIGHT
    true = sphere.unit(direction - motion) @ turn
    origin = view.observer[:, None, :]
    with np.errstate(invalid="ignore"):
        position = origin + ellipsoid.intercept(origin, true, radii)[..., None] * true
        return Met(
            position=position,
            normal=ellipsoid.surface_normal(position, radii),
            backward=-(direction @ turn),
            sunward=sphere.unit(view.sun[:, None, :] - position),
            noon=sphere.longitude(view.sun)[:, None],
        )
