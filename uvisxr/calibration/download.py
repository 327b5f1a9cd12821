"""Download the calibration files of the UVIS team."""

from __future__ import annotations

from importlib.resources import files as package_files
from pathlib import Path

import yaml

from .. import fetch
from ..errors import CalibrationError, FetchError, NotFoundError, warn_user
from . import formats

#: The Cube Generator Software at the PDS Atmospheres Node.
_PUBLIC = (
    "https://pds-atmospheres.nmsu.edu/data_and_services/atmospheres_data/Cassini/"
    "CASSINIUVIS/UVIS-16/Cube%20Generator%20Software/UVIS_cal_and_ff_modifiers/"
)


def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the files that calibration needs, and of those it can do without."""
    text = (package_files("uvisxr") / "data" / "calibration.yaml").read_text()
    content = yaml.safe_load(text)
    modifiers = (
        f"{channel}{name}" for channel in ("EUV", "FUV") for name in content["both_channels"]
    )
    return (*content["required"], *modifiers), tuple(content["optional"])


def fetch_files(folder: str | Path | None = None) -> list[Path]:
    """Download the calibration files that are not yet there, and check that each can be read.

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
        A file cannot be had, or what came is not what it should be.
    """
    target = Path(folder) if folder else fetch.cache_dir("calibration")
    base = fetch.base_url("calibration", _PUBLIC)
    required, optional = names()
    got = []
    for name in (*required, *optional):
        path = target / name
        try:
            fetch.download(f"{base}{name}", path)
        except NotFoundError:
            if name in required:
                raise
            warn_user(f"{base} has no {name}")
            continue
        try:
            _read(path)
        except CalibrationError as error:
            path.unlink()
            raise FetchError(
                f"{base}{name} is not what it should be ({error}); it was removed"
            ) from error
        got.append(path)
    return got


def _read(path: Path) -> None:
    name = path.name.upper()
    if name.startswith("FLATFIELD"):
        formats.read_flat(path)
    elif "FF_MODIFIER" in name:
        formats.read_modifier(path)
    elif name.endswith(".SAV"):
        formats.read_spica(path, "FUV")
    elif "LAB_CAL" in name:
        formats.read_lab(path)
    else:
        formats.read_evolution(path)
