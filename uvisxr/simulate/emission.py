"""Light sources: amplitudes of their spectra along every line of sight.

Titan: airglow of a spherical Chapman layer, with emission proportional to the cosine of the solar
zenith angle and integrated along the line of sight; sunlight reflected by the disk. Saturn: an
auroral oval around the pole, brighter at dawn, and the sunlit disk. Other bodies: the sunlit disk.
In all directions, the glow of interplanetary hydrogen in the foreground.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xarray as xr

from ..geometry import shells, views
from ..instrument.detector import FIRST_LIT, LAST_LIT
from ..numerics.sphere import unit, vectors
from . import spectrum
from .spectrum import Lines

#: Gauss quadrature points across each pixel, in units of its half-width.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)

#: Airglow on the night side, as a fraction of that at the sub-solar point.
_NIGHT = 0.05

#: Reflectance (I/F) at 1500 and 1900 angstrom, round numbers.
_ALBEDO = {"TITAN": (0.01, 0.04), "SATURN": (0.01, 0.1)}
_BRIGHT = (0.05, 0.2)

#: Saturn's ovals: planetocentric latitude and width (degrees), brightness of the H2 bands (kR).
_OVAL, _OVAL_WIDTH, _OVAL_BRIGHTNESS = 74.0, 1.5, 20.0


@dataclass(frozen=True)
class Layer:
    """A spherical layer whose emission follows a Chapman profile.

    Attributes
    ----------
    radius : float
        Of the body, km.
    altitude, scale : float
        Altitude of peak emission, and scale height, km.
    """

    radius: float
    altitude: float = 1000.0
    scale: float = 90.0

    def emission(self, altitude: np.ndarray) -> np.ndarray:
        """Volume emission, 1 at the peak (Chapman 1931, Proc. Phys. Soc. 43, 26)."""
        u = (altitude - self.altitude) / self.scale
        return np.exp(1 - u - np.exp(-np.maximum(u, -30)))

    def profile(self) -> tuple[np.ndarray, np.ndarray]:
        """Tangent altitudes (negative on the disk), km, and brightness, 1 at the brightest."""
        return _limb(self)

    @property
    def limb_peak(self) -> float:
        """Tangent altitude of peak brightness, km."""
        altitude, brightness = self.profile()
        return float(altitude[np.argmax(brightness)])


@lru_cache
def _limb(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    top = layer.altitude + 20 * layer.scale
    disk = np.linspace(-layer.radius, -1.0, 120)
    altitude = np.concatenate([disk, np.arange(0.0, top + 1, 5.0)])
    reach = layer.radius + top
    brightness = []
    for b in layer.radius + altitude:
        # From the tangent point or the surface to the top; doubled above the limb.
        first = np.sqrt(max(layer.radius**2 - b**2, 0.0))
        s = np.linspace(first, np.sqrt(max(reach**2 - b**2, 0.0)), 2000)
        column = np.trapezoid(layer.emission(np.sqrt(b**2 + s**2) - layer.radius), s)
        brightness.append(column * (2 if b >= layer.radius else 1))
    values = np.array(brightness)
    return altitude, values / values.max()


#: Titan's airglow; radius: the mean of its axes.
TITAN = Layer(2574.8)

#: A wider layer of hydrogen, for Lyman-alpha.
TITAN_HYDROGEN = Layer(2574.8, 900.0, 300.0)

#: Lyman-alpha at the brightest of Titan's limb, and of Saturn's sunlit disk, kR.
_TITAN_HYDROGEN, _SATURN_HYDROGEN = 0.6, 1.0


@dataclass(frozen=True)
class Source:
    """One spectrum and how bright it is along each line of sight, (pic, row)."""

    name: str
    lines: Lines
    amplitude: np.ndarray


def sources(geometry: xr.Dataset, aurora_altitude: float = 0.0) -> list[Source]:
    """All light sources but stars.

    Parameters
    ----------
    geometry : Dataset
        With the fields of `uvisxr.geometry.los.geometry`, west longitudes, of single rows.
    aurora_altitude : float
        Of the shell on which Saturn's aurora lies, km.

    Returns
    -------
    list of Source
        Amplitudes are means over the pixels; exposures without pointing see only the sky.
    """
    target = geometry.attrs["geometry_target"]
    field = {name: over_pixel(geometry, name) for name in ("alt", "sza", "on_disk", "lat")}
    disk = field["on_disk"] > 0.5
    day = np.maximum(np.cos(np.deg2rad(field["sza"])), 0)
    shape = geometry["alt"].shape
    distance = np.reshape(geometry["heliocentric_distance"].values, (-1, 1))
    sunlit = _mean(np.where(disk, day, 0)) / distance**2

    found = [
        Source("sky", spectrum.SKY, np.ones(shape)),
        Source("sunlight", spectrum.sunlight(_ALBEDO.get(target, _BRIGHT)), sunlit),
    ]
    if target == "TITAN":
        lit = np.maximum(day, _NIGHT)
        for name, layer, lines in (
            ("airglow", TITAN, spectrum.nitrogen_airglow()),
            ("hydrogen", TITAN_HYDROGEN, spectrum.LYMAN_ALPHA * _TITAN_HYDROGEN),
        ):
            brightness = np.interp(field["alt"], *layer.profile(), right=0.0) * lit
            found.append(Source(name, lines, _mean(brightness)))
    if target == "SATURN":
        if aurora_altitude:
            lat, lt, met = _on_shell(geometry, aurora_altitude)
        else:
            lat, lt, met = field["lat"], geometry["lt"].values[..., None], disk
        aurora = _mean(np.where(met, _oval(lat, lt), 0))
        glow = _mean(np.where(disk, day, 0)) * _SATURN_HYDROGEN
        found.append(Source("aurora", spectrum.aurora(), aurora))
        found.append(Source("hydrogen", spectrum.LYMAN_ALPHA, glow))
    return found


def _oval(lat: np.ndarray, lt: np.ndarray) -> np.ndarray:
    """Brightness of Saturn's aurora at planetocentric latitudes and local times, kR."""
    oval = np.exp(-0.5 * ((np.abs(lat) - _OVAL) / _OVAL_WIDTH) ** 2)
    dawn = 1 + 0.5 * np.cos(np.deg2rad(15 * lt) - np.pi / 2)
    return np.asarray(oval * dawn * _OVAL_BRIGHTNESS)


