"""Bounds of a batch: of the time of a product, of memory, of patience with a scheduler."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from helpers import byhand, slow
from helpers import tinykernels as tiny
from helpers.byhand import wait_for
from helpers.products import product_id, write_product

import uvisxr
from uvisxr.batch import cluster, flow, manifest, work
from uvisxr.batch import run as batch
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, ExportError, UvisError, UvisWarning
from uvisxr.hdf5 import handles
from uvisxr.simulate.textkernels import TEXTS
from uvisxr.timescales import utc_to_et

pytest.importorskip("distributed")

STEPS = [("background", {"level": 4e-4}), "rate"]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a cluster: each product here, at once."""

    class Here:
        dashboard_link = ""

    def stream(client, function, jobs, steps, retries) -> Iterator[dict]:
        for job in jobs:
            yield function(job, steps)

    monkeypatch.setattr(batch, "connect", lambda *given, **named: nullcontext(Here()))
    monkeypatch.setattr(batch, "stream", stream)


def few(folder: Path, count: int = 3) -> list[Path]:
    return [write_product(folder, product_id(n), band_bin=32) for n in range(count)]


def edited(path: Path) -> bytes:
    """Change a byte of a file, and neither its size nor its time; what it was."""
    state, whole = path.stat(), path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    return whole


def test_outputs_that_were_edited_at_the_same_size(in_process, tmp_path: Path):
    labels, out = few(tmp_path / "in"), tmp_path / "out"
    assert batch.process(labels, STEPS, out).done == 3
    path = out / f"{product_id(1)}.nc"
    whole = edited(path)
    assert batch.process(labels, STEPS, out).current == 3
    said = f"1 output does not hold what was written.*: {path.name}$"
    with pytest.warns(UvisWarning, match=said):
        assert list(batch.plan(labels, STEPS, out, verify=True)) == [(str(labels[1]), path.name)]
    with pytest.warns(UvisWarning, match=said):
        summary = batch.process(labels, STEPS, out, verify=True)
    assert (summary.done, summary.current) == (1, 2)
    assert path.read_bytes() == whole
    assert batch.process(labels, STEPS, out, verify=True).current == 3
    # What was put after it is no file of another.
    path.write_bytes(whole + b"\r\n")
    assert list(batch.plan(labels, STEPS, out)) == [(str(labels[1]), path.name)]
    assert batch.process(labels, STEPS, out).done == 1
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-1] + b"\0\r\n")
    with pytest.warns(UvisWarning, match="will fail"):
        assert list(batch.plan(labels, STEPS, out)) == []


def test_verify_from_the_command_line(in_process, tmp_path: Path):
    few(tmp_path / "in", 1)
    (tmp_path / "p.yaml").write_text("- rate\n")
    words = ["batch", str(tmp_path / "in"), "-p", str(tmp_path / "p.yaml"), "-o"]
    words += [str(tmp_path / "out"), "--verify"]
    assert CliRunner().invoke(main, words).exit_code == 0
    edited(tmp_path / "out" / f"{product_id(0)}.nc")
    for more, found in ((["--dry-run"], f"-> {tmp_path}"), ([], "1 done"), ([], "1 up to date")):
        result = CliRunner().invoke(main, [*words, *more])
        assert result.exit_code == 0 and found in result.stdout
        assert ("1 output does not hold what was written" in result.stderr) is ("up" not in found)


def test_the_output_folder_is_deleted(in_process, tmp_path: Path, monkeypatch):
    labels, out = few(tmp_path / "in"), tmp_path / "out"
    attempt, tried = work.attempt, []

    def disturbed(job, *given, **named):
        tried.append(job)
        if len(tried) == 2:
            shutil.rmtree(out)
        try:
            return attempt(job, *given, **named)
        except work.Unexpected as error:
            return job.record() | work.failed(*error.args)

    monkeypatch.setattr(work, "attempt", disturbed)
    with pytest.raises(ExportError, match="was deleted or replaced while the batch ran"):
        batch.process(labels, STEPS, out)
    assert len(tried) == 2
    monkeypatch.setattr(work, "attempt", attempt)
    assert batch.process(labels, STEPS, out).done == 3


