"""Recipes and images of the package agree with it; none is built here."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from uvisxr import __version__
from uvisxr.cli import main

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RECIPE = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())

#: What conda-forge calls things that have another name there, in small letters.
IN_CONDA = {"dask": "dask-core", "matplotlib": "matplotlib-base", "astropy": "astropy-base"}


def bounds(requirements: list[str]) -> dict[str, str]:
    """Lower bound of each requirement, extras of dask aside, by conda-forge's name."""
    found = {}
    for one in requirements:
        match = re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])? ?>=([\d.]+)", one)
        assert match, one
        found[IN_CONDA.get(match[1].lower(), match[1].lower())] = match[2]
    return found


def test_recipe_asks_for_what_the_package_asks_for():
    python, *others = RECIPE["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    assert f">={RECIPE['context']['python_min']}" == PROJECT["requires-python"]
    assert bounds(others) == bounds(PROJECT["dependencies"])


def test_recipe_bounds_what_extras_bring():
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    allowed = bounds([one for one in extras if re.fullmatch(r"[\w.-]+>=[\d.]+", one)])
    assert bounds(RECIPE["requirements"]["run_constraints"]).items() <= allowed.items()


def test_recipe_is_of_this_package():
    assert RECIPE["context"]["version"] == __version__
    about = RECIPE["about"]
    assert about["license"] == PROJECT["license"]
    assert about["summary"] == PROJECT["description"]
    assert about["homepage"] == PROJECT["urls"]["Homepage"]
    scripts = [f"{name} = {where}" for name, where in PROJECT["scripts"].items()]
    assert RECIPE["build"]["python"]["entry_points"] == scripts


def instructions() -> list[tuple[str, str]]:
    """Words of the Dockerfile and what follows each, with continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    pairs = [line.split(None, 1) for line in lines if line.strip()]
    return [(word, rest) for word, rest in pairs]


def sent() -> set[str]:
    """What .dockerignore, which leaves out all but its exceptions, lets through."""
    first, *others = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert first == "*"
    return {line[1:] for line in others if line.startswith("!")}


def test_what_the_image_copies_is_there_and_is_sent():
    copied = [
        source
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in shlex.split(rest)[:-1]
    ]
    assert set(copied) == sent()
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_has_all_that_builds_the_wheel():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    wheel = tools["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], PROJECT["readme"], "pyproject.toml"}
    assert needed | {*PROJECT["license-files"]} == sent()


def test_the_image_runs_commands_that_exist_and_not_as_root():
    found = instructions()
    words = [word for word, _ in found]
    assert set(words) <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "CMD"}
    assert words[-1] == "CMD" and words.index("USER") < words.index("CMD")
    (user,) = [rest for word, rest in found if word == "USER"]
    assert user != "root"
    (command,) = [json.loads(rest) for word, rest in found if word == "CMD"]
    assert command[0] in PROJECT["scripts"] and command[1] in main.commands
    declared = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.M)
    for word, rest in found:
        if word == "FROM":
            assert re.match(r"python:(3\.\d+)-slim", rest)[1] in declared


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_forms_of_issues_are_forms(name):
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text())
    assert form["name"] and form["description"]
    ids = [part["id"] for part in form["body"]]
    assert len(set(ids)) == len(ids) and all(part["attributes"]["label"] for part in form["body"])


def test_the_papers_references_are_there():
    text = (ROOT / "paper" / "paper.md").read_text()
    cited = set(re.findall(r"@([\w-]+)", text.split("---", 2)[2]))
    listed = re.findall(r"^@\w+\{([\w-]+),", (ROOT / "paper" / "paper.bib").read_text(), re.M)
    assert len(set(listed)) == len(listed)
    assert cited == set(listed)
