"""Names of targets and bodies as a catalogue spells them."""

from __future__ import annotations

from .. import targets

#: Targets that labels have where they say none; the catalogue has no text then.
_UNSAID = ("N/A", "NONE", "NULL", "UNK")


def target(text: str) -> str:
    """The name that a catalogue has for a target, "" if it says none.

    Examples
    --------
    >>> target("Saturn_Rings"), target("n/a")
    ('S RINGS', '')
    """
    name = targets.canonical(text)
    return "" if name in _UNSAID else name


def body(text: str) -> str:
    """The name that a catalogue has for a body, given by its name or NAIF code, or by its rings.

    Examples
    --------
    >>> body("Saturn_Rings"), body("606")
    ('SATURN', 'TITAN')
    """
    name = targets.canonical(text)
    if name.lstrip("+-").isdecimal():
        # Here, as SPICE is slow to import.
        from ..kernels.bodies import named
        from ..kernels.session import LOCK

        with LOCK:
            return named(name)[0]
    return targets.PLANETS_OF_RINGS.get(name, name)
