"""The pages of docs/ and the texts beside them: names, links, and code that runs."""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import re
import shlex
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import click
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
import yaml

import uvisxr
import uvisxr.catalogue.exports
from uvisxr.accessor import ArrayAccessor, TreeAccessor, UvisAccessor
from uvisxr.batch import pipeline
from uvisxr.catalogue import rows, schema, store
from uvisxr.cli import main
from uvisxr.dataset.bits import QUALITY_FLAGS
from uvisxr.dataset.conventions import VARIABLES
from uvisxr.plot import PlotAccessor
from uvisxr.reader import sources
from uvisxr.stars.flag_files import StarFlags

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
import site_links  # noqa: E402

#: Pages of the site, and texts of the repository beside them.
PAGES = sorted(path for path in DOCS.rglob("*.md") if "build" not in path.parts)
BESIDE = [*sorted(ROOT.glob("*.md")), ROOT / "paper" / "paper.md"]
TEXTS = [*PAGES, *BESIDE]

#: Pages whose code is run by tests of their own.
RUN_ELSEWHERE = {
    "docs/howto/batch.md": "test_batch_page.py",
    "docs/howto/catalogue.md": "test_catalogue_page.py",
    "docs/howto/search.md": "test_catalogue_search_page.py",
}

#: Pages that have nothing to look at or to run yet.
LACKING: set[str] = set()


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[tuple[int, str, bool]]:
    """Blocks of Python that the site only shows: line, code, and whether they can be run."""
    found = []
    for one in re.finditer(
        r"(?:^<!-- not run: (?P<why>.+) -->\n)?^```python\n(?P<code>.*?)^```$",
        text,
        re.MULTILINE | re.DOTALL,
    ):
        found.append((1 + text.count("\n", 0, one.start("code")), one["code"], not one["why"]))
    return found


# Code -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_code_that_is_only_shown_is_python(path: Path):
    for line, code, _ in blocks(path.read_text("utf-8")):
        compile("\n" * (line - 1) + code, path, "exec")


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_code_and_links_are_written_as_tests_find_them(path: Path):
    """Else nobody runs the one and follows the other."""
    text = path.read_text("utf-8")
    fences = re.findall(r"^([ \t]*[`~]{3,}) *([^`\s]+)", text, re.MULTILINE)
    for fence, language in fences:
        assert (fence, language) in {
            *(("```", one) for one in ("python", "ipython", "sh", "yaml")),
            *((fence, one) for one in ("{code-cell}", "{eval-rst}", "{include}", "{toctree}")),
        }, f"{fence}{language}"
    shown = "".join(part for part, is_code in site_links._texts(text) if not is_code)
    shown = re.sub(r"`[^`]*`", "", shown)
    assert not re.findall(r"^\[[^\]^]+\]: |<img |<a |\{(?:doc|ref|download)\}", shown, re.MULTILINE)


