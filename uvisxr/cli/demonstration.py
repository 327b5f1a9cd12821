"""The demonstration: a simulated Titan flyby is reduced and compared with the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import simulate
from ..errors import ExportError, MissingDependencyError
from ..files import whole_file
from ..integrals import integrate
from ..quality.flags import good
from ..registration import register
from ..simulate import Simulation, places

#: What the demonstration writes beside the simulation.
_WRITTEN = (
    *("titan.nc", "titan.json", "limb.nc"),
    *("scene.png", "picture.png", "spectrum.png", "limb.png"),
)

#: Edges of the altitude bins, km; above the last one the sky is empty.
_EDGES = np.arange(-1600.0, 2601.0, 50.0)

#: Spectra higher than this above Titan are used to measure the background, km.
_SKY = 2200.0

#: The background is measured where the sky has the least of Lyman-alpha's wing, angstrom.
_DARK = (1650.0, 1850.0)

#: Wavelength ranges compared, angstrom.
_LYMAN_ALPHA, _NITROGEN, _SUNLIGHT = (1205.0, 1226.0), (1250.0, 1480.0), (1700.0, 1880.0)


@dataclass(frozen=True)
class Figure:
    """One line of the comparison.

    Attributes
    ----------
    name, unit : str
    recovered, error, systematic, true : float
        The statistical error and the one common to all spectra; NaN if there is none.
    """

    name: str
    unit: str
    recovered: float
    error: float
    systematic: float
    true: float


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration produced.

    Attributes
    ----------
    folder : Path
    files : mapping of Path to str
        The files written, and what they contain.
    figures : list of Figure
    note : str
        Why there are no pictures; empty if there are some.
    """

    folder: Path
    files: dict[Path, str]
    figures: list[Figure]
    note: str

    def table(self) -> str:
        """The comparison as text, ready to print."""
        head = ("", "recovered", "statistical", "systematic", "true", "unit")
        rows = [
            (
                figure.name,
                f"{figure.recovered:.4g}",
                *(f"{e:.1g}" if np.isfinite(e) else "" for e in (figure.error, figure.systematic)),
                f"{figure.true:.4g}",
                figure.unit,
            )
            for figure in self.figures
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = []
        for first, *middle, unit in (head, *rows):
            cells = [cell.rjust(width) for cell, width in zip(middle, widths[1:], strict=False)]
            lines.append("  ".join([first.ljust(widths[0]), *cells, unit]).rstrip())
        return "\n".join(lines)


def demonstrate(
    directory: str | Path, seed: int = 1, say: Callable[[str], Any] | None = None
) -> Demonstration:
    """Simulate a flyby of Titan, reduce it, draw it, and compare with the truth.

    Parameters
    ----------
    directory : path
        Created if need be; receives a few tens of megabytes.
    seed : int
        Seed of the simulation.
    say : callable, optional
        Called with a message at each stage.

    Returns
    -------
    Demonstration

    Raises
    ------
    ExportError
        A file cannot be written, or would replace one that is not from a demonstration.
    """
    register()
    folder = Path(directory)
    _check(folder)
    say = say or (lambda text: None)
    say("simulating 60 exposures of Titan's limb, with kernels and calibration files")
    made = simulate.observation(folder, products=4, seed=seed)
    say("opening, locating, measuring the background, calibrating")
    ds = reduce(made)
    say("binning by altitude")
    bins = ds.uvis.bin(by={"alt": _EDGES})
    say("writing NetCDF and JSON")
    files = {
        made.labels[0].parent: "the products, as in the archive",
        folder / "kernels": "their SPICE kernels",
        made.calibration: "their calibration files",
        folder / "truth.nc": "the true radiances",
        ds.uvis.to_netcdf(folder / "titan.nc"): "the calibrated, georeferenced spectra",
        ds.uvis.to_json(folder / "titan.json", geometry=True): "their summary",
        bins.uvis.to_netcdf(folder / "limb.nc"): "mean spectra by altitude",
    }
    note = ""
    try:
        say("drawing")
        files |= pictures(ds, bins, folder)
    except MissingDependencyError as error:
        note = f"no pictures: {error}"
    return Demonstration(folder, files, figures(made, ds, bins), note)


def _check(folder: Path) -> None:
    """Files of an earlier demonstration are replaced, others of their names are not."""
    there = [name for name in _WRITTEN if (folder / name).exists()]
    if there and not places.simulated(folder / "truth.nc"):
        raise ExportError(
            f"{folder / there[0]} is there, and no demonstration has written it: choose another "
            "directory"
        )


def reduce(made: Simulation) -> xr.Dataset:
    """From products to calibrated, georeferenced spectra, with stars flagged."""
    ds = made.open(name="titan").uvis.geometry(kernels=made.kernels)
    # In real data, stars are found by eye: ds.uvis.plot.check_stars().
    ds = ds.uvis.flag(made.truth.star == 1, "star")
    ds = ds.uvis.background(alt_min=_SKY, wl_range=_DARK)
    calibrated: xr.Dataset = ds.uvis.calibrate(files=made.calibration)
    return calibrated


def figures(made: Simulation, ds: xr.Dataset, bins: xr.Dataset) -> list[Figure]:
    """Recovered and true figures."""
    true = truth_bins(made, ds)
    lost = (made.truth.lost == 1).values
    found = ~good(ds, "lost").values
    rows = [
        Figure(
            "background",
            "count/s/pixel",
            float(ds.background),
            float(ds.background_error),
            np.nan,
            float(made.truth.background),
        ),
        Figure("lost spectra", "", float(found.sum()), np.nan, np.nan, float(lost.sum())),
        Figure(
            "peak of the limb",
            "km",
            peak(integrate(bins, _NITROGEN)["brightness"]),
            np.nan,
            np.nan,
            float(made.truth.attrs["limb_peak"]),
        ),
    ]
    sky, limb, disk = ({"alt_bin": part} for part in _PARTS)
    for name, wl_range, part in (
        ("Lyman-alpha, sky", _LYMAN_ALPHA, sky),
        ("Lyman-alpha, limb", _LYMAN_ALPHA, limb),
        ("N2 LBH and N I, limb", _NITROGEN, limb),
        ("sunlight, disk", _SUNLIGHT, disk),
    ):
        seen, expected = (integrate(b, wl_range)["brightness"].sel(part) for b in (bins, true))
        error = np.hypot(seen.brightness_upper, seen.brightness_lower) / np.sqrt(2)
        count = seen.notnull().sum()
        rows.append(
            Figure(
                name,
                "kR",
                float(seen.mean()),
                float(np.sqrt((error**2).sum()) / count),
                float(seen.brightness_systematic.mean()),
                float(expected.mean()),
            )
        )
    return rows


#: Sky, limb and disk, km.
_PARTS = (slice(2200, 2600), slice(700, 1200), slice(-1600, -100))


def truth_bins(made: Simulation, ds: xr.Dataset) -> xr.Dataset:
    """The true radiances, binned like the recovered ones."""
    bounds = [name for name in ds.coords if str(name).startswith("radiance_")]
    true = ds.drop_vars([*bounds, "counts"]).assign(radiance=made.truth.radiance)
    bins: xr.Dataset = true.uvis.bin(by={"alt": _EDGES})
    return bins


def peak(profile: xr.DataArray) -> float:
    """Altitude of peak brightness, km: the vertex of a parabola through the maximum."""
    top = int(np.nanargmax(profile))
    near = profile.isel(alt_bin=slice(max(top - 3, 0), top + 4)).dropna("alt_bin")
    a, b, _ = np.polyfit(near.alt_bin, near, 2)
    return float(-b / (2 * a))


def pictures(ds: xr.Dataset, bins: xr.Dataset, folder: Path) -> dict[Path, str]:
    """Draw what can be drawn without a screen.

    Raises
    ------
    MissingDependencyError
        matplotlib is not installed.
    """
    plot = ds.uvis.plot
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    drawn = {}

    def page(
        name: str, what: str, draw: Callable[[Any], Any], size: tuple[float, float] = (6.4, 5.2)
    ) -> None:
        canvas = Canvas(figsize=size, layout="constrained")
        FigureCanvasAgg(canvas)
        draw(canvas.add_subplot())
        path = folder / f"{name}.png"
        with whole_file(path) as temporary:
            canvas.savefig(temporary, dpi=110, format="png")
        drawn[path] = what

    middle = int(ds.pic[ds.sizes["pic"] // 2])
    page(
        "scene",
        "the scene at mid-observation",
        lambda ax: plot.geometry(pic=middle, bodies=(), ax=ax),
    )
    page(
        "picture",
        "Titan in Lyman-alpha",
        lambda ax: plot.picture(_LYMAN_ALPHA, ax=ax),
    )
    # Otherwise Lyman-alpha on one side and noise on the other would set the scale.
    limb = bins.sel(alt_bin=slice(900, 950), wl=slice(1225, 1800))
    page(
        "spectrum",
        "mean spectrum at 900 to 950 km",
        lambda ax: limb.uvis.plot.spectrum(ax=ax),
        size=(9.0, 4.5),
    )
    page(
        "limb",
        "brightness of the nitrogen bands by altitude",
        lambda ax: bins.uvis.plot.limb(_NITROGEN, ax=ax),
    )
    return drawn
