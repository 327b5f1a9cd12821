"""Spectra with their error bands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Literal, cast, get_args

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation
from numpy.lib.stride_tricks import sliding_window_view

from .. import calls, checks
from ..calibration.stored import holds_total
from ..drawing.layout import lay_out
from ..drawing.lines import Emitter, Wavelengths, chosen, within
from ..drawing.style import Style, drawing
from ..drawing.style import style as styled
from ..drawing.texts import heading, label, nothing, set_label, set_title, tied, why_nothing
from ..errors import ArgumentError, MissingStepError
from ..numerics.poisson import missing
from . import axes as common
from .marks import headroom, mark_lines
from .spectral_range import elements, sensitive_range
from .spectral_scale import Scale, apply_scale, linear_below, scale_of, sensitive, set_limits
from .traces import Key, Trace, in_common, named, traces

#: What can be drawn; by default the first one in the dataset.
Spectral = Literal[
    "reflectance", "reflectance_weighted", "radiance", "radiance_weighted", "rate", "counts"
]

#: What is shown where the channel is sensitive.
_LIGHT = ("radiance", "reflectance")

#: What the title says of the bands of I/F, whose other errors are often larger.
_BAND, _ALL = tied("bands: errors of the counts"), tied("bands: all errors")

#: Wavelengths to show, angstrom, or all; None for those where the channel is sensitive.
Shown = tuple[float, float] | Literal["all"] | None

#: The most spectra that lie over one another by default, and have bands.
_FEW = 5

#: Part of the wavelengths in percent at which neighbours that are set apart do not meet, the room
#: between them, of their distance, and the part of the elements that are near one, on each side.
_APART, _ROOM, _NEAR = 90, 0.1, 0.02

#: Percentile of values below which a logarithmic scale has noise.
_NOISE = 2


@calls.public("plot.spectrum")
@drawing
def spectrum(
    ds: xr.Dataset,
    select: Iterable[Any] | None = None,
    variable: Spectral | None = None,
    lines: bool | Emitter | Wavelengths = False,
    band: bool | None = None,
    xlim: Shown = None,
    yscale: Scale | None = None,
    offset: bool | float | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw spectra with their error bands.

    Spectra without a value are left out, as the title says. Of three or more that have an order,
    as bins or pixels have, a colour bar says which is which.

    Parameters
    ----------
    ds : Dataset
        From any step: with radiance, rate or counts, of pixels or bins. What is missing is a gap.
    select : iterable, optional
        Spectra to draw: (pic, pixel) pairs or, for bins, mappings of dimension to position, such as
        ``{"lat_bin": 0, "alt_bin": 2}``. Default: all, if there are no more than 12, or 40 along
        one dimension.
    variable : str, optional
        "reflectance", "reflectance_weighted", "radiance", "radiance_weighted", "rate" or "counts".
        Default: the first of these in the dataset.
    lines : bool, {"titan", "saturn", "enceladus", "sunlight", "all"} or mapping
        Mark emission lines and bands: those of the target, or with a name those of another; or
        those given, wavelengths in angstrom by name, several for a system of bands. The tables are
        in `uvisxr.drawing.lines`.
    band : bool
        Draw the 1-sigma bands. Default: of no more than 5 spectra. They set no limits if they are
        much wider than the spectra; open triangles are where they reach beyond, as the title says.
    xlim : (float, float) or "all", optional
        Wavelengths to show, angstrom. Default: all or, of radiances, those where the channel is
        sensitive: 1165 to 1905 in the FUV and 570 to 1175 in the EUV, as far as the dataset's own
        sensitivity is above a hundredth of its maximum.
    yscale : {"linear", "log", "symlog"}, optional
        Default: logarithmic if a line towers above the rest, down to where noise sets in; linear
        below that ("symlog") if much of the spectrum is noise. Linear if nothing is above zero.
    offset : bool or float, optional
        Draw each spectrum that much above the one before, in the unit of the values, or that many
        times on a logarithmic scale; True for as much as sets neighbours apart at nine tenths of
        the wavelengths or more: strong lines may reach into the next. Default: True for more
        than 5 spectra, unless the scale is "symlog"; the axis says so.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Its limits are those of the spectra where the channel is sensitive, whatever their bands.

    Raises
    ------
    MissingStepError
        The dataset has no spectra.
    ArgumentError
        A spectrum is not in the dataset, or there are too many and none is selected; no such
        lines, or a range without wavelengths.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibrate(files=made.calibration)
    >>> ax = ds.uvis.plot.spectrum(select=[(5, 30), (6, 30)], lines="titan")
    >>> ax.get_ylabel()
    'Spectral radiance (kR/Å), linear below 0.01'
    """
    look = styled(style)
    name = _variable(ds, variable)
    checks.choice("yscale", yscale, Scale | None)
    if offset is not None and not isinstance(offset, bool):
        checks.number("offset", offset, "a distance between spectra, or True", above=0)
    known = chosen(ds, lines)
    places = traces(ds, ds[name], select)
    wl, edges = elements(ds)
    low, high = _range(ds, name, xlim, wl, edges)
    ax = common.new_axes(ax, figsize=(7.0, 4.0))
    all_values = np.stack([_values(ds, name, place) for place in places])
    held = np.isfinite(all_values).any(axis=1)
    if held.any():
        places = [place for place, has in zip(places, held, strict=True) if has]
        values = all_values[held]
    else:
        values = all_values
    inside = (edges[1:] > low) & (edges[:-1] < high)
    seen = np.where(inside & np.isfinite(values).any(axis=0), wl, np.nan)
    marked = within(known, seen[np.isfinite(seen)])
    channel = ds.attrs.get("channel", "") if name.startswith(_LIGHT) else ""
    inner = values[:, inside]
    telling = sensitive(wl[inside], inner, channel)
    scale = scale_of(telling, yscale)
    apply_scale(ax, scale, inner)
    if offset is None:
        offset = len(places) > _FEW and scale != "symlog"
    if band is None:
        band = len(places) <= _FEW
    shifts = _shifts(telling, scale, offset)
    key = Key.of(ds, places, ax.get_facecolor(), look)
    ax.set_xlim(low, high)
    set_label(ax.xaxis, "Wavelength (Å)")
    moves = offset is not False and len(places) > 1
    moved_by = f" {'×' if scale == 'log' else '+'} offset" if moves else ""
    set_label(ax.yaxis, f"{label(ds[name])}{moved_by}{linear_below(ax)}")
    said = _remarks(ds, places, held, shifts, scale, offset)
    errors = [name] if not band else [name, f"{name}_upper", f"{name}_lower"]
    if name.startswith("reflectance") and len(errors) > 1 and set(errors) <= ds.variables.keys():
        said.append(_ALL if holds_total(ds) else _BAND)
    title = partial(heading, _observed(ds, places), *said)
    set_title(ax, title())
    if held.any():
        key.draw_bar(ax, ds)
        for place, one, shift, properties in zip(places, values, shifts, key.looks, strict=True):
            sides = _sides(ds, name, place) if band else None
            _draw(ax, edges, one, sides, shift, scale == "log", look, properties)
        # How much room names take depends on the height that is left to the axes.
        lay_out(ax)
        moved = [_moved(v, shift, scale == "log") for v, shift in zip(inner, shifts, strict=True)]
        ends = [_ends(ds, name, place) for place in places] if band else []
        ends = [_moved(e, shift, scale == "log") for e, shift in zip(ends, shifts, strict=False)]
        shown = [one[inside] for one in ends]
        set_limits(ax, wl[inside], np.stack(moved), channel, marked, shown)
        if _cut_bands(ax, wl[inside], shown, 1.0 - headroom(ax, marked), key, look):
            set_title(ax, title(tied("open triangles: errors off the scale")))
        key.draw_legend(ax, 1.0 - headroom(ax, marked), above=moves)
    if held.any():
        mark_lines(ax, marked, look)
    else:
        reasons = [why_nothing(ds.isel(place)) for place in places]
        ax.set_yticks([])
        nothing(ax, reasons[0] if len(set(reasons)) == 1 else "no value", look)
    return ax


