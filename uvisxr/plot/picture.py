"""The ultraviolet image of a body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from .. import calls, checks
from .. import image as gridded
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..drawing.colours import colours, extend, limits, steps
from ..drawing.ground import Ground
from ..drawing.labels import Labels
from ..drawing.layout import lay_out, settle, surroundings
from ..drawing.scales import engineering
from ..drawing.style import Style, drawing
from ..drawing.style import style as styled
from ..drawing.texts import (
    angstroms,
    caption,
    fit,
    heading,
    is_narrow,
    literal,
    nothing,
    set_label,
    set_title,
    tied,
)
from ..errors import ArgumentError
from ..geometry import views
from ..numerics import raster
from ..numerics.along_wl import Integration
from . import axes as common
from . import beside, cells, framing
from .altitudes import draw_altitudes, usual
from .disks import Bodies, draw_disks, draw_poles, name_disks
from .footprints import (
    Doubtful,
    Parts,
    draw_image,
    hatch,
    limits_of,
    outline,
    overlaps,
    shows_hatches,
)

#: Width of a new figure, its greatest and least height, and what is beside and above the image,
#: inches.
_WIDTH, _HIGHEST, _LOWEST, _ASIDE, _ABOVE = 6.4, 8.0, 3.0, 1.75, 1.3

#: Cells across of contours without `nx`.
_CONTOURED = 200

#: Room at the edges of a new figure, inches.
_PAD = 0.07

#: What there usually is to the left of an image, below, to the right and above, inches.
_USUAL = (0.78, 0.5, 1.12, 0.3)

#: Most exposures that are outlined where they overlap.
_OUTLINED = 16

#: Room beyond the least height of a colour bar below which its name must be short, points.
_SHORT = 60.0

#: Height of a colour bar below which it is named by its unit alone, points.
_TINY = 66.0

#: Space around the body on a map of where the image is, in its diameters.
_AROUND = 0.35


@calls.public("plot.picture")
@drawing
def picture(
    ds: xr.Dataset,
    wl_range: tuple[float, float] | None = None,
    nx: int | None = None,
    ny: int | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    interpolate: bool = False,
    method: Integration = "bins",
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    overlap: gridded.Overlap = "mean",
    flagged: Doubtful = "hatch",
    filled: Doubtful = "show",
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    levels: int | Sequence[float] | np.ndarray | None = None,
    annotate: bool = True,
    altitudes: Sequence[float] | np.ndarray | None = None,
    compass: bool = True,
    bodies: Iterable[str] = (),
    kernels: str | Path | Iterable[str | Path] | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw the image of the body in a wavelength range.

    Footprints lie in the plane through the body's centre that faces the spacecraft. Where they
    overlap, their mean is shown, or the latest, as the title then says, and the exposures are
    outlined unless they are many. The body with its night side and graticule, other bodies, and
    Saturn's rings are those of the middle exposure. A body that is too small in the picture to be
    made out, or that is not whole in it, is on a small map beside it.

    Where there is nothing to show, the picture says why.

    Parameters
    ----------
    ds : Dataset
        Calibrated, with geometry.
    wl_range, ny, interpolate, method, exclude
        As in `uvisxr.image.image`, which gives the image as a DataArray.
    nx : int, optional
        Cells across. Default: as many as can be told apart. If gaps between exposures are narrower
        than one and a half of them, all are closed that are not as wide as half a footprint, as the
        title says. Cells stay empty that footprints cover for the smaller part.
    overlap : {"mean", "latest"}
        As in `uvisxr.image.image`.
    flagged : {"hatch", "leave out", "show"}
        Footprints of spectra that are flagged by one of `exclude`: hatched in place of a value,
        empty, or shown as if they were not flagged. Rows without usable signal, "dark_line", are
        not hatched.
    filled : {"hatch", "leave out", "show"}
        The same for those more than half of whose brightness was filled from neighbouring elements.
    xlim, ylim : (float, float), optional
        Limits of the axes, km from the centre, which the `nx` and `ny` cells divide; descending
        ones mirror the picture. Default: the footprints, and the whole body, or if it is much
        larger, the limb near them.
    cmap : str or Colormap, optional
        Default: that of the style, inferno.
    norm : str or Normalize, optional
        Scale of the colours, such as "log", or one of `matplotlib.colors`. Default: linear.
    vmin, vmax : float, optional
        Limits of the colour scale, kR. Default: percentiles, which a few stars do not move.
        Arrows at the ends of the colour bar show that there is more beyond.
    levels : int or sequence of float, optional
        Draw filled contours instead of cells, at these boundaries, kR, or at about so many round
        ones, as `Axes.contourf` does. They are smooth with ``interpolate=True``.
    annotate : bool
        Draw axes, title, colour bar, graticule, altitudes, poles, compass and scale bar. Without
        these there are only the image, the bodies' limbs and terminators, and altitudes that are
        asked for.
    altitudes : sequence of float, optional
        Altitudes of circles to draw above the limb, km. Default: a few round numbers if `annotate`,
        as far as they can be told apart; `()` for none. Those are named that have room for it.
    compass : bool
        Show celestial north and east, the direction of the Sun, and a scale bar, beside the image,
        if `annotate` and there is room.
    bodies : iterable of str
        Other bodies to draw, such as ``["SATURN"]``.
    kernels : path or iterable of paths, optional
        For these; as in `ds.uvis.geometry`.
    ax : Axes, optional
        Default: those of a new figure, as high as the image needs.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        km to the right and towards the body's north; the colour bar is in kR.

    Raises
    ------
    MissingStepError
        The dataset has no geometry or no radiance.
    ArgumentError
        As in `uvisxr.image.image`; matplotlib knows no such map or norm, or the limits, levels or
        altitudes do not fit, or SPICE does not know a body.
    KernelError, CoverageError
        There are no kernels for `bodies`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.calibrate(files=made.calibration)
    >>> ax = ds.uvis.plot.picture((1450, 1800), nx=60, altitudes=[1000])
    >>> ax.figure.savefig("titan.png")

    Smooth contours of the northern limb, on a logarithmic scale, without a frame:

    >>> part = {"xlim": (-2000, 2000), "ylim": (1000, 4000), "interpolate": True, "nx": 60}
    >>> ax = ds.uvis.plot.picture((1205, 1226), **part, levels=20, norm="log", annotate=False)
    """
    checks.choice("annotate", annotate, bool)
    checks.choice("compass", compass, bool)
    for argument, value in (("flagged", flagged), ("filled", filled)):
        checks.choice(argument, value, Doubtful)
    circles = None
    if altitudes is not None:
        circles = checks.numbers("altitudes", altitudes, "heights above the surface, km", above=0)
    gridded.check(_CONTOURED if nx is None else nx, ny, xlim, ylim, interpolate, overlap)
    look = styled(style)
    seen = gridded.gather(ds, wl_range, method, exclude)
    parts = Parts.of(ds, seen, flagged, filled)
    others = views.others(ds, kernels, bodies)
    scene = Bodies.of(seen.view, others, len(seen.view.observer) // 2)
    frame = _framed(seen.polygons[parts.shown | parts.hatched], scene, xlim, ylim)
    if nx is None and (interpolate or levels is not None):
        nx = _CONTOURED
    grid = _Grid(nx, ny, xlim, ylim, interpolate, overlap)
    point = cells.point(frame.low, frame.high, *_room(ax))
    seen, found, closed = _image(seen, parts.shown, grid, frame, point)
    chosen = look["image"] if cmap is None else look["image"] | {"cmap": cmap}
    values = np.array([np.nan]) if found is None else found.values
    usually = Normalize(*limits_of(found, scene.limb(scene.target.at(0))))
    scale = colours(values, chosen.pop("cmap"), norm, vmin, vmax, usually)
    boundaries = None if levels is None else steps(levels, scale)

    fresh, ax = ax is None, common.new_axes(ax, figsize=(_WIDTH, 5.6))
    ax.set_xlim(*((frame.low[0], frame.high[0]) if xlim is None else xlim))
    ax.set_ylim(*((frame.low[1], frame.high[1]) if ylim is None else ylim))
    if fresh:
        _set_size(ax)
    ax.set_aspect("equal")
    ax.apply_aspect()
    drawn = None if found is None else draw_image(ax, found, scale, boundaries, chosen)
    ground = Ground.of(ax, found, None if found is None else scale)
    hatch(ax, seen.polygons[parts.hatched], look)
    draw_disks(ax, scene, ground, look, full=annotate)
    if found is None:
        said = nothing(ax, f"Nothing to show: {seen.why}", look)
        said.set_bbox({"facecolor": ax.get_facecolor(), "edgecolor": "none", "alpha": 0.85})
    if not annotate:
        draw_altitudes(ax, scene, circles or (), ground, look, None)
        ax.set_axis_off()
        return ax

    notes = [parts.note(shows_hatches(ax, seen.polygons, parts.hatched))]
    if closed:
        notes.insert(0, tied("gaps closed"))
    if found is not None and overlaps(found):
        notes.insert(0, "mean where footprints overlap" if overlap == "mean" else "latest on top")
        if len(seen.polygons) <= _OUTLINED:
            outline(ax, seen.polygons, parts.shown, ground, look)
            notes[0] += f", {tied('exposures outlined')}"
    # In small pictures the name would take room that the image needs.
    small = is_narrow(cast(Figure, ax.get_figure(root=True)))
    named = ds.assign_attrs(name="") if small else ds
    # Others have the range at the colour bar.
    unbarred = angstroms(seen.attrs.get("wl_range")) if found is None else ""
    # In one unit, as both have one scale.
    far = float(np.abs([ax.get_xlim(), ax.get_ylim()]).max())
    engineering(ax.xaxis, "Right of the centre", "km", far, scene.target.name)
    engineering(ax.yaxis, "North of the centre", "km", far, scene.target.name)
    _set_title(ax, heading(named, unbarred, *notes))
    # What there is room for depends on how high the axes are with a column beside them.
    if fresh:
        _place(ax, *_USUAL)
    else:
        trial = beside.trial(ax)
        lay_out(ax)
        for one in trial:
            one.remove()
    short = _fill_column(ax, drawn, found, scale, boundaries, scene, frame, compass, chosen, look)
    if short and found is not None:
        _set_title(ax, heading(named, angstroms(found.attrs.get("wl_range")), *notes))
    if fresh:
        around = surroundings(ax)
        margins = np.abs(around.get_points() - ax.bbox.get_points()) / ax.figure.dpi
        _place(ax, *margins.ravel())
    else:
        lay_out(ax)
    labels = Labels(ax)
    draw_poles(ax, scene, ground, look, labels)
    name_disks(ax, scene, ground, look, labels)
    rounds = usual(ax, ds) if circles is None else circles
    draw_altitudes(ax, scene, rounds, ground, look, labels)
    if fresh:
        settle(cast(Figure, ax.figure))
    return ax


def _framed(
    polygons: np.ndarray,
    scene: Bodies,
    xlim: tuple[float, float] | None,
    ylim: tuple[float, float] | None,
) -> framing.Frame:
    limb = scene.limb(scene.target.at(0))
    found = framing.frame(polygons.reshape(-1, 2), limb)
    x = (found.low[0], found.high[0]) if xlim is None else xlim
    y = (found.low[1], found.high[1]) if ylim is None else ylim
    corners = np.sort([x, y], axis=1)
    return framing.of(corners[:, 0], corners[:, 1], limb)


def _room(ax: Axes | None) -> tuple[float, float]:
    """About how large the image will be, inches."""
    common.checked_axes(ax)
    if ax is None:
        return _WIDTH - _ASIDE, _HIGHEST - _ABOVE
    width, height = np.array(common.size(ax)) / 72.0
    return max(width - _ASIDE + _USUAL[0], 0.5 * width), height


class _Grid(NamedTuple):
    """How footprints become cells; as in `picture`."""

    nx: int | None
    ny: int | None
    xlim: tuple[float, float] | None
    ylim: tuple[float, float] | None
    interpolate: bool
    overlap: gridded.Overlap


def _image(
    seen: gridded.Gathered, shown: np.ndarray, grid: _Grid, frame: framing.Frame, point: float
) -> tuple[gridded.Gathered, xr.DataArray | None, bool]:
    """Footprints as they are drawn, the image of those that are shown, and if gaps were closed."""
    box = raster.box(seen.polygons[shown]) if shown.any() else (frame.low, frame.high)
    width = float(np.ptp([corner[0] for corner in box] if grid.xlim is None else grid.xlim))
    nx = cells.number(seen.polygons, width, point) if grid.nx is None else grid.nx
    closed = False
    if not grid.interpolate:
        polygons, closed = cells.closed(seen.polygons, max(width / nx, point))
        seen = replace(seen, polygons=polygons)
    if not shown.any():
        return seen, None, False
    found = gridded.gridded(seen, shown, nx, *grid[1:])
    if not np.isfinite(found.values).any():
        raise ArgumentError(
            f"no footprint lies within xlim={grid.xlim}, ylim={grid.ylim}: these are km from the "
            "centre of the body; leave them out to see where the footprints are"
        )
    if not grid.interpolate:
        found = cells.filled(found, seen.polygons[shown])
    return seen, found, closed


def _set_size(ax: Axes) -> None:
    """Make a figure about as high as its image needs, or as wide, if that is high."""
    shape = abs(float(np.ptp(ax.get_ylim()) / np.ptp(ax.get_xlim())))
    width, height = _WIDTH, max((_WIDTH - _ASIDE) * shape + _ABOVE, _LOWEST)
    if height > _HIGHEST:
        width, height = max((_HIGHEST - _ABOVE) / shape + _ASIDE, 0.6 * _WIDTH), _HIGHEST
    cast(Figure, ax.figure).set_size_inches(width, height)


def _place(ax: Axes, left: float, low: float, right: float, above: float) -> None:
    """Place the axes of a new figure with what is around them, inches, and make it as high.

    The layout engine takes many rounds for axes of a fixed aspect.
    """
    figure = cast(Figure, ax.figure)
    shape = abs(float(np.ptp(ax.get_ylim()) / np.ptp(ax.get_xlim())))
    width, height = figure.get_size_inches()
    room = width - left - right - 2 * _PAD
    if height < _HIGHEST:
        height = max(room * shape + low + above + 2 * _PAD, _LOWEST)
    figure.set_size_inches(width, height)
    inside = Bbox.from_extents(_PAD + left, _PAD + low, width - _PAD - right, height - _PAD - above)
    to_figure = figure.dpi_scale_trans + figure.transFigure.inverted()
    ax._set_position(inside.transformed(to_figure), which="original")  # type: ignore[attr-defined]
    ax.apply_aspect()


def _set_title(ax: Axes, text: str) -> None:
    """Give axes a title that begins with them, as there is more beside than they are wide."""
    # At a place of its own: matplotlib looks for one above all else each time it draws.
    title = set_title(ax, text, y=1.0)
    title.set(ha="left", x=0.0)
    fit(title, partial(_room_for_title, ax))


def _room_for_title(ax: Axes) -> float:
    """Width for a title, screen pixels: to the end of the column, or of the figure."""
    figure = cast(Figure, ax.get_figure(root=True))
    alone = all(other is ax for other in figure.axes)
    beyond = figure.bbox.x1 - ax.bbox.x0 if alone else ax.bbox.width + figure.dpi
    return max(float(beyond), float(ax.bbox.width))


def _fill_column(
    ax: Axes,
    drawn: ScalarMappable | None,
    found: xr.DataArray | None,
    scale: ScalarMappable,
    boundaries: np.ndarray | None,
    scene: Bodies,
    frame: framing.Frame,
    compass: bool,
    properties: Mapping[str, Any],
    look: Style,
) -> bool:
    """Draw colour bar, compass, scale bar and map beside the image, as far as there is room.

    Returns
    -------
    bool
        Whether the colour bar is too short to say what wavelengths it is of.
    """
    column = beside.Column(ax)
    inset = None if frame.tells else beside.add_map(column, ax)
    if inset is not None:
        _draw_map(inset, ax, found, scale, scene, frame, properties, look)
    if compass:
        beside.draw_compass(column, ax, scene.target, look)
        beside.draw_scale(column, ax, look)
    if drawn is None or found is None:
        return False
    short = not column.room(_SHORT)
    bar = ax.figure.colorbar(
        drawn,
        cax=column.bar(),
        # Contours have arrows and ticks of their own.
        extend=extend(found.values, *limits(scale)) if boundaries is None else None,
        format=None if boundaries is None else "%.3g",
    )
    # A word as long as that is longer than the shortest bars.
    tiny = not column.room(0.0, _TINY)
    ends = found.attrs.get("wl_range")
    name = "" if tiny else "Brightness" if short else f"Brightness {angstroms(ends)}".strip()
    if tiny:
        set_label(bar.ax.yaxis, "kR")
    elif boundaries is None:
        engineering(bar.ax.yaxis, name, "kR")
    else:
        set_label(bar.ax.yaxis, caption(name, "kR"))
    text = bar.ax.yaxis.label
    text.set_text(tied(text.get_text(), " ("))
    return short


def _draw_map(
    inset: Axes,
    ax: Axes,
    found: xr.DataArray | None,
    scale: ScalarMappable,
    scene: Bodies,
    frame: framing.Frame,
    properties: Mapping[str, Any],
    look: Style,
) -> None:
    """Show where the frame is on the body, or what is too small in it to be made out."""
    limb = scene.limb(scene.target.at(0))
    low, high = limb.min(axis=0), limb.max(axis=0)
    if not (frame.whole and frame.small):
        low, high = np.minimum(low, frame.low), np.maximum(high, frame.high)
    middle, half = 0.5 * (low + high), (0.5 + _AROUND * frame.small) * (high - low).max() * 1.1
    sense = np.sign([np.diff(ax.get_xlim())[0], np.diff(ax.get_ylim())[0]])
    inset.set(
        xlim=middle[0] + half * np.array([-1, 1]) * sense[0],
        ylim=middle[1] + half * np.array([-1, 1]) * sense[1],
    )
    if found is not None:
        draw_image(inset, found, scale, None, properties, "map_image")
    ground = Ground.of(inset, found, None if found is None else scale)
    draw_disks(inset, scene, ground, look, full=True)
    inset.set_title(literal(scene.target.name.title()), fontsize="x-small", pad=2.0)
    beside.mark_frame(inset, ax, look)
