"""Draw every picture of the package, each in its usual and in its hard cases.

::

    python tests/gallery.py FOLDER [NAME ...]
    python tests/gallery.py --page

writes `NAME.png` of each picture, or of those whose names start with one of the given, and
`sheet_1.png`, ... with all of them side by side. `CASES` has them by name, as functions that take
nothing and return a Figure; pictures of real data are only in it where the data are. `--page` draws
those that docs/gallery.md shows, into `docs/gallery`.
"""

from __future__ import annotations

import atexit
import inspect
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import xarray as xr
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parent))

from helpers import catalogues
from helpers.flyby import flyby
from helpers.realdata import real_data
from helpers.synthetic import ENCELADUS_ET, PHOEBE_ET, TITAN_ET, dataset, kernels

import uvisxr
from uvisxr.catalogue import pictures
from uvisxr.catalogue.database import Tables
from uvisxr.cli import demonstration
from uvisxr.drawing.layout import lay_out
from uvisxr.drawing.style import in_style, style
from uvisxr.drawing.texts import span
from uvisxr.geometry import views
from uvisxr.instrument.detector import Window
from uvisxr.plot import scene
from uvisxr.plot.stage import Stage
from uvisxr.simulate import Simulation
from uvisxr.timescales import parse_et

#: All pictures by name.
CASES: dict[str, Callable[[], Figure]] = {}

#: The pictures that the gallery's page shows.
PAGE = (
    *("quicklook", "picture", "picture_saturn", "picture_rings", "evolution_gap_and_star"),
    *("keogram", "limb", "map_polar", "map_cylindrical", "spectrum_of_limb"),
    *("spectrum_of_bins_apart", "bins", "geometry_rings"),
    "check_stars",
)

#: Where the page has them.
PAGE_FOLDER = Path(__file__).parents[1] / "docs" / "gallery"

#: Dots per inch of pictures.
_DPI = 100

#: Wavelengths of nitrogen's bands, and of hydrogen's line, angstrom.
NITROGEN, LYMAN_ALPHA = (1450.0, 1800.0), (1205.0, 1226.0)

#: Where the FUV channel is sensitive, angstrom: xarray's plots show all that they are given, and
#: next to it noise of any height.
_SENSITIVE = slice(1165.0, 1905.0)

#: Size of small pictures, inches.
_SMALL = (3.0, 3.0)

#: Pictures on a sheet: across, down, and the width of each in screen pixels.
_SHEET = (4, 4, 480)

_REAL = real_data()


def case(function: Callable[[], Any]) -> Callable[[], Figure]:
    """Enter a picture: a function that draws it and returns its axes, figure or checker."""

    @wraps(function)
    def drawn() -> Figure:
        plt.close("all")
        found = function()
        return found if isinstance(found, Figure) else found.figure

    CASES[function.__name__] = drawn
    return drawn


