"""Write datasets: CF NetCDF-4 with compression and exact times, and the summary JSON.

Files appear whole or not at all, and never in the place of a file that the dataset was read from.
"""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr

from . import checks
from ._version import __version__
from .dataset import inputs
from .dataset.fields import FIELDS
from .errors import ExportError, MissingStepError
from .files import whole_file, write_text

#: Held while the netCDF4 library writes: it serves one thread at a time. Re-entrant.
LOCK = threading.RLock()

#: Bytes of one compressed chunk, before compression: large enough to compress well, small
#: enough that reading one exposure does not unpack many others.
_CHUNK_BYTES = 4 * 2**20


def to_netcdf(ds: xr.Dataset | xr.DataTree, path: str | Path, complevel: int = 1) -> Path:
    """Write a CF-1.11 NetCDF-4 file.

    Every variable keeps its type (radiance and its errors are float32) and is compressed by zlib
    with the shuffle filter; times are stored as integers in the coarsest exact unit (milliseconds
    for UVIS exposures). Dask arrays are computed and written block by block. Threads that write at
    once take turns.

    Parameters
    ----------
    ds : Dataset or DataTree
        Any stage of a reduction; a DataTree is written with one group per node.
    path : path
        File to write; an existing one is replaced, unless the dataset was read from it, be it in
        memory or not.
    complevel : int
        zlib level, 0 (none) to 9. Level 1 compresses UVIS spectra to within a few per cent of level
        9, in a fraction of the time.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        `complevel` is not 0 to 9.
    ExportError
        The file cannot be written, or is one that the dataset was read from or that a step used,
        or ends in .LBL or .DAT as products do; or the dataset holds what NetCDF has no form for,
        such as an attribute None. No partial file is left. (What a dataset was read from is known
        from its encodings: not after `drop_encoding` or `map_blocks`.)

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> import xarray as xr
    >>> ds = made.open().uvis.rate()
    >>> path = ds.uvis.to_netcdf("titan.nc")
    >>> xr.load_dataset(path).identical(ds.load())
    True
    """
    checks.whole("complevel", complevel, 0, 9)
    path = Path(path).expanduser()
    with whole_file(path, inputs.of(ds)) as temporary:
        write(ds, temporary, complevel)
    return path


def write(ds: xr.Dataset | xr.DataTree, path: Path, complevel: int = 1) -> None:
    """Write a file as `to_netcdf` does, under a name that `whole_file` gave.

    Raises
    ------
    OSError
        The file cannot be written.
    ExportError
        The dataset holds what NetCDF has no form for.
    """
    # Encodings read from a file describe that file (its chunks and time units), not this one.
    if isinstance(ds, xr.DataTree):
        ds = ds.map_over_datasets(lambda node: node.drop_encoding())
        encoding = {
            node.path: _encoding(node.to_dataset(inherit=False), complevel) for node in ds.subtree
        }
    else:
        ds = ds.drop_encoding()
        encoding = _encoding(ds, complevel)
    try:
        with LOCK:
            ds.to_netcdf(path, engine="netcdf4", format="NETCDF4", encoding=encoding)
            _write_bounds_attributes(ds, path)
    except (TypeError, ValueError, NotImplementedError) as error:
        # What NetCDF has no form for: an attribute that is None, an index of several levels.
        raise ExportError(f"the dataset cannot be written as NetCDF: {error}") from error
    except RuntimeError as error:
        # The NetCDF library reports a full disk, among other things, like this.
        if not str(error).startswith("NetCDF"):
            raise
        raise OSError(str(error)) from error


def _write_bounds_attributes(ds: xr.Dataset | xr.DataTree, path: Path) -> None:
    # xarray omits what a bounds variable shares with its parent, as CF allows; it would then be
    # lost on reading the file back.
    groups = {node.path: node for node in ds.subtree} if isinstance(ds, xr.DataTree) else {"/": ds}
    with netCDF4.Dataset(path, "r+") as root:
        for name, node in groups.items():
            group = root if name == "/" else root[name]
            for variable in node.variables.values():
                bounds = str(variable.attrs.get("bounds"))
                if bounds in group.variables:
                    attrs = node[bounds].attrs
                    shared = {key: attrs[key] for key in ("long_name", "units") if key in attrs}
                    group[bounds].setncatts(shared)


def _encoding(ds: xr.Dataset, complevel: int) -> dict[str, dict[str, Any]]:
    bounds = {v.attrs["bounds"] for v in ds.variables.values() if "bounds" in v.attrs}
    return {
        str(name): _variable_encoding(
            variable, complevel, missing_allowed=name not in ds.dims and name not in bounds
        )
        for name, variable in ds.variables.items()
    }


def _variable_encoding(
    variable: xr.Variable, complevel: int, missing_allowed: bool
) -> dict[str, Any]:
    kind = variable.dtype.kind
    encoding: dict[str, Any] = {}
    if kind == "M":
        encoding |= _time_encoding(variable.values)
    elif kind == "f" and not missing_allowed:
        # CF forbids missing values in coordinate and bounds variables.
        encoding["_FillValue"] = None
    if variable.ndim and kind in "fiuMm" and variable.size:
        encoding |= {
            "zlib": complevel > 0,
            "complevel": complevel,
            "shuffle": True,
            "chunksizes": _chunk_sizes(variable),
        }
    return encoding


