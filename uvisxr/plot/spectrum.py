"""Spectra with their error bands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from .. import calls, checks
from ..errors import ArgumentError, MissingStepError
from ..numerics.poisson import missing
from ..quality import flags as quality_flags
from . import axes as common
from .colours import STEEP
from .style import Style, drawing
from .style import style as styled
from .texts import heading, label, nothing, set_label, set_title, unit, why_nothing

#: Emission lines seen in the Saturn system, angstrom, in vacuum (NIST Atomic Spectra Database).
LINES = {
    "He I 584": 584.334,
    "H I Ly γ": 972.537,
    "H I Ly β": 1025.722,
    "N II 1085": 1085.0,
    "N I 1134": 1134.6,
    "N I 1200": 1200.0,
    "H I Ly α": 1215.670,
    "N I 1243": 1243.3,
    "O I 1304": 1304.0,
    "O I 1356": 1355.6,
    "N I 1493": 1492.8,
    "C I 1561": 1561.0,
    "C I 1657": 1657.0,
    "N I 1743": 1743.6,
}

#: Maximum number of spectra drawn, unless selected one by one.
_MOST = 12

#: Width of a line's name, points.
_NAME = 12.0

#: What can be drawn; by default the first one in the dataset.
Spectral = Literal["radiance", "radiance_weighted", "rate", "counts"]


@calls.public("plot.spectrum")
@drawing
def spectrum(
    ds: xr.Dataset,
    select: Iterable[Any] | None = None,
    variable: Spectral | None = None,
    lines: bool | Mapping[str, float] = False,
    band: bool = True,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw spectra with their error bands.

    Parameters
    ----------
    ds : Dataset
        From any step: with radiance, rate or counts, of pixels or bins. What is missing is a gap.
    select : iterable, optional
        Spectra to draw: (pic, pixel) pairs or, for bins, mappings of dimension to position, such as
        ``{"lat_bin": 0, "alt_bin": 2}``. Default: all, if there are no more than 12.
    variable : {"radiance", "radiance_weighted", "rate", "counts"}, optional
        Default: the first of these in the dataset.
    lines : bool or mapping of str to float
        Mark emission lines: those known from the Saturn system, or those given, angstrom.
    band : bool
        Draw the 1-sigma bands.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.plot.style.style`.

    Returns
    -------
    Axes
        Its limits are those of the spectra where the channel is sensitive, its scale logarithmic if
        a line towers above the rest.

    Raises
    ------
    MissingStepError
        The dataset has no spectra.
    ArgumentError
        A spectrum is not in the dataset, or there are too many and none is selected.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibrate(files=made.calibration)
    >>> ax = ds.uvis.plot.spectrum(select=[(5, 30), (6, 30)], lines=True)
    >>> ax.get_ylabel()
    'Spectral radiance (kR/Å)'
    """
    look = styled(style)
    name = _variable(ds, variable)
    values = ds[name]
    places = _places(ds, values, select)
    ax = common.new_axes(ax, figsize=(7.0, 4.0))
    wl = ds["wl"].values.astype(float)
    drawn = np.stack([_draw(ax, ds, name, place, band, look) for place in places])
    ax.margins(x=0.01)
    named: Mapping[str, float] = {}
    if lines is not False:
        if lines is not True and not isinstance(lines, Mapping):
            raise checks.refused(
                "lines", lines, 'True, False, or wavelengths by name, such as {"H I": 1215.7}'
            )
        known = wl[np.isfinite(drawn).any(axis=0)]
        named = within(LINES if lines is True else lines, known)
    set_scale(ax, wl, drawn, ds.attrs.get("channel", "") if "radiance" in name else "", named)
    mark_lines(ax, named, look)
    if not np.isfinite(drawn).any():
        reasons = [why_nothing(ds.isel(place)) for place in places]
        ax.set_xlim(wl.min(), wl.max())
        ax.set_yticks([])
        nothing(ax, reasons[0] if len(set(reasons)) == 1 else "no value", look)
    set_label(ax.xaxis, "Wavelength (Å)")
    set_label(ax.yaxis, label(values))
    set_title(ax, heading(ds))
    if places[0]:
        # Below the names of the lines.
        ax.legend(fontsize="small", bbox_to_anchor=(0, 0, 1, 1 if lines is False else 0.8))
    return ax


