"""docs/howto/batch.md: its examples run, and it names every option and every state."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import uvisxr
from uvisxr.batch import pipeline
from uvisxr.cli.batch import batch

PAGE = (Path(__file__).parents[1] / "docs" / "howto" / "batch.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_commands_and_the_pipeline_are_valid(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (text,), (commands,) = blocks("yaml"), blocks("sh")
    Path("pipeline.yaml").write_text(text)
    Path("kernels").mkdir()
    assert [step.name for step in pipeline.load("pipeline.yaml").steps] == [
        "geometry",
        "background",
        "calibrate",
    ]
    for line in commands.splitlines():
        words = shlex.split(line)
        assert words[:2] == ["uvisxr", "batch"]
        batch.make_context("batch", words[2:])


def test_every_option_is_named():
    options = {name for one in batch.params for name in one.opts if name.startswith("--")}
    assert options <= set(re.findall(r"--[\w-]+", PAGE))


@pytest.mark.parametrize("status", ["done", "failed", "copy"])
def test_every_state_is_named(status):
    assert f"| `{status}` |" in PAGE


@pytest.mark.slow
def test_the_python_runs(made, tmp_path: Path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    names = {"uvisxr": uvisxr, "made": made}
    exec(code, names)
    said = re.search(r"# (\d+ done, .*)", code)
    assert said is not None and str(names["summary"]) == said[1]
    assert "rate" in names["ds"]
