"""The compiled loops of the calibration give what numpy gives."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
import xarray as xr
from helpers import calfiles
from helpers.slow import rest_slow

import uvisxr
from uvisxr import numerics, options
from uvisxr.calibration import convert, fast
from uvisxr.calibration.stored import Stored
from uvisxr.instrument.detector import Window
from uvisxr.numerics import compiled

pytest.importorskip("numba")

WINDOW = Window(0, 200, 63, 327)
OUTPUTS = ("radiance", "radiance_upper", "radiance_lower", "radiance_systematic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return calfiles.folder(tmp_path_factory.mktemp("cal"))


@pytest.fixture(autouse=True)
def _anew(monkeypatch):
    """Each test begins a session of its own."""
    monkeypatch.setattr(compiled, "_done", 0)


def counts_of(mean: float) -> np.ndarray:
    """With spectra lost in part and whole."""
    counts = np.random.default_rng(1).poisson(mean, (5, *WINDOW.shape))
    counts[1, 20, 40:43] = counts[3, 7] = counts[2, 30:33, ::9] = counts[4, 20, 40:43] = 65535
    return counts


def observation(mean: float = 3, **further) -> xr.Dataset:
    given = {
        "compression": "SQRT_9",
        "et": np.linspace(1.75e8, 2e8, 5),
        "exposure": np.array([240.0, 240, 120, 60, 10]),
    }
    ds = calfiles.opened(counts_of(mean), WINDOW, **(given | further))
    return ds.assign_coords(background=4e-4, background_error=2e-5)


def both(monkeypatch, function):
    """What numpy gives, and the compiled loops."""
    found = []
    for worth in (2**60, 0):
        monkeypatch.setattr(compiled, "WORTH", worth)
        convert._chain.cache_clear()
        assert (compiled.loops() is None) == bool(worth)
        found.append(function())
    return found


def assert_same(monkeypatch, ds, ulps: int = 0, **arguments) -> None:
    """Calibrate both ways."""
    plain, own = both(monkeypatch, lambda: ds.uvis.calibrate(**arguments))
    for name in OUTPUTS:
        if ulps:
            np.testing.assert_array_max_ulp(plain[name].values, own[name].values, ulps)
        else:
            np.testing.assert_array_equal(plain[name].values, own[name].values)
    assert np.isfinite(own.radiance).any()


def test_what_filling_and_smoothing_do_is_worked_out_once(folder):
    def chain(ds: xr.Dataset, **arguments: object) -> convert.Chain:
        cal = ds.uvis.calibrate(files=folder, trend="evolution", **arguments)
        return Stored.of(cal).conversion.chain

    first = chain(observation())
    assert chain(observation(30, exposure=np.full(5, 8.0))) is first
    others = [
        chain(observation(), smooth=False),
        chain(observation(), nan_interp="pchip"),
        chain(observation(), fill_limit=5.0),
        chain(observation(), evil_pixels="response"),
        chain(observation().isel(wl=slice(1, None))),
    ]
    assert len({id(other) for other in (first, *others)}) == 6


@pytest.mark.slow
@pytest.mark.parametrize("evil_pixels", rest_slow(["response", "mask"], 1))
@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("nan_interp", rest_slow(["shape", "linear", "pchip", None], 1))
def test_every_path(monkeypatch, folder, nan_interp, smooth, evil_pixels):
    common = {"files": folder, "trend": "evolution", "nan_interp": nan_interp, "smooth": smooth}
    common |= {"evil_pixels": evil_pixels}
    for mean, interval in itertools.product((3, 300), ("garwood", "score")):
        assert_same(monkeypatch, observation(mean), interval=interval, **common)
    assert_same(monkeypatch, observation(), ulps=1, errors="total", **common)


@pytest.mark.parametrize("smooth", [True, False])
def test_without_a_background_and_without_quantization(monkeypatch, folder, smooth):
    ds = observation().drop_vars(["background", "background_error"])
    assert_same(monkeypatch, ds, files=folder, trend=False, smooth=smooth, quantization=False)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("most", [60_000, 70_000, 3_000_000])
def test_sums_of_32_bits(monkeypatch, folder, smooth, most):
    counts = np.random.default_rng(2).integers(0, most, (3, *WINDOW.shape)).astype(np.uint32)
    counts[1, 20, 40:43] = 2**32 - 1
    counts[:, 10:50] //= 1000
    ds = calfiles.opened(np.zeros((3, *WINDOW.shape)), WINDOW, compression="SQRT_9")
    ds = ds.assign(counts=(ds.counts.dims, counts)).assign_attrs(summed=1)
    assert_same(monkeypatch, ds, files=folder, trend=False, smooth=smooth)


def test_bins_of_a_few_elements(monkeypatch):
    window = Window(4, 300, 11, 331, line_bin=2, band_bin=4)
    ds = calfiles.opened(np.full((2, *window.shape), 10), window)
    assert_same(monkeypatch, ds, flat_field=False, trend=False, smooth=True)
    assert_same(monkeypatch, ds.isel(wl=[3]), flat_field=False, trend=False, smooth=False)


def test_selections_in_another_order(monkeypatch, folder):
    ds = observation(mean=300).isel(pixel=[40, 5, 6], wl=slice(3, 90))
    assert_same(monkeypatch, ds, files=folder, trend=False)


def test_wide_holes_are_left_to_numpy(monkeypatch, folder):
    cal = observation().uvis.calibrate(files=folder, trend=False, fill_limit=None, smooth=True)
    holed = cal.sensitivity.copy(deep=True)
    holed[:, 30, 20:100] = np.nan
    cal = cal.assign_coords(sensitivity=holed)
    monkeypatch.setattr(fast, "_prepared", None)
    plain, own = both(monkeypatch, lambda: Stored.of(cal).radiances()["radiance"].values)
    np.testing.assert_array_equal(plain, own)


def test_the_weights_are_those_of_scipy(monkeypatch, folder):
    for nan_interp, smooth in itertools.product(("linear", "shape", None), (True, False)):
        options = {"nan_interp": nan_interp, "smooth": smooth}
        cal = observation().uvis.calibrate(files=folder, trend=False, **options)
        plain, own = both(monkeypatch, lambda cal=cal: Stored.of(cal).conversion.chain.composition)
        assert plain.shape == own.shape
        assert (plain.weights != own.weights).nnz == 0
        np.testing.assert_array_equal(plain.known, own.known)


def test_a_background_afterwards(monkeypatch, folder):
    cal = observation().uvis.calibrate(files=folder, trend=False)
    plain, own = both(monkeypatch, lambda: cal.uvis.background(level=5e-4, error=1e-5))
    xr.testing.assert_equal(plain, own)


def test_lazy_arrays(monkeypatch, folder):
    ds = observation()
    monkeypatch.setattr(compiled, "WORTH", 0)
    lazy = ds.chunk(pic=2).uvis.calibrate(files=folder, trend=False)
    xr.testing.assert_identical(lazy.compute(), ds.uvis.calibrate(files=folder, trend=False))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_are_bounded_and_change_nothing(monkeypatch, folder, threads):
    ds = observation()
    plain = ds.uvis.calibrate(files=folder, trend=False)
    used = []

    class Pool(fast.ThreadPoolExecutor):
        def __init__(self, n):
            used.append(n)
            super().__init__(n)

    monkeypatch.setattr(compiled, "WORTH", 0)
    monkeypatch.setattr(fast, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(fast, "_LARGE", 0)
    with uvisxr.set_options(threads=threads):
        own = ds.uvis.calibrate(files=folder, trend=False)
        ds.chunk(pic=2).uvis.calibrate(files=folder, trend=False).compute()
    assert used == ([] if threads == 1 else [threads])
    xr.testing.assert_equal(plain, own)


def test_small_data_do_not_wait_for_the_compiler(monkeypatch):
    assert compiled.loops(compiled.WORTH // 2) is None
    assert compiled.loops(compiled.WORTH // 3) is None
    assert compiled.loops(compiled.WORTH // 3) is not None


@pytest.mark.parametrize("error", [ImportError, RuntimeError, AttributeError, OSError, SystemError])
def test_without_numba_or_a_folder_for_its_results(monkeypatch, folder, error):
    class Numba:
        def __getattr__(self, name: str) -> None:
            raise error

    ds = observation()
    plain = ds.uvis.calibrate(files=folder, trend=False)
    compiled.load.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None if error is ImportError else Numba())
    monkeypatch.delitem(sys.modules, "uvisxr.numerics.fused", raising=False)
    monkeypatch.delattr(numerics, "fused", raising=False)
    monkeypatch.setattr(compiled, "WORTH", 0)
    try:
        assert compiled.loops() is None
        xr.testing.assert_identical(plain, ds.uvis.calibrate(files=folder, trend=False))
    finally:
        compiled.load.cache_clear()


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(options.os, "sched_getaffinity", lambda _: {1, 5}, raising=False)
    assert options.threads() == 2
