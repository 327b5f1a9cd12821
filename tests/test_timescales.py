"""Times without kernels, against SPICE's own routines."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy

from uvisxr.timescales import add_seconds, clock_from_et, utc_to_et


@pytest.fixture
def spice(data):
    kernels = [str(data / "kernels" / name) for name in ("lsk/naif0012.tls", "sclk/cas00172.tsc")]
    for kernel in kernels:
        spiceypy.furnsh(kernel)
    yield spiceypy
    for kernel in kernels:
        spiceypy.unload(kernel)


def test_et_is_that_of_spice(spice):
    rng = np.random.default_rng(0)
    days = rng.uniform(0, 20 * 365.25, 500)
    utc = np.datetime64("1997-10-15", "ns") + (days * 86_400_000).astype("timedelta64[ms]")
    expected = [spice.utc2et(str(t)) for t in utc]
    np.testing.assert_allclose(utc_to_et(utc), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("date", ["2006-01-01", "2009-01-01", "2012-07-01", "2017-01-01"])
def test_leap_seconds(date):
    after = np.datetime64(date, "ns")
    before = after - np.timedelta64(1, "s")
    assert float(utc_to_et(after) - utc_to_et(before)) == pytest.approx(2.0, abs=1e-6)
    # Ten elapsed seconds across the leap second are nine on a clock that does not show it.
    start = after - np.timedelta64(5, "s")
    assert add_seconds(start, 10) == after + np.timedelta64(4, "s")
    assert add_seconds(start, 4) == start + np.timedelta64(4, "s")


def test_added_seconds_are_elapsed_seconds():
    start = np.datetime64("2005-12-31T22:55:00.141", "ns")
    elapsed = np.arange(0, 7200, 600.0)
    got = utc_to_et(add_seconds(start, elapsed)) - utc_to_et(start)
    np.testing.assert_allclose(got, elapsed, atol=3e-6)


def test_added_seconds_keep_the_millisecond():
    got = add_seconds(np.datetime64("2006-01-15T14:47:41.235"), np.array([-240.0, 0.0625]))
    assert got.tolist() == [
        np.datetime64("2006-01-15T14:43:41.235", "ns").item(),
        np.datetime64("2006-01-15T14:47:41.297500000", "ns").item(),
    ]


def test_clock_is_near_that_of_spice(spice):
    et = utc_to_et(np.arange("1998-01-01", "2017-09-15", 30, dtype="datetime64[D]"))
    counts = [spice.sce2s(-82, t).removeprefix("1/").split(".") for t in et]
    expected = [int(seconds) + int(ticks) / 256 for seconds, ticks in counts]
    np.testing.assert_allclose(clock_from_et(et), expected, rtol=0, atol=32)
