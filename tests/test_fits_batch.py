"""FITS files as outputs of batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.backplanes_tree import backplanes
from helpers.products import product_id, two_windows, write_product

import uvisxr
from uvisxr import batch
from uvisxr.accessor import TreeAccessor, UvisAccessor
from uvisxr.batch import manifest, pipeline, work
from uvisxr.errors import PipelineError, UvisWarning
from uvisxr.files import sha256

STEPS = [
    ("background", {"level": 4e-4}),
    ("calibrate", {"flat_field": False, "trend": False, "smooth": False}),
]


@pytest.fixture
def label(tmp_path: Path) -> Path:
    return write_product(tmp_path / "in", product_id(1), samples=2, band_bin=32)


def run(label: Path, fits: dict[str, Any], steps: list[Any] = STEPS) -> dict[str, Any]:
    folder = label.parents[1] / "out"
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    job = work.Job(
        str(label), f"{label.stem}.nc", str(folder), str(folder / "partial"), fingerprint="x"
    )
    return work.attempt(job, pipeline.load([*steps, ("to_fits", fits)]).resolved())


def names(record: dict[str, Any]) -> list[str]:
    return [one["name"] for one in record["fits"]]


def test_a_product_gets_a_file_and_its_label(label, tmp_path):
    record = run(label, {"extras": True})
    assert record["status"] == "done" and names(record) == [
        f"{label.stem}.fits",
        f"{label.stem}.xml",
    ]
    assert "to_fits" in record["seconds"]
    out = tmp_path / "out"
    assert all(one["sha256"] == sha256(out / one["name"]) for one in record["fits"])
    there = {path.name for path in out.iterdir()} - {"partial"}
    assert there == {f"{label.stem}.{ending}" for ending in ("nc", "fits", "xml")}
    with uvisxr.open_reduced(out / f"{label.stem}.nc") as ds:
        back = uvisxr.open_fits(out / f"{label.stem}.fits").dataset
        np.testing.assert_array_equal(back.radiance, ds.radiance)
        np.testing.assert_array_equal(back.radiance_upper, ds.radiance_upper)
    assert '"to_fits": {"extras": true}' in back.attrs["pipeline"]
    # Again, in the place of what it wrote.
    assert names(run(label, {"label": None})) == [f"{label.stem}.fits"]


@pytest.mark.slow
def test_backplanes_are_those_that_the_entry_asks_for(label, tmp_path, monkeypatch):
    asked: list[dict[str, Any]] = []

    def made(self: UvisAccessor, **options: Any):
        asked.append(options)
        return backplanes(self._ds)

    monkeypatch.setattr(UvisAccessor, "backplanes", made, raising=False)
    (tmp_path / "k").mkdir()
    monkeypatch.chdir(tmp_path)
    record = run(label, {"backplanes": {"kernels": "k", "times": 3}})
    assert record["status"] == "done", record
    run(label, {"backplanes": True})
    assert asked == [{"kernels": str(tmp_path / "k"), "times": 3}, {}]
    tree = uvisxr.open_fits(tmp_path / "out" / f"{label.stem}.fits").backplanes
    assert list(tree.children) == ["sky", "saturn", "titan", "rings"]


def test_the_rule_of_the_file_is_that_of_its_backplanes(label, monkeypatch):
    asked: list[dict[str, Any]] = []

    def made(self: UvisAccessor, **options: Any):
        asked.append(options)
        tree = backplanes(self._ds)
        # A pixel is a tenth of a degree wide; the slit moves by four of them.
        tree["sky"]["ra"] = tree["sky/ra"] * 0 + tree["sky/ra"][0, 0, 0]
        tree["sky"]["ra"] = tree["sky/ra"] + xr.DataArray([0.0, 0.2, 0.4], dims="instant")
        tree["sky"]["dec"] = tree["sky/dec"] * 0 + tree["sky/dec"][0, 0, 0]
        return tree

    monkeypatch.setattr(UvisAccessor, "backplanes", made, raising=False)
    run(label, {"backplanes": {"times": "rule"}, "pixels_per_subsample": 3})
    assert asked == [{"times": "rule", "pixels_per_subsample": 3}]
    record = run(label, {"backplanes": {"times": 3}})
    assert [said for said in record["warnings"] if "`times: rule`" in said]


def test_windows_get_a_file_each(label, tmp_path):
    two_windows(label)
    record = run(label, {})
    made = [f"{label.stem}{letter}{ending}" for letter in "AB" for ending in (".fits", ".xml")]
    assert names(record) == made


def test_what_fails_leaves_nothing_or_is_left_out(label, tmp_path):
    steps = [*STEPS, ("integrate", {"wl_range": [1400, 1700]})]
    record = run(label, {}, steps)
    assert (record["status"], record["step"]) == ("failed", "to_fits")
    assert record["error"].startswith("the spectra are integrated already")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"partial"}
    record = run(label, {"on_error": "keep"}, steps)
    assert record["status"] == "done" and "to_fits" in record["left_out"][0]
    assert record["left_out"][0].startswith(
        "step 'to_fits' is left out: the spectra are integrated"
    )
    assert "fits" not in record


def test_no_input_and_no_file_of_others_is_replaced(label, tmp_path):
    foreign = tmp_path / "out" / f"{label.stem}.fits"
    foreign.parent.mkdir()
    foreign.write_bytes(b"mine")
    before = sha256(label)
    try:
        record = run(label, {})
    except work.Unexpected as error:
        record = {"status": "failed", "error": str(error)}
    assert record["status"] == "failed" and "did not write it" in record["error"]
    assert foreign.read_bytes() == b"mine" and sha256(label) == before


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ([("to_fits", {"path": "x.fits"})], "leave path out"),
        ([("to_fits", {"label": "pds3"})], "label"),
        ([("to_fits", {"backplanes": 3})], "backplanes=3"),
        ([("to_fits", {"pixels_per_subsample": 0})], "pixels_per_subsample"),
        ([("to_fits", {"extra": True})], "did you mean extras"),
        ([("to_fits", {}), "rate"], "last entry"),
        ([("to_fits", {}), ("to_fits", {})], "last entry"),
    ],
)
def test_entries_are_checked_before_anything_runs(entries, match):
    with pytest.raises(PipelineError, match=match):
        pipeline.load(entries)


def test_the_entry_is_part_of_the_recorded_pipeline(tmp_path):
    plain, own = pipeline.load(STEPS), pipeline.load([*STEPS, ("to_fits", {})])
    assert plain.fits is None and own.fits is not None
    assert plain.digest() != own.digest()
    saved = tmp_path / "again.yaml"
    saved.write_text(own.text)
    assert pipeline.load(saved).text == own.text
    assert hasattr(TreeAccessor, "to_fits")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))


@pytest.mark.parametrize("ending", ["A.fits", "A.xml", "B.fits", "B.xml"])
def test_the_manifest_knows_lost_and_damaged_files(label, tmp_path, ending):
    two_windows(label)
    out, output = tmp_path / "out", f"{label.stem}.nc"
    record = run(label, {})
    with manifest.Manifest(out) as book:
        book.append(record)
    known, file = manifest.Known(out), out / f"{label.stem}{ending}"
    raw = file.read_bytes()
    assert known.is_current(output, "x") and not known.changed(output)
    for damage in (Path.unlink, cut, empty):
        damage(file)
        assert not known.is_current(output, "x") and known.changed(output) == [file.name]
        assert known.emptied(output) == ([file.name] if damage is empty else [])
        file.write_bytes(raw)
    other(file)
    assert known.is_current(output, "x") and known.changed(output) == [file.name]


@pytest.mark.slow
def test_files_that_are_lost_or_damaged_are_made_again(label, tmp_path):
    two_windows(label)
    steps, out = [*STEPS, ("to_fits", {})], tmp_path / "out"

    def again(**options: bool) -> tuple[int, int]:
        summary = batch.process(label.parent, steps, out, workers=1, **options)
        assert not summary.failed, summary.failures
        return summary.done, summary.current

    assert again() == (1, 0)
    for damage, ending in ((Path.unlink, "A.xml"), (cut, "A.fits"), (empty, "B.fits")):
        damage(out / f"{label.stem}{ending}")
    assert again() == (1, 0) and again(verify=True) == (0, 1)
    other(out / f"{label.stem}B.fits")
    with pytest.warns(UvisWarning, match=f"1 output does not .*: {label.stem}B.fits"):
        assert again(verify=True) == (1, 0)
    for path in out.glob("*.fits"):
        assert uvisxr.open_fits(path).dataset.sizes["pic"] == 2


@pytest.mark.slow
def test_overwriting_replaces_files_of_others(label, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    foreign = out / f"{label.stem}.fits"
    foreign.write_bytes(b"mine")
    steps = [*STEPS, ("to_fits", {})]
    assert batch.process(label.parent, steps, out, workers=1).failed == 1
    assert foreign.read_bytes() == b"mine"
    assert batch.process(label.parent, steps, out, workers=1, overwrite=True).done == 1
    assert uvisxr.open_fits(foreign).dataset.sizes["pic"] == 2