def commands(text: str) -> list[str]:
    """Calls of `uvisxr` in blocks for the shell and between backquotes."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    whole = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += [" ".join(one.split()) for one in re.findall(r"`(uvisxr [^`]+)`", whole)]
    found = [re.search(r"(?:^|/|uvisxr )uvisxr ((?:[a-z]|--).*)", line) for line in lines]
    return [one[1] for one in found if one]


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_commands_that_are_shown_are_commands_with_such_options(path: Path):
    for line in commands(path.read_text("utf-8")):
        group: click.Command = main
        words = shlex.split(line, comments=True)
        while isinstance(group, click.Group) and words and not words[0].startswith("-"):
            assert words[0] in group.commands, line
            group = group.commands[words.pop(0)]
        # Neither files nor values are looked at, and a text may name an option without its value.
        with contextlib.suppress(click.BadOptionUsage):
            group.make_parser(click.Context(group)).parse_args(words)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_code_says_where_the_simulation_and_the_package_are_from(path: Path):
    """Whoever pastes a page from its top on needs no other page for `uvisxr` and `made`."""
    known: set[str] = set()
    cells = r"^```(?:python|\{code-cell\}.*)\n((?::.*\n)*)(.*?)^```$"
    for one in re.finditer(cells, path.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(one[2])):
            if isinstance(node, ast.Import | ast.ImportFrom):
                known |= {made.asname or made.name.partition(".")[0] for made in node.names}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                known.add(node.id)
        asked = {node.id for node in ast.walk(ast.parse(one[2])) if isinstance(node, ast.Name)}
        assert asked & {"uvisxr", "made"} <= known, one[2]


@pytest.fixture
def folder(made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where examples find what they name: products, kernels, calibration files, a catalogue."""
    kernels = Path(made.kernels[0])
    for link, path in (
        ("products", made.labels[0].parent),
        ("FUV2006_015", made.labels[0].parent),
        ("kernels", kernels.parent),
        ("calibration", made.calibration),
    ):
        (tmp_path / link).symlink_to(path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UVISXR_KERNELS", str(kernels.parent))
    monkeypatch.setenv("UVISXR_CALIBRATION", str(made.calibration))
    return tmp_path


@pytest.fixture(scope="module")
def reduced(made) -> xr.Dataset:
    ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(alt_min=2000)
    return ds.uvis.calibrate(files=made.calibration).load()


def write_catalogue(made, folder: Path) -> None:
    """The catalogue of the simulated observation, without a batch."""
    (product,) = sources.expand(made.labels)
    found = rows.of(product, made.kernels)
    row = found.product | {"fingerprint": "", "indexed": np.datetime64("2026-01-01", "us").item()}
    with store.Writer(folder) as writer:
        writer.commit(pa.Table.from_pylist([row], schema=schema.of("products")), [found.spectra])


WITH_CODE = [
    path
    for path in TEXTS
    if name(path) not in RUN_ELSEWHERE and any(runs for *_, runs in blocks(path.read_text("utf-8")))
]


#: Those that take longer: all steps, pictures of every pixel, backplanes.
LONG = {"README.md", "docs/howto/check_stars.md", "docs/howto/fits.md"}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow if name(path) in LONG else (), id=name(path))
        for path in WITH_CODE
    ],
)
def test_code_that_is_only_shown_runs(path: Path, made, reduced, folder: Path, monkeypatch):
    """One block after the other, in one namespace; `ds` is there too, reduced."""
    text = path.read_text("utf-8")
    names = {"uvisxr": uvisxr, "made": made, "ds": reduced.copy()}
    monkeypatch.setattr(plt, "show", lambda: None)
    if '"catalogue/"' in text:
        write_catalogue(made, folder / "catalogue")
    if "import pystac" in text:
        pytest.importorskip("pystac")
        uvisxr.catalogue.exports.write_stac(folder / "catalogue", folder / "stac")
    for line, code, runs in blocks(text):
        if runs:
            with warnings.catch_warnings():
                # What they tell users of few instants and the like is no fault of the page.
                warnings.simplefilter("ignore", uvisxr.UvisWarning)
                exec(compile("\n" * (line - 1) + code, path, "exec"), names)
            plt.close("all")


@pytest.mark.parametrize("path", RUN_ELSEWHERE)
def test_code_that_another_test_runs_is_run_there(path: str):
    test = (ROOT / "tests" / RUN_ELSEWHERE[path]).read_text("utf-8")
    assert Path(path).name in test and "exec(" in test


# Links ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_links_lead_to_what_is_there(path: Path):
    text, wrong = path.read_text("utf-8"), []
    for link in site_links.found(text):
        leads = path.parent / link.path if link.path else path
        if DOCS / "reference" / "api" in leads.parents:
            # Made when the site is built: `test_links_to_the_api_...`.
            continue
        if leads.parent == DOCS / "tutorials" and leads.suffix == ".ipynb":
            leads = ROOT / "examples" / leads.name
        whole = leads.exists()
        if whole and link.anchor:
            whole = link.anchor in site_links.anchors(shown(leads))
        if not whole:
            wrong.append(f"{name(path)}:{link.line}: {link.path}#{link.anchor}")
    assert not wrong


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*.ipynb")), ids=name)
def test_links_of_notebooks_lead_to_what_is_there(path: Path):
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        for link in site_links.found("".join(cell["source"])):
            if cell["cell_type"] == "markdown" and link.path:
                leads = path.parent / link.path
                assert leads.exists(), link
                assert not link.anchor or link.anchor in site_links.anchors(shown(leads)), link


def shown(path: Path) -> str:
    """A page with the texts that it includes."""

    def text(one: re.Match[str]) -> str:
        return (path.parent / one[1]).read_text("utf-8")

    return re.sub(
        r"^```\{include\} (\S+)\n(?::.*\n)*```$", text, path.read_text("utf-8"), flags=re.M
    )


