"""UTC of exposures as text, in the archive's form."""

from __future__ import annotations

from typing import Literal

import xarray as xr

from .. import calls, checks
from ..timescales import et_to_doy
from . import conventions

#: The part of an exposure.
When = Literal["start", "middle", "stop"]

#: Where it is in the exposure, in halves of it after the middle.
_HALVES = {"start": -1, "middle": 0, "stop": 1}


@calls.public("utc")
def utc(ds: xr.Dataset, when: When = "middle") -> xr.DataArray:
    """UTC of the exposures as text, as labels have it: 2005-230T15:15:04.141.

    `ds.time`, `time_start` and `time_stop` have the same instants as datetime64, which knows no
    leap seconds.

    Parameters
    ----------
    ds : Dataset
        Opened, or after any step.
    when : {"start", "middle", "stop"}
        Of each exposure.

    Returns
    -------
    DataArray of str, (pic,)
        Year and day of year, truncated to milliseconds; a leap second is 23:59:60, as in SPICE.

    Raises
    ------
    MissingStepError
        The dataset has lost `et` or `exposure`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> made.open().uvis.utc("stop").values[0].item()
    '2008-070T10:04:00.000'
    """
    checks.choice("when", when, When)
    instants = ds["et"] + _HALVES[when] * ds["exposure"] / 2
    found = instants.copy(data=et_to_doy(instants.values))
    found.attrs = {}
    return conventions.apply(found.to_dataset(name="utc"))["utc"]
