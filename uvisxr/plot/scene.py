"""The scene at one exposure: bodies, slit and stars on the sky."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection

from .. import calls, checks
from ..dataset.fields import sightline
from ..errors import ArgumentError, KernelError, MissingStepError
from ..geometry import outline, views
from ..geometry.rays import apparent
from ..numerics.sphere import signed, unit, vectors
from ..quality import flags as quality_flags
from ..stars import catalogue
from ..timescales import et_to_utc
from . import axes as common
from . import sky as maps
from .bodies import draw_bodies
from .colours import colour_bar
from .labels import Labels, Place, lay_out
from .ring_areas import name_rings
from .scales import engineering, multiple
from .style import Style, drawing
from .style import style as styled
from .texts import body, product, set_label, set_title

#: Which part of the sky a scene shows; see `geometry`.
SceneMode = Literal["target", "fov", "allsky", "manual"]

#: Maximum number of values written beside the slit; their spacing, and distance from it, points.
_VALUES, _VALUE_PITCH, _VALUE_OFFSET = 12, 12.0, 7.0

#: Texts of a scene by their `gid`, the most important first, and other places for each.
_ORDER: dict[str, tuple[Place, ...]] = {
    "pixel_number": (),
    "body_name": (
        {"position": (14, 3), "ha": "left"},
        {"position": (-14, 3), "ha": "right"},
        {"position": (0, -6), "ha": "center", "va": "top"},
    ),
    "place": (
        {"position": (0, 6), "va": "bottom"},
        {"position": (7, 0), "ha": "left", "va": "center"},
        {"position": (-7, 0), "ha": "right", "va": "center"},
        {"position": (0, -18), "ha": "center", "va": "top"},
    ),
    "right_ascension": ({"ha": "left"},),
    "declination": ({"va": "top"},),
}

#: Distance of the numbers of pixels from the ends of the slit, and its least length, points.
_END_OFFSET, _ROOM = 9.0, 30.0

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


@dataclass(frozen=True)
class Stage:
    """What a scene shows at all exposures of a dataset, computed at once.

    Attributes
    ----------
    ds : Dataset
    target : Views or None
        None if it is no body, or one without known shape.
    others : list of Views
    velocity : ndarray, (pic, 3)
        Of the spacecraft, J2000, km/s.
    used, slit : ndarray, (pic, pixel, 4, 3) and (pic, 64, 4, 3)
        Apparent directions of the corners of the dataset's pixels, and of all detector rows.
    stars : Dataset
    """

    ds: xr.Dataset
    target: views.Views | None
    others: list[views.Views]
    velocity: np.ndarray
    used: np.ndarray
    slit: np.ndarray
    stars: xr.Dataset

    @classmethod
    def of(
        cls,
        ds: xr.Dataset,
        kernels: str | Path | Iterable[str | Path] | None,
        bodies: Iterable[str] | None,
        stars: xr.Dataset | None,
    ) -> Stage:
        """Compute the stage, without other bodies if there are no kernels and none are asked for.

        Raises
        ------
        KernelError, CoverageError
            Kernels or bodies are asked for, but there are no kernels, or none of the spacecraft.

        Warns
        -----
        UvisWarning
            Bodies that are asked for are not in the kernels.
        """
        ds = views.middle_sample(ds)
        ds = ds.expand_dims("pic") if "pic" not in ds.dims else ds
        try:
            others = views.others(ds, kernels, bodies)
        except KernelError:
            if kernels is not None or bodies is not None:
                raise
            others = []
        known = catalogue.read() if stars is None else catalogue.check(stars)
        body = None if views.shapeless(ds) else views.target(ds)
        seen = views.corners(ds), views.slit(ds)
        return cls(ds, body, others, views.velocity(ds), *seen, known)

    def title(self, index: int) -> str:
        """Name of the observation, exposure, and the instant that is drawn, UTC to 0.1 s."""
        instant = et_to_utc(np.atleast_1d(self.ds["geometry_et"].values)[index])
        tenth = (instant + np.timedelta64(50, "ms")).astype("datetime64[ms]")
        time = f"{np.datetime_as_string(tenth)[:-2]} UTC"
        pic = int(np.atleast_1d(self.ds["pic"].values)[index])
        return ", ".join(
            part for part in (body(self.ds), product(self.ds), f"pic {pic}", time) if part
        )

    def below(self, index: int) -> str:
        """Longitude and latitude of the sub-spacecraft point in words."""
        if not {"sc_lon", "sc_lat"} <= set(self.ds.variables):
            return ""
        lon, lat = (float(np.atleast_1d(self.ds[n].values)[index]) for n in ("sc_lon", "sc_lat"))
        side = self.ds.attrs["lon_direction"][0].upper()
        return f"{lon:.1f}° {side}, {abs(lat):.1f}° {'N' if lat >= 0 else 'S'}"

    def star_directions(self, index: int) -> np.ndarray:
        """Apparent directions of the stars at one exposure, (star, 3)."""
        year = catalogue.julian_year(self.ds["geometry_et"].values[index])
        true = catalogue.directions(self.stars, year)
        return apparent(true, self.velocity[index])[0]

    def middle(self, index: int) -> np.ndarray:
        """Where the slit points at one exposure, or without pointing then, at another, (3,)."""
        for seen in (self.used[index], self.used):
            known = np.isfinite(seen).all(axis=-1)
            if known.any():
                return unit(seen[known][0] if seen is self.used else seen[known].sum(axis=0))
        return np.array([1.0, 0.0, 0.0])


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
        See `uvisxr.plot.style.style`.

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
    ax = common.new_axes(ax, figsize=figsize(mode))
    draw(ax, stage, index, framing, look)
    return ax


def figsize(mode: SceneMode) -> tuple[float, float]:
    """Size of a figure for a scene, inches."""
    return (8.0, 4.6) if mode == "allsky" else (6.4, 6.0)


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
        middle = vectors(*np.asarray(center, float))
    elif view is None or (mode == "fov" and pointed):
        middle = stage.middle(index)
    else:
        middle = view.centre
    sky = maps.Around(middle)
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
    _draw_grid(ax, sky, look)
    others = [other.at(index) for other in stage.others]
    others = [body for body in others if np.isfinite(body.distance)]
    target = None if stage.target is None else stage.target.at(index)
    draw_bodies(ax, sky, target, others, stage.below(index), look)
    bodies = others if target is None else [target, *others]
    _draw_stars(ax, sky, stage, index, bodies, look)
    pixels = _draw_slit(ax, sky, stage, index, framing.annotate, look)
    set_label(ax.xaxis, sky.xlabel)
    set_label(ax.yaxis, sky.ylabel)
    set_title(ax, stage.title(index))
    # What is written, and where, depends on what is on the canvas already.
    lay_out(ax)
    if pixels is not None:
        if framing.annotate is not None:
            field = stage.ds[framing.annotate].isel(pic=index)
            values = field.values.astype(float)
            _write_values(ax, pixels, values / _factor(stage.ds, framing.annotate, values), look)
        _number_ends(ax, stage, pixels, look)
    _settle(ax, sky, bodies, look)


def _settle(ax: Axes, sky: maps.Sky, bodies: list[views.Views], look: Style) -> None:
    """Move texts that lie over others, or take them away, the least important ones."""
    texts = {gid: [t for t in ax.texts if t.get_gid() == gid] for gid in _ORDER}
    labels = Labels(ax)
    labels.keep(t for t in ax.texts if t.get_gid() not in texts)
    for gid, elsewhere in _ORDER.items():
        if gid == "right_ascension":
            for view in bodies:
                if any(c.get_gid() == f"rings:{view.name}" for c in ax.collections):
                    name_rings(ax, partial(_on_sky, sky, view), view, look, labels)
        labels.add(texts[gid], elsewhere)


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
    for text, line in lines:
        upright = text.startswith("α")
        inside = (line[:, 0] > x0) & (line[:, 0] < x1) & (line[:, 1] > y0) & (line[:, 1] < y1)
        if not inside.any():
            continue
        points = line[inside]
        # Labels go at the lower end of a line of right ascension, the left end of one of
        # declination.
        x, y = points[np.argmin(points[:, 1]) if upright else np.argmax(points[:, 0])]
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


def _draw_slit(
    ax: Axes, sky: maps.Sky, stage: Stage, index: int, annotate: str | None, look: Style
) -> np.ndarray | None:
    """Draw the slit and its pixels; return these on the map, or None without pointing."""
    used = stage.used[index]
    if not np.isfinite(used).all():
        ax.text(0.5, 0.97, "no pointing", transform=ax.transAxes, **look["nothing"] | {"va": "top"})
        return None
    whole = isinstance(sky, maps.Whole)
    rows = sky(stage.slit[index])
    polygons = sky(used)
    if whole and maps.leaps(rows[:, 0]):
        # A pixel across the map's edge goes to the half where its first corner is.
        for part in (rows, polygons):
            part[..., 0] = part[:, :1, 0] + signed(part[..., 0] - part[:, :1, 0])
    slit = PolyCollection(list(rows), gid="slit", zorder=2.7)
    slit.set(**look["slit"])
    ax.add_collection(slit, autolim=False)
    good = quality_flags.good(stage.ds.isel(pic=[index])).values[0]
    if annotate is not None:
        _draw_field(ax, stage, index, polygons, annotate, look)
    else:
        pixels = PolyCollection(polygons[good], gid="pixels", zorder=2.8)
        pixels.set(**look["pixels"])
        ax.add_collection(pixels, autolim=False)
    if not good.all():
        flagged = PolyCollection(polygons[~good], gid="flagged", zorder=2.85)
        flagged.set(**look["flagged"])
        ax.add_collection(flagged, autolim=False)
    return polygons


def _number_ends(ax: Axes, stage: Stage, polygons: np.ndarray, look: Style) -> None:
    """Write the numbers of the first and the last pixel beyond their ends of the slit."""
    numbers = np.atleast_1d(stage.ds["pixel"].values)
    ends = np.stack([polygons[0, :2].mean(axis=0), polygons[-1, 2:].mean(axis=0)])
    first, last = ax.transData.transform(ends)
    length = float(np.hypot(*(last - first)))
    if length * 72.0 / ax.figure.dpi < _ROOM:
        return
    outward = _END_OFFSET * (last - first) / length
    # A single pixel has one end.
    places = list(zip(ends, numbers[[0, -1]], (-outward, outward), strict=True))[: numbers.size]
    for end, number, (x, y) in places:
        ax.annotate(
            str(number),
            (end[0], end[1]),
            xytext=(x, y),
            textcoords="offset points",
            annotation_clip=True,
            gid="pixel_number",
            zorder=4.0,
            **look["pixel_number"],
        )


def _factor(ds: xr.Dataset, name: str, values: np.ndarray) -> float:
    """The multiple of its unit in which the colour bar tells a field."""
    units = str(ds[name].attrs.get("units", ""))
    known = np.abs(values[np.isfinite(values)])
    return multiple(float(known.max(initial=0.0)), units, _unit_body(ds, name)).factor


def _unit_body(ds: xr.Dataset, name: str) -> str | None:
    """The body in whose radii a field is told: the planet, of distances in its rings."""
    return str(ds.attrs.get("geometry_target", "")) if name == "ring_radius" else None


def _draw_field(
    ax: Axes, stage: Stage, index: int, polygons: np.ndarray, annotate: str, look: Style
) -> None:
    if annotate not in stage.ds.variables:
        remedy = sightline(annotate, "annotate").remedy
        raise MissingStepError(f"the dataset has no field {annotate!r}: {remedy}")
    field = stage.ds[annotate].isel(pic=index)
    values = field.values.astype(float)
    properties = {k: v for k, v in look["field"].items() if k != "cmap"}
    pixels = PolyCollection(list(polygons), array=values, cmap=look["field"]["cmap"], zorder=2.8)
    pixels.set(gid="field", **properties)
    ax.add_collection(pixels, autolim=False)
    name, units = str(field.attrs.get("long_name") or annotate), field.attrs.get("units", "")
    bar = colour_bar(pixels, ax, name, units, shrink=0.8)
    if units == "km":
        engineering(bar.ax.yaxis, name, units, body=_unit_body(stage.ds, annotate))


def _write_values(ax: Axes, polygons: np.ndarray, values: np.ndarray, look: Style) -> None:
    """Write some of the values beside their pixels, away from the slit."""
    middle = polygons.mean(axis=1)
    corners = ax.transData.transform(polygons.reshape(-1, 2)).reshape(polygons.shape)
    pixels = corners.mean(axis=1)
    along = pixels[-1] - pixels[0]
    length = float(np.hypot(*along))
    across = np.array([along[1], -along[0]]) / length if length > 0 else np.array([1.0, 0.0])
    across = across if across[0] >= 0 else -across
    points = 72.0 / ax.figure.dpi
    most = int(np.clip(length * points / _VALUE_PITCH, 1, _VALUES))
    half = float(np.max((corners - pixels[:, None]) @ across)) * points
    aside = tuple((half + _VALUE_OFFSET) * across)
    written = np.unique(np.linspace(0, len(values) - 1, most).round().astype(int))
    decimals = _decimals(values[written])
    for k in written:
        if np.isfinite(values[k]):
            ax.annotate(
                f"{values[k]:.{decimals}f}",
                middle[k],
                xytext=aside,
                textcoords="offset points",
                rotation=np.rad2deg(np.arctan2(across[1], across[0])),
                rotation_mode="anchor",
                annotation_clip=True,
                gid="value",
                zorder=4.0,
                **look["field_value"],
            )


def _decimals(values: np.ndarray) -> int:
    """Decimals with which neighbours can be told apart."""
    steps = np.abs(np.diff(values[np.isfinite(values)]))
    steps = steps[steps > 0]
    if not steps.size:
        return 2
    # Where a field turns round, neighbours may be as good as equal.
    least = max(float(steps.min()), 0.1 * float(np.median(steps)))
    return int(np.clip(np.ceil(-np.log10(least)), 0, 6))
