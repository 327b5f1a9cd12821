"""How the CPU time of each step grows with the number of exposures: t ~ n^exponent."""

from __future__ import annotations

import resource
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from helpers import calfiles, synthetic
from helpers.products import write_product
from timing import fresh

import uvisxr
from uvisxr.instrument.detector import Window
from uvisxr.simulate import kernels
from uvisxr.simulate.flight import flyby
from uvisxr.simulate.kernels import Scan

EXPOSURES = (10, 100, 1000, 10_000)
#: Narrow enough that 10,000 exposures fit in memory with all that the steps add.
WINDOW = Window(2, 0, 61, 1023, band_bin=32)
START, STEP = 250_000_000.0, 30.0
#: Largest exponent between the last two numbers of exposures.
LIMIT = 1.05
#: Each size is timed so often; the exponents are medians.
ROUNDS = 5

_GEOMETRY = """
import numpy as np
from bench_growth import START, STEP, frame
kernels, n = sys.argv[1].split(), int(sys.argv[2])
frame(10).uvis.geometry(kernels=kernels)
ds = frame(n)
before = peak()
result = ds.uvis.geometry(kernels=kernels)
size = sum(variable.nbytes for variable in result.variables.values()) / 2**20
print(f"{n} exposures of geometry: {size:.0f} MiB, peak {peak() - before - size:.0f} MiB above it")
"""


def frame(n: int) -> xr.Dataset:
    """An observation of Titan."""
    return synthetic.dataset(ets=START + STEP * np.arange(n), exposure=STEP)


def steps(folder: Path, files: list[Path]) -> dict[str, Callable[[int], Callable[[], object]]]:
    """For a number of exposures what runs each step on it."""
    rng = np.random.default_rng(1)

    def product(n: int) -> Path:
        counts = rng.poisson(1.0, (n, *WINDOW.shape)).astype(np.uint16)
        return write_product(folder / str(n), "FUV2005_230_15_15", counts, band_bin=WINDOW.band_bin)

    def counted(n: int) -> xr.Dataset:
        return calfiles.poisson(n, WINDOW)

    def calibrated(n: int) -> xr.Dataset:
        return counted(n).uvis.calibrate(**_CALIBRATION)

    def masked(n: int) -> xr.Dataset:
        return counted(n).uvis.calibrate(flat_field=False, trend=False, nan_interp=None)

    def located(n: int) -> xr.Dataset:
        fields = frame(n).uvis.geometry(kernels=files)
        ds = calibrated(n)
        names = [name for name in fields.coords if name not in ds.coords]
        return ds.assign_coords(fields[names].coords).assign_attrs(fields.attrs | ds.attrs)

    def opening(n: int) -> Callable[[], object]:
        label = product(n)
        return lambda: uvisxr.open_product(label).load()

    def writing(n: int) -> Callable[[], object]:
        ds = counted(n)
        return lambda: ds.uvis.to_netcdf(folder / "out.nc", overwrite=True)

    def of(made: Callable[[int], xr.Dataset], name: str, *args: object, **kwargs: object):
        return lambda n: partial(getattr(made(n).uvis, name), *args, **kwargs)

    return {
        "open and read": opening,
        "geometry": lambda n: partial(frame(n).uvis.geometry, kernels=files),
        "background": of(located, "background", alt_min=1000),
        "calibrate": of(counted, "calibrate", **_CALIBRATION),
        "rebin": of(counted, "rebin", pic=2),
        "smooth": of(calibrated, "smooth"),
        "fill_nan": of(masked, "fill_nan"),
        "integrate": of(calibrated, "integrate", (1300, 1700)),
        "bin": of(located, "bin", {"alt": range(0, 40_000, 1000)}),
        "image": of(located, "image", (1300, 1700), exclude=()),
        "to_netcdf": writing,
    }


def spent(run: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of a call: its own, and with what the kernel took for it.

    The kernel clears memory, which the allocator asks of it for large arrays at each call but keeps
    for small ones: a constant factor that starts at some size, and no growth.
    """
    before = resource.getrusage(resource.RUSAGE_SELF)
    run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    own = after.ru_utime - before.ru_utime
    return own, own + after.ru_stime - before.ru_stime


_CALIBRATION = {"flat_field": False, "trend": False, "evil_pixels": "interpolate"}


def main() -> None:
    too_steep = []
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        last = START + STEP * EXPOSURES[-1]
        scan = Scan(flyby("TITAN", 0.5 * (START + last)), START, last)
        files = kernels.write(Path(name) / "kernels", scan, "FUV")
        for step, prepared in steps(Path(name), files).items():
            runs = [prepared(n) for n in EXPOSURES]
            for run in runs:
                run()
            # In turn, so that what disturbs the machine disturbs all sizes alike.
            rounds = np.array([[spent(run) for run in runs] for _ in range(ROUNDS)])
            exponents = np.median(np.log10(rounds[:, 1:] / rounds[:, :-1]), axis=0)
            print(
                f"{step:<14}"
                + "".join(
                    f" {n:6d}: {both:8.4f} s"
                    for n, (_, both) in zip(EXPOSURES, np.median(rounds, axis=0), strict=True)
                )
                + "   exponents "
                + " ".join(f"{exponent:5.2f}" for exponent in exponents[:, 0])
                + f"  and of all CPU time {exponents[-1, 1]:5.2f}",
                flush=True,
            )
            if exponents[-1, 0] > LIMIT:
                too_steep.append(step)
        print(fresh(_GEOMETRY, " ".join(map(str, files)), EXPOSURES[-1]).strip())
    if too_steep:
        print(f"grow faster than n^{LIMIT}: {', '.join(too_steep)}")