def real(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enter a picture of real data, where there are any."""
    return case(function) if _REAL is not None else function


@contextmanager
def small() -> Iterator[plt.Axes]:
    """Axes of a small picture, as a user makes them."""
    yield plt.subplots(figsize=_SMALL, layout="constrained")[1]


# Data, each made once ----------------------------------------------------------------------------


@cache
def folder() -> Path:
    made = tempfile.mkdtemp(prefix="uvisxr_gallery")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@cache
def simulated(name: str) -> Simulation:
    options: dict[str, dict[str, Any]] = {
        "titan": {"exposures": 40, "seed": 1, "window": Window(2, 0, 61, 1023, band_bin=4)},
        "readme": {"products": 4, "exposures": 60, "seed": 1},
        "euv": {"channel": "EUV", "exposures": 24, "window": Window(2, 0, 61, 1023, band_bin=4)},
        "saturn": {
            "target": "SATURN",
            "start": "2016-278T09:22:00",
            "exposures": 40,
            "exposure": 120.0,
            "window": Window(0, 0, 63, 1023, band_bin=32),
        },
    }
    options["aurora"] = options["saturn"] | {"aurora_altitude": 1100.0}
    return uvisxr.simulate.observation(folder() / name, **options[name])


@cache
def located(name: str) -> xr.Dataset:
    made = simulated(name)
    return made.open().uvis.geometry(kernels=made.kernels)


@cache
def calibrated(name: str) -> xr.Dataset:
    return located(name).uvis.calibrate(files=simulated(name).calibration).compute()


@cache
def binned(*by: str) -> xr.Dataset:
    edges = {
        "alt": [-2600, -1000, 0, 400, 800, 1200, 1600, 2400],
        "lat": np.arange(-90, 91, 30),
        "lt": np.arange(0, 25, 3),
    }
    return calibrated("titan").uvis.bin(by={name: edges[name] for name in by})


@cache
def passed(**options: Any) -> xr.Dataset:
    """A body of closed forms: `distance`, km; `step` between exposures, rad; `n_pic`."""
    return flyby(**options)


@cache
def aurora() -> xr.Dataset:
    """The archive's product of Saturn's aurora, without geometry."""
    import bz2

    assert _REAL is not None
    label = folder() / "FUV2016_278_09_22.LBL"
    packed = _REAL / "products" / "FUV2016_278_09_22.DAT.bz2"
    label.write_bytes((packed.parent / label.name).read_bytes())
    label.with_suffix(".DAT").write_bytes(bz2.decompress(packed.read_bytes()))
    return uvisxr.open_product(label)


@cache
def rings() -> xr.Dataset:
    """The archive's product of Saturn's rings, calibrated."""
    assert _REAL is not None
    ds = uvisxr.open_product(_REAL / "products" / "FUV2005_230_15_15.LBL")
    return ds.uvis.calibrate(files=_REAL / "calibration").compute()


@cache
def on_real_kernels(name: str) -> xr.Dataset:
    assert _REAL is not None
    et = {"titan": TITAN_ET, "enceladus": ENCELADUS_ET, "phoebe": PHOEBE_ET}[name]
    ets = et + np.arange(-60.0, 61.0, 30.0)
    window = Window(0, 0, 63, 1023, band_bin=256)
    ds = dataset(ets=ets, target=name.upper(), window=window)
    return ds.uvis.geometry(kernels=kernels(_REAL, name))


def flagged(ds: xr.Dataset) -> xr.Dataset:
    """All spectra flagged."""
    return ds.uvis.flag(xr.ones_like(ds["quality"], bool), "user")


# What comes first --------------------------------------------------------------------------------


@case
def titan():
    """The README's picture: `python tests/gallery.py examples titan`."""
    ds = demonstration.reduce(simulated("readme")).assign_attrs(name="FUV_2008_070")
    limb = ds.uvis.bin(by={"alt": [900, 950]}).sel(wl=slice(1225, 1800))
    # Its letters can be read where it is half as wide, on a phone.
    with plt.rc_context({"font.size": 11.5}):
        figure = plt.figure(figsize=(7.2, 7.2), layout="constrained")
        above, below = figure.subplots(2, 1, height_ratios=(1.9, 1.0))
        ds.uvis.plot.picture(LYMAN_ALPHA, nx=260, ax=above)
        limb.uvis.plot.spectrum(lines="titan", ax=below)
        below.set_title("")
        below.set_title("Mean of 900–950 km altitude", loc="left", fontsize="medium")
        lay_out(above)
    # One below the other: the picture is as wide as its aspect lets it.
    figure.set_layout_engine("none")
    image, lower = above.get_position(), below.get_position()
    below.set_position((image.x0, lower.y0, image.width, lower.height))
    return figure


# All at a glance ---------------------------------------------------------------------------------


@case
def quicklook():
    return simulated("titan").open().uvis.plot.quicklook()


@case
def quicklook_calibrated():
    return calibrated("titan").uvis.plot.quicklook()


@case
def quicklook_euv():
    return calibrated("euv").uvis.plot.quicklook()


@case
def quicklook_wide_bins():
    return calibrated("saturn").uvis.plot.quicklook()


@case
def quicklook_one_spectrum():
    return calibrated("titan").isel(pic=[5], pixel=[30]).uvis.plot.quicklook()


@case
def quicklook_all_flagged():
    return flagged(calibrated("titan")).uvis.plot.quicklook()


@case
def quicklook_unlit_rows():
    return calibrated("saturn").isel(pixel=[0, 1]).uvis.plot.quicklook()


@case
def quicklook_dark():
    with plt.style.context("dark_background"):
        return simulated("titan").open().uvis.plot.quicklook()


@case
def quicklook_small():
    figure = plt.figure(figsize=(4.5, 4.0), layout="constrained")
    return calibrated("titan").uvis.plot.quicklook(figure=figure)


@case
def quicklook_narrow():
    figure = plt.figure(figsize=(3.0, 3.6), layout="constrained")
    return calibrated("titan").uvis.plot.quicklook(figure=figure)


@real
def quicklook_real_rings():
    return rings().uvis.plot.quicklook()


@real
def quicklook_real_aurora():
    return aurora().uvis.plot.quicklook()


# The image of the body ---------------------------------------------------------------------------


@case
def picture():
    return calibrated("titan").uvis.plot.picture(NITROGEN)


@case
def picture_lyman_alpha_grey():
    return calibrated("titan").uvis.plot.picture(LYMAN_ALPHA, cmap="gray")


@case
def picture_saturn():
    return calibrated("saturn").uvis.plot.picture((1165.0, 1905.0))


@case
def picture_euv():
    return calibrated("euv").uvis.plot.picture()


@case
def picture_contours():
    return passed().uvis.plot.picture(nx=80, levels=12, norm="log", interpolate=True)


@case
def picture_tiny_body():
    return passed(distance=4e6, n_pic=21).uvis.plot.picture(nx=100)


@case
def picture_far_beside():
    return passed(distance=9e7, n_pic=8, step=1e-3).uvis.plot.picture(nx=100)


@case
def picture_body_fills_view():
    return passed(distance=9e3, n_pic=10, step=1.5e-3).uvis.plot.picture(nx=100)


@case
def picture_one_exposure():
    return passed(n_pic=1).uvis.plot.picture(nx=100)


@case
def picture_one_pixel():
    return passed().isel(pic=[12], pixel=[30]).uvis.plot.picture(nx=100)


@case
def picture_dark():
    with plt.style.context("dark_background"):
        return calibrated("titan").uvis.plot.picture(NITROGEN)


@case
def picture_small():
    with small() as ax:
        return calibrated("titan").uvis.plot.picture(NITROGEN, ax=ax)


@case
def picture_flagged():
    ds = calibrated("titan")
    truth = simulated("titan").truth
    ds = ds.uvis.flag(truth.star == 1, "star").uvis.flag(truth.lost == 1, "user")
    return ds.uvis.plot.picture(LYMAN_ALPHA)


@case
def picture_all_flagged():
    return flagged(calibrated("titan")).uvis.plot.picture(NITROGEN)


@case
def picture_behind():
    """All footprints on the other side of the sky."""
    ds = passed(n_pic=3)
    turned = {"ra_corners": ds["ra_corners"] + 180, "dec_corners": -ds["dec_corners"]}
    return ds.assign_coords(turned).uvis.plot.picture()


@case
def picture_overlaps():
    return passed(n_pic=9, step=1e-3).uvis.plot.picture(nx=100)


@case
def picture_latest():
    return passed(n_pic=9, step=1e-3).uvis.plot.picture(nx=100, overlap="latest")


@case
def picture_rings():
    limits = {"xlim": (-160e3, 160e3), "ylim": (-130e3, 130e3)}
    return calibrated("saturn").uvis.plot.picture((1165.0, 1905.0), **limits)


@case
def picture_rings_edge_on():
    ds = calibrated("saturn")
    dec = ds["target_dec"]
    turned = {"pole_ra": ds["target_ra"], "pole_dec": dec - 90 * np.sign(dec)}
    limits = {"xlim": (-160e3, 160e3), "ylim": (-70e3, 70e3)}
    ds = ds.assign_coords(turned)
    return ds.uvis.plot.picture((1165.0, 1905.0), **limits)


@case
def picture_bare():
    return calibrated("titan").uvis.plot.picture(NITROGEN, annotate=False)


@case
def picture_small_map():
    with small() as ax:
        return calibrated("saturn").uvis.plot.picture((1165.0, 1905.0), ax=ax)


@case
def picture_small_tiny_body():
    with small() as ax:
        return passed(distance=4e6, n_pic=21).uvis.plot.picture(nx=100, ax=ax)


@case
def picture_given_axes():
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.8), layout="constrained")
    calibrated("titan").uvis.plot.picture(LYMAN_ALPHA, ax=axes[0])
    passed().uvis.plot.picture(nx=100, ax=axes[1])
    return figure


