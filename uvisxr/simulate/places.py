"""What a simulation may write over: what an earlier one has written, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import ExportError
from ..hdf5.handles import opened

#: In the name or the first lines of every file that a simulation writes, but for data and NetCDF.
_MARK = re.compile(rb"simulat", re.IGNORECASE)

#: Bytes of those first lines.
_HEAD = 4096

#: The step in the history of the true radiances.
STEP = "simulate.observation"


def check(paths: Iterable[Path]) -> None:
    """Check that files are either missing or of a simulation.

    Raises
    ------
    ExportError
        One is neither; names it.
    """
    for path in paths:
        if path.exists() and not simulated(path):
            raise ExportError(
                f"{path} is there, and no simulation has written it: choose another directory, or "
                "move the file away"
            )


def simulated(path: Path) -> bool:
    """Whether a simulation has written a file: name, first lines, label or history say so."""
    if not path.is_file():
        return False
    if path.suffix == ".nc":
        return _is_truth(path)
    label = path.with_suffix(".LBL")
    if path.suffix == ".DAT" and label.is_file():
        path = label
    with path.open("rb") as stream:
        return bool(_MARK.search(path.name.encode()) or _MARK.search(stream.read(_HEAD)))


def _is_truth(path: Path) -> bool:
    try:
        with opened(path) as root:
            nodes = [root, *root.groups.values()]
            return any(f"{STEP}(" in str(getattr(node, "history", "")) for node in nodes)
    except OSError:
        return False
