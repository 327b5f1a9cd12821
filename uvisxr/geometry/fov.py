"""Where each pixel looks in the frame of its channel, from the instrument kernel.

The slit is imaged onto 64 detector rows along the instrument's Y axis, with its width along X and
the boresight along Z (CASSINI_UVIS instrument kernel, cas_uvis_v07.ti). The kernel's angles are
half-angles: FOV_REF_ANGLE, 0.032 rad, along Y, hence 1 mrad per row, and FOV_CROSS_ANGLE along X.

The kernel does not say at which end row 0 lies. Rows are counted along +Y, as in the PDS Rings
Node's oops package (a flat field of view whose line index grows with Y): row 0 is at -Y. Since the
frames kernel's change of 14 October 2004, +Y is the spacecraft's -Z.

The EUV sees the Sun through a port of its own, CASSINI_UVIS_SOLAR (-82848), whose boresight is
20.07 degrees from the telescope's. Rows are counted along +Y of its frame too, 1 mrad each: the
other way round on the spacecraft, as a single mirror in front of the slit would turn them, but the
kernels do not say. The port itself lets in 8 x 8 mrad around the boresight. This is the nominal
alignment; CASSINI_UVIS_SOL_OFF (-82849) looks 0.165 degrees away, across the slit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError, KernelError
from ..instrument.channel import N_LINES, Optics, slit_name
from ..instrument.channel import channel as channel_of
from ..instrument.detector import Bins
from ..kernels import spice
from ..kernels.pool import numbers

#: The pixel edges on which each of `CORNERS` lies, as signs along X and Y.
_SIGNS = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])

#: Focal length of the telescope, mm, and angle of a row, rad [UG].
_FOCAL_LENGTH, _ROW = 100.0, 1e-3

#: How far angles of the kernel may be from those of the instrument as built, relative.
_ASTRAY = 0.1

#: NAIF code of the EUV's port for the Sun.
_SOLAR_PORT = -82848

#: NAIF codes of the fields of view (instrument kernel, section NAIF ID Code to Name Mapping).
_CODES = {
    ("FUV", "HIGH_RESOLUTION"): -82840,
    ("FUV", "LOW_RESOLUTION"): -82841,
    ("FUV", "OCCULTATION"): -82842,
    ("EUV", "HIGH_RESOLUTION"): -82843,
    ("EUV", "LOW_RESOLUTION"): -82844,
    ("EUV", "OCCULTATION"): -82845,
}


@dataclass(frozen=True)
class FieldOfView:
    """The field of view of one slit.

    Attributes
    ----------
    frame : str
        Name of the frame of the channel, or of its port for the Sun.
    half_width, half_length : float
        Half the angle across the slit (X) and along it (Y), rad.
    """

    frame: str
    half_width: float
    half_length: float

    @classmethod
    def of(cls, channel: str, slit: str, optics: Optics = "telescope") -> FieldOfView:
        """Read a field of view from the kernel pool; the caller holds SPICE's lock.

        Parameters
        ----------
        channel : {"FUV", "EUV"}
        slit : str
            HIGH_RESOLUTION, LOW_RESOLUTION or OCCULTATION.
        optics : {"telescope", "solar_port"}
            What the light comes in through.

        Raises
        ------
        ArgumentError
            The channel has no port for the Sun.
        LabelError
            Unknown channel or slit.
        KernelError
            No instrument kernel is loaded, or it lacks the field of view, or has none that can be.
        """
        code = _CODES[channel_of(channel).name, slit_name(slit)]
        port = code if optics == "telescope" else _SOLAR_PORT
        if port == _SOLAR_PORT and channel_of(channel).name != "EUV":
            raise ArgumentError(
                f"optics={optics!r}: only the EUV has a solar port, not the {channel}"
            )
        try:
            frame = spice.gcpool(f"INS{port}_FOV_FRAME", 0, 1)[0]
            units = spice.gcpool(f"INS{code}_FOV_ANGLE_UNITS", 0, 1)[0]
            angles = [
                spice.convrt(numbers(name, {1}, 1e-9)[0], units, "RADIANS")
                for name in (f"INS{code}_FOV_{angle}_ANGLE" for angle in ("CROSS", "REF"))
            ]
        except (spice.NotFoundError, spice.SpiceyError) as error:
            raise KernelError(
                f"the loaded kernels do not describe the {channel} {slit} field of view "
                f"(INS{code}_FOV_..., INS{port}_FOV_FRAME): add the UVIS instrument kernel, "
                "cas_uvis_v07.ti"
            ) from error
        width = channel_of(channel).slits[slit_name(slit)].width
        known = np.array([width * 1e-3 / _FOCAL_LENGTH, N_LINES * _ROW]) / 2
        if not np.allclose(angles, known, rtol=_ASTRAY):
            raise KernelError(
                f"half the angles of the {channel} {slit} field of view (INS{code}_FOV_...) are "
                f"{' and '.join(f'{1e3 * a:.4g}' for a in angles)} mrad, but those of this slit "
                f"are {' and '.join(f'{1e3 * a:.4g}' for a in known)}: use the instrument kernel "
                "cas_uvis_v07.ti as it is in the archive"
            )
        return cls(frame, *angles)

    def pixel_vectors(self, bins: Bins) -> np.ndarray:
        """Unit vectors of the pixels in `frame`.

        A pixel of several rows extends from the edge of its first row to that of its last.

        Parameters
        ----------
        bins : Bins

        Returns
        -------
        ndarray, (pixel, 5, 3)
            The centre, then the corners in the order of `CORNERS`.
        """
        pitch = 2 * self.half_length / N_LINES
        low = bins.line * pitch - self.half_length
        high = low + bins.n_line * pitch
        edge_y = np.stack([low, high], axis=-1)
        along = np.concatenate(
            [(low + high)[:, None] / 2, edge_y[:, (_SIGNS[:, 1] + 1) // 2]], axis=-1
        )
        across = np.concatenate([[0.0], _SIGNS[:, 0] * self.half_width])
        return np.stack(
            [
                np.sin(across) * np.cos(along),
                np.sin(along),
                np.cos(across) * np.cos(along),
            ],
            axis=-1,
        )
