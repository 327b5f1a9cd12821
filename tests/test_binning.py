"""Bins against double loops, conservation laws, and the errors of their edges."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.handmade import located, observation, sky
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, circmean, norm

from uvisxr.bins import binning
from uvisxr.bins.binning import DEFAULT_EDGES
from uvisxr.bins.edges import Edges
from uvisxr.bins.members import c4
from uvisxr.dataset import conventions
from uvisxr.dataset.fields import SIGHTLINE
from uvisxr.drawing.texts import span
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.instrument.detector import Window
from uvisxr.numerics.poisson import garwood_bounds

WINDOW = Window(2, 500, 11, 524, band_bin=2)  # 10 rows, 13 elements


def scene(seed: int = 0, n_pic: int = 20, holes: float = 0.0) -> xr.Dataset:
    """Random radiances, bounds, geometry and counts; a share of the radiances is NaN."""
    rng = np.random.default_rng(seed)
    ds = sky(rng, n_pic=n_pic, rate=2e-3, window=WINDOW)
    shape = ds.counts.shape
    ds = located(
        ds,
        lat=rng.uniform(-90, 90, shape[:2]),
        alt=rng.uniform(-100, 2000, shape[:2]),
        lt=rng.uniform(0, 24, shape[:2]),
        lon=rng.uniform(0, 360, shape[:2]),
        sza=rng.uniform(0, 180, shape[:2]),
    )
    radiance = rng.normal(5, 2, shape).astype(np.float32)
    radiance[rng.random(shape) < holes] = np.nan
    dims = ("pic", "pixel", "wl")
    hits, scale = rng.poisson(1.5, shape), rng.uniform(0.3, 0.6, shape)
    lower, upper = garwood_bounds(hits)
    return ds.assign(
        radiance=(dims, radiance), hits=(dims, hits), scale=(dims, scale)
    ).assign_coords(
        radiance_upper=(dims, (scale * (upper - hits)).astype(np.float32)),
        radiance_lower=(dims, (scale * (hits - lower)).astype(np.float32)),
        radiance_systematic=(dims, rng.uniform(0.1, 0.2, shape).astype(np.float32)),
        exposure=("pic", rng.uniform(100, 300, n_pic)),
    )


def half_widths(hits, scale, weights) -> tuple[float, float]:
    """Of the sum of weighted counts, by the formulas of Dobson et al. with the usual scale."""
    w = np.asarray(weights) * scale
    y, v, s0 = w @ hits, w * w @ hits, (w * w).sum() / w.sum()
    s = (v + s0**2) / (y + s0)
    n, tail = y / s, norm.sf(1)
    upper, lower = chi2.isf(tail, 2 * n + 2) / 2 - n, n - (chi2.ppf(tail, 2 * n) / 2 if n else 0)
    return s * upper, s * lower


def members_by_hand(ds: xr.Dataset, by: dict[str, list[float]]) -> dict[tuple, list[tuple]]:
    """(pic, pixel) positions in each bin, edges ascending."""
    bins: dict[tuple, list[tuple]] = {}
    for i in range(ds.sizes["pic"]):
        for j in range(ds.sizes["pixel"]):
            if ds.quality.values[i, j]:
                continue
            index = []
            for name, edges in by.items():
                value = ds[name].values[i, j]
                index += [k for k in range(len(edges) - 1) if edges[k] <= value < edges[k + 1]]
            if len(index) == len(by):
                bins.setdefault(tuple(index), []).append((i, j))
    return bins


@pytest.mark.parametrize("holes", [0.0, 0.2])
@pytest.mark.parametrize("chunks", [None, {"pic": 7}, {"pic": 6, "pixel": 4, "wl": 5}])
def test_statistics_equal_a_double_loop(holes, chunks):
    ds = scene(1, holes=holes).uvis.flag([(3, 4), (5, 6)])
    by = {"lat": [-90, -30, 0, 90], "alt": [0, 400, 1200, np.inf]}
    found = (ds if chunks is None else ds.chunk(chunks)).uvis.bin(by=by)
    if chunks is not None:
        assert found.radiance.chunks is not None
        assert found.counts.chunks is not None
        assert found.radiance_systematic.chunks is not None
    found = found.compute()
    bins = members_by_hand(ds, by)
    assert found.n.shape == (3, 3)
    names = [name for name in ds.variables if "radiance" in name] + ["hits", "scale"]
    arrays = {name: ds[name].values.astype(float) for name in names}
    arrays["exposure"] = np.broadcast_to(ds.exposure.values[:, None, None], ds.radiance.shape)
    for index in np.ndindex(3, 3):
        members = bins.get(index, [])
        assert found.n.values[index] == len(members)
        for k in range(ds.sizes["wl"]):
            values = {
                name: [a[i, j, k] for i, j in members if np.isfinite(arrays["radiance"][i, j, k])]
                for name, a in arrays.items()
            }
            x, n = values["radiance"], len(values["radiance"])
            if n < 2:
                assert found.radiance_n.values[index][k] == n
                assert np.isnan(found.radiance_std.values[index][k])
                continue
            mean = sum(x) / n
            std = np.sqrt(sum((v - mean) ** 2 for v in x) / (n - 1))
            hits, scale = np.array(values["hits"]), np.array(values["scale"])
            w = np.array(values["exposure"]) / sum(values["exposure"])
            # The same factor on all members, whatever their signs.
            common = np.copysign(values["radiance_systematic"], x)
            plain, weighted = half_widths(hits, scale, np.ones(n) / n), half_widths(hits, scale, w)
            expected = {
                "radiance_n": (n, 0),
                "radiance": (mean, 1e-6),
                "radiance_std": (std, 1e-6),
                "radiance_upper": (plain[0], 2e-3),
                "radiance_lower": (plain[1], 2e-3),
                "radiance_weighted": (sum(a * b for a, b in zip(w, x, strict=True)), 1e-6),
                # Its scale is that of equal expected counts, which these are not.
                "radiance_weighted_upper": (weighted[0], 0.15),
                "radiance_weighted_lower": (weighted[1], 0.15),
                "radiance_systematic": (abs(np.mean(common)), 1e-5),
                "radiance_weighted_systematic": (abs(w @ common), 1e-5),
                "counts": (sum(int(ds.counts.values[i, j, k]) for i, j in members), 0),
            }
            for name, (value, rtol) in expected.items():
                result = found[name].values[index][k]
                np.testing.assert_allclose(result, value, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("first", [0.0, 1000.0])
def test_scatter_far_below_the_mean_keeps_its_digits(first):
    # Runs of members are summed in single precision, which alone holds 7 digits of 1e4.
    rng = np.random.default_rng(22)
    x = (1e4 + rng.normal(0, 1, (150, 1, 5))).astype(np.float32)
    x[0] += first
    ds = observation(np.zeros(x.shape, np.uint16), Window(20, 500, 20, 504))
    ds = ds.assign(radiance=(("pic", "pixel", "wl"), x))
    group = [[(i, 0) for i in range(150)]]
    for found in (ds.uvis.bin(pixels=group), ds.chunk(pic=40).uvis.bin(pixels=group)):
        exact = x[:, 0].astype(float)
        np.testing.assert_allclose(found.radiance[0], exact.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(found.radiance_std[0], exact.std(axis=0, ddof=1), rtol=1e-6)


def test_equal_members_keep_their_digits():
    # The same rounding of the same value, over and over, does not average out.
    n, value = 60, np.linspace(0.1, 9, 500).astype(np.float32)
    arrays = {"": 0.9, "_upper": 0.37, "_lower": 0.31, "_systematic": 0.13}
    arrays = {k: np.tile(np.float32(v) * value, (n, 1, 1)) for k, v in arrays.items()}
    ds = observation(np.zeros((n, 1, 500), np.uint16), Window(20, 500, 20, 999))
    ds = ds.assign({f"radiance{k}": (("pic", "pixel", "wl"), v) for k, v in arrays.items()})
    found = ds.uvis.bin(pixels=[[(i, 0) for i in range(n)]])
    one = {k: v[0, 0].astype(float) for k, v in arrays.items()}
    expected = {
        "": one[""],
        "_weighted": one[""],
        "_systematic": one["_systematic"],
        "_weighted_systematic": one["_systematic"],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[f"radiance{name}"][0], values, rtol=1e-6, err_msg=name)


@pytest.mark.slow
def test_standard_error_of_normal_values_is_unbiased():
    # E[std] = c4 sigma: dividing by c4 gives the true standard error on average, even of three.
    rng = np.random.default_rng(2)
    ds = observation(np.zeros((3 * 4000, 1, 1), np.uint16), Window(20, 500, 20, 500))
    ds = ds.assign(radiance=(("pic", "pixel", "wl"), rng.normal(0, 2, (12000, 1, 1))))
    found = ds.uvis.bin(pixels=[[(3 * k + i, 0) for i in range(3)] for k in range(4000)])
    np.testing.assert_allclose(found.radiance_stderr.mean(), 2 / np.sqrt(3), rtol=0.02)
    assert found.radiance_std.mean() < 1.8


def test_c4_equals_its_closed_forms_and_does_not_overflow():
    np.testing.assert_allclose(
        c4(np.array([2, 3, 5])),
        [np.sqrt(2 / np.pi), np.sqrt(np.pi) / 2, 3 * np.sqrt(2 * np.pi) / 8],
    )
    assert np.isnan(c4(np.array([0, 1]))).all()
    np.testing.assert_allclose(c4(np.array(1e6)), 1 - 1 / 4e6, rtol=1e-9)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.floats(0, 0.5))
def test_binning_conserves_radiance_and_counts(seed, holes):
    ds = scene(seed, n_pic=4, holes=holes)
    found = ds.uvis.bin(by={"lat": [-90, 0, 90], "lt": [0, 6, 12, 24]})
    used = ds.isel(pixel=ds.quality.values[0] == 0)
    total = (found.radiance * found.radiance_n).sum(["lat_bin", "lt_bin"])
    np.testing.assert_allclose(total, used.radiance.sum(["pic", "pixel"]), rtol=1e-5)
    np.testing.assert_array_equal(
        found.counts.sum(["lat_bin", "lt_bin"]), used.counts.sum(["pic", "pixel"])
    )
    assert found.n.sum() == used.quality.size
    np.testing.assert_allclose(found.exposure.sum(), used.exposure.sum() * used.sizes["pixel"])


@settings(derandomize=True, deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_a_permutation_of_spectra_changes_nothing(seed):
    ds = scene(seed, n_pic=5)
    rng = np.random.default_rng(seed)
    other = ds.isel(pic=rng.permutation(5), pixel=rng.permutation(10))
    xr.testing.assert_allclose(
        other.uvis.bin().drop_dims("member"), ds.uvis.bin().drop_dims("member")
    )


def test_members_tell_which_spectrum_went_where():
    ds = scene(3).isel(pic=slice(5, None), pixel=slice(2, None))
    by = {"lat": [-90, -30, 0, 90], "alt": [0, 400, 1200, np.inf]}
    found = ds.uvis.bin(by=by)
    position = np.unravel_index(found.member_bin, found.n.shape)
    counted = np.zeros(found.n.shape, int)
    np.add.at(counted, position, 1)
    np.testing.assert_array_equal(counted, found.n)
    bins = members_by_hand(ds, by)
    pairs = zip(found.member_pic.values, found.member_pixel.values, strict=True)
    for k, (pic, pixel) in enumerate(pairs):
        assert (pic - 5, pixel - 2) in bins[tuple(p[k] for p in position)]
    one = found.isel(member=found.member_bin.values == 0)
    mean = np.mean(
        [
            ds.radiance.sel(pic=i, pixel=j).values
            for i, j in zip(one.member_pic.values, one.member_pixel.values, strict=True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(found.radiance[0, 0], mean, rtol=1e-6)


def test_defaults_are_those_of_the_reference_package():
    found = scene(4).uvis.bin()
    assert found.radiance.dims == ("lat_bin", "alt_bin", "lt_bin", "wl")
    assert found.lat_bin_bounds.values.tolist() == [[a, a + 20] for a in range(-90, 90, 20)]
    edges = [0, 50, *range(150, 1551, 100), np.inf]
    np.testing.assert_array_equal(found.alt_bin_bounds[:, 0], edges[:-1])
    np.testing.assert_array_equal(found.alt_bin_bounds[:, 1], edges[1:])
    assert found.lt_bin_bounds.values.tolist() == [[0, 12], [12, 24]]
    assert found.n.shape == (9, 17, 2)
    assert found.alt_bin.values[[0, 1, -1]].tolist() == [25, 100, 1550]
    assert set(DEFAULT_EDGES) == {"lat", "alt", "lt"}


def test_empty_bins_have_no_spectrum_and_nan():
    found = scene(5, n_pic=1).uvis.bin()
    empty = found.n == 0
    assert empty.any()
    for name in ("radiance", "radiance_std", "radiance_weighted", "radiance_upper", "lat", "lon"):
        assert found[name].where(empty).isnull().all()
    assert (found.counts.where(empty, 0) == 0).all()
    assert found.radiance.where(~empty, 0).notnull().all()


def test_a_bin_of_one_spectrum_has_no_scatter():
    ds = scene(6)
    found = ds.uvis.bin(pixels=[[(2, 3)]])
    np.testing.assert_array_equal(found.radiance[0], ds.radiance[2, 3].astype(float))
    np.testing.assert_allclose(found.radiance_weighted[0], ds.radiance[2, 3], rtol=1e-6)
    np.testing.assert_allclose(found.radiance_weighted_upper[0], ds.radiance_upper[2, 3], rtol=2e-3)
    np.testing.assert_allclose(found.radiance_lower[0], ds.radiance_lower[2, 3], rtol=2e-3)
    assert found.radiance_std.isnull().all()
    assert found.radiance_stderr.isnull().all()


def test_longitudes_and_local_times_come_round():
    ds = scene(7)
    found = ds.uvis.bin(by={"lon": [350, 10, 30], "lt": [18, 6, 18]})
    assert found.n.shape == (2, 2)
    lon, lt = ds.lon.values, ds.lt.values
    good = ds.quality.values == 0
    night = (lt >= 18) | (lt < 6)
    assert found.n.values[0, 0] == (good & ((lon >= 350) | (lon < 10)) & night).sum()
    assert found.n.values[1, 1] == (good & (lon >= 10) & (lon < 30) & ~night).sum()
    assert found.lon_bin.values.tolist() == [0, 20]
    assert found.lon_bin_bounds.values.tolist() == [[350, 10], [10, 30]]
    assert found.lt_bin.values.tolist() == [0, 12]
    mean = found.lon.values[0]
    assert ((mean > 350) | (mean < 10)).all()


def test_mean_geometry():
    ds = scene(8)
    found = ds.uvis.bin(by={"lon": [350, 10, 30]})
    inside = ((ds.lon >= 350) | (ds.lon < 10)) & (ds.quality == 0)
    lon = circmean(ds.lon.values[inside.values], high=360)
    np.testing.assert_allclose(found.lon[0], lon, rtol=1e-10)
    np.testing.assert_allclose(found.lat[0], ds.lat.where(inside).mean())
    np.testing.assert_allclose(found.sza[0], ds.sza.where(inside).mean())
    np.testing.assert_allclose(found.lt[0], circmean(ds.lt.values[inside.values], high=24))
    assert found.lat.attrs["units"] == "degree"
    assert found.lon_bin.attrs == {
        "long_name": "longitude, in bins",
        "units": "degree",
        "bounds": "lon_bin_bounds",
    }


def test_all_corners_must_lie_in_the_same_bin():
    ds = scene(9)
    lat = ds.lat.values.copy()
    lat[4, 4], lat[4, 5] = 0.0005, 0.5
    ds = located(ds, lat=lat)
    by = {"lat": [-90, 0, 90]}
    centre, every = ds.uvis.bin(by=by), ds.uvis.bin(by=by, mode="all")
    pairs = {tuple(p) for p in zip(every.member_pic.values, every.member_pixel.values, strict=True)}
    assert (4, 4) not in pairs
    assert (4, 5) in pairs
    assert every.n.sum() < centre.n.sum()


def test_pixel_across_the_prime_meridian_lies_in_the_bin_that_holds_it():
    ds = located(scene(10), lon=np.full((20, 10), 359.9999))
    found = ds.uvis.bin(by={"lon": [350, 10, 30]}, mode="all")
    assert found.n.values.tolist() == [200, 0]


def test_samples_within_an_exposure():
    ds = scene(11)
    lat = np.stack([ds.lat.values - 1, ds.lat.values + 1], axis=-1)
    lat[0, 0] = [-2, 5]
    lon = np.full(lat.shape, [359.0, 5.0])
    ds = ds.drop_vars(["lat", "lon", "lat_corners", "lon_corners"]).assign_coords(
        lat=(("pic", "pixel", "sample"), lat), lon=(("pic", "pixel", "sample"), lon)
    )
    found = ds.uvis.bin(by={"lat": [-90, 0, 90]})
    assert found.n.sum() == 200
    pairs = list(zip(found.member_pic.values, found.member_pixel.values, strict=True))
    assert found.member_bin.values[pairs.index((0, 0))] == 1
    np.testing.assert_allclose(found.lon, 2.0)


def test_bins_hold_the_means_of_the_exposures_of_their_members():
    rng = np.random.default_rng(13)
    ds = scene(13)
    n_pic = ds.sizes["pic"]
    ds = ds.assign_coords(
        sc_lon=("pic", rng.uniform(340, 380, n_pic) % 360),
        sc_lt=(("pic", "sample"), rng.uniform(22, 26, (n_pic, 2)) % 24),
        sc_phase=("pic", rng.uniform(0, 180, n_pic)),
        heliocentric_distance=("pic", rng.uniform(9, 10, n_pic)),
        sc_heliocentric_distance=(("pic", "sample"), rng.uniform(9, 10, (n_pic, 2))),
        target_ra=("pic", np.zeros(n_pic)),
    )
    found = ds.uvis.bin(by={"lat": [-90, 0, 90]})
    for k in range(2):
        members = found.member_pic.values[found.member_bin.values == k]
        for name in ("sc_phase", "heliocentric_distance", "sc_heliocentric_distance"):
            expected = ds[name].values[members].mean()
            assert found[name].values[k] == pytest.approx(expected, rel=1e-12)
        lon = circmean(ds.sc_lon.values[members], high=360)
        assert found.sc_lon.values[k] == pytest.approx(lon, rel=1e-9)
        # First of the instants of an exposure, then of the exposures.
        lt = circmean(circmean(ds.sc_lt.values, high=24, axis=1)[members], high=24)
        assert found.sc_lt.values[k] == pytest.approx(lt, rel=1e-9)
    assert found.sc_lon.attrs["units"] == "degree"
    assert "sc_heliocentric_distance" in found.radiance.coords
    assert "target_ra" not in found.variables
    ds = conventions.apply(ds)
    assert "sc_phase" in ds.uvis.integrate().uvis.bin(pixels=[(0, 3), (1, 4)]).coords


def test_groups_by_hand_may_overlap_and_be_empty():
    ds = scene(12).uvis.flag([(9, 9), (1, 1)])
    found = ds.uvis.bin(pixels=[[(0, 0), (1, 1), (2, 2)], [(2, 2), (3, 3)], [(9, 8), (1, 1)], []])
    assert found.radiance.dims == ("group", "wl")
    assert found.n.values.tolist() == [2, 2, 1, 0]
    expected = (ds.radiance[0, 0] + ds.radiance[2, 2]).values / 2
    np.testing.assert_allclose(found.radiance[0], expected, rtol=1e-6)
    assert found.radiance[3].isnull().all()
    kept = ds.uvis.bin(pixels=[[(0, 0), (1, 1), (2, 2)]], exclude=())
    assert kept.n.values.tolist() == [3]


def test_groups_by_hand_give_the_same_lazily():
    groups = [[(0, 0), (15, 1), (2, 2)], [(2, 2), (19, 3)]]
    ds = scene(13, holes=0.1)
    lazy = ds.chunk(pic=6).uvis.bin(pixels=groups)
    assert lazy.radiance.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), ds.uvis.bin(pixels=groups))


def test_one_list_of_pairs_is_one_group():
    ds = scene(14)
    one = ds.uvis.bin(pixels=[(0, 0), (1, 1)])
    xr.testing.assert_equal(one, ds.uvis.bin(pixels=[[(0, 0), (1, 1)]]))
    assert one.n.values.tolist() == [2]


def test_masks_are_groups_too():
    ds = scene(15)
    found = ds.uvis.bin(pixels=[ds.alt > 1000, ds.pixel < 3])
    assert found.n.values.tolist() == [((ds.alt > 1000) & (ds.quality == 0)).sum(), 60]
    assert ds.uvis.bin(pixels=ds.alt > 1000).n.values.tolist() == found.n.values[:1].tolist()


def test_counts_alone_are_summed_and_missing_ones_left_out():
    ds = scene(16)
    counts = ds.counts.values.copy()
    counts[0, 0, 0] = 65535
    bare = ds.drop_vars(["radiance", "radiance_upper", "radiance_lower", "radiance_systematic"])
    bare = bare.assign(counts=(ds.counts.dims, counts))
    found = bare.uvis.bin(pixels=[(0, 0), (0, 1)])
    assert "radiance" not in found
    assert found.counts.values[0, 0] == counts[0, 1, 0]
    assert found.counts.values[0, 1] == counts[0, :2, 1].sum()


def test_radiance_without_bounds_has_no_weighted_mean():
    ds = scene(17).drop_vars(["radiance_upper", "radiance_lower", "radiance_systematic"])
    found = ds.uvis.bin(by={"alt": [0, 1000, 2000]})
    assert "radiance_stderr" in found
    assert "radiance_weighted" not in found


OF_COUNTS = ("upper", "lower", "variance", "per_count")
MEANS = [*OF_COUNTS, "weighted", *(f"weighted_{name}" for name in OF_COUNTS)]


@pytest.mark.parametrize("chunks", [None, {"pic": 7}])
@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], []),
        (["upper"], []),
        (["systematic"], ["systematic"]),
        (["upper", "lower", "systematic"], [*MEANS, "systematic", "weighted_systematic"]),
        (["upper", "lower"], MEANS),
    ],
)
def test_statistics_of_what_is_known(known, expected, chunks):
    whole = scene(23, holes=0.1)
    missing = [f"radiance_{k}" for k in ("upper", "lower", "systematic") if k not in known]
    by = {"alt": [0, 1000, 2000]}
    found = whole.drop_vars(missing).chunk(chunks or {}).uvis.bin(by=by)
    names = {f"radiance{k}" for k in ("", "_n", "_std", "_stderr", *(f"_{e}" for e in expected))}
    assert {name for name in found.variables if "radiance" in name} == names
    every = whole.uvis.bin(by=by)
    for name in names:
        np.testing.assert_allclose(found[name], every[name], rtol=1e-6)


def test_observed_errors_of_zero_or_nan_weigh_nothing():
    ds = scene(18)
    upper, lower = ds.radiance_upper.values.copy(), ds.radiance_lower.values.copy()
    upper[0, 0], lower[0, 0] = 0, 0
    upper[1, 1] = np.nan
    dims = ds.radiance.dims
    ds = ds.assign_coords(radiance_upper=(dims, upper), radiance_lower=(dims, lower))
    found = ds.uvis.bin(pixels=[[(0, 0), (1, 1), (2, 2)], [(0, 0)]], weights="observed")
    np.testing.assert_allclose(found.radiance_weighted[0], ds.radiance[2, 2], rtol=1e-6)
    assert found.radiance_upper[0].isnull().all()
    assert found.radiance_weighted[1].isnull().all()
    assert found.radiance[1].notnull().all()


OPTIONS = {"flat_field": False, "trend": False, "evil_pixels": "interpolate"}


def observed_sky() -> xr.Dataset:
    """Some ten counts an element, a background of 25 %."""
    ds = sky(np.random.default_rng(19), n_pic=250, rate=2e-2, window=WINDOW)
    ds = ds.assign_coords(et=("pic", np.arange(250) * 240.0 + 1e8))
    return ds.assign_attrs(slit="LOW_RESOLUTION").uvis.background(level=4e-4, error=1e-4)


def test_statistical_errors_average_down_and_common_ones_do_not():
    ds = observed_sky().uvis.calibrate(**OPTIONS)
    found = ds.uvis.bin(pixels=[[(i, 3) for i in range(k)] for k in (10, 250)])
    ratio = (found.radiance_upper[0] / found.radiance_upper[1]).median()
    np.testing.assert_allclose(ratio, 5, rtol=0.05)
    for name in ("radiance_systematic", "radiance_weighted_systematic"):
        np.testing.assert_allclose((found[name][0] / found[name][1]).median(), 1, rtol=0.15)
    assert found.background == 4e-4


def test_noise_adds_nothing_to_common_errors():
    """A factor on all spectra and a background that is off are known, however faint the light."""
    ds = sky(np.random.default_rng(5), n_pic=300, rate=8e-4, window=WINDOW)
    ds = ds.assign_coords(et=("pic", np.arange(300) * 240.0 + 1e8))
    ds = ds.assign_attrs(slit="LOW_RESOLUTION").uvis.background(level=4e-4, error=1e-5)
    ds = ds.uvis.calibrate(smooth=False, **OPTIONS)
    # The noise of a single element is far above the light.
    assert ds.radiance_upper.median() > 3 * ds.radiance.mean()
    group = [[(i, j) for i in range(300) for j in range(2, 8)]]
    found = ds.uvis.bin(pixels=group).uvis.integrate()
    width = np.diff(ds.wl_bounds.values, axis=-1)[:, 0]
    members = ds.isel(pixel=slice(2, 8))
    factor = (members.calibration_error * members.radiance).mean(["pic", "pixel"]).values @ width
    columns = np.array([2] * 12 + [1])
    dark = (1e-5 * columns / members.sensitivity.values[0]).mean(0) @ width
    np.testing.assert_allclose(found.brightness_background_error[0], dark, rtol=1e-3)
    for light in (found, ds.uvis.integrate().uvis.bin(pixels=group)):
        expected = np.hypot(factor, dark)
        np.testing.assert_allclose(light.brightness_systematic[0], expected, rtol=5e-3)


@pytest.mark.parametrize("interval", ["garwood", "score"])
def test_missing_elements_leave_the_bounds_of_the_others(interval):
    cal = observed_sky().uvis.calibrate(interval=interval, smooth=False, **OPTIONS)
    group = [[(i, 3) for i in range(250)]]
    holed = cal.assign(radiance=cal.radiance.where(cal.pic < 100))
    found = holed.uvis.bin(pixels=group)
    expected = cal.uvis.bin(pixels=[group[0][:100]])
    for name in ("upper", "lower", "weighted_upper", "weighted_lower"):
        np.testing.assert_allclose(
            found[f"radiance_{name}"], expected[f"radiance_{name}"], rtol=1e-6
        )


@pytest.mark.parametrize("mean", ["radiance", "radiance_weighted"])
def test_total_errors_hold_the_common_part_of_the_mean(mean):
    ds = observed_sky()
    group = [[(i, 3) for i in range(250)]]
    apart, both = (
        ds.uvis.calibrate(errors=e, **OPTIONS).uvis.bin(pixels=group)
        for e in ("statistical", "total")
    )
    for bound in ("upper", "lower"):
        expected = np.hypot(apart[f"{mean}_{bound}"], apart[f"{mean}_systematic"])
        np.testing.assert_allclose(both[f"{mean}_{bound}"], expected, rtol=1e-3)
    # Nearly a tenth of the value, not the 0.01 that would come of averaging it down.
    assert (both[f"{mean}_upper"] / both[mean] > 0.08).all()


def uneven_sky() -> xr.Dataset:
    """Two counts an element or so, exposures of 60 to 600 s."""
    window = Window(2, 500, 21, 579, band_bin=2)
    rng = np.random.default_rng(4)
    seconds = rng.choice([60.0, 240.0, 600.0], 40)
    counts = rng.poisson(4e-3 * seconds[:, None, None] * np.ones((40, 20, 40)))
    ds = observation(counts.astype(np.uint16), window)
    return ds.assign_coords(
        et=("pic", np.arange(40) * 600.0 + 1e8), exposure=("pic", seconds)
    ).assign_attrs(slit="LOW_RESOLUTION")


GROUPS = [[(i, j) for i in range(40) for j in range(k, k + 5)] for k in (0, 5, 10)]


@pytest.mark.parametrize("chunks", [None, {"pic": 7}, {"pic": 9, "pixel": 6, "wl": 11}])
def test_weighted_mean_is_the_sum_of_the_counts_over_that_of_the_light(chunks):
    cal = uneven_sky().uvis.calibrate(smooth=False, **OPTIONS)
    found = (cal if chunks is None else cal.chunk(chunks)).uvis.bin(pixels=GROUPS).compute()
    light = cal.exposure.values[:, None, None] * cal.sensitivity.values[0]
    for k, group in enumerate(GROUPS):
        pic, pixel = np.array(group).T
        counts = cal.counts.values.astype(float)[pic, pixel].sum(0)
        gathered = light[pic, pixel].sum(0)
        np.testing.assert_allclose(found.radiance_weighted[k], counts / gathered, rtol=1e-5)
        # So its bounds are Garwood's of all counts.
        lower, upper = garwood_bounds(counts)
        for name, half in (("upper", upper - counts), ("lower", counts - lower)):
            np.testing.assert_allclose(
                found[f"radiance_weighted_{name}"][k], half / gathered, rtol=5e-3
            )


def test_integrals_can_be_binned_and_bins_integrated():
    """The two ways give one mean; only the first knows how the members' brightness scatters."""
    cal = uneven_sky().uvis.calibrate(smooth=False, **OPTIONS)
    light = cal.uvis.integrate((1510, 1560))
    first, second = light.uvis.bin(pixels=GROUPS), cal.uvis.bin(pixels=GROUPS)
    second = second.uvis.integrate((1510, 1560))
    np.testing.assert_allclose(first.brightness, second.brightness, rtol=1e-5)
    for name in ("upper", "lower", "weighted_upper", "weighted_lower"):
        np.testing.assert_allclose(
            first[f"brightness_{name}"], second[f"brightness_{name}"], rtol=0.02
        )
    np.testing.assert_allclose(first.brightness_systematic, second.brightness_systematic, rtol=1e-4)
    np.testing.assert_allclose(first.brightness_weighted, second.brightness_weighted, rtol=0.02)
    assert "brightness_stderr" not in second
    for k, group in enumerate(GROUPS):
        pic, pixel = np.array(group).T
        scatter = light.brightness.values[pic, pixel].astype(float).std(ddof=1)
        np.testing.assert_allclose(first.brightness_std[k], scatter, rtol=1e-5)
    assert first.brightness.dims == ("group",)
    np.testing.assert_array_equal(first.wl_bounds, [1510, 1560])
    np.testing.assert_array_equal(first.brightness_n, [200, 200, 200])


