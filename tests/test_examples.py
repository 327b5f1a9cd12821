"""Notebooks and programs in examples/ run; notebooks are kept without outputs."""

from __future__ import annotations

import builtins
import importlib.util
import re
import symtable
import sys
import warnings
from pathlib import Path

import nbformat
import numpy as np
import pytest

import uvisxr
from uvisxr.simulate import Window

FOLDER = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks():
    names = {path.stem for path in NOTEBOOKS}
    assert names == {
        *("titan_limb", "saturn_aurora", "rings", "occultation"),
        *("batch_with_dask", "from_cassini_upyp"),
    }


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
    for cell in notebook.cells:
        if cell.cell_type == "code" and re.search(r"\.plot\.\w+\(", cell.source):
            assert any("image/png" in o.get("data", {}) for o in cell.outputs), cell.source
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


def names_of(code: str) -> tuple[set[str], set[str]]:
    """The names of the module that code needs, and those that it makes."""
    needed, given = set(), set()
    tables = [symtable.symtable(code, "cell", "exec")]
    for table in tables:
        tables += table.get_children()
        for one in table.get_symbols():
            if table.get_type() != "module" and not one.is_global():
                continue
            if one.is_referenced():
                needed.add(one.get_name())
            if one.is_assigned() or one.is_imported():
                given.add(one.get_name())
    return needed - vars(builtins).keys(), given


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_for_real_data_need_nothing_of_the_simulation(path: Path):
    """With the cell replaced as the text says, and those of the simulation left out."""
    cells = nbformat.read(path, as_version=4).cells
    (at,) = [n for n, cell in enumerate(cells) if "To work on" in cell.source]
    assert "replace the next cell with" in cells[at].source and cells[at + 1].cell_type == "code"
    cells[at + 1].source = re.search(r"```python\n(.*?)```", cells[at].source, re.DOTALL)[1]
    known: set[str] = set()
    for cell in cells:
        if cell.cell_type == "code" and not cell.source.startswith("# Only of a simulation"):
            needed, given = names_of(cell.source)
            known |= given
            assert needed <= known, cell.source


@pytest.fixture
def which_calibration(monkeypatch: pytest.MonkeyPatch):
    """The program, as a module."""
    spec = importlib.util.spec_from_file_location(
        "which_calibration", FOLDER / "which_calibration.py"
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def tables(text: str) -> list[dict[str, list[float]]]:
    """Numbers of each Markdown table that has some, by the words of the row."""
    number = re.compile(r"–|\d\.\d{3}")
    found: list[dict[str, list[float]]] = []
    for block in text.split("\n\n"):
        rows = [
            [c.strip() for c in line.strip("|").split(" | ")] for line in block.splitlines()[2:]
        ]
        if not block.startswith("| ") or not number.fullmatch(rows[0][-1]):
            continue
        found.append({})
        for row in rows:
            values = [c for c in row if number.fullmatch(c)]
            words = " ".join(row[: len(row) - len(values)])
            found[-1][words] = [np.nan if v == "–" else float(v) for v in values]
    return found


@pytest.mark.slow
def test_which_calibration_runs_on_a_simulation(which_calibration, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("UVISXR_TEST_DATA", raising=False)
    which_calibration.main(["--figure", str(tmp_path / "a.png")])
    same, others, recipes, tools = tables(capsys.readouterr().out)
    assert (tmp_path / "a.png").stat().st_size > 20000
    for background in ("none", "4.5e-4 count/s"):
        assert same[f'{background} `"mask"`'][:3] == [1, 1, 1]
        assert np.isnan(same[f'{background} `"mask"`'][3:]).all()
        np.testing.assert_allclose(same[f'{background} `"auto"`, own table'], 1, atol=0.03)
    assert len(others) == 2 * 5 * 4
    np.testing.assert_allclose(recipes['`"upyp"`, `wl_interp="linear"`'], 0.91, atol=0.002)
    assert tools["Cassini-UPyP"][:3] == [1, 1, 1]


@pytest.mark.slow
def test_page_has_the_tables_of_the_real_rings(which_calibration, data, capsys):
    which_calibration.main([str(data)])
    printed = tables(capsys.readouterr().out)
    page = tables((FOLDER.parent / "docs" / "howto" / "calibration.md").read_text("utf-8"))
    for table in (printed[0], printed[2], printed[3]):
        (same,) = [one for one in page if one.keys() == table.keys()]
        np.testing.assert_allclose(list(same.values()), list(table.values()), atol=0.0015)


def test_which_calibration_draws_choices_that_are_told_apart_in_grey(which_calibration):
    looks = which_calibration.LOOKS
    for name in ("marker", "linestyle"):
        assert len({look.get(name, "-") for look in looks}) == len(looks)


@pytest.mark.slow
def test_which_calibration_sums_as_the_instrument_does(which_calibration, tmp_path):
    fine, coarse = (
        uvisxr.simulate.observation(
            tmp_path / str(band_bin),
            exposures=2,
            window=Window(0, 0, 63, 1023, band_bin=band_bin, line_bin=line_bin),
            stars=0,
            lost=0,
            partial=0,
        ).open()
        for band_bin, line_bin in ((2, 1), (32, 4))
    )
    made = which_calibration.summed(fine.load(), 32, 4)
    assert made.counts.shape == coarse.counts.shape
    for pixel, wl in ((3, 0), (7, 31), (15, 12)):
        part = fine.counts.values[:, 4 * pixel : 4 * pixel + 4, 16 * wl : 16 * wl + 16]
        assert (made.counts.values[:, pixel, wl] == part.astype(int).sum((1, 2))).all()
    for name in ("line", "band", "wl_bounds", "exposure"):
        np.testing.assert_allclose(made[name], coarse[name])
    for name in ("line_bin", "band_bin", "lr_line", "lr_band"):
        assert made.attrs[name] == coarse.attrs[name]


def test_which_calibration_follows_the_guide(which_calibration, made):
    """Against loops over the rows and bins, at BAND_BIN 4."""
    ds = made.open().isel(pic=slice(0, 2), pixel=slice(8, 12)).load()
    factor = ds.uvis.calibration_factor(
        recipe="pds", evil_pixels="mask", files=made.calibration
    ).calibration_factor.values.astype(float)
    wide = which_calibration.summed(ds.uvis.background(level=3e-4), 4, 1)
    found = which_calibration.by_the_guide(wide, made.calibration).radiance
    columns = np.arange(ds.sizes["wl"])
    for pic, pixel, wl in ((0, 0, 120), (1, 2, 180), (1, 3, 60)):
        row = factor[pic, pixel]
        known = np.isfinite(row)
        of_columns = np.interp(columns, columns[known], row[known])[4 * wl : 4 * wl + 4]
        count = sum(int(c) for c in ds.counts.values[pic, pixel, 4 * wl : 4 * wl + 4])
        rate = count / float(ds.exposure[pic]) - 4 * 3e-4
        assert float(found[pic, pixel, wl]) == pytest.approx(
            1.10 * rate * of_columns.mean() / 4, rel=1e-5
        )