@pytest.mark.parametrize("where", ["file", "folder"])
def test_names_that_cannot_be_decoded(in_process, tmp_path: Path, where: str):
    (label,) = few(tmp_path / "in", 1)
    odd = os.fsdecode(b"\xff")
    place = label.parent
    if where == "folder":
        place = label.parent.rename(tmp_path / odd)
    else:
        for path in (label, label.with_suffix(".DAT")):
            path.rename(path.with_stem(path.stem + odd))
    out = tmp_path / "out"
    summary = batch.process(place, STEPS, out)
    assert summary.done == 1, summary.failures
    again = batch.process(place, STEPS, out, verify=True)
    assert again.current == 1
    (made,) = out.glob("*.nc")
    with xr.open_dataset(made) as ds:
        assert "rate" in ds


def test_names_that_become_one(tmp_path: Path):
    """What takes the place of bytes that are no text may itself be in a name."""
    labels = few(tmp_path / "in", 4)
    names = [b"A\\\xff", b"A%5C\xff", b"A%5C%FF", b"A\\%FF"]
    for label, name in zip(labels, names, strict=True):
        for path in (label, label.with_suffix(".DAT")):
            path.rename(path.with_stem(os.fsdecode(name)))
    outputs = [output for _, output in batch.plan(tmp_path / "in", STEPS, tmp_path / "out")]
    assert len(outputs) == len(set(outputs)) == 4
    assert all(output.startswith("A%5C%FF") for output in outputs)


def test_names_that_differ_in_capitals(in_process, tmp_path: Path):
    """On many disks they are one."""
    labels = few(tmp_path / "in", 3)
    for label, name in zip(labels, ("FUV_A", "fuv_a", "Fuv_a"), strict=True):
        for path in (label, label.with_suffix(".DAT")):
            path.rename(path.with_stem(name))
    place, out = tmp_path / "in", tmp_path / "out"
    outputs = {Path(label).stem: o for label, o in batch.plan(place, STEPS, out)}
    assert len({output.casefold() for output in outputs.values()}) == 3
    assert sum("-" in output for output in outputs.values()) == 2
    assert batch.process(place, STEPS, out).done == 3
    assert {path.name for path in out.glob("*.nc")} == set(outputs.values())
    # In another order, or alone, each finds its own output.
    for stem in sorted(outputs, reverse=True):
        (one,) = place.rglob(f"{stem}.LBL")
        assert batch.process(one, STEPS, out).current == 1
    assert batch.process(place, STEPS, out).current == 3


@pytest.mark.parametrize(
    "owner", ["", ".", "..", "/", "//", "/..", "~", "\n", "/dev/zero", "FIFO", "x" * 4000, "\udcff"]
)
def test_labels_of_manifests_that_are_no_files(tmp_path: Path, owner: str):
    (label,), out = few(tmp_path / "in", 1), tmp_path / "out"
    out.mkdir()
    if owner == "FIFO":
        owner = str(tmp_path / owner)
        os.mkfifo(owner)
    record = {"output": f"{label.stem}.nc", "label": owner, "fingerprint": "f", "status": "failed"}
    (out / manifest.NAME).write_text(json.dumps(record) + "\n")
    assert list(batch.plan(label, STEPS, out)) == [(str(label), f"{label.stem}.nc")]


def test_messages_of_failures_are_bounded(in_process, tmp_path: Path):
    (label,) = few(tmp_path / "in", 1)
    for path in (label, label.with_suffix(".DAT")):
        path.rename(path.with_stem("A" + "b" * 240))
    data = next((tmp_path / "in").glob("*.DAT"))
    data.write_bytes(data.read_bytes()[:-2])
    (tmp_path / "p.yaml").write_text("- rate\n")
    words = ["batch", str(tmp_path / "in"), "-p", str(tmp_path / "p.yaml"), "-o"]
    result = CliRunner().invoke(main, [*words, str(tmp_path / "out")])
    (line,) = result.stderr.splitlines()
    assert line.startswith("uvisxr: Abbb") and "truncated" in line and len(line) <= 500
    # Of errors that are not ours, the manifest keeps no more either.
    job = work.Job(str(label), "a.nc", str(tmp_path), str(tmp_path), "")
    error = work.Unexpected("rate", "KeyError", "x\n" * 5000)
    assert len(flow._failure(job, error)["error"]) == 500


