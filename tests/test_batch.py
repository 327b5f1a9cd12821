"""Batches: each product by itself, resumable, the same on any number of workers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from helpers import tinykernels
from helpers.interpreter import brought
from helpers.products import product_id, write_product

from uvisxr import export
from uvisxr.batch import cluster, manifest, pipeline, work
from uvisxr.batch import run as batch
from uvisxr.cli import main
from uvisxr.errors import (
    ArgumentError,
    ExportError,
    NoMatchError,
    PipelineError,
    UvisError,
    UvisWarning,
)
from uvisxr.reader import sources

pytest.importorskip("distributed")

PIPELINE = [("calibrate", {"flat_field": False, "trend": False, "evil_pixels": "interpolate"})]
#: Products that are spoilt: their number, in which way, and a word of the error that says so.
SPOILT = {
    7: ("truncated data", "truncated"),
    15: ("data too long", "too long"),
    23: ("no data", "data"),
    31: ("garbage label", "label"),
    39: ("label of another instrument", "UVIS"),
}


def spoil(label: Path, how: str) -> None:
    data = label.with_suffix(".DAT")
    if how == "truncated data":
        data.write_bytes(data.read_bytes()[:-2])
    elif how == "data too long":
        data.write_bytes(data.read_bytes() + bytes(131072))
    elif how == "no data":
        data.unlink()
    elif how == "garbage label":
        label.write_bytes(bytes(range(256)) * 4)
    else:
        label.write_bytes(label.read_bytes().replace(b'"UVIS"', b'"VIMS"'))


@pytest.fixture(scope="module", params=[40, pytest.param(200, marks=pytest.mark.slow)])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of both channels with several bins, windows and lengths; 5 are spoilt."""
    root = tmp_path_factory.mktemp("archive")
    for number in range(request.param):
        channel = ("FUV", "EUV")[number % 2]
        label = write_product(
            root / f"D2005_230_{number // 10}",
            product_id(number, channel),
            samples=1 + number % 3,
            band_bin=(16, 4, 64, 32)[number % 4],
            line_bin=(1, 1, 2)[number % 3],
            lines=((2, 61), (0, 63), (10, 30))[number // 2 % 3],
        )
        if number in SPOILT:
            spoil(label, SPOILT[number][0])
    return root


@pytest.fixture(scope="module")
def good(archive: Path) -> int:
    """Number of products that are not spoilt."""
    return len(list(archive.rglob("*.LBL"))) - len(SPOILT)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three good products."""
    root = tmp_path_factory.mktemp("few")
    for number in range(3):
        write_product(root, product_id(number), band_bin=16)
    return root


@pytest.fixture(scope="module")
def client() -> Iterator:
    """Two worker processes on this machine."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster, set_as_default=False) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def processed(archive: Path, good: int, client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive processed on two workers."""
    out = tmp_path_factory.mktemp("two") / "out"
    summary = batch.process(archive, PIPELINE, out, client=client)
    assert (summary.done, summary.failed, summary.current) == (good, 5, 0)
    assert not summary.ok
    return out


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.nc")
    }


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.nc")}


def test_outputs_and_nothing_else(processed: Path, good: int):
    files = {path.name for path in processed.iterdir()}
    assert manifest.NAME in files
    assert len(files) == good + 1
    assert all(name.endswith(".nc") for name in files - {manifest.NAME})


def test_manifest(processed: Path, archive: Path):
    records = manifest.latest(processed)
    good = {name: record for name, record in records.items() if record["status"] == "done"}
    assert {name: record["sha256"] for name, record in good.items()} == digests(processed)
    record = good[f"{product_id(2)}.nc"]
    assert record["product"] == product_id(2)
    assert record["label"] == str(archive / "D2005_230_0" / f"{product_id(2)}.LBL")
    assert record["bytes"] == (processed / record["output"]).stat().st_size
    assert record["time"].startswith("20")
    assert set(record["seconds"]) == {"open", "calibrate", "write"}
    with xr.open_dataset(processed / record["output"]) as ds:
        figures = record["figures"]
        assert {dim: figures[dim] for dim in ("pic", "pixel", "wl")} == {
            dim: ds.sizes[dim] for dim in ("pic", "pixel", "wl")
        }
        assert figures["counts_total"] == int(ds.counts.sum(dtype=np.int64))
        assert figures["counts_valid"] == 1
        assert figures["radiance_mean"] == pytest.approx(float(ds.radiance.mean(dtype=float)))
        assert figures["radiance_valid"] == pytest.approx(
            float(ds.radiance.notnull().mean()), abs=1e-6
        )


