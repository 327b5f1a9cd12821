"""A small archive on loopback: volumes found by their indices, products whole or not at all."""

from __future__ import annotations

import csv
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.loopback import Cut, Server, Stall, Status, folder, serve
from helpers.products import write_product
from helpers.volume import index_row, write_index

import uvisxr
from uvisxr import fetch, transfer
from uvisxr.calibration import download, files, formats, known
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, FetchError, NotFoundError, UvisError, UvisWarning
from uvisxr.pds3 import archive
from uvisxr.pds3.archive import Archive

#: Products of a few volumes. The day 2005-182 is shared by the volumes 11 and 12.
PRODUCTS = {
    10: ["FUV2005_001_10_00", "EUV2005_001_10_00", "HSP2005_045_01_01", "FUV2005_090_23_59"],
    11: ["FUV2005_091_00_10", "FUV2005_182_01_00"],
    12: ["FUV2005_182_13_00", "FUV2005_230_15_15", "EUV2005_230_15_15"],
    27: ["FUV2009_173_15_16", "HDAC2009_173_15_16_31", "FUV2009_181_23_00"],
    60: ["FUV2017_258_07_15"],
}
MATRICES = {"FUV2005_230_15_15": 3, "FUV2009_173_15_16": 5}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the archive by their path below COUVIS_0xxx."""
    root = tmp_path_factory.mktemp("COUVIS_0xxx")
    for number, names in PRODUCTS.items():
        volume = root / f"COUVIS_{number:04}"
        for name in names:
            if name[:3] in ("EUV", "FUV"):
                write_product(volume / "DATA" / f"D{name[3:11]}", name, band_bin=32)
            if name in MATRICES:
                version = MATRICES[name]
                place = volume / "CALIB" / f"VERSION_{version}" / f"D{name[3:11]}"
                write_product(place, f"{name}_CAL_{version}", band_bin=32)
        # As in the archive, rows are not in time order.
        write_index(volume, [index_row(volume.name, name) for name in reversed(names)])
    return folder(root)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "download", partial(fetch.download, wait=0.01, timeout=0.3))


@contextmanager
def served(tree, tmp_path: Path, faults=None) -> Iterator[tuple[Archive, Server]]:
    with serve(tree, faults) as server:
        yield Archive(server.url, tmp_path / "cache"), server


def volumes_asked(server: Server) -> list[str]:
    return [path[:11] for path, _ in server.requests if path.endswith("INDEX.LBL")]


def test_product_with_its_matrix(tree, quick, tmp_path: Path):
    with served(tree, tmp_path) as (remote, server):
        found = remote.product("FUV2009_173_15_16")
    place = "COUVIS_0027/DATA/D2009_173/FUV2009_173_15_16"
    assert found["label"] == tmp_path / "cache" / f"{place}.LBL"
    assert found["label"].read_bytes() == tree[f"{place}.LBL"]
    assert found["data"].read_bytes() == tree[f"{place}.DAT"]
    assert found["matrix"].name == "FUV2009_173_15_16_CAL_5.LBL"
    matrix = f"COUVIS_0027/CALIB/VERSION_5/D2009_173/{found['matrix'].stem}.DAT"
    assert found["matrix"].with_suffix(".DAT").read_bytes() == tree[matrix]
    assert volumes_asked(server) == ["COUVIS_0027"]
    assert uvisxr.open_product(found["label"]).sizes == {"pic": 1, "pixel": 60, "wl": 32, "bnds": 2}


def test_what_is_there_is_not_asked_for(tree, quick, tmp_path: Path):
    with served(tree, tmp_path) as (remote, server):
        first = remote.product("FUV2005_230_15_15")
        count = len(server.requests)
        again = Archive(server.url, tmp_path / "cache").product("fuv2005_230_15_15")
        assert len(server.requests) == count
    assert again == first
    assert first["matrix"].name == "FUV2005_230_15_15_CAL_3.LBL"


@pytest.mark.parametrize("name", [n for names in PRODUCTS.values() for n in names])
def test_every_product_is_located(tree, quick, tmp_path: Path, name: str):
    (volume,) = (number for number, names in PRODUCTS.items() if name in names)
    with served(tree, tmp_path) as (remote, server):
        path = remote.locate(name)
    assert str(path) == f"COUVIS_{volume:04}/DATA/D{path.parent.name[1:]}/{name}.LBL"
    assert len(volumes_asked(server)) <= 2


@pytest.mark.parametrize(
    ("day", "volume"),
    # First and last days of volumes as the archive has them, and days before and after it.
    [("2005_001", 10), ("2005_365", 13), ("2009_173", 27), ("2017_258", 60), ("1999_007", 1)],
)
def test_the_first_guess(day: str, volume: int):
    assert abs(archive._likely_volume(day) - volume) <= 1


def test_a_product_that_no_volume_holds(tree, quick, tmp_path: Path):
    message = r"no volume .* holds HSP2005_045_01_02; .* there are HSP2005_045_01_01"
    with served(tree, tmp_path) as (remote, server):
        with pytest.raises(FetchError, match=message):
            remote.locate("HSP2005_045_01_02")
        # The day lies within this volume: there is no need to look into the others.
        assert volumes_asked(server) == ["COUVIS_0010"]


def test_the_later_of_two_volumes_counts(tmp_path: Path, quick, data: Path):
    """Rows of products that lie in two volumes, as the archive has them."""
    with (data / "archive" / "COUVIS_0xxx_duplicates.csv").open() as stream:
        files = [row["FILE_NAME"].split("/") for row in csv.DictReader(stream)]
    root = tmp_path / "COUVIS_0xxx"
    volumes: dict[str, list[str]] = {}
    for _, volume, _, _, file in files:
        later = f"COUVIS_{int(volume[-4:]) + 1:04}"
        for name in (volume, later):
            volumes.setdefault(name, []).append(Path(file).stem)
    # The latest volumes do not end with what they share.
    for name in ("COUVIS_0006", "COUVIS_0010", "COUVIS_0013"):
        volumes[name].append("FUV2017_001_00_00")
    for name, products in volumes.items():
        write_index(root / name, [index_row(name, product) for product in products])
    with served(folder(root), tmp_path) as (remote, _):
        for _, volume, _, _, file in files:
            expected = int(volume[-4:]) + 1
            assert remote.locate(Path(file).stem).parts[0] == f"COUVIS_{expected:04}", file


def test_identifiers_of_others(tree, quick, tmp_path: Path):
    with served(tree, tmp_path) as (remote, _):
        found = remote.product("co-uvis-fuv2005_230_15_15", matrix=False)
        assert remote.cached("FUV2005_230_15_15") == found["label"]
        assert remote.cached("FUV2009_173_15_16") is None


def test_no_product_identifier(tmp_path: Path):
    for name in ("FUV2005", "../FUV2005_230_15_15", "FUV2005_230_15_15.LBL", ""):
        with pytest.raises(ArgumentError, match="is not a UVIS product identifier"):
            Archive("http://127.0.0.1:1/", tmp_path).locate(name)


def test_side_by_side_in_a_folder(tree, quick, tmp_path: Path):
    with served(tree, tmp_path) as (remote, _):
        remote.product("FUV2005_230_15_15", tmp_path / "here")
    names = ("FUV2005_230_15_15", "FUV2005_230_15_15_CAL_3")
    expected = {f"{name}{ending}" for name in names for ending in (".LBL", ".DAT")}
    assert {path.name for path in (tmp_path / "here").iterdir()} == expected


def test_without_a_matrix(tree, quick, tmp_path: Path):
    with served(tree, tmp_path) as (remote, server):
        with pytest.warns(UvisWarning, match="COUVIS_0012 has no calibration matrix"):
            assert "matrix" not in remote.product("EUV2005_230_15_15")
        server.requests.clear()
        assert "matrix" not in remote.product("FUV2005_230_15_15", matrix=False)
        assert not any("CALIB" in path for path, _ in server.requests)


PLACE = "COUVIS_0012/DATA/D2005_230/FUV2005_230_15_15"


@pytest.mark.parametrize(
    "faults",
    [
        {f"{PLACE}.DAT": [Cut(100_000), Cut(10)]},
        {f"{PLACE}.DAT": [Stall(1000)]},
        {f"{PLACE}.LBL": [Status(503)], "COUVIS_0012/INDEX/INDEX.TAB": [Cut(7)]},
    ],
)
def test_a_server_that_falters(tree, quick, tmp_path: Path, faults):
    with served(tree, tmp_path, faults) as (remote, _):
        found = remote.product("FUV2005_230_15_15")
    assert found["data"].read_bytes() == tree[f"{PLACE}.DAT"]


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ({f"{PLACE}.DAT": [Cut(0)] * 9}, FetchError),
        ({f"{PLACE}.DAT": [Status(403)]}, FetchError),
        ({f"{PLACE}.DAT": [Status(404)]}, NotFoundError),
        ({"COUVIS_0012/INDEX/INDEX.LBL": [Status(500)] * 9}, FetchError),
        # A matrix that cannot be had for the moment is not taken as one that does not exist.
        (
            {f"COUVIS_0012/CALIB/VERSION_4/D2005_230/{PLACE[-17:]}_CAL_4.LBL": [Status(500)] * 9},
            FetchError,
        ),
    ],
)
def test_a_server_that_fails(tree, quick, tmp_path: Path, faults, error: type):
    with served(tree, tmp_path, faults) as (remote, _), pytest.raises(error, match="http://127"):
        remote.product("FUV2005_230_15_15")
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not [name for name in left if ".part" in name]


def test_data_of_a_size_that_the_label_does_not_say(tree, quick, tmp_path: Path):
    spoilt = tree | {f"{PLACE}.DAT": tree[f"{PLACE}.DAT"][:-1]}
    with (
        served(spoilt, tmp_path) as (remote, _),
        pytest.raises(FetchError, match=r"131071 bytes, but 131072 were expected"),
    ):
        remote.product("FUV2005_230_15_15")
    assert not list((tmp_path / "cache").rglob("*.DAT"))


def test_data_in_a_folder_of_the_user_stay(tree, quick, tmp_path: Path):
    mine = tmp_path / "here" / f"{PLACE[-17:]}.DAT"
    mine.parent.mkdir()
    mine.write_bytes(b"cut out by hand")
    with (
        served(tree, tmp_path) as (remote, _),
        pytest.raises(FetchError, match=r"here.*\.DAT is there.*move it away"),
    ):
        remote.product("FUV2005_230_15_15", mine.parent)
    assert mine.read_bytes() == b"cut out by hand"


@pytest.mark.parametrize("way", ["command", "call"])
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("END", "", "no whole PDS label"),
        ("FUV2005_230_15_15", "FUV2005_231_15_15", "label of FUV2005_231_15_15, not of FUV2005"),
        ("(1024, 64, 1)", "(1024, 640, 1)", "exceed the detector's"),
        ("(1024, 64, 1)", "(1024, 64, 2)", "it says both 131072 and 262144 bytes of data"),
        ("<SECOND>", "<MINUTE>", "INTEGRATION_DURATION is in MINUTE"),
        ("2005-230T15", "2005-230X15", "it cannot be opened: "),
    ],
)
def test_a_label_in_a_folder_of_the_user_that_is_not_the_products(
    tree, quick, tmp_path: Path, monkeypatch, old: str, new: str, said: str, way: str
):
    """It stays, and is not taken for the product's; moved away, it is replaced."""
    whole = tree[f"{PLACE}.LBL"].decode()
    mine = tmp_path / "here" / f"{PLACE[-17:]}.LBL"
    mine.parent.mkdir()
    bad = whole[:-30] if old == "END" else whole.replace(old, new)
    assert bad != whole
    mine.write_bytes(bad.encode())
    mine.with_suffix(".DAT").write_bytes(tree[f"{PLACE}.DAT"])
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    with serve(tree) as server:
        monkeypatch.setenv("UVISXR_URL_PRODUCTS", server.url)
        if way == "call":
            with pytest.raises(FetchError) as caught:
                Archive.default().product(mine.stem, mine.parent)
            message = str(caught.value)
        else:
            result = CliRunner().invoke(main, ["fetch", mine.stem, "--to", str(mine.parent)])
            assert (result.exit_code, result.stdout) == (1, "")
            message = result.stderr
        assert said in message and "is there, but is not the file" in message
        assert "move it away, or choose another folder" in message
        assert "try again" not in message and message.count("uvisxr fetch") == 0
        assert mine.read_bytes() == bad.encode()
        # What opening says to do about it; a product may have another name than its files.
        mend = rf"move (it|the label) away.*`uvisxr fetch {mine.stem} --to {mine.parent}`"
        expected = pytest.raises(UvisError, match=mend) if "not of" not in said else nullcontext()
        with warnings.catch_warnings(action="ignore"), expected:
            uvisxr.open_product(mine).counts.load()
        mine.unlink()
        assert Archive.default().product(mine.stem, mine.parent)["label"] == mine
    assert mine.read_bytes() == whole.encode()


