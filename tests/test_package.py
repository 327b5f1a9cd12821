"""The package as a whole: what importing it does, and what it must not."""

from __future__ import annotations

import ast
import inspect
import pydoc
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import xarray as xr
from helpers.interpreter import brought, python
from helpers.products import write_product

import uvisxr
from uvisxr import errors
from uvisxr.accessor import UvisAccessor
from uvisxr.dataset import forward
from uvisxr.dataset.forward import method


def test_import_brings_no_library_but_xarray():
    assert brought("import uvisxr", after="import xarray") == {"uvisxr"}


def test_engine_brings_no_library_into_programs_that_open_other_files():
    code = "xarray.backends.list_engines()['uvis'].guess_can_open('nothing.zarr')"
    after = "import xarray, importlib.metadata, netCDF4, scipy.io"
    assert brought(code, after) <= {"uvisxr"}
    assert brought("import uvisxr.reader.backend", after) == {"uvisxr"}


def test_import_and_opening_do_not_warn(tmp_path):
    label = write_product(tmp_path, "FUV2005_230_15_15", samples=3)
    code = "import sys, uvisxr; print(uvisxr.open_product(sys.argv[1]).sizes['pic'])"
    assert python("-c", code, str(label)).split() == ["3"]


@pytest.mark.parametrize("imports", ["import uvisxr, xarray", "import xarray, uvisxr"])
def test_accessor_is_there_whatever_is_imported_first(imports):
    assert python("-c", f"{imports}; print('uvis' in vars(xarray.Dataset))").strip() == "True"


def test_accessor_of_the_class_is_its_documentation():
    assert xr.Dataset.uvis is UvisAccessor
    text = pydoc.plain(pydoc.render_doc(xr.Dataset.uvis))
    assert "calibrate(self" in text
    assert "Steps of a UVIS reduction" in text


def test_accessor_that_cannot_be_imported_says_why(monkeypatch):
    """A dataset would take an AttributeError for its own: it had no `uvis` then."""

    def missing(function):
        raise AttributeError("module 'numpy' has no attribute 'float'")

    monkeypatch.delitem(sys.modules, "uvisxr.accessor")
    monkeypatch.setattr(forward, "method", missing)
    with pytest.raises(ImportError, match="'numpy' has no attribute 'float'"):
        _ = xr.Dataset().uvis


def test_every_error_is_a_uvis_error():
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, Exception) and not issubclass(kind, Warning):
            assert issubclass(kind, uvisxr.UvisError), name


def test_accessor_methods_show_the_functions_text_and_arguments():
    def twice(ds, factor=2, *, name="a"):
        """Twice."""
        return ds, factor, name

    class Accessor:
        def __init__(self, ds):
            self._ds = ds

        double = method(twice)

    assert Accessor("ds").double(3, name="b") == ("ds", 3, "b")
    assert Accessor.double.__doc__ == "Twice."
    assert str(inspect.signature(Accessor("ds").double)) == "(factor=2, *, name='a')"


def test_accessor_keeps_only_the_dataset():
    ds = xr.Dataset()
    assert vars(ds.uvis) == {"_ds": ds}


@pytest.mark.parametrize("name", uvisxr.__all__)
def test_public_names_exist(name):
    assert hasattr(uvisxr, name)
    assert name in dir(uvisxr)


def test_what_type_checkers_see_is_what_is_loaded():
    tree = ast.parse(Path(uvisxr.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    imported, seen = {}, {"UvisError", "UvisWarning", "__version__"}
    for statement in block.body:
        if isinstance(statement, ast.ImportFrom):
            where = f"uvisxr.{statement.module or ''}".rstrip(".")
            imported |= {alias.name: (where, alias.name) for alias in statement.names}
        else:
            # name = opener(module.name): the same function under another type.
            assert isinstance(statement, ast.Assign)
            name, opened = ast.unparse(statement.targets[0]), ast.unparse(statement.value)
            room, function = re.fullmatch(r"opener\((\w+)\.(\w+)\)", opened).groups()
            imported[name] = (".".join(imported[room]), function)
    for name in imported.keys() & set(uvisxr.__all__):
        module, attribute = imported[name]
        assert getattr(uvisxr, name) is getattr(import_module(module), attribute)
        seen.add(name)
    assert seen == set(uvisxr.__all__)


def test_types_are_there_at_run_time_too():
    assert python("-c", "import uvisxr; print(uvisxr.typing.UvisDataset.__name__)") == "Dataset\n"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'uvisxr' has no attribute 'open_prodcut'"):
        _ = uvisxr.open_prodcut


def _calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [(ast.unparse(call.func), call) for call in found]


def _keywords(call: ast.Call) -> dict[str, str]:
    return {key.arg: ast.unparse(key.value) for key in call.keywords if key.arg}


@pytest.mark.parametrize(
    "path", sorted(Path(uvisxr.__file__).parent.rglob("*.py")), ids=lambda path: path.name
)
def test_nothing_that_is_read_is_executed_or_unpickled(path):
    """What SECURITY.md promises."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    brought = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    never = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "code"}
    assert not brought & never
    for name, call in _calls(tree):
        keywords = _keywords(call)
        assert name not in ("eval", "exec", "compile", "os.system", "os.popen", "__import__")
        assert not name.startswith("os.exec") and not name.startswith("os.spawn")
        assert "shell" not in keywords and keywords.get("allow_pickle", "False") == "False"
        if name.startswith("yaml.") and not name.endswith("Error"):
            assert name == "yaml.safe_load" or keywords.get("Loader") == "_Loader"
        if name == "np.load":
            assert "allow_pickle" in keywords
        if name.startswith("subprocess."):
            assert path.name == "animation.py" and ast.unparse(call.args[0]) == "command"


def test_the_loader_of_pipelines_makes_plain_values_alone():
    pipeline = import_module("uvisxr.batch.pipeline")
    safe = pipeline._Loader.__mro__[1]
    assert safe.__name__ == "SafeLoader"
    assert pipeline._Loader.yaml_constructors == safe.yaml_constructors


def test_the_readme_lists_the_extras():
    root = Path(__file__).parents[1]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = extras["optional-dependencies"]
    rows = dict(re.findall(r"^\| `\[(\w+)\]` \| (.*?) \|", (root / "README.md").read_text(), re.M))
    assert rows.keys() == extras.keys()
    (parts,) = extras["all"]
    assert re.findall(r"`\[(\w+)\]`", rows["all"]) == parts[len("uvisxr[") : -1].split(",")
