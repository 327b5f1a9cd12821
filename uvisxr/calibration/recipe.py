"""Named sets of the constants in which UVIS calibrations differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .. import checks
from ..numerics.along_wl import Interpolation
from .choices import RecipeName


@dataclass(frozen=True)
class Recipe:
    """The constants of a calibration.

    The recipes "upyp" and "pds" differ by 6 to 9 %, almost entirely because "upyp" divides the FUV
    sensitivity by the efficiency factor 0.91, so that its radiances are 0.91 times those of "pds".
    Recipe "pds" with the exponential time evolution reproduces the calibration matrix of the
    archive's FUV2005_230_15_15 to a median of 0.1 %, with quartiles at 1.7 %.

    To define your own recipe: ``dataclasses.replace(RECIPES["pds"], name="mine", bandpass=...)``.

    Attributes
    ----------
    name : str
        Recorded in the attribute `recipe` of a calibrated dataset.
    wl_interp : {"pchip", "linear"}
        How the laboratory sensitivity is interpolated to the detector columns.
    bandpass : mapping of channel to float
        Width of a detector column in the spectrum, angstrom.
    efficiency : mapping of channel to float
        Factor by which the sensitivity is divided: 0.91 undoes the loss by evil pixels, which the
        laboratory measurement includes and the flat field takes out again.
    lit_rows : mapping of channel to int
        Illuminated rows among which the laboratory sensitivity is shared. The users guide gives 59
        for EUV; both recipes use the 60 of the teams' programs.
    """

    name: str
    wl_interp: Interpolation
    bandpass: Mapping[str, float] = field(hash=False)
    efficiency: Mapping[str, float] = field(hash=False)
    lit_rows: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({"FUV": 60, "EUV": 60}), hash=False
    )

    def __post_init__(self) -> None:
        checks.choice("wl_interp", self.wl_interp, Interpolation)


def _per_channel(fuv: float, euv: float) -> Mapping[str, float]:
    return MappingProxyType({"FUV": fuv, "EUV": euv})


#: "upyp": Le Guennic et al. 2026, Cassini-UPyP. "pds": the UVIS team's IDL cube generator.
RECIPES: Mapping[RecipeName, Recipe] = MappingProxyType(
    {
        "upyp": Recipe("upyp", "pchip", _per_channel(0.7794, 0.6049), _per_channel(0.91, 1.0)),
        "pds": Recipe("pds", "linear", _per_channel(0.78, 0.605), _per_channel(1.0, 1.0)),
    }
)


def find(recipe: RecipeName | Recipe) -> Recipe:
    """The recipe of that name, or the recipe itself.

    Raises
    ------
    ArgumentError
        There is no recipe of that name.
    """
    if isinstance(recipe, Recipe):
        return recipe
    checks.choice("recipe", recipe, RecipeName, other="a Recipe of your own")
    return RECIPES[recipe]
