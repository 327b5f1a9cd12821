"""The compiled loops of bins give what numpy gives."""

from __future__ import annotations

import itertools
import platform

import numpy as np
import pytest
import xarray as xr
from helpers.handmade import located, observation, sky

import uvisxr
from uvisxr.bins import fast, statistics
from uvisxr.bins.members import Members, Shared
from uvisxr.bins.statistics import Measured
from uvisxr.instrument.detector import Window
from uvisxr.numerics import compiled

pytest.importorskip("numba")

WINDOW = Window(2, 500, 11, 524, band_bin=2)  # 10 rows, 13 elements
RADIANCES = ("radiance", "radiance_upper", "radiance_lower", "radiance_systematic")
BY = {"lat": [-90, -30, 0, 90], "alt": [0, 400, 1200, np.inf]}
OPTIONS = {"flat_field": False, "trend": False, "evil_pixels": "interpolate"}

#: Of single precision, where numpy multiplies and adds in one step.
RTOL = 0 if platform.machine().lower() in ("x86_64", "amd64") else 1e-5


@pytest.fixture(autouse=True)
def _anew(monkeypatch):
    """Each test begins a session of its own."""
    monkeypatch.setattr(compiled, "_done", 0)


@pytest.fixture
def both(monkeypatch):
    """A function of a dataset and arguments of `bin`: asserts that both ways agree."""
    ran = []
    loops = fast._loops
    monkeypatch.setattr(fast, "_loops", lambda *given: ran.append(loops(*given)) or ran[-1])

    def compare(ds: xr.Dataset, compiled_too: bool = True, **arguments) -> xr.Dataset:
        found = []
        for worth in (2**60, 0):
            ran.clear()
            monkeypatch.setattr(compiled, "WORTH", worth)
            found.append(ds.uvis.bin(**arguments).compute())
            assert any(a is not None for a in ran) == (compiled_too and not worth)
        plain, own = (a.drop_attrs(deep=False) for a in found)
        xr.testing.assert_allclose(plain, own, rtol=RTOL, atol=0)
        return own

    return compare


def scene(holes: float = 0.0, n_pic: int = 60) -> xr.Dataset:
    rng = np.random.default_rng(3)
    ds = sky(rng, n_pic=n_pic, rate=2e-2, window=WINDOW)
    shape = ds.counts.shape
    fields = {"lat": (-90, 90), "alt": (-100, 2000), "lt": (0, 24), "lon": (0, 360)}
    ds = located(ds, **{name: rng.uniform(*ends, shape[:2]) for name, ends in fields.items()})
    scale, counts = rng.uniform(0.3, 0.6, shape), ds.counts.values
    arrays = {"radiance": scale * counts - 0.5}
    arrays["radiance_upper"] = scale * np.sqrt(counts + 1.3)
    arrays["radiance_lower"] = scale * np.sqrt(counts * 1.0)
    arrays["radiance_systematic"] = 0.1 * abs(arrays["radiance"])
    arrays["radiance"][rng.random(shape) < holes] = np.nan
    if holes:
        arrays["radiance"][..., -2:] = np.nan
        arrays["radiance"][3, :, 4] = np.inf
        # Some of a single run, whole bins of another element.
        arrays["radiance"][:, :, 6] = np.nan
    seconds = rng.uniform(100, 300, n_pic)
    return ds.assign({k: (ds.counts.dims, a.astype(np.float32)) for k, a in arrays.items()}).assign(
        exposure=("pic", seconds)
    )


@pytest.mark.parametrize("weights", ["expected", "observed"])
@pytest.mark.parametrize("chunks", [None, {"pic": 7}, {"pic": 25, "pixel": 4, "wl": 7}])
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_every_statistic(both, holes, chunks, weights):
    ds = scene(holes)
    found = both(ds if chunks is None else ds.chunk(chunks), by=BY, weights=weights)
    assert found.n.values.max() > 64
    assert "radiance_weighted_per_count" in found.coords


@pytest.mark.parametrize("mode", ["center", "all"])
def test_default_bins_many_of_them_empty(both, mode):
    found = both(scene(0.1), mode=mode)
    assert (found.n == 0).any()
    assert found.radiance.where(found.n == 0).isnull().all()
    assert (found.counts.where(found.n == 0, 0) == 0).all()


def test_groups_that_share_spectra_and_a_single_pixel(both):
    ds = scene(0.1)
    groups = [[(2, 3)], [(i, 3) for i in range(60)], [(2, 3), (2, 4)]]
    for arguments in ({"pixels": groups}, {"pixels": [(2, 3)]}, {"pixels": groups, "exclude": ()}):
        both(ds, **arguments)
    both(ds.isel(pic=[4], pixel=[5]), pixels=[(4, 5)], exclude=())


