"""Write datasets: CF NetCDF-4 with compression and exact times, and the summary JSON.

Files appear whole or not at all, and never in the place of a file that the dataset was read from.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np
import xarray as xr

from . import calls, checks
from ._version import __version__
from .dataset import inputs, overview
from .dataset.fields import FIELDS
from .errors import ArgumentError, ExportError, MissingStepError, NoFileError, shortened
from .files import check_target, read_whole, refuse_foreign, whole_file, write_text
from .netcdf import encodings
from .netcdf.compact import check_lossless, compacted, told
from .netcdf.encodings import Encoding
from .netcdf.writing import is_netcdf_of_ours, write
from .quality import telling

if TYPE_CHECKING:
    from dask.delayed import Delayed

#: The key by which a summary is known, with the version that wrote it.
_VERSION = "uvisxr"

#: Longest summary, in bytes: of a million spectra with the geometry of each.
_MOST = 2**28

#: What is said of lists and objects in each other, more than Python goes through.
_TOO_DEEP = "it lies too deep in itself"

#: How many keys of another program's JSON a message names.
_NAMES = 6

#: Letters of the path of a group; NetCDF has no longer names.
_GROUP = 256


@overload
def to_netcdf(
    ds: xr.Dataset | xr.DataTree,
    path: str | Path | None = None,
    complevel: int = 1,
    *,
    overwrite: bool | None = None,
    encoding: Encoding | None = None,
    group: str | None = None,
    compact: bool = False,
    compute: Literal[True] = True,
) -> Path: ...


@overload
def to_netcdf(
    ds: xr.Dataset | xr.DataTree,
    path: str | Path | None = None,
    complevel: int = 1,
    *,
    overwrite: bool | None = None,
    encoding: Encoding | None = None,
    group: str | None = None,
    compact: bool = False,
    compute: Literal[False],
) -> Delayed: ...


@calls.public("to_netcdf")
def to_netcdf(
    ds: xr.Dataset | xr.DataTree,
    path: str | Path | None = None,
    complevel: int = 1,
    *,
    overwrite: bool | None = None,
    encoding: Encoding | None = None,
    group: str | None = None,
    compact: bool = False,
    compute: bool = True,
) -> Path | Delayed:
    """Write a CF-1.11 NetCDF-4 file.

    Every variable keeps its type (radiance and its errors are float32) and is compressed by zlib
    with the shuffle filter; times are stored as integers in the coarsest exact unit (milliseconds
    for UVIS exposures). Dask arrays are computed and written block by block. Threads that write at
    once take turns. With the extra `[fast]` all cores compress, and ISA-L in place of zlib where
    `complevel` is 1: the same dataset in the same format, in a quarter of the time.

    Parameters
    ----------
    ds : Dataset or DataTree
        Any stage of a reduction; a DataTree is written with one group per node.
    path : path, optional
        File to write. By default the dataset's name with the ending .nc, in the current folder.
    complevel : int
        zlib level, 0 (none) to 9. Level 1 compresses UVIS spectra to within a few per cent of level
        9, in a fraction of the time.
    overwrite : bool, optional
        Whether to replace an existing file: True, any; False, none; by default one that uvisxr
        wrote. What the dataset was read from, be it in memory or not, is never replaced.
    encoding : mapping of str to mapping, optional
        Encodings of variables in place of those above, as in `xarray.Dataset.to_netcdf`:
        ``{"radiance": {"dtype": "int16", "scale_factor": 0.001, "_FillValue": -32768}}``. For a
        tree, by node path first: ``{"/window0": {"radiance": ...}}``.
    group : str, optional
        Group of the file in which to write a dataset. The file holds nothing else; for several
        groups, write a DataTree.
    compact : bool
        Leave out `radiance` and its errors, which follow from the counts and the terms of the
        calibration: files of whole products are an eighth to a thirtieth as large; of few
        exposures, or with geometry, a fifth to two thirds. `uvisxr.open_reduced` and
        `uvisxr.open_processed` give them back, bit for bit. Other programs find the counts, all
        coordinates, and an attribute `left_out` that names what is missing; give them whole files.
        Radiances that could not be given back are written all the same, with a warning: those that
        were smoothed, filled or edited after the calibration, averaged in bins, or cut from more
        (select before `calibrate`). Integrals, rates and all else are always written.
    compute : bool
        If False, nothing is written yet.

    Returns
    -------
    Path, or Delayed with ``compute=False``
        The file. `compute()` of the delayed object writes it, with the same errors.

    Raises
    ------
    ArgumentError
        `complevel` is not 0 to 9, `encoding` names no variable, `group` is given for a tree, or
        there is no `path` for a dataset without a name; or a file is to be compact, and `encoding`
        changes what the radiances follow from.
    ExportError
        The file cannot be written, or is there and must stay; or it is one that the dataset was
        read from or that a step used, or has the name of a product (.LBL, .xml, .DAT, .DAT.gz);
        or the dataset holds what NetCDF has no form for, such as an attribute None. No partial file
        is left. (What a dataset was read from is known from its encodings: not after
        `drop_encoding` or `map_blocks`.)

    Warns
    -----
    UvisWarning
        A file that is to be compact holds radiances all the same; or `encoding` says how to write
        what is left out.

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
    checks.choice("compute", compute, bool)
    checks.choice("compact", compact, bool)
    if group is not None and isinstance(ds, xr.DataTree):
        raise ArgumentError(f"group={group!r}: the nodes of a tree are the groups; omit it")
    if group is not None and len(group) > _GROUP:
        raise checks.refused("group", group, f"a name of at most {_GROUP} letters")
    asked = {} if encoding is None else encoding
    stored = encodings.merged(encodings.of(ds, complevel), asked, "encoding")
    if compact:
        check_lossless(asked)
    path = target(ds, path, ".nc")

    def save() -> Path:
        check(path, None, inputs.of(ds), overwrite)
        less = compacted(ds, asked) if compact else told(ds)
        with whole_file(path, inputs.of(ds)) as temporary:
            write(less, temporary, stored, group)
        return path

    if compute:
        return save()
    from dask import config
    from dask.delayed import delayed

    def alone() -> Path:
        # It runs in one task, and the blocks of the dataset must not wait for others of its kind.
        with config.set(scheduler="synchronous"):
            return save()

    return cast("Delayed", delayed(alone, name=f"to_netcdf-{path.name}", pure=False)())


