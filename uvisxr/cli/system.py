"""What a bug report needs: versions, and where kernels, calibration files and the cache are."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from .._version import __version__
from ..errors import UvisError, bounded

#: Of these `uvisxr --version` tells the versions.
_FIRST = ("xarray", "numpy", "spiceypy")


def version_line() -> str:
    """The version of the package and of what its results depend on most, importing none of it."""
    libraries = "".join(f", {name} {_version(name)}" for name in _FIRST)
    return f"uvisxr, version {__version__} (Python {platform.python_version()}{libraries})"


def report() -> Iterator[tuple[str, str]]:
    """Rows of a name and what there is to say of it; paths below the home folder begin with ~.

    Of the environment no more is told than the folders that uvisxr uses.
    """
    from .. import options

    yield "uvisxr", __version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "platform", platform.platform()
    yield "threads", f"{options.threads()} of {options.cores()} cores"
    needed, optional = _libraries()
    for name in needed:
        yield name, _version(name)
    for name, ask in (("CSPICE", _cspice), ("netCDF in C", _netcdf), ("HDF5", _hdf5)):
        yield name, _asked(ask)
    for name in optional:
        yield f"[{name}]", _version(name)
    for name, ask in (("kernels", _kernels), ("calibration", _calibration), ("cache", _cache)):
        yield name, _asked(ask)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _libraries() -> tuple[list[str], list[str]]:
    """What the package needs, and what its extras for users add, as its metadata name it."""
    needed, optional = [], set()
    try:
        requirements = metadata.requires("uvisxr") or []
    except metadata.PackageNotFoundError:
        # A checkout on the path, not installed.
        requirements = []
    for requirement in requirements:
        found = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if found is None or found[0] == "uvisxr":
            continue
        if extra is None:
            needed.append(found[0])
        elif extra[1] not in ("test", "dev", "docs"):
            optional.add(found[0])
    return needed, sorted(optional, key=str.lower)


def _asked(ask: Callable[[], str]) -> str:
    """An answer, or why there is none: a report is most needed where something is broken."""
    try:
        return ask()
    except (UvisError, OSError, ImportError) as error:
        return bounded(_without_home(str(error)))


def _cspice() -> str:
    import spiceypy

    return str(spiceypy.tkvrsn("TOOLKIT"))


def _netcdf() -> str:
    import netCDF4

    return str(netCDF4.__netcdf4libversion__)


def _hdf5() -> str:
    import netCDF4

    return str(netCDF4.__hdf5libversion__)


def _kernels() -> str:
    from ..kernels import choose

    origin, entries = choose.origin_and_entries(None)
    where = ", ".join(_without_home(str(Path(entry).expanduser())) for entry in entries)
    there = all(Path(entry).expanduser().exists() for entry in entries)
    return f"{where or 'loaded'} ({origin}){'' if there else ', not found'}"


def _calibration() -> str:
    from ..calibration.files import Folder

    folder = Folder.choose()
    return _place(folder.path, folder.origin)


def _cache() -> str:
    from .. import options
    from ..fetch import cache_dir

    named = "set_options" if options.current().cache else "UVISXR_CACHE"
    own = options.current().cache or os.environ.get("UVISXR_CACHE")
    return _place(cache_dir(), named if own else "the user's")


def _place(path: Path, origin: str) -> str:
    files = path.is_dir() and any(path.iterdir())
    said = "" if files else ", empty" if path.is_dir() else ", not found"
    return f"{_without_home(str(path))} ({origin}){said}"


def _without_home(text: str) -> str:
    """The home folder, whose name is often the user's, as ~."""
    home = str(Path.home()).rstrip(os.sep)
    return re.sub(rf"{re.escape(home)}(?=[\\/]|\b|$)", "~", text) if home else text
