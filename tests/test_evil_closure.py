"""The same light has the same radiance however it was binned, with evil pixels and without.

The response of evil pixels is measured in one simulated observation and used in others of the same
detector, whose true radiances are known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.slow import rest_slow

import uvisxr
from uvisxr import simulate
from uvisxr.calibration import evil_response
from uvisxr.calibration.measure_evil import LEFT_OUT
from uvisxr.calibration.stored import term_weights
from uvisxr.instrument.channel import FUV
from uvisxr.instrument.detector import Window
from uvisxr.simulate import Simulation

#: Saturn, bright enough for errors of counting of 0.1 % in each of the ranges below.
BRIGHT = {
    "target": "SATURN",
    "exposures": 60,
    "exposure": 3000.0,
    "compression": "NONE",
    "stars": 0,
    "lost": 0,
    "partial": 0,
}

#: Light's ranges, angstrom: bands, aurora and sunlight without Lyman-alpha, on which elements that
#: are filled, or wider than the line, have another radiance by nature.
RANGES = ((1246, 1489), (1495, 1639), (1645, 1888))

BACKGROUND = 4e-4

WHOLE = Window(2, 0, 61, 1023)

PLAIN = {"smooth": False}


def observe(folder: Path, window: Window = WHOLE, **options) -> Simulation:
    return simulate.observation(folder, window=window, **(BRIGHT | options))


def opened(made: Simulation) -> xr.Dataset:
    return made.open().uvis.background(level=BACKGROUND)


def measured(made: Simulation, **options) -> xr.Dataset:
    return evil_response(opened(made), files=made.calibration, **options)


def exact_file(made: Simulation) -> Path:
    return made.calibration / "simulated_evil_response_fuv.nc"


def exact(made: Simulation) -> np.ndarray:
    """True responses (64, 1024), NaN in good pixels."""
    return xr.load_dataset(exact_file(made)).response.values


def population(table: xr.Dataset) -> np.ndarray:
    """Mean response from which those of a table's ranges were drawn: 0.25 to 0.45."""
    return np.interp((table.band + table.last_band) / 2, [0, 1023], [0.25, 0.45])


def light(ds: xr.Dataset, radiance: xr.DataArray | None = None) -> np.ndarray:
    """Sums over the elements that lie wholly in each range, rows and exposures, (range,)."""
    radiance = ds.radiance if radiance is None else radiance
    low, high = ds.wl_bounds.values.T
    sums = []
    for first, last in RANGES:
        used = (low > first - 1) & (high < last + 1)
        assert used.any()
        sums.append((radiance.values[..., used].astype(float) @ (high - low)[used]).sum())
    return np.array(sums)


@pytest.fixture(scope="module")
def unbinned(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return observe(tmp_path_factory.mktemp("unbinned"), seed=3)


@pytest.fixture(scope="module")
def table(unbinned: Simulation) -> xr.Dataset:
    return measured(unbinned)


@pytest.fixture(scope="module")
def by_pixel(unbinned: Simulation) -> xr.Dataset:
    return measured(unbinned, by="pixel")


@pytest.fixture
def another(unbinned: Simulation, tmp_path: Path):
    """Another observation with the detector of `unbinned`: a function of its window."""
    return lambda window, **options: observe(
        tmp_path, window, calibration=unbinned.calibration, seed=1, **options
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "window",
    rest_slow(
        [
            WHOLE,
            Window(3, 160, 60, 1014, line_bin=4, band_bin=9),
            Window(2, 0, 61, 1023, band_bin=2),
            Window(2, 0, 61, 1023, line_bin=2),
            Window(2, 0, 61, 1023, band_bin=8),
        ],
        2,
    ),
)
def test_the_same_light_has_the_same_radiance(unbinned, another, table, window):
    made = another(window)
    ds, true = opened(made), light(made.truth)
    found = ds.uvis.calibrate(files=unbinned.calibration, evil_response=table, **PLAIN)
    np.testing.assert_allclose(light(found) / true, 1, atol=0.005)
    few = max(window.line_bin, window.band_bin) <= 2
    assert bool(found.sensitivity.where(found.evil == 1).isnull().all()) == few
    # As if evil pixels were good: what they lack is missing.
    naive = ds.uvis.calibrate(files=unbinned.calibration, evil_pixels="interpolate", **PLAIN)
    response = np.interp([np.mean(r) for r in RANGES], table.wl, table.response)
    np.testing.assert_allclose(light(naive) / true, 1 - 0.145 * (1 - response), atol=0.012)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["table", "by_pixel"])