@pytest.mark.parametrize("option", ["batch --timeout", "fetch --longest", "fetch --floor"])
def test_no_number_is_in_no_range(tmp_path: Path, option: str):
    command, name = option.split()
    given = [command, str(tmp_path), name, "nan", *(["-o", "x"] if command == "batch" else [])]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 2 and f"'{name}': 'nan' is not in the range" in result.output


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 1e9, "5", True])
def test_wrong_time_limits(tmp_path: Path, timeout):
    with pytest.raises(ArgumentError, match="timeout="):
        batch.process(tmp_path, STEPS, tmp_path / "out", timeout=timeout)


@pytest.mark.parametrize(
    "address", ["nonsense", "", "http://127.0.0.1:1", "tcp://", "tcp://host", "host:port", "a b:1"]
)
def test_what_is_no_address_of_a_scheduler(tmp_path: Path, address: str):
    labels = few(tmp_path / "in", 1)
    start = time.monotonic()
    with pytest.raises(UvisError, match="is not the address of a scheduler"):
        batch.process(labels, STEPS, tmp_path / "out", client=address)
    (tmp_path / "p.yaml").write_text("- rate\n")
    words = ["batch", str(labels[0]), "-p", str(tmp_path / "p.yaml"), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*words, "--scheduler", address])
    assert result.exit_code == 1 and len(result.stderr.splitlines()) == 1
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tls://127.0.0.1:1", "127.0.0.1:1"])
def test_nothing_listens(tmp_path: Path, address: str):
    labels = few(tmp_path / "in", 1)
    start = time.monotonic()
    with pytest.raises(UvisError, match=f"no scheduler answers at {address}"):
        batch.process(labels, STEPS, tmp_path / "out", client=address)
    assert time.monotonic() - start < 10


def refused(address: str, folder: Path) -> str:
    """What a batch says of an address, soon."""
    labels, start = few(folder / "in", 1), time.monotonic()
    with pytest.raises(UvisError, match=f"no scheduler answers at {address}") as caught:
        batch.process(labels, STEPS, folder / "out", client=address)
    assert time.monotonic() - start < 5
    return str(caught.value)


