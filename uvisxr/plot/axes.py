"""Helpers that all pictures share."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.image import AxesImage
from matplotlib.ticker import AutoLocator

from .. import checks
from ..errors import ArgumentError, MissingStepError
from ..integrals import brightness
from ..numerics.poisson import missing
from ..quality.flags import flags_of
from ..stars import predict

#: Wavelengths where stars outshine most bodies, angstrom.
STARLIGHT = (1600, 1900)

#: Units as written in pictures.
_UNITS = {
    "degree": "°",
    "kR angstrom-1": "kR/Å",
    "count s-1": "count/s",
    "angstrom": "Å",
    "hour": "h",
    "1": "",
}


def new_axes(ax: Axes | None, **figure: Any) -> Axes:
    """The axes given, or those of a new figure."""
    return plt.subplots(layout="constrained", **figure)[1] if ax is None else ax


def unit(units: str) -> str:
    """A unit as written in pictures."""
    return _UNITS.get(units, units)


def caption(name: str, units: str | None = None) -> str:
    """Text for an axis or colour bar: a long name and its unit."""
    # Text after a comma is explanatory, and too long for an axis.
    text = name.partition(",")[0]
    text = text[:1].upper() + text[1:]
    written = unit(units or "")
    return f"{text} ({written})" if written else text


def label(array: xr.DataArray) -> str:
    """The caption of an array: its long name, or else its name, and its unit."""
    return caption(array.attrs.get("long_name") or str(array.name), array.attrs.get("units"))


def position(ds: xr.Dataset, pic: int) -> int:
    """Position along the dataset of the exposure numbered `pic`.

    Raises
    ------
    ArgumentError
        There is no such exposure.
    """
    numbers = np.atleast_1d(ds["pic"].values)
    found = np.flatnonzero(numbers == pic)
    if not found.size:
        raise ArgumentError(
            f"no exposure pic={pic!r}: the dataset holds {numbers.min()} to {numbers.max()}"
        )
    return int(found[0])


def title(ds: xr.Dataset, index: int | None = None) -> str:
    """Name of the observation, and time of the exposure."""
    name = str(ds.attrs.get("name", ""))
    if index is None or "time" not in ds.coords:
        return name
    time = np.datetime_as_string(np.atleast_1d(ds["time"].values)[index], unit="s")
    return f"{name}  pic {int(np.atleast_1d(ds['pic'].values)[index])}  {time}"


def spectra_map(ax: Axes, ds: xr.Dataset, values: np.ndarray, **image: Any) -> AxesImage:
    """Draw a value or colour of each spectrum, (pic, pixel) or (pic, pixel, 3).

    Exposures run to the right and pixels upwards; the ticks show their numbers.
    """
    n_pic, n_pixel = values.shape[:2]
    drawn = ax.imshow(
        np.ma.masked_invalid(np.swapaxes(values, 0, 1)),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, n_pic - 0.5, -0.5, n_pixel - 0.5),
        **image,
    )
    number_axis(ax.xaxis, np.atleast_1d(ds["pic"].values))
    number_axis(ax.yaxis, np.atleast_1d(ds["pixel"].values))
    ax.set(xlabel="Exposure (pic)", ylabel="Pixel")
    return drawn


def number_axis(axis: Axis, numbers: np.ndarray) -> None:
    """Label the ticks of an axis, which are positions, with numbers."""
    ticks = AutoLocator()
    ticks.set_params(integer=True)
    axis.set_major_locator(ticks)

    def text(value: float, _: object) -> str:
        whole = round(value)
        near = abs(value - whole) < 1e-6 and 0 <= whole < len(numbers)
        return f"{numbers[whole]}" if near else ""

    axis.set_major_formatter(text)


def signal(ds: xr.Dataset, wl_range: tuple[float, float] | None) -> xr.DataArray:
    """Brightness in a wavelength range: kR if calibrated, else count/s.

    Returns
    -------
    DataArray
        (pic, pixel), with its errors as coordinates `upper` and `lower` if calibrated.

    Raises
    ------
    MissingStepError
        The dataset has neither radiance nor counts, or they are of bins.
    """
    flags_of(ds)  # its dimensions are checked first
    if {"radiance", "brightness"} & set(ds.variables):
        integrated = "radiance" not in ds.variables
        light = brightness(ds, None if integrated and wl_range == STARLIGHT else wl_range)
        errors = {
            side: (("pic", "pixel"), light[f"brightness_{side}"].transpose("pic", "pixel").values)
            for side in ("upper", "lower")
            if f"brightness_{side}" in light.coords
        }
        light = light.transpose("pic", "pixel")
        return light.assign_coords(errors).assign_attrs(long_name="brightness", units="kR")
    if "counts" not in ds.variables:
        raise MissingStepError(
            "the dataset has neither radiance nor counts: start from uvisxr.open_product"
        )
    counts = ds["counts"]
    if "wl" not in counts.dims or "exposure" not in ds.variables:
        raise MissingStepError(
            "the counts have no dimension wl, or no exposure: keep the coordinates of "
            "uvisxr.open_product, and select with isel(wl=[0]) instead of isel(wl=0)"
        )
    if wl_range is not None:
        low, high = checks.pair("wl_range", wl_range, "wavelengths, angstrom")
        inside = (ds["wl"] >= low) & (ds["wl"] <= high)
        if not bool(inside.any()):
            raise ArgumentError(
                f"no wavelength in wl_range={wl_range!r}: the dataset holds "
                f"{float(ds['wl'].min()):.0f} to {float(ds['wl'].max()):.0f} angstrom"
            )
        counts = counts.isel(wl=np.flatnonzero(inside.values))
    # What was not transmitted is no count; a spectrum of nothing else has no rate.
    lost = missing(counts)
    known = counts.where(~lost, 0).sum("wl")
    rate = known.where(~lost.all("wl")) / ds["exposure"]
    return rate.transpose("pic", "pixel").assign_attrs(long_name="count rate", units="count s-1")


def with_stars(ds: xr.Dataset, catalogue: xr.Dataset | None) -> xr.Dataset:
    """The dataset with predicted stars if it has geometry; unchanged otherwise."""
    if catalogue is None and "star_count" in ds.variables:
        return ds
    try:
        return predict.predict_stars(ds, catalogue)
    except MissingStepError:
        if catalogue is not None:
            raise
        return ds
