"""Products named by the URL of their label: downloaded once, and opened like those on disk."""

from __future__ import annotations

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
from uvisxr.errors import ArgumentError, FetchError, NotFoundError
from uvisxr.pds3 import urls

NAMES = ("FUV2005_230_15_15", "FUV2005_230_15_25")
PLACE = "COUVIS_0012/DATA/D2005_230"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "download", partial(fetch.download, wait=0.01, timeout=0.5))
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


@pytest.mark.parametrize("ending", [".LBL", ".DAT", ""])
def test_a_product_is_downloaded_once(server: Server, tmp_path: Path, ending: str):
    url = f"{server.url}{PLACE}/{NAMES[0]}{ending}"
    ds = uvisxr.open_product(url)
    there = tmp_path / "archive" / PLACE / f"{NAMES[0]}.LBL"
    assert ds.counts.identical(uvisxr.open_product(there).counts)
    asked = len(server.requests)
    uvisxr.open_product(url)
    assert len(server.requests) == asked == 2


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
    assert urls.download(f"{server.url}small/a.lbl").with_suffix(".dat").is_file()


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("ftp://example.org/FUV2005_230_15_15.LBL", ArgumentError, "it begins with https://"),
        ("https://example.org/", ArgumentError, "it begins with https://"),
        ("https://example.org/a/../b.LBL", ArgumentError, "leave out"),
        ("https://example.org/a.LBL?x=1", ArgumentError, "leave out what follows"),
    ],
)
def test_what_is_no_url_of_a_product(url: str, error: type[Exception], said: str):
    with pytest.raises(error, match=said):
        uvisxr.open_product(url)


def test_what_is_not_there(server: Server, tmp_path: Path):
    with pytest.raises(NotFoundError, match="the server answers 404"):
        uvisxr.open_product(f"{server.url}{PLACE}/FUV2005_230_15_16.LBL")
    with pytest.raises(FetchError, match="no whole PDS label"):
        uvisxr.open_product(f"{server.url}page/FUV2005_230_15_15.LBL")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
