"""The scene at one exposure: bodies, slit and stars on the sky."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.path import Path as Outline

from .. import calls, checks
from ..dataset.fields import sightline
from ..drawing import sky as maps
from ..drawing.bodies import draw_bodies
from ..drawing.labels import Labels, Place
from ..drawing.layout import lay_out
from ..drawing.ring_areas import name_rings
from ..drawing.style import Style, drawing
from ..drawing.style import style as styled
from ..drawing.texts import literal, set_label, set_title
from ..errors import ArgumentError, MissingStepError
from ..geometry import outline, views
from ..numerics.sphere import vectors
from . import axes as common
from .slit import draw_slit, factor, mark_small, number_ends, write_values
from .stage import Stage

#: Which part of the sky a scene shows; see `geometry`.
SceneMode = Literal["target", "fov", "allsky", "manual"]

#: Width of a new figure, and of one for the whole sky; what is beside the map, and a colour bar;
#: what is above and below; least and greatest height of the map, and least width of the figure,
#: inches.
_WIDTH, _WIDE, _ASIDE, _BAR, _ABOVE = 6.4, 8.0, 0.85, 0.95, 0.85
_LOWEST, _HIGHEST, _NARROWEST = 2.0, 5.6, 4.0

#: Texts of a scene by their `gid`, the most important first, and other places for each.
_ORDER: dict[str, tuple[Place, ...]] = {
    "pixel_number": (),
    "body_name": (
        {"position": (14, 3), "ha": "left"},
        {"position": (-14, 3), "ha": "right"},
        {"position": (0, -6), "ha": "center", "va": "top"},
        {"position": (0, 22), "ha": "center", "va": "bottom"},
        {"position": (0, -24), "ha": "center", "va": "top"},
        {"position": (24, 14), "ha": "left", "va": "bottom"},
        {"position": (-24, 14), "ha": "right", "va": "bottom"},
        {"position": (24, -14), "ha": "left", "va": "top"},
        {"position": (-24, -14), "ha": "right", "va": "top"},
    ),
    "place": (
        {"position": (0, 6), "va": "bottom"},
        # Below a small disk, beside which the text would lie over the limb.
        {"position": (0, -18), "ha": "center", "va": "top"},
        {"position": (12, -10), "ha": "left", "va": "top"},
        {"position": (-12, -10), "ha": "right", "va": "top"},
        {"position": (0, 18), "ha": "center", "va": "bottom"},
        {"position": (12, 18), "ha": "left", "va": "bottom"},
        {"position": (-12, 18), "ha": "right", "va": "bottom"},
        {"position": (7, 0), "ha": "left", "va": "center"},
        {"position": (-7, 0), "ha": "right", "va": "center"},
    ),
    "right_ascension": ({"ha": "left"},),
    "declination": ({"va": "top"},),
}

Limits = tuple[float, float]


@dataclass(frozen=True)
class Framing:
    """Which part of the sky a picture shows, and its annotation; as in `geometry`.

    Raises
    ------
    ArgumentError
        The values are inconsistent.
    """

    mode: SceneMode
    center: tuple[float, float] | None
    xlim: Limits | None
    ylim: Limits | None
    annotate: str | None

    def __post_init__(self) -> None:
        checks.choice("mode", self.mode, SceneMode)
        if self.mode == "manual" and (self.xlim is None or self.ylim is None):
            raise ArgumentError('mode="manual" needs xlim= and ylim= in degrees from the centre')
        if self.mode == "allsky" and self.center is not None:
            raise ArgumentError('mode="allsky" has no center=: omit it, or use mode="manual"')
        for name, pair in (("center", self.center), ("xlim", self.xlim), ("ylim", self.ylim)):
            if pair is not None:
                checks.pair(name, pair, "numbers, degrees", ascending=False)
        if self.annotate is not None:
            sightline(self.annotate, "annotate")


@calls.public("plot.geometry")
@drawing
def geometry(
    ds: xr.Dataset,
    pic: int | None = None,
    mode: SceneMode = "target",
    center: tuple[float, float] | None = None,
    xlim: Limits | None = None,
    ylim: Limits | None = None,
    annotate: str | None = None,
    kernels: str | Path | Iterable[str | Path] | None = None,
    bodies: Iterable[str] | None = None,
    stars: xr.Dataset | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw the sky at one exposure: bodies, the slit and its pixels, stars.

    The numbers at the ends of the slit are those of the first and the last pixel, the text at the
    cross on the target the longitude and latitude that the spacecraft is above. The title gives the
    instant that is drawn, `geometry_time`: with several in an exposure the middle one, and with
    ``ds.isel(sample=0)`` the first.

    Parameters
    ----------
    ds : Dataset
        With geometry.
    pic : int, optional
        Number of the exposure. Default: the first.
    mode : {"target", "fov", "allsky", "manual"}
        Show the target's disk and the slit; the slit alone; the whole sky; or the part of the sky
        given by `xlim` and `ylim`. All but the first serve for a target that is no body, too.
    center : (float, float), optional
        Right ascension and declination of the centre, degrees. Default: the target, or the slit.
    xlim, ylim : (float, float), optional
        Degrees from the centre to the east and to the north; for the whole sky, right ascension and
        declination.
    annotate : str, optional
        A line-of-sight field, such as "alt", whose value is shown in each pixel.
    kernels : path or iterable of paths, optional
        For bodies other than the target; as in `ds.uvis.geometry`. Without it they are drawn if
        kernels are found.
    bodies : iterable of str, optional
        Other bodies to draw; `()` for none. Default: all those in the kernels. The Sun is always
        drawn.
    stars : Dataset, optional
        From `uvisxr.stars.catalogue.read`. Default: the 60 brightest in the ultraviolet.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Degrees, east to the left.

    Raises
    ------
    MissingStepError
        The dataset has no geometry, or lacks the field; mode "target" of a target that is no body.
    ArgumentError
        An unknown exposure, mode, field or body, or limits that do not fit the mode.
    KernelError, CoverageError
        There are no kernels, though kernels or bodies are asked for, or they do not cover the
        spacecraft and the target.

    Warns
    -----
    UvisWarning
        Bodies are left out of which the kernels have no position, shape or rotation.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ax = ds.uvis.plot.geometry(pic=6, annotate="alt", kernels=made.kernels)
    >>> ax.figure.savefig("scene.png")
    """
    framing = Framing(mode, center, xlim, ylim, annotate)
    look = styled(style)
    stage = Stage.of(ds, kernels, bodies, stars)
    numbers = np.atleast_1d(ds["pic"].values)
    index = common.position(stage.ds, int(numbers[0]) if pic is None else pic)
    ax = common.new_axes(ax, figsize=figsize(stage, index, framing))
    draw(ax, stage, index, framing, look)
    return ax


