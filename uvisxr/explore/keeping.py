"""The file in which star flags are kept while they are set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import xarray as xr

from .. import files
from ..dataset.bits import QUALITY_FLAGS
from ..errors import ArgumentError, UvisError, shortened
from ..quality.flags import flags_of, select, unflag
from ..stars import flag_files

#: A spectrum that is none, whatever the dataset says, by the numbers of its exposure and pixel.
_CLEARED = re.compile(r"^# cleared: (-?\d+) (-?\d+)\s*$", re.MULTILINE)


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
        self._cleared: list[tuple[int, int]] = []

    def _held(self) -> bytes | None:
        """What the file holds; None without one."""
        return files.read_whole(self.path, flag_files.MOST) if self.path.is_file() else None

    def load(self, ds: xr.Dataset) -> xr.Dataset:
        """The dataset as it was left: with the flags of the file, if there is one."""
        if self._left is None:
            return ds
        found = flag_files.load(ds, self.path)
        pairs = _CLEARED.findall(self._left.decode("utf-8-sig"))
        self._cleared = [(int(a), int(b)) for a, b in pairs]
        try:
            return unflag(found, self._cleared, "star") if pairs else found
        except ArgumentError as error:
            raise ArgumentError(f"{self.path}, where flags were cleared: {error}") from None

    def _without_star(self, ds: xr.Dataset) -> list[tuple[int, int]]:
        """What had been cleared when the file was read, and has no flag now."""
        flags, positions = flags_of(ds).transpose("pic", "pixel").values, select(ds, self._cleared)
        star = (flags[tuple(positions.T)] & QUALITY_FLAGS["star"]) != 0
        return [pair for pair, on in zip(self._cleared, star, strict=True) if not on]

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
            # What was cleared of another dataset stays so, too.
            pairs = dict.fromkeys([*cleared, *self._without_star(ds)])
            comments = [f"cleared: {pic} {pixel}" for pic, pixel in pairs]
            flag_files.write(ds, self.path, comments=comments)
            self._left, self.trouble = self._held(), ""
        except (UvisError, OSError) as error:
            self.trouble = shortened(str(error), 300)
