"""Maps of a body, as `ds.uvis.map` makes them, with night side, graticule and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.ticker import MaxNLocator

from .. import calls, checks
from ..drawing.colours import colour_bar, colours, drawable, extend, limits, robust_norm
from ..drawing.scales import plain_log
from ..drawing.style import drawing
from ..drawing.style import style as styled
from ..drawing.texts import angstroms, heading, is_narrow, nothing, tied
from ..errors import MissingStepError
from ..maps.grids import Polar
from . import around
from . import axes as common
from .sheet import Sheet

#: Sizes of new figures, inches.
_WIDE, _ROUND = (8.4, 4.2), (6.6, 5.8)

#: What is drawn in colours that begin at 0.
_LIGHT = ("brightness", "reflectance")


@calls.public("plot.map")
@drawing
def map(  # noqa: A001 - as the step that makes it
    ds: xr.Dataset,
    field: str | None = None,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    night: bool = True,
    annotate: bool = True,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw a map of a body.

    East is to the right. A polar map shows its pole from above; local noon or the longitude 0 is
    below, so that in the north dusk is to the right. The night side lies beneath the map, the
    terminator, where the Sun is in the horizon, over it. On a map by longitude they are those of
    the mean longitude of the Sun, and are left out where that moved too far. The title says what
    blank cells and the dashed line are; blank ones are dotted if some value has their colour. A map
    without a value says so.

    Parameters
    ----------
    ds : Dataset
        From `ds.uvis.map`.
    field : str, optional
        Another of its variables, such as "spectra" or "ems". Default: what was mapped.
    cmap : str or Colormap, optional
        Default: that of the style, inferno.
    norm : str or Normalize, optional
        Scale of the colours, such as "log", or one of `matplotlib.colors`. Default: linear, or
        logarithmic where the brightest tower above the others.
    vmin, vmax : float, optional
        Limits of the colours. Default: percentiles, of brightness and I/F from 0.
    night : bool
        Draw the night side and the terminator.
    annotate : bool
        Draw graticule, names, title and colour bar.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Of the cylindrical map in degrees or hours and degrees, of the polar map in km.

    Raises
    ------
    MissingStepError
        The dataset is no map, or has no such variable.
    ArgumentError
        Matplotlib knows no such map or norm, or the limits do not fit.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(alt_min=2000)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> found = ds.uvis.map(wl_range=(1450, 1800), spacing=5, by="lt")
    >>> found.uvis.plot.map().get_xlabel()
    'Local solar time (h)'
    """
    checks.choice("night", night, bool)
    checks.choice("annotate", annotate, bool)
    look = styled(style)
    sheet = Sheet.of(ds) if night else replace(Sheet.of(ds), sun=None)
    array = _array(ds, field, sheet)
    chosen = look["image"] if cmap is None else look["image"] | {"cmap": cmap}
    values = array.values.astype(float)
    if array.name == "spectra":
        values = np.where(values > 0, values, np.nan)
    usual = robust_norm(values)
    if array.name in _LIGHT and not isinstance(usual, LogNorm) and usual.vmin is not None:
        # Else faint light looks like none.
        usual = Normalize(min(usual.vmin, 0.0), usual.vmax)
    scale = colours(values, chosen.pop("cmap"), norm, vmin, vmax, usual)
    ax = common.new_axes(ax, figsize=_ROUND if sheet.polar else _WIDE)
    shown = np.ma.filled(drawable(values, scale), np.nan)
    mesh = sheet.draw(ax, shown, scale, chosen)
    ground = sheet.ground(ax, values, scale)
    seen = sheet.draw_ground(ax, values, scale, ground, look)
    sheet.frame(ax, bare=not annotate)
    known = sheet.within(values)
    known = known[np.isfinite(known)]
    if not known.size:
        said = nothing(ax, _why(ds), look)
        said.set_bbox({"facecolor": ax.get_facecolor(), "edgecolor": "none", "alpha": 0.85})
    if not annotate:
        return ax
    sheet.draw_graticule(ax, ground, look)
    around.name(ax, sheet, look)
    if known.size:
        name, units = array.attrs.get("long_name", str(array.name)), array.attrs.get("units", "")
        more = {"extend": extend(known, *limits(scale)), "cax": around.beside(ax)}
        axis = colour_bar(mesh, ax, name, units, **more).ax.yaxis
        plain_log(axis)
        if array.dtype.kind in "iu" and axis.get_scale() == "linear":
            axis.set_major_locator(MaxNLocator("auto", integer=True))
    # In small pictures there is no room for all that.
    small = is_narrow(ax.get_figure(root=True))
    named, seen = (ds.assign_attrs(name=""), seen[:1]) if small else (ds, seen)
    title = heading(named, *_notes(ds, sheet, small), *(tied(one) for one in seen))
    around.entitle(ax, title)
    around.name_circles(ax, sheet, ground, look)
    return ax


def _why(ds: xr.Dataset) -> str:
    """Why nothing is drawn."""
    number = int((ds["spectra"].values > 0).sum()) if "spectra" in ds.variables else 0
    cells = f" in any of {number:,} cells that were seen" if number else ""
    return f"Nothing to show: no value{cells}"


def _array(ds: xr.Dataset, field: str | None, sheet: Sheet) -> xr.DataArray:
    if field is None:
        if not ds.data_vars:
            raise MissingStepError("plot.map: the map has no variable left to draw: see field=")
        field = str(next(iter(ds.data_vars)))
    if field not in ds.variables or set(ds[field].dims) != set(sheet.dims):
        there = [str(n) for n in ds.variables if set(ds[n].dims) == set(sheet.dims)]
        raise MissingStepError(
            f"plot.map: the map has no {field!r} over {' and '.join(sheet.dims)}"
            f"{checks.nearest(field, there)}"
        )
    return ds[field].transpose(*sheet.dims)


def _notes(ds: xr.Dataset, sheet: Sheet, short: bool) -> list[str]:
    """What the title says beside body, time and observation."""
    ends = ds["wl_bounds"].values if "wl_bounds" in ds.variables else None
    altitude = float(ds.attrs["map_altitude"])
    where = tied(f"{altitude:,g} km") + " above the ellipsoid" * (not short) if altitude else ""
    pole = ""
    if isinstance(sheet.grid, Polar):
        pole = f"{'north' if sheet.grid.north else 'south'} pole"
    return [part for part in (angstroms(ends), pole, where) if part]
