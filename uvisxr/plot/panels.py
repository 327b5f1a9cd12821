"""Panels of one pixel each: brightness against exposure, time, or where the pixel looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from .. import checks
from ..drawing.scales import plain_log
from ..drawing.style import Style
from ..drawing.texts import flagged_for, label, nothing, set_suptitle, tied
from ..quality import flags as quality_flags
from . import axes as common
from . import fieldaxis
from .timeline import Timeline

#: Scales of the ordinate.
Scale = Literal["linear", "log"]

#: On a logarithmic scale, the largest ratio of limits that are not given.
_DECADES = 1e4

#: Ratio to what 95 % of the points do not exceed above which a point is beyond the limits.
_TOWERS = 4.0

#: Most of the room that error bars take beyond the points, as a share of theirs.
_ERRORS = 0.5

#: Largest width and height of a figure that is no page, and of a panel, inches.
_LARGEST, _PANEL = (11.5, 8.5), (2.8, 1.65)

#: Marks of what the scale does not show.
_BEYOND = ("below", "above", "bar_below", "bar_above")

#: Half the width of a tick's label, inches, and how far from the edge triangles are, points.
_HALF_LABEL, _INWARD = 0.22, 3.0

#: Panels across a page.
COLUMNS = 4


@dataclass(frozen=True)
class Ordinate:
    """The scale of all panels.

    Attributes
    ----------
    scale : {"linear", "log"}
    limits : (float, float) or None
        If None, each panel has its own.
    """

    scale: Scale
    limits: tuple[float, float] | None

    @classmethod
    def of(cls, yscale: Scale, ylim: tuple[float, float] | None) -> Ordinate:
        """Those that are asked for."""
        checks.choice("yscale", yscale, Scale)
        if ylim is None:
            return cls(yscale, None)
        low, high = checks.pair("ylim", ylim, "limits of the ordinate")
        if yscale == "log" and low <= 0:
            raise checks.refused("ylim", ylim, 'two ascending limits above 0, for yscale="log"')
        return cls(yscale, (low, high))

    def around(self, light: xr.DataArray, good: np.ndarray) -> tuple[float, float] | None:
        """The limits given, or else those around the values that are `good`; None if none is.

        A few that tower above all others are left beyond them.
        """
        if self.limits is not None:
            return self.limits
        good = good & np.isfinite(light.values)
        if self.scale == "log":
            good &= light.values > 0
        if not good.any():
            return None
        values = light.values[good]
        usual = float(np.percentile(values, 95, method="lower"))
        towering = values > _TOWERS * usual
        if self.scale == "linear" and usual > 0 and towering.any():
            good = good & (light.values <= _TOWERS * usual)
            values = values[~towering]
        low, high = float(values.min()), float(values.max())
        if "upper" in light.coords:
            # Errors have room, unless it is for little else, as with the noisiest pixels.
            upper, lower = (np.nan_to_num(light[side].values[good]) for side in ("upper", "lower"))
            most = _ERRORS * ((high - low) or abs(high))
            starts, ends = float((values - lower).min()), float((values + upper).max())
            high = max(high, min(ends, high + most))
            if self.scale == "linear":
                low = min(low, max(starts, low - most))
        # Room for the magnitudes above the highest point.
        if self.scale == "log":
            low = max(low, high / _DECADES)
            room = max(high / low, 1.5)
            return low / room**0.06, high * room**0.25
        room = (high - low) or abs(high) or 1.0
        return min(low, 0.0) - 0.03 * room, high + 0.18 * room


@dataclass(frozen=True, eq=False)
class Pages:
    """What all pages have in common.

    Attributes
    ----------
    ds : Dataset
    light : DataArray, (pic, pixel)
    good : ndarray of bool, (pic, pixel)
        Spectra that are not left out.
    starred : ndarray of bool, (pic, pixel)
        Spectra flagged `star`.
    across : Timeline or str
        What the abscissa shows: the exposures, or a line-of-sight field.
    columns : int or None
        Panels across; None for as many as suit one figure.
    ordinate : Ordinate
    look : Style
    """

    ds: xr.Dataset
    light: xr.DataArray
    good: np.ndarray
    starred: np.ndarray
    across: Timeline | str
    columns: int | None
    ordinate: Ordinate
    look: Style

    def of(self, pixels: Sequence[int], rows: int | None = None) -> Figure:
        """A page of some pixels (positions), with `rows` panels down, or as many as needed."""
        columns = min(self._columns(len(pixels)), len(pixels))
        needed = -(-len(pixels) // columns)
        down = needed if rows is None else rows
        width, height = _PANEL
        if rows is None:
            width, height = min(width, _LARGEST[0] / columns), min(height, _LARGEST[1] / down)
        figure, panels = plt.subplots(
            down,
            columns,
            figsize=(max(width * columns, 2.8) + 0.6, height * down + 0.9),
            sharex=True,
            sharey=self.ordinate.limits is not None,
            squeeze=False,
            layout="constrained",
        )
        for place, ax in enumerate(panels.flat):
            if place >= len(pixels):
                ax.set_visible(False)
                continue
            self._draw(ax, pixels[place])
            below = place + columns >= len(pixels)
            ax.tick_params(labelbottom=below)
            # Where nothing is beneath, labels find room there without moving the next row.
            ax.xaxis.set_in_layout(below and place // columns == needed - 1)
        figure.supxlabel(self._abscissa(panels[0, 0], pixels), fontsize="medium")
        figure.supylabel(label(self.light), fontsize="medium")
        marks = [line for ax in panels.flat for line in ax.lines if line.get_gid() in _BEYOND]
        seen = {mark.get_gid() for mark in marks if _keep_seen(mark)}
        told = tied("triangles: off the scale") if seen else ""
        if seen and seen <= {"bar_below", "bar_above"}:
            told = tied("open triangles: errors off the scale")
        set_suptitle(figure, common.title_of_light(self.ds, self.light, told))
        if len(pixels) % columns:
            # Labels that find room below the last row take none from the edge beside it.
            engine = cast(ConstrainedLayoutEngine, figure.get_layout_engine())
            engine.set(rect=(0.0, 0.0, 1.0 - _HALF_LABEL / figure.get_figwidth(), 1.0))
        return figure

    def _columns(self, number: int) -> int:
        """Panels across: with others beneath, of about the shape of a panel."""
        if self.columns is not None:
            return self.columns
        return COLUMNS if number <= 5 * COLUMNS else int(np.ceil(np.sqrt(number)))

    def _abscissa(self, first: Axes, pixels: Sequence[int]) -> str:
        """Give the shared abscissa its limits and ticks; what it shows."""
        across = self.across
        if not isinstance(across, Timeline):
            ends = self._reach(across, pixels)
            room = 0.02 * (ends[1] - ends[0])
            first.set_xlim(ends[0] - room, ends[1] + room)
            fieldaxis.name_axis(first.xaxis, across)
        elif across.kind == "pic":
            return common.EXPOSURE
        else:
            ends = across.left[0], across.right.max()
            room = 0.02 * (ends[1] - ends[0])
            first.set_xlim(ends[0] - room, ends[1] + room)
            across.name(first.xaxis)
        text = first.get_xlabel()
        first.set_xlabel("")
        return text

    def _reach(self, across: str, pixels: Sequence[int]) -> tuple[float, float]:
        """From where to where a field is shown along the abscissa."""
        values = fieldaxis.field(self.ds, across)[:, pixels]
        known = values[self.good[:, pixels] & np.isfinite(values)]
        return fieldaxis.limits(across, known.min(), known.max()) if known.size else (0.0, 1.0)

    def counted(self, pixels: Sequence[int]) -> np.ndarray:
        """Spectra that set the limits of the ordinate, bool (pic, pixel)."""
        counted: np.ndarray = (self.good & ~self.starred)[:, pixels]
        if not isinstance(self.across, Timeline):
            values = fieldaxis.field(self.ds, self.across)[:, pixels]
            low, high = self._reach(self.across, pixels)
            counted &= (values >= low) & (values <= high)
        return counted

    def _places(self, pixel: int) -> tuple[np.ndarray, np.ndarray]:
        """Where a pixel's points are along the abscissa, and the exposure of each; -1 in a gap."""
        numbers = np.atleast_1d(self.ds["pic"].values)
        if not isinstance(self.across, Timeline):
            values = fieldaxis.field(self.ds, self.across)[:, pixel]
            return values, np.arange(numbers.size)
        if self.across.kind == "pic":
            return numbers, np.arange(numbers.size)
        gaps = np.flatnonzero(~self.across.joined) + 1
        places = np.insert(self.across.centres, gaps, self.across.left[gaps])
        return places, np.insert(self.across.order, gaps, -1)

    def _draw(self, ax: Axes, pixel: int) -> None:
        """Draw one pixel's panel."""
        ds, light = self.ds, self.light
        places, taken = self._places(pixel)

        def along(values: np.ndarray) -> np.ndarray:
            return np.where(taken >= 0, values[taken], np.nan)

        keep = self.good[:, pixel]
        values = along(np.where(keep, light.values[:, pixel], np.nan))
        flagged = (taken >= 0) & (keep & self.starred[:, pixel])[taken]
        bars = None
        if "upper" in light.coords:
            sides = [light[side].values[:, pixel] for side in ("lower", "upper")]
            bars = np.stack([np.where(np.isfinite(values), along(side), np.nan) for side in sides])
        number = int(np.atleast_1d(ds["pixel"].values)[pixel])
        reason = "" if np.isfinite(values).any() else self._reason(pixel)
        self._scale(ax, pixel)
        points = dict(self.look["points"])
        if not isinstance(self.across, Timeline):
            # Neighbours in time need not be neighbours there.
            points["linestyle"] = "none"
        if self.ordinate.scale == "log":
            self._mark_beyond(ax, places[values <= 0], "below")
            values = np.where(values > 0, values, np.nan)
        drawn = ax.errorbar(places, values, yerr=bars, label=f"pixel {number}", **points)
        low, top = ax.get_ylim()
        self._mark_beyond(ax, places[values > top], "above")
        if bars is not None:
            inside = (values >= low) & (values <= top)
            self._mark_beyond(ax, places[inside & (values - bars[0] < low)], "bar_below")
            self._mark_beyond(ax, places[inside & (values + bars[1] > top)], "bar_above")
        if flagged.any():
            ax.plot(
                places[flagged],
                values[flagged],
                color=drawn.lines[0].get_color(),
                gid="flagged",
                marker="o",
                markersize=5,
                mfc="none",
                linestyle="none",
            )
        ax.annotate(
            f"pixel {number}",
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, 2),
            textcoords="offset points",
            va="bottom",
            fontsize="small",
        )
        if reason:
            nothing(ax, reason, self.look)
            ax.set_yticks([])
        ax.margins(x=0.02)
        if "star_count" in ds.variables:
            self._mark_stars(ax, places, taken, values, pixel)

    def _reason(self, pixel: int) -> str:
        """Why a pixel has no point."""
        if not np.isfinite(self.light.values[:, pixel]).any():
            return "no value"
        flags = quality_flags.flags_of(self.ds).values[:, pixel][~self.good[:, pixel]]
        return f"no value:\n{flagged_for(flags)}"

    def _scale(self, ax: Axes, pixel: int) -> None:
        ax.set_yscale(self.ordinate.scale)
        plain_log(ax.yaxis)
        limits = self.ordinate.limits
        if limits is None:
            limits = self.ordinate.around(self.light.isel(pixel=[pixel]), self.counted([pixel]))
        if limits is None and self.ordinate.scale == "log":
            # Some limits there must be, where nothing is above zero.
            limits = (0.1, 1.0)
        if limits is not None:
            ax.set_ylim(limits)

    def _mark_beyond(
        self,
        ax: Axes,
        places: np.ndarray,
        side: Literal["below", "above", "bar_below", "bar_above"],
    ) -> None:
        """Mark at an edge the exposures whose values the scale cannot show; hollow, whose bars."""
        if places.size:
            below = side.endswith("below")
            marker = {} if below else {"marker": "^"}
            if side.startswith("bar"):
                marker["markerfacecolor"] = "none"
            at = np.full(places.size, 0.0 if below else 1.0)
            (mark,) = ax.plot(places, at, gid=side, **{**self.look["below_zero"], **marker})
            # Whole within the frame, and clear of its ticks.
            inward = (_INWARD if below else -_INWARD) / 72.0
            figure = cast(Figure, ax.get_figure(root=True))
            moved = ScaledTranslation(0.0, inward, figure.dpi_scale_trans)
            mark.set(transform=ax.get_xaxis_transform() + moved)

    def _mark_stars(
        self, ax: Axes, places: np.ndarray, taken: np.ndarray, values: np.ndarray, pixel: int
    ) -> None:
        """Mark the exposures in which the pixel sees predicted stars, with their magnitudes."""
        count, magnitude = (field[taken, pixel] for field in common.stars_of(self.ds))
        crossed = (count > 0) & np.isfinite(values) & (values <= ax.get_ylim()[1])
        if not crossed.any():
            return
        ax.plot(places[crossed], values[crossed], gid="stars", zorder=3, **self.look["star_mark"])
        told = np.where(crossed, magnitude, np.nan)
        # A star that stays for several exposures has its number once.
        begins = np.isfinite(told) & (told != np.concatenate([[np.nan], told[:-1]]))
        for x in np.flatnonzero(begins):
            ax.annotate(
                f"{magnitude[x]:.1f}",
                (places[x], values[x]),
                xytext=(0, 4),
                textcoords="offset points",
                **self.look["star_value"],
            )


def _keep_seen(mark: Line2D) -> bool:
    """Keep of some marks at an edge those within the limits of the abscissa, if there are any."""
    low, high = cast(Axes, mark.axes).get_xlim()
    x, y = np.asarray(mark.get_xdata()), np.asarray(mark.get_ydata())
    seen = (x >= low) & (x <= high)
    if seen.any():
        mark.set_data(x[seen], y[seen])
    else:
        mark.remove()
    return bool(seen.any())
