"""docs/howto/search.md: its examples run, and it names every argument and option."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import uvisxr
from uvisxr.catalogue import expression, rows, schema, store
from uvisxr.catalogue.search import Found
from uvisxr.cli.search import search
from uvisxr.reader import sources

PAGE = (Path(__file__).parents[1] / "docs" / "howto" / "search.md").read_text("utf-8")


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of the simulated observation."""
    folder = tmp_path_factory.mktemp("page")
    (product,) = sources.expand(made.labels)
    found = rows.of(product, made.kernels)
    row = found.product | {"fingerprint": "", "indexed": np.datetime64("2026-01-01", "us").item()}
    with store.Writer(folder / "catalogue") as writer:
        table = pa.Table.from_pylist([row], schema=schema.of("products"))
        writer.commit(table, [found.spectra])
    return folder


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_commands_are_valid():
    (commands,) = blocks("sh")
    for line in commands.splitlines():
        words = shlex.split(line)
        assert words[:2] == ["uvisxr", "search"]
        search.make_context("search", words[2:])


def test_the_python_runs(folder, monkeypatch):
    monkeypatch.chdir(folder)
    answers, conditions = blocks("python")
    names = {"uvisxr": uvisxr}
    exec(answers, names)
    count = int(re.search(r"(\d+) spectra of", answers)[1])
    assert len(names["found"]) == names["frame"].shape[0] == names["ds"].sizes["spectrum"] == count
    exec(conditions, names)


def test_everything_is_named():
    options = {name for one in search.params for name in (*one.opts, *one.secondary_opts)}
    assert {name for name in options if name.startswith("--")} <= set(re.findall(r"--[\w-]+", PAGE))
    asked = PAGE.split("## What can be asked")[1].split("## ")[0]
    arguments = [*inspect.signature(uvisxr.search).parameters][1:]
    assert {*arguments} <= set(re.findall(r"`(\w+)`", asked))
    answers = {n for n in vars(Found) if not n.startswith("_")} - {"catalogue"}
    assert answers <= set(re.findall(r"found\.(\w+)\(", PAGE))
    assert f"{expression.LONGEST:,} letters" in PAGE and f"{expression.DEEPEST} deep" in PAGE


@pytest.fixture(scope="module")
def located(made) -> dict[str, np.ndarray]:
    """What `ds.uvis.geometry` says of the same product, in the precision of the catalogue."""
    ds = made.open().uvis.geometry(kernels=made.kernels)
    names = ("lat", "alt", "sza", "phase", "lon", "lt")
    found = {name: ds[name].values.astype("f4") for name in names}
    corners = {
        f"{name}_all": np.concatenate(
            [ds[name].values[..., None], ds[f"{name}_corners"].values], axis=-1
        ).astype("f4")
        for name in ("lat", "alt")
    }
    return found | corners


@pytest.mark.parametrize("seed", range(30))
def test_questions_to_what_was_opened(seed, folder, located):
    """Random questions find the pixels that the opened dataset itself has for them."""
    rng = np.random.default_rng(seed)
    mode = str(rng.choice(["center", "all"]))
    given: dict[str, object] = {"mode": mode}
    keep = np.ones(located["lat"].shape, bool)
    periods = {"lat": 0, "alt": 0, "sza": 0, "phase": 0, "lon": 360, "lt": 24}
    for name, period in periods.items():
        # Corners have no order in longitude.
        if rng.random() < 0.6 or (name == "lon" and mode == "all"):
            continue
        known = located[name][np.isfinite(located[name])]
        low, high = map(float, rng.choice(known, 2))
        low, high = (low, high) if period else sorted((low, high))
        given[name] = low, high
        whole = mode == "all" and name in ("lat", "alt")
        x = located[f"{name}_all" if whole else name]
        with np.errstate(invalid="ignore"):
            inside = (x >= low) & (x <= high)
            if period and low > high:
                inside = (x >= low) | (x <= high)
        keep &= inside.all(axis=-1) if whole else inside
    if rng.random() < 0.5:
        given["where"] = "sind(lat) > 0.3 OR sza > 60"
        with np.errstate(invalid="ignore"):
            keep &= (np.sin(np.deg2rad(located["lat"])) > 0.3) | (located["sza"] > 60)
    found = uvisxr.search(folder / "catalogue", target="TITAN", exclude=(), **given)
    table = found.to_arrow(["pic", "pixel"])
    got = np.stack([np.asarray(table["pic"]), np.asarray(table["pixel"])], axis=1)
    assert got.tolist() == np.argwhere(keep).tolist(), given
