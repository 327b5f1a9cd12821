"""Pipelines: checked before anything runs, recorded, lazy."""

from __future__ import annotations

import inspect
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from itertools import combinations, islice
from pathlib import Path
from string import ascii_letters
from typing import Any, Literal

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
import yaml
from helpers import calfiles

from uvisxr.accessor import UvisAccessor
from uvisxr.batch import pipeline
from uvisxr.dataset import history
from uvisxr.dataset.forward import method
from uvisxr.errors import ArgumentError, CoverageError, LeftOutWarning, PipelineError
from uvisxr.instrument.detector import Window


def scale(
    ds: xr.Dataset,
    by: float,
    times: int = 1,
    mode: Literal["up", "down"] = "up",
    edges: Mapping[str, Sequence[float]] | None = None,
    files: str | Path | Sequence[str | Path] | None = None,
    flag: bool = False,
    span: tuple[float, float] | None = None,
    names: Literal["a", "b"] | Sequence[Literal["a", "b"]] = "a",
    anything: Any = None,
    like: xr.Dataset | None = None,
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


def hopeless(ds: xr.Dataset, how: Literal["known", "bug"] = "known") -> xr.Dataset:
    raise CoverageError("no position of CASSINI") if how == "known" else ValueError("a bug")


@pytest.fixture(autouse=True)
def _steps(monkeypatch: pytest.MonkeyPatch):
    for function in (scale, total, noted, nothing, hopeless):
        monkeypatch.setattr(UvisAccessor, function.__name__, method(function), raising=False)


@pytest.fixture
def ds() -> xr.Dataset:
    counts = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    return xr.Dataset({"counts": (("pic", "pixel", "wl"), counts)}, attrs={"history": "opened"})


@pytest.fixture(scope="module")
def product() -> xr.Dataset:
    return calfiles.poisson(1, Window(0, 300, 63, 309))


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


@pytest.mark.parametrize(
    "arguments",
    [
        {"by": 1, "anything": "2005-230T15:15:00"},
        {"by": 2.5, "anything": {"pic": [1, None, True]}},
        {"by": 1, "span": (1, 2.5), "names": ("a", "b"), "files": ["x", "y"]},
        {"by": 1, "names": "b", "files": Path("x"), "edges": {"lat": np.array([1.0, 2.0])}},
        {"by": 1, "anything": np.array(["2005-08-18T15:15", "NaT"], "datetime64[ms]")},
    ],
)
def test_right_values_are_taken(arguments: dict[str, Any]):
    (step,) = pipeline.load([("scale", arguments)]).steps
    assert step.arguments == json.loads(json.dumps(step.arguments))


def test_infinities_are_yaml_and_come_back(tmp_path: Path):
    path = tmp_path / "pipeline.yaml"
    path.write_text('- scale: {by: 1, edges: {"Infinity": [-.inf, 0, .inf]}, files: "-Infinity"}\n')
    loaded = pipeline.load(path)
    edges = {"Infinity": [-np.inf, 0, np.inf]}
    expected = {"by": 1, "edges": edges, "files": "-Infinity"}
    assert entries(loaded) == [("scale", expected)]
    assert yaml.safe_load(loaded.text) == [{"scale": expected}]
    path.write_text(loaded.text)
    again = pipeline.load(path)
    assert (again.text, entries(again)) == (loaded.text, entries(loaded))
    listed = {"by": 1, "edges": {"Infinity": (-np.inf, 0, np.inf)}, "files": "-Infinity"}
    assert pipeline.load([("scale", listed)]).text == loaded.text


@pytest.mark.parametrize("value", [".inf", "-.inf"])
def test_infinity_by_itself_never_starts(tmp_path: Path, value: str):
    path = tmp_path / "steps.yaml"
    path.write_text(f"- background: {{level: {value}}}\n")
    with pytest.raises(PipelineError, match=r"step 1: background: level=.*: expected a finite"):
        pipeline.load(path)


@pytest.mark.parametrize(("step", "key"), pipeline.BOUNDS)
def test_numbers_that_a_step_always_refuses_never_start(product, step: str, key: str):
    value = pipeline.BOUNDS[step, key].get("least", 1) - 1
    with pytest.raises(PipelineError, match=f"step 1: {step}: {key}={value}: expected a number, "):
        pipeline.load([(step, {key: value})])
    pipeline.load([(step, {key: value + 1})])
    if step not in ("geometry", "image", "to_fits"):
        with pytest.raises(ArgumentError, match=f"{key}={value}: expected"):
            getattr(product.uvis, step)(**{key: value})


def test_ranges_in_the_wrong_order_never_start():
    with pytest.raises(PipelineError, match=r"step 1: integrate: wl_range=.1800, 1200.: expect"):
        pipeline.load([("integrate", {"wl_range": [1800, 1200]})])


def test_choices_that_do_not_exist_never_start():
    for step, arguments, message in (
        ("calibrate", {"recipe": "upyp2"}, "recipe='upyp2': expected 'upyp' or 'pds'; .*'upyp'"),
        ("calibrate", {"trend": "spika"}, "expected one of true, false, 'spica', 'evolution'; "),
        ("background", {"method": "gapz"}, "expected one of 'gaps', 'mean', 'rtg'; .*'gaps'"),
        ("bin", {"exclude": ["star", "loss"]}, "did you mean 'lost'"),
        ("geometry", {"lon_direction": "West"}, "expected 'west' or 'east'; .*'west'"),
        ("fill_nan", {"method": None}, "method=None: expected 'linear' or 'pchip'"),
        ("integrate", {"wl_range": [1200]}, "a list of 2 numbers"),
        ("open", {"start_time": "end"}, "expected 'end_of_first' or 'start'"),
    ):
        with pytest.raises(PipelineError, match=message):
            pipeline.load([(step, arguments)])


def test_the_steps_own_defaults_fit_their_annotations():
    steps = {**pipeline._methods(), "open": pipeline._opener()}
    for name, step in steps.items():
        if name in ("scale", "total", "nothing"):
            continue
        arguments = {
            parameter.name: parameter.default
            for parameter in inspect.signature(step).parameters.values()
            if parameter.default is not inspect.Parameter.empty
        }
        required = {"flag": {"pixels": [[0, 1]]}, "unflag": {"pixels": [[0, 1]]}}.get(name, {})
        pipeline.load([(name, arguments | required)])


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
    with pytest.raises(PipelineError, match="'scale' follows one that returned a DataArray"):
        pipeline.load(["total", ("scale", {"by": 1})]).apply(ds)


def test_a_step_that_gives_no_dataset(ds: xr.Dataset):
    with pytest.raises(PipelineError, match="'nothing' returned a int"):
        pipeline.load(["nothing"]).apply(ds)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("scal", "step 1: no step 'scal'; did you mean 'scale'"),
        ("xyz", "no step 'xyz'; steps are .*scale"),
        ("xyz", "no step 'xyz'; .*and to_fits as the last"),
        ("to_fit", "no step 'to_fit'; did you mean 'to_fits'"),
        ("backplanes", "no step 'backplanes'; .*- to_fits: {backplanes: .*last entry"),
        ("to_netcdf", "no step 'to_netcdf'; each product becomes a NetCDF file anyway"),
        ("_ds", "no step '_ds'"),
        ("scale", "missing a required argument: 'by'"),
        (("scale", {"by": 1, "colour": 2}), "scale: there is no argument colour=; it takes"),
        (("scale", {"by": "2"}), "scale: by='2': expected a number"),
        (("scale", {"by": True}), "by=True: expected a number"),
        (("scale", {"by": 1, "times": 1.5}), "times=1.5: expected a whole number"),
        (("scale", {"by": 1, "mode": "sideways"}), "mode='sideways': expected 'up' or 'down'"),
        (
            ("scale", {"by": 1, "edges": [1, 2]}),
            "edges=.*: expected a mapping of texts to lists of numbers",
        ),
        (
            ("scale", {"by": 1, "files": 3}),
            "files=3: expected one of a path, a list of paths, null",
        ),
        (("scale", {"by": 1, "flag": "yes"}), "flag='yes': expected true or false"),
        (("scale", {"by": 1, "mode": "dwn"}), "did you mean 'down'"),
        (("scale", {"by": 1, "flag": 1}), "flag=1: expected true or false"),
        (("scale", {"by": 1, "edges": {"lat": [0, "1"]}}), "edges=.*: expected a mapping"),
        (("scale", {"by": 1, "span": [1, 2, 3]}), "span=.*: expected a list of 2 numbers or null"),
        (
            ("scale", {"by": 1, "names": ["a", "bc"]}),
            "names=.*: expected one of 'a', 'b', a list of them",
        ),
        (("scale", {"by": 1, "like": [1]}), r"like=\[1\]: expected null"),
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
        ("- scale: {by: 1", "is not the YAML of a pipeline"),
        ("scale: {by: 1}", "holds a dict, not a list"),
        ("", "is empty: write one '- step"),
        ("- scale:\n\tby: 1", "in blanks, not in tabs"),
        ("- scale: {by: 1, on_eror: keep}", "did you mean on_error=?"),
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
    with pytest.raises(PipelineError, match=r"open: there is no argument colour="):
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


def test_a_link_to_nothing_in_a_folder_of_files(tmp_path: Path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a").symlink_to(tmp_path / "gone")
    steps = [("scale", {"by": 2, "files": str(folder)})]
    before = pipeline.load(steps).digest()
    (tmp_path / "gone").write_text("back")
    assert pipeline.load(steps).digest() != before


@pytest.mark.parametrize(
    "text", ["- &a\n  - rate\n  - *a\n", "- background: &a\n    level: *a\n", "- x: {y: &a [*a]}"]
)
def test_an_anchor_that_holds_itself(tmp_path: Path, text: str):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    with pytest.raises(PipelineError, match=r"an anchor"):
        pipeline.load(path)


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


class TestStepsThatFail:
    def test_they_fail_the_product_unless_told_otherwise(self, ds):
        for step in ("hopeless", ("hopeless", {"on_error": "fail"})):
            with pytest.raises(CoverageError):
                pipeline.load([("scale", {"by": 2}), step]).apply(ds)

    @pytest.mark.parametrize(
        "entries",
        [
            [("scale", {"by": 2}), ("hopeless", {"on_error": "keep"}), "noted"],
            ["noted", {"hopeless": {"on_error": "keep"}}, {"scale": {"by": 2}}],
            [("on_error", "keep"), ("scale", {"by": 2}), "hopeless", "noted"],
            [{"open": {"window": 0}}, {"on_error": "keep"}, {"scale": {"by": 2}}, "hopeless"],
        ],
    )
    def test_those_kept_leave_the_dataset_to_the_others(self, ds, entries):
        steps = pipeline.load(entries)
        entered = []
        with pytest.warns(LeftOutWarning, match="'hopeless' is left out: no position of CASSINI"):
            found = steps.apply(ds, entered.append)
        np.testing.assert_array_equal(found.scaled, ds.counts * 2)
        (said,) = (line for line in found.attrs["history"].splitlines() if "left_out" in line)
        assert "left_out(step='hopeless', error='CoverageError')" in said
        assert "hopeless" in entered
        # What is recorded does the same again.
        again = pipeline.load(yaml.safe_load(found.attrs["pipeline"]))
        assert again == steps == pipeline.load([{"open": steps.open}, *steps.steps])

    def test_a_bug_is_never_kept(self, ds):
        with pytest.raises(ValueError, match="a bug"):
            pipeline.load([("hopeless", {"how": "bug", "on_error": "keep"})]).apply(ds)

    def test_in_yaml_and_for_workers(self, tmp_path):
        path = tmp_path / "pipeline.yaml"
        path.write_text("- on_error: keep\n- noted\n- hopeless: {on_error: fail}\n")
        steps = pipeline.load(path).resolved().steps
        assert [(s.name, s.on_error) for s in steps] == [("noted", "keep"), ("hopeless", "fail")]

    @pytest.mark.parametrize(
        ("entries", "said"),
        [
            ([("on_error", "ignore"), "noted"], "expected 'fail' or 'keep'"),
            ([("noted", {"on_error": True})], "step 1: noted: on_error=True"),
            (["noted", ("on_error", "keep")], "step 2: 'on_error' stands before the steps"),
        ],
    )
    def test_wrong_values_show_at_once(self, entries, said):
        with pytest.raises(PipelineError, match=said):
            pipeline.load(entries)


BOMB = "- integrate:\n    wl_range: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"    x{k}: &a{k} [{','.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "has more than 50000 values"),
        ("- " + "[" * 5000 + "]" * 5000, "more than 50 deep"),
        ("- " + "[" * 50_000, "more than 50 deep"),
        ("# " + "x" * 2**16, "more than 65536 bytes"),
        ("- background: {level: 1, level: 2}", "'level' stands twice"),
        ("- background: {level: 1:30}", "level='1:30': expected a number"),
        ("- background: {level: 010}", "level='010': expected a number"),
        ("- background: {level: " + "9" * 30 + "}", "cannot be recorded"),
        ("- background: {level: " + "9" * 5000 + "}", "is not the YAML of a pipeline"),
        ('- calibrate: {recipe: "a\\0b"}', "cannot be recorded"),
        ('- calibrate: {recipe: "\\ud800"}', "cannot be recorded"),
        ("- " + "x" * 50_000, "no step 'xxx"),
        # As many different keys as there is room for.
        (
            "- rate: {"
            + ",".join(map("".join, islice(combinations(ascii_letters, 3), 16_000)))
            + "}",
            "rate: there is no arg",
        ),
        ("- !!python/object/apply:os.system ['false']", "could not determine a constructor"),
    ],
    ids=lambda text: text[:20],
)
def test_bounds_of_a_file(tmp_path: Path, text: str, said: str):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    start = time.process_time()
    with pytest.raises(PipelineError, match=re.escape(said)) as caught:
        pipeline.load(path)
    assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "entry",
    [
        ("geometry", {"times": "2005-230T15:15:00"}),
        ("geometry", {"times": 1.7e8}),
        ("geometry", {"times": [1.7e8, 1.8e8]}),
        ("open", {"chunks": {"pic": 1}}),
        ("open", {"chunks": "auto"}),
    ],
)
def test_arguments_that_take_anything(entry: tuple):
    assert json.loads(pipeline.load([entry]).text) == [dict([entry])]


def test_what_is_no_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipeline.yaml")
    for path in (tmp_path / "pipeline.yaml", tmp_path, Path("/dev/zero")):
        with pytest.raises(PipelineError, match="cannot read the pipeline"):
            pipeline.load(path)


@pytest.mark.parametrize("value", ["4,0e-4", "4,5", "0,0004"])
def test_a_decimal_comma_is_told(tmp_path, value):
    """YAML reads two entries in it."""
    path = tmp_path / "pipe.yaml"
    path.write_text(f"- background: {{level: {value}}}\n- calibrate\n")
    with pytest.raises(PipelineError, match=r"background: .*: write decimals with a point"):
        pipeline.load(path)


def test_what_is_no_yaml_is_told_with_its_place(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("- rate\n- calibrate: {recipe: upyp\n- rate\n")
    with pytest.raises(PipelineError, match=r"line 2, column 14: .*line 4, column 1$") as caught:
        pipeline.load(path)
    assert "^" not in str(caught.value)
