"""Files: writing with the extra `[fast]` against the netCDF4 library alone, and compact files.

Processor seconds on all threads, the best of several runs in turns.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from helpers.products import product_id, write_product

import uvisxr
from uvisxr.netcdf import deflate

STEPS = {"flat_field": False, "trend": False}


def calibrated(folder: Path) -> xr.Dataset:
    """A product of 60x60x1024 in memory."""
    counts = np.random.default_rng(6).poisson(1.0, (60, 60, 1024))
    label = write_product(folder, product_id(0), counts)
    return uvisxr.open_product(label).load().uvis.calibrate(**STEPS)


def in_turns(*functions: Callable[[], object], repeat: int = 5) -> list[float]:
    """Least processor time of each, s."""
    times = [[] for _ in functions]
    for _ in range(repeat):
        for taken, function in zip(times, functions, strict=True):
            start = time.process_time()
            function()
            taken.append(time.process_time() - start)
    return [min(taken) for taken in times]


def alone(function: Callable[[], object]) -> Callable[[], object]:
    """A function as it is without the extra."""

    def called() -> object:
        there, deflate.available = deflate.available, lambda: False
        try:
            return function()
        finally:
            deflate.available = there

    return called


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ds = calibrated(folder)
        paths = [folder / "alone.nc", folder / "fast.nc"]
        plain, fast = in_turns(
            alone(lambda: ds.uvis.to_netcdf(paths[0])), lambda: ds.uvis.to_netcdf(paths[1])
        )
        xr.testing.assert_identical(*map(xr.load_dataset, paths))
        sizes = " and ".join(f"{path.stat().st_size / 1e6:.1f}" for path in paths)
        print(f"to_netcdf, 60x60x1024 calibrated, {sizes} MB")
        print(f"  netCDF4 alone {plain:.3f} s   with [fast] {fast:.3f} s   {plain / fast:.1f}x")

        path = folder / "compact.nc"
        write, read, whole = in_turns(
            lambda: ds.uvis.to_netcdf(path, compact=True),
            lambda: uvisxr.open_reduced(path).load(),
            lambda: xr.load_dataset(paths[0]),
        )
        xr.testing.assert_identical(uvisxr.open_reduced(path).load(), ds)
        print(f"compact, {path.stat().st_size / 1e6:.1f} MB")
        print(f"  write, with the proof, {write:.3f} s   read and compute {read:.3f} s")
        print(f"  reading the whole file {whole:.3f} s")


if __name__ == "__main__":
    main()
