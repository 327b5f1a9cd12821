"""How many spectra each bin holds."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import QuadMesh
from matplotlib.ticker import MaxNLocator

from .. import calls, checks
from ..dataset.conventions import VARIABLES
from ..errors import ArgumentError, MissingStepError
from . import axes as common
from .style import style as styled

#: Letters in a line of an axis label.
_LABEL = 32


@calls.public("plot.bins")
def bins(
    ds: xr.Dataset,
    x: str | None = None,
    y: str | None = None,
    values: bool = True,
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
        Write the numbers into the cells.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.plot.style.style`.

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
    ax = common.new_axes(ax, figsize=_size(*table.shape))
    mesh = ax.pcolormesh(np.ma.masked_equal(table, 0), edgecolors="face", **look["map"])
    mesh.set_gid("bins")
    bar = ax.figure.colorbar(mesh, ax=ax, ticks=MaxNLocator(integer=True))
    bar.set_label("Spectra in the bin")
    _ticks(ax.xaxis, ds, across)
    if len(ax.get_xticks()) > 7:
        ax.tick_params(axis="x", labelrotation=45)
    if up:
        _ticks(ax.yaxis, ds, up)
    else:
        ax.set_yticks([])
    if values:
        for (i, j), number in np.ndenumerate(table):
            text = {**look["map_value"], "color": _ink(mesh, number)}
            ax.text(j + 0.5, i + 0.5, f"{number}", gid="value", **text)
    ax.set_title(f"{common.title(ds)}  {int(table.sum())} spectra".strip(), fontsize="medium")
    return ax


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
    return 1.8 + max(0.62 * columns, 2.6), 1.6 + max(0.42 * rows, 0.9 if rows == 1 else 2.4)


def _ticks(axis: Axis, ds: xr.Dataset, dim: str) -> None:
    """Put bin edges at the ticks between cells, or group numbers at the cell centres."""
    bounds = ds.get(f"{dim}_bounds")
    size = ds.sizes[dim]
    name = dim.removesuffix("_bin")
    known = VARIABLES.get(name)
    text = common.caption(known.long_name, known.units) if known else common.caption(name)
    axis.set_label_text(textwrap.fill(text, _LABEL))
    if bounds is None:
        axis.set_ticks(np.arange(size) + 0.5, [f"{v}" for v in ds[dim].values])
        return
    edges = bounds.transpose(dim, ...).values
    joined = bool(np.array_equal(edges[1:, 0], edges[:-1, 1]))
    if joined:
        labels = [_number(v) for v in (*edges[:, 0], edges[-1, 1])]
        axis.set_ticks(np.arange(size + 1), labels)
    else:
        axis.set_ticks(np.arange(size) + 0.5, [f"{_number(a)}–{_number(b)}" for a, b in edges])


def _number(value: float) -> str:
    return f"{value:g}" if np.isfinite(value) else ("∞" if value > 0 else "−∞")


def _ink(mesh: QuadMesh, value: float) -> str:
    """Black or white, whichever stands out from the cell's colour."""
    if not value:
        return "0.5"
    red, green, blue, _ = mesh.to_rgba(np.array([value]))[0]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
