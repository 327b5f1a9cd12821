"""Brightness against exposure for each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from .. import calls, checks
from ..dataset import inputs
from ..dataset.conventions import QualityFlag
from ..errors import ArgumentError
from ..files import whole_file
from ..quality import flags as quality_flags
from . import axes as common
from .style import Style
from .style import style as styled


@calls.public("plot.evolution")
def evolution(
    ds: xr.Dataset,
    path: str | Path | None = None,
    wl_range: tuple[float, float] | None = common.STARLIGHT,
    pixels: Sequence[int] | None = None,
    columns: int = 4,
    rows: int = 5,
    stars: xr.Dataset | None = None,
    exclude: QualityFlag | Iterable[QualityFlag] = ("lost", "dark_line", "user"),
    share_y: bool = True,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Figure | Path:
    """Draw the brightness in each pixel from exposure to exposure, to find stars and trends.

    Parameters
    ----------
    ds : Dataset
        Calibrated; if not, the count rate is drawn.
    path : path, optional
        PDF to write, with as many pages as needed. By default one figure is drawn.
    wl_range : (float, float), optional
        Angstrom; None for all of the dataset's. What is integrated already is drawn as it is.
    pixels : sequence of int, optional
        Pixel numbers. Default: all with at least one spectrum that is not left out.
    columns, rows : int
        Panels across, and panels down each page of the PDF.
    stars : Dataset, optional
        Catalogue whose stars are predicted and marked with their magnitudes. Default: the
        prediction already in the dataset, else, with geometry, that of the stars that
        `predict_stars` takes by default.
    exclude : str or iterable of str
        Quality flags whose spectra are left out. Spectra flagged `star` are drawn hollow.
    share_y : bool
        Use the same limits in all panels.
    style : mapping, optional
        See `uvisxr.plot.style.style`.

    Returns
    -------
    Figure or Path
        The figure, or `path` if given.

    Raises
    ------
    ArgumentError
        A pixel is not in the dataset, no pixel is left, or the number of panels or the range is
        wrong.
    MissingStepError
        The dataset has neither radiance nor counts.
    ExportError
        The file cannot be written, or is one that the dataset was read from.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibrate(files=made.calibration)
    >>> figure = ds.uvis.plot.evolution(wl_range=(1450, 1800), pixels=[20, 30, 40])
    >>> figure.savefig("evolution.png")
    """
    for name, value in (("columns", columns), ("rows", rows)):
        checks.whole(name, value, 1, what="a number of panels")
    look = styled(style)
    ds = common.with_stars(ds, stars)
    light = common.signal(ds, wl_range).compute()
    good = quality_flags.good(ds, exclude)
    chosen = _pixels(ds, pixels, good)
    limits = _y_limits(light.isel(pixel=chosen), good.values[:, chosen]) if share_y else None
    starred = ~quality_flags.good(ds, "star").values
    pages = _Pages(ds, light, good.values, starred, columns, limits, look)
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
        found = np.flatnonzero(numbers == pixel)
        if not found.size:
            raise ArgumentError(
                f"no pixel {pixel!r}: the dataset holds {numbers.min()} to {numbers.max()}"
            )
        chosen.append(int(found[0]))
    if not chosen:
        raise checks.refused("pixels", pixels, "at least one, or none given for all")
    return chosen


def _y_limits(light: xr.DataArray, good: np.ndarray) -> tuple[float, float] | None:
    good = good & np.isfinite(light.values)
    if not good.any():
        return None
    values = light.values[good]
    low, high = float(values.min()), float(values.max())
    if "upper" in light.coords:
        # Fit most of the error bars; those of the noisiest pixels may be cut off.
        high = max(high, float(np.nanpercentile(values + light["upper"].values[good], 95)))
    # Room for the magnitudes above the highest point.
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
    limits : (float, float) or None
        Of the ordinate in all panels; if None, each has its own.
    look : Style
    """

    ds: xr.Dataset
    light: xr.DataArray
    good: np.ndarray
    starred: np.ndarray
    columns: int
    limits: tuple[float, float] | None
    look: Style

    def of(self, pixels: Sequence[int], rows: int) -> Figure:
        """A page of some pixels (positions), with `rows` panels down."""
        columns = min(self.columns, len(pixels))
        figure, panels = plt.subplots(
            rows,
            columns,
            figsize=(2.8 * columns + 0.6, 1.5 * rows + 0.8),
            sharex=True,
            sharey=self.limits is not None,
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
            if self.limits is not None:
                ax.set_ylim(self.limits)
        wl = self.ds["wl"].values
        low, high = self.light.attrs.get("wl_range", (wl.min(), wl.max()))
        figure.supxlabel("Exposure (pic)", fontsize="medium")
        figure.supylabel(common.label(self.light), fontsize="medium")
        title = f"{common.title(self.ds)}  {low:.0f}–{high:.0f} Å".strip()
        figure.suptitle(title, fontsize="medium")
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
        paper = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
        ax.text(
            0.02,
            0.95,
            f"pixel {number}",
            zorder=4,
            bbox=paper,
            transform=ax.transAxes,
            va="top",
            fontsize="small",
        )
        ax.margins(x=0.02)
        if "star_count" in ds.variables:
            self._mark_stars(ax, pic, values, pixel)

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
