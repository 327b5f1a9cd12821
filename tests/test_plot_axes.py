"""What all pictures of light show: the range, and counts that are missing."""

from __future__ import annotations

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
    ds = ds.assign(radiance=xr.full_like(ds["counts"], 0.01, dtype=float)).drop_vars("counts")
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
    ds = _counted().assign(radiance=xr.full_like(_counted()["counts"], 0.01, dtype=float))
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
