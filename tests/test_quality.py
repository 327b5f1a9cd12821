"""Quality flags: setting, clearing, files of stars, and finding lost spectra."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.handmade import observation, sky
from helpers.products import write_product

import uvisxr
from uvisxr.dataset.bits import QUALITY_FLAGS
from uvisxr.errors import ArgumentError, MissingStepError, UvisWarning
from uvisxr.instrument.detector import Window
from uvisxr.quality import levels, losses
from uvisxr.quality.flags import good

LOST, PARTIAL = QUALITY_FLAGS["lost"], QUALITY_FLAGS["partial"]


@pytest.fixture
def ds() -> xr.Dataset:
    return sky(np.random.default_rng(2), n_pic=6, window=Window(0, 0, 63, 1023))


def test_dark_lines_are_flagged_from_the_start(ds):
    flagged = ds.quality.values == QUALITY_FLAGS["dark_line"]
    assert set(np.flatnonzero(flagged[0])) == {0, 1, 61, 62, 63}
    assert (flagged == flagged[0]).all()


def test_flag_by_pairs_and_unflag(ds):
    one = ds.uvis.flag([(0, 5), (3, 7)], "star")
    assert (ds.quality & 4 == 0).all()
    assert np.argwhere((one.quality & 4).values).tolist() == [[0, 5], [3, 7]]
    assert one.quality.attrs["flag_meanings"] == "lost partial star dark_line user"
    assert "flag(pixels=" in one.attrs["history"]
    back = one.uvis.unflag([(0, 5)], "star")
    assert np.argwhere((back.quality & 4).values).tolist() == [[3, 7]]
    xr.testing.assert_equal(back.uvis.unflag([(3, 7)], "star").quality, ds.quality)


def test_flag_by_mask_over_either_dimension(ds):
    rows = ds.pixel > 60
    found = ds.uvis.flag(rows)
    assert ((found.quality & 16) != 0).sum() == 3 * 6
    both = (ds.pixel == 10) & (ds.pic == 2)
    assert np.argwhere((ds.uvis.flag(both).quality & 16).values).tolist() == [[2, 10]]


def test_pairs_are_names_not_positions(ds):
    subset = ds.isel(pic=slice(2, None), pixel=slice(10, None))
    found = subset.uvis.flag([(3, 20)], "star")
    assert np.argwhere((found.quality & 4).values).tolist() == [[1, 10]]


def test_flags_add_up_and_an_empty_list_flags_nothing(ds):
    found = ds.uvis.flag([(0, 0)], "star").uvis.flag([(0, 0)])
    assert found.quality.values[0, 0] == 4 | 8 | 16
    xr.testing.assert_equal(ds.uvis.flag([]).quality, ds.quality)


def test_flags_survive_netcdf(ds, tmp_path):
    found = ds.uvis.flag([(1, 2), (4, 5)], "star")
    found.uvis.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="netcdf4") as back:
        assert back.quality.dtype == np.uint8
        xr.testing.assert_equal(back.quality.load(), found.quality)
        again = back.load().uvis.flag([(0, 3)], "star")
    assert again.quality.values[0, 3] == 4
    np.testing.assert_array_equal(again.quality.attrs["flag_masks"], [1, 2, 4, 8, 16])


def test_good_leaves_out_what_it_is_told(ds):
    ds = ds.uvis.flag([(0, 5)], "star").uvis.flag([(0, 6)])
    assert good(ds).sum() == 6 * 59 - 2
    assert good(ds, "star").sum() == 6 * 64 - 1
    assert good(ds, ("star", "user")).sum() == 6 * 64 - 2
    assert good(ds, ()).all()
    assert good(ds.drop_vars("quality")).all()


def test_good_stays_lazy(ds):
    assert good(ds.chunk(pic=2)).chunks is not None


@pytest.mark.parametrize("pixels", [[(0, 64)], [(6, 0)], [(-1, 0)]])
def test_pixel_out_of_range(ds, pixels):
    with pytest.raises(ArgumentError, match="no spectrum"):
        ds.uvis.flag(pixels)


@pytest.mark.parametrize("pixels", [3, [3, 4], [(0.5, 1.0)], [(1, 2, 3)], [(0, 1), (2,)], "ab"])
def test_malformed_pixels(ds, pixels):
    with pytest.raises(ArgumentError, match="pairs"):
        ds.uvis.flag(pixels)


def test_mask_that_is_not_boolean(ds):
    with pytest.raises(ArgumentError, match="boolean"):
        ds.uvis.flag(ds.quality)


def test_mask_of_another_dataset(ds):
    with pytest.raises(ArgumentError, match="compute the mask from this dataset"):
        ds.uvis.flag((ds.quality == 0).isel(pic=slice(2)))


def test_unknown_flag(ds):
    with pytest.raises(ArgumentError, match=r"flag='stars': .* did you mean 'star'"):
        ds.uvis.flag([(0, 0)], "stars")


def test_repeated_labels_need_a_mask(ds):
    twice = xr.concat([ds, ds], "pic")
    with pytest.raises(ArgumentError, match="repeated values"):
        twice.uvis.flag([(0, 0)])


def test_dimension_that_was_dropped(ds):
    with pytest.raises(MissingStepError, match=r"isel\(pic=\[0\]\)"):
        ds.isel(pic=0).uvis.flag([(0, 0)])


# --- the flags as booleans


def test_flagged_is_the_bit_arithmetic(ds):
    """Of star 4, dark_line 8 (pixels 0, 1, 61, 62, 63) and user 16."""
    ds = ds.uvis.flag([(0, 5), (3, 0)], "star").uvis.flag([(0, 5), (1, 7)])
    star = ds.uvis.flagged("star")
    assert star.dtype == bool and star.dims == ("pic", "pixel")
    xr.testing.assert_equal(star.drop_vars("quality"), (ds.quality & 4 != 0).drop_vars("quality"))
    assert np.argwhere(star.values).tolist() == [[0, 5], [3, 0]]
    assert np.argwhere(ds.uvis.flagged(["star", "user"]).values).tolist() == [
        [0, 5],
        [1, 7],
        [3, 0],
    ]
    assert ds.uvis.flagged("dark_line").sum() == 6 * 5
    assert ds.uvis.flagged().sum() == 6 * 5 + 2
    assert not ds.uvis.flagged(()).any()
    xr.testing.assert_equal(~ds.uvis.flagged(("lost", "star")), good(ds, ("lost", "star")))


def test_flagged_goes_into_other_steps(ds):
    ds = ds.uvis.flag([(0, 5), (2, 6)], "star")
    assert np.isnan(ds.counts.where(~ds.uvis.flagged("star"))).any("wl").sum() == 2
    moved = ds.uvis.flag(ds.uvis.flagged("star"), "user").uvis.unflag(
        ds.uvis.flagged("star"), "star"
    )
    assert np.argwhere(moved.uvis.flagged("user").values).tolist() == [[0, 5], [2, 6]]
    assert not moved.uvis.flagged("star").any()
    assert ds.assign(crossed=ds.uvis.flagged("star")).crossed.sum() == 2


def test_flagged_without_flags_and_lazy(ds):
    assert not ds.drop_vars("quality").uvis.flagged().any()
    assert ds.chunk(pic=2).uvis.flagged("dark_line").chunks is not None


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("stars", r"flags='stars': expected one of 'lost', 'partial', 'star', 'dark_line', 'user'"),
        (["star", "dark"], "flags='dark'"),
        (4, "flags=4: expected a quality flag, or several"),
    ],
)
def test_unknown_names_of_flags_are_told_the_known(ds, flags, said):
    with pytest.raises(ArgumentError, match=said):
        ds.uvis.flagged(flags)


def test_flagged_needs_exposures_and_pixels(ds):
    with pytest.raises(MissingStepError, match=r"flagged: .*isel\(pic=\[0\]\)"):
        ds.isel(pic=0).uvis.flagged("star")


# --- lost and partial spectra


def spoiled(ds: xr.Dataset) -> xr.Dataset:
    counts = ds.counts.values.copy()
    counts[1, 10] = 0  # lost
    counts[2, 11, :400] = 0  # no Lyman-alpha
    counts[3, 12, 500:] = 0  # a run of zeros
    counts[4, 13, 700] = 65535  # a missing value
    counts[5, 14] = 65535  # nothing but missing values
    return ds.assign(counts=(ds.counts.dims, counts))


@pytest.mark.parametrize("chunks", [None, {"pic": 2}, {"pic": 4, "pixel": 20, "wl": 100}])
def test_lost_and_partial_spectra_are_told_apart(ds, chunks):
    spoilt = spoiled(ds)
    spoilt = spoilt if chunks is None else spoilt.chunk(chunks)
    found = losses.flags(spoilt, level=4e-4)
    lost, partial = (np.argwhere((found & bit).values).tolist() for bit in (LOST, PARTIAL))
    assert lost == [[1, 10], [5, 14]]
    assert partial == [[2, 11], [3, 12], [4, 13]]
    assert ((found & 8) == (ds.quality & 8)).all()


def test_without_a_level_runs_of_zeros_are_not_judged(ds):
    found = losses.flags(spoiled(ds))
    assert np.argwhere((found & PARTIAL).values).tolist() == [[2, 11], [4, 13]]


def test_false_positives_are_rare():
    ds = sky(np.random.default_rng(2), n_pic=100, rate=3e-4)
    found = losses.flags(ds, level=3e-4)
    # The run of zeros alone may take 1e-4 of 6,000.
    assert (found & (LOST | PARTIAL) != 0).sum() <= 3


def test_short_exposures_hold_honest_empty_spectra():
    window = Window(0, 0, 63, 1023, band_bin=32)
    ds = sky(np.random.default_rng(3), n_pic=100, window=window, exposure=4.0)
    empty = (ds.counts.sum("wl") == 0).sum()
    assert empty > 100
    found = losses.flags(ds, level=4e-4)
    assert (found & (LOST | PARTIAL) == 0).all()


def test_lost_spectra_outnumbering_the_others():
    ds = sky(np.random.default_rng(4), n_pic=10)
    counts = ds.counts.values.copy()
    counts[2:] = 0
    found = losses.flags(ds.assign(counts=(ds.counts.dims, counts)))
    np.testing.assert_array_equal((found & LOST != 0).values.all(1), np.arange(10) >= 2)
    assert (found & LOST == 0)[:2].all()


def test_nothing_but_zeros_is_lost():
    counts = np.zeros((3, 60, 1024), np.uint16)
    found = losses.flags(observation(counts, Window(2, 0, 61, 1023)))
    assert (found & LOST != 0).all()


def test_lyman_alpha_is_expected_of_lit_rows_of_the_fuv_only():
    rng = np.random.default_rng(5)
    window = Window(0, 0, 63, 1023)
    for ds in (
        sky(rng, n_pic=4, window=window, lyman_alpha=0.0),
        sky(rng, n_pic=4, window=window, name="EUV"),
        sky(rng, n_pic=4, window=Window(2, 300, 61, 1023)),
    ):
        assert (losses.flags(ds, level=4e-4) & (LOST | PARTIAL) == 0).all()
    lit = sky(rng, n_pic=4, window=window)
    counts = lit.counts.values.copy()
    counts[:, [0, 1, 62, 63], 122:138] = 0
    counts[1, 30, 122:138] = 0
    found = losses.flags(lit.assign(counts=(lit.counts.dims, counts)), level=4e-4)
    assert np.argwhere((found & PARTIAL).values).tolist() == [[1, 30]]


def test_lyman_alpha_in_wide_bins():
    ds = sky(np.random.default_rng(6), n_pic=4, window=Window(2, 0, 61, 1023, band_bin=32))
    ds = ds.assign(counts=ds.counts.where(False, ds.counts + 20).astype(np.uint16))
    counts = ds.counts.values.copy()
    counts[2, 20, [3, 4]] = 0  # columns 96..159
    counts[3, 21, 3] = 0  # Lyman-alpha may lie in the other bin
    found = losses.flags(ds.assign(counts=(ds.counts.dims, counts)))
    assert np.argwhere((found & PARTIAL).values).tolist() == [[2, 20]]


# --- values that are missing


THIRDS = Window(0, 0, 63, 1023, band_bin=3)  # the last bin holds one column


def gappy(n_pic: int, products: list[str], lost: list[tuple[int, int]]) -> xr.Dataset:
    """Without the last bin in any exposure, and with one more value missing in some spectra."""
    ds = sky(np.random.default_rng(8), n_pic=n_pic, window=THIRDS)
    counts = ds.counts.values.copy()
    counts[..., -1] = 65535
    for pic, pixel in lost:
        counts[pic, pixel, 100] = 65535
    ds = ds.assign(counts=(ds.counts.dims, counts)).assign_attrs(slit="LOW_RESOLUTION")
    et = 1.9e8 + 240.0 * np.arange(n_pic)
    return ds.assign_coords(product=("pic", products), et=("pic", et))


def partial(ds: xr.Dataset) -> list[list[int]]:
    """Partial spectra, of which all steps that judge them must know the same."""
    by_losses = (losses.flags(ds) & PARTIAL).compute()
    calibrated = ds.uvis.calibrate(flat_field=False, trend=False)
    np.testing.assert_array_equal(calibrated.quality & PARTIAL, by_losses)
    assert np.isnan(calibrated.radiance[..., -1]).all()
    return np.argwhere(by_losses.values).tolist()


@pytest.mark.parametrize("chunks", [None, {"pic": 2}, {"pic": 3, "pixel": 20, "wl": 100}])
@pytest.mark.parametrize("products", [["A"] * 5, ["B", "A", "B", "A", "A"]])
def test_what_no_exposure_of_a_product_has_is_no_loss(chunks, products):
    ds = gappy(5, products, [(1, 10), (2, 40)])
    ds = ds if chunks is None else ds.assign(counts=ds.counts.chunk(chunks))
    assert partial(ds) == [[1, 10], [2, 40]]


def test_each_product_has_its_own_values():
    ds = gappy(4, ["A", "A", "B", "B"], [(0, 20), (1, 20), (2, 20)])
    assert partial(ds) == [[2, 20]]
    ds.counts[2:, :, -1] = 1
    ds.counts[3, 5, -1] = 65535
    assert np.argwhere((losses.flags(ds) & PARTIAL).values).tolist() == [[2, 20], [3, 5]]


def test_a_single_exposure_may_lack_its_last_bin():
    ds = gappy(1, ["A"], [(0, 30)])
    assert partial(ds) == [[0, 30]]
    ds.counts[0, :, 50] = 65535
    assert partial(ds) == [[0, 30]]
    ds.counts[0, 20, 50] = 1
    assert len(partial(ds)) == 63
    whole = gappy(1, ["A"], [])
    whole.counts[0, :40, -1] = 2
    assert np.argwhere((losses.flags(whole) & PARTIAL).values)[:, 1].tolist() == [*range(40, 64)]


@pytest.mark.parametrize("chunks", [None, {"pic": 1, "wl": 100}])
@pytest.mark.parametrize("n_pic", [1, 2])
@pytest.mark.parametrize("product", ["A", "AB"])
def test_a_last_row_of_fewer_lines_may_be_lacking(product, n_pic, chunks):
    """Rows 2..52 in bins of 4, of which twelve are stored."""
    window = Window(2, 0, 52, 1023, line_bin=4, band_bin=2)
    ds = sky(np.random.default_rng(8), n_pic=n_pic, window=window)
    ds.counts[:, -1] = 65535
    ds = ds.assign(counts=ds.counts.chunk(chunks) if chunks else ds.counts)
    ds = ds.assign_coords(product=("pic", list(product * n_pic)[:n_pic]))
    assert not ds.uvis.background(level=4e-4).quality.any()
    ds = ds.assign_attrs(slit="LOW_RESOLUTION").assign_coords(et=("pic", [1.9e8] * n_pic))
    assert not ds.uvis.calibrate(flat_field=False, trend=False).quality.any()


@pytest.mark.parametrize("n_pic", [1, 2])
def test_what_holds_no_value_at_all_is_lost(n_pic):
    ds = gappy(n_pic, ["A"] * n_pic, [])
    ds.counts[:] = 65535
    for step, how in (
        ("background", {"level": 4e-4}),
        ("calibrate", {"flat_field": False, "trend": False}),
    ):
        with pytest.warns(UvisWarning, match="spectra are lost"):
            found = getattr(ds.uvis, step)(**how)
        assert (found.quality & LOST).all() and not (found.quality & PARTIAL).any()


@pytest.mark.parametrize("selection", [{"pic": 2}, {"pixel": 30}, {"pic": 1, "pixel": 30}])
def test_selections_without_a_dimension_lack_nothing_either(selection):
    ds = gappy(4, ["A"] * 4, [(1, 10)]).isel(selection)
    quality = ds.uvis.calibrate(flat_field=False, trend=False).quality
    assert quality.dims == ds.counts.dims[:-1]
    assert (quality & PARTIAL == 0).sum() == quality.size


def test_spectra_without_their_last_bin_can_be_binned():
    ds = gappy(3, ["A"] * 3, []).uvis.calibrate(flat_field=False, trend=False)
    found = ds.uvis.bin(pixels=[ds.pixel.isin([20, 21])])
    assert found.n.values.tolist() == [6]
    assert np.isfinite(found.radiance[0, 50:-1]).all()
    assert np.isnan(found.radiance[0, -1])


# --- null in all exposures


@pytest.mark.parametrize("chunks", [None, {"pic": 2}])
@pytest.mark.parametrize("products", [["A"] * 6, ["A", "A", "B", "B", "C", "C"], list("ABCDEF")])
def test_what_is_null_in_all_exposures_flags_nothing(chunks, products):
    """Whole rows, Lyman-alpha, and a column somewhere; a loss beside them still shows."""
    ds = sky(np.random.default_rng(11), n_pic=6, window=Window(0, 0, 63, 1023))
    counts = ds.counts.values.copy()
    counts[:, [20, 21]] = 65535
    counts[:, 30:40, 122:138] = 65535
    counts[2, 45, 300] = 65535
    counts[3, 50] = 65535
    counts[4, 51] = 0
    counts[:, :, 500] = 65535
    ds = ds.assign(counts=(ds.counts.dims, counts)).assign_coords(product=("pic", products))
    ds = ds if chunks is None else ds.assign(counts=ds.counts.chunk(chunks))
    found = losses.flags(ds, level=4e-4).compute()
    assert np.argwhere((found & LOST).values).tolist() == [[3, 50], [4, 51]]
    assert np.argwhere((found & PARTIAL).values).tolist() == [[2, 45]]


def test_null_rows_are_nan_and_nothing_else():
    ds = sky(np.random.default_rng(12), n_pic=3).assign_attrs(slit="LOW_RESOLUTION")
    ds = ds.assign_coords(et=("pic", 1.9e8 + 240.0 * np.arange(3)))
    ds.counts[:, 7] = 65535
    found = ds.uvis.background(level=4e-4).uvis.calibrate(flat_field=False, trend=False)
    assert np.isnan(found.radiance[:, 7]).all()
    assert (found.quality & (LOST | PARTIAL) == 0).all()
    assert np.isfinite(found.radiance[:, 8]).any("wl").all()


# --- odd arguments


@pytest.mark.parametrize("form", [tuple, list])
@pytest.mark.parametrize("size", [0, 1, 2, 3])
@pytest.mark.parametrize("step", ["flag", "unflag", "bin", "background"])
def test_indices_apart_are_no_pairs(ds, form, size, step):
    """Of two hits, both halves of `np.where` would pass for pairs."""
    mask = np.zeros(ds.quality.shape, bool)
    mask[np.arange(size), 12 + np.arange(size)] = True
    with pytest.raises(ArgumentError, match=r"np\.argwhere\(mask\)"):
        getattr(ds.uvis, step)(pixels=form(np.where(mask)))


def test_pairs_of_argwhere(ds):
    mask = np.zeros(ds.quality.shape, bool)
    mask[[0, 1], [12, 13]] = True
    found = ds.uvis.flag(np.argwhere(mask), "star")
    assert ((found.quality & 4) > 0).values.tolist() == mask.tolist()
    assert ds.uvis.bin(pixels=np.argwhere(mask)).n.values.tolist() == [2]


@pytest.mark.parametrize("step", ["flag", "bin"])
def test_a_range_holds_no_pairs(ds, step):
    with pytest.raises(ArgumentError, match="pairs"):
        getattr(ds.uvis, step)(pixels=range(10**12))


@pytest.mark.parametrize(
    "pixels",
    [
        np.ma.array([[0, 12], [1, 13]], mask=[[0, 0], [1, 1]]),
        [np.ma.array([0, 12], mask=[0, 1])],
        [(0, np.ma.masked)],
    ],
)
def test_masked_pairs(ds, pixels):
    with pytest.raises(ArgumentError, match=r"flag: pixels: .* masked"):
        ds.uvis.flag(pixels)


def test_masks_of_nothing(ds):
    found = ds.uvis.flag(np.ma.array([[0, 12], [1, 13]]))
    xr.testing.assert_equal(found.quality, ds.uvis.flag([(0, 12), (1, 13)]).quality)


@pytest.fixture
def holes(tmp_path):
    """A product of which a block of zeros took the place of 11 spectra of one exposure."""
    counts = np.random.default_rng(3).poisson(0.5, (4, 60, 1024))
    counts[1, 20:31] = 0
    return uvisxr.open_product(write_product(tmp_path, "FUV2005_230_15_15", counts))


CALIBRATION = {"flat_field": False, "trend": False}


@pytest.mark.parametrize("chunks", [None, {"pic": 1, "wl": 512}])
@pytest.mark.parametrize("step", ["calibrate", "rate"])
def test_a_reduction_without_background_finds_what_is_lost(holes, step, chunks):
    ds = holes if chunks is None else holes.chunk(chunks)
    options = CALIBRATION if step == "calibrate" else {}
    out = getattr(ds.uvis, step)(**options)
    assert (out.quality.chunks is None) == (chunks is None)
    expected = np.zeros((4, 60), bool)
    expected[1, 20:31] = True
    np.testing.assert_array_equal(out.uvis.flagged("lost"), expected)
    assert not out.uvis.flagged("partial").any()
    # With a background that is known, it is left to `background`.
    known = holes.uvis.background(level=4e-4)
    assert known.uvis.flagged("lost").sum() == 11


@pytest.mark.parametrize(
    "part",
    [{"pic": 0}, {"pic": 0, "pixel": 5}, {"wl": 700}, {"wl": slice(5)}, {"pixel": 25, "wl": [7]}],
    ids=str,
)
def test_a_selection_without_counts_may_be_whole(holes, part):
    """Of few wavelengths, none may have counted anything."""
    dark = holes.assign(counts=xr.zeros_like(holes.counts)) if "wl" in part else holes
    calibration = CALIBRATION | {"evil_pixels": "interpolate"}
    for out in (dark.isel(part).uvis.calibrate(**calibration), dark.isel(part).uvis.rate()):
        assert out.quality.dims == tuple(d for d in ("pic", "pixel") if d in out.counts.dims)
        assert not (out.quality & LOST).any()


def test_a_whole_detector_without_a_count_is_lost(tmp_path):
    label = write_product(tmp_path, "FUV2005_230_15_15", np.zeros((2, 60, 1024), int))
    with pytest.warns(UvisWarning, match="120 of 120 spectra are lost"):
        found = uvisxr.open_product(label).uvis.rate()
    assert found.uvis.flagged("lost").all()


@pytest.mark.parametrize("step", ["rate", "calibrate"])
def test_reductions_find_partial_spectra_by_the_level_of_the_date(made, step):
    options = {"files": made.calibration} if step == "calibrate" else {}
    found = getattr(made.open().uvis, step)(**options).quality
    for flag, bit in (("lost", LOST), ("partial", PARTIAL)):
        np.testing.assert_array_equal((found & bit) != 0, made.truth[flag] == 1)


def test_the_level_of_the_date_is_that_of_the_fuv(made):
    ds = made.open()
    # rtg_level of 2008-03-10 less twice its error, worked out by hand.
    level = 0.8 * 4.64e-4 * np.exp(-0.0247 * (2008 + 69.4 / 366 - 2004))
    assert levels.lower_bound(ds) == pytest.approx(level, rel=1e-3)
    assert levels.lower_bound(ds.assign_attrs(channel="EUV")) == 0
    assert levels.lower_bound(ds.drop_vars("et")) == 0
    own = ds.assign_coords(background=3e-4, background_error=5e-5)
    assert levels.lower_bound(own) == pytest.approx(2e-4)
