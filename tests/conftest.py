"""Fixtures shared by all tests."""

from __future__ import annotations

import bz2
import gc
import hashlib
import os
from pathlib import Path

import pytest
from helpers.realdata import real_data
from hypothesis import settings

from uvisxr import simulate
from uvisxr.simulate import Simulation

# The same examples on every machine, however busy it is.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

#: Programs: examples in docstrings are looked for in modules.
collect_ignore = ["benchmarks", "gallery.py", "typed"]


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the real data; the test is skipped without it."""
    folder = real_data()
    if folder is None:
        reason = "no real data: set UVISXR_TEST_DATA to the folder that holds products/"
        if os.environ.get("UVISXR_REQUIRE_TEST_DATA"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def aurora_label(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Label of FUV2016_278_09_22, with its data file of 151 MB unpacked beside it."""
    packed = data / "products" / "FUV2016_278_09_22.DAT.bz2"
    content = bz2.decompress(packed.read_bytes())
    assert hashlib.md5(content).hexdigest() == "fe12799f636604f6fea233ee69378dac"
    label = tmp_path_factory.mktemp("aurora") / "FUV2016_278_09_22.LBL"
    label.write_bytes((packed.parent / label.name).read_bytes())
    label.with_suffix(".DAT").write_bytes(content)
    return label


@pytest.fixture(scope="session")
def titan(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """A simulated observation of Titan's limb, FUV, 60 exposures in 4 products."""
    return simulate.observation(tmp_path_factory.mktemp("titan"), products=4, seed=1)


def pytest_collection_finish() -> None:
    """Keep the 8,000 collected tests out of what the garbage collector looks through."""
    gc.collect()
    gc.freeze()