def test_observed_weights_are_biased_low_and_expected_ones_are_not():
    cal = uneven_sky().uvis.calibrate(smooth=False, **OPTIONS)
    plain, observed = (cal.uvis.bin(pixels=GROUPS, weights=w) for w in ("expected", "observed"))
    truth = float(plain.radiance.mean())
    assert float(plain.radiance_weighted.mean()) == pytest.approx(truth, rel=0.03)
    assert float(observed.radiance_weighted.mean()) < 0.7 * truth
    with pytest.raises(ArgumentError, match="weights="):
        cal.uvis.bin(pixels=GROUPS, weights="inverse")


def test_integrates_and_survives_netcdf(tmp_path):
    found = scene(20).uvis.bin(by={"alt": [0, 1000, 2000]})
    whole = found.uvis.integrate()
    width = np.diff(found.wl_bounds.values, axis=-1)[:, 0]
    for name in ("", "_weighted"):
        expected = found[f"radiance{name}"].values @ width
        np.testing.assert_allclose(whole[f"brightness{name}"], expected, rtol=1e-6)
    found.uvis.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="netcdf4") as back:
        xr.testing.assert_equal(back.load(), found)


def test_leaves_its_input_alone_and_says_what_it_did():
    ds = scene(21)
    before = ds.copy(deep=True)
    found = ds.uvis.bin(by={"alt": [0, 1000]})
    xr.testing.assert_identical(ds, before)
    assert "bin(by={'alt': [0, 1000]}, pixels=None, mode='center'" in found.attrs["history"]
    assert found.radiance.attrs["units"] == "kR angstrom-1"
    assert found.n.attrs["units"] == "1"


