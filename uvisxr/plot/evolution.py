"""Brightness against exposure for each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from .. import calls, checks
from ..dataset import inputs
from ..dataset.conventions import QUALITY_FLAGS, QualityFlag
from ..errors import ArgumentError
from ..files import whole_file
from ..numerics.along_wl import Integration
from ..quality import flags as quality_flags
from . import axes as common
from .style import Style, drawing
from .style import style as styled
from .texts import label, nothing, set_suptitle

#: Scales of the ordinate.
Scale = Literal["linear", "log"]

#: On a logarithmic scale, the largest ratio of limits that are not given.
_DECADES = 1e4

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
    columns: int = 4,
    rows: int = 5,
    stars: xr.Dataset | None = None,
    exclude: QualityFlag | Iterable[QualityFlag] = ("lost", "dark_line", "user"),
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Figure | Path:
    """Draw the brightness in each pixel from exposure to exposure, to find stars and trends.

    Parameters
    ----------
    ds : Dataset
        Calibrated; if not, the count rate is drawn. A spectrum that lacks counts has none.
    wl_range : (float, float), "starlight" or None
        Angstrom. By default where stars outshine most bodies, 1600 to 1900 in the FUV and 1035 to
        1150 in the EUV, as far as the dataset holds it and its rows have values; None for all of
        the dataset's. What is integrated already is drawn as it is.
    path : path, optional
        PDF to write, with as many pages as needed. By default one figure is drawn.
    pixels : sequence of int, optional
        Pixel numbers. Default: all with at least one spectrum that is not left out.
    method : {"bins", "trapezoid", "simpson"}
        Of integration over wavelength; see `uvisxr.integrals.integrate`. Counts are summed.
    yscale : {"linear", "log"}
        On a logarithmic scale, triangles at the lower edge stand for what is not above zero.
    ylim : (float, float), optional
        Limits of the ordinate in all panels, kR or count/s. Default: those of the points drawn.
    share_y : bool
        Where no limits are given, use the same in all panels.
    columns, rows : int
        Panels across, and panels down each page of the PDF.
    stars : Dataset, optional
        Catalogue whose stars are predicted and marked with their magnitudes. Default: the
        prediction already in the dataset, else, with geometry, that of the stars that
        `predict_stars` takes by default.
    exclude : str or iterable of str
        Quality flags whose spectra are left out. Spectra flagged `star` are drawn hollow.
    style : mapping, optional
        See `uvisxr.plot.style.style`.

    Returns
    -------
    Figure or Path
        The figure, or `path` if given. A panel without a point says why, if it is for flags.

    Raises
    ------
    ArgumentError
        A pixel is not in the dataset, no pixel is left, or a number of panels, a range, a limit or
        a choice is wrong.
    MissingStepError
        The dataset has neither radiance nor counts.
    ExportError
        The file cannot be written, or is one that the dataset was read from.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibrate(files=made.calibration)
    >>> figure = ds.uvis.plot.evolution((1450, 1800), pixels=[20, 30, 40], yscale="log")
    >>> figure.savefig("evolution.png")
    """
    for name, value in (("columns", columns), ("rows", rows)):
        checks.whole(name, value, 1, _MOST, "a number of panels")
    checks.choice("share_y", share_y, bool)
    scale = _Ordinate.of(yscale, ylim)
    look = styled(style)
    ds = common.with_stars(ds, stars)
    light = common.signal(ds, wl_range, method).compute()
    good = quality_flags.good(ds, exclude)
    chosen = _pixels(ds, pixels, good)
    if share_y:
        scale = replace(
            scale, limits=scale.around(light.isel(pixel=chosen), good.values[:, chosen])
        )
    starred = ~quality_flags.good(ds, "star").values
    pages = _Pages(ds, light, good.values, starred, columns, scale, look)
    if path is None:
        return pages.of(chosen, int(np.ceil(len(chosen) / columns)))
    path = Path(path).expanduser()
    size = rows * columns
    with (
        whole_file(path, inputs.of(ds)) as part,
        # No date in it: the same data give the same file.
        PdfPages(part, metadata={"CreationDate": None}) as pdf,
    ):
        for at in range(0, len(chosen), size):
            figure = pages.of(chosen[at : at + size], rows)
            pdf.savefig(figure)
            plt.close(figure)
    return path


def _pixels(ds: xr.Dataset, pixels: Sequence[int] | None, good: xr.DataArray) -> list[int]:
    """Positions along the dataset's pixels."""
    numbers = np.atleast_1d(ds["pixel"].values)
    if pixels is None:
        chosen = np.flatnonzero(good.values.any(axis=0)).tolist()
        if not chosen:
            raise ArgumentError("every spectrum is flagged: see exclude= and ds.quality")
        return chosen
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