def test_failures_say_what_and_where(processed: Path):
    failures = [r for r in manifest.latest(processed).values() if r["status"] == "failed"]
    assert [r["product"] for r in sorted(failures, key=lambda r: r["product"])] == sorted(
        product_id(number, "EUV") for number in SPOILT
    )
    for record, (_, word) in zip(
        sorted(failures, key=lambda r: r["label"]), SPOILT.values(), strict=True
    ):
        assert record["step"] == "open"
        assert word in record["error"]
        assert record["product"] in record["error"]
        assert record["kind"].endswith("Error")


def test_an_output_is_what_the_steps_give_one_by_one(processed: Path, archive: Path):
    import uvisxr

    name = product_id(4)
    ds = uvisxr.open_product(archive / "D2005_230_0" / f"{name}.LBL")
    expected = ds.uvis.calibrate(flat_field=False, trend=False, evil_pixels="interpolate")
    with xr.open_dataset(processed / f"{name}.nc") as ds:
        assert json.loads(ds.attrs["pipeline"]) == [
            {"calibrate": {"flat_field": False, "trend": False, "evil_pixels": "interpolate"}}
        ]
        assert ds.attrs["history"] == expected.attrs["history"]
        np.testing.assert_array_equal(ds.radiance, expected.radiance)
        np.testing.assert_array_equal(ds.radiance_upper, expected.radiance_upper)


@pytest.mark.slow
def test_one_worker_from_the_command_line_gives_the_same_bytes(
    processed: Path, archive: Path, good: int, tmp_path: Path
):
    (tmp_path / "pipeline.yaml").write_text(
        "- calibrate: {flat_field: false, trend: false, evil_pixels: interpolate}\n"
    )
    arguments = ["batch", str(archive), "-p", str(tmp_path / "pipeline.yaml"), "--workers", "1"]
    result = CliRunner().invoke(main, [*arguments, "-o", str(tmp_path / "out")])
    assert result.exit_code == 1, result.output
    assert f"{good} done, 5 failed, 0 up to date" in result.stdout
    assert result.stderr.count("open: ") == 5
    assert digests(tmp_path / "out") == digests(processed)


def test_a_second_run_does_nothing_but_try_the_failures(
    processed: Path, archive: Path, good: int, client
):
    before = times(processed)
    summary = batch.process(archive, PIPELINE, processed, client=client)
    assert (summary.done, summary.failed, summary.current) == (0, 5, good)
    assert times(processed) == before


def test_a_touched_input_is_done_again(processed: Path, archive: Path, good: int, client):
    before, bytes_before = times(processed), digests(processed)
    for ending, number in ((".LBL", 12), (".DAT", 13)):
        name = product_id(number, ("FUV", "EUV")[number % 2])
        (path,) = archive.rglob(f"{name}{ending}")
        os.utime(path, (1e9, 1e9))
        summary = batch.process(archive, PIPELINE, processed, client=client)
        assert (summary.done, summary.current) == (1, good - 1)
        changed = {key for key, value in times(processed).items() if value != before[key]}
        assert changed == {f"{name}.nc"}
        before = times(processed)
    assert digests(processed) == bytes_before


def test_a_removed_output_is_made_again(few: Path, client, tmp_path: Path):
    batch.process(few, PIPELINE, tmp_path, client=client)
    (tmp_path / f"{product_id(1)}.nc").unlink()
    cut = tmp_path / f"{product_id(2)}.nc"
    cut.write_bytes(cut.read_bytes()[:2000])
    summary = batch.process(few, PIPELINE, tmp_path, client=client)
    assert (summary.done, summary.current) == (2, 1)


