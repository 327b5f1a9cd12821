"""Building a catalogue: what is new, changed, gone, failed or left over; killed and taken up."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.byhand import wait_for
from helpers.loopback import Status, folder, serve
from helpers.products import product_id, two_windows, write_product

import uvisxr
from uvisxr import catalogue, fetch, files
from uvisxr.batch import run, work
from uvisxr.catalogue import building, exports, schema, staging, store
from uvisxr.cli import main
from uvisxr.errors import (
    ArgumentError,
    CatalogueError,
    ExportError,
    NoMatchError,
    UvisError,
    UvisWarning,
)
from uvisxr.pds3 import elsewhere
from uvisxr.reader.sources import Filter

pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("duckdb")
pytest.importorskip("distributed")

COMMAND = [sys.executable, "-c", "from uvisxr.cli import main; main()"]

#: Columns that tell when and by what, not what is there.
_WHEN = ("indexed",)


def rows(out: Path, table: schema.Table = "products") -> list[dict[str, Any]]:
    """All rows of a table, by their keys, without when they were made."""
    files = getattr(store.read(out), table)
    found = [row for file in files for row in pq.read_table(file.path).to_pylist()]
    found = [{key: value for key, value in row.items() if key not in _WHEN} for row in found]
    return sorted(found, key=lambda row: tuple(row[key] for key in schema.KEYS[table]))


def both(out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return rows(out), rows(out, "spectra")


def names(out: Path) -> list[str]:
    return [row["product"] for row in rows(out)]


@pytest.fixture(autouse=True)
def no_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are none but those that a test gives."""
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("UVISXR_KERNELS", raising=False)


class InProcess:
    """Stands in for a dask cluster: does each job here, at once; counts them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.function: Callable[..., dict[str, Any]] | None = None

    def stream(
        self, client: Any, function: Callable, jobs: Iterator, shared: Any, retries: int
    ) -> Iterator[dict]:
        for job in jobs:
            self.done.append(job.output)
            yield (self.function or function)(job, shared)

    def take_part(self, monkeypatch: pytest.MonkeyPatch) -> InProcess:
        client = SimpleNamespace(dashboard_link="")
        monkeypatch.setattr(run, "connect", lambda *given, **named: nullcontext(client))
        monkeypatch.setattr(run, "stream", self.stream)
        return self


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return InProcess().take_part(monkeypatch)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    for number in range(4):
        write_product(root / "D230", product_id(number), samples=2, band_bin=64, line_bin=4)
    return root


def lose(product: Path) -> None:
    """Remove a product's files."""
    for suffix in (".LBL", ".DAT"):
        product.with_suffix(suffix).unlink()


def build(archive: Path | list[Path], **more: Any) -> building.Summary:
    first = archive if isinstance(archive, Path) else archive[0]
    return catalogue.build(archive, first.parent / "c", **more)


def test_what_is_built(archive: Path, here: InProcess):
    two_windows(write_product(archive, product_id(9, "EUV"), samples=3, band_bin=64))
    summary = build(archive)
    assert (summary.done, summary.failed, summary.current) == (5, 0, 0)
    assert summary.spectra == 4 * 2 * 15 + 3 * (30 + 15)
    assert f"5 done, 0 failed, 0 up to date; {summary.spectra} spectra added" in str(summary)
    out = archive.parent / "c"
    assert names(out) == [product_id(9, "EUV"), *(product_id(n) for n in range(4))]
    assert {row["status"] for row in rows(out)} == {"done"}
    assert {row["pointing"] for row in rows(out)} == {"none"}
    spectra = rows(out, "spectra")
    assert len(spectra) == summary.spectra
    assert all(row["primary"] and row["body"] == "" for row in spectra)
    assert sum(row["spectra"] for row in rows(out)) == summary.spectra
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_a_second_build_does_nothing(archive: Path, here: InProcess):
    build(archive)
    number = store.read(archive.parent / "c").number
    here.done.clear()
    summary = build(archive)
    assert (summary.done, summary.current, summary.spectra) == (0, 4, 0)
    assert not here.done
    assert store.read(archive.parent / "c").number == number


