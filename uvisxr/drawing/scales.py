"""Units that make axes and colour bars readable: 10³ km, planetary radii, no offset beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from .texts import caption, set_label

#: Radii as units, km: the equatorial one of Saturn at 1 bar (Archinal et al. 2018, Celest. Mech.
#: Dyn. Astron. 130, 22).
RADII = {"SATURN": 60_268.0}

#: Units that are never multiplied.
_AS_THEY_ARE = frozenset(("", "1", "degree", "hour", "angstrom", "count"))

#: Values, in their unit, that need no power of ten.
_PLAIN = (1e-2, 1e4)

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
        set_label(axis, caption(name, units))
        return
    chosen = multiple(largest, units, body)
    axis.set_major_formatter(_Formatter(chosen.factor))
    if body is not None:
        axis.set_major_locator(_Locator(chosen.factor))
    set_label(axis, caption(name, chosen.units))


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
