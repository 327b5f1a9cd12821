"""Kernels of the invented flight: what they cover, and the geometry they give."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import spiceypy

from uvisxr import simulate
from uvisxr.errors import ExportError, KernelError, UvisError
from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import LOCK, loaded
from uvisxr.simulate import Simulation, flight, kernels
from uvisxr.simulate.flight import Scan

#: 2008-03-10T12:00:00 UTC, TDB s past J2000.
NOON = 258422465.185


@pytest.fixture(scope="module")
def located(titan: Simulation):
    return titan.open().uvis.geometry(kernels=titan.kernels)


def _kernel(titan: Simulation, suffix: str) -> str:
    return str(next(path for path in titan.kernels if path.suffix == suffix))


def test_spk_covers_the_bodies(titan):
    et = titan.truth.et.values
    with LOCK:
        path = _kernel(titan, ".bsp")
        assert sorted(spiceypy.spkobj(path)) == [-82, 6, 10, 606, 699]
        for body in (-82, 6, 10, 606, 699):
            first, last = list(spiceypy.spkcov(path, body))
            # Sunlight left the Sun 80 minutes before.
            assert first < et[0] - 5100 and last > et[-1] + 120


def test_ck_covers_the_exposures(titan):
    et = titan.truth.et.values
    with loaded([p for p in titan.kernels if p.suffix in (".tls", ".tsc")]):
        path = _kernel(titan, ".bc")
        assert list(spiceypy.ckobj(path)) == [-82000]
        first, last = list(spiceypy.ckcov(path, -82000, False, "INTERVAL", 0.0, "TDB"))
    assert first < et[0] - 120 and last > et[-1] + 120


def test_a_folder_of_the_kernels_does(titan, located):
    again = titan.open().uvis.geometry(kernels=titan.kernels[0].parent)
    np.testing.assert_array_equal(again.lat, located.lat)


@pytest.mark.parametrize(("pic", "pixel"), [(0, 0), (7, 30), (20, 5), (33, 59), (59, 12), (59, 40)])
def test_geometry_against_scalar_spice(titan, located, pic, pixel):
    one = located.isel(pic=pic, pixel=pixel)
    along = (int(one.line) - 31.5) * 2 * np.deg2rad(1.83346495) / 64
    vector = [0.0, np.sin(along), np.cos(along)]
    et, where = float(one.et), ("IAU_TITAN", "CN+S", "CASSINI", "CASSINI_UVIS_FUV", vector)
    with loaded(titan.kernels):
        ra, dec = spiceypy.recrad(spiceypy.pxform("CASSINI_UVIS_FUV", "J2000", et) @ vector)[1:]
        frame, correction, *ray = where
        tangent, altitude, _, _, epoch, _ = spiceypy.tangpt(
            "ELLIPSOID", "TITAN", et, frame, correction, "TANGENT POINT", *ray
        )
        try:
            point = spiceypy.sincpt("ELLIPSOID", "TITAN", et, *where)[0]
            lit = spiceypy.ilumin("ELLIPSOID", "TITAN", et, frame, correction, "CASSINI", point)
            angles = np.degrees(lit[2:5])
        except spiceypy.NotFoundError:
            point, angles = tangent, None
    assert one.on_disk == (angles is not None)
    np.testing.assert_allclose([one.ra, one.dec], np.degrees([ra, dec]), atol=1e-9)
    lon, lat = np.deg2rad(-float(one.lon)), np.deg2rad(float(one.lat))
    towards = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    # tangpt corrects the aberration of one direction for all rays: 0.1 km at the tangent point.
    close = 0.005 if angles is not None else 0.2
    assert np.linalg.norm(towards * np.linalg.norm(point) - point) < close
    if angles is None:
        np.testing.assert_allclose(one.alt, altitude, atol=0.1)
        assert epoch < et
    else:
        assert one.alt < 0
        np.testing.assert_allclose([one.phase, one.sza, one.ems], angles, atol=1e-4)


@pytest.mark.parametrize("number", range(5))
def test_a_text_cut_anywhere_gives_no_other_number(titan, tmp_path, number):
    ds = titan.open().isel(pic=[0], pixel=[0, 30])
    known = ds.uvis.geometry(kernels=titan.kernels)
    kernels = [Path(shutil.copy(path, tmp_path)) for path in titan.kernels]
    content = kernels[number].read_bytes()
    refused = 0
    for size in np.linspace(0, len(content) - 2, 40).astype(int):
        kernels[number].write_bytes(content[:size])
        try:
            found = ds.uvis.geometry(kernels=tmp_path)
        except UvisError as error:
            assert kernels[number].name in str(error)
            refused += 1
        else:
            # It has lost nothing, or only what the FUV channel at Titan has no need of.
            for name in ("lat", "lon", "ra", "dec", "alt"):
                np.testing.assert_array_equal(found[name], known[name])
    assert refused >= 36


@pytest.mark.parametrize("lost", ["TKFRAME_-82840_UNITS    = 'DEGREES'", "'DEGREES'"])
def test_angles_without_units_are_an_error(titan, tmp_path, lost):
    kernels = [Path(shutil.copy(path, tmp_path)) for path in titan.kernels]
    text = kernels[2].read_text()
    kernels[2].write_text(text.replace(lost, "" if lost[0] == "T" else "0.5", 1))
    with pytest.raises(KernelError, match="TKFRAME_-82840_UNITS"):
        titan.open().isel(pic=[0], pixel=[0]).uvis.geometry(kernels=kernels)


def test_clock_is_the_line_of_the_package(titan):
    from uvisxr.timescales import clock_from_et

    with loaded(titan.kernels):
        ticks = spiceypy.sce2c(-82, NOON)
    np.testing.assert_allclose(ticks / 256, clock_from_et(NOON), atol=1e-3)


def test_time_is_that_of_the_package(titan):
    from uvisxr.timescales import utc_to_et

    with loaded(titan.kernels):
        for utc in ("2005-12-31T23:59:59", "2006-01-01T00:00:00", "2016-12-31T12:00:00"):
            assert abs(spiceypy.utc2et(utc) - utc_to_et(np.datetime64(utc))) < 1e-6


def test_titan_shows_saturn_its_prime_meridian(titan):
    with loaded(titan.kernels):
        for et in titan.truth.et.values[::20]:
            seen, _ = spiceypy.spkpos("SATURN", et, "IAU_TITAN", "NONE", "TITAN")
            assert np.hypot(seen[1], seen[2]) < 1e-3 * seen[0]


def test_hyperbola_against_spice():
    path = flight.flyby("TITAN", NOON)
    et = NOON + np.array([-9000.0, 0.0, 9000.0])
    states = flight.states(path.position, et)
    for k in (0, 2):
        moved = spiceypy.prop2b(flight.GM["TITAN"], states[1], et[k] - NOON)
        np.testing.assert_allclose(moved[:3], states[k, :3], rtol=1e-6)


def test_flyby_is_where_it_says():
    path = flight.flyby("TITAN", NOON)
    assert np.linalg.norm(path.position(np.array([NOON]))) == pytest.approx(9e4)
    closest = path.position(np.array([path.periapsis_time]))
    assert np.linalg.norm(closest) == pytest.approx(3525.0)


@pytest.mark.parametrize("target", ["TITAN", "SATURN"])
@pytest.mark.parametrize("channel", ["FUV", "EUV"])
def test_axes_reach_the_ck(tmp_path, target, channel):
    scan = Scan(flight.flyby(target, NOON), NOON - 3600, NOON + 3600)
    made = kernels.write(tmp_path, scan, channel)
    et = NOON + np.array([-3600.0, -7.0, 1234.5, 3600.0])
    axes = scan.axes(et)
    np.testing.assert_allclose(
        axes @ np.swapaxes(axes, 1, 2), np.tile(np.eye(3), (4, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(axes), 1)
    with loaded(made):
        for t, expected in zip(et, axes, strict=True):
            found = spiceypy.pxform("J2000", f"CASSINI_UVIS_{channel}", t)
            np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.slow
def test_euv_slit_looks_at_the_limb(tmp_path):
    made = simulate.observation(tmp_path, channel="EUV", exposures=6, window=Window(2, 0, 61, 63))
    ds = made.open().uvis.geometry(kernels=made.kernels)
    assert 0.1 < ds.on_disk.mean() < 0.6
    assert ds.alt.max() > 2000


def test_unwritable_kernels(tmp_path):
    (tmp_path / "simulated_pointing.bc").mkdir()
    scan = Scan(flight.flyby("TITAN", NOON), NOON - 60, NOON + 60)
    with pytest.raises(ExportError, match=r"cannot write .*simulated_pointing\.bc: it is a folder"):
        kernels.write(tmp_path, scan, "FUV")