def _variable(ds: xr.Dataset, variable: Spectral | None) -> str:
    checks.choice("variable", variable, Spectral | None)
    held = [name for name in get_args(Spectral) if name in ds.variables and "wl" in ds[name].dims]
    if variable is None:
        if not held:
            raise MissingStepError(
                "the dataset has no spectra: neither radiance, rate nor counts along wl"
            )
        return str(held[0])
    if variable not in held:
        raise ArgumentError(
            f"variable={variable!r}: the dataset has {', '.join(held) or 'no spectra'}"
        )
    return variable


def _places(
    ds: xr.Dataset, values: xr.DataArray, select: Iterable[Any] | None
) -> list[dict[str, int]]:
    """Positions of the spectra to draw, along all dimensions except wl."""
    dims = [str(d) for d in values.dims if d != "wl"]
    sizes = [values.sizes[d] for d in dims]
    if not values.size:
        raise ArgumentError("no spectrum is left to draw: select at least one element of each dim")
    if select is None:
        if np.prod(sizes, dtype=int) > _MOST:
            raise ArgumentError(
                f"{np.prod(sizes, dtype=int)} spectra are too many for one picture: select some "
                "with select="
            )
        return [dict(zip(dims, place, strict=True)) for place in np.ndindex(*sizes)]
    is_one = isinstance(select, Mapping) or _is_pair(select)
    chosen: list[Any] = [select] if is_one else list(select)
    if not chosen:
        raise checks.refused("select", select, "at least one spectrum")
    if all(isinstance(place, Mapping) for place in chosen):
        return [_position(place, dims, values) for place in chosen]
    if set(dims) != set(quality_flags.DIMS):
        raise ArgumentError(
            f"the spectra are over {', '.join(dims)}: select them by mappings such as "
            f"{ {d: 0 for d in dims} }"
        )
    return [{"pic": int(i), "pixel": int(j)} for i, j in quality_flags.select(ds, chosen)]


def _is_pair(select: Any) -> bool:
    return (
        isinstance(select, Sequence)
        and len(select) == 2
        and all(isinstance(v, int | np.integer) for v in select)
    )


def _position(place: Mapping[str, int], dims: list[str], values: xr.DataArray) -> dict[str, int]:
    if set(place) != set(dims):
        raise ArgumentError(f"{dict(place)!r} must give a position along {', '.join(dims)}")
    for dim, index in place.items():
        if not 0 <= index < values.sizes[dim]:
            raise ArgumentError(
                f"no {dim} {index}: positions run from 0 to {values.sizes[dim] - 1}"
            )
    return {str(dim): int(index) for dim, index in place.items()}


def _draw(
    ax: Axes, ds: xr.Dataset, name: str, place: dict[str, int], band: bool, look: Style
) -> np.ndarray:
    """Draw one spectrum and return its values."""
    wl = ds["wl"].values.astype(float)
    drawn = ds[name].isel(place).values
    values: np.ndarray = drawn.astype(float)
    if name == "counts" and "n" not in ds.variables:
        values[missing(drawn)] = np.nan
    (line,) = ax.plot(wl, values, drawstyle="steps-mid", label=_label(ds, place), **look["line"])
    sides = [f"{name}_lower", f"{name}_upper"]
    if band and all(side in ds.variables for side in sides):
        low, high = (ds[side].isel(place).values.astype(float) for side in sides)
        ax.fill_between(
            wl, values - low, values + high, step="mid", color=line.get_color(), **look["band"]
        )
    return values


