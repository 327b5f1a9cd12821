"""References by which xarray opens products as Zarr, against products opened by uvisxr."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner, Result
from helpers.loopback import folder, serve
from helpers.products import two_windows, write_product

import uvisxr
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, ExportError, ProductError, UvisWarning
from uvisxr.pds3 import elsewhere

FRAME, ROW = 131072, 2048
NAMES = ("FUV2005_230_15_15", "FUV2005_230_15_45")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two products, of 5 and of 3 exposures."""
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    # Servers of other tests may have had the same port.
    elsewhere._TOLD.clear()
    for name, samples in zip(NAMES, (5, 3), strict=True):
        write_product(tmp_path / "a", name, samples=samples, band_bin=2, lines=(4, 40))
    return tmp_path / "a"


def opened(file: Path, web: bool = False, **options: Any) -> xr.Dataset:
    """What the file holds, by xarray, zarr and fsspec alone."""
    # Zarr asks several at once, which fsspec has to be told of its client of the web.
    storage = (
        {"fo": str(file), "remote_options": {"asynchronous": True}} if web else {"fo": str(file)}
    )
    return xr.open_dataset(
        "reference://", engine="zarr", backend_kwargs={"storage_options": storage}, **options
    )


def test_all_is_as_in_the_products(here: Path, tmp_path: Path):
    file = uvisxr.virtual(here, out=tmp_path / "store")
    assert file == tmp_path / "store" / f"{NAMES[0]}_{NAMES[1]}.json"
    expected = uvisxr.open_observation(here)
    found = opened(file)
    assert found.identical(expected)
    assert repr(found.uvis) == repr(expected.uvis)
    assert {name: v.dtype for name, v in found.variables.items()} == {
        name: v.dtype for name, v in expected.variables.items()
    }


def test_references_are_to_the_rows_of_the_window(here: Path, tmp_path: Path):
    file = uvisxr.virtual(here / f"{NAMES[0]}.LBL", out=tmp_path / "x.json")
    frames = np.fromfile(here / f"{NAMES[0]}.DAT", ">u2").reshape(5, 64, 1024)
    assert (opened(file).counts.values == frames[:, 4:41, :512]).all()
    reference = json.loads(file.read_text())["refs"]["counts/3.0.0"]
    assert reference == [f"file://{here / NAMES[0]}.DAT", 3 * FRAME + 4 * ROW, 37 * ROW]


@pytest.mark.parametrize("lines", [(4, 40), (0, 63)])
def test_a_window_in_any_columns(tmp_path: Path, lines: tuple[int, int]):
    """Rows of a chunk go on into the next ones; those of the last one have nothing to go on to."""
    label = write_product(tmp_path / "a", NAMES[0], samples=3, lines=lines)
    text = label.read_text()
    for key, value in (("UL_CORNER_BAND", 100), ("LR_CORNER_BAND", 611)):
        text, count = re.subn(rf"({key}\s*= )\d+", rf"\g<1>{value}", text)
        assert count == 1
    label.write_text(text)
    frames = np.arange(3 * 64 * 1024).reshape(3, 64, 1024).astype(">u2")
    inner = np.zeros(frames.shape, bool)
    inner[:, lines[0] : lines[1] + 1, 100:612] = True
    np.where(inner, frames, 65535).astype(">u2").tofile(label.with_suffix(".DAT"))
    ds = opened(uvisxr.virtual(label, out=tmp_path / "x.json"))
    assert (ds.counts.values == frames[:, lines[0] : lines[1] + 1, 100:612]).all()
    assert ds.identical(uvisxr.open_observation(label))


def test_an_exposure_costs_one_request(here: Path, tmp_path: Path):
    with serve(folder(here.parent)) as server:
        urls = [f"{server.url}a/{name}.LBL" for name in NAMES]
        file = uvisxr.virtual(urls, out=tmp_path / "x.json")
        assert all(size < 3000 for size in server.sent)
        asked = len(server.requests)
        ds = opened(file, web=True)
        assert len(server.requests) == asked
        one = ds.counts.isel(pic=6).load()
        first = FRAME + 4 * ROW
        part = f"bytes={first}-{first + 37 * ROW - 1}"
        assert server.requests[asked:] == [(f"a/{NAMES[1]}.DAT", part)]
        assert server.sent[-1] == 37 * ROW
    assert one.equals(uvisxr.open_observation(here).counts.isel(pic=6))