@case
def picture_bodies():
    """Two other bodies beside the target, one of them in front of it."""
    ds = passed()
    middle = views.target(ds)

    def moved(name: str, *offset: float, size: float) -> views.Views:
        away = middle.observer + np.einsum("nij,j->ni", middle.rotation, np.array(offset))
        return replace(middle, name=name, radii=size * middle.radii, observer=away)

    others = [
        moved("TETHYS", -1.5e3, 1.2e3, 4e3, size=0.3),
        moved("DIONE", 4e3, 2e3, 4e3, size=0.5),
    ]
    with patch.object(views, "others", lambda *_: others):
        return ds.uvis.plot.picture(nx=100)


# Maps --------------------------------------------------------------------------------------------


@cache
def mapped(by: str) -> xr.Dataset:
    """A polar map of Saturn's aurora."""
    options = {"projection": "polar", "by": by, "altitude": 1100, "spacing": 0.5}
    return without_background("aurora").uvis.map(wl_range=(1250.0, 1700.0), **options)


@cache
def mapped_titan(**options: Any) -> xr.Dataset:
    return without_background("titan").uvis.map(wl_range=NITROGEN, **options)


def without_background(name: str) -> xr.Dataset:
    ds = located(name).uvis.background(level=4e-4)
    return ds.uvis.calibrate(files=simulated(name).calibration)


@case
def map_polar():
    return mapped("lt").uvis.plot.map()


@case
def map_polar_small():
    with small() as ax:
        return mapped("lon").uvis.plot.map(ax=ax)


@case
def map_polar_counts():
    return mapped("lt").uvis.plot.map("spectra")


@case
def map_polar_dark():
    with plt.style.context("dark_background"):
        return mapped("lon").uvis.plot.map(norm="log")


@case
def map_polar_south():
    return mapped_titan(projection="polar", pole="south", by="lt").uvis.plot.map()


@case
def map_cylindrical():
    ds = passed(n_pic=40, step=1.5e-3).uvis.integrate()
    return ds.uvis.map(spacing=3.0).uvis.plot.map()


@case
def map_cylindrical_small():
    with small() as ax:
        return mapped_titan(spacing=5.0).uvis.plot.map(ax=ax)


@case
def map_cylindrical_dark():
    with plt.style.context("dark_background"):
        return mapped_titan(spacing=5.0).uvis.plot.map()


@case
def map_cylindrical_grey():
    return mapped_titan(spacing=5.0).uvis.plot.map(cmap="gray")


