"""How the site is built: `sphinx-build -W docs build/site` with the extra `[docs]`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

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
