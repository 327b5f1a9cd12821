"""Check and set star flags by eye on a map of all spectra."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.backend_bases import Event, KeyEvent, LocationEvent, MouseEvent
from matplotlib.colors import Colormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.widgets import Button, RangeSlider

from .. import calls
from ..drawing.colours import colormap, robust
from ..drawing.scrolling import ScrollingList
from ..drawing.style import drawing, is_dark
from ..drawing.style import style as styled
from ..drawing.texts import label, nothing, product, set_title, tied, unit, why_nothing
from ..errors import ArgumentError, NoSuchNameError
from ..geometry import views
from ..numerics.along_wl import Integration
from ..quality.flags import flag, good, unflag
from . import axes as common
from . import hatching

#: Colormaps of the two arrows, in their order.
COLORMAPS = (
    "viridis",
    "plasma",
    "inferno",
    "magma",
    "cividis",
    "hot",
    "coolwarm",
    "turbo",
    "gist_ncar",
)

#: A press that moves less than this is a click, screen pixels.
_CLICK = 4.0

#: What is said where the checker is taken for the dataset.
_NOT_DATA = "this is the star checker: the dataset with the star flags is its .dataset"

#: Keys that matplotlib's windows leave free, and what they do.
_HINT = "click: set or clear a flag     n, b: colours     wheel, up, down: list"


def _faint(paper: Any, share: float) -> str:
    """A colour of the paper with a share of the ink that stands out from it."""
    ink = 1.0 if is_dark(paper) else 0.0
    red, green, blue = ((1 - share) * part + share * ink for part in to_rgb(paper))
    return to_hex((red, green, blue))


class NotADatasetError(ArgumentError, TypeError):
    """A checker is asked for what its dataset has; to Python, an operation it does not support."""


class StarChecker:
    """A map of exposures and pixels on which clicks set and clear star flags.

    Made by `check_stars`. It responds as long as its figure is open, and keeps the flags after. In
    a ``with`` block, whose end closes the figure, or without one, `dataset` is always the dataset
    with the flags as they are now.

    Attributes
    ----------
    figure : Figure
    ax : Axes
        Axes of the map: exposures (pic) across, pixels up.
    colour_slider, exposure_slider : RangeSlider
        Set the limits of the colours, and of the exposures shown.
    previous_button, next_button : Button
        Switch to the colormap before and after.
    list : ScrollingList
        All flagged spectra.
    """

    def __init__(
        self,
        ds: xr.Dataset,
        wl_range: common.StarRange,
        method: Integration,
        stars: xr.Dataset | None,
        cmap: str | Colormap,
        figure: Figure | None,
        style: Mapping[str, Mapping[str, Any]] | None,
    ) -> None:
        self._look = styled(style)
        common.checked_figure(figure, Figure)
        self._ds = ds
        self._known = views.middle_sample(common.with_stars(ds, stars))
        signal = common.signal(ds, wl_range, method).compute()
        self._signal = views.middle_sample(signal)
        self._values = self._signal.values.T.astype(float)
        self._pic = np.atleast_1d(ds["pic"].values)
        self._pixel = np.atleast_1d(ds["pixel"].values)
        self._before = ~good(ds, "star").values.T
        self._flagged = self._before.copy()
        self._colormaps = _colormaps(cmap)
        self._background: Any = None
        self._pressed: tuple[float, float] | None = None
        self._open = True
        self._build(figure)
        canvas = self.figure.canvas
        self._connections = [
            canvas.mpl_connect("draw_event", self._on_draw),
            canvas.mpl_connect("button_press_event", self._on_press),
            canvas.mpl_connect("button_release_event", self._on_release),
            canvas.mpl_connect("motion_notify_event", self._on_move),
            canvas.mpl_connect("axes_leave_event", self._on_leave),
            canvas.mpl_connect("key_press_event", self._on_key),
            # Methods are held weakly, and this strongly: the figure keeps its checker.
            canvas.mpl_connect("close_event", lambda event: self._disconnect()),
        ]

    def __repr__(self) -> str:
        n, new = int(self._flagged.sum()), int((self._flagged & ~self._before).sum())
        gone = int((self._before & ~self._flagged).sum())
        name = f" {product(self._ds)}".rstrip()
        text = (
            f"{n} star flag{'' if n == 1 else 's'}, {new} of them set here, {gone} cleared; "
            ".dataset is the dataset with the flags as they are now"
        )
        if "inline" in mpl.get_backend():
            text += "; this picture takes no clicks: call %matplotlib widget before, with ipympl"
        return f"<StarChecker{name}: {text}>"

    def __enter__(self) -> StarChecker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # What Python and notebooks ask of any object.
            kind = AttributeError if name.startswith("_") else NoSuchNameError
            raise kind(
                f"the checker has no {name!r}: the dataset with the star flags is its .dataset"
            )

        def _no_data(self, *_: object) -> Any:
            raise NotADatasetError(_NOT_DATA)

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _no_data
        __truediv__ = __rtruediv__ = __and__ = __or__ = __neg__ = __abs__ = _no_data
        __lt__ = __le__ = __gt__ = __ge__ = __call__ = __float__ = _no_data

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        raise NotADatasetError(_NOT_DATA)

    def __getitem__(self, key: object) -> Any:
        raise NotADatasetError(_NOT_DATA)

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
        """The dataset with the star flags as they are now, always current; a new one each time."""
        before, now = self._before.T, self._flagged.T
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
        self._show_flags((int(pic), int(pixel)))
        self._redraw()

    def next_colormap(self, step: int = 1) -> None:
        """Switch to the next colormap, or with a `step` of -1 to the one before."""
        self._colormaps = [*self._colormaps[step:], *self._colormaps[:step]]
        self._mesh.set_cmap(self._colormaps[0])
        self._colormap_name.set_text(self._colormaps[0].name)
        self._redraw()

    def close(self) -> None:
        """Close the figure. The flags stay, in `dataset` and `selected`."""
        self._disconnect()
        plt.close(self.figure)

    def _disconnect(self) -> None:
        self._open = False
        for connection in self._connections:
            self.figure.canvas.mpl_disconnect(connection)
        self.list.disconnect()

    def _redraw(self) -> None:
        if self._open:
            self.figure.canvas.draw_idle()

    # The picture ----------------------------------------------------------------------------------

    def _build(self, figure: Figure | None) -> None:
        self.figure = plt.figure(figsize=(10.4, 6.6)) if figure is None else figure
        self.ax = self.figure.add_axes((0.07, 0.29, 0.65, 0.61))
        bar_ax = self.figure.add_axes((0.73, 0.29, 0.017, 0.61))
        self.list = ScrollingList(self.figure, (0.845, 0.04, 0.135, 0.86))
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
        self.ax.set_facecolor(**self._look["no_value"])
        # The slider may leave values beyond either end.
        self.figure.colorbar(self._mesh, cax=bar_ax, extend="both").set_label(label(self._signal))
        # There is nothing that it would tell.
        bar_ax.set_visible(bool(np.isfinite(self._values).any()))
        told = common.with_flags_told(self._ds)
        left_out = {name: ~good(told, name).values for name in ("lost", "partial")}
        lost = left_out["lost"] | left_out["partial"]
        if not np.isfinite(self._values).any():
            nothing(self.ax, why_nothing(self._ds), self._look)
        elif lost.any():
            hatching.hatch(self.ax, hatching.of_table(lost), self._look)
        self._mark_known()
        (self._flags,) = self.ax.plot([], [], gid="flags", **self._look["flag_mark"])
        self._number_axes()
        self.ax.set(xlabel=common.EXPOSURE, ylabel="Pixel")
        limb = tied("line: limb") if any(c.get_gid() == "disk" for c in self.ax.collections) else ""
        names = " or ".join(name for name, which in left_out.items() if which.any())
        hatched = names and tied(f"hatched: {names}")
        set_title(self.ax, common.title_of_light(self._ds, self._signal, limb, hatched))
        # Shown while the mouse moves; drawn separately, over a copy of the rest.
        self._cursor = Rectangle((-9, -9), 1, 1, animated=True, zorder=5, **self._look["cursor"])
        self.ax.add_patch(self._cursor)
        self._hover = self.figure.text(
            0.07, 0.955, "", animated=True, fontsize="small", va="bottom", gid="hover"
        )
        self.ax.set_ylim(-0.5, n_pixel - 0.5)
        self._sliders(n_pic)
        self._buttons()
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
        # The toolbar tells the mouse's place, which seldom is a tick's.
        self.ax.fmt_xdata = partial(common.nearest, self._pic)
        self.ax.fmt_ydata = partial(common.nearest, self._pixel)

    def _sliders(self, n_pic: int) -> None:
        finite = self._values[np.isfinite(self._values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        high = high if high > low else low + 1.0
        start = robust(self._values)
        start = (max(start[0], low), min(start[1], high))
        units = unit(self._signal.attrs.get("units", ""))
        self.colour_slider = RangeSlider(
            self.figure.add_axes((0.20, 0.17, 0.40, 0.03)),
            f"Colours ({units})",
            low,
            high,
            valinit=start,
            valfmt="%.3g",
        )
        self.colour_slider.on_changed(self._on_colours)
        last = max(n_pic - 1, 1)
        self.exposure_slider = RangeSlider(
            self.figure.add_axes((0.20, 0.12, 0.40, 0.03)),
            "Exposures",
            0,
            last,
            valinit=(0, last),
            valstep=1,
        )
        self.exposure_slider.on_changed(self._on_exposures)
        for slider in (self.colour_slider, self.exposure_slider):
            # The handles are wider than their line.
            slider.label.set_x(-0.035)
            slider.valtext.set_x(1.035)
        self._mesh.set_clim(*start)
        self._show_exposures(0, n_pic - 1)

    def _buttons(self) -> None:
        add = self.figure.add_axes
        paper = mpl.rcParams["axes.facecolor"]
        look: dict[str, Any] = {"color": _faint(paper, 0.15), "hovercolor": _faint(paper, 0.3)}
        self.previous_button = Button(add((0.20, 0.055, 0.03, 0.042)), "◀", **look)
        self.next_button = Button(add((0.33, 0.055, 0.03, 0.042)), "▶", **look)
        self.previous_button.on_clicked(lambda event: self.next_colormap(-1))
        self.next_button.on_clicked(lambda event: self.next_colormap())
        self._colormap_name = self.figure.text(
            0.28, 0.076, self._colormaps[0].name, ha="center", va="center", gid="colormap"
        )
        self.figure.text(0.07, 0.015, _HINT, fontsize="small", alpha=0.65)

    def _show_flags(self, changed: tuple[int, int] | None = None) -> None:
        """Show the flags; the list goes to the one that changed."""
        j, i = np.nonzero(self._flagged)
        self._flags.set_data(i, j)
        chosen = self.selected
        self.list.set(
            [f"Star flags: {len(chosen)}", "  pic  pixel"],
            [f"{pic:>5d} {pixel:>6d}" for pic, pixel in chosen],
            chosen.index(changed) if changed in chosen else None,
        )

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
        if event.key in ("n", "b"):
            self.next_colormap(1 if event.key == "n" else -1)
        page = max(1, self.list.rows - 1)
        lines = {"up": -1, "down": 1, "pageup": -page, "pagedown": page}.get(event.key or "")
        if lines is not None:
            self.list.scroll(lines)
            self._redraw()

    def _on_colours(self, limits: tuple[float, float]) -> None:
        self._mesh.set_clim(*limits)
        self._redraw()

    def _on_exposures(self, limits: tuple[float, float]) -> None:
        first, last = (round(v) for v in sorted(limits))
        self._show_exposures(first, last)
        self._redraw()

    def _show_exposures(self, first: int, last: int) -> None:
        self.ax.set_xlim(first - 0.5, last + 0.5)
        numbers = self._pic[[first, min(last, self._pic.size - 1)]]
        self.exposure_slider.valtext.set_text(f"{numbers[0]} to {numbers[1]}")

    def _on_draw(self, event: Event) -> None:
        canvas = self.figure.canvas
        # A file may have another size than the window.
        if canvas.is_saving() or not hasattr(canvas, "copy_from_bbox"):
            return
        self._background = canvas.copy_from_bbox(self.figure.bbox)
        if self._hover.get_text():
            self._draw_hover()

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
        self._draw_hover()
        canvas.blit(self.figure.bbox)

    def _draw_hover(self) -> None:
        self.ax.draw_artist(self._cursor)
        self.figure.draw_artist(self._hover)

    def describe(self, i: int, j: int) -> str:
        """Hover text for the spectrum at positions (i, j) along pic and pixel."""
        units = unit(self._signal.attrs.get("units", ""))
        value = self._values[j, i]
        said = f"{value:.4g} {units}" if np.isfinite(value) else "no value"
        parts = [f"pic {self._pic[i]}, pixel {self._pixel[j]}: {said}"]
        known = self._known.isel(pic=i, pixel=j)
        if "alt_corners" in known.variables:
            low, high = float(known["alt_corners"].min()), float(known["alt_corners"].max())
            parts.append(f"alt {low:.0f} to {high:.0f} km")
        for name, text, form, ending in (
            ("lt", "local time", ".1f", " h"),
            ("sza", "sza", ".1f", "°"),
            ("lat", "lat", ".1f", "°"),
        ):
            if name in known.variables:
                parts.append(f"{text} {float(known[name]):{form}}{ending}")
        if "star_count" in known.variables and int(known["star_count"]) > 0:
            n = int(known["star_count"])
            parts.append(f"{n} star{'' if n == 1 else 's'}")
            if "star_magnitude" in known.variables:
                parts.append(f"magnitude {float(known['star_magnitude']):.1f}")
        return ", ".join(parts)


def _colormaps(first: str | Colormap) -> list[Colormap]:
    """All colormaps in the order of the arrows, from one of them or of one's own."""
    shown = colormap(first)
    names = list(COLORMAPS)
    at = names.index(shown.name) if shown.name in names else 0
    rest = [mpl.colormaps[name] for name in names[at:] + names[:at] if name != shown.name]
    return [shown, *rest]


