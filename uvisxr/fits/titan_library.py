"""Read files of the team's Titan library (v0.3), which come from the older cube generator.

Arrays have all 1024 x 64 pixels of the detector, with the window in their first corner, and zeros
elsewhere; what was measured in an exposure is there three times, for its start, middle and end.
Backplanes are of the target alone.

The instrument's own sense of values is kept where the files say nothing: radiances are taken as
kR/angstrom, and wavelengths below 250 as nm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..instrument.channel import CHANNELS
from . import layout, parts, planes, units
from .decode import File, keyword
from .structure import NotFitsError

if TYPE_CHECKING:
    from astropy.io.fits import Header

#: HDUs by which such a file is known.
_KNOWN = ("CONFIG", "TIME", "DATA")

#: Longest wavelength in nm that UVIS has, and less than any in angstrom.
_NANOMETRES = 250.0

#: Fields of the tree by table and column, and what values are multiplied by.
_TIMES: dict[str, tuple[str, float]] = {
    "SUB_SC_LAT": ("sc_lat", 1),
    "SUB_SC_LON": ("sc_lon", 1),
    "SUB_SOLAR_LAT": ("sub_solar_lat", 1),
    "SUB_SOLAR_LON": ("sub_solar_lon", 1),
    # From the centre, in spite of the name.
    "SC_ALTITUDE": ("center_distance", 1),
    "TARGET_RA": ("center_ra", 1),
    "TARGET_DEC": ("center_dec", 1),
    "TARGET_DECLINATION": ("center_dec", 1),
    "TARGET_PHASE_ANGLE": ("sc_phase", 1),
    "TARGET_INCIDENCE_ANGLE": ("sc_sza", 1),
    "TARGET_EMISSION_ANGLE": ("sc_ems", 1),
    "RAM_LON": ("ram_lon", 1),
    "RAM_LAT": ("ram_lat", 1),
    "RAM_LONGITUDE": ("ram_lon", 1),
    "RAM_LATITUDE": ("ram_lat", 1),
    "SATURN_LOCAL_TIME": ("planet_lt", 1),
}
_POINTS: dict[str, tuple[str, str, float]] = {
    "RA": ("sky", "ra", 1),
    "DEC": ("sky", "dec", 1),
    "RING_PLANE_RADII": ("rings", "ring_radius", 1),
    "LAT": ("", "lat", 1),
    "LON": ("", "lon", 1),
    "SOLAR_HOUR_ANGLE": ("", "hour_angle", 15),
    "LOS": ("", "distance", 1),
    "RAYHEIGHT": ("", "ray_height", 1),
    "EMISSION_ANGLE": ("", "ems", 1),
    "INCIDENCE_ANGLE": ("", "sza", 1),
    "PHASE_ANGLE": ("", "phase", 1),
}
_VECTORS = {
    "sc_velocity": ("VEL_X_SC_RATE", "VEL_Y_SC_RATE", "VEL_Z_SC_RATE"),
    "sc_position": ("VX_SC", "VY_SC", "VZ_SC"),
}


def is_one(file: File) -> bool:
    """Whether a file has the HDUs of the library."""
    return all(name in file.hdus for name in _KNOWN)


def read(file: File) -> tuple[xr.Dataset, xr.DataTree]:
    """The dataset and the tree of a file.

    Raises
    ------
    NotFitsError
        Its parts do not fit each other.
    """
    primary = file.header("PRIMARY")
    times = _column(file.table("TIME"), "TIME_ET", "TIME", 2)
    if not parts.are_times(times):
        raise NotFitsError("TIME_ET holds no times of the flight")
    config = {
        name: values.ravel()[0]
        for name, values in file.table("CONFIG").items()
        if values.size and values.dtype.kind in "iuf"
    }
    told = {key: _whole(config.get(key)) for key in parts.CORNERS.values()}
    data = file.table("DATA")
    raw = _column(data, "RAWCOUNTS", "DATA", 4)
    if raw.shape[:2] != times.shape:
        raise NotFitsError(f"RAWCOUNTS has the shape {raw.shape}, TIME_ET {times.shape}")
    window = parts.window_of(told, _size(told, raw.shape))
    rows, bands = window.shape if window else (raw.shape[3], raw.shape[2])
    if rows > raw.shape[3] or bands > raw.shape[2]:
        raise NotFitsError(f"the window of {rows} x {bands} elements is larger than the arrays")
    middle = times.shape[1] // 2

    def cut(cube: np.ndarray) -> np.ndarray:
        """(..., NX, NY) as (..., pixel, wl), of the window."""
        return np.swapaxes(cube[..., :bands, :rows], -1, -2)

    channel = keyword(primary, "CHANNEL", str)
    length = config.get("INT_TIME")
    radiance = cut(_column(data, "UVIS_CALIBRATED", "DATA", 4)[:, middle])
    unit = file.units("DATA").get("UVIS_CALIBRATED")
    radiance = radiance * np.float32(units.factor(unit, units.RADIANCE, "UVIS_CALIBRATED"))
    ds = parts.dataset(
        parts.Parts(
            raw=cut(raw[:, middle]),
            times=times.T,
            window=window,
            channel=channel if channel in CHANNELS else None,
            product=keyword(primary, "PROD_ID", str) or "",
            length=float(length) if length is not None and length > 0 else None,
            clock=float(config.get("OBS_SECONDS", np.nan)),
            radiance=radiance.astype(np.float32),
            factor=_factor(file, cut),
            wavelength=_wavelengths(file, bands),
            label=parts.label_of(primary),
        )
    )
    return ds, parts.numbered(_tree(file, primary, times, rows), ds)


def _whole(value: Any) -> int | None:
    return int(value) if value is not None and np.isfinite(value) else None


def _size(told: dict[str, Any], shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of the window, in bins, as far as the arrays have them."""
    if None in told.values() or 0 in (told["IMG_XBIN"], told["IMG_YBIN"]):
        return shape[3], shape[2]
    rows = -(-(told["IMG_YMAX"] - told["IMG_YMIN"] + 1) // told["IMG_YBIN"])
    bands = -(-(told["IMG_XMAX"] - told["IMG_XMIN"] + 1) // told["IMG_XBIN"])
    return min(rows, shape[3]), min(bands, shape[2])


def _column(table: dict[str, np.ndarray], name: str, where: str, ndim: int) -> np.ndarray:
    values = table.get(name)
    if values is None or values.ndim != ndim or values.dtype.kind not in "iuf" or not values.size:
        raise NotFitsError(f"{where} has no {name} of {ndim} dimensions")
    return values


def _factor(file: File, cut: Any) -> np.ndarray | None:
    if "CAL" not in file.hdus:
        return None
    plane = next(iter(file.table("CAL").values()), np.zeros(0))
    if plane.ndim != 3 or len(plane) != 1:
        return None
    factor: np.ndarray = cut(plane[0]).astype(np.float32)
    # Nothing has a factor of 0.
    return np.where(np.isfinite(factor) & (factor > 0), factor, np.float32(layout.FACTOR_NULL))


def _wavelengths(file: File, bands: int) -> np.ndarray | None:
    if "WAVELENGTH" not in file.hdus:
        return None
    name, wl = next(iter(file.table("WAVELENGTH").items()), ("", np.zeros(0)))
    wl = wl.ravel()
    if wl.size < bands or wl.dtype.kind != "f":
        return None
    wl = wl[:bands].astype(float)
    unit = file.units("WAVELENGTH").get(name, "").strip()
    if unit:
        return wl * units.factor(unit, units.WAVELENGTH, name)
    return wl * 10 if np.nanmax(wl) < _NANOMETRES else wl


def _tree(file: File, primary: Header, times: np.ndarray, rows: int) -> xr.DataTree:
    target = keyword(primary, "TRGTNAME", str) or keyword(primary, "TARGET", str) or "TITAN"
    body = layout.node_of(target)
    nodes: dict[str, dict[str, Any]] = {"sky": {"et": (("pic", "instant"), times)}, body: {}}
    for table in ("SC_GEOM", "TARGET_GEOM"):
        columns = file.table(table) if table in file.hdus else {}
        for name, (of, factor) in _TIMES.items():
            values = columns.get(name)
            if values is not None and values.dtype.kind == "f" and values.shape == times.shape:
                nodes[body][of] = (("pic", "instant"), values * factor)
        for of, three in _VECTORS.items():
            axes = [columns.get(name, np.zeros(0)) for name in three]
            if all(values.shape == times.shape for values in axes):
                nodes[body][of] = (("pic", "instant", "axis"), np.stack(axes, axis=-1))
    columns = file.table("FOV_GEOM") if "FOV_GEOM" in file.hdus else {}
    for name, (node, of, factor) in _POINTS.items():
        values = columns.get(name)
        if values is None or values.dtype.kind != "f" or values.shape[:2] != times.shape:
            continue
        dims: tuple[str, ...] = ("pic", "instant", "pixel", "point")[: values.ndim]
        if values.ndim not in (3, 4) or (values.ndim == 4 and values.shape[3] != 5):
            continue
        variable = xr.Variable(dims, values * factor).isel(pixel=slice(rows))
        order = [dim for dim in ("pic", "pixel", "instant", "point") if dim in dims]
        nodes.setdefault(node or body, {})[of] = variable.transpose(*order)
    made = {key: xr.Dataset(fields) for key, fields in nodes.items()}
    made[body].attrs = {"body": target.upper()}
    count = times.shape[1]
    return planes.joined(made, list(layout.INSTANTS) if count == 3 else np.linspace(0, 1, count))