def _variable(ds: xr.Dataset, variable: Spectral | None) -> str:
    checks.choice("variable", variable, Spectral | None)
    held = [name for name in get_args(Spectral) if name in ds.variables and "wl" in ds[name].dims]
    if variable is None:
        if not held:
            raise MissingStepError(
                "the dataset has no spectra: neither reflectance, radiance, rate nor counts "
                "along wl"
            )
        return str(held[0])
    if variable not in held:
        raise ArgumentError(
            f"variable={variable!r}: the dataset has {', '.join(held) or 'no spectra'}"
        )
    return variable


def _range(
    ds: xr.Dataset, name: str, xlim: Shown, wl: np.ndarray, edges: np.ndarray
) -> tuple[float, float]:
    """The wavelengths to show, as far as there are elements."""
    if isinstance(xlim, str) or xlim is None:
        other = "two ascending wavelengths, angstrom"
        checks.choice("xlim", xlim, Literal["all"] | None, other)
        if xlim is None and name.startswith(_LIGHT):
            return sensitive_range(ds, edges)
        return float(edges[0]), float(edges[-1])
    first, last = checks.pair("xlim", xlim, "wavelengths, angstrom")
    if not ((edges[1:] > first) & (edges[:-1] < last)).any():
        raise ArgumentError(
            f"no wavelength in xlim={xlim!r}: the dataset holds "
            f"{wl[0]:.0f} to {wl[-1]:.0f} angstrom"
        )
    return first, last