@pytest.mark.slow
def test_another_pipeline_or_version_or_overwrite_does_all(
    few: Path, client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert batch.process(few, PIPELINE, tmp_path, client=client).done == 3
    other = [
        (
            "calibrate",
            {"flat_field": False, "trend": False, "evil_pixels": "interpolate", "smooth": False},
        )
    ]
    assert batch.process(few, other, tmp_path, client=client).done == 3
    assert batch.process(few, other, tmp_path, client=client).done == 0
    assert batch.process(few, other, tmp_path, client=client, overwrite=True).done == 3
    monkeypatch.setattr(batch, "__version__", "9.9.9")
    assert len(list(batch.plan(few, other, tmp_path))) == 3


def test_workers_of_another_version(few: Path, client, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "9.9.9")
    with pytest.raises(UvisError, match=r"worker .* has uvisxr .*, but this is 9\.9\.9"):
        batch.process(few, PIPELINE, tmp_path, client=client)


def test_products_of_one_name_keep_apart(client, tmp_path: Path):
    name, out = product_id(0), tmp_path / "out"
    first, second = (
        write_product(tmp_path / folder, name, band_bin=band_bin)
        for folder, band_bin in (("a", 16), ("b", 32))
    )
    assert batch.process([first, second], PIPELINE, out, client=client).done == 2
    labels = {r["label"]: r["output"] for r in manifest.latest(out).values()}
    assert labels[str(first)] == f"{name}.nc"
    assert labels[str(second)].startswith(f"{name}-")
    # In another order, or alone, each finds its own output.
    assert batch.process([second, first], PIPELINE, out, client=client).current == 2
    assert batch.process(second, PIPELINE, out, client=client).current == 1
    assert len(digests(out)) == 2


def volumes(root: Path, *numbers: int) -> list[Path]:
    """The same product in several volumes of the archive."""
    places = (root / f"COUVIS_{number:04}" / "DATA" / "D2005_230" for number in numbers)
    return [write_product(place, product_id(0), band_bin=32) for place in places]


def test_exposures_in_two_volumes_are_processed_once(client, tmp_path: Path):
    early, late = volumes(tmp_path / "in", 12, 13)
    out = tmp_path / "out"
    with pytest.warns(UvisWarning, match=f"{early} holds the same exposures as {late}"):
        assert batch.process(tmp_path / "in", PIPELINE, out, client=client).done == 1
    (record,) = manifest.latest(out).values()
    assert (record["label"], record["output"]) == (str(late), f"{product_id(0)}.nc")
    # A batch of the earlier volume alone finds its output made.
    assert batch.process(early, PIPELINE, out, client=client).current == 1


def test_the_later_volume_takes_the_place_of_the_earlier(client, tmp_path: Path):
    early, late = volumes(tmp_path / "in", 12, 13)
    out = tmp_path / "out"
    for label in (early, late):
        assert batch.process(label, PIPELINE, out, client=client).done == 1
    (record,) = manifest.latest(out).values()
    assert record["label"] == str(late)
    assert list(digests(out)) == [f"{product_id(0)}.nc"]


def test_a_product_that_was_moved_keeps_its_output(client, tmp_path: Path):
    name, out = product_id(0), tmp_path / "out"
    write_product(tmp_path / "a", name, band_bin=32)
    batch.process(tmp_path / "a", PIPELINE, out, client=client)
    (tmp_path / "a").rename(tmp_path / "b")
    assert batch.process(tmp_path / "b", PIPELINE, out, client=client).current == 1


def test_filters(few: Path, client, tmp_path: Path):
    write_product(tmp_path / "in", product_id(7, "EUV"), band_bin=32, target="TITAN")
    out = tmp_path / "out"
    found = [few, tmp_path / "in"]
    wanted = sources.Filter(target="titan")
    summary = batch.process(found, PIPELINE, out, client=client, wanted=wanted)
    assert (summary.done, summary.current) == (1, 0)
    assert set(digests(out)) == {f"{product_id(7, 'EUV')}.nc"}


def test_a_filter_that_nothing_passes(few: Path, tmp_path: Path):
    wanted = sources.Filter(target="TITON")
    for run in (batch.process, lambda *a, **k: list(batch.plan(*a, **k))):
        with pytest.raises(NoMatchError, match=r"target='TITON' \(there: SATURN\)"):
            run(few, PIPELINE, tmp_path, wanted=wanted)


def test_nothing_is_started_for_nothing(few: Path, client, tmp_path: Path, monkeypatch):
    batch.process(few, PIPELINE, tmp_path, client=client)
    monkeypatch.setattr(batch, "connect", None)
    assert batch.process(few, PIPELINE, tmp_path).current == 3


def test_plan_lists_and_does_nothing(few: Path, tmp_path: Path):
    planned = list(batch.plan(few, PIPELINE, tmp_path / "out"))
    assert planned[0] == (str(few / f"{product_id(0)}.LBL"), f"{product_id(0)}.nc")
    assert len(planned) == 3
    assert not (tmp_path / "out").exists()


def test_a_quiet_batch_prints_nothing(few: Path, client, tmp_path: Path, capsys):
    batch.process(few, PIPELINE, tmp_path / "out", client=client, progress=False)
    assert capsys.readouterr() == ("", "")


def test_warnings_are_in_the_manifest(client, tmp_path: Path):
    label = write_product(tmp_path, product_id(0), band_bin=32)
    text = label.read_text()
    label.write_text(text.replace(f'"{product_id(0)}.DAT"', '"OTHER.DAT"'))
    out = tmp_path / "out"
    masked = [("calibrate", {"flat_field": False, "trend": False, "evil_pixels": "mask"})]
    assert batch.process(label, masked, out, client=client).done == 1
    (record,) = manifest.read(out)
    for said in ("OTHER.DAT", 'give evil_pixels="response"'):
        assert any(said in text for text in record["warnings"])


@pytest.mark.slow
def test_a_geometry_that_fails_leaves_the_rest(few: Path, client, tmp_path: Path):
    """Kernels of another time: the counts become rates all the same, and the batch says so."""
    folder = tmp_path / "kernels"
    tinykernels.texts(folder)
    tinykernels.spk(folder / "mine.bsp", (-82, 0, 0.0, 1e6), (10, 0, 0.0, 1e6), (699, 0, 0.0, 1e6))
    geometry = {"kernels": str(folder)}
    summary = batch.process(few, [("geometry", geometry), "rate"], tmp_path / "a", client=client)
    assert (summary.done, summary.failed) == (0, 3)
    steps = [("geometry", geometry | {"on_error": "keep"}), "rate"]
    summary = batch.process(few, steps, tmp_path / "b", client=client)
    assert (summary.done, summary.failed, summary.incomplete) == (3, 0, 3)
    assert str(summary).endswith("; of those done: 3 lack a step")
    assert sorted(line[:46] for line in summary.lines()) == [
        f"{product_id(k)}: step 'geometry' is left out" for k in range(3)
    ]
    for record in manifest.read(tmp_path / "b"):
        (said,) = record["left_out"]
        assert "'geometry' is left out: no position of CASSINI" in said
        assert said in record["warnings"]
        with xr.open_dataset(tmp_path / "b" / record["output"]) as ds:
            assert "rate" in ds and "ra" not in ds
            assert "left_out(step='geometry', error='CoverageError')" in ds.attrs["history"]
    again = batch.process(few, steps, tmp_path / "b", client=client)
    assert (again.done, again.current) == (3, 0)


def test_large_products_are_processed_in_blocks_and_only_when_written(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    label = write_product(tmp_path, product_id(0), samples=6, band_bin=16)
    steps = pipeline.load(["rate", ("background", {"level": 4e-4}), *PIPELINE, ("smooth", {})])
    whole = work.reduce(label, steps)
    assert whole.radiance.chunks is None
    monkeypatch.setattr(work, "_BLOCK", 2 * 60 * 64)
    computed = []

    def counting(graph, keys, **options):
        computed.append(keys)
        return dask.get(graph, keys)

    with dask.config.set(scheduler=counting):
        lazy = work.reduce(label, steps)
        assert not computed
        assert lazy.radiance.chunks[0] == lazy.radiance_upper.chunks[0] == (2, 2, 2)
        export.to_netcdf(lazy, tmp_path / "lazy.nc")
        assert computed
    with xr.open_dataset(tmp_path / "lazy.nc") as written:
        xr.testing.assert_equal(written.radiance, whole.radiance)
        xr.testing.assert_equal(written.radiance_upper, whole.radiance_upper)
        xr.testing.assert_equal(written.quality, whole.quality)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pipeline": ["calibrat"]}, PipelineError, "no step 'calibrat'"),
        ({"workers": 0}, ArgumentError, "workers=0"),
        ({"workers": 10**6}, ArgumentError, "workers=1000000: .* 4 for each core .* 1 to"),
        ({"out_dir": ""}, ArgumentError, "out_dir=''"),
        ({"retries": -1}, ArgumentError, "retries=-1"),
        (
            {"workers": 2, "client": "tcp://127.0.0.1:1"},
            ArgumentError,
            "either workers= or client=",
        ),
        ({"products": "none.LBL"}, ArgumentError, "no product in .*none"),
    ],
)
def test_wrong_arguments_start_nothing(
    few: Path, tmp_path: Path, monkeypatch, arguments: dict, error: type, message: str
):
    monkeypatch.setattr(batch, "connect", None)
    given = {"products": few, "pipeline": PIPELINE, "out_dir": tmp_path / "out"} | arguments
    with pytest.raises(error, match=message):
        batch.process(**given)