def test_links_and_headings_are_found_as_readers_see_them():
    page = "# A `b` c-d: [e](f.md)\n## A\n# A\n`[no](a.md)` [g](h.md#i)\n"
    page += "```\n[no](b.md)\n```\n![p](q.png)\n"
    assert [*site_links.found(page)] == [
        site_links.Link(1, "f.md", ""),
        site_links.Link(4, "h.md", "i"),
        site_links.Link(8, "q.png", ""),
    ]
    assert site_links.anchors(page) == {"a-b-c-d-e", "a", "a-1"}


def test_links_of_the_site_lead_to_its_pages_and_else_to_the_repository(tmp_path: Path):
    for there in ("SECURITY.md", "docs/project/security.md", "LICENSE", "uvisxr/typing.py"):
        (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / there).touch()
    for text, source, expected in (
        ("[a](docs/howto/maps.md#b)", "README.md", "[a](/howto/maps.md#b)"),
        ("[a](../../SECURITY.md)", "docs/project/index.md", "[a](/project/security.md)"),
        ("[a](LICENSE)", "README.md", f"[a]({site_links.GITHUB}/blob/main/LICENSE)"),
        ("[a](uvisxr)", "README.md", f"[a]({site_links.GITHUB}/tree/main/uvisxr)"),
        ("[a](examples/b.ipynb)", "README.md", "[a](/tutorials/b.ipynb)"),
        ("[a](../docs/b.md)", "examples/c.ipynb", "[a](/b.md)"),
        ("[a](api/c.rst)", "docs/reference/api.md", "[a](/reference/api/c.rst)"),
        ("![a](b.png) [a](https://b.c/d.md) [a](#e)", "README.md", None),
        ("`[a](LICENSE)`\n```\n[a](LICENSE)\n```\n", "README.md", None),
        ("[a](nowhere.md)", "README.md", None),
    ):
        assert site_links.on_site(text, source, tmp_path) == (expected or text)


def test_every_page_is_in_a_table_of_contents():
    listed = {DOCS / "index.md"}
    for path in PAGES:
        for body in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S
        ):
            for line in body.splitlines():
                entry = re.sub(r"^.*<(.*)>$", r"\1", line.strip())
                if entry and not entry.startswith(":"):
                    folder = DOCS if entry.startswith("/") else path.parent
                    listed.add(folder / f"{entry.strip('/')}.md")
    assert [name(path) for path in PAGES if path not in listed] == []
    made = {DOCS / "tutorials" / f"{one.stem}.md" for one in ROOT.glob("examples/*.ipynb")}
    assert made <= listed


def has_something(path: Path) -> bool:
    """Whether a page has a picture, code that is run, or what is made of the code or compared."""
    text = path.read_text("utf-8")
    compared = re.search(r"^<!-- compared: (\S+) -->$", text, re.MULTILINE)
    if compared:
        assert path.name in (ROOT / compared[1]).read_text("utf-8")
    return (
        bool(compared)
        or path.name == "index.md"
        or any(runs for *_, runs in blocks(text))
        or re.search(
            r"!\[.*\]\(|^```+\{(code-cell|figure|image|include)\}|^:::\{glossary\}|^<!-- made: "
            r"|^\.\. click::",
            text,
            re.MULTILINE,
        )
        is not None
    )


def test_every_page_has_a_picture_or_what_is_run_or_made():
    """Pages that list others, and texts that are shown from elsewhere, have not."""
    assert {name(path) for path in PAGES if not has_something(path)} == LACKING


def test_formulas_need_no_script_from_elsewhere():
    """TeX is drawn by MathJax, which the theme takes from the network; MathML by the browser."""
    for path in PAGES:
        text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert "$$" not in text, name(path)


def test_pictures_of_the_site_have_text_that_can_be_read_on_a_phone():
    style = mpl.rc_params_from_file(ROOT / "docs" / "matplotlibrc", use_default_template=False)
    assert style["font.size"] >= 12
    for path in PAGES:
        sizes = re.findall(r"\bfontsize=([\d.]+)", path.read_text("utf-8"))
        assert all(float(size) >= 9.5 for size in sizes), name(path)


def test_the_readme_stays_one_page():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 300


# Pictures ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures():
    pytest.importorskip("sphinx")
    import site_pictures

    return site_pictures


