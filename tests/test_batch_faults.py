"""Batches under fire: killed workers, killed drivers, full disks, schedulers elsewhere."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import spiceypy
import xarray as xr
import yaml
from click.testing import CliRunner
from helpers import byhand
from helpers import tinykernels as tiny
from helpers.byhand import wait_for
from helpers.products import product_id, two_windows, write_product

import uvisxr
from uvisxr.batch import flow, manifest, pipeline, work
from uvisxr.batch import run as batch
from uvisxr.batch.cluster import connect
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, ExportError, UvisWarning
from uvisxr.kernels import session
from uvisxr.netcdf import writing
from uvisxr.quality import telling
from uvisxr.simulate.observation import Simulation

pytest.importorskip("distributed")

STEPS = [("calibrate", {"flat_field": False, "trend": False, "evil_pixels": "interpolate"})]
COMMAND = [sys.executable, "-c", "from uvisxr.cli import main; main()"]
COUNT = 20


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    for number in range(COUNT):
        write_product(root, product_id(number, ("FUV", "EUV")[number % 2]), samples=2, band_bin=4)
    (root / "pipeline.yaml").write_text(
        "- calibrate: {flat_field: false, trend: false, evil_pixels: interpolate}\n"
    )
    return root


@pytest.fixture(scope="module")
def expected(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the outputs of an undisturbed run, without any cluster."""
    out = tmp_path_factory.mktemp("expected")
    steps = pipeline.load(STEPS).resolved()
    for label in sorted(archive.glob("*.LBL")):
        work.attempt(work.Job(str(label), f"{label.stem}.nc", str(out), str(out), ""), steps)
    return digests(out)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.nc")
    }


def left_over(folder: Path) -> list[str]:
    """Whatever is neither an output nor the manifest."""
    return [p.name for p in folder.iterdir() if p.suffix != ".nc" and p.name != manifest.NAME]


def arguments(archive: Path, out: Path, *more: str) -> list[str]:
    return [
        *COMMAND,
        "batch",
        str(archive),
        "-p",
        f"{archive}/pipeline.yaml",
        "-o",
        str(out),
        *more,
    ]


def count_done(out: Path) -> int:
    return len(list(manifest.read(out))) if (out / manifest.NAME).is_file() else 0


@pytest.fixture(scope="module")
def client() -> Iterator:
    """Two workers that may die once on a product."""
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster, set_as_default=False) as started,
    ):
        yield started


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(
    archive: Path, expected: dict[str, str], client, tmp_path: Path
):
    killed: list[int] = []

    def kill() -> None:
        wait_for(lambda: count_done(tmp_path) >= 2 + 3 * len(killed), "some products")
        busy = sorted(worker for worker, keys in client.processing().items() if keys)
        pid = client.run(os.getpid, workers=busy[:1])[busy[0]]
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    killer = threading.Thread(target=lambda: (kill(), kill()))
    killer.start()
    summary = batch.process(archive, STEPS, tmp_path, client=client)
    killer.join()
    assert len(killed) == 2
    assert (summary.done, summary.failed) == (COUNT, 0)
    assert digests(tmp_path) == expected
    assert not left_over(tmp_path)
    assert len(list(manifest.read(tmp_path))) == COUNT


