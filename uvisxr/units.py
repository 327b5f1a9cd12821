"""Units that pint understands, with the rayleigh.

pint reads R as the gas constant, and UDUNITS as the roentgen. The registry here reads the `units`
of every variable as this package means them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from .errors import MissingDependencyError

if TYPE_CHECKING:
    import pint

#: pint's definitions. A rayleigh is 1e10 photons per second and square metre from a column that
#: emits them in all directions: Hunten, Roach & Chamberlain (1956), J. Atmos. Terr. Phys. 8, 345.
_DEFINITIONS = ("photon = []", "rayleigh = 1e10 / (4 * pi) * photon / m**2 / s / sr = R")

#: A unit and its exponent as CF writes them: s-1.
_POWER = re.compile(r"\b([A-Za-z]+)(-?\d+)\b")


@cache
def registry() -> pint.UnitRegistry[Any]:
    """A unit registry for pint that knows the units of every variable, as they are written.

    Returns
    -------
    pint.UnitRegistry
        The same one at every call, as pint requires of quantities that meet. It reads exponents
        without operators ("angstrom-1"), `photon`, and `rayleigh` or `R`, which is
        1e10 / (4 pi) photon m-2 s-1 sr-1, with all prefixes: kR.

    Raises
    ------
    MissingDependencyError
        pint is not installed.

    Examples
    --------
    >>> units = uvisxr.units.registry()
    >>> print(f"{units('kR').to('photon cm-2 s-1 sr-1'):.5g~}")
    7.9577e+07 photon / cm ** 2 / s / sr

    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibrate(files=made.calibration)
    >>> light = units.Quantity(ds.radiance.values, ds.radiance.attrs["units"])
    >>> print(light.to("photon m-2 s-1 sr-1 nm-1").units)
    photon / meter ** 2 / nanometer / second / steradian
    """
    try:
        import pint
    except ImportError as error:
        raise MissingDependencyError(
            f'the unit registry needs the {error.name} library: pip install "uvisxr[units]"'
        ) from error
    # R is taken from the gas constant without a warning.
    found: pint.UnitRegistry[Any] = pint.UnitRegistry(
        preprocessors=[_with_powers], on_redefinition="ignore"
    )
    for definition in _DEFINITIONS:
        found.define(definition)
    return found


def _with_powers(units: str) -> str:
    return _POWER.sub(r"\1**\2", units)