def test_where_others_find_them(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    expected = uvisxr.open_observation(here)
    with serve(folder(here.parent)) as server:
        file = uvisxr.virtual(here, out=tmp_path / "x.json", base=f"{server.url}a")
        assert opened(file, web=True).counts.equals(expected.counts)
        assert {path for path, _ in server.requests} == {f"a/{name}.DAT" for name in NAMES}
    file = uvisxr.virtual(here, out=tmp_path / "x.json", base=".")
    monkeypatch.chdir(here)
    assert opened(file).counts.equals(expected.counts)


@pytest.mark.slow
def test_without_uvisxr(here: Path, tmp_path: Path):
    file = uvisxr.virtual(here, out=tmp_path / "x.json")
    code = (
        "import sys, xarray as xr\n"
        "ds = xr.open_dataset('reference://', engine='zarr', backend_kwargs={"
        f"'storage_options': {{'fo': {str(file)!r}}}}})\n"
        "print(int(ds.counts.isel(pic=2).sum()))\n"
        "assert 'uvisxr.reader' not in sys.modules\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) == int(uvisxr.open_observation(here).counts[2].sum())


def test_several_windows_are_groups(tmp_path: Path):
    label = write_product(tmp_path / "a", NAMES[0], samples=3)
    two_windows(label)
    tree = uvisxr.open_product(label)
    file = uvisxr.virtual(label, out=tmp_path / "x.json")
    for name, node in tree.children.items():
        assert opened(file, group=name).equals(node.to_dataset())


def test_data_in_archives(here: Path, tmp_path: Path):
    expected = uvisxr.open_observation(here).load()
    for name, how in zip(NAMES, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), strict=True):
        data = here / f"{name}.DAT"
        with zipfile.ZipFile(here / f"{name}.DAT.zip", "w", how) as archive:
            archive.write(data, data.name)
        data.unlink()
    file = uvisxr.virtual(here / f"{NAMES[0]}.LBL", out=tmp_path / "x.json")
    assert opened(file).counts.equals(expected.counts[:5])
    with pytest.raises(ProductError, match="is packed"):
        uvisxr.virtual(here, out=tmp_path / "x.json")


def test_the_command(here: Path, tmp_path: Path):
    wanted = ["virtual", str(here), "--out", str(tmp_path / "store")]
    answer = CliRunner().invoke(main, wanted)
    assert answer.exit_code == 0, answer.output
    file = Path(answer.output.strip())
    assert opened(file).equals(uvisxr.open_observation(here))
    assert CliRunner().invoke(main, wanted).exit_code == 0
    assert CliRunner().invoke(main, [*wanted, "--no-overwrite"]).exit_code == 1


def test_no_other_file_is_replaced(here: Path, tmp_path: Path):
    there = tmp_path / "x.json"
    there.write_text("{}")
    with pytest.raises(ExportError, match="did not write it"):
        uvisxr.virtual(here, out=there)
    assert there.read_text() == "{}"
    with pytest.raises(ArgumentError):
        uvisxr.virtual(here, out=3)
    with pytest.raises(ArgumentError):
        uvisxr.virtual(out=there)


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["virtual", *map(str, words)])


def test_products_of_one_day_have_files_of_their_own(here: Path, tmp_path: Path):
    store = tmp_path / "store"
    for name in NAMES:
        assert run(here / f"{name}.LBL", "--out", store).exit_code == 0
    assert sorted(path.stem for path in store.iterdir()) == [*NAMES]


def test_a_folder_of_several_set_ups(here: Path, tmp_path: Path):
    more = [
        write_product(tmp_path / "b", name, samples=2)
        for name in ("FUV2005_230_17_15", "EUV2005_230_15_15", "FUV2005_230_18_15")
    ]
    store = tmp_path / "store"
    answer = run(here, tmp_path / "b", "--out", store, "--base", tmp_path)
    assert answer.exit_code == 0, answer.output
    files = [Path(line) for line in answer.output.splitlines()]
    assert {file.stem for file in files} == {
        f"{NAMES[0]}_{NAMES[1]}",
        f"{more[0].stem}_{more[2].stem}",
        more[1].stem,
    }
    assert {*store.iterdir()} == {*files}
    for file in files:
        first = file.stem[:17]
        labels = [here] if first in NAMES else [more[1]] if first[0] == "E" else more[::2]
        assert opened(file).counts.equals(uvisxr.open_observation(labels).counts)
    with pytest.raises(ProductError, match="differ in"):
        uvisxr.virtual(here, tmp_path / "b", out=store)


def test_nothing_of_another_call_is_lost(here: Path, tmp_path: Path):
    store = tmp_path / "store"
    one = uvisxr.virtual(here / f"{NAMES[0]}.LBL", out=store, name="titan")
    assert uvisxr.virtual(here / f"{NAMES[0]}.LBL", out=store, name="titan") == one
    assert opened(uvisxr.virtual(here, out=store, name="titan")).sizes["pic"] == 8
    with pytest.raises(ExportError, match=f"{NAMES[0]} too, and would be lost"):
        uvisxr.virtual(here / f"{NAMES[1]}.LBL", out=store, name="titan")
    both = write_product(tmp_path / "b", NAMES[0], samples=3)
    two_windows(both)
    uvisxr.virtual(both, out=store, window=0, name="w")
    with pytest.raises(ExportError, match="another window of"):
        uvisxr.virtual(both, out=store, window=1, name="w")
    uvisxr.virtual(both, out=store, name="w", overwrite=True)
    with pytest.raises(ExportError, match="another window of"):
        uvisxr.virtual(both, out=store, window=1, name="w")


