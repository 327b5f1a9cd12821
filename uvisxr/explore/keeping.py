"""The file in which star flags are kept while they are set."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from .. import files
from ..errors import ArgumentError, UvisError, shortened
from ..stars import flag_files

#: Bytes that are compared, at most: no file of flags is longer.
_MOST = 2**24


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
        return files.read_whole(self.path, _MOST) if self.path.is_file() else None

    def load(self, ds: xr.Dataset) -> xr.Dataset:
        """The dataset with the flags of the file too, if there is one."""
        return ds if self._left is None else flag_files.load(ds, self.path)

    def save(self, ds: xr.Dataset) -> None:
        """Write the flags of a dataset; if that cannot be, `trouble` says why."""
        try:
            if self._held() not in (None, self._left):
                raise ArgumentError(
                    f"somebody else has changed {self.path}, and what they wrote would be lost: "
                    "move it away, and it is written with the next change"
                )
            flag_files.save(ds, self.path)
            self._left, self.trouble = self._held(), ""
        except (UvisError, OSError) as error:
            self.trouble = shortened(str(error), 300)
