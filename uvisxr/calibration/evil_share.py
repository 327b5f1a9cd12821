"""Which elements of a dataset hold evil detector pixels, without calibrating it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from .. import calls
from ..dataset import conventions
from ..errors import warn_user
from ..instrument.channel import channel as find_channel
from ..instrument.detector import LIT, Bins
from ..timescales import clock_from_et
from .files import load
from .stored import framed, squeezed

_DIMS = ("pixel", "wl")


#: Share of the elements in which a calibration may have more evil pixels: those of modifiers.
_MORE = 0.01


@calls.public("evil_share")
def evil_share(ds: xr.Dataset, files: str | Path | None = None) -> xr.DataArray:
    """Share of the lit detector pixels in each element that are evil.

    What is above 0 is `evil` after `calibrate`: what `evil_pixels="mask"` leaves out.

    Parameters
    ----------
    ds : Dataset
        As opened; counts are not looked at.
    files : path, optional
        Folder of calibration files whose flat fields tell. By default the public ones, which come
        with the package (`uvisxr.instrument.evil_pixels`). The modifiers of flat fields, which a
        calibration with `flat_field=True` looks at too, leave out at most two pixels more.

    Returns
    -------
    DataArray, (pixel, wl)
        0 to 1, of the pixels that are evil in any of the exposures; NaN where no pixel is lit. A
        dimension that a selection has dropped is not there.

    Raises
    ------
    CalibrationError
        The folder does not exist, or a flat field in it is malformed.
    MissingStepError
        The dataset has lost what locates its elements on the detector.

    Warns
    -----
    UvisWarning
        A dataset was calibrated with other evil pixels than the files tell.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open()
    >>> share = ds.uvis.evil_share()
    >>> share.dims, round(float(share.mean()), 3)
    (('pixel', 'wl'), 0.151)
    >>> good = ds.counts.where(share == 0)
    """
    bins, et = Bins.of(ds), np.atleast_1d(ds["et"].values)
    found = load(find_channel(ds.attrs["channel"]), clock_from_et(et), False, None, files)
    n_lit = bins.lit_pixels
    evil = bins.sum((found.evil & LIT).astype(float))
    share = xr.Variable(_DIMS, np.where(n_lit > 0, evil / np.maximum(n_lit, 1), np.nan))
    _warn_of_others(ds, share)
    share = squeezed(share, ds["line"].dims + ds["band"].dims)
    coords = {
        name: coord for name, coord in ds.coords.items() if set(coord.dims) <= set(share.dims)
    }
    known = conventions.apply(xr.Dataset({"evil_share": share}, coords))
    return known["evil_share"]


def _warn_of_others(ds: xr.Dataset, share: xr.Variable) -> None:
    """Warn if the calibration of a dataset took other pixels for evil."""
    if "evil" not in ds.variables or not set(ds["evil"].dims) <= set(_DIMS):
        return
    differ = (share.values > 0) != (framed(ds, "evil", _DIMS).values == 1)
    if differ.size and differ.mean() > _MORE:
        warn_user(
            f"evil_share: in {differ.mean():.0%} of the elements the dataset was calibrated with "
            "other evil pixels: give files=, the folder that it was calibrated with"
        )
