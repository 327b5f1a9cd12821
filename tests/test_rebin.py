"""Exposures, rows and columns summed on the ground: like products binned so on board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product
from helpers.slow import rest_slow
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import StepPatch

import uvisxr
from uvisxr.calibration import evil_response
from uvisxr.dataset import overview
from uvisxr.errors import ArgumentError, MissingStepError, UvisError
from uvisxr.instrument.detector import Window
from uvisxr.numerics import poisson
from uvisxr.simulate import Simulation

NAME = "FUV2008_070_10_04"

#: Factors along (pic, pixel, wl), and the window's rows: whole and partial last bins.
CASES = {
    "wl": ((1, 1, 32), (2, 61)),
    "pixel": ((1, 4, 1), (0, 63)),
    "pic": ((3, 1, 1), (2, 61)),
    "partial": ((2, 7, 100), (2, 61)),
    "wide": ((6, 64, 1024), (0, 63)),
    "binned before": ((2, 3, 5), (1, 60)),
}

#: Rows and columns summed on board before.
BEFORE = {"binned before": (2, 4)}


def summed(counts: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Block by block, the plain way."""
    shape = [-(-n // f) for n, f in zip(counts.shape, factors, strict=True)]
    out = np.zeros(shape, np.int64)
    for at in np.ndindex(*shape):
        block = counts[tuple(slice(i * f, (i + 1) * f) for i, f in zip(at, factors, strict=True))]
        out[at] = block.sum()
    return out


def uncompressed(label: Path) -> Path:
    label.write_text(label.read_text().replace('"SQRT_9"', '"NONE"'))
    return label


@pytest.fixture(scope="module", params=CASES)
def pair(request, tmp_path_factory) -> tuple[xr.Dataset, xr.Dataset]:
    """A product summed on the ground, and one that was binned so on board."""
    factors, lines = CASES[request.param]
    line_bin, band_bin = BEFORE.get(request.param, (1, 1))
    folder = tmp_path_factory.mktemp("rebin")
    shape = (6, -(-(lines[1] - lines[0] + 1) // line_bin), -(-1024 // band_bin))
    counts = np.random.default_rng(5).poisson(0.1 if request.param == "wide" else 1.0, shape)
    window = {"target": "TITAN", "lines": lines, "line_bin": line_bin, "band_bin": band_bin}
    fine = write_product(folder / "fine", NAME, counts, exposure=30.0, **window)
    window |= {"line_bin": line_bin * factors[1], "band_bin": band_bin * factors[2]}
    coarse = write_product(
        folder / "coarse", NAME, summed(counts, factors), exposure=30.0 * factors[0], **window
    )
    # The end of the first exposure depends on its length.
    found, expected = (
        uvisxr.open_product(uncompressed(label), start_time="start") for label in (fine, coarse)
    )
    # Merged exposures keep the number of their first.
    coords = dict(expected.coords.variables)
    coords["pic"] = coords["pic"].copy(data=np.arange(shape[0])[:: factors[0]])
    expected = xr.Dataset({"counts": expected.counts.variable}, coords, expected.attrs)
    return found.uvis.rebin(**dict(zip(("pic", "pixel", "wl"), factors, strict=True))), expected


def same(found: xr.Dataset, expected: xr.Dataset, *own: str) -> None:
    """Equal but for the type of the counts, that they are sums, rounding of times, and history."""
    attrs = {"history", "summed", "summed_exposures", "described_setup", "pipeline", *own}
    ours, theirs = ({k: v for k, v in d.attrs.items() if k not in attrs} for d in (found, expected))
    assert ours == theirs
    assert list(found.variables) == list(expected.variables)
    assert found.sizes == expected.sizes
    for name, variable in expected.variables.items():
        values = found.variables[name].values
        if name == "setup":
            continue
        if variable.dtype.kind == "f":
            np.testing.assert_allclose(values, variable.values, rtol=1e-9, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(values, variable.values, err_msg=name)
        assert found.variables[name].attrs == variable.attrs


#: Steps after it, as a function of a dataset and the simulation that has kernels and files.
STEPS = {
    "nothing": lambda ds, made: ds,
    "rate": lambda ds, made: ds.uvis.rate(),
    "net rate": lambda ds, made: ds.uvis.background(level=4e-4, error=1e-5).uvis.rate(),
    "evil share": lambda ds, made: ds.assign_coords(share=ds.uvis.evil_share()),
    "background": lambda ds, made: ds.uvis.background(level=4e-4, error=1e-5),
    "measured": lambda ds, made: ds.uvis.background(pixels=ds.pixel >= 0, method="mean"),
    "calibrate": lambda ds, made: ds.uvis.background(level=4e-4).uvis.calibrate(
        files=made.calibration
    ),
    "factor": lambda ds, made: ds.uvis.calibration_factor(files=made.calibration),
    "geometry": lambda ds, made: ds.uvis.geometry(kernels=made.kernels, samples=2),
    "all rows": lambda ds, made: ds.uvis.geometry(kernels=made.kernels, all_rows=True),
    "integrate": lambda ds, made: STEPS["calibrate"](ds, made).uvis.integrate((1300, 1700)),
    "bin": lambda ds, made: STEPS["calibrate"](ds, made).uvis.bin(
        pixels=[ds.pixel >= 0], exclude=()
    ),
}


#: Steps that the quick tests try.
_QUICK = ("bin", "background", "geometry", "rate", "calibrate")


@pytest.mark.filterwarnings("ignore::uvisxr.UvisWarning")
@pytest.mark.parametrize("step", rest_slow(sorted(STEPS, key=_QUICK.__contains__)[::-1], 5))
def test_every_step_is_that_of_a_product_binned_so_on_board(pair, made: Simulation, step):
    def done(ds: xr.Dataset) -> xr.Dataset | str:
        try:
            return STEPS[step](ds, made)
        except UvisError as error:
            return str(error)

    found, expected = map(done, pair)
    if isinstance(expected, str):
        assert found == expected
    else:
        same(found, expected)


def test_the_response_of_evil_pixels_is_measured_alike(tmp_path, made: Simulation):
    counts = np.random.default_rng(5).poisson(20.0, (2, 60, 1024))
    fine = write_product(tmp_path / "fine", NAME, counts)
    coarse = write_product(tmp_path / "coarse", NAME, summed(counts, (1, 1, 2)), band_bin=2)
    tables = [
        evil_response(ds, files=made.calibration)
        for ds in (
            uvisxr.open_product(fine).uvis.rebin(wl=2),
            uvisxr.open_product(coarse),
        )
    ]
    xr.testing.assert_allclose(*tables)


class TestClosedForms:
    @pytest.fixture
    def ds(self, tmp_path) -> xr.Dataset:
        """Two products of seven and three exposures, 30 s and 20 s, in rows 10..16."""
        folder, rng = tmp_path / "two", np.random.default_rng(1)
        for name, exposures, seconds in ((NAME, 7, 30.0), ("FUV2008_070_10_20", 3, 20.0)):
            counts = rng.poisson(2.0, (exposures, 7, 1024))
            write_product(folder, name, counts, lines=(10, 16), exposure=seconds)
        return uvisxr.open_observation(folder)

    def test_exposures_of_a_product_alone_are_merged(self, ds):
        found = ds.uvis.rebin(pic=3)
        assert found.exposure.values.tolist() == [90.0, 90.0, 30.0, 60.0]
        first, last = [0, 3, 6, 7], [2, 5, 6, 9]
        np.testing.assert_array_equal(found.time_start, ds.time_start[first])
        np.testing.assert_array_equal(found.time_stop, ds.time_stop[last])
        middle = found.time_start + (found.time_stop - found.time_start) / 2
        np.testing.assert_array_equal(found.time, middle)
        np.testing.assert_allclose(found.et[:2], ds.et[[1, 4]], rtol=1e-15)
        np.testing.assert_array_equal(found.sclk, ds.sclk[first])
        np.testing.assert_array_equal(found["product"], ds["product"][first])
        assert found.pic.values.tolist() == [0, 3, 6, 7]
        for k, (a, b) in enumerate(zip(first, last, strict=True)):
            total = ds.counts[a : b + 1].sum("pic")
            np.testing.assert_array_equal(found.counts[k], total)

    def test_a_leap_second_is_counted(self, tmp_path):
        label = write_product(tmp_path, "FUV2005_365_23_59", samples=4, band_bin=32)
        text = label.read_text()
        label.write_text(text.replace("2005-365T23:59:04.141", "2005-365T23:59:30.000"))
        found = uvisxr.open_product(label, start_time="start").uvis.rebin(pic=4)
        # 31 s to the new year, as that minute has 61 s, and 29 s after it.
        assert str(found.time.values[0]) == "2006-01-01T00:00:29.000000000"

    def test_after_a_leap_second_within_the_group_before(self, tmp_path):
        label = write_product(tmp_path, "FUV2005_365_23_59", samples=4, band_bin=32, exposure=2.0)
        text = label.read_text()
        label.write_text(text.replace("2005-365T23:59:04.141", "2005-365T23:59:56.500"))
        ds = uvisxr.open_product(label, start_time="start")
        # From 56.5 to 60.5, the middle of the leap second, and on to 3.5 after it.
        middles = ["2005-12-31T23:59:58.500", "2006-01-01T00:00:01.500"]
        assert ds.uvis.rebin(pic=2).time.astype("M8[ms]").values.astype(str).tolist() == middles
        without = ds.drop_vars("time_start").uvis.rebin(pic=2)
        assert without.time.astype("M8[ms]").values.astype(str).tolist() == middles
        assert "time" not in ds.drop_vars("time").uvis.rebin(pic=2).variables

    def test_wavelengths_are_those_of_the_dataset(self, ds):
        moved = ds.assign_coords(wl=ds.wl + 5, wl_bounds=ds.wl_bounds + 5).uvis.rebin(wl=3)
        wl, bounds = ds.wl.values, ds.wl_bounds.values
        np.testing.assert_allclose(moved.wl[:2] - 5, [wl[:3].mean(), wl[3:6].mean()], rtol=1e-12)
        np.testing.assert_array_equal(moved.wl_bounds[0] - 5, [bounds[0, 0], bounds[2, 1]])
        # The last of five holds one column, and counts for as many as it has.
        fine = ds.isel(wl=slice(0, 5)).assign_attrs(lr_band=4).uvis.rebin(wl=2).uvis.rebin(wl=3)
        np.testing.assert_allclose(fine.wl, [wl[:5].mean()], rtol=1e-12)
        np.testing.assert_array_equal(fine.wl_bounds, [[bounds[0, 0], bounds[4, 1]]])
        turned = ds.transpose("bnds", ...).uvis.rebin(wl=3)
        np.testing.assert_array_equal(turned.wl_bounds.T, ds.uvis.rebin(wl=3).wl_bounds)
        bare = ds.drop_vars(["wl", "wl_bounds"]).uvis.rebin(wl=3)
        assert not {"wl", "wl_bounds"} & set(bare.variables)

    @pytest.mark.parametrize(
        ("asked", "there"),
        [
            ({"pic": 100}, {"pic": 7}),
            ({"pixel": 8, "wl": 10**9}, None),
            ({"pic": 10**30}, {"pic": 7}),
        ],
    )
    def test_more_than_there_are_mean_all(self, ds, asked, there):
        there = there or {"pixel": 7, "wl": 1024}
        found, expected = (d.uvis.rebin(**which) for d, which in ((ds, asked), (ds, there)))
        assert found.drop_attrs().identical(expected.drop_attrs())
        for name in ("summed", *Window.__dataclass_fields__):
            assert found.attrs[name] == expected.attrs[name]
        assert found.attrs["summed"] == np.prod(list(there.values()))

    @pytest.mark.parametrize("factors", [{"pic": 2}, {"pixel": 2}, {"pic": 3, "wl": 8}])
    @pytest.mark.parametrize("chunks", [None, {"pic": 3, "pixel": 4}])
    def test_losses_are_told_by_the_counts(self, ds, factors, chunks):
        counts = ds.counts.values.copy()
        counts[0, 2] = 0
        counts[[4, 5], 3] = 0
        counts[8, 5, :30] = 65535
        lossy = ds.assign(counts=(ds.counts.dims, counts))
        if chunks:
            lossy = lossy.chunk(chunks).assign_coords(ds.coords)
        found = lossy.uvis.rebin(**factors)
        lost = np.zeros((10, 7), bool)
        lost[0, 2] = lost[4, 3] = lost[5, 3] = True
        damaged = lost.copy()
        damaged[8, 5] = True
        starts = {2: [0, 2, 4, 6, 7, 9], 3: [0, 3, 6, 7], 1: range(10)}[factors.get("pic", 1)]
        expected = np.zeros(found.quality.shape, int)
        step = factors.get("pixel", 1)
        for i, pixel in np.ndindex(expected.shape):
            end = [*starts, 10][i + 1]
            group = np.s_[starts[i] : end, pixel * step : (pixel + 1) * step]
            expected[i, pixel] = 1 if lost[group].all() else 2 * damaged[group].any()
        np.testing.assert_array_equal(found.quality, expected)
        assert (found.quality.chunks is not None) == bool(chunks)
        if chunks:
            assert found.chunks["pic"]

    def test_the_window_follows(self, ds):
        found = ds.isel(pixel=slice(1, 6), wl=slice(100, 207)).uvis.rebin(pixel=2, wl=25)
        window = {name: found.attrs[name] for name in Window.__dataclass_fields__}
        assert window == {
            "ul_line": 11,
            "ul_band": 100,
            "lr_line": 15,
            "lr_band": 206,
            "line_bin": 2,
            "band_bin": 25,
        }
        assert found.line.values.tolist() == [11, 13, 15]
        assert found.band.values.tolist() == [100, 125, 150, 175, 200]
        np.testing.assert_allclose(found.wl[0], ds.wl[100:125].mean(), rtol=1e-12)
        np.testing.assert_allclose(found.wl[-1], ds.wl[200:207].mean(), rtol=1e-12)
        edges = [ds.wl_bounds.values[at] for at in ((100, 0), (124, 1), (200, 0), (206, 1))]
        np.testing.assert_allclose(found.wl_bounds.values[[0, 0, -1, -1], [0, 1, 0, 1]], edges)
        # The corners are those that the bins are cut off at.
        assert Window(**window).bins.n_line.tolist() == [2, 2, 1]

    def test_rows_and_columns_untouched_keep_their_numbers(self, ds):
        found = ds.isel(pic=slice(2, 6), pixel=slice(3, 7)).uvis.rebin(wl=1024)
        assert found.pic.values.tolist() == [2, 3, 4, 5]
        assert found.pixel.values.tolist() == [3, 4, 5, 6]
        assert found.attrs["lr_line"] == 16 and found.attrs["line_bin"] == 1

    def test_twice_is_once(self, ds):
        twice = ds.isel(pic=slice(0, 6)).uvis.rebin(pic=2, pixel=2, wl=4)
        twice = twice.uvis.rebin(pic=3, pixel=2, wl=8)
        once = ds.isel(pic=slice(0, 6)).uvis.rebin(pic=6, pixel=4, wl=32)
        same(twice, once)
        assert twice.attrs["summed"] == once.attrs["summed"] == 6 * 4 * 32

    def test_factors_of_one_change_nothing(self, ds):
        assert ds.uvis.rebin().drop_attrs().identical(ds.drop_attrs())
        assert "summed" not in ds.uvis.rebin(pic=1, wl=1).attrs

    def test_a_missing_count_is_a_missing_sum(self, ds):
        ds = ds.load()
        ds.counts[2, 3, 100] = 65535
        ds.counts[:, :, 1000:] = 65535
        found = ds.uvis.rebin(pic=3, pixel=2, wl=10)
        lost = poisson.missing(found.counts)
        assert lost[0, 1, 10] and lost[:, :, 100:].all()
        assert lost.sum() == 1 + lost[:, :, 100:].size
        rate = found.uvis.rate().rate
        np.testing.assert_array_equal(np.isnan(rate), lost)

    def test_a_sum_of_65535_is_a_count(self, tmp_path):
        counts = np.full((2, 60, 1024), 2)
        counts[0, 10, 0], counts[0, 10, 2] = 65533, 65535
        ds = uvisxr.open_product(write_product(tmp_path, NAME, counts)).uvis.rebin(wl=2)
        assert ds.counts[0, 10, :2].values.tolist() == [65535, poisson.MISSING_SUM]
        drawn = ds.uvis.plot.spectrum([(0, 10)], lines=False, xlim="all")
        (step,) = [patch for patch in drawn.patches if isinstance(patch, StepPatch)]
        heights = step.get_data().values
        assert heights[0] == 65535
        assert np.flatnonzero(np.isnan(heights)).tolist() == [1]
        bins = ds.uvis.bin(pixels=[[(0, 10), (1, 10)]], exclude=())
        assert bins.counts.values[0, :3].tolist() == [65539, 4, 8]

    def test_flags_of_the_parts(self, ds):
        bit = {"lost": 1, "partial": 2, "star": 4, "dark_line": 8, "user": 16}
        ds = ds.load()
        ds.quality[0:2, 0:2] = bit["lost"]
        ds.quality[2, 0] = bit["lost"] | bit["user"]
        ds.quality[0, 2] = bit["partial"]
        ds.quality[1, 3] = bit["star"]
        ds.quality[4:6, 2:4] = bit["dark_line"]
        ds.quality[2, 4] = bit["dark_line"]
        found = ds.uvis.rebin(pic=2, pixel=2).quality.values
        expected = np.zeros_like(found)
        expected[0, 0] = bit["lost"]
        expected[1, 0] = bit["partial"] | bit["user"]
        expected[0, 1] = bit["partial"] | bit["star"]
        expected[2, 1] = bit["dark_line"]
        np.testing.assert_array_equal(found, expected)

    def test_sums_beyond_16_bits(self, tmp_path):
        counts = np.full((2, 60, 1024), 2000)
        counts[0, 0, 0] = 2001
        label = write_product(tmp_path, NAME, counts)
        found = uvisxr.open_product(label).uvis.rebin(pic=2, pixel=60, wl=1024)
        assert found.counts.item() == 2 * 60 * 1024 * 2000 + 1
        rate = found.uvis.rate(quantization=False)
        np.testing.assert_allclose(rate.rate_upper, np.sqrt(found.counts) / 60, rtol=1e-3)

    def test_rounding_of_the_parts_is_part_of_the_error(self, tmp_path):
        """Elements of 288 counts were rounded to within 12, those of 100 not at all."""
        counts = np.full((1, 60, 1024), 100)
        counts[:, :, 512:] = 288
        rate = uvisxr.open_product(write_product(tmp_path, NAME, counts)).uvis.rebin(wl=4)
        rate = rate.uvis.rate()
        for part, variance in ((0, 400), (-1, 1152 * 7 / 6)):
            found = (rate.rate_upper + rate.rate_lower).values[0, 30, part] / 2 * 30
            assert found == pytest.approx(np.sqrt(variance), rel=0.03)


def test_a_simulated_flyby_is_recovered(made: Simulation):
    """Radiances of the sums are the means of the truth, weighted as the counts are."""
    ds = made.open().uvis.rebin(pic=3, pixel=4, wl=32)
    ds = ds.uvis.geometry(kernels=made.kernels)
    ds = ds.uvis.background(level=4e-4).uvis.calibrate(files=made.calibration)
    bad = (made.truth.star + made.truth.lost + made.truth.partial).values
    good = (bad.reshape(4, 3, 15, 4).sum((1, 3)) == 0)[..., None]
    good = good & ((ds.wl > 1450) & (ds.wl < 1800)).values
    true = made.truth.radiance.values.reshape(4, 3, 15, 4, 32, 32).mean((1, 3, 5))
    ratio = ds.radiance.values[good].sum() / true[good].sum()
    assert ratio == pytest.approx(1, abs=0.04)


sizes = st.integers(1, 9)


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(factors=st.tuples(sizes, st.integers(1, 20), st.integers(1, 300)), block=st.integers(1, 7))
def test_lazy_is_eager(factors, block, made: Simulation):
    given = dict(zip(("pic", "pixel", "wl"), factors, strict=True))
    lazy = made.open(chunks={"pic": block, "wl": 500}).uvis.rebin(**given)
    assert lazy.counts.chunks is not None or factors == (1, 1, 1)
    eager = made.open().uvis.rebin(**given)
    xr.testing.assert_identical(lazy.compute(), eager.load())
    assert lazy.counts.dtype == eager.counts.dtype


def test_nothing_is_computed(made: Simulation):
    import dask

    def refuse(*arguments, **options):
        raise AssertionError

    ds = made.open(chunks={"pic": 5})
    with dask.config.set(scheduler=refuse):
        found = ds.uvis.rebin(pic=4, wl=2).uvis.rate()
    # Each block holds whole groups.
    assert found.counts.chunksizes["pic"] == (2, 1)


@pytest.mark.parametrize("lengths", [(4, 6, 2), (4, 4, 4)])
def test_each_product_of_open_mfdataset(tmp_path, lengths):
    names = ("FUV2008_070_10_04", "FUV2008_070_11_04", "FUV2008_070_12_04")
    paths = [
        write_product(tmp_path, name, samples=n, band_bin=32)
        for name, n in zip(names, lengths, strict=True)
    ]
    whole = uvisxr.open_observation(paths).uvis.rebin(pic=2)
    assert whole.sizes["pic"] == sum(lengths) // 2
    with xr.open_mfdataset(
        paths, engine="uvis", preprocess=lambda ds: ds.uvis.rebin(pic=2)
    ) as found:
        assert found.pic.values.tolist() == list(range(0, sum(lengths), 2))
        for name in ("counts", "et", "product", "quality"):
            np.testing.assert_array_equal(found[name], whole[name])


def test_other_orders_of_dimensions(made: Simulation):
    turned = made.open().transpose("wl", "pixel", "pic", ...).uvis.rebin(pic=4, pixel=2, wl=3)
    assert turned.counts.dims == ("wl", "pixel", "pic")
    plain = made.open().uvis.rebin(pic=4, pixel=2, wl=3)
    np.testing.assert_array_equal(turned.counts.transpose(*plain.counts.dims), plain.counts)
    np.testing.assert_array_equal(turned.quality.transpose("pic", "pixel"), plain.quality)


def test_a_round_trip_changes_nothing(made: Simulation, tmp_path):
    ds = made.open().uvis.rebin(pic=4, pixel=30, wl=2).load()
    with xr.open_dataset(ds.uvis.to_netcdf(tmp_path / "a.nc")) as back:
        xr.testing.assert_identical(back.load(), ds)
        again, direct = (d.uvis.calibrate(files=made.calibration) for d in (back, ds))
    xr.testing.assert_identical(again, direct)


def test_background_then_rebin_is_rebin_then_background(made: Simulation):
    ds = made.open()
    after = ds.uvis.rebin(pic=2, wl=8).uvis.background(level=4e-4, error=1e-5)
    before = ds.uvis.background(level=4e-4, error=1e-5).uvis.rebin(pic=2, wl=8)
    assert float(before.background) == float(after.background)
    # What single exposures tell is found before they are summed, with the level of their date.
    found, told = (((d.quality & 3) > 0).values for d in (before, after))
    assert np.array_equal(found, told) and found.sum() == 18


@pytest.mark.slow
@pytest.mark.parametrize("all_rows", [False, True])
def test_along_wavelength_a_geometry_may_stay(made: Simulation, all_rows):
    options = {"kernels": made.kernels, "all_rows": all_rows}
    found = made.open().uvis.geometry(**options).uvis.rebin(wl=16)
    expected = made.open().uvis.rebin(wl=16).uvis.geometry(**options)
    assert found.drop_attrs().identical(expected.drop_attrs())


def test_fields_of_all_rows_are_of_the_geometry_too(made: Simulation):
    seen = made.open().uvis.geometry(kernels=made.kernels, all_rows=True)
    for name in ("row_lon", "row_lon_corners", "geometry_time"):
        ds = made.open().assign_coords({name: seen[name].variable})
        with pytest.raises(UvisError, match=f"{name}, .* call rebin before geometry, or merge"):
            ds.uvis.rebin(pic=2)


def test_rates_without_the_background_in_closed_form(made: Simulation):
    ds = made.open().isel(pixel=slice(0, 5)).load()
    found = ds.uvis.rebin(pic=2, pixel=2, wl=32).uvis.background(level=4e-4, error=1e-5).uvis.rate()
    total = ds.counts.values[:2, 2:4, 64:96].sum(dtype=int)
    assert float(found.rate[0, 1, 2]) == pytest.approx(total / 480 - 4e-4 * 64, rel=1e-5)
    # The last pixel is of one row.
    assert found.rate_systematic.values[:, 2].tolist() == pytest.approx([64e-5, 64e-5, 32e-5])
    again = ds.uvis.rebin(pic=2, pixel=2, wl=32).uvis.rate().uvis.background(level=4e-4, error=1e-5)
    np.testing.assert_allclose(again.rate, found.rate, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("step", "factor", "said"),
    [
        ("geometry", {"pixel": 2}, "call rebin before geometry, or merge along wl alone"),
        ("geometry", {"pic": 2, "wl": 2}, "rebin before geometry"),
        ("calibrate", {"wl": 2}, "before calibrate, or average the radiances with ds.uvis.bin"),
        ("factor", {"wl": 2}, "has no counts: start from uvisxr.open_product"),
        ("rate", {"pic": 2}, "holds rate.* call rebin before rate"),
        ("integrate", {"pixel": 2}, "the spectra are integrated already"),
        ("bin", {"wl": 2}, "the spectra are binned already"),
    ],
)
def test_what_belongs_to_elements_as_they_are(made: Simulation, step, factor, said):
    ds = STEPS[step](made.open(), made)
    with pytest.raises(UvisError, match=said):
        ds.uvis.rebin(**factor)


@pytest.mark.parametrize(
    ("change", "factor", "said"),
    [
        (lambda ds: ds, {"pic": 0}, "pic=0: expected how many to merge, 1 or more"),
        (lambda ds: ds, {"wl": 2.5}, r"wl=2\.5: expected"),
        (lambda ds: ds, {"pixel": True}, "pixel=True: expected"),
        (
            lambda ds: ds.isel(pixel=[0, 1, 5, 6]),
            {"pixel": 2},
            r"rows 3\.\.3 come those from 7 on: rebin before you select",
        ),
        (lambda ds: ds.isel(wl=slice(None, None, -1)), {"wl": 2}, "columns 1023"),
        (lambda ds: ds.isel(wl=slice(None, None, 2)), {"wl": 2}, "columns 0"),
        (lambda ds: ds.isel(pic=[0, 2, 4]), {"pic": 2}, "no two of the 3 exposures follow"),
        (lambda ds: ds.isel(pic=[3, 2, 1]), {"pic": 2}, "no two of the 3 exposures follow"),
        (lambda ds: ds.assign(mine=ds.counts * 2.0), {"wl": 2}, r"drop_vars\(\['mine'\]\)"),
        (lambda ds: ds.assign(counts=ds.counts * 0.5), {"wl": 2}, "counts are not whole numbers"),
        (lambda ds: ds.assign(counts=-ds.counts.astype("i4")), {"wl": 2}, "counts are negative"),
        (lambda ds: ds.isel(pic=0), {"wl": 2}, r"isel\(pic=\[0\]\)"),
        (lambda ds: ds.drop_vars("exposure"), {"pic": 2}, "has no exposure"),
        (lambda ds: ds.isel(wl=slice(0)), {"wl": 2}, "no wavelength is left"),
        (lambda ds: ds.swap_dims(pic="time"), {"pic": 2}, r"swap_dims\(\{'time': 'pic'\}\)"),
    ],
)
def test_what_cannot_be_is_refused(made: Simulation, change, factor, said):
    with pytest.raises((ArgumentError, MissingStepError, UvisError), match=said):
        change(made.open()).uvis.rebin(**factor)


def test_a_gap_in_time_ends_a_group(made: Simulation):
    found = made.open().isel(pic=[0, 1, 2, 5, 6]).uvis.rebin(pic=2)
    assert (found.exposure / 240).values.tolist() == [2, 1, 2]


def test_every_window_of_a_tree(made: Simulation):
    tree = xr.DataTree.from_dict({"window0": made.open(), "window1": made.open().isel(wl=[0, 1])})
    found = tree.uvis.rebin(wl=2)
    assert [node.sizes["wl"] for node in found.children.values()] == [512, 1]


def test_a_matrix_of_the_archive_does_not_fit(made: Simulation, tmp_path):
    from test_matrix import write_matrix

    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3")
    with pytest.raises(UvisError, match="as it was binned on board: not after rebin"):
        made.open().uvis.rebin(wl=2).uvis.calibrate(files=matrix)


def test_it_is_said(made: Simulation):
    ds = made.open().uvis.rebin(pic=2, wl=4)
    assert overview.done(ds)["rebin"] == "up to 8 transmitted counts in each"
    assert ds.attrs["history"].endswith("rebin(pic=2, pixel=1, wl=4)")
    assert "rebin" in overview.next_steps(made.open())
    seen = made.open().uvis.geometry(kernels=made.kernels)
    assert "rebin" not in overview.next_steps(seen)