@pytest.mark.parametrize(
    "greeting",
    [
        *(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64),
        *(bytes(64), b"\x08" + bytes(7) + b"x" * 8, b"\x00", b""),
    ],
)
@pytest.mark.parametrize("stays", [True, False])
def test_something_else_listens(tmp_path: Path, monkeypatch, greeting: bytes, stays: bool):
    monkeypatch.setattr(cluster, "_ANSWER", 0.5)
    lines = []

    def greet(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                line, _ = server.accept()
                line.sendall(greeting)
                lines.append(line) if stays else line.close()

    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        stack.callback(lambda: [line.close() for line in lines])
        threading.Thread(target=greet, args=(server,), daemon=True).start()
        said = refused(f"tcp://127.0.0.1:{server.getsockname()[1]}", tmp_path)
        assert ("(no word in 0.5 s)" in said) or greeting or not stays
        # Wakes the thread up.
        server.shutdown(socket.SHUT_RDWR)


def test_a_worker_is_no_scheduler(tmp_path: Path):
    from distributed import LocalCluster

    with LocalCluster(
        *(1, 1), processes=False, protocol="tcp", host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as local:
        said = refused(local.workers[0].address, tmp_path)
        assert "what listens there is no scheduler" in said
        cluster._knock(local.scheduler_address)


def test_a_process_that_is_killed_before_it_has_started(tmp_path: Path, monkeypatch):
    import distributed

    def killed(**settings: object) -> None:
        try:
            raise RuntimeError("Nanny failed to start worker process")
        except RuntimeError as error:
            raise RuntimeError("Nanny failed to start.") from error

    monkeypatch.setattr(distributed, "LocalCluster", killed)
    write_product(tmp_path / "archive", product_id(0), band_bin=64, line_bin=4)
    with pytest.raises(UvisError, match=r"not be started \(Nanny failed to start worker process\)"):
        uvisxr.batch.process(tmp_path / "archive", ["rate"], tmp_path / "out", workers=1)


@pytest.mark.slow
def test_a_scheduler_that_is_stopped(tmp_path: Path):
    with byhand.scheduler(tmp_path, 0) as (address, process):
        os.kill(process.pid, signal.SIGSTOP)
        assert "(no word in 4 s)" in refused(address, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the scheduler at .* has no workers yet")
def test_a_scheduler_that_is_stopped_at_work(tmp_path: Path):
    few(tmp_path / "in", 40)
    out, stopped = tmp_path / "out", []

    def stop(pid: int) -> None:
        byhand.wait_for(lambda: any(out.glob("*.nc")), "the first output")
        os.kill(pid, signal.SIGSTOP)
        stopped.append(time.monotonic())

    with byhand.scheduler(tmp_path, 1) as (address, process), ThreadPoolExecutor() as pool:
        told = pool.submit(stop, process.pid)
        with pytest.raises(UvisError, match=r"lost the scheduler .*: run the same command again"):
            batch.process(tmp_path / "in", STEPS, out, client=address)
        told.result()
    assert time.monotonic() - stopped[0] < 10


@pytest.mark.slow
def test_a_product_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch):
    labels, out = few(tmp_path / "in", 8), tmp_path / "out"
    monkeypatch.setattr(work, "attempt", disturbing({labels[3].stem: "hang"}))
    summary = batch.process(labels, STEPS, out, workers=1, timeout=4)
    assert (summary.done, summary.failed) == (7, 1)
    record = manifest.latest(out)[f"{labels[3].stem}.nc"]
    assert (record["step"], record["kind"]) == ("rate", "TimeoutError")
    assert "longer than timeout=4 s" in record["error"]
    assert {path.suffix for path in out.iterdir()} == {".nc", ".jsonl"}


@pytest.mark.slow
def test_threads_of_this_process_cannot_be_ended(tmp_path: Path):
    from distributed import Client

    with (
        Client(processes=False, dashboard_address="127.0.0.1:0", set_as_default=False) as client,
        pytest.raises(UvisError, match="processes=True"),
    ):
        batch.process(few(tmp_path / "in", 1), STEPS, tmp_path / "out", client=client, timeout=9)


class Told:
    """Stands in for a client; its scheduler tells of one worker after the other."""

    status = "running"
    cluster = None

    def __init__(self, *told: dict):
        self.told, self.restarted = list(told), []
        self.scheduler = self

    def identity(self, n_workers: int) -> None: ...

    def sync(self, function, **named) -> dict:
        if self.told:
            self.last = self.told.pop(0)
        if isinstance(self.last, Exception):
            raise self.last
        return {"workers": self.last}

    def restart_workers(self, workers: list[str], **named) -> None:
        self.restarted.append(workers)


def worker(status: str, executing: int = 0) -> dict:
    counts = {"executing": executing} if executing else {}
    return {"status": status, "metrics": {"task_counts": counts}, "memory_limit": 3e8}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10000, 4))
    monkeypatch.setattr(flow.time, "monotonic", lambda: next(now))


@pytest.mark.parametrize(
    ("workers", "ends"),
    [
        ({"a": worker("paused"), "b": worker("paused")}, True),
        ({"a": worker("paused"), "b": worker("running")}, False),
        ({"a": worker("paused"), "b": worker("paused", 1)}, False),
        ({"a": worker("running")}, False),
        ({}, False),
    ],
)
def test_workers_that_are_paused_for_memory(clock, workers: dict, ends: bool):
    watch = flow._Watch(Told(workers))
    for _ in range(3):
        watch.look()
    if ends:
        with pytest.raises(UvisError, match=r"all workers .2. are paused.*of the 300 MB"):
            watch.look()
    else:
        watch.look()


