"""Viewers of the products of a catalogue, each made once and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import checks
from ..errors import ArgumentError
from ..explore.opening import Opening
from ..explore.session import Session
from ..pds3.urls import is_url
from . import paths, tables
from .store import read

#: How many are kept in which nothing was done: each holds the spectra of a product.
_MOST = 8

#: What is read of products to open one.
_COLUMNS = ["product", "label", "data", "windows"]


class Viewer(NamedTuple):
    """A product that is open.

    Attributes
    ----------
    session : Session
    without : list of str
        What it has not, in words.
    """

    session: Session
    without: list[str]


class Viewers:
    """Products that were opened, each once, so that nothing is lost of what was done.

    Attributes
    ----------
    catalogue : Path
        Folder of the catalogue that they are of.
    """

    def __init__(
        self,
        catalogue: Path,
        kernels: Sequence[str] = (),
        calibration: str | None = None,
        level: float | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._kernels, self._calibration, self._level = tuple(kernels), calibration, level
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[str, int | None], Viewer] = OrderedDict()

    def windows(self, name: str) -> int:
        """How many windows a product has.

        Raises
        ------
        ArgumentError
            There is no such product in the catalogue.
        """
        return int(self._row(name)["windows"] or 1)

    def of(self, name: str, window: int | None = None) -> Viewer:
        """The viewer of a product.

        Parameters
        ----------
        name : str
            As the catalogue has it.
        window : int, optional
            Of products with several.

        Raises
        ------
        UvisError
            There is no such product in the catalogue, or it cannot be opened.
        """
        with self._lock:
            found = self._open.get((name, window))
            if found is None:
                found = Viewer(*self._opening(name, window).open())
                self._open[name, window] = found
            self._open.move_to_end((name, window))
            self._forget()
            return found

    def _forget(self) -> None:
        """Let those go that were not looked at for longest, and in which nothing was done."""
        idle = [
            key
            for key, (session, _) in self._open.items()
            # In one that a page shows something may be done any time.
            if not any(session.can) and not session.watched
        ]
        for key in idle[:-_MOST]:
            del self._open[key]

    def _row(self, name: str) -> dict[str, Any]:
        rows = tables.records(read(self.catalogue).products, _COLUMNS)
        found = next((row for row in rows if row["product"] == name), None)
        if found is None:
            raise ArgumentError(f"there is no product {checks.shown(name)} in the catalogue")
        return found

    def _opening(self, name: str, window: int | None) -> Opening:
        row = self._row(name)
        label, data = (paths.meant(row[key] or "") for key in ("label", "data"))
        both = [label] if is_url(label) or not data else [label, data]
        return Opening(both, self._kernels, self._calibration, self._level, window)

    @property
    def codes(self) -> list[str]:
        """Scripts of what was done, of each product in which anything was."""
        return [one.session.code for one in self._open.values() if any(one.session.can)]