@case
def map_cylindrical_bare():
    return mapped_titan(spacing=5.0).uvis.plot.map(annotate=False)


@case
def map_empty():
    ds = mapped_titan(spacing=5.0)
    return ds.where(False).assign_attrs(ds.attrs).uvis.plot.map()


# Spectra -----------------------------------------------------------------------------------------


@case
def spectrum():
    return calibrated("titan").uvis.plot.spectrum([(20, 30), (21, 30)], lines=True)


@case
def spectrum_of_limb():
    limb = calibrated("titan").uvis.bin(by={"alt": [900, 950]})
    return limb.uvis.plot.spectrum(lines="titan", xlim=(1225, 1800))


@case
def spectrum_counts():
    return simulated("titan").open().uvis.plot.spectrum([(20, 30)])


@case
def spectrum_rate():
    return simulated("titan").open().uvis.rate().uvis.plot.spectrum([(20, 30)], lines=True)


@case
def spectrum_of_bins():
    return binned("alt").uvis.plot.spectrum()


@case
def spectrum_of_empty_bins():
    edges = {"alt": [-9000, -5000, *range(-1000, 3000, 400), 9000, 12000]}
    return calibrated("titan").uvis.bin(by=edges).uvis.plot.spectrum(lines=True)


@case
def spectrum_of_bins_by_two():
    edges = {"alt": [0, 600, 1200, 1800, 2400], "lat": [-90, -10, 10, 90]}
    return calibrated("titan").uvis.bin(by=edges).uvis.plot.spectrum()


@case
def spectrum_of_bins_apart():
    ds = calibrated("titan").uvis.bin(by={"alt": range(0, 2500, 300)})
    return ds.uvis.plot.spectrum(xlim=(1250, 1750), lines="titan", offset=True)


@case
def spectrum_of_bins_apart_log():
    ds = calibrated("titan").uvis.bin(by={"alt": range(0, 2500, 400)})
    return ds.uvis.plot.spectrum(offset=True, band=False)


@case
def spectrum_of_bins_small():
    with small() as ax:
        return binned("alt").uvis.plot.spectrum(lines=True, ax=ax)


@case
def spectrum_of_bins_dark():
    with plt.style.context("dark_background"):
        return binned("alt").uvis.plot.spectrum(lines=True)


@case
def spectrum_all_wavelengths():
    return calibrated("titan").uvis.plot.spectrum([(20, 30)], lines="all", xlim="all")


@case
def spectrum_saturn():
    return calibrated("saturn").uvis.plot.spectrum([(20, 30), (20, 40)], lines="saturn")


@case
def spectrum_euv():
    return calibrated("euv").uvis.plot.spectrum([(12, 30)], lines=True)


@case
def spectrum_euv_of_bins():
    edges = {"alt": [-2600, -1000, 0, 800, 1600, 2400]}
    return calibrated("euv").uvis.bin(by=edges).uvis.plot.spectrum(lines=True)


@case
def spectrum_wide_bins():
    return calibrated("saturn").uvis.plot.spectrum([(20, 30)])


@case
def spectrum_unlit():
    return calibrated("saturn").uvis.plot.spectrum([(20, 0), (20, 1)])


@case
def spectrum_one_element():
    return calibrated("titan").isel(wl=[50]).uvis.plot.spectrum([(20, 30), (21, 30)])


@case
def spectrum_dark():
    with plt.style.context("dark_background"):
        return calibrated("titan").uvis.plot.spectrum([(20, 30), (21, 30)], lines=True)


@case
def spectrum_small():
    with small() as ax:
        return calibrated("titan").uvis.plot.spectrum([(20, 30), (21, 30)], lines=True, ax=ax)


@real
def spectrum_real_rings():
    return rings().uvis.plot.spectrum([(12, 30)], lines=True)


# Brightness against time -------------------------------------------------------------------------


@cache
def starless() -> xr.Dataset:
    """Titan with its stars flagged."""
    return calibrated("titan").uvis.flag(simulated("titan").truth.star == 1, "star")


@cache
def interrupted() -> xr.Dataset:
    """Titan with a star far brighter than all, some spectra set aside, and a gap of an hour."""
    ds = calibrated("titan").isel(pic=[*range(14), *range(29, 40)])
    ds = ds.uvis.flag([(p, 30) for p in range(4, 9)], "user").compute()
    bright = xr.ones_like(ds["radiance"])
    bright.loc[{"pic": 3, "pixel": [44, 45]}] = 3000.0
    return ds.assign(radiance=(ds["radiance"] * bright).assign_attrs(ds["radiance"].attrs))


@case
def evolution():
    return calibrated("titan").uvis.plot.evolution(NITROGEN)


@case
def evolution_gap_and_star():
    return interrupted().uvis.plot.evolution(NITROGEN)


@case
def evolution_log():
    return calibrated("titan").uvis.plot.evolution(NITROGEN, norm="log", cmap="magma", x="pic")


@case
def evolution_altitudes():
    return calibrated("titan").uvis.plot.evolution(NITROGEN, y="alt")


@case
def evolution_against_altitude():
    return passed().uvis.plot.evolution(None, x="alt")