def test_own_workers_that_are_paused_are_started_anew(clock):
    told = Told({"a": worker("paused"), "b": worker("running")})
    told.cluster = object()
    watch = flow._Watch(told)
    for _ in range(8):
        watch.look()
    assert told.restarted == [["a"], ["a"]]
    watch.relax()
    told.last = {"a": worker("paused"), "b": worker("paused")}
    with pytest.raises(UvisError, match="all workers"):
        for _ in range(20):
            watch.look()
    assert told.restarted[2:] == [["a", "b"]]


@pytest.mark.parametrize("error", [TimeoutError(), OSError()])
def test_a_scheduler_that_does_not_answer(error: Exception):
    with pytest.raises(UvisError, match=r"lost the scheduler.*run the same command again"):
        flow._Watch(Told(error)).look()
    told = Told({})
    told.status = "connecting"
    with pytest.raises(UvisError, match="lost the scheduler"):
        flow._Watch(told).look()


def started_here(*told: Any, status: str = "running") -> Told:
    client = Told(*told)
    client.cluster = SimpleNamespace(scheduler=SimpleNamespace(status=SimpleNamespace(name=status)))
    return client


def test_an_own_scheduler_that_answers_late_is_asked_again(monkeypatch):
    monkeypatch.setattr(flow, "_LOOK", 0)
    client = started_here(*[TimeoutError()] * 5, OSError(), {"a": worker("running")})
    flow._Watch(client).look()
    assert not client.told
    for last, told in (
        ("closed", started_here(TimeoutError(), {}, status="closed")),
        ("elsewhere", Told(TimeoutError(), {})),
    ):
        with pytest.raises(UvisError, match="lost the scheduler"):
            flow._Watch(told).look()
        assert told.told == [{}], last


def test_an_own_scheduler_is_not_asked_for_ever(clock, monkeypatch):
    monkeypatch.setattr(flow, "_LOOK", 0)
    with pytest.raises(UvisError, match="lost the scheduler"):
        flow._Watch(started_here(TimeoutError())).look()


@pytest.mark.slow
def test_a_living_scheduler_on_a_busy_machine(tmp_path: Path, monkeypatch):
    from distributed import Client

    monkeypatch.setattr(flow, "_ANSWER_HERE", 0.1)
    asked = []
    with Client(processes=False, dashboard_address="127.0.0.1:0", set_as_default=False) as client:
        handlers = client.cluster.scheduler.handlers
        at_once = handlers["identity"]

        async def late(*args: Any, **named: Any) -> Any:
            asked.append(args)
            await asyncio.sleep(0.5 if len(asked) < 4 else 0)
            return at_once(*args, **named)

        handlers["identity"] = late
        summary = batch.process(few(tmp_path / "in", 2), STEPS, tmp_path / "out", client=client)
    assert (summary.done, summary.failed) == (2, 0)
    assert len(asked) >= 4


