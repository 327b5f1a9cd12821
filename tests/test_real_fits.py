"""FITS files of real products: their numbers are those of the archive's own files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from helpers.backplanes_tree import backplanes

import uvisxr

STEM = "FUV2005_230_15_15"


@pytest.fixture(scope="module")
def path(data: Path, tmp_path_factory) -> Path:
    """Calibrated by the archive's matrix."""
    label = data / "products" / f"{STEM}.LBL"
    ds = uvisxr.open_product(label).uvis.background(level=4e-4)
    matrix = label.with_name(f"{STEM}_CAL_3.LBL")
    ds = ds.uvis.calibrate(files=matrix, nan_interp=None, smooth=False)
    tree = backplanes(ds, bodies=["saturn"])
    return ds.uvis.to_fits(tmp_path_factory.mktemp("fits") / f"{STEM}.fits", tree)


def test_counts_and_factor_are_those_of_the_archive(data: Path, path: Path):
    raw = np.fromfile(data / "products" / f"{STEM}.DAT", ">u2").reshape(25, 64, 1024)
    matrix = np.fromfile(data / "products" / f"{STEM}_CAL_3.DAT", ">f4").reshape(64, 1024)
    with fits.open(path, do_not_scale_image_data=True) as found:
        found.verify("exception")
        counts = found["RAW_COUNTS"].data
        assert counts.dtype == np.dtype(">i2") and counts.sum(dtype=int) == 7_671_819
        np.testing.assert_array_equal(counts, raw[:, :, :512])
        factor = found["CAL_FACTOR"].data
        # It holds 1 / (600 s), -1 for evil elements and 0 for unlit ones.
        known = matrix[:, :512] > 0
        np.testing.assert_array_equal(factor != -1000, known)
        np.testing.assert_allclose(factor[known], matrix[:, :512][known] * 600, rtol=1e-6)
        cube = (counts / 600 - found["BACKGROUND"].data) * np.where(known, factor, np.nan)
        np.testing.assert_allclose(found["PRIMARY"].data, cube, rtol=2e-5, atol=1e-6)
        head = found["PRIMARY"].header
        assert (head["OBS_UTC"], head["INT_TIME"]) == ("2005-08-18T15:05:04.141", 600.0)
        assert (head["IMG_XBIN"], head["OBS_ID"], head["MPHASE"]) == (2, "68633", "TOUR")


def test_it_comes_back(data: Path, path: Path):
    ds, tree = uvisxr.open_fits(path)
    assert ds.counts.sum() == 7_671_819 and ds.attrs["recipe"].startswith(STEM)
    assert float(ds.background) == pytest.approx(4e-4, rel=1e-6)
    assert list(tree.children) == ["sky", "saturn", "rings"]
    was = uvisxr.open_product(data / "products" / f"{STEM}.LBL")
    assert (ds.et == was.et).all()
    for name in ("time", "time_start", "time_stop"):
        assert abs(ds[name] - was[name]).max() <= np.timedelta64(3, "us")
    assert float(ds.sclk[0]) == pytest.approx(1503070990 + 64 / 256 - 600, abs=1 / 512)