def test_damaged_data_in_the_cache_are_fetched_again(tree, quick, tmp_path: Path):
    with served(tree, tmp_path) as (remote, _):
        data = remote.product("FUV2005_230_15_15")["data"]
        data.write_bytes(b"half")
        remote.product("FUV2005_230_15_15")
    assert data.read_bytes() == tree[f"{PLACE}.DAT"]


@pytest.mark.parametrize("way", ["fetch", "open"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda label: label.write_text("<html>Please log in</html>"),
        lambda label: label.write_bytes(label.read_bytes()[:900]),
        lambda label: label.write_text(label.read_text().replace("FUV2005_230", "FUV2005_231")),
        lambda label: label.write_text(label.read_text().replace("(1024, 64, 1)", "(1024, 64, 2)")),
        lambda label: label.write_text(label.read_text().replace("<SECOND>", "<MINUTE>")),
        lambda label: label.with_suffix(".DAT").write_bytes(b"half"),
        lambda label: label.with_suffix(".DAT").unlink(),
    ],
)
def test_a_bad_cache_mends_itself(tree, quick, tmp_path: Path, monkeypatch, spoil, way: str):
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
    with serve(tree) as server:
        monkeypatch.setenv("UVISXR_URL_PRODUCTS", server.url)
        label = Archive.default().product("FUV2005_230_15_15", matrix=False)["label"]
        spoil(label)
        if way == "fetch":
            Archive.default().product("FUV2005_230_15_15", matrix=False)
        else:
            uvisxr.open_product("FUV2005_230_15_15", fetch=True)
    for path in (label, label.with_suffix(".DAT")):
        assert path.read_bytes() == tree[f"{PLACE}{path.suffix}"]