def test_widest_bins(unbinned, another, which, request):
    """What light and sensitivity share within a bin, no response can tell: up to 0.7 %."""
    made = another(Window(2, 0, 61, 1023, band_bin=32))
    ds, truth = opened(made), made.truth
    options = {"files": unbinned.calibration, "evil_pixels": "response"}
    factor = ds.uvis.calibration_factor(evil_response=exact_file(unbinned), **options)
    rate = truth.expected_counts / BRIGHT["exposure"] - BACKGROUND * 32
    perfect = light(truth, rate * factor.calibration_factor)
    np.testing.assert_allclose(perfect / light(truth), 1, atol=0.008)
    found = ds.uvis.calibrate(
        files=unbinned.calibration, evil_response=request.getfixturevalue(which), **PLAIN
    )
    np.testing.assert_allclose(light(found) / perfect, 1, atol=0.005)
    # The first element holds next to no sensitivity.
    assert np.isfinite(found.radiance[..., 1:]).all()


@pytest.mark.slow
def test_exact_responses_give_the_truth(unbinned, another):
    made = another(Window(2, 0, 61, 1023, band_bin=8))
    ds = opened(made).uvis.calibrate(
        files=unbinned.calibration, evil_response=exact_file(unbinned), **PLAIN
    )
    np.testing.assert_allclose(light(ds) / light(made.truth), 1, atol=0.005)


@pytest.mark.slow
def test_the_package_s_own_table_is_within_its_error(unbinned, another):
    """The simulated detector is not the real one: the calibration's error allows for that."""
    made = another(Window(2, 0, 61, 1023, band_bin=8))
    ds = opened(made).uvis.calibrate(files=unbinned.calibration, **PLAIN)
    deviation = light(ds) / light(made.truth) - 1
    assert (np.abs(deviation) < 0.03).all()
    error = ds.calibration_error.mean("pixel").values
    assert (np.abs(deviation) < [error[(ds.wl > a) & (ds.wl < b)].mean() for a, b in RANGES]).all()


@pytest.mark.slow
def test_exposures_years_apart(unbinned, another, table, tmp_path_factory):
    window = Window(2, 0, 61, 1023, band_bin=8)
    late = observe(
        tmp_path_factory.mktemp("late"),
        window,
        calibration=unbinned.calibration,
        seed=2,
        start="2014-03-10T10:00:00",
    )
    both = [another(window), late]
    ds = uvisxr.open_observation([label for made in both for label in made.labels])
    ds = ds.uvis.background(level=BACKGROUND)
    ds = ds.uvis.calibrate(files=unbinned.calibration, evil_response=table, **PLAIN)
    per_time = term_weights(ds) @ ds.sensitivity.sum(("pixel", "wl")).values
    assert abs(per_time[-1] / per_time[0] - 1) > 0.05
    for made, part in zip(both, (slice(0, 60), slice(60, 120)), strict=True):
        found = light(ds.isel(pic=part)) / light(made.truth)
        np.testing.assert_allclose(found, 1, atol=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line_bin", "band_bin", "tolerance"),
    rest_slow([(2, 2, 0.1), (1, 1, 0.004), (1, 2, 0.025), (2, 1, 0.025)], 2),
)
def test_the_measure_is_right_without_noise(tmp_path, line_bin, band_bin, tolerance):
    """What is measured is the mean over the evil pixels by the light that they would count."""
    window = Window(2, 0, 61, 1023, line_bin, band_bin)
    made = observe(tmp_path, window, exposures=20, target="TITAN", seed=5)
    ds = opened(made).assign(counts=made.truth.expected_counts)
    found = evil_response(ds, files=made.calibration)
    single = observe(tmp_path / "single", exposures=20, target="TITAN", seed=5)
    factor = single.open().uvis.calibration_factor(
        files=made.calibration, evil_pixels="interpolate"
    )
    of_good = (single.truth.radiance / factor.calibration_factor).sum("pic")
    true, rows = exact(made)[2:62], ~np.isin(np.arange(2, 62), LEFT_OUT)
    if line_bin == 2:
        rows = np.repeat(rows.reshape(-1, 2).all(1), 2)
    of_evil = of_good.where(np.isfinite(true) & rows[:, None]).values
    deviation = []
    for low, high, response in zip(found.band, found.last_band, found.response, strict=True):
        part = (slice(None), slice(int(low), int(high) + 1))
        deviation.append(response - np.nansum((of_evil * true)[part]) / np.nansum(of_evil[part]))
    # Lyman-alpha is narrower than bins of two columns.
    clear = (np.abs(found.wl.values - 1216) > 30) | (band_bin == 1)
    assert clear.sum() > 25
    assert np.abs(deviation)[clear].max() < tolerance
    assert abs(np.mean(np.array(deviation)[clear])) < tolerance / 3