def figsize(stage: Stage, index: int, framing: Framing) -> tuple[float, float]:
    """Size of a figure for a scene, inches: as high as it needs for its limits."""
    _, x, y = limits(stage, index, framing)
    width = _WIDE if framing.mode == "allsky" else _WIDTH
    sides = [framing.xlim or x, framing.ylim or y]
    across, up = (abs(b - a) for a, b in sides)
    bar = _BAR if framing.annotate is not None else 0.0
    room = width - _ASIDE - bar
    if not across > 0 or not up > 0:
        return width, width
    height = room * up / across
    if height > _HIGHEST:
        width, height = max(width - room + _HIGHEST * across / up, _NARROWEST), _HIGHEST
    return width, max(height, _LOWEST) + _ABOVE


def limits(stage: Stage, index: int, framing: Framing) -> tuple[maps.Sky, Limits, Limits]:
    """Map and limits of a mode at one exposure."""
    mode, center = framing.mode, framing.center
    if mode == "allsky":
        return maps.Whole(), (360.0, 0.0), (-90.0, 90.0)
    view = None if stage.target is None else stage.target.at(index)
    if view is None and mode == "target":
        name = stage.ds.attrs.get("geometry_target")
        raise MissingStepError(
            f"the geometry knows no shape of the target ({name or 'no body'}): draw the sky "
            'without it, with mode="fov", "allsky" or "manual", or call '
            "ds.uvis.geometry(target=...) with a body of known radii and rotation"
        )
    corners = stage.used[index].reshape(-1, 3)
    pointed = bool(np.isfinite(corners).all())
    if center is not None:
        sky = maps.Around(vectors(*np.asarray(center, float)), "the centre")
    elif view is None or (mode == "fov" and pointed):
        sky = maps.Around(stage.middle(index), "the slit's middle")
    else:
        sky = maps.Around(view.centre, f"{literal(view.name.title())}'s centre")
    shown = [sky(corners)] if pointed else [np.array([[-1.0, -1.0], [1.0, 1.0]])]
    if view is not None and (mode != "fov" or not pointed):
        shown = [*shown[: int(pointed)], sky(view.sky(outline.limb(view.observer, view.radii)))]
    points = np.concatenate(shown)
    low, high = points.min(axis=0), points.max(axis=0)
    half = 0.58 * (high - low).max()
    x, y = 0.5 * (low + high)
    return sky, (x + half, x - half), (y - half, y + half)


