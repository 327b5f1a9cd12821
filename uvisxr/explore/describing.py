"""One spectrum in words: when, where it looks, what is flagged."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from ..dataset.bits import QUALITY_FLAGS
from ..dataset.fields import SIGHTLINE
from ..drawing.texts import minus, unit

#: Digits of each unit.
_FORMS = {"degree": ".2f", "km": ",.0f", "hour": ".2f"}

#: Fields that are left out: those of the tangent point are the pixel's own beside the disk.
_LEFT_OUT = ("tangent_", "lat_graphic", "ring_emission", "ring_incidence", "ring_phase")


def described(ds: xr.Dataset, i: int, j: int, flags: int) -> list[tuple[str, str]]:
    """Names and values with their units.

    Parameters
    ----------
    ds : Dataset
        Of one sample an exposure.
    i, j : int
        Positions along pic and pixel.
    flags : int
        Of the spectrum, as of `quality`.
    """
    found, looks = [], []
    if "time" in ds.variables and ds["time"].dims == ("pic",):
        found.append(("time (UTC)", str(ds["time"].values[i])[:19].replace("T", " ")))
    # Without pointing there are no numbers, and "no" would be said of what is not known.
    pointed = False
    for name, field in SIGHTLINE.items():
        if name.startswith(_LEFT_OUT) or name not in ds.variables:
            continue
        array = ds[name]
        if set(array.dims) != {"pic", "pixel"}:
            continue
        value = float(array.transpose("pic", "pixel").values[i, j])
        if not np.isfinite(value):
            continue
        words = re.split("[,:]", field.long_name)[0]
        if field.units == "1":
            looks.append((words.removeprefix("whether the "), "yes" if value == 1 else "no"))
        else:
            pointed = True
            written = minus(format(value, _FORMS.get(field.units, ".4g")))
            looks.append((words, f"{written} {unit(field.units)}"))
    if pointed:
        found += looks
    if "star_count" in ds.variables:
        stars = int(ds["star_count"].transpose("pic", "pixel").values[i, j])
        if stars:
            found.append(("predicted stars", str(stars)))
    names = [name.replace("_", " ") for name, bit in QUALITY_FLAGS.items() if flags & bit]
    found.append(("flags", ", ".join(names) or "none"))
    return found