def test_the_label_of_another_product(tree, quick, tmp_path: Path, monkeypatch):
    other = tree["COUVIS_0060/DATA/D2017_258/FUV2017_258_07_15.LBL"]
    with (
        served(tree | {f"{PLACE}.LBL": other}, tmp_path) as (remote, _),
        pytest.raises(FetchError, match="is the label of FUV2017_258_07_15, not of FUV2005_230"),
    ):
        remote.product("FUV2005_230_15_15")
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
    place = tmp_path / "products" / f"{PLACE}.LBL"
    place.parent.mkdir(parents=True)
    place.write_bytes(other)
    place.with_suffix(".DAT").write_bytes(b"")
    with pytest.raises(ArgumentError, match="is the label of FUV2017_258_07_15, not of FUV2005"):
        uvisxr.open_product("FUV2005_230_15_15")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("FILE_RECORDS ", "RECORDS ", "does not say how large its data are"),
        ("FILE_RECORDS                    = ", "FILE_RECORDS = 9999999", "how large its data are"),
        (
            "FILE_RECORDS                    = ",
            f"FILE_RECORDS = {'9' * 5000}",
            "no whole PDS label|how",
        ),
        ("PRODUCT_ID", "PRODUCT_IDEA", "this is the label of NOTHING"),
        ("\nEND\r", "\nTHE_END\r", "no whole PDS label"),
        ("OBJECT ", "OBJECT = QUBE = ", "no whole PDS label"),
    ],
)
def test_a_label_that_is_not_what_it_should_be(tree, quick, tmp_path: Path, old, new, said):
    label = tree[f"{PLACE}.LBL"].decode()
    assert old in label
    spoilt = tree | {f"{PLACE}.LBL": label.replace(old, new, 1).encode()}
    with served(spoilt, tmp_path) as (remote, _), pytest.raises(FetchError, match=said) as caught:
        remote.product("FUV2005_230_15_15")
    assert ".part" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("FUV*"))
    assert not list((tmp_path / "cache").rglob("*.part"))
    with served(tree, tmp_path) as (remote, _):
        found = remote.product("FUV2005_230_15_15", matrix=False)
    assert found["label"].read_bytes() == tree[f"{PLACE}.LBL"]


