"""Pipelines: checked before anything runs, recorded, lazy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
import yaml

from uvisxr.accessor import UvisAccessor
from uvisxr.batch import pipeline
from uvisxr.dataset import history
from uvisxr.dataset.forward import method
from uvisxr.errors import PipelineError


def scale(
    ds: xr.Dataset,
    by: float,
    times: int = 1,
    mode: Literal["up", "down"] = "up",
    edges: Mapping[str, Sequence[float]] | None = None,
    files: str | Path | Sequence[str | Path] | None = None,
    flag: bool = False,
) -> xr.Dataset:
    factor = by**times if mode == "up" else 1 / by**times
    return ds.assign(scaled=ds.counts * factor)


def total(ds: xr.Dataset) -> xr.DataArray:
    return ds.counts.sum("wl")


@history.step("noted")
def noted(ds: xr.Dataset) -> xr.Dataset:
    return ds


def nothing(ds: xr.Dataset) -> int:
    return 0


@pytest.fixture(autouse=True)
def _steps(monkeypatch: pytest.MonkeyPatch):
    for function in (scale, total, noted, nothing):
        monkeypatch.setattr(UvisAccessor, function.__name__, method(function), raising=False)


@pytest.fixture
def ds() -> xr.Dataset:
    counts = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    return xr.Dataset({"counts": (("pic", "pixel", "wl"), counts)}, attrs={"history": "opened"})


def entries(loaded: pipeline.Pipeline) -> list[tuple[str, dict[str, Any]]]:
    return [(step.name, step.arguments) for step in loaded.steps]


def test_yaml_and_lists_are_the_same(tmp_path: Path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "- scale: {by: 4e-4, mode: down}\n- scale:\n    by: 2\n    edges:\n      lat: [-90, 90]\n"
        "- total\n"
    )
    listed = [
        ("scale", {"by": 4e-4, "mode": "down"}),
        {"scale": {"by": np.int64(2), "edges": {"lat": np.array([-90, 90])}}},
        "total",
    ]
    expected = [
        ("scale", {"by": 4e-4, "mode": "down"}),
        ("scale", {"by": 2, "edges": {"lat": [-90, 90]}}),
        ("total", {}),
    ]
    assert entries(pipeline.load(path)) == entries(pipeline.load(listed)) == expected
    assert pipeline.load(path).text == pipeline.load(listed).text


def test_recorded_text_can_be_run_again(tmp_path: Path, ds: xr.Dataset):
    once = pipeline.load([("scale", {"by": 2.5, "times": 2})])
    recorded = once.apply(ds).attrs["pipeline"]
    assert yaml.safe_load(recorded) == json.loads(recorded)
    (tmp_path / "again.yaml").write_text(recorded)
    again = pipeline.load(tmp_path / "again.yaml")
    xr.testing.assert_identical(again.apply(ds), once.apply(ds))


def test_apply_runs_the_steps_in_order(ds: xr.Dataset):
    entered: list[str] = []
    steps = pipeline.load([("scale", {"by": 2.0}), ("scale", {"by": 3.0, "times": 2}), "total"])
    result = steps.apply(ds, entered.append)
    assert entered == ["scale", "scale", "total"]
    np.testing.assert_array_equal(result["counts"], ds.counts.sum("wl"))
    assert "scaled" not in ds


def test_an_array_has_the_history_of_what_it_comes_from(ds: xr.Dataset):
    result = pipeline.load(["noted", "total"]).apply(ds)
    assert [line.split(": ")[-1] for line in result.attrs["history"].splitlines()] == [
        "opened",
        "noted()",
    ]


def test_no_steps_is_the_product_as_it_was_opened(ds: xr.Dataset):
    result = pipeline.load([]).apply(ds)
    assert result.attrs == {"history": "opened", "pipeline": "[]"}
    xr.testing.assert_equal(result, ds)


def test_dask_arrays_are_not_computed(ds: xr.Dataset):
    computed = []

    def counting(graph, keys, **options):
        computed.append(keys)
        return dask.get(graph, keys)

    with dask.config.set(scheduler=counting):
        result = pipeline.load([("scale", {"by": 2.0})]).apply(ds.chunk(pic=1))
        assert not computed
        np.testing.assert_array_equal(result["scaled"], ds.counts * 2)
    assert len(computed) == 1


def test_a_step_after_one_that_gave_an_array(ds: xr.Dataset):
    with pytest.raises(PipelineError, match="'scale' follows one that gave a DataArray"):
        pipeline.load(["total", ("scale", {"by": 1})]).apply(ds)


def test_a_step_that_gives_no_dataset(ds: xr.Dataset):
    with pytest.raises(PipelineError, match="'nothing' gave a int"):
        pipeline.load(["nothing"]).apply(ds)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("scal", "step 1: no step 'scal'; did you mean 'scale'"),
        ("xyz", "no step 'xyz'; steps are .*scale"),
        ("to_netcdf", "no step 'to_netcdf'"),
        ("_ds", "no step '_ds'"),
        ("scale", "missing a required argument: 'by'"),
        (("scale", {"by": 1, "colour": 2}), "unexpected keyword argument 'colour'; its arguments"),
        (("scale", {"by": "2"}), "by='2' is not of the expected type"),
        (("scale", {"by": True}), "by=True is not"),
        (("scale", {"by": 1, "times": 1.5}), "times=1.5 is not"),
        (("scale", {"by": 1, "mode": "sideways"}), "mode='sideways' is not"),
        (("scale", {"by": 1, "edges": [1, 2]}), "edges=.* is not"),
        (("scale", {"by": 1, "files": 3}), "files=3 is not"),
        (("scale", {"by": 1, "flag": "yes"}), "flag='yes' is not"),
        (("scale", {"by": float("nan")}), "by: nan cannot be recorded"),
        (("scale", {"by": 1, "edges": {"lat": xr.DataArray([1])}}), "cannot be recorded"),
        (("scale", [1]), "must be a mapping"),
        ({"scale": {}, "total": {}}, "is not a step"),
        (3, "3 is not a step"),
        (("nothing", None, 2), "is not a step"),
    ],
)
def test_malformed_entry(entry: Any, message: str):
    with pytest.raises(PipelineError, match=message):
        pipeline.load([entry])


def test_an_error_names_the_file_and_the_step(tmp_path: Path):
    path = tmp_path / "pipeline.yaml"
    path.write_text("- total\n- scale: {by: 1, colour: 2}\n")
    with pytest.raises(PipelineError, match=r"pipeline\.yaml, step 2: scale: .*colour"):
        pipeline.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- scale: {by: 1", "is not YAML"),
        ("scale: {by: 1}", "holds a dict, not a list"),
        ("", "holds a NoneType"),
    ],
)
def test_malformed_file(tmp_path: Path, text: str, message: str):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    with pytest.raises(PipelineError, match=message):
        pipeline.load(path)


def test_missing_file(tmp_path: Path):
    with pytest.raises(PipelineError, match=r"cannot read the pipeline .*none\.yaml"):
        pipeline.load(tmp_path / "none.yaml")


def test_open_takes_its_own_arguments_and_only_the_first_place():
    loaded = pipeline.load([{"open": {"start_time": "start"}}, "total"])
    assert loaded.open == {"start_time": "start"}
    assert json.loads(loaded.text)[0] == {"open": {"start_time": "start"}}
    with pytest.raises(PipelineError, match="'open' can only be the first entry"):
        pipeline.load(["total", {"open": {}}])
    with pytest.raises(PipelineError, match=r"open: .*'colour'"):
        pipeline.load([{"open": {"colour": 1}}])


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "calibration"
    folder.mkdir()
    path = tmp_path / "pipeline.yaml"
    path.write_text("- scale: {by: 1, mode: up, files: calibration}\n")
    monkeypatch.chdir("/")
    loaded = pipeline.load(path)
    resolved = loaded.resolved()
    assert resolved.steps[0].arguments["files"] == str(folder)
    # What is recorded does not depend on the machine.
    assert str(tmp_path) not in resolved.text


def test_the_digest_sees_the_files_that_arguments_name(tmp_path: Path):
    folder = tmp_path / "calibration"
    folder.mkdir()
    (folder / "flat").write_text("1")
    steps = [("scale", {"by": 1, "files": str(folder)})]
    before = pipeline.load(steps).digest()
    assert before == pipeline.load(steps).digest()
    (folder / "flat").write_text("12")
    changed = pipeline.load(steps).digest()
    assert changed != before
    assert pipeline.load([("scale", {"by": 2, "files": str(folder)})]).digest() != changed