def test_the_mean_is_within_its_errors(unbinned, table):
    true = exact(unbinned)
    own = [
        np.nanmean(true[:, low : high + 1])
        for low, high in zip(table.band.values, table.last_band.values, strict=True)
    ]
    assert (np.abs(table.response - own) < 3 * table.response_error).all()
    assert (np.abs(table.response - population(table)) < 3.5 * table.response_error).all()
    assert table.response_error.median() < 0.02
    np.testing.assert_allclose(table.response_scatter, 0.15, atol=0.04)


@pytest.mark.slow
def test_errors_of_the_mean_cover(tmp_path):
    """Over detectors and noise."""
    found = []
    for seed in range(10, 15):
        one = measured(observe(tmp_path / str(seed), seed=seed, exposures=20))
        found.append((one.response - population(one)) / one.response_error)
    pulls = np.concatenate(found)
    assert pulls.size > 140
    assert abs(pulls.mean()) < 0.25
    assert 0.85 < pulls.std() < 1.15


def test_pixels_are_within_their_scatter(unbinned, by_pixel):
    true = exact(unbinned)
    known = np.isfinite(by_pixel.response.values)
    # Below column 32 there is no light.
    np.testing.assert_array_equal(known[:, 32:], np.isfinite(true[:, 32:]))
    error = np.hypot(by_pixel.response_scatter, by_pixel.response_error).values
    pulls = ((by_pixel.response.values - true) / error)[known]
    assert abs(pulls.mean()) < 0.04
    assert 0.95 < pulls.std() < 1.05
    assert 0.65 < (np.abs(pulls) < 1).mean() < 0.72
    # Better than their mean would be, where there is light.
    assert np.median(error[known]) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("line_bin", "band_bin"), rest_slow([(2, 2), (2, 1), (1, 2)], 1))
def test_pixels_that_share_an_element_are_within_their_scatter(tmp_path, line_bin, band_bin):
    made = observe(tmp_path, Window(2, 0, 61, 1023, line_bin, band_bin), seed=3)
    found, true = measured(made, by="pixel"), exact(made)
    known = np.isfinite(found.response.values)
    # Below column 32 there is no light.
    np.testing.assert_array_equal(known[:, 32:], np.isfinite(true[:, 32:]))
    # Within elements on Lyman-alpha light is uneven.
    known[:, np.abs(FUV.wavelength(np.arange(1024)) - 1216) < 30] = False
    error = np.hypot(found.response_scatter, found.response_error).values
    pulls = ((found.response.values - true) / error)[known]
    assert abs(pulls.mean()) < 0.15
    assert 0.85 < pulls.std() < 1.25


@pytest.mark.slow
def test_a_window_measures_its_columns(unbinned, table, tmp_path):
    window = Window(10, 320, 50, 640)
    part = measured(observe(tmp_path, window, calibration=unbinned.calibration, seed=1))
    assert part.band.values[0] == 320 and part.last_band.values[-1] == 640
    whole = table.sel(band=part.band[:-1])
    error = np.hypot(part.response_error[:-1], whole.response_error)
    assert (np.abs(part.response[:-1] - whole.response) < 3 * error).all()