# --- edges


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.floats(-720, 720),
    st.lists(st.floats(0.5, 120), min_size=1, max_size=5),
    st.floats(-720, 720),
)
def test_wrapped_bins_equal_trying_each_turn(start, widths, value):
    if sum(widths) > 360:
        return
    upto = np.concatenate([[0], np.cumsum(widths)])
    edges = (start + upto) % 360
    offset = (value - start) % 360
    if np.abs(offset - upto).min() < 1e-6 or abs(offset - 360) < 1e-6:
        return
    expected = next((k for k in range(len(widths)) if upto[k] <= offset < upto[k + 1]), -1)
    assert Edges("lon", edges).index(np.array([value]))[0] == expected


def test_every_value_lies_in_a_closed_circle():
    lon = np.array([0.0, 359.99999999999997, 360.0, -1e-300, 720.0, 180.0])
    for edges in ([0, 360], [0, 120, 240, 360], [-180, 0, 180], [77.7, 197.7, 317.7, 77.7]):
        assert (Edges("tangent_lon", edges).index(lon) >= 0).all()


def test_intervals_hold_their_lower_edge_and_the_last_its_upper():
    index = Edges("lat", [-90, 0, 90]).index(np.array([-90.0, 0.0, 90.0, 90.1, -91, np.nan]))
    assert index.tolist() == [0, 1, 1, -1, -1, -1]
    assert Edges("alt", [0, np.inf]).index(np.array([1e300, -1.0])).tolist() == [0, -1]


