"""Peak memory of calibrating a large product in dask chunks and writing it to NetCDF."""

from __future__ import annotations

import tempfile
from itertools import product
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
import time
path, compact, fast = Path(sys.argv[1]), sys.argv[2] == "compact", sys.argv[3] == "fast"
if not fast:
    sys.modules |= dict.fromkeys(("numba", "isal", "h5py"))
import dask
import uvisxr
start = time.process_time()
with dask.config.set(scheduler="threads"):
    ds = uvisxr.open_product(path / "FUV2005_230_15_15.LBL", chunks={"pic": 30})
    opened = peak()
    ds = ds.uvis.calibrate(files=path / "cal", trend=False)
    ds.uvis.to_netcdf(path / "out.nc", overwrite=True, compact=compact)
print(round(opened), round(peak()), time.process_time() - start)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as path:
        fresh(_MAKE, path, *SHAPE)
        print(f"calibrate and write {'x'.join(map(str, SHAPE))} in chunks, limit {LIMIT} MiB:")
        for form, extra in product(("whole", "compact"), ("fast", "plain")):
            opened, peak, seconds = map(float, fresh(_RUN, path, form, extra).split())
            written = (Path(path) / "out.nc").stat().st_size / 2**20
            print(
                f"{form}, {'with' if extra == 'fast' else 'without'} [fast]: peak resident memory "
                f"{peak:.0f} MiB ({opened:.0f} MiB after opening); CPU {seconds:.1f} s, "
                f"{written:.0f} MiB" + ("; MORE THAN THE LIMIT" if peak >= LIMIT else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