def test_nothing_is_written_through_links_out_of_the_cache(tree, quick, tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "COUVIS_0012").symlink_to(tmp_path / "there")
    with (
        served(tree, tmp_path) as (remote, _),
        pytest.raises(ArgumentError, match=r"leads out of .*cache by a link"),
    ):
        remote.product("FUV2005_230_15_15")
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.parametrize("name", ["FUV0000_000_00_00", "FUV9999_999_99_99"])
def test_days_far_from_the_mission(tree, quick, tmp_path: Path, name: str):
    with served(tree, tmp_path) as (remote, _), pytest.raises(FetchError, match="no volume"):
        remote.locate(name)


def test_a_damaged_index_is_fetched_again(tree, quick, tmp_path: Path):
    spoilt = tree | {"COUVIS_0012/INDEX/INDEX.TAB": b"short"}
    with (
        served(spoilt, tmp_path) as (remote, _),
        pytest.raises(FetchError, match=r"INDEX\.TAB.*truncated"),
    ):
        remote.locate("FUV2005_230_15_15")
    with served(tree, tmp_path) as (remote, _):
        assert remote.locate("FUV2005_230_15_15").stem == "FUV2005_230_15_15"


def blank(table: bytes) -> bytes:
    """A table of the same length that names nothing."""
    return b"".join(b" " * len(line[:-2]) + b"\r\n" for line in table.splitlines(True))


