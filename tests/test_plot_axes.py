"""What all pictures of light show: the range, and counts that are missing."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.handmade import observation

from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.instrument.detector import Window
from uvisxr.plot import axes

WINDOW = Window(2, 0, 61, 1023, band_bin=8)


def _counted(window: Window = WINDOW, name: str = "FUV", level: int = 2) -> xr.Dataset:
    counts = np.full((3, *window.shape), level, np.uint16)
    return observation(counts, window, name, exposure=10.0)


def _rate(light: xr.DataArray, ds: xr.Dataset) -> float:
    """Rate if all elements of the light's range hold 2 counts."""
    low, high = light.attrs["wl_range"]
    inside = (ds["wl_bounds"] >= low - 1e-6).all("bnds") & (ds["wl_bounds"] <= high + 1e-6).all(
        "bnds"
    )
    return 2 * int(inside.sum()) / 10.0


@pytest.mark.parametrize(
    ("name", "columns", "low", "high"),
    [
        ("FUV", (0, 1023), 1600, 1900),
        ("EUV", (0, 1023), 1035, 1150),
        # Windows that hold a part of the usual range, and none of it.
        ("FUV", (0, 799), 1600, 1738),
        ("FUV", (0, 511), 1115, 1514),
        ("EUV", (0, 511), 561, 871),
    ],
)
def test_starlight_as_far_as_the_window_holds_it(name, columns, low, high):
    ds = _counted(Window(2, columns[0], 61, columns[1], band_bin=8), name)
    light = axes.signal(ds, "starlight")
    width = float(np.diff(ds["wl_bounds"])[0, 0])
    np.testing.assert_allclose(light.attrs["wl_range"], (low, high), atol=width)
    np.testing.assert_allclose(light, _rate(light, ds))


def test_starlight_of_radiances_does_not_leave_the_window():
    ds = _counted(Window(2, 0, 61, 799, band_bin=8))
    ds = ds.assign(radiance=xr.full_like(ds["counts"], 0.01, dtype=float).drop_attrs()).drop_vars(
        "counts"
    )
    light = axes.signal(ds, "starlight")
    end = float(ds["wl_bounds"].max())
    assert light.attrs["wl_range"] == (1600.0, pytest.approx(end))
    np.testing.assert_allclose(light, 0.01 * (end - 1600.0))


def test_of_an_unknown_channel_all_is_taken():
    ds = _counted()
    del ds.attrs["channel"]
    light = axes.signal(ds, "starlight")
    np.testing.assert_allclose(light, 2 * ds.sizes["wl"] / 10.0)


def test_what_is_integrated_is_taken_as_it_is():
    ds = _counted().assign(
        radiance=xr.full_like(_counted()["counts"], 0.01, dtype=float).drop_attrs()
    )
    done = ds.drop_vars("counts").uvis.integrate((1200, 1300))
    np.testing.assert_allclose(axes.signal(done, "starlight"), 1.0)
    with pytest.raises(ArgumentError, match="integrated already"):
        axes.signal(done, (1600, 1900))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("kind", [np.uint16, float])
def test_no_null_is_a_count(lazy, kind):
    """65535, or NaN after `where`: three elements of one would make 19,660 count/s."""
    ds = _counted()
    counts = ds["counts"].values.copy()
    counts[1] = counts[0, 7, 100] = counts[2, 8, 3] = 65535
    values = ds["counts"].copy(data=counts).astype(kind)
    if kind is float:
        values = values.where(values < 65535)
    spoilt = ds.assign(counts=values.chunk(pic=1) if lazy else values)
    light = axes.signal(spoilt, "starlight")
    # Element 3 is not in the range.
    assert np.argwhere(np.isnan(light.values)).tolist() == [[0, 7], *([1, j] for j in range(60))]
    np.testing.assert_allclose(light.values[2], _rate(light, ds))
    everything = axes.signal(spoilt, None)
    assert np.isnan(everything.values[2]).nonzero()[0].tolist() == [8]


def test_what_no_exposure_has_is_no_loss():
    """Some products lack the last element of a window: the rest of the range is all there is."""
    ds = _counted()
    counts = ds["counts"].values.copy()
    counts[:, :, -1] = 65535
    light = axes.signal(ds.assign(counts=ds["counts"].copy(data=counts)), None)
    np.testing.assert_allclose(light, 2 * (ds.sizes["wl"] - 1) / 10.0)
    nothing = axes.signal(ds.assign(counts=xr.full_like(ds["counts"], 65535)), None)
    assert np.isnan(nothing).all()