def target(ds: xr.Dataset | xr.DataTree, path: str | Path | None, ending: str) -> Path:
    """The file to write; by default the dataset's name, or that of a tree's first window.

    Raises
    ------
    ArgumentError
        There is neither a path nor a name.
    """
    if path is not None:
        return Path(path).expanduser()
    nodes = ds.subtree if isinstance(ds, xr.DataTree) else [ds]
    names = (node.attrs.get("name") for node in nodes)
    name = next((name for name in names if isinstance(name, str) and name), None)
    if name is None:
        raise ArgumentError(f"the dataset has no attribute 'name': give the path of the {ending}")
    return Path(f"{name.replace('/', '_')}{ending}")


def check(
    netcdf: Path | None, summary: Path | None, read: Iterable[str | Path], overwrite: bool | None
) -> None:
    """Check that outputs may be written, before the work that they are of.

    Parameters
    ----------
    netcdf, summary : Path, optional
        As of `to_netcdf` and `to_json`.
    read : iterable of path
        What the data are read from.
    overwrite : bool, optional
        As of `to_netcdf`.

    Raises
    ------
    ExportError
        As `to_netcdf`.
    """
    read = list(read)
    for path, is_ours in ((netcdf, is_netcdf_of_ours), (summary, _is_summary)):
        if path is not None:
            check_target(path, read)
            refuse_foreign(path, overwrite, is_ours)


def _is_summary(path: Path) -> bool:
    content = _strict(read_whole(path, _MOST))
    return isinstance(content, dict) and _VERSION in content


@calls.public("to_json")
def to_json(
    ds: xr.Dataset,
    path: str | Path | None = None,
    *,
    geometry: bool = False,
    overwrite: bool | None = None,
) -> Path:
    """Write the summary of an observation as JSON.

    It contains the name, channel, year and day, prime instrument, target, slit, number of frames,
    spatial and spectral bins, products, times, integration times, background, and the number of
    lost spectra, None if no step has looked for them. `load_json` reads it back.

    Parameters
    ----------
    ds : Dataset
    path : path, optional
        File to write. By default the dataset's name with the ending .json, in the current folder.
    geometry : bool
        Write the wavelengths and the geometry of the pixel centres too.
    overwrite : bool, optional
        As in `to_netcdf`.

    Returns
    -------
    Path

    Raises
    ------
    MissingStepError
        The dataset has no exposures, for example after `bin`; or no geometry, if that is asked for.
    ArgumentError
        `geometry` is not a truth value, or there is no `path` for a dataset without a name.
    ExportError
        As `to_netcdf`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> path = ds.uvis.to_json("titan.json", geometry=True)
    >>> summary = uvisxr.load_json(path)
    >>> summary["target"], summary["frames"], summary["geometry"]["fields"]["alt"].dims
    ('TITAN', 12, ('pic', 'pixel'))
    """
    if "time_start" not in ds or "product" not in ds:
        raise MissingStepError(
            "a summary describes the exposures of an observation, but the dataset has none: write "
            "it before ds.uvis.bin, or write the bins with ds.uvis.to_netcdf"
        )
    checks.choice("geometry", geometry, bool)
    if geometry and not FIELDS.keys() & set(ds.variables):
        raise MissingStepError("geometry=True: call ds.uvis.geometry() first")
    path = target(ds, path, ".json")
    try:
        text = json.dumps(summary(ds, geometry), indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"the dataset's attributes are not all text and numbers, as JSON needs ({error}): "
            "keep them as uvisxr.open_product gives them"
        ) from None
    check(None, path, inputs.of(ds), overwrite)
    return write_text(path, text, inputs.of(ds))


