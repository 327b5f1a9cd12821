"""Products as they are opened to be explored, and the same as lines of a script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from ..background import background
from ..calibration.radiance import calibrate
from ..dataset.forward import windows
from ..errors import ArgumentError, CalibrationError, KernelError
from ..geometry.los import geometry
from ..reader.observation import open_observation
from .session import Session


@dataclass(frozen=True)
class Opening:
    """What a command was told of products.

    Attributes
    ----------
    products : sequence of str
        Labels, absolute paths or URLs.
    kernels : sequence of str
        Files and folders; empty for those of the settings, if there are any.
    calibration : str or None
        Folder of the calibration files; None for that of the settings, if there is any.
    level : float or None
        The background, count/s per detector pixel; None for none.
    window : int or None
        Which one, if the products have several.
    """

    products: Sequence[str]
    kernels: Sequence[str] = ()
    calibration: str | None = None
    level: float | None = None
    window: int | None = None

    def open(self, stars: Path | None = None) -> tuple[Session, list[str]]:
        """The session, and what it does without, in words.

        Geometry and calibration that are not asked for are left out where files for them are
        missing.

        Raises
        ------
        UvisError
            The products cannot be opened, or what is asked for is missing.
        """
        products = ", ".join(map(repr, self.products))
        window = "" if self.window is None else f", window={self.window}"
        lines, without = [f"ds = uvisxr.open_observation({products}{window})"], []
        opened = open_observation(*self.products, window=self.window)
        if isinstance(opened, xr.DataTree):
            names = [name for name, _ in windows(opened)]
            raise ArgumentError(
                f"the products have several windows, {', '.join(names)}: choose one by its number"
            )
        ds = opened
        try:
            ds = geometry(ds, kernels=list(self.kernels) or None)
            said = f"kernels={list(self.kernels)!r}" if self.kernels else ""
            lines.append(f"ds = ds.uvis.geometry({said})")
        except KernelError as error:
            if self.kernels:
                raise
            without.append(f"there is no geometry, and no picture of the sky: {error}")
        if self.level is not None:
            ds = background(ds, level=self.level)
            lines.append(f"ds = ds.uvis.background(level={self.level!r})")
        try:
            ds = calibrate(ds, files=self.calibration)
            said = f"files={self.calibration!r}" if self.calibration else ""
            lines.append(f"ds = ds.uvis.calibrate({said})")
        except CalibrationError as error:
            if self.calibration:
                raise
            without.append(f"there are count rates, and no radiances: {error}")
        return Session(ds, lines, stars), without


def absolute(path: str | os.PathLike[str]) -> str:
    """A path that means the same everywhere; a URL as it is."""
    text = os.fspath(path)
    return text if "://" in text else str(Path(text).expanduser().absolute())
