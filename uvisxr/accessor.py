"""The `.uvis` accessor: a dataset's methods, each one call into the module that does the work.

It stores the dataset and nothing else. State kept here would be lost on `assign` and stale after
`isel`: all that a later step needs is in the dataset's variables and attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from . import background, export, image, spectra
from .bins import binning
from .calibration import radiance
from .dataset.forward import method
from .errors import MissingDependencyError
from .geometry import los
from .quality import flags as quality_flags
from .stars import predict
from .stars.flag_files import StarFlags

if TYPE_CHECKING:
    from .plot import PlotAccessor


class UvisAccessor:
    """Steps of a UVIS reduction; each returns a new dataset."""

    def __init__(self, ds: xr.Dataset):
        self._ds = ds

    geometry = method(los.geometry)
    background = method(background.background)
    flag = method(quality_flags.flag)
    unflag = method(quality_flags.unflag)
    calibrate = method(radiance.calibrate)
    calibration_factor = method(radiance.calibration_factor)
    rate = method(spectra.rate)
    fill_nan = method(spectra.fill_nan)
    smooth = method(spectra.smooth)
    integrate = method(spectra.integrate)
    image = method(image.image)
    predict_stars = method(predict.predict_stars)
    bin = method(binning.bin)
    to_netcdf = method(export.to_netcdf)
    to_json = method(export.to_json)

    @property
    def stars(self) -> StarFlags:
        """Star flags in text files: `.stars.load(path)`, `.stars.save(path)`."""
        return StarFlags(self._ds)

    @property
    def plot(self) -> PlotAccessor:
        """Pictures; needs matplotlib."""
        try:
            from .plot import PlotAccessor
        except ImportError as error:
            if (error.name or "").partition(".")[0] != "matplotlib":
                raise
            raise MissingDependencyError(
                'pictures need matplotlib: pip install "uvisxr[plot]"'
            ) from error
        return PlotAccessor(self._ds)