@case
def evolution_local_time():
    return calibrated("saturn").uvis.plot.evolution((1226.0, 1280.0), y="lt")


@case
def evolution_counts():
    return simulated("titan").open().uvis.plot.evolution()


@case
def evolution_euv():
    return calibrated("euv").uvis.plot.evolution()


@case
def evolution_one_exposure():
    return passed(n_pic=1).uvis.plot.evolution(None)


@case
def evolution_one_spectrum():
    return passed().isel(pic=[12], pixel=[30]).uvis.plot.evolution(None)


@case
def evolution_all_flagged():
    return flagged(passed()).uvis.plot.evolution(None)


@case
def evolution_unlit_rows():
    return calibrated("saturn").isel(pixel=[0, 1]).uvis.plot.evolution()


@case
def evolution_dark():
    with plt.style.context("dark_background"):
        return interrupted().uvis.plot.evolution(NITROGEN)


@case
def evolution_grey():
    return interrupted().uvis.plot.evolution(NITROGEN, cmap="gray")


@case
def evolution_small():
    with small() as ax:
        return interrupted().uvis.plot.evolution(NITROGEN, ax=ax)


@real
def evolution_real_aurora():
    return aurora().uvis.plot.evolution(None)


@case
def evolution_panels():
    return interrupted().uvis.plot.evolution(NITROGEN, pixels=range(40, 50), panels=True)


@case
def evolution_panels_all_pixels():
    return passed().uvis.plot.evolution(None, panels=True)


@case
def evolution_panels_log_stars():
    ds = calibrated("euv")
    return ds.uvis.plot.evolution(pixels=[20, 30, 40], panels=True, x="pic", yscale="log")


@case
def evolution_panels_altitude():
    return passed().uvis.plot.evolution(None, pixels=[10, 20, 30], panels=True, x="alt")


@case
def evolution_panels_all_flagged():
    return flagged(passed()).uvis.plot.evolution(None, pixels=[10, 20], panels=True)


@case
def evolution_panels_dark():
    with plt.style.context("dark_background"):
        return passed().uvis.plot.evolution(None, pixels=[10, 20, 30, 40], panels=True)


# Keograms and the limb ---------------------------------------------------------------------------


@case
def keogram():
    return calibrated("saturn").uvis.plot.keogram((1226.0, 1280.0))


@case
def keogram_latitudes():
    return calibrated("saturn").uvis.plot.keogram((1226.0, 1280.0), by="lat")


@case
def keogram_gap():
    return interrupted().uvis.plot.keogram(NITROGEN, by="lat")


@case
def keogram_of_polar_night():
    options = {"within": {"lat": (70, 90)}, "edges": [18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5, 6]}
    return calibrated("saturn").uvis.plot.keogram((1226.0, 1280.0), **options)


@case
def keogram_limb():
    return calibrated("titan").uvis.plot.keogram(LYMAN_ALPHA, by="lat", where="limb", x="pic")


@case
def keogram_one_exposure():
    return calibrated("saturn").isel(pic=[20]).uvis.plot.keogram((1226.0, 1280.0))


@case
def keogram_all_flagged():
    return flagged(calibrated("saturn")).uvis.plot.keogram((1226.0, 1280.0))


@case
def keogram_off_disk():
    return calibrated("titan").isel(pixel=slice(40, 58)).uvis.plot.keogram(NITROGEN)


@case
def keogram_dark():
    with plt.style.context("dark_background"):
        return calibrated("saturn").uvis.plot.keogram((1226.0, 1280.0))


@case
def keogram_grey():
    return calibrated("saturn").uvis.plot.keogram((1226.0, 1280.0), cmap="gray")


@case
def keogram_small():
    with small() as ax:
        return calibrated("saturn").uvis.plot.keogram((1226.0, 1280.0), ax=ax)


@case
def limb():
    return starless().uvis.plot.limb(NITROGEN)


@case
def limb_one_profile():
    return starless().uvis.plot.limb(NITROGEN, edges=[-90, 90])


@case
def limb_lyman_alpha_log():
    return starless().uvis.plot.limb(LYMAN_ALPHA, by="sza", xscale="log")


@case
def limb_many_profiles():
    return starless().uvis.plot.limb(NITROGEN, edges=range(-90, 91, 10))


@case
def limb_of_bins():
    return binned("alt").uvis.plot.limb(NITROGEN)


@case
def limb_of_bins_by_local_time():
    return binned("alt", "lt").uvis.plot.limb(NITROGEN)


@case
def limb_saturn():
    return calibrated("saturn").uvis.plot.limb((1226.0, 1280.0))


@case
def limb_euv():
    return calibrated("euv").uvis.plot.limb()


@case
def limb_closed_forms():
    return passed().uvis.plot.limb(None)


@case
def limb_one_exposure():
    return starless().isel(pic=[20]).uvis.plot.limb(NITROGEN)


@case
def limb_one_spectrum():
    return starless().isel(pic=[20], pixel=[25]).uvis.plot.limb(NITROGEN)


@case
def limb_all_flagged():
    return flagged(starless()).uvis.plot.limb(NITROGEN)


