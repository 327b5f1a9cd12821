"""Labels and calibration files of a simulation, as programs that know nothing of it read them."""

from __future__ import annotations

import re

import numpy as np
import pvl
import pytest
from scipy.io import readsav

from uvisxr import simulate
from uvisxr.calibration import files, formats
from uvisxr.instrument.channel import channel
from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import loaded
from uvisxr.pds3.label import read_label
from uvisxr.simulate import Simulation, calibration_files, idlsave, labels
from uvisxr.timescales import parse_instant

_KEYWORD = re.compile(r"^ *([A-Z^][A-Z_0-9]*) *= ", re.MULTILINE)


def keywords(text: str) -> list[str]:
    return _KEYWORD.findall(text.replace("\r\n", "\n"))


def test_pvl_reads_it(titan: Simulation):
    label = pvl.load(titan.labels[0])
    assert label["TARGET_NAME"] == "TITAN"
    assert label["QUBE"]["CORE_ITEMS"] == [1024, 64, 15]
    assert label["CENTRAL_BODY_DISTANCE"].units == "KM"
    assert len(label["SC_TARGET_POSITION_VECTOR"]) == 3


def test_the_data_file_has_the_size_of_its_label(titan):
    for path in titan.labels:
        label = pvl.load(path)
        size = label["RECORD_BYTES"] * label["FILE_RECORDS"]
        assert path.with_suffix(".DAT").stat().st_size == size


def test_the_data_file_is_big_endian_and_null_outside(titan):
    raw = np.fromfile(titan.labels[1].with_suffix(".DAT"), ">u2").reshape(15, 64, 1024)
    assert (raw[:, [0, 1, 62, 63]] == 65535).all()
    np.testing.assert_array_equal(raw[:, 2:62], titan.open().counts[15:30])


def test_every_keyword_stands_on_its_line(data, titan):
    for path in [*data.glob("labels/*.LBL"), data / "products" / "FUV2005_230_15_15.LBL"]:
        real = keywords(path.read_bytes().decode("latin-1"))
        assert keywords(titan.labels[0].read_bytes().decode()) == real, path.name


def test_lines_end_as_in_the_archive(titan):
    raw = titan.labels[0].read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n") > 80


def test_geometry_holds_for_start_time(titan):
    label = pvl.load(titan.labels[2])
    ds = titan.open()
    at = np.datetime64(label["START_TIME"].replace(tzinfo=None), "ns")
    pic = int(np.flatnonzero(ds.time_stop == at)[0])
    one = ds.isel(pic=[pic]).uvis.geometry(kernels=titan.kernels, times=at)
    pairs = {
        "SUB_SPACECRAFT_LATITUDE": one.sc_lat,
        "SUB_SPACECRAFT_LONGITUDE": one.sc_lon,
        "SUB_SOLAR_LATITUDE": one.sub_solar_lat,
        "SUB_SOLAR_LONGITUDE": one.sub_solar_lon,
    }
    for key, field in pairs.items():
        # The label's points are not corrected for the aberration of sunlight: 20 arc seconds.
        assert abs(label[key].value - float(field[0])) < 0.01, key
    assert abs(label["CENTRAL_BODY_DISTANCE"].value - float(one.sc_alt[0])) < 1
    vector = np.array([x.value for x in label["SC_TARGET_POSITION_VECTOR"]])
    np.testing.assert_allclose(np.linalg.norm(vector), float(one.target_distance[0]), rtol=1e-6)
    # The boresight lies between rows 31 and 32.
    middle = one.sel(pixel=one.pixel[(one.line == 31) | (one.line == 32)])
    assert abs(label["RIGHT_ASCENSION"].value - float(middle.ra.mean())) < 1e-3
    assert abs(label["DECLINATION"].value - float(middle.dec.mean())) < 1e-3
    assert abs(label["PHASE_ANGLE"].value - float(middle.phase.mean())) < 0.02
    assert abs(label["INCIDENCE_ANGLE"].value - float(middle.sza.mean())) < 0.1
    np.testing.assert_allclose(label["EMISSION_ANGLE"].value, 90.0, atol=0.01)


def test_vectors_close(titan):
    """Sun to Saturn by way of the spacecraft, and directly."""
    label = pvl.load(titan.labels[0])
    sun, planet, centre = (
        np.array([x.value for x in label[f"{name}_POSITION_VECTOR"]])
        for name in ("SC_SUN", "SC_PLANET", "PLANET_CENTER")
    )
    # SC_SUN is where the Sun sees the spacecraft, 80 minutes late.
    late = np.linalg.norm(sun) / 299792.458
    velocity = np.array([x.value for x in label["PLANET_CENTER_VELOCITY_VECTOR"]])
    motion = velocity - np.array([x.value for x in label["SC_PLANET_VELOCITY_VECTOR"]])
    np.testing.assert_allclose(sun + late * motion + planet, centre, atol=1000)


