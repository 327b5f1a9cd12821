"""References by which xarray opens products as Zarr, against products opened by uvisxr."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from helpers.loopback import folder, serve
from helpers.products import two_windows, write_product

import uvisxr
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, ExportError, ProductError
from uvisxr.pds3 import elsewhere

FRAME = 131072
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


def cut(ds: xr.Dataset) -> xr.Dataset:
    return ds.isel(pixel=slice(*ds.window_pixel), wl=slice(*ds.window_wl))


def test_all_is_as_in_the_products(here: Path, tmp_path: Path):
    file = uvisxr.virtual(here, out=tmp_path / "store")
    assert file == tmp_path / "store" / "FUV_2005_230.json"
    expected = uvisxr.open_observation(here)
    found = cut(opened(file))
    assert found.equals(expected)
    assert {name: v.dtype for name, v in found.variables.items()} == {
        name: v.dtype for name, v in expected.variables.items()
    }
    assert found.wl.attrs == expected.wl.attrs
    left = ("window_pixel", "window_wl", "comment", "history")
    assert {k: v for k, v in found.attrs.items() if k not in left}.items() <= expected.attrs.items()


def test_frames_are_those_of_the_file(here: Path, tmp_path: Path):
    file = uvisxr.virtual(here / f"{NAMES[0]}.LBL", out=tmp_path / "x.json")
    frames = np.fromfile(here / f"{NAMES[0]}.DAT", ">u2").reshape(5, 64, 1024)
    ds = opened(file)
    assert (ds.counts.values == frames).all()
    assert ds.window_pixel == [4, 41] and ds.window_wl == [0, 512]
    assert ds.pixel.values[[0, 4, 63]].tolist() == [-4, 0, 59]
    assert np.isnan(ds.wl.values[512:]).all() and (ds.line.values[41:] == -1).all()
    reference = json.loads(file.read_text())["refs"]["counts/3.0.0"]
    assert reference == [(here / f"{NAMES[0]}.DAT").as_uri(), 3 * FRAME, FRAME]


def test_an_exposure_costs_one_request(here: Path, tmp_path: Path):
    with serve(folder(here.parent)) as server:
        urls = [f"{server.url}a/{name}.LBL" for name in NAMES]
        file = uvisxr.virtual(urls, out=tmp_path / "x.json")
        assert all(size < 3000 for size in server.sent)
        asked = len(server.requests)
        ds = cut(opened(file, web=True))
        assert len(server.requests) == asked
        one = ds.counts.isel(pic=6).load()
        part = f"bytes={FRAME}-{2 * FRAME - 1}"
        assert server.requests[asked:] == [(f"a/{NAMES[1]}.DAT", part)]
        assert server.sent[-1] == FRAME
    assert one.equals(uvisxr.open_observation(here).counts.isel(pic=6))


def test_where_others_find_them(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    expected = uvisxr.open_observation(here)
    with serve(folder(here.parent)) as server:
        file = uvisxr.virtual(here, out=tmp_path / "x.json", base=f"{server.url}a")
        assert cut(opened(file, web=True)).counts.equals(expected.counts)
        assert {path for path, _ in server.requests} == {f"a/{name}.DAT" for name in NAMES}
    file = uvisxr.virtual(here, out=tmp_path / "x.json", base=".")
    monkeypatch.chdir(here)
    assert cut(opened(file)).counts.equals(expected.counts)


def test_without_uvisxr(here: Path, tmp_path: Path):
    file = uvisxr.virtual(here, out=tmp_path / "x.json")
    code = (
        "import sys, xarray as xr\n"
        "ds = xr.open_dataset('reference://', engine='zarr', backend_kwargs={"
        f"'storage_options': {{'fo': {str(file)!r}}}}})\n"
        "print(int(ds.counts.isel(pic=2, pixel=slice(*ds.window_pixel), wl=slice(*ds.window_wl))"
        ".sum()))\n"
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
        assert cut(opened(file, group=name)).equals(node.to_dataset())


def test_data_in_archives(here: Path, tmp_path: Path):
    expected = uvisxr.open_observation(here).load()
    for name, how in zip(NAMES, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), strict=True):
        data = here / f"{name}.DAT"
        with zipfile.ZipFile(here / f"{name}.DAT.zip", "w", how) as archive:
            archive.write(data, data.name)
        data.unlink()
    file = uvisxr.virtual(here / f"{NAMES[0]}.LBL", out=tmp_path / "x.json")
    assert cut(opened(file)).counts.equals(expected.counts[:5])
    with pytest.raises(ProductError, match="is packed"):
        uvisxr.virtual(here, out=tmp_path / "x.json")


def test_the_command(here: Path, tmp_path: Path):
    wanted = ["virtual", str(here), "--out", str(tmp_path / "store")]
    answer = CliRunner().invoke(main, wanted)
    assert answer.exit_code == 0, answer.output
    file = Path(answer.output.strip())
    assert cut(opened(file)).equals(uvisxr.open_observation(here))
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
