"""Units that make axes and colour bars readable: 10³ km, planetary radii, no offset beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import (
    Locator,
    LogFormatterSciNotation,
    MaxNLocator,
    NullFormatter,
    ScalarFormatter,
    SymmetricalLogLocator,
)

from .texts import caption, set_label

#: Radii as units, km: the equatorial one of Saturn at 1 bar (Archinal et al. 2018, Celest. Mech.
#: Dyn. Astron. 130, 22).
RADII = {"SATURN": 60_268.0}

#: Units that are never multiplied.
_AS_THEY_ARE = frozenset(("", "1", "degree", "hour", "angstrom", "count"))

#: Values, in their unit, that need no power of ten.
_PLAIN = (1e-2, 1e4)

#: Values that are told without a power of ten beside others that are powers of ten.
_SHORT = (1e-3, 1e4)

#: The most powers of ten at the ticks of an axis that is linear near zero.
_DECADES = 6

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Multiple:
    """A multiple of a unit.

    Attributes
    ----------
    factor : float
        In the unit.
    units : str
        What it is called, "10³ km".
    """

    factor: float
    units: str


def multiple(largest: float, units: str, body: str | None = None) -> Multiple:
    """The multiple of a unit in which values are told best.

    Parameters
    ----------
    largest : float
        The greatest size of the values.
    units : str
        As in the attributes of variables.
    body : str, optional
        Lengths of some of its radii are told in these.

    Examples
    --------
    >>> from uvisxr.drawing.scales import multiple
    >>> multiple(9.2e4, "km").units
    '10³ km'
    >>> multiple(3e-4, "kR angstrom-1")
    Multiple(factor=1e-06, units='10⁻⁶ kR angstrom-1')
    """
    radius = RADII.get((body or "").upper())
    if units == "km" and radius is not None and largest > 1.5 * radius:
        return Multiple(radius, rf"$R_\mathrm{{{str(body).title()}}}$")
    usual = not np.isfinite(largest) or largest <= 0 or _PLAIN[0] <= largest < _PLAIN[1]
    if usual or units in _AS_THEY_ARE:
        return Multiple(1.0, units)
    power = 3 * int(np.floor(np.log10(largest) / 3))
    return Multiple(10.0**power, f"10{str(power).translate(_RAISED)} {units}")


def engineering(
    axis: Axis, name: str, units: str, largest: float | None = None, body: str | None = None
) -> None:
    """Label an axis in the multiple of its unit that suits its values, which stay as they are.

    Parameters
    ----------
    axis : Axis
        Of axes or of a colour bar.
    name, units : str
        As for `texts.caption`.
    largest : float, optional
        Default: that of the axis' limits as they are now.
    body : str, optional
        As for `multiple`.
    """
    if largest is None:
        largest = float(np.abs(axis.get_view_interval()).max())
    if axis.get_scale() != "linear":
        plain_log(axis)
        set_label(axis, caption(name, units))
        return
    chosen = multiple(largest, units, body)
    axis.set_major_formatter(_Formatter(chosen.factor))
    if body is not None:
        axis.set_major_locator(_Locator(chosen.factor))
    set_label(axis, caption(name, chosen.units))


def plain(value: float) -> str:
    """A round number as people write it: 0.4, −2000 or 2×10⁻⁵.

    Examples
    --------
    >>> from uvisxr.drawing.scales import plain
    >>> plain(0.4), plain(-2000.0), plain(2e-5), plain(1e4)
    ('0.4', '−2000', '2×10⁻⁵', '10⁴')
    """
    sign, size = "−" if value < 0 else "", abs(value)
    if size == 0 or _SHORT[0] * (1 - 1e-9) <= size < _SHORT[1]:
        return f"{sign}{size:.6g}"
    digits, power = f"{size:.6e}".split("e")
    times = f"{float(digits):g}×" if float(digits) != 1 else ""
    return f"{sign}{times}10{str(int(power)).translate(_RAISED)}"


def plain_log(axis: Axis) -> None:
    """Write the numbers along an axis, if it is logarithmic, as `plain` does."""
    if axis.get_scale() == "log":
        axis.set_major_formatter(_Powers())
        axis.set_minor_formatter(_Powers())


def plain_symlog(axis: Axis, end: float) -> None:
    """Mark an axis that is linear below `end` and logarithmic above it by its ticks."""
    axis.set_major_locator(_LinearNearZero(end))
    axis.set_major_formatter(lambda value, _: plain(value))
    axis.set_minor_locator(SymmetricalLogLocator(axis.get_transform(), subs=range(2, 10)))
    axis.set_minor_formatter(NullFormatter())


class _Powers(LogFormatterSciNotation):
    """Numbers along logarithmic axes, where matplotlib writes any."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return plain(x) if super().__call__(x, pos) else ""


class _LinearNearZero(Locator):
    """Ticks at powers of ten on both sides, and at equal steps between the lowest of them."""

    def __init__(self, end: float) -> None:
        self._end = end

    def __call__(self) -> Any:
        assert self.axis is not None
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Any:
        low, high = sorted((vmin, vmax))
        largest = max(-low, high)
        if largest < self._end:
            return MaxNLocator(5).tick_values(low, high)
        number = int(np.floor(np.log10(largest / self._end) + 1e-9)) + 1
        powers = self._end * 10.0 ** np.arange(0, number, -(-number // _DECADES))
        ticks = np.concatenate([-powers[::-1], 0.5 * self._end * np.arange(-1, 2), powers])
        return ticks[(ticks >= low) & (ticks <= high)]


class _Formatter(ScalarFormatter):
    """Numbers in a multiple of the unit, without an offset."""

    def __init__(self, factor: float) -> None:
        # Plain text is laid out twenty times as fast as formulas.
        super().__init__(useOffset=False, useMathText=False)
        self.set_scientific(False)
        self._factor = factor

    def set_locs(self, locs: Any) -> None:
        scaled: Any = np.asarray(locs, float) / self._factor
        super().set_locs(scaled)

    def __call__(self, x: float, pos: int | None = None) -> str:
        return super().__call__(x / self._factor, pos)


class _Locator(MaxNLocator):
    """Ticks at round numbers of a multiple of the unit."""

    def __init__(self, factor: float) -> None:
        super().__init__("auto", steps=[1, 2, 2.5, 5, 10])
        self._factor = factor

    def tick_values(self, vmin: float, vmax: float) -> Any:
        ticks = super().tick_values(vmin / self._factor, vmax / self._factor)
        return self._factor * np.asarray(ticks)
