"""Open files of the team's layout, and those of its Titan library, as a dataset and a tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import xarray as xr

from .. import calls
from ..dataset import history, inputs
from ..errors import ExportError, NoFileError, UvisError, shortened
from . import cube, titan_library
from .decode import File
from .structure import NotFitsError, scan

_MEND = (
    "give a file that ds.uvis.to_fits or the team's cube generator has written "
    "(uvisxr.open_product opens products)"
)


class FitsProduct(NamedTuple):
    """What a FITS file holds.

    Attributes
    ----------
    dataset : Dataset
        Spectra, as `uvisxr.open_product` and the steps after it give them.
    backplanes : DataTree
        Geometry, as `ds.uvis.backplanes` gives it.
    """

    dataset: xr.Dataset
    backplanes: xr.DataTree


def open_fits(path: str | Path) -> FitsProduct:
    """Open a FITS file of the UVIS team's layout (v0.5 and v0.4), or of its Titan library (v0.3).

    What `ds.uvis.to_fits` has written comes back as it was, as far as the layout has room for it;
    with ``extras=True``, all of it does. What is in columns of the layout, such as the fields of
    the backplanes, is rounded to float32 either way. All is read at once.

    Parameters
    ----------
    path : path

    Returns
    -------
    FitsProduct
        The pair (dataset, backplanes). The dataset has `counts`, and what the file has of
        `radiance`, the coordinates `calibration_factor` and `background`, or, where that differs
        from pixel to pixel, `background_rate`; times, wavelengths and detector pixels, and the
        attributes. Steps that need calibration files start from its counts. The tree has the nodes
        `sky`, `rings` and those of bodies, with the dimensions (pic, pixel, instant, point); what
        was out of view has the fields of its centre alone. Unknown flags are -1, or left out.
        Of files of other writers, columns of zeros are left out: those are what they do not know.

    Raises
    ------
    NoFileError
        The file is missing: a FileNotFoundError too, as of `open`.
    ExportError
        It is none of these files, damaged, in units of something else, or cannot be read.
    MissingDependencyError
        astropy is not installed.

    Warns
    -----
    UvisWarning
        The window that the header gives is not that of the arrays: rows and columns are left out;
        or a column is in a unit that is not known.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels).uvis.calibrate(files=made.calibration)
    >>> path = ds.uvis.to_fits("titan.fits")
    >>> back, backplanes = uvisxr.open_fits(path)
    >>> bool((back.counts == ds.counts).all()), list(backplanes.children)
    (True, ['sky', 'titan'])
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise NoFileError(f"there is no file {path}: {_MEND}", path)
    try:
        return read(path)
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror or error}; {_MEND}") from error
    except NotFitsError as error:
        said = shortened(" ".join(str(error).split()), 160)
        raise ExportError(f"cannot read {path}: {said}; {_MEND}") from error


if not TYPE_CHECKING:
    # mypy does not see through the decorator where the package's face looks for the type.
    open_fits = calls.public("open_fits")(open_fits)


def read(path: Path) -> FitsProduct:
    """As `open_fits`, of a file that is there.

    Raises
    ------
    NotFitsError, OSError
        It is none of these files, or cannot be read.
    """
    hdus = scan(path)
    file = File(path, {hdu.name: hdu for hdu in reversed(hdus)})
    found = titan_library if titan_library.is_one(file) else cube
    try:
        ds, tree = found.read(file)
    except UvisError:
        raise
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        if isinstance(error, NotFitsError):
            raise
        raise NotFitsError(f"its parts do not fit each other ({error})") from error
    if "history" not in ds.attrs:
        ds = history.record(ds, "open_fits", {"path": path.name})
    return FitsProduct(inputs.add(ds, [path]), tree)
