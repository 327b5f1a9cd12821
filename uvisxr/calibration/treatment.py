"""The treatment of evil pixels: the user's choice, and what it means for a dataset."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from .. import checks
from ..dataset import inputs
from ..errors import ArgumentError
from .choices import EvilPixels
from .response import NAMES, Response, load, on_detector, package_response

#: Detector rows and columns in an element up to which elements with evil pixels are left out.
FEW_PIXELS = 2


@dataclass(frozen=True, eq=False)
class EvilTreatment:
    """The arguments `evil_pixels` and `evil_response` of `calibrate`.

    Attributes
    ----------
    treatment : {"auto", "mask", "response", "interpolate"}
    table : Dataset, path or None
    """

    treatment: EvilPixels
    table: xr.Dataset | str | Path | None

    def __post_init__(self) -> None:
        checks.choice("evil_pixels", self.treatment, EvilPixels)
        if not isinstance(self.table, xr.Dataset | str | Path | None):
            raise checks.refused(
                "evil_response",
                self.table,
                "a table of uvisxr.calibration.evil_response or its path",
            )
        if self.table is not None and self.treatment not in ("auto", "response"):
            raise ArgumentError(
                f'evil_response= has no effect with evil_pixels="{self.treatment}": give '
                'evil_pixels="response", or leave evil_response out'
            )

    def chosen(
        self, ds: xr.Dataset
    ) -> tuple[Literal["mask", "response", "interpolate"], Response | None]:
        """The treatment of a dataset, by its bins where it is left to them, and the response.

        Raises
        ------
        CalibrationError
            The table is none, or of another channel; also where it is not used.
        """
        chosen = self._by_bins(ds) if self.treatment == "auto" else self.treatment
        if self.table is None and chosen != "response":
            return chosen, None
        response = self._response(ds.attrs["channel"])
        return chosen, response if chosen == "response" else None

    @staticmethod
    def _by_bins(ds: xr.Dataset) -> Literal["mask", "response"]:
        few = max(int(ds.attrs[key]) for key in ("line_bin", "band_bin")) <= FEW_PIXELS
        return "mask" if few else "response"

    def _response(self, channel: str) -> Response:
        if self.table is None:
            return package_response(channel)
        table = self.table if isinstance(self.table, xr.Dataset) else load(self.table)
        return on_detector(table, channel)

    def said(self, chosen: str) -> tuple[dict[str, Any], tuple[Path, ...]]:
        """Arguments and files for the history; a table that was not used is not in it."""
        took: dict[str, Any] = {"evil_pixels": chosen}
        if self.table is None or chosen != "response":
            return took | {"evil_response": None}, ()
        if not isinstance(self.table, xr.Dataset):
            path = Path(self.table).expanduser()
            return took | {"evil_response": path}, (path,)
        # Tables of one product can differ, and a dataset has no sha256 of a file.
        values = hashlib.sha256()
        for name in NAMES:
            values.update(np.ascontiguousarray(self.table[name].values, float).tobytes())
        text = f"{self.table.attrs.get('source', 'a table')} ({values.hexdigest()[:12]})"
        return took | {"evil_response": text}, tuple(map(Path, inputs.of(self.table)))
