"""The `.uvis` accessor: a dataset's methods, each one call into the module that does the work.

It stores only the dataset. State kept here would be lost on `assign` and stale after `isel`, so
everything that a later step needs is in the dataset's variables and attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import xarray as xr

from . import background, export, image, integrals, spectra
from .bins import binning
from .calibration import radiance
from .dataset import overview
from .dataset.forward import method
from .errors import MissingDependencyError
from .geometry import los
from .quality import flags as quality_flags
from .stars import predict
from .stars.flag_files import StarFlags

if TYPE_CHECKING:
    from .plot import PlotAccessor

    class UvisDataset(xr.Dataset):
        """What every dataset is at run time, one with `.uvis`."""

        @property
        def uvis(self) -> UvisAccessor: ...


class UvisAccessor:
    """Steps of a UVIS reduction; each returns a new dataset.

    `ds.uvis` by itself shows what the dataset is, what was done to it and what can be next. What
    the variables mean, with their units and signs, is in `help(uvisxr)`.

    Where, and what to leave out:
        `geometry`: where each pixel looks, and from where.
        `background`: the counts the detector makes by itself; lost and partial spectra.
        `flag`, `unflag`: set and clear quality flags of spectra.
        `predict_stars`: which pixels catalogue stars fall into.
        `stars`: star flags in text files.
    From counts to spectra:
        `calibrate`: radiances with upper and lower errors.
        `calibration_factor`: what count rates would be multiplied by.
        `rate`: count rates with their errors.
        `fill_nan`, `smooth`: holes filled, noise smoothed, along wavelength.
    From spectra to results:
        `bin`: mean spectra of similar geometry, or of groups of your own.
        `integrate`: brightness in a range of wavelengths.
        `image`: brightness on the plane of the sky.
        `plot`: pictures.
        `to_netcdf`, `to_json`: files.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = cast("UvisDataset", ds)

    def __repr__(self) -> str:
        return overview.text(self._ds)

    def _repr_html_(self) -> str:
        return overview.html(self._ds)

    geometry = method(los.geometry)
    background = method(background.background)
    flag = method(quality_flags.flag)
    unflag = method(quality_flags.unflag)
    calibrate = method(radiance.calibrate)
    calibration_factor = method(radiance.calibration_factor)
    rate = method(spectra.rate)
    fill_nan = method(spectra.fill_nan)
    smooth = method(spectra.smooth)
    integrate = method(integrals.integrate)
    image = method(image.image, step="image")
    predict_stars = method(predict.predict_stars)
    bin = method(binning.bin)
    to_netcdf = method(export.to_netcdf)
    to_json = method(export.to_json, step="to_json")

    @property
    def stars(self) -> StarFlags[UvisDataset]:
        """Star flags in text files: `ds.uvis.stars.load(path)`, `ds.uvis.stars.save(path)`.

        >>> ds = made.open().uvis.flag([(3, 40)], "star")
        >>> made.open().uvis.stars.load(ds.uvis.stars.save("stars.txt")).quality.equals(ds.quality)
        True
        """
        return StarFlags(self._ds)

    @property
    def plot(self) -> PlotAccessor:
        """Pictures: `ds.uvis.plot.picture()` and others; needs matplotlib.

        >>> ds = made.open()
        >>> ax = ds.isel(pic=[0], pixel=[30]).uvis.plot.spectrum()
        >>> ax.get_xlabel()
        'Wavelength (Å)'
        """
        try:
            from .plot import PlotAccessor
        except ImportError as error:
            if (error.name or "").partition(".")[0] != "matplotlib":
                raise
            raise MissingDependencyError(
                'pictures need matplotlib: pip install "uvisxr[plot]"'
            ) from error
        return PlotAccessor(self._ds)
