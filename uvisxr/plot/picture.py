"""The ultraviolet image of a body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, DrawingArea
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from .. import calls, checks
from .. import image as gridded
from ..dataset.conventions import QUALITY_FLAGS, QualityFlag
from ..errors import ArgumentError
from ..geometry import outline, views
from ..numerics.along_wl import Integration
from . import axes as common
from .colours import colours, drawable, extend, limits, steps
from .labels import Labels, lay_out
from .scales import engineering
from .style import Style, drawing
from .style import style as styled
from .texts import heading, set_label, set_title

#: The whole body is shown if its diameter is at most this many times the extent of the image.
_WHOLE = 3.0

#: Least and greatest height of a new figure, inches.
_HEIGHTS = (2.8, 8.0)

#: Least distance between circles of altitude, points.
_APART = 8.0

#: Room around the labels of the compass arrows, points.
_MARGIN = (11.0, 6.0)

#: Least width and height of axes with a compass, points.
_FOR_COMPASS = 60.0

#: Fraction of the axes' sides that counts as a corner.
_CORNER = 0.2


@calls.public("plot.picture")
@drawing
def picture(
    ds: xr.Dataset,
    wl_range: tuple[float, float] | None = None,
    nx: int = 200,
    ny: int | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    interpolate: bool = False,
    method: Integration = "bins",
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    levels: int | Sequence[float] | np.ndarray | None = None,
    annotate: bool = True,
    altitudes: Sequence[float] | np.ndarray | None = None,
    compass: bool = True,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw the image of the body in a wavelength range.

    Footprints lie in the plane through the body's centre that faces the spacecraft; overlapping
    ones are averaged. The body's outline, terminator and pole are those of the middle exposure.

    Parameters
    ----------
    ds : Dataset
        Calibrated, with geometry.
    wl_range, nx, ny, interpolate, method, exclude
        As in `uvisxr.image.image`, which gives the same image as a DataArray.
    xlim, ylim : (float, float), optional
        Limits of the axes, km from the centre, which the `nx` and `ny` cells divide; descending
        ones mirror the picture. Default: the footprints, and the whole body unless it is much
        larger.
    cmap : str or Colormap, optional
        Default: that of the style, inferno.
    norm : str or Normalize, optional
        Scale of the colours, such as "log", or one of `matplotlib.colors`. Default: linear.
    vmin, vmax : float, optional
        Limits of the colour scale, kR. Arrows at the ends of the colour bar show that there is more
        beyond.
    levels : int or sequence of float, optional
        Draw filled contours instead of cells, at these boundaries, kR, or at about so many round
        ones, as `Axes.contourf` does. They are smooth with ``interpolate=True``.
    annotate : bool
        Draw axes, title, colour bar, altitudes, poles and compass. Without these there are only the
        image and the body's limb and terminator, and altitudes that are asked for.
    altitudes : sequence of float, optional
        Altitudes of circles to draw above the limb, km. Default: a few round numbers if `annotate`,
        as far as they can be told apart; `()` for none. Those are named that have room for it.
    compass : bool
        Show celestial north and east, and the direction of the Sun, if `annotate` and there is
        room.
    ax : Axes, optional
        Default: those of a new figure, as high as the image needs.
    style : mapping, optional
        See `uvisxr.plot.style.style`.

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
        altitudes do not fit.

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
    circles = None
    if altitudes is not None:
        circles = checks.numbers("altitudes", altitudes, "heights above the surface, km", above=0)
    look = styled(style)
    found = gridded.image(
        ds, wl_range, nx, ny, xlim, ylim, interpolate=interpolate, method=method, exclude=exclude
    )
    if not np.isfinite(found.values).any():
        raise ArgumentError(
            f"no footprint lies within xlim={xlim}, ylim={ylim}: these are km from the centre of "
            "the body; leave them out to see where the footprints are"
        )
    chosen = look["image"] if cmap is None else look["image"] | {"cmap": cmap}
    scale = colours(found.values, chosen.pop("cmap"), norm, vmin, vmax)
    body = views.target(ds)
    middle = body.at(slice(len(body.observer) // 2, len(body.observer) // 2 + 1))
    boundaries = None if levels is None else steps(levels, scale)
    fresh, ax = ax is None, common.new_axes(ax, figsize=(6.4, 5.6))
    drawn = _draw_image(ax, found, scale, boundaries, chosen)
    _draw_body(ax, middle, look)
    _set_limits(ax, found, middle, xlim, ylim)
    if fresh:
        shape = abs(np.ptp(ax.get_ylim()) / np.ptp(ax.get_xlim()))
        cast(Figure, ax.figure).set_size_inches(6.4, np.clip(4.8 * shape + 1.0, *_HEIGHTS))
    ax.apply_aspect()
    if circles is None and annotate:
        circles = _thinned(ax, _altitudes(ds))
    names = _draw_altitudes(ax, middle, circles or (), look, named=annotate)
    if not annotate:
        ax.set_axis_off()
        return ax

    staying: list[Artist] = [*_draw_poles(ax, middle, look)]
    if compass and min(common.size(ax)) > _FOR_COMPASS:
        staying.append(_draw_compass(ax, middle, _emptiest_corner(ax, found), look))
    wl_low, wl_high = found.attrs["wl_range"]
    # Make the colour bar as high as the image, whatever its shape.
    bar = ax.figure.colorbar(
        drawn,
        cax=ax.inset_axes((1.03, 0.0, 0.04, 1.0)),
        # Contours have arrows and ticks of their own.
        extend=extend(found.values, *limits(scale)) if boundaries is None else None,
        format=None if boundaries is None else "%.3g",
    )
    set_label(bar.ax.yaxis, f"Brightness {wl_low:.0f}–{wl_high:.0f} Å (kR)")
    engineering(ax.xaxis, "Distance to the right of the centre", "km", body=body.name)
    engineering(ax.yaxis, "Distance towards the north of the body", "km", body=body.name)
    set_title(ax, heading(ds))
    lay_out(ax)
    labels = Labels(ax)
    labels.keep(staying)
    labels.add(names)
    return ax


def _draw_image(
    ax: Axes,
    found: xr.DataArray,
    scale: ScalarMappable,
    boundaries: np.ndarray | None,
    properties: Mapping[str, Any],
) -> ScalarMappable:
    """Draw the cells of an image, or filled contours between boundaries."""
    x, y = found["x"].values, found["y"].values
    colouring = {"cmap": scale.cmap, "norm": scale.norm, **properties}
    values = drawable(found.values, scale)
    ax.set_aspect("equal")
    if boundaries is not None:
        if min(values.shape) < 2:
            raise ArgumentError("contours need 2 cells or more each way: give larger nx= and ny=")
        beyond = extend(found.values, boundaries[0], boundaries[-1])
        contours = ax.contourf(x, y, values, levels=boundaries, extend=beyond, **colouring)
        contours.set_gid("image")
        return contours
    half_x, half_y = 0.5 * _step(x), 0.5 * _step(y)
    mesh = ax.imshow(
        values,
        origin="lower",
        extent=(x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y),
        **{"interpolation": "nearest", **colouring},
    )
    mesh.set_gid("image")
    return mesh


def _step(values: np.ndarray) -> float:
    return float(values[1] - values[0]) if values.size > 1 else 1.0


def _flat(body: views.Views, points: np.ndarray) -> np.ndarray:
    """Body-fixed points (n, 3) in the image plane of one view, km, (n, 2)."""
    flat: np.ndarray = views.on_plane(body, body.at(0).sky(points)[None])[0]
    return flat


def _draw_body(ax: Axes, view: views.Views, look: Style) -> None:
    one = view.at(0)
    halo = [patheffects.withStroke(**look["outline_halo"])]
    limb = _flat(view, outline.limb(one.observer, one.radii))
    ax.plot(*limb.T, gid="limb", path_effects=halo, **look["outline"])
    night = outline.terminator(one.observer, one.sun, one.radii)
    if len(night):
        line = {**look["outline"], "linestyle": "--", "linewidth": 0.9, "path_effects": halo}
        ax.plot(*_flat(view, night).T, gid="terminator", **line)


def _draw_poles(ax: Axes, view: views.Views, look: Style) -> list[Text]:
    one = view.at(0)
    names: list[Text] = []
    halo = [patheffects.withStroke(**look["outline_halo"])]
    for name, sign in (("N", 1.0), ("S", -1.0)):
        pole = np.array([0.0, 0.0, sign * one.radii[2]])
        if outline.faces(pole, one.observer, one.radii):
            x, y = _flat(view, pole[None])[0]
            marker = {**look["pole"], "marker": "^" if name == "N" else "v"}
            ax.plot([x], [y], gid=f"pole:{name}", **marker)
            text = ax.annotate(
                name,
                (x, y),
                xytext=(0, -4 if name == "N" else 4),
                textcoords="offset points",
                ha="center",
                va="top" if name == "N" else "bottom",
                color=look["pole"]["color"],
                fontsize="small",
                path_effects=halo,
            )
            names.append(text)
    return names


def _set_limits(
    ax: Axes,
    found: xr.DataArray,
    view: views.Views,
    xlim: tuple[float, float] | None,
    ylim: tuple[float, float] | None,
) -> None:
    x, y = found["x"].values, found["y"].values
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    one = view.at(0)
    limb = _flat(view, outline.limb(one.observer, one.radii))
    if np.ptp(limb, axis=0).max() <= _WHOLE * (high - low).max():
        low, high = np.minimum(low, limb.min(axis=0)), np.maximum(high, limb.max(axis=0))
    margin = 0.04 * (high - low).max()
    ax.set_xlim(*((low[0] - margin, high[0] + margin) if xlim is None else xlim))
    ax.set_ylim(*((low[1] - margin, high[1] + margin) if ylim is None else ylim))


def _altitudes(ds: xr.Dataset) -> tuple[float, ...]:
    """A few round altitudes that the dataset reaches, km."""
    highest = float(np.nanmax(views.middle_sample(ds)["alt"].values))
    if not highest > 0:
        return ()
    return tuple(float(a) for a in MaxNLocator(4).tick_values(0.0, highest) if 0 < a <= highest)


def _thinned(ax: Axes, altitudes: tuple[float, ...]) -> tuple[float, ...]:
    """Every second, third, ... of evenly spaced altitudes, so that the circles lie apart."""
    if not altitudes:
        return ()
    apart = altitudes[0] * common.size(ax)[1] / abs(float(np.ptp(ax.get_ylim())))
    every = max(1, int(np.ceil(_APART / apart)))
    return altitudes[every - 1 :: every]


def _draw_altitudes(
    ax: Axes, view: views.Views, altitudes: Sequence[float], look: Style, named: bool
) -> list[Text]:
    one = view.at(0)
    names: list[Text] = []
    halo = [patheffects.withStroke(**look["outline_halo"])]
    for k, altitude in enumerate(altitudes):
        radii = one.radii + altitude
        if np.sum((one.observer / radii) ** 2) <= 1:
            # The spacecraft itself is lower.
            continue
        circle = _flat(view, outline.limb(one.observer, radii))
        ax.plot(*circle.T, gid=f"altitude:{altitude:g}", path_effects=halo, **look["altitude"])
        place = _inside(ax, circle, k) if named else None
        if place is not None:
            text = {"path_effects": halo, "clip_on": True, **look["altitude_value"]}
            names.append(ax.text(place[0], place[1], f"{altitude:g} km", **text))
    return names


def _inside(ax: Axes, curve: np.ndarray, turn: int) -> np.ndarray | None:
    """A point of a curve well inside the axes; it varies with `turn`, so that labels do not
    collide."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    part = (curve - [x0, y0]) / [x1 - x0, y1 - y0]
    seen = np.flatnonzero(((part > 0.09) & (part < 0.91)).all(axis=1))
    if not seen.size:
        return None
    bearing = np.deg2rad(125.0 + 18.0 * turn)
    aim = np.array([np.cos(bearing), np.sin(bearing)])
    farthest: np.ndarray = curve[seen[np.argmax((curve[seen] - curve.mean(axis=0)) @ aim)]]
    return farthest


