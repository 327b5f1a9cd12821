"""The tables of a catalogue on disk: held against dicts, killed at any moment, damaged."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import catalogues, lockless
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uvisxr import files
from uvisxr.catalogue import schema, snapshot, sorting, store, tables
from uvisxr.errors import CatalogueError, ExportError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
duckdb = pytest.importorskip("duckdb")

#: What tells a row of a table of spectra from all others.
KEY = list(schema.KEYS["spectra"])


def rows(files: tuple[store.File, ...], table: schema.Table) -> list[dict[str, Any]]:
    """All rows of a table, in the order of their keys, read by pyarrow alone."""
    found = [row for file in files for row in pq.read_table(file.path).to_pylist()]
    return sorted(found, key=lambda row: tuple(row[key] for key in schema.KEYS[table]))


def expected(table: Any, name: schema.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: tuple(row[key] for key in schema.KEYS[name]))


def held(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    now = store.read(folder)
    return rows(now.products, "products"), rows(now.spectra, "spectra")


def on_disk(folder: Path) -> set[Path]:
    return set(folder.rglob("*.parquet"))


def named(folder: Path) -> set[Path]:
    return {file.path for file in store.read(folder).files}


def few(products: int = 3, seed: int = 0, first: int = 0) -> tuple[Any, Any]:
    return catalogues.tables(products, 2, 3, seed, first)


def put(writer: store.Writer, first: int = 0) -> None:
    products, spectra = few(first=first)
    writer.commit(products, [spectra])


def test_what_is_put_in_comes_out(tmp_path: Path):
    products, spectra = few(20)
    with store.Writer(tmp_path / "c") as writer:
        assert writer.snapshot.number == 0
        writer.commit(products, [spectra])
    told = store.read(tmp_path / "c")
    assert told.number == 1
    assert rows(told.products, "products") == expected(products, "products")
    assert rows(told.spectra, "spectra") == expected(spectra, "spectra")


def test_files_say_what_is_in_them(tmp_path: Path):
    products, spectra = few(20)
    with store.Writer(tmp_path) as writer:
        writer.commit(products, [spectra])
    for file in store.read(tmp_path).spectra:
        table = pq.read_table(file.path)
        assert table.schema.equals(schema.of("spectra"), check_metadata=True)
        assert (file.rows, file.size) == (table.num_rows, file.path.stat().st_size)
        assert {*table["body"].to_pylist()} == {file.body}
        assert {*table["channel"].to_pylist()} == {file.channel}
        frame = table.to_pandas()
        for name in ("time", "alt", "lat", "phase", "distance"):
            known = frame[name].dropna()
            if known.empty:
                assert name not in file.low
                continue
            low, high = known.min(), known.max()
            if name == "time":
                low, high = low.to_datetime64(), high.to_datetime64()
            assert (file.low[name], file.high[name]) == (low, high), name
        assert file.low["product"] == min(frame["product"])
        body = file.body or "__HIVE_DEFAULT_PARTITION__"
        assert file.path.parent == tmp_path / f"spectra/body={body}/channel={file.channel}"
    (file,) = store.read(tmp_path).products
    assert file.low["time_start"] == min(products["time_start"].to_numpy())


def test_names_are_no_paths(tmp_path: Path):
    products, spectra = few(1)
    place = spectra.column_names.index("body")
    odd = "../../S RINGS/%2A*"
    body = pa.array([odd] * spectra.num_rows).dictionary_encode()
    with store.Writer(tmp_path / "c") as writer:
        writer.commit(products, [spectra.set_column(place, spectra.schema.field("body"), body)])
    (file,) = store.read(tmp_path / "c").spectra
    assert file.body == odd
    assert file.path.parent.parent.parent == tmp_path / "c/spectra"


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(
        st.tuples(
            st.dictionaries(st.integers(0, 7), st.integers(0, 3), max_size=4),
            st.sets(st.integers(0, 7), max_size=2),
            st.booleans(),
        ),
        max_size=14,
    )
)
def test_any_changes_are_those_of_a_dict(tmp_path_factory: pytest.TempPathFactory, changes: Any):
    """Products by number, each in some state, added, replaced and removed."""
    folder = tmp_path_factory.mktemp("c")
    model: dict[int, tuple[Any, Any]] = {}

    def product(number: int, state: int) -> tuple[Any, Any]:
        return few(1, seed=state, first=number)

    names: dict[int, set[str]] = {}
    for added, removed, reopened in changes:
        made = {number: product(number, state) for number, state in added.items()}
        gone = {name for number in removed | added.keys() for name in names.get(number, ())}
        for number in removed:
            model.pop(number, None)
        model |= made
        for number, (products, _) in made.items():
            names.setdefault(number, set()).update(products["product"].to_pylist())
        products = [p for p, _ in made.values()] or [schema.of("products").empty_table()]
        with store.Writer(folder) as writer:
            writer.commit(
                pa.concat_tables(products).unify_dictionaries(), [s for _, s in made.values()], gone
            )
            if reopened:
                writer.compact()
    if changes:
        told = [pa.concat_tables(some) for some in zip(*model.values(), strict=True)]
        wanted = [
            expected(table, name) for table, name in zip(told, schema.TABLES, strict=False)
        ] or [[], []]
        assert [*held(folder)] == wanted


def test_others_files_stay_as_they_are(tmp_path: Path):
    """Replacing a product writes only files that have its rows."""
    with store.Writer(tmp_path) as writer:
        for first in (0, 100):
            writer.commit(*[part if k == 0 else [part] for k, part in enumerate(few(5, 0, first))])
        before = named(tmp_path)
        products, spectra = few(1, first=100)
        name = products["product"].to_pylist()[0]
        having = {
            path
            for path in before
            if name in pq.read_table(path, columns=["product"])["product"].to_pylist()
        }
        writer.commit(products, [spectra])
        after = named(tmp_path)
    assert 2 <= len(having) < len(before)
    assert before - after == having


def test_removing_all_leaves_an_empty_catalogue(tmp_path: Path):
    products, spectra = few(4)
    with store.Writer(tmp_path) as writer:
        writer.commit(products, [spectra])
        nothing = schema.of("products").empty_table()
        writer.commit(nothing, [], products["product"].to_pylist())
    assert store.read(tmp_path).files == ()


def test_files_of_the_snapshot_before_stay(tmp_path: Path):
    with store.Writer(tmp_path) as writer:
        kept = []
        for state in range(5):
            products, spectra = few(2)
            writer.commit(products, [spectra])
            kept.append({file.path for file in writer.snapshot.files})
            there = on_disk(tmp_path)
            assert there >= kept[-1]
            if state:
                assert there >= kept[-2]
            # They go when the next change begins.
            if state > 2:
                assert not there & kept[-4]
    with store.Writer(tmp_path):
        assert on_disk(tmp_path) == kept[-1] | kept[-2]


@pytest.mark.slow
def test_many_commits_are_merged(tmp_path: Path):
    parts = [few(3, first=10 * number) for number in range(30)]
    with store.Writer(tmp_path) as writer:
        for products, spectra in parts:
            writer.commit(products, [spectra])
            kinds = [(file.body, file.channel) for file in writer.snapshot.spectra]
            assert max(kinds.count(kind) for kind in kinds) <= 8
            assert len(writer.snapshot.products) <= 8
        writer.compact()
        assert len(writer.snapshot.files) < 40
    assert held(tmp_path) == (
        expected(pa.concat_tables([p for p, _ in parts]), "products"),
        expected(pa.concat_tables([s for _, s in parts]), "spectra"),
    )
    assert not list(tmp_path.glob(".sorting-*"))


@pytest.mark.slow
def test_each_row_is_written_a_few_times_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written: list[int] = []
    real = tables.write

    def write(*arguments: Any, **more: Any) -> list[store.File]:
        files = real(*arguments, **more)
        written.append(sum(file.rows for file in files if arguments[1] == "spectra"))
        return files

    monkeypatch.setattr(tables, "write", write)
    total = 0
    with store.Writer(tmp_path) as writer:
        for number in range(100):
            products, spectra = few(2, first=10 * number)
            total += spectra.num_rows
            writer.commit(products, [spectra])
    assert sum(written) < 5 * total


class TestOrder:
    """Rows lie so that questions skip most groups of them."""

    @pytest.fixture
    def spectra(self) -> Any:
        _, spectra = catalogues.tables(200, 4, 60)
        kinds = spectra.to_pandas()
        return spectra.filter(pa.array((kinds.body == "TITAN") & (kinds.channel == "FUV")))

    def test_merged_files_are_in_the_order_of_one_sorted_at_once(
        self, spectra: Any, tmp_path: Path
    ):
        halves = [spectra.slice(0, 5000), spectra.slice(5000)]
        files = [
            file
            for k, half in enumerate(halves)
            for file in tables.write(
                [sorting.in_order(half)], "spectra", tmp_path, str(k), "TITAN", "FUV"
            )
        ]
        with sorting.merged(files, tmp_path, 1000) as batches:
            merged = pa.Table.from_batches(batches)
        at_once = sorting.in_order(spectra)
        assert merged.select(KEY).to_pylist() == at_once.select(KEY).to_pylist()

    def test_a_sequence_is_in_nearby_places(self, spectra: Any):
        """Of 32 equal parts of the rows, few can hold what looked at a place at the limb."""
        rows = sorting.in_order(spectra)
        size = -(-rows.num_rows // 32)
        met = 0
        for start in range(0, rows.num_rows, size):
            part = rows.slice(start, size).to_pandas()
            low, high = part.min(numeric_only=True), part.max(numeric_only=True)
            asked = {"alt": (800, 1000), "lat": (60, 90), "phase": (0, 60)}
            met += "LOW_RESOLUTION" in set(part.slit) and all(
                low[name] <= end and high[name] >= begin for name, (begin, end) in asked.items()
            )
        assert met <= 8

    def test_halves_along_each_column_in_turn(self):
        """Of rows on a grid beside a body, the first half has the lower altitudes, its first half
        the lower latitudes, and of that the first half the lower phases."""
        alt, lat, phase = (a.ravel() for a in np.meshgrid(*[np.arange(8.0)] * 3, indexing="ij"))
        unknown = np.full(512, np.nan)
        values = {
            "slit": np.zeros(512, int),
            "on_disk": np.zeros(512, int),
            "alt": alt,
            "lat": lat,
            "phase": phase,
            "time": np.zeros(512, int),
            **dict.fromkeys(("lon", "ra", "dec"), unknown),
        }
        order = np.argsort(sorting.places(values, sorting.quantiles(values, 512)), kind="stable")
        assert {*alt[order[:256]]} == {0, 1, 2, 3}
        assert {*lat[order[:128]]} == {0, 1, 2, 3}
        assert {*phase[order[:64]]} == {0, 1, 2, 3}

    def test_many_rows_lie_in_stretches_of_time(
        self, spectra: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """Of which each is as long, and in the order of few rows."""
        size = spectra.num_rows // 4
        monkeypatch.setattr(sorting, "_STRETCH", size)
        rows = sorting.in_order(spectra)
        bounds = np.quantile(spectra["time"].to_numpy().astype(float), [0.25, 0.5, 0.75])
        stretch = np.searchsorted(bounds, rows["time"].to_numpy().astype(float), side="right")
        assert (np.diff(stretch) >= 0).all()
        assert np.bincount(stretch).min() > 0.2 * rows.num_rows
        slits = rows.filter(pa.array(stretch == 2))["slit"].cast("string").to_pylist()
        assert len([*itertools.groupby(slits)]) <= 9
        files = tables.write([spectra], "spectra", tmp_path, "0", "TITAN", "FUV")
        with sorting.merged(files, tmp_path, 1000) as batches:
            merged = pa.Table.from_batches(batches)
        assert merged.select(KEY).to_pylist() == rows.select(KEY).to_pylist()

    def test_slits_and_kinds_are_apart(self, spectra: Any):
        rows = sorting.in_order(spectra).to_pandas()
        kinds = list(zip(rows.slit, rows.on_disk.astype(str), strict=True))
        changes = sum(one != other for one, other in itertools.pairwise(kinds))
        assert changes == len({*kinds}) - 1


# --- Two at once ------------------------------------------------------------------------------


def test_a_second_writer_is_told_who_writes(tmp_path: Path):
    with (
        store.Writer(tmp_path) as writer,
        pytest.raises(CatalogueError, match=rf"written by process {os.getpid()} of .*wait for it"),
    ):
        store.Writer(tmp_path)
    with store.Writer(tmp_path) as writer:
        writer.commit(*[part if k == 0 else [part] for k, part in enumerate(few())])


@pytest.mark.slow
def test_a_writer_that_was_killed_holds_nothing(tmp_path: Path):
    code = (
        "import os, signal, sys\nfrom uvisxr.catalogue import store\n"
        "writer = store.Writer(sys.argv[1])\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with store.Writer(tmp_path) as writer:
        assert writer.snapshot.number == 0


def test_a_second_writer_where_the_system_knows_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lockless.unknown(monkeypatch)
    beside = tmp_path / "catalogue.lock.held"
    with store.Writer(tmp_path) as writer:
        with pytest.raises(
            CatalogueError, match=rf"written by process {os.getpid()} .*if it has ended, remove"
        ):
            store.Writer(tmp_path)
        put(writer)
    assert not beside.exists()


def test_a_writer_elsewhere_that_ended_is_for_the_user_to_tell(tmp_path: Path):
    """Killed before there was a catalogue, on another computer without locks."""
    (tmp_path / "catalogue.lock").touch()
    beside = tmp_path / "catalogue.lock.held"
    beside.write_text(f"{'0' * 16} process 7 of me on node\n")
    with pytest.raises(CatalogueError, match=f"process 7 of me on node: .*remove {beside}"):
        store.Writer(tmp_path)
    beside.unlink()
    with store.Writer(tmp_path) as writer:
        put(writer)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_two_writers_where_locks_hold_on_one_computer_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
):
    """The first may no longer publish; the second's rows stay."""
    lockless.local(monkeypatch)
    first = store.Writer(tmp_path)
    products, spectra = few()

    def taken() -> Any:
        with store.Writer(tmp_path) as second:
            put(second, first=3)
        yield spectra

    given = taken() if when == "meanwhile" else list(taken())
    with pytest.raises(CatalogueError, match="run the same command again"):
        first.commit(products, given)
    first.close()
    assert len(held(tmp_path)[0]) == 3
    with store.Writer(tmp_path) as again:
        put(again)
    assert len(held(tmp_path)[0]) == 6


