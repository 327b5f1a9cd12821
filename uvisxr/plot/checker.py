"""Check and set star flags by eye on a map of all spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.backend_bases import Event, KeyEvent, LocationEvent, MouseEvent
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.widgets import Button, RangeSlider

from .. import checks
from ..errors import ArgumentError
from ..geometry import views
from ..quality.flags import flag, good, unflag
from . import axes as common
from .style import style as styled

COLORMAPS = ("viridis", "inferno", "gray", "cividis")

#: Maximum number of spectra listed.
_LISTED = 24

#: A press that moves less than this is a click, screen pixels.
_CLICK = 4.0


class StarChecker:
    """A map of exposures and pixels on which clicks set and clear star flags.

    Created by `check_stars`. Keep a reference: the picture responds only while the object exists.

    Attributes
    ----------
    figure : Figure
    ax : Axes
        Axes of the map: exposures (pic) across, pixels up.
    colour_slider, exposure_slider : RangeSlider
        Set the limits of the colours, and of the exposures shown.
    colormap_button : Button
        Switches to the next colormap.
    """

    def __init__(
        self,
        ds: xr.Dataset,
        wl_range: tuple[float, float] | None,
        stars: xr.Dataset | None,
        colormaps: Sequence[str],
        figure: Figure | None,
        style: Mapping[str, Mapping[str, Any]] | None,
    ) -> None:
        if not colormaps:
            raise checks.refused("colormaps", colormaps, "at least one of matplotlib's")
        self._look = styled(style)
        self._ds = ds
        self._known = views.middle_sample(common.with_stars(ds, stars))
        signal = common.signal(ds, wl_range).compute()
        self._signal = views.middle_sample(signal)
        self._values = self._signal.values.T.astype(float)
        self._pic = np.atleast_1d(ds["pic"].values)
        self._pixel = np.atleast_1d(ds["pixel"].values)
        self._flagged = ~good(ds, "star").values.T
        self._colormaps = list(colormaps)
        self._background: Any = None
        self._pressed: tuple[float, float] | None = None
        self._build(figure)
        canvas = self.figure.canvas
        self._connections = [
            canvas.mpl_connect("draw_event", self._on_draw),
            canvas.mpl_connect("button_press_event", self._on_press),
            canvas.mpl_connect("button_release_event", self._on_release),
            canvas.mpl_connect("motion_notify_event", self._on_move),
            canvas.mpl_connect("axes_leave_event", self._on_leave),
            canvas.mpl_connect("key_press_event", self._on_key),
        ]

    # What it gives ------------------------------------------------------------------------------

    @property
    def selected(self) -> list[tuple[int, int]]:
        """The spectra flagged at present: sorted (pic, pixel) pairs."""
        pixel, pic = np.nonzero(self._flagged)
        return sorted(
            (int(self._pic[i]), int(self._pixel[j])) for i, j in zip(pic, pixel, strict=True)
        )

    @property
    def dataset(self) -> xr.Dataset:
        """A new dataset with the present star flags."""
        before = ~good(self._ds, "star").values
        now = self._flagged.T
        ds = self._ds
        for step, changed in ((flag, now & ~before), (unflag, before & ~now)):
            pairs = [(int(self._pic[i]), int(self._pixel[j])) for i, j in np.argwhere(changed)]
            if pairs:
                ds = step(ds, pairs, "star")
        return ds

    def toggle(self, pic: int, pixel: int) -> None:
        """Set or clear the flag of one spectrum, as a click does."""
        i, j = np.flatnonzero(self._pic == pic), np.flatnonzero(self._pixel == pixel)
        if not i.size or not j.size:
            raise ArgumentError(f"no spectrum (pic, pixel) = ({pic}, {pixel}) in the dataset")
        self._flagged[j[0], i[0]] ^= True
        self._show_flags()
        self.figure.canvas.draw_idle()

    def next_colormap(self) -> None:
        """Switch to the next colormap."""
        self._colormaps = [*self._colormaps[1:], self._colormaps[0]]
        self._mesh.set_cmap(self._colormaps[0])
        self.figure.canvas.draw_idle()

    def close(self) -> None:
        """Stop responding to events and close the figure."""
        for connection in self._connections:
            self.figure.canvas.mpl_disconnect(connection)
        plt.close(self.figure)

    # The picture ----------------------------------------------------------------------------------

    def _build(self, figure: Figure | None) -> None:
        self.figure = plt.figure(figsize=(10.0, 6.4)) if figure is None else figure
        self.ax = self.figure.add_axes((0.08, 0.30, 0.60, 0.62))
        bar_ax = self.figure.add_axes((0.70, 0.30, 0.018, 0.62))
        self._list_ax = self.figure.add_axes((0.81, 0.12, 0.18, 0.80))
        self._list_ax.set_axis_off()
        n_pixel, n_pic = self._values.shape
        self._mesh = self.ax.imshow(
            np.ma.masked_invalid(self._values),
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(-0.5, n_pic - 0.5, -0.5, n_pixel - 0.5),
            cmap=self._colormaps[0],
        )
        self._mesh.set_gid("map")
        self.figure.colorbar(self._mesh, cax=bar_ax).set_label(common.label(self._signal))
        self._mark_known()
        (self._flags,) = self.ax.plot([], [], gid="flags", **self._look["flag_mark"])
        self._list = self._list_ax.text(
            0,
            1,
            "",
            gid="list",
            fontsize="small",
            va="top",
            ha="left",
            transform=self._list_ax.transAxes,
        )
        self._number_axes()
        self.ax.set(xlabel="Exposure (pic)", ylabel="Pixel")
        self.ax.set_title(f"{common.title(self._ds)}  click: star flag", fontsize="medium")
        # Shown while the mouse moves; drawn separately, over a copy of the rest.
        self._cursor = Rectangle((-9, -9), 1, 1, animated=True, zorder=5, **self._look["cursor"])
        self.ax.add_patch(self._cursor)
        self._hover = self.figure.text(
            0.08, 0.965, "", animated=True, fontsize="small", va="bottom", gid="hover"
        )
        self.ax.set(xlim=(-0.5, n_pic - 0.5), ylim=(-0.5, n_pixel - 0.5))
        self._sliders(n_pic)
        self._show_flags()

    def _mark_known(self) -> None:
        """Mark the disk's edge and the predicted stars if the geometry is known."""
        if "on_disk" in self._known.variables:
            disk = self._known["on_disk"].transpose("pixel", "pic").values == 1
            if disk.any() and not disk.all() and min(disk.shape) > 1:
                edge = self.ax.contour(disk.astype(float), levels=[0.5], **self._look["disk_edge"])
                edge.set_gid("disk")
        if "star_count" in self._known.variables:
            crossed = self._known["star_count"].transpose("pixel", "pic").values > 0
            j, i = np.nonzero(crossed)
            self.ax.plot(i, j, gid="predicted", **self._look["predicted"])

    def _number_axes(self) -> None:
        """Label the ticks, which are positions, with the dataset's numbers."""
        for axis, numbers in ((self.ax.xaxis, self._pic), (self.ax.yaxis, self._pixel)):
            common.number_axis(axis, numbers)

    def _sliders(self, n_pic: int) -> None:
        finite = self._values[np.isfinite(self._values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        high = high if high > low else low + 1.0
        start = np.percentile(finite, (1, 99.5)) if finite.size else (low, high)
        start = (float(start[0]), float(max(start[1], start[0] + 1e-9 * (high - low))))
        units = common.unit(self._signal.attrs.get("units", ""))
        self.colour_slider = RangeSlider(
            self.figure.add_axes((0.20, 0.16, 0.42, 0.03)),
            f"Colours ({units})",
            low,
            high,
            valinit=start,
            valfmt="%.3g",
        )
        self.colour_slider.on_changed(self._on_colours)
        self.exposure_slider = RangeSlider(
            self.figure.add_axes((0.20, 0.10, 0.42, 0.03)),
            "Exposures",
            0,
            max(n_pic - 1, 1),
            valinit=(0, max(n_pic - 1, 1)),
            valstep=1,
            valfmt="%d",
        )
        self.exposure_slider.on_changed(self._on_exposures)
        self.colormap_button = Button(
            self.figure.add_axes((0.20, 0.03, 0.14, 0.045)), "Next colours"
        )
        self.colormap_button.on_clicked(lambda _: self.next_colormap())
        self._on_colours(start)

    def _show_flags(self) -> None:
        j, i = np.nonzero(self._flagged)
        self._flags.set_data(i, j)
        chosen = self.selected
        rows = [f"{pic:>5d} {pixel:>6d}" for pic, pixel in chosen[:_LISTED]]
        more = [f"... {len(chosen) - _LISTED} more"] if len(chosen) > _LISTED else []
        self._list.set_text("\n".join([f"Star flags: {len(chosen)}", "  pic  pixel", *rows, *more]))

    # Events ---------------------------------------------------------------------------------------

    def _at(self, event: LocationEvent) -> tuple[int, int] | None:
        """Position (pic, pixel) under the mouse."""
        if event.inaxes is not self.ax or event.xdata is None or event.ydata is None:
            return None
        i, j = round(event.xdata), round(event.ydata)
        n_pixel, n_pic = self._values.shape
        return (i, j) if 0 <= i < n_pic and 0 <= j < n_pixel else None

    def _on_press(self, event: MouseEvent) -> None:
        self._pressed = (event.x, event.y) if event.button == 1 else None

    def _on_release(self, event: MouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        # While the toolbar's pan or zoom is active, presses belong to it.
        toolbar = getattr(self.figure.canvas, "toolbar", None)
        busy = bool(getattr(toolbar, "mode", ""))
        place = self._at(event)
        if pressed is None or busy or place is None or event.button != 1:
            return
        if np.hypot(event.x - pressed[0], event.y - pressed[1]) > _CLICK:
            return
        i, j = place
        self.toggle(self._pic[i], self._pixel[j])

    def _on_key(self, event: KeyEvent) -> None:
        if event.key == "c":
            self.next_colormap()

    def _on_colours(self, limits: tuple[float, float]) -> None:
        self._mesh.set_clim(*limits)
        self.figure.canvas.draw_idle()

    def _on_exposures(self, limits: tuple[float, float]) -> None:
        first, last = sorted(limits)
        self.ax.set_xlim(first - 0.5, last + 0.5)
        self.figure.canvas.draw_idle()

    def _on_draw(self, event: Event) -> None:
        canvas = self.figure.canvas
        if hasattr(canvas, "copy_from_bbox"):
            self._background = canvas.copy_from_bbox(self.figure.bbox)

    def _on_move(self, event: MouseEvent) -> None:
        place = self._at(event)
        text = "" if place is None else self.describe(*place)
        if text == self._hover.get_text():
            return
        self._hover.set_text(text)
        self._cursor.set_xy((-9, -9) if place is None else (place[0] - 0.5, place[1] - 0.5))
        self._blit()

    def _on_leave(self, event: LocationEvent) -> None:
        if event.inaxes is self.ax and self._hover.get_text():
            self._hover.set_text("")
            self._cursor.set_xy((-9, -9))
            self._blit()

    def _blit(self) -> None:
        """Draw the cursor and the text over the rest, without redrawing the rest."""
        canvas = self.figure.canvas
        if self._background is None or not hasattr(canvas, "restore_region"):
            canvas.draw_idle()
            return
        canvas.restore_region(self._background)
        self.ax.draw_artist(self._cursor)
        self.figure.draw_artist(self._hover)
        canvas.blit(self.figure.bbox)

    def describe(self, i: int, j: int) -> str:
        """Hover text for the spectrum at positions (i, j) along pic and pixel."""
        units = common.unit(self._signal.attrs.get("units", ""))
        parts = [f"pic {self._pic[i]}, pixel {self._pixel[j]}: {self._values[j, i]:.4g} {units}"]
        known = self._known.isel(pic=i, pixel=j)
        if "alt_corners" in known.variables:
            low, high = float(known["alt_corners"].min()), float(known["alt_corners"].max())
            parts.append(f"alt {low:.0f} to {high:.0f} km")
        for name, text, form, unit in (
            ("lt", "local time", ".1f", " h"),
            ("sza", "sza", ".1f", "°"),
            ("lat", "lat", ".1f", "°"),
        ):
            if name in known.variables:
                parts.append(f"{text} {float(known[name]):{form}}{unit}")
        if "star_count" in known.variables and int(known["star_count"]) > 0:
            parts.append(
                f"{int(known['star_count'])} star, magnitude {float(known['star_magnitude']):.1f}"
            )
        return ", ".join(parts)


def check_stars(
    ds: xr.Dataset,
    wl_range: tuple[float, float] | None = common.STARLIGHT,
    stars: xr.Dataset | None = None,
    colormaps: Sequence[str] = COLORMAPS,
    figure: Figure | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> StarChecker:
    """Open a map of all spectra on which clicks set and clear star flags.

    Works in notebooks with ``%matplotlib widget`` (ipympl) and in Qt and Tk windows. Hovering
    identifies a spectrum; the sliders set the limits of colours and exposures; the key "c" or the
    button switches to the next colormap. With geometry, the disk's edge and predicted stars are
    marked.

    Parameters
    ----------
    ds : Dataset
        Calibrated; if not, the count rate is shown.
    wl_range : (float, float), optional
        Angstrom; None for all of the dataset's. What is integrated already is drawn as it is.
    stars : Dataset, optional
        Catalogue whose stars are predicted. Default: the prediction already in the dataset, else
        the 60 brightest stars if it has geometry.
    colormaps : sequence of str
        Names of matplotlib colormaps, in the order of the button.
    figure : Figure, optional
        An empty figure to fill. Default: a new one.
    style : mapping, optional
        See `uvisxr.plot.style.style`.

    Returns
    -------
    StarChecker
        `checker.dataset` is the result, `checker.selected` the list of flagged spectra.

    Raises
    ------
    MissingStepError
        The dataset has neither radiance nor counts.
    ArgumentError
        The range lies outside the dataset's, or `colormaps` is empty.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open()
    >>> checker = ds.uvis.plot.check_stars()
    >>> checker.toggle(3, 40)  # as a click does
    >>> checker.selected
    [(3, 40)]
    >>> ds = checker.dataset
    >>> checker.close()
    """
    return StarChecker(ds, wl_range, stars, colormaps, figure, style)