def _values(ds: xr.Dataset, name: str, place: Trace) -> np.ndarray:
    drawn = ds[name].isel(place).values
    values: np.ndarray = drawn.astype(float)
    if name == "counts" and "n" not in ds.variables:
        values[missing(drawn)] = np.nan
    return values[np.argsort(ds["wl"].values, kind="stable")]


def _sides(ds: xr.Dataset, name: str, place: Trace) -> list[np.ndarray] | None:
    """Errors below and above."""
    names = [f"{name}_lower", f"{name}_upper"]
    if not all(side in ds.variables for side in names):
        return None
    order = np.argsort(ds["wl"].values, kind="stable")
    return [ds[side].isel(place).values.astype(float)[order] for side in names]


def _ends(ds: xr.Dataset, name: str, place: Trace) -> np.ndarray:
    """Upper ends of the band of a spectrum."""
    sides, values = _sides(ds, name, place), _values(ds, name, place)
    return values if sides is None else values + sides[1]


def _moved(values: np.ndarray, shift: float, log: bool) -> np.ndarray:
    found: np.ndarray = values * shift if log else values + shift
    return found


def _draw(
    ax: Axes,
    edges: np.ndarray,
    values: np.ndarray,
    sides: list[np.ndarray] | None,
    shift: float,
    log: bool,
    look: Style,
    properties: Mapping[str, Any],
) -> None:
    """Draw one spectrum as steps, and its band."""
    ax.stairs(
        _moved(values, shift, log),
        edges,
        baseline=cast(float, None),
        gid="spectrum",
        zorder=2.1,
        **{**properties, **look["line"]},
    )
    if sides is None:
        return
    low, high = (_moved(v, shift, log) for v in (values - sides[0], values + sides[1]))
    ax.stairs(
        high,
        edges,
        baseline=low,
        fill=True,
        gid="band",
        **{"color": properties["color"], **look["band"]},
    )