def _emptiest_corner(ax: Axes, found: xr.DataArray) -> str:
    """The corner of the axes with the least of the image in it, as matplotlib names it."""
    x, y = np.meshgrid(found["x"].values, found["y"].values)
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    across, up = (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)
    seen = np.isfinite(found.values)
    corners = ("lower left", "lower right", "upper right", "upper left")
    held = [
        np.sum(
            seen
            & ((across < _CORNER) if "left" in name else (across > 1 - _CORNER))
            & ((up < _CORNER) if "lower" in name else (up > 1 - _CORNER))
        )
        for name in corners
    ]
    return corners[int(np.argmin(held))]


def _draw_compass(ax: Axes, view: views.Views, corner: str, look: Style) -> Artist:
    """Draw arrows in a corner: celestial north and east, and around them the Sun's direction."""
    right, up, away = views.tangent_plane(view)[0]
    one = view.at(0)
    north = np.array([0.0, 0.0, 1.0])
    sun = one.rotation.T @ one.sun
    halo = [patheffects.withStroke(**look["outline_halo"])]
    # The arrows turn with axes that are inverted.
    turned = np.sign([np.diff(ax.get_xlim())[0], np.diff(ax.get_ylim())[0]])
    bearings = {}
    for name, vector in (("N", north), ("E", np.cross(north, away)), ("Sun", sun)):
        flat = turned * [vector @ right, vector @ up]
        if np.hypot(*flat) > 0:
            bearings[name] = flat / np.hypot(*flat)
    # The Sun's arrow starts beyond the labels of the others, with which it may coincide.
    parts = {
        name: np.array([23.0, 33.0, 42.0] if name == "Sun" else [0.0, 12.0, 17.5])[:, None] * flat
        for name, flat in bearings.items()
    }
    # No larger than its contents, so that it stays in the corner.
    ends = np.array([part[2] for part in parts.values()] + [np.zeros(2)])
    low, high = ends.min(axis=0) - _MARGIN, ends.max(axis=0) + _MARGIN
    box = DrawingArea(*(high - low))
    for name, part in parts.items():
        start, stop, (x, y) = part - low
        color = look["sun"]["color"] if name == "Sun" else look["compass"]["color"]
        box.add_artist(
            FancyArrowPatch(
                start,
                stop,
                color=color,
                path_effects=halo,
                arrowstyle="-|>",
                mutation_scale=8,
                shrinkA=0,
                shrinkB=0,
            )
        )
        text = {**look["compass"], "color": color, "ha": "center", "va": "center"}
        box.add_artist(Text(x, y, name, path_effects=halo, gid=f"compass:{name}", **text))
    anchored = AnchoredOffsetbox(corner, child=box, frameon=False, pad=0.1, borderpad=0.1)
    anchored.set(gid="compass", zorder=5)
    ax.add_artist(anchored)
    return anchored
