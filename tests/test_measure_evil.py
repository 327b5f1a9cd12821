"""The response of evil pixels, measured where it is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers import calfiles

import uvisxr
from uvisxr.calibration import evil_response, formats
from uvisxr.errors import ArgumentError, MissingStepError, UvisError, UvisWarning
from uvisxr.instrument.channel import FUV
from uvisxr.instrument.detector import Window

#: Counts that a good detector pixel has in all exposures together.
MEAN = 400.0

N_PIC = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return calfiles.folder(tmp_path_factory.mktemp("cal"))


@pytest.fixture(scope="module")
def sensitivity(folder) -> np.ndarray:
    """That of good pixels, relative, (64, 1024): flat field and modifiers at `calfiles.ET`."""
    options = {"files": folder, "trend": False, "evil_pixels": "interpolate"}
    factor = calfiles.poisson(1).uvis.calibration_factor(**options).calibration_factor[0].values
    laboratory = np.maximum(formats.package_lab("FUV").sensitivity, 1e-9)
    column = np.interp(FUV.wavelength(np.arange(1024)), formats.package_lab("FUV").wl, laboratory)
    frame = 1 / factor / column
    return np.nan_to_num(frame / np.nanmedian(frame))


@pytest.fixture(scope="module")
def evil(folder) -> np.ndarray:
    return np.isnan(formats.read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt"))


def scene() -> np.ndarray:
    """Light (64, 1024) of mean 1: a continuum, slanted lines, and an uneven slit."""
    column, line = np.arange(1024), np.arange(64)[:, None]
    light = 1 + 0.5 * np.sin(column / 90)
    for centre, height in ((130, 8.0), (400, 1.0), (700, 2.0)):
        light = light + height * np.exp(-(((column - centre - 0.01 * line) / 4) ** 2))
    light = light * (1 + 0.4 * np.sin(line / 7))
    return light / light.mean()


def truth() -> np.ndarray:
    """A response (64, 1024) that grows along the spectrum, with a scatter of 0.1."""
    rng = np.random.default_rng(5)
    return np.clip(np.linspace(0.1, 0.6, 1024) + rng.normal(0, 0.1, (64, 1024)), 0, 1)


def observed(
    sensitivity: np.ndarray, evil: np.ndarray, window: Window, seed: int = 0, dark: float = 0.0
) -> xr.Dataset:
    """Poisson counts; `dark` is the background of every lit pixel, in counts of all exposures."""
    lit = np.zeros((64, 1))
    lit[2:62] = 1
    share = np.where(evil, truth(), 1.0)
    mean = (MEAN * scene() * sensitivity * share + dark) * lit / N_PIC
    binned = window.bins.sum(mean)
    counts = np.random.default_rng(seed).poisson(binned, (N_PIC, *binned.shape))
    return calfiles.opened(counts, window, exposure=2e5)


WINDOWS = {
    "unbinned": Window(0, 0, 63, 1023),
    "two columns": Window(0, 0, 63, 1023, band_bin=2),
    "two rows": Window(0, 0, 63, 1023, line_bin=2),
    "two of both, cut": Window(5, 101, 60, 903, line_bin=2, band_bin=2),
}


def pulls(table: xr.Dataset, evil: np.ndarray) -> np.ndarray:
    """Distance from the truth in errors, by range of columns."""
    used = np.ones((64, 1), bool)
    used[[0, 1, 2, 30, 31, 32, 33, 61, 62, 63]] = False
    expected = []
    for first, last in zip(table.band.values, table.last_band.values, strict=True):
        part = (slice(None), slice(first, last + 1))
        expected.append(truth()[part][(evil & used)[part]].mean())
    return (table.response.values - expected) / table.response_error.values


@pytest.mark.parametrize("name", WINDOWS)
def test_the_response_is_recovered(folder, sensitivity, evil, name):
    ds = observed(sensitivity, evil, WINDOWS[name])
    table = evil_response(ds, files=folder)
    found = pulls(table, evil)
    assert found.size >= 24
    assert np.abs(found).max() < 4.5
    assert 0.4 < found.std() < 1.5
    assert abs(found.mean()) < 3 / np.sqrt(found.size)
    # The light is less well known where elements are large: 0.15 then.
    assert 0.06 < table.response_scatter.mean() < 0.16
    assert table.attrs["channel"] == "FUV"
    assert "evil_response" in table.attrs["history"]


def test_wide_ranges_have_small_errors(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"])
    narrow, wide = (evil_response(ds, files=folder, width=w) for w in (32, 256))
    assert wide.sizes["band"] == 4
    ratio = float(narrow.response_error.mean() / wide.response_error.mean())
    assert ratio == pytest.approx(np.sqrt(8), rel=0.4)


def test_a_background_is_taken_off(folder, sensitivity, evil):
    """It is as large as the light here."""
    ds = observed(sensitivity, evil, WINDOWS["two columns"], dark=MEAN)
    level = MEAN / float(ds.exposure.sum())
    found = evil_response(ds.uvis.background(level=level), files=folder, width=128)
    assert np.abs(pulls(found, evil)).max() < 4.5
    ignored = evil_response(ds, files=folder, width=128)
    assert (ignored.response > found.response + 0.1).all()


def test_each_pixel_by_itself(folder, sensitivity, evil):
    """Where its own counts say little, a pixel has the response of its range."""
    ds = observed(sensitivity, evil, WINDOWS["two columns"])
    table = evil_response(ds, files=folder, by="pixel")
    assert dict(table.sizes) == {"line": 64, "band": 1024}
    known = np.isfinite(table.response.values)
    assert evil[3:30][known[3:30]].mean() > 0.5
    shared = np.where(np.arange(1024) % 2 == 0, np.roll(evil, -1, 1), np.roll(evil, 1, 1))
    # On lines the light between elements is less sure than its noise.
    calm = np.abs(np.arange(1024)[:, None] - [130, 400, 700]).min(1) > 20
    single = known & evil & ~shared & calm
    away = (table.response.values - truth())[single] / table.response_scatter.values[single]
    assert away.std() == pytest.approx(1, abs=0.15)
    assert abs(away.mean()) < 0.15
    by_range = evil_response(ds, files=folder)
    mean = np.full((64, 1024), np.nan)
    for k in range(by_range.sizes["band"]):
        mean[:, int(by_range.band[k]) : int(by_range.last_band[k]) + 1] = by_range.response[k]
    of_range = (mean - truth())[single]
    of_pixel = (table.response.values - truth())[single]
    assert of_pixel.std() < 0.8 * of_range.std()


def test_flagged_and_missing_counts_do_not_enter(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"])
    clean = evil_response(ds, files=folder, width=256)
    spoilt = ds.copy(deep=True)
    spoilt.counts[0, 20] += 3000 * evil[20].reshape(512, 2).any(1).astype("u2")
    spoilt.counts[1, 21, :200] = 65535
    flagged = spoilt.uvis.flag([(0, 20)])
    found = evil_response(flagged, files=folder, width=256)
    away = (found.response - clean.response) / clean.response_error
    assert np.abs(away).max() < 1
    assert np.abs(
        evil_response(spoilt, files=folder, width=256).response - clean.response
    ).max() > (0.02)


def test_dask_and_numpy_agree(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"])
    lazy = evil_response(ds.chunk(pic=1), files=folder)
    xr.testing.assert_allclose(lazy, evil_response(ds, files=folder))


def test_what_cannot_be_measured(folder, tmp_path):
    wide = calfiles.poisson(1, Window(0, 0, 63, 1023, band_bin=4))
    with pytest.raises(ArgumentError, match="bins of 1 rows and 4 columns hide their evil pixels"):
        evil_response(wide, files=folder)
    with pytest.raises(MissingStepError, match="no counts"):
        evil_response(wide.drop_vars("counts"), files=folder)
    ds = calfiles.poisson(1)
    for wrong in ({"by": "row"}, {"width": 0}, {"width": 2.5}):
        with pytest.raises(ArgumentError):
            evil_response(ds, files=folder, **wrong)
    calfiles.folder(tmp_path, evil=0)
    with pytest.raises(UvisError, match="names no evil pixels"):
        evil_response(ds, files=tmp_path)
    dark = calfiles.poisson(1, mean=0.01)
    with pytest.raises(UvisError, match="too little light to measure"):
        evil_response(dark, files=folder)
    nothing = calfiles.poisson(1, mean=0.0)
    with pytest.raises(UvisError, match="too little light to measure"):
        evil_response(nothing, files=folder)


def test_missing_counts_may_be_nan(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"])
    ds.counts[1, 21, :200] = 65535
    nan = ds.assign(counts=ds.counts.astype(float).where(ds.counts < 65535))
    xr.testing.assert_allclose(evil_response(nan, files=folder), evil_response(ds, files=folder))


def test_the_background_s_error_enters(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"], dark=MEAN)
    level = MEAN / float(ds.exposure.sum())
    options = {"files": folder, "width": 128}
    sure = evil_response(ds.uvis.background(level=level), **options)
    high = evil_response(ds.uvis.background(level=1.05 * level), **options)
    unsure = evil_response(ds.uvis.background(level=level, error=0.05 * level), **options)
    np.testing.assert_array_equal(unsure.response, sure.response)
    expected = np.hypot(sure.response_error, high.response - sure.response)
    np.testing.assert_allclose(unsure.response_error, expected)
    own, bare = (
        evil_response(ds.uvis.background(level=level, error=e), by="pixel", **options)
        for e in (0.05 * level, 0.0)
    )
    assert (own.response_error - bare.response_error).mean() > 0.02
    per_exposure = ds.assign_coords(background=("pic", level * np.array([1, 1, 1, 2])))
    with pytest.raises(UvisError, match="background differs between exposures"):
        evil_response(per_exposure, files=folder)


@pytest.mark.parametrize("rows", [(40, 42), (40, 47)])
def test_few_rows_have_large_errors(folder, sensitivity, evil, rows):
    found = []
    for seed in range(6):
        ds = observed(sensitivity, evil, Window(rows[0], 0, rows[1], 1023), seed)
        table = evil_response(ds, files=folder)
        population = np.linspace(0.1, 0.6, 1024)[(table.band + table.last_band).values // 2]
        found.append((table.response.values - population) / table.response_error.values)
    assert np.concatenate(found).std() < 1.25


def test_order_and_gaps_do_not_matter(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"])
    whole = evil_response(ds, files=folder)
    rng = np.random.default_rng(1)
    mixed = ds.isel(pixel=rng.permutation(64), wl=rng.permutation(512))
    xr.testing.assert_allclose(evil_response(mixed, files=folder), whole)
    parts = evil_response(ds.isel(wl=slice(0, 512, 4)), files=folder, width=256)
    rest = np.delete(np.arange(64), slice(35, 40))
    fewer = evil_response(ds.isel(pixel=rest), files=folder, width=256)
    for table, window in ((parts, slice(0, None)), (fewer, slice(0, None))):
        expected = evil_response(ds, files=folder, width=256).response[window]
        assert (np.abs(table.response - expected) < 4 * table.response_error).all()


def star(row: int) -> np.ndarray:
    light = np.full((64, 1024), 0.3)
    light[row] = 30
    return light / light.mean()


@pytest.mark.parametrize("window", [Window(0, 0, 63, 1023), Window(0, 0, 63, 1023, line_bin=2)])
@pytest.mark.parametrize("by", ["wavelength", "pixel"])
def test_a_star_makes_no_false_precision(folder, sensitivity, evil, monkeypatch, window, by):
    """Where in a bin of two rows it stands is not known."""
    monkeypatch.setattr(f"{__name__}.scene", lambda: star(20))
    found = []
    for seed in range(3):
        table = evil_response(observed(sensitivity, evil, window, seed), files=folder, by=by)
        if by == "pixel":
            error = np.hypot(table.response_error, table.response_scatter)
            found.append(((table.response - truth()) / error).values[17:24].ravel())
        else:
            population = np.linspace(0.1, 0.6, 1024)[(table.band + table.last_band).values // 2]
            found.append((table.response.values - population) / table.response_error.values)
    pulls = np.concatenate(found)
    pulls = pulls[np.isfinite(pulls)]
    assert pulls.std() < 1.25
    assert np.abs(pulls).max() < 8


@pytest.mark.slow
def test_faint_light_is_not_selected(folder, sensitivity, evil):
    """Columns count whether noise makes them bright or takes them below the background."""
    away = []
    for seed in range(20):
        ds = observed(0.001 * sensitivity, evil, WINDOWS["unbinned"], seed, dark=1.0)
        ds = ds.uvis.background(level=1 / float(ds.exposure.sum()))
        table = evil_response(ds, files=folder, width=1024)
        away.append(float(table.response[0]) - 0.35)
    assert abs(np.mean(away)) < 0.06


def test_ranges_are_whole_bins(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"])
    table = evil_response(ds, files=folder, width=5)
    assert ((table.last_band - table.band)[:-1] == 5).all()
    assert (table.band % 2 == 0).all() and (table.last_band % 2 == 1).all()


def test_pixels_beyond_the_ranges_have_none(folder, sensitivity, evil):
    dim = sensitivity * np.where(np.arange(1024) < 512, 1, 1e-4)
    ds = observed(dim, evil, WINDOWS["two columns"])
    by_range = evil_response(ds, files=folder)
    assert by_range.last_band.max() < 600
    by_pixel = evil_response(ds, files=folder, by="pixel")
    assert by_pixel.response[:, int(by_range.last_band.max()) + 1 :].isnull().all()


@pytest.mark.parametrize("cause", ["low", "high"])
def test_impossible_responses_warn(folder, sensitivity, evil, cause):
    if cause == "low":
        ds = observed(sensitivity, evil, WINDOWS["unbinned"])
        ds = ds.assign(counts=ds.counts + (4 * ds.counts * evil).astype("u2"))
    else:
        ds = observed(sensitivity, evil, WINDOWS["unbinned"], dark=MEAN)
        ds = ds.uvis.background(level=1.3 * MEAN / float(ds.exposure.sum()))
    with pytest.warns(UvisWarning, match=f"impossible in .* the background is too {cause}"):
        evil_response(ds, files=folder)


def test_no_response_is_possible(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["unbinned"])
    ds = ds.assign(counts=ds.counts + (30 * ds.counts * evil).astype("u2"))
    with (
        pytest.warns(UvisWarning, match="impossible in 31 ranges"),
        pytest.raises(UvisError, match=r"no response is within -1\.\.2"),
    ):
        evil_response(ds, files=folder)


def test_little_that_is_usable_is_named(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"])
    for none in ({"pic": []}, {"wl": []}, {"pixel": []}):
        with pytest.raises(ArgumentError, match=r"no (exposure|pixel|wavelength) is left"):
            evil_response(ds.isel(none), files=folder)
    missing = ds.assign(counts=xr.full_like(ds.counts, 65535))
    with pytest.raises(UvisError, match="all counts are missing or flagged"):
        evil_response(missing, files=folder)
    for few, match in (
        ({"pixel": [20]}, "1 usable row "),
        ({"pixel": [20, 30, 31]}, "1 usable row "),
        ({"wl": [300]}, "1 column "),
    ):
        with pytest.raises(UvisError, match=match):
            evil_response(ds.isel(few), files=folder)


def test_blocks_are_computed_once(folder, sensitivity, evil):
    ds = observed(sensitivity, evil, WINDOWS["two columns"]).chunk(pic=2)
    seen = []

    def spy(block):
        seen.append(block.shape[0])
        return block

    data = ds.counts.data.map_blocks(spy, dtype="u2", meta=np.empty((0, 0, 0), "u2"))
    evil_response(ds.assign(counts=ds.counts.copy(data=data)), files=folder)
    assert seen == [2, 2]


def test_it_is_a_name_of_the_package():
    assert uvisxr.calibration.evil_response is evil_response
    with pytest.raises(AttributeError):
        uvisxr.calibration.good_response  # noqa: B018
    assert FUV.name == "FUV"
