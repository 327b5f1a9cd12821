"""Whether attributes are still what they were, and true of all exposures."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import get_args

import numpy as np
import xarray as xr

from ... import checks
from ...errors import ArgumentError, LabelError
from ...instrument.channel import N_BANDS, N_LINES, SlitName, slit_name
from ...instrument.channel import channel as find_channel
from .. import setups
from ..conventions import SUMMED
from .frame import MEANS, along_pic, setup_of

#: Attributes that say what the elements hold.
WINDOW_ATTRS = ("line_bin", "band_bin", "lr_line", "lr_band")

#: What steps that ask for those use too, if it is there.
_CORNER = ("ul_line", "ul_band")

#: Attributes that are texts, of a dataset and of its variables. Pictures use all that there are,
#: other steps those that they ask for, and `_TOO`.
_TOO = ("compression", "optics", "lon_direction")

_TEXTS = ("name", "channel", "slit", "target", "geometry_target", *_TOO)

#: What is still as the calibration made it, if it has wavelengths.
_CALIBRATED = frozenset((*MEANS, "reflectance"))

_TEXTS_OF_VARIABLES = ("units", "long_name")


def check_attrs(ds: xr.Dataset, step: str, attrs: Iterable[str]) -> None:
    drawn = step.startswith("plot.")
    texts = [name for name in _TEXTS if drawn or name in (*attrs, *_TOO)]
    check_texts(step, "the attribute", ds.attrs, texts)
    for key, variable in ds.variables.items() if drawn else ():
        check_texts(step, f"of {key} the attribute", variable.attrs, _TEXTS_OF_VARIABLES)
    window = (*WINDOW_ATTRS, *_CORNER)
    of_window = window if drawn or {*attrs} & {*WINDOW_ATTRS} else ()
    for name in dict.fromkeys((*attrs, *of_window)):
        if name not in ds.attrs:
            continue
        value = ds.attrs[name]
        if name == "channel":
            find_channel(value)
        if name == "slit":
            _check_slit(step, value)
        least = 1 if name.endswith("_bin") else 0
        if name in window and not (
            isinstance(value, int | float | np.integer | np.floating)
            and not isinstance(value, bool)
            and least <= value <= (N_BANDS if "band" in name else N_LINES)
            and float(value).is_integer()
        ):
            raise ArgumentError(
                f"{step}: the attribute {name} is {checks.shown(value)}, not a number of detector "
                "rows or columns: keep it as uvisxr.open_product gives it"
            )
    if not checks.is_number(ds.attrs.get(SUMMED, 1)) or not 1 <= ds.attrs.get(SUMMED, 1) < np.inf:
        raise ArgumentError(
            f"{step}: the attribute {SUMMED} is {checks.shown(ds.attrs[SUMMED])}, not a number of "
            "counts: keep it as ds.uvis.rebin gives it"
        )
    if "target_radii" in ds.attrs:
        what, radii = "three radii, km", ds.attrs["target_radii"]
        if len(checks.numbers("ds.attrs['target_radii']", radii, what, above=0)) != 3:
            raise checks.refused("ds.attrs['target_radii']", radii, what)


def _check_slit(step: str, value: object) -> None:
    try:
        slit_name(str(value))
    except LabelError as error:
        unsaid = "unknown, as the label does not say it" if value == "" else repr(value)
        raise ArgumentError(
            f"{step}: the attribute slit is {unsaid}: set it with "
            f"ds.assign_attrs(slit={get_args(SlitName)[1]!r}), or to one of the others, "
            f"{' and '.join(get_args(SlitName)[::2])}; or write SLIT_STATE into a copy of the label"
        ) from error


def check_texts(
    step: str, what: str, attrs: Mapping[Hashable, object], names: Iterable[str]
) -> None:
    for name in names:
        if not isinstance(attrs.get(name, ""), str):
            raise ArgumentError(
                f"{step}: {what} {name} is {checks.shown(attrs[name])}, not a text: keep it as "
                "uvisxr.open_product gives it"
            )


def check_setup(ds: xr.Dataset, step: str, counts: bool) -> None:
    """Refuse exposures that were not taken as the attributes say, or in several ways.

    Those whose compressions alone conflict, so that their attribute is lost, are refused where a
    step needs `counts`.
    """
    own = ds.attrs.get("described_setup")
    found = setup_of(ds, step, "setup")
    if found is None:
        return
    said = checks.is_number(own)
    other = found != (own if said else _first(found))
    lost = setups.lost(ds.attrs)
    if not other.any() or (lost == {"compression"} and not said and not counts):
        return
    raise ArgumentError(
        f"{step}: {_others(ds, other)} were taken with another slit, optics, compression, "
        f"window or bins, or summed otherwise, than {_than(said)}: "
        + (
            'leave the counts out with ds.drop_vars("counts"), and bin the radiances alone'
            if step == "bin" and "radiance" in ds.variables
            else "calibrate and integrate, or bin, each of them, and join what that gives"
        )
    )


def check_calibration(ds: xr.Dataset, step: str) -> None:
    """Refuse spectra that were calibrated otherwise than the attributes say, or in several ways."""
    if not any("wl" in ds.variables[name].dims for name in _CALIBRATED & ds.variables.keys()):
        return
    own = setups.of_calibration(ds.attrs)
    found = setup_of(ds, step, "calibration_setup")
    if found is None:
        return
    other = found != (_first(found) if own is None else own)
    if not other.any():
        return
    raise ArgumentError(
        f"{step}: {_others(ds, other)} were filled or smoothed otherwise, or their errors "
        f"hold something else, than {_than(own is not None)}: take this step with each by itself, "
        "or call ds.uvis.calibrate() once for all"
    )


def _first(found: np.ndarray) -> float:
    """The first number of a set-up that is one."""
    return next((float(one) for one in found[np.isfinite(found)][:1]), np.nan)


def _than(said: bool) -> str:
    """What exposures differ from: the attributes, or, where these are lost, the first of them."""
    if said:
        return "the attributes say, as after xr.concat, which keeps those of the first dataset"
    return 'the first, as after xr.concat with combine_attrs="drop_conflicts"'


def _others(ds: xr.Dataset, other: np.ndarray) -> str:
    """How many exposures are not as the attributes say, and one of their products."""
    names = along_pic(ds, "product")
    where = "" if names is None else f", such as those of {names[0][other][0]}"
    return f"{other.sum()} of {other.size} exposures{where}"
