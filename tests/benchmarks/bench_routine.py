"""The routine steps of a reduction, beside the figures of Cassini-UPyP for them.

The reference's figures are CPU seconds of its own steps on an observation of 69x60x1024, measured
on two shared cores apart from this run: for scale, a loop like its calibration is timed here too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from bench_calibration import calibration_folder, loop_calibrate, observation
from helpers.flyby import flyby
from helpers.products import product_id, write_product
from timing import best, once

import uvisxr
from uvisxr import image, integrals
from uvisxr.instrument.detector import Window
from uvisxr.numerics import compiled

#: CPU s (Le Guennic et al. 2026, the newest sources).
REFERENCE = {
    "open six products": 0.049,
    "calibrate": 6.36,
    "integrate, with errors": 0.033,
    "picture of 200x200": 0.360,
    "default bins": 0.037,
    "save": 0.26,
}


def main() -> None:
    compiled.WORTH = 0
    with tempfile.TemporaryDirectory() as name, uvisxr.set_options(threads=1):
        folder = Path(name)
        ds = observation(69, Window(2, 0, 61, 1023))
        files = calibration_folder(folder)
        seed = once(lambda: loop_calibrate(ds, files))
        print(f"a loop over 69x60 spectra, such as the reference's calibration: {seed:.2f} s")
        for step, function in _steps(ds, files, folder).items():
            function()
            ours, theirs = best(function, 7), REFERENCE[step]
            print(f"{step:<24} {ours:7.4f} s, reference {theirs:5.3f} s: {theirs / ours:6.1f}x")


def _steps(ds: xr.Dataset, files: Path, folder: Path) -> dict[str, Callable[[], object]]:
    counts = np.random.default_rng(6).poisson(1.0, (12, 60, 1024))
    labels = [write_product(folder / "six", product_id(k), counts) for k in range(6)]
    seen = flyby(n_pic=69, step=1.5e-3, window=Window(2, 0, 61, 1023))
    # Radiances are in single precision.
    for name in ("radiance", "radiance_upper", "radiance_lower"):
        seen[name] = seen[name].astype(np.float32)
    cal = ds.uvis.calibrate(files=files, trend=False)
    edges = {"lat": np.linspace(-90, 90, 10), "lon": np.linspace(0, 360, 18)}
    path = folder / "saved.nc"
    return {
        "open six products": lambda: uvisxr.open_observation(labels),
        "calibrate": lambda: ds.uvis.calibrate(files=files, trend=False),
        "integrate, with errors": lambda: integrals.integrate(cal, (1450.0, 1800.0)),
        "picture of 200x200": lambda: image.image(seen, nx=200, ny=200, exclude=()),
        "default bins": lambda: seen.uvis.bin(edges),
        "save": lambda: cal.uvis.to_netcdf(path, overwrite=True),
    }


if __name__ == "__main__":
    main()