@case
def limb_dark():
    with plt.style.context("dark_background"):
        return starless().uvis.plot.limb(NITROGEN)


@case
def limb_grey():
    return starless().uvis.plot.limb(NITROGEN, cmap="gray")


@case
def limb_small():
    with small() as ax:
        return starless().uvis.plot.limb(NITROGEN, ax=ax)


@case
def limb_star_not_flagged():
    return calibrated("titan").uvis.plot.limb(NITROGEN)


# The scene ---------------------------------------------------------------------------------------


def _scene(name: str, pic: int, **options: Any) -> Any:
    options = {"kernels": simulated(name).kernels, "bodies": ()} | options
    return located(name).uvis.plot.geometry(pic, **options)


@case
def geometry():
    return _scene("titan", 20, annotate="alt")


@case
def geometry_fov():
    return _scene("titan", 20, mode="fov")


@case
def geometry_allsky():
    return _scene("titan", 20, mode="allsky")


@case
def geometry_saturn():
    return _scene("saturn", 20)


@case
def geometry_rings_edge_on():
    """The pole turned, in declination, to a right angle with the line of sight."""
    ds = located("saturn")
    dec = ds["target_dec"]
    turned = {"pole_ra": ds["target_ra"], "pole_dec": dec - 90 * np.sign(dec)}
    ds = ds.assign_coords(turned)
    limits = {"xlim": (-15, 15), "ylim": (-8, 8)}
    return ds.uvis.plot.geometry(20, mode="manual", bodies=(), **limits)


def _around_saturn(height: float, pic: int = 20, **options: Any) -> Any:
    """Saturn and its rings from so many degrees above their plane, however lit."""
    ds = located("saturn")
    ra, dec = ds["target_ra"], ds["target_dec"]
    # The pole's angle with the line of sight to the planet is a right angle and the height.
    turned = {"pole_ra": ra, "pole_dec": dec - (90 + height) * np.sign(dec)}
    limits = {"mode": "manual", "xlim": (-15, 15), "ylim": (-10, 10), "bodies": ()} | options
    return ds.assign_coords(turned).uvis.plot.geometry(pic, **limits)


@case
def geometry_rings():
    return _around_saturn(-25.0)


@case
def geometry_rings_open():
    return _around_saturn(55.0)


@case
def geometry_rings_dark():
    with plt.style.context("dark_background"):
        return _around_saturn(15.0)


@case
def geometry_rings_small():
    with small() as ax:
        return _around_saturn(-25.0, ax=ax)


@case
def geometry_rings_whole_sky():
    return _scene("saturn", 20, mode="allsky")


@case
def geometry_ring_radius():
    ds = located("saturn")
    ds = ds.assign_coords(ring_radius=9e4 + 500.0 * ds["pixel"] + 0 * ds["alt"])
    ds["ring_radius"].attrs = {"units": "km", "long_name": "distance from the planet's centre"}
    return ds.uvis.plot.geometry(20, annotate="ring_radius", bodies=())


@case
def geometry_tiny_body():
    return passed(distance=9e7).uvis.plot.geometry(12, bodies=())


@case
def geometry_body_fills_view():
    return passed(distance=4e3).uvis.plot.geometry(12, mode="fov", bodies=())


@case
def geometry_dark():
    with plt.style.context("dark_background"):
        return _scene("titan", 20, annotate="alt")


@case
def geometry_small():
    with small() as ax:
        return _scene("titan", 20, ax=ax)


@case
def animation_frame():
    ds = located("titan")
    with in_style():
        stage = Stage.of(ds, None, (), None)
        framing = scene.Framing("target", None, None, None, None)
        figure = plt.figure(figsize=scene.figsize(stage, 5, framing), layout="constrained")
        scene.draw(figure.add_subplot(), stage, 5, framing, style())
    return figure


@real
def geometry_real_enceladus():
    return on_real_kernels("enceladus").uvis.plot.geometry(kernels=kernels(_REAL, "enceladus"))


@real
def geometry_real_phoebe():
    return on_real_kernels("phoebe").uvis.plot.geometry(kernels=kernels(_REAL, "phoebe"))


# Star flags --------------------------------------------------------------------------------------


@case
def check_stars():
    """The stars of the simulation, flagged: also the picture docs/howto/check_stars.png."""
    checker = calibrated("titan").uvis.plot.check_stars()
    for pic, pixel in np.argwhere(simulated("titan").truth.star.values == 1):
        checker.toggle(pic, pixel)
    return checker


@case
def check_stars_unlit():
    return calibrated("saturn").isel(pixel=[0, 1]).uvis.plot.check_stars()


@case
def check_stars_dark():
    with plt.style.context("dark_background"):
        return calibrated("titan").uvis.plot.check_stars()


# Bins --------------------------------------------------------------------------------------------


@case
def bins():
    return binned("alt", "lt").uvis.plot.bins()


@case
def bins_one_dimension():
    return binned("alt").uvis.plot.bins()


@case
def bins_three_dimensions():
    return binned("alt", "lat", "lt").uvis.plot.bins(x="lt", y="lat")


