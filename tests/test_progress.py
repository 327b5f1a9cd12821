"""When progress is shown, and how much there is to come."""

from __future__ import annotations

import io
import sys
import types
import warnings
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest
from helpers.products import product_id, write_product

import uvisxr
from uvisxr import progress
from uvisxr.batch import run
from uvisxr.reader import sources


def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that a notebook's kernel runs this."""
    running = types.SimpleNamespace(config={"IPKernelApp": {}})
    ipython = types.SimpleNamespace(get_ipython=lambda: running)
    monkeypatch.setitem(sys.modules, "IPython", ipython)


def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Pretend that stderr is a terminal; what is written there."""
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


class TestWhen:
    def test_neither_terminal_nor_notebook(self):
        assert not progress.shown()

    def test_in_a_terminal(self, monkeypatch):
        terminal(monkeypatch)
        assert progress.shown()

    def test_in_a_notebook(self, monkeypatch):
        notebook(monkeypatch)
        assert progress.shown()

    def test_not_in_ipython_without_a_notebook(self, monkeypatch):
        for running in (None, types.SimpleNamespace(config={})):
            found = types.SimpleNamespace(get_ipython=lambda running=running: running)
            monkeypatch.setitem(sys.modules, "IPython", found)
            assert not progress.shown()

    def test_without_stderr(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        assert not progress.shown()

    @pytest.mark.parametrize("option", [True, False])
    def test_the_option_goes_before_that(self, monkeypatch, option):
        with uvisxr.set_options(progress=option):
            assert progress.shown() is option
            notebook(monkeypatch)
            assert progress.shown() is option

    @pytest.mark.parametrize("argument", [True, False])
    def test_the_argument_goes_before_the_option(self, argument):
        with uvisxr.set_options(progress=not argument):
            assert progress.shown(argument) is argument


def test_the_bar_of_a_batch_has_a_total(tmp_path: Path, monkeypatch):
    """Products that are up to date count as done."""
    for number in range(3):
        write_product(tmp_path / "in", product_id(number), band_bin=32)
    out = tmp_path / "out"
    stream = terminal(monkeypatch)

    class Nobody:
        """A scheduler on which nothing runs."""

        dashboard_link = ""

    def attempts(client, function, jobs, steps, retries):
        for job in jobs:
            (out / job.output).write_text("")
            yield function(job, steps)

    monkeypatch.setattr(run, "connect", lambda *given, **named: nullcontext(Nobody()))
    monkeypatch.setattr(run, "stream", attempts)
    run.process(tmp_path / "in", ["rate"], out)
    said = _lines(stream)
    assert "0%" in said[0] and "0/3" in said[0]
    assert "100%" in said[-1] and "3/3" in said[-1]

    (out / f"{product_id(0)}.nc").unlink()
    stream.truncate(0)
    assert run.process(tmp_path / "in", ["rate"], out).current == 2
    said = _lines(stream)
    assert "3/3" in said[-1]


def _lines(stream: io.StringIO) -> list[str]:
    return [line for line in stream.getvalue().replace("\r", "\n").splitlines() if line.strip()]


def test_products_that_were_found_are_counted(tmp_path: Path):
    for number in range(3):
        write_product(tmp_path, product_id(number), band_bin=32)
    found = sources.expand(tmp_path)
    assert len(found) == 3 == len(list(found))
    # They can be gone through again.
    assert [product.name for product in found] == [product_id(n) for n in range(3)]


@pytest.mark.slow
def test_in_a_real_notebook(tmp_path: Path):
    """With widgets or, where they are not installed, as text; without a warning."""
    from nbclient import NotebookClient

    code = "from uvisxr import progress\nfor _ in progress.bar(range(4), desc='frames'):\n    pass"
    cells = [nbformat.v4.new_code_cell(code)]
    book = nbformat.v4.new_notebook(cells=cells)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        NotebookClient(
            book, timeout=60, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        ).execute()
    outputs = book.cells[0].outputs
    text = "".join(str(o.get("text", o.get("data"))) for o in outputs)
    assert "4/4" in text and "frames" in text
    assert "Warning" not in text
