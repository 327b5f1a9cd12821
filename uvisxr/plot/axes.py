"""Helpers that all pictures share."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, cast

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, FigureBase
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from .. import checks
from ..dataset import needs
from ..dataset.checking.attributes import WINDOW_ATTRS
from ..drawing.style import fix_ticks
from ..drawing.texts import angstroms, heading, set_label
from ..errors import ArgumentError, MissingStepError
from ..integrals import brightness, known_range, span
from ..numerics.along_wl import Integration
from ..numerics.poisson import missing
from ..quality import losses
from ..quality.flags import flags_of
from ..quality.levels import lower_bound
from ..quality.losses import flags_of_missing
from ..stars import predict
from ..stars.catalogue import downloaded, read

#: Wavelengths where stars outshine most bodies, angstrom. FUV: beyond the airglow of nitrogen. EUV:
#: hydrogen between the stars takes what is below 912, so from beyond Lyman-beta to where the
#: Lyman-alpha that the instrument scatters sets in.
STARLIGHT = {"FUV": (1600.0, 1900.0), "EUV": (1035.0, 1150.0)}

#: Where a channel's sensitivity is worth the name, angstrom: elsewhere radiances are mostly noise.
SENSITIVE = {"FUV": (1165.0, 1905.0), "EUV": (570.0, 1175.0)}

#: What the numbers of exposures are called along an axis.
EXPOSURE = "Exposure index"

#: Wavelengths to look for stars in: a range, angstrom; the channel's `STARLIGHT`; or all.
StarRange = tuple[float, float] | Literal["starlight"] | None


def new_axes(ax: Axes | None, **figure: Any) -> Axes:
    """The axes given, or those of a new figure."""
    checked_axes(ax)
    if ax is None:
        ax = plt.subplots(layout="constrained", **figure)[1]
        fix_ticks(ax)
    return ax


def checked_axes(ax: object) -> None:
    """Refuse what is to be drawn in and is no axes."""
    if ax is not None and not isinstance(ax, Axes):
        raise checks.refused("ax", ax, "axes of matplotlib, such as plt.gca()")


def size(ax: Axes) -> tuple[float, float]:
    """Width and height of axes, points."""
    scale = 72.0 / cast(Figure, ax.get_figure(root=True)).dpi
    return ax.bbox.width * scale, ax.bbox.height * scale


def checked_figure(figure: object, kind: type[FigureBase] = FigureBase) -> None:
    """Refuse what is to be filled and is no figure."""
    if figure is not None and not isinstance(figure, kind):
        raise checks.refused("figure", figure, "a figure of matplotlib, such as plt.figure()")


def position(ds: xr.Dataset, pic: int) -> int:
    """Position along the dataset of the exposure numbered `pic`.

    Raises
    ------
    ArgumentError
        There is no such exposure.
    """
    numbers = np.atleast_1d(ds["pic"].values)
    if not checks.is_number(pic):
        raise checks.refused("pic", pic, "the number of an exposure")
    found = np.flatnonzero(numbers == pic)
    if not found.size:
        raise ArgumentError(
            f"no exposure pic={pic!r}: the dataset holds {numbers.min()} to {numbers.max()}"
        )
    return int(found[0])


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
    set_label(ax.xaxis, EXPOSURE)
    set_label(ax.yaxis, "Pixel")
    return drawn


def number_axis(axis: Axis, numbers: np.ndarray) -> None:
    """Label the ticks of an axis, which are positions, with numbers, round ones where there are."""
    axis.set_major_locator(_Positions(numbers))
    axis.set_major_formatter(partial(_tick, numbers))


class _Positions(MaxNLocator):
    """Ticks at positions of numbers: round ones, if the numbers are evenly spaced."""

    def __init__(self, numbers: np.ndarray) -> None:
        super().__init__("auto", steps=[1, 2, 5, 10], integer=True)
        self._last = numbers.size - 1
        apart = np.diff(numbers.astype(float))
        even = apart.size > 0 and apart[0] != 0 and bool((apart == apart[0]).all())
        self._first, self._apart = (float(numbers[0]), float(apart[0])) if even else (0.0, 1.0)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        found = self._at(vmin, vmax, self._first, self._apart)
        # Of every other number, say, hardly one may be round.
        return found if len(found) > 1 else self._at(vmin, vmax, 0.0, 1.0)

    def _at(self, vmin: float, vmax: float, first: float, apart: float) -> Any:
        low, high = sorted((first + apart * vmin, first + apart * vmax))
        ticks: Any = super().tick_values(low, high)
        at = (np.asarray(ticks) - first) / apart
        whole = np.round(at)
        return np.unique(whole[(np.abs(at - whole) < 1e-6) & (whole >= 0) & (whole <= self._last)])


def nearest(numbers: np.ndarray, position: float) -> str:
    """The number at the position next to one; nothing beyond the ends."""
    whole = round(position)
    return f"{numbers[whole]}" if 0 <= whole < len(numbers) else ""


def _tick(numbers: np.ndarray, position: float, _: object) -> str:
    return nearest(numbers, position) if abs(position - round(position)) < 1e-6 else ""


def signal(ds: xr.Dataset, wl_range: StarRange, method: Integration = "bins") -> xr.DataArray:
    """Brightness in a wavelength range: kR if calibrated, else count/s.

    Parameters
    ----------
    ds : Dataset
    wl_range : (float, float), "starlight" or None
        Angstrom. "starlight" is the channel's `STARLIGHT`, as far as the dataset holds it and its
        rows have values, and all of a dataset that holds none of it, or is integrated already.
    method : {"bins", "trapezoid", "simpson"}
        As in `uvisxr.integrals.integrate`; counts are summed.

    Returns
    -------
    DataArray
        (pic, pixel), with its errors as coordinates `upper` and `lower` if calibrated, and the
        wavelengths it covers as the attribute `wl_range` if known. NaN where radiances or counts
        are missing.

    Raises
    ------
    MissingStepError
        The dataset has neither radiance nor counts, or they are of bins.
    ArgumentError
        The range is not within the dataset's wavelengths, or another method.
    """
    flags_of(ds)  # its dimensions are checked first
    checks.choice("method", method, Integration)
    wanted = _wanted(ds, wl_range, method)
    if not {"radiance", "brightness"} & set(ds.variables):
        return _count_rate(ds, wanted)
    light = brightness(ds, wanted, method)
    errors = {
        side: (("pic", "pixel"), light[f"brightness_{side}"].transpose("pic", "pixel").values)
        for side in ("upper", "lower")
        if f"brightness_{side}" in light.coords
    }
    light = light.transpose("pic", "pixel")
    return light.assign_coords(errors).assign_attrs(long_name="brightness", units="kR")


def _wanted(ds: xr.Dataset, wl_range: StarRange, method: Integration) -> tuple[float, float] | None:
    if not isinstance(wl_range, str):
        return wl_range
    other = "two ascending wavelengths, angstrom"
    checks.choice("wl_range", wl_range, Literal["starlight"], other)
    usual = STARLIGHT.get(ds.attrs.get("channel", ""))
    return None if usual is None else held(ds, usual, method)


def held(
    ds: xr.Dataset, usual: tuple[float, float], method: Integration = "bins"
) -> tuple[float, float] | None:
    """A range of wavelengths as far as a dataset holds it and its rows have values.

    None if it holds none of it, or has no spectra.
    """
    if ds.sizes.get("wl", 0) < 2:
        return None
    ends = span(ds)
    low, high = max(usual[0], ends[0]), min(usual[1], ends[1])
    if not bool(((ds["wl"] >= low) & (ds["wl"] <= high)).any()):
        return None
    if "radiance" in ds.variables and "wl" in ds["radiance"].dims:
        return known_range(ds, low, high, method)
    return low, high


def _count_rate(ds: xr.Dataset, wl_range: tuple[float, float] | None) -> xr.DataArray:
    """Counts in a wavelength range over the exposure, of spectra in which none is missing."""
    if "counts" not in ds.variables:
        raise MissingStepError(
            "the dataset has neither radiance nor counts: start from uvisxr.open_product"
        )
    if "wl" not in ds["counts"].dims or "exposure" not in ds.variables:
        raise MissingStepError(
            "the counts have no dimension wl, or no exposure: keep the coordinates of "
            "uvisxr.open_product, and select with isel(wl=[0]) instead of isel(wl=0)"
        )
    if wl_range is not None:
        low, high = checks.pair("wl_range", wl_range, "wavelengths, angstrom")
        inside = elements_in(ds, low, high)
        if not inside.any():
            first, last = float(ds["wl"].min()), float(ds["wl"].max())
            raise ArgumentError(
                f"no wavelength in wl_range={wl_range!r}: the dataset holds "
                f"{first:.0f} to {last:.0f} angstrom{checks.as_if_in_nm((low, high), first, last)}"
            )
        ds = ds.isel(wl=np.flatnonzero(inside))
    counts = ds["counts"].compute()
    known = ~missing(counts)
    rate = counts.where(known, 0).sum("wl") / ds["exposure"]
    if not bool(known.all()):
        # What no exposure has was never to be transmitted, and is no loss.
        lacking = flags_of_missing(ds.assign(counts=counts)).transpose(*rate.dims)
        rate = rate.where(known.any("wl") & (lacking == 0))
    rate = rate.transpose("pic", "pixel").assign_attrs(long_name="count rate", units="count s-1")
    return rate.assign_attrs(wl_range=span(ds)) if "wl_bounds" in ds.variables else rate


def elements_in(ds: xr.Dataset, low: float, high: float) -> np.ndarray:
    """Elements that lie in a range for the most part, or that the range lies in, bool (wl,)."""
    wl = np.atleast_1d(ds["wl"].values)
    if "wl_bounds" not in ds.variables:
        return (wl >= low) & (wl <= high)
    bounds = np.atleast_2d(ds["wl_bounds"].values)
    common = np.minimum(bounds[:, 1], high) - np.maximum(bounds[:, 0], low)
    # Half of an element, as its middle may lie at the end of the range.
    enough: np.ndarray = common >= 0.4999 * np.minimum(np.diff(bounds)[:, 0], high - low)
    return enough


def flags_told(ds: xr.Dataset) -> xr.DataArray:
    """The dataset's flags, and those that its counts tell, (pic, pixel)."""
    told = {"counts", "exposure", "line", "band", "wl"} <= set(ds.variables)
    told = told and "wl" in ds["counts"].dims
    if not told or not {"channel", *WINDOW_ATTRS} <= ds.attrs.keys():
        return flags_of(ds).compute()
    return losses.flags(ds, lower_bound(ds)).compute()