def of_another_volume(table: bytes) -> bytes:
    return table.replace(b"COUVIS_0012", b"COUVIS_0013")


def nameless(table: bytes) -> bytes:
    return table.replace(b"FUV20", b"ABC20").replace(b"EUV20", b"ABD20")


@pytest.mark.parametrize("spoil", [blank, of_another_volume, nameless])
def test_a_table_that_names_no_product_is_not_kept(tree, quick, tmp_path: Path, spoil):
    place = "COUVIS_0012/INDEX/INDEX.TAB"
    spoilt = tree | {place: spoil(tree[place])}
    with (
        served(spoilt, tmp_path) as (remote, _),
        pytest.raises(FetchError, match=r"INDEX\.TAB: this table names no product of COUVIS_0012"),
    ):
        remote.locate("FUV2005_230_15_15")
    assert not list((tmp_path / "cache").rglob("INDEX.*"))
    with served(tree, tmp_path) as (remote, _):
        assert remote.locate("FUV2005_230_15_15").stem == "FUV2005_230_15_15"
        # So is what is in the cache.
        (table,) = (tmp_path / "cache").rglob("COUVIS_0012/INDEX/INDEX.TAB")
        table.write_bytes(spoilt[place])
        again = Archive(remote.url, remote.cache)
        assert again.locate("FUV2005_230_15_15").stem == "FUV2005_230_15_15"


def test_a_label_of_no_index_is_not_kept(tree, quick, tmp_path: Path):
    place = "COUVIS_0012/INDEX/INDEX.LBL"
    spoilt = tree | {place: tree[place].replace(b"INDEX_TABLE", b"INDEX_CHAIR")}
    with (
        served(spoilt, tmp_path) as (remote, _),
        pytest.raises(FetchError, match=r"INDEX\.LBL does not describe an index table"),
    ):
        remote.locate("FUV2005_230_15_15")
    assert not list((tmp_path / "cache").rglob("INDEX.*"))


