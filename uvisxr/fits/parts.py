"""The dataset of what a file holds, whichever layout it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from ..dataset import conventions, setups
from ..errors import ProductError, warn_user
from ..instrument.channel import CHANNELS
from ..instrument.detector import Bins, Window
from ..numerics.constants import MISSING, MISSING_SUM
from ..quality.flags import initial
from ..timescales import clock_from_et, day_of_year, et_to_utc
from . import header, layout
from .science import BACKGROUND_RATE, FACTOR, FRAME
from .structure import NotFitsError

#: Angstrom by which wavelengths of a file may differ from those of its columns, and a part of a
#: level by which backgrounds of its elements may differ and be one.
_NEAR, _ALIKE = 0.05, 1e-5

#: Seconds by which the middle instant may differ from mid-exposure and be it, and by which the
#: clock of a header may differ from the time.
_EXACT, _CLOCK = 1e-6, 1e4

#: Earliest and latest times, s past J2000: the flight of Cassini.
_FLIGHT = (-7e7, 6e8)

#: Keywords of the corners and bins of a window.
CORNERS = {
    "ul_band": "IMG_XMIN",
    "lr_band": "IMG_XMAX",
    "ul_line": "IMG_YMIN",
    "lr_line": "IMG_YMAX",
    "band_bin": "IMG_XBIN",
    "line_bin": "IMG_YBIN",
}


@dataclass(frozen=True)
class Parts:
    """What a file says.

    Attributes
    ----------
    raw : ndarray, (pic, pixel, wl)
        Counts, with negative numbers or NaN for those that are missing.
    times : ndarray, (instant, pic), optional
        Instants of the exposures, s past J2000.
    window : Window, optional
    channel : str, optional
    product : str
    length : float, optional
        Of an exposure, s.
    clock : float
        Spacecraft clock at the start, s; NaN if unknown.
    radiance, factor, background, wavelength : ndarray, optional
        (pic, pixel, wl) kR/angstrom, (pixel, wl), (pixel, wl) count/s, (wl,) angstrom.
    attrs : dict
        Attributes of the dataset that go before those of the header.
    label : dict
        Those of the header, None if unknown.
    """

    raw: np.ndarray
    times: np.ndarray | None
    window: Window | None
    channel: str | None
    product: str
    length: float | None = None
    clock: float = float("nan")
    radiance: np.ndarray | None = None
    factor: np.ndarray | None = None
    background: np.ndarray | None = None
    wavelength: np.ndarray | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    label: dict[str, Any] = field(default_factory=dict)


def window_of(told: dict[str, Any], shape: tuple[int, ...]) -> Window | None:
    """The window that some keywords give, by `CORNERS`, if it is that of arrays (..., pixel, wl).

    None if they are missing.

    Warns
    -----
    UvisWarning
        It is not that of the arrays.
    """
    if any(type(told.get(key)) is not int for key in CORNERS.values()):
        return None
    try:
        window = Window(**{name: told[key] for name, key in CORNERS.items()})
    except ProductError as error:
        why = str(error)
    else:
        # The team's files leave out a last bin of fewer rows or columns.
        whole = (
            (window.lr_line - window.ul_line + 1) // window.line_bin,
            (window.lr_band - window.ul_band + 1) // window.band_bin,
        )
        sizes = zip(shape[-2:], window.shape, whole, strict=True)
        if all(size in (all_bins, whole_bins) for size, all_bins, whole_bins in sizes):
            return window
        why = f"{window}, and the arrays have {shape[-2]} x {shape[-1]} elements"
    warn_user(
        f"the keywords IMG_XMIN, ... are not those of the arrays ({why}): detector rows and "
        "columns are left out, and what steps need to know of them"
    )
    return None


def dataset(parts: Parts) -> xr.Dataset:
    """The dataset of what a file says, as `open_product` and the steps after it give it.

    Raises
    ------
    NotFitsError
        Counts are none, or times are not as long apart as exposures.
    """
    n_pic, n_pixel, n_wl = parts.raw.shape
    variables: dict[str, Any] = {"counts": (FRAME, _counts(parts.raw))}
    coords: dict[str, Any] = {"pic": np.arange(n_pic), "pixel": np.arange(n_pixel)}
    bins = None
    if parts.window is not None:
        all_bins = parts.window.bins
        bins = Bins(
            all_bins.line[:n_pixel],
            all_bins.n_line[:n_pixel],
            all_bins.band[:n_wl],
            all_bins.n_band[:n_wl],
        )
        coords |= {"line": ("pixel", bins.line), "band": ("wl", bins.band)}
        coords["quality"] = (("pic", "pixel"), initial(bins, n_pic))
    coords |= _wavelengths(parts, bins)
    coords |= _exposures(parts)
    if parts.radiance is not None and np.isfinite(parts.radiance).any():
        variables["radiance"] = (FRAME, parts.radiance)
    if parts.factor is not None and (known := parts.factor != layout.FACTOR_NULL).any():
        coords[FACTOR] = (FRAME[1:], np.where(known, parts.factor, np.float32(np.nan)))
    if parts.background is not None and np.isfinite(parts.background).any():
        coords |= _background(parts.background, bins)
    attrs = _attributes(parts, coords)
    if parts.window is not None:
        attrs.setdefault("described_setup", setups.number(attrs))
        coords["setup"] = ("pic", np.full(n_pic, attrs["described_setup"], np.int32))
    return conventions.apply(xr.Dataset(variables, coords, attrs))


def _counts(raw: np.ndarray) -> np.ndarray:
    """Counts as products have them: unsigned, of 16 bits if they fit."""
    null = ~(raw >= 0)
    there = np.where(null, 0, raw)
    largest = there.max(initial=0)
    if largest >= MISSING_SUM or (there.dtype.kind == "f" and (there % 1).any()):
        raise NotFitsError("the raw counts hold numbers that are no counts")
    kind, hole = (np.uint16, MISSING) if largest < MISSING else (np.uint32, MISSING_SUM)
    counts = there.astype(kind)
    counts[null] = hole
    return counts


def _wavelengths(parts: Parts, bins: Bins | None) -> dict[str, Any]:
    """Wavelengths from the columns where those of the file are these, rounded, or unknown."""
    told = parts.wavelength
    if bins is not None and parts.channel is not None:
        exact, bounds = bins.wavelengths(CHANNELS[parts.channel])
        if told is None or np.isnan(told).all() or (abs(told - exact) < _NEAR).all():
            return {"wl": exact, "wl_bounds": (("wl", "bnds"), bounds)}
    known = told is not None and np.isfinite(told).all()
    return {"wl": told.astype(float)} if told is not None and known else {}


def are_times(et: np.ndarray) -> bool:
    """Whether numbers are times of the flight, and not what stands for none."""
    inside = np.isfinite(et) & (et > _FLIGHT[0]) & (et < _FLIGHT[1])
    return bool(et.size) and bool(inside.all()) and bool(et.any())


def _exposures(parts: Parts) -> dict[str, Any]:
    found: dict[str, Any] = {"product": ("pic", np.full(len(parts.raw), parts.product))}
    if parts.times is None:
        return found
    start, stop = parts.times.min(axis=0), parts.times.max(axis=0)
    middle, instant = (start + stop) / 2, parts.times[len(parts.times) // 2]
    if len(parts.times) % 2 and (abs(instant - middle) < _EXACT).all():
        middle = instant
    lengths = stop - start if parts.length is None else np.full(start.size, parts.length)
    if not (abs(lengths - (stop - start)) <= 1e-3 * (stop - start) + 1).all():
        raise NotFitsError("the times of an exposure are not as long apart as it lasts")
    clock = clock_from_et(start)
    # The first need not stand first.
    if abs(parts.clock - clock.min()) < _CLOCK:
        clock = parts.clock + (start - start.min())
    return found | {
        "time": ("pic", et_to_utc(middle)),
        "time_start": ("pic", et_to_utc(start)),
        "time_stop": ("pic", et_to_utc(stop)),
        "et": ("pic", middle),
        "exposure": ("pic", lengths),
        "sclk": ("pic", clock),
    }


def _attributes(parts: Parts, coords: dict[str, Any]) -> dict[str, Any]:
    attrs: dict[str, Any] = {"channel": parts.channel, **parts.label}
    if parts.window is not None:
        attrs |= {name: getattr(parts.window, name) for name in CORNERS}
    if "time_start" in coords:
        year, day = day_of_year(coords["time_start"][1].min())
        attrs |= {"year": year, "doy": day}
        attrs["name"] = f"{parts.channel}_{year}_{day:03d}" if parts.channel else None
    known = {key: value for key, value in attrs.items() if value is not None}
    return dict(parts.attrs) | {k: v for k, v in known.items() if k not in parts.attrs}


def _background(rate: np.ndarray, bins: Bins | None) -> dict[str, Any]:
    """One level of all lit detector pixels if there is one; else the rates of the elements."""
    if bins is not None:
        lit = bins.lit_pixels
        level = rate[lit > 0].astype(float) / lit[lit > 0]
        dark = rate[lit == 0]
        if level.size and np.isfinite(level).all() and not dark.any():
            middle = float(np.median(level))
            if (abs(level - middle) <= _ALIKE * abs(middle)).all():
                return {"background": middle}
    return {BACKGROUND_RATE: (FRAME[1:], rate)}


def label_of(primary: Any) -> dict[str, Any]:
    """Attributes of labels by the keywords of a primary header."""
    told = {key: primary.get(key) for key in ("TARGET", "TRGTNAME", "OBS_ID", "MPHASE")}
    texts = {key: value for key, value in told.items() if isinstance(value, str)}
    target = texts.get("TARGET", texts.get("TRGTNAME"))
    return {
        "target": target.upper() if target else None,
        **{name: texts.get(key) for key, name in header.FROM_LABEL.items()},
    }


def numbered(tree: xr.DataTree, ds: xr.Dataset) -> xr.DataTree:
    """The tree with the numbers of the dataset's exposures and pixels, as they are there."""
    used = {dim for node in tree.subtree for dim in node.dims}
    own = {dim: ds[dim].variable for dim in ("pic", "pixel") if dim in used}
    nodes = {
        f"/{path.strip('.')}": node.to_dataset(inherit=False)
        for path, node in tree.subtree_with_keys
    }
    nodes["/"] = nodes["/"].assign_coords(own)
    return xr.DataTree.from_dict(nodes)
