"""The demonstration: what it writes, what it says, and that it comes close to the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from helpers.absent import hide

from uvisxr import load_json
from uvisxr.cli import demonstration, main
from uvisxr.cli.demonstration import Demonstration, Figure, demonstrate


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "made" / "here"
    folder.parent.mkdir()
    result = CliRunner().invoke(main, ["demo", str(folder)])
    assert result.exit_code == 0, result.output
    return folder, result.stdout


def _rows(text: str) -> dict[str, list[float]]:
    """Numbers of each line of the table."""
    found = {}
    for line in text.split("\n\n")[0].splitlines()[1:]:
        words = line.split("  ")
        numbers = [float(w) for w in words[1:] if w.strip() and w.strip()[0] in "0123456789"]
        found[words[0]] = numbers
    return found


def test_table_agrees_with_the_truth(run):
    rows = _rows(run[1])
    assert rows["lost spectra"] == [12, 12]
    recovered, error, true = rows["background"]
    assert abs(recovered - true) < 3 * error
    recovered, true = rows["peak of the limb"]
    assert abs(recovered - true) < 50
    lines = [name for name in rows if "," in name]
    assert len(lines) == 4
    for name in lines:
        recovered, error, systematic, true = rows[name]
        assert 0 < error < systematic
        assert abs(recovered - true) < max(0.02 * true, 3 * error), name


def test_every_file_named_is_there(run):
    folder, text = run
    named = [line.split("  ")[0] for line in text.split("\n\n")[1].splitlines()]
    assert len(named) >= 7
    for name in named:
        path = Path(name)
        assert path.exists() and folder in path.parents
        assert path.is_dir() or path.stat().st_size > 500


def test_pictures_are_drawn(run):
    pytest.importorskip("matplotlib")
    for name in ("scene", "picture", "spectrum", "limb"):
        assert (run[0] / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_netcdf_holds_every_step(run):
    with xr.open_dataset(run[0] / "titan.nc") as ds:
        steps = [line.split(": ")[1].split("(")[0] for line in ds.attrs["history"].splitlines()]
        assert steps == ["open_observation", "geometry", "flag", "background", "calibrate"]
        assert ds.sizes["pic"] == 60
    with xr.open_dataset(run[0] / "limb.nc") as bins:
        assert bins.n.sum() > 1000


def test_json_is_the_summary(run):
    content = json.loads((run[0] / "titan.json").read_text())
    assert content["channel"] == "FUV"
    assert load_json(run[0] / "titan.json")["name"] == content["name"]


@pytest.mark.slow
def test_without_matplotlib(tmp_path, monkeypatch):
    hide(monkeypatch, "matplotlib", "uvisxr.plot")
    made = demonstrate(tmp_path)
    assert "uvisxr[plot]" in made.note
    assert not list(tmp_path.glob("*.png"))
    assert (tmp_path / "titan.nc").exists()


def test_a_folder_that_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    result = CliRunner().invoke(main, ["demo", str(path)])
    assert result.exit_code == 2
    result = CliRunner().invoke(main, ["demo", str(path / "below")])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2 and "cannot write" in result.stderr


@pytest.mark.parametrize("name", ["titan.nc", "titan.json", "limb.nc", "scene.png", "limb.png"])
def test_files_of_the_user_stay(tmp_path, name):
    (tmp_path / name).write_text("mine")
    result = CliRunner().invoke(main, ["demo", str(tmp_path)])
    assert result.exit_code == 1
    assert name in result.stderr and "another directory" in result.stderr
    assert [path.name for path in tmp_path.rglob("*")] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_all_that_is_written_is_looked_for_first(run):
    folder = run[0]
    written = {path.name for path in folder.iterdir() if path.is_file()} - {"truth.nc"}
    assert written == set(demonstration._WRITTEN)
    # What an earlier demonstration has written is no reason to stop.
    demonstration._check(folder)


def test_table_lines_up():
    figures = [
        Figure("a", "km", 1.0, np.nan, np.nan, 2.0),
        Figure("longer name", "", 3.14159, 0.01, 0.2, 3.0),
    ]
    text = Demonstration(Path(), {}, figures, "").table().splitlines()
    assert text[1].startswith("a            ") and text[1].endswith("2  km")
    assert "3.142" in text[2] and "0.01" in text[2]