def _cut_bands(
    ax: Axes,
    wl: np.ndarray,
    ends: list[np.ndarray],
    top: float,
    key: Key,
    look: Style,
) -> bool:
    """End bands below the names of lines, and mark there where they would reach beyond.

    Parameters
    ----------
    ax : Axes
    wl : ndarray, (wl,)
    ends : list of ndarray, (wl,)
        Upper ends of the band of each spectrum.
    top : float
        Part of the height of the axes that is not for names.
    key : Key
    look : Style

    Returns
    -------
    bool
        Whether there are any marks.
    """
    for artist in ax.patches:
        if artist.get_gid() == "band":
            artist.set_clip_path(Rectangle((0, 0), 1, top, transform=ax.transAxes))
    level = ax.transData.inverted().transform(ax.transAxes.transform((0.0, top)))[1]
    scale = cast(Figure, ax.get_figure(root=True)).dpi_scale_trans
    size = look["below_zero"]["markersize"]
    left, right = ax.get_xlim()
    apart = (size + 1.0) * (right - left) / common.size(ax)[0]
    marked = False
    for one, properties in zip(ends, key.looks, strict=False):
        at: list[float] = []
        for place in wl[(one > level) & (wl > left) & (wl < right)]:
            if not at or place - at[-1] >= apart:
                at.append(float(place))
        if at:
            mark = {**look["below_zero"], "marker": "^", "color": properties["color"]}
            mark["markerfacecolor"] = ax.get_facecolor()
            (line,) = ax.plot(at, np.full(len(at), top), gid="band_beyond", **mark)
            inward = ScaledTranslation(0.0, -0.7 * size / 72.0, scale)
            line.set_transform(ax.get_xaxis_transform() + inward)
        marked |= bool(at)
    return marked


def _shifts(values: np.ndarray, scale: str, offset: bool | float) -> np.ndarray:
    """How much each spectrum, (n, wl), is moved: sums, or factors on a logarithmic scale."""
    number = np.arange(len(values))
    log = scale == "log"
    if offset is False:
        return np.ones(len(values)) if log else np.zeros(len(values))
    if offset is not True:
        return float(offset) ** number if log else float(offset) * number
    levels = np.stack([_levels(one, log) for one in values])
    above = _around(levels[:-1], np.fmax) - _around(levels[1:], np.fmin)
    known = np.isfinite(above).any(axis=1)
    step = np.nanpercentile(above[known], _APART, axis=1).max() if known.any() else 0.0
    step = (1.0 + _ROOM) * float(step) if step > 0 else 1.0
    return np.asarray(10.0 ** (step * number) if log else step * number)


def _around(levels: np.ndarray, of: np.ufunc) -> np.ndarray:
    """The extreme of the elements near each, (n, wl): a line on a line lies beside its foot."""
    near = max(1, round(_NEAR * levels.shape[1]))
    padded = np.pad(levels, ((0, 0), (near, near)), constant_values=np.nan)
    found: np.ndarray = of.reduce(sliding_window_view(padded, 2 * near + 1, axis=1), axis=2)
    return found


def _levels(values: np.ndarray, log: bool) -> np.ndarray:
    """Where values lie along the axis; on a logarithmic one, noise none below most others."""
    if not log:
        return np.where(np.isfinite(values), values, np.nan)
    above = values[np.isfinite(values) & (values > 0)]
    if not above.size:
        return np.full(values.shape, np.nan)
    found: np.ndarray = np.log10(np.clip(values, np.percentile(above, _NOISE), None))
    return found


def _observed(ds: xr.Dataset, places: list[Trace]) -> xr.Dataset:
    """The dataset with the exposures alone that spectra are of."""
    if "pic" not in places[0]:
        return ds
    return ds.isel(pic=sorted({place["pic"] for place in places}))


def _each(ds: xr.Dataset, places: list[Trace]) -> list[str]:
    """Names of a few spectra in what they do not have in common."""
    differ = [d for d in places[0] if len({place[d] for place in places}) > 1]
    if not differ or len(places) > _FEW:
        return []
    return ["; ".join(named(ds, {d: place[d] for d in differ}) for place in places)]


def _remarks(
    ds: xr.Dataset,
    places: list[Trace],
    held: np.ndarray,
    shifts: np.ndarray,
    scale: str,
    offset: bool | float,
) -> list[str]:
    """What the title says: what the spectra have in common, and what is left out or moved."""
    remarks = [in_common(ds, places)]
    if not held.any():
        remarks += _each(ds, places)
    if held.any() and not held.all():
        kind, lack = ("bins", "empty") if "n" in ds.variables else ("spectra", "without values")
        remarks.append(f"{np.count_nonzero(~held)} of {held.size} {kind} {lack}")
    if not isinstance(offset, bool) and len(shifts) > 1:
        step = shifts[1] if scale == "log" else shifts[1] - shifts[0]
        remarks.append(f"each {'×' if scale == 'log' else '+'} {step:.2g} from the one before")
    return remarks