def _time_encoding(times: np.ndarray) -> dict[str, Any]:
    ns = times.astype("datetime64[ns]").astype(np.int64)[~np.isnat(times)]
    units = next(
        (
            unit
            for unit, size in (("milliseconds", 1_000_000), ("microseconds", 1_000))
            if not np.any(ns % size)
        ),
        "nanoseconds",
    )
    return {
        "dtype": "int64",
        "units": f"{units} since 1970-01-01T00:00:00",
        "calendar": "proleptic_gregorian",
    }


def _chunk_sizes(variable: xr.Variable) -> tuple[int, ...]:
    """Chunk whole spectra, as many exposures as fit, aligned with dask's blocks."""
    shape = variable.shape
    if variable.ndim < 2:
        return shape
    inner = math.prod(shape[1:]) * variable.dtype.itemsize
    first = max(1, min(shape[0], _CHUNK_BYTES // inner))
    blocks = variable.chunks
    if blocks is not None and blocks[0][0] > first:
        # Use the largest divisor of the block: a file chunk across two dask blocks would be
        # compressed twice.
        first = max(d for d in range(1, first + 1) if blocks[0][0] % d == 0)
    elif blocks is not None:
        first = blocks[0][0]
    return (first, *shape[1:])


def to_json(ds: xr.Dataset, path: str | Path) -> Path:
    """Write the summary of an observation as JSON.

    It contains the channel, year and day, prime instrument, slit, number of frames, spatial and
    spectral bins, integration times, background and, if computed, the geometry of the pixel
    centres. `load_json` reads it back.

    Parameters
    ----------
    ds : Dataset
    path : path

    Returns
    -------
    Path

    Raises
    ------
    MissingStepError
        The dataset has no exposures, for example after `bin`.
    ExportError
        As `to_netcdf`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> path = ds.uvis.to_json("titan.json")
    >>> summary = uvisxr.load_json(path)
    >>> summary["target"], summary["frames"], summary["geometry"]["fields"]["alt"].dims
    ('TITAN', 12, ('pic', 'pixel'))
    """
    if "time_start" not in ds or "product" not in ds:
        raise MissingStepError(
            "a summary describes the exposures of an observation, but the dataset has none: write "
            "it before ds.uvis.bin, or write the bins with ds.uvis.to_netcdf"
        )
    return write_text(
        path, json.dumps(summary(ds), indent=1, allow_nan=False) + "\n", inputs.of(ds)
    )


def summary(ds: xr.Dataset) -> dict[str, Any]:
    """The content of the JSON summary, as plain numbers, text, lists and None."""
    attrs = ds.attrs
    content: dict[str, Any] = {
        "uvisxr": __version__,
        "name": attrs.get("name"),
        "channel": attrs.get("channel"),
        "year": _plain(attrs.get("year")),
        "doy": _plain(attrs.get("doy")),
        "prime_instrument": attrs.get("prime_instrument") or None,
        "target": attrs.get("target"),
        "slit": attrs.get("slit"),
        "slit_width": _plain(attrs.get("slit_width")),
        "frames": ds.sizes.get("pic", 1),
        "spatial_bins": ds.sizes.get("pixel", 1),
        "spectral_bins": ds.sizes.get("wl", 1),
        "line_bin": _plain(attrs.get("line_bin")),
        "band_bin": _plain(attrs.get("band_bin")),
        "products": sorted({str(name) for name in np.atleast_1d(ds["product"].values)}),
        "start": str(ds["time_start"].values.min()),
        "stop": str(ds["time_stop"].values.max()),
        "integration_time": _plain(ds["exposure"].values),
        "wavelength": _plain(ds["wl"].values),
        "background": None,
        "geometry": None,
    }
    if "background" in ds:
        content["background"] = {
            "level": _plain(ds["background"].values),
            "error": _plain(ds["background_error"].values) if "background_error" in ds else None,
            "units": ds["background"].attrs.get("units"),
        }
    if FIELDS.keys() & set(ds.variables):
        content["geometry"] = {
            "target": attrs.get("geometry_target", attrs.get("target")) or None,
            "kernels": _plain(attrs.get("kernels")),
            "fields": {
                name: {
                    "dims": list(ds[name].dims),
                    "units": ds[name].attrs.get("units"),
                    "values": _plain(ds[name].values),
                }
                for name, field in FIELDS.items()
                if field.summary and name in ds
            },
        }
    return content


def _plain(value: Any) -> Any:
    """Convert to JSON types; numbers to nine significant digits, NaN and infinity as None."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value


def load_json(path: str | Path) -> dict[str, Any]:
    """Read a summary written by `to_json`.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        As described in `to_json`; geometry fields become DataArrays (None becomes NaN).

    Raises
    ------
    ExportError
        The file is missing or is not a summary.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> path = made.open().uvis.to_json("titan.json")
    >>> uvisxr.load_json(path)["slit"]
    'LOW_RESOLUTION'
    """
    try:
        content: dict[str, Any] = json.loads(Path(path).expanduser().read_text())
        geometry = content["geometry"]
        if geometry is not None:
            geometry["fields"] = {
                name: xr.DataArray(
                    np.array(field["values"], float),
                    dims=field["dims"],
                    name=name,
                    attrs={"units": field["units"]},
                )
                for name, field in geometry["fields"].items()
            }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"cannot read {path} as a summary: {error}; write one with ds.uvis.to_json(path)"
        ) from error
    return content
