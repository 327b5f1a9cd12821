"""What a scene shows at all exposures of a dataset, computed at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from ..drawing.texts import body, literal, product, tied
from ..errors import KernelError
from ..geometry import views
from ..geometry.rays import apparent
from ..numerics.sphere import unit
from ..stars import catalogue
from ..timescales import et_to_utc


@dataclass(frozen=True)
class Stage:
    """What a scene shows at all exposures of a dataset, computed at once.

    Attributes
    ----------
    ds : Dataset
    target : Views or None
        None if it is no body, or one without known shape.
    others : list of Views
    velocity : ndarray, (pic, 3)
        Of the spacecraft, J2000, km/s.
    used, slit : ndarray, (pic, pixel, 4, 3) and (pic, 64, 4, 3)
        Apparent directions of the corners of the dataset's pixels, and of all detector rows.
    stars : Dataset
    """

    ds: xr.Dataset
    target: views.Views | None
    others: list[views.Views]
    velocity: np.ndarray
    used: np.ndarray
    slit: np.ndarray
    stars: xr.Dataset

    @classmethod
    def of(
        cls,
        ds: xr.Dataset,
        kernels: str | Path | Iterable[str | Path] | None,
        bodies: Iterable[str] | None,
        stars: xr.Dataset | None,
    ) -> Stage:
        """Compute the stage, without other bodies if there are no kernels and none are asked for.

        Raises
        ------
        KernelError, CoverageError
            Kernels or bodies are asked for, but there are no kernels, or none of the spacecraft.

        Warns
        -----
        UvisWarning
            Bodies that are asked for are not in the kernels.
        """
        ds = views.middle_sample(ds)
        ds = ds.expand_dims("pic") if "pic" not in ds.dims else ds
        try:
            others = views.others(ds, kernels, bodies)
        except KernelError:
            if kernels is not None or bodies is not None:
                raise
            others = []
        known = catalogue.read() if stars is None else catalogue.check(stars)
        known_body = None if views.shapeless(ds) else views.target(ds)
        seen = views.corners(ds), views.slit(ds)
        return cls(ds, known_body, others, views.velocity(ds), *seen, known)

    def title(self, index: int) -> str:
        """Name of the observation, exposure, and the instant that is drawn, UTC to 0.1 s."""
        instant = et_to_utc(np.atleast_1d(self.ds["geometry_et"].values)[index])
        tenth = (instant + np.timedelta64(50, "ms")).astype("datetime64[ms]")
        time = tied(f"{str(tenth)[:-2].replace('T', ' ')} UTC")
        pic = int(np.atleast_1d(self.ds["pic"].values)[index])
        parts = body(self.ds), literal(product(self.ds)), f"pic {pic}", time
        return ", ".join(part for part in parts if part)

    def below(self, index: int) -> str:
        """Longitude and latitude of the sub-spacecraft point in words."""
        if not {"sc_lon", "sc_lat"} <= set(self.ds.variables):
            return ""
        lon, lat = (float(np.atleast_1d(self.ds[n].values)[index]) for n in ("sc_lon", "sc_lat"))
        side = self.ds.attrs["lon_direction"][0].upper()
        return f"{lon:.1f}° {side}, {abs(lat):.1f}° {'N' if lat >= 0 else 'S'}"

    def star_directions(self, index: int) -> np.ndarray:
        """Apparent directions of the stars at one exposure, (star, 3)."""
        year = catalogue.julian_year(self.ds["geometry_et"].values[index])
        true = catalogue.directions(self.stars, year)
        return apparent(true, self.velocity[index])[0]

    def middle(self, index: int) -> np.ndarray:
        """Where the slit points at one exposure, or without pointing then, at another, (3,)."""
        for seen in (self.used[index], self.used):
            known = np.isfinite(seen).all(axis=-1)
            if known.any():
                return unit(seen[known][0] if seen is self.used else seen[known].sum(axis=0))
        return np.array([1.0, 0.0, 0.0])
