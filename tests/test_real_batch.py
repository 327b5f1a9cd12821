"""The real products, and the real Titan labels with simulated counts, through the batch."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.synthetic import kernels

import uvisxr
from uvisxr import batch
from uvisxr.batch import manifest, pipeline, work
from uvisxr.reader.sources import Filter

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def out(data: Path, aurora_label: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of eight products."""
    root = tmp_path_factory.mktemp("real")
    products = root / "products"
    products.mkdir()
    for label in (data / "products" / "FUV2005_230_15_15.LBL", aurora_label):
        for path in (label, label.with_suffix(".DAT")):
            shutil.copy(path, products)
    rng = np.random.default_rng(4)
    for label in sorted((data / "labels").glob("FUV2006_015_*.LBL")):
        shutil.copy(label, products)
        samples = int(label.read_text().split("FILE_RECORDS                    = ")[1].split()[0])
        frame = np.full((samples, 64, 1024), 65535, ">u2")
        frame[:, 2:62] = rng.poisson(0.3, (samples, 60, 1024))
        (products / f"{label.stem}.DAT").write_bytes(frame.tobytes())
    steps = [
        ("background", {"level": 4e-4}),
        ("calibrate", {"files": str(data / "calibration"), "evil_pixels": "interpolate"}),
    ]
    summary = batch.process(products, steps, root / "out", workers=2)
    assert (summary.done, summary.failed) == (8, 0), summary.failures
    return root / "out"


def test_figures_of_the_real_products(out: Path):
    records = manifest.latest(out)
    rings = records["FUV2005_230_15_15.nc"]["figures"]
    assert (rings["pic"], rings["pixel"], rings["wl"]) == (25, 64, 512)
    assert rings["counts_total"] == 7_671_819
    aurora = records["FUV2016_278_09_22.nc"]["figures"]
    assert (aurora["pic"], aurora["pixel"], aurora["wl"]) == (1151, 64, 32)
    assert aurora["counts_total"] == 770_117


def test_the_rings_are_as_calibrated_by_hand(out: Path, data: Path):
    ds = uvisxr.open_product(data / "products" / "FUV2005_230_15_15.LBL")
    expected = ds.uvis.background(level=4e-4).uvis.calibrate(
        files=data / "calibration", evil_pixels="interpolate"
    )
    with xr.open_dataset(out / "FUV2005_230_15_15.nc") as written:
        np.testing.assert_array_equal(written.radiance, expected.radiance)
        assert "spica_variability4_data.sav sha256:" in written.attrs["history"]


def test_titan_is_one_observation_again(out: Path):
    tree = uvisxr.open_processed(out)
    assert set(tree["FUV"].children) == {
        "LOW_RESOLUTION_60x1024",
        "FUV2005_230_15_15",
        "FUV2016_278_09_22",
    }
    titan = tree["FUV/LOW_RESOLUTION_60x1024"].ds
    assert dict(titan.radiance.sizes) == {"pic": 69, "pixel": 60, "wl": 1024}
    assert titan.radiance.chunks is not None
    assert titan.attrs["target"] == "TITAN"
    assert str(titan.time_start.values[0]).startswith("2006-01-15T14:43:41.235")
    assert str(titan.time_stop.values[-1]).startswith("2006-01-15T19:39:59.258")
    assert (np.diff(titan.time_start) > np.timedelta64(0)).all()


def test_nothing_is_left_to_do(out: Path, data: Path):
    steps = [
        ("background", {"level": 4e-4}),
        ("calibrate", {"files": str(data / "calibration"), "evil_pixels": "interpolate"}),
    ]
    products = out.parent / "products"
    assert not list(batch.plan(products, steps, out))
    assert len(list(batch.plan(products, steps, out, overwrite=True))) == 8
    titan = Filter(target="titan")
    assert len(list(batch.plan(products, steps, out, overwrite=True, wanted=titan))) == 6


def test_geometry_in_a_pipeline(data: Path, tmp_path: Path):
    paths = [str(path) for path in kernels(data, "2005")]
    steps = pipeline.load([("geometry", {"kernels": paths, "target": "SATURN"})])
    label = data / "products" / "FUV2005_230_15_15.LBL"
    record = work.attempt(work.Job(str(label), "a.nc", str(tmp_path), str(tmp_path), ""), steps)
    assert record["status"] == "done", record
    # The kernels at hand have the ephemeris but no continuous pointing.
    assert any("pointing" in text for text in record["warnings"])
    with xr.open_dataset(tmp_path / "a.nc") as ds:
        assert float(ds.sc_alt[0]) == pytest.approx(1_158_156.9, rel=0.01)
        assert bool(np.isnan(ds.lat).all())
