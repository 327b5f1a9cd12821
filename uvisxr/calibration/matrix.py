"""Sensitivities from the archive's calibration matrices, products `*_CAL_n`.

A matrix converts counts to kR/angstrom; it already includes 1/integration time of its product. -1
marks evil pixels, 0 elements without sensitivity, NaN everything outside the window (PDS label of
FUV2005_230_15_15_CAL_3).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr

from ..dataset.conventions import SUMMED
from ..errors import ArgumentError, CalibrationError, warn_user
from ..files import is_folder
from ..instrument.channel import N_BANDS, N_LINES, Channel, slit_name
from ..instrument.detector import LIT, Bins
from ..instrument.evil import public_evil
from ..numerics import along_wl
from ..pds3 import again
from ..pds3.label import Label
from ..pds3.product import read_matrix
from . import bounds, known
from .formats import package_lab
from .response import known_share
from .schedule import Schedule
from .sensitivity import Options, Terms, interpolate_lab

_PRODUCT = re.compile(r".*\.(lbl|dat)|.*_CAL_\d+", re.IGNORECASE)

#: Corners of a window.
_WINDOW = ("ul_line", "ul_band", "lr_line", "lr_band")

_ENDING = re.compile(r"_CAL_\d+$", re.IGNORECASE)


#: What factors times the integration time can be, (kR/angstrom)/(count/s), and the smallest above
#: 0: in the archive's they are -1 s to 840, and 0.1.
_FACTOR, _LEAST = (-1e6, 1e6), 1e-5


def is_product(path: str | Path) -> bool:
    """Whether a path names a product rather than a folder of calibration files."""
    name = Path(path).name
    required, optional = known.names()
    # The files of the team end in .dat too: their folder is what is to be given.
    team = known.modifier(name) or name.lower() in map(str.lower, (*required, *optional))
    return not (is_folder(path) or team) and _PRODUCT.fullmatch(name) is not None


def terms(
    path: str | Path, ds: xr.Dataset, bins: Bins, channel: Channel, n_pic: int, options: Options
) -> tuple[Terms, Label]:
    """Sensitivity of a dataset's bins from a matrix.

    Parameters
    ----------
    path : path
        Label or data file of the matrix.
    ds : Dataset
        Its attributes must match the matrix's label.
    bins : Bins
        Its bins.
    channel : Channel
    n_pic : int
        Number of exposures, all of which share the matrix.
    options : Options
        `evil_pixels`, `fill` and `response` are used.

    Returns
    -------
    terms : Terms
        One term, of weight 1.
    label : Label
        The matrix's own.

    Raises
    ------
    CalibrationError
        The matrix is unreadable, has values that no matrix has, or another channel, slit, window
        or binning; or its label says another window than that of the product it was made for.
    ArgumentError
        Flat field or trend is switched off, which a matrix does not allow.

    Warns
    -----
    UvisWarning
        The matrix is of another observation or duration, or its label contradicts itself.
    """
    if not options.flat_field or options.trend is None:
        raise ArgumentError(
            f"files={Path(path).name}: a matrix already includes flat field and trend; omit "
            "flat_field=False and trend=False"
        )
    if options.lyman_alpha != 1:
        raise ArgumentError(
            f"files={Path(path).name}: a matrix is taken as it is; omit lyman_alpha="
        )
    label, values = read_matrix(path)
    _require_alike(label, ds, path)
    factors = np.asarray(values, float) * label.integration
    bounds.check(
        path,
        "a factor",
        factors,
        _FACTOR,
        ("row", "column"),
        again.advice(label.path),
        least=_LEAST,
        # Rows that are not lit have zeros alone.
        dark=True,
        holes=True,
    )
    factor = _elements(factors, label, bins, path)
    _require_own(label, ds, path)
    _warn_of_others(label, ds)
    for key, doubt in label.doubts.items():
        warn_user(f"{label.path}: {key} {doubt}")
    evil = factor < 0
    with np.errstate(divide="ignore"):
        sensitivity = np.where(factor > 0, 1 / factor, np.where(factor == 0, 0.0, np.nan))
    relative = _relative_error(bins, channel)
    if options.evil_pixels != "mask":
        wl, _ = bins.wavelengths(channel)
        sensitivity = along_wl.fill(sensitivity, wl, options.fill)
    error = sensitivity * relative
    if options.response is not None:
        # A matrix says where evil pixels are, not how many: those of the public flat fields.
        pixels = public_evil(channel.name, "POST") & LIT
        # Where it gives a value, there are none.
        n_lit = np.maximum(bins.lit_pixels, 1)
        share = bins.sum(np.where(pixels, options.response.value, 1.0) * LIT) / n_lit
        share = np.where(evil, share, 1.0)
        common = options.response.error_of(pixels.astype(float), bins) / n_lit
        common = np.where(evil, sensitivity * common, 0.0)
        enough = known_share(sensitivity * share, common, sensitivity)
        sensitivity = np.where(enough, sensitivity * share, np.nan)
        error = np.hypot(sensitivity * relative, common)
    found = Terms(
        sensitivity=sensitivity[None],
        error=error[None],
        schedule=Schedule(),
        weight=np.ones((n_pic, 1)),
        evil=evil.astype(np.uint8),
    )
    return found, label


def _require_alike(label: Label, ds: xr.Dataset, path: str | Path) -> None:
    """Raise unless matrix and dataset have the same channel and slit."""
    for what, theirs, ours in (
        ("channel", label.channel, ds.attrs["channel"]),
        ("slit", label.slit, slit_name(ds.attrs["slit"])),
    ):
        if theirs != ours:
            raise CalibrationError(
                f"{path} is of {what} {theirs}, the dataset of {ours}: take the _CAL_n product "
                "of the same observation"
            )


def _require_own(label: Label, ds: xr.Dataset, path: str | Path) -> None:
    """Raise or warn if a matrix contradicts the product that it was made for, if that is in `ds`.

    Windows of which one holds the other would give values, in another place. Durations are warned
    of, as that of the dataset may have been mended by hand.
    """
    if "product" not in ds.variables or SUMMED in ds.attrs:
        return
    product = np.char.upper(ds["product"].values.astype(str))
    own = np.broadcast_to(product == _own(label), ds.sizes.get("pic", 1))
    exposure = np.broadcast_to(ds["exposure"].values, own.shape)[own]
    corners = {key: ds.attrs.get(key) for key in _WINDOW}
    windows = [{key: getattr(area, key) for key in _WINDOW} for area in label.windows]
    unlike = f"unlike {_own(label)} itself, which it was made for"
    if own.any() and None not in corners.values() and corners not in windows:
        raise CalibrationError(
            f"{path} is said to be of another window, {unlike}: its label is damaged; "
            f"{again.advice(label.path)}"
        )
    if not np.allclose(exposure, label.integration, rtol=1e-3):
        warn_user(
            f"{path} is said to be of exposures of {label.integration:g} s, {unlike}: radiances "
            "are for both as they are stated; check which is right"
        )


def _own(label: Label) -> str:
    """The product that a matrix was made for."""
    return _ENDING.sub("", label.product_id).upper()


def _warn_of_others(label: Label, ds: xr.Dataset) -> None:
    """Warn if the matrix was made for another product than some of the dataset's."""
    if "product" not in ds.variables:
        return
    own = _own(label)
    held = np.unique(ds["product"].values).tolist()
    others = [name for name in held if name.upper() != own]
    if others:
        names = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if others[3:] else "")
        warn_user(
            f"{label.product_id} is the calibration matrix of {own}, made for its date, and is "
            f"applied to {names}: calibrate each product with the _CAL_n of its own name"
        )


