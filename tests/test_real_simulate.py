"""Simulated counts on real kernels and calibration files; simulated kernels beside real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pvl
import pytest
import spiceypy
from helpers.synthetic import kernels as real_kernels

from uvisxr import simulate
from uvisxr.errors import ArgumentError, CoverageError
from uvisxr.instrument.channel import channel
from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import loaded
from uvisxr.numerics.constants import ASTRONOMICAL_UNIT
from uvisxr.simulate import flight, labels
from uvisxr.simulate.flight import Scan
from uvisxr.simulate.textkernels import TEXTS
from uvisxr.timescales import Instant


@pytest.fixture(scope="module")
def approach(data: Path, tmp_path_factory: pytest.TempPathFactory) -> simulate.Simulation:
    """Titan's T9 approach: true pointing and trajectory, true calibration files."""
    return simulate.observation(
        tmp_path_factory.mktemp("t9"),
        start="2005-360T08:44:00",
        exposures=12,
        exposure=60.0,
        kernels=real_kernels(data, "titan"),
        calibration=data / "calibration",
        lost=3,
        partial=0,
        stars=0,
        seed=2,
    )


@pytest.mark.slow
def test_real_kernels_and_calibration(approach, data):
    ds = approach.open().uvis.geometry(kernels=real_kernels(data, "titan"))
    assert approach.calibration == data / "calibration"
    assert ds.time_start[0] == np.datetime64("2005-12-26T08:44:00")
    ds = ds.uvis.background(level=4e-4).uvis.calibrate(
        files=data / "calibration", smooth=False, errors="statistical", nan_interp=None
    )
    good = (approach.truth.lost == 0) & (ds.quality == 0) & np.isfinite(ds.radiance)
    line = {"wl": slice(1205, 1226)}
    seen, true = (x.where(good).sel(line).mean() for x in (ds.radiance, approach.truth.radiance))
    np.testing.assert_allclose(seen / true, 1, atol=0.02)


def test_no_kernels_are_written(approach):
    assert not (approach.labels[0].parents[1] / "kernels").exists()


def test_label_without_saturn_takes_its_barycentre(approach):
    label = pvl.load(approach.labels[0])
    vector = np.array([x.value for x in label["SC_PLANET_POSITION_VECTOR"]])
    assert 5e5 < np.linalg.norm(vector) < 3e6
    assert label["SUB_SPACECRAFT_LATITUDE"].units == "DEGREE"


def test_a_body_without_a_model_has_a_sunlit_disk(data, tmp_path):
    made = simulate.observation(
        tmp_path,
        target="ENCELADUS",
        start="2011-346T05:00:00",
        exposures=2,
        exposure=60.0,
        kernels=real_kernels(data, "enceladus"),
        calibration=data / "calibration",
        window=Window(2, 0, 61, 1023, band_bin=8),
    )
    assert made.open().attrs["target"] == "ENCELADUS"
    assert "limb_peak" not in made.truth.attrs


def test_uncovered_time(data, tmp_path):
    with pytest.raises(CoverageError, match="CASSINI"):
        simulate.observation(
            tmp_path,
            start="2008-03-10T10:00:00",
            exposures=2,
            kernels=real_kernels(data, "enceladus"),
        )


@pytest.mark.parametrize("time", ["2006-01-15", "2006-015T07:00:00", "2006-01-15T07:00:00Z"])
def test_times_are_understood(data, tmp_path, time):
    # The Titan kernels do not cover it: the message names the day that was understood.
    with pytest.raises(CoverageError, match="2006-01-15"):
        simulate.observation(
            tmp_path, start=time, exposures=1, lost=0, partial=0,
            kernels=real_kernels(data, "titan"),
        )  # fmt: skip


def test_bad_day_of_year(tmp_path):
    with pytest.raises(ArgumentError, match="UTC"):
        simulate.observation(tmp_path, start="2006-900T00:00:00")