def draw(ax: Axes, stage: Stage, index: int, framing: Framing, look: Style) -> None:
    """Draw one exposure of a stage."""
    sky, x, y = limits(stage, index, framing)
    ax.set_xlim(*(x if framing.xlim is None else sorted(framing.xlim, reverse=True)))
    ax.set_ylim(*(y if framing.ylim is None else sorted(framing.ylim)))
    ax.set_aspect("equal")
    # Places of texts are chosen on the canvas.
    ax.apply_aspect()
    others = [other.at(index) for other in stage.others]
    others = [body for body in others if np.isfinite(body.distance)]
    target = None if stage.target is None else stage.target.at(index)
    draw_bodies(ax, sky, target, others, stage.below(index), look)
    _draw_grid(ax, sky, look)
    bodies = others if target is None else [target, *others]
    _draw_stars(ax, sky, stage, index, bodies, look)
    pixels = draw_slit(ax, sky, stage, index, framing.annotate, look)
    set_label(ax.xaxis, sky.xlabel)
    set_label(ax.yaxis, sky.ylabel)
    set_title(ax, stage.title(index))
    # What is written, and where, depends on what is on the canvas already.
    lay_out(ax)
    if pixels is not None:
        if framing.annotate is not None:
            field = stage.ds[framing.annotate].isel(pic=index)
            values = field.values.astype(float)
            write_values(ax, pixels, values / factor(stage.ds, framing.annotate, values), look)
        mark_small(ax, pixels, look)
        number_ends(ax, stage, pixels, look)
    _settle(ax, sky, bodies, pixels, look)


def _settle(
    ax: Axes,
    sky: maps.Sky,
    bodies: list[views.Views],
    pixels: np.ndarray | None,
    look: Style,
) -> None:
    """Move texts that lie over others or the slit, or take them away, the least important ones."""
    texts = {gid: [t for t in ax.texts if t.get_gid() == gid] for gid in _ORDER}
    labels = Labels(ax)
    labels.keep(line for line in ax.lines if line.get_gid() in ("sub_spacecraft", "sun"))
    labels.keep(t for t in ax.texts if t.get_gid() not in texts)
    _avoid_stars(ax, labels)
    # All of the slit, of which pixels are a part; a single one may be as large as the picture.
    slit = [c for c in ax.collections if c.get_gid() == "slit"]
    rows = [np.asarray(path.vertices)[:4] for c in slit for path in c.get_paths()]
    areas = ax.transData.transform(np.array(rows).reshape(-1, 2)).reshape(-1, 4, 2)
    single = pixels is not None and len(pixels) == 1
    labels.avoid(areas[:0] if single else areas)
    for text in texts.pop("pixel_number"):
        x, y = text.get_position()
        # Further out, to either side, and beside the end.
        ways = (2 * x, 2 * y), (x - y, y + x), (x + y, y - x), (-y, x), (y, -x)
        places = [*ways, *((1.6 * a, 1.6 * b) for a, b in ways)]
        labels.add([text], [{"position": place} for place in places])
    labels.avoid(areas)
    for gid in texts:
        if gid == "right_ascension":
            for view in bodies:
                if any(c.get_gid() == f"rings:{view.name}" for c in ax.collections):
                    name_rings(ax, partial(_on_sky, sky, view), view, look, labels)
        labels.add(texts[gid], _ORDER[gid])


