"""The two spectrographic channels, FUV and EUV, and their slits.

Sources
-------
.. [UG] Cassini/UVIS users guide (PDS Rings and Atmospheres nodes), chapters 2 and 5: detector
   format, slit widths, grating and its wavelength scale.
.. [E04] Esposito et al. 2004, The Cassini Ultraviolet Imaging Spectrograph investigation,
   Space Science Reviews 115, 299-361: optical design, slits and their image widths.
.. [LG26] Le Guennic et al. 2026, Cassini-UPyP: the calibration constants of recipe "upyp".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from ..errors import LabelError

#: Columns (spectral) and rows (spatial) of both CODACON detectors [E04].
N_BANDS, N_LINES = 1024, 64

#: The channels, and the slits of both, as spelt in labels.
ChannelName = Literal["FUV", "EUV"]
SlitName = Literal["HIGH_RESOLUTION", "LOW_RESOLUTION", "OCCULTATION"]

#: What the light comes in through. The EUV has a port for the Sun, 20 degrees off the telescope.
Optics = Literal["telescope", "solar_port"]

#: Pitch of the detector columns, mm [E04].
_PITCH = 0.025

#: Focal length from grating to detector, mm [UG].
_FOCAL_LENGTH = 300.0


@dataclass(frozen=True)
class Slit:
    """One entrance slit of a channel.

    Attributes
    ----------
    name : {"HIGH_RESOLUTION", "LOW_RESOLUTION", "OCCULTATION"}
        As spelt in the label's SLIT_STATE.
    width : float
        Slit width, micrometre [E04].
    dlambda : float
        Width of the slit's image in the spectrum of an extended source, angstrom [UG].
    ratio : float
        Factor by which the low-resolution sensitivity to an extended source is divided:
        2, 1, and 0.1875 (FUV) or 0.25 (EUV), the inverse of the slit width relative to LOW [UG].
    """

    name: SlitName
    width: float
    dlambda: float
    ratio: float


@dataclass(frozen=True)
class Channel:
    """Optical constants of one channel.

    Attributes
    ----------
    name : {"FUV", "EUV"}
    grooves : float
        Grating ruling, 1/mm.
    incidence : float
        Angle of incidence on the grating, rad.
    diffraction : float
        Angle of diffraction at the detector's centre, rad.
    scale : float
        Correction of the detector's pitch over the focal length.
    spice_frame : str
        Instrument frame of the Cassini frames kernel.
    slits : mapping of str to Slit
    """

    name: ChannelName
    grooves: float
    incidence: float
    diffraction: float
    scale: float
    spice_frame: str
    slits: Mapping[str, Slit] = field(repr=False)

    @property
    def dispersion(self) -> float:
        """Mean over the detector, angstrom/mm; the users guide prints 31.18 and 24.20."""
        first, last = self.wavelength(np.array([0, N_BANDS - 1]))
        return float((last - first) / ((N_BANDS - 1) * _PITCH))

    def wavelength(self, column: np.ndarray | float) -> np.ndarray:
        """Wavelength at detector columns by the grating equation, wl = D (sin a + sin b) [UG].

        Parameters
        ----------
        column : array_like
            Column position, 0 at the centre of the first column, 1023 at that of the last;
            fractions are positions between centres. Any shape.

        Returns
        -------
        ndarray
            Wavelength, angstrom, same shape.
        """
        offset = (np.asarray(column, float) - (N_BANDS - 1) / 2) * _PITCH * self.scale
        beta = np.arctan(offset / _FOCAL_LENGTH) + self.diffraction
        found: np.ndarray = 1e7 / self.grooves * (np.sin(self.incidence) + np.sin(beta))
        return found


def _slits(
    widths: tuple[float, ...], images: tuple[float, ...], ratios: tuple[float, ...]
) -> Mapping[str, Slit]:
    rows = zip(get_args(SlitName), widths, images, ratios, strict=True)
    return MappingProxyType({row[0]: Slit(*row) for row in rows})


#: Far ultraviolet: 1115.35 to 1912.87 angstrom [UG, E04].
FUV = Channel(
    name="FUV",
    grooves=1066.0,
    incidence=np.deg2rad(9.22 + 0.032) + 3.46465e-5,
    diffraction=np.deg2rad(0.032) + 3.46465e-5,
    scale=0.99815,
    spice_frame="CASSINI_UVIS_FUV",
    slits=_slits((75.0, 150.0, 800.0), (2.75, 4.8, 24.9), (2.0, 1.0, 0.1875)),
)

#: Extreme ultraviolet: 561.23 to 1181.54 angstrom [UG, E04].
EUV = Channel(
    name="EUV",
    grooves=1371.0,
    incidence=np.deg2rad(8.03) + 0.00032 - 0.0000565,
    diffraction=np.deg2rad(-1.19) + 0.00032 - 0.0000565,
    scale=0.9987,
    spice_frame="CASSINI_UVIS_EUV",
    slits=_slits((100.0, 200.0, 800.0), (2.75, 4.8, 19.4), (2.0, 1.0, 0.25)),
)

CHANNELS: Mapping[str, Channel] = MappingProxyType({"FUV": FUV, "EUV": EUV})


def channel(name: str) -> Channel:
    """The channel called `name` (any case).

    Raises
    ------
    LabelError
        `name` is neither FUV nor EUV.
    """
    try:
        return CHANNELS[str(name).upper()]
    except KeyError:
        raise LabelError(
            f"unknown channel {name!r}: uvisxr reads the spectrographic channels FUV and EUV"
        ) from None


def slit_name(state: str) -> str:
    """Standard name of a SLIT_STATE value.

    Accepted too: the archive's misspelling OCCLTATION, and a blank for the underscore.

    Raises
    ------
    LabelError
        The value is not one of the three slits.
    """
    name = "_".join(str(state).upper().split())
    name = "OCCULTATION" if name == "OCCLTATION" else name
    if name not in FUV.slits:
        raise LabelError(f"unknown SLIT_STATE {state!r}: expected one of {', '.join(FUV.slits)}")
    return name


def optics_of(channel_name: str, port_state: str, *targets: str) -> Optics:
    """What an observation looks through: the Sun is seen through the solar port of the EUV.

    The port has been open for good since 2007-124 (users guide, chapter 3), so that its state alone
    does not tell.

    Parameters
    ----------
    channel_name : {"FUV", "EUV"}
    port_state : str
        OCCULTATION_PORT_STATE of the label.
    *targets : str
        Targets of the observation, by any account.
    """
    sun = any(target.strip().upper() == "SUN" for target in targets)
    through = channel_name == "EUV" and port_state.strip().upper() == "OPEN" and sun
    return "solar_port" if through else "telescope"
