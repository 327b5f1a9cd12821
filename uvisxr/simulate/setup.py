"""The arguments of a simulation, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .. import checks
from ..errors import ArgumentError
from ..instrument.channel import Channel, SlitName
from ..instrument.detector import Window
from ..timescales import Instant, format_doy, parse_instant

#: Purposes of the random numbers.
STARS, EVIL, NOISE, LOSSES = range(10, 14)

#: Telemetry compression: none, or square roots of counts.
Compression = Literal["SQRT_9", "NONE"]


@dataclass(frozen=True)
class Setup:
    """The arguments of `uvisxr.simulate.observation`, checked one by one."""

    channel: Channel
    slit: SlitName
    target: str
    start: Instant
    exposures: int
    exposure: float
    products: int
    windows: tuple[Window, ...]
    compression: Compression
    background: float
    stars: int
    lost: int
    partial: int
    seed: int
    aurora_altitude: float = 0.0

    def check(self, real: bool) -> None:
        """Raise ArgumentError unless they are consistent; `real` means that kernels are given."""
        if not real and self.target not in ("TITAN", "SATURN"):
            raise checks.refused(
                "target", self.target, "'TITAN' or 'SATURN', or kernels= of a flight past another"
            )
        if self.products > self.exposures:
            raise checks.refused(
                "products", self.products, f"one for each of the {self.exposures} exposures at most"
            )
        if self.products > 1 and self.exposures // self.products * self.exposure < 60:
            raise ArgumentError(
                f"products={self.products}: products of less than a minute would have one name; "
                "give fewer products or longer exposures"
            )
        for w in self.windows:
            free = int((~w.bins.dark).sum()) * self.exposures
            if self.lost + self.partial > free:
                raise ArgumentError(
                    f"lost={self.lost} and partial={self.partial}: a window has {free} spectra"
                )

    @property
    def begin(self) -> float:
        """Start of the first exposure, TDB s past J2000."""
        return self.start.et

    @property
    def et(self) -> np.ndarray:
        """Middle of the exposures, (pic,)."""
        return self.begin + (np.arange(self.exposures) + 0.5) * self.exposure

    def rng(self, *purpose: int) -> np.random.Generator:
        """Random numbers for one purpose, independent of those for the others."""
        return np.random.default_rng([self.seed, *purpose])

    def parts(self) -> list[np.ndarray]:
        """Exposures of each product."""
        return np.array_split(np.arange(self.exposures), self.products)

    def arguments(self) -> dict[str, Any]:
        """Names and values of all arguments except the windows, for the attributes."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del values["windows"]
        return values | {"channel": self.channel.name, "start": format_doy(self.start)}


def instant(start: str | np.datetime64) -> Instant:
    """A UTC during the mission, truncated to milliseconds as in labels."""
    try:
        found = to_millisecond(parse_instant(str(start)))
    except ArgumentError as error:
        raise ArgumentError(f"start: {error}") from None
    if not np.datetime64("1999-01-01") <= found.utc < np.datetime64("2017-09-15"):
        raise ArgumentError(f"start={start!r}: UVIS observed from 1999 to 2017-09-15 (UTC)")
    return found


def to_millisecond(time: Instant) -> Instant:
    """An instant truncated to the millisecond."""
    return Instant(time.tai // 1_000_000 * 1_000_000)


def windows(window: Window | Sequence[Window]) -> tuple[Window, ...]:
    """One window or several."""
    several = tuple(window) if isinstance(window, Iterable) else (window,)
    if not several or not all(isinstance(w, Window) for w in several):
        raise checks.refused("window", window, "a Window, or several in a sequence")
    return several
