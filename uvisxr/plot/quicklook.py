"""All of a product at a glance: brightness of every spectrum, its quality, the mean spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .. import calls
from ..bins.binning import bin as binned
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..drawing.colours import colour_bar, colours, drawable, extend, limits, robust_norm
from ..drawing.layout import lay_out
from ..drawing.lines import chosen, within
from ..drawing.style import Style, drawing, is_dark
from ..drawing.style import style as styled
from ..drawing.texts import (
    angstroms,
    caption,
    heading,
    is_narrow,
    label,
    literal,
    nothing,
    set_label,
    set_suptitle,
    set_title,
    why_nothing,
)
from ..numerics import poisson
from ..quality.levels import lower_bound
from . import axes as common
from . import hatching
from .marks import mark_lines
from .spectral_range import elements, sensitive_range
from .spectral_scale import linear_below, set_scale

#: The flag that stands for a spectrum which has several: the first of these.
_GRAVEST: tuple[QualityFlag, ...] = ("lost", "partial", "star", "user", "dark_line")

#: Flags of spectra that lack light, hatched in both maps.
_LACKING: tuple[QualityFlag, ...] = ("partial", "lost")


@calls.public("plot.quicklook")
@drawing
def quicklook(
    ds: xr.Dataset,
    wl_range: tuple[float, float] | None = None,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    figure: Figure | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Figure:
    """Draw the brightness of every spectrum, the quality flags, and the mean spectrum.

    It needs neither kernels nor a calibration: of a dataset as opened, count rates are drawn.

    Parameters
    ----------
    ds : Dataset
        From any step before `bin`.
    wl_range : (float, float), optional
        Range of the brightness, angstrom. By default all wavelengths of counts, and those of
        radiances where the channel is sensitive and the rows have values. Of counts, the elements
        that lie in the range for the most part, or that it lies in.
    cmap : str or Colormap, optional
        Default: that of the style, viridis.
    norm : str or Normalize, optional
        Scale of the colours, such as "log", or one of `matplotlib.colors`. Default: linear, or
        logarithmic where the brightest spectra tower above the others.
    vmin, vmax : float, optional
        Limits of the colours. Default: percentiles of the spectra without flags.
    figure : Figure, optional
        An empty figure to fill. Default: a new one.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Figure
        Flags are the dataset's, and those of lost and partial spectra that the counts tell; where a
        spectrum has several, the gravest is shown. The others are "good", or "not flagged" where
        the level of the background is not known, as of EUV data until `background`, and whether
        runs of zeros were lost cannot be told. Lost and partial ones are hatched in both maps. The
        mean is of spectra without flags, or of all if there are none. Good spectra that lack a part
        of the range have no brightness; their number is in the title.

    Raises
    ------
    MissingStepError
        The dataset has neither radiance nor counts, or holds bins.
    ArgumentError
        The range lies outside the dataset's.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> figure = made.open().uvis.plot.quicklook()
    >>> [ax.get_title() for ax in figure.axes if ax.get_title()]
    ['Count rate, 1115–1913\xa0Å', 'Quality', 'Mean of 690 spectra, without flags']
    """
    look = styled(style)
    common.checked_figure(figure)
    flags = common.flags_told(ds)
    light = _light(ds, wl_range)
    ds = ds.assign_coords(quality=flags)
    good = flags.values == 0
    spectra = any("wl" in ds[name].dims for name in ("radiance", "counts") if name in ds)
    if figure is None:
        figure = plt.figure(figsize=(10.0, 7.0 if spectra else 4.2), layout="constrained")
    set_suptitle(figure, _heading(ds))
    rows = "AB;CC" if spectra else "AB"
    panels = figure.subplot_mosaic(rows, width_ratios=(1.25, 1.0))
    chosen = look["map"] if cmap is None else look["map"] | {"cmap": cmap}
    values = light.values.astype(float)
    usual = robust_norm(values, good)
    scale = colours(values, chosen.pop("cmap"), norm, vmin, vmax, usual)
    lacking = (flags.values & sum(QUALITY_FLAGS[name] for name in _LACKING)) > 0
    _draw_map(panels["A"], ds, light, good, scale, chosen)
    if lacking.any() and not lacking.all():
        hatching.hatch(panels["A"], hatching.of_table(lacking), look)
    if not np.isfinite(values).any():
        nothing(panels["A"], why_nothing(ds), look)
    _draw_quality(panels["B"], ds, flags.values, look)
    panels["B"].sharex(panels["A"])
    panels["B"].sharey(panels["A"])
    if spectra:
        _draw_mean(panels["C"], ds, good, look)
    return figure


def _light(ds: xr.Dataset, wl_range: tuple[float, float] | None) -> xr.DataArray:
    """Brightness or count rate of every spectrum, (pic, pixel)."""
    if wl_range is None and "radiance" in ds.variables:
        usual = common.SENSITIVE.get(ds.attrs.get("channel", ""), (0.0, np.inf))
        wl_range = common.held(ds, usual)
    # Errors are not drawn.
    bounds = [f"radiance_{side}" for side in ("upper", "lower")]
    return common.signal(ds.drop_vars(bounds, errors="ignore"), wl_range).compute()


def _draw_map(
    ax: Axes,
    ds: xr.Dataset,
    light: xr.DataArray,
    good: np.ndarray,
    scale: ScalarMappable,
    properties: Mapping[str, Any],
) -> None:
    values = light.values.astype(float)
    image = {"cmap": scale.cmap, "norm": scale.norm, **properties}
    drawn = common.spectra_map(ax, ds, drawable(values, scale), **image)
    drawn.set_gid("brightness")
    name, units = light.attrs["long_name"], light.attrs["units"]
    if np.isfinite(values).any():
        colour_bar(drawn, ax, name, units, extend=extend(values, *limits(scale)))
    text = f"{name.capitalize()}, {angstroms(light.attrs.get('wl_range', _span(ds)))}"
    without = np.count_nonzero(good & ~np.isfinite(values))
    if without:
        text += f"; {without} spectra lack a part"
    set_title(ax, text)


def _draw_quality(ax: Axes, ds: xr.Dataset, flags: np.ndarray, look: Style) -> None:
    picture = np.empty((*flags.shape, 3))
    picture[:] = to_rgb(look["quality_good"]["color"])
    # Without a level of the background nobody can tell whether a run of zeros was lost.
    judged = "background" in ds.variables or lower_bound(ds) > 0
    entries = [_entry("good", flags == 0, look, "good" if judged else "not flagged")]
    for name in reversed(_GRAVEST):
        has = (flags & QUALITY_FLAGS[name]) > 0
        picture[has] = to_rgb(look[f"quality_{name}"]["color"])
        if has.any():
            entries.insert(1, _entry(name, has, look))
    common.spectra_map(ax, ds, picture).set_gid("quality")
    for name in _LACKING:
        cells = hatching.of_table((flags & QUALITY_FLAGS[name]) > 0)
        ax.add_collection(PolyCollection(cells, gid=name, **_hatched(look, name)), autolim=False)
    set_title(ax, "Quality")
    if is_narrow(ax.get_figure(root=True)):
        # A legend beside would leave no room for the maps, which have their axes in common.
        ax.set(xlabel="", ylabel="")
        ax.figure.legend(handles=entries, fontsize="x-small", loc="outside lower center", ncols=3)
    else:
        ax.legend(handles=entries, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _entry(name: str, has: np.ndarray, look: Style, text: str = "") -> Patch:
    plain = {"facecolor": look[f"quality_{name}"]["color"], "edgecolor": "0.5", "linewidth": 0.5}
    return Patch(
        label=f"{text or name.replace('_', ' ')}: {np.count_nonzero(has):,}",
        **(_hatched(look, name) if name in _LACKING else plain),
    )


def _hatched(look: Style, name: str) -> dict[str, Any]:
    """Properties of spectra that lack light, which are hatched as in the map of brightness."""
    color = look[f"quality_{name}"]["color"]
    white = {"edgecolor": "white" if is_dark(color) else "black", "linewidth": 0.0}
    return {"facecolor": color, "hatch": look["flagged"].get("hatch"), **white}


def _draw_mean(ax: Axes, ds: xr.Dataset, good: np.ndarray, look: Style) -> None:
    """Mean of the good spectra with its error band."""
    used = good if good.any() else np.ones_like(good)
    calibrated = "radiance" in ds.variables and "wl" in ds["radiance"].dims
    values, lower, upper, name = (_radiance if calibrated else _rate)(ds, used)
    wl = np.atleast_1d(ds["wl"].values)
    order = np.argsort(wl)
    wl, values, lower, upper = (a[order] for a in (wl, values, lower, upper))
    (line,) = ax.plot(wl, values, drawstyle="steps-mid", gid="mean", **look["line"])
    band = {"step": "mid", "color": line.get_color(), **look["band"]}
    ax.fill_between(wl, values - lower, values + upper, **band)
    ax.margins(x=0.01)
    shown = np.ones(wl.size, bool)
    if calibrated and wl.size > 1:
        _, edges = elements(ds)
        low, high = sensitive_range(ds, edges)
        shown = (edges[1:] > low) & (edges[:-1] < high)
        ax.set_xlim(low, high)
    known = wl[np.isfinite(values) & shown]
    marked = within(chosen(ds, True), known)
    set_label(ax.xaxis, "Wavelength (Å)")
    set_label(ax.yaxis, name)
    what = "without flags" if good.any() else "all flagged"
    number = np.count_nonzero(used)
    set_title(ax, f"Mean of {number:,} spectra, {what}" if number > 1 else f"One spectrum, {what}")
    # Names take their share of the height that the axes will have.
    lay_out(ax)
    set_scale(ax, wl, values, ds.attrs.get("channel", "") if calibrated else "", marked)
    set_label(ax.yaxis, f"{name}{linear_below(ax)}")
    if not known.size:
        ax.set_xlim(wl[0], wl[-1])
        ax.set_yticks([])
        nothing(ax, why_nothing(ds), look)
    # Without room for names there is nothing that lines would say.
    mark_lines(ax, marked, look, unnamed=False)


def _radiance(ds: xr.Dataset, used: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    chosen = ds["quality"].copy(data=used)
    mean = binned(ds, pixels=[chosen], exclude=()).isel(group=0).compute()
    value = np.atleast_1d(mean["radiance"].values.astype(float))
    # Radiances from elsewhere may have no errors.
    lower, upper = (
        np.atleast_1d(mean[name].values.astype(float)) if name in mean else np.zeros_like(value)
        for name in ("radiance_lower", "radiance_upper")
    )
    return value, lower, upper, label(ds["radiance"])


def _rate(ds: xr.Dataset, used: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    counts = ds["counts"].variable.transpose("pic", "pixel", "wl").values
    exposure = np.broadcast_to(ds["exposure"].values, ds.sizes["pic"])
    lost = poisson.missing(counts) | ~used[..., None]
    total = np.where(lost, 0, counts).sum((0, 1), dtype=np.int64)
    seconds = np.einsum("t,tpw->w", exposure, ~lost)
    upper, lower = poisson.half_widths(total)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, down, up = (a / seconds for a in (total, lower, upper))
    return rate, down, up, caption("count rate", "count s-1")


def _span(ds: xr.Dataset) -> tuple[float, float]:
    wl = ds["wl_bounds"] if "wl_bounds" in ds.variables else ds["wl"]
    return float(wl.min()), float(wl.max())


def _heading(ds: xr.Dataset) -> str:
    """What was observed, how and when."""
    attrs = ds.attrs
    exposure = np.atleast_1d(ds["exposure"].values) if "exposure" in ds.variables else np.array([])
    parts = [literal(str(attrs["channel"]))] if attrs.get("channel") else []
    if attrs.get("slit"):
        parts.append(f"{literal(str(attrs['slit'])).lower().replace('_', '-')} slit")
    if exposure.size:
        low, high = exposure.min(), exposure.max()
        seconds = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        parts.append(f"{ds.sizes['pic']} × {seconds} s")
    if {"line_bin", "band_bin"} <= attrs.keys():
        parts.append(f"bins of {attrs['line_bin']} × {attrs['band_bin']}")
    return f"{heading(ds)}\n{', '.join(parts)}"
