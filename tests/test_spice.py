"""SPICE where it cannot be loaded, and where there is no current folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.interpreter import python

from uvisxr.simulate import Simulation

#: What leaves Python without a folder for temporary files, as in a container that is read-only.
NO_FOLDER = """
import tempfile

def none():
    raise FileNotFoundError(2, "No usable temporary directory found in ['/nowhere']")

tempfile._get_default_tempdir = none
"""

GONE = """
import os
os.mkdir({0!r})
os.chdir({0!r})
os.rmdir({0!r})
"""


@pytest.mark.slow
def test_what_needs_no_spice_works_without_temporary_files(titan: Simulation, tmp_path: Path):
    code = f"""{NO_FOLDER}
import sys, uvisxr
ds = uvisxr.open_observation({str(titan.labels[0].parent)!r})
ds = ds.uvis.background(level=4e-4).uvis.calibrate(files={str(titan.calibration)!r})
ds.uvis.utc(), repr(ds.uvis)
ds.uvis.to_json({str(tmp_path / "x.json")!r})
ds.uvis.to_netcdf({str(tmp_path / "x.nc")!r})
uvisxr.open_reduced({str(tmp_path / "x.nc")!r}).load()
assert "spiceypy" not in sys.modules
for _ in range(2):
    try:
        ds.uvis.geometry(kernels={[*map(str, titan.kernels)]!r})
    except uvisxr.errors.UvisError as error:
        print(type(error).__name__, error)
"""
    lines = python("-c", code).splitlines()
    assert len(lines) == 2 and lines[0] == lines[1]
    assert lines[0].startswith("MissingDependencyError SPICE, which geometries need, cannot be")
    assert "No usable temporary directory found" in lines[0] and "TMPDIR" in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("gone", [False, True])
def test_spice_is_loaded_without_a_current_folder(tmp_path: Path, gone: bool):
    code = f"""{GONE.format(str(tmp_path / "gone")) if gone else ""}
import os, uvisxr
from uvisxr.kernels import spice
print(round(spice.spd()), spice.cyice.__name__)
try:
    print(os.getcwd())
except OSError:
    print("gone")
"""
    words, where = python("-P", "-c", code).splitlines()
    assert words == "86400 spiceypy.cyice"
    assert where == ("gone" if gone else str(Path.cwd()))
