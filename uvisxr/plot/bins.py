"""How many spectra each bin holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from .. import calls, checks
from ..dataset.conventions import VARIABLES
from ..drawing.colours import colour_bar, colours, drawable, extend, limits
from ..drawing.layout import lay_out
from ..drawing.style import Style, drawing, is_dark
from ..drawing.style import style as styled
from ..drawing.texts import caption, edge, heading, nothing, set_label, set_title
from ..errors import ArgumentError, MissingStepError
from . import axes as common

#: Largest width and height of the axes of a new figure, inches.
_LARGEST = (8.0, 6.0)

#: Width and height of what is written in a cell, in sizes of its letters, for each letter.
_LETTER, _LINE = 0.72, 1.3

#: Number of edges that are written upright, and the most that are written at all.
_EDGES, _SHOWN = 14, 28


@calls.public("plot.bins")
@drawing
def bins(
    ds: xr.Dataset,
    x: str | None = None,
    y: str | None = None,
    values: bool = True,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw the number of spectra in each bin as a coloured table.

    Parameters
    ----------
    ds : Dataset
        Result of `ds.uvis.bin(...)`.
    x, y : str, optional
        Fields along the axes, such as "lat" and "alt". Default: the first two of the bins. The
        numbers are summed over any others.
    values : bool
        Write the numbers into the cells, if they have room for them; empty ones stay blank.
    cmap : str or Colormap, optional
        Default: that of the style, viridis.
    norm : str or Normalize, optional
        Scale of the colours, such as "log", or one of `matplotlib.colors`. Default: linear.
    vmin, vmax : float, optional
        Limits of the colours. Default: from 0 to the largest number.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Bins as equal cells side by side, with their edges at the ticks.

    Raises
    ------
    MissingStepError
        The dataset is not binned.
    ArgumentError
        A field that the dataset is not binned by, or the same one for both axes.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> bins = ds.uvis.bin(by={"alt": [0, 500, 1000], "lt": [0, 6, 12, 18, 24]})
    >>> ax = bins.uvis.plot.bins()
    >>> ax.figure.savefig("bins.png")
    """
    look = styled(style)
    if "n" not in ds.variables:
        raise MissingStepError("the dataset holds no bins: call ds.uvis.bin(by={...}) first")
    count = ds["n"]
    across, up = _dims(count, x, y)
    summed = count.sum([d for d in count.dims if d not in (across, up)])
    table = summed.transpose(*([up] if up else []), across).values.reshape(-1, ds.sizes[across])
    chosen = look["map"] if cmap is None else look["map"] | {"cmap": cmap}
    shown = np.where(table > 0, table, np.nan)
    scale = colours(shown, chosen.pop("cmap"), norm, vmin, vmax, usual=_usual(table))
    ax = common.new_axes(ax, figsize=_size(*table.shape))
    mesh = ax.pcolormesh(
        drawable(shown, scale),
        edgecolors="face",
        **{"cmap": scale.cmap, "norm": scale.norm, **chosen},
    )
    mesh.set_gid("bins")
    if table.any():
        _draw_bar(mesh, ax, shown, scale)
    _ticks(ax.xaxis, ds, across)
    if len(ax.get_xticks()) > 7:
        _turn(ax, upright=len(ax.get_xticks()) > _EDGES)
    if up:
        _ticks(ax.yaxis, ds, up)
    else:
        ax.set_yticks([])
    if not table.any():
        nothing(ax, "no spectrum in any bin", look)
    elif values and _fits(ax, table, look):
        for (i, j), number in np.ndenumerate(table):
            if not number:
                continue
            text = {**look["map_value"], "color": _ink(mesh, number)}
            ax.text(j + 0.5, i + 0.5, f"{number}", gid="value", **text)
    filled = f"{int(table.sum()):,} spectra in {np.count_nonzero(table)} of {table.size} bins"
    rest = [str(d).removesuffix("_bin") for d in count.dims if d not in (across, up)]
    named = [VARIABLES[n].long_name.partition(",")[0] if n in VARIABLES else n for n in rest]
    set_title(ax, heading(ds, filled, *[f"summed over {name}" for name in named]))
    return ax