@case
def bins_many():
    edges = {"alt": np.arange(-2600, 3001, 100), "lat": np.arange(-90, 91, 5)}
    return calibrated("titan").uvis.bin(by=edges).uvis.plot.bins(norm="log")


@case
def bins_empty():
    ds = binned("alt", "lt")
    return ds.isel(lt_bin=slice(0, 2)).uvis.plot.bins()


@case
def bins_dark():
    with plt.style.context("dark_background"):
        return binned("alt", "lt").uvis.plot.bins()


@case
def bins_small():
    with small() as ax:
        return binned("alt", "lt").uvis.plot.bins(ax=ax)


# The archive -------------------------------------------------------------------------------------


@cache
def archive() -> Tables:
    """Generated rows of a catalogue, the products at times like those of the mission."""
    products, spectra = catalogues.tables(4000, seed=1)
    rng = np.random.default_rng(1)
    # From when to when, how often, and in how many campaigns.
    plan = {
        "SATURN": (2003.9, 2017.7, 0.46, 90),
        "SOLAR WIND": (1999.6, 2017.5, 0.2, 400),
        "TITAN": (2004.4, 2017.7, 0.13, 127),
        "S RINGS": (2004.4, 2017.7, 0.08, 80),
        "JUPITER": (2000.75, 2001.2, 0.05, 12),
        "ENCELADUS": (2005.1, 2015.97, 0.04, 23),
        "STAR": (1999.1, 2017.6, 0.02, 150),
        "RHEA": (2005.9, 2013.2, 0.01, 9),
        "PHOEBE": (2004.44, 2004.46, 0.005, 1),
        "MASURSKY": (2000.05, 2000.07, 0.005, 1),
    }
    number = products.num_rows
    which = rng.choice(len(plan), number, p=[share for *_, share, _ in plan.values()])
    years = np.empty(number)
    for k, (first, last, _, campaigns) in enumerate(plan.values()):
        at = rng.uniform(first, last, campaigns)
        mine = which == k
        years[mine] = rng.choice(at, mine.sum()) + rng.normal(0, 0.02, mine.sum())
    start = np.datetime64("2000-01-01", "us") + ((years - 2000) * 365.25 * 86400e6).astype(int)
    names = np.array(list(plan))[which]
    for name, values in {"target": names.tolist(), "time_start": start}.items():
        place = products.column_names.index(name)
        field = products.schema.field(name)
        products = products.set_column(place, field, pa.array(values, field.type))
    return Tables(products, spectra)


@case
def archive_coverage():
    """Also the picture docs/howto/archive_coverage.png."""
    return pictures.coverage(archive())


@case
def archive_coverage_one_channel():
    return pictures.coverage(archive(), "hours", channel="EUV")


@case
def archive_coverage_empty():
    return pictures.coverage(Tables([], []))


@case
def archive_coverage_dark():
    with plt.style.context("dark_background"):
        return pictures.coverage(archive())


@case
def archive_coverage_small():
    with small() as ax:
        return pictures.coverage(archive(), ax=ax)


@case
def archive_looks():
    """Also the picture docs/howto/archive_looks.png."""
    return pictures.looks(archive(), "TITAN", spacing=3.0)


@case
def archive_looks_phase():
    return pictures.looks(archive(), "ENCELADUS", "phase", channel="FUV", spacing=5.0)


@case
def archive_looks_polar():
    """Also the picture docs/howto/archive_looks_polar.png."""
    return pictures.looks(archive(), "SATURN", pole="north", spacing=3.0)


@case
def archive_looks_empty():
    """Of no spectrum that is lit and meets the body at the south pole."""
    flags = pa.array(np.ones(archive().spectra.num_rows, np.uint8))
    place = archive().spectra.column_names.index("quality")
    lost = archive().spectra.set_column(place, archive().spectra.schema.field("quality"), flags)
    return pictures.looks(archive()._replace(spectra=lost), "TITAN", pole="south")


@case
def archive_looks_dark():
    with plt.style.context("dark_background"):
        return pictures.looks(archive(), "TITAN", "alt", part="limb", spacing=5.0)


@case
def archive_looks_small():
    with small() as ax:
        return pictures.looks(archive(), "TITAN", spacing=5.0, ax=ax)


# What xarray draws -------------------------------------------------------------------------------


def _plain(array: xr.DataArray) -> Figure:
    figure = plt.figure(figsize=(6.4, 4.4), layout="constrained")
    array.plot(ax=figure.add_subplot())
    return figure


@case
def plain_histogram():
    return _plain(calibrated("titan")["radiance"].sel(wl=_SENSITIVE))


@case
def plain_exposure():
    return _plain(calibrated("titan")["radiance"].isel(pic=20))


@case
def plain_spectrum():
    return _plain(calibrated("titan")["radiance"].isel(pic=20, pixel=30))


@case
def plain_bins():
    return _plain(binned("alt")["radiance"].sel(wl=_SENSITIVE))


@case
def plain_bin():
    return _plain(binned("alt")["radiance"].sel(wl=_SENSITIVE).isel(alt_bin=3))


@case
def plain_limb():
    return _plain(binned("alt").uvis.integrate(NITROGEN)["brightness"])


