"""Brightness from exposure to exposure: a map of all pixels, or a panel for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from .. import calls, checks
from ..dataset import inputs
from ..dataset.bits import QualityFlag
from ..drawing.colours import colours, robust_norm
from ..drawing.style import drawing
from ..drawing.style import style as styled
from ..errors import ArgumentError
from ..files import whole_file
from ..numerics.along_wl import Integration
from ..quality import flags as quality_flags
from . import axes as common
from . import fieldaxis
from .fieldaxis import FieldAxis
from .heatmap import HeatMap
from .panels import COLUMNS, Ordinate, Pages, Scale
from .timeline import TimeAxis, Timeline, check

#: Most panels along a side of a page.
_MOST = 100


@calls.public("plot.evolution")
@drawing
def evolution(
    ds: xr.Dataset,
    wl_range: common.StarRange = "starlight",
    path: str | Path | None = None,
    pixels: Sequence[int] | None = None,
    method: Integration = "bins",
    yscale: Scale = "linear",
    ylim: tuple[float, float] | None = None,
    share_y: bool = True,
    columns: int | None = None,
    rows: int = 5,
    stars: xr.Dataset | None = None,
    exclude: QualityFlag | Iterable[QualityFlag] = ("lost", "partial", "dark_line", "user"),
    style: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    panels: bool = False,
    x: TimeAxis | FieldAxis | None = None,
    y: FieldAxis | None = None,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    ax: Axes | None = None,
) -> Figure | Path:
    """Draw how the brightness of all pixels changes with time, to find stars and trends.

    A map with a row for each pixel, or with ``panels=True`` a panel for each, with error bars.

    Parameters
    ----------
    ds : Dataset
        Calibrated; if not, the count rate is drawn. A spectrum that lacks counts has none.
    wl_range : (float, float), "starlight" or None
        Angstrom. By default where stars outshine most bodies, 1600 to 1900 in the FUV and 1035 to
        1150 in the EUV, as far as the dataset holds it and its rows have values; None for all of
        the dataset's. What is integrated already is drawn as it is.
    path : path, optional
        PDF to write: the map, or panels on as many pages as needed. By default a figure is drawn.
    pixels : sequence of int, optional
        Pixel numbers. Default: all with at least one spectrum that is not left out.
    method : {"bins", "trapezoid", "simpson"}
        Of integration over wavelength; see `uvisxr.integrals.integrate`. Counts are summed.
    yscale : {"linear", "log"}
        Of panels. On a logarithmic scale, triangles at the lower edge stand for what is not above
        zero.
    ylim : (float, float), optional
        Limits of the ordinate in all panels, kR or count/s. Default: those of the points drawn, but
        for a few that tower above all others: triangles at the upper edge stand for these.
    share_y : bool
        Where no limits are given, use the same in all panels.
    columns, rows : int
        Panels across, and panels down each page of the PDF. Default: 4 across, and more in a figure
        of more than 20 panels.
    stars : Dataset, optional
        Catalogue whose stars are predicted and marked: circles on the map, with the magnitudes of
        the brightest; in panels stars with their magnitudes. Default: the prediction already in
        the dataset, else, with geometry, that of the stars that `predict_stars` takes by default.
    exclude : str or iterable of str
        Quality flags whose spectra are left out, hatched on the map. Spectra flagged `star` are
        drawn; they do not set the limits, and in panels they are hollow.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.
    panels : bool
        Draw a panel for each pixel instead of the map.
    x : {"utc", "pic", "alt", "lat", "lt"}, optional
        Along the abscissa: time, with the gaps between exposures left open, the number of the
        exposure, or altitude, latitude or local time of each spectrum. Default: time, where the
        dataset has it.
    y : {"alt", "lat", "lt"}, optional
        Along the ordinate of the map, instead of the pixel's number. Where spectra lie over one
        another the latest is on top. Altitudes are shown from a tenth of the highest below the limb
        upwards.
    cmap : str or Colormap, optional
        Of the map. Default: that of the style, viridis.
    norm : str or Normalize, optional
        Of the map: scale of the colours, such as "log", or one of `matplotlib.colors`. Default:
        linear, or logarithmic where the brightest spectra tower above the others.
    vmin, vmax : float, optional
        Limits of the colours, kR or count/s. Default: percentiles, so that a star does not set
        them.
    ax : Axes, optional
        For the map. Default: those of a new figure.

    Returns
    -------
    Figure or Path
        The figure, or `path` if given. Where there is nothing to draw, it says why.

    Raises
    ------
    ArgumentError
        A pixel is not in the dataset, a number of panels, a range, a limit or a choice is wrong, or
        an argument of the map is given for panels or the other way round.
    MissingStepError
        The dataset has neither radiance nor counts, or not the times or the geometry for an axis.
    ExportError
        The file cannot be written, or is one that the dataset was read from.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibrate(files=made.calibration)
    >>> ds.uvis.plot.evolution((1450, 1800)).savefig("evolution.png")
    >>> panels = ds.uvis.plot.evolution(
    ...     (1450, 1800), pixels=[20, 30, 40], panels=True, yscale="log"
    ... )
    >>> panels.savefig("panels.png")
    """
    columns_given = columns is not None
    columns = checks.whole("columns", columns, 1, _MOST, "panels") if columns_given else None
    checks.whole("rows", rows, 1, _MOST, "a number of panels")
    checks.choice("share_y", share_y, bool)
    checks.choice("panels", panels, bool)
    check(x, *checks.choices(FieldAxis))
    checks.choice("y", y, FieldAxis | None)
    ordinate = Ordinate.of(yscale, ylim)
    of_panels = {"yscale": yscale != "linear", "ylim": ylim is not None, "columns": columns_given}
    others = {"y": y, "cmap": cmap, "norm": norm, "vmin": vmin, "vmax": vmax, "ax": ax}
    of_map = {name: value is not None for name, value in others.items()}
    _refuse(panels, of_map if panels else of_panels)
    if x is not None and x == y:
        raise ArgumentError(f"x and y are both {x!r}: choose two")
    look = styled(style)
    ds = common.with_flags_told(common.with_stars(ds, stars))
    light = common.signal(ds, wl_range, method).compute()
    good = quality_flags.good(ds, exclude).values
    starred = ~quality_flags.good(ds, "star").values
    chosen = _pixels(ds, pixels, good)
    across: Timeline | FieldAxis
    if x == "alt" or x == "lat" or x == "lt":
        fieldaxis.field(ds, x)
        across = x
    else:
        across = Timeline.of(ds, x)
    if not panels or not (good[:, chosen].any() or pixels is not None):
        values = np.where(good, light.values, np.nan)[:, chosen].astype(float)
        usual = robust_norm(values, ~starred[:, chosen])
        colour_map = look["map"]["cmap"] if cmap is None else cmap
        scale = colours(values, colour_map, norm, vmin, vmax, usual)
        drawn = HeatMap(ds, light, good, exclude, chosen, across, y, scale, look).on(ax)
        figure = cast(Figure, drawn.get_figure(root=True))
        return figure if path is None else _write([figure], path, ds, close=ax is None)
    pages = Pages(ds, light, good, starred, across, columns, ordinate, look)
    if share_y:
        around = ordinate.around(light.isel(pixel=chosen), pages.counted(chosen))
        pages = replace(pages, ordinate=replace(ordinate, limits=around))
    if path is None:
        return pages.of(chosen)
    size = rows * (columns or COLUMNS)
    pages = replace(pages, columns=columns or COLUMNS)
    return _write(
        (pages.of(chosen[at : at + size], rows) for at in range(0, len(chosen), size)), path, ds
    )


def _refuse(panels: bool, given: Mapping[str, bool]) -> None:
    """Refuse arguments of the other kind of picture."""
    for name in [name for name, there in given.items() if there]:
        where = "of the map" if panels else "of panels"
        mend = "leave panels= out" if panels else "call it with panels=True"
        if name == "yscale":
            mend += ', or take norm="log" for the colours of the map'
        raise ArgumentError(f"{name}= is {where}: leave it out, or {mend}")


def _write(figures: Iterable[Figure], path: str | Path, ds: xr.Dataset, close: bool = True) -> Path:
    """Write figures as the pages of a PDF."""
    path = Path(path).expanduser()
    with (
        whole_file(path, inputs.of(ds)) as part,
        # No date in it: the same data give the same file.
        PdfPages(part, metadata={"CreationDate": None}) as pdf,
    ):
        for figure in figures:
            pdf.savefig(figure)
            if close:
                plt.close(figure)
    return path


def _pixels(ds: xr.Dataset, pixels: Sequence[int] | None, good: np.ndarray) -> list[int]:
    """Positions along the dataset's pixels."""
    numbers = np.atleast_1d(ds["pixel"].values)
    if pixels is None:
        some = good.any(axis=0)
        return list(map(int, np.flatnonzero(some if some.any() else ~some)))
    chosen = []
    for pixel in [pixels] if np.isscalar(pixels) else pixels:
        if not checks.is_number(pixel):
            raise checks.refused("pixels", pixels, "numbers of pixels in a sequence")
        found = np.flatnonzero(numbers == np.asarray(pixel))
        if not found.size:
            raise ArgumentError(
                f"no pixel {pixel!r}: the dataset holds {numbers.min()} to {numbers.max()}"
            )
        chosen.append(int(found[0]))
    if not chosen:
        raise checks.refused("pixels", pixels, "at least one, or none given for all")
    return chosen