@pytest.mark.parametrize(
    ("field", "edges"),
    [
        ("alt", [0, 100, 50]),
        ("alt", [0, 0]),
        ("lat", [90, -90]),
        ("lon", [30, 10, 350]),
        ("lon", [0, 180, 360, 90]),
        ("lon", [10, 10]),
        ("lt", [0, np.inf]),
        ("lt", [0, 13, 12, 25]),
    ],
)
def test_edges_out_of_order(field, edges):
    with pytest.raises(ArgumentError, match=rf"by\['{field}'\]=\[.*edges"):
        Edges(field, edges)


PERIODIC = [name for name, field in SIGHTLINE.items() if field.period is not None]


@pytest.mark.parametrize("field", PERIODIC)
@pytest.mark.parametrize("turns", [(0, 1.1), (0, 0.5, 1.5), (-0.5, 0.75), (1.5, 0.25), (0, -2)])
def test_edges_beyond_the_circle(field, turns):
    """Taken round it, the end of [0, 400] would be that of [0, 40]."""
    edges = [turn * SIGHTLINE[field].period for turn in turns]
    with pytest.raises(ArgumentError, match="edges that go round once"):
        Edges(field, edges)


@pytest.mark.parametrize("field", PERIODIC)
def test_edges_that_pass_the_period(field):
    period = SIGHTLINE[field].period
    values = np.array([0.0, 0.04, 0.5, 0.96]) * period
    for turns, expected in (
        ((-0.05, 0.05), [0, 0, -1, 0]),
        ((0.95, 0.03, 0.06), [0, 1, -1, 0]),
        ((0, 1), [0, 0, 0, 0]),
        ((-0.5, 0, 0.5), [1, 1, 0, 0]),
    ):
        assert Edges(field, np.array(turns) * period).index(values).tolist() == expected