def test_pictures_lead_to_themselves_and_wide_ones_are_marked(pictures, tmp_path: Path):
    """As a page has them: one of its code, one with words of its own, one of a card."""
    from docutils import nodes
    from docutils.utils import new_document

    for key, pixels in (("a", 400), ("b", pictures.WIDE + 1), ("card", 2000)):
        plt.imsave(tmp_path / f"{key}.png", np.zeros((2, pixels)))
    (tmp_path / "mark.svg").write_text("<svg/>")
    files = {f"{key}.png": ({"x"}, f"{key}1.png") for key in ("a", "b", "card")}
    app = SimpleNamespace(
        srcdir=tmp_path,
        env=SimpleNamespace(images={**files, "mark.svg": ({"x"}, "mark.svg")}),
        builder=SimpleNamespace(imagedir="_images", get_target_uri=lambda name: f"{name}.html"),
    )
    part = nodes.section("", nodes.title("", "The limb"), ids=["limb"])
    part += nodes.image(uri="a.png")
    part += nodes.image(uri="b.png", alt="Titan")
    part += nodes.image(uri="card.png", classes=["sd-card-img-top"])
    part += nodes.image(uri="mark.svg")
    document = new_document("x")
    document += part
    pictures.linked(app, document, "howto/x")
    first, second, *others = part.children[1:]
    assert (first["refuri"], first[0]["alt"]) == ("../_images/a1.png", "The limb")
    assert (second["refuri"], second[0]["alt"]) == ("../_images/b1.png", "Titan")
    assert (first[0]["classes"], second[0]["classes"]) == ([], ["wide"])
    assert [type(one) for one in others] == [nodes.image, nodes.image]


def test_the_picture_of_the_front_page_fits_a_phone(pictures):
    assert pictures.width(ROOT / "examples" / "titan.png") <= pictures.WIDE


def test_no_text_of_a_link_is_a_path():
    """Pages of the site are known by what they are called."""
    for path in TEXTS:
        assert not re.findall(r"\[`?[\w./]+\.(?:md|ipynb|cff)`?\]\(", path.read_text("utf-8")), path


# The reference, made from the code --------------------------------------------------------------


@pytest.fixture(scope="module")
def api():
    pytest.importorskip("numpydoc")
    import site_api

    return site_api


@pytest.fixture(scope="module")
def tables(api):
    import site_tables

    return site_tables


def test_every_public_name_is_in_the_reference(api):
    known = api.names()
    for one in set(uvisxr.__all__) - set(api.ELSEWHERE):
        assert f"uvisxr.{one}" in known or any(p.title == f"uvisxr.{one}" for p in api.pages()), one
    for where, kind in (
        ("Dataset.uvis", UvisAccessor),
        ("Dataset.uvis.plot", PlotAccessor),
        ("Dataset.uvis.stars", StarFlags),
        ("DataTree.uvis", TreeAccessor),
        ("DataArray.uvis", ArrayAccessor),
    ):
        listed = {name for page in api.pages() for name, _ in page.listed}
        missing = [key for key in vars(kind) if key[0] != "_" and f"{where}.{key}" not in known]
        assert [key for key in missing if f"{where}.{key}" not in listed] == []


def test_every_function_for_users_is_in_the_reference(api):
    """By the decorator, which the pages are not made by."""
    explained = {inspect.unwrap(entry.thing) for p in api.pages() for entry in p.entries}
    named = {
        f"{one.__module__}.{one.__qualname__}" for one in explained if hasattr(one, "__module__")
    }
    for path in sorted((ROOT / "uvisxr").rglob("*.py")):
        room = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text("utf-8")
        for one in re.finditer(
            r"^@calls\.(?:public\(.*\)|constructor)\n(?:@.*\n)*(?:def|class) (\w+)", text, re.M
        ):
            assert f"{room}.{one[1]}" in named, f"{room}.{one[1]}"


def test_the_page_of_a_step_has_its_arguments_errors_and_example(api):
    (page,) = [page for page in api.pages() if page.title == "ds.uvis.background"]
    text = api.rst(page)
    assert ".. py:method:: Dataset.uvis.background(level=None, error=None, method='gaps'" in text
    assert "**alt_min**" in text and "MissingStepError" in text and ">>> ds = " in text
    assert "/blob/main/uvisxr/background.py" in text


def test_pages_that_docstrings_name_are_links(api, tables):
    (page,) = [page for page in api.pages() if page.title == "ds.uvis.map"]
    assert "what the errors are: :doc:`/howto/maps`." in api.rst(page)
    assert "[](/howto/backplanes.md) defines each" in tables.definitions()