@pytest.mark.parametrize(
    ("file", "kernels"),
    [("products/FUV2005_230_15_15.LBL", "2005"), ("products/FUV2016_278_09_22.LBL", "2016")],
)
def test_geometry_keywords_of_real_products(data, file, kernels):
    """The writer, given the real kernels, writes the real label's ephemeris again."""
    real = pvl.load(data / file)
    start = np.datetime64(real["START_TIME"].replace(tzinfo=None), "ms")
    with loaded(real_kernels(data, kernels)):
        product = labels.Facts(
            name=real["PRODUCT_ID"],
            target="SATURN",
            slit=real["SLIT_STATE"],
            compression=real["COMPRESSION_TYPE"],
            channel=channel("FUV"),
            start=Instant.of(start),
            samples=real["QUBE"]["CORE_ITEMS"][2],
            exposure=real["INTEGRATION_DURATION"].value,
            windows=(Window(0, 0, 63, 1023),),
            seed=0,
        )
        written = pvl.loads(labels.text(product))
    for key in ("START_TIME", "STOP_TIME", "FILE_RECORDS", "INTEGRATION_DURATION"):
        assert written[key] == real[key], key
    clock = [x["SPACECRAFT_CLOCK_START_COUNT"].split(".")[0] for x in (written, real)]
    assert clock[0] == clock[1]
    for key in ("SC_PLANET", "SC_SUN", "SC_TARGET", "PLANET_CENTER"):
        for kind, tolerance in (("POSITION", 40.0), ("VELOCITY", 2e-4)):
            name = f"{key}_{kind}_VECTOR"
            pair = [np.array([x.value for x in label[name]]) for label in (written, real)]
            np.testing.assert_allclose(*pair, rtol=2e-7, atol=tolerance, err_msg=name)
    for key in ("SUB_SOLAR_LATITUDE", "SUB_SPACECRAFT_LATITUDE", "SUB_SPACECRAFT_LONGITUDE"):
        np.testing.assert_allclose(written[key].value, real[key].value, atol=0.01, err_msg=key)
    distance = [x["CENTRAL_BODY_DISTANCE"].value for x in (written, real)]
    np.testing.assert_allclose(*distance, atol=2)


def test_saturn_moves_as_it_does(data):
    with loaded([data / "kernels" / "spk" / "de421.bsp"]):
        for et in (1e8, 2.6e8, 4.5e8):
            true, _ = spiceypy.spkpos("6", et, "J2000", "NONE", "SUN")
            found = flight.saturn(np.array([et]))[0]
            assert np.linalg.norm(found - true) < 0.03 * ASTRONOMICAL_UNIT


def test_text_kernels_say_what_the_real_ones_do(data, titan):
    """Leap seconds, clock, frames, fields of view and shapes, variable by variable."""
    folder = data / "kernels"
    real = [
        folder / name
        for name in (
            "lsk/naif0012.tls", "sclk/cas00172.tsc", "fk/cas_v43.tf", "ik/cas_uvis_v07.ti",
            "pck/pck00010.tpc",
        )
    ]  # fmt: skip
    own = [path for path in titan.kernels if path.name in TEXTS]
    names = []
    with loaded(own):
        names = [n for n in spiceypy.gnpool("*", 0, 1000) if not n.startswith(("SCLK", "CK_"))]
        ours = {name: _values(name) for name in names}
        turn = {c: spiceypy.pxform(f"CASSINI_UVIS_{c}", "CASSINI_SC_COORD", 0.0) for c in _CHANNELS}
        clock = spiceypy.sce2c(-82, 2.6e8) / 256
    with loaded(real):
        for name in names:
            theirs, mine = _values(name), ours[name]
            if isinstance(mine, list):
                assert mine == theirs, name
            elif name == "BODY699_POLE_RA" or name == "BODY699_POLE_DEC":
                np.testing.assert_allclose(mine[0], theirs[0], err_msg=name)
            else:
                np.testing.assert_allclose(mine, theirs, err_msg=name)
        for c in _CHANNELS:
            found = spiceypy.pxform(f"CASSINI_UVIS_{c}", "CASSINI_SC_COORD", 0.0)
            np.testing.assert_allclose(turn[c], found, atol=1e-12)
        # Partition 1 of the true clock starts at a count of its own.
        start = spiceypy.gdpool("SCLK_PARTITION_START_82", 0, 1)[0]
        assert abs((spiceypy.sce2c(-82, 2.6e8) + start) / 256 - clock) < 32


_CHANNELS = ("FUV", "EUV")


def _values(name: str):
    size, kind = spiceypy.dtpool(name)
    if kind == "N":
        return np.array(spiceypy.gdpool(name, 0, size))
    return list(spiceypy.gcpool(name, 0, size))


def test_geometry_on_the_real_text_kernels(data, titan):
    """The invented flight with NAIF's own frames, fields of view and constants."""
    binary = [path for path in titan.kernels if path.suffix in (".bc", ".bsp")]
    clock = [path for path in titan.kernels if path.suffix == ".tsc"]
    real = ("lsk/naif0012.tls", "fk/cas_v43.tf", "ik/cas_uvis_v07.ti", "pck/pck00010.tpc")
    mixed = [*(data / "kernels" / name for name in real), *clock, *binary]
    one = titan.open().isel(pic=[30])
    found = one.uvis.geometry(kernels=mixed)
    own = one.uvis.geometry(kernels=titan.kernels)
    for name in ("alt", "lat", "lon", "sza"):
        np.testing.assert_allclose(found[name], own[name], atol=1e-6, err_msg=name)
    assert Scan(flight.flyby("TITAN", 0.0), -1.0, 1.0).axes(np.array([0.0])).shape == (1, 3, 3)
