"""Points of shells against SPICE, ray by ray, and the fields of the geometry."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
import xarray as xr

import uvisxr
from uvisxr.geometry import shells, views
from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import LOCK, loaded
from uvisxr.numerics import sphere
from uvisxr.simulate import Simulation


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Simulation:
    return uvisxr.simulate.observation(
        tmp_path_factory.mktemp("shells"),
        target="SATURN",
        exposures=3,
        window=Window(2, 0, 61, 1023, line_bin=4, band_bin=512),
        stars=0,
        lost=0,
        partial=0,
    )


@pytest.fixture(scope="module")
def ds(made) -> xr.Dataset:
    return made.open().uvis.geometry(kernels=made.kernels)


def _met(ds: xr.Dataset, altitude: float) -> shells.Met:
    directions = sphere.vectors(ds["ra"].values, ds["dec"].values)
    return shells.meet(views.target(ds), directions, altitude)


def test_on_the_ellipsoid_it_is_the_geometry(ds):
    """But for light time to the point: 0.2 s, in which Saturn's equator moves 2 km."""
    met, disk = _met(ds, 0.0), ds["on_disk"].values == 1
    assert disk.sum() > 20
    assert np.array_equal(np.isfinite(met.lon), disk)
    for name in ("lat", "ems", "sza", "phase"):
        # Of 1e-4 radii; near the limb angles follow the place faster.
        apart = np.abs(getattr(met, name) - ds[name].values)[disk & (ds["ems"].values < 80)]
        assert apart.max() < 0.03, name
    seen = disk & (ds["ems"].values < 80)
    here = sphere.vectors(met.lon, met.lat)
    there = sphere.vectors(-ds["lon"].values, ds["lat"].values)
    assert np.deg2rad(sphere.angle(here, there)[seen]).max() < 1e-4
    low = seen & (np.abs(met.lat) < 85)
    assert np.abs((met.lt - ds["lt"].values + 12) % 24 - 12)[low].max() < 0.002


@pytest.mark.parametrize("altitude", [0.0, 1100.0])
def test_points_are_those_of_surfpt(made, ds, altitude):
    met = _met(ds, altitude)
    with LOCK, loaded(list(made.kernels)):
        for pic, pixel in ((0, 3), (1, 7), (2, 9)):
            et = float(ds["geometry_et"][pic])
            place, light_time = spiceypy.spkpos("SATURN", et, "J2000", "CN", "-82")
            motion, _ = spiceypy.spkezr("-82", et, "J2000", "NONE", "SSB")
            turn = spiceypy.pxform("J2000", "IAU_SATURN", et - light_time)
            axes = np.array(spiceypy.bodvrd("SATURN", "RADII", 3)[1]) + altitude
            towards = spiceypy.radrec(
                1.0, *np.deg2rad([float(ds[n][pic, pixel]) for n in ("ra", "dec")])
            )
            true = np.array(towards) - np.array(motion[3:]) / spiceypy.clight()
            point = spiceypy.surfpt(-turn @ place, turn @ true, *axes)
            assert np.abs(met.position[pic, pixel] - point).max() < 0.01
            normal = np.array(spiceypy.surfnm(*axes, point))
            assert np.abs(met.normal[pic, pixel] - normal).max() < 1e-9
            cos = normal @ -(turn @ towards)
            assert met.ems[pic, pixel] == pytest.approx(np.rad2deg(np.arccos(cos)), abs=1e-6)


def test_off_the_shell_there_is_nothing(ds):
    turned = ds.assign_coords(ra=(ds["ra"] + 180) % 360, dec=-ds["dec"])
    met = _met(turned, 1100.0)
    assert np.isnan(met.lat).all() and np.isnan(met.ems).all() and np.isnan(met.lt).all()