def test_rows_of_tables_in_docstrings_begin_on_one_line(api):
    """Where the first cell has a text, a row begins: one of two lines would be cut in two."""
    for page in api.pages():
        for table in re.findall(
            r"^ *={3,} +=.*\n((?: *[^ =\n].*\n)+?) *={3,} +=", api.rst(page), re.M
        ):
            assert not re.findall(r"^ *\S[^\n]*?, {2,}\S.*$", table, re.MULTILINE), page.title


def test_every_variable_is_in_its_table(tables):
    text = tables.variables()
    for key, known in VARIABLES.items():
        (row,) = re.findall(rf"^\| `{key}` \| (.*) \|$", text, re.MULTILINE)
        unit, long_name, _ = (
            row.split(" | ", 2) if row.count(" | ") > 1 else (*row.split(" | "), "")
        )
        assert (unit, long_name) == (known.units or "", known.long_name)


def test_every_attribute_and_flag_is_defined(tables, made):
    attributes, flags = tables.attributes(), tables.flags()
    for key in QUALITY_FLAGS:
        assert f"| `{key}` | {QUALITY_FLAGS[key]} | " in flags
    for key in ("channel", "optics", "history", "calibrate_arguments", "kernels"):
        assert f"`{key}`" in attributes
    heads = re.findall(r"^(\S.*)\n-+$", inspect.cleandoc(uvisxr.__doc__), re.MULTILINE)
    made_of = tables.definitions()
    assert [head for head in heads if f"## {head}\n" not in made_of] == ["Attributes"]


def test_every_step_of_a_pipeline_is_listed_with_its_arguments(tables):
    text = tables.pipeline_steps()
    steps = re.findall(r"^### `(\w+)`$", text, re.MULTILINE)
    assert steps == ["open", *pipeline._methods(), "to_fits"]
    calibrate = text.split("### `calibrate`")[1].split("###")[0]
    listed = set(re.findall(r"^\| `(\w+)` ", calibrate, re.MULTILINE))
    assert listed == {*inspect.signature(pipeline._methods()["calibrate"]).parameters} - {"self"}
    assert "| `recipe` | 'upyp' or 'pds' | `upyp` |" in calibrate
    assert "a number or null; at least 0" in text.split("### `background`")[1]


def test_every_column_of_a_catalogue_is_listed(tables):
    text = tables.catalogue()
    for key, columns in schema.TABLES.items():
        part = text.split(f"## `{key}`")[1]
        for column, known in columns.items():
            assert re.search(rf"^\| `{column}`( \(key\))? \| {known.type} \| ", part, re.MULTILINE)


def test_every_kernel_set_and_class_is_listed(tables):
    text = tables.kernels()
    document = yaml.safe_load((ROOT / "kernels.yaml").read_text("utf-8"))
    for key in document["sets"]:
        assert f"| {key} | " in text
    for kind in ("pointing", "ephemeris"):
        for group, files in document[kind].items():
            assert f"| {kind} | {group} | {len(files.split())} | " in text
    assert "| pointing | reconstructed | 1002 | 2003-08-24 | 2017-09-19 |" in text


def test_every_environment_variable_is_listed(tables):
    """Against all that the code and its texts name, and what they put together."""
    named: set[str] = set()
    for path in (*(ROOT / "uvisxr").rglob("*.py"), ROOT / "kernels.yaml", *TEXTS):
        named |= set(re.findall(r"\bUVISXR_[A-Z_]+[A-Z]\b", path.read_text("utf-8")))
    named = {
        one
        for one in named
        if "_TEST_" not in one and one not in ("UVISXR_URL", "UVISXR_DOCS_INVENTORIES")
    }
    assert named == set(tables.ENVIRONMENT)


def test_every_error_says_what_to_do_and_who_raises_it(tables):
    text = tables.error_classes()
    assert set(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == set(tables.kinds())
    for part in text.split("\n## "):
        assert "**What to do.** " in part
    raised = tables.raisers()
    assert set(raised) <= {*tables.kinds(), "TypeError", "KeyError"}
    assert any("ds.uvis.bin" in link for link in raised["MissingStepError"])


def test_pages_ask_for_what_there_is(tables):
    asked = {place for path in PAGES for place in tables.PLACE.findall(path.read_text("utf-8"))}
    assert asked == set(tables.MADE)


def test_links_to_the_api_lead_to_pages(tables, api):
    files = {page.file for page in api.pages()}
    for path in PAGES:
        text = tables.filled(path.read_text("utf-8"))
        asked = [link.path for link in site_links.found(text) if "api/" in link.path]
        assert {Path(one).name.removesuffix(".rst") for one in asked} <= files
