"""How the site is built: `sphinx-build -W docs build/site` with the extra `[docs]`."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx import addnodes
from sphinx.application import Sphinx

from uvisxr import __version__

HERE = Path(__file__).parent
ROOT = HERE.parent

# Kernels, calibration files and the cache of whoever builds play no part.
INVENTORIES = os.environ.pop("UVISXR_DOCS_INVENTORIES", "")
for name in [name for name in os.environ if name.startswith("UVISXR_")]:
    del os.environ[name]
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")

sys.path.insert(0, str(HERE / "_ext"))
import site_api  # noqa: E402
import site_links  # noqa: E402
import site_pictures  # noqa: E402
import site_tables  # noqa: E402

project = "uvisxr"
author = "uvisxr developers"
copyright = author  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = ["myst_nb", "sphinx_click", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_ext", "build", "**.ipynb_checkpoints"]

# Links to other projects' pages need the network: only where it is asked for.
if INVENTORIES:
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "xarray": ("https://docs.xarray.dev/en/stable", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "dask": ("https://docs.dask.org/en/stable", None),
    }

# Pages are MyST; those with {code-cell} are run, and so are the notebooks of examples/.
myst_enable_extensions = ["colon_fence", "deflist", "substitution"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_render_markdown_format = "myst"  # with tables, which CommonMark has not

html_theme = "pydata_sphinx_theme"
html_title = f"uvisxr {release}"
html_favicon = mark = "_static/mark.svg"
html_theme_options = {
    "logo": {
        "image_light": "_static/mark.svg",
        "image_dark": "_static/mark.svg",
        "text": html_title,
    },
    "github_url": site_links.GITHUB,
    "use_edit_page_button": False,
    "show_toc_level": 2,
    "navigation_with_keys": True,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_static_path = ["_static"]
html_css_files = ["uvisxr.css"]
html_show_sourcelink = False

# Prompts of examples stay where they are when one is copied, and so does what they print.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

default_role = "name"
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"


def _written(path: Path, text: str) -> None:
    """Pages that are as they were keep their time, so that they are not built again."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _examples() -> None:
    """The notebooks of examples/ are the tutorials."""
    for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
        target = HERE / "tutorials" / notebook.name
        if not target.exists() or target.read_bytes() != notebook.read_bytes():
            shutil.copyfile(notebook, target)


def _api() -> None:
    """A page for each public name."""
    folder = HERE / "reference" / "api"
    made = {folder / f"{page.file}.rst": site_api.rst(page) for page in site_api.pages()}
    for path in set(folder.glob("*.rst")) - made.keys():
        path.unlink()
    for path, text in made.items():
        _written(path, text)


def _read(app: Sphinx, docname: str, content: list[str]) -> None:
    """A page as it is read: with what is made of the code, and with links of the site."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".ipynb":
        content[0] = site_links.notebook_on_site(content[0], f"examples/{path.name}")
    elif path.suffix == ".md":
        text = site_tables.filled(content[0])
        content[0] = site_links.on_site(text, path.relative_to(ROOT).as_posix())


def _included(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    """A text from elsewhere: its links are relative to where it lies."""
    source = Path(os.path.normpath(HERE / path))
    if source.suffix == ".md" and source.is_relative_to(ROOT):
        content[0] = site_links.on_site(content[0], source.relative_to(ROOT).as_posix())


def _name(
    role: str, raw: str, text: str, line: int, inliner: Inliner, *_: object
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Text between single backquotes: code, and a link if it begins with a public name."""
    shown = nodes.literal(raw, text, classes=["xref", "py"])
    found = re.match(r"~?[A-Za-z_][\w.]*", text.replace("\x00", ""))
    if not found:
        return [shown], []
    target = re.sub(r"^(ds|tree|array)\.uvis", _accessor, found[0].strip("~."))
    link = addnodes.pending_xref(
        "", shown, refdomain="py", reftype="obj", reftarget=target, refexplicit=True, refwarn=False
    )
    return [link], []


def _accessor(found: re.Match[str]) -> str:
    return {"ds": "Dataset", "tree": "DataTree", "array": "DataArray"}[found[1]] + ".uvis"


def _unlinked(app: Sphinx, document: nodes.document) -> None:
    """Addresses that are only examples, `tcp://HOST:8786` or a bare `https://`, lead nowhere."""
    for link in list(document.findall(nodes.reference)):
        at = urlsplit(link.get("refuri", ""))
        if "://" in link.get("refuri", "") and not (at.netloc and at.scheme in ("http", "https")):
            link.replace_self(nodes.literal("", link.astext()))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("name", _name)
    app.connect("source-read", _read)
    app.connect("include-read", _included)
    app.connect("doctree-read", _unlinked)
    app.connect("doctree-resolved", site_pictures.linked)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


_examples()
_api()