def _draw_bar(mesh: QuadMesh, ax: Axes, shown: np.ndarray, scale: ScalarMappable) -> None:
    """Draw the colour bar, with whole numbers at its ticks."""
    bar = colour_bar(mesh, ax, "spectra in the bin", extend=extend(shown, *limits(scale)))
    if type(scale.norm) is Normalize:
        bar.ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    elif isinstance(scale.norm, LogNorm):
        # Numbers of spectra are told as they are, 20 rather than 2 x 10^1.
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())


def _turn(ax: Axes, upright: bool) -> None:
    """Turn the edges below the axes, so that each still ends at its tick."""
    for text in ax.get_xticklabels():
        if upright:
            text.set(rotation=90, va="top")
        else:
            text.set(rotation=45, ha="right", rotation_mode="anchor")


def _dims(count: xr.DataArray, x: str | None, y: str | None) -> tuple[str, str | None]:
    wanted = {}
    for name, field in (("x", x), ("y", y)):
        if field is None:
            continue
        dim = field if field in count.dims else f"{field}_bin"
        if dim not in count.dims:
            checks.one_of(name, field, [str(d).removesuffix("_bin") for d in count.dims])
        wanted[name] = dim
    if len(set(wanted.values())) < len(wanted):
        raise ArgumentError(f"x and y are both {x!r}: choose two fields of the bins")
    rest = [str(d) for d in count.dims if d not in wanted.values()]
    across = wanted.get("x") or rest.pop(0)
    return across, wanted.get("y") or (rest[0] if rest else None)


def _size(rows: int, columns: int) -> tuple[float, float]:
    """Size of the figure, inches: cells that hold numbers, and axes that hold their labels."""
    width = np.clip(0.62 * columns, 3.4, _LARGEST[0])
    return 2.0 + width, 1.6 + np.clip(0.42 * rows, 0.9 if rows == 1 else 2.4, _LARGEST[1])


def _fits(ax: Axes, table: np.ndarray, look: Style) -> bool:
    """Whether the cells have room for their numbers."""
    lay_out(ax)
    letter = FontProperties(size=look["map_value"]["fontsize"]).get_size_in_points()
    width, height = common.size(ax)
    long = len(str(int(table.max()))) * _LETTER * letter
    return bool(width / table.shape[1] >= long and height / table.shape[0] >= _LINE * letter)


def _usual(table: np.ndarray) -> Normalize:
    """A scale from 0, so that the colour of a bin tells its share."""
    return Normalize(0.0, float(max(table.max(), 1)))


def _ticks(axis: Axis, ds: xr.Dataset, dim: str) -> None:
    """Put bin edges at the ticks between cells, or group numbers at the cell centres."""
    bounds = ds.get(f"{dim}_bounds")
    size = ds.sizes[dim]
    name = dim.removesuffix("_bin")
    known = VARIABLES.get(name)
    set_label(axis, caption(known.long_name, known.units) if known else caption(name))
    if bounds is None:
        axis.set_ticks(np.arange(size) + 0.5, [f"{v}" for v in ds[dim].values])
        return
    edges = bounds.transpose(dim, ...).values
    joined = bool(np.array_equal(edges[1:, 0], edges[:-1, 1]))
    if joined:
        labels = [edge(v) for v in (*edges[:, 0], edges[-1, 1])]
        every = -(-(size + 1) // _SHOWN)
        axis.set_ticks(np.arange(size + 1)[::every], labels[::every])
    else:
        axis.set_ticks(np.arange(size) + 0.5, [f"{edge(a)}–{edge(b)}" for a, b in edges])


def _ink(mesh: QuadMesh, value: float) -> str:
    """Black or white, whichever stands out from the cell's colour."""
    return "white" if is_dark(mesh.to_rgba(np.array([value]))[0][:3]) else "black"
