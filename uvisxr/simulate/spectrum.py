"""Spectra of the simulation, seen through the slit: lines, bands and the light of Sun and stars.

A spectrum is a list of lines, each with its photon number; a continuum is a comb of lines 1
angstrom apart. On the detector, each line has the shape of `uvisxr.instrument.line_shape`, with
wings that reach everywhere, also those of lines whose image lies beside the detector.

Sources
-------
.. [K] Kramida et al., NIST Atomic Spectra Database (ver. 5.11): wavelengths in vacuum.
.. [A] Ajello et al. 2008, Titan airglow spectra from the Cassini UVIS: FUV disk analysis, Geophys.
   Res. Lett. 35, L06102: which lines and bands Titan's airglow has, and that Lyman-alpha, a few
   hundred rayleigh, and the LBH bands dominate. Brightnesses here are round numbers of that order.
.. [V] Vernazza, Avrett & Loeser 1981, Structure of the solar chromosphere III, ApJS 45, 635: the
   Sun's brightness temperature near its minimum, 4700 K at 1700 to 1900 angstrom.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..instrument import line_shape
from ..instrument.channel import N_BANDS, Channel
from ..numerics.constants import ASTRONOMICAL_UNIT, SPEED_OF_LIGHT
from . import vibronic

#: Spacing of the comb that stands for a continuum, angstrom. The optics' blur, 1.2 angstrom or more
#: (standard deviation), leaves less than 1e-11 of it visible.
_COMB = 1.0

_SUN_TEMPERATURE, _STAR_TEMPERATURE = 4700.0, 20000.0

#: Radius of the Sun over the astronomical unit.
_SUN_ANGLE = 695700.0 / ASTRONOMICAL_UNIT

#: The Lyman limit of hydrogen, below which interstellar gas absorbs starlight, angstrom.
_LYMAN_LIMIT = 911.75

#: Continua end here, well off the detector, angstrom.
_LONGEST = 1960.0

#: Reflected sunlight is simulated longward of this, angstrom; shortward it is lost in the airglow.
SUNLIGHT_FROM = 1500.0


@dataclass(frozen=True)
class Lines:
    """Lines of light.

    Attributes
    ----------
    wl : ndarray, (line,)
        Angstrom, in vacuum.
    strength : ndarray, (line,)
        Photon numbers, kR per unit of the amplitude they are multiplied by.
    """

    wl: np.ndarray
    strength: np.ndarray

    def __add__(self, other: Lines) -> Lines:
        return Lines(
            np.concatenate([self.wl, other.wl]), np.concatenate([self.strength, other.strength])
        )

    def __mul__(self, factor: float) -> Lines:
        return Lines(self.wl, self.strength * factor)

    def on_detector(self, channel: Channel, slit: str) -> np.ndarray:
        """Mean spectral radiance over each detector column, (1024,), kR/angstrom per unit."""
        edges = channel.wavelength(np.arange(N_BANDS + 1) - 0.5)
        light: np.ndarray = self.strength @ line_shape.mean(edges, self.wl, channel, slit)
        return light


def _lines(*pairs: tuple[float, float]) -> Lines:
    wl, strength = np.array(pairs).T
    return Lines(wl, strength)


def _bands(system: vibronic.System) -> Lines:
    return Lines(*vibronic.bands(system))


#: H I Lyman-alpha, Lyman-beta and He I 584 [K].
LYMAN_ALPHA, LYMAN_BETA, HELIUM = _lines((1215.670, 1)), _lines((1025.722, 1)), _lines((584.334, 1))

#: Sunlight scattered by the interplanetary gas: in every direction, kR.
SKY = LYMAN_ALPHA * 0.5 + LYMAN_BETA * 0.002 + HELIUM * 0.005

#: Atomic lines of nitrogen and argon, kR at the brightest of the limb [A, K].
_ATOMIC = _lines(
    (915.962, 0.004),  # N II
    (953.655, 0.006),  # N I
    (1048.220, 0.002),  # Ar I
    (1066.660, 0.002),  # Ar I
    (1083.990, 0.008),  # N II triplet
    (1084.580, 0.012),
    (1085.701, 0.020),
    (1134.415, 0.030),  # N I
    (1199.550, 0.030),  # N I triplet
    (1200.223, 0.020),
    (1200.710, 0.010),
    (1243.179, 0.020),  # N I
    (1492.625, 0.040),  # N I
    (1494.675, 0.008),
    (1742.729, 0.030),  # N I
    (1745.252, 0.010),
)


@cache
def nitrogen_airglow() -> Lines:
    """LBH bands of N2, and lines of N and Ar, kR at the brightest of Titan's limb."""
    return _bands(vibronic.LBH) * 0.6 + _ATOMIC


@cache
def aurora() -> Lines:
    """Lyman and Werner bands of H2 and Lyman-alpha, kR for 1 kR of H2 bands."""
    bands = _bands(vibronic.LYMAN) * 0.5 + _bands(vibronic.WERNER) * 0.5
    return bands + LYMAN_ALPHA * 0.3


def _comb(first: float, last: float) -> np.ndarray:
    """Wavelengths in the middle of equal steps, angstrom."""
    return np.arange(first + _COMB / 2, last, _COMB)


def _photons(wl: np.ndarray, temperature: float) -> np.ndarray:
    """Photon radiance of a black body, photons/s/cm2/sr/angstrom."""
    cm = wl * 1e-8
    light, planck_over_boltzmann = 1e5 * SPEED_OF_LIGHT, 1.438776877  # cm/s, cm K
    return 2 * light / cm**4 / np.expm1(planck_over_boltzmann / (cm * temperature)) * 1e-8


@cache
def sunlight(albedo: tuple[float, float]) -> Lines:
    """Sunlight reflected by a surface at normal incidence at 1 au, longward of 1500 angstrom, kR.

    Parameters
    ----------
    albedo : (float, float)
        Reflectance (I/F) at 1500 and at 1900 angstrom, linear in between.
    """
    wl = _comb(SUNLIGHT_FROM, _LONGEST)
    reflected = np.interp(wl, (SUNLIGHT_FROM, 1900.0), albedo)
    # 1 kR is 1e9 photons/s/cm2 over 4 pi sr; I/F is radiance over solar flux / pi.
    radiance = _photons(wl, _SUN_TEMPERATURE) * _SUN_ANGLE**2 * reflected
    return Lines(wl, 4 * np.pi * radiance * _COMB / 1e9)


@cache
def starlight() -> Lines:
    """A hot star, 1 kR/angstrom at 1500 angstrom."""
    wl = _comb(_LYMAN_LIMIT, _LONGEST)
    shape = _photons(wl, _STAR_TEMPERATURE)
    return Lines(wl, _COMB * shape / _photons(np.array(1500.0), _STAR_TEMPERATURE))
