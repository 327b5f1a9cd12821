"""The file in which star flags are kept while they are set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import xarray as xr

from .. import files
from ..errors import ArgumentError, UvisError, shortened
from ..quality.flags import unflag
from ..stars import flag_files

#: A spectrum that is none, whatever the dataset says, by the numbers of its exposure and pixel.
_CLEARED = re.compile(r"^# cleared: (-?\d+) (-?\d+)$", re.MULTILINE)


class Kept:
    """A file of star flags, which is written as long as nobody else changes it.

    Attributes
    ----------
    path : Path
        Absolute.
    trouble : str
        Why the flags were not written, empty if they were.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.trouble = Path(files.absolute(path)), ""
        self._left = self._held()

    def _held(self) -> bytes | None:
        """What the file holds; None without one."""
        return files.read_whole(self.path, flag_files.MOST) if self.path.is_file() else None

    def load(self, ds: xr.Dataset) -> xr.Dataset:
        """The dataset as it was left: with the flags of the file, if there is one."""
        if self._left is None:
            return ds
        found = flag_files.load(ds, self.path)
        cleared = [(int(a), int(b)) for a, b in _CLEARED.findall(self._left.decode("utf-8-sig"))]
        return unflag(found, cleared, "star") if cleared else found

    def save(self, ds: xr.Dataset, cleared: Iterable[tuple[int, int]] = ()) -> None:
        """Write the flags of a dataset; if that cannot be, `trouble` says why.

        `cleared`: numbers of exposures and pixels whose flag was taken off.
        """
        try:
            if self._held() not in (None, self._left):
                raise ArgumentError(
                    f"somebody else has changed {self.path}, and what they wrote would be lost: "
                    "move it away, and it is written with the next change"
                )
            comments = [f"cleared: {pic} {pixel}" for pic, pixel in cleared]
            flag_files.write(ds, self.path, comments=comments)
            self._left, self.trouble = self._held(), ""
        except (UvisError, OSError) as error:
            self.trouble = shortened(str(error), 300)