@dataclass(frozen=True)
class _Ordinate:
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
    def of(cls, yscale: Scale, ylim: tuple[float, float] | None) -> _Ordinate:
        """Those that are asked for."""
        checks.choice("yscale", yscale, Scale)
        if ylim is None:
            return cls(yscale, None)
        low, high = checks.pair("ylim", ylim, "limits of the ordinate")
        if yscale == "log" and low <= 0:
            raise checks.refused("ylim", ylim, 'two ascending limits above 0, for yscale="log"')
        return cls(yscale, (low, high))

    def around(self, light: xr.DataArray, good: np.ndarray) -> tuple[float, float] | None:
        """The limits given, or else those around the values that are `good`; None if none is."""
        if self.limits is not None:
            return self.limits
        good = good & np.isfinite(light.values)
        if self.scale == "log":
            good &= light.values > 0
        if not good.any():
            return None
        values = light.values[good]
        low, high = float(values.min()), float(values.max())
        if "upper" in light.coords:
            # Fit most of the error bars; those of the noisiest pixels may be cut off.
            high = max(high, float(np.nanpercentile(values + light["upper"].values[good], 95)))
        # Room for the magnitudes above the highest point.
        if self.scale == "log":
            low = max(low, high / _DECADES)
            room = max(high / low, 1.5)
            return low / room**0.06, high * room**0.25
        room = (high - low) or abs(high) or 1.0
        return min(low, 0.0) - 0.03 * room, high + 0.18 * room


@dataclass(frozen=True, eq=False)
class _Pages:
    """What all pages have in common.

    Attributes
    ----------
    ds : Dataset
    light : DataArray, (pic, pixel)
    good : ndarray of bool, (pic, pixel)
        Spectra that are not left out.
    starred : ndarray of bool, (pic, pixel)
        Spectra flagged `star`.
    columns : int
        Panels across.
    ordinate : _Ordinate
    look : Style
    """

    ds: xr.Dataset
    light: xr.DataArray
    good: np.ndarray
    starred: np.ndarray
    columns: int
    ordinate: _Ordinate
    look: Style

    def of(self, pixels: Sequence[int], rows: int) -> Figure:
        """A page of some pixels (positions), with `rows` panels down."""
        columns = min(self.columns, len(pixels))
        figure, panels = plt.subplots(
            rows,
            columns,
            figsize=(2.8 * columns + 0.6, 1.65 * rows + 0.8),
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
        figure.supxlabel("Exposure (pic)", fontsize="medium")
        figure.supylabel(label(self.light), fontsize="medium")
        set_suptitle(figure, common.title_of_light(self.ds, self.light))
        return figure

    def _draw(self, ax: Axes, pixel: int) -> None:
        """Draw one pixel's panel."""
        ds, light = self.ds, self.light
        pic = np.atleast_1d(ds["pic"].values)
        keep = self.good[:, pixel]
        values = np.where(keep, light.values[:, pixel], np.nan)
        flagged = keep & self.starred[:, pixel]
        bars = None
        if "upper" in light.coords:
            bars = np.stack([light["lower"].values[:, pixel], light["upper"].values[:, pixel]])
            bars = np.where(keep & np.isfinite(values), bars, np.nan)
        number = int(np.atleast_1d(ds["pixel"].values)[pixel])
        reason = "" if np.isfinite(values).any() else self._reason(pixel)
        self._scale(ax, pixel)
        if self.ordinate.scale == "log":
            self._mark_below(ax, pic[values <= 0])
            values = np.where(values > 0, values, np.nan)
        drawn = ax.errorbar(pic, values, yerr=bars, label=f"pixel {number}", **self.look["points"])
        if flagged.any():
            ax.plot(
                pic[flagged],
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
        ax.margins(x=0.02)
        if "star_count" in ds.variables:
            self._mark_stars(ax, pic, values, pixel)

    def _reason(self, pixel: int) -> str:
        """Why a pixel has no point."""
        if not np.isfinite(self.light.values[:, pixel]).any():
            return "no value"
        flags = quality_flags.flags_of(self.ds).values[:, pixel][~self.good[:, pixel]]
        names = [name for name, bit in QUALITY_FLAGS.items() if (flags & bit).any()]
        return f"no value:\n{', '.join(names).replace('_', ' ')}"

    def _scale(self, ax: Axes, pixel: int) -> None:
        ax.set_yscale(self.ordinate.scale)
        limits = self.ordinate.limits
        if limits is None and self.ordinate.scale == "log":
            # Some limits there must be, where nothing is above zero.
            limits = self.ordinate.around(
                self.light.isel(pixel=[pixel]), self.good[:, [pixel]]
            ) or (0.1, 1.0)
        if limits is not None:
            ax.set_ylim(limits)

    def _mark_below(self, ax: Axes, pic: np.ndarray) -> None:
        """Mark at the lower edge the exposures whose values a logarithmic scale cannot show."""
        if pic.size:
            (mark,) = ax.plot(pic, np.zeros(pic.size), gid="below", **self.look["below_zero"])
            mark.set(transform=ax.get_xaxis_transform(), clip_on=False)

    def _mark_stars(self, ax: Axes, pic: np.ndarray, values: np.ndarray, pixel: int) -> None:
        """Mark the exposures in which the pixel sees predicted stars, with their magnitudes."""
        count, magnitude = (
            self.ds[name].transpose("pic", "pixel").values[:, pixel]
            for name in ("star_count", "star_magnitude")
        )
        crossed = (count > 0) & np.isfinite(values)
        if not crossed.any():
            return
        ax.plot(pic[crossed], values[crossed], gid="stars", zorder=3, **self.look["star_mark"])
        for x in np.flatnonzero(crossed):
            ax.annotate(
                f"{magnitude[x]:.1f}",
                (pic[x], values[x]),
                xytext=(0, 4),
                textcoords="offset points",
                **self.look["star_value"],
            )
