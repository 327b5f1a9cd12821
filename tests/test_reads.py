"""What steps read besides products: whatever is changed of it makes outputs outdated."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import tinykernels as tiny

import uvisxr
from uvisxr import files
from uvisxr.batch import pipeline
from uvisxr.errors import ArgumentError


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but what a test gives."""
    for name in ("KERNELS", "CALIBRATION"):
        monkeypatch.delenv(f"UVISXR_{name}", raising=False)
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))


def changes(path: Path, *steps: Any, start: Path | None = None) -> bool:
    """Whether a change of a file shows; nothing else does."""
    digest = pipeline.load(steps).digest
    before = digest()
    assert digest() == before
    path.write_bytes(path.read_bytes() + b"\n")
    return digest() != before


def matrix(folder: Path) -> Path:
    """Label and data of a calibration matrix; their common base."""
    folder.mkdir()
    base = folder / "FUV2005_230_15_15_CAL_3"
    base.with_suffix(".LBL").write_text('PRODUCT_ID = "FUV2005_230_15_15_CAL_3"\nEND\n')
    base.with_suffix(".DAT").write_bytes(b"1234")
    return base


@pytest.mark.parametrize("given", [".LBL", ".DAT", ""])
@pytest.mark.parametrize("changed", [".LBL", ".DAT"])
def test_a_matrix_is_a_label_and_data(tmp_path: Path, monkeypatch, given: str, changed: str):
    base = matrix(tmp_path / "matrix")
    step = ("calibrate", {"files": f"{base}{given}"})
    assert changes(base.with_suffix(changed), step)
    monkeypatch.chdir(base.parent)
    step = ("calibrate", {"files": f"{base.name}{given}"})
    assert changes(base.with_suffix(changed), step)


def metakernel(folder: Path) -> tuple[Path, Path]:
    """A meta-kernel, and a kernel that it lists by a relative name."""
    listed = folder / "texts" / "naif0012.tls"
    listed.parent.mkdir()
    listed.write_text(tiny.LSK)
    path = folder / "all.tm"
    path.write_text("KPL/MK\n\\begindata\nKERNELS_TO_LOAD = 'texts/naif0012.tls'\n\\begintext\n")
    return path, listed


def by_argument(name: str, path: Path, monkeypatch) -> Any:
    return {name: [str(path)] if name == "kernels" else str(path)}


def by_variable(name: str, path: Path, monkeypatch) -> Any:
    kind = "KERNELS" if name == "kernels" else "CALIBRATION"
    monkeypatch.setenv(f"UVISXR_{kind}", str(path))
    return {}


def by_option(name: str, path: Path, monkeypatch) -> Any:
    monkeypatch.setattr(
        uvisxr.options, "current", lambda: uvisxr.options.Options(**options(name, path))
    )
    return {}


def options(name: str, path: Path) -> dict[str, Any]:
    return {"kernels": (str(path),)} if name == "kernels" else {"calibration": str(path)}


def in_the_cache(name: str, path: Path, monkeypatch) -> Any:
    monkeypatch.setenv("UVISXR_CACHE", str(path.parent))
    return {}


WAYS = [by_argument, by_variable, by_option, in_the_cache]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("step", "name"), [("geometry", "kernels"), ("calibrate", "files")])
def test_a_folder_is_all_files_in_it(tmp_path: Path, monkeypatch, way: Callable, step: str, name):
    folder = tmp_path / ("kernels" if name == "kernels" else "calibration")
    (tmp_path / "elsewhere").mkdir()
    (folder / "below").mkdir(parents=True)
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(tmp_path)
    files = [folder / "a", folder / "below" / "a", tmp_path / "elsewhere" / "a"]
    for file in files:
        file.write_text("1")
    arguments = way(name, folder, monkeypatch)
    for file in files:
        assert changes(file, (step, arguments))
        # It is not what other steps read.
        assert way is by_argument or not changes(file, "rate")


@pytest.mark.parametrize("way", WAYS[:3])
def test_a_meta_kernel_is_what_it_lists(tmp_path: Path, monkeypatch, way: Callable):
    path, listed = metakernel(tmp_path)
    arguments = way("kernels", path, monkeypatch)
    for file in (listed, path):
        assert changes(file, ("geometry", arguments))
    assert not changes(listed, ("calibrate", arguments if way is not by_argument else {}))


def test_stars_of_the_cache(tmp_path: Path):
    catalogue = tmp_path / "cache" / "stars" / "catalog.dat"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_text("1")
    assert changes(catalogue, "predict_stars")


def test_what_is_wrong_with_a_path_is_left_to_the_step(tmp_path: Path, monkeypatch):
    broken = tmp_path / "broken.tm"
    broken.write_text("KPL/MK\n\\begindata\nKERNELS_TO_LOAD = ('none'\n\\begintext\n")
    os.mkfifo(tmp_path / "pipe")
    for name in ("none", "~nobody-at-all/x", str(broken), str(tmp_path / "pipe"), 5000 * "x"):
        assert pipeline.load([("geometry", {"kernels": name})]).digest()
        assert pipeline.load([("calibrate", {"files": name})]).digest()
        monkeypatch.setenv("UVISXR_KERNELS", name)
        assert pipeline.load(["geometry"]).digest()
        monkeypatch.setenv("UVISXR_CALIBRATION", name)
        assert pipeline.load(["calibrate"]).digest()


def test_too_many_files(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(files, "_FILES", 2)
    for number in range(3):
        (tmp_path / str(number)).touch()
    with pytest.raises(ArgumentError, match=f"{tmp_path} holds more than 2 files"):
        pipeline.load([("calibrate", {"files": str(tmp_path)})]).digest()
