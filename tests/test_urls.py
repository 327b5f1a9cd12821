"""Products named by the URL of their label: downloaded once, and opened like those on disk."""

from __future__ import annotations

import bz2
import gzip
import io
import warnings
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import xarray as xr
from click.testing import CliRunner
from helpers.loopback import Server, folder, serve
from helpers.products import write_product

import uvisxr
from uvisxr import fetch
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, FetchError, NotFoundError, UvisError, UvisWarning
from uvisxr.pds3 import elsewhere, urls

NAMES = ("FUV2005_230_15_15", "FUV2005_230_15_25")
PLACE = "COUVIS_0012/DATA/D2005_230"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "download", partial(fetch.download, wait=0.01, timeout=0.5))
    monkeypatch.setattr(fetch, "patience", partial(fetch.patience, wait=0.01, timeout=5.0))
    # Servers of other tests may have had the same port.
    elsewhere._SAID.clear()
    elsewhere._TOLD.clear()
    root = tmp_path / "archive"
    for name in NAMES:
        write_product(root / PLACE, name, band_bin=32)
    files = folder(root)
    label = f"{PLACE}/{NAMES[0]}"
    files["small/a.lbl"] = files[f"{label}.LBL"]
    files["small/a.dat"] = files[f"{label}.DAT"]
    files["page/FUV2005_230_15_15.LBL"] = b"<html>moved</html>"
    with serve(files) as running:
        yield running


def archived(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.DAT", data)
    return stream.getvalue()


@pytest.mark.parametrize("ending", [".LBL", ".DAT", "", "%2ELBL"])
def test_a_label_is_downloaded_once_for_each_opening(server: Server, tmp_path: Path, ending: str):
    url = f"{server.url}{PLACE}/{NAMES[0]}{ending}"
    ds = uvisxr.open_product(url)
    there = tmp_path / "archive" / PLACE / f"{NAMES[0]}.LBL"
    assert ds.counts.identical(uvisxr.open_product(there).counts)
    used = [one.history.partition(" using ")[2] for one in (ds, uvisxr.open_product(there))]
    assert used[0] == used[1]
    uvisxr.open_product(url)
    assert len(server.asked(f"{PLACE}/{NAMES[0]}.LBL")) == 2
    # What it is, its one exposure, and whether it is still the same.
    whole = server.files[f"{PLACE}/{NAMES[0]}.DAT"]
    last = len(whole) - 1
    asked = ["bytes=0-0", f"bytes=0-{last}", "bytes=0-0"]
    assert server.asked(f"{PLACE}/{NAMES[0]}.DAT") == asked


def test_a_product_is_downloaded_once(server: Server):
    url = f"{server.url}{PLACE}/{NAMES[0]}.LBL"
    expected = uvisxr.open_product(url).load()
    whole = uvisxr.open_product(url, fetch=True).load()
    assert whole.identical(expected)
    asked = len(server.requests)
    assert uvisxr.open_product(url).load().identical(expected)
    assert len(server.requests) == asked


def test_every_door_takes_urls(server: Server, tmp_path: Path):
    given = [f"{server.url}{PLACE}/{name}.LBL" for name in NAMES]
    whole = uvisxr.open_observation(*given)
    assert whole.sizes["pic"] == 2
    batch = tmp_path / "list.txt"
    batch.write_text("\n".join(given))
    assert uvisxr.open_observation(batch=batch).equals(whole)
    assert uvisxr.open_observation(*map(Path, given)).equals(whole)
    assert xr.open_dataset(given[0], engine="uvis").counts.identical(
        uvisxr.open_product(given[0]).counts
    )
    many = xr.open_mfdataset(given, engine="uvis")
    assert many.counts.load().equals(whole.counts.load())
    answer = CliRunner().invoke(main, ["info", *given])
    assert answer.exit_code == 0, answer.output
    assert all(name in answer.output for name in NAMES)


def test_small_letters(server: Server):
    assert urls.download(f"{server.url}small/a.lbl", True).with_suffix(".dat").is_file()
    assert urls.download(f"{server.url}small/a.lbl").with_suffix(".dat").is_file()


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("gopher://example.org/FUV2005_230_15_15.LBL", ArgumentError, "it begins with https://"),
        ("https://example.org", ArgumentError, "it begins with https:// or http:// and a server"),
        ("http://example.org/a/", ArgumentError, "is the URL of a folder, which nobody can list"),
        (
            "https://example.org/a.zip",
            ArgumentError,
            r"name a product in it: zip://NAME.LBL::https://example.org/a.zip$",
        ),
        ("https://example.org/a/../b.LBL", ArgumentError, "leave out"),
        ("https://example.org/a.LBL?x=1", ArgumentError, "leave out what follows"),
        (f"https://{'a' * 64}.org/a.LBL", ArgumentError, "no server has that name"),
        ("https://a..org/a.LBL", ArgumentError, "no server has that name"),
    ],
)
def test_what_is_no_url_of_a_product(url: str, error: type[Exception], said: str):
    with pytest.raises(error, match=said):
        uvisxr.open_product(url)


