"""Data to learn with: made once, whole, and found again."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.interpreter import python

import uvisxr
from uvisxr import tutorial
from uvisxr.errors import ArgumentError, ExportError
from uvisxr.simulate import Simulation, Window


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """One cache for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _in_the_cache(cache):
    with uvisxr.set_options(cache=cache):
        yield


@pytest.fixture
def small(monkeypatch) -> dict[str, object]:
    """The arguments of a "titan" that is made in a moment."""
    arguments = {"exposures": 2, "window": Window(2, 0, 61, 1023, 60, 1024), "stars": 0}
    arguments |= {"lost": 0, "partial": 0}
    monkeypatch.setitem(tutorial._ARGUMENTS, "titan", arguments)
    return arguments


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "titan",
        "windows",
        pytest.param("saturn", marks=pytest.mark.slow),
        pytest.param("titan_euv", marks=pytest.mark.slow),
    ],
)
def test_each_can_be_reduced_by_what_belongs_to_it(name):
    made = tutorial.simulation(name)
    opened = uvisxr.tutorial.open(name)
    trend = name != "titan_euv"
    with uvisxr.set_options(kernels=made.kernels, calibration=made.calibration):
        done = opened.uvis.geometry().uvis.background(level=4e-4).uvis.calibrate(trend=trend)
    nodes = [done] if isinstance(done, xr.Dataset) else list(done.children.values())
    truths = [made.truth] if isinstance(done, xr.Dataset) else list(made.truth.children.values())
    assert len(nodes) == (2 if name == "windows" else 1)
    for node, truth in zip(nodes, truths, strict=True):
        assert node.radiance.sizes == truth.radiance.sizes
        assert node.attrs["geometry_target"] == ("SATURN" if name == "saturn" else "TITAN")
        assert np.isfinite(node.radiance.values).mean() > 0.5


def test_options_are_those_of_opening():
    ds = uvisxr.tutorial.open("titan", chunks={"pic": 10}, name="flyby")
    assert ds.counts.chunksizes["pic"][0] == 10 and ds.attrs["name"] == "flyby"


def test_titan_is_the_first():
    assert uvisxr.tutorial.open().identical(uvisxr.tutorial.open("titan"))


def test_the_second_time_nothing_is_made(small, monkeypatch, tmp_path):
    with uvisxr.set_options(cache=tmp_path):
        first = uvisxr.tutorial.open("titan").load()
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        monkeypatch.setattr(tutorial, "observation", None)
        assert uvisxr.tutorial.open("titan").load().identical(first)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.slow
def test_other_arguments_or_versions_are_other_data(small, monkeypatch, tmp_path):
    with uvisxr.set_options(cache=tmp_path):
        tutorial.simulation("titan")
        small["seed"] = 5
        tutorial.simulation("titan")
        monkeypatch.setattr(tutorial, "__version__", "99")
        tutorial.simulation("titan")
    assert len(list((tmp_path / "tutorial").iterdir())) == 3


@pytest.mark.slow
def test_several_at_once(small, tmp_path):
    with uvisxr.set_options(cache=tmp_path), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: tutorial.simulation("titan").labels, range(4)))
    assert len(set(found)) == 1 and found[0]
    assert len(list((tmp_path / "tutorial").iterdir())) == 1


def test_what_fails_leaves_nothing(small, monkeypatch, tmp_path):
    def fail(directory: Path, **arguments: object) -> Simulation:
        (directory / "products").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(tutorial, "observation", fail)
    with uvisxr.set_options(cache=tmp_path), pytest.raises(KeyboardInterrupt):
        uvisxr.tutorial.open("titan")
    assert not list((tmp_path / "tutorial").iterdir())


def test_a_cache_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_text("")
    with (
        uvisxr.set_options(cache=tmp_path / "file"),
        pytest.raises(ExportError, match=r"set_options\(cache=\.\.\.\)"),
    ):
        uvisxr.tutorial.open("titan")


@pytest.mark.parametrize("name", ["tita", "", 3, None])
def test_an_unknown_name_names_those_there_are(name):
    said = "name=.*: expected one of 'titan', 'saturn', 'titan_euv', 'windows'"
    with pytest.raises(ArgumentError, match=said) as caught:
        uvisxr.tutorial.open(name)
    assert ("did you mean 'titan'?" in str(caught.value)) == (name == "tita")


def test_help_lists_the_names():
    text = tutorial.__doc__
    assert text is not None
    assert tuple(re.findall(r"^([a-z_]+) +(?:FUV|EUV):", text, re.M)) == tutorial.NAMES
    assert tutorial._ARGUMENTS.keys() == set(tutorial.NAMES)


@pytest.mark.slow
def test_importing_it_makes_nothing():
    assert python("-c", "import uvisxr; print(uvisxr.tutorial.NAMES[0])") == "titan\n"