def test_a_catalogue_that_another_process_changed_is_not_published_over(tmp_path: Path):
    with store.Writer(tmp_path) as writer:
        before = writer.snapshot
        put(writer)
        writer.snapshot = before
        with pytest.raises(CatalogueError, match=r"another process has changed .* what it wrote"):
            put(writer, first=3)
    assert len(held(tmp_path)[0]) == 3


def test_a_lock_that_is_gone_is_told(tmp_path: Path):
    products, spectra = few()
    with store.Writer(tmp_path) as writer:
        (tmp_path / "catalogue.lock").unlink()
        with pytest.raises(CatalogueError, match="was deleted or replaced"):
            writer.commit(products, [spectra])


def test_a_lock_that_is_a_link_is_not_written_to(tmp_path: Path):
    mine = tmp_path / "mine"
    mine.write_text("my thoughts")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/catalogue.lock").symlink_to(mine)
    with pytest.raises(CatalogueError, match="is a link"):
        store.Writer(tmp_path / "c")
    assert mine.read_text() == "my thoughts"


def test_a_reader_keeps_what_it_has(tmp_path: Path):
    products, spectra = few(5)
    with store.Writer(tmp_path) as writer:
        writer.commit(products, [spectra])
        held_by_reader = store.read(tmp_path)
        writer.commit(schema.of("products").empty_table(), [], products["product"].to_pylist())
        assert rows(held_by_reader.spectra, "spectra") == expected(spectra, "spectra")
        assert store.read(tmp_path).files == ()


