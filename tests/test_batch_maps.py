"""Batches of what is made of bodies: reflectances, whole disks, maps and powers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.sunlight import flat

import uvisxr
from uvisxr.batch import manifest, pipeline, work
from uvisxr.dataset import overview
from uvisxr.instrument.detector import Window
from uvisxr.simulate import Simulation

LIGHT = [1700.0, 1850.0]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """Two products of Titan, and a spectrum of the Sun as text."""
    folder = tmp_path_factory.mktemp("two")
    window, whole = Window(2, 0, 61, 1023, band_bin=16), {"stars": 0, "lost": 0, "partial": 0}
    made = uvisxr.simulate.observation(folder, exposures=6, products=2, window=window, **whole)
    lines = [f"{wl:.1f}, 2e-3" for wl in np.arange(100.0, 220.0, 10.0)]
    (folder / "sun.csv").write_text("\n".join(["wavelength (nm), irradiance (W/m^2/nm)", *lines]))
    return made


def outputs(two: Simulation, out: Any, *steps: dict[str, Any]) -> Any:
    """What a batch of the two makes of them, opened."""
    before = [
        {"geometry": {"kernels": [str(kernel) for kernel in two.kernels]}},
        {"background": {"level": 4e-4}},
        {"calibrate": {"files": str(two.calibration)}},
    ]
    with manifest.Manifest(out) as book:
        for label in two.labels:
            job = work.Job(str(label), f"{label.stem}.nc", str(out), str(out), "f")
            record = work.attempt(job, pipeline.load([*before, *steps]))
            assert record["status"] == "done", record["error"]
            book.append(record)
    return uvisxr.open_processed(out)


def by_hand(two: Simulation) -> list[xr.Dataset]:
    opened = [uvisxr.open_product(label) for label in two.labels]
    located = [ds.uvis.geometry(kernels=two.kernels) for ds in opened]
    return [ds.uvis.background(level=4e-4).uvis.calibrate(files=two.calibration) for ds in located]


@pytest.mark.slow
def test_reflectances(two, tmp_path):
    sun = {"solar": str(two.labels[0].parent.parent / "sun.csv")}
    found = outputs(two, tmp_path, {"integrate": {"wl_range": LIGHT}}, {"reflectance": sun})
    parts = [ds.uvis.integrate(LIGHT).uvis.reflectance(flat()) for ds in by_hand(two)]
    expected = np.concatenate([ds.reflectance for ds in parts])
    np.testing.assert_allclose(found.reflectance, expected, rtol=1e-5)


@pytest.mark.slow
def test_maps(two, tmp_path):
    options = {"wl_range": LIGHT, "spacing": 10.0}
    found = outputs(two, tmp_path, {"map": options})
    assert isinstance(found, xr.DataTree)
    for (_, node), ds in zip(sorted(found["FUV"].children.items()), by_hand(two), strict=True):
        expected = ds.uvis.map(**options)
        np.testing.assert_allclose(node["brightness"], expected.brightness, rtol=1e-6)
        assert node.to_dataset().uvis.power().power == expected.uvis.power().power


@pytest.mark.slow
@pytest.mark.parametrize("wl_range", [LIGHT, None])
def test_disks_are_a_phase_curve(two, tmp_path, wl_range):
    sun = str(two.labels[0].parent.parent / "sun.csv")
    step = {"solar": sun, "per": "observation", "wl_range": wl_range, "background": "none"}
    found = outputs(two, tmp_path, {"photometry": step})
    arguments = {"per": "observation", "wl_range": wl_range, "background": "none"}
    parts = [ds.uvis.photometry(flat(), **arguments) for ds in by_hand(two)]
    assert found.reflectance.dims == (("pic",) if wl_range else ("pic", "wl"))
    for name in ("reflectance", "reflectance_upper", "target_phase", "disk_share", "time_start"):
        expected = np.stack([part[name].values for part in parts])
        if name == "time_start":
            np.testing.assert_array_equal(found[name], expected)
        else:
            np.testing.assert_allclose(found[name], expected, rtol=1e-5)
    assert found["product"].values.tolist() == [label.stem for label in two.labels]
    assert found.wl.dims == (() if wl_range else ("wl",))
    assert "photometry" in overview.done(found)
    assert "to_json" not in overview.next_steps(found)


@pytest.mark.slow
def test_powers_are_a_series(two, tmp_path):
    options = {"wl_range": LIGHT, "spacing": 10.0}
    found = outputs(two, tmp_path, {"map": options}, {"power": {"region": {"lat": [-60, 60]}}})
    parts = [ds.uvis.map(**options).uvis.power({"lat": (-60, 60)}) for ds in by_hand(two)]
    np.testing.assert_allclose(found.power, [float(part.power) for part in parts], rtol=1e-6)
    starts = [part.attrs["time_coverage_start"].rstrip("Z") for part in parts]
    assert (np.diff(found.time_start) > np.timedelta64(0)).all()
    np.testing.assert_array_equal(found.time_start, np.array(starts, "datetime64[ns]"))
    before = ["open", "geometry", "background", "calibrate", "integrate", "map", "power"]
    assert list(overview.done(found)) == before
