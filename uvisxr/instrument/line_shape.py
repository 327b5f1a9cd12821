"""The spectral response of the slits: what the detector sees of a line, far wings included.

A Gaussian and a Lorentzian of the same centre, the blur of the optics, convolved with the image of
the slit, a box. Interplanetary Lyman-alpha in the FUV's low-resolution slit was fitted in 1999 with

    0.318 exp(-x^2 / (2 0.149^2)) + 0.00373 / (1 + (x / 1.507)^2)        (x in nm)

convolved with a box of unit area [UG]. The guide prints x^2 / 1.507 in the Lorentzian, but the
curve that it draws has the square, and so has this module. It follows the curve to 0.04 dex (rms),
and to 21 % where it is worst, 18 nm from the line; without the square, the wings are 28 % too low.
The scale is that of the spectrum that was fitted, with area 0.1364 and peak 0.228 per nm; here
every shape has unit area, and this one the peak 1.67 per nm.

The box is as wide as the slit times the dispersion. The blur was measured for the FUV's
low-resolution slit only, and is taken to be that of the other slits too. For the EUV there is no
measurement: its optics being alike, the blur is taken to be as wide on the detector, in mm, so that
it is narrower in angstrom by the ratio of the dispersions. What follows for the full widths at half
maximum agrees with the resolutions of the guide, which `Slit.dlambda` holds, but for the narrowest
slit, angstrom:

=================  =====================  =====================
slit               FUV: here, [UG]        EUV: here, [UG]
=================  =====================  =====================
HIGH_RESOLUTION    3.92, 2.75             3.29, 2.75
LOW_RESOLUTION     5.16, 4.8              5.01, 4.8
OCCULTATION        25.1, 24.9             19.5, 19.4
=================  =====================  =====================

Sources
-------
.. [UG] Cassini/UVIS users guide (PDS Rings and Atmospheres nodes), chapter 3, figure 3.2.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from .channel import FUV, Channel

#: Of the FUV [UG]: standard deviation of the Gaussian and half-width of the Lorentzian, angstrom.
_SIGMA, _GAMMA = 1.49, 15.07

#: Areas of the Gaussian and the Lorentzian as fitted [UG].
_FITTED = np.sqrt(2 * np.pi) * 0.318 * 0.149, np.pi * 0.00373 * 1.507

#: Share of the light in each.
_GAUSS, _LORENTZ = (area / sum(_FITTED) for area in _FITTED)

#: Beyond, x erf(x) + exp(-x^2) / sqrt(pi) is |x| in double precision.
_NEAR = 6.0


def density(offset: np.ndarray, channel: Channel, slit: str) -> np.ndarray:
    """Response to a line at wavelengths away from it.

    Parameters
    ----------
    offset : ndarray
        Wavelength minus that of the line, angstrom. Any shape.
    channel : Channel
    slit : {"HIGH_RESOLUTION", "LOW_RESOLUTION", "OCCULTATION"}

    Returns
    -------
    ndarray
        Per angstrom, same shape; the integral over all wavelengths is 1.

    Examples
    --------
    >>> import numpy as np
    >>> from uvisxr.instrument.channel import FUV
    >>> density(np.array([0.0, 2.58, 10.0]), FUV, "LOW_RESOLUTION").round(4)
    array([0.1671, 0.0836, 0.0019])
    """
    sigma, gamma, image = _widths(channel, slit)
    offset = np.asarray(offset, float)
    beyond, before = offset + image / 2, offset - image / 2
    gauss = erf(beyond / (np.sqrt(2) * sigma)) - erf(before / (np.sqrt(2) * sigma))
    # The difference of the two arctangents, without cancellation in the wings.
    lorentz = np.arctan2(gamma * image, gamma**2 + beyond * before)
    found: np.ndarray = (_GAUSS / 2 * gauss + _LORENTZ / np.pi * lorentz) / image
    return found


def mean(edges: np.ndarray, line: np.ndarray, channel: Channel, slit: str) -> np.ndarray:
    """Mean response to lines over bins of wavelength, by its integral in closed form.

    Parameters
    ----------
    edges : ndarray, (bin + 1,)
        Edges of adjoining bins, angstrom, increasing.
    line : ndarray, (...)
        Wavelengths of the lines, angstrom, inside the bins or outside.
    channel : Channel
    slit : {"HIGH_RESOLUTION", "LOW_RESOLUTION", "OCCULTATION"}

    Returns
    -------
    ndarray, (..., bin)
        Per angstrom: times the widths of the bins, the share of the light that falls in each.
        Rounding errors are below 1e-12 divided by the width of the bin.

    Examples
    --------
    >>> import numpy as np
    >>> from uvisxr.instrument.channel import FUV
    >>> edges = np.array([1115.0, 1205.0, 1225.0, 1913.0])
    >>> (mean(edges, np.array(1215.67), FUV, "LOW_RESOLUTION") * np.diff(edges)).round(3)
    array([0.033, 0.919, 0.041])
    """
    sigma, gamma, image = _widths(channel, slit)
    offset = np.asarray(edges, float) - np.asarray(line, float)[..., None]
    beyond, before = (_twice_integrated(offset + d, sigma, gamma) for d in (image / 2, -image / 2))
    found: np.ndarray = np.diff(beyond - before, axis=-1) / (image * np.diff(edges))
    return found


def _widths(channel: Channel, slit: str) -> tuple[float, float, float]:
    """Standard deviation of the Gaussian, half-width of the Lorentzian, width of the box."""
    ratio = channel.dispersion / FUV.dispersion
    return _SIGMA * ratio, _GAMMA * ratio, 1e-3 * channel.slits[slit].width * channel.dispersion


def _twice_integrated(x: np.ndarray, sigma: float, gamma: float) -> np.ndarray:
    """The blur without the box, integrated twice from its centre."""
    u, v = x / (np.sqrt(2) * sigma), x / gamma
    gauss = np.abs(u)
    near = gauss < _NEAR
    u = u[near]
    gauss[near] = u * erf(u) + np.exp(-u * u) / np.sqrt(np.pi)
    lorentz = v * np.arctan(v) - np.log(1 + v * v) / 2
    found: np.ndarray = _GAUSS * sigma / np.sqrt(2) * gauss + _LORENTZ * gamma / np.pi * lorentz
    return found