def test_indices_of_one_server_are_not_those_of_another(tree, quick, tmp_path: Path):
    """One may be outdated, or have other products: of these the index alone tells."""
    volume = tmp_path / "COUVIS_0012"
    write_index(volume, [index_row("COUVIS_0012", "FUV2005_182_13_00")])
    files = {f"COUVIS_0012/{path}": content for path, content in folder(volume).items()}
    name = "FUV2005_230_15_15"
    with served(tree | files, tmp_path) as (remote, _):
        with pytest.raises(FetchError, match=f"no volume .* holds {name}"):
            remote.locate(name)
        with served(tree, tmp_path) as (other, _):
            assert other.cache == remote.cache
            assert other.locate(name).stem == name


@pytest.mark.slow
def test_an_index_of_an_earlier_run_is_asked_for_again(tree, quick, tmp_path: Path):
    place = "COUVIS_0012/INDEX/INDEX"
    volume = tmp_path / "COUVIS_0012"
    write_index(volume, [index_row("COUVIS_0012", "FUV2005_182_13_00")])
    now = {f"{place}{kind}": tree[f"{place}{kind}"] for kind in (".LBL", ".TAB")}
    old = {f"COUVIS_0012/{path}": content for path, content in folder(volume).items()}
    name = "FUV2005_230_15_15"
    with served(tree | old, tmp_path) as (remote, server):
        assert remote.locate("FUV2005_182_13_00").stem == "FUV2005_182_13_00"
        server.files.update(now)
        assert Archive(remote.url, remote.cache).locate(name).stem == name
        # Now it has the product; a new one is asked for once, and only in vain.
        server.requests.clear()
        later = Archive(remote.url, remote.cache)
        assert later.locate(name).stem == name
        assert not server.asked(f"{place}.TAB")
        for _ in range(2):
            with pytest.raises(FetchError, match=r"no volume below .* holds FUV2005_230_15_16"):
                later.locate("FUV2005_230_15_16")
        asked = [path for path, _ in server.requests if path.startswith("COUVIS_0012")]
        assert asked == [f"{place}.LBL", f"{place}.TAB"]
    # What is there stays if the server is gone.
    with pytest.raises(FetchError):
        Archive(remote.url, remote.cache).locate("FUV2005_230_15_16")
    assert (
        next(remote.cache.rglob("COUVIS_0012/INDEX/INDEX.TAB")).read_bytes() == now[f"{place}.TAB"]
    )


def test_an_address_without_any_index(quick, tmp_path: Path):
    with (
        served({"index.html": b"wrong path"}, tmp_path) as (remote, server),
        pytest.raises(FetchError, match=r"no index of any volume below .*: set UVISXR_URL"),
    ):
        remote.locate("FUV2005_230_15_15")
    assert len(volumes_asked(server)) == 60


