"""Wrong calls, as users make them: each is told what, where, and what to write instead.

No message is Python's, numpy's, pandas', xarray's or matplotlib's own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO

import numpy as np
import pytest
import xarray as xr

import uvisxr
from uvisxr.batch import cluster
from uvisxr.simulate import Simulation


@dataclass(frozen=True)
class Scene:
    """What the calls are made on: a dataset after each step, and files."""

    made: Simulation
    ds: xr.Dataset
    geo: xr.Dataset
    cal: xr.Dataset
    bins: xr.Dataset
    folder: Path

    @property
    def label(self) -> Path:
        return self.made.labels[0]


@pytest.fixture(scope="module")
def scene(made: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "theirs.txt").write_text("# exposure | pixel\n  40         3\n")
    (folder / "notes.txt").write_text("3 40\nnot a spectrum\n")
    (folder / "notes.json").write_text('{"a": 1}')
    ds = made.open()
    geo = ds.uvis.geometry(kernels=made.kernels)
    cal = geo.uvis.calibrate(files=made.calibration)
    return Scene(made, ds, geo, cal, cal.uvis.bin({"alt": [0, 500, 1000]}), folder)


#: By what is wrong: the call, and what its message must say.
CALLS: dict[str, tuple[Callable[[Scene], object], str]] = {
    # Typos.
    "argument": (lambda s: s.ds.uvis.calibrate(smoth=True), r"calibrate: .*smoth=.*smooth="),
    "step": (lambda s: s.ds.uvis.calibrat(), r"ds\.uvis has no 'calibrat'.*'calibrate'"),
    "picture": (lambda s: s.cal.uvis.plot.pictures(), r"ds\.uvis\.plot.*'picture'"),
    "function": (lambda s: uvisxr.open_prodcut(s.label), r"'open_prodcut'.*'open_product'"),
    "choice": (lambda s: s.cal.uvis.bin({"alt": [0, 9]}, mode="centre"), "mode='centre'.*'center'"),
    "field": (lambda s: s.cal.uvis.bin({"altitude": [0, 9]}), r"by='altitude'.*did you mean alt"),
    "flag": (lambda s: s.ds.uvis.flagged("stars"), r"flags?='stars'.*did you mean 'star'"),
    "recipe": (lambda s: s.ds.uvis.calibrate("upyq"), r"recipe='upyq'.*did you mean 'upyp'"),
    "channel": (
        lambda s: uvisxr.open_observation(s.label, channel="XUV"),
        r"channel='XUV'.*'FUV' or 'EUV'",
    ),
    "target": (
        lambda s: s.ds.uvis.geometry(kernels=s.made.kernels, target="TITEN"),
        r"'TITEN'.*target=",
    ),
    "style": (
        lambda s: s.geo.uvis.plot.geometry(bodies=(), style={"limb": {"colour": "red"}}),
        r"style\['limb'\].*'colour'.*did you mean 'color'",
    ),
    "colormap": (
        lambda s: s.cal.uvis.plot.picture((1450, 1700), cmap="plasmo"),
        r"cmap='plasmo'.*plasma",
    ),
    # Names of Cassini-UPyP.
    "old argument": (lambda s: s.geo.uvis.background(alt_limit=1500), r"alt_limit=.* alt_min="),
    "old arguments": (lambda s: s.cal.uvis.bin(keys=["alt"], bin_boundaries=[[0, 9]]), r"by=\{"),
    "old value": (
        lambda s: s.geo.uvis.background(method="simulate", alt_min=1500),
        r"method='simulate'.*did you mean 'gaps'",
    ),
    "old method": (lambda s: s.geo.uvis.bin_pixels(), r"bin_pixels is ds\.uvis\.bin\(\)"),
    "old class": (lambda s: uvisxr.UVIS_Observation(s.label), r"is uvisxr\.open_observation"),
    # Missing steps, and wrong order.
    "no geometry": (lambda s: s.ds.uvis.background(alt_min=1500), r"alt_min=1500.*geometry\(\)"),
    "no altitudes": (lambda s: s.ds.uvis.bin({"alt": [0, 9]}), r"no alt.*ds\.uvis\.geometry\(\)"),
    "no radiance": (lambda s: s.ds.uvis.integrate((1300, 1700)), r"ds\.uvis\.calibrate\(\) first"),
    "no scene": (lambda s: s.ds.uvis.plot.picture(), r"plot\.picture.*ds\.uvis\.geometry\(\)"),
    "no bins": (lambda s: s.cal.uvis.plot.bins(), r"no bins: call ds\.uvis\.bin\("),
    "geometry of bins": (
        lambda s: s.bins.uvis.geometry(kernels=s.made.kernels),
        r"geometry: .*binned already: do this step before",
    ),
    "integral twice": (
        lambda s: s.cal.uvis.integrate((1300, 1700)).uvis.integrate((1300, 1700)),
        r"integrated already: do this step before",
    ),
    "nothing opened": (lambda s: xr.Dataset().uvis.calibrate(), r"calibrate: .*open_product"),
    "mean over exposures": (
        lambda s: s.ds.mean("pic").uvis.calibrate(files=s.made.calibration),
        r"calibrate: .*ds\.uvis\.bin\(pixels=",
    ),
    "no exposure": (
        lambda s: s.ds.isel(pic=[]).uvis.calibrate(files=s.made.calibration),
        r"calibrate: no exposure is left: select",
    ),
    # Files and folders, swapped or not there.
    "no file": (lambda s: uvisxr.open_product("/nowhere/FUV.LBL"), r"/nowhere/FUV.*exist"),
    "kernels for products": (
        lambda s: uvisxr.open_observation(s.made.calibration),
        r"no product in .*calibration; give labels",
    ),
    "labels for kernels": (
        lambda s: s.ds.uvis.geometry(kernels=s.made.labels),
        r"\.LBL is not a SPICE kernel.*uvisxr kernels fetch",
    ),
    "label for calibration": (
        lambda s: s.ds.uvis.calibrate(files=s.label),
        r"\.LBL holds counts, not a calibration matrix",
    ),
    "no calibration": (
        lambda s: s.ds.uvis.calibrate(files="/nowhere"),
        r"/nowhere, .*files=.*uvisxr calibration fetch",
    ),
    "star file of the other order": (
        lambda s: s.ds.uvis.stars.load(s.folder / "theirs.txt"),
        r"theirs\.txt, line 1: .*columns=\"pixel exposure\"",
    ),
    "star file of words": (
        lambda s: s.ds.uvis.stars.load(s.folder / "notes.txt"),
        r"notes\.txt, line 2: 'not a spectrum' is not two whole numbers",
    ),
    "over the input": (lambda s: s.ds.uvis.to_netcdf(s.label), r"\.LBL.*choose a name"),
    "another's summary": (lambda s: uvisxr.load_json(s.folder / "notes.json"), r"notes\.json"),
    # Bins and ranges out of order.
    "edges down": (lambda s: s.cal.uvis.bin({"alt": [9, 0]}), r"by\['alt'\]=\[9, 0\].*ascending"),
    "edge beyond": (lambda s: s.cal.uvis.bin({"lt": [0, 12, 30]}), r"by\['lt'\].*24"),
    "range down": (lambda s: s.cal.uvis.integrate((1700, 1300)), r"wl_range=\(1700.*ascending"),
    "range beyond": (lambda s: s.cal.uvis.integrate((3000, 4000)), r"wl_range=\(3000.*1114"),
    "two numbers for a range": (
        lambda s: s.cal.uvis.integrate(1300, 1700),
        r"method=1700: expected one of 'simpson'",
    ),
    # Strings for numbers, and the like.
    "text for an altitude": (
        lambda s: s.geo.uvis.background(alt_min="1500"),
        r"alt_min='1500': expected an altitude, km",
    ),
    "text for a range": (
        lambda s: s.cal.uvis.integrate("1300-1700"),
        r"wl_range='1300-1700': expected two ascending wavelengths",
    ),
    "text for a switch": (
        lambda s: s.ds.uvis.calibrate(flat_field="no"),
        r"flat_field='no': expected True or False",
    ),
    "words for edges": (
        lambda s: s.cal.uvis.bin({"alt": ["low", "high"]}),
        r"by\['alt'\].*expected two or more numbers",
    ),
    "number for a window": (
        lambda s: uvisxr.simulate.Window("2", 0, 61, 1023),
        r"ul_line='2': expected a whole number",
    ),
    "chunks of no dimension": (
        lambda s: uvisxr.open_product(s.label, chunks={"time": 3}),
        r"chunks=\{'time': 3\}.*\(pic, pixel, wl.*\{\"pic\": 10\}",
    ),
    "a pixel too far": (
        lambda s: s.cal.uvis.bin(pixels=[(0, 99)]),
        r"\(0, 99\).*pixel runs from 0 to 59",
    ),
    # Lists for paths, and the like.
    "list for a folder": (
        lambda s: s.ds.uvis.calibrate(files=[s.made.calibration]),
        r"calibrate: files=\[.*: expected a path",
    ),
    "list for a file": (lambda s: s.ds.uvis.to_netcdf(["a.nc"]), r"path=\['a\.nc'\]: .* a path"),
    "number for kernels": (
        lambda s: s.ds.uvis.geometry(kernels=3),
        r"geometry: kernels=3: expected a path, or several",
    ),
    "text for axes": (
        lambda s: s.cal.uvis.plot.picture(ax="new", wl_range=(1450, 1700)),
        r"ax='new': expected axes of matplotlib",
    ),
    "products for a folder": (
        lambda s: uvisxr.batch.process("out", ["rate"], s.made.labels),
        r"batch\.process: out_dir=.*: expected a path",
    ),
    "no dataset": (
        lambda s: uvisxr.calibration.evil_response(np.zeros(3)),
        r"evil_response: ds=.*: expected a dataset, such as uvisxr\.open_product gives",
    ),
    "one path too many": (
        lambda s: uvisxr.open_product(s.label, s.label),
        r"open_product: too many positional arguments; it takes path=, window=",
    ),
    "nothing": (lambda s: s.ds.uvis.flag(), r"flag: missing a required argument: 'pixels'"),
}


def test_there_are_forty_at_least():
    assert len(CALLS) >= 40


@pytest.mark.parametrize("wrong", CALLS)
def test_message_says_what_where_and_what_mends_it(scene, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, message = CALLS[wrong]
    with warnings.catch_warnings(), pytest.raises(uvisxr.UvisError) as raised:
        warnings.simplefilter("ignore", uvisxr.UvisWarning)
        call(scene)
    text = str(raised.value)
    assert re.search(message, text, re.S), text
    assert "\n" not in text and "object has no attribute" not in text


@pytest.mark.slow
def test_script_without_guard_is_told_in_one_line(made, tmp_path):
    script = tmp_path / "script.py"
    call = f"uvisxr.batch.process({str(made.labels[0])!r}, ['rate'], 'out', workers=1)\n"
    script.write_text(f"import uvisxr\n{call}")
    done = run(script)
    assert done.returncode == 1
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("uvisxr.errors")]
    assert f"{script}, line 2" in line and 'under `if __name__ == "__main__":`' in line
    assert "bootstrapping" not in done.stderr and done.stderr.count("Traceback") == 1
    script.write_text(f'import uvisxr\nif __name__ == "__main__":\n    {call}')
    assert run(script).returncode == 0
    script.write_text(
        f'import uvisxr\ndef main():\n    {call}if __name__ == "__main__":\n    main()\n'
    )
    assert run(script).returncode == 0
    shutil.rmtree(tmp_path / "out")
    with script.open() as stream:
        done = run(Path("-"), tmp_path, stream)
    assert done.returncode == 1 and done.stderr.count("Traceback") == 1
    assert done.stderr.splitlines()[-1].startswith("uvisxr.errors.UvisError: <stdin>: ")


@pytest.mark.parametrize("name", ["<stdin>", "/dev/fd/1063"])
def test_script_that_no_process_can_read_again_is_told_before_one_starts(name, monkeypatch):
    main = ModuleType("__main__")
    main.__file__ = name
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr("distributed.LocalCluster", None)
    with pytest.raises(uvisxr.UvisError, match=rf"{name}: .*save it as a file.*processes=False"):
        cluster.connect(None, 1, 0).__enter__()


def run(
    script: Path, folder: Path | None = None, stdin: IO[str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=folder or script.parent,
        stdin=stdin,
        env=os.environ | {"PYTHONPATH": str(Path(uvisxr.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