def test_what_is_not_there(server: Server, tmp_path: Path):
    with pytest.raises(NotFoundError, match="the server answers 404"):
        uvisxr.open_product(f"{server.url}{PLACE}/FUV2005_230_15_16.LBL")
    with pytest.raises(FetchError, match="a page for readers"):
        uvisxr.open_product(f"{server.url}page/FUV2005_230_15_15.LBL")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "url",
    [
        "http://[abc/X.LBL",
        "http://127.0.0.1:abc/x.LBL",
        "http://127.0.0.1:9/a%00.LBL",
        f"http://{'a' * 300}/x.LBL",
        f"http://127.0.0.1:9/{'a' * 300}.LBL",
        "http:///x.LBL",
        "http://:80/x.LBL",
    ],
)
def test_what_no_server_can_have(url: str):
    with pytest.raises(ArgumentError, match=r"is not the (plain )?URL"):
        uvisxr.open_product(url)


def test_passwords_are_neither_kept_nor_shown(server: Server, tmp_path: Path):
    host = server.url.removeprefix("http://")
    for place in (f"{host}{PLACE}/{NAMES[0]}.LBL", "host:port/x.LBL"):
        for password in ("secret", "sec/ret", "sec#ret", "sec?ret@", "sec@ret"):
            with pytest.raises(ArgumentError, match=r"\.netrc") as caught:
                uvisxr.open_product(f"http://me:{password}@{place}")
            assert "sec" not in str(caught.value)
    assert not server.requests
    assert not list((tmp_path / "cache").rglob("*secret*"))


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".zip": archived}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("lower", [False, True])
def test_data_that_are_there_only_packed(server: Server, packing: str, lower: bool):
    plain = server.files[f"{PLACE}/{NAMES[0]}.DAT"]
    label, data = (".lbl", ".dat") if lower else (".LBL", ".DAT")
    server.files[f"packed/a{label}"] = server.files[f"{PLACE}/{NAMES[0]}.LBL"].replace(
        f"{NAMES[0]}.DAT".encode(), b"a.DAT"
    )
    server.files[f"packed/a{data}{packing}"] = PACKERS[packing](plain)
    ds = uvisxr.open_product(f"{server.url}packed/a{label}")
    expected = uvisxr.open_product(f"{server.url}{PLACE}/{NAMES[0]}.LBL")
    assert ds.counts.equals(expected.counts)
    asked = len(server.requests)
    uvisxr.open_product(f"{server.url}packed/a{label}")
    assert len(server.requests) == asked


def test_data_by_the_name_that_the_label_has(server: Server):
    place = f"{PLACE}/{NAMES[0]}"
    server.files["renamed/mine.LBL"] = server.files[f"{place}.LBL"]
    server.files[f"renamed/{NAMES[0]}.DAT"] = server.files[f"{place}.DAT"]
    ds = uvisxr.open_product(f"{server.url}renamed/mine.LBL")
    assert ds.counts.equals(uvisxr.open_product(f"{server.url}{place}.LBL").counts)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(b"CORE_ITEMS", b"CORE_ITEMS = (-1, -1, -1)\r\n  X"), (b"OBJECT ", b"END\r\nOBJECT ")],
)
def test_a_label_that_came_wrong_once(server: Server, right: bytes, wrong: bytes):
    place = f"{PLACE}/{NAMES[0]}.LBL"
    good = server.files[place]
    assert right in good
    server.files[place] = good.replace(right, wrong, 1)
    with pytest.raises(UvisError):
        uvisxr.open_product(server.url + place)
    server.files[place] = good
    assert uvisxr.open_product(server.url + place).sizes["pic"] == 1


@pytest.mark.parametrize("name", ["..\\x.DAT", "x\x07.DAT", f"{'x' * 400}.DAT"])
def test_a_label_that_names_no_possible_file(server: Server, name: str):
    place = f"{PLACE}/{NAMES[0]}"
    server.files[f"{place}.LBL"] = server.files[f"{place}.LBL"].replace(
        f"{NAMES[0]}.DAT".encode(), name.encode()
    )
    server.files = {key: value for key, value in server.files.items() if key != f"{place}.DAT"}
    with pytest.raises(UvisError, match=NAMES[0]):
        uvisxr.open_product(f"{server.url}{place}.LBL")


def test_no_data_at_all(server: Server):
    server.files["alone/mine.LBL"] = server.files[f"{PLACE}/{NAMES[0]}.LBL"]
    with pytest.raises(NotFoundError, match=r"mine\.DAT: the server answers 404"):
        uvisxr.open_product(f"{server.url}alone/mine.LBL")


@pytest.mark.parametrize("ending", [".DAT.gz", ".DAT"])
@pytest.mark.parametrize("sized", [True, False])
def test_a_page_in_place_of_data_is_not_kept(server: Server, ending: str, sized: bool):
    place = f"{PLACE}/{NAMES[0]}"
    label = server.files[f"{place}.LBL"]
    good = server.files[f"{place}.DAT"]
    server.files["later/a.LBL"] = label if sized else label.replace(b"FILE_RECORDS", b"RECORDS")
    server.files[f"later/a{ending}"] = b"<html>down for today</html>"
    url = f"{server.url}later/a{ending}"
    with pytest.raises(FetchError, match=r"page|bytes"):
        uvisxr.open_product(url)
    server.files[f"later/a{ending}"] = gzip.compress(good) if ending.endswith("gz") else good
    expected = uvisxr.open_product(f"{server.url}{place}.LBL").counts
    with warnings.catch_warnings():
        # The label names a file of another name.
        warnings.simplefilter("ignore", UvisWarning)
        assert uvisxr.open_product(url).counts.equals(expected)
