"""How values become colours: maps, norms and limits as matplotlib takes them, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import (
    BoundaryNorm,
    Colormap,
    ListedColormap,
    LogNorm,
    Normalize,
    to_hex,
    to_rgb,
)
from matplotlib.scale import get_scale_names
from matplotlib.ticker import MaxNLocator

from .. import checks
from ..errors import ArgumentError
from .scales import engineering
from .style import is_dark, lightness

#: At which ends values lie beyond the colour scale, as in `Figure.colorbar`.
Extend = Literal["neither", "min", "max", "both"]

#: Percentiles at the ends of a colour scale that a few bright stars must not set.
_PERCENTILES = (1.0, 99.5)

#: Ratio of the brightest to the median above which a scale is logarithmic.
STEEP = 30.0

#: How far lines must be in CIE lightness, which runs to 100, from light and from dark paper, where
#: thin ones need more, and how much less of that the most vivid ones need.
_SEEN, _VIVID = {False: 32.0, True: 45.0}, 20.0

#: Round numbers by which decades are divided into steps that look alike.
_PARTS = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0),
)

#: Difference of lightness from the paper below which a colour of a map passes for it.
_ALIKE = 6.0


def colormap(cmap: str | Colormap) -> Colormap:
    """A colour map by its name, or as it is; ArgumentError if matplotlib knows no such map."""
    if isinstance(cmap, Colormap):
        return cmap
    if isinstance(cmap, str) and cmap in list(mpl.colormaps):
        return mpl.colormaps[cmap]
    near = checks.nearest(cmap, mpl.colormaps)
    raise checks.refused("cmap", cmap, f"a colour map of matplotlib, such as 'inferno'{near}")


def colours(
    values: np.ndarray,
    cmap: str | Colormap,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    usual: Normalize | None = None,
) -> ScalarMappable:
    """A colour scale for some values.

    Parameters
    ----------
    values : ndarray
        NaN where there is none.
    cmap : str or Colormap
    norm : str or Normalize, optional
        The name of a scale, such as "log", or a norm with limits of its own. Default: linear.
    vmin, vmax : float, optional
        Limits. Default: those of the values.
    usual : Normalize, optional
        With limits, such as from `robust_norm`: what is taken where the caller gives no `norm`,
        and the limits of those that are not given.

    Returns
    -------
    ScalarMappable
        Its `cmap` and `norm` are for any artist; the norm has both limits.

    Raises
    ------
    ArgumentError
        Matplotlib knows no such map or scale, the limits do not fit the scale or each other, or it
        can show none of the values.
    """
    cmap = colormap(cmap)
    if isinstance(norm, Normalize):
        if vmin is not None or vmax is not None:
            raise ArgumentError(
                f"give vmin and vmax to the norm itself: norm={type(norm).__name__}(vmin=..., "
                "vmax=...), without vmin= and vmax="
            )
    elif norm is not None:
        scales = [name for name in get_scale_names() if not name.startswith("function")]
        checks.one_of("norm", norm, scales, "a Normalize of matplotlib")
    above = 0.0 if norm == "log" else None
    for name, limit in (("vmin", vmin), ("vmax", vmax)):
        if limit is not None:
            checks.number(name, limit, "a limit of the colours", above=above)
    if vmin is not None and vmax is not None and vmin >= vmax:
        raise ArgumentError(f"vmin={vmin!r}, vmax={vmax!r}: expected vmin below vmax")
    known = np.ma.masked_invalid(values)
    if usual is not None and not isinstance(norm, Normalize):
        vmin, vmax = _filled(usual, norm, vmin, vmax)
        if norm == "log" and vmin is None and vmax is not None and not known.count():
            # No value gives the lower limit, and the usual one does not fit the scale.
            vmin = 0.1 * vmax
        norm = norm or type(usual)()
    scale = ScalarMappable(cast(Normalize, norm), cmap)
    found = cast(Normalize, scale.norm)
    try:
        scale.set_clim(vmin, vmax)
        found.autoscale_None(known)
        # Where nothing is known, the usual scale is of nothing.
        nothing = usual is not None and not known.count()
        shown = nothing or not _colourless(found, known).all()
        reason = "" if shown else "it shows none of them"
    except ValueError as error:
        reason = str(error)
    if reason:
        kind = type(norm).__name__ if isinstance(norm, Normalize) else repr(norm or "linear")
        raise ArgumentError(
            f"norm={kind} from {found.vmin} to {found.vmax} does not fit the values, "
            f"{known.min():.3g} to {known.max():.3g}: {reason}; give other limits, vmin= and "
            "vmax=, or another norm"
        )
    return scale


def _filled(
    usual: Normalize, norm: str | None, vmin: float | None, vmax: float | None
) -> tuple[float | None, float | None]:
    """Limits, the usual ones where none are given and they fit the norm and one another."""
    low, high = cast(float, usual.vmin), cast(float, usual.vmax)
    if vmin is None and (norm != "log" or low > 0) and (vmax is None or low < vmax):
        vmin = low
    if vmax is None and (vmin is None or high > vmin):
        vmax = high
    return vmin, vmax


def robust(values: np.ndarray, good: np.ndarray | None = None) -> tuple[float, float]:
    """Limits that a few outliers do not set: percentiles of what is known and `good`.

    Parameters
    ----------
    values : ndarray
    good : ndarray of bool, optional
        Which values count, of the shape of `values` or one that broadcasts to it; all if none does.

    Returns
    -------
    (float, float)
        Ascending. 0 is taken for the lower one if that is small and above it; 0 and 1 if no value
        is known. One value is in their middle.
    """
    known = np.isfinite(values)
    if good is not None and (known & good).any():
        known = known & good
    if not known.any():
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values[known], _PERCENTILES))
    if 0 < low < 0.3 * high:
        low = 0.0
    if high > low:
        return low, high
    half = 0.5 * abs(low)
    return (low - half, low + half) if half else (0.0, 1.0)


def robust_norm(values: np.ndarray, good: np.ndarray | None = None) -> Normalize:
    """A scale with `robust` limits, logarithmic where the brightest tower above the rest."""
    known = np.isfinite(values) if good is None else np.isfinite(values) & good
    if known.any():
        low, middle, high = np.percentile(values[known], (_PERCENTILES[0], 50, _PERCENTILES[1]))
        if low > 0 and high > STEEP * middle:
            return LogNorm(low, high)
    return Normalize(*robust(values, good))


def ordered(
    bounds: np.ndarray, cmap: str | Colormap = "viridis", paper: Any = None
) -> tuple[list[str], ScalarMappable]:
    """Colours of bins that have an order, along a sequential map.

    Parameters
    ----------
    bounds : ndarray, (bin, 2) or (bin,)
        Ascending edges, or what the bins are of.
    cmap : str or Colormap
    paper : color, optional
        What they are drawn on. Default: `rcParams["axes.facecolor"]`.

    Returns
    -------
    list of str, ScalarMappable
        A colour per bin, and what `colour_bar` shows them by.
    """
    bounds = np.asarray(bounds, float)
    paper = mpl.rcParams["axes.facecolor"] if paper is None else paper
    number = bounds.shape[0]
    low, high = _seen(colormap(cmap), paper)
    places = np.linspace(low, high, number) if number > 1 else np.array([0.55 * low + 0.45 * high])
    found = [to_hex(c) for c in colormap(cmap)(places)]
    if bounds.ndim == 1:
        half = 0.5 * np.diff(bounds) if number > 1 else np.array([0.5])
        edges = np.concatenate([[bounds[0] - half[0]], bounds[:-1] + half, [bounds[-1] + half[-1]]])
        edges = edges if number > 1 else bounds[0] + np.array([-0.5, 0.5])
    else:
        edges = np.append(bounds[:, 0], bounds[-1, 1])
    edges = _finite(edges)
    listed = ListedColormap(found)
    return found, ScalarMappable(BoundaryNorm(edges, number), listed)


def _seen(cmap: Colormap, paper: Any) -> tuple[float, float]:
    """The ends of the part of a map that stands out from paper; all of one that nowhere does."""
    places = np.linspace(0.0, 1.0, 101)
    found = cmap(places)[:, :3]
    seen = _apart(found, paper) + _VIVID * np.ptp(found, axis=1) >= _SEEN[is_dark(paper)]
    if np.count_nonzero(seen) < 2:
        return 0.0, 1.0
    return float(places[seen][0]), float(places[seen][-1])


def _apart(found: np.ndarray, paper: Any) -> np.ndarray:
    """How far colours, (n, 3), are in lightness from that of paper, (n,)."""
    apart: np.ndarray = np.abs(lightness(found) - lightness(np.array([to_rgb(paper)])))
    return apart


def has_paper(cmap: Colormap, paper: Any) -> bool:
    """Whether a map has a colour that passes for that of paper, which has no value."""
    found = cmap(np.linspace(0.0, 1.0, 101))[:, :3]
    # Two greys of one lightness are alike, a grey and a colour are not.
    hue = np.ptp(found - np.array(to_rgb(paper)), axis=1)
    return bool(((_apart(found, paper) < _ALIKE) & (hue < 0.1)).any())


def _finite(edges: np.ndarray) -> np.ndarray:
    """Edges of which the outermost, if infinite, are as far from the next as that from its next."""
    known = edges[np.isfinite(edges)]
    step = np.diff(known) if known.size > 1 else np.array([1.0])
    edges = edges.copy()
    if not np.isfinite(edges[0]):
        edges[0] = (known[0] - step[0]) if known.size else 0.0
    if not np.isfinite(edges[-1]):
        edges[-1] = (known[-1] + step[-1]) if known.size else 1.0
    return edges


def colour_bar(
    mappable: ScalarMappable, ax: Axes, name: str, units: str = "", **properties: Any
) -> Colorbar:
    """A colour bar beside axes, in a readable multiple of the unit, without an offset beside it.

    Parameters
    ----------
    mappable : ScalarMappable
        An artist, or from `colours` or `ordered`.
    ax : Axes
    name, units : str
        What it shows, as for `texts.caption`.
    **properties
        Of `Figure.colorbar`, such as ``extend`` or ``cax``.
    """
    where = {} if "cax" in properties else {"ax": ax, "pad": 0.02}
    bar = ax.figure.colorbar(mappable, **{**where, **properties})
    axis = bar.ax.xaxis if bar.orientation == "horizontal" else bar.ax.yaxis
    engineering(axis, name, units)
    return bar


def limits(scale: ScalarMappable) -> tuple[float, float]:
    """The values at both ends of a colour scale."""
    norm = cast(Normalize, scale.norm)
    return cast(float, norm.vmin), cast(float, norm.vmax)


def drawable(values: np.ndarray, scale: ScalarMappable) -> np.ma.MaskedArray[Any, Any]:
    """Values of which those without a colour are at the limit next to them; masked where unknown.

    A logarithmic scale has no colour for zero and what noise takes below it: it is as dark as can
    be, but not unknown.
    """
    known = np.ma.masked_invalid(values)
    beyond = _colourless(cast(Normalize, scale.norm), known) & ~np.ma.getmaskarray(known)
    low, high = sorted(limits(scale))
    return np.ma.masked_invalid(np.where(beyond, np.clip(values, low, high), values))


def _colourless(norm: Normalize, known: np.ma.MaskedArray[Any, Any]) -> np.ndarray:
    """Where a norm gives nothing that a colour map has a colour for, bool.

    Infinite ones have those of the ends: some norms, such as `TwoSlopeNorm`, give them for what is
    beyond their limits.
    """
    found = np.ma.asarray(norm(known))
    nowhere: np.ndarray = np.ma.getmaskarray(found) | np.isnan(np.ma.getdata(found))
    return nowhere


def steps(levels: int | Sequence[float] | np.ndarray, scale: ScalarMappable) -> np.ndarray:
    """Boundaries of filled contours.

    Parameters
    ----------
    levels : int or sequence of float
        As of `Axes.contourf`: their number, or the boundaries themselves.
    scale : ScalarMappable
        From `colours`. Of a linear or logarithmic one the boundaries are round numbers that enclose
        the limits, about as many as asked for; of another they are about equally far apart in
        colour, of two digits, or those that it has.

    Returns
    -------
    ndarray, (n,)
        Two or more, ascending.

    Raises
    ------
    ArgumentError
        `levels` is neither a number above 0 nor ascending.
    """
    if not isinstance(levels, Sequence | np.ndarray) or np.shape(levels) == ():
        number = checks.whole("levels", levels, 1, 1000, "a number of levels, or their boundaries")
        norm = cast(Normalize, scale.norm)
        if isinstance(norm, BoundaryNorm):
            return np.asarray(norm.boundaries, float)
        if type(norm) is LogNorm:
            found = _round_steps(number, *limits(scale))
            if found.size > 2:
                return found
        if type(norm) is Normalize:
            round_ = MaxNLocator(number + 1, min_n_ticks=1).tick_values(*limits(scale))
            return np.asarray(round_, float)
        even = np.asarray(norm.inverse(np.linspace(0.0, 1.0, number + 1)), float)
        # As short as they can be told apart.
        rounded = np.array([float(f"{level:.2g}") for level in even])
        return rounded if (np.diff(rounded) > 0).all() else even
    found = np.array(checks.numbers("levels", levels, "ascending boundaries of levels"))
    if found.size < 2 or (np.diff(found) <= 0).any():
        raise checks.refused("levels", levels, "a number of levels, or two or more ascending ones")
    return found


def _round_steps(number: int, low: float, high: float) -> np.ndarray:
    """Round numbers that enclose two above zero, in steps that look alike on a logarithmic scale.

    Of the ways to divide decades the one that makes about so many steps.
    """
    first, last = np.floor(np.log10(low)), np.ceil(np.log10(high))
    powers = 10.0 ** np.arange(first, last + 1)
    tried = []
    for parts in _PARTS:
        every = np.unique(np.outer(powers, parts))
        start = int(np.searchsorted(every, low * (1 + 1e-9), side="right")) - 1
        stop = int(np.searchsorted(every, high * (1 - 1e-9)))
        tried.append(every[start : stop + 1])
    return min(tried, key=lambda levels: abs(levels.size - 1 - number))


def extend(values: np.ndarray, low: float, high: float) -> Extend:
    """At which ends values lie beyond limits."""
    known = values[np.isfinite(values)]
    under, over = bool((known < low).any()), bool((known > high).any())
    return "both" if under and over else "min" if under else "max" if over else "neither"