@pytest.mark.slow
def test_a_scheduler_that_is_lost(tmp_path: Path):
    few(tmp_path / "in", 60)
    (tmp_path / "p.yaml").write_text("- rate\n")
    out = tmp_path / "out"
    with byhand.scheduler(tmp_path, 1) as (address, process):
        code = "from uvisxr.cli import main; main()"
        words = ["batch", str(tmp_path / "in"), "-p", str(tmp_path / "p.yaml"), "-o", str(out)]
        run = subprocess.Popen(
            [sys.executable, "-c", code, *words, "--scheduler", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            book = out / manifest.NAME
            wait_for(
                lambda: book.is_file() and len(list(manifest.read(out))) > 2, "some products", 90
            )
            process.kill()
            start = time.monotonic()
            said = run.communicate(timeout=60)[1].splitlines()
            assert time.monotonic() - start < 10
        finally:
            run.kill()
            run.wait()
    assert run.returncode == 1
    assert "lost the scheduler" in said[-1]
    assert len([line for line in said if "dashboard" not in line and "waiting" not in line]) == 1
    # What is finished stays, and only the rest is left.
    assert {path.suffix for path in out.iterdir()} == {".nc", ".jsonl"}
    left = list(batch.plan(tmp_path / "in", tmp_path / "p.yaml", out))
    assert 0 < len(left) <= 57


@pytest.mark.slow
def test_interrupted(tmp_path: Path):
    """As by Ctrl-C, which all processes in the foreground get."""
    few(tmp_path / "in", 60)
    (tmp_path / "p.yaml").write_text("- rate\n")
    code = "from uvisxr.cli import main; main()"
    words = ["batch", str(tmp_path / "in"), "-p", str(tmp_path / "p.yaml"), "--workers", "2", "-o"]
    for number, done in enumerate((0, 3)):
        out = tmp_path / f"out{number}"
        run = subprocess.Popen(
            [sys.executable, "-c", code, *words, str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            wait_for(
                lambda out=out, done=done: out.is_dir() and len([*out.glob("*.nc")]) >= done,
                f"{done} outputs",
                90,
            )
            os.killpg(run.pid, signal.SIGINT)
            start = time.monotonic()
            said = run.communicate(timeout=60)[1]
        finally:
            run.kill()
            run.wait()
        assert run.returncode == 130
        assert time.monotonic() - start < 5
        (line,) = said.splitlines()
        assert "interrupted" in line
        assert {path.suffix for path in out.iterdir()} <= {".nc", ".jsonl"}


def disturbing(hostile: dict[str, str], kernel: str = ""):
    """The work on a product, in a worker, with some that harm it; by label."""

    def attempt(job, steps, **named):
        import time
        from pathlib import Path

        from uvisxr.accessor import UvisAccessor
        from uvisxr.batch.work import attempt
        from uvisxr.kernels import session

        def endless(self):
            time.sleep(1000)

        def crash(self):
            import spiceypy

            for note in session._NOTED:
                note([Path(kernel)])
            spiceypy.spkobj(kernel)

        ways = {"hang": endless, "crash": crash}
        rate = UvisAccessor.rate
        UvisAccessor.rate = ways.get(hostile.get(Path(job.label).stem), rate)
        try:
            return attempt(job, steps, **named)
        finally:
            UvisAccessor.rate = rate

    return attempt


def kernels(folder: Path, lacks: str) -> Path:
    """Kernels of a day, but for a minute that one alone has, which ends SPICE with a signal."""
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(tiny.SCLK if name.endswith(".tsc") else text)
    minute = float(utc_to_et(np.datetime64(lacks))[()])
    first, last = minute - 1e5, minute + 1e5
    tiny.spk(folder / "sun.bsp", (10, 0, first, last), x=1e9)
    tiny.spk(folder / "saturn.bsp", (699, 0, first, last), x=3e5)
    tiny.spk(folder / "craft.bsp", (-82, 0, first, minute - 30), (-82, 0, minute + 30, last))
    tiny.ck(folder / "craft.bc", (first, last))
    path = tiny.spk(folder / "hostile.bsp", (-82, 0, minute - 40, minute + 40))
    raw = bytearray(path.read_bytes())
    raw[9] = 1
    path.write_bytes(raw)
    code = "import spiceypy, sys; spiceypy.spkobj(sys.argv[1])"
    ended = subprocess.run([sys.executable, "-c", code, str(path)], stderr=subprocess.DEVNULL)
    assert ended.returncode in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
    return path


@pytest.mark.slow
def test_many_products_with_five_hostile_ones(tmp_path: Path, monkeypatch):
    """Each costs itself alone, and is named.

    So do two more, for what files should no longer do: end a worker within SPICE, and never end.
    """
    # One in each minute of a day at most.
    count = min(max(slow.products(200), 200), 1440)
    root, out = tmp_path / "in", tmp_path / "out"
    label = write_product(root, product_id(0), band_bin=32)
    text, frame = label.read_bytes(), np.frombuffer(label.with_suffix(".DAT").read_bytes(), ">u2")
    for number in range(1, count):
        name = product_id(number)
        own = text.replace(product_id(0).encode(), name.encode())
        own = own.replace(b"T00:00:", f"T{number // 60 % 24:02}:{number % 60:02}:".encode())
        (root / f"{name}.LBL").write_bytes(own)
        (root / f"{name}.DAT").write_bytes(
            np.where(frame < 65535, number, frame).astype(">u2").tobytes()
        )
    names = [product_id(number) for number in (100, 110, 120, 150, 170, 180, 190)]
    kernel, crash, endless, bomb, fifo, hang, taken = names
    # The exposure is the 30 s up to START_TIME.
    spk = kernels(tmp_path / "kernels", "2005-08-18T01:39:49")
    labels = {name: root / f"{name}.LBL" for name in names}
    # The label reader of others looks for the end of such a statement for ever.
    twice = labels[endless].read_bytes().replace(b"30.000 <SECOND>", b"30.000 <SECOND> = 5")
    labels[endless].write_bytes(twice)
    with gzip.open(root / f"{bomb}.DAT.gz", "wb", compresslevel=1) as stream:
        for _ in range(2**9):
            stream.write(bytes(2**20))
    (root / f"{bomb}.DAT").unlink()
    labels[fifo].unlink()
    os.mkfifo(labels[fifo])
    out.mkdir()
    xr.Dataset({"mine": ("x", [1, 2])}).to_netcdf(out / f"{taken}.nc")
    mine = (out / f"{taken}.nc").read_bytes()[:-200]
    (out / f"{taken}.nc").write_bytes(mine)
    monkeypatch.setattr(work, "attempt", disturbing({crash: "crash", hang: "hang"}, str(spk)))

    steps = [("geometry", {"kernels": str(spk.parent)}), "rate"]
    summary = batch.process(root, steps, out, workers=2, timeout=20)
    assert (summary.done, summary.failed) == (count - 7, 7), summary.failures
    assert sorted(line.partition(":")[0] for line in summary.failures) == names
    records = {record["product"]: record for record in manifest.latest(out).values()}
    for name, kind, said in (
        (kernel, "CoverageError", "hostile.bsp is truncated or corrupt"),
        (crash, "KilledWorker", "a worker died when SPICE read hostile.bsp"),
        (endless, "LabelError", "INTEGRATION_DURATION"),
        (bomb, "ProductError", "DAT.gz"),
        (fifo, "ArgumentError", f"{fifo}.LBL"),
        (hang, "TimeoutError", "longer than timeout=20 s"),
        (taken, "ExportError", f"{taken}.nc"),
    ):
        record = records[name]
        assert record["kind"] == kind and said in record["error"], record
    assert (out / f"{taken}.nc").read_bytes() == mine
    assert {path.suffix for path in out.iterdir()} == {".nc", ".jsonl"}
    for number in range(1, count):
        if (name := product_id(number)) not in names:
            with handles.LOCK, xr.open_dataset(out / f"{name}.nc", engine="netcdf4") as ds:
                assert (ds["counts"].values == number).all() and ds["lat"].notnull().all()
    # A sample is what one process gives without a batch; the rates are those of the counts written.
    others = [number for number in range(1, count) if product_id(number) not in names]
    sample = others[7 :: len(others) // 20][:20]
    assert len(sample) == 20
    for number in sample:
        path = out / f"{product_id(number)}.nc"
        one = uvisxr.open_product(root / f"{product_id(number)}.LBL")
        with pytest.warns(UvisWarning, match="the clock kernel ends"):
            one = one.uvis.geometry(kernels=str(spk.parent)).uvis.rate()
        with handles.LOCK, xr.open_dataset(path, engine="netcdf4") as ds:
            for field in ("lat", "lon", "alt", "sza", "et"):
                np.testing.assert_array_equal(ds[field].values, one[field].values, field)
            np.testing.assert_allclose(ds["rate"].values, number / 30, rtol=1e-6)
    # What is left is tried again, and nothing else.
    monkeypatch.setattr(work, "attempt", disturbing({}))
    (out / f"{taken}.nc").unlink()
    summary = batch.process(root, steps, out, workers=2, timeout=60)
    assert (summary.done, summary.failed, summary.current) == (3, 4, count - 7)