@pytest.mark.parametrize("known", list(itertools.product([True, False], repeat=2)))
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_what_is_known(both, known, holes):
    unknown = {"systematic": not known[0], "upper": not known[1]}
    missing = [f"radiance_{name}" for name, lacks in unknown.items() if lacks]
    both(scene(holes).drop_vars(missing), by=BY)


def test_errors_of_zero_or_nan(both):
    ds = scene()
    upper, lower = ds.radiance_upper.copy(deep=True), ds.radiance_lower.copy(deep=True)
    upper[0], lower[0] = 0, 0
    upper[1, 1], lower[2, :, 3] = np.nan, np.nan
    ds = ds.assign(radiance_upper=upper, radiance_lower=lower)
    for weights in ("expected", "observed"):
        both(ds, by=BY, weights=weights)


def observed_sky(n_pic: int = 70) -> xr.Dataset:
    ds = sky(np.random.default_rng(19), n_pic=n_pic, rate=2e-3, window=WINDOW)
    ds = ds.assign_coords(et=("pic", np.arange(n_pic) * 240.0 + 1e8))
    ds = ds.assign_coords(exposure=("pic", np.linspace(100, 300, n_pic)))
    return ds.assign_attrs(slit="LOW_RESOLUTION").uvis.background(level=4e-4, error=1e-4)


GROUPS = [[(i, j) for i in range(70) for j in range(k, k + 2)] for k in (2, 4, 6)]


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [None, {"pic": 30}])
@pytest.mark.parametrize("errors", ["statistical", "total"])
@pytest.mark.parametrize("interval", ["garwood", "score"])
def test_calibrated_spectra(both, interval, errors, chunks):
    """Weights by sensitivity, the background's part of the errors, correlations."""
    options = {"interval": interval, "errors": errors, "smooth": False}
    cal = observed_sky().uvis.calibrate(**options, **OPTIONS)
    cal = cal if chunks is None else cal.chunk(chunks)
    for weights in ("expected", "observed"):
        found = both(cal, pixels=GROUPS, weights=weights)
        assert found.radiance_weighted_background_error.notnull().all()
    holed = cal.radiance.where(cal.counts % 3 != 1)
    found = both(cal.assign(radiance=holed), pixels=GROUPS)
    # Those that are missing do not make the bounds of the others unknown.
    assert found.radiance_upper.notnull().all()
    assert found.radiance_weighted_upper.notnull().all()


def test_smoothed_spectra_without_a_background(both):
    ds = observed_sky().drop_vars(["background", "background_error"])
    both(ds.uvis.calibrate(smooth=True, **OPTIONS), pixels=GROUPS)


@pytest.mark.parametrize("chunks", [None, {"pic": 30}])
def test_brightnesses_and_double_precision_are_left_to_numpy(both, chunks):
    cal = observed_sky().uvis.calibrate(**OPTIONS)
    light = cal.uvis.integrate().drop_vars("counts", errors="ignore")
    both(light if chunks is None else light.chunk(chunks), compiled_too=False, pixels=GROUPS)
    precise = cal.assign(radiance=cal.radiance.astype(float)).drop_vars("counts")
    both(precise, compiled_too=False, pixels=GROUPS)


@pytest.mark.parametrize("chunks", [None, {"pic": 2}])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_counts(both, dtype, chunks):
    most = np.iinfo(dtype).max
    counts = np.random.default_rng(5).integers(0, most, (5, 10, 13), dtype, endpoint=True)
    counts[1, 2, 3:6] = most
    bare = observation(np.zeros(counts.shape, np.uint16), WINDOW)
    bare = bare.assign(counts=(bare.counts.dims, counts)).assign_attrs(summed=1)
    group = [(i, j) for i in range(5) for j in range(3)]
    found = both(bare.chunk(chunks or {}), pixels=[group, [(0, 0)]], exclude=())
    assert found.counts.dtype == np.int64
    whole = np.where(counts == most, 0, counts).astype(object)
    assert (found.counts.values[0] == whole[:, :3].sum((0, 1))).all()


def test_counts_that_a_reader_made_floats_are_left_to_numpy(both):
    ds = scene().drop_vars(list(RADIANCES))
    counts = ds.counts.astype(np.float32).where(ds.counts != 2)
    both(ds.assign(counts=counts), compiled_too=False, by=BY)


def test_arrays_that_are_read_only_or_lie_otherwise(both):
    ds = scene(0.1)
    expected = ds.uvis.bin(by=BY)
    turned = ds.transpose("wl", "pixel", "pic", ...).copy(deep=True).transpose(*ds.counts.dims, ...)
    turned.radiance.values.setflags(write=False)
    xr.testing.assert_equal(both(turned, by=BY), expected)
    part = ds.isel(wl=slice(2, 9), pic=slice(None, None, -1))
    both(part, by=BY)


