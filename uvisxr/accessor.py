"""The `.uvis` accessor: a dataset's methods, each one call into the module that does the work.

It stores the dataset and nothing else. State kept here would be lost on `assign` and stale after
`isel`: all that a later step needs is in the dataset's variables and attributes.
"""

from __future__ import annotations

import xarray as xr

from . import background, binning, export, quality, spectra
from .calibration import radiance
from .forward import method
from .geometry import los


@xr.register_dataset_accessor("uvis")
class UvisAccessor:
    """Steps of a UVIS reduction; each returns a new dataset."""

    def __init__(self, ds: xr.Dataset):
        self._ds = ds

    geometry = method(los.geometry)
    background = method(background.background)
    flag = method(quality.flag)
    unflag = method(quality.unflag)
    calibrate = method(radiance.calibrate)
    calibration_factor = method(radiance.calibration_factor)
    rate = method(spectra.rate)
    fill_nan = method(spectra.fill_nan)
    smooth = method(spectra.smooth)
    integrate = method(spectra.integrate)
    bin = method(binning.bin_pixels)
    to_netcdf = method(export.to_netcdf)
    to_json = method(export.to_json)

    @property
    def stars(self) -> quality.StarFlags:
        """Star flags in text files: `.stars.load(path)`, `.stars.save(path)`."""
        return quality.StarFlags(self._ds)