@pytest.mark.parametrize("edges", [range(10**5), range(10**9), range(10**30), np.arange(10**5)])
def test_too_many_edges(edges):
    with pytest.raises(ArgumentError, match="the edges of 10000 bins at most"):
        Edges("alt", edges)


@pytest.mark.parametrize("edges", [[], [1], [0, np.nan], "ab", 5, [[0, 1], [1, 2]], None])
def test_edges_that_are_no_numbers(edges):
    with pytest.raises(ArgumentError, match="two or more numbers"):
        Edges("alt", edges)


# --- bad input


def test_unknown_field():
    with pytest.raises(ArgumentError, match=r"by='altitude': expected a field .* mean alt"):
        scene().uvis.bin(by={"altitude": [0, 1]})


@pytest.mark.parametrize("by", [{}, [0, 1], "alt"])
def test_by_that_is_no_mapping(by):
    with pytest.raises(ArgumentError, match="by="):
        scene().uvis.bin(by=by)


def test_missing_geometry():
    with pytest.raises(MissingStepError, match="geometry"):
        scene().drop_vars("alt").uvis.bin()


def test_missing_corners():
    with pytest.raises(MissingStepError, match=r"alt_corners.*mode='center'"):
        scene().drop_vars("alt_corners").uvis.bin(by={"alt": [0, 1]}, mode="all")


