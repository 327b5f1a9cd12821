"""Open the files that uvisxr wrote, with what compact ones leave out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from .. import checks
from ..calibration.reduced import restored
from ..calls import public
from ..errors import ExportError, NoFileError, UvisError, shortened
from ..files import HDF5, read_beginning
from ..hdf5 import soundness
from . import guarded

_CHUNKS = 'sizes by dimension, such as {"pic": 10}, or "auto"'
_MEND = "give a file that ds.uvis.to_netcdf has written (uvisxr.open_product opens products)"


def open_reduced(
    path: str | Path, chunks: dict[str, int] | str | None = None
) -> xr.Dataset | xr.DataTree:
    """Open a file of `to_netcdf`, with the radiances that ``compact=True`` left out.

    They are computed from the counts and the terms of the calibration in the file when they are
    asked for, block by block of exposures, and are bit for bit those of the dataset that was
    written, as the file has checksums of all that they follow from. A warning tells of a file that
    another version wrote, which may have calibrated differently. Of other files, everything is in
    the file. No calibration file is read.

    Parameters
    ----------
    path : path
    chunks : dict or "auto", optional
        Dask chunks; by default those of the file.

    Returns
    -------
    Dataset or DataTree
        As written, lazy. A tree if the file has groups.

    Raises
    ------
    NoFileError
        The file is missing: a FileNotFoundError too, as of `open`.
    ArgumentError
        `chunks` has a wrong value.
    ExportError
        The file cannot be read, or what its radiances follow from was changed: the file was cut,
        averaged or joined by other means, for example. Changed counts and terms of the calibration
        are found when radiances are computed, a `UvisError`.

    Warns
    -----
    UvisWarning
        What the file leaves out cannot be given back, as the counts or the terms are gone; or
        another version wrote it.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.calibrate(files=made.calibration)
    >>> path = ds.uvis.to_netcdf("titan.nc", compact=True)
    >>> back = uvisxr.open_reduced(path)
    >>> back.radiance.chunks is not None, back.load().identical(ds.load())
    (True, True)

    Without uvisxr it is a file of counts:

    >>> import xarray as xr
    >>> with xr.open_dataset(path) as plain:
    ...     print(plain.attrs["left_out"])
    radiance radiance_upper radiance_lower radiance_systematic
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise NoFileError(f"there is no file {path}: {_MEND}", path)
    if path.is_dir():
        raise ExportError(
            f"{path} is a folder: {_MEND}; uvisxr.open_processed(path) opens the outputs of a batch"
        )
    found = tree(path, chunks, _MEND)
    if found.children:
        return found
    ds = found.to_dataset()
    ds.set_close(found.close)
    return ds


if not TYPE_CHECKING:
    # mypy does not see through the decorator where the package's face looks for the type.
    open_reduced = public("open_reduced")(open_reduced)


def tree(path: Path, chunks: dict[str, int] | str | None, mend: str) -> xr.DataTree:
    """Open a file with what it leaves out, lazily, but for times and the like.

    Coordinates of one dimension are in memory: steps ask for them before anything is computed.

    Parameters
    ----------
    path : Path
    chunks : dict or "auto", optional
        By default those of the file.
    mend : str
        What to do if it cannot be read.

    Returns
    -------
    DataTree

    Raises
    ------
    ArgumentError
        `chunks` has a wrong value.
    ExportError
        The file cannot be read, or what it leaves out not be computed.
    """
    opened = _opened(path, chunks, mend)
    try:
        return guarded.mapped(opened, lambda ds: restored(ds) if ds.variables else ds)
    except UvisError as error:
        raise ExportError(
            f"{path}: what it leaves out cannot be given back: {error}"
            f"{'' if mend == _MEND else f'; {mend}'}"
        ) from error


def _opened(path: Path, chunks: dict[str, int] | str | None, mend: str) -> xr.DataTree:
    """A file as it is; see `tree`."""
    chunks = {} if chunks is None else chunks
    if not isinstance(chunks, Mapping | str):
        raise checks.refused("chunks", chunks, _CHUNKS)
    try:
        soundness.check(path)
    except (OSError, ValueError) as error:
        if isinstance(error, soundness.CutOffError) or (mend == _MEND and _is_hdf5(path)):
            mend = "copy it again from where it is whole, or write it again"
        raise ExportError(f"cannot read {path}: {_said(error)}; {mend}") from error
    try:
        return guarded.mapped(guarded.tree(path, chunks, mend), _with_small_coords)
    except UvisError:
        raise
    except Exception as error:  # whatever the libraries stumble over in a damaged file
        # The error itself would keep the file open.
        said = str(error)
    try:
        # To tell what is wrong with the file from what is wrong with the chunks.
        guarded.tree(path, None, mend).close()
    except UvisError:
        raise
    except Exception as error:
        raise ExportError(f"cannot read {path}: {_said(error)}; {mend}") from error
    raise checks.refused("chunks", chunks, f"{_CHUNKS}; {said}")


def _is_hdf5(path: Path) -> bool:
    """Whether a file begins as those of `to_netcdf` do."""
    try:
        return read_beginning(path, len(HDF5))[0] == HDF5
    except OSError:
        return False


def _with_small_coords(ds: xr.Dataset) -> xr.Dataset:
    """The same with its coordinates of at most one dimension in memory."""
    from dask import base

    small = {
        name: coord.variable
        for name, coord in ds.coords.items()
        if coord.ndim <= 1 and coord.chunks is not None
    }
    # Blocks of a file as they are: there is nothing to optimize.
    (values,) = base.compute(
        {name: v.data for name, v in small.items()},
        scheduler="synchronous",
        optimize_graph=False,
    )
    return ds.assign_coords(
        {name: v.copy(deep=False, data=values[name]) for name, v in small.items()}
    )


def _said(error: Exception) -> str:
    """What an error says, briefly."""
    text = " ".join((getattr(error, "strerror", None) or str(error)).split())
    return shortened(text, 160) or type(error).__name__