def test_changed_new_and_gone_products_are_followed(archive: Path, here: InProcess):
    build(archive)
    folder = archive / "D230"
    write_product(folder, product_id(1), samples=3, band_bin=64, line_bin=4)
    write_product(folder, product_id(7), samples=1, band_bin=64, line_bin=4)
    lose(folder / product_id(2))
    here.done.clear()
    summary = build(archive)
    assert sorted(here.done) == [product_id(1), product_id(7)]
    assert (summary.done, summary.current, summary.removed) == (2, 2, 1)
    assert "1 removed" in str(summary)
    out = archive.parent / "c"
    fresh = archive.parent / "fresh"
    catalogue.build(archive, fresh)
    assert both(out) == both(fresh)


@pytest.mark.parametrize("missing", ["keep", "remove"])
def test_products_that_are_gone_may_stay(archive: Path, here: InProcess, missing: Any):
    build(archive)
    lose(archive / "D230" / product_id(0))
    summary = build(archive, missing=missing)
    assert summary.removed == (missing == "remove")
    assert (product_id(0) in names(archive.parent / "c")) == (missing == "keep")


def test_a_volume_that_is_not_mounted_loses_nothing(archive: Path, here: InProcess):
    volume = archive / "COUVIS_0002"
    for number in (7, 8):
        write_product(volume / "D231", product_id(number), samples=1, band_bin=64, line_bin=4)
    build(archive)
    out = archive.parent / "c"
    volume.rename(archive.parent / "away")
    for mount_point in (False, True):
        if mount_point:
            volume.mkdir()
            (volume / ".keep").touch()
        with pytest.warns(match=r"2 products stay .* not mounted: .*D231.*missing='remove_all'"):
            assert build(archive).removed == 0
        assert len(names(out)) == 6
    # One that is not the last of its folder goes, and all if that is asked for.
    lose(archive / "D230" / product_id(0))
    with pytest.warns(match="2 products stay"):
        assert build(archive).removed == 1
    result = command("build", archive, "--out", out)
    assert result.exit_code == 0 and "--missing remove_all" in result.stderr
    assert build(archive, missing="remove_all").removed == 2
    assert names(out) == [product_id(number) for number in (1, 2, 3)]


def test_a_source_that_is_not_given_or_not_there_loses_nothing(archive: Path, here: InProcess):
    other = archive.parent / "other"
    write_product(other, product_id(30), band_bin=64, line_bin=4)
    build([archive, other])
    lose(other / product_id(30))
    build(archive)
    assert product_id(30) in names(archive.parent / "c")
    # Of a list of products nothing says what is gone.
    lose(archive / "D230" / product_id(0))
    catalogue.build([archive / "D230" / f"{product_id(1)}.LBL"], archive.parent / "c")
    assert product_id(0) in names(archive.parent / "c")


def test_other_kernels_make_rows_anew(archive: Path, here: InProcess, tmp_path: Path):
    build(archive)
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    assert build(archive, kernels=kernels).current == 4
    (kernels / "naif0012.tls").write_text("KPL/LSK\n")
    assert build(archive, kernels=kernels).done == 4


def test_a_failure_is_a_row_and_tried_again(archive: Path, here: InProcess):
    label = archive / "D230" / f"{product_id(3)}.LBL"
    text = label.read_bytes()
    data = label.with_suffix(".DAT")
    raw = data.read_bytes()
    data.write_bytes(raw[:1000])
    out = archive.parent / "c"
    for _ in range(2):
        summary = build(archive)
        assert (summary.failed, summary.ok) == (1, False)
        (failed,) = (row for row in rows(out) if row["status"] == "failed")
        assert (failed["product"], failed["step"]) == (product_id(3), "read")
        assert failed["label"] == str(label) and failed["error"]
        assert [
            line for line in summary.lines() if product_id(3) in line and failed["error"] in line
        ]
    told = catalogue.info(out)
    assert (told.products, told.failed) == (4, 1)
    assert failed["error"] in str(told)
    data.write_bytes(raw)
    assert build(archive).done == 1
    assert {row["status"] for row in rows(out)} == {"done"}
    # One that was sound and is not has no spectra any more.
    label.write_bytes(text[:200])
    build(archive)
    assert product_id(3) not in {row["product"] for row in rows(out, "spectra")}
    assert len(rows(out)) == 4


def test_a_label_alone_until_its_data_come(archive: Path, here: InProcess):
    data = archive / "D230" / f"{product_id(0)}.DAT"
    raw = data.read_bytes()
    data.unlink()
    out = archive.parent / "c"
    assert build(archive).ok
    assert [row["has_data"] for row in rows(out)] == [False, True, True, True]
    assert catalogue.info(out).label_only == 1
    data.write_bytes(raw)
    assert build(archive).done == 1
    assert all(row["has_data"] for row in rows(out))


