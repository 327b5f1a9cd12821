"""docs/howto/catalogue.md: its examples run, and it names every option, column and file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import uvisxr
from uvisxr.catalogue import schema
from uvisxr.cli.catalogue import catalogue

PAGE = (Path(__file__).parents[1] / "docs" / "howto" / "catalogue.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_commands_are_valid(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("kernels").mkdir()
    (commands,) = blocks("sh")
    for line in commands.splitlines():
        words = shlex.split(line)
        assert words[:2] == ["uvisxr", "catalogue"]
        catalogue.commands[words[2]].make_context(words[2], words[3:])


def test_every_option_is_named():
    options = {name for one in catalogue.commands["build"].params for name in one.opts}
    options = {name for name in options if name.startswith("--")}
    assert options <= set(re.findall(r"--[\w-]+", PAGE))


def test_the_columns_are_those_of_the_schema():
    tables = dict(re.findall(r"^### `(\w+)`\n\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))
    assert list(tables) == list(schema.TABLES)
    for name, columns in schema.TABLES.items():
        lines = [line for line in tables[name].splitlines() if line.startswith("| `")]
        assert lines == [
            f"| `{key}` | {column.type} | {column.units} | {column.text} |"
            for key, column in columns.items()
        ]
    assert f"Version of the columns: {schema.VERSION}." in PAGE


@pytest.mark.slow
def test_the_python_runs(made, tmp_path: Path, monkeypatch, capsys):
    for library in ("distributed", "duckdb", "pandas"):
        pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    building, reading = blocks("python")
    names = {"uvisxr": uvisxr, "made": made}
    exec(building, names)
    said = re.search(r"# (\d+ done, .*)", building)
    assert said is not None and str(names["summary"]) == said[1]
    exec(reading, names)
    limb = names["spectra"]
    assert len(limb) == 720 and not limb["lat"].isna().all()
    assert names["products"]["spectra"].tolist() == [720]
    assert "spectra   720" in capsys.readouterr().out
