"""A calibrated, located observation made from closed forms: a slit that scans across a moon."""

from __future__ import annotations

import numpy as np
import xarray as xr

from helpers.handmade import observation
from uvisxr.dataset import conventions
from uvisxr.geometry import ellipsoid, views
from uvisxr.instrument.detector import Window
from uvisxr.numerics import sphere

RADII = np.array([2575.0, 2570.0, 2560.0])

#: Half the width of a pixel across the slit and along it, rad.
HALF = (0.75e-3, 0.5e-3)

#: Corners as signs across and along.
_CORNERS = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])

_FIELDS = ("lon", "lat", "lat_graphic", "alt", "sza", "phase", "ems", "lt", "on_disk", "ra", "dec")


def flyby(
    n_pic: int = 24,
    distance: float = 120_000.0,
    step: float = 2.5e-3,
    window: Window | None = None,
    brightness: float | None = None,
    target_ra: float = 121.0,
    target_dec: float = -17.0,
) -> xr.Dataset:
    """Exposures `step` rad apart, centred on a body in the middle of the sky's (ra, dec).

    The body turns little; its north is tilted to the slit. `radiance` is `brightness` kR over the
    whole range everywhere, or a lit disk with a haze above it.
    """
    window = window or Window(2, 0, 61, 1023, band_bin=64)
    bins = window.bins
    n_pixel = bins.line.size
    ds = observation(np.zeros((n_pic, n_pixel, bins.band.size), np.uint16), window, exposure=30.0)

    axes = _axes(target_ra, target_dec)
    pole_ra, pole_dec = target_ra + 70.0, 60.0
    meridian = 40.0 + 0.01 * np.arange(n_pic)
    turn = views.orientation(np.full(n_pic, pole_ra), np.full(n_pic, pole_dec), meridian)
    range_km = distance * (1 + 0.002 * np.arange(n_pic))
    observer = -range_km[:, None] * (turn @ axes[2])
    sun_sky = sphere.unit(-axes[2] + 0.9 * axes[0] + 0.3 * axes[1])
    sun = turn @ sun_sky

    across = step * (np.arange(n_pic) - (n_pic - 1) / 2)
    middle = (bins.line + bins.n_line / 2 - 32.0) * 1e-3
    signs = np.concatenate([[(0, 0)], _CORNERS])
    phi = middle[:, None] + signs[:, 1] * HALF[1] * bins.n_line[:, None]
    theta = across[:, None] + signs[:, 0] * HALF[0]
    looks = _looks(theta, phi) @ axes
    body = np.einsum("nij,npcj->npci", turn, looks)
    origin = np.broadcast_to(observer[:, None, None], body.shape)
    fields = _fields(origin, body, np.broadcast_to(sun[:, None, None], body.shape))
    fields["ra"], fields["dec"] = sphere.longitude(looks), sphere.latitude(looks)

    below = ellipsoid.nearest(observer, RADII)
    noon = ellipsoid.surface_point(sun, RADII)
    coords = {
        "sc_lon": ("pic", _west(below.normal * below.altitude[:, None] - observer)),
        "sc_lat": ("pic", sphere.latitude(observer - below.altitude[:, None] * below.normal)),
        "sc_alt": ("pic", below.altitude),
        "sub_solar_lon": ("pic", sphere.wrap(-sphere.longitude(noon))),
        "sub_solar_lat": ("pic", sphere.latitude(noon)),
        "heliocentric_distance": ("pic", np.full(n_pic, 9.1)),
        "target_distance": ("pic", range_km),
        "target_ra": ("pic", np.full(n_pic, target_ra)),
        "target_dec": ("pic", np.full(n_pic, target_dec)),
        "pole_ra": ("pic", np.full(n_pic, pole_ra)),
        "pole_dec": ("pic", np.full(n_pic, pole_dec)),
        "prime_meridian": ("pic", meridian),
        "sc_velocity": (("pic", "axis"), np.zeros((n_pic, 3))),
        "et": ("pic", 1.8e8 + 30.0 * np.arange(n_pic)),
        "geometry_et": ("pic", 1.8e8 + 30.0 * np.arange(n_pic)),
        "time": ("pic", np.datetime64("2005-09-14T19:58:56", "ns") + _seconds(n_pic)),
        "corner": ("corner", ["lower_left", "lower_right", "upper_right", "upper_left"]),
    }
    for name in _FIELDS:
        coords[name] = (("pic", "pixel"), fields[name][..., 0])
        coords[f"{name}_corners"] = (("pic", "pixel", "corner"), fields[name][..., 1:])
    level = _light(fields) if brightness is None else np.full((n_pic, n_pixel), brightness)
    span = float(np.ptp(ds["wl_bounds"].values))
    spectrum = np.repeat(level[..., None] / span, bins.band.size, axis=-1)
    radiance = {
        "radiance": (("pic", "pixel", "wl"), spectrum),
        "radiance_upper": (("pic", "pixel", "wl"), 0.1 * spectrum + 1e-5),
        "radiance_lower": (("pic", "pixel", "wl"), 0.05 * spectrum),
    }
    ds = ds.assign(radiance=radiance.pop("radiance")).assign_coords(coords | radiance)
    ds = ds.assign_attrs(
        target="TITAN",
        geometry_target="TITAN",
        target_radii=RADII.tolist(),
        lon_direction="west",
        name="FUV2005_257_19_58",
        slit="LOW_RESOLUTION",
        history="",
    )
    return conventions.apply(ds)