def test_a_link_that_leads_nowhere_is_a_failure(archive: Path, here: InProcess):
    (archive / f"{product_id(8)}.LBL").symlink_to(archive / "gone.LBL")
    assert build(archive).failed == 1
    assert product_id(8) in {r["product"] for r in rows(archive.parent / "c") if r["error"]}


def test_the_same_exposures_count_once(archive: Path, here: InProcess):
    build(archive)
    copies = archive.parent / "volumes/COUVIS_0012"
    shutil.copytree(archive, copies)
    with pytest.warns(match="holds the same exposures"):
        summary = catalogue.build([archive, copies], archive.parent / "c")
    assert summary.ok
    assert names(archive.parent / "c") == [product_id(n) for n in range(4)]
    # Nor if they come one after the other.
    catalogue.build(copies, archive.parent / "c")
    assert names(archive.parent / "c") == [product_id(n) for n in range(4)]


def test_moved_products_keep_their_names(archive: Path, here: InProcess):
    build(archive)
    moved = archive.parent / "moved"
    archive.rename(moved)
    here.done.clear()
    summary = build(moved)
    out = moved.parent / "c"
    assert names(out) == [product_id(n) for n in range(4)]
    # Nothing is read again, and they are found where they are.
    assert (summary.current, summary.moved, here.done) == (4, 4, [])
    assert "4 up to date, 4 moved; 0 spectra added" in str(summary)
    catalogue.build(moved, moved.parent / "fresh")
    assert both(out) == both(moved.parent / "fresh")
    found = uvisxr.search(out, product=product_id(0), exclude=())
    assert uvisxr.open_found(found).sizes["spectrum"] == 30
    assert (build(moved).current, build(moved).moved) == (4, 0)


def test_another_label_of_the_same_size_and_time_is_read(archive: Path, here: InProcess):
    label = archive / "D230" / f"{product_id(0)}.LBL"
    build(archive)
    other = archive / "E" / label.name
    other.parent.mkdir()
    for suffix in (".LBL", ".DAT"):
        source, target = label.with_suffix(suffix), other.with_suffix(suffix)
        raw = source.read_bytes()
        target.write_bytes(raw.replace(b"SATURN", b"STURAN") if suffix == ".LBL" else raw)
        there = source.stat()
        os.utime(target, ns=(there.st_atime_ns, there.st_mtime_ns))
        source.unlink()
    here.done.clear()
    summary = build(archive)
    assert (summary.done, summary.moved, here.done) == (1, 0, [product_id(0)])
    (row,) = (row for row in rows(archive.parent / "c") if row["product"] == product_id(0))
    assert (row["label"], row["target_name"]) == (str(other), "STURAN")


def staged_and_stopped(job: Any, shared: Any) -> dict[str, Any]:
    """A build that is interrupted once a product is staged."""
    staging.attempt(job, shared)
    raise Interrupted


def test_what_is_staged_of_files_that_moved_is_read_again(archive: Path, here: InProcess):
    here.function = staged_and_stopped
    with pytest.raises(Interrupted):
        build(archive)
    here.function = None
    moved = archive.parent / "moved"
    archive.rename(moved)
    assert build(moved).done == 4
    assert all(row["label"].startswith(f"{moved}/") for row in rows(moved.parent / "c"))


def test_two_products_of_one_name(archive: Path, here: InProcess):
    other = archive / "E"
    name = product_id(0)
    label = write_product(other, name, samples=5, band_bin=64, line_bin=4, exposure=60)
    for _ in range(2):
        build(archive)
        own = [row for row in rows(archive.parent / "c") if row["product"].startswith(name)]
        assert sorted(row["exposures"] for row in own) == [2, 5]
        mark = hashlib.sha256(os.fsencode(label)).hexdigest()[:8]
        assert [row["product"] for row in own] == [name, f"{name}-{mark}"]


def test_names_of_files_that_are_no_text(archive: Path, here: InProcess):
    folder = Path(os.fsdecode(os.fsencode(archive) + b"/\xff"))
    write_product(folder, product_id(50), band_bin=64, line_bin=4)
    for done in (5, 0):
        summary = build(archive)
        assert (summary.done, summary.failed) == (done, 0)
    out = archive.parent / "c"
    (row,) = (row for row in rows(out) if row["product"] == product_id(50))
    assert row["label"] == f"file://{archive}/%FF/{product_id(50)}.LBL"
    found = uvisxr.search(out, product=product_id(50), exclude=())
    assert uvisxr.open_found(found).sizes["spectrum"] == 15
    # It is there, though it is not asked for.
    write_product(archive, product_id(9, "EUV"), band_bin=64, line_bin=4)
    assert build(archive, wanted=Filter(channel="EUV")).removed == 0
    assert product_id(50) in names(out)