@case
def plain_field():
    return _plain(located("titan")["alt"])


@real
def plain_backplanes():
    """Saturn and its rings on two scans of 2005-232, by what docs/howto/backplanes.md does."""
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.0), layout="constrained")
    at = {"instant": "mid", "point": "center"}

    tree = _of_scan("2005-232T20:40:00", 120, 30.0)
    front, saturn = tree["sky/front"].sel(at), tree["saturn"].to_dataset().sel(at)
    shadow = (saturn["sza"] < 90) & (saturn["in_ring_shadow"] == 1)
    # Of the day side the scan sees nothing but what lies in the rings' shadow.
    kind = xr.where(front == 1, 1 + shadow, 0)
    kinds = {"sky": "white", "night": "#4a4a63", "day, in the\nrings' shadow": "#e76300"}
    _of_kinds(kind, kinds, axes[0], "The disk of Saturn", tree)

    tree = _of_scan("2005-232T12:20:00", 170, 60.0)
    rings = tree["rings"].to_dataset().sel(at)
    main = (rings["ring_radius"] > 74510) & (rings["ring_radius"] < 136780)
    kind = xr.where(main & (rings["behind"] == 0), 2 - rings["in_shadow"], 0)
    kinds = {"none": "white", "in Saturn's\nshadow": "#717581", "sunlit": "#ffd166"}
    _of_kinds(kind, kinds, axes[1], "The main rings", tree)
    return figure


def _of_scan(start: str, exposures: int, step: float) -> xr.DataTree:
    """Backplanes of rows 2 to 61 on the real kernels of 2005-232."""
    assert _REAL is not None
    ets = parse_et(start) + step * np.arange(exposures)
    window = Window(2, 0, 61, 1023, band_bin=512)
    ds = dataset(ets=ets, target="SATURN", window=window, exposure=step)
    return ds.uvis.backplanes(kernels(_REAL, "2005-232"), times="mid")


def _of_kinds(
    kind: xr.DataArray, kinds: dict[str, str], ax: plt.Axes, title: str, tree: xr.DataTree
) -> None:
    """A number for each of the kinds, along exposures and pixels, with a key of their colours."""
    levels = np.arange(len(kinds) + 1) - 0.5
    colours = {"levels": levels, "colors": list(kinds.values())}
    drawn = kind.plot(x="pic", ax=ax, add_colorbar=False, **colours)
    bar = ax.figure.colorbar(drawn, ax=ax, ticks=range(len(kinds)))
    bar.ax.set_yticklabels(kinds)
    ax.set(title=f"{title},\n{span(tree.to_dataset())}", xlabel="Exposure index", ylabel="Pixel")


@case
def evil_pixels():
    ds = simulated("titan").open()
    return _plain(ds.uvis.evil_share(files=simulated("titan").calibration))


@case
def mean_spectrum():
    radiance = calibrated("titan")["radiance"].sel(wl=_SENSITIVE)
    return _plain(radiance.mean(("pic", "pixel"), keep_attrs=True))


# -------------------------------------------------------------------------------------------------


def _sheets(pictures: list[Path], into: Path) -> None:
    """Put pictures side by side, so many on a sheet."""
    from PIL import Image, ImageDraw

    across, down, width = _SHEET
    height = int(0.78 * width)
    for first in range(0, len(pictures), across * down):
        sheet = Image.new("RGB", (across * width, down * height), "#888888")
        for place, path in enumerate(pictures[first : first + across * down]):
            with Image.open(path) as picture:
                part = picture.convert("RGB")
            part.thumbnail((width - 8, height - 20))
            x, y = width * (place % across), height * (place // across)
            sheet.paste(part, (x + 4, y + 16))
            ImageDraw.Draw(sheet).text((x + 4, y + 2), path.stem, fill="white")
        sheet.save(into / f"sheet_{first // (across * down) + 1}.png")


def main(into: Path, names: list[str]) -> int:
    """Draw them; the number of those that could not be."""
    unknown = [name for name in names if not any(one.startswith(name) for one in CASES)]
    if unknown:
        sys.exit(
            f"no picture's name starts with {', '.join(unknown)}: there are {', '.join(CASES)}"
        )
    into.mkdir(parents=True, exist_ok=True)
    drawn, failed = [], 0
    for name, draw in CASES.items():
        if names and not any(name.startswith(one) for one in names):
            continue
        began = time.perf_counter()
        try:
            draw().savefig(into / f"{name}.png", dpi=_DPI)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}")
            failed += 1
            continue
        print(f"{name}: {time.perf_counter() - began:.1f} s")
        drawn.append(into / f"{name}.png")
    plt.close("all")
    _sheets(drawn, into)
    return failed


def draw_page() -> None:
    """Draw the pictures of the gallery's page."""
    PAGE_FOLDER.mkdir(exist_ok=True)
    for name in PAGE:
        CASES[name]().savefig(PAGE_FOLDER / f"{name}.png", dpi=_DPI)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(inspect.getdoc(sys.modules[__name__]))
    plt.switch_backend("agg")
    if sys.argv[1:] == ["--page"]:
        sys.exit(draw_page())
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]) > 0)