def test_loops_are_made_ready(monkeypatch):
    """All that bins compile is compiled, and only then do the loops take over."""
    from uvisxr.numerics import fused_bins

    seen = []
    loops = fused_bins.statistics
    monkeypatch.setattr(
        fused_bins, "statistics", lambda *given: seen.append(compiled._done) or loops(*given)
    )
    fast.prepare()
    assert seen == [0] and compiled.loops() is not None
    before = [len(own.signatures) for own in (loops, fused_bins.sum_counts)]
    scene(n_pic=4).uvis.bin(pixels=[[(0, 1)]])
    assert [len(own.signatures) for own in (loops, fused_bins.sum_counts)] == before


@pytest.fixture
def shares(monkeypatch):
    """First and last columns of the shares of threads, of arrays however small."""
    monkeypatch.setattr(compiled, "WORTH", 0)
    monkeypatch.setattr(fast, "_LARGE", 0)
    monkeypatch.setattr(fast, "_LEAST", 16)
    compiled.loops(1)
    from uvisxr.numerics import fused_bins

    found = []
    loops = fused_bins.statistics
    monkeypatch.setattr(
        fused_bins, "statistics", lambda *given: found.append(given[-2:]) or loops(*given)
    )
    return found


def quantity(n_wl: int, n_pic: int = 40, n_pixel: int = 6) -> dict[str, np.ndarray]:
    """A quantity and its errors, (pic, pixel, wl); some of its elements are missing."""
    rng = np.random.default_rng(n_wl)
    value = rng.normal(3, 2, (n_pic, n_pixel, n_wl))
    errors = rng.uniform(0.1, 2, (3, *value.shape))
    # Whole runs here, single spectra there, and all there is at one end.
    value[:20, :, n_wl // 2] = value[3, :, 1] = value[..., -1] = np.nan
    value[5, 2, 7] = np.inf
    names = ("value", "upper", "lower", "systematic")
    return dict(zip(names, np.stack([value, *errors]).astype(np.float32), strict=True))


def common(n_wl: int, n_pic: int = 40, n_pixel: int = 6) -> dict[str, dict[str, Shared]]:
    """What spectra have in common: weights of each kind and an error of the background."""
    rng = np.random.default_rng(n_wl)
    row, factor = np.tile(np.arange(n_pixel), n_pic), rng.uniform(1, 2, n_pic * n_pixel)
    planes = rng.uniform(0.01, 0.1, (2, n_pixel, n_wl)).astype(np.float32)
    background = Shared(planes[0], row, np.ones(row.size))
    return {
        "observed": {},
        "flat": {"weight": Shared.along_wl(factor), "background": background},
        "planes": {"weight": Shared(planes[1], row, factor), "background": background},
    }


@pytest.mark.parametrize("weights", ["observed", "flat", "planes"])
@pytest.mark.parametrize("n_wl", [33, 47, 49, 101])
def test_threads_give_the_same_bits(shares, monkeypatch, n_wl, weights):
    """Over several bins, of which the last one is empty."""
    given = Measured(quantity(n_wl), common(n_wl)[weights], total=True)
    members = Members.of(np.arange(240), np.arange(240) % 7 // 4, 3)
    found = {}
    for threads in (1, 2, 3):
        shares.clear()
        with uvisxr.set_options(threads=threads):
            found[threads] = statistics.statistics(members, given)
        ends = [0, *(stop for _, stop in sorted(shares))]
        assert sorted(shares) == list(itertools.pairwise(ends))
        assert ends[-1] == n_wl
        assert len(shares) == min(threads, n_wl // 16)
    assert ("weighted_background_error" in found[1]) == (weights != "observed")
    for threads in (2, 3):
        for name, values in found[1].items():
            assert values.tobytes() == found[threads][name].tobytes(), name
    monkeypatch.setattr(compiled, "WORTH", 2**60)
    shares.clear()
    for name, values in statistics.statistics(members, given).items():
        np.testing.assert_allclose(found[1][name], values, rtol=RTOL, err_msg=name)
    assert not shares


def test_threads_have_enough_to_do(shares, monkeypatch):
    members = Members.of(np.arange(240), np.zeros(240, int), 1)
    arrays = quantity(64)
    with uvisxr.set_options(threads=3):
        monkeypatch.setattr(fast, "_LEAST", 40)
        statistics.statistics(members, Measured(arrays))
        monkeypatch.setattr(fast, "_LEAST", 16)
        monkeypatch.setattr(fast, "_LARGE", 240 * 64 + 1)
        statistics.statistics(members, Measured(arrays))
        assert shares == [(0, 64), (0, 64)]


def test_blocks_of_dask_have_one_thread_each(shares):
    da = pytest.importorskip("dask.array")
    members = Members.of(np.arange(240), np.zeros(240, int), 1)
    lazy = {name: da.from_array(a, (20, 6, 64)) for name, a in quantity(64).items()}
    with uvisxr.set_options(threads=3):
        found = statistics.statistics(members, Measured(lazy))
        found["mean"].compute()
    assert shares == [(0, 64), (0, 64)]
