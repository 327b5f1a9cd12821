"""What the logger `uvisxr` says, and that it says nothing unasked."""

from __future__ import annotations

import logging
import re

import pytest
from helpers.interpreter import python
from helpers.loopback import serve
from helpers.products import product_id, write_product

from uvisxr import fetch
from uvisxr.batch import run
from uvisxr.simulate import Simulation


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "uvisxr")
    return caplog


def test_a_reduction_says_its_steps_and_files(made: Simulation, said, tmp_path):
    ds = made.open().uvis.geometry(kernels=made.kernels)
    path = ds.uvis.calibrate(files=made.calibration).uvis.to_netcdf(tmp_path / "out.nc")
    assert {record.name.partition(".")[0] for record in said.records} == {"uvisxr"}
    steps = re.findall(r"^(\w+) took \d+\.\d\d s$", "\n".join(said.messages), re.M)
    assert steps == ["open_observation", "geometry", "calibrate"]
    assert f"wrote {path}" in said.messages
    (line,) = (text for text in said.messages if text.startswith("calibration files"))
    assert str(made.calibration) in line and "FLATFIELD_FUV_POSTBURN.txt" in line
    (line,) = (text for text in said.messages if text.startswith("kernels from kernels=: "))
    assert all(str(path) in line for path in made.kernels)


def test_details_on_demand(made: Simulation, caplog):
    caplog.set_level(logging.DEBUG, "uvisxr")
    made.open().uvis.geometry(kernels=made.kernels)
    assert any(text.startswith("SPICE has loaded ") for text in caplog.messages)


def test_downloads(said, tmp_path):
    with serve({"f": b"content"}) as server:
        fetch.download(f"{server.url}f", tmp_path / "f")
        assert f"downloading {server.url}f" in said.messages
        said.clear()
        fetch.download(f"{server.url}f", tmp_path / "f")
        assert said.messages == []


def test_a_batch(said, tmp_path, monkeypatch):
    for number in range(2):
        write_product(tmp_path / "in", product_id(number), band_bin=32)
    with run.Manifest(tmp_path) as manifest:
        batch = run._Batch(run.pipeline.load(["rate"]), manifest, tmp_path, False)
        good, bad = (job.record() for job, _ in batch.jobs(run.sources.expand(tmp_path / "in")))
        failure = {"status": "failed", "step": "rate", "error": "no", "kind": "UvisError"}
        batch.note(good | {"status": "done", "bytes": 0, "sha256": "", "warnings": []}, manifest)
        batch.note(bad | failure, manifest)
    levels = [(r.levelname, r.getMessage()) for r in said.records if r.name == "uvisxr.batch.run"]
    assert levels == [
        ("INFO", f"{product_id(0)} done"),
        ("WARNING", f"failed: {product_id(1)}: rate: no"),
    ]


@pytest.mark.slow
def test_nothing_is_printed_unasked(tmp_path):
    """Not even by Python's handler of last resort, which prints warnings."""
    code = "import logging, uvisxr; logging.getLogger('uvisxr.batch').warning('lost')"
    assert python("-c", f"import sys; sys.stderr = sys.stdout; {code}") == ""
