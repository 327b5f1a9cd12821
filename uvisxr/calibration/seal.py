"""What a compact file says of what it leaves out, and of what that follows from.

The radiances that a compact file leaves out are computed anew by whoever opens it. They would be
others, without a word, of a file that was cut, averaged or joined since: so it keeps checksums.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

import numpy as np
import xarray as xr

from .._version import __version__
from ..dataset import conventions
from ..dataset.conventions import SMOOTHED, SUMMED
from ..errors import UvisError, warn_user
from .stored import framed, squeezed

#: Attribute with the names of what a file leaves out, as it follows from the rest.
LEFT_OUT = "left_out"

#: Attribute that says where that is found.
_COMMENT = "left_out_comment"

#: Attribute with the checksums of what it follows from, as JSON.
_FROM = "left_out_follows_from"

#: Coordinate with the checksums of the counts of each exposure.
CHECKSUM = "counts_checksum"

#: Word of the version among them.
_VERSION = "uvisxr"

_TOLD = (
    "what is left out follows from the counts, the calibration's terms and its arguments: "
    "uvisxr.open_reduced(path) has it, lazily, if they are not changed"
)

#: What radiances are made of, if a dataset has it.
SOURCES = (
    *("counts", "wl", "line", "band", "et", "exposure", "product"),
    *("sensitivity", "calibration_error", "background", "background_error", CHECKSUM),
)

#: Of what is sealed, what has a checksum elsewhere.
_COUNTS = ("counts", CHECKSUM)

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
    return " ".join(map(str, np.atleast_1d(ds.attrs.get(LEFT_OUT, "")))).split()


def sealed(ds: xr.Dataset, names: list[str]) -> xr.Dataset:
    """A dataset that says that it leaves out these arrays, and what they follow from."""
    sums = xr.apply_ufunc(
        checksums,
        framed(ds, "counts"),
        input_core_dims=[["pixel", "wl"]],
        dask="parallelized",
        output_dtypes=[np.uint32],
    )
    sums = squeezed(sums, ds["counts"].dims)
    sums.attrs = conventions.VARIABLES[CHECKSUM].attributes(frozenset(map(str, ds.variables)), None)
    ds = ds.assign_coords({CHECKSUM: sums})
    seal = json.dumps(_seal(ds) | {_VERSION: __version__}, sort_keys=True)
    return ds.assign_attrs({LEFT_OUT: " ".join(names), _COMMENT: _TOLD, _FROM: seal})


def unsealed(ds: xr.Dataset) -> xr.Dataset:
    """A dataset that leaves out nothing."""
    out = ds.drop_vars(CHECKSUM, errors="ignore")
    for mark in (LEFT_OUT, _COMMENT, _FROM):
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
    if CHECKSUM not in ds.variables:
        raise UvisError(f"it has lost {CHECKSUM}: {_MEND}")
    there = [name for name in left_out(ds) if name in ds.variables]
    if there:
        raise UvisError(
            f"it holds {', '.join(there)} too: {_MEND}; or remove the attribute {LEFT_OUT}"
        )
    was, found = _read(ds), _seal(ds, *_TERMS)
    for name in _TERMS:
        was[name] = f"{_form(was.get(name))} here"
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
        raise _named(error, file) from error


def check_counts(counts: np.ndarray, written: np.ndarray, file: str = "") -> None:
    """Check counts (pic, pixel, wl) by their checksums (pic,).

    Raises
    ------
    UvisError
        They were changed since the dataset was written.
    """
    changed = int((checksums(counts) != written).sum())
    if changed:
        of = f" of {changed} exposure{'s' if changed > 1 else ''}"
        raise _named(UvisError(f"the counts{of} are not as written: {_MEND}"), file)


def check_version(ds: xr.Dataset) -> None:
    """Warn if another version wrote a dataset, which may calibrate otherwise."""
    version = _read(ds).get(_VERSION)
    if version != __version__:
        warn_user(
            f"uvisxr {version} left out {', '.join(left_out(ds))}, uvisxr {__version__} gives them "
            "back: they may differ where the versions calibrate differently"
        )


def checksums(counts: np.ndarray) -> np.ndarray:
    """CRC-32 of each exposure of counts (pic, pixel, wl)."""
    little = counts.astype(counts.dtype.newbyteorder("<"), copy=False)
    return np.array([zlib.crc32(np.ascontiguousarray(one).data) for one in little], np.uint32)


def _named(error: UvisError, file: str) -> UvisError:
    return UvisError(f"{file}: {error}") if file else error


def _read(ds: xr.Dataset) -> dict[str, str | None]:
    try:
        found = json.loads(ds.attrs[_FROM])
    except (KeyError, TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise UvisError(f"it has lost its attribute {_FROM}: {_MEND}")
    return dict(found)


def _compare(was: dict[str, str | None], found: dict[str, str | None]) -> None:
    names = sorted({*was, *found} - {_VERSION})
    differ = {name: (was.get(name), found.get(name)) for name in names}
    told = [name + _change(*forms) for name, forms in differ.items() if forms[0] != forms[1]]
    if told:
        what = "is" if len(told) == 1 else "are"
        raise UvisError(f"{', '.join(told)} {what} not as written: {_MEND}")


def _change(was: str | None, found: str | None) -> str:
    """What became of a form; nothing is said of values."""
    before, after = (_form(text) if text and "=" in text else None for text in (was, found))
    return f" ({before}, now {after})" if before and after and before != after else ""


def _seal(ds: xr.Dataset, *of_form: str) -> dict[str, str | None]:
    """Checksums by name, but of the counts and others only the form."""
    found: dict[str, str | None] = {}
    for name in SOURCES:
        if name in ds.variables:
            # A word in the place of a checksum.
            by_form = name in (*_COUNTS, *of_form)
            found[name] = f"{_sizes(ds[name].variable)} here" if by_form else _sum(ds[name])
    found["counts"] = f"{_sizes(ds['counts'].variable)} {ds['counts'].dtype} here"
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
