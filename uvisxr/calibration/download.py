"""Download the calibration files of the UVIS team."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .. import fetch
from ..errors import CalibrationError, FetchError, NotFoundError, warn_user
from . import formats
from .known import names

#: The Cube Generator Software at the PDS Atmospheres Node.
_PUBLIC = (
    "https://pds-atmospheres.nmsu.edu/data_and_services/atmospheres_data/Cassini/"
    "CASSINIUVIS/UVIS-16/Cube%20Generator%20Software/UVIS_cal_and_ff_modifiers/"
)


def fetch_files(folder: str | Path | None = None) -> list[Path]:
    """Download the missing calibration files, and check that each can be read.

    Existing files are neither replaced nor removed.

    Parameters
    ----------
    folder : path, optional
        By default the cache, where `calibrate` looks for them.

    Returns
    -------
    list of Path

    Raises
    ------
    FetchError
        A file cannot be downloaded, or a new or existing file is not what it should be.
    """
    target = Path(folder) if folder else fetch.cache_dir("calibration")
    base = fetch.base_url("calibration", _PUBLIC)
    required, optional = names()
    paths = [target / name for name in (*required, *optional)]
    for path in paths:
        if path.exists() and (fault := _fault(path, path.name)):
            raise FetchError(
                f"{path} exists but is not what it should be ({fault}): move it away, or choose "
                "another folder"
            )
    got = []
    for path in paths:
        address = f"{base}{path.name}"
        try:
            check = partial(_check, path.name)
            fetch.download(address, path, check=check, kind="calibration")
        except NotFoundError:
            if path.name in required:
                raise
            warn_user(f"{base} has no {path.name}")
            continue
        got.append(path)
    return got


def _check(name: str, path: Path) -> None:
    if fault := _fault(path, name):
        raise FetchError(
            f"this is not what it should be ({fault}) and was not kept; try again, or set "
            f"{fetch.variable('calibration')} to another mirror"
        )


def _fault(path: Path, name: str) -> str:
    """Why a file is not what its name says; empty if it is fine."""
    try:
        _read(path, name.upper())
    except CalibrationError as error:
        # Omit the path, which may be temporary, and the advice to download the file.
        return str(error).removeprefix(f"{path.resolve()}: ").partition(";")[0]
    return ""


def _read(path: Path, name: str) -> None:
    if name.startswith("FLATFIELD"):
        formats.read_flat(path)
    elif "FF_MODIFIER" in name:
        formats.read_modifier(path)
    elif name.endswith(".SAV"):
        formats.read_spica(path, "FUV")
    elif "LAB_CAL" in name:
        formats.read_lab(path, name[:3])
    else:
        formats.read_evolution(path)