def set_scale(
    ax: Axes, wl: np.ndarray, values: np.ndarray, channel: str, marked: Iterable[str] = ()
) -> None:
    """Set limits from spectra alone, as the bands at the ends of a channel are far wider.

    The scale is logarithmic where a line towers above the rest and the rest above the noise.

    Parameters
    ----------
    ax : Axes
    wl : ndarray, (wl,)
    values : ndarray, (..., wl)
    channel : str
        Only where it is sensitive are radiances heeded; "" for everywhere.
    marked : iterable of str
        Names of lines that are written above the spectra.
    """
    known = np.isfinite(values)
    low, high = common.SENSITIVE.get(channel, (-np.inf, np.inf))
    # An element may be as wide as what lies beyond.
    step = np.abs(np.diff(wl)).min(initial=np.inf)
    inside = known & (wl - 0.5 * step > low) & (wl + 0.5 * step < high)
    known = inside if inside.any() else known
    if not known.any():
        return
    found = values[known]
    low, middle, high = (float(f(found)) for f in (np.min, np.median, np.max))
    noise = float(np.sqrt(np.mean(found[found < 0] ** 2))) if low < 0 else 0.0
    if noise < middle < high / STEEP:
        ax.set_yscale("log")
    share = _names(ax, marked)
    if ax.get_yscale() == "log" and high > 0:
        bottom = max(0.6 * float(np.percentile(found[found > 0], 2)), noise)
        bottom = min(bottom, 0.5 * high)
        ax.set_ylim(bottom, high * 1.3 * (high / bottom) ** (share / (1 - share)))
        return
    low = min(low, 0.0)
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    ax.set_ylim(low - room, high + room + (high - low) * share / (1 - share))


def _names(ax: Axes, marked: Iterable[str]) -> float:
    """Part of the height of axes that the names of lines take."""
    longest = max(map(len, marked), default=0)
    if not longest:
        return 0.0
    size = FontProperties(size="x-small").get_size_in_points()
    _, height = common.size(ax)
    return float(np.clip((0.6 * size * longest + 4.0) / height, 0.0, 0.4))


def _label(ds: xr.Dataset, place: dict[str, int]) -> str:
    parts = []
    for dim, index in place.items():
        bounds = ds.get(f"{dim}_bounds")
        if bounds is not None:
            low, high = bounds.isel({dim: index}).values
            units = unit(ds[dim].attrs.get("units", ""))
            space = "" if units == "°" else " "
            parts.append(f"{dim.removesuffix('_bin')} {low:g} to {high:g}{space}{units}".rstrip())
        elif dim in ds.coords:
            parts.append(f"{dim} {ds[dim].values[index]}")
        else:
            parts.append(f"{dim} {index}")
    return ", ".join(parts)


def within(lines: Mapping[str, float], wl: np.ndarray) -> dict[str, float]:
    """The lines between the first and the last of some wavelengths, angstrom."""
    for name, wavelength in lines.items():
        checks.number(f"lines[{name!r}]", wavelength, "a wavelength, angstrom", above=0)
    if not wl.size:
        return {}
    return {n: v for n, v in lines.items() if wl.min() <= v <= wl.max()}


def mark_lines(ax: Axes, lines: Mapping[str, float], look: Style) -> None:
    """Mark emission lines, angstrom, with their names to the left, or to the right at the frame."""
    left = min(ax.get_xlim())
    points = common.size(ax)[0] / abs(np.ptp(ax.get_xlim()))
    for name, wavelength in lines.items():
        ax.axvline(wavelength, gid="emission", zorder=0.5, **look["emission"])
        at_frame = (wavelength - left) * points < _NAME
        side: dict[str, Any] = {"ha": "left"} if at_frame else {}
        ax.annotate(
            f"{name} ",
            (wavelength, 0.98),
            xycoords=ax.get_xaxis_transform(),
            xytext=(2 if at_frame else -1.5, 0),
            textcoords="offset points",
            annotation_clip=True,
            **look["emission_name"] | side,
        )
