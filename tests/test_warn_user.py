"""Warnings name the user's own line, whichever way it led into the package."""

from __future__ import annotations

import functools
import inspect
import pickle
import shutil
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product
from hypothesis import given, settings
from hypothesis import strategies as st

import uvisxr
from uvisxr.background import background
from uvisxr.batch import pipeline, work
from uvisxr.errors import (
    ArgumentError,
    LabelError,
    MissingDependencyError,
    NoFileError,
    NoSuchNameError,
    UvisError,
    UvisWarning,
    bounded,
    warn_user,
)
from uvisxr.simulate import Simulation


def here() -> int:
    """The line that calls this."""
    frame = inspect.currentframe()
    return frame.f_back.f_lineno


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    """A product whose label names another data file than the one beside it."""
    label = write_product(tmp_path, "FUV2005_230_15_15", samples=2)
    for path in (label, label.with_suffix(".DAT")):
        path.rename(path.with_stem(f"{label.stem}_PRIME"))
    return label.with_stem(f"{label.stem}_PRIME")


def assert_is_ours(caught: pytest.WarningsRecorder, line: int) -> None:
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, line)]
    assert caught[0].category is UvisWarning


def test_opening(renamed: Path):
    with pytest.warns(UvisWarning, match="names the data file") as caught:
        line = here(), uvisxr.open_product(renamed)
    assert_is_ours(caught, line[0])
    with pytest.warns(UvisWarning, match="names the data file") as caught:
        line = here(), uvisxr.open_observation([renamed])
    assert_is_ours(caught, line[0])


def test_copies(tmp_path: Path):
    first = write_product(tmp_path, "FUV2005_230_15_15", samples=2)
    copy = tmp_path / "copy" / f"{first.stem}_PRIME.LBL"
    copy.parent.mkdir()
    for ending in (".LBL", ".DAT"):
        shutil.copy(first.with_suffix(ending), copy.with_suffix(ending))
    copy.write_text(copy.read_text().replace(f"{first.stem}.DAT", f"{copy.stem}.DAT"))
    with pytest.warns(UvisWarning, match="the same exposures") as caught:
        line = here(), uvisxr.open_observation([first, copy])
    assert_is_ours(caught, line[0])


@pytest.mark.parametrize("engine", ["uvis", None])
def test_through_xarray(renamed: Path, engine: str | None):
    with pytest.warns(UvisWarning, match="names the data file") as caught:
        line = here(), xr.open_dataset(renamed, engine=engine)
    assert_is_ours(caught, line[0])
    with pytest.warns(UvisWarning, match="names the data file") as caught:
        line = here(), xr.open_datatree(renamed, engine="uvis")
    assert_is_ours(caught, line[0])
    with pytest.warns(UvisWarning, match="names the data file") as caught:
        line = here(), xr.open_mfdataset([renamed], engine="uvis")
    assert_is_ours(caught, line[0])


def test_the_accessor(titan: Simulation):
    ds = titan.open()
    late = ds.et.values - 5e3 * (np.arange(ds.sizes["pic"]) == 3)
    with pytest.warns(UvisWarning, match="1 of 60 exposures") as caught:
        line = here(), ds.uvis.geometry(titan.kernels, times=late)
    assert_is_ours(caught, line[0])
    with pytest.warns(UvisWarning, match="not measured") as caught:
        line = here(), ds.uvis.background(method="rtg")
    assert_is_ours(caught, line[0])
    with pytest.warns(UvisWarning, match="not measured") as caught:
        line = here(), ds.pipe(lambda ds: ds).pipe(background, method="rtg")
    assert_is_ours(caught, line[0])


def test_a_batch_records_it(renamed: Path, tmp_path: Path):
    job = work.Job(str(renamed), "out.nc", str(tmp_path), str(tmp_path), "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record = work.attempt(job, pipeline.load([("background", {"method": "rtg"})]))
    assert record["status"] == "done"
    assert [("names the data" in w, "not measured" in w) for w in record["warnings"]] == [
        (True, False),
        (False, True),
    ]


def test_once_for_each_line_of_the_user():
    """As Python's own warnings: the same text at the same place is shown once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            warn_user("again")
        warn_user("again")
    assert len(caught) == 2


def test_frames_of_libraries_are_passed_over():
    inside: dict[str, Callable[[], None]] = {"__name__": "dask.local", "warn_user": warn_user}
    exec(compile("def work():\n    warn_user('deep')\n", "/lib/dask/local.py", "exec"), inside)
    with pytest.warns(UvisWarning, match="deep") as caught:
        line = here(), functools.partial(inside["work"])()
    assert_is_ours(caught, line[0])


def test_without_a_line_of_the_users():
    """As in a thread of a library: the caller's line has to do."""
    thread = threading.Thread(target=warn_user, args=("deep",))
    with pytest.warns(UvisWarning, match="deep") as caught:
        thread.start()
        thread.join()
    assert [w.filename for w in caught] == [threading.__file__]


def test_code_without_a_module():
    """Code run by `exec` may have no name: its warnings appear all the same."""
    with pytest.warns(UvisWarning, match="here"):
        exec("warn()", {"warn": functools.partial(warn_user, "here")})


def test_messages_are_one_short_line():
    value, end = "x" * 100_000, "download the label again from the archive"
    for text in (
        f"/data/FUV2005_230_15_15.LBL: BAND_BIN = {value!r}: expected 1; {end}",
        f"/data/FUV2005_230_15_15.LBL: {'words ' * 1000}{end}",
        f"/data/FUV2005_230_15_15.LBL: 2\nlines\r\x1b[2J\0{chr(0xDCFF)}\x85 {value} {value}; {end}",
    ):
        errors = [kind(text) for kind in (UvisError, LabelError, ArgumentError, NoSuchNameError)]
        errors += [MissingDependencyError(text), NoFileError(text, "file")]
        with pytest.warns(UvisWarning) as caught:
            warn_user(text)
        for said in {*map(str, errors), str(caught[0].message)}:
            assert len(said) <= 500 and said.isprintable()
            assert said.startswith("/data/FUV2005_230_15_15.LBL: ") and said.endswith(end)
            assert "..." in said
        for error in errors:
            assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_short_messages_stay_as_they_are():
    for text in ("", "BAND_BIN = 3: expected 1", "\xe9\u03bb  two blanks", "x" * 500):
        assert str(UvisError(text)) == text
    assert str(UvisError()) == "" and UvisError("a", 3).args == ("a", 3)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=2000))
def test_any_text_makes_a_message(text: str):
    once = bounded(text)
    assert len(once) <= 500 and once.isprintable() and bounded(once) == once
