"""Choices for a calibration: names only, so that the command line can list them cheaply."""

from __future__ import annotations

from typing import Literal

#: Names of the recipes.
RecipeName = Literal["upyp", "pds"]

#: Treatment of elements with evil pixels: masked; summed with the response that evil pixels have;
#: the one or the other by the width of the bins; or as if all their pixels were good.
EvilPixels = Literal["auto", "mask", "response", "interpolate"]

#: Change of the sensitivity with time: from spectra of Spica, or an exponential function.
Trend = Literal["spica", "evolution"]

#: Errors included in the bounds of a radiance: all, or only those of the counts.
Errors = Literal["total", "statistical"]

#: How holes are filled along wl: by straight lines, cubics, or in the shape of the mean spectrum.
Filling = Literal["linear", "pchip", "shape"]