def _elements(values: np.ndarray, label: Label, bins: Bins, path: str | Path) -> np.ndarray:
    """Values of the matrix at the dataset's bins."""
    theirs = label.windows[0].bins
    index = []
    for first, count in (("line", "n_line"), ("band", "n_band")):
        place = {
            pair: k
            for k, pair in enumerate(
                zip(getattr(theirs, first).tolist(), getattr(theirs, count).tolist(), strict=True)
            )
        }
        ours = list(zip(getattr(bins, first).tolist(), getattr(bins, count).tolist(), strict=True))
        if not place.keys() >= set(ours):
            raise CalibrationError(
                f"{path}: its {first} bins are not those of the dataset; take the _CAL_n product "
                "of the same observation, as it was binned on board: not after rebin"
            )
        index.append([place[pair] for pair in ours])
    return values[np.ix_(*index)]


def _relative_error(bins: Bins, channel: Channel) -> np.ndarray:
    """Relative error of the laboratory sensitivity summed over the bins, (pixel, wl)."""
    lab = package_lab(channel.name)
    wl = channel.wavelength(np.arange(N_BANDS))
    value, error = (
        np.maximum(interpolate_lab(lab.wl, y, wl, "linear"), 0)
        for y in (lab.sensitivity, lab.error)
    )
    frame = np.broadcast_to(np.stack([value, error])[:, None], (2, N_LINES, N_BANDS))
    value, error = bins.sum(frame)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(value > 0, error / value, np.nan)
    # Where no row is lit, there is no sensitivity either.
    return np.asarray(relative / np.sqrt(np.maximum(bins.lit_pixels, 1)))
