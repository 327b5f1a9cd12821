"""Emission lines and bands that UVIS sees in the Saturn system, by what is observed.

Wavelengths are in vacuum, angstrom; of a multiplet, that of its strongest line. Names are those in
use, whose numbers are of a multiplet's mean or of another of its lines, as in "N I 1134".

Sources
-------
.. [K] Kramida et al., NIST Atomic Spectra Database (ver. 5.11), doi:10.18434/T4W30F: atomic lines.
.. [H] Huber & Herzberg 1979, Constants of Diatomic Molecules (NIST Chemistry WebBook): origins of
   the bands of N2, a 1Pi_g - X 1Sigma_g+, from the constants of the two states; of c4' 1Sigma_u+ -
   X, (0, 1) and (0, 2), from the origin of (0, 0), 104323 cm-1, and the constants of X.
.. [A7] Ajello et al. 2007, Titan airglow spectra from Cassini UVIS: EUV analysis, Geophys. Res.
   Lett. 34, L24204: what Titan emits in the EUV.
.. [A8] Ajello et al. 2008, Titan airglow spectra from the Cassini UVIS: FUV disk analysis, Geophys.
   Res. Lett. 35, L06102: what Titan emits in the FUV.
.. [S] Stevens et al. 2011, The production of Titan's ultraviolet nitrogen airglow, J. Geophys. Res.
   116, A05304: no emission of carbon, for which [A8] took bands of N2, a 3Sigma_u+ - X (Vegard-
   Kaplan), near C I 1561 and 1657.
.. [L] Abgrall et al. 1993, A&AS 101, 273: bands of H2, B 1Sigma_u+ - X 1Sigma_g+ (Lyman), to 1
   angstrom, where many make a maximum at the resolution of UVIS.
.. [W] Abgrall et al. 1993, A&AS 101, 323: the same for C 1Pi_u - X 1Sigma_g+ (Werner).
.. [G] Gustin et al. 2009, Characteristics of Saturn's polar atmosphere, Icarus 200, 176: what
   Saturn's aurora emits.
.. [C] Curdt et al. 2001, The SUMER spectral atlas of solar-disk features, A&A 375, 591: the lines
   of sunlight, which rings and icy moons reflect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import xarray as xr

from .. import checks
from ..targets import PLANETS_OF_RINGS

#: Wavelengths by name, angstrom: of a line, or several of a system of bands.
Wavelengths = Mapping[str, float | Sequence[float]]

#: Whose lines there are, and "all".
Emitter = Literal["titan", "saturn", "enceladus", "sunlight", "all"]


@dataclass(frozen=True)
class Line:
    """A line, or the bands of a system.

    Attributes
    ----------
    wl : float or tuple of float
        Angstrom, in vacuum.
    source : str
        Where the wavelengths are from, as above.
    """

    wl: float | tuple[float, ...]
    source: str


LINES: dict[str, Line] = {
    "He I 584": Line(584.334, "K"),
    "N II 916": Line(916.701, "K"),
    "H I Ly δ": Line(949.743, "K"),
    "N I 953": Line(953.970, "K"),
    "N I 964": Line(963.990, "K"),
    "H I Ly γ": Line(972.537, "K"),
    "O I 989": Line(988.773, "K"),
    "H I Ly β": Line(1025.722, "K"),
    "Ar I 1048": Line(1048.220, "K"),
    "Ar I 1067": Line(1066.660, "K"),
    "N II 1085": Line(1085.701, "K"),
    "N I 1134": Line(1134.980, "K"),
    "N I 1164": Line(1163.884, "K"),
    "N I 1168": Line(1167.448, "K"),
    "N I 1177": Line(1176.510, "K"),
    "N I 1200": Line(1199.550, "K"),
    "H I Ly α": Line(1215.670, "K"),
    "N I 1243": Line(1243.179, "K"),
    "O I 1304": Line(1302.168, "K"),
    "N I 1311": Line(1310.540, "K"),
    "C II 1335": Line(1335.708, "K"),
    "O I 1356": Line(1355.598, "K"),
    "Si IV 1394": Line(1393.755, "K"),
    "Si IV 1403": Line(1402.770, "K"),
    "N I 1493": Line(1492.625, "K"),
    "C IV 1548": Line(1548.202, "K"),
    "C I 1561": Line(1561.438, "K"),
    "He II 1640": Line(1640.474, "K"),
    "C I 1657": Line(1657.008, "K"),
    "Al II 1671": Line(1670.787, "K"),
    "N I 1743": Line(1742.729, "K"),
    "Si II 1817": Line(1816.928, "K"),
    "N₂ c₄′": Line((980.5, 1003.1), "H"),
    "N₂ LBH": Line(
        (
            *(1273.4, 1298.6, 1325.4, 1353.8, 1384.0, 1416.1, 1430.1, 1444.4, 1464.4, 1508.3),
            *(1530.2, 1584.6, 1599.9, 1687.6, 1768.4),
        ),
        "H",
    ),
    "H₂ Werner": Line((1054.0, 1099.0, 1116.0, 1161.0, 1176.0), "W"),
    "H₂ Lyman": Line((1578.0, 1608.0), "L"),
}

#: What is seen of whom, the most important first [A7, A8, S, G, C]; of Enceladus, its neutral torus
#: and what the Sun excites.
SETS: dict[str, tuple[str, ...]] = {
    "titan": (
        *("H I Ly α", "N₂ LBH", "N I 1493", "N II 1085", "N I 1743", "N I 1200", "H I Ly β"),
        *("N I 1134", "N I 1243", "N₂ c₄′", "N I 1311", "He I 584"),
        *("Ar I 1048", "Ar I 1067", "N II 916", "N I 953", "N I 964", "N I 1177", "N I 1164"),
        *("N I 1168", "H I Ly γ"),
    ),
    "saturn": (
        *("H I Ly α", "H₂ Lyman", "H₂ Werner", "H I Ly β", "He I 584", "H I Ly γ", "H I Ly δ"),
    ),
    "enceladus": (
        *("H I Ly α", "O I 1304", "O I 1356", "H I Ly β", "He I 584", "O I 989", "C II 1335"),
    ),
    "sunlight": (
        *("H I Ly α", "C I 1657", "C I 1561", "C II 1335", "O I 1304", "Si II 1817", "C IV 1548"),
        *("He II 1640", "Al II 1671", "Si IV 1394", "Si IV 1403", "N I 1743", "O I 1356"),
        *("H I Ly β", "He I 584", "H I Ly γ"),
    ),
}


def chosen(ds: xr.Dataset, lines: bool | str | Wavelengths) -> dict[str, tuple[float, ...]]:
    """The lines that an argument asks for.

    Parameters
    ----------
    ds : Dataset
    lines : bool, str or mapping
        True for those of the target; the name of a set in `SETS`, or "all"; the wavelengths
        themselves; False for none.

    Returns
    -------
    dict of str to tuple of float
        The wavelengths of each, angstrom, the most important first.

    Raises
    ------
    ArgumentError
        There is no such set, or the wavelengths are none.
    """
    if lines is False:
        return {}
    if isinstance(lines, Mapping):
        return {name: _checked(name, wl) for name, wl in lines.items()}
    if lines is True:
        names: Iterable[str] = SETS[emitter(ds)]
    else:
        other = "True, False, or wavelengths by name, such as {'H I': 1215.7}"
        checks.choice("lines", lines, Emitter, other)
        names = LINES if lines == "all" else SETS[lines]
    return {name: _tuple(LINES[name].wl) for name in names}


def emitter(ds: xr.Dataset) -> str:
    """Whose lines a dataset's spectra have: the target's, or else the Sun's, which it reflects."""
    name = str(ds.attrs.get("geometry_target") or ds.attrs.get("target") or "")
    if name in PLANETS_OF_RINGS:
        return "sunlight"
    return name.lower() if name.lower() in SETS else "sunlight"


def within(lines: Mapping[str, tuple[float, ...]], wl: np.ndarray) -> dict[str, tuple[float, ...]]:
    """The lines between the first and the last of some wavelengths, angstrom."""
    if not wl.size:
        return {}
    found = {n: tuple(v for v in all_ if wl.min() <= v <= wl.max()) for n, all_ in lines.items()}
    return {name: inside for name, inside in found.items() if inside}


def _tuple(wl: float | tuple[float, ...]) -> tuple[float, ...]:
    return wl if isinstance(wl, tuple) else (wl,)


def _checked(name: str, wl: object) -> tuple[float, ...]:
    many = wl if isinstance(wl, Sequence | np.ndarray) and not isinstance(wl, str) else [wl]
    for one in many:
        checks.number(f"lines[{name!r}]", one, "a wavelength, angstrom", above=0)
    if not len(many):
        raise checks.refused(f"lines[{name!r}]", wl, "a wavelength or several, angstrom")
    return tuple(float(cast(float, one)) for one in many)
