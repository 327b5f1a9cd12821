"""Ctrl-C while the command imports, which a KeyboardInterrupt would not survive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.products import write_product
from helpers.slow import rest_slow

COMMANDS = {"script": ["uvisxr"], "module": ["-m", "uvisxr"]}

#: The module within whose import the interrupt comes: of the package, of the commands, of a
#: library that makes a RuntimeError of whatever is raised, and at work.
WHERE = ["uvisxr.registration", "uvisxr.cli.plot", "numpy._core.getlimits", "work"]

#: Stands in for what is imported by the name of a module, or for a step of the work.
SITE = """
import os, signal, sys

def interrupt(): os.kill(os.getpid(), signal.SIGINT)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {where!r}:
            try:
                interrupt()
            except KeyboardInterrupt:
                raise RuntimeError("as of a class whose making fails") from None
        if name == "uvisxr.reader.sources" and {where!r} == "work":
            from uvisxr.pds3 import sources
            sources.expand = lambda given: interrupt()

sys.meta_path.insert(0, Finder())
"""


def run(
    tmp_path: Path, how: str, where: str, ignored: bool = False, words: tuple[str, ...] = ()
) -> subprocess.CompletedProcess:
    (tmp_path / "sitecustomize.py").write_text(SITE.format(where=where))
    (tmp_path / "uvisxr").write_text("import sys\nfrom uvisxr.cli import main\nsys.exit(main())\n")
    paths = [str(tmp_path), str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, *COMMANDS[how], *(words or ("info", str(tmp_path)))],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler
        ),
    )


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("how", COMMANDS)
def test_one_line_and_130(tmp_path: Path, how: str, where: str):
    ended = run(tmp_path, how, where)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == "uvisxr: interrupted\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "where", rest_slow(["distributed", "distributed.client", "dask.config", "tornado"], 1)
)
def test_a_batch_that_imports_dask(tmp_path: Path, where: str):
    """Libraries are imported when the manifest is open already; the next batch goes on."""
    write_product(tmp_path / "data", "FUV2005_230_15_15")
    (tmp_path / "p.yaml").write_text("- rate\n")
    words = ("batch", "data", "-p", "p.yaml", "-o", "out", "--workers", "1")
    ended = run(tmp_path, "module", where, words=words)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == "uvisxr: interrupted\n"


def test_an_interrupt_that_the_shell_has_ignored(tmp_path: Path):
    ended = run(tmp_path, "module", "uvisxr.cli.plot", ignored=True)
    assert ended.returncode == 1
    assert "no product in" in ended.stderr


@pytest.mark.slow
def test_other_programs_keep_their_own(tmp_path: Path):
    code = (
        "import signal; before = signal.getsignal(2); import uvisxr.cli; "
        "print(signal.getsignal(2) is before)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "True\n"