@pytest.mark.slow
def test_a_killed_driver_is_taken_up_again(archive: Path, expected: dict[str, str], tmp_path: Path):
    out = tmp_path / "out"
    driver = subprocess.Popen(
        arguments(archive, out, "--workers", "2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: count_done(out) >= 5, "five products")
    finally:
        driver.kill()
        driver.wait()
    # Its workers notice; what they were writing is never renamed into place.
    done = digests(out)
    assert len(done) < COUNT
    assert done.items() <= expected.items()
    summary = batch.process(archive, STEPS, out, workers=1)
    assert summary.ok
    assert summary.current >= 5
    assert summary.done + summary.current == COUNT
    assert digests(out) == expected
    assert not left_over(out)
    assert set(manifest.latest(out)) == set(expected)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers, started by hand."""
    with byhand.scheduler(tmp_path, 2) as (address, _):
        yield address


@pytest.mark.slow
def test_a_scheduler_by_address(
    archive: Path, expected: dict[str, str], scheduler: str, tmp_path: Path
):
    out = tmp_path / "out"
    command = arguments(archive, out, "--scheduler", scheduler)
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert f"{COUNT} done, 0 failed" in run.stdout
    assert "dashboard: " in run.stderr
    assert digests(out) == expected
    assert not left_over(out)


def test_stale_temporary_files_go(archive: Path, tmp_path: Path):
    with batch.partial_folder(tmp_path) as stale:
        pass
    stale.mkdir()
    (stale / "half.nc").write_bytes(b"half")
    mine = [".partial-mine", ".partial-", f"{stale.name}0", stale.name.upper(), f"x{stale.name}"]
    for name in mine:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()
    list(batch.plan(archive, STEPS, tmp_path))
    assert stale.is_dir()
    with batch.partial_folder(tmp_path) as partial:
        assert not stale.exists()
        assert partial.is_dir()
    assert sorted(left_over(tmp_path)) == sorted(mine)
    assert all((tmp_path / name / "a").is_file() for name in mine)


class InProcess:
    """Stands in for a dask client: runs each job here, at once."""

    dashboard_link = ""

    def __init__(self, function: Callable = work.attempt):
        self.function = function

    def stream(self, client, function, jobs, steps, retries) -> Iterator[dict]:
        for job in jobs:
            yield self.function(job, steps)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    here = InProcess()
    monkeypatch.setattr(batch, "connect", lambda *given, **named: nullcontext(here))
    monkeypatch.setattr(batch, "stream", here.stream)


def test_outputs_beside_the_sources_replace_none(in_process, tmp_path: Path):
    for number in range(2):
        write_product(tmp_path, product_id(number), band_bin=32)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for overwrite in (False, True):
        summary = batch.process(tmp_path, STEPS, tmp_path, overwrite=overwrite)
        assert (summary.done, summary.failed) == (2, 0)
    assert {path: path.read_bytes() for path in before} == before
    assert {path.suffix for path in tmp_path.iterdir()} == {".LBL", ".DAT", ".nc", ".jsonl"}


@pytest.mark.slow
def test_full_disk_as_the_system_reports_it(
    archive: Path, in_process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real, written = writing.write, []

    def fill(ds, path, **options):
        if len(written) == 3:
            path.write_bytes(b"the first bytes")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        return real(ds, path, **options)

    monkeypatch.setattr(writing, "write", fill)
    with pytest.raises(ExportError, match=r"no space left in .* 3 finished products"):
        batch.process(archive, STEPS, tmp_path)
    assert len(digests(tmp_path)) == 3
    assert not left_over(tmp_path)
    monkeypatch.setattr(writing, "write", real)
    summary = batch.process(archive, STEPS, tmp_path)
    assert (summary.done, summary.current) == (COUNT - 3, 3)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1.5 MB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount, "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_full_disk_for_real(archive: Path, expected: dict[str, str], small_disk: Path):
    command = arguments(archive, small_disk / "out", "--workers", "1")
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    out = small_disk / "out"
    assert run.returncode == 1
    assert "no space left" in run.stderr.lower()
    assert "Traceback" not in run.stderr
    done = digests(out)
    assert 0 < len(done) < COUNT
    assert done.items() <= expected.items()
    assert not left_over(out)


@pytest.mark.slow
def test_a_limit_on_file_sizes_stands_in_for_a_quota(archive: Path, tmp_path: Path):
    code = (
        "import resource, signal, sys\n"
        "from uvisxr.batch import pipeline, work\nfrom uvisxr.batch import run as batch\n"
        "label, out = sys.argv[1:]\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        f"steps = pipeline.load({STEPS}).resolved()\n"
        "try:\n"
        "    print(work.attempt(work.Job(label, 'a.nc', out, out, ''), steps))\n"
        "except work.Unexpected as error:\n"
        "    print(error.args)\n"
    )
    label = next(archive.glob("FUV*.LBL"))
    run = subprocess.run(
        [sys.executable, "-c", code, str(label), str(tmp_path)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "ExportError" in run.stdout and "'disk_full': True" in run.stdout
    assert f"File too large on the disk that holds {tmp_path}; free some space" in run.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
class TestStream:
    """The driver's loop, with work that fails in every way a worker can."""

    def stream(self, client, function: Callable, count: int, retries: int = 1) -> list[dict]:
        jobs = (work.Job(f"/x/{n}.LBL", f"{n}.nc", "", "", "") for n in range(count))
        return list(flow.stream(client, function, jobs, None, retries))

    def test_a_product_that_kills_its_workers_fails_alone(self, client):
        def function(job, steps):
            if job.output == "3.nc":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.02)
            return {"status": "done", "output": job.output}

        records = {r["output"]: r for r in self.stream(client, function, 30)}
        assert len(records) == 30
        failed = [r for r in records.values() if r["status"] == "failed"]
        assert [r["output"] for r in failed] == ["3.nc"]
        assert (failed[0]["step"], failed[0]["kind"]) == ("worker", "KilledWorker")

    def test_unforeseen_errors_are_tried_again(self, client, tmp_path: Path):
        def function(job, steps, folder=str(tmp_path)):
            mark = Path(folder) / job.output
            tries = int(mark.read_text()) + 1 if mark.exists() else 1
            mark.write_text(str(tries))
            if job.output == "0.nc" or (job.output == "1.nc" and tries == 1):
                raise work.Unexpected("calibrate", "KeyError", "what")
            return {"status": "done", "output": job.output}

        records = {r["output"]: r for r in self.stream(client, function, 3)}
        assert [records[f"{n}.nc"]["status"] for n in range(3)] == ["failed", "done", "done"]
        assert records["0.nc"]["step"] == "calibrate"
        assert records["0.nc"]["kind"] == "KeyError"
        assert records["0.nc"]["error"] == "what"
        assert [(tmp_path / f"{n}.nc").read_text() for n in range(3)] == ["2", "2", "1"]

    def test_few_jobs_are_at_the_scheduler(self, client):
        taken = 0

        def jobs() -> Iterator[work.Job]:
            nonlocal taken
            for n in range(60):
                taken += 1
                yield work.Job(f"/x/{n}.LBL", f"{n}.nc", "", "", "")

        def function(job, steps):
            return {"status": "done", "output": job.output}

        finished = 0
        for _ in flow.stream(client, function, jobs(), None, 0):
            finished += 1
            assert taken - finished <= 2 * flow.AHEAD
        assert finished == 60


def test_every_step_that_fails_is_named(tmp_path: Path):
    label = write_product(tmp_path / "in", product_id(0), band_bin=32)
    cases = {
        "background": [("background", {"alt_min": 500.0})],
        "calibrate": [("calibrate", {"files": str(tmp_path / "none")})],
        "integrate": ["integrate"],
    }
    for step, steps in cases.items():
        job = work.Job(str(label), "a.nc", str(tmp_path), str(tmp_path), "")
        record = work.attempt(job, pipeline.load(steps).resolved())
        assert (record["status"], record["step"]) == ("failed", step)
        assert not (tmp_path / "a.nc").exists()


@pytest.mark.slow
def test_a_worker_that_dies_in_spice_names_the_kernels(tmp_path: Path):
    from distributed import KilledWorker

    job = work.Job("/x/a.LBL", "a.nc", str(tmp_path), str(tmp_path), "")
    error = KilledWorker("a", SimpleNamespace(address="x"), 1)
    assert "SPICE" not in flow._failure(job, error)["error"]
    folder = tmp_path / "kernels"
    spk = tiny.spk(folder / "x.bsp", (10, 0, -1e9, 1e9))
    code = f"""
import os
from uvisxr.batch import work
from uvisxr.kernels.session import loaded
with work._kernels_noted(work.Job(*{(job.label, job.output, job.folder, job.partial, "")!r})):
    with loaded([{str(spk)!r}]):
        os.abort()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGABRT
    assert flow._failure(job, error)["error"].startswith("a worker died when SPICE read x.bsp: ")
    with work._kernels_noted(job):
        pass
    assert not work.kernels_in_work(job)


def test_an_unforeseen_error_keeps_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from uvisxr.accessor import UvisAccessor

    def broken(self):
        raise KeyError("colour")

    monkeypatch.setattr(UvisAccessor, "rate", broken)
    label = write_product(tmp_path / "in", product_id(0), band_bin=32)
    job = work.Job(str(label), "a.nc", str(tmp_path), str(tmp_path), "")
    with pytest.raises(work.Unexpected) as caught:
        work.attempt(job, pipeline.load(["rate"]))
    assert caught.value.args == ("rate", "KeyError", "'colour'")


def test_windows_of_one_product_are_groups_of_one_output(tmp_path: Path):
    label = write_product(tmp_path / "in", product_id(0), samples=2, band_bin=32)
    text = label.read_text()
    for key, one, two in (
        ("UL_CORNER_LINE", "2", "(2, 40)"),
        ("LR_CORNER_LINE", "61", "(20, 61)"),
        ("UL_CORNER_BAND", "0", "(0, 0)"),
        ("LR_CORNER_BAND", "1023", "(1023, 1023)"),
        ("BAND_BIN", "32", "(32, 32)"),
        ("LINE_BIN", "1", "(1, 1)"),
    ):
        text = text.replace(f"{key:<29} = {one}\n", f"{key:<29} = {two}\n")
    label.write_text(text)
    job = work.Job(str(label), "a.nc", str(tmp_path), str(tmp_path), "")
    record = work.attempt(job, pipeline.load(STEPS))
    assert record["status"] == "done", record
    with xr.open_datatree(tmp_path / "a.nc") as tree:
        assert len(tree.children) == 2
        for name, node in tree.children.items():
            assert "pipeline" in node.attrs
            assert record["figures"][f"{name}/pixel"] == node.sizes["pixel"]
            total = int(node["counts"].sum(dtype=int))
            assert record["figures"][f"{name}/counts_total"] == total > 0


def test_nulls_are_no_counts_of_the_manifest(tmp_path):
    counts = np.full((2, 60, 32), 3)
    counts[1, 7] = counts[0, 5, 9] = 65535
    label = write_product(tmp_path / "in", product_id(0), counts, band_bin=32)
    known = 3 * (counts.size - 33)
    job = work.Job(str(label), "a.nc", str(tmp_path), str(tmp_path), "")
    record = work.attempt(job, pipeline.load([("background", {"level": 4e-4})]))
    assert record["figures"]["counts_total"] == known
    # A sum that lacks one count lacks all: 4294967295 there, and 65535 a count like others.
    job = work.Job(str(label), "c.nc", str(tmp_path), str(tmp_path), "")
    record = work.attempt(job, pipeline.load([("rebin", {"wl": 2})]))
    assert record["figures"]["counts_total"] == known - 3
    # Bins hold sums of any size.
    steps = [("bin", {"pixels": [[(0, 0), (0, 1)]]})]
    counts = np.full((1, 60, 32), 40_000)
    label = write_product(tmp_path / "in", product_id(1), counts, band_bin=32)
    job = work.Job(str(label), "b.nc", str(tmp_path), str(tmp_path), "")
    record = work.attempt(job, pipeline.load(steps))
    assert record["figures"]["counts_total"] == 2 * 32 * 40_000


@pytest.mark.parametrize("block", [2**22, 2**11])
def test_figures_count_what_was_transmitted(tmp_path: Path, monkeypatch, block: int):
    """In memory, and in dask blocks of one exposure."""
    monkeypatch.setattr(work, "_BLOCK", block)
    counts = np.full((3, 60, 32), 7)
    counts[0, :30] = counts[1] = 65535
    write_product(tmp_path / "in", product_id(0), counts, band_bin=32)
    record = attempted(tmp_path, product_id(0))
    assert record["figures"]["counts_total"] == 7 * 32 * (30 + 60)
    assert record["figures"]["counts_valid"] == 0.5
    assert record["figures"]["lost_spectra"] == 90
    assert record["warnings"] == [telling.words(90, 180)]


@pytest.mark.parametrize("block", [2**22, 2**11])
def test_a_product_without_a_value_is_told(tmp_path: Path, monkeypatch, block: int):
    monkeypatch.setattr(work, "_BLOCK", block)
    counts = np.full((3, 60, 32), 65535)
    label = write_product(tmp_path / "in", product_id(0), counts, band_bin=32)
    record = attempted(tmp_path, product_id(0))
    assert record["status"] == "done"
    assert record["warnings"] == [telling.words(180, 180)]
    assert record["figures"]["counts_total"] == record["figures"]["radiance_valid"] == 0
    two_windows(label)
    warned = attempted(tmp_path, product_id(0))["warnings"]
    assert warned == [telling.words(size, size) for size in (45, 90)]


def attempted(folder: Path, name: str) -> dict:
    label = folder / "in" / f"{name}.LBL"
    job = work.Job(str(label), "a.nc", str(folder), str(folder), "")
    return work.attempt(job, pipeline.load(STEPS))


def test_no_file_of_the_user_is_replaced(in_process, tmp_path: Path):
    labels = [write_product(tmp_path / "in", product_id(n), band_bin=32) for n in (0, 1)]
    out = tmp_path / "out"
    out.mkdir()
    mine = out / f"{product_id(1)}.nc"
    mine.write_text("mine")
    with pytest.warns(UvisWarning, match=rf"will fail: .*{mine.name}.*uvisxr did not write it"):
        assert [name for _, name in batch.plan(labels, STEPS, out)] == [f"{product_id(0)}.nc"]
    for done in (1, 0):
        summary = batch.process(labels, STEPS, out)
        assert (summary.done, summary.failed, summary.current) == (done, 1, 1 - done)
        assert "write: " in summary.failures[0] and mine.name in summary.failures[0]
        assert "uvisxr did not write it" in summary.failures[0]
        assert mine.read_text() == "mine"
    assert batch.process(labels, STEPS, out, overwrite=True).done == 2
    # An output that was cut is made again, but nothing else in its place is replaced.
    mine.write_bytes(mine.read_bytes()[:2000])
    assert batch.process(labels, STEPS, out).done == 1
    whole = mine.read_bytes()
    mine.write_text("mine")
    assert "uvisxr did not write it" in batch.process(labels, STEPS, out).failures[0]
    assert mine.read_text() == "mine"
    # Ours may lack the manifest.
    mine.write_bytes(whole)
    (out / manifest.NAME).unlink()
    assert batch.process(labels, STEPS, out).done == 2


@pytest.mark.filterwarnings("ignore:1 output does not hold what was written")
@pytest.mark.parametrize("last", ["left out", "failed"])
def test_a_damaged_output_of_ours_is_made_again(in_process, tmp_path: Path, last: str):
    """The record of the last run says of neither that the output is good."""
    label = write_product(tmp_path / "in", product_id(0), band_bin=32)
    (tmp_path / "nowhere").mkdir()
    nowhere = {"kernels": str(tmp_path / "nowhere"), "on_error": "keep"}
    steps = [("geometry", nowhere), "rate"] if last == "left out" else ["rate"]
    out = tmp_path / "out"
    assert batch.process(label, steps, out).done == 1
    path = out / f"{product_id(0)}.nc"
    whole = path.read_bytes()
    if last == "failed":
        data = label.with_suffix(".DAT")
        counts = data.read_bytes()
        data.write_bytes(b"")
        assert batch.process(label, steps, out).failed == 1
        data.write_bytes(counts)
    # Cut, or damaged at the same length.
    for spoilt in (whole[: len(whole) // 2], whole[:100] + bytes(2000) + whole[2100:]):
        path.write_bytes(spoilt)
        assert batch.process(label, steps, out, verify=True).failed == 0
        with xr.open_dataset(path) as ds:
            assert "rate" in ds
    # What is not cut but another file stays, and what to do about it can be done in a batch.
    path.write_text("mine")
    (failure,) = batch.process(label, steps, out, overwrite=False).failures
    assert failure.endswith(
        f"cannot write {path}: it exists, and uvisxr did not write it; move it away, or choose "
        "another --out, or replace it with overwrite=True"
    )
    path.unlink()
    path.mkdir()
    assert "it is a folder; move it away, or" in batch.process(label, steps, out).failures[0]


def test_each_copy_that_is_left_out_is_in_the_manifest(in_process, tmp_path: Path):
    """The warning names the first."""
    labels = [
        write_product(tmp_path / "in" / folder, product_id(n), band_bin=32)
        for folder in ("a", "b", "c")
        for n in (0, 1)
    ]
    (tmp_path / "p.yaml").write_text("- rate\n")
    out = tmp_path / "out"
    words = ["batch", str(tmp_path / "in"), "-p", str(tmp_path / "p.yaml"), "-o", str(out)]
    for done, current in ((2, 0), (0, 2)):
        result = CliRunner().invoke(main, words)
        assert f"{done} done, 0 failed, {current} up to date" in result.stdout
        assert f"all 4 left out for the same exposures: {out / manifest.NAME}" in result.stderr
        # Once, however often the batch runs.
        left = [r for r in manifest.read(out) if r["status"] == "copy"]
        assert {r["label"]: r["same_as"] for r in left} == {
            str(labels[k]): str(labels[k % 2]) for k in range(2, 6)
        }
        assert len(left) == 4 and {r["product"] for r in left} == {product_id(0), product_id(1)}
        assert set(manifest.latest(out)) == {f"{product_id(n)}.nc" for n in (0, 1)}
    assert uvisxr.open_processed(out).sizes["pic"] == 2


def test_no_products(tmp_path: Path):
    for call in (batch.process, lambda *a: list(batch.plan(*a))):
        with pytest.raises(ArgumentError, match="list of paths is empty"):
            call([], STEPS, tmp_path / "out")


def test_data_that_the_label_names_make_an_output_outdated(in_process, tmp_path: Path):
    label = write_product(tmp_path / "in", product_id(0), band_bin=32)
    renamed = label.rename(label.with_stem(f"{label.stem}_PRIME"))
    assert batch.process(renamed, STEPS, tmp_path / "out").done == 1
    assert batch.process(renamed, STEPS, tmp_path / "out").current == 1
    os.utime(label.with_suffix(".DAT"), (2e9, 2e9))
    assert batch.process(renamed, STEPS, tmp_path / "out").done == 1


@pytest.mark.slow
def test_compact_outputs_are_outputs_of_their_own(in_process, tmp_path: Path):
    """Asking for them makes outputs outdated that are not, and the other way round."""
    for number in range(2):
        write_product(tmp_path / "in", product_id(number), band_bin=32)
    out = tmp_path / "out"
    for compact in (False, True, False):
        assert len(list(batch.plan(tmp_path / "in", STEPS, out, compact=compact))) == 2
        for done in (2, 0):
            summary = batch.process(tmp_path / "in", STEPS, out, compact=compact)
            assert (summary.done, summary.current, summary.warned) == (done, 2 - done, 0)
        for path in out.glob("*.nc"):
            with xr.open_dataset(path) as ds:
                assert ("radiance" in ds) is not compact
    (tmp_path / "steps.yaml").write_text(yaml.safe_dump([dict([step]) for step in STEPS]))
    words = ["batch", str(tmp_path / "in"), "-p", str(tmp_path / "steps.yaml"), "-o", str(out)]
    for options, count in (([], 0), (["--compact"], 2)):
        result = CliRunner().invoke(main, [*words, "--dry-run", *options])
        assert len(result.stdout.splitlines()) == count
    assert CliRunner().invoke(main, [*words, "--compact"]).exit_code == 0
    assert len(list(batch.plan(tmp_path / "in", STEPS, out, compact=True))) == 0


def test_a_compact_output_that_keeps_radiances_says_so(in_process, tmp_path: Path):
    write_product(tmp_path / "in", product_id(0), band_bin=32)
    steps = [*STEPS, ("smooth", {}), ("smooth", {"force": True})]
    summary = batch.process(tmp_path / "in", steps, tmp_path / "out", compact=True)
    (text,) = summary.warnings
    assert "compact file keeps the radiances" in text


def test_compact_is_a_truth_value(tmp_path: Path):
    with pytest.raises(ArgumentError, match="compact='no'"):
        batch.process(tmp_path, STEPS, tmp_path / "out", compact="no")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("driver", "own"),
    [(None, False), (os.getpid(), False), (1, True)],
    ids=["of a cluster", "the driver", "its own"],
)
def test_text_kernels_stay_between_products_in_a_process_of_the_batchs_own(
    made: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: int, own: bool
):
    """Elsewhere they are furnished once for each product, and gone after it."""
    monkeypatch.setattr(session, "_KEPT", session._Kept())
    asked: list[str] = []
    furnish = spiceypy.furnsh

    def watched(path: str) -> None:
        asked.append(path)
        furnish(path)

    monkeypatch.setattr(spiceypy, "furnsh", watched)
    steps = pipeline.load([("geometry", {"kernels": str(made.kernels[0].parent)})]).resolved()
    for name in ("a", "b"):
        job = work.Job(str(made.labels[0]), f"{name}.nc", str(tmp_path), str(tmp_path), "")
        record = work.attempt(job, steps, driver=driver)
        assert record["status"] == "done", record["error"]
        held = [spiceypy.kdata(k, "ALL")[0] for k in range(spiceypy.ktotal("ALL"))]
        texts = [path for path in held if session.check_file(path) in session.TEXTS]
        assert held == texts and bool(held) == own
        assert session.user_kernels() == []
    counts = {asked.count(path) for path in asked if session.check_file(path) in session.TEXTS}
    assert counts == {1 if own else 2}
    spiceypy.kclear()
    with xr.open_dataset(tmp_path / "a.nc") as first, xr.open_dataset(tmp_path / "b.nc") as second:
        xr.testing.assert_equal(first, second)


@pytest.mark.slow
def test_records_of_tasks_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # The scheduler runs in this process: what it holds of a task stays here.
    from dask.utils import key_split

    monkeypatch.setattr(flow, "REMEMBERED", 10)
    made = []
    note = batch._Batch.note

    def noted(self, record, manifest):
        note(self, record, manifest)
        made.append(key_split.cache_info().currsize)

    monkeypatch.setattr(batch._Batch, "note", noted)
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(80):
        # Empty labels fail at once.
        (folder / f"{product_id(number)}.LBL").touch()
    key_split.cache_clear()
    summary = batch.process(folder, ["rate"], tmp_path / "out", workers=1)
    assert summary.failed == 80
    assert max(made) < 40


@pytest.mark.slow
def test_spans_keep_nothing_of_a_task():
    with connect(None, 1, 0) as client:
        for number in range(5):
            client.submit(abs, number, pure=False).result()
        spans = client.cluster.scheduler.extensions["spans"].spans.values()
        assert spans
        assert not any((span._metadata or {}).get("collections") for span in spans)
