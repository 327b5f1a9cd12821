"""The house as CONTRIBUTING.md draws it: its rooms, and the one way that imports go.

The map there is the only list of the rooms and of their order; these tests hold the code to it.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "uvisxr"
#: A room that holds more of the package's lines than this is several rooms.
LARGEST_SHARE = 0.14


def drawn() -> list[str]:
    """Rooms (`name/`) and modules (`name.py`) of the map in CONTRIBUTING.md, low to high."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(r"<!-- map -->\n```\w*\nuvisxr/\n(.*?)^```$", text, re.S | re.M)
    return re.findall(r"^  (\w+(?:/|\.py)) ", block, re.M)


def room(path: Path) -> str:
    """The room or top-level module that a file of the package belongs to, as the map names it."""
    first, *rest = path.relative_to(PACKAGE).parts
    return f"{first}/" if rest else first


MODULES = sorted(PACKAGE.rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """One import within the package, wherever it stands: at the top, in a function, for types."""

    source: Path
    line: int
    target: Path
    relative: bool

    def __str__(self) -> str:
        return f"{self.source.relative_to(ROOT)}:{self.line} imports {room(self.target)}"


def module_file(*parts: str) -> Path | None:
    """File of the module with that dotted name below the package, if there is one."""
    path = PACKAGE.joinpath(*parts)
    found = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in found if file.is_file()), None)


def imported(statement: ast.Import | ast.ImportFrom, source: Path) -> Iterator[Path]:
    """Files of the package that one import statement names."""
    if isinstance(statement, ast.Import):
        named = [(alias.name.split("."), "") for alias in statement.names]
    else:
        base = statement.module.split(".") if statement.module else []
        if statement.level:
            base = ["uvisxr", *source.relative_to(PACKAGE).parts[: -statement.level], *base]
        named = [(base, alias.name) for alias in statement.names]
    for (package, *parts), name in named:
        if package == "uvisxr":
            # What is no module is a name in the module before it.
            file = module_file(*parts, name) or module_file(*parts)
            assert file, f"{source.name}:{statement.lineno} imports what is not there"
            yield file


def imports() -> Iterator[Import]:
    for source in MODULES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                relative = isinstance(node, ast.ImportFrom) and node.level > 0
                for target in imported(node, source):
                    yield Import(source, node.lineno, target, relative)


@pytest.fixture(scope="module")
def arrows() -> list[Import]:
    found = list(imports())
    assert len(found) > len(MODULES)
    return found


def test_the_map_is_of_this_house():
    assert Counter(drawn()) == Counter({room(path) for path in MODULES})


def test_imports_go_down(arrows: list[Import]):
    order = drawn()
    up = [
        str(arrow)
        for arrow in arrows
        if order.index(room(arrow.source)) < order.index(room(arrow.target))
    ]
    assert not up


def test_no_circle(arrows: list[Import]):
    """Neither between rooms, whatever the map says, nor between the modules of a room."""
    rooms: dict[str, set[str]] = {}
    modules: dict[Path, set[Path]] = {}
    for arrow in arrows:
        if room(arrow.source) != room(arrow.target):
            rooms.setdefault(room(arrow.source), set()).add(room(arrow.target))
        modules.setdefault(arrow.source, set()).add(arrow.target)
    for graph in (rooms, modules):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            pytest.fail(" -> ".join(map(str, error.args[1])))


def test_nothing_imports_the_face(arrows: list[Import]):
    """Nor by an absolute name, which runs it: `from ..room import name` says how far it reaches."""
    face = PACKAGE / "__init__.py"
    assert not [str(arrow) for arrow in arrows if arrow.target == face or not arrow.relative]


def test_no_import_hides():
    """Only the face, which loads its names when they are asked for, imports by a text."""
    hidden = [path for path in MODULES if "import_module(" in path.read_text()]
    assert set(hidden) <= {PACKAGE / "__init__.py"}


def test_no_room_is_a_hall():
    lines: Counter[str] = Counter()
    for path in MODULES:
        lines[room(path)] += len(path.read_text().splitlines())
    largest, count = lines.most_common(1)[0]
    assert count / lines.total() < LARGEST_SHARE, largest


@pytest.mark.parametrize(
    ("code", "source", "expected"),
    [
        ("from .label import Label", "pds3/qube.py", ["pds3/label.py"]),
        ("from . import label, odl", "pds3/qube.py", ["pds3/label.py", "pds3/odl.py"]),
        ("from .. import errors", "pds3/qube.py", ["errors.py"]),
        ("from ..errors import UvisError as E", "pds3/__init__.py", ["errors.py"]),
        ("from . import pds3", "fetch.py", ["pds3/__init__.py"]),
        ("from .. import __version__", "pds3/qube.py", ["__init__.py"]),
        ("import uvisxr.pds3.qube", "fetch.py", ["pds3/qube.py"]),
        ("from uvisxr import fetch", "export.py", ["fetch.py"]),
        ("import uvisxr", "export.py", ["__init__.py"]),
        ("import json, numpy.typing", "export.py", []),
        ("from xarray import Dataset", "export.py", []),
    ],
)
def test_the_reading_of_imports(code: str, source: str, expected: list[str]):
    (statement,) = ast.parse(code).body
    assert isinstance(statement, ast.Import | ast.ImportFrom)
    found = list(imported(statement, PACKAGE / source))
    assert found == [PACKAGE / name for name in expected]