@calls.public("plot.check_stars")
@drawing
def check_stars(
    ds: xr.Dataset,
    wl_range: common.StarRange = "starlight",
    method: Integration = "bins",
    stars: xr.Dataset | None = None,
    cmap: str | Colormap = COLORMAPS[0],
    figure: Figure | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> StarChecker:
    """Open a map of all spectra on which clicks set and clear star flags.

    It works in the windows of Tk and Qt, and in notebooks after ``%matplotlib widget``, which needs
    ipympl: docs/howto/check_stars.md. The sliders set the limits of colours and exposures; the
    arrows, or the keys n and b, go through nine colormaps; what is under the mouse is described
    above the map; the list of flagged spectra scrolls by the mouse wheel, its bar, and the keys up,
    down, page up and page down. With geometry, the disk's edge and predicted stars are marked.

    Parameters
    ----------
    ds : Dataset
        Calibrated; if not, the count rate is shown. A spectrum that lacks counts has none.
    wl_range : (float, float), "starlight" or None
        Angstrom. By default where stars outshine most bodies, 1600 to 1900 in the FUV and 1035 to
        1150 in the EUV, as far as the dataset holds it and its rows have values; None for all of
        the dataset's. What is integrated already is drawn as it is.
    method : {"bins", "trapezoid", "simpson"}
        Of integration over wavelength; see `uvisxr.integrals.integrate`. Counts are summed.
    stars : Dataset, optional
        Catalogue whose stars are predicted. Default: the prediction already in the dataset, else,
        with geometry, that of the stars that `predict_stars` takes by default.
    cmap : str or Colormap
        The colormap shown first; one that is not among the nine comes before them.
    figure : Figure, optional
        An empty figure to fill. Default: a new one.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    StarChecker
        `checker.dataset` is the dataset with the flags as they are now, `checker.selected` the list
        of flagged spectra. In a ``with`` block, whose end closes the picture, or without one.

    Raises
    ------
    MissingStepError
        The dataset has neither radiance nor counts.
    ArgumentError
        The range lies outside the dataset's; another method, or no colormap.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open()
    >>> with ds.uvis.plot.check_stars() as checker:  # in a script, plt.show() waits for the clicks
    ...     checker.toggle(3, 40)  # as a click does
    >>> checker.selected
    [(3, 40)]
    >>> ds = checker.dataset
    """
    return StarChecker(ds, wl_range, method, stars, cmap, figure, style)
