"""What the tests and the examples in docstrings share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import pytest

import uvisxr
from uvisxr.pds3 import parser  # noqa: F401  imports pvl, before any test does, without its warnings
from uvisxr.simulate import Simulation


@pytest.fixture(autouse=True)
def _no_user_settings(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> None:
    """Tests see neither the user's environment variables nor any cache but their own."""
    for name in list(os.environ):
        if name.startswith("UVISXR_") and "_TEST_" not in name:
            monkeypatch.delenv(name)
    cache = tmp_path_factory.getbasetemp() / "caches" / str(abs(hash(request.node.nodeid)))
    monkeypatch.setenv("UVISXR_CACHE", str(cache))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """The simulated observation that `help(uvisxr)` describes."""
    return uvisxr.simulate.observation(tmp_path_factory.mktemp("made"), exposures=12, seed=1)


@pytest.fixture(autouse=True)
def _example(
    request: pytest.FixtureRequest,
    doctest_namespace: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """An example in a docstring knows `uvisxr` and `made`, and writes into a folder of its own."""
    if not isinstance(request.node, pytest.DoctestItem):
        return
    doctest_namespace |= {"uvisxr": uvisxr, "made": request.getfixturevalue("made")}
    monkeypatch.chdir(tmp_path_factory.mktemp("example"))
    # What one makes, the next need not.
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path_factory.getbasetemp() / "caches" / "examples"))


@pytest.fixture(autouse=True)
def _figures_closed() -> Iterator[None]:
    """No test or example leaves a figure to the next."""
    yield
    plt.close("all")