def _seconds(n: int) -> np.ndarray:
    return (30 * np.arange(n)).astype("timedelta64[s]").astype("timedelta64[ns]")


def _west(vector: np.ndarray) -> np.ndarray:
    return sphere.wrap(-sphere.longitude(-vector))


def _axes(ra: float, dec: float) -> np.ndarray:
    """Rows: across the slit, along it, and towards (ra, dec)."""
    away = sphere.vectors(ra, dec)
    along = sphere.unit(np.cross(away, [0.3, 0.1, 1.0]))
    return np.stack([np.cross(along, away), along, away])


def _looks(theta: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Directions (pic, pixel, 5, 3) in the frame of `_axes`."""
    theta, phi = theta[:, None, :], phi[None, :, :]
    x, y, z = np.sin(theta) * np.cos(phi), np.sin(phi), np.cos(theta) * np.cos(phi)
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1)


def _fields(origin: np.ndarray, look: np.ndarray, sun: np.ndarray) -> dict[str, np.ndarray]:
    reach = ellipsoid.intercept(origin, look, RADII)
    low = ellipsoid.tangent(origin, look, RADII)
    hit = np.isfinite(reach)
    point = origin + np.where(hit, reach, low.distance)[..., None] * look
    with np.errstate(invalid="ignore"):
        normal = np.where(hit[..., None], ellipsoid.surface_normal(point, RADII), low.normal)
    lon = sphere.longitude(point)
    return {
        "lon": sphere.wrap(-lon),
        "lat": sphere.latitude(point),
        "lat_graphic": sphere.latitude(normal),
        "alt": low.altitude,
        "sza": sphere.angle(normal, sun),
        "phase": sphere.angle(sun, -look),
        "ems": sphere.angle(normal, -look),
        "lt": sphere.wrap(180.0 + lon - sphere.longitude(sun)) / 15.0,
        "on_disk": hit.astype(np.int8),
    }


def _light(fields: dict[str, np.ndarray]) -> np.ndarray:
    """kR of a lit disk and a haze that thins with altitude."""
    cosine = np.maximum(np.cos(np.deg2rad(fields["sza"][..., 0])), 0.0)
    haze = np.exp(-np.maximum(fields["alt"][..., 0], 0.0) / 300.0)
    return (0.2 + 2.0 * cosine) * haze + 0.02


def without_pointing(ds: xr.Dataset) -> xr.Dataset:
    """The same as it is without pointing: nothing is known of where the pixels look."""
    names = [name for field in _FIELDS for name in (field, f"{field}_corners") if name in ds]
    return ds.assign_coords({name: xr.full_like(ds[name], np.nan, dtype=float) for name in names})