ODD = ("a b", "ü", "100%", "x%20y", "a#b?c", "a::b", "{{x}}", "[1],@'")


@pytest.mark.parametrize("name", ODD)
def test_folders_of_any_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    label = write_product(tmp_path / "a" / name, NAMES[0], samples=2)
    other = write_product(tmp_path / "a" / "other", NAMES[1], samples=2)
    expected = uvisxr.open_observation(label, other).counts
    file = uvisxr.virtual(label, other, out=tmp_path / "x.json")
    assert opened(file).counts.equals(expected)
    file = uvisxr.virtual(label, other, out=tmp_path / "y.json", base=".")
    monkeypatch.chdir(tmp_path / "a")
    assert opened(file).counts.equals(expected)
    file = uvisxr.virtual(label, other, out=tmp_path / "z.json", base="https://server/x/")
    url = json.loads(file.read_text())["refs"]["counts/0.0.0"][0]
    assert url == f"https://server/x/{quote(name)}/{NAMES[0]}.DAT"


def test_the_file_is_strict_json(here: Path, tmp_path: Path):
    def refuse(word: str) -> Any:
        raise AssertionError(word)

    file = uvisxr.virtual(here, out=tmp_path / "x.json")
    refs = json.loads(file.read_text(), parse_constant=refuse)["refs"]
    for text in refs.values():
        if isinstance(text, str) and not text.startswith("base64:"):
            json.loads(text, parse_constant=refuse)
    assert json.loads(refs["wl/.zarray"])["fill_value"] == "NaN"


def test_downloaded_data_are_where_they_came_from(here: Path, tmp_path: Path):
    with serve(folder(here.parent)) as server:
        urls = [f"{server.url}a/{name}.LBL" for name in NAMES]
        uvisxr.open_product(urls[0], fetch=True)
        file = uvisxr.virtual(iter(urls), out=tmp_path / "x.json")
        refs = json.loads(file.read_text())["refs"]
        places = {value[0] for value in refs.values() if isinstance(value, list)}
        assert places == {f"{server.url}a/{name}.DAT" for name in NAMES}
        assert opened(file, web=True).counts.equals(uvisxr.open_observation(here).counts)


def test_servers_without_parts_are_nothing_to_refer_to(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "x.json"
    with serve(folder(here.parent), ranges=False) as server:
        url = f"{server.url}a/{NAMES[0]}.LBL"
        with pytest.warns(UvisWarning, match="no parts"):
            uvisxr.open_product(url)
        with pytest.raises(ProductError, match="base= may name"):
            uvisxr.virtual(url, out=out)
        file = uvisxr.virtual(url, out=out, base=".")
    monkeypatch.chdir(here)
    assert opened(file).counts.equals(uvisxr.open_product(here / NAMES[0]).counts)


def test_a_base_of_what_has_no_folder_in_common(here: Path, tmp_path: Path):
    out = tmp_path / "x.json"
    with serve(folder(here.parent)) as server:
        both = here / NAMES[0], f"{server.url}a/{NAMES[1]}.LBL"
        with pytest.raises(ArgumentError, match=r"some are on file://.* and some on http://"):
            uvisxr.virtual(both, out=out, base="https://server/x")
        with pytest.raises(ArgumentError, match=r"some are on file://.* and some on http://"):
            uvisxr.virtual(both, out=out, base=".")
    assert not out.exists()
    with pytest.raises(ArgumentError, match=r"netrc") as error:
        uvisxr.virtual(here, out=out, base="https://me:secret@server/x")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("out", ["http://server/x.json", "x.zarr", "mine.csv"])
def test_what_is_no_place_for_it(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
):
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArgumentError, match=r"ends in \.json"):
        uvisxr.virtual(here, out=out)
    with pytest.raises(ArgumentError, match="no path below a folder"):
        uvisxr.virtual(here, out="store", name="../x")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_with_dask(here: Path, tmp_path: Path):
    file = uvisxr.virtual(here, out=tmp_path / "x.json")
    expected = uvisxr.open_observation(here)
    found = xr.open_zarr("reference://", storage_options={"fo": str(file)}, chunks=None)
    assert found.identical(expected)
    ds = found.chunk(pic=3)
    assert ds.chunks["pic"] == (3, 3, 2)
    assert (ds + 0).map_blocks(lambda block: block).counts.equals(expected.counts)