def test_unknown_mode():
    with pytest.raises(ArgumentError, match="mode='corners'"):
        scene().uvis.bin(mode="corners")


def test_unknown_flag():
    with pytest.raises(ArgumentError, match="exclude='bad': expected one of 'lost'"):
        scene().uvis.bin(exclude="bad")


def test_both_ways_at_once():
    with pytest.raises(ArgumentError, match="not both"):
        scene().uvis.bin(by={"alt": [0, 1]}, pixels=[(0, 0)])


def test_nothing_in_any_bin():
    with pytest.raises(ArgumentError, match=r"no spectrum in any bin.*alt -"):
        scene().uvis.bin(by={"alt": [5000, 6000]})


def test_nothing_but_flagged_spectra():
    with pytest.raises(ArgumentError, match="no spectrum in any bin"):
        scene().uvis.flag([(0, 9)]).uvis.bin(pixels=[(0, 9)])


def test_no_group():
    with pytest.raises(ArgumentError, match=r"pixels=\[\]: expected groups"):
        scene().uvis.bin(pixels=[])


def test_pixel_out_of_range_names_the_group():
    with pytest.raises(ArgumentError, match=r"group 1: no spectrum .* \(0, 10\)"):
        scene().uvis.bin(pixels=[[(0, 0)], [(0, 10)]])


