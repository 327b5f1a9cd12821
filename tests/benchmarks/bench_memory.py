"""Peak memory of calibrating a large product in dask chunks and writing it to NetCDF."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from timing import fresh

SHAPE = (1200, 64, 1024)
LIMIT = 600

_MAKE = """
import numpy as np
from helpers.calfiles import folder
from helpers.products import write_product
path, shape = Path(sys.argv[1]), tuple(map(int, sys.argv[2:]))
(path / "cal").mkdir()
folder(path / "cal")
counts = np.random.default_rng(1).poisson(1.0, (60, *shape[1:])).astype("u2")
counts = np.tile(counts, (shape[0] // 60, 1, 1))
write_product(path, "FUV2005_230_15_15", counts, shape[0], lines=(0, 63))
"""

_RUN = """
import dask
import uvisxr
path = Path(sys.argv[1])
with dask.config.set(scheduler="threads"):
    ds = uvisxr.open_product(path / "FUV2005_230_15_15.LBL", chunks={"pic": 30})
    opened = peak()
    ds.uvis.calibrate(files=path / "cal", trend=False).uvis.to_netcdf(path / "out.nc")
print(round(opened), round(peak()))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as path:
        fresh(_MAKE, path, *SHAPE)
        start = time.perf_counter()
        opened, peak = map(int, fresh(_RUN, path).split())
        seconds = time.perf_counter() - start
        written = (Path(path) / "out.nc").stat().st_size / 2**20
    print(
        f"calibrate and write {'x'.join(map(str, SHAPE))} in chunks: peak resident memory {peak} "
        f"MiB ({opened} MiB after opening), limit {LIMIT} MiB; {seconds:.0f} s, {written:.0f} MiB"
    )
    if peak >= LIMIT:
        print("more resident memory than the limit")


if __name__ == "__main__":
    main()
