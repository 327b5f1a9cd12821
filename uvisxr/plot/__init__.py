"""Pictures: `ds.uvis.plot.<name>(...)`, functions that take and return matplotlib objects.

They label axes with units, never call `plt.show`, and create a figure only if no axes are given.
All have the look of the style sheet `uvisxr.mplstyle`, except for what the user has set by
`rcParams` or another style sheet; `style=` overrides that of single parts, see `style.style`.
"""

from __future__ import annotations

import xarray as xr

from .. import calls
from ..dataset.forward import method
from .animation import animate
from .bins import bins
from .checker import StarChecker, check_stars
from .evolution import evolution
from .keogram import keogram
from .limb import limb
from .maps import map  # noqa: A004
from .picture import picture
from .quicklook import quicklook
from .scene import geometry
from .spectrum import spectrum

__all__ = [
    "PlotAccessor",
    "StarChecker",
    "animate",
    "bins",
    "check_stars",
    "evolution",
    "geometry",
    "keogram",
    "limb",
    "map",
    "picture",
    "quicklook",
    "spectrum",
]


class PlotAccessor(calls.Helpful):
    """Pictures of a dataset.

    `quicklook`: brightness and quality of every spectrum, and their mean, without kernels.
    `geometry`: the sky at one exposure, with bodies, slit and stars.
    `animate`: the same at every exposure, as a film.
    `picture`: the image of the body in a range of wavelengths.
    `evolution`: brightness of all pixels against time, as a map or in panels.
    `keogram`: brightness against time and local time or latitude.
    `limb`: brightness against altitude, by latitude, with errors.
    `map`: a map of the body, from `ds.uvis.map`.
    `check_stars`: a map of all spectra on which clicks set star flags.
    `bins`: how many spectra each bin holds.
    `spectrum`: spectra with their errors.
    """

    _where = "ds.uvis.plot"

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = ds

    quicklook = method(quicklook, step="plot.quicklook")
    geometry = method(geometry, step="plot.geometry")
    animate = method(animate, step="plot.animate")
    picture = method(picture, step="plot.picture")
    evolution = method(evolution, step="plot.evolution")
    keogram = method(keogram, step="plot.keogram")
    limb = method(limb, step="plot.limb")
    map = method(map)
    check_stars = method(check_stars, step="plot.check_stars")
    bins = method(bins)
    spectrum = method(spectrum, step="plot.spectrum")
