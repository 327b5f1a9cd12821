"""`ds.uvis.explore()`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from .. import calls
from ..errors import ArgumentError, MissingDependencyError

if TYPE_CHECKING:
    from .session import Session


def check_libraries() -> None:
    """Raise a MissingDependencyError if those of the extra `explore` cannot be imported."""
    try:
        import datashader  # noqa: F401
        import matplotlib  # noqa: F401
        import panel  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f'exploring needs panel and datashader ({error}): pip install "uvisxr[explore]"'
        ) from error


@calls.public("explore")
def explore(ds: xr.Dataset, stars: str | Path | None = None) -> Session:
    """Explore an observation with the mouse: choose wavelengths, select spectra, flag stars.

    In a notebook the result shows itself where it is the last value of a cell; elsewhere its
    `show()` opens a page in the browser, served to this computer alone. Four views are linked: the
    brightness of all exposures and pixels in a range of wavelengths, the same on the plane of the
    sky, the mean spectrum of what is selected with its bounds, and the geometry of the spectrum
    under the mouse.

    Parameters
    ----------
    ds : Dataset
        Calibrated; if not, count rates are shown. With geometry there is a picture of the sky.
        Spectra and their bounds are read into memory once, some 20 bytes
        an element.
    stars : path, optional
        Text file of star flags, as of `ds.uvis.stars.save`: those in it are set, and it is written
        anew with each change, with what was cleared of the dataset's own in comments.

    Returns
    -------
    Session
        `dataset` has the flags, and the background, as they were left; `selection` and `other` are
        the selected spectra, `bins` their mean spectra, and `code` is a script that makes the same
        numbers and figures. It lives as long as Python does, whatever becomes of its pages.

    Raises
    ------
    MissingStepError
        There are no spectra over pic, pixel and wl.
    ArgumentError
        `stars` is no file of star flags of this dataset.
    MissingDependencyError
        Panel or datashader is not installed.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`; what is called here, the mouse does:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> session = ds.uvis.calibrate(files=made.calibration).uvis.explore()
    >>> session.show_range(1450, 1800)
    >>> session.select(exposures=(5, 8), pixels=(20, 40))
    >>> session.toggle(6, 30, "star")
    >>> session.bins.n.values
    array([82], dtype=int32)
    >>> print(session.code.splitlines()[-3])
    ds.uvis.plot.evolution((1450.0, 1800.0), cmap="viridis")
    """
    check_libraries()
    from .session import Session

    path = None if stars is None else Path(stars).expanduser()
    if path is not None and path.is_dir():
        raise ArgumentError(f"stars={str(path)!r} is a folder: give the name of a file")
    return Session(ds, (), path)
