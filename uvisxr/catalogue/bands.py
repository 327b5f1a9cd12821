"""Ranges of wavelengths whose counts a catalogue holds: what each channel is looked at for."""

from __future__ import annotations

from typing import NamedTuple


class Band(NamedTuple):
    """A range of wavelengths.

    Attributes
    ----------
    channel : str
    low, high : float
        Ends, angstrom.
    what : str
        What shines there.
    """

    channel: str
    low: float
    high: float
    what: str


#: By name, around the lines of H at 1215.67 and 1025.72 and of He at 584.33 angstrom (NIST Atomic
#: Spectra Database), with room for the image of the widest slit, and where the bands of H2 and N2
#: lie. They are wide enough for every binning on board.
BANDS: dict[str, Band] = {
    "lyman_alpha": Band("FUV", 1190.0, 1240.0, "Lyman-alpha of H"),
    "far": Band("FUV", 1250.0, 1650.0, "Lyman and Werner bands of H2, LBH bands of N2"),
    "long": Band("FUV", 1700.0, 1900.0, "sunlight"),
    "helium": Band("EUV", 565.0, 605.0, "resonance line of He"),
    "extreme": Band("EUV", 850.0, 1000.0, "bands of H2 and N2, lines of N and N+"),
    "lyman_beta": Band("EUV", 1005.0, 1045.0, "Lyman-beta of H"),
}
