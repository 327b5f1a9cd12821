"""Datasets of known counts and geometry, made without files or SPICE."""

from __future__ import annotations

import numpy as np
import xarray as xr

from uvisxr.dataset import conventions
from uvisxr.instrument.channel import channel
from uvisxr.instrument.detector import Window
from uvisxr.quality.flags import initial

#: Corners of a pixel as the geometry orders them, in units of its half extent along two axes.
CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def observation(
    counts: np.ndarray, window: Window, name: str = "FUV", exposure: float | np.ndarray = 240.0
) -> xr.Dataset:
    """An opened product of counts (pic, pixel, wl) in a window of the detector."""
    bins = window.bins
    n_pic = counts.shape[0]
    wl, edges = bins.wavelengths(channel(name))
    coords = {
        "wl": wl,
        "wl_bounds": (("wl", "bnds"), edges),
        "band": ("wl", bins.band),
        "pic": np.arange(n_pic),
        "pixel": np.arange(bins.line.size),
        "line": ("pixel", bins.line),
        "exposure": ("pic", np.broadcast_to(np.asarray(exposure, float), n_pic).copy()),
        "quality": (("pic", "pixel"), initial(bins, n_pic)),
    }
    fields = ("ul_line", "ul_band", "lr_line", "lr_band", "line_bin", "band_bin")
    attrs = {field: getattr(window, field) for field in fields} | {"channel": name}
    return conventions.apply(
        xr.Dataset({"counts": (("pic", "pixel", "wl"), counts)}, coords, attrs)
    )


def sky(
    rng: np.random.Generator,
    n_pic: int = 30,
    rate: float = 4e-4,
    window: Window | None = None,
    name: str = "FUV",
    exposure: float | np.ndarray = 240.0,
    lyman_alpha: float = 3.0,
) -> xr.Dataset:
    """Poisson counts of a background, and of Lyman-alpha in detector columns 122..137.

    `rate` is in count/s per lit detector pixel, `lyman_alpha` in counts per element and 240 s.
    """
    window = window or Window(2, 0, 61, 1023)
    bins = window.bins
    seconds = np.broadcast_to(np.asarray(exposure, float), n_pic)
    mean = seconds[:, None, None] * rate * bins.lit_pixels
    if name == "FUV":
        mean[..., (bins.band >= 122) & (bins.band <= 137)] += lyman_alpha * seconds[0] / 240
    return observation(rng.poisson(mean).astype(np.uint16), window, name, exposure)


def located(ds: xr.Dataset, **fields: np.ndarray) -> xr.Dataset:
    """The dataset with line-of-sight fields (pic, pixel) and corners 1e-3 of a unit around them."""
    coords = {}
    for name, values in fields.items():
        values = np.broadcast_to(np.asarray(values, float), (ds.sizes["pic"], ds.sizes["pixel"]))
        offset = 1e-3 * np.array([a + 0.5 * b for a, b in CORNERS])
        coords[name] = (("pic", "pixel"), values)
        coords[f"{name}_corners"] = (("pic", "pixel", "corner"), values[..., None] + offset)
    return conventions.apply(ds.assign_coords(coords))
