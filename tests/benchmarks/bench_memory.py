"""Peak memory of calibrating a large product in dask chunks and writing it to NetCDF."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHAPE = (1200, 64, 1024)
LIMIT = 1536

# Both run in processes of their own: the peak of a process never falls, and starts at that of the
# process it came from.
_MAKE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
from helpers.calfiles import folder
from helpers.products import write_product
path, shape = Path(sys.argv[2]), tuple(map(int, sys.argv[3:]))
(path / "cal").mkdir()
folder(path / "cal")
counts = np.random.default_rng(1).poisson(1.0, (60, *shape[1:])).astype("u2")
counts = np.tile(counts, (shape[0] // 60, 1, 1))
write_product(path, "FUV2005_230_15_15", counts, shape[0], lines=(0, 63))
"""

_RUN = """
import resource, sys
from pathlib import Path
import dask
import uvisxr
path = Path(sys.argv[1])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
with dask.config.set(scheduler="threads"):
    ds = uvisxr.open_product(path / "FUV2005_230_15_15.LBL", chunks={"pic": 30})
    opened = peak()
    ds.uvis.calibrate(files=path / "cal", trend=False).uvis.to_netcdf(path / "out.nc")
print(opened, peak())
"""


def _run(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as path:
        _run(_MAKE, Path(__file__).parents[1], path, *SHAPE)
        start = time.perf_counter()
        opened, peak = map(int, _run(_RUN, path).split())
        seconds = time.perf_counter() - start
        written = (Path(path) / "out.nc").stat().st_size / 2**20
    print(
        f"calibrate and write {'x'.join(map(str, SHAPE))} in chunks: peak resident memory {peak} "
        f"MB ({opened} MB after opening), limit {LIMIT} MB; {seconds:.0f} s, {written:.0f} MB"
    )
    if peak >= LIMIT:
        raise RuntimeError("more resident memory than the limit")


if __name__ == "__main__":
    main()