def test_start_time_is_the_end_of_the_first_exposure(titan):
    label = read_label(titan.labels[0])
    assert label.known_start().utc == np.datetime64("2008-03-10T10:04:00")
    assert titan.open().time_start[0] == np.datetime64("2008-03-10T10:00:00")


@pytest.mark.slow
def test_several_windows_are_lists(tmp_path):
    windows = (Window(2, 0, 61, 255), Window(2, 512, 61, 1023, band_bin=2))
    made = simulate.observation(
        tmp_path, window=windows, exposures=2, stars=0, lost=0, partial=0, compression="NONE"
    )
    assert read_label(made.labels[0]).windows == windows


def test_what_the_kernels_do_not_say_is_unknown(titan):
    product = labels.Facts(
        name="FUV2008_070_10_04",
        target="ENCELADUS",
        slit="LOW_RESOLUTION",
        compression="NONE",
        channel=channel("FUV"),
        start=parse_instant("2008-03-10T10:04:00.000"),
        samples=1,
        exposure=240.0,
        windows=(Window(2, 0, 61, 1023),),
        seed=0,
    )
    with loaded(titan.kernels):
        text = labels.text(product)
    label = pvl.loads(text)
    assert label["SC_TARGET_POSITION_VECTOR"] == label["PHASE_ANGLE"] == "UNK"
    assert label["RIGHT_ASCENSION"].value > 0
    assert keywords(text) == keywords(titan.labels[0].read_bytes().decode())


def test_start_in_a_leap_second(tmp_path):
    """The label names it, and the exposures begin where they were asked for."""
    made = simulate.observation(
        tmp_path,
        start="2008-12-31T23:59:58.500",
        exposures=2,
        exposure=2.0,
        stars=0,
        lost=0,
        partial=0,
        window=Window(30, 0, 31, 1023, band_bin=32),
    )
    text = made.labels[0].read_text()
    assert "START_TIME                      = 2008-366T23:59:60.500" in text
    assert "STOP_TIME                       = 2009-001T00:00:03.500" in text
    assert made.labels[0].stem == "FUV2008_366_23_59"
    ds = made.open()
    assert ds.time_start[0] == np.datetime64("2008-12-31T23:59:58.500")
    np.testing.assert_allclose(ds.et, made.truth.et, rtol=0, atol=1e-6)


def test_calibration_files_are_read(tmp_path):
    for name in ("FUV", "EUV"):
        calibration_files.write(tmp_path, name, seed=3)
    folder = files.Folder.choose(tmp_path)
    for name in ("FUV", "EUV"):
        table, own = formats.read_lab(folder.lab(name), name), formats.package_lab(name)
        np.testing.assert_allclose(table.sensitivity, own.sensitivity, rtol=1e-5)
        flat = formats.read_flat(folder.flat(name, "POST"))
        assert 0.13 < np.isnan(flat[2:62]).mean() < 0.16
        assert abs(np.nanmean(flat[2:62]) - 1) < 0.02
        epochs, paths = folder.modifiers(name)
        assert (np.diff(epochs) > 0).all() and epochs.size == 5
        assert abs(formats.read_modifier(paths[0]).mean() - 1) < 0.01
        assert folder.spica(name).name == f"simulated_spica_{name.lower()}.sav"


def test_trend_falls_with_time(tmp_path):
    calibration_files.write(tmp_path, "FUV")
    spica = formats.read_spica(tmp_path / "simulated_spica_fuv.sav", "FUV")
    assert (np.diff(spica.sclk) > 0).all()
    assert (np.diff(spica.ratio[1:, 130]) < 0).all()
    np.testing.assert_array_equal(spica.ratio[0], 1)


def test_save_file_holds_what_was_written(tmp_path):
    dtype = np.dtype(
        [
            ("grid", "f4", (2, 3)),
            ("single", "f4"),
            ("whole", "i4"),
            ("inner", [("double", "f8"), ("row", "f8", (2,))]),
        ]
    )
    rows = np.zeros(3, dtype)
    rows["grid"] = np.arange(18).reshape(3, 2, 3)
    rows["single"], rows["whole"] = [0.5, 1.5, 2.5], [1, -2, 3]
    rows["inner"]["double"], rows["inner"]["row"] = np.pi, [1e300, -1.0]
    back = readsav(idlsave.write(tmp_path / "x.sav", {"first": rows, "second": rows[:1]}))
    assert set(back) == {"first", "second"}
    for k, row in enumerate(back["first"]):
        np.testing.assert_array_equal(row["grid"], rows["grid"][k])
        assert (row["single"], row["whole"]) == (rows["single"][k], rows["whole"][k])
        assert row["inner"]["double"][0] == np.pi
        np.testing.assert_array_equal(row["inner"]["row"][0], [1e300, -1.0])
    assert back["second"].shape == (1,)