def summary(ds: xr.Dataset, geometry: bool = False) -> dict[str, Any]:
    """The content of the JSON summary, as plain numbers, text, lists and None; see `to_json`."""
    attrs = ds.attrs
    exposures = np.atleast_1d(ds["exposure"].values)
    content: dict[str, Any] = {
        _VERSION: __version__,
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
        # One number if all are alike.
        "integration_time": _plain(exposures[0] if np.ptp(exposures) == 0 else exposures),
        "lost_spectra": None,
        "background": None,
    }
    if "quality" in ds.variables and overview.looked_for_losses(ds):
        content["lost_spectra"] = telling.number(ds["quality"].values)
    if "background" in ds:
        content["background"] = {
            "level": _plain(ds["background"].values),
            "error": _plain(ds["background_error"].values) if "background_error" in ds else None,
            "units": ds["background"].attrs.get("units"),
        }
    if geometry:
        content["wavelength"] = _plain(ds["wl"].values)
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


@calls.public("load_json")
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
    NoFileError
        The file is missing: a FileNotFoundError too, as of `open`.
    ExportError
        The file cannot be read, or is not a summary.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> path = made.open().uvis.to_json("titan.json")
    >>> uvisxr.load_json(path)["slit"]
    'LOW_RESOLUTION'
    """
    path = Path(path).expanduser()
    mend = "write a summary with ds.uvis.to_json(path)"
    try:
        content = _strict(read_whole(path, _MOST))
    except FileNotFoundError as error:
        raise NoFileError(f"there is no file {path}: {mend}", path) from error
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ExportError(f"{path} is not JSON ({shortened(str(error), 160)}): {mend}") from error
    if not (isinstance(content, dict) and _VERSION in content):
        raise ExportError(f"{path} is no summary of uvisxr but {_described(content)}: {mend}")
    try:
        for name, field in (content.get("geometry") or {}).get("fields", {}).items():
            if not isinstance(field["dims"], list):
                raise TypeError("dims are no list")
            content["geometry"]["fields"][name] = xr.DataArray(
                np.array(_numbers(field["values"]), float),
                dims=field["dims"],
                name=name,
                attrs={"units": field["units"]},
            )
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        why = _TOO_DEEP if deep else f"{type(error).__name__}: {shortened(str(error), 160)}"
        raise ExportError(f"the geometry in {path} is damaged ({why}): {mend}") from error
    return content


def _strict(raw: bytes) -> Any:
    """JSON without what the format does not have, names that are there twice, or infinities.

    Raises
    ------
    ValueError
        It is not that, or lies too deep in itself.
    """
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_finite,
            parse_float=_finite,
            parse_int=_whole,
        )
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shortened(text, 40)} is no number of it")
    return number


def _whole(text: str) -> int:
    """A whole number, no larger than floats go."""
    _finite(text)
    return int(text)


def _numbers(values: Any) -> Any:
    """Nested lists of numbers and None, checked to be so."""
    if isinstance(values, list):
        return [_numbers(value) for value in values]
    if values is None or (isinstance(values, int | float) and not isinstance(values, bool)):
        return values
    raise TypeError(f"{shortened(str(values), 40)!r} is no number")


def _described(content: Any) -> str:
    """What a JSON file of another program holds."""
    if isinstance(content, dict):
        names = [str(name) for name in content]
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        return f"an object with {', '.join(names[:_NAMES]) or 'nothing'}{more}"
    if isinstance(content, list):
        return f"a list of {len(content)}"
    return f"the {type(content).__name__} {shortened(str(content), 40)!r}"