def test_an_output_folder_that_is_a_file(few: Path, tmp_path: Path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ExportError, match=r"cannot create the folder .*out"):
        batch.process(few, PIPELINE, tmp_path / "out")


def test_no_scheduler(few: Path, tmp_path: Path):
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(UvisError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1"),
    ):
        batch.process(few, PIPELINE, tmp_path, client="tcp://127.0.0.1:1")


def test_distributed_is_missing(few: Path, tmp_path: Path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "uvisxr\[parallel\]"'):
        batch.process(few, PIPELINE, tmp_path)


@pytest.mark.slow
def test_batch_does_not_import_distributed():
    assert "distributed" not in brought("import uvisxr.batch")


class TestCommand:
    """Exit codes: 0 all well, 1 a product failed, 2 usage."""

    @pytest.fixture
    def pipeline(self, tmp_path: Path) -> str:
        path = tmp_path / "pipeline.yaml"
        path.write_text(
            "- calibrate: {flat_field: false, trend: false, evil_pixels: interpolate}\n"
        )
        return str(path)

    def test_all_well(self, few: Path, client, pipeline: str, tmp_path: Path):
        address = client.scheduler.address
        arguments = ["batch", str(few), "-p", pipeline, "-o", str(tmp_path / "out")]
        result = CliRunner().invoke(main, [*arguments, "--scheduler", address])
        assert result.exit_code == 0, result.output
        assert "3 done, 0 failed, 0 up to date" in result.stdout
        assert "dashboard: http://" in result.stderr
        again = CliRunner().invoke(main, arguments)
        assert again.exit_code == 0
        assert "0 done, 0 failed, 3 up to date" in again.stdout

    @pytest.mark.parametrize("options", [[], ["--dry-run"]])
    def test_a_filter_that_nothing_passes(self, few: Path, pipeline, tmp_path, options):
        arguments = ["batch", str(few), "-p", pipeline, "-o", str(tmp_path / "out"), *options]
        result = CliRunner().invoke(main, [*arguments, "--target", "TITON", "--channel", "fuv"])
        assert result.exit_code == 1
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert "no product passes the filter, of 3 found: --channel FUV (there: FUV)" in line
        assert "--target TITON (there: SATURN)" in line

    def test_dry_run(self, few: Path, pipeline: str, tmp_path: Path):
        arguments = ["batch", str(few), "-p", pipeline, "-o", str(tmp_path / "out"), "--dry-run"]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) == 3

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--scheduler", "tcp://x:1", "--workers", "2"], "cannot be combined with --scheduler"),
            (["--workers", "0"], "--workers"),
            (["--channel", "HSP"], "--channel"),
            (["--after", "soon"], "is not a time"),
            (["--after", "20050818"], "--after 20050818 is not a time: expected UTC as"),
            (["--after", "now"], "--after now is not a time"),
            (["--before", ""], "--before '' is not a time"),
            (["--before", "2005-8"], "--before 2005-8 is not a time"),
            (["--after", "2006-001", "--before", "2005-230"], "swap the two"),
            (["--colour"], "--colour"),
        ],
    )
    def test_usage(self, few: Path, pipeline: str, tmp_path: Path, options, message: str):
        arguments = ["batch", str(few), "-p", pipeline, "-o", str(tmp_path / "out"), *options]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert message in result.stderr

    def test_malformed_pipeline(self, few: Path, tmp_path: Path):
        (tmp_path / "p.yaml").write_text("- calibrat\n")
        arguments = ["batch", str(few), "-p", str(tmp_path / "p.yaml"), "-o", str(tmp_path / "out")]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert "no step 'calibrat'; did you mean 'calibrate'" in result.stderr

    def test_missing_source(self, pipeline: str, tmp_path: Path):
        """As `uvisxr info` says it: it is no wrong use of the command."""
        listed = tmp_path / "list.txt"
        listed.write_text("none.LBL\n")
        for source in ("none.LBL", str(listed)):
            arguments = ["batch", source, "-p", pipeline, "-o", str(tmp_path / "out")]
            for more in ((), ("--dry-run",)):
                result = CliRunner().invoke(main, [*arguments, *more])
                assert result.exit_code == 1
                (line,) = result.stderr.splitlines()
                assert "no product in" in line


@pytest.mark.parametrize(
    "step",
    ["geometry: {kernels: kernn/}", "calibrate: {files: call}", "geometry: {kernels: [., x]}"],
)
def test_paths_are_checked_before_anything_runs(tmp_path: Path, step: str):
    label = write_product(tmp_path / "in", "FUV2005_230_15_15")
    path = tmp_path / "p.yaml"
    path.write_text(f"- {step}\n")
    with pytest.raises(PipelineError, match=rf"there is no {tmp_path}/(kernn|call|x); correct"):
        list(batch.plan(label, path, tmp_path / "out"))
    path.write_text(f"- {step.replace('[., x]', '[., in]')}\n")
    for name in ("kernn", "call"):
        (tmp_path / name).mkdir()
    assert len(list(batch.plan(label, path, tmp_path / "out"))) == 1
