"""What is done to an observation in the viewer, kept where the viewer is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
import xarray as xr

from .. import checks
from ..bins import fast
from ..bins.binning import bin as bin_spectra
from ..bins.tiles import Means
from ..calibration.stored import holds_total
from ..dataset import needs
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..dataset.fields import FIELDS
from ..drawing.colours import colormap, robust
from ..errors import ArgumentError, UvisError, unwarned
from ..geometry.views import middle_sample
from ..quality import losses
from ..quality.flags import flag as set_flag
from ..quality.flags import flags_of, select, unflag
from ..quality.levels import sure
from ..spectra import rate
from . import script
from .blocks import inside
from .darkness import error_of, level_of, with_level, without_level
from .keeping import Kept
from .light import Light
from .sky import Sky
from .work import Work, differ

#: Flags that a click sets or clears.
Clicked = Literal["star", "user"]

_CLICKED: tuple[Clicked, ...] = ("star", "user")

#: Which of the two selections.
Which = Literal["first", "second"]

#: Steps that can be taken back.
_MOST = 500

#: Beyond all positions.
_FAR = 10**9


class Mean(NamedTuple):
    """A mean spectrum and the ends of its error band, each (wl,)."""

    low: np.ndarray
    value: np.ndarray
    high: np.ndarray


class State:
    """An observation that is explored, and what was chosen, flagged and compared so far.

    Attributes
    ----------
    light : Light
        Its spectra.
    sky : Sky or str
        Where they lie on the sky; or why that is not known.
    pic, pixel : ndarray
        Numbers of exposures and pixels.
    """

    def __init__(
        self,
        ds: xr.Dataset,
        source: Sequence[str] = (),
        stars: Path | None = None,
    ) -> None:
        self._given, self._source = ds, tuple(source)
        self._ds = ds = _loaded(ds)
        self._lock = threading.RLock()
        self._told: list[Callable[[set[str]], None]] = []
        self.light = Light.of(ds)
        self.sky = Sky.of(ds)
        self._known = middle_sample(ds)
        self.pic, self.pixel = (np.atleast_1d(ds[dim].values) for dim in ("pic", "pixel"))
        self._flags = np.asarray(flags_of(ds).transpose("pic", "pixel").values)
        nothing = np.zeros(self._flags.shape, bool)
        self._before = Work(
            wl_range=self.light.usual(),
            exposures=(0, self.pic.size - 1),
            first=nothing,
            second=nothing,
            star=self._has("star"),
            user=self._has("user"),
        )
        self._now = self._before
        self._past: list[Work] = []
        self._future: list[Work] = []
        self._stars = None if stars is None else Kept(stars)
        if self._stars is not None:
            kept = flags_of(self._stars.load(ds)).transpose("pic", "pixel").values
            self._now = replace(self._now, star=(kept & QUALITY_FLAGS["star"]) != 0)
        self._lost: tuple[float, np.ndarray] | None = None
        self._dark: tuple[float | None, Means] | None = None

    def _has(self, flag: QualityFlag) -> np.ndarray:
        return np.asarray((self._flags & QUALITY_FLAGS[flag]) != 0)

    # What it gives ------------------------------------------------------------------------------

    @property
    def work(self) -> Work:
        """All that was chosen."""
        return self._now

    @property
    def dataset(self) -> xr.Dataset:
        """The dataset with the flags, and the background, as they are now."""
        return self._as(self._now)

    def _as(self, now: Work) -> xr.Dataset:
        return with_level(self._flagged(self._given, now), now.level)

    def _flagged(self, ds: xr.Dataset, now: Work) -> xr.Dataset:
        for name in _CLICKED:
            was, on = getattr(self._before, name), getattr(now, name)
            for step, mask in ((set_flag, on & ~was), (unflag, was & ~on)):
                if mask.any():
                    ds = step(ds, self._mask(mask), name)
        return ds

    def _mask(self, mask: np.ndarray) -> xr.DataArray:
        coords = {dim: self._ds.coords[dim] for dim in ("pic", "pixel") if dim in self._ds.coords}
        return xr.DataArray(mask, coords, ("pic", "pixel"))

    @property
    def selection(self) -> xr.DataArray:
        """The selected spectra, bool (pic, pixel): what `bin`, `flag` and `where` take."""
        return self._mask(self._now.first)

    @property
    def other(self) -> xr.DataArray:
        """The second selection, which the first is compared with, bool (pic, pixel)."""
        return self._mask(self._now.second)

    @property
    def bins(self) -> xr.Dataset:
        """The mean spectra of the selections, along `group`, as of `ds.uvis.bin`.

        Raises
        ------
        ArgumentError
            Nothing is selected, or all that is has a flag.
        """
        now = self._now
        return bin_spectra(self._as(now), pixels=[self._mask(mask) for mask in self.groups(now)])

    def groups(self, now: Work | None = None) -> list[np.ndarray]:
        """The selections that hold anything, the first one before.

        Raises
        ------
        ArgumentError
            Neither does.
        """
        now = now or self._now
        chosen = [mask for mask in (now.first, now.second) if mask.any()]
        if not chosen:
            raise ArgumentError(
                "nothing is selected: draw a box on the map of exposures or on the picture, or "
                "call select()"
            )
        return chosen

    def means(self, now: Work | None = None) -> list[Mean]:
        """The weighted mean spectrum of each selection, while someone waits for it.

        Those of `bins` up to rounding; where errors are not known the plain mean, without a band.

        Raises
        ------
        ArgumentError
            Nothing is selected, or all that is has a flag.
        UvisError
            The dataset is none of which `bin` makes means.
        """
        now = now or self._now
        usable = self.usable(now)
        groups = [mask & usable for mask in self.groups(now)]
        if not any(mask.any() for mask in groups):
            raise ArgumentError("all spectra that are selected have a flag")
        more, made = self._more(now), []
        if self.light.calibrated:
            means = self._means
            if more and holds_total(self._ds):
                # The bounds hold the error of the calibration, which goes as the radiance.
                means, more = self._means_at(now.level), 0.0
            found = means.of(groups, usable)
            if "weighted" not in found:
                # Without bounds there are no weights, and no band.
                plain = [self.light.mean(mask, more) for mask in groups]
                return [Mean(np.full_like(m, np.nan), m, np.full_like(m, np.nan)) for m in plain]
            columns = [found[f"weighted{end}"] for end in ("", "_lower", "_upper")]
        else:
            masks = [self._mask(mask) for mask in groups]
            rates = rate(bin_spectra(self._bare, pixels=masks, exclude=()))
            columns = [rates[f"rate{end}"].values for end in ("", "_lower", "_upper")]
        for mask, value, lower, upper in zip(groups, *columns, strict=True):
            value = value - self.light.dark(mask, more) if more else value
            made.append(Mean(value - lower, value, value + upper))
        return made

    def overall(self) -> np.ndarray:
        """The plain mean of all spectra without a flag, (wl,)."""
        return self.light.mean(self.usable(), self._more())

    @cached_property
    def _means(self) -> Means:
        needs.check(self._bare, "bin")
        return Means(self._ds)

    def _means_at(self, level: float | None) -> Means:
        """Those with another background: the last one's are kept."""
        with self._lock:
            if self._dark is None or self._dark[0] != level:
                self._dark = None
                with unwarned():
                    self._dark = level, Means(with_level(self._ds, level))
            return self._dark[1]

    @cached_property
    def _bare(self) -> xr.Dataset:
        """The counts without the geometry, which `bin` would average too."""
        return without_level(self._ds.drop_vars(FIELDS, errors="ignore"))

    def _more(self, now: Work | None = None) -> float:
        """By how much the background is higher than that of the dataset."""
        level = (now or self._now).level
        return 0.0 if level is None else level - level_of(self._ds)

    @property
    def code(self) -> str:
        """A script, or a cell of a notebook, that makes the same numbers and figures."""
        now = self._now
        return script.script(self._source, self._before, now, self.sky, self._ds, self.usable(now))

    # What is done -------------------------------------------------------------------------------

    def select(
        self,
        exposures: tuple[int, int] | None = None,
        pixels: tuple[int, int] | None = None,
        which: Which = "first",
        add: bool = False,
    ) -> None:
        """Select a rectangle of spectra, by the numbers of exposures and pixels, ends included.

        Parameters
        ----------
        exposures, pixels : (int, int), optional
            First and last; all without them.
        which : {"first", "second"}
        add : bool
            To what is selected, instead of it.
        """
        rows = self._between("exposures", exposures, self.pic)
        self.select_mask(rows[:, None] & self._between("pixels", pixels, self.pixel), which, add)

    def _between(self, name: str, ends: tuple[int, int] | None, numbers: np.ndarray) -> np.ndarray:
        if ends is None:
            return np.ones(numbers.size, bool)
        low, high = checks.pair(name, ends, "the first number and the last", ascending=False)
        found = (numbers >= min(low, high)) & (numbers <= max(low, high))
        if not found.any():
            raise ArgumentError(
                f"{name}={ends!r}: the dataset holds {numbers.min()} to {numbers.max()}"
            )
        return np.asarray(found)

    def select_on_sky(
        self, corners: Sequence[tuple[float, float]], which: Which = "first", add: bool = False
    ) -> None:
        """Select the shown spectra whose footprints have their middles in a polygon, km."""
        if isinstance(self.sky, str):
            raise ArgumentError(f"there is no picture to select on: {self.sky}")
        self.select_mask(inside(self.sky.middle, corners) & self.shown(), which, add)

    def select_in_map(
        self, corners: Sequence[tuple[float, float]], which: Which = "first", add: bool = False
    ) -> None:
        """Select the shown spectra in a polygon of positions along exposures and pixels."""
        places = np.stack(np.meshgrid(*map(np.arange, self._flags.shape), indexing="ij"), axis=-1)
        self.select_mask(inside(places.astype(float), corners) & self.shown(), which, add)

    def select_mask(self, mask: np.ndarray, which: Which = "first", add: bool = False) -> None:
        """Select spectra, bool (pic, pixel)."""
        checks.choice("which", which, Which)
        if isinstance(mask, xr.DataArray):
            chosen = np.zeros(self._flags.shape, bool)
            chosen[tuple(select(self._ds, mask).T)] = True
            mask = chosen
        shape = getattr(mask, "shape", None)
        if shape != self._flags.shape or mask.dtype != bool:
            raise checks.refused("mask", mask, f"an array of bool of the shape {self._flags.shape}")
        with self._lock:
            before: np.ndarray = getattr(self._now, which)
            self._change(**{which: mask | before if add else mask})

    def shown(self) -> np.ndarray:
        """Whether exposures are shown, bool (pic, 1)."""
        first, last = self._now.exposures
        places = np.arange(self.pic.size)[:, None]
        return np.asarray((places >= first) & (places <= last))

    def show_range(self, low: float, high: float) -> None:
        """Show the brightness between two wavelengths, angstrom, or in what is known of them."""
        ends = checks.pair("wl_range", (low, high), "wavelengths, angstrom", ascending=False)
        self._change(wl_range=self.light.taken(*ends))

    def show_exposures(self, first: int, last: int) -> None:
        """Show exposures, by position."""
        first, last = sorted(
            min(max(checks.whole(name, at, -_FAR, _FAR), 0), self.pic.size - 1)
            for name, at in (("first", first), ("last", last))
        )
        self._change(exposures=(first, last))

    def set_level(self, level: float | None) -> None:
        """Take another background than the dataset's, count/s per detector pixel; None: its own."""
        if level is not None and not self.light.has_level:
            raise ArgumentError(
                "another background needs the counts and the terms of the calibration, and "
                "radiances unchanged since: calibrate before, keep both, and fill_nan afterwards"
            )
        if level is not None:
            level = checks.number("level", level, "a rate, count/s per detector pixel", least=0.0)
            needs.check(self._ds, "background")
        same = level is not None and level == level_of(self._ds)
        self._change(level=None if same else level)

    def colour(
        self,
        cmap: str | None = None,
        limits: tuple[float, float] | Literal["auto"] | None = None,
        log: bool | None = None,
    ) -> None:
        """Colour the brightness otherwise: what is not given stays as it is."""
        if cmap is not None:
            colormap(cmap)
            checks.one_of("cmap", cmap, mpl.colormaps)
        if log is not None:
            checks.one_of("log", log, (True, False))
        if limits is not None and limits != "auto":
            limits = checks.pair("limits", limits, "limits of the colours")
        given: dict[str, Any] = {"cmap": cmap, "log": log, "limits": limits}
        changed = {name: value for name, value in given.items() if value is not None}
        if limits == "auto":
            changed["limits"] = None
        self._change(**changed)

    def colour_limits(self, values: np.ndarray) -> tuple[float, float]:
        """Ends of the colours for the brightness of all spectra (pic, pixel)."""
        given = self._now.limits
        if given is not None and not (self._now.log and given[0] <= 0):
            return given
        some = values[self._now.exposures[0] : self._now.exposures[1] + 1]
        good = self.usable()[self._now.exposures[0] : self._now.exposures[1] + 1]
        low, high = robust(some, good)
        if self._now.log:
            above = some[np.isfinite(some) & (some > 0)]
            low = max(low, float(np.percentile(above, 5)) if above.size else high / 1e3)
        high = high if given is None or given[1] <= low else given[1]
        return (low, high) if low < high else (low, low + 1.0)

    def toggle(self, pic: int, pixel: int, flag: Clicked = "star") -> None:
        """Set or clear a flag of one spectrum, by its numbers."""
        ((i, j),) = select(self._ds, [(pic, pixel)])
        self.toggle_at(int(i), int(j), flag)

    def toggle_at(self, i: int, j: int, flag: Clicked = "star") -> None:
        """Set or clear a flag of one spectrum, by its position."""
        checks.choice("flag", flag, Clicked)
        i, j = (
            checks.whole(name, at, 0, size - 1)
            for name, at, size in zip("ij", (i, j), self._flags.shape, strict=True)
        )
        with self._lock:
            flagged = getattr(self._now, flag).copy()
            flagged[i, j] ^= True
            self._change(**{flag: flagged})

    def flag_selection(self, flag: Clicked = "user", on: bool = True) -> None:
        """Set or clear a flag of all that is selected first."""
        checks.choice("flag", flag, Clicked)
        checks.one_of("on", on, (True, False))
        with self._lock:
            flagged, chosen = getattr(self._now, flag), self._now.first
            self._change(**{flag: flagged | chosen if on else flagged & ~chosen})

    def undo(self) -> None:
        """Take the last change back."""
        with self._lock:
            self._step(self._past, self._future)

    def redo(self) -> None:
        """Make the change again that `undo` has taken back."""
        with self._lock:
            self._step(self._future, self._past)

    @property
    def can(self) -> tuple[bool, bool]:
        """Whether there is anything to undo, and to redo."""
        return bool(self._past), bool(self._future)

    def _step(self, source: list[Work], to: list[Work]) -> None:
        if source:
            to.append(self._now)
            self._put(source.pop())

    def _change(self, **changed: Any) -> None:
        with self._lock:
            new = replace(self._now, **changed)
            if differ(self._now, new):
                self._past = [*self._past, self._now][-_MOST:]
                self._future.clear()
                self._put(new)

    def _put(self, new: Work) -> None:
        changed, self._now = differ(self._now, new), new
        if "star" in changed and self._stars is not None:
            at = np.argwhere(self._before.star & ~new.star).T
            cleared = zip(self.pic[at[0]], self.pixel[at[1]], strict=True)
            self._stars.save(self._flagged(self._ds, new), cleared)
        for tell in tuple(self._told):
            tell(changed)

    @property
    def trouble(self) -> str:
        """Why star flags were not written, empty if they were."""
        return "" if self._stars is None else self._stars.trouble

    @property
    def watched(self) -> bool:
        """Whether anyone is told of changes: whether a page shows it."""
        return bool(self._told)

    def tell(self, listener: Callable[[set[str]], None]) -> None:
        """Call a function with the names of what has changed, each time."""
        self._told.append(listener)

    def forget(self, listener: Callable[[set[str]], None]) -> None:
        """Call it no more."""
        if listener in self._told:
            self._told.remove(listener)

    # What views need ----------------------------------------------------------------------------

    def brightness(self) -> np.ndarray:
        """Of all spectra in the range, (pic, pixel)."""
        return self.light.brightness(self._now.wl_range, self._more())

    def flags(self, now: Work | None = None) -> np.ndarray:
        """The quality flags as they are now, or were then, uint8 (pic, pixel)."""
        now = now or self._now
        found = self._flags | self._losses(now.level)
        for name in _CLICKED:
            mask, bit = getattr(now, name), np.uint8(QUALITY_FLAGS[name])
            found = np.where(mask, found | bit, found & ~bit).astype(np.uint8)
        return np.asarray(found)

    def _losses(self, level: float | None) -> np.ndarray:
        """Flags of what `background` finds to be lost at another level, uint8 (pic, pixel)."""
        if level is None:
            return np.zeros_like(self._flags)
        lost = self._lost
        # Other threads may ask for another level meanwhile.
        if lost is None or lost[0] != level:
            least = sure(level, error_of(self._ds) or 0.0)
            flags = losses.flags(self._ds, least, self._measured)
            lost = level, flags.transpose("pic", "pixel").values & ~self._flags
            self._lost = lost
        return lost[1]

    def prepare(self) -> None:
        """Begin with what takes long and is soon asked for, while nobody waits for it."""
        means = None
        # Why there are no means is told to those who ask for them.
        with suppress(UvisError):
            # Made here, so that all threads have the same.
            means = self._means if self.light.calibrated else None

        def prepare() -> None:
            # What fails here fails again for whoever asks for it.
            with suppress(Exception):
                fast.prepare()
                if means is not None:
                    means.prepare(self.usable())
                if self.light.has_level:
                    _ = self._measured

        threading.Thread(target=prepare, name="uvisxr", daemon=True).start()

    @cached_property
    def _measured(self) -> xr.DataArray:
        """What losses are known by, of each spectrum."""
        return losses.features(self._ds)

    def usable(self, now: Work | None = None) -> np.ndarray:
        """Spectra without a flag, which means are made of, bool (pic, pixel)."""
        return np.asarray(self.flags(now) == 0)

    def describe(self, i: int, j: int) -> list[tuple[str, str]]:
        """What is known of the spectrum at a position: names and values with their units."""
        from .describing import described

        return described(self._known, i, j, int(self.flags()[i, j]))


def _loaded(ds: xr.Dataset) -> xr.Dataset:
    """The dataset with what views need at any time in memory."""
    # Bounds too: means are made of them.
    needed = ("counts", "quality", *(n for n in ds.variables if str(n).startswith("radiance")))
    lazy = {n: ds[n] for n in needed if n in ds.variables and ds[n].chunks is not None}
    if not lazy:
        return ds
    together = xr.Dataset({name: array.variable for name, array in lazy.items()}).compute()
    return ds.assign({n: ds[n].copy(data=together[n].values) for n in lazy})