def _avoid_stars(ax: Axes, labels: Labels) -> None:
    for stars in ax.collections:
        if isinstance(stars, PathCollection) and stars.get_gid() == "stars":
            at = ax.transData.transform(np.asarray(stars.get_offsets()))
            half = (
                0.5 * np.sqrt(stars.get_sizes()) * cast(Figure, ax.get_figure(root=True)).dpi / 72
            )
            labels.avoid(at[:, None] + half[:, None, None] * np.array([[-1, -1], [1, 1]]))


def _on_sky(sky: maps.Sky, view: views.Views, points: np.ndarray) -> np.ndarray:
    return sky(view.sky(points))


def _draw_grid(ax: Axes, sky: maps.Sky, look: Style) -> None:
    if isinstance(sky, maps.Whole):
        ax.set_xticks(np.arange(0, 361, 60))
        ax.set_yticks(np.arange(-90, 91, 30))
        ax.grid(color=look["sky_grid"]["colors"], linestyle=":", linewidth=0.5)
        ax.set_axisbelow(True)
        return
    (x1, x0), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    lines = maps.grid(sky, (x0, x1), (y0, y1))
    collection = LineCollection([line for _, line in lines], gid="sky_grid", zorder=0.5)
    collection.set(**look["sky_grid"])
    ax.add_collection(collection, autolim=False)
    pad = 0.012 * (y1 - y0)
    disks = [
        Outline(p.get_xy())
        for p in ax.patches
        if isinstance(p, Polygon) and str(p.get_gid()).startswith("disk:")
    ]
    for text, line in lines:
        upright = text.startswith("α")
        inside = (line[:, 0] > x0) & (line[:, 0] < x1) & (line[:, 1] > y0) & (line[:, 1] < y1)
        if not inside.any():
            continue
        points = line[inside]
        # Labels go at the lower end of a line of right ascension, the left end of one of
        # declination.
        x, y = points[np.argmin(points[:, 1]) if upright else np.argmax(points[:, 0])]
        if any(disk.contains_point((x, y)) for disk in disks):
            # The line is behind it.
            continue
        ax.text(
            x - (0 if upright else pad),
            y + pad,
            text,
            rotation=90 if upright else 0,
            ha="right" if upright else "left",
            va="bottom",
            gid="right_ascension" if upright else "declination",
            zorder=3.9,
            **look["sky_grid_value"],
        )


def _draw_stars(
    ax: Axes, sky: maps.Sky, stage: Stage, index: int, bodies: list[views.Views], look: Style
) -> None:
    where = stage.star_directions(index)
    hidden = np.any([np.zeros(len(where), bool), *(body.hides(where) for body in bodies)], axis=0)
    place = sky(where)
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    seen = ~hidden & (place > [x0, y0]).all(axis=1) & (place < [x1, y1]).all(axis=1)
    if not seen.any():
        return
    magnitude = stage.stars["magnitude"].values
    size = np.clip(60.0 * 10 ** (-0.2 * magnitude[seen]), 4.0, 120.0)
    x, y = place[seen].T
    ax.scatter(x, y, s=size, gid="stars", zorder=2.6, **look["stars"])
