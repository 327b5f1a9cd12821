"""Data to learn and to try with, in one line: simulated observations, made once into the cache.

::

    ds = uvisxr.tutorial.open("titan")

========== ===========================================================================
titan      FUV: airglow over Titan's limb, Lyman-alpha, a sunlit disk; 60 exposures in
           four products
saturn     FUV: aurora around Saturn's north pole, in bins of 32 columns
titan_euv  EUV: the same flyby of Titan as in `titan`
windows    FUV: a product of two windows, binned differently, as a tree
========== ===========================================================================

Kernels, calibration files and the truth belong to each: see `simulation`.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import uuid
from pathlib import Path
from typing import Any, Literal, cast, get_args, overload

import xarray as xr

from . import calls, checks, fetch
from ._version import __version__
from .errors import ExportError
from .hdf5.handles import LOCK
from .simulate import Simulation, Window, observation
from .typing import UvisDataset, UvisDataTree

_LOG = logging.getLogger(__name__)

#: What there is.
Name = Literal["titan", "saturn", "titan_euv", "windows"]

#: All of it.
NAMES: tuple[str, ...] = get_args(Name)

#: Threads that want the same data wait for the first of them.
_ONE_AT_A_TIME = threading.Lock()

_TWO = (Window(2, 0, 61, 511, band_bin=2), Window(2, 512, 61, 1023, line_bin=4, band_bin=8))

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "titan": {"exposures": 60, "products": 4, "seed": 1},
    "saturn": {
        "target": "SATURN",
        "start": "2016-278T09:22:00",
        "exposures": 80,
        "exposure": 60.0,
        "window": Window(0, 0, 63, 1023, band_bin=32),
        "seed": 1,
    },
    "titan_euv": {"channel": "EUV", "exposures": 60, "products": 4, "seed": 1},
    "windows": {"exposures": 20, "window": _TWO, "seed": 1},
}


@overload
def open(name: Literal["windows"], /, **options: Any) -> UvisDataTree: ...  # noqa: A001


@overload
def open(  # noqa: A001
    name: Literal["titan", "saturn", "titan_euv"] = "titan", /, **options: Any
) -> UvisDataset: ...


@calls.public("tutorial.open")
def open(  # noqa: A001 - what users expect
    name: Name = "titan", /, **options: Any
) -> UvisDataset | UvisDataTree:
    """Open the products of a simulated observation, which is made the first time.

    Parameters
    ----------
    name : {"titan", "saturn", "titan_euv", "windows"}
    **options
        As in `uvisxr.open_observation`.

    Returns
    -------
    Dataset or DataTree
        As `uvisxr.open_observation`; of "windows" a tree.

    Raises
    ------
    ArgumentError
        There is no such observation.
    ExportError
        The cache cannot be written.

    Examples
    --------
    >>> ds = uvisxr.tutorial.open("titan")
    >>> dict(ds.counts.sizes)
    {'pic': 60, 'pixel': 60, 'wl': 1024}
    """
    return cast("UvisDataset | UvisDataTree", simulation(name).open(**options))


@calls.public("tutorial.simulation")
def simulation(name: Name = "titan") -> Simulation:
    """What belongs to a simulated observation: labels, kernels, calibration files, the truth.

    It takes a few seconds and some 30 MB of the cache the first time.

    Parameters
    ----------
    name : {"titan", "saturn", "titan_euv", "windows"}

    Returns
    -------
    Simulation
        With the attributes `labels`, `kernels`, `calibration` and `truth`.

    Raises
    ------
    ArgumentError, ExportError
        As `open`.

    Examples
    --------
    >>> made = uvisxr.tutorial.simulation("titan")
    >>> with uvisxr.set_options(kernels=made.kernels, calibration=made.calibration):
    ...     ds = made.open().uvis.geometry().uvis.calibrate()
    >>> float(made.truth.background)
    0.0004
    """
    checks.choice("name", name, Name)
    arguments = _ARGUMENTS[name]
    mark = hashlib.sha256(f"{__version__} {arguments}".encode()).hexdigest()[:8]
    folder = fetch.cache_dir("tutorial") / f"{name}-{mark}"
    with _ONE_AT_A_TIME:
        if not folder.is_dir():
            _make(folder, arguments)
    path, several = folder / "truth.nc", isinstance(arguments.get("window"), tuple)
    with LOCK:
        truth = xr.load_datatree(path) if several else xr.load_dataset(path)
    return Simulation(
        labels=tuple(sorted((folder / "products").glob("*.LBL"))),
        kernels=folder / "kernels",
        calibration=folder / "calibration",
        truth=truth,
    )


def _make(folder: Path, arguments: dict[str, Any]) -> None:
    """Simulate into a folder that is there whole or not at all."""
    _LOG.info("simulating into %s", folder)
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    try:
        part.mkdir(parents=True)
        observation(part, **arguments)
        # Another process may have been faster; its folder is the same.
        if not folder.is_dir():
            part.rename(folder)
    except OSError as error:
        if not folder.is_dir():
            raise ExportError(
                f"cannot write the tutorial data to {folder.parent}: {error.strerror or error}; "
                "choose another cache with uvisxr.set_options(cache=...) or UVISXR_CACHE"
            ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
