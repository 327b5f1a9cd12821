"""Files: writing with the extra `[fast]` against the netCDF4 library alone, and compact files.

Processor seconds on all threads.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import dask
import numpy as np
import xarray as xr
from helpers.products import product_id, write_product
from timing import compare

import uvisxr
from uvisxr.netcdf import deflate
from uvisxr.numerics import compiled

STEPS = {"flat_field": False, "trend": False}


def calibrated(folder: Path) -> xr.Dataset:
    """A product of 60x60x1024 in memory."""
    counts = np.random.default_rng(6).poisson(1.0, (60, 60, 1024))
    label = write_product(folder, product_id(0), counts)
    return uvisxr.open_product(label).load().uvis.calibrate(**STEPS)


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
    # As in a session that has worked for a while.
    compiled.WORTH = 0
    with (
        tempfile.TemporaryDirectory() as name,
        uvisxr.set_options(threads=1),
        dask.config.set(scheduler="synchronous"),
    ):
        folder = Path(name)
        ds = calibrated(folder)
        paths = [folder / "alone.nc", folder / "fast.nc"]
        compare(
            "NetCDF of 60x60x1024 with radiances, by `[fast]`, against the netCDF4 library alone",
            alone(lambda: ds.uvis.to_netcdf(paths[0])),
            lambda: ds.uvis.to_netcdf(paths[1]),
        )
        xr.testing.assert_identical(*map(xr.load_dataset, paths))
        sizes = " and ".join(f"{path.stat().st_size / 1e6:.1f}" for path in paths)
        print(f"they are {sizes} MB")

        path = folder / "compact.nc"

        def both_ways() -> None:
            ds.uvis.to_netcdf(path, compact=True)
            uvisxr.open_reduced(path).load()

        compare(
            "writing and reading of the same, compact, against reading the whole file alone",
            lambda: xr.load_dataset(paths[0]),
            both_ways,
        )
        xr.testing.assert_identical(uvisxr.open_reduced(path).load(), ds)
        print(f"it is {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