def test_filters(archive: Path, here: InProcess):
    write_product(archive, product_id(60, "EUV"), band_bin=64, line_bin=4, target="TITAN")
    assert build(archive, wanted=Filter(target="titan")).done == 1
    with pytest.raises(NoMatchError):
        build(archive, wanted=Filter(target="Rhea"))


class Interrupted(Exception):
    pass


def test_what_was_staged_is_not_done_again(archive: Path, here: InProcess):
    def two(job: Any, shared: Any) -> dict[str, Any]:
        if len(here.done) > 2:
            raise Interrupted
        return staging.attempt(job, shared)

    here.function = two
    with pytest.raises(Interrupted):
        build(archive)
    out = archive.parent / "c"
    assert len(list((out / ".staged").iterdir())) == 2
    assert names(out) == []
    # One of them changes, and what is no staged file goes.
    no_staged = out / ".staged" / f"{0:032x}.parquet"
    no_staged.write_text("x")
    changed = here.done[0]
    write_product(archive / "D230", changed, samples=4, band_bin=64, line_bin=4)
    kept = here.done[1]
    here.function = None
    here.done.clear()
    summary = build(archive)
    assert (summary.done, summary.current) == (4, 0)
    assert len(here.done) == 3 and kept not in here.done
    assert summary.spectra == 3 * 30 + 60
    assert not (out / ".staged").exists()
    fresh = archive.parent / "fresh"
    catalogue.build(archive, fresh)
    assert both(out) == both(fresh)


def test_files_of_others_stay(archive: Path, here: InProcess):
    out, other = archive.parent / "c", archive.parent / "other"
    build(archive)
    for place in (other, out / ".staged"):
        place.mkdir()
        (place / "keep.parquet").write_text("mine")
    build(archive)
    assert (out / ".staged/keep.parquet").read_text() == "mine"
    shutil.rmtree(out / ".staged")
    (other / f"{1:032x}.parquet").write_text("mine")
    (out / ".staged").symlink_to(other)
    with pytest.raises(CatalogueError, match="is a link"):
        build(archive)
    assert len(list(other.iterdir())) == 2


def test_what_is_staged_of_other_sources_stays(archive: Path, here: InProcess):
    other = archive.parent / "other"
    write_product(other, product_id(90), band_bin=64, line_bin=4)

    here.function = staged_and_stopped
    with pytest.raises(Interrupted):
        build(other)
    here.function = None
    build(archive)
    here.done.clear()
    assert build(other).done == 1
    assert not here.done