def with_flags_told(ds: xr.Dataset) -> xr.Dataset:
    """Counts with the flags that they tell, which no step has set; else the dataset as it is."""
    if {"radiance", "brightness"} & set(ds.variables):
        return ds
    return ds.assign_coords(quality=flags_told(ds))


def title_of_light(ds: xr.Dataset, light: xr.DataArray, *more: str) -> str:
    """The heading of a dataset, the wavelengths of a `signal`, and what else is given."""
    return heading(ds, angstroms(light.attrs.get("wl_range")), *more)


def stars_of(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Number of predicted stars and magnitude of the brightest, (pic, pixel); NaN if not known."""
    count = ds["star_count"].transpose("pic", "pixel").values
    if "star_magnitude" not in ds.variables:
        return count, np.full(count.shape, np.nan)
    return count, ds["star_magnitude"].transpose("pic", "pixel").values


def with_stars(ds: xr.Dataset, catalogue: xr.Dataset | None) -> xr.Dataset:
    """The dataset with predicted stars if it has geometry; unchanged otherwise."""
    if catalogue is None:
        if "star_count" in ds.variables:
            return ds
        try:
            needs.check(ds, "predict_stars")
        except MissingStepError:
            return ds
        catalogue = read(downloaded())
    return predict.predict_stars(ds, catalogue)