def test_neither_radiance_nor_counts():
    with pytest.raises(MissingStepError, match="calibrate"):
        binning.bin(scene().drop_vars(["radiance", "counts"]))


def test_more_bins_than_memory_are_refused():
    edges = {"lat": np.linspace(-90, 90, 3001), "lon": np.linspace(0, 360, 2001)}
    with pytest.raises(ArgumentError, match=r"6000000 bins.*fewer edges"):
        scene(13).uvis.bin(by=edges)


@pytest.mark.slow
def test_when_the_spectra_in_bins_were_taken(titan):
    ds = titan.open().uvis.geometry(kernels=titan.kernels)
    bins = ds.uvis.bin(pixels=[[(3, 10)], [(5, 10), (4, 11)]])
    start, end = (
        np.datetime64(bins.attrs[f"time_coverage_{name}"].rstrip("Z")) for name in ("start", "end")
    )
    assert abs(start - ds.time_start.values[3]) <= np.timedelta64(1, "ms")
    assert abs(end - ds.time_stop.values[5]) <= np.timedelta64(1, "ms")
    assert str(start.astype("M8[m]")).replace("T", "\N{NO-BREAK SPACE}") in span(bins)
    without = ds.drop_vars(["time_start", "time_stop", "time"]).uvis.bin(pixels=[[(3, 10)]])
    assert span(without) == ""
