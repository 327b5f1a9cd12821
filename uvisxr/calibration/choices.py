"""What a calibration can be told: names alone, which the command line offers before it computes."""

from __future__ import annotations

from typing import Literal

#: Names of the recipes.
RecipeName = Literal["upyp", "pds"]

#: What an element is worth that holds evil pixels: nothing, or as much as one of good pixels.
EvilPixels = Literal["mask", "interpolate"]

#: How the sensitivity changes with time: by the spectra of Spica, or by an exponential function.
Trend = Literal["spica", "evolution"]

#: What the bounds of a radiance hold: every error, or that of the counts alone.
Errors = Literal["total", "statistical"]
