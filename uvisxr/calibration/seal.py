"""What a compact file says of what it leaves out, and of what that follows from.

The radiances that a compact file leaves out are computed anew by whoever opens it. They would be
others, without a word, of a file that was cut, averaged or joined since: so it keeps checksums.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import xarray as xr

from ..dataset.conventions import SMOOTHED, SUMMED
from ..errors import UvisError

#: Attribute with the names of what a file leaves out, as it follows from the rest.
LEFT_OUT = "left_out"

#: Attribute that says where that is found.
_COMMENT = "left_out_comment"

#: Attribute with the checksums of what it follows from, as JSON.
_FROM = "left_out_follows_from"

#: All attributes that tell of what is left out.
MARKS = (LEFT_OUT, _COMMENT, _FROM)

_TOLD = (
    "what is left out follows from the counts, the calibration's terms and its arguments: "
    "uvisxr.open_reduced(path) has it, lazily"
)

#: What radiances are made of, if a dataset has it: of the counts only the form is checked.
SOURCES = (
    *("counts", "wl", "line", "band", "et", "exposure", "product"),
    *("sensitivity", "calibration_error", "background", "background_error"),
)

#: What is large enough to be read only when radiances are computed.
_TERMS = ("sensitivity", "calibration_error")

_ATTRIBUTES = (
    *("calibrate_arguments", "channel", "slit", "compression", SMOOTHED, SUMMED),
    *("line_bin", "band_bin", "lr_line", "lr_band"),
)

_MEND = (
    "cut, average, join or change what uvisxr.open_reduced(path) gives, not what plain xarray "
    "reads of a compact file"
)


def left_out(ds: xr.Dataset) -> list[str]:
    """Names of what a dataset says that it leaves out."""
    return str(ds.attrs.get(LEFT_OUT, "")).split()


def sealed(ds: xr.Dataset, names: list[str]) -> xr.Dataset:
    """A dataset that says that it leaves out these arrays, and what they follow from."""
    seal = json.dumps(_seal(ds), sort_keys=True)
    return ds.assign_attrs({LEFT_OUT: " ".join(names), _COMMENT: _TOLD, _FROM: seal})


def unsealed(ds: xr.Dataset) -> xr.Dataset:
    """A dataset that leaves out nothing."""
    out = ds.copy(deep=False)
    for mark in MARKS:
        out.attrs.pop(mark, None)
    return out


def tidied(ds: xr.Dataset) -> xr.Dataset:
    """A dataset that does not say of what it holds that it is left out."""
    names = left_out(ds)
    still = [name for name in names if name not in ds.variables]
    if still == names:
        return ds
    return ds.assign_attrs({LEFT_OUT: " ".join(still)}) if still else unsealed(ds)


def check(ds: xr.Dataset) -> None:
    """Check that a dataset is what its left out arrays follow from, but for its terms' values.

    Parameters
    ----------
    ds : Dataset
        Only coordinates of at most one dimension are looked at, and sizes.

    Raises
    ------
    UvisError
        It was changed since it was written.
    """
    there = [name for name in left_out(ds) if name in ds.variables]
    if there:
        raise UvisError(
            f"it holds {', '.join(there)} too: {_MEND}; or remove the attribute {LEFT_OUT}"
        )
    was, found = _read(ds), _seal(ds, *_TERMS)
    for name in _TERMS:
        was[name] = _form(was.get(name))
    _compare(was, found)


def check_terms(ds: xr.Dataset, file: str = "") -> None:
    """Check the terms of the calibration, which the dataset must hold.

    Parameters
    ----------
    ds : Dataset
    file : str, optional
        Its name.

    Raises
    ------
    UvisError
        They were changed since the dataset was written.
    """
    was = _read(ds)
    try:
        _compare({n: was.get(n) for n in _TERMS}, {n: _sum(ds[n]) for n in _TERMS})
    except UvisError as error:
        raise UvisError(f"{file}: {error}" if file else str(error)) from error


def _read(ds: xr.Dataset) -> dict[str, str | None]:
    try:
        return dict(json.loads(ds.attrs[_FROM]))
    except (KeyError, TypeError, ValueError) as error:
        raise UvisError(f"it has lost its attribute {_FROM}: {_MEND}") from error


def _compare(was: dict[str, str | None], found: dict[str, str | None]) -> None:
    differ = [name for name in sorted({*was, *found}) if was.get(name) != found.get(name)]
    if differ:
        what = "is" if len(differ) == 1 else "are"
        raise UvisError(f"{', '.join(differ)} {what} not as written: {_MEND}")


def _seal(ds: xr.Dataset, *of_form: str) -> dict[str, str | None]:
    """Checksums by name, but of the counts and others only the form."""
    found: dict[str, str | None] = {}
    for name in SOURCES:
        if name in ds.variables:
            text = _sum(ds[name]) if name not in ("counts", *of_form) else None
            found[name] = text or _sizes(ds[name].variable)
    found["counts"] = f"{found['counts']} {ds['counts'].dtype}"
    return found | {key: _digest(str(ds.attrs.get(key)).encode()) for key in _ATTRIBUTES}


def _form(text: str | None) -> str | None:
    """The form in a checksum."""
    return None if text is None else str(text).rpartition(" ")[0]


def _sizes(variable: xr.Variable) -> str:
    return " ".join(f"{dim}={size}" for dim, size in variable.sizes.items())


def _sum(array: xr.DataArray) -> str:
    """The form and the checksum of an array."""
    return f"{_sizes(array.variable)} {_digest(_bytes(array.values))}"


def _bytes(values: np.ndarray) -> bytes:
    """The same for equal values, however they are stored."""
    if values.dtype.kind == "f":
        # All NaNs are one.
        values = np.where(np.isnan(values), np.nan, values).astype("<f8")
        return values.tobytes()
    if values.dtype.kind in "biu":
        return values.astype("<i8").tobytes()
    plain: Any = values.tolist()
    return json.dumps(plain, default=str).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