def _on_shell(geometry: xr.Dataset, altitude: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latitudes, local times, and whether there is a shell, at the points of `over_pixel`."""
    corners = directions(geometry, "_corners")
    towards = unit(np.moveaxis(np.moveaxis(corners, 2, -1) @ _bilinear().T / 4, 2, -1))
    n, rows, points = towards.shape[:3]
    met = shells.meet(views.target(geometry), towards.reshape(n, -1, 3), altitude)
    lat, lt = (values.reshape(n, rows, points) for values in (met.lat, met.lt))
    return lat, lt, np.isfinite(lat)


def over_pixel(geometry: xr.Dataset, name: str) -> np.ndarray:
    """A field at 3 x 3 points of each pixel, bilinear between its corners, (pic, row, 9)."""
    corners = geometry[f"{name}_corners"].transpose("pic", "pixel", "corner").values
    return np.asarray(corners.astype(float) @ _bilinear().T / 4)


def _bilinear() -> np.ndarray:
    """Four times the weights of the corners at the points of a pixel, (9, 4)."""
    x, y = (grid.ravel()[:, None] for grid in np.meshgrid(_NODES, _NODES))
    corners = [(1 - x) * (1 - y), (1 + x) * (1 - y), (1 + x) * (1 + y), (1 - x) * (1 + y)]
    return np.asarray(np.hstack(corners))


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the points of each pixel; 0 where the field of view is unknown."""
    weight = np.outer(_WEIGHTS, _WEIGHTS).ravel() / 4
    return np.nan_to_num(values @ weight)


@dataclass(frozen=True)
class Star:
    """A star: direction J2000, degrees, and kR/angstrom at 1500 A in the pixel it fills."""

    ra: float
    dec: float
    brightness: float


def choose_stars(geometry: xr.Dataset, count: int, rng: np.random.Generator) -> list[Star]:
    """Stars seen by some lit pixel off the disk."""
    free = (geometry["on_disk_corners"].values == 0).all(axis=-1)
    free &= np.isfinite(geometry["ra"].values)
    free &= (geometry["line"].values > FIRST_LIT) & (geometry["line"].values < LAST_LIT)
    places = np.argwhere(free)
    if not len(places):
        return []
    chosen = places[rng.choice(len(places), min(count, len(places)), replace=False)]
    ra, dec = (geometry[name].values[tuple(chosen.T)] for name in ("ra", "dec"))
    brightness = 10 ** rng.uniform(-1.5, 0, len(chosen))
    return [Star(*map(float, row)) for row in zip(ra, dec, brightness, strict=True)]


def starlight(geometry: xr.Dataset, stars: list[Star]) -> Source:
    """Starlight in the pixels whose field of view contains the star at mid-exposure."""
    centre, corners = directions(geometry, ""), directions(geometry, "_corners")
    amplitude = np.zeros(centre.shape[:2])
    for star in stars:
        towards = vectors(star.ra, star.dec)
        inside = (centre @ towards) > 0.9
        # lower left, lower right, upper right, upper left: across the slit, then along it.
        for corner in (1, 3):
            edge = corners[..., corner, :] - corners[..., 0, :]
            length2 = np.sum(edge**2, axis=-1)
            offset = np.sum((towards - centre) * edge, axis=-1)
            inside &= np.abs(offset) <= length2 / 2
        amplitude += np.where(inside, star.brightness, 0)
    return Source("stars", spectrum.starlight(), amplitude)


def directions(geometry: xr.Dataset, suffix: str) -> np.ndarray:
    """Unit vectors (..., 3) of the lines of sight, J2000."""
    return vectors(*(geometry[f"{name}{suffix}"].values for name in ("ra", "dec")))