def test_blocks(archive: Path, here: InProcess, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(building, "_ROWS", 50)
    build(archive)
    # Two and two products, after the empty catalogue.
    assert store.read(archive.parent / "c").number in (2, 3)
    assert len(names(archive.parent / "c")) == 4


def test_a_full_disk(archive: Path, here: InProcess, monkeypatch: pytest.MonkeyPatch):
    real = staging._stage

    def full(job: Any, made: Any) -> None:
        if len(here.done) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(job, made)

    monkeypatch.setattr(staging, "_stage", full)
    with pytest.raises(ExportError, match="free some space and run the same command again"):
        build(archive)
    monkeypatch.setattr(staging, "_stage", real)
    here.done.clear()
    assert build(archive).done == 4
    assert len(here.done) == 2


def test_faults_of_others_are_tried_again(archive: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("a worker's own")

    monkeypatch.setattr(staging.rows, "of", broken)
    label = archive / "D230" / f"{product_id(0)}.LBL"
    job = staging.Job(str(label), "x", str(archive), str(archive), "")
    with pytest.raises(work.Unexpected, match="a worker's own"):
        staging.attempt(job, None)


def test_wrong_arguments(archive: Path, tmp_path: Path):
    for wrong in (
        {"missing": "delete"},
        {"verify": "yes"},
        {"workers": 0},
        {"retries": -1},
        {"timeout": 0},
        {"client": "nowhere"},
        {"wanted": "TITAN"},
    ):
        with pytest.raises(UvisError):
            build(archive, **wrong)
    with pytest.raises(ArgumentError, match="out"):
        catalogue.build(archive, "")
    with pytest.raises(CatalogueError, match="not empty"):
        catalogue.build(archive, archive)
    with pytest.raises(ArgumentError):
        catalogue.build(tmp_path / "nothing", tmp_path / "c")


def test_no_products_make_no_catalogue(archive: Path, here: InProcess):
    out = archive.parent / "c"
    for given, more in ((archive / "nope", {}), (archive, {"wanted": Filter(target="Rhea")})):
        with pytest.raises(NoMatchError):
            catalogue.build(given, out, **more)
        assert not out.exists()
    # A folder that is something else is refused before products are sought.
    with pytest.raises(CatalogueError, match="not empty"):
        catalogue.build(archive / "nope", archive)


def test_a_source_that_is_gone_is_told_of(archive: Path, here: InProcess):
    out = archive.parent / "c"
    build(archive)
    shutil.rmtree(archive / "D230")
    with pytest.raises(NoMatchError, match=r"the catalogue has 4 products of .*D230: to take out"):
        catalogue.build(archive / "D230", out)
    with pytest.raises(NoMatchError) as told:
        catalogue.build(archive / "D231", out)
    assert "the catalogue has" not in str(told.value)
    assert len(names(out)) == 4


def test_products_without_pointing_are_told_of(archive: Path, here: InProcess):
    summary = build(archive)
    assert summary.unpointed == 4
    assert str(summary).endswith("; 120 spectra added; 4 without pointing")
    (line,) = summary.lines()
    assert line.startswith(f"without pointing: {product_id(0)} and 3 more: no SPICE kernels: ")
    # As much of what an interrupted build has staged.
    write_product(archive, product_id(5), band_bin=64, line_bin=4, samples=1)

    here.function = staged_and_stopped
    with pytest.raises(Interrupted):
        build(archive)
    summary = build(archive)
    assert str(summary) == "1 done, 0 failed, 4 up to date; 15 spectra added; 1 without pointing"


def test_why_products_have_no_pointing_is_said_once():
    note = "no pointing at 3 of 3 exposures"
    record = {
        "product": "A",
        "label": "A.LBL",
        "status": "done",
        "spectra": 3,
        "pointing": "none",
        "warnings": [note, "another"],
        "geometry_note": note,
        "figures": {},
    }
    summary = building.Summary(Path("c"))
    summary.add(record)
    said = list(summary.lines())
    assert sum(note in line for line in said) == 1
    assert [line.partition(":")[0] for line in said] == ["warning", "without pointing"]


# --- Damaged files -----------------------------------------------------------------------------


def turn_a_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 4
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        ("products", turn_a_bit),
        ("spectra", turn_a_bit),
        pytest.param("spectra", Path.unlink, marks=pytest.mark.slow),
        pytest.param("products", lambda path: path.write_bytes(b"PAR1"), marks=pytest.mark.slow),
    ],
)
def test_damaged_files_are_named_and_made_anew(
    archive: Path, here: InProcess, table: schema.Table, damage: Any
):
    euv = write_product(archive, product_id(9, "EUV"), samples=1, band_bin=64, line_bin=4)
    build(archive)
    out = archive.parent / "c"
    sound = both(out)
    assert catalogue.info(out, verify=True).damaged == []
    file = next(file for file in getattr(store.read(out), table) if file.channel in ("", "FUV"))
    damage(file.path)
    told = catalogue.info(out, verify=True)
    assert told.damaged is not None and len(told.damaged) == 1
    assert str(file.path) in told.damaged[0]
    result = command("info", out, "--verify")
    assert result.exit_code == 1 and f"build SOURCE --out {out} --verify" in result.output
    # What is left of the others is not read again.
    here.done.clear()
    with pytest.warns(match=r"1 file is not as written .*read again"):
        summary = build(archive, verify=True)
    count = 5 if table == "products" else 4
    assert (summary.done, summary.current) == (count, 5 - count)
    assert (euv.stem in here.done) == (table == "products")
    assert both(out) == sound
    result = command("info", out, "--verify")
    assert result.exit_code == 0 and "all files are as they were written" in result.output


