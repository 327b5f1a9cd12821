"""How the site is built: `sphinx-build -W docs build/site` with the extra `[docs]`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from uvisxr import __version__

HERE = Path(__file__).parent
ROOT = HERE.parent

project = "uvisxr"
author = "uvisxr developers"
version = release = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
]

exclude_patterns = ["build", "**.ipynb_checkpoints"]

# Pages are MyST; those with {code-cell} are run, and so are the notebooks of examples/.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "amsmath", "substitution"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True

html_theme = "pydata_sphinx_theme"
html_title = f"uvisxr {release}"
html_theme_options = {
    "use_edit_page_button": False,
    "show_toc_level": 2,
    "navigation_with_keys": True,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
}
html_static_path = ["_static"]
html_css_files = ["uvisxr.css"]

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False

# Kernels, calibration files and the cache of whoever builds play no part.
for name in [name for name in os.environ if name.startswith("UVISXR_")]:
    del os.environ[name]
os.environ.setdefault("MPLBACKEND", "agg")


def _examples() -> None:
    """The notebooks of examples/ are the tutorials."""
    folder = HERE / "tutorials"
    for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
        target = folder / notebook.name
        if not target.exists() or target.read_bytes() != notebook.read_bytes():
            shutil.copyfile(notebook, target)


_examples()

# Files at the top of the repository are pages; links between them say where the files are.
_PAGES = {
    "README.md": "index",
    "CHANGELOG.md": "project/changelog",
    "CODE_OF_CONDUCT.md": "project/code_of_conduct",
    "CONTRIBUTING.md": "project/contributing",
    "SECURITY.md": "project/security",
}


def _link_pages(app: Sphinx, doctree: nodes.document) -> None:
    for node in doctree.findall(pending_xref):
        # MyST leaves the ending of a file that it does not find.
        name = Path(node["reftarget"]).name.removesuffix(".md") + ".md"
        if name in _PAGES and node.get("reftype") in ("myst", "doc", None):
            node["refdomain"], node["reftype"] = "doc", None
            node["reftarget"] = _PAGES[name]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", _link_pages)
