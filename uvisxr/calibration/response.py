"""Tables of the response of evil pixels to that of good ones: read, and laid on the detector.

Two forms: one value for the evil pixels of a range of columns, with dimension `band`, or one for
each evil pixel, with dimensions `line`, `band`. `uvisxr.calibration.evil_response` measures both.
As files they are NetCDF, as `table.uvis.to_netcdf` writes them, or, by columns, text:

    # channel: FUV
    # source: what they were measured from
    first_band,last_band,response,response_error,response_scatter
    32,127,0.41,0.02,0.2
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from ..dataset import conventions
from ..errors import CalibrationError
from ..files import NETCDF, read_whole
from ..hdf5 import handles, soundness
from ..instrument.channel import CHANNELS, N_BANDS, N_LINES
from ..instrument.detector import Bins
from .formats import package_data

#: Response where no table reaches: 14.5 % of the pixels in the FUV's flat field are evil, and the
#: laboratory's sensitivity, of all pixels, is 0.91 of that of good ones (0.91 = 1 - 0.145 (1 - r)).
#: With the lit rows' 15.1 % it would be 0.40, well within the error.
CONSTANT = 0.38

#: Standard error of the constant: the scatter of the package's table around its mean.
CONSTANT_ERROR = 0.1

#: Scatter of single evil pixels around the constant, as in the package's table.
CONSTANT_SCATTER = 0.2

#: Least share of the sensitivity of good pixels in an element that is calibrated: one count of less
#: is worth more than ten of its neighbours', and a few such elements drown the mean of many others.
LEAST = 0.1

#: Values that a response can have in a table: where it is near 0, noise takes it below.
RANGE = (-1.0, 2.0)

#: Variables of a table.
NAMES = ("response", "response_error", "response_scatter")

_COLUMNS = ("first_band", "last_band", *NAMES)

#: Longest table, in bytes: that of each pixel has 1.6 MB.
_MOST = 2**24

_MEND = "measure one with uvisxr.calibration.evil_response, or leave evil_response out"


@dataclass(frozen=True, eq=False)
class Response:
    """Response of detector pixels to that of a good one, each (64, 1024).

    Attributes
    ----------
    value : ndarray
        As if every pixel were evil.
    error : ndarray
        Standard error that the pixels of an element have in common.
    scatter : ndarray
        Standard deviation of single pixels around `value`, independent of each other.
    """

    value: np.ndarray
    error: np.ndarray
    scatter: np.ndarray

    def error_of(self, sensitivity: np.ndarray, bins: Bins) -> np.ndarray:
        """Error of the sensitivity of bins, (pixel, wl), from that of the response.

        Parameters
        ----------
        sensitivity : ndarray, (64, 1024)
            Of evil pixels as if they were good; 0 in good ones.
        bins : Bins
        """
        common = bins.sum(sensitivity * self.error)
        single = np.sqrt(bins.sum((sensitivity * self.scatter) ** 2))
        return np.asarray(np.hypot(common, single))


def known_share(total: np.ndarray, error: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Where there is enough sensitivity to divide by, bool (pixel, wl).

    Parameters
    ----------
    total, error : ndarray, (pixel, wl)
        Sensitivity of bins with evil pixels, and its error from that of the response.
    good : ndarray, (pixel, wl)
        What it would be if their evil pixels were good.
    """
    return np.asarray((total >= error) & (total >= LEAST * good))


def on_detector(table: xr.Dataset, channel: str) -> Response:
    """Lay a table on the detector.

    Parameters
    ----------
    table : Dataset
        As `uvisxr.calibration.evil_response` gives it.
    channel : {"FUV", "EUV"}

    Returns
    -------
    Response
        `CONSTANT` where the table does not reach.

    Raises
    ------
    CalibrationError
        The table is incomplete, of another channel, or has values that no response can have.
    """
    _check(table)
    if table.attrs["channel"] != channel:
        raise CalibrationError(
            f"the response of evil pixels is of channel {table.attrs['channel']}, the dataset of "
            f"{channel}: {_MEND}"
        )
    frames = _everywhere()
    for frame, name in zip(frames, NAMES, strict=True):
        values = table[name].variable
        if "line" in values.dims:
            part = np.ix_(table["line"].values, table["band"].values)
            found = values.transpose("line", "band").values
            frame[part] = np.where(np.isnan(found), frame[part], found)
            continue
        ranges = zip(table["band"].values, table["last_band"].values, values.values, strict=True)
        for first, last, value in ranges:
            frame[:, first : last + 1] = value
    return Response(*frames)


def _everywhere() -> list[np.ndarray]:
    """The constant, its error and scatter."""
    values = (CONSTANT, CONSTANT_ERROR, CONSTANT_SCATTER)
    return [np.full((N_LINES, N_BANDS), value) for value in values]


