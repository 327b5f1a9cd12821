"""The archive's products and labels."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from helpers import archive

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.fetch import cache_dir
from uvisxr.pds3.label import read_label
from uvisxr.pds3.product import read_matrix
from uvisxr.reader.times import times
from uvisxr.timescales import clock_from_et


def test_rings(data):
    ds = uvisxr.open_product(data / "products" / "FUV2005_230_15_15")
    assert ds.counts.shape == (25, 64, 512)
    assert int(ds.counts.sum()) == 7_671_819
    assert int(ds.counts.max()) == 200
    # Lyman-alpha, and the dark rows at both ends of the slit.
    assert int(np.argmax(ds.counts.sum(("pic", "pixel")).values)) == 65
    assert float(ds.wl[65]) == pytest.approx(1215.67, abs=2)
    lines = ds.counts.sum(("pic", "wl"))
    assert (lines[[0, 1, 62, 63]] < 0.1 * lines[2:62].mean()).all()
    assert ds.attrs["target"] == "S RINGS"
    assert ds.time_start[0] == np.datetime64("2005-08-18T15:05:04.141")
    assert np.all(ds.exposure == 600)


def test_aurora(aurora_label):
    ds = uvisxr.open_product(aurora_label)
    assert ds.counts.shape == (1151, 64, 32)
    assert int(ds.counts.sum()) == 770_117
    assert int(ds.counts.max()) == 71


def test_aurora_packed_as_it_came(data):
    ds = uvisxr.open_product(data / "products" / "FUV2016_278_09_22", chunks={"pic": 200})
    assert int(ds.counts.sum()) == 770_117
    assert int(ds.counts.max()) == 71
    (unpacked,) = cache_dir("unpacked").rglob("*.DAT")
    content = unpacked.read_bytes()
    assert hashlib.md5(content).hexdigest() == "fe12799f636604f6fea233ee69378dac"
    unpacked.unlink()


def test_one_exposure_is_read_alone(aurora_label):
    """Bytes read from the file, as the operating system counts them."""
    code = (
        "import sys, uvisxr\n"
        "read = lambda: int(open('/proc/self/io').read().split()[1])\n"
        "ds = uvisxr.open_product(sys.argv[1])\n"
        "before = read(); ds.counts[700].values; one = read() - before\n"
        "print(one)"
    )
    if not os.path.exists("/proc/self/io"):  # noqa: PTH110
        pytest.skip("this system does not count the bytes of a process")
    done = subprocess.run(
        [sys.executable, "-c", code, str(aurora_label)], capture_output=True, text=True, check=True
    )
    assert 131_072 <= int(done.stdout) < 140_000


def test_one_pixel_of_all_exposures(aurora_label):
    ds = uvisxr.open_product(aurora_label)
    frames = np.fromfile(aurora_label.with_suffix(".DAT"), ">u2").reshape(1151, 64, 1024)
    np.testing.assert_array_equal(ds.counts.isel(pixel=30), frames[:, 30, :32])
    np.testing.assert_array_equal(ds.counts[::-100, 40:42, 3], frames[::-100, 40:42, 3])


def test_eager_lazy_and_dask_are_the_same(data):
    path = data / "products" / "FUV2005_230_15_15"
    eager = uvisxr.open_product(path).load()
    xr.testing.assert_identical(eager, uvisxr.open_product(path))
    xr.testing.assert_identical(eager, uvisxr.open_product(path, chunks={"pic": 4}).compute())
    # With chunks, xarray before 2026.7 asks for the age of the very file that it is given.
    label = path.with_suffix(".LBL")
    with xr.open_dataset(label, engine="uvis", chunks={"pic": 4, "wl": 100}) as ds:
        np.testing.assert_array_equal(ds.counts, eager.counts)


def test_iapetus(data, tmp_path):
    path = tmp_path / "FUV2007_253_17_19.LBL"
    path.write_bytes((data / "labels" / path.name).read_bytes())
    with path.with_suffix(".DAT").open("wb") as stream:
        stream.truncate(52 * 131_072)
    ds = uvisxr.open_product(path)
    assert ds.counts.shape == (52, 64, 1024)
    assert ds.attrs["slit"] == "HIGH_RESOLUTION"
    assert ds.attrs["slit_width"] == 75
    assert ds.attrs["slit_dlambda"] == 2.75
    assert ds.attrs["target"] == "IAPETUS"
    assert np.all(ds.exposure == 30)


def test_opening_takes_no_more_memory_for_a_larger_file(data, tmp_path):
    """Resident memory after opening a product of 1 exposure and of 12,000 (1.6 GB)."""
    code = (
        "import sys, resource, uvisxr\n"
        "uvisxr.open_product(sys.argv[1])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "uvisxr.open_product(sys.argv[2])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    text = (data / "labels" / "FUV2006_015_19_03_PRIME.LBL").read_bytes()
    paths = []
    for name, samples in (("small", 1), ("large", 12_000)):
        path = tmp_path / f"FUV2006_015_{name}.LBL"
        path.write_bytes(
            text.replace(b"(1024, 64, 1)", f"(1024, 64, {samples})".encode()).replace(
                b"FUV2006_015_19_03.DAT", f"{path.stem}.DAT".encode()
            )
        )
        with path.with_suffix(".DAT").open("wb") as stream:
            stream.truncate(samples * 131_072)
        paths.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True
    )
    # kB; the coordinates of 12,000 exposures take some 3 MB.
    assert int(done.stdout) < 10_000


def test_titan(data, tmp_path):
    names = ["14_47", "15_51", "16_55", "17_59", "19_03", "19_11"]
    paths = []
    for name, samples in zip(names, (15, 15, 15, 15, 1, 8), strict=True):
        label = data / "labels" / f"FUV2006_015_{name}_PRIME.LBL"
        path = tmp_path / label.name
        path.write_bytes(label.read_bytes())
        with path.with_suffix(".DAT").open("wb") as stream:
            stream.truncate(samples * 131_072)
        paths.append(path)
    with pytest.warns(UvisWarning, match=r"names the data file FUV2006_015_.._..\.DAT"):
        ds = uvisxr.open_observation(paths[::-1], prime_instrument="UVIS")
    assert ds.counts.shape == (69, 60, 1024)
    assert ds.time_start.values.min() == np.datetime64("2006-01-15T14:43:41.235")
    assert ds.time_stop.values.max() == np.datetime64("2006-01-15T19:39:59.258")
    assert ds.attrs["name"] == "FUV_2006_015_PRIME"


def test_matrix(data):
    label, matrix = read_matrix(data / "products" / "FUV2005_230_15_15_CAL_3.LBL")
    assert label.is_matrix
    assert matrix.shape == (64, 512)
    assert matrix.dtype == np.float32
    assert int((matrix == -1).sum()) == 9_313
    assert int((matrix == 0).sum()) == 2_610
    assert not np.isnan(matrix).any()
    ds = uvisxr.open_product(label.path)
    np.testing.assert_array_equal(ds.calibration_matrix[0], matrix)


@pytest.mark.parametrize("name", ["FUV2005_230_15_15", "FUV2016_278_09_22"])
def test_vectors_of_the_label(data, name):
    """pvl reads the same numbers as a plain search of the text."""
    path = data / "products" / f"{name}.LBL"
    text, found = path.read_text("latin-1"), read_label(path).keywords
    for key in ("SC_PLANET_POSITION_VECTOR", "SC_SUN_VELOCITY_VECTOR", "PHASE_ANGLE"):
        rest = text.split(key, 1)[1].split("=", 1)[1].lstrip()
        rest = rest[: rest.index(")")] if rest.startswith("(") else rest.split("\n", 1)[0]
        expected = [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?(?=\s*<)", rest)]
        assert np.ravel(found[key]).tolist() == expected


def test_clock_of_the_label_is_near_the_time(data):
    paths = [*(data / "labels").glob("*.LBL"), *(data / "products").glob("FUV????_???_??_??.LBL")]
    assert len(paths) == 9
    for path in paths:
        label = read_label(path)
        assert abs(label.clock - clock_from_et(label.start.et)) < 0.4
        # A valid count is taken as it is.
        assert times(label)["sclk"][0] == label.clock - label.integration


def test_counts_are_no_matrix(data):
    with pytest.raises(uvisxr.UvisError, match="counts, not a calibration matrix"):
        read_matrix(data / "products" / "FUV2005_230_15_15.LBL")


def test_targets_of_the_generated_archive_are_the_real_ones(data):
    with (data / "archive" / "target_names.csv").open() as stream:
        real = {row["target_name"]: int(row["rows"]) for row in csv.DictReader(stream)}
    assert real == archive.TARGETS