@pytest.mark.parametrize(
    "number",
    [
        errno.EACCES,
        *(pytest.param(one, marks=pytest.mark.slow) for one in (errno.EIO, errno.EMFILE)),
    ],
)
def test_files_that_cannot_be_reached_stay(
    archive: Path, here: InProcess, monkeypatch: pytest.MonkeyPatch, number: int
):
    build(archive)
    out = archive.parent / "c"
    before = (out / "catalogue.json").read_bytes()
    path = store.read(out).spectra[0].path
    opened = files.opened

    def refusing(name: Any, *more: Any, **named: Any) -> Any:
        if Path(name) == path:
            raise OSError(number, os.strerror(number), str(name))
        return opened(name, *more, **named)

    says = rf"cannot read {path}.*{os.strerror(number)}; this does not mean that it is damaged"
    with monkeypatch.context() as patched:
        patched.setattr(files, "opened", refusing)
        with pytest.raises(CatalogueError, match=says):
            build(archive, verify=True)
        with pytest.raises(CatalogueError, match=says):
            catalogue.info(out, verify=True)
    assert (out / "catalogue.json").read_bytes() == before and path.exists()
    assert store.read(out).spectra


def test_staged_files_that_cannot_be_removed_do_no_harm(
    archive: Path, here: InProcess, monkeypatch: pytest.MonkeyPatch
):
    out = archive.parent / "c"
    unlink = Path.unlink

    def refusing(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name == staging.FOLDER:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        unlink(path, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refusing)
        assert build(archive).done == 4
        assert len(list((out / staging.FOLDER).iterdir())) == 4
        (out / staging.FOLDER / f"{0:032x}.parquet").write_text("x")
        assert build(archive).current == 4
    assert build(archive).current == 4
    assert not (out / staging.FOLDER).exists()


def test_staged_files_that_cannot_be_reached_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / f"{1:032x}.parquet"
    path.write_text("x")

    def refused(path: Path) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(pq, "read_metadata", refused)
        assert list(staging.found(tmp_path)) == [] and path.exists()
    assert list(staging.found(tmp_path)) == [] and not path.exists()


@pytest.mark.slow
def test_a_file_in_the_place_of_a_table(archive: Path, here: InProcess):
    build(archive)
    out = archive.parent / "c"
    shutil.rmtree(out / "products")
    (out / "products").write_text("mine")
    with (
        pytest.warns(match="not as written"),
        pytest.raises(ExportError, match=f"is at {out / 'products'}: remove or rename it"),
    ):
        build(archive, verify=True)
    (out / "products").unlink()
    assert build(archive).done == 4


def test_products_of_damaged_files_go_if_they_are_in_no_source(archive: Path, here: InProcess):
    build(archive)
    out = archive.parent / "c"
    turn_a_bit(store.read(out).spectra[0].path)
    one = archive / "D230" / f"{product_id(1)}.LBL"
    with pytest.warns(match=r"4 products that may have had rows there"):
        assert catalogue.build(one, out, verify=True).done == 1
    assert names(out) == [product_id(1)]


@pytest.mark.slow
def test_spectra_that_the_list_lacks_are_made_anew(archive: Path, here: InProcess):
    write_product(archive, product_id(9, "EUV"), samples=1, band_bin=64, line_bin=4)
    build(archive)
    out = archive.parent / "c"
    sound = both(out)
    path = out / "catalogue.json"
    told = json.loads(path.read_text())
    told["spectra"] = [one for one in told["spectra"] if one["channel"] == "FUV"]
    path.write_text(json.dumps(told))
    says = f"1 product of which there are not as many spectra .* {product_id(9, 'EUV')}"
    found = catalogue.info(out, verify=True).damaged
    assert found is not None and len(found) == 1 and re.match(says, found[0])
    with pytest.warns(match=f"{says}.*read again"):
        assert build(archive, verify=True).done == 1
    assert both(out) == sound
    assert catalogue.info(out, verify=True).damaged == []


def test_labels_are_verified_too(archive: Path, here: InProcess):
    label = archive / "D230" / f"{product_id(0)}.LBL"
    build(archive)
    before = label.stat()
    label.write_bytes(label.read_bytes().replace(b"SATURN", b"STURAN"))
    os.utime(label, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert build(archive).done == 0
    assert build(archive, verify=True).done == 1


def test_a_folder_that_is_no_text(archive: Path, here: InProcess):
    out = Path(os.fsdecode(os.fsencode(archive.parent) + b"/\xff"))
    with pytest.raises(CatalogueError, match="no UTF-8"):
        catalogue.build(archive, out)
    assert not out.exists()


# --- The command -------------------------------------------------------------------------------


def command(*words: object) -> Any:
    return CliRunner().invoke(main, ["catalogue", *map(str, words)])


def test_the_command(archive: Path, here: InProcess):
    out = archive.parent / "c"
    result = command("build", archive, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    told = "4 done, 0 failed, 0 up to date; 120 spectra added; 4 without pointing"
    assert result.stdout == f"{told}; {out}\n"
    assert "without pointing: " in result.stderr and "pass --kernels (files" in result.stderr
    told = command("info", out).output
    assert "products  4: 0 failed, 4 without pointing, 0 without data" in told
    assert "spectra   120" in told
    assert "targets   SATURN 4" in told
    assert "time      2005-08-17T23:59:34 to 2005-08-18T00:03:34 UTC" in told
    assert "rows      (no body)    FUV  120" in told


def test_the_commands_failures(archive: Path, here: InProcess):
    out = archive.parent / "c"
    (archive / "D230" / f"{product_id(3)}.DAT").write_bytes(b"x")
    result = command("build", archive, "--out", out)
    assert result.exit_code == 1
    assert "1 failed" in result.stdout
    assert product_id(3) in result.stderr
    assert command("build", archive, "--out", archive).exit_code == 1
    assert command("build", "nothing", "--out", out).exit_code == 1
    assert command("build", archive, "--out", out, "--scheduler", "nowhere").exit_code == 1
    words = ["--scheduler", "tcp://x:1", "--workers", 1]
    assert command("build", archive, "--out", out, *words).exit_code == 2
    result = command("info", archive)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no catalogue" in result.stderr


def test_the_command_keeps_missing(archive: Path, here: InProcess):
    out = archive.parent / "c"
    command("build", archive, "--out", out)
    lose(archive / "D230" / product_id(3))
    command("build", archive, "--out", out, "--missing", "keep")
    assert len(names(out)) == 4
    assert "1 removed" in command("build", archive, "--out", out).stdout
    assert len(names(out)) == 3


# --- Killed ------------------------------------------------------------------------------------

COUNT = 24


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many") / "archive"
    for number in range(COUNT):
        write_product(root, product_id(number, ("FUV", "EUV")[number % 2]), samples=2, band_bin=32)
    return root


@pytest.fixture(scope="module")
def undisturbed(many: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    out = many.parent / "undisturbed"
    with pytest.MonkeyPatch.context() as patch:
        found = InProcess()
        patch.setattr(
            run, "connect", lambda *g, **n: nullcontext(SimpleNamespace(dashboard_link=""))
        )
        patch.setattr(run, "stream", found.stream)
        catalogue.build(many, out)
    return both(out)


def staged(out: Path) -> int:
    """Products that are finished, but not in the catalogue."""
    return len(list((out / ".staged").glob("*.parquet")))


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(many: Path, undisturbed: Any, tmp_path: Path):
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 2}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        killed = []

        def kill() -> None:
            wait_for(lambda: staged(tmp_path) >= 3, "some products")
            busy = sorted(worker for worker, keys in client.processing().items() if keys)
            pid = client.run(os.getpid, workers=busy[:1])[busy[0]]
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

        killer = threading.Thread(target=kill)
        killer.start()
        summary = catalogue.build(many, tmp_path, client=client)
        killer.join()
    assert killed
    assert (summary.done, summary.failed) == (COUNT, 0)
    assert both(tmp_path) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("block", [10**6, 500])
def test_a_killed_driver_is_taken_up_again(
    many: Path, undisturbed: Any, tmp_path: Path, block: int
):
    """Also while blocks are put into the catalogue."""
    out = tmp_path / "out"
    code = (
        f"from uvisxr.catalogue import building; building._ROWS = {block}\n"
        "from uvisxr.cli import main; main()"
    )
    words = ["catalogue", "build", str(many), "--out", str(out), "--workers", "2"]
    driver = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def some() -> bool:
        there = (out / "catalogue.json").is_file()
        return staged(out) + (len(names(out)) if there else 0) >= 8

    try:
        wait_for(some, "eight products")
    finally:
        driver.kill()
        driver.wait()
    before = len(names(out))
    assert before < COUNT
    summary = catalogue.build(many, out, workers=1)
    assert summary.ok
    assert summary.current == before
    assert summary.done == COUNT - before
    assert both(out) == undisturbed
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_two_builds_do_not_clash(many: Path, tmp_path: Path):
    words = ["catalogue", "build", str(many), "--out", str(tmp_path / "out"), "--workers", "1"]
    builds = [
        subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [build.communicate() for build in builds]
    codes = sorted(build.returncode for build in builds)
    assert codes == [0, 1], told
    assert any(b"is being written by" in err and b"wait for it" in err for _, err in told), told
    assert len(names(tmp_path / "out")) == COUNT


@pytest.mark.slow
def test_products_of_servers_keep_their_urls(
    archive: Path, here: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first, second = product_id(0), product_id(1)
    there = (archive / "D230").rename(archive / "D 230")
    with serve(folder(archive)) as server:
        above = f"{server.url}D%20230/"
        # The data of one are only asked for, those of another are in the cache whole.
        uvisxr.open_product(f"{above}{second}.LBL", fetch=True)
        urls = [f"{above}{first}", f"{above}{second}.DAT"]
        out = tmp_path / "c"
        assert catalogue.build(urls, out).done == 2
        assert [(row["label"], row["data"]) for row in rows(out)] == [
            (f"{above}{name}.LBL", f"{above}{name}.DAT") for name in (first, second)
        ]
        assert catalogue.build(urls, out).current == 2

        shutil.rmtree(tmp_path / "cache")
        monkeypatch.setattr(elsewhere, "_TOLD", {})
        found = uvisxr.search(out, where="pic = 1")
        expected = [uvisxr.open_product(there / name).counts[1] for name in (first, second)]
        ds = uvisxr.open_found(found)
        assert (ds.counts.values == np.concatenate(expected)).all()

        table = exports.epn_tap(out).to_pydict()
        assert table["access_url"] == [f"{above}{name}.DAT" for name in (first, second)]
        assert table["file_name"] == [f"{name}.DAT" for name in (first, second)]


def test_a_copy_of_a_product_of_a_server(archive: Path, here: InProcess, tmp_path: Path):
    out = tmp_path / "c"
    name = product_id(0)
    with serve(folder(archive)) as server:
        url = f"{server.url}D230/{name}.LBL"
        assert catalogue.build(url, out).done == 1
        # Of that on disk it is known that it is whole.
        label = archive / "D230" / f"{name}.LBL"
        catalogue.build(label, out)
        assert [row["label"] for row in rows(out)] == [str(label)]
        with pytest.warns(UvisWarning, match="the same exposures"):
            catalogue.build([url, archive / "D230"], out)
        assert [row["label"] for row in rows(out)][:1] == [str(label)]
        # There is no other than that of the server any more.
        lose(label)
        catalogue.build([url, archive / "D230"], out)
        assert [row["label"] for row in rows(out)][:1] == [url]
    assert names(out) == [product_id(k) for k in range(4)]


def test_urls_of_which_nothing_can_be_had(
    archive: Path, here: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("download", "patience"):
        quick = partial(getattr(fetch, name), wait=0.01, timeout=1.0, tries=2)
        monkeypatch.setattr(fetch, name, quick)
    elsewhere._TOLD.clear()
    ids = [product_id(n) for n in range(3)]
    out = tmp_path / "out"
    with serve(folder(archive)) as server:
        urls = [f"{server.url}D230/{name}.LBL" for name in ids]
        whole = server.files.pop(f"D230/{ids[1]}.LBL")
        server.faults[f"D230/{ids[2]}.DAT"] = [Status(403)]
        # In a list of products too.
        (tmp_path / "list.txt").write_text("\n".join(urls))
        summary = catalogue.build([tmp_path / "list.txt"], out)
        assert (summary.done, summary.failed) == (1, 2)
        told = {row["product"]: (row["status"], row["error"]) for row in rows(out)}
        assert told[ids[0]][0] == "done"
        assert [told[name][0] for name in ids[1:]] == ["failed", "failed"]
        assert "404" in told[ids[1]][1]
        assert "403" in told[ids[2]][1]
        server.files[f"D230/{ids[1]}.LBL"] = whole
        assert (summary := catalogue.build(urls, out)).ok
        assert (summary.done, summary.current) == (2, 1)
        # A server that is not reached takes nothing out of the catalogue.
        before = both(out)
        server.faults |= {f"D230/{ids[0]}.LBL": [Status(500)] * 2}
        summary = catalogue.build(urls, out)
        assert (summary.failed, summary.current) == (1, 2)
        assert both(out) == before
        assert (catalogue.build(urls, out)).current == 3
