"""How values become colours: maps, norms and limits as matplotlib takes them, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, Normalize
from matplotlib.scale import get_scale_names
from matplotlib.ticker import MaxNLocator

from .. import checks
from ..errors import ArgumentError

#: At which ends values lie beyond the colour scale, as in `Figure.colorbar`.
Extend = Literal["neither", "min", "max", "both"]


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
    scale = ScalarMappable(cast(Normalize, norm), cmap)
    found = cast(Normalize, scale.norm)
    try:
        scale.set_clim(vmin, vmax)
        found.autoscale_None(known)
        reason = "" if np.ma.masked_invalid(found(known)).count() else "it shows none of them"
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


def limits(scale: ScalarMappable) -> tuple[float, float]:
    """The values at both ends of a colour scale."""
    norm = cast(Normalize, scale.norm)
    return cast(float, norm.vmin), cast(float, norm.vmax)


def drawable(values: np.ndarray, scale: ScalarMappable) -> np.ma.MaskedArray[Any, Any]:
    """Values of which those without a colour are at the lower limit; masked where there is none.

    A logarithmic scale has no colour for zero and what noise takes below it: it is as dark as can
    be, but not unknown.
    """
    known = np.ma.masked_invalid(values)
    dark = np.ma.getmaskarray(np.ma.masked_invalid(scale.norm(known))) & ~np.ma.getmaskarray(known)
    lowest, _ = limits(scale)
    return np.ma.masked_invalid(np.where(dark, lowest, values))


def steps(levels: int | Sequence[float] | np.ndarray, scale: ScalarMappable) -> np.ndarray:
    """Boundaries of filled contours.

    Parameters
    ----------
    levels : int or sequence of float
        As of `Axes.contourf`: their number, or the boundaries themselves.
    scale : ScalarMappable
        From `colours`. Of a linear one the boundaries are round numbers that enclose the limits, of
        another they are equally far apart in colour, or those that it has itself.

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
        if type(norm) is Normalize:
            round_ = MaxNLocator(number + 1, min_n_ticks=1).tick_values(*limits(scale))
            return np.asarray(round_, float)
        return np.asarray(norm.inverse(np.linspace(0.0, 1.0, number + 1)), float)
    found = np.array(checks.numbers("levels", levels, "ascending boundaries of levels"))
    if found.size < 2 or (np.diff(found) <= 0).any():
        raise checks.refused("levels", levels, "a number of levels, or two or more ascending ones")
    return found


def extend(values: np.ndarray, low: float, high: float) -> Extend:
    """At which ends values lie beyond limits."""
    under, over = bool(np.nanmin(values) < low), bool(np.nanmax(values) > high)
    return "both" if under and over else "min" if under else "max" if over else "neither"