def _check(table: xr.Dataset) -> None:
    """Raise unless a table is one."""
    missing = [name for name in (*NAMES, "band") if name not in table.variables]
    if missing or "channel" not in table.attrs:
        raise CalibrationError(
            "no table of the response of evil pixels: there is no "
            f"{', '.join(missing) or 'attribute channel'}; {_MEND}"
        )
    by_pixel = "line" in table["response"].dims
    dims = {"line", "band"} if by_pixel else {"band"}
    for name in NAMES:
        if {*table[name].dims} != dims or table[name].dtype.kind not in "fiu":
            raise CalibrationError(
                f"{name} of evil pixels is of type {table[name].dtype} with dimensions "
                f"{table[name].dims}, instead of numbers over {', '.join(sorted(dims))}; {_MEND}"
            )
    _check_places(table, "band", N_BANDS)
    _check_places(table, "line" if by_pixel else "last_band", N_LINES if by_pixel else N_BANDS)
    if not by_pixel:
        ends = np.stack([table["band"].values, table["last_band"].values], -1)
        ends = ends[np.argsort(ends[:, 0])].ravel()
        if (np.diff(ends)[0::2] < 0).any() or (np.diff(ends)[1::2] < 1).any():
            raise CalibrationError(
                "ranges of the response of evil pixels overlap, or end before they begin: each "
                f"goes from band to last_band; {_MEND}"
            )
    known = np.isfinite(table["response"].values)
    for name in NAMES:
        values = table[name].values[known] if by_pixel else table[name].values
        low, high = RANGE if name == "response" else (0.0, RANGE[1])
        if not ((values >= low) & (values <= high)).all():
            raise CalibrationError(
                f"{name} of evil pixels is not within {low:g}..{high:g}; {_MEND}"
            )


def _check_places(table: xr.Dataset, name: str, size: int) -> None:
    """Raise unless a table has whole numbers of rows or columns, each but once."""
    if name not in table.variables:
        raise CalibrationError(f"the response of evil pixels has no {name}; {_MEND}")
    found = table[name].values
    whole = found.ndim == 1 and np.issubdtype(found.dtype, np.integer)
    if not (
        whole and ((found >= 0) & (found < size)).all() and np.unique(found).size == found.size
    ):
        raise CalibrationError(
            f"the {name} of the response of evil pixels must be different whole numbers within "
            f"0..{size - 1}; {_MEND}"
        )


def load(path: str | Path) -> xr.Dataset:
    """Read a table from a file, NetCDF or text.

    Raises
    ------
    CalibrationError
        The file is missing, unreadable or no such table.
    """
    path = Path(path).expanduser()
    try:
        raw = read_whole(path, _MOST)
        if raw.startswith(NETCDF):
            soundness.check(path, _MOST)
            with (
                handles.looking(),
                handles.store(path) as store,
                xr.open_dataset(store) as opened,
            ):
                table = opened.load()
        else:
            table = _parsed(raw.decode("utf-8"))
    except FileNotFoundError:
        raise CalibrationError(f"{path} does not exist; {_MEND}") from None
    except Exception as error:  # whatever the libraries stumble over in a damaged file
        raise CalibrationError(
            f"{path}: cannot be read as a table of the response of evil pixels ({error}); {_MEND}"
        ) from error
    try:
        _check(table)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None
    return table


def _parsed(text: str) -> xr.Dataset:
    """The table in a text.

    Raises
    ------
    ValueError, KeyError
        There is none in it.
    """
    lines = text.splitlines()
    notes = [line[1:].split(":", 1) for line in lines if line.startswith("#")]
    rows = [line.split(",") for line in lines if line and not line.startswith("#")]
    if not rows or tuple(rows[0]) != _COLUMNS:
        raise ValueError(f"no columns {','.join(_COLUMNS)}")
    if not text.endswith("\n"):
        raise ValueError("its last line has no end: it was cut short")
    said = {name.strip(): value[0].strip() for name, *value in notes if value}
    attrs = {"channel": said["channel"], "source": said.get("source", "")}
    # Python's int() and float() would also take 1_0 and digits of other scripts.
    if any(not word.isascii() or "_" in word for row in rows[1:] for word in row):
        raise ValueError("numbers are not in digits")
    first, last = (np.array([int(row[k]) for row in rows[1:]]) for k in (0, 1))
    values = np.array([row[2:] for row in rows[1:]], float).T
    return table_of(first, last, values, attrs)


def table_of(
    first: np.ndarray, last: np.ndarray, values: np.ndarray, attrs: dict[str, str]
) -> xr.Dataset:
    """A table by wavelength, of values (3, range) from columns `first` to `last` each."""
    middle = CHANNELS[attrs["channel"]].wavelength((first + last) / 2)
    table = xr.Dataset(
        {name: ("band", v) for name, v in zip(NAMES, values, strict=True)},
        coords={"band": first, "last_band": ("band", last), "wl": ("band", middle)},
        attrs=attrs,
    )
    return conventions.apply(table)


def table_of_pixels(frames: np.ndarray, attrs: dict[str, str]) -> xr.Dataset:
    """A table of single pixels, from frames (3, 64, 1024) that are NaN in all others."""
    table = xr.Dataset(
        {name: (("line", "band"), frame) for name, frame in zip(NAMES, frames, strict=True)},
        coords={"line": np.arange(N_LINES), "band": np.arange(N_BANDS)},
        attrs=attrs,
    )
    return conventions.apply(table)


@lru_cache
def package_response(channel: str) -> Response:
    """The response that comes with the package, (64, 1024); a constant for the EUV."""
    if channel == "FUV":
        return on_detector(load(package_data("evil_response_fuv.csv")), channel)
    return Response(*_everywhere())
