"""Lost spectra are told by each command, once, and counted where results are summarised."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.products import product_id, two_windows, write_product

import uvisxr
from uvisxr.batch import pipeline, work
from uvisxr.batch.run import Summary
from uvisxr.cli import main
from uvisxr.errors import UvisWarning
from uvisxr.quality import telling

NONE = {"flat_field": False, "trend": False, "evil_pixels": "interpolate"}
WORDS = "{} of 360 spectra are lost: no count came of them where there must be some"


def product(folder: Path, lost: int, value: int = 0, number: int = 0) -> Path:
    """One of 6 exposures of 60 rows, of which the last spectra hold nothing."""
    counts = np.random.default_rng(1).poisson(5.0, (6, 60, 256))
    counts.reshape(360, 256)[360 - lost :] = value
    return write_product(folder, product_id(number), counts, band_bin=4)


@pytest.fixture(scope="module")
def mostly_lost(tmp_path_factory) -> Path:
    return product(tmp_path_factory.mktemp("lost"), 240)


def run(*arguments):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    return result.stderr.splitlines()


@pytest.mark.parametrize("value", [0, 65535])
def test_info_names_exposures_without_a_count(tmp_path, value):
    (line,) = run("info", product(tmp_path, 240, value))
    assert "4 of 6 exposures have no count, the first of them pic=2" in line
    assert "--to" in line


def test_info_is_silent_where_exposures_may_be_empty(tmp_path):
    counts = np.zeros((40, 60, 256), int)
    counts[::2, 7, 3] = 1
    assert run("info", write_product(tmp_path, product_id(0), counts, band_bin=4)) == []


def test_info_looks_for_one_exposure_among_others(tmp_path):
    counts = np.full((6, 60, 256), 5)
    # Not that row alone.
    counts[1, 29:32] = 0
    label = write_product(tmp_path, product_id(0), counts, band_bin=4)
    assert run("info", label) == []
    counts[3] = 0
    (line,) = run("info", write_product(tmp_path, product_id(0), counts, band_bin=4))
    assert "1 of 6 exposures have no count, the first of them pic=3" in line


@pytest.mark.slow
def test_process_and_plot_tell_it_once(mostly_lost, tmp_path):
    out, summary = tmp_path / "a.nc", tmp_path / "a.json"
    options = ["--no-flat-field", "--no-trend", "--evil-pixels", "interpolate"]
    (line,) = run("process", mostly_lost, "-o", out, "--json", summary, *options)
    assert WORDS.format(240) in line
    assert "is the data file whole?" in line
    assert json.loads(summary.read_text())["lost_spectra"] == 240
    (line,) = run("plot", mostly_lost, "-o", tmp_path)
    assert line.startswith(f"uvisxr: warning: {mostly_lost}: {WORDS.format(240)}")


def test_process_tells_it_of_each_window(mostly_lost, tmp_path):
    label = product(tmp_path, 240)
    two_windows(label)
    options = ["--no-flat-field", "--no-trend", "--evil-pixels", "interpolate"]
    lines = run("process", label, "-o", tmp_path / "a.nc", *options)
    told = [line.split(": ", 3)[2:] for line in lines if "are lost" in line]
    assert [where for where, _ in told] == ["window0", "window1"]
    assert [text.split(" spectra")[0] for _, text in told] == ["120 of 180", "60 of 90"]


@pytest.mark.slow
def test_a_warning_of_the_file_comes_once(tmp_path):
    label = product(tmp_path, 0)
    path = label.with_suffix(".DAT")
    path.write_bytes(np.fromfile(path, "<u2").astype(">u2").tobytes())
    assert len([line for line in run("plot", label, "-o", tmp_path) if "exchanged" in line]) == 1


@pytest.mark.parametrize(
    "steps",
    [[("background", {"level": 4e-4}), ("calibrate", NONE), "rate"], [("flag", {"pixels": []})]],
)
def test_a_batch_counts_them(mostly_lost, tmp_path, steps):
    job = work.Job(str(mostly_lost), "a.nc", str(tmp_path), str(tmp_path), "")
    record = work.attempt(job, pipeline.load(steps))
    assert record["figures"]["lost_spectra"] == 240
    assert [text for text in record["warnings"] if "lost" in text] == [telling.words(240, 360)]


def test_a_batch_tells_of_products_that_lost_few_in_one_line():
    summary = Summary(Path("manifest.jsonl"))
    for number, lost in enumerate((3, 5, 240)):
        record = {"product": f"P{number}", "status": "done", "figures": {"lost_spectra": lost}}
        summary.add(record | {"warnings": [telling.words(lost, 360)]})
    many, few = summary.lines()
    assert many == f"warning: P2: {telling.words(240, 360)}"
    assert few == "warning: P0 and 1 more: few spectra are lost, 8 in all: manifest.jsonl"
    # What is usual is no reason to look into the manifest.
    assert summary.warned == 1


@pytest.mark.parametrize("first", ["background", "calibrate", "rate"])
def test_the_first_step_that_finds_many_warns(mostly_lost, first):
    steps = {
        "background": lambda ds: ds.uvis.background(level=4e-4),
        "calibrate": lambda ds: ds.uvis.calibrate(**NONE),
        "rate": lambda ds: ds.uvis.rate(),
    }
    ds = uvisxr.open_product(mostly_lost).load()
    with pytest.warns(UvisWarning, match="240 of 360 spectra are lost"):
        ds = steps.pop(first)(ds)
    for step in steps.values():
        ds = step(ds)


def test_few_are_no_warning_and_lazy_flags_none(mostly_lost, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = uvisxr.open_product(product(tmp_path, 9)).uvis.rate()
        lazy = uvisxr.open_product(mostly_lost, chunks={"pic": 2}).uvis.rate()
    assert telling.number(found.quality) == 9
    assert lazy.quality.chunks is not None


def test_a_summary_knows_whether_they_were_looked_for(mostly_lost):
    ds = uvisxr.open_product(mostly_lost)
    assert uvisxr.export.summary(ds)["lost_spectra"] is None
