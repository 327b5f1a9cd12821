"""Band systems of diatomic molecules from their spectroscopic constants.

Each electronic state is a Morse oscillator; the overlaps of vibrational levels are computed from
their wave functions on a grid. Bands are single lines at their origins: rotation, which spreads the
bands of N2 over 3 angstrom, is below the resolution of UVIS.

Sources
-------
.. [HH] Huber & Herzberg 1979, Constants of Diatomic Molecules (NIST Chemistry WebBook).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import eigh

#: hbar^2 / (2 u angstrom^2) in cm-1 (CODATA 2018).
_KINETIC = 16.857629


@dataclass(frozen=True)
class State:
    """An electronic state: term energy, vibrational constants (cm-1), bond length (angstrom)."""

    energy: float
    omega: float
    omega_x: float
    bond: float

    def term(self, v: np.ndarray) -> np.ndarray:
        """Energy of vibrational levels above the minimum of the ground state, cm-1."""
        return self.energy + self.omega * (v + 0.5) - self.omega_x * (v + 0.5) ** 2


@dataclass(frozen=True)
class System:
    """Transitions between two states of a molecule.

    Attributes
    ----------
    upper, lower : State
    reduced_mass : float
        Atomic mass units.
    levels : int
        Upper levels that radiate.
    """

    upper: State
    lower: State
    reduced_mass: float
    levels: int


_N2 = State(0.0, 2358.57, 14.324, 1.09768)
_H2 = State(0.0, 4401.21, 121.34, 0.74144)

#: Lyman-Birge-Hopfield bands, a 1Pi_g - X 1Sigma_g+; levels above 6 predissociate [HH].
LBH = System(State(69283.06, 1694.20, 13.949, 1.2203), _N2, 7.0015, 7)

#: Lyman (B 1Sigma_u+ - X) and Werner (C 1Pi_u - X) bands of H2 [HH].
LYMAN = System(State(91700.0, 1358.09, 20.888, 1.29282), _H2, 0.50391, 10)
WERNER = System(State(100089.9, 2443.77, 69.524, 1.03279), _H2, 0.50391, 6)


@lru_cache
def bands(system: System, longest: float = 1950.0) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths and relative photon numbers of a system excited from its lowest level.

    Excitation is proportional to the overlap with the ground level, decay to overlap times the cube
    of the frequency.

    Parameters
    ----------
    system : System
    longest : float
        Angstrom; longer-wavelength bands count in the branching but are left out.

    Returns
    -------
    wl, strength : ndarray, (band,)
        Angstrom in vacuum; the strengths of all bands, including those left out, add up to 1.
    """
    overlap = _overlaps(system)
    upper, lower = (np.arange(n, dtype=float) for n in overlap.shape)
    frequency = system.upper.term(upper)[:, None] - system.lower.term(lower)
    decay = overlap * np.maximum(frequency, 0) ** 3
    decay /= decay.sum(axis=1, keepdims=True)
    strength = overlap[:, :1] * decay
    strength /= strength.sum()
    with np.errstate(divide="ignore"):
        wl = np.where(frequency > 0, 1e8 / frequency, np.inf)
    shown = (wl < longest) & (strength > 1e-5)
    order = np.argsort(wl[shown])
    return wl[shown][order], strength[shown][order]


def _overlaps(system: System, points: int = 250) -> np.ndarray:
    """Franck-Condon factors (upper level, lower level)."""
    states = (system.upper, system.lower)
    first, last = min(s.bond for s in states) - 0.5, max(s.bond for s in states) + 1.2
    r = np.linspace(max(first, 0.15), last, points)
    lower_levels = int(system.lower.omega / (2 * system.lower.omega_x))
    u, v = (
        _levels(s, r, system.reduced_mass, n)
        for s, n in zip(states, (system.levels, min(lower_levels, 25)), strict=True)
    )
    overlaps: np.ndarray = u.T @ v
    return overlaps**2


def _levels(state: State, r: np.ndarray, mass: float, count: int) -> np.ndarray:
    """The lowest wave functions (r, level) of a Morse oscillator, normalised on the grid."""
    depth = state.omega**2 / (4 * state.omega_x)
    a = np.sqrt(state.omega_x * mass / _KINETIC)
    potential = depth * (1 - np.exp(-a * (r - state.bond))) ** 2
    # Kinetic energy on an even grid (Colbert & Miller 1992, J. Chem. Phys. 96, 1982).
    i = np.arange(r.size)
    apart = i[:, None] - i
    with np.errstate(divide="ignore"):
        kinetic = np.where(apart == 0, np.pi**2 / 3, 2 / apart.astype(float) ** 2)
    kinetic *= (-1.0) ** apart * _KINETIC / (mass * (r[1] - r[0]) ** 2)
    functions: np.ndarray
    _, functions = eigh(kinetic + np.diag(potential), subset_by_index=[0, count - 1])
    return functions
