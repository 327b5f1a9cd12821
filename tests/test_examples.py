"""The notebooks in examples/ run from top to bottom, and are kept without outputs."""

from __future__ import annotations

import warnings
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks():
    names = {path.stem for path in NOTEBOOKS}
    assert names >= {"titan_limb", "saturn_aurora", "batch_with_dask"}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("matplotlib")
    pytest.importorskip("distributed")
    from nbclient import NotebookClient

    # Whatever a notebook makes goes where pytest clears up.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    with warnings.catch_warnings():
        # Of the machinery that talks to the kernel, not of the notebook.
        warnings.simplefilter("ignore")
        NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        ).execute()
    shown = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    assert not [o["text"] for o in shown if "Warning" in o.get("text", "")]
    assert any("image/png" in o.get("data", {}) or "text" in o for o in shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_clean(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 20000
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_says_how_to_use_real_data(path: Path):
    texts = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
    assert sum("To work on" in text and "uvisxr fetch" in text for text in texts) == 1
