"""A made archive in a catalogue: its driver and a worker killed, products replaced and removed.

The archive is drawn with the real one's targets, by their numbers, slits, bins and windows
(`helpers.archive`), and some of it is damaged; of two thirds there are only the labels, and kernels
for a part of the time. UVISXR_TEST_PRODUCTS is the number of products.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import archive, archive_files, slow, still
from helpers.archive import Made
from helpers.byhand import wait_for
from helpers.damages import NULL

from uvisxr import catalogue
from uvisxr.catalogue import schema, staging, store
from uvisxr.errors import UvisWarning

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
duckdb = pytest.importorskip("duckdb")
pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

NUMBER = slow.products(120)

#: Seconds that all of it may take.
_LONG = 60 + 2 * NUMBER


class Archive:
    """The archive on disk, and what was drawn."""

    def __init__(self, folder: Path):
        self.root = folder / "volumes"
        self.products = archive.draw(NUMBER)
        self.labels_only = {one.number for one in self.products if one.number % 3}
        # Written one by one: the data of all are large, and most of them go at once.
        for start in range(0, NUMBER, 500):
            part = self.products[start : start + 500]
            archive_files.write(self.root, part)
            for one in part:
                if one.number in self.labels_only:
                    label = self.root / one.place
                    for path in label.parent.glob(f"{label.stem}.DAT*"):
                        path.unlink()
        self.kernels = still.write(folder / "kernels")

    def of(self, number: int) -> tuple[Made, Path]:
        one = self.products[number]
        return one, self.root / one.place


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UVISXR_CACHE", str(folder / "cache"))
        yield Archive(folder)


def build(made: Archive, out: Path, **more: Any) -> Any:
    with warnings.catch_warnings():
        # Of copies.
        warnings.simplefilter("ignore", UvisWarning)
        return catalogue.build(made.root, out, made.kernels, progress=False, **more)


def table(out: Path, name: schema.Table) -> Any:
    """A whole table, sorted by its keys, without when its rows were made."""
    files = [str(file.path) for file in getattr(store.read(out), name)]
    keys = ", ".join(f'"{key}"' for key in schema.KEYS[name])
    found = duckdb.read_parquet(files, hive_partitioning=False).order(keys).to_arrow_table()
    return found.drop_columns(["indexed"] if name == "products" else [])


def assert_same(one: Path, other: Path) -> None:
    for name in schema.TABLES:
        first, second = table(one, name), table(other, name)
        assert first.num_rows == second.num_rows
        for column in first.column_names:
            assert first[column].equals(second[column]), (name, column)


@pytest.fixture(scope="module")
def undisturbed(made: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "c"
    begin, before = time.perf_counter(), os.times()
    summary = build(made, out, workers=2)
    after = os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    wall = time.perf_counter() - begin
    print(f"\n{summary}; {wall:.0f} s, {cpu:.0f} s of CPU\n{catalogue.info(out)}")
    return out


def test_each_product_has_a_row(made: Archive, undisturbed: Path):
    rows = {row["label"]: row for row in table(undisturbed, "products").to_pylist()}
    left = NUMBER - len(rows)
    assert 0 < left <= 0.02 * NUMBER + 2
    status = Counter(row["status"] for row in rows.values())
    assert status["done"] > 0.9 * NUMBER
    for number in range(NUMBER):
        one, path = made.of(number)
        row = rows.get(str(path))
        if row is None or row["status"] == "failed" or one.damage not in ("", NULL):
            continue
        assert row["has_data"] == (number not in made.labels_only), path
        assert row["target_name"] == ("" if one.target in ("N/A", "UNK") else one.target)
        spectra = one.samples * sum(area.shape[0] for area in one.areas)
        assert row["spectra"] == spectra, path
    # Sound products are done, but for those whose bins only the data tell, which are not there.
    failed = {row["label"] for row in rows.values() if row["status"] == "failed"}
    sound = {
        str(made.root / one.place)
        for one in made.products
        if one.damage in ("", NULL)
        and not ("bin unsaid" in one.oddities and one.number in made.labels_only)
    }
    assert not failed & sound, [rows[one]["error"] for one in failed & sound][:3]


def test_part_has_geometry(undisturbed: Path):
    pointing = Counter(table(undisturbed, "products")["pointing"].to_pylist())
    assert pointing["all"] > 0.05 * NUMBER
    assert pointing["none"] > 0.05 * NUMBER


def test_each_spectrum_has_one_primary_row(undisturbed: Path):
    spectra = table(undisturbed, "spectra")
    products = table(undisturbed, "products")
    primary = spectra.filter(spectra["primary"])
    assert primary.num_rows == pa.compute.sum(products["spectra"]).as_py()
    keys = ["product", "window", "pic", "pixel"]
    assert primary.group_by(keys).aggregate([]).num_rows == primary.num_rows
    counted = primary.group_by("product").aggregate([([], "count_all")])
    told = {row["product"]: row["spectra"] for row in products.to_pylist()}
    assert all(told[row["product"]] == row["count_all"] for row in counted.to_pylist())


def finished(out: Path) -> int:
    staged = len(list((out / staging.FOLDER).glob("*.parquet")))
    there = (out / "catalogue.json").is_file()
    return staged + (sum(file.rows for file in store.read(out).products) if there else 0)


@pytest.fixture(scope="module")
def disturbed(made: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver is killed after a quarter, then a worker, and then built to its end."""
    import dask
    from distributed import Client, LocalCluster

    out = tmp_path_factory.mktemp("disturbed") / "c"
    words = ["catalogue", "build", str(made.root), "--out", str(out), "--workers", "2"]
    words += ["--kernels", str(made.kernels)]
    driver = subprocess.Popen(
        [sys.executable, "-c", "from uvisxr.cli import main; main()", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: finished(out) > NUMBER // 4, "a quarter", _LONG)
    finally:
        driver.kill()
        driver.wait()
    assert finished(out) < 0.9 * NUMBER
    killed: list[int] = []
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 2}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):

        def kill() -> None:
            wait_for(lambda: finished(out) > NUMBER // 2, "half", _LONG)
            busy: list[str] = []
            while not busy:
                busy = sorted(worker for worker, keys in client.processing().items() if keys)
            pid = client.run(os.getpid, workers=busy[:1])[busy[0]]
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

        killer = threading.Thread(target=kill)
        killer.start()
        build(made, out, client=client)
        killer.join()
    assert killed
    return out


def test_killed_and_built_again_it_is_the_same(undisturbed: Path, disturbed: Path):
    assert_same(disturbed, undisturbed)


def test_changes_are_followed(made: Archive, undisturbed: Path, disturbed: Path, tmp_path: Path):
    """One product is replaced, one removed, and the data of one come; after the tests above."""
    at = [k for k in range(NUMBER) if made.products[k].damage == "" and k % 3 == 0]
    others = [k for k in range(NUMBER) if made.products[k].damage == "" and k % 3]
    (_, gone), (changed, place), (come, _) = made.of(at[0]), made.of(at[-1]), made.of(others[0])
    for path in gone.parent.glob(f"{gone.stem}.*"):
        path.unlink()
    other = replace(changed, samples=changed.samples + 1)
    for path in place.parent.glob(f"{place.stem}.*"):
        path.unlink()
    archive_files.write(made.root, [other, come])
    summary = build(made, disturbed, workers=1)
    assert (summary.done, summary.removed) == (2, 1)
    build(made, tmp_path / "fresh", workers=2)
    assert_same(disturbed, tmp_path / "fresh")
    rows = {row["label"]: row for row in table(disturbed, "products").to_pylist()}
    assert str(gone) not in rows
    assert rows[str(place)]["exposures"] == other.samples