class TestCommand:
    def test_fetch(self, tree, quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
        with serve(tree) as server:
            # With and without the slash at the end.
            monkeypatch.setenv("UVISXR_URL_PRODUCTS", server.url.rstrip("/"))
            arguments = ["fetch", "FUV2005_230_15_15", "EUV2005_001_10_00", "--no-matrix"]
            result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        labels = [Path(line) for line in result.stdout.splitlines()]
        assert [label.stem for label in labels] == arguments[1:3]
        assert all(tmp_path in label.parents and label.is_file() for label in labels)

    def test_a_product_named_twice_is_fetched_once(self, tree, quick, monkeypatch):
        with serve(tree) as server:
            monkeypatch.setenv("UVISXR_URL_PRODUCTS", server.url)
            names = ["FUV2005_230_15_15", "co-uvis-fuv2005_230_15_15", "fuv2005_230_15_15"]
            result = CliRunner().invoke(main, ["fetch", *names])
        assert result.exit_code == 0, result.output
        assert len(result.stdout.splitlines()) == 1

    def test_exit_codes(self, tree, quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        with serve(tree) as server:
            monkeypatch.setenv("UVISXR_URL_PRODUCTS", server.url)
            missing = CliRunner().invoke(main, ["fetch", "FUV2009_173_00_00"])
            typed = CliRunner().invoke(main, ["fetch", "FUV2009"])
        assert (missing.exit_code, typed.exit_code) == (1, 2)
        assert missing.stderr.startswith("uvisxr: no volume below")
        assert "is not a UVIS product identifier" in typed.stderr


class TestOpening:
    """Products by identifier."""

    def test_fetch(self, tree, quick, monkeypatch: pytest.MonkeyPatch):
        with serve(tree) as server:
            monkeypatch.setenv("UVISXR_URL_PRODUCTS", server.url)
            with pytest.raises(ArgumentError, match="uvisxr fetch FUV2009_173_15_16"):
                uvisxr.open_product("FUV2009_173_15_16")
            assert not server.requests
            first = uvisxr.open_product("FUV2009_173_15_16", fetch=True)
            assert not any("CALIB" in path for path, _ in server.requests)
            server.requests.clear()
            again = uvisxr.open_product("co-uvis-fuv2009_173_15_16")
            many = uvisxr.open_observation("FUV2005_230_15_15", "FUV2009_173_15_16", fetch=True)
            assert not any("2009" in path for path, _ in server.requests)
        assert first.equals(again)
        assert many["product"].values.tolist() == ["FUV2005_230_15_15", "FUV2009_173_15_16"]


class TestCalibration:
    """`uvisxr calibration fetch`, of small but well-formed files."""

    @pytest.fixture
    def content(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
        modifier = np.ones((64, 1024), "<f4").tobytes()
        flat = ("\n".join(["title", *[" ".join(["1.0"] * 1024)] * 64])).encode()
        monkeypatch.setattr(formats, "read_spica", lambda path, channel: None)
        required, _ = known.names()
        return {
            name: modifier if "modifier" in name else flat if name.startswith("FLAT") else b"sav"
            for name in required
        }

    def test_names_are_those_of_the_real_folder(self, data: Path):
        required, optional = known.names()
        there = {path.name for path in (data / "calibration").iterdir()}
        assert there == {*required, *optional}

    def test_fetch(self, content, quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(download, "_read", lambda path, name: None)
        with serve(content) as server:
            monkeypatch.setenv("UVISXR_URL_CALIBRATION", server.url)
            result = CliRunner().invoke(main, ["calibration", "fetch"])
            assert result.exit_code == 0, result.output
            assert f"{len(content)} files in {fetch.cache_dir('calibration')}" in result.stdout
            server.requests.clear()
            with pytest.warns(UvisWarning, match="has no .*(1999_Lab_Cal|TIME_EVOL)"):
                download.fetch_files()
            assert {path for path, _ in server.requests} == set(known.names()[1])

    def test_real_files_are_taken(self, data: Path, quick, tmp_path: Path, monkeypatch):
        with serve(folder(data / "calibration")) as server:
            monkeypatch.setenv("UVISXR_URL_CALIBRATION", server.url)
            paths = download.fetch_files(tmp_path)
        assert len(paths) == 70
        assert len(files.Folder(tmp_path, "").modifiers("FUV")[1]) == 31

    def test_a_page_in_place_of_a_file(self, content, quick, tmp_path: Path, monkeypatch):
        name = "FLATFIELD_EUV_POSTBURN.txt"
        with serve(content | {name: b"<html>moved</html>"}) as server:
            monkeypatch.setenv("UVISXR_URL_CALIBRATION", server.url)
            with pytest.raises(FetchError, match=rf"{name}: the server sends a page"):
                download.fetch_files(tmp_path)
        assert name not in str(list(tmp_path.iterdir()))

    def test_files_of_the_user_stay(self, data: Path, quick, tmp_path: Path, monkeypatch):
        notes = tmp_path / "FUV_1999_Lab_Cal.dat"
        notes.write_bytes(b"my own notes, not a table\n")
        with serve(folder(data / "calibration")) as server:
            monkeypatch.setenv("UVISXR_URL_CALIBRATION", server.url)
            result = CliRunner().invoke(main, ["calibration", "fetch", "--to", str(tmp_path)])
            assert server.requests == []
        assert result.exit_code == 1
        assert str(notes) in result.stderr and "another folder" in result.stderr
        assert notes.read_bytes() == b"my own notes, not a table\n"
        assert list(tmp_path.iterdir()) == [notes]

    def test_a_needed_file_is_missing(self, content, quick, tmp_path: Path, monkeypatch):
        content.pop("spica_variability4_data.sav")
        monkeypatch.setattr(download, "_read", lambda path, name: None)
        with serve(content) as server:
            monkeypatch.setenv("UVISXR_URL_CALIBRATION", server.url)
            result = CliRunner().invoke(main, ["calibration", "fetch", "--to", str(tmp_path)])
        assert result.exit_code == 1
        assert "spica_variability4_data.sav: the server answers 404" in result.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("/COUVIS_0012/../../../../evil/{}.LBL", "../../../evil/{}.LBL", "/COUVIS_0012"),
        *("..\\..\\evil\\{}.LBL", "C:/evil/{}.LBL", "http://evil.invalid/{}.LBL"),
    ],
)
@pytest.mark.parametrize("chosen", [False, True])
def test_indices_whose_rows_lead_elsewhere(quick, tmp_path: Path, name: str, chosen: bool):
    """Nothing comes to lie outside the cache or the folder that is asked for."""
    product = "FUV2005_230_15_15"
    row = index_row("COUVIS_0012", product) | {"FILE_NAME": name.format(product)}
    write_index(tmp_path / "server" / "COUVIS_0012", [row])
    write_product(tmp_path / "server" / "evil", product)
    inside = tmp_path / "a" / "b" / "c"
    to = inside / "to" if chosen else None
    with served(folder(tmp_path / "server"), inside) as (remote, server):
        with pytest.raises(
            FetchError, match=r"INDEX\.TAB, row 1.* is (no path below a folder|a vol)"
        ):
            remote.product(product, to)
        assert all("evil" not in path for path, _ in server.requests)
    assert [p for p in (tmp_path / "a").rglob("*.DAT")] == []


def test_rows_of_an_index_on_disk_that_lead_elsewhere(tmp_path: Path):
    product = "FUV2005_230_15_15"
    row = index_row("COUVIS_0012", product) | {"FILE_NAME": f"../../evil/{product}.LBL"}
    index = write_index(tmp_path / "set" / "COUVIS_0012", [row])
    write_product(tmp_path / "evil", product)
    for how in (["info", str(index)], ["info", str(index.with_suffix(".TAB"))]):
        result = CliRunner().invoke(main, how)
        assert result.exit_code == 1 and "is no path below a folder" in result.stderr
        assert "SATURN" not in result.stdout


@pytest.mark.parametrize("digits", [20, 5000])
def test_a_size_of_any_number_of_digits(tmp_path: Path, digits: int):
    label = write_product(tmp_path, "FUV2005_230_15_15")
    text = label.read_text()
    assert archive.data_size(label) == 131072
    label.write_text(text.replace("= 1\n", f"= {'9' * digits}\n", 1))
    assert archive.data_size(label) is None


@pytest.mark.parametrize(
    "command",
    [
        ("fetch", "FUV2009_173_00_00"),
        ("fetch", "stars"),
        ("calibration", "fetch"),
        ("kernels", "fetch", "PRODUCT"),
    ],
)
def test_patience_from_the_command_line(tmp_path, monkeypatch, command):
    had = []

    def receive(url, part, how):
        had.append((how.floor, how.longest))
        raise FetchError("enough")

    monkeypatch.setattr(transfer, "receive", receive)
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
    monkeypatch.setenv("UVISXR_FETCH_FLOOR", "7")
    product = write_product(tmp_path, "FUV2005_230_15_15", band_bin=32)
    words = [str(product) if word == "PRODUCT" else word for word in command]
    for options, expected in (([], (7, math.inf)), (["--floor", "3", "--longest", "9"], (3, 9))):
        result = CliRunner().invoke(main, [*words, *options])
        assert result.exit_code == 1 and "enough" in result.stderr
        assert had[-1] == expected
    assert os.environ["UVISXR_FETCH_FLOOR"] == "7" and "UVISXR_FETCH_LONGEST" not in os.environ
    assert CliRunner().invoke(main, [*words, "--floor", "-1"]).exit_code == 2