# --- Killed at any moment ----------------------------------------------------------------------

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from helpers import catalogues
from uvisxr.catalogue import store
print("ready", flush=True)
with store.Writer(sys.argv[1]) as writer:
    for number in range(writer.snapshot.number and int(sys.argv[3]), 12):
        products, spectra = catalogues.tables(2, 2, 3, 0, 10 * number)
        writer.commit(products, [spectra])
        print(number, flush=True)
    writer.compact()
print("end", flush=True)
"""


def written(folder: Path, first: int, seconds: float | None) -> None:
    """Let a process write the catalogue from some product on, and kill it after a while."""
    helpers = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), helpers, str(first)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    if seconds is None:
        assert process.wait() == 0
    else:
        time.sleep(seconds)
        process.kill()
        process.wait()
    process.stdout.close()


@pytest.mark.slow
def test_killed_at_any_moment_it_is_readable_and_goes_on(tmp_path: Path):
    written(tmp_path / "undisturbed", 0, None)
    wanted = held(tmp_path / "undisturbed")
    draw = random.Random(0)
    folder = tmp_path / "killed"
    kills = 0
    for _ in range(40):
        if (folder / "catalogue.json").is_file():
            products, spectra = held(folder)
            numbers = {int(row["product"][3:]) // 10 for row in products}
            first = len(numbers)
            # What is there is the first so many commits, whole.
            assert numbers == {*range(first)}
            names = {row["product"] for row in products}
            assert spectra == [row for row in wanted[1] if row["product"] in names]
            assert products == [row for row in wanted[0] if row["product"] in names]
            if first == 12:
                shutil.rmtree(folder)
                continue
        else:
            first = 0
        written(folder, first, draw.uniform(0, 0.6))
        kills += 1
    assert kills > 10
    # The last may have been killed before there was a catalogue.
    there = held(folder)[0] if (folder / "catalogue.json").is_file() else []
    written(folder, len({int(row["product"][3:]) // 10 for row in there}), None)
    assert held(folder) == wanted
    with store.Writer(folder) as writer:
        two = {file.path for file in writer.snapshot.files} | {*writer.snapshot.before}
        assert on_disk(folder) == two
    assert not list(folder.rglob("*.part"))
    assert not list(folder.glob(".sorting-*"))


# --- What is wrong with a catalogue ------------------------------------------------------------


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    products, spectra = few()
    with store.Writer(tmp_path / "c") as writer:
        writer.commit(products, [spectra])
    return tmp_path / "c"


def test_no_catalogue(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(CatalogueError, match=r"there is no catalogue in .*catalogue build"):
            store.read(folder)


def test_a_newer_catalogue(sound: Path):
    path = sound / "catalogue.json"
    told = json.loads(path.read_text())
    for version, mend in ((schema.VERSION + 1, "pip install -U"), (0, "build the catalogue again")):
        path.write_text(json.dumps(told | {"schema": version, "products": "of another form"}))
        with pytest.raises(CatalogueError, match=mend):
            store.read(sound)
        with pytest.raises(CatalogueError, match=mend):
            store.Writer(sound)


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told | {"format": "something else"},
        lambda told: told | {"schema": "1"},
        lambda told: told | {"number": -1},
        lambda told: told | {"products": {}},
        lambda told: told | {"spectra": [1]},
        lambda told: {key: value for key, value in told.items() if key != "before"},
        lambda told: told | {"before": ["../../etc/passwd"]},
        lambda told: told | {"before": ["spectra/body=A/channel=../0.parquet"]},
        lambda told: _first(told, path="/etc/passwd"),
        lambda told: _first(told, path="products/../../" + "0" * 32 + ".parquet"),
        lambda told: _first(told, rows=1.5),
        lambda told: _first(told, rows=True),
        lambda told: _first(told, low={"no column": 1}),
        lambda told: _first(told, low={"lat": 1}, high={}),
        lambda told: _first(told, low={"time": "yesterday"}),
        lambda told: _first(told, low={"time": 3}),
        lambda told: _first(told, **{k: {"time": "2005-01-01T00:00:00Z"} for k in ("low", "high")}),
        lambda told: told | {"spectra": told["spectra"][:1] * 2},
        lambda told: _first(told, low={"lat": "north"}),
        lambda told: _first(told, body=None),
        lambda told: _first(told, body="MARS"),
        lambda told: _first(told, channel="HSP"),
        lambda told: [told],
        lambda told: None,
    ],
)
def test_a_damaged_list(sound: Path, damage: Any):
    path = sound / "catalogue.json"
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(CatalogueError, match=r"catalogue\.json.*build the catalogue again"):
        store.read(sound)


def _first(told: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return told | {"spectra": [told["spectra"][0] | changes, *told["spectra"][1:]]}


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": "uvisxr catalogue"}', b"NaN"]
)
def test_a_list_that_is_none(sound: Path, raw: bytes):
    (sound / "catalogue.json").write_bytes(raw)
    with pytest.raises(CatalogueError, match="put back the files from a copy"):
        store.read(sound)


def test_missing_and_cut_files(sound: Path):
    path = store.read(sound).spectra[0].path
    raw = path.read_bytes()
    path.write_bytes(raw[:-1])
    with pytest.raises(CatalogueError, match=rf"has {len(raw) - 1} bytes and not {len(raw)}"):
        store.read(sound)
    path.unlink()
    with pytest.raises(CatalogueError, match=r"is damaged: .*No such file"):
        store.read(sound)


@pytest.mark.parametrize("what", ["products", "catalogue.json", ""])
def test_what_the_system_refuses_is_not_called_damaged(
    sound: Path, monkeypatch: pytest.MonkeyPatch, what: str
):
    place = sound / what
    looked, opened = Path.stat, files.opened

    def refuse(path: Any) -> None:
        within = place in (Path(path), *Path(path).parents)
        if within and Path(path) != sound:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def stat(path: Path, **named: Any) -> Any:
        if what != "catalogue.json":
            refuse(path)
        return looked(path, **named)

    def opening(path: Any, *more: Any, **named: Any) -> Any:
        refuse(path)
        return opened(path, *more, **named)

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(files, "opened", opening)
    if not what:
        monkeypatch.setattr(files, "is_file", lambda path: False)
    with pytest.raises(CatalogueError, match=r"Permission denied.*does not mean.*permissions"):
        store.read(sound)


@pytest.mark.parametrize("part", ["spectra", "products"])
def test_a_damaged_file(sound: Path, part: str):
    file = getattr(store.read(sound), part)[0]
    raw = bytearray(file.path.read_bytes())
    raw[4:-8] = bytes(len(raw) - 12)
    file.path.write_bytes(raw)
    products, spectra = few()
    with store.Writer(sound) as writer, pytest.raises(CatalogueError, match=file.path.name):
        writer.commit(products, [spectra])


def test_rows_of_a_damaged_file_are_not_copied(tmp_path: Path):
    """A turned bit may give other numbers, of which a reader says nothing."""
    with store.Writer(tmp_path) as writer:
        for number in range(3):
            products, spectra = few(3, first=10 * number)
            writer.commit(products, [spectra])
        before = writer.snapshot
        # Nobody reads the word that begins a file.
        for file in before.files:
            raw = file.path.read_bytes()
            file.path.write_bytes(b"PAR2" + raw[4:])
        gone = products["product"].to_pylist()
        for change in (
            writer.compact,
            lambda: writer.commit(few(1, first=50)[0], [], gone),
            lambda: writer.move({gone[0]: ("/a", "")}),
        ):
            with pytest.raises(CatalogueError, match="another SHA-256"):
                change()
        assert store.read(tmp_path) == before


def test_a_wrong_number_of_rows_is_found(sound: Path):
    path = sound / "catalogue.json"
    path.write_text(json.dumps(_first(json.loads(path.read_text()), rows=1)))
    why = snapshot.fault(store.read(sound).spectra[0])
    assert why is not None and "rows and not 1" in why


def test_merging_damaged_files(tmp_path: Path):
    with store.Writer(tmp_path) as writer:
        for number in range(3):
            products, spectra = few(3, first=10 * number)
            writer.commit(products, [spectra])
        file = writer.snapshot.spectra[0]
        raw = bytearray(file.path.read_bytes())
        raw[4:-8] = bytes(len(raw) - 12)
        file.path.write_bytes(raw)
        before = writer.snapshot
        with pytest.raises(CatalogueError, match="cannot read"):
            writer.compact()
        assert store.read(tmp_path) == before


def test_a_folder_of_something_else_stays(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("my")
    with pytest.raises(CatalogueError, match=r"not empty: it holds 'thesis.tex'"):
        store.Writer(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path):
    (tmp_path / "c").write_text("my")
    with pytest.raises(ExportError, match="choose another --out"):
        store.Writer(tmp_path / "c")


def test_own_files_in_the_folder_stay(sound: Path):
    mine = [sound / "notes.txt", sound / "products/mine.parquet", sound / "spectra/x.parquet"]
    for path in mine:
        path.write_text("my")
    with store.Writer(sound) as writer:
        products, spectra = few(seed=1)
        writer.commit(products, [spectra])
        writer.commit(products, [spectra])
    assert all(path.read_text() == "my" for path in mine)


def test_a_full_disk_leaves_it_as_it_was(sound: Path, monkeypatch: pytest.MonkeyPatch):
    before = store.read(sound)
    real, count = tables._to_disk, []

    def full(path: Path) -> None:
        count.append(path)
        if len(count) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path)

    monkeypatch.setattr(tables, "_to_disk", full)
    products, spectra = few(4, first=50)
    with store.Writer(sound) as writer, pytest.raises(ExportError, match="free some space"):
        writer.commit(products, [spectra])
    assert store.read(sound) == before
    monkeypatch.undo()
    with store.Writer(sound) as writer:
        writer.commit(products, [spectra])
        named_now = {file.path for file in writer.snapshot.files}
    assert on_disk(sound) == named_now | {*store.read(sound).before}


def test_a_folder_that_cannot_be_written(sound: Path, monkeypatch: pytest.MonkeyPatch):
    real = os.open

    def read_only(path: Any, flags: int, *more: Any, **others: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *more, **others)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(ExportError, match="Read-only file system; choose another --out"):
        store.Writer(sound)
    assert store.read(sound).number == 1


@pytest.mark.slow
def test_a_full_disk_for_real(tmp_path: Path):
    """Each commit is there as a whole or not at all, on a file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        parts: list[tuple[Any, Any]] = []
        with (
            store.Writer(folder / "c") as writer,
            pytest.raises(ExportError, match=r"No space left on device .* free some space"),
        ):
            while True:
                parts.append(catalogues.tables(5, 4, 20, first=10 * len(parts)))
                writer.commit(parts[-1][0], [parts[-1][1]])
        there = len(held(folder / "c")[0]) // 5
        assert len(parts) - 1 <= there <= len(parts)
        assert held(folder / "c") == (
            expected(pa.concat_tables([p for p, _ in parts[:there]]), "products"),
            expected(pa.concat_tables([s for _, s in parts[:there]]), "spectra"),
        )
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_rows_are_merged_with_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """And what does not fit into it goes to the folder of the catalogue, not to that of others."""
    monkeypatch.setattr(sorting, "_MEMORY", "60MB")
    parts = [catalogues.tables(20, 10, 60, first=100 * k) for k in range(3)]
    with store.Writer(tmp_path) as writer:
        for products, spectra in parts:
            writer.commit(products, [spectra])
        before = writer.snapshot
        writer.compact()
        files = writer.snapshot.spectra
    assert len(files) < len(before.spectra) / 2
    assert sum(file.rows for file in files) == 3 * 20 * 10 * 60
    assert not list(tmp_path.glob(".*"))
    # With less, it says so, and nothing is lost.
    monkeypatch.setattr(sorting, "_MEMORY", "1MB")
    with store.Writer(tmp_path) as writer:
        for _ in range(2):
            products, spectra = parts[0]
            writer.commit(products, [spectra])
        products, spectra = catalogues.tables(20, 10, 60, first=500)
        writer.commit(products, [spectra])
        before = writer.snapshot
        with pytest.raises(ExportError, match=r"no space to sort \d+ rows"):
            writer.compact()
    assert store.read(tmp_path) == before
    assert not list(tmp_path.glob(".*"))


def test_other_tables_are_refused(tmp_path: Path):
    products, spectra = few()
    with store.Writer(tmp_path) as writer:
        with pytest.raises(CatalogueError, match="other columns"):
            writer.commit(products.drop_columns(["label"]), [spectra])
        with pytest.raises(CatalogueError, match="twice"):
            writer.commit(pa.concat_tables([products, products]), [])
        with pytest.raises(CatalogueError, match="not given"):
            writer.commit(products.slice(0, 1), [spectra])
        assert store.read(tmp_path).files == ()


def test_without_the_libraries_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from uvisxr.errors import MissingDependencyError

    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "uvisxr\[catalogue\]"'):
        store.Writer(tmp_path)


def test_a_path_of_each_body_is_one_that_is_read():
    for body in ("TITAN", "", "S RINGS", "../..", "Ä*", "A" * 60):
        path = f"{snapshot.place('spectra', body, 'FUV')}/{'0' * 32}.parquet"
        assert snapshot._path(path, "spectra") == path
