"""Times without kernels, against SPICE's own routines and the calendar of the standard library."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
import spiceypy
from hypothesis import given
from hypothesis import strategies as st

from uvisxr.errors import ArgumentError
from uvisxr.timescales import (
    Instant,
    add_seconds,
    clock_from_et,
    date_of,
    day_of_year,
    decimal_year,
    et_to_utc,
    format_doy,
    parse_et,
    parse_instant,
    parse_utc,
    utc_to_et,
)

#: Instants around the last leap second, to the nanosecond.
NEAR_A_LEAP = st.builds(
    Instant.plus, st.just(Instant.of(np.datetime64("2016-12-31T23:59:58"))), st.floats(0, 5)
)


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


def test_utc_of_et_is_that_of_spice(spice):
    et = np.random.default_rng(1).uniform(-7e7, 5.6e8, (40, 5))
    expected = [[spice.et2utc(t, "ISOC", 6) for t in row] for row in et]
    apart = et_to_utc(et) - np.array(expected, "datetime64[ns]")
    # Halves of a microsecond may be rounded either way.
    assert np.abs(apart).max() <= np.timedelta64(1, "us")


@given(instant=NEAR_A_LEAP)
def test_utc_of_et_undoes_et_of_utc(instant):
    us = np.timedelta64(1, "us")
    assert abs(et_to_utc(instant.et) - instant.utc) <= us
    utc = instant.utc.astype("datetime64[us]").astype("datetime64[ns]")
    assert et_to_utc(utc_to_et(utc)) == utc


def test_utc_of_no_et():
    found = et_to_utc([np.nan, 0.0])
    assert np.isnat(found).tolist() == [True, False]
    assert found[1] == np.datetime64("2000-01-01T11:58:55.816073")


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
    et = utc_to_et(np.arange("1997-10-18", "2017-09-16", 7, dtype="datetime64[D]"))
    counts = [spice.sce2s(-82, t).removeprefix("1/").split(".") for t in et]
    expected = [int(seconds) + int(ticks) / 256 for seconds, ticks in counts]
    np.testing.assert_allclose(clock_from_et(et), expected, rtol=0, atol=0.11)


@pytest.mark.parametrize(
    ("utc", "year"),
    [
        ("2000-01-01", 2000.0),
        ("2004-07-02", 2004.5),  # 366 days
        ("2005-07-02T12:00", 2005.5),  # 365 days
        ("1900-07-02T12:00", 1900.5),  # a century has no leap day
        ("2004-02-29T12:00", 2004 + 59.5 / 366),
        ("2005-03-01T06:00", 2005 + 59.25 / 365),
        ("2004-12-31", 2004 + 365 / 366),
        ("2005-12-31", 2005 + 364 / 365),
        ("1678-01-01", 1678.0),
        ("2262-01-02", 2262 + 1 / 365),
    ],
)
def test_decimal_years(utc, year):
    # TDB differs from TT by 2 ms.
    assert decimal_year(parse_et(utc)) == pytest.approx(year, rel=0, abs=0.01 / 3e7)


def test_decimal_years_of_leap_seconds():
    texts = ["2016-366T23:59:59.5", "2016-366T23:59:60.5", "2017-001T00:00:00.5"]
    years = decimal_year(np.array([parse_et(text) for text in texts]))
    # The leap second is represented by the one after it.
    np.testing.assert_allclose((years - 2017) * 365 * 86400, [-0.5, 0.5, 0.5], atol=0.01)


def test_decimal_years_of_arrays():
    found = decimal_year(np.array([[0.0, np.nan], [np.inf, 86_400.0]]))
    # J2000 is 64.184 s before noon.
    noon = np.array([[0.5, np.nan], [np.nan, 1.5]])
    np.testing.assert_allclose((found - 2000) * 366, noon - 64.184 / 86_400, rtol=0, atol=1e-7)
    assert decimal_year(0.0).shape == ()
    with pytest.raises(ArgumentError, match="1677-09-21 to 2262-04-11"):
        decimal_year(1e12)


# Reading and writing


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2005-230", "2005-08-18"),
        ("2005-08-18", "2005-08-18"),
        ("2005-230Z", "2005-08-18"),
        ("2005-230T15", "2005-08-18T15"),
        ("2005-230T15:04", "2005-08-18T15:04"),
        ("2005-08-18 15:04:59", "2005-08-18T15:04:59"),
        ("2005-230T15:04:59.Z", "2005-08-18T15:04:59"),
        (" 2005-230T15:04:59.5\r\n", "2005-08-18T15:04:59.5"),
        ("2004-366T23:59:59.123456789Z", "2004-12-31T23:59:59.123456789"),
        ("2000-02-29", "2000-02-29"),
        ("2000-366", "2000-12-31"),
        ("1677-09-21T00:12:43.145224193", "1677-09-21T00:12:43.145224193"),
        ("2262-04-11T23:46:39.854775807", "2262-04-11T23:46:39.854775807"),
        # More digits than nanoseconds are rounded.
        ("2005-230T15:04:59.0000000014", "2005-08-18T15:04:59.000000001"),
        ("2005-365T23:59:58.9999999995", "2005-12-31T23:59:59"),
    ],
)
def test_forms(text, utc):
    found = parse_utc(text)
    assert found.dtype == "datetime64[ns]"
    assert found == np.datetime64(utc)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "not a time: expected UTC as 2005-08-18T18") for text in ("now", "today", "TRUE")),
        *((text, "not a time: expected UTC as") for text in ("", "NaT", "1_0", "20050818", "5e8")),
        *((text, "not a time: expected") for text in ("2005-230T", "2005-8-18")),
        *(
            (text, "not a time: expected")
            for text in ("2005-230T1:00:00", "2005-230T15.5", "2005-230T15:04:59+02:00")
        ),
        *(
            (text, "not a time: expected")
            for text in ("+2005-230", "-2005-230", "2005-230T15:04:59,5")
        ),
        *((text, "not a time: expected") for text in ("٢٠٠٥-٢٣٠", "2005-230  15:04", "2005/230")),
        ("2005", "it names no day"),
        ("2005-08", "it names no day"),
        ("2005-366", "2005 has no day 366"),
        ("1900-366", "1900 has no day 366"),
        ("2005-399", "2005 has no day 399"),
        ("2005-000", "2005 has no day 000"),
        ("2005-02-29", "2005-02 has no day 29"),
        ("2005-04-00", "2005-04 has no day 0"),
        ("2005-13-01", "no month 13"),
        ("2005-00-01", "no month 0"),
        ("2005-230T24:00:00", "no hour 24"),
        ("2005-230T23:60:00", "no minute 60"),
        ("2005-230T23:59:61", "no second 61"),
        ("0000-001", "1677-09-21 to 2262-04-11"),
        ("9999-365", "1677-09-21 to 2262-04-11"),
        ("2305-001", "1677-09-21 to 2262-04-11"),
        ("1677-09-21T00:12:43.145224192", "1677-09-21 to 2262-04-11"),
        ("2262-04-11T23:46:39.854775808", "1677-09-21 to 2262-04-11"),
    ],
)
def test_no_times(text, reason):
    with pytest.raises(ArgumentError, match=r"is not a time.*expected UTC as") as caught:
        parse_instant(text)
    assert reason in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "2015-12-31T23:59:60",
        "2016-12-30T23:59:60",
        "2016-12-31T22:59:60",
        "2016-12-31T23:58:60",
        "2017-12-31T23:59:60",
        # The table begins here: the first step was no leap second.
        "1971-12-31T23:59:60",
    ],
)
def test_no_leap_seconds(text):
    with pytest.raises(ArgumentError, match="there was no leap second"):
        parse_instant(text)


@pytest.mark.parametrize(
    "day", ["1972-06-30", "1998-12-31", "2005-365", "2008-366", "2012-06-30", "2016-366"]
)
@pytest.mark.parametrize("fraction", ["", ".000000001", ".5", ".999"])
def test_leap_seconds_as_spice_reads_them(spice, day, fraction):
    text = f"{day}T23:59:60{fraction}"
    assert parse_et(text) == pytest.approx(spice.utc2et(text), abs=1e-6)
    # datetime64 has no name for it: that of the second after it, as when seconds are added.
    before = parse_utc(f"{day}T23:59:59")
    elapsed = 1 + float(fraction or 0)
    assert parse_utc(text) == add_seconds(before, elapsed) == before + round(elapsed * 1e9)


def test_a_leap_second_is_over_when_the_next_begins():
    assert parse_instant("2016-366T23:59:60.9999999999") == parse_instant("2017-001")
    assert parse_utc("2016-366T23:59:60.9999999999") == np.datetime64("2017-01-01")
    assert parse_instant("2016-366T23:59:59.9999999999") == parse_instant("2016-366T23:59:60")
    order = ["2016-366T23:59:59.9", "2016-366T23:59:60.0", "2016-366T23:59:60.5", "2017-001"]
    assert sorted(map(parse_instant, reversed(order))) == list(map(parse_instant, order))


@given(
    st.datetimes(datetime.datetime(1678, 1, 1), datetime.datetime(2262, 4, 11)),
    st.sampled_from(["%Y-%m-%dT%H:%M:%S.%f", "%Y-%jT%H:%M:%S.%fZ", "%Y-%j %H:%M:%S.%f"]),
)
def test_times_are_those_of_the_standard_library(time, form):
    assert parse_utc(time.strftime(form)) == np.datetime64(time, "ns")
    assert day_of_year(np.datetime64(time)) == (time.year, time.timetuple().tm_yday)
    assert format_doy(np.datetime64(time)) == time.strftime("%Y-%jT%H:%M:%S.%f")[:-3]
    assert date_of(*day_of_year(np.datetime64(time))) == np.datetime64(time.date())


@given(st.integers(1678, 2261), st.integers(-3, 400))
def test_days_of_the_year_are_those_of_the_calendar(year, day):
    first = datetime.date(year, 1, 1)
    text = f"{year}-{day:03d}"
    if 1 <= day <= (datetime.date(year + 1, 1, 1) - first).days:
        expected = np.datetime64(first + datetime.timedelta(day - 1))
        assert date_of(year, day) == parse_utc(text) == expected
    else:
        with pytest.raises(ArgumentError, match="no day"):
            date_of(year, day)
        with pytest.raises(ArgumentError):
            parse_utc(text)


@given(NEAR_A_LEAP)
def test_what_is_written_is_read_again(instant):
    cut = Instant(instant.tai // 10**6 * 10**6)
    assert parse_instant(format_doy(instant)) == cut
    second = format_doy(instant)[15:17]
    assert (second == "60") == (Instant.of(instant.utc) != instant)


@given(NEAR_A_LEAP, st.floats(-10, 10))
def test_instants_add_as_utc_does(instant, seconds):
    assert instant.plus(seconds).utc == add_seconds(instant, seconds)
    assert instant.plus(seconds).et - instant.et == pytest.approx(seconds, abs=3e-7)


def test_a_leap_second_is_of_the_day_that_it_ends():
    leap = parse_instant("2016-366T23:59:60.9991")
    assert day_of_year(leap) == (2016, 366)
    assert format_doy(leap) == "2016-366T23:59:60.999"
    assert format_doy(leap.utc) == "2017-001T00:00:00.999"


@pytest.mark.parametrize(
    "utc", [np.datetime64("2305-01-01"), np.datetime64("1600", "Y"), "2005-01-01", "now", 5e8]
)
def test_what_is_no_datetime64_or_does_not_fit_is_refused(utc):
    for function in (utc_to_et, Instant.of):
        with pytest.raises(ArgumentError):
            function(utc)


def test_units_of_datetime64_do_not_matter():
    for unit in ("D", "s", "ns"):
        et = utc_to_et(np.array(["2005-08-18", "NaT"], f"datetime64[{unit}]"))
        assert et[0] == parse_et("2005-230")
        assert np.isnan(et[1])
    assert np.isnan(utc_to_et(np.datetime64("NaT")))
    with pytest.raises(ArgumentError, match="NaT"):
        add_seconds(np.datetime64("NaT"), 1.0)


@pytest.mark.parametrize("seconds", [1e12, -1e12, 9e9, np.nan, np.inf, [0.0, 1e30]])
def test_seconds_that_lead_out_of_the_calendar(seconds):
    with pytest.raises(ArgumentError, match="1677-09-21 to 2262-04-11"):
        add_seconds(np.datetime64("2005-01-01"), seconds)
