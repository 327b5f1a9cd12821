"""Products as they are opened to be explored, and the same as lines of a script."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from .. import files
from ..background import background
from ..calibration.radiance import calibrate
from ..dataset.forward import windows
from ..errors import ArgumentError, CalibrationError, KernelError, UvisError
from ..geometry.los import geometry
from ..pds3.urls import is_url
from ..reader.observation import open_observation
from .session import Session

#: A step of a reduction.
Step = Callable[..., xr.Dataset]


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

        def done(step: Step, given: Any, name: str, lack: type[UvisError], so: str) -> None:
            """Do a step, or say what is missing because of its files, if none were given."""
            nonlocal ds
            try:
                ds = step(ds, **{name: given or None})
            except lack as error:
                if given:
                    raise
                without.append(f"{so}: {error}")
            else:
                said = f"{name}={given!r}" if given else ""
                lines.append(f"ds = ds.uvis.{step.__name__}({said})")

        no_sky = "there is no geometry, and no picture of the sky"
        done(geometry, list(self.kernels), "kernels", KernelError, no_sky)
        if self.level is not None:
            ds = background(ds, level=self.level)
            lines.append(f"ds = ds.uvis.background(level={self.level!r})")
        no_light = "there are count rates, and no radiances"
        done(calibrate, self.calibration, "files", CalibrationError, no_light)
        return Session(ds, lines, stars), without


def absolute(path: str | os.PathLike[str]) -> str:
    """A path that means the same everywhere; a URL as it is."""
    text = os.fspath(path)
    return text if is_url(text) else str(files.absolute(Path(text).expanduser()))
