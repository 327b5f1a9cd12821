"""Written files before the IOOS compliance checker, at its strictest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import netCDF4
import pytest

from uvisxr import simulate
from uvisxr.dataset import conventions
from uvisxr.errors import UvisWarning
from uvisxr.instrument.detector import Window

pytest.importorskip("compliance_checker")

pytestmark = pytest.mark.slow

#: Warnings that stay. CF recommends that corners and edges leave name and unit to what they bound,
#: but allows them if they are equal. Here corners are also used by themselves, and a round trip
#: must lose nothing.
_OF_BOUNDS = (
    r"Bounds variable \w+ and parent variable \w+ have the following matching attributes "
    r"\['(long_name|units)'(, 'units')?\]\.  It is recommended .*",
    r"The Boundary variables '\w+' should not have the attributes: '\['units'\]'",
)

#: CF (7.1) gives the bounds of a scalar coordinate the one dimension of its two ends; the checker
#: wants two.
_OF_SCALARS = r"Boundary variable wl_bounds specified by wl should have at least two dimensions.*"

#: What is called lon is taken for a longitude to the east. CF has no name for those to the west.
_OF_WEST = "Coordinate variable 'lon' should have standard_name='longitude', found: 'None'"

#: Nor does the checker know what else goes around a body, so that it would have it before latitude.
_OF_ORDER = r"\w+'s spatio-temporal dimensions are not in the .* lat \(Y\), l(on|t) \(U\) .*"

#: A check that fails to run: it subtracts the texts of the coordinate `corner`, which are what
#: ds.sel(corner="lower_left") needs.
_OF_TEXTS = (
    "cf:1.11.check_coordinate_variables_strict_monotonicity: "
    "unsupported operand type(s) for -: 'str' and 'str'"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of every stage of a reduction; Saturn has the fields of rings too."""
    folder = tmp_path_factory.mktemp("cf")
    window = Window(10, 0, 29, 1023, band_bin=32)
    made = simulate.observation(folder / "made", target="SATURN", exposures=4, window=window)
    counts = made.open()
    # So few exposures lose many.
    with pytest.warns(UvisWarning, match="12 of 80 spectra are lost"):
        done = counts.uvis.geometry(made.kernels).uvis.background(4e-4)
    done = done.uvis.calibrate(
        files=made.calibration, evil_pixels="interpolate", errors="statistical"
    )
    edges = {"alt": [-1e5, 0.0, 1e5], "lon": [0.0, 180.0, 360.0]}
    stages = {
        "counts": counts,
        "radiance": done,
        "brightness": done.uvis.integrate((1200, 1900)),
        "bins": done.uvis.bin(edges),
        "map": done.uvis.map(wl_range=(1200, 1900), spacing=5.0),
        "map by local time": done.uvis.map(wl_range=(1200, 1900), spacing=5.0, by="lt"),
        "polar map": done.uvis.map(wl_range=(1200, 1900), projection="polar", edge=0.0),
    }
    stages["power"] = stages["map"].uvis.power()

    return {name: ds.uvis.to_netcdf(folder / f"{name}.nc") for name, ds in stages.items()}


@pytest.mark.parametrize(
    "stage",
    [
        *("counts", "radiance", "brightness", "bins"),
        *("map", "map by local time", "polar map", "power"),
    ],
)
def test_checker_finds_nothing_but_what_is_known(files: dict[str, Path], stage: str):
    path, report = files[stage], files[stage].with_suffix(".json")
    test = conventions.CONVENTIONS.lower().replace("-", ":")
    arguments = ["--test", test, "--criteria", "strict", "--format", "json", "--output", report]
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [Path(sys.executable).with_name("compliance-checker"), *arguments, path],
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stderr
    found = json.loads(report.read_text())[test]
    errors, warnings, hints = (
        [message for check in found[f"{level}_priorities"] for message in check["msgs"]]
        for level in ("high", "medium", "low")
    )
    assert errors == ([_OF_WEST] if stage == "map" else [])
    assert hints == []
    allowed = (*_OF_BOUNDS, _OF_SCALARS, _OF_ORDER)
    unexpected = [m for m in warnings if not any(re.fullmatch(known, m) for known in allowed)]
    assert unexpected == []
    if "map" not in stage and stage != "power":
        assert all(any(re.fullmatch(known, m) for m in warnings) for known in _OF_BOUNDS)
    with netCDF4.Dataset(path) as written:
        texts = "corner" in written.variables
    assert re.findall(rf"^{test}\.check.*", done.stderr, re.M) == ([_OF_TEXTS] if texts else [])