def test_ranges_and_steps_that_are_missing():
    ds = _counted()
    for wrong in ("stars", (1900, 1600), 1700.0, ("a", "b")):
        with pytest.raises(ArgumentError, match="wl_range="):
            axes.signal(ds, wrong)
    with pytest.raises(ArgumentError, match="no wavelength in wl_range"):
        axes.signal(ds, (100, 200))
    with pytest.raises(MissingStepError, match="neither radiance nor counts"):
        axes.signal(ds.drop_vars("counts"), None)


def _even(ds: xr.Dataset) -> xr.DataArray:
    """Radiances of 0.01."""
    return xr.DataArray(np.full(ds["counts"].shape, 0.01), ds["counts"].coords, ds["counts"].dims)


def _ragged(last: dict[int, int]) -> xr.Dataset:
    """Radiances of 0.01 that end, in some rows, before the element of a given number."""
    ds = _counted()
    radiance = _even(ds)
    for row, element in last.items():
        radiance[:, row, element:] = np.nan
    return ds.assign(radiance=radiance).drop_vars("counts")


@pytest.mark.parametrize("method", ["bins", "trapezoid", "simpson"])
def test_starlight_goes_as_far_as_every_row_has_values(method):
    ds = _ragged({3: 125, 40: 123, 59: 0})
    low, high = axes.signal(ds, "starlight", method).attrs["wl_range"]
    # The last element of row 40, and for straight lines and parabolas what enters from beyond.
    end = {
        "bins": ds["wl_bounds"].values[122, 1],
        "trapezoid": ds["wl"].values[122],
        "simpson": ds["wl"].values[121],
    }
    assert (low, high) == (1600.0, pytest.approx(end[method], abs=1e-4))
    light = axes.signal(ds, "starlight", method)
    assert np.isnan(light.values).nonzero()[1].tolist() == [59] * 3
    np.testing.assert_allclose(light.values[:, :59], 0.01 * (high - 1600.0))


def test_one_odd_row_does_not_narrow_the_range():
    ds = _ragged({20: 100})
    light = axes.signal(ds, "starlight")
    assert light.attrs["wl_range"] == (1600.0, 1900.0)
    assert np.isnan(light.values).nonzero()[1].tolist() == [20] * 3


def test_rows_with_nothing_in_common_leave_the_range_as_it_is():
    ds = _ragged({row: 90 for row in range(30)})
    ds["radiance"][:, 30:, :90] = np.nan
    wl = float(ds["wl"][90])
    assert axes.held(ds, (wl - 200, wl + 200)) == (wl - 200, wl + 200)


def test_elements_wider_than_the_range():
    """Counts are those of the element that most of the range is in."""
    ds = _counted(Window(2, 0, 61, 1023, band_bin=32))
    ds["counts"][:] = np.arange(32, dtype=np.uint16)
    bounds = ds["wl_bounds"].values
    low, high = bounds[4, 0] + 1, bounds[4, 0] + 4
    light = axes.signal(ds, (low, high))
    np.testing.assert_allclose(light, 4 / 10.0)
    assert light.attrs["wl_range"] == pytest.approx(tuple(bounds[4]))
    # Mostly in the fifth, and in no middle.
    np.testing.assert_allclose(axes.signal(ds, (bounds[5, 0] - 1, bounds[5, 0] + 9)), 5 / 10.0)
    # Whole ones, and none of which less than half lies within.
    np.testing.assert_allclose(axes.signal(ds, (bounds[5, 0], bounds[7, 0] + 3)), 11 / 10.0)


@pytest.mark.parametrize(
    ("numbers", "limits", "ticks"),
    [
        # Round numbers, not round positions.
        (np.arange(2, 62), (-0.5, 59.5), [10, 20, 30, 40, 50, 60]),
        (np.arange(4, 64, 2), (-0.5, 29.5), [10, 20, 30, 40, 50, 60]),
        (np.arange(59, -1, -1), (-0.5, 59.5), [50, 40, 30, 20, 10, 0]),
        # Uneven ones by their positions, and one alone.
        (np.array([3, 40, 41]), (-0.5, 2.5), [3, 40, 41]),
        (np.array([30]), (-0.5, 0.5), [30]),
    ],
)
def test_ticks_of_numbers(numbers, limits, ticks):
    figure, ax = plt.subplots(figsize=(3, 5))
    ax.set_ylim(*limits)
    axes.number_axis(ax.yaxis, numbers)
    figure.canvas.draw()
    low, high = limits
    shown = [t for t in ax.get_yticks() if low <= t <= high]
    # None is without a label.
    assert [axes._tick(numbers, t, None) for t in shown] == [str(n) for n in ticks]
