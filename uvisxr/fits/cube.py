"""Read files of the layout, v0.5 and the draft v0.4 before it, of ours or the team's writer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..backplanes.registry import NODES
from ..instrument.channel import CHANNELS
from . import extras, header, layout, parts, planes, seen, units
from .decode import File, keyword
from .structure import NotFitsError

if TYPE_CHECKING:
    from astropy.io.fits import Header

#: HDUs without which it is another file.
_NEEDED = ("RAW_COUNTS", "WAVELENGTH", "GENERAL_GEOM")


def read(file: File) -> tuple[xr.Dataset, xr.DataTree]:
    """The dataset and the tree of a file.

    Raises
    ------
    NotFitsError
        It is no such file, or its parts do not fit each other.
    """
    missing = [name for name in _NEEDED if name not in file.hdus]
    if missing:
        raise NotFitsError(f"it has no {', '.join(missing)}, as files of the layout do")
    primary = file.header("PRIMARY")
    ours = header.untold(primary)
    shape = file.hdus["RAW_COUNTS"].shape
    if len(shape) != 3 or 0 in shape:
        raise NotFitsError(f"RAW_COUNTS has the shape {shape}")
    tables = {name: units.table(file, name) for name in layout.TABLES if name in file.hdus}
    times, sizes = _times(tables["GENERAL_GEOM"], shape, primary)
    among = np.linspace(0, 1, sizes.instant) if times is None else _parts(times)
    tree = planes.tree(tables, sizes, seen.labels(among), ours.blank if ours else None)
    tree.attrs = ours.tree if ours else _kernels(file)
    for name, attrs in (ours.nodes if ours else {}).items():
        if name in tree.children:
            tree[name].attrs = attrs
    tree = _with_slit_angle(planes.as_counted(tree), primary)
    channel = keyword(primary, "CHANNEL", str)
    length = keyword(primary, "INT_TIME", float, int)
    ds = parts.dataset(
        parts.Parts(
            raw=_raw(file),
            times=times,
            window=parts.window_of(
                {key: primary.get(key) for key in parts.CORNERS.values()}, shape
            ),
            channel=channel if channel in CHANNELS else None,
            product=keyword(primary, "PROD_ID", str) or "",
            length=float(length) if length and length > 0 else None,
            clock=header.clock_of(keyword(primary, "OBS_SCLK", str) or ""),
            radiance=_image(file, "PRIMARY", shape, units.RADIANCE),
            factor=_image(file, "CAL_FACTOR", shape[1:], units.FACTOR),
            background=_image(file, "BACKGROUND", shape[1:], units.RATE),
            wavelength=_image(file, "WAVELENGTH", shape[2:], units.WAVELENGTH),
            attrs=ours.dataset if ours else {},
            label=parts.label_of(primary),
        )
    )
    return extras.restored(file, ds, parts.numbered(tree, ds))


def _with_slit_angle(tree: xr.DataTree, primary: Header) -> xr.DataTree:
    """The tree with the one value that the header has, of the middle of the observation."""
    angle = keyword(primary, "SLITANGL", float, int)
    if angle is not None and "sky" in tree.children:
        attrs = NODES["sky"]["slit_angle"].attributes("west")
        tree["sky"]["slit_angle"] = xr.DataArray(float(angle), attrs=attrs)
    return tree


def _times(
    general: dict[str, np.ndarray], shape: tuple[int, ...], primary: Header
) -> tuple[np.ndarray | None, planes.Sizes]:
    """Times (instant, pic), if they are known, and the sizes of the tables."""
    if "TIME_ET" not in general or len(general["TIME_ET"]) != 1:
        raise NotFitsError("GENERAL_GEOM has no TIME_ET of one row")
    et = general["TIME_ET"][0]
    if et.ndim != 2 or et.shape[1] != shape[0] or not et.size:
        raise NotFitsError(
            f"TIME_ET has the shape {et.shape}, and the counts are of {shape[0]} exposures"
        )
    sizes = planes.Sizes(shape[0], shape[1], et.shape[0])
    if parts.are_times(et):
        return et, sizes
    # Where only the header tells, one exposure follows the other.
    start, length = (keyword(primary, key, float, int) for key in ("OBS_ET", "INT_TIME"))
    if start is None or length is None or not length > 0:
        return None, sizes
    among = np.linspace(0, 1, et.shape[0])[:, None]
    et = start + length * (np.arange(shape[0]) + among)
    return (et if parts.are_times(et) else None), sizes


def _parts(times: np.ndarray) -> np.ndarray:
    """Instants (instant, pic) as parts of the first exposure."""
    first = times[:, 0]
    span = np.ptp(first)
    return np.round((first - first.min()) / span, 9) if span > 0 else np.zeros(first.size)


def _raw(file: File) -> np.ndarray:
    """Raw counts with -1 for those that are missing."""
    raw = file.image("RAW_COUNTS")
    blank = keyword(file.header("RAW_COUNTS"), "BLANK", int)
    return raw if blank is None or blank < 0 else np.where(raw == blank, -1, raw)


def _image(file: File, name: str, shape: tuple[int, ...], unit: str) -> np.ndarray | None:
    """An image of real numbers in a unit, float32; None if the file does not have it."""
    if name not in file.hdus or not file.hdus[name].shape:
        return None
    if file.hdus[name].shape != shape:
        raise NotFitsError(f"{name} has the shape {file.hdus[name].shape}, not {shape}")
    values = file.image(name).astype(np.float32)
    known = np.isfinite(values) & (values != np.float32(layout.FACTOR_NULL))
    if known.any():
        # The layout has UNIT, and the standard BUNIT.
        keys = ("UNIT", "BUNIT") if name == "PRIMARY" else ("BUNIT",)
        times = units.of_keywords(file.header(name), keys, unit, name)
        if times != 1:
            values[known] *= np.float32(times)
    return values


def _kernels(file: File) -> dict[str, str]:
    if "KERNELS" not in file.hdus:
        return {}
    names = file.table("KERNELS").get("FILENAME", np.array([], str)).ravel()
    return {"kernels": ", ".join(str(name) for name in names if str(name))}
